package oktatest

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Forever is the Fault.Times of a fault that doesn't end.
const Forever = -1

// A Fault makes the org misbehave once, or for a while. Each fault counts the requests that match it,
// from its injection on; when several are due for one request, the one injected first fires.
type Fault struct {
	// Kind is what goes wrong. The zero Kind is no fault at all.
	Kind FaultKind
	// At is the matching request at which the fault fires first; 0 and 1: the first.
	At int
	// Times is for how many matching requests in a row it fires; 0 and 1: once; [Forever]: for good.
	Times int
	// Path limits the fault to requests whose (decoded) path begins with it; "": any path. The kinds
	// that concern links, arrays and pages match only requests to list users.
	Path string
	// Delay is how long [Delay] and [Stall] wait, and how far ahead the reset header of [RateLimited]
	// and [Concurrency] is. 0: one second for Delay, until the client goes away for Stall, two
	// seconds for the reset header.
	Delay time.Duration
	// Next is where [ForeignNext] and [Redirect] point; "": a host under .invalid.
	Next string
}

// A FaultKind is a way to misbehave. The kinds that answer with an error do so before the token is
// looked at; those that spoil an answer spoil the one that was due.
type FaultKind uint8

// The kinds of faults.
const (
	// RateLimited answers 429 E0000047 with the org's limit, remaining 0 and a
	// reset that is Fault.Delay ahead.
	RateLimited FaultKind = iota + 1
	// Concurrency answers 429 as Okta does for too many requests at one time: limit 0, remaining 0.
	Concurrency
	// RateLimitedBare answers 429 without any rate-limit header.
	RateLimitedBare
	// InternalError answers 500 E0000009.
	InternalError
	// Unavailable answers 503 with a page of HTML, as a load balancer does.
	Unavailable
	// SearchDown answers 503 E0000100, as Okta does when its search index is away.
	SearchDown
	// HTMLOK answers 200 with a page of HTML, as a captive portal does.
	HTMLOK
	// CutOff promises the whole body by its Content-Length, sends half and closes the connection.
	CutOff
	// CutOffChunked sends half of a chunked body and closes the connection before the last chunk.
	CutOffChunked
	// Stall sends half of the body and then nothing, until the client goes away, Fault.Delay has
	// passed or the server is closed; then the connection is closed.
	Stall
	// Reset resets the TCP connection without an answer.
	Reset
	// Delay answers rightly, but Fault.Delay late.
	Delay
	// BadJSON answers 200 with the first half of the body, and a Content-Length that fits it.
	BadJSON
	// ObjectForArray answers 200 with {} where an array is due.
	ObjectForArray
	// RepeatNext answers with a next link that points at the very page it is on.
	RepeatNext
	// CycleNext answers with a next link that points back at the first page.
	CycleNext
	// ForeignNext answers with a next link that points at another host: Fault.Next.
	ForeignNext
	// Redirect answers 302 to another host: Fault.Next.
	Redirect
	// Unauthorized answers 401 E0000011, as for a token that was just revoked.
	Unauthorized
	// Forbidden answers 403 with an empty body and the reason in WWW-Authenticate only, as Okta does
	// for an OAuth token that lacks a scope.
	Forbidden
	// EmptyPage answers with a page of no users and a next link that goes on where this page would
	// have begun. It leaves no user out.
	EmptyPage
	// HangUp closes the connection before an answer, in the ordinary way and not by a reset.
	HangUp
	// ResetAfter does what was asked, and resets the TCP connection instead of answering. The log has the
	// status that would have been answered.
	ResetAfter
)

var faultNames = [...]string{
	RateLimited: "rate-limited", Concurrency: "concurrency", RateLimitedBare: "rate-limited-bare",
	InternalError: "internal-error", Unavailable: "unavailable", SearchDown: "search-down", HTMLOK: "html-ok",
	CutOff: "cut-off", CutOffChunked: "cut-off-chunked", Stall: "stall", Reset: "reset", Delay: "delay",
	BadJSON: "bad-json", ObjectForArray: "object-for-array", RepeatNext: "repeat-next", CycleNext: "cycle-next",
	ForeignNext: "foreign-next", Redirect: "redirect", Unauthorized: "unauthorized", Forbidden: "forbidden",
	EmptyPage: "empty-page", HangUp: "hang-up", ResetAfter: "reset-after",
}

// FaultKinds returns all kinds, in the order in which they are declared.
func FaultKinds() []FaultKind {
	kinds := make([]FaultKind, 0, len(faultNames)-1)
	for k := RateLimited; int(k) < len(faultNames); k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String returns the name of the kind, such as "rate-limited", which [ParseFaultKind] reads back.
func (k FaultKind) String() string {
	if k == 0 || int(k) >= len(faultNames) {
		return fmt.Sprintf("FaultKind(%d)", uint8(k))
	}
	return faultNames[k]
}

// ParseFaultKind returns the kind with this name, whatever its case.
func ParseFaultKind(name string) (FaultKind, error) {
	for _, k := range FaultKinds() {
		if strings.EqualFold(faultNames[k], name) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("oktatest: no fault is named %q: choose one of %s", name, strings.Join(faultNames[1:], ", "))
}

// listOnly says whether the kind concerns only requests to list users.
func (k FaultKind) listOnly() bool {
	switch k {
	case ObjectForArray, RepeatNext, CycleNext, ForeignNext, EmptyPage:
		return true
	}
	return false
}

// faults are the faults that may still fire. Safe for concurrent use.
type faults struct {
	mu    sync.Mutex
	armed []*armedFault
}

type armedFault struct {
	Fault
	seen int // matching requests so far
}

func (f *faults) add(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range list {
		if one.Kind == 0 {
			continue
		}
		one.At = max(one.At, 1)
		if one.Times == 0 {
			one.Times = 1
		}
		f.armed = append(f.armed, &armedFault{Fault: one})
	}
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
}

// pending returns the faults that may still fire, as if they had been added now.
func (f *faults) pending() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Fault, 0, len(f.armed))
	for _, a := range f.armed {
		one := a.Fault
		if fired := a.seen - (one.At - 1); fired > 0 && one.Times > 0 {
			one.Times -= fired
		}
		one.At = max(one.At-a.seen, 1)
		list = append(list, one)
	}
	return list
}

