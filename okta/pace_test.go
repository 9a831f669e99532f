package okta_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// limited is an org with a rate limit and a client of it, on one fake clock that stands ahead of the
// machine's by a fraction of a second.
func limited(t *testing.T, o oktatest.RateLimit, ahead time.Duration, headroom float64) (*oktatest.Server, *okta.Client, *clock) {
	t.Helper()
	c := newClock()
	c.now = c.now.Truncate(time.Second).Add(ahead)
	s := oktatest.Start(t, oktatest.Options{Owner: true, RateLimit: o, Now: c.Now})
	client, err := okta.New(s.URL, okta.Token(s.Token), okta.Options{Transport: slow{c}, Now: c.Now, Sleep: c.Sleep, Headroom: headroom})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return s, client, c
}

// slow takes 10 ms for the way to the org and as much for the way back, by the fake clock.
type slow struct{ clock *clock }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.clock.move(10 * time.Millisecond)
	defer s.clock.move(10 * time.Millisecond)
	return http.DefaultTransport.RoundTrip(r)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// refusals counts the calls that the org refused for its rate limit.
func refusals(s *oktatest.Server) (n int) {
	for _, r := range s.Requests() {
		if r.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// Calls run until a window is used up, and on when the next one begins: not later than the header makes
// necessary, and none is refused.
func TestPaceTime(t *testing.T) {
	for _, c := range []struct {
		limit    int
		window   time.Duration
		headroom float64
		calls    int
		most     float64 // of the bound that the windows set
	}{
		{60, 6 * time.Second, 0, 500, 1.15},
		{60, 6 * time.Second, 0.4, 500, 1.15},
		{100, time.Minute, 0, 350, 1.05},
		{50, time.Minute, 0.4, 200, 1.15},
		{1, 2 * time.Second, 0, 8, 1.6},
		{1, 5 * time.Second, 0.4, 4, 1.6},
	} {
		for _, ahead := range []time.Duration{0, time.Millisecond, 400 * time.Millisecond, 999 * time.Millisecond} {
			t.Run(fmt.Sprintf("%d in %s, headroom %v, %s", c.limit, c.window, c.headroom, ahead), func(t *testing.T) {
				t.Parallel()
				s, client, clock := limited(t, oktatest.RateLimit{Calls: c.limit, Window: c.window}, ahead, c.headroom)
				began := clock.Now()
				for range c.calls {
					if _, err := client.Get(t.Context(), "list", "/api/v1/users/me", nil); err != nil {
						t.Fatal(err)
					}
				}
				share := max(int(float64(c.limit)*(1-c.headroom)), 1)
				bound := time.Duration((c.calls-1)/share) * c.window
				tail := time.Duration((c.calls-1)%share) * c.window / time.Duration(share)
				if c.headroom == 0 {
					tail = 0
				}
				if took := clock.Now().Sub(began); float64(took) > c.most*float64(bound+tail) || took < bound-c.window {
					t.Errorf("took %s, the bound is %s + %s", took, bound, tail)
				}
				if n := refusals(s); n > 0 {
					t.Errorf("%d calls were refused", n)
				}
			})
		}
	}
}

// Many callers share a window without one call too many; buckets don't wait for each other.
func TestPaceSideBySide(t *testing.T) {
	s, client, _ := limited(t, oktatest.RateLimit{Buckets: map[oktatest.Bucket]int{oktatest.BucketUser: 20}, Window: time.Hour}, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 2 {
				client.Get(ctx, "list", "/api/v1/groups/none", nil)
			}
			client.Get(ctx, "get user", "/api/v1/users/me", nil)
		})
	}
	wg.Wait()
	if n := refusals(s); n > 0 {
		t.Errorf("%d calls were refused", n)
	}
}

// Two clients of one org each leave the headroom to the other.
func TestPaceShare(t *testing.T) {
	s, one, clock := limited(t, oktatest.RateLimit{Calls: 60, Window: 6 * time.Second}, 0, 0.4)
	two, err := okta.New(s.URL, okta.Token(s.Token), okta.Options{Transport: slow{clock}, Now: clock.Now, Sleep: clock.Sleep, Headroom: 0.4})
	if err != nil {
		t.Fatal(err)
	}
	began := clock.Now()
	for range 200 {
		for _, c := range []*okta.Client{one, two} {
			if _, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if took := clock.Now().Sub(began); refusals(s) > 0 || took < 36*time.Second {
		t.Errorf("%s, %d refused", took, refusals(s))
	}
}

// A wait that is longer than there is time for is an error at once, and says so.
func TestPaceDeadline(t *testing.T) {
	_, client, clock := limited(t, oktatest.RateLimit{Calls: 1, Window: time.Minute}, 0, 0)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(10*time.Second))
	defer cancel()
	if _, err := client.Get(ctx, "get user", "/api/v1/users/me", nil); err != nil {
		t.Fatal(err)
	}
	_, err := client.Get(ctx, "get user", "/api/v1/users/me", nil)
	if err == nil || okta.InDoubt(err) || len(clock.waits) != 0 {
		t.Errorf("%v, waits %v", err, clock.waits)
	}
}
