package whoql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// Changes let statements change orgs.
type Changes struct {
	// OpenJournal opens the journal that keeps what is done, or returns the one that is open. It is asked
	// for when the first plan is about to be applied. Required, save with DryRun.
	OpenJournal func() (*change.Journal, error)
	// Info is what the journal notes about each run.
	Info change.RunInfo
	// Apply are the options of applying plans.
	Apply change.ApplyOptions
	// Approve is asked before a plan that has something to do is applied; an error keeps it from being,
	// and is what the query ends with. Required, save with DryRun.
	Approve func(context.Context, *Approval) error
	// Protected returns why an object mustn't be changed; "" if it may. It may ask the org. Nil: nothing is
	// protected.
	Protected func(ctx context.Context, org, id, login string) string
	// Planned is told each plan that is shown and not applied: with DryRun, and for EXPLAIN. Nil: nobody is.
	Planned func(*change.Plan)
	// DryRun gives each statement's plan as its result, and applies none; attached files stay as they were, too,
	// but for the statements behind those that write to them. The default is false.
	DryRun bool
	// PlanPerRow makes the result with DryRun one row for each plan, as [PlanSummaryTable] has it. The default is
	// a row for each call and for each object without one.
	PlanPerRow bool
	// GoOn runs the statements behind one that has failed, too. The default is false.
	GoOn bool
	// Started is told the journal's id of the run before its first plan is applied. Nil: nobody is.
	Started func(run string)
	// Ended is told how each plan ended that was applied. Nil: nobody is.
	Ended func(*change.Report)
}

// An Approval is a plan that waits to be applied.
type Approval struct {
	Plan *change.Plan
	// Keyed: the statement names one object by its key, and makes one call.
	Keyed bool
}

// inStatement notes in an error which statement it is about.
func inStatement(err error, number int) error {
	var failed *ChangeError
	var wrong *ChangePlanError
	switch {
	case errors.As(err, &failed):
		failed.Statement = number
	case errors.As(err, &wrong):
		wrong.Statement = number
	}
	return err
}

// goes says whether the statements behind one that ended so can be run.
func goes(err error) bool {
	var failed *ChangeError
	var wrong *ChangePlanError
	return errors.As(err, &failed) || errors.As(err, &wrong)
}

// goesOn says whether they are.
func (e *Engine) goesOn() bool { return e.options.Changes != nil && e.options.Changes.GoOn }

// A changeResult is the result of a statement that changes an org. The plan is made, approved and
// applied when its first row is asked for.
type changeResult struct {
	query    *query
	args     Args
	source   stmt.Statement
	change   *stmt.Change
	resource *catalog.Resource
	method   *catalog.Method // whose parameters the statement gives

	fields    []*catalog.Column // of the target, which the rows of an UPDATE or DELETE begin with, behind subdomain
	texts     []*stmt.Query     // what was compiled of the statement
	rows      *vtab.Stmt
	set       []setter // of the rows' values
	constants *vtab.Stmt
	constant  []setter
	returning *returning        // nil: none
	orgs      []change.Identity // those that it changes, once that is known
	showPlan  bool
	wholePlan bool // as one row

	cols []Column
	ran  bool
	out  *tableResult
	err  error // what is said behind the last row
}

func (c *changeResult) errorAt(pos int, msg, hint string) error {
	return &stmt.Error{Text: c.source.Source, Pos: pos, Msg: msg, Hint: hint}
}

// fieldsOf are the columns that make up a resource's object.
func (e *Engine) fieldsOf(path string) []*catalog.Column {
	var out []*catalog.Column
	for _, col := range e.catalog.Lookup(path).Columns {
		if col.Kind == catalog.KindField {
			out = append(out, col)
		}
	}
	return out
}

// compileChange compiles a statement that changes an org, or EXPLAIN in front of one.
func (q *query) compileChange(ctx context.Context, s stmt.Statement, args Args) (_ result, err error) {
	changes := q.engine.options.Changes
	explain := s.Kind == stmt.Explain
	if changes == nil && !explain {
		return nil, &stmt.Error{Text: s.Source, Pos: s.Start, Msg: s.Of.String() + " is refused: this only reads", Hint: "EXPLAIN shows what it would do", Err: ErrReadOnly}
	}
	names := q.names()
	c := &changeResult{query: q, args: args, source: s.Proper(), showPlan: explain || changes.DryRun}
	c.wholePlan = !explain && changes.PlanPerRow
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.change, err = stmt.ParseChange(c.source, names, func(path string) []string {
		c.fields = q.engine.fieldsOf(path)
		columns := []string{orgColumn}
		for _, f := range c.fields {
			columns = append(columns, f.Name)
		}
		return columns
	})
	if err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if k := c.change.Kind; (k == stmt.Update || k == stmt.Delete) && !c.change.Where {
		return nil, c.errorAt(c.change.TablePos, k.String()+" without WHERE is about everybody", "if that is meant, say so: WHERE true")
	}
	if err := c.compileRows(ctx); err != nil {
		return nil, err
	}
	return c, c.compileColumns(ctx)
}

