package oktatest

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A property is what a user schema says of one attribute. Those of a schema are never changed, only
// replaced.
type property struct {
	name, title, description string
	typ                      dataType
	gen                      attrID // as what the generator knows it; noAttr: not at all
	required                 bool
	format                   string   // one of formats; "": none
	pattern                  string   // of login: "" (an address), ".+" or "[…]+"
	minLength, maxLength     int      // of a string, in characters; none: no bound
	minimum, maximum         *float64 // of a number; nil: no bound
	enum                     []value  // of the value, or of an array's elements; nil: anything
	oneOf                    []choice
	unique                   bool
	permission               string // of the user's own profile: READ_WRITE, READ_ONLY, HIDE
	scope, mutability        string
	externalName, namespace  string // of the same attribute elsewhere
	master                   []byte // JSON
}

// none is the length of a property that has no such bound.
const none = -1

// A choice is a member of oneOf.
type choice struct {
	value value
	title string
}

// The constraints of the base attributes. Lengths that Okta documents and doesn't put into the schema
// are in hiddenLengths.
var baseProperties = func() (list [baseAttrs]*property) {
	titles := [baseAttrs]string{"Username", "First name", "Last name", "Middle name", "Honorific prefix", "Honorific suffix",
		"Primary email", "Title", "Display name", "Nickname", "Profile Url", "Secondary email", "Mobile phone", "Primary phone",
		"Street address", "City", "State", "Zip code", "Country code", "Postal Address", "Preferred language", "Locale", "Time zone",
		"User type", "Employee number", "Cost center", "Organization", "Division", "Department", "ManagerId", "Manager"}
	for a := range baseAttrs {
		p := &property{name: schema[a].name, title: titles[a], gen: a, minLength: none, maxLength: none,
			permission: "READ_ONLY", scope: "NONE", mutability: "READ_WRITE"}
		switch a {
		case attrLogin:
			p.required, p.minLength, p.maxLength = true, 5, 100
		case attrFirstName, attrLastName:
			p.required, p.minLength, p.maxLength, p.permission = true, 1, 50, "READ_WRITE"
		case attrEmail:
			p.required, p.format, p.permission = true, "email", "READ_WRITE"
		case attrSecondEmail:
			p.format, p.permission = "email", "READ_WRITE"
		case attrMobilePhone:
			p.maxLength, p.permission = 100, "READ_WRITE"
		case attrPrimaryPhone:
			p.maxLength, p.permission = 100, "HIDE"
		case attrProfileURL:
			p.format = "uri"
		case attrCountryCode:
			p.format, p.permission = "country-code", "HIDE"
		case attrStreetAddress, attrCity, attrState, attrZipCode, attrPostalAddress:
			p.permission = "HIDE"
		case attrPreferredLanguage:
			p.format = "language-code"
		case attrLocale:
			p.format = "locale"
		case attrTimezone:
			p.format = "timezone"
		}
		list[a] = p
	}
	return list
}()

var hiddenLengths = map[attrID][2]int{attrEmail: {5, 100}, attrSecondEmail: {5, 100}, attrStreetAddress: {none, 1024},
	attrCity: {none, 128}, attrState: {none, 128}, attrZipCode: {none, 50}, attrPostalAddress: {none, 4096}}

// A userSchema is the schema of one user type. Whoever reads or changes it holds the store's lock.
type userSchema struct {
	created, lastUpdated int64
	base                 [baseAttrs]*property
	custom               []*property // in the order in which they were added
}

// property finds an attribute, nil if the schema has none of that name.
func (s *userSchema) property(name string) *property {
	if a, ok := attrByName[name]; ok && a < baseAttrs {
		return s.base[a]
	}
	for _, p := range s.custom {
		if p.name == name {
			return p
		}
	}
	return nil
}

// required returns the attributes that every user must have a value for, in Okta's order.
func (s *userSchema) required() []string {
	var names []string
	for _, p := range s.base {
		if p.required {
			names = append(names, p.name)
		}
	}
	for _, p := range s.custom {
		if p.required {
			names = append(names, p.name)
		}
	}
	return names
}

// check says whether an attribute may have a value, and if not, what the cause in the error's body is.
// The absent value and null stand for none.
func (s *userSchema) check(name string, v value) (cause string, ok bool) {
	p := s.property(name)
	if p == nil {
		return fmt.Sprintf("Property name '%s' is not defined in profile", name), false
	}
	if v.isBlank() {
		if p.required {
			return name + ": The field cannot be left blank", false
		}
		if v.kind != stringValue {
			return "", true
		}
	}
	if cause = p.refuses(v); cause != "" {
		return name + ": " + cause, false
	}
	return "", true
}

