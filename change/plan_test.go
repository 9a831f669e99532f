package change_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func users(t testing.TB) *catalog.Resource {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c.Lookup("okta.user.users")
}

func planner(t testing.TB) *change.Planner {
	return &change.Planner{Resource: users(t), Statement: "a statement", Now: func() time.Time { return noon }}
}

// person is a user as the API gives it, read a moment ago.
func person(id, status string, password bool, profile string) change.Ask {
	credentials := `{"provider":{"type":"OKTA","name":"OKTA"}}`
	if password {
		credentials = `{"password":{},"provider":{"type":"OKTA","name":"OKTA"}}`
	}
	return change.Ask{Org: "acme", ETag: `W/"1"`, Read: noon, Object: json.RawMessage(fmt.Sprintf(
		`{"id":%q,"status":%q,"statusChanged":"2026-01-01T00:00:00.000Z","type":{"id":"oty1"},"profile":%s,"credentials":%s}`,
		id, status, profile, credentials))}
}

const dana = `{"login":"dana@acme.example","email":"dana@acme.example","firstName":"Dana","lastName":"Reyes","mobilePhone":null,"department":"Sales"}`

// describe writes a row of a plan in one line.
func describe(r *change.Row) string {
	if r.Refused != "" {
		return "refused: " + r.Refused
	}
	if r.Unchanged {
		return "unchanged"
	}
	var steps []string
	for _, op := range r.Steps {
		s := op.Method.HTTP + " " + op.Target() + " " + op.From + ">" + op.To
		if op.Body != nil {
			s += " " + string(op.Body)
		}
		if op.Vanish != nil {
			s += fmt.Sprint(" vanish ", op.Vanish)
		}
		steps = append(steps, s)
	}
	return strings.Join(steps, "; ")
}

func values(pairs ...string) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

// TestSetStatus has the table of SET status: for each status asked for, what is done in each of the
// eight, without and with a password.
func TestSetStatus(t *testing.T) {
	call := func(op, from, to string) string {
		return "POST /api/v1/users/00u1/lifecycle/" + op + " " + from + ">" + to
	}
	statuses := users(t).Column("status").Values
	for _, asked := range statuses {
		for _, from := range statuses {
			for _, password := range []bool{false, true} {
				want := "refused"
				switch {
				case asked == from:
					want = "unchanged"
				case asked == "SUSPENDED" && slices.Contains([]string{"ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED"}, from):
					want = call("suspend", from, asked)
				case asked == "ACTIVE" && from == "STAGED" && password:
					want = call("activate", from, asked)
				case asked == "ACTIVE" && from == "SUSPENDED":
					want = call("unsuspend", from, "previous")
				case asked == "ACTIVE" && from == "LOCKED_OUT":
					want = call("unlock", from, "previous")
				case asked == "PROVISIONED" && (from == "STAGED" && !password || from == "DEPROVISIONED"):
					want = call("activate", from, asked)
				case asked == "PASSWORD_EXPIRED" && from == "ACTIVE":
					want = call("expire_password", from, asked)
				case asked == "DEPROVISIONED":
					want = call("deactivate", from, asked)
				}
				ask := person("00u1", from, password, dana)
				ask.Status = strings.ToLower(asked)
				plan, err := planner(t).Update([]change.Ask{ask})
				if err != nil {
					t.Fatal(err)
				}
				got := describe(plan.Rows[0])
				if want == "refused" && strings.HasPrefix(got, "refused: is "+from) && len(got) > 20 {
					continue
				}
				if got != want {
					t.Errorf("%s, password %v, to %s\ngot  %s\nwant %s", from, password, asked, got, want)
				}
			}
		}
	}
}

