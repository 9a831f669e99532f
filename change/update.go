package change

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
)

// Update plans an UPDATE. An Ask has the object, and of Status, Attributes, Fields and Params at least
// one. Attributes become one call with those that differ; the field profile replaces all of them and
// stands alone; Status becomes the operation that leads there, if one does, before the other call or
// behind it as the catalogue says. A row that is as asked for already is unchanged.
func (p *Planner) Update(asks []Ask) (*Plan, error) {
	c := p.Resource.Changes
	if c == nil {
		return nil, planError("", "%s can't be updated", p.Resource.Path())
	}
	plan := p.plan("UPDATE", asks)
	return p.existing(plan, asks, func(r *Row, o *object, ask *Ask) error {
		return p.update(plan, r, o, ask)
	})
}

// update plans one row of Update.
func (p *Planner) update(plan *Plan, r *Row, o *object, ask *Ask) error {
	c := p.Resource.Changes
	if o == nil {
		return planError("", "row %d of an UPDATE hasn't been read", r.Index+1)
	}
	if err := p.checkStatus(ask); err != nil {
		return err
	}
	params, err := p.params(ask, updateMethods(c, ask)...)
	if err != nil {
		return err
	}
	body, err := p.fields(plan, ask, c.Update)
	if err != nil {
		return err
	}
	if body["profile"] != nil && len(ask.Attributes) > 0 {
		return planError("name all in one of the two", "SET profile replaces all attributes, so SET %s can't stand beside it", sortedKeys(ask.Attributes)[0])
	}
	if body["profile"] != nil && c.Replace == nil {
		return planError("", "the profile of %s can't be replaced as a whole", p.Resource.Path())
	}
	if r.Refused != "" {
		return nil
	}
	u := &update{p: p, r: r, o: o, ask: ask, params: params, body: body, at: r.Before.Status}
	u.plan()
	r.Unchanged = r.Refused == "" && len(r.Steps) == 0
	return nil
}

// updateMethods are the methods that an ask may come to.
func updateMethods(c *catalog.Changes, ask *Ask) []*catalog.Method {
	var methods []*catalog.Method
	if len(ask.Attributes)+len(ask.Fields) > 0 {
		methods = append(methods, c.Update) // replace has the same parameters
	}
	if ask.Status != "" {
		for _, line := range c.Status {
			methods = append(methods, line.Method) // whichever it comes to: what it hasn't isn't sent
		}
	}
	if len(methods) == 0 {
		methods = append(methods, c.Update)
	}
	return methods
}

// checkStatus refuses a status that isn't one, and makes it spelled rightly.
func (p *Planner) checkStatus(ask *Ask) error {
	column := p.Resource.Column("status")
	if ask.Status == "" || column == nil {
		return nil
	}
	i := slices.IndexFunc(column.Values, func(v string) bool { return strings.EqualFold(v, ask.Status) })
	if i < 0 {
		hint := "the statuses are " + strings.Join(column.Values, ", ")
		if near := catalog.Nearest(ask.Status, column.Values); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return planError(hint, "the status asked for is none that there is") // it isn't shown: values may be mixed up
	}
	ask.Status = column.Values[i]
	return nil
}

// An update is the planning of one row.
type update struct {
	p      *Planner
	r      *Row
	o      *object
	ask    *Ask
	params map[string]string
	body   map[string]json.RawMessage
	at     string // the status after the steps so far
}

func (u *update) plan() {
	c := u.p.Resource.Changes
	asked := u.ask.Status
	if asked != "" && asked != u.at {
		if line := c.SetStatus(u.at, asked, u.r.Before.facts()); line != nil && !line.Last {
			u.step(line.Method, nil, asked)
		}
	}
	u.values()
	if asked == "" || u.r.Refused != "" || u.arrived(asked) {
		return
	}
	if line := c.SetStatus(u.at, asked, u.r.Before.facts()); line != nil && line.Last {
		u.step(line.Method, nil, asked)
		return
	}
	u.r.Refused = u.noWay(asked)
}

// arrived says whether nothing more leads to the status asked for: it is there, or the step was made
// that should lead there.
func (u *update) arrived(asked string) bool {
	return u.at == asked || slices.ContainsFunc(u.r.Steps, func(op *Operation) bool { return op.Asked == asked })
}

