package catalog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/whoql/whoql/catalog"
)

// A small catalogue, which the tests then break.
const (
	provider = `provider: okta
description: An API.
services:
  - name: user
    description: People.
`
	resource = `resource: users
description: All people.
complete: created pr
describe: [status, id, profile]
fields:
  - name: id
    type: string
    description: The key.
    key: true
  - name: status
    type: string
    description: The state.
    search: status
    push: [eq]
    values: [STAGED, ACTIVE]
  - name: profile
    type: object
    description: The attributes.
hidden:
  - name: subdomain
    kind: org
    type: string
    description: The org.
  - name: userId
    kind: alias
    of: id
    type: string
    description: The key again.
  - name: search
    kind: parameter
    query: search
    type: string
    description: A condition.
attributes:
  profile:
    - name: login
      type: string
      description: The sign-in name.
params:
  - name: userId
    in: path
    required: true
    type: string
    description: The key.
methods:
  - name: get
    verb: SELECT
    operation: getUser
    request: GET /users/{userId}
    key: userId
    description: Reads one.
    params:
      - userId
      - name: subdomain
        in: org
        required: true
        type: string
        description: The org.
      - name: search
        in: query
        type: string
        description: A condition.
    success: 200
    answer: The user.
    examples: [SELECT 1]
  - name: list
    verb: SELECT
    operation: listUsers
    request: GET /users
    page: 200
    description: Reads all.
    params:
      - name: search
        in: query
        type: string
        description: What to find.
      - name: subdomain
        in: org
        type: string
        description: Which org.
    success: 200
    answer: The users.
    examples: [SELECT 2]
  - name: update
    verb: EXEC
    operation: updateUser
    request: POST /users/{userId}
    description: Changes one.
    statuses: [ACTIVE]
    params:
      - userId
      - name: ifMatch
        in: header
        wire: If-Match
        type: string
        description: The version.
    body:
      - name: profile
        type: object
        description: The attributes.
        secret: true
    success: 200
    answer: The user.
    returns: [token]
    secrets: [token]
    examples: [EXEC update]
`
)

func files(provider, resource string) fstest.MapFS {
	return fstest.MapFS{
		"okta/provider.yaml":   {Data: []byte(provider)},
		"okta/user/users.yaml": {Data: []byte(resource)},
	}
}

func TestParse(t *testing.T) {
	c, err := catalog.Parse(files(provider, resource))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Resource("OKTA", "User", "USERS")
	if r == nil || r != c.Lookup("Okta.user.Users") || r.Path() != "okta.user.users" {
		t.Fatalf("got %+v", r)
	}
	var kinds []string
	for _, c := range r.Columns {
		kinds = append(kinds, fmt.Sprintf("%s:%v:%s:%s", c.Name, c.Kind, strings.Join(c.Path, "."), c.Search))
	}
	want := []string{"id:field:id:", "status:field:status:status", "profile:field:profile:", "subdomain:org::",
		"userId:alias:id:", "search:parameter::", "login:attribute:profile.login:profile.login"}
	if !slices.Equal(kinds, want) {
		t.Errorf("columns\ngot  %q\nwant %q", kinds, want)
	}
	update := r.Method("UPDATE")
	if p := update.Params[1]; p.Wire != "If-Match" || p.Required || p.In != "header" {
		t.Errorf("ifMatch is %+v", p)
	}
	if b := update.Body[0]; b.In != "body" || b.Wire != "profile" || !b.Secret {
		t.Errorf("the body field is %+v", b)
	}
	if update.Params[0] != r.Method("get").Params[0] {
		t.Error("the shared parameter is two")
	}
}

