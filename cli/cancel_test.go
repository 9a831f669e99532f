package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// soon is how long a query may take to end after it was told to. It takes milliseconds; without
// cancelling it would take the 30 s after which the client gives a stalled page up.
const soon = time.Second

// endsSoon runs something that returns how long it took to end, again if that was too long: a busy
// machine may hold a process up, but hardly three times.
func endsSoon(t *testing.T, try func() time.Duration) {
	t.Helper()
	var took time.Duration
	for range 3 {
		if took = try(); took <= soon {
			return
		}
	}
	t.Errorf("the query took %s to end", took)
}

// A stalledOrg has three pages, of which the second stops in the middle.
type stalledOrg struct {
	env LookupEnv
	// stalled is closed when the second page has been asked for.
	stalled chan struct{}
}

func startStalledOrg(t *testing.T) *stalledOrg {
	t.Helper()
	return startOrg(t, oktatest.Options{Users: 450, Seed: 5, Faults: []oktatest.Fault{{Kind: oktatest.Stall, At: 2}}})
}

func startOrg(t *testing.T, o oktatest.Options) *stalledOrg {
	t.Helper()
	org := oktatest.New(o)
	s := &stalledOrg{stalled: make(chan struct{})}
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 2 {
			close(s.stalled)
		}
		org.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.env = environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": oktatest.DefaultToken})
	return s
}

func environment(values map[string]string) LookupEnv {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// noneLeft returns a function that checks that no goroutine is there which wasn't when noneLeft was
// called, the server's ones of a connection just closed being given time to end.
func noneLeft(t *testing.T) func() {
	t.Helper()
	before := runtime.NumGoroutine()
	return func() {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
			}
		}
	}
}

func TestCancelInTheMiddleOfAPage(t *testing.T) {
	for _, c := range []struct {
		name   string
		cause  error
		code   int
		stderr string
	}{
		{"interrupt", &signalError{os.Interrupt}, ExitInterrupted, "whoql: error: interrupted"},
		{"terminate", &signalError{terminated{}}, ExitTerminated, "whoql: error: "},
		{"an embedder's own reason", errors.New("enough"), ExitFailed, "whoql: error: enough"},
	} {
		for _, sql := range []string{"SELECT id FROM okta.user.users", "SELECT status, count(*) FROM okta.user.users GROUP BY 1"} {
			t.Run(c.name, func(t *testing.T) {
				endsSoon(t, func() time.Duration {
					return cancelled(t, sql, c.cause, c.code, c.stderr)
				})
			})
		}
	}
}

// cancelled cancels a query in the middle of a page and returns how long it then took to end.
func cancelled(t *testing.T, sql string, cause error, wantCode int, wantErr string) time.Duration {
	org := startStalledOrg(t)
	check := noneLeft(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var stdout, stderr buffer
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, []string{"query", "-v", "-o", "json", sql}, strings.NewReader(""), &stdout, &stderr, org.env)
	}()
	select {
	case <-org.stalled:
	case got := <-code:
		t.Fatalf("the query ended before it was cancelled: exit code %d, %s", got, stderr.String())
	}
	told := time.Now()
	cancel(cause)
	got := <-code
	took := time.Since(told)
	if got != wantCode {
		t.Errorf("exit code %d, want %d", got, wantCode)
	}
	if !strings.Contains(stderr.String(), wantErr) || !strings.Contains(stderr.String(), "INCOMPLETE") {
		t.Errorf("stderr: %s", stderr.String())
	}
	if strings.Contains(stdout.String(), "]\n") {
		t.Error("the JSON looks complete")
	}
	check()
	return took
}

// terminated stands in for SIGTERM, which some systems don't have.
type terminated struct{}

func (terminated) Signal()        {}
func (terminated) String() string { return "terminated" }

func TestTimeout(t *testing.T) {
	const timeout = 300 * time.Millisecond
	endsSoon(t, func() time.Duration {
		org := startStalledOrg(t)
		check := noneLeft(t)
		var stdout, stderr bytes.Buffer
		start := time.Now()
		code := Run(context.Background(), []string{"query", "--timeout", timeout.String(), "SELECT id FROM okta.user.users"}, nil, &stdout, &stderr, org.env)
		took := time.Since(start)
		if took < timeout {
			t.Errorf("the query took %s, less than %s", took, timeout)
		}
		if code != ExitTimeout || !strings.Contains(stderr.String(), "timed out after 300ms") {
			t.Errorf("exit code %d, stderr: %s", code, stderr.String())
		}
		check()
		return took - timeout
	})
}

