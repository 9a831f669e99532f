package vtab

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
)

// queryPlan makes SQLite list a statement's loops: https://sqlite.org/eqp.html.
const queryPlan = "EXPLAIN QUERY PLAN "

// loops is what is known of a statement's scans before it runs.
type loops struct {
	plans []*Plan // of the catalogue's tables, in SQLite's order
	// often are the plans that SQLite may run many times: those of tables read inside the loop over
	// another table, or in a subquery or recursive step that runs again and again.
	often map[int]bool
	// shared are the tables, by path, that are listed whole or got by key by a plan of often, with the
	// columns that all plans use which can read from the same list.
	shared map[string]uint64
	// reread are the CSV tables that SQLite reads from start to end again and again, by the name that the
	// statement gives them.
	reread []string
}

// smallCSV is how many records can be read again and again without anyone noticing.
const smallCSV = 200

// loopsOf looks at SQLite's plan. Compiling a statement twice numbers its plans alike, since planning
// depends on nothing else.
func (db *DB) loopsOf(ctx context.Context, sql string, shape Shape) (loops, error) {
	l := loops{often: map[int]bool{}, shared: map[string]uint64{}}
	shape.QueryPlan = true
	stmt, err := db.prepare(ctx, sql, shape)
	if err != nil {
		return l, err
	}
	defer stmt.Close()
	again := map[int]bool{}  // nodes of SQLite's tree below which all runs again and again
	inside := map[int]bool{} // nodes that have had their first, outermost, table
	for stmt.Step() {
		id, parent, detail := stmt.ColumnInt(0), stmt.ColumnInt(1), stmt.ColumnText(3)
		again[id] = again[parent] || inside[parent] || hasPrefix(detail, "CORRELATED ", "RECURSIVE ", "MULTI-INDEX ")
		switch {
		case hasPrefix(detail, "MATERIALIZE ", "CO-ROUTINE ", "SCALAR SUBQUERY ", "LIST SUBQUERY "):
			again[id] = again[parent] // run once, wherever it is listed
		case hasPrefix(detail, "SCAN ", "SEARCH "):
			if _, p, ok := TablePlan(detail); ok {
				l.plans = append(l.plans, p)
				l.often[p.ID] = again[id]
			} else if name, table, lookup, ok := CSVPlan(detail); ok && again[id] && !lookup && db.csv[strings.ToLower(table)].Records() > smallCSV {
				l.reread = append(l.reread, name)
			}
			inside[parent] = true
		}
	}
	for _, p := range l.plans {
		if l.often[p.ID] && (p.Key || p.whole(true)) {
			l.shared[p.Table] = 0
		}
	}
	for _, p := range l.plans {
		if used, ok := l.shared[p.Table]; ok && (p.whole(l.often[p.ID]) || p.Key && l.often[p.ID]) {
			l.shared[p.Table] = used | p.Used
		}
	}
	return l, stmt.Err()
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// TablePlan reads a line of SQLite's query plan about one of our tables, such as
// "SCAN u VIRTUAL TABLE INDEX 0:{…} LEFT-JOIN": the name that the statement gives the table, and the
// plan. ok is false for other lines.
func TablePlan(detail string) (name string, p *Plan, ok bool) {
	name, ok = planOf(detail, &p)
	if !ok || p == nil || p.Table == "" {
		return "", nil, false
	}
	return name, p, true
}

// planOf decodes the plan in a line of SQLite's query plan about a virtual table.
func planOf(detail string, plan any) (name string, ok bool) {
	head, tail, ok := strings.Cut(detail, " VIRTUAL TABLE INDEX 0:")
	if !ok || json.NewDecoder(strings.NewReader(tail)).Decode(plan) != nil {
		return "", false
	}
	_, name, _ = strings.Cut(head, " ")
	return name, true
}

// CSVPlan reads a line of SQLite's query plan about a CSV table: the name that the statement gives the
// table, its own, and whether values are looked up in it. ok is false for other lines.
func CSVPlan(detail string) (name, table string, lookup, ok bool) {
	var p csvPlan
	name, ok = planOf(detail, &p)
	return name, p.CSV, p.Lookup, ok && p.CSV != ""
}

// RereadCSV returns the CSV tables that SQLite reads from start to end for each row of another table, by
// the name that the statement gives them. Small files are left out.
func (s *Stmt) RereadCSV() []string { return s.loops.reread }

// Repeats reports whether SQLite may run a plan of the statement many times, so that what it reads
// is kept.
func (s *Stmt) Repeats(p *Plan) bool { return s.loops.often[p.ID] }

// Reads returns the columns whose values are read by a plan of the statement, or from what it keeps.
func (s *Stmt) Reads(r *catalog.Resource, p *Plan) []*catalog.Column {
	used, _ := s.keeping(p)
	return (&Scan{Table: r, Used: used}).Columns()
}

// keeping says whether what a plan reads is kept on a shelf, and which columns of it.
func (s *Stmt) keeping(p *Plan) (used uint64, kept bool) {
	used, kept = p.Used, s.loops.often[p.ID]
	if shared, ok := s.loops.shared[p.Table]; ok && (p.whole(kept) || p.Key && kept) {
		return shared, true
	}
	return used, kept
}
