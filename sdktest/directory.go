package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// groups checks groups and who is in them.
func groups(p *pass) {
	api := p.sdk.GroupAPI
	g, resp, err := api.AddGroup(p.ctx).Group(okta.AddGroupRequest{Profile: &okta.OktaUserGroupProfile{Name: okta.PtrString("Navigators"), Description: okta.PtrString("Who find the way")}}).Execute()
	if !p.does("create a group", 200, resp, err) {
		return
	}
	id := g.GetId()
	p.check(strings.HasPrefix(id, "00g") && len(id) == 20, "a group's id is 00g and 17 characters", id)
	p.equal("keys of a group", slices.Sorted(maps.Keys(object(resp))),
		[]string{"_links", "created", "id", "lastMembershipUpdated", "lastUpdated", "objectClass", "profile", "type"})
	p.equal("type of a group", g.GetType(), "OKTA_GROUP")
	p.equal("objectClass of a group", g.GetObjectClass(), []string{"okta:user_group"})
	got, resp, err := api.GetGroup(p.ctx, id).Execute()
	if p.does("get a group", 200, resp, err) {
		p.equal("its name", groupName(got), "Navigators")
	}
	found, resp, err := api.ListGroups(p.ctx).Q("Navig").Execute()
	p.check(err == nil && len(found) == 1 && found[0].GetId() == id, "list groups with q", result(resp, err).String())
	got, resp, err = api.ReplaceGroup(p.ctx, id).Group(okta.AddGroupRequest{Profile: &okta.OktaUserGroupProfile{Name: okta.PtrString("Pilots")}}).Execute()
	if p.does("replace a group", 200, resp, err) {
		p.equal("its new name", groupName(got), "Pilots")
	}
	missing := problem{404, "E0000007", "Not found: Resource not found: 00gNobodyHasThisI5d7 (UserGroup)", []string{}}
	_, resp, err = api.GetGroup(p.ctx, "00gNobodyHasThisI5d7").Execute()
	p.refuses("get a group that isn't there", missing, resp, err)

	users := []string{p.active().GetId(), p.make(false, nil).GetId(), p.stand("SUSPENDED")}
	for _, user := range users {
		resp, err := api.AssignUserToGroup(p.ctx, id, user).Execute()
		p.does("add a user who is "+p.status(user)+" to a group", 204, resp, err)
	}
	resp, err = api.AssignUserToGroup(p.ctx, id, users[0]).Execute()
	p.does("add the first once more", 204, resp, err)
	p.equal("members of the group", p.members(id), slices.Sorted(slices.Values(users)))
	of, resp, err := p.sdk.UserResourcesAPI.ListUserGroups(p.ctx, users[0]).Execute()
	if p.does("list a user's groups", 200, resp, err) {
		names := []string{groupName(&of[0]), groupName(&of[len(of)-1])}
		slices.Sort(names)
		p.equal("a user's groups", names, []string{"Everyone", "Pilots"})
		p.check(slices.ContainsFunc(of, func(g okta.Group) bool { return g.GetType() == "BUILT_IN" }), "Everyone is BUILT_IN", "none is")
		p.equal("self of a user's groups", resp.Header.Get("Link"), "<"+p.org.URL+"/api/v1/users/"+users[0]+`/groups?limit=200>; rel="self"`)
	}
	resp, err = api.UnassignUserFromGroup(p.ctx, id, users[1]).Execute()
	p.does("take a user out of a group", 204, resp, err)
	p.equal("members of the group after that", p.members(id), slices.Sorted(slices.Values([]string{users[0], users[2]})))
	resp, err = api.AssignUserToGroup(p.ctx, id, nobody).Execute()
	p.refuses("add nobody to a group", problem{404, "E0000007", "Not found: Resource not found: " + nobody + " (User)", []string{}}, resp, err)
	resp, err = api.AssignUserToGroup(p.ctx, "00gNobodyHasThisI5d7", users[0]).Execute()
	p.refuses("add a user to a group that isn't there", missing, resp, err)

	resp, err = api.DeleteGroup(p.ctx, id).Execute()
	p.does("delete a group", 204, resp, err)
	_, resp, err = api.GetGroup(p.ctx, id).Execute()
	p.refuses("get a group that was deleted", problem{404, "E0000007", "Not found: Resource not found: " + id + " (UserGroup)", []string{}}, resp, err)
	p.equal("a member of a deleted group is still", p.status(users[0]), "ACTIVE")
	p.everybody()
}

