package oktatest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// statusesIn are the statuses of the users on a list, with transitioningToStatus where it is.
func statusesIn(list []object) string {
	var words []string
	for _, u := range list {
		word := u["status"].(string)
		if to, ok := u["transitioningToStatus"]; ok {
			word += ">" + to.(string)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestListsTrailBehindByTheSearchLag(t *testing.T) {
	o := newTestOrg(Options{Users: 30, SearchLag: 2 * time.Second})
	login := `profile.login eq "a@acme.example"`
	seen := func(want string) {
		t.Helper()
		for _, params := range [][]string{{"search", login}, {"filter", login}, {"q", "Zaphod"}, {"search", login, "sortBy", "created"}} {
			if got := statusesIn(listOf(t, o, params...)); got != want && !(params[0] == "q" && want == "DEPROVISIONED" && got == "") {
				t.Errorf("%q: %q, want %q", params, got, want)
			}
		}
	}
	u := create(t, o, "?activate=false", strings.Replace(profileOf("a@acme.example"), "Dana", "Zaphod", 1), "")
	seen("")
	if got := again(t, o, u); got["status"] != "STAGED" {
		t.Errorf("a get: %v", got["status"])
	}
	if plain := ids(listOf(t, o)); !slices.Contains(plain, u["id"].(string)) {
		t.Error("the plain list is behind")
	}
	o.Advance(1999 * time.Millisecond)
	seen("")
	o.Advance(time.Millisecond)
	seen("STAGED")

	must(t, post(o, uriOf(u, "/lifecycle/activate"), ""))
	o.Advance(time.Second)
	must(t, do(o, "DELETE", uriOf(u, ""), ""))
	seen("STAGED")
	o.Advance(time.Second)
	seen("PROVISIONED")
	o.Advance(time.Second)
	seen("DEPROVISIONED")
	must(t, do(o, "DELETE", uriOf(u, ""), ""))
	seen("DEPROVISIONED")
	wantError(t, do(o, "GET", uriOf(u, ""), ""), 404, "E0000007")
	o.Advance(2 * time.Second)
	seen("")
}

// With the lag over, the index has to have what the store has, in every order.
func TestTheIndexCatchesUpWithEverything(t *testing.T) {
	o := newTestOrg(Options{Users: 120, Seed: 8, SearchLag: time.Minute})
	for i := 0; i < 120; i += 7 {
		id := o.store.gen.id(i)
		switch i % 3 {
		case 0:
			do(o, "DELETE", usersPath+"/"+id, "")
			do(o, "DELETE", usersPath+"/"+id, "")
		case 1:
			post(o, usersPath+"/"+id, `{"profile":{"nickName":"Lag","login":"lag`+id+`@acme.example"}}`)
		default:
			create(t, o, "", profileOf("new"+id+"@acme.example"), "")
		}
		o.Advance(time.Second)
	}
	before := listOf(t, o, "search", "id pr")
	if len(before) != 120 || slices.ContainsFunc(before, func(u object) bool { return text(u, "nickName") == "Lag" }) {
		t.Fatalf("the index isn't behind: %d users", len(before))
	}
	o.Advance(time.Minute)
	want := ids(everybody(t, o))
	for _, params := range [][]string{{"search", "id pr"}, {"search", "id pr", "sortBy", "profile.login"}, {"filter", `status eq "ACTIVE" or lastUpdated gt "1970-01-01T00:00:00Z"`}} {
		got := ids(listOf(t, o, params...))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d users, want %d", params, len(got), len(want))
		}
	}
	if len(o.store.index.due) != 0 {
		t.Errorf("%d changes are still due", len(o.store.index.due))
	}
}

func TestAsynchronousTransitionsAreSeenInSearches(t *testing.T) {
	o := newTestOrg(Options{Users: 1, SearchLag: time.Second, AsyncTransitions: 10 * time.Second})
	find := func(want string) object {
		t.Helper()
		list := listOf(t, o, "search", `profile.login eq "a@acme.example"`)
		if got := statusesIn(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if len(list) == 0 {
			return nil
		}
		return list[0]
	}
	u := create(t, o, "", profileOf("a@acme.example"), "")
	if u["status"] != "PROVISIONED" || u["transitioningToStatus"] != nil {
		t.Errorf("the answer to the create: %v", u)
	}
	find("")
	o.Advance(time.Second)
	if seen := find("STAGED>PROVISIONED"); seen["activated"] != nil || seen["statusChanged"] == nil {
		t.Errorf("on the way: %v", seen)
	}
	res := do(o, "GET", usersURI("search", "status eq \"STAGED\" and profile.login sw \"a@\""), "", "Content-Type", "application/json; okta-response=omitTransitioningToStatus")
	if strings.Contains(res.body, "transitioning") || !strings.Contains(res.body, `"STAGED"`) {
		t.Errorf("trimmed: %s", res.body)
	}
	if got := again(t, o, u); got["status"] != "PROVISIONED" || got["activated"] == nil {
		t.Errorf("a get: %v", got)
	}
	wantRefusal(t, post(o, uriOf(u, ""), `{"profile":{"title":"x"}}`), 409, "E0000112", "Cannot update this user because they are still being activated. Please try again in a few minutes.")
	o.Advance(9 * time.Second)
	must(t, post(o, uriOf(u, ""), `{"profile":{"title":"x"}}`)) // ten seconds after the create
	o.Advance(time.Second)
	find("PROVISIONED")

	must(t, post(o, uriOf(u, "/lifecycle/suspend"), "")) // no transition
	o.Advance(time.Second)
	find("SUSPENDED")
	must(t, post(o, uriOf(u, "/lifecycle/deactivate"), ""))
	o.Advance(time.Second)
	find("SUSPENDED>DEPROVISIONED")
	must(t, do(o, "DELETE", uriOf(u, ""), "")) // gone for good before the transition is over
	o.Advance(time.Second)
	find("")
	o.Advance(time.Minute)
	find("")

	o = newTestOrg(Options{AsyncTransitions: time.Second})
	create(t, o, "", profileOf("a@acme.example"), withPassword)
	find("STAGED>ACTIVE")
	o.Advance(time.Second)
	find("ACTIVE")
}

func TestAnIndexIsReadAndWrittenAtOnce(t *testing.T) {
	s := Start(t, Options{Users: 100, SearchLag: time.Millisecond, AsyncTransitions: time.Millisecond})
	users := ids(everybody(t, s.Org))
	var wg sync.WaitGroup
	for k := range 3 {
		wg.Go(func() {
			for i := range 20 {
				switch k {
				case 0:
					send(t, s, http.MethodDelete, usersPath+"/"+users[i])
				case 1:
					listAll(t, s, "search", "id pr", "limit", "40")
				default:
					name := string(rune('a' + i))
					post(s.Org, defaultSchema, customBody(`{"`+name+`":{"title":"X","type":"string"}}`))
					post(s.Org, defaultSchema, customBody(`{"`+name+`":null,"floor":null}`))
					post(s.Org, groupsPath, `{"profile":{"name":"`+name+`"}}`)
					do(s.Org, "GET", groupsPath, "")
				}
			}
		})
	}
	wg.Wait()
}
