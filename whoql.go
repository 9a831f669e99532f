// Package whoql is the engine: SQL over the resources of Okta orgs.
//
// [Open] takes the orgs and gives an [Engine]; [Engine.Query] runs a text of one or more statements
// and gives [Rows], which streams: a row can be read before the last page has come. A query ends
// either with all rows and a nil [Rows.Err], or with an error; rows read before an error are real.
//
//	engine, err := whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: "acme", Client: client}}})
//	rows, err := engine.Query(ctx, "SELECT status, count(*) FROM okta.user.users GROUP BY status", nil)
//
// An Engine is safe for concurrent use; each Query has a SQLite of its own. Rows belong to one
// goroutine. The engine never prints, exits, logs or reads the environment; package cli does.
package whoql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// Options are the settings of an Engine.
type Options struct {
	// Orgs are the orgs; the first is the default, which answers where no subdomain is given. With
	// none, statements that need an org fail with [ErrNoOrg] before any request.
	Orgs []Org
	// NoDefaultOrg: none of the orgs is the default, and statements that need one fail with a
	// [NoDefaultOrgError]. The default is false.
	NoDefaultOrg bool
	// Catalog is the tables; nil means the built-in ones.
	Catalog *catalog.Catalog
	// NoPushdown hands no condition to the API; the rows are the same. The default is false.
	NoPushdown bool
	// Cursors is how many cursors may read a long list of one statement side by side, 1 to [MaxCursors]; 0: that.
	Cursors int
	// NoRewrite reads profile->>'x' and json_extract(profile, '$.x') out of the JSON, instead of from
	// the attribute's column; rows, headings and types are the same. The default is false.
	NoRewrite bool
	// NoProjection asks for whole objects, also where a statement reads some columns only; the rows are the
	// same. The default is false.
	NoProjection bool
	// Schemas keeps what orgs' user schemas say, so that a day's queries read them once. Nil: in memory,
	// for as long as the Engine lives.
	Schemas SchemaCache
	// RefreshSchemas reads schemas anew when they are needed, whatever is kept. The default is false.
	RefreshSchemas bool
	// Sizes keeps how many objects orgs' tables had, for EXPLAIN. Nil: in memory, for as long as the
	// Engine lives.
	Sizes SizeCache
	// Assume are numbers of objects by table, okta.user.users say, that EXPLAIN takes for granted instead of
	// what is kept. The default is none.
	Assume map[string]int64
	// Now is the clock by which plans and kept schemas grow old. Nil: time.Now.
	Now func() time.Time
	// TempInMemory keeps big sorts in memory instead of in temporary files. The default is false.
	TempInMemory bool
	// Changes let statements change orgs. Nil: they are refused, and EXPLAIN shows what they would do.
	Changes *Changes
	// CSV are files of comma-separated values that statements read as tables. Each query opens them
	// anew. The default is none; no statement can open another file.
	CSV []CSV
	// Attach are SQLite files whose tables statements can use. The default is none.
	Attach []Attachment
}

// An Engine runs statements.
type Engine struct {
	options     Options
	catalog     *catalog.Catalog
	schemas     SchemaCache
	sizes       SizeCache
	now         func() time.Time
	unprojected unprojected

	identities identities
}

// Open makes an engine. It makes no request.
func Open(o Options) (*Engine, error) {
	c := o.Catalog
	if c == nil {
		var err error
		if c, err = catalog.Load(); err != nil {
			return nil, err
		}
	}
	if err := checkOrgs(o.Orgs); err != nil {
		return nil, err
	}
	if o.Cursors < 0 || o.Cursors > MaxCursors {
		return nil, fmt.Errorf("whoql: Options.Cursors is %d: choose 1 to %d", o.Cursors, MaxCursors)
	}
	if o.Cursors == 0 {
		o.Cursors = MaxCursors
	}
	e := &Engine{options: o, catalog: c, schemas: o.Schemas, sizes: o.Sizes, now: o.Now}
	if e.schemas == nil {
		e.schemas = &memoryCache{}
	}
	if e.sizes == nil {
		e.sizes = &memoryCache{}
	}
	if e.now == nil {
		e.now = time.Now
	}
	return e, nil
}

