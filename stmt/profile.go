package stmt

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
)

// profile->>'department', profile->>'$.department' and json_extract(profile, '$.department') become
// the column of the attribute, which is read ten times as fast and which conditions can be handed to
// the API for. No row, heading or type may differ by that, so that only what is certain is changed:
//
//   - The operand is, by the FROM clause of the same SELECT, a field of a resource that stands there
//     directly, not of a CTE, view, subquery or parenthesised join.
//   - The path is one key, and the key has a column whose values are never objects or arrays: SQLite
//     marks those as JSON, and writes them anew.
//   - Instead of the column stands (+column), which has no affinity and no origin, as an expression has
//     none. Where nothing depends on either, as in a comparison with a literal, it is the bare column,
//     since only a bare one is offered to the table.
//   - A column has a collating sequence, BINARY, and an expression has none, so that another operand's
//     would decide. In what compares with anything but literals, parameters and columns of our own
//     tables, and in the result columns of UNION and its kin, nothing is changed.
//   - A result column without an alias gets one: the heading that SQLite would have made of the text.

// A lifter finds such expressions in a parsed statement.
type lifter struct {
	q        *Query
	w        *walker
	plain    []edit // what is changed in any case
	edits    []edit
	headings []string
}

// liftAttributes returns the edits that make columns of expressions on JSON, and how many such
// expressions there are. others are the edits that are made in any case.
func (w *walker) liftAttributes(s *ast.SelectStmt, others []edit) (edits []edit, n int) {
	l := &lifter{q: w.q, w: w, plain: others}
	l.selectStmt(s, false)
	for _, h := range l.headings {
		if len(w.q.Identifiers(h)) > 0 {
			return nil, 0 // the alias would be found where there was none before
		}
	}
	return l.edits, len(l.edits) - len(l.headings)
}

// selectStmt changes what is in a SELECT; with keep, not its result columns.
func (l *lifter) selectStmt(s *ast.SelectStmt, keep bool) {
	if s.With != nil {
		for _, c := range s.With.CTEs {
			l.selectStmt(c.Select, false)
		}
	}
	compound := len(s.Cores) > 1
	for _, core := range s.Cores {
		if query, ok := core.(*ast.SelectQuery); ok {
			l.query(query, keep || compound, compound)
		} else {
			l.below(core, nil)
		}
	}
}

// query changes what is in one SELECT of a compound. The ORDER BY of a compound names its result
// columns, by repeating their text if need be.
func (l *lifter) query(q *ast.SelectQuery, keep, compound bool) {
	f := l.w.of[q]
	for _, ref := range q.From {
		l.from(f, ref)
	}
	if !keep {
		for _, c := range q.Columns {
			l.column(c, f)
		}
	}
	for _, part := range q.Children() {
		switch part := part.(type) {
		case *ast.ResultColumn, *ast.TableRef:
		case *ast.OrderingTerm:
			if !compound {
				l.expr(part.Expr, f)
			}
		default:
			l.expr(part, f)
		}
	}
}

// from changes what is in a FROM item: its subquery, and its ON.
func (l *lifter) from(f *scope, ref *ast.TableRef) {
	for _, r := range ref.List {
		l.from(nil, r)
	}
	if ref.Select != nil {
		l.selectStmt(ref.Select, false)
	}
	for _, a := range ref.Args {
		l.expr(a, nil)
	}
	if ref.On != nil {
		l.expr(ref.On, f)
	}
}

// column changes a result column and keeps its heading.
func (l *lifter) column(c *ast.ResultColumn, f *scope) {
	before := len(l.edits)
	l.expr(c.Expr, f)
	if len(l.edits) == before || c.Alias != nil {
		return
	}
	// SQLite takes the text from the expression's first byte to the next token, comments included.
	start, end := l.q.Offset(c.Expr.Pos()), l.q.Offset(c.Expr.End())
	next := l.q.source.End
	for _, t := range l.q.source.tokens {
		if t.Pos >= end {
			next = t.Pos
			break
		}
	}
	heading := strings.Trim(l.q.render(l.plain, start, next), " \t\n\v\f\r")
	l.headings = append(l.headings, heading)
	l.edits = append(l.edits, edit{end, end, " AS " + Quote(heading)})
}

// expr changes what is in an expression or another part of a SELECT whose scope is f; a nil f
// changes only what is in subqueries.
func (l *lifter) expr(n ast.Node, f *scope) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		l.selectStmt(n, false)
		return
	case *ast.BinaryExpr:
		if isComparison(n.Op) {
			l.compared(f, n.X, n.Y)
			return
		}
	case *ast.IsExpr:
		l.compared(f, n.X, n.Y)
		return
	case *ast.BetweenExpr:
		l.compared(f, n.X, n.Lo, n.Hi)
		return
	case *ast.InExpr:
		if n.Select != nil || n.Table != nil {
			f = nil
		}
		l.compared(f, append([]ast.Expr{n.X}, n.List...)...)
		if n.Select != nil {
			l.selectStmt(n.Select, true)
		}
		for _, a := range n.Args {
			l.expr(a, nil)
		}
		return
	case *ast.NullCheckExpr:
		l.compared(f, n.X)
		return
	case *ast.LikeExpr:
		if plain(n.Y) && (n.Escape == nil || plain(n.Escape)) {
			l.compared(f, n.X)
			return
		}
	case *ast.CaseExpr:
		if n.Operand != nil && l.foreign(n, f) {
			l.guarded(n)
			return
		}
	case *ast.FuncCall:
		switch strings.ToLower(n.Name.Name) {
		case "min", "max", "nullif": // they compare their arguments
			if l.foreign(n, f) {
				l.guarded(n)
				return
			}
		}
	}
	if e, ok := n.(ast.Expr); ok && f != nil {
		if column, ok := l.attribute(e, f); ok {
			l.replace(e, "(+"+column+")")
			return
		}
	}
	l.below(n, f)
}

