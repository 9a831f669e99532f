package whoql_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// secretStatements hold a secret, MARKED, wherever a statement can.
var secretStatements = []string{
	`EXEC okta.user.users.changePassword @userId = 'me', @oldPassword = '{"value":"MARKED-Old-4"}', @newPassword = '{"value":"MARKED-New-5"}'`,
	`EXEC okta.user.users.changeRecoveryQuestion @userId = 'me' @@json = '{"password":{"value":"MARKED"},"recovery_question":{"question":"MARKED?","answer":"MARKED"}}'`,
	`EXEC okta.user.users.update @credentials = json_object('password', json_object('value', 'MARKED')) FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE'`,
	`INSERT INTO okta.user.users (login, email, credentials) VALUES ('a@acme.example', 'a@acme.example', '{"password":{"value":"MARKED"}}')`,
	`INSERT INTO okta.user.users (profile, data__credentials, activate) SELECT '{"login":"a"}', json_object('password', 'it''s MARKED'), true FROM okta.user.users WHERE city = 'x'`,
	"UPDATE okta.user.users SET title = 'x', credentials = '{\"password\":{\"value\":\n\"MARKED\"}}' WHERE login = 'a@acme.example' RETURNING id",
	`UPDATE okta.user.users SET credentials = json_set('{}', '$.password.value', 'MARKED') -- it was MARKED
		FROM okta.group.groups AS g WHERE users.id = g.id`,
	`WITH p(w) AS (VALUES ('MARKED')) UPDATE okta.user.users SET credentials = json_object('password', w) FROM p WHERE id = '00u1'`,
	`EXEC okta.user.users.update @userId = 'me', @credentials = json_extract('{}', 'MARKED')`,
	`SELECT 1; UPDATE okta.user.users SET credentials = x'4d41524b4544' || 'MARKED' WHERE nothing = 'known'`,
}

// bareSecrets have lost the quotes of their secrets, as a shell takes them off.
var bareSecrets = []string{
	`EXEC okta.user.users.changePassword @userId = me, @oldPassword = MARKEDold, @newPassword = "MARKED new"`,
	`EXEC okta.user.users.changePassword @userId = me, @oldPassword = {"value":"MARKED"}`,
	`INSERT INTO okta.user.users (login, credentials) VALUES (MARKED, [MARKED])`,
	`INSERT INTO okta.user.users (login, credentials) (x, {password:{value:MARKED}})`,
	`UPDATE okta.user.users SET title = nope, credentials = MARKED || x WHERE true`,
	`UPDATE okta.user.users SET credentials = {"password":{"value":"MARKED"}} WHERE true`,
}

var word = regexp.MustCompile(`'[^']*'|[A-Za-z_@$."]+|[0-9]+|[^\sA-Za-z_0-9]`)

// spoilt are a statement and what becomes of it when its writer slips: a word or a sign is left out, comes
// twice, or is misspelt.
func spoilt(text string) []string {
	out := []string{text}
	for _, at := range word.FindAllStringIndex(text, -1) {
		w := text[at[0]:at[1]]
		out = append(out, text[:at[0]]+text[at[1]:], text[:at[1]]+" "+w+text[at[1]:], text[:at[1]]+", "+w+text[at[1]:], text[:at[0]])
		if strings.Contains(w, "MARKED") {
			out = append(out, text[:at[0]]+w[1:]+text[at[1]:], text[:at[0]]+w[:len(w)-1]+text[at[1]:], text[:at[0]]+"'"+text[at[0]:]) // without a quote, or with one too many
		} else {
			out = append(out, text[:at[0]]+w[:len(w)-1]+text[at[1]:], text[:at[0]]+"x"+text[at[0]:])
		}
	}
	return out
}

// shown is what people get to see of an error.
func shown(err error) string {
	var e *stmt.Error
	if errors.As(err, &e) {
		line, offset := e.Line()
		if offset > len(line) {
			return fmt.Sprintf("MARKED: the caret stands at %d of %q", offset, line)
		}
		return e.Error() + "\n" + line + "\n" + e.Advice()
	}
	var plan *whoql.ChangePlanError
	if errors.As(err, &plan) {
		return plan.Error() + "\n" + plan.Hint
	}
	return err.Error()
}

// No mistake in a statement shows the secrets that stand in it, and no plan does.
func TestErrorsHideSecrets(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 3})
	e, _ := asking(t, org, whoql.Options{})
	errs := map[string]bool{}
	for i, text := range append(bareSecrets, secretStatements...) {
		variants := spoilt(text)
		if i < len(bareSecrets) {
			variants = variants[:1]
		}
		for j, bad := range variants {
			if testing.Short() && j > 0 && (i+j)%5 != 0 {
				continue
			}
			for _, text := range []string{bad, "EXPLAIN " + bad} {
				lines, err := runChange(t, e, text)
				if err != nil {
					said := shown(err)
					lines = append(lines, said)
					errs[strings.SplitN(said, "\n", 2)[0]] = true
				}
				for _, line := range lines {
					if strings.Contains(line, "MARKED") {
						t.Fatalf("%s\nis shown as\n%s", text, line)
					}
				}
			}
		}
	}
	if len(errs) < 100 {
		t.Errorf("only %d different errors", len(errs))
	}
}

// Of a statement that only reads, and of what is no secret, an error shows all.
func TestErrorsShowTheRest(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 3})
	e := connect(t, org, okta.Options{}, whoql.Options{})
	changing, _ := asking(t, org, whoql.Options{})
	for _, c := range []struct {
		e          *whoql.Engine
		text, want string
	}{
		{e, "SELECT nope FROM okta.user.users WHERE city = 'Berlin'", "1:8: no such column: nope|SELECT nope FROM okta.user.users WHERE city = 'Berlin'|7"},
		{changing, "UPDATE okta.user.users SET title = 'Pilot', cty = 'Berlin' WHERE login = 'x'", "1:45: UPDATE sets no column cty|UPDATE okta.user.users SET title = '…', cty = '…' WHERE login = '…'|42"},
		{changing, "DELETE FROM okta.user.users\nWHERE city = 'Berlin' AND subdomain = 'bexta'", "2:39: unknown org: subdomain is \"bexta\", the orgs are: sandbox|WHERE city = '…' AND subdomain = 'bexta'|35"},
		{changing, "UPDATE okta.user.users SET title = nope WHERE 'é' = 1 /* a note */ AND nopes", "1:36: no such column: nope|UPDATE okta.user.users SET title = nope WHERE '…' = 1 … AND nopes|35"},
	} {
		_, err := runChange(t, c.e, c.text)
		var e *stmt.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		line, offset := e.Line()
		if got := fmt.Sprintf("%s|%s|%d", e.Error(), line, offset); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}
