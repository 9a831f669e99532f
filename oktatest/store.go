package oktatest

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sort"
	"sync"
)

// A store is the users of an org: those of the generator, and over them whoever was changed, deleted or
// created since. Users are known by their index; ids ascend with it, so index order is id order.
//
// Whoever reads holds the lock for reading, over the whole of a list; whoever writes holds it from the
// first look at what is there until the last change.
type store struct {
	gen   *generator
	known attributeSet // of the profiles
	mu    sync.RWMutex

	changed map[int]*user             // over the generator's; nil for a deleted user
	live    []int                     // the indexes in changed that are not nil, ascending
	logins  map[string]int            // of live, by foldLogin
	tokens  map[[sha256.Size]byte]int // of live, by the sum of the token
	next    int                       // the index of the next user to be created

	orders *orders      // of generated users
	index  *searchIndex // is told of changes; nil: none
}

func newStore(g *generator) *store {
	return &store{gen: g, next: g.n, changed: map[int]*user{}, logins: map[string]int{}, tokens: map[[sha256.Size]byte]int{}, orders: &orders{}}
}

// A row is a user on the way through a list: computed no further than somebody asked.
type row struct {
	gen    *generator
	i      int
	stored *user // from the overlay; nil: generated, and u is the user as far as level says

	u       user
	person  person // of u, if its index is i
	level   rowLevel
	scratch []byte
}

type rowLevel uint8

const (
	rowHead    rowLevel = iota // u.status
	rowHistory                 // times and credentials
	rowWhole                   // id, type and person
)

// load makes r the user i, who must exist.
func (s *store) load(r *row, i int) {
	r.gen, r.i, r.level = s.gen, i, rowHead
	if r.stored = s.changed[i]; r.stored == nil {
		r.u.status = s.gen.status(i)
	}
}

func (r *row) status() status {
	if r.stored != nil {
		return r.stored.status
	}
	return r.u.status
}

// created is cheaper than history, and what most lists of everybody ask for.
func (r *row) created() int64 {
	if r.stored != nil {
		return r.stored.created
	}
	return r.gen.createdAt(r.i)
}

// history returns a user whose times and credentials are set.
func (r *row) history() *user {
	if r.stored != nil {
		return r.stored
	}
	if r.level < rowHistory {
		r.gen.history(r.i, &r.u)
		r.level = rowHistory
	}
	return &r.u
}

// user returns the whole user; it is valid until the row is loaded again.
func (r *row) user() *user {
	if r.stored != nil {
		return r.stored
	}
	r.history()
	if r.level < rowWhole {
		r.u.id = r.gen.id(r.i)
		r.u.typeTail = r.gen.typeTail(r.i)
		r.u.person = r.who()
		r.level = rowWhole
	}
	return &r.u
}

func (r *row) id() string {
	if r.stored != nil {
		return r.stored.id
	}
	return r.gen.id(r.i)
}

func (r *row) typeTail() string {
	if r.stored != nil {
		return r.stored.typeTail
	}
	return r.gen.typeTail(r.i)
}

// who returns what the profile of a generated user is made of.
func (r *row) who() *person {
	if r.person.gen == nil || r.person.i != r.i {
		r.person = r.gen.person(r.i)
	}
	return &r.person
}

// attr returns a base attribute of the profile.
func (r *row) attr(a attrID) value { return r.value(&field{name: schema[a].name, attr: a}) }

// value returns an attribute of the profile.
func (r *row) value(f *field) value {
	if r.stored != nil {
		return r.stored.get(f.name)
	}
	if f.attr == noAttr {
		return value{}
	}
	v, b := r.who().attr(f.attr, r.scratch[:0])
	if len(b) > 0 {
		v.text = string(b)
	}
	r.scratch = b
	return v
}

// put stores u as user i, who may be a generated one, one put before, or s.next. The store keeps u,
// whose profile is a list (see person.attributes), and which isn't changed from then on.
func (s *store) put(i int, u *user) {
	if s.index != nil {
		s.index.add(i, s.before(i), u)
	}
	s.forget(i)
	s.changed[i] = u
	at, _ := slices.BinarySearch(s.live, i)
	s.live = slices.Insert(s.live, at, i)
	s.logins[foldLogin(u.get("login").text)] = i
	if u.token.kind != 0 {
		s.tokens[u.token.sum] = i
	}
	s.next = max(s.next, i+1)
}

// remove deletes user i for good.
func (s *store) remove(i int) {
	if s.index != nil {
		s.index.add(i, s.before(i), nil)
	}
	s.forget(i)
	s.changed[i] = nil
	s.next = max(s.next, i+1)
}

