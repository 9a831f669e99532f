package whoql_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A forecast is what EXPLAIN says of a table, or of all.
type forecast struct {
	table    string
	from, to int64 // -1: not known
	basis    string
	warning  string
}

// explained runs an EXPLAIN, which must send nothing.
func explained(t *testing.T, engine *whoql.Engine, sql string) (tables []forecast, all forecast) {
	t.Helper()
	results, err := run(context.Background(), engine, "EXPLAIN "+sql, nil)
	if err != nil {
		t.Fatalf("EXPLAIN %s: %v", sql, err)
	}
	if n, err := cost(context.Background(), engine, "EXPLAIN "+sql); n > 0 || err != nil {
		t.Errorf("EXPLAIN %s sent %d requests, %v", sql, n, err)
	}
	at := map[string]int{}
	for i, name := range results[0].columns {
		at[name] = i
	}
	for _, row := range results[0].rows {
		f := forecast{table: row[at["table"]].(string), from: row[at["requests_from"]].(int64), to: -1, basis: row[at["basis"]].(string), warning: row[at["warning"]].(string)}
		if to, ok := row[at["requests_to"]].(int64); ok {
			f.to = to
		}
		least, _ := row[at["seconds_from"]].(float64)
		if most, ok := row[at["seconds_to"]].(float64); ok != (f.to >= 0) || ok && most < least {
			t.Errorf("%s: from %v to %v seconds", f.table, least, row[at["seconds_to"]])
		}
		tables = append(tables, f)
	}
	if len(tables) == 0 {
		return nil, forecast{basis: "exact"}
	}
	return tables, tables[len(tables)-1]
}

// holds reports whether so many requests are what was said.
func (f forecast) holds(made int64) bool {
	if f.basis == "exact" {
		return f.from == made && f.to == made
	}
	return f.from <= made && (f.to < 0 || made <= f.to)
}

