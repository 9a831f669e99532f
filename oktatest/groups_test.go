package oktatest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// objects are the elements of a list, which must be a success.
func objects(t *testing.T, res response) []object {
	t.Helper()
	var list []object
	if res.status != http.StatusOK {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if err := json.Unmarshal([]byte(res.body), &list); err != nil {
		t.Fatalf("%v in %s", err, res.body)
	}
	return list
}

// walk gets all pages of a list, and says how many there were.
func walk(t *testing.T, o *Org, uri string) (all []object, pages int) {
	t.Helper()
	for uri != "" {
		res := do(o, http.MethodGet, uri, "")
		all = append(all, objects(t, res)...)
		if pages++; pages > 1000 {
			t.Fatal("the list has no end")
		}
		uri = ""
		if links := res.header["Link"]; len(links) == 2 {
			uri = strings.TrimSuffix(strings.TrimPrefix(links[1], "<http://acme.example"), `>; rel="next"`)
		}
	}
	return all, pages
}

func names(groups []object) []string {
	list := []string{}
	for _, g := range groups {
		list = append(list, text(g, "name"))
	}
	return list
}

// groupNamed finds a group by its name.
func groupNamed(t *testing.T, o *Org, name string) object {
	t.Helper()
	for _, g := range objects(t, do(o, http.MethodGet, groupsPath, "")) {
		if text(g, "name") == name {
			return g
		}
	}
	t.Fatalf("there is no group %s", name)
	return nil
}

func createGroup(t *testing.T, o *Org, name string) object {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"profile": map[string]string{"name": name}})
	return decoded(t, post(o, groupsPath, string(body)))
}

func groupURI(g object, rest string) string { return groupsPath + "/" + g["id"].(string) + rest }

func TestAGroupAsOktaShowsIt(t *testing.T) {
	o := newTestOrg(Options{})
	res := post(o, groupsPath, `{"profile":{"name":"Auditors","description":"They look"}}`)
	id := decoded(t, res)["id"].(string)
	at := theClock.Format("2006-01-02T15:04:05.000Z")[:19] + ".000Z"
	want := `{"id":"` + id + `","created":"` + at + `","lastUpdated":"` + at + `","lastMembershipUpdated":"` + at + `","objectClass":["okta:user_group"],"type":"OKTA_GROUP",` +
		`"profile":{"name":"Auditors","description":"They look"},"_links":{"logo":[{"name":"medium","href":"http://acme.example/assets/img/logos/groups/okta-medium.png","type":"image/png"},` +
		`{"name":"large","href":"http://acme.example/assets/img/logos/groups/okta-large.png","type":"image/png"}],"users":{"href":"http://acme.example/api/v1/groups/` + id + `/users"},` +
		`"apps":{"href":"http://acme.example/api/v1/groups/` + id + `/apps"}}}`
	wantBody(t, res, 200, want)
	wantBody(t, do(o, "GET", groupsPath+"/"+id, ""), 200, want)
	if !isGroupID(id) || !strings.HasSuffix(id, "5d7") {
		t.Errorf("the id is %s", id)
	}
	if got := createGroup(t, o, "Plain"); profile(got)["description"] != nil {
		t.Errorf("a group without a description: %v", got)
	}
}

func TestGroupsAreChangedAndDeleted(t *testing.T) {
	o := newTestOrg(Options{})
	g := createGroup(t, o, "First")
	o.Advance(time.Hour)
	changed := decoded(t, do(o, "PUT", groupURI(g, ""), `{"id":"ignored","type":"BUILT_IN","profile":{"name":"Second"}}`))
	if text(changed, "name") != "Second" || profile(changed)["description"] != nil || changed["created"] != g["created"] || changed["lastUpdated"] == g["lastUpdated"] ||
		changed["lastMembershipUpdated"] != g["lastMembershipUpdated"] || changed["type"] != "OKTA_GROUP" {
		t.Errorf("%v", changed)
	}
	wantBody(t, do(o, "DELETE", groupURI(g, ""), ""), 204, "")
	id := g["id"].(string)
	for _, method := range []string{"GET", "DELETE"} {
		wantRefusal(t, do(o, method, groupURI(g, ""), ""), 404, "E0000007", "Not found: Resource not found: "+id+" (UserGroup)")
	}
	wantRefusal(t, do(o, "PUT", groupURI(g, ""), `not JSON`), 404, "E0000007", "Not found: Resource not found: "+id+" (UserGroup)")
	if again := createGroup(t, o, "Second"); again["id"] == id {
		t.Error("an id was used again")
	}
}

