package change_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

func TestApplySuspend(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 300})
	p := plan(t)(planner(t).Update(b.asks("ACTIVE", 1000, func(a *change.Ask) { a.Status = "SUSPENDED" })))
	var told atomic.Int32
	o := quick
	o.Outcome = func(change.Outcome) { told.Add(1) }
	b.org.ResetRequests()
	id, reports := b.apply(o, p)
	n := len(p.Rows)
	if r := reports[0]; r.Counts[change.Done] != n || len(r.Counts) != 1 || !r.OK() || r.Calls != n || r.Reads != n || int(told.Load()) != n {
		t.Errorf("%+v, %d told, of %d", r.Counts, told.Load(), n)
	}
	sent := b.sent()
	for _, r := range p.Rows {
		if sent["POST /api/v1/users/"+r.ID+"/lifecycle/suspend"] != 1 || b.get(r.ID)["status"] != "SUSPENDED" {
			t.Errorf("%s was sent %d times and is %v", r.ID, sent["POST /api/v1/users/"+r.ID+"/lifecycle/suspend"], b.get(r.ID)["status"])
		}
	}
	for i, out := range reports[0].Outcomes {
		if out.Row != p.Rows[i] || out.Status != "SUSPENDED" || out.RequestID == "" {
			t.Errorf("outcome %d is %+v", i, out)
		}
	}
	if entries, err := b.journal.Verify(t.Context()); err != nil || entries != 4+3*n {
		t.Errorf("%d entries, %v", entries, err)
	}
	runs, err := b.journal.Runs(t.Context())
	if err != nil || len(runs) != 1 || runs[0].ID != id || runs[0].State != change.RunDone || runs[0].Statements[0].Counts[change.Done] != n ||
		runs[0].Statements[0].Hash != p.Hash() {
		t.Errorf("%+v, %v", runs, err)
	}
}

// TestMatches changes users between plan and apply: they are skipped, and nothing is sent.
func TestMatches(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 200})
	p := planner(t)
	suspend := func(a *change.Ask) { a.Status = "SUSPENDED" }
	asks := b.asks("ACTIVE", 6, nil)
	id := func(i int) string {
		var u struct{ ID string }
		json.Unmarshal(asks[i].Object, &u)
		return u.ID
	}
	suspend(&asks[0]) // will be suspended by somebody else
	suspend(&asks[1]) // will move to another department
	suspend(&asks[2]) // will be gone
	asks[3].Attributes = values("title", `"Pilot"`)
	asks[4].Attributes = values("title", `"Pilot"`) // changed between the look and the call
	one := plan(t)(p.Update(asks[:5]))
	gone := b.create("activate=false", "gone@acme.example", "")
	b.send("POST", "/"+gone+"/lifecycle/deactivate", "")
	var staged change.Ask
	for _, u := range b.everybody() {
		if strings.Contains(string(u), gone) {
			staged = change.Ask{Org: "sandbox", Object: u, Index: true, Read: time.Now()}
		}
	}
	two := plan(t)(p.Delete([]change.Ask{staged}))
	b.send("POST", "/"+gone+"/lifecycle/activate?sendEmail=false", "") // and DELETE would deactivate

	b.send("POST", "/"+id(0)+"/lifecycle/suspend", "")
	b.send("POST", "/"+id(1), `{"profile":{"department":"Elsewhere"}}`)
	b.send("DELETE", "/"+id(2), "")
	b.send("DELETE", "/"+id(2), "")
	b.org.ResetRequests()
	b.caller.before = func(c change.Call) {
		if c.Method.Name == "update" && c.Path["userId"] == id(4) {
			b.send("POST", "/"+id(4), `{"profile":{"title":"Cook"}}`)
		}
	}
	_, reports := b.apply(quick, one, two)
	for i, want := range []string{"is SUSPENDED by now, was ACTIVE", "its profile has been changed since", "isn't there any more", "", "its profile has been changed since"} {
		out := reports[0].Outcomes[i]
		if out.Reason != want || (out.Result == change.Skipped) != (want != "") {
			t.Errorf("row %d is %s: %s; want %s", i, out.Result, out.Reason, want)
		}
	}
	if out := reports[1].Outcomes[0]; out.Result != change.Skipped || !strings.HasPrefix(out.Reason, "is PROVISIONED, and DELETE removes only") {
		t.Errorf("DELETE is %s: %s", out.Result, out.Reason)
	}
	for key := range b.sent() {
		if !strings.HasPrefix(key, "GET") && key != "POST /api/v1/users/"+id(3) && key != "POST /api/v1/users/"+id(4) {
			t.Errorf("%s was sent", key)
		}
	}
	if got := b.get(id(4))["profile"].(map[string]any)["title"]; got != "Cook" {
		t.Errorf("the other's change was written over: %v", got)
	}
	for _, r := range b.org.Requests() {
		if r.Method == "POST" && strings.HasSuffix(r.Path, id(3)) && r.Header.Get("If-Match") == "" {
			t.Error("a profile was written without If-Match")
		}
	}
}

