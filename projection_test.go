package whoql_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

const shortened = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"

// What is asked for of each object follows from the columns that are used, wherever that is.
func TestAsked(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 30, Seed: 5})
	call(t, server, "POST", "/api/v1/meta/schemas/user/default", `{"definitions":{"custom":{"id":"#custom","type":"object","properties":{"badge":{"title":"Badge","type":"string"}}}}}`)
	users := people(t, server.Org)
	call(t, server, "POST", "/api/v1/users/"+users[3].text("id"), `{"profile":{"badge":"B1"}}`)
	engine := connect(t, server, okta.Options{}, whoql.Options{Cursors: 1})
	whole := connect(t, server, okta.Options{}, whoql.Options{NoProjection: true})
	if _, err := column(t.Context(), engine, `SELECT badge FROM okta.user.users`); err != nil {
		t.Fatal(err)
	}
	const all = ""
	for _, c := range []struct {
		sql    string
		fields []string // of the requests, without repeats
		short  bool
	}{
		{`SELECT count(*) FROM okta.user.users`, []string{"id"}, true},
		{`SELECT userId, rowid FROM okta.user.users`, []string{"id"}, true},
		{`SELECT status FROM okta.user.users`, []string{"id,status"}, true},
		{`SELECT login FROM okta.user.users WHERE lastLogin IS NULL ORDER BY created`, []string{"id,created,lastLogin,profile:(login)"}, true},
		{`SELECT department FROM okta.user.users`, []string{"id,profile:(department,login)"}, true},
		{`SELECT profile->>'department', JSON_EXTRACT(profile, '$.city') FROM okta.user.users`, []string{"id,profile:(city,department,login)"}, true},
		{`SELECT created FROM okta.user.users ORDER BY created LIMIT 5`, []string{"id,created"}, true},
		{`SELECT type, activated, statusChanged, lastUpdated, passwordChanged FROM okta.user.users`, []string{"id,activated,statusChanged,lastUpdated,passwordChanged,type"}, true},
		{`SELECT credentials FROM okta.user.users`, []string{"id,credentials"}, false},
		{`SELECT * FROM okta.user.users`, []string{all}, false},
		{`SELECT id, profile FROM okta.user.users`, []string{all}, true},
		{`SELECT profile->>'$.a.b' FROM okta.user.users`, []string{all}, true},
		{`SELECT badge FROM okta.user.users`, []string{all}, true},
		{`SELECT login FROM okta.user.users WHERE badge = 'B1'`, []string{all}, true},
		{`SELECT transitioningToStatus FROM okta.user.users`, []string{all}, false},
		{`SELECT _links FROM okta.user.users`, []string{all}, false},
		{`SELECT _embedded FROM okta.user.users`, []string{all}, true},
		{`SELECT city FROM okta.user.users WHERE search = 'profile.city pr'`, []string{"id,profile:(city,login)"}, true},
		{`SELECT n FROM (SELECT city AS n, * FROM okta.user.users)`, []string{"id,profile:(city,login)"}, true},
		{`WITH u AS MATERIALIZED (SELECT * FROM okta.user.users) SELECT status FROM u`, []string{all}, false},
		{`WITH u AS (SELECT id, status, city FROM okta.user.users) SELECT a.status, b.city FROM u AS a JOIN u AS b ON a.city = b.city`,
			[]string{"id,status,profile:(city,login)"}, true},
		{`SELECT u.login, m.title FROM okta.user.users AS u JOIN okta.user.users AS m ON m.employeeNumber = u.managerId`, []string{"id,profile:(login,title,employeeNumber,managerId)"}, true},
		{`SELECT count(*) FROM okta.user.users WHERE city = 'Berlin' OR title LIKE 'E%'`, []string{"id,profile:(title,city,login)"}, true},
		{`SELECT status FROM okta.user.users WHERE login = '` + users[0].text("login") + `'`, []string{all}, true},
		{`SELECT _links FROM okta.user.users WHERE login = '` + users[0].text("login") + `'`, []string{all}, false},
	} {
		want, err := run(t.Context(), whole, c.sql, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, c.sql)
		}
		server.ResetRequests()
		got, err := run(t.Context(), engine, c.sql, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.sql)
			continue
		}
		if diff := compare(got[0], want[0], strings.Contains(c.sql, "ORDER BY")); diff != "" {
			t.Errorf("%s\n%s", diff, c.sql)
		}
		var fields []string
		for _, r := range server.Requests() {
			if f := r.Query.Get("fields"); !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
			if short := r.Header.Get("Content-Type") == shortened; short != c.short {
				t.Errorf("short is %t\n%s", short, c.sql)
			}
		}
		if !slices.Equal(fields, c.fields) {
			t.Errorf("it asks for %q, want %q\n%s", fields, c.fields, c.sql)
		}
	}
}