// TestParseErrors breaks the small catalogue, each time in one place: old becomes new. What is wanted
// is the text of the line that the error names, and the error.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		// The text.
		{"description: All people.", "description: [", `description: [ | not YAML: did not find expected ',' or ']'`},
		{"    of: id", "    of id", `of id | not YAML: could not find expected ':'`},
		{"description: All people.", "description: All: people.", `description: All: people. | not YAML: mapping values are not allowed in this context`},
		{"  - name: status", "   - name: status", `- name: id | not YAML: did not find expected '-' indicator`},
		{"description: All people.", "description: 5", `description: 5 | resource: description must be text`},
		{"description: All people.", `description: ""`, `description: "" | resource: description must be text`},
		{"description: All people.\n", "", `resource: users | resource: description is missing`},
		{"description: All people.", "descripton: All people.", `descripton: All people. | resource: key "descripton" is not known; did you mean "description"?`},
		{"description: All people.", "description: All.\ndescription: People.", `description: People. | resource: key "description" is there twice`},
		{"description: All people.", "description: &a All.\ncomplete: *a", `complete: *a | resource: complete: aliases are not allowed`},
		{"methods:", "---\nmethods:", `--- | a second document begins; a file has one`},
		{resource, "", ` | file is empty`},
		{resource, "# nothing\n", `# nothing | file is empty`},
		{resource, "- 1\n", `- 1 | resource: must have keys and values`},
		{"resource: users", "resource: user", `resource: user | resource: resource "user" is in okta/user/users.yaml; the two must be the same`},
		// Columns.
		{"    description: The state.\n", "", `- name: status | field "status": description is missing`},
		{"  - name: status\n    type: string", "  - name: status\n    type: text", `type: text | field "status": type "text" is not one of string, object, array, boolean, integer, number`},
		{"  - name: status\n    type: string", "  - name: ID\n    type: string", `- name: ID | field "ID": the name is taken`},
		{"  - name: status\n    type: string", "  - name: the status\n    type: string", `- name: the status | field "the status": name "the status" may have ASCII letters, digits and _ only`},
		{"  - name: userId\n    kind: alias", "  - name: Status\n    kind: alias", `- name: Status | column "Status": the name is taken`},
		{"    - name: login", "    - name: Id", `- name: Id | attribute "Id": the name is taken`},
		{"  profile:\n    - name", "  status:\n    - name", `status: | attributes: key "status" is not known`},
		{"      description: The sign-in name.", "      description: The name.\n      search: login", `search: login | attribute "login": search doesn't belong here`},
		{"    key: true", "    key: yes please", `key: yes please | field "id": key must be true or false`},
		{"    search: status\n", "", `push: [eq] | field "status": push needs search, the attribute's name in the search language`},
		{"push: [eq]", "push: [eq, gt]", `push: [eq, gt] | field "status": push operator "gt" is not one of eq, in, ne, sw, range, pr`},
		{"      description: The sign-in name.", "      description: The name.\n      push: [ne]", `push: [ne] | attribute "login": push operator "ne" needs values, the only ones that there are`},
		{"  - name: status\n    type: string", "  - name: status\n    type: array", `push: [eq] | field "status": push operator "eq" is not for the type array`},
		{"  - name: status\n    type: string", "  - name: status\n    sort: true\n    type: string", `sort: true | field "status": sort needs search, and a resource that has complete and the parameter sortBy`},
		{"  - name: status\n    type: string", "  - name: status\n    moves: true\n    type: string", `moves: true | field "status": moves needs sort`},
		{"push: [eq]", "push: [eq, eq]", `push: [eq, eq] | field "status": push has "eq" twice`},
		{"push: [eq]", "push: []", `push: [] | field "status": push must be a list, and not an empty one`},
		{"push: [eq]", "push: eq", `push: eq | field "status": push must be a list, and not an empty one`},
		{"push: [eq]", "push: [1]", `push: [1] | field "status": push must be a list of texts`},
		{"kind: alias", "kind: field", `kind: field | column "userId": kind "field" is not one of alias, org, parameter, required`},
		{"    of: id", "    of: ident", `of: ident | column "userId": of must name a field`},
		{"    of: id\n", "", `- name: userId | column "userId": of is missing`},
		{"    kind: org", "    kind: org\n    of: id", `of: id | column "subdomain": of doesn't belong here`},
		{"    kind: org", "    kind: org\n    key: true", `key: true | column "subdomain": only what stands in the API's object can be a key`},
		{"    kind: org", "    kind: org\n    search: org", `search: org | column "subdomain": only what stands in the API's object can be searched`},
		{"    query: search\n", "    query: find\n", `query: find | column "search": the method that lists has no query parameter "find"`},
		{"        in: org\n        type: string\n        description: Which org.", "        in: query\n        type: string\n        description: Which org.",
			`kind: org | column "subdomain": the method that lists has no org parameter of this name`},
		{"  - name: userId\n    kind", "  - status\n  - name: userId\n    kind", `- status | column: must have keys and values`},
		// Describe.
		{"[status, id, profile]", "[status, id]", `describe: [status, id] | resource: describe leaves out field "profile"`},
		{"[status, id, profile]", "[status, id, profile, userId]", `describe: [status, id, profile, userId] | resource: describe names "userId", which is no field`},
		{"[status, id, profile]", "[status, Id, profile]", `describe: [status, Id, profile] | resource: describe names "Id", which is no field`},
		{"[status, id, profile]", "[status, id, profile, id]", `describe: [status, id, profile, id] | resource: describe has "id" twice`},
		// Methods and parameters.
		{"  - name: update", "  - name: GET", `- name: GET | method "GET": the name is taken`},
		{"verb: EXEC", "verb: MERGE", `verb: MERGE | method "update": verb "MERGE" is not one of SELECT, INSERT, UPDATE, DELETE, EXEC`},
		{"verb: EXEC", "verb: SELECT", `request: POST /users/{userId} | method "update": SELECT and GET belong together, and only they`},
		{"POST /users/{userId}", "/users/{userId}", `request: /users/{userId} | method "update": request must be an HTTP method and a route, such as GET /api/v1/users`},
		{"POST /users/{userId}", "POST users/{userId}", `request: POST users/{userId} | method "update": route users/{userId}: must begin with /`},
		{"POST /users/{userId}", "POST /users/{userId}?x=1", `request: POST /users/{userId}?x=1 | method "update": route /users/{userId}?x=1: a segment is a name or a {parameter}`},
		{"POST /users/{userId}", "POST /users/../{userId}", `request: POST /users/../{userId} | method "update": route /users/../{userId}: a segment is a name or a {parameter}`},
		{"POST /users/{userId}", "POST /users/{userId}/{userId}", `request: POST /users/{userId}/{userId} | method "update": route /users/{userId}/{userId}: {userId} is there twice`},
		{"POST /users/{userId}", "POST /users/{userId}/{id}", `request: POST /users/{userId}/{id} | method "update": route has {id}, and no parameter of this name is in path`},
		{"POST /users/{userId}", "POST /users", `- userId | method "update": parameter "userId" is in path, and route /users lacks {userId}`},
		{"POST /users/{userId}", "DELETE /users/{userId}", `- name: profile | method "update": DELETE has no body`},
		{"    success: 200\n    answer: The user.\n    returns", "    success: 302\n    answer: The user.\n    returns", `success: 302 | method "update": success must be 200 or 204`},
		{"    success: 200\n    answer: The user.\n    returns", "    success: ok\n    answer: The user.\n    returns", `success: ok | method "update": success must be a whole number`},
		{"    success: 200\n    answer: The user.\n    returns", "    answer: The user.\n    returns", `- name: update | method "update": success is missing`},
		{"    examples: [EXEC update]\n", "", `- name: update | method "update": examples are missing`},
		{"statuses: [ACTIVE]", "statuses: [ACTIV]", `statuses: [ACTIV] | method "update": status "ACTIV" is not one of the values of column status`},
		{"wire: If-Match", "wire: 7", `wire: 7 | method "update": parameter "ifMatch": wire must be text`},
		{"in: header", "in: body", `in: body | method "update": parameter "ifMatch": in "body" is not one of path, query, header, org`},
		{"        in: org\n        required: true\n", "        in: org\n        required: true\n        wire: x\n", `wire: x | method "get": parameter "subdomain": wire doesn't belong here`},
		{"      - name: ifMatch", "      - name: userID", `- userId | method "update": parameter "userID" is there twice`},
		{"        wire: If-Match\n", "        wire: If-Match\n        required: true\n", ""},
		{"      - userId\n      - name: ifMatch", "      - userid\n      - name: ifMatch", `- userid | method "update": parameter "userid" is neither spelled out nor a shared one`},
		{"      - userId\n      - name: subdomain\n        in: org\n        required: true\n", "      - name: subdomain\n        in: org\n",
			`request: GET /users/{userId} | method "get": route has {userId}, and no parameter of this name is in path`},
		{"      - name: subdomain\n        in: org\n        required: true\n        type: string\n        description: The org.\n      - name: search\n        in: query\n",
			"      - name: subdomain\n        in: org\n        type: string\n        description: The org.\n      - name: search\n        in: query\n        required: true\n",
			`- userId | method "get": parameter "search" is required and stands behind "subdomain", which is not`},
		{"      - name: profile\n        type: object", "      - name: userid\n        type: object", `- name: userid | method "update": body field "userid" has the name of a parameter`},
		{"      - name: profile\n        type: object", "      - name: profile\n        in: body\n        type: object", `in: body | body field "profile": in doesn't belong here`},
		{"\nparams:\n  - name", "\nparams:\n  - name: unused\n    in: query\n    type: string\n    description: Nothing.\n  - name", `- name: unused | parameter "unused": no method uses it`},
		// What methods do, and how UPDATE works.
		{"    secrets: [token]\n", "    secrets: [token]\n    witness: eyes\n", `witness: eyes | method "update": witness "eyes" is not one of status, profile, password, created, gone`},
		{"    secrets: [token]\n", "    secrets: [token]\n    undo: revert\n", `undo: revert | method "update": undo "revert" is no method of this resource`},
		{"    secrets: [token]\n", "    secrets: [token]\n    renew: revert\n", `renew: revert | method "update": renew "revert" is no method of this resource`},
		{"    secrets: [token]\n", "    renew: update\n", `renew: update | method "update": renew is for methods that answer with secrets`},
		{"    secrets: [token]\n", "    irreversible: lost\n    undo: update\n", `undo: update | method "update": what is irreversible can't be undone`},
		{"    secrets: [token]\n", "    moves:\n      - {from: [ACTIVE], to: GONE}\n", `- {from: [ACTIVE], to: GONE} | method "update": status "GONE" is not one of the values of column status`},
		{"    secrets: [token]\n", "    moves:\n      - {from: [ACTIVE], to: GONE, if: tall}\n", `- {from: [ACTIVE], to: GONE, if: tall} | method "update": move: if "tall" is not one of with password, without password, new password`},
		{"    secrets: [token]\n", "    moves:\n      - {to: GONE}\n", `- {to: GONE} | method "update": move: from is missing`},
		{"params:\n  - name", "changes: {read: get}\nparams:\n  - name", `changes: {read: get} | changes: update is missing`},
		{"params:\n  - name", "changes: {read: find, update: update}\nparams:\n  - name", `changes: {read: find, update: update} | changes: read is no method of this resource`},
		{"params:\n  - name", "changes: {read: update, update: update}\nparams:\n  - name", `changes: {read: update, update: update} | changes: read must be a GET`},
		{"params:\n  - name", "changes: {read: get, update: update, status: [{to: GONE, from: [ACTIVE], method: update}]}\nparams:\n  - name",
			`changes: {read: get, update: update, status: [{to: GONE, from: [ACTIVE], method: update}]} | status: status "GONE" is not one of the values of column status`},
		// What the engine has to know of reading.
		{"    key: userId\n", "", `request: GET /users/{userId} | method "get": no column of kind required has the path parameter "userId"`},
		{"    key: userId\n", "    key: id\n", `key: id | method "get": route /users/{userId} lacks {id}`},
		{"    key: userId\n", "    key: userId\n    page: 200\n", `page: 200 | method "get": page doesn't belong here`},
		{"    page: 200\n", "    page: 0\n", `page: 0 | method "list": page must be from 1 to 10000`},
		{"    page: 200\n", "    page: 200\n    maxPage: 100\n", `maxPage: 100 | method "list": maxPage is less than page`},
		{"    page: 200\n", "    maxPage: 100\n", `maxPage: 100 | method "list": maxPage doesn't belong here`},
		{"    verb: SELECT\n    operation: listUsers\n    request: GET /users\n    page: 200\n", "    verb: EXEC\n    operation: listUsers\n    request: POST /users\n",
			`- name: get | resource: there is no SELECT method that lists: one without key`},
		{"    statuses: [ACTIVE]\n", "    key: userId\n    statuses: [ACTIVE]\n", `key: userId | method "update": key doesn't belong here`},
		{"    query: search\n", "    query: search\n    needs: sortBy\n", `needs: sortBy | column "search": needs must name other columns of kind parameter`},
		{"    query: search\n", "    query: search\n    without: [search]\n", `without: [search] | column "search": without must name other columns of kind parameter`},
		{"    query: search\n", "    query: search\n    cut: many\n", `cut: many | column "search": cut must be a whole number`},
		{"    of: id\n", "    of: id\n    cut: 5\n", `cut: 5 | column "userId": cut doesn't belong here`},
		{"    kind: parameter\n    query: search\n", "    kind: required\n    path: userId\n", `path: userId | column "search": the method that lists has no path parameter "userId"`},
		{"      - name: search\n        in: query\n        type: string\n        description: What to find.\n", "",
			`complete: created pr | resource: the method that lists has no query parameter "search"`},
		{"complete: created pr\n", "ranges: status\n", `ranges: status | resource: ranges must name a field that can be searched, of a list that has pages and the query parameter sortBy`},
		{"complete: created pr\n", "ranges: created\n", `ranges: created | resource: ranges must name a field that can be searched, of a list that has pages and the query parameter sortBy`},
		{"complete: created pr\n", "like: okta.user.users\n", `like: okta.user.users | resource: like must name a resource that has fields of its own`},
		{"        in: header\n", "        in: header\n        reserved: [x]\n", `reserved: [x] | method "update": parameter "ifMatch": reserved doesn't belong here`},
		// The provider.
		{"provider: okta", "provider: Okta", `provider: Okta | provider: provider "Okta" is in directory "okta"; the two must be the same`},
		{"    description: People.\n", "", `- name: user | service "user": description is missing`},
		{"services:\n", "services:\n  - name: group\n    description: Groups.\n", `- name: group | service "group": okta/group has no resource`},
		{"services:\n", "services:\n  - name: User\n    description: Groups.\n", `- name: user | service "user": the name is taken`},
	} {
		p, r := provider, resource
		switch {
		case strings.Count(r, c.old) == 1:
			r = strings.Replace(r, c.old, c.new, 1)
		case strings.Count(p, c.old) == 1:
			p = strings.Replace(p, c.old, c.new, 1)
		default:
			t.Fatalf("%q is there %d times", c.old, strings.Count(r, c.old))
		}
		_, err := catalog.Parse(files(p, r))
		got := ""
		if err != nil {
			got = quoteLine(t, err.Error(), p, r)
		}
		if got != c.want {
			t.Errorf("with %q\ngot  %s\nwant %s", c.new, got, c.want)
		}
	}
}

