package okta

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A pacer keeps the calls of an org's client within its rate limits, so that no call is made which the
// org would refuse, and none waits longer than it has to. It learns the limits from the answers, bucket by
// bucket, and knows nothing before the first one.
//
// Within a window a bucket gives the client what its headers say is left, less the headroom, and less the
// calls under way, which may or may not be counted yet. With headroom the calls are spread over the window
// after a first burst; without it they run until the window is used up. At the end of a window the
// count begins anew: see window.
//
// The number of calls under way is limited, too. It is halved when the org says that there are too many at
// the same time, and grows again by one for as many good answers.
type pacer struct {
	headroom float64
	now      func() time.Time

	mu       sync.Mutex
	buckets  map[string]*bucket
	clock    orgClock
	underWay int
	most     float64
	answer   time.Duration // how long the last answers took on average; 0: there was none
	changed  chan struct{} // closed, and made anew, when an answer has come
}

// mostUnderWay is how many calls may be under way at the same time: less than the smallest limit that Okta
// documents, 35.
const mostUnderWay = 32

// burst is the share of a window's calls that isn't spread.
const burst = 1.0 / 6

func newPacer(headroom float64, now func() time.Time) *pacer {
	return &pacer{headroom: headroom, now: now, buckets: map[string]*bucket{}, most: mostUnderWay, changed: make(chan struct{})}
}

// A bucket is what is known of one group of endpoints.
type bucket struct {
	window
	used     int     // calls made since the window began
	underWay int     // those without an answer yet
	ahead    float64 // calls made before they were due, were there no burst, at since
	since    time.Time
}

// A window is the time for which the org counts calls. It begins with the first call behind the end of the
// one before. The headers tell its end, in whole seconds; see length for what they leave open.
type window struct {
	limit     int       // calls of a window; 0: nothing is known
	remaining int       // as the last answer said
	reset     time.Time // as the last answer said, by the org's clock
	end       time.Time // when it is certainly over, by this machine's clock
	length    length
	began     time.Time // when the client took it for over, and begun anew; zero: an answer has said so
}

// begin waits until a call may be made, and returns what to tell when it has ended. wait is told of waits.
func (p *pacer) begin(ctx context.Context, name string, sleep func(context.Context, time.Duration) error, wait func(time.Duration)) (*ticket, error) {
	for told := false; ; {
		t, d, changed := p.try(name)
		if t != nil {
			return t, nil
		}
		if deadline, ok := ctx.Deadline(); ok && d < forever && p.now().Add(d).After(deadline) {
			return nil, fmt.Errorf("the rate limit lets the next call be made in %s, which is beyond the deadline: %w",
				d.Round(time.Millisecond), context.DeadlineExceeded)
		}
		if d < forever && !told {
			told = true
			wait(d)
		}
		if err := p.pause(ctx, d, changed, sleep); err != nil {
			return nil, err
		}
	}
}

// pause waits for d, or until an answer has come.
func (p *pacer) pause(ctx context.Context, d time.Duration, changed <-chan struct{}, sleep func(context.Context, time.Duration) error) error {
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-short.Done():
		}
	}()
	if err := sleep(short, d); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// forever is the wait for an answer: nobody knows when it comes.
const forever = time.Hour

// A ticket is a call that may be made.
type ticket struct {
	p      *pacer
	bucket *bucket
	sent   time.Time
}

// try takes a call from a bucket. If there is none, it says how long to wait, and what is closed when it
// is worth trying before.
func (p *pacer) try(name string) (*ticket, time.Duration, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	b := p.buckets[name]
	if b == nil {
		b = &bucket{}
		p.buckets[name] = b
	}
	if p.underWay >= max(int(p.most), 1) {
		return nil, forever, p.changed
	}
	if d := b.wait(now, p.headroom); d > 0 {
		return nil, d, p.changed
	}
	b.used++
	b.underWay++
	p.underWay++
	return &ticket{p, b, now}, 0, nil
}

// wait is how long the next call has to wait; 0: not at all.
func (b *bucket) wait(now time.Time, headroom float64) time.Duration {
	if b.limit == 0 {
		return 0
	}
	if !now.Before(b.end) {
		// The next call opens the next window. Until its answer says more, that holds what the last one
		// did, less what is under way.
		b.used, b.remaining = b.underWay, b.limit
		b.began, b.end, b.ahead = now, now.Add(b.length.period()), 0
	}
	// What others use is gone; of the rest, the headroom stays for them. One call is always due.
	share := max(int(float64(b.remaining+b.used-b.underWay)*(1-headroom)), 1)
	left := min(share-b.used, b.remaining-b.underWay)
	if left <= 0 {
		if b.underWay > 0 && !b.began.IsZero() {
			return forever // the answers will say when the window ends
		}
		return max(b.end.Sub(now), time.Millisecond)
	}
	if headroom == 0 {
		return 0
	}
	return b.spread(now, share)
}

// spread is how long the next call has to wait so that a window's calls are spread over it. What is kept is a
// number of calls and not the time when one is due, for how long windows are may be learned in between.
func (b *bucket) spread(now time.Time, share int) time.Duration {
	every := float64(b.length.pace()) / float64(share)
	b.ahead, b.since = max(b.ahead-float64(now.Sub(b.since))/every, 0), now
	if d := time.Duration((b.ahead - float64(int(burst*float64(share)))) * every); d > 0 {
		return min(d, b.end.Sub(now)) // the next window begins with a burst
	}
	b.ahead++
	return 0
}

