package oktatest

import (
	"bufio"
	"fmt"
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The eighty facts that someone who knows Okta well would check, in the order of the list from which
// they come: create (1–14), the user object (15–27), lifecycle (28–46), update (47–54), lists (55–67),
// protocol (68–80). Each is a test named TestFactNN_…, or one of factsElsewhere.

// factsElsewhere are facts that tests of other names check.
var factsElsewhere = map[int]string{
	55: "TestPlainListHidesDeprovisionedUsersAndGoesByStatusThenID",
	56: "TestDefaultLimitIs200And10WithQ",
	57: "TestLinksAreTwoHeadersSelfFirst",
	58: "TestSelfIsNormalised",
	59: "TestPagingSurvivesChangesBetweenPages",
	60: "TestQIsAPrefixOfThreeAttributesWithoutPages",
	61: "TestFilterComparesExactly",
	62: "TestBadExpressionsAreRefused",
	63: "TestSortOrderNeedsSearchAndSortBy",
	64: "TestSearchAndFilterTogetherAreRefused",
	65: "TestAnEmptyResultIsAnEmptyArray",
	68: "TestABadTokenIs401AndHasNoRateHeaders",
	70: "TestFaultsThatAnswerWithAnError",
	74: "TestBuckets",
	76: "TestRateWindowsOpenWithTheFirstCallAndLast60Seconds",
}

func TestEveryFactIsAccountedFor(t *testing.T) {
	tests := testNames(t)
	for n := 1; n <= 80; n++ {
		prefix := fmt.Sprintf("TestFact%02d_", n)
		found := 0
		for _, name := range tests {
			if strings.HasPrefix(name, prefix) {
				found++
			}
		}
		if elsewhere, ok := factsElsewhere[n]; ok {
			found++
			if !slices.Contains(tests, elsewhere) {
				t.Errorf("fact %d: there is no %s", n, elsewhere)
			}
		}
		if found != 1 {
			t.Errorf("fact %d is accounted for %d times", n, found)
		}
	}
}

// testNames are the tests of this package.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := goparser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// Create.

func TestFact01_CreateAnswers200(t *testing.T) {
	res := post(newTestOrg(Options{}), usersPath, `{"profile":`+profileOf("dana@acme.example")+`}`)
	if res.status != 200 || len(res.header["Location"]) > 0 || len(res.header["Etag"]) > 0 {
		t.Errorf("%d %v", res.status, res.header)
	}
}

func TestFact02_WithoutPasswordProvisioned(t *testing.T) {
	if u := create(t, newTestOrg(Options{}), "?activate=true", profileOf("dana@acme.example"), ""); u["status"] != "PROVISIONED" {
		t.Error(u)
	}
}

func TestFact03_ActivateDefaultsToTrue(t *testing.T) {
	if u := create(t, newTestOrg(Options{}), "", profileOf("dana@acme.example"), withPassword); u["status"] != "ACTIVE" {
		t.Error(u)
	}
}

func TestFact04_AnEmptyPasswordIsNone(t *testing.T) {
	u := create(t, newTestOrg(Options{}), "", profileOf("dana@acme.example"), `{"password":{}}`)
	if u["status"] != "PROVISIONED" || credential(u, "password") != nil || u["passwordChanged"] != nil {
		t.Error(u)
	}
}

func TestFact05_ActivatedIsSetForProvisionedUsers(t *testing.T) {
	u := create(t, newTestOrg(Options{}), "", profileOf("dana@acme.example"), "")
	if u["activated"] != "2026-03-04T05:06:07.000Z" || u["statusChanged"] != u["activated"] || u["created"] != u["activated"] {
		t.Error(u)
	}
}

func TestFact06_StagedUsersHaveAStatusChangedIfTheyHaveAPassword(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "?activate=false", profileOf("a@acme.example"), "")
	if u["status"] != "STAGED" || u["activated"] != nil || u["statusChanged"] != nil {
		t.Error(u)
	}
	u = create(t, o, "?activate=false", profileOf("b@acme.example"), withPassword)
	if u["status"] != "STAGED" || u["activated"] != nil || u["statusChanged"] != u["created"] {
		t.Error(u)
	}
}

func TestFact07_NextLoginNeedsAPasswordAndActivation(t *testing.T) {
	o := newTestOrg(Options{})
	profile := `{"profile":` + profileOf("dana@acme.example")
	const sentence = "Could not create user. To create a user and expire their password immediately, "
	wantRefusal(t, post(o, usersPath+"?nextLogin=changePassword", profile+"}"), 400, "E0000124",
		sentence+"a password must be specified", sentence+"a password must be specified")
	wantRefusal(t, post(o, usersPath+"?nextLogin=changePassword&activate=false", profile+`,"credentials":`+withPassword+"}"), 400, "E0000125",
		sentence+`"activate" must be true`, sentence+`"activate" must be true`)
	u := create(t, o, "?nextLogin=changePassword", profileOf("dana@acme.example"), withPassword)
	if u["status"] != "PASSWORD_EXPIRED" || u["activated"] != u["created"] || u["statusChanged"] != u["created"] {
		t.Error(u)
	}
}

