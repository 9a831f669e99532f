package oktatest

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"testing"
	"time"
)

const bcryptHash = `{"algorithm":"BCRYPT","workFactor":10,"salt":"rwh1vJpDYqCdLbYzZ1nJ4O","value":"KSLxcpfhUqSJm1jHGfWPVCh3hAtHsWq"}`

// Whatever is wrong with a create, it is the first of these that is reported.
func TestCreateChecksInOrder(t *testing.T) {
	o := newTestOrg(Options{})
	create(t, o, "", profileOf("taken@acme.example"), "")
	const long = "0123456789012345678901234567890123456789012345678901234567890"
	steps := []struct{ query, body, code, summary, cause string }{
		{"?activate=no", "{", "E0000037", "Type mismatch exception.", "activate: The value is of the wrong type."},
		{"?nextLogin=changePassword", `{"profile":{"shoe":1},"extra":1}`, "E0000003", "The request body was not well-formed.", ""},
		{"?nextLogin=changePassword", `{"profile":{"shoe":1}}`, "E0000124", "", ""},
		{"", `{"profile":{"shoe":1,"login":""}}`, "E0000001", "newUser", "Property name 'shoe' is not defined in profile"},
		{"", `{"profile":{"login":"x","email":"x","lastName":" ","firstName":"` + long + `"}}`, "E0000001", "lastName", "lastName: The field cannot be left blank"},
		{"", `{"profile":{"firstName":"` + long + `","lastName":"x","email":"x","login":"x"}}`, "E0000001", "login", "login: Username must be in the form of an email address"},
		{"", `{"profile":{"firstName":"` + long + `","lastName":"x","email":"nobody","login":"taken@acme.example"}}`, "E0000001", "email", ""},
		{"", `{"profile":{"firstName":"` + long + `","lastName":"x","email":"a@b.example","login":"taken@acme.example"}}`, "E0000001", "firstName", ""},
		{"", `{"profile":{"floor":"3","firstName":"x","lastName":"x","email":"a@b.example","login":"taken@acme.example"}}`, "E0000001", "floor", ""},
		{"", `{"profile":` + profileOf("taken@acme.example") + `,"credentials":{"password":{"value":"x"}}}`, "E0000001", "login", "login: An object with this field already exists in the current organization"},
		{"", `{"profile":` + profileOf("free@acme.example") + `,"credentials":{"password":{"value":"x"}},"groupIds":["x"]}`, "E0000001", "password", ""},
		{"", `{"profile":` + profileOf("free@acme.example") + `,"groupIds":["x"]}`, "E0000007", "Not found: Resource not found: x (UserGroup)", ""},
	}
	for _, s := range steps {
		res := post(o, usersPath+s.query, s.body)
		summary, causes := wantError(t, res, res.status, s.code)
		if !strings.HasSuffix(summary, s.summary) || s.cause != "" && causes[0] != s.cause || res.status/100 != 4 {
			t.Errorf("%s: %d %s", s.body, res.status, res.body)
		}
	}
	if n := len(everybody(t, o)); n != 1 {
		t.Errorf("%d users, want the 1 of before", n)
	}
}

func TestCausesOfSeveralAttributesComeTogether(t *testing.T) {
	o := newTestOrg(Options{})
	wantRefusal(t, post(o, usersPath, `{"profile":{"email":"nobody","firstName":"D","lastName":"R","login":"nobody","mobilePhone":7}}`), 400, "E0000001",
		"Api validation failed: login", "login: Username must be in the form of an email address", "email: Does not match required pattern",
		"mobilePhone: The value must be a string")
	wantRefusal(t, post(o, usersPath, `{}`), 400, "E0000001",
		"Api validation failed: login", "login: The field cannot be left blank", "firstName: The field cannot be left blank",
		"lastName: The field cannot be left blank", "email: The field cannot be left blank", "login: Username must be in the form of an email address")
}

