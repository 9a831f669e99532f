package whoql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
)

// show runs SHOW. It reads the catalogue or the options, and makes no request.
func (q *query) show(s stmt.Statement) (result, error) {
	e := q.engine
	sh, err := stmt.ParseShow(s)
	if err != nil {
		return nil, err
	}
	unknown := func(part int, what string, known []string) error {
		name := sh.In.Parts[part]
		hint := "there are: " + strings.Join(known, ", ")
		if near := catalog.Nearest(name, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		return &stmt.Error{Text: s.Source, Pos: sh.In.Pos[part], Msg: fmt.Sprintf("no such %s: %s", what, name), Hint: hint}
	}
	like := func(name string) bool { return sh.Like == nil || matchLike(*sh.Like, name) }

	if sh.What == "ORGS" {
		return e.showOrgs(like), nil
	}
	t := newTable("name", "description")
	list := func(name, description string) {
		if like(name) {
			t.add(name, description)
		}
	}
	if sh.What == "PROVIDERS" {
		for _, p := range e.catalog.Providers {
			list(p.Name, p.Description)
		}
		return t, nil
	}
	p := e.catalog.Provider(sh.In.Parts[0])
	if p == nil {
		return nil, unknown(0, "provider", names(e.catalog.Providers, func(p *catalog.Provider) string { return p.Name }))
	}
	if sh.What == "SERVICES" {
		for _, sv := range p.Services {
			list(sv.Name, sv.Description)
		}
		return t, nil
	}
	sv := p.Service(sh.In.Parts[1])
	if sv == nil {
		return nil, unknown(1, "service", names(p.Services, func(s *catalog.Service) string { return s.Name }))
	}
	if sh.What == "RESOURCES" {
		for _, r := range sv.Resources {
			list(r.Name, r.Description)
		}
		return t, nil
	}
	r := sv.Resource(sh.In.Parts[2])
	if r == nil {
		return nil, unknown(2, "resource", names(sv.Resources, func(r *catalog.Resource) string { return r.Name }))
	}
	if slices.ContainsFunc(r.Methods, func(m *catalog.Method) bool { return like(m.Name) && !r.Runs(m) }) {
		q.notes = append(q.notes, &stmt.Error{Text: s.Source, Pos: -1, Msg: "of the methods of " + r.Path() + " this version runs those of SELECT only", Hint: "the column Runs of SHOW EXTENDED METHODS says which"})
	}
	return showMethods(r, sh.Extended, like), nil
}

// showOrgs lists the orgs, the default one first. It shows no credential: there is none in an Org.
func (e *Engine) showOrgs(like func(string) bool) *tableResult {
	t := newTable("name", "url", "default", "read_only", "source")
	for i, o := range e.options.Orgs {
		if like(o.Name) {
			t.add(o.Name, o.url(), i == 0 && !e.options.NoDefaultOrg, o.ReadOnly, o.Source)
		}
	}
	return t
}

func names[T any](items []T, name func(T) string) []string {
	var out []string
	for _, i := range items {
		out = append(out, name(i))
	}
	return out
}

func showMethods(r *catalog.Resource, extended bool, like func(string) bool) *tableResult {
	heads := []string{"MethodName", "RequiredParams", "SQLVerb"}
	if extended {
		heads = append(heads, "OptionalParams", "Body", "HTTP", "Operation", "Description", "Runs")
	}
	t := newTable(heads...)
	for _, m := range r.Methods {
		if !like(m.Name) {
			continue
		}
		row := []any{m.Name, strings.Join(m.RequiredParams(), ", "), m.Verb}
		if extended {
			var optional, body []string
			for _, p := range m.Params {
				if !p.Required {
					optional = append(optional, p.Name)
				}
			}
			for _, p := range m.Body {
				body = append(body, p.Name)
			}
			row = append(row, strings.Join(optional, ", "), strings.Join(body, ", "), m.HTTP+" "+m.Route, m.Operation, m.Description, r.Runs(m))
		}
		t.add(row...)
	}
	return t
}

// describe runs DESCRIBE. It reads the catalogue and makes no request, save for the schemas of the
// default org where they are to be read anew.
func (q *query) describe(ctx context.Context, s stmt.Statement) (result, error) {
	e := q.engine
	d, err := stmt.ParseDescribe(s)
	if err != nil {
		return nil, err
	}
	parts := d.Table.Parts
	r := e.catalog.Resource(parts[0], parts[1], parts[2])
	if r == nil {
		return nil, &stmt.Error{Text: s.Source, Pos: d.Table.Pos[0], Msg: "no such table: " + d.Table.String(), Hint: e.nearestTable(d.Table.String())}
	}
	heads := []string{"name", "type"}
	if d.Extended {
		heads = append(heads, "kind", "pushed", "description")
	}
	t := newTable(heads...)
	add := func(c *catalog.Column) {
		row := []any{c.Name, c.Type}
		if d.Extended {
			row = append(row, c.Kind.String(), pushed(c), c.Description)
		}
		t.add(row...)
	}
	for _, name := range r.Describe {
		add(r.Column(name))
	}
	if d.Extended {
		for _, c := range r.Columns {
			if c.Hidden() {
				add(c)
			}
		}
		own, err := q.ownAttributes(ctx, s, d, r)
		if err != nil {
			return nil, err
		}
		for _, c := range own {
			add(c)
		}
	}
	return t, nil
}

// ownAttributes returns the columns of the attributes that the default org has added, if they are
// known; else it notes how to see them. There needn't be an org.
func (q *query) ownAttributes(ctx context.Context, s stmt.Statement, d stmt.DescribeStatement, r *catalog.Resource) ([]*catalog.Column, error) {
	orgs, err := q.orgs(nil)
	if err != nil || r.Schemas == "" {
		return nil, nil
	}
	known, err := q.schemasOf(ctx, orgs[0], false, !q.engine.options.RefreshSchemas)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &schemaError{orgs[0].name, err}
	case known == nil:
		q.notes = append(q.notes, &stmt.Error{Text: s.Source, Pos: d.Table.Pos[0],
			Msg: "the attributes that " + orgs[0].name + " has added are not listed: its user schemas have not been read", Hint: "--refresh-schemas reads them"})
		return nil, nil
	}
	return r.AttributeColumns(known.Attributes, true), nil
}

// pushed says which conditions on a column are handed to the API.
func pushed(c *catalog.Column) string { return strings.Join(c.Conditions(), ", ") }

// matchLike is SQL's LIKE for the names in SHOW: % is any run of characters, _ any one, ASCII case
// is ignored.
func matchLike(pattern, name string) bool {
	n := []rune(strings.ToLower(name))
	// reach[j] says whether the pattern so far matches the first j characters.
	reach := make([]bool, len(n)+1)
	reach[0] = true
	for _, c := range strings.ToLower(pattern) {
		next := make([]bool, len(n)+1)
		for j := range next {
			switch c {
			case '%':
				next[j] = reach[j] || j > 0 && next[j-1]
			default:
				next[j] = j > 0 && reach[j-1] && (c == '_' || c == n[j-1])
			}
		}
		reach = next
	}
	return reach[len(n)]
}
