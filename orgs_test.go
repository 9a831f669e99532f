package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// twoOrgs is an engine over two orgs, one and two, of which one is the default.
func twoOrgs(t *testing.T, o whoql.Options) (engine *whoql.Engine, one, two *oktatest.Server) {
	t.Helper()
	one = oktatest.Start(t, oktatest.Options{Users: 210, Seed: 1})
	two = oktatest.Start(t, oktatest.Options{Users: 30, Seed: 2, IDSuffix: "abc"})
	for name, server := range map[string]*oktatest.Server{"one": one, "two": two} {
		c, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o.Orgs = append(o.Orgs, whoql.Org{Name: name, Client: c})
	}
	slices.SortFunc(o.Orgs, func(a, b whoql.Org) int { return strings.Compare(a.Name, b.Name) })
	engine, err := whoql.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return engine, one, two
}

func TestTwoOrgs(t *testing.T) {
	for _, o := range []whoql.Options{{}, {NoPushdown: true}} {
		engine, one, two := twoOrgs(t, o)
		first, second := people(t, one.Org)[4], people(t, two.Org)[4]
		for _, c := range []struct {
			sql  string
			want string // the rows
		}{
			{`SELECT count(*), min(subdomain), max(subdomain) FROM okta.user.users`, `[210 one one]`},
			{`SELECT count(*), min(subdomain), max(subdomain) FROM okta.user.users WHERE subdomain = 'two'`, `[30 two two]`},
			{`SELECT count(*), min(subdomain), max(subdomain) FROM okta.user.users WHERE subdomain = 'TWO'`, `[30 TWO TWO]`},
			{`SELECT subdomain, count(*) FROM okta.user.users WHERE subdomain IN ('two', 'one', 'two') GROUP BY 1 ORDER BY 1`, `[one 210] [two 30]`},
			{`SELECT count(DISTINCT rowid), count(DISTINCT id) FROM okta.user.users WHERE subdomain IN ('two', 'one')`, `[240 240]`},
			{`SELECT count(*) FROM okta.user.users AS a, okta.user.users AS b WHERE a.subdomain = 'one' AND b.subdomain = 'two' AND a.status = 'STAGED' AND b.id = {second}`, `[{staged}]`},
			{`SELECT count(*) FROM okta.user.users AS a JOIN okta.user.users AS b ON b.subdomain = 'two' AND a.id = b.id`, `[0]`},
			{`SELECT count(*) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.subdomain = 'two' AND b.login = a.login WHERE a.subdomain = 'one'`, `[210]`},
			{`SELECT v.column1, count(u.id) FROM (VALUES ('two'), ('one')) AS v JOIN okta.user.users AS u ON u.subdomain = v.column1 GROUP BY 1 ORDER BY 1`, `[one 210] [two 30]`},
			{`SELECT subdomain FROM okta.user.users WHERE id = {second}`, ``},
			{`SELECT subdomain FROM okta.user.users WHERE id = {second} AND subdomain = 'two'`, `[two]`},
			{`SELECT subdomain FROM okta.user.users WHERE id IN ({first}, {second}) AND subdomain IN ('one', 'two') ORDER BY 1`, `[one] [two]`},
			{`SELECT subdomain, count(*) FROM okta.user.users WHERE (id = {first} OR id = {second} OR status = 'STAGED') AND id IN ({first}, {second}) AND subdomain IN ('one', 'two') GROUP BY 1 ORDER BY 1`, `[one 1] [two 1]`},
			{`SELECT count(*) FROM okta.user.users WHERE subdomain = 'two' UNION ALL SELECT count(*) FROM okta.user.users`, `[30] [210]`},
			{`SELECT count(*) FROM (SELECT * FROM okta.user.users WHERE subdomain IN ('one', 'two') LIMIT 215)`, `[215]`},
			{`SELECT subdomain FROM okta.user.users WHERE search = 'id eq "' || {second} || '"' AND subdomain IN ('one', 'two')`, `[two]`},
		} {
			staged := 0
			for _, p := range people(t, one.Org) {
				if p.text("status") == "STAGED" {
					staged++
				}
			}
			put := strings.NewReplacer("{first}", literal(first.text("id")), "{second}", literal(second.text("id")), "{staged}", fmt.Sprint(staged))
			results, err := run(context.Background(), engine, put.Replace(c.sql), nil)
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
				continue
			}
			var rows []string
			for _, row := range results[0].rows {
				rows = append(rows, fmt.Sprint(row))
			}
			if got, want := strings.Join(rows, " "), put.Replace(c.want); got != want {
				t.Errorf("%+v: %s\ngives %s\nwant  %s", o, c.sql, got, want)
			}
		}
	}
}