// quoteLine replaces the file and the line number of an error by the text of that line.
func quoteLine(t *testing.T, err, provider, resource string) string {
	parts := regexp.MustCompile(`^catalog: okta/(.*)\.yaml:(\d+): (.*)$`).FindStringSubmatch(err)
	if parts == nil {
		t.Fatalf("an error without a line: %s", err)
	}
	text := map[string]string{"provider": provider, "user/users": resource}[parts[1]]
	number, _ := strconv.Atoi(parts[2])
	lines := strings.Split(text, "\n")
	if number < 1 || number > len(lines) {
		t.Fatalf("no line %d: %s", number, err)
	}
	return strings.TrimSpace(lines[number-1]) + " | " + parts[3]
}

func TestParseFiles(t *testing.T) {
	for _, c := range []struct {
		file, want string
	}{
		{"README.md", "catalog: README.md: only the directories of providers belong here"},
		{"okta/group/groups.yaml", "catalog: okta/provider.yaml:4: provider: okta/group has no service of its name here"},
		{"okta/notes.yaml", "catalog: okta/provider.yaml:4: provider: okta/notes.yaml has no service of its name here"},
		{"okta/user/users.txt", "catalog: okta/user/users.txt: only resources, NAME.yaml, belong here"},
		{"okta/user/deep/x.yaml", "catalog: okta/user/deep: only resources, NAME.yaml, belong here"},
	} {
		fsys := files(provider, resource)
		fsys[c.file] = &fstest.MapFile{}
		if _, err := catalog.Parse(fsys); err == nil || err.Error() != c.want {
			t.Errorf("with %s\ngot  %v\nwant %s", c.file, err, c.want)
		}
	}
	twice := files(provider, resource)
	twice["okta/user/USERS.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(resource, "resource: users", "resource: USERS", 1))}
	if _, err := catalog.Parse(twice); err == nil || err.Error() != `catalog: okta/user/users.yaml:1: resource "users" is there twice, in different case` {
		t.Errorf("with users and USERS: %v", err)
	}
	if _, err := catalog.Parse(fstest.MapFS{}); err == nil || err.Error() != "catalog: there is no provider" {
		t.Errorf("with nothing: %v", err)
	}
	without := files(provider, resource)
	delete(without, "okta/provider.yaml")
	if _, err := catalog.Parse(without); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a provider: %v", err)
	}
}