// groupName is the name of a group. The SDK takes the profile of every group for one of Active Directory,
// whose attributes begin with the same two.
func groupName(g *okta.Group) string {
	if g == nil || g.Profile == nil {
		return ""
	}
	if ad := g.Profile.OktaActiveDirectoryGroupProfile; ad != nil {
		return ad.GetName()
	}
	return g.Profile.OktaUserGroupProfile.GetName()
}

// members are the ids of a group's members, by pages of two.
func (p *pass) members(id string) (list []string) {
	users, resp, err := p.sdk.GroupAPI.ListGroupUsers(p.ctx, id).Limit(2).Execute()
	for err == nil {
		for _, u := range users {
			list = append(list, u.GetId())
		}
		if !resp.HasNextPage() {
			break
		}
		users = nil
		resp, err = resp.Next(&users)
	}
	if err != nil {
		return []string{result(resp, err).String()}
	}
	slices.Sort(list)
	return list
}

// everybody checks the group of all users.
func (p *pass) everybody() {
	found, resp, err := p.sdk.GroupAPI.ListGroups(p.ctx).Filter(`type eq "BUILT_IN"`).Execute()
	if !p.check(err == nil && len(found) > 0, "list groups of the type BUILT_IN", result(resp, err).String()) {
		return
	}
	id := found[0].GetId()
	resp, err = p.sdk.GroupAPI.DeleteGroup(p.ctx, id).Execute()
	o := result(resp, err)
	p.check(o.err != nil && o.status >= 400 && o.status < 500, "Everyone can't be deleted: 4xx", o.String())
	first, resp, err := p.sdk.GroupAPI.ListGroupUsers(p.ctx, id).Limit(3).Execute()
	if p.does("list the first members of Everyone", 200, resp, err) {
		p.check(len(first) == 3 && first[0].Profile.GetLogin() != "" && resp.HasNextPage(), "… who are users, with more to come", fmt.Sprint(len(first)))
	}
}

// userTypes checks user types. The SDK's model of one knows its id only.
func userTypes(p *pass) {
	api := p.sdk.UserTypeAPI
	types, resp, err := api.ListUserTypes(p.ctx).Execute()
	if !p.does("list user types", 200, resp, err) {
		return
	}
	at := slices.IndexFunc(types, func(t okta.UserType) bool { return t.AdditionalProperties["default"] == true })
	if !p.check(at >= 0, "one of them is the default", fmt.Sprint(len(types))) {
		return
	}
	standard := types[at]
	p.equal("name of the default type", standard.AdditionalProperties["name"], any("user"))
	p.equal("displayName of the default type", standard.AdditionalProperties["displayName"], any("User"))
	p.check(strings.HasPrefix(fmt.Sprint(standard.AdditionalProperties["createdBy"]), "spr"), "createdBy of the default type is an spr… id", fmt.Sprint(standard.AdditionalProperties["createdBy"]))
	u, _ := p.read(p.active().GetId())
	p.equal("type of a user who was created without one", u.Type.GetId(), standard.GetId())

	t, resp, err := api.CreateUserType(p.ctx).UserType(okta.UserType{AdditionalProperties: map[string]any{"name": "guest", "displayName": "Guest", "description": "Who visits"}}).Execute()
	if !p.does("create a user type", 200, resp, err) {
		return
	}
	id := t.GetId()
	p.equal("keys of a user type", slices.Sorted(maps.Keys(object(resp))), []string{"_links", "created", "createdBy", "default",
		"description", "displayName", "id", "lastUpdated", "lastUpdatedBy", "name"})
	p.equal("default of a user type that was created", t.AdditionalProperties["default"], any(false))
	got, resp, err := api.GetUserType(p.ctx, id).Execute()
	p.check(err == nil && got.AdditionalProperties["name"] == "guest", "get a user type", result(resp, err).String())
	got, resp, err = api.UpdateUserType(p.ctx, id).UserType(okta.UserTypePostRequest{DisplayName: okta.PtrString("Visitor")}).Execute()
	if p.does("update a user type", 200, resp, err) {
		p.equal("displayName after that", got.AdditionalProperties["displayName"], any("Visitor"))
		p.equal("description after that", got.AdditionalProperties["description"], any("Who visits"))
	}
	got, resp, err = api.ReplaceUserType(p.ctx, id).UserType(okta.UserTypePutRequest{Name: "guest", DisplayName: "Guest", Description: "Who stays"}).Execute()
	if p.does("replace a user type", 200, resp, err) {
		p.equal("description after that", got.AdditionalProperties["description"], any("Who stays"))
	}
	client := func(name string, r okta.UserType) {
		_, resp, err := api.CreateUserType(p.ctx).UserType(r).Execute()
		o := result(resp, err)
		p.check(o.status == 400 && o.err != nil, name+": 400", o.String())
	}
	_, resp, err = api.ReplaceUserType(p.ctx, id).UserType(okta.UserTypePutRequest{Name: "other", DisplayName: "Guest", Description: "Who stays"}).Execute()
	p.check(result(resp, err).status >= 400 && result(resp, err).status < 500, "replace the name of a user type: 4xx", result(resp, err).String())
	client("create a user type without a displayName", okta.UserType{AdditionalProperties: map[string]any{"name": "nameless"}})
	client("create a user type whose name begins with a digit", okta.UserType{AdditionalProperties: map[string]any{"name": "1guest", "displayName": "One"}})

	guest, resp, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Type: &okta.CreateUserRequestType{Id: &id}}).Execute()
	if p.does("create a user of this type", 200, resp, err) {
		busy := problem{status: 403, code: "E0000142", summary: "This User Type cannot be deleted."}
		resp, err = api.DeleteUserType(p.ctx, id).Execute()
		p.refuses("delete a user type that is in use", busy, resp, err)
		resp, err = api.DeleteUserType(p.ctx, standard.GetId()).Execute()
		p.refuses("delete the default user type", busy, resp, err)
		for range 2 {
			p.sdk.UserAPI.DeleteUser(p.ctx, guest.GetId()).Execute()
		}
	}
	resp, err = api.DeleteUserType(p.ctx, id).Execute()
	p.does("delete a user type", 204, resp, err)
	_, resp, err = api.GetUserType(p.ctx, id).Execute()
	p.refuses("get a user type that was deleted", problem{404, "E0000007", "Not found: Resource not found: " + id + " (CVDType)", []string{}}, resp, err)
}

