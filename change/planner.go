package change

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/whoql/whoql/catalog"
)

// A Planner turns what a statement asks for into a plan. Its methods only compute.
type Planner struct {
	// Resource is the table that the statement changes.
	Resource *catalog.Resource
	// Statement is the statement's text.
	Statement string
	// Query is true where the rows are found by a query, and not named in the statement. What mails people
	// is then refused unless the statement says that it shall.
	Query bool
	// Now is the local clock; nil: time.Now.
	Now func() time.Time
	// Protected returns why a row mustn't be changed by anyone here, such as the caller's own; "" if it
	// may. nil: nothing is protected. It isn't asked about rows that an INSERT makes.
	Protected func(org, id, name string) string
}

// An Ask is what a statement asks for one row. Which parts a statement can have is said at the
// Planner's methods; others are an error.
type Ask struct {
	// Org is the org's name.
	Org string
	// Object is the object as the API gave it, whole; nil: it hasn't been read, and is before the first
	// call. ETag is what came with it, empty if nothing did. Read is when that was, by the local clock (zero:
	// too long ago), and Index whether in the search index.
	Object json.RawMessage
	ETag   string
	Read   time.Time
	Index  bool
	// Key is the object's id, or what else stands for it in a path, such as a login, where Object is nil.
	Key string
	// Refused says why no call can be made for the object, whatever it is; empty: nothing is known that is in the
	// way.
	Refused string
	// Anyway: a call of Exec is made whatever the status is, and the org is the judge. Off, a row whose
	// status doesn't allow it is refused.
	Anyway bool

	// Status is what SET status asks for; empty: nothing.
	Status string
	// Attributes are values for attributes of the profile, by name in the API's spelling; null clears one.
	Attributes map[string]json.RawMessage
	// Fields are values for fields of the request's body, by name, such as profile or credentials; null is
	// as good as nothing.
	Fields map[string]json.RawMessage
	// Params are values of the method's parameters in path, query and header by name, such as sendEmail:
	// "false". Of those in the path one can be left out: the object's key is taken for it. For a boolean, 1, 0 and any case of true and false are taken, too.
	Params map[string]string
}

// A PlanError is a mistake in the statement as a whole, because of which there is no plan.
type PlanError struct {
	// Msg says what is wrong, Hint what to do; Hint may be empty.
	Msg, Hint string
}

// Error is the message and the hint.
func (e *PlanError) Error() string {
	if e.Hint == "" {
		return "change: " + e.Msg
	}
	return "change: " + e.Msg + ": " + e.Hint
}

func planError(hint, format string, args ...any) error {
	return &PlanError{Msg: fmt.Sprintf(format, args...), Hint: hint}
}

func (p *Planner) plan(verb string, asks []Ask) *Plan {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	return &Plan{Statement: p.Statement, Verb: verb, Resource: p.Resource, Made: now(), Rows: make([]*Row, 0, len(asks)),
		secret: len(asks) == 0} // no row tells what the text would give them
}

