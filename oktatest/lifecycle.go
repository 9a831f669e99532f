package oktatest

import "crypto/sha256"

// become moves u to a status.
func (u *user) become(s status, now int64) {
	u.status, u.statusChanged, u.lastUpdated = s, now, now
	u.token = linkToken{}
}

// hold moves u to a status from which there is a way back.
func (u *user) hold(s status, now int64) {
	before := u.status
	u.become(s, now)
	u.previous = before
}

// before is the status to which unsuspend or unlock takes u back. Of generated users it isn't known:
// they were active.
func (u *user) before() status {
	if u.previous == staged {
		return active
	}
	return u.previous
}

// activate moves u, who is staged or deactivated, on.
func (o *Org) activate(u *user, now int64) {
	to := provisioned
	if u.hasPassword || u.passwordKeptElsewhere() || o.opts.OptionalPassword {
		to = active
	}
	u.become(to, now)
	u.activated = now
}

// deactivate takes u's password away, too.
func (u *user) deactivate(now int64) {
	u.become(deprovisioned, now)
	u.dropPassword()
}

// activateUser is POST /api/v1/users/{id}/lifecycle/activate.
func (o *Org) activateUser(c *call) (answer, *apiError) {
	mail, bad := c.params().flag("sendEmail", true)
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status != staged && e.u.status != deprovisioned {
			return answer{}, errAlreadyActive()
		}
		o.activate(e.u, e.now)
		return o.inviteUser(c, e.u, mail), nil
	})
}

// reactivateUser is POST /api/v1/users/{id}/lifecycle/reactivate: another invitation.
func (o *Org) reactivateUser(c *call) (answer, *apiError) {
	mail, bad := c.params().flag("sendEmail", false)
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status != provisioned && e.u.status != recovery {
			return answer{}, errStatus()
		}
		return o.inviteUser(c, e.u, mail), nil
	})
}

// inviteUser gives u a token for the first sign-in, which takes the place of any other. The answer shows
// it unless it is mailed.
func (o *Org) inviteUser(c *call, u *user, mail bool) answer {
	var text string
	text, u.token = newToken(activationToken)
	if mail {
		return c.empty()
	}
	url := c.style.base + "/tokens/" + text + "/verify"
	if o.opts.Engine == ClassicEngine {
		url = c.style.base + "/welcome/" + text
	}
	return c.object("activationUrl", url, "activationToken", text)
}

// deactivateUser is POST /api/v1/users/{id}/lifecycle/deactivate. A user who is deactivated already is
// not found, other than by DELETE.
func (o *Org) deactivateUser(c *call) (answer, *apiError) {
	if bad := c.params().check("sendEmail"); bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status == deprovisioned {
			return answer{}, errNotFound(c.vars[0], "User")
		}
		e.u.deactivate(e.now)
		return c.empty(), nil
	})
}

// suspendUser is POST /api/v1/users/{id}/lifecycle/suspend.
func (o *Org) suspendUser(c *call) (answer, *apiError) {
	return o.change(c, func(e edit) (answer, *apiError) {
		switch e.u.status {
		case provisioned, active, recovery, passwordExpired:
			tok := e.u.token // still good once the user is back
			e.u.hold(suspended, e.now)
			e.u.token = tok
			return c.empty(), nil
		}
		return answer{}, errValidation("suspendUser", "Cannot suspend a user that is not active")
	})
}

// unsuspendUser is POST /api/v1/users/{id}/lifecycle/unsuspend: back to what the user was before.
func (o *Org) unsuspendUser(c *call) (answer, *apiError) {
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status != suspended {
			return answer{}, errValidation("unsuspendUser", "Cannot unsuspend a user that is not suspended")
		}
		tok := e.u.token
		e.u.become(e.u.before(), e.now)
		e.u.token = tok
		return c.empty(), nil
	})
}

// unlockUser is POST /api/v1/users/{id}/lifecycle/unlock: back to what the user was before.
func (o *Org) unlockUser(c *call) (answer, *apiError) {
	return o.change(c, func(e edit) (answer, *apiError) {
		if e.u.status != lockedOut {
			return answer{}, errNotLocked()
		}
		e.u.become(e.u.before(), e.now)
		return c.empty(), nil
	})
}

