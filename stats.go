package whoql

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whoql/whoql/okta"
)

// Stats are what a query has cost so far.
type Stats struct {
	// Requests counts HTTP requests, those that were repeated included.
	Requests int64
	// Retries counts the repeated ones.
	Retries int64
	// Waited is the time spent waiting for rate limits and between retries.
	Waited time.Duration
	// Read is what reading each resource has cost, in the order of their names.
	Read []Read
	// Unprojected says of each org that doesn't take the parameter fields why that is thought, and that whole
	// objects are read there. The engine has learned it from this query or an earlier one.
	Unprojected []string
}

// Read counts the objects of a resource that answers of the API had, and the requests for them, repeated ones
// included. An object that was asked for twice counts twice.
type Read struct {
	// Resource is the three-part name, such as okta.user.users.
	Resource string
	Objects  int64
	Requests int64
	// Took is how long some call for it was under way, and Most how many were at a time.
	Took time.Duration
	Most int
}

// Stats may be read at any time, from any goroutine, also after Close.
func (r *Rows) Stats() Stats {
	s := r.query.meter.Snapshot()
	return Stats{Requests: s.Requests, Retries: s.Retries, Waited: s.Waited, Read: r.query.reads.snapshot(), Unprojected: r.query.engine.unprojected.snapshot()}
}

// reads are the counts behind Stats.Read. They may be used concurrently.
type reads struct {
	mu     sync.Mutex
	counts map[string]*reading
}

// A reading is what reading a resource has cost so far.
type reading struct {
	objects atomic.Int64
	meter   okta.Meter

	mu       sync.Mutex
	underWay int
	since    time.Time // when the first of those under way began
	took     time.Duration
	most     int
}

// call notes a call that begins; what it returns notes its end.
func (r *reading) call() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay == 0 {
		r.since = time.Now()
	}
	r.underWay++
	r.most = max(r.most, r.underWay)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.underWay--
		if r.underWay == 0 {
			r.took += time.Since(r.since)
		}
	}
}

func (r *reading) snapshot() (took time.Duration, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took = r.took
	if r.underWay > 0 {
		took += time.Since(r.since)
	}
	return took, r.most
}

// of returns the count of a resource.
func (r *reads) of(path string) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]*reading{}
	}
	if r.counts[path] == nil {
		r.counts[path] = new(reading)
	}
	return r.counts[path]
}

func (r *reads) snapshot() []Read {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Read
	for path, n := range r.counts {
		if objects, requests := n.objects.Load(), n.meter.Snapshot().Requests; objects > 0 || requests > 0 {
			took, most := n.snapshot()
			all = append(all, Read{path, objects, requests, took, most})
		}
	}
	slices.SortFunc(all, func(a, b Read) int { return cmp.Compare(a.Resource, b.Resource) })
	return all
}
