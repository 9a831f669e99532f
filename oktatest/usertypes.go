package oktatest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// The user types: /api/v1/meta/types/user.

var typeRoutes = []route{
	{http.MethodGet, typesPath, (*Org).listTypes},
	{http.MethodPost, typesPath, (*Org).createType},
	{http.MethodGet, typesPath + "/{typeId}", (*Org).getType},
	{http.MethodPost, typesPath + "/{typeId}", (*Org).updateType},
	{http.MethodPut, typesPath + "/{typeId}", (*Org).replaceType},
	{http.MethodDelete, typesPath + "/{typeId}", (*Org).deleteType},
}

const maxTypes = 10 // the default one among them

// A userType is a kind of user with a schema of its own. Whoever reads or changes it holds the store's
// lock.
type userType struct {
	number               int    // how many types were made before it
	tail                 string // what follows "oty" in its id, and "osc" in its schema's
	name, displayName    string
	description          string
	createdBy, updatedBy string // ids
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
		t.number, t.tail, t.created, t.lastUpdated = i, g.types[i], g.begin, g.begin
		t.createdBy, t.updatedBy = system, system
		t.schema = userSchema{created: g.begin, lastUpdated: g.begin, base: baseProperties, custom: customProperties()}
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

// typeByID finds a user type by its id, or as "default".
func (o *Org) typeByID(id string) (*userType, *apiError) {
	if id == "default" {
		return o.types[0], nil
	}
	if tail, ok := strings.CutPrefix(id, "oty"); ok {
		if t := o.typeByTail(tail); t != nil {
			return t, nil
		}
	}
	return nil, errNotFound(id, "CVDType")
}

// appendJSON appends the type as Okta shows it.
func (t *userType) appendJSON(b []byte, base string) []byte {
	b = append(append(append(b, `{"id":"oty`...), t.tail...), '"')
	b = appendJSONString(append(b, `,"displayName":`...), t.displayName)
	b = appendJSONString(append(b, `,"name":`...), t.name)
	b = append(b, `,"description":`...)
	if t.description == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSONString(b, t.description)
	}
	b = appendJSONString(append(b, `,"createdBy":`...), t.createdBy)
	b = appendJSONString(append(b, `,"lastUpdatedBy":`...), t.updatedBy)
	b = appendTime(b, nil, "created", t.created)
	b = appendTime(b, nil, "lastUpdated", t.lastUpdated)
	b = append(b, `,"default":`...)
	if t.isDefault {
		b = append(b, "true"...)
	} else {
		b = append(b, "false"...)
	}
	b = appendRelation(append(b, `,"_links":{"schema":`...), "schema", base+schemasPath+"osc"+t.tail)
	b = appendRelation(append(b, `,"self":`...), "self", base+typesPath+"/oty"+t.tail)
	return append(b, "}}"...)
}

// listTypes is Okta's listUserTypes. It has no pages.
func (o *Org) listTypes(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	b := append(c.out, '[')
	for i, t := range o.types {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.appendJSON(b, c.style.base)
	}
	return answer{status: http.StatusOK, body: append(b, ']')}, nil
}

// getType is Okta's getUserType.
func (o *Org) getType(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	t, bad := o.typeByID(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: t.appendJSON(c.out, c.style.base)}, nil
}

// A typeBody is a user type in a request; nil is what isn't given.
type typeBody struct{ name, displayName, description *string }

func (c *call) typeBody() (b typeBody, bad *apiError) {
	body, bad := c.body()
	if bad != nil {
		return b, bad
	}
	// What only answers have may come back, as SDKs send it.
	if !wellFormed(body) || !decode(body, fieldSet{"name": &b.name, "displayName": &b.displayName, "description": &b.description,
		"id": nil, "created": nil, "createdBy": nil, "lastUpdated": nil, "lastUpdatedBy": nil, "default": nil, "_links": nil}) {
		return b, errBody()
	}
	return b, nil
}

var typeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// blank returns the first of the fields that has no value; every other one is a name.
func blankField(fields ...any) *apiError {
	for i := 0; i < len(fields); i += 2 {
		if s := fields[i+1].(*string); s == nil || strings.TrimSpace(*s) == "" {
			name := fields[i].(string)
			return errValidation(name, name+": The field cannot be left blank")
		}
	}
	return nil
}

// createType is Okta's createUserType.
func (o *Org) createType(c *call) (answer, *apiError) {
	b, bad := c.typeBody()
	if bad != nil {
		return answer{}, bad
	}
	if bad = blankField("name", b.name, "displayName", b.displayName); bad != nil {
		return answer{}, bad
	}
	if !typeName.MatchString(*b.name) {
		return answer{}, errValidation("name", "name: The name must begin with a letter and consist of letters, digits and underscores")
	}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if slices.ContainsFunc(o.types, func(t *userType) bool { return strings.EqualFold(t.name, *b.name) }) {
		return answer{}, errValidation("name", "name: An object with this field already exists in the current organization")
	}
	if len(o.types) == maxTypes {
		return answer{}, errValidation("userType", "An org has at most 10 user types")
	}
	now := o.opts.Now().Unix()
	t := userType{number: o.typesMade, tail: o.store.gen.typeTailOf(o.typesMade), name: *b.name, displayName: *b.displayName, description: orZero(b.description),
		created: now, lastUpdated: now, schema: userSchema{created: now, lastUpdated: now, base: o.types[0].schema.base}}
	t.createdBy = o.caller()
	t.updatedBy = t.createdBy
	if bad = o.keep(typeStep{t: t}); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: t.appendJSON(c.out, c.style.base)}, nil
}

// updateType is Okta's updateUserType: a partial update of what people see.
func (o *Org) updateType(c *call) (answer, *apiError) { return o.changeType(c, false) }

// replaceType is Okta's replaceUserType. The name must be there and can't change.
func (o *Org) replaceType(c *call) (answer, *apiError) { return o.changeType(c, true) }

func (o *Org) changeType(c *call, whole bool) (answer, *apiError) {
	b, bad := c.typeBody()
	if bad != nil {
		return answer{}, bad
	}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.typeByID(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	if whole {
		if bad = blankField("name", b.name, "displayName", b.displayName, "description", b.description); bad != nil {
			return answer{}, bad
		}
	}
	if b.name != nil && *b.name != t.name {
		return answer{}, errValidation("name", "name: The name of a user type can't be changed")
	}
	changed := *t
	if b.displayName != nil {
		if bad = blankField("displayName", b.displayName); bad != nil {
			return answer{}, bad
		}
		changed.displayName = *b.displayName
	}
	if b.description != nil {
		changed.description = *b.description
	}
	changed.lastUpdated, changed.updatedBy = o.opts.Now().Unix(), o.caller()
	if bad = o.keep(typeStep{t: changed}); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: changed.appendJSON(c.out, c.style.base)}, nil
}

// deleteType is Okta's deleteUserType. The default type and one that has users stay.
func (o *Org) deleteType(c *call) (answer, *apiError) {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.typeByID(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	inUse := t.isDefault
	if !inUse {
		o.store.rowsByID(0, 0, o.store.gen.n, func(r *row) bool {
			inUse = r.typeTail() == t.tail
			return !inUse
		})
	}
	if inUse {
		return answer{}, &apiError{status: http.StatusForbidden, code: "E0000142", summary: "This User Type cannot be deleted."}
	}
	if bad = o.keep(typeStep{t: *t, gone: true}); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusNoContent}, nil
}
