package whoql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A changeOrg is an org whose writes are noted with their bodies.
type changeOrg struct {
	*oktatest.Org
	engine *whoql.Engine
	mu     sync.Mutex
	writes []string // "POST /api/v1/users/… {…}"
	seen   []seenRequest
}

// A seenRequest is a request as it came.
type seenRequest struct {
	method, uri, ifMatch string
	body                 []byte
}

// ServeHTTP implements http.Handler.
func (o *changeOrg) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := seenRequest{method: r.Method, uri: r.URL.RequestURI(), ifMatch: r.Header.Get("If-Match")}
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen = append(o.seen, got)
	}()
	if r.Method != http.MethodGet {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		got.body = body
		o.mu.Lock()
		o.writes = append(o.writes, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		o.mu.Unlock()
	}
	o.Org.ServeHTTP(w, r)
}

// newChangeOrg starts an org and an engine that applies every change.
func newChangeOrg(t testing.TB, o oktatest.Options) *changeOrg {
	t.Helper()
	o.Token = "00MARKEDtoken"
	org := &changeOrg{Org: oktatest.New(o)}
	server := httptest.NewServer(org)
	t.Cleanup(server.Close)
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	journal, err := change.OpenJournal(t.TempDir(), cat, change.JournalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	org.engine = connect(t, &oktatest.Server{Org: org.Org, URL: server.URL, Token: o.Token}, okta.Options{}, whoql.Options{Catalog: cat, Changes: &whoql.Changes{
		OpenJournal: func() (*change.Journal, error) { return journal, nil },
		Approve:     func(context.Context, *whoql.Approval) error { return nil },
	}})
	return org
}

// take returns the writes since the last take.
func (o *changeOrg) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.writes
	o.writes = nil
	return out
}

// one is the id of a user of a status.
func (o *changeOrg) one(t testing.TB, status string) string {
	t.Helper()
	got, err := runChange(t, o.engine, "SELECT id FROM okta.user.users WHERE status = '"+status+"' LIMIT 1")
	if err != nil || len(got) != 1 {
		t.Fatalf("nobody is %s: %v", status, err)
	}
	return got[0]
}

// A methodCase is a method as a user writes it: with ID for the user's.
type methodCase struct {
	method, from string // from: the user's status, or "password" for an ACTIVE one whose password is known
	text         string
	write        string // what is sent, with ID
	row          string // of the result, cells as in matches
	wrong        string // a status that the org refuses the call for
	problem      string // what the result says then
}

