package cli

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// While a set is being worked at, somebody else deletes, deactivates, suspends and edits people of the plan: these
// are left as they are, and said to be skipped.
func TestOthersAreAtItToo(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 120, Seed: 3})
	o := &methodOrg{Org: r.Org}
	for i, text := range []string{suspendAll, "UPDATE okta.user.users SET status = 'SUSPENDED', department = 'Away' WHERE status = 'ACTIVE' AND JSON_EXTRACT(credentials, '$.provider.type') = 'OKTA'"} {
		// Those at the plan's end are changed as soon as the first call comes.
		_, planned, _ := r.run(t.Context(), "query", "--dry-run", "-o", "tsv", text)
		var victims []string
		for _, m := range regexp.MustCompile(`(?m)^[^\t]*\t(00u[^\t]*)\t.*\tsuspend\t`).FindAllStringSubmatch(planned, -1) {
			victims = append(victims, m[1])
		}
		victims = victims[len(victims)-4:]
		var once sync.Once
		r.post = func(int64) {
			once.Do(func() {
				o.ask(t, "DELETE", "/api/v1/users/"+victims[0], "")
				o.ask(t, "DELETE", "/api/v1/users/"+victims[0], "")
				o.ask(t, "POST", "/api/v1/users/"+victims[1]+"/lifecycle/deactivate", "")
				o.ask(t, "POST", "/api/v1/users/"+victims[2]+"/lifecycle/suspend", "")
				o.ask(t, "POST", "/api/v1/users/"+victims[3], fmt.Sprintf(`{"profile":{"title":"Somebody else's %d"}}`, i))
			})
		}
		r.ResetRequests()
		code, out, errs := r.run(t.Context(), "query", "--yes", "--max-changes", "200", "-o", "tsv", text)
		r.post = nil
		if code != ExitOK || strings.Count(out, "\tskipped\t") != 4 {
			t.Errorf("exit code %d, %d skipped: %s", code, strings.Count(out, "\tskipped\t"), errs)
		}
		for i, why := range []string{"isn't there any more", "is DEPROVISIONED by now, was ACTIVE", "is SUSPENDED by now, was ACTIVE", "its profile has been changed since"} {
			line := regexp.MustCompile(`(?m)^.*\t` + victims[i] + `\t.*$`).FindString(out)
			if !strings.Contains(line, "\tskipped\t") || !strings.Contains(line, why) {
				t.Errorf("%s: %q, want %q", victims[i], line, why)
			}
			if n := r.posts()["/api/v1/users/"+victims[i]]; n > 0 && i < 3 {
				t.Errorf("%s was written to", victims[i])
			}
		}
		// Who was skipped is nobody's deed: undo doesn't touch them.
		r.must(t, "undo", r.lastRun(t), "--yes", "--max-changes", "200")
		if is := o.status(t, victims[2]); is != "SUSPENDED" {
			t.Errorf("undo has touched whom somebody else suspended: %s", is)
		}
		o.ask(t, "POST", "/api/v1/users/"+victims[2]+"/lifecycle/unsuspend", "")
	}
}

// A plan is approved as it is: by its hash only as long as it has that, and up to --max-changes, that number
// included.
func TestApprovalIsExact(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	o := &methodOrg{Org: r.Org}
	const text = "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY id LIMIT 3 OFFSET 5"
	hashOf := func(errs string) string {
		m := regexp.MustCompile(`plan ([0-9a-f]{32}): 3 rows`).FindStringSubmatch(errs)
		if m == nil {
			t.Fatalf("no hash: %s", errs)
		}
		return m[1]
	}
	_, _, errs := r.run(t.Context(), "query", "--dry-run", text)
	hash := hashOf(errs)
	if _, _, errs := r.run(t.Context(), "query", "--dry-run", text); hashOf(errs) != hash {
		t.Error("the same plan has another hash")
	}
	ids := strings.Fields(r.must(t, "query", "-o", "tsv", "SELECT id FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY id LIMIT 3 OFFSET 5"))[1:]
	r.ResetRequests()
	o.ask(t, "POST", "/api/v1/users/"+ids[0]+"/lifecycle/suspend", "") // somebody else's
	r.ResetRequests()
	for _, more := range [][]string{nil, {"--yes"}} { // which doesn't loosen it
		code, _, errs := r.run(t.Context(), append([]string{"query", "--approve", hash, text}, more...)...)
		if code != ExitRefused || !strings.Contains(errs, "the plan isn't the approved one") {
			t.Errorf("exit code %d: %s", code, errs)
		}
	}
	if n := len(r.posts()); n > 0 {
		t.Errorf("%d calls were made", n)
	}
	if code, _, errs := r.run(t.Context(), "query", "--yes", "--max-changes", "2", text); code != ExitRefused || !strings.Contains(errs, "the plan changes 3 objects, and at most 2 are allowed") || len(r.posts()) > 0 {
		t.Errorf("--max-changes 2: exit code %d, %d calls: %s", code, len(r.posts()), errs)
	}
	_, _, errs = r.run(t.Context(), "query", "--dry-run", text)
	if code, _, errs := r.run(t.Context(), "query", "--approve", hashOf(errs), "--max-changes", "3", text); code != ExitOK || len(r.posts()) != 3 {
		t.Errorf("--max-changes 3: exit code %d, %d calls: %s", code, len(r.posts()), errs)
	}
	// What is refused or unchanged isn't counted.
	const wide = "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE status IN ('SUSPENDED', 'STAGED', 'DEPROVISIONED') OR id = '%s'"
	if code, _, errs := r.run(t.Context(), "query", "--yes", "--max-changes", "1", fmt.Sprintf(wide, strings.Fields(r.must(t, "query", "-o", "tsv", "SELECT id FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY id DESC LIMIT 1"))[1])); code != ExitOK {
		t.Errorf("--max-changes 1: exit code %d: %s", code, errs)
	}
}
