package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

var (
	changeKills = flag.Int("change-kills", 3, "how many points TestChangeKilled kills whoql at")
	changeUsers = flag.Int("change-users", 120, "how many users TestChangeKilled and TestChangeResets suspend")
)

// A killOrg is an org whose users are suspended by a whoql that is killed at a request.
type killOrg struct {
	*oktatest.Org
	env     []string
	bin     string
	targets []string // who is to be suspended

	mu     sync.Mutex
	seen   int
	at     int  // the request, from 1, at which whoql is killed; 0: never
	acts   bool // whether that request is carried out
	killed bool
	cmd    *exec.Cmd
	stuck  chan struct{} // closed when the killed process is gone
}

func newKillOrg(t *testing.T, seed uint64, users int) *killOrg {
	t.Helper()
	bin, err := exec.LookPath("whoql")
	if err != nil {
		t.Fatal(err)
	}
	o := &killOrg{Org: oktatest.New(oktatest.Options{Users: 2 * users, Seed: seed, Owner: true}), bin: bin}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+server.URL, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken, "WHOQL_STATE="+filepath.Join(t.TempDir(), "state"), "GORACE=atexit_sleep_ms=10")
	me := httptest.NewRecorder()
	r := httptest.NewRequest("GET", server.URL+"/api/v1/users/me", nil)
	r.Header.Set("Authorization", "SSWS "+oktatest.DefaultToken)
	o.Org.ServeHTTP(me, r)
	for id, status := range o.statuses() {
		if status == "ACTIVE" && !strings.Contains(me.Body.String(), id) {
			o.targets = append(o.targets, id)
		}
	}
	slices.Sort(o.targets)
	if len(o.targets) < users {
		t.Fatalf("only %d users are ACTIVE", len(o.targets))
	}
	o.targets = o.targets[:users]
	return o
}

// statuses are those of all users, by id.
func (o *killOrg) statuses() map[string]string {
	out := map[string]string{}
	for text := range o.Users() {
		var u struct{ ID, Status string }
		if err := json.Unmarshal(text, &u); err != nil {
			panic(err)
		}
		out[u.ID] = u.Status
	}
	return out
}

// ServeHTTP implements http.Handler. At the request of the kill the process is killed: before the request is carried
// out or behind that, but before it is answered.
func (o *killOrg) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.seen++
	now := o.at > 0 && o.seen >= o.at && !o.killed
	o.killed = o.killed || now
	cmd, stuck := o.cmd, o.stuck
	o.mu.Unlock()
	if !now {
		o.Org.ServeHTTP(w, r)
		return
	}
	if o.acts {
		o.Org.ServeHTTP(httptest.NewRecorder(), r)
	}
	_ = cmd.Process.Kill()
	<-stuck // no answer comes before its end
	panic(http.ErrAbortHandler)
}

