package vtab

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
)

// GetsBeforeList is how many keys a repeated scan by key gets one by one before it begins to list the
// table as well. From then on every key that is not there yet costs a page of the list and, if the
// page does not have it, a get: whichever way would have been the cheaper one, this costs little
// more than twice as much, and when the list is complete nothing more. Keys that are known ahead are searched
// for together instead, as many as a source finds with one or two calls; fewer it gets one by one anyway.
const (
	GetsBeforeList = 50
	mostKeys       = 200
	fewKeys        = 20
	keysInCall     = 100
)

// listStep is how many objects of the list a missing key reads: a page.
const listStep = 200

// A keyring keeps what gets by one key column have given.
type keyring struct {
	got   map[string][]Object
	gets  int
	begun map[string]*keyScan // by each of its keys: what was begun ahead and isn't read yet
}

// A keyScan asks for one key, or for some.
type keyScan struct {
	rows Rows
	keys []string
}

func (s *Stmt) keyring(id string) *keyring {
	if s.shelves.keys == nil {
		s.shelves.keys = map[string]*keyring{}
	}
	ring := s.shelves.keys[id]
	if ring == nil {
		ring = &keyring{got: map[string][]Object{}, begun: map[string]*keyScan{}}
		s.shelves.keys[id] = ring
	}
	return ring
}

func (k *keyring) close() error {
	var errs []error
	for _, b := range k.begun {
		errs = append(errs, b.rows.Close()) // a second time does nothing
	}
	return errors.Join(errs...)
}

// drop forgets a scan that was begun, for whichever of its keys.
func (k *keyring) drop(b *keyScan) error {
	for _, key := range b.keys {
		if k.begun[key] == b {
			delete(k.begun, key)
		}
	}
	return b.rows.Close()
}

// keepKeys returns the rows of a scan by key.
func (s *Stmt) keepKeys(t *table, scan *Scan, l *lookup) (Rows, error) {
	whole := wholeOf(scan)
	if l.ring == nil {
		l.list = scanID(whole) + "|" + signature(whole.Required)
		l.ring = s.keyring(l.list + " by " + scan.Key.Column.Name)
	}
	var all concat
	for _, v := range scan.Key.Values {
		switch v := v.(type) {
		case nil:
		case string:
			if !strings.ContainsFunc(v, unicode.IsControl) {
				one := withKeys(scan, v)
				all.rows = append(all.rows, &keyRows{stmt: s, table: t, scan: one, lookup: l, value: v, only: len(scan.Key.Values) == 1})
				continue
			}
			all.listed = append(all.listed, v)
		default:
			all.listed = append(all.listed, v)
		}
	}
	if len(all.rows) == 0 {
		l.skip(s)
	}
	// What no get can be asked for is looked up in the list.
	if len(all.listed) > 0 {
		sh, err := s.shelf(t, whole, l.list)
		if err != nil {
			return nil, err
		}
		for _, v := range all.listed {
			all.rows = append(all.rows, &found{shelf: sh, term: Term{Column: scan.Key.Column, Op: OpEqual, Values: []any{v}}})
		}
	}
	if len(all.rows) == 1 {
		return all.rows[0], nil
	}
	all.layout = t.layout
	return &all, nil
}

// wholeOf is the scan that lists a table of the same org whole.
func wholeOf(s *Scan) *Scan {
	return &Scan{Table: s.Table, Plan: s.Plan, Orgs: s.Orgs, Required: s.Required, Limit: -1, Used: s.Used}
}

// withKeys is a scan by other values of its key.
func withKeys(s *Scan, values ...string) *Scan {
	some := *s
	some.Key = &Term{Column: s.Key.Column, Op: OpEqual}
	for _, v := range values {
		some.Key.Values = append(some.Key.Values, v)
	}
	if len(values) > 1 {
		some.Key.Op = OpIn
	}
	return &some
}

// keyRows are the rows of one key.
type keyRows struct {
	stmt    *Stmt
	table   *table
	scan    *Scan
	lookup  *lookup
	value   string
	only    bool // no other key is looked up with it
	done    bool
	objects []Object
}

func (r *keyRows) Next(ctx context.Context) (Object, error) {
	if !r.done {
		var err error
		if r.objects, err = r.look(ctx); err != nil {
			return Object{}, err
		}
		r.done = true
	}
	if len(r.objects) == 0 {
		return Object{}, io.EOF
	}
	o := r.objects[0]
	r.objects = r.objects[1:]
	return o, nil
}

func (r *keyRows) Close() error { return nil }

// look finds the objects of the key: among those got before, in the list as far as it is read, or
// by a get.
func (r *keyRows) look(ctx context.Context) ([]Object, error) {
	ring := r.lookup.ring
	if objects, ok := ring.got[r.value]; ok {
		return objects, r.ahead(ctx)
	}
	if objects, ok, err := r.inList(ctx); err != nil || ok {
		return objects, errors.Join(err, r.ahead(ctx))
	}
	b := ring.begun[r.value]
	if b == nil {
		var err error
		if b, err = r.begin(ctx, r.value); err != nil {
			return nil, err
		}
	}
	if err := r.ahead(ctx); err != nil {
		return nil, err
	}
	if err := r.read(ctx, b); err != nil {
		return nil, err
	}
	if objects, ok := ring.got[r.value]; ok {
		return objects, nil
	}
	// A search that doesn't find a key doesn't say that there isn't one.
	b, err := r.begin(ctx, r.value)
	if err != nil {
		return nil, err
	}
	return ring.got[r.value], r.read(ctx, b)
}

