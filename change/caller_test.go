package change_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// A caller makes calls to one sandbox by plain HTTP, each once.
type caller struct {
	url, token string
	http       *http.Client
	before     func(change.Call) // nil: nothing
}

func newCaller(url, token string) *caller {
	return &caller{url: url, token: token, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

func (c *caller) Call(ctx context.Context, call change.Call) (change.Answer, error) {
	var a change.Answer
	if c.before != nil {
		c.before(call)
	}
	select {
	case <-call.Stop:
		return a, &change.NoEffectError{Err: errors.New("stopped")}
	default:
	}
	op := change.Operation{Method: call.Method, Path: call.Path, Query: call.Query}
	req, err := http.NewRequestWithContext(ctx, call.Method.HTTP, c.url+op.Target(), bytes.NewReader(call.Body))
	if err != nil {
		return a, &change.NoEffectError{Err: err}
	}
	req.Header.Set("Authorization", "SSWS "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if call.IfMatch != "" {
		req.Header.Set("If-Match", call.IfMatch)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
			return a, &change.NoEffectError{Err: err}
		}
		return a, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	a = change.Answer{Status: res.StatusCode, ETag: res.Header.Get("ETag"), RequestID: res.Header.Get("X-Okta-Request-Id")}
	a.Date, _ = http.ParseTime(res.Header.Get("Date"))
	if res.StatusCode > 299 {
		var e struct {
			ErrorCode, ErrorSummary string
			ErrorCauses             []struct{ ErrorSummary string }
		}
		json.Unmarshal(body, &e)
		a.Problem = &change.Problem{Status: res.StatusCode, Code: e.ErrorCode, Summary: e.ErrorSummary}
		for _, cause := range e.ErrorCauses {
			a.Problem.Causes = append(a.Problem.Causes, cause.ErrorSummary)
		}
		return a, nil
	}
	a.Body = body
	return a, nil
}

func (c *caller) Identify(ctx context.Context, was change.Identity) (change.Identity, error) {
	now := change.Identity{Name: was.Name, URL: c.url}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/.well-known/okta-organization", nil)
	if err != nil {
		return now, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return now, err
	}
	defer res.Body.Close()
	var said struct{ ID string }
	err = json.NewDecoder(res.Body).Decode(&said)
	now.ID = said.ID
	now.Date, _ = http.ParseTime(res.Header.Get("Date"))
	return now, err
}

// A bench is a sandbox, a journal and a planner.
type bench struct {
	t       testing.TB
	org     *oktatest.Server
	caller  *caller
	dir     string
	journal *change.Journal
}

func newBench(t testing.TB, o oktatest.Options) *bench {
	t.Helper()
	b := &bench{t: t, org: oktatest.Start(t, o), dir: t.TempDir()}
	b.caller = newCaller(b.org.URL, b.org.Token)
	b.journal = openJournal(t, b.dir)
	t.Cleanup(func() { b.journal.Close() })
	return b
}

func openJournal(t testing.TB, dir string) *change.Journal {
	t.Helper()
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	j, err := change.OpenJournal(dir, cat, change.JournalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// everybody returns all users as a list gives them, by id.
func (b *bench) everybody() map[string]json.RawMessage {
	b.t.Helper()
	all := map[string]json.RawMessage{}
	for u := range b.org.Users() {
		var one struct{ ID string }
		if err := json.Unmarshal(u, &one); err != nil {
			b.t.Fatal(err)
		}
		all[one.ID] = json.RawMessage(strings.Clone(string(u)))
	}
	return all
}

// asks returns up to n asks about users of a status, in the order of the org, read from the index just
// now.
func (b *bench) asks(status string, n int, with func(*change.Ask)) []change.Ask {
	b.t.Helper()
	return asksOf(b.t, b.org, status, n, with)
}

func asksOf(t testing.TB, org *oktatest.Server, status string, n int, with func(*change.Ask)) []change.Ask {
	t.Helper()
	var asks []change.Ask
	for u := range org.Users() {
		var one struct {
			Status      string
			Credentials struct{ Provider struct{ Type string } }
		}
		if err := json.Unmarshal(u, &one); err != nil {
			t.Fatal(err)
		}
		// The profiles of those who come from elsewhere can't be changed here.
		if one.Status == status && one.Credentials.Provider.Type == "OKTA" && len(asks) < n {
			ask := change.Ask{Org: "sandbox", Object: json.RawMessage(strings.Clone(string(u))), Read: time.Now(), Index: true}
			if with != nil {
				with(&ask)
			}
			asks = append(asks, ask)
		}
	}
	if len(asks) == 0 {
		t.Fatalf("nobody is %s", status)
	}
	return asks
}

// get reads a user.
func (b *bench) get(key string) map[string]any {
	b.t.Helper()
	a, err := b.caller.Call(b.t.Context(), change.Call{Method: users(b.t).Method("get"), Path: map[string]string{"userId": key}})
	if err != nil {
		b.t.Fatal(err)
	}
	if a.Problem != nil {
		return nil
	}
	var u map[string]any
	if err := json.Unmarshal(a.Body, &u); err != nil {
		b.t.Fatal(err)
	}
	return u
}

// send posts something that isn't part of a run.
func (b *bench) send(method, path, body string) string {
	b.t.Helper()
	req, err := http.NewRequest(method, b.org.URL+"/api/v1/users"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+b.org.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode > 299 {
		b.t.Fatalf("%s %s: %s %s, %v", method, path, res.Status, text, err)
	}
	return string(text)
}

// create makes a user and returns its id.
func (b *bench) create(query, login, more string) string {
	b.t.Helper()
	text := b.send("POST", "?"+query, `{"profile":{"login":"`+login+`","email":"`+login+`","firstName":"A","lastName":"B"}`+more+`}`)
	var u struct{ ID string }
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		b.t.Fatal(err)
	}
	return u.ID
}

// plan fails the test if there is none.
func plan(t testing.TB) func(*change.Plan, error) *change.Plan {
	return func(p *change.Plan, err error) *change.Plan {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

var quick = change.ApplyOptions{Settle: 50 * time.Millisecond}

// apply runs plans as one run and returns its id and the reports.
func (b *bench) apply(o change.ApplyOptions, plans ...*change.Plan) (string, []*change.Report) {
	b.t.Helper()
	run, err := b.journal.Begin(change.RunInfo{Actor: "tester"})
	if err != nil {
		b.t.Fatal(err)
	}
	var reports []*change.Report
	for _, p := range plans {
		r, err := run.Apply(b.t.Context(), p, b.caller, o)
		if err != nil {
			b.t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if err := run.Close(); err != nil {
		b.t.Fatal(err)
	}
	return run.ID, reports
}

// resume goes on with a run.
func (b *bench) resume(id string, o change.ResumeOptions) []*change.Report {
	b.t.Helper()
	run, err := b.journal.Open(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	reports, err := run.Resume(b.t.Context(), b.caller, o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		b.t.Fatal(err)
	}
	return reports
}

// counts writes a report's counts in a fixed order.
func counts(r *change.Report) string {
	var out []string
	for _, result := range []change.Result{change.Done, change.Unchanged, change.Refused, change.Skipped, change.Failed, change.Unknown, change.NotReached, change.NeedsInput} {
		if n := r.Counts[result]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, result))
		}
	}
	return strings.Join(out, ", ")
}

// sent counts the requests that the org answered with success, by method and path.
func (b *bench) sent() map[string]int {
	n := map[string]int{}
	for _, r := range b.org.Requests() {
		if r.Status >= 200 && r.Status < 300 {
			path, _ := url.PathUnescape(r.Path)
			n[r.Method+" "+path]++
		}
	}
	return n
}
