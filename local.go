package whoql

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// What a statement changes on this machine: temporary tables and views, and tables of attached files.
//
// All statements of a text are compiled before the first one runs, and one may use a table that another
// makes. So a text with such changes is rehearsed: every statement is compiled in turn, and what makes or
// drops a table does so in its shape, with the columns and without a row. Then all of that is undone, and
// each statement is compiled again when its turn comes. The whole text is one transaction: attached files
// change when its last statement has ended well, or not at all.

// changesHere reports whether a statement changes something on this machine, and nothing of an org.
func (e *Engine) changesHere(s stmt.Statement) bool {
	switch s.Of {
	case stmt.Create, stmt.Drop:
		return true
	case stmt.Insert, stmt.Update, stmt.Delete:
		name, _ := stmt.Changed(s)
		switch {
		case len(name) == 0:
			return false
		case len(name) == 1:
			return e.catalog.Lookup(name[0]) == nil // typed as one quoted name
		}
		return e.catalog.Provider(name[0]) == nil
	}
	return false
}

// compileAll compiles the statements of a text.
func (q *query) compileAll(ctx context.Context, statements []stmt.Statement, args Args) (results []result, err error) {
	here := false
	for _, s := range statements {
		here = here || q.engine.changesHere(s)
	}
	if !here {
		for _, s := range statements {
			r, err := q.compile(ctx, s, args)
			if err != nil {
				return results, err
			}
			results = append(results, r)
		}
		return results, nil
	}
	if err := q.begin(); err != nil {
		return nil, err
	}
	q.commits = true
	if err := q.db.Rehearse(); err != nil {
		return nil, err
	}
	for _, s := range statements {
		r, err := q.rehearse(ctx, s, args)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, q.db.EndRehearsal()
}

// rehearse compiles a statement, and if it makes or drops a table, does so for the statements behind it.
// What reads or writes rows is compiled again when it runs.
func (q *query) rehearse(ctx context.Context, s stmt.Statement, args Args) (result, error) {
	here := q.engine.changesHere(s)
	var r result
	var err error
	if here {
		r, err = q.compileHere(ctx, s, args, true)
	} else {
		r, err = q.compile(ctx, s, args)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := r.(*tableResult); ok {
		return r, nil // SHOW, EXPLAIN and the like are answered
	}
	cols := r.columns()
	if err := r.close(); err != nil {
		return nil, err
	}
	return &later{cols: cols, changes: here, compile: func(ctx context.Context) (result, error) {
		defer func(notes []*stmt.Error) { q.notes = notes }(q.notes) // they have been made
		if here {
			return q.compileHere(ctx, s, args, false)
		}
		return q.compile(ctx, s, args)
	}}, nil
}

// compileHere compiles a statement that changes something on this machine. A rehearsal makes what it
// makes, in its shape.
func (q *query) compileHere(ctx context.Context, s stmt.Statement, args Args, rehearsal bool) (result, error) {
	if s.Kind != s.Of {
		return nil, &stmt.Error{Text: s.Source, Pos: s.Start, Msg: "EXPLAIN stands before SELECT and before changes of an org", Hint: "EXPLAIN the SELECT alone"}
	}
	var made *stmt.Creation
	if s.Kind == stmt.Create || s.Kind == stmt.Drop {
		text, err := stmt.Rewrite(s, q.names())
		if err != nil {
			return nil, err
		}
		if made, err = text.Creation(); err != nil {
			return nil, err
		}
	}
	text, st, err := q.prepare(ctx, s, false, args)
	if err != nil {
		return nil, err
	}
	if made != nil {
		if made, err = text.Creation(); err != nil { // with the places of this text
			return nil, err
		}
	}
	if rehearsal && (made != nil || s.Kind == stmt.Drop) {
		if err := q.shape(ctx, text, made); err != nil {
			st.Close()
			return nil, err
		}
	}
	res := q.newResult(st, text)
	q.remember(s, text, made)
	if rehearsal {
		return res, nil
	}
	name := ""
	if made != nil {
		name = made.Name
	} else if parts, _ := stmt.Changed(s); len(parts) > 0 {
		name = parts[len(parts)-1]
	}
	return &changed{selectResult: res, table: name}, nil
}

// A changed is the result of a statement that has changed a table.
type changed struct {
	*selectResult
	table string
	begun bool
}

func (c *changed) next(ctx context.Context) ([]any, error) {
	if !c.begun {
		c.begun = true
		c.query.elsewhere.begin()
	}
	values, err := c.selectResult.next(ctx)
	c.query.elsewhere.keep()
	if values == nil && err == nil && c.table != "" {
		return nil, c.query.db.Analyze(c.table)
	}
	return values, err
}

// shapeOf is what a statement's text says about it.
func (q *query) shapeOf(text *stmt.Query) vtab.Shape {
	writes := text.Kind != stmt.Select && text.Kind != stmt.QueryPlan && text.Kind != stmt.Explain
	return vtab.Shape{
		BindsOrg: text.BindsOrg || slices.ContainsFunc(q.views, func(v *stmt.Query) bool { return v.BindsOrg }),
		// A view reads any number of tables; an UPDATE may read one for each of its rows.
		Single:     text.Uses == 1 && len(text.Tables) == 1 && !writes,
		Writes:     writes,
		Unfiltered: len(q.views) == 0 && !picking.MatchString(text.SQL),
	}
}

// picking finds the words with which a statement may leave rows out; also where they mean something else.
var picking = regexp.MustCompile(`(?i)\b(where|and|or|having|limit|exists|in|case|filter)\b`)

// shape makes what a statement makes, without a row, or drops what it drops.
func (q *query) shape(ctx context.Context, text *stmt.Query, made *stmt.Creation) error {
	sql := text.SQL
	if made != nil && made.Select != "" {
		// A view is compiled when it is used; whether it can be is known now.
		const head = "SELECT * FROM ("
		l := &learner{query: q}
		st, err := q.db.Prepare(ctx, head+made.Select+")", q.shapeOf(text))
		var why error
		for learned := true; err != nil; {
			if learned, why = l.learn(ctx, text, err); !learned {
				break
			}
			st, err = q.db.Prepare(ctx, head+made.Select+")", q.shapeOf(text))
		}
		var names []string
		var unbound *vtab.UnboundError
		switch {
		case made.View && errors.As(err, &unbound):
			// All is there but a parameter's value, which whoever uses the view can give.
		case err != nil:
			return l.explain(text, len(head)-made.Pos, err, why)
		default:
			for _, c := range st.Columns() {
				names = append(names, stmt.Quote(c.Name))
			}
			if err := st.Close(); err != nil {
				return err
			}
		}
		if made.View {
			q.views = append(q.views, text)
		} else {
			sql = "CREATE TABLE "
			if made.Temp {
				sql = "CREATE TEMP TABLE "
			}
			if made.IfNotExists {
				sql += "IF NOT EXISTS "
			}
			if made.Schema != "" {
				sql += stmt.Quote(made.Schema) + "."
			}
			sql += stmt.Quote(made.Name) + "(" + strings.Join(names, ", ") + ")"
		}
	}
	st, err := q.db.Prepare(ctx, sql, vtab.Shape{Writes: true})
	if err != nil {
		return q.explainError(text, 0, err, &learner{query: q})
	}
	defer st.Close()
	_, err = st.Step(ctx)
	return err
}

// A later is a statement that has been rehearsed and is compiled again when it runs.
type later struct {
	cols    []Column
	changes bool // it has to run, read or not
	compile func(context.Context) (result, error)
	result  result
	ended   bool
}

func (l *later) columns() []Column { return l.cols }

func (l *later) next(ctx context.Context) ([]any, error) {
	if l.result == nil {
		var err error
		if l.result, err = l.compile(ctx); err != nil {
			return nil, err
		}
	}
	if l.ended {
		return nil, nil // stepping on would run it again
	}
	values, err := l.result.next(ctx)
	l.ended = values == nil
	return values, err
}

// finish runs a statement that changes something, if nobody has read it to its end.
func (l *later) finish(ctx context.Context) error {
	if !l.changes {
		return nil
	}
	for {
		if values, err := l.next(ctx); err != nil || values == nil {
			return err
		}
	}
}

func (l *later) close() error {
	if l.result == nil {
		return nil
	}
	return l.result.close()
}
