package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// token is what the links of invitations and recoveries end in.
const token = `([0-9A-Za-z_-]{20})`

// lifecycle checks what the table of statuses doesn't: bodies of answers, and where users come back to.
func lifecycle(p *pass) {
	invitation := regexp.MustCompile("^" + regexp.QuoteMeta(p.org.URL) + "/tokens/" + token + "/verify$")
	for _, one := range []struct{ standing, then string }{{"STAGED", "PROVISIONED"}, {"STAGED (with a password)", "ACTIVE"}, {"DEPROVISIONED", "PROVISIONED"}} {
		id := p.stand(one.standing)
		t, resp, err := p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, id).SendEmail(false).Execute()
		if !p.does("activate without mail a user who is "+one.standing, 200, resp, err) {
			continue
		}
		m := invitation.FindStringSubmatch(t.GetActivationUrl())
		p.check(m != nil && m[1] == t.GetActivationToken(), "… answers with the link and its token", string(result(resp, err).body))
		p.equal("… and leads to", p.status(id), one.then)
	}
	id := p.stand("STAGED")
	_, resp, err := p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, id).SendEmail(true).Execute()
	p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}", "activate with mail answers {}", string(result(resp, err).body))
	unasked := p.stand("STAGED")
	_, resp, err = p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, unasked).Execute()
	p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}" && p.status(unasked) == "PROVISIONED",
		"activate sends mail unless told, and answers {}", string(result(resp, err).body))
	again, resp, err := p.sdk.UserLifecycleAPI.ReactivateUser(p.ctx, id).Execute()
	if p.does("reactivate, which sends no mail unless told", 200, resp, err) {
		p.check(invitation.MatchString(again.GetActivationUrl()) && again.GetActivationToken() != "", "… answers with link and token", string(result(resp, err).body))
	}
	_, resp, err = p.sdk.UserLifecycleAPI.ReactivateUser(p.ctx, id).SendEmail(true).Execute()
	p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}", "reactivate with mail answers {}", string(result(resp, err).body))
	p.returns()

	id = p.active().GetId()
	for _, one := range []struct {
		name string
		call func() (*okta.APIResponse, error)
	}{
		{"suspend", func() (*okta.APIResponse, error) { return p.sdk.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute() }},
		{"unsuspend", func() (*okta.APIResponse, error) { return p.sdk.UserLifecycleAPI.UnsuspendUser(p.ctx, id).Execute() }},
		{"reset_factors", func() (*okta.APIResponse, error) { return p.sdk.UserLifecycleAPI.ResetFactors(p.ctx, id).Execute() }},
		{"deactivate", func() (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, id).SendEmail(true).Execute()
		}},
	} {
		resp, err := one.call()
		p.check(err == nil && strings.TrimSpace(string(result(resp, err).body)) == "{}", one.name+" answers {}", result(resp, err).String()+string(result(resp, err).body))
	}
	id = p.active().GetId()
	resp, err = p.sdk.UserSessionsAPI.RevokeUserSessions(p.ctx, id).OauthTokens(true).ForgetDevices(true).Execute()
	p.check(err == nil && resp.StatusCode == 204 && len(result(resp, err).body) == 0, "ending sessions and OAuth tokens, forgetting devices, answers 204 and nothing", result(resp, err).String())
}

// returns checks where users come back to.
func (p *pass) returns() {
	suspend := func(id string) {
		if resp, err := p.sdk.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute(); err != nil {
			panic(result(resp, err).String())
		}
	}
	for _, before := range []string{"PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED"} {
		id := p.stand(before)
		suspend(id)
		resp, err := p.sdk.UserLifecycleAPI.UnsuspendUser(p.ctx, id).Execute()
		p.check(err == nil && p.status(id) == before, "unsuspend a user who was "+before+": "+before, result(resp, err).String()+" "+p.status(id))
	}
	id := p.stand("PASSWORD_EXPIRED")
	if err := p.org.LockOut(id); p.check(err == nil, "lock out a user who is PASSWORD_EXPIRED", fmt.Sprint(err)) {
		_, err := p.sdk.UserLifecycleAPI.UnlockUser(p.ctx, id).Execute()
		p.check(err == nil && p.status(id) == "PASSWORD_EXPIRED", "unlock a user who was PASSWORD_EXPIRED: PASSWORD_EXPIRED", p.status(id))
	}

	u := p.active()
	p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, u.GetId()).Execute()
	off, resp := p.read(u.GetId())
	p.check(off.Credentials.Password == nil, "deactivating drops the password", fmt.Sprint(object(resp)["credentials"]))
	p.check(off.GetPasswordChanged().Equal(u.GetPasswordChanged()) && off.GetActivated().Equal(u.GetActivated()), "… and keeps passwordChanged and activated", fmt.Sprint(object(resp)))
	p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, u.GetId()).SendEmail(false).Execute()
	on, resp := p.read(u.GetId())
	p.equal("activating a deactivated user leads to", on.GetStatus(), "PROVISIONED")
	p.check(on.Credentials.Password == nil && on.GetPasswordChanged().Equal(u.GetPasswordChanged()), "… without password, with the old passwordChanged", fmt.Sprint(object(resp)))

	staged := p.stand("STAGED")
	p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, staged).Execute()
	_, resp = p.read(staged)
	p.equal("activated of a user who was deactivated when STAGED", object(resp)["activated"], nil)
}