func TestGroupsThatAreRefused(t *testing.T) {
	o := newTestOrg(Options{})
	createGroup(t, o, "Taken")
	blank := `name: The field cannot be left blank`
	for _, c := range []struct {
		body, code, cause string
	}{
		{`{`, "E0000003", ""},
		{``, "E0000003", ""},
		{`[]`, "E0000003", ""},
		{`{"profile":[]}`, "E0000003", ""},
		{`{"profile":{"name":7}}`, "E0000003", ""},
		{`{"boop":1,"profile":{"name":"x"}}`, "E0000003", ""},
		{`{}`, "E0000001", "profile: The field cannot be left blank"},
		{`{"profile":{}}`, "E0000001", blank},
		{`{"profile":{"name":" "}}`, "E0000001", blank},
		{`{"profile":{"name":null}}`, "E0000001", blank},
		{`{"profile":{"name":"x","color":"red"}}`, "E0000001", "Property name 'color' is not defined in profile"},
		{`{"profile":{"name":"` + strings.Repeat("x", 256) + `"}}`, "E0000001", "name: The field is too long"},
		{`{"profile":{"name":"x","description":"` + strings.Repeat("ä", 1025) + `"}}`, "E0000001", "description: The field is too long"},
		{`{"profile":{"name":"taken"}}`, "E0000001", "name: An object with this field already exists in the current organization"},
		{`{"profile":{"name":"EVERYONE"}}`, "E0000001", "name: An object with this field already exists in the current organization"},
	} {
		_, causes := wantError(t, post(o, groupsPath, c.body), 400, c.code)
		if strings.Join(causes, "|") != c.cause {
			t.Errorf("%s: %q, want %q", c.body, causes, c.cause)
		}
	}
	must(t, post(o, groupsPath, `{"profile":{"name":"`+strings.Repeat("ä", 255)+`","description":"`+strings.Repeat("ä", 1024)+`"}}`))
}

func TestEveryoneCannotBeChanged(t *testing.T) {
	o := newTestOrg(Options{Users: 20})
	g := groupNamed(t, o, "Everyone")
	if g["type"] != "BUILT_IN" {
		t.Errorf("%v", g)
	}
	u := o.store.gen.id(3)
	for _, c := range [][3]string{{"PUT", "", `{"profile":{"name":"Nobody"}}`}, {"DELETE", "", ""}, {"PUT", "/users/" + u, ""}, {"DELETE", "/users/" + u, ""}} {
		wantRefusal(t, do(o, c[0], groupURI(g, c[1]), c[2]), 403, "E0000006", "You do not have permission to perform the requested action")
	}
	created := create(t, o, "", profileOf("new@acme.example"), "")
	members, _ := walk(t, o, groupURI(g, "/users"))
	if got := ids(members); !slices.Equal(got, ids(everybody(t, o))) || got[20] != created["id"] {
		t.Errorf("%d members", len(got))
	}
}

func TestMembersOfGeneratedGroupsAreTheirDepartments(t *testing.T) {
	o := newTestOrg(Options{Users: 900, Seed: 3})
	groups := objects(t, do(o, "GET", groupsPath, ""))
	if len(groups) != 1+len(departments) {
		t.Fatalf("%d groups", len(groups))
	}
	total := 0
	for _, g := range groups {
		members, pages := walk(t, o, groupURI(g, "/users?limit=50"))
		if want := max((len(members)+49)/50, 1); pages != want {
			t.Errorf("%s: %d pages for %d members", text(g, "name"), pages, len(members))
		}
		if g["type"] == "BUILT_IN" {
			continue
		}
		total += len(members)
		for _, u := range members {
			if d := text(u, "department"); d != "" && d != text(g, "name") {
				t.Fatalf("%s is in %s", d, text(g, "name"))
			}
			if links := u["_links"].(object); len(links) != 1 || links["self"] == nil {
				t.Fatalf("the links of an element: %v", links)
			}
		}
	}
	if total != 900 {
		t.Errorf("%d memberships in departments", total)
	}
}

