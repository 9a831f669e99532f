package catalog_test

import (
	"fmt"
	"testing"

	"github.com/whoql/whoql/catalog"
)

func TestMergeAttributes(t *testing.T) {
	a := func(name, typ string) catalog.Attribute {
		return catalog.Attribute{Name: name, Type: typ, Description: name + " " + typ, Everywhere: true}
	}
	got := catalog.MergeAttributes(
		[]catalog.Attribute{a("x", "string"), a("y", "string"), a("z", "array")},
		[]catalog.Attribute{a("y", "integer"), {Name: "x", Type: "string", Everywhere: true}, a("X", "string")})
	const want = "[{X string X string false} {x string x string true} {y mixed y string true} {z array z array false}]"
	if text := fmt.Sprint(got); text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if got := catalog.MergeAttributes(); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestAttributeColumns(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	users, members := c.Lookup("okta.user.users"), c.Lookup("okta.group.users")
	var attributes []catalog.Attribute
	for _, name := range []string{"badge", "department", "ID", "Q", "Login", "profile_q", "q", "", "nul\x00", "tab\t", "größe", "1st", "a_1", "Badge", "BADGE"} {
		attributes = append(attributes, catalog.Attribute{Name: name, Type: "string", Everywhere: true})
	}
	attributes = append(attributes, catalog.Attribute{Name: "n", Type: "integer", Everywhere: true}, catalog.Attribute{Name: "m", Type: catalog.Mixed, Everywhere: true}, catalog.Attribute{Name: "some", Type: "string"})
	show := func(columns []*catalog.Column) (out string) {
		for _, c := range columns {
			out += fmt.Sprintf("%s=%s/%s/%v ", c.Name, c.Path[1], c.Search, c.Push)
		}
		return out
	}
	const names = "1st=1st//[] BADGE=BADGE/profile.BADGE/[eq in sw] profile_Badge=Badge/profile.Badge/[eq in sw] profile_ID=ID/profile.ID/[eq in sw] " +
		"profile_Login=Login/profile.Login/[eq in sw] profile_Q=Q/profile.Q/[eq in sw] a_1=a_1/profile.a_1/[eq in sw] größe=größe//[] m=m//[] n=n/profile.n/[eq in range] profile_profile_q=profile_q/profile.profile_q/[eq in sw] some=some//[] "
	if got := show(users.AttributeColumns(attributes, true)); got != names {
		t.Errorf("got  %s\nwant %s", got, names)
	}
	for _, columns := range [][]*catalog.Column{users.AttributeColumns(attributes, false), members.AttributeColumns(attributes, true)} {
		for _, col := range columns {
			if col.Search != "" || len(col.Push) > 0 {
				t.Errorf("%s can be searched", col.Name)
			}
		}
	}
	if users.Schemas != "user" || members.Schemas != "user" || c.Lookup("okta.group.groups").Schemas != "" {
		t.Error("the schemas are others")
	}
	more := users.WithColumns(users.AttributeColumns(attributes, true)...)
	changed := c.With(more)
	if changed.Lookup("okta.user.users") != more || c.Lookup("okta.user.users") != users || changed.Lookup("okta.group.users") != members || len(changed.Resources()) != len(c.Resources()) {
		t.Error("With changes something else")
	}
	if users.Column("profile_Q") != nil || more.Column("PROFILE_q").Path[1] != "Q" {
		t.Error("WithColumns changes something else")
	}
}
