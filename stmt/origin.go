package stmt

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
)

// An Origin is one of the places that the values of a result's column come from.
type Origin struct {
	Kind OriginKind
	// Path and Column are the column of FromColumn: the resource's path and the name as typed.
	Path, Column string
}

// An OriginKind says what kind of a place an Origin is.
type OriginKind int

const (
	// FromOther is any expression whose values are SQL's own.
	FromOther OriginKind = iota
	// FromColumn is a column of a resource.
	FromColumn
	// FromJSON is a function or operator that always makes JSON, such as json_object.
	FromJSON
	// FromExtract takes a value out of JSON: a text if it was one, JSON if it was an object or array.
	FromExtract
	// FromBoolean is the word TRUE or FALSE.
	FromBoolean
	// FromUnknown is a column of a table that isn't known here: a view, say.
	FromUnknown
)

// Origins returns, for each column of the result, where its values can come from: through subqueries,
// common table expressions, UNION, CASE and the functions that give back one of their arguments. NULL
// comes from nowhere. nil: that can't be told.
//
// SQLite knows the origin of a column, too, but of a UNION only the first SELECT's, and of no expression;
// and the mark that its JSON functions put on a text gets lost when rows are sorted, grouped or stored.
func (q *Query) Origins(k Known) [][]Origin {
	sel, ok := q.tree.(*ast.SelectStmt)
	if !ok || q.source.Kind == QueryPlan {
		return nil
	}
	var out [][]Origin
	for _, c := range q.trace(sel, k) {
		out = append(out, c.From)
	}
	return out
}

// Made returns the columns of the table or view that the statement makes by a SELECT, each with where its
// values come from. nil: it makes none, or that can't be told.
func (q *Query) Made(k Known) []Traced {
	var sel *ast.SelectStmt
	var names []*ast.IndexedColumn
	switch st := q.tree.(type) {
	case *ast.CreateTableStmt:
		sel = st.Select
	case *ast.CreateViewStmt:
		sel, names = st.Select, st.Columns
	}
	if sel == nil {
		return nil
	}
	columns := q.trace(sel, k)
	for i, name := range names {
		if i < len(columns) {
			columns[i].Name = name.Name.Name
		}
	}
	return columns
}

func (q *Query) trace(sel *ast.SelectStmt, k Known) []Traced {
	t := &tracer{w: &walker{names: q.names, q: q}, known: k}
	columns, _ := t.selectStmt(sel, nil, nil)
	return columns
}

// Known is what there is to find. Both fields are required.
type Known struct {
	// Column reports whether a resource has a column.
	Column func(path, column string) bool
	// Local returns the columns of a temporary table or view, as Made gave them; nil: they aren't known.
	Local func(name string) []Traced
}

// A tracer finds the origins of columns in a statement, before its names are rewritten.
type tracer struct {
	w     *walker
	known Known
}

// A Traced is a column with where its values come from.
type Traced struct {
	Name string // "" where it has none that could be used
	From []Origin
}

// A relation is one entry of a FROM clause.
type relation struct {
	name, short string
	path        string   // of a resource
	columns     []Traced // of anything else; of a resource those of *
	unknown     bool     // the columns aren't known
}

// A traceFrame is the FROM clause of a SELECT, inside of those around it.
type traceFrame struct {
	outer     *traceFrame
	relations []*relation
}

// A cte is a common table expression, with those that it can see.
type cte struct {
	outer   *cte
	with    *ast.CTE
	visible *cte
	busy    bool
	done    bool
	ok      bool
	columns []Traced
}

func (c *cte) find(name string) *cte {
	for ; c != nil; c = c.outer {
		if strings.EqualFold(c.with.Name.Name, name) {
			return c
		}
	}
	return nil
}

func union(a, b []Origin) []Origin {
	for _, o := range b {
		if !slices.Contains(a, o) {
			a = append(a[:len(a):len(a)], o)
		}
	}
	return a
}

var other = []Origin{{Kind: FromOther}}

// selectStmt returns the columns of a SELECT.
func (t *tracer) selectStmt(s *ast.SelectStmt, outer *traceFrame, ctes *cte) ([]Traced, bool) {
	if s.With != nil {
		first := ctes
		for _, w := range s.With.CTEs {
			ctes = &cte{outer: ctes, with: w}
		}
		for c := ctes; c != first; c = c.outer {
			c.visible = ctes // each sees all of its WITH, also itself
		}
	}
	var columns []Traced
	for i, core := range s.Cores {
		next, ok := t.core(core, outer, ctes)
		switch {
		case !ok:
			return nil, false
		case i == 0:
			columns = next
			continue
		case len(next) != len(columns):
			return nil, false
		case s.Ops[i-1].Op != "UNION":
			continue // EXCEPT and INTERSECT give rows of what is on their left
		}
		for j := range columns {
			columns[j].From = union(columns[j].From, next[j].From)
		}
	}
	return columns, true
}

