package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// An operation is a row of the table of operations by status: its name, its call, the status of a
// success, and what comes of it in each of the standings, in their order. That is one of
//
//	=          it succeeds and leaves the status as it is
//	ACTIVE     (or another status) it succeeds and leads there
//	gone       it succeeds and there is no such user any more
//	16, 38, …  it is refused with an error of refusals, and the status stays
//	-          nothing is known
type operation struct {
	name    string
	success int
	want    string
	call    func(p *pass, id string) (*okta.APIResponse, error)
}

// refusals are the errors of the table. Where sources name two codes, either will do.
var refusals = map[string][]problem{
	"16":    {{status: 403, code: "E0000016", summary: "Activation failed because the user is already active", causes: []string{}}},
	"32":    {{status: 403, code: "E0000032", summary: "Unlock is not allowed for this user.", causes: []string{"The user is not locked out."}}},
	"34":    {{status: 403, code: "E0000034", summary: "Forgot password not allowed on specified user."}},
	"34/17": {{status: 403, code: "E0000034", summary: "Forgot password not allowed on specified user."}, {status: 403, code: "E0000017", summary: "Password reset failed"}},
	"35":    {{status: 403, code: "E0000035", summary: "Change password not allowed on specified user."}},
	"36":    {{status: 403, code: "E0000036", summary: "Change recovery question not allowed on specified user."}},
	"38":    {{status: 403, code: "E0000038", summary: "This operation is not allowed in the user's current status.", causes: []string{}}},
	"sus":   {{status: 400, code: "E0000001", summary: "Api validation failed: suspendUser", causes: []string{"Cannot suspend a user that is not active"}}},
	"uns":   {{status: 400, code: "E0000001", causes: []string{"Cannot unsuspend a user that is not suspended"}}},
	"NF":    {{status: 404, code: "E0000007", causes: []string{}}},
}

