package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// A creation is a row of the table of what users are right after they were created.
type creation struct {
	name        string
	activate    string // "true", "false"; "" leaves it to the default
	nextLogin   string
	provider    bool
	credentials *okta.UserCredentialsWritable
	status      string
	activated   bool   // activated is a time, else null
	changed     string // statusChanged: "time", "null", or "" where orgs differ
	password    bool
	source      string // credentials.provider.type
}

// hash is a SHA-256 of a password, as imports have it.
var hash = &okta.PasswordCredential{Hash: &okta.PasswordCredentialHash{
	Algorithm: okta.PtrString("SHA-256"), Salt: okta.PtrString("c2FsdA=="), SaltOrder: okta.PtrString("PREFIX"),
	Value: okta.PtrString("jZae727K08KaOmKSgOaGzww/XVqGr/PKEgIMkjrcbJI="),
}}

func creations() []creation {
	onlyQuestion := &okta.UserCredentialsWritable{RecoveryQuestion: recovery(question, answer)}
	federated := &okta.UserCredentialsWritable{Provider: &okta.AuthenticationProviderWritable{Type: okta.PtrString("FEDERATION"), Name: okta.PtrString("FEDERATION")}}
	hook := &okta.UserCredentialsWritable{Password: &okta.PasswordCredential{Hook: &okta.PasswordCredentialHook{Type: okta.PtrString("default")}}}
	return []creation{
		{"with nothing, activate=false", "false", "", false, nil, "STAGED", false, "null", false, "OKTA"},
		{"with a question, activate=false", "false", "", false, onlyQuestion, "STAGED", false, "null", false, "OKTA"},
		{"with a password, activate=false", "false", "", false, keys(true), "STAGED", false, "time", true, "OKTA"},
		{"with a password and a question, activate=false", "false", "", false, keys(false), "STAGED", false, "time", true, "OKTA"},
		{"with nothing, activate=true", "true", "", false, nil, "PROVISIONED", true, "time", false, "OKTA"},
		{"with nothing, no activate", "", "", false, nil, "PROVISIONED", true, "time", false, "OKTA"},
		{"with an empty password object", "true", "", false, &okta.UserCredentialsWritable{Password: &okta.PasswordCredential{}}, "PROVISIONED", true, "time", false, "OKTA"},
		{"with a question, activate=true", "true", "", false, onlyQuestion, "PROVISIONED", true, "time", false, "OKTA"},
		{"with a password, activate=true", "true", "", false, keys(true), "ACTIVE", true, "time", true, "OKTA"},
		{"with a password and a question, activate=true", "true", "", false, keys(false), "ACTIVE", true, "time", true, "OKTA"},
		{"with a password, no activate", "", "", false, keys(true), "ACTIVE", true, "time", true, "OKTA"},
		{"with a hash, activate=true", "true", "", false, &okta.UserCredentialsWritable{Password: hash}, "ACTIVE", true, "time", true, "IMPORT"},
		{"with a hash, activate=false", "false", "", false, &okta.UserCredentialsWritable{Password: hash}, "STAGED", false, "time", true, "IMPORT"},
		{"with a password hook, activate=true", "true", "", false, hook, "ACTIVE", true, "time", true, "IMPORT"},
		{"with a password, nextLogin=changePassword", "true", "changePassword", false, keys(true), "PASSWORD_EXPIRED", true, "time", true, "OKTA"},
		{"of a FEDERATION provider, activate=true", "true", "", true, federated, "ACTIVE", true, "time", false, "FEDERATION"},
		{"of a FEDERATION provider, activate=false", "false", "", true, federated, "STAGED", false, "", false, "FEDERATION"},
	}
}

func (p *pass) create(c creation) (*okta.User, *okta.APIResponse, error) {
	req := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Credentials: c.credentials})
	if c.activate != "" {
		req = req.Activate(c.activate == "true")
	}
	if c.nextLogin != "" {
		req = req.NextLogin(c.nextLogin)
	}
	if c.provider {
		req = req.Provider(true)
	}
	return req.Execute()
}

// create checks what becomes of users who are created.
func create(p *pass) {
	for _, c := range creations() {
		name := "a user created " + c.name
		u, resp, err := p.create(c)
		if !p.check(err == nil && resp.StatusCode == 200 && u.GetStatus() == c.status, name+": 200, "+c.status, result(resp, err).String()+" "+u.GetStatus()) {
			continue
		}
		m := object(resp)
		word := map[bool]string{true: "time", false: "null"}
		known := func(name string) string { return word[m[name] != nil] }
		p.equal(name+", activated", known("activated"), word[c.activated])
		if c.changed != "" {
			p.equal(name+", statusChanged", known("statusChanged"), c.changed)
		}
		p.equal(name+", has a password", has(m, "credentials", "password"), c.password)
		if c.credentials == nil || c.credentials.Password == nil || c.credentials.Password.Hook == nil {
			p.equal(name+", passwordChanged", known("passwordChanged"), word[c.password])
		}
		p.equal(name+", provider", u.Credentials.Provider.GetType(), c.source)
		p.equal(name+", status when got", p.status(u.GetId()), c.status)
	}
	p.details()
}