// Args are the values of a text's bound parameters by name, without the sigil: nil, bool, int,
// int64, float64, string or []byte.
type Args map[string]any

// Query compiles all statements of a text and starts the first. Nothing is sent if any of them
// cannot be compiled. Attached files are changed when the last result has been read to its end, all of
// them or none. The error is a [*stmt.Error] where something in the text is wrong. The
// context bounds the whole life of the Rows, which must be closed.
func (e *Engine) Query(ctx context.Context, text string, args Args) (*Rows, error) {
	statements, err := stmt.Split(text)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		return nil, &stmt.Error{Text: text, Pos: -1, Msg: "no statement was given", Hint: "for example: SELECT status, count(*) FROM okta.user.users GROUP BY status"}
	}
	if err := checkArgs(statements, args); err != nil {
		return nil, err
	}
	q := &query{engine: e, meter: new(okta.Meter), schemas: map[string]*orgSchemas{}, learned: map[string]string{}}
	q.db, err = vtab.Open(vtab.Options{NoPushdown: e.options.NoPushdown, TempInMemory: e.options.TempInMemory})
	if err != nil {
		return nil, err
	}
	q.statements = len(statements)
	rows := &Rows{ctx: ctx, query: q}
	q.src = &source{query: q}
	if err := errors.Join(q.use(e.catalog), q.openFiles()); err != nil {
		rows.Close()
		return nil, err
	}
	if rows.results, err = q.compileAll(ctx, statements, args); err != nil {
		rows.Close()
		return nil, err
	}
	for _, s := range statements {
		rows.vertical = append(rows.vertical, s.Vertical || s.Kind == stmt.Explain && s.Of == stmt.Select)
	}
	return rows, nil
}

// checkArgs compares the parameters that the statements name with the values that are given, so
// that a forgotten one does not quietly become NULL.
func checkArgs(statements []stmt.Statement, args Args) error {
	named := map[string]bool{}
	for _, s := range statements {
		for _, p := range stmt.BoundParams(s) {
			name := p.Name
			at := func(msg, hint string) error { return &stmt.Error{Text: s.Source, Pos: p.Pos, Msg: msg, Hint: hint} }
			if strings.HasPrefix(name, "?") {
				return at("a parameter without a name: "+name, "write :name, and give its value as name=value")
			}
			if _, ok := args[name]; !ok {
				return at("the parameter :"+name+" has no value", "give it with --param "+name+"=value")
			}
			named[name] = true
		}
	}
	for name := range args {
		if !named[name] {
			return &stmt.Error{Text: statements[0].Source, Pos: -1, Msg: "no statement uses the parameter " + name, Hint: "write :" + name + " where its value belongs"}
		}
	}
	return nil
}

// A query is what the statements of one Query share.
type query struct {
	engine  *Engine
	db      *vtab.DB
	meter   *okta.Meter
	reads   reads
	counts  map[string]*counted      // what was read whole, by the org's URL
	local   map[string][]stmt.Traced // temporary tables and views by name, in lower case: see remember
	anyName string                   // the name that an org with AnyName has taken in the statement at hand
	notes   []*stmt.Error
	got     *gotten // what the change at hand has got by its key; nil: nobody asks

	recorder *recorder     // EXPLAIN's, in place of the orgs
	begun    bool          // a transaction is
	commits  bool          // it is to be committed behind the last result
	views    []*stmt.Query // the temporary views made so far

	elsewhere elsewhere // the orgs that are read beside the default one

	run *change.Run // of all changes of the query; nil: none was applied yet

	statements int // of the text
	at         int // the one at hand, from 1

	// catalog is the tables as they are registered, with the attributes of orgs that the statement at
	// hand names; src gives their rows.
	catalog *catalog.Catalog
	src     vtab.Source
	schemas map[string]*orgSchemas // those looked at so far, by the org's URL
	silent  bool                   // nothing may be sent
	learned map[string]string      // the types of the attributes that were added so far, by path.name in lower case
}

// use registers the tables of a catalogue, those that are as they were left out.
func (q *query) use(c *catalog.Catalog) error {
	for _, r := range c.Resources() {
		if q.catalog != nil && q.catalog.Lookup(r.Path()) == r {
			continue
		}
		if err := q.db.Register(r, q.src); err != nil {
			return err
		}
	}
	q.catalog = c
	return nil
}