// cost runs a statement to its end and returns how many requests it made.
func cost(ctx context.Context, engine *whoql.Engine, sql string) (int64, error) {
	rows, err := engine.Query(ctx, sql, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Stats().Requests, rows.Err()
}

// A file's values are looked up in the file, which EXPLAIN reads.
func TestFiguresOfFiles(t *testing.T) {
	a, server := newFigureArena(t)
	for _, n := range []int{3, 45, 300} {
		var text strings.Builder
		text.WriteString("email\n")
		for _, u := range a.users[:n] {
			fmt.Fprintln(&text, u.text("login"))
		}
		path := filepath.Join(t.TempDir(), "roster.csv")
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		engine := connect(t, server, okta.Options{}, whoql.Options{CSV: []whoql.CSV{{Name: "roster", Path: path}}, Assume: map[string]int64{"okta.user.users": 1050}})
		const sql = `SELECT r.email, u.status FROM roster AS r LEFT JOIN okta.user.users AS u ON u.login = r.email`
		_, all := explained(t, engine, sql)
		made, err := cost(context.Background(), engine, sql)
		if err != nil || !all.holds(made) || all.to < 0 || (all.basis == "exact") != (n < 50) {
			t.Errorf("%d records: %d requests, said were %d to %d, %s, %v", n, made, all.from, all.to, all.basis, err)
		}
	}
}

// What takes too long to look through has no upper bound.
func TestFiguresOfTheEndless(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	_, server := newFigureArena(t)
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	_, all := explained(t, engine, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT u.id FROM n JOIN okta.user.groups AS u ON u.userId = 'x' || n.i`)
	if all.basis == "exact" || all.to >= 0 {
		t.Errorf("%+v", all)
	}
}

// Orgs are counted one by one.
func TestFiguresOfSeveralOrgs(t *testing.T) {
	engine, _, _ := twoOrgs(t, whoql.Options{})
	for _, sql := range []string{
		`SELECT id FROM okta.user.users WHERE subdomain IN ('one', 'two')`,
		`SELECT id FROM okta.user.users WHERE subdomain IN ('one', 'two') AND id = 'x'`,
		`SELECT u.id, g.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id AND g.subdomain = u.subdomain WHERE u.subdomain IN ('one', 'two')`,
	} {
		for _, counted := range []bool{false, true} {
			_, all := explained(t, engine, sql)
			made, err := cost(context.Background(), engine, sql)
			if err != nil || !all.holds(made) || counted && all.to < 0 {
				t.Errorf("%d requests, said were %d to %d, %s, %v\n%s", made, all.from, all.to, all.basis, err, sql)
			}
		}
	}
}

// A long list takes a few calls more than it has pages.
func TestFiguresOfLongLists(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5000, Seed: 5})
	for _, o := range []whoql.Options{{}, {Cursors: 1}} {
		o.Assume = map[string]int64{"okta.user.users": 5000}
		engine := connect(t, server, okta.Options{}, o)
		for _, sql := range []string{`SELECT id FROM okta.user.users`, `SELECT id FROM okta.user.users WHERE status = 'ACTIVE'`, `SELECT id FROM okta.user.users LIMIT 3000`} {
			_, all := explained(t, engine, sql)
			made, err := cost(context.Background(), engine, sql)
			if err != nil || !all.holds(made) || all.to < 0 || all.to > 2*made {
				t.Errorf("%d requests, said were %d to %d, %s, %v\n%s", made, all.from, all.to, all.basis, err, sql)
			}
		}
	}
}

// The same for any SELECT.
func TestFiguresOfRandom(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 210, Seed: 9})
	users, groups := people(t, server.Org), listed(t, server, "/api/v1/groups", "", "")
	engine := connect(t, server, okta.Options{}, whoql.Options{Assume: map[string]int64{"okta.user.users": 210, "okta.group.groups": int64(len(groups))}})
	seeds, exact, bounded := uint64(200), 0, 0
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 11)), users: users[:20], groups: groups}
		sql := w.query()
		if strings.Contains(sql, "CROSS JOIN") || strings.Contains(sql, " OR ") && strings.Contains(sql, "JOIN") {
			continue // which take long
		}
		_, all := explained(t, engine, sql)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		made, err := cost(ctx, engine, sql)
		cancel()
		if err != nil {
			continue // it takes long, or is one of those of FuzzSelect that may fail
		}
		if !all.holds(made) {
			t.Errorf("seed %d: %d requests, said were %d to %d, %s\n%s", seed, made, all.from, all.to, all.basis, sql)
		}
		if all.basis == "exact" {
			exact++
		} else if all.to >= 0 {
			bounded++
		}
	}
	t.Logf("%d statements: %d exact, %d with an upper bound", seeds, exact, bounded)
	if exact == 0 || bounded < int(seeds)/5 {
		t.Errorf("%d statements: %d exact, %d with an upper bound", seeds, exact, bounded)
	}
}

// What EXPLAIN says is held against the requests that are made.
func TestFigures(t *testing.T) {
	a, server := newFigureArena(t)
	for _, c := range figureCases {
		t.Run(c.name, func(t *testing.T) {
			sql := a.expand(t, c.sql)
			for _, known := range []string{"nothing", "assumed", "remembered"} {
				o := whoql.Options{}
				if known == "assumed" {
					o.Assume = map[string]int64{"okta.user.users": 1050, "okta.group.groups": int64(len(a.groups))}
				}
				engine := connect(t, server, okta.Options{}, o)
				if known == "remembered" {
					if _, err := run(context.Background(), engine, `SELECT count(*) FROM okta.user.users; SELECT count(*) FROM okta.group.groups`, nil); err != nil {
						t.Fatal(err)
					}
				}
				_, all := explained(t, engine, sql)
				made, err := cost(context.Background(), engine, sql)
				if err != nil {
					t.Fatal(err)
				}
				if !all.holds(made) {
					t.Errorf("%s known: %d requests, said were %d to %d, %s\n%s", known, made, all.from, all.to, all.basis, sql)
				}
				exact := all.basis == "exact"
				if exact != c.exact {
					t.Errorf("%s known: the basis is %q\n%s", known, all.basis, sql)
				}
				if known != "nothing" && !c.open && (all.to < 0 || all.to > max(10*made, c.most)) {
					t.Errorf("%s known: %d requests, said were %d to %d: that says nothing\n%s", known, made, all.from, all.to, sql)
				}
				if !exact && known == "assumed" && strings.Contains(all.basis, "not known") && !c.open {
					t.Errorf("assumed: %s", all.basis)
				}
			}
		})
	}
}

func newFigureArena(t *testing.T) (*arena, *oktatest.Server) {
	server := oktatest.Start(t, sixPages)
	a := &arena{users: people(t, server.Org)}
	a.groups = listed(t, server, "/api/v1/groups", "", "")
	return a, server
}

var figureCases = []struct {
	name, sql string
	exact     bool
	open      bool  // there is no upper bound, whatever is known
	most      int64 // the upper bound may be so high although it isn't reached
}{
	{name: "a full scan", sql: `SELECT id FROM okta.user.users`},
	{name: "a count", sql: `SELECT status, count(*) FROM okta.user.users GROUP BY status`},
	{name: "limit 0", sql: `SELECT id FROM okta.user.users LIMIT 0`, exact: true},
	{name: "limit 10", sql: `SELECT id FROM okta.user.users LIMIT 10`, exact: true},
	{name: "limit 200", sql: `SELECT id FROM okta.user.users LIMIT 150 OFFSET 50`, exact: true},
	{name: "limit 250", sql: `SELECT id FROM okta.user.users LIMIT 250`},
	{name: "limit of what is checked here", sql: `SELECT id FROM okta.user.users WHERE passwordChanged < '2100' LIMIT 10`, most: 12},
	{name: "a key", sql: `SELECT login FROM okta.user.users WHERE id = {id:900}`, exact: true},
	{name: "a login", sql: `SELECT id FROM okta.user.users WHERE login = {login:9}`, exact: true},
	{name: "a short name", sql: `SELECT id FROM okta.user.users WHERE login = 'nobody'`, most: 2},
	{name: "three keys", sql: `SELECT login FROM okta.user.users WHERE id IN ({id:1}, {id:5}, {id:5}, 'x', NULL)`, exact: true},
	{name: "25 keys", sql: `SELECT login FROM okta.user.users WHERE id IN ({id:100-124})`, exact: true},
	{name: "500 keys", sql: `SELECT login FROM okta.user.users WHERE id IN ({id:100-599})`, exact: true},
	{name: "no key", sql: `SELECT login FROM okta.user.users WHERE id = ''`, exact: true},
	{name: "a contradiction", sql: `SELECT login FROM okta.user.users WHERE 1 = 0`, exact: true},
	{name: "a status", sql: `SELECT id FROM okta.user.users WHERE status = 'ACTIVE'`},
	{name: "an attribute", sql: `SELECT id FROM okta.user.users WHERE department = 'IT'`, most: 12},
	{name: "a range", sql: `SELECT id FROM okta.user.users WHERE created > '2026-01-01'`, most: 12},
	{name: "an order", sql: `SELECT id FROM okta.user.users ORDER BY created DESC LIMIT 10`, exact: true},
	{name: "an order of a status", sql: `SELECT id FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY created LIMIT 10`, most: 10},
	{name: "an order that moves", sql: `SELECT id FROM okta.user.users ORDER BY lastUpdated LIMIT 5 OFFSET 5`, exact: true},
	{name: "an order that is SQLite's", sql: `SELECT id FROM okta.user.users ORDER BY login LIMIT 5`},
	{name: "q", sql: `SELECT id FROM okta.user.users WHERE q = 'oliv'`, exact: true},
	{name: "small pages", sql: `SELECT id FROM okta.user.users WHERE "limit" = 100`},
	{name: "a group", sql: `SELECT id FROM okta.group.groups WHERE groupId = {group:3}`, exact: true},
	{name: "groups", sql: `SELECT name FROM okta.group.groups`, most: 2},
	{name: "members", sql: `SELECT login FROM okta.group.users WHERE groupId = {group:0}`},
	{name: "members of three groups", sql: `SELECT login FROM okta.group.users WHERE groupId IN ({group:0-2})`},
	{name: "a member", sql: `SELECT login FROM okta.group.users WHERE groupId = {group:0} LIMIT 1`, exact: true},
	{name: "members of all groups", sql: `SELECT g.name, count(*) FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id GROUP BY 1`},
	{name: "groups of all users", sql: `SELECT u.login, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id`},
	{name: "groups of some users", sql: `SELECT u.login, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.status = 'SUSPENDED'`, most: 2000},
	{name: "groups of users, one row", sql: `SELECT u.login, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id LIMIT 1`, most: 2000},
	{name: "groups of a user", sql: `SELECT name FROM okta.user.groups WHERE userId = {id:3}`},
	{name: "members by id", sql: `SELECT u.login FROM okta.group.users AS m JOIN okta.user.users AS u ON u.id = m.id WHERE m.groupId = {group:0}`, most: 3000},
	{name: "a few by key", sql: `SELECT o.login FROM (VALUES ({id:3}), ({id:4}), ({id:3}), (NULL), ('')) AS v JOIN okta.user.users AS o ON o.id = v.column1`, exact: true},
	{name: "managers", sql: `SELECT count(*) FROM okta.user.users AS u JOIN okta.user.users AS m ON m.employeeNumber = u.managerId`, most: 12},
	{name: "everybody by id", sql: `SELECT count(*) FROM okta.user.users AS u JOIN okta.user.users AS o ON o.id = u.id`, most: 3000},
	{name: "keys of a subquery", sql: `SELECT login FROM okta.user.users WHERE id IN (SELECT id FROM okta.group.users WHERE groupId = {group:2})`, open: true},
	{name: "groups of a subquery", sql: `SELECT login FROM okta.group.users WHERE groupId IN (SELECT id FROM okta.group.groups WHERE name > 'M')`, open: true},
	{name: "exists", sql: `SELECT EXISTS (SELECT 1 FROM okta.user.users)`, exact: true},
	{name: "a scalar subquery", sql: `SELECT login, (SELECT count(*) FROM okta.user.groups AS g WHERE g.userId = u.id) FROM okta.user.users AS u WHERE u.id = {id:7}`, most: 3},
	{name: "a union", sql: `SELECT login FROM okta.user.users WHERE id = {id:7} UNION ALL SELECT name FROM okta.group.groups`, most: 3},
	{name: "an or", sql: `SELECT login FROM okta.user.users WHERE id = {id:7} OR login = {login:8}`, exact: true},
	{name: "an or with a limit", sql: `SELECT login FROM okta.user.users WHERE id = {id:7} OR login = {login:8} LIMIT 1`},
	{name: "a union with a limit", sql: `SELECT login FROM okta.user.users WHERE id = {id:7} UNION ALL SELECT login FROM okta.user.users WHERE id = {id:8} LIMIT 1`},
	{name: "a cte", sql: `WITH t(x) AS (SELECT id FROM okta.group.groups WHERE name IN ('IT', 'Legal')) SELECT groupId, login FROM t JOIN okta.group.users ON groupId = x`, most: 200},
	{name: "no table", sql: `VALUES (1)`, exact: true},
}

// What costs a call for each row is said so.
func TestFiguresWarn(t *testing.T) {
	a, server := newFigureArena(t)
	engine := connect(t, server, okta.Options{}, whoql.Options{Assume: map[string]int64{"okta.user.users": 100_000}})
	for _, c := range []struct{ sql, want string }{
		{`SELECT login FROM okta.user.users`, ""},
		{`SELECT u.login, g.name FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id`, "a call for each new value that a row of okta.user.users u has, up to 100000"},
		{`SELECT m.login FROM okta.user.users AS u JOIN okta.user.users AS m ON m.employeeNumber = u.managerId`, ""},
		{`SELECT m.login FROM okta.user.users AS u LEFT JOIN okta.user.users AS m ON m.login = u.managerId`, "a call for each new value that a row of okta.user.users u has, up to 100000"},
	} {
		tables, _ := explained(t, engine, a.expand(t, c.sql))
		var got []string
		for _, f := range tables {
			if f.warning != "" {
				got = append(got, f.warning)
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q", c.sql, got)
		}
	}
}

// What is remembered of an org says when it was counted, and outlives the engine.
func TestFiguresRemembered(t *testing.T) {
	_, server := newFigureArena(t)
	kept := &sizes{}
	first := connect(t, server, okta.Options{}, whoql.Options{Sizes: kept})
	for _, sql := range []string{`SELECT id FROM okta.user.users LIMIT 1050`, `SELECT id FROM okta.user.users WHERE status = 'ACTIVE'`, `SELECT id FROM okta.group.users WHERE groupId = 'x'`} {
		if _, err := run(context.Background(), first, sql, nil); err != nil {
			t.Fatal(err)
		}
		if len(kept.texts) > 0 {
			t.Fatalf("%s: %q", sql, kept.texts)
		}
	}
	if _, err := run(context.Background(), first, `SELECT count(*) FROM okta.user.users`, nil); err != nil {
		t.Fatal(err)
	}
	if len(kept.texts) != 1 || !strings.Contains(kept.texts[0], `"objects":1050`) || strings.Contains(kept.texts[0], server.Token) {
		t.Fatalf("%q", kept.texts)
	}
	_, all := explained(t, connect(t, server, okta.Options{}, whoql.Options{Sizes: kept}), `SELECT id FROM okta.user.users`)
	if all.from != 5 || all.to != 12 || !strings.Contains(all.basis, "okta.user.users had 1050 objects on ") {
		t.Errorf("%+v", all)
	}
	if !slices.ContainsFunc(kept.texts, func(s string) bool { return strings.Contains(s, server.URL) }) {
		t.Errorf("%q", fmt.Sprint(kept.texts))
	}
}

// sizes are kept in memory.
type sizes struct{ texts []string }

func (s *sizes) LoadSizes(string) []byte {
	if len(s.texts) == 0 {
		return nil
	}
	return []byte(s.texts[len(s.texts)-1])
}

func (s *sizes) StoreSizes(_ string, text []byte) { s.texts = append(s.texts, string(text)) }
