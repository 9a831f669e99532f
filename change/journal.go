package change

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
)

// JournalFile is the name of the journal in its directory.
const JournalFile = "journal.db"

const (
	journalID     = 0x77716c6a // SQLite's application_id
	journalFormat = 1          // SQLite's user_version
)

// The journal is a SQLite file. Its one real table only ever grows, and the views show what the entries
// add up to. An entry's kind says what its data, a JSON object, is:
//
//	run        a run begins: actor, program, undoes
//	open       it is opened again, to be resumed
//	statement  a plan, without its rows: statement (unless it was given a secret), verb, resource, hash, …
//	row        a row of the plan with its steps, secrets replaced by "(secret)" and an HMAC
//	start      a step's call is about to be made: what is known of the object, and the org's time
//	outcome    how the step ended
//	finish     all rows of the statement have ended, or the run was stopped
//	end        the run is closed: whether steps are still to be done
//
// statement, row and step count from 0 and are null where an entry isn't about one. at is the local
// clock's time in UTC. prev is the hash of the entry before, of whatever run, and hash the SHA-256 of prev
// and the entry's other columns; see [entry.sum].
//
// keys has the key of a run's HMACs, and only as long as the run may have to compare secrets.
const journalSchema = `
CREATE TABLE entries (
	seq       INTEGER PRIMARY KEY,
	run       TEXT NOT NULL,
	kind      TEXT NOT NULL CHECK (kind IN ('run', 'open', 'statement', 'row', 'start', 'outcome', 'finish', 'end')),
	statement INTEGER,
	row       INTEGER,
	step      INTEGER,
	at        TEXT NOT NULL,
	data      TEXT NOT NULL CHECK (json_valid(data)),
	prev      BLOB NOT NULL CHECK (length(prev) = 32),
	hash      BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX entries_of_run ON entries (run, seq);
CREATE INDEX entries_of_runs ON entries (seq) WHERE kind IN ('run', 'open', 'statement', 'finish', 'end');
CREATE TABLE keys (run TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIEW runs AS
	SELECT run AS id, at AS started, data ->> 'actor' AS actor, data ->> 'program' AS program, data ->> 'undoes' AS undoes,
		(SELECT max(at) FROM entries e WHERE e.run = b.run AND e.kind = 'end') AS ended
	FROM entries b WHERE kind = 'run';
CREATE VIEW statements AS
	SELECT run, statement, at, data ->> 'verb' AS verb, data ->> 'resource' AS resource, data ->> 'hash' AS hash, data ->> 'statement' AS text
	FROM entries WHERE kind = 'statement';
CREATE VIEW operations AS
	SELECT r.run, r.statement, r.row, s.key AS step, r.data ->> 'org' AS org, r.data ->> 'id' AS id, r.data ->> 'name' AS name,
		s.value ->> 'method' AS method, s.value ->> 'from' AS from_status, s.value ->> 'to' AS to_status,
		(SELECT max(at) FROM entries e WHERE e.run = r.run AND e.seq > r.seq AND e.kind = 'start'
			AND (e.statement, e.row, e.step) = (r.statement, r.row, s.key)) AS started,
		(SELECT data ->> 'result' FROM entries e WHERE e.run = r.run AND e.seq > r.seq AND e.kind = 'outcome'
			AND (e.statement, e.row, e.step) = (r.statement, r.row, s.key) ORDER BY seq DESC LIMIT 1) AS outcome
	FROM entries r, json_each(r.data, '$.steps') s WHERE r.kind = 'row';
`

// JournalOptions are what is optional about a journal.
type JournalOptions struct {
	// Now is the local clock; nil: time.Now.
	Now func() time.Time
	// ReadOnly opens a journal to look at: where there is none nothing is made, and it has no runs. Off, the
	// directory and the file are made.
	ReadOnly bool
}

// A Journal is a file that says what was planned, begun and done. It may be used concurrently, and by
// several processes at one time.
type Journal struct {
	dir     string
	catalog *catalog.Catalog
	now     func() time.Time

	mu   sync.Mutex    // over conn
	conn *sqlite3.Conn // nil: there is no journal, or it is closed

	writes chan write // to the goroutine that writes
	done   chan struct{}
	close  sync.Once
}

// A JournalError is a journal that can't be used.
type JournalError struct {
	// File is its name.
	File string
	// Err says what is wrong.
	Err error
}

// Error names the file and what is wrong with it.
func (e *JournalError) Error() string { return fmt.Sprintf("change: journal %s: %v", e.File, e.Err) }

