package oktatest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The user schemas: GET and POST /api/v1/meta/schemas/user/{schemaId}. A POST names the attributes that
// it adds or changes, and gives null for those that it removes. Removing an attribute takes its values
// away for good: adding one of the same name later doesn't bring them back.

var schemaRoutes = []route{
	{http.MethodGet, "/api/v1/meta/schemas/user/{schemaId}", (*Org).getSchema},
	{http.MethodPost, "/api/v1/meta/schemas/user/{schemaId}", (*Org).updateSchema},
}

const (
	schemasPath = "/api/v1/meta/schemas/user/"
	typesPath   = "/api/v1/meta/types/user"

	maxUnique = 5 // attributes of a type
)

// typeOfSchema finds the user type of a schema, which is named by its id or as "default".
func (o *Org) typeOfSchema(id string) (*userType, *apiError) {
	if id == "default" {
		return o.types[0], nil
	}
	if tail, ok := strings.CutPrefix(id, "osc"); ok {
		if t := o.typeByTail(tail); t != nil {
			return t, nil
		}
	}
	return nil, errNotFound(id, "UserSchema")
}

// getSchema is Okta's getUserSchema.
func (o *Org) getSchema(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	t, bad := o.typeOfSchema(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: t.appendSchema(c.out, c.style.base)}, nil
}

// updateSchema is Okta's updateUserProfile.
func (o *Org) updateSchema(c *call) (answer, *apiError) {
	body, bad := c.body()
	if bad != nil {
		return answer{}, bad
	}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	t, bad := o.typeOfSchema(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	change, bad := parseSchemaChange(body, &t.schema)
	if bad != nil {
		return answer{}, bad
	}
	changed, drop := o.changeSchema(t, change)
	if bad = o.keep(typeStep{t: changed}, drop); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: changed.appendSchema(c.out, c.style.base)}, nil
}

// A schemaChange is what a request does to a schema. It is checked.
type schemaChange struct {
	base   []*property // instead of those of the same gen
	custom []*property // instead of those of the same name, or new
	remove []string
}

func parseSchemaChange(body []byte, s *userSchema) (*schemaChange, *apiError) {
	type part struct {
		Properties json.RawMessage `json:"properties"`
	}
	var request struct {
		Definitions struct {
			Custom, Base part
		} `json:"definitions"`
	}
	if !wellFormed(body) || json.Unmarshal(body, &request) != nil {
		return nil, errBody()
	}
	change := &schemaChange{}
	for _, one := range [...]struct {
		raw  json.RawMessage
		read func(*schemaChange, *userSchema, string, *propertyBody) *apiError
	}{{request.Definitions.Base.Properties, (*schemaChange).readBase}, {request.Definitions.Custom.Properties, (*schemaChange).readCustom}} {
		if isNull(one.raw) {
			continue
		}
		list, ok := members(one.raw)
		if !ok {
			return nil, errBody()
		}
		for _, m := range list {
			var p *propertyBody
			if json.Unmarshal(m.raw, &p) != nil {
				return nil, errBody()
			}
			if bad := one.read(change, s, m.name, p); bad != nil {
				return nil, bad
			}
		}
	}
	return change, change.checkUnique(s)
}

// A propertyBody is a property in a request. Members that aren't here are ignored.
type propertyBody struct {
	Title, Description, Type, Format, Pattern *string
	Required                                  *bool
	MinLength, MaxLength                      *int
	Minimum, Maximum                          *float64
	Enum                                      []json.RawMessage
	OneOf                                     []choiceBody
	Items                                     *struct {
		Type  string
		Enum  []json.RawMessage
		OneOf []choiceBody
	}
	Unique                          json.RawMessage
	Permissions                     []struct{ Principal, Action string }
	Scope, Mutability               string
	ExternalName, ExternalNamespace string
	Master                          json.RawMessage
}

type choiceBody struct {
	Const json.RawMessage
	Title string
}

func errSchema(name, cause string) *apiError { return errValidation(name, name+": "+cause) }

