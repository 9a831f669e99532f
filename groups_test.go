package whoql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// call makes a request of its own and returns the answer's body and its next link.
func call(t testing.TB, server *oktatest.Server, method, uri, body string) (answer []byte, next string) {
	t.Helper()
	if strings.HasPrefix(uri, "/") {
		uri = server.URL + uri
	}
	req, err := http.NewRequest(method, uri, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+server.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, uri, res.StatusCode, answer, err)
	}
	for _, link := range res.Header.Values("Link") {
		if before, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
			next = strings.TrimPrefix(before, "<")
		}
	}
	return answer, next
}

// listed reads a list to its end. Each object gets one more field.
func listed(t testing.TB, server *oktatest.Server, uri, field, value string) (out []person) {
	t.Helper()
	for uri != "" {
		var body []byte
		body, uri = call(t, server, "GET", uri, "")
		var objects []map[string]json.RawMessage
		if err := json.Unmarshal(body, &objects); err != nil {
			t.Fatal(err)
		}
		for _, fields := range objects {
			p := person{fields: fields}
			if err := json.Unmarshal(fields["profile"], &p.profile); err != nil {
				t.Fatal(err)
			}
			if field != "" {
				fields[field], _ = json.Marshal(value)
			}
			out = append(out, p)
		}
	}
	return out
}

// newGroup creates a group and returns its id.
func newGroup(t testing.TB, server *oktatest.Server, name, description string) string {
	t.Helper()
	profile := map[string]string{"name": name}
	if description != "" {
		profile["description"] = description
	}
	body, _ := json.Marshal(map[string]any{"profile": profile})
	answer, _ := call(t, server, "POST", "/api/v1/groups", string(body))
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// newGroupArena is an org with groups of all sorts, judged by tables of all memberships.
func newGroupArena(t *testing.T) (*arena, *oktatest.Server) {
	server := oktatest.Start(t, oktatest.Options{Users: 40, Seed: 5})
	a := &arena{users: people(t, server.Org)}
	newGroup(t, server, "Nobody's", "")
	some := newGroup(t, server, `Ünïted "quotes" \ and`, "A description, with an é")
	for _, u := range a.users[:30] {
		call(t, server, "PUT", "/api/v1/groups/"+some+"/users/"+u.text("id"), "")
	}
	a.groups = listed(t, server, "/api/v1/groups", "", "")
	a.judge = newJudge(t, a.users)
	a.judge.fill(t, "okta.group.groups", a.groups)
	var members, groups []person
	for _, g := range a.groups {
		members = append(members, listed(t, server, "/api/v1/groups/"+g.text("id")+"/users?limit=7", "groupId", g.text("id"))...)
	}
	for _, u := range a.users {
		groups = append(groups, listed(t, server, "/api/v1/users/"+u.text("id")+"/groups", "userId", u.text("id"))...)
	}
	if len(members) != len(groups) || len(members) <= 100 {
		t.Fatalf("%d members, %d groups of users", len(members), len(groups))
	}
	a.judge.fill(t, "okta.group.users", members)
	a.judge.fill(t, "okta.user.groups", groups)
	a.engines = map[string]*whoql.Engine{
		"pushed":    connect(t, server, okta.Options{}, whoql.Options{}),
		"no pushes": connect(t, server, okta.Options{}, whoql.Options{NoPushdown: true, TempInMemory: true}),
	}
	return a, server
}

func TestSelectGroups(t *testing.T) {
	a, _ := newGroupArena(t)
	seen := map[string]bool{}
	for _, c := range slices.Concat(groupCases, memberCases) {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a.run(t, c)
		})
	}
}