func (l *lifter) below(n ast.Node, f *scope) {
	for _, c := range n.Children() {
		l.expr(c, f)
	}
}

func isComparison(op ast.Operator) bool {
	switch op {
	case ast.OpEq, ast.OpNe, ast.OpLt, ast.OpLe, ast.OpGt, ast.OpGe:
		return true
	}
	return false
}

// compared changes operands that are compared with each other. One that is compared with literals
// and parameters only, or with attributes, becomes the bare column.
func (l *lifter) compared(f *scope, operands ...ast.Expr) {
	for _, o := range operands {
		if l.foreign(o, f) {
			f = nil
			break
		}
	}
	for i, o := range operands {
		column, ok := "", false
		if f != nil {
			column, ok = l.attribute(bare(o), f)
		}
		switch {
		case !ok && f == nil:
			l.guarded(o)
		case !ok:
			l.expr(o, f)
		case l.withoutAffinity(f, operands, i):
			l.replace(bare(o), column)
		default:
			l.replace(bare(o), "(+"+column+")")
		}
	}
}

// withoutAffinity reports whether all operands but one are literals, parameters or attributes.
func (l *lifter) withoutAffinity(f *scope, operands []ast.Expr, but int) bool {
	for i, o := range operands {
		if i == but || plain(o) {
			continue
		}
		if _, ok := l.attribute(bare(o), f); !ok {
			return false
		}
	}
	return true
}

// guarded changes what is in the subqueries of an operand, but not what they give.
func (l *lifter) guarded(n ast.Node) {
	if s, ok := n.(*ast.SelectStmt); ok {
		l.selectStmt(s, true)
		return
	}
	for _, c := range n.Children() {
		l.guarded(c)
	}
}

// plain reports whether an expression is a literal or parameter, or a function or sign of such: it
// has neither affinity nor collating sequence.
func plain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return plain(e.X)
	case *ast.UnaryExpr:
		return plain(e.X)
	case *ast.Literal, *ast.BindParam:
		return true
	case *ast.FuncCall:
		return e.Over == nil && e.Filter == nil && e.OrderBy == nil && !e.Star && len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(a ast.Expr) bool { return !plain(a) })
	}
	return false
}

// foreign reports whether an expression mentions anything but literals, parameters and columns of
// the resources in a FROM clause.
func (l *lifter) foreign(n ast.Node, f *scope) bool {
	if f == nil {
		return true
	}
	children := n.Children()
	switch n := n.(type) {
	case *ast.SelectStmt, *ast.WindowDef, *ast.RaiseExpr, *ast.Star:
		return true
	case *ast.Ident, *ast.QualifiedRef:
		parts := columnParts(n.(ast.Expr))
		return parts == nil || l.owner(f, parts) == nil
	case *ast.FuncCall:
		children = children[1:] // the name
	case *ast.CollateExpr:
		return l.foreign(n.X, f)
	case *ast.LikeExpr:
		children = children[1:]
	case *ast.CastExpr:
		return l.foreign(n.X, f)
	}
	return slices.ContainsFunc(children, func(c ast.Node) bool { return l.foreign(c, f) })
}

// owner returns the resource in the FROM clause itself whose column a reference names; nil if that is none
// of ours, or can't be told.
func (l *lifter) owner(f *scope, parts []*ast.Ident) *item {
	it, sure := f.lookup(parts, l.w.names.has)
	if !sure || it.path == "" || it.nested || !slices.Contains(f.items, it) {
		return nil
	}
	return it
}

// attribute returns the column, qualified and quoted, of the attribute that an expression reads.
func (l *lifter) attribute(e ast.Expr, f *scope) (column string, ok bool) {
	var operand, path ast.Expr
	label := false // a name without $. will do
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if e.Op != ast.OpPtr2 {
			return "", false
		}
		operand, path, label = e.X, e.Y, true
	case *ast.FuncCall:
		if !sameName(e.Name.Name, "json_extract") || len(e.Args) != 2 || e.Distinct || e.All || e.OrderBy != nil || e.Filter != nil || e.Over != nil {
			return "", false
		}
		operand, path = e.Args[0], e.Args[1]
	default:
		return "", false
	}
	lit, ok := path.(*ast.Literal)
	parts := columnParts(bare(operand))
	if !ok || lit.Kind != ast.LitString || parts == nil {
		return "", false
	}
	key, ok := jsonKey(lit.Value, label)
	if !ok {
		return "", false
	}
	it := l.owner(f, parts)
	if it == nil {
		return "", false
	}
	name, ok := l.w.names.Attribute(it.path, parts[len(parts)-1].Name, key)
	if !ok {
		return "", false
	}
	return Quote(it.name) + "." + Quote(name), true
}

// jsonKey returns the key that a path of SQLite's JSON functions leads to, if it is one key of an
// object with an ordinary name.
func jsonKey(path string, label bool) (key string, ok bool) {
	rest, dotted := strings.CutPrefix(path, "$.")
	if !dotted && !label {
		return "", false
	}
	if n := len(rest); dotted && n > 2 && rest[0] == '"' && rest[n-1] == '"' {
		rest = rest[1 : n-1]
	}
	for i, c := range []byte(rest) {
		if !(c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9') {
			return "", false
		}
	}
	return rest, rest != ""
}

func (l *lifter) replace(e ast.Expr, text string) {
	l.edits = append(l.edits, edit{l.q.Offset(e.Pos()), l.q.Offset(e.End()), text})
}
