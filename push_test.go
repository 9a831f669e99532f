package whoql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// Texts, numbers and dates in which SQL and a search engine may see different things.
var (
	oddTexts = []string{"", "Z", "b", "B", "é", "É", "e\u0301", "İ", "i", "I", "ı", "ſ", "s", "Σ", "σ", "ς", "ΟΔΟΣ", "οδοσα", "ß", "SS", `"`, `\`, `\"`, `a"b\c`, "O'Brien", "007", "7", "7.0",
		"9007199254740993", "true", "1", "2026-02-02", "a%b", "a_b", "a*b", "a[b", "abc", "ABCD", "ab", " a", "a ", "日本", "%", "null"}
	oddNumbers = []string{"0", "-0.0", "1", "-1", "7", "2.5", "-2.5", "0.1", "0.30000000000000004", "9007199254740992", "9007199254740993", "-9007199254740993", "1e15", "1e300", "2147483647", "-2147483648"}
	oddDates   = []string{"2026", "2026-02", "2026-02-02", "2026-02-02T", "2026-02-02T11", "2026-02-02T11:15:22", "2026-02-02T11:15:22.000Z", "2026-02-02T11:15:22.000+02:00", "2026-02-02 11:15:22",
		"2026-02-30", "2026-13", "2026-1", "1969-12-31T23:59:59.000Z", "0000", "9999-12-31", "1970", "20", "", "now", "2025-12-31T23:59:59.999Z", "2024-02-29", "2026-02-02T24", "2026-02-02t11", "+2026"}
)

// An oddOrg has users whose attributes hold such values, custom ones of all types too.
func oddOrg(t testing.TB) (*oktatest.Server, []person) {
	server := oktatest.Start(t, oktatest.Options{Users: 60, Seed: 4})
	var properties []string
	for _, p := range []string{"note string", "level integer", "score number", "remote boolean"} {
		name, typ, _ := strings.Cut(p, " ")
		properties = append(properties, fmt.Sprintf("%q:{\"title\":%q,\"type\":%q}", name, name, typ))
	}
	properties = append(properties, `"labels":{"title":"labels","type":"array","items":{"type":"string"}}`)
	call(t, server, "POST", "/api/v1/meta/schemas/user/default", `{"definitions":{"custom":{"id":"#custom","type":"object","properties":{`+strings.Join(properties, ",")+`}}}}`)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 120 {
		profile := map[string]any{"login": fmt.Sprintf("odd%d@example.com", i), "email": "odd@example.com", "firstName": "x", "lastName": "y"}
		for _, name := range []string{"note", "department", "title", "employeeNumber"} {
			if text := oddTexts[r.IntN(len(oddTexts))]; r.IntN(5) > 0 {
				profile[name] = text
			}
		}
		if r.IntN(4) > 0 {
			profile["score"] = json.Number(oddNumbers[r.IntN(len(oddNumbers))])
		}
		if r.IntN(4) > 0 {
			profile["level"] = []int{0, 1, -1, 7, 2147483647, -2147483648}[r.IntN(6)]
		}
		if n := r.IntN(3); n > 0 {
			profile["remote"] = n == 1
		}
		if n := r.IntN(3); n > 0 {
			profile["labels"] = oddTexts[1 : 1+n]
		}
		body, err := json.Marshal(map[string]any{"profile": profile})
		if err != nil {
			t.Fatal(err)
		}
		call(t, server, "POST", fmt.Sprintf("/api/v1/users?activate=%t", i%2 == 0), string(body))
	}
	return server, people(t, server.Org)
}

// A predicate writes conditions of the kinds that are handed over, and of kinds that look like them.
type predicate struct {
	*rand.Rand
	users []person
}

func (p *predicate) of(list ...string) string { return list[p.IntN(len(list))] }

// constant is a value of any kind as SQL, more often of the column's kind.
func (p *predicate) constant(column string) string {
	text := func(list []string) string { return literal(p.of(list...)) }
	n := p.IntN(10)
	switch {
	case n == 0:
		return p.of("NULL", "''", "x'41'", "TRUE", "1.5", "'😀'", "char(10)", "'a' || 'b'", "lower('Z')", "9e999", "-9e999")
	case n == 1:
		return text(oddTexts)
	case column == "score" || column == "level" || column == "remote":
		return p.of(p.of(oddNumbers...), p.of(oddNumbers...), "2.5", "-2.5", "0", "1", "TRUE", "FALSE", "'1'", "7")
	case column == "status":
		return p.of("'ACTIVE'", "'STAGED'", "'SUSPENDED'", "'DEPROVISIONED'", "'active'", "'ASLEEP'")
	case strings.Contains("created activated statusChanged lastUpdated lastLogin passwordChanged", column):
		if n < 5 {
			if v := p.users[p.IntN(len(p.users))].text(column); v != "" {
				return literal(v[:[]int{4, 7, 10, 13, 16, 19, 24}[p.IntN(7)]])
			}
		}
		return text(oddDates)
	}
	if n < 5 {
		if v := p.users[p.IntN(len(p.users))].text(column); v != "" {
			return literal(v)
		}
	}
	return text(oddTexts)
}

func (p *predicate) term() string {
	c := p.of("department", "title", "employeeNumber", "note", "note", "level", "score", "score", "score", "remote", "labels", "status", "status", "created", "activated", "statusChanged", "lastUpdated", "lastLogin", "passwordChanged", "login", "firstName", "city", "secondEmail")
	switch p.IntN(12) {
	case 0, 1, 2:
		return c + " = " + p.constant(c)
	case 3:
		return c + " IN (" + p.constant(c) + ", " + p.constant(c) + ", " + p.constant(c) + ")"
	case 4:
		return c + " BETWEEN " + p.constant(c) + " AND " + p.constant(c)
	case 5, 6:
		return c + p.of(" < ", " <= ", " > ", " >= ") + p.constant(c)
	case 7:
		return c + " <> " + p.constant(c)
	case 8:
		return c + p.of(" IS NULL", " IS NOT NULL")
	case 9, 10:
		pattern := p.of(oddTexts...)
		if r := []rune(pattern); len(r) > 1 && p.IntN(2) == 0 {
			pattern = string(r[:1+p.IntN(len(r)-1)])
		}
		return c + p.of(" LIKE ", " NOT LIKE ") + literal(pattern+p.of("%", "_%", "", "%x")) + p.of("", "", ` ESCAPE '\'`)
	}
	return c + " GLOB " + literal(p.of(oddTexts...)+p.of("*", "?", "[a-z]*"))
}

