package oktatest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const defaultSchema = schemasPath + "default"

// properties are the custom or base properties of a schema.
func properties(t *testing.T, res response, part string) object {
	t.Helper()
	return decoded(t, res)["definitions"].(object)[part].(object)["properties"].(object)
}

// setCustom changes custom properties; the answer must be a success.
func setCustom(t *testing.T, o *Org, schema, list string) object {
	t.Helper()
	return properties(t, post(o, schema, customBody(list)), "custom")
}

func customBody(list string) string {
	return `{"definitions":{"custom":{"id":"#custom","type":"object","properties":` + list + `}}}`
}

func TestTheDefaultSchemaAsOktaShowsIt(t *testing.T) {
	o := newTestOrg(Options{Users: 1})
	body := do(o, "GET", defaultSchema, "").body
	tail := o.types[0].tail
	for _, part := range []string{
		`{"id":"http://acme.example/meta/schemas/user/default","$schema":"http://json-schema.org/draft-04/schema#","name":"user","title":"User",` +
			`"description":"Okta user profile template with default permission settings","lastUpdated":"2019-01-01T00:00:00.000Z","created":"2019-01-01T00:00:00.000Z",` +
			`"definitions":{"custom":{"id":"#custom","type":"object","properties":{"badge":{"title":"Badge number","type":"string","mutability":"READ_WRITE","scope":"NONE","permissions":[{"principal":"SELF","action":"READ_ONLY"}]},`,
		`"projects":{"title":"Projects","type":"array","mutability":"READ_WRITE","scope":"NONE","items":{"type":"string"},"permissions":[{"principal":"SELF","action":"READ_ONLY"}]}},"required":[]},` +
			`"base":{"id":"#base","type":"object","properties":{"login":{"title":"Username","type":"string","required":true,"mutability":"READ_WRITE","scope":"NONE","minLength":5,"maxLength":100,"permissions":[{"principal":"SELF","action":"READ_ONLY"}]},` +
			`"firstName":{"title":"First name","type":"string","required":true,"mutability":"READ_WRITE","scope":"NONE","minLength":1,"maxLength":50,"permissions":[{"principal":"SELF","action":"READ_WRITE"}]},`,
		`"email":{"title":"Primary email","type":"string","required":true,"format":"email","mutability":"READ_WRITE","scope":"NONE","permissions":[{"principal":"SELF","action":"READ_WRITE"}]},`,
		`"primaryPhone":{"title":"Primary phone","type":"string","mutability":"READ_WRITE","scope":"NONE","maxLength":100,"permissions":[{"principal":"SELF","action":"HIDE"}]},`,
		`"manager":{"title":"Manager","type":"string","mutability":"READ_WRITE","scope":"NONE","permissions":[{"principal":"SELF","action":"READ_ONLY"}]}},"required":["login","firstName","lastName","email"]}},` +
			`"type":"object","properties":{"profile":{"allOf":[{"$ref":"#/definitions/custom"},{"$ref":"#/definitions/base"}]}},` +
			`"_links":{"self":{"rel":"self","href":"http://acme.example/api/v1/meta/schemas/user/osc` + tail + `","method":"GET"},"type":{"rel":"type","href":"http://acme.example/api/v1/meta/types/user/oty` + tail + `","method":"GET"}}}`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("%s\nis not in\n%s", part, body)
		}
	}
	if !json.Valid([]byte(body)) {
		t.Error("not JSON")
	}
	if n := len(properties(t, do(o, "GET", schemasPath+"osc"+tail, ""), "base")); n != 31 {
		t.Errorf("%d base properties", n)
	}
	other := decoded(t, do(o, "GET", schemasPath+"osc"+o.types[1].tail, ""))
	if other["id"] != "http://acme.example/meta/schemas/user/osc"+o.types[1].tail || other["name"] != "contractor" {
		t.Errorf("the schema of another type: %v %v", other["id"], other["name"])
	}
	wantRefusal(t, do(o, "GET", schemasPath+"oscNope", ""), 404, "E0000007", "Not found: Resource not found: oscNope (UserSchema)")
	wantRefusal(t, post(o, schemasPath+"nope", "{"), 404, "E0000007", "Not found: Resource not found: nope (UserSchema)")
}

