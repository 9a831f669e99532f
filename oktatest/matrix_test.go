package oktatest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// An operation is a row of the matrix: what a call does to a user in each status.
type operation struct {
	name, method, path, body string
	staged                   string // the credentials of the staged user; "": none

	// The outcomes in the order of the statuses. "=" is success with the status kept, the name of a
	// status success and that status, "gone" that the user is deleted; anything else an error in refusals.
	outcomes [statuses]string
	moves    string // the times that are set to now if the status changes
	kept     string // the same if it stays as it is
	answers  func(t *testing.T, res response, before, after object)
}

// refusals are the errors of the matrix, whole.
var refusals = map[string]struct {
	status        int
	code, summary string
	causes        []string
}{
	"16":  {403, "E0000016", "Activation failed because the user is already active", nil},
	"38":  {403, "E0000038", "This operation is not allowed in the user's current status.", nil},
	"32":  {403, "E0000032", "Unlock is not allowed for this user.", []string{"The user is not locked out."}},
	"34":  {403, "E0000034", "Forgot password not allowed on specified user.", []string{"The user's current status or recovery credentials don't allow a forgotten password to be reset"}},
	"35":  {403, "E0000035", "Change password not allowed on specified user.", nil},
	"36":  {403, "E0000036", "Change recovery question not allowed on specified user.", nil},
	"sus": {400, "E0000001", "Api validation failed: suspendUser", []string{"Cannot suspend a user that is not active"}},
	"uns": {400, "E0000001", "Api validation failed: unsuspendUser", []string{"Cannot unsuspend a user that is not suspended"}},
	"NF":  {404, "E0000007", "Not found: Resource not found: {id} (User)", nil},
}

var (
	changed        = `{"profile":{"login":"other@acme.example","email":"dana@acme.example","firstName":"Dana","lastName":"Reyes","title":"Pilot"}}`
	newPassword    = `{"credentials":{"password":{"value":"` + otherPassword + `"}}}`
	changePassword = `{"oldPassword":{"value":"` + goodPassword + `"},"newPassword":{"value":"` + otherPassword + `"}}`
	changeQuestion = `{"password":{"value":"` + goodPassword + `"},"recovery_question":{"question":"Pet?","answer":"Cat"}}`
	rightAnswer    = `{"password":{"value":"` + otherPassword + `"},"recovery_question":{"answer":"lapSANG"}}`
)

const statusMoves = "statusChanged lastUpdated"

