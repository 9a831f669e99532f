package catalog

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// An Attribute is an attribute of profiles as an org's own schemas define it.
type Attribute struct {
	Name string
	// Type is the provider's type word, as in Column; Mixed where it is not the same everywhere.
	Type        string
	Description string
	// Everywhere is true if every org that was asked has the attribute.
	Everywhere bool
}

// Mixed is the type of an attribute that has one type here and another there, in the schemas of
// several user types or orgs.
const Mixed = "mixed"

// rowIDs are the names under which SQLite knows the key of any row. A column of such a name would
// hide it.
var rowIDs = []string{"rowid", "oid", "_rowid_"}

// profileField is the field whose attributes schemas define.
const profileField = "profile"

// pushesOf are the conditions that the API can be asked about an attribute, by its type. Whether it holds
// zero, false and the empty text for values isn't known, so that IS NOT NULL is not among them.
var pushesOf = map[string][]string{
	"string":  {PushEqual, PushIn, PushPrefix},
	"integer": {PushEqual, PushIn, PushRange},
	"number":  {PushEqual, PushIn, PushRange},
	"boolean": {PushEqual, PushIn},
}

// AttributeColumns returns columns for those attributes that the resource has no column for yet, in
// the order of their names. An attribute whose name is taken, in any case, by another column is
// called profile_NAME; where that is taken too, it has no column. search says whether conditions may
// be handed to the API, which is right only for the orgs whose schemas the attributes are from.
func (r *Resource) AttributeColumns(attributes []Attribute, search bool) []*Column {
	known := map[string]bool{}
	taken := map[string]bool{}
	for _, name := range rowIDs {
		taken[name] = true
	}
	for _, c := range r.Columns {
		taken[fold(c.Name)] = true
		if c.Kind == KindAttribute && len(c.Path) == 2 && c.Path[0] == profileField {
			known[c.Path[1]] = true
		}
	}
	var out []*Column
	for _, a := range slices.SortedFunc(slices.Values(attributes), func(a, b Attribute) int { return cmp.Compare(a.Name, b.Name) }) {
		if known[a.Name] || !a.nameable() {
			continue
		}
		known[a.Name] = true
		name := a.Name
		if taken[fold(name)] {
			name = profileField + "_" + name
		}
		if taken[fold(name)] {
			continue
		}
		taken[fold(name)] = true
		c := &Column{Name: name, Kind: KindAttribute, Custom: true, Type: a.Type, Description: a.Description, Path: []string{profileField, a.Name}}
		if push := pushesOf[a.Type]; search && r.searchable() && a.Everywhere && push != nil && a.plainName() {
			c.Search, c.Push = profileField+"."+a.Name, push
		}
		out = append(out, c)
	}
	return out
}

// nameable reports whether a column can have the attribute's name.
func (a Attribute) nameable() bool {
	return a.Name != "" && !strings.ContainsFunc(a.Name, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// plainName reports whether the name can stand in a search as it is. Okta gives its attributes no
// others.
func (a Attribute) plainName() bool {
	for i, c := range a.Name {
		if !(isNameRune(c) && (i > 0 || c > '9')) {
			return false
		}
	}
	return true
}

// searchable reports whether the API can search attributes.
func (r *Resource) searchable() bool {
	return slices.ContainsFunc(r.Columns, func(c *Column) bool { return c.Kind == KindAttribute && c.Search != "" })
}

// WithColumns returns a copy of the resource with more columns behind its own.
func (r *Resource) WithColumns(columns ...*Column) *Resource {
	more := *r
	more.Columns = append(slices.Clip(r.Columns), columns...)
	return &more
}

// With returns a copy of the catalogue with resources in the place of those of the same name.
func (c *Catalog) With(resources ...*Resource) *Catalog {
	instead := map[string]*Resource{}
	for _, r := range resources {
		instead[r.Path()] = r
	}
	out := &Catalog{}
	for _, p := range c.Providers {
		provider := *p
		provider.Services = nil
		for _, s := range p.Services {
			service := *s
			service.Resources = slices.Clone(s.Resources)
			for i, r := range service.Resources {
				if new := instead[r.Path()]; new != nil {
					service.Resources[i] = new
				}
			}
			provider.Services = append(provider.Services, &service)
		}
		out.Providers = append(out.Providers, &provider)
	}
	return out
}

// MergeAttributes makes one list of those of several schemas, of an org's user types or of several
// orgs: each name once, Mixed where types differ, Everywhere where all lists say so of it.
func MergeAttributes(lists ...[]Attribute) []Attribute {
	merged := map[string]Attribute{}
	times := map[string]int{}
	for _, list := range lists {
		for _, a := range list {
			m, ok := merged[a.Name]
			if !ok {
				merged[a.Name], times[a.Name] = a, 1
				continue
			}
			if m.Type != a.Type {
				m.Type = Mixed
			}
			m.Description = cmp.Or(m.Description, a.Description)
			m.Everywhere = m.Everywhere && a.Everywhere
			merged[a.Name] = m
			times[a.Name]++
		}
	}
	out := slices.SortedFunc(maps.Values(merged), func(a, b Attribute) int { return cmp.Compare(a.Name, b.Name) })
	for i := range out {
		out[i].Everywhere = out[i].Everywhere && times[out[i].Name] == len(lists)
	}
	return out
}