// expirePassword is POST /api/v1/users/{id}/lifecycle/expire_password, which shows the user, and in its
// old form with tempPassword=true is expire_password_with_temp_password.
func (o *Org) expirePassword(c *call) (answer, *apiError) {
	temporary, bad := c.params().flag("tempPassword", false)
	if bad != nil {
		return answer{}, bad
	}
	if temporary {
		return o.expirePasswordWithTemp(c)
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		changed := e.u.statusChanged
		if bad := expire(e); bad != nil {
			return answer{}, bad
		}
		answered := *e.u
		answered.statusChanged = changed // as recorded; a get has the new time
		return c.showUser(&answered), nil
	})
}

// expirePasswordWithTemp is POST /api/v1/users/{id}/lifecycle/expire_password_with_temp_password.
func (o *Org) expirePasswordWithTemp(c *call) (answer, *apiError) {
	if bad := c.params().check("revokeSessions"); bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if bad := expire(e); bad != nil {
			return answer{}, bad
		}
		text := temporaryPassword(e.u.get("login").text)
		e.u.setPassword(&password{text: text}, e.now)
		return c.object("tempPassword", text), nil
	})
}

// expire makes the user change the password at the next sign-in.
func expire(e edit) *apiError {
	switch u := e.u; {
	case u.mastered():
		return errMastered()
	case u.status == passwordExpired:
		u.lastUpdated = e.now
		return nil
	case u.status != active || !u.hasPassword:
		return errStatus()
	}
	e.u.become(passwordExpired, e.now)
	return nil
}

// resetPassword is POST /api/v1/users/{id}/lifecycle/reset_password. With provider=FEDERATION it hands
// the password over to another provider, and without it takes it back.
func (o *Org) resetPassword(c *call) (answer, *apiError) {
	query := c.params()
	handOver := query.Get("provider") == providerSAML.kind
	mail, bad := query.flag("sendEmail", !handOver)
	if bad != nil {
		return answer{}, bad
	}
	if bad := query.check("revokeSessions"); bad != nil {
		return answer{}, bad
	}
	if handOver && mail {
		return answer{}, errValidation("sendEmail", "sendEmail: The value must be false if the provider is FEDERATION")
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		u := e.u
		switch u.status {
		case staged, suspended, deprovisioned:
			return answer{}, errStatus()
		}
		if u.mastered() {
			return answer{}, errMastered()
		}
		if handOver {
			u.dropPassword()
			u.provider, u.question, u.answer = providerSAML, "", nil
			u.lastUpdated = e.now
			if u.status != active {
				u.become(active, e.now)
			}
			return c.empty(), nil
		}
		if u.passwordKeptElsewhere() {
			u.provider = providerOkta
		}
		if u.lastUpdated = e.now; u.status != recovery {
			u.become(recovery, e.now)
		}
		var text string
		text, u.token = newToken(recoveryToken)
		if mail {
			return c.empty(), nil
		}
		return c.object("resetPasswordUrl", c.style.base+"/reset_password/"+text), nil
	})
}

// resetFactors is POST /api/v1/users/{id}/lifecycle/reset_factors. Nobody in this org has a factor.
func (o *Org) resetFactors(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	if _, ok := o.findUser(c.vars[0]); !ok {
		return answer{}, errNotFound(c.vars[0], "User")
	}
	return c.empty(), nil
}

// A linkToken is what a link for one sign-in ends in. It is good once, and only until the next one or a
// change of the status; the zero value is none. Of its text only the SHA-256 is kept: it is long and
// random, so that it needs no salt.
type linkToken struct {
	sum  [sha256.Size]byte
	kind linkKind
}

type linkKind uint8

const (
	activationToken linkKind = iota + 1
	recoveryToken
)

func newToken(kind linkKind) (text string, t linkToken) {
	text = string(appendRandom(nil, 20, base64URL))
	return text, linkToken{tokenSum(text), kind}
}

func tokenSum(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
