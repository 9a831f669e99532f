package whoql_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// all runs a text to its end and returns its rows, one a line, and its error.
func all(e *whoql.Engine, text string, args whoql.Args) (out string, requests int64, err error) {
	rows, err := e.Query(context.Background(), text, args)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var b strings.Builder
	for more := true; more; more = rows.NextResult() {
		for rows.Next() {
			for i, v := range rows.Values() {
				if i > 0 {
					b.WriteByte('|')
				}
				fmt.Fprint(&b, v)
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), rows.Stats().Requests, rows.Err()
}

func withFiles(t *testing.T, o whoql.Options) (*whoql.Engine, *oktatest.Server) {
	t.Helper()
	server := oktatest.Start(t, oktatest.Options{Users: 450, Seed: 1})
	return connect(t, server, okta.Options{}, o), server
}

func TestTemporaryTables(t *testing.T) {
	engine, _ := withFiles(t, whoql.Options{})
	users, _, err := all(engine, "SELECT count(*), count(DISTINCT status) FROM okta.user.users", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"a table", "CREATE TEMP TABLE t AS SELECT id, status FROM okta.user.users; SELECT count(*), count(DISTINCT status) FROM t", users},
		{"empty at first", "CREATE TEMP TABLE t(id, status); INSERT INTO t SELECT id, status FROM okta.user.users; SELECT count(*), count(DISTINCT status) FROM temp.t", users},
		{"a view", "CREATE TEMP VIEW v AS SELECT users.id, status FROM okta.user.users; SELECT count(*), count(DISTINCT status) FROM v", users},
		{"a view's columns", "CREATE TEMP VIEW v(a, b) AS SELECT id, status FROM okta.user.users; SELECT count(a), count(DISTINCT b) FROM v", users},
		{"a view that picks an org", "CREATE TEMP VIEW v AS SELECT id, status FROM okta.user.users WHERE subdomain = 'sandbox'; SELECT count(*), count(DISTINCT status) FROM v", users},
		{"a view of a table", "CREATE TEMP TABLE t AS SELECT 1 AS x; CREATE TEMP VIEW v AS SELECT x + 1 AS y FROM t; SELECT * FROM v", "2\n"},
		{"joined with itself", "CREATE TEMP TABLE t AS SELECT id FROM okta.user.users; SELECT count(*) = (SELECT count(*) FROM t) FROM t JOIN okta.user.users AS u ON u.id = t.id", "1\n"},
		{"changed", "CREATE TEMP TABLE t(a, b); INSERT INTO t VALUES (1, 2), (3, 4); UPDATE t SET b = 5 WHERE a = 1; DELETE FROM t WHERE a = 3; SELECT * FROM t", "1|5\n"},
		{"replaced", "CREATE TEMP TABLE t(a PRIMARY KEY, b); INSERT INTO t VALUES (1, 2); REPLACE INTO t VALUES (1, 3); INSERT INTO t VALUES (1, 4) ON CONFLICT DO UPDATE SET b = b + excluded.b; SELECT * FROM t", "1|7\n"},
		{"WITH in front", "CREATE TEMP TABLE t(a); WITH x AS (SELECT 7 AS a) INSERT INTO t SELECT a FROM x; WITH x AS (SELECT 7 AS a) UPDATE t SET a = 8 WHERE a IN (SELECT a FROM x); SELECT * FROM t", "8\n"},
		{"an UPDATE from an org", "CREATE TEMP TABLE t AS SELECT login, '' AS s FROM okta.user.users; UPDATE t SET s = (SELECT status FROM okta.user.users AS u WHERE u.login = t.login); SELECT count(*), count(DISTINCT s) FROM t", users},
		{"RETURNING", "CREATE TEMP TABLE t(a); INSERT INTO t VALUES (1), (2) RETURNING a * 2", "2\n4\n"},
		{"dropped and made again", "CREATE TEMP TABLE t AS SELECT 1 AS a; DROP TABLE t; CREATE TEMP TABLE t AS SELECT 2 AS b; SELECT b FROM t; DROP TABLE t; DROP TABLE IF EXISTS t", "2\n"},
		{"made if it is not there", "CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 1 AS a; CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 2 AS b; SELECT a FROM t", "1\n"},
		{"names given twice", "CREATE TEMP TABLE t AS SELECT 1 AS a, 2 AS a, 3; SELECT * FROM t", "1|2|3\n"},
		{"DESCRIBE between", "CREATE TEMP TABLE t AS SELECT 1 AS a; SHOW PROVIDERS; SELECT a FROM t", "okta"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := all(engine, c.text, nil)
			if err != nil || got != c.want && !(c.want == "okta" && strings.HasPrefix(got, "okta") && strings.HasSuffix(got, "\n1\n")) {
				t.Errorf("%s\ngot  %q, %v\nwant %q", c.text, got, err, c.want)
			}
		})
	}
	// The next query knows nothing of them.
	if _, _, err := all(engine, "SELECT * FROM t", nil); err == nil || !strings.Contains(err.Error(), "no such table: t") {
		t.Errorf("a temporary table outlives its query: %v", err)
	}
}

