package whoql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/vtab"
)

// figures says what each table of an EXPLAINed SELECT costs.
type figures struct {
	estimator
	nest *nest
	rec  *recorder
	stmt *vtab.Stmt
	// byPlan has what was found so far, by the plan's number.
	byPlan map[int]figure
}

// figures looks at SQLite's plan of a statement that the recorder has run.
func (rec *recorder) figures(n *nest, st *vtab.Stmt) *figures {
	f := &figures{estimator: rec.estimator, nest: n, rec: rec, stmt: st, byPlan: map[int]figure{}}
	n.rows = f.rows
	for _, s := range n.plans() {
		g := f.of(s)
		g.time()
		f.byPlan[s.plan.ID] = g
	}
	return f
}

// rows is how many rows one reading of a table gives at most.
func (f *figures) rows(s step) int64 {
	if s.csv != "" {
		return product(f.query.db.Records(s.csv), 2) // which knows about how many there are
	}
	if s.plan.Key && !hasIn(f.query.catalog.Lookup(s.plan.Table), s.plan) {
		return 1
	}
	if scan, ok := f.rec.scans[s.plan.ID]; ok && scan.scans == 1 && !f.nest.inside(s) && !f.doubtful() {
		return scan.figure.rows
	}
	all, orgs, ok := f.callsOf(s.plan)
	if !ok || hasIn(f.query.catalog.Lookup(s.plan.Table), s.plan) {
		return unknown
	}
	return f.scan(all, orgs, unknown).rows
}

// hasIn reports whether a plan reads objects or lists for any number of values.
func hasIn(r *catalog.Resource, p *vtab.Plan) bool {
	return slices.ContainsFunc(p.Args, func(a vtab.PlanArg) bool {
		if a.Op != vtab.OpIn {
			return false
		}
		col := r.Columns[a.Column]
		return p.Key && col.Key || col.Kind == catalog.KindRequired || col.Kind == catalog.KindOrg
	})
}

// doubtful reports whether values of a scan may come from rows of the API by way of a subquery, which the
// recorder's empty tables don't have.
func (f *figures) doubtful() bool { return f.nest.subqueries && len(f.nest.plans()) > 1 }

// of is what a table costs.
func (f *figures) of(s step) figure {
	scan, asked := f.rec.scans[s.plan.ID]
	switch {
	case f.rec.ended && len(f.rec.scans) == 0:
		return figure{exact: true} // nothing is asked for, whatever the org has
	case asked && !f.nest.inside(s) && !f.doubtful():
		return f.recorded(s, scan)
	}
	r := f.query.catalog.Lookup(s.plan.Table)
	all, orgs, ok := f.callsOf(s.plan)
	if !ok || hasIn(r, s.plan) {
		return figure{requests: bounds{0, unknown}, rows: unknown, sources: []string{"how many values it is read for is not known"}}
	}
	times := f.nest.times(s)
	often := f.stmt.Repeats(s.plan)
	each := !often || s.plan.Key || perValue(s.plan)
	if !each {
		times = 1 // it is kept
	}
	got := f.lookups(all, orgs, times)
	if often && each {
		got.cursors = max(got.cursors, int64(vtab.MostAhead(r)))
	}
	if often && s.plan.Key {
		f.byKeyOften(&got, r, orgs, times)
	}
	return got
}

// recorded is what scans cost whose values are known.
func (f *figures) recorded(s step, scan recorded) figure {
	got := scan.figure
	if f.early && len(f.nest.plans()) > 1 { // another table's rows may be enough
		got.requests.from, got.exact = 0, false
	}
	if scan.scans > 1 || !f.rec.ended {
		got.exact = got.exact && f.rec.ended && !f.early
		if f.early {
			got.requests.from = min(got.requests.from, 1)
		}
	}
	if f.stmt.Repeats(s.plan) && !f.rec.ended {
		got.requests.to, got.rows = unknown, unknown // there are more of them
	}
	if r := f.query.catalog.Lookup(s.plan.Table); s.plan.Key && scan.scans > vtab.GetsBeforeList {
		// The recorder's list is empty and so is known whole after the first value behind these.
		got.exact = false
		got.requests.from = min(got.requests.from, vtab.GetsBeforeList) // of the list a page may be enough
		f.byKeyOften(&got, r, scan.orgs, f.nest.times(s))
		got.requests.to = sum(got.requests.to, f.nest.times(s))
	}
	return got
}

