package whoql

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/search"
)

// A long list is read by several cursors side by side, each of which walks a span of time: the objects
// that were created in it. docs/decisions/0022-long-lists-are-read-in-ranges.md says why so.
const (
	// MaxCursors is how many read a scan's lists side by side: two whoqls are then still within 35 calls
	// at the same time, the smallest limit that Okta documents.
	MaxCursors = 16
	// onePages is how many pages one cursor reads before others join it: what is small costs no call more.
	onePages = 5
	// startCursors is how many read as soon as it is known how far the list goes.
	startCursors = 4
	// worthPages is how many pages must be left of a span, as far as one can tell, to split it.
	worthPages = 3
	// marked is how many pages back the density of a span is measured.
	marked = 4
)

// A ranging reads one list of one org. It lives on the goroutine that reads the rows; what runs beside
// it are the parts' calls.
//
// It begins with one cursor over the whole list, in order. Behind its fifth page it asks for the list's
// other end, which tells the span of time that is left, and from then on it splits, whenever a cursor
// could be added, the span of which most seems to be left: a span is cut in the middle, and the new
// cursor's first page is asked for. Only when that has come, and is what was asked for, does the span
// end where the new one begins. So whatever a server makes of the bounds, the spans that were cut are
// whole and nothing is in two of them.
type ranging struct {
	rows   *scanRows
	org    orgClient
	calls  *calls
	size   int // objects of a page
	spans  []*span
	first  *span
	top    bool // the other end is known
	off    bool // no span may be split any more
	most   int  // cursors at the same time at the moment
	limit  int  // and at any time
	read   int  // objects taken
	wasted int  // objects that would have fitted into the pages that were asked for, and weren't there or were dropped

	// How long answers with a full page take: on average with one cursor, of so many, and lately.
	alone    time.Duration
	measured int
	usual    time.Duration
}

// A span is what one cursor walks: the objects with a time from from, up to and without to. Times are in
// milliseconds since 1970.
type span struct {
	list     *ranging
	part     *part // nil: it is walked to its end
	from, to int64
	at       int64   // the time of the last object taken
	marks    []int64 // the time before each of the last pages
	counts   []int   // their objects
	pages    int
	tied     []string // the ids of the first cursor's objects at at, if they are all on its last page
	of       *span    // what it is being split off from, until its first page has come
	split    bool     // another one is being split off
	down     bool     // the list's other end: one page, in descending order
}

// inRanges lets a list be read side by side, if the table's can. It is then asked for in order from its
// first page on.
func (l *listCall) inRanges(c *calls, limit int64) {
	by := c.table.Ranges
	if by == nil || l.onePage() || limit >= 0 && limit <= onePages*int64(l.size) {
		return
	}
	if l.terms = l.query.Get("search"); l.terms == c.table.Complete {
		l.terms = "" // The ranges together leave nothing out either.
	}
	longest := search.All(l.terms, search.Between(by.Search, time.Time{}, time.Time{}))
	if l.query.Has("sortBy") || search.Size(longest) > search.MaxText {
		return
	}
	l.by = by
	l.query.Set("sortBy", by.Search)
	l.query.Set("sortOrder", "asc")
}

// ranged reports whether the calls are a list that can be read side by side.
func (c *calls) ranged() bool { return len(c.gets) == 0 && len(c.lists) == 1 && c.lists[0].by != nil }

// newRanging makes p, which is about to read a list, the first of its cursors. It may become limit of
// them.
func newRanging(r *scanRows, p *part, limit int) *ranging {
	g := &ranging{rows: r, org: p.queue.org, calls: p.scan.calls, size: p.scan.calls.lists[0].size, most: 1, limit: limit}
	g.first = &span{list: g, part: p, from: math.MinInt64, at: math.MinInt64, to: math.MaxInt64}
	g.spans = []*span{g.first}
	p.span = g.first
	return g
}

// may reports whether a span's next page may be asked for now.
func (g *ranging) may(s *span) bool {
	// The first one waits for the other end, which may be all that is left.
	if s == g.first && s.split && !g.top {
		return false
	}
	busy := 0
	for _, other := range g.spans {
		if other.part != nil && other.part.busy {
			busy++
		}
	}
	if busy == 0 {
		return true
	}
	r := g.rows
	wanted := r.limit < 0 || r.listed+int64(r.busy*g.size) < r.limit
	return busy < g.most && wanted
}