func TestFact08_OnlyLoginsAreUniqueWhateverCaseAndDiacritics(t *testing.T) {
	o := newTestOrg(Options{})
	create(t, o, "", profileOf("isaac@acme.example"), "")
	for _, login := range []string{"isaac@acme.example", "ISAAC@Acme.example", "ISÁAC@acme.example", "isa\u0301ac@acme.example"} {
		wantError(t, post(o, usersPath, `{"profile":`+profileOf(login)+`}`), 400, "E0000001")
	}
	create(t, o, "", `{"login":"other@acme.example","email":"isaac@acme.example","firstName":"I","lastName":"A"}`, "")
}

func TestFact09_ADuplicateLoginIsAValidationError(t *testing.T) {
	o := newTestOrg(Options{})
	create(t, o, "", profileOf("dana@acme.example"), "")
	wantRefusal(t, post(o, usersPath, `{"profile":`+profileOf("Dana@acme.example")+`}`), 400, "E0000001",
		"Api validation failed: login", "login: An object with this field already exists in the current organization")
}

func TestFact10_UnknownAttributesAndUnknownMembersDiffer(t *testing.T) {
	o := newTestOrg(Options{})
	profile := strings.Replace(profileOf("dana@acme.example"), "{", `{"shoeSize":"44",`, 1)
	wantRefusal(t, post(o, usersPath, `{"profile":`+profile+`}`), 400, "E0000001",
		"Api validation failed: newUser", "Property name 'shoeSize' is not defined in profile")
	wantRefusal(t, post(o, usersPath, `{"boop":"thing"}`), 400, "E0000003", "The request body was not well-formed.")
}

func TestFact11_AnUnknownGroupIs404(t *testing.T) {
	o := newTestOrg(Options{})
	res := post(o, usersPath, `{"profile":`+profileOf("dana@acme.example")+`,"groupIds":["00gnobody"]}`)
	wantRefusal(t, res, 404, "E0000007", "Not found: Resource not found: 00gnobody (UserGroup)")
	wantError(t, do(o, "GET", usersPath+"/dana@acme.example", ""), 404, "E0000007") // and nobody was made
}

func TestFact12_AtMostTwentyGroups(t *testing.T) {
	o := newTestOrg(Options{})
	everyone := `"` + o.groups[0].id + `"`
	body := func(n int) string {
		return `{"profile":` + profileOf("dana@acme.example") + `,"groupIds":[` + strings.TrimSuffix(strings.Repeat(everyone+",", n), ",") + `]}`
	}
	wantRefusal(t, post(o, usersPath, body(21)), 400, "E0000093", "Target count limit exceeded", "The number of group targets is too large")
	must(t, post(o, usersPath, body(20)))
}

func TestFact13_AHashIsAnImport(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "?activate=false", profileOf("dana@acme.example"), `{"password":{"hash":`+bcryptHash+`}}`)
	if fmt.Sprint(credential(u, "provider")) != "map[name:IMPORT type:IMPORT]" || u["status"] != "STAGED" || u["statusChanged"] == nil {
		t.Error(u)
	}
	u = create(t, o, "", profileOf("dora@acme.example"), `{"password":{"hook":{"type":"default"}}}`)
	if fmt.Sprint(credential(u, "provider")) != "map[name:IMPORT type:IMPORT]" || u["status"] != "ACTIVE" {
		t.Error(u)
	}
}

func TestFact14_NamesAreRequired(t *testing.T) {
	res := post(newTestOrg(Options{}), usersPath, `{"profile":{"login":"dana@acme.example","email":"dana@acme.example"}}`)
	wantRefusal(t, res, 400, "E0000001", "Api validation failed: firstName",
		"firstName: The field cannot be left blank", "lastName: The field cannot be left blank")
}

// The object.

