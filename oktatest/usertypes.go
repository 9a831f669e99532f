package oktatest

import (
	"slices"
)

// A userType is a kind of user with a schema of its own. Whoever reads or changes it holds the store's
// lock.
type userType struct {
	tail                 string // what follows "oty" in its id, and "osc" in its schema's
	name, displayName    string
	description          string
	createdBy, updatedBy string // ids of users
	created, lastUpdated int64
	isDefault            bool
	schema               userSchema
}

// newUserTypes returns the types of a generated org: the default one and that of contractors.
func newUserTypes(g *generator) []*userType {
	system := "spr" + g.types[0]
	var types []*userType
	for i, t := range [...]userType{
		{name: "user", displayName: "User", description: "Okta user profile template with default permission settings", isDefault: true},
		{name: "contractor", displayName: "Contractor", description: "People who work for the org and aren't employed by it"},
	} {
		t.tail, t.created, t.lastUpdated = g.types[i], epoch, epoch
		t.createdBy, t.updatedBy = system, system
		t.schema = userSchema{created: epoch, lastUpdated: epoch, base: baseProperties, custom: customProperties()}
		types = append(types, &t)
	}
	return types
}

// typeByTail finds a user type, nil if there is none. The caller holds the store's lock.
func (o *Org) typeByTail(tail string) *userType {
	at := slices.IndexFunc(o.types, func(t *userType) bool { return t.tail == tail })
	if at < 0 {
		return nil
	}
	return o.types[at]
}

// schemaFor returns the schema of a user type by the tail of its id, nil if there is no such type. The
// caller holds the store's lock as long as it uses the schema.
func (o *Org) schemaFor(typeTail string) *userSchema {
	if t := o.typeByTail(typeTail); t != nil {
		return &t.schema
	}
	return nil
}
