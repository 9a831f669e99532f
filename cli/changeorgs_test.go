package cli

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// configured is an environment with a configuration of the orgs, each given by its lines.
func configured(t *testing.T, state, text string) LookupEnv {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return environment(map[string]string{"WHOQL_CONFIG": path, "WHOQL_STATE": state})
}

// A plan's hash is that of the org which it was made for: another org of the same name is another plan.
func TestHashKnowsItsOrg(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 20})
	other := newChangeRun(t, oktatest.Options{Users: 20, IDSuffix: "abc"})
	r.withConfig(t, "")
	other.withConfig(t, "")
	insert := "INSERT INTO okta.user.users (login, email, firstName, lastName, activate) VALUES ('x@acme.example', 'x@acme.example', 'X', 'Y', false)"
	code, _, errs := r.run(t.Context(), "query", "--dry-run", insert)
	hash := regexp.MustCompile(`--approve ([0-9a-f]{32})`).FindStringSubmatch(errs)
	if code != ExitOK || hash == nil {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, _, errs = other.run(t.Context(), "query", "--approve", hash[1], insert)
	if code != ExitRefused || !strings.Contains(errs, "the plan isn't the approved one") || len(other.writes()) > 0 {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, errs := r.run(t.Context(), "query", "--approve", hash[1], insert); code != ExitOK || len(r.writes()) != 1 {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// What the configuration protects is protected under each name and at each address of the org.
func TestSameOrgByAnotherName(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60})
	login := r.users(t, "ACTIVE")[0]
	url, _ := r.env("OKTA_CLIENT_ORGURL")
	token, _ := r.env("OKTA_CLIENT_TOKEN")
	second := httptest.NewServer(r.Org)
	t.Cleanup(second.Close)
	elsewhere := oktatest.Start(t, oktatest.Options{Users: 60, IDSuffix: "abc"})
	config := func(address, lines string) LookupEnv {
		return configured(t, r.state, fmt.Sprintf("default: first\norgs:\n  first:\n    url: %s\n    token: %s\n%s  again:\n    url: %s\n    token: %s\n  other:\n    url: %s\n    token: %s\n",
			url, token, lines, address, token, elsewhere.URL, elsewhere.Token))
	}
	protect := "    protect: [" + login + "]\n"
	suspend := func(org string) string {
		return "EXEC okta.user.users.suspend @userId = '" + login + "', @subdomain = '" + org + "'"
	}
	for _, c := range []struct {
		name, address, lines, org string
		code                      int
		stderr                    string
	}{
		{"itself", second.URL, protect, "first", ExitRefused, "the configuration protects it"},
		{"another name of this machine", strings.Replace(url, "127.0.0.1", "localhost", 1), protect, "again", ExitRefused, "the configuration protects it"},
		{"another address", second.URL, protect, "again", ExitRefused, "the configuration protects it"},
		{"read-only at another address", second.URL, "    read_only: true\n", "again", ExitRefused, "the org first is read-only here"},
		{"another org", second.URL, protect, "other", ExitOK, ""},
	} {
		r.env = config(c.address, c.lines)
		code, _, errs := r.run(t.Context(), "query", suspend(c.org))
		if code != c.code || !strings.Contains(errs, c.stderr) {
			t.Errorf("%s: exit code %d: %s", c.name, code, errs)
		}
	}
	if made := r.writes(); len(made) > 0 {
		t.Errorf("made: %v", made)
	}
	// Nor is one user changed twice, by two names of one org.
	r.env = config(second.URL, "")
	code, _, errs := r.run(t.Context(), "query", "--yes", "UPDATE okta.user.users SET title = 'Pilot' WHERE subdomain IN ('first', 'again') AND status = 'ACTIVE'")
	if code != ExitSQL || !strings.Contains(errs, "are names of the same org") || len(r.writes()) > 0 {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
