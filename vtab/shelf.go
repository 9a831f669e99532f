package vtab

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
)

// SQLite runs the inner table of a join once for each row of the outer one. Asking the API each time
// would make a join cost a request a row or more, so that what such a scan reads is kept on a shelf
// until the statement ends: trimmed to the columns that the statement uses, filled only as far as
// it is read, and looked up by the join's condition. A table that is listed whole in several places
// of the statement has one shelf. Everything on a shelf is, again, a superset of what was asked, and
// SQLite checks it.

// shelves are a statement's.
type shelves struct {
	lists map[string]*shelf    // by what was asked
	keys  map[string]*keyring  // by table, org and column
	csv   map[string]*csvIndex // by table and columns
	// lookups are by the number of the plan.
	lookups map[int]*lookup
	// recent are those of lists that can be forgotten.
	recent recent
}

func (s *shelves) close() error {
	var errs []error
	for _, sh := range s.lists {
		errs = append(errs, sh.rows.Close())
	}
	for _, ring := range s.keys {
		errs = append(errs, ring.close())
	}
	for _, x := range s.csv {
		errs = append(errs, x.close())
	}
	*s = shelves{}
	return errors.Join(errs...)
}

// keep returns the rows of a scan that may be run again.
func (s *Stmt) keep(t *table, scan *Scan) (Rows, error) {
	l, err := s.lookup(scan)
	if err != nil {
		return nil, err
	}
	if scan.Key != nil {
		return s.keepKeys(t, scan, l)
	}
	sh, err := s.shelf(t, scan, l.shelfID(scan))
	if err != nil {
		return nil, err
	}
	var rows Rows = &shelfRows{shelf: sh}
	if scan.often && len(scan.locals) > 0 {
		rows = &found{shelf: sh, term: scan.locals[0]}
	}
	if len(scan.Required) == 0 {
		return rows, nil
	}
	if err := s.listAhead(t, scan, l, sh); err != nil {
		return nil, err
	}
	s.shelves.recent.lend(sh)
	return &lent{Rows: rows, stmt: s, shelf: sh}, nil
}

// concat is rows after rows, each object once: two keys can find the same.
type concat struct {
	rows   []Rows
	listed []any
	layout *layout
	seen   map[int64]bool
}

func (c *concat) Next(ctx context.Context) (Object, error) {
	for len(c.rows) > 0 {
		o, err := c.rows[0].Next(ctx)
		if err == io.EOF {
			c.rows = c.rows[1:]
			continue
		}
		if err != nil {
			return Object{}, err
		}
		r := row{layout: c.layout}
		r.use(0)
		r.set(o)
		if c.seen == nil {
			c.seen = map[int64]bool{}
		}
		if id := r.rowID(); !c.seen[id] {
			c.seen[id] = true
			return o, nil
		}
	}
	return Object{}, io.EOF
}

func (c *concat) Close() error { return nil }

// shelf returns the shelf of a scan, which starts with the first one that asks the same and so has the
// same id.
func (s *Stmt) shelf(t *table, scan *Scan, id string) (*shelf, error) {
	if sh := s.shelves.lists[id]; sh != nil {
		return sh, nil
	}
	whole := *scan
	whole.Limit = -1
	rows, err := t.src.Scan(s.db.conn.GetInterrupt(), &whole)
	if err != nil {
		return nil, err
	}
	sh := &shelf{id: id, rows: rows, trim: newTrimmer(t.layout, scan.Used), indexes: map[*catalog.Column]map[string][]int{}}
	if s.shelves.lists == nil {
		s.shelves.lists = map[string]*shelf{}
	}
	s.shelves.lists[id] = sh
	return sh, nil
}

func signature(terms []Term) string {
	var b strings.Builder
	for _, t := range terms {
		fmt.Fprintf(&b, "%s%s%q ", t.Column.Name, t.Op, t.Values)
	}
	return b.String()
}

// A shelf keeps what one scan reads.
type shelf struct {
	id      string
	rows    Rows
	trim    *trimmer
	objects []Object
	full    bool
	err     error
	indexes map[*catalog.Column]map[string][]int
	indexed map[*catalog.Column]int // how many objects an index covers
	// For those that can be forgotten: how many read it, and its place among the recent ones.
	readers int
	place   *list.Element
}

