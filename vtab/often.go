package vtab

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// queryPlan makes SQLite list a statement's loops: https://sqlite.org/eqp.html.
const queryPlan = "EXPLAIN QUERY PLAN "

// oftenRun returns the plans of a statement that SQLite may run many times: those of tables read
// inside the loop over another table, or in a subquery or recursive step that runs again and again.
// Compiling a statement twice numbers its plans alike, since planning depends on nothing else.
func (db *DB) oftenRun(ctx context.Context, sql string, shape Shape) (map[int]bool, error) {
	if strings.HasPrefix(sql, queryPlan) {
		return nil, nil
	}
	stmt, err := db.prepare(ctx, queryPlan+sql, shape)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	often := map[int]bool{}
	again := map[int]bool{}  // nodes of SQLite's tree below which all runs again and again
	inside := map[int]bool{} // nodes that have had their first, outermost, table
	for stmt.Step() {
		id, parent, detail := stmt.ColumnInt(0), stmt.ColumnInt(1), stmt.ColumnText(3)
		again[id] = again[parent] || inside[parent] || hasPrefix(detail, "CORRELATED ", "RECURSIVE ", "MULTI-INDEX ")
		switch {
		case hasPrefix(detail, "MATERIALIZE ", "CO-ROUTINE ", "SCALAR SUBQUERY ", "LIST SUBQUERY "):
			again[id] = again[parent] // run once, wherever it is listed
		case hasPrefix(detail, "SCAN ", "SEARCH "):
			if _, p, ok := TablePlan(detail); ok && again[id] {
				often[p.ID] = true
			}
			inside[parent] = true
		}
	}
	return often, stmt.Err()
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// TablePlan reads a line of SQLite's query plan about one of our tables, such as
// "SCAN u VIRTUAL TABLE INDEX 0:{…} LEFT-JOIN": the name that the statement gives the table, and the
// plan. ok is false for other lines.
func TablePlan(detail string) (name string, p *Plan, ok bool) {
	head, tail, ok := strings.Cut(detail, " VIRTUAL TABLE INDEX 0:")
	if !ok {
		return "", nil, false
	}
	if err := json.NewDecoder(strings.NewReader(tail)).Decode(&p); err != nil || p == nil {
		return "", nil, false
	}
	_, name, _ = strings.Cut(head, " ")
	return name, p, true
}

// repeats reports whether the statement may run a plan many times.
func (s *Stmt) repeats(plan int) bool { return s != nil && s.often[plan] }

// Repeats reports whether SQLite may run a plan of the statement many times, so that what it reads
// is kept.
func (s *Stmt) Repeats(p *Plan) bool { return s.repeats(p.ID) }
