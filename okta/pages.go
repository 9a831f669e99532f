package okta

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPageSize = 200
	minPageSize     = 10
	maxIdlePages    = 100 // in a row without a new object
)

// PageOptions are what a list can do without. The zero value is good for use.
type PageOptions struct {
	// Size is the number of objects to ask for per page, sent as "limit" in
	// place of any in the query. 0: 200, which is Okta's largest. Negative:
	// none is sent, and the org decides.
	Size int
	// NoPaging is for lists that the API gives in one answer, whatever their
	// size, or cuts off at Size (users with q): the request is never repeated
	// with a smaller Size, which would cut off more. A next link there is an
	// error that follows the page, and objects are given as they came.
	NoPaging bool
	// NeedID is for lists whose objects all have an id: an object without a
	// member "id" that is a string, and not an empty one, makes its page an
	// unusable answer.
	NeedID bool
	// Stable is for lists whose objects never change places, as those in the
	// order of something that never changes: an object can only come again soon
	// after, and 1,024 are enough to know it by. Many lists that are read side
	// by side then take little memory.
	Stable bool
}

// Page is one answer of a list.
type Page struct {
	// Items are the objects, each complete and valid JSON, at most 1,000
	// levels deep. They are parts of one buffer, which is the caller's and
	// stays in memory while any of them is kept.
	Items [][]byte
	// Last: this page had no next link.
	Last bool
	// Rate is what this answer said about the rate limit.
	Rate Rate
	// Took is the time from the request to the end of the answer; of a page
	// that took several tries, of the last one.
	Took time.Duration
	// Waited is how long the rate limit made that try wait before.
	Waited time.Duration
}

// Pages is a list under way: see [Client.Pages]. Its methods are for one
// goroutine at a time.
type Pages struct {
	client *Client
	call   call // op, method and path
	opt    PageOptions
	query  url.Values

	// ahead is open while a fetch runs in the background or its page waits to
	// be picked up; cancel ends that fetch. In between, all fields below are
	// the fetch's alone; the channel hands them back.
	ahead  chan fetched
	cancel context.CancelFunc

	err  error    // what Next returns from now on
	next *url.URL // where the next page is
	size int      // the page size now; less than 1: none is sent
	body int      // the size of the last body, a guess at the next one's
	ids  [][]byte // of the last page, for their memory

	trail trail
	met   met
	mark  mark
}

type fetched struct {
	page Page
	err  error
}

// Pages lists what is at path, an escaped absolute path, from its first page.
// op names the operation in errors ("list users"). An object that the API gives
// again, less than 65,536 objects later (but see [PageOptions].Stable), is left out. No request is made yet; a
// path that can't be used is reported by the first Next.
//
// The caller must call Close when it is done.
func (c *Client) Pages(op, path string, query url.Values, o PageOptions) *Pages {
	p := &Pages{
		client: c,
		call:   call{op: op, method: http.MethodGet, path: path},
		opt:    o,
		query:  maps.Clone(query),
		size:   o.Size,
	}
	p.mark.seed = maphash.MakeSeed()
	if o.Size == 0 {
		p.size = defaultPageSize
	}
	if p.query == nil {
		p.query = url.Values{}
	}
	p.err = p.restart()
	return p
}

// restart goes back to the first page, with the page size as it is now.
func (p *Pages) restart() error {
	if p.size > 0 {
		p.query.Set("limit", strconv.Itoa(p.size))
	}
	first, err := p.client.target(p.call.path, p.query)
	if err != nil {
		return p.client.refused(&p.call, err)
	}
	p.next = first
	p.mark.rewind()
	p.trail, p.met = trail{seed: p.mark.seed}, met{seed: p.mark.seed, stable: p.opt.Stable}
	return p.trail.visit(first)
}

