package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/oktatest"
)

// A methodOrg is an org that keeps what it is sent, and makes users in every status by calls of its own.
type methodOrg struct {
	*oktatest.Org
	url, state string
	env        LookupEnv
	made       int

	mu   sync.Mutex
	sent []string // "POST /api/v1/users/…?a=b {…}", GET and all
}

func newMethodOrg(t *testing.T) *methodOrg {
	t.Helper()
	o := &methodOrg{Org: oktatest.New(oktatest.Options{Owner: true}), state: filepath.Join(t.TempDir(), "state")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		o.mu.Lock()
		o.sent = append(o.sent, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		o.mu.Unlock()
		o.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o.url = server.URL
	o.env = environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": oktatest.DefaultToken, "WHOQL_STATE": o.state})
	return o
}

// ask makes a request that isn't whoql's.
func (o *methodOrg) ask(t *testing.T, method, uri, body string) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, o.url+uri, strings.NewReader(body))
	r.Header.Set("Authorization", "SSWS "+oktatest.DefaultToken)
	o.ServeHTTP(w, r)
	var out map[string]any
	if w.Code >= 300 || w.Code != 204 && json.Unmarshal(w.Body.Bytes(), &out) != nil {
		t.Fatalf("%s %s: %d %s", method, uri, w.Code, w.Body)
	}
	return out
}

const knownPassword = "Tea-at-4-pm"

// user makes a user in a status; all but STAGED and PROVISIONED ones have a password.
func (o *methodOrg) user(t *testing.T, status string) (id string) {
	t.Helper()
	o.made++
	login := fmt.Sprintf("m%d@acme.example", o.made)
	body := fmt.Sprintf(`{"profile":{"login":%q,"email":%q,"firstName":"M","lastName":"Ethod"}`, login, login)
	if status != "STAGED" && status != "PROVISIONED" {
		body += `,"credentials":{"password":{"value":"` + knownPassword + `"}}`
	}
	id = o.ask(t, "POST", fmt.Sprintf("/api/v1/users?activate=%t", status != "STAGED"), body+"}")["id"].(string)
	switch then := map[string]string{"RECOVERY": "reset_password?sendEmail=false", "PASSWORD_EXPIRED": "expire_password", "SUSPENDED": "suspend", "DEPROVISIONED": "deactivate"}[status]; {
	case then != "":
		o.ask(t, "POST", "/api/v1/users/"+id+"/lifecycle/"+then, "")
	case status == "LOCKED_OUT":
		if err := o.LockOut(id); err != nil {
			t.Fatal(err)
		}
	}
	if is := o.status(t, id); is != status {
		t.Fatalf("%s is %s, not %s", login, is, status)
	}
	return id
}

func (o *methodOrg) status(t *testing.T, id string) string {
	t.Helper()
	return o.ask(t, "GET", "/api/v1/users/"+id, "")["status"].(string)
}

