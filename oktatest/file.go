package oktatest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// An org with Options.File is kept in a SQLite file: the recipe of the generated users, and everything
// that was changed since. While the org is in use the file is locked for everybody else, by a lock of the
// operating system that ends with the process, however it ends.
//
// SQLite's write-ahead log makes each transaction whole or nothing when a process is killed, and what was
// committed is in the hands of the operating system: https://sqlite.org/wal.html.

const (
	// fileID marks the files of this package, in the place that SQLite has for it: "whoq".
	// https://sqlite.org/pragma.html#pragma_application_id
	fileID = 0x77686f71
	// fileFormat is the version of the tables and of the JSON in them.
	fileFormat = 1
	// fileMagic is how SQLite files begin: https://sqlite.org/fileformat.html.
	fileMagic = "SQLite format 3\x00"
	// filePatience is how long a file may be in use before it is refused: a process that was just ended
	// may not have let go of it.
	filePatience = 300 * time.Millisecond
)

// A FileProblem is what is wrong with an org's file.
type FileProblem uint8

const (
	FileUnusable     FileProblem = iota // can't be made, read or written; Err says why
	FileInUse                           // another process, or another org of this one, has it
	FileNotAnOrg                        // something else, which is left as it is
	FileDamaged                         // was an org, and can't be read; it is left as it is
	FileOtherVersion                    // made by a version of this package whose users or tables are different
	FileOtherOrg                        // holds an org with other Users, Seed or IDSuffix than the options say
)

// A FileError is why an org can't be kept in a file, or a change of it couldn't be.
type FileError struct {
	File     string // the name as given
	Problem  FileProblem
	Users    int    // of FileOtherOrg: what the file holds
	Seed     uint64 // likewise
	IDSuffix string // likewise
	Err      error  // may be nil
}

// Error says what is wrong, and what to do where that is known.
func (e *FileError) Error() string {
	text := "oktatest: " + e.File
	switch e.Problem {
	case FileInUse:
		text += " is in use by another process"
	case FileNotAnOrg:
		text += " isn't the file of a sandbox org, and is left as it is"
	case FileDamaged:
		text += " is damaged, and is left as it is"
	case FileOtherVersion:
		text += " was made by another version of the sandbox"
	case FileOtherOrg:
		return fmt.Sprintf("%s holds an org of %d users with seed %d and ids that end in %s", text, e.Users, e.Seed, e.IDSuffix)
	default:
		text += " can't be used"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// A recipe is what the generated part of an org is made of.
type recipe struct {
	users  int
	seed   uint64
	suffix string
	day    string // Options.Today as 2006-01-02; "": the zero time
	owner  bool
}

const dayLayout = "2006-01-02"

func (o *Options) recipe() recipe {
	r := recipe{users: o.Users, seed: o.Seed, suffix: o.IDSuffix, owner: o.Owner}
	if !o.Today.IsZero() {
		r.day = o.Today.UTC().Format(dayLayout)
	}
	return r
}

// An orgFile is an open file. It belongs to whoever holds the lock of the org's store for writing.
type orgFile struct {
	name  string
	conn  *sqlite3.Conn // nil: closed
	isNew bool          // there is no org in it yet
	stmts map[string]*sqlite3.Stmt
}

// openFile opens a file, or makes an empty one. Other than that nothing is written.
func openFile(name string) (*orgFile, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, &FileError{File: name, Err: err}
	}
	if err := touch(name, path); err != nil {
		return nil, err
	}
	// SQLite doesn't wait for a lock that two wait for in turn, so each try begins anew.
	for start := time.Now(); ; time.Sleep(time.Duration(5+rand.IntN(20)) * time.Millisecond) {
		f := &orgFile{name: name, stmts: map[string]*sqlite3.Stmt{}}
		err := f.open(path)
		if err == nil {
			return f, nil
		}
		f.close()
		if bad := f.problem(err); bad.Problem != FileInUse || time.Since(start) > filePatience {
			return nil, bad
		}
	}
}

// touch makes sure that there is a file that only its owner can read, if there was none, and refuses what
// isn't a SQLite file without asking SQLite, which might write to it.
func touch(name, path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		return &FileError{File: name, Problem: FileNotAnOrg, Err: errors.New("it is no regular file")}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return &FileError{File: name, Err: err}
	}
	defer f.Close()
	begin := make([]byte, len(fileMagic))
	switch n, err := io.ReadFull(f, begin); {
	case n == 0 && err == io.EOF:
		return nil
	case err != nil && err != io.ErrUnexpectedEOF:
		return &FileError{File: name, Err: err}
	case string(begin) != fileMagic:
		return &FileError{File: name, Problem: FileNotAnOrg}
	}
	return nil
}