func (t *tracer) core(core ast.SelectCore, outer *traceFrame, ctes *cte) ([]Traced, bool) {
	if values, ok := core.(*ast.ValuesClause); ok {
		var columns []Traced
		for i, row := range values.Rows {
			if i == 0 {
				columns = make([]Traced, len(row))
			}
			for j := range min(len(row), len(columns)) {
				columns[j].Name = "column" + strconv.Itoa(j+1)
				columns[j].From = union(columns[j].From, t.expr(row[j], outer, ctes))
			}
		}
		return columns, true
	}
	query := core.(*ast.SelectQuery)
	f := &traceFrame{outer: outer}
	merged := map[string]bool{} // names that USING and NATURAL show once
	for _, ref := range query.From {
		t.from(ref, f, ctes, merged)
	}
	var columns []Traced
	for _, c := range query.Columns {
		star, ok := c.Expr.(*ast.Star)
		if !ok {
			columns = append(columns, Traced{resultName(c), t.expr(c.Expr, f, ctes)})
			continue
		}
		for _, r := range f.relations {
			if star.Table != nil && r != f.relation(star.Table.Name) {
				continue
			}
			if r.unknown || len(merged) > 0 {
				return nil, false
			}
			columns = append(columns, r.columns...)
		}
	}
	return columns, true
}

func resultName(c *ast.ResultColumn) string {
	if c.Alias != nil {
		return c.Alias.Name
	}
	if parts := columnParts(bare(c.Expr)); parts != nil {
		return parts[len(parts)-1].Name
	}
	return ""
}

// from enters a FROM item into a frame.
func (t *tracer) from(ref *ast.TableRef, f *traceFrame, ctes *cte, merged map[string]bool) {
	for _, u := range ref.Using {
		merged[u.Name] = true
	}
	if ref.Join != nil && ref.Join.Type&ast.JoinNatural != 0 {
		merged[""] = true
	}
	if ref.List != nil {
		for _, r := range ref.List {
			t.from(r, f, ctes, merged)
		}
		return
	}
	r := &relation{}
	f.relations = append(f.relations, r)
	if ref.Alias != nil {
		r.name = ref.Alias.Name
	}
	if ref.Select != nil {
		columns, ok := t.selectStmt(ref.Select, f.outer, ctes)
		r.columns, r.unknown = columns, !ok
		return
	}
	name := ref.Name.Name.Name
	if r.name == "" {
		r.name = name
	}
	if c := ctes.find(name); c != nil && ref.Name.Schema == nil && !ref.HasArgs {
		columns, ok := t.cte(c)
		r.columns, r.unknown = columns, !ok
		return
	}
	if path, last, ok := t.w.resource(ref.Name); ok {
		r.path = path
		if ref.Alias == nil {
			r.short = last
		}
		visible, _ := t.w.names.Columns(path)
		for _, c := range visible {
			r.columns = append(r.columns, Traced{c, []Origin{{FromColumn, path, c}}})
		}
		return
	}
	switch strings.ToLower(name) {
	case "json_each", "json_tree":
		for _, c := range []string{"key", "value", "type", "atom", "id", "parent", "fullkey", "path"} {
			from := other
			if c == "value" {
				from = []Origin{{Kind: FromExtract}}
			}
			r.columns = append(r.columns, Traced{c, from})
		}
	default:
		if ref.Name.Schema == nil || strings.EqualFold(ref.Name.Schema.Name, "temp") {
			r.columns = t.known.Local(name)
		}
		r.unknown = r.columns == nil
	}
}

// cte returns the columns of a common table expression. One that reads itself is Traced again until
// nothing new comes.
func (t *tracer) cte(c *cte) ([]Traced, bool) {
	if c.done || c.busy {
		return c.columns, c.ok
	}
	c.busy = true
	defer func() { c.busy, c.done = false, true }()
	// What it reads of itself comes from its first SELECT at first.
	first := *c.with.Select
	first.Cores, first.Ops = first.Cores[:1], nil
	for i, sel := range []*ast.SelectStmt{&first, c.with.Select, c.with.Select, c.with.Select, c.with.Select, c.with.Select} {
		columns, ok := t.selectStmt(sel, nil, c.visible)
		if !ok || len(c.with.Columns) > 0 && len(c.with.Columns) != len(columns) {
			c.columns, c.ok = nil, false
			return nil, false
		}
		grown := i == 0
		for j := range columns {
			if len(c.with.Columns) > 0 {
				columns[j].Name = c.with.Columns[j].Name
			}
			grown = grown || len(columns[j].From) != len(c.columns[j].From)
		}
		c.columns, c.ok = columns, true
		if !grown || len(c.with.Select.Cores) == 1 {
			return c.columns, true
		}
	}
	c.columns, c.ok = nil, false // it goes round and round
	return nil, false
}

