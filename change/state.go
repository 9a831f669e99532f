package change

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/whoql/whoql/catalog"
)

// An object is an object of the API, taken apart as far as plans need it.
type object struct {
	id, name string
	state    State
	profile  map[string]json.RawMessage
	fields   map[string]json.RawMessage
}

// parseObject reads an object of the resource as the API gives it.
func parseObject(res *catalog.Resource, text json.RawMessage) (*object, error) {
	o := &object{state: State{Known: true}}
	if err := json.Unmarshal(text, &o.fields); err != nil || o.fields == nil {
		return nil, fmt.Errorf("change: a row of %s is no JSON object", res.Path())
	}
	if p := o.fields["profile"]; p != nil && json.Unmarshal(p, &o.profile) != nil {
		return nil, fmt.Errorf("change: the profile of a row of %s is no JSON object", res.Path())
	}
	for _, c := range res.Columns {
		switch {
		case !c.Key || len(c.Path) == 0:
		case len(c.Path) == 1 && o.id == "":
			o.id = textOf(o.fields[c.Path[0]])
		case len(c.Path) == 2 && c.Path[0] == "profile" && o.name == "":
			o.name = textOf(o.profile[c.Path[1]])
		}
	}
	if o.id == "" {
		return nil, fmt.Errorf("change: a row of %s has no id", res.Path())
	}
	var credentials struct{ Password json.RawMessage }
	if c := o.fields["credentials"]; c != nil && json.Unmarshal(c, &credentials) != nil {
		return nil, fmt.Errorf("change: the credentials of a row of %s are no JSON object", res.Path())
	}
	s := &o.state
	s.Status = textOf(o.fields["status"])
	s.Password = !isNull(credentials.Password)
	s.StatusChanged = textOf(o.fields["statusChanged"])
	s.LastUpdated = textOf(o.fields["lastUpdated"])
	s.PasswordChanged = textOf(o.fields["passwordChanged"])
	s.Profile = digest(o.profile)
	return o, nil
}

// facts are what moves depend on.
func (s State) facts() catalog.Facts { return catalog.Facts{Password: s.Password} }

// textOf returns a JSON text's value, "" for anything else.
func textOf(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// isNull says whether there is no value: none at all, or null.
func isNull(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || string(v) == "null"
}

// same says whether two values of an attribute are the same to the API, for which none and null are one.
func same(a, b json.RawMessage) bool {
	if isNull(a) || isNull(b) {
		return isNull(a) && isNull(b)
	}
	return bytes.Equal(canonical(a), canonical(b))
}

// digest is the SHA-256 of a profile's values, in hexadecimal digits; a value that is null is none.
func digest(profile map[string]json.RawMessage) string {
	values := make(map[string]json.RawMessage, len(profile))
	for name, v := range profile {
		if !isNull(v) {
			values[name] = v
		}
	}
	sum := sha256.Sum256(canonical(encode(values)))
	return hex.EncodeToString(sum[:])
}

// canonical is JSON in the one form that its value has: no spaces, keys in order, the shortest escapes,
// numbers without a needless fraction. What isn't JSON stays as it is.
func canonical(text json.RawMessage) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	return encode(plainNumbers(v))
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if _, err := strconv.ParseInt(string(v), 10, 64); err == nil || !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		if f, err := v.Float64(); err == nil {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// encode writes JSON as short as it goes, without escapes for HTML. v is known to work.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only maps, texts, numbers and valid JSON come here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// object returns a JSON object's members; ok is false if v is something else.
func members(v json.RawMessage) (m map[string]json.RawMessage, ok bool) {
	return m, json.Unmarshal(v, &m) == nil && m != nil
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