// orgColumn is the column that names the org.
const orgColumn = "subdomain"

// resolve finds the resource and the method.
func (c *changeResult) resolve() error {
	e := c.query.engine
	path := strings.Split(c.change.Table, ".")
	c.resource = e.catalog.Resource(path[0], path[1], path[2])
	if c.resource == nil {
		return c.errorAt(c.change.TablePos, "no such table: "+c.change.Table, e.nearestTable(c.change.Table))
	}
	if c.resource.Changes == nil {
		return c.errorAt(c.change.TablePos, c.resource.Path()+" can't be changed in this version", "okta.user.users can")
	}
	var runnable []string
	switch kind := c.change.Kind; kind {
	case stmt.Update:
		c.method = c.resource.Changes.Update
	case stmt.Exec:
		for _, m := range c.resource.Methods {
			if m.Verb == "EXEC" && strings.EqualFold(m.Name, c.change.Method) {
				c.method = m
			} else if m.Verb == "EXEC" {
				runnable = append(runnable, m.Name)
			}
		}
	default:
		for _, m := range c.resource.Methods {
			if m.Verb == kind.String() {
				c.method = m
			}
		}
	}
	if c.method == nil && c.change.Kind == stmt.Exec {
		hint := "there are: " + strings.Join(runnable, ", ")
		if near := catalog.Nearest(c.change.Method, runnable); near != "" {
			hint = "did you mean " + near + "?"
		}
		if m := c.resource.Method(c.change.Method); m != nil {
			hint = "it is run by " + m.Verb
		}
		return c.errorAt(c.change.MethodPos, c.resource.Path()+" has no method for EXEC called "+c.change.Method, hint)
	}
	return nil
}

// compileRows compiles the SELECTs that say what to change, and finds out what their values are for.
func (c *changeResult) compileRows(ctx context.Context) (err error) {
	if c.rows, err = c.prepare(ctx, c.change.Rows); err != nil {
		return c.trueOrFalse(err)
	}
	columns := c.rows.Columns()
	targets := c.change.Set
	switch {
	case c.change.For:
		if err := c.checkOrg(columns); err != nil {
			return err
		}
		if targets, err = c.forTargets(columns); err != nil {
			return err
		}
		if len(c.change.Set) > 0 {
			if c.constants, err = c.prepare(ctx, c.change.Constants); err != nil {
				return c.trueOrFalse(err)
			}
			if c.constant, err = c.setters(ctx, c.change.Set); err != nil {
				return err
			}
		}
	case c.change.Kind == stmt.Insert && len(columns) != len(targets):
		return c.errorAt(c.change.Set[0].Pos, fmt.Sprintf("%d columns are named, and %d values given", len(targets), len(columns)), "each column needs a value, in the same order")
	}
	if c.set, err = c.setters(ctx, targets); err != nil {
		return err
	}
	return c.checkRequired()
}

// forTargets are the parameters that the columns behind FOR give.
func (c *changeResult) forTargets(columns []vtab.ResultColumn) ([]stmt.Target, error) {
	var out []stmt.Target
	for _, col := range columns {
		for _, t := range append(slices.Clone(c.change.Set), out...) {
			if strings.EqualFold(t.Name, col.Name) {
				return nil, c.errorAt(c.change.MethodPos, "the parameter "+col.Name+" is given twice", "give it once, before FOR or by a column behind it")
			}
		}
		out = append(out, stmt.Target{Name: col.Name, Pos: c.change.MethodPos})
	}
	return out, nil
}