var operations = []operation{
	//                 STAGED with-pw PROVISIONED ACTIVE RECOVERY PASSWORD_EXPIRED LOCKED_OUT SUSPENDED DEPROVISIONED
	{"get", 200, "= = = = = = = = =", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserAPI.GetUser(p.ctx, id).Execute()
		return resp, err
	}},
	{"update the profile of", 200, "= = = = = = = = 38", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserAPI.UpdateUser(p.ctx, id).User(okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dee")}}).Execute()
		return resp, err
	}},
	{"replace the profile of", 200, "= = = = = = = = 38", func(p *pass, id string) (*okta.APIResponse, error) {
		profile := p.person()
		_, resp, err := p.sdk.UserAPI.ReplaceUser(p.ctx, id).User(okta.UpdateUserRequest{Profile: &profile}).Execute()
		return resp, err
	}},
	{"set the password of", 200, "= = ACTIVE = ACTIVE ACTIVE ACTIVE = 38", func(p *pass, id string) (*okta.APIResponse, error) {
		body := okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: password(otherSecret)}}
		_, resp, err := p.sdk.UserAPI.UpdateUser(p.ctx, id).User(body).Execute()
		return resp, err
	}},
	{"replace the password of", 200, "= = ACTIVE = ACTIVE ACTIVE ACTIVE = 38", func(p *pass, id string) (*okta.APIResponse, error) {
		body := okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: password(otherSecret)}}
		_, resp, err := p.sdk.UserAPI.ReplaceUser(p.ctx, id).User(body).Execute()
		return resp, err
	}},
	{"delete", 204, "DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED gone",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserAPI.DeleteUser(p.ctx, id).Execute()
		}},
	{"activate", 200, "PROVISIONED ACTIVE 16 16 16 16 16 16 PROVISIONED", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, id).SendEmail(true).Execute()
		return resp, err
	}},
	{"reactivate", 200, "38 38 = 38 = 38 38 38 38", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserLifecycleAPI.ReactivateUser(p.ctx, id).Execute()
		return resp, err
	}},
	{"deactivate", 200, "DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED DEPROVISIONED NF",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, id).Execute()
		}},
	{"suspend", 200, "sus sus SUSPENDED SUSPENDED SUSPENDED SUSPENDED sus sus sus",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute()
		}},
	{"unsuspend", 200, "uns uns uns uns uns uns uns ACTIVE uns",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.UnsuspendUser(p.ctx, id).Execute()
		}},
	{"unlock", 200, "32 32 32 32 32 32 ACTIVE 32 32",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.UnlockUser(p.ctx, id).Execute()
		}},
	{"expire the password of", 200, "38 38 38 PASSWORD_EXPIRED 38 = 38 38 38", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserCredAPI.ExpirePassword(p.ctx, id).Execute()
		return resp, err
	}},
	{"give a temporary password to", 200, "38 38 38 PASSWORD_EXPIRED 38 = 38 38 38", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserCredAPI.ExpirePasswordWithTempPassword(p.ctx, id).Execute()
		return resp, err
	}},
	{"reset the password of", 200, "38 38 RECOVERY RECOVERY = RECOVERY RECOVERY 38 38", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserCredAPI.ResetPassword(p.ctx, id).SendEmail(true).Execute()
		return resp, err
	}},
	{"start forgot password for", 200, "34/17 34/17 34/17 = 34/17 34/17 34/17 34/17 34/17", func(p *pass, id string) (*okta.APIResponse, error) {
		_, resp, err := p.sdk.UserCredAPI.ForgotPassword(p.ctx, id).Execute()
		return resp, err
	}},
	{"set a forgotten password by the recovery question of", 200, "34 34 34 = 34 34 34 34 34", func(p *pass, id string) (*okta.APIResponse, error) {
		body := okta.UserCredentials{Password: password(otherSecret), RecoveryQuestion: &okta.RecoveryQuestionCredential{Answer: okta.PtrString(answer)}}
		_, resp, err := p.sdk.UserCredAPI.ForgotPasswordSetNewPassword(p.ctx, id).UserCredentials(body).Execute()
		return resp, err
	}},
	{"change the password of", 200, "- = 35 = ACTIVE ACTIVE 35 35 35", func(p *pass, id string) (*okta.APIResponse, error) {
		body := okta.ChangePasswordRequest{OldPassword: password(secret), NewPassword: password(otherSecret)}
		_, resp, err := p.sdk.UserCredAPI.ChangePassword(p.ctx, id).ChangePasswordRequest(body).Execute()
		return resp, err
	}},
	{"change the recovery question of", 200, "- = 36 = = 36 36 36 36", func(p *pass, id string) (*okta.APIResponse, error) {
		body := okta.UserCredentials{Password: password(secret), RecoveryQuestion: recovery("Favourite boat?", "Canoe")}
		_, resp, err := p.sdk.UserCredAPI.ChangeRecoveryQuestion(p.ctx, id).UserCredentials(body).Execute()
		return resp, err
	}},
	{"reset the factors of", 200, "= = = = = = = = =",
		func(p *pass, id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.ResetFactors(p.ctx, id).Execute()
		}},
	{"end the sessions of", 204, "= = = = = = = = =", func(p *pass, id string) (*okta.APIResponse, error) {
		return p.sdk.UserSessionsAPI.RevokeUserSessions(p.ctx, id).Execute()
	}},
}

// matrix runs every operation on users of every standing.
func matrix(p *pass) {
	for _, op := range operations {
		for i, want := range strings.Fields(op.want) {
			if want != "-" {
				p.cell(op, standings[i], want)
			}
		}
	}
}

// cell checks one operation in one standing: its answer, and the status that the user has then.
func (p *pass) cell(op operation, s standing, want string) {
	id := s.make(p)
	name := op.name + " a user who is " + s.name
	resp, err := op.call(p, id)
	got, then := result(resp, err), p.status(id)
	if refused, ok := refusals[want]; ok {
		p.check(slices.ContainsFunc(refused, got.is) && then == s.statusOf(),
			fmt.Sprintf("%s: %v, stays %s", name, refused[0].short(), s.statusOf()), fmt.Sprintf("%v, then %s", got, then))
		return
	}
	if want == "=" {
		want = s.statusOf()
	}
	p.check(err == nil && got.status == op.success && then == want,
		fmt.Sprintf("%s: %d, then %s", name, op.success, want), fmt.Sprintf("%v, then %s", got, then))
}

// short is the problem without its texts.
func (q problem) short() string { return problem{status: q.status, code: q.code}.String() }

// nobody is an id that no user has.
const nobody = "00uNobodyHasThisI5d7"

// unknownUser checks that every operation looks for the user first, whatever else is wrong.
func unknownUser(p *pass) {
	for _, op := range operations {
		resp, err := op.call(p, nobody)
		p.refuses(op.name+" a user who isn't there", problem{status: http.StatusNotFound, code: "E0000007",
			summary: "Not found: Resource not found: " + nobody + " (User)", causes: []string{}}, resp, err)
	}
}