// ended learns from an answer; nil: there was none.
func (t *ticket) ended(a *answer) {
	p := t.p
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.underWay--
	t.bucket.underWay--
	close(p.changed)
	p.changed = make(chan struct{})
	if a == nil {
		return
	}
	p.clock.learn(t.sent, now, a.rate.Date)
	if took := max(now.Sub(t.sent), 1); p.answer == 0 {
		p.answer = took
	} else {
		p.answer += (took - p.answer) / 8
	}
	switch {
	case a.rate.concurrent():
		p.most = max(float64(p.underWay+1)/2, 1)
	case a.status < 300:
		p.most = min(p.most+1/p.most, mostUnderWay)
	}
	if a.rate.Known() && !a.rate.concurrent() {
		t.bucket.learn(t.sent, now, a.rate, &p.clock)
	}
}

// learn takes in the headers of an answer to a call that was sent and answered at these times.
func (b *bucket) learn(sent, now time.Time, r Rate, clock *orgClock) {
	b.limit = r.Limit
	if !r.Reset.Before(b.reset) {
		from, to := clock.org(sent)
		b.length.seen = min(max(b.length.seen, r.Reset.Sub(to)), rateWaitMax)
		if r.Remaining == r.Limit-1 {
			b.length.learn(r.Reset.Sub(from))
		}
	}
	switch {
	case r.Reset.Before(b.reset):
		// Of a window that is over.
	case r.Reset.After(b.reset):
		if b.began.IsZero() {
			b.used = b.underWay + 1 // and nobody has noticed that it has begun
		}
		b.reset, b.remaining, b.began = r.Reset, r.Remaining, time.Time{}
		b.end = earlier(clock.local(r.Reset.Add(b.length.late)), now.Add(rateWaitMax))
		if b.length.exact > 0 {
			b.end = earlier(b.end, now.Add(b.length.exact))
		}
		b.end = b.end.Add(b.length.doubt())
	case b.began.IsZero():
		b.remaining = min(b.remaining, r.Remaining)
	case !sent.Before(b.began):
		// It wasn't over: the headers round down.
		b.length = length{late: time.Second}
		b.remaining, b.began = r.Remaining, time.Time{}
		b.end = earlier(clock.local(r.Reset.Add(b.length.late)), now.Add(rateWaitMax))
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// A length is how long windows are. The header gives their end in whole seconds, rounded up or down, and
// so a second would be lost in each window. But windows are whole seconds long, and where the client's own
// call has opened one, its end less that call's time is at most the length and what the rounding added. The
// least of these is therefore the length, once a window has begun early in a second.
type length struct {
	exact time.Duration // 0: not known
	least time.Duration // the least that was seen; 0: nothing was
	seen  time.Duration // the longest that an answer was before the end of its window
	late  time.Duration // by how much windows end behind what the header says

	doubted bool // see doubt
}

// usualWindow is the length that Okta documents.
const usualWindow = time.Minute

// learn takes in the time from the opening of a window to its end as the header gives it.
func (l *length) learn(d time.Duration) {
	if l.late > 0 || d < time.Second || d > rateWaitMax {
		return
	}
	if l.least == 0 || d < l.least {
		l.least = d
	}
	l.exact = l.least.Truncate(time.Second)
	if d := l.least - usualWindow; d > -time.Second && d < 2*time.Second {
		l.exact = usualWindow // whichever way the header is rounded
	}
}

// doubt is by how much the next window should begin later than it could, so that its length shows: where
// windows begin when a second does, and the end is rounded up, they seem a second longer than they are. It
// is asked for once.
func (l *length) doubt() time.Duration {
	if l.exact == 0 || l.exact == usualWindow || l.least-l.exact > time.Second/4 || l.doubted {
		return 0
	}
	l.doubted = true
	return time.Second / 2
}

// period is how long a window is taken to be.
func (l *length) period() time.Duration {
	if l.exact > 0 {
		return l.exact
	}
	return usualWindow
}

// pace is how long a window is taken to be to spread calls over it. As long as no call has opened one, all that is
// known is how much was left of them.
func (l *length) pace() time.Duration {
	if l.exact > 0 {
		return l.exact
	}
	return max(l.seen, time.Second)
}

// An orgClock is what is known of the org's clock: how far it is ahead of this machine's, between two
// bounds. Each answer's Date, in whole seconds, narrows them.
type orgClock struct {
	known       bool
	least, most time.Duration
}

// learn takes in the Date of an answer to a call that was sent and answered at these times.
func (c *orgClock) learn(sent, now, date time.Time) {
	if date.IsZero() {
		return
	}
	least, most := date.Sub(now), date.Add(time.Second).Sub(sent)
	if !c.known || least > c.most || most < c.least { // or one of the clocks was set
		*c = orgClock{known: true, least: least, most: most}
		return
	}
	c.least, c.most = max(c.least, least), min(c.most, most)
}

// org is a time by the org's clock: it lies between the two.
func (c *orgClock) org(t time.Time) (from, to time.Time) { return t.Add(c.least), t.Add(c.most) }

// local is a time of the org's by this machine's clock, at the latest.
func (c *orgClock) local(t time.Time) time.Time {
	if !c.known {
		return t.Add(time.Second)
	}
	return t.Add(-c.least)
}
