package stmt

import (
	"strings"
	"testing"
)

func TestChanged(t *testing.T) {
	for text, want := range map[string]string{
		"INSERT INTO t VALUES (1)":                                "t",
		"insert or replace into hr.t(a) select 1":                 "hr/t",
		"REPLACE INTO \"a b\" VALUES (1)":                         "a b",
		"INSERT INTO okta.user.users (id) VALUES ('into x')":      "okta/user/users",
		"UPDATE t SET a = 1":                                      "t",
		"UPDATE OR IGNORE hr . t SET a = (SELECT 1 FROM u)":       "hr/t",
		"DELETE FROM [t] WHERE a IN (SELECT 1 FROM u)":            "t",
		"WITH x AS (SELECT 1 FROM y) DELETE FROM t":               "t",
		"WITH x(a) AS (VALUES (1)) INSERT INTO t SELECT a FROM x": "t",
		"WITH x AS (SELECT 1) UPDATE main.t SET a = 1 FROM x":     "main/t",
		"EXPLAIN UPDATE okta.user.users SET a = 1":                "okta/user/users",
		"INSERT":                         "",
		"UPDATE OR":                      "",
		"DELETE FROM":                    "",
		"SELECT 1 FROM t":                "",
		"INSERT INTO /* c */ t -- d\n.u": "t/u",
	} {
		statements, err := Split(text)
		if err != nil || len(statements) != 1 {
			t.Fatal(err)
		}
		name, pos := Changed(statements[0])
		if got := strings.Join(name, "/"); got != want {
			t.Errorf("%s changes %q, want %q", text, got, want)
		}
		if pos < 0 || pos > len(text) || len(name) > 0 && !strings.Contains(text[pos:], name[0]) {
			t.Errorf("%s: the place is %d", text, pos)
		}
	}
}

func TestCreation(t *testing.T) {
	for _, c := range []struct {
		text string
		want *Creation
	}{
		{"CREATE TEMP TABLE t AS SELECT 1 AS x", &Creation{Temp: true, Name: "t", Select: "SELECT 1 AS x", Pos: 23}},
		{"create table if not exists hr.\"a b\"(x)", &Creation{IfNotExists: true, Schema: "hr", Name: "a b"}},
		{"CREATE TEMPORARY VIEW v(a) AS WITH c AS (SELECT 1) SELECT * FROM c", &Creation{Temp: true, View: true, Name: "v", Select: "WITH c AS (SELECT 1) SELECT * FROM c", Pos: 30}},
		{"DROP TABLE IF EXISTS t", nil},
		{"DROP VIEW temp.v", nil},
	} {
		got, err := creation(t, c.text)
		if err != nil || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"CREATE INDEX i ON t(a)", "DROP INDEX i", "CREATE VIRTUAL TABLE t USING x", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1", "CREATE", "DROP", "CREATE TABLE"} {
		if got, err := creation(t, text); err == nil {
			t.Errorf("%s makes %+v", text, got)
		}
	}
}

func creation(t *testing.T, text string) (*Creation, error) {
	t.Helper()
	statements, err := Split(text)
	if err != nil {
		t.Fatal(err)
	}
	if k := statements[0].Kind; k != Create && k != Drop {
		t.Errorf("%s is a %v", text, k)
	}
	q, err := Rewrite(statements[0], testNames)
	if err != nil {
		return nil, err
	}
	return q.Creation()
}