// Groups: keys, and what can be searched.
var groupCases = []selectCase{
	{name: "all groups", sql: `SELECT id, groupId, name, description, type, created, lastUpdated, lastMembershipUpdated, objectClass, profile, _embedded, subdomain FROM okta.group.groups`},
	{name: "a group by id", sql: `SELECT name FROM okta.group.groups WHERE id = {group:3}`},
	{name: "groups by id", sql: `SELECT name FROM okta.group.groups WHERE groupId IN ({group:3-5}, {group:3}, NULL, '', 'rules', 'Rules', 'me', '.', '..', 'a/b', 'a?b', '"', 'nobody', 5)`},
	{name: "the group rules", sql: `SELECT name FROM okta.group.groups WHERE id = 'rules' OR groupId = 'RULES'`, empty: true},
	{name: "30 keys of groups", sql: `SELECT name FROM okta.group.groups WHERE id IN (` + many(30) + `{group:2-9})`},
	{name: "a group by type", sql: `SELECT name FROM okta.group.groups WHERE type = 'BUILT_IN'`},
	{name: "groups by types", sql: `SELECT name FROM okta.group.groups WHERE type IN ('OKTA_GROUP', 'APP_GROUP', NULL, 'no_group')`},
	{name: "a type that there isn't", sql: `SELECT name FROM okta.group.groups WHERE type = 'okta_group'`, empty: true},
	{name: "a group by name", sql: `SELECT id, name FROM okta.group.groups WHERE name = 'Sales'`},
	{name: "groups by name", sql: `SELECT id, name FROM okta.group.groups WHERE name IN ('Sales', 'legal', 'Ünïted "quotes" \ and', 'Nobody''s', '', NULL, 7)`},
	{name: "a name in another case", sql: `SELECT id FROM okta.group.groups WHERE name = 'SALES'`, empty: true},
	{name: "a name in any case", sql: `SELECT id FROM okta.group.groups WHERE name = 'SALES' COLLATE NOCASE`},
	{name: "a name and a type", sql: `SELECT id FROM okta.group.groups WHERE name = 'Sales' AND type = 'OKTA_GROUP'`},
	{name: "a name or an id", sql: `SELECT id FROM okta.group.groups WHERE name = 'Sales' OR id = {group:4} OR type = 'BUILT_IN'`},
	{name: "no description", sql: `SELECT name FROM okta.group.groups WHERE description IS NULL`},
	{name: "json of a group", sql: `SELECT profile->>'name', value FROM okta.group.groups, json_each(objectClass)`},
	{name: "groups, sorted", sql: `SELECT name, lastUpdated FROM okta.group.groups ORDER BY lastUpdated DESC, name LIMIT 4 OFFSET 2`, sorted: true},
	{name: "groups in pages", sql: `SELECT id, "limit" FROM okta.group.groups WHERE "limit" = 4`, judge: `SELECT id, 4 AS "limit" FROM okta.group.groups`},
	{name: "q of groups", sql: `SELECT name FROM okta.group.groups WHERE q = 's'`, judge: `SELECT name FROM okta.group.groups WHERE name LIKE 's%'`},
	{name: "filter of groups", sql: `SELECT name FROM okta.group.groups WHERE filter = 'type eq "OKTA_GROUP"' AND type = 'OKTA_GROUP' AND name < 'M'`,
		judge: `SELECT name FROM okta.group.groups WHERE type = 'OKTA_GROUP' AND name < 'M'`},
	{name: "search of groups", sql: `SELECT name FROM okta.group.groups WHERE search = 'profile.name sw "s" or type eq "BUILT_IN"' AND type = 'OKTA_GROUP'`,
		judge: `SELECT name FROM okta.group.groups WHERE name LIKE 's%' AND type = 'OKTA_GROUP'`},
	{name: "sortBy of groups", sql: `SELECT name FROM okta.group.groups WHERE search = 'id pr' AND sortBy = 'profile.name' AND sortOrder = 'desc' AND "limit" = 5`,
		judge: `SELECT name FROM okta.group.groups ORDER BY name COLLATE NOCASE DESC`},
}

