package change

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/catalog"
)

func usersResource(t testing.TB) (*catalog.Catalog, *catalog.Resource) {
	t.Helper()
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return cat, cat.Lookup("okta.user.users")
}

// FuzzRecord reads a run from entries whose data anybody may have written: it is read, or refused, and
// whatever was read can be told, summed up and written again.
func FuzzRecord(f *testing.F) {
	cat, res := usersResource(f)
	statement := `{"verb":"UPDATE","resource":"okta.user.users","hash":"0","made":"2026-07-01T12:00:00Z"}`
	row := `{"row":0,"org":"acme","id":"00u1","name":"dana","before":{"known":true,"status":"ACTIVE"},"steps":[{"method":"update","http":"POST","path":{"userId":"00u1"},` +
		`"body":{"profile":{"title":"x"},"credentials":{"password":{"value":"(secret)"}}},"from":"ACTIVE","to":"ACTIVE","sets":{"title":"x"},"secret":"00"},{"method":"suspend","http":"POST"}]}`
	f.Add(statement, row, `{"before":{"known":true},"was":{"title":"y"},"org":"2026-07-01T12:00:00Z"}`, `{"result":"done","status":"ACTIVE","id":"00u2","secret":true}`, 0, 0)
	f.Add(statement, strings.ReplaceAll(row, "POST", "PUT"), `{}`, `{}`, 0, 1)
	f.Add(statement, `{"steps":[{"method":"replace","http":"PUT"}]}`, `null`, `{"result":"unknown"}`, 0, 0)
	f.Add(`{"resource":"okta.group.groups"}`, `{"refused":"x"}`, `[]`, `{"result":"x"}`, 1, -1)
	f.Add(`{`, `{"unchanged":true}`, `1`, `""`, -1, 5)
	f.Fuzz(func(t *testing.T, statement, row, start, outcome string, n, step int) {
		rec := &record{id: "20260701-120000-aaaaaa"}
		at := stamp(time.Unix(0, 0))
		for _, e := range []entry{
			{kind: "run", data: json.RawMessage(`{"actor":"x"}`)},
			{kind: "open", data: json.RawMessage(statement)},
			{kind: "statement", statement: n, data: json.RawMessage(statement)},
			{kind: "row", statement: 0, row: 0, data: json.RawMessage(row)},
			{kind: "row", statement: 0, row: 1, data: json.RawMessage(row)},
			{kind: "start", statement: 0, row: 0, step: step, data: json.RawMessage(start)},
			{kind: "outcome", statement: 0, row: 0, step: step, data: json.RawMessage(outcome)},
			{kind: "start", statement: n, row: n, step: step, data: json.RawMessage(start)},
			{kind: "finish", statement: 0, data: json.RawMessage(`{}`)},
			{kind: "end", data: json.RawMessage(`{}`)},
		} {
			e.at = at
			if err := rec.add(&e, cat); err != nil {
				if strings.Contains(err.Error(), "\x00") {
					t.Errorf("%q", err)
				}
			}
		}
		rec.left()
		for _, st := range rec.statements {
			if st.plan.Resource == nil {
				t.Fatal("a statement without a resource")
			}
			for _, r := range st.plan.Rows {
				st.told(r)
			}
			st.plan.Summary(nil)
			if _, err := st.plan.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
		(&undo{rec: rec, resource: res}).rows()
	})
}

// FuzzPlan plans with objects, values and keys that anybody may have written: each gets into path, query
// and body only as itself.
func FuzzPlan(f *testing.F) {
	_, res := usersResource(f)
	f.Add(`{"id":"00u1","status":"ACTIVE","profile":{"login":"a","title":1.0},"credentials":{"password":{}}}`, "title", `1`, "00u1", "true")
	f.Add(`{"id":"../x?y#z%2f","status":"STAGED","profile":{}}`, "a\"b", `{"x":["é",null]}`, "a/../b?c=d&e#f %", "1&x=y")
	f.Add(`{"id":1}`, "", `null`, ".", "")
	f.Add(`[]`, "x", `"\ud800"`, "\xff\x00", "FALSE")
	f.Add(`{"id":"0"}`, "\xfd", `0`, "0", "0")
	f.Fuzz(func(t *testing.T, object, name, value, key, param string) {
		p := &Planner{Resource: res, Now: func() time.Time { return time.Unix(0, 0) }}
		var plans []*Plan
		add := func(plan *Plan, err error) {
			if err == nil {
				plans = append(plans, plan)
			}
		}
		attributes := map[string]json.RawMessage{name: json.RawMessage(value)}
		if !json.Valid([]byte(value)) {
			attributes = nil
		}
		add(p.Update([]Ask{{Org: "acme", Object: json.RawMessage(object), Attributes: attributes, Status: "SUSPENDED"}}))
		add(p.Exec("deactivate", []Ask{{Org: "acme", Key: key, Params: map[string]string{"sendEmail": param}}}))
		add(p.Delete([]Ask{{Org: "acme", Key: key}, {Org: "acme", Object: json.RawMessage(object)}}))
		add(p.Insert([]Ask{{Org: "acme", Attributes: attributes, Params: map[string]string{"nextLogin": param}}}))
		for _, plan := range plans {
			if _, err := plan.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
			if len(plan.Hash()) != 32 {
				t.Error("no hash")
			}
			for _, r := range plan.Rows {
				for _, op := range r.Steps {
					checkTarget(t, op)
					var body map[string]json.RawMessage
					if op.Body != nil && json.Unmarshal(op.Body, &body) != nil {
						t.Fatalf("the body is %s", op.Body)
					}
					for attribute, v := range op.Sets {
						var sent struct {
							Profile map[string]json.RawMessage
						}
						if json.Unmarshal(op.Body, &sent) != nil || !bytes.Equal(canonical(sent.Profile[attribute]), canonical(v)) {
							t.Fatalf("%q is sent as %s, not as %s", attribute, sent.Profile[attribute], v)
						}
					}
				}
			}
		}
	})
}

// checkTarget reads an operation's path and query back.
func checkTarget(t *testing.T, op *Operation) {
	t.Helper()
	path, query, _ := strings.Cut(op.Target(), "?")
	segments := strings.Split(path, "/")
	for i, want := range strings.Split(op.Method.Route, "/") {
		if i >= len(segments) {
			t.Fatalf("%s has too few segments", path)
		}
		if strings.HasPrefix(want, "{") {
			want = op.Path[strings.Trim(want, "{}")]
		}
		if got, err := url.PathUnescape(segments[i]); err != nil || got != want {
			t.Fatalf("segment %d of %s is %q, want %q", i, path, got, want)
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil || len(values) != len(op.Query) || strings.Count(op.Method.Route, "/") != len(segments)-1 {
		t.Fatalf("%s: %v", op.Target(), err)
	}
	for name, v := range op.Query {
		if values.Get(name) != v {
			t.Fatalf("%s is %q, want %q", name, values.Get(name), v)
		}
	}
}