// schemas checks the schema of users: its shape, and attributes that come and go.
func schemas(p *pass) {
	s, resp, err := p.sdk.SchemaAPI.GetUserSchema(p.ctx, "default").Execute()
	if !p.does("get the default schema", 200, resp, err) {
		return
	}
	p.equal("its id, which has no /api/v1", s.GetId(), p.org.URL+"/meta/schemas/user/default")
	p.equal("its $schema", s.GetSchema(), "http://json-schema.org/draft-04/schema#")
	base, _ := at(object(resp), "definitions", "base", "properties").(map[string]any)
	p.equal("base attributes", len(base), 31)
	p.equal("base attributes that the SDK's model doesn't know", len(s.Definitions.Base.Properties.AdditionalProperties), 0)
	p.equal("required ones", s.Definitions.Base.GetRequired(), []string{"login", "firstName", "lastName", "email"})
	login := s.Definitions.Base.Properties.Login
	p.equal("lengths of login", []int32{login.GetMinLength(), login.GetMaxLength()}, []int32{5, 100})
	p.equal("title of login", login.GetTitle(), "Username")
	p.equal("format of email", s.Definitions.Base.Properties.Email.GetFormat(), "email")
	p.equal("required of nickName, which is emitted only when true", has(object(resp), "definitions", "base", "properties", "nickName", "required"), false)

	u, _ := p.read(p.active().GetId())
	byID, resp, err := p.sdk.SchemaAPI.GetUserSchema(p.ctx, "osc"+u.Type.GetId()[3:]).Execute()
	if p.does("get the schema by the id with the tail of the type's", 200, resp, err) {
		p.equal("its name", byID.GetName(), s.GetName())
	}
	_, resp, err = p.sdk.SchemaAPI.GetUserSchema(p.ctx, "oscNobodyHasThisI5d7").Execute()
	p.refuses("get a schema that isn't there", problem{status: 404, code: "E0000007"}, resp, err)
	p.attributes()
}