// Members of a group can be asked for in short, and groups can't.
func TestAskedOfGroups(t *testing.T) {
	a, server := newGroupArena(t)
	for sql, want := range map[string]string{
		`SELECT login FROM okta.group.users WHERE groupId = ` + literal(a.groups[0].text("id")):       shortened,
		`SELECT credentials FROM okta.group.users WHERE groupId = ` + literal(a.groups[0].text("id")): "application/json",
		`SELECT name FROM okta.group.groups`:                                                          "application/json",
	} {
		server.ResetRequests()
		if _, err := column(t.Context(), a.engines["pushed"], sql); err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		for _, r := range server.Requests() {
			if got := r.Header.Get("Content-Type"); got != want || r.Query.Has("fields") {
				t.Errorf("%s, want %s\n%s", got, want, sql)
			}
		}
	}
}

// answering is a transport that changes the answers to requests with the parameter fields.
func answering(change func(page int, body string) (int, string)) tripper {
	pages := 0
	return func(req *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || !req.URL.Query().Has("fields") {
			return resp, err
		}
		if !req.URL.Query().Has("after") {
			pages = 0
		}
		pages++
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		var text string
		resp.StatusCode, text = change(pages, string(body))
		resp.Body = io.NopCloser(strings.NewReader(text))
		resp.ContentLength = int64(len(text))
		resp.Header.Del("Content-Length")
		return resp, nil
	}
}

// An org that doesn't understand what is asked for is asked for whole objects, once and for all.
func TestFieldsNotTaken(t *testing.T) {
	const sql = `SELECT login, department, status FROM okta.user.users`
	without := func(key string) func(string) string {
		return func(body string) string {
			return strings.ReplaceAll(body, `"`+key+`":`, `"other":`)
		}
	}
	for _, c := range []struct {
		name   string
		change func(page int, body string) (int, string)
		// The requests of the first query and of the second; why; an error.
		first, second int
		why           string
		lacks         string
	}{
		{"takes it", func(_ int, body string) (int, string) { return 200, body }, 3, 3, "", ""},
		{"refuses it", func(int, string) (int, string) {
			return 400, `{"errorCode":"E0000001","errorSummary":"Api validation failed: fields","errorLink":"E0000001","errorId":"x","errorCauses":[]}`
		}, 4, 3, "sandbox refuses the parameter fields: whole objects are read there", ""},
		{"sends no profile", func(_ int, body string) (int, string) { return 200, without("profile")(body) }, 4, 3,
			"sandbox doesn't send profile.login, which the parameter fields asked for: whole objects are read there", ""},
		{"sends no login", func(_ int, body string) (int, string) { return 200, without("login")(body) }, 4, 3,
			"sandbox doesn't send profile.login, which the parameter fields asked for: whole objects are read there", ""},
		{"sends no status", func(_ int, body string) (int, string) { return 200, without("status")(body) }, 4, 3,
			"sandbox doesn't send status, which the parameter fields asked for: whole objects are read there", ""},
		{"sends null", func(_ int, body string) (int, string) {
			return 200, strings.ReplaceAll(body, `"status":"ACTIVE"`, `"status":null`)
		}, 3, 3, "", ""},
		{"sends no login on the second page", func(page int, body string) (int, string) {
			if page == 2 {
				return 200, without("login")(body)
			}
			return 200, body
		}, 3, 3, "", "profile.login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := oktatest.Start(t, threePages)
			engine := connect(t, server, okta.Options{Transport: answering(c.change)}, whoql.Options{})
			for i, requests := range []int{c.first, c.second} {
				server.ResetRequests()
				rows, err := engine.Query(t.Context(), sql, nil)
				if err != nil {
					t.Fatal(err)
				}
				n, departments := 0, 0
				for rows.Next() {
					n++
					if rows.Values()[1] != nil {
						departments++
					}
				}
				e, lacking := errors.AsType[*whoql.FieldsError](rows.Err())
				switch {
				case c.lacks != "" && (!lacking || e.Path != c.lacks), c.lacks == "" && rows.Err() != nil:
					t.Errorf("query %d: %v", i, rows.Err())
				case c.lacks == "" && (n != 410 || departments < 300 || len(server.Requests()) != requests):
					t.Errorf("query %d: %d rows, %d with a department, %d requests, want %d", i, n, departments, len(server.Requests()), requests)
				}
				if why := strings.Join(rows.Stats().Unprojected, "; "); why != c.why {
					t.Errorf("query %d: %s", i, why)
				}
				if err := rows.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A search that the org refuses says nothing about the parameter fields.
func TestFieldsAndBadSearches(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 10})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	_, err := column(context.Background(), engine, `SELECT id FROM okta.user.users WHERE search = 'bogus'`)
	if e, ok := errors.AsType[*okta.Error](err); !ok || e.Status != 400 || len(server.Requests()) != 1 {
		t.Errorf("%v, %d requests", err, len(server.Requests()))
	}
	server.ResetRequests()
	if _, err := column(context.Background(), engine, `SELECT id FROM okta.user.users`); err != nil || server.Requests()[0].Query.Get("fields") != "id,created" { // by which long lists are read
		t.Errorf("%v", err)
	}
}