// checkRequired refuses an EXEC without a parameter that it can't do without. What has a default and is
// shown as required is asked for only where it would mail many people.
func (c *changeResult) checkRequired() error {
	if c.change.Kind != stmt.Exec {
		return nil
	}
	for _, p := range c.method.Params {
		given := slices.ContainsFunc(append(slices.Clone(c.set), c.constant...), func(s setter) bool { return s.name == p.Name })
		switch {
		case given:
		case p.Required && p.Default == "":
			return c.errorAt(c.change.MethodPos, c.method.Name+" needs the parameter "+p.Name, p.Description)
		case c.change.For && c.method.Mails != nil && c.method.Mails.By == p && p.Default == "true":
			return c.errorAt(c.change.MethodPos, c.method.Name+" mails everyone whom it is run for", "say @"+p.Name+" = true, or false to get the links back")
		}
	}
	return nil
}

// checkOrg refuses an EXEC whose SELECT picks an org that the calls wouldn't go to.
func (c *changeResult) checkOrg(columns []vtab.ResultColumn) error {
	if len(c.texts) == 0 || len(c.texts[0].Orgs) == 0 {
		return nil
	}
	for _, t := range c.change.Set {
		if strings.EqualFold(t.Name, orgColumn) {
			return nil
		}
	}
	for _, col := range columns {
		if strings.EqualFold(col.Name, orgColumn) {
			return nil
		}
	}
	return c.errorAt(c.texts[0].Orgs[0].Pos, "the SELECT picks an org, and the calls would go to the default one", "select subdomain, too: FOR SELECT id AS userId, subdomain FROM …")
}

// prepare compiles one of the SELECTs that a change is made of.
func (c *changeResult) prepare(ctx context.Context, s stmt.Statement) (*vtab.Stmt, error) {
	text, st, err := c.query.prepare(ctx, s, false, c.args)
	if err == nil {
		c.texts = append(c.texts, text)
		c.query.notes = append(c.query.notes, c.query.notesOn(text)...)
	}
	return st, err
}

// compileColumns settles what the result looks like.
func (c *changeResult) compileColumns(ctx context.Context) (err error) {
	switch {
	case c.showPlan && c.wholePlan:
		c.cols = columnsOf(wholePlanColumns)
	case c.showPlan:
		c.cols = columnsOf(planColumns)
	case c.change.HasReturning:
		if err := c.checkReturning(); err != nil {
			return err
		}
		c.returning, err = c.compileReturning(ctx)
		if err != nil {
			return err
		}
		c.cols = c.returning.cols
	default:
		c.cols = columnsOf(append(slices.Clone(outcomeColumns), c.answers()...))
	}
	return nil
}

// checkReturning refuses RETURNING where the org answers with what is shown only once: it would be lost.
func (c *changeResult) checkReturning() error {
	var secrets []string
	for _, name := range c.answers() {
		if c.change.Kind == stmt.Update || slices.Contains(c.method.Secrets, name) {
			secrets = append(secrets, name)
		}
	}
	if secrets == nil {
		return nil
	}
	pos := c.change.MethodPos
	if c.change.Kind == stmt.Update {
		pos = c.change.TablePos
	}
	return c.errorAt(pos, "the org answers with "+strings.Join(secrets, " and ")+", and RETURNING would lose that", "leave RETURNING out: the result has it then")
}

func columnsOf(names []string) []Column { return newTable(names...).cols }

func (c *changeResult) columns() []Column { return c.cols }

func (c *changeResult) close() error {
	var errs []error
	for _, st := range []*vtab.Stmt{c.rows, c.constants} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	if c.returning != nil {
		errs = append(errs, c.returning.close())
	}
	return errors.Join(errs...)
}

func (c *changeResult) next(ctx context.Context) ([]any, error) {
	if !c.ran {
		c.ran = true
		if err := c.run(ctx); err != nil {
			return nil, err
		}
	}
	row, err := c.out.next(ctx)
	if row == nil && err == nil {
		return nil, c.err
	}
	return row, err
}

// run plans the change, and applies it if that is approved.
func (c *changeResult) run(ctx context.Context) error {
	plan, err := c.plan(ctx)
	var wrong *change.PlanError
	if errors.As(err, &wrong) {
		err = &ChangePlanError{Msg: wrong.Msg, Hint: wrong.Hint}
	}
	if err != nil {
		return err
	}
	changes := c.query.engine.options.Changes
	if c.showPlan {
		c.out = planRows(plan)
		if c.wholePlan {
			_, rows := PlanSummaryTable(plan, plan.Summary(c.query.engine.Limit))
			c.out = &tableResult{cols: c.cols, rows: rows}
		}
		if changes != nil && changes.Planned != nil {
			changes.Planned(plan)
		}
		return nil
	}
	if plan.Calls() > 0 {
		if err := changes.Approve(ctx, &Approval{Plan: plan, Keyed: c.keyed(plan)}); err != nil {
			return err
		}
	}
	plan.Position = c.query.at
	report, err := c.apply(ctx, plan)
	if report == nil {
		return err
	}
	if changes.Ended != nil {
		changes.Ended(report)
	}
	ambiguous := slices.ContainsFunc(plan.Rows, func(r *change.Row) bool { return r.Ambiguous })
	e := &ChangeError{Report: report}
	if err == nil && (!report.OK() || e.Refused() || ambiguous) {
		if c.query.run != nil {
			e.Run = c.query.run.ID
		}
		err = e
	}
	c.err = err // behind the rows, which say what was done
	if err := c.fill(context.WithoutCancel(ctx), report); err != nil {
		return errors.Join(c.err, fmt.Errorf("the change was made, and then RETURNING failed: %w", err))
	}
	return nil
}

