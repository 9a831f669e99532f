package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// change changes a password as its owner does.
func (p *pass) change(id, from, to string) (*okta.UserCredentials, *okta.APIResponse, error) {
	body := okta.ChangePasswordRequest{OldPassword: password(from), NewPassword: password(to), RevokeSessions: okta.PtrBool(true)}
	return p.sdk.UserCredAPI.ChangePassword(p.ctx, id).ChangePasswordRequest(body).Execute()
}

// recall sets a forgotten password by the recovery question.
func (p *pass) recall(id, answer, to string) (*okta.UserCredentials, *okta.APIResponse, error) {
	body := okta.UserCredentials{Password: password(to), RecoveryQuestion: &okta.RecoveryQuestionCredential{Answer: &answer}}
	return p.sdk.UserCredAPI.ForgotPasswordSetNewPassword(p.ctx, id).UserCredentials(body).Execute()
}

const withQuestion = "map[password:map[] provider:map[name:OKTA type:OKTA] recovery_question:map[question:" + question + "]]"

// credentials checks the operations on passwords and recovery questions.
func credentials(p *pass) {
	id := p.active().GetId()
	_, resp, err := p.change(id, secret, otherSecret)
	if p.does("change a password", 200, resp, err) {
		p.equal("… answers with the credentials", fmt.Sprint(object(resp)), withQuestion)
	}
	update := problem{status: 403, code: "E0000014", summary: "Update of credentials failed"}
	wrong := update
	wrong.causes = []string{"Old Password is not correct"}
	_, resp, err = p.change(id, secret, otherSecret)
	p.refuses("change a password with a wrong old one", wrong, resp, err)
	_, resp, err = p.change(id, otherSecret, "weak")
	p.refuses("change a password to a weak one", update, resp, err)
	_, resp, err = p.sdk.UserCredAPI.ChangePassword(p.ctx, id).ChangePasswordRequest(okta.ChangePasswordRequest{OldPassword: password(otherSecret),
		NewPassword: password(secret), AdditionalProperties: map[string]any{"boop": 1}}).Execute()
	p.refuses("change a password with an unknown key", problem{status: 400, code: "E0000003", summary: "The request body was not well-formed."}, resp, err)
	bare := p.make(true, keys(true)).GetId()
	_, resp, err = p.change(bare, secret, otherSecret)
	p.check(err == nil && !has(object(resp), "recovery_question"), "credentials without a question have no recovery_question", fmt.Sprint(object(resp)))

	set := func(current, q, a string) (*okta.APIResponse, error) {
		body := okta.UserCredentials{Password: password(current), RecoveryQuestion: recovery(q, a)}
		_, resp, err := p.sdk.UserCredAPI.ChangeRecoveryQuestion(p.ctx, id).UserCredentials(body).Execute()
		return resp, err
	}
	resp, err = set(secret, "Favourite boat?", "Canoe")
	p.refuses("change a recovery question with a wrong password", problem{status: 403, code: "E0000014"}, resp, err)
	resp, err = set(otherSecret, "Favourite boat?", "Canoe")
	if p.does("change a recovery question", 200, resp, err) {
		p.equal("… answers with the credentials", at(object(resp), "recovery_question"), any(map[string]any{"question": "Favourite boat?"}))
		_, resp = p.read(id)
		p.equal("the question when the user is got", at(object(resp), "credentials", "recovery_question"), any(map[string]any{"question": "Favourite boat?"}))
	}
	_, resp, err = p.recall(id, "kayak", secret)
	p.refuses("set a forgotten password with a wrong answer", problem{status: 403, code: "E0000087", summary: "The recovery question answer did not match our records."}, resp, err)
	_, resp, err = p.recall(id, "CANOE", secret)
	if p.does("set a forgotten password, the answer in another case", 200, resp, err) {
		_, resp, err = p.change(id, secret, otherSecret)
		p.does("the password is that one then", 200, resp, err)
	}
	p.recoveries()
}

// recoveries checks the operations that lead to links and temporary passwords.
func (p *pass) recoveries() {
	quote := regexp.QuoteMeta(p.org.URL)
	id := p.active().GetId()
	f, resp, err := p.sdk.UserCredAPI.ForgotPassword(p.ctx, id).SendEmail(false).Execute()
	if p.does("start forgot password without mail", 200, resp, err) {
		p.check(regexp.MustCompile("^"+quote+"/signin/reset-password/"+token+"$").MatchString(f.GetResetPasswordUrl()), "… answers with the link of the sign-in page", f.GetResetPasswordUrl())
	}
	_, resp, err = p.sdk.UserCredAPI.ForgotPassword(p.ctx, id).Execute()
	p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}", "start forgot password with mail, as it does unless told: {}", string(result(resp, err).body))

	temp, resp, err := p.sdk.UserCredAPI.ExpirePasswordWithTempPassword(p.ctx, id).RevokeSessions(true).Execute()
	if p.does("give a temporary password", 200, resp, err) {
		given, _ := temp.AdditionalProperties["tempPassword"].(string) // the SDK takes the answer for a user
		p.check(regexp.MustCompile(`^[0-9A-Za-z]{12}$`).MatchString(given), "… of 12 letters and digits", given)
		_, resp, err = p.change(id, secret, otherSecret)
		p.refuses("the password of before doesn't work then", problem{status: 403, code: "E0000014"}, resp, err)
		_, resp, err = p.change(id, given, otherSecret)
		p.check(err == nil && p.status(id) == "ACTIVE", "the temporary password does, and changing it leads to ACTIVE", result(resp, err).String()+" "+p.status(id))
	}

	r, resp, err := p.sdk.UserCredAPI.ResetPassword(p.ctx, id).SendEmail(false).RevokeSessions(true).Execute()
	if p.does("reset a password without mail", 200, resp, err) {
		p.check(regexp.MustCompile("^"+quote+"/reset_password/"+token+"$").MatchString(r.GetResetPasswordUrl()), "… answers with the link", r.GetResetPasswordUrl())
		p.equal("status after that", p.status(id), "RECOVERY")
	}
	_, resp, err = p.sdk.UserCredAPI.ResetPassword(p.ctx, id).SendEmail(true).Execute()
	p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}", "reset a password with mail answers {}", string(result(resp, err).body))
}

// deletions checks deleting, which takes two calls.
func deletions(p *pass) {
	u := p.active()
	id := u.GetId()
	resp, err := p.sdk.UserAPI.DeleteUser(p.ctx, id).Execute()
	p.does("delete an active user", 204, resp, err)
	p.equal("… answers with a body of", len(result(resp, err).body), 0)
	p.equal("… who is then", p.status(id), "DEPROVISIONED")
	_, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: *u.Profile}).Execute()
	p.refuses("the login is taken until the second delete", problem{status: 400, code: "E0000001", summary: "Api validation failed: login"}, resp, err)
	resp, err = p.sdk.UserAPI.DeleteUser(p.ctx, id).SendEmail(true).Execute()
	p.does("delete the user again", 204, resp, err)
	p.equal("… who is then", p.status(id), "gone")
	gone := problem{404, "E0000007", "Not found: Resource not found: " + id + " (User)", []string{}}
	resp, err = p.sdk.UserAPI.DeleteUser(p.ctx, id).Execute()
	p.refuses("delete the user a third time", gone, resp, err)
	users, _, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`id eq "` + id + `"`).Execute()
	p.check(err == nil && len(users) == 0, "a deleted user isn't found by search", fmt.Sprint(len(users), err))
	_, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: *u.Profile}).Execute()
	p.does("the login is free then", 200, resp, err)
}
