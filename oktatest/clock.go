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
// It fails, and changes nothing, only if the org has a file that can't be written.
func (o *Org) SetClock(t time.Time) error {
	return o.moveClock(func(time.Duration) time.Duration { return t.Sub(o.clock.base()) })
}

// Advance moves the org's clock by d, backwards if d is negative; see [Org.SetClock].
func (o *Org) Advance(d time.Duration) error {
	return o.moveClock(func(offset time.Duration) time.Duration { return offset + d })
}

// moveClock changes how far the clock is from Options.Now.
func (o *Org) moveClock(to func(time.Duration) time.Duration) error {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	return o.commit(clockStep{int64(to(time.Duration(o.clock.offset.Load())))})
}
