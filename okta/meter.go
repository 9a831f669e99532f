package okta

import (
	"sync"
	"sync/atomic"
	"time"
)

// Meter counts what calls cost: see [Client.Metered]. The zero value is ready.
// It may be used concurrently, and must not be copied.
type Meter struct {
	requests, retries, bytes atomic.Int64

	mu     sync.Mutex
	idle   int // goroutines that wait at the moment
	since  time.Time
	waited time.Duration
}

// Stats is what a [Meter] had counted at one moment.
type Stats struct {
	Requests int64         // HTTP requests, repeated ones included
	Retries  int64         // how many of them repeated a call that had failed
	Waited   time.Duration // for the rate limit and between tries; what several goroutines wait at a time counts once
	Bytes    int64         // of bodies received, after decompression
}

// Snapshot returns the counts. Calls under way may move one before another.
func (m *Meter) Snapshot() Stats {
	return Stats{
		Requests: m.requests.Load(),
		Retries:  m.retries.Load(),
		Waited:   m.wait(0, time.Time{}),
		Bytes:    m.bytes.Load(),
	}
}

// wait notes that n goroutines more have begun to wait at a time, and returns how long there was one that did.
func (m *Meter) wait(n int, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case n > 0 && m.idle == 0:
		m.since = now
	case n < 0 && m.idle == 1:
		m.waited += now.Sub(m.since)
	}
	m.idle += n
	return m.waited
}

// idle notes a wait that has begun, and returns what to call when it has ended.
func (c *Client) idle() (end func()) {
	begin := c.opt.Now()
	c.count(func(m *Meter) { m.wait(1, begin) })
	return func() {
		end := c.opt.Now()
		c.count(func(m *Meter) { m.wait(-1, end) })
	}
}

func (c *Client) count(add func(*Meter)) {
	for _, m := range c.meters {
		add(m)
	}
}