// TestLastStatementWrong: a mistake in the last statement is found before anything is sent, also if the
// statement uses what an earlier one makes.
func TestLastStatementWrong(t *testing.T) {
	engine, server := withFiles(t, whoql.Options{})
	const first = "CREATE TEMP TABLE t AS SELECT id, status FROM okta.user.users; "
	for _, c := range []struct{ text, says string }{
		{first + "SELECT nope FROM t", "1:71: no such column: nope"},
		{first + "SELECT * FROM t; SELECT * FROM s", "no such table: s"},
		{first + "CREATE TEMP TABLE t AS SELECT 1 AS x", "table t already exists"},
		{first + "INSERT INTO t VALUES (1)", "table t has 2 columns but 1 values were supplied"},
		{first + "UPDATE t SET nope = 1", "no such column: nope"},
		{first + "DROP TABLE t; SELECT * FROM t", "no such table: t"},
		{first + "CREATE TEMP VIEW v AS SELECT nope FROM t", "no such column: nope"},
		{first + "CREATE TEMP VIEW v AS SELECT id FROM t; SELECT status FROM v", "no such column: status"},
		{first + "SELECT * FROM t JOIN okta.user.users AS u ON u.id = t.id WHERE u.q LIKE 'x'", "q is a request parameter"},
		{first + "CREATE INDEX i ON t(id)", "not a statement that whoql runs"},
		{first + "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1", "incomplete input"},
		{first + "ALTER TABLE t ADD COLUMN x", "not a statement that whoql runs"},
		{first + "CREATE TABLE u AS SELECT 1 AS x", "it needs a place"},
		{first + "CREATE VIRTUAL TABLE temp.u USING generate_series", "not a statement that whoql runs"},
		{first + "EXPLAIN INSERT INTO t SELECT 1, 2", "EXPLAIN stands before SELECT"},
		{first + "INSERT INTO okta.user.users(id) VALUES ('x')", "INSERT"},
		{first + `DELETE FROM "okta.user.users"`, "DELETE"},
		{first + `DROP TABLE okta.user.users`, "a table of an org can't be dropped"},
		{first + `CREATE TEMP TABLE "okta.user.users" AS SELECT 1 AS x`, "okta.user.users is the name of a table of an org"},
		{first + "BEGIN", "not a statement that whoql runs"},
		{first + "SELECT :x", "the parameter :x has no value"},
	} {
		server.ResetRequests()
		out, requests, err := all(engine, c.text, nil)
		var e *stmt.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s\ngives %q and %v, want %s", c.text, out, err, c.says)
		}
		if n := len(server.Requests()); n != 0 || requests != 0 {
			t.Errorf("%s\nsent %d requests", c.text, n)
		}
	}
}

