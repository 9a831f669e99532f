package whoql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

const metaPath = "/api/v1/meta/"

// schemaReads counts the requests about user types and schemas, and the others.
func schemaReads(server *oktatest.Server) (schemas, others int) {
	for _, r := range server.Requests() {
		if strings.HasPrefix(r.Path, metaPath) {
			schemas++
		} else {
			others++
		}
	}
	return schemas, others
}

// send makes an API call that must work, and returns the answer.
func send(t *testing.T, server *oktatest.Server, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+server.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	return string(answer)
}

// define adds attributes, by name and type, to the schema of a user type: "default", or one's name.
func define(t *testing.T, server *oktatest.Server, userType string, types map[string]string) {
	t.Helper()
	schema := "default"
	if userType != "default" {
		found := gjson.Get(send(t, server, "GET", metaPath+"types/user", ""), `#(name=="`+userType+`").id`).String()
		schema = "osc" + strings.TrimPrefix(found, "oty")
	}
	var properties []string
	for _, name := range slices.Sorted(maps.Keys(types)) {
		properties = append(properties, fmt.Sprintf("%q:{\"title\":%q,\"type\":%q}", name, "About "+name, types[name]))
	}
	send(t, server, "POST", metaPath+"schemas/user/"+schema, `{"definitions":{"custom":{"id":"#custom","type":"object","properties":{`+strings.Join(properties, ",")+`}}}}`)
}

// A query with known columns reads no schema; one with an unknown column reads the types and their
// schemas once, and another in the same day none.
func TestSchemasAreReadOnce(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 30, Seed: 3})
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	engine := connect(t, server, okta.Options{}, whoql.Options{Now: func() time.Time { return now }})
	var badges []string
	for _, p := range people(t, server.Org) {
		badges = append(badges, p.text("badge"))
	}
	slices.Sort(badges)
	for _, c := range []struct {
		name, sql string
		later     time.Duration
		schemas   int
		fails     bool
	}{
		{name: "known columns", sql: `SELECT id, department, profile->>'badge' FROM okta.user.users`},
		{name: "an unknown column", sql: `SELECT badge FROM okta.user.users`, schemas: 3},
		{name: "the next query", sql: `SELECT badge FROM okta.user.users; SELECT u.BADGE FROM okta.user.users AS u`},
		{name: "another attribute, hours later", sql: `SELECT floor, fte FROM okta.user.users`, later: 23 * time.Hour},
		{name: "a day later", sql: `SELECT badge FROM okta.user.users; SELECT badge, floor FROM okta.user.users`, later: 2 * time.Hour, schemas: 3},
		{name: "no such attribute", sql: `SELECT bagde FROM okta.user.users`, schemas: 3, fails: true},
		{name: "a clock that went back", sql: `SELECT badge FROM okta.user.users`, later: -48 * time.Hour, schemas: 3},
	} {
		now = now.Add(c.later)
		server.ResetRequests()
		results, err := run(t.Context(), engine, c.sql, nil)
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
		if schemas, _ := schemaReads(server); schemas != c.schemas {
			t.Errorf("%s: %d requests about schemas, want %d", c.name, schemas, c.schemas)
		}
		for _, r := range results {
			var got []string
			for _, row := range r.rows {
				if s, ok := row[0].(string); ok || row[0] == nil && strings.EqualFold(r.columns[0], "badge") {
					got = append(got, s)
				}
			}
			if slices.Sort(got); strings.EqualFold(r.columns[0], "badge") && !slices.Equal(got, badges) {
				t.Errorf("%s: %q, want %q", c.name, got, badges)
			}
		}
	}
	refresh := connect(t, server, okta.Options{}, whoql.Options{RefreshSchemas: true})
	for _, want := range []int{3, 3} {
		server.ResetRequests()
		if _, err := run(t.Context(), refresh, `SELECT badge FROM okta.user.users; SELECT floor FROM okta.user.users; SELECT id FROM okta.user.users`, nil); err != nil {
			t.Error(err)
		}
		if schemas, _ := schemaReads(server); schemas != want {
			t.Errorf("with RefreshSchemas: %d requests about schemas, want %d", schemas, want)
		}
	}
}