func TestFact15_EmptyAttributesAreLeftOut(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", strings.Replace(profileOf("dana@acme.example"), "{", `{"title":null,"mobilePhone":null,`, 1), "")
	keys := slices.Sorted(maps.Keys(profile(u)))
	if !slices.Equal(keys, []string{"email", "firstName", "lastName", "login", "mobilePhone", "secondEmail"}) ||
		profile(u)["mobilePhone"] != nil || profile(u)["secondEmail"] != nil {
		t.Error(profile(u))
	}
}

func TestFact16_NothingIsInvented(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	for _, name := range []string{"displayName", "locale", "timezone", "timeZone"} {
		if _, ok := profile(u)[name]; ok {
			t.Error(name)
		}
	}
	wantError(t, post(o, uriOf(u, ""), `{"profile":{"timeZone":"Europe/Lisbon"}}`), 400, "E0000001")
	if u = decoded(t, post(o, uriOf(u, ""), `{"profile":{"timezone":"Europe/Lisbon"}}`)); text(u, "timezone") != "Europe/Lisbon" {
		t.Error(profile(u))
	}
}

func TestFact17_MissingTimesAreExplicitNulls(t *testing.T) {
	u := create(t, newTestOrg(Options{}), "?activate=false", profileOf("dana@acme.example"), "")
	for _, name := range []string{"activated", "statusChanged", "lastLogin", "passwordChanged"} {
		if v, ok := u[name]; !ok || v != nil {
			t.Errorf("%s: %v", name, v)
		}
	}
}

func TestFact18_TimesHaveNoFractions(t *testing.T) {
	if u := create(t, newTestOrg(Options{}), "", profileOf("dana@acme.example"), ""); u["created"] != "2026-03-04T05:06:07.000Z" { // at .89
		t.Error(u["created"])
	}
}

func TestFact19_IDsHave20CharactersAndACase(t *testing.T) {
	o := newTestOrg(Options{IDSuffix: "x4Q"})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	id := u["id"].(string)
	if !regexp.MustCompile(`^00u[0-9A-Za-z]{14}x4Q$`).MatchString(id) {
		t.Error(id)
	}
	wantError(t, do(o, "GET", usersPath+"/"+strings.ToUpper(id), ""), 404, "E0000007")
}

func TestFact20_TheTypeIsAlwaysThere(t *testing.T) {
	u := create(t, newTestOrg(Options{}), "", profileOf("dana@acme.example"), "")
	id := u["type"].(object)["id"].(string)
	if len(id) != 20 || !strings.HasPrefix(id, "oty") || len(u["type"].(object)) != 1 ||
		!strings.HasSuffix(linkNames(u)["schema"]["href"].(string), "/api/v1/meta/schemas/user/osc"+id[3:]) {
		t.Error(u)
	}
}

func TestFact21_APasswordReadsBackAsAnEmptyObject(t *testing.T) {
	o := newTestOrg(Options{})
	res := post(o, usersPath, `{"profile":`+profileOf("dana@acme.example")+`,"credentials":`+withQuestion+`}`)
	if !strings.Contains(res.body, `"password":{},`) || strings.Contains(res.body, goodPassword) {
		t.Error(res.body)
	}
	res = post(o, usersPath, `{"profile":`+profileOf("dora@acme.example")+`}`)
	if strings.Contains(res.body, `"password":`) {
		t.Error(res.body)
	}
}

func TestFact22_TheAnswerIsNeverShownAndItsCaseDoesNotMatter(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), withQuestion)
	if fmt.Sprint(credential(u, "recovery_question")) != "map[question:"+theQuestion+"]" {
		t.Error(u)
	}
	must(t, post(o, uriOf(u, "/credentials/forgot_password_recovery_question"), `{"password":{"value":"`+otherPassword+`"},"recovery_question":{"answer":"LAPSANG"}}`))
	wantRefusal(t, post(o, uriOf(u, "/credentials/forgot_password_recovery_question"), `{"password":{"value":"`+otherPassword+`"},"recovery_question":{"answer":"Assam"}}`),
		403, "E0000087", "The recovery question answer did not match our records.")
}

func TestFact23_ListsHaveOnlyTheSelfLink(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("dana@acme.example"), "")
	listed := do(o, "GET", usersPath, "").body
	if !strings.HasSuffix(listed, `"_links":{"self":{"href":"http://acme.example`+uriOf(u, "")+`"}}}]`) {
		t.Error(listed)
	}
	for name, link := range linkNames(u) {
		_, has := link["method"]
		if plain := name == "self" || name == "schema" || name == "type"; has == plain || has && link["method"] != "POST" {
			t.Errorf("%s: %v", name, link)
		}
	}
}

func TestFact24_LinksOfStagedSuspendedAndDeactivatedUsers(t *testing.T) {
	o := newTestOrg(Options{})
	for _, s := range []status{staged, suspended, deprovisioned} {
		u := inStatus(t, o, s, statusNames[s]+"@acme.example", "")
		wantLinks(t, u)
		if s == deprovisioned && linkNames(u)["delete"]["method"] != "DELETE" {
			t.Error(u)
		}
	}
}