// TestExplainLocal: EXPLAIN shows the calls of a statement that reads a table made in the same text, and
// makes none.
func TestExplainLocal(t *testing.T) {
	engine, server := withFiles(t, whoql.Options{})
	server.ResetRequests()
	out, _, err := all(engine, "CREATE TEMP TABLE t(login); EXPLAIN SELECT u.id FROM t CROSS JOIN okta.user.users AS u ON u.login = t.login", nil)
	if err != nil || !strings.Contains(out, "okta.user.users u|get (getUser)") {
		t.Errorf("%s, %v", out, err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("EXPLAIN sent %d requests", n)
	}
}

func TestAttach(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b#%41.db")
	if os.PathSeparator == '/' {
		path = filepath.Join(dir, "a b?mode=memory#%41.db")
	}
	write := []whoql.Attachment{{Name: "a", Path: path, Mode: whoql.AttachCreate}}
	engine, _ := withFiles(t, whoql.Options{Attach: write})
	if out, _, err := all(engine, "CREATE TABLE a.t AS SELECT id, login FROM okta.user.users WHERE status = :s; SELECT count(*) > 0 FROM a.t", whoql.Args{"s": "ACTIVE"}); err != nil || out != "1\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the file that was made is %v, %v: others can read it", info, err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// What ends with an error, or is not read to its end, leaves the file as it was.
	broken, server := withFiles(t, whoql.Options{Attach: write})
	same := func(what string) {
		t.Helper()
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s changes the file: %v", what, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s leaves %v, %v", what, entries, err)
		}
	}
	server.Inject(oktatest.Fault{Kind: oktatest.Unauthorized, At: 2, Times: oktatest.Forever})
	if _, _, err := all(broken, "DROP TABLE a.t; CREATE TABLE a.t AS SELECT id FROM okta.user.users", nil); err == nil {
		t.Error("a page that can't be had is no error")
	}
	same("a page that can't be had")
	rows, err := engine.Query(context.Background(), "INSERT INTO a.t SELECT 'x', 'y'; SELECT * FROM a.t", nil)
	if err != nil {
		t.Fatal(err)
	}
	rows.NextResult()
	rows.Next()
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	same("a query that is not read to its end")
	if _, _, err := all(engine, "DROP TABLE a.t; SELECT json('x')", nil); err == nil {
		t.Error("malformed JSON is no error")
	}
	same("an error in the last statement")

	// What is not read has run all the same, once.
	rows, err = engine.Query(context.Background(), "CREATE TEMP TABLE n(i); INSERT INTO n VALUES (1) RETURNING i; INSERT INTO n VALUES (2); SELECT group_concat(i) FROM n", nil)
	if err != nil {
		t.Fatal(err)
	}
	rows.NextResult()
	rows.NextResult()
	for range 2 {
		if rows.Next() {
			t.Errorf("an INSERT gives %v", rows.Values())
		}
	}
	if !rows.NextResult() || !rows.Next() || fmt.Sprint(rows.Values()) != "[1,2]" {
		t.Errorf("%v, %v, want 1,2", rows.Values(), rows.Err())
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}

	// Read only, by default.
	engine, _ = withFiles(t, whoql.Options{Attach: []whoql.Attachment{{Name: "a", Path: path}}})
	for _, text := range []string{"DROP TABLE a.t", "INSERT INTO a.t VALUES ('x', 'y')", "DELETE FROM t", "UPDATE a.t SET id = ''", "CREATE TABLE a.u(x)"} {
		if _, _, err := all(engine, text, nil); err == nil || !strings.Contains(err.Error(), "a is attached for reading only") {
			t.Errorf("%s: %v", text, err)
		}
	}
	same("a file that is attached for reading")
}

func TestAttachErrors(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none.db")
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    whoql.Attachment
		says string
	}{
		{whoql.Attachment{Name: "a", Path: none}, none},
		{whoql.Attachment{Name: "a", Path: none, Mode: whoql.AttachWrite}, none},
		{whoql.Attachment{Name: "a", Path: dir}, "not a regular file"},
		{whoql.Attachment{Name: "a", Path: text}, "not a SQLite file"},
		{whoql.Attachment{Name: "okta", Path: text}, "the name is the provider's"},
		{whoql.Attachment{Name: "MAIN", Path: text}, "the name is SQLite's own"},
		{whoql.Attachment{Name: "select", Path: text}, "the name is a word of SQL"},
		{whoql.Attachment{Name: "a-b", Path: text}, "a name has letters"},
		{whoql.Attachment{Path: text}, "it needs a name"},
	} {
		engine, _ := withFiles(t, whoql.Options{Attach: []whoql.Attachment{c.a}})
		if _, _, err := all(engine, "SELECT 1", nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %s", c.a, err, c.says)
		}
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a file is made that was not asked for")
	}
	// A file that is to be made, and nothing is written to, is not left.
	engine, _ := withFiles(t, whoql.Options{Attach: []whoql.Attachment{{Name: "a", Path: none, Mode: whoql.AttachCreate}}})
	if _, _, err := all(engine, "SELECT 1", nil); err != nil {
		t.Error(err)
	}
	if _, _, err := all(engine, "CREATE TABLE a.t AS SELECT json('x')", nil); err == nil {
		t.Error("malformed JSON is no error")
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("an empty file is left")
	}
}
