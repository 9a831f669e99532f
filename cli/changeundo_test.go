package cli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// listing is all of the org but the times that a change moves.
const listing = "SELECT id, status, created, activated, lastLogin, passwordChanged, type, profile, credentials FROM okta.user.users ORDER BY id"

// lastRun is the id of the newest run in the journal.
func (r *changeRun) lastRun(t *testing.T) string {
	t.Helper()
	_, out, errs := r.run(t.Context(), "runs", "-o", "json")
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(out)
	if id == nil {
		t.Fatalf("no runs: %s %s", out, errs)
	}
	return id[1]
}

// must runs whoql, which must exit with 0.
func (r *changeRun) must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := r.run(t.Context(), args...)
	if code != ExitOK {
		t.Fatalf("%q: exit code %d: %s\n%s", args, code, errs, out)
	}
	return out
}

// What can be undone is, and the listing is byte for byte what it was, times aside. An undo is undone, too.
func TestUndoBringsTheListingBack(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3, Owner: true})
	r.must(t, "query", "--yes", "INSERT INTO okta.user.users (login, email, firstName, lastName, nickName, title) VALUES ('ünïcødé@acme.example', 'u@acme.example', '王', 'O''Neill \"Q\" \\ 	end', '', ' ')")
	was := r.must(t, "query", "-o", "jsonl", listing)
	for i, text := range []string{
		"EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status IN ('ACTIVE', 'PROVISIONED', 'PASSWORD_EXPIRED', 'RECOVERY')",
		"UPDATE okta.user.users SET status = 'SUSPENDED' WHERE status IN ('ACTIVE', 'PROVISIONED', 'PASSWORD_EXPIRED')",
		"EXEC okta.user.users.unsuspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'SUSPENDED'",
		"UPDATE okta.user.users SET status = 'ACTIVE' WHERE status = 'SUSPENDED'",
		"UPDATE okta.user.users SET department = 'IT', title = upper(title), city = NULL, costCenter = '', nickName = 'naïve 王 \" \\ ''', secondEmail = 'new.' || email WHERE status <> 'DEPROVISIONED'",
		"UPDATE okta.user.users SET floor = 99, badge = 7, contractor = true WHERE status <> 'DEPROVISIONED'",
		"UPDATE okta.user.users SET login = 'moved.' || login, email = 'moved.' || email WHERE status = 'ACTIVE'",
		"UPDATE okta.user.users SET profile = json_object('login', login, 'email', 'e@x.example', 'firstName', 'F', 'lastName', 'L', 'floor', 3, 'city', 'Ωmega') WHERE status <> 'DEPROVISIONED'",
		"UPDATE okta.user.users SET status = 'SUSPENDED', department = 'Both', mobilePhone = NULL WHERE status = 'ACTIVE'",
		"UPDATE okta.user.users SET status = 'ACTIVE', department = 'Both' WHERE status = 'SUSPENDED'",
		"EXEC okta.user.users.update @profile = '{\"title\":\"T\",\"costCenter\":null,\"floor\":1}' FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE'",
		"UPDATE okta.user.users SET title = 'A' WHERE status = 'ACTIVE'; UPDATE okta.user.users SET title = 'B', city = 'C' WHERE status = 'ACTIVE'; UPDATE okta.user.users SET status = 'SUSPENDED', title = NULL WHERE status = 'ACTIVE'",
	} {
		if testing.Short() && i%4 > 0 {
			continue
		}
		// Profiles of users from elsewhere can't be written.
		text = strings.ReplaceAll(text, "WHERE status", "WHERE JSON_EXTRACT(credentials, '$.provider.type') = 'OKTA' AND status")
		code, out, errs := r.run(t.Context(), "query", "--yes", "--max-changes", "1000", "-o", "tsv", text)
		if strings.Count(out, "\tdone\t") == 0 || strings.Contains(out, "\tfailed\t") || strings.Contains(out, "\tskipped\t") {
			t.Fatalf("%s: exit code %d: %s", text, code, errs)
		}
		done := regexp.MustCompile(`(?m)^[^\t]*\t([^\t]*)\t.*\tdone\t`).FindAllStringSubmatch(out, -1)
		changed := r.must(t, "query", "-o", "jsonl", listing)
		if changed == was {
			t.Fatalf("%s: nothing has changed", text)
		}
		first := r.lastRun(t)
		ids := map[string]bool{}
		for _, m := range done {
			ids[m[1]] = true
		}
		code, out, errs = r.run(t.Context(), "undo", first, "--yes", "--max-changes", "1000", "-o", "tsv")
		if n := strings.Count(out, "\tdone\t"); code != ExitOK || n != len(ids) {
			t.Errorf("undo of %s: exit code %d, %d done of %d: %s", text, code, n, len(ids), errs)
		}
		if now := r.must(t, "query", "-o", "jsonl", listing); now != was {
			t.Fatalf("undo of %s: the listing isn't what it was: %s", text, firstDifference(was, now))
		}
		if code, out, errs := r.run(t.Context(), "undo", first, "--yes", "--max-changes", "1000", "-o", "tsv"); strings.Contains(out, "\tdone\t") {
			t.Errorf("undo again of %s: exit code %d: %s", text, code, errs)
		}
		if i%4 > 0 {
			continue
		}
		// Back and forth.
		second := r.lastRun(t)
		if code, out, errs := r.run(t.Context(), "undo", second, "--yes", "--max-changes", "1000", "-o", "tsv"); code != ExitOK {
			t.Errorf("undo of the undo of %s: exit code %d: %s\n%s", text, code, errs, out)
		} else if now := r.must(t, "query", "-o", "jsonl", listing); now != changed {
			t.Errorf("undo of the undo of %s: %s", text, firstDifference(changed, now))
		}
		r.must(t, "undo", r.lastRun(t), "--yes", "--max-changes", "1000", "-o", "tsv")
		if now := r.must(t, "query", "-o", "jsonl", listing); now != was {
			t.Fatalf("undo of the undo of the undo of %s: %s", text, firstDifference(was, now))
		}
	}
	r.must(t, "runs", "verify")
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d of %d:\nwas %s\nis  %s", i+1, len(x), x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines were %d", len(y), len(x))
}

