package stmt

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
)

func wantedColumns(string) []string { return []string{"subdomain", "id"} }

// taken is a change and the texts of its SELECTs, as SQLite gets them.
func taken(t *testing.T, text string) (c *Change, rows, constants, returning string) {
	t.Helper()
	c, err := ParseChange(one(t, text), testNames, wantedColumns)
	if err != nil {
		t.Fatalf("ParseChange(%q): %v", text, err)
	}
	rewritten := func(s Statement) string {
		if s.Source == "" {
			return ""
		}
		q, err := Rewrite(s, testNames)
		if err != nil {
			t.Fatalf("Rewrite of %q: %v", text, err)
		}
		if q.Parsed != nil {
			t.Errorf("%q becomes %s: %v", text, q.SQL, q.Parsed)
		}
		return q.SQL
	}
	return c, rewritten(c.Rows), rewritten(c.Constants), rewritten(c.Returning)
}

func TestParseChange(t *testing.T) {
	const users = `"okta.user.users"`
	cases := []struct{ text, set, rows, constants, returning string }{
		{text: "DELETE FROM okta.user.users WHERE status = 'DEPROVISIONED'",
			rows: ` SELECT ` + users + `."subdomain", ` + users + `."id" FROM ` + users + ` WHERE status = 'DEPROVISIONED'`},
		{text: "DELETE FROM okta.user.users AS u WHERE u.id = '1' RETURNING id, u.login",
			rows:      ` SELECT "u"."subdomain", "u"."id" FROM ` + users + ` AS "u" WHERE u.id = '1'`,
			returning: `SELECT id, u.login FROM ` + users + ` AS "u"`},
		{text: "UPDATE okta.user.users SET department = 'IT', manager = NULL -- gone\n WHERE users.id = '1'", set: "department manager",
			rows: ` SELECT ` + users + `."subdomain", ` + users + `."id", ('IT'), (NULL) FROM ` + users + " -- gone\n WHERE " + users + `.id = '1'`},
		{text: "update Okta.User.Users set a = (select max(x) from t), \"b c\" = lower(city)||'x' returning *", set: "a b c",
			rows:      ` SELECT ` + users + `."subdomain", ` + users + `."id", ((select max(x) from t)), (lower(city)||'x') FROM ` + users,
			returning: `SELECT * FROM ` + users},
		{text: "UPDATE okta.user.users SET department = hr.dept FROM hr LEFT JOIN x ON x.id = hr.id WHERE hr.login = users.login", set: "department",
			rows: ` SELECT ` + users + `."subdomain", ` + users + `."id", (hr.dept) FROM ` + users + `, hr LEFT JOIN x ON x.id = hr.id WHERE hr.login = ` + users + `.login`},
		{text: "DELETE FROM okta.user.users WHERE city = 'x' ORDER BY created LIMIT 5",
			rows: ` SELECT ` + users + `."subdomain", ` + users + `."id" FROM ` + users + ` WHERE city = 'x' ORDER BY created LIMIT 5`},
		{text: "WITH h AS (SELECT 1 AS a) UPDATE okta.user.users SET city = h.a FROM h WHERE id = h.a RETURNING id", set: "city",
			rows:      `WITH h AS (SELECT 1 AS a) SELECT ` + users + `."subdomain", ` + users + `."id", (h.a) FROM ` + users + `, h WHERE id = h.a`,
			returning: `WITH h AS (SELECT 1 AS a) SELECT id FROM ` + users},
		{text: "INSERT INTO okta.user.users (login, email) VALUES ('a', 'b'), ('c', json_object('x', 1)) RETURNING id", set: "login email",
			rows: `VALUES ('a', 'b'), ('c', json_object('x', 1))`, returning: `SELECT id FROM ` + users},
		{text: "INSERT INTO okta.user.users (data__profile) SELECT p FROM okta.group.users WHERE users.id = 1", set: "data__profile",
			rows: `SELECT p FROM "okta.group.users" WHERE "okta.group.users".id = 1`},
		{text: "WITH a AS (SELECT 1) INSERT INTO okta.user.users (login) SELECT * FROM a RETURNING login", set: "login",
			rows: `WITH a AS (SELECT 1) SELECT * FROM a`, returning: `WITH a AS (SELECT 1) SELECT login FROM ` + users},
		{text: "EXEC okta.user.users.suspend @userId = '00u1', @subdomain = 'acme'", set: "userId subdomain", rows: `SELECT ('00u1'), ('acme')`},
		{text: `EXECUTE okta.user.users.x @userId='1', @sendEmail=false @@json='{"a": "@b, FOR"}'`, set: "userId sendEmail json",
			rows: `SELECT ('1'), (false), ('{"a": "@b, FOR"}')`},
		{text: "EXEC okta.user.users.suspend FOR SELECT id AS userId FROM okta.user.users WHERE users.city = 'x'",
			rows: `SELECT id AS userId FROM ` + users + ` WHERE ` + users + `.city = 'x'`},
		{text: "EXEC okta.user.users.x @sendEmail = (1 = 1), @a = 'FOR' FOR VALUES (1)", set: "sendEmail a",
			rows: `VALUES (1)`, constants: `SELECT ((1 = 1)), ('FOR')`},
		{text: "EXEC okta.user.users.suspend @userId = ('RETURNING') RETURNING id, upper(:x)", set: "userId",
			rows: `SELECT (('RETURNING'))`, returning: `SELECT id, upper(:x) FROM ` + users},
		{text: "EXEC okta.user.users.x @a = 1 FOR SELECT id AS userId FROM okta.user.users WHERE id IN (SELECT 'returning') RETURNING *", set: "a",
			rows: `SELECT id AS userId FROM ` + users + ` WHERE id IN (SELECT 'returning')`, constants: `SELECT (1)`, returning: `SELECT * FROM ` + users},
	}
	for _, c := range cases {
		change, rows, constants, returning := taken(t, c.text)
		var set []string
		for _, s := range change.Set {
			set = append(set, s.Name)
			if at := c.text[s.Pos:]; !strings.HasPrefix(strings.TrimLeft(at, `"@`), s.Name) {
				t.Errorf("%q: %s stands at %q", c.text, s.Name, at)
			}
		}
		if got := strings.Join(set, " "); got != c.set {
			t.Errorf("%q sets %q, want %q", c.text, got, c.set)
		}
		if rows != c.rows || constants != c.constants || returning != c.returning {
			t.Errorf("%q becomes\n rows %s\n want %s\n constants %s\n want %s\n returning %s\n want %s", c.text, rows, c.rows, constants, c.constants, returning, c.returning)
		}
	}
}

