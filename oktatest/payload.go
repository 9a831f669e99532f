package oktatest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody is how long the body of a request may be. Okta publishes no number; its largest user is far
// smaller.
const maxBody = 1 << 20

// A member is one member of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}

// body reads the body of the request, up to one byte more than is allowed.
func (c *call) body() ([]byte, *apiError) {
	if c.Body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(c.Body, maxBody+1))
	if err != nil {
		return nil, errBody()
	}
	return b, nil
}

// flagAndBody reads what several operations take: one boolean parameter, and a body. The flag is looked at
// first.
func (c *call) flagAndBody(name string, def bool) (set bool, body []byte, bad *apiError) {
	if set, bad = c.params().flag(name, def); bad == nil {
		body, bad = c.body()
	}
	return set, body, bad
}

// wellFormed says whether a body is JSON that Okta takes: UTF-8, and in its texts no character of four
// bytes, however it is written.
func wellFormed(body []byte) bool {
	if len(body) > maxBody || !utf8.Valid(body) || !json.Valid(body) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // whether a number is too large is for the schema to say
	var all any
	return dec.Decode(&all) == nil && !astralInside(all)
}

func astralInside(v any) bool {
	switch v := v.(type) {
	case string:
		return hasAstral(v)
	case []any:
		for _, one := range v {
			if astralInside(one) {
				return true
			}
		}
	case map[string]any:
		for name, one := range v {
			if hasAstral(name) || astralInside(one) {
				return true
			}
		}
	}
	return false
}

// members returns the members of an object in the order of the text; of several with one name only the
// last, as JSON parsers do. ok is false if raw isn't an object. raw is well-formed JSON.
func members(raw []byte) (list []member, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	at := map[string]int{}
	for dec.More() {
		t, err := dec.Token()
		name, isName := t.(string)
		var value json.RawMessage
		if err != nil || !isName || dec.Decode(&value) != nil {
			return nil, false
		}
		if i, again := at[name]; again {
			list[i].raw = value
			continue
		}
		at[name] = len(list)
		list = append(list, member{name, value})
	}
	return list, true
}

// A fieldSet says where the members of an object go: a pointer for each name that is known, or nil if
// the member is allowed and ignored.
type fieldSet map[string]any

// decode reads an object into fields. It fails if raw isn't an object, has a member that isn't known, or
// one of the wrong type. null leaves a field as it is.
func decode(raw []byte, fields fieldSet) bool {
	list, ok := members(raw)
	if !ok {
		return false
	}
	for _, m := range list {
		target, known := fields[m.name]
		if !known {
			return false
		}
		if target == nil || isNull(m.raw) {
			continue
		}
		if json.Unmarshal(m.raw, target) != nil {
			return false
		}
	}
	return true
}

// A payload is the body of a create or an update, as far as it can be understood without the org.
type payload struct {
	profile    []member
	hasProfile bool      // even if it is empty
	password   *password // nil: none
	question   *question // nil: none
	provider   *provider // nil: none
	groups     []string
	typeID     string // "": none
	realmID    string // "": none
}

// readPayload reads a body. more are the members that the operation knows besides those of both. It
// fails if a member isn't known or of the wrong type.
func readPayload(body []byte, more ...string) (*payload, bool) {
	p := &payload{}
	var profile, creds, kind json.RawMessage
	fields := fieldSet{"profile": &profile, "credentials": &creds, "type": &kind, "realmId": &p.realmID}
	for _, name := range more {
		fields[name] = nil
		if name == "groupIds" {
			fields[name] = &p.groups
		}
	}
	if !wellFormed(body) || !decode(body, fields) {
		return nil, false
	}
	if !isNull(profile) {
		if p.profile, p.hasProfile = members(profile); !p.hasProfile {
			return nil, false
		}
	}
	if !isNull(kind) && !decode(kind, fieldSet{"id": &p.typeID}) {
		return nil, false
	}
	return p, isNull(creds) || p.readCredentials(creds)
}

// readCredentials reads the member credentials. emails is read-only, and ignored.
func (p *payload) readCredentials(raw json.RawMessage) bool {
	var pass, ask, by json.RawMessage
	ok := decode(raw, fieldSet{"password": &pass, "recovery_question": &ask, "provider": &by, "emails": nil})
	if ok && pass != nil {
		p.password, ok = readPassword(pass)
	}
	if ok && ask != nil {
		p.question = &question{}
		ok = decode(ask, fieldSet{"question": &p.question.text, "answer": &p.question.answer})
		if *p.question == (question{}) {
			p.question = nil
		}
	}
	if ok && by != nil {
		p.provider = &provider{}
		ok = decode(by, fieldSet{"type": &p.provider.kind, "name": &p.provider.name})
	}
	return ok
}

// A question is a recovery question with its answer.
type question struct{ text, answer string }

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

// A params is the query of a request.
type params struct{ url.Values }

func (c *call) params() params { return params{c.URL.Query()} }

// flag reads a boolean; def counts if it is missing or empty.
func (p params) flag(name string, def bool) (bool, *apiError) {
	switch text := p.Get(name); {
	case text == "":
		return def, nil
	case strings.EqualFold(text, "true"):
		return true, nil
	case strings.EqualFold(text, "false"):
		return false, nil
	}
	return false, errParamType(name)
}

// check refuses the request if one of the flags, which change nothing here, isn't one.
func (p params) check(names ...string) *apiError {
	for _, name := range names {
		if _, bad := p.flag(name, false); bad != nil {
			return bad
		}
	}
	return nil
}
