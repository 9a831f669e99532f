package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/okta/okta-sdk-golang/v6/okta"
	"github.com/whoql/whoql/oktatest"
)

// visit serves another org, runs checks against it, and comes back.
func (p *pass) visit(o oktatest.Options, checks func()) {
	org, err := oktatest.Serve(o)
	if err != nil {
		panic(err)
	}
	home, client0 := p.org, p.sdk
	defer func() {
		org.Close()
		p.org, p.sdk = home, client0
	}()
	p.org = org
	p.sdk = p.must(client(org, nil))
	checks()
}

// settings checks orgs that differ from one another as real ones do.
func settings(p *pass) {
	p.visit(oktatest.Options{Users: 128, Owner: true, Realms: true}, func() {
		everybody := p.all()
		p.check(!slices.ContainsFunc(everybody, func(u okta.User) bool { return len(u.GetRealmId()) != 20 || !strings.HasPrefix(u.GetRealmId(), "guo") }),
			"in an org with realms every user has a realmId", "not all")
		p.check(strings.HasPrefix(p.active().GetRealmId(), "guo"), "so has one who was created", "none")
	})
	p.visit(oktatest.Options{Engine: oktatest.ClassicEngine}, func() {
		t, resp, err := p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, p.stand("STAGED")).SendEmail(false).Execute()
		p.check(err == nil && t.GetActivationUrl() == p.org.URL+"/welcome/"+t.GetActivationToken(), "in a Classic org the link of an invitation is /welcome/{token}", t.GetActivationUrl()+result(resp, err).String())
	})
	p.visit(oktatest.Options{EditDeactivated: true}, func() {
		_, resp, err := p.modify(p.stand("DEPROVISIONED"), okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dee")}})
		p.does("where the org allows it, update a user who is DEPROVISIONED", 200, resp, err)
	})
	p.visit(oktatest.Options{OptionalPassword: true}, func() {
		p.equal("where passwords are optional, a user created without one", p.make(true, nil).GetStatus(), "ACTIVE")
	})
	p.visit(oktatest.Options{Users: 300, Gzip: true}, func() {
		p.check(len(p.all()) == 300, "an org that compresses its answers", "not all users")
	})
	p.visit(oktatest.Options{Users: 3}, func() {
		p.proxied()
		p.provided()
	})
	p.visit(oktatest.Options{}, func() {
		users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Execute()
		p.check(err == nil && users != nil && len(users) == 0 && !resp.HasNextPage(), "an org without users lists none", result(resp, err).String())
	})
	p.visit(oktatest.Options{Users: 128, SearchLag: 2 * time.Second}, func() {
		p.trailing()
	})
	p.visit(oktatest.Options{Users: 128, AsyncTransitions: time.Minute}, func() {
		p.transitions()
	})
}

// proxied checks that a program finds the org as its HTTP proxy, for a name that nobody has, and pages on there.
func (p *pass) proxied() {
	proxy, err := url.Parse(p.org.URL)
	if err != nil {
		panic(err)
	}
	c := p.must(client(p.org, &http.Transport{Proxy: http.ProxyURL(proxy)}))
	c.GetConfig().Host = "sandbox.invalid"
	users, n, err := pages(c.UserAPI.ListUsers(p.ctx).Search(everyone).Limit(2))
	p.check(err == nil && len(users) == 3 && n == 2, "list users by pages through the org as a proxy", fmt.Sprint(len(users), n, err))
	p.check(err == nil && users[0].Links.Self.GetHref() == "http://sandbox.invalid/api/v1/users/"+users[0].GetId(), "… with links that begin with the name asked for", fmt.Sprint(err))
}

// provided checks the configuration that Okta's Terraform provider makes of OKTA_HTTP_PROXY: the proxy is the
// org's address, too, of which the SDK drops the port.
func (p *pass) provided() {
	address, err := url.Parse(p.org.URL)
	if err != nil {
		panic(err)
	}
	port, _ := strconv.ParseInt(address.Port(), 10, 32)
	cfg, err := okta.NewConfiguration(okta.WithOrgUrl(p.org.URL), okta.WithCache(false), okta.WithAuthorizationMode("SSWS"),
		okta.WithToken(p.org.Token), okta.WithProxyHost(address.Hostname()), okta.WithProxyPort(int32(port)))
	if err != nil {
		panic(err)
	}
	users, n, err := pages(okta.NewAPIClient(cfg).UserAPI.ListUsers(p.ctx).Search(everyone).Limit(2))
	p.check(err == nil && len(users) == 3 && n == 2, "list users by pages as Terraform's provider is configured", fmt.Sprint(len(users), n, err))
}