var methodCases = []methodCase{
	{"insert", "", `INSERT INTO okta.user.users (data__profile, activate) VALUES ('{"login":"i@acme.example","email":"i@acme.example","firstName":"I","lastName":"N"}', false)`,
		`POST /api/v1/users?activate=false {"profile":{"email":"i@acme.example","firstName":"I","lastName":"N","login":"i@acme.example"}}`,
		"sandbox|*|i@acme.example|insert|done|STAGED|<nil>", "", ""},
	{"delete", "DEPROVISIONED", "DELETE FROM okta.user.users WHERE id = 'ID'", "DELETE /api/v1/users/ID", "sandbox|ID|*|delete|done|<nil>|<nil>", "ACTIVE", "DELETE removes only who is DEPROVISIONED"},
	{"activate", "STAGED", "EXEC okta.user.users.activate @userId = 'ID', @sendEmail = 0", "POST /api/v1/users/ID/lifecycle/activate?sendEmail=false",
		"sandbox|ID|*|activate|done|*|<nil>|http*|*", "ACTIVE", "403 E0000016"},
	{"changePassword", "password", `EXEC okta.user.users.changePassword @userId = 'ID', @strict = 'true' @@json = '{"oldPassword":{"value":"MARKED-Old-4"},"newPassword":{"value":"MARKED-New-5"}}'`,
		`POST /api/v1/users/ID/credentials/change_password?strict=true {"newPassword":{"value":"MARKED-New-5"},"oldPassword":{"value":"MARKED-Old-4"}}`,
		`sandbox|ID|*|changePassword|done|ACTIVE|<nil>|{}|<nil>|{"type":"OKTA","name":"OKTA"}`, "SUSPENDED", "403 E0000035"},
	{"changeRecoveryQuestion", "password", `EXEC okta.user.users.changeRecoveryQuestion @userId = 'ID', @password = '{"value":"MARKED-Old-4"}', @recovery_question = json_object('question', 'Tea?', 'answer', 'MARKED-oolong')`,
		`POST /api/v1/users/ID/credentials/change_recovery_question {"password":{"value":"MARKED-Old-4"},"recovery_question":{"question":"Tea?","answer":"MARKED-oolong"}}`,
		`sandbox|ID|*|changeRecoveryQuestion|done|ACTIVE|<nil>|{}|{"question":"Tea?"}|{"type":"OKTA","name":"OKTA"}`, "SUSPENDED", "403 E0000036"},
	{"deactivate", "ACTIVE", "EXEC okta.user.users.deactivate @userId = 'ID', @sendEmail = true", "POST /api/v1/users/ID/lifecycle/deactivate?sendEmail=true",
		"sandbox|ID|*|deactivate|done|DEPROVISIONED|<nil>", "DEPROVISIONED", "404 E0000007"},
	{"expirePassword", "ACTIVE", "EXEC okta.user.users.expirePassword @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/expire_password",
		"sandbox|ID|*|expirePassword|done|PASSWORD_EXPIRED|<nil>|ID|*|*|*|*|*|*|*|*|*|*", "STAGED", "403 E0000038"},
	{"expirePasswordTemp", "ACTIVE", "EXEC okta.user.users.expirePasswordTemp @userId = 'ID', @revokeSessions = 1", "POST /api/v1/users/ID/lifecycle/expire_password_with_temp_password?revokeSessions=true",
		"sandbox|ID|*|expirePasswordTemp|done|PASSWORD_EXPIRED|<nil>|*", "STAGED", "403 E0000038"},
	{"forgotPassword", "ACTIVE", "EXEC okta.user.users.forgotPassword @userId = 'ID', @sendEmail = FALSE", "POST /api/v1/users/ID/credentials/forgot_password?sendEmail=false",
		"sandbox|ID|*|forgotPassword|done|ACTIVE|<nil>|http*", "SUSPENDED", "403 E0000034"},
	{"reactivate", "PROVISIONED", "EXEC okta.user.users.reactivate @userId = 'ID', @sendEmail = 'false'", "POST /api/v1/users/ID/lifecycle/reactivate?sendEmail=false",
		"sandbox|ID|*|reactivate|done|PROVISIONED|<nil>|http*|*", "ACTIVE", "403 E0000038"},
	{"resetFactors", "ACTIVE", "EXEC okta.user.users.resetFactors @userId = 'ID', @subdomain = 'sandbox'", "POST /api/v1/users/ID/lifecycle/reset_factors",
		"sandbox|ID|*|resetFactors|done|ACTIVE|<nil>", "", ""},
	{"resetPassword", "LOCKED_OUT", "EXEC okta.user.users.resetPassword @userId = 'ID', @sendEmail = false, @revokeSessions = 'true'", "POST /api/v1/users/ID/lifecycle/reset_password?revokeSessions=true&sendEmail=false",
		"sandbox|ID|*|resetPassword|done|RECOVERY|<nil>|http*", "SUSPENDED", "403 E0000038"},
	{"suspend", "ACTIVE", "EXEC okta.user.users.suspend @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/suspend", "sandbox|ID|*|suspend|done|SUSPENDED|<nil>", "STAGED", "400 E0000001"},
	{"unlock", "LOCKED_OUT", "EXEC okta.user.users.unlock @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/unlock", "sandbox|ID|*|unlock|done|*|<nil>", "ACTIVE", "403 E0000032"},
	{"unsuspend", "SUSPENDED", "EXEC okta.user.users.unsuspend @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/unsuspend", "sandbox|ID|*|unsuspend|done|*|<nil>", "ACTIVE", "400 E0000001"},
	{"update", "ACTIVE", `EXEC okta.user.users.update @userId = 'ID', @strict = false, @@json = '{"profile":{"department":"Facilities","costCenter":null}}'`,
		`POST /api/v1/users/ID?strict=false {"profile":{"department":"Facilities","costCenter":null}}`, "sandbox|ID|*|update|done|ACTIVE|<nil>|ID|*|*|*|*|*|*|*|*|*|*", "DEPROVISIONED", "403 E0000038"},
	{"update", "SUSPENDED", "UPDATE okta.user.users SET department = 'F' || 1, nickName = NULL WHERE id = 'ID'", `POST /api/v1/users/ID {"profile":{"department":"F1"*}}`, "sandbox|ID|*|update|done|SUSPENDED|<nil>", "DEPROVISIONED", "is DEPROVISIONED; update is for"},
	{"replace", "ACTIVE", `UPDATE okta.user.users SET profile = json_object('login', login, 'email', 'e@x.example', 'firstName', 'F', 'lastName', 'L') WHERE id = 'ID'`,
		`PUT /api/v1/users/ID {"profile":{"login":"*","email":"e@x.example","firstName":"F","lastName":"L"}}`, "sandbox|ID|*|replace|done|ACTIVE|<nil>", "DEPROVISIONED", "is DEPROVISIONED; replace is for"},
}