// TestFreshness counts the reads: none for what has just been got, one for what is old or from the
// index, and one before every PUT and DELETE.
func TestFreshness(t *testing.T) {
	b := newBench(t, oktatest.Options{})
	p := planner(t)
	p.Now = time.Now
	ask := func(login string, index bool, age time.Duration) change.Ask {
		id := b.create("", login, `,"credentials":{"password":{"value":"Tr0mbone-Kettle"}}`)
		a, err := b.caller.Call(t.Context(), change.Call{Method: users(t).Method("get"), Path: map[string]string{"userId": id}})
		if err != nil {
			t.Fatal(err)
		}
		return change.Ask{Org: "sandbox", Object: a.Body, ETag: a.ETag, Read: time.Now().Add(-age), Index: index}
	}
	for i, c := range []struct {
		index bool
		age   time.Duration
		set   func(*change.Ask)
		reads int
	}{
		{false, 0, func(a *change.Ask) { a.Status = "SUSPENDED" }, 0},
		{false, 0, func(a *change.Ask) { a.Attributes = values("title", `"Pilot"`) }, 0},
		{false, 0, func(a *change.Ask) { a.Attributes, a.ETag = values("title", `"Pilot"`), "" }, 1},
		{true, 0, func(a *change.Ask) { a.Status = "SUSPENDED" }, 1},
		{false, time.Minute, func(a *change.Ask) { a.Status = "SUSPENDED" }, 1},
		{false, 0, func(a *change.Ask) {
			login := "u5@acme.example"
			a.Fields = values("profile", `{"login":"`+login+`","email":"`+login+`","firstName":"A","lastName":"C"}`)
		}, 1},
		{false, 0, func(a *change.Ask) { a.Status, a.Attributes = "SUSPENDED", values("title", `"Pilot"`) }, 0},
		{false, 0, func(a *change.Ask) { a.Read = time.Time{}; a.Status = "SUSPENDED" }, 1},
	} {
		a := ask("u"+string(rune('0'+i))+"@acme.example", c.index, c.age)
		c.set(&a)
		one := plan(t)(p.Update([]change.Ask{a}))
		if s := one.Summary(nil); s.Reads != c.reads {
			t.Errorf("case %d: the plan has %d reads, want %d", i, s.Reads, c.reads)
		}
		_, reports := b.apply(quick, one)
		if r := reports[0]; r.Reads != c.reads || r.Counts[change.Done] != 1 {
			t.Errorf("case %d: %d reads, want %d; %s: %s %v", i, r.Reads, c.reads, counts(r), r.Outcomes[0].Reason, r.Outcomes[0].Problem)
		}
	}
}

