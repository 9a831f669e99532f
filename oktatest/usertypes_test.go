package oktatest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheUserTypesOfAGeneratedOrg(t *testing.T) {
	o := newTestOrg(Options{Users: 200})
	list := objects(t, do(o, "GET", typesPath, ""))
	if len(list) != 2 || list[0]["default"] != true || list[1]["default"] != false || list[1]["name"] != "contractor" {
		t.Fatalf("%v", list)
	}
	tail := o.types[0].tail
	wantBody(t, do(o, "GET", typesPath+"/oty"+tail, ""), 200, `{"id":"oty`+tail+`","displayName":"User","name":"user","description":"Okta user profile template with default permission settings",`+
		`"createdBy":"spr`+tail+`","lastUpdatedBy":"spr`+tail+`","created":"2019-01-01T00:00:00.000Z","lastUpdated":"2019-01-01T00:00:00.000Z","default":true,`+
		`"_links":{"schema":{"rel":"schema","href":"http://acme.example/api/v1/meta/schemas/user/osc`+tail+`","method":"GET"},"self":{"rel":"self","href":"http://acme.example/api/v1/meta/types/user/oty`+tail+`","method":"GET"}}}`)
	if got := decoded(t, do(o, "GET", typesPath+"/default", "")); got["name"] != "user" {
		t.Errorf("default: %v", got)
	}
	known := []string{list[0]["id"].(string), list[1]["id"].(string)}
	for _, u := range everybody(t, o) {
		if id := u["type"].(object)["id"].(string); !slices.Contains(known, id) {
			t.Fatalf("a user of type %s", id)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		wantRefusal(t, do(o, method, typesPath+"/otyNope", ""), 404, "E0000007", "Not found: Resource not found: otyNope (CVDType)")
	}
	for _, method := range []string{"POST", "PUT"} {
		wantRefusal(t, do(o, method, typesPath+"/otyNope", `{"name":"x","displayName":"x","description":"x"}`), 404, "E0000007", "Not found: Resource not found: otyNope (CVDType)")
	}
}

func TestAUserTypeFromCreationToDeletion(t *testing.T) {
	o := newTestOrg(Options{Users: 1})
	made := decoded(t, post(o, typesPath, `{"name":"robot","displayName":"Robot"}`))
	uri := typesPath + "/" + made["id"].(string)
	if made["description"] != nil || made["default"] != false || made["createdBy"] == made["id"] || !strings.HasSuffix(made["id"].(string), "5d7") {
		t.Errorf("%v", made)
	}
	o.Advance(time.Hour)
	changed := decoded(t, post(o, uri, `{"displayName":"Machine"}`))
	if changed["displayName"] != "Machine" || changed["name"] != "robot" || changed["lastUpdated"] == made["lastUpdated"] || changed["created"] != made["created"] {
		t.Errorf("%v", changed)
	}
	replaced := decoded(t, do(o, "PUT", uri, `{"id":"ignored","name":"robot","displayName":"R","description":"They work"}`))
	if replaced["description"] != "They work" {
		t.Errorf("%v", replaced)
	}
	for _, c := range [][3]string{
		{"PUT", `{"displayName":"R","description":"d"}`, "name: The field cannot be left blank"},
		{"PUT", `{"name":"robot","description":"d"}`, "displayName: The field cannot be left blank"},
		{"PUT", `{"name":"robot","displayName":"R"}`, "description: The field cannot be left blank"},
		{"PUT", `{"name":"other","displayName":"R","description":"d"}`, "name: The name of a user type can't be changed"},
		{"POST", `{"name":"other"}`, "name: The name of a user type can't be changed"},
		{"POST", `{"displayName":" "}`, "displayName: The field cannot be left blank"},
	} {
		if _, causes := wantError(t, do(o, c[0], uri, c[1]), 400, "E0000001"); !slices.Equal(causes, []string{c[2]}) {
			t.Errorf("%v: %q", c, causes)
		}
	}
	wantError(t, do(o, "PUT", uri, `{"boop":1}`), 400, "E0000003")

	// It has a schema of its own.
	schema := strings.Replace(made["_links"].(object)["schema"].(object)["href"].(string), "http://acme.example", "", 1)
	setCustom(t, o, schema, `{"serial":{"title":"Serial","type":"string"}}`)
	body := `{"type":{"id":"` + made["id"].(string) + `"},"profile":` + strings.Replace(profileOf("r2@acme.example"), "{", `{"serial":"7",`, 1) + `}`
	u := decoded(t, post(o, usersPath, body))
	if text(u, "serial") != "7" || u["type"].(object)["id"] != made["id"] {
		t.Errorf("%v", u)
	}
	wantRefusal(t, post(o, usersPath, `{"profile":`+strings.Replace(profileOf("x@acme.example"), "{", `{"serial":"7",`, 1)+`}`), 400, "E0000001",
		"Api validation failed: newUser", "Property name 'serial' is not defined in profile")
	wantRefusal(t, do(o, "DELETE", uri, ""), 403, "E0000142", "This User Type cannot be deleted.")
	if n := len(listOf(t, o, "search", `profile.serial eq "7" and type.id eq "`+made["id"].(string)+`"`)); n != 1 {
		t.Errorf("%d robots", n)
	}

	// A user who becomes one of another type loses what that type doesn't have.
	moved := decoded(t, do(o, "PUT", uriOf(u, ""), `{"type":{"id":"oty`+o.types[0].tail+`"}}`))
	if profile(moved)["serial"] != nil || moved["type"].(object)["id"] == made["id"] {
		t.Errorf("%v", moved)
	}
	wantBody(t, do(o, "DELETE", uri, ""), 204, "")
	wantError(t, do(o, "GET", uri, ""), 404, "E0000007")
	wantError(t, do(o, "GET", schema, ""), 404, "E0000007")
	wantError(t, do(o, "GET", usersURI("search", `profile.serial pr`), ""), 400, "E0000031")
	if again := decoded(t, post(o, typesPath, `{"name":"robot","displayName":"Robot"}`)); again["id"] == made["id"] {
		t.Error("an id was used again")
	}
}

func TestUserTypesThatAreRefused(t *testing.T) {
	o := newTestOrg(Options{Users: 100})
	for _, t0 := range o.types { // both have users
		wantRefusal(t, do(o, "DELETE", typesPath+"/oty"+t0.tail, ""), 403, "E0000142", "This User Type cannot be deleted.")
	}
	for _, body := range []string{`{}`, `{"name":"x"}`, `{"displayName":"X"}`, `{"name":"1x","displayName":"X"}`, `{"name":"x-y","displayName":"X"}`, `{"name":"USER","displayName":"X"}`} {
		wantError(t, post(o, typesPath, body), 400, "E0000001")
	}
	for _, body := range []string{``, `[]`, `{"name":7,"displayName":"X"}`, `{"boop":1}`} {
		wantError(t, post(o, typesPath, body), 400, "E0000003")
	}
	for k := range maxTypes - 2 {
		must(t, post(o, typesPath, fmt.Sprintf(`{"name":"t%d","displayName":"T"}`, k)))
	}
	wantError(t, post(o, typesPath, `{"name":"toomany","displayName":"T"}`), 400, "E0000001")
}

func TestATypeWithoutUsersIsDeleted(t *testing.T) {
	o := newTestOrg(Options{})
	must(t, do(o, "DELETE", typesPath+"/oty"+o.types[1].tail, ""))
	if n := len(objects(t, do(o, "GET", typesPath, ""))); n != 1 {
		t.Errorf("%d types", n)
	}
}
