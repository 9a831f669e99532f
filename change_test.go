package whoql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// EXPLAIN before a change shows what would be called for whom, and changes nothing.
func TestExplainChange(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 450})
	engine := connect(t, org, okta.Options{}, whoql.Options{})
	for _, c := range []struct{ text, want string }{
		{"UPDATE okta.user.users SET status = 'SUSPENDED' WHERE status IN ('ACTIVE', 'STAGED')", "<nil> from STAGED, suspend from ACTIVE"},
		{"UPDATE okta.user.users SET department = 'X' WHERE status = 'SUSPENDED'", "update from SUSPENDED"},
		{"UPDATE okta.user.users SET department = department WHERE status = 'SUSPENDED'", "unchanged from SUSPENDED"},
		{"DELETE FROM okta.user.users WHERE status IN ('DEPROVISIONED', 'ACTIVE')", "<nil> from ACTIVE, delete from DEPROVISIONED"},
		{"INSERT INTO okta.user.users (login, email, data__activate) SELECT login || '.new', email, false FROM okta.user.users WHERE status = 'RECOVERY'", "insert from <nil>"},
		{"EXEC okta.user.users.unlock FOR SELECT id AS userId FROM okta.user.users WHERE status = 'LOCKED_OUT'", "unlock from LOCKED_OUT"},
		{"EXEC okta.user.users.unlock @userId = 'me@acme.example', @subdomain = 'sandbox'", "unlock from <nil>"},
	} {
		var got []string
		rows, err := engine.Query(t.Context(), "EXPLAIN "+c.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			got = append(got, fmt.Sprintf("%v from %v", rows.Values()[3], rows.Values()[4]))
		}
		if rows.Err() != nil {
			t.Errorf("%s: %v", c.text, rows.Err())
		}
		rows.Close()
		slices.Sort(got)
		if text := strings.Join(slices.Compact(got), ", "); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, text, c.want)
		}
	}
	for _, r := range org.Requests() {
		if r.Method != "GET" {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

// A change that can't be meant is refused before anything is sent, and the error says where.
func TestChangeRefused(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 10})
	engine := connect(t, org, okta.Options{}, whoql.Options{})
	for text, want := range map[string]string{
		"UPDATE okta.user.users SET city = 'x'":                                                                 "1:16: UPDATE without WHERE is about everybody",
		"DELETE FROM okta.user.users":                                                                           "1:21: DELETE without WHERE is about everybody",
		"UPDATE okta.user.users SET citty = 'x' WHERE true":                                                     "1:36: UPDATE sets no column citty",
		"UPDATE okta.user.users SET id = 'x' WHERE true":                                                        "1:36: UPDATE sets no column id",
		"UPDATE okta.user.users SET subdomain = 'x' WHERE true":                                                 "1:36: UPDATE sets no column subdomain",
		"INSERT INTO okta.user.users (login, status) VALUES ('x', 'ACTIVE')":                                    "1:45: INSERT sets no column status",
		"INSERT INTO okta.user.users (login) VALUES ('x', 'ACTIVE')":                                            "1:38: 1 columns are named, and 2 values given",
		"EXEC okta.user.users.suspnd @userId = 'x'":                                                             "1:30: okta.user.users has no method for EXEC called suspnd",
		"EXEC okta.user.users.suspend @user = 'x'":                                                              "1:38: suspend has no parameter user",
		"EXEC okta.user.users.suspend @subdomain = 'sandbox'":                                                   "1:30: suspend needs the parameter userId",
		"EXEC okta.user.users.suspend @userId = 'x' FOR SELECT id AS userid FROM okta.user.users":               "1:30: the parameter userid is given twice",
		"EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE subdomain = 'sandbox'": "1:101: the SELECT picks an org",
		"EXEC okta.user.people.suspend @userId = 'x'":                                                           "1:14: no such table: okta.user.people",
		"UPDATE okta.group.groups SET name = 'x' WHERE true":                                                    "1:16: okta.group.groups can't be changed in this version",
		"UPDATE okta.user.users SET city = nope WHERE true":                                                     "1:43: no such column: nope",
	} {
		_, err := engine.Query(t.Context(), "EXPLAIN "+text, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
	for _, r := range org.Requests() {
		if !strings.HasPrefix(r.Path, "/api/v1/meta/") { // whether nope is a column of the org's own
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}