// inList looks the key up in the list, and reads on in it if it is time to.
func (r *keyRows) inList(ctx context.Context) (objects []Object, ok bool, err error) {
	if r.table.varies(r.scan.Used) {
		return nil, false, nil
	}
	ring := r.lookup.ring
	objects, full, err := r.list(ctx, ring.begun[r.value] == nil && ring.gets >= GetsBeforeList)
	return objects, full || len(objects) > 0, err
}

// begin starts to ask for keys.
func (r *keyRows) begin(ctx context.Context, keys ...string) (*keyScan, error) {
	rows, err := r.table.src.Scan(ctx, withKeys(r.scan, keys...))
	if err != nil {
		return nil, err
	}
	ring := r.lookup.ring
	b := &keyScan{rows: rows, keys: keys}
	if len(keys) == 1 {
		ring.gets++
	}
	for _, k := range keys {
		ring.begun[k] = b
	}
	begin(ctx, rows)
	return b, nil
}

// read puts what was begun on the keyring. A key that can't be got is answered with the whole list: what
// isn't a key's is not kept.
func (r *keyRows) read(ctx context.Context, b *keyScan) error {
	ring := r.lookup.ring
	for _, k := range b.keys {
		delete(ring.begun, k)
	}
	objects, err := readAll(ctx, b.rows, newTrimmer(r.table.layout, r.scan.Used))
	if err != nil {
		return err
	}
	byKey := map[string][]Object{}
	for _, o := range objects {
		if k, ok := equalityKey(fieldValue(o, r.scan.Key.Column)); ok {
			byKey[k] = append(byKey[k], o)
		}
	}
	for _, key := range b.keys {
		k, _ := equalityKey(key)
		if found := byKey[k]; len(found) > 0 || len(b.keys) == 1 {
			ring.got[key] = found
		}
	}
	return nil
}

// ahead begins to ask for the keys that the next rows of the outer table will want.
func (r *keyRows) ahead(ctx context.Context) error {
	if !r.only {
		return nil
	}
	l, varies := r.lookup, r.table.varies(r.scan.Used)
	most, search := mostAhead, !varies && r.scan.Key.Column.Search != ""
	if search {
		most = mostKeys
	}
	rows, calls := l.look(r.stmt, r.scan.Plan, r.value, most)
	list := r.stmt.shelves.lists[l.list]
	if calls <= 0 || l.known >= mostAhead || !varies && list != nil && (list.full || l.outer.reads(list)) {
		return nil // the list has them, or will have them when they are wanted
	}
	lookups := calls
	if search {
		lookups = min(rows, calls*keysInCall)
	}
	keys, at := r.missing(rows, lookups, list)
	if search && len(keys) > fewKeys {
		l.known = at[len(at)-1] + 1
		b, err := r.begin(ctx, keys...)
		if err != nil {
			return nil // it is told when SQLite comes to the key
		}
		return l.noteAll(keys, (len(keys)+keysInCall-1)/keysInCall, func() error { return l.ring.drop(b) }, 2*mostKeys)
	}
	for i, k := range keys[:min(len(keys), calls)] {
		if at[i] >= mostAhead || !varies && l.ring.gets >= GetsBeforeList {
			break
		}
		l.known = at[i] + 1
		b, err := r.begin(ctx, k)
		if err != nil {
			continue
		}
		if err := l.noteAll([]string{k}, 1, func() error { return l.ring.drop(b) }, 2*mostKeys); err != nil {
			return err
		}
	}
	return nil
}

// missing are the keys that the next rows of the outer table have and that aren't known, as many as may be
// looked up, and which rows have them. There are none unless one is near.
func (r *keyRows) missing(rows, lookups int, list *shelf) (keys []string, at []int) {
	ring, col := r.lookup.ring, r.scan.Key.Column
	for i := r.lookup.known; i < rows && len(keys) < lookups && (i < mostAhead || len(keys) > 0); i++ {
		key, ok := r.lookup.ahead(i, len(r.scan.Orgs) > 0)
		if !ok {
			break
		}
		_, got := ring.got[key]
		if key == "" || got || ring.begun[key] != nil || slices.Contains(keys, key) || list != nil && len(list.lookup(col, key)) > 0 {
			if len(keys) == 0 {
				r.lookup.known = i + 1
			}
			continue
		}
		keys, at = append(keys, key), append(at, i)
	}
	return keys, at
}

// reads reports whether a cursor's rows are those of a shelf.
func (c *cursor) reads(sh *shelf) bool {
	rows, ok := c.rows.(*shelfRows)
	return ok && rows.shelf == sh
}

// list looks the key up in the table's list as far as it has been read, by whatever part of the
// statement. With more set, it reads a page more if the key is not there. full says that the list is
// complete: what it does not have does not exist.
func (r *keyRows) list(ctx context.Context, more bool) (objects []Object, full bool, err error) {
	col, sh := r.scan.Key.Column, r.stmt.shelves.lists[r.lookup.list]
	switch {
	case sh == nil && !more:
		return nil, false, nil
	case sh == nil:
		if sh, err = r.stmt.shelf(r.table, wholeOf(r.scan), r.lookup.list); err != nil {
			return nil, false, err
		}
	}
	at := sh.lookup(col, r.value)
	for n := 0; more && len(at) == 0 && n < listStep; n++ {
		if err := sh.read(ctx); err == io.EOF {
			break
		} else if err != nil {
			return nil, false, err
		}
		at = sh.lookup(col, r.value)
	}
	for _, i := range at {
		objects = append(objects, sh.objects[i])
	}
	return objects, sh.full, nil
}

// varies reports whether one of the columns used depends on which operation answered.
func (t *table) varies(used uint64) bool {
	for n, c := range t.res.Columns {
		if c.Varies && used&bit(n) != 0 {
			return true
		}
	}
	return false
}
