package change_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// die applies a plan in a process that ends at its first call that writes, after the org has acted on it or
// without that. What is there then is what another process would find. now is the first one's local clock.
func (b *bench) die(p *change.Plan, acts bool, now func() time.Time) (run string) {
	b.t.Helper()
	b.journal.Close()
	b.journal = openJournalAt(b.t, b.dir, now)
	first := b.journal
	begun, err := first.Begin(change.RunInfo{})
	if err != nil {
		b.t.Fatal(err)
	}
	died := make(chan bool)
	dying := newCaller(b.org.URL, b.org.Token)
	dying.before = func(call change.Call) {
		if call.Method.HTTP == "GET" {
			return
		}
		if acts {
			if a, err := b.caller.Call(b.t.Context(), call); err != nil || a.Problem != nil {
				b.t.Errorf("%v %v", err, a.Problem)
			}
		}
		died <- true
		select {} // for good
	}
	go begun.Apply(b.t.Context(), p, dying, quick)
	<-died
	copied := b.t.TempDir()
	copyJournal(b.t, b.dir, copied)
	b.t.Cleanup(func() { first.Close() })
	b.dir, b.journal = copied, openJournal(b.t, copied)
	b.org.ResetRequests()
	return begun.ID
}

func openJournalAt(t testing.TB, dir string, now func() time.Time) *change.Journal {
	t.Helper()
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	j, err := change.OpenJournal(dir, cat, change.JournalOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestResumeLeavesOthersChanges has a process die before its call gets anywhere, and somebody else do then what
// it was to do, or nearly so: that is nobody's proof that the call took effect.
func TestResumeLeavesOthersChanges(t *testing.T) {
	const password = `,"credentials":{"password":{"value":"Tr0mbone-Kettle"}}`
	staged := func(p *change.Planner, _ change.Ask) (*change.Plan, error) {
		return p.Insert([]change.Ask{{Org: "sandbox", Params: map[string]string{"activate": "false"},
			Attributes: values("login", `"new@acme.example"`, "email", `"new@acme.example"`, "firstName", `"A"`, "lastName", `"B"`)}})
	}
	setPassword := func(p *change.Planner, a change.Ask) (*change.Plan, error) {
		a.Fields = values("credentials", `{"password":{"value":"Tr0mbone-Kettle"}}`)
		return p.Update([]change.Ask{a})
	}
	for _, c := range []struct {
		name, status string
		make         func(*change.Planner, change.Ask) (*change.Plan, error)
		later        time.Duration
		others       func(b *bench, id string)
		why          string
	}{
		{"suspend", "ACTIVE", calling("suspend"), 25 * time.Second,
			func(b *bench, id string) { b.send("POST", "/"+id+"/lifecycle/suspend", "") }, "later than the call can have lasted"},
		{"insert later", "", staged, 10 * time.Second,
			func(b *bench, _ string) { b.create("activate=false", "new@acme.example", "") }, "later than the call can have lasted"},
		{"insert ACTIVE", "", staged, time.Second,
			func(b *bench, _ string) { b.create("", "new@acme.example", password) }, "is ACTIVE"},
		{"insert of others", "", staged, time.Second, func(b *bench, _ string) {
			b.send("POST", "?activate=false", `{"profile":{"login":"new@acme.example","email":"x@acme.example","firstName":"A","lastName":"B"}}`)
		}, "other values"},
		{"password", "ACTIVE", setPassword, 25 * time.Second,
			func(b *bench, id string) { b.send("POST", "/"+id, `{`+password[1:]+`}`) }, "later than the call can have lasted"},
		{"unsuspend", "SUSPENDED", calling("unsuspend"), time.Second,
			func(b *bench, id string) { b.send("POST", "/"+id+"/lifecycle/deactivate", "") }, "is DEPROVISIONED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, oktatest.Options{})
			b.org.SetClock(time.Now().Add(-time.Hour))
			var ask change.Ask
			id := ""
			if c.status != "" {
				id = b.inStatus(c.status)
				ask = change.Ask{Org: "sandbox", Object: b.everybody()[id], Index: true}
			}
			b.org.SetClock(time.Now().Add(40 * time.Minute))
			run := b.die(plan(t)(c.make(planner(t), ask)), false, nil)
			b.org.Advance(c.later)
			c.others(b, id)
			b.org.ResetRequests()
			out := b.resume(run, change.ResumeOptions{ApplyOptions: quick})[0].Outcomes[0]
			if out.Result != change.Unknown || !strings.Contains(out.Reason, c.why) {
				t.Errorf("%s (%s), want unknown (%s)", out.Result, out.Reason, c.why)
			}
			for _, r := range b.org.Requests() {
				if r.Method != "GET" {
					t.Errorf("it called %s %s", r.Method, r.Path)
				}
			}
			plans, err := b.journal.Undo(t.Context(), run, b.caller, change.UndoOptions{})
			if err != nil || len(plans[0].Rows) != 1 || !strings.Contains(plans[0].Rows[0].Refused, "nobody knows yet") {
				t.Errorf("undo: %v, %s", err, describe(plans[0].Rows[0]))
			}
		})
	}
}

// TestClockSetBack has the local clock set back by an hour between a run and its resume.
func TestClockSetBack(t *testing.T) {
	ahead := func() time.Time { return time.Now().Add(time.Hour) }
	for _, acts := range []bool{true, false} {
		b := newBench(t, oktatest.Options{})
		b.inStatus("ACTIVE")
		insert := plan(t)(planner(t).Insert([]change.Ask{{Org: "sandbox",
			Attributes: values("login", `"new@acme.example"`, "email", `"new@acme.example"`, "firstName", `"A"`, "lastName", `"B"`)}}))
		for i, p := range []*change.Plan{insert, nil} {
			if p == nil {
				p = plan(t)(planner(t).Update(b.asks("ACTIVE", 1, func(a *change.Ask) { a.Status = "SUSPENDED" })))
			}
			run := b.die(p, acts, ahead)
			began := time.Now()
			report := b.resume(run, change.ResumeOptions{ApplyOptions: change.ApplyOptions{Settle: 100 * time.Millisecond}})[0]
			if counts(report) != "1 done" || report.Calls != map[bool]int{true: 0, false: 1}[acts] {
				t.Errorf("plan %d, acts %v: %s (%s), %d calls", i, acts, counts(report), report.Outcomes[0].Reason, report.Calls)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("plan %d, acts %v: it took %s", i, acts, took)
			}
		}
	}
}

// TestUndoLeavesOthersChanges has somebody else change what each kind of undo is about: it is refused, unless it is
// to be undone anyway.
func TestUndoLeavesOthersChanges(t *testing.T) {
	const password = `"credentials":{"password":{"value":"Tr0mbone-Kettle-3"}}`
	insert := func(activate string) func(*change.Planner, change.Ask) (*change.Plan, error) {
		return func(p *change.Planner, _ change.Ask) (*change.Plan, error) {
			return p.Insert([]change.Ask{{Org: "sandbox", Params: map[string]string{"activate": activate},
				Attributes: values("login", `"dana@acme.example"`, "email", `"dana@acme.example"`, "firstName", `"A"`, "lastName", `"B"`)}})
		}
	}
	update := func(name, value string) func(*change.Planner, change.Ask) (*change.Plan, error) {
		return func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			a.Attributes = values(name, value)
			if name == "profile" {
				a.Attributes, a.Fields = nil, values(name, value)
			}
			return p.Update([]change.Ask{a})
		}
	}
	write := func(body string) func(*bench, string) {
		return func(b *bench, id string) { b.send("POST", "/"+id, body) }
	}
	call := func(name string) func(*bench, string) {
		return func(b *bench, id string) { b.send("POST", "/"+id+"/lifecycle/"+name, "") }
	}
	for _, c := range []struct {
		name, status string
		make         func(*change.Planner, change.Ask) (*change.Plan, error)
		others       func(*bench, string) // nil: nobody
		refused      string               // "": it isn't
	}{
		{"insert", "", insert("false"), nil, ""},
		{"insert, then active", "", insert("false"), func(b *bench, id string) { write(`{`+password+`}`)(b, id); call("activate")(b, id) }, "is ACTIVE by now"},
		{"insert, then password", "", insert("false"), write(`{` + password + `}`), "since"},
		{"insert, then title", "", insert("true"), write(`{"profile":{"title":"Cook"}}`), "since"},
		{"insert, then name", "", insert("true"), write(`{"profile":{"firstName":"Cook"}}`), "firstName has been changed since"},
		{"insert, then back and forth", "", insert("true"), func(b *bench, id string) { call("suspend")(b, id); call("unsuspend")(b, id) }, "status has been changed since"},
		{"suspend", "ACTIVE", calling("suspend"), nil, ""},
		{"suspend, then back and forth", "ACTIVE", calling("suspend"), func(b *bench, id string) { call("unsuspend")(b, id); call("suspend")(b, id) }, "status has been changed since"},
		{"unsuspend, then moved", "SUSPENDED", calling("unsuspend"), func(b *bench, id string) { call("suspend")(b, id); call("unsuspend")(b, id) }, "status has been changed since"},
		{"activate again", "DEPROVISIONED", calling("activate", "sendEmail", "false"), nil, ""},
		{"activate again, then password", "DEPROVISIONED", calling("activate", "sendEmail", "false"), write(`{` + password + `}`), "by now"},
		{"activate again, then title", "DEPROVISIONED", calling("activate", "sendEmail", "false"), write(`{"profile":{"title":"Cook"}}`), "since"},
		{"title", "ACTIVE", update("title", `"Pilot"`), write(`{"profile":{"city":"Bonn"}}`), ""},
		{"title, then title", "ACTIVE", update("title", `"Pilot"`), write(`{"profile":{"title":"Cook"}}`), "title has been changed since"},
		{"profile, then what it cleared", "ACTIVE", func(p *change.Planner, a change.Ask) (*change.Plan, error) {
			return update("profile", `{"login":"dana@acme.example","email":"dana@acme.example","firstName":"A","lastName":"C"}`)(p, a)
		}, write(`{"profile":{"lastName":"D"}}`), "lastName has been changed since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, oktatest.Options{})
			var ask change.Ask
			id := ""
			if c.status != "" {
				id = b.inStatus(c.status)
				ask = change.Ask{Org: "sandbox", Object: b.everybody()[id], Index: true}
			}
			run, reports := b.apply(quick, plan(t)(c.make(planner(t), ask)))
			if counts(reports[0]) != "1 done" {
				t.Fatal(counts(reports[0]), reports[0].Outcomes[0].Problem)
			}
			b.org.Advance(time.Minute)
			if c.others != nil {
				c.others(b, reports[0].Outcomes[0].Row.ID)
			}
			for _, anyway := range []bool{false, true} {
				plans, err := b.journal.Undo(t.Context(), run, b.caller, change.UndoOptions{Anyway: anyway})
				if err != nil {
					t.Fatal(err)
				}
				row := plans[0].Rows[0]
				switch refused := row.Refused != ""; {
				case refused != (c.refused != "" && !anyway):
					t.Errorf("anyway %v: %s, want refused %q", anyway, describe(row), c.refused)
				case refused && (!strings.Contains(row.Refused, c.refused) || !strings.Contains(row.Refused, "--anyway")):
					t.Errorf("%s, want %q, and --anyway", row.Refused, c.refused)
				}
			}
		})
	}
}