// isBlank says whether the value leaves a required attribute blank.
func (v value) isBlank() bool {
	switch v.kind {
	case absent, null:
		return true
	case stringValue:
		return strings.TrimSpace(v.text) == ""
	}
	return false
}

// refuses returns what is wrong with a value, "" if nothing is. Of these sentences Okta's are known for
// login and for formats; the others are ours.
func (p *property) refuses(v value) string {
	if p.typ.isArray() {
		if v.kind != listValue {
			return "The value must be an array"
		}
		for _, one := range v.list {
			if cause := p.refusesOne(p.typ.element(), one); cause != "" {
				return cause
			}
		}
		return ""
	}
	return p.refusesOne(p.typ, v)
}

func (p *property) refusesOne(typ dataType, v value) string {
	switch typ {
	case stringType:
		if v.kind != stringValue {
			return "The value must be a string"
		}
		if cause := p.refusesText(v.text); cause != "" {
			return cause
		}
	case booleanType:
		if v.kind != boolValue {
			return "The value must be a boolean"
		}
	case integerType, numberType:
		if v.kind != numberValue {
			return "The value must be a number"
		}
		n, err := strconv.ParseFloat(v.text, 64)
		if typ == integerType && (err != nil || n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32) {
			return "The value must be an integer of 32 bits"
		}
		if err != nil || p.minimum != nil && n < *p.minimum || p.maximum != nil && n > *p.maximum {
			return "The value is out of range"
		}
	}
	if !p.lists(v) {
		return "The value is not one of those allowed"
	}
	return ""
}

// lists says whether enum and oneOf have the value, or don't limit it.
func (p *property) lists(v value) bool {
	if p.enum == nil && p.oneOf == nil {
		return true
	}
	for i := range p.enum {
		if p.enum[i].equal(v) {
			return true
		}
	}
	for i := range p.oneOf {
		if p.oneOf[i].value.equal(v) {
			return true
		}
	}
	return false
}

// equal compares scalars.
func (v value) equal(w value) bool {
	if v.kind == numberValue && w.kind == numberValue {
		a, errA := strconv.ParseFloat(v.text, 64)
		b, errB := strconv.ParseFloat(w.text, 64)
		return errA == nil && errB == nil && a == b
	}
	return v.kind == w.kind && v.text == w.text
}

func (p *property) refusesText(text string) string {
	if p.gen == attrLogin {
		if cause := p.refusesLogin(text); cause != "" {
			return cause
		}
	}
	least, most := p.minLength, p.maxLength
	if bounds, ok := hiddenLengths[p.gen]; ok {
		least, most = bounds[0], bounds[1]
	}
	if p.gen == attrSecondEmail && text == "" { // some clients write it so, and Okta keeps it
		return ""
	}
	if p.gen == attrLogin && p.pattern == ".+" { // which takes the minimum away
		least = none
	}
	n := utf8.RuneCountInString(text)
	switch {
	case n < least:
		return fmt.Sprintf("The field is too short: at least %d characters", least)
	case most != none && n > most:
		return fmt.Sprintf("The field is too long: at most %d characters", most)
	case p.format != "" && text != "" && !formats[p.format](text):
		return "Does not match required pattern"
	}
	return ""
}

func (p *property) refusesLogin(login string) string {
	if p.pattern == "" {
		if !isAddress(login) {
			return "Username must be in the form of an email address"
		}
		return ""
	}
	if pattern, err := regexp.Compile(`^(?:` + p.pattern + `)$`); err == nil && !pattern.MatchString(login) {
		return "Does not match required pattern"
	}
	return ""
}

// isAddress says whether s looks like an address: something, an @, and something without another one.
// RFC 6531 allows letters of all languages.
func isAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.Contains(s[:at], "@") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' })
}

// formats are the formats of strings. A value without one isn't checked against it.
var formats = map[string]func(string) bool{
	"email":         isAddress,
	"uri":           func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() },
	"country-code":  regexp.MustCompile(`^[A-Za-z]{2}$`).MatchString,
	"language-code": regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`).MatchString,
	"locale":        regexp.MustCompile(`^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$`).MatchString,
	"timezone":      regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`).MatchString,
}
