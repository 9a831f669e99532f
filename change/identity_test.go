package change_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// An impostor is a caller whose org says something else of itself than it would.
type impostor struct {
	*caller
	says func(was, now change.Identity) change.Identity
}

func (i *impostor) Identify(ctx context.Context, was change.Identity) (change.Identity, error) {
	now, err := i.caller.Identify(ctx, was)
	return i.says(was, now), err
}

// A run is gone on with and undone in the org that it was made in, whatever that is called or where it is
// by now, and in no other, whoever has the same users.
func TestRunsBelongToAnOrg(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 60})
	twin := oktatest.Start(t, oktatest.Options{Users: 60})
	same := func(_, now change.Identity) change.Identity { return now }
	nameless := func(was, _ change.Identity) change.Identity { return change.Identity{Name: was.Name} }
	elsewhere := func(_, now change.Identity) change.Identity {
		now.Name, now.URL = "acme", "https://acme.example"
		return now
	}
	byURL := func(_, now change.Identity) change.Identity { now.ID = ""; return now }
	for name, c := range map[string]struct {
		made, now func(was, now change.Identity) change.Identity
		twin      bool // the other org is there
		trust     bool
		wrong     string // what the error says; empty: there is none
	}{
		"the same":                          {made: same, now: same},
		"another name and address":          {made: same, now: elsewhere},
		"the URL, where no id is told":      {made: byURL, now: same},
		"the URL, where none is told now":   {made: same, now: byURL},
		"a twin":                            {made: same, now: same, twin: true, wrong: "was made in another org: in sandbox (00o"},
		"a twin, trusted":                   {made: same, now: same, twin: true, trust: true, wrong: "another org"},
		"a twin that doesn't tell":          {made: same, now: byURL, twin: true, wrong: "another org"},
		"a journal that doesn't say":        {made: nameless, now: same, wrong: "the journal doesn't say whether that is sandbox (00o"},
		"a journal that says no, trusted":   {made: nameless, now: same, trust: true},
		"a journal that says no, elsewhere": {made: nameless, now: elsewhere, trust: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan(t)(planner(t).Update(b.asks("ACTIVE", 6, func(a *change.Ask) { a.Status = "SUSPENDED" })))
			run, err := b.journal.Begin(change.RunInfo{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			o := quick
			o.Concurrency, o.Outcome = 1, func(change.Outcome) { cancel() }
			if _, err := run.Apply(ctx, p, &impostor{b.caller, c.made}, o); err == nil {
				t.Fatal("the run wasn't stopped")
			}
			run.Close()
			there := &impostor{b.caller, c.now}
			if c.twin {
				there.caller = newCaller(twin.URL, twin.Token)
			}
			var writes atomic.Int64
			there.caller.before = func(call change.Call) {
				if call.Method.HTTP != http.MethodGet {
					writes.Add(1)
				}
			}
			if run, err = b.journal.Open(t.Context(), run.ID); err != nil {
				t.Fatal(err)
			}
			reports, err := run.Resume(t.Context(), there, change.ResumeOptions{ApplyOptions: quick, Trust: c.trust})
			run.Close()
			plans, undoErr := b.journal.Undo(t.Context(), run.ID, there, change.UndoOptions{Trust: c.trust})
			if c.wrong != "" {
				for _, err := range []error{err, undoErr} {
					if w, ok := errors.AsType[*change.WrongOrgError](err); !ok || w.Run != run.ID || !strings.Contains(err.Error(), c.wrong) {
						t.Errorf("the error is %v", err)
					}
				}
				if n := writes.Load(); n > 0 {
					t.Errorf("%d calls changed something", n)
				}
				return
			}
			if err != nil || undoErr != nil || reports[0].Counts[change.Done] != 6 {
				t.Fatalf("%v, %v, %v", err, undoErr, reports)
			}
			name := c.now(change.Identity{Name: "sandbox"}, change.Identity{Name: "sandbox"}).Name
			for _, row := range append(plans[0].Rows, reports[0].Outcomes[5].Row) {
				if row.Org != name {
					t.Errorf("a row is of the org %s, which is called %s", row.Org, name)
				}
			}
			if r := b.applyPlan(plans[0], there); counts(r) != "6 done" {
				t.Errorf("undone: %s", counts(r))
			}
			there.caller.before = nil
		})
	}
}

func (b *bench) applyPlan(p *change.Plan, c change.Caller) *change.Report {
	b.t.Helper()
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer run.Close()
	r, err := run.Apply(b.t.Context(), p, c, quick)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// An org that can't be asked who it is isn't changed.
func TestAnOrgThatDoesNotAnswer(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 30})
	p := plan(t)(planner(t).Update(b.asks("ACTIVE", 3, func(a *change.Ask) { a.Status = "SUSPENDED" })))
	b.org.Inject(oktatest.Fault{Kind: oktatest.Reset, At: 1})
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if _, err := run.Apply(t.Context(), p, b.caller, quick); err == nil || !strings.Contains(err.Error(), "which org sandbox is") {
		t.Errorf("the error is %v", err)
	}
	if report, err := b.journal.Show(t.Context(), run.ID); err != nil || len(report.Statements) > 0 {
		t.Errorf("the journal has %v, %v", report, err)
	}
}
