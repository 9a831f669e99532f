package cli

import (
	"fmt"
	"strings"
	"testing"
)

// RETURNING has the users as they are behind each change, and EXPLAIN in front of each shows its plan and
// changes nothing.
func TestReturningAndExplain(t *testing.T) {
	o := newMethodOrg(t)
	for _, c := range []struct{ status, text, want, operation string }{
		{"", "INSERT INTO okta.user.users (login, email, firstName, lastName, activate) VALUES ('r@acme.example', 'r@acme.example', 'R', 'E', false) RETURNING login, status", "r@acme.example STAGED", "insert"},
		{"ACTIVE", "UPDATE okta.user.users SET city = 'X' WHERE id = 'ID' RETURNING id, city", "ID X", "update"},
		{"ACTIVE", "UPDATE okta.user.users SET profile = json_object('login', login, 'email', email, 'firstName', 'F', 'lastName', 'L') WHERE id = 'ID' RETURNING id, firstName", "ID F", "replace"},
		{"SUSPENDED", "UPDATE okta.user.users SET status = 'ACTIVE' WHERE id = 'ID' RETURNING id, status", "ID ACTIVE", "unsuspend"},
		{"DEPROVISIONED", "DELETE FROM okta.user.users WHERE id = 'ID' RETURNING id, status", "ID DEPROVISIONED", "delete"},
		{"ACTIVE", "EXEC okta.user.users.suspend @userId = 'ID' RETURNING id, status", "ID SUSPENDED", "suspend"},
		{"ACTIVE", "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE id = 'ID' RETURNING id, status", "ID SUSPENDED", "suspend"},
		{"SUSPENDED", "EXEC okta.user.users.unsuspend @userId = 'ID' RETURNING id, status", "ID ACTIVE", "unsuspend"},
		{"LOCKED_OUT", "EXEC okta.user.users.unlock @userId = 'ID' RETURNING id, status", "ID ACTIVE", "unlock"},
		{"ACTIVE", "EXEC okta.user.users.deactivate @userId = 'ID' RETURNING id, status", "ID DEPROVISIONED", "deactivate"},
		{"ACTIVE", "EXEC okta.user.users.expirePassword @userId = 'ID' RETURNING id, status", "ID PASSWORD_EXPIRED", "expirePassword"},
		{"ACTIVE", "EXEC okta.user.users.resetFactors @userId = 'ID' RETURNING id, status", "ID ACTIVE", "resetFactors"},
		{"ACTIVE", `EXEC okta.user.users.update @userId = 'ID', @profile = '{"city":"Y"}' RETURNING id, city`, "ID Y", "update"},
		{"ACTIVE", `EXEC okta.user.users.changePassword @userId = 'ID', @oldPassword = '{"value":"Tea-at-4-pm"}', @newPassword = '{"value":"Coffee-at-5"}' RETURNING id, status`, "ID ACTIVE", "changePassword"},
		{"ACTIVE", `EXEC okta.user.users.changeRecoveryQuestion @userId = 'ID', @password = '{"value":"Tea-at-4-pm"}', @recovery_question = '{"question":"Pet?","answer":"Cat"}' RETURNING id, credentials->>'$.recovery_question.question' AS q`, "ID Pet?", "changeRecoveryQuestion"},
		{"STAGED", "EXEC okta.user.users.activate @userId = 'ID', @sendEmail = false", "", "activate"},
		{"PROVISIONED", "EXEC okta.user.users.reactivate @userId = 'ID'", "", "reactivate"},
		{"ACTIVE", "EXEC okta.user.users.resetPassword @userId = 'ID', @sendEmail = false", "", "resetPassword"},
		{"ACTIVE", "EXEC okta.user.users.forgotPassword @userId = 'ID', @sendEmail = false", "", "forgotPassword"},
		{"ACTIVE", "EXEC okta.user.users.expirePasswordTemp @userId = 'ID'", "", "expirePasswordTemp"},
	} {
		id := ""
		if c.status != "" {
			id = o.user(t, c.status)
		}
		text := strings.ReplaceAll(c.text, "'ID'", "'"+id+"'")
		before, _, _ := strings.Cut(text, " RETURNING ")
		code, row, out, sent, errs := o.run(t, "EXPLAIN "+before)
		if code != ExitOK || row["operation"] != c.operation || row["refused"] != nil || len(writes(sent)) > 0 {
			t.Errorf("EXPLAIN %s: exit code %d, %q: %s %s", before, code, writes(sent), out, errs)
		}
		if c.want == "" { // RETURNING would lose what is shown once
			code, _, out, sent, errs = o.run(t, text+" RETURNING id")
			if code != ExitSQL || len(sent) > 0 || !strings.Contains(errs, "RETURNING would lose that") {
				t.Errorf("%s RETURNING id: exit code %d, %q: %s %s", text, code, sent, out, errs)
			}
			continue
		}
		code, row, out, sent, errs = o.run(t, text)
		if code == ExitRefused { // a set isn't done without being asked for
			var stdout, stderr buffer
			code = Run(t.Context(), []string{"query", "--yes", "-o", "jsonl", text}, strings.NewReader(""), &stdout, &stderr, o.env)
			if out = stdout.String(); code != ExitOK || !strings.Contains(out, strings.Fields(c.want)[1]) {
				t.Errorf("%s: exit code %d: %s %s", text, code, out, stderr.String())
			}
			continue
		}
		var got []string
		for _, name := range []string{"id", "login", "firstName", "city", "status", "q"} {
			if v, ok := row[name]; ok {
				got = append(got, fmt.Sprint(v))
			}
		}
		if want := strings.ReplaceAll(c.want, "ID", id); code != ExitOK || strings.Join(got, " ") != want || len(writes(sent)) != 1 {
			t.Errorf("%s: exit code %d, %q: %s %s, want %s", text, code, writes(sent), out, errs, want)
		}
	}
}