// Members of groups and groups of users: how the required parameter gets its value.
var memberCases = []selectCase{
	{name: "a group", sql: `SELECT id, userId, groupId, login, status, profile, subdomain FROM okta.group.users WHERE groupId = {group:0}`},
	{name: "a group by parameter", sql: `SELECT login FROM okta.group.users WHERE groupId = :g AND status IN ('ACTIVE', 'STAGED')`, args: whoql.Args{"g": "nobody"}, empty: true},
	{name: "a group that isn't there", sql: `SELECT login FROM okta.group.users WHERE groupId = '00gq7ab2LkTzW4eXy5d7'`, empty: true},
	{name: "null as a group", sql: `SELECT login FROM okta.group.users WHERE groupId = NULL`, empty: true},
	{name: "nothing as a group", sql: `SELECT login FROM okta.group.users WHERE groupId IN ('', NULL, '.', '..', 'rules', 5, 2.5, x'00', char(1), '😀')`, empty: true},
	{name: "a group in another case", sql: `SELECT login FROM okta.group.users WHERE groupId = lower({group:3})`, empty: true},
	{name: "groups", sql: `SELECT groupId, login FROM okta.group.users WHERE groupId IN ({group:0-16}, {group:3}, NULL, 'nobody')`},
	{name: "groups twice", sql: `SELECT groupId, login FROM okta.group.users WHERE groupId IN ({group:1-4}) AND groupId = {group:2}`},
	{name: "groups by a subquery", sql: `SELECT groupId, login FROM okta.group.users WHERE groupId IN (SELECT id FROM okta.group.groups WHERE name > 'M')`},
	{name: "a group by a subquery", sql: `SELECT login FROM okta.group.users WHERE groupId = (SELECT id FROM okta.group.groups WHERE name = 'Everyone')`},
	{name: "members sorted", sql: `SELECT login, id FROM okta.group.users WHERE groupId = {group:0} ORDER BY login DESC, id LIMIT 5 OFFSET 3`, sorted: true},
	{name: "a member", sql: `SELECT login FROM okta.group.users WHERE groupId = {group:0} AND userId = {id:7}`},
	{name: "members by or", sql: `SELECT login FROM okta.group.users WHERE groupId = {group:0} AND (id = {id:7} OR status = 'STAGED' OR login = {login:9})`},
	{name: "members in pages", sql: `SELECT groupId, id, "limit" FROM okta.group.users WHERE groupId IN ({group:0-9}) AND "limit" = 3`,
		judge: `SELECT groupId, id, 3 AS "limit" FROM okta.group.users WHERE groupId IN ({group:0-9})`},
	{name: "members and subdomain", sql: `SELECT login, subdomain FROM okta.group.users WHERE groupId = {group:0} AND subdomain = 'sandbox'`},
	{name: "members by join", sql: `SELECT g.name, m.login FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id`},
	{name: "members by join, the other way", sql: `SELECT g.name, m.login FROM okta.group.users AS m JOIN okta.group.groups AS g ON m.groupId = g.id AND g.type = 'OKTA_GROUP'`},
	{name: "members by a comma", sql: `SELECT g.name, m.login FROM okta.group.users AS m, okta.group.groups AS g WHERE g.id = m.groupId AND g.name = 'IT'`},
	{name: "members by short names", sql: `SELECT groups.name, users.login FROM okta.group.users JOIN okta.group.groups ON users.groupId = groups.id`,
		judge: `SELECT g.name, m.login FROM okta.group.users AS m JOIN okta.group.groups AS g ON m.groupId = g.id`},
	{name: "members by left join", sql: `SELECT g.name, m.login, m.groupId FROM okta.group.groups AS g LEFT JOIN okta.group.users AS m ON m.groupId = g.id AND m.status = 'STAGED'`},
	{name: "members by left join and where", sql: `SELECT g.name, m.login FROM okta.group.groups AS g LEFT JOIN okta.group.users AS m ON m.groupId = g.id WHERE m.id IS NULL OR m.status = 'STAGED'`},
	{name: "groups without members", sql: `SELECT name FROM okta.group.groups AS g WHERE NOT EXISTS (SELECT 1 FROM okta.group.users AS m WHERE m.groupId = g.id)`},
	{name: "groups with staged members", sql: `SELECT name FROM okta.group.groups AS g WHERE EXISTS (SELECT 1 FROM okta.group.users AS m WHERE m.status = 'STAGED' AND g.id = m.groupId)`},
	{name: "members counted by subquery", sql: `SELECT name, (SELECT count(*) FROM okta.group.users AS m WHERE m.groupId = g.id) FROM okta.group.groups AS g`},
	{name: "members counted by group", sql: `SELECT g.name, count(m.id), sum(m.status = 'ACTIVE') FROM okta.group.groups AS g LEFT JOIN okta.group.users AS m ON m.groupId = g.id GROUP BY g.id`},
	{name: "members of a list", sql: `SELECT v.column1, m.login FROM (VALUES ({group:1}), ({group:2}), (NULL), (''), ({group:1}), ('x')) AS v JOIN okta.group.users AS m ON m.groupId = v.column1`},
	{name: "members of a cte", sql: `WITH t(x) AS (SELECT id FROM okta.group.groups WHERE name IN ('IT', 'Legal')) SELECT groupId, login FROM t JOIN okta.group.users ON groupId = x`},
	{name: "members through a subquery", sql: `SELECT * FROM (SELECT groupId AS g, login AS l FROM okta.group.users WHERE groupId IN ({group:0-3})) WHERE g = {group:1}`},
	{name: "members in both groups", sql: `SELECT login FROM okta.group.users WHERE groupId = {group:0} INTERSECT SELECT login FROM okta.group.users WHERE groupId = {group:16}`},
	{name: "members of one and not the other", sql: `SELECT a.login FROM okta.group.users AS a LEFT JOIN okta.group.users AS b ON b.groupId = {group:16} AND b.id = a.id WHERE a.groupId = {group:0} AND b.id IS NULL`},
	{name: "members and users", sql: `SELECT m.groupId, u.login, u.city FROM okta.group.users AS m JOIN okta.user.users AS u ON u.id = m.userId WHERE m.groupId IN ({group:1-3})`},
	{name: "users and members", sql: `SELECT m.groupId, u.login FROM okta.user.users AS u JOIN okta.group.users AS m ON m.id = u.id AND m.groupId = {group:16} WHERE u.status = 'ACTIVE'`},
	{name: "rowids of members", sql: `SELECT count(DISTINCT rowid), count(*), count(DISTINCT id) FROM okta.group.users WHERE groupId IN ({group:0-16})`},
	{name: "groups of members", sql: `SELECT groupId, count(*) FROM okta.group.users WHERE groupId IN ({group:0-16}) GROUP BY groupId HAVING count(*) > 1`},
	{name: "a window over members", sql: `SELECT groupId, login, row_number() OVER (PARTITION BY groupId ORDER BY id) FROM okta.group.users WHERE groupId IN ({group:1-3})`},
	{name: "a user's groups", sql: `SELECT id, groupId, userId, name, description, type FROM okta.user.groups WHERE userId = {id:3}`},
	{name: "users' groups", sql: `SELECT userId, name FROM okta.user.groups WHERE userId IN ({id:0-39}, {id:3}, 'nobody', '') AND type = 'OKTA_GROUP'`},
	{name: "groups of users", sql: `SELECT u.login, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.status = 'STAGED'`},
	{name: "users of groups", sql: `SELECT u.login, g.name FROM okta.user.groups AS g JOIN okta.user.users AS u ON g.userId = u.id WHERE g.name = 'IT'`},
	{name: "users not in a group", sql: `SELECT login FROM okta.user.users AS u WHERE NOT EXISTS (SELECT 1 FROM okta.user.groups AS g WHERE g.userId = u.id AND g.name = 'IT')`},
	{name: "both ways round", sql: `SELECT m.groupId, m.userId FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id
		EXCEPT SELECT g.groupId, g.userId FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id`, empty: true},
	{name: "through all tables", sql: `SELECT u.login, g.name, o.login FROM okta.user.users AS u JOIN okta.user.groups AS ug ON ug.userId = u.id
		JOIN okta.group.groups AS g ON g.id = ug.id JOIN okta.group.users AS o ON o.groupId = g.id WHERE u.id = {id:3} AND g.type = 'OKTA_GROUP'`},
	{name: "colleagues", sql: `SELECT count(*) FROM okta.user.groups AS ug JOIN okta.group.users AS m ON m.groupId = ug.groupId WHERE ug.userId = {id:3}`},
}