// trailing checks an org whose search index is behind.
func (p *pass) trailing() {
	u := p.active()
	find := func() int {
		users, _, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`profile.login eq "` + u.Profile.GetLogin() + `"`).Execute()
		if err != nil {
			return -1
		}
		return len(users)
	}
	p.equal("a new user who is got", p.status(u.GetId()), "ACTIVE")
	p.equal("a new user found by a search that trails behind", find(), 0)
	p.org.Advance(3 * time.Second)
	p.equal("found some seconds later", find(), 1)
}

// transitions checks an org that takes its time.
func (p *pass) transitions() {
	id := p.stand("STAGED")
	if _, resp, err := p.sdk.UserLifecycleAPI.ActivateUser(p.ctx, id).SendEmail(true).Execute(); !p.does("start an activation that takes a minute", 200, resp, err) {
		return
	}
	_, resp, err := p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dee")}})
	p.refuses("update a user who is being activated", problem{409, "E0000112",
		"Cannot update this user because they are still being activated. Please try again in a few minutes.", nil}, resp, err)
	users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`id eq "` + id + `"`).Execute()
	if p.check(err == nil && len(users) == 1, "search for the user", result(resp, err).String()) {
		p.equal("the status of before, and the one to come", users[0].GetStatus()+" "+users[0].GetTransitioningToStatus(), "STAGED PROVISIONED")
		p.check(users[0].Activated.Get() == nil, "activated is null so long", fmt.Sprint(users[0].GetActivated()))
	}
	p.org.Advance(2 * time.Minute)
	u, resp := p.read(id)
	p.equal("the status afterwards", u.GetStatus(), "PROVISIONED")
	p.check(!has(object(resp), "transitioningToStatus"), "transitioningToStatus is left out afterwards", fmt.Sprint(object(resp)))
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dee")}})
	p.does("update the user afterwards", 200, resp, err)
}

// order checks the order of lists and the look of cursors, which clients must not rely on but recordings show.
func order(p *pass) {
	users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Execute()
	if !p.does("list users", 200, resp, err) {
		return
	}
	rank := func(u okta.User) int {
		return slices.Index([]string{"STAGED", "PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED"}, u.GetStatus())
	}
	users = slices.DeleteFunc(users, func(u okta.User) bool { return rank(u) < 0 })
	p.check(slices.IsSortedFunc(users, func(a, b okta.User) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.GetId(), b.GetId()))
	}), "the plain list is in the order of statuses, then ids", "another order")

	users, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Limit(5).Search(everyone).Execute()
	if p.does("search for everyone, by fives", 200, resp, err) && len(users) == 5 {
		links := resp.Header.Values("Link")
		rest := `limit=5&search=created+ge+%221970-01-01T00%3A00%3A00.000Z%22>; rel=`
		p.equal("its self", links[0], "<"+p.org.URL+"/api/v1/users?"+rest+`"self"`)
		p.equal("its next, after the last user's id", links[1], "<"+p.org.URL+"/api/v1/users?after="+users[4].GetId()+"&"+rest+`"next"`)
	}
	var more []okta.User
	resp, err = resp.Next(&more)
	p.check(err == nil && strings.Contains(resp.Header.Values("Link")[0], "users?after="+users[4].GetId()+"&limit=5&search="), "self of the second page has after, limit, search", fmt.Sprint(resp.Header.Values("Link"), err))

	a, b := p.person(), p.person()
	a.FirstName, b.FirstName = text("Zoë"), text("Zoe")
	for _, profile := range []okta.UserProfile{a, b} {
		if _, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute(); err != nil {
			panic(result(resp, err).String())
		}
	}
	for _, one := range []struct {
		name string
		want *string
	}{{"ZOE", b.Login}, {"ZOË", a.Login}} {
		users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`profile.firstName eq "` + one.name + `" and profile.lastName eq "Reyes"`).Execute()
		p.check(err == nil && len(users) == 1 && users[0].Profile.GetLogin() == *one.want, "search tells accents apart, not case: "+one.name, fmt.Sprint(len(users), result(resp, err)))
	}
}

