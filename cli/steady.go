package cli

import (
	"sync"
	"time"

	"github.com/whoql/whoql/format"
)

// steadyEvery is how long rows may be held back while no new one comes.
const steadyEvery = time.Second

// A steadyWriter flushes rows that are held back although none follow for a while: the next page may
// have to wait a minute for the rate limit. Its methods may be called concurrently.
type steadyWriter struct {
	mu      sync.Mutex
	w       format.Writer
	waiting bool // rows were written since the last flush
	err     error
	stop    chan struct{}
	done    chan struct{}
}

// newSteadyWriter starts the watch over w; close ends it.
func newSteadyWriter(w format.Writer) *steadyWriter {
	s := &steadyWriter{w: w, stop: make(chan struct{}), done: make(chan struct{})}
	go s.watch()
	return s
}

func (s *steadyWriter) watch() {
	defer close(s.done)
	tick := time.NewTicker(steadyEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.flush()
		}
	}
}

func (s *steadyWriter) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting && s.err == nil {
		s.waiting = false
		s.err = s.w.Flush()
	}
}

// close ends the watch and waits for it.
func (s *steadyWriter) close() {
	close(s.stop)
	<-s.done
}

// do runs a step of the writer; an error of a flush in between comes back here.
func (s *steadyWriter) do(step func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = step()
		s.waiting = true
	}
	return s.err
}

func (s *steadyWriter) begin(columns []string, vertical bool) error {
	return s.do(func() error {
		if vertical {
			format.Vertical(s.w)
		}
		return s.w.Begin(columns)
	})
}

func (s *steadyWriter) row(values []any) error {
	return s.do(func() error { return s.w.Row(values) })
}

func (s *steadyWriter) end(complete bool) error {
	return s.do(func() error { return s.w.End(complete) })
}