func TestGeneratedUsersFitTheirSchema(t *testing.T) {
	o := newTestOrg(Options{Users: 3000, Seed: 9})
	for i := range 3000 {
		p := testPerson(o.store.gen, i)
		if list := o.schemaFor(o.store.gen.typeTail(i)).violations(p.attributes(), true); len(list) > 0 {
			t.Fatalf("user %d: %v", i, list)
		}
	}
}

func TestAttributesAreAddedAndCheckedOnUsers(t *testing.T) {
	o := newTestOrg(Options{})
	o.Advance(time.Hour)
	custom := setCustom(t, o, defaultSchema, `{
		"code":{"title":"Code","type":"string","minLength":2,"maxLength":4,"description":"A code","permissions":[{"principal":"SELF","action":"HIDE"}]},
		"level":{"title":"Level","type":"integer","enum":[1,2,3],"master":{"type":"PROFILE_MASTER"}},
		"ratio":{"title":"Ratio","type":"number","minimum":0.5,"maximum":2},
		"remote":{"title":"Remote","type":"boolean"},
		"color":{"title":"Color","type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]},
		"site":{"title":"Site","type":"string","format":"uri"},
		"ranks":{"title":"Ranks","type":"array","items":{"type":"integer"}},
		"tags":{"title":"Tags","type":"array","items":{"type":"string","enum":["a","b"]}}}`)
	if len(custom) != 5+8 {
		t.Fatalf("%d custom properties", len(custom))
	}
	for name, want := range map[string]string{
		"code":  `{"description":"A code","maxLength":4,"minLength":2,"mutability":"READ_WRITE","permissions":[{"action":"HIDE","principal":"SELF"}],"scope":"NONE","title":"Code","type":"string"}`,
		"level": `{"enum":[1,2,3],"master":{"type":"PROFILE_MASTER"},"mutability":"READ_WRITE","permissions":[{"action":"READ_ONLY","principal":"SELF"}],"scope":"NONE","title":"Level","type":"integer"}`,
		"color": `{"mutability":"READ_WRITE","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}],"permissions":[{"action":"READ_ONLY","principal":"SELF"}],"scope":"NONE","title":"Color","type":"string"}`,
		"tags":  `{"items":{"enum":["a","b"],"type":"string"},"mutability":"READ_WRITE","permissions":[{"action":"READ_ONLY","principal":"SELF"}],"scope":"NONE","title":"Tags","type":"array"}`,
	} {
		if got, _ := json.Marshal(custom[name]); string(got) != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	u := create(t, o, "", profileOf("a@acme.example"), "")
	for _, c := range []struct{ attr, value, refused string }{
		{"code", `"ab"`, ""}, {"code", `"abcd"`, ""}, {"code", `"a"`, "code"}, {"code", `"abcde"`, "code"}, {"code", `7`, "code"}, {"code", `null`, ""},
		{"level", `2`, ""}, {"level", `4`, "level"}, {"level", `"2"`, "level"}, {"level", `1.5`, "level"}, {"level", `99999999999`, "level"},
		{"ratio", `0.5`, ""}, {"ratio", `2`, ""}, {"ratio", `2.5`, "ratio"}, {"ratio", `true`, "ratio"},
		{"remote", `true`, ""}, {"remote", `"true"`, "remote"},
		{"color", `"r"`, ""}, {"color", `"Red"`, "color"},
		{"site", `"https://acme.example/x"`, ""}, {"site", `"nowhere"`, "site"},
		{"ranks", `[3,1]`, ""}, {"ranks", `["3"]`, "ranks"}, {"ranks", `3`, "ranks"}, {"ranks", `[]`, ""},
		{"tags", `["a","b"]`, ""}, {"tags", `["a","c"]`, "tags"},
	} {
		res := post(o, uriOf(u, ""), `{"profile":{"`+c.attr+`":`+c.value+`}}`)
		if c.refused == "" {
			got := profile(decoded(t, res))[c.attr]
			if back, _ := json.Marshal(got); string(back) != c.value {
				t.Errorf("%s %s comes back as %s", c.attr, c.value, back)
			}
			continue
		}
		summary, causes := wantError(t, res, 400, "E0000001")
		if summary != "Api validation failed: "+c.refused || len(causes) != 1 || !strings.HasPrefix(causes[0], c.refused+": ") {
			t.Errorf("%s %s: %s %q", c.attr, c.value, summary, causes)
		}
	}
	// Searches know the new attributes, and their types.
	for search, want := range map[string]int{
		`profile.ratio ge 2`: 1, `profile.ratio lt 2`: 0, `profile.remote eq true`: 1, `profile.color sw "R"`: 1, `profile.tags eq "B"`: 1,
		`profile.level eq 2 and profile.site pr`: 1, `profile.code pr`: 0,
	} {
		if got := listOf(t, o, "search", search); len(got) != want {
			t.Errorf("%s: %d users", search, len(got))
		}
	}
	wantError(t, do(o, "GET", usersURI("search", `profile.level eq "2"`), ""), 400, "E0000031")
	must(t, post(o, uriOf(u, ""), `{"profile":{"ranks":[5,9]}}`))
	if len(listOf(t, o, "search", `profile.ranks eq 9`)) != 1 || len(listOf(t, o, "search", `profile.ranks gt 9`)) != 0 {
		t.Error("an array of numbers")
	}
}

// listOf lists users, on one page.
func listOf(t *testing.T, o *Org, params ...string) []object {
	t.Helper()
	return objects(t, do(o, http.MethodGet, usersURI(params...), ""))
}

func TestRequiredAttributes(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("a@acme.example"), "")
	setCustom(t, o, defaultSchema, `{"code":{"title":"Code","type":"string","required":true}}`)
	if list := decoded(t, do(o, "GET", defaultSchema, ""))["definitions"].(object)["custom"].(object)["required"]; len(list.([]any)) != 1 {
		t.Errorf("required: %v", list)
	}
	wantRefusal(t, post(o, usersPath, `{"profile":`+profileOf("b@acme.example")+`}`), 400, "E0000001", "Api validation failed: code", "code: The field cannot be left blank")
	must(t, post(o, uriOf(u, ""), `{"profile":{"title":"x"}}`)) // a partial update need not have it
	wantRefusal(t, post(o, uriOf(u, ""), `{"profile":{"code":null}}`), 400, "E0000001", "Api validation failed: code", "code: The field cannot be left blank")

	// Base: names may be made optional, the login may have a pattern.
	base := func(list string) response {
		return post(o, defaultSchema, `{"definitions":{"base":{"properties":`+list+`}}}`)
	}
	setCustom(t, o, defaultSchema, `{"code":null}`)
	must(t, base(`{"firstName":{"required":false},"login":{"pattern":".+"},"city":{"title":"ignored","permissions":[{"principal":"SELF","action":"READ_WRITE"}]}}`))
	city, _ := json.Marshal(properties(t, do(o, "GET", defaultSchema, ""), "base")["city"])
	if want := `{"mutability":"READ_WRITE","permissions":[{"action":"READ_WRITE","principal":"SELF"}],"scope":"NONE","title":"City","type":"string"}`; string(city) != want {
		t.Errorf("%s", city)
	}
	must(t, post(o, usersPath, `{"profile":{"login":"x","email":"x@acme.example","lastName":"X"}}`))
	must(t, base(`{"login":{"pattern":"[-a-z]+"}}`))
	must(t, post(o, usersPath, `{"profile":{"login":"abc-def","email":"x@acme.example","lastName":"X"}}`))
	wantRefusal(t, post(o, usersPath, `{"profile":{"login":"Abc-def","email":"x@acme.example","lastName":"X"}}`), 400, "E0000001", "Api validation failed: login", "login: Does not match required pattern")
	for _, list := range []string{`{"login":{"pattern":"a*"}}`, `{"login":{"pattern":"[]+"}}`, `{"login":{"pattern":"[z-a]+"}}`, `{"city":null}`, `{"nope":{}}`, `{"code":{}}`, `{"city":{"permissions":[{"principal":"SELF","action":"READ"}]}}`} {
		wantError(t, base(list), 400, "E0000001")
	}
	wantError(t, base(`[]`), 400, "E0000003")
}

