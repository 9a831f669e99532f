package whoql

import (
	"context"
	"errors"

	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// A Column is a column of a result.
type Column struct {
	// Name is the heading.
	Name string
	// Type is the provider's type of the fields that the values come from (string, object, array,
	// boolean, integer, number); empty if there are several types, and for an expression.
	Type string
}

// A result is what one statement gives.
type result interface {
	columns() []Column
	// next returns the next row, or nil behind the last.
	next(ctx context.Context) ([]any, error)
	close() error
}

// Rows are the results of a text's statements, one after another. It starts before the first row of
// the first result:
//
//	for more := true; more; more = rows.NextResult() {
//		for rows.Next() { use(rows.Values()) }
//	}
//	if err := rows.Err(); err != nil { … }
type Rows struct {
	ctx     context.Context // the query's, as in database/sql
	query   *query
	results []result
	// vertical says of each result whether its statement ended in \G.
	vertical []bool
	at       int
	values   []any
	failed   []error // of statements that others came behind nevertheless: see Changes.GoOn
	err      error
	closed   bool
}

// Vertical reports whether the statement of the current result ended in \G (or \gx), or is an EXPLAIN, which has
// many columns: whoever shows its rows to people shows one column below the other.
func (r *Rows) Vertical() bool { return r.vertical[r.at] }

// Columns describes the current result; a statement that only makes or changes a table has none.
func (r *Rows) Columns() []Column { return r.results[r.at].columns() }

// Next moves to the next row of the current result. It returns false behind the last row and on an
// error, which Err tells apart.
func (r *Rows) Next() bool {
	if r.err != nil || r.closed {
		return false
	}
	r.query.at = r.at + 1
	r.values, r.err = r.results[r.at].next(r.ctx)
	last := r.at == len(r.results)-1
	if r.err != nil && len(r.results) > 1 {
		r.err = inStatement(r.err, r.at+1)
	}
	if goes(r.err) && r.query.engine.goesOn() && r.ctx.Err() == nil {
		r.failed = append(r.failed, r.err)
		r.values, r.err = nil, nil
	}
	if last && r.values == nil && r.err == nil {
		if r.err = errors.Join(r.failed...); r.err == nil {
			r.err = r.commit()
		}
	}
	return r.err == nil && r.values != nil
}

// commit keeps what the statements have changed on this machine, if the last one has run to its end.
func (r *Rows) commit() error {
	if l, ok := r.results[len(r.results)-1].(*later); ok && !l.ended {
		return nil
	}
	return r.query.commit()
}

// Values returns the current row: nil, int64, float64, string or []byte; bool and json.RawMessage where
// all that the column's values can come from is boolean, or is JSON. The slice is used again for the
// next row, the values in it are not.
func (r *Rows) Values() []any { return r.values }

// NextResult moves to the next statement's result. It returns false if there is none, and after an
// error. What the current statement changes on this machine it changes, read or not.
func (r *Rows) NextResult() bool {
	if r.err != nil || r.closed {
		return false
	}
	if l, ok := r.results[r.at].(*later); ok && l.changes {
		if r.err = l.finish(r.ctx); r.err != nil {
			return false
		}
	}
	if r.at+1 >= len(r.results) {
		r.err = r.commit()
		return false
	}
	if r.err = r.results[r.at].close(); r.err != nil {
		return false
	}
	r.at++
	return true
}

// Notes are what is worth knowing of the statements although they are right: a comparison that can't
// hold, say. Each has the place in the text and a hint.
func (r *Rows) Notes() []*stmt.Error { return r.query.notes }

// Behind is how many statements stand behind that of the current result, and haven't been begun.
func (r *Rows) Behind() int { return max(len(r.results)-1-r.at, 0) }

// Err returns the error that ended the rows; nil if they are complete as far as they were read.
func (r *Rows) Err() error { return r.err }

// Close ends the statements and waits for all that works for them. It may be called twice.
func (r *Rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	var errs []error
	for _, res := range r.results {
		errs = append(errs, res.close())
	}
	r.query.keepSizes()
	if r.query.run != nil {
		if r.Behind() == 0 {
			r.query.run.ReachedEnd()
		}
		errs = append(errs, r.query.run.Close())
	}
	return errors.Join(append(errs, r.query.db.Close())...)
}

// A selectResult streams a SELECT out of SQLite.
type selectResult struct {
	stmt    *vtab.Stmt
	text    *stmt.Query
	query   *query
	anyName string // what query.anyName is while this statement runs
	cols    []Column
	kinds   []valueKind
	values  []any
}

func (q *query) compileSelect(ctx context.Context, s stmt.Statement, args Args) (result, error) {
	if s.Kind == stmt.QueryPlan {
		q.silent = true
		defer func() { q.silent = false }()
	}
	text, st, err := q.prepare(ctx, s, s.Kind == stmt.QueryPlan, args)
	if err != nil {
		return nil, err
	}
	q.notes = append(append(q.notes, q.notesOn(text)...), rereadNotes(text, st)...)
	return q.newResult(st, text), nil
}

// newResult is the result of a compiled statement.
func (q *query) newResult(st *vtab.Stmt, text *stmt.Query) *selectResult {
	res := &selectResult{stmt: st, text: text, query: q, anyName: q.anyName}
	res.cols, res.kinds = q.resultColumns(st, text)
	res.values = make([]any, len(res.cols))
	return res
}

// prepare rewrites a statement for SQLite and compiles it, or what shows its plan. Columns that SQLite doesn't
// know are looked for among the attributes of the statement's orgs, one after the other.
func (q *query) prepare(ctx context.Context, s stmt.Statement, plan bool, args Args) (*stmt.Query, *vtab.Stmt, error) {
	// What another statement's orgs have, this one's needn't.
	if err := q.use(q.engine.catalog); err != nil {
		return nil, nil, err
	}
	l := &learner{query: q}
	for {
		text, st, err := q.tryPrepare(ctx, s, plan, args)
		if err == nil {
			return text, st, nil
		}
		if text == nil {
			return nil, nil, err
		}
		if learned, why := l.learn(ctx, text, err); !learned {
			return nil, nil, l.explain(text, 0, err, why)
		}
	}
}

// tryPrepare compiles a statement with the columns there are. Where SQLite refuses it, its text is
// returned with the error.
func (q *query) tryPrepare(ctx context.Context, s stmt.Statement, plan bool, args Args) (*stmt.Query, *vtab.Stmt, error) {
	names := q.names()
	text, err := stmt.Rewrite(s, names)
	if err != nil {
		return nil, nil, err
	}
	st, err := q.compileSQL(ctx, text, plan, args)
	if err != nil && text.Lifted > 0 && ctx.Err() == nil {
		// What SQLite doesn't take is judged, and shown, as it was written.
		names.Attribute = nil
		if text, err = stmt.Rewrite(s, names); err != nil {
			return nil, nil, err
		}
		st, err = q.compileSQL(ctx, text, plan, args)
	}
	return text, st, err
}

// compileSQL compiles the SQL of a rewritten statement and binds its parameters.
func (q *query) compileSQL(ctx context.Context, text *stmt.Query, plan bool, args Args) (*vtab.Stmt, error) {
	if len(text.Tables) > 0 {
		if err := q.needOrg(!text.BindsOrg); err != nil {
			return nil, err
		}
	}
	// Whatever is known to be wrong is an error before the first request.
	q.anyName = ""
	for _, name := range text.Orgs {
		o, err := q.org(name.Name)
		if err != nil {
			hint := "name one of them"
			var unknown *UnknownOrgError
			if errors.As(err, &unknown) {
				hint = unknown.Hint()
			}
			e := text.ErrorIn(name.Pos, err.Error(), hint)
			e.Err, e.Open = err, true
			return nil, e
		}
		if _, err := o.connect(); err != nil {
			return nil, err
		}
	}
	shape := q.shapeOf(text)
	shape.QueryPlan = plan
	st, err := q.db.Prepare(ctx, text.SQL, shape)
	if err != nil {
		return nil, err
	}
	if err := q.checkDefault(st); err != nil {
		st.Close()
		return nil, err
	}
	for i, name := range st.Params() {
		if err := st.Bind(i, args[name[1:]]); err != nil {
			st.Close()
			return nil, err
		}
	}
	return st, nil
}

func (r *selectResult) columns() []Column { return r.cols }

func (r *selectResult) close() error { return r.stmt.Close() }

func (r *selectResult) next(ctx context.Context) ([]any, error) {
	r.query.anyName = r.anyName
	more, err := r.stmt.Step(ctx)
	r.anyName = r.query.anyName
	if err != nil || !more {
		return nil, r.query.withoutValues(r.text, err)
	}
	for i, kind := range r.kinds {
		r.values[i] = r.typed(i, kind)
	}
	return r.values, nil
}

// withoutValues hides what an error of SQLite about a value quotes of it: it may be a secret.
func (q *query) withoutValues(text *stmt.Query, err error) error {
	var value *vtab.ValueError
	if !errors.As(err, &value) {
		return err
	}
	return &vtab.ValueError{Msg: text.MaskValue(value.Msg)}
}

// A tableResult is a result that is there as a whole.
type tableResult struct {
	cols []Column
	rows [][]any
}

func newTable(names ...string) *tableResult {
	t := &tableResult{}
	for _, n := range names {
		t.cols = append(t.cols, Column{Name: n})
	}
	return t
}

func (t *tableResult) add(values ...any) { t.rows = append(t.rows, values) }

func (t *tableResult) columns() []Column { return t.cols }

func (t *tableResult) close() error { return nil }

func (t *tableResult) next(context.Context) ([]any, error) {
	if len(t.rows) == 0 {
		return nil, nil
	}
	row := t.rows[0]
	t.rows = t.rows[1:]
	return row, nil
}
