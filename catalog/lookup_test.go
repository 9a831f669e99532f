package catalog_test

import (
	"fmt"
	"testing"

	"github.com/whoql/whoql/catalog"
)

func TestLookup(t *testing.T) {
	c := load(t)
	for path, found := range map[string]bool{
		"okta.user.users":   true,
		"OKTA.USER.USERS":   true,
		"okta.user":         false,
		"okta.user.users.x": false,
		"okta.user.groups":  true,
		"okta.group.users":  true,
		"okta.group.group":  false,
		"entra.user.users":  false,
		"okta.user.uſers":   false, // folds to users in Unicode, not in SQL
		"":                  false,
	} {
		if got := c.Lookup(path) != nil; got != found {
			t.Errorf("Lookup(%q): %v", path, got)
		}
	}
	r := c.Resource("okta", "user", "users")
	if r.Column("STATUSCHANGED").Name != "statusChanged" || r.Column("none") != nil {
		t.Error("Column")
	}
	if r.Method("resetpassword").Name != "resetPassword" || r.Method("none") != nil {
		t.Error("Method")
	}
	if c.Provider("Okta").Service("USER").Resource("Users") != r {
		t.Error("step by step it is another resource")
	}
}

func TestNearest(t *testing.T) {
	var columns []string
	for _, c := range users(t).Columns {
		columns = append(columns, c.Name)
	}
	for _, c := range []struct{ name, want string }{
		{"statis", "status"},
		{"staus", "status"},
		{"sttaus", "status"},
		{"STATUSS", "status"},
		{"status", "status"},
		{"last_login", "lastLogin"},
		{"LASTLOGN", "lastLogin"},
		{"departement", "department"},
		{"mangerId", "managerId"},
		{"firstnam", "firstName"},
		{"idd", "id"},
		{"salary", ""},
		{"x", ""},
		{"", ""},
		{"somethingElseEntirely", ""},
	} {
		if got := catalog.Nearest(c.name, columns); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
	if got := catalog.Nearest("bat", []string{"cat", "rat", "bat"}); got != "bat" {
		t.Errorf("of several, %q", got)
	}
	if got := catalog.Nearest("bat", []string{"cat", "rat"}); got != "cat" {
		t.Errorf("of two equally near, %q", got)
	}
	if got := catalog.Nearest("ab", nil); got != "" {
		t.Errorf("of none, %q", got)
	}
}

func ExampleNearest() {
	fmt.Println(catalog.Nearest("departmant", []string{"division", "department"}))
	// Output: department
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := catalog.Parse(catalog.Embedded); err != nil {
			b.Fatal(err)
		}
	}
}