func TestUsersJoinAndLeaveGroups(t *testing.T) {
	o := newTestOrg(Options{Users: 60, Seed: 3})
	team, sales := createGroup(t, o, "Team"), groupNamed(t, o, "Sales")
	member := objects(t, do(o, "GET", groupURI(sales, "/users"), ""))[0]
	id := member["id"].(string)
	in := func(want ...string) {
		t.Helper()
		res := do(o, "GET", usersPath+"/"+id+"/groups", "")
		if got := names(objects(t, res)); !slices.Equal(got, want) {
			t.Errorf("in %q, want %q", got, want)
		}
		if link := res.header["Link"]; !slices.Equal(link, []string{`<http://acme.example/api/v1/users/` + id + `/groups?limit=200>; rel="self"`}) {
			t.Errorf("Link: %q", link)
		}
	}
	in("Everyone", "Sales")
	o.Advance(time.Minute)
	for range 2 {
		wantBody(t, do(o, "PUT", groupURI(team, "/users/"+id), ""), 204, "")
	}
	in("Everyone", "Sales", "Team")
	after := decoded(t, do(o, "GET", groupURI(team, ""), ""))
	if after["lastMembershipUpdated"] == team["lastMembershipUpdated"] || after["lastUpdated"] != team["lastUpdated"] {
		t.Errorf("the times of a group that somebody joined: %v", after)
	}
	for range 2 {
		wantBody(t, do(o, "DELETE", groupURI(sales, "/users/"+url.PathEscape(text(member, "login"))), ""), 204, "")
	}
	in("Everyone", "Team")
	members, _ := walk(t, o, groupURI(sales, "/users"))
	if slices.Contains(ids(members), id) {
		t.Error("still a member")
	}
	wantRefusal(t, do(o, "PUT", groupURI(team, "/users/00uNope"), ""), 404, "E0000007", "Not found: Resource not found: 00uNope (User)")
	wantRefusal(t, do(o, "PUT", groupsPath+"/00gNope/users/"+id, ""), 404, "E0000007", "Not found: Resource not found: 00gNope (UserGroup)")
	wantRefusal(t, do(o, "GET", groupsPath+"/00gNope/users", ""), 404, "E0000007", "Not found: Resource not found: 00gNope (UserGroup)")
	wantRefusal(t, do(o, "GET", usersPath+"/00uNope/groups", ""), 404, "E0000007", "Not found: Resource not found: 00uNope (User)")

	// Deactivated users stay members, deleted ones don't.
	must(t, do(o, "DELETE", usersPath+"/"+id, ""))
	if got, _ := walk(t, o, groupURI(team, "/users")); len(got) != 1 || got[0]["status"] != "DEPROVISIONED" {
		t.Errorf("a deactivated member: %v", got)
	}
	must(t, do(o, "DELETE", usersPath+"/"+id, ""))
	if got, _ := walk(t, o, groupURI(team, "/users")); len(got) != 0 {
		t.Errorf("a deleted member: %v", got)
	}
}

