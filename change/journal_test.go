package change_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

func TestJournalFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a dir", "ünd ?x#%41")
	j := openJournal(t, dir)
	run, err := j.Begin(change.RunInfo{Actor: "dana", Program: "test 1", Undoes: "20260101-000000-aaaaaa"})
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		seen := 0
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
			info, err := d.Info()
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if err != nil || info.Mode().Perm() != want && !strings.HasSuffix(path, "-shm") {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
			seen++
			return nil
		})
		if seen < 4 {
			t.Errorf("%d files", seen)
		}
	}
	if err := run.Close(); err != nil {
		t.Error(err)
	}
	if err := run.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 1 {
		t.Errorf("left behind are %q", files)
	}
	j = openJournal(t, dir)
	defer j.Close()
	runs, err := j.Runs(t.Context())
	if err != nil || len(runs) != 1 || runs[0].Actor != "dana" || runs[0].Program != "test 1" || runs[0].Undoes == "" || runs[0].State != change.RunDone {
		t.Errorf("%+v, %v", runs, err)
	}
	for _, id := range []string{"", "../x", "20260101-000000-aaaaaa"} {
		_, err := j.Open(t.Context(), id)
		var re *change.RunError
		if !errors.As(err, &re) || re.Busy {
			t.Errorf("run %q: %v", id, err)
		}
	}
}

