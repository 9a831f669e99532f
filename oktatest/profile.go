package oktatest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// A violation is one cause of a refusal that names an attribute.
type violation struct{ attribute, cause string }

// errInvalid joins violations, of which there is at least one. Its summary names the first attribute.
func errInvalid(list []violation) *apiError {
	causes := make([]string, 0, len(list))
	for _, v := range list {
		causes = append(causes, v.cause)
	}
	return errValidation(list[0].attribute, causes...)
}

const (
	causeBlank     = "The field cannot be left blank"
	causeLogin     = "Username must be in the form of an email address"
	causeDuplicate = "An object with this field already exists in the current organization"
)

// readProfile makes attributes of the profile in a request and checks them. token is what the error is
// about if the schema doesn't have a name. If whole is set, required attributes that are missing count
// as blank. Attributes without a value come back as null.
func (s *userSchema) readProfile(given []member, token string, whole bool) ([]attribute, *apiError) {
	var unknown []string
	profile := make([]attribute, 0, len(given))
	for _, m := range given {
		p := s.property(m.name)
		if p == nil {
			cause, _ := s.check(m.name, value{})
			unknown = append(unknown, cause)
			continue
		}
		profile = append(profile, attribute{m.name, readValue(m.raw, p.typ)})
	}
	if unknown != nil {
		return nil, errValidation(token, unknown...)
	}
	if list := s.violations(profile, whole); len(list) > 0 {
		return nil, errInvalid(list)
	}
	return profile, nil
}

// violations checks attributes. The recorded refusal of a PUT names the blank ones first, in the order
// of the schema, and then says that a login which is missing is no address either.
func (s *userSchema) violations(profile []attribute, whole bool) []violation {
	var blank, wrong []violation
	for _, name := range s.required() {
		at := slices.IndexFunc(profile, func(a attribute) bool { return a.name == name })
		if at < 0 && !whole || at >= 0 && !profile[at].value.isBlank() {
			continue
		}
		blank = append(blank, violation{name, name + ": " + causeBlank})
		if name == "login" && s.property(name).pattern == "" {
			wrong = append(wrong, violation{name, name + ": " + causeLogin})
		}
	}
	for i := range profile {
		a := &profile[i]
		if a.value.isBlank() && s.property(a.name).required {
			continue
		}
		if cause, ok := s.check(a.name, a.value); !ok {
			wrong = append(wrong, violation{a.name, cause})
		}
	}
	slices.SortStableFunc(wrong, func(a, b violation) int {
		return cmp.Compare(causeOrder(a.attribute), causeOrder(b.attribute))
	})
	return append(blank, wrong...)
}

// causeOrder puts what is wrong with the login before what is wrong with the address, and both first.
func causeOrder(name string) int {
	switch name {
	case "login":
		return 0
	case "email":
		return 1
	}
	return 2
}

// readValue reads a JSON value that an attribute of the type is to have. One of another type comes
// back as what it is, for the schema to refuse; so does an object, as an array of nothing that fits.
func readValue(raw json.RawMessage, typ dataType) value {
	if isNull(raw) {
		return value{kind: null}
	}
	switch raw[0] {
	case '"':
		var s string
		json.Unmarshal(raw, &s) // raw is well-formed
		return value{kind: stringValue, text: s}
	case 't', 'f':
		return value{kind: boolValue, text: string(raw)}
	case '[':
		var elements []json.RawMessage
		json.Unmarshal(raw, &elements)
		v := value{kind: listValue}
		for _, e := range elements {
			v.list = append(v.list, readValue(e, typ.element()))
		}
		return v
	case '{':
		return value{kind: listValue, list: []value{{kind: null}}}
	}
	return value{kind: numberValue, text: plainNumber(string(raw), typ)}
}

// plainNumber writes a number as Okta shows it. Numbers that a double can't hold are left as they are.
func plainNumber(text string, typ dataType) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if typ == integerType {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	plain, _ := json.Marshal(f) // never fails: JSON has no infinities
	return string(plain)
}

// alwaysShown are the attributes that profiles show although they have no value.
var alwaysShown = [...]string{"firstName", "lastName", "mobilePhone", "secondEmail", "login", "email"}

// mergeProfiles returns old with the attributes of changes in it. null takes an attribute away.
func mergeProfiles(old, changes []attribute) []attribute {
	merged := slices.Clone(old)
	for _, a := range changes {
		merged = slices.DeleteFunc(merged, func(b attribute) bool { return b.name == a.name })
		if a.value.kind != null {
			merged = append(merged, a)
		}
	}
	for _, name := range alwaysShown {
		if !slices.ContainsFunc(merged, func(a attribute) bool { return a.name == name }) {
			merged = append(merged, attribute{name, value{kind: null}})
		}
	}
	slices.SortStableFunc(merged, func(a, b attribute) int {
		return cmp.Or(cmp.Compare(profilePlace(a.name), profilePlace(b.name)), cmp.Compare(a.name, b.name))
	})
	return merged
}

// profilePlace is where an attribute stands in a profile: those that were added to the schema at the end.
func profilePlace(name string) int {
	if a, ok := attrByName[name]; ok {
		return slices.Index(profileOrder[:], a)
	}
	return len(profileOrder)
}

// checkUnique refuses a profile that repeats what must be unique: the login among all users, whatever
// its case and diacritics, and the attributes that the schema says so of among the users of the type.
// except is the index of the user who may have it already; -1: nobody. The caller holds the lock.
func (o *Org) checkUnique(s *userSchema, profile []attribute, typeTail string, except int) *apiError {
	for i := range profile {
		a := &profile[i]
		p := s.property(a.name)
		taken := false
		switch {
		case a.value.kind == null:
		case p.gen == attrLogin:
			owner, found := o.store.indexOfLogin(a.value.text)
			taken = found && owner != except
		case p.unique:
			taken = o.isTaken(p, a, typeTail, except)
		}
		if taken {
			return errValidation(a.name, a.name+": "+causeDuplicate)
		}
	}
	return nil
}

// isTaken looks through the whole org, as generated users are in no index.
func (o *Org) isTaken(p *property, a *attribute, typeTail string, except int) (taken bool) {
	o.store.rowsByID(0, 0, o.store.gen.n, func(r *row) bool {
		if r.i == except || r.typeTail() != typeTail {
			return true
		}
		var v value
		switch {
		case r.stored != nil:
			v = r.stored.get(a.name)
		case p.gen != noAttr:
			v = r.attr(p.gen)
		}
		taken = v.kind != absent && v.kind != null && v.equal(a.value)
		return !taken
	})
	return taken
}
