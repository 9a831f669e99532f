package vtab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// A Stmt is a compiled statement.
type Stmt struct {
	db      *DB
	stmt    *sqlite3.Stmt
	shelves shelves
	loops   loops
	whole   bool            // see Shape.Unfiltered
	cursors map[int]*cursor // those that are open, by the number of their plan
}

// A ResultColumn is a column of a statement's result.
type ResultColumn struct {
	// Name is the heading.
	Name string
	// Table and Origin name the table and column that the values come from, through subqueries and
	// views; both empty for an expression.
	Table, Origin string
}

// Plans returns how the statement reads the catalogue's tables, if it reads several or one several
// times; a Single one has none.
func (s *Stmt) Plans() []*Plan { return s.loops.plans }

// Prepare compiles one statement, which may only read unless its shape says that it writes. The error is a [*SyntaxError], an
// [*UnboundError], or the context's.
func (db *DB) Prepare(ctx context.Context, sql string, shape Shape) (st *Stmt, err error) {
	defer db.recoverSQLite(&err)
	defer db.conn.SetInterrupt(db.conn.SetInterrupt(ctx))
	stmt, err := db.prepare(ctx, sql, shape)
	if err != nil {
		return nil, err
	}
	st = &Stmt{db: db, stmt: stmt, whole: shape.Unfiltered}
	if !shape.Single && !shape.QueryPlan && (db.plans > 0 || len(db.csv) > 0) {
		if st.loops, err = db.loopsOf(ctx, sql, shape); err != nil {
			stmt.Close()
			return nil, err
		}
	}
	return st, nil
}

func (db *DB) prepare(ctx context.Context, sql string, shape Shape) (*sqlite3.Stmt, error) {
	db.err, db.unbound, db.denied, db.shape, db.plans = nil, nil, "", shape, 0
	prefix := ""
	if shape.QueryPlan {
		prefix = queryPlan
	}
	stmt, tail, err := db.conn.Prepare(prefix + sql)
	if err != nil {
		return nil, db.prepareError(ctx, sql, err)
	}
	if stmt == nil || strings.TrimSpace(tail) != "" || !stmt.ReadOnly() && !shape.Writes {
		stmt.Close()
		msg := "expected one statement that only reads"
		if shape.Writes {
			msg = "expected one statement"
		}
		return nil, &SyntaxError{Msg: msg, Offset: -1}
	}
	return stmt, nil
}

func (db *DB) prepareError(ctx context.Context, sql string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if db.err != nil {
		return db.err
	}
	if db.denied != "" && errors.Is(err, sqlite3.AUTH) {
		return &SyntaxError{Msg: db.denied, Offset: -1}
	}
	var se *sqlite3.Error
	if !errors.As(err, &se) {
		return &SyntaxError{Msg: err.Error(), Offset: -1}
	}
	msg := plainText(se)
	// All plans were refused: SQLite's own words for that are "no query solution".
	if db.unbound != nil && strings.Contains(msg, "no query solution") {
		return db.unbound
	}
	offset := -1
	if tail := se.SQL(); tail != "" {
		offset = max(len(sql)-len(tail), 0)
	}
	return &SyntaxError{Msg: msg, Offset: offset}
}

// plainText is an error's text without what the binding puts in front of every message.
func plainText(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "sqlite3: "), "SQL logic error: ")
}

// recoverSQLite turns the binding's panic (it has no memory left) into an error.
func (db *DB) recoverSQLite(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("sqlite: %v (its memory is bounded to %d MiB)", p, db.options.MaxMemory>>20)
	}
}

// Params returns the statement's parameters with their sigil, such as ":name"; "" for a bare ?.
func (s *Stmt) Params() []string {
	out := make([]string, s.stmt.BindCount())
	for i := range out {
		out[i] = s.stmt.BindName(i + 1)
	}
	return out
}

// Bind sets the i-th parameter, counted from 0, to nil, bool, int64, float64, string or []byte.
func (s *Stmt) Bind(i int, v any) error {
	switch v := v.(type) {
	case nil:
		return s.stmt.BindNull(i + 1)
	case bool:
		return s.stmt.BindBool(i+1, v)
	case int:
		return s.stmt.BindInt(i+1, v)
	case int64:
		return s.stmt.BindInt64(i+1, v)
	case float64:
		return s.stmt.BindFloat(i+1, v)
	case string:
		return s.stmt.BindText(i+1, v)
	case []byte:
		return s.stmt.BindBlob(i+1, v)
	}
	return fmt.Errorf("vtab: a parameter of type %T", v)
}

// Columns describes the result.
func (s *Stmt) Columns() []ResultColumn {
	out := make([]ResultColumn, s.stmt.ColumnCount())
	for i := range out {
		out[i] = ResultColumn{Name: s.stmt.ColumnName(i), Table: s.stmt.ColumnTableName(i), Origin: s.stmt.ColumnOriginName(i)}
	}
	return out
}

// Step moves to the next row and reports whether there is one. Errors of a Source come back as
// they were, with their type; the context's cancellation as its cause.
func (s *Stmt) Step(ctx context.Context) (more bool, err error) {
	defer s.db.recoverSQLite(&err)
	defer s.db.conn.SetInterrupt(s.db.conn.SetInterrupt(ctx))
	s.db.err, s.db.denied, s.db.running = nil, "", s
	defer func() { s.db.running = nil }()
	if s.stmt.Step() {
		return true, s.db.err // nil, unless SQLite made a row of what failed
	}
	err = s.stmt.Err()
	switch {
	case err == nil:
		return false, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx) // whatever failed, failed of that
	case s.db.err != nil:
		return false, s.db.err
	case s.db.denied != "" && errors.Is(err, sqlite3.AUTH):
		return false, errors.New(s.db.denied)
	}
	return false, s.db.inUse(err)
}

// Value returns column i of the row: nil, int64, float64, string or []byte.
func (s *Stmt) Value(i int) any {
	switch s.stmt.ColumnType(i) {
	case sqlite3.INTEGER:
		return s.stmt.ColumnInt64(i)
	case sqlite3.FLOAT:
		return s.stmt.ColumnFloat(i)
	case sqlite3.TEXT:
		return s.stmt.ColumnText(i)
	case sqlite3.BLOB:
		return s.stmt.ColumnBlob(i, nil)
	}
	return nil
}

// Text returns column i of the row as the text that SQLite makes of it, as by CAST; "" for NULL. A Value that is
// wanted, too, has to be taken first: https://sqlite.org/c3ref/column_blob.html.
func (s *Stmt) Text(i int) string { return s.stmt.ColumnText(i) }

// jsonSubtype marks a text that a JSON function made: https://sqlite.org/json1.html.
const jsonSubtype = 74

// IsJSON reports whether column i of the row is a text that SQLite's JSON functions made.
func (s *Stmt) IsJSON(i int) bool { return s.stmt.ColumnValue(i).Subtype() == jsonSubtype }

// Close ends the statement and its scans.
func (s *Stmt) Close() (err error) {
	defer func() { err = errors.Join(err, s.shelves.close()) }() // whatever becomes of SQLite
	defer s.db.recoverSQLite(&err)
	_ = s.stmt.Close() // the error of the last Step once more, nothing new
	return nil
}