// compile turns a statement into its result.
func (q *query) compile(ctx context.Context, s stmt.Statement, args Args) (result, error) {
	switch {
	case s.Kind == stmt.Select:
		return q.compileSelect(ctx, s, args)
	case s.Kind == stmt.Explain && s.Of == stmt.Select:
		return q.explain(ctx, s, args)
	case s.Kind == stmt.QueryPlan:
		return q.compileSelect(ctx, s, args)
	case s.Kind == stmt.Show:
		return q.show(s)
	case s.Kind == stmt.Describe:
		return q.describe(ctx, s)
	case s.Of.Changes():
		return q.compileChange(ctx, s, args)
	}
	return nil, notRun(s)
}

// notRun is the error of a statement of no known kind.
func notRun(s stmt.Statement) error {
	hint := "it runs SELECT, VALUES, WITH, EXPLAIN, SHOW and DESCRIBE; INSERT, UPDATE, DELETE and EXEC, which change an org; and CREATE, DROP, INSERT, UPDATE and DELETE of temporary tables and attached files"
	word, _, _ := strings.Cut(strings.TrimSpace(s.Text()), " ")
	if near := catalog.Nearest(word, stmt.Words); strings.EqualFold(word, "CALL") {
		hint = "a method is run by EXEC: EXEC okta.user.users.suspend @userId = 'dana@example.com'"
	} else if near != "" {
		hint = "did you mean " + near + "?"
	}
	return &stmt.Error{Text: s.Source, Pos: s.Start, Msg: "not a statement that whoql runs", Hint: hint}
}

// names tells package stmt what tables there are.
func (q *query) names() stmt.Names {
	n := stmt.Names{
		Provider: func(name string) bool { return q.catalog.Provider(name) != nil },
		Table: func(p, s, r string) (string, string, bool) {
			if res := q.catalog.Resource(p, s, r); res != nil {
				return res.Path(), "", true
			}
			return "", q.engine.nearestTable(strings.TrimSuffix(p+"."+s+"."+r, ".")), false
		},
		Columns: func(path string) (visible, hidden []string) {
			for _, c := range q.catalog.Lookup(path).Columns {
				switch {
				case !c.Hidden():
					visible = append(visible, c.Name)
				case c.Kind == catalog.KindAlias || c.Kind == catalog.KindAttribute || c.Kind == catalog.KindRequired:
					hidden = append(hidden, c.Name)
				}
			}
			return visible, hidden
		},
		Binding: func(path, column string) stmt.Binding {
			res := q.catalog.Lookup(path)
			if res == nil {
				return stmt.Free
			}
			if c := res.Column(column); c != nil {
				switch c.Kind {
				case catalog.KindParameter:
					return stmt.ByEqual
				case catalog.KindOrg:
					return stmt.ByEqualOrIn
				case catalog.KindRequired:
					return stmt.Required
				}
			}
			return stmt.Free
		},
	}
	if !q.engine.options.NoRewrite {
		n.Attribute = q.attribute
	}
	return n
}

// attribute finds the column of a key in a JSON field, unless its values may be objects or arrays.
func (q *query) attribute(path, field, key string) (column string, ok bool) {
	r := q.catalog.Lookup(path)
	if r == nil {
		return "", false
	}
	for _, c := range r.Columns {
		if c.Kind == catalog.KindAttribute && len(c.Path) == 2 && strings.EqualFold(c.Path[0], field) && c.Path[1] == key {
			return c.Name, slices.Contains(scalarTypes, c.Type)
		}
	}
	return "", false
}

var scalarTypes = []string{"string", "boolean", "integer", "number"}

// nearestTable is the hint for a table that does not exist.
func (e *Engine) nearestTable(path string) string {
	var all []string
	for _, r := range e.catalog.Resources() {
		all = append(all, r.Path())
	}
	for _, c := range e.options.CSV {
		all = append(all, c.Name)
	}
	if near := catalog.Nearest(path, all); near != "" {
		return "did you mean " + near + "?"
	}
	return "the tables are: " + strings.Join(all, ", ")
}
