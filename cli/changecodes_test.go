package cli

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// withConfig gives the run's org the name prod in a configuration with the lines.
func (r *changeRun) withConfig(t *testing.T, lines string) {
	t.Helper()
	url, _ := r.env("OKTA_CLIENT_ORGURL")
	token, _ := r.env("OKTA_CLIENT_TOKEN")
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("orgs:\n  prod:\n    url: %s\n    token: %s\n%s", url, token, lines)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = environment(map[string]string{"WHOQL_CONFIG": path, "WHOQL_STATE": r.state})
}

// users returns logins of users who have a status.
func (r *changeRun) users(t *testing.T, status string) (logins []string) {
	t.Helper()
	code, out, errs := r.run(t.Context(), "query", "-o", "tsv", "SELECT login FROM okta.user.users WHERE status = '"+status+"' ORDER BY created DESC")
	lines := strings.Fields(out)
	if code != ExitOK || len(lines) < 2 {
		t.Fatalf("nobody is %s: %s", status, errs)
	}
	return lines[1:]
}

// TestExitCodesOfChanges is the table of docs/changes.md, "How it ends".
func TestExitCodesOfChanges(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 150, Seed: 3})
	active, gone, staged := r.users(t, "ACTIVE"), r.users(t, "DEPROVISIONED")[0], r.users(t, "STAGED")[0]
	who := func(logins ...string) string { return " WHERE login IN ('" + strings.Join(logins, "', '") + "')" }
	const update = "UPDATE okta.user.users SET title = 'Pilot'"
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
		writes int
	}{
		{"done", []string{"--yes", update + who(active[0], active[1])}, ExitOK, "", 2},
		{"unchanged", []string{"--yes", update + who(active[0], active[1])}, ExitOK, "", 0},
		{"some refused", []string{"--yes", update + who(active[2], gone)}, ExitOK, "note: 1 done, 1 refused: is DEPROVISIONED; update is for", 1},
		{"nobody", []string{"--yes", update + " WHERE login = 'nobody@acme.example'"}, ExitOK, "note: nobody matches, so there is nothing to do: nothing was changed", 0},
		{"nobody to run it for", []string{"--yes", "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE login = 'nobody@acme.example'"}, ExitOK, "note: nobody matches", 0},
		{"all refused", []string{"--yes", update + who(gone)}, ExitRefused, "error: 1 refused: is DEPROVISIONED", 0},
		{"all refused, in a plan", []string{"--dry-run", update + who(gone)}, ExitOK, "1 refused", 0},
		{"refused by the org", []string{"EXEC okta.user.users.suspend @userId = '" + staged + "'"}, ExitFailed, "error: 1 failed: 400 E0000001", 1},
		{"everybody", []string{"--yes", update}, ExitSQL, "UPDATE without WHERE is about everybody", 0},
		{"everybody, removed", []string{"--yes", "DELETE FROM okta.user.users"}, ExitSQL, "DELETE without WHERE is about everybody", 0},
		{"a column that isn't there", []string{"--yes", "UPDATE okta.user.users SET titel = 'x' WHERE true"}, ExitSQL, "did you mean title", 0},
		{"not approved", []string{update + who(active[3], active[4])}, ExitRefused, "nobody has approved that", 0},
		{"too many", []string{"--yes", "--max-changes", "1", update + who(active[3], active[4])}, ExitRefused, "at most 1 are allowed", 0},
		{"another hash", []string{"--approve", "0123", update + who(active[3], active[4])}, ExitRefused, "the plan isn't the approved one", 0},
		{"another hash, of one who is named", []string{"--approve", "0123", update + " WHERE login = '" + active[3] + "'"}, ExitRefused, "the plan isn't the approved one", 0},
		{"another hash, and yes", []string{"--approve", "0123", "--yes", update + who(active[3], active[4])}, ExitRefused, "the plan isn't the approved one", 0},
		{"refused behind one that was done", []string{"--yes", update + who(active[5]) + "; DELETE FROM okta.user.users" + who(active[6])}, ExitFailed, "error: statement 2: 1 refused", 1},
		{"not approved behind one that was done", []string{update + " WHERE login = '" + active[6] + "'; " + update + who(active[3], active[4])}, ExitFailed, "nobody has approved that", 1},
		{"refused behind one that did nothing", []string{"--yes", update + who(active[5]) + "; DELETE FROM okta.user.users" + who(active[6])}, ExitRefused, "error: statement 2: 1 refused", 0},
		{"only to read", []string{"--read-only", "--yes", update + who(active[3])}, ExitRefused, "this only reads", 0},
	} {
		before := len(r.writes())
		code, out, errs := r.run(t.Context(), append([]string{"query"}, c.args...)...)
		if writes := len(r.writes()) - before; code != c.code || !strings.Contains(errs, c.stderr) || writes != c.writes {
			t.Errorf("%s: exit code %d, want %d; %d writes: %s\n%s", c.name, code, c.code, writes, errs, out)
		}
	}
}

// writes are the requests that aren't GET.
func (r *changeRun) writes() (out []oktatest.Request) {
	for _, q := range r.Requests() {
		if q.Method != http.MethodGet {
			out = append(out, q)
		}
	}
	return out
}

var runLine = regexp.MustCompile(`(?m)^run (\S+): `)

