package oktatest

import (
	"sync/atomic"
	"time"
)

// An orgClock is the clock of Options.Now, set forward or back. Safe for concurrent use.
type orgClock struct {
	base   func() time.Time
	offset atomic.Int64 // a time.Duration
}

func (c *orgClock) now() time.Time { return c.base().Add(time.Duration(c.offset.Load())) }

// Now returns the time by the org's clock.
func (o *Org) Now() time.Time { return o.clock.now() }

// SetClock sets the org's clock to t, within 290 years of Options.Now. It goes on from there at the pace
// of Options.Now. All that happens afterwards has the new time: changes of users, the Date header, rate
// windows, the delay of the search index. What was waiting for a time that the clock jumps over has come.
func (o *Org) SetClock(t time.Time) { o.clock.offset.Store(int64(t.Sub(o.clock.base()))) }

// Advance moves the org's clock by d, backwards if d is negative; see [Org.SetClock].
func (o *Org) Advance(d time.Duration) { o.clock.offset.Add(int64(d)) }