// fileURI names a file for SQLite, whatever is in its name. SQLite's own files beside it get its mode.
func fileURI(path string) string {
	var b strings.Builder
	escape := func(s string) {
		for i := 0; i < len(s); i++ {
			if c := s[i]; isBase62(s[i:i+1]) || strings.IndexByte("/.-_:", c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	b.WriteString("file:")
	escape(filepath.ToSlash(path))
	b.WriteString("?modeof=")
	escape(filepath.ToSlash(path))
	return b.String()
}

// open opens the file, locks it for good and looks what it is.
func (f *orgFile) open(path string) (err error) {
	if f.conn, err = sqlite3.OpenFlags(fileURI(path), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI); err != nil {
		return err
	}
	f.conn.BusyTimeout(0)
	if _, err := f.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil { // until the file is found good
		return err
	}
	// This is before the file is read for the first time, so that no shared memory is needed beside it.
	// The empty transaction takes the lock, which stays.
	err = f.conn.Exec("PRAGMA locking_mode = exclusive; PRAGMA trusted_schema = off; PRAGMA cell_size_check = on; BEGIN EXCLUSIVE; COMMIT")
	if err != nil {
		return err
	}
	var id, format, tables int
	for query, to := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &format, "SELECT count(*) FROM sqlite_schema": &tables} {
		if err := f.query(query, func(s *sqlite3.Stmt) error { *to = s.ColumnInt(0); return nil }); err != nil {
			return err
		}
	}
	switch {
	case id == 0 && format == 0 && tables == 0:
		f.isNew = true // nothing that could be lost
	case id != fileID:
		return &FileError{File: f.name, Problem: FileNotAnOrg}
	case format != fileFormat:
		return &FileError{File: f.name, Problem: FileOtherVersion, Err: fmt.Errorf("its format is %d, and this one reads %d", format, fileFormat)}
	}
	return nil
}

// ready prepares the file, which is found good, for changes.
func (f *orgFile) ready() error {
	mode := ""
	// A transaction is safe from the end of its process without waiting for the disk.
	err := f.query("PRAGMA journal_mode = wal", func(s *sqlite3.Stmt) error { mode = s.ColumnText(0); return nil })
	if err == nil {
		err = f.conn.Exec("PRAGMA synchronous = normal; BEGIN IMMEDIATE; COMMIT")
	}
	if err == nil {
		_, err = f.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, false)
	}
	switch {
	case err != nil:
		return f.problem(err)
	case mode != "wal":
		return &FileError{File: f.name, Err: errors.New("SQLite can't keep a write-ahead log beside it")}
	}
	return nil
}

// problem makes a FileError of an error.
func (f *orgFile) problem(err error) *FileError {
	if e, ok := errors.AsType[*FileError](err); ok {
		return e
	}
	e := &FileError{File: f.name, Err: err}
	switch {
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		e.Problem, e.Err = FileInUse, nil
	case errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.CORRUPT), errors.Is(err, errDamaged):
		e.Problem = FileDamaged
	}
	return e
}

// unreadable is problem for a query that can only fail if a table is missing, or not as it should be.
func (f *orgFile) unreadable(err error) *FileError {
	if errors.Is(err, sqlite3.ERROR) {
		err = damaged("%v", err)
	}
	return f.problem(err)
}

// errDamaged is what damage is that SQLite doesn't notice.
var errDamaged = errors.New("what is in it doesn't fit together")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// close lets go of the file. Nothing is written to it afterwards.
func (f *orgFile) close() error {
	if f == nil || f.conn == nil {
		return nil
	}
	for _, s := range f.stmts {
		s.Close()
	}
	err := f.conn.Close()
	f.conn = nil
	if err != nil {
		return f.problem(err)
	}
	return nil
}