// What a user is named by is what a row shows, also where that is a login.
func TestUserGroupsByLogin(t *testing.T) {
	a, _ := newGroupArena(t)
	for name, engine := range a.engines {
		for _, c := range []struct{ sql, judge string }{
			{`SELECT userId, name FROM okta.user.groups WHERE userId = {login:3}`, `SELECT {login:3} AS userId, name FROM okta.user.groups WHERE userId = {id:3}`},
			{`SELECT u.id, g.userId, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.login WHERE u.status = 'STAGED'`,
				`SELECT u.id, u.login AS userId, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.status = 'STAGED'`},
			{`SELECT name FROM okta.user.groups WHERE userId = 'me'`, `SELECT name FROM okta.group.groups WHERE 0`},
		} {
			want, err := a.judge.run(a.expand(t, c.judge), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(context.Background(), engine, a.expand(t, c.sql), nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, c.sql)
				continue
			}
			if diff := compare(got[0], want, false); diff != "" {
				t.Errorf("%s: %s\n%s", name, diff, c.sql)
			}
		}
	}
}

// A required parameter without a value is an error that says so, before any request.
func TestRequiredParameters(t *testing.T) {
	a, server := newGroupArena(t)
	for _, c := range []struct{ sql, says, hint string }{
		{`SELECT login FROM okta.group.users`, "okta.group.users needs a value for groupId", "groupId IN ('one', 'two')"},
		{`SELECT login FROM okta.group.users WHERE status = 'ACTIVE'`, "okta.group.users needs a value for groupId", "groupId = 'value'"},
		{`SELECT groupId FROM okta.group.users`, "okta.group.users needs a value for groupId", "groupId = 'value'"},
		{`SELECT name FROM okta.user.groups LIMIT 0`, "okta.user.groups needs a value for userId", "userId = 'value'"},
		{`SELECT m.login FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.id = g.id`, "okta.group.users needs a value for groupId", ""},
		{`SELECT m.login FROM okta.group.users AS m JOIN okta.user.groups AS g ON m.groupId = g.id AND g.userId = m.id`, "needs a value for", ""},
		{`SELECT g.name FROM okta.group.users AS m RIGHT JOIN okta.group.groups AS g ON m.groupId = g.id`, "okta.group.users needs a value for groupId", ""},
		{`SELECT login FROM okta.group.users WHERE groupId = 'x' COLLATE NOCASE`, "needs a value for groupId", ""},
		{`SELECT login FROM okta.group.users WHERE groupId = 'x' OR login = 'y'`, "groupId says what to read", "joined to the rest with AND"},
		{`SELECT login FROM okta.group.users WHERE (groupId = 'x' OR groupId = 'y')`, "groupId says what to read", "groupId IN ('one', 'two')"},
		{`SELECT login FROM okta.group.users WHERE NOT groupId = 'x'`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId NOT IN ('x')`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId LIKE 'x%'`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId > 'x'`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId IS NULL`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE lower(groupId) = 'x'`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId = 'x' AND groupId <> 'y'`, "groupId says what to read", ""},
		{`SELECT login FROM okta.group.users WHERE groupId = 'a/b'`, "groupId is 'a/b', which can't be sent in a path: give the id", ""},
		{`SELECT name FROM okta.user.groups WHERE userId IN ('x', 'a?b')`, "userId is 'a?b', which can't be sent in a path", ""},
		{`SELECT login FROM okta.group.users WHERE groupId = 'x' AND "limit" = 1001`, "a number from 1 to 1000", ""},
		{`SELECT name FROM okta.group.groups WHERE "limit" = 10001`, "a number from 1 to 10000", ""},
		{`SELECT name FROM okta.group.groups WHERE sortBy = 'id'`, "sortBy needs search", ""},
		{`SELECT name FROM okta.group.groups WHERE q = 'x' AND search = 'y'`, "search and q can't be in one request", ""},
		{`SELECT name FROM okta.user.groups WHERE userId = 'x' AND "limit" = 5`, `no such column: "limit"`, ""},
	} {
		for name, engine := range a.engines {
			server.ResetRequests()
			_, err := run(context.Background(), engine, c.sql, nil)
			hint := ""
			if e, ok := errors.AsType[*stmt.Error](err); ok {
				hint = e.Hint
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint, c.hint) {
				t.Errorf("%s: %v, hint %q; want %q, %q\n%s", name, err, hint, c.says, c.hint, c.sql)
			}
			if n := len(server.Requests()); n > 0 {
				t.Errorf("%s: %d requests\n%s", name, n, c.sql)
			}
		}
	}
}

