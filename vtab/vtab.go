// Package vtab makes the resources of the catalogue tables of SQLite.
//
// A [DB] is a SQLite connection in memory. [DB.Register] adds a resource as a virtual table whose
// rows come from a [Source]; [DB.Prepare] compiles a statement, and its [Stmt] steps through the
// rows. SQLite plans and runs every query. While it plans it asks each table what it can do
// (BestIndex), and the answer is a [Plan]; when it runs, each scan starts with the plan and the
// values it lacked, together a [Scan], which goes to the Source. Every row that comes back is
// checked by SQLite again, so that a Source may give a superset of what was asked, never less.
//
// The package hides the SQLite binding: nothing else in whoql imports it. A DB and its statements
// belong to one goroutine at a time. vtab knows nothing of HTTP or Okta's search language.
package vtab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/csvfile"
)

// A Source gives the rows of tables.
type Source interface {
	// Scan starts reading the rows that a scan asks for: all of them, or more, in any order. It
	// must not keep the Scan. The context is the query's.
	Scan(ctx context.Context, s *Scan) (Rows, error)
}

// Rows is one running scan.
type Rows interface {
	// Next returns the next object; io.EOF itself, not wrapped, behind the last one. Any other error
	// ends the query.
	Next(ctx context.Context) (Object, error)
	// Close ends the scan and all that works for it.
	Close() error
}

// An Object is one row as the API gave it.
type Object struct {
	// JSON is a valid JSON object. It is not changed, and not kept longer than the row.
	JSON []byte
	// Org is the name of the org that answered.
	Org string
	// Required are the values of the table's required parameters for which the API gave the object,
	// in the order of the columns. Objects may share the slice.
	Required []string
}

// Options are the settings of a DB; the zero value works.
type Options struct {
	// NoPushdown hands no condition over, save for request parameters and the org: every table is
	// read whole and SQLite does the rest. The rows are the same; this is how that is tested.
	NoPushdown bool
	// TempInMemory keeps SQLite's temporary data, such as big sorts, in memory instead of in
	// files that are gone when the statement ends. The zero value uses files.
	TempInMemory bool
	// MaxMemory bounds SQLite's memory in bytes; 0 means 1 GiB.
	MaxMemory int64
}

// A DB is a SQLite connection whose tables are the catalogue's resources.
type DB struct {
	conn    *sqlite3.Conn
	options Options

	// The state of the statement at hand. SQLite shares one table object among all uses of a table
	// in a statement and gives errors back as text, so what must outlive a callback stands here.
	shape   Shape
	running *Stmt // the statement whose Step is under way
	err     error // the first error of a callback, with its type
	unbound *UnboundError
	plans   int // numbers the plans of a statement, so that compiling it again numbers them alike

	resources map[string]bool          // paths of the resources, in lower case
	csv       map[string]*csvfile.File // by the table's name, in lower case
	files     map[string]*attached     // by the schema's name, in lower case
	trusted   bool                     // what runs is ours, not a user's
	denied    string                   // why the authorizer refused the statement at hand
}

// A Shape is what the text of a statement says about it and SQLite does not tell its tables.
type Shape struct {
	// BindsOrg: some condition picks an org, or might.
	BindsOrg bool
	// Single: the statement reads one table, once. The zero value is right for all statements.
	Single bool
	// Writes: the statement changes temporary tables or attached files. The zero value lets it only read.
	Writes bool
	// Unfiltered: the statement wants all rows of its tables, as far as its text says: it has no condition but a single one
	// for each join, and no LIMIT. The zero value is right for all.
	Unfiltered bool
	// QueryPlan: what is wanted is SQLite's plan of the statement, a row for each step: https://sqlite.org/eqp.html.
	QueryPlan bool
}

