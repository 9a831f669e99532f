package change_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// TestUndo has a script of several statements about the same people, undone at once: the listing is byte
// for byte what it was, times aside.
func TestUndo(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 400})
	was := b.everybody()
	p := planner(t)
	title := plan(t)(p.Update(b.asks("ACTIVE", 30, func(a *change.Ask) {
		a.Attributes = values("title", `"Pilot"`, "mobilePhone", `"+49 30 1"`, "costCenter", "null", "secondEmail", `"x@acme.example"`)
	})))
	unsuspend := plan(t)(p.Update(b.asks("SUSPENDED", 20, func(a *change.Ask) { a.Status = "ACTIVE" })))
	id, reports := b.apply(quick, title, unsuspend)
	if counts(reports[0]) != "30 done" || len(reports[1].Counts) != 1 {
		t.Fatal(counts(reports[0]), counts(reports[1]))
	}
	both := plan(t)(p.Update(b.asks("ACTIVE", 30, func(a *change.Ask) {
		a.Status, a.Attributes = "SUSPENDED", values("title", `"Cook"`, "department", "null")
	})))
	whole := plan(t)(p.Update(b.asks("PROVISIONED", 5, func(a *change.Ask) {
		var u struct{ Profile map[string]json.RawMessage }
		json.Unmarshal(a.Object, &u)
		a.Fields = values("profile", `{"login":`+string(u.Profile["login"])+`,"email":`+string(u.Profile["email"])+`,"firstName":"A","lastName":"B","title":"Judge"}`)
	})))
	id2, reports := b.apply(quick, both, whole)
	if counts(reports[0]) != "30 done" || counts(reports[1]) != "5 done" {
		t.Fatal(counts(reports[0]), counts(reports[1]), reports[1].Outcomes[0].Problem)
	}
	if len(whole.Rows[0].Steps[0].Vanish) == 0 {
		t.Error("nothing vanished, so that nothing could come back")
	}
	undone := b.undo(id2, "35 done")
	if undone.Verb != "UNDO" || len(undone.Rows) != 35 {
		t.Errorf("%d rows", len(undone.Rows))
	}
	b.undo(id2, "35 unchanged")
	b.undo(id, counts1(30+len(unsuspend.Rows)))
	b.sameAs(was)
}

func counts1(n int) string {
	return counts(&change.Report{Counts: map[change.Result]int{change.Done: n}})
}