func TestFact25_ReactivateIsOfferedToProvisionedUsersWithoutAPassword(t *testing.T) {
	o := newTestOrg(Options{PasswordKeepsStatus: true})
	u := inStatus(t, o, provisioned, "dana@acme.example", "")
	if linkNames(u)["reactivate"] == nil {
		t.Error("not offered")
	}
	if u = decoded(t, post(o, uriOf(u, ""), newPassword)); u["status"] != "PROVISIONED" || linkNames(u)["reactivate"] != nil {
		t.Error("offered with a password")
	}
	if u = inStatus(t, o, active, "dora@acme.example", ""); linkNames(u)["reactivate"] != nil {
		t.Error("offered to an active user")
	}
}

func TestFact26_UnlockIsOfferedOnlyWhileLocked(t *testing.T) {
	o := newTestOrg(Options{})
	for s := range statuses {
		u := inStatus(t, o, s, statusNames[s]+"@acme.example", "")
		if offered := linkNames(u)["unlock"] != nil; offered != (s == lockedOut) {
			t.Errorf("%s: %v", statusNames[s], offered)
		}
	}
}

func TestFact27_ListsOfAllKindsHaveNoLifecycleLinks(t *testing.T) {
	o := newTestOrg(Options{})
	inStatus(t, o, active, "dana@acme.example", "")
	for _, query := range []string{"", "?q=dana", "?filter=status+eq+%22ACTIVE%22", "?search=status+eq+%22ACTIVE%22"} {
		body := do(o, "GET", usersPath+query, "").body
		if !strings.Contains(body, `"status":"ACTIVE"`) || strings.Contains(body, "lifecycle") || strings.Contains(body, "credentials/") {
			t.Errorf("%s: %s", query, body)
		}
	}
}

// Lifecycle.

func TestFact28_OnlyExpirePasswordAnswersWithTheUser(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, staged, "dana@acme.example", withPassword)
	for _, verb := range []string{"activate", "suspend", "unsuspend", "deactivate"} {
		wantBody(t, post(o, uriOf(u, "/lifecycle/"+verb), ""), 200, "{}")
	}
	u = inStatus(t, o, active, "dora@acme.example", "")
	if shown := decoded(t, post(o, uriOf(u, "/lifecycle/expire_password"), "{}")); shown["id"] != u["id"] || shown["status"] != "PASSWORD_EXPIRED" {
		t.Error(shown)
	}
}

func TestFact29_AnActivatedUserCannotBeActivated(t *testing.T) {
	o := newTestOrg(Options{})
	for _, s := range []status{active, provisioned} {
		u := inStatus(t, o, s, statusNames[s]+"@acme.example", "")
		wantRefusal(t, post(o, uriOf(u, "/lifecycle/activate"), ""), 403, "E0000016", "Activation failed because the user is already active")
	}
}

func TestFact30_WhoIsMailedByDefault(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, staged, "dana@acme.example", "")
	wantBody(t, post(o, uriOf(u, "/lifecycle/activate"), ""), 200, "{}")
	isInvitation(t, post(o, uriOf(u, "/lifecycle/reactivate"), ""), nil, nil)
	wantBody(t, post(o, uriOf(u, "/lifecycle/reactivate?sendEmail=true"), ""), 200, "{}")
	wantBody(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""), 200, "{}")
	u = inStatus(t, o, active, "dora@acme.example", "")
	wantBody(t, post(o, uriOf(u, "/credentials/forgot_password"), ""), 200, "{}")
	wantBody(t, post(o, uriOf(u, "/lifecycle/deactivate"), ""), 200, "{}")
	wantError(t, post(o, uriOf(u, "/lifecycle/activate?sendEmail=perhaps"), ""), 400, "E0000037")
}

func TestFact31_ActivationShowsTheTokenEvenToAUserWithAPassword(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, staged, "dana@acme.example", withPassword)
	isInvitation(t, post(o, uriOf(u, "/lifecycle/activate?sendEmail=false"), ""), nil, nil)
	if u = again(t, o, u); u["status"] != "ACTIVE" {
		t.Error(u)
	}
}

func TestFact32_TheActivationAddressDependsOnTheEngine(t *testing.T) {
	for engine, want := range map[Engine]string{
		IdentityEngine: `"activationUrl":"http://acme.example/tokens/([0-9A-Za-z_-]{20})/verify"`,
		ClassicEngine:  `"activationUrl":"http://acme.example/welcome/([0-9A-Za-z_-]{20})"`,
	} {
		o := newTestOrg(Options{Engine: engine})
		u := inStatus(t, o, staged, "dana@acme.example", "")
		if res := post(o, uriOf(u, "/lifecycle/activate?sendEmail=false"), ""); !regexp.MustCompile(want).MatchString(res.body) {
			t.Error(res.body)
		}
	}
}

