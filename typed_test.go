package whoql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// newTypedOrg is an org with one user who has a value of each type, and an engine that knows them.
func newTypedOrg(t *testing.T) *whoql.Engine {
	t.Helper()
	server := oktatest.Start(t, oktatest.Options{})
	body := `{"profile":{"login":"dana@acme.example","email":"dana@acme.example","firstName":"Dana","lastName":"Fox",
		"title":"{\"looks\":[\"like JSON\"]}","nickName":"[1]","contractor":true,"floor":1,"fte":0.5,"projects":["a","b"],"badge":"007"}}`
	r, err := http.NewRequest(http.MethodPost, server.URL+"/api/v1/users?activate=false", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "SSWS "+server.Token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, text)
	}
	c := loadCatalog(t)
	users := c.Lookup("okta.user.users")
	for name, typ := range map[string]string{"contractor": "boolean", "floor": "integer", "fte": "number", "projects": "array", "badge": "string"} {
		if users.Column(name) == nil {
			users.Columns = append(users.Columns, &catalog.Column{Name: name, Kind: catalog.KindAttribute, Type: typ, Path: []string{"profile", name}})
		}
	}
	return connect(t, server, okta.Options{}, whoql.Options{Catalog: c})
}

// spelled is the type of a value and its JSON.
func spelled(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var compact bytes.Buffer
	json.Compact(&compact, text)
	if _, ok := v.(json.RawMessage); ok {
		return "JSON " + compact.String()
	}
	return fmt.Sprintf("%T %s", v, compact.String())
}