// An attribute that was added since the schemas were read is found all the same.
func TestSchemasReadAnew(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	if _, err := run(t.Context(), engine, `SELECT badge FROM okta.user.users`, nil); err != nil {
		t.Fatal(err)
	}
	define(t, server, "default", map[string]string{"added": "string"})
	server.ResetRequests()
	if _, err := run(t.Context(), engine, `SELECT added FROM okta.user.users`, nil); err != nil {
		t.Error(err)
	}
	if schemas, _ := schemaReads(server); schemas != 3 {
		t.Errorf("%d requests about schemas, want 3", schemas)
	}
	server.ResetRequests()
	_, err := run(t.Context(), engine, `SELECT aded FROM okta.user.users`, nil)
	var e *stmt.Error
	if !errors.As(err, &e) || e.Hint != "did you mean added?" || e.Pos != len("SELECT ") {
		t.Errorf("%+v", err)
	}
	if schemas, others := schemaReads(server); schemas != 3 || others != 0 {
		t.Errorf("%d requests about schemas, want 3; %d others", schemas, others)
	}
	_, err = run(t.Context(), engine, `SELECT quuxes FROM okta.user.users`, nil)
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "it is no attribute of sandbox either") {
		t.Errorf("%+v", e)
	}
}

// Schemas that can't be read are an error that says so, and what to write instead.
func TestSchemasRefused(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	engine := connect(t, server, okta.Options{MaxRetries: -1}, whoql.Options{})
	for _, path := range []string{metaPath + "types", metaPath + "schemas"} {
		server.ClearFaults()
		server.Inject(oktatest.Fault{Kind: oktatest.Forbidden, Path: path, Times: oktatest.Forever})
		_, err := run(t.Context(), engine, `SELECT login, badge FROM okta.user.users`, nil)
		var e *stmt.Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, "no such column: badge; whether sandbox has such an attribute is not known") || !strings.Contains(e.Msg, ": 403 ") ||
			!strings.Contains(e.Hint, "profile->>'badge'") || e.Pos != len("SELECT login, ") {
			t.Errorf("%+v", err)
		}
		var call *okta.Error
		if !errors.As(err, &call) {
			t.Errorf("%v has no *okta.Error", err)
		}
		if _, err := run(t.Context(), engine, `SELECT login, profile->>'badge' FROM okta.user.users`, nil); err != nil {
			t.Error(err)
		}
		server.ClearFaults()
		server.Inject(oktatest.Fault{Kind: oktatest.InternalError, Path: path, Times: oktatest.Forever})
		_, err = run(t.Context(), engine, `SELECT login, badge FROM okta.user.users`, nil)
		if errors.As(err, &e) || !errors.As(err, &call) || !strings.HasPrefix(err.Error(), "the user schemas of sandbox: okta: ") {
			t.Errorf("%v", err)
		}
	}
	server.ClearFaults()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrNoProgress)
	if _, err := run(ctx, engine, `SELECT badge FROM okta.user.users`, nil); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("cancelled: %v", err)
	}
}