func TestBodiesThatAreNotWellFormed(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	for _, body := range []string{"", "null", "[]", "1", `"x"`, "{", `{"profile":{}}x`, `{"profile":[]}`, `{"profile":"x"}`, `{"credentials":[]}`,
		`{"credentials":{"secret":{}}}`, `{"credentials":{"password":"x"}}`, `{"credentials":{"password":{"value":7}}}`, `{"credentials":{"password":{"hash":"x"}}}`,
		`{"credentials":{"password":{"hash":{"workFactor":"ten"}}}}`, `{"credentials":{"recovery_question":"x"}}`, `{"credentials":{"provider":"x"}}`,
		`{"type":"x"}`, `{"realmId":7}`, "{\"profile\":{\"title\":\"\xff\"}}", `{"profile":{"title":"` + strings.Repeat("x", maxBody) + `"}}`} {
		wantError(t, post(o, usersPath, body), 400, "E0000003")
		wantError(t, post(o, uriOf(u, ""), body), 400, "E0000003")
	}
	wantError(t, post(o, usersPath, `{"groupIds":"x"}`), 400, "E0000003")
	wantError(t, post(o, usersPath, `{"id":"x"}`), 400, "E0000003")
	wantError(t, post(o, uriOf(u, ""), `{"groupIds":[]}`), 400, "E0000003")
	for _, verb := range []string{"change_password", "change_recovery_question", "forgot_password", "forgot_password_recovery_question"} {
		for _, body := range []string{"[", "[]", `{"boop":1}`, `{"password":7,"oldPassword":7}`} {
			wantError(t, post(o, uriOf(u, "/credentials/"+verb), body), 400, "E0000003")
		}
	}
}

// A user who is sent back as they were read changes nothing but the time.
func TestAUserCanBeSentBackWhole(t *testing.T) {
	o := newTestOrg(Options{EmailsInCredentials: true})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	for _, method := range []string{"POST", "PUT"} {
		now := decoded(t, do(o, method, uriOf(u, ""), do(o, "GET", uriOf(u, ""), "").body))
		now["lastUpdated"] = u["lastUpdated"]
		if fmt.Sprint(now) != fmt.Sprint(u) {
			t.Errorf("%s: %v, was %v", method, now, u)
		}
	}
}

func TestAnEmptyUpdateIsAnUpdateOfNothing(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, provisioned, "dana@acme.example", "")
	now := decoded(t, post(o, uriOf(u, ""), "{}"))
	if fmt.Sprint(now["profile"]) != fmt.Sprint(u["profile"]) || now["status"] != "PROVISIONED" {
		t.Error(now)
	}
}

func TestCustomAttributesHaveTheirTypes(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", strings.Replace(profileOf("dana@acme.example"), "{",
		`{"badge":"007","floor":12,"contractor":true,"fte":0.50,"projects":["a","b"],`, 1), "")
	if got := fmt.Sprint(profile(u)["badge"], profile(u)["floor"], profile(u)["contractor"], profile(u)["fte"], profile(u)["projects"]); got != "00712 true 0.5 [a b]" {
		t.Error(got)
	}
	for _, bad := range []string{`"badge":7`, `"floor":1.5`, `"floor":2147483648`, `"floor":"1"`, `"contractor":"true"`, `"contractor":1`,
		`"fte":"1"`, `"fte":1e999`, `"projects":"a"`, `"projects":[1]`, `"projects":[null]`, `"projects":{}`, `"title":{}`, `"title":["x"]`, `"firstName":true`} {
		name := strings.Split(bad, `"`)[1]
		if summary, _ := wantError(t, post(o, uriOf(u, ""), `{"profile":{`+bad+`}}`), 400, "E0000001"); summary != "Api validation failed: "+name {
			t.Errorf("%s: %s", bad, summary)
		}
	}
	u = decoded(t, post(o, uriOf(u, ""), `{"profile":{"floor":-3.0,"fte":1e2,"projects":[],"contractor":false,"secondEmail":""}}`))
	if got := fmt.Sprint(profile(u)["floor"], profile(u)["fte"], profile(u)["projects"], profile(u)["contractor"], profile(u)["secondEmail"] == ""); got != "-3 100 [] false true" {
		t.Error(got)
	}
	for _, search := range []string{`profile.floor lt 0`, `profile.fte ge 100`, `profile.badge eq "007"`, `profile.contractor eq false`} {
		if res := do(o, "GET", usersURI("search", search), ""); !strings.Contains(res.body, u["id"].(string)) {
			t.Errorf("%s finds %s", search, res.body)
		}
	}
}