func TestUsersAreCreatedInGroupsOrNotAtAll(t *testing.T) {
	o := newTestOrg(Options{})
	a, b := createGroup(t, o, "A")["id"].(string), createGroup(t, o, "B")["id"].(string)
	body := func(login string, groups ...string) string {
		list, _ := json.Marshal(groups)
		return `{"profile":` + profileOf(login) + `,"groupIds":` + string(list) + `}`
	}
	u := decoded(t, post(o, usersPath, body("one@acme.example", a, b)))
	if got := names(objects(t, do(o, "GET", uriOf(u, "/groups"), ""))); !slices.Equal(got, []string{"Everyone", "A", "B"}) {
		t.Errorf("created in %q", got)
	}
	wantRefusal(t, post(o, usersPath, body("two@acme.example", a, "00gNope")), 404, "E0000007", "Not found: Resource not found: 00gNope (UserGroup)")
	many := slices.Repeat([]string{a}, 21)
	wantRefusal(t, post(o, usersPath, body("two@acme.example", many...)), 400, "E0000093", "Target count limit exceeded", "The number of group targets is too large")
	if n := len(everybody(t, o)); n != 1 {
		t.Errorf("%d users", n)
	}
}

func TestListsOfGroups(t *testing.T) {
	o := newTestOrg(Options{Seed: 5})
	all := objects(t, do(o, "GET", groupsPath, ""))
	byName := names(all)
	slices.SortFunc(byName, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	late := slices.MaxFunc(all, func(a, b object) int { return strings.Compare(a["lastUpdated"].(string), b["lastUpdated"].(string)) })
	for _, c := range []struct {
		params []string
		want   []string
	}{
		{nil, names(all)},
		{[]string{"q", "s"}, []string{"Sales"}},
		{[]string{"q", "INFO"}, []string{"Information Security"}},
		{[]string{"q", "ales"}, nil},
		{[]string{"filter", `type eq "BUILT_IN"`}, []string{"Everyone"}},
		{[]string{"filter", `type eq "APP_GROUP"`}, nil},
		{[]string{"filter", `type eq "built_in"`}, nil},
		{[]string{"filter", `id eq "` + all[4]["id"].(string) + `"`}, []string{text(all[4], "name")}},
		{[]string{"filter", `lastUpdated ge "` + late["lastUpdated"].(string) + `"`}, []string{text(late, "name")}},
		{[]string{"filter", `type eq "OKTA_GROUP" and (lastMembershipUpdated lt "1999-01-01T00:00:00.000Z" or id eq "` + all[2]["id"].(string) + `")`}, []string{text(all[2], "name")}},
		{[]string{"search", `profile.name sw "it"`}, []string{"IT"}},
		{[]string{"search", `profile.name co "ecut"`}, []string{"Executive"}},
		{[]string{"search", `profile.description pr and profile.name gt "r" and type eq "okta_group"`, "sortBy", "profile.name"}, []string{"R&D", "Sales"}},
		{[]string{"search", `created pr`, "sortBy", "profile.name"}, byName},
		{[]string{"search", `type sw "B"`, "q", "nothing", "filter", "ignored"}, []string{"Everyone"}},
	} {
		params := url.Values{}
		for i := 0; i < len(c.params); i += 2 {
			params.Set(c.params[i], c.params[i+1])
		}
		for _, path := range []string{groupsPath, groupsPath + "/"} {
			if got := names(objects(t, do(o, "GET", path+"?"+params.Encode(), ""))); !slices.Equal(got, append([]string{}, c.want...)) {
				t.Errorf("%q: %q, want %q", c.params, got, c.want)
			}
		}
		params.Set("limit", "4")
		got, pages := walk(t, o, groupsPath+"?"+params.Encode())
		if !slices.Equal(names(got), append([]string{}, c.want...)) || pages != max((len(c.want)+3)/4, 1) {
			t.Errorf("%q in %d pages: %q", c.params, pages, names(got))
		}
	}
	desc, _ := walk(t, o, groupsPath+"?limit=5&search=id+pr&sortBy=profile.name&sortOrder=desc")
	slices.Reverse(byName)
	if !slices.Equal(names(desc), byName) {
		t.Errorf("descending: %q", names(desc))
	}
	link := do(o, "GET", groupsPath+"?q=s", "").header["Link"]
	if plain := do(o, "GET", groupsPath, "").header["Link"]; plain[0] != `<http://acme.example/api/v1/groups?limit=10000>; rel="self"` ||
		link[0] != `<http://acme.example/api/v1/groups?limit=300&q=s>; rel="self"` {
		t.Errorf("%q %q", plain, link)
	}
	// What q finds has one page.
	cut := do(o, "GET", groupsPath+"?q=s&limit=1", "")
	if found := objects(t, cut); len(found) != 1 || len(cut.header["Link"]) != 1 {
		t.Errorf("%d groups, %q", len(found), cut.header["Link"])
	}
}

func TestListsOfGroupsThatAreRefused(t *testing.T) {
	o := newTestOrg(Options{})
	for query, code := range map[string]string{
		"limit=x": "E0000037", "limit=0": "E0000001", "after=nope": "E0000029",
		"search=nope+eq+%22x%22": "E0000031", "search=profile.name": "E0000031", "search=profile.name+eq+1": "E0000031",
		"search=type+co+%22GROUP%22": "E0000031", "search=id+co+%2200g%22": "E0000031", "search=created+sw+%22x%22": "E0000031", "search=created+gt+%22x%22": "E0000030", "search=id+pr&sortBy=nope": "E0000031",
		"search=id+pr&sortBy=id&sortOrder=up": "E0000031", "filter=profile.name+eq+%22x%22": "E0000031", "filter=type+sw+%22x%22": "E0000031",
		"filter=id+pr": "E0000031", "search=id+pr&sortBy=id&after=00g00000000000000000": "E0000031",
	} {
		wantError(t, do(o, "GET", groupsPath+"?"+query, ""), 400, code)
	}
	wantError(t, do(o, "GET", groupURI(groupNamed(t, o, "Everyone"), "/users?after=00g00000000000000000"), ""), 400, "E0000029")
	wantError(t, do(o, "PATCH", groupsPath, ""), 405, "E0000022")
}

func TestGroupsOfALargeOrg(t *testing.T) {
	o := newTestOrg(Options{Users: 1_000_000})
	g := groupNamed(t, o, "Legal")
	u := objects(t, do(o, "GET", groupURI(g, "/users?limit=20"), ""))[19]
	if got := names(objects(t, do(o, "GET", uriOf(u, "/groups"), ""))); !slices.Equal(got, []string{"Everyone", "Legal"}) {
		t.Errorf("in %q", got)
	}
	if len(o.store.changed) > 0 {
		t.Error("users were made to list them")
	}
}

func FuzzGroupSearch(f *testing.F) {
	for _, text := range []string{`type eq "OKTA_GROUP"`, `profile.name sw "a" or created gt "2020-01-01T00:00:00.000Z"`, `(id pr and lastUpdated le "x")`, `type eq 7`} {
		f.Add(text, false)
		f.Add(text, true)
	}
	groups := newGroups(newGenerator(0, 0, "5d7"))
	f.Fuzz(func(t *testing.T, text string, isFilter bool) {
		d := searchDialect
		if isFilter {
			d = filterDialect
		}
		match, bad := compileGroups(text, d)
		if (match == nil) == (bad == nil) {
			t.Fatalf("%q: neither or both", text)
		}
		if bad != nil && bad.status != 400 {
			t.Fatalf("%q: %d", text, bad.status)
		}
		for _, g := range groups {
			if bad == nil {
				match(g)
			}
		}
	})
}

func FuzzGroupAndTypeBodies(f *testing.F) {
	for _, body := range []string{`{"profile":{"name":"A","description":null}}`, `{"name":"robot","displayName":"Robot","description":"x"}`, `{"profile":{"name":"A","name":"B"}}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o := newTestOrg(Options{})
		for _, path := range []string{groupsPath, typesPath} {
			res := post(o, path, body)
			if res.status != 200 && res.status != 400 || !json.Valid([]byte(res.body)) {
				t.Fatalf("POST %s %q: %d %s", path, body, res.status, res.body)
			}
			if res.status != 200 {
				continue
			}
			made := decoded(t, res)
			if again := do(o, "PUT", path+"/"+made["id"].(string), res.body); again.status != 200 && made["description"] != nil {
				t.Fatalf("%q: the answer %s is refused: %s", body, res.body, again.body)
			}
			objects(t, do(o, "GET", path, ""))
		}
	})
}
