package whoql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A bender is a transport that changes the query of requests, as a server that ignores part of it would.
type bender struct {
	bend     func(query map[string][]string)
	requests atomic.Int64
}

func (b *bender) RoundTrip(r *http.Request) (*http.Response, error) {
	b.requests.Add(1)
	if b.bend != nil {
		r = r.Clone(r.Context())
		q := r.URL.Query()
		b.bend(q)
		r.URL.RawQuery = q.Encode()
	}
	return http.DefaultTransport.RoundTrip(r)
}

const everyID = "SELECT id FROM okta.user.users"

// TestRanges reads an org of each distribution, side by side: everybody comes once, in few more calls than
// one cursor would take.
func TestRanges(t *testing.T) {
	for _, like := range []oktatest.Creation{oktatest.CreatedEvenly, oktatest.CreatedHeavyTailed, oktatest.CreatedInTenSeconds, oktatest.CreatedInOneSecond} {
		server := oktatest.Start(t, oktatest.Options{Users: 12_000, Seed: 8, Created: like, Latency: 3 * time.Millisecond})
		b := &bender{}
		engine := connect(t, server, okta.Options{Transport: b}, whoql.Options{})
		got, err := column(t.Context(), engine, everyID)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, ids(t, server.Org)) {
			t.Errorf("%v: %d users, %d different ones", like, len(got), len(slices.Compact(got)))
		}
		// How many cursors there are depends on how fast the machine is; on a list this short each costs a
		// noticeable share.
		if n := b.requests.Load(); n < 60 || n > 60*140/100 {
			t.Errorf("%v: %d requests", like, n)
		}
		ranges := slices.ContainsFunc(server.Requests(), func(r oktatest.Request) bool { return strings.Contains(r.Query.Get("search"), "created lt ") })
		if ranges != (like != oktatest.CreatedInOneSecond) {
			t.Errorf("%v: ranges were asked for: %v", like, ranges)
		}
	}
}

// TestRangesOfServersThatIgnoreThem: whatever part of a request a server ignores, everybody comes once or
// the query fails.
func TestRangesOfServersThatIgnoreThem(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 6000, Seed: 8, Latency: time.Millisecond})
	want := ids(t, server.Org)
	for _, c := range []struct {
		name string
		bend func(map[string][]string)
		most int64 // requests
	}{
		{"order", func(q map[string][]string) { delete(q, "sortBy"); delete(q, "sortOrder") }, 30},
		{"direction", func(q map[string][]string) { delete(q, "sortOrder") }, 31},
		{"bounds", func(q map[string][]string) {
			if strings.Contains(q["search"][0], "created lt") {
				q["search"] = []string{`created ge "1970-01-01T00:00:00.000Z"`}
			}
		}, 34},
		{"lower bound", func(q map[string][]string) {
			if _, upper, ok := strings.Cut(q["search"][0], "and "); ok {
				q["search"] = []string{upper}
			}
		}, 34},
		{"upper bound", func(q map[string][]string) {
			q["search"][0], _, _ = strings.Cut(q["search"][0], " and ")
		}, 40},
		{"search", func(q map[string][]string) {
			if strings.Contains(q["search"][0], "created lt") {
				q["search"] = []string{"created co 5"} // refused
			}
		}, 34},
	} {
		b := &bender{bend: c.bend}
		engine := connect(t, server, okta.Options{Transport: b}, whoql.Options{})
		got, err := column(t.Context(), engine, everyID)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d users, %d different ones, %v", c.name, len(got), len(slices.Compact(got)), err)
		}
		if n := b.requests.Load(); n > c.most {
			t.Errorf("%s: %d requests", c.name, n)
		}
	}
	// One that forgets its order on the way can't be told from one that leaves users out.
	var n atomic.Int64
	b := &bender{bend: func(q map[string][]string) {
		if n.Add(1) > 20 {
			delete(q, "sortBy")
		}
	}}
	engine := connect(t, server, okta.Options{Transport: b}, whoql.Options{})
	got, err := column(t.Context(), engine, everyID)
	slices.Sort(got)
	if whole := slices.Equal(got, want); err == nil && !whole || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("%d users, %v", len(got), err)
	}
}

