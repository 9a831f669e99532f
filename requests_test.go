package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

const (
	listPath = "/api/v1/users"
	everyone = `created ge "1970-01-01T00:00:00.000Z"` // finds users of all statuses
)

// An office is an org of 1,050 users, six pages, with an engine on it.
type office struct {
	*arena
	server *oktatest.Server
	engine *whoql.Engine
}

func newOffice(t *testing.T) *office {
	o := &office{arena: &arena{users: people(t, oktatest.New(sixPages))}}
	o.reopen(t)
	return o
}

var sixPages = oktatest.Options{Users: 1050, Seed: 5}

// reopen takes a new server with the same users, so that no request of what ran before, such as one
// for a page ahead that was given up, is counted.
func (o *office) reopen(t *testing.T) {
	o.server = oktatest.Start(t, sixPages)
	o.engine = connect(t, o.server, okta.Options{}, whoql.Options{})
}

// ask runs a statement and returns its rows and the requests it made.
func (o *office) ask(t *testing.T, sql string, args whoql.Args) (rows [][]any, requests []oktatest.Request, err error) {
	t.Helper()
	o.server.ResetRequests()
	results, err := run(context.Background(), o.engine, o.expand(t, sql), args)
	for _, r := range results {
		rows = append(rows, r.rows...)
	}
	return rows, o.server.Requests(), err
}

