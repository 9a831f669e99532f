package whoql_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// changingTwo is an engine over two orgs, one and two, of which one is the default, that applies every change.
func changingTwo(t *testing.T) (engine *whoql.Engine, one, two *oktatest.Server) {
	t.Helper()
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	journal, err := change.OpenJournal(t.TempDir(), cat, change.JournalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	return twoOrgs(t, whoql.Options{Catalog: cat, Changes: &whoql.Changes{
		OpenJournal: func() (*change.Journal, error) { return journal, nil },
		Approve:     func(context.Context, *whoql.Approval) error { return nil },
	}})
}

// writes are the requests of a server that change something.
func writes(s *oktatest.Server) (out []string) {
	for _, r := range s.Requests() {
		if r.Method != "GET" {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	return out
}

// A change whose objects are found in another org isn't made in the default one, however the statement picks
// the org that it reads.
func TestChangeOfAnotherOrg(t *testing.T) {
	const found = "SELECT login AS userId FROM okta.user.users WHERE status = 'ACTIVE' AND subdomain = "
	for name, text := range map[string]string{
		"a value that is computed": "EXEC okta.user.users.suspend FOR " + found + "lower('TWO') LIMIT 1",
		"a subquery":               "EXEC okta.user.users.suspend FOR SELECT login AS userId FROM okta.user.users WHERE subdomain IN (SELECT 'two') AND status = 'ACTIVE' LIMIT 1",
		"a join":                   "EXEC okta.user.users.suspend FOR SELECT u.login AS userId FROM (SELECT 'two' AS o) AS x JOIN okta.user.users AS u ON u.subdomain = x.o WHERE u.status = 'ACTIVE' LIMIT 1",
		"a view":                   "CREATE TEMP VIEW v AS SELECT login, status FROM okta.user.users WHERE subdomain = 'two'; EXEC okta.user.users.suspend FOR SELECT login AS userId FROM v WHERE status = 'ACTIVE' LIMIT 1",
		"a temporary table":        "CREATE TEMP TABLE t AS " + found + "'two' LIMIT 1; EXEC okta.user.users.suspend FOR SELECT userId FROM t",
		"rows put into a table":    "CREATE TEMP TABLE t (userId); INSERT INTO t " + found + "'two' LIMIT 1; EXEC okta.user.users.suspend FOR SELECT userId FROM t",
		"a parameter's value":      "EXEC okta.user.users.suspend @userId = (" + found + "'two' LIMIT 1)",
		"who is there, too":        "EXEC okta.user.users.suspend FOR SELECT login AS userId FROM okta.user.users WHERE status = 'ACTIVE' AND login NOT IN (SELECT login FROM okta.user.users WHERE subdomain = lower('TWO')) LIMIT 1",
		"INSERT":                   "INSERT INTO okta.user.users (login, email, firstName, lastName, activate) SELECT 'x' || login, email, firstName, lastName, false FROM okta.user.users WHERE subdomain = 'two' AND status = 'ACTIVE' LIMIT 1",
	} {
		engine, one, two := changingTwo(t)
		_, err := runChange(t, engine, text)
		var wrong *whoql.ChangePlanError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Msg, "reads the org two") || !strings.Contains(wrong.Hint, "subdomain") {
			t.Errorf("%s: %v", name, err)
		}
		if made := append(writes(one), writes(two)...); len(made) > 0 {
			t.Errorf("%s: %v", name, made)
		}
	}
}

// What says itself which org it changes may read any, and what reads one org only needn't say it.
func TestChangeSaysItsOrg(t *testing.T) {
	for _, c := range []struct {
		text     string
		one, two int // requests that change something
	}{
		{"EXEC okta.user.users.suspend FOR SELECT id AS userId, subdomain FROM okta.user.users WHERE subdomain = lower('TWO') AND status = 'ACTIVE' LIMIT 1", 0, 1},
		{"EXEC okta.user.users.suspend @subdomain = 'two' FOR SELECT id AS userId FROM okta.user.users WHERE subdomain = lower('TWO') AND status = 'ACTIVE' LIMIT 1", 0, 1},
		{"EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE subdomain = lower('ONE') AND status = 'ACTIVE' LIMIT 1", 1, 0},
		{"SELECT count(*) FROM okta.user.users WHERE subdomain = 'two'; EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 1", 1, 0},
		{"INSERT INTO okta.user.users (subdomain, login, email, firstName, lastName, activate) SELECT 'one', 'x' || login, email, firstName, lastName, false FROM okta.user.users WHERE subdomain = 'two' AND status = 'ACTIVE' LIMIT 1", 1, 0},
		{"UPDATE okta.user.users SET nickName = x.nickName || '!' FROM (SELECT 'nick' AS nickName, login FROM okta.user.users WHERE subdomain = 'two' LIMIT 1) AS x WHERE okta.user.users.status = 'ACTIVE' AND okta.user.users.login LIKE 'a%'", -1, 0},
	} {
		engine, one, two := changingTwo(t)
		if _, err := runChange(t, engine, c.text); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if n := len(writes(one)); c.one >= 0 && n != c.one || c.one < 0 && n == 0 {
			t.Errorf("%s: %d writes in one", c.text, n)
		}
		if n := len(writes(two)); n != c.two {
			t.Errorf("%s: %d writes in two", c.text, n)
		}
	}
}

// A column that a view hasn't is an error like others.
func TestNoSuchColumnOfAView(t *testing.T) {
	engine, _, _ := twoOrgs(t, whoql.Options{})
	_, err := engine.Query(t.Context(), "CREATE TEMP VIEW v AS SELECT * FROM okta.user.users; SELECT login FROM v", nil)
	if err == nil || !strings.Contains(err.Error(), "no such column: login") {
		t.Error(err)
	}
}