func TestFact33_ResetLinksOfTheTwoOperationsDiffer(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	isResetLink("/signin/reset-password/")(t, post(o, uriOf(u, "/credentials/forgot_password?sendEmail=false"), ""), nil, nil)
	isResetLink("/reset_password/")(t, post(o, uriOf(u, "/lifecycle/reset_password?sendEmail=false"), ""), nil, nil)
}

func TestFact34_ResetChangesTheStatusAndForgotDoesNot(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	must(t, post(o, uriOf(u, "/credentials/forgot_password"), ""))
	if now := again(t, o, u); fmt.Sprint(now) != fmt.Sprint(u) {
		t.Errorf("%v, was %v", now, u)
	}
	must(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""))
	if now := again(t, o, u); now["status"] != "RECOVERY" {
		t.Error(now)
	}
}

func TestFact35_SuspendAndUnsuspend(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, passwordExpired, "dana@acme.example", "")
	must(t, post(o, uriOf(u, "/lifecycle/suspend"), ""))
	wantRefusal(t, post(o, uriOf(u, "/lifecycle/suspend"), ""), 400, "E0000001", "Api validation failed: suspendUser",
		"Cannot suspend a user that is not active")
	must(t, post(o, uriOf(u, "/lifecycle/unsuspend"), ""))
	if now := again(t, o, u); now["status"] != "PASSWORD_EXPIRED" {
		t.Error(now)
	}
}

func TestFact36_NotOnlyActiveUsersCanBeSuspended(t *testing.T) {
	o := newTestOrg(Options{})
	for _, s := range []status{provisioned, passwordExpired} {
		u := inStatus(t, o, s, statusNames[s]+"@acme.example", "")
		if linkNames(u)["suspend"] == nil {
			t.Errorf("%s: no link", statusNames[s])
		}
		wantBody(t, post(o, uriOf(u, "/lifecycle/suspend"), ""), 200, "{}")
	}
}

func TestFact37_Unlock(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, passwordExpired, "dana@acme.example", "")
	wantRefusal(t, post(o, uriOf(u, "/lifecycle/unlock"), ""), 403, "E0000032", "Unlock is not allowed for this user.", "The user is not locked out.")
	if err := o.LockOut("dana@acme.example"); err != nil {
		t.Fatal(err)
	}
	wantBody(t, post(o, uriOf(u, "/lifecycle/unlock"), ""), 200, "{}")
	if now := again(t, o, u); now["status"] != "PASSWORD_EXPIRED" {
		t.Error(now)
	}
}

func TestFact38_OnlyPendingUsersCanBeReactivated(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	wantRefusal(t, post(o, uriOf(u, "/lifecycle/reactivate"), ""), 403, "E0000038", "This operation is not allowed in the user's current status.")
}

func TestFact39_ADeactivatedUserIsNotFoundByDeactivate(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, deprovisioned, "dana@acme.example", "")
	wantRefusal(t, post(o, usersPath+"/dana@acme.example/lifecycle/deactivate", ""), 404, "E0000007",
		"Not found: Resource not found: dana@acme.example (User)")
	again(t, o, u)
}

func TestFact40_ActivatingAgainLosesThePassword(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, deprovisioned, "dana@acme.example", "")
	must(t, post(o, uriOf(u, "/lifecycle/activate"), ""))
	now := again(t, o, u)
	if now["status"] != "PROVISIONED" || credential(now, "password") != nil || now["passwordChanged"] != u["passwordChanged"] || u["passwordChanged"] == nil {
		t.Error(now)
	}
}

func TestFact41_AStagedUserCanBeDeactivated(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, staged, "dana@acme.example", "")
	wantBody(t, post(o, uriOf(u, "/lifecycle/deactivate"), ""), 200, "{}")
	if now := again(t, o, u); now["status"] != "DEPROVISIONED" || now["activated"] != nil || now["statusChanged"] == nil {
		t.Error(now)
	}
}

func TestFact42_ExpirePasswordAnswersWithTheOldStatusChanged(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	shown := decoded(t, post(o, uriOf(u, "/lifecycle/expire_password"), ""))
	now := again(t, o, u)
	if shown["statusChanged"] != u["statusChanged"] || shown["lastUpdated"] != "2026-03-04T06:06:07.000Z" || now["statusChanged"] != shown["lastUpdated"] {
		t.Errorf("%v, then %v", shown, now)
	}
}

