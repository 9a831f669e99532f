package whoql_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// types is a resource that the catalogue doesn't have: a list in one answer without pages, whose
// objects can be got by a key and not searched.
const types = `resource: types
description: The user types.
describe: [id, displayName, name, description, default, created, _links]
fields:
  - {name: id, type: string, description: The key., key: true}
  - {name: displayName, type: string, description: What people see.}
  - {name: name, type: string, description: What programs see.}
  - {name: description, type: string, description: What it is for.}
  - {name: created, type: string, description: When it was made.}
  - {name: default, type: boolean, description: Whether new users have it.}
  - {name: _links, type: object, description: URLs.}
hidden:
  - {name: subdomain, kind: org, type: string, description: The org.}
  - {name: typeId, kind: alias, of: id, type: string, description: The key again., key: true}
params:
  - {name: subdomain, in: org, required: true, type: string, description: The org.}
  - {name: typeId, in: path, required: true, type: string, description: The key., reserved: [me]}
methods:
  - name: get
    verb: SELECT
    operation: getUserType
    request: GET /api/v1/meta/types/user/{typeId}
    key: typeId
    description: Reads one.
    params: [typeId, subdomain]
    success: 200
    answer: The type.
    examples: [SELECT 1]
  - name: list
    verb: SELECT
    operation: listUserTypes
    request: GET /api/v1/meta/types/user
    description: Reads all.
    params: [subdomain]
    success: 200
    answer: The types.
    examples: [SELECT 1]
`

// kinds are the same objects below a path with a parameter: the key alone doesn't lead to them.
var kinds = strings.NewReplacer(
	"resource: types", "resource: kinds",
	"types/user", "types/{kind}",
	"hidden:\n", "hidden:\n  - {name: kind, kind: required, path: kind, type: string, description: Of what.}\n",
	"params:\n  - {name: subdomain", "params:\n  - {name: kind, in: path, required: true, type: string, description: Of what.}\n  - {name: subdomain",
	"params: [", "params: [kind, ",
).Replace(types)

// catalogWith is the catalogue with more files.
func catalogWith(t *testing.T, more map[string]string) *catalog.Catalog {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS("catalog"), "okta", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(os.DirFS("catalog"), name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := catalog.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A table is data: what isn't in the binary is read from YAML and queried, with no Go of its own.
func TestATableNeedsNoGo(t *testing.T) {
	c := catalogWith(t, map[string]string{"okta/user/types.yaml": types, "okta/user/kinds.yaml": kinds})
	server := oktatest.Start(t, oktatest.Options{Users: 30, Seed: 5})
	for _, name := range []string{"partner", "robot", "guest"} {
		call(t, server, "POST", "/api/v1/meta/types/user", fmt.Sprintf(`{"name":%q,"displayName":"A %[1]s"}`, name))
	}
	for _, o := range []whoql.Options{{Catalog: c}, {Catalog: c, NoPushdown: true}} {
		engine := connect(t, server, okta.Options{}, o)
		ids, err := column(context.Background(), engine, `SELECT id FROM okta.user.types WHERE name IN ('partner', 'robot') ORDER BY name`)
		if err != nil || len(ids) != 2 {
			t.Fatalf("%q, %v", ids, err)
		}
		many := "'x" + strings.Repeat("', 'x", 25) + "', '" + strings.Join(ids, "', '") + "'"
		for i := range 25 {
			many = strings.Replace(many, "'x'", fmt.Sprintf("'y%d'", i), 1)
		}
		for _, c := range []struct {
			sql      string
			want     string // the rows
			requests int    // with push-down
		}{
			{`SELECT count(*), sum("default") FROM okta.user.types`, `[5 1]`, 1},
			{`SELECT types.name FROM okta.user.types WHERE types.created > '2' AND types.name = 'robot' LIMIT 1`, `[robot]`, 1},
			{`SELECT name, displayName FROM okta.user.types WHERE id = '` + ids[0] + `'`, `[partner A partner]`, 1},
			{`SELECT name FROM okta.user.types WHERE typeId IN ('` + strings.Join(ids, "', '") + `', NULL, 'nothing') ORDER BY name`, `[partner] [robot]`, 3},
			{`SELECT name FROM okta.user.types WHERE id IN ('me', '` + ids[1] + `')`, `[robot]`, 1},
			{`SELECT name FROM okta.user.types WHERE id IN (` + many + `) ORDER BY name`, `[partner] [robot]`, 1},
			{`SELECT t.name, count(*) FROM okta.user.users AS u JOIN okta.user.types AS t ON t.id = u.type->>'id' GROUP BY 1`, `[contractor 1] [user 29]`, 3},
			{`SELECT kind, name FROM okta.user.kinds WHERE kind = 'user' AND name > 'q' ORDER BY name`, `[user robot] [user user]`, 1},
			{`SELECT kind, name FROM okta.user.kinds WHERE kind IN ('user') AND id = '` + ids[0] + `'`, `[user partner]`, 1},
			{`SELECT k.name FROM okta.user.types AS t JOIN okta.user.kinds AS k ON k.id = t.id AND k.kind = 'user' WHERE t.name = 'guest'`, `[guest]`, 6},
			{`SELECT k.name FROM (VALUES ('user', '` + ids[0] + `'), ('user', 'x'), ('', 'x')) AS v JOIN okta.user.kinds AS k ON k.kind = v.column1 AND k.id = v.column2`, `[partner]`, 2},
		} {
			server.ResetRequests()
			got, err := run(context.Background(), engine, c.sql, nil)
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
				continue
			}
			var rows []string
			for _, row := range got[0].rows {
				rows = append(rows, fmt.Sprint(row))
			}
			if text := strings.Join(rows, " "); text != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.sql, text, c.want)
			}
			if n := len(server.Requests()); n != c.requests && !o.NoPushdown {
				t.Errorf("%s: %d requests, want %d: %q", c.sql, n, c.requests, spellRequests(server.Requests()))
			}
		}
		if _, err := run(context.Background(), engine, `SELECT name FROM okta.user.kinds`, nil); err == nil || !strings.Contains(err.Error(), "needs a value for kind") {
			t.Errorf("without a kind: %v", err)
		}
		got, err := run(context.Background(), engine, `DESCRIBE okta.user.types; SHOW METHODS IN okta.user.types; EXPLAIN SELECT 1 FROM okta.user.types`, nil)
		if err != nil || len(got[0].rows) != 7 || len(got[1].rows) != 2 || fmt.Sprint(got[2].rows[0][2]) != "GET /api/v1/meta/types/user (sandbox)" {
			t.Errorf("%v, %v", got, err)
		}
	}
}
