package whoql

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
)

// A SizeCache keeps texts about the sizes of orgs: how many objects a table had when it was last read
// whole, and the rate limits that answers have told. Nothing in them is secret or about a person. It may be
// used concurrently. What can't be kept or got back is no error: EXPLAIN then knows less.
type SizeCache interface {
	// LoadSizes returns the text that was stored last for an org's URL, or nil.
	LoadSizes(orgURL string) []byte
	// StoreSizes keeps a text, which it must not change.
	StoreSizes(orgURL string, text []byte)
}

// LoadSizes implements [SizeCache].
func (m *memoryCache) LoadSizes(orgURL string) []byte { return m.LoadSchemas("sizes " + orgURL) }

// StoreSizes implements [SizeCache].
func (m *memoryCache) StoreSizes(orgURL string, text []byte) { m.StoreSchemas("sizes "+orgURL, text) }

const (
	sizesVersion = 1
	// sizesAge is how old a size may grow before it is written anew although nothing has changed.
	sizesAge = time.Hour
	// sizesSlack is by which share an org is taken to have grown or shrunk since.
	sizesSlack = 0.1
)

// orgSizes is what is kept of an org.
type orgSizes struct {
	Version int                  `json:"version"`
	Org     string               `json:"org"` // its URL
	Tables  map[string]tableSize `json:"tables,omitempty"`
	Limits  map[string]limit     `json:"limits,omitempty"` // by bucket
}

type tableSize struct {
	Objects int64     `json:"objects"`
	Read    time.Time `json:"read"`
}

// A limit is what answers have said about a bucket.
type limit struct {
	Calls   int   `json:"calls"`
	Seconds int   `json:"seconds"` // of a window
	Answer  int64 `json:"answer"`  // milliseconds that answers took
}

// sizesOf returns what is kept of an org.
func (e *Engine) sizesOf(url string) orgSizes {
	var s orgSizes
	if text := e.sizes.LoadSizes(url); text == nil || json.Unmarshal(text, &s) != nil || s.Version != sizesVersion || s.Org != url {
		return orgSizes{Version: sizesVersion, Org: url}
	}
	return s
}

// counted notes that a table of an org was read whole.
func (q *query) counted(client *okta.Client, path string, objects int64) {
	url := client.URL()
	if q.counts == nil {
		q.counts = map[string]*counted{}
	}
	if q.counts[url] == nil {
		q.counts[url] = &counted{client, map[string]int64{}}
	}
	q.counts[url].tables[path] = objects
}

// counted are the tables of an org that a query has read whole.
type counted struct {
	client *okta.Client
	tables map[string]int64 // objects, by path
}

// keepSizes keeps what the query has learned of the orgs' sizes. Only who reads a table whole has something
// new to say, and so a file is written seldom.
func (q *query) keepSizes() {
	now := q.engine.now().UTC().Truncate(time.Second)
	for url, counts := range q.counts {
		s := q.engine.sizesOf(url)
		changed := false
		if s.Tables == nil {
			s.Tables = map[string]tableSize{}
		}
		for path, n := range counts.tables {
			if was := s.Tables[path]; was.Objects != n || now.Sub(was.Read).Abs() > sizesAge {
				s.Tables[path] = tableSize{n, now}
				changed = true
			}
		}
		if s.Limits == nil {
			s.Limits = map[string]limit{}
		}
		for _, p := range counts.client.Limits() {
			l := limit{p.Calls, int(p.Window / time.Second), p.Answer.Milliseconds()}
			if was := s.Limits[p.Bucket]; was.Calls != l.Calls || was.Seconds != l.Seconds {
				s.Limits[p.Bucket] = l
				changed = true
			}
		}
		if text, err := json.Marshal(s); err == nil && changed {
			q.engine.sizes.StoreSizes(url, text)
		}
	}
}

// A size is how many objects a table has in an org, as far as is known, and how that is known.
type size struct {
	bounds
	source string
}

// sizeOf returns the size of a table, whose rows may be some of another one's: the members of a group are users.
func (q *query) sizeOf(o orgClient, r *catalog.Resource) size {
	path := r.Path()
	if requires(r) {
		path = ""
		for _, other := range q.catalog.Resources() {
			if other.Name == r.Name && other.Provider == r.Provider && !requires(other) {
				path = other.Path()
			}
		}
	}
	if n, ok := q.engine.options.Assume[path]; ok {
		return size{bounds{n, n}, fmt.Sprintf("%d objects of %s, as assumed", n, path)}
	}
	if t, ok := q.engine.sizesOf(o.client.URL()).Tables[path]; ok {
		n := float64(t.Objects)
		return size{bounds{int64(math.Floor(n * (1 - sizesSlack))), int64(math.Ceil(n * (1 + sizesSlack)))},
			fmt.Sprintf("%s had %d objects on %s, give or take a tenth", path, t.Objects, t.Read.Format(time.DateOnly))}
	}
	return size{bounds{0, unknown}, "how many objects " + path + " has is not known: a query that counts them all makes it known"}
}

// requires reports whether a table can only be read for values of required parameters.
func requires(r *catalog.Resource) bool {
	return slices.ContainsFunc(r.Columns, func(c *catalog.Column) bool { return c.Kind == catalog.KindRequired })
}

// paceOf is how fast calls to a path can be made, by what answers have said in this process or before.
func (q *query) paceOf(o orgClient, path string) okta.Pace {
	p := o.client.Pace("GET", path)
	if l, ok := q.engine.sizesOf(o.client.URL()).Limits[p.Bucket]; ok && !p.Known {
		p.Calls, p.Window, p.Known = l.Calls, time.Duration(l.Seconds)*time.Second, true
		if p.Answer == 0 {
			p.Answer = time.Duration(l.Answer) * time.Millisecond
		}
	}
	return p
}