func TestGroupRequests(t *testing.T) {
	a, server := newGroupArena(t)
	everyone := "/api/v1/groups/" + a.groups[0].text("id") + "/users"
	for _, c := range []struct {
		sql      string
		requests []string // in any order
	}{
		{`SELECT name FROM okta.group.groups`, []string{"/api/v1/groups?limit=200"}},
		{`SELECT name FROM okta.group.groups LIMIT 3`, []string{"/api/v1/groups?limit=3"}},
		{`SELECT name FROM okta.group.groups WHERE id = {group:1}`, []string{"/api/v1/groups/{group:1}?"}},
		{`SELECT name FROM okta.group.groups WHERE id = 'rules'`, []string{`/api/v1/groups?limit=200&search=id eq "rules"`}},
		{`SELECT name FROM okta.group.groups WHERE type = 'BUILT_IN' AND name = 'Everyone'`, []string{`/api/v1/groups?limit=200&search=(type eq "BUILT_IN") and (profile.name eq "Everyone")`}},
		{`SELECT name FROM okta.group.groups WHERE q = 'x'`, []string{`/api/v1/groups?limit=300&q=x`}},
		{`SELECT name FROM okta.group.groups WHERE description = 'x'`, []string{"/api/v1/groups?limit=200"}},
		{`SELECT id FROM okta.group.users WHERE groupId = {group:0}`, []string{everyone + "?limit=1000"}},
		{`SELECT id FROM okta.group.users WHERE groupId = {group:0} AND status = 'ACTIVE' AND id = 'x'`, []string{everyone + "?limit=1000"}},
		{`SELECT id FROM okta.group.users WHERE groupId = {group:0} LIMIT 5`, []string{everyone + "?limit=5"}},
		{`SELECT id FROM okta.group.users WHERE groupId IN ({group:0}, {group:1}, {group:0}, NULL, '')`, []string{everyone + "?limit=1000", "/api/v1/groups/{group:1}/users?limit=1000"}},
		{`SELECT id FROM okta.group.users WHERE groupId IN ({group:0}, {group:0}, '') LIMIT 1`, []string{everyone + "?limit=1"}},
		{`SELECT id FROM okta.group.users WHERE groupId IN ({group:1}, {group:0}, {group:2}, {group:3}) LIMIT 1`, []string{"/api/v1/groups/{group:0}/users?limit=1"}},
		{`SELECT id FROM okta.group.users WHERE groupId = NULL`, nil},
		{`SELECT id FROM okta.group.users WHERE groupId IN ('', NULL, 'rules')`, nil},
		{`SELECT id FROM okta.group.users WHERE groupId = 'a b&c=d#e%2f..'`, []string{"/api/v1/groups/a b&c=d#e%2f../users?limit=1000"}},
		{`SELECT id FROM okta.user.groups WHERE userId = {id:3}`, []string{"/api/v1/users/{id:3}/groups?limit=200"}},
		{`SELECT g.name, m.id FROM okta.group.users AS m JOIN okta.group.groups AS g ON m.groupId = g.id WHERE g.name = 'Everyone'`,
			[]string{`/api/v1/groups?limit=200&search=profile.name eq "Everyone"`, everyone + "?limit=1000"}},
		{`SELECT v.column1, m.id FROM (VALUES (NULL), ({group:0}), (''), ({group:0})) AS v JOIN okta.group.users AS m ON m.groupId = v.column1`, []string{everyone + "?limit=1000"}},
		{`EXPLAIN SELECT id FROM okta.group.users WHERE groupId IN ({group:0}, 'x')`, nil},
	} {
		server.ResetRequests()
		if _, err := run(context.Background(), a.engines["pushed"], a.expand(t, c.sql), nil); err != nil {
			t.Errorf("%s: %v", c.sql, err)
		}
		var got, want []string
		for _, r := range server.Requests() {
			query := []string{"limit=" + r.Query.Get("limit")}
			if query[0] == "limit=" {
				query = nil
			}
			for _, key := range []string{"q", "search"} {
				if v := r.Query.Get(key); v != "" {
					query = append(query, key+"="+v)
				}
			}
			got = append(got, r.Path+"?"+strings.Join(query, "&"))
		}
		for _, r := range c.requests {
			want = append(want, strings.ReplaceAll(a.expand(t, r), "'", ""))
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s\ngot  %q\nwant %q", c.sql, got, want)
		}
	}
}

