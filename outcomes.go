package whoql

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

type jsonText = json.RawMessage

// planColumns are what a plan shows of each call, or of a row that none is made for.
var planColumns = []string{"subdomain", "userId", "login", "operation", "from", "to", "sets", "mails", "irreversible", "undo", "refused"}

// planRows shows a plan: a row for each call, and for each row without one.
func planRows(p *change.Plan) *tableResult {
	t := newTable(planColumns...)
	for _, r := range p.Rows {
		for _, op := range r.Steps {
			t.add(r.Org, text(r.ID), text(r.Name), op.Method.Name, text(op.From), text(op.To), setsOf(op), mailsOf(op), text(op.Irreversible), text(op.Undo), nil)
		}
		switch {
		case r.Refused != "":
			t.add(r.Org, text(r.ID), text(r.Name), nil, text(r.Before.Status), nil, nil, nil, nil, nil, r.Refused)
		case r.Unchanged:
			t.add(r.Org, text(r.ID), text(r.Name), "unchanged", text(r.Before.Status), text(r.Before.Status), nil, nil, nil, nil, nil)
		}
	}
	return t
}

// PlanTable shows a plan as EXPLAIN does: a row for each call, and for each object without one. Values are
// as those of [Rows]. Secrets are not in it.
func PlanTable(p *change.Plan) (columns []string, rows [][]any) { return planColumns, planRows(p).rows }

// wholePlanColumns are what a plan is in one row: its hash, its sum, and its calls.
var wholePlanColumns = []string{"hash", "rows", "changing", "unchanged", "refused", "irreversible", "mailed", "calls", "reads", "seconds", "methods", "operations"}

// PlanSummaryTable shows a plan in one row, for programs: hash, sum, and as a JSON array the rows that
// [PlanTable] has. Values are as those of [Rows].
func PlanSummaryTable(p *change.Plan, s change.Summary) (columns []string, rows [][]any) {
	operations := []byte("[")
	for i, row := range planRows(p).rows {
		if i > 0 {
			operations = append(operations, ',')
		}
		for j, v := range row {
			operations = append(operations, "{,"[min(j, 1)])
			for _, part := range []any{planColumns[j], v} {
				b, err := marshal(part)
				if err != nil { // texts, null and JSON
					panic(err)
				}
				operations = append(append(operations, b...), ':')
			}
			operations = operations[:len(operations)-1]
		}
		operations = append(operations, '}')
	}
	operations = append(operations, ']')
	methods, err := marshal(s.Methods)
	if err != nil {
		panic(err)
	}
	return wholePlanColumns, [][]any{{p.Hash(), int64(s.Rows), int64(s.Changing), int64(s.Unchanged), int64(s.Refused), int64(s.Irreversible),
		int64(s.Mailed), int64(s.Calls), int64(s.Reads), tenths(time.Duration(s.Seconds * float64(time.Second))), jsonText(methods), jsonText(operations)}}
}

// text is a text as a value, NULL where it is empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// setsOf shows what a call writes: the attributes' new values. Nothing of credentials is shown.
func setsOf(op *change.Operation) any {
	if len(op.Sets) == 0 {
		return nil
	}
	b, err := marshal(op.Sets)
	if err != nil {
		return nil
	}
	return b
}

// marshal is JSON for people as for programs: < and & are not escaped, as json.Marshal does for HTML.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// mailsOf is true for a call that mails the user.
func mailsOf(op *change.Operation) any {
	if op.Mails() {
		return true
	}
	return nil
}

// outcomeColumns are what a change shows of each row that it was about.
var outcomeColumns = []string{"subdomain", "userId", "login", "operation", "outcome", "status", "reason"}

// OutcomeTable shows how the rows of a plan ended, as the statement that made it does. Values are as those of
// [Rows].
func OutcomeTable(outcomes []change.Outcome) (columns []string, rows [][]any) {
	for _, o := range outcomes {
		rows = append(rows, outcomeRow(o))
	}
	return outcomeColumns, rows
}

// outcomeRow is how a row ended.
func outcomeRow(o change.Outcome) []any {
	operation := any(nil)
	if n := len(o.Row.Steps); n > 0 {
		operation = o.Row.Steps[min(o.Step, n-1)].Method.Name
	}
	id, login := o.Row.ID, o.Row.Name
	if id == "" {
		id = gjson.GetBytes(o.Object, "id").String()
	}
	if login == "" {
		login = gjson.GetBytes(o.Object, "profile.login").String()
	}
	return []any{o.Row.Org, text(id), text(login), operation, string(o.Result), text(o.Status), text(reason(o))}
}

// reason says why a row ended as it did, if that isn't plain: the org's own words, or ours.
func reason(o change.Outcome) string {
	parts := []string{}
	if p := o.Problem; p != nil {
		s := strings.TrimSpace(fmt.Sprintf("%d %s", p.Status, p.Code))
		if summary := cmp.Or(p.Summary, http.StatusText(p.Status)); summary != "" {
			s += ": " + summary
		}
		parts = append(parts, s)
		parts = append(parts, p.Causes...)
		if p.Hint != "" {
			parts = append(parts, p.Hint)
		}
		if why := wrongStatus(o); why != "" {
			parts = append(parts, why)
		}
	}
	if o.Reason != "" {
		parts = append(parts, o.Reason)
	}
	switch {
	case o.SecretLost:
		parts = append(parts, "its answer is lost; a new one: "+o.Renew)
	case o.SecretShown:
		parts = append(parts, "its answer was shown when it was run, and isn't kept; a new one: "+o.Renew)
	}
	return strings.Join(parts, "; ")
}

