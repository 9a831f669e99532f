package whoql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/vtab"
)

// EXPLAIN says how many requests a table costs: a number where nothing but the statement decides it, else the
// least and the most, with what they are taken from. Requests that are repeated after an error aren't
// counted.

// Bounds are a number that lies between two.
type bounds struct{ from, to int64 } // to: unknown, or at least from

const unknown = -1

func (a bounds) plus(b bounds) bounds { return bounds{a.from + b.from, sum(a.to, b.to)} }

// sum adds two bounds, of which each may be unknown.
func sum(a, b int64) int64 {
	if a == unknown || b == unknown {
		return unknown
	}
	return a + b
}

// product multiplies two bounds, of which each may be unknown.
func product(a, b int64) int64 {
	switch {
	case a == 0 || b == 0:
		return 0
	case a == unknown || b == unknown || a > 1<<40 || b > 1<<20:
		return unknown
	}
	return a * b
}

// least is the lesser of two bounds, of which each may be unknown.
func least(a, b int64) int64 {
	switch {
	case a == unknown:
		return b
	case b == unknown:
		return a
	}
	return min(a, b)
}

// pagesOf is how many pages so many objects are: at least one.
func pagesOf(objects, page int64) int64 {
	if objects == unknown {
		return unknown
	}
	return max((objects+page-1)/page, 1)
}

// A figure is what a table, or a part of what is read of it, costs.
type figure struct {
	requests bounds
	rows     int64 // that the API gives, at most; or unknown
	exact    bool
	sources  []string // where the numbers come from that the statement doesn't have
	cursors  int64    // requests under way at a time, at most
	paces    []paced

	least, most time.Duration // see time; most: or unknown
	limit       string        // what they are taken from
}

// paced are requests to one bucket of one org.
type paced struct {
	pace     okta.Pace
	org      string
	requests bounds
}

func (f *figure) add(g figure) {
	f.requests = f.requests.plus(g.requests)
	f.rows = sum(f.rows, g.rows)
	f.exact = f.exact && g.exact
	f.sources = append(f.sources, g.sources...)
	f.cursors = max(f.cursors, g.cursors)
	f.paces = append(f.paces, g.paces...)
}

// upTo makes a figure that of some of the requests only: at most so many times as many, and perhaps fewer.
func (f *figure) upTo(times int64) {
	f.requests = bounds{0, product(f.requests.to, times)}
	f.rows = product(f.rows, times)
	f.exact = false
	for i, p := range f.paces {
		f.paces[i].requests = bounds{0, product(p.requests.to, times)}
	}
}

// basis says what the figure is worth.
func (f *figure) basis() string {
	if f.exact {
		return "exact"
	}
	if len(f.sources) == 0 {
		return "range"
	}
	slices.Sort(f.sources)
	return "range: " + strings.Join(slices.Compact(f.sources), "; ")
}

// time works out how long the requests take by the org's limit, and by how long its answers take: at best with
// as many under way as can be, at worst one after the other.
func (f *figure) time() {
	type key struct{ org, bucket string }
	byBucket := map[key]*paced{}
	var keys []key
	for _, p := range f.paces {
		k := key{p.org, p.pace.Bucket}
		if byBucket[k] == nil {
			byBucket[k] = &paced{pace: p.pace, org: p.org}
			keys = append(keys, k)
		}
		byBucket[k].requests = byBucket[k].requests.plus(p.requests)
	}
	if f.requests.to == unknown {
		f.most = unknown
	}
	var limits []string
	for _, k := range keys {
		p := byBucket[k]
		answer := p.pace.Answer
		if answer == 0 {
			answer = usualAnswer
		}
		side := max(f.cursors, 1)
		f.least = max(f.least, time.Duration((p.requests.from+side-1)/side)*answer, p.pace.Waits(p.requests.from))
		if p.requests.to == unknown || f.most < 0 {
			f.most = unknown
		} else {
			f.most += time.Duration(p.requests.to)*answer + p.pace.Waits(p.requests.to)
		}
		where := "Okta's default for a token"
		if p.pace.Known {
			where = "as the org said"
		}
		limits = append(limits, fmt.Sprintf("%s: %d calls in %.0f s, %s; %.0f %% left to others; %s an answer",
			p.pace.Bucket, p.pace.Calls, p.pace.Window.Seconds(), where, p.pace.Headroom*100, answer.Round(time.Millisecond)))
	}
	slices.Sort(limits)
	f.limit = strings.Join(slices.Compact(limits), "; ")
}

// usualAnswer is how long an answer takes where none was seen.
const usualAnswer = 250 * time.Millisecond

func tenths(d time.Duration) float64 {
	return float64(d.Round(100*time.Millisecond).Milliseconds()) / 1000
}

// An estimator knows what decides how much of a scan is made.
type estimator struct {
	query *query
	// early: the statement may end before a table is read to its end.
	early bool
}

