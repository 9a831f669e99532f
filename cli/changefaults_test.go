package cli

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// faulty is a fault of every request about one user, from the n-th on.
func faulty(kind oktatest.FaultKind, n int) oktatest.Fault {
	return oktatest.Fault{Kind: kind, At: n, Times: oktatest.Forever, Path: "/api/v1/users/00u"}
}

// A token that is revoked in the midst ends the run: the others aren't called for in vain, and a resume with
// a good token does them.
func TestTokenRevokedInTheMidst(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 200, Seed: 3})
	r.Inject(faulty(oktatest.Unauthorized, 60))
	code, out, errs := r.run(t.Context(), "query", "--yes", "--max-changes", "200", "-o", "tsv", suspendAll)
	done, left := strings.Count(out, "\tdone\t"), strings.Count(out, "\tnot reached\t")
	if code != ExitFailed || done < 5 || left < 5 || strings.Contains(out, "\tfailed\t") {
		t.Fatalf("exit code %d, %d done, %d not reached: %s", code, done, left, errs)
	}
	id := r.lastRun(t)
	for _, want := range []string{"401 E0000011", "the org doesn't accept the API token", fmt.Sprintf("%d rows left: whoql resume %s goes on", left, id)} {
		if !strings.Contains(errs, want) {
			t.Errorf("it doesn't say %q: %s", want, errs)
		}
	}
	refused := 0
	for _, q := range r.Requests() {
		if q.Status == http.StatusUnauthorized {
			refused++
		}
	}
	if refused > 20 { // those side by side
		t.Errorf("%d calls were made with a token that isn't taken", refused)
	}
	if code, out, errs := r.run(t.Context(), "resume", id, "--yes", "-o", "tsv"); code != ExitFailed || strings.Count(out, "\tdone\t") > done {
		t.Errorf("resume with the same token: exit code %d: %s", code, errs)
	}
	r.ClearFaults()
	if code, out, errs := r.run(t.Context(), "resume", id, "--yes", "-o", "tsv"); code != ExitOK || strings.Count(out, "\tdone\t") != done+left {
		t.Errorf("resume: exit code %d: %s", code, errs)
	}
	for path, n := range r.succeeded() {
		if n != 1 {
			t.Errorf("%s was called %d times", path, n)
		}
	}
}

// succeeded counts the POST calls that succeeded, by their path.
func (r *changeRun) succeeded() map[string]int {
	n := map[string]int{}
	for _, q := range r.Requests() {
		if q.Method == http.MethodPost && q.Status == http.StatusOK {
			n[q.Path]++
		}
	}
	return n
}

// A token that lacks a right fails each row, which says what it lacks.
func TestTokenWithoutScope(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	r.Inject(faulty(oktatest.Forbidden, 40))
	code, out, errs := r.run(t.Context(), "query", "--yes", "-o", "tsv", suspendAll)
	if code != ExitFailed || strings.Count(out, "\tfailed\t") != strings.Count(out, "\t403: Forbidden; ") || !strings.Contains(errs, "does not contain the required scopes (insufficient_scope)") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	_, shown, _ := r.run(t.Context(), "runs", "show", r.lastRun(t))
	if !strings.Contains(shown, "insufficient_scope") {
		t.Errorf("the journal doesn't say it: %s", shown)
	}
}

// 429s in the midst delay a run, and are no failures.
func TestRateLimitedInTheMidst(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	for _, f := range []oktatest.Fault{{Kind: oktatest.RateLimited, At: 20, Times: 5, Delay: 1}, {Kind: oktatest.Concurrency, At: 40, Times: 3, Delay: 1}, {Kind: oktatest.RateLimitedBare, At: 60}} {
		f.Path = "/api/v1/users/00u"
		r.Inject(f)
	}
	out := r.must(t, "query", "--yes", "-o", "tsv", suspendAll)
	if n := strings.Count(out, "\tdone\t"); n == 0 || n != len(r.succeeded()) {
		t.Errorf("%d done, %d calls succeeded: %s", n, len(r.succeeded()), out)
	}
}

// Of calls without a witness nobody can say whether they took effect: that is said, and how to go on.
func TestUnknownIsSaid(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	const text = "EXEC okta.user.users.resetFactors FOR SELECT id AS userId FROM okta.user.users WHERE status = 'STAGED' LIMIT 3"
	ids := strings.Fields(r.must(t, "query", "-o", "tsv", "SELECT id FROM okta.user.users WHERE status = 'STAGED' LIMIT 3"))[1:]
	for _, id := range ids {
		r.Inject(oktatest.Fault{Kind: oktatest.ResetAfter, Path: "/api/v1/users/" + id + "/lifecycle"})
	}
	code, out, errs := r.run(t.Context(), "query", "--yes", "-o", "tsv", text)
	id := regexp.MustCompile(`whoql resume (\S+) `).FindStringSubmatch(errs)
	if n := strings.Count(out, "\tunknown\t"); n != len(ids) || n == 0 || code != ExitFailed || id == nil || !strings.Contains(errs, fmt.Sprintf("of %d rows it isn't known", n)) {
		t.Fatalf("exit code %d, %d unknown of %d: %s", code, n, len(ids), errs)
	}
	if code, out, errs := r.run(t.Context(), "resume", id[1], "--yes", "-o", "tsv"); code != ExitFailed || strings.Count(out, "\tunknown\t") != len(ids) || len(r.posts()) != len(ids) {
		t.Errorf("resume: exit code %d: %s\n%s", code, errs, out)
	}
	if code, out, errs := r.run(t.Context(), "resume", id[1], "--yes", "--retry-unknown", "-o", "tsv"); code != ExitOK || strings.Count(out, "\tdone\t") != len(ids) {
		t.Errorf("resume --retry-unknown: exit code %d: %s\n%s", code, errs, out)
	}
}