// values adds the call that writes attributes and credentials, if any differ.
func (u *update) values() {
	c := u.p.Resource.Changes
	body := map[string]json.RawMessage{}
	for name, v := range u.body {
		if name == "profile" || name == "credentials" || !same(v, u.o.fields[name]) {
			body[name] = v
		}
	}
	m := c.Update
	var sets map[string]json.RawMessage
	var vanish []string
	if whole := u.body["profile"]; whole != nil {
		delete(body, "profile")
		profile, _ := members(whole) // its type has been checked
		sets, vanish = replaced(u.o.profile, profile)
		if len(sets) > 0 {
			m, body["profile"] = c.Replace, whole
		}
	}
	if different := differing(u.o.profile, u.ask.Attributes); len(different) > 0 {
		sets, body["profile"] = different, encode(different)
	}
	if m != c.Replace && body["type"] != nil {
		u.r.Refused = "is of another user type, which only SET profile can change together with the whole profile"
		return
	}
	if len(body) == 0 {
		return
	}
	if op := u.step(m, body, ""); op != nil {
		op.Sets, op.Vanish = sets, vanish
		op.was(u.o)
	}
}

// differing returns the attributes whose value isn't the present one.
func differing(present, asked map[string]json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, v := range asked {
		if !same(v, present[name]) {
			if isNull(v) {
				v = json.RawMessage("null")
			}
			out[name] = v
		}
	}
	return out
}

// replaced returns what differs once the profile is replaced as a whole, and the names of attributes
// that vanish, in order.
func replaced(present, whole map[string]json.RawMessage) (sets map[string]json.RawMessage, vanish []string) {
	sets = differing(present, whole)
	for _, name := range sortedKeys(present) {
		if isNull(present[name]) {
			continue
		}
		if v, there := whole[name]; !there || isNull(v) {
			sets[name] = json.RawMessage("null")
			vanish = append(vanish, name)
		}
	}
	return sets, vanish
}

// step adds a call, if the status reached so far allows it; else it refuses the row.
func (u *update) step(m *catalog.Method, body map[string]json.RawMessage, asked string) *Operation {
	f := u.r.Before.facts()
	if body["credentials"] != nil {
		f.NewPassword = (&Operation{Body: encode(body)}).setsPassword()
	}
	to, ok := m.Destination(u.at, f)
	if u.at == catalog.Previous {
		// Whatever it was before being suspended or locked out, it wasn't DEPROVISIONED.
		to, ok = catalog.Previous, true
	}
	if !ok {
		u.r.Refused = fmt.Sprintf("is %s; %s", u.at, allowedFrom(m))
		return nil
	}
	op := u.r.operation(m, u.params, body)
	op.From, op.To, op.Asked = u.at, to, asked
	op.back(u.r)
	u.at = to
	return op
}

// noWay says why a row can't come to the status asked for.
func (u *update) noWay(asked string) string {
	var from []string
	hint := ""
	for _, line := range u.p.Resource.Changes.Status {
		if line.To != asked {
			continue
		}
		if slices.Contains(line.From, u.at) { // and only the condition doesn't hold
			to, _ := line.Method.Destination(u.at, u.r.Before.facts())
			return fmt.Sprintf("is %s %s: %s makes it %s", u.at, opposite(line.If), line.Method.Name, to)
		}
		from = append(from, line.From...)
	}
	for _, m := range u.p.Resource.Methods {
		if to, ok := m.Destination(u.at, u.r.Before.facts()); ok && to == asked && to != u.at && m.Verb == "EXEC" && hint == "" {
			hint = "; EXEC … " + m.Name + " does"
		}
	}
	if len(from) == 0 {
		return fmt.Sprintf("is %s, and SET status leads nobody to %s%s", u.at, asked, hint)
	}
	slices.Sort(from)
	return fmt.Sprintf("is %s, and SET status leads to %s only from %s%s", u.at, asked, strings.Join(slices.Compact(from), ", "), hint)
}

func opposite(condition string) string {
	if condition == catalog.WithPassword {
		return catalog.WithoutPassword
	}
	return catalog.WithPassword
}
