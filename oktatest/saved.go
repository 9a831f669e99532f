package oktatest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// What the JSON in an org's file looks like. It is near to what Okta shows, plus what nobody is shown, and
// it is ours: where it changes, fileFormat does. Passwords, answers and one-time tokens are hashes there,
// as they are in memory.

// A moment is Unix seconds, written as Okta writes times; 0 is null.
type moment int64

// MarshalJSON writes the time.
func (m moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return append(appendTimestamp([]byte{'"'}, int64(m)), '"'), nil
}

// UnmarshalJSON reads the time.
func (m *moment) UnmarshalJSON(text []byte) error {
	var t *time.Time
	if err := json.Unmarshal(text, &t); err != nil || t == nil {
		return err
	}
	*m = moment(t.Unix())
	return nil
}

type savedUser struct {
	Status          string          `json:"status"`
	Created         moment          `json:"created"`
	Activated       moment          `json:"activated"`
	StatusChanged   moment          `json:"statusChanged"`
	LastLogin       moment          `json:"lastLogin"`
	LastUpdated     moment          `json:"lastUpdated"`
	PasswordChanged moment          `json:"passwordChanged"`
	Type            string          `json:"type"` // the tail of its id
	Profile         json.RawMessage `json:"profile"`
	Provider        savedProvider   `json:"provider"`
	HasPassword     bool            `json:"hasPassword,omitempty"`
	Password        *savedSecret    `json:"password,omitempty"`
	Imported        *savedHash      `json:"imported,omitempty"`
	History         []*savedSecret  `json:"history,omitempty"`
	Question        string          `json:"question,omitempty"`
	Answer          *savedSecret    `json:"answer,omitempty"`
	Previous        string          `json:"previous,omitempty"`
	Token           *savedToken     `json:"token,omitempty"`
}

type savedProvider struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type savedSecret struct {
	Salt   []byte `json:"salt"`
	SHA256 []byte `json:"sha256"`
}

type savedHash struct {
	Algorithm  string `json:"algorithm"`
	Digest     string `json:"digest,omitempty"`
	Postfix    bool   `json:"postfix,omitempty"`
	Salt       []byte `json:"salt"`
	Sum        []byte `json:"sum"`
	Iterations int    `json:"iterations,omitempty"`
	KeySize    int    `json:"keySize,omitempty"`
}

type savedToken struct {
	Kind   string `json:"kind"`
	SHA256 []byte `json:"sha256"`
}

var tokenKinds = map[linkKind]string{activationToken: "activation", recoveryToken: "recovery"}

// saved returns the user as the file has it. The user isn't a generated one.
func (u *user) saved() *savedUser {
	s := &savedUser{Status: statusNames[u.status], Created: moment(u.created), Activated: moment(u.activated),
		StatusChanged: moment(u.statusChanged), LastLogin: moment(u.lastLogin), LastUpdated: moment(u.lastUpdated),
		PasswordChanged: moment(u.passwordChanged), Type: u.typeTail, Profile: u.appendProfile(nil, nil),
		Provider: savedProvider{u.provider.kind, u.provider.name}, HasPassword: u.hasPassword, Password: u.secret.saved(),
		Question: u.question, Answer: u.answer.saved()}
	for _, former := range u.history {
		s.History = append(s.History, former.saved())
	}
	if h := u.imported; h != nil {
		s.Imported = &savedHash{h.algorithm, h.digest, h.postfix, h.salt, h.sum, h.iterations, h.keySize}
	}
	if u.previous != staged {
		s.Previous = statusNames[u.previous]
	}
	if u.token.kind != 0 {
		s.Token = &savedToken{tokenKinds[u.token.kind], u.token.sum[:]}
	}
	return s
}

func (s *secret) saved() *savedSecret {
	if s == nil {
		return nil
	}
	return &savedSecret{s.salt[:], s.sum[:]}
}

