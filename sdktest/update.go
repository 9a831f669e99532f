package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// modify sends a partial update.
func (p *pass) modify(id string, body okta.UpdateUserRequest) (*okta.User, *okta.APIResponse, error) {
	return p.sdk.UserAPI.UpdateUser(p.ctx, id).User(body).Execute()
}

// overwrite sends a replacement.
func (p *pass) overwrite(id string, body okta.UpdateUserRequest) (*okta.User, *okta.APIResponse, error) {
	return p.sdk.UserAPI.ReplaceUser(p.ctx, id).User(body).Execute()
}

// furnished creates a user with a few more attributes.
func (p *pass) furnished() (*okta.User, okta.UserProfile) {
	profile := p.person()
	profile.City, profile.Title, profile.MobilePhone = text("Oslo"), text("Navigator"), text("+47 555 0100")
	profile.AdditionalProperties = map[string]any{"floor": 3}
	u, _, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile, Credentials: keys(false)}).Execute()
	if err != nil {
		panic(err)
	}
	return u, profile
}

// update checks POST /users/{id}, which changes what it names.
func update(p *pass) {
	u, profile := p.furnished()
	id := u.GetId()
	changed, resp, err := p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{Title: text("Pilot"), NickName: text("Dee")}})
	if p.does("update two attributes", 200, resp, err) {
		p.equal("an attribute that was named", changed.Profile.GetTitle(), "Pilot")
		p.equal("another one", changed.Profile.GetNickName(), "Dee")
		p.equal("an attribute that wasn't", changed.Profile.GetCity(), "Oslo")
		p.equal("a custom one that wasn't", changed.Profile.AdditionalProperties["floor"], any(3.0))
		p.equal("the login, which wasn't", changed.Profile.GetLogin(), profile.GetLogin())
		p.equal("status after an update", changed.GetStatus(), "ACTIVE")
		p.check(resp.Header.Get("ETag") == "", "an update answers without ETag", resp.Header.Get("ETag"))
		p.check(changed.Links != nil && changed.Links.Suspend != nil, "an update answers with all links", linkNames(changed.Links))
	}
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{City: null(), MobilePhone: null()}})
	if p.does("clear two attributes with null", 200, resp, err) {
		p.check(!has(object(resp), "profile", "city"), "a cleared attribute is left out", fmt.Sprint(object(resp)["profile"]))
		p.check(has(object(resp), "profile", "mobilePhone") && at(object(resp), "profile", "mobilePhone") == nil, "a cleared mobilePhone is null", fmt.Sprint(object(resp)["profile"]))
	}
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"floor": nil}}})
	if p.does("clear a custom attribute with null", 200, resp, err) {
		p.check(!has(object(resp), "profile", "floor"), "a cleared custom attribute is left out", fmt.Sprint(object(resp)["profile"]))
	}
	renamed := p.login()
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{Login: &renamed}})
	if p.does("change a login", 200, resp, err) {
		found, _ := p.read(renamed)
		p.equal("the user with the new login", found.GetId(), id)
		p.equal("the user with the old login", p.status(profile.GetLogin()), "gone")
	}
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Credentials: &okta.UserCredentials{RecoveryQuestion: recovery("Favourite boat?", "Canoe")}})
	if p.does("update the recovery question", 200, resp, err) {
		p.equal("credentials after that", fmt.Sprint(object(resp)["credentials"]),
			"map[password:map[] provider:map[name:OKTA type:OKTA] recovery_question:map[question:Favourite boat?]]")
	}
	_, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dia")}, Credentials: &okta.UserCredentials{Password: password(otherSecret)}})
	if p.does("update a profile and a password", 200, resp, err) {
		body := okta.ChangePasswordRequest{OldPassword: password(otherSecret), NewPassword: password(secret)}
		_, resp, err = p.sdk.UserCredAPI.ChangePassword(p.ctx, id).ChangePasswordRequest(body).Execute()
		p.does("the password that an admin has set is the user's now", 200, resp, err)
	}
	u, resp, err = p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{City: text("Bergen")}, Type: &okta.UpdateUserRequestType{Id: u.Type.Id}})
	if p.does("update with the type that the user has", 200, resp, err) {
		p.equal("city after that", u.Profile.GetCity(), "Bergen")
	}
}