// A temporary view can leave the value open: whoever uses it gives it.
func TestRequiredThroughAView(t *testing.T) {
	a, server := newGroupArena(t)
	const view = `CREATE TEMP VIEW v AS SELECT groupId AS g, login, status AS s FROM okta.group.users; `
	for name, engine := range a.engines {
		for _, c := range []struct{ sql, judge string }{
			{`SELECT g, login FROM v WHERE g = {group:0} AND s = 'ACTIVE'`, `SELECT groupId AS g, login FROM okta.group.users WHERE groupId = {group:0} AND status = 'ACTIVE'`},
			{`SELECT g, login FROM v WHERE g IN ({group:0-3})`, `SELECT groupId AS g, login FROM okta.group.users WHERE groupId IN ({group:0-3})`},
			{`SELECT o.name, v.login FROM v JOIN okta.group.groups AS o ON o.id = v.g`, `SELECT o.name, v.login FROM okta.group.users AS v JOIN okta.group.groups AS o ON o.id = v.groupId`},
		} {
			want, err := a.judge.run(a.expand(t, c.judge), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(context.Background(), engine, view+a.expand(t, c.sql), nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, c.sql)
			} else if diff := compare(got[len(got)-1], want, false); diff != "" {
				t.Errorf("%s: %s\n%s", name, diff, c.sql)
			}
		}
		for _, sql := range []string{`SELECT login FROM v`, `SELECT login FROM v WHERE g = 'x' OR s = 'ACTIVE'`, `SELECT login FROM v WHERE g LIKE 'x%'`} {
			server.ResetRequests()
			_, err := run(context.Background(), engine, view+sql, nil)
			e, ok := errors.AsType[*stmt.Error](err)
			if !ok || e.Msg != "okta.group.users needs a value for groupId" || !strings.Contains(e.Hint, "groupId = 'value'") || len(server.Requests()) > 0 {
				t.Errorf("%s: %v, %d requests\n%s", name, err, len(server.Requests()), sql)
			}
		}
	}
}