func TestRequiredAttributesCannotBeCleared(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	for _, value := range []string{"null", `""`, `" "`} {
		wantRefusal(t, post(o, uriOf(u, ""), `{"profile":{"firstName":`+value+`}}`), 400, "E0000001",
			"Api validation failed: firstName", "firstName: The field cannot be left blank")
	}
	wantRefusal(t, post(o, uriOf(u, ""), `{"profile":{"shoe":1}}`), 400, "E0000001", "Api validation failed: user", "Property name 'shoe' is not defined in profile")
}

func TestALoginCanBeChangedToOneThatIsFree(t *testing.T) {
	o := newTestOrg(Options{Users: 30})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	generated := everybody(t, o)[7]
	wantError(t, post(o, uriOf(u, ""), `{"profile":{"login":"`+strings.ToUpper(text(generated, "login"))+`"}}`), 400, "E0000001")
	must(t, post(o, uriOf(u, ""), `{"profile":{"login":"DANA@acme.example"}}`)) // one's own
	must(t, post(o, uriOf(u, ""), `{"profile":{"login":"dana@new.example"}}`))
	wantError(t, do(o, "GET", usersPath+"/dana@acme.example", ""), 404, "E0000007")
	if by := decoded(t, do(o, "GET", usersPath+"/dana@new.example", "")); by["id"] != u["id"] {
		t.Error(by)
	}
	create(t, o, "", profileOf("dana@acme.example"), "")
}

func TestUnknownVerbsAndWrongMethodsOfUsers(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), withPassword)
	for _, path := range []string{"/lifecycle/promote", "/lifecycle", "/credentials/", "/credentials/change_login", "/nothing", "/lifecycle/suspend/"} {
		wantError(t, post(o, uriOf(u, path), ""), 404, "E0000008")
	}
	for _, path := range []string{"/lifecycle/suspend", "/credentials/change_password", "/sessions"} {
		wantError(t, do(o, "GET", uriOf(u, path), ""), 405, "E0000022")
	}
	if res := do(o, "PATCH", uriOf(u, ""), "{}"); res.header.Get("Allow") != "DELETE, GET, POST, PUT" {
		t.Error(res.header)
	}
	if u = again(t, o, u); u["status"] != "ACTIVE" {
		t.Error(u)
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	s := Start(t, Options{Users: 5})
	got, head := get(t, s, usersPath+"/me"), send(t, s, "HEAD", usersPath+"/me")
	if head.status != 200 || head.body != "" || head.header.Get("ETag") != got.header.Get("ETag") || head.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
		t.Errorf("%d %v %q", head.status, head.header, head.body)
	}
}

func TestPasswordPolicy(t *testing.T) {
	for password, ok := range map[string]bool{
		"Abcdefg1": true, "Abcdef1": false, "abcdefg1": false, "ABCDEFG1": false, "Abcdefgh": false, "Ünïcode1": true,
		"xMARTHA1x": false, "x-jones-X1": false, "x-acme-X1": false, "xExample1": true, "xann-X1xx": true,
		"A1" + strings.Repeat("x", 70): true, "A1" + strings.Repeat("x", 71): false,
	} {
		if meetsPolicy(password, "martha.jones-ann_ann@acme.example") != ok {
			t.Errorf("%s: %v", password, !ok)
		}
	}
}

func TestTemporaryPasswordsAreEasyToRead(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p := temporaryPassword("dana@acme.example")
		if len(p) != 12 || strings.ContainsAny(p, "0O1lI") || !meetsPolicy(p, "") || seen[p] {
			t.Error(p)
		}
		seen[p] = true
	}
}