// An EXEC's own @names aren't values that somebody must give.
func TestExecBoundParams(t *testing.T) {
	s := one(t, "EXEC okta.user.users.x @userId = :id, @n = lower(:id || $b) @@json='@x' FOR SELECT :c AS a, '@d'")
	var got []string
	for _, p := range BoundParams(s) {
		got = append(got, p.Name)
	}
	if strings.Join(got, " ") != "id b c" {
		t.Errorf("got %v", got)
	}
}

// What WHERE says of the table to change decides whether a change is of one user named by a key.
func TestFixed(t *testing.T) {
	const from = "UPDATE okta.user.users SET city = 'x' FROM "
	cases := []struct{ text, want string }{
		{"id = '1'", "[id]"},
		{"'1' = users.id AND (status = :s)", "[id status]"},
		{`"ID" = '1' AND [login] = 'a' AND "okta.user.users".status = 'x'`, "[ID login status]"},
		{"u.id = '1'", "[]"},
		{"id = '1' OR id = '2'", "[]"},
		{"NOT id = '1'", "[]"},
		{"id = '1' IS true", "[]"},
		{"id = manager", "[]"},
		{"id = id", "[]"},
		{"id = lower('A')", "[]"},
		{`id = "x"`, "[]"},
		{"'id' = '1'", "[]"},
		{"id IN ('1')", "[]"},
		{"id = (SELECT '1')", "[]"},
		{"+id = '1'", "[]"},
		{"(id, login) = ('1', 'a')", "[]"},
		{"EXISTS (SELECT 1 FROM hr WHERE id = '1' AND users.id = '1')", "[]"},
		{"true", "[]"},
		{"DELETE FROM okta.user.users AS u WHERE users.id = '1' AND u.login = 'x'", "[login]"},
		{"DELETE FROM okta.user.users AS hr WHERE hr.id = '1'", "[id]"},
		{"WITH id AS (SELECT 1) DELETE FROM okta.user.users WHERE id = '1'", "[id]"},
		// What another table may be meant by isn't certain to be of the target.
		{from + "hr WHERE id = '1' AND users.login = 'x'", "[login]"},
		{from + "hr WHERE hr.id = '1'", "[]"},
		{from + "hr AS users WHERE users.id = '1'", "[]"},
		{from + `hr AS "USERS" WHERE Users.id = '1'`, "[]"},
		{from + `hr AS "okta.user.users" WHERE "okta.user.users".id = '1'`, "[]"},
		{from + "okta.group.users WHERE users.id = '1'", "[id]"}, // the target stands first
		{from + "okta.group.users AS g WHERE g.id = '1' AND id = '2'", "[]"},
		{from + "okta.user.users AS b WHERE b.id = '1'", "[]"},
		{from + "(SELECT '1' AS id) AS b WHERE id = '1'", "[]"},
		{from + "(SELECT '1' AS id) AS b WHERE b.id = '1' AND users.id = b.id", "[]"},
		{from + "a JOIN b USING (id) WHERE id = '1'", "[]"},
		{from + "a NATURAL JOIN b WHERE id = '1' AND b.id = '1'", "[]"},
		{from + "json_each('[1]') WHERE id = '1'", "[]"},
		{"WITH users AS (SELECT '1' AS id) " + from + "users WHERE users.id = '1'", "[]"},
		{"WITH h AS (SELECT '1' AS id) " + from + "h AS users WHERE users.id = '1'", "[]"},
		{"UPDATE okta.user.users AS u SET city = 'x' FROM hr AS users WHERE users.id = '1'", "[]"},
		{"UPDATE okta.user.users AS u SET city = 'x' FROM hr AS u WHERE u.id = '1'", "[]"},
	}
	for _, c := range cases {
		text := c.text
		if !strings.Contains(text, "DELETE") && !strings.Contains(text, "UPDATE") {
			text = "DELETE FROM okta.user.users WHERE " + text
		}
		change, err := ParseChange(one(t, text), testNames, wantedColumns)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		q, err := Rewrite(change.Rows, testNames)
		if err != nil || q.Parsed != nil {
			t.Fatalf("%s: %v, %v", text, err, q.Parsed)
		}
		if got := fmt.Sprint(q.Fixed); got != c.want || !change.Where {
			t.Errorf("%s: %s, want %s", text, got, c.want)
		}
	}
	if c, _, _, _ := taken(t, "UPDATE okta.user.users SET city = 1"); c.Where {
		t.Error("there is no WHERE")
	}
}