// TestJournalRefuses has files that are no journals.
func TestJournalRefuses(t *testing.T) {
	cat, _ := catalog.Load()
	open := func(make func(path string)) error {
		dir := t.TempDir()
		path := filepath.Join(dir, change.JournalFile)
		make(path)
		before, _ := os.ReadFile(path)
		j, err := change.OpenJournal(dir, cat, change.JournalOptions{})
		if err == nil {
			j.Close()
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Error("it was changed")
		}
		var je *change.JournalError
		if err != nil && !errors.As(err, &je) {
			t.Errorf("%T", err)
		}
		return err
	}
	sqlite := func(sql string) func(string) {
		return func(path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := sqlite3.Open(path)
			if err == nil {
				err = c.Exec("PRAGMA journal_mode = wal;" + sql)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	for _, c := range []struct {
		make func(string)
		want string
	}{
		{func(p string) { os.WriteFile(p, []byte(strings.Repeat("no database ", 100)), 0o600) }, "not a database"},
		{func(p string) { os.WriteFile(p, nil, 0o644); os.Chmod(p, 0o644) }, "others may read it: run chmod 600 "},
		{func(p string) { os.Mkdir(p, 0o700) }, "directory"},
		{sqlite("CREATE TABLE x (y)"), "no journal: name another directory"},
		{sqlite("PRAGMA application_id = 2003922026; PRAGMA user_version = 9"), "its format is 9, and this program knows 1"},
	} {
		if runtime.GOOS == "windows" && strings.Contains(c.want, "chmod") {
			continue
		}
		if err := open(c.make); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestJournalReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	cat, _ := catalog.Load()
	j, err := change.OpenJournal(dir, cat, change.JournalOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if runs, err := j.Runs(t.Context()); err != nil || len(runs) != 0 {
		t.Errorf("%v, %v", runs, err)
	}
	if n, err := j.Verify(t.Context()); err != nil || n != 0 {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := j.Begin(change.RunInfo{}); err == nil {
		t.Error("a run began")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory was made")
	}
}

// TestJournalFails has a disk that is full after a while: no call is made whose start isn't in the
// journal, and once there is room again resume does the rest.
func TestJournalFails(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 300})
	conn, err := sqlite3.Open(filepath.Join(b.dir, change.JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.BusyTimeout(time.Second)
	if err := conn.Exec("CREATE TRIGGER full BEFORE INSERT ON entries WHEN new.seq > 180 BEGIN SELECT raise(FAIL, 'no space left'); END"); err != nil {
		t.Fatal(err)
	}
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := run.Apply(t.Context(), plan(t)(planner(t).Update(b.asks("ACTIVE", 100, func(a *change.Ask) { a.Status = "SUSPENDED" }))), b.caller, quick)
	var se *change.StoppedError
	var je *change.JournalError
	if !errors.As(err, &se) || !errors.As(err, &je) || !strings.Contains(err.Error(), "no space left") || report.Counts[change.NotReached] < 50 {
		t.Fatalf("%v, %s", err, counts(report))
	}
	run.Close() // for whose entry there may be room
	if err := conn.Exec("DROP TRIGGER full"); err != nil {
		t.Fatal(err)
	}
	shown, err := b.journal.Show(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	begun := 0
	for _, out := range shown.Outcomes[0] {
		if out.Result != change.NotReached {
			begun++
		}
	}
	acted := 0
	for key := range b.sent() {
		if strings.HasPrefix(key, "POST") {
			acted++
		}
	}
	if acted > begun || acted < report.Counts[change.Done] || acted == 0 {
		t.Errorf("%d calls took effect, %d were begun by the journal, %d done by the report", acted, begun, report.Counts[change.Done])
	}
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "100 done" {
		t.Errorf("resumed: %s", counts(r))
	}
	for key, n := range b.sent() {
		if strings.HasPrefix(key, "POST") && n != 1 {
			t.Errorf("%s %d times", key, n)
		}
	}
}

// TestVerify changes entries behind the journal's back. Whatever is found so, its run can't be gone on with,
// nor undone.
func TestVerify(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 100})
	id, _ := b.apply(quick, plan(t)(planner(t).Update(b.asks("ACTIVE", 5, func(a *change.Ask) { a.Status = "SUSPENDED" }))))
	if err := b.journal.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{"UPDATE entries SET data = json_set(data, '$.name', 'x') WHERE seq = 4", "entry 4 (run "},
		{"UPDATE entries SET at = '2026-01-01T00:00:00.000Z' WHERE seq = 1", "entry 1 (run "},
		{"UPDATE entries SET row = row + 1 WHERE seq = 5", "isn't what was written"},
		{"UPDATE entries SET step = NULL WHERE seq = (SELECT min(seq) FROM entries WHERE kind = 'start')", "isn't what was written"},
		{"DELETE FROM entries WHERE seq = 7", "entry 8 (run "},
		{"DELETE FROM entries WHERE seq = 1", "doesn't follow the one before"},
		{"INSERT INTO entries SELECT max(seq) + 1, run, 'end', NULL, NULL, NULL, at, '{}', hash, hash FROM entries", "isn't what was written"},
		{"UPDATE entries SET data = data WHERE seq = 4", ""},
	} {
		dir := t.TempDir()
		text, err := os.ReadFile(filepath.Join(b.dir, change.JournalFile))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, change.JournalFile), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		conn, err := sqlite3.Open(filepath.Join(dir, change.JournalFile))
		if err == nil {
			err = conn.Exec(c.sql)
		}
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		j := openJournal(t, dir)
		_, err = j.Verify(t.Context())
		var ve *change.VerifyError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &ve) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s\ngot  %v\nwant %s", c.sql, err, c.want)
		}
		run, resumed := j.Open(t.Context(), id)
		if resumed == nil {
			run.Close()
		}
		_, undone := j.Undo(t.Context(), id, b.caller, change.UndoOptions{})
		if (c.want == "") != (resumed == nil) || (c.want == "") != (undone == nil) || c.want != "" && (!errors.As(resumed, &ve) || !errors.As(undone, &ve)) {
			t.Errorf("%s\nresumed: %v\nundone: %v", c.sql, resumed, undone)
		}
		j.Close()
	}
}

// One at a time is at a run, be it to go on with it or to undo it.
func TestRunsAreLocked(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 100})
	other := openJournal(t, b.dir)
	defer other.Close()
	busy := func(what string, err error) {
		t.Helper()
		if re, ok := errors.AsType[*change.RunError](err); !ok || !re.Busy {
			t.Errorf("%s meanwhile: %v", what, err)
		}
	}
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := quick
	o.Outcome = func(change.Outcome) { cancel() }
	if _, err := run.Apply(ctx, plan(t)(planner(t).Update(b.asks("ACTIVE", 40, func(a *change.Ask) { a.Status = "SUSPENDED" }))), b.caller, o); err == nil {
		t.Fatal("it wasn't stopped")
	}
	_, err = other.Open(t.Context(), run.ID)
	busy("resumed", err)
	_, err = other.Undo(t.Context(), run.ID, b.caller, change.UndoOptions{})
	busy("undone", err)
	_, err = other.Begin(change.RunInfo{Undoes: run.ID})
	busy("an undo begun", err)
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // letting go of it leaves it as it was
		back, err := b.journal.Begin(change.RunInfo{Undoes: run.ID})
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.Open(t.Context(), run.ID)
		busy("resumed", err)
		_, err = other.Begin(change.RunInfo{Undoes: run.ID})
		busy("another undo begun", err)
		if err := back.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; counts(r) != "40 done" {
		t.Errorf("resumed: %s", counts(r))
	}
	if locks, _ := filepath.Glob(filepath.Join(b.dir, "*.lock")); len(locks) > 0 {
		t.Errorf("left behind are %q", locks)
	}
}