func TestHashesOfPasswords(t *testing.T) {
	o := newTestOrg(Options{})
	b64 := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	sum := func(d hash.Hash, text string) string { d.Write([]byte(text)); return b64(d.Sum(nil)) }
	salt := b64([]byte("salt"))
	derived, err := pbkdf2.Key(sha512.New, goodPassword, []byte("salt"), 5000, 40)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for hashed, known := range map[string]bool{
		bcryptHash: false,
		`{"algorithm":"SHA-512","salt":"` + salt + `","saltOrder":"PREFIX","value":"` + sum(sha512.New(), "salt"+goodPassword) + `"}`:                    true,
		`{"algorithm":"SHA-256","salt":"` + salt + `","saltOrder":"POSTFIX","value":"` + sum(sha256.New(), goodPassword+"salt") + `"}`:                   true,
		`{"algorithm":"SHA-1","value":"` + sum(sha1.New(), goodPassword) + `"}`:                                                                          true,
		`{"algorithm":"MD5","value":"` + sum(md5.New(), goodPassword) + `"}`:                                                                             true,
		`{"algorithm":"PBKDF2","salt":"` + salt + `","iterationCount":5000,"keySize":40,"digestAlgorithm":"SHA512_HMAC","value":"` + b64(derived) + `"}`: true,
	} {
		n++
		login := fmt.Sprintf("hash%d@acme.example", n)
		u := create(t, o, "", profileOf(login), `{"password":{"hash":`+hashed+`}}`)
		if u["status"] != "ACTIVE" || u["passwordChanged"] == nil {
			t.Errorf("%s: %v", hashed, u)
		}
		if err := o.SignIn(login, otherPassword); err == nil {
			t.Errorf("%s: signed in with a wrong password", hashed)
		}
		if err := o.SignIn(login, goodPassword); (err == nil) != known {
			t.Errorf("%s: %v", hashed, err)
		}
		if !known {
			if err := o.SignIn(login, ""); err != nil {
				t.Error(err)
			}
		}
		if now := again(t, o, u); fmt.Sprint(credential(now, "provider")) != "map[name:OKTA type:OKTA]" || now["lastLogin"] == nil {
			t.Errorf("%s: %v after the first sign-in", hashed, now)
		}
	}
	for _, bad := range []string{`{}`, `{"algorithm":"ROT13","value":"` + salt + `"}`, strings.Replace(bcryptHash, "10", "21", 1), strings.Replace(bcryptHash, "4O", "4", 1),
		strings.Replace(bcryptHash, "Wq", "W!", 1), `{"algorithm":"MD5","value":"?"}`, `{"algorithm":"MD5","value":"` + salt + `"}`,
		`{"algorithm":"MD5","salt":"` + salt + `","value":"` + sum(md5.New(), goodPassword) + `"}`,
		`{"algorithm":"PBKDF2","salt":"` + salt + `","iterationCount":4095,"keySize":40,"digestAlgorithm":"SHA512_HMAC","value":"` + b64(derived) + `"}`,
		`{"algorithm":"PBKDF2","salt":"` + salt + `","iterationCount":5000,"keySize":20,"digestAlgorithm":"SHA512_HMAC","value":"` + b64(derived) + `"}`,
		`{"algorithm":"PBKDF2","salt":"` + salt + `","iterationCount":5000,"keySize":40,"digestAlgorithm":"SHA1_HMAC","value":"` + b64(derived) + `"}`} {
		res := post(o, usersPath, `{"profile":`+profileOf("bad@acme.example")+`,"credentials":{"password":{"hash":`+bad+`}}}`)
		if summary, _ := wantError(t, res, 400, "E0000001"); summary != "Api validation failed: password" {
			t.Errorf("%s: %s", bad, summary)
		}
	}
}

func TestAHashCanOnlyBeUpdatedWhileStaged(t *testing.T) {
	o := newTestOrg(Options{})
	body := `{"profile":` + profileOf("dana@acme.example") + `,"credentials":{"password":{"hash":` + bcryptHash + `}}}`
	u := create(t, o, "?activate=false", profileOf("dana@acme.example"), withPassword)
	o.Advance(time.Hour)
	now := decoded(t, do(o, "PUT", uriOf(u, ""), body))
	if now["status"] != "STAGED" || now["passwordChanged"] != now["lastUpdated"] || now["lastUpdated"] == u["lastUpdated"] || now["statusChanged"] != u["statusChanged"] {
		t.Error(now)
	}
	must(t, post(o, uriOf(u, "/lifecycle/activate"), ""))
	wantError(t, do(o, "PUT", uriOf(u, ""), body), 403, "E0000038")
}

