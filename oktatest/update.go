package oktatest

import (
	"net/http"
	"slices"
)

// An edit is a change to one user while it happens, under the store's lock.
type edit struct {
	u   *user // a copy, which takes the user's place afterwards
	i   int   // the user's index
	now int64 // Unix seconds
}

// change lets f change the user whom the path names. If f refuses, nothing has happened.
func (o *Org) change(c *call, f func(e edit) (answer, *apiError)) (answer, *apiError) {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	e, bad := o.begin(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	a, bad := f(e)
	if bad != nil {
		return answer{}, bad
	}
	if bad := o.keep(userStep{e.i, e.u}); bad != nil {
		return answer{}, bad
	}
	return a, nil
}

// begin finds the user whom a key names and copies them. The caller holds the store's lock for writing.
func (o *Org) begin(key string) (edit, *apiError) {
	i, ok := o.findUser(key)
	if !ok {
		return edit{}, errNotFound(key, "User")
	}
	return o.edit(i), nil
}

// edit copies user i, who exists.
func (o *Org) edit(i int) edit {
	var r row
	o.store.load(&r, i)
	u := *r.user()
	if u.person != nil {
		u.profile, u.person = u.person.attributes(), nil
	}
	return edit{&u, i, o.now()}
}

// now is the org's time in Unix seconds.
func (o *Org) now() int64 { return o.Now().Unix() }

// updateUser is POST /api/v1/users/{id}: what isn't named stays.
func (o *Org) updateUser(c *call) (answer, *apiError) { return o.update(c, false) }

// replaceUser is PUT /api/v1/users/{id}: a profile that is sent takes the place of the old one.
func (o *Org) replaceUser(c *call) (answer, *apiError) { return o.update(c, true) }

// readOnly are the members of a user that clients can't set. Those that send a user back whole have
// them; they are ignored. That Okta ignores them is not documented, but SDKs of its own do it.
var readOnly = []string{"id", "status", "transitioningToStatus", "created", "activated", "statusChanged", "lastLogin",
	"lastUpdated", "passwordChanged", "_embedded", "_links"}

func (o *Org) update(c *call, replace bool) (answer, *apiError) {
	strict, body, bad := c.flagAndBody("strict", false)
	if bad != nil {
		return answer{}, bad
	}
	return o.change(c, func(e edit) (answer, *apiError) {
		if bad := c.matchETag(e.u); bad != nil {
			return answer{}, bad
		}
		if o.store.index.activating(e.i) {
			return answer{}, errStillActivating()
		}
		if e.u.status == deprovisioned && !o.opts.EditDeactivated {
			return answer{}, errStatus()
		}
		p, ok := readPayload(body, readOnly...)
		if !ok {
			return answer{}, errBody()
		}
		// The answer to a change of the password alone has the old time, as recorded.
		shown := e.u.lastUpdated
		if p.password == nil || p.hasProfile || p.typeID != "" || p.question != nil || p.realmID != "" {
			shown = e.now
		}
		if bad := o.checkRealm(p.realmID); bad != nil {
			return answer{}, bad
		}
		if bad := o.updateProfile(e, p, replace); bad != nil {
			return answer{}, bad
		}
		if bad := o.updateCredentials(e, p, strict); bad != nil {
			return answer{}, bad
		}
		answered := *e.u
		answered.lastUpdated = min(shown, e.u.lastUpdated)
		return c.showUser(&answered), nil
	})
}

// updateProfile changes the type and the profile of e.u as far as p has them.
func (o *Org) updateProfile(e edit, p *payload, replace bool) *apiError {
	u := e.u
	if p.typeID != "" && p.typeID != "oty"+u.typeTail {
		if !replace {
			return errValidation("type", "type: The type of a user can only be changed by replacing the user (PUT)")
		}
		tail, bad := o.typeTail(p.typeID)
		if bad != nil {
			return bad
		}
		u.typeTail, u.lastUpdated = tail, e.now
		schema := o.schemaFor(tail)
		u.profile = slices.DeleteFunc(slices.Clone(u.profile), func(a attribute) bool { return schema.property(a.name) == nil })
	}
	if !p.hasProfile {
		return nil
	}
	if u.mastered() {
		return errMastered()
	}
	schema := o.schemaFor(u.typeTail)
	attributes, bad := schema.readProfile(p.profile, "user", replace)
	if bad != nil {
		return bad
	}
	if bad := o.checkUnique(schema, attributes, u.typeTail, e.i); bad != nil {
		return bad
	}
	if replace {
		u.profile = nil
	}
	u.profile, u.lastUpdated = mergeProfiles(u.profile, attributes), e.now
	return nil
}

// updateCredentials sets the password and the recovery question of e.u as far as p has them. A provider
// can't be changed, and is ignored.
func (o *Org) updateCredentials(e edit, p *payload, strict bool) *apiError {
	u := e.u
	if p.question != nil && p.question.answer == "" && p.question.text == u.question {
		p.question = nil // the user as it was read
	}
	if bad := p.checkCredentials(u); bad != nil {
		return bad
	}
	if p.question != nil {
		u.setQuestion(p.question)
		u.lastUpdated = e.now
	}
	if p.password == nil {
		return nil
	}
	switch {
	case u.status == deprovisioned, p.password.imported() && u.status != staged:
		return errStatus()
	case strict && u.usedRecently(p.password.text):
		return errValidation("password", "password: "+reuseCause)
	}
	u.setPassword(p.password, e.now)
	o.afterAdminPassword(e)
	return nil
}

// afterAdminPassword is what a password that an admin has set does to the status. That it makes users
// ACTIVE is plausible and not recorded; suspended ones are what they become once they aren't suspended.
func (o *Org) afterAdminPassword(e edit) {
	if o.opts.PasswordKeepsStatus {
		return
	}
	becomesActive := func(s status) bool {
		return s == provisioned || s == recovery || s == passwordExpired || s == lockedOut
	}
	if u := e.u; becomesActive(u.status) {
		u.become(active, e.now)
	} else if u.status == suspended && becomesActive(u.previous) {
		u.previous = active
	}
}

// checkCredentials refuses a password or a question that u can't have. u's login is the new one.
func (p *payload) checkCredentials(u *user) *apiError {
	if p.password == nil && p.question == nil {
		return nil
	}
	switch {
	case u.mastered():
		return errMastered()
	case u.passwordKeptElsewhere():
		return errValidation("credentials", "credentials: A user of another provider can have neither a password nor a recovery question")
	}
	if p.password != nil {
		if cause := p.password.refuses(u.get("login").text); cause != "" {
			return errValidation("password", "password: "+cause)
		}
	}
	if p.question != nil {
		if cause := p.question.refuses(); cause != "" {
			return errValidation("recovery_question", "recovery_question: "+cause)
		}
	}
	return nil
}

// newProvider returns the provider of a user who is created with one.
func (p *payload) newProvider() (provider, *apiError) {
	if p.provider == nil {
		return provider{}, errValidation("provider", "provider: "+causeBlank)
	}
	switch by := *p.provider; by.kind {
	case "OKTA":
		return providerOkta, nil
	case "FEDERATION", "SOCIAL":
		if by.name == "" {
			by.name = by.kind
		}
		return by, nil
	}
	return provider{}, errValidation("provider", "provider: The type must be OKTA, FEDERATION or SOCIAL")
}

// noContent is the answer of operations that answer with nothing.
var noContent = answer{status: http.StatusNoContent}