// readBase reads a change of a base attribute. Only the permission, whether a name may be missing and
// the pattern of login can change; the rest may be repeated and is ignored.
func (c *schemaChange) readBase(s *userSchema, name string, b *propertyBody) *apiError {
	a, ok := attrByName[name]
	if !ok || a >= baseAttrs {
		return errSchema(name, "There is no base property of this name")
	}
	if b == nil {
		return errSchema(name, "A base property can't be removed")
	}
	p := *s.base[a]
	if bad := p.setPermission(b); bad != nil {
		return bad
	}
	switch a {
	case attrFirstName, attrLastName:
		if b.Required != nil {
			p.required = *b.Required
		}
	case attrLogin:
		if b.Pattern == nil {
			break
		}
		p.pattern = *b.Pattern
		if p.pattern != "" && p.pattern != ".+" && !loginPattern.MatchString(p.pattern) {
			return errSchema(name, "The pattern must be .+ or [characters]+")
		}
		if _, err := regexp.Compile(p.pattern); err != nil {
			return errSchema(name, "The pattern is not well-formed")
		}
	}
	c.base = append(c.base, &p)
	return nil
}

var (
	loginPattern = regexp.MustCompile(`^\[[^\[\]]+\]\+$`)
	customName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

func (p *property) setPermission(b *propertyBody) *apiError {
	for _, one := range b.Permissions {
		if one.Principal != "SELF" {
			continue
		}
		switch one.Action {
		case "READ_WRITE", "READ_ONLY", "HIDE":
			p.permission = one.Action
		default:
			return errSchema(p.name, "The action of a permission must be READ_WRITE, READ_ONLY or HIDE")
		}
	}
	return nil
}

// readCustom reads a custom attribute that is added, replaced or, by null, removed.
func (c *schemaChange) readCustom(s *userSchema, name string, b *propertyBody) *apiError {
	if a, ok := attrByName[name]; ok && a < baseAttrs {
		return errSchema(name, "A base property has this name")
	}
	old := s.property(name)
	if b == nil {
		if old != nil {
			c.remove = append(c.remove, name)
		}
		return nil
	}
	if !customName.MatchString(name) {
		return errSchema(name, "The name must begin with a letter and consist of letters, digits and underscores")
	}
	p := &property{name: name, gen: noAttr, minLength: none, maxLength: none, permission: "READ_ONLY", scope: "NONE", mutability: "READ_WRITE"}
	if old != nil {
		p.gen, p.typ, p.title = old.gen, old.typ, old.title
	}
	if bad := p.setType(old, b); bad != nil {
		return bad
	}
	if b.Title != nil {
		p.title = *b.Title
	}
	if strings.TrimSpace(p.title) == "" {
		return errSchema(name, "The title cannot be left blank")
	}
	if bad := p.setPermission(b); bad != nil {
		return bad
	}
	if bad := p.setConstraints(b); bad != nil {
		return bad
	}
	p.description, p.required = orZero(b.Description), b.Required != nil && *b.Required
	p.scope, p.mutability = orElse(b.Scope, p.scope), orElse(b.Mutability, p.mutability)
	p.externalName, p.namespace, p.master = b.ExternalName, b.ExternalNamespace, slices.Clone(b.Master)
	switch string(b.Unique) {
	case "true", `"UNIQUE_VALIDATED"`, `"PENDING_UNIQUENESS"`:
		p.unique = true
	}
	if p.unique && p.gen != noAttr {
		return errSchema(name, "Users share values of this property, so it can't be unique")
	}
	c.custom = append(c.custom, p)
	return nil
}

func orZero(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// dataTypes are the types by what a schema calls them; those of arrays by what it calls the elements.
var (
	dataTypes  = map[string]dataType{"string": stringType, "integer": integerType, "number": numberType, "boolean": booleanType}
	arrayTypes = map[string]dataType{"string": stringArray, "integer": integerArray, "number": numberArray}
)

// setType sets the type, which can't change once the attribute is there.
func (p *property) setType(old *property, b *propertyBody) *apiError {
	if b.Type == nil {
		if old != nil {
			return nil
		}
		return errSchema(p.name, "The type cannot be left blank")
	}
	typ, ok := dataTypes[*b.Type]
	if *b.Type == "array" {
		if b.Items == nil {
			return errSchema(p.name, "An array needs items")
		}
		typ, ok = arrayTypes[b.Items.Type]
	}
	if !ok {
		return errSchema(p.name, "The type must be string, boolean, number, integer, or array with items that are string, number or integer")
	}
	if old != nil && typ != old.typ {
		return errSchema(p.name, "The type of a property can't be changed")
	}
	p.typ = typ
	return nil
}

func (p *property) setConstraints(b *propertyBody) *apiError {
	bound := func(to *int, from *int) {
		if from != nil {
			*to = *from
		}
	}
	if p.typ == stringType {
		bound(&p.minLength, b.MinLength)
		bound(&p.maxLength, b.MaxLength)
		if p.minLength < none || p.maxLength < none || p.maxLength != none && p.maxLength < p.minLength {
			return errSchema(p.name, "minLength and maxLength contradict each other")
		}
		p.format = orZero(b.Format)
		if _, known := formats[p.format]; p.format != "" && !known {
			return errSchema(p.name, "There is no format "+p.format)
		}
	}
	if e := p.typ.element(); e == numberType || e == integerType {
		p.minimum, p.maximum = b.Minimum, b.Maximum
	}
	enum, oneOf := b.Enum, b.OneOf
	if p.typ.isArray() && b.Items != nil && enum == nil && oneOf == nil {
		enum, oneOf = b.Items.Enum, b.Items.OneOf
	}
	allowed := property{name: p.name, typ: p.typ.element(), gen: noAttr, minLength: none, maxLength: none}
	read := func(raw json.RawMessage) (value, *apiError) {
		v, ok := readScalar(raw)
		if cause := allowed.refuses(v); !ok || cause != "" {
			return v, errSchema(p.name, "The values in enum and oneOf must be of the property's type")
		}
		return v, nil
	}
	for _, raw := range enum {
		v, bad := read(raw)
		if bad != nil {
			return bad
		}
		p.enum = append(p.enum, v)
	}
	for _, one := range oneOf {
		v, bad := read(one.Const)
		if bad != nil {
			return bad
		}
		p.oneOf = append(p.oneOf, choice{v, one.Title})
	}
	return nil
}

// readScalar reads a string, number or boolean.
func readScalar(raw []byte) (value, bool) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return value{}, false
	}
	switch v := v.(type) {
	case string:
		return value{kind: stringValue, text: v}, true
	case bool:
		return value{kind: boolValue, text: strconv.FormatBool(v)}, true
	case float64:
		return value{kind: numberValue, text: string(raw)}, true
	}
	return value{}, false
}

