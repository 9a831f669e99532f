package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/oktatest"
)

// marked is a token that can be found in any output, also in part.
const marked = "00MARKEDsecret-MARKEDsecret-MARKEDsecretXY"

// check fails if a part of the token is in a text.
func checkSecret(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), "markedsecret") {
		t.Errorf("%s shows the token: %s", what, text)
	}
}

// TestTokenIsNeverShown searches the outputs of queries that end well and badly.
func TestTokenIsNeverShown(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 210, Token: marked})
	env := environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": marked})
	runs := 0
	run := func(what string, env LookupEnv, want int, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Run(context.Background(), args, strings.NewReader(""), &stdout, &stderr, env); code != want {
			t.Errorf("%s: exit code %d, want %d: %s", what, code, want, stderr.String())
		}
		checkSecret(t, what+": stdout", stdout.String())
		checkSecret(t, what+": stderr", stderr.String())
		runs++
	}
	const sql = "SELECT * FROM okta.user.users"
	for _, f := range format.Names() {
		run(f, env, ExitOK, "query", "-v", "-o", f, sql)
	}
	run("EXPLAIN", env, ExitOK, "query", "-v", "EXPLAIN "+sql)
	run("version", env, ExitOK, "version")
	run("help", env, ExitOK, "help", "query")
	run("wrong SQL", env, ExitSQL, "query", "SELECT nope FROM okta.user.users")
	run("unknown org", env, ExitSQL, "query", sql+" WHERE subdomain = 'nope'")
	for _, kind := range []oktatest.FaultKind{oktatest.Unauthorized, oktatest.Forbidden, oktatest.Redirect, oktatest.ForeignNext, oktatest.RepeatNext} {
		server.ClearFaults()
		server.Inject(oktatest.Fault{Kind: kind})
		run(kind.String(), env, ExitFailed, "query", "-v", sql)
	}
	server.ClearFaults()
	for _, kind := range []oktatest.FaultKind{oktatest.InternalError, oktatest.BadJSON, oktatest.CutOff, oktatest.Reset} {
		server.Inject(oktatest.Fault{Kind: kind})
		run(kind.String(), env, ExitOK, "query", "-v", sql)
	}

	for what, values := range map[string]map[string]string{
		"half an environment":  {"OKTA_CLIENT_TOKEN": marked},
		"plain http":           {"OKTA_CLIENT_ORGURL": "http://acme.okta.com", "OKTA_CLIENT_TOKEN": marked},
		"a token of two lines": {"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": marked + "\nX: y"},
		"the token as the URL": {"OKTA_CLIENT_ORGURL": marked, "OKTA_CLIENT_TOKEN": "x"},
		"the token in the URL": {"OKTA_CLIENT_ORGURL": "https://x:" + marked + "@acme.okta.com", "OKTA_CLIENT_TOKEN": "x"},
		"two orgs": {"OKTA_CLIENT_ORGURL": "https://acme.okta.com", "OKTA_CLIENT_TOKEN": marked,
			"OKTA_ORG_NAME": "other", "OKTA_BASE_URL": "okta.com", "OKTA_API_TOKEN": marked},
		"two orgs and the token in a URL": {"OKTA_CLIENT_ORGURL": "https://x:" + marked + "@acme.okta.com", "OKTA_CLIENT_TOKEN": "x",
			"OKTA_ORG_NAME": "other", "OKTA_BASE_URL": "okta.com", "OKTA_API_TOKEN": marked},
	} {
		run(what, environment(values), ExitUsage, "query", "-v", "SELECT 1")
	}
	if runs < 20 {
		t.Errorf("only %d runs", runs)
	}
}

// TestTokenThatComesBack: an org, or what stands in front of it, that says the token back.
func TestTokenThatComesBack(t *testing.T) {
	sent := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		sent = sent || strings.Contains(auth, marked)
		w.Header().Set("X-Okta-Request-Id", auth)
		w.Header().Set("Content-Type", "application/json; "+auth)
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"errorCode":"E0000001","errorSummary":"no: `+auth+`","errorCauses":[{"errorSummary":"`+auth+`"}]}`)
	}))
	defer server.Close()
	env := environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": marked})
	var stdout, stderr bytes.Buffer
	if code := Run(context.Background(), []string{"query", "-v", "SELECT id FROM okta.user.users"}, nil, &stdout, &stderr, env); code != ExitFailed {
		t.Errorf("exit code %d, want %d", code, ExitFailed)
	}
	if !sent {
		t.Error("the token was not sent: this test tests nothing")
	}
	if !strings.Contains(stderr.String(), "E0000001") {
		t.Errorf("the org's error is not shown: %s", stderr.String())
	}
	checkSecret(t, "stdout", stdout.String())
	checkSecret(t, "stderr", stderr.String())
}

// TestPasswordThatComesBack: an org whose errors repeat what it was sent.
func TestPasswordThatComesBack(t *testing.T) {
	org := oktatest.New(oktatest.Options{Users: 30})
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			org.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "MARKEDsecret") {
			sent++
		}
		said, _ := json.Marshal("no: " + string(body) + ` MARKEDsecret "1 `)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"errorCode":"E0000001","errorSummary":`+string(said)+`,"errorCauses":[{"errorSummary":`+string(said)+`}]}`)
	}))
	defer server.Close()
	state := t.TempDir()
	env := environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": oktatest.DefaultToken, "WHOQL_STATE": state})
	for _, text := range []string{
		`EXEC okta.user.users.changePassword @oldPassword = '{"value":"MARKEDsecret \"1"}', @newPassword = '{"value":"MARKEDsecret \"1"}' FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 1 OFFSET 1`,
		`UPDATE okta.user.users SET title = 'Pilot', credentials = '{"password":{"MARKEDsecret \"1":"value"}}' WHERE status = 'ACTIVE' LIMIT 1 OFFSET 1`,
	} {
		var stdout, stderr bytes.Buffer
		code := Run(context.Background(), []string{"query", "--yes", "-v", "-o", "json", text}, nil, &stdout, &stderr, env)
		if code != ExitFailed || !strings.Contains(stderr.String(), "E0000001") {
			t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
		}
		checkSecret(t, "stdout", stdout.String())
		checkSecret(t, "stderr", stderr.String())
	}
	if sent != 2 {
		t.Errorf("%d passwords were sent: this test tests nothing", sent)
	}
	files, _ := filepath.Glob(filepath.Join(state, "*"))
	for _, name := range files {
		if text, _ := os.ReadFile(name); len(text) > 0 {
			checkSecret(t, name, string(text))
		}
	}
}
