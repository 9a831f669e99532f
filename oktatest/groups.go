package oktatest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// The groups: /api/v1/groups and /api/v1/users/{id}/groups. How they are listed is in grouplist.go.

var groupRoutes = []route{
	{http.MethodGet, groupsPath, (*Org).listGroups},
	{http.MethodGet, groupsPath + "/", (*Org).listGroups}, // as SDKs write it
	{http.MethodPost, groupsPath, (*Org).createGroup},
	{http.MethodGet, groupsPath + "/{groupId}", (*Org).getGroup},
	{http.MethodPut, groupsPath + "/{groupId}", (*Org).replaceGroup},
	{http.MethodDelete, groupsPath + "/{groupId}", (*Org).deleteGroup},
	{http.MethodGet, groupsPath + "/{groupId}/users", (*Org).listMembers},
	{http.MethodPut, groupsPath + "/{groupId}/users/{userId}", (*Org).addMember},
	{http.MethodDelete, groupsPath + "/{groupId}/users/{userId}", (*Org).removeMember},
	{http.MethodGet, usersPath + "/{id}/groups", (*Org).listGroupsOf},
}

const (
	groupsPath = "/api/v1/groups"

	maxGroupName        = 255 // characters
	maxGroupDescription = 1024
)

// A group is some of the users. Whoever reads or changes it holds the store's lock.
//
// Members of a generated group are computed from what the generator knows, so that the groups of a
// large org cost nothing; over that lies who has joined or left since. What a user's profile becomes
// afterwards doesn't matter: these are no group rules.
type group struct {
	number            int // how many groups were made before it; ids ascend with it
	id                string
	kind              groupKind
	name, description string
	created           int64
	lastUpdated       int64
	lastMembership    int64 // when somebody joined or left last
	department        *department
	changed           map[int]bool // by a user's index: has joined (true) or left (false)
}

// A groupKind is the type of a group.
type groupKind string

const (
	oktaGroup    groupKind = "OKTA_GROUP"
	builtInGroup groupKind = "BUILT_IN" // Everyone
)

// newGroups returns the groups of a generated org in id order: Everyone, and one for each department.
func newGroups(g *generator) []*group {
	list := []*group{{id: g.groupID(0), kind: builtInGroup, name: "Everyone", description: "All users in your organization",
		created: g.begin, lastUpdated: g.begin, lastMembership: g.end}}
	for k := range departments {
		d := &departments[k]
		at := g.begin + int64(g.hash(k, saltGroup)%(90*86400))
		list = append(list, &group{number: k + 1, id: g.groupID(k + 1), kind: oktaGroup, name: d.name, description: "Everybody in " + d.name,
			created: at, lastUpdated: at, lastMembership: g.end - int64(g.hash(k, saltGroup)>>40%(30*86400)), department: d})
	}
	return list
}

// has says whether user i, who must exist, is a member.
func (t *group) has(s *store, i int) bool {
	if t.kind == builtInGroup {
		return true
	}
	if in, ok := t.changed[i]; ok {
		return in
	}
	return t.department != nil && i < s.gen.n && s.gen.department(i) == t.department
}

// set returns the steps that make user i a member, or none, at a time.
func (t *group) set(i int, in bool, now int64) []step {
	changed := *t
	changed.lastMembership = now
	return []step{groupStep{t: changed}, memberStep{t, i, in}}
}

// groupByID finds a group, nil if there is none. The caller holds the store's lock.
func (o *Org) groupByID(id string) *group {
	at := slices.IndexFunc(o.groups, func(t *group) bool { return t.id == id })
	if at < 0 {
		return nil
	}
	return o.groups[at]
}

// maxGroupIDs is how many groups a user can be created in.
const maxGroupIDs = 20

