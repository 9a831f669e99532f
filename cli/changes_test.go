package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// changeRun runs whoql over an org with a journal of its own.
type changeRun struct {
	*oktatest.Org
	env   LookupEnv
	state string
	post  func(n int64) // is called before the n-th POST is answered, from 1
}

func newChangeRun(t *testing.T, o oktatest.Options) *changeRun {
	t.Helper()
	r := &changeRun{Org: oktatest.New(o), state: filepath.Join(t.TempDir(), "state")}
	var posts atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost {
			if n := posts.Add(1); r.post != nil {
				r.post(n)
			}
		}
		r.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	token := o.Token
	if token == "" {
		token = oktatest.DefaultToken
	}
	r.env = environment(map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": token, "WHOQL_STATE": r.state})
	return r
}

func (r *changeRun) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs buffer
	code = Run(ctx, args, strings.NewReader(""), &out, &errs, r.env)
	return code, out.String(), errs.String()
}

const suspendAll = "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE'"

// Ctrl-C in the middle of a set: what is under way is seen through and reported, and resume does the rest,
// each once.
func TestChangesInterrupted(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 120, Seed: 3})
	ctx, cancel := context.WithCancelCause(t.Context())
	r.post = func(n int64) {
		if n == 30 {
			cancel(&signalError{os.Interrupt})
		}
		if n >= 30 && n < 40 {
			time.Sleep(2 * grace) // longer than a query that only reads would be given
		}
	}
	code, out, errs := r.run(ctx, "query", "--yes", "-o", "tsv", suspendAll)
	if code != ExitInterrupted || !strings.Contains(out, "\tnot reached\t") || strings.Contains(out, "\tunknown\t") {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	id := regexp.MustCompile(`whoql resume (\S+) goes on`).FindStringSubmatch(errs)
	if id == nil {
		t.Fatalf("it doesn't say how to go on: %s", errs)
	}
	if !strings.Contains(errs, "Ctrl-C again gives up; whoql resume "+id[1]+" finds out") {
		t.Errorf("while it waits it doesn't say which run it is: %s", errs)
	}
	if done, posts := strings.Count(out, "\tdone\t"), r.posts(); done != len(posts) {
		t.Errorf("%d are done, and %d calls were made", done, len(posts))
	}
	r.post = nil
	if code, _, errs := r.run(t.Context(), "resume", id[1]); code != ExitRefused || !strings.Contains(errs, "add --yes") {
		t.Errorf("resume without --yes: exit code %d: %s", code, errs)
	}
	if code, out, errs := r.run(t.Context(), "resume", id[1], "--yes", "-o", "tsv"); code != ExitOK {
		t.Errorf("resume: exit code %d: %s\n%s", code, errs, out)
	}
	for path, n := range r.posts() {
		if n != 1 {
			t.Errorf("%s was called %d times", path, n)
		}
	}
	code, out, errs = r.run(t.Context(), "query", "-o", "tsv", "SELECT count(*) AS n FROM okta.user.users WHERE status = 'ACTIVE'")
	if code != ExitOK || out != "n\n1\n" { // the owner of the token
		t.Errorf("left ACTIVE: %s %s", out, errs)
	}
	if code, _, errs := r.run(t.Context(), "resume", id[1]); code != ExitOK || !strings.Contains(errs, "nothing is left to do") {
		t.Errorf("resume again: exit code %d: %s", code, errs)
	}
}

// A resume that is interrupted, and an undo, say what a query does: what was done is done, and how to go on.
func TestResumeInterrupted(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 120, Seed: 3})
	goesOn := regexp.MustCompile(`hint: what was done is done; whoql resume (\S+) goes on`)
	var cancel context.CancelCauseFunc
	at := int64(20)
	r.post = func(n int64) {
		if n == at {
			cancel(&signalError{os.Interrupt})
		}
		if at > 0 && n >= at {
			time.Sleep(grace / 4) // so that nothing more is begun
		}
	}
	interrupt := func(args ...string) string {
		t.Helper()
		var ctx context.Context
		ctx, cancel = context.WithCancelCause(t.Context())
		code, _, errs := r.run(ctx, append(args, "--yes", "-o", "tsv")...)
		id := goesOn.FindStringSubmatch(errs)
		if code != ExitInterrupted || id == nil || strings.Contains(errs, "no row was written") {
			t.Fatalf("%s: exit code %d: %s", args[0], code, errs)
		}
		return id[1]
	}
	id := interrupt("query", suspendAll+" LIMIT 80")
	at = int64(len(r.posts()) + 10)
	if again := interrupt("resume", id); again != id {
		t.Errorf("resume %s names the run %s", id, again)
	}
	at = 0
	if code, _, errs := r.run(t.Context(), "resume", id, "--yes"); code != ExitOK && code != ExitFailed { // the token's owner fails
		t.Fatalf("exit code %d: %s", code, errs)
	}
	at = int64(len(r.posts()) + 5)
	if again := interrupt("undo", id); again == id {
		t.Errorf("undo %s names that run itself", id)
	}
}

