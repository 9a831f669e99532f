package whoql_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// changing is an engine that applies every change.
func changing(t *testing.T, o oktatest.Options) (*whoql.Engine, *oktatest.Server) {
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
	org := oktatest.Start(t, o)
	return connect(t, org, okta.Options{}, whoql.Options{Catalog: cat, Changes: &whoql.Changes{
		OpenJournal: func() (*change.Journal, error) { return journal, nil },
		Approve:     func(context.Context, *whoql.Approval) error { return nil },
	}}), org
}

// runChange is what a text's statements give, a line for each row, and how it ended.
func runChange(t testing.TB, e *whoql.Engine, text string) (lines []string, err error) {
	t.Helper()
	rows, err := e.Query(t.Context(), text, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResult() {
		for rows.Next() {
			var cells []string
			for _, v := range rows.Values() {
				if raw, ok := v.(json.RawMessage); ok {
					v = string(raw)
				}
				cells = append(cells, fmt.Sprint(v))
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
	}
	return lines, rows.Err()
}

// Each kind of change, as a user would write it, and what the org is afterwards.
func TestChanges(t *testing.T) {
	e, _ := changing(t, oktatest.Options{Users: 0})
	const profile = `'{"login":"b@acme.example","email":"b@acme.example","firstName":"B","lastName":"Bee"}'`
	for _, step := range []struct{ text, want string }{
		{"INSERT INTO okta.user.users (login, email, firstName, lastName, activate) VALUES ('a@acme.example', 'a@acme.example', 'A', 'Ay', false) RETURNING login, status", "a@acme.example|STAGED"},
		{"INSERT INTO okta.user.users (data__profile) VALUES (" + profile + ") RETURNING status, lastName", "PROVISIONED|Bee"},
		{"UPDATE okta.user.users SET department = 'IT', city = upper(lastName) WHERE login = 'a@acme.example' RETURNING department, city, profile->>'city'", "IT|AY|AY"},
		{"UPDATE okta.user.users SET department = 'IT' WHERE login = 'a@acme.example' RETURNING status", "STAGED"},
		{"UPDATE okta.user.users SET BADGE = 7, contractor = true WHERE login = 'a@acme.example' RETURNING badge, contractor, profile->>'contractor'", "7|true|1"},
		{"EXEC okta.user.users.suspend @userId = 'b@acme.example'", "sandbox|*|*|suspend|done|SUSPENDED|<nil>"},
		{"UPDATE okta.user.users SET status = 'ACTIVE' WHERE login = 'b@acme.example' RETURNING status", "PROVISIONED"},
		{"UPDATE okta.user.users SET status = 'DEPROVISIONED' WHERE login = 'b@acme.example' RETURNING status", "DEPROVISIONED"},
		{"DELETE FROM okta.user.users WHERE login = 'b@acme.example'", "sandbox|*|b@acme.example|delete|done|<nil>|<nil>"},
		{"SELECT login FROM okta.user.users WHERE login LIKE '_@acme.example'", "a@acme.example"},
	} {
		got, err := runChange(t, e, step.text)
		if err != nil || len(got) != 1 || !matches(got[0], step.want) {
			t.Errorf("%s:\n got %v, %v\nwant %s", step.text, got, err, step.want)
		}
	}
}

// matches compares cells; * stands for any.
func matches(got, want string) bool {
	g, w := strings.Split(got, "|"), strings.Split(want, "|")
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		if w[i] != "*" && w[i] != g[i] {
			return false
		}
	}
	return true
}