// checkUnique refuses a change after which a type would have too many unique attributes.
func (c *schemaChange) checkUnique(s *userSchema) *apiError {
	n := 0
	for _, p := range s.custom {
		replaced := slices.ContainsFunc(c.custom, func(q *property) bool { return q.name == p.name })
		if p.unique && !replaced && !slices.Contains(c.remove, p.name) {
			n++
		}
	}
	for _, p := range c.custom {
		if p.unique {
			n++
		}
		if n > maxUnique {
			return errSchema(p.name, "At most 5 properties can be unique")
		}
	}
	return nil
}

// changeSchema returns the type with a change of its schema, and what that takes away from users. The
// caller holds the store's lock.
func (o *Org) changeSchema(t *userType, c *schemaChange) (userType, dropStep) {
	changed, drop := *t, dropStep{typeTail: t.tail}
	s := &changed.schema
	for _, p := range c.base {
		s.base[p.gen] = p
	}
	custom := slices.Clone(s.custom)
	for _, p := range c.custom {
		if at := slices.IndexFunc(custom, func(q *property) bool { return q.name == p.name }); at >= 0 {
			custom[at] = p
		} else {
			custom = append(custom, p)
		}
	}
	for _, name := range c.remove {
		at := slices.IndexFunc(custom, func(q *property) bool { return q.name == name })
		if at < 0 {
			continue
		}
		drop.attributes = append(drop.attributes, custom[at])
		custom = slices.Delete(custom, at, at+1)
	}
	s.custom, s.lastUpdated = custom, o.opts.Now().Unix()
	return changed, drop
}

// learn makes the attributes of all user types known to lists. If two types have one of the same name,
// its type is that of the first. The caller holds the store's lock for writing.
func (o *Org) learn() {
	known := attributeSet{}
	for _, t := range o.types {
		for _, p := range slices.Concat(t.schema.base[:], t.schema.custom) {
			f, again := known[p.name]
			if !again {
				f = field{kind: profileField, name: p.name, typ: p.typ, attr: p.gen}
			}
			if f.attr == noAttr {
				f.attr = p.gen
			}
			known[p.name] = f
		}
	}
	o.eachStore(func(s *store) {
		s.known = known
		s.orders.forget()
	})
}

// dropAttribute takes an attribute away from all users of a type. gen is what the generator knows it as.
func (s *store) dropAttribute(typeTail, name string, gen attrID) {
	if gen != noAttr {
		s.gen = s.gen.without(typeTail, gen)
	}
	for _, i := range s.live {
		if u := s.changed[i]; u.typeTail == typeTail {
			s.changed[i] = u.dropped(name)
		}
	}
}

// dropped returns the user without an attribute. Users in a store aren't changed: this may be a copy.
func (u *user) dropped(name string) *user {
	if u.get(name).kind == absent {
		return u
	}
	copied := *u
	copied.profile = slices.DeleteFunc(slices.Clone(u.profile), func(a attribute) bool { return a.name == name })
	return &copied
}