// checkGroups says what is wrong with the groupIds of a user who is to be created, nil if nothing is.
// The caller holds the store's lock.
func (o *Org) checkGroups(ids []string) *apiError {
	if len(ids) > maxGroupIDs {
		return &apiError{status: http.StatusBadRequest, code: "E0000093", summary: "Target count limit exceeded",
			causes: []string{"The number of group targets is too large"}}
	}
	for _, id := range ids {
		if o.groupByID(id) == nil {
			return errNotFound(id, "UserGroup")
		}
	}
	return nil
}

// joinGroups returns the steps that make user i, who is new, a member of groups that checkGroups found
// right, and of Everyone. now is in Unix seconds. The caller holds the store's lock.
func (o *Org) joinGroups(i int, ids []string, now int64) (steps []step) {
	for _, t := range o.groups {
		if t.kind == builtInGroup {
			changed := *t
			changed.lastMembership = now
			steps = append(steps, groupStep{t: changed})
		} else if slices.Contains(ids, t.id) {
			steps = append(steps, t.set(i, true, now)...)
		}
	}
	return steps
}

// appendJSON appends the group as Okta shows it.
func (t *group) appendJSON(b []byte, base string) []byte {
	b = append(append(append(b, `{"id":"`...), t.id...), '"')
	b = appendTime(b, nil, "created", t.created)
	b = appendTime(b, nil, "lastUpdated", t.lastUpdated)
	b = appendTime(b, nil, "lastMembershipUpdated", t.lastMembership)
	b = append(append(b, `,"objectClass":["okta:user_group"],"type":"`...), t.kind...)
	b = appendJSONString(append(b, `","profile":{"name":`...), t.name)
	b = append(b, `,"description":`...)
	if t.description == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSONString(b, t.description)
	}
	b = append(b, `},"_links":{"logo":[`...)
	for i, size := range [...]string{"medium", "large"} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"name":"`...), size...), `","href":"`...)
		b = append(append(b, base...), "/assets/img/logos/groups/okta-"...)
		b = append(append(b, size...), `.png","type":"image/png"}`...)
	}
	b = append(b, ']')
	for _, name := range [...]string{"users", "apps"} {
		b = append(append(append(b, `,"`...), name...), `":{"href":"`...)
		b = append(append(append(b, base...), groupsPath...), '/')
		b = append(append(append(append(b, t.id...), '/'), name...), `"}`...)
	}
	return append(b, "}}"...)
}

// groupOf finds the group that the path names. The caller holds the store's lock.
func (o *Org) groupOf(c *call) (*group, *apiError) {
	if t := o.groupByID(c.vars[0]); t != nil {
		return t, nil
	}
	return nil, errNotFound(c.vars[0], "UserGroup")
}

// changeable is groupOf for operations that Everyone doesn't allow.
func (o *Org) changeable(c *call) (*group, *apiError) {
	t, bad := o.groupOf(c)
	if bad == nil && t.kind == builtInGroup {
		return nil, errForbidden("E0000006", "You do not have permission to perform the requested action")
	}
	return t, bad
}

func (c *call) showGroup(t *group) answer {
	return answer{status: http.StatusOK, body: t.appendJSON(c.out, c.style.base)}
}

// A groupProfile is the profile of a group in a request. Groups have no custom attributes here.
type groupProfile struct{ name, description string }

