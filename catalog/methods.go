package catalog

import (
	"net/http"
	"slices"
	"strings"
)

var (
	verbs = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "EXEC"}
	https = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	// places are where a parameter goes; body fields have a list of their own.
	places = []string{"path", "query", "header", "org"}
)

// methods reads a resource's methods. Parameters that several methods share stand once, under
// params, and are referred to by name.
func (r *reader) methods(o object, res *Resource) {
	shared := make(map[string]*Param)
	used := make(map[string]bool)
	sharedObjects := o.objects("params", "parameter", paramKeys...)
	for _, p := range sharedObjects {
		param := p.param(places)
		shared[param.Name] = param
	}
	methods := o.objects("methods", "method", methodKeys...)
	if len(methods) == 0 {
		o.fail("methods", "there is no method")
	}
	for _, m := range methods {
		method := m.method(shared, used)
		r.at[method] = m
		res.Methods = append(res.Methods, method)
	}
	r.changes(o, res, shared, used)
	for _, p := range sharedObjects {
		if !used[p.key] {
			p.failHere("no method uses it")
		}
	}
}

// maxPage is the largest page of any list of the API.
const maxPage = 10_000

func (o object) method(shared map[string]*Param, used map[string]bool) *Method {
	m := &Method{
		Name:        o.name("name"),
		Description: o.text("description"),
		Verb:        o.oneOf("verb", verbs),
		Operation:   o.name("operation"),
		Key:         o.optional("key"),
		Page:        o.count("page", maxPage),
		MaxPage:     o.count("maxPage", maxPage),
		Usual:       o.count("usual", maxPage),
		Fields:      o.flag("fields"),
		Trims:       o.flag("trims"),
		Answer:      o.text("answer"),
		Returns:     o.words("returns"),
		Secrets:     o.words("secrets"),
		Success:     o.number("success"),
		Statuses:    o.words("statuses"),
		Examples:    o.words("examples"),
	}
	var ok bool
	if m.HTTP, m.Route, ok = strings.Cut(o.text("request"), " "); !ok || !slices.Contains(https, m.HTTP) {
		o.fail("request", "request must be an HTTP method and a route, such as GET /api/v1/users")
	}
	if m.Success != http.StatusOK && m.Success != http.StatusNoContent {
		o.fail("success", "success must be 200 or 204")
	}
	if (m.Verb == "SELECT") != (m.HTTP == http.MethodGet) {
		o.fail("request", "SELECT and GET belong together, and only they")
	}
	if len(m.Examples) == 0 {
		o.fail("examples", "examples are missing")
	}
	o.belongs("key", m.Verb == "SELECT")
	o.belongs("page", m.Verb == "SELECT" && m.Key == "")
	o.belongs("maxPage", m.Page > 0)
	o.belongs("usual", m.Page > 0)
	o.belongs("fields", m.Page > 0)
	o.belongs("trims", m.Verb == "SELECT")
	if m.MaxPage == 0 {
		m.MaxPage = m.Page
	}
	if m.MaxPage < m.Page {
		o.fail("maxPage", "maxPage is less than page")
	}
	m.Params = o.params(shared, used)
	for _, b := range o.objects("body", "body field", paramKeys...) {
		b.belongs("in", false)
		m.Body = append(m.Body, b.param([]string{"body"}))
	}
	if len(m.Body) > 0 && (m.HTTP == http.MethodGet || m.HTTP == http.MethodDelete) {
		o.fail("body", "%s has no body", m.HTTP)
	}
	o.checkParams(m)
	o.effects(m)
	return m
}

var paramKeys = []string{"name", "type", "description", "in", "required", "default", "wire", "secret", "reserved"}

// param reads a parameter, whose place is the only one of in or else named by the key "in".
func (o object) param(in []string) *Param {
	p := &Param{
		Name:        o.name("name"),
		Type:        o.oneOf("type", types),
		Description: o.text("description"),
		In:          in[0],
		Required:    o.flag("required"),
		Default:     o.optional("default"),
		Wire:        o.optional("wire"),
		Secret:      o.flag("secret"),
		Reserved:    o.words("reserved"),
	}
	if len(in) > 1 {
		p.In = o.oneOf("in", in)
	}
	o.belongs("wire", p.In == "query" || p.In == "header")
	o.belongs("reserved", p.In == "path")
	if p.Wire == "" {
		p.Wire = p.Name
	}
	return p
}

// params reads a method's parameters, each either spelled out or the name of a shared one.
func (o object) params(shared map[string]*Param, used map[string]bool) []*Param {
	var params []*Param
	for _, n := range o.list("params") {
		if name, ok := plainText(n); ok {
			p := shared[name]
			if p == nil {
				o.reader.fail(n, "%s: parameter %q is neither spelled out nor a shared one", o.subject, name)
				return nil
			}
			used[name] = true
			params = append(params, p)
			continue
		}
		po := o.reader.object(n, o.subject+": parameter", paramKeys...)
		params = append(params, po.named("name").param(places))
	}
	return params
}