// attributes checks custom attributes.
func (p *pass) attributes() {
	extend := func(properties map[string]any) (*okta.UserSchema, *okta.APIResponse, error) {
		// By the model of custom attributes none can be removed: it has no null. So they are written freely.
		free := okta.UserSchemaDefinitions{AdditionalProperties: map[string]any{
			"custom": map[string]any{"id": "#custom", "type": "object", "properties": properties}}}
		return p.sdk.SchemaAPI.UpdateUserProfile(p.ctx, "default").UserSchema(okta.UserSchema{Definitions: &free}).Execute()
	}
	before, resp, err := p.sdk.SchemaAPI.GetUserSchema(p.ctx, "default").Execute()
	p.does("get the schema", 200, resp, err)
	shoe := okta.UserSchemaAttribute{Title: okta.PtrString("Shoe size"), Type: okta.PtrString("string"),
		MinLength: *okta.NewNullableInt32(okta.PtrInt32(1)), MaxLength: *okta.NewNullableInt32(okta.PtrInt32(3))}
	custom := map[string]okta.UserSchemaAttribute{"shoeSize": shoe}
	after, resp, err := p.sdk.SchemaAPI.UpdateUserProfile(p.ctx, "default").UserSchema(okta.UserSchema{Definitions: &okta.UserSchemaDefinitions{
		Custom: &okta.UserSchemaPublic{Id: okta.PtrString("#custom"), Type: okta.PtrString("object"), Properties: &custom}}}).Execute()
	if !p.does("add an attribute", 200, resp, err) {
		return
	}
	added := after.Definitions.Custom.GetProperties()["shoeSize"]
	p.equal("its title", added.GetTitle(), "Shoe size")
	p.equal("its mutability and scope, by default", added.GetMutability()+" "+added.GetScope(), "READ_WRITE NONE")
	p.equal("custom attributes, one more", len(after.Definitions.Custom.GetProperties()), len(before.Definitions.Custom.GetProperties())+1)

	u := p.active()
	_, resp, err = p.modify(u.GetId(), okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"shoeSize": "42"}}})
	p.does("give a user the attribute", 200, resp, err)
	got, _ := p.read(u.GetId())
	p.equal("the user's attribute", got.Profile.AdditionalProperties["shoeSize"], any("42"))
	other, _ := p.read(p.active().GetId())
	p.check(other.Profile.AdditionalProperties["shoeSize"] == nil, "other users don't have it", fmt.Sprint(other.Profile.AdditionalProperties))
	users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`profile.shoeSize eq "42"`).Execute()
	p.check(err == nil && len(users) == 1 && users[0].GetId() == u.GetId(), "search by the attribute", result(resp, err).String())
	for _, bad := range []any{"4200", 42, ""} {
		_, resp, err = p.modify(u.GetId(), okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"shoeSize": bad}}})
		if bad == "" {
			continue // an empty text is how some clients clear an attribute: not known
		}
		p.check(result(resp, err).status == 400, fmt.Sprintf("give a user %#v, which the schema forbids: 400", bad), result(resp, err).String())
	}

	_, resp, err = extend(map[string]any{"badgeNumber": map[string]any{"title": "Badge", "type": "string", "unique": true}})
	// The SDK has unique for a boolean and can't read the schemas of an org that has a unique attribute.
	misread := err != nil && strings.Contains(err.Error(), "cannot unmarshal string into Go struct field")
	if p.check(result(resp, nil).status == 200 && (err == nil || misread), "add a unique attribute: 200", result(resp, err).String()) {
		unique := at(object(resp), "definitions", "custom", "properties", "badgeNumber", "unique")
		p.check(unique == "UNIQUE_VALIDATED" || unique == "PENDING_UNIQUENESS", "unique reads back as UNIQUE_VALIDATED", fmt.Sprint(unique))
		for _, user := range []string{u.GetId(), other.GetId()} {
			_, resp, err = p.modify(user, okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"badgeNumber": "B-1"}}})
		}
		p.refuses("give two users the same unique value", problem{status: 400, code: "E0000001"}, resp, err)
	}
	after, resp, err = extend(map[string]any{"shoeSize": nil, "badgeNumber": nil})
	if p.does("remove both attributes", 200, resp, err) {
		p.equal("custom attributes, as before", len(after.Definitions.Custom.GetProperties()), len(before.Definitions.Custom.GetProperties()))
	}
	got, _ = p.read(u.GetId())
	p.check(got.Profile.AdditionalProperties["shoeSize"] == nil, "the user has lost the attribute", fmt.Sprint(got.Profile.AdditionalProperties))
	_, resp, err = p.modify(u.GetId(), okta.UpdateUserRequest{Profile: &okta.UserProfile{AdditionalProperties: map[string]any{"shoeSize": "42"}}})
	p.refuses("give a user an attribute that was removed", problem{status: 400, code: "E0000001"}, resp, err)
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Search(`profile.shoeSize eq "42"`).Execute()
	p.refuses("search by an attribute that was removed", problem{status: 400, code: "E0000031"}, resp, err)
}
