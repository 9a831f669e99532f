package oktatest

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxRequests is how many requests the log holds; older ones are dropped.
const maxRequests = 100_000

// A Request is a request that the org has answered, or left without an answer because of a fault.
type Request struct {
	Method string
	Path   string     // decoded
	Query  url.Values // decoded; never nil
	// Header holds Accept, Accept-Encoding, Authorization, Content-Type, If-Match and User-Agent where
	// the client sent them. Of Authorization only the scheme is kept, such as "SSWS".
	Header http.Header
	Status int       // the status that was sent, or by ResetAfter kept back; 0 if the connection was broken off before
	Bytes  int       // the length of the body of the answer, before any compression
	Time   time.Time // when the request arrived, by the org's clock
	// Duration is how long it took until the answer was ready to be sent, in real time.
	Duration time.Duration
}

var loggedHeaders = [...]string{"Accept", "Accept-Encoding", "Authorization", "Content-Type", "If-Match", "User-Agent"}

// requestLog is a ring of the last requests. Safe for concurrent use. Queries are kept as text and
// parsed when somebody asks: most logs are never read.
type requestLog struct {
	mu    sync.Mutex
	ring  []logged
	first int // the oldest, once the ring is full
}

type logged struct {
	method, path, query string
	header              [len(loggedHeaders)]string
	status, bytes       int
	took                time.Duration
	time                time.Time
}

func newLogged(r *http.Request, a *answer, took time.Duration, at time.Time) logged {
	one := logged{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, status: a.status, bytes: len(a.body), took: took, time: at}
	for i, name := range loggedHeaders {
		if v := r.Header[name]; len(v) > 0 {
			one.header[i] = v[0]
		}
		if name == "Authorization" {
			scheme, _, ok := strings.Cut(one.header[i], " ")
			if !ok {
				scheme = "" // a bare token
			}
			one.header[i] = scheme
		}
	}
	return one
}

func (one *logged) request() Request {
	req := Request{Method: one.method, Path: one.path, Header: http.Header{}, Status: one.status, Bytes: one.bytes, Time: one.time, Duration: one.took}
	req.Query, _ = url.ParseQuery(one.query)
	for j, v := range one.header {
		if v != "" {
			req.Header[loggedHeaders[j]] = []string{v}
		}
	}
	return req
}

func (l *requestLog) add(one logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < maxRequests {
		l.ring = append(l.ring, one)
		return
	}
	l.ring[l.first] = one
	l.first = (l.first + 1) % maxRequests
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Request, 0, len(l.ring))
	for i := range l.ring {
		out = append(out, l.ring[(l.first+i)%len(l.ring)].request())
	}
	return out
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.first = nil, 0
}
