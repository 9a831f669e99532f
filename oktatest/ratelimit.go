package oktatest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Bucket is a group of requests that Okta counts together.
type Bucket uint8

// The buckets. Calls of lifecycle and credential operations, and of what else is below a user, count
// with the lists of users, as recorded.
const (
	BucketUsers      Bucket = iota // list and create users, and all below a user
	BucketUser                     // get a user
	BucketChangeUser               // update or delete a user
	BucketGroups                   // list and create groups; members of a group
	BucketGroup                    // get, replace and delete a group
	BucketOther                    // everything else
	buckets
)

// bucketOf says which bucket a request counts in.
func bucketOf(method, path string) Bucket {
	if rest, ok := below(path, usersPath); ok {
		switch {
		case rest == "" || strings.Contains(rest, "/"):
			return BucketUsers
		case method == http.MethodGet || method == http.MethodHead:
			return BucketUser
		}
		return BucketChangeUser
	}
	if rest, ok := below(path, groupsPath); ok {
		if rest == "" || strings.Contains(rest, "/") {
			return BucketGroups
		}
		return BucketGroup
	}
	return BucketOther
}

// below returns what comes after a collection's path and the slash.
func below(path, collection string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, collection)
	if !ok || rest == "" {
		return "", ok
	}
	return rest[1:], rest[0] == '/'
}

// unlimitedCalls is the ceiling that the headers show when there is none: more than a client can make, so
// that one which spreads its calls by the headers isn't slowed down.
const unlimitedCalls = 100_000

// limiter counts calls in windows. Safe for concurrent use.
type limiter struct {
	limit RateLimit // its defaults are filled in
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

// ceiling is how many calls of a bucket the token may make in a window, and whether that is meant.
func (l *limiter) ceiling(b Bucket) (calls int, limited bool) {
	calls, given := l.limit.Buckets[b]
	if !given {
		calls = l.limit.Calls
	}
	limited = calls > 0
	if !limited {
		calls = unlimitedCalls
	}
	return max(calls*l.limit.TokenShare/100, 1), limited
}

// take counts a call at now and returns the headers' values, and whether the call is within the limit.
func (l *limiter) take(b Bucket, now time.Time) (quota, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.open[b]
	calls, limited := l.ceiling(b)
	over := !now.Before(w.end) || now.Before(w.end.Add(-l.limit.Window)) // or the clock was set back
	if over || !limited && w.calls >= calls/2 {
		*w = window{end: now.Add(l.limit.Window)}
	}
	w.calls++
	q := quota{limit: calls, remaining: max(calls-w.calls, 0), reset: ceilSeconds(w.end)}
	return q, !limited || w.calls <= calls
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
