package oktatest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// theClock is where the clocks of these tests stand at first.
var theClock = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

// newTestOrg makes an org whose clock only moves when the test moves it.
func newTestOrg(o Options) *Org {
	o.Now = func() time.Time { return theClock }
	return New(o)
}

// do makes a request without a connection, with the right token unless headers say otherwise.
func do(o *Org, method, uri, body string, headers ...string) response {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	r.Host = "acme.example"
	r.Header.Set("Authorization", "SSWS "+DefaultToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return response{w.Code, w.Header(), w.Body.String()}
}

func post(o *Org, uri, body string, headers ...string) response {
	return do(o, http.MethodPost, uri, body, headers...)
}

// decoded is the object that a success answers with.
func decoded(t *testing.T, res response) object {
	t.Helper()
	var u object
	if res.status != http.StatusOK {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if err := json.Unmarshal([]byte(res.body), &u); err != nil {
		t.Fatalf("%v in %s", err, res.body)
	}
	return u
}

// wantBody checks that a success answers with exactly this.
func wantBody(t *testing.T, res response, status int, body string) {
	t.Helper()
	if res.status != status || res.body != body {
		t.Fatalf("%d %q, want %d %q", res.status, res.body, status, body)
	}
}

// wantRefusal checks the whole of an error: status, code, summary, causes.
func wantRefusal(t *testing.T, res response, status int, code, summary string, causes ...string) {
	t.Helper()
	gotSummary, gotCauses := wantError(t, res, status, code)
	if gotSummary != summary || strings.Join(gotCauses, "|") != strings.Join(causes, "|") {
		t.Fatalf("%q %q, want %q %q", gotSummary, gotCauses, summary, causes)
	}
}

const (
	goodPassword  = "Tr0mbone-Kettle"
	otherPassword = "Nutcr4cker-Suite"
	theQuestion   = "Favourite tea?"
	theAnswer     = "Lapsang"
)

// profileOf is the JSON of a small profile.
func profileOf(login string) string {
	return `{"login":"` + login + `","email":"` + login + `","firstName":"Dana","lastName":"Reyes"}`
}

// create makes a user, who must be made.
func create(t *testing.T, o *Org, query, profile, credentials string) object {
	t.Helper()
	body := `{"profile":` + profile
	if credentials != "" {
		body += `,"credentials":` + credentials
	}
	return decoded(t, post(o, usersPath+query, body+"}"))
}

const (
	withPassword = `{"password":{"value":"` + goodPassword + `"}}`
	withQuestion = `{"password":{"value":"` + goodPassword + `"},"recovery_question":{"question":"` + theQuestion + `","answer":"` + theAnswer + `"}}`
)

// uriOf is the path of a user, with something after it.
func uriOf(u object, rest string) string { return usersPath + "/" + u["id"].(string) + rest }

// again gets a user anew.
func again(t *testing.T, o *Org, u object) object {
	t.Helper()
	return decoded(t, do(o, http.MethodGet, uriOf(u, ""), ""))
}

// must makes a request that has to succeed.
func must(t *testing.T, res response) response {
	t.Helper()
	if res.status/100 != 2 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	return res
}

// inStatus makes a user in a status by real operations. Where the status leaves the choice the user has
// a password and a question, or nothing.
func inStatus(t *testing.T, o *Org, s status, login string, credentials string) object {
	t.Helper()
	switch s {
	case staged:
		return create(t, o, "?activate=false", profileOf(login), credentials)
	case provisioned:
		return create(t, o, "", profileOf(login), "")
	}
	u := create(t, o, "", profileOf(login), withQuestion)
	switch s {
	case recovery:
		must(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""))
	case passwordExpired:
		must(t, post(o, uriOf(u, "/lifecycle/expire_password"), ""))
	case lockedOut:
		if err := o.LockOut(login); err != nil {
			t.Fatal(err)
		}
	case suspended:
		must(t, post(o, uriOf(u, "/lifecycle/suspend"), ""))
	case deprovisioned:
		must(t, post(o, uriOf(u, "/lifecycle/deactivate"), ""))
	}
	u = again(t, o, u)
	if u["status"] != statusNames[s] {
		t.Fatalf("the user is %v, not %s", u["status"], statusNames[s])
	}
	return u
}

// password and question of a user as a client sees them.
func credential(u object, name string) any { return u["credentials"].(object)[name] }

// linkNames are the names of the links, in the order of the answer.
func linkNames(u object) map[string]object {
	links := map[string]object{}
	for name, link := range u["_links"].(object) {
		links[name] = link.(object)
	}
	return links
}