// callsOf are the calls of a plan for one value of each condition. ok is false where the values decide more than
// which object is asked for.
func (f *figures) callsOf(p *vtab.Plan) (all []calls, orgs []orgClient, ok bool) {
	r := f.query.catalog.Lookup(p.Table)
	s := &vtab.Scan{Table: r, Plan: p.ID, Limit: -1}
	often := f.stmt.Repeats(p)
	for _, a := range p.Args {
		if a.Column < 0 || !a.HandedOver(often) {
			continue
		}
		col := r.Columns[a.Column]
		some := a.Value
		if some == nil {
			some = "x"
		}
		term := &vtab.Term{Column: col, Op: a.Op, Values: []any{some}}
		switch {
		case col.Kind == catalog.KindOrg:
			if a.Value == nil {
				some = f.query.engine.options.Orgs[0].Name
			}
			s.Orgs = []any{some}
		case col.Kind == catalog.KindParameter && a.Value == nil:
			return nil, nil, false
		case col.Kind == catalog.KindParameter:
			s.Params = append(s.Params, *term)
		case col.Kind == catalog.KindRequired:
			s.Required = append(s.Required, *term)
		case p.Key && col.Key:
			s.Key = term
		case a.Value != nil:
			s.Terms = append(s.Terms, *term)
		}
	}
	orgs, err := f.query.orgs(s.Orgs)
	if err != nil {
		return nil, nil, false
	}
	all, err = f.query.callsFor(s)
	return all, orgs, err == nil
}

// perValue reports whether a table that is read again and again is read anew for each new value.
func perValue(p *vtab.Plan) bool {
	return slices.ContainsFunc(p.Args, func(a vtab.PlanArg) bool {
		return a.Column >= 0 && a.HandedOver(true) && a.Value == nil && a.Op != vtab.OpNotNull
	})
}

// warning says that a table costs a call for each row of another one.
func (f *figures) warning(s step) string {
	if !f.nest.inside(s) || !s.plan.Key && !perValue(s.plan) {
		return ""
	}
	tables, _ := f.nest.outer(s)
	outer := "another table"
	for _, t := range tables {
		if t.plan != nil {
			outer = t.plan.Table
			if t.name != outer {
				outer += " " + t.name
			}
		} else {
			outer = t.name
		}
	}
	most := ""
	if times := f.nest.times(s); times != unknown {
		most = fmt.Sprintf(", up to %d", times)
	}
	return "a call for each new value that a row of " + strings.TrimSuffix(outer, " EXISTS") + " has" + most
}

// columns are the figures of a table as EXPLAIN shows them.
func (f *figures) columns(s step) []any {
	g := f.byPlan[s.plan.ID]
	return append([]any{g.cursors}, g.values(f.warning(s))...)
}

// values are requests, seconds, basis and warning.
func (g *figure) values(warning string) []any {
	to := any(g.requests.to)
	if g.requests.to == unknown {
		to = nil
	}
	seconds := any(nil)
	if g.most >= 0 {
		seconds = tenths(g.most)
	}
	return []any{g.requests.from, to, tenths(g.least), seconds, g.basis(), g.limit, warning}
}

// total is what all tables cost.
func (f *figures) total() figure {
	all := figure{exact: true}
	for _, s := range f.nest.plans() {
		all.add(f.byPlan[s.plan.ID])
	}
	all.time()
	for _, g := range f.byPlan {
		all.least = max(all.least, g.least) // others have more calls under way at a time
	}
	return all
}
