package whoql

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// explain runs EXPLAIN SELECT: one row for each table that the SELECT reads, and one for all of them. It sends
// nothing.
//
// SQLite's EXPLAIN QUERY PLAN shows the plan of each table. The values in it are known when the
// SELECT runs, so that it is run too, over tables that note what they are asked for and are empty;
// a table which SQLite reads once for each row of another is then not asked, and is explained by
// its plan alone.
func (q *query) explain(ctx context.Context, s stmt.Statement, args Args) (result, error) {
	rec := &recorder{estimator: estimator{query: q}, scans: map[int]recorded{}}
	q.recorder, q.silent = rec, true
	defer func() { q.recorder, q.silent = nil, false }()
	_, plan, err := q.prepare(ctx, s, true, args)
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	text, run, err := q.prepare(ctx, s, false, args)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	lines, err := planLines(ctx, plan)
	if err != nil {
		return nil, err
	}
	nest := newNest(lines)
	// Where there is no LIMIT and no subquery, what SQLite begins to read it reads to its end.
	rec.early = nest.subqueries || len(q.views) > 0 || strings.Contains(strings.ToLower(text.SQL), "limit")
	if err := rec.run(ctx, run); err != nil {
		return nil, err
	}
	f := rec.figures(nest, run)
	t := newTable("table", "operation", "request", "pushed", "checked", "columns", "cursors",
		"requests_from", "requests_to", "seconds_from", "seconds_to", "basis", "limit", "warning")
	for _, s := range f.nest.steps {
		if s.plan != nil {
			t.add(append(q.explainTable(s.name, s.plan, rec, run), f.columns(s)...)...)
		} else if _, _, lookup, ok := vtab.CSVPlan(s.detail); ok {
			t.add(append(explainCSV(s.name, s.csv, lookup), int64(0), int64(0), int64(0), 0.0, 0.0, "exact", "", "")...)
		}
	}
	if len(f.nest.plans()) > 1 {
		all := f.total()
		t.add(append([]any{"(all)", "", "", "", "", "", all.cursors}, all.values("")...)...)
	}
	return t, nil
}

// planLines reads the rows of SQLite's query plan.
func planLines(ctx context.Context, plan *vtab.Stmt) (lines []step, err error) {
	for {
		more, err := plan.Step(ctx)
		if err != nil || !more {
			return lines, err
		}
		id, _ := plan.Value(0).(int64)
		parent, _ := plan.Value(1).(int64)
		detail, _ := plan.Value(3).(string)
		lines = append(lines, step{id: int(id), parent: int(parent), detail: detail})
	}
}

// explainCSV is the row of a CSV file.
func explainCSV(name, table string, lookup bool) []any {
	name = strings.TrimSuffix(strings.TrimSuffix(name, " EXISTS"), " LEFT-JOIN")
	if name != table {
		name = table + " " + name
	}
	request := "none: a file, from start to end"
	if lookup {
		request = "none: a file, copied with an index at the second value that is looked up"
	}
	return []any{name, "read file", request, "", "all conditions", ""}
}

// dryRun bounds the time for which an EXPLAINed SELECT is run over empty tables: one that computes
// on its own for longer has asked its tables by then.
const dryRun = time.Second

// A recorder is a source of empty tables that notes each plan's first scan, and what all of them cost.
type recorder struct {
	estimator
	scans map[int]recorded
	ended bool // the statement ran to its end
}

type recorded struct {
	calls []calls // for each value of required parameters; empty: none
	orgs  []orgClient

	scans  int
	figure figure
}

// Scan implements [vtab.Source].
func (r *recorder) Scan(_ context.Context, s *vtab.Scan) (vtab.Rows, error) {
	orgs, err := r.query.orgs(s.Orgs)
	if err != nil {
		return nil, err
	}
	c, err := r.query.callsFor(s)
	if err != nil {
		return nil, err
	}
	scan, ok := r.scans[s.Plan]
	if !ok {
		scan = recorded{calls: c, orgs: orgs, figure: figure{exact: true}}
	}
	scan.scans++
	scan.figure.add(r.estimator.scan(c, orgs, s.Limit))
	r.scans[s.Plan] = scan
	return noRows{}, nil
}

func (r *recorder) run(ctx context.Context, st *vtab.Stmt) error {
	short, cancel := context.WithTimeout(ctx, dryRun)
	defer cancel()
	for {
		more, err := st.Step(short)
		if short.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || !more {
			r.ended = err == nil
			return err
		}
	}
}

type noRows struct{}

func (noRows) Next(context.Context) (vtab.Object, error) { return vtab.Object{}, io.EOF }
func (noRows) Close() error                              { return nil }

// noRequest is what EXPLAIN shows in the place of calls that can't find anything.
const noRequest = "none: no row can match"