// like compares a text with a pattern in which * stands for anything.
func like(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return text == pattern
	}
	if !strings.HasPrefix(text, parts[0]) || !strings.HasSuffix(text[len(parts[0]):], parts[len(parts)-1]) {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		_, behind, found := strings.Cut(text, p)
		if !found {
			return false
		}
		text = behind
	}
	return true
}

// Each method, as a user would write it: what is sent, what comes back, and what a wrong status gives.
func TestChangeMethods(t *testing.T) {
	org := newChangeOrg(t, oktatest.Options{Users: 450, Seed: 5})
	seen := []string{"get", "list"}
	for i, c := range methodCases {
		seen = append(seen, c.method)
		id := ""
		switch c.from {
		case "":
		case "password":
			login := fmt.Sprintf("p%d@acme.example", i)
			got, err := runChange(t, org.engine, fmt.Sprintf(`INSERT INTO okta.user.users (login, email, firstName, lastName, credentials)
				VALUES ('%s', '%s', 'P', 'W', '{"password":{"value":"MARKED-Old-4"}}') RETURNING id`, login, login))
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			id = got[0]
		default:
			id = org.one(t, c.from)
		}
		org.take()
		got, err := runChange(t, org.engine, strings.ReplaceAll(c.text, "'ID'", "'"+id+"'"))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		want := strings.Split(strings.ReplaceAll(c.row, "|ID|", "|"+id+"|"), "|")
		if len(got) != 1 || !slices.EqualFunc(strings.Split(got[0], "|"), want, like) {
			t.Errorf("%s:\n got %q\nwant %q", c.text, got, want)
		}
		write := strings.ReplaceAll(c.write, "/ID", "/"+id)
		if sent := org.take(); len(sent) != 1 || !like(sent[0], write) && !sameWrite(sent[0], write) {
			t.Errorf("%s sends\n     %q\nwant %q", c.text, sent, write)
		}
		if c.wrong == "" {
			continue
		}
		id = org.one(t, c.wrong)
		got, err = runChange(t, org.engine, strings.ReplaceAll(c.text, "'ID'", "'"+id+"'"))
		if err == nil || len(got) != 1 || !strings.Contains(got[0], c.problem) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s, %s: %v, %v", c.text, c.wrong, got, err)
		}
	}
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range cat.Lookup("okta.user.users").Methods {
		if !slices.Contains(seen, m.Name) {
			t.Errorf("no case runs %s", m.Name)
		}
	}
}