// grow adds cursors, as far as that seems to help.
func (g *ranging) grow() {
	if g.off || g.first.pages < onePages {
		return
	}
	if !g.top {
		if g.first.part != nil && !g.first.split && !g.first.part.busy {
			g.first.split = true
			g.add(&span{list: g, down: true, of: g.first})
		}
		return
	}
	for active := g.active(); active < g.most; active++ {
		if limit := g.rows.limit; limit >= 0 && g.rows.listed+int64((active+1)*g.size) > limit {
			return
		}
		s := g.largest()
		if s == nil || !g.affordable(active) {
			return
		}
		s.split = true
		g.add(&span{list: g, from: s.middle(), to: s.to, of: s})
	}
}

func (g *ranging) active() int {
	n := 0
	for _, s := range g.spans {
		if s.part != nil {
			n++
		}
	}
	return n
}

// add starts a cursor over a span.
func (g *ranging) add(s *span) {
	l := g.calls.lists[0]
	l.query = maps.Clone(l.query)
	if s.down {
		l.query.Set("sortOrder", "desc")
	} else {
		s.at = s.from
		l.query.Set("search", search.All(l.terms, search.Between(l.by.Search, time.UnixMilli(s.from), time.UnixMilli(s.to))))
	}
	c := *g.calls
	c.lists = []listCall{l}
	p := g.idle()
	p.scan, p.span, p.ended = &orgScan{orgClient: g.org, calls: &c}, s, false
	s.part = p
	g.spans = slices.DeleteFunc(g.spans, func(old *span) bool { return old.part == nil })
	g.spans = append(g.spans, s)
}

// idle is a part without a span, or a new one.
func (g *ranging) idle() *part {
	for _, p := range g.rows.parts {
		if p.ended && p.span != nil && p.span.list == g && p != g.rows.now {
			return p
		}
	}
	p := &part{queue: &queue{org: g.org}}
	g.rows.parts = append(g.rows.parts, p)
	return p
}

// largest is the span that is worth splitting and of which most seems to be left; nil: none is.
func (g *ranging) largest() *span {
	var best *span
	most := float64(worthPages * g.size)
	for _, s := range g.spans {
		if s.part == nil || s.of != nil || s.split || s.middle() == 0 {
			continue
		}
		if left := s.left(); left > most {
			best, most = s, left
		}
	}
	return best
}

// affordable reports whether one more cursor is worth the pages that it may cost: two halves have two
// last pages which aren't full, and a half may be empty. What may be wasted is a tenth of the list, as
// far as it is known, and some pages to find out.
func (g *ranging) affordable(active int) bool {
	left := 0.0
	for _, s := range g.spans {
		if s.part != nil && s.of == nil {
			left += s.left()
		}
	}
	left = min(left, 4*float64(g.read)) // density can mislead
	return float64(g.wasted+active*g.size/2) <= (float64(g.read)+left)/10+float64(g.size)
}

// left is how many objects are left of a span, were they as dense as in the last pages.
func (s *span) left() float64 {
	if len(s.marks) == 0 {
		return 0
	}
	objects := 0
	for _, n := range s.counts {
		objects += n
	}
	return float64(objects) / float64(max(s.at-s.marks[0], 1000)) * float64(s.to-s.at)
}

// middle is the whole second in the middle of what is left of a span; 0 if that is too short to be
// split: the org knows no smaller part than a second.
func (s *span) middle() int64 {
	const second = 1000
	next := (s.at/second + 1) * second
	m := (next + (s.to-next)/2) / second * second
	if m <= s.at || m >= s.to {
		return 0
	}
	return m
}

// A RangeError is a list whose objects came otherwise than they were asked for, when it was too late to
// ask otherwise: objects may be missing.
type RangeError struct {
	Operation string // such as "list users"
	Column    string // the column by whose ranges the list is read
}

// Error says what happened.
func (e *RangeError) Error() string {
	return fmt.Sprintf("%s: the answer isn't the range of %s that was asked for, or not in its order: objects may be missing, so there is no result; try again",
		e.Operation, e.Column)
}

// took looks at a batch of p's span, and takes off what isn't the span's.
func (g *ranging) took(p *part, b *batch) error {
	s := p.span
	g.measure(b)
	if b.end {
		return g.close(s)
	}
	g.wasted += max(g.size-len(b.items), 0)
	g.read += len(b.items)
	if s.down {
		return g.tookTop(s, b)
	}
	if len(b.items) > 0 && !ascending(b.times, max(s.at, s.from)) {
		switch {
		case s.of != nil: // Nothing depends on it yet.
			g.off = true
			return g.refuse(s, b)
		case s == g.first && s.to == math.MaxInt64: // The whole list, in whatever order.
			g.off = true
			s.pages++
			return nil
		}
		return &RangeError{Operation: g.calls.listOperation, Column: g.calls.lists[0].by.Name}
	}
	if s.of != nil {
		if s.of.at >= s.from { // It was faster than expected.
			return g.refuse(s, b)
		}
		s.of.to, s.of.split, s.of = s.from, false, nil
		b.ahead = 0
	}
	n := len(b.items)
	for n > 0 && b.times[n-1] >= s.to {
		n--
	}
	s.note(b.times[:n])
	if s == g.first && !g.top && !g.off && s.pages >= onePages {
		s.tied = tiedTo(s.at, b)
		b.ahead = -1
	}
	over := n < len(b.items)
	g.wasted += len(b.items) - n
	b.items = b.items[:n]
	if over || b.last {
		return g.close(s)
	}
	return nil
}

