package oktatest

import (
	"compress/gzip"
	"crypto/subtle"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An Org is an Okta org that answers requests. Make one with [New]. Its methods may be called
// concurrently.
type Org struct {
	opts  Options
	store *store
	file  *orgFile // nil: the org is kept in memory only
	id    string   // 00o…, which no other org has
	realm string   // the id of the realm of all users; "": the org has no realms
	owner int      // the user whose token it is; -1: nobody

	// Under the store's lock, and how many have been made of each, deleted ones too.
	types                 []*userType // the default one first
	groups                []*group    // in id order
	typesMade, groupsMade int

	busy    atomic.Int64 // requests being answered
	clock   orgClock
	limiter limiter
	faults  faults
	log     requestLog
	base    baseURL

	gone     chan struct{} // closed when the org's server closes
	quitOnce sync.Once
}

const (
	apiPath   = "/api/v1/"
	usersPath = "/api/v1/users"
)

// New is [Open] where nothing can fail: it panics if the options can't be, which their comments rule out,
// or if there is a file that can't be used.
func New(o Options) *Org {
	org, err := Open(o)
	if err != nil {
		panic(err)
	}
	return org
}

// Open makes an org, or opens the one in Options.File; then the error may be a *[FileError], and [Org.Close]
// is needed in the end.
func Open(o Options) (*Org, error) {
	if _, err := o.defaults(); err != nil {
		return nil, err
	}
	file, err := o.adopt()
	if err != nil {
		return nil, err
	}
	org, err := newOrg(o, file)
	if err != nil {
		file.close()
		return nil, err
	}
	return org, nil
}

// newOrg makes an org that is kept in a file, which may be nil. The options are those of the file.
func newOrg(o Options, file *orgFile) (*Org, error) {
	o, err := o.defaults()
	if err != nil {
		return nil, err
	}
	org := &Org{
		file:    file,
		opts:    o,
		id:      newOrgID(o.IDSuffix),
		store:   newStore(newGenerator(o.Users, o.Seed, o.IDSuffix).endBefore(o.Today).createdLike(o.Created)),
		limiter: limiter{limit: o.RateLimit},
		gone:    make(chan struct{}),
	}
	org.clock.base = o.Now
	org.opts.Now = org.clock.now
	org.types, org.groups = newUserTypes(org.store.gen), newGroups(org.store.gen)
	org.typesMade, org.groupsMade = len(org.types), len(org.groups)
	if o.Realms {
		org.realm = "guo" + org.types[0].tail
	}
	org.owner = org.findOwner()
	if file != nil {
		keep := file.load
		if file.isNew {
			keep = file.create
		}
		if err := keep(org); err != nil {
			return nil, err
		}
	}
	if o.SearchLag > 0 || o.AsyncTransitions > 0 {
		org.store.index = newSearchIndex(org.store, o.SearchLag, o.AsyncTransitions, org.clock.now)
	}
	org.learn()
	org.faults.add(o.Faults)
	return org, nil
}

// Generated returns how many of the org's users were generated, and by which seed: of an org with a file,
// what the file says.
func (o *Org) Generated() (users int, seed uint64) { return o.opts.Users, o.opts.Seed }

// Close lets go of the org's file; without one it does nothing. All changes are in the file already.
// The org goes on answering, but changes nothing any more. A second Close does nothing.
func (o *Org) Close() error {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	return o.file.close()
}

// quit ends all waiting: latencies, delays and stalls.
func (o *Org) quit() { o.quitOnce.Do(func() { close(o.gone) }) }

// Inject adds faults to those that are still to come. Each counts requests from now on.
func (o *Org) Inject(f ...Fault) { o.faults.add(f) }

// ClearFaults takes away all faults, those that have begun too.
func (o *Org) ClearFaults() { o.faults.clear() }

// Requests returns the requests so far, in the order in which they were answered: the last 100,000. A
// request is among them before its answer is sent.
func (o *Org) Requests() []Request { return o.log.all() }

// ResetRequests forgets the requests so far.
func (o *Org) ResetRequests() { o.log.reset() }

// Users yields the JSON of every user, of any status, as an element of a list and in id order. The
// bytes are the caller's to keep. Addresses in _links begin with the server's URL; those of an org
// without a [Server] with the host that was last asked, or http://localhost. Users who change while the
// sequence runs are seen before or after the change.
func (o *Org) Users() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		const batch = 256
		st := o.style(o.base.get())
		for from, more := 0, true; more; {
			var users [][]byte
			o.store.mu.RLock()
			o.store.rowsByID(from, 0, o.store.gen.n, func(r *row) bool {
				users = append(users, r.user().appendJSON(nil, &st))
				from = r.i + 1
				return len(users) < batch
			})
			o.store.mu.RUnlock()
			more = len(users) == batch
			for _, u := range users { // without the lock: whoever gets them may call the org
				if !yield(u) {
					return
				}
			}
		}
	}
}

// baseURL is the beginning of the addresses in answers. Safe for concurrent use.
type baseURL struct {
	mu    sync.Mutex
	url   string
	fixed bool
}