// user is the opposite of saved.
func (s *savedUser) user(id string) (*user, error) {
	u := &user{id: id, created: int64(s.Created), activated: int64(s.Activated), statusChanged: int64(s.StatusChanged),
		lastLogin: int64(s.LastLogin), lastUpdated: int64(s.LastUpdated), passwordChanged: int64(s.PasswordChanged),
		typeTail: s.Type, provider: provider{s.Provider.Type, s.Provider.Name}, hasPassword: s.HasPassword, question: s.Question}
	var err error
	if u.status, err = statusNamed(s.Status); err != nil {
		return nil, err
	}
	if s.Previous != "" {
		if u.previous, err = statusNamed(s.Previous); err != nil {
			return nil, err
		}
	}
	scan := savedScanner(s.Profile)
	if u.profile, err = scan.profile(); err != nil {
		return nil, err
	}
	if u.secret, err = s.Password.secret(); err != nil {
		return nil, err
	}
	if u.answer, err = s.Answer.secret(); err != nil {
		return nil, err
	}
	for _, former := range s.History {
		one, err := former.secret()
		if err != nil {
			return nil, err
		}
		u.history = append(u.history, one)
	}
	if h := s.Imported; h != nil {
		u.imported = &importedHash{h.Algorithm, h.Digest, h.Postfix, h.Salt, h.Sum, h.Iterations, h.KeySize}
	}
	if s.Token != nil {
		for kind, name := range tokenKinds {
			if name == s.Token.Kind && len(s.Token.SHA256) == sha256.Size {
				u.token = linkToken{[sha256.Size]byte(s.Token.SHA256), kind}
			}
		}
		if u.token.kind == 0 {
			return nil, fmt.Errorf("there is no token of the kind %q", s.Token.Kind)
		}
	}
	return u, nil
}

func statusNamed(name string) (status, error) {
	if at := slices.Index(statusNames[:], name); at >= 0 {
		return status(at), nil
	}
	return 0, fmt.Errorf("there is no status %q", name)
}

func (s *savedSecret) secret() (*secret, error) {
	switch {
	case s == nil:
		return nil, nil
	case len(s.Salt) != 32 || len(s.SHA256) != 32:
		return nil, fmt.Errorf("a hash has the wrong length")
	}
	return &secret{[32]byte(s.Salt), [32]byte(s.SHA256)}, nil
}

// A savedScanner is the rest of a JSON text that encoding/json has found well-formed. Profiles are most of
// what a file holds, and this reads them several times as fast. Values come back as they were, numbers
// digit by digit.
type savedScanner []byte

// next skips white space and returns the next byte, which stays; 0 at the end.
func (s *savedScanner) next() byte {
	for len(*s) > 0 {
		switch c := (*s)[0]; c {
		case ' ', '\t', '\n', '\r':
			*s = (*s)[1:]
		default:
			return c
		}
	}
	return 0
}

// profile reads an object whose values aren't objects. The names of known attributes are shared.
func (s *savedScanner) profile() (list []attribute, err error) {
	if s.next() != '{' {
		return nil, fmt.Errorf("the profile is no object")
	}
	list = make([]attribute, 0, 24)
	for *s = (*s)[1:]; s.next() == '"'; {
		name := s.text()
		if a, ok := attrByName[name]; ok {
			name = schema[a].name
		}
		s.next()
		*s = (*s)[1:] // the colon
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		list = append(list, attribute{name, v})
		if s.next() == ',' {
			*s = (*s)[1:]
		}
	}
	return list, nil
}

func (s *savedScanner) value() (v value, err error) {
	switch c := s.next(); c {
	case '{':
		return v, fmt.Errorf("an attribute is an object")
	case '"':
		return value{kind: stringValue, text: s.text()}, nil
	case '[':
		v.kind = listValue
		for *s = (*s)[1:]; s.next() != ']'; {
			one, err := s.value()
			if err != nil {
				return v, err
			}
			v.list = append(v.list, one)
			if s.next() == ',' {
				*s = (*s)[1:]
			}
		}
		*s = (*s)[1:]
		return v, nil
	default:
		end := bytes.IndexAny(*s, ",]} \t\r\n")
		if end < 0 {
			end = len(*s)
		}
		v.text = string((*s)[:end])
		*s = (*s)[end:]
		switch c {
		case 'n':
			return value{kind: null}, nil
		case 't', 'f':
			v.kind = boolValue
		default:
			v.kind = numberValue
		}
		return v, nil
	}
}