// TestAllMethods runs each statement as a user would write it, and has a look at what came of it.
func TestAllMethods(t *testing.T) {
	b := newBench(t, oktatest.Options{})
	p := planner(t)
	insert := plan(t)(p.Insert([]change.Ask{{Org: "sandbox", Params: map[string]string{"activate": "false"},
		Attributes: values("login", `"dana@acme.example"`, "email", `"dana@acme.example"`, "firstName", `"Dana"`, "lastName", `"Reyes"`)}}))
	_, reports := b.apply(quick, insert)
	out := reports[0].Outcomes[0]
	if out.Result != change.Done || out.Status != "STAGED" || out.Row.ID == "" || b.get(out.Row.ID)["status"] != "STAGED" {
		t.Fatalf("insert: %+v", out)
	}
	id := out.Row.ID
	exec := func(method string, params map[string]string, fields ...string) change.Outcome {
		t.Helper()
		one := plan(t)(p.Exec(method, []change.Ask{{Org: "sandbox", Key: "dana@acme.example", Params: params, Fields: values(fields...)}}))
		_, reports := b.apply(quick, one)
		return reports[0].Outcomes[0]
	}
	mail := map[string]string{"sendEmail": "false"}
	const password, another = `{"value":"Tr0mbone-Kettle"}`, `{"value":"C0ffee-at-five"}`
	for _, c := range []struct {
		method string
		params map[string]string
		fields []string
		status string // after it
		secret string // what the answer has
	}{
		{"activate", mail, nil, "PROVISIONED", "activationUrl"},
		{"reactivate", mail, nil, "PROVISIONED", "activationToken"},
		{"update", nil, []string{"credentials", `{"password":` + password + `}`}, "ACTIVE", ""},
		{"changePassword", nil, []string{"oldPassword", password, "newPassword", another, "revokeSessions", "true"}, "ACTIVE", ""},
		{"changeRecoveryQuestion", nil, []string{"password", another, "recovery_question", `{"question":"Favourite tea?","answer":"oolong"}`}, "ACTIVE", ""},
		{"forgotPassword", mail, nil, "ACTIVE", "resetPasswordUrl"},
		{"expirePassword", nil, nil, "PASSWORD_EXPIRED", ""},
		{"expirePasswordTemp", nil, nil, "PASSWORD_EXPIRED", "tempPassword"},
		{"resetPassword", mail, nil, "RECOVERY", "resetPasswordUrl"},
		{"resetFactors", nil, nil, "RECOVERY", ""},
		{"suspend", nil, nil, "SUSPENDED", ""},
		{"unsuspend", nil, nil, "RECOVERY", ""},
		{"unlock", nil, nil, "!E0000032", ""},
		{"deactivate", mail, nil, "DEPROVISIONED", ""},
		{"suspend", nil, nil, "!E0000001", ""},
	} {
		out := exec(c.method, c.params, c.fields...)
		if code, refused := strings.CutPrefix(c.status, "!"); refused {
			if out.Result != change.Failed || out.Problem == nil || out.Problem.Code != code || len(out.Problem.Causes) != 1 {
				t.Errorf("%s: %+v, %+v", c.method, out, out.Problem)
			}
			continue
		}
		if out.Result != change.Done || out.Row.ID != id || b.get(id)["status"] != c.status {
			t.Errorf("%s: %s %s %+v, status %v, want %s", c.method, out.Result, out.Reason, out.Problem, b.get(id)["status"], c.status)
		}
		if c.secret != "" && !strings.Contains(string(out.Answer), c.secret) {
			t.Errorf("%s answered %s", c.method, out.Answer)
		}
	}
	out = exec("suspend", nil)
	if out.Step != 0 || out.Row.Before.Status != "DEPROVISIONED" || out.Row.Steps[0].From != "DEPROVISIONED" {
		t.Errorf("what was read before the call isn't kept: %+v", out.Row.Before)
	}
	remove := plan(t)(p.Delete([]change.Ask{{Org: "sandbox", Key: id}, {Org: "sandbox", Key: "nobody@acme.example"}}))
	_, reports = b.apply(quick, remove)
	if b.get(id) != nil || counts(reports[0]) != "1 done, 1 failed" || reports[0].Outcomes[1].Problem.Code != "E0000007" {
		t.Errorf("DELETE: %s, %v", counts(reports[0]), reports[0].Outcomes[1].Problem)
	}
}

// TestSteps has rows of several steps, one of which fails.
func TestSteps(t *testing.T) {
	b := newBench(t, oktatest.Options{AsyncTransitions: 300 * time.Millisecond})
	p := planner(t)
	id := b.create("activate=false", "dana@acme.example", "")
	var asks []change.Ask
	for _, u := range b.everybody() {
		asks = append(asks, change.Ask{Org: "sandbox", Object: u, Index: true, Status: "PROVISIONED", Attributes: values("title", `"Pilot"`)})
	}
	_, reports := b.apply(quick, plan(t)(p.Update(asks))) // the update has to wait for the activation
	if out := reports[0].Outcomes[0]; out.Result != change.Done || out.Status != "PROVISIONED" || b.get(id)["profile"].(map[string]any)["title"] != "Pilot" {
		t.Errorf("%+v %v", out, out.Problem)
	}
	for _, r := range b.org.Requests() {
		if r.Method == "POST" && strings.HasSuffix(r.Path, id) && r.Header.Get("If-Match") == "" {
			t.Error("a profile was written without If-Match behind another step")
		}
	}
	asks = asks[:0]
	for _, u := range b.everybody() {
		asks = append(asks, change.Ask{Org: "sandbox", Object: u, Index: true, Status: "SUSPENDED", Attributes: values("nonsense", `"x"`)})
	}
	_, reports = b.apply(quick, plan(t)(p.Update(asks)))
	if out := reports[0].Outcomes[0]; out.Result != change.Failed || out.Step != 0 || out.Problem.Code != "E0000001" || b.get(id)["status"] != "PROVISIONED" {
		t.Errorf("%+v %v", out, out.Problem)
	}
}

// TestUnsuspendTells has a user who comes back to another status than the one asked for.
func TestUnsuspendTells(t *testing.T) {
	b := newBench(t, oktatest.Options{})
	id := b.create("", "dana@acme.example", "")
	b.send("POST", "/"+id+"/lifecycle/suspend", "")
	var asks []change.Ask
	for _, u := range b.everybody() {
		asks = append(asks, change.Ask{Org: "sandbox", Object: u, Index: true, Status: "ACTIVE"})
	}
	_, reports := b.apply(quick, plan(t)(planner(t).Update(asks)))
	if out := reports[0].Outcomes[0]; out.Result != change.Done || out.Status != "PROVISIONED" || out.Object == nil {
		t.Errorf("%+v", out)
	}
}