// people checks what becomes of users by what they do themselves, which isn't part of the API.
func people(p *pass) {
	id := p.make(true, &okta.UserCredentialsWritable{Password: hash}).GetId()
	if err := p.org.SignIn(id, ""); p.check(err == nil, "sign in with an imported password", fmt.Sprint(err)) {
		u, _ := p.read(id)
		p.equal("provider after the first sign-in", u.Credentials.Provider.GetType(), "OKTA")
		p.check(u.LastLogin.Get() != nil, "lastLogin after a sign-in is a time", "null")
	}
	id = p.stand("PROVISIONED")
	if err := p.org.CompleteActivation(id, secret); p.check(err == nil, "follow the link of an invitation", fmt.Sprint(err)) {
		p.equal("status after that", p.status(id), "ACTIVE")
		_, resp, err := p.change(id, secret, otherSecret)
		p.does("the password chosen there is the user's", 200, resp, err)
	}
	id = p.stand("RECOVERY")
	if err := p.org.CompleteRecovery(id, otherSecret); p.check(err == nil, "follow the link of a password reset", fmt.Sprint(err)) {
		p.equal("status after that", p.status(id), "ACTIVE")
	}
	id = p.active().GetId()
	resp, err := p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, id).Prefer("respond-async").Execute()
	p.check(err == nil && resp.StatusCode == 200 && strings.TrimSpace(string(result(resp, err).body)) == "{}", "deactivate with Prefer: respond-async answers 200 {} as ever", result(resp, err).String())
	resp, err = p.sdk.UserAPI.DeleteUser(p.ctx, id).Prefer("respond-async").Execute()
	p.does("delete with Prefer: respond-async", 204, resp, err)
	p.together()
}

// together checks that many callers at one time don't get in one another's way.
func (p *pass) together() {
	const callers = 16
	logins := make([]string, callers)
	for i := range logins {
		logins[i] = p.login()
	}
	shared := p.login()
	created := make([]string, callers)
	var won sync.Map
	var wg sync.WaitGroup
	for i, login := range logins {
		wg.Go(func() {
			make := func(login string) (*okta.User, error) {
				profile := okta.UserProfile{Login: &login, Email: &login, FirstName: text("Dana"), LastName: text("Reyes")}
				u, _, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
				return u, err
			}
			if u, err := make(login); err == nil {
				created[i] = u.GetId()
			}
			if u, err := make(shared); err == nil {
				won.Store(u.GetId(), true)
			}
		})
	}
	wg.Wait()
	slices.Sort(created)
	p.check(len(slices.Compact(slices.Clone(created))) == callers && created[0] != "", fmt.Sprintf("%d users created at one time have ids of their own", callers), fmt.Sprint(created))
	n := 0
	won.Range(func(any, any) bool { n++; return true })
	p.equal("users of all who were created at one time with the same login", n, 1)
}

// policies checks what values and passwords are held to.
func policies(p *pass) {
	for _, one := range []struct {
		name   string
		change func(*okta.UserProfile)
	}{
		{"a countryCode of three letters", func(a *okta.UserProfile) { a.CountryCode = text("NLD") }},
		{"a mobilePhone of 101 characters", func(a *okta.UserProfile) { a.MobilePhone = text(strings.Repeat("1", 101)) }},
		{"a secondEmail that is no address", func(a *okta.UserProfile) { a.SecondEmail = text("no address") }},
		{"a login of 101 characters", func(a *okta.UserProfile) { a.Login = okta.PtrString(strings.Repeat("a", 89) + "@sdk.example") }},
		{"a login of four characters", func(a *okta.UserProfile) { a.Login = okta.PtrString("a@bc") }},
		{"a text for a boolean attribute", func(a *okta.UserProfile) { a.AdditionalProperties = map[string]any{"contractor": "yes"} }},
		{"a text for an array attribute", func(a *okta.UserProfile) { a.AdditionalProperties = map[string]any{"projects": "apollo"} }},
		{"a fraction for an integer attribute", func(a *okta.UserProfile) { a.AdditionalProperties = map[string]any{"floor": 1.5} }},
		{"a number for a string attribute", func(a *okta.UserProfile) { a.AdditionalProperties = map[string]any{"badge": 7} }},
	} {
		profile := p.person()
		one.change(&profile)
		_, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
		o := result(resp, err)
		p.check(o.err != nil && o.status == 400, "create "+one.name+": 400", o.String())
	}
	long := &okta.UserCredentialsWritable{Password: password("Tr4" + strings.Repeat("x", 70))}
	_, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Credentials: long}).Execute()
	p.refuses("create a password of 73 characters", problem{status: 400, code: "E0000001"}, resp, err)
	both := &okta.UserCredentialsWritable{Password: password(secret), Provider: &okta.AuthenticationProviderWritable{Type: okta.PtrString("FEDERATION"), Name: okta.PtrString("FEDERATION")}}
	_, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Credentials: both}).Provider(true).Execute()
	o := result(resp, err)
	p.check(o.err != nil && o.status >= 400 && o.status < 500, "create a password and a FEDERATION provider: 4xx", o.String())

	id := p.active().GetId()
	again := okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: password(secret)}}
	_, resp, err = p.sdk.UserAPI.UpdateUser(p.ctx, id).User(again).Strict(true).Execute()
	p.refuses("update a password to the one it is, strictly", problem{http.StatusBadRequest, "E0000001", "Api validation failed: password", []string{"password: Password has been used too recently"}}, resp, err)
	_, resp, err = p.sdk.UserAPI.UpdateUser(p.ctx, id).User(again).Execute()
	p.does("update a password to the one it is, not strictly", 200, resp, err)
	body := okta.ChangePasswordRequest{OldPassword: password(secret), NewPassword: password(secret)}
	_, resp, err = p.sdk.UserCredAPI.ChangePassword(p.ctx, id).ChangePasswordRequest(body).Strict(true).Execute()
	p.refuses("change a password to the one it is, strictly", problem{status: http.StatusForbidden, code: "E0000014", summary: "Update of credentials failed"}, resp, err)
	u, _, err := p.create(creation{activate: "true", provider: true, credentials: &okta.UserCredentialsWritable{Provider: both.Provider}})
	if err == nil {
		_, resp, err = p.sdk.UserCredAPI.ForgotPassword(p.ctx, u.GetId()).Execute()
		p.refuses("start forgot password for a user of a FEDERATION provider", problem{status: http.StatusForbidden, code: "E0000017", summary: "Password reset failed"}, resp, err)
		u, _ := p.read(u.GetId())
		p.check(u.Links.ResetPassword != nil && u.Links.Deactivate != nil && u.Links.ChangePassword == nil, "who has the links resetPassword and deactivate, and not changePassword", linkNames(u.Links))
	}
}