// checkParams compares a method's parameters with each other and with its route.
func (o object) checkParams(m *Method) {
	seen := make(map[string]bool)
	optional := ""
	for _, p := range m.Params {
		if seen[fold(p.Name)] {
			o.fail("params", "parameter %q is there twice", p.Name)
		}
		seen[fold(p.Name)] = true
		if !p.Required && optional == "" {
			optional = p.Name
		}
		if p.Required && optional != "" {
			o.fail("params", "parameter %q is required and stands behind %q, which is not", p.Name, optional)
		}
	}
	for _, b := range m.Body {
		if seen[fold(b.Name)] {
			o.fail("body", "body field %q has the name of a parameter", b.Name)
		}
	}
	inRoute, err := routeParams(m.Route)
	if err != "" {
		o.fail("request", "route %s: %s", m.Route, err)
	}
	for _, name := range inRoute {
		if !slices.ContainsFunc(m.Params, func(p *Param) bool { return p.In == "path" && p.Name == name }) {
			o.fail("request", "route has {%s}, and no parameter of this name is in path", name)
		}
	}
	if m.Key != "" && !slices.Contains(inRoute, m.Key) {
		o.fail("key", "route %s lacks {%s}", m.Route, m.Key)
	}
	for _, p := range m.Params {
		if p.In == "path" && !slices.Contains(inRoute, p.Name) {
			o.fail("params", "parameter %q is in path, and route %s lacks {%s}", p.Name, m.Route, p.Name)
		}
	}
}

// routeParams returns the names in braces. A parameter is a whole segment: "/users/{userId}/x".
func routeParams(route string) (names []string, problem string) {
	if !strings.HasPrefix(route, "/") {
		return nil, "must begin with /"
	}
	for _, segment := range strings.Split(route[1:], "/") {
		name := segment
		if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
			name = segment[1 : len(segment)-1]
			if slices.Contains(names, name) {
				return nil, "{" + name + "} is there twice"
			}
			names = append(names, name)
		}
		if !isRouteName(name) {
			return nil, "a segment is a name or a {parameter}"
		}
	}
	return names, ""
}

func isRouteName(s string) bool {
	return s != "" && s != "." && s != ".." && strings.IndexFunc(s, func(c rune) bool {
		return !(c == '.' || c == '-' || isNameRune(c))
	}) < 0
}

// crossCheck compares the columns with the methods.
func (r *reader) crossCheck(o object, res *Resource) {
	r.checkReading(o, res)
	if r.err != nil {
		return
	}
	list := res.List()
	searches := list.takes("query", "search")
	if res.Complete != "" && !searches {
		o.fail("complete", "the method that lists has no query parameter \"search\"")
	}
	if name := o.optional("ranges"); name != "" {
		res.Ranges = res.Column(name)
		if c := res.Ranges; c == nil || c.Kind != KindField || c.Search == "" || c.Type != "string" || !list.takes("query", "sortBy") || list.Page == 0 {
			o.fail("ranges", "ranges must name a field that can be searched, of a list that has pages and the query parameter sortBy")
		}
	}
	for _, c := range res.Columns {
		o := r.at[c]
		if c.Kind == KindAttribute && !searches {
			c.Search = ""
		}
		switch {
		case c.Kind == KindOrg && !list.takes("org", c.Name):
			o.fail("kind", "the method that lists has no org parameter of this name")
		case c.Kind == KindParameter:
			o.checkParameter(c, res)
		case c.Kind == KindRequired && !list.takes("path", c.Route):
			o.fail("path", "the method that lists has no path parameter %q", c.Route)
		case c.Key && res.Get() == nil:
			o.fail("key", "a key needs a SELECT method that has key, the parameter which takes it")
		case o.values["search"] != nil && !searches:
			o.fail("search", "the method that lists has no query parameter \"search\"")
		case len(c.Push) > 0 && c.Search == "":
			o.fail("push", "push needs search, the attribute's name in the search language")
		case c.Sort && (c.Search == "" || res.Complete == "" || res.Column("sortBy") == nil):
			o.fail("sort", "sort needs search, and a resource that has complete and the parameter sortBy")
		case c.Moves && !c.Sort:
			o.fail("moves", "moves needs sort")
		}
	}
	var statuses []string
	if c := res.Column("status"); c != nil {
		statuses = c.Values
	}
	for _, m := range res.Methods {
		for _, s := range m.Statuses {
			if !slices.Contains(statuses, s) {
				r.at[m].fail("statuses", "status %q is not one of the values of column status", s)
			}
		}
	}
	r.checkEffects(res)
}

// checkReading checks that one SELECT method lists, one at most gets, and that their paths are made
// of required columns and the key.
func (r *reader) checkReading(o object, res *Resource) {
	if res.List() == nil {
		o.fail("methods", "there is no SELECT method that lists: one without key")
	}
	for _, m := range res.Methods {
		if m.Verb != "SELECT" {
			continue
		}
		if m != res.List() && m != res.Get() {
			r.at[m].failHere("a resource has one SELECT method with key and one without")
		}
		for _, p := range m.Params {
			if p.In == "path" && p.Name != m.Key && !slices.ContainsFunc(res.Columns, func(c *Column) bool { return c.Route == p.Name }) {
				r.at[m].fail("request", "no column of kind required has the path parameter %q", p.Name)
			}
		}
	}
}

// checkParameter checks the column of a request parameter.
func (o object) checkParameter(c *Column, res *Resource) {
	if !res.List().takes("query", c.Query) {
		o.fail("query", "the method that lists has no query parameter %q", c.Query)
	}
	if c.Query == "limit" && res.List().Page == 0 {
		o.fail("query", "limit is the size of a page, and the list has no pages")
	}
	for key, names := range map[string][]string{"needs": {c.Needs}, "without": c.Without} {
		for _, name := range names {
			if other := res.Column(name); name != "" && (other == nil || other.Kind != KindParameter || other == c) {
				o.fail(key, "%s must name other columns of kind parameter", key)
			}
		}
	}
}

// takes reports whether the method has the parameter wire in the given place.
func (m *Method) takes(in, wire string) bool {
	return slices.ContainsFunc(m.Params, func(p *Param) bool { return p.In == in && p.Wire == wire })
}