func TestFact43_TemporaryPasswordsHave12Characters(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	temporary := decoded(t, post(o, uriOf(u, "/lifecycle/expire_password_with_temp_password"), ""))["tempPassword"].(string)
	if now := again(t, o, u); len(temporary) != 12 || now["passwordChanged"] != "2026-03-04T06:06:07.000Z" {
		t.Errorf("%s: %v", temporary, now)
	}
	must(t, post(o, uriOf(u, "/credentials/change_password"), strings.Replace(changePassword, goodPassword, temporary, 1)))
}

func TestFact44_DeleteHasTwoPhases(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	wantBody(t, do(o, "DELETE", uriOf(u, "?sendEmail=true"), ""), 204, "")
	if now := again(t, o, u); now["status"] != "DEPROVISIONED" {
		t.Error(now)
	}
	wantBody(t, do(o, "DELETE", uriOf(u, ""), ""), 204, "")
	wantError(t, do(o, "DELETE", uriOf(u, ""), ""), 404, "E0000007")
}

func TestFact45_TheLoginOfADeactivatedUserStaysReserved(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, deprovisioned, "dana@acme.example", "")
	if by := decoded(t, do(o, "GET", usersPath+"/dana@acme.example", "")); by["id"] != u["id"] {
		t.Error(by)
	}
	body := `{"profile":` + profileOf("dana@acme.example") + `}`
	wantError(t, post(o, usersPath, body), 400, "E0000001")
	must(t, do(o, "DELETE", uriOf(u, ""), ""))
	must(t, post(o, usersPath, body))
}

func TestFact46_ADeactivatedUserCannotBeEdited(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, deprovisioned, "dana@acme.example", "")
	for _, method := range []string{"POST", "PUT"} {
		wantRefusal(t, do(o, method, uriOf(u, ""), `{"profile":{"title":"Pilot"}}`), 403, "E0000038", "This operation is not allowed in the user's current status.")
	}
	o = newTestOrg(Options{EditDeactivated: true})
	u = inStatus(t, o, deprovisioned, "dana@acme.example", "")
	if u = decoded(t, post(o, uriOf(u, ""), `{"profile":{"title":"Pilot"}}`)); text(u, "title") != "Pilot" || u["status"] != "DEPROVISIONED" {
		t.Error(u)
	}
	wantError(t, post(o, uriOf(u, ""), newPassword), 403, "E0000038")
}

// Update.

func TestFact47_APartialPutHasFiveCauses(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	wantRefusal(t, do(o, "PUT", uriOf(u, ""), `{"profile":{"mobilePhone":"+1 555 0100"}}`), 400, "E0000001", "Api validation failed: login",
		"login: The field cannot be left blank", "firstName: The field cannot be left blank", "lastName: The field cannot be left blank",
		"email: The field cannot be left blank", "login: Username must be in the form of an email address")
}

