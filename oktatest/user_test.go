package oktatest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// one returns the first user of the status, as a get of its own.
func one(t *testing.T, s *Server, status string) object {
	t.Helper()
	users, _ := list(t, s, usersURI("search", `status eq "`+status+`"`, "limit", "1"))
	if len(users) != 1 {
		t.Fatalf("no user is %s", status)
	}
	res := get(t, s, usersPath+"/"+users[0]["id"].(string))
	var u object
	if err := json.Unmarshal([]byte(res.body), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestEmptyAttributesAreLeftOutButForPhoneAndSecondEmail(t *testing.T) {
	org := New(Options{Users: 2000})
	seen := map[string]int{}
	for _, u := range everybody(t, org) {
		for name, v := range profile(u) {
			seen[name]++
			if v == nil && name != "mobilePhone" && name != "secondEmail" {
				t.Fatalf("%s is null", name)
			}
			if _, known := attrByName[name]; !known {
				t.Fatalf("%s is in no schema", name)
			}
		}
	}
	for _, always := range []string{"login", "email", "firstName", "lastName", "mobilePhone", "secondEmail"} {
		if seen[always] != 2000 {
			t.Errorf("%d of 2000 users have %s", seen[always], always)
		}
	}
	for a := range attrs {
		if name := schema[a].name; seen[name] == 0 || schema[a].perMille < 900 && seen[name] > 1950 && a != attrMobilePhone && a != attrSecondEmail {
			t.Errorf("%d of 2000 users have %s", seen[name], name)
		}
	}
}

func TestTopLevelKeysAreInOktasOrderWithExplicitNulls(t *testing.T) {
	s := Start(t, Options{Users: 300})
	res := get(t, s, usersURI("search", `status eq "STAGED"`, "limit", "1"))
	dec := json.NewDecoder(strings.NewReader(res.body[1 : len(res.body)-1]))
	var keys []string
	dec.Token()
	for dec.More() {
		key, _ := dec.Token()
		keys = append(keys, key.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
		if (key == "activated" || key == "lastLogin") && string(skip) != "null" {
			t.Errorf("%s of a staged user is %s", key, skip)
		}
	}
	want := []string{"id", "status", "created", "activated", "statusChanged", "lastLogin", "lastUpdated",
		"passwordChanged", "type", "profile", "credentials", "_links"}
	if !slices.Equal(keys, want) {
		t.Errorf("keys are %q", keys)
	}
}

func TestIDsAndTimestampsHaveOktasShape(t *testing.T) {
	id := regexp.MustCompile(`^00u[0-9A-Za-z]{14}4x6$`)
	typeID := regexp.MustCompile(`^oty[0-9A-Za-z]{14}4x6$`)
	stamp := regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$`)
	types := map[string]int{}
	last := ""
	for _, u := range everybody(t, New(Options{Users: 500, IDSuffix: "4x6"})) {
		uid := u["id"].(string)
		if !id.MatchString(uid) || uid <= last {
			t.Fatalf("id %q after %q", uid, last)
		}
		last = uid
		tid := u["type"].(object)["id"].(string)
		if !typeID.MatchString(tid) || len(u["type"].(object)) != 1 {
			t.Fatalf("type is %v", u["type"])
		}
		types[tid]++
		for _, name := range []string{"created", "activated", "statusChanged", "lastLogin", "lastUpdated", "passwordChanged"} {
			v, there := u[name]
			if text, isText := v.(string); !there || v != nil && (!isText || !stamp.MatchString(text)) {
				t.Fatalf("%s is %v", name, v)
			}
		}
		if u["created"] == nil || u["lastUpdated"] == nil {
			t.Fatal("created or lastUpdated is null")
		}
	}
	if len(types) != 2 {
		t.Errorf("user types: %v", types)
	}
}

func TestTimesAndCredentialsFitTheStatus(t *testing.T) {
	null := func(u object, name string) bool { return u[name] == nil }
	seen := map[string]int{}
	for _, u := range everybody(t, New(Options{Users: 6000, Seed: 3})) {
		status := u["status"].(string)
		seen[status]++
		credentials := u["credentials"].(object)
		_, password := credentials["password"]
		kind := credentials["provider"].(object)["type"].(string)
		bad := func(what string) { t.Errorf("%s user: %s: %v", status, what, u) }
		for i, order := range [][2]string{{"created", "activated"}, {"activated", "statusChanged"}, {"statusChanged", "lastUpdated"},
			{"created", "passwordChanged"}, {"activated", "lastLogin"}, {"created", "lastUpdated"}} {
			a, b := u[order[0]], u[order[1]]
			if a != nil && b != nil && a.(string) > b.(string) {
				bad("times are out of order: " + order[0] + " after " + order[1])
			}
			if i == 1 && a != nil && b == nil {
				bad("activated without a change of status")
			}
		}
		for _, name := range []string{"created", "lastUpdated", "lastLogin", "statusChanged"} {
			if at, ok := u[name].(string); ok && (at < "2019-01-01" || at >= "2026-07-01") {
				bad(name + " is outside of the org's history")
			}
		}
		switch status {
		case "STAGED":
			if !null(u, "activated") || !null(u, "lastLogin") || null(u, "statusChanged") == password || null(u, "passwordChanged") == password {
				bad("never activated")
			}
		case "PROVISIONED":
			if null(u, "activated") || !null(u, "lastLogin") || password {
				bad("has no password yet")
			}
		case "DEPROVISIONED":
			if password || null(u, "statusChanged") || null(u, "activated") && !null(u, "lastLogin") {
				bad("has lost the password")
			}
		case "ACTIVE", "SUSPENDED":
			federated := kind == "FEDERATION" || kind == "ACTIVE_DIRECTORY"
			if null(u, "activated") || password == federated || null(u, "passwordChanged") == password {
				bad("credentials")
			}
		default:
			if null(u, "activated") || !password || null(u, "passwordChanged") {
				bad("has a password")
			}
		}
		if kind == "IMPORT" && !null(u, "lastLogin") {
			bad("provider is IMPORT after a sign-in")
		}
		if len(credentials["provider"].(object)) != 2 {
			bad("provider")
		}
	}
	if len(seen) != int(statuses) {
		t.Errorf("statuses: %v", seen)
	}
}

func TestASetPasswordReadsBackAsAnEmptyObject(t *testing.T) {
	s := Start(t, Options{Users: 300})
	res := get(t, s, usersURI("search", `status eq "PASSWORD_EXPIRED"`, "limit", "1"))
	if !strings.Contains(res.body, `"credentials":{"password":{},`) {
		t.Error(res.body)
	}
	for _, secret := range []string{`"value"`, `"answer"`} {
		if strings.Contains(res.body, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if strings.Contains(get(t, s, usersURI("search", `status eq "PROVISIONED"`)).body, `"password"`) {
		t.Error("a user without a password shows one")
	}
}

func TestListElementsHaveOnlyTheSelfLink(t *testing.T) {
	s := Start(t, Options{Users: 50})
	for _, u := range listAll(t, s) {
		links := u["_links"].(object)
		self := links["self"].(object)
		if len(links) != 1 || len(self) != 1 || self["href"] != s.URL+usersPath+"/"+u["id"].(string) {
			t.Fatalf("_links: %v", links)
		}
	}
}

func TestSingleUsersHaveTheLinksOfTheirStatus(t *testing.T) {
	s := Start(t, Options{Users: 300})
	withPassword := []string{"changePassword", "changeRecoveryQuestion", "deactivate", "expirePassword", "forgotPassword", "resetPassword", "suspend"}
	for status, want := range map[string][]string{
		"STAGED":           {"activate"},
		"PROVISIONED":      {"deactivate", "reactivate", "resetPassword", "suspend"},
		"PASSWORD_EXPIRED": withPassword,
		"LOCKED_OUT":       append([]string{"unlock"}, withPassword...),
		"SUSPENDED":        {"deactivate", "unsuspend"},
		"DEPROVISIONED":    {"activate", "delete"},
		"RECOVERY":         {"changePassword", "changeRecoveryQuestion", "deactivate", "reactivate", "resetPassword", "suspend"},
	} {
		links := one(t, s, status)["_links"].(object)
		want = append(want, "self", "schema", "type", "resetFactors")
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(links)); !slices.Equal(got, want) {
			t.Errorf("%s: links are %q, want %q", status, got, want)
		}
		for name, link := range links {
			method, has := link.(object)["method"]
			switch name {
			case "self", "schema", "type":
				if has {
					t.Errorf("%s has a method", name)
				}
			case "delete":
				if method != "DELETE" {
					t.Errorf("delete by %v", method)
				}
			default:
				if method != "POST" {
					t.Errorf("%s by %v", name, method)
				}
			}
		}
	}
}

func TestActiveUsersWithoutAPasswordHaveTheFederatedLinks(t *testing.T) {
	s := Start(t, Options{Users: 2000})
	for _, u := range listAll(t, s, "search", `status eq "ACTIVE"`) {
		if u["credentials"].(object)["provider"].(object)["type"] != "FEDERATION" {
			continue
		}
		var full object
		if err := json.Unmarshal([]byte(get(t, s, usersPath+"/"+u["id"].(string)).body), &full); err != nil {
			t.Fatal(err)
		}
		links := full["_links"].(object)
		if _, has := links["changePassword"]; has || links["resetPassword"] == nil {
			t.Errorf("links: %v", links)
		}
		return
	}
	t.Error("no federated user in 2000")
}

func TestTypeAndSchemaLinksShareTheTail(t *testing.T) {
	s := Start(t, Options{Users: 300})
	u := one(t, s, "ACTIVE")
	tail := strings.TrimPrefix(u["type"].(object)["id"].(string), "oty")
	links := u["_links"].(object)
	if got := links["schema"].(object)["href"]; got != s.URL+"/api/v1/meta/schemas/user/osc"+tail {
		t.Error(got)
	}
	if got := links["type"].(object)["href"]; got != s.URL+"/api/v1/meta/types/user/oty"+tail {
		t.Error(got)
	}
}

func TestUsersAreFoundByIDLoginAndShortName(t *testing.T) {
	s := Start(t, Options{Users: 600})
	all := everybody(t, s.Org)
	for _, u := range all[:60] {
		id, login := u["id"].(string), text(u, "login")
		short, _, _ := strings.Cut(login, "@")
		keys := []string{id}
		if !strings.Contains(login, "/") {
			keys = append(keys, login, strings.ToUpper(login), strings.ToLower(login), short, foldLogin(login))
		}
		for _, key := range keys {
			res := get(t, s, usersPath+"/"+url.PathEscape(key))
			if res.status != http.StatusOK || !strings.HasPrefix(res.body, `{"id":"`+id+`"`) {
				t.Errorf("%q: %d %.200s", key, res.status, res.body)
			}
		}
		if swapped := strings.ToUpper(id); swapped != id {
			wantError(t, get(t, s, usersPath+"/"+swapped), http.StatusNotFound, "E0000007")
		}
	}
	if u := all[37]; !strings.Contains(text(u, "login"), "/") {
		t.Errorf("user 37 has the login %s", text(u, "login"))
	} else {
		wantError(t, get(t, s, usersPath+"/"+url.PathEscape(text(u, "login"))), http.StatusNotFound, "E0000007")
	}
}

func TestADeprovisionedUserCanBeGotten(t *testing.T) {
	s := Start(t, Options{Users: 300})
	u := one(t, s, "DEPROVISIONED")
	if res := get(t, s, usersPath+"/"+url.PathEscape(text(u, "login"))); res.status != http.StatusOK {
		t.Error(res.body)
	}
}

func TestAnUnknownUserIsEchoed(t *testing.T) {
	s := Start(t, Options{Users: 10})
	for _, key := range []string{"00uNope", "nobody@acme.example", "josé núñez", "a/b", "999999@acme.example", "ada0@acme.example", "."} {
		summary, causes := wantError(t, get(t, s, usersPath+"/"+url.PathEscape(key)), http.StatusNotFound, "E0000007")
		if summary != "Not found: Resource not found: "+key+" (User)" || len(causes) != 0 {
			t.Errorf("%q: %s %q", key, summary, causes)
		}
	}
}

func TestMeIsTheFirstActiveUser(t *testing.T) {
	s := Start(t, Options{Users: 200})
	first, _ := list(t, s, usersURI("search", `status eq "ACTIVE"`, "limit", "1"))
	if res := get(t, s, usersPath+"/me"); !strings.HasPrefix(res.body, `{"id":"`+first[0]["id"].(string)) {
		t.Errorf("%.100s", res.body)
	}
	wantError(t, get(t, Start(t, Options{}), usersPath+"/me"), http.StatusNotFound, "E0000007")
}

func TestETagIsWeakAndOnlyOnSingleUsers(t *testing.T) {
	s := Start(t, Options{Users: 10})
	if tag := get(t, s, usersPath+"/me").header.Get("ETag"); !regexp.MustCompile(`^W/"[0-9a-f]{64}"$`).MatchString(tag) {
		t.Errorf("ETag: %s", tag)
	}
	if tag := get(t, s, usersPath).header.Get("ETag"); tag != "" {
		t.Errorf("ETag of a list: %s", tag)
	}
	g := newGenerator(10, 0, "5d7")
	a, b := user{profile: testPerson(g, 1).attributes()}, user{profile: testPerson(g, 1).attributes(), status: suspended, lastLogin: 5}
	c := user{profile: testPerson(g, 2).attributes()}
	if a.etag() != b.etag() || a.etag() == c.etag() {
		t.Error("the ETag isn't that of the profile")
	}
}

func testPerson(g *generator, i int) *person {
	p := g.person(i)
	return &p
}

func TestOktaResponseOnContentTypeTrims(t *testing.T) {
	s := Start(t, Options{Users: 300})
	id := one(t, s, "ACTIVE")["id"].(string)
	for _, header := range []string{
		"application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus",
		`application/json; okta-response="omitCredentials, omitCredentialsLinks, somethingNew"`,
	} {
		users, _ := list(t, s, usersPath, "Content-Type", header)
		if _, has := users[0]["credentials"]; has {
			t.Errorf("%s: credentials are there", header)
		}
		body := get(t, s, usersPath+"/"+id, "Content-Type", header).body
		if strings.Contains(body, `"credentials":`) || strings.Contains(body, "forgotPassword") || strings.Contains(body, "resetFactors") ||
			!strings.Contains(body, "deactivate") {
			t.Errorf("%s: %s", header, body)
		}
	}
	accepted, _ := list(t, s, usersPath, "Accept", "application/json; okta-response=omitCredentials")
	if _, has := accepted[0]["credentials"]; !has {
		t.Error("okta-response counts on Accept too")
	}
}

func TestFieldsPickMembers(t *testing.T) {
	s := Start(t, Options{Users: 20})
	users, _ := list(t, s, usersURI("fields", "status,profile:(firstName,city)"))
	for _, u := range users {
		if keys := slices.Sorted(maps.Keys(u)); !slices.Equal(keys, []string{"id", "profile", "status"}) {
			t.Fatalf("keys: %q", keys)
		}
		for name := range profile(u) {
			if name != "firstName" && name != "city" {
				t.Fatalf("profile has %s", name)
			}
		}
	}
	id := users[0]["id"].(string)
	if body := get(t, s, usersPath+"/"+id+"?fields=id").body; body != `{"id":"`+id+`"}` {
		t.Error(body)
	}
	wantError(t, get(t, s, usersPath+"/"+id+"?fields=,"), http.StatusBadRequest, "E0000001")
	if users, _ = list(t, s, usersURI("fields", "profile")); len(profile(users[0])) < 6 {
		t.Errorf("profile: %v", users[0])
	}
	for _, bad := range []string{"id,", ",id", "profile:(login", "id:(x)", "profile:(a)b", "profile:((a))", "()"} {
		wantError(t, get(t, s, usersURI("fields", bad)), http.StatusBadRequest, "E0000001")
	}
}

func TestTimestampsAreWrittenAsTimeDoes(t *testing.T) {
	for _, unix := range []int64{1, epoch, epochEnd, 951782400, 1709164800, 4102444799} {
		want := time.Unix(unix, 0).UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(appendTimestamp(nil, unix)); got != want {
			t.Errorf("%d: %s, want %s", unix, got, want)
		}
	}
}

func TestJSONStringsAreEscaped(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b\\c\n\r\t\x01\x1f", "é漢字", "</script>"} {
		var back string
		if err := json.Unmarshal(appendJSONString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q: %q, %v", s, back, err)
		}
	}
}