// appendSchema appends the schema as Okta shows it.
func (t *userType) appendSchema(b []byte, base string) []byte {
	name := "default"
	if !t.isDefault {
		name = "osc" + t.tail
	}
	b = append(append(append(append(b, `{"id":"`...), base...), "/meta/schemas/user/"...), name...)
	b = append(b, `","$schema":"http://json-schema.org/draft-04/schema#","name":`...)
	b = appendJSONString(b, t.name)
	b = appendJSONString(append(b, `,"title":`...), t.displayName)
	b = appendJSONString(append(b, `,"description":`...), t.description)
	b = appendTime(b, nil, "lastUpdated", t.schema.lastUpdated)
	b = appendTime(b, nil, "created", t.schema.created)
	b = append(b, `,"definitions":{"custom":{"id":"#custom","type":"object","properties":`...)
	b = appendProperties(b, t.schema.custom)
	b = append(b, `},"base":{"id":"#base","type":"object","properties":`...)
	b = appendProperties(b, t.schema.base[:])
	b = append(b, `}},"type":"object","properties":{"profile":{"allOf":[{"$ref":"#/definitions/custom"},{"$ref":"#/definitions/base"}]}},"_links":{"self":`...)
	b = appendRelation(b, "self", base+schemasPath+"osc"+t.tail)
	b = append(b, `,"type":`...)
	b = appendRelation(b, "type", base+typesPath+"/oty"+t.tail)
	return append(b, "}}"...)
}

// appendRelation appends a link as the resources of schemas and types have them.
func appendRelation(b []byte, rel, href string) []byte {
	b = append(append(b, `{"rel":"`...), rel...)
	b = appendJSONString(append(b, `","href":`...), href)
	return append(b, `,"method":"GET"}`...)
}

// appendProperties appends properties as an object, and behind it the list of those that are required.
func appendProperties(b []byte, list []*property) []byte {
	b = append(b, '{')
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, p.name), ':')
		b = p.appendJSON(b)
	}
	b = append(b, `},"required":[`...)
	first := true
	for _, p := range list {
		if p.required {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendJSONString(b, p.name)
		}
	}
	return append(b, ']')
}

// typeNames are what a schema calls the types of values and of elements.
func (t dataType) name() string {
	for name, typ := range dataTypes {
		if typ == t {
			return name
		}
	}
	return "array"
}

func (p *property) appendJSON(b []byte) []byte {
	b = appendJSONString(append(b, `{"title":`...), p.title)
	text := func(name, value string) {
		if value != "" {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = appendJSONString(b, value)
		}
	}
	number := func(name string, n int) {
		if n != none {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = strconv.AppendInt(b, int64(n), 10)
		}
	}
	bound := func(name string, f *float64) {
		if f != nil {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = strconv.AppendFloat(b, *f, 'f', -1, 64)
		}
	}
	text("description", p.description)
	text("type", p.typ.name())
	if p.required {
		b = append(b, `,"required":true`...)
	}
	text("format", p.format)
	text("pattern", p.pattern)
	text("mutability", p.mutability)
	text("externalName", p.externalName)
	text("externalNamespace", p.namespace)
	text("scope", p.scope)
	number("minLength", p.minLength)
	number("maxLength", p.maxLength)
	bound("minimum", p.minimum)
	bound("maximum", p.maximum)
	if p.typ.isArray() {
		b = append(append(append(b, `,"items":{"type":"`...), p.typ.element().name()...), '"')
		b = append(p.appendAllowed(b), '}')
	} else {
		b = p.appendAllowed(b)
	}
	if p.unique {
		text("unique", "UNIQUE_VALIDATED")
	}
	b = append(append(append(b, `,"permissions":[{"principal":"SELF","action":"`...), p.permission...), `"}]`...)
	if !isNull(p.master) {
		b = append(append(b, `,"master":`...), p.master...)
	}
	return append(b, '}')
}

func (p *property) appendAllowed(b []byte) []byte {
	if p.enum != nil {
		list := value{kind: listValue, list: p.enum}
		b = list.appendJSON(append(b, `,"enum":`...))
	}
	if p.oneOf == nil {
		return b
	}
	b = append(b, `,"oneOf":[`...)
	for i := range p.oneOf {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.oneOf[i].value.appendJSON(append(b, `{"const":`...))
		b = appendJSONString(append(b, `,"title":`...), p.oneOf[i].title)
		b = append(b, '}')
	}
	return append(b, ']')
}