// apply applies a plan. One that calls nothing needs no journal.
func (c *changeResult) apply(ctx context.Context, plan *change.Plan) (*change.Report, error) {
	if plan.Calls() == 0 {
		return c.nothing(plan), nil
	}
	if err := c.query.beginRun(); err != nil {
		return nil, err
	}
	options := c.query.engine.options.Changes.Apply
	options.ReadAfter = options.ReadAfter || c.returning != nil
	told := options.Outcome
	secrets := map[int]change.Outcome{}
	options.Outcome = func(o change.Outcome) {
		secrets[o.Row.Index] = o
		if told != nil {
			told(o)
		}
	}
	report, err := c.query.run.Apply(ctx, plan, &caller{engine: c.query.engine, meter: c.query.meter}, options)
	if report != nil {
		for i, o := range report.Outcomes {
			if told, ok := secrets[o.Row.Index]; ok {
				report.Outcomes[i] = told
			}
		}
	}
	return report, err
}

// nothing is the report of a plan that calls nothing.
func (c *changeResult) nothing(plan *change.Plan) *change.Report {
	report := &change.Report{Counts: map[change.Result]int{}}
	for _, r := range plan.Rows {
		o := change.Outcome{Row: r, Result: change.Unchanged, Status: r.Before.Status, Object: r.Object}
		if r.Refused != "" {
			o.Result, o.Reason = change.Refused, r.Refused
		}
		report.Counts[o.Result]++
		report.Outcomes = append(report.Outcomes, o)
	}
	return report
}

// keyed reports whether the statement itself names the one object that it makes one call for.
func (c *changeResult) keyed(plan *change.Plan) bool {
	return plan.Calls() == 1 && len(plan.Rows) == 1 && c.named()
}

// named reports whether the statement itself names what it is about: an object by its key, or the values of
// an INSERT. What is found by reading a table isn't named.
func (c *changeResult) named() bool {
	rows := c.texts[0]
	if k := c.change.Kind; k == stmt.Exec || k == stmt.Insert {
		return rows.Uses == 0 && rows.Parsed == nil && !c.change.For
	}
	return slices.ContainsFunc(rows.Fixed, func(name string) bool {
		col := c.resource.Column(name)
		return col != nil && col.Key
	})
}

// settleOrgs gives each org its one name, however a row spells it, so that what is known of an org (who
// is protected there, which of its objects come twice) is known by that.
func (c *changeResult) settleOrgs(asks []change.Ask) error {
	for i := range asks {
		o, err := c.query.org(asks[i].Org)
		switch {
		case err != nil:
			return err
		case o.ReadOnly:
			return &ReadOnlyOrgError{Org: o.Name}
		case !o.AnyName:
			asks[i].Org = o.Name
		}
	}
	return nil
}

// plan reads the rows that the statement is about, and plans what it asks for.
func (c *changeResult) plan(ctx context.Context) (*change.Plan, error) {
	c.query.elsewhere.begin()
	asks, err := c.asks(ctx)
	if err != nil {
		return nil, err
	}
	if len(asks) > 0 {
		if err := c.checkOrgs(); err != nil {
			return nil, err
		}
	}
	if err := c.settleOrgs(asks); err != nil {
		return nil, err
	}
	if err := c.identify(ctx, asks); err != nil {
		return nil, err
	}
	plan, err := c.planOf(ctx, asks)
	if plan != nil {
		plan.Orgs = c.orgs
	}
	return plan, err
}

