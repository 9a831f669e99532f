package stmt

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
)

// A scope is the FROM clause of one SELECT, inside those of the SELECTs around it. What a name means is
// decided here, for all who ask: which condition binds a parameter, which expression becomes a column,
// where a result's values come from, and whether a change names its target by a key.
type scope struct {
	outer  *scope
	items  []*item
	right  bool // there is a RIGHT or FULL JOIN, which reads tables again without their conditions
	merged bool // there is a USING or NATURAL JOIN: a name may be of several tables at once
}

// An item is one table of a FROM clause.
type item struct {
	name   string // what qualifies its columns: the alias, else the table's name
	path   string // the resource's path; empty for anything that isn't ours
	short  string // the resource's last name, if it has no alias
	ref    *ast.TableRef
	cte    *cte // the common table expression that it is; nil for all else
	null   bool // it is on the right of a LEFT JOIN
	nested bool // it is in a parenthesised join, which SQLite reads as a subquery
	picked bool // a condition picks its org
}

// A cte is a common table expression, with those that it can see.
type cte struct {
	outer   *cte
	with    *ast.CTE
	visible *cte

	// What a tracer knows of it.
	busy, done, ok bool
	columns        []Traced
}

func (c *cte) find(name string) *cte {
	for ; c != nil; c = c.outer {
		if sameName(c.with.Name.Name, name) {
			return c
		}
	}
	return nil
}

// scopes are those of a statement, by the SELECTs that they belong to. A VALUES has one without items.
type scopes struct {
	names Names
	of    map[ast.SelectCore]*scope
	items []*item // of all of them
}

// scopesOf finds the scopes of a statement, whose dotted names are one name each, by SQLite's rules.
func scopesOf(s ast.Stmt, n Names) *scopes {
	b := &scopes{names: n, of: map[ast.SelectCore]*scope{}}
	var with *ast.With
	switch s := s.(type) {
	case *ast.InsertStmt:
		with = s.With
	case *ast.UpdateStmt:
		with = s.With
	case *ast.DeleteStmt:
		with = s.With
	}
	if with == nil {
		b.inside(s, nil, nil)
		return b
	}
	ctes := b.with(with, nil, nil)
	for _, part := range s.Children() {
		if part != ast.Node(with) {
			b.inside(part, nil, ctes)
		}
	}
	return b
}

// inside finds the SELECTs below a node, which stands in a scope.
func (b *scopes) inside(n ast.Node, sc *scope, ctes *cte) {
	ast.Walk(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectStmt); ok {
			b.selectStmt(s, sc, ctes)
			return false
		}
		return true
	})
}

// with adds common table expressions to those around them. Each sees all of its WITH, itself too.
func (b *scopes) with(w *ast.With, outer *scope, ctes *cte) *cte {
	first := ctes
	for _, c := range w.CTEs {
		ctes = &cte{outer: ctes, with: c}
	}
	for c := ctes; c != first; c = c.outer {
		c.visible = ctes
	}
	for _, c := range w.CTEs {
		b.selectStmt(c.Select, outer, ctes)
	}
	return ctes
}

func (b *scopes) selectStmt(s *ast.SelectStmt, outer *scope, ctes *cte) {
	if s.With != nil {
		ctes = b.with(s.With, outer, ctes)
	}
	for _, core := range s.Cores {
		sc := &scope{outer: outer}
		b.of[core] = sc
		query, ok := core.(*ast.SelectQuery)
		if !ok {
			b.inside(core, sc, ctes)
			continue
		}
		for _, ref := range query.From {
			b.from(ref, sc, ctes, item{})
		}
		for _, part := range query.Children() {
			if ref, ok := part.(*ast.TableRef); ok {
				b.on(ref, sc, ctes)
			} else {
				b.inside(part, sc, ctes)
			}
		}
	}
}

// from enters a FROM item, and those of a parenthesised join, into the scope. like says what they have
// of the join around them.
func (b *scopes) from(ref *ast.TableRef, sc *scope, ctes *cte, like item) {
	sc.merged = sc.merged || len(ref.Using) > 0
	if ref.Join != nil {
		sc.right = sc.right || ref.Join.Type&ast.JoinRight != 0
		sc.merged = sc.merged || ref.Join.Type&ast.JoinNatural != 0
		like.null = like.null || ref.Join.Type&ast.JoinLeft != 0
	}
	if ref.List != nil {
		like.nested = true
		for _, r := range ref.List {
			b.from(r, sc, ctes, like)
		}
		return
	}
	if ref.Select != nil {
		b.selectStmt(ref.Select, sc.outer, ctes)
	}
	it := like
	it.ref = ref
	if ref.Name != nil {
		it.name = ref.Name.Name.Name
		if ref.Name.Schema == nil && !ref.HasArgs {
			it.cte = ctes.find(it.name)
		}
		if path, last, ok := b.names.resource(ref.Name); ok && it.cte == nil {
			it.path = path
			if ref.Alias == nil {
				it.short = last
			}
		}
	}
	if ref.Alias != nil {
		it.name = ref.Alias.Name
	}
	sc.items = append(sc.items, &it)
	b.items = append(b.items, &it)
	for _, a := range ref.Args {
		b.inside(a, sc, ctes)
	}
}