// existing plans what is asked for objects that exist. one plans a row; the object is nil if it hasn't been
// read, and what refuses the row whatever is asked is noted already. Asks about the same object are one
// row if they ask for the same; else it is refused.
func (p *Planner) existing(plan *Plan, asks []Ask, one func(*Row, *object, *Ask) error) (*Plan, error) {
	type first struct {
		row *Row
		ask *Ask
	}
	seen := map[string]first{}
	for i := range asks {
		ask := &asks[i]
		r, o, err := p.row(len(plan.Rows), i, ask)
		if err != nil {
			return nil, err
		}
		key := r.Org + "\x00" + r.ID
		if before, twice := seen[key]; twice {
			plan.secret = plan.secret || slices.ContainsFunc(sortedKeys(ask.Fields), p.secretField)
			if what := p.contradiction(before.ask, ask); what != "" && !before.row.Ambiguous {
				before.row.Refused, before.row.Ambiguous = "is matched by several rows, with "+what, true
				before.row.Steps, before.row.Unchanged = nil, false
			}
			continue
		}
		seen[key] = first{r, ask}
		plan.Rows = append(plan.Rows, r)
		if err := one(r, o, ask); err != nil {
			return nil, err
		}
		if r.Refused != "" {
			r.Steps = nil
		}
		if err := p.mailsUnasked(plan, r, ask); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// mailsUnasked refuses a set of calls that would mail people only because nobody said otherwise.
func (p *Planner) mailsUnasked(plan *Plan, r *Row, ask *Ask) error {
	for _, op := range r.Steps {
		if !p.Query || !op.Mails() {
			continue
		}
		by := op.Method.Mails.By.Name
		if slices.ContainsFunc(sortedKeys(ask.Params), func(name string) bool { return strings.EqualFold(name, by) }) {
			continue
		}
		hint := map[string]string{
			"EXEC":   "say @" + by + " = true, or false to get the links back",
			"UPDATE": "say SET …, " + by + " = true, or false to get the links back",
			"INSERT": "give the column " + by + ": true to mail them, false to mail nobody",
		}[plan.Verb]
		return planError(hint, "%s mails everyone whom it is run for", op.Method.Name)
	}
	return nil
}

// row is the row that an ask is about.
func (p *Planner) row(index, number int, ask *Ask) (*Row, *object, error) {
	r := &Row{Index: index, Org: ask.Org, ID: ask.Key, Object: ask.Object}
	if ask.Object == nil && ask.Key == "" {
		return r, nil, planError("", "row %d has no key", number+1)
	}
	var o *object
	if ask.Object != nil {
		var err error
		if o, err = parseObject(p.Resource, ask.Object); err != nil {
			return r, nil, err
		}
		r.ID, r.Name, r.Before = o.id, o.name, o.state
		r.Before.ETag, r.Before.Read, r.Before.Index = ask.ETag, ask.Read, ask.Index
	}
	r.Refused = ask.Refused
	if r.Refused == "" && p.Protected != nil {
		r.Refused = p.Protected(r.Org, r.ID, r.Name)
	}
	return r, o, nil
}

// contradiction says in what two asks about the same object differ; "" if in nothing. Secrets aren't in it.
func (p *Planner) contradiction(a, b *Ask) string {
	if !strings.EqualFold(a.Status, b.Status) {
		return fmt.Sprintf("status %q and %q", a.Status, b.Status)
	}
	differ := func(a, b map[string]json.RawMessage, hidden func(string) bool) string {
		names := sortedKeys(a)
		for _, name := range sortedKeys(b) {
			if _, both := a[name]; !both {
				names = append(names, name)
			}
		}
		for _, name := range names {
			switch x, y := a[name], b[name]; {
			case same(x, y):
			case hidden(name):
				return "two different " + name
			default:
				return fmt.Sprintf("%s %s and %s", name, shortened(x), shortened(y))
			}
		}
		return ""
	}
	if what := differ(a.Attributes, b.Attributes, func(string) bool { return false }); what != "" {
		return what
	}
	if what := differ(a.Fields, b.Fields, p.secretField); what != "" {
		return what
	}
	texts := func(params map[string]string) map[string]json.RawMessage {
		out := map[string]json.RawMessage{}
		for name, v := range params {
			out[name] = encode(v)
		}
		return out
	}
	return differ(texts(a.Params), texts(b.Params), func(string) bool { return false })
}

// secretField says whether some method has a field of the name that may hold a secret.
func (p *Planner) secretField(name string) bool {
	return slices.ContainsFunc(p.Resource.Methods, func(m *catalog.Method) bool {
		return slices.ContainsFunc(m.Body, func(b *catalog.Param) bool { return b.Secret && strings.EqualFold(b.Name, name) })
	})
}

// shortened is a value for people to read.
func shortened(v json.RawMessage) string {
	const most = 60
	if isNull(v) {
		return "NULL"
	}
	text := []rune(string(v))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// params checks an ask's parameters against those of methods and writes them as the API wants them. Each
// has to be one of some method's.
func (p *Planner) params(ask *Ask, methods ...*catalog.Method) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range sortedKeys(ask.Params) {
		var param *catalog.Param
		var known []string
		for _, m := range methods {
			for _, one := range m.Params {
				if one.In == "org" {
					continue
				}
				known = append(known, one.Name)
				if strings.EqualFold(one.Name, name) {
					param = one
				}
			}
		}
		if param == nil {
			hint := "it has no parameters"
			if len(known) > 0 {
				slices.Sort(known)
				hint = "it has " + strings.Join(slices.Compact(known), ", ")
			}
			return nil, planError(hint, "%s has no parameter %s", methods[0].Name, name)
		}
		value, err := paramValue(param, ask.Params[name])
		if err != nil {
			return nil, err
		}
		if _, twice := out[param.Name]; twice {
			return nil, planError("", "parameter %s is given twice", param.Name)
		}
		out[param.Name] = value
	}
	for _, m := range methods {
		open := 0
		for _, one := range m.Params {
			if _, given := out[one.Name]; one.In == "path" && !given {
				if open++; open > 1 {
					return nil, planError("", "%s needs %s", m.Name, one.Name)
				}
			}
		}
	}
	return out, nil
}

// maxParam is the longest value of a parameter in bytes: servers refuse long headers and queries in ways of
// their own.
const maxParam = 4096

// paramValue checks a parameter's value and writes it as the API wants it. Errors don't say it, since it may
// be a secret that stands in the wrong place.
func paramValue(p *catalog.Param, text string) (string, error) {
	switch {
	case len(text) > maxParam:
		return "", planError("", "parameter %s is longer than %d bytes", p.Name, maxParam)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", planError("", "parameter %s has control characters, or is no text in UTF-8", p.Name)
	case p.In == "header" && (strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })):
		return "", planError("", "parameter %s can't be sent as it is: a header has ASCII letters, and no spaces around them", p.Name)
	}
	if p.Type == "boolean" {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "1", "true":
			return "true", nil
		case "0", "false":
			return "false", nil
		}
		return "", planError("write true or false", "parameter %s is neither true nor false", p.Name)
	}
	if p.Type == "integer" {
		if _, err := strconv.Atoi(text); err != nil {
			return "", planError("write a whole number", "parameter %s is no whole number", p.Name)
		}
	}
	return text, nil
}

