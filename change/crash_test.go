package change_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// TestMain makes the test's binary a process that changes an org, for tests that kill it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CHANGE_CHILD"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// settle is how long a call of a killed process may still be under way in these tests.
const settle = 250 * time.Millisecond

// child begins a run in a journal, or goes on with the one that is there.
func child(dir string) error {
	cat, err := catalog.Load()
	if err != nil {
		return err
	}
	j, err := change.OpenJournal(dir, cat, change.JournalOptions{})
	if err != nil {
		return err
	}
	defer j.Close()
	ctx, caller, o := context.Background(), newCaller(os.Getenv("CHANGE_URL"), os.Getenv("CHANGE_TOKEN")), change.ApplyOptions{Settle: settle}
	runs, err := j.Runs(ctx)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		run, err := j.Open(ctx, runs[0].ID)
		if err != nil {
			return err
		}
		if _, err := run.Resume(ctx, caller, change.ResumeOptions{ApplyOptions: o}); err != nil {
			return err
		}
		return run.Close()
	}
	text, err := os.ReadFile(filepath.Join(dir, "asks.json"))
	if err != nil {
		return err
	}
	var asks []change.Ask
	if err := json.Unmarshal(text, &asks); err != nil {
		return err
	}
	p := &change.Planner{Resource: cat.Lookup("okta.user.users"), Statement: "UPDATE …"}
	plan, err := p.Update(asks)
	if err != nil {
		return err
	}
	run, err := j.Begin(change.RunInfo{})
	if err != nil {
		return err
	}
	if _, err := run.Apply(ctx, plan, caller, o); err != nil {
		return err
	}
	return run.Close()
}

// runChild starts a process, and kills it at its nth call that writes, before, while or after the org acts,
// unless it has ended. It says whether it was killed.
func (b *bench) runChild(dir string, nth int) (killed bool) {
	b.t.Helper()
	var written atomic.Int32
	reached, dead := make(chan bool), make(chan bool)
	acts := rand.N(3)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.Method != http.MethodGet && int(written.Add(1)) == nth
		if last && acts < 2 {
			close(reached)
		}
		if last && acts == 0 {
			<-dead
		}
		b.org.ServeHTTP(w, r)
		if last && acts == 2 {
			close(reached)
		}
	}))
	defer front.Close() // waits for the calls that are under way
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHANGE_CHILD="+dir, "CHANGE_URL="+front.URL, "CHANGE_TOKEN="+b.org.Token)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case <-reached:
		killed = cmd.Process.Kill() == nil
		err = <-ended
	case err = <-ended:
	}
	close(dead)
	if err != nil && !killed {
		b.t.Fatalf("the process ended by itself: %v: %s", err, &out)
	}
	return err != nil
}

