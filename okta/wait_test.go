package okta_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
)

// The waits between tries, in milliseconds, for answers that say when to come
// back in various ways.
func TestWaits(t *testing.T) {
	base := time.Now().UTC().Truncate(time.Second)
	// header sets the limit headers; date and reset are seconds from base.
	header := func(limit, remaining string, date, reset int) func(http.Header) {
		return func(h http.Header) {
			h.Set("Date", base.Add(time.Duration(date)*time.Second).Format(http.TimeFormat))
			h.Set("X-Rate-Limit-Limit", limit)
			h.Set("X-Rate-Limit-Remaining", remaining)
			h.Set("X-Rate-Limit-Reset", fmt.Sprint(base.Unix()+int64(reset)))
		}
	}
	growing := []int{125, 250, 500, 1000, 2000} // half of 250 · 2ⁿ: the other half is random
	brief := []int{500, 1000, 1000, 1000, 1000}
	for _, tc := range []struct {
		name   string
		status int
		rand   float64
		header func(http.Header)
		want   []int
		reason okta.WaitReason
	}{
		{"reset − date + 1 s", 429, 0, header("600", "0", 0, 8), []int{9000, 9000, 9000, 9000, 9000}, okta.WaitRateLimit},
		{"the org's clock counts, not ours", 429, 0, header("600", "0", 7200, 7208), []int{9000, 9000, 9000, 9000, 9000}, okta.WaitRateLimit},
		{"jitter", 429, 0.5, header("600", "0", 0, 8), []int{9500, 9500, 9500, 9500, 9500}, okta.WaitRateLimit},
		{"at most 120 s", 429, 0.5, header("600", "0", 0, 500), []int{120000, 120000, 120000, 120000, 120000}, okta.WaitRateLimit},
		{"reset has passed", 429, 0, header("600", "0", 60, 0), []int{1000, 1000, 1000, 1000, 1000}, okta.WaitRateLimit},
		{"calls at the same time", 429, 0, header("0", "0", 0, 60), brief, okta.WaitConcurrency},
		{"calls at the same time, jitter", 429, 0.999999999, header("0", "0", 0, 60), []int{1000, 2000, 2000, 2000, 2000}, okta.WaitConcurrency},
		{"no headers", 429, 0, func(http.Header) {}, brief, okta.WaitConcurrency},
		{"header not a number", 429, 0, header("many", "0", 0, 60), brief, okta.WaitConcurrency},
		{"negative", 429, 0, header("600", "-1", 0, 60), brief, okta.WaitConcurrency},
		{"milliseconds", 429, 0, func(h http.Header) {
			header("600", "0", 0, 60)(h)
			h.Set("X-Rate-Limit-Reset", fmt.Sprint(base.UnixMilli()*1000))
		}, brief, okta.WaitConcurrency},
		{"Retry-After", 429, 0, func(h http.Header) { h.Set("Retry-After", "3") }, []int{3000, 3000, 3000, 3000, 3000}, okta.WaitConcurrency},
		{"503 with Retry-After", 503, 0.5, func(h http.Header) { h.Set("Retry-After", "3") }, []int{3500, 3500, 3500, 3500, 3500}, okta.WaitServer},
		{"unreadable Retry-After", 503, 0, func(h http.Header) { h.Set("Retry-After", "Thu, 01 Dec 2033 16:00:00 GMT") }, growing, okta.WaitServer},
		{"an hour's Retry-After", 503, 0, func(h http.Header) { h.Set("Retry-After", "3600") },
			[]int{120000, 120000, 120000, 120000, 120000}, okta.WaitServer},
		{"500", 500, 0, func(http.Header) {}, growing, okta.WaitServer},
		{"500, jitter", 500, 0.999999999, func(http.Header) {}, []int{250, 500, 1000, 2000, 4000}, okta.WaitServer},
		{"500 with rate headers", 500, 0, header("600", "10", 0, 60), growing, okta.WaitServer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				tc.header(w.Header())
				w.WriteHeader(tc.status)
				return true
			})
			c, clock := newClient(t, o.URL, tc.rand, nil)
			m := new(okta.Meter)
			_, err := c.Metered(m).Get(t.Context(), "get user", "/api/v1/users/me", nil)
			var got []int
			var sum time.Duration
			for i, d := range clock.waits {
				got = append(got, int(d.Round(time.Millisecond).Milliseconds()))
				sum += d
				if told := clock.told[i]; told.Reason != tc.reason || told.Duration != d || told.Attempt != i+1 {
					t.Errorf("told of %+v", told)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("waits %v\nwant  %v", got, tc.want)
			}
			if s := m.Snapshot(); s.Waited != sum || s.Requests != 6 || s.Retries != 5 {
				t.Errorf("meter %+v", s)
			}
			if okta.IsRateLimited(err) != (tc.status == 429) || !okta.Retryable(err) {
				t.Errorf("predicates wrong for %v", err)
			}
			var limit *okta.RateLimitError
			if errors.As(err, &limit) != (tc.status == 429) {
				t.Errorf("error is a %T", err)
			} else if limit != nil && limit.Concurrency != (tc.reason == okta.WaitConcurrency) {
				t.Errorf("%+v", limit)
			}
		})
	}
}

