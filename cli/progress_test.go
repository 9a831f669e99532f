package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
)

// A screen shows what a terminal would after what is written to it: \r goes to the begin of the line.
type screen struct {
	lines []string
	at    int
}

func (s *screen) Write(text []byte) (int, error) {
	if s.lines == nil {
		s.lines = []string{""}
	}
	for _, c := range string(text) {
		last := &s.lines[len(s.lines)-1]
		switch c {
		case '\r':
			s.at = 0
		case '\n':
			s.lines, s.at = append(s.lines, ""), 0
		default:
			line := *last + strings.Repeat(" ", max(s.at-len(*last), 0))
			*last = line[:s.at] + string(c) + line[min(s.at+1, len(line)):]
			s.at++
		}
	}
	return len(text), nil
}

func (s *screen) String() string {
	var all []string
	for _, l := range s.lines {
		all = append(all, strings.TrimRight(l, " "))
	}
	return strings.Join(all, "\n")
}

// newTestProgress is a progress on a screen, with a clock that stands still until it is set.
func newTestProgress(stats *whoql.Stats) (p *progress, s *screen, clock *time.Time) {
	s, clock = new(screen), new(time.Time)
	*clock = time.Date(2026, 7, 1, 14, 2, 0, 0, time.Local)
	p = &progress{w: s, on: true, width: 79, now: func() time.Time { return *clock }, start: *clock}
	p.stats = func() whoql.Stats { return *stats }
	return p, s, clock
}

func TestProgress(t *testing.T) {
	stats := &whoql.Stats{}
	p, s, clock := newTestProgress(stats)
	users := func(n int64) { stats.Read = []whoql.Read{{Resource: "okta.user.users", Objects: n}} }
	for _, step := range []struct {
		after time.Duration
		do    func()
		want  string
	}{
		{900 * time.Millisecond, nil, ""},
		{100 * time.Millisecond, nil, "whoql: nothing read so far, 1s"},
		{500 * time.Millisecond, func() { users(200) }, "whoql: 200 users so far, 1s"},
		{500 * time.Millisecond, func() { users(1200) }, "whoql: 1,200 users so far, 1,200 per second, 2s"},
		{8 * time.Second, func() { users(1001200) }, "whoql: 1,001,200 users so far, 125,000 per second, 10s"},
		{time.Second, func() { p.wait(okta.Wait{Reason: okta.WaitRateLimit, Duration: 40 * time.Second}) },
			"whoql: 1,001,200 users so far, waiting for the rate limit until 14:02:50, 11s"},
		{time.Second, func() { p.wait(okta.Wait{Reason: okta.WaitServer, Duration: 10 * time.Second}) },
			"whoql: 1,001,200 users so far, waiting for the rate limit until 14:02:50, 12s"},
		{39 * time.Second, nil, "whoql: 1,001,200 users so far, 0 per second, 51s"},
		{time.Second, func() { p.wait(okta.Wait{Reason: okta.WaitServer, Duration: 5 * time.Second}) },
			"whoql: 1,001,200 users so far, waiting (server error) until 14:02:56, 52s"},
		{9 * time.Second, func() { stats.Read = append([]whoql.Read{{Resource: "okta.group.groups", Objects: 1}}, stats.Read...) },
			"whoql: 1 group, 1,001,200 users so far, 0 per second, 1m1s"},
	} {
		if step.do != nil {
			step.do()
		}
		*clock = clock.Add(step.after)
		p.step(p.draw)
		if got := s.String(); got != step.want {
			t.Errorf("got  %q\nwant %q", got, step.want)
		}
	}
	p.step(p.wipe)
	if got := s.String(); got != "" {
		t.Errorf("behind the end there is %q", got)
	}
}

// TestProgressBeside writes rows and messages to the same terminal.
func TestProgressBeside(t *testing.T) {
	stats := &whoql.Stats{Read: []whoql.Read{{Resource: "okta.user.users", Objects: 200}}}
	p, s, clock := newTestProgress(stats)
	beside := &besideProgress{s, p}
	*clock = clock.Add(2 * time.Second)
	p.step(p.draw)
	if got := s.String(); got != "whoql: 200 users so far, 2s" {
		t.Fatalf("got %q", got)
	}
	io.WriteString(beside, "id\n--\n1\n")
	*clock = clock.Add(900 * time.Millisecond)
	p.step(p.draw)
	if got := s.String(); got != "id\n--\n1\n" {
		t.Errorf("right behind rows: %q", got)
	}
	*clock = clock.Add(200 * time.Millisecond)
	p.step(p.draw)
	if got := s.String(); !strings.HasPrefix(got, "id\n--\n1\nwhoql: 200 users so far, ") {
		t.Errorf("later: %q", got)
	}
	io.WriteString(beside, "2\n")
	if got := s.String(); got != "id\n--\n1\n2\n" {
		t.Errorf("the next row: %q", got)
	}
}

// TestProgressWidth: a line that wraps could not be wiped.
func TestProgressWidth(t *testing.T) {
	stats := &whoql.Stats{Read: []whoql.Read{{Resource: "okta.user.users", Objects: 200}}}
	p, s, clock := newTestProgress(stats)
	p.width = 20
	*clock = clock.Add(2 * time.Second)
	p.step(p.draw)
	if got := s.String(); got != "whoql: 200 users so " && got != "whoql: 200 users so" {
		t.Errorf("got %q", got)
	}
}

// TestNoProgress: where standard error is no terminal, or one that can't, nothing is shown.
func TestNoProgress(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, environment(nil))
	if p.on || p.around(&b) != io.Writer(&b) {
		t.Error("a buffer is taken for a terminal")
	}
	stop := p.follow(func() whoql.Stats { t.Error("asked"); return whoql.Stats{} })
	stop()
	if p.wait(okta.Wait{}) || b.Len() > 0 {
		t.Errorf("something is shown: %q", b.String())
	}
}

func TestFollow(t *testing.T) {
	stats := &whoql.Stats{Read: []whoql.Read{{Resource: "okta.user.users", Objects: 7}}}
	p, s, _ := newTestProgress(stats)
	p.now = time.Now
	check := noneLeft(t)
	stop := p.follow(func() whoql.Stats { return *stats })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		shown := p.shown
		p.mu.Unlock()
		if shown != "" {
			break
		}
	}
	stop()
	stop()
	if got := s.String(); got != "" {
		t.Errorf("behind stop: %q", got)
	}
	check()
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -5: "-5", -1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
