package change_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// A losingCaller is one to which the org is lost at the n-th write: from then on every call ends as lost says.
type losingCaller struct {
	change.Caller
	n      int32
	writes atomic.Int32
	gone   atomic.Bool
	calls  atomic.Int32 // since
	lost   func() (change.Answer, error)
}

func (c *losingCaller) Call(ctx context.Context, call change.Call) (change.Answer, error) {
	if call.Method.HTTP != "GET" && c.writes.Add(1) == c.n {
		c.gone.Store(true)
	}
	if c.gone.Load() {
		c.calls.Add(1)
		return c.lost()
	}
	return c.Caller.Call(ctx, call)
}

// What keeps every call from its effect, such as a token that has been revoked, isn't the end of each row: nothing
// more is begun, the others are left, and resume does them.
func TestOrgIsLost(t *testing.T) {
	problem := func(status int, code string) func() (change.Answer, error) {
		return func() (change.Answer, error) {
			return change.Answer{Status: status, Problem: &change.Problem{Status: status, Code: code, Summary: "no"}}, nil
		}
	}
	for _, c := range []struct {
		name  string
		lost  func() (change.Answer, error)
		why   string
		stops bool
	}{
		{"token", problem(401, "E0000011"), "401 E0000011 no", true},
		{"rate limit", problem(429, "E0000047"), "429 E0000047 no", true},
		{"nobody answers", func() (change.Answer, error) {
			return change.Answer{}, &change.NoEffectError{Err: errors.New("connection refused"), Org: true}
		}, "connection refused", true},
		{"feature", problem(401, "E0000015"), "", false},
		{"forbidden", problem(403, "E0000006"), "", false},
		{"a bad call", func() (change.Answer, error) {
			return change.Answer{}, &change.NoEffectError{Err: errors.New("bad path")}
		}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, oktatest.Options{Users: 200})
			p := plan(t)(planner(t).Update(b.asks("ACTIVE", 100, func(a *change.Ask) { a.Status = "SUSPENDED" })))
			losing := &losingCaller{Caller: b.caller, n: 21, lost: c.lost}
			run, err := b.journal.Begin(change.RunInfo{})
			if err != nil {
				t.Fatal(err)
			}
			report, err := run.Apply(t.Context(), p, losing, quick)
			done := report.Counts[change.Done]
			var stopped *change.StoppedError
			if !c.stops {
				if err != nil || report.Counts[change.Failed] != 100-done {
					t.Errorf("%s, %v", counts(report), err)
				}
				return
			}
			if !errors.As(err, &stopped) || stopped.Err == nil || !strings.Contains(err.Error(), c.why) || stopped.Left != 100-done || done < 5 {
				t.Fatalf("%s, %v", counts(report), err)
			}
			if counts(report) != fmt.Sprintf("%d done, %d not reached", done, 100-done) {
				t.Errorf("%s: %s", counts(report), report.Outcomes[99].Reason)
			}
			if n := losing.calls.Load(); n > 20 { // those side by side
				t.Errorf("%d calls were made although none could get through", n)
			}
			if err := run.Close(); err != nil {
				t.Fatal(err)
			}
			if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick}); counts(r[0]) != "100 done" || r[0].Calls != 100-done {
				t.Errorf("resumed: %s, %d calls", counts(r[0]), r[0].Calls)
			}
			for _, r := range p.Rows {
				if n := b.sent()["POST /api/v1/users/"+r.ID+"/lifecycle/suspend"]; n != 1 {
					t.Errorf("%s was suspended %d times", r.ID, n)
				}
			}
		})
	}
}