// scan is what a scan costs that is made once, and reads at most so many rows; -1: all of them.
func (e *estimator) scan(all []calls, orgs []orgClient, limit int64) figure {
	f := figure{exact: true}
	for _, o := range orgs {
		for i := range all {
			f.add(e.calls(&all[i], o, limit))
		}
	}
	lanes := int64(min(len(all), maxAtOnce) * len(orgs))
	if len(all) > 1 && (e.early || limit >= 0) {
		f.requests.from, f.exact = min(f.requests.from, 1), false
	}
	f.cursors = max(f.cursors, lanes)
	return f
}

// calls are what the calls to one org cost.
func (e *estimator) calls(c *calls, o orgClient, limit int64) figure {
	f := figure{exact: true}
	if n := int64(len(c.gets)); n > 0 {
		g := figure{requests: bounds{n, n}, rows: n, exact: true, cursors: min(n, maxAtOnce)}
		// The API takes short names in the place of logins, and who has this one is then searched for.
		if len(c.key.Path) > 1 && slices.ContainsFunc(c.keys, func(k string) bool { return !strings.Contains(k, "@") }) {
			g.requests.to, g.exact = n+int64(len(searches(c.table.List(), c.key, c.keys))), false
		}
		g.paces = []paced{{e.query.paceOf(o, c.gets[0]), o.name, g.requests}}
		f.add(g)
	}
	for i := range c.lists {
		g := e.list(c, &c.lists[i], o, limit)
		if g.cursors = 1; c.ranged() {
			e.inRanges(&g)
		}
		g.paces = []paced{{e.query.paceOf(o, c.lists[i].path), o.name, g.requests}}
		f.add(g)
	}
	return f
}

// list is what one list costs.
func (e *estimator) list(c *calls, l *listCall, o orgClient, limit int64) figure {
	page := int64(l.size)
	switch {
	case l.onePage():
		rows := int64(unknown)
		if page > 0 {
			rows = page
		}
		return figure{requests: bounds{1, 1}, rows: rows, exact: true}
	case c.key != nil: // a search for keys, of which each has one object
		return figure{requests: bounds{1, 1}, rows: page, exact: true}
	}
	whole := c.whole || len(c.required) > 0 && l.query.Get("search") == "" && l.query.Get("filter") == ""
	if whole && limit >= 0 && limit <= page {
		return figure{requests: bounds{1, 1}, rows: limit, exact: true}
	}
	n := e.query.sizeOf(o, c.table)
	counted := true
	if usual := int64(c.table.List().Usual); len(c.required) > 0 && usual > 0 && n.to == unknown {
		counted = false
		n = size{bounds{0, usual}, fmt.Sprintf("%s has at most %d objects for one value", c.table.Path(), usual)}
	}
	f := figure{rows: n.to, requests: bounds{1, pagesOf(n.to, page)}, sources: []string{n.source}}
	if c.whole && !e.early {
		f.requests.from = pagesOf(n.from, page)
	}
	if counted && n.to != unknown && n.to > 0 && n.to%page == 0 {
		f.requests.to++ // the last page is full, and may say that there is another
	}
	if whole && limit >= 0 {
		f.rows = least(f.rows, limit)
		f.requests.to = least(f.requests.to, pagesOf(limit, page))
		f.requests.from = min(f.requests.from, f.requests.to)
	}
	return f
}

// inRanges adds what a list costs that is read in ranges if it is long. Most calls in vain are pages that aren't
// full, of ranges that turn out to be short, and a half of the list is the most that they can be: see
// ranging.affordable.
func (e *estimator) inRanges(f *figure) {
	if f.requests.to != unknown && f.requests.to <= onePages {
		return
	}
	f.cursors = int64(e.query.engine.options.Cursors)
	if f.cursors > 1 && f.requests.to != unknown {
		f.requests.to += f.requests.to/2 + 3
	}
}

// lookups is what a table costs that is read for each row of other ones, at most so often. all are the calls for
// one value.
func (e *estimator) lookups(all []calls, orgs []orgClient, times int64) figure {
	f := e.scan(all, orgs, unknown)
	f.upTo(times)
	return f
}

// byKeyOften adds what gets by key cost that a join makes again and again: past vtab.GetsBeforeList values the table is listed
// as well, and values that are known ahead are searched for together.
func (e *estimator) byKeyOften(f *figure, r *catalog.Resource, orgs []orgClient, times int64) {
	if times != unknown && times <= vtab.GetsBeforeList {
		return
	}
	for _, o := range orgs {
		n := e.query.sizeOf(o, r)
		list := r.List()
		extra := least(pagesOf(n.to, int64(max(list.Page, 1))), times)
		if times != unknown {
			extra = sum(extra, times/20+1)
		}
		f.requests.to = sum(f.requests.to, extra)
		f.sources = append(f.sources, n.source)
		f.paces = append(f.paces, paced{e.query.paceOf(o, list.Route), o.name, bounds{0, extra}})
	}
}