func TestStopOnError(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 300})
	p := plan(t)(planner(t).Update(b.asks("ACTIVE", 100, func(a *change.Ask) { a.Status = "SUSPENDED" })))
	b.org.Inject(oktatest.Fault{Kind: oktatest.Forbidden, At: 21, Path: "/api/v1/users/"})
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	o := quick
	o.StopOnError, o.Concurrency = true, 4
	report, err := run.Apply(t.Context(), p, b.caller, o)
	var se *change.StoppedError
	if !errors.As(err, &se) || se.Run != run.ID || se.Left != report.Counts[change.NotReached] || se.Left < 50 || report.Counts[change.Failed] != 1 || report.OK() {
		t.Fatalf("%v, %s", err, counts(report))
	}
	if !strings.Contains(err.Error(), "run "+run.ID+" was stopped (") || !strings.Contains(err.Error(), " failed: ") {
		t.Error(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "99 done, 1 failed" {
		t.Errorf("resumed: %s", counts(r))
	}
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick, RetryFailed: true})[0]; counts(r) != "100 done" || r.Calls != 1 {
		t.Errorf("resumed again: %s, %d calls", counts(r), r.Calls)
	}
}

// TestGrace interrupts a run whose calls don't end: they are given up, and resume finds out what became of
// them.
func TestGrace(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 100})
	p := plan(t)(planner(t).Update(b.asks("ACTIVE", 6, func(a *change.Ask) { a.Status = "SUSPENDED" })))
	for i, r := range p.Rows {
		kind := []oktatest.FaultKind{oktatest.Delay, oktatest.Stall}[i%2] // the latter acts
		b.org.Inject(oktatest.Fault{Kind: kind, Delay: time.Minute, Path: "/api/v1/users/" + r.ID + "/lifecycle"})
	}
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := quick
	o.Grace = 50 * time.Millisecond
	report, err := run.Apply(ctx, p, b.caller, o)
	var se *change.StoppedError
	if !errors.As(err, &se) || !errors.Is(err, context.DeadlineExceeded) || se.Left != 6 || counts(report) != "6 unknown" {
		t.Fatalf("%v, %s", err, counts(report))
	}
	run.Close()
	b.org.ClearFaults()
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "6 done" || r.Calls != 3 {
		t.Errorf("resumed: %s, %d calls", counts(r), r.Calls)
	}
}

// TestCancel interrupts a run: calls in flight are seen through, the others aren't begun, and resume does
// the rest.
func TestCancel(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 300, Latency: 20 * time.Millisecond})
	p := plan(t)(planner(t).Update(b.asks("ACTIVE", 100, func(a *change.Ask) { a.Status = "SUSPENDED" })))
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := quick
	n := 0
	o.Outcome = func(change.Outcome) {
		if n++; n == 20 {
			cancel()
		}
	}
	report, err := run.Apply(ctx, p, b.caller, o)
	var se *change.StoppedError
	if !errors.As(err, &se) || !errors.Is(err, context.Canceled) || report.Counts[change.Done] < 20 || report.Counts[change.NotReached] < 50 ||
		report.Counts[change.Done]+report.Counts[change.NotReached] != 100 {
		t.Fatalf("%v, %s", err, counts(report))
	}
	suspended := 0
	for _, u := range b.everybody() {
		for _, r := range p.Rows {
			if strings.Contains(string(u), r.ID) && strings.Contains(string(u), `"status":"SUSPENDED"`) {
				suspended++
			}
		}
	}
	if suspended != report.Counts[change.Done] {
		t.Errorf("%d are suspended, and the report says %s", suspended, counts(report))
	}
	if _, err := b.journal.Open(t.Context(), run.ID); err == nil || !err.(*change.RunError).Busy {
		t.Errorf("a second one got at the run: %v", err)
	}
	runs, _ := b.journal.Runs(t.Context())
	if runs[0].State != change.RunRunning {
		t.Errorf("the run is %s", runs[0].State)
	}
	run.Close()
	if _, err := b.journal.Open(t.Context(), "20260101-000000-aaaaaa"); err == nil {
		t.Error("a run that isn't there was opened")
	}
	if runs, _ = b.journal.Runs(t.Context()); runs[0].State != change.RunInterrupted || runs[0].Left != report.Counts[change.NotReached] {
		t.Errorf("the run is %s, %d left", runs[0].State, runs[0].Left)
	}
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "100 done" {
		t.Errorf("resumed: %s", counts(r))
	}
	for path, n := range b.sent() {
		if strings.HasPrefix(path, "POST") && n != 1 {
			t.Errorf("%s %d times", path, n)
		}
	}
}
