package whoql_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// errAsked keeps a plan from being applied.
var errAsked = errors.New("asked")

// asking is an engine that applies no change. keyed is what the last plan's approval said; it has no
// meaning before one was asked for.
func asking(t *testing.T, org *oktatest.Server, options whoql.Options) (e *whoql.Engine, keyed *bool) {
	t.Helper()
	keyed = new(bool)
	options.Changes = &whoql.Changes{
		OpenJournal: func() (*change.Journal, error) { return nil, errAsked },
		Approve: func(_ context.Context, a *whoql.Approval) error {
			*keyed = a.Keyed
			return errAsked
		},
	}
	return connect(t, org, okta.Options{}, options), keyed
}

// Only what the statement itself names runs without being approved: nobody is changed because a name in
// WHERE means something else than it seems to, or because a SELECT happened to find one user.
func TestKeyed(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 40})
	e, keyed := asking(t, org, whoql.Options{})
	got, err := runChange(t, e, "SELECT id, login FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 1")
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	id, login, _ := strings.Cut(got[0], "|")
	fill := strings.NewReplacer("ID", "'"+id+"'", "LOGIN", "'"+login+"'", "USERS", "okta.user.users").Replace
	for _, text := range []string{
		"UPDATE USERS SET title = 'x' WHERE id = ID",
		"UPDATE USERS SET title = 'x' WHERE users.login = LOGIN AND status = 'ACTIVE'",
		`UPDATE USERS AS u SET title = (SELECT max(title) FROM USERS) WHERE (("u"."userId")) = ID`,
		"UPDATE USERS SET title = b.t FROM (SELECT 'x' AS t) AS b WHERE users.id = ID",
		"EXEC USERS.suspend @userId = ID",
		"INSERT INTO USERS (login, email, firstName, lastName) VALUES ('n@acme.example', 'n@acme.example', 'N', 'N')",
	} {
		*keyed = false
		if _, err := runChange(t, e, fill(text)); !errors.Is(err, errAsked) || !*keyed {
			t.Errorf("%s: keyed %v, %v", text, *keyed, err)
		}
	}
	for _, text := range []string{
		"UPDATE USERS SET title = 'x' FROM (SELECT ID AS id) AS users WHERE users.id = ID AND okta.user.users.login = LOGIN || ''",
		"UPDATE USERS AS t SET title = 'x' FROM (SELECT ID AS id, LOGIN AS who) AS users WHERE users.id = ID AND t.login = users.who",
		"UPDATE USERS AS t SET title = 'x' FROM USERS AS users WHERE users.id = ID AND t.id = users.id",
		"WITH users(id) AS (SELECT ID) UPDATE USERS AS t SET title = 'x' FROM users WHERE users.id = ID AND t.id = users.id",
		"UPDATE USERS SET title = 'x' WHERE id = ID OR false",
		"UPDATE USERS SET title = 'x' WHERE id IN (ID)",
		"UPDATE USERS SET title = 'x' WHERE id = (SELECT ID)",
		"UPDATE USERS SET title = 'x' WHERE EXISTS (SELECT 1 FROM (SELECT 1) WHERE users.id = ID)",
		"UPDATE USERS SET title = 'x' WHERE status = 'ACTIVE' ORDER BY created LIMIT 1",
		"EXEC USERS.suspend FOR SELECT ID AS userId",
		"EXEC USERS.suspend @userId = (SELECT id FROM USERS WHERE status = 'ACTIVE' LIMIT 1)",
		"INSERT INTO USERS (login, email, firstName, lastName) SELECT 'n' || login, email, 'N', 'N' FROM USERS WHERE id = ID",
	} {
		*keyed = true
		if _, err := runChange(t, e, fill(text)); !errors.Is(err, errAsked) || *keyed {
			t.Errorf("%s: keyed %v, %v", text, *keyed, err)
		}
	}
}

// What is changed is the org's table, whatever else has its name.
func TestChangeTargetIsTheOrgs(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 5})
	e, _ := asking(t, org, whoql.Options{})
	for text, want := range map[string]string{
		`WITH "okta.user.users" AS (SELECT 1) UPDATE okta.user.users SET title = 'x' WHERE true`:          "okta.user.users is what is changed, and WITH gives its name to something else",
		`WITH a AS (SELECT 1), "OKTA.user.users" AS (SELECT 1) DELETE FROM okta.user.users WHERE true`:    "WITH gives its name",
		`WITH "okta.user.users" AS (SELECT 1) INSERT INTO okta.user.users (login) SELECT 1`:               "WITH gives its name",
		`CREATE TEMP TABLE "okta.user.users" AS SELECT 'x' AS id; DELETE FROM okta.user.users WHERE true`: "is the name of a table of an org",
		`CREATE TEMP VIEW "okta.user.users" AS SELECT 'x' AS id; DELETE FROM okta.user.users WHERE true`:  "is the name of a table of an org",
	} {
		if got, err := runChange(t, e, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", text, got, err, want)
		}
	}
	if n := len(org.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}
