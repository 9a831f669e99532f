package change

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
)

// RunInfo is what the journal notes about a run as a whole.
type RunInfo struct {
	// Actor is who started it, in the words of the caller, such as an operating system's user.
	Actor string `json:"actor,omitempty"`
	// Program is what started it, such as "whoql 1.2.0".
	Program string `json:"program,omitempty"`
	// Undoes is the run that this one undoes; empty: none.
	Undoes string `json:"undoes,omitempty"`
	// Statements is how many statements the text has whose plans these are, those that change nothing included;
	// 0: there is no text.
	Statements int `json:"statements,omitempty"`
}

// A Run is the application of plans, one after the other, by one process at a time. Close it.
type Run struct {
	// ID names the run: the time of its begin in UTC and six letters and digits.
	ID string

	journal *Journal
	lock    *sqlite3.Conn
	record  *record // what the journal had when the run was opened, and what was done since
	key     []byte  // of the HMACs; nil until there is a secret
	clocks  clocks
	undoes  *Run       // whose lock is held as long, too; nil: none
	ended   bool       // nobody needs its lock's file any more
	found   []Identity // the orgs in which something is left; nil: they weren't asked yet
}

var runID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[a-z0-9]{6}$`)

// A RunError is a run that can't be opened.
type RunError struct {
	// ID is the run's, as it was asked for.
	ID string
	// Busy is true where another process is at it; else there is no such run.
	Busy bool
}

// Error says what is the matter.
func (e *RunError) Error() string {
	if e.Busy {
		return fmt.Sprintf("change: run %s is under way in another process: wait for its end", e.ID)
	}
	return fmt.Sprintf("change: there is no run %q in the journal", e.ID)
}

// Begin starts a run. As long as it lasts, the run that it undoes can't be gone on with, nor undone by
// anybody else: if a process is at that one, the error is a [*RunError].
func (j *Journal) Begin(info RunInfo) (*Run, error) {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // 32, without those that look like others
	var b [6]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	now := j.now()
	r := &Run{ID: now.UTC().Format("20060102-150405-") + string(b[:]), journal: j}
	if info.Undoes != "" {
		if !runID.MatchString(info.Undoes) {
			return nil, &RunError{ID: info.Undoes}
		}
		r.undoes = &Run{ID: info.Undoes, journal: j}
		r.undoes.ended = !r.undoes.lockExists()
		if err := r.undoes.take(); err != nil {
			return nil, err
		}
	}
	err := r.take()
	if err == nil {
		err = j.put([]entry{r.entry("run", none, none, none, info)}, nil)
	}
	if err != nil {
		return nil, errors.Join(err, r.release(true))
	}
	r.record = &record{info: info, id: r.ID, began: now}
	return r, nil
}

// Open opens a run that was interrupted or has left something to do. The error is a [*RunError] if there
// is no such run or another process is at it, and a [*VerifyError] if its entries aren't as they were written.
func (j *Journal) Open(ctx context.Context, id string) (*Run, error) {
	if !runID.MatchString(id) {
		return nil, &RunError{ID: id}
	}
	if _, err := j.verify(ctx, id); err != nil {
		return nil, err
	}
	if rec, err := j.load(ctx, id); err != nil {
		return nil, err
	} else if rec == nil {
		return nil, &RunError{ID: id}
	}
	r := &Run{ID: id, journal: j}
	if err := r.take(); err != nil {
		return nil, err
	}
	err := j.put([]entry{r.entry("open", none, none, none, struct{}{})}, nil)
	if err == nil {
		r.record, err = j.load(ctx, id) // again, now that nobody else writes
	}
	if err == nil {
		r.key, err = j.keyOf(id)
	}
	if err != nil {
		r.release(false)
		return nil, err
	}
	return r, nil
}

func (r *Run) lockFile() string { return filepath.Join(r.journal.dir, "run-"+r.ID+".lock") }

func (r *Run) lockExists() bool {
	_, err := os.Stat(r.lockFile())
	return err == nil
}

// take takes the run's lock: SQLite's lock of an empty file, which ends with the process however that ends.
func (r *Run) take() error {
	path, err := filepath.Abs(r.lockFile())
	if err != nil {
		return r.journal.wrap(err)
	}
	for {
		taken, err := r.tryLock(path)
		if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) {
			return &RunError{ID: r.ID, Busy: true}
		}
		if taken || err != nil {
			return r.journal.wrap(err)
		}
	}
}

// tryLock makes the file if need be and locks it. It is in vain if whoever had the lock before has taken
// the file away meanwhile: then others would lock another one. As long as f is open no other file can be
// taken for it.
func (r *Run) tryLock(path string) (taken bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if r.lock, err = openSQLite(path); err != nil {
		if errors.Is(err, sqlite3.CANTOPEN) {
			_, gone := os.Stat(path)
			if errors.Is(gone, fs.ErrNotExist) {
				return false, nil
			}
		}
		return false, err
	}
	r.lock.BusyTimeout(0)
	if err = r.lock.Exec("PRAGMA locking_mode = exclusive; PRAGMA journal_mode = memory; BEGIN EXCLUSIVE"); err == nil {
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return true, nil
		}
	}
	r.lock.Close()
	r.lock = nil
	return false, err
}

// release gives the lock back, and takes its file away if nobody will need it any more.
func (r *Run) release(forGood bool) error {
	var err error
	if r.undoes != nil {
		err = r.undoes.release(r.undoes.ended)
	}
	if r.lock == nil {
		return err
	}
	if forGood && runtime.GOOS != "windows" {
		err = errors.Join(err, os.Remove(r.lockFile())) // while nobody else has the lock
	}
	err = errors.Join(err, r.lock.Close())
	r.lock = nil
	if forGood && runtime.GOOS == "windows" {
		os.Remove(r.lockFile()) // which fails if somebody has opened it by now
	}
	return r.journal.wrap(err)
}

// ReachedEnd notes that the run's text has been run to its end: there is no statement that wasn't begun. It is written
// down by Close.
func (r *Run) ReachedEnd() { r.record.whole = true }

// Close ends the run, and notes whether something is left to do. A second Close does nothing.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	left := r.record.left()
	var forget *runKey
	if left.masked == 0 && r.key != nil {
		forget = &runKey{run: r.ID}
	}
	err := r.journal.put([]entry{r.entry("end", none, none, none, endData{Left: left.steps, Whole: r.record.whole})}, forget)
	if forget != nil && err == nil {
		err = r.journal.wipe()
	}
	return errors.Join(err, r.release(left.steps == 0))
}

// wipe takes what was deleted out of the write-ahead log, too, unless others are reading.
func (j *Journal) wipe() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return errClosed
	}
	err := j.conn.Exec("PRAGMA wal_checkpoint(truncate)")
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) {
		return nil
	}
	return j.wrap(err)
}

func (j *Journal) keyOf(run string) (key []byte, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err = j.query("SELECT key FROM keys WHERE run = ?", []any{run}, func(s *sqlite3.Stmt) error { key = s.ColumnBlob(0, nil); return nil })
	return key, j.wrap(err)
}

// entry makes an entry of the run.
func (r *Run) entry(kind string, statement, row, step int, data any) entry {
	return entry{run: r.ID, kind: kind, statement: statement, row: row, step: step, at: stamp(r.journal.now()), data: encode(data)}
}

// mac returns the HMAC of an operation's secrets, "" if it has none.
func (r *Run) mac(op *Operation) string {
	_, secrets := op.withoutSecrets()
	if secrets == nil {
		return ""
	}
	h := hmac.New(sha256.New, r.key)
	h.Write(canonical(encode(secrets)))
	return hex.EncodeToString(h.Sum(nil))
}

// begin writes a plan to the journal, before its first call, and returns what is to be done.
func (r *Run) begin(p *Plan, orgs []Identity) (*statementRecord, error) {
	n := len(r.record.statements)
	st := &statementRecord{number: n, plan: p, hash: p.Hash(), steps: map[stepKey]*stepRecord{}}
	var key *runKey
	if r.key == nil && p.sendsSecret() {
		r.key = make([]byte, 32)
		rand.Read(r.key)
		key = &runKey{run: r.ID, key: r.key}
	}
	head := p.json()
	summary := p.Summary(nil)
	head.Summary, head.Orgs = &summary, orgs
	entries := []entry{r.entry("statement", n, none, none, head)}
	for _, row := range p.Rows {
		data := row.json()
		for i, op := range row.Steps {
			if data.Steps[i].Secret = r.mac(op); data.Steps[i].Secret != "" {
				st.step(row.Index, i).secret = data.Steps[i].Secret
			}
		}
		entries = append(entries, r.entry("row", n, row.Index, none, data))
	}
	if err := r.journal.put(entries, key); err != nil {
		return nil, err
	}
	r.record.statements = append(r.record.statements, st)
	return st, nil
}

// sendsSecret says whether the body of some operation has a secret.
func (p *Plan) sendsSecret() bool {
	for _, r := range p.Rows {
		for _, op := range r.Steps {
			if _, secrets := op.withoutSecrets(); secrets != nil {
				return true
			}
		}
	}
	return false
}

// startData, outcomeData and endData are the data of the entries of these kinds.
type startData struct {
	// Before is the object as it was read right before, if it was.
	Before *State `json:"before,omitempty"`
	// Was are former values, where the plan didn't know them.
	Was map[string]json.RawMessage `json:"was,omitempty"`
	ID  string                     `json:"id,omitempty"`
	// Org and Latest are the earliest and the latest that it can have been by the org's clock; zero: unknown.
	Org    time.Time `json:"org,omitzero"`
	Latest time.Time `json:"latest,omitzero"`

	end time.Time // when the call was given up, at the latest, by the org's clock; zero: unknown
}

type outcomeData struct {
	Result    Result   `json:"result"`
	Status    string   `json:"status,omitempty"`
	ID        string   `json:"id,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Problem   *Problem `json:"problem,omitempty"`
	RequestID string   `json:"requestId,omitempty"`
	// CallEnd is, where the call's answer didn't come, the latest by the org's clock that it was given up; zero:
	// unknown.
	CallEnd time.Time `json:"callEnd,omitzero"`
	// Secret is true where the call answered with a secret.
	Secret bool `json:"secret,omitempty"`
	// Org is the latest that the effect, or what else is told, can have been by the org's clock; zero: unknown.
	Org time.Time `json:"org,omitzero"`
}

type finishData struct {
	Counts map[Result]int `json:"counts"`
}

type endData struct {
	Left int `json:"left"`
	// Whole is true where no statement of the text is left that wasn't begun.
	Whole bool `json:"whole,omitempty"`
}

// methodNamed finds a method that the journal names.
func methodNamed(res *catalog.Resource, name string) *catalog.Method {
	if m := res.Method(name); m != nil {
		return m
	}
	if c := res.Changes; c != nil && c.Replace != nil && c.Replace.Name == name {
		return c.Replace
	}
	return nil
}

// left counts what a run has left to do: steps to be made, or to be asked about, and among them those
// that need input.
func (rec *record) left() (n struct{ steps, masked int }) {
	for _, st := range rec.statements {
		for _, row := range st.plan.Rows {
			for i := range row.Steps {
				s := st.steps[stepKey{row.Index, i}]
				if s != nil && s.outcome != nil && !slices.Contains([]Result{NotReached, NeedsInput, Unknown}, s.outcome.Result) {
					if s.outcome.Result != Done {
						break // the steps behind are not to be done
					}
					continue
				}
				n.steps++
				if s != nil && s.secret != "" {
					n.masked++
				}
			}
		}
	}
	return n
}