// Who is protected by now is left as they are when a run is gone on with, and are done once they aren't.
func TestResumeProtects(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
	r.Inject(oktatest.Fault{Kind: oktatest.Forbidden, Path: "/api/v1/users/", At: 5})
	code, _, errs := r.run(t.Context(), "query", "--yes", "--on-error", "stop", suspendAll+" LIMIT 30 OFFSET 1")
	id := regexp.MustCompile(`whoql resume (\S+) goes on`).FindStringSubmatch(errs)
	if code != ExitFailed || id == nil {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	_, out, _ := r.run(t.Context(), "runs", "show", id[1], "-o", "csv")
	left := regexp.MustCompile(`(?m),(\w+@acme.example),suspend,not reached,`).FindAllStringSubmatch(out, -1)
	if len(left) < 2 {
		t.Fatalf("nothing is left: %s", out)
	}
	before := r.env
	r.withConfig(t, "protect: ["+left[0][1]+", "+left[1][1]+"]\n")
	code, out, errs = r.run(t.Context(), "resume", id[1], "--yes", "--retry-failed", "-o", "tsv")
	if code != ExitFailed || strings.Count(out, "\trefused\t") != 2 || strings.Count(out, "\tdone\t") != 28 || !strings.Contains(errs, "28 done, 2 refused: the configuration protects it") {
		t.Errorf("resume: exit code %d: %s\n%s", code, errs, out)
	}
	r.env = before
	if code, out, errs := r.run(t.Context(), "resume", id[1], "--yes", "-o", "tsv"); code != ExitOK || strings.Count(out, "\tdone\t") != 30 {
		t.Errorf("resume: exit code %d: %s\n%s", code, errs, out)
	}
	for path, n := range r.posts() {
		if n != 1 {
			t.Errorf("%s was called %d times", path, n)
		}
	}
}

// posts counts the POST calls by their path.
func (r *changeRun) posts() map[string]int {
	posts := map[string]int{}
	for _, q := range r.Requests() {
		if q.Method == http.MethodPost {
			posts[q.Path]++
		}
	}
	return posts
}

// Passwords, answers to recovery questions, temporary passwords and links are shown to nobody but who asked for
// them, on standard output, once.
func TestSecretsOfChanges(t *testing.T) {
	const password = "MARKEDsecret-4-Tea"
	r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3, Token: marked})
	shown := 0
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := r.run(t.Context(), args...)
		if code != want {
			t.Errorf("%q: exit code %d, want %d: %s\n%s", args, code, want, errs, out)
		}
		checkSecret(t, strings.Join(args[:1], " ")+": stderr", errs)
		shown++
		return out
	}
	insert := func(login, credentials string) string {
		return "INSERT INTO okta.user.users (login, email, firstName, lastName, credentials) VALUES ('" + login + "', 'x@acme.example', 'X', 'Y', '" + credentials + "')"
	}
	run(ExitOK, "query", "-v", insert("a@acme.example", `{"password":{"value":"`+password+`"}}`))
	run(ExitFailed, "query", "-v", insert("a@acme.example", `{"password":{"value":"`+password+`"}}`)) // the login is taken
	run(ExitFailed, "query", "-v", insert("b@acme.example", `{"password":{"value":"markedsecret"}}`)) // too weak
	run(ExitSQL, "query", "-v", insert("c@acme.example", `"markedsecret"`))
	run(ExitOK, "query", "-v", "EXPLAIN "+insert("d@acme.example", `{"password":{"value":"`+password+`"}}`))
	run(ExitOK, "query", "-v", "--dry-run", "-o", "json", insert("d@acme.example", `{"password":{"value":"`+password+`"}}`))
	run(ExitOK, "query", "-v", "UPDATE okta.user.users SET credentials = '{\"password\":{\"value\":\"MARKEDsecret-5-Tea\"}}' WHERE login = 'a@acme.example'")
	run(ExitFailed, "query", "-v", "EXEC okta.user.users.changePassword @userId = 'a@acme.example', @oldPassword = '{\"value\":\"MARKEDsecret-wrong\"}', @newPassword = '{\"value\":\"MARKEDsecret-6-Tea\"}'")
	for _, kind := range []oktatest.FaultKind{oktatest.InternalError, oktatest.ResetAfter} {
		if testing.Short() {
			break // whether such a call took effect is asked after some seconds
		}
		r.Inject(oktatest.Fault{Kind: kind, At: 1})
		r.run(t.Context(), "query", "-v", insert(kind.String()+"@acme.example", `{"password":{"value":"`+password+`"}}`))
		r.ClearFaults()
	}
	temp := regexp.MustCompile(`"tempPassword":"([^"]+)"`).FindStringSubmatch(run(ExitOK, "query", "-o", "json", "EXEC okta.user.users.expirePasswordTemp @userId = 'a@acme.example'"))
	link := regexp.MustCompile(`"resetPasswordUrl":"[^"]+/([^"/]+)"`).FindStringSubmatch(run(ExitOK, "query", "-o", "json", "EXEC okta.user.users.resetPassword @userId = 'a@acme.example', @sendEmail = false"))
	if temp == nil || link == nil {
		t.Fatal("the answers' secrets are not shown")
	}
	ids := regexp.MustCompile(`"id":"([^"]+)"`).FindAllStringSubmatch(run(ExitOK, "runs", "-o", "json"), -1)
	if len(ids) < 7 {
		t.Errorf("only %d runs", len(ids))
	}
	for _, id := range ids {
		checkSecret(t, "runs show", run(ExitOK, "runs", "show", id[1], "-o", "json"))
	}
	checkSecret(t, "runs", run(ExitOK, "runs"))
	err := filepath.WalkDir(r.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{"MARKEDsecret", "markedsecret", temp[1], link[1]} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %s", filepath.Base(path), secret)
			}
		}
		if info, e := d.Info(); e == nil && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("%s has mode %s", filepath.Base(path), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What needs a secret goes on only with the statements that the run was started with.
func TestResumeWithSecrets(t *testing.T) {
	r := newChangeRun(t, oktatest.Options{Users: 5, Seed: 3})
	const text = `INSERT INTO okta.user.users (login, email, firstName, lastName, credentials)
		SELECT login, 'x@acme.example', 'X', 'Y', json_object('password', json_object('value', :secret || pin)) FROM roster`
	roster := "login,pin\n"
	for i := range 40 {
		roster += fmt.Sprintf("n%d@acme.example,%d\n", i+1, 1000+i)
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, csv := write("insert.sql", text), "roster="+write("roster.csv", roster)
	with := func(secret string, args ...string) []string {
		return append(args, "--yes", "-o", "tsv", "-f", file, "--csv", csv, "--param", "secret="+secret)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	r.post = func(n int64) {
		if n == 15 {
			cancel(&signalError{os.Interrupt})
			time.Sleep(grace / 4) // so that nothing more is begun
		}
	}
	code, _, errs := r.run(ctx, with("MARKEDsecret-4-", "query")...)
	id := regexp.MustCompile(`whoql resume (\S+) goes on`).FindStringSubmatch(errs)
	if code != ExitInterrupted || id == nil {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	began := r.posts()["/api/v1/users"]
	if code, out, errs := r.run(t.Context(), "resume", id[1], "--yes", "-o", "tsv"); code != ExitFailed || !strings.Contains(out, "\tneeds input\t") || !strings.Contains(errs, "resume "+id[1]+" -f FILE, with the --param, --csv and --attach that they had") {
		t.Errorf("without the statements: exit code %d: %s", code, errs)
	}
	if code, _, errs := r.run(t.Context(), with("MARKEDsecret-5-", "resume", id[1])...); code != ExitFailed || !strings.Contains(errs, "is not what the run began with") ||
		!regexp.MustCompile(`(?m)^run `+id[1]+`: nothing more was done; \d+ rows are left: whoql resume `+id[1]+` goes on, whoql runs show`).MatchString(errs) {
		t.Errorf("with others: exit code %d: %s", code, errs)
	}
	if n := r.posts()["/api/v1/users"]; n != began {
		t.Errorf("%d users were created meanwhile", n-began)
	}
	if code, out, errs := r.run(t.Context(), with("MARKEDsecret-4-", "resume", id[1])...); code != ExitOK || strings.Count(out, "\tdone\t") != 40 {
		t.Errorf("with them: exit code %d: %s", code, errs)
	}
	if n := r.posts()["/api/v1/users"]; n != 40 {
		t.Errorf("%d calls for 40 users", n)
	}
	if err := r.SignIn("n40@acme.example", "MARKEDsecret-4-1039"); err != nil {
		t.Error(err)
	}
}
