package oktatest

import (
	"net/http"
	"slices"
)

// A group is some of the users. Whoever reads or changes it holds the store's lock.
//
// Members of a generated group are computed from what the generator knows, so that the groups of a
// large org cost nothing; over that lies who has joined or left since. What a user's profile becomes
// afterwards doesn't matter: these are no group rules.
type group struct {
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
		created: epoch, lastUpdated: epoch, lastMembership: epochEnd}}
	for k := range departments {
		d := &departments[k]
		at := epoch + int64(g.hash(k, saltGroup)%(90*86400))
		list = append(list, &group{id: g.groupID(k + 1), kind: oktaGroup, name: d.name, description: "Everybody in " + d.name,
			created: at, lastUpdated: at, lastMembership: epochEnd - int64(g.hash(k, saltGroup)>>40%(30*86400)), department: d})
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

// set makes user i a member, or none, at a time. It says whether that changed anything.
func (t *group) set(s *store, i int, in bool, now int64) bool {
	if t.has(s, i) == in {
		return false
	}
	if t.changed == nil {
		t.changed = map[int]bool{}
	}
	t.changed[i] = in
	t.lastMembership = now
	return true
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

// joinGroups makes user i, who is in the store, a member of groups that checkGroups found right, and of
// Everyone. now is in Unix seconds. The caller holds the store's lock for writing.
func (o *Org) joinGroups(i int, ids []string, now int64) {
	for _, t := range o.groups {
		if t.kind == builtInGroup {
			t.lastMembership = now
		} else if slices.Contains(ids, t.id) {
			t.set(o.store, i, true, now)
		}
	}
}
