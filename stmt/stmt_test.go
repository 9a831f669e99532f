package stmt

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var testNames = Names{
	Provider: func(name string) bool { return strings.EqualFold(name, "okta") },
	Table: func(p, s, r string) (string, string, bool) {
		path := strings.ToLower(p + "." + s + "." + r)
		return path, "did you mean okta.user.users?", path == "okta.user.users" || path == "okta.group.users"
	},
	Columns: func(string) (visible, hidden []string) { return []string{"id", "status"}, []string{"login", "city"} },
	Binding: func(path, column string) Binding {
		switch strings.ToLower(column) {
		case "q", "search", "filter", "limit":
			return ByEqual
		case "subdomain":
			return ByEqualOrIn
		}
		return Free
	},
}

func one(t *testing.T, text string) Statement {
	t.Helper()
	stmts, err := Split(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(stmts) != 1 {
		t.Fatalf("%q split into %d statements, want 1", text, len(stmts))
	}
	return stmts[0]
}

func TestSplit(t *testing.T) {
	cases := []struct {
		text string
		want []string
	}{
		{"", nil},
		{" ;; -- only a comment\n; /* ; */", nil},
		{"SELECT 1", []string{"SELECT|SELECT 1"}},
		{"SELECT ';' ; SHOW PROVIDERS;", []string{"SELECT|SELECT ';'", "SHOW|SHOW PROVIDERS"}},
		{"values (1)", []string{"SELECT|values (1)"}},
		{"with a as (select 1) select * from a", []string{"SELECT|with a as (select 1) select * from a"}},
		{"with a as (select 1) delete from b", []string{"DELETE|with a as (select 1) delete from b"}},
		{"explain select 1", []string{"EXPLAIN|explain select 1"}},
		{"explain query plan select 1", []string{"EXPLAIN QUERY PLAN|explain query plan select 1"}},
		{"explain delete from x", []string{"EXPLAIN|explain delete from x"}},
		{"desc okta.user.users", []string{"DESCRIBE|desc okta.user.users"}},
		{"EXEC okta.user.users.suspend @userId = ';'", []string{"EXEC|EXEC okta.user.users.suspend @userId = ';'"}},
		{"select \"a;b\", [c;d], `e;f` -- x;y\n, 1", []string{"SELECT|select \"a;b\", [c;d], `e;f` -- x;y\n, 1"}},
		{"update x set a=1; replace into x values(1); insert into x values(1)", []string{"UPDATE|update x set a=1", "INSERT|replace into x values(1)", "INSERT|insert into x values(1)"}},
		{"pragma user_version", []string{"unknown|pragma user_version"}},
		{"select 'open", []string{"SELECT|select 'open"}},
	}
	for _, c := range cases {
		stmts, err := Split(c.text)
		if err != nil {
			t.Errorf("Split(%q): %v", c.text, err)
			continue
		}
		var got []string
		for _, s := range stmts {
			got = append(got, s.Kind.String()+"|"+s.Text())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("Split(%q)\n got %q\nwant %q", c.text, got, c.want)
		}
	}
	if _, err := Split("SELECT 1;\nSELECT \x00"); err == nil || !strings.HasPrefix(err.Error(), "2:8:") {
		t.Errorf("NUL byte: got %v", err)
	}
}

func TestRewrite(t *testing.T) {
	cases := []struct{ text, want string }{
		{"SELECT id FROM okta.user.users", `SELECT id FROM "okta.user.users"`},
		{"SELECT id FROM OKTA . User.\nUSERS", `SELECT id FROM "okta.user.users"`},
		{"SELECT id FROM okta.\"user\".[users]", `SELECT id FROM "okta.user.users"`},
		{"SELECT 'okta.user.users' AS \"okta.user.users\" -- okta.user.users", `SELECT 'okta.user.users' AS "okta.user.users"`},
		{"SELECT users.id FROM okta.user.users", `SELECT "okta.user.users".id FROM "okta.user.users"`},
		{"SELECT Users.*, [users].id FROM okta.user.users", `SELECT "okta.user.users".*, "okta.user.users".id FROM "okta.user.users"`},
		{"SELECT okta.user.users.id FROM okta.user.users", `SELECT "okta.user.users".id FROM "okta.user.users"`},
		{"SELECT u.id FROM okta.user.users u WHERE users.x = 1", `SELECT u.id FROM "okta.user.users" u WHERE users.x = 1`},
		{"SELECT users.id FROM okta.user.users AS users", `SELECT users.id FROM "okta.user.users" AS users`},
		// a CTE or an alias of that name comes before the short name
		{"WITH users AS (SELECT 1 AS id) SELECT users.id FROM users", `WITH users AS (SELECT 1 AS id) SELECT users.id FROM users`},
		{"SELECT users.id FROM okta.user.users JOIN t users ON 1", `SELECT users.id FROM "okta.user.users" JOIN t users ON 1`},
		// correlated: the inner SELECT sees the outer table
		{"SELECT (SELECT users.id) FROM okta.user.users", `SELECT (SELECT "okta.user.users".id) FROM "okta.user.users"`},
		{"SELECT 1 FROM okta.user.users WHERE EXISTS (SELECT 1 FROM okta.group.users g WHERE g.id = users.id)", `SELECT 1 FROM "okta.user.users" WHERE EXISTS (SELECT 1 FROM "okta.group.users" g WHERE g.id = "okta.user.users".id)`},
		{"SELECT count(*) FROM okta.user.users ORDER BY users.id", `SELECT count(*) FROM "okta.user.users" ORDER BY "okta.user.users".id`},
		{"SELECT * FROM a LEFT JOIN okta.user.users ON users.id = a.id", `SELECT * FROM a LEFT JOIN "okta.user.users" ON "okta.user.users".id = a.id`},
		// a join in parentheses keeps the hidden columns that are named
		{"SELECT u.id FROM okta.user.users u LEFT JOIN (okta.user.users m JOIN okta.group.users ON users.id = m.id) ON m.Login = u.id", `SELECT u.id FROM "okta.user.users" u LEFT JOIN ((SELECT "id", "status", "login" FROM "okta.user.users") m JOIN (SELECT "id", "status", "login" FROM "okta.group.users") AS "okta.group.users" ON "okta.group.users".id = m.id) ON m.Login = u.id`},
		{"SELECT * FROM (okta.user.users m JOIN t)", `SELECT * FROM ("okta.user.users" m JOIN t)`},
		{"SELECT main.t.c FROM main.t", "SELECT main.t.c FROM main.t"},
		{"EXPLAIN SELECT id FROM okta.user.users", `SELECT id FROM "okta.user.users"`},
		{"SELECT id FROM okta.user.users WHERE q = 'x' AND (subdomain) IN ('a','b')", `SELECT id FROM "okta.user.users" WHERE q = 'x' AND (subdomain) IN ('a','b')`},
		{"INSERT INTO okta.user.users (profile) VALUES ('{}')", `INSERT INTO "okta.user.users" (profile) VALUES ('{}')`},
		{"DELETE FROM okta.user.users WHERE id = 'x'", `DELETE FROM "okta.user.users" WHERE id = 'x'`},
	}
	for _, c := range cases {
		s := one(t, c.text)
		q, err := Rewrite(s, testNames)
		if err != nil {
			t.Errorf("Rewrite(%q): %v", c.text, err)
			continue
		}
		if q.SQL != c.want {
			t.Errorf("Rewrite(%q)\n got %s\nwant %s", c.text, q.SQL, c.want)
		}
		if q.Parsed != nil {
			t.Errorf("Rewrite(%q): not parsed: %v", c.text, q.Parsed)
		}
	}
}

// Behind EXPLAIN may stand what can be read or changed; the statement proper is what is left without it.
func TestProper(t *testing.T) {
	for text, want := range map[string]struct {
		kind, of Kind
		proper   string
	}{
		"EXPLAIN DELETE FROM okta.user.users":            {Explain, Delete, "DELETE FROM okta.user.users"},
		"explain exec okta.user.users.suspend @a = 1":    {Explain, Exec, "exec okta.user.users.suspend @a = 1"},
		"EXPLAIN WITH a AS (SELECT 1) SELECT * FROM a":   {Explain, Select, "WITH a AS (SELECT 1) SELECT * FROM a"},
		"EXPLAIN QUERY PLAN SELECT 1":                    {QueryPlan, Select, "SELECT 1"},
		"EXPLAIN QUERY PLAN DELETE FROM okta.user.users": {Unknown, Delete, "EXPLAIN QUERY PLAN DELETE FROM okta.user.users"},
		"EXPLAIN SHOW PROVIDERS":                         {Unknown, Show, "EXPLAIN SHOW PROVIDERS"},
		"UPDATE okta.user.users SET a = 1":               {Update, Update, "UPDATE okta.user.users SET a = 1"},
	} {
		s := one(t, text)
		if s.Kind != want.kind || s.Of != want.of || s.Proper().Text() != want.proper {
			t.Errorf("%s: %s of %s: %s", text, s.Kind, s.Of, s.Proper().Text())
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	const from = "SELECT id FROM okta.user.users "
	cases := []struct{ text, at, msg string }{
		{"SELECT 1 FROM okta.user.user", "okta.user.user", "no such table: okta.user.user"},
		{"SELECT 1 FROM okta.users", "okta.users", "no such table: okta.users"},
		{"SELECT 1 FROM aws.ec2.instances", "aws.ec2", "no such provider: aws"},
		{from + "WHERE q LIKE 'x%'", "q LIKE", "q is a request parameter"},
		{from + "WHERE q = 'a' OR status = 'x'", "q = ", "q is a request parameter"},
		{from + "WHERE NOT (q = 'a')", "q = ", "q is a request parameter"},
		{from + "WHERE q IN ('a', 'b')", "q IN", "q is a request parameter"},
		{from + "u WHERE u.search > 'x'", "u.search", "search is a request parameter"},
		{from + "WHERE users.subdomain <> 'x'", "users.subdomain", "subdomain picks the org"},
		{from + "WHERE subdomain NOT IN ('x')", "subdomain NOT", "subdomain picks the org"},
		{"SELECT 1 FROM t JOIN okta.user.users u ON lower(u.q) = 'x'", "u.q", "q is a request parameter"},
		{from + "GROUP BY subdomain HAVING subdomain LIKE 'x'", "subdomain LIKE", "subdomain picks the org"},
	}
	for _, c := range cases {
		_, err := Rewrite(one(t, c.text), testNames)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Rewrite(%q): got %v, want an *Error", c.text, err)
			continue
		}
		if !strings.HasPrefix(c.text[e.Pos:], c.at) || !strings.Contains(e.Msg, c.msg) {
			t.Errorf("Rewrite(%q): %q at %q, want %q at %q", c.text, e.Msg, c.text[e.Pos:], c.msg, c.at)
		}
	}
}

func TestOffset(t *testing.T) {
	text := "-- é\nSELECT users.id, nope FROM okta.user.users WHERE users.x = 1"
	q, err := Rewrite(one(t, text), testNames)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"SELECT", "nope", "FROM", "WHERE", "= 1"} {
		if got := q.Offset(strings.Index(q.SQL, word)); got != strings.Index(text, word) {
			t.Errorf("Offset of %q: %d, want %d", word, got, strings.Index(text, word))
		}
	}
	e := q.ErrorAt(strings.Index(q.SQL, "nope"), "no such column: nope", "")
	if got := e.Error(); got != "2:18: no such column: nope" {
		t.Error(got)
	}
	if line, off := e.Line(); line[off:off+4] != "nope" {
		t.Errorf("Line: %q at %d", line, off)
	}
}

func TestRewriteOrgs(t *testing.T) {
	text := "SELECT 1 FROM okta.user.users u JOIN okta.user.users ON users.id = u.id WHERE u.subdomain IN ('a', ('b')) AND 'it''s' = users.subdomain AND u.subdomain = :x"
	q, err := Rewrite(one(t, text), testNames)
	if err != nil {
		t.Fatal(err)
	}
	want := []OrgName{{"a", strings.Index(text, "'a'")}, {"b", strings.Index(text, "'b'")}, {"it's", strings.Index(text, "'it")}}
	if !q.BindsOrg || !slices.Equal(q.Orgs, want) {
		t.Errorf("got %v, %v, want %v", q.BindsOrg, q.Orgs, want)
	}
}

func TestShow(t *testing.T) {
	cases := []struct{ text, want string }{
		{"SHOW PROVIDERS", "PROVIDERS false  <nil>"},
		{"show services in okta", "SERVICES false okta <nil>"},
		{"SHOW RESOURCES FROM okta.user LIKE 'u%'", "RESOURCES false okta.user u%"},
		{"SHOW EXTENDED METHODS IN okta.user.users", "METHODS true okta.user.users <nil>"},
		{"SHOW METHODS IN okta.group.users", "METHODS false okta.group.users <nil>"},
	}
	for _, c := range cases {
		s, err := ParseShow(one(t, c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		like := "<nil>"
		if s.Like != nil {
			like = *s.Like
		}
		ext := "false"
		if s.Extended {
			ext = "true"
		}
		if got := strings.Join([]string{s.What, ext, s.In.String(), like}, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
	for _, text := range []string{"SHOW", "SHOW TABLES", "SHOW SERVICES", "SHOW SERVICES IN", "SHOW METHODS IN okta.user", "SHOW PROVIDERS LIKE x", "SHOW PROVIDERS x"} {
		if _, err := ParseShow(one(t, text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestExec(t *testing.T) {
	s, err := ParseExec(one(t, "EXEC okta.user.users.changePassword @userId = '00u', @@json = '{\"a\":1}', @n = (1, 2)"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Method.String() != "okta.user.users.changePassword" || len(s.Args) != 3 || !s.Args[1].Body || s.Args[1].Expr != `'{"a":1}'` || s.Args[2].Expr != "(1, 2)" {
		t.Errorf("%+v", s)
	}
	s, err = ParseExec(one(t, "EXEC okta.user.users.delete @x = 1 FOR SELECT id AS userId FROM okta.user.users"))
	if err != nil || s.For != "SELECT id AS userId FROM okta.user.users" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"EXEC", "EXEC okta.user.users", "EXEC a.b.c.d @x", "EXEC a.b.c.d @x =", "EXEC a.b.c.d @x = 1,", "EXEC a.b.c.d @x = 1, @X = 2", "EXEC a.b.c.d @@js = 1", "EXEC a.b.c.d FOR DELETE", "EXEC a.b.c.d 1"} {
		if _, err := ParseExec(one(t, text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// FuzzSplitRewrite checks that no text makes the front panic, that nothing outside white space,
// comments and semicolons gets lost, and that every position maps into what was typed.
func FuzzSplitRewrite(f *testing.F) {
	for _, s := range []string{
		"SELECT users.id FROM okta.user.users; SHOW METHODS IN okta.user.users",
		"EXEC okta.user.users.suspend @userId = 'x', @@json = '{}' FOR SELECT 1",
		"SELECT 'a;b', \"c;d\", [e;f] FROM okta.user.users u WHERE u.q = (SELECT users.q) -- x",
		"DESCRIBE EXTENDED okta.user.users", "EXPLAIN SELECT 1 FROM okta.user.users;;;",
		"WITH users AS (VALUES(1)) SELECT users.* FROM users, (okta.user.users JOIN okta.group.users ON 1)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stmts, err := Split(text)
		if err != nil {
			return
		}
		end := 0
		for _, s := range stmts {
			if s.Start < end || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("statement %d..%d behind %d", s.Start, s.End, end)
			}
			end = s.End
			BoundParams(s)
			switch s.Kind {
			case Show:
				_, _ = ParseShow(s)
			case Describe:
				_, _ = ParseDescribe(s)
			case Exec:
				_, _ = ParseExec(s)
			default:
				q, err := Rewrite(s, testNames)
				if err != nil {
					var e *Error
					if !errors.As(err, &e) || e.Pos < s.Start || e.Pos > s.End {
						t.Fatalf("%v", err)
					}
					_ = e.Error()
					continue
				}
				for i := 0; i <= len(q.SQL); i++ {
					if o := q.Offset(i); o < s.Body || o > s.End {
						t.Fatalf("offset %d of %q maps to %d, outside %d..%d", i, q.SQL, o, s.Body, s.End)
					}
				}
				again := one2(q.SQL)
				if len(again) != 1 {
					t.Fatalf("rewritten text splits into %d: %q", len(again), q.SQL)
				}
			}
		}
	})
}

func one2(text string) []Statement {
	stmts, _ := Split(text)
	return stmts
}