// number reads a setting for trials by hand.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestKill kills a process with SIGKILL at random points of a suspension, in every other round with
// another value for an attribute, and those that resume it, too. In the end everybody is suspended, by
// exactly one call each, and undo brings all back. CHANGE_KILLS and
// CHANGE_USERS make it larger.
func TestKill(t *testing.T) {
	rounds, users := number("CHANGE_KILLS", 3), number("CHANGE_USERS", 200)
	if testing.Short() {
		rounds, users = 2, 150
	}
	b := newBench(t, oktatest.Options{Users: 2 * users, Latency: 3 * time.Millisecond})
	was := b.everybody()
	begun, kills, inFlight := 0, 0, 0
	for round := range rounds {
		dir := t.TempDir()
		calls := 1 + round%2
		asks := b.asks("ACTIVE", users/calls, func(a *change.Ask) {
			a.Status = "SUSPENDED"
			if calls == 2 {
				a.Attributes = values("title", fmt.Sprintf(`"Title %d"`, round))
			}
		})
		text, err := json.Marshal(asks)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "asks.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		b.org.ResetRequests()
		// The first is killed at any of its calls; those after it, mostly before they are through.
		for i, n := 0, calls*len(asks); i < 3 && b.runChild(dir, 1+rand.N(n)); i, n = i+1, n/2 {
			kills++
		}
		b.journal.Close()
		b.dir, b.journal = dir, openJournal(t, dir)
		runs, err := b.journal.Runs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) == 0 {
			continue // it was killed before it began
		}
		begun++
		shown, err := b.journal.Show(t.Context(), runs[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(shown.Outcomes) > 0 {
			for _, out := range shown.Outcomes[0] {
				if out.Result == change.Unknown {
					inFlight++
				}
			}
		}
		reports := b.resume(runs[0].ID, change.ResumeOptions{ApplyOptions: change.ApplyOptions{Settle: settle}})
		if len(reports) == 0 {
			continue // it was killed before it had written down a plan
		}
		report := reports[0]
		if counts(report) != fmt.Sprintf("%d done", len(asks)) {
			t.Errorf("round %d: %s", round, counts(report))
		}
		sent, now := map[string]int{}, b.everybody()
		for _, r := range b.org.Requests() {
			if r.Method == "POST" && r.Status != 0 {
				sent[r.Path]++
			}
		}
		for _, out := range report.Outcomes {
			if n := sent["/api/v1/users/"+out.Row.ID+"/lifecycle/suspend"]; n != 1 || calls == 2 && sent["/api/v1/users/"+out.Row.ID] != 1 || out.Status != "SUSPENDED" || !strings.Contains(string(now[out.Row.ID]), `"status":"SUSPENDED"`) {
				t.Errorf("round %d: %s was suspended %d times, is said to be %s %s", round, out.Row.ID, n, out.Result, out.Status)
			}
		}
		if len(sent) != calls*len(asks) {
			t.Errorf("round %d: %d calls for %d users", round, len(sent), len(asks))
		}
		if _, err := b.journal.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		b.undo(runs[0].ID, fmt.Sprintf("%d done", len(asks)))
		b.sameAs(was)
	}
	t.Logf("%d runs begun, %d kills, %d calls in flight at the last one", begun, kills, inFlight)
	if kills < rounds || begun < rounds {
		t.Errorf("%d kills, %d runs begun in %d rounds: not all was tried", kills, begun, rounds)
	}
}

// undo undoes a run, and wants these counts.
func (b *bench) undo(id, want string) *change.Plan {
	b.t.Helper()
	plans, err := b.journal.Undo(b.t.Context(), id, b.caller, change.UndoOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(plans) != 1 {
		b.t.Fatalf("%d plans", len(plans))
	}
	if _, reports := b.apply(quick, plans...); counts(reports[0]) != want {
		for _, out := range reports[0].Outcomes {
			if out.Reason != "" || out.Problem != nil {
				b.t.Logf("%s: %s %v", out.Row.Name, out.Reason, out.Problem)
				break
			}
		}
		b.t.Errorf("undo: %s, want %s", counts(reports[0]), want)
	}
	return plans[0]
}

// sameAs compares the org with what it was, times aside.
func (b *bench) sameAs(was map[string]json.RawMessage) {
	b.t.Helper()
	now := b.everybody()
	if len(now) != len(was) {
		b.t.Errorf("%d users, were %d", len(now), len(was))
	}
	for id, u := range was {
		if x, y := timeless(b.t, u), timeless(b.t, now[id]); x != y {
			b.t.Errorf("was\n%s\nis\n%s", x, y)
			return
		}
	}
}

// timeless is a user without the times that a change moves.
func timeless(t testing.TB, u json.RawMessage) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(u, &m); err != nil {
		t.Fatalf("%v in %s", err, u)
	}
	for _, name := range []string{"statusChanged", "lastUpdated"} {
		if m[name] == nil {
			t.Fatalf("no %s in %s", name, u)
		}
		delete(m, name)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNoAnswer has the org act and then reset the connection, or hang up without having acted: the run
// finds out by itself.
func TestNoAnswer(t *testing.T) {
	for _, kind := range []oktatest.FaultKind{oktatest.ResetAfter, oktatest.HangUp, oktatest.CutOff, oktatest.InternalError} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, oktatest.Options{Users: 120})
			asks := b.asks("ACTIVE", 40, func(a *change.Ask) { a.Status = "SUSPENDED" })
			p := plan(t)(planner(t).Update(asks))
			for _, r := range p.Rows {
				b.org.Inject(oktatest.Fault{Kind: kind, Path: "/api/v1/users/" + r.ID + "/lifecycle"})
			}
			_, reports := b.apply(change.ApplyOptions{Settle: 100 * time.Millisecond}, p)
			if counts(reports[0]) != fmt.Sprintf("%d done", len(asks)) {
				t.Errorf("%s: %s", counts(reports[0]), reports[0].Outcomes[0].Reason)
			}
			acted := map[string]int{}
			for _, r := range b.org.Requests() {
				if r.Method == "POST" && r.Status == 200 {
					acted[r.Path]++
				}
			}
			for _, r := range p.Rows {
				if n := acted["/api/v1/users/"+r.ID+"/lifecycle/suspend"]; n != 1 || b.get(r.ID)["status"] != "SUSPENDED" {
					t.Errorf("%s was suspended %d times and is %v", r.ID, n, b.get(r.ID)["status"])
				}
			}
		})
	}
}

