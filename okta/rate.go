package okta

import (
	"net/http"
	"strconv"
	"time"
)

// Rate is what an answer said about the rate limit its call counts against, in
// the headers X-Rate-Limit-Limit, -Remaining and -Reset. Okta has one limit per
// group of endpoints, so the Rate of one call says nothing about a call to
// another endpoint. The zero value: nothing is known.
type Rate struct {
	// Limit is the number of calls this credential may make in one window of
	// about a minute; 0 when a limit on calls at the same time was met.
	Limit int
	// Remaining is the number of calls left in this window.
	Remaining int
	// Reset is when the window ends, by the org's clock, in whole seconds.
	Reset time.Time
	// Date is when the answer was sent, by the org's clock, in whole seconds.
	// Reset − Date doesn't depend on this machine's clock. Zero: not said.
	Date time.Time
}

// Known says whether the answer had all three headers.
func (r Rate) Known() bool { return !r.Reset.IsZero() }

// concurrent says whether the limit that was met is the one on calls at the
// same time: then Reset is only an estimate, and a call that ends makes room.
func (r Rate) concurrent() bool { return r.Known() && r.Limit == 0 && r.Remaining == 0 }

func parseRate(h http.Header) Rate {
	number := func(name string) (int64, bool) {
		n, err := strconv.ParseInt(h.Get(name), 10, 64)
		return n, err == nil && n >= 0
	}
	limit, ok1 := number("X-Rate-Limit-Limit")
	remaining, ok2 := number("X-Rate-Limit-Remaining")
	reset, ok3 := number("X-Rate-Limit-Reset")
	// The year 9999: a reset beyond it isn't a time in seconds.
	if !ok1 || !ok2 || !ok3 || reset == 0 || reset > 253402300799 {
		return Rate{}
	}
	return Rate{Limit: int(limit), Remaining: int(remaining), Reset: time.Unix(reset, 0).UTC(), Date: parseDate(h)}
}

// parseDate reads the header Date; the zero Time if there is none.
func parseDate(h http.Header) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date.UTC()
}

// WaitReason says why the client waits before it repeats a call.
type WaitReason string

// The reasons for a wait.
const (
	WaitRateLimit   WaitReason = "rate limit"        // the window's calls are used up, or their share, or 429 says so
	WaitConcurrency WaitReason = "concurrency limit" // 429: too many calls at the same time, or a 429 that doesn't say when to come back
	WaitServer      WaitReason = "server error"      // a 5xx answer
	WaitConnection  WaitReason = "connection"        // no answer, or it stalled or broke off
	WaitAnswer      WaitReason = "unusable answer"   // an answer that isn't the JSON that was due
	WaitSearch      WaitReason = "search failed"     // E0000100: the list is repeated with smaller pages
)

// Wait is one wait of the client before it makes or repeats a call, told to
// [Options].OnWait before it begins.
type Wait struct {
	Operation string        // the operation as the caller named it, "list users"
	Reason    WaitReason    // why
	Duration  time.Duration // how long, jitter included
	Attempt   int           // how many tries of this call have failed in a row; 0: it has yet to be made
}

const (
	rateWaitMax = 120 * time.Second // two windows: whatever a header says, look again then

	concurrencyBase = time.Second
	concurrencyMax  = 2 * time.Second

	backoffBase = 250 * time.Millisecond
	backoffMax  = 10 * time.Second
)

// waitFor computes the wait before the next try of a call whose attempt-th try
// (from 1) ended with f.
func (c *Client) waitFor(f *fault, attempt int) time.Duration {
	switch {
	case f.reason == WaitRateLimit:
		now := f.err.Rate.Date
		if now.IsZero() {
			now = c.opt.Now()
		}
		// Both times are whole seconds, so the window may end up to a second
		// later than their difference; the jitter keeps callers that wait for
		// the same window from coming back at the same instant.
		// The difference of far times is the largest Duration: nothing can be
		// added to it.
		d := min(max(f.err.Rate.Reset.Sub(now), 0), rateWaitMax) + time.Second + c.jitter(time.Second)
		return min(d, rateWaitMax)
	case f.retryAfter > 0:
		return min(f.retryAfter+c.jitter(time.Second), rateWaitMax)
	case f.reason == WaitConcurrency:
		return c.backoff(concurrencyBase, concurrencyMax, attempt)
	}
	return c.backoff(backoffBase, backoffMax, attempt)
}

// backoff is a wait which doubles with each try up to longest, of which the
// second half is random.
func (c *Client) backoff(base, longest time.Duration, attempt int) time.Duration {
	d := base
	for i := 1; i < attempt && d < longest; i++ {
		d *= 2
	}
	d = min(d, longest)
	return d/2 + c.jitter(d/2)
}

func (c *Client) jitter(d time.Duration) time.Duration {
	return time.Duration(c.opt.Rand() * float64(d))
}

// retryAfter reads the header Retry-After in its form in seconds. Okta doesn't
// send it, but what stands between Okta and us may.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n <= 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}