// on finds the SELECTs in a join's ON.
func (b *scopes) on(ref *ast.TableRef, sc *scope, ctes *cte) {
	for _, r := range ref.List {
		b.on(r, sc, ctes)
	}
	if ref.On != nil {
		b.inside(ref.On, sc, ctes)
	}
}

// resource returns the path of the resource that a table's name means, and its last part.
func (n Names) resource(name *ast.QualifiedName) (path, last string, ok bool) {
	p := strings.Split(name.Name.Name, ".")
	if len(p) != 3 || name.Schema != nil || !n.Provider(p[0]) {
		return "", "", false
	}
	path, _, ok = n.Table(p[0], p[1], p[2])
	return path, p[2], ok
}

// A presence says whether an item has a column.
type presence int

const (
	absent presence = iota
	perhaps
	present
)

// has says whether an item has a column, as far as the names tell.
func (n Names) has(it *item, column string) presence {
	switch {
	case it.path == "":
		return perhaps
	case hasColumn(n, it.path, column) || n.Binding(it.path, column) != Free:
		return present
	}
	return absent
}

// lookup returns the item whose column a reference names: in each scope outwards, of the items that the
// qualifier means, or of all, the one that has the column. sure is false where another one may be meant:
// several have it, or nobody knows whether one has it. nil: none has it.
func (sc *scope) lookup(parts []*ast.Ident, has func(*item, string) presence) (it *item, sure bool) {
	if len(parts) == 0 || len(parts) > 2 {
		return nil, false
	}
	column := parts[len(parts)-1].Name
	for ; sc != nil; sc = sc.outer {
		items := sc.items
		if len(parts) == 2 {
			items = sc.named(parts[0].Name)
		}
		var found, open []*item
		for _, it := range items {
			switch has(it, column) {
			case present:
				found = append(found, it)
			case perhaps:
				open = append(open, it)
			}
		}
		switch all := append(found, open...); {
		case len(found) == 1 && len(open) == 0:
			return found[0], len(parts) == 2 || !sc.merged
		case len(all) > 0:
			return all[0], false
		}
	}
	return nil, false
}

// named returns the items of a scope that a qualifier means: those of that name, else the resources whose
// last name it is.
func (sc *scope) named(qualifier string) []*item {
	var out []*item
	for _, it := range sc.items {
		if sameName(it.name, qualifier) {
			out = append(out, it)
		}
	}
	for _, it := range sc.items {
		if len(out) == 0 && it.short != "" && sameName(it.short, qualifier) {
			return []*item{it}
		}
	}
	return out
}

// qualified returns the item that the qualifier of a reference means, which is the one that has the
// column; where none is known to have it, as an attribute that isn't learned yet, the innermost of that
// name. nil: there is none.
func (sc *scope) qualified(parts []*ast.Ident, has func(*item, string) presence) *item {
	if it, _ := sc.lookup(parts, has); it != nil {
		return it
	}
	for ; sc != nil; sc = sc.outer {
		if items := sc.named(parts[0].Name); len(items) > 0 {
			return items[0]
		}
	}
	return nil
}

func hasColumn(n Names, path, name string) bool {
	if path == "" {
		return false
	}
	visible, hidden := n.Columns(path)
	same := func(c string) bool { return sameName(c, name) }
	return slices.ContainsFunc(visible, same) || slices.ContainsFunc(hidden, same)
}

// sameName compares names as SQLite does, in which case counts only beyond ASCII.
func sameName(a, b string) bool {
	lower := func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// columnParts returns the parts of a column reference, nil for any other expression.
func columnParts(e ast.Expr) []*ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		if e.Quote != ast.QuoteSingle {
			return []*ast.Ident{e}
		}
	case *ast.QualifiedRef:
		return e.Parts
	}
	return nil
}

// bare takes the parentheses off an expression.
func bare(e ast.Expr) ast.Expr {
	for {
		p, ok := e.(*ast.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}

// fixed returns the columns of the first table in the FROM clause of a SELECT that its WHERE compares by
// = with one value, in conditions that every row must meet. What may be another table's isn't among them.
func (b *scopes) fixed(s ast.Stmt) []string {
	sel, ok := s.(*ast.SelectStmt)
	if !ok || len(sel.Cores) != 1 {
		return nil
	}
	query, ok := sel.Cores[0].(*ast.SelectQuery)
	if !ok || len(query.From) == 0 {
		return nil
	}
	sc := b.of[query]
	var out []string
	column := func(e, value ast.Expr) {
		parts := columnParts(bare(e))
		if it, sure := sc.lookup(parts, b.names.has); sure && it == sc.items[0] && it.path != "" && isConstant(value) {
			out = append(out, parts[len(parts)-1].Name)
		}
	}
	var conditions func(ast.Expr)
	conditions = func(e ast.Expr) {
		c, ok := bare(e).(*ast.BinaryExpr)
		switch {
		case !ok:
		case c.Op == ast.OpAnd:
			conditions(c.X)
			conditions(c.Y)
		case c.Op == ast.OpEq:
			column(c.X, c.Y)
			column(c.Y, c.X)
		}
	}
	conditions(query.Where)
	return out
}

// isConstant says whether an expression is one value that stands in the statement or is bound to it.
func isConstant(e ast.Expr) bool {
	switch e := bare(e).(type) {
	case *ast.Literal, *ast.BindParam:
		return true
	case *ast.Ident:
		return e.Quote == ast.QuoteSingle
	}
	return false
}