func TestFact48_PutRemovesAndPostKeeps(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", strings.Replace(profileOf("dana@acme.example"), "{", `{"title":"Pilot","city":"Turku","floor":3,`, 1), "")
	u = decoded(t, post(o, uriOf(u, ""), `{"profile":{"city":null,"state":"FI"}}`))
	if text(u, "title") != "Pilot" || profile(u)["floor"] != 3.0 || text(u, "state") != "FI" || text(u, "login") != "dana@acme.example" {
		t.Error(profile(u))
	}
	if _, there := profile(u)["city"]; there {
		t.Error(profile(u))
	}
	u = decoded(t, do(o, "PUT", uriOf(u, ""), `{"profile":`+profileOf("dana@acme.example")+`}`))
	if len(profile(u)) != 6 {
		t.Error(profile(u))
	}
}

func TestFact49_APutOfCredentialsLeavesTheProfileAlone(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", strings.Replace(profileOf("dana@acme.example"), "{", `{"title":"Pilot",`, 1), withPassword)
	now := decoded(t, do(o, "PUT", uriOf(u, ""), newPassword))
	if fmt.Sprint(now["profile"]) != fmt.Sprint(u["profile"]) {
		t.Error(now)
	}
	now = decoded(t, do(o, "PUT", uriOf(u, ""), `{"profile":`+profileOf("dana@acme.example")+`}`))
	if credential(now, "password") == nil {
		t.Error(now)
	}
}

func TestFact50_APasswordMovesOnlyPasswordChanged(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	now := decoded(t, do(o, "PUT", uriOf(u, ""), newPassword))
	if now["passwordChanged"] != "2026-03-04T06:06:07.000Z" || now["lastUpdated"] != u["lastUpdated"] {
		t.Error(now)
	}
}

func TestFact51_OnlyPutChangesTheType(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, suspended, "dana@acme.example", "")
	other := `{"type":{"id":"oty` + o.types[1].tail + `"}}`
	same := `{"type":{"id":"` + u["type"].(object)["id"].(string) + `"}}`
	wantError(t, post(o, uriOf(u, ""), other), 400, "E0000001")
	must(t, post(o, uriOf(u, ""), same))
	now := decoded(t, do(o, "PUT", uriOf(u, ""), other))
	if now["type"].(object)["id"] != "oty"+o.types[1].tail || now["status"] != "SUSPENDED" || fmt.Sprint(now["profile"]) != fmt.Sprint(u["profile"]) {
		t.Error(now)
	}
	wantRefusal(t, do(o, "PUT", uriOf(u, ""), `{"type":{"id":"otynone"}}`), 404, "E0000007", "Not found: Resource not found: otynone (CVDType)")
}

func TestFact52_ProfilesDoNotMoveStatusChanged(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	o.Advance(time.Hour)
	now := decoded(t, post(o, uriOf(u, ""), `{"profile":{"title":"Pilot"}}`))
	if now["statusChanged"] != u["statusChanged"] || now["lastUpdated"] != "2026-03-04T06:06:07.000Z" {
		t.Error(now)
	}
}

func TestFact53_ThePolicyHasTwoErrors(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	const rule = "Password requirements were not met. Password requirements: at least 8 characters, a lowercase letter, an uppercase letter, a number, no parts of your username."
	wantRefusal(t, post(o, uriOf(u, ""), `{"credentials":{"password":{"value":"short"}}}`), 400, "E0000001", "Api validation failed: password", "password: "+rule)
	wantRefusal(t, post(o, uriOf(u, "/credentials/change_password"), strings.Replace(changePassword, otherPassword, "short", 1)), 403, "E0000014",
		"Update of credentials failed", rule)
}

func TestFact54_AWrongOldPasswordIs403(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	wantRefusal(t, post(o, uriOf(u, "/credentials/change_password"), strings.Replace(changePassword, goodPassword, otherPassword, 1)), 403, "E0000014",
		"Update of credentials failed", "Old Password is not correct")
}

// Lists.

func TestFact66_OnlyGetHasAnETagAndTheStatusIsNotInIt(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	tag := do(o, "GET", uriOf(u, ""), "").header.Get("ETag")
	if !regexp.MustCompile(`^W/"[0-9a-f]{64}"$`).MatchString(tag) {
		t.Error(tag)
	}
	o.Advance(time.Hour)
	for _, res := range []response{post(o, uriOf(u, "/lifecycle/suspend"), ""), post(o, uriOf(u, "/lifecycle/unsuspend"), ""), post(o, uriOf(u, ""), newPassword), do(o, "GET", usersPath, "")} {
		if must(t, res).header.Get("ETag") != "" {
			t.Error(res.header)
		}
	}
	if now := do(o, "GET", uriOf(u, ""), "").header.Get("ETag"); now != tag {
		t.Errorf("%s, was %s", now, tag)
	}
	must(t, post(o, uriOf(u, ""), `{"profile":{"title":"Pilot"}}`))
	if now := do(o, "GET", uriOf(u, ""), "").header.Get("ETag"); now == tag {
		t.Error("the profile changed and the tag did not")
	}
}

func TestFact67_OktaResponseIsOnContentType(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	const trim = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"
	now := decoded(t, do(o, "GET", uriOf(u, ""), "", "Content-Type", trim))
	if now["credentials"] != nil || linkNames(now)["resetPassword"] != nil || linkNames(now)["suspend"] == nil {
		t.Error(now)
	}
	if now = decoded(t, do(o, "GET", uriOf(u, ""), "", "Accept", trim)); now["credentials"] == nil {
		t.Error("on Accept, it counts too")
	}
	if now = decoded(t, post(o, uriOf(u, ""), `{"profile":{"title":"Pilot"}}`, "Content-Type", trim)); now["credentials"] == nil {
		t.Error("an update is trimmed")
	}
}

// Protocol.

func TestFact69_AFeatureThatIsOffIs401(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	res := do(o, "GET", uriOf(u, "/blocks"), "")
	wantRefusal(t, res, 401, "E0000015", "You do not have permission to access the feature you are requesting")
	if res.header.Get("X-Rate-Limit-Limit") == "" || res.header.Get("Www-Authenticate") != "" {
		t.Errorf("the token is right: %v", res.header)
	}
	wantError(t, do(o, "GET", usersPath+"/nobody/blocks", ""), 404, "E0000007")
}

func TestFact71_ErrorsHaveFiveKeys(t *testing.T) {
	res := post(newTestOrg(Options{}), usersPath, "{")
	if !regexp.MustCompile(`^\{"errorCode":"E0000003","errorSummary":"The request body was not well-formed\.","errorLink":"E0000003","errorId":"oae[0-9A-Za-z_-]{22}","errorCauses":\[\]\}$`).MatchString(res.body) {
		t.Error(res.body)
	}
}

func TestFact72_NotFoundEchoesThePath(t *testing.T) {
	o := newTestOrg(Options{})
	for _, res := range []response{post(o, usersPath+"/No.Body%40acme.example/lifecycle/suspend", ""), do(o, "PUT", usersPath+"/No.Body@acme.example", "{}")} {
		wantRefusal(t, res, 404, "E0000007", "Not found: Resource not found: No.Body@acme.example (User)")
	}
}

func TestFact73_RateHeadersAreOnChangesToo(t *testing.T) {
	o := newTestOrg(Options{})
	for _, res := range []response{post(o, usersPath, "{"), post(o, usersPath, `{"profile":`+profileOf("dana@acme.example")+`}`), do(o, "DELETE", usersPath+"/dana@acme.example", "")} {
		reset, err := strconv.ParseInt(res.header.Get("X-Rate-Limit-Reset"), 10, 64)
		if err != nil || reset <= theClock.Unix() || reset > theClock.Unix()+61 || res.header.Get("X-Rate-Limit-Remaining") == "" || res.header.Get("X-Rate-Limit-Limit") == "" {
			t.Error(res.header)
		}
		if res.header.Get("Date") != theClock.Format(http.TimeFormat) || len(res.header["Retry-After"]) > 0 {
			t.Error(res.header)
		}
	}
}

func TestFact75_ATokenMayUseItsShareOfABucket(t *testing.T) {
	o := newTestOrg(Options{RateLimit: RateLimit{Calls: 6, TokenShare: 50}})
	for n := range 4 {
		res := post(o, usersPath, `{"profile":`+profileOf(fmt.Sprintf("dana%d@acme.example", n))+`}`)
		if want := max(2-n, 0); res.header.Get("X-Rate-Limit-Limit") != "3" || res.header.Get("X-Rate-Limit-Remaining") != strconv.Itoa(want) {
			t.Error(res.header)
		}
		if want := n == 3; want != (res.status == 429) {
			t.Errorf("call %d: %d", n, res.status)
		}
	}
}

func TestFact77_ABodyNeedsALength(t *testing.T) {
	s := Start(t, Options{})
	for method, want := range map[string]string{"POST": " 411 ", "PUT": " 411 ", "DELETE": " 404 "} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s /api/v1/users/nobody HTTP/1.1\r\nHost: acme.example\r\nAuthorization: SSWS %s\r\n\r\n", method, s.Token)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Errorf("%s: %q, %v", method, line, err)
		}
	}
}