// TestUndoRefuses has what can't be undone, or has been changed by somebody else since.
func TestUndoRefuses(t *testing.T) {
	b := newBench(t, oktatest.Options{})
	p := planner(t)
	login := func(s string) string { return s + "@acme.example" }
	id := map[string]string{}
	const password = `,"credentials":{"password":{"value":"Tr0mbone-Kettle"}}`
	for _, name := range []string{"moved", "back", "again", "wrote", "gone", "final"} {
		id[name] = b.create("", login(name), password)
	}
	asks := func(with func(name string, a *change.Ask)) []change.Ask {
		var out []change.Ask
		all := b.everybody()
		for _, name := range []string{"moved", "back", "again", "wrote", "gone", "final"} {
			a := change.Ask{Org: "sandbox", Object: all[id[name]], Index: true}
			with(name, &a)
			out = append(out, a)
		}
		return out
	}
	update := plan(t)(p.Update(asks(func(name string, a *change.Ask) {
		a.Attributes = values("title", `"Pilot"`)
		switch name {
		case "moved", "back", "again":
			a.Status = "SUSPENDED"
		case "final":
			a.Status = "DEPROVISIONED"
		}
	})))
	insert := plan(t)(p.Insert([]change.Ask{{Org: "sandbox", Attributes: values("login", `"new@acme.example"`, "email", `"new@acme.example"`, "firstName", `"A"`, "lastName", `"B"`)}}))
	run, reports := b.apply(quick, update, insert)
	if counts(reports[0]) != "6 done" || counts(reports[1]) != "1 done" {
		t.Fatal(counts(reports[0]))
	}
	b.org.Advance(60e9)
	b.send("POST", "/"+id["back"]+"/lifecycle/unsuspend", "")
	b.send("POST", "/"+id["again"]+"/lifecycle/unsuspend", "")
	b.send("POST", "/"+id["again"]+"/lifecycle/suspend", "")
	b.send("POST", "/"+id["wrote"], `{"profile":{"title":"Cook"}}`)
	b.send("DELETE", "/"+id["gone"], "")
	b.send("DELETE", "/"+id["gone"], "")

	want := map[string]string{
		"moved": "POST unsuspend SUSPENDED>ACTIVE, POST update ACTIVE>ACTIVE",
		"back":  "refused: is ACTIVE by now, and the run left it SUSPENDED",
		"again": "refused: its status has been changed since",
		"wrote": "refused: title has been changed since the run wrote it",
		"gone":  "refused: isn't there any more",
		"final": "refused: can't be undone: deactivate: the password and the apps are gone",
		"new":   "POST deactivate PROVISIONED>DEPROVISIONED",
	}
	check := func(o change.UndoOptions) {
		t.Helper()
		plans, err := b.journal.Undo(t.Context(), run, b.caller, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(plans[0].Rows) != len(want) {
			t.Errorf("%d rows", len(plans[0].Rows))
		}
		for _, r := range plans[0].Rows {
			var steps []string
			for _, op := range r.Steps {
				steps = append(steps, op.Method.HTTP+" "+op.Method.Name+" "+op.From+">"+op.To)
			}
			got := strings.Join(steps, ", ")
			if r.Refused != "" {
				got = "refused: " + r.Refused
			}
			name, _, _ := strings.Cut(r.Name, "@")
			if !strings.HasPrefix(got, want[name]) || want[name] == "" {
				t.Errorf("%s\ngot  %s\nwant %s", name, got, want[name])
			}
		}
	}
	check(change.UndoOptions{})
	want["back"] = "POST update ACTIVE>ACTIVE"
	want["again"] = want["moved"]
	want["wrote"] = "POST update ACTIVE>ACTIVE"
	check(change.UndoOptions{Anyway: true})
	want["new"] = "refused: is mine"
	check(change.UndoOptions{Anyway: true, Protected: func(_, _, name string) string {
		if name == login("new") {
			return "is mine"
		}
		return ""
	}})
	b.undo(run, "2 done, 5 refused")
	if s := b.get("new@acme.example")["status"]; s != "DEPROVISIONED" {
		t.Errorf("who was created is %v", s)
	}
	if _, err := b.journal.Undo(t.Context(), "20260101-000000-aaaaaa", b.caller, change.UndoOptions{}); err == nil {
		t.Error("a run that isn't there was undone")
	}
}

// TestUndoNamesWhatStays: what an undo can't bring back is in the plan of the change, in that of the undo, and in
// what becomes of it.
func TestUndoNamesWhatStays(t *testing.T) {
	b := newBench(t, oktatest.Options{})
	p := planner(t)
	id := b.create("", "dana@acme.example", `,"credentials":{"password":{"value":"Tr0mbone-Kettle"}}`)
	gone := b.create("", "gone@acme.example", "")
	b.send("DELETE", "/"+gone, "")
	all := b.everybody()
	update := plan(t)(p.Update([]change.Ask{
		{Org: "sandbox", Object: all[id], Attributes: values("title", `"Pilot"`), Fields: values("credentials", `{"password":{"value":"Tr0mbone-Kettle-2"}}`)},
		{Org: "sandbox", Object: all[gone], Status: "PROVISIONED", Params: map[string]string{"sendEmail": "false"}},
	}))
	for i, want := range []string{"writing the former values of the attributes / the former credentials aren't known", "deactivate / "} {
		if op := update.Rows[i].Steps[0]; op.Undo+" / "+op.Irreversible != want {
			t.Errorf("row %d: %s / %s, want %s", i, op.Undo, op.Irreversible, want)
		}
	}
	run, reports := b.apply(quick, update)
	if counts(reports[0]) != "2 done" {
		t.Fatal(counts(reports[0]))
	}
	plans, err := b.journal.Undo(t.Context(), run, b.caller, change.UndoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const stays = "of the run's update: the former credentials aren't known"
	rows := plans[0].Rows
	if len(rows) != 2 || rows[0].Steps[0].Irreversible != stays || rows[1].Steps[0].Method.Name != "deactivate" {
		t.Errorf("the plan of the undo doesn't say what stays: %s, %s", rows[0].Steps[0].Irreversible, describe(rows[1]))
	}
	_, reports = b.apply(quick, plans[0])
	if counts(reports[0]) != "2 done" || reports[0].Outcomes[0].Reason != stays {
		t.Errorf("%s: %s", counts(reports[0]), reports[0].Outcomes[0].Reason)
	}
	if is := b.get(gone)["status"]; is != "DEPROVISIONED" {
		t.Errorf("who was deactivated is %v", is)
	}

	exec := plan(t)(p.Exec("update", []change.Ask{{Org: "sandbox", Object: all[id], Fields: values("credentials", `{"password":{"value":"x"}}`, "realmId", `"g"`, "type", `{"id":"oty1"}`)}}))
	if op := exec.Rows[0].Steps[0]; op.Undo != "" || op.Irreversible != "the former credentials aren't known; an undo leaves realmId and type as this makes it" {
		t.Errorf("EXEC update: %s / %s", op.Undo, op.Irreversible)
	}
	password := person("00u1", "RECOVERY", true, dana)
	password.Fields, password.Attributes = values("credentials", `{"password":{"value":"x"}}`), values("title", `"x"`)
	if op := plan(t)(p.Update([]change.Ask{password})).Rows[0].Steps[0]; op.Undo == "" || op.Irreversible != "the former credentials aren't known; an undo leaves the status as this makes it" {
		t.Errorf("a password that moves the status: %s / %s", op.Undo, op.Irreversible)
	}
}
