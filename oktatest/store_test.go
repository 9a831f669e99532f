package oktatest

import (
	"encoding/json"
	"slices"
	"testing"
)

// put stores a changed copy of user i, or a new user made from user i.
func put(s *store, i, from int, change func(*user)) *user {
	var r row
	s.mu.RLock()
	s.load(&r, from)
	u := *r.user()
	if u.person != nil {
		u.profile, u.person = u.person.attributes(), nil
	}
	u.id = s.gen.id(i)
	s.mu.RUnlock()
	change(&u)
	s.put(i, &u)
	return &u
}

func (u *user) set(name, text string) {
	u.profile = slices.DeleteFunc(u.profile, func(a attribute) bool { return a.name == name })
	u.profile = append(u.profile, attribute{name, value{kind: stringValue, text: text}})
}

func TestAStoredCopyLooksLikeTheGeneratedUser(t *testing.T) {
	org, copies := New(Options{Users: 500, Seed: 2}), New(Options{Users: 500, Seed: 2})
	for i := range 500 {
		put(copies.store, i, i, func(*user) {})
	}
	var want []string
	for u := range org.Users() {
		want = append(want, string(u))
	}
	i := 0
	for u := range copies.Users() {
		if string(u) != want[i] {
			t.Fatalf("user %d:\n%s, want\n%s", i, u, want[i])
		}
		i++
	}
	if i != 500 {
		t.Errorf("%d users", i)
	}
}

// changedServer has 300 users of whom some are deleted, some changed, and five are new.
func changedServer(t *testing.T) *Server {
	s := Start(t, Options{Users: 300, Seed: 4})
	for i := 5; i < 300; i += 30 {
		s.store.remove(i)
	}
	for i := 7; i < 300; i += 20 {
		put(s.store, i, i, func(u *user) {
			u.status = status(i/20) % statuses
			u.lastUpdated = epochEnd + int64(i)
			u.set("lastName", "Abc")
			u.set("login", "changed"+u.id[5:9]+"@acme.example")
		})
	}
	for k := range 5 {
		put(s.store, 300+k, 10*k, func(u *user) {
			u.created += 40
			u.set("login", "new.user@team"+string(rune('a'+k))+".example")
		})
	}
	s.store.remove(303)
	put(s.store, 7, 8, func(u *user) { u.set("login", "again@acme.example") })
	return s
}

func TestListsShowTheOverlayOverTheGenerator(t *testing.T) {
	s := changedServer(t)
	all := everybody(t, s.Org)
	if len(all) != 300-10+4 {
		t.Fatalf("%d users", len(all))
	}
	if got := ids(listAll(t, s, "search", "status pr", "limit", "13")); !slices.Equal(got, ids(all)) {
		t.Error("search isn't in id order")
	}
	for i, c := range searches {
		want := where(all, c.keep)
		for _, sorting := range [][]string{nil, {"sortBy", "created"}, {"sortBy", "lastUpdated", "sortOrder", "desc"}, {"sortBy", "profile.lastName"}} {
			if sorting != nil && i%5 != 0 {
				continue
			}
			got := ids(listAll(t, s, append(sorting, "search", c.search, "fields", "id", "limit", "50")...))
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %q: %d users, want %d", c.search, sorting, len(got), len(want))
			}
		}
	}
	last := ""
	for _, u := range listAll(t, s, "limit", "17") {
		place := string(rune('0'+slices.Index(statusNames[:], at(u, "status")))) + at(u, "id")
		if place <= last {
			t.Fatalf("%s after %s", place, last)
		}
		last = place
	}
	last = ""
	for _, u := range listAll(t, s, "limit", "17", "search", "status pr", "sortBy", "created") {
		if place := at(u, "created") + at(u, "id"); place <= last {
			t.Fatalf("%s after %s", place, last)
		} else {
			last = place
		}
	}
}

func TestUsersAreFoundByTheirPresentLogin(t *testing.T) {
	s := changedServer(t)
	find := func(key string) string {
		var u object
		if err := json.Unmarshal([]byte(get(t, s, usersPath+"/"+key).body), &u); err != nil {
			t.Fatal(err)
		}
		id, _ := u["id"].(string)
		return id
	}
	id := s.store.gen.id
	old := testPerson(s.store.gen, 27)
	for key, want := range map[string]string{
		id(27):                       id(27),
		string(old.appendLogin(nil)): "", // has another one now
		id(5):                        "", // deleted
		string(testPerson(s.store.gen, 5).appendLogin(nil)): "",
		"again@acme.example":     id(7),
		"again":                  id(7),
		"New.User@teamA.example": id(300),
		"new.user":               "", // three have it
		"new.user@teamd.example": "", // deleted
		id(303):                  "",
		id(304):                  id(304),
		id(305):                  "",
	} {
		if got := find(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if got := ids(listAll(t, s, "search", `profile.login eq "AGAIN@acme.example" or id eq "`+id(302)+`"`)); !slices.Equal(got, []string{id(7), id(302)}) {
		t.Errorf("search by login: %q", got)
	}
}
