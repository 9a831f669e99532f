package change

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// An entry is a line of the journal; journalSchema says what its parts are.
type entry struct {
	seq                  int64
	run, kind            string
	statement, row, step int // none where negative
	at                   string
	data                 json.RawMessage
	prev, hash           []byte
}

// none is an entry's statement, row or step where it isn't about one.
const none = -1

// timeLayout is how the journal writes times.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// sum is the entry's hash: SHA-256 over prev, 32 bytes; seq, statement, row and step as signed 64-bit
// numbers, high byte first, -1 for none; and run, kind, at and data, each behind its length in bytes as
// such a number.
func (e *entry) sum() []byte {
	h := sha256.New()
	h.Write(e.prev)
	for _, n := range []int64{e.seq, int64(e.statement), int64(e.row), int64(e.step)} {
		putNumber(h, n)
	}
	for _, s := range []string{e.run, e.kind, e.at, string(e.data)} {
		putNumber(h, int64(len(s)))
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

func putNumber(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// A write is entries that are to be in the journal before anybody goes on; done gets what became of
// them, once.
type write struct {
	entries []entry
	key     *runKey // to be kept or, without a key, forgotten; nil: neither
	done    chan<- error
}

type runKey struct {
	run string
	key []byte
}

// maxBatch is how many entries one transaction takes at the most, save for a single write that has more.
const maxBatch = 500

// write is the goroutine that writes. Writes that come while the disk is busy go into one transaction
// together, so that many calls side by side don't wait for the disk one after the other.
func (j *Journal) write() {
	defer close(j.done)
	for w := range j.writes {
		batch := []write{w}
		n := len(w.entries)
		open := true
		for more := true; more && open && n < maxBatch; {
			select {
			case w, open = <-j.writes:
				if open {
					batch, n = append(batch, w), n+len(w.entries)
				}
			default:
				more = false
			}
		}
		err := j.commit(batch)
		for _, w := range batch {
			w.done <- err
		}
	}
}

// commit writes a batch in one transaction, which is on the disk when it returns.
func (j *Journal) commit(batch []write) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return errClosed
	}
	return j.transact(func() error {
		last := entry{hash: make([]byte, sha256.Size)}
		err := j.query("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1", nil, func(s *sqlite3.Stmt) error {
			last.seq, last.hash = s.ColumnInt64(0), s.ColumnBlob(1, nil)
			return nil
		})
		if err != nil {
			return err
		}
		insert, _, err := j.conn.Prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, w := range batch {
			for i := range w.entries {
				e := &w.entries[i]
				e.seq, e.prev = last.seq+1, last.hash
				e.hash = e.sum()
				if err := e.insert(insert); err != nil {
					return err
				}
				last = *e
			}
			if err := j.keep(w.key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j *Journal) keep(k *runKey) error {
	nothing := func(*sqlite3.Stmt) error { return nil }
	switch {
	case k == nil:
		return nil
	case k.key == nil:
		return j.query("DELETE FROM keys WHERE run = ?", []any{k.run}, nothing)
	}
	return j.query("INSERT INTO keys VALUES (?, ?)", []any{k.run, k.key}, nothing)
}

func (e *entry) insert(s *sqlite3.Stmt) error {
	s.BindInt64(1, e.seq)
	s.BindText(2, e.run)
	s.BindText(3, e.kind)
	for i, n := range []int{e.statement, e.row, e.step} {
		if n < 0 {
			s.BindNull(4 + i)
		} else {
			s.BindInt(4+i, n)
		}
	}
	s.BindText(7, e.at)
	s.BindText(8, string(e.data))
	s.BindBlob(9, e.prev)
	s.BindBlob(10, e.hash)
	return s.Exec()
}

// put writes entries and returns when they are on the disk.
func (j *Journal) put(entries []entry, key *runKey) error {
	done := make(chan error, 1)
	j.writes <- write{entries: entries, key: key, done: done}
	return j.wrap(<-done)
}

// overviews stands for a run's id, which it can't be: of all runs only what is about them as a whole.
const overviews = "*"

// entries reads a run's entries, or with run "" all, in order.
func (j *Journal) entries(ctx context.Context, run string, each func(*entry) error) error {
	where, args := "", []any(nil)
	switch run {
	case "":
	case overviews:
		where = "WHERE kind IN ('run', 'open', 'statement', 'finish', 'end')" // the very words of the index
	default:
		where, args = "WHERE run = ?", []any{run}
	}
	return j.read(ctx, where, args, each)
}

// locked calls do while nobody else uses the journal; not at all if there is none.
func (j *Journal) locked(do func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return nil
	}
	return do()
}

// read reads the entries that a condition holds for, in order.
func (j *Journal) read(ctx context.Context, where string, args []any, each func(*entry) error) error {
	return j.locked(func() error {
		defer j.conn.SetInterrupt(j.conn.SetInterrupt(ctx))
		err := j.query("SELECT seq, run, kind, statement, row, step, at, data, prev, hash FROM entries "+where+" ORDER BY seq", args, func(s *sqlite3.Stmt) error {
			number := func(i int) int {
				if s.ColumnType(i) == sqlite3.NULL {
					return none
				}
				return s.ColumnInt(i)
			}
			return each(&entry{seq: s.ColumnInt64(0), run: s.ColumnText(1), kind: s.ColumnText(2), statement: number(3), row: number(4), step: number(5),
				at: s.ColumnText(6), data: json.RawMessage(s.ColumnText(7)), prev: s.ColumnBlob(8, nil), hash: s.ColumnBlob(9, nil)})
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return j.wrap(err)
	})
}

// A VerifyError is a journal whose entries are not what they were when they were written.
type VerifyError struct {
	// Seq is the number of the first entry that isn't right, Run the run it says it is of.
	Seq int64
	Run string
	// Msg says what is wrong with it.
	Msg string
}

// Error says which entry is wrong, and how.
func (e *VerifyError) Error() string {
	return fmt.Sprintf("change: journal: entry %d (run %s) %s: that run, and others that were under way then, can't be resumed or undone; each later run is checked from its own begin", e.Seq, e.Run, e.Msg)
}

// Verify reads all entries and checks that each is as it was written and follows the one before. It
// returns how many there are. An entry that was changed, put in or taken out is a [*VerifyError]; that
// entries were cut off at the end can't be told.
func (j *Journal) Verify(ctx context.Context) (entries int, err error) {
	return j.verify(ctx, "")
}

// verify is Verify, of all that was written from the begin of a run to its last entry; "": of all.
func (j *Journal) verify(ctx context.Context, run string) (entries int, err error) {
	last := entry{hash: make([]byte, sha256.Size)}
	where, args := "", []any(nil)
	first := 0
	if run != "" {
		err := j.locked(func() error {
			return j.query("SELECT seq, prev FROM entries WHERE run = ? ORDER BY seq LIMIT 1", []any{run}, func(s *sqlite3.Stmt) error {
				first, last = s.ColumnInt(0), entry{seq: s.ColumnInt64(0) - 1, hash: s.ColumnBlob(1, nil)}
				return nil
			})
		})
		if err != nil {
			return 0, j.wrap(err)
		}
		where, args = "WHERE seq BETWEEN ? AND (SELECT max(seq) FROM entries WHERE run = ?)", []any{first, run}
	}
	err = j.read(ctx, where, args, func(e *entry) error {
		switch {
		case string(e.prev) != string(last.hash) || e.seq != last.seq+1:
			return &VerifyError{Seq: e.seq, Run: e.run, Msg: "doesn't follow the one before"}
		case string(e.hash) != string(e.sum()):
			return &VerifyError{Seq: e.seq, Run: e.run, Msg: "isn't what was written, whose hash was " + hex.EncodeToString(e.hash[:6])}
		case first > 0 && e.seq == int64(first) && e.kind != "run":
			return &VerifyError{Seq: e.seq, Run: e.run, Msg: "isn't how a run begins"}
		}
		last = *e
		entries++
		return nil
	})
	return entries, err
}

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }
