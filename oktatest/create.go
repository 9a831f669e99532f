package oktatest

import (
	"net/http"
	"strings"
)

// createUser is POST /api/v1/users. Nothing is created if any check fails.
func (o *Org) createUser(c *call) (answer, *apiError) {
	how, bad := readCreation(c.params())
	if bad != nil {
		return answer{}, bad
	}
	body, bad := c.body()
	if bad != nil {
		return answer{}, bad
	}
	p, ok := readPayload(body, "groupIds")
	if !ok {
		return answer{}, errBody()
	}
	if bad := how.allows(p); bad != nil {
		return answer{}, bad
	}

	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	u, bad := o.newUser(how, p)
	if bad != nil {
		return answer{}, bad
	}
	if bad := o.checkGroups(p.groups); bad != nil {
		return answer{}, bad
	}
	i := o.store.next
	u.id = o.store.gen.id(i)
	if bad := o.keep(append([]step{userStep{i, u}}, o.joinGroups(i, p.groups, u.created)...)...); bad != nil {
		return answer{}, bad
	}
	return c.showUser(u), nil
}

// A creation is what the query of a create asks for.
type creation struct{ activate, provider, expire bool }

func readCreation(p params) (how creation, bad *apiError) {
	if how.activate, bad = p.flag("activate", true); bad != nil {
		return how, bad
	}
	if how.provider, bad = p.flag("provider", false); bad != nil {
		return how, bad
	}
	switch p.Get("nextLogin") {
	case "":
	case "changePassword":
		how.expire = true
	default:
		return how, errParamType("nextLogin")
	}
	return how, nil
}

// allows checks what nextLogin needs.
func (how *creation) allows(p *payload) *apiError {
	switch {
	case how.expire && !how.activate:
		return errNextLogin("E0000125", `"activate" must be true`)
	case how.expire && p.password == nil:
		return errNextLogin("E0000124", "a password must be specified")
	}
	return nil
}

// newUser makes a user who has no id yet and isn't stored.
func (o *Org) newUser(how creation, p *payload) (*user, *apiError) {
	u := &user{typeTail: o.store.gen.types[0], provider: providerOkta}
	var bad *apiError
	if p.typeID != "" {
		if u.typeTail, bad = o.typeTail(p.typeID); bad != nil {
			return nil, bad
		}
	}
	if bad = o.checkRealm(p.realmID); bad != nil {
		return nil, bad
	}
	schema := o.schemaFor(u.typeTail)
	attributes, bad := schema.readProfile(p.profile, "newUser", true)
	if bad != nil {
		return nil, bad
	}
	if bad := o.checkUnique(schema, attributes, u.typeTail, -1); bad != nil {
		return nil, bad
	}
	u.profile = mergeProfiles(nil, attributes)
	if how.provider {
		if u.provider, bad = p.newProvider(); bad != nil {
			return nil, bad
		}
	}
	if bad := p.checkCredentials(u); bad != nil {
		return nil, bad
	}

	now := o.now()
	u.created, u.lastUpdated = now, now
	if p.password != nil {
		u.setPassword(p.password, now)
		u.statusChanged = now // of staged users only those with a password have it
	}
	if p.question != nil {
		u.setQuestion(p.question)
	}
	if how.activate {
		o.activate(u, now)
		if how.expire {
			u.status = passwordExpired
		}
	}
	return u, nil
}

// typeTail finds the user type with an id.
func (o *Org) typeTail(id string) (string, *apiError) {
	tail, ok := strings.CutPrefix(id, "oty")
	if !ok || o.schemaFor(tail) == nil {
		return "", errNotFound(id, "CVDType")
	}
	return tail, nil
}

// showUser is the answer that shows one user with all links.
func (c *call) showUser(u *user) answer {
	st := c.style
	st.full = true
	return answer{status: http.StatusOK, body: u.appendJSON(c.out, &st)}
}

// empty is the answer {}.
func (c *call) empty() answer { return answer{status: http.StatusOK, body: append(c.out, "{}"...)} }

// object is an answer with one text per name; pairs are name, value.
func (c *call) object(pairs ...string) answer {
	b := append(c.out, '{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, pairs[i])
		b = append(b, ':')
		b = appendJSONString(b, pairs[i+1])
	}
	return answer{status: http.StatusOK, body: append(b, '}')}
}
