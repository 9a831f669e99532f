package vtab

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// An AttachMode is what may be done with an attached file.
type AttachMode int

const (
	// AttachRead only reads. The file must be there.
	AttachRead AttachMode = iota
	// AttachWrite reads and writes. The file must be there.
	AttachWrite
	// AttachCreate reads and writes, and makes the file if it is not there, for its owner only.
	AttachCreate
)

// An Attachment is a SQLite file whose tables statements can use.
type Attachment struct {
	// Name stands in front of the file's tables, as in name.table: letters, digits and _, not a digit
	// first, no word of SQL. Required.
	Name string
	// Path is the file. Required.
	Path string
	// Mode is what may be done with it; the zero value reads.
	Mode AttachMode
}

// An AttachError is a file that can't be attached.
type AttachError struct {
	Name, Path string
	// Msg says what is wrong, Hint what to do next; Hint may be empty.
	Msg, Hint string
	// Err is the system's error, if there was one.
	Err error
}

// Error returns "path: message".
func (e *AttachError) Error() string { return e.Path + ": " + e.Msg }

// Unwrap returns Err.
func (e *AttachError) Unwrap() error { return e.Err }

// A NameError is a name that a file can't have in SQL.
type NameError struct {
	// What has the name: "CSV file" or "attached file".
	What, Name string
	// Msg says why it can't have it.
	Msg string
}

// Error returns "what name: message".
func (e *NameError) Error() string { return fmt.Sprintf("%s %s: %s", e.What, e.Name, e.Msg) }

// An attached is an attached file.
type attached struct {
	name, path string
	writes     bool
	created    bool // by us: it is removed in the end if nothing was written to it
}

func (f *attached) removeEmpty() error {
	if !f.created {
		return nil
	}
	if info, err := os.Stat(f.path); err != nil || info.Size() > 0 {
		return nil
	}
	return os.Remove(f.path)
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// name checks the name of a file.
func (db *DB) name(what, name string) error {
	refuse := func(format string, args ...any) error {
		return &NameError{What: what, Name: name, Msg: fmt.Sprintf(format, args...)}
	}
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return refuse("it needs a name")
	case !nameForm.MatchString(name):
		return refuse("a name has letters A to Z, digits and _ only, and does not begin with a digit")
	case lower == "main" || lower == "temp" || strings.HasPrefix(lower, "sqlite_"):
		return refuse("the name is SQLite's own")
	case db.csv[lower] != nil || db.files[lower] != nil:
		return refuse("the name is given twice")
	}
	for path := range db.resources {
		if provider, _, _ := strings.Cut(path, "."); provider == lower {
			return refuse("the name is the provider's")
		}
	}
	// A word such as order would have to be quoted each time.
	stmt, _, err := db.conn.Prepare("SELECT 1 AS x, " + name + ".x FROM (SELECT 1 AS x) AS " + name)
	stmt.Close()
	if err != nil {
		return refuse("the name is a word of SQL")
	}
	return nil
}

// busy is how long another program's write to an attached file is waited for.
var busy = 5 * time.Second // tests make it shorter

// Attach adds a SQLite file as a schema. The error is a [*NameError] or an [*AttachError].
func (db *DB) Attach(a Attachment) (err error) {
	if err := db.name("attached file", a.Name); err != nil {
		return err
	}
	f := &attached{name: a.Name, writes: a.Mode != AttachRead}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.removeEmpty())
		}
	}()
	refuse := func(err error, msg, hint string) error {
		return &AttachError{Name: a.Name, Path: a.Path, Msg: msg, Hint: hint, Err: err}
	}
	if f.path, err = filepath.Abs(a.Path); err != nil {
		return refuse(err, err.Error(), "")
	}
	info, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) && a.Mode == AttachCreate {
		var made *os.File
		if made, err = os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
			f.created = true
			err = made.Close()
		}
		if err == nil {
			info, err = os.Stat(f.path)
		}
	}
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return refuse(err, path.Err.Error(), "")
	case err != nil:
		return refuse(err, err.Error(), "")
	case !info.Mode().IsRegular():
		return refuse(nil, "not a regular file", "")
	}
	if err := db.attach(f); err != nil {
		msg, hint := attachMessage(err)
		return refuse(err, msg, hint)
	}
	db.files[strings.ToLower(a.Name)] = f
	return nil
}