func (c *call) groupProfile() (p groupProfile, bad *apiError) {
	body, bad := c.body()
	if bad != nil {
		return p, bad
	}
	var raw json.RawMessage
	// What only answers have may come back, as SDKs send it.
	if !wellFormed(body) || !decode(body, fieldSet{"profile": &raw, "id": nil, "created": nil, "lastUpdated": nil,
		"lastMembershipUpdated": nil, "objectClass": nil, "type": nil, "_embedded": nil, "_links": nil}) {
		return p, errBody()
	}
	if isNull(raw) {
		return p, errValidation("profile", "profile: The field cannot be left blank")
	}
	list, ok := members(raw)
	if !ok {
		return p, errBody()
	}
	for _, m := range list {
		var target *string
		switch m.name {
		case "name":
			target = &p.name
		case "description":
			target = &p.description
		default:
			return p, errValidation("profile", "Property name '"+m.name+"' is not defined in profile")
		}
		if !isNull(m.raw) && json.Unmarshal(m.raw, target) != nil {
			return p, errBody()
		}
	}
	switch {
	case strings.TrimSpace(p.name) == "":
		return p, errValidation("name", "name: The field cannot be left blank")
	case utf8.RuneCountInString(p.name) > maxGroupName:
		return p, errValidation("name", "name: The field is too long")
	case utf8.RuneCountInString(p.description) > maxGroupDescription:
		return p, errValidation("description", "description: The field is too long")
	}
	return p, nil
}

// freeName refuses a name that another group has. Case doesn't matter.
func (o *Org) freeName(name string, except *group) *apiError {
	for _, t := range o.groups {
		if t != except && strings.EqualFold(t.name, name) {
			return errValidation("name", "name: An object with this field already exists in the current organization")
		}
	}
	return nil
}

// createGroup is Okta's addGroup.
func (o *Org) createGroup(c *call) (answer, *apiError) {
	p, bad := c.groupProfile()
	if bad != nil {
		return answer{}, bad
	}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if bad = o.freeName(p.name, nil); bad != nil {
		return answer{}, bad
	}
	now := o.opts.Now().Unix()
	t := group{number: o.groupsMade, id: o.store.gen.groupID(o.groupsMade), kind: oktaGroup, name: p.name, description: p.description,
		created: now, lastUpdated: now, lastMembership: now}
	if bad = o.keep(groupStep{t: t}); bad != nil {
		return answer{}, bad
	}
	return c.showGroup(&t), nil
}

// getGroup is Okta's getGroup.
func (o *Org) getGroup(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	t, bad := o.groupOf(c)
	if bad != nil {
		return answer{}, bad
	}
	return c.showGroup(t), nil
}

// replaceGroup is Okta's replaceGroup. A description that is left out is removed.
func (o *Org) replaceGroup(c *call) (answer, *apiError) {
	p, wrong := c.groupProfile()
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.changeable(c) // an unknown group is reported before a wrong body
	if bad == nil {
		bad = wrong
	}
	if bad == nil {
		bad = o.freeName(p.name, t)
	}
	if bad != nil {
		return answer{}, bad
	}
	changed := *t
	changed.name, changed.description, changed.lastUpdated = p.name, p.description, o.opts.Now().Unix()
	if bad = o.keep(groupStep{t: changed}); bad != nil {
		return answer{}, bad
	}
	return c.showGroup(&changed), nil
}

// deleteGroup is Okta's deleteGroup. Its members stay.
func (o *Org) deleteGroup(c *call) (answer, *apiError) {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.changeable(c)
	if bad != nil {
		return answer{}, bad
	}
	if bad = o.keep(groupStep{t: *t, gone: true}); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusNoContent}, nil
}

// addMember is Okta's assignUserToGroup. It succeeds for members, too.
func (o *Org) addMember(c *call) (answer, *apiError) { return o.setMember(c, true) }

// removeMember is Okta's unassignUserFromGroup. It succeeds for those who aren't members, too.
func (o *Org) removeMember(c *call) (answer, *apiError) { return o.setMember(c, false) }

func (o *Org) setMember(c *call, in bool) (answer, *apiError) {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.changeable(c)
	if bad != nil {
		return answer{}, bad
	}
	i, ok := o.findUser(c.vars[1])
	if !ok {
		return answer{}, errNotFound(c.vars[1], "User")
	}
	if t.has(o.store, i) != in {
		if bad = o.keep(t.set(i, in, o.opts.Now().Unix())...); bad != nil {
			return answer{}, bad
		}
	}
	return answer{status: http.StatusNoContent}, nil
}