// replace checks PUT /users/{id}, which removes what it doesn't name.
func replace(p *pass) {
	u, profile := p.furnished()
	id := u.GetId()
	less := okta.UserProfile{Login: profile.Login, Email: profile.Email, FirstName: text("Dina"), LastName: profile.LastName, City: text("Bergen")}
	changed, resp, err := p.overwrite(id, okta.UpdateUserRequest{Profile: &less})
	if p.does("replace a profile", 200, resp, err) {
		p.equal("an attribute that was named", changed.Profile.GetCity(), "Bergen")
		p.equal("attributes after that", slices.Sorted(maps.Keys(object(resp)["profile"].(map[string]any))),
			[]string{"city", "email", "firstName", "lastName", "login", "mobilePhone", "secondEmail"})
		p.equal("mobilePhone, which wasn't named", at(object(resp), "profile", "mobilePhone"), nil)
		p.check(has(object(resp), "credentials", "password") && has(object(resp), "credentials", "recovery_question"), "credentials that weren't named stay", fmt.Sprint(object(resp)["credentials"]))
	}
	changed, resp, err = p.overwrite(id, okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: password(otherSecret)}})
	if p.does("replace only the password", 200, resp, err) {
		p.equal("city after that", changed.Profile.GetCity(), "Bergen")
		p.equal("status after that", changed.GetStatus(), "ACTIVE")
	}
	_, resp, err = p.overwrite(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{MobilePhone: text("+47 555 0111")}})
	p.refuses("replace a profile by one without the required attributes", problem{400, "E0000001", "Api validation failed: login", fiveCauses}, resp, err)
	unchanged, _ := p.read(id)
	p.equal("city after a replacement that was refused", unchanged.Profile.GetCity(), "Bergen")

	if other := p.otherType(); other != "" {
		staged := p.make(false, nil)
		changed, resp, err = p.overwrite(staged.GetId(), okta.UpdateUserRequest{Profile: staged.Profile, Type: &okta.UpdateUserRequestType{Id: &other}})
		if p.does("replace the type", 200, resp, err) {
			p.equal("type after that", changed.Type.GetId(), other)
			p.equal("status after that", changed.GetStatus(), "STAGED")
		}
		_, resp, err = p.modify(id, okta.UpdateUserRequest{Type: &okta.UpdateUserRequestType{Id: &other}})
		o := result(resp, err)
		p.check(o.err != nil && o.status >= 400 && o.status < 500, "update can't change the type: 4xx", o.String())
	}
	staged := p.make(false, &okta.UserCredentialsWritable{Password: hash})
	changed, resp, err = p.overwrite(staged.GetId(), okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: hash}})
	if p.does("replace the hash of a user who is STAGED", 200, resp, err) {
		p.equal("status after that", changed.GetStatus(), "STAGED")
	}
	_, resp, err = p.overwrite(id, okta.UpdateUserRequest{Credentials: &okta.UserCredentials{Password: hash}})
	o := result(resp, err)
	p.check(o.err != nil && (o.status == 400 || o.status == 403), "a user who is ACTIVE gets no hash: 400 or 403", o.String())
}

