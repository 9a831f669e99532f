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
	t := &tracer{names: q.names, of: q.scopes.of, known: k}
	columns, _ := t.selectStmt(sel, nil)
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
	names Names
	of    map[ast.SelectCore]*scope
	known Known
}

// A Traced is a column with where its values come from.
type Traced struct {
	Name string // "" where it has none that could be used
	From []Origin
}

// A traceFrame holds the columns of the items of a scope, as far as they are known yet, inside of those
// around it.
type traceFrame struct {
	outer   *traceFrame
	scope   *scope
	columns map[*item][]Traced // of a resource those of *; none where they aren't known
}

// columnsOf returns the columns of an item; nil: they aren't known.
func (f *traceFrame) columnsOf(it *item) []Traced {
	for ; f != nil; f = f.outer {
		if columns := f.columns[it]; columns != nil {
			return columns
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
func (t *tracer) selectStmt(s *ast.SelectStmt, outer *traceFrame) ([]Traced, bool) {
	var columns []Traced
	for i, core := range s.Cores {
		next, ok := t.core(core, outer)
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

func (t *tracer) core(core ast.SelectCore, outer *traceFrame) ([]Traced, bool) {
	if values, ok := core.(*ast.ValuesClause); ok {
		var columns []Traced
		for i, row := range values.Rows {
			if i == 0 {
				columns = make([]Traced, len(row))
			}
			for j := range min(len(row), len(columns)) {
				columns[j].Name = "column" + strconv.Itoa(j+1)
				columns[j].From = union(columns[j].From, t.expr(row[j], outer))
			}
		}
		return columns, true
	}
	query := core.(*ast.SelectQuery)
	f := &traceFrame{outer: outer, scope: t.of[core], columns: map[*item][]Traced{}}
	for _, it := range f.scope.items {
		f.columns[it] = t.item(it, f)
	}
	var columns []Traced
	for _, c := range query.Columns {
		star, ok := c.Expr.(*ast.Star)
		if !ok {
			columns = append(columns, Traced{resultName(c), t.expr(c.Expr, f)})
			continue
		}
		items := f.scope.items
		if star.Table != nil {
			if items = f.scope.named(star.Table.Name); len(items) > 1 {
				items = items[:1]
			}
		}
		for _, it := range items {
			if f.columns[it] == nil || f.scope.merged {
				return nil, false
			}
			columns = append(columns, f.columns[it]...)
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

// item returns the columns of a FROM item; nil: they aren't known.
func (t *tracer) item(it *item, f *traceFrame) []Traced {
	known := func(columns []Traced, ok bool) []Traced {
		if ok {
			return columns
		}
		return nil
	}
	switch {
	case it.ref.Select != nil:
		return known(t.selectStmt(it.ref.Select, f.outer))
	case it.cte != nil:
		return known(t.cte(it.cte))
	case it.path != "":
		var out []Traced
		visible, _ := t.names.Columns(it.path)
		for _, c := range visible {
			out = append(out, Traced{c, []Origin{{FromColumn, it.path, c}}})
		}
		return out
	}
	table := it.ref.Name
	if name := strings.ToLower(table.Name.Name); name == "json_each" || name == "json_tree" {
		var out []Traced
		for _, c := range []string{"key", "value", "type", "atom", "id", "parent", "fullkey", "path"} {
			from := other
			if c == "value" {
				from = []Origin{{Kind: FromExtract}}
			}
			out = append(out, Traced{c, from})
		}
		return out
	}
	if table.Schema == nil || sameName(table.Schema.Name, "temp") {
		return t.known.Local(table.Name.Name)
	}
	return nil
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
		columns, ok := t.selectStmt(sel, nil)
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

// column returns where the values of an item's column come from; nil: it has no such column, or nobody
// knows.
func (t *tracer) column(it *item, name string, f *traceFrame) []Origin {
	if it.path != "" {
		if t.known.Column(it.path, name) {
			return []Origin{{FromColumn, it.path, name}}
		}
		return nil
	}
	for _, c := range f.columnsOf(it) {
		if sameName(c.Name, name) {
			if c.From == nil {
				return []Origin{} // of NULL alone
			}
			return c.From
		}
	}
	return nil
}

// ref returns the origins of a column that an expression names.
func (t *tracer) ref(parts []*ast.Ident, f *traceFrame) []Origin {
	if len(parts) > 2 {
		return []Origin{{Kind: FromUnknown}}
	}
	var sc *scope
	if f != nil {
		sc = f.scope
	}
	it, _ := sc.lookup(parts, func(it *item, name string) presence {
		switch {
		case t.column(it, name, f) != nil:
			return present
		case it.path == "" && f.columnsOf(it) == nil:
			return perhaps
		}
		return absent
	})
	name := parts[len(parts)-1]
	if it != nil {
		if from := t.column(it, name.Name, f); from != nil {
			return from
		}
		return []Origin{{Kind: FromUnknown}}
	}
	if len(parts) == 1 && name.Quote == ast.QuoteNone && (strings.EqualFold(name.Name, "true") || strings.EqualFold(name.Name, "false")) {
		return []Origin{{Kind: FromBoolean}}
	}
	return other
}

// expr returns the origins of an expression.
func (t *tracer) expr(e ast.Expr, f *traceFrame) []Origin {
	switch e := e.(type) {
	case nil:
		return nil
	case *ast.Literal:
		if e.Kind == ast.LitNull {
			return nil
		}
	case *ast.ParenExpr:
		return t.expr(e.X, f)
	case *ast.CollateExpr:
		return t.expr(e.X, f)
	case *ast.Ident, *ast.QualifiedRef:
		if parts := columnParts(e); parts != nil {
			return t.ref(parts, f)
		}
	case *ast.UnaryExpr:
		if e.Op == ast.OpPlus {
			return t.expr(e.X, f)
		}
	case *ast.BinaryExpr:
		if e.Op == ast.OpPtr {
			return []Origin{{Kind: FromJSON}}
		}
	case *ast.CaseExpr:
		from := t.expr(e.Else, f)
		for _, w := range e.Whens {
			from = union(from, t.expr(w.Then, f))
		}
		return from
	case *ast.SubqueryExpr:
		if columns, ok := t.selectStmt(e.Select, f); ok && len(columns) == 1 {
			return columns[0].From
		}
		return []Origin{{Kind: FromUnknown}}
	case *ast.FuncCall:
		return t.function(e, f)
	}
	return other
}

// function returns the origins of a function's values.
func (t *tracer) function(e *ast.FuncCall, f *traceFrame) []Origin {
	args := e.Args
	given := func(exprs ...ast.Expr) (from []Origin) {
		for _, x := range exprs {
			from = union(from, t.expr(x, f))
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
