package catalog

import "strings"

// fold is the form in which names are compared: as SQLite does it, in ASCII only.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, name)
}

// SameName reports whether two names are the same to SQLite, which ignores case in ASCII only.
func SameName(a, b string) bool { return fold(a) == fold(b) }

// Provider returns the provider of this name, in any case, or nil.
func (c *Catalog) Provider(name string) *Provider {
	for _, p := range c.Providers {
		if fold(p.Name) == fold(name) {
			return p
		}
	}
	return nil
}

// Service returns the provider's service of this name, in any case, or nil.
func (p *Provider) Service(name string) *Service {
	for _, s := range p.Services {
		if fold(s.Name) == fold(name) {
			return s
		}
	}
	return nil
}

// Resource returns the service's resource of this name, in any case, or nil.
func (s *Service) Resource(name string) *Resource {
	for _, r := range s.Resources {
		if fold(r.Name) == fold(name) {
			return r
		}
	}
	return nil
}

// Resource returns the resource of these names, in any case, or nil.
func (c *Catalog) Resource(provider, service, name string) *Resource {
	p := c.Provider(provider)
	if p == nil {
		return nil
	}
	s := p.Service(service)
	if s == nil {
		return nil
	}
	return s.Resource(name)
}

// Lookup returns the resource of a three-part name such as okta.user.users, in any case, or nil.
func (c *Catalog) Lookup(path string) *Resource {
	parts := strings.Split(path, ".")
	if len(parts) != 3 {
		return nil
	}
	return c.Resource(parts[0], parts[1], parts[2])
}

// Resources returns all resources, in the order of their providers and services.
func (c *Catalog) Resources() []*Resource {
	var all []*Resource
	for _, p := range c.Providers {
		for _, s := range p.Services {
			all = append(all, s.Resources...)
		}
	}
	return all
}

// Column returns the column of this name, in any case, or nil.
func (r *Resource) Column(name string) *Column {
	for _, c := range r.Columns {
		if fold(c.Name) == fold(name) {
			return c
		}
	}
	return nil
}

// Method returns the method of this name, in any case, or nil.
func (r *Resource) Method(name string) *Method {
	for _, m := range r.Methods {
		if fold(m.Name) == fold(name) {
			return m
		}
	}
	return nil
}

// List returns the SELECT method that lists. Every resource has one.
func (r *Resource) List() *Method { return r.reading(false) }

// Get returns the SELECT method that gets one object by its key, or nil.
func (r *Resource) Get() *Method { return r.reading(true) }

func (r *Resource) reading(byKey bool) *Method {
	for _, m := range r.Methods {
		if m.Verb == "SELECT" && (m.Key != "") == byKey {
			return m
		}
	}
	return nil
}

// Param returns the method's parameter of this name, as it is written, or nil.
func (m *Method) Param(name string) *Param {
	for _, p := range m.Params {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Nearest returns the candidate that name was most likely meant to be, for "did you mean": the one
// with the fewest letters added, left out, changed or swapped with their neighbour, where case
// doesn't count. It returns "" if none is near: at most a third of the letters, and one in any
// case, may differ. Of several equally near ones it returns the first.
func Nearest(name string, candidates []string) string {
	a := []rune(strings.ToLower(name))
	nearest, best := "", -1
	for _, c := range candidates {
		b := []rune(strings.ToLower(c))
		longer := max(len(a), len(b))
		limit := max(longer/3, 1)
		if longer < 2 {
			limit = 0
		}
		if best >= 0 {
			limit = min(limit, best-1)
		}
		// The lengths differ by no more than the distance does: no need to compute what can't win.
		if max(len(a)-len(b), len(b)-len(a)) > limit {
			continue
		}
		if d := distance(a, b); d <= limit {
			nearest, best = c, d
		}
	}
	return nearest
}

// distance is the optimal string alignment distance: edits and swaps of neighbours, in a table of
// which only the last three rows are needed.
func distance(a, b []rune) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
