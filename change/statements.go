package change

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
)

// verbMethod returns the resource's method for a verb, such as INSERT.
func (p *Planner) verbMethod(verb string) (*catalog.Method, error) {
	for _, m := range p.Resource.Methods {
		if m.Verb == verb {
			return m, nil
		}
	}
	return nil, planError("", "%s has no %s", p.Resource.Path(), verb)
}

// Insert plans the creation of objects. An Ask has Org, Attributes, Fields and Params of the method.
// Attributes and the field profile make up the profile; an attribute in both is an error, one that is
// null isn't sent.
func (p *Planner) Insert(asks []Ask) (*Plan, error) {
	m, err := p.verbMethod("INSERT")
	if err != nil {
		return nil, err
	}
	plan := p.plan("INSERT", asks)
	seen := map[string]int{}
	for i := range asks {
		ask := &asks[i]
		if ask.Status != "" {
			return nil, planError("it follows from activate, the password and nextLogin", "INSERT can't set the status")
		}
		r := &Row{Index: i, Org: ask.Org}
		plan.Rows = append(plan.Rows, r)
		params, err := p.params(ask, m)
		if err != nil {
			return nil, err
		}
		body, err := p.fields(plan, ask, m)
		if err != nil {
			return nil, err
		}
		profile, err := insertProfile(ask, body["profile"])
		if err != nil {
			return nil, err
		}
		body["profile"] = encode(profile)
		r.Name = p.nameIn(profile)
		if r.Name == "" && p.nameColumn() != "" {
			r.Refused = "it has no " + p.nameColumn()
			continue
		}
		key := r.Org + "\x00" + strings.ToLower(r.Name)
		if first, twice := seen[key]; twice && r.Name != "" {
			r.Refused = fmt.Sprintf("row %d has the same %s", first+1, p.nameColumn())
			continue
		}
		seen[key] = i
		op := r.operation(m, params, body)
		op.To = initialStatus(params, body["credentials"])
		op.Sets = profile
		if err := p.mailsUnasked(plan, r, ask); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// insertProfile joins the two ways to give a new profile.
func insertProfile(ask *Ask, field json.RawMessage) (map[string]json.RawMessage, error) {
	profile := map[string]json.RawMessage{}
	if field != nil {
		given, ok := members(field)
		if !ok {
			return nil, planError("", "profile is no JSON object")
		}
		maps.Copy(profile, given)
	}
	for name, v := range ask.Attributes {
		if _, twice := profile[name]; twice {
			return nil, planError("", "attribute %s is given twice, once in profile", name)
		}
		profile[name] = v
	}
	maps.DeleteFunc(profile, func(_ string, v json.RawMessage) bool { return isNull(v) })
	return profile, nil
}

// nameColumn returns the attribute by which people know an object, such as login; "" if there is none.
func (p *Planner) nameColumn() string {
	for _, c := range p.Resource.Columns {
		if c.Key && len(c.Path) == 2 && c.Path[0] == "profile" {
			return c.Path[1]
		}
	}
	return ""
}

func (p *Planner) nameIn(profile map[string]json.RawMessage) string {
	return textOf(profile[p.nameColumn()])
}

// initialStatus is the status of a new user, as Okta's table of createUser has it; where an org's
// policy decides, that of an org without such a policy.
func initialStatus(params map[string]string, credentials json.RawMessage) string {
	var provider struct{ Type string }
	if c, ok := members(credentials); ok {
		_ = json.Unmarshal(c["provider"], &provider) // what isn't as expected is the API's to refuse
	}
	switch {
	case params["activate"] == "false":
		return "STAGED"
	case params["provider"] == "true" && (provider.Type == "FEDERATION" || provider.Type == "SOCIAL"):
		return "ACTIVE"
	case !givesPassword(credentials):
		return "PROVISIONED"
	case params["nextLogin"] == "changePassword":
		return "PASSWORD_EXPIRED"
	}
	return "ACTIVE"
}

// Delete plans the removal of objects. An Ask has Org, the object or its key, and Params.
func (p *Planner) Delete(asks []Ask) (*Plan, error) {
	m, err := p.verbMethod("DELETE")
	if err != nil {
		return nil, err
	}
	plan := p.plan("DELETE", asks)
	return p.existing(plan, asks, func(r *Row, o *object, ask *Ask) error {
		if ask.Status != "" || len(ask.Attributes)+len(ask.Fields) > 0 {
			return planError("", "DELETE sets no values")
		}
		params, err := p.params(ask, m)
		if err != nil {
			return err
		}
		if r.Refused == "" && o != nil {
			r.Refused = p.unremovable(r.Before.Status)
		}
		if r.Refused == "" {
			r.operation(m, params, nil).From = r.Before.Status
		}
		return nil
	})
}

// unremovable says why DELETE doesn't remove an object of this status; "" if it does.
func (p *Planner) unremovable(status string) string { return unremovable(p.Resource, status) }

func unremovable(res *catalog.Resource, status string) string {
	if res.Changes == nil || len(res.Changes.Removable) == 0 || slices.Contains(res.Changes.Removable, status) {
		return ""
	}
	return fmt.Sprintf("is %s, and DELETE removes only who is %s: the API would deactivate instead; UPDATE … SET status = 'DEPROVISIONED' does that",
		status, strings.Join(res.Changes.Removable, ", "))
}

// Exec plans calls of a method by its name. An Ask has Org, the object or its key, Fields, Attributes for
// the profile of the body, and Params. The method's status rules are applied only to objects that have
// been read; of the others the API is the judge.
func (p *Planner) Exec(method string, asks []Ask) (*Plan, error) {
	m := p.Resource.Method(method)
	if m == nil || m.Verb != "EXEC" {
		hint := ""
		if m != nil {
			hint = "it is run by " + m.Verb
		} else if near := catalog.Nearest(method, execNames(p.Resource)); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, planError(hint, "%s has no method %s for EXEC", p.Resource.Path(), method)
	}
	plan := p.plan("EXEC", asks)
	return p.existing(plan, asks, func(r *Row, o *object, ask *Ask) error {
		return p.exec(plan, m, r, o, ask)
	})
}

// exec plans one call of Exec.
func (p *Planner) exec(plan *Plan, m *catalog.Method, r *Row, o *object, ask *Ask) error {
	if ask.Status != "" {
		return planError("", "EXEC %s sets no status of one's choice", m.Name)
	}
	params, err := p.params(ask, m)
	if err != nil {
		return err
	}
	body, err := p.fields(plan, ask, m)
	if err != nil {
		return err
	}
	if len(ask.Attributes) > 0 {
		profile, err := insertProfile(&Ask{}, body["profile"])
		if err != nil {
			return err
		}
		maps.Copy(profile, ask.Attributes)
		body["profile"] = encode(profile)
	}
	if r.Refused != "" {
		return nil
	}
	op := r.operation(m, params, body)
	op.Sets, _ = members(body["profile"])
	if o != nil {
		op.see(r, o, ask.Anyway)
	}
	return nil
}

func execNames(res *catalog.Resource) []string {
	var names []string
	for _, m := range res.Methods {
		if m.Verb == "EXEC" {
			names = append(names, m.Name)
		}
	}
	return names
}

// see fills in what an operation can say only once its object is known, and unless it is to be called
// anyway, refuses the row if the status doesn't allow it.
func (op *Operation) see(r *Row, o *object, anyway bool) {
	f := r.Before.facts()
	f.NewPassword = op.setsPassword()
	to, ok := op.Method.Destination(r.Before.Status, f)
	if !ok && !anyway {
		r.Refused = fmt.Sprintf("is %s; %s", r.Before.Status, allowedFrom(op.Method))
		r.Steps = nil
		return
	}
	op.From, op.To = r.Before.Status, to
	op.back(r)
	op.was(o)
}

// was notes the former values of what the operation sets.
func (op *Operation) was(o *object) {
	op.Was = map[string]json.RawMessage{}
	for name := range op.Sets {
		if v := o.profile[name]; !isNull(v) {
			op.Was[name] = v
		}
	}
}

// setsPassword says whether the body has a password.
func (op *Operation) setsPassword() bool {
	body, _ := members(op.Body)
	return givesPassword(body["credentials"])
}

// givesPassword says whether credentials have a password: a text, a hash of one, or a hook that will know it. An
// object without any of them is none to the API, and a user who is created with it is mailed.
func givesPassword(credentials json.RawMessage) bool {
	c, _ := members(credentials)
	password, _ := members(c["password"])
	return slices.ContainsFunc([]string{"value", "hash", "hook"}, func(name string) bool { return !isNull(password[name]) })
}