func (p *predicate) where(deep int) string {
	if deep == 0 || p.IntN(3) == 0 {
		return p.term()
	}
	switch p.IntN(6) {
	case 0, 1, 2:
		return p.where(deep-1) + " AND " + p.where(deep-1)
	case 3, 4:
		return "(" + p.where(deep-1) + " OR " + p.where(deep-1) + ")"
	}
	return "NOT (" + p.where(deep-1) + ")"
}

func (p *predicate) query() string {
	where := p.where(2)
	switch p.IntN(6) {
	case 0:
		return "SELECT id, " + p.of("created", "lastUpdated") + " FROM okta.user.users WHERE " + where + " ORDER BY 2" + p.of("", " DESC") + ", id LIMIT 7"
	case 1:
		c := p.of("created", "lastUpdated")
		return "SELECT " + c + " FROM okta.user.users WHERE " + where + " ORDER BY " + c + p.of("", " DESC") + p.of(" LIMIT 5", " LIMIT 250", " LIMIT 3 OFFSET 4")
	case 2:
		return "SELECT u.id, m.id FROM okta.user.users AS u JOIN okta.user.users AS m ON m." + p.of("department = u.department", "note = u.note", "created > u.created", "score = u.level") + " WHERE " + strings.NewReplacer("department", "u.department", "note", "u.note", "score", "u.score", "level", "u.level", "status ", "u.status ", "title", "u.title", "created", "u.created",
			"employeeNumber", "u.employeeNumber", "remote", "u.remote", "labels", "u.labels", "activated", "u.activated", "statusChanged", "u.statusChanged", "lastUpdated", "u.lastUpdated", "lastLogin", "u.lastLogin",
			"passwordChanged", "u.passwordChanged", "login", "u.login", "firstName", "u.firstName", "city", "u.city", "secondEmail", "u.secondEmail").Replace(where)
	}
	return "SELECT id" + p.others() + " FROM okta.user.users WHERE " + where
}

// others are more columns, by which less or more is asked for of each object.
func (p *predicate) others() string {
	text := ""
	for range p.IntN(4) {
		text += ", " + p.of("department", "title", "secondEmail", "mobilePhone", "note", "score", "labels", "profile", "profile->>'note'", "profile->>'title'", "profile->'login'", "json_extract(profile, '$.department')",
			"status", "activated", "type", "credentials", "transitioningToStatus", "_embedded", "subdomain", "userId", "count(*) OVER ()", "rowid")
	}
	return text
}