// Next returns the next page, which may have no items, and io.EOF after the
// last; no other error is an io.EOF for errors.Is. A page that Prefetch has begun to fetch is waited for; when ctx ends
// first, that fetch is given up. After an error, which is an *Error or a
// *RateLimitError, every further call returns it again.
func (p *Pages) Next(ctx context.Context) (Page, error) {
	if p.err != nil {
		return Page{}, p.err
	}
	var got fetched
	if p.ahead == nil {
		got.page, got.err = p.fetch(ctx)
	} else {
		select {
		case got = <-p.ahead:
		case <-ctx.Done():
			p.cancel()
			<-p.ahead
			got.err = p.client.refused(&p.call, ctx.Err())
		}
		p.cancel()
		p.ahead, p.cancel = nil, nil
	}
	if got.err != nil {
		p.err = got.err
		return Page{}, got.err
	}
	switch {
	case got.page.Last:
		p.err = io.EOF
	case p.opt.NoPaging:
		p.err = p.client.refused(&p.call, paging("a next link came where the list has one page only"))
	}
	return got.page, nil
}

// Prefetch starts to fetch the next page in the background, if there may be
// one and it isn't being fetched already. Next returns that page, or the error
// of fetching it. ctx must stay valid until then.
func (p *Pages) Prefetch(ctx context.Context) {
	if p.err != nil || p.ahead != nil {
		return
	}
	ctx, p.cancel = context.WithCancel(ctx)
	ahead := make(chan fetched, 1)
	p.ahead = ahead
	go func() {
		var got fetched
		got.page, got.err = p.fetch(ctx)
		ahead <- got
	}()
}

// Close gives up a fetch in the background, waits for its end, and closes the
// list: Next returns ErrClosed from now on. It may be called more than once.
// The error is always nil.
func (p *Pages) Close() error {
	if p.ahead != nil {
		p.cancel()
		<-p.ahead
		p.ahead, p.cancel = nil, nil
	}
	p.err = ErrClosed
	p.trail, p.met = trail{}, met{}
	return nil
}

// fetch gets the next page that has something new, or is the last.
//
// Okta fails searches with E0000100, sometimes only for pages of a certain
// size. Then the list is repeated from its start with pages half as large (a
// cursor belongs to the query it came from, so there is no going on from the
// middle), and what the caller has already got is skipped: see mark.
func (p *Pages) fetch(ctx context.Context) (Page, error) {
	for restarts := 1; ; {
		page, err := p.load(ctx)
		e, _ := errors.AsType[*Error](err)
		switch {
		case e != nil && p.smaller(e):
			if err := p.client.pause(ctx, &p.call, &fault{err: e, reason: WaitSearch}, restarts); err != nil {
				e.Err = err
				return Page{}, e
			}
			p.client.count(func(m *Meter) { m.retries.Add(1) })
			restarts++
			p.size = max(p.size/2, minPageSize)
			if err := p.restart(); err != nil {
				return Page{}, err
			}
		case err != nil:
			return Page{}, err
		case len(page.Items) > 0 || page.Last || p.opt.NoPaging:
			return page, nil
		}
	}
}

// smaller says whether e is one that smaller pages may cure, and whether they
// can be made smaller.
func (p *Pages) smaller(e *Error) bool {
	failed := e.Code == "E0000100" ||
		e.Status == http.StatusInternalServerError && strings.Contains(e.Summary, "Unable to perform search query")
	return failed && p.size > minPageSize && !p.opt.NoPaging && p.client.opt.MaxRetries > 0
}

// load gets the page at p.next, checks it, takes off what the caller has
// already got, and moves p.next on.
func (p *Pages) load(ctx context.Context) (Page, error) {
	var items [][]byte
	call := p.call
	call.url, call.size, call.leave = p.next, p.body, p.smaller
	call.accept = func(a *answer) (problem string) {
		items, p.ids, problem = splitPage(a.body, make([][]byte, 0, max(min(p.size, maxItems), 0)), p.ids[:0])
		if problem == "" && p.opt.NeedID && slices.ContainsFunc(p.ids, func(id []byte) bool { return len(id) == 0 }) {
			problem = "an object without an id"
		}
		return problem
	}
	a, err := p.client.do(ctx, &call)
	if err != nil {
		return Page{}, err
	}
	p.body = len(a.body)
	page := Page{Rate: a.rate, Took: a.took, Waited: a.waited}
	if page.Last, err = p.follow(a, len(items)); err == nil {
		page.Items, err = p.sift(a.body, items, page.Last)
	}
	clear(p.ids) // They would keep the body alive.
	if err != nil {
		e := p.client.newError(&p.call, a)
		e.Err = err
		return Page{}, e
	}
	return page, nil
}