// sameWrite compares requests whose JSON may have its members in another order.
func sameWrite(a, b string) bool {
	line, body, _ := strings.Cut(a, " {")
	wantLine, wantBody, _ := strings.Cut(b, " {")
	var x, y any
	return line == wantLine && json.Unmarshal([]byte("{"+body), &x) == nil && json.Unmarshal([]byte("{"+wantBody), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// The catalogue's examples of changes run, on an org in which there is somebody for each.
func TestCatalogChangeExamples(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, r := range cat.Resources() {
		methods := slices.Clone(r.Methods)
		if r.Changes == nil {
			continue // it can't be changed
		}
		if r.Changes.Replace != nil {
			methods = append(methods, r.Changes.Replace)
		}
		for _, m := range methods {
			if m.Verb == "SELECT" {
				continue
			}
			for _, text := range m.Examples {
				org := newChangeOrg(t, oktatest.Options{Users: 60, Seed: 2})
				if m.Verb != "INSERT" {
					dana(t, org, m)
				}
				org.take()
				got, err := runChange(t, org.engine, text)
				if err != nil {
					t.Errorf("%s: %v, %v", text, got, err)
				}
				if len(org.take()) == 0 && strings.Contains(text, "dana@") {
					t.Errorf("%s: nothing was sent: %v", text, got)
				}
				ran++
			}
		}
	}
	if ran < 20 {
		t.Errorf("only %d examples ran", ran)
	}
}

// dana creates the user of the examples, in a status that a method is for.
func dana(t *testing.T, org *changeOrg, m *catalog.Method) {
	t.Helper()
	status := "ACTIVE"
	if m.Verb == "DELETE" {
		status = "DEPROVISIONED"
	} else if len(m.Statuses) > 0 && !slices.Contains(m.Statuses, status) {
		status = m.Statuses[0]
	}
	activate, credentials := status != "STAGED", `'{"password":{"value":"Tea-at-4-pm"}}'`
	if status == "PROVISIONED" {
		credentials = "NULL"
	}
	steps := []string{fmt.Sprintf("INSERT INTO okta.user.users (login, email, firstName, lastName, activate, credentials) VALUES ('dana@example.com', 'dana@example.com', 'D', 'R', %t, %s)", activate, credentials)}
	switch status {
	case "SUSPENDED", "DEPROVISIONED":
		steps = append(steps, "UPDATE okta.user.users SET status = '"+status+"' WHERE login = 'dana@example.com'")
	}
	for _, text := range steps {
		if _, err := runChange(t, org.engine, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if status == "LOCKED_OUT" {
		if err := org.LockOut("dana@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := runChange(t, org.engine, "SELECT status FROM okta.user.users WHERE login = 'dana@example.com'")
	if err != nil || !slices.Equal(got, []string{status}) {
		t.Fatalf("dana is %v, not %s: %v", got, status, err)
	}
}

// Whatever a value holds, it gets into a path or a body as itself, and nowhere else.
func TestChangeValuesAreThemselves(t *testing.T) {
	org := newChangeOrg(t, oktatest.Options{Users: 3, Seed: 5})
	for i, value := range []string{"a/b", "../groups", "a/lifecycle/deactivate", "a?sendEmail=true", "a#b", "%2e%2e", "a b", "ü''; --", `"},{"`, "a\\u0000", "{}", "null", "@userId", "me/"} {
		plain := strings.ReplaceAll(value, "''", "'")
		org.ResetRequests()
		_, err := runChange(t, org.engine, "EXEC okta.user.users.suspend @userId = '"+value+"'")
		if err == nil {
			t.Errorf("%q was suspended", plain)
		}
		for _, r := range org.Requests() {
			if r.Path == "/.well-known/okta-organization" && len(r.Query) == 0 {
				continue // who the org is, before anything is changed
			}
			if r.Path != "/api/v1/users/"+plain || len(r.Query) > 0 || r.Method != http.MethodGet {
				t.Errorf("%q: %s %s %v", plain, r.Method, r.Path, r.Query)
			}
		}
		login := fmt.Sprintf("v%d@acme.example", i)
		got, err := runChange(t, org.engine, "INSERT INTO okta.user.users (login, email, firstName, lastName, nickName) VALUES ('"+login+"', '"+login+"', 'V', 'W', '"+value+"') RETURNING nickName")
		if err != nil || !slices.Equal(got, []string{plain}) {
			t.Errorf("%q became %q, %v", plain, got, err)
		}
	}
	org.ResetRequests()
	for _, value := range []string{".", "..", ""} {
		if _, err := runChange(t, org.engine, "EXEC okta.user.users.suspend @userId = '"+value+"'"); err == nil || len(org.Requests()) > 0 {
			t.Errorf("%q: %v, %d requests", value, err, len(org.Requests()))
		}
	}
}
