package main

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// protocol checks what is on every answer.
func protocol(p *pass) {
	_, resp, err := p.sdk.UserAPI.GetUser(p.ctx, "me").Execute()
	p.does("get me, who owns the token", 200, resp, err)
	h := result(resp, err).header
	p.equal("Content-Type of an answer", h.Get("Content-Type"), "application/json")
	for _, name := range []string{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Date"} {
		p.check(h.Get(name) != "", "a success has "+name, fmt.Sprint(h))
	}
	p.check(regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(h.Get("X-Okta-Request-Id")),
		"X-Okta-Request-Id has 32 hex digits", h.Get("X-Okta-Request-Id"))
	p.equal("Cache-Control of an answer", h.Get("Cache-Control"), "no-cache, no-store")
	p.check(regexp.MustCompile(`^W/"[0-9a-f]{64}"$`).MatchString(h.Get("ETag")), "a user has a weak ETag of 64 hex digits", h.Get("ETag"))
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Limit(1).Execute()
	p.check(err == nil && resp.Header.Get("ETag") == "", "a list has no ETag", result(resp, err).header.Get("ETag"))

	stranger := p.must(client(p.org, nil, okta.WithToken("00notTheTokenOfThisOrg")))
	_, resp, err = stranger.UserAPI.GetUser(p.ctx, "me").Execute()
	p.refuses("a wrong token", problem{401, "E0000011", "Invalid token provided", []string{}}, resp, err)

	_, resp, err = p.sdk.UserAPI.GetUser(p.ctx, nobody).Execute()
	o := result(resp, err)
	p.check(regexp.MustCompile(`^oae[0-9A-Za-z_-]{22}$`).MatchString(o.id), "an errorId is oae and 22 characters", o.id)
	_, resp, err = p.sdk.UserAPI.GetUser(p.ctx, nobody).Execute()
	p.check(result(resp, err).id != o.id, "an errorId is that of one error", o.id)
	p.check(o.model, "the SDK parses the body of a 404 itself", o.String())
	want := regexp.MustCompile(`^\{"errorCode":"E0000007","errorSummary":".*","errorLink":"E0000007","errorId":".*","errorCauses":\[\]\}\s*$`)
	p.check(want.Match(o.body), "an error has its five keys, in their order", string(o.body))
	p.check(o.header.Get("X-Rate-Limit-Remaining") != "", "an error has the rate-limit headers too", fmt.Sprint(o.header))
	unknownUser(p)
}

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$`)
	userID    = regexp.MustCompile(`^00u[0-9A-Za-z]{17}$`)
)

// shown checks what the objects of users look like.
func shown(p *pass) {
	u := p.make(true, nil)
	_, resp := p.read(u.GetId())
	m := object(resp)
	p.check(userID.MatchString(u.GetId()), "an id is 00u and 17 characters", u.GetId())
	p.equal("keys of a user in an org without realms", slices.Sorted(maps.Keys(m)), []string{"_links", "activated", "created",
		"credentials", "id", "lastLogin", "lastUpdated", "passwordChanged", "profile", "status", "statusChanged", "type"})
	p.check(len(u.AdditionalProperties) == 0, "the SDK's model knows every key of a user", fmt.Sprint(u.AdditionalProperties))
	for _, name := range []string{"created", "activated", "statusChanged", "lastUpdated"} {
		value, _ := m[name].(string)
		p.check(timestamp.MatchString(value), name+" is written in whole seconds, with .000Z", value)
	}
	for _, name := range []string{"lastLogin", "passwordChanged"} {
		p.check(has(m, name) && m[name] == nil, name+" of a new user without a password is null", fmt.Sprint(m[name]))
	}
	profile, _ := m["profile"].(map[string]any)
	p.equal("attributes of a user with nothing but the required ones", slices.Sorted(maps.Keys(profile)),
		[]string{"email", "firstName", "lastName", "login", "mobilePhone", "secondEmail"})
	p.check(profile["mobilePhone"] == nil && profile["secondEmail"] == nil, "mobilePhone and secondEmail without a value are null", fmt.Sprint(profile))
	p.equal("credentials of a user without a password", fmt.Sprint(m["credentials"]), "map[provider:map[name:OKTA type:OKTA]]")

	u = p.active()
	_, resp = p.read(u.GetId())
	m = object(resp)
	p.equal("a password is shown as", fmt.Sprint(at(m, "credentials", "password")), "map[]")
	p.equal("a recovery question is shown as", fmt.Sprint(at(m, "credentials", "recovery_question")), "map[question:"+question+"]")
	p.check(has(m, "passwordChanged") && timestamp.MatchString(fmt.Sprint(m["passwordChanged"])), "passwordChanged of a user with a password is a time", fmt.Sprint(m["passwordChanged"]))

	id := fmt.Sprint(at(m, "type", "id"))
	p.equal("keys of type", len(m["type"].(map[string]any)), 1)
	p.check(strings.HasPrefix(id, "oty") && len(id) == 20, "a type's id is oty and 17 characters", id)
	schema := fmt.Sprint(at(m, "_links", "schema", "href"))
	p.check(strings.HasSuffix(schema, "/api/v1/meta/schemas/user/osc"+id[3:]), "the schema's id has the tail of the type's", schema)

	list, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`id eq "` + u.GetId() + `"`).Execute()
	if p.does("find a user by id", 200, resp, err) && p.equal("users found", len(list), 1) {
		p.equal("in a list, a user's links", linkNames(list[0].Links), "self")
		p.equal("in a list, a user's status", list[0].GetStatus(), "ACTIVE")
	}
	p.trimmed(u.GetId())
}

// trimmed checks the parts of a user that a header leaves out.
func (p *pass) trimmed(id string) {
	const trim = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"
	u, resp, err := p.sdk.UserAPI.GetUser(p.ctx, id).ContentType(trim).Execute()
	if !p.does("get a user with okta-response on Content-Type", 200, resp, err) {
		return
	}
	p.check(u.Credentials == nil, "omitCredentials leaves credentials out", fmt.Sprint(object(resp)["credentials"]))
	p.equal("omitCredentialsLinks leaves", linkNames(u.Links), "deactivate expirePassword schema self suspend type")
	list, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).ContentType(trim).Limit(5).Execute()
	if p.does("list users with okta-response on Content-Type", 200, resp, err) {
		p.check(len(list) == 5 && !slices.ContainsFunc(list, func(u okta.User) bool { return u.Credentials != nil }),
			"omitCredentials leaves credentials out of lists", fmt.Sprint(len(list)))
	}
}

// linkNames are the names of the links that a user has, in alphabetical order. Those that the SDK's model
// doesn't know, as delete, are among its additional properties.
func linkNames(l *okta.UserLinks) string {
	if l == nil {
		return ""
	}
	names := slices.Collect(maps.Keys(l.AdditionalProperties))
	for name, link := range map[string]*okta.HrefObject{
		"self": l.Self, "activate": l.Activate, "resetPassword": l.ResetPassword, "resetFactors": l.ResetFactors,
		"expirePassword": l.ExpirePassword, "forgotPassword": l.ForgotPassword, "changeRecoveryQuestion": l.ChangeRecoveryQuestion,
		"deactivate": l.Deactivate, "reactivate": l.Reactivate, "changePassword": l.ChangePassword, "schema": l.Schema,
		"suspend": l.Suspend, "unsuspend": l.Unsuspend, "unlock": l.Unlock, "type": l.Type,
	} {
		if link != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// withPassword are the links of users who have a password and may use it.
const withPassword = "changePassword changeRecoveryQuestion deactivate expirePassword forgotPassword resetPassword suspend"

// links checks which links users have by their status. Whether resetFactors is there depends on the org,
// and isn't looked at.
func links(p *pass) {
	for _, one := range []struct{ standing, want string }{
		{"STAGED", "activate"},
		{"STAGED (with a password)", "activate"},
		{"PROVISIONED", "deactivate reactivate resetPassword suspend"},
		{"ACTIVE", withPassword},
		{"PASSWORD_EXPIRED", withPassword},
		{"SUSPENDED", "deactivate unsuspend"},
		{"DEPROVISIONED", "activate delete"},
	} {
		u, _ := p.read(p.stand(one.standing))
		var found []string
		for name := range strings.FieldsSeq(linkNames(u.Links)) {
			if !slices.Contains([]string{"self", "schema", "type", "resetFactors"}, name) {
				found = append(found, name)
			}
		}
		p.equal("links of a user who is "+one.standing, strings.Join(found, " "), one.want)
	}
	locked, resp := p.read(p.stand("LOCKED_OUT"))
	p.check(locked.Links.Unlock != nil, "a user who is LOCKED_OUT has the link unlock", linkNames(locked.Links))
	base := p.org.URL + "/api/v1/users/" + locked.GetId()
	p.equal("href of self", at(object(resp), "_links", "self", "href"), any(base))
	p.check(!has(object(resp), "_links", "self", "method"), "self has no method", fmt.Sprint(at(object(resp), "_links", "self")))
	p.equal("href of unlock", at(object(resp), "_links", "unlock", "href"), any(base+"/lifecycle/unlock"))
	p.equal("method of unlock", at(object(resp), "_links", "unlock", "method"), any(http.MethodPost))
	_, resp = p.read(p.stand("DEPROVISIONED"))
	p.equal("method of delete", at(object(resp), "_links", "delete", "method"), any(http.MethodDelete))
	_, resp = p.read(p.stand("ACTIVE"))
	for _, one := range []struct{ name, path string }{{"resetPassword", "/lifecycle/reset_password"}, {"changeRecoveryQuestion", "/credentials/change_recovery_question"}} {
		href := fmt.Sprint(at(object(resp), "_links", one.name, "href"))
		p.check(strings.HasSuffix(href, one.path), "href of "+one.name+" ends in "+one.path, href)
	}
}

// get checks by what names a user is found.
func get(p *pass) {
	u := p.active()
	login := u.Profile.GetLogin()
	short, _, _ := strings.Cut(login, "@")
	for _, key := range []string{u.GetId(), login, strings.ToUpper(login), short} {
		found, resp, err := p.sdk.UserAPI.GetUser(p.ctx, key).Execute()
		p.check(err == nil && found.GetId() == u.GetId(), "get a user as "+key, result(resp, err).String())
	}
	other := strings.ToLower(u.GetId())
	_, resp, err := p.sdk.UserAPI.GetUser(p.ctx, other).Execute()
	p.refuses("ids are told apart by case", problem{404, "E0000007", "Not found: Resource not found: " + other + " (User)", []string{}}, resp, err)
	_, resp, err = p.sdk.UserAPI.GetUser(p.ctx, "no.body@sdk.example").Execute()
	p.refuses("get a login that nobody has", problem{404, "E0000007", "Not found: Resource not found: no.body@sdk.example (User)", []string{}}, resp, err)

	profile := p.person()
	slashed := "with/slash." + profile.GetLogin()
	profile.Login = &slashed
	u, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
	if p.does("create a login with a slash", 200, resp, err) {
		p.equal("a login with a slash is found by id", p.status(u.GetId()), "PROVISIONED")
		_, resp, err = p.sdk.UserAPI.GetUser(p.ctx, slashed).Execute()
		p.check(result(resp, err).status == 404, "a login with a slash isn't found by login: 404", result(resp, err).String())
	}

	u = p.make(true, keys(true))
	p.equal("a deactivated user is found by login", func() string {
		p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, u.GetId()).Execute()
		return p.status(u.Profile.GetLogin())
	}(), "DEPROVISIONED")

	a, b := p.person(), p.person()
	a.NickName, b.NickName = text("A"), text("B")
	etag := func(profile okta.UserProfile) (id, tag string) {
		u, _, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
		if err != nil {
			return "", err.Error()
		}
		_, resp := p.read(u.GetId())
		return u.GetId(), resp.Header.Get("ETag")
	}
	id, one := etag(a)
	_, two := etag(b)
	p.check(one != two, "other profiles have other ETags", one+" "+two)
	p.sdk.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute()
	_, resp = p.read(id)
	p.equal("the ETag of a user who was suspended since", resp.Header.Get("ETag"), one)
}