// run runs a statement, and returns its first row, also as text, and what was sent.
func (o *methodOrg) run(t *testing.T, text string) (code int, row map[string]any, out string, sent []string, errs string) {
	t.Helper()
	o.mu.Lock()
	o.sent = nil
	o.mu.Unlock()
	var stdout, stderr buffer
	code = Run(t.Context(), []string{"query", "-o", "json", text}, strings.NewReader(""), &stdout, &stderr, o.env)
	var rows []map[string]any
	if stdout.String() != "" && json.Unmarshal([]byte(stdout.String()), &rows) != nil {
		t.Errorf("%s: no JSON: %s", text, stdout.String())
	}
	if len(rows) > 0 {
		row = rows[0]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return code, row, stdout.String(), o.sent, stderr.String()
}

// writes are the requests that aren't GET.
func writes(sent []string) []string {
	return slices.DeleteFunc(slices.Clone(sent), func(s string) bool { return strings.HasPrefix(s, "GET ") })
}

// asSent compares a request with what is wanted: the same line byte for byte, and the same JSON.
func asSent(got, want string) bool {
	line, body, _ := strings.Cut(got, " {")
	wantLine, wantBody, _ := strings.Cut(want, " {")
	if line != wantLine || (body == "") != (wantBody == "") {
		return false
	}
	var x, y any
	return body == "" || json.Unmarshal([]byte("{"+body), &x) == nil && json.Unmarshal([]byte("{"+wantBody), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// userObject is a user in an answer.
const userObject = `"reason":null,"id":"ID",.*"profile":\{.*"_links":\{`

// methodPages are the methods of the page as users write them. Requests and answers are those of Okta's
// reference and of recordings of it.
var methodPages = []struct {
	method, status string // status: of the user ID before; "": there is none yet
	text           string
	request        string
	answer         string // a pattern of what the row has behind the reason, as JSON
	then           string // the status afterwards; "gone": there is no such user
}{
	{"get", "SUSPENDED", "SELECT id, status FROM okta.user.users WHERE id = 'ID'", "GET /api/v1/users/ID", `"id":"ID","status":"SUSPENDED"`, "SUSPENDED"},
	{"get", "DEPROVISIONED", "SELECT id, status FROM okta.user.users WHERE login = 'LOGIN' AND subdomain = 'ORG'", "GET /api/v1/users/LOGIN", `"id":"ID","status":"DEPROVISIONED"`, "DEPROVISIONED"},
	{"list", "DEPROVISIONED", "SELECT id, status FROM okta.user.users WHERE status = 'DEPROVISIONED'",
		"GET /api/v1/users?fields=id%2Cstatus%2Ccreated&limit=200&search=status+eq+%22DEPROVISIONED%22&sortBy=created&sortOrder=asc", `"status":"DEPROVISIONED"`, "DEPROVISIONED"},
	{"insert", "", `INSERT INTO okta.user.users (data__profile, data__credentials, activate) SELECT '{"login":"i1@acme.example","email":"i1@acme.example","firstName":"I","lastName":"N"}', '{"password":{"value":"Tea-at-4-pm"}}', false`,
		`POST /api/v1/users?activate=false {"profile":{"login":"i1@acme.example","email":"i1@acme.example","firstName":"I","lastName":"N"},"credentials":{"password":{"value":"Tea-at-4-pm"}}}`, ``, "STAGED"},
	{"insert", "", `INSERT INTO okta.user.users (login, email, firstName, lastName, credentials, nextLogin) VALUES ('i2@acme.example', 'i2@acme.example', 'Łucja', 'O''Neill "Q"', json_object('password', json_object('value', 'Tea-at-4-pm')), 'changePassword')`,
		`POST /api/v1/users?nextLogin=changePassword {"profile":{"login":"i2@acme.example","email":"i2@acme.example","firstName":"Łucja","lastName":"O'Neill \"Q\""},"credentials":{"password":{"value":"Tea-at-4-pm"}}}`, ``, "PASSWORD_EXPIRED"},
	{"delete", "DEPROVISIONED", "DELETE FROM okta.user.users WHERE id = 'ID'", "DELETE /api/v1/users/ID", ``, "gone"},
	{"activate", "STAGED", "EXEC okta.user.users.activate @userId = 'ID', @sendEmail = false", "POST /api/v1/users/ID/lifecycle/activate?sendEmail=false",
		`"reason":null,"activationUrl":"URL/tokens/([^"]+)/verify","activationToken":"[^"/]+"`, "PROVISIONED"},
	{"activate", "DEPROVISIONED", "EXEC okta.user.users.activate @userId = 'ID', @sendEmail = 1", "POST /api/v1/users/ID/lifecycle/activate?sendEmail=true",
		`"reason":null,"activationUrl":null,"activationToken":null`, "PROVISIONED"},
	{"changePassword", "ACTIVE", `EXEC okta.user.users.changePassword @userId = 'ID', @strict = true, @@json = '{"oldPassword":{"value":"Tea-at-4-pm"},"newPassword":{"value":"Coffee-at-5"},"revokeSessions":true}'`,
		`POST /api/v1/users/ID/credentials/change_password?strict=true {"oldPassword":{"value":"Tea-at-4-pm"},"newPassword":{"value":"Coffee-at-5"},"revokeSessions":true}`, `"reason":null,"password":\{\},"recovery_question":null,"provider":\{"type":"OKTA","name":"OKTA"\}`, "ACTIVE"},
	{"changePassword", "PASSWORD_EXPIRED", `EXEC okta.user.users.changePassword @userId = 'ID', @oldPassword = '{"value":"Tea-at-4-pm"}', @newPassword = '{"value":"Coffee-at-5"}', @revokeSessions = 0`,
		`POST /api/v1/users/ID/credentials/change_password {"oldPassword":{"value":"Tea-at-4-pm"},"newPassword":{"value":"Coffee-at-5"},"revokeSessions":false}`, `"provider":\{"type":"OKTA","name":"OKTA"\}`, "ACTIVE"},
	{"changeRecoveryQuestion", "ACTIVE", `EXEC okta.user.users.changeRecoveryQuestion @userId = 'ID' @@json = '{"password":{"value":"Tea-at-4-pm"},"recovery_question":{"question":"Favourite tea?","answer":"oolong"}}'`,
		`POST /api/v1/users/ID/credentials/change_recovery_question {"password":{"value":"Tea-at-4-pm"},"recovery_question":{"question":"Favourite tea?","answer":"oolong"}}`,
		`"reason":null,"password":\{\},"recovery_question":\{"question":"Favourite tea\?"\},"provider":\{"type":"OKTA","name":"OKTA"\}`, "ACTIVE"},
	{"deactivate", "SUSPENDED", "EXEC okta.user.users.deactivate @userId = 'ID', @sendEmail = 'true'", "POST /api/v1/users/ID/lifecycle/deactivate?sendEmail=true", ``, "DEPROVISIONED"},
	{"deactivate", "RECOVERY", "EXEC okta.user.users.deactivate @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/deactivate", ``, "DEPROVISIONED"},
	{"expirePassword", "ACTIVE", "EXEC okta.user.users.expirePassword @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/expire_password", userObject, "PASSWORD_EXPIRED"},
	{"expirePasswordTemp", "ACTIVE", "EXEC okta.user.users.expirePasswordTemp @userId = 'ID', @revokeSessions = true", "POST /api/v1/users/ID/lifecycle/expire_password_with_temp_password?revokeSessions=true",
		`"reason":null,"tempPassword":"[A-Za-z0-9]{12}"`, "PASSWORD_EXPIRED"},
	{"forgotPassword", "ACTIVE", "EXEC okta.user.users.forgotPassword @userId = 'ID', @sendEmail = false", "POST /api/v1/users/ID/credentials/forgot_password?sendEmail=false",
		`"reason":null,"resetPasswordUrl":"URL/signin/reset-password/[^"/]+"`, "ACTIVE"},
	{"forgotPassword", "ACTIVE", "EXEC okta.user.users.forgotPassword @userId = 'ID'", "POST /api/v1/users/ID/credentials/forgot_password", `"reason":null,"resetPasswordUrl":null`, "ACTIVE"},
	{"reactivate", "PROVISIONED", "EXEC okta.user.users.reactivate @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/reactivate", `"reason":null,"activationUrl":"URL/tokens/[^"/]+/verify","activationToken":"[^"/]+"`, "PROVISIONED"},
	{"resetFactors", "RECOVERY", "EXEC okta.user.users.resetFactors @userId = 'ID', @subdomain = 'ORG'", "POST /api/v1/users/ID/lifecycle/reset_factors", ``, "RECOVERY"},
	{"resetPassword", "PASSWORD_EXPIRED", "EXEC okta.user.users.resetPassword @userId = 'ID', @sendEmail = false, @revokeSessions = true",
		"POST /api/v1/users/ID/lifecycle/reset_password?revokeSessions=true&sendEmail=false", `"reason":null,"resetPasswordUrl":"URL/reset_password/[^"/]+"`, "RECOVERY"},
	{"resetPassword", "ACTIVE", "EXEC okta.user.users.resetPassword @userId = 'ID', @sendEmail = true", "POST /api/v1/users/ID/lifecycle/reset_password?sendEmail=true", `"reason":null,"resetPasswordUrl":null`, "RECOVERY"},
	{"suspend", "PASSWORD_EXPIRED", "EXEC okta.user.users.suspend @userId = 'LOGIN'", "POST /api/v1/users/ID/lifecycle/suspend", ``, "SUSPENDED"},
	{"unlock", "LOCKED_OUT", "exec OKTA.user.Users.UNLOCK @USERID='ID'", "POST /api/v1/users/ID/lifecycle/unlock", ``, "ACTIVE"},
	{"unsuspend", "SUSPENDED", "EXEC okta.user.users.unsuspend @userId = 'ID'", "POST /api/v1/users/ID/lifecycle/unsuspend", ``, "ACTIVE"},
	{"update", "LOCKED_OUT", `EXEC okta.user.users.update @userId = 'ID', @@json = '{"profile":{"department":"Facilities","costCenter":null}}'`,
		`POST /api/v1/users/ID {"profile":{"department":"Facilities","costCenter":null}}`, userObject, "LOCKED_OUT"},
	{"update", "ACTIVE", `EXEC okta.user.users.update @userId = 'ID', @strict = true, @credentials = '{"password":{"value":"Coffee-at-5"}}'`,
		`POST /api/v1/users/ID?strict=true {"credentials":{"password":{"value":"Coffee-at-5"}}}`, userObject, "ACTIVE"},
	{"update", "STAGED", `UPDATE okta.user.users SET department = 'IT', title = NULL WHERE login = 'LOGIN'`, `POST /api/v1/users/ID {"profile":{"department":"IT"}}`, ``, "STAGED"},
	{"replace", "ACTIVE", `UPDATE okta.user.users SET profile = json_object('login', login, 'email', 'e@x.example', 'firstName', 'F', 'lastName', 'L') WHERE id = 'ID'`,
		`PUT /api/v1/users/ID {"profile":{"login":"LOGIN","email":"e@x.example","firstName":"F","lastName":"L"}}`, ``, "ACTIVE"},
}

// TestMethods runs each of the page's methods as a user would write it, and looks at the request, the
// answer, and the user afterwards.
func TestMethods(t *testing.T) {
	o := newMethodOrg(t)
	ran := map[string]bool{}
	for _, c := range methodPages {
		ran[c.method] = true
		id, login := "", ""
		if c.status != "" {
			id = o.user(t, c.status)
			login = fmt.Sprintf("m%d@acme.example", o.made)
		}
		fill := func(s string) string {
			return strings.NewReplacer("LOGIN", login, "ORG", "127.0.0.1", "URL", regexp.QuoteMeta(o.url)).Replace(strings.ReplaceAll(s, "ID", id))
		}
		// IDs are of users, not of words with ID in them.
		text := strings.NewReplacer("'ID'", "'"+id+"'", "'LOGIN'", "'"+login+"'", "'ORG'", "'127.0.0.1'").Replace(c.text)
		code, row, answer, sent, errs := o.run(t, text)
		if code != ExitOK || row == nil {
			t.Errorf("%s: exit code %d: %v %s", text, code, row, errs)
			continue
		}
		if id == "" {
			id = fmt.Sprint(row["userId"])
		}
		if !regexp.MustCompile(fill(c.answer)).MatchString(answer) {
			t.Errorf("%s answers\n     %s\nwant %s", text, answer, fill(c.answer))
		}
		if !strings.HasPrefix(text, "SELECT") {
			if sent = writes(sent); row["outcome"] != "done" || row["userId"] != id && c.method != "delete" || row["subdomain"] != "127.0.0.1" || row["operation"] != c.method {
				t.Errorf("%s: %s", text, answer)
			}
		}
		want := strings.NewReplacer("/ID", "/"+id, "LOGIN", login).Replace(c.request)
		if u, err := url.PathUnescape(strings.Join(sent, "\n")); len(sent) != 1 || err != nil || !asSent(sent[0], want) && !asSent(u, want) {
			t.Errorf("%s sends\n     %q\nwant %q", text, sent, want)
		}
		if c.then == "gone" {
			if code, row, _, _, errs := o.run(t, "SELECT id FROM okta.user.users WHERE id = '"+id+"'"); code != ExitOK || row != nil {
				t.Errorf("%s: it is still there: %v %s", text, row, errs)
			}
		} else if is := o.status(t, id); is != c.then {
			t.Errorf("%s: the user is %s, want %s", text, is, c.then)
		}
	}
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range cat.Lookup("okta.user.users").Methods {
		if !ran[m.Name] {
			t.Errorf("no case runs %s", m.Name)
		}
	}
	if len(ran) != 19 { // and replace, which isn't on the page
		t.Errorf("%d methods ran", len(ran))
	}
}

// refusals are the org's errors by the names that methodMatrix has for them: what a result says of each.
var refusals = map[string]string{
	"16":  "403 E0000016: Activation failed because the user is already active",
	"38":  "403 E0000038: This operation is not allowed in the user's current status.",
	"32":  "403 E0000032: Unlock is not allowed for this user.; The user is not locked out.",
	"34":  "403 E0000034: Forgot password not allowed on specified user.",
	"35":  "403 E0000035: Change password not allowed on specified user.",
	"36":  "403 E0000036: Change recovery question not allowed on specified user.",
	"sus": "400 E0000001: Api validation failed: suspendUser; Cannot suspend a user that is not active",
	"uns": "400 E0000001: Api validation failed: unsuspendUser; Cannot unsuspend a user that is not suspended",
	"NF":  "404 E0000007: Not found: Resource not found: ID (User)",
}

var allStatuses = strings.Fields("STAGED PROVISIONED ACTIVE RECOVERY PASSWORD_EXPIRED LOCKED_OUT SUSPENDED DEPROVISIONED")

// methodMatrix is what each EXEC does to a user in each status, in the order of allStatuses: the status
// reached, = for the same as before, or an error in refusals.
var methodMatrix = []struct{ method, params, cells string }{
	{"activate", "@sendEmail = false", "PROVISIONED 16 16 16 16 16 16 PROVISIONED"},
	{"changePassword", `@oldPassword = '{"value":"Tea-at-4-pm"}', @newPassword = '{"value":"Coffee-at-5"}'`, "= 35 = ACTIVE ACTIVE 35 35 35"},
	{"changeRecoveryQuestion", `@password = '{"value":"Tea-at-4-pm"}', @recovery_question = '{"question":"Pet?","answer":"Cat"}'`, "= 36 = = 36 36 36 36"},
	{"deactivate", "", "DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED NF"},
	{"expirePassword", "", "38 38 PASSWORD_EXPIRED 38 = 38 38 38"},
	{"expirePasswordTemp", "", "38 38 PASSWORD_EXPIRED 38 = 38 38 38"},
	{"forgotPassword", "@sendEmail = false", "34 34 = 34 34 34 34 34"},
	{"reactivate", "@sendEmail = true", "38 = 38 = 38 38 38 38"},
	{"resetFactors", "", "= = = = = = = ="},
	{"resetPassword", "@sendEmail = true", "38 RECOVERY RECOVERY = RECOVERY RECOVERY 38 38"},
	{"suspend", "", "sus SUSPENDED SUSPENDED SUSPENDED SUSPENDED sus sus sus"},
	{"unsuspend", "", "uns uns uns uns uns uns ACTIVE uns"},
	{"unlock", "", "32 32 32 32 32 ACTIVE 32 32"},
	{"update", `@profile = '{"title":"Pilot"}'`, "= = = = = = = 38"},
}

// TestMethodsInEachStatus runs each EXEC for a user in each status. Where Okta refuses it, its error comes with its code
// and with what the method is for, the exit code says so, and the user is as before.
func TestMethodsInEachStatus(t *testing.T) {
	o := newMethodOrg(t)
	for _, c := range methodMatrix {
		refused := 0
		for i, cell := range strings.Fields(c.cells) {
			status := allStatuses[i]
			refusal, bad := refusals[cell]
			if bad {
				refused++
			}
			if testing.Short() && (!bad || refused > 1) {
				continue
			}
			id := ""
			if status == "STAGED" && strings.HasPrefix(c.method, "change") {
				id = o.withPassword(t)
			} else {
				id = o.user(t, status)
			}
			text := fmt.Sprintf("EXEC okta.user.users.%s @userId = '%s'", c.method, id)
			if c.params != "" {
				text += ", " + c.params
			}
			code, row, out, _, errs := o.run(t, text)
			then := o.status(t, id)
			switch {
			case !bad:
				want := cell
				if cell == "=" {
					want = status
				}
				said := row["status"] == want
				if c.method == "unsuspend" || c.method == "unlock" {
					said = row["status"] == nil // the status of before, which the answer doesn't tell
				}
				if code != ExitOK || row["outcome"] != "done" || !said || then != want {
					t.Errorf("%s, %s: exit code %d, %s, the user is %s, want %s: %s", c.method, status, code, out, then, want, errs)
				}
			default:
				want := strings.ReplaceAll(refusal, "ID", id)
				hint := fmt.Sprintf("; it is %s, and %s is for ", status, c.method)
				reason, _ := row["reason"].(string)
				if code != ExitFailed || row["outcome"] != "failed" || row["status"] != status || then != status || !strings.HasPrefix(reason, want) || !strings.Contains(reason, hint) ||
					!strings.Contains(errs, "whoql: error: 1 failed: "+want) || !strings.Contains(errs, hint) {
					t.Errorf("%s, %s: exit code %d, the user is %s, want %s: %s %s", c.method, status, code, then, want, out, errs)
				}
			}
		}
	}
}

// withPassword makes a STAGED user with a password.
func (o *methodOrg) withPassword(t *testing.T) string {
	t.Helper()
	o.made++
	login := fmt.Sprintf("m%d@acme.example", o.made)
	return o.ask(t, "POST", "/api/v1/users?activate=false", fmt.Sprintf(`{"profile":{"login":%q,"email":%q,"firstName":"M","lastName":"Ethod"},"credentials":{"password":{"value":%q}}}`, login, login, knownPassword))["id"].(string)
}

// TestStatementsInAWrongStatus: what UPDATE and DELETE can't do is refused in the plan, before any call, and says what can
// be done instead; what INSERT gets wrong is the org's error.
func TestStatementsInAWrongStatus(t *testing.T) {
	o := newMethodOrg(t)
	for _, c := range []struct{ status, text, outcome, want string }{
		{"ACTIVE", "DELETE FROM okta.user.users WHERE id = 'ID'", "refused", "UPDATE … SET status = 'DEPROVISIONED' does that"},
		{"DEPROVISIONED", "UPDATE okta.user.users SET title = 'Pilot' WHERE id = 'ID'", "refused", "is DEPROVISIONED; update is for"},
		{"DEPROVISIONED", "UPDATE okta.user.users SET profile = json_object('login', login, 'email', email, 'firstName', 'F', 'lastName', 'L') WHERE id = 'ID'", "refused", "is DEPROVISIONED; replace is for"},
		{"STAGED", "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE id = 'ID'", "refused", "STAGED"},
		{"DEPROVISIONED", "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE id = 'ID'", "refused", "DEPROVISIONED"},
		{"LOCKED_OUT", "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE id = 'ID'", "refused", "LOCKED_OUT"},
		{"ACTIVE", "UPDATE okta.user.users SET status = 'PROVISIONED' WHERE id = 'ID'", "refused", "ACTIVE"},
		{"ACTIVE", "UPDATE okta.user.users SET status = 'LOCKED_OUT' WHERE id = 'ID'", "refused", "LOCKED_OUT"},
		{"SUSPENDED", "UPDATE okta.user.users SET status = 'PASSWORD_EXPIRED' WHERE id = 'ID'", "refused", "SUSPENDED"},
		{"ACTIVE", "INSERT INTO okta.user.users (login, email, firstName, lastName) VALUES ('LOGIN', 'LOGIN', 'F', 'L')", "failed",
			"400 E0000001: Api validation failed: login; login: An object with this field already exists in the current organization"},
	} {
		id := o.user(t, c.status)
		login := o.ask(t, "GET", "/api/v1/users/"+id, "")["profile"].(map[string]any)["login"].(string)
		code, row, out, sent, errs := o.run(t, strings.NewReplacer("ID", id, "LOGIN", login).Replace(c.text))
		reason, _ := row["reason"].(string)
		if want := map[string]int{"refused": ExitRefused, "failed": ExitFailed}[c.outcome]; code != want || row["outcome"] != c.outcome || !strings.Contains(reason, c.want) || !strings.Contains(errs, "whoql: error: 1 "+c.outcome+": ") || !strings.Contains(errs, c.want) {
			t.Errorf("%s (%s): exit code %d: %s %s", c.text, c.status, code, out, errs)
		}
		if n := len(writes(sent)); c.outcome == "refused" && n > 0 {
			t.Errorf("%s (%s): %d writes", c.text, c.status, n)
		}
		if is := o.status(t, id); is != c.status {
			t.Errorf("%s: the user is %s, was %s", c.text, is, c.status)
		}
	}
}