// before returns user i as of now, nil if there is none. Of a generated one it is no more than status and times.
func (s *store) before(i int) *user {
	if !s.exists(i) {
		return nil
	}
	var r row
	s.load(&r, i)
	return r.history()
}

func (s *store) forget(i int) {
	if old := s.changed[i]; old != nil {
		delete(s.logins, foldLogin(old.get("login").text))
		delete(s.tokens, old.token.sum)
		at, _ := slices.BinarySearch(s.live, i)
		s.live = slices.Delete(s.live, at, at+1)
	}
}

// exists says whether i is a user, generated or not.
func (s *store) exists(i int) bool {
	if u, ok := s.changed[i]; ok {
		return u != nil
	}
	return i >= 0 && i < s.gen.n
}

// indexOf finds a user by id.
func (s *store) indexOf(id string) (int, bool) {
	if len(id) != idLen {
		return 0, false
	}
	i := s.gen.search(id, s.next)
	return i, s.exists(i) && s.gen.id(i) == id
}

// indexOfLogin finds a user by login, whatever its case and diacritics.
func (s *store) indexOfLogin(login string) (int, bool) {
	folded := foldLogin(login)
	if i, ok := s.logins[folded]; ok {
		return i, true
	}
	i, ok := s.gen.indexOfLogin(login)
	if !ok {
		return 0, false
	}
	if _, over := s.changed[i]; over {
		return 0, false
	}
	p := s.gen.person(i)
	return i, foldLogin(string(p.appendLogin(nil))) == folded
}

// indexOfShortName finds the only user whose login begins with name and an @. Two such users are none.
func (s *store) indexOfShortName(name string) (found int, ok bool) {
	folded := foldLogin(name)
	matches := func(login string) bool {
		at := len(folded)
		return len(login) > at && login[at] == '@' && login[:at] == folded
	}
	n := 0
	for login := range maps.Keys(s.logins) {
		if matches(login) {
			found = s.logins[login]
			n++
		}
	}
	if i, candidate := s.gen.indexOfLogin(name); candidate {
		if _, over := s.changed[i]; !over {
			p := s.gen.person(i)
			if matches(foldLogin(string(p.appendLogin(nil)))) {
				found = i
				n++
			}
		}
	}
	return found, n == 1
}

// A rowFunc gets one row after the other; it returns false when it wants no more.
type rowFunc func(*row) bool

// rowsByID gives yield the users from index start on, in id order. Of the generated ones only those with
// indexes from..to-1.
func (s *store) rowsByID(start, from, to int, yield rowFunc) {
	var r row
	s.walk(start, from, to, func(i int) bool {
		s.load(&r, i)
		return yield(&r)
	})
}

// walk gives yield the indexes from start on of users who exist, of the generated ones those from..to-1.
func (s *store) walk(start, from, to int, yield func(int) bool) {
	for i := max(start, from); i < min(to, s.gen.n); i++ {
		if len(s.changed) > 0 && !s.exists(i) {
			continue
		}
		if !yield(i) {
			return
		}
	}
	at, _ := slices.BinarySearch(s.live, max(start, s.gen.n))
	for _, i := range s.live[at:] {
		if !yield(i) {
			return
		}
	}
}

// rowsByStatus gives yield the users of these statuses after the given place in the order of a plain
// list: by status, and by id within a status. In the first status, indexes count from from on.
func (s *store) rowsByStatus(meant statusSet, first status, from int, yield rowFunc) {
	var r row
	more := true
	for st := first; st < statuses && more; st++ {
		if meant[st] {
			s.walk(from, 0, s.gen.n, func(i int) bool {
				if len(s.changed) == 0 && s.gen.status(i) != st {
					return true
				}
				if s.load(&r, i); r.status() != st {
					return true
				}
				more = yield(&r)
				return more
			})
		}
		from = 0
	}
}

// rowsOf gives yield these users, who needn't exist, in id order.
func (s *store) rowsOf(indexes []int, from int, yield rowFunc) {
	slices.Sort(indexes)
	var r row
	for _, i := range slices.Compact(indexes) {
		if i >= from && s.exists(i) {
			if s.load(&r, i); !yield(&r) {
				return
			}
		}
	}
}

// rowsOfByStatus is rowsOf in the order of rowsByStatus.
func (s *store) rowsOfByStatus(indexes []int, first status, from int, yield rowFunc) {
	more := true
	for st := first; st < statuses && more; st++ {
		s.rowsOf(indexes, from, func(r *row) bool {
			more = r.status() != st || yield(r)
			return more
		})
		from = 0
	}
}

// after returns the index that comes after an id in id order, whether the id exists or not.
func (s *store) after(id string) int {
	return sort.Search(s.next, func(i int) bool { return s.gen.id(i) > id })
}