// details checks more of what a create does.
func (p *pass) details() {
	profile := p.person()
	profile.Login = okta.PtrString("Mixed.Case." + profile.GetLogin())
	profile.NickName, profile.CountryCode, profile.MobilePhone = text("Dee"), text("NL"), text("+31 20 555 0100")
	profile.AdditionalProperties = map[string]any{"floor": 12, "contractor": true, "projects": []string{"apollo", "hermes"}}
	u, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
	if p.does("create a user with more attributes", 200, resp, err) {
		p.equal("the case of a login is kept", u.Profile.GetLogin(), profile.GetLogin())
		p.equal("a base attribute", u.Profile.GetNickName(), "Dee")
		p.equal("an integer attribute", u.Profile.AdditionalProperties["floor"], any(12.0))
		p.equal("a boolean attribute", u.Profile.AdditionalProperties["contractor"], any(true))
		p.equal("an array attribute", fmt.Sprint(u.Profile.AdditionalProperties["projects"]), "[apollo hermes]")
	}
	p.check(resp.Header.Get("ETag") == "" && resp.Header.Get("Location") == "", "a create answers without ETag and Location", fmt.Sprint(resp.Header))

	twin := p.person()
	twin.Email = profile.Email
	_, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: twin}).Execute()
	p.does("create a user with somebody else's email, which needn't be unique", 200, resp, err)

	group, resp, err := p.sdk.GroupAPI.AddGroup(p.ctx).Group(okta.AddGroupRequest{Profile: &okta.OktaUserGroupProfile{Name: okta.PtrString("Newcomers")}}).Execute()
	if p.does("create a group", 200, resp, err) {
		u, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), GroupIds: []string{group.GetId()}}).Execute()
		p.does("create a user in a group", 200, resp, err)
		list, _, _ := p.sdk.UserResourcesAPI.ListUserGroups(p.ctx, u.GetId()).Execute()
		var names []string
		for _, g := range list {
			names = append(names, groupName(&g))
		}
		slices.Sort(names)
		p.equal("that user's groups", names, []string{"Everyone", "Newcomers"})
	}
	if other := p.otherType(); other != "" {
		u, resp, err = p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Type: &okta.CreateUserRequestType{Id: &other}}).Execute()
		if p.does("create a user of another type", 200, resp, err) {
			p.equal("that user's type", u.Type.GetId(), other)
		}
	}
}

// otherType is the id of a user type that isn't the default one.
func (p *pass) otherType() string {
	types, resp, err := p.sdk.UserTypeAPI.ListUserTypes(p.ctx).Execute()
	p.does("list user types", 200, resp, err)
	for _, t := range types {
		if t.AdditionalProperties["default"] == false {
			return t.GetId()
		}
	}
	return ""
}