// What can't be undone is refused and says what is lost; the rest of the run is undone.
func TestUndoOfTheRest(t *testing.T) {
	o := newMethodOrg(t)
	r := &changeRun{Org: o.Org, env: o.env, state: o.state}
	for _, c := range []struct{ status, text, want, then string }{
		{"", "INSERT INTO okta.user.users (login, email, firstName, lastName) VALUES ('new@acme.example', 'n@acme.example', 'N', 'N')", "deactivate\tdone\tDEPROVISIONED", "DEPROVISIONED"},
		{"", "INSERT INTO okta.user.users (login, email, firstName, lastName, activate) VALUES ('staged@acme.example', 'n@acme.example', 'N', 'N', false)", "deactivate\tdone\tDEPROVISIONED", "DEPROVISIONED"},
		{"ACTIVE", "EXEC okta.user.users.deactivate @userId = 'ID'", "the password and the apps are gone", "DEPROVISIONED"},
		{"STAGED", "EXEC okta.user.users.activate @userId = 'ID', @sendEmail = false", "can't be undone: activate", "PROVISIONED"},
		{"LOCKED_OUT", "EXEC okta.user.users.unlock @userId = 'ID'", "can't be undone: unlock", "ACTIVE"},
		{"ACTIVE", "EXEC okta.user.users.expirePassword @userId = 'ID'", "can't be undone: expirePassword", "PASSWORD_EXPIRED"},
		{"ACTIVE", "EXEC okta.user.users.expirePasswordTemp @userId = 'ID'", "can't be undone: expirePasswordTemp", "PASSWORD_EXPIRED"},
		{"ACTIVE", "EXEC okta.user.users.resetPassword @userId = 'ID', @sendEmail = false", "can't be undone: resetPassword", "RECOVERY"},
		{"ACTIVE", "EXEC okta.user.users.forgotPassword @userId = 'ID', @sendEmail = false", "can't be undone: forgotPassword", "ACTIVE"},
		{"PROVISIONED", "EXEC okta.user.users.reactivate @userId = 'ID'", "can't be undone: reactivate", "PROVISIONED"},
		{"ACTIVE", "EXEC okta.user.users.resetFactors @userId = 'ID'", "can't be undone: resetFactors", "ACTIVE"},
		{"ACTIVE", `UPDATE okta.user.users SET credentials = '{"password":{"value":"Coffee-at-5"}}' WHERE id = 'ID'`, "can't be undone: update", "ACTIVE"},
		{"ACTIVE", `EXEC okta.user.users.changePassword @userId = 'ID', @oldPassword = '{"value":"Tea-at-4-pm"}', @newPassword = '{"value":"Coffee-at-5"}'`, "can't be undone: changePassword", "ACTIVE"},
		{"DEPROVISIONED", "DELETE FROM okta.user.users WHERE id = 'ID'", "can't be undone: delete", "gone"},
	} {
		id := "new@acme.example"
		if strings.Contains(c.text, "staged@") {
			id = "staged@acme.example"
		}
		if c.status != "" {
			id = o.user(t, c.status)
		}
		r.must(t, "query", "--yes", strings.ReplaceAll(c.text, "'ID'", "'"+id+"'"))
		code, out, errs := r.run(t.Context(), "undo", r.lastRun(t), "--yes", "-o", "tsv")
		if undone := c.status == ""; undone && code != ExitOK || !strings.Contains(out, c.want) {
			t.Errorf("undo of %s: exit code %d: %s %s", c.text, code, out, errs)
		}
		if c.then != "gone" {
			if is := o.status(t, id); is != c.then {
				t.Errorf("undo of %s: the user is %s, want %s", c.text, is, c.then)
			}
		}
	}
}