// text reads a string.
func (s *savedScanner) text() (text string) {
	end := 1
	for (*s)[end] != '"' {
		if (*s)[end] == '\\' {
			end++
		}
		end++
	}
	raw := (*s)[:end+1]
	*s = (*s)[end+1:]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1:end])
	}
	json.Unmarshal(raw, &text) // raw is well-formed
	return text
}

// savedValue reads the value that a text is.
func savedValue(raw []byte) (value, error) {
	s := savedScanner(raw)
	return s.value()
}

type savedGroup struct {
	Type                  groupKind `json:"type"`
	Name                  string    `json:"name"`
	Description           string    `json:"description"`
	Created               moment    `json:"created"`
	LastUpdated           moment    `json:"lastUpdated"`
	LastMembershipUpdated moment    `json:"lastMembershipUpdated"`
	Department            string    `json:"department,omitempty"` // whose generated users are members
}

func (t *group) saved() *savedGroup {
	s := &savedGroup{t.kind, t.name, t.description, moment(t.created), moment(t.lastUpdated), moment(t.lastMembership), ""}
	if t.department != nil {
		s.Department = t.department.name
	}
	return s
}

// into makes t, which has its number and id, what s says.
func (s *savedGroup) into(t *group) error {
	if s.Type != oktaGroup && s.Type != builtInGroup {
		return fmt.Errorf("there is no group type %q", s.Type)
	}
	t.kind, t.name, t.description = s.Type, s.Name, s.Description
	t.created, t.lastUpdated, t.lastMembership = int64(s.Created), int64(s.LastUpdated), int64(s.LastMembershipUpdated)
	if s.Department == "" {
		return nil
	}
	at := slices.IndexFunc(departments[:], func(d department) bool { return d.name == s.Department })
	if at < 0 {
		return fmt.Errorf("there is no department %q", s.Department)
	}
	t.department = &departments[at]
	return nil
}

type savedType struct {
	Name              string           `json:"name"`
	DisplayName       string           `json:"displayName"`
	Description       string           `json:"description"`
	CreatedBy         string           `json:"createdBy"`
	LastUpdatedBy     string           `json:"lastUpdatedBy"`
	Created           moment           `json:"created"`
	LastUpdated       moment           `json:"lastUpdated"`
	SchemaCreated     moment           `json:"schemaCreated"`
	SchemaLastUpdated moment           `json:"schemaLastUpdated"`
	Base              []*savedProperty `json:"base"`
	Custom            []*savedProperty `json:"custom"`
}

type savedProperty struct {
	Name              string            `json:"name"`
	Title             string            `json:"title"`
	Description       string            `json:"description,omitempty"`
	Type              dataType          `json:"type"`
	Generated         bool              `json:"generated,omitempty"` // generated users have it
	Required          bool              `json:"required,omitempty"`
	Format            string            `json:"format,omitempty"`
	Pattern           string            `json:"pattern,omitempty"`
	MinLength         *int              `json:"minLength,omitempty"`
	MaxLength         *int              `json:"maxLength,omitempty"`
	Minimum           *float64          `json:"minimum,omitempty"`
	Maximum           *float64          `json:"maximum,omitempty"`
	Enum              []json.RawMessage `json:"enum,omitempty"`
	OneOf             []savedChoice     `json:"oneOf,omitempty"`
	Unique            bool              `json:"unique,omitempty"`
	Permission        string            `json:"permission"`
	Scope             string            `json:"scope"`
	Mutability        string            `json:"mutability"`
	ExternalName      string            `json:"externalName,omitempty"`
	ExternalNamespace string            `json:"externalNamespace,omitempty"`
	Master            json.RawMessage   `json:"master,omitempty"`
}

type savedChoice struct {
	Const json.RawMessage `json:"const"`
	Title string          `json:"title"`
}