// tookTop learns from the list's other end how far it goes.
func (g *ranging) tookTop(s *span, b *batch) error {
	f := s.of
	up := slices.Clone(b.times)
	slices.Reverse(up)
	if g.off || len(b.items) == 0 || !ascending(up, math.MinInt64) || f.at > b.times[0] {
		g.off = true
		return g.refuse(s, b)
	}
	f.split, s.of = false, nil
	g.top, g.most = true, min(startCursors, g.limit)
	least := up[0]
	whole := least < f.at && f.tied != nil // the page has all that is left
	n := len(b.items)
	b.items = slices.DeleteFunc(b.items, func(item []byte) bool {
		t := b.times[0]
		b.times = b.times[1:]
		if t == f.at && whole {
			return slices.Contains(f.tied, objectID(item))
		}
		return t <= max(least, f.at) // at its least time there may be more than are on the page
	})
	g.wasted += n - len(b.items)
	f.to = max(least, f.at) + 1
	if whole {
		if err := g.close(f); err != nil {
			return err
		}
	}
	return g.close(s)
}

func objectID(item []byte) string { return gjson.GetBytes(item, "id").String() }

// note notes the times of a page's objects.
func (s *span) note(times []int64) {
	s.pages++
	if len(times) == 0 {
		return
	}
	before := s.at
	if len(s.marks) == 0 {
		before = times[0]
	}
	if len(s.marks) == marked {
		s.marks, s.counts = s.marks[1:], s.counts[1:]
	}
	s.marks, s.counts = append(s.marks, before), append(s.counts, len(times))
	s.at = times[len(times)-1]
}

// refuse drops a span that was to be split off, and its first page.
func (g *ranging) refuse(s *span, b *batch) error {
	g.wasted += len(b.items)
	b.items = nil
	s.of.split, s.of = false, nil
	return g.close(s)
}

// failed reports whether a span can be done without, whose first page was refused.
func (g *ranging) failed(s *span, err error) bool {
	e, ok := errors.AsType[*okta.Error](err)
	if !ok || e.Status != http.StatusBadRequest || s.of == nil {
		return false
	}
	g.off = true
	return true
}

// close ends the cursor of a span. All of it was taken.
func (g *ranging) close(s *span) error {
	p := s.part
	s.at, s.part = s.to, nil
	p.ended = true
	return p.scan.stop()
}

// measure changes how many cursors there may be: one more as long as the reader had to wait for this
// batch, and answers don't take twice as long as with one; and fewer when they take four times as long.
func (g *ranging) measure(b *batch) {
	if b.took == 0 || len(b.items) < g.size/2 || g.first.pages == 0 {
		return // the first one may have had to connect
	}
	if !g.top {
		g.measured++
		g.alone += (b.took - g.alone) / time.Duration(g.measured)
		g.usual = g.alone
		return
	}
	g.usual += (b.took - g.usual) / 8
	switch {
	case g.usual > 4*g.alone:
		g.most = max(g.most-1, 1)
		g.usual = 2 * g.alone // until more answers have come
	case g.rows.waited && g.usual < 2*g.alone && b.waited < g.usual:
		g.most = min(g.most+1, g.limit)
	}
}

// tiedTo are the ids of a batch's objects whose time is at, the last one's; nil if all of them are.
func tiedTo(at int64, b *batch) []string {
	if len(b.items) == 0 || b.times[0] == at {
		return nil
	}
	var ids []string
	for i, item := range b.items {
		if b.times[i] == at {
			ids = append(ids, objectID(item))
		}
	}
	return ids
}

// ascending reports whether times are in order, and none is before from.
func ascending(times []int64, from int64) bool {
	return times != nil && times[0] >= from && slices.IsSorted(times)
}

// timesOf reads the times of objects; nil if some object has none.
func timesOf(items [][]byte, path string) []int64 {
	times := make([]int64, len(items))
	for i, item := range items {
		t, err := time.Parse(time.RFC3339Nano, gjson.GetBytes(item, path).String())
		if err != nil {
			return nil
		}
		times[i] = t.UnixMilli()
	}
	return times
}
