package oktatest

import "fmt"

// What people do themselves, on Okta's sign-in pages, isn't part of the Users API. These methods stand
// for it. Their key is what a path may name a user by: an id, a login, a short name or "me".

// LockOut does what too many wrong passwords do: the user becomes LOCKED_OUT. It fails if there is no
// such user, or one who is neither ACTIVE nor PASSWORD_EXPIRED or has no password.
func (o *Org) LockOut(key string) error {
	return o.act("lock out", key, func(e edit) error {
		if u := e.u; u.status != active && u.status != passwordExpired || !u.hasPassword {
			return fmt.Errorf("the user is %s: only users who are ACTIVE or PASSWORD_EXPIRED and have a password can be locked out",
				u.standing())
		}
		e.u.hold(lockedOut, e.now)
		return nil
	})
}

// SignIn does what a sign-in does: lastLogin becomes now, and a password that was imported becomes
// Okta's own. The password is checked unless it is empty. Nobody knows the passwords of generated users,
// and bcrypt hashes can't be checked here; the first password of a user with a password hook is taken
// for the right one. SignIn fails if there is no such user, or one who isn't ACTIVE, or if the password
// is wrong.
func (o *Org) SignIn(key, password string) error {
	return o.act("sign in", key, func(e edit) error {
		u := e.u
		if u.status != active {
			return fmt.Errorf("the user is %s: only users who are ACTIVE can sign in", u.standing())
		}
		byHook := u.hasPassword && u.provider == providerImport && u.imported == nil && u.secret == nil
		if password != "" && !byHook && !u.knows(password) {
			return fmt.Errorf("the password is wrong, or one that can't be known here: set another one, or sign in without")
		}
		if u.provider == providerImport {
			u.provider = providerOkta
			if password != "" {
				u.secret, u.imported = newSecret(password), nil
			}
		}
		u.lastLogin = e.now
		return nil
	})
}

// CompleteActivation does what the link in an invitation leads to: a user who is PROVISIONED chooses a
// password and becomes ACTIVE. The key may also be the activation token, which is then used up. It fails
// if there is no such user or token, or if the password doesn't meet the policy.
func (o *Org) CompleteActivation(key, password string) error {
	return o.act("complete activation", key, func(e edit) error {
		if e.u.status != provisioned {
			return fmt.Errorf("the user is %s: only users who are PROVISIONED have an activation to complete", e.u.standing())
		}
		return e.choose(password)
	})
}

// CompleteRecovery does what the link of a password reset leads to: a user in RECOVERY, or one who is
// PASSWORD_EXPIRED, chooses a password and becomes ACTIVE; one who is ACTIVE and has forgotten the
// password stays so. The key may also be the recovery token, which is then used up. It fails if there is
// no such user or token, or if the password doesn't meet the policy.
func (o *Org) CompleteRecovery(key, password string) error {
	return o.act("complete recovery", key, func(e edit) error {
		u := e.u
		forgotten := u.status == active && u.token.kind == recoveryToken
		if u.status != recovery && u.status != passwordExpired && !forgotten {
			return fmt.Errorf("the user is %s: reset or expire the password first", u.standing())
		}
		return e.choose(password)
	})
}

// choose sets a password that the user chose, and uses up the token.
func (e edit) choose(text string) error {
	if bad := e.u.setOwnPassword(text, false, e.now); bad != nil {
		return fmt.Errorf("%s", bad.causes[0])
	}
	if e.u.status != active {
		e.u.become(active, e.now)
	}
	e.u.token = linkToken{}
	return nil
}

// act lets f change a user, and says what it was about if that fails.
func (o *Org) act(what, key string, f func(edit) error) error {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	i, ok := o.store.tokens[tokenSum(key)]
	if !ok {
		i, ok = o.findUser(key)
	}
	if !ok {
		return fmt.Errorf("oktatest: %s: there is no user %q", what, key)
	}
	e := o.edit(i)
	if err := f(e); err != nil {
		return fmt.Errorf("oktatest: %s %q: %w", what, key, err)
	}
	if err := o.commit(userStep{i, e.u}); err != nil {
		return fmt.Errorf("oktatest: %s %q: %w", what, key, err)
	}
	return nil
}

// standing is the status, with what can't be seen in it.
func (u *user) standing() string {
	if u.status == active && !u.hasPassword {
		return "ACTIVE without a password"
	}
	return statusNames[u.status]
}