// attach runs ATTACH and reads the file's schema.
func (db *DB) attach(f *attached) error {
	if err := db.conn.BusyTimeout(busy); err != nil {
		return err
	}
	mode := "ro"
	if f.writes {
		mode = "rw"
	}
	slashed := filepath.ToSlash(f.path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	uri := url.URL{Scheme: "file", Path: slashed, RawQuery: "mode=" + mode}
	name := quote(f.name)
	if err := db.exec("ATTACH '" + strings.ReplaceAll(uri.String(), "'", "''") + "' AS " + name); err != nil {
		return err
	}
	// The first read shows whether it is a SQLite file at all.
	err := db.exec("PRAGMA " + name + ".cell_size_check = ON; SELECT count(*) FROM " + name + ".sqlite_schema")
	if err != nil {
		return errors.Join(err, db.exec("DETACH "+name))
	}
	return nil
}

func attachMessage(err error) (msg, hint string) {
	switch {
	case errors.Is(err, sqlite3.NOTADB):
		return "not a SQLite file", "a CSV file is named with --csv"
	case errors.Is(err, sqlite3.READONLY_ROLLBACK), errors.Is(err, sqlite3.READONLY_RECOVERY), errors.Is(err, sqlite3.READONLY_CANTINIT), errors.Is(err, sqlite3.CANTOPEN):
		return plainText(err), "if a program was ended while it wrote to the file, attach it for writing once: SQLite then undoes what is half written"
	case errors.Is(err, sqlite3.BUSY):
		return plainText(err), "another program is writing to it"
	}
	return plainText(err), ""
}

// Begin begins a transaction, so that the attached files stay as they are until its end, and what is
// written to them is kept as a whole or not at all. The error is an [*AttachError] if a file has a table
// by the name of a resource: SQLite would read that one instead.
func (db *DB) Begin() error {
	if err := db.transaction("BEGIN"); err != nil {
		return err
	}
	for _, f := range db.files {
		if err := db.ownNames(f); err != nil {
			return err
		}
	}
	return nil
}

// ownNames refuses a file with tables of ours, as of the transaction's begin.
func (db *DB) ownNames(f *attached) (err error) {
	defer db.recoverSQLite(&err)
	stmt, _, err := db.conn.Prepare("SELECT name FROM " + quote(f.name) + ".sqlite_schema")
	if err != nil {
		msg, hint := attachMessage(err)
		return &AttachError{Name: f.name, Path: f.path, Msg: msg, Hint: hint, Err: err}
	}
	defer stmt.Close()
	for stmt.Step() {
		if name := stmt.ColumnText(0); db.resources[strings.ToLower(name)] {
			return &AttachError{Name: f.name, Path: f.path, Msg: "it has a table called " + name + ", which is the name of a table of an org", Hint: "rename it in the file"}
		}
	}
	if err := stmt.Err(); err != nil {
		msg, hint := attachMessage(err)
		return &AttachError{Name: f.name, Path: f.path, Msg: msg, Hint: hint, Err: err}
	}
	return nil
}

// Commit keeps what was written since Begin.
func (db *DB) Commit() error { return db.transaction("COMMIT") }

// Rehearse marks the place to which EndRehearsal goes back.
func (db *DB) Rehearse() error { return db.transaction("SAVEPOINT rehearsal") }

// EndRehearsal undoes all since Rehearse.
func (db *DB) EndRehearsal() error {
	return db.transaction("ROLLBACK TO rehearsal; RELEASE rehearsal")
}

// Analyze counts the rows of a temporary table, if there is one by the name, so that SQLite plans joins
// with it well: https://sqlite.org/lang_analyze.html.
func (db *DB) Analyze(name string) (err error) {
	defer db.recoverSQLite(&err)
	stmt, _, err := db.conn.Prepare("SELECT 1 FROM temp.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE")
	if err != nil {
		return err
	}
	defer stmt.Close()
	if err := stmt.BindText(1, name); err != nil || !stmt.Step() {
		return errors.Join(err, stmt.Err())
	}
	return db.exec("ANALYZE temp." + quote(name))
}

// transaction runs SQL of ours that begins or ends one.
func (db *DB) transaction(sql string) error {
	if err := db.exec(sql); err != nil {
		return db.inUse(err)
	}
	return nil
}

// inUse is an error of SQLite that came while a statement ran, in words.
func (db *DB) inUse(err error) error {
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) {
		return fmt.Errorf("an attached file is in use by another program, or attached twice: %s", plainText(err))
	}
	return &ValueError{plainText(err)}
}

// A ValueError is SQLite's error about what a running statement computes.
type ValueError struct {
	// Msg is SQLite's message, which may quote values.
	Msg string
}

// Error returns SQLite's message.
func (e *ValueError) Error() string { return e.Msg }
