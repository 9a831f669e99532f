package oktatest

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"
)

const maxQuestion = 100 // also of an answer, in characters

// refuses says what is wrong with the question, "" if nothing is. The texts are ours.
func (q *question) refuses() string {
	for _, text := range [...]string{q.text, q.answer} {
		if n := utf8.RuneCountInString(text); n < 1 || n > maxQuestion {
			return "The question and the answer must have 1 to 100 characters"
		}
	}
	return ""
}

func (u *user) setQuestion(q *question) {
	u.question, u.answer = q.text, newSecret(fold(q.answer))
}

// setOwnPassword is a change by the user: the policy is the same as for admins, its error isn't.
func (u *user) setOwnPassword(text string, strict bool, now int64) *apiError {
	p := &password{text: text}
	if cause := p.refuses(u.get("login").text); cause != "" {
		return errCredentials(cause)
	}
	if strict && u.usedRecently(text) {
		return errCredentials(reuseCause)
	}
	u.setPassword(p, now)
	u.lastUpdated = now
	return nil
}

// showCredentials is the answer that shows the credentials of u, which aren't those of the user object:
// they never have emails.
func (c *call) showCredentials(u *user) answer {
	return answer{status: http.StatusOK, body: u.appendCredentials(c.out, false)}
}

// changePassword is POST /api/v1/users/{userId}/credentials/change_password. The old password is that
// which was set here; those of generated users nobody knows.
func (o *Org) changePassword(c *call) (answer, *apiError) {
	strict, body, bad := c.flagAndBody("strict", false)
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		u := e.u
		switch u.status {
		case staged, active, recovery, passwordExpired:
		default:
			return answer{}, errChangePassword()
		}
		if !u.hasPassword {
			return answer{}, errChangePassword()
		}
		var before, after json.RawMessage
		var revoke bool
		if !wellFormed(body) || !decode(body, fieldSet{"oldPassword": &before, "newPassword": &after, "revokeSessions": &revoke}) {
			return answer{}, errBody()
		}
		old, ok1 := readPlain(before)
		text, ok2 := readPlain(after)
		switch {
		case !ok1 || !ok2:
			return answer{}, errBody()
		case !u.knows(old):
			return answer{}, errCredentials("Old Password is not correct")
		}
		if bad := u.setOwnPassword(text, strict, e.now); bad != nil {
			return answer{}, bad
		}
		if u.status == recovery || u.status == passwordExpired {
			u.become(active, e.now)
		}
		return c.showCredentials(u), nil
	})
}

// readPlain reads {"value":"…"}. What is missing is "", which is nobody's password.
func readPlain(raw json.RawMessage) (text string, ok bool) {
	return text, isNull(raw) || decode(raw, fieldSet{"value": &text})
}

// changeQuestion is POST /api/v1/users/{userId}/credentials/change_recovery_question.
func (o *Org) changeQuestion(c *call) (answer, *apiError) {
	body, bad := c.body()
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		u := e.u
		switch u.status {
		case staged, active, recovery:
		default:
			return answer{}, errChangeQuestion()
		}
		if !u.hasPassword {
			return answer{}, errChangeQuestion()
		}
		f, ok := readProof(body)
		switch {
		case !ok:
			return answer{}, errBody()
		case !u.knows(f.password):
			return answer{}, errCredentials("Password is not correct")
		}
		if cause := f.question.refuses(); cause != "" {
			return answer{}, errValidation("recovery_question", "recovery_question: "+cause)
		}
		u.setQuestion(&f.question)
		u.lastUpdated = e.now
		return c.showCredentials(u), nil
	})
}

// A proof is the body of the operations that change one credential for another.
type proof struct {
	password string
	question question
	isEmpty  bool // no member at all
}

func readProof(body []byte) (proof, bool) {
	var f proof
	var pass, ask json.RawMessage
	if !wellFormed(body) || !decode(body, fieldSet{"password": &pass, "recovery_question": &ask}) {
		return f, false
	}
	f.isEmpty = pass == nil && ask == nil
	text, ok := readPlain(pass)
	f.password = text
	return f, ok && (isNull(ask) || decode(ask, fieldSet{"question": &f.question.text, "answer": &f.question.answer}))
}

// forgotPassword is POST /api/v1/users/{userId}/credentials/forgot_password. With a body it is, as it once
// was, forgot_password_recovery_question.
func (o *Org) forgotPassword(c *call) (answer, *apiError) {
	mail, body, bad := c.flagAndBody("sendEmail", true)
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		u := e.u
		if u.status != active || o.opts.ForgotPasswordNeedsQuestion && u.question == "" {
			return answer{}, errForgotPassword()
		}
		if !u.hasPassword {
			return answer{}, errPasswordReset()
		}
		if len(body) > 0 {
			f, ok := readProof(body)
			if !ok {
				return answer{}, errBody()
			}
			if !f.isEmpty {
				return c.recover(e, &f)
			}
		}
		var text string
		text, u.token = newToken(recoveryToken)
		if mail {
			return c.empty(), nil
		}
		return c.object("resetPasswordUrl", c.style.base+"/signin/reset-password/"+text), nil
	})
}

// answerQuestion is POST /api/v1/users/{userId}/credentials/forgot_password_recovery_question.
func (o *Org) answerQuestion(c *call) (answer, *apiError) {
	if bad := c.params().check("sendEmail"); bad != nil {
		return answer{}, bad
	}
	body, bad := c.body()
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status != active || !e.u.hasPassword {
			return answer{}, errForgotPassword()
		}
		f, ok := readProof(body)
		if !ok {
			return answer{}, errBody()
		}
		return c.recover(e, &f)
	})
}

// recover sets a new password for the right answer, whose case doesn't matter.
func (c *call) recover(e edit, f *proof) (answer, *apiError) {
	if e.u.question == "" {
		return answer{}, errForgotPassword()
	}
	if !e.u.answer.is(fold(f.question.answer)) {
		return answer{}, errRecoveryAnswer()
	}
	if bad := e.u.setOwnPassword(f.password, false, e.now); bad != nil {
		return answer{}, bad
	}
	return c.showCredentials(e.u), nil
}
