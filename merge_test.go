package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A gate lets the n-th requests of all its orgs through together: a request waits until each of the
// others has got as many.
type gate struct {
	mu      sync.Mutex
	arrived *sync.Cond
	asked   []int
	late    bool // some request waited in vain
}

func newGate(orgs int) *gate {
	g := &gate{asked: make([]int, orgs)}
	g.arrived = sync.NewCond(&g.mu)
	return g
}

// pass waits for at most 10 s: orgs that are read one after the other would never meet.
func (g *gate) pass(org int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[org]++
	n := g.asked[org]
	g.arrived.Broadcast()
	timer := time.AfterFunc(10*time.Second, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.late = true
		g.arrived.Broadcast()
	})
	defer timer.Stop()
	for !g.late && slices.Min(g.asked) < n {
		g.arrived.Wait()
	}
}

// sideBySide is an engine over orgs o0, o1, … of 450 users each, whose requests pass the gate.
func sideBySide(t *testing.T, orgs int, g *gate) *whoql.Engine {
	t.Helper()
	var o whoql.Options
	for i := range orgs {
		org := oktatest.New(oktatest.Options{Users: 450, Seed: uint64(i), IDSuffix: fmt.Sprintf("or%d", i)})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.pass(i)
			org.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		c, err := okta.New(server.URL, okta.Token(oktatest.DefaultToken), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		o.Orgs = append(o.Orgs, whoql.Org{Name: fmt.Sprintf("o%d", i), Client: c})
	}
	engine, err := whoql.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// Orgs are read side by side: every request meets the same one of all other orgs while both are under
// way, so that n orgs take as long as one.
func TestOrgsAreReadSideBySide(t *testing.T) {
	for _, c := range []struct {
		orgs int
		sql  string
		rows int
	}{
		{2, `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1')`, 900},
		{5, `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1', 'o2', 'o3', 'o4')`, 5 * 450},
		{2, `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1') ORDER BY login`, 900},
		{3, `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1', 'o2') AND id = 'nobody'`, 0},
		{2, `SELECT u.id FROM (VALUES (1)) AS v LEFT JOIN okta.user.users AS u ON u.subdomain IN ('o0', 'o1')`, 900},
		{2, `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1') LIMIT 900`, 900},
	} {
		g := newGate(c.orgs)
		got, err := column(context.Background(), sideBySide(t, c.orgs, g), c.sql)
		slices.Sort(got)
		if err != nil || len(slices.Compact(got)) != c.rows {
			t.Errorf("%s: %d rows, want %d: %v", c.sql, len(got), c.rows, err)
		}
		if g.late || slices.Min(g.asked) != slices.Max(g.asked) {
			t.Errorf("%s: the orgs' requests don't overlap: %v", c.sql, g.asked)
		}
	}
}

// An org that stalls holds up no other one: their rows come.
func TestASlowOrgHoldsUpNoOther(t *testing.T) {
	engine, _, two := twoOrgs(t, whoql.Options{})
	two.Inject(oktatest.Fault{Kind: oktatest.Stall, Times: oktatest.Forever})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := engine.Query(ctx, `SELECT id, subdomain FROM okta.user.users WHERE subdomain IN ('two', 'one')`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for n := range 210 {
		if !rows.Next() || rows.Values()[1] != "one" {
			t.Fatalf("row %d: %v, %v", n, rows.Values(), rows.Err())
		}
	}
	cancel()
	if rows.Next() || !errors.Is(rows.Err(), context.Canceled) {
		t.Errorf("the error is %v", rows.Err())
	}
}

// Whoever needs few rows asks each org once.
func TestFewRowsOfTwoOrgs(t *testing.T) {
	for _, limit := range []int{1, 10, 200} {
		engine, one, two := twoOrgs(t, whoql.Options{})
		got, err := column(context.Background(), engine, fmt.Sprintf(`SELECT id FROM okta.user.users WHERE subdomain IN ('one', 'two') LIMIT %d`, limit))
		if err != nil || len(got) != limit {
			t.Errorf("%d rows, %v", len(got), err)
		}
		if a, b := len(one.Requests()), len(two.Requests()); a > 1 || b > 1 {
			t.Errorf("limit %d: %d and %d requests", limit, a, b)
		}
	}
}

// Two orgs of which one misbehaves, in every way, at every page, once and for good, the other being
// slow: all rows of both come, or an error that names the org.
func TestFaultsOfOneOrgOfTwo(t *testing.T) {
	good := ids(t, oktatest.New(oktatest.Options{Users: 210, Seed: 9, IDSuffix: "abc"}))
	bad := ids(t, oktatest.New(threePages))
	all := sorted(append(slices.Clone(good), bad...))
	for _, kind := range oktatest.FaultKinds() {
		for at := 1; at <= 3; at++ {
			for _, times := range []int{1, oktatest.Forever} {
				t.Run(fmt.Sprintf("%s/%d/%d", kind, at, times), func(t *testing.T) {
					t.Parallel()
					slow := oktatest.Start(t, oktatest.Options{Users: 210, Seed: 9, IDSuffix: "abc", Latency: 10 * time.Millisecond})
					failing := oktatest.Start(t, threePages)
					var slept sleeper
					var o whoql.Options
					for name, server := range map[string]*oktatest.Server{"slow": slow, "failing": failing} {
						c, err := okta.New(server.URL, okta.Token(server.Token), hasty(&slept, kind))
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { c.Close() })
						o.Orgs = append(o.Orgs, whoql.Org{Name: name, Client: c})
					}
					engine, err := whoql.Open(o)
					if err != nil {
						t.Fatal(err)
					}
					failing.Inject(oktatest.Fault{Kind: kind, At: at, Times: times, Delay: delayOf(kind)})
					got, err := column(context.Background(), engine, `SELECT id FROM okta.user.users WHERE subdomain IN ('slow', 'failing')`)
					if fates[kind].forever || fates[kind].once && times == 1 {
						if err != nil || !slices.Equal(sorted(got), all) {
							t.Errorf("%d rows, want %d: %v", len(got), len(all), err)
						}
						return
					}
					var org *whoql.OrgError
					if !errors.As(err, &org) || org.Org != "failing" || !strings.Contains(err.Error(), "org failing: ") {
						t.Errorf("%d rows, and the error doesn't name the org: %v", len(got), err)
					}
					checkReal(t, got, all)
				})
			}
		}
	}
}

// Closing in the middle ends the work for all orgs.
func TestCloseOfSeveralOrgs(t *testing.T) {
	var servers []*oktatest.Server
	var o whoql.Options
	for i := range 3 {
		server, err := oktatest.Serve(oktatest.Options{Users: 450, Seed: uint64(i), Faults: []oktatest.Fault{{Kind: oktatest.Stall, At: i + 1, Times: oktatest.Forever}}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, server)
		o.Orgs = append(o.Orgs, whoql.Org{Name: fmt.Sprintf("o%d", i), Client: c})
	}
	engine, err := whoql.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	leaves(t, func() {
		rows, err := engine.Query(t.Context(), `SELECT id FROM okta.user.users WHERE subdomain IN ('o0', 'o1', 'o2')`, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 250 {
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
		}
		start := time.Now()
		// Without being ended, the pages would stall for 30 s.
		if err := rows.Close(); err != nil || time.Since(start) > 10*time.Second {
			t.Errorf("closing took %s: %v", time.Since(start), err)
		}
		for i, s := range servers {
			o.Orgs[i].Client.Close()
			s.Close()
		}
	})
}

// What one org lacks is not made up for by the other: no statement has a result then.
func TestStatementsOverAFailingOrg(t *testing.T) {
	for _, sql := range []string{
		`SELECT count(*) FROM okta.user.users WHERE subdomain IN ('one', 'two')`,
		`SELECT subdomain, count(*) FROM okta.user.users WHERE subdomain IN ('one', 'two') GROUP BY 1`,
		`SELECT id FROM okta.user.users WHERE subdomain IN ('one', 'two') ORDER BY login LIMIT 1`,
		`SELECT max(login) FROM okta.user.users WHERE subdomain IN ('one', 'two') AND status = 'ACTIVE'`,
		`SELECT login FROM okta.user.users WHERE subdomain IN ('one', 'two') AND id IN ('a', 'b', 'c') ORDER BY 1`,
		`SELECT count(*) FROM (SELECT id FROM okta.user.users WHERE subdomain = 'one' UNION ALL SELECT id FROM okta.user.users WHERE subdomain = 'two')`,
		`SELECT count(*) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.subdomain = 'two' AND b.login = a.login WHERE a.subdomain = 'one'`,
		`SELECT count(*) FROM okta.user.users AS a WHERE a.subdomain = 'one' AND NOT EXISTS (SELECT 1 FROM okta.user.users AS b WHERE b.subdomain = 'two' AND b.email = a.email)`,
		`SELECT count(u.id) FROM (VALUES ('two'), ('one')) AS v LEFT JOIN okta.user.users AS u ON u.subdomain = v.column1`,
	} {
		for _, kind := range []oktatest.FaultKind{oktatest.Unauthorized, oktatest.BadJSON, oktatest.CutOff} {
			var slept sleeper
			one := oktatest.Start(t, oktatest.Options{Users: 210, Seed: 1})
			two := oktatest.Start(t, oktatest.Options{Users: 30, Seed: 2, IDSuffix: "abc"})
			var o whoql.Options
			for _, s := range []struct {
				name   string
				server *oktatest.Server
			}{{"one", one}, {"two", two}} {
				c, err := okta.New(s.server.URL, okta.Token(s.server.Token), hasty(&slept, kind))
				if err != nil {
					t.Fatal(err)
				}
				o.Orgs = append(o.Orgs, whoql.Org{Name: s.name, Client: c})
			}
			engine, err := whoql.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := column(t.Context(), engine, sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			two.Inject(oktatest.Fault{Kind: kind, Times: oktatest.Forever})
			got, err := column(t.Context(), engine, sql)
			var org *whoql.OrgError
			if !errors.As(err, &org) || org.Org != "two" || len(got) > 0 {
				t.Errorf("%s, %s: %v, %v", kind, sql, got, err)
			}
			for _, s := range o.Orgs {
				s.Client.Close()
			}
		}
	}
}

// However slowly rows are taken, no org is asked for more than the page behind the one at hand: memory
// doesn't grow with the orgs' sizes.
func TestOrgsDontRunAhead(t *testing.T) {
	one := oktatest.Start(t, oktatest.Options{Users: 1050, Seed: 1})
	two := oktatest.Start(t, oktatest.Options{Users: 1050, Seed: 2, IDSuffix: "abc"})
	var o whoql.Options
	for name, server := range map[string]*oktatest.Server{"one": one, "two": two} {
		c, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		o.Orgs = append(o.Orgs, whoql.Org{Name: name, Client: c})
	}
	engine, err := whoql.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := engine.Query(t.Context(), `SELECT subdomain FROM okta.user.users WHERE subdomain IN ('one', 'two')`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	taken := map[string]int{}
	for n := 0; rows.Next(); n++ {
		taken[rows.Values()[0].(string)]++
		if n%97 == 0 {
			time.Sleep(2 * time.Millisecond) // time enough to ask for far too much
			for name, server := range map[string]*oktatest.Server{"one": one, "two": two} {
				// The page that rows are taken from, and one more.
				if asked, most := len(server.Requests()), taken[name]/200+2; asked > most {
					t.Fatalf("%d rows of %s are taken, and it was asked %d times", taken[name], name, asked)
				}
			}
		}
	}
	if rows.Err() != nil || taken["one"] != 1050 || taken["two"] != 1050 {
		t.Errorf("%v, %v", taken, rows.Err())
	}
}
