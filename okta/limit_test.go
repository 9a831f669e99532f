package okta_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// What the limit is said to cost is what calls take that follow it.
func TestPaceForetold(t *testing.T) {
	for _, c := range []struct {
		limit    int
		window   time.Duration
		headroom float64
		calls    int64
	}{
		{60, 6 * time.Second, 0, 500}, {60, 6 * time.Second, 0.4, 500}, {100, time.Minute, 0, 350}, {50, time.Minute, 0.4, 200},
	} {
		t.Run(fmt.Sprintf("%d in %s, headroom %v", c.limit, c.window, c.headroom), func(t *testing.T) {
			t.Parallel()
			_, client, clock := limited(t, oktatest.RateLimit{Calls: c.limit, Window: c.window}, 0, c.headroom)
			before := client.Pace("GET", "/api/v1/users")
			if before.Known || before.Calls != 300 || before.Window != time.Minute || before.Headroom != c.headroom || before.Answer != 0 || len(client.Limits()) > 0 {
				t.Errorf("before the first answer: %+v, %v", before, client.Limits())
			}
			if get := client.Pace("GET", "/api/v1/users/x"); get.Bucket == before.Bucket || get.Calls != 500 {
				t.Errorf("of a user: %+v", get)
			}
			began := clock.Now()
			for range c.calls {
				if _, err := client.Get(t.Context(), "list", "/api/v1/users/me", nil); err != nil {
					t.Fatal(err)
				}
			}
			took := clock.Now().Sub(began)
			pace := client.Pace("GET", "/api/v1/users/x")
			if !pace.Known || pace.Calls != c.limit || pace.Window != c.window || pace.Answer != 20*time.Millisecond {
				t.Errorf("behind the answers: %+v", pace)
			}
			if limits := client.Limits(); len(limits) != 1 || limits[0] != pace {
				t.Errorf("%+v", limits)
			}
			// Answers take their time beside it.
			if said := pace.Waits(c.calls); said > took || float64(said) < 0.8*float64(took) {
				t.Errorf("%d calls took %s, said were %s", c.calls, took, said)
			}
			for calls, want := range map[int64]time.Duration{0: 0, 1: 0, 5: 0} {
				if got := pace.Waits(calls); got != want {
					t.Errorf("%d calls: %s", calls, got)
				}
			}
		})
	}
}