func (b *baseURL) fix(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.url, b.fixed = url, true
}

func (b *baseURL) get() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.url == "" {
		return "http://localhost"
	}
	return b.url
}

// of returns the beginning for the answer to r: what the client called the org, if that can be its name.
func (b *baseURL) of(r *http.Request) string {
	host := r.Host
	if !isHost(host) { // as of HTTP/1.0
		return b.get()
	}
	url := "http://" + host
	if r.TLS != nil {
		url = "https://" + host
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fixed {
		b.url = url
	}
	return url
}

// isHost says whether a URL can have this host, which may have a port. A request line in absolute form
// may hold about anything, quotes too, and what it holds comes back in JSON and in Link headers.
func isHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte(".-_:[]", c) < 0 {
			return false
		}
	}
	u, err := url.Parse("http://" + host)
	return err == nil && host != "" && u.Host == host
}

// An answer is a response that is ready to be sent.
type answer struct {
	status int
	header http.Header // beyond the usual ones; may be nil
	body   []byte
	html   bool  // the body is HTML instead of JSON
	page   *page // of a list; nil: no list, or an error
}

// Bodies are reused: most are a page of about 200 kB.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// ServeHTTP answers a request to the API.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began, arrived := time.Now(), o.opts.Now()
	if isControl(r) {
		a := o.control(r)
		o.report(newLogged(r, &a, time.Since(began), arrived))
		o.send(w, r, a)
		return
	}
	crowded := o.busy.Add(1) > int64(o.opts.Concurrency) && o.opts.Concurrency > 0
	defer o.busy.Add(-1)
	fault := o.faults.take(r)
	wait := o.opts.Latency
	if crowded {
		wait = 0
	}
	if fault.is(Delay) {
		wait += orDefault(fault.Delay, time.Second)
	}
	alive := o.wait(r, wait)
	if !alive || fault.is(Reset) || fault.is(HangUp) {
		o.record(r, &answer{}, began, arrived)
		if alive && fault.is(Reset) {
			reset(w)
		}
		panic(http.ErrAbortHandler) // net/http closes the connection, having sent nothing
	}

	h := w.Header()
	now := o.opts.Now()
	setCommon(h, now)
	bad := o.admit(r, h, now, crowded)
	buffer := bodies.Get().(*[]byte)
	var a answer
	switch {
	case fault.early():
		a = fault.answer(r, h, now, o)
	case lacksLength(r):
		dropQuota(h)
		a = lengthRequired()
	case bad != nil:
		a = bad.answer()
	default:
		if a, bad = o.answer(r, fault, (*buffer)[:0]); bad != nil {
			a = bad.answer()
		} else {
			*buffer = a.body
		}
	}
	fault.spoil(&a, o.base.of(r))
	o.record(r, &a, began, arrived) // before the client can know
	if fault.is(ResetAfter) {
		reset(w)
	}
	if fault.breaks() {
		o.sendBroken(w, r, a, fault)
	}
	o.send(w, r, a)
	bodies.Put(buffer)
}

// wait waits, and says whether it is still worth answering.
func (o *Org) wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-o.gone:
	}
	return false
}

// record puts a request on the log.
func (o *Org) record(r *http.Request, a *answer, began, arrived time.Time) {
	one := newLogged(r, a, time.Since(began), arrived)
	o.log.add(one)
	o.report(one)
}

func (o *Org) report(one logged) {
	if o.opts.OnRequest != nil {
		o.opts.OnRequest(one.request())
	}
}

// lacksLength says whether a request has neither a Content-Length nor chunks, though it may have a
// body. In-process requests, which no server has read from a connection, may leave the length out.
func lacksLength(r *http.Request) bool {
	if r.Method != http.MethodPost && r.Method != http.MethodPut || r.ProtoMajor != 1 {
		return false
	}
	return r.Context().Value(http.ServerContextKey) != nil && len(r.TransferEncoding) == 0 && r.Header["Content-Length"] == nil
}

// lengthRequired is what the servers in front of Okta say.
func lengthRequired() answer {
	return answer{status: http.StatusLengthRequired, html: true,
		body: []byte("<html><head><title>411 Length Required</title></head><body><h1>411 Length Required</h1></body></html>\n")}
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// authentic says whether a request carries the token.
func (o *Org) authentic(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "SSWS ")
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(o.opts.Token)) == 1
}

// admit checks the token and the rate limits. The three headers are on every authenticated answer.
func (o *Org) admit(r *http.Request, h http.Header, now time.Time, crowded bool) *apiError {
	if r.URL.Path == wellKnownPath {
		return nil
	}
	if !strings.HasPrefix(r.URL.Path, apiPath) {
		return errNoRoute()
	}
	if !o.authentic(r) {
		return errInvalidToken()
	}
	if crowded { // the reset is only a guess, at Okta too
		quota{reset: ceilSeconds(now.Add(2 * time.Second))}.set(h)
		return errRateLimit()
	}
	q, within := o.limiter.take(bucketOf(r.Method, r.URL.Path), now)
	q.set(h)
	if !within {
		return errRateLimit()
	}
	return nil
}