// Lists for several values run side by side, and never more than a few.
func TestRequiredSideBySide(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 60, Seed: 5})
	for i := range 30 {
		newGroup(t, server, fmt.Sprintf("Group %d", i), "")
	}
	flying := &gauge{next: http.DefaultTransport}
	engine := connect(t, server, okta.Options{Transport: flying}, whoql.Options{})
	got, err := run(context.Background(), engine, `SELECT count(*) FROM okta.group.users WHERE groupId IN (SELECT id FROM okta.group.groups)`, nil)
	if err != nil || fmt.Sprint(got[0].rows) != "[[120]]" {
		t.Fatalf("%v, %v", got, err)
	}
	if most := flying.most.Load(); most < 2 || most > 8 {
		t.Errorf("%d at once", most)
	}
}

// Whatever goes wrong with one of several lists, the query fails, and only with real rows before that.
func TestGroupFaults(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		at        int
	}{
		{"a page of groups", `SELECT id FROM okta.group.groups WHERE "limit" = 4`, 3},
		{"a page of members", `SELECT groupId || id FROM okta.group.users WHERE groupId = {group:0} AND "limit" = 10`, 3},
		{"a list of many", `SELECT groupId || id FROM okta.group.users WHERE groupId IN ({group:0-16})`, 9},
		{"a join", `SELECT g.id || m.id FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id`, 5},
		{"groups of users", `SELECT userId || id FROM okta.user.groups WHERE userId IN ({id:0-20})`, 12},
	} {
		for _, kind := range []oktatest.FaultKind{oktatest.InternalError, oktatest.BadJSON, oktatest.Unauthorized, oktatest.CutOff} {
			t.Run(fmt.Sprintf("%s/%s", c.name, kind), func(t *testing.T) {
				t.Parallel()
				a, server := newGroupArena(t)
				var slept sleeper
				engine := connect(t, server, hasty(&slept, kind), whoql.Options{})
				sql := a.expand(t, c.sql)
				want, err := column(context.Background(), engine, sql)
				if err != nil {
					t.Fatal(err)
				}
				if fates[kind].once {
					server.Inject(oktatest.Fault{Kind: kind, At: c.at})
					if got, err := column(context.Background(), engine, sql); err != nil || !slices.Equal(sorted(got), sorted(want)) {
						t.Errorf("once: %d rows, want %d; %v", len(got), len(want), err)
					}
					server.ClearFaults()
				}
				server.Inject(oktatest.Fault{Kind: kind, At: c.at, Times: oktatest.Forever})
				got, err := column(context.Background(), engine, sql)
				if err == nil || fates[kind].as != nil && !fates[kind].as(err) {
					t.Errorf("for good: %d rows of %d, %v", len(got), len(want), err)
				}
				for _, id := range got {
					if !slices.Contains(want, id) {
						t.Errorf("for good: %q is no row of the result", id)
					}
				}
			})
		}
	}
}

// Groups of several orgs: each org is asked for each group, and has only its own.
func TestRequiredOfSeveralOrgs(t *testing.T) {
	engine, one, two := twoOrgs(t, whoql.Options{})
	first, second := listed(t, one, "/api/v1/groups", "", "")[0].text("id"), listed(t, two, "/api/v1/groups", "", "")[0].text("id")
	for _, c := range []struct{ sql, want string }{
		{`SELECT subdomain, groupId = '` + first + `', count(*) FROM okta.group.users WHERE subdomain IN ('one', 'two') AND groupId IN ('` + first + `', '` + second + `') GROUP BY 1, 2 ORDER BY 1`, `[one 1 210] [two 0 30]`},
		{`SELECT m.subdomain, count(*) FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id AND m.subdomain = 'two' WHERE g.subdomain = 'two' AND g.type = 'BUILT_IN'`, `[two 30]`},
		{`SELECT g.subdomain, count(*) FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id AND m.subdomain = g.subdomain
			WHERE g.subdomain IN ('one', 'two') AND g.type = 'BUILT_IN' GROUP BY 1 ORDER BY 1`, `[one 210] [two 30]`},
		{`SELECT count(*) FROM okta.group.users WHERE groupId = '` + second + `'`, `[0]`},
	} {
		results, err := run(context.Background(), engine, c.sql, nil)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		var rows []string
		for _, row := range results[0].rows {
			rows = append(rows, fmt.Sprint(row))
		}
		if got := strings.Join(rows, " "); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.sql, got, c.want)
		}
	}
	two.Inject(oktatest.Fault{Kind: oktatest.Forbidden, At: 2, Times: oktatest.Forever})
	_, err := run(context.Background(), engine, `SELECT id FROM okta.group.users WHERE subdomain IN ('one', 'two') AND groupId IN ('`+first+`', '`+second+`')`, nil)
	failed, ok := errors.AsType[*whoql.OrgError](err)
	if !ok || failed.Org != "two" {
		t.Errorf("%v", err)
	}
}