// take counts r for every fault that it matches and returns the one that is due, or nil.
func (f *faults) take(r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.armed) == 0 {
		return nil
	}
	isList := r.Method == http.MethodGet && r.URL.Path == usersPath
	var due *Fault
	rest := f.armed[:0]
	for _, a := range f.armed {
		if strings.HasPrefix(r.URL.Path, a.Path) && (isList || !a.Kind.listOnly()) {
			a.seen++
			if due == nil && a.seen >= a.At && (a.Times < 0 || a.seen < a.At+a.Times) {
				one := a.Fault
				due = &one
			}
		}
		if a.Times < 0 || a.seen < a.At+a.Times-1 {
			rest = append(rest, a)
		}
	}
	clear(f.armed[len(rest):])
	f.armed = rest
	return due
}

// is says whether the fault, if there is one, is of this kind. A nil Fault is none.
func (f *Fault) is(k FaultKind) bool { return f != nil && f.Kind == k }

// early says whether the fault has an answer of its own, whatever the request.
func (f *Fault) early() bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case RateLimited, Concurrency, RateLimitedBare, InternalError, Unavailable, SearchDown, HTMLOK, Redirect,
		Unauthorized, Forbidden:
		return true
	}
	return false
}

// answer is what an early fault answers. h has the rate-limit headers of the request already.
func (f *Fault) answer(r *http.Request, h http.Header, now time.Time, o *Org) answer {
	switch f.Kind {
	case RateLimited, Concurrency, RateLimitedBare:
		q := quota{reset: ceilSeconds(now.Add(orDefault(f.Delay, 2*time.Second)))}
		q.limit, _ = o.limiter.ceiling(bucketOf(r.Method, r.URL.Path))
		if f.Kind == Concurrency {
			q.limit = 0
		}
		q.set(h)
		if f.Kind == RateLimitedBare {
			dropQuota(h)
		}
		return errRateLimit().answer()
	case InternalError:
		return errInternal().answer()
	case Unavailable:
		return answer{status: http.StatusServiceUnavailable, html: true,
			body: []byte("<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503 Service Temporarily Unavailable</h1></body></html>\n")}
	case SearchDown:
		return errSearchDown().answer()
	case HTMLOK:
		dropQuota(h)
		return answer{status: http.StatusOK, html: true,
			body: []byte("<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Please sign in to this network.</form></body></html>\n")}
	case Redirect:
		return answer{status: http.StatusFound, header: http.Header{"Location": {f.elsewhere(r.URL.RequestURI())}}}
	case Unauthorized:
		dropQuota(h)
		return errInvalidToken().answer()
	}
	return answer{status: http.StatusForbidden, header: http.Header{"Www-Authenticate": {
		`Bearer authorization_uri="` + o.base.of(r) + `/oauth2/v1/authorize", realm="` + o.base.of(r) +
			`", scope="okta.users.read", error="insufficient_scope", error_description="The access token provided does not contain the required scopes.", resource="` +
			r.URL.Path + `"`}}}
}

func dropQuota(h http.Header) {
	for _, name := range []string{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"} {
		delete(h, name)
	}
}

// elsewhere is the same path and query on the other host.
func (f *Fault) elsewhere(uri string) string {
	host := f.Next
	if host == "" {
		host = "http://elsewhere.invalid"
	}
	return host + uri
}

// spoil changes the answer that was due, as far as the fault leaves it whole otherwise.
func (f *Fault) spoil(a *answer, base string) {
	switch {
	case f == nil:
	case f.Kind == BadJSON:
		a.body = a.body[:len(a.body)/2]
	case a.page == nil: // the list was refused: nothing to spoil
	case f.Kind == ObjectForArray:
		a.body = append(a.body[:0], "{}"...)
	case f.Kind == RepeatNext:
		a.page.next = a.page.self
	case f.Kind == ForeignNext:
		next := a.page.next
		if next == "" {
			next = a.page.self
		}
		a.page.next = f.elsewhere(strings.TrimPrefix(next, base))
	}
}

// breaks says whether the fault breaks the connection off in the middle of the answer.
func (f *Fault) breaks() bool { return f.is(CutOff) || f.is(CutOffChunked) || f.is(Stall) }

// sendBroken sends half of an answer. It ends the handler, and with it the connection, by a panic that
// net/http keeps quiet about.
func (o *Org) sendBroken(w http.ResponseWriter, r *http.Request, a answer, f *Fault) {
	a.head(w.Header())
	if f.Kind != CutOffChunked {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	w.WriteHeader(a.status)
	w.Write(a.body[:len(a.body)/2])
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	if f.Kind == Stall {
		const forGood = 1 << 62
		o.wait(r, orDefault(f.Delay, forGood))
	}
	panic(http.ErrAbortHandler)
}

// reset ends the handler with a TCP reset, or where there is no such thing by just closing.
func reset(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if conn, _, err := hijacker.Hijack(); err == nil {
			if tcp, isTCP := conn.(*net.TCPConn); isTCP {
				tcp.SetLinger(0) // unsent data is thrown away and the peer gets RST instead of FIN
			}
			conn.Close()
		}
	}
	panic(http.ErrAbortHandler)
}