func TestSchemaChangesThatAreRefused(t *testing.T) {
	o := newTestOrg(Options{})
	before := do(o, "GET", defaultSchema, "").body
	for _, list := range []string{
		`{"x":{"type":"string"}}`, `{"x":{"title":"X"}}`, `{"x":{"title":" ","type":"string"}}`, `{"x":{"title":"X","type":"text"}}`,
		`{"x":{"title":"X","type":"array"}}`, `{"x":{"title":"X","type":"array","items":{"type":"boolean"}}}`, `{"1x":{"title":"X","type":"string"}}`,
		`{"x-y":{"title":"X","type":"string"}}`, `{"login":{"title":"X","type":"string"}}`, `{"login":null}`, `{"badge":{"title":"Badge","type":"integer"}}`,
		`{"x":{"title":"X","type":"string","minLength":5,"maxLength":4}}`, `{"x":{"title":"X","type":"string","minLength":-5}}`, `{"x":{"title":"X","type":"string","format":"shoe"}}`,
		`{"x":{"title":"X","type":"string","enum":[1]}}`, `{"x":{"title":"X","type":"integer","oneOf":[{"const":"a","title":"A"}]}}`, `{"x":{"title":"X","type":"string","enum":[{}]}}`,
		`{"x":{"title":"X","type":"string","permissions":[{"principal":"SELF","action":"SOME"}]}}`, `{"badge":{"unique":true}}`,
		`{"good":{"title":"Good","type":"string"},"x":{}}`,
	} {
		wantError(t, post(o, defaultSchema, customBody(list)), 400, "E0000001")
	}
	for _, body := range []string{``, `{`, `[]`, `{"definitions":7}`, customBody(`[]`), customBody(`{"x":7}`), customBody(`{"x":{"title":7}}`)} {
		wantError(t, post(o, defaultSchema, body), 400, "E0000003")
	}
	if do(o, "GET", defaultSchema, "").body != before {
		t.Error("a refused change has changed something")
	}
	// Sending the schema back as it was is fine.
	if again := post(o, defaultSchema, before); properties(t, again, "custom")["badge"] == nil {
		t.Error("the schema sent back")
	}
}