func TestRequests(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct {
		name string
		sql  string
		args whoql.Args
		rows int // -1: any number
		// The requests: from to as many, and what each list asks for.
		from, to int
		search   string // "": not looked at
		limit    string // of the first page; "": 200 for a list
	}{
		{name: "full scan", sql: `SELECT id FROM okta.user.users`, rows: 1050, from: 6, to: 6, search: everyone},
		{name: "count", sql: `SELECT count(*) FROM okta.user.users`, rows: 1, from: 6, to: 6, search: everyone},
		{name: "limit 0", sql: `SELECT id FROM okta.user.users LIMIT 0`, rows: 0},
		{name: "limit 0 of an order", sql: `SELECT id FROM okta.user.users ORDER BY login LIMIT 0`, rows: 0},
		{name: "limit 1", sql: `SELECT id FROM okta.user.users LIMIT 1`, rows: 1, from: 1, to: 1, search: everyone, limit: "1"},
		{name: "limit 10", sql: `SELECT id FROM okta.user.users LIMIT 10`, rows: 10, from: 1, to: 1, search: everyone, limit: "10"},
		{name: "limit 10 by parameter", sql: `SELECT id FROM okta.user.users LIMIT :n`, args: whoql.Args{"n": 10}, rows: 10, from: 1, to: 1, limit: "10"},
		{name: "limit and offset within a page", sql: `SELECT id FROM okta.user.users LIMIT 10 OFFSET 20`, rows: 10, from: 1, to: 1, limit: "30"},
		{name: "limit 199", sql: `SELECT id FROM okta.user.users LIMIT 199`, rows: 199, from: 1, to: 1, limit: "199"},
		{name: "limit 200", sql: `SELECT id FROM okta.user.users LIMIT 200`, rows: 200, from: 1, to: 1},
		{name: "limit 201", sql: `SELECT id FROM okta.user.users LIMIT 201`, rows: 201, from: 2, to: 2},
		{name: "limit 250", sql: `SELECT id FROM okta.user.users LIMIT 250`, rows: 250, from: 2, to: 2},
		{name: "limit 250 and offset 150", sql: `SELECT id FROM okta.user.users LIMIT 250 OFFSET 150`, rows: 250, from: 2, to: 2},
		{name: "limit of an order", sql: `SELECT id FROM okta.user.users ORDER BY login LIMIT 10`, rows: 10, from: 6, to: 6},
		{name: "limit with a condition", sql: `SELECT id FROM okta.user.users WHERE id > {id:99} AND lastLogin < '2100' LIMIT 10`, rows: 10, from: 1, to: 2, search: everyone},
		{name: "limit with a condition of the third page", sql: `SELECT id FROM okta.user.users WHERE id > {id:410} AND passwordChanged < '2100' LIMIT 10`, rows: 10, from: 3, to: 4, search: everyone},
		{name: "limit of a status", sql: `SELECT id FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 10`, rows: 10, from: 1, to: 2, search: `status eq "ACTIVE"`},
		{name: "exists", sql: `SELECT EXISTS (SELECT 1 FROM okta.user.users)`, rows: 1, from: 1, to: 1, limit: "1"},
		{name: "id", sql: `SELECT id FROM okta.user.users WHERE id = {id:900}`, rows: 1, from: 1, to: 1},
		{name: "userId", sql: `SELECT id FROM okta.user.users WHERE userId = {id:900}`, rows: 1, from: 1, to: 1},
		{name: "login", sql: `SELECT id FROM okta.user.users WHERE login = {login:900}`, rows: 1, from: 1, to: 1},
		{name: "a key that is not there", sql: `SELECT id FROM okta.user.users WHERE login = 'nobody@example.com'`, rows: 0, from: 1, to: 1},
		{name: "a key and a limit", sql: `SELECT id FROM okta.user.users WHERE id = {id:900} LIMIT 5`, rows: 1, from: 1, to: 1},
		{name: "a key and a status", sql: `SELECT id FROM okta.user.users WHERE id = {id:900} AND status = {status:900}`, rows: 1, from: 1, to: 1},
		{name: "a null key", sql: `SELECT id FROM okta.user.users WHERE id = NULL`, rows: 0},
		{name: "an empty key", sql: `SELECT id FROM okta.user.users WHERE login = ''`, rows: 0},
		{name: "a key that the API doesn't take", sql: `SELECT id FROM okta.user.users WHERE login = '😀'`, rows: 0},
		{name: "keys of nothing", sql: `SELECT id FROM okta.user.users WHERE id IN ('', NULL)`, rows: 0},
		{name: "3 keys", sql: `SELECT id FROM okta.user.users WHERE id IN ({id:1}, {id:500}, {id:900})`, rows: 3, from: 3, to: 3},
		{name: "3 keys twice", sql: `SELECT id FROM okta.user.users WHERE id IN ({id:7-9}, {id:7-9}, '', NULL)`, rows: 3, from: 3, to: 3},
		{name: "20 keys", sql: `SELECT id FROM okta.user.users WHERE login IN ({login:100-119})`, rows: 20, from: 20, to: 20},
		{name: "25 keys", sql: `SELECT id FROM okta.user.users WHERE id IN ({id:100-124})`, rows: 25, from: 1, to: 1},
		{name: "500 keys", sql: `SELECT id FROM okta.user.users WHERE id IN ({id:100-599})`, rows: 500, from: 4, to: 6},
		{name: "a login with a slash", sql: `SELECT id FROM okta.user.users WHERE login = {login:37}`, rows: 1, from: 1, to: 1},
		{name: "me is a login like others", sql: `SELECT id FROM okta.user.users WHERE login = 'me'`, rows: 0, from: 1, to: 1, search: `profile.login eq "me"`},
		{name: "a status", sql: `SELECT id FROM okta.user.users WHERE status = 'SUSPENDED'`, rows: -1, from: 1, to: 1, search: `status eq "SUSPENDED"`},
		{name: "statuses", sql: `SELECT id FROM okta.user.users WHERE status IN ('STAGED', 'RECOVERY')`, rows: -1, from: 1, to: 1, search: `status eq "RECOVERY" or status eq "STAGED"`},
		{name: "a status by or", sql: `SELECT id FROM okta.user.users WHERE (status = 'STAGED' OR status = 'RECOVERY') AND city IS NULL`, rows: -1, from: 1, to: 1, search: `status eq "RECOVERY" or status eq "STAGED"`},
		{name: "a status that the API doesn't know", sql: `SELECT id FROM okta.user.users WHERE status = 'asleep'`, rows: 0, from: 6, to: 6, search: everyone},
		{name: "a null status", sql: `SELECT id FROM okta.user.users WHERE status IN (NULL)`, rows: 0},
		{name: "an attribute", sql: `SELECT id FROM okta.user.users WHERE department = 'IT'`, rows: -1, from: 1, to: 1, search: `profile.department eq "IT"`},
		{name: "a false condition", sql: `SELECT id FROM okta.user.users WHERE 1 = 0`, rows: 0},
		{name: "q", sql: `SELECT id FROM okta.user.users WHERE q = 'oliv'`, rows: -1, from: 1, to: 1},
		{name: "search", sql: `SELECT id FROM okta.user.users WHERE search = 'status eq "RECOVERY"' AND "limit" = 50`, rows: -1, from: 1, to: 1, search: `status eq "RECOVERY"`, limit: "50"},
		{name: "search and a status", sql: `SELECT id FROM okta.user.users WHERE search = 'profile.city eq "Boston" or profile.city eq "Berlin"' AND status = 'STAGED'`, rows: -1, from: 1, to: 1,
			search: `(profile.city eq "Boston" or profile.city eq "Berlin") and (status eq "STAGED")`},
		{name: "page size", sql: `SELECT id FROM okta.user.users WHERE "limit" = 100`, rows: 1050, from: 11, to: 11, search: everyone, limit: "100"},
		{name: "subdomain twice", sql: `SELECT id FROM okta.user.users WHERE subdomain IN ('sandbox', 'sandbox')`, rows: 1050, from: 6, to: 6, search: everyone},
		// A table that a join reads again and again is kept.
		{name: "everybody by id", sql: `SELECT count(*) FROM okta.user.users AS u JOIN okta.user.users AS o ON o.id = u.id`, rows: 1, from: 6, to: 6},
		{name: "everybody by login twice", sql: `SELECT count(*) FROM okta.user.users AS u JOIN okta.user.users AS o ON o.login = u.login JOIN okta.user.users AS p ON p.login = u.login`, rows: 1, from: 6, to: 6},
		{name: "everybody's manager", sql: `SELECT count(*) FROM okta.user.users AS u JOIN okta.user.users AS m ON m.employeeNumber = u.managerId`, rows: 1, from: 6, to: 6, search: everyone},
		{name: "everybody with everybody", sql: `SELECT count(*) FROM okta.user.users AS a CROSS JOIN (SELECT id FROM okta.user.users WHERE status = 'RECOVERY') AS b`, rows: 1, from: 7, to: 7},
		{name: "a few by key", sql: `SELECT o.login FROM (VALUES ({id:3}), ({id:4}), ({id:3}), (NULL), ('')) AS v JOIN okta.user.users AS o ON o.id = v.column1`, rows: 3, from: 2, to: 2},
		{name: "statuses of a list", sql: `SELECT count(*) FROM (VALUES ('STAGED'), ('RECOVERY'), ('STAGED'), (NULL)) AS v JOIN okta.user.users AS o ON o.status = v.column1`, rows: 1, from: 2, to: 2},
		{name: "a correlated subquery", sql: `SELECT u.id, (SELECT count(*) FROM okta.user.users AS r WHERE r.managerId = u.employeeNumber) FROM okta.user.users AS u`, rows: 1050, from: 6, to: 12, search: everyone},
		{name: "several statements", sql: `SELECT id FROM okta.user.users LIMIT 1; SELECT id FROM okta.user.users WHERE id = {id:3}`, rows: 2, from: 2, to: 2, limit: "1"},
		{name: "values", sql: `VALUES (1)`, rows: 1},
		{name: "explain", sql: `EXPLAIN SELECT id FROM okta.user.users WHERE status = 'ACTIVE'`, rows: -1},
		{name: "explain a join", sql: `EXPLAIN SELECT a.id FROM okta.user.users AS a JOIN okta.user.users AS b ON b.id = a.managerId`, rows: -1},
		{name: "explain query plan", sql: `EXPLAIN QUERY PLAN SELECT id FROM okta.user.users WHERE id = {id:3}`, rows: -1},
		{name: "show and describe", sql: `SHOW METHODS IN okta.user.users; DESCRIBE EXTENDED okta.user.users; SHOW PROVIDERS`, rows: -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.reopen(t)
			rows, requests, err := o.ask(t, c.sql, c.args)
			if err != nil {
				t.Fatal(err)
			}
			if c.rows >= 0 && len(rows) != c.rows {
				t.Errorf("%d rows, want %d", len(rows), c.rows)
			}
			if c.rows < 0 && len(rows) == 0 {
				t.Error("no rows")
			}
			if len(requests) < c.from || len(requests) > c.to {
				t.Errorf("%d requests, want %d to %d: %v", len(requests), c.from, c.to, spellRequests(requests))
			}
			for i, r := range requests {
				if c.search != "" && r.Query.Get("search") != c.search {
					t.Errorf("request %d searches for %q, want %q", i, r.Query.Get("search"), c.search)
				}
				if r.Path == listPath && r.Query.Get("limit") != cmpOr(c.limit, "200") {
					t.Errorf("request %d has the limit %s, want %s", i, r.Query.Get("limit"), cmpOr(c.limit, "200"))
				}
			}
		})
	}
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func spellRequests(requests []oktatest.Request) []string {
	var out []string
	for _, r := range requests {
		out = append(out, fmt.Sprintf("%s %s?%s: %d", r.Method, r.Path, r.Query.Encode(), r.Status))
	}
	return out
}

