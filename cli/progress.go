package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
)

const (
	// progressAfter is how long a terminal is left alone: after the begin, and after anything else was
	// written to it, so that the line doesn't flicker between rows.
	progressAfter = time.Second
	progressEvery = 250 * time.Millisecond
	// rateOver is the time over which the rate is taken.
	rateOver = 5 * time.Second
)

// A progress is a line at the end of what is on the terminal, which says how far a query is. It is
// rewritten in place, and wiped before anything else is written there. It may be used concurrently. No
// escape sequence is used: some terminals of Windows don't know them.
type progress struct {
	w     io.Writer // standard error
	on    bool      // it is a terminal
	width int       // of the terminal, in columns
	now   func() time.Time

	mu      sync.Mutex
	shown   string    // what stands in the line
	last    time.Time // when something else was written
	start   time.Time
	stats   func() whoql.Stats // nil while no query runs
	waits   []waiting
	samples []sample
	held    bool // nothing is shown: somebody is asked something
	// changing is how many objects a plan changes that is being applied, and changed how many of them are.
	changing, changed int
}

// A waiting is a wait that goes on, perhaps beside others.
type waiting struct {
	reason okta.WaitReason
	until  time.Time
}

// A sample is how many objects had been read at a time.
type sample struct {
	at      time.Time
	objects int64
}

func newProgress(stderr io.Writer, env LookupEnv) *progress {
	p := &progress{w: stderr, on: isTerminal(stderr) && env.get("TERM") != "dumb", width: 79, now: time.Now}
	if w := terminalWidth(stderr); w > 0 {
		p.width = w - 1 // in the last column, some terminals go on to the next line
	}
	return p
}

// around returns a writer to w which wipes the line before it writes, if w is a terminal.
func (p *progress) around(w io.Writer) io.Writer {
	if !p.on || !isTerminal(w) {
		return w
	}
	return &besideProgress{w, p}
}

// A besideProgress writes to a terminal that shows a line of progress.
type besideProgress struct {
	w io.Writer
	p *progress
}

// Write implements io.Writer. The terminal may be halted, and then only who writes to it may hang: no
// lock is held.
func (b *besideProgress) Write(text []byte) (int, error) {
	b.p.step(func() { b.p.wipe(); b.p.last = b.p.now() })
	defer b.p.step(func() { b.p.last = b.p.now() })
	return b.w.Write(text)
}

func (p *progress) step(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// wipe takes the line away. The lock is held.
func (p *progress) wipe() {
	if p.shown != "" {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", len(p.shown)))
		p.shown = ""
	}
}

// follow shows the progress of a query until stop is called, which may be called twice.
func (p *progress) follow(stats func() whoql.Stats) (stop func()) {
	if !p.on {
		return func() {}
	}
	p.step(func() { p.stats, p.start, p.samples = stats, p.now(), nil })
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				p.step(p.draw)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stopped)
		<-done
		p.step(func() { p.wipe(); p.stats = nil })
	})
}

// hold keeps the line away while somebody is asked something, until free is called.
func (p *progress) hold() (free func()) {
	p.step(func() { p.wipe(); p.held = true })
	return func() { p.step(func() { p.held, p.last = false, p.now() }) }
}

// change makes the line say how many of the objects that a plan changes are done; 0: none is applied any more.
func (p *progress) change(objects int) {
	p.step(func() { p.wipe(); p.changing, p.changed, p.samples = objects, 0, nil })
}

// changedOne notes that an object is done.
func (p *progress) changedOne() { p.step(func() { p.changed++ }) }

// wait notes a wait, and reports whether the line will show it.
func (p *progress) wait(w okta.Wait) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stats == nil {
		return false
	}
	p.waits = append(p.waits, waiting{w.Reason, p.now().Add(w.Duration)})
	return true
}

// draw writes the line anew. The lock is held.
func (p *progress) draw() {
	now := p.now()
	if p.stats == nil || p.held || now.Sub(p.start) < progressAfter || now.Sub(p.last) < progressAfter {
		return
	}
	line := p.line(now, p.stats())
	line = line[:min(len(line), p.width)] // it is ASCII
	if line == p.shown {
		return
	}
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", max(len(p.shown)-len(line), 0)))
	p.shown = line
}

// line says how far the query is. Names of resources are ASCII.
func (p *progress) line(now time.Time, s whoql.Stats) string {
	var parts []string
	objects := int64(0)
	if p.changing > 0 {
		objects = int64(p.changed)
		parts = append(parts, grouped(objects)+" of "+grouped(int64(p.changing))+" changed")
		s.Read = nil
	}
	for _, r := range s.Read {
		objects += r.Objects
		name := r.Resource[strings.LastIndexByte(r.Resource, '.')+1:]
		if r.Objects == 1 {
			name = strings.TrimSuffix(name, "s")
		}
		parts = append(parts, grouped(r.Objects)+" "+name)
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing read")
	}
	if p.changing == 0 {
		parts[len(parts)-1] += " so far"
	}
	p.samples = append(p.samples, sample{now, objects})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateOver {
		p.samples = p.samples[1:]
	}
	if wait := p.waiting(now); wait != "" {
		parts = append(parts, wait)
	} else if first := p.samples[0]; now.Sub(first.at) >= progressAfter && objects > 0 {
		rate := float64(objects-first.objects) / now.Sub(first.at).Seconds()
		parts = append(parts, grouped(int64(rate))+" per second")
		if left := p.changing - p.changed; left > 0 && rate > 0 {
			parts = append(parts, (time.Duration(float64(left)/rate)*time.Second).Truncate(time.Second).String()+" left")
		}
	}
	return "whoql: " + strings.Join(append(parts, now.Sub(p.start).Truncate(time.Second).String()), ", ")
}

// waiting says what is waited for, and until when by this machine's clock: of several waits, the one
// that lasts longest.
func (p *progress) waiting(now time.Time) string {
	var longest waiting
	kept := p.waits[:0]
	for _, w := range p.waits {
		if w.until.After(now) {
			kept = append(kept, w)
			if w.until.After(longest.until) {
				longest = w
			}
		}
	}
	p.waits = kept
	if longest.until.Sub(now) < time.Second {
		return ""
	}
	what := "waiting (" + string(longest.reason) + ")"
	if longest.reason == okta.WaitRateLimit {
		what = "waiting for the rate limit"
	}
	return what + " until " + longest.until.Format("15:04:05")
}

// grouped is a number as people read it: 12,400.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// file returns the file that a stream is one of, or nil.
func file(stream any) *os.File {
	switch w := stream.(type) {
	case *os.File:
		return w
	case *besideProgress:
		return file(w.w)
	}
	return nil
}

func isTerminal(stream any) bool {
	f := file(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is how many columns a terminal has, 0 if w is none.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(file(w).Fd()))
	if err != nil {
		return 0
	}
	return width
}