// sift returns those of a page's objects that are new to the caller, and notes
// them all.
func (p *Pages) sift(body []byte, items [][]byte, last bool) ([][]byte, error) {
	if p.opt.NoPaging {
		return items, nil // There is no other page, and no repeat.
	}
	all := len(items)
	items, hashes := p.met.drop(items, p.ids)
	if err := p.trail.turn(body, all, len(items)); err != nil {
		return nil, err
	}
	return p.mark.take(items, hashes, last)
}

// follow moves p.next to where the answer's next link leads; last says that
// there is none.
func (p *Pages) follow(a *answer, items int) (last bool, err error) {
	links := a.header.Values("Link")
	target, found, err := nextLink(links)
	switch {
	case err != nil:
		return false, paging(err.Error())
	case p.opt.NoPaging:
		return !found, nil
	case !found && items > 0 && strings.Trim(strings.Join(links, ""), " \t,") == "":
		// Okta sends a self link with every page of a list.
		return false, paging("a page came without a Link header, so whether it is the last can't be known: " +
			"does a proxy take the header away?")
	case !found:
		return true, nil
	}
	next, err := a.url.Parse(target)
	if err != nil {
		return false, paging("the next link is not a URL")
	}
	if !sameHost(p.client.org, next) {
		host := strings.ToLower(next.Scheme) + "://" + hostPort(next)
		return false, paging("the next link leads to " + p.client.cred.clean(host, maxErrorText) + ", which is not the org's host")
	}
	if !samePath(a.url, next) {
		return false, paging("the next link leads to another path than the list's")
	}
	// Keep to the one spelling of host and path, and drop what is not for the server.
	next.Scheme, next.Host, next.Path, next.RawPath = p.client.org.Scheme, p.client.org.Host, a.url.Path, a.url.RawPath
	next.Fragment, next.RawFragment = "", ""
	p.next = next
	return false, p.trail.visit(next)
}

func paging(problem string) error { return fmt.Errorf("%w: %s", ErrPaging, problem) }

// trail is what is known of the pages of one walk through a list, to notice
// one that doesn't get anywhere. Per page it keeps two hashes of 64 bits: 25,000
// pages of 200 take about a megabyte, and the chance that two of them collide
// is one in many billions.
type trail struct {
	seed   maphash.Seed
	places map[uint64]struct{} // that were asked for
	bodies map[uint64]struct{} // of pages with items
	idle   int                 // pages in a row without a new object
}

// visit notes that a page will be asked for at u.
func (t *trail) visit(u *url.URL) error {
	// The order of parameters makes no other place.
	h := maphash.String(t.seed, u.EscapedPath()+"?"+u.Query().Encode())
	if !note(&t.places, h) {
		return paging("a next link leads back to a page already read")
	}
	return nil
}

// turn notes a page that came, with so many items, of which so many were new.
func (t *trail) turn(body []byte, items, fresh int) error {
	if items > 0 && !note(&t.bodies, maphash.Bytes(t.seed, body)) {
		return paging("a page is the same as one before it")
	}
	if fresh > 0 {
		t.idle = 0
		return nil
	}
	if t.idle++; t.idle > maxIdlePages {
		return paging(fmt.Sprintf("more than %d pages in a row without a new object", maxIdlePages))
	}
	return nil
}

// note puts h into a set and says whether it wasn't there yet.
func note(set *map[uint64]struct{}, h uint64) bool {
	before := len(*set)
	if *set == nil {
		*set = map[uint64]struct{}{}
	}
	(*set)[h] = struct{}{}
	return len(*set) > before
}

// maxMet is how many objects are known again: some 300 pages, in 3 MB at most.
const (
	maxMet       = 1 << 16
	maxMetStable = 1 << 10
)