func TestUniqueAttributes(t *testing.T) {
	o := newTestOrg(Options{})
	custom := setCustom(t, o, defaultSchema, `{"card":{"title":"Card","type":"string","unique":true}}`)
	if custom["card"].(object)["unique"] != "UNIQUE_VALIDATED" {
		t.Errorf("%v", custom["card"])
	}
	u := create(t, o, "", strings.Replace(profileOf("a@acme.example"), "{", `{"card":"77",`, 1), "")
	create(t, o, "", profileOf("b@acme.example"), "")
	wantRefusal(t, post(o, usersPath, `{"profile":`+strings.Replace(profileOf("c@acme.example"), "{", `{"card":"77",`, 1)+`}`), 400, "E0000001",
		"Api validation failed: card", "card: "+causeDuplicate)
	must(t, post(o, uriOf(u, ""), `{"profile":{"card":"77"}}`))
	must(t, post(o, defaultSchema, customBody(`{"c2":{"title":"C","type":"string","unique":true},"c3":{"title":"C","type":"string","unique":true},"c4":{"title":"C","type":"string","unique":true},"c5":{"title":"C","type":"string","unique":true}}`)))
	wantError(t, post(o, defaultSchema, customBody(`{"c6":{"title":"C","type":"string","unique":true}}`)), 400, "E0000001")
	must(t, post(o, defaultSchema, customBody(`{"c5":null,"c6":{"title":"C","type":"string","unique":true}}`)))
}