// The matrix: outcomes are in the order STAGED, PROVISIONED, ACTIVE, RECOVERY, PASSWORD_EXPIRED, LOCKED_OUT,
// SUSPENDED, DEPROVISIONED.
var matrix = []operation{
	{name: "get", method: "GET", answers: showsUser,
		outcomes: [statuses]string{"=", "=", "=", "=", "=", "=", "=", "="}},
	{name: "post_profile", method: "POST", body: `{"profile":{"title":"Pilot"}}`, kept: "lastUpdated", answers: showsUser,
		outcomes: [statuses]string{"=", "=", "=", "=", "=", "=", "=", "38"}},
	{name: "put_profile", method: "PUT", body: changed, kept: "lastUpdated", answers: showsUser,
		outcomes: [statuses]string{"=", "=", "=", "=", "=", "=", "=", "38"}},
	{name: "post_password", method: "POST", body: newPassword, moves: "passwordChanged " + statusMoves, kept: "passwordChanged", answers: setsPassword,
		outcomes: [statuses]string{"=", "ACTIVE", "=", "ACTIVE", "ACTIVE", "ACTIVE", "=", "38"}},
	{name: "put_password", method: "PUT", body: newPassword, moves: "passwordChanged " + statusMoves, kept: "passwordChanged", answers: setsPassword,
		outcomes: [statuses]string{"=", "ACTIVE", "=", "ACTIVE", "ACTIVE", "ACTIVE", "=", "38"}},
	{name: "delete", method: "DELETE", moves: statusMoves, answers: isNothing,
		outcomes: [statuses]string{"DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "gone"}},
	{name: "activate", method: "POST", path: "/lifecycle/activate", moves: "activated " + statusMoves, answers: isEmpty,
		outcomes: [statuses]string{"PROVISIONED", "16", "16", "16", "16", "16", "16", "PROVISIONED"}},
	{name: "activate_with_password", method: "POST", path: "/lifecycle/activate?sendEmail=false", staged: withPassword, moves: "activated " + statusMoves, answers: isInvitation,
		outcomes: [statuses]string{"ACTIVE", "16", "16", "16", "16", "16", "16", "PROVISIONED"}},
	{name: "reactivate", method: "POST", path: "/lifecycle/reactivate", answers: isInvitation,
		outcomes: [statuses]string{"38", "=", "38", "=", "38", "38", "38", "38"}},
	{name: "deactivate", method: "POST", path: "/lifecycle/deactivate", moves: statusMoves, answers: isEmpty,
		outcomes: [statuses]string{"DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "DEPROVISIONED", "NF"}},
	{name: "suspend", method: "POST", path: "/lifecycle/suspend", moves: statusMoves, answers: isEmpty,
		outcomes: [statuses]string{"sus", "SUSPENDED", "SUSPENDED", "SUSPENDED", "SUSPENDED", "sus", "sus", "sus"}},
	{name: "unsuspend", method: "POST", path: "/lifecycle/unsuspend", moves: statusMoves, answers: isEmpty,
		outcomes: [statuses]string{"uns", "uns", "uns", "uns", "uns", "uns", "ACTIVE", "uns"}},
	{name: "unlock", method: "POST", path: "/lifecycle/unlock", moves: statusMoves, answers: isEmpty,
		outcomes: [statuses]string{"32", "32", "32", "32", "32", "ACTIVE", "32", "32"}},
	{name: "expire_password", method: "POST", path: "/lifecycle/expire_password", moves: statusMoves, kept: "lastUpdated", answers: showsUserOfBefore,
		outcomes: [statuses]string{"38", "38", "PASSWORD_EXPIRED", "38", "=", "38", "38", "38"}},
	{name: "expire_password_with_temp_password", method: "POST", path: "/lifecycle/expire_password_with_temp_password", moves: "passwordChanged " + statusMoves, kept: "passwordChanged lastUpdated", answers: isTempPassword,
		outcomes: [statuses]string{"38", "38", "PASSWORD_EXPIRED", "38", "=", "38", "38", "38"}},
	{name: "expire_password_tempPassword", method: "POST", path: "/lifecycle/expire_password?tempPassword=true", moves: "passwordChanged " + statusMoves, kept: "passwordChanged lastUpdated", answers: isTempPassword,
		outcomes: [statuses]string{"38", "38", "PASSWORD_EXPIRED", "38", "=", "38", "38", "38"}},
	{name: "reset_password", method: "POST", path: "/lifecycle/reset_password?sendEmail=false", moves: statusMoves, kept: "lastUpdated", answers: isResetLink("/reset_password/"),
		outcomes: [statuses]string{"38", "RECOVERY", "RECOVERY", "=", "RECOVERY", "RECOVERY", "38", "38"}},
	{name: "forgot_password", method: "POST", path: "/credentials/forgot_password?sendEmail=false", answers: isResetLink("/signin/reset-password/"),
		outcomes: [statuses]string{"34", "34", "=", "34", "34", "34", "34", "34"}},
	{name: "forgot_password_recovery_question", method: "POST", path: "/credentials/forgot_password_recovery_question", body: rightAnswer, kept: "passwordChanged lastUpdated", answers: isCredentials(theQuestion),
		outcomes: [statuses]string{"34", "34", "=", "34", "34", "34", "34", "34"}},
	{name: "change_password", method: "POST", path: "/credentials/change_password", body: changePassword, staged: withQuestion, moves: "passwordChanged " + statusMoves, kept: "passwordChanged lastUpdated", answers: isCredentials(theQuestion),
		outcomes: [statuses]string{"=", "35", "=", "ACTIVE", "ACTIVE", "35", "35", "35"}},
	{name: "change_recovery_question", method: "POST", path: "/credentials/change_recovery_question", body: changeQuestion, staged: withQuestion, kept: "lastUpdated", answers: isCredentials("Pet?"),
		outcomes: [statuses]string{"=", "36", "=", "=", "36", "36", "36", "36"}},
	{name: "reset_factors", method: "POST", path: "/lifecycle/reset_factors", answers: isEmpty,
		outcomes: [statuses]string{"=", "=", "=", "=", "=", "=", "=", "="}},
	{name: "delete_sessions", method: "DELETE", path: "/sessions", answers: isNothing,
		outcomes: [statuses]string{"=", "=", "=", "=", "=", "=", "=", "="}},
}

// linksOf are the links of a user whose status came about by the operations of the matrix.
var linksOf = map[string]string{
	"STAGED":           "activate",
	"PROVISIONED":      "suspend resetPassword reactivate deactivate",
	"ACTIVE":           "suspend resetPassword expirePassword changeRecoveryQuestion changePassword deactivate forgotPassword",
	"PASSWORD_EXPIRED": "suspend resetPassword expirePassword changeRecoveryQuestion changePassword deactivate forgotPassword",
	"RECOVERY":         "suspend resetPassword reactivate deactivate changePassword changeRecoveryQuestion",
	"LOCKED_OUT":       "suspend resetPassword expirePassword changeRecoveryQuestion changePassword deactivate forgotPassword unlock",
	"SUSPENDED":        "unsuspend deactivate",
	"DEPROVISIONED":    "activate delete",
}

func wantLinks(t *testing.T, u object) {
	t.Helper()
	want := append(strings.Fields(linksOf[u["status"].(string)]), "self", "schema", "type", "resetFactors")
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(linkNames(u))); !slices.Equal(got, want) {
		t.Errorf("links of a user who is %s: %q, want %q", u["status"], got, want)
	}
}

var times = []string{"created", "activated", "statusChanged", "lastLogin", "lastUpdated", "passwordChanged"}

func TestMatrix(t *testing.T) {
	o := newTestOrg(Options{})
	for _, op := range matrix {
		for s := range statuses {
			t.Run(op.name+"/"+statusNames[s], func(t *testing.T) { testCell(t, o, op, s) })
		}
		t.Run(op.name+"/nobody", func(t *testing.T) { // found out before the body is read
			res := do(o, op.method, usersPath+"/nobody"+op.path, "{")
			wantRefusal(t, res, 404, "E0000007", "Not found: Resource not found: nobody (User)")
		})
	}
}

func testCell(t *testing.T, o *Org, op operation, s status) {
	before := inStatus(t, o, s, strings.ToLower(op.name+"."+statusNames[s]+"@acme.example"), op.staged)
	o.Advance(time.Minute)
	now := o.Now().UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000Z")
	body := strings.Replace(op.body, "other@", "put."+strings.ToLower(statusNames[s])+"@", 1)
	res := do(o, op.method, uriOf(before, op.path), body)

	outcome := op.outcomes[s]
	if outcome == "gone" {
		wantBody(t, res, http.StatusNoContent, "")
		wantError(t, do(o, http.MethodGet, uriOf(before, ""), ""), http.StatusNotFound, "E0000007")
		return
	}
	after := again(t, o, before)
	if refusal, refused := refusals[outcome]; refused {
		summary := strings.Replace(refusal.summary, "{id}", before["id"].(string), 1)
		wantRefusal(t, res, refusal.status, refusal.code, summary, refusal.causes...)
		if fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("a refused operation changed\n%v\ninto\n%v", before, after)
		}
		return
	}
	op.answers(t, res, before, after)
	moves := op.moves
	if outcome == "=" {
		outcome, moves = statusNames[s], op.kept
	}
	if after["status"] != outcome {
		t.Errorf("the user became %v, want %s", after["status"], outcome)
	}
	for _, name := range times {
		want := before[name]
		if slices.Contains(strings.Fields(moves), name) {
			want = now
		}
		if after[name] != want {
			t.Errorf("%s is %v, want %v", name, after[name], want)
		}
	}
	wantLinks(t, after)
}

func showsUser(t *testing.T, res response, before, after object) {
	if u := decoded(t, res); fmt.Sprint(u) != fmt.Sprint(after) {
		t.Errorf("the answer is\n%v\nand the user is\n%v", u, after)
	}
}

// showsUserBut is showsUser with a time that is the one of before.
func showsUserBut(t *testing.T, res response, before, after object, name string) {
	u := decoded(t, res)
	if u[name] != before[name] {
		t.Errorf("%s is %v, was %v", name, u[name], before[name])
	}
	u[name] = after[name]
	if fmt.Sprint(u) != fmt.Sprint(after) {
		t.Errorf("the answer is\n%v\nand the user is\n%v", u, after)
	}
}

func showsUserOfBefore(t *testing.T, res response, before, after object) {
	showsUserBut(t, res, before, after, "statusChanged")
}

func setsPassword(t *testing.T, res response, before, after object) {
	showsUserBut(t, res, before, after, "lastUpdated")
	if fmt.Sprint(credential(after, "password")) != "map[]" {
		t.Errorf("the credentials are %v", after["credentials"])
	}
}

func isEmpty(t *testing.T, res response, _, _ object) { wantBody(t, res, http.StatusOK, "{}") }

func isNothing(t *testing.T, res response, _, _ object) {
	wantBody(t, res, http.StatusNoContent, "")
	if len(res.header["Content-Type"]) > 0 || len(res.header["Content-Length"]) > 0 {
		t.Errorf("headers of nothing: %v", res.header)
	}
}

func isInvitation(t *testing.T, res response, _, _ object) {
	token := regexp.MustCompile(`^\{"activationUrl":"http://acme\.example/tokens/([0-9A-Za-z_-]{20})/verify","activationToken":"([0-9A-Za-z_-]{20})"\}$`).FindStringSubmatch(res.body)
	if res.status != http.StatusOK || token == nil || token[1] != token[2] {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func isResetLink(path string) func(*testing.T, response, object, object) {
	return func(t *testing.T, res response, _, _ object) {
		want := regexp.MustCompile(`^\{"resetPasswordUrl":"http://acme\.example` + regexp.QuoteMeta(path) + `[0-9A-Za-z_-]{20}"\}$`)
		if res.status != http.StatusOK || !want.MatchString(res.body) {
			t.Errorf("%d %s", res.status, res.body)
		}
	}
}

func isTempPassword(t *testing.T, res response, _, _ object) {
	if res.status != http.StatusOK || !regexp.MustCompile(`^\{"tempPassword":"[a-km-zA-HJ-NP-Z2-9]{12}"\}$`).MatchString(res.body) {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func isCredentials(question string) func(*testing.T, response, object, object) {
	return func(t *testing.T, res response, _, _ object) {
		wantBody(t, res, http.StatusOK, `{"password":{},"recovery_question":{"question":"`+question+`"},"provider":{"type":"OKTA","name":"OKTA"}}`)
	}
}

// Suspended and locked users go back to where they came from.
func TestMatrixWaysBack(t *testing.T) {
	o := newTestOrg(Options{})
	for _, from := range []status{provisioned, active, recovery, passwordExpired} {
		u := inStatus(t, o, from, statusNames[from]+"@back.example", "")
		must(t, post(o, uriOf(u, "/lifecycle/suspend"), ""))
		must(t, post(o, uriOf(u, "/lifecycle/unsuspend"), ""))
		if now := again(t, o, u); now["status"] != u["status"] {
			t.Errorf("unsuspended: %v, was %v", now["status"], u["status"])
		}
	}
	u := inStatus(t, o, passwordExpired, "locked@back.example", "")
	if err := o.LockOut("locked@back.example"); err != nil {
		t.Fatal(err)
	}
	must(t, post(o, uriOf(u, "/lifecycle/unlock"), ""))
	if now := again(t, o, u); now["status"] != "PASSWORD_EXPIRED" {
		t.Errorf("unlocked: %v", now["status"])
	}
	// A password that an admin sets meanwhile is what counts afterwards.
	must(t, post(o, uriOf(u, "/lifecycle/suspend"), ""))
	must(t, post(o, uriOf(u, ""), newPassword))
	must(t, post(o, uriOf(u, "/lifecycle/unsuspend"), ""))
	if now := again(t, o, u); now["status"] != "ACTIVE" {
		t.Errorf("unsuspended with a new password: %v", now["status"])
	}
}