// spelledRows runs a statement and spells its rows.
func spelledRows(engine *whoql.Engine, sql string) (out []string, err error) {
	rows, err := engine.Query(context.Background(), sql, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResult() {
		out = nil // of several results, the last
		for rows.Next() {
			var cells []string
			for _, v := range rows.Values() {
				cells = append(cells, spelled(v))
			}
			out = append(out, strings.Join(cells, ", "))
		}
	}
	return out, rows.Err()
}

// TestTypesEverywhere gives each value through each form of a SELECT that moves rows about: it must be the
// same value of the same type as without.
func TestTypesEverywhere(t *testing.T) {
	engine := newTypedOrg(t)
	values := []struct{ sql, want string }{
		{"u.contractor", "bool true"},
		{"u.projects", `JSON ["a","b"]`},
		{"u.type", `JSON {"id":"`}, // and so on: ids differ
		{"u.floor", "int64 1"},
		{"u.fte", "float64 0.5"},
		{"u.badge", `string "007"`},
		{"u.title", `string "{\"looks\":[\"like JSON\"]}"`},
		{"u.nickName", `string "[1]"`},
		{"u.middleName", "<nil> null"},
		{"coalesce(u.contractor, FALSE)", "bool true"},
		{"max(u.contractor, u.contractor)", "bool true"},
		{"CASE WHEN u.floor = 1 THEN u.projects ELSE NULL END", `JSON ["a","b"]`},
		{"iif(u.floor = 1, u.contractor, NULL)", "bool true"},
		{"(SELECT v.projects FROM okta.user.users v WHERE v.id = u.id)", `JSON ["a","b"]`},
		{"+(u.contractor)", "bool true"},
		{"nullif(u.projects, '')", `JSON ["a","b"]`},
		{"json_object('a', u.badge)", `JSON {"a":"007"}`},
		{"json_array(u.floor)", "JSON [1]"},
		{"json('true')", "JSON true"},
		{"u.profile -> 'firstName'", `JSON "Dana"`},
		{"u.profile -> 'projects'", `JSON ["a","b"]`},
		{"u.profile ->> 'firstName'", `string "Dana"`},
		{"u.profile ->> 'contractor'", "int64 1"},
		{"u.profile ->> 'projects'", `string "[\"a\",\"b\"]"`},
		{"u.profile ->> 'title'", `string "{\"looks\":[\"like JSON\"]}"`},
		{"json_extract(u.profile, '$.projects')", `JSON ["a","b"]`},
		{"json_extract(u.profile, '$.firstName')", `string "Dana"`},
		{"json_extract(u.profile, '$.contractor')", "int64 1"},
		{"json_extract(u.profile, '$.firstName', '$.floor')", `JSON ["Dana",1]`},
		// What mixes is SQL's own: nothing says which of the values were what.
		{"coalesce(u.contractor, 0)", "int64 1"},
		{"coalesce(u.projects, u.title)", `string "[\"a\",\"b\"]"`},
		{"u.floor = 1", "int64 1"},
		{"NOT u.contractor", "int64 0"},
		{"u.contractor + 0", "int64 1"},
		{"u.projects || ''", `string "[\"a\",\"b\"]"`},
		{"upper(u.type)", `string "{\"ID\":\"`},
		{"TRUE", "bool true"},
		{"NULL", "<nil> null"},
		{"1", "int64 1"},
		{"'{}'", `string "{}"`},
	}
	forms := []string{
		"SELECT %s AS x FROM okta.user.users u",
		"SELECT %s AS x FROM okta.user.users u ORDER BY 1",
		"SELECT %s AS x FROM okta.user.users u ORDER BY u.created DESC",
		"SELECT DISTINCT %s AS x FROM okta.user.users u",
		"SELECT %s AS x FROM okta.user.users u GROUP BY 1",
		"SELECT %s AS x FROM okta.user.users u GROUP BY u.id",
		"SELECT x FROM (SELECT %s AS x FROM okta.user.users u)",
		"SELECT s.* FROM (SELECT %s AS x FROM okta.user.users u ORDER BY u.created LIMIT 5) AS s ORDER BY s.x",
		"WITH c AS (SELECT %s AS x FROM okta.user.users u) SELECT x FROM c",
		"WITH c(x) AS MATERIALIZED (SELECT %s FROM okta.user.users u), d AS (SELECT * FROM c) SELECT d.x FROM d ORDER BY 1",
		"SELECT %s AS x FROM okta.user.users u UNION SELECT NULL WHERE 0",
		"SELECT NULL AS x WHERE 0 UNION ALL SELECT %s FROM okta.user.users u",
		"SELECT x FROM (SELECT %s AS x FROM okta.user.users u UNION SELECT %s FROM okta.user.users u)",
		"SELECT %s AS x FROM okta.user.users u EXCEPT SELECT 'nobody'",
		"SELECT max(x) AS x FROM (SELECT %s AS x FROM okta.user.users u)",
		"SELECT first_value(x) OVER (ORDER BY x) AS x FROM (SELECT %s AS x FROM okta.user.users u)",
		"SELECT (SELECT %s FROM okta.user.users u) AS x",
		"SELECT b.x FROM (SELECT 1 AS n) a LEFT JOIN (SELECT %s AS x FROM okta.user.users u) b",
		"CREATE TEMP VIEW v(x) AS SELECT %s FROM okta.user.users u; SELECT v.x FROM v ORDER BY 1",
		"CREATE TEMP TABLE t AS SELECT %s AS x FROM okta.user.users u; CREATE TEMP VIEW v AS SELECT * FROM temp.t; SELECT x FROM v",
		"WITH RECURSIVE c(n, x) AS (SELECT 1, %s FROM okta.user.users u UNION ALL SELECT n + 1, x FROM c WHERE n < 3) SELECT x FROM c WHERE n = 3",
	}
	for _, v := range values {
		for _, form := range forms {
			sql := strings.ReplaceAll(form, "%s", v.sql)
			rows, err := spelledRows(engine, sql)
			if err != nil {
				if strings.Contains(err.Error(), "GROUP BY") || strings.Contains(err.Error(), "ORDER BY") {
					continue // a literal can't stand there
				}
				t.Errorf("%v\n%s", err, sql)
				continue
			}
			if len(rows) != 1 || !strings.HasPrefix(rows[0], v.want) {
				t.Errorf("got %s, want %s\n%s", rows, v.want, sql)
			}
		}
	}
}

// TestTypesOfSeveral has more than one origin of a column.
func TestTypesOfSeveral(t *testing.T) {
	engine := newTypedOrg(t)
	const users = " FROM okta.user.users"
	for sql, want := range map[string]string{
		// Of a UNION whose SELECTs differ, each value is SQL's own, whichever comes first.
		"SELECT contractor" + users + " UNION ALL SELECT 7":                                     "int64 1; int64 7",
		"SELECT 7 UNION ALL SELECT contractor" + users:                                          "int64 7; int64 1",
		"SELECT contractor" + users + " UNION ALL SELECT floor" + users:                         "int64 1; int64 1",
		"SELECT projects" + users + " UNION ALL SELECT title" + users:                           `string "[\"a\",\"b\"]"; string "{\"looks\":[\"like JSON\"]}"`,
		"SELECT title" + users + " UNION ALL SELECT projects" + users:                           `string "{\"looks\":[\"like JSON\"]}"; string "[\"a\",\"b\"]"`,
		"SELECT projects" + users + " UNION ALL SELECT json_object('a', 1)":                     `JSON ["a","b"]; JSON {"a":1}`,
		"SELECT contractor" + users + " UNION ALL SELECT FALSE":                                 "bool true; bool false",
		"SELECT x FROM (SELECT title AS x" + users + " UNION ALL SELECT projects" + users + ")": `string "{\"looks\":[\"like JSON\"]}"; string "[\"a\",\"b\"]"`,
		"VALUES (TRUE), (FALSE)": "bool true; bool false",
		"VALUES (TRUE), (2)":     "int64 1; int64 2",
		"SELECT projects" + users + " INTERSECT SELECT projects" + users: `JSON ["a","b"]`,
		// A recursive one that turns round and round.
		"WITH RECURSIVE c(n, a, b) AS (SELECT 1, projects, contractor" + users + " UNION ALL SELECT n + 1, b, a FROM c WHERE n < 2) SELECT a FROM c": `string "[\"a\",\"b\"]"; int64 1`,
		// Aggregates that make JSON; what json_each finds.
		"SELECT json_group_array(floor)" + users + " GROUP BY status ORDER BY 1": "JSON [1]",
		"SELECT e.value" + users + ", json_each(projects) e ORDER BY 1":          `string "a"; string "b"`,
		"SELECT e.value FROM json_each('[[1],{}]') e ORDER BY 1":                 `JSON [1]; JSON {}`,
		"SELECT value FROM json_tree('[true]') WHERE atom IS NOT NULL":           "int64 1",
		// What is put into a temporary table later may be anything.
		"CREATE TEMP TABLE t AS SELECT contractor" + users + "; INSERT INTO t VALUES (7); SELECT * FROM t":                                    "int64 1; int64 7",
		"CREATE TEMP TABLE t AS SELECT contractor" + users + "; DROP TABLE t; CREATE TEMP TABLE t AS SELECT 1 AS contractor; SELECT * FROM t": "int64 1",
		"CREATE TEMP VIEW v AS SELECT contractor" + users + " UNION ALL SELECT 7; SELECT * FROM v":                                            "int64 1; int64 7",
		"CREATE TEMP TABLE t(contractor); INSERT INTO t SELECT contractor" + users + "; SELECT contractor FROM t":                             "int64 1",
		// A name is found where SQL finds it.
		"SELECT (SELECT contractor FROM (SELECT 5 AS contractor))" + users:                                                                 "int64 5",
		"SELECT (SELECT contractor FROM (SELECT 5 AS five))" + users:                                                                       "bool true",
		"WITH c AS (SELECT 1 AS contractor) SELECT contractor FROM c":                                                                      "int64 1",
		"WITH c AS (SELECT contractor AS a, floor AS contractor" + users + ") SELECT contractor, a FROM c":                                 "int64 1, bool true",
		"SELECT users.contractor, u.contractor" + users + " JOIN (SELECT 3 AS contractor) u":                                               "bool true, int64 3",
		"SELECT * FROM (SELECT contractor, projects" + users + ") ORDER BY 1":                                                              `bool true, JSON ["a","b"]`,
		"SELECT a.contractor FROM okta.user.users a JOIN okta.user.users b USING (id) ORDER BY 1":                                          "bool true",
		"SELECT * FROM (SELECT contractor, id" + users + ") a NATURAL JOIN (SELECT contractor" + users + ") b WHERE id = '0' OR 1 LIMIT 0": "",
	} {
		rows, err := spelledRows(engine, sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		if s := strings.Join(rows, "; "); s != want {
			t.Errorf("got %s, want %s\n%s", s, want, sql)
		}
	}
}
