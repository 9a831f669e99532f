package whoql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// A setter says what a value that a change gives is for.
type setter struct {
	name string // in the API's spelling
	kind setterKind
	typ  string // the provider's type word
	pos  int    // of the name in the source
}

type setterKind int

const (
	setOrg       setterKind = iota // the org to change
	setKey                         // the object's id, or what stands for it
	setStatus                      // SET status
	setAttribute                   // an attribute of the profile
	setField                       // a field of the request's body
	setParam                       // a query or header parameter
	setBody                        // @@json: the whole body
)

// dataPrefix is how scripts of the provider write the fields of a body: data__profile.
const dataPrefix = "data__"

// setters says what the columns or parameters of a change are for.
func (c *changeResult) setters(ctx context.Context, targets []stmt.Target) ([]setter, error) {
	var out []setter
	for _, t := range targets {
		s, err := c.setter(ctx, t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (c *changeResult) setter(ctx context.Context, t stmt.Target) (setter, error) {
	if t.Body {
		return setter{name: t.Name, kind: setBody, typ: "object", pos: t.Pos}, nil
	}
	name := t.Name
	if len(name) > len(dataPrefix) && strings.EqualFold(name[:len(dataPrefix)], dataPrefix) {
		name = name[len(dataPrefix):]
	}
	if c.change.Kind == stmt.Update && strings.EqualFold(name, "status") {
		return setter{name: "status", kind: setStatus, typ: "string", pos: t.Pos}, nil
	}
	var known []string
	for _, p := range c.params() {
		known = append(known, p.Name)
		if strings.EqualFold(p.Name, name) {
			return setter{name: p.Name, kind: kindOfParam(p), typ: p.Type, pos: t.Pos}, nil
		}
	}
	if !c.hasProfile() {
		return setter{}, c.unknown(t, known)
	}
	for _, col := range c.resource.Columns {
		if col.Kind != catalog.KindAttribute || len(col.Path) != 2 {
			continue
		}
		known = append(known, col.Name)
		if strings.EqualFold(col.Name, name) {
			return setter{name: col.Path[1], kind: setAttribute, typ: col.Type, pos: t.Pos}, nil
		}
	}
	custom, err := c.customAttribute(ctx, name)
	switch {
	case err != nil:
		return setter{}, err
	case custom == nil:
		return setter{}, c.unknown(t, known)
	case custom.Type == catalog.Mixed:
		return setter{}, c.errorAt(t.Pos, custom.Name+" has one type here and another there", "give it in JSON: EXEC "+c.resource.Path()+".update … @profile = json_object(…)")
	}
	return setter{name: custom.Path[1], kind: setAttribute, typ: custom.Type, pos: t.Pos}, nil
}

// customAttribute is the column of an attribute that the orgs have added themselves, by their user
// schemas: those of the orgs that the statement's SELECT names, else of the default org. Nil: there is none.
func (c *changeResult) customAttribute(ctx context.Context, name string) (*catalog.Column, error) {
	if c.resource.Schemas == "" {
		return nil, nil
	}
	l := &learner{query: c.query}
	for _, text := range c.texts {
		if err := l.orgsOf(text); err != nil {
			return nil, err
		}
	}
	if len(l.orgs) == 0 {
		orgs, err := c.query.orgs(nil)
		if err != nil {
			return nil, nil // which org is meant, only the rows say
		}
		l.orgs = orgs
	}
	for _, again := range []bool{false, true} {
		var schemas *schemaError
		if err := l.read(ctx, again); errors.As(err, &schemas) && schemas.refused() {
			return nil, nil // the credential may not read them
		} else if err != nil {
			return nil, err
		}
		for _, col := range c.resource.AttributeColumns(l.known, false) {
			if catalog.SameName(col.Name, name) {
				return col, nil
			}
		}
	}
	return nil, nil
}

func kindOfParam(p *catalog.Param) setterKind {
	switch p.In {
	case "org":
		return setOrg
	case "path":
		return setKey
	case "body":
		return setField
	}
	return setParam
}

// unknown is the error of a name that sets nothing.
func (c *changeResult) unknown(t stmt.Target, known []string) error {
	what := map[stmt.Kind]string{stmt.Insert: "INSERT sets no column", stmt.Update: "UPDATE sets no column", stmt.Exec: c.change.Method + " has no parameter"}[c.change.Kind]
	hint := "there are: " + strings.Join(known, ", ")
	if c.change.Kind == stmt.Insert && strings.EqualFold(t.Name, "status") {
		hint = "it follows from the column activate (false: STAGED), the password and nextLogin"
	} else if key := c.keyFor(t.Name); key != "" && c.change.For {
		hint = "the columns behind FOR are parameters: SELECT " + t.Name + " AS " + key
	} else if key != "" {
		hint = "the id or the login is given as @" + key
	} else if near := catalog.Nearest(t.Name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return c.errorAt(t.Pos, what+" "+t.Name, hint)
}

// keyFor is the parameter of an EXEC that a column of the table gives a value for, if that names an object; else
// it is empty.
func (c *changeResult) keyFor(column string) string {
	col := c.resource.Column(column)
	if c.change.Kind != stmt.Exec || col == nil || !col.Key {
		return ""
	}
	for _, p := range c.method.Params {
		if p.In == "path" {
			return p.Name
		}
	}
	return ""
}

// trueOrFalse adds to an error about a name that isn't known what belongs in its place, if it is given for a
// boolean or looks like one.
func (c *changeResult) trueOrFalse(err error) error {
	var wrong *stmt.Error
	if !errors.As(err, &wrong) {
		return err
	}
	name, ok := strings.CutPrefix(wrong.Msg, "no such column: ")
	if !ok {
		return err
	}
	boolean := c.change.Kind != stmt.Update && catalog.Nearest(name, []string{"true", "false"}) != ""
	for _, t := range c.change.Set {
		for _, p := range c.params() {
			boolean = boolean || t.ValuePos == wrong.Pos && strings.EqualFold(p.Name, t.Name) && p.Type == "boolean"
		}
	}
	if boolean {
		wrong.Hint = "write true or false"
	}
	return err
}

// params are the parameters and body fields that the statement can give. An UPDATE's org and key are found
// by WHERE; it has the parameters of whatever SET status may come to, too.
func (c *changeResult) params() []*catalog.Param {
	if c.change.Kind != stmt.Update {
		return append(slices.Clone(c.method.Params), c.method.Body...)
	}
	methods := []*catalog.Method{c.method}
	for _, line := range c.resource.Changes.Status {
		methods = append(methods, line.Method)
	}
	var out []*catalog.Param
	for _, m := range methods {
		for _, p := range m.Params {
			known := slices.ContainsFunc(out, func(o *catalog.Param) bool { return o.Name == p.Name })
			if !known && (p.In == "query" || p.In == "header") {
				out = append(out, p)
			}
		}
	}
	return append(out, c.method.Body...)
}

// hasProfile says whether attributes can be given one by one.
func (c *changeResult) hasProfile() bool {
	for _, p := range c.method.Body {
		if p.Name == "profile" {
			return true
		}
	}
	return false
}

// put adds a value to what a row asks for.
func (s *setter) put(ask *change.Ask, v any, row int) error {
	// The value isn't shown: it may be a secret.
	bad := func(msg string) error {
		return &ChangePlanError{Msg: fmt.Sprintf("row %d: %s %s", row, s.name, msg), Hint: "nothing was changed"}
	}
	switch s.kind {
	case setOrg, setKey, setStatus:
		text := textOf(v)
		if text == "" {
			return bad("is empty")
		}
		switch s.kind {
		case setOrg:
			ask.Org = text
		case setKey:
			ask.Key = text
		default:
			ask.Status = text
		}
	case setParam:
		if v != nil {
			ask.Params[s.name] = textAs(s.typ, v)
		}
	case setAttribute, setField:
		value, problem := jsonOf(s.typ, v)
		if problem != "" {
			return bad(problem)
		}
		if s.kind == setField {
			ask.Fields[s.name] = value
		} else {
			ask.Attributes[s.name] = value
		}
	case setBody:
		value, problem := jsonOf("object", v)
		if problem != "" {
			return bad(problem)
		}
		var twice string
		gjson.ParseBytes(value).ForEach(func(name, member gjson.Result) bool {
			if _, ok := ask.Fields[name.String()]; ok {
				twice = name.String()
			}
			ask.Fields[name.String()] = json.RawMessage(member.Raw)
			return true
		})
		if twice != "" {
			return bad("gives " + twice + " twice")
		}
	}
	return nil
}

// A realValue is a REAL with the text that SQLite makes of it.
type realValue struct {
	float float64
	text  string
}

// valueOf is column i of a row as a value for a change.
func valueOf(row *vtab.Stmt, i int) any {
	v := row.Value(i)
	if f, ok := v.(float64); ok {
		return realValue{f, row.Text(i)}
	}
	return v
}

// number is a REAL as what wants a number, or a boolean, has it: an integer without a fraction.
func (r realValue) number() string {
	if r.float == math.Trunc(r.float) && math.Abs(r.float) <= maxExact {
		return strconv.FormatInt(int64(r.float), 10)
	}
	return strconv.FormatFloat(r.float, 'g', -1, 64)
}

// textOf is a value as a text.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case realValue:
		return v.text
	}
	return fmt.Sprint(v)
}

// textAs is a value as a text for what has the type given.
func textAs(typ string, v any) string {
	if r, ok := v.(realValue); ok && slices.Contains([]string{"boolean", "integer", "number"}, typ) {
		return r.number()
	}
	return textOf(v)
}

// jsonOf is a value of SQL as the JSON of a field of the type given, or what is wrong with it.
func jsonOf(typ string, v any) (json.RawMessage, string) {
	if v == nil {
		return json.RawMessage("null"), ""
	}
	if _, ok := v.([]byte); ok {
		return nil, "is a BLOB, which JSON has not"
	}
	text := textAs(typ, v)
	if !utf8.ValidString(text) {
		return nil, "is no text in UTF-8"
	}
	switch typ {
	case "object", "array":
		open := map[string]string{"object": "{", "array": "["}[typ]
		if t := strings.TrimSpace(text); !gjson.Valid(t) || !strings.HasPrefix(t, open) {
			return nil, "is no JSON " + typ
		}
		return json.RawMessage(strings.TrimSpace(text)), ""
	case "boolean":
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "1", "true":
			return json.RawMessage("true"), ""
		case "0", "false":
			return json.RawMessage("false"), ""
		}
		return nil, "is neither true nor false"
	case "integer", "number":
		t := strings.TrimSpace(text)
		n, err := strconv.ParseFloat(t, 64)
		if err != nil || !gjson.Valid(t) || typ == "integer" && n != float64(int64(n)) {
			return nil, "is no " + typ
		}
		return json.RawMessage(t), ""
	}
	b, _ := marshal(text) // a text always can be
	return b, ""
}

// objectOf puts an object together again from the values of its fields.
func objectOf(fields []*catalog.Column, values []any) json.RawMessage {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		value, problem := jsonOf(f.Type, values[i])
		if problem != "" {
			value, _ = jsonOf("string", textOf(values[i]))
		}
		b.WriteString(strconv.Quote(f.Name) + ":" + string(value))
	}
	b.WriteByte('}')
	return json.RawMessage(b.String())
}