// operation makes the row's next step: a call of m, with those of the parameters that it has.
func (r *Row) operation(m *catalog.Method, params map[string]string, body map[string]json.RawMessage) *Operation {
	op := &Operation{Step: len(r.Steps), Method: m, Path: map[string]string{}, Query: map[string]string{}}
	for _, one := range m.Params {
		value, given := params[one.Name]
		switch {
		case one.In == "path" && !given:
			op.Path[one.Name] = r.ID // at most one isn't given
		case one.In == "path":
			op.Path[one.Name] = value
		case given && one.In == "query":
			op.Query[one.Wire] = value
		case given && one.Wire == "If-Match":
			op.IfMatch = value
		}
	}
	if len(body) > 0 {
		op.Body = encode(body)
	}
	op.back(r)
	r.Steps = append(r.Steps, op)
	return op
}

// back says what undoes an operation, and what stays as it leaves it. It is asked again once body and
// statuses are known.
func (op *Operation) back(r *Row) {
	op.Undo, op.Irreversible = op.Method.Back(op.From, r.Before.facts())
	if op.Undo != catalog.UndoValues {
		return
	}
	var stays, why []string
	body, _ := members(op.Body)
	for _, name := range sortedKeys(body) {
		secret := slices.ContainsFunc(op.Method.Body, func(b *catalog.Param) bool { return b.Name == name && b.Secret })
		switch {
		case name == "profile":
		case secret:
			why = append(why, "the former "+name+" aren't known")
		default:
			stays = append(stays, name)
		}
	}
	if op.From != op.To && op.From != "" {
		stays = append(stays, "the status")
	}
	if len(stays) > 0 {
		why = append(why, "an undo leaves "+strings.Join(stays, " and ")+" as this makes it")
	}
	op.Undo, op.Irreversible = "writing the former values", strings.Join(why, "; ")
	switch {
	case body != nil && body["profile"] == nil:
		op.Undo = ""
	case len(why) > 0:
		op.Undo = "writing the former values of the attributes"
	}
}

// fields checks the fields of an ask's body against those of a method, spells them as the API does and
// leaves out those that are null. It also checks the attributes.
func (p *Planner) fields(plan *Plan, ask *Ask, m *catalog.Method) (map[string]json.RawMessage, error) {
	for _, name := range sortedKeys(ask.Attributes) {
		if name == "" || !utf8.ValidString(name) {
			return nil, planError("", "%q can't be the name of an attribute", name)
		}
		if v := ask.Attributes[name]; len(v) > 0 && !json.Valid(v) {
			return nil, planError("", "the value of attribute %s is no JSON", name)
		}
	}
	out := map[string]json.RawMessage{}
	for _, name := range sortedKeys(ask.Fields) {
		i := slices.IndexFunc(m.Body, func(b *catalog.Param) bool { return strings.EqualFold(b.Name, name) })
		if i < 0 {
			hint := "its body has no fields"
			if len(m.Body) > 0 {
				hint = "it has " + strings.Join(paramNames(m.Body), ", ")
			}
			return nil, planError(hint, "%s has no field %s", m.Name, name)
		}
		b, value := m.Body[i], ask.Fields[name]
		plan.secret = plan.secret || b.Secret // even if null is given here, the text may give others more
		if isNull(value) {
			continue
		}
		if err := fieldType(b, value); err != nil {
			return nil, err
		}
		if out[b.Name] != nil {
			return nil, planError("", "field %s is given twice", b.Name)
		}
		out[b.Name] = value
	}
	for _, b := range m.Body {
		if b.Required && out[b.Name] == nil && !(b.Name == "profile" && len(ask.Attributes) > 0) {
			return nil, planError(b.Description, "%s needs %s", m.Name, b.Name)
		}
	}
	return out, nil
}

func paramNames(params []*catalog.Param) []string {
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	return names
}

// fieldType refuses a value whose JSON is of another type than the field's. It doesn't say the value,
// which may be a secret.
func fieldType(b *catalog.Param, value json.RawMessage) error {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return planError("", "field %s is no JSON", b.Name)
	}
	ok := true
	switch v.(type) {
	case map[string]any:
		ok = b.Type == "object"
	case []any:
		ok = b.Type == "array"
	case string:
		ok = b.Type == "string"
	case bool:
		ok = b.Type == "boolean"
	case float64:
		ok = b.Type == "integer" || b.Type == "number"
	}
	if !ok {
		hint := ""
		if b.Type == "object" || b.Type == "array" {
			hint = "write it as JSON, such as " + map[string]string{"object": `'{"name":"value"}'`, "array": `'["value"]'`}[b.Type]
		}
		return planError(hint, "field %s is not of type %s", b.Name, b.Type)
	}
	return nil
}

// allowedFrom says in words from where a method is allowed.
func allowedFrom(m *catalog.Method) string {
	return m.Name + " is for " + strings.Join(m.Statuses, ", ")
}