func (t *userType) saved() *savedType {
	s := &savedType{Name: t.name, DisplayName: t.displayName, Description: t.description, CreatedBy: t.createdBy, LastUpdatedBy: t.updatedBy,
		Created: moment(t.created), LastUpdated: moment(t.lastUpdated), SchemaCreated: moment(t.schema.created), SchemaLastUpdated: moment(t.schema.lastUpdated)}
	for _, p := range t.schema.base {
		s.Base = append(s.Base, p.saved())
	}
	for _, p := range t.schema.custom {
		s.Custom = append(s.Custom, p.saved())
	}
	return s
}

// into makes t, which has its number and tail, what s says.
func (s *savedType) into(t *userType) error {
	t.name, t.displayName, t.description, t.createdBy, t.updatedBy = s.Name, s.DisplayName, s.Description, s.CreatedBy, s.LastUpdatedBy
	t.created, t.lastUpdated = int64(s.Created), int64(s.LastUpdated)
	t.schema = userSchema{created: int64(s.SchemaCreated), lastUpdated: int64(s.SchemaLastUpdated)}
	if len(s.Base) != len(t.schema.base) {
		return fmt.Errorf("there are %d base attributes", len(s.Base))
	}
	for a, saved := range s.Base {
		if saved == nil || saved.Name != schema[a].name {
			return fmt.Errorf("base attribute %d isn't %s", a, schema[a].name)
		}
		var err error
		if t.schema.base[a], err = saved.property(attrID(a)); err != nil {
			return err
		}
	}
	for _, saved := range s.Custom {
		if saved == nil {
			return fmt.Errorf("a custom attribute is none")
		}
		gen := noAttr
		if a, ok := attrByName[saved.Name]; ok && saved.Generated {
			gen = a
		}
		p, err := saved.property(gen)
		if err != nil {
			return err
		}
		t.schema.custom = append(t.schema.custom, p)
	}
	return nil
}

func (p *property) saved() *savedProperty {
	s := &savedProperty{Name: p.name, Title: p.title, Description: p.description, Type: p.typ, Generated: p.gen != noAttr, Required: p.required,
		Format: p.format, Pattern: p.pattern, Minimum: p.minimum, Maximum: p.maximum, Unique: p.unique, Permission: p.permission,
		Scope: p.scope, Mutability: p.mutability, ExternalName: p.externalName, ExternalNamespace: p.namespace, Master: p.master}
	if p.minLength != none {
		s.MinLength = &p.minLength
	}
	if p.maxLength != none {
		s.MaxLength = &p.maxLength
	}
	for i := range p.enum {
		s.Enum = append(s.Enum, p.enum[i].appendJSON(nil))
	}
	for i := range p.oneOf {
		s.OneOf = append(s.OneOf, savedChoice{p.oneOf[i].value.appendJSON(nil), p.oneOf[i].title})
	}
	return s
}

func (s *savedProperty) property(gen attrID) (*property, error) {
	if _, ok := formats[s.Format]; s.Format != "" && !ok {
		return nil, fmt.Errorf("there is no format %q", s.Format)
	}
	if gen != noAttr && s.Type != schema[gen].typ {
		return nil, fmt.Errorf("%s is generated, and no %s", s.Name, dataTypeNames[s.Type])
	}
	p := &property{name: s.Name, title: s.Title, description: s.Description, typ: s.Type, gen: gen, required: s.Required,
		format: s.Format, pattern: s.Pattern, minLength: none, maxLength: none, minimum: s.Minimum, maximum: s.Maximum,
		unique: s.Unique, permission: s.Permission, scope: s.Scope, mutability: s.Mutability,
		externalName: s.ExternalName, namespace: s.ExternalNamespace, master: s.Master}
	if s.MinLength != nil {
		p.minLength = *s.MinLength
	}
	if s.MaxLength != nil {
		p.maxLength = *s.MaxLength
	}
	for _, raw := range s.Enum {
		v, err := savedValue(raw)
		if err != nil {
			return nil, err
		}
		p.enum = append(p.enum, v)
	}
	for _, one := range s.OneOf {
		v, err := savedValue(one.Const)
		if err != nil {
			return nil, err
		}
		p.oneOf = append(p.oneOf, choice{v, one.Title})
	}
	return p, nil
}