// In an outer join SQLite doesn't always show a condition to the table that it is about. Then the
// default org must not answer in place of the one that is named: an error is right, too.
func TestOrgsOfOuterJoins(t *testing.T) {
	engine, one, two := twoOrgs(t, whoql.Options{})
	count := func(org *oktatest.Server, status string) (n int) {
		for _, p := range people(t, org.Org) {
			if p.text("status") == status {
				n++
			}
		}
		return n
	}
	pairs := count(one, "DEPROVISIONED") * count(two, "DEPROVISIONED")
	if pairs == 0 {
		t.Fatal("no pairs: choose another seed")
	}
	for _, c := range []struct {
		sql  string
		want int
	}{
		{`SELECT count(*) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.status = a.status WHERE b.subdomain = 'two' AND a.status = 'DEPROVISIONED'`, pairs},
		{`SELECT count(b.id) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.status = a.status AND b.subdomain = 'two' WHERE a.status = 'DEPROVISIONED'`, pairs},
		{`SELECT count(*) FROM okta.user.users AS a RIGHT JOIN okta.user.users AS b ON b.status = a.status WHERE a.subdomain = 'two' AND b.status = 'DEPROVISIONED'`, pairs},
		{`SELECT count(*) FROM okta.user.users AS a RIGHT JOIN okta.user.users AS b ON b.id = a.id AND b.subdomain = 'two'`, 30},
		{`SELECT count(*) FROM okta.user.users AS a RIGHT JOIN okta.user.users AS b ON b.id = a.id WHERE b.subdomain = 'two'`, 30},
		{`SELECT count(*) FROM okta.user.users AS a RIGHT JOIN (VALUES (1)) AS v ON a.subdomain = 'two'`, 30},
		{`SELECT count(*) FROM okta.user.users AS a FULL JOIN okta.user.users AS b ON b.id = a.id WHERE a.subdomain = 'two'`, 30},
		{`SELECT count(*) FROM okta.user.users AS a FULL JOIN okta.user.users AS b ON b.id = a.id WHERE a.subdomain = 'two' AND b.subdomain = 'two'`, 30},
		{`SELECT count(*) FROM okta.user.users AS a FULL JOIN okta.user.users AS b ON b.id = a.id AND a.subdomain = 'two'`, 240},
		{`SELECT count(*) FROM okta.user.users AS a FULL JOIN okta.user.users AS b ON b.id = a.id AND b.subdomain = 'two'`, 240},
		{`SELECT count(*) FROM okta.user.users AS a WHERE EXISTS (SELECT 1 FROM (VALUES ('two')) AS v WHERE a.subdomain = v.column1)`, 30},
	} {
		results, err := run(context.Background(), engine, c.sql, nil)
		if err != nil {
			t.Logf("%s: %v", c.sql, err)
			continue
		}
		if got := fmt.Sprint(results[0].rows[0][0]); got != fmt.Sprint(c.want) {
			t.Errorf("%s: %s, want %d", c.sql, got, c.want)
		}
	}
}

// An org that two spellings of its name are asked for answers once.
func TestOneOrgTwice(t *testing.T) {
	engine, _, _ := twoOrgs(t, whoql.Options{})
	results, err := run(context.Background(), engine, `SELECT count(*), count(DISTINCT id) FROM okta.user.users WHERE subdomain IN ('two', 'Two')`, nil)
	if err != nil || fmt.Sprint(results[0].rows) != "[[30 30]]" {
		t.Errorf("%v, %v", results, err)
	}
}

