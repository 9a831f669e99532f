package catalog_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
)

// columnsOf are the names of a resource's columns by their kind, with the fields and attributes of
// another one left out if it has the same.
func columnsOf(r *catalog.Resource, like *catalog.Resource) map[catalog.Kind]string {
	byKind := map[catalog.Kind]string{}
	for _, c := range r.Columns {
		byKind[c.Kind] = strings.TrimSpace(byKind[c.Kind] + " " + c.Name)
	}
	if like != nil {
		theirs := columnsOf(like, nil)
		for _, kind := range []catalog.Kind{catalog.KindField, catalog.KindAttribute} {
			if byKind[kind] == theirs[kind] {
				delete(byKind, kind)
			}
		}
	}
	return byKind
}

func TestGroupsColumns(t *testing.T) {
	c := load(t)
	for _, want := range []struct {
		path, like string
		byKind     map[catalog.Kind]string
		pushed     string
	}{
		{"okta.group.groups", "", map[catalog.Kind]string{
			catalog.KindField:     "id created lastUpdated lastMembershipUpdated objectClass type profile _embedded _links",
			catalog.KindOrg:       "subdomain",
			catalog.KindAlias:     "groupId",
			catalog.KindParameter: "q filter search sortBy sortOrder limit",
			catalog.KindAttribute: "name description",
		}, "id:id type:type groupId:id name:profile.name"},
		{"okta.group.users", "okta.user.users", map[catalog.Kind]string{
			catalog.KindOrg:       "subdomain",
			catalog.KindRequired:  "groupId",
			catalog.KindAlias:     "userId",
			catalog.KindParameter: "limit",
		}, ""},
		{"okta.user.groups", "okta.group.groups", map[catalog.Kind]string{
			catalog.KindOrg:      "subdomain",
			catalog.KindRequired: "userId",
			catalog.KindAlias:    "groupId",
		}, ""},
	} {
		r := c.Lookup(want.path)
		got := columnsOf(r, c.Lookup(want.like))
		for kind := catalog.KindField; kind <= catalog.KindAttribute; kind++ {
			if got[kind] != want.byKind[kind] {
				t.Errorf("%s: columns of kind %v\ngot  %s\nwant %s", want.path, kind, got[kind], want.byKind[kind])
			}
		}
		var pushed []string
		for _, c := range r.Columns {
			if len(c.Push) > 0 {
				pushed = append(pushed, c.Name+":"+c.Search)
			}
			// A list that can't be searched has neither keys nor names for the search.
			if want.like != "" && (c.Key || c.Search != "" || len(c.Push) > 0) {
				t.Errorf("%s: column %+v", want.path, c)
			}
		}
		if got := strings.Join(pushed, " "); got != want.pushed {
			t.Errorf("%s: pushed are %s; want %s", want.path, got, want.pushed)
		}
		if want.like != "" && !slices.Equal(r.Describe, c.Lookup(want.like).Describe) {
			t.Errorf("%s: Describe is %q", want.path, r.Describe)
		}
	}
	if got := c.Lookup("okta.group.users").Column("status").Values; len(got) != 8 {
		t.Errorf("status of a member has the values %q", got)
	}
}

// TestGroupsMethods compares the methods with the provider's pages. What is known to differ stands in
// differs.
func TestGroupsMethods(t *testing.T) {
	differs := map[string]string{
		"groups insert operation": "renamed since",
		"groups update operation": "renamed since",
		"users insert operation":  "renamed since",
		"users delete operation":  "renamed since",
	}
	for name, order := range map[string]string{"groups": "get list insert delete update", "users": "list insert delete"} {
		r := load(t).Lookup("okta.group." + name)
		page := make(map[string]map[string]string)
		for _, f := range factsOf(t, "provider-methods.tsv", r) {
			page[f["method"]] = f
		}
		var got []string
		for _, m := range r.Methods {
			got = append(got, m.Name)
			want := page[m.Name]
			for what, pair := range map[string][2]string{
				"verb":      {m.Verb, want["sql_verb"]},
				"http":      {m.HTTP, want["http_method"]},
				"path":      {m.Route, want["path"]},
				"operation": {m.Operation, want["operation_id"]},
				"success":   {strconv.Itoa(m.Success), want["success_status"]},
				"required":  {strings.Join(m.RequiredParams(), ","), strings.Trim(want["required_params"]+",subdomain", ",")},
			} {
				if _, known := differs[name+" "+m.Name+" "+what]; known == (pair[0] == pair[1]) {
					t.Errorf("%s.%s: %s is %q, on the page %q; known to differ: %v", name, m.Name, what, pair[0], pair[1], known)
				}
			}
		}
		if strings.Join(got, " ") != order || len(page) != len(got) {
			t.Errorf("%s: the methods are %s; want %s, and the page has %d", name, got, order, len(page))
		}
	}
	if m := load(t).Lookup("okta.user.groups").Methods; len(m) != 1 || m[0].Name != "list" {
		t.Errorf("okta.user.groups has %d methods", len(m))
	}
}