// What a Rows says it has cost is what the org has counted.
func TestStats(t *testing.T) {
	o := newOffice(t)
	o.server.ResetRequests()
	rows, err := o.engine.Query(context.Background(), `SELECT id FROM okta.user.users; SELECT id FROM okta.user.users LIMIT 3`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := rows.Stats().Requests; n != 0 {
		t.Errorf("%d requests before the first row", n)
	}
	for more := true; more; more = rows.NextResult() {
		for rows.Next() {
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	if got, want := rows.Stats().Requests, len(o.server.Requests()); got != int64(want) || want != 7 {
		t.Errorf("Stats has %d requests, the org %d, want 7", got, want)
	}
}

// Keys are asked for by get, each in a segment of its own, whatever is in them.
func TestRequestsByKey(t *testing.T) {
	o := newOffice(t)
	odd := []string{"", ".", "..", "/", "//", "a/b", "../x", "me", "ME", "Me", "?", "a?b", "#", "%", "%2e", "%2e%2e", "..%2f", " ", "+", "a b", "'", `"`, `\`, "&", ";", "=",
		"é", "日本", "😀", "\n", "\x01", strings.Repeat("x", 300)}
	var list []string
	for _, v := range odd {
		list = append(list, literal(v))
	}
	for _, column := range []string{"id", "userId", "login"} {
		var texts []string
		for _, one := range list {
			texts = append(texts, fmt.Sprintf(`SELECT id FROM okta.user.users WHERE %s = %s AND userId <> {id:3}`, column, one))
		}
		for at := 0; at < len(list); at += 10 {
			part := strings.Join(list[at:min(at+10, len(list))], ", ")
			texts = append(texts, fmt.Sprintf(`SELECT id FROM okta.user.users WHERE %s IN (%s)`, column, part))
		}
		texts = append(texts, fmt.Sprintf(`SELECT id FROM okta.user.users WHERE %s IN (%s)`, column, strings.Join(list, ", ")))
		for _, sql := range texts {
			rows, requests, err := o.ask(t, sql, nil)
			if err != nil {
				t.Errorf("%v\n%s", err, sql)
			}
			if len(rows) != 0 {
				t.Errorf("%d rows, want none\n%s", len(rows), sql)
			}
			for _, r := range requests {
				if r.Path == listPath {
					continue
				}
				key, ok := strings.CutPrefix(r.Path, listPath+"/")
				if !ok || strings.Contains(key, "/") || slices.Contains([]string{"", ".", ".."}, key) || strings.EqualFold(key, "me") {
					t.Errorf("%s %s\n%s", r.Method, r.Path, sql)
				}
			}
		}
	}
}

// A search with many keys beyond ASCII still fits in a request: in a URL each byte takes three.
func TestRequestsOfLongKeys(t *testing.T) {
	o := newOffice(t)
	var keys []string
	for i := range 60 {
		keys = append(keys, literal(fmt.Sprint(strings.Repeat("日", 25), i)))
	}
	rows, requests, err := o.ask(t, `SELECT id FROM okta.user.users WHERE login IN ({login:5}, `+strings.Join(keys, ", ")+`)`, nil)
	if err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	for _, r := range requests {
		if r.Status != http.StatusOK {
			t.Errorf("%v", r)
		}
	}
}

// What is wrong is found before any request, save for those that find out whether a column is one of
// the org's own attributes.
func TestRequestsOfErrors(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct {
		name string
		sql  string
		args whoql.Args
		says string
		as   any // a pointer to the error's type; nil: any
		// schemas: user types and schemas are read
		schemas bool
	}{
		{name: "nothing", sql: ` -- nothing`, says: "no statement", as: new(*stmt.Error)},
		{name: "syntax", sql: `SELEC id FROM okta.user.users`, says: "1:1: ", as: new(*stmt.Error)},
		{name: "syntax of the last statement", sql: "SELECT id FROM okta.user.users;\nSELECT FROM okta.user.users", says: "2:8: ", as: new(*stmt.Error)},
		{name: "unknown table", sql: `SELECT id FROM okta.user.usrs`, says: "no such table: okta.user.usrs", as: new(*stmt.Error)},
		{name: "unknown provider", sql: `SELECT id FROM octa.user.users`, says: "no such provider: octa", as: new(*stmt.Error)},
		{name: "two names", sql: `SELECT id FROM okta.users`, says: "no such table", as: new(*stmt.Error)},
		{name: "one name", sql: `SELECT id FROM users`, says: "no such table: users", as: new(*stmt.Error)},
		{name: "unknown column", sql: `SELECT loginn FROM okta.user.users`, says: "1:8: no such column: loginn", as: new(*stmt.Error), schemas: true},
		{name: "unknown column of a join", sql: `SELECT a.id FROM okta.user.users AS a JOIN okta.user.users AS b ON a.id = b.nowhere`, says: "no such column: b.nowhere", as: new(*stmt.Error), schemas: true},
		{name: "unknown function", sql: `SELECT nowhere(id) FROM okta.user.users`, says: "no such function: nowhere", as: new(*stmt.Error)},
		{name: "ambiguous column", sql: `SELECT id FROM okta.user.users AS a, okta.user.users AS b`, says: "ambiguous column name: id", as: new(*stmt.Error)},
		{name: "an argument that nothing takes", sql: `SELECT id FROM okta.user.users`, args: whoql.Args{"x": 1}, says: "no statement uses the parameter x", as: new(*stmt.Error)},
		{name: "an argument that is missing", sql: `SELECT id FROM okta.user.users WHERE id = :x`, says: "the parameter :x has no value", as: new(*stmt.Error)},
		{name: "an argument without a name", sql: `SELECT id FROM okta.user.users WHERE id = ?`, says: "a parameter without a name: ?", as: new(*stmt.Error)},
		{name: "unbound in the list", sql: `SELECT q FROM okta.user.users`, says: "q is a request parameter", as: new(*stmt.Error)},
		{name: "unbound in an order", sql: `SELECT id FROM okta.user.users ORDER BY sortBy`, says: "sortBy is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by or", sql: `SELECT id FROM okta.user.users WHERE q = 'x' OR status = 'ACTIVE'`, says: "q is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by not", sql: `SELECT id FROM okta.user.users WHERE NOT (search = 'x')`, says: "search is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by like", sql: `SELECT id FROM okta.user.users WHERE q LIKE 'x%'`, says: "q is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by in", sql: `SELECT id FROM okta.user.users WHERE q IN ('x', 'y')`, says: "q is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by is", sql: `SELECT id FROM okta.user.users WHERE search IS 'x'`, says: "search is a request parameter", as: new(*stmt.Error)},
		{name: "unbound by an expression", sql: `SELECT id FROM okta.user.users WHERE lower(q) = 'x'`, says: "q is a request parameter", as: new(*stmt.Error)},
		{name: "subdomain by or", sql: `SELECT id FROM okta.user.users WHERE subdomain = 'sandbox' OR id = 'x'`, says: "subdomain picks the org", as: new(*stmt.Error)},
		{name: "subdomain that differs", sql: `SELECT id FROM okta.user.users WHERE subdomain <> 'sandbox'`, says: "subdomain picks the org", as: new(*stmt.Error)},
		{name: "unknown subdomain", sql: `SELECT id FROM okta.user.users WHERE subdomain = 'acme'`, says: `1:50: unknown org: subdomain is "acme", the orgs are: sandbox`, as: new(*stmt.Error)},
		{name: "unknown subdomain of several", sql: `SELECT id FROM okta.user.users WHERE subdomain IN ('sandbox', 'acme')`, says: `1:63: unknown org: subdomain is "acme"`, as: new(*stmt.Error)},
		{name: "unknown subdomain by parameter", sql: `SELECT id FROM okta.user.users WHERE subdomain = :org`, args: whoql.Args{"org": "acme"}, says: `subdomain is "acme"`, as: new(*whoql.UnknownOrgError)},
		{name: "unknown subdomain of several by parameter", sql: `SELECT id FROM okta.user.users WHERE subdomain IN ('sandbox', :org)`, args: whoql.Args{"org": "acme"}, says: `subdomain is "acme"`, as: new(*whoql.UnknownOrgError)},
		{name: "null subdomain", sql: `SELECT id FROM okta.user.users WHERE subdomain = NULL`, says: "subdomain is NULL"},
		{name: "numeric subdomain", sql: `SELECT id FROM okta.user.users WHERE subdomain = :org`, args: whoql.Args{"org": 5}, says: "subdomain is 5"},
		{name: "search with filter", sql: `SELECT id FROM okta.user.users WHERE search = 'x' AND filter = 'y'`, says: "search and filter can't be in one request"},
		{name: "q with search", sql: `SELECT id FROM okta.user.users WHERE search = 'x' AND q = 'y'`, says: "search and q can't be in one request"},
		{name: "q with filter", sql: `SELECT id FROM okta.user.users WHERE filter = 'x' AND q = 'y'`, says: "filter and q can't be in one request"},
		{name: "sortBy without search", sql: `SELECT id FROM okta.user.users WHERE sortBy = 'id'`, says: "sortBy needs search"},
		{name: "sortBy with filter", sql: `SELECT id FROM okta.user.users WHERE sortBy = 'id' AND filter = 'status eq "ACTIVE"'`, says: "sortBy needs search"},
		{name: "sortOrder without sortBy", sql: `SELECT id FROM okta.user.users WHERE search = 'id pr' AND sortOrder = 'asc'`, says: "sortOrder needs sortBy"},
		{name: "sortOrder of another kind", sql: `SELECT id FROM okta.user.users WHERE search = 'id pr' AND sortBy = 'id' AND sortOrder = 'up'`, says: `sortOrder is "up"`},
		{name: "limit 0 a page", sql: `SELECT id FROM okta.user.users WHERE "limit" = 0`, says: "limit is 0"},
		{name: "limit 201 a page", sql: `SELECT id FROM okta.user.users WHERE "limit" = 201`, says: "limit is 201"},
		{name: "limit of half a user", sql: `SELECT id FROM okta.user.users WHERE "limit" = 10.5`, says: "limit is 10.5"},
		{name: "limit in words", sql: `SELECT id FROM okta.user.users WHERE "limit" = 'ten'`, says: "limit is 'ten'"},
		{name: "limit of nothing", sql: `SELECT id FROM okta.user.users WHERE "limit" = NULL`, says: "limit is NULL"},
		{name: "limit and more", sql: `SELECT id FROM okta.user.users WHERE "limit" = '10 or so'`, says: "limit is '10 or so'"},
		{name: "empty q", sql: `SELECT id FROM okta.user.users WHERE q = ''`, says: "q is ''"},
		{name: "null q", sql: `SELECT id FROM okta.user.users WHERE q = NULL`, says: "q is NULL"},
		{name: "numeric q", sql: `SELECT id FROM okta.user.users WHERE q = :q`, args: whoql.Args{"q": 5}, says: "q is 5"},
		{name: "empty search", sql: `SELECT id FROM okta.user.users WHERE search = ''`, says: "search is ''"},
		{name: "a change", sql: `DELETE FROM okta.user.users WHERE id = 'x'`, says: "this only reads", as: new(*stmt.Error)},
		{name: "a change behind a query", sql: `SELECT id FROM okta.user.users; EXEC okta.user.users.suspend @userId = 'x'`, says: "this only reads", as: new(*stmt.Error)},
		{name: "something else", sql: `PRAGMA table_list`, says: "not a statement", as: new(*stmt.Error)},
		{name: "attach", sql: `ATTACH 'x' AS y`, says: "not a statement", as: new(*stmt.Error)},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, requests, err := o.ask(t, c.sql, c.args)
			switch {
			case err == nil:
				t.Fatalf("no error, %d rows", len(rows))
			case !strings.Contains(err.Error(), c.says):
				t.Errorf("the error is %q, want %q in it", err, c.says)
			case c.as != nil && !errors.As(err, c.as):
				t.Errorf("the error is a %T, want a %T", err, c.as)
			}
			if c.schemas {
				requests = slices.DeleteFunc(requests, func(r oktatest.Request) bool { return strings.HasPrefix(r.Path, "/api/v1/meta/") })
			}
			if len(rows)+len(requests) > 0 {
				t.Errorf("%d rows; requests: %v", len(rows), spellRequests(requests))
			}
		})
	}
}

// An unbound parameter that only SQLite notices is an error all the same.
func TestUnboundInUnparsed(t *testing.T) {
	o := newOffice(t)
	_, requests, err := o.ask(t, `SELECT a.id FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.id = a.q`, nil)
	var unbound *vtab.UnboundError
	var place *stmt.Error
	if !errors.As(err, &unbound) && !errors.As(err, &place) || !strings.Contains(err.Error(), "q is a request parameter") {
		t.Errorf("the error is %v", err)
	}
	if len(requests) > 0 {
		t.Errorf("requests: %v", spellRequests(requests))
	}
}

// The API's own errors keep their type and say what the org said.
func TestRefusedByTheOrg(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct{ sql, code string }{
		{`SELECT id FROM okta.user.users WHERE search = 'profile.department is "IT"'`, "E0000031"},
		{`SELECT id FROM okta.user.users WHERE filter = 'status eq'`, "E0000031"},
		{`SELECT id FROM okta.user.users WHERE search = 'id pr' AND sortBy = 'nothing.of.it'`, "E0000031"},
	} {
		_, requests, err := o.ask(t, c.sql, nil)
		var refused *okta.Error
		if !errors.As(err, &refused) || refused.Code != c.code || refused.Status != http.StatusBadRequest || refused.Operation != "list users" {
			t.Errorf("%s: the error is %v, want %s", c.sql, err, c.code)
		}
		if len(requests) != 1 {
			t.Errorf("%s: requests: %v", c.sql, spellRequests(requests))
		}
	}
}

// q gives 200 users at most and doesn't say whether there are more.
func TestCutOff(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 3000, Seed: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	for _, sql := range []string{
		`SELECT count(*) FROM okta.user.users WHERE q = 'a'`,
		`SELECT id FROM okta.user.users WHERE q = 'a' AND id = 'nobody'`,
		`SELECT id FROM okta.user.users WHERE q = 'a' AND "limit" = 5`,
	} {
		results, err := run(context.Background(), engine, sql, nil)
		var cut *whoql.CutOffError
		if !errors.As(err, &cut) || cut.Parameter != "q" {
			t.Errorf("%s: %v, %v", sql, results, err)
		}
		for _, r := range results {
			if len(r.rows) > 0 {
				t.Errorf("%s: %d rows of an answer that was cut off", sql, len(r.rows))
			}
		}
	}
}

// Every request is one that reads, of the API, and carries the token's scheme.
func TestRequestsRead(t *testing.T) {
	o := newOffice(t)
	for _, sql := range []string{`SELECT * FROM okta.user.users`, `SELECT * FROM okta.user.users WHERE id IN ({id:0-30})`, `SELECT * FROM okta.user.users WHERE login = {login:5}`} {
		_, requests, err := o.ask(t, sql, nil)
		if err != nil || len(requests) == 0 {
			t.Fatal(err, len(requests))
		}
		for _, r := range requests {
			if r.Method != http.MethodGet || !strings.HasPrefix(r.Path, listPath) || r.Header.Get("Authorization") != "SSWS" || r.Status != http.StatusOK {
				t.Errorf("%s: %v", sql, r)
			}
			if _, err := url.Parse(r.Path); err != nil {
				t.Error(err)
			}
		}
	}
}

// A bound value doesn't change the plan behind the back of what is known of it: the join still reads
// its table once.
func TestRequestsOfBoundPattern(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 210})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	rows, err := engine.Query(t.Context(), `SELECT count(*) FROM okta.user.users AS p JOIN okta.user.users AS m ON m.id = p.id WHERE p.login LIKE :p`, whoql.Args{"p": "%"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if rows.Values()[0] != int64(210) {
			t.Errorf("%v rows, want 210", rows.Values()[0])
		}
	}
	if n := rows.Stats().Requests; rows.Err() != nil || n != 2 {
		t.Errorf("%d requests, want 2: %v", n, rows.Err())
	}
}
