package vtab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// SQLite makes no index for a virtual table. Where a CSV file comes second in a join, and a value of the
// other table is looked up in it again and again, the file would be read from start to end each time. So
// with the second lookup the columns that the statement uses are copied into a SQLite database of their
// own, a temporary file with an index, which lasts as long as the statement. The memory stays bounded
// however long the file is.

// A csvIndex is such a copy.
type csvIndex struct {
	conn    *sqlite3.Conn
	sql     string
	columns map[int]int // column of the file → of the query
}

// index returns the copy that a plan looks values up in; nil the first time, which reads the file.
func (t *csvTable) index(p *csvPlan) (*csvIndex, error) {
	s := t.db.running
	if s == nil {
		return nil, nil
	}
	id := fmt.Sprintf("%s %d %x", t.name, p.Column, p.Used)
	if s.shelves.csv == nil {
		s.shelves.csv = map[string]*csvIndex{}
	}
	index, again := s.shelves.csv[id]
	if !again {
		s.shelves.csv[id] = nil
		return nil, nil
	}
	if index != nil {
		return index, nil
	}
	index, err := t.copy(p)
	if err != nil {
		return nil, err
	}
	s.shelves.csv[id] = index
	return index, nil
}

// indexCache is how much of the copy SQLite keeps in memory, in KiB.
const indexCache = 16 << 10

// copy reads the file into a database of its own.
func (t *csvTable) copy(p *csvPlan) (x *csvIndex, err error) {
	ctx := t.db.conn.GetInterrupt()
	name, store := "", "file" // SQLite's name for a temporary file: https://sqlite.org/inmemorydb.html#temp_db
	if t.db.options.TempInMemory {
		name, store = ":memory:", "memory"
	}
	conn, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(context.WithoutCancel(ctx), t.db.options.MaxMemory), name)
	if err != nil {
		return nil, fmt.Errorf("vtab: index %s: %w", t.name, err)
	}
	x = &csvIndex{conn: conn, columns: map[int]int{}}
	defer func() {
		if pan := recover(); pan != nil {
			err = fmt.Errorf("vtab: index %s: %v", t.name, pan)
		}
		if err != nil {
			x.close()
		}
	}()
	var columns []string
	for n := range t.file.Columns() {
		if p.Used&bit(n) != 0 {
			x.columns[n] = len(columns) + 1
			columns = append(columns, fmt.Sprintf("c%d", n))
		}
	}
	list := strings.Join(append([]string{"k"}, columns...), ", ")
	for _, sql := range []string{
		"PRAGMA temp_store = " + store,
		"PRAGMA journal_mode = OFF", // nobody needs it again
		"PRAGMA synchronous = OFF",
		fmt.Sprintf("PRAGMA cache_size = -%d", indexCache),
		"CREATE TABLE x(n INTEGER PRIMARY KEY, " + list + ")",
		"BEGIN",
	} {
		if err := conn.Exec(sql); err != nil {
			return nil, fmt.Errorf("vtab: index %s: %w", t.name, err)
		}
	}
	insert, _, err := conn.Prepare("INSERT INTO x(" + list + ") VALUES (?" + strings.Repeat(", ?", len(columns)) + ")")
	if err != nil {
		return nil, fmt.Errorf("vtab: index %s: %w", t.name, err)
	}
	if err := t.fill(ctx, insert, p, x.columns); err != nil {
		return nil, errors.Join(err, insert.Close())
	}
	if err := insert.Close(); err != nil {
		return nil, err
	}
	conn.SetInterrupt(ctx)
	for _, sql := range []string{"CREATE INDEX i ON x(k)", "COMMIT"} {
		if err := conn.Exec(sql); err != nil {
			return nil, errors.Join(context.Cause(ctx), fmt.Errorf("vtab: index %s: %w", t.name, err))
		}
	}
	x.sql = "SELECT " + strings.Join(append([]string{"n"}, columns...), ", ") + " FROM x WHERE k = ?"
	return x, nil
}

// fill copies the records.
func (t *csvTable) fill(ctx context.Context, insert *sqlite3.Stmt, p *csvPlan, columns map[int]int) error {
	r, err := t.file.Scan()
	if err != nil {
		return err
	}
	defer r.Close()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		record, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := insert.BindText(1, csvKey(record[p.Column])); err != nil {
			return err
		}
		for c, at := range columns {
			if err := insert.BindText(at+1, record[c]); err != nil {
				return err
			}
		}
		if err := insert.Exec(); err != nil {
			return fmt.Errorf("vtab: index %s: %w", t.name, err)
		}
	}
}

// csvKey returns a text that is the same for any two values that SQL's = can hold equal, under any
// affinity and any of SQLite's collations: NOCASE ignores the case of A to Z, RTRIM spaces at the end.
// It is "" for NULL, which equals nothing.
func csvKey(v any) string {
	key, _ := equalityKey(v)
	key = strings.TrimRight(key, " ")
	if strings.IndexFunc(key, func(r rune) bool { return 'A' <= r && r <= 'Z' }) < 0 {
		return key
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, key)
}

func (x *csvIndex) close() error {
	if x == nil {
		return nil
	}
	return x.conn.Close()
}

// A csvFound is a cursor's lookups in a copy, one after another.
type csvFound struct {
	index *csvIndex
	query *sqlite3.Stmt
}

// begin looks a value up.
func (f *csvFound) begin(v any) error {
	if err := f.query.Reset(); err != nil {
		return err
	}
	return f.query.BindText(1, csvKey(v)) // of NULL: a key that no record has
}

// next moves to the next record found.
func (f *csvFound) next() (eof bool, err error) {
	if f.query.Step() {
		return false, nil
	}
	return true, f.query.Err()
}

func (f *csvFound) text(column int) string { return f.query.ColumnText(f.index.columns[column]) }

func (f *csvFound) row() int64 { return f.query.ColumnInt64(0) }

func (f *csvFound) close() error {
	if f == nil {
		return nil
	}
	return f.query.Close()
}