// planOf plans what is asked for.
func (c *changeResult) planOf(ctx context.Context, asks []change.Ask) (*change.Plan, error) {
	if c.change.Kind == stmt.Exec && len(asks) > 0 {
		c.fields = c.query.engine.fieldsOf(c.resource.Path())
		if err := c.readTargets(ctx, asks); err != nil {
			return nil, err
		}
	}
	p := &change.Planner{Now: c.query.engine.now, Resource: c.resource, Statement: c.source.Text(), Query: !c.named()}
	if changes := c.query.engine.options.Changes; changes != nil && changes.Protected != nil {
		p.Protected = func(org, id, login string) string { return changes.Protected(ctx, org, id, login) }
	}
	switch c.change.Kind {
	case stmt.Insert:
		return p.Insert(asks)
	case stmt.Update:
		return p.Update(asks)
	case stmt.Delete:
		return p.Delete(asks)
	}
	return p.Exec(c.method.Name, asks)
}

// asks reads the rows that the statement is about.
func (c *changeResult) asks(ctx context.Context) ([]change.Ask, error) {
	if c.named() && c.texts[0].Uses == 1 { // and so the object's row is what was got, and of no list
		c.query.got = &gotten{}
		defer func() { c.query.got = nil }()
	}
	defaultOrg := ""
	if orgs, err := c.query.orgs(nil); err == nil {
		defaultOrg = orgs[0].name
	}
	base := func() change.Ask {
		return change.Ask{
			Org: defaultOrg, Attributes: map[string]jsonText{}, Fields: map[string]jsonText{}, Params: map[string]string{},
		}
	}
	constants := []any{}
	if c.constants != nil {
		if _, err := c.constants.Step(ctx); err != nil {
			return nil, c.computing(err, 0)
		}
		for i := range c.constant {
			constants = append(constants, valueOf(c.constants, i))
		}
	}
	var out []change.Ask
	for {
		more, err := c.rows.Step(ctx)
		if err != nil || !more {
			return out, c.computing(err, len(out)+1)
		}
		ask := base()
		for i, s := range c.constant {
			if err := s.put(&ask, constants[i], 1); err != nil {
				return nil, err
			}
		}
		first := 0
		if k := c.change.Kind; k == stmt.Update || k == stmt.Delete {
			first = c.target(&ask)
		}
		for i, s := range c.set {
			if err := s.put(&ask, valueOf(c.rows, first+i), len(out)+1); err != nil {
				return nil, err
			}
		}
		if ask.Org == "" {
			return nil, &NoDefaultOrgError{Known: c.query.engine.orgNames()}
		}
		out = append(out, ask)
	}
}

// computing is an error about what SQLite computes of a row, from 1, without the values; 0: of none.
func (c *changeResult) computing(err error, row int) error {
	var value *vtab.ValueError
	if !errors.As(c.query.withoutValues(c.texts[0], err), &value) {
		return err
	}
	msg := value.Msg
	if row > 0 {
		msg = fmt.Sprintf("row %d: %s", row, msg)
	}
	return &ChangePlanError{Msg: msg, Hint: "nothing was changed"}
}

// target reads the object that the row at hand is about, and returns where the values begin.
func (c *changeResult) target(ask *change.Ask) int {
	ask.Org = textOf(c.rows.Value(0))
	values := make([]any, len(c.fields))
	for i := range values {
		values[i] = valueOf(c.rows, 1+i)
	}
	ask.Object = objectOf(c.fields, values)
	c.query.got.note(ask, c.query.engine.now())
	return 1 + len(c.fields)
}

// beginRun begins the run in the journal that all plans of the query belong to.
func (q *query) beginRun() error {
	if q.run != nil {
		return nil
	}
	changes := q.engine.options.Changes
	journal, err := changes.OpenJournal()
	if err != nil {
		return err
	}
	info := changes.Info
	info.Statements = q.statements
	run, err := journal.Begin(info)
	if err != nil {
		return err
	}
	q.run = run
	if changes.Started != nil {
		changes.Started(run.ID)
	}
	return nil
}

// A fixedSource is a table that holds the objects it is given.
type fixedSource struct{ objects []vtab.Object }

// Scan implements [vtab.Source].
func (s *fixedSource) Scan(context.Context, *vtab.Scan) (vtab.Rows, error) {
	return &fixedRows{s.objects}, nil
}

type fixedRows struct{ rest []vtab.Object }

func (r *fixedRows) Next(context.Context) (vtab.Object, error) {
	if len(r.rest) == 0 {
		return vtab.Object{}, io.EOF
	}
	o := r.rest[0]
	r.rest = r.rest[1:]
	return o, nil
}

func (r *fixedRows) Close() error { return nil }