// listUsers is GET /api/v1/users.
func (o *Org) listUsers(c *call) (answer, *apiError) {
	s, unlock := o.listed(c.URL.Query())
	defer unlock()
	l, bad := s.parseListing(c.Request, c.style)
	if bad != nil {
		return answer{}, bad
	}
	if c.fault.is(EmptyPage) && l.q == "" {
		p := &page{body: append(c.out, "[]"...), self: l.link(l.after), next: l.link(l.samePlace())}
		return answer{status: http.StatusOK, body: p.body, page: p}, nil
	}
	p, bad := s.list(l, c.out)
	if bad != nil {
		return answer{}, bad
	}
	if c.fault.is(CycleNext) {
		p.next = l.link("")
	}
	return answer{status: http.StatusOK, body: p.body, page: p}, nil
}

// getUser is GET /api/v1/users/{id}. The key is an id, a login, the part of a login before the @ where
// no other login begins with it, or "me", the owner of the token.
func (o *Org) getUser(c *call) (answer, *apiError) {
	key, st := c.vars[0], c.style
	if fields := c.URL.Query().Get("fields"); fields != "" {
		var bad *apiError
		if st.fields, bad = parseFields(fields); bad != nil {
			return answer{}, bad
		}
	}
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	i, ok := o.findUser(key)
	if !ok {
		return answer{}, errNotFound(key, "User")
	}
	var one row
	o.store.load(&one, i)
	u := one.user()
	st.full = true
	header := http.Header{"Etag": {u.etag()}}
	return answer{status: http.StatusOK, header: header, body: u.appendJSON(c.out, &st)}, nil
}

func (o *Org) findUser(key string) (int, bool) {
	if key == "me" {
		return o.owner, o.owner >= 0 && o.store.exists(o.owner)
	}
	if i, ok := o.store.indexOf(key); ok {
		return i, true
	}
	if strings.Contains(key, "/") { // such logins can only be fetched by id
		return 0, false
	}
	if i, ok := o.store.indexOfLogin(key); ok {
		return i, true
	}
	return o.store.indexOfShortName(key)
}

// trim applies okta-response, which clients put on Content-Type even of a GET: tokens separated by
// commas, perhaps quoted, unknown ones ignored. It isn't a media type parameter as RFC 9110 has them.
func (st *style) trim(contentType string) {
	for part := range strings.SplitSeq(contentType, ";") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "okta-response") {
			continue
		}
		for token := range strings.SplitSeq(strings.Trim(strings.TrimSpace(value), `"`), ",") {
			switch strings.TrimSpace(token) {
			case "omitCredentials":
				st.omitCredentials = true
			case "omitCredentialsLinks":
				st.omitLinks = true
			case "omitTransitioningToStatus":
				st.omitTransition = true
			}
		}
	}
}

// The headers of every answer, as recorded. The slices are shared and never changed.
var commonHeaders = map[string][]string{
	"Cache-Control":             {"no-cache, no-store"},
	"Pragma":                    {"no-cache"},
	"Expires":                   {"0"},
	"Strict-Transport-Security": {"max-age=315360000; includeSubDomains"},
	"X-Content-Type-Options":    {"nosniff"},
	"X-Xss-Protection":          {"0"},
	"Referrer-Policy":           {"strict-origin-when-cross-origin"},
	"Accept-Ch":                 {"Sec-CH-UA-Platform-Version"},
	"P3p":                       {`CP="HONK"`},
	"Vary":                      {"Accept-Encoding"},
}

// setCommon sets the headers of every answer. Date is by the org's clock, so that it fits the reset.
func setCommon(h http.Header, now time.Time) {
	for name, value := range commonHeaders {
		h[name] = value
	}
	h["Date"] = []string{now.UTC().Format(http.TimeFormat)}
	h["X-Okta-Request-Id"] = []string{string(appendRandom(nil, 32, hexDigits))}
}

var (
	jsonType = []string{"application/json"}
	htmlType = []string{"text/html; charset=utf-8"}
)

// head sets the headers that an answer adds.
func (a *answer) head(h http.Header) {
	if len(a.body) > 0 {
		h["Content-Type"] = jsonType
		if a.html {
			h["Content-Type"] = htmlType
		}
	}
	if a.page != nil {
		h["Link"] = []string{"<" + a.page.self + `>; rel="self"`}
		if a.page.next != "" {
			h["Link"] = append(h["Link"], "<"+a.page.next+`>; rel="next"`)
		}
	}
	for name, value := range a.header {
		h[name] = value
	}
}

func (o *Org) send(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	a.head(h)
	if o.opts.Gzip && len(a.body) > 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h["Content-Encoding"] = []string{"gzip"}
		w.WriteHeader(a.status)
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		z.Write(a.body) // an error means that the client has gone away, which is its own business
		z.Close()
		return
	}
	if a.status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}