// TestJournalSideBySide has many runs in one journal at one time, from two openings of it, while a third
// reads.
func TestJournalSideBySide(t *testing.T) {
	b := newBench(t, oktatest.Options{Users: 300})
	other := openJournal(t, b.dir)
	defer other.Close()
	asks := b.asks("ACTIVE", 80, func(a *change.Ask) { a.Status = "SUSPENDED" })
	var wg sync.WaitGroup
	for i := range 8 {
		p := plan(t)(planner(t).Update(asks[10*i : 10*i+10]))
		wg.Go(func() {
			run, err := []*change.Journal{b.journal, other}[i%2].Begin(change.RunInfo{Actor: fmt.Sprint(i)})
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := run.Apply(t.Context(), p, b.caller, quick); err != nil || counts(r) != "10 done" {
				t.Errorf("%v", err)
			}
			if err := run.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 5 {
		if _, err := other.Runs(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if n, err := b.journal.Verify(t.Context()); err != nil || n != 8*4+80*3 {
		t.Errorf("%d entries, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.journal.Runs(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSecrets plants secrets in whatever can hold one and searches what is written, and that a run which
// was interrupted goes on with the same secrets only.
func TestSecrets(t *testing.T) {
	const planted = "PLANTED"
	b := newBench(t, oktatest.Options{})
	p := planner(t)
	p.Statement = "INSERT … " + planted + "0"
	credentials := func(s string) json.RawMessage {
		return json.RawMessage(`{"password":{"value":"` + planted + s + `-Kettle1"},"recovery_question":{"question":"` + planted + s + `?","answer":"` + planted + s + `"}}`)
	}
	asks := func(salt string) []change.Ask {
		var asks []change.Ask
		for i := range 6 {
			login := fmt.Sprintf(`"u%d@acme.example"`, i)
			asks = append(asks, change.Ask{Org: "sandbox", Attributes: values("login", login, "email", login, "firstName", `"A"`, "lastName", `"B"`),
				Fields: map[string]json.RawMessage{"credentials": credentials(salt + fmt.Sprint(i))}})
		}
		return asks
	}
	insert := plan(t)(p.Insert(asks("")))
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	o := quick
	o.Concurrency = 1
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	o.Outcome = func(change.Outcome) {
		if n++; n == 3 {
			cancel()
		}
	}
	report, err := run.Apply(ctx, insert, b.caller, o)
	if err == nil || strings.Contains(err.Error(), planted) || report.Counts[change.NotReached] == 0 {
		t.Fatalf("%v, %s", err, counts(report))
	}
	run.Close()
	left := report.Counts[change.NotReached]
	// Without the text, and with another text, nothing is sent.
	b.org.ResetRequests()
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick})[0]; r.Counts[change.NeedsInput] != left || r.OK() {
		t.Errorf("without input: %s", counts(r))
	}
	again, err := b.journal.Open(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = again.Resume(t.Context(), b.caller, change.ResumeOptions{Input: map[int]*change.Plan{0: plan(t)(p.Insert(asks("x")))}})
	var ie *change.InputError
	if !errors.As(err, &ie) || strings.Contains(err.Error(), planted) || ie.Row != 6-left || ie.Statement != 1 {
		t.Errorf("with other secrets: %v", err)
	}
	for _, q := range b.org.Requests() {
		if q.Method != http.MethodGet {
			t.Error("something was sent")
		}
	}
	reports, err := again.Resume(t.Context(), b.caller, change.ResumeOptions{ApplyOptions: quick, Input: map[int]*change.Plan{0: plan(t)(p.Insert(asks("")))}})
	if err != nil || counts(reports[0]) != "6 done" || reports[0].Calls != left {
		t.Errorf("with input: %v, %v", err, reports)
	}
	// The answers of these have secrets.
	p = planner(t)
	links := plan(t)(p.Exec("resetPassword", []change.Ask{{Org: "sandbox", Key: "u1@acme.example", Params: map[string]string{"sendEmail": "false"}}}))
	first, err := again.Apply(t.Context(), links, b.caller, quick)
	if err != nil {
		t.Fatal(err)
	}
	temp := plan(t)(p.Exec("expirePasswordTemp", []change.Ask{{Org: "sandbox", Key: "u2@acme.example"}}))
	second, err := again.Apply(t.Context(), temp, b.caller, quick)
	if err != nil {
		t.Fatal(err)
	}
	wrong := plan(t)(p.Exec("changePassword", []change.Ask{{Org: "sandbox", Key: "u3@acme.example",
		Fields: values("oldPassword", `{"value":"PLANTED-wrong"}`, "newPassword", `{"value":"PLANTED-new"}`)}}))
	third, err := again.Apply(t.Context(), wrong, b.caller, quick)
	if err != nil || counts(third) != "1 failed" {
		t.Fatal(err, counts(third))
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	searched := 0
	noSecret := func(what string, text []byte) {
		t.Helper()
		searched++
		var link struct{ ResetPasswordURL, TempPassword string }
		json.Unmarshal(first.Outcomes[0].Answer, &link)
		json.Unmarshal(second.Outcomes[0].Answer, &link)
		if link.ResetPasswordURL == "" || link.TempPassword == "" {
			t.Fatalf("the answers are %s and %s", first.Outcomes[0].Answer, second.Outcomes[0].Answer)
		}
		for _, secret := range []string{planted, link.ResetPasswordURL, link.ResetPasswordURL[len(link.ResetPasswordURL)-20:], link.TempPassword} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s has %s", what, secret)
			}
		}
	}
	files := func() {
		t.Helper()
		names, _ := filepath.Glob(filepath.Join(b.dir, "*"))
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			noSecret(filepath.Base(name), text)
		}
	}
	files()
	shown, err := b.journal.Show(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	noSecret("Show", fmt.Appendf(nil, "%+v %+v", shown.RunSummary, shown.Outcomes))
	for _, p := range shown.Plans {
		text, _ := json.Marshal(p)
		noSecret("the plan", text)
		for _, r := range p.Rows {
			for _, op := range r.Steps {
				noSecret("an operation", fmt.Appendf(nil, "%+v %s", op, op.Body))
			}
		}
	}
	keys := -1
	b.journal.Close()
	conn, err := sqlite3.Open(filepath.Join(b.dir, change.JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := conn.Prepare("SELECT count(*) FROM keys")
	if err == nil && s.Step() {
		keys = s.ColumnInt(0)
	}
	s.Close()
	conn.Close()
	files()
	if keys != 0 || searched < 10 {
		t.Errorf("%d keys are left; %d searches", keys, searched)
	}
	b.journal = openJournal(t, b.dir)
	if r := b.resume(run.ID, change.ResumeOptions{ApplyOptions: quick}); r[1].Outcomes[0].Renew == "" || !r[1].Outcomes[0].SecretShown || r[1].Outcomes[0].SecretLost {
		t.Errorf("the link was shown: %+v", r[1].Outcomes[0])
	}
}

// TestSideBySide wants calls side by side; with CHANGE_SLOW set also 1,000 calls of 100 ms within 15 s,
// waiting for the disk included.
func TestSideBySide(t *testing.T) {
	n, latency, slow := 120, 20*time.Millisecond, os.Getenv("CHANGE_SLOW") != ""
	if slow {
		n, latency = 1000, 100*time.Millisecond
	}
	b := newBench(t, oktatest.Options{Users: 2 * n, Latency: latency})
	asks := b.asks("ACTIVE", n, func(a *change.Ask) { a.Status, a.Index, a.Read = "SUSPENDED", false, time.Now() })
	p := planner(t)
	p.Now = time.Now
	one := plan(t)(p.Update(asks))
	caller := &counting{Caller: b.caller}
	run, err := b.journal.Begin(change.RunInfo{})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	start := time.Now()
	report, err := run.Apply(t.Context(), one, caller, quick)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d calls of %v in %v, up to %d side by side", n, latency, took, caller.most.Load())
	if counts(report) != counts1(n) || caller.most.Load() < 8 || slow && took > 15*time.Second {
		t.Errorf("%s in %v, up to %d side by side", counts(report), took, caller.most.Load())
	}
}

// counting counts the calls that are under way at one time.
type counting struct {
	change.Caller
	now, most atomic.Int64
}

func (c *counting) Call(ctx context.Context, call change.Call) (change.Answer, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	return c.Caller.Call(ctx, call)
}