// transact runs do in a transaction. If that fails the file is as before.
func (f *orgFile) transact(do func() error) error {
	if f.conn == nil {
		return &FileError{File: f.name, Err: errors.New("the org is closed")}
	}
	err := f.conn.Exec("BEGIN IMMEDIATE")
	if err == nil {
		if err = do(); err == nil {
			err = f.conn.Exec("COMMIT")
		}
		if err != nil && !f.conn.GetAutocommit() { // SQLite may have rolled back by itself
			f.conn.Exec("ROLLBACK")
		}
	}
	if err != nil {
		return f.problem(err)
	}
	return nil
}

// query gives each row of a query to yield.
func (f *orgFile) query(sql string, yield func(*sqlite3.Stmt) error) error {
	s, _, err := f.conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer s.Close()
	for s.Step() {
		if err := yield(s); err != nil {
			return err
		}
	}
	return s.Err()
}

// exec runs a statement, which is kept for the next time. Arguments are int, string, []byte for text, or
// nil.
func (f *orgFile) exec(sql string, args ...any) error {
	s := f.stmts[sql]
	if s == nil {
		var err error
		if s, _, err = f.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return err
		}
		f.stmts[sql] = s
	}
	for i, arg := range args {
		var err error
		switch arg := arg.(type) {
		case int:
			err = s.BindInt(i+1, arg)
		case string:
			err = s.BindText(i+1, arg)
		case []byte:
			err = s.BindRawText(i+1, arg)
		default:
			err = s.BindNull(i + 1)
		}
		if err != nil {
			return err
		}
	}
	return s.Exec()
}

// The settings, by name.
const (
	settingGenerator = "generator"
	settingUsers     = "users"
	settingSeed      = "seed"
	settingSuffix    = "idSuffix"
	settingDay       = "today"
	settingOwner     = "owner"
	settingID        = "id"    // the org's own; in files of before it is missing
	settingClock     = "clock" // how far it is from the machine's, as Go writes a duration
)

func (f *orgFile) set(name, value string) error {
	return f.exec("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", name, value)
}

// readRecipe reads the recipe of a file that isn't new.
func (f *orgFile) readRecipe() (recipe, error) {
	values := map[string]string{}
	err := f.query("SELECT name, value FROM settings", func(s *sqlite3.Stmt) error {
		values[s.ColumnText(0)] = s.ColumnText(1)
		return nil
	})
	if err != nil {
		return recipe{}, f.unreadable(err)
	}
	if v := values[settingGenerator]; v != strconv.Itoa(generatorVersion) && v != "" {
		return recipe{}, &FileError{File: f.name, Problem: FileOtherVersion, Err: fmt.Errorf("its users are of version %s, and this one makes those of version %d", v, generatorVersion)}
	}
	r := recipe{suffix: values[settingSuffix], day: values[settingDay], owner: values[settingOwner] == "true"}
	var err1, err2, err3 error
	r.users, err1 = strconv.Atoi(values[settingUsers])
	r.seed, err2 = strconv.ParseUint(values[settingSeed], 10, 64)
	if r.day != "" {
		_, err3 = time.Parse(dayLayout, r.day)
	}
	if errors.Join(err1, err2, err3) != nil || values[settingGenerator] == "" {
		return r, f.problem(damaged("its settings are %q", values))
	}
	return r, nil
}

// adopt opens the file of o, if it has one, and makes the options those of the org in it.
func (o *Options) adopt() (*orgFile, error) {
	if o.File == "" {
		return nil, nil
	}
	f, err := openFile(o.File)
	if err != nil || f.isNew {
		return f, err
	}
	r, err := f.readRecipe()
	if err != nil {
		f.close()
		return nil, err
	}
	if o.Users != 0 && o.Users != r.users || o.Seed != 0 && o.Seed != r.seed || o.IDSuffix != "" && o.IDSuffix != r.suffix {
		f.close()
		return nil, &FileError{File: f.name, Problem: FileOtherOrg, Users: r.users, Seed: r.seed, IDSuffix: r.suffix}
	}
	o.Users, o.Seed, o.IDSuffix, o.Owner, o.Today = r.users, r.seed, r.suffix, r.owner, time.Time{}
	if r.day != "" {
		o.Today, _ = time.Parse(dayLayout, r.day) // readRecipe has
	}
	return f, nil
}