// Whatever is handed to the API, the rows are those of SQLite alone.
func FuzzPushdown(f *testing.F) {
	server, users := oddOrg(f)
	on := connect(f, server, okta.Options{}, whoql.Options{})
	off := connect(f, server, okta.Options{}, whoql.Options{NoPushdown: true, NoProjection: true})
	if out, err := run(context.Background(), on, "SELECT note, level, score, remote, labels FROM okta.user.users", nil); err != nil || len(out[0].rows) != 180 {
		f.Fatal(err)
	}
	n := uint64(300)
	if testing.Short() {
		n = 100
	}
	for seed := range n {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		p := &predicate{rand.New(rand.NewPCG(seed, 3)), users}
		sql := p.query()
		want, werr := run(context.Background(), off, sql, nil)
		got, err := run(context.Background(), on, sql, nil)
		if werr != nil || err != nil {
			t.Fatalf("%v, and without push-down %v\n%s", err, werr, sql)
		}
		if diff := compare(got[0], want[0], strings.Contains(sql, "ORDER BY")); diff != "" {
			t.Errorf("%s\n%s", diff, sql)
		}
	})
}

// Conditions that the API can answer cost the pages of the answer.
func TestRequestsOfPushedConditions(t *testing.T) {
	n := 9000
	if testing.Short() {
		n = 3000
	}
	server := oktatest.Start(t, oktatest.Options{Users: n, Seed: 5})
	call(t, server, "POST", "/api/v1/users/"+people(t, server.Org)[2000].text("id"), `{"profile":{"department":"R\"D","title":"Zoë"}}`)
	users := people(t, server.Org)
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	judge := newJudge(t, users)
	several := 0
	created := users[len(users)-450].text("created")
	for _, c := range []struct {
		where string
		// The search; "": it isn't looked at.
		search string
		loose  bool // what SQLite checks narrows the answer, which has more pages than the rows
	}{
		{`department = 'Sales' AND status = 'ACTIVE'`, `(profile.department eq "Sales") and (status eq "ACTIVE")`, false},
		{`department = 'Sales'`, `profile.department eq "Sales"`, false},
		{`department IN ('Sales', 'Legal') AND status IN ('STAGED', 'SUSPENDED')`, "", false},
		{`department = 'R"D'`, `profile.department eq "R\"D"`, false},
		{`title LIKE 'Zo%'`, `profile.title sw "Zo"`, false},
		{`title GLOB 'Zo*'`, `profile.title sw "Zo"`, false},
		{`lastName LIKE 'Mc_%'`, `profile.lastName sw "Mc"`, false},
		{`email LIKE 'a%' AND status = 'STAGED'`, "", false},
		{`status <> 'ACTIVE'`, `status lt "ACTIVE" or status gt "ACTIVE"`, false},
		{`status <> 'ACTIVE' AND status <> 'DEPROVISIONED'`, "", false},
		{`created < '` + created[:7] + `' AND status = 'SUSPENDED'`, "", false},
		{`created >= '` + created + `'`, `created ge "` + created + `"`, false},
		{`created = '` + created + `'`, "", false},
		{`created BETWEEN '` + created[:7] + `' AND '` + created + `' AND department = 'Legal'`, "", false},
		{`created > '` + created[:10] + ` 08:00:00' AND status = 'LOCKED_OUT'`, "", false},
		{`statusChanged > '` + created[:4] + `' AND status = 'DEPROVISIONED'`, "", false},
		{`statusChanged IS NULL`, everyone, true}, // which the API can't be asked
		{`activated IS NOT NULL AND status = 'STAGED'`, `(status eq "STAGED") and (activated pr)`, false},
		{`department = 'Legal' AND city = 'Berlin' AND userType = 'Employee'`, "", false},
		{`city = 'Berlin' AND lower(department) = 'legal'`, `profile.city eq "Berlin"`, true},
		{`(department = 'Legal' OR department = 'Sales') AND status = 'RECOVERY'`, "", false},
		{`profile->>'department' = 'Legal'`, `profile.department eq "Legal"`, false},
		{`countryCode = 'DE' AND status = 'ACTIVE' AND lastLogin IS NULL`, "", true},
		{`userType = 'x'`, `profile.userType eq "x"`, false},
	} {
		sql := "SELECT id FROM okta.user.users WHERE " + c.where
		want, err := judge.run(sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		server.ResetRequests()
		got, err := run(t.Context(), engine, sql, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		if diff := compare(got[0], want, false); diff != "" {
			t.Errorf("%s\n%s", diff, sql)
		}
		requests := server.Requests()
		pages := max((len(want.rows)+199)/200, 1)
		// A list of more than five pages is read in ranges, which takes a few calls more.
		if len(requests) < pages || pages <= 5 && len(requests) > pages && !c.loose {
			t.Errorf("%d requests for %d rows\n%s\n%v", len(requests), len(want.rows), sql, spellRequests(requests))
		}
		if 1 < pages && pages <= 5 && !c.loose {
			several++
		}
		if s := requests[0].Query.Get("search"); c.search != "" && s != c.search {
			t.Errorf("it searches for %s, want %s\n%s", s, c.search, sql)
		}
	}
	if several < 4 && !testing.Short() {
		t.Errorf("only %d answers have several pages", several)
	}
}

// Two sides of an OR are two searches whose rows are united, if both can be handed over and are likely to find
// little; else it is one list. A side is never read without the conditions around it.
func TestRequestsOfOr(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 1900, Seed: 5})
	users := people(t, server.Org)
	engine := connect(t, server, okta.Options{}, whoql.Options{Cursors: 1})
	judge := newJudge(t, users)
	for _, c := range []struct {
		where string
		lists int // searches that begin
		most  int // requests; 10 is the whole org
	}{
		{`department = 'Legal' OR department = 'Sales'`, 1, 3},
		{`department = 'Legal' OR title LIKE 'Head%'`, 2, 4},
		{`department = 'Legal' OR status = 'SUSPENDED' OR lastName LIKE 'Mc%'`, 3, 6},
		{`id = ` + literal(users[5].text("id")) + ` OR status = 'SUSPENDED'`, 1, 3}, // and a get
		{`created < '2025' OR created > '2026'`, 1, 10},
		{`status <> 'ACTIVE' OR activated IS NOT NULL`, 1, 10},
		{`department = 'Legal' OR lastLogin IS NULL`, 1, 10},
		{`department = 'Legal' OR upper(title) = 'X'`, 1, 10},
		{`department = 'Legal' OR NOT status = 'ACTIVE'`, 1, 10},
		{`(department = 'Legal' OR title LIKE 'Head%') AND status = 'SUSPENDED'`, 1, 3},
		{`search = 'status eq "SUSPENDED"' AND (department = 'Legal' OR title LIKE 'Head%')`, 1, 3},
	} {
		sql := "SELECT id, department FROM okta.user.users WHERE " + c.where
		want, err := judge.run(strings.Replace(sql, `search = 'status eq "SUSPENDED"'`, "status = 'SUSPENDED'", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		server.ResetRequests()
		got, err := run(t.Context(), engine, sql, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		if diff := compare(got[0], want, false); diff != "" {
			t.Errorf("%s\n%s", diff, sql)
		}
		requests := server.Requests()
		lists := 0
		for _, r := range requests {
			if r.Path == "/api/v1/users" && !r.Query.Has("after") {
				lists++
			}
		}
		if lists != c.lists || len(requests) > c.most {
			t.Errorf("%d lists and %d requests, want %d and at most %d\n%s", lists, len(requests), c.lists, c.most, sql)
		}
	}
}

// What may not be handed over isn't: texts that the API can't be asked for, and values of another type
// than the column's.
func TestRequestsOfKeptConditions(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 30, Seed: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	for _, where := range []string{`department = ''`, `department = 5`, `department = x'41'`, `department = '😀'`, `department = char(10)`, `department LIKE '%x'`, `department LIKE '_x%'`,
		`department LIKE 'a\_b%' ESCAPE '\'`, `department NOT LIKE 'a%'`, `department > 'S'`, `department <> 'Sales'`, `department = 'sales' COLLATE NOCASE`, `department IN ('Sales', '')`,
		`department IS NOT NULL`, `secondEmail IS NOT NULL`, `department IS NULL`, `department IS 'Sales'`, `status <> 'ASLEEP'`, `status > 'A'`, `status LIKE 'A%'`, `status IN ('ACTIVE', 'x')`,
		`lastLogin > '2026'`, `passwordChanged < '2026'`, `lastLogin IS NOT NULL`, `created > 'yesterday'`, `created > 2026`, `created <> '2026'`, `created > '20'`, `created > '0001-01-01'`,
		`lower(department) = 'sales'`, `department || '' = 'Sales'`, `NOT department = 'Sales'`} {
		server.ResetRequests()
		if _, err := column(t.Context(), engine, "SELECT id FROM okta.user.users WHERE "+where); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		for _, r := range server.Requests() {
			if r.Query.Get("search") != everyone {
				t.Errorf("%s: it searches for %s", where, r.Query.Get("search"))
			}
		}
	}
	// NULL compares with nothing, so that nothing is asked.
	for _, where := range []string{`department = NULL`, `created > NULL`, `status <> NULL`} {
		server.ResetRequests()
		if got, err := column(t.Context(), engine, "SELECT id FROM okta.user.users WHERE "+where); err != nil || len(got) > 0 || len(server.Requests()) > 0 {
			t.Errorf("%s: %v, %v, %d requests", where, got, err, len(server.Requests()))
		}
	}
}

// The newest and the oldest are one call away.
func TestRequestsOfOrder(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 1050, Seed: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	off := connect(t, server, okta.Options{}, whoql.Options{NoPushdown: true})
	for _, c := range []struct {
		sql      string
		from, to int
		sortBy   string
	}{
		{`SELECT created FROM okta.user.users ORDER BY created LIMIT 10`, 1, 1, "created asc"},
		{`SELECT created FROM okta.user.users ORDER BY created DESC LIMIT 10`, 1, 1, "created desc"},
		{`SELECT lastUpdated FROM okta.user.users ORDER BY lastUpdated DESC LIMIT 5 OFFSET 10`, 1, 1, "lastUpdated desc"},
		{`SELECT lastUpdated FROM okta.user.users ORDER BY lastUpdated DESC LIMIT 250`, 6, 6, "created asc"}, // more than a page, in which people can move
		{`SELECT lastUpdated FROM okta.user.users ORDER BY lastUpdated LIMIT 150 OFFSET 51`, 6, 6, "created asc"},
		{`SELECT created FROM okta.user.users ORDER BY created DESC LIMIT 250`, 2, 2, "created desc"},
		{`SELECT lastUpdated FROM okta.user.users WHERE lastUpdated > '2020' ORDER BY lastUpdated DESC LIMIT 20`, 1, 1, "lastUpdated desc"},
		{`SELECT lastUpdated FROM okta.user.users WHERE lastUpdated > '2020' ORDER BY lastUpdated LIMIT 20`, 5, 6, "created asc"},
		{`SELECT lastUpdated FROM okta.user.users WHERE subdomain = 'sandbox' AND status <> 'ACTIVE' AND lastUpdated <= '2027' ORDER BY lastUpdated LIMIT 20`, 1, 1, "lastUpdated asc"},
		{`SELECT lastUpdated FROM okta.user.users WHERE department = 'Sales' ORDER BY lastUpdated DESC LIMIT 20`, 1, 1, "created asc"}, // or sales
		{`SELECT lastUpdated FROM okta.user.users WHERE status IN ('ACTIVE', 'STAGED') ORDER BY lastUpdated DESC LIMIT 20`, 2, 5, "created asc"},
		{`SELECT lastUpdated FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY lastUpdated DESC LIMIT 20`, 1, 2, "lastUpdated desc"},
		{`SELECT created FROM okta.user.users WHERE created > '2020' ORDER BY created LIMIT 20`, 1, 2, "created asc"},
		{`SELECT (SELECT max(created) FROM (SELECT created FROM okta.user.users ORDER BY created DESC LIMIT 3)) AS created`, 1, 1, "created desc"},
		{`SELECT created FROM okta.user.users ORDER BY created`, 6, 6, "created asc"},
		{`SELECT created FROM okta.user.users ORDER BY created, id LIMIT 10`, 6, 6, "created asc"},
		{`SELECT created FROM okta.user.users ORDER BY created COLLATE NOCASE LIMIT 10`, 6, 6, "created asc"},
		{`SELECT created FROM okta.user.users WHERE lastLogin IS NULL ORDER BY created LIMIT 10`, 6, 6, "created asc"},
		{`SELECT DISTINCT created FROM okta.user.users ORDER BY created LIMIT 10`, 6, 6, "created asc"},
		{`SELECT max(created) FROM okta.user.users GROUP BY status ORDER BY status LIMIT 1`, 6, 6, "created asc"},
		{`SELECT lastLogin FROM okta.user.users ORDER BY lastLogin LIMIT 10`, 6, 6, "created asc"},
		{`SELECT created FROM okta.user.users WHERE subdomain IN ('sandbox') ORDER BY created LIMIT 10`, 1, 6, ""},
	} {
		want, err := run(t.Context(), off, c.sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		server.ResetRequests()
		got, err := run(t.Context(), engine, c.sql, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.sql)
			continue
		}
		if diff := compare(got[0], want[0], true); diff != "" {
			t.Errorf("%s\n%s", diff, c.sql)
		}
		requests := server.Requests()
		if n := len(requests); n < c.from || n > c.to {
			t.Errorf("%d requests, want %d to %d\n%s\n%v", n, c.from, c.to, c.sql, spellRequests(requests))
		}
		if q := requests[0].Query; c.sortBy != "" && q.Get("sortBy")+" "+q.Get("sortOrder") != c.sortBy {
			t.Errorf("it sorts by %s %s\n%s", q.Get("sortBy"), q.Get("sortOrder"), c.sql)
		}
	}
}

// Nobody is missed or comes twice because somebody else reads on while they are changed: who is changed
// moves in a list that is sorted by lastUpdated, and whoql reads no second page of such a list.
func TestOrderWhileUsersChange(t *testing.T) {
	for _, sql := range []string{
		`SELECT id FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY lastUpdated DESC LIMIT 200`,
		`SELECT id FROM okta.user.users ORDER BY lastUpdated LIMIT 400`,
		`SELECT id FROM okta.user.users ORDER BY lastUpdated DESC LIMIT 400`,
		`SELECT id FROM okta.user.users WHERE department IS NOT NULL OR 1 ORDER BY lastUpdated DESC`,
		`SELECT id FROM okta.user.users WHERE created > '1971' ORDER BY created DESC LIMIT 400`,
		`SELECT id FROM okta.user.users ORDER BY created LIMIT 400`,
	} {
		server := oktatest.Start(t, oktatest.Options{Users: 400, Seed: 5})
		users := people(t, server.Org)
		var next, changed atomic.Int64
		slices.SortFunc(users, func(a, b person) int { return strings.Compare(b.text("lastUpdated"), a.text("lastUpdated")) })
		// Between two calls those are changed who weren't for the longest time.
		transport := tripper(func(req *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(req)
			for range 20 {
				change, _ := http.NewRequest("POST", server.URL+"/api/v1/users/"+users[len(users)-int(next.Add(1))].text("id"), strings.NewReader(`{"profile":{"title":"moved"}}`))
				change.Header.Set("Authorization", "SSWS "+server.Token)
				change.Header.Set("Content-Type", "application/json")
				if answer, err := http.DefaultTransport.RoundTrip(change); err == nil {
					answer.Body.Close()
					if answer.StatusCode == 200 { // and not deprovisioned
						changed.Add(1)
					}
				}
			}
			return resp, err
		})
		engine := connect(t, server, okta.Options{Transport: transport}, whoql.Options{})
		got, err := column(t.Context(), engine, sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		seen := map[string]bool{}
		for _, id := range got {
			if seen[id] {
				t.Errorf("%s comes twice\n%s", id, sql)
			}
			seen[id] = true
		}
		for _, u := range users {
			if !strings.Contains(sql, "ACTIVE") && !seen[u.text("id")] {
				t.Errorf("%s is missing\n%s", u.text("login"), sql)
			}
		}
		if changed.Load() < 10 {
			t.Errorf("%d people were changed", changed.Load())
		}
	}
}

// A tripper is a transport made of a function.
type tripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// An answer that isn't sorted as it was asked to be is an error, since SQLite relies on it.
func TestOrderIsChecked(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 450, Seed: 5})
	plain := func(req *http.Request) (*http.Response, error) {
		q := req.URL.Query()
		q.Del("sortBy")
		q.Del("sortOrder")
		req = req.Clone(req.Context())
		req.URL.RawQuery = q.Encode()
		return http.DefaultTransport.RoundTrip(req)
	}
	engine := connect(t, server, okta.Options{Transport: tripper(plain)}, whoql.Options{})
	for _, order := range []string{"created", "created DESC", "lastUpdated", "lastUpdated DESC"} {
		_, err := column(t.Context(), engine, `SELECT id FROM okta.user.users ORDER BY `+order+` LIMIT 5`)
		if e, ok := errors.AsType[*whoql.OrderError](err); !ok || e.Column != strings.Fields(order)[0] {
			t.Errorf("%s: %v", order, err)
		}
	}
	if _, err := column(t.Context(), engine, `SELECT id FROM okta.user.users ORDER BY created`); err != nil {
		t.Error(err)
	}
}