// wrongStatus says why the org refused a call, where that is plain from the status.
func wrongStatus(o change.Outcome) string {
	if o.Step >= len(o.Row.Steps) || !o.Row.Before.Known {
		return ""
	}
	m := o.Row.Steps[o.Step].Method
	if o.Status == "" || len(m.Statuses) == 0 || slices.Contains(m.Statuses, o.Status) {
		return ""
	}
	return fmt.Sprintf("it is %s, and %s is for %s", o.Status, m.Name, strings.Join(m.Statuses, ", "))
}

// fill makes the result out of how the rows ended.
func (c *changeResult) fill(ctx context.Context, report *change.Report) error {
	c.out = &tableResult{cols: c.cols}
	if c.returning != nil {
		rows, err := c.returning.rows(ctx, report)
		c.out.rows = rows
		return err
	}
	for _, o := range report.Outcomes {
		row := outcomeRow(o)
		for _, name := range c.answers() {
			row = append(row, answered(o.Answer, name))
		}
		c.out.rows = append(c.out.rows, row)
	}
	return nil
}

// answers are the members of the org's answers that the result has as columns: of an EXEC all, and of an
// UPDATE that says whom to mail, what the others would have been mailed.
func (c *changeResult) answers() []string {
	if c.change.Kind == stmt.Exec {
		return c.method.Returns
	}
	var out []string
	if c.change.Kind != stmt.Update {
		return nil
	}
	for _, line := range c.resource.Changes.Status {
		if by := line.Method.Mails; by != nil && c.gives(setStatus, "status") && c.gives(setParam, by.By.Name) && !slices.Contains(out, line.Method.Secrets[0]) {
			out = append(out, line.Method.Secrets...)
		}
	}
	return out
}

// gives says whether the statement gives a value.
func (c *changeResult) gives(kind setterKind, name string) bool {
	return slices.ContainsFunc(append(slices.Clone(c.set), c.constant...), func(s setter) bool { return s.kind == kind && s.name == name })
}

// gjsonKey is a member's name as a path of package gjson.
func gjsonKey(name string) string {
	return strings.NewReplacer(".", `\.`, "*", `\*`, "?", `\?`, "|", `\|`, "#", `\#`, "@", `\@`).Replace(name)
}

// answered is a member of what the org answered, as a value.
func answered(answer json.RawMessage, name string) any {
	switch v := gjson.GetBytes(answer, gjsonKey(name)); v.Type {
	case gjson.Null:
		return nil
	case gjson.String:
		return v.String()
	case gjson.True, gjson.False:
		return v.Bool()
	default:
		return json.RawMessage(v.Raw)
	}
}

// returning evaluates RETURNING over the changed objects. It has a SQLite of its own, whose one table
// holds them and nothing else.
type returning struct {
	db     *vtab.DB
	result *selectResult
	source *fixedSource
	cols   []Column
}

func (c *changeResult) compileReturning(ctx context.Context) (_ *returning, err error) {
	r := &returning{source: &fixedSource{}}
	options := c.query.engine.options
	if r.db, err = vtab.Open(vtab.Options{TempInMemory: options.TempInMemory}); err != nil {
		return nil, err
	}
	other := &query{engine: c.query.engine, meter: c.query.meter, db: r.db, schemas: c.query.schemas, learned: c.query.learned}
	other.src = &instead{path: c.resource.Path(), its: r.source, others: &source{query: other}}
	if err := other.use(c.query.engine.catalog); err != nil {
		r.db.Close()
		return nil, err
	}
	res, err := other.compileSelect(ctx, c.change.Returning, c.args)
	if err != nil {
		r.db.Close()
		return nil, err
	}
	r.result = res.(*selectResult)
	r.cols = r.result.columns()
	return r, nil
}

// instead is a source that has one table from elsewhere.
type instead struct {
	path        string
	its, others vtab.Source
}

// Scan implements [vtab.Source].
func (i *instead) Scan(ctx context.Context, s *vtab.Scan) (vtab.Rows, error) {
	if s.Table.Path() == i.path {
		return i.its.Scan(ctx, s)
	}
	return i.others.Scan(ctx, s)
}

// rows evaluates RETURNING for the rows that were changed, or were as asked for already: for the objects as they
// are by now, or, where there are none any more, as they were.
func (r *returning) rows(ctx context.Context, report *change.Report) ([][]any, error) {
	for _, o := range report.Outcomes {
		object := o.Object
		if n := len(o.Row.Steps); n > 0 && o.Row.Steps[n-1].Method.HTTP == http.MethodDelete {
			object = o.Row.Object
		}
		if object != nil && (o.Result == change.Done || o.Result == change.Unchanged) {
			r.source.objects = append(r.source.objects, vtab.Object{JSON: object, Org: o.Row.Org})
		}
	}
	var out [][]any
	for {
		row, err := r.result.next(ctx)
		if row == nil || err != nil {
			return out, err
		}
		out = append(out, append([]any(nil), row...))
	}
}

func (r *returning) close() error {
	err := r.result.close()
	if e := r.db.Close(); err == nil {
		err = e
	}
	return err
}