func TestParseChangeRefuses(t *testing.T) {
	cases := []struct{ text, at, msg string }{
		{"DELETE FROM okta.user.people", "okta.user.people", "no such table"},
		{"DELETE FROM hr", "hr", "hr is no table of an org"},
		{"INSERT OR REPLACE INTO okta.user.users (a) VALUES (1)", "INSERT", "an org has no INSERT OR"},
		{"REPLACE INTO okta.user.users (a) VALUES (1)", "REPLACE", "an org has no INSERT OR"},
		{"INSERT INTO okta.user.users (a) VALUES (1) ON CONFLICT DO NOTHING", "okta.user.users", "no ON CONFLICT"},
		{"INSERT INTO okta.user.users VALUES (1)", "okta.user.users", "the columns are missing"},
		{"INSERT INTO okta.user.users DEFAULT VALUES", "okta.user.users", ""},
		{"INSERT INTO okta.user.users (a) DEFAULT VALUES", "okta.user.users", "DEFAULT VALUES is nobody"},
		{"INSERT INTO okta.user.users (a, A) VALUES (1, 2)", "A)", "A is set twice"},
		{"UPDATE okta.user.users SET a = 1, b = 2, a = 3", "a = 3", "a is set twice"},
		{"UPDATE okta.user.users SET (a, b) = (1, 2)", "(a, b)", "several columns"},
		{"UPDATE OR IGNORE okta.user.users SET a = 1", "okta.user.users", "no UPDATE OR"},
		{"UPDATE okta.user.users SET a = max(b)", "max(b)", "max() looks at many rows"},
		{"UPDATE okta.user.users SET a = 1 + count(*)", "count(*)", "count() looks at many rows"},
		{"UPDATE okta.user.users SET a = row_number() OVER ()", "row_number", "looks at many rows"},
		{"UPDATE okta.user.users SET a = 1 FROM b RIGHT JOIN c", "RIGHT", ""},
		{"UPDATE okta.user.users SET a", "", ""},
		{"DELETE FROM okta.user.users WHERE true RETURNING id LIMIT 5", "id", "RETURNING doesn't go together"},
		{"EXEC okta.user.users.x", "", "the parameters are missing"},
		{"EXEC okta.user.users.x @a = 1) , (2", ") , (2", "a ) without its ("},
		{"EXEC okta.user.users.x @a = 1 RETURNING", "", "expected columns behind RETURNING"},
		{"EXEC okta.user.users.x @a = RETURNING id", "RETURNING", "expected a value for @a"},
		{"EXEC okta.user.users.x @a = (1", "", "a ( without its )"},
		{"EXEC okta.user.users.x @a = 1, @A = 2", "@A", "@A is given twice"},
		{"EXEC okta.user.users.x @a = 1 FOR DELETE FROM x", "DELETE", "expected a SELECT"},
	}
	for _, c := range cases {
		_, err := ParseChange(one(t, c.text), testNames, wantedColumns)
		var e *Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%s: %v, want an *Error", c.text, err)
		case !strings.Contains(e.Msg, c.msg):
			t.Errorf("%s: %s, want %s", c.text, e.Msg, c.msg)
		case c.at != "" && !strings.HasPrefix(c.text[e.Pos:], c.at):
			t.Errorf("%s: at %q, want %q", c.text, c.text[e.Pos:], c.at)
		}
	}
}

