package whoql_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A selectCase is a SELECT over an org, which must give what plain SQLite gives over the same rows
// in an ordinary table, whatever is handed to the API.
//
// {login:3} in it stands for the login of the fourth user as a literal, {id:3-5} for the ids of
// three users with commas between; {group:3} is the id of a group; {short:3} is the login up to the @, {LOGIN:3} and {ID:3} are in
// capitals.
type selectCase struct {
	name string
	sql  string
	// judge is the text for plain SQLite, where it can't be the same; empty: it is.
	judge string
	args  whoql.Args
	// small and middle are true for cases over an org of fewer users, 24 and two pages: joins that
	// compare all with all.
	small, middle bool
	// sorted is true where ORDER BY leaves no choice, so that the order must be the same.
	sorted bool
	// empty is true where there are no rows. All others must have some.
	empty bool
}

// An arena is an org, the engines that read it, and its judge.
type arena struct {
	users   []person
	groups  []person
	judge   *judge
	engines map[string]*whoql.Engine
}

func newArena(t *testing.T, o oktatest.Options) *arena {
	server := oktatest.Start(t, o)
	a := &arena{users: people(t, server.Org)}
	a.judge = newJudge(t, a.users)
	a.engines = map[string]*whoql.Engine{
		"pushed":    connect(t, server, okta.Options{}, whoql.Options{}),
		"no pushes": connect(t, server, okta.Options{}, whoql.Options{NoPushdown: true, NoProjection: true, TempInMemory: true}),
	}
	return a
}

func TestSelect(t *testing.T) {
	big := newArena(t, oktatest.Options{Users: 450, Seed: 5})
	middle := newArena(t, oktatest.Options{Users: 205, Seed: 5})
	small := newArena(t, oktatest.Options{Users: 24, Seed: 1})
	big.check(t)
	seen := map[string]bool{}
	for _, c := range slices.Concat(clauseCases, joinCases, functionCases, keyCases, nameCases, parameterCases) {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			switch {
			case c.small:
				small.run(t, c)
			case c.middle:
				middle.run(t, c)
			default:
				big.run(t, c)
			}
		})
	}
}

// check makes sure that the org has what the cases are about.
func (a *arena) check(t *testing.T) {
	t.Helper()
	has := map[string]bool{}
	for _, p := range a.users {
		has["status "+p.text("status")] = true
		has["an empty text"] = has["an empty text"] || string(p.profile["secondEmail"]) == `""`
		has["null"] = has["null"] || string(p.profile["secondEmail"]) == "null"
		has["a quote"] = has["a quote"] || strings.Contains(p.text("lastName"), "'")
		has["a login with a slash"] = has["a login with a slash"] || strings.Contains(p.text("login"), "/")
		has["a login beyond ASCII"] = has["a login beyond ASCII"] || p.text("login") > "\x7f" || strings.ContainsFunc(p.text("login"), func(c rune) bool { return c > 0x7f })
		has["a login with capitals"] = has["a login with capitals"] || strings.ToLower(p.text("login")) != p.text("login")
	}
	for _, what := range []string{"status STAGED", "status PROVISIONED", "status ACTIVE", "status RECOVERY", "status PASSWORD_EXPIRED",
		"status LOCKED_OUT", "status SUSPENDED", "status DEPROVISIONED", "an empty text", "null", "a quote", "a login with a slash",
		"a login beyond ASCII", "a login with capitals"} {
		if !has[what] {
			t.Errorf("the org has no user with %s: choose another seed", what)
		}
	}
	if len(a.users) <= 400 {
		t.Errorf("the org has %d users, which is less than three pages", len(a.users))
	}
}

func (a *arena) run(t *testing.T, c selectCase) {
	ours, theirs := a.expand(t, c.sql), a.expand(t, c.judge)
	if theirs == "" {
		theirs = ours
	}
	want, err := a.judge.run(theirs, c.args)
	if err != nil {
		t.Fatalf("the judge: %v\n%s", err, theirs)
	}
	if (len(want.rows) == 0) != c.empty {
		t.Errorf("the judge finds %d rows\n%s", len(want.rows), theirs)
	}
	for name, engine := range a.engines {
		got, err := run(context.Background(), engine, ours, c.args)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, ours)
			continue
		}
		if diff := compare(got[0], want, c.sorted); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, ours)
		}
	}
}

var placeholder = regexp.MustCompile(`\{([A-Za-z]+):(\d+)(?:-(\d+))?\}`)