// TestTimeoutOfComputing: SQLite may compute for long without a call.
func TestTimeoutOfComputing(t *testing.T) {
	const endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	endsSoon(t, func() time.Duration {
		check := noneLeft(t)
		var stdout, stderr bytes.Buffer
		start := time.Now()
		code := Run(context.Background(), []string{"query", "--timeout", "100ms", endless}, nil, &stdout, &stderr, environment(nil))
		took := time.Since(start)
		if code != ExitTimeout {
			t.Errorf("exit code %d, stderr: %s", code, stderr.String())
		}
		check()
		return took - 100*time.Millisecond
	})
}

func TestClosedOutput(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		org := startOrg(t, oktatest.Options{Users: 2000})
		check := noneLeft(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		var stderr bytes.Buffer
		code := Run(context.Background(), []string{"query", "-o", "jsonl", "SELECT * FROM okta.user.users"}, nil, w, &stderr, org.env)
		w.Close()
		if code != ExitPipe || stderr.Len() > 0 {
			t.Errorf("exit code %d, stderr: %s", code, stderr.String())
		}
		check()
	})
	t.Run("behind the first lines", func(t *testing.T) {
		org := startOrg(t, oktatest.Options{Users: 2000})
		check := noneLeft(t)
		r, w := io.Pipe()
		code := make(chan int, 1)
		var stderr buffer
		go func() {
			code <- Run(context.Background(), []string{"query", "-o", "csv", "SELECT * FROM okta.user.users"}, nil, w, &stderr, org.env)
		}()
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if got := <-code; got != ExitPipe || stderr.String() != "" {
			t.Errorf("exit code %d, stderr: %s", got, stderr.String())
		}
		check()
	})
}

// TestFailingOutput: a disk that is full isn't a reader that has gone.
func TestFailingOutput(t *testing.T) {
	org := startOrg(t, oktatest.Options{Users: 3})
	var stderr bytes.Buffer
	code := Run(context.Background(), []string{"query", "SELECT id FROM okta.user.users"}, nil, fullDisk{}, &stderr, org.env)
	if code != ExitFailed || !strings.Contains(stderr.String(), "no space") {
		t.Errorf("exit code %d, stderr: %s", code, stderr.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestNothingLeftBehind: a query that ends well leaves nothing either, be its end of the connections
// the only one that closes or not.
func TestNothingLeftBehind(t *testing.T) {
	org := startOrg(t, oktatest.Options{Users: sandboxUsers})
	for _, args := range [][]string{{"query"}, {"query", "--sandbox"}} {
		check := noneLeft(t)
		var stdout, stderr bytes.Buffer
		args = append(args, "-o", "csv", "SELECT count(*) AS n FROM okta.user.users")
		code := Run(context.Background(), args, nil, &stdout, &stderr, org.env)
		if code != ExitOK || stdout.String() != fmt.Sprintf("n\r\n%d\r\n", sandboxUsers) {
			t.Errorf("%q: exit code %d: %s%s", args, code, stdout.String(), stderr.String())
		}
		check()
	}
}

// What can't be interrupted is given up: standard input that never ends, an output that nobody reads,
// a function of SQLite's that goes on and on.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	silent, held := io.Pipe()
	t.Cleanup(func() { held.Close() })
	reader, nobody := io.Pipe()
	t.Cleanup(func() { reader.Close() })
	for name, c := range map[string]struct {
		stdin  io.Reader
		stdout io.Writer
		args   []string
	}{
		"input":    {silent, io.Discard, []string{"-f", "-"}},
		"output":   {strings.NewReader(""), nobody, []string{"VALUES (1)"}},
		"function": {strings.NewReader(""), io.Discard, []string{"SELECT instr(hex(zeroblob(300000)), hex(zeroblob(150000)) || '1')"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			start := time.Now()
			code := Run(t.Context(), append([]string{"query", "--timeout", "100ms"}, c.args...), c.stdin, c.stdout, &stderr, func(string) (string, bool) { return "", false })
			if took := time.Since(start); code != ExitTimeout || took > 5*time.Second {
				t.Errorf("exit code %d after %s: %s", code, took, stderr.String())
			}
		})
	}
}

// Rows that have come are written although the next page is late.
func TestRowsDuringAWait(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"table", "jsonl"} {
		org := startOrg(t, oktatest.Options{Users: 450, Faults: []oktatest.Fault{{Kind: oktatest.Stall, At: 2, Delay: time.Minute}}})
		reader, stdout := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			done <- Run(ctx, []string{"query", "-o", output, "SELECT id FROM okta.user.users LIMIT 450"}, strings.NewReader(""), stdout, io.Discard, org.env)
			stdout.Close()
		}()
		lines := 0
		buf := make([]byte, 1<<16)
		for lines < 200 {
			n, err := reader.Read(buf)
			if err != nil {
				t.Fatalf("%s: %v after %d lines", output, err, lines)
			}
			lines += bytes.Count(buf[:n], []byte("00u"))
		}
		cancel()
		go io.Copy(io.Discard, reader)
		<-done
	}
}
