package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/oktatest"
)

// A listener is an org that notes which tokens it was sent.
type listener struct {
	url, token string
	mu         sync.Mutex
	heard      map[string]int
}

func startListener(t *testing.T, token string) *listener {
	t.Helper()
	org := oktatest.New(oktatest.Options{Users: 210, Token: token, Owner: true})
	l := &listener{token: token, heard: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.heard[r.Header.Get("Authorization")]++
		l.mu.Unlock()
		org.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

// TestTokensGoHome: whatever combination of places names the orgs, each org hears its own token and no
// other, and no token is in any output.
func TestTokensGoHome(t *testing.T) {
	env, conf, yaml := startListener(t, marked+"1"), startListener(t, marked+"2"), startListener(t, marked+"3")
	home := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".okta/okta.yaml", fmt.Sprintf("okta: {client: {orgUrl: %q, token: %q}}", yaml.url, yaml.token))
	write("two.yaml", fmt.Sprintf("orgs: {conf: {url: %q, token: %q}}", conf.url, conf.token))
	// The environment's and the SDKs' org once more, with tokens that are wrong.
	write("three.yaml", fmt.Sprintf("default: conf\norgs: {conf: {url: %q, token: %q}, env: {url: %q, token: %s4}, y: {url: %q, token_env: Y}}", conf.url, conf.token, env.url, marked, yaml.url))
	runs := 0
	for _, withEnv := range []bool{false, true} {
		for _, file := range []string{"", "two.yaml", "three.yaml"} {
			values := map[string]string{"HOME": home, "USERPROFILE": home, "Y": yaml.token}
			if withEnv {
				values["OKTA_CLIENT_ORGURL"], values["OKTA_CLIENT_TOKEN"] = env.url, env.token
			}
			if file != "" {
				values["WHOQL_CONFIG"] = filepath.Join(home, file)
			}
			for _, args := range [][]string{{"orgs", "test"}, {"orgs"}, {"query", "-v", "SELECT count(*) FROM okta.user.users"}, {"query", "SHOW ORGS"},
				{"query", "-o", "jsonl", "SELECT subdomain, count(*) FROM okta.user.users WHERE subdomain IN ('conf', 'env', 'y', '127.0.0.1') GROUP BY 1"}, {"query", "EXPLAIN SELECT id FROM okta.user.users"}} {
				var stdout, stderr bytes.Buffer
				Run(context.Background(), args, strings.NewReader(""), &stdout, &stderr, environment(values))
				checkSecret(t, fmt.Sprint(withEnv, file, args), stdout.String()+stderr.String())
				runs++
			}
		}
	}
	if runs != 36 {
		t.Errorf("%d runs", runs)
	}
	for name, l := range map[string]*listener{"env": env, "conf": conf, "yaml": yaml} {
		own := l.heard["SSWS "+l.token]
		if own == 0 {
			t.Errorf("%s was never asked", name)
		}
		for auth, n := range l.heard {
			// The configuration's wrong token is for env's own host.
			if auth != "SSWS "+l.token && (l != env || auth != "SSWS "+marked+"4") {
				t.Errorf("%s heard another org's token %d times", name, n)
			}
		}
	}
}

// The secrets of a configuration are in no output of any command.
func TestSecretsOfTheConfiguration(t *testing.T) {
	org := startListener(t, marked)
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("default: one\norgs:\n  one: {url: %q, token: %q}\n  two: {url: 'https://acme.okta.com', token_file: token}\n", org.url, marked)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(marked+" x"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, want int, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := Run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr, environment(map[string]string{"WHOQL_CONFIG": path}))
		if code != want {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, want, stderr.String())
		}
		checkSecret(t, fmt.Sprint(args), stdout.String()+stderr.String())
	}
	for _, name := range format.Names() {
		run("", ExitOK, "orgs", "-o", name)
		run("", ExitFailed, "orgs", "test", "-o", name)
	}
	run("", ExitOK, "orgs", "test", "one")
	run("", ExitUsage, "query", "SELECT id FROM okta.user.users WHERE subdomain = 'two'")
	run(marked+" "+marked, ExitUsage, "orgs", "add", "three", "--url", "https://three.okta.com")
	run(marked, ExitUsage, "orgs", "add", "one", "--url", "https://three.okta.com")
	run(marked, ExitUsage, "orgs", "add", "three", "--url", "https://x:"+marked+"@three.okta.com")
	run(marked, ExitUsage, "orgs", "add", "three", "--url", marked)
	run(marked, ExitOK, "orgs", "add", "three", "--url", "https://three.okta.com")
	run("", ExitOK, "orgs", "remove", "three")
	run("", ExitOK, "orgs", "default", "two")
	if err := os.WriteFile(path, []byte(text+"  "+marked+" : x\n"+marked), 0o600); err != nil {
		t.Fatal(err)
	}
	run("", ExitUsage, "orgs")
	run("", ExitUsage, "query", "SELECT 1")
}

// Two orgs, of which one fails for good at one of its pages: no output looks like a whole one.
func TestOneOfTwoOrgsFails(t *testing.T) {
	for _, kind := range []oktatest.FaultKind{oktatest.Unauthorized, oktatest.Forbidden, oktatest.Redirect, oktatest.ForeignNext, oktatest.RepeatNext, oktatest.CycleNext} {
		for at := 1; at <= 3; at++ {
			slow := oktatest.Start(t, oktatest.Options{Users: 210, Latency: 5 * time.Millisecond})
			failing := oktatest.Start(t, oktatest.Options{Users: 410, Seed: 5, IDSuffix: "abc", Faults: []oktatest.Fault{{Kind: kind, At: at, Times: oktatest.Forever}}})
			path := filepath.Join(t.TempDir(), "config.yaml")
			text := fmt.Sprintf("orgs:\n  slow: {url: %q, token: %q}\n  failing: {url: %q, token: %q}\n", slow.URL, slow.Token, failing.URL, failing.Token)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, output := range []string{"json", "csv"} {
				failing.ClearFaults()
				failing.Inject(oktatest.Fault{Kind: kind, At: at, Times: oktatest.Forever})
				var stdout, stderr bytes.Buffer
				code := Run(t.Context(), []string{"query", "-v", "-o", output, "--config", path, "SELECT id FROM okta.user.users WHERE subdomain IN ('slow', 'failing')"}, nil, &stdout, &stderr, environment(nil))
				if code != ExitFailed || !strings.Contains(stderr.String(), "whoql: error: org failing: list users: ") || !strings.Contains(stderr.String(), "INCOMPLETE") {
					t.Errorf("%s at %d, %s: exit code %d: %s", kind, at, output, code, stderr.String())
				}
				if output == "json" && strings.Contains(stdout.String(), "]\n") {
					t.Errorf("%s at %d: the JSON looks complete", kind, at)
				}
			}
		}
	}
}

func TestSkew(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		date       time.Duration // the org's clock, as it really is
		start, end time.Duration
		want       time.Duration
	}{
		{0, 0, time.Millisecond, 0},
		{-900 * time.Millisecond, 0, 0, 0},
		{0, -3 * time.Second, time.Second, 0},
		{time.Minute, 0, time.Second, 59 * time.Second},
		{-time.Minute, 0, time.Second, -59 * time.Second},
	} {
		if got := skewOf(noon.Add(c.date), noon.Add(c.start), noon.Add(c.end)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	test := orgTest{name: "x", skew: -90 * time.Second}
	test.rate.Date = noon
	if row := test.row(); row[5] != "1m30s behind" {
		t.Errorf("%v", row)
	}
}