// TestWitnesses loses the answer of every kind of call, and the run's outcome, too: resume tells which took
// effect.
func TestWitnesses(t *testing.T) {
	const password = `{"password":{"value":"Tr0mbone-Kettle"}}`
	for _, c := range []struct {
		name, status string // the status to begin with; "" for nobody
		make         func(p *change.Planner, a change.Ask) (*change.Plan, error)
		want         change.Result
		lost         string // how a lost secret is made anew
	}{
		{"insert", "", func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			return p.Insert([]change.Ask{{Org: "sandbox", Attributes: values("login", `"new@acme.example"`, "email", `"new@acme.example"`, "firstName", `"A"`, "lastName", `"B"`)}})
		}, change.Done, ""},
		{"update", "ACTIVE", func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			a.Attributes = values("title", `"Pilot"`)
			return p.Update([]change.Ask{a})
		}, change.Done, ""},
		{"replace", "ACTIVE", func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			a.Fields = values("profile", `{"login":"dana@acme.example","email":"new@acme.example","firstName":"A","lastName":"B"}`)
			return p.Update([]change.Ask{a})
		}, change.Done, ""},
		{"password", "ACTIVE", func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			a.Fields = values("credentials", password)
			return p.Update([]change.Ask{a})
		}, change.Done, ""},
		{"delete", "DEPROVISIONED", func(p *change.Planner, a change.Ask) (*change.Plan, error) { return p.Delete([]change.Ask{a}) }, change.Done, ""},
		{"suspend", "ACTIVE", calling("suspend"), change.Done, ""},
		{"unsuspend", "SUSPENDED", calling("unsuspend"), change.Done, ""},
		{"unlock", "LOCKED_OUT", calling("unlock"), change.Done, ""},
		{"deactivate", "ACTIVE", calling("deactivate"), change.Done, ""},
		{"expirePassword", "ACTIVE", calling("expirePassword"), change.Done, ""},
		{"activate", "STAGED", calling("activate", "sendEmail", "false"), change.Done, "EXEC okta.user.users.reactivate @userId = '%s', @subdomain = 'sandbox', @sendEmail = false"},
		{"activate by mail", "STAGED", calling("activate", "sendEmail", "true"), change.Done, ""},
		{"resetPassword", "ACTIVE", calling("resetPassword", "sendEmail", "false"), change.Done, "EXEC okta.user.users.resetPassword @userId = '%s', @subdomain = 'sandbox', @sendEmail = false"},
		{"expirePasswordTemp", "ACTIVE", calling("expirePasswordTemp"), change.Done, "EXEC okta.user.users.expirePasswordTemp @userId = '%s', @subdomain = 'sandbox'"},
		{"resetFactors", "ACTIVE", calling("resetFactors"), change.Unknown, ""},
		{"forgotPassword", "ACTIVE", calling("forgotPassword", "sendEmail", "false"), change.Unknown, ""},
		{"reactivate", "PROVISIONED", calling("reactivate"), change.Unknown, ""},
		{"expirePassword again", "PASSWORD_EXPIRED", calling("expirePassword"), change.Unknown, ""},
	} {
		for _, acts := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s acts %v", c.name, acts), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, oktatest.Options{})
				// What came before was long ago.
				b.org.SetClock(time.Now().Add(-time.Hour))
				var ask change.Ask
				id := ""
				if c.status != "" {
					id = b.inStatus(c.status)
					for _, u := range b.everybody() {
						ask = change.Ask{Org: "sandbox", Object: u, Index: true}
					}
				}
				b.org.SetClock(time.Now().Add(40 * time.Minute)) // and its clock is another than ours
				p := plan(t)(c.make(planner(t), ask))
				// The process ends when the call is under way: nothing of it comes back.
				run, err := b.journal.Begin(change.RunInfo{})
				if err != nil {
					t.Fatal(err)
				}
				died := make(chan bool)
				real := b.caller.http.Transport
				b.caller.before = func(call change.Call) {
					if call.Method.HTTP != "GET" {
						if acts {
							b.caller.before = nil
							if a, err := b.caller.Call(t.Context(), change.Call{Method: call.Method, Path: call.Path, Query: call.Query, Body: call.Body, IfMatch: call.IfMatch}); err != nil || a.Problem != nil {
								t.Errorf("%v %v", err, a.Problem)
							}
						}
						died <- true
						select {} // for good
					}
				}
				go run.Apply(t.Context(), p, b.caller, quick)
				<-died
				copied := t.TempDir() // as another process would find it
				copyJournal(t, b.dir, copied)
				b.caller = newCaller(b.org.URL, b.org.Token)
				b.caller.http.Transport = real
				b.dir, b.journal = copied, openJournal(t, copied)
				b.org.ResetRequests()
				report := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]
				out := report.Outcomes[0]
				writes := 0
				for _, r := range b.org.Requests() {
					if r.Method != "GET" {
						writes++
					}
				}
				want, wantWrites := c.want, 0
				switch {
				case acts || want != change.Done:
				case c.name == "password":
					want = change.NeedsInput
				default:
					wantWrites = 1
				}
				if out.Result != want || writes != wantWrites || report.Calls != writes {
					t.Errorf("%s (%s), %d writes", out.Result, out.Reason, writes)
				}
				if id == "" {
					id = out.Row.ID
				}
				renew := ""
				if c.lost != "" && acts {
					renew = strings.Replace(c.lost, "%s", id, 1)
				}
				if out.Renew != renew || out.SecretLost != (renew != "") {
					t.Errorf("a new secret is made by %q (%v), want %q", out.Renew, out.SecretLost, renew)
				}
				if want == change.Unknown {
					if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "1 unknown" || r.Calls != 0 {
						t.Errorf("resumed again: %s, %d calls", counts(r), r.Calls)
					}
					if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick, RetryUnknown: true})[0]; counts(r) != "1 done" || r.Calls != 1 {
						t.Errorf("resumed to retry: %s, %d calls", counts(r), r.Calls)
					}
				}
				b.journal.Close()
			})
		}
	}
}

