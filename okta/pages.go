package okta

import (
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
)

const (
	defaultPageSize = 200
	minPageSize     = 10
	maxEmptyPages   = 100 // in a row
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
	// error that follows the page.
	NoPaging bool
	// NeedID is for lists whose objects all have an id: an object without a
	// member "id" that is a string, and not an empty one, makes its page an
	// unusable answer.
	NeedID bool
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
	mark  mark
}

type fetched struct {
	page Page
	err  error
}

// Pages lists what is at path, an escaped absolute path, from its first page.
// op names the operation in errors ("list users"). No request is made yet; a
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
	p.mark.hash.SetSeed(maphash.MakeSeed())
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
	p.trail = trail{seed: p.mark.hash.Seed()}
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
	p.trail = trail{}
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
			if err := p.client.pause(ctx, &fault{err: e, reason: WaitSearch}, restarts); err != nil {
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
	page := Page{Rate: a.rate}
	if page.Last, err = p.follow(a, len(items)); err == nil {
		err = p.trail.turn(a.body, len(items))
	}
	if err == nil {
		page.Items, err = p.mark.take(items, p.ids, page.Last)
	}
	clear(p.ids) // They would keep the body alive.
	if err != nil {
		e := p.client.newError(&p.call, a)
		e.Err = err
		return Page{}, e
	}
	return page, nil
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
	case !found && len(links) == 0 && items == p.size:
		// Okta sends a self link with every page of a list.
		return false, paging("a full page came without a Link header, so whether it is the last can't be known: " +
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
	// Keep to the one spelling of the host, and drop what is not for the server.
	next.Scheme, next.Host, next.Fragment, next.RawFragment = p.client.org.Scheme, p.client.org.Host, "", ""
	p.next = next
	return false, p.trail.visit(next)
}

func paging(problem string) error { return fmt.Errorf("%w: %s", ErrPaging, problem) }

// trail is what is known of the pages of one walk through a list, to notice
// one that doesn't get anywhere. Per page it keeps 64 bits: 25,000 pages of
// 200 take less than a megabyte, and the chance that two of them collide is
// one in many billions.
type trail struct {
	seed    maphash.Seed
	seen    map[uint64]struct{} // the places asked for
	last    uint64              // the body of the page before
	empties int                 // pages without items in a row
}

// visit notes that a page will be asked for at u.
func (t *trail) visit(u *url.URL) error {
	// The order of parameters makes no other place.
	h := maphash.String(t.seed, u.EscapedPath()+"?"+u.Query().Encode())
	if _, seen := t.seen[h]; seen {
		return paging("a next link leads back to a page already read")
	}
	if t.seen == nil {
		t.seen = map[uint64]struct{}{}
	}
	t.seen[h] = struct{}{}
	return nil
}

// turn notes a page that came.
func (t *trail) turn(body []byte, items int) error {
	if items == 0 {
		if t.empties++; t.empties > maxEmptyPages {
			return paging(fmt.Sprintf("more than %d empty pages in a row", maxEmptyPages))
		}
		return nil
	}
	t.empties = 0
	h := maphash.Bytes(t.seed, body)
	if h == t.last {
		return paging("a page is the same as the one before")
	}
	t.last = h
	return nil
}

// mark remembers where in a list the caller is, so that the list can be
// repeated from its start without giving any object twice or leaving one out.
//
// It can't keep the ids: there may be millions. It keeps their number and a
// hash of the whole row of them, made link by link: h(n) = hash(h(n-1), id(n)),
// 64 bits with a random seed. A repeat makes the same hash over its first
// objects. If the two are equal after the same number of objects, these were
// the same objects in the same order, and what follows is new; if not, the
// list has changed, and nothing certain can be said about the rest.
type mark struct {
	hash maphash.Hash

	given      uint64 // objects the caller has got or is about to
	givenChain uint64
	walked     uint64 // objects met since the list's start; less than given in a repeat
	chain      uint64
}

// rewind begins a repeat.
func (m *mark) rewind() { m.walked, m.chain = 0, 0 }

// take walks over the objects of a page and returns those that are new.
func (m *mark) take(items, ids [][]byte, last bool) ([][]byte, error) {
	old := int(min(m.given-m.walked, uint64(len(items))))
	for i := range old {
		m.step(items[i], ids[i])
	}
	repeated := m.walked == m.given
	if repeated && m.chain != m.givenChain || !repeated && last {
		return nil, ErrChanged
	}
	for i := old; i < len(items); i++ {
		m.step(items[i], ids[i])
	}
	if repeated {
		m.given, m.givenChain = m.walked, m.chain
	}
	return items[old:], nil
}

// step walks over one object: over its id, or all of it if it has none.
func (m *mark) step(item, id []byte) {
	if id == nil {
		id = item
	}
	var before [8]byte
	binary.LittleEndian.PutUint64(before[:], m.chain)
	m.hash.Reset()
	m.hash.Write(before[:])
	m.hash.Write(id)
	m.walked, m.chain = m.walked+1, m.hash.Sum64()
}