// A moved timestamp is named by its first letters.
type clocks struct {
	name, standing string
	moved          string // of statusChanged, lastUpdated, activated, passwordChanged
	call           func(p *pass, id string) (*okta.APIResponse, error)
}

// row is the operation of the table of operations by status, with what it moves.
func row(name, operation, standing, moved string) clocks {
	for _, op := range operations {
		if op.name == operation {
			return clocks{name, standing, moved, op.call}
		}
	}
	panic("no operation is named " + operation)
}

// timestamps checks which times an operation moves. Minutes pass on the org's clock between the creation
// and the operation.
func timestamps(p *pass) {
	for _, c := range []clocks{
		row("activate", "activate", "STAGED", "statusChanged lastUpdated activated"),
		row("update the profile", "update the profile of", "ACTIVE", "lastUpdated"),
		row("replace the profile", "replace the profile of", "ACTIVE", "lastUpdated"),
		row("replace only the password", "replace the password of", "ACTIVE", "passwordChanged"),
		row("change the password", "change the password of", "ACTIVE", "lastUpdated passwordChanged"),
		row("change an expired password", "change the password of", "PASSWORD_EXPIRED", "statusChanged lastUpdated passwordChanged"),
		row("change the recovery question", "change the recovery question of", "ACTIVE", "lastUpdated"),
		row("suspend", "suspend", "ACTIVE", "statusChanged lastUpdated"),
		row("unsuspend", "unsuspend", "SUSPENDED", "statusChanged lastUpdated"),
		row("deactivate", "deactivate", "ACTIVE", "statusChanged lastUpdated"),
		row("expire the password", "expire the password of", "ACTIVE", "statusChanged lastUpdated"),
		row("give a temporary password", "give a temporary password to", "ACTIVE", "statusChanged lastUpdated passwordChanged"),
		row("reset the password", "reset the password of", "ACTIVE", "statusChanged lastUpdated"),
		row("start forgot password", "start forgot password for", "ACTIVE", ""),
		row("unlock", "unlock", "LOCKED_OUT", "statusChanged"),
	} {
		id := p.stand(c.standing)
		before, _ := p.read(id)
		p.org.Advance(3 * time.Minute)
		resp, err := c.call(p, id)
		after, _ := p.read(id)
		var moved []string
		for _, t := range []struct {
			name          string
			before, after time.Time
		}{
			{"statusChanged", before.GetStatusChanged(), after.GetStatusChanged()},
			{"lastUpdated", before.GetLastUpdated(), after.GetLastUpdated()},
			{"activated", before.GetActivated(), after.GetActivated()},
			{"passwordChanged", before.GetPasswordChanged(), after.GetPasswordChanged()},
		} {
			if t.name == "lastUpdated" && c.name == "unlock" {
				continue // not known
			}
			if !t.before.Equal(t.after) {
				moved = append(moved, t.name)
			}
		}
		p.check(err == nil && strings.Join(moved, " ") == c.moved, c.name+" moves: "+c.moved, strings.Join(moved, " ")+" "+result(resp, err).String())
	}
	p.org.Advance(time.Hour) // so that nobody depends on where the clock stands

	id := p.stand("ACTIVE")
	before, _ := p.read(id)
	p.org.Advance(3 * time.Minute)
	u, resp, err := p.sdk.UserCredAPI.ExpirePassword(p.ctx, id).Execute()
	if p.check(err == nil && u.GetId() == id && u.GetStatus() == "PASSWORD_EXPIRED", "expire_password answers with the user", result(resp, err).String()) {
		p.check(u.GetStatusChanged().Equal(before.GetStatusChanged()), "… who still has the old statusChanged", u.GetStatusChanged().String())
		p.check(u.GetLastUpdated().After(before.GetLastUpdated()), "… and the new lastUpdated", u.GetLastUpdated().String())
		p.check(u.Links != nil && u.Links.ExpirePassword != nil, "… and all links", linkNames(u.Links))
	}
}