func TestAPasswordIsOneThing(t *testing.T) {
	o := newTestOrg(Options{})
	for _, bad := range []string{`{"value":"` + goodPassword + `","hook":{"type":"default"}}`, `{"hook":{"type":"other"}}`, `{"value":""}`} {
		wantError(t, post(o, usersPath, `{"profile":`+profileOf("dana@acme.example")+`,"credentials":{"password":`+bad+`}}`), 400, "E0000001")
	}
	u := create(t, o, "", profileOf("hook@acme.example"), `{"password":{"hook":{"type":"default"}}}`)
	if err := o.SignIn("hook@acme.example", goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := o.SignIn("hook@acme.example", otherPassword); err == nil {
		t.Error("the hook let two passwords in")
	}
	if credential(again(t, o, u), "provider").(object)["type"] != "OKTA" {
		t.Error(u)
	}
}

func TestStrictRefusesFormerPasswords(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), withPassword)
	set := func(text, query string) response {
		return post(o, uriOf(u, query), `{"credentials":{"password":{"value":"`+text+`"}}}`)
	}
	wantRefusal(t, set(goodPassword, "?strict=true"), 400, "E0000001", "Api validation failed: password", "password: Password has been used too recently")
	must(t, set(otherPassword, "?strict=true"))
	wantError(t, set(goodPassword, "?strict=true"), 400, "E0000001")
	wantRefusal(t, post(o, uriOf(u, "/credentials/change_password?strict=true"), `{"oldPassword":{"value":"`+otherPassword+`"},"newPassword":{"value":"`+goodPassword+`"}}`),
		403, "E0000014", "Update of credentials failed", "Password has been used too recently")
	must(t, set(goodPassword, ""))
	for i := range passwordHistory {
		must(t, set(fmt.Sprintf("Newer-Pass-%d", i), "?strict=true"))
	}
	wantError(t, set(goodPassword, "?strict=true"), 400, "E0000001")
	must(t, set("Newest-Pass-9", ""))
	must(t, set(goodPassword, "?strict=true")) // long ago by now
}

func TestIfMatch(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	tag := do(o, "GET", uriOf(u, ""), "").header.Get("ETag")
	stale := `W/"` + strings.Repeat("0", 64) + `"`
	body := func(title string) string {
		return `{"profile":` + strings.Replace(profileOf("dana@acme.example"), "{", `{"title":"`+title+`",`, 1) + `}`
	}
	for _, method := range []string{"POST", "PUT"} {
		wantRefusal(t, do(o, method, uriOf(u, ""), body("x"), "If-Match", stale), 412, "E0000231", "ETag value doesn't match.")
		for _, bad := range []string{"", "x", `W/x`, `"x`, `W/"x" "y"`, `"x",`, `*,"x"`, `w/"x"`, "\"a b\""} {
			wantRefusal(t, do(o, method, uriOf(u, ""), body("x"), "If-Match", bad), 400, "E0000242", "ETag syntax is invalid.")
		}
	}
	for _, right := range []string{tag, strings.TrimPrefix(tag, "W/"), stale + " , " + tag, "*"} {
		must(t, do(o, "PUT", uriOf(u, ""), body("x"), "If-Match", right))
		if right != "*" { // the profile isn't that of the tag any more
			wantError(t, do(o, "PUT", uriOf(u, ""), body("y"), "If-Match", right), 412, "E0000231")
		}
		must(t, do(o, "PUT", uriOf(u, ""), `{"profile":`+profileOf("dana@acme.example")+`}`)) // and is again
	}
}

func TestProviders(t *testing.T) {
	o := newTestOrg(Options{})
	federated := `{"provider":{"type":"FEDERATION","name":"FEDERATION"}}`
	u := create(t, o, "?provider=true", profileOf("fed@acme.example"), federated)
	if u["status"] != "ACTIVE" || u["passwordChanged"] != nil || credential(u, "provider").(object)["type"] != "FEDERATION" {
		t.Error(u)
	}
	if got := len(linkNames(u)); got != 3+4 || linkNames(u)["changeRecoveryQuestion"] == nil {
		t.Errorf("%d links: %v", got, linkNames(u))
	}
	if u = create(t, o, "?provider=true&activate=false", profileOf("soc@acme.example"), `{"provider":{"type":"SOCIAL"}}`); u["status"] != "STAGED" {
		t.Error(u)
	}
	must(t, post(o, uriOf(u, "/lifecycle/activate"), ""))
	if u = again(t, o, u); u["status"] != "ACTIVE" {
		t.Error(u)
	}
	wantError(t, post(o, uriOf(u, ""), newPassword), 400, "E0000001")
	wantError(t, post(o, uriOf(u, "/credentials/forgot_password"), ""), 403, "E0000017")
	wantError(t, post(o, uriOf(u, "/credentials/change_password"), changePassword), 403, "E0000035")
	wantError(t, post(o, uriOf(u, "/lifecycle/expire_password"), ""), 403, "E0000038")
	for _, bad := range []string{`{}`, `{"provider":{"type":"ACTIVE_DIRECTORY"}}`, `{"provider":{"type":"FEDERATION"},"password":{"value":"` + goodPassword + `"}}`,
		`{"provider":{"type":"SOCIAL"},"recovery_question":{"question":"a","answer":"b"}}`} {
		wantError(t, post(o, usersPath+"?provider=true", `{"profile":`+profileOf("bad@acme.example")+`,"credentials":`+bad+`}`), 400, "E0000001")
	}
	if u = create(t, o, "", profileOf("okta@acme.example"), federated); credential(u, "provider").(object)["type"] != "OKTA" {
		t.Error("a provider counts without provider=true")
	}
}

