package okta

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A simOrg counts calls as Okta does: a window begins with the first call behind the end of the one before,
// and its end is told in whole seconds, rounded up.
type simOrg struct {
	limit   int
	window  time.Duration
	ahead   time.Duration // of its clock before the client's
	ends    map[string]time.Time
	calls   map[string]int
	refused int
}

// take counts a call at now, by the client's clock, and returns the headers of its answer.
func (o *simOrg) take(bucket string, now time.Time) Rate {
	if !now.Before(o.ends[bucket]) {
		o.ends[bucket], o.calls[bucket] = now.Add(o.window), 0
	}
	o.calls[bucket]++
	if o.calls[bucket] > o.limit {
		o.refused++
	}
	reset := o.ends[bucket].Add(o.ahead)
	if whole := reset.Truncate(time.Second); whole.Before(reset) {
		reset = whole.Add(time.Second)
	}
	return Rate{Limit: o.limit, Remaining: max(o.limit-o.calls[bucket], 0), Reset: reset, Date: now.Add(o.ahead).Truncate(time.Second)}
}

// A sim lets workers make calls of a pacer, one after another each, on a clock of its own. Each job is a call of
// every bucket in turn.
type sim struct {
	org     *simOrg
	pace    *pacer
	now     time.Time
	jobs    int
	buckets []string
	workers []*simWorker
	latency func() time.Duration
	longest time.Duration // the longest wait for a turn, as it was said
}

type simWorker struct {
	bucket  int // of the job's call; len(buckets): the job is done
	done    bool
	wakes   time.Time
	changed <-chan struct{}
	ticket  *ticket // under way
	answer  Rate
	arrived bool
	back    time.Time
}

func (s *sim) step(w *simWorker) {
	if w.ticket != nil {
		if !w.arrived {
			w.answer, w.arrived, w.wakes = s.org.take(s.buckets[w.bucket], s.now), true, w.back
			return
		}
		w.ticket.ended(&answer{status: 200, rate: w.answer})
		w.ticket = nil
		w.bucket++
	}
	if w.bucket == len(s.buckets) {
		if s.jobs == 0 {
			w.done = true
			return
		}
		s.jobs--
		w.bucket = 0
	}
	t, d, changed := s.pace.try(s.buckets[w.bucket])
	if t == nil {
		if d < forever {
			s.longest = max(s.longest, d)
		}
		w.wakes, w.changed = s.now.Add(d), changed
		return
	}
	took := s.latency()
	w.ticket, w.arrived, w.changed, w.wakes, w.back = t, false, nil, s.now.Add(took/2), s.now.Add(took)
}

// run makes all calls and returns the time that took.
func (s *sim) run() time.Duration {
	began := s.now
	for {
		var next *simWorker
		for _, w := range s.workers {
			select {
			case <-w.changed:
				w.wakes, w.changed = s.now, nil
			default:
			}
			if !w.done && (next == nil || w.wakes.Before(next.wakes)) {
				next = w
			}
		}
		if next == nil {
			return s.now.Sub(began)
		}
		if next.wakes.After(s.now) {
			s.now = next.wakes
		}
		s.step(next)
	}
}

// However windows lie, clocks differ and answers overtake each other, calls take no longer than the windows
// make necessary, and none waits longer than one.
func TestPaceAnyPhase(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		between := func(least, most time.Duration) time.Duration {
			return least + time.Duration(r.Int64N(int64(most-least)+1))
		}
		o := &simOrg{
			limit:  10 + r.IntN(60),
			window: time.Duration(5+r.IntN(26)) * time.Second,
			ahead:  between(-10*time.Second, 10*time.Second),
			ends:   map[string]time.Time{}, calls: map[string]int{},
		}
		if r.IntN(4) == 0 {
			o.window = time.Minute
		}
		headroom := []float64{0, 0.4, 0.4}[r.IntN(3)]
		share := max(int(float64(o.limit)*(1-headroom)), 1)
		s := &sim{org: o, now: time.Unix(1_700_000_000, 0).Add(between(0, time.Second)), jobs: share + r.IntN(3*share), buckets: []string{"get", "update"}[:1+r.IntN(2)]}
		s.pace = newPacer(headroom, func() time.Time { return s.now })
		slowest := between(2*time.Millisecond, 300*time.Millisecond)
		s.latency = func() time.Duration { return between(time.Millisecond, slowest) }
		others := r.IntN(o.limit / 2) // calls that somebody else has made in the window that is open
		for _, b := range s.buckets {
			at := s.now.Add(-between(0, o.window))
			for range others {
				o.take(b, at)
			}
		}
		for range 1 + r.IntN(min(12, o.limit-others)) { // the first calls know nothing of the limit
			s.workers = append(s.workers, &simWorker{bucket: len(s.buckets), wakes: s.now})
		}
		name := fmt.Sprintf("seed %d: %d in %s, headroom %v, %d jobs of %d calls, %d workers, %d calls by others",
			seed, o.limit, o.window, headroom, s.jobs, len(s.buckets), len(s.workers), others)
		calls := s.jobs + others
		bound := time.Duration((calls-1)/share) * o.window
		if headroom > 0 {
			bound += time.Duration((calls-1)%share) * o.window / time.Duration(share)
		}

		slow := time.Duration(s.jobs*len(s.buckets)/len(s.workers)) * slowest
		took := s.run()
		if most := bound + bound*15/100 + o.window + slow; took > most {
			t.Errorf("%s: took %s, the bound is %s", name, took, bound)
		}
		if s.longest > o.window+2500*time.Millisecond {
			t.Errorf("%s: waits %s", name, s.longest)
		}
		if o.refused > 0 {
			t.Errorf("%s: %d refused", name, o.refused)
		}
	}
}