func TestFact78_CharactersOfFourBytesAreRefused(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, active, "dana@acme.example", "")
	for _, name := range []string{"D\U0001F600", `D\ud83d\ude00`} {
		body := `{"profile":` + strings.Replace(profileOf("d@acme.example"), "Dana", name, 1) + `}`
		wantError(t, post(o, usersPath, body), 400, "E0000003")
		wantError(t, do(o, "PUT", uriOf(u, ""), body), 400, "E0000003")
	}
	must(t, post(o, uriOf(u, ""), `{"profile":{"firstName":"Đặng","lastName":"王"}}`))
}

func TestFact79_LoginsAreFoundWhateverTheirCase(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("Dana.Reyes@acme.example"), "")
	for _, key := range []string{"dana.reyes@ACME.example", "DANA.REYES", "dana.reyes"} {
		if by := decoded(t, do(o, "GET", usersPath+"/"+key, "")); by["id"] != u["id"] {
			t.Errorf("%s: %v", key, by)
		}
	}
	if text(u, "login") != "Dana.Reyes@acme.example" {
		t.Error(u)
	}
	create(t, o, "", profileOf("dana.reyes@other.example"), "")
	wantError(t, do(o, "GET", usersPath+"/dana.reyes", ""), 404, "E0000007")
	slash := create(t, o, "", profileOf("ext/dana@acme.example"), "")
	wantError(t, do(o, "GET", usersPath+"/ext%2Fdana@acme.example", ""), 404, "E0000007")
	again(t, o, slash)
}

func TestFact80_AnUnknownUserIsFoundOutFirst(t *testing.T) {
	o := newTestOrg(Options{})
	for _, method := range []string{"POST", "PUT"} {
		wantError(t, do(o, method, usersPath+"/nobody", `{"boop":`, "If-Match", "junk"), 404, "E0000007")
	}
	wantError(t, post(o, usersPath+"/nobody/credentials/change_password", `[`), 404, "E0000007")
}