func TestResetPasswordHandsThePasswordOverAndBack(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	wantError(t, post(o, uriOf(u, "/lifecycle/reset_password?provider=FEDERATION&sendEmail=true"), ""), 400, "E0000001")
	wantBody(t, post(o, uriOf(u, "/lifecycle/reset_password?provider=FEDERATION&sendEmail=false"), ""), 200, "{}")
	now := again(t, o, u)
	if now["status"] != "ACTIVE" || fmt.Sprint(now["credentials"]) != "map[provider:map[name:FEDERATION type:FEDERATION]]" {
		t.Error(now)
	}
	must(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""))
	now = again(t, o, u)
	if now["status"] != "RECOVERY" || fmt.Sprint(now["credentials"]) != "map[provider:map[name:OKTA type:OKTA]]" {
		t.Error(now)
	}
}

func TestLegacyForgotPasswordWithABody(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	isCredentials(theQuestion)(t, post(o, uriOf(u, "/credentials/forgot_password"), rightAnswer), nil, nil)
	if err := o.SignIn("dana", otherPassword); err != nil {
		t.Error(err)
	}
	wantBody(t, post(o, uriOf(u, "/credentials/forgot_password"), "{}"), 200, "{}")
	wantError(t, post(o, uriOf(u, "/credentials/forgot_password"), strings.Replace(rightAnswer, "lap", "lip", 1)), 403, "E0000087")
	wantError(t, post(o, uriOf(u, "/credentials/forgot_password"), strings.Replace(rightAnswer, otherPassword, "short", 1)), 403, "E0000014")
	plain := create(t, o, "", profileOf("dora@acme.example"), withPassword)
	wantError(t, post(o, uriOf(plain, "/credentials/forgot_password"), rightAnswer), 403, "E0000034")
	wantBody(t, post(o, uriOf(plain, "/credentials/forgot_password"), ""), 200, "{}")
}

func TestRecoveryQuestions(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), withPassword)
	o.Advance(time.Hour)
	u = decoded(t, post(o, uriOf(u, ""), `{"credentials":{"recovery_question":{"question":"Pet?","answer":"Cat"}}}`))
	if fmt.Sprint(credential(u, "recovery_question")) != "map[question:Pet?]" || u["lastUpdated"] != "2026-03-04T06:06:07.000Z" {
		t.Error(u)
	}
	long := strings.Repeat("x", 101)
	for _, bad := range []string{`{"question":"Pet","answer":""}`, `{"question":"","answer":"Cat"}`, `{"question":"` + long + `","answer":"x"}`, `{"question":"x","answer":"` + long + `"}`} {
		wantError(t, post(o, uriOf(u, ""), `{"credentials":{"recovery_question":`+bad+`}}`), 400, "E0000001")
		wantError(t, post(o, uriOf(u, "/credentials/change_recovery_question"), `{"password":{"value":"`+goodPassword+`"},"recovery_question":`+bad+`}`), 400, "E0000001")
	}
	wantRefusal(t, post(o, uriOf(u, "/credentials/change_recovery_question"), strings.Replace(changeQuestion, goodPassword, otherPassword, 1)), 403, "E0000014",
		"Update of credentials failed", "Password is not correct")
}