// withLine is the form of all errors about what a file says.
var withLine = regexp.MustCompile(`^catalog: okta/(provider|user/users)\.yaml:[1-9][0-9]*: [^\n]+$`)

func FuzzParse(f *testing.F) {
	f.Add([]byte(provider), []byte(resource))
	for _, file := range []string{"okta/provider.yaml", "okta/user/users.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(provider), text)
		f.Add(text, []byte(resource))
	}
	f.Add([]byte("a: &a [*a]"), []byte("<<: {resource: users}"))
	f.Add([]byte("? [a]\n: b"), []byte("resource: !!binary users\nfields: [[]]"))
	f.Fuzz(func(t *testing.T, provider, resource []byte) {
		c, err := catalog.Parse(files(string(provider), string(resource)))
		if err != nil {
			if !withLine.MatchString(err.Error()) {
				t.Errorf("an error without a line: %q", err)
			}
			return
		}
		for _, r := range c.Resources() {
			check(t, c, r)
		}
	})
}

// check tests what every resource that was loaded promises.
func check(t *testing.T, c *catalog.Catalog, r *catalog.Resource) {
	if c.Lookup(r.Path()) != r || r.Description == "" || len(r.Methods) == 0 || r.List() == nil {
		t.Errorf("resource %q", r.Path())
	}
	var visible []string
	for _, c := range r.Columns {
		if r.Column(strings.ToUpper(c.Name)) != c || c.Description == "" || c.Type == "" {
			t.Errorf("column %+v", c)
		}
		inObject := c.Kind != catalog.KindOrg && c.Kind != catalog.KindParameter && c.Kind != catalog.KindRequired
		if (c.Kind == catalog.KindRequired) != (c.Route != "") || c.Kind == catalog.KindRequired && r.List().Param(c.Route) == nil {
			t.Errorf("column %+v", c)
		}
		if inObject != (len(c.Path) > 0) || (c.Kind == catalog.KindParameter) != (c.Query != "") || len(c.Push) > 0 && c.Search == "" {
			t.Errorf("column %+v", c)
		}
		if !c.Hidden() {
			visible = append(visible, c.Name)
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(visible)), slices.Sorted(slices.Values(r.Describe))) {
		t.Errorf("fields %q, described %q", visible, r.Describe)
	}
	for _, m := range r.Methods {
		if r.Method(strings.ToUpper(m.Name)) != m || m.Description == "" || m.Answer == "" || len(m.Examples) == 0 {
			t.Errorf("method %+v", m)
		}
		route := m.Route
		for _, p := range slices.Concat(m.Params, m.Body) {
			if p.Description == "" || p.Type == "" || p.Wire == "" {
				t.Errorf("parameter %+v", p)
			}
			if p.In == "path" {
				route = strings.Replace(route, "{"+p.Name+"}", "x", 1)
			}
		}
		if strings.ContainsAny(route, "{}?# ") || !strings.HasPrefix(route, "/") {
			t.Errorf("route %s", m.Route)
		}
	}
}

func TestLoadIsOne(t *testing.T) {
	a, b := load(t), load(t)
	if a != b {
		t.Error("Load parses anew")
	}
	for _, r := range a.Resources() {
		check(t, a, r)
	}
}

func ExampleLoad() {
	c, err := catalog.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	users := c.Lookup("okta.user.users")
	fmt.Println(users.Describe)
	suspend := users.Method("suspend")
	fmt.Println(suspend.HTTP, suspend.Route, suspend.RequiredParams(), suspend.Statuses)
	// Output:
	// [id _embedded _links activated created credentials lastLogin lastUpdated passwordChanged profile status statusChanged transitioningToStatus type]
	// POST /api/v1/users/{userId}/lifecycle/suspend [userId subdomain] [PROVISIONED ACTIVE RECOVERY PASSWORD_EXPIRED]
}