// expand puts the org's values in.
func (a *arena) expand(t *testing.T, sql string) string {
	return placeholder.ReplaceAllStringFunc(sql, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		from, _ := strconv.Atoi(m[2])
		to := from
		if m[3] != "" {
			to, _ = strconv.Atoi(m[3])
		}
		var out []string
		rows := a.users
		if m[1] == "group" {
			rows = a.groups
		}
		for _, p := range rows[from : to+1] {
			var v string
			switch m[1] {
			case "group":
				v = p.text("id")
			case "short":
				v, _, _ = strings.Cut(p.text("login"), "@")
			case "LOGIN", "ID":
				v = strings.ToUpper(p.text(strings.ToLower(m[1])))
			default:
				v = p.text(m[1])
			}
			if v == "" {
				t.Errorf("%s is nothing", found)
			}
			out = append(out, literal(v))
		}
		return strings.Join(out, ", ")
	})
}

// compare says how two results differ; "" if they don't. Without sorted their order doesn't count.
func compare(got, want table, sorted bool) string {
	if !slices.Equal(got.columns, want.columns) {
		return fmt.Sprintf("the columns are %q, want %q", got.columns, want.columns)
	}
	a, b := spell(got), spell(want)
	if !sorted {
		slices.Sort(a)
		slices.Sort(b)
	}
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("%d rows, want %d; missing: %s", len(a), len(b), b[i])
		case i >= len(b):
			return fmt.Sprintf("%d rows, want %d; too many: %s", len(a), len(b), a[i])
		case a[i] != b[i]:
			return fmt.Sprintf("%d rows, want %d; row %d is\n%s\nwant\n%s", len(a), len(b), i, a[i], b[i])
		}
	}
	return ""
}

// spell writes each row so that different values, also of different types, look different.
func spell(t table) []string {
	out := make([]string, len(t.rows))
	for i, row := range t.rows {
		out[i] = fmt.Sprintf("%#v", row)
	}
	return out
}

// A text of several statements gives one result for each.
func TestSelectSeveral(t *testing.T) {
	a := newArena(t, oktatest.Options{Users: 250, Seed: 3})
	statements := []string{
		`SELECT status, count(*) FROM okta.user.users GROUP BY status ORDER BY status`,
		`SELECT id, 'a;b' AS ";" FROM okta.user.users WHERE status = :status ORDER BY id`,
		`VALUES (1, 'x'), (2, :status)`,
		`SELECT id FROM okta.user.users WHERE id = 'nobody'`,
		`WITH a(x) AS (SELECT login FROM okta.user.users) SELECT max(x), min(x) FROM a`,
	}
	args := whoql.Args{"status": "ACTIVE"}
	text := "-- five;\n;" + strings.Join(statements, " ; /* ; */\n") + ";;\n"
	for name, engine := range a.engines {
		got, err := run(context.Background(), engine, text, args)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(statements) {
			t.Fatalf("%s: %d results, want %d", name, len(got), len(statements))
		}
		for i, sql := range statements {
			want, err := a.judge.run(sql, args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := compare(got[i], want, true); diff != "" {
				t.Errorf("%s: %s\n%s", name, diff, sql)
			}
		}
	}
}

// SELECT * gives the 14 fields of the API, in the API's order, and none of the hidden columns.
func TestSelectStar(t *testing.T) {
	a := newArena(t, oktatest.Options{Users: 250, Seed: 3})
	fields := []string{"id", "status", "created", "activated", "statusChanged", "lastLogin", "lastUpdated", "passwordChanged", "type",
		"profile", "credentials", "transitioningToStatus", "_embedded", "_links"}
	compared := fields[:12]
	for name, engine := range a.engines {
		for _, sql := range []string{
			`SELECT * FROM okta.user.users ORDER BY id`,
			`SELECT users.* FROM okta.user.users ORDER BY id`,
			`SELECT u.* FROM okta.user.users AS u WHERE u.id IN (SELECT userId FROM okta.user.users) ORDER BY u.id`,
			`SELECT * FROM (SELECT * FROM okta.user.users) ORDER BY id`,
		} {
			got, err := run(context.Background(), engine, sql, nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, sql)
				continue
			}
			if !slices.Equal(got[0].columns, fields) {
				t.Errorf("%s: the columns are %q\n%s", name, got[0].columns, sql)
				continue
			}
			want, err := a.judge.run(`SELECT `+strings.Join(compared, ", ")+` FROM okta.user.users ORDER BY id`, nil)
			if err != nil {
				t.Fatal(err)
			}
			got[0].columns = got[0].columns[:len(compared)]
			for i := range got[0].rows {
				got[0].rows[i] = got[0].rows[i][:len(compared)]
			}
			if diff := compare(got[0], want, true); diff != "" {
				t.Errorf("%s: %s\n%s", name, diff, sql)
			}
		}
	}
}