func TestSettings(t *testing.T) {
	o := newTestOrg(Options{OptionalPassword: true})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	if u["status"] != "ACTIVE" || linkNames(u)["suspend"] == nil || linkNames(u)["changePassword"] != nil {
		t.Error(u)
	}
	wantError(t, post(o, uriOf(u, "/credentials/forgot_password"), ""), 403, "E0000017")
	staged := create(t, o, "?activate=false", profileOf("dora@acme.example"), "")
	must(t, post(o, uriOf(staged, "/lifecycle/activate"), ""))
	if now := again(t, o, staged); now["status"] != "ACTIVE" {
		t.Error(now)
	}

	o = newTestOrg(Options{PasswordKeepsStatus: true})
	for _, s := range []status{provisioned, recovery, passwordExpired, lockedOut} {
		u = inStatus(t, o, s, statusNames[s]+"@acme.example", "")
		if now := decoded(t, post(o, uriOf(u, ""), newPassword)); now["status"] != statusNames[s] || now["passwordChanged"] == nil {
			t.Error(now)
		}
	}

	o = newTestOrg(Options{EmailsInCredentials: true, Users: 3})
	u = create(t, o, "", profileOf("dana@acme.example"), withPassword)
	if got := fmt.Sprint(credential(u, "emails")); got != "[map[status:VERIFIED type:PRIMARY value:dana@acme.example]]" {
		t.Error(got)
	}
	for _, u := range everybody(t, o) {
		if got := credential(u, "emails").([]any)[0].(object)["value"]; got != text(u, "email") {
			t.Errorf("%v: %v", got, u)
		}
	}
	if res := post(o, uriOf(u, "/credentials/change_password"), changePassword); strings.Contains(must(t, res).body, "emails") {
		t.Error(res.body)
	}

	o = newTestOrg(Options{ForgotPasswordNeedsQuestion: true, HideResetFactorsLink: true})
	u = create(t, o, "", profileOf("dana@acme.example"), withPassword)
	if links := linkNames(u); links["forgotPassword"] != nil || links["resetFactors"] != nil || links["expirePassword"] == nil {
		t.Error(links)
	}
	wantError(t, post(o, uriOf(u, "/credentials/forgot_password"), ""), 403, "E0000034")
	u = create(t, o, "", profileOf("dora@acme.example"), withQuestion)
	if linkNames(u)["forgotPassword"] == nil {
		t.Error(u)
	}
	must(t, post(o, uriOf(u, "/credentials/forgot_password"), ""))
}

func TestWhatPeopleDoThemselves(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	if err := o.CompleteActivation("dana@acme.example", "short"); err == nil || !strings.Contains(err.Error(), "Password requirements") {
		t.Error(err)
	}
	token := decoded(t, post(o, uriOf(u, "/lifecycle/reactivate"), ""))["activationToken"].(string)
	old := token
	token = decoded(t, post(o, uriOf(u, "/lifecycle/reactivate"), ""))["activationToken"].(string)
	if err := o.CompleteActivation(old, goodPassword); err == nil {
		t.Error("a token was good after the next one")
	}
	must(t, post(o, uriOf(u, "/lifecycle/suspend"), ""))
	if err := o.CompleteActivation(token, goodPassword); err == nil {
		t.Error("a suspended user was activated")
	}
	must(t, post(o, uriOf(u, "/lifecycle/unsuspend"), ""))
	o.Advance(time.Hour)
	if err := o.CompleteActivation(token, goodPassword); err != nil {
		t.Error(err)
	}
	if err := o.CompleteActivation(token, goodPassword); err == nil {
		t.Error("a token was good twice")
	}
	now := again(t, o, u)
	if now["status"] != "ACTIVE" || now["activated"] != u["activated"] || now["statusChanged"] != "2026-03-04T06:06:07.000Z" || now["passwordChanged"] != now["statusChanged"] || now["lastLogin"] != nil {
		t.Error(now)
	}

	o.Advance(time.Hour)
	if err := o.SignIn(u["id"].(string), otherPassword); err == nil {
		t.Error("a wrong password is let in")
	}
	if err := o.SignIn(u["id"].(string), goodPassword); err != nil {
		t.Error(err)
	}
	signedIn := again(t, o, u)
	if signedIn["lastLogin"] != "2026-03-04T07:06:07.000Z" || signedIn["lastUpdated"] != now["lastUpdated"] {
		t.Error(signedIn)
	}

	if err := o.CompleteRecovery("dana", otherPassword); err == nil {
		t.Error("nothing was to be recovered")
	}
	link := decoded(t, post(o, uriOf(u, "/credentials/forgot_password?sendEmail=false"), ""))["resetPasswordUrl"].(string)
	token = link[strings.LastIndexByte(link, '/')+1:]
	if err := o.CompleteRecovery(token, otherPassword); err != nil {
		t.Error(err)
	}
	for _, key := range []string{token, "dana"} {
		if err := o.CompleteRecovery(key, goodPassword); err == nil {
			t.Errorf("%s was good twice", key)
		}
	}
	for _, path := range []string{"/lifecycle/reset_password", "/lifecycle/expire_password"} {
		must(t, post(o, uriOf(u, path), ""))
		if err := o.SignIn("dana", ""); err == nil {
			t.Errorf("signed in after %s", path)
		}
		if err := o.CompleteRecovery("dana", goodPassword); err != nil {
			t.Error(err)
		}
		if now := again(t, o, u); now["status"] != "ACTIVE" {
			t.Error(now)
		}
	}

	if err := o.LockOut("dana"); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"lock out": o.LockOut("dana"), "sign in": o.SignIn("dana", ""), "complete activation": o.CompleteActivation("dana", goodPassword),
		"complete recovery": o.CompleteRecovery("dana", goodPassword)} {
		if err == nil || !strings.HasPrefix(err.Error(), `oktatest: `+what+` "dana": the user is LOCKED_OUT: `) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := o.LockOut("nobody"); err == nil {
		t.Error("nobody was locked out")
	}
}

