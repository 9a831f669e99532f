package whoql

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/whoql/whoql/vtab"
)

// A step is a line of SQLite's query plan: https://sqlite.org/eqp.html.
type step struct {
	id, parent int
	detail     string

	name string     // that the statement gives the table; "": none is read
	plan *vtab.Plan // of one of the catalogue's tables; nil: none
	csv  string     // the name of a CSV table
}

// A nest is SQLite's plan of a statement: which tables are read inside which others' loops.
type nest struct {
	steps    []step
	children map[int][]int // of a step, or of 0: positions in steps
	// subqueries: values or rows may come from a query in the statement.
	subqueries bool
	// rows is how many rows one reading of a table gives at most.
	rows func(step) int64
}

func newNest(lines []step) *nest {
	n := &nest{steps: lines, children: map[int][]int{}}
	for i := range n.steps {
		s := &n.steps[i]
		n.children[s.parent] = append(n.children[s.parent], i)
		if name, p, ok := vtab.TablePlan(s.detail); ok {
			s.name, s.plan = name, p
		} else if name, table, _, ok := vtab.CSVPlan(s.detail); ok {
			s.name, s.csv = name, table
		} else if begins(s.detail, "SCAN ", "SEARCH ") {
			_, rest, _ := strings.Cut(s.detail, " ")
			s.name, _, _ = strings.Cut(rest, " ")
		}
		n.subqueries = n.subqueries || strings.Contains(s.detail, "SUBQUERY") || begins(s.detail, "CO-ROUTINE ", "MATERIALIZE ", "RECURSIVE ")
	}
	return n
}

func begins(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// plans are the steps that read one of the catalogue's tables.
func (n *nest) plans() (out []step) {
	for _, s := range n.steps {
		if s.plan != nil {
			out = append(out, s)
		}
	}
	return out
}

// outer are the tables of which each row runs a step again, and whether there is something else that runs it
// again and again.
func (n *nest) outer(s step) (tables []step, again bool) {
	for {
		parent, ok := n.step(s.parent)
		for _, i := range n.children[s.parent] {
			before := n.steps[i]
			// A subquery runs for each row of all the tables of the query it stands in.
			if before.id == s.id && s.name != "" {
				break
			}
			if before.name != "" && before.id != s.id && (s.name != "" || begins(s.detail, "CORRELATED ", "MULTI-INDEX ")) {
				tables = append(tables, before)
			}
		}
		if begins(s.detail, "RECURSIVE ") {
			again = true
		}
		if !ok {
			return tables, again
		}
		s = parent
	}
}

func (n *nest) step(id int) (step, bool) {
	for _, s := range n.steps {
		if s.id == id {
			return s, true
		}
	}
	return step{}, false
}

// inside reports whether a step is read for rows of one of the catalogue's tables.
func (n *nest) inside(s step) bool {
	tables, again := n.outer(s)
	for _, t := range tables {
		if t.plan != nil || n.made(t) != nil {
			return true
		}
	}
	return again
}

// made is the step that makes the table which another one reads: a subquery, say.
func (n *nest) made(s step) *step {
	for i, m := range n.steps {
		if m.detail == "MATERIALIZE "+s.name || m.detail == "CO-ROUTINE "+s.name {
			return &n.steps[i]
		}
	}
	return nil
}

// times is how often a step is run at most.
func (n *nest) times(s step) int64 {
	tables, again := n.outer(s)
	if again {
		return unknown
	}
	times := int64(1)
	for _, t := range tables {
		times = product(times, n.rowsOf(t, 0))
	}
	return times
}

var constantRows = regexp.MustCompile(`^SCAN (\d+)(?:-ROW VALUES CLAUSE| CONSTANT ROWS?)`)

// rowsOf is how many rows one reading of a table gives at most.
func (n *nest) rowsOf(s step, depth int) int64 {
	if s.plan != nil || s.csv != "" {
		return n.rows(s)
	}
	if m := constantRows.FindStringSubmatch(s.detail); m != nil {
		rows, err := strconv.ParseInt(m[1], 10, 64)
		if err == nil {
			return rows
		}
	}
	m := n.made(s)
	if m == nil || depth > len(n.steps) {
		return unknown
	}
	rows := int64(1)
	tables := 0
	for _, i := range n.children[m.id] {
		switch part := n.steps[i]; {
		case part.name != "":
			tables++
			rows = product(rows, n.rowsOf(part, depth+1))
		case begins(part.detail, "COMPOUND ", "SETUP", "RECURSIVE ", "MERGE "):
			return unknown
		}
	}
	if tables == 0 {
		return unknown
	}
	return rows
}