// Open opens a DB without tables.
func Open(o Options) (*DB, error) {
	if o.MaxMemory == 0 {
		o.MaxMemory = 1 << 30
	}
	conn, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(context.Background(), o.MaxMemory), ":memory:")
	if err != nil {
		return nil, fmt.Errorf("vtab: open: %w", err)
	}
	db := &DB{conn: conn, options: o, resources: map[string]bool{}, csv: map[string]*csvfile.File{}, files: map[string]*attached{}}
	store := "file"
	if o.TempInMemory {
		store = "memory"
	}
	if err := db.secure(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("vtab: open: %w", err)
	}
	if err := db.exec("PRAGMA temp_store = " + store); err != nil {
		conn.Close()
		return nil, fmt.Errorf("vtab: open: %w", err)
	}
	return db, nil
}

// Close closes the DB; what was not committed is undone. Its statements must be closed before.
func (db *DB) Close() error {
	err := db.conn.Close()
	for _, f := range db.files {
		err = errors.Join(err, f.removeEmpty())
	}
	db.files = nil
	return err
}

// Register adds a resource as a table whose name is the resource's path.
func (db *DB) Register(r *catalog.Resource, src Source) error {
	declaration := declare(r)
	connect := func(conn *sqlite3.Conn, _, _, _ string, _ ...string) (*table, error) {
		if err := conn.DeclareVTab(declaration); err != nil {
			return nil, err
		}
		// A view or trigger in a file that somebody else made must not call the API.
		if err := conn.VTabConfig(sqlite3.VTAB_DIRECTONLY); err != nil {
			return nil, err
		}
		return newTable(db, r, src), nil
	}
	// No create function: the table is eponymous, there without CREATE VIRTUAL TABLE.
	//lint:ignore SA1019 the generic method that is to take its place needs a newer Go
	if err := sqlite3.CreateModule[*table](db.conn, r.Path(), nil, connect); err != nil {
		return fmt.Errorf("vtab: register %s: %w", r.Path(), err)
	}
	db.resources[strings.ToLower(r.Path())] = true
	return nil
}

// declare returns the table's CREATE TABLE. Fields and what names objects are TEXT. Attributes must have no affinity, since
// TEXT or NUMERIC would turn 7 into '7' or '007' into 7; but SQLite takes HIDDEN alone for a type
// that means NUMERIC, and only BLOB for one without affinity: https://sqlite.org/datatype3.html.
func declare(r *catalog.Resource) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE x(")
	for i, c := range r.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`)
		switch c.Kind {
		case catalog.KindParameter, catalog.KindAttribute:
			b.WriteString(" BLOB")
		default:
			b.WriteString(" TEXT")
		}
		if c.Hidden() {
			b.WriteString(" HIDDEN")
		}
	}
	b.WriteString(")")
	return b.String()
}

// An UnboundError is the use of a request parameter that nothing binds.
type UnboundError struct {
	Table, Column string
	// Required: the table can't be read without the parameter. Else it is one that the statement uses.
	Required bool
}

// Error says how to bind the parameter.
func (e *UnboundError) Error() string {
	if e.Required {
		return fmt.Sprintf("%s needs a value for %s", e.Table, e.Column)
	}
	return fmt.Sprintf("%s is a request parameter and has no value here: bind it with %s = 'value' in a condition that every row of %s must meet",
		e.Column, e.Column, e.Table)
}

// A SyntaxError is SQLite's refusal of a statement.
type SyntaxError struct {
	// Msg is SQLite's message.
	Msg string
	// Offset is the byte offset in the SQL text, -1 if SQLite gave none.
	Offset int
}

// Error returns SQLite's message.
func (e *SyntaxError) Error() string { return e.Msg }

// keep remembers a callback's error with its type, and returns it for SQLite.
func (db *DB) keep(err error) error {
	if err != nil && db.err == nil && !errors.Is(err, sqlite3.CONSTRAINT) {
		db.err = err
	}
	return err
}

// guard turns a panic of a callback into its error: unwinding through SQLite would leave it broken.
func (db *DB) guard(err *error) {
	if p := recover(); p != nil {
		*err = db.keep(fmt.Errorf("vtab: internal error: %v", p))
	}
}
