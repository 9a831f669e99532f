package okta

import (
	"sync/atomic"
	"time"
)

// Meter counts what calls cost: see [Client.Metered]. The zero value is ready.
// It may be used concurrently, and must not be copied.
type Meter struct {
	requests, retries, waited, bytes atomic.Int64
}

// Stats is what a [Meter] had counted at one moment.
type Stats struct {
	Requests int64         // HTTP requests, repeated ones included
	Retries  int64         // how many of them repeated a call that had failed
	Waited   time.Duration // in waits between the tries, summed over goroutines
	Bytes    int64         // of bodies received, after decompression
}

// Snapshot returns the counts. Calls under way may move one before another.
func (m *Meter) Snapshot() Stats {
	return Stats{
		Requests: m.requests.Load(),
		Retries:  m.retries.Load(),
		Waited:   time.Duration(m.waited.Load()),
		Bytes:    m.bytes.Load(),
	}
}

func (c *Client) count(add func(*Meter)) {
	for _, m := range c.meters {
		add(m)
	}
}