func TestGeneratedUsersBehaveToo(t *testing.T) {
	o := newTestOrg(Options{Users: 400})
	done := map[string]bool{}
	for _, u := range everybody(t, o) {
		kind := credential(u, "provider").(object)["type"].(string) + " " + u["status"].(string)
		if done[kind] || credential(u, "password") == nil && kind == "OKTA STAGED" {
			continue
		}
		done[kind] = true
		switch kind {
		case "OKTA ACTIVE", "IMPORT ACTIVE":
			wantRefusal(t, post(o, uriOf(u, "/credentials/change_password"), changePassword), 403, "E0000014", "Update of credentials failed", "Old Password is not correct")
			must(t, post(o, uriOf(u, ""), `{"credentials":{"password":{"value":"`+goodPassword+`"}}}`))
			must(t, post(o, uriOf(u, "/credentials/change_password"), changePassword))
		case "ACTIVE_DIRECTORY ACTIVE":
			for _, body := range []string{newPassword, `{"profile":{"title":"Pilot"}}`} {
				wantRefusal(t, post(o, uriOf(u, ""), body), 403, "E0000023", "Operation failed because user profile is mastered under another system")
			}
			wantError(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""), 403, "E0000023")
			wantError(t, post(o, uriOf(u, "/lifecycle/expire_password"), ""), 403, "E0000023")
		case "OKTA SUSPENDED":
			must(t, post(o, uriOf(u, "/lifecycle/unsuspend"), ""))
			if now := again(t, o, u); now["status"] != "ACTIVE" {
				t.Error(now)
			}
		case "OKTA LOCKED_OUT":
			must(t, post(o, uriOf(u, "/lifecycle/unlock"), ""))
			if now := again(t, o, u); now["status"] != "ACTIVE" {
				t.Error(now)
			}
		case "OKTA DEPROVISIONED":
			must(t, do(o, "DELETE", uriOf(u, ""), ""))
			wantError(t, do(o, "GET", uriOf(u, ""), ""), 404, "E0000007")
		case "OKTA STAGED":
			must(t, post(o, uriOf(u, "/lifecycle/activate"), ""))
			if now := again(t, o, u); now["status"] != "ACTIVE" || fmt.Sprint(now["profile"]) != fmt.Sprint(u["profile"]) || now["created"] != u["created"] {
				t.Error(now)
			}
		}
	}
	for _, kind := range []string{"OKTA ACTIVE", "IMPORT ACTIVE", "ACTIVE_DIRECTORY ACTIVE", "OKTA SUSPENDED", "OKTA LOCKED_OUT", "OKTA DEPROVISIONED", "OKTA STAGED"} {
		if !done[kind] {
			t.Errorf("nobody is %s", kind)
		}
	}
}