// object returns the i-th object, reading on if it is not there yet; io.EOF behind the last.
func (s *shelf) object(ctx context.Context, i int) (Object, error) {
	for i >= len(s.objects) {
		if err := s.read(ctx); err != nil {
			return Object{}, err
		}
	}
	return s.objects[i], nil
}

// read puts one more object on the shelf.
func (s *shelf) read(ctx context.Context) error {
	if s.full {
		return io.EOF
	}
	if s.err != nil {
		return s.err
	}
	o, err := s.rows.Next(ctx)
	switch {
	case err == io.EOF:
		s.full = true
		return io.EOF
	case err != nil:
		s.err = err
		return err
	}
	s.objects = append(s.objects, Object{JSON: s.trim.trim(o.JSON), Org: o.Org, Required: o.Required})
	return nil
}

// lookup returns the positions of the objects read so far whose column may equal a value.
func (s *shelf) lookup(col *catalog.Column, value any) []int {
	if s.indexed == nil {
		s.indexed = map[*catalog.Column]int{}
	}
	index := s.indexes[col]
	if index == nil {
		index = map[string][]int{}
		s.indexes[col] = index
	}
	for i := s.indexed[col]; i < len(s.objects); i++ {
		if key, ok := equalityKey(fieldValue(s.objects[i], col)); ok {
			index[key] = append(index[key], i)
		}
	}
	s.indexed[col] = len(s.objects)
	key, ok := equalityKey(value)
	if !ok {
		return nil // NULL equals nothing
	}
	return index[key]
}

// fieldValue reads a column's value out of an object, as SQLite would see it.
func fieldValue(o Object, col *catalog.Column) any {
	v := gjson.ParseBytes(o.JSON)
	for _, key := range col.Path {
		next := gjson.Result{}
		v.ForEach(func(k, value gjson.Result) bool {
			if k.Str == key {
				next = value
				return false
			}
			return true
		})
		v = next
	}
	switch v.Type {
	case gjson.String:
		return v.Str
	case gjson.Number:
		return v.Num
	case gjson.True:
		return 1.0
	case gjson.False:
		return 0.0
	case gjson.JSON:
		return v.Raw
	}
	return nil
}

// equalityKey returns a text that is the same for any two values that SQL's = can hold equal under
// any affinity: 7, 7.0, '7' and ' 007' are one. ok is false for NULL.
func equalityKey(v any) (key string, ok bool) {
	switch v := v.(type) {
	case int64:
		return number(float64(v)), true
	case float64:
		return number(v), true
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil || errors.Is(err, strconv.ErrRange) {
			return number(f), true
		}
		return "t" + v, true
	case []byte:
		return "b" + string(v), true
	}
	return "", false
}

// number keeps 12 digits: SQLite and Go may read the last ones of a decimal differently.
func number(f float64) string {
	if f == 0 {
		f = 0 // and not -0
	}
	return "n" + strconv.FormatFloat(f, 'g', 12, 64)
}

// shelfRows reads a shelf from its start.
type shelfRows struct {
	shelf *shelf
	at    int
}

func (r *shelfRows) Next(ctx context.Context) (Object, error) {
	o, err := r.shelf.object(ctx, r.at)
	r.at++
	return o, err
}

func (r *shelfRows) Close() error { return nil } // the shelf closes with the statement

// found are the objects of a shelf that a condition looks up.
type found struct {
	shelf *shelf
	term  Term
	done  bool
	at    []int
}

func (r *found) Next(ctx context.Context) (Object, error) {
	if !r.done {
		for {
			err := r.shelf.read(ctx)
			if err == io.EOF {
				break
			}
			if err != nil {
				return Object{}, err
			}
		}
		r.at, r.done = r.shelf.lookup(r.term.Column, r.term.Values[0]), true
	}
	if len(r.at) == 0 {
		return Object{}, io.EOF
	}
	o := r.shelf.objects[r.at[0]]
	r.at = r.at[1:]
	return o, nil
}

func (r *found) Close() error { return nil }

// readAll reads rows to their end and closes them.
func readAll(ctx context.Context, rows Rows, trim *trimmer) (objects []Object, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	objects = []Object{}
	for {
		o, err := rows.Next(ctx)
		if err == io.EOF {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, Object{JSON: trim.trim(o.JSON), Org: o.Org, Required: o.Required})
	}
}