// TestRangesAreForLongLists: what one cursor can read soon is read by one, in no more calls.
func TestRangesAreForLongLists(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5000, Seed: 2, Latency: time.Millisecond})
	for _, c := range []struct {
		sql     string
		cursors int
		least   int64
		most    int64
	}{
		{everyID, 0, 25, 32},
		{everyID, 1, 25, 25},
		{everyID + " LIMIT 1000", 0, 5, 5},
		{everyID + " LIMIT 1200", 0, 6, 8},
		{everyID + " WHERE status = 'LOCKED_OUT'", 0, 1, 1},
		{everyID + " WHERE status = 'DEPROVISIONED'", 0, 3, 3},
		{everyID + " WHERE status = 'ACTIVE'", 0, 19, 25},
	} {
		b := &bender{}
		engine := connect(t, server, okta.Options{Transport: b}, whoql.Options{Cursors: c.cursors})
		if _, err := column(t.Context(), engine, c.sql); err != nil {
			t.Fatal(err)
		}
		if n := b.requests.Load(); n < c.least || n > c.most {
			t.Errorf("%s: %d requests, want %d to %d", c.sql, n, c.least, c.most)
		}
	}
	for users, most := range map[int]int64{1000: 5, 1001: 6, 1100: 6, 1200: 7, 1300: 7} {
		server := oktatest.Start(t, oktatest.Options{Users: users, Seed: 4})
		b := &bender{}
		got, err := column(t.Context(), connect(t, server, okta.Options{Transport: b}, whoql.Options{}), everyID)
		slices.Sort(got)
		if n := b.requests.Load(); err != nil || !slices.Equal(got, ids(t, server.Org)) || n > most {
			t.Errorf("%d users: got %d in %d requests, %v", users, len(got), n, err)
		}
	}
}

// TestRangesOfConditions: what one cursor finds, many find, whatever is handed over, joined, or in several orgs.
func TestRangesOfConditions(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 7000, Seed: 12, Latency: time.Millisecond})
	other := oktatest.Start(t, oktatest.Options{Users: 5000, Seed: 13, Latency: time.Millisecond, IDSuffix: "9zz"})
	var engines []*whoql.Engine
	for _, cursors := range []int{1, 16} {
		var orgs []whoql.Org
		for name, s := range map[string]*oktatest.Server{"acme": server, "other": other} {
			c, err := okta.New(s.URL, okta.Token(s.Token), okta.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			orgs = append(orgs, whoql.Org{Name: name, Client: c})
		}
		slices.SortFunc(orgs, func(a, b whoql.Org) int { return strings.Compare(a.Name, b.Name) })
		engine, err := whoql.Open(whoql.Options{Orgs: orgs, Cursors: cursors})
		if err != nil {
			t.Fatal(err)
		}
		engines = append(engines, engine)
	}
	for _, sql := range []string{
		"SELECT id FROM okta.user.users WHERE status = 'ACTIVE'",
		"SELECT id FROM okta.user.users WHERE status <> 'ACTIVE' AND created > '2020-05'",
		"SELECT id FROM okta.user.users WHERE created >= '2021' AND created < '2024-03-01T12:00:00.000Z'",
		"SELECT id FROM okta.user.users WHERE lastLogin IS NULL OR status = 'SUSPENDED'",
		"SELECT id FROM okta.user.users WHERE subdomain IN ('acme', 'other')",
		"SELECT id FROM okta.user.users WHERE subdomain IN ('acme', 'other') AND status = 'ACTIVE'",
		"SELECT a.id || b.id FROM okta.user.users AS a JOIN okta.user.users AS b ON b.login = a.login AND b.subdomain = 'acme' WHERE a.status <> 'STAGED'",
		"SELECT count(*) FROM okta.user.users GROUP BY status, substr(created, 1, 7) ORDER BY 1",
		"SELECT id FROM okta.user.users ORDER BY created, id LIMIT 3000",
		"SELECT created FROM okta.user.users ORDER BY created DESC LIMIT 3000",
	} {
		var found [2][]string
		for i, engine := range engines {
			var err error
			if found[i], err = column(t.Context(), engine, sql); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(sql, "ORDER BY") {
				slices.Sort(found[i])
			}
		}
		if !slices.Equal(found[0], found[1]) || len(found[0]) < 100 {
			t.Errorf("one cursor finds %d, many find %d\n%s", len(found[0]), len(found[1]), sql)
		}
	}
}