// met is the objects met lately in one walk through a list, to give each once:
// one that changes while the list is read may move to a later page and come
// again. The version that came first is the one given.
//
// It keeps a hash of 64 bits of each id (as it was sent, escapes and all), of
// the last of them, so that memory doesn't grow with the list. As long as
// each id is greater than the one before, which is how Okta sorts most lists,
// none can have come before. From the first that isn't greater on they are
// looked up in a set. That one of a million ids has the hash of one of those
// before it, and is dropped, has a chance of one in 280 million. Objects without
// an id are not known again.
type met struct {
	seed   maphash.Seed
	stable bool                // fewer are kept: see PageOptions.Stable
	last   []byte              // the id met last, while they ascend
	recent []uint64            // a ring of the hashes met lately
	oldest int                 // where in the ring the next one goes, once it is full
	set    map[uint64]struct{} // what the ring holds; nil while ids ascend
	hashes []uint64            // of one page, for their memory
}

// most is how many objects are known again.
func (m *met) most() int {
	if m.stable {
		return maxMetStable
	}
	return maxMet
}

// push puts a hash into the ring, and into the set if there is one.
func (m *met) push(h uint64) {
	if len(m.recent) < m.most() {
		m.recent = append(m.recent, h)
	} else {
		delete(m.set, m.recent[m.oldest])
		m.recent[m.oldest] = h
		m.oldest = (m.oldest + 1) % m.most()
	}
	if m.set != nil {
		m.set[h] = struct{}{}
	}
}

// drop leaves out the objects of a page that were met before. It returns the
// others, in the memory of items, and a hash of each: of its id, or of all of
// it if it has none.
func (m *met) drop(items, ids [][]byte) ([][]byte, []uint64) {
	kept, hashes, last := items[:0], m.hashes[:0], m.last
	for i, id := range ids {
		if len(id) == 0 {
			kept, hashes = append(kept, items[i]), append(hashes, maphash.Bytes(m.seed, items[i]))
			continue
		}
		h := maphash.Bytes(m.seed, id)
		if m.set == nil && bytes.Compare(last, id) >= 0 {
			m.set = make(map[uint64]struct{}, len(m.recent))
			for _, h := range m.recent {
				m.set[h] = struct{}{}
			}
		}
		if _, again := m.set[h]; again {
			continue
		}
		m.push(h)
		last = id
		kept, hashes = append(kept, items[i]), append(hashes, h)
	}
	m.last = append(m.last[:0], last...) // A copy: the id would keep its page alive.
	m.hashes = hashes
	return kept, hashes
}

// mark remembers where in a list the caller is, so that the list can be
// repeated from its start without giving any object twice or leaving one out.
//
// It keeps the number of the objects met (see met: each counts once) and a hash
// of the whole row of them, made link by link: h(n) = hash(h(n-1), hash(id(n))),
// 64 bits with a random seed. A repeat makes the same hash over its first
// objects. If the two are equal after the same number of objects, these were
// the same objects in the same order, and what follows is new; if not, the
// list has changed, and nothing certain can be said about the rest.
type mark struct {
	seed maphash.Seed

	given      uint64 // objects the caller has got or is about to
	givenChain uint64
	walked     uint64 // objects met since the list's start; less than given in a repeat
	chain      uint64
}

// rewind begins a repeat.
func (m *mark) rewind() { m.walked, m.chain = 0, 0 }

// take walks over the objects of a page, whose hashes it is given, and returns
// those that are new.
func (m *mark) take(items [][]byte, hashes []uint64, last bool) ([][]byte, error) {
	old := int(min(m.given-m.walked, uint64(len(items))))
	m.walk(hashes[:old])
	repeated := m.walked == m.given
	if repeated && m.chain != m.givenChain || !repeated && last {
		return nil, ErrChanged
	}
	m.walk(hashes[old:])
	if repeated {
		m.given, m.givenChain = m.walked, m.chain
	}
	return items[old:], nil
}

// walk walks over objects.
func (m *mark) walk(hashes []uint64) {
	var link [16]byte
	for _, h := range hashes {
		binary.LittleEndian.PutUint64(link[:], m.chain)
		binary.LittleEndian.PutUint64(link[8:], h)
		m.chain = maphash.Bytes(m.seed, link[:])
	}
	m.walked += uint64(len(hashes))
}
