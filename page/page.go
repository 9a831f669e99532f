// Package page makes a page of documentation of a resource, out of the catalogue: its fields, its
// methods, examples. [Of] makes a [Page], which has two forms: [Page.Markdown], as docs/tables has it, and
// [Page.Text] for a terminal.
//
// A Page is read-only and may be used concurrently. It knows what the catalogue knows: the attributes
// that an org has added are not in it.
package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
)

// A Page is the documentation of one resource.
type Page struct {
	blocks []block
}

// A block is a part of a page, of which one of these is set.
type block struct {
	heading string
	level   int // of the heading, from 1
	text    string
	items   []string
	code    string // SQL
	heads   []string
	rows    [][]string // of a table; the last column is the long one
}

// Of makes the page of a resource.
func Of(r *catalog.Resource) *Page {
	p := &Page{}
	p.heading(1, r.Path())
	p.table([]string{"", ""}, [][]string{
		{"Name", code(r.Name)},
		{"Id", code(r.Path())},
		{"Description", r.Description},
	})
	p.columns(r)
	p.methods(r)
	p.examples(r)
	return p
}

func (p *Page) heading(level int, text string) {
	p.blocks = append(p.blocks, block{heading: text, level: level})
}

func (p *Page) text(format string, args ...any) {
	p.blocks = append(p.blocks, block{text: fmt.Sprintf(format, args...)})
}

func (p *Page) table(heads []string, rows [][]string) {
	p.blocks = append(p.blocks, block{heads: heads, rows: rows})
}

// columns writes the fields, and the hidden columns by their kinds.
func (p *Page) columns(r *catalog.Resource) {
	p.heading(2, "Fields")
	p.text("`SELECT *` gives these, in this order.")
	p.columnTable(r, catalog.KindField)
	if has(r, catalog.KindRequired) {
		p.heading(2, "Required parameters")
		p.text("Bound by `=` or `IN` in WHERE, or by a join; see [sql.md](../sql.md#required-parameters).")
		p.columnTable(r, catalog.KindRequired)
	}
	p.heading(2, "Hidden columns")
	p.text("There when they are named.")
	p.columnTable(r, catalog.KindOrg, catalog.KindAlias)
	if has(r, catalog.KindAttribute) {
		p.text("Attributes of the profile:")
		p.columnTable(r, catalog.KindAttribute)
	}
	if has(r, catalog.KindParameter) {
		p.text("Request parameters, bound by `=` only; see [sql.md](../sql.md#request-parameters):")
		p.columnTable(r, catalog.KindParameter)
	}
}

func has(r *catalog.Resource, kind catalog.Kind) bool {
	return slices.ContainsFunc(r.Columns, func(c *catalog.Column) bool { return c.Kind == kind })
}

func (p *Page) columnTable(r *catalog.Resource, kinds ...catalog.Kind) {
	var rows [][]string
	for _, c := range r.Columns {
		if slices.Contains(kinds, c.Kind) {
			rows = append(rows, []string{code(c.Name), c.Type, handed(c), c.Description})
		}
	}
	p.table([]string{"Name", "Datatype", "Handed to the API", "Description"}, rows)
}

// handed says which conditions the API is asked.
func handed(c *catalog.Column) string {
	text := codes(c.Conditions())
	if c.Key {
		text = strings.Replace(text, "`=`, `IN`", "`=`, `IN`: by get", 1)
	}
	return text
}

// methods writes the methods, first as a table, then each with its parameters.
func (p *Page) methods(r *catalog.Resource) {
	p.heading(2, "Methods")
	var rows [][]string
	var runs []string
	for _, m := range r.Methods {
		rows = append(rows, []string{code(m.Name), code(m.Verb), codes(m.RequiredParams()), m.Description})
		if r.Runs(m) {
			runs = append(runs, code(m.Name))
		}
	}
	p.table([]string{"Name", "Accessible by", "Required parameters", "Description"}, rows)
	if len(runs) < len(r.Methods) {
		p.text("This version runs %s, and refuses the others.", list(runs))
	}
	p.heading(2, "Parameters")
	p.text("In brackets: what leaving the parameter out means.")
	for _, m := range r.Methods {
		p.heading(3, m.Name)
		p.text("`%s %s`, Okta's operation %s.", m.HTTP, m.Route, m.Operation)
		if len(m.Statuses) > 0 {
			p.text("Allowed while the user is %s.", strings.Join(m.Statuses, ", "))
		}
		var items []string
		for _, param := range append(m.Params[:len(m.Params):len(m.Params)], m.Body...) {
			extra := ""
			if param.Default != "" {
				extra = " [" + param.Default + "]"
			}
			items = append(items, fmt.Sprintf("%s, %s: %s%s", code(param.Name), param.Type, param.Description, extra))
		}
		if len(items) > 0 {
			p.blocks = append(p.blocks, block{items: items})
		}
		p.text("Answers: %s", m.Answer)
	}
}

// examples writes the catalogue's examples by verb, in the order of the verbs on the provider's pages.
func (p *Page) examples(r *catalog.Resource) {
	methods := r.Methods
	if r.Changes != nil && r.Changes.Replace != nil {
		methods = append(methods[:len(methods):len(methods)], r.Changes.Replace)
	}
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "EXEC"} {
		begun := false
		for _, m := range methods {
			if m.Verb != verb {
				continue
			}
			for _, e := range m.Examples {
				if !begun {
					p.heading(2, verb+" examples")
					if !r.Runs(m) {
						p.text("Refused in this version.")
					}
					begun = true
				}
				p.blocks = append(p.blocks, block{code: e})
			}
		}
	}
}

func code(text string) string { return "`" + text + "`" }

func codes(texts []string) string {
	var out []string
	for _, t := range texts {
		out = append(out, code(t))
	}
	return strings.Join(out, ", ")
}

// list joins words as a sentence does.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