// No text is misread: an UPDATE's SELECT gives exactly the wanted columns and one for each assignment,
// and says nothing that the statement didn't.
func FuzzParseChange(f *testing.F) {
	for _, s := range []string{
		"UPDATE okta.user.users SET a = 'x''y', \"b\" = (SELECT ';') WHERE c = '--' RETURNING id",
		"UPDATE okta.user.users SET a = 1/* , b = 2 */WHERE true",
		"DELETE FROM okta.user.users AS \"ü ö\" WHERE id = @id",
		"WITH x(y) AS (VALUES (1)) INSERT INTO okta.user.users(login,data__profile)SELECT y, '{}' FROM x",
		"EXEC okta.user.users.suspend @userId='a', @@json='{\"x\":\"@y\"}'",
		"EXEC okta.user.users.suspend @userId=:x @@json=(SELECT '') FOR SELECT 1 AS [userId]",
		"INSERT INTO \"okta.user.users\" ([a]) VALUES (CASE WHEN 1 THEN 2 END)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := Split(text)
		if err != nil {
			return
		}
		for _, s := range statements {
			if !s.Kind.Changes() {
				continue
			}
			c, err := ParseChange(s, testNames, wantedColumns)
			var e *Error
			if err != nil {
				if !errors.As(err, &e) || e.Pos < -1 || e.Pos > len(text) {
					t.Fatalf("%q: %#v", text, err)
				}
				continue
			}
			for _, set := range c.Set {
				if set.Pos < s.Start || set.Pos >= s.End || set.ValuePos < s.Start || set.ValuePos >= s.End {
					t.Fatalf("%q: %+v is out of it", text, set)
				}
			}
			checkRows(t, text, c)
		}
	})
}

func checkRows(t *testing.T, text string, c *Change) {
	q, err := Rewrite(c.Rows, testNames)
	if err != nil || q.Parsed != nil {
		if c.Kind == Exec {
			return // its expressions are SQLite's to judge
		}
		var e *Error
		if errors.As(err, &e) {
			return // a request parameter that can't be bound, say
		}
		t.Fatalf("%q can be taken apart, and its rows can't be read: %v", text, q.Parsed)
	}
	stmts, err := parser.ParseString(q.SQL)
	if err != nil || len(stmts) != 1 {
		t.Fatalf("%q becomes %d statements: %s", text, len(stmts), q.SQL)
	}
	sel, ok := stmts[0].(*ast.SelectStmt)
	if !ok {
		t.Fatalf("%q becomes no SELECT: %s", text, q.SQL)
	}
	if c.Kind == Insert || c.For {
		return
	}
	want := len(c.Set)
	if c.Kind != Exec {
		want += len(wantedColumns(c.Table))
	}
	query, ok := sel.Cores[0].(*ast.SelectQuery)
	if !ok || len(sel.Cores) != 1 || len(query.Columns) != want {
		t.Fatalf("%q becomes %s, want %d columns", text, q.SQL, want)
	}
}