// Only the orgs that are asked get requests, and a failure of one is the query's.
func TestRequestsOfOrgs(t *testing.T) {
	engine, one, two := twoOrgs(t, whoql.Options{})
	if _, err := run(context.Background(), engine, `SELECT id FROM okta.user.users WHERE subdomain = 'two'`, nil); err != nil {
		t.Fatal(err)
	}
	if a, b := len(one.Requests()), len(two.Requests()); a != 0 || b != 1 {
		t.Errorf("%d and %d requests, want 0 and 1", a, b)
	}
	two.Inject(oktatest.Fault{Kind: oktatest.Forbidden, Times: oktatest.Forever})
	got, err := column(context.Background(), engine, `SELECT id FROM okta.user.users WHERE subdomain IN ('one', 'two')`)
	if !okta.IsForbidden(err) || len(got) > 210 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// An org with AnyName takes the one name that a query gives it.
func TestAnyName(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 10})
	c, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: "sandbox", Client: c, AnyName: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		`SELECT count(*), max(subdomain) FROM okta.user.users`:                                                                               "[[10 sandbox]]",
		`SELECT count(*), max(subdomain) FROM okta.user.users WHERE subdomain = 'sandbox'`:                                                   "[[10 sandbox]]",
		`SELECT count(*), max(subdomain) FROM okta.user.users WHERE subdomain = 'acme'`:                                                      "[[10 acme]]",
		`SELECT count(*) FROM okta.user.users WHERE subdomain IN ('acme')`:                                                                   "[[10]]",
		`SELECT count(*) FROM okta.user.users AS a JOIN okta.user.users AS b USING (id) WHERE a.subdomain = 'acme' AND b.subdomain = 'acme'`: "[[10]]",
	} {
		results, err := run(context.Background(), engine, sql, nil)
		if err != nil || fmt.Sprint(results[0].rows) != want {
			t.Errorf("%s: %v, %v", sql, results, err)
		}
	}
	// Each statement may give it another name, whether by a text or by a value.
	results, err := run(context.Background(), engine, `SELECT max(subdomain) FROM okta.user.users WHERE subdomain = 'acme';
		SELECT max(subdomain) FROM okta.user.users WHERE subdomain = 'globex'; SELECT max(subdomain) FROM okta.user.users WHERE subdomain = :o`, whoql.Args{"o": "initech"})
	if err != nil || len(results) != 3 || fmt.Sprint(results[0].rows, results[1].rows, results[2].rows) != "[[acme]] [[globex]] [[initech]]" {
		t.Errorf("%v, %v", results, err)
	}
	if _, err := run(context.Background(), engine, `SELECT 1 FROM okta.user.users WHERE subdomain = 'acme' UNION ALL SELECT 1 FROM okta.user.users WHERE subdomain = :o`, whoql.Args{"o": "globex"}); err == nil {
		t.Error("one org answers as two")
	}
	server.ResetRequests()
	for _, sql := range []string{
		`SELECT 1 FROM okta.user.users WHERE subdomain IN ('acme', 'globex')`,
		`SELECT 1 FROM okta.user.users WHERE subdomain = 'acme' UNION ALL SELECT 1 FROM okta.user.users WHERE subdomain = 'globex'`,
		`SELECT 1 FROM okta.user.users WHERE subdomain = ''`,
	} {
		if results, err := run(context.Background(), engine, sql, nil); err == nil {
			t.Errorf("%s: %v", sql, results)
		}
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestOpen(t *testing.T) {
	client, err := okta.New("https://acme.okta.com", okta.Token("00token"), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, orgs := range [][]whoql.Org{
		{{Name: "", Client: client}},
		{{Name: "acme"}},
		{{Name: "acme", Client: client}, {Name: "Acme", Client: client}},
	} {
		if _, err := whoql.Open(whoql.Options{Orgs: orgs}); err == nil {
			t.Errorf("%v can be opened", orgs)
		}
	}
	engine, err := whoql.Open(whoql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`SELECT id FROM okta.user.users`, `SELECT 1; SELECT count(*) FROM okta.user.users`, `EXPLAIN SELECT id FROM okta.user.users`} {
		if _, err := engine.Query(context.Background(), sql, nil); !errors.Is(err, whoql.ErrNoOrg) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	results, err := run(context.Background(), engine, `SELECT 1 + 1; SHOW SERVICES IN okta; DESCRIBE okta.user.users`, nil)
	if err != nil || len(results) != 3 {
		t.Errorf("without an org: %v, %v", results, err)
	}
}

// An org is connected to when a statement needs it, and then only.
func TestConnect(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 10})
	c, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no token is there")
	engine, err := whoql.Open(whoql.Options{NoDefaultOrg: true, Orgs: []whoql.Org{
		{Name: "prod", Connect: func() (*okta.Client, error) { return nil, broken }, URL: "https://acme.okta.com", ReadOnly: true, Source: "a file"},
		{Name: "test", Client: c},
		{Name: "b", URL: "https://beta.okta.com", Connect: func() (*okta.Client, error) { return c, nil }},
		{Name: "p", URL: "https://beta.oktapreview.com", Connect: func() (*okta.Client, error) { return nil, broken }},
		{Name: "globex", URL: "https://globex.okta.com", Connect: func() (*okta.Client, error) { return c, nil }},
		{Name: "other", URL: "https://globex.oktapreview.com", Connect: func() (*okta.Client, error) { return nil, broken }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`SELECT max(subdomain) FROM okta.user.users WHERE subdomain = 'test'`, `SELECT max(subdomain) FROM okta.user.users WHERE subdomain = 'globex'`} {
		if _, err := run(t.Context(), engine, sql, nil); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	server.ResetRequests()
	for sql, want := range map[string]error{
		`SELECT id FROM okta.user.users WHERE subdomain = 'prod'`:                          broken,
		`SELECT id FROM okta.user.users WHERE subdomain = 'acme'`:                          broken,
		`SELECT id FROM okta.user.users WHERE subdomain = 'ACME'`:                          broken,
		`SELECT id FROM okta.user.users WHERE subdomain IN ('test', 'prod')`:               broken,
		`SELECT id FROM okta.user.users WHERE subdomain IN ('test', lower('PROD'))`:        broken,
		`SELECT 1 FROM okta.user.users WHERE subdomain = 'test' AND id = 'x'; SELECT nope`: nil,
	} {
		_, err := run(t.Context(), engine, sql, nil)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var none *whoql.NoDefaultOrgError
	for _, sql := range []string{`SELECT id FROM okta.user.users`, `EXPLAIN SELECT id FROM okta.user.users`, `SELECT 1; SELECT count(*) FROM okta.user.users`,
		`SELECT a.id FROM okta.user.users AS a JOIN okta.user.users AS b USING (id) WHERE a.subdomain = 'test'`,
		`SELECT id, (SELECT count(*) FROM okta.user.users) FROM okta.user.users WHERE subdomain = 'test'`,
		`SELECT id FROM okta.user.users WHERE subdomain = 'test' UNION ALL SELECT id FROM okta.user.users`} {
		if _, err := run(t.Context(), engine, sql, nil); !errors.As(err, &none) || len(none.Known) != 6 {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var unknown *whoql.UnknownOrgError
	for _, name := range []string{"beta", "127.0.0.2", "acme.okta.com", ""} { // beta is two orgs
		if _, err := run(t.Context(), engine, `SELECT id FROM okta.user.users WHERE subdomain = `+literal(name), nil); !errors.As(err, &unknown) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
	// A statement whose tables all have their orgs needs no default.
	for _, sql := range []string{
		`SELECT count(*) FROM okta.user.users AS a JOIN okta.user.users AS b ON b.subdomain = 'globex' AND b.id = a.id WHERE a.subdomain = 'test'`,
		`SELECT count(*) FROM (VALUES ('test'), ('b')) AS v JOIN okta.user.users AS u ON u.subdomain = v.column1`,
		`SELECT count(*) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.subdomain = 'test' AND b.managerId = a.id WHERE a.subdomain IN ('test', 'b')`,
		`SELECT count(*) FROM okta.user.users WHERE subdomain = 'test' AND (id = 'a' OR login = 'b' OR status = 'STAGED')`,
	} {
		if _, err := run(t.Context(), engine, sql, nil); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// The two names of an org are one org.
	results, err := run(t.Context(), engine, `SELECT count(*) FROM okta.user.users WHERE subdomain IN ('globex', 'Globex', 'GLOBEX'); SHOW ORGS LIKE 'p%'; SHOW ORGS`, nil)
	if err != nil || fmt.Sprint(results[0].rows) != "[[10]]" {
		t.Fatalf("%v, %v", results, err)
	}
	if got := fmt.Sprint(results[1].columns, results[1].rows); got != "[name url default read_only source] [[prod https://acme.okta.com 0 1 a file] [p https://beta.oktapreview.com 0 0 ]]" {
		t.Errorf("SHOW ORGS: %s", got)
	}
	if len(results[2].rows) != 6 || results[2].rows[1][1] != server.URL {
		t.Errorf("SHOW ORGS: %v", results[2].rows)
	}
}