func TestUpdate(t *testing.T) {
	const path = "/api/v1/users/00u1"
	for _, c := range []struct {
		name, status string
		set          change.Ask
		want         string
	}{
		{"one of two differs", "ACTIVE", change.Ask{Attributes: values("department", `"IT"`, "firstName", `"Dana"`)},
			`POST ` + path + ` ACTIVE>ACTIVE {"profile":{"department":"IT"}}`},
		{"nothing differs", "ACTIVE", change.Ask{Attributes: values("department", `"Sales"`, "mobilePhone", `null`, "title", `null`)}, "unchanged"},
		{"clearing", "ACTIVE", change.Ask{Attributes: values("department", `null`)}, `POST ` + path + ` ACTIVE>ACTIVE {"profile":{"department":null}}`},
		{"a deactivated user", "DEPROVISIONED", change.Ask{Attributes: values("department", `"IT"`)},
			"refused: is DEPROVISIONED; update is for STAGED, PROVISIONED, ACTIVE, RECOVERY, PASSWORD_EXPIRED, LOCKED_OUT, SUSPENDED"},
		{"a deactivated user as asked", "DEPROVISIONED", change.Ask{Attributes: values("department", `"Sales"`)}, "unchanged"},
		{"activation comes first", "DEPROVISIONED", change.Ask{Status: "PROVISIONED", Attributes: values("department", `"IT"`)},
			`POST ` + path + `/lifecycle/activate DEPROVISIONED>PROVISIONED; POST ` + path + ` PROVISIONED>PROVISIONED {"profile":{"department":"IT"}}`},
		{"unsuspension comes first", "SUSPENDED", change.Ask{Status: "ACTIVE", Attributes: values("department", `"IT"`)},
			`POST ` + path + `/lifecycle/unsuspend SUSPENDED>previous; POST ` + path + ` previous>previous {"profile":{"department":"IT"}}`},
		{"suspension comes last", "ACTIVE", change.Ask{Status: "SUSPENDED", Attributes: values("department", `"IT"`)},
			`POST ` + path + ` ACTIVE>ACTIVE {"profile":{"department":"IT"}}; POST ` + path + `/lifecycle/suspend ACTIVE>SUSPENDED`},
		{"a parameter", "ACTIVE", change.Ask{Status: "DEPROVISIONED", Params: map[string]string{"SENDEMAIL": "1"}},
			`POST ` + path + `/lifecycle/deactivate?sendEmail=true ACTIVE>DEPROVISIONED`},
		{"a whole profile", "ACTIVE", change.Ask{Fields: values("profile", `{"login":"dana@acme.example","email":"d@acme.example","firstName":"Dana","lastName":"Reyes"}`)},
			`PUT ` + path + ` ACTIVE>ACTIVE {"profile":{"login":"dana@acme.example","email":"d@acme.example","firstName":"Dana","lastName":"Reyes"}} vanish [department]`},
		{"the same profile", "ACTIVE", change.Ask{Fields: values("profile", ` {"department":"Sales","login":"dana@acme.example","email":"dana@acme.example","firstName":"Dana","lastName":"Reyes"}`)}, "unchanged"},
		{"a password", "RECOVERY", change.Ask{Fields: values("credentials", `{"password":{"value":"x"}}`)},
			`POST ` + path + ` RECOVERY>ACTIVE {"credentials":{"password":{"value":"x"}}}`},
		{"a password, then suspension", "LOCKED_OUT", change.Ask{Status: "SUSPENDED", Fields: values("credentials", `{"password":{"value":"x"}}`)},
			`POST ` + path + ` LOCKED_OUT>ACTIVE {"credentials":{"password":{"value":"x"}}}; POST ` + path + `/lifecycle/suspend ACTIVE>SUSPENDED`},
		{"the present type", "ACTIVE", change.Ask{Fields: values("type", `{"id":"oty1"}`)}, "unchanged"},
		{"another type", "ACTIVE", change.Ask{Fields: values("type", `{"id":"oty2"}`)},
			"refused: is of another user type, which only SET profile can change together with the whole profile"},
		{"no way", "STAGED", change.Ask{Status: "ACTIVE"}, "refused: is STAGED without password: activate makes it PROVISIONED"},
		{"nobody's way", "ACTIVE", change.Ask{Status: "RECOVERY"}, "refused: is ACTIVE, and SET status leads nobody to RECOVERY; EXEC … resetPassword does"},
		{"another's way", "ACTIVE", change.Ask{Status: "PROVISIONED"}, "refused: is ACTIVE, and SET status leads to PROVISIONED only from DEPROVISIONED, STAGED"},
		{"refused as a whole", "ACTIVE", change.Ask{Status: "STAGED", Attributes: values("department", `"IT"`)}, "refused: is ACTIVE, and SET status leads nobody to STAGED"},
	} {
		ask := person("00u1", c.status, false, dana)
		ask.Status, ask.Attributes, ask.Fields, ask.Params = c.set.Status, c.set.Attributes, c.set.Fields, c.set.Params
		plan, err := planner(t).Update([]change.Ask{ask})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := describe(plan.Rows[0]); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Who is found by several rows is one row if they ask for the same, and nobody's word is taken if they don't.
func TestTwice(t *testing.T) {
	p := planner(t)
	ask := func(id string, more change.Ask) change.Ask {
		out := person(id, "ACTIVE", true, dana)
		out.Status, out.Attributes, out.Fields, out.Params = more.Status, more.Attributes, more.Fields, more.Params
		return out
	}
	it, hr := change.Ask{Attributes: values("department", `"IT"`)}, change.Ask{Attributes: values("department", `"HR"`)}
	sales := change.Ask{Attributes: values("department", `"Sales"`)}
	for _, c := range []struct {
		asks []change.Ask
		want string
	}{
		{[]change.Ask{it, it, it}, `POST /api/v1/users/00u1 ACTIVE>ACTIVE {"profile":{"department":"IT"}}`},
		{[]change.Ask{it, hr, sales, it}, `refused: is matched by several rows, with department "IT" and "HR"`},
		{[]change.Ask{sales, it}, `refused: is matched by several rows, with department "Sales" and "IT"`},
		{[]change.Ask{{Attributes: values("title", "1.0")}, {Attributes: values("title", "1")}}, `POST /api/v1/users/00u1 ACTIVE>ACTIVE {"profile":{"title":1.0}}`},
		{[]change.Ask{{Attributes: values("title", `null`)}, {Attributes: values("title", `"`+strings.Repeat("x", 99)+`"`)}}, `refused: is matched by several rows, with title NULL and "` + strings.Repeat("x", 59) + "…"},
		{[]change.Ask{{Status: "SUSPENDED"}, {Status: "suspended"}}, "POST /api/v1/users/00u1/lifecycle/suspend ACTIVE>SUSPENDED"},
		{[]change.Ask{{Status: "SUSPENDED"}, {Status: "DEPROVISIONED"}}, `refused: is matched by several rows, with status "SUSPENDED" and "DEPROVISIONED"`},
		{[]change.Ask{{Fields: values("credentials", `{"password":{"value":"MARKED1"}}`)}, {Fields: values("credentials", `{"password":{"value":"MARKED2"}}`)}},
			"refused: is matched by several rows, with two different credentials"},
	} {
		var asks []change.Ask
		for _, a := range c.asks {
			asks = append(asks, ask("00u1", a))
		}
		plan, err := p.Update(append(asks, ask("00u2", it)))
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(plan.Rows[0]); got != c.want || len(plan.Rows) != 2 || plan.Rows[1].Index != 1 || len(plan.Rows[1].Steps) != 1 {
			t.Errorf("got  %s, %d rows\nwant %s", got, len(plan.Rows), c.want)
		}
		if plan.Rows[0].Ambiguous != strings.HasPrefix(c.want, "refused") {
			t.Errorf("%s: ambiguous %v", c.want, plan.Rows[0].Ambiguous)
		}
	}
}

// Who is mailed is in the plan, and nobody of a set that a query found is mailed by default.
func TestMails(t *testing.T) {
	newcomer := func(params map[string]string, credentials string) change.Ask {
		return change.Ask{Org: "acme", Params: params, Fields: values("credentials", credentials),
			Attributes: values("login", `"kim@acme.example"`, "email", `"kim@acme.example"`)}
	}
	status := func(from string, password bool, params map[string]string) change.Ask {
		ask := person("00u1", from, password, dana)
		ask.Status, ask.Params = map[bool]string{true: "ACTIVE", false: "PROVISIONED"}[password], params
		return ask
	}
	exec := func(params map[string]string) change.Ask {
		ask := person("00u1", "ACTIVE", true, dana)
		ask.Params, ask.Anyway = params, true
		return ask
	}
	no, yes, password := map[string]string{"SendEmail": "0"}, map[string]string{"sendEmail": "TRUE"}, `{"password":{"value":"x"}}`
	for _, c := range []struct {
		verb, method string
		ask          change.Ask
		mailed       bool
		refused      bool // of a set
	}{
		{"INSERT", "", newcomer(nil, "null"), true, true},
		{"INSERT", "", newcomer(map[string]string{"ACTIVATE": "true"}, "null"), true, false},
		{"INSERT", "", newcomer(map[string]string{"activate": "false"}, "null"), false, false},
		{"INSERT", "", newcomer(nil, password), false, false},
		{"INSERT", "", newcomer(nil, `{"password":{"hook":{"type":"default"}}}`), false, false},
		{"INSERT", "", newcomer(nil, `{"password":{"value":null}}`), true, true}, // no password, as {} is none
		{"INSERT", "", newcomer(nil, `{"password":{"value":null,"hash":null}}`), true, true},
		{"INSERT", "", newcomer(nil, `{"password":{"valeu":"x"}}`), true, true},
		{"INSERT", "", newcomer(nil, `{"Password":{"value":"x"}}`), true, true},
		{"INSERT", "", newcomer(map[string]string{"activate": "true"}, `{"password":{"value":null}}`), true, false},
		{"INSERT", "", newcomer(map[string]string{"provider": "true"}, `{"provider":{"type":"FEDERATION"}}`), false, false},
		{"UPDATE", "", status("STAGED", false, nil), true, true},
		{"UPDATE", "", status("STAGED", true, nil), true, true},
		{"UPDATE", "", status("DEPROVISIONED", false, yes), true, false},
		{"UPDATE", "", status("DEPROVISIONED", false, no), false, false},
		{"UPDATE", "", status("SUSPENDED", true, nil), false, false},
		{"UPDATE", "", status("SUSPENDED", true, no), false, false}, // which unsuspend hasn't
		{"EXEC", "resetPassword", exec(nil), true, true},
		{"EXEC", "forgotPassword", exec(no), false, false},
		{"EXEC", "reactivate", exec(nil), false, false},
		{"EXEC", "reactivate", exec(yes), true, false},
		{"EXEC", "deactivate", exec(yes), false, false}, // that mails the admins
		{"EXEC", "suspend", exec(nil), false, false},
	} {
		for _, set := range []bool{false, true} {
			p := planner(t)
			p.Query = set
			plan, err := map[string]func() (*change.Plan, error){
				"INSERT": func() (*change.Plan, error) { return p.Insert([]change.Ask{c.ask}) },
				"UPDATE": func() (*change.Plan, error) { return p.Update([]change.Ask{c.ask}) },
				"EXEC":   func() (*change.Plan, error) { return p.Exec(c.method, []change.Ask{c.ask}) },
			}[c.verb]()
			if set && c.refused {
				if err == nil || !strings.Contains(err.Error(), "mails everyone whom it is run for") {
					t.Errorf("%s %s %v: %v", c.verb, c.method, c.ask.Params, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s %s %v: %v", c.verb, c.method, c.ask.Params, err)
				continue
			}
			text, _ := plan.MarshalJSON()
			if got := plan.Summary(nil).Mailed == 1; got != c.mailed || strings.Contains(string(text), `"mails":true`) != c.mailed || strings.Contains(string(text), `"mailed":1`) != c.mailed {
				t.Errorf("%s %s %v: mailed %v", c.verb, c.method, c.ask.Params, got)
			}
		}
	}
}

func TestStatements(t *testing.T) {
	p := planner(t)
	p.Protected = func(_, _, name string) string {
		if name == "boss@acme.example" {
			return "is protected"
		}
		return ""
	}
	boss := strings.ReplaceAll(dana, "dana@", "boss@")
	del, err := p.Delete([]change.Ask{person("00u1", "DEPROVISIONED", false, dana), person("00u2", "ACTIVE", true, dana),
		person("00u3", "DEPROVISIONED", false, boss), person("00u1", "DEPROVISIONED", false, dana), {Org: "acme", Key: "kim@acme.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"DELETE /api/v1/users/00u1 DEPROVISIONED>",
		"refused: is ACTIVE, and DELETE removes only who is DEPROVISIONED: the API would deactivate instead; UPDATE … SET status = 'DEPROVISIONED' does that",
		"refused: is protected", "DELETE /api/v1/users/kim@acme.example >"} {
		if got := describe(del.Rows[i]); got != want {
			t.Errorf("DELETE, row %d\ngot  %s\nwant %s", i, got, want)
		}
	}
	s := del.Summary(func(org string, m *catalog.Method) change.Limit {
		return change.Limit{Bucket: m.HTTP, PerMinute: map[string]float64{"GET": 60, "DELETE": 30}[m.HTTP]}
	})
	if s.Rows != 4 || s.Changing != 2 || s.Refused != 2 || s.Calls != 2 || s.Reads != 2 || s.Irreversible != 2 || s.Seconds != 4 {
		t.Errorf("the summary is %+v", s)
	}

	exec, err := p.Exec("SUSPEND", []change.Ask{person("00u1", "ACTIVE", true, dana), person("00u2", "STAGED", true, dana), {Org: "acme", Key: "a/b"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"POST /api/v1/users/00u1/lifecycle/suspend ACTIVE>SUSPENDED",
		"refused: is STAGED; suspend is for PROVISIONED, ACTIVE, RECOVERY, PASSWORD_EXPIRED", "POST /api/v1/users/a%2Fb/lifecycle/suspend >"} {
		if got := describe(exec.Rows[i]); got != want {
			t.Errorf("EXEC, row %d\ngot  %s\nwant %s", i, got, want)
		}
	}

	insert := func(params map[string]string, credentials string) *change.Plan {
		t.Helper()
		ask := change.Ask{Org: "acme", Attributes: values("login", `"Kim@acme.example"`, "title", "null"), Params: params,
			Fields: values("credentials", credentials, "groupIds", "null", "profile", `{"email":"kim@acme.example"}`)}
		twin := ask
		twin.Attributes = values("login", `"kim@acme.example"`)
		nobody := ask
		nobody.Attributes = nil
		plan, err := p.Insert([]change.Ask{ask, twin, nobody})
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	for _, c := range []struct {
		params      map[string]string
		credentials string
		want        string
	}{
		{nil, `null`, `POST /api/v1/users >PROVISIONED {"profile":{"email":"kim@acme.example","login":"Kim@acme.example"}}`},
		{map[string]string{"activate": "FALSE"}, `{"password":{"value":"x"}}`, `POST /api/v1/users?activate=false >STAGED {"credentials":{"password":{"value":"x"}},"profile":{"email":"kim@acme.example","login":"Kim@acme.example"}}`},
		{nil, `{"password":{"value":"x"}}`, `POST /api/v1/users >ACTIVE {"credentials":{"password":{"value":"x"}},"profile":{"email":"kim@acme.example","login":"Kim@acme.example"}}`},
		{map[string]string{"nextLogin": "changePassword"}, `{"password":{"value":"x"}}`, `POST /api/v1/users?nextLogin=changePassword >PASSWORD_EXPIRED {"credentials":{"password":{"value":"x"}},"profile":{"email":"kim@acme.example","login":"Kim@acme.example"}}`},
		{map[string]string{"provider": "true"}, `{"provider":{"type":"FEDERATION"}}`, `POST /api/v1/users?provider=true >ACTIVE {"credentials":{"provider":{"type":"FEDERATION"}},"profile":{"email":"kim@acme.example","login":"Kim@acme.example"}}`},
	} {
		plan := insert(c.params, c.credentials)
		if got := describe(plan.Rows[0]); got != c.want {
			t.Errorf("INSERT\ngot  %s\nwant %s", got, c.want)
		}
		if a, b := describe(plan.Rows[1]), describe(plan.Rows[2]); a != "refused: row 1 has the same login" || b != "refused: it has no login" {
			t.Errorf("INSERT: the others are %s and %s", a, b)
		}
		if !plan.HoldsSecret() {
			t.Errorf("INSERT with %s holds no secret", c.credentials)
		}
	}
}

// TestHoldsSecret has statements whose text must not be written, even where no row has the secret.
func TestHoldsSecret(t *testing.T) {
	p := planner(t)
	title := person("00u1", "ACTIVE", true, dana)
	title.Attributes = values("title", `"x"`)
	none := title
	none.Fields = values("credentials", `null`)
	protected := none
	protected.Fields = values("credentials", `{"password":{"value":"x"}}`)
	for _, c := range []struct {
		name string
		asks []change.Ask
		want bool
	}{{"attributes", []change.Ask{title}, false}, {"null", []change.Ask{none}, true}, {"no rows", nil, true}, {"refused", []change.Ask{title, protected}, true}} {
		if got := plan(t)(p.Update(c.asks)).HoldsSecret(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPlanErrors(t *testing.T) {
	p := planner(t)
	ask := func(with func(*change.Ask)) []change.Ask {
		a := person("00u1", "ACTIVE", true, dana)
		with(&a)
		return []change.Ask{a}
	}
	type asks = []change.Ask
	for _, c := range []struct {
		do   func(asks) (*change.Plan, error)
		with func(*change.Ask)
		want string
	}{
		{p.Update, func(a *change.Ask) { a.Status = "GONE" }, `the status asked for is none that there is: the statuses are STAGED,`},
		{p.Update, func(a *change.Ask) { a.Fields = values("groupIds", `["1"]`) }, "update has no field groupIds: it has profile, credentials, type, realmId"},
		{p.Update, func(a *change.Ask) { a.Fields = values("profile", `{}`); a.Attributes = values("title", `"x"`) }, "SET profile replaces all attributes, so SET title can't stand beside it"},
		{p.Update, func(a *change.Ask) { a.Fields = values("profile", `"PLANTED"`) }, "field profile is not of type object: write it as JSON"},
		{p.Update, func(a *change.Ask) { a.Fields = values("credentials", `"PLANTED`) }, "field credentials is no JSON"},
		{p.Update, func(a *change.Ask) {
			a.Attributes = values("title", `"x"`)
			a.Params = map[string]string{"sendEmail": "true"}
		}, "update has no parameter sendEmail: it has ifMatch, strict"},
		{p.Update, func(a *change.Ask) {
			a.Attributes = values("title", `"x"`)
			a.Params = map[string]string{"strict": "perhaps"}
		}, "parameter strict is neither true nor false: write true or false"},
		{p.Update, func(a *change.Ask) { a.Object = nil; a.Key = "00u1" }, "row 1 of an UPDATE hasn't been read"},
		{p.Update, func(a *change.Ask) { a.Object = json.RawMessage(`[]`) }, "a row of okta.user.users is no JSON object"},
		{p.Update, func(a *change.Ask) { a.Object = json.RawMessage(`{}`) }, "a row of okta.user.users has no id"},
		{p.Delete, func(a *change.Ask) { a.Object = nil }, "row 1 has no key"},
		{p.Delete, func(a *change.Ask) { a.Status = "ACTIVE" }, "DELETE sets no values"},
		{p.Insert, func(a *change.Ask) { a.Status = "ACTIVE" }, "INSERT can't set the status"},
		{p.Insert, func(a *change.Ask) {}, "insert needs profile"},
		{p.Insert, func(a *change.Ask) {
			a.Attributes = values("login", `"a"`)
			a.Fields = values("profile", `{"login":"b"}`)
		}, "attribute login is given twice, once in profile"},
		{func(a asks) (*change.Plan, error) { return p.Exec("suspnd", a) }, func(a *change.Ask) {}, "okta.user.users has no method suspnd for EXEC: did you mean suspend?"},
		{func(a asks) (*change.Plan, error) { return p.Exec("insert", a) }, func(a *change.Ask) {}, "okta.user.users has no method insert for EXEC: it is run by INSERT"},
		{func(a asks) (*change.Plan, error) { return p.Exec("changePassword", a) }, func(a *change.Ask) { a.Fields = values("newPassword", `{"value":"PLANTED"}`) }, "changePassword needs oldPassword"},
		{func(a asks) (*change.Plan, error) {
			q := *p
			q.Query = true
			return q.Exec("forgotPassword", a)
		}, func(a *change.Ask) {}, "forgotPassword mails everyone whom it is run for: say @sendEmail = true, or false to get the links back"},
	} {
		_, err := c.do(ask(c.with))
		var pe *change.PlanError
		mistake := !strings.HasPrefix(c.want, "a row of") // else the API's answer is damaged
		if err == nil || errors.As(err, &pe) != mistake || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// TestPlanJSON plants secrets: neither the JSON nor the hash may depend on what they are.
func TestPlanJSON(t *testing.T) {
	make := func(secret, title string, read time.Time, order ...string) (string, string) {
		t.Helper()
		var asks []change.Ask
		for _, id := range order {
			a := person(id, "ACTIVE", true, dana)
			a.Read = read
			a.Attributes = values("title", title)
			a.Fields = values("credentials", `{"password":{"value":"`+secret+`"},"recovery_question":{"question":"`+secret+`","answer":"`+secret+`"},"x":["`+secret+`"],"`+secret+`":{"`+secret+`":1}}`)
			asks = append(asks, a)
		}
		p := planner(t)
		p.Statement = "UPDATE … " + secret
		plan, err := p.Update(asks)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), plan.Hash()
	}
	text, hash := make("PLANTED-1", `"Pilot"`, noon, "00u1", "00u2")
	if strings.Contains(text, "PLANTED") || !strings.Contains(text, `"password":{"value":"(secret)"}`) || !strings.Contains(text, `"hash":"`+hash) {
		t.Errorf("the plan is %s", text)
	}
	if len(hash) != 32 {
		t.Errorf("the hash is %q", hash)
	}
	for _, same := range []func() (string, string){
		func() (string, string) { return make("PLANTED-2", `"Pilot"`, noon, "00u1", "00u2") },
		func() (string, string) { return make("PLANTED-1", ` "Pilot"`, noon.Add(-time.Hour), "00u2", "00u1") },
	} {
		if _, h := same(); h != hash {
			t.Error("the same plan has another hash")
		}
	}
	for _, other := range []func() (string, string){
		func() (string, string) { return make("PLANTED-1", `"Cook"`, noon, "00u1", "00u2") },
		func() (string, string) { return make("PLANTED-1", `"Pilot"`, noon, "00u1") },
		func() (string, string) { return make("PLANTED-1", `"Pilot"`, noon, "00u1", "00u3") },
	} {
		if _, h := other(); h == hash {
			t.Error("another plan has the same hash")
		}
	}
}

// A secret that stands where a name belongs, such as in json_object(password, 'value'), is hidden like any other.
func TestNamesThatAreSecrets(t *testing.T) {
	ask := person("00u1", "ACTIVE", true, dana)
	ask.Fields = values("credentials", `{"password":{"PLANTED-1":"value","hash":{"algorithm":"BCRYPT","PLANTED-2":{"PLANTED-3":1}}},"PLANTED-4":null,"PLANTED-5":[{"PLANTED-6":1}]}`)
	text, err := json.Marshal(plan(t)(planner(t).Update([]change.Ask{ask})))
	if err != nil {
		t.Fatal(err)
	}
	want := `"body":{"credentials":{"(secret)":"(secret)","password":{"(secret)":"(secret)","hash":{"(secret)":"(secret)","algorithm":"(secret)"}}}}`
	if strings.Contains(string(text), "PLANTED") || !strings.Contains(string(text), want) {
		t.Errorf("the plan is %s", text)
	}
}

// An UPDATE that gives nothing as a password sets none.
func TestSetsPassword(t *testing.T) {
	for credentials, want := range map[string]string{
		`{"password":{"value":"x"}}`:                "ACTIVE",
		`{"password":{"hash":{"algorithm":"MD5"}}}`: "ACTIVE",
		`{"password":{"value":null}}`:               "RECOVERY",
		`{"password":{}}`:                           "RECOVERY",
		`{"password":null}`:                         "RECOVERY",
	} {
		ask := person("00u1", "RECOVERY", true, dana)
		ask.Fields = values("credentials", credentials)
		r := plan(t)(planner(t).Update([]change.Ask{ask})).Rows[0]
		if len(r.Steps) != 1 || r.Steps[0].To != want {
			t.Errorf("%s: %s, want it to lead to %s", credentials, describe(r), want)
		}
	}
}