// createRefused checks what can't be created, and that it isn't.
func createRefused(p *pass) {
	try := func(name string, want problem, change func(*okta.CreateUserRequest)) {
		body := okta.CreateUserRequest{Profile: p.person()}
		login := body.Profile.GetLogin()
		change(&body)
		_, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(body).Execute()
		p.refuses("create "+name, want, resp, err)
		if now := body.Profile.GetLogin(); now == login {
			p.equal("… and there is no such user", p.status(login), "gone")
		}
	}
	invalid := func(token string, causes ...string) problem {
		return problem{400, "E0000001", "Api validation failed: " + token, causes}
	}
	taken := p.active().Profile.GetLogin()
	for _, login := range []struct{ name, login string }{{"a login that is taken", taken}, {"a login that is taken in another case", strings.ToUpper(taken)},
		{"a login that is taken without accents", strings.Replace(taken, "u", "ú", 1)}} {
		try(login.name, invalid("login", "login: An object with this field already exists in the current organization"),
			func(r *okta.CreateUserRequest) { r.Profile.Login = &login.login })
	}
	retired := p.make(true, keys(true))
	p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, retired.GetId()).Execute()
	try("the login of a deactivated user", invalid("login", "login: An object with this field already exists in the current organization"),
		func(r *okta.CreateUserRequest) { r.Profile.Login = retired.Profile.Login })
	try("a login that is no address", invalid("login", "login: Username must be in the form of an email address"),
		func(r *okta.CreateUserRequest) { r.Profile.Login = okta.PtrString("plainname") })
	try("an email that is no address", problem{400, "E0000001", "", []string{"email: Does not match required pattern"}},
		func(r *okta.CreateUserRequest) { r.Profile.Email = okta.PtrString("no address") })
	try("a login and an email that are no addresses", invalid("login", "login: Username must be in the form of an email address", "email: Does not match required pattern"),
		func(r *okta.CreateUserRequest) {
			r.Profile.Login, r.Profile.Email = okta.PtrString("plainname"), okta.PtrString("no address")
		})
	try("no first name", invalid("firstName", "firstName: The field cannot be left blank"),
		func(r *okta.CreateUserRequest) { r.Profile.FirstName.Unset() })
	try("a blank last name", invalid("lastName", "lastName: The field cannot be left blank"),
		func(r *okta.CreateUserRequest) { r.Profile.LastName = text("") })
	try("no profile", invalid("login", fiveCauses...), func(r *okta.CreateUserRequest) { r.Profile = okta.UserProfile{} })
	try("an unknown attribute", invalid("newUser", "Property name 'shoeSize' is not defined in profile"),
		func(r *okta.CreateUserRequest) { r.Profile.AdditionalProperties = map[string]any{"shoeSize": 42} })
	try("an unknown key beside the profile", problem{400, "E0000003", "The request body was not well-formed.", []string{}},
		func(r *okta.CreateUserRequest) { r.AdditionalProperties = map[string]any{"boop": "thing"} })
	policy := invalid("password", "password: Password requirements were not met. Password requirements: at least 8 characters, a lowercase letter, an uppercase letter, a number, no parts of your username.")
	for _, bad := range []struct{ name, password string }{{"a short password", "Sh0rt"}, {"a password without a capital", "all-lower-1"},
		{"a password without a small letter", "ALL-UPPER-1"}, {"a password without a digit", "No-digit-here"}} {
		try(bad.name, policy, func(r *okta.CreateUserRequest) {
			r.Credentials = &okta.UserCredentialsWritable{Password: password(bad.password)}
		})
	}
	try("a password with a part of the login", policy, func(r *okta.CreateUserRequest) {
		part, _, _ := strings.Cut(r.Profile.GetLogin(), "@")
		r.Credentials = &okta.UserCredentialsWritable{Password: password("X-" + part + "-x1")}
	})
	try("in a group that isn't there", problem{404, "E0000007", "Not found: Resource not found: 00gNobodyHasThisI5d7 (UserGroup)", []string{}},
		func(r *okta.CreateUserRequest) { r.GroupIds = []string{"00gNobodyHasThisI5d7"} })
	try("in 21 groups", problem{400, "E0000093", "Target count limit exceeded", []string{"The number of group targets is too large"}},
		func(r *okta.CreateUserRequest) { r.GroupIds = p.manyGroups(21) })
	try("a name with an emoji", problem{status: 400}, func(r *okta.CreateUserRequest) { r.Profile.NickName = text("Dana 🚀") })
	try("a first name of 51 characters", problem{status: 400, code: "E0000001"},
		func(r *okta.CreateUserRequest) { r.Profile.FirstName = text(strings.Repeat("a", 51)) })
	try("a text for an integer attribute", problem{status: 400},
		func(r *okta.CreateUserRequest) { r.Profile.AdditionalProperties = map[string]any{"floor": "twelve"} })

	const expire = "Could not create user. To create a user and expire their password immediately, "
	_, resp, err := p.create(creation{activate: "true", nextLogin: "changePassword"})
	p.refuses("create with nextLogin and no password", problem{400, "E0000124", expire + "a password must be specified", []string{expire + "a password must be specified"}}, resp, err)
	_, resp, err = p.create(creation{activate: "false", nextLogin: "changePassword", credentials: keys(true)})
	p.refuses("create with nextLogin and activate=false", problem{400, "E0000125", expire + `"activate" must be true`, []string{expire + `"activate" must be true`}}, resp, err)
}

// manyGroups makes up groups and returns their ids.
func (p *pass) manyGroups(n int) (ids []string) {
	for i := range n {
		name := fmt.Sprintf("One of many %d", i)
		g, _, err := p.sdk.GroupAPI.AddGroup(p.ctx).Group(okta.AddGroupRequest{Profile: &okta.OktaUserGroupProfile{Name: &name}}).Execute()
		if err != nil {
			panic(err)
		}
		ids = append(ids, g.GetId())
	}
	return ids
}

// fiveCauses are what is wrong with a profile that has none of the required attributes, in Okta's order.
var fiveCauses = []string{"login: The field cannot be left blank", "firstName: The field cannot be left blank",
	"lastName: The field cannot be left blank", "email: The field cannot be left blank", "login: Username must be in the form of an email address"}
