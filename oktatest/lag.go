package oktatest

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A searchIndex is what lists with search, filter or q read in an org where that trails the users
// themselves: a second store, into which changes come with a delay. Safe for concurrent use.
//
// A change of status that Okta makes asynchronously comes in two steps: first the user with the status
// of before and transitioningToStatus, as recorded of real orgs, then the user as changed. A user who is
// got by id is as changed at once, as in every recording.
type searchIndex struct {
	lag, async time.Duration
	now        func() time.Time
	view       *store // its lock is taken after that of the users' store

	mu      sync.Mutex
	due     []indexed         // in the order of time
	settles map[int]time.Time // when the activation of a user is over
}

// An indexed is a change that is to come into the view: user i as of then, nil for a deleted one.
type indexed struct {
	at time.Time
	i  int
	u  *user
}

// newSearchIndex makes an index of the users that are in s, and of their changes from now on.
func newSearchIndex(s *store, lag, async time.Duration, now func() time.Time) *searchIndex {
	view := newStore(s.gen)
	view.orders = s.orders
	for _, i := range s.live {
		view.put(i, s.changed[i])
	}
	for i, u := range s.changed {
		if u == nil {
			view.remove(i)
		}
	}
	return &searchIndex{lag: lag, async: async, now: now, view: view, settles: map[int]time.Time{}}
}

// add is told of every change of a user: u instead of old. nil is no user.
func (x *searchIndex) add(i int, old, u *user) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	at := now.Add(x.lag)
	x.due = slices.DeleteFunc(x.due, func(e indexed) bool { return e.i == i && !e.at.Before(at) })
	if between := x.between(old, u); between != nil {
		x.insert(indexed{at, i, between})
		at = at.Add(x.async)
		if u.status != deprovisioned {
			x.settles[i] = now.Add(x.async)
		}
	}
	x.insert(indexed{at, i, u})
}

func (x *searchIndex) insert(e indexed) {
	at := len(x.due)
	for at > 0 && x.due[at-1].at.After(e.at) {
		at--
	}
	x.due = slices.Insert(x.due, at, e)
}

// between returns the user on the way from one status to another, nil if there is no such way.
func (x *searchIndex) between(old, u *user) *user {
	if x.async <= 0 || u == nil {
		return nil
	}
	from := staged // those who are created
	if old != nil {
		from = old.status
	}
	between := *u
	between.status = from
	switch {
	case u.status == deprovisioned && from != deprovisioned && old != nil:
		between.transition = "DEPROVISIONED"
	case from != staged && from != deprovisioned || u.status == staged || u.status == deprovisioned:
		return nil
	case u.status == provisioned:
		between.transition = "PROVISIONED"
	default:
		between.transition = "ACTIVE"
	}
	if old == nil {
		between.activated = 0
	} else {
		between.activated = old.activated
	}
	return &between
}

// activating says whether the activation of user i isn't over yet.
func (x *searchIndex) activating(i int) bool {
	if x == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if over, ok := x.settles[i]; !ok || x.now().Before(over) {
		return ok
	}
	delete(x.settles, i)
	return false
}

func errStillActivating() *apiError {
	return &apiError{status: http.StatusConflict, code: "E0000112",
		summary: "Cannot update this user because they are still being activated. Please try again in a few minutes."}
}

// catchUp brings the changes into the view whose time has come.
func (x *searchIndex) catchUp() {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	n := 0
	for n < len(x.due) && !now.Before(x.due[n].at) {
		n++
	}
	if n == 0 {
		return
	}
	x.view.mu.Lock()
	defer x.view.mu.Unlock()
	for _, e := range x.due[:n] {
		if e.u == nil {
			x.view.remove(e.i)
		} else {
			x.view.put(e.i, e.u)
		}
	}
	x.due = slices.Delete(x.due, 0, n)
}

// eachStore runs do with the users and with the index of them, if there is one, both locked for
// writing. The caller holds the lock of the former.
func (o *Org) eachStore(do func(*store)) {
	do(o.store)
	if x := o.store.index; x != nil {
		x.view.mu.Lock()
		defer x.view.mu.Unlock()
		do(x.view)
	}
}

// dropAttribute takes an attribute away from the users of a type who are to come into the view.
func (x *searchIndex) dropAttribute(typeTail, name string) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for k := range x.due {
		if u := x.due[k].u; u != nil && u.typeTail == typeTail {
			x.due[k].u = u.dropped(name)
		}
	}
}

// listed returns the store that a list of users reads, locked for reading, and the function that
// unlocks it. A plain list is never behind.
func (o *Org) listed(query url.Values) (s *store, unlock func()) {
	s = o.store
	if x := s.index; x != nil && (query.Get("search") != "" || query.Get("filter") != "" || query.Get("q") != "") {
		x.catchUp()
		s = x.view
	}
	s.mu.RLock()
	return s, s.mu.RUnlock
}