// Unwrap returns what is wrong.
func (e *JournalError) Unwrap() error { return e.Err }

// OpenJournal opens the journal in a directory, both of which only their owner can read. Close it. The
// error is a [*JournalError].
func OpenJournal(dir string, cat *catalog.Catalog, o JournalOptions) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &Journal{dir: dir, catalog: cat, now: o.Now, writes: make(chan write), done: make(chan struct{})}
	path, err := filepath.Abs(filepath.Join(dir, JournalFile))
	if err == nil {
		err = j.open(path, o.ReadOnly)
	}
	if err != nil {
		if j.conn != nil {
			j.conn.Close()
		}
		return nil, &JournalError{File: filepath.Join(dir, JournalFile), Err: err}
	}
	go j.write()
	return j, nil
}

// open opens the file and sees that it is a journal.
func (j *Journal) open(path string, readOnly bool) (err error) {
	if readOnly {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	} else if err := private(path); err != nil {
		return err
	}
	if j.conn, err = openSQLite(path); err != nil {
		return err
	}
	if err := j.conn.Exec("PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA secure_delete = on; PRAGMA cell_size_check = on; PRAGMA trusted_schema = off"); err != nil {
		return err
	}
	return j.transact(func() error {
		id, err := j.number("PRAGMA application_id")
		if err != nil {
			return err
		}
		format, err := j.number("PRAGMA user_version")
		if err != nil {
			return err
		}
		tables, err := j.number("SELECT count(*) FROM sqlite_schema")
		switch {
		case err != nil:
			return err
		case id == journalID && format == journalFormat:
			return nil
		case id == journalID:
			return fmt.Errorf("its format is %d, and this program knows %d: use the program that made it", format, journalFormat)
		case id != 0 || tables != 0:
			return errors.New("it is a SQLite file, but no journal: name another directory")
		}
		return j.conn.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; %s", journalID, journalFormat, journalSchema))
	})
}

// private makes the directory and the file, for their owner alone, and refuses a file that others may read.
func private(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	f.Close()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may read it: run chmod 600 %s", path)
	}
	return nil
}

// openSQLite opens a SQLite file, whatever is in its name. SQLite's log beside it gets its mode.
func openSQLite(path string) (*sqlite3.Conn, error) {
	var b strings.Builder
	for _, c := range []byte(filepath.ToSlash(path)) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/.-_:", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	conn, err := sqlite3.OpenFlags("file:"+b.String()+"?modeof="+b.String(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	if err := conn.BusyTimeout(10 * time.Second); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Close ends all use of the journal. Runs have to be closed before.
func (j *Journal) Close() error {
	var err error
	j.close.Do(func() {
		close(j.writes)
		<-j.done
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.conn != nil {
			err = j.conn.Close()
			j.conn = nil
		}
	})
	return j.wrap(err)
}

func (j *Journal) wrap(err error) error {
	var je *JournalError
	var ve *VerifyError
	if err == nil || errors.As(err, &je) || errors.As(err, &ve) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &JournalError{File: filepath.Join(j.dir, JournalFile), Err: err}
}

// errClosed is the use of a journal that is closed or, read-only, never was.
var errClosed = errors.New("there is none open")

// transact runs do in a transaction. The caller holds the lock, if anybody else knows the journal yet.
func (j *Journal) transact(do func() error) error {
	if err := j.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = j.conn.Exec("COMMIT")
	}
	if err != nil {
		if !j.conn.GetAutocommit() {
			return errors.Join(err, j.conn.Exec("ROLLBACK"))
		}
		return err
	}
	return nil
}

// number returns what a query for one number answers.
func (j *Journal) number(sql string) (n int, err error) {
	err = j.query(sql, nil, func(s *sqlite3.Stmt) error { n = s.ColumnInt(0); return nil })
	return n, err
}

// query runs a query with texts and numbers for its parameters and calls each for every row. The caller
// holds the lock.
func (j *Journal) query(sql string, args []any, each func(*sqlite3.Stmt) error) (err error) {
	if j.conn == nil {
		return errClosed
	}
	s, _, err := j.conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i, a := range args {
		switch a := a.(type) {
		case string:
			err = s.BindText(i+1, a)
		case int:
			err = s.BindInt(i+1, a)
		case []byte:
			err = s.BindBlob(i+1, a)
		default:
			err = s.BindNull(i + 1)
		}
		if err != nil {
			return err
		}
	}
	for s.Step() {
		if err := each(s); err != nil {
			return err
		}
	}
	return s.Err()
}