// A group that is deleted between two pages of its members is an error, not the end of the list.
func TestGroupDeletedInBetween(t *testing.T) {
	a, server := newGroupArena(t)
	id := newGroup(t, server, "Short-lived", "")
	for _, u := range a.users[:9] {
		call(t, server, "PUT", "/api/v1/groups/"+id+"/users/"+u.text("id"), "")
	}
	rows, err := a.engines["pushed"].Query(context.Background(), `SELECT id FROM okta.group.users WHERE "limit" = 4 AND groupId = '`+id+`'`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if n == 0 {
			call(t, server, "DELETE", "/api/v1/groups/"+id, "")
		}
		n++
	}
	if !okta.IsNotFound(rows.Err()) || n == 0 || n == 9 {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
}

// q finds as many groups as the API gives: there may be more.
func TestTooManyGroups(t *testing.T) {
	a, _ := newGroupArena(t)
	_, err := run(context.Background(), a.engines["pushed"], `SELECT name FROM okta.group.groups WHERE q = 's' AND "limit" = 1`, nil)
	cut, ok := errors.AsType[*whoql.CutOffError](err)
	if !ok || cut.Parameter != "q" || cut.Limit != 1 {
		t.Errorf("%v", err)
	}
}

func TestExplainRequired(t *testing.T) {
	a, _ := newGroupArena(t)
	for _, c := range []struct{ sql, want string }{
		{`EXPLAIN SELECT id FROM okta.group.users WHERE groupId = 'x' AND status = 'ACTIVE'`,
			"okta.group.users|list (listGroupUsers)|GET /api/v1/groups/x/users?limit=1000 (sandbox)|groupId = 'x'|all conditions; only here: status =|all but credentials and transitioningToStatus\n"},
		{`EXPLAIN SELECT id FROM okta.group.users WHERE groupId IN ('x', 'y')`,
			"okta.group.users|list (listGroupUsers)|2 × GET /api/v1/groups/{groupId}/users?limit=1000 (sandbox)|groupId IN ('x', 'y')|all conditions|all but credentials and transitioningToStatus\n"},
		{`EXPLAIN SELECT id FROM okta.group.users WHERE groupId = NULL`,
			"okta.group.users|list (listGroupUsers)|none: no row can match||all conditions|\n"},
		{`EXPLAIN SELECT m.id FROM okta.group.users AS m JOIN okta.group.groups AS g ON m.groupId = g.id WHERE g.type = 'BUILT_IN'`,
			"okta.group.groups g|list (listGroups)|GET /api/v1/groups?limit=200&search=type eq \"BUILT_IN\" (sandbox)|type = 'BUILT_IN'|all conditions|all\n" +
				"okta.group.users m|list (listGroupUsers)|GET /api/v1/groups/{groupId}/users for each new value, kept while the query runs|groupId = …|all conditions|all but credentials and transitioningToStatus\n"},
	} {
		results, err := run(context.Background(), a.engines["pushed"], c.sql, nil)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		var got bytes.Buffer
		for _, row := range results[0].rows {
			if row[0] == "(all)" {
				continue
			}
			for i, v := range row[:6] { // the figures have a test of their own
				if i > 0 {
					got.WriteByte('|')
				}
				fmt.Fprint(&got, v)
			}
			got.WriteByte('\n')
		}
		if got.String() != c.want {
			t.Errorf("%s\ngot  %swant %s", c.sql, got.String(), c.want)
		}
	}
}

// A gauge counts the requests that are under way at once.
type gauge struct {
	next      http.RoundTripper
	now, most atomic.Int64
}

// RoundTrip keeps a request for a moment, so that others can begin.
func (g *gauge) RoundTrip(r *http.Request) (*http.Response, error) {
	n := g.now.Add(1)
	defer g.now.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	time.Sleep(2 * time.Millisecond)
	return g.next.RoundTrip(r)
}
