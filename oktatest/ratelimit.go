package oktatest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A bucket is a group of requests that Okta counts together.
type bucket uint8

const (
	bucketUsers  bucket = iota // list and create users, and lifecycle operations
	bucketGet                  // get a user
	bucketChange               // update or delete a user
	bucketRest                 // everything else
	buckets
)

// bucketOf says which bucket a request counts in.
func bucketOf(method, path string) bucket {
	rest, ok := strings.CutPrefix(path, usersPath)
	switch {
	case !ok:
		return bucketRest
	case rest == "":
		return bucketUsers
	case rest[0] != '/':
		return bucketRest
	case strings.Contains(rest[1:], "/"):
		return bucketUsers
	case method == http.MethodGet:
		return bucketGet
	}
	return bucketChange
}

// unlimitedCalls is the ceiling that the headers show when there is none.
const unlimitedCalls = 600

// limiter counts calls in windows. Safe for concurrent use.
type limiter struct {
	limit RateLimit // Window is set
	mu    sync.Mutex
	open  [buckets]window
}

type window struct {
	calls int
	end   time.Time
}

// A quota is what the three headers say.
type quota struct {
	limit, remaining int
	reset            int64 // Unix seconds
}

// take counts a call at now and returns the headers' values, and whether the call is within the limit.
func (l *limiter) take(b bucket, now time.Time) (quota, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.open[b]
	unlimited := l.limit.Calls <= 0
	if !now.Before(w.end) || (unlimited && w.calls >= unlimitedCalls/2) {
		*w = window{end: now.Add(l.limit.Window)}
	}
	w.calls++
	q := quota{limit: l.limit.Calls, reset: ceilSeconds(w.end)}
	if unlimited {
		q.limit = unlimitedCalls
	}
	q.remaining = max(q.limit-w.calls, 0)
	return q, unlimited || w.calls <= l.limit.Calls
}

// ceilSeconds rounds up, so that whoever waits until the reset is never early.
func ceilSeconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

func (q quota) set(h http.Header) {
	h["X-Rate-Limit-Limit"] = []string{strconv.Itoa(q.limit)}
	h["X-Rate-Limit-Remaining"] = []string{strconv.Itoa(q.remaining)}
	h["X-Rate-Limit-Reset"] = []string{strconv.FormatInt(q.reset, 10)}
}