// TestExitCodesOfUndo: what can't be undone is refused, what is undone is so once.
func TestExitCodesOfUndo(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	active := r.users(t, "ACTIVE")
	run := func(want int, stderr string, args ...string) string {
		t.Helper()
		code, out, errs := r.run(t.Context(), args...)
		if code != want || !strings.Contains(errs, stderr) {
			t.Errorf("%q: exit code %d, want %d: %s\n%s", args, code, want, errs, out)
		}
		if m := runLine.FindStringSubmatch(errs); m != nil {
			return m[1]
		}
		return ""
	}
	suspended := run(ExitOK, "whoql undo ", "query", "EXEC okta.user.users.suspend @userId = '"+active[0]+"'")
	run(ExitOK, "", "undo", suspended, "--dry-run")
	run(ExitRefused, "nobody has approved", "undo", suspended)
	run(ExitRefused, "isn't the approved one", "undo", suspended, "--yes", "--approve", "0123")
	run(ExitOK, "", "undo", suspended, "--yes")
	run(ExitOK, "all that can be undone is as it was before", "undo", suspended, "--yes")
	run(ExitOK, "nothing is left to do", "resume", suspended)
	reset := run(ExitOK, "says what was done; none of it can be undone", "query", "EXEC okta.user.users.resetPassword @userId = '"+active[0]+"', @sendEmail = false")
	run(ExitRefused, "nothing of run "+reset+" can be undone: can't be undone: resetPassword: ", "undo", reset, "--yes")
	failed := run(ExitFailed, "nothing was done; whoql runs show ", "query", "EXEC okta.user.users.unsuspend @userId = '"+active[1]+"'")
	run(ExitOK, "nothing was done, so nothing is undone", "undo", failed, "--yes")
	run(ExitOK, "nothing is left to do; 1 object failed: --retry-failed tries again", "resume", failed)
	run(ExitUsage, `there is no run "x"`, "undo", "x")
	run(ExitUsage, "needs the id of one run", "resume")
	run(ExitUsage, "a sandbox in memory has no runs from before", "resume", failed, "--sandbox")
}

// A user is protected however a statement spells the org, and nobody is changed when it can't be told whom the token
// belongs to.
func TestProtected(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	active := r.users(t, "ACTIVE")
	_, out, _ := r.run(t.Context(), "query", "-o", "jsonl", "EXEC okta.user.users.suspend @userId = 'me'")
	login := regexp.MustCompile(`"login":"([^"]+)"`).FindStringSubmatch(out)
	if login == nil {
		t.Fatalf("who owns the token isn't shown: %s", out)
	}
	boss, me := active[0], login[1]
	r.withConfig(t, "protect: ["+boss+"]\n")
	// The org is called prod, and answers to the name of its host as well.
	for _, org := range []string{"prod", "PROD", "127.0.0.1"} {
		for _, login := range []string{boss, me} {
			for _, text := range []string{
				"EXEC okta.user.users.suspend @userId = '" + login + "', @subdomain = '" + org + "'",
				"UPDATE okta.user.users SET status = 'SUSPENDED' WHERE login = '" + login + "' AND subdomain = '" + org + "'",
				"EXEC okta.user.users.suspend FOR SELECT '" + login + "' AS userId, '" + org + "' AS subdomain",
			} {
				code, _, errs := r.run(t.Context(), "query", "--yes", text)
				if code != ExitRefused || !strings.Contains(errs, "the configuration protects it") && !strings.Contains(errs, "the token belongs to it") {
					t.Errorf("%s: exit code %d: %s", text, code, errs)
				}
			}
		}
	}
	// Who hasn't been asked for yet is asked for by each command.
	r.Inject(oktatest.Fault{Kind: oktatest.Unauthorized, Path: "/api/v1/users/me", Times: 100})
	code, _, errs := r.run(t.Context(), "query", "--yes", "EXEC okta.user.users.suspend @userId = '"+active[2]+"'")
	if code != ExitRefused || !strings.Contains(errs, "whom the token belongs to can't be told, and it must not be changed") {
		t.Errorf("/users/me fails: exit code %d: %s", code, errs)
	}
	r.ClearFaults()
	if n := len(r.writes()); n > 0 {
		t.Errorf("%d calls changed something", n)
	}
	if code, _, errs := r.run(t.Context(), "query", "--yes", "EXEC okta.user.users.suspend @userId = '"+active[2]+"'"); code != ExitOK {
		t.Errorf("who isn't protected: exit code %d: %s", code, errs)
	}
}

// A folder of the journal that others can write to is refused, and nothing is done.
func TestStateOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	r := newChangeRun(t, oktatest.Options{Users: 20})
	login := r.users(t, "ACTIVE")[0]
	if err := os.MkdirAll(r.state, 0o700); err != nil {
		t.Fatal(err)
	}
	suspend := "EXEC okta.user.users.suspend @userId = '" + login + "'"
	for _, mode := range []os.FileMode{0o770, 0o702, 0o777 | os.ModeSticky} {
		if err := os.Chmod(r.state, mode); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"query", suspend}, {"runs"}} {
			code, _, errs := r.run(t.Context(), args...)
			if code != ExitRefused || !strings.Contains(errs, "can be changed by others") || !strings.Contains(errs, "run: chmod go-w '"+r.state+"'") {
				t.Errorf("%o: exit code %d: %s", mode, code, errs)
			}
		}
	}
	if made := r.writes(); len(made) > 0 {
		t.Errorf("made: %v", made)
	}
	if err := os.Chmod(r.state, 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := r.run(t.Context(), "query", suspend); code != ExitOK {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
