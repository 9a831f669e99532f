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
		"INSERT INTO USERS (login, email, firstName, lastName, activate) SELECT 'n' || login, email, 'N', 'N', false FROM USERS WHERE id = ID",
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

// UPDATE … FROM takes values from another table. Who is found there twice with the same values is changed
// once; with different ones nobody's word is taken, and the statement fails although the others are done.
func TestUpdateFrom(t *testing.T) {
	e, org := changing(t, oktatest.Options{Users: 12})
	logins, err := runChange(t, e, "SELECT login FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 3")
	if err != nil || len(logins) != 3 {
		t.Fatal(logins, err)
	}
	org.ResetRequests()
	got, err := runChange(t, e, `WITH hr(login, dept, badge) AS (VALUES ('`+logins[0]+`', 'One', 7), ('`+logins[1]+`', 'Two', 8), ('`+logins[1]+`', 'Two', 8), ('`+
		logins[2]+`', 'Three', 9), ('`+logins[2]+`', 'Other', 9), ('nobody@acme.example', 'Four', 10))
		UPDATE okta.user.users SET department = hr.dept, badge = hr.badge FROM hr WHERE hr.login = users.login`)
	var failed *whoql.ChangeError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), `is matched by several rows, with department "Three" and "Other"`) && !strings.Contains(err.Error(), `with department "Other" and "Three"`) {
		t.Errorf("%v, %v", got, err)
	}
	outcomes := map[string]string{}
	for _, line := range got {
		cells := strings.Split(line, "|")
		outcomes[cells[2]] = cells[4]
	}
	for i, want := range []string{"done", "done", "refused"} {
		if outcomes[logins[i]] != want {
			t.Errorf("%s is %s, want %s", logins[i], outcomes[logins[i]], want)
		}
	}
	writes := 0
	for _, r := range org.Requests() {
		if r.Method != "GET" {
			writes++
		}
	}
	after, err := runChange(t, e, "SELECT department, badge FROM okta.user.users WHERE login IN ('"+logins[0]+"', '"+logins[1]+"') ORDER BY badge")
	if err != nil || strings.Join(after, " ") != "One|7 Two|8" || writes != 2 || len(got) != 3 {
		t.Errorf("%v, %v, %d writes, %d rows", after, err, writes, len(got))
	}
}

// A change of one user that the statement names reads it once: the get that the plan was made of is fresh, and
// has the profile's version. DELETE and a whole profile are read again, whatever the plan's age.
func TestKeyedReadsOnce(t *testing.T) {
	e, org := changing(t, oktatest.Options{Users: 12})
	first := func(status string) string {
		got, err := runChange(t, e, "SELECT id FROM okta.user.users WHERE status = '"+status+"' LIMIT 1")
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		return got[0]
	}
	for _, c := range []struct{ status, text, want string }{
		{"ACTIVE", "UPDATE okta.user.users SET title = 'Pilot' WHERE id = 'ID'", "GET POST"},
		{"ACTIVE", "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE okta.user.users.userId = 'ID'", "GET POST"},
		{"SUSPENDED", "EXEC okta.user.users.unsuspend @userId = 'ID'", "GET POST"},
		{"ACTIVE", "UPDATE okta.user.users SET profile = json_object('login', login, 'email', email, 'firstName', 'F', 'lastName', 'L') WHERE id = 'ID'", "GET GET PUT"},
		{"ACTIVE", "UPDATE okta.user.users SET status = 'DEPROVISIONED' WHERE id = 'ID'", "GET POST"},
		{"DEPROVISIONED", "DELETE FROM okta.user.users WHERE id = 'ID'", "GET GET DELETE"},
		{"ACTIVE", "UPDATE okta.user.users SET title = 'Cook' WHERE id IN ('ID')", "GET GET POST"},
		{"ACTIVE", "UPDATE okta.user.users SET title = (SELECT 'x' FROM okta.user.users LIMIT 1) || 'y' WHERE id = 'ID'", "GET GET GET POST"},
	} {
		id := first(c.status)
		org.ResetRequests()
		got, err := runChange(t, e, strings.ReplaceAll(c.text, "ID", id))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", c.text, got, err)
		}
		var calls []string
		for _, r := range org.Requests() {
			if strings.HasPrefix(r.Path, "/api/v1/users") {
				calls = append(calls, r.Method)
			}
		}
		if s := strings.Join(calls, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.text, s, c.want)
		}
	}
}