// relation returns the relation of this frame that a qualifier means, or nil.
func (f *traceFrame) relation(name string) *relation {
	for _, r := range f.relations {
		if strings.EqualFold(r.name, name) {
			return r
		}
	}
	for _, r := range f.relations {
		if r.short != "" && strings.EqualFold(r.short, name) {
			return r
		}
	}
	return nil
}

// column returns the origins of a relation's column.
func (t *tracer) column(r *relation, name string) ([]Origin, bool) {
	if r.path != "" {
		if t.known.Column(r.path, name) {
			return []Origin{{FromColumn, r.path, name}}, true
		}
		return nil, false
	}
	for _, c := range r.columns {
		if strings.EqualFold(c.Name, name) {
			return c.From, true
		}
	}
	return nil, false
}

// ref returns the origins of a column that an expression names.
func (t *tracer) ref(parts []*ast.Ident, f *traceFrame) []Origin {
	name := parts[len(parts)-1]
	for ; f != nil; f = f.outer {
		relations := f.relations
		if len(parts) == 2 {
			relations = nil
			if r := f.relation(parts[0].Name); r != nil {
				relations = []*relation{r}
			}
		}
		unknown := len(parts) > 2
		for _, r := range relations {
			if from, ok := t.column(r, name.Name); ok {
				return from
			}
			unknown = unknown || r.unknown
		}
		if unknown {
			return []Origin{{Kind: FromUnknown}}
		}
	}
	if len(parts) == 1 && name.Quote == ast.QuoteNone && (strings.EqualFold(name.Name, "true") || strings.EqualFold(name.Name, "false")) {
		return []Origin{{Kind: FromBoolean}}
	}
	return other
}

// expr returns the origins of an expression.
func (t *tracer) expr(e ast.Expr, f *traceFrame, ctes *cte) []Origin {
	switch e := e.(type) {
	case nil:
		return nil
	case *ast.Literal:
		if e.Kind == ast.LitNull {
			return nil
		}
	case *ast.ParenExpr:
		return t.expr(e.X, f, ctes)
	case *ast.CollateExpr:
		return t.expr(e.X, f, ctes)
	case *ast.Ident, *ast.QualifiedRef:
		if parts := columnParts(e); parts != nil {
			return t.ref(parts, f)
		}
	case *ast.UnaryExpr:
		if e.Op == ast.OpPlus {
			return t.expr(e.X, f, ctes)
		}
	case *ast.BinaryExpr:
		if e.Op == ast.OpPtr {
			return []Origin{{Kind: FromJSON}}
		}
	case *ast.CaseExpr:
		from := t.expr(e.Else, f, ctes)
		for _, w := range e.Whens {
			from = union(from, t.expr(w.Then, f, ctes))
		}
		return from
	case *ast.SubqueryExpr:
		if columns, ok := t.selectStmt(e.Select, f, ctes); ok && len(columns) == 1 {
			return columns[0].From
		}
		return []Origin{{Kind: FromUnknown}}
	case *ast.FuncCall:
		return t.function(e, f, ctes)
	}
	return other
}

// function returns the origins of a function's values.
func (t *tracer) function(e *ast.FuncCall, f *traceFrame, ctes *cte) []Origin {
	args := e.Args
	given := func(exprs ...ast.Expr) (from []Origin) {
		for _, x := range exprs {
			from = union(from, t.expr(x, f, ctes))
		}
		return from
	}
	switch strings.ToLower(e.Name.Name) {
	case "json", "json_array", "json_object", "json_insert", "json_replace", "json_set", "json_remove", "json_patch", "json_quote",
		"json_group_array", "json_group_object", "json_array_insert":
		return []Origin{{Kind: FromJSON}}
	case "json_extract":
		if len(args) > 2 {
			return []Origin{{Kind: FromJSON}} // an array of what was found
		}
		return []Origin{{Kind: FromExtract}}
	case "coalesce", "ifnull", "min", "max":
		return given(args...)
	case "iif", "if":
		from := []Origin(nil)
		for i := 1; i < len(args); i += 2 {
			from = union(from, given(args[i]))
		}
		if len(args)%2 == 1 {
			from = union(from, given(args[len(args)-1]))
		}
		return from
	case "lag", "lead":
		if len(args) == 3 {
			return given(args[0], args[2])
		}
		return given(args[:min(1, len(args))]...)
	case "nullif", "first_value", "last_value", "nth_value", "likely", "unlikely", "likelihood":
		return given(args[:min(1, len(args))]...)
	}
	return other
}
