package oktatest

import (
	"cmp"
	"encoding/base64"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// A sorting is what sortBy and sortOrder ask for. Equal users are in id order both ways; users without
// the attribute come last both ways (Okta documents neither).
type sorting struct {
	name string // as sent
	field
	desc bool
}

// A sortKey is what users are sorted by. Strings are compared without regard to case.
type sortKey struct {
	missing bool
	number  float64 // times, numbers, booleans
	text    string  // folded
}

func (o *sorting) key(r *row) sortKey {
	if o.isTime() {
		t := o.time(r)
		return sortKey{missing: t == 0, number: float64(t)}
	}
	switch o.kind {
	case idField:
		return sortKey{text: r.id()} // case matters in ids
	case typeField:
		return sortKey{text: r.typeTail()}
	case statusField:
		return sortKey{text: fold(statusNames[r.status()])}
	case classificationField:
		return sortKey{}
	}
	v := r.value(&o.field)
	if v.kind == listValue && len(v.list) > 0 {
		v = v.list[0]
	}
	switch v.kind {
	case stringValue:
		return sortKey{text: fold(v.text)}
	case numberValue:
		n, _ := strconv.ParseFloat(v.text, 64)
		return sortKey{number: n}
	case boolValue:
		return sortKey{number: float64(len("false") - len(v.text))} // false before true
	}
	return sortKey{missing: true}
}

// compare orders two keys; 0 leaves it to the ids.
func (o *sorting) compare(a, b sortKey) int {
	if a.missing != b.missing {
		if a.missing {
			return 1
		}
		return -1
	}
	c := cmp.Compare(a.number, b.number)
	if c == 0 {
		c = strings.Compare(a.text, b.text)
	}
	if o.desc {
		return -c
	}
	return c
}

// A sortPlace is a place in a sorted list: after the user with this key and index.
type sortPlace struct {
	key   sortKey
	after int // the smallest index that comes later among those with the same key
	start bool
}

// passed says whether a user with this key and index is at or before the place.
func (o *sorting) passed(p sortPlace, key sortKey, i int) bool {
	if p.start {
		return false
	}
	c := o.compare(key, p.key)
	return c < 0 || c == 0 && i < p.after
}

// The cursor of a sorted search is the URL-safe Base64 of the last user's id, a letter and the key: "n"
// with a number, "s" with a text, "m" for a missing value. "f" is the place before everybody. So a
// cursor stays right when users before it come, go or change.
func encodeSortCursor(id string, key sortKey) string {
	raw := id
	switch {
	case key.missing:
		raw += "m"
	case key.text != "":
		raw += "s" + key.text
	default:
		raw += "n" + strconv.FormatFloat(key.number, 'g', -1, 64)
	}
	return encodeRaw(raw)
}

func encodeRaw(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decodeSortCursor(cursor string) (id string, key sortKey, start, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= idLen || !isUserID(string(raw[:idLen])) {
		return "", sortKey{}, false, false
	}
	id, rest := string(raw[:idLen]), string(raw[idLen+1:])
	switch raw[idLen] {
	case 'f':
		start = true
	case 'm':
		key.missing = true
	case 's':
		key.text = rest
		return id, key, false, true
	case 'n':
		if key.number, err = strconv.ParseFloat(rest, 64); err != nil || math.IsNaN(key.number) {
			return "", sortKey{}, false, false
		}
		return id, key, false, true
	default:
		return "", sortKey{}, false, false
	}
	return id, key, start, rest == ""
}

// maxOrders is how many sorted indexes are kept; each takes four bytes a user.
const maxOrders = 8

// orders are the generated users sorted by something, made when first asked for. Safe for concurrent use.
type orders struct {
	mu    sync.Mutex
	built []*builtOrder // the latest last
}

type builtOrder struct {
	by      sorting
	once    sync.Once
	indexes []uint32
}

// forget drops what was sorted by attributes that may mean something else from now on.
func (os *orders) forget() {
	os.mu.Lock()
	defer os.mu.Unlock()
	os.built = nil
}

// rank returns a function from a place in the order to the index of the generated user there. It is for
// one goroutine.
func (os *orders) rank(g *generator, by sorting) func(int) int {
	if by.kind == createdField && !by.desc {
		return g.createdOrder()
	}
	if by.kind == idField && !by.desc {
		return func(rank int) int { return rank }
	}
	by.name = ""
	os.mu.Lock()
	at := slices.IndexFunc(os.built, func(b *builtOrder) bool { return b.by == by })
	var b *builtOrder
	if at >= 0 {
		b = os.built[at]
	} else {
		b = &builtOrder{by: by}
		if len(os.built) == maxOrders {
			os.built = slices.Delete(os.built, 0, 1)
		}
		os.built = append(os.built, b)
	}
	os.mu.Unlock()
	b.once.Do(func() { b.indexes = sortGenerated(g, &by) })
	return func(rank int) int { return int(b.indexes[rank]) }
}

func sortGenerated(g *generator, by *sorting) []uint32 {
	type keyed struct {
		sortKey
		i uint32
	}
	all := make([]keyed, g.n)
	r := row{gen: g}
	for i := range all {
		r.i, r.level = i, rowHead
		r.u.status = g.status(i)
		all[i] = keyed{by.key(&r), uint32(i)}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		if c := by.compare(a.sortKey, b.sortKey); c != 0 {
			return c
		}
		return cmp.Compare(a.i, b.i)
	})
	indexes := make([]uint32, len(all))
	for rank := range all {
		indexes[rank] = all[rank].i
	}
	return indexes
}

// createdOrder is rank for ascending creation times, the order that clients walk large orgs in. It
// needs no index: users are shuffled only within short runs of slots.
func (g *generator) createdOrder() func(int) int {
	var run [shuffleRun]int
	loaded := -1
	return func(rank int) int {
		if b := rank / shuffleRun; b != loaded {
			loaded = b
			n := min(shuffleRun, g.n-b*shuffleRun)
			var times [shuffleRun]int64
			for k := range n {
				t, i := g.timeAt(b*shuffleRun+k), g.slot(b*shuffleRun+k)
				at := k
				for ; at > 0 && times[at-1] == t && run[at-1] > i; at-- {
					times[at], run[at] = times[at-1], run[at-1]
				}
				times[at], run[at] = t, i
			}
		}
		return run[rank%shuffleRun]
	}
}

// rowsSorted gives yield the users after a place, sorted. If they are sorted by a time, only those
// between lo and hi (Unix seconds).
func (s *store) rowsSorted(by *sorting, place sortPlace, lo, hi int64, yield rowFunc) {
	var base, over, probe row
	rank := s.orders.rank(s.gen, *by)
	keyAt := func(r *row, i int) sortKey {
		s.loadGenerated(r, i)
		return by.key(r)
	}
	at := sort.Search(s.gen.n, func(k int) bool {
		i := rank(k)
		return !by.passed(place, keyAt(&probe, i), i)
	})
	end := s.gen.n
	if by.isTime() {
		from, to := s.sortedRange(by, rank, lo, hi)
		at, end = max(at, from), min(end, to)
	}

	type keyed struct {
		sortKey
		i int
	}
	var changed []keyed // what the overlay has to say, sorted
	for _, i := range s.live {
		s.load(&over, i)
		if key := by.key(&over); !by.passed(place, key, i) {
			changed = append(changed, keyed{key, i})
		}
	}
	slices.SortFunc(changed, func(a, b keyed) int {
		return cmp.Or(by.compare(a.sortKey, b.sortKey), cmp.Compare(a.i, b.i))
	})

	for ; at < end; at++ {
		i := rank(at)
		if len(s.changed) > 0 {
			if _, superseded := s.changed[i]; superseded {
				continue
			}
			key := keyAt(&base, i)
			for len(changed) > 0 && cmp.Or(by.compare(changed[0].sortKey, key), cmp.Compare(changed[0].i, i)) < 0 {
				if s.load(&over, changed[0].i); !yield(&over) {
					return
				}
				changed = changed[1:]
			}
		}
		if s.loadGenerated(&base, i); !yield(&base) {
			return
		}
	}
	for _, c := range changed {
		if s.load(&over, c.i); !yield(&over) {
			return
		}
	}
}

// loadGenerated makes r the user i as the generator has it, whatever the overlay says.
func (s *store) loadGenerated(r *row, i int) {
	r.gen, r.i, r.level, r.stored = s.gen, i, rowHead, nil
	r.u.status = s.gen.status(i)
}

// sortedRange returns the ranks from..to-1 of the generated users whose time is between lo and hi.
func (s *store) sortedRange(by *sorting, rank func(int) int, lo, hi int64) (from, to int) {
	var r row
	search := func(from, to int64) int { // the first that is neither before from nor missing, in order
		return sort.Search(s.gen.n, func(k int) bool {
			s.loadGenerated(&r, rank(k))
			t := by.time(&r)
			if by.desc {
				return t == 0 || t <= to
			}
			return t == 0 || t >= from
		})
	}
	if by.desc {
		from = search(0, hi)
		if lo > math.MinInt64 {
			return from, search(0, lo-1)
		}
		return from, s.gen.n
	}
	from = search(lo, 0)
	if hi < math.MaxInt64 {
		return from, search(hi+1, 0)
	}
	return from, s.gen.n
}
