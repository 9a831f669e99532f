package whoql

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
)

// A projection is what is asked for of each object; the zero value is all of it.
type projection struct {
	// fields is the parameter of this name, such as id,status,profile:(login,city); "": all.
	fields string
	// has are the paths of what each object then has. Whoever doesn't know the parameter, or an attribute in it,
	// must not pass for an org whose users have no values.
	has []string
	// trimmed: what the catalogue calls so is left out.
	trimmed bool
}

// projectionOf is what must be asked for where some columns' values are read.
//
// Only what Okta's description of the parameter shows is written: fields that every object has, and
// attributes that all orgs have. For the others, the whole profile and custom attributes among them, nobody
// could tell an answer that leaves them out from one that has no value.
func projectionOf(r *catalog.Resource, m *catalog.Method, columns []*catalog.Column) projection {
	all := projection{trimmed: m.Trims && !slices.ContainsFunc(columns, func(c *catalog.Column) bool { return c.Trimmed })}
	if !m.Fields {
		return all
	}
	some := projection{trimmed: all.trimmed}
	fields, attributes, of := []string{"id"}, []string(nil), ""
	for _, c := range columns {
		switch {
		case len(c.Path) == 0:
		case len(c.Path) == 1 && c.Path[0] == "id": // always sent
		case len(c.Path) == 1 && c.Always:
			if !slices.Contains(fields, c.Path[0]) {
				fields = append(fields, c.Path[0])
				some.has = append(some.has, c.Path[0])
			}
		case len(c.Path) == 2 && !c.Custom && (of == "" || of == c.Path[0]):
			of = c.Path[0]
			attributes = append(attributes, c.Path[1])
		default:
			return all
		}
	}
	if of == "" {
		some.fields = strings.Join(fields, ",")
		return some
	}
	// Attributes are left out while they have no value, save for some.
	sure := slices.IndexFunc(r.Columns, func(c *catalog.Column) bool { return c.Always && len(c.Path) == 2 && c.Path[0] == of })
	if sure < 0 {
		return all
	}
	if name := r.Columns[sure].Path[1]; !slices.Contains(attributes, name) {
		attributes = append(attributes, name)
	}
	for _, c := range r.Columns {
		if c.Always && len(c.Path) == 2 && c.Path[0] == of && slices.Contains(attributes, c.Path[1]) {
			some.has = append(some.has, strings.Join(c.Path, "."))
		}
	}
	some.fields = strings.Join(append(fields, of+":("+strings.Join(attributes, ",")+")"), ",")
	return some
}

// lacking returns what an object lacks of what it must have; "": nothing.
func (p *projection) lacking(items [][]byte) string {
	for _, obj := range items {
		for _, path := range p.has {
			if !gjson.GetBytes(obj, path).Exists() {
				return path
			}
		}
	}
	return ""
}

// String says what is asked for, for EXPLAIN.
func (p projection) String() string {
	switch {
	case p.fields != "":
		return strings.ReplaceAll(p.fields, ",", ", ")
	case p.trimmed:
		return "all but credentials and transitioningToStatus"
	}
	return "all"
}

// refuses reports whether an error can mean that the org doesn't take the parameter fields. E0000031 is about
// what is searched for.
func refuses(err error) bool {
	e, ok := errors.AsType[*okta.Error](err)
	return ok && e.Status == http.StatusBadRequest && e.Code != "E0000031"
}

// unprojected are the orgs of an engine that don't take the parameter fields. It may be used concurrently.
type unprojected struct {
	mu   sync.Mutex
	orgs map[string]string // name → why
}

func (w *unprojected) has(org string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.orgs[org]
	return ok
}

func (w *unprojected) add(org, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.orgs == nil {
		w.orgs = map[string]string{}
	}
	if _, ok := w.orgs[org]; !ok {
		w.orgs[org] = why
	}
}

// snapshot returns a sentence for each of the orgs, in the order of their names.
func (w *unprojected) snapshot() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for org, why := range w.orgs {
		out = append(out, fmt.Sprintf("%s %s: whole objects are read there", org, why))
	}
	slices.Sort(out)
	return out
}

// A FieldsError is a page of a list whose objects lack what was asked for with the parameter fields, where the first
// page's had it.
type FieldsError struct {
	// Path is what is lacking, such as profile.login. [Options].NoProjection asks for whole objects instead.
	Path string
}

// Error says what is lacking.
func (e *FieldsError) Error() string {
	return fmt.Sprintf("an object came without %s, which was asked for", e.Path)
}