// unserved checks lists of what no user of the sandbox has, and operations that it doesn't claim to serve: it
// must answer those as Okta does, or say that there is no such path. Anything else would be taken for an
// answer.
func unserved(p *pass) {
	id := p.active().GetId()
	for _, one := range []struct {
		name string
		call func() (*okta.APIResponse, error)
		link string // the path that the link self has
	}{
		{"list a user's app links", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserResourcesAPI.ListAppLinks(p.ctx, id).Execute()
			return resp, err
		}, ""},
		{"list a user's clients", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserResourcesAPI.ListUserClients(p.ctx, id).Execute()
			return resp, err
		}, ""},
		{"list a user's grants", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserGrantAPI.ListUserGrants(p.ctx, id).Execute()
			return resp, err
		}, "/grants?limit=20"},
		{"list a user's identity providers", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.IdentityProviderUsersAPI.ListUserIdentityProviders(p.ctx, id).Execute()
			return resp, err
		}, ""},
	} {
		resp, err := one.call()
		o := result(resp, err)
		p.check(o.err == nil && o.status == 200 && strings.TrimSpace(string(o.body)) == "[]", one.name+": an empty list", o.String())
		link := ""
		if one.link != "" {
			link = "<" + p.org.URL + "/api/v1/users/" + id + one.link + `>; rel="self"`
		}
		p.equal("… with the Link header", o.header.Get("Link"), link)
	}
	_, resp, err := p.sdk.UserAPI.ListUserBlocks(p.ctx, id).Execute()
	p.refuses("list a user's blocks, a feature that is off", problem{401, "E0000015", "You do not have permission to access the feature you are requesting", []string{}}, resp, err)
	for _, one := range []struct {
		name string
		call func() (*okta.APIResponse, error)
	}{
		{"list a user's factors", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserFactorAPI.ListFactors(p.ctx, id).Execute()
			return resp, err
		}},
		{"list a user's roles", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.RoleAssignmentAUserAPI.ListAssignedRolesForUser(p.ctx, id).Execute()
			return resp, err
		}},
		{"list the definitions of linked objects", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.LinkedObjectAPI.ListLinkedObjectDefinitions(p.ctx).Execute()
			return resp, err
		}},
		{"list group rules", func() (*okta.APIResponse, error) {
			_, resp, err := p.sdk.GroupRuleAPI.ListGroupRules(p.ctx).Execute()
			return resp, err
		}},
	} {
		resp, err := one.call()
		o := result(resp, err)
		p.check(o.err == nil && o.status == 200 && strings.TrimSpace(string(o.body)) == "[]" || o.status == 404 && o.code == "E0000008", one.name+": as Okta, or 404 E0000008", o.String())
	}
}