// run runs whoql, and kills it at a request, counted from its start; 0: never. code is -1 if it was killed.
func (o *killOrg) run(t *testing.T, at int, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(o.bin, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = o.env, &out, &errs
	o.mu.Lock()
	o.seen, o.at, o.killed, o.cmd, o.stuck = 0, at, false, cmd, make(chan struct{})
	err := cmd.Start()
	o.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	o.mu.Lock()
	o.at = 0
	killed := o.killed
	o.mu.Unlock()
	close(o.stuck)
	var failed *exec.ExitError
	switch {
	case killed && err != nil:
		return -1, out.String(), errs.String()
	case errors.As(err, &failed):
		return failed.ExitCode(), out.String(), errs.String()
	case err != nil:
		t.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

// suspend is the statement, for the first n ACTIVE users but the owner of the token.
func (o *killOrg) suspend() []string {
	text := "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE' AND id >= '" + o.targets[0] + "' AND id <= '" + o.targets[len(o.targets)-1] + "'"
	return []string{"query", "--yes", "--max-changes", strconv.Itoa(len(o.targets)), "-o", "json", text}
}

type outcomeRow struct{ UserID, Operation, Outcome, Status, Reason string }

// judge compares a report, the org and its log of requests with what must have become of the targets: each is
// suspended, by exactly one call that took effect, and nobody else was touched.
func (o *killOrg) judge(t *testing.T, what, report string, was map[string]string) {
	t.Helper()
	var rows []outcomeRow
	if err := json.Unmarshal([]byte(report), &rows); err != nil {
		t.Errorf("%s: %v in %s", what, err, report)
		return
	}
	done := map[string]int{}
	for _, r := range rows {
		if done[r.UserID]++; r.Outcome != "done" || r.Status != "SUSPENDED" || r.Operation != "suspend" {
			t.Errorf("%s: the report says %+v", what, r)
		}
	}
	acted := map[string]int{}
	for _, r := range o.Requests() {
		if r.Method == http.MethodGet {
			continue
		}
		id, ok := strings.CutPrefix(r.Path, "/api/v1/users/")
		id, ok2 := strings.CutSuffix(id, "/lifecycle/suspend")
		if !ok || !ok2 || r.Status != 200 && r.Status != 0 {
			t.Errorf("%s: %s %s was answered with %d", what, r.Method, r.Path, r.Status)
		}
		if r.Status == 200 {
			acted[id]++
		}
	}
	now := o.statuses()
	for _, id := range o.targets {
		if now[id] != "SUSPENDED" || acted[id] != 1 || done[id] != 1 {
			t.Errorf("%s: %s is %s after %d calls that took effect, and %d times in the report", what, id, now[id], acted[id], done[id])
		}
		delete(now, id)
	}
	for id, status := range now {
		if status != was[id] {
			t.Errorf("%s: %s was touched: it is %s", what, id, status)
		}
	}
	if len(acted) != len(o.targets) || len(done) != len(o.targets) {
		t.Errorf("%s: %d were called for, and %d are in the report", what, len(acted), len(done))
	}
}

// TestChangeKilled kills a whoql that suspends many users with SIGKILL, at a random request to the org, and in every
// other round the one that resumes its run, too; in every third some connections are reset behind a call that
// took effect. What resume says in the end is what the org is, each by one call.
func TestChangeKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("what became of a call is asked 5 seconds after it")
	}
	t.Parallel()
	users := *changeUsers
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	kills, early, inFlight := 0, 0, 0
	for round := 0; kills < *changeKills; round++ {
		if round > 3**changeKills {
			t.Fatalf("only %d kills in %d rounds", kills, round)
		}
		o := newKillOrg(t, uint64(round), users)
		was := o.statuses()
		if round%3 == 2 {
			for range 5 {
				o.Inject(oktatest.Fault{Kind: oktatest.ResetAfter, Path: "/api/v1/users/" + o.targets[random.IntN(users)] + "/lifecycle"})
			}
		}
		// A page of users, whom the token belongs to, and a look and a call for each.
		at := 1 + random.IntN(2*users+users/200+2)
		o.acts = random.IntN(2) == 0
		what := fmt.Sprintf("seed %d, round %d, killed at request %d (carried out: %v)", seed, round, at, o.acts)
		code, out, errs := o.run(t, at, o.suspend()...)
		if code >= 0 {
			t.Errorf("%s: it ended by itself: exit code %d: %s", what, code, errs)
			break
		}
		kills++
		if out != "" {
			t.Errorf("%s: it has said what it hasn't done: %s", what, out)
		}
		_, list, _ := o.run(t, 0, "runs", "-o", "json")
		var runs []struct {
			ID, State string
			Left      int
		}
		if err := json.Unmarshal([]byte(list), &runs); err != nil {
			t.Fatalf("%s: %v in %s", what, err, list)
		}
		if len(runs) == 0 || runs[0].Left == 0 {
			early++ // before there was a plan
			for id, status := range o.statuses() {
				if status != was[id] {
					t.Errorf("%s: %s is %s, and the journal doesn't know of it", what, id, status)
				}
			}
			continue
		}
		if len(runs) != 1 || runs[0].Left > users {
			t.Errorf("%s: the journal has %+v", what, runs)
		}
		_, shown, _ := o.run(t, 0, "runs", "show", runs[0].ID, "-o", "json")
		inFlight += strings.Count(shown, `"outcome":"unknown"`)
		if round%2 == 1 {
			again := 1 + random.IntN(2*runs[0].Left)
			if code, _, _ := o.run(t, again, "resume", runs[0].ID, "--yes"); code < 0 {
				kills++
				what += fmt.Sprintf(", resume at request %d", again)
			}
		}
		code, report, errs := o.run(t, 0, "resume", runs[0].ID, "--yes", "-o", "json")
		if code != 0 {
			t.Errorf("%s: resume: exit code %d: %s", what, code, errs)
		}
		o.judge(t, what, report, was)
		if code, _, errs := o.run(t, 0, "runs", "verify"); code != 0 {
			t.Errorf("%s: %s", what, errs)
		}
		if code, _, errs := o.run(t, 0, "resume", runs[0].ID, "--yes"); code != 0 || !strings.Contains(errs, "nothing is left to do") {
			t.Errorf("%s: resume again: exit code %d: %s", what, code, errs)
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("seed %d: %d kills of a suspension of %d users, %d of them before there was a plan, %d calls in flight", seed, kills, users, early, inFlight)
	if early == kills {
		t.Error("no kill came in the midst")
	}
}

// TestChangeResets has the org act and then reset the connection, at random calls: whoql finds out by itself, and
// calls nobody twice.
func TestChangeResets(t *testing.T) {
	if testing.Short() {
		t.Skip("what became of a call is asked 5 seconds after it")
	}
	t.Parallel()
	for _, kinds := range [][]oktatest.FaultKind{{oktatest.ResetAfter}, {oktatest.ResetAfter, oktatest.Reset, oktatest.HangUp, oktatest.CutOff}} {
		o := newKillOrg(t, 7, *changeUsers)
		was := o.statuses()
		points := min(50, *changeUsers/4)
		for i, n := range rand.Perm(*changeUsers)[:points] {
			o.Inject(oktatest.Fault{Kind: kinds[i%len(kinds)], Path: "/api/v1/users/" + o.targets[n] + "/lifecycle"})
		}
		code, report, errs := o.run(t, 0, o.suspend()...)
		if code != 0 {
			t.Errorf("%v: exit code %d: %s", kinds, code, errs)
		}
		o.judge(t, fmt.Sprint(kinds), report, was)
		if n := strings.Count(report, "a read shows that it took effect"); n < points/len(kinds) {
			t.Errorf("%v: only %d calls of %d are said to have been asked about", kinds, n, points)
		}
	}
}

// TestSandboxFileKilled kills a whoql whose org is in the same process, kept in a file: what the org has taken is there
// afterwards, the journal knows what to ask about, and resume does the rest.
func TestSandboxFileKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("what became of a call is asked 5 seconds after it")
	}
	t.Parallel()
	bin, err := exec.LookPath("whoql")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "WHOQL_STATE="+filepath.Join(t.TempDir(), "state"), "GORACE=atexit_sleep_ms=10")
	file := "--sandbox=" + filepath.Join(t.TempDir(), "org.db")
	run := func(args ...string) (string, error) {
		cmd := exec.Command(bin, args...)
		cmd.Env = env
		out, err := cmd.Output()
		return string(out), err
	}
	before, err := run("query", file, "-o", "tsv", "SELECT count(*) AS n FROM okta.user.users WHERE status = 'ACTIVE'")
	if err != nil {
		t.Fatal(err)
	}
	active, err := strconv.Atoi(strings.Fields(before)[1])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "query", file, "--yes", "--max-changes", "1000", "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE'")
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	done := regexp.MustCompile(`"id":"([^"]+)".*"outcomes":"(\d+) done`)
	var id []string
	for n := 0; n < 20; {
		select {
		case <-ended:
			t.Skip("it was done before it could be killed")
		default:
		}
		out, _ := run("runs", "-o", "json")
		if id = done.FindStringSubmatch(out); id != nil {
			n, _ = strconv.Atoi(id[2])
		}
	}
	_ = cmd.Process.Kill()
	<-ended
	out, err := run("resume", id[1], file, "--yes", "-o", "tsv")
	if n := strings.Count(out, "\tdone\tSUSPENDED\t"); err != nil || n != active-1 { // but the owner of the token
		t.Errorf("%v, %d of %d are done: %s", err, n, active, out)
	}
	if now, err := run("query", file, "-o", "tsv", "SELECT count(*) AS n FROM okta.user.users WHERE status = 'ACTIVE'"); err != nil || now != "n\n1\n" {
		t.Errorf("%v, left ACTIVE: %s", err, now)
	}
}
