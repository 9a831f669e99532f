package whoql

import (
	"context"
	"strings"
	"testing"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// An org of the journal is looked for under its name, at its address and by default, and is the one that says that it
// is.
func TestTheOrgOfARunIsFound(t *testing.T) {
	client := func() *okta.Client {
		s := oktatest.Start(t, oktatest.Options{Users: 3})
		c, err := okta.New(s.URL, okta.Token(s.Token), okta.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, second, third := client(), client(), client()
	caller := func(noDefault bool, orgs ...Org) change.Caller {
		e, err := Open(Options{Orgs: orgs, NoDefaultOrg: noDefault})
		if err != nil {
			t.Fatal(err)
		}
		return e.Caller()
	}
	orgs := []Org{{Name: "one", Client: first}, {Name: "two", Client: second}, {Name: "three", Client: third}}
	is := func(name string) change.Identity {
		now, err := caller(true, orgs...).Identify(t.Context(), change.Identity{Name: name})
		if err != nil || !strings.HasPrefix(now.ID, "00o") || now.Name != name || !strings.HasPrefix(now.URL, "http://127.") {
			t.Fatalf("%s is %v, %v", name, now, err)
		}
		return now
	}
	one, two, three := is("one"), is("two"), is("three")
	called := func(i change.Identity, name string) change.Identity { i.Name = name; return i }
	moved := func(i change.Identity) change.Identity { i.URL = "http://127.0.0.1:1"; return i }
	for _, c := range []struct {
		name      string
		was       change.Identity
		noDefault bool
		want      change.Identity
	}{
		{"by its name", two, true, two},
		{"by its name, at another address", moved(two), true, two},
		{"by its address, under another name", called(two, "zwei"), true, two},
		{"by its address, although another one has its name", called(two, "three"), true, two},
		{"as the default one, with neither", moved(called(one, "eins")), false, one},
		{"as the default one, although another one has its name", moved(called(one, "three")), false, one},
		{"not at all", moved(called(two, "zwei")), true, change.Identity{}},
		{"not, and the one that has its name is told", moved(called(two, "three")), true, three},
		{"not, and the default one is told", moved(called(two, "zwei")), false, one},
		{"of a plan, by its name only", change.Identity{Name: "zwei"}, false, change.Identity{}},
	} {
		if now, err := caller(c.noDefault, orgs...).Identify(t.Context(), c.was); err != nil || now != c.want {
			t.Errorf("found %s: %v, %v; want %v", c.name, now, err, c.want)
		}
	}
	// An org that answers to any name is called as the run has it.
	any := caller(false, Org{Name: "sandbox", Client: second, AnyName: true})
	if now, err := any.Identify(t.Context(), moved(called(two, "acme"))); err != nil || now.Name != "acme" || now.ID != two.ID {
		t.Errorf("the sandbox is %v, %v", now, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if now, err := any.Identify(ctx, two); err == nil {
		t.Errorf("nobody was asked, and it is %v", now)
	}
}

// An org that doesn't say who it is is known by its address.
func TestAnOrgWithoutAnID(t *testing.T) {
	s := oktatest.Start(t, oktatest.Options{Users: 3, Faults: []oktatest.Fault{{Kind: oktatest.Forbidden, At: 1, Times: 9}}})
	c, err := okta.New(s.URL, okta.Token(s.Token), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e, err := Open(Options{Orgs: []Org{{Name: "acme", Client: c}}})
	if err != nil {
		t.Fatal(err)
	}
	now, err := e.Caller().Identify(t.Context(), change.Identity{Name: "acme"})
	if err != nil || now != (change.Identity{Name: "acme", URL: s.URL}) {
		t.Errorf("it is %v, %v", now, err)
	}
}