// calling plans a method for one user.
func calling(method string, params ...string) func(*change.Planner, change.Ask) (*change.Plan, error) {
	return func(p *change.Planner, a change.Ask) (*change.Plan, error) {
		a.Params = map[string]string{}
		for i := 0; i < len(params); i += 2 {
			a.Params[params[i]] = params[i+1]
		}
		return p.Exec(method, []change.Ask{a})
	}
}

// inStatus makes a user of a status.
func (b *bench) inStatus(status string) string {
	b.t.Helper()
	const password = `,"credentials":{"password":{"value":"Tr0mbone-Kettle"}}`
	switch status {
	case "STAGED":
		return b.create("activate=false", "dana@acme.example", "")
	case "PROVISIONED":
		return b.create("", "dana@acme.example", "")
	case "PASSWORD_EXPIRED":
		return b.create("nextLogin=changePassword", "dana@acme.example", password)
	}
	id := b.create("", "dana@acme.example", password)
	switch status {
	case "SUSPENDED":
		b.send("POST", "/"+id+"/lifecycle/suspend", "")
	case "DEPROVISIONED":
		b.send("POST", "/"+id+"/lifecycle/deactivate", "")
	case "LOCKED_OUT":
		if err := b.org.LockOut(id); err != nil {
			b.t.Fatal(err)
		}
	}
	return id
}

// copyJournal copies a journal that is in use as a crash would leave it: the file and its log.
func copyJournal(t testing.TB, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(filepath.Join(from, change.JournalFile+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, change.JournalFile+suffix), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
