package change

import (
	"sync"
	"time"
)

// clocks know by how much the orgs' clocks differ from the local one. An answer says the org's time in
// whole seconds, rounded down, and it was said at some time between the call's begin and its end: so the
// difference is between Date − end and Date + 1 s − begin. The bounds of several answers are put
// together; if they contradict each other, because one of the clocks was set, the last one counts. The
// bound is at most the call's duration plus a second wide. Safe for concurrent use.
type clocks struct {
	mu   sync.Mutex
	orgs map[string]skew
}

// A skew bounds org's time − local time.
type skew struct{ low, high time.Duration }

// saw takes an answer's Date into account, for a call that lasted from begin to end.
func (c *clocks) saw(org string, date, begin, end time.Time) {
	if date.IsZero() || end.Before(begin) {
		return
	}
	now := skew{low: date.Sub(end), high: date.Add(time.Second).Sub(begin)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orgs == nil {
		c.orgs = map[string]skew{}
	}
	if old, known := c.orgs[org]; known {
		both := skew{low: max(old.low, now.low), high: min(old.high, now.high)}
		if both.low <= both.high {
			now = both
		}
	}
	c.orgs[org] = now
}

// earliest and latest bound the org's time when the local clock shows t; zero while nothing is known.
func (c *clocks) earliest(org string, t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, known := c.orgs[org]; known {
		return t.Add(s.low).UTC()
	}
	return time.Time{}
}

func (c *clocks) latest(org string, t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, known := c.orgs[org]; known {
		return t.Add(s.high).UTC()
	}
	return time.Time{}
}
