package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed okta
var embedded embed.FS

var load = sync.OnceValues(func() (*Catalog, error) { return Parse(embedded) })

// Load returns the catalogue that is built into the binary. It is parsed once; every call returns
// the same read-only value. An error means that this build is broken.
func Load() (*Catalog, error) { return load() }

// Parse reads and validates a catalogue from fsys, which holds
//
//	okta/provider.yaml     the provider, and its services in the order in which SHOW lists them
//	okta/user/users.yaml   the resource okta.user.users; one file for each resource
//
// and nothing else. A resource's file has, besides its name and description,
//
//	like         another resource, whose objects these are too: fields, attributes and describe are
//	             that one's, its keys and what can be searched aren't
//	schemas      user, if the user schemas of an org say which attributes a profile has (Resource.Schemas)
//	complete     the search that finds all objects, if the plain list doesn't (Resource.Complete)
//	ranges       the field by whose ranges the list can be read side by side (Resource.Ranges)
//	describe     the fields in the order of DESCRIBE
//	fields       the columns of SELECT *, each with name, type, description, and as needed key,
//	             search, push, values (see Column)
//	hidden       columns with kind org, parameter (query: its name in the request; as needed needs,
//	             without, cut, values), required (path: the parameter of the list's path) or alias
//	             (of: the field)
//	attributes   by the field that they stand in: columns for what is inside of it
//	params       parameters that several methods share, and name in their params
//	methods      the methods; request is "GET /path/{param}", params and body are lists of
//	             parameters (see Method and Param). One SELECT method lists; another may get an object
//	             by the path parameter named by its key. moves, witness, irreversible, undo and renew
//	             say what a method does, and how that is seen and undone
//	changes      how UPDATE works: the methods read and update by name, replace as a method that is not
//	             on the provider's page, and the table status for SET status (see Changes)
//
// Keys that are not known, names given twice and anything that is missing or
// contradicts itself are errors; the first one is returned, as
//
//	catalog: okta/user/users.yaml:12: field "status": description is missing
//
// Only what has no line, such as a file that can't be read, is reported without one.
func Parse(fsys fs.FS) (*Catalog, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c := new(Catalog)
	var drafts []*draft
	for _, e := range entries {
		if !e.IsDir() {
			return nil, fmt.Errorf("catalog: %s: only the directories of providers belong here", e.Name())
		}
		p, more, err := parseProvider(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		c.Providers = append(c.Providers, p)
		drafts = append(drafts, more...)
	}
	// Those that are like another one come when that one is there.
	for _, likes := range []bool{false, true} {
		for _, d := range drafts {
			if (d.like != "") != likes {
				continue
			}
			base := c.Lookup(d.like)
			if slices.ContainsFunc(drafts, func(other *draft) bool { return other.res == base && other.like != "" }) {
				base = nil
			}
			if err := d.finish(base); err != nil {
				return nil, fmt.Errorf("catalog: %w", err)
			}
		}
	}
	if len(c.Providers) == 0 {
		return nil, errors.New("catalog: there is no provider")
	}
	return c, nil
}

const providerFile = "provider.yaml"

func parseProvider(fsys fs.FS, dir string) (*Provider, []*draft, error) {
	r, err := open(fsys, path.Join(dir, providerFile))
	if err != nil {
		return nil, nil, err
	}
	p := new(Provider)
	o := r.object(r.root, "provider", "provider", "description", "services")
	p.Name = o.name("provider")
	if p.Name != dir {
		o.fail("provider", "provider %q is in directory %q; the two must be the same", p.Name, dir)
	}
	p.Description = o.text("description")
	lines := make(map[string]object)
	for _, s := range o.objects("services", "service", "name", "description") {
		p.Services = append(p.Services, &Service{Name: s.name("name"), Description: s.text("description")})
		lines[s.key] = s
	}
	if len(p.Services) == 0 {
		o.fail("services", "there is no service")
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		_, known := lines[e.Name()]
		if !(known && e.IsDir()) && e.Name() != providerFile {
			o.fail("services", "%s has no service of its name here", path.Join(dir, e.Name()))
			return nil, nil, r.err
		}
	}
	var drafts []*draft
	for _, s := range p.Services {
		more, err := parseService(fsys, path.Join(dir, s.Name))
		if err != nil {
			return nil, nil, err
		}
		if len(more) == 0 {
			lines[s.Name].failHere("%s has no resource", path.Join(dir, s.Name))
			return nil, nil, r.err
		}
		for _, d := range more {
			s.Resources = append(s.Resources, d.res)
		}
		drafts = append(drafts, more...)
	}
	return p, drafts, nil
}

// A draft is a resource of which only name and description are read.
type draft struct {
	*reader
	object object
	res    *Resource
	like   string
}

// parseService begins with the resources of a service, in the order of their names.
func parseService(fsys fs.FS, dir string) ([]*draft, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var drafts []*draft
	seen := make(map[string]bool)
	for _, e := range entries {
		file := path.Join(dir, e.Name())
		name, ok := strings.CutSuffix(e.Name(), ".yaml")
		if !ok || e.IsDir() {
			return nil, fmt.Errorf("%s: only resources, NAME.yaml, belong here", file)
		}
		r, err := open(fsys, file)
		if err != nil {
			return nil, err
		}
		d := r.draft(dir, name)
		if seen[fold(name)] {
			r.fail(r.root, "resource %q is there twice, in different case", name)
		}
		seen[fold(name)] = true
		if r.err != nil {
			return nil, r.err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// draft begins with a resource. dir is provider/service, name what the file's name says.
func (r *reader) draft(dir, name string) *draft {
	provider, service := path.Split(dir)
	o := r.object(r.root, "resource", "resource", "description", "like", "complete", "ranges", "schemas", "describe",
		"fields", "hidden", "attributes", "params", "methods", "changes")
	res := &Resource{Provider: path.Clean(provider), Service: service, Name: o.name("resource"), Description: o.text("description")}
	if res.Name != name {
		o.fail("resource", "resource %q is in %s; the two must be the same", res.Name, r.file)
	}
	return &draft{reader: r, object: o, res: res, like: o.optional("like")}
}

// finish reads the rest of a resource. base is the one that it is like, if there is one.
func (d *draft) finish(base *Resource) error {
	o, res := d.object, d.res
	res.Complete = o.optional("complete")
	if res.Schemas = o.optional("schemas"); res.Schemas != "" && res.Schemas != "user" {
		o.fail("schemas", "schemas %q is not user", res.Schemas)
	}
	switch {
	case d.like == "":
		d.fields(o, res)
	case base == nil:
		o.fail("like", "like must name a resource that has fields of its own")
		return d.err
	default:
		for _, key := range []string{"schemas", "describe", "fields", "attributes"} {
			o.belongs(key, false)
		}
		res.Schemas = base.Schemas
		d.inherit(o, res, base, KindField)
		res.Describe = base.Describe
		d.hidden(o, res)
		d.inherit(o, res, base, KindAttribute)
	}
	d.methods(o, res)
	d.crossCheck(o, res)
	return d.err
}

// inherit copies the columns of a kind from the resource that this one is like.
func (r *reader) inherit(o object, res, base *Resource, kind Kind) {
	for _, c := range base.Columns {
		if c.Kind == kind {
			own := *c
			own.Key, own.Search, own.Push, own.Sort, own.Moves = false, "", nil, false, false
			r.at[&own] = o
			if res.Column(own.Name) != nil {
				o.fail("like", "the column %q is taken", own.Name)
			}
			res.Columns = append(res.Columns, &own)
		}
	}
}

var hiddenKinds = map[string]Kind{
	"org":       KindOrg,
	"parameter": KindParameter,
	"required":  KindRequired,
	"alias":     KindAlias,
}

var types = []string{"string", "object", "array", "boolean", "integer", "number"}

var pushes = []string{PushEqual, PushIn, PushNotEqual, PushPrefix, PushRange, PushPresent}

var columnKeys = []string{"name", "type", "description", "key", "search", "push", "sort", "moves", "always", "trimmed", "values", "varies", "date"}

// fields reads the fields, then the hidden columns, then the attributes. Their names are one space,
// in which case doesn't count.
func (r *reader) fields(o object, res *Resource) {
	fields := o.objects("fields", "field", columnKeys...)
	if len(fields) == 0 {
		o.fail("fields", "there is no field")
	}
	for _, f := range fields {
		res.add(f.column(KindField, ""), f)
	}
	r.hidden(o, res)
	r.attributes(o, res)
	r.describe(o, res)
}

// hidden reads the hidden columns but the attributes.
func (r *reader) hidden(o object, res *Resource) {
	for _, h := range o.objects("hidden", "column", append(columnKeys, "kind", "of", "query", "needs", "without", "cut", "path")...) {
		word := h.text("kind")
		kind, ok := hiddenKinds[word]
		if !ok {
			h.fail("kind", "kind %q is not one of alias, org, parameter, required", word)
		}
		c := h.column(kind, "")
		h.belongs("of", kind == KindAlias)
		for _, key := range []string{"query", "needs", "without", "cut"} {
			h.belongs(key, kind == KindParameter)
		}
		h.belongs("path", kind == KindRequired)
		switch kind {
		case KindAlias:
			of := res.Column(h.text("of"))
			if of == nil || of.Kind != KindField {
				h.fail("of", "of must name a field")
			} else {
				c.Path = of.Path
			}
		case KindParameter:
			c.Query = h.text("query")
			c.Needs, c.Without, c.Cut = h.optional("needs"), h.words("without"), h.count("cut", maxPage)
		case KindRequired:
			c.Route = h.text("path")
		}
		res.add(c, h)
	}
}

// attributes reads the columns for what stands inside a field that is an object. An attribute's
// column has the attribute's name, and the API searches it as FIELD.NAME.
func (r *reader) attributes(o object, res *Resource) {
	n := o.values["attributes"]
	if n == nil {
		return
	}
	var objects []string
	for _, c := range res.Columns {
		if c.Kind == KindField && c.Type == "object" {
			objects = append(objects, c.Name)
		}
	}
	in := r.object(n, "attributes", objects...)
	for _, field := range objects {
		for _, a := range in.objects(field, "attribute", columnKeys...) {
			res.add(a.column(KindAttribute, field), a)
		}
	}
}

// add appends a column whose name was read from o and has to be new.
func (r *Resource) add(c *Column, o object) {
	if r.Column(c.Name) != nil {
		o.failHere("the name is taken")
	}
	r.Columns = append(r.Columns, c)
}

// column reads what all kinds of columns have. field is the one that an attribute stands in.
func (o object) column(kind Kind, field string) *Column {
	c := &Column{
		Name:        o.name("name"),
		Kind:        kind,
		Type:        o.oneOf("type", types),
		Description: o.text("description"),
		Key:         o.flag("key"),
		Search:      o.optional("search"),
		Push:        o.words("push"),
		Sort:        o.flag("sort"),
		Moves:       o.flag("moves"),
		Always:      o.flag("always"),
		Trimmed:     o.flag("trimmed"),
		Values:      o.words("values"),
		Varies:      o.flag("varies"),
		Date:        o.flag("date"),
	}
	o.reader.at[c] = o
	switch kind {
	case KindField:
		c.Path = []string{c.Name}
	case KindAttribute:
		o.belongs("search", false)
		c.Path = []string{field, c.Name}
		c.Search = field + "." + c.Name
	}
	for _, op := range c.Push {
		switch {
		case !slices.Contains(pushes, op):
			o.fail("push", "push operator %q is not one of %s", op, strings.Join(pushes, ", "))
		case op == PushNotEqual && len(c.Values) == 0:
			o.fail("push", "push operator %q needs values, the only ones that there are", op)
		case op == PushPrefix && c.Type != "string" || c.Type == "array" || c.Type == "object":
			o.fail("push", "push operator %q is not for the type %s", op, c.Type)
		}
	}
	inObject := kind != KindOrg && kind != KindParameter && kind != KindRequired
	switch {
	case c.Search != "" && !inObject:
		o.fail("search", "only what stands in the API's object can be searched")
	case c.Key && !inObject:
		o.fail("key", "only what stands in the API's object can be a key")
	}
	return c
}

// describe reads the order of DESCRIBE: a permutation of the fields.
func (r *reader) describe(o object, res *Resource) {
	res.Describe = o.words("describe")
	for _, name := range res.Describe {
		if c := res.Column(name); c == nil || c.Name != name || c.Hidden() {
			o.fail("describe", "describe names %q, which is no field", name)
		}
	}
	for _, c := range res.Columns {
		if !c.Hidden() && !slices.Contains(res.Describe, c.Name) {
			o.fail("describe", "describe leaves out field %q", c.Name)
		}
	}
}