// TestRangesEnd: a cursor's error is the query's, and cancelling ends all of them at once.
func TestRangesEnd(t *testing.T) {
	for _, at := range []int{3, 6, 7, 12, 20} {
		fault := oktatest.Fault{Kind: oktatest.Forbidden, At: at, Times: oktatest.Forever}
		leaves(t, func() {
			set := newSetting(t, oktatest.Options{Users: 8000, Seed: 8, Latency: time.Millisecond, Faults: []oktatest.Fault{fault}}, okta.Options{})
			defer set.close()
			got, err := column(t.Context(), set.engine, everyID)
			if _, ok := errors.AsType[*okta.Error](err); !ok || len(got) >= 8000 {
				t.Errorf("at %d: %d users, %v", at, len(got), err)
			}
		})
	}
	leaves(t, func() {
		set := newSetting(t, oktatest.Options{Users: 50_000, Seed: 8, Latency: 20 * time.Millisecond}, okta.Options{})
		defer set.close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(400*time.Millisecond, cancel)
		begin := time.Now()
		if _, err := column(ctx, set.engine, everyID); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if d := time.Since(begin); d > 1400*time.Millisecond {
			t.Errorf("it ended after %s", d)
		}
	})
}

// TestRangesWithFewCallsAtOnce: where the org answers few calls at the same time, the cursors are content with
// that, and few calls are refused.
func TestRangesWithFewCallsAtOnce(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 8_000, Seed: 8, Latency: 5 * time.Millisecond, Concurrency: 4})
	engine := connect(t, server, okta.Options{Sleep: func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
		case <-time.After(min(d, 10*time.Millisecond)):
		}
		return ctx.Err()
	}}, whoql.Options{})
	got, err := column(t.Context(), engine, everyID)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, ids(t, server.Org)) {
		t.Errorf("%d users, %v", len(got), err)
	}
	refused := 0
	for _, r := range server.Requests() {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if t.Logf("%d of %d were refused", refused, len(server.Requests())); refused == 0 || refused > 15 {
		t.Errorf("%d calls were refused", refused)
	}
}

// TestRangesWhileUsersChange creates, changes and deletes users while they are read: nobody comes twice,
// and whoever is there all the time comes.
func TestRangesWhileUsersChange(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 8000, Seed: 21, Latency: 4 * time.Millisecond})
	before := people(t, server.Org)
	client, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	post := func(method, path string, body any) error {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		_, err = client.Do(t.Context(), okta.Request{Operation: "change", Method: method, Path: path, Body: data})
		return err
	}
	var deactivated []string
	for _, p := range before {
		if p.text("status") == "DEPROVISIONED" {
			deactivated = append(deactivated, p.text("id"))
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	gone := map[string]bool{}
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p := before[(i*2741+13)%len(before)]
			id := p.text("id")
			var err error
			switch i % 3 {
			case 0:
				err = post("POST", "/api/v1/users/"+id, map[string]any{"profile": map[string]any{"city": fmt.Sprint("City ", i)}})
			case 1:
				err = post("POST", "/api/v1/users", map[string]any{"profile": map[string]any{
					"login": fmt.Sprintf("new%d@acme.example", i), "email": fmt.Sprintf("new%d@acme.example", i), "firstName": "N", "lastName": "N"}})
			case 2:
				_ = post("POST", "/api/v1/users/"+id+"/lifecycle/suspend", nil) // those who can be
				if i/3 == len(deactivated) {
					return
				}
				id = deactivated[i/3*37%len(deactivated)]
				gone[id] = true
				err = post("DELETE", "/api/v1/users/"+id, nil)
			}
			if e, ok := errors.AsType[*okta.Error](err); err != nil && (!ok || e.Status < 400 || e.Status > 404) {
				t.Error(err)
				return
			}
		}
	}()
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	got, err := column(t.Context(), engine, everyID)
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, id := range got {
		if seen[id] {
			t.Errorf("%s came twice", id)
		}
		seen[id] = true
	}
	missing := 0
	for _, p := range before {
		if id := p.text("id"); !seen[id] && !gone[id] {
			missing++
		}
	}
	if missing > 0 || len(gone) == 0 {
		t.Errorf("%d users are missing; %d were deleted", missing, len(gone))
	}
}