// updateRefused checks what can't be updated, by POST and by PUT.
func updateRefused(p *pass) {
	taken := p.active().Profile.GetLogin()
	u, profile := p.furnished()
	id := u.GetId()
	for _, one := range []struct {
		name   string
		want   problem
		change func(*okta.UserProfile, *okta.UserCredentials)
	}{
		{"a login that is taken", problem{400, "E0000001", "Api validation failed: login", []string{"login: An object with this field already exists in the current organization"}},
			func(a *okta.UserProfile, _ *okta.UserCredentials) { a.Login = &taken }},
		{"a login that is no address", problem{400, "E0000001", "Api validation failed: login", []string{"login: Username must be in the form of an email address"}},
			func(a *okta.UserProfile, _ *okta.UserCredentials) { a.Login = okta.PtrString("plainname") }},
		{"an email that is no address", problem{400, "E0000001", "", []string{"email: Does not match required pattern"}},
			func(a *okta.UserProfile, _ *okta.UserCredentials) { a.Email = okta.PtrString("no address") }},
		{"a blank first name", problem{400, "E0000001", "Api validation failed: firstName", []string{"firstName: The field cannot be left blank"}},
			func(a *okta.UserProfile, _ *okta.UserCredentials) { a.FirstName = text("") }},
		{"an unknown attribute", problem{400, "E0000001", "", []string{"Property name 'shoeSize' is not defined in profile"}},
			func(a *okta.UserProfile, _ *okta.UserCredentials) {
				a.AdditionalProperties = map[string]any{"shoeSize": 42}
			}},
		{"a weak password", problem{400, "E0000001", "Api validation failed: password", nil},
			func(_ *okta.UserProfile, c *okta.UserCredentials) { c.Password = password("weak") }},
	} {
		attributes := okta.UserProfile{}
		var c okta.UserCredentials
		one.change(&attributes, &c)
		_, resp, err := p.modify(id, okta.UpdateUserRequest{Profile: &attributes, Credentials: &c})
		p.refuses("update with "+one.name, one.want, resp, err)
		whole := profile
		one.change(&whole, &c)
		_, resp, err = p.overwrite(id, okta.UpdateUserRequest{Profile: &whole, Credentials: &c})
		p.refuses("replace with "+one.name, one.want, resp, err)
	}
	_, resp, err := p.modify(id, okta.UpdateUserRequest{Profile: &okta.UserProfile{FirstName: null()}})
	p.refuses("update a required attribute to null", problem{400, "E0000001", "Api validation failed: firstName", []string{"firstName: The field cannot be left blank"}}, resp, err)
	_, resp, err = p.modify(nobody, okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"shoeSize": 42}}})
	p.refuses("update nobody with an unknown attribute", problem{status: 404, code: "E0000007"}, resp, err)
	_, resp, err = p.overwrite(nobody, okta.UpdateUserRequest{Profile: &okta.UserProfile{}})
	p.refuses("replace nobody by an empty profile", problem{status: 404, code: "E0000007"}, resp, err)
	now, _ := p.read(id)
	p.equal("the title after all that", now.Profile.GetTitle(), "Navigator")
	p.ifMatch(id)
}

// ifMatch checks updates on the condition that nobody else has changed the profile.
func (p *pass) ifMatch(id string) {
	_, resp := p.read(id)
	old := resp.Header.Get("ETag")
	nick := func(match, name string) (*okta.APIResponse, error) {
		req := p.sdk.UserAPI.UpdateUser(p.ctx, id).User(okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text(name)}})
		if match != "" {
			req = req.IfMatch(match)
		}
		_, resp, err := req.Execute()
		return resp, err
	}
	resp, err := nick("", "Dot")
	p.does("update without If-Match", 200, resp, err)
	resp, err = nick(old, "Dor")
	p.refuses("update with the If-Match of an older profile", problem{status: 412, code: "E0000231", summary: "ETag value doesn't match."}, resp, err)
	resp, err = nick("not an etag", "Dor")
	p.refuses("update with an If-Match that is none", problem{status: 400, code: "E0000242", summary: "ETag syntax is invalid."}, resp, err)
	_, resp = p.read(id)
	resp, err = nick(resp.Header.Get("ETag"), "Dor")
	p.does("update with the right If-Match", 200, resp, err)
}