// The longest back-off is 10 s.
func TestBackoffCap(t *testing.T) {
	o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(500)
		return true
	})
	c, clock := newClient(t, o.URL, 0.999999999, func(o *okta.Options) { o.MaxRetries = 9 })
	c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if n := len(clock.waits); n != 9 || clock.waits[n-1].Round(time.Millisecond) != 10*time.Second {
		t.Errorf("waits %v", clock.waits)
	}
}

// Without a Date, our own clock has to do.
func TestWaitWithoutDate(t *testing.T) {
	o := newOrg(t, 1, nil)
	clock := newClock()
	reset := clock.now.Add(20 * time.Second).Unix()
	o.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header()["Date"] = nil
		w.Header().Set("X-Rate-Limit-Limit", "10")
		w.Header().Set("X-Rate-Limit-Remaining", "0")
		w.Header().Set("X-Rate-Limit-Reset", fmt.Sprint(reset))
		w.WriteHeader(429)
		return true
	}
	c, err := okta.New(o.URL, okta.Token(secret), okta.Options{MaxRetries: 1, Now: clock.Now, Sleep: clock.Sleep, Rand: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if len(clock.waits) != 1 || clock.waits[0] < 20*time.Second || clock.waits[0] > 21*time.Second {
		t.Errorf("waits %v", clock.waits)
	}
}

// A reset that is centuries away, seen without a Date, is no reason for a wait
// below zero.
func TestWaitForFarReset(t *testing.T) {
	o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header()["Date"] = nil
		w.Header().Set("X-Rate-Limit-Limit", "10")
		w.Header().Set("X-Rate-Limit-Remaining", "0")
		w.Header().Set("X-Rate-Limit-Reset", "253402300799")
		w.WriteHeader(429)
		return true
	})
	c, clock := newClient(t, o.URL, 0.5, func(o *okta.Options) { o.MaxRetries = 1 })
	_, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	var limit *okta.RateLimitError
	if len(clock.waits) != 1 || clock.waits[0] != 2*time.Minute || !errors.As(err, &limit) || limit.Wait != 2*time.Minute {
		t.Errorf("waits %v, error %v, %+v", clock.waits, err, limit)
	}
}

// A wait that would end after the deadline isn't begun.
func TestDeadline(t *testing.T) {
	o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		tooMany(w, "600", "0", 40)
		return true
	})
	c, err := okta.New(o.URL, okta.Token(secret), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	_, err = listUsers(c, 10).Next(ctx)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !okta.IsRateLimited(err) || !okta.Retryable(err) {
		t.Errorf("error %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "the next try has to wait 4") || !strings.Contains(err.Error(), "which is beyond the deadline") ||
		!strings.HasSuffix(err.Error(), "(request req1)") {
		t.Errorf("error %v", err)
	}
	wantNoSecret(t, err)
	if n := len(o.asked()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A deadline that passes while an answer is read ends the call.
func TestDeadlineInBody(t *testing.T) {
	o := newOrg(t, 1, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		fmt.Fprint(w, "[")
		w.(http.Flusher).Flush()
		hang(r)
		return true
	})
	c, _ := newClient(t, o.URL, 0, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := listUsers(c, 10).Next(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || okta.Retryable(err) || len(o.asked()) != 1 {
		t.Errorf("error %v", err)
	}
}