func TestRemovedAttributesVanishFromUsersForGood(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Hour} {
		o := newTestOrg(Options{Users: 400, Seed: 6, SearchLag: lag})
		setCustom(t, o, defaultSchema, `{"code":{"title":"Code","type":"string"}}`)
		u := create(t, o, "", strings.Replace(profileOf("a@acme.example"), "{", `{"code":"x","floor":3,`, 1), "")
		quiet := create(t, o, "", strings.Replace(profileOf("quiet@acme.example"), "{", `{"code":"x","floor":3,`, 1), "")
		has := func(t *testing.T, name string) (n, contractors int) {
			t.Helper()
			for _, one := range everybody(t, o) {
				if _, ok := profile(one)[name]; ok {
					n++
					if one["type"].(object)["id"] != "oty"+o.types[0].tail {
						contractors++
					}
				}
			}
			return n, contractors
		}
		all, contractors := has(t, "floor")
		if all < 80 || contractors < 3 {
			t.Fatalf("%d and %d users have a floor", all, contractors)
		}
		listOf(t, o, "search", "id pr", "sortBy", "profile.floor") // which is remembered
		o.Advance(time.Minute)
		if custom := setCustom(t, o, defaultSchema, `{"floor":null,"code":null,"nope":null}`); custom["floor"] != nil || custom["code"] != nil || custom["badge"] == nil {
			t.Fatalf("%v", custom)
		}
		if n, still := has(t, "floor"); n != contractors || still != contractors {
			t.Errorf("%d users have a floor, of the other type %d; want %d", n, still, contractors)
		}
		if got := profile(again(t, o, u)); got["code"] != nil || got["floor"] != nil {
			t.Errorf("%v", got)
		}
		wantError(t, do(o, "GET", usersURI("search", `profile.code pr`), ""), 400, "E0000031")
		if got := listOf(t, o, "search", `profile.floor pr`); len(got) != contractors {
			t.Errorf("a search finds %d, want %d", len(got), contractors)
		}
		if first := listOf(t, o, "search", "id pr", "sortBy", "profile.floor", "limit", "1")[0]; first["type"].(object)["id"] == "oty"+o.types[0].tail {
			t.Error("the order is that of before")
		}
		wantRefusal(t, post(o, uriOf(u, ""), `{"profile":{"floor":3}}`), 400, "E0000001", "Api validation failed: user", "Property name 'floor' is not defined in profile")

		// Added again, even as another type, it has no values. The other type's values stay numbers.
		setCustom(t, o, defaultSchema, `{"floor":{"title":"Floor","type":"string"}}`)
		if n, _ := has(t, "floor"); n != contractors {
			t.Errorf("%d users have a floor again", n)
		}
		must(t, post(o, uriOf(u, ""), `{"profile":{"floor":"attic"}}`))
		o.Advance(2 * time.Hour)
		if got := ids(listOf(t, o, "search", `profile.floor eq "ATTIC"`)); !slices.Equal(got, []string{u["id"].(string)}) {
			t.Errorf("%q", got)
		}
		for _, found := range listOf(t, o, "search", `id eq "`+u["id"].(string)+`" or id eq "`+quiet["id"].(string)+`"`) {
			if p := profile(found); p["code"] != nil || p["floor"] != nil && p["floor"] != "attic" {
				t.Errorf("lag %v: %v", lag, p)
			}
		}
	}
}

func FuzzSchemaChange(f *testing.F) {
	for _, list := range []string{`{"x":{"title":"X","type":"string","enum":["a"]}}`, `{"x":null}`, `{"x":{"title":"X","type":"array","items":{"type":"number","oneOf":[{"const":1,"title":"one"}]}}}`, `{"floor":null}`} {
		f.Add(customBody(list))
	}
	f.Add(`{"definitions":{"base":{"properties":{"login":{"pattern":"[a-z]+"}}}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		o := newTestOrg(Options{Users: 3})
		res := post(o, defaultSchema, body)
		if res.status != 200 && res.status != 400 || !json.Valid([]byte(res.body)) {
			t.Fatalf("%q: %d %s", body, res.status, res.body)
		}
		for u := range o.Users() {
			if !json.Valid(u) {
				t.Fatalf("%q: %s", body, u)
			}
		}
		if again := post(o, defaultSchema, res.body); res.status == 200 && again.status != 200 {
			t.Fatalf("%q: the answer %s is refused: %s", body, res.body, again.body)
		}
	})
}
