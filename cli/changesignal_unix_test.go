//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestChangeSignalled interrupts a whoql in the midst of a suspension by real signals, a pipe that closes and a
// time that is over. The exit code says which, the journal has what was done, and resume does the rest, each once.
func TestChangeSignalled(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals []os.Signal
		args    []string
		closed  bool // standard output is, at once
		exit    int  // -1: killed by the signal
		left    bool
	}{
		{"SIGINT", []os.Signal{syscall.SIGINT}, nil, false, 130, true},
		{"SIGTERM", []os.Signal{syscall.SIGTERM}, nil, false, 143, true},
		{"SIGINT twice", []os.Signal{syscall.SIGINT, syscall.SIGINT}, nil, false, -1, true},
		{"timeout", nil, []string{"--timeout", "3s"}, false, 124, true},
		{"closed pipe", nil, nil, true, 141, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && (len(c.signals) != 1 || c.args != nil) {
				t.Skip("what became of a call is asked 5 seconds after it")
			}
			t.Parallel()
			o := newKillOrg(t, 11, 60)
			was := o.statuses()
			var process atomic.Pointer[os.Process]
			var posts atomic.Int32
			var over atomic.Bool
			dead := make(chan struct{})
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && !over.Load() {
					switch n := posts.Add(1); {
					case n == 20 && c.signals != nil:
						for i, s := range c.signals {
							time.Sleep(time.Duration(i) * 800 * time.Millisecond)
							_ = process.Load().Signal(s)
						}
					case n >= 20 && len(c.signals) == 2, n >= 20 && c.args != nil:
						// It must not end by itself before the second signal, or the time.
						select {
						case <-dead:
							panic(http.ErrAbortHandler)
						case <-time.After(3 * time.Second):
						}
					}
				}
				o.Org.ServeHTTP(w, r)
			}))
			defer front.Close()
			env := append(o.env, "OKTA_CLIENT_ORGURL="+front.URL)
			cmd := exec.Command(o.bin, append(o.suspend(), c.args...)...)
			var out, errs bytes.Buffer
			cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
			if c.closed {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				r.Close()
				defer w.Close()
				cmd.Stdout = w
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			process.Store(cmd.Process)
			err := cmd.Wait()
			over.Store(true)
			close(dead)
			var failed *exec.ExitError
			if !errors.As(err, &failed) || failed.ExitCode() != c.exit {
				t.Fatalf("it ended with %v, want %d: %s", err, c.exit, &errs)
			}
			o.env = env
			_, list, _ := o.run(t, 0, "runs", "-o", "json")
			var runs []struct {
				ID, State string
				Left      int
			}
			if err := json.Unmarshal([]byte(list), &runs); err != nil || len(runs) != 1 || (runs[0].Left > 0) != c.left {
				t.Fatalf("%v, the journal has %s", err, list)
			}
			if c.left && c.exit > 0 && (!strings.Contains(errs.String(), "whoql resume "+runs[0].ID+" goes on") || !strings.Contains(out.String(), `"outcome":"not reached"`)) {
				t.Errorf("it doesn't say how to go on: %s", &errs)
			}
			code, report, said := o.run(t, 0, "resume", runs[0].ID, "--yes", "-o", "json")
			if code != 0 {
				t.Errorf("resume: exit code %d: %s", code, said)
			}
			if c.left {
				o.judge(t, c.name, report, was)
			} else if now := o.statuses(); now[o.targets[0]] != "SUSPENDED" || now[o.targets[59]] != "SUSPENDED" {
				t.Error("the run hasn't come to its end")
			}
		})
	}
}