// explainTable is the row of one table.
func (q *query) explainTable(name string, p *vtab.Plan, rec *recorder, st *vtab.Stmt) []any {
	r := q.catalog.Lookup(p.Table)
	name = strings.TrimSuffix(name, " EXISTS")
	if name != p.Table {
		name = p.Table + " " + name
	}
	m := r.List()
	if p.Key {
		m = r.Get()
	}
	var request, handed string
	only := slices.Clone(p.Checked)
	if scan, ok := rec.scans[p.ID]; ok {
		request = scan.request(m)
		if len(scan.calls) > 0 {
			c := scan.calls[0]
			handed = strings.Join(c.pushed, " AND ")
			only = append(only, c.kept...)
			if len(c.gets) == 0 && len(c.lists) > 0 {
				m = r.List()
			}
		}
	} else {
		request, handed = rec.planned(r, p, m, st.Repeats(p))
	}
	if st.Repeats(p) {
		for _, a := range p.Args {
			if a.Later {
				only = append(only, r.Columns[a.Column].Name+" "+string(a.Op))
			}
		}
		switch {
		case p.Key:
			request += fmt.Sprintf(" for each new value; past %d the list too, kept", vtab.GetsBeforeList)
		case slices.ContainsFunc(p.Args, func(a vtab.PlanArg) bool { return a.Column >= 0 && r.Columns[a.Column].Kind == catalog.KindRequired }):
			request += " for each new value, kept while the query runs"
		default:
			request += ", kept while the query runs"
		}
	}
	checked := "all conditions"
	if len(only) > 0 {
		checked += "; only here: " + strings.Join(only, ", ")
	}
	what := projection{}
	switch scan := rec.scans[p.ID]; {
	case q.engine.options.NoProjection:
	case len(scan.calls) > 0 && len(scan.calls[0].lists) > 0:
		what = scan.calls[0].projection(&scan.calls[0].lists[0])
	default:
		what = projectionOf(r, m, st.Reads(r, p))
	}
	columns := what.String()
	if strings.HasPrefix(request, noRequest) {
		columns = ""
	}
	return []any{name, m.Name + " (" + m.Operation + ")", request, handed, checked, columns}
}

// planned shows a plan that was not run. Values that come from other tables are not known.
func (rec *recorder) planned(r *catalog.Resource, p *vtab.Plan, m *catalog.Method, often bool) (request, handed string) {
	scan := &vtab.Scan{Table: r, Plan: p.ID, Limit: -1}
	var parts []string
	known := true
	for _, a := range p.Args {
		if a.Column < 0 || !a.HandedOver(often) {
			continue
		}
		col := r.Columns[a.Column]
		term := vtab.Term{Column: col, Op: a.Op}
		if a.Op == vtab.OpNotNull {
			parts = append(parts, describeTerm(term))
		} else {
			parts = append(parts, col.Name+" "+string(a.Op)+" …")
			known = known && a.Value != nil
			term.Values = []any{a.Value}
		}
		switch {
		case col.Kind == catalog.KindOrg:
			scan.Orgs = term.Values
		case col.Kind == catalog.KindParameter:
			scan.Params = append(scan.Params, term)
		case col.Kind == catalog.KindRequired:
			scan.Required = append(scan.Required, term)
		case p.Key && col.Key:
			scan.Key = &term
		default:
			scan.Terms = append(scan.Terms, term)
		}
	}
	if known {
		orgs, err := rec.query.orgs(scan.Orgs)
		c, cerr := rec.query.callsFor(scan)
		if err == nil && cerr == nil {
			if len(c) > 0 {
				parts = c[0].pushed
			}
			return recorded{calls: c, orgs: orgs}.request(m), strings.Join(parts, " AND ")
		}
	}
	return m.HTTP + " " + m.Route, strings.Join(parts, " AND ")
}

// request shows the calls, readable, not escaped.
func (rec recorded) request(get *catalog.Method) string {
	var parts []string
	if len(rec.calls) > 0 {
		parts = rec.calls[0].show(get, len(rec.calls))
	}
	if len(parts) == 0 {
		return noRequest
	}
	var orgs []string
	for _, o := range rec.orgs {
		orgs = append(orgs, o.name)
	}
	return strings.Join(parts, ", ") + " (" + strings.Join(orgs, ", ") + ")"
}

// show shows the calls, which are made for so many values of required parameters.
func (c *calls) show(get *catalog.Method, times int) []string {
	var parts []string
	prefix := ""
	if times > 1 {
		prefix = fmt.Sprintf("%d × ", times)
	}
	if n := len(c.gets); n*times == 1 {
		path, err := url.PathUnescape(c.gets[0])
		if err != nil {
			path = c.gets[0]
		}
		parts = append(parts, "GET "+path)
	} else if n > 0 {
		parts = append(parts, fmt.Sprintf("%d × GET %s", n*times, get.Route))
	}
	for i, l := range c.lists {
		if i == 1 {
			parts = append(parts, fmt.Sprintf("and %d more searches", len(c.lists)-1))
			break
		}
		path, sep := l.path, "?"
		if times > 1 {
			path = c.table.List().Route
		}
		text := prefix + "GET " + path
		if l.size > 0 {
			text += fmt.Sprintf("?limit=%d", l.size)
			sep = "&"
		}
		for _, col := range c.table.Columns {
			if v := l.query.Get(col.Query); col.Query != "" && v != "" {
				text += sep + col.Query + "=" + v
				sep = "&"
			}
		}
		if l.by != nil {
			text += fmt.Sprintf(", behind page %d in ranges of %s, a second or longer", onePages, l.by.Name)
		}
		parts = append(parts, text)
	}
	return parts
}