// EXPLAIN sends nothing: it knows what is kept, and says what else would be read.
func TestSchemasExplained(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	const where = `SELECT login FROM okta.user.users WHERE badge = 'B1' AND profile->>'badge' IN ('B1', 'B2') AND floor = 3`
	for _, sql := range []string{"EXPLAIN " + where, "EXPLAIN QUERY PLAN " + where} {
		_, err := run(t.Context(), engine, sql, nil)
		var e *stmt.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "would first read the user schemas of sandbox: GET /api/v1/meta/types/user") {
			t.Errorf("%+v", err)
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if _, err := run(t.Context(), engine, where, nil); err != nil {
		t.Fatal(err)
	}
	server.ResetRequests()
	got, err := run(t.Context(), engine, "EXPLAIN "+where, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(got[0].rows); !strings.Contains(text, `(profile.badge eq "B1") and (profile.badge eq "B1" or profile.badge eq "B2") and (profile.floor eq 3)`) || strings.Contains(text, "only here") {
		t.Error(text)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// DESCRIBE EXTENDED lists the default org's attributes when they are known, and asks only if told to.
func TestSchemasDescribed(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	const describe = `DESCRIBE EXTENDED okta.user.users`
	listed := func(engine *whoql.Engine, sql string) (badge string, notes int) {
		t.Helper()
		rows, err := engine.Query(t.Context(), sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if rows.Values()[0] == "badge" {
				badge = fmt.Sprint(rows.Values())
			}
		}
		return badge, len(rows.Notes())
	}
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	if badge, notes := listed(engine, describe); badge != "" || notes != 1 {
		t.Errorf("%s, %d notes", badge, notes)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if _, err := run(t.Context(), engine, `SELECT floor FROM okta.user.users`, nil); err != nil {
		t.Fatal(err)
	}
	server.ResetRequests()
	const want = "[badge string attribute =, IN, LIKE, GLOB Badge number]"
	if badge, notes := listed(engine, describe); badge != want || notes != 0 {
		t.Errorf("%s, %d notes", badge, notes)
	}
	if badge, notes := listed(engine, `DESCRIBE okta.user.users`); badge != "" || notes != 0 {
		t.Errorf("%s, %d notes", badge, notes)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	fresh := connect(t, server, okta.Options{}, whoql.Options{RefreshSchemas: true})
	if badge, notes := listed(fresh, describe); badge != want || notes != 0 {
		t.Errorf("%s, %d notes", badge, notes)
	}
	none, err := whoql.Open(whoql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if badge, notes := listed(none, describe); badge != "" || notes != 0 {
		t.Errorf("%s, %d notes", badge, notes)
	}
}

// Attributes whose names are taken, or differ in case only, and those of several types.
func TestAttributeNames(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{})
	define(t, server, "default", map[string]string{"status": "string", "limit": "integer", "Department": "string", "select": "string", "Zone": "string", "zone": "string",
		"rowid": "string", "profile_status": "string", "level": "string"})
	define(t, server, "contractor", map[string]string{"level": "integer"})
	contractor := gjson.Get(send(t, server, "GET", metaPath+"types/user", ""), `#(name=="contractor").id`).String()
	names := `"firstName":"A","lastName":"B","email":"a@acme.example"`
	send(t, server, "POST", "/api/v1/users", `{"profile":{`+names+`,"login":"one@acme.example","status":"attribute","limit":7,"Department":"custom","department":"base",`+
		`"select":"keyword","Zone":"upper","zone":"lower","rowid":"theirs","profile_status":"plain","level":"7"}}`)
	send(t, server, "POST", "/api/v1/users", `{"type":{"id":"`+contractor+`"},"profile":{`+names+`,"login":"two@acme.example","level":7}}`)
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	for sql, want := range map[string]string{
		// profile_status has the name first, so that the attribute status has no column
		`SELECT status, profile_status, profile->>'status' FROM okta.user.users WHERE login LIKE 'one%'`:                     "[[PROVISIONED plain attribute]]",
		`SELECT profile_limit, typeof(profile_limit) FROM okta.user.users WHERE login LIKE 'one%'`:                           "[[7 integer]]",
		`SELECT department, DEPARTMENT, profile_Department, profile_department FROM okta.user.users WHERE login LIKE 'one%'`: "[[base base custom custom]]",
		`SELECT "select", u."SELECT", [select] FROM okta.user.users AS u WHERE u."select" = 'keyword'`:                       "[[keyword keyword keyword]]",
		// capitals sort first
		`SELECT zone, Zone, profile_zone, profile->>'zone' FROM okta.user.users WHERE profile_zone = 'lower'`: "[[upper upper lower lower]]",
		`SELECT typeof(rowid), profile_rowid FROM okta.user.users WHERE login LIKE 'one%'`:                    "[[integer theirs]]",
		`SELECT level, typeof(level), profile->>'level' FROM okta.user.users ORDER BY login`:                  "[[7 text 7] [7 integer 7]]",
		`SELECT login, typeof(level) FROM okta.user.users WHERE level = 7`:                                    "[[two@acme.example integer]]",
		`SELECT login, typeof(level) FROM okta.user.users WHERE profile->>'level' = '7' AND level = '7'`:      "[[one@acme.example text]]",
		`SELECT a.login FROM okta.user.users AS a JOIN okta.user.users AS b USING (level)`:                    "[[one@acme.example] [two@acme.example]]",
		// What a name means already, it goes on meaning.
		`SELECT (SELECT count(*) FROM okta.user.users AS u WHERE u.zone = 'upper' AND level = 3) FROM (SELECT 3 AS level)`: "[[1]]",
		`WITH t AS (SELECT 'x' AS level) SELECT zone, level FROM okta.user.users, t WHERE zone IS NOT NULL`:                "[[upper x]]",
		`SELECT x.zone FROM (SELECT zone, level FROM okta.user.users) AS x WHERE x.level = '7'`:                            "[[upper]]",
		`SELECT count(*) FROM (okta.user.users AS a JOIN okta.user.users AS b ON a.zone = b.zone)`:                         "[[1]]",
	} {
		got, err := run(t.Context(), engine, sql, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		slices.SortFunc(got[0].rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		if text := fmt.Sprint(got[0].rows); text != want && !(strings.Contains(sql, "ORDER BY") && text == "[[7 integer 7] [7 text 7]]") {
			t.Errorf("got %s, want %s\n%s", text, want, sql)
		}
	}
	// Only what has one type is handed over.
	for sql, want := range map[string]string{
		`EXPLAIN SELECT login FROM okta.user.users WHERE zone = 'x' AND level = 'y'`: `profile.Zone eq "x"`,
		`EXPLAIN SELECT login FROM okta.user.users WHERE profile_limit = 7`:          "profile.limit eq 7",
		`EXPLAIN SELECT login FROM okta.user.users WHERE level = 7`:                  everyone,
	} {
		got, err := run(t.Context(), engine, sql, nil)
		if err != nil || !strings.HasSuffix(fmt.Sprint(got[0].rows[0][2]), "search="+want+"&sortBy=created&sortOrder=asc, behind page 5 in ranges of created, a second or longer (sandbox)") {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	}
}

// renaming is a transport that gives attributes names which the sandbox doesn't.
type renaming struct{ names map[string]string }

func (r renaming) RoundTrip(req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	for from, to := range r.names {
		if found := strings.ReplaceAll(query.Get("search"), "profile."+to+" eq", "profile."+from+" eq"); found != query.Get("search") {
			query.Set("search", found)
			req = req.Clone(req.Context())
			req.URL.RawQuery = query.Encode()
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	for from, to := range r.names {
		quoted, _ := json.Marshal(to)
		body = bytes.ReplaceAll(body, []byte(`"`+from+`":`), append(quoted, ':'))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// A hundred attributes, more than the bits in which SQLite says which columns it uses, some of them
// with names that no attribute of Okta's has.
func TestManyAttributes(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 3})
	odd := []string{`a b`, `say "hi"`, `it's`, `a.b`, `größe`, `日本`, `x-y`, `1st`, strings.Repeat("long", 500), `"`, `$`, `select`, `[x]`, "`", `a;b--`, `%`, `😀`, `profile.x`}
	renamed := renaming{map[string]string{}}
	types := map[string]string{}
	names := make([]string, 100)
	var profile []string
	for i := range names {
		plain := fmt.Sprintf("attr%02d", i)
		types[plain] = "string"
		if i%3 == 1 {
			types[plain] = "integer"
			profile = append(profile, fmt.Sprintf("%q:%d", plain, i))
		} else {
			profile = append(profile, fmt.Sprintf("%q:%q", plain, "value "+plain))
		}
		if names[i] = plain; i >= 100-len(odd) {
			names[i] = odd[i-100+len(odd)]
			renamed.names[plain] = names[i]
		}
	}
	define(t, server, "default", types)
	send(t, server, "POST", "/api/v1/users", `{"profile":{"firstName":"A","lastName":"B","email":"a@acme.example","login":"one@acme.example",`+strings.Join(profile, ",")+`}}`)
	engine := connect(t, server, okta.Options{Transport: renamed}, whoql.Options{})
	value := func(i int) any {
		if i%3 == 1 {
			return int64(i)
		}
		return fmt.Sprintf("value attr%02d", i)
	}
	check := func(sql string, want ...any) {
		t.Helper()
		got, err := run(t.Context(), engine, sql, nil)
		if err != nil || len(got[0].rows) != 1 || !slices.Equal(got[0].rows[0], want) {
			t.Errorf("%v, %v, want %v\n%.300s", got, err, want, sql)
		}
	}
	var columns, joined []string
	var all []any
	for i, name := range names {
		columns = append(columns, stmt.Quote(name))
		joined = append(joined, "b."+stmt.Quote(name))
		all = append(all, value(i))
		check(`SELECT `+stmt.Quote(name)+` FROM okta.user.users WHERE `+stmt.Quote(name)+` IS NOT NULL`, value(i))
		check(`SELECT u.`+stmt.Quote(name)+` FROM okta.user.users AS u WHERE u.`+stmt.Quote(name)+` = `+strings.ReplaceAll(fmt.Sprintf("%#v", value(i)), `"`, `'`), value(i))
	}
	check(`SELECT `+strings.Join(columns, ", ")+` FROM okta.user.users WHERE login = 'one@acme.example'`, all...)
	// A join keeps rows, cut down to the columns in use.
	check(`SELECT `+strings.Join(joined, ", ")+` FROM okta.user.users AS a JOIN okta.user.users AS b ON b.attr64 = a.attr64`, all...)
	check(`SELECT count(*) FROM okta.user.users AS a LEFT JOIN okta.user.users AS b ON b.attr00 = a.attr00 AND b.attr63 = a.attr63 WHERE b.attr81 IS NOT NULL`, int64(1))
}

// Several statements of a text can name attributes of several orgs. Each knows those of its own.
func TestAttributesOfSeveralOrgs(t *testing.T) {
	var orgs []whoql.Org
	servers := map[string]*oktatest.Server{}
	for i, name := range []string{"acme", "beta"} {
		server := oktatest.Start(t, oktatest.Options{Users: 4, Seed: uint64(i)})
		client, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		orgs = append(orgs, whoql.Org{Name: name, Client: client})
		servers[name] = server
	}
	define(t, servers["acme"], "default", map[string]string{"site": "string", "rank": "string", "both": "string"})
	define(t, servers["beta"], "default", map[string]string{"team": "string", "rank": "integer", "both": "string"})
	for _, c := range []struct {
		sql        string
		acme, beta int // requests about schemas
		fails      string
	}{
		{sql: `SELECT site FROM okta.user.users`, acme: 3},
		{sql: `SELECT team FROM okta.user.users WHERE subdomain = 'beta'`, beta: 3},
		{sql: `SELECT site, team, rank FROM okta.user.users WHERE subdomain IN ('acme', 'beta')`, acme: 3, beta: 3},
		{sql: `SELECT a.site, b.team FROM okta.user.users AS a JOIN okta.user.users AS b ON b.both = a.both WHERE b.subdomain = 'beta'`, acme: 3, beta: 3},
		{sql: `SELECT a.both FROM okta.user.users AS a JOIN okta.user.users AS b ON b.subdomain = a.subdomain AND b.id = a.id WHERE a.subdomain = 'beta'`, beta: 3},
		{sql: `SELECT site FROM okta.user.users WHERE subdomain = 'beta'`, beta: 3, fails: "no such column: site"},
		{sql: `SELECT team FROM okta.user.users`, acme: 3, fails: "no such column: team"},
		// each statement compiled while those before are open, and run after those behind were compiled
		{sql: `SELECT site FROM okta.user.users; SELECT team FROM okta.user.users WHERE subdomain = 'beta'; SELECT id FROM okta.user.users; SELECT rank, site FROM okta.user.users`, acme: 3, beta: 3},
		{sql: `SELECT site FROM okta.user.users; SELECT site FROM okta.user.users WHERE subdomain = 'beta'`, acme: 3, beta: 3, fails: "no such column: site"},
	} {
		engine, err := whoql.Open(whoql.Options{Orgs: orgs})
		if err != nil {
			t.Fatal(err)
		}
		servers["acme"].ResetRequests()
		servers["beta"].ResetRequests()
		results, err := run(t.Context(), engine, c.sql, nil)
		switch {
		case c.fails == "" && err != nil, c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%v, want %q\n%s", err, c.fails, c.sql)
		case c.fails == "" && len(results) != strings.Count(c.sql, ";")+1:
			t.Errorf("%d results\n%s", len(results), c.sql)
		}
		acme, _ := schemaReads(servers["acme"])
		beta, _ := schemaReads(servers["beta"])
		if acme != c.acme || beta != c.beta {
			t.Errorf("%d and %d requests about schemas, want %d and %d\n%s", acme, beta, c.acme, c.beta, c.sql)
		}
	}
	// Handed over only where all orgs that are asked have the attribute as a string.
	engine, err := whoql.Open(whoql.Options{Orgs: orgs})
	if err != nil {
		t.Fatal(err)
	}
	for sql, pushed := range map[string]bool{
		`SELECT id FROM okta.user.users WHERE both = 'x' AND subdomain IN ('acme', 'beta')`: true,
		`SELECT id FROM okta.user.users WHERE rank = 'x'`:                                   true,
		`SELECT id FROM okta.user.users WHERE rank = 'x' AND subdomain IN ('acme', 'beta')`: false,
		`SELECT id FROM okta.user.users WHERE team = 'x' AND subdomain IN ('acme', 'beta')`: false,
		`SELECT id FROM okta.user.users WHERE both = 'x' AND subdomain = lower('ACME')`:     false,
		`SELECT id FROM okta.user.users WHERE both = 'x' AND subdomain IN ('acme', :org)`:   false,
	} {
		servers["acme"].ResetRequests()
		args := whoql.Args{}
		if strings.Contains(sql, ":org") {
			args["org"] = "beta"
		}
		if _, err := run(t.Context(), engine, sql, args); err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		for _, r := range servers["acme"].Requests() {
			if r.Path == listPath && strings.Contains(r.Query.Get("search"), "profile.") != pushed {
				t.Errorf("the search is %s\n%s", r.Query.Get("search"), sql)
			}
		}
	}
}

// A corrupt text in the cache is read again; what is stored is read back by another engine.
func TestSchemaCache(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	kept := &texts{}
	for i, c := range []struct {
		kept    string
		schemas int
	}{
		{"", 3}, {"keep", 0}, {"{", 3}, {`{"version":99}`, 3}, {"keep", 0}, {"null", 3}, {`{"version":1,"org":"https://other.example","read":"2026-07-01T00:00:00Z"}`, 3},
	} {
		if c.kept != "keep" {
			kept.text = []byte(c.kept)
		}
		server.ResetRequests()
		engine := connect(t, server, okta.Options{}, whoql.Options{Schemas: kept})
		var wg sync.WaitGroup
		if c.schemas == 0 { // an engine is for many goroutines
			for range 4 {
				wg.Go(func() {
					if _, err := run(t.Context(), engine, `SELECT badge FROM okta.user.users`, nil); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		if _, err := run(t.Context(), engine, `SELECT badge FROM okta.user.users`, nil); err != nil {
			t.Error(err)
		}
		if schemas, _ := schemaReads(server); schemas != c.schemas {
			t.Errorf("%d: %d requests about schemas, want %d", i, schemas, c.schemas)
		}
		if strings.Contains(string(kept.text), server.Token) {
			t.Error("the token is in the cache")
		}
	}
}

type texts struct {
	mu   sync.Mutex
	text []byte
}

func (x *texts) LoadSchemas(string) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

func (x *texts) StoreSchemas(_ string, text []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text = text
}

// Temporary views and tables can be made of custom attributes.
func TestAttributesInViews(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 40, Seed: 3})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	want, err := column(t.Context(), engine, `SELECT badge FROM okta.user.users WHERE contractor IS NOT NULL AND badge IS NOT NULL ORDER BY badge`)
	if err != nil || len(want) == 0 {
		t.Fatalf("%v, %v", want, err)
	}
	for _, c := range []struct{ make, from string }{
		{`CREATE TEMP VIEW v AS SELECT badge, contractor FROM okta.user.users`, `v`},
		{`CREATE TEMP TABLE t AS SELECT badge, contractor FROM okta.user.users`, `t`},
	} {
		server.ResetRequests()
		got, err := run(t.Context(), connect(t, server, okta.Options{}, whoql.Options{}),
			c.make+`; SELECT badge FROM `+c.from+` WHERE contractor IS NOT NULL AND badge IS NOT NULL ORDER BY badge`, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.make)
			continue
		}
		var texts []string
		for _, row := range got[len(got)-1].rows {
			texts = append(texts, fmt.Sprint(row[0]))
		}
		if !slices.Equal(texts, want) {
			t.Errorf("%v, want %v\n%s", texts, want, c.make)
		}
		if schemas, _ := schemaReads(server); schemas != 3 {
			t.Errorf("%d requests about schemas\n%s", schemas, c.make)
		}
	}
	_, err = run(t.Context(), engine, `CREATE TEMP VIEW v AS SELECT bagde FROM okta.user.users; SELECT * FROM v`, nil)
	var e *stmt.Error
	if !errors.As(err, &e) || e.Hint != "did you mean badge?" {
		t.Errorf("%+v", err)
	}
}
