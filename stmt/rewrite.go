package stmt

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
)

// Names is what Rewrite needs to know of the tables there are. All fields are required.
type Names struct {
	// Provider reports whether a name is a provider's.
	Provider func(name string) bool
	// Table returns the path, in the catalogue's spelling, of the resource that three names mean,
	// and what to do about it if there is none.
	Table func(provider, service, resource string) (path, hint string, ok bool)
	// Binding says how a column of a table may be used in conditions.
	Binding func(path, column string) Binding
	// Columns returns the names of a table's visible columns, and of those hidden ones that are part
	// of its rows.
	Columns func(path string) (visible, hidden []string)
}

// A Binding says how a column may be used in conditions.
type Binding int

const (
	// Free is an ordinary column.
	Free Binding = iota
	// ByEqual is a request parameter: bound by = only.
	ByEqual
	// ByEqualOrIn is the org's name: bound by = or IN.
	ByEqualOrIn
)

// A Query is a statement rewritten for SQLite.
type Query struct {
	// SQL is the text for SQLite.
	SQL string
	// Tables are the paths of the resources it names, one for each time it names them.
	Tables []string
	// Uses counts the tables, views and subqueries in all its FROM clauses; 0 if it could not be
	// parsed here.
	Uses int
	// BindsOrg reports whether a condition picks the org, or might: also true if the text could not
	// be parsed here.
	BindsOrg bool
	// Orgs are the orgs that conditions pick by name.
	Orgs []OrgName
	// Parsed is nil if the text could be parsed here. SQLite stays the judge: a text that SQLite
	// accepts and this parser does not still runs.
	Parsed error

	source Statement
	edits  []edit // on the source, ascending
}

// An OrgName is the name of an org in a condition, as typed.
type OrgName struct {
	Name string
	// Pos is its byte offset in the source.
	Pos int
}

// An edit replaces source[start:end].
type edit struct {
	start, end int
	text       string
}

// Rewrite turns the names of a statement that SQLite knows (from its Body on) into ones that
// SQLite can read: okta.user.users becomes "okta.user.users", and users.id becomes
// "okta.user.users".id where the table has no alias. It refuses, with the place, unknown tables
// and conditions that would leave a request parameter unbound. The error, if any, is an [*Error].
func Rewrite(s Statement, n Names) (*Query, error) {
	q := &Query{source: s}
	if err := q.dottedNames(n); err != nil {
		return nil, err
	}
	q.apply()
	stmts, err := parser.ParseString(q.SQL)
	if err != nil || len(stmts) != 1 {
		q.Parsed = q.parseError(err)
		q.BindsOrg = true
		return q, nil
	}
	w := &walker{names: n, q: q, star: hasStar(stmts[0])}
	w.statement(stmts[0])
	if w.err != nil {
		return nil, w.err
	}
	q.edits = slices.DeleteFunc(q.edits, func(e edit) bool {
		return slices.ContainsFunc(w.edits, func(n edit) bool { return n.start == e.start })
	})
	q.edits = append(q.edits, w.edits...)
	sort.Slice(q.edits, func(i, j int) bool { return q.edits[i].start < q.edits[j].start })
	q.apply()
	return q, nil
}

func (q *Query) parseError(err error) error {
	var perr *parser.Error
	if errors.As(err, &perr) {
		return q.ErrorAt(perr.Offset, perr.Message, "")
	}
	return q.source.errorAt(q.source.Start, "expected one statement", "")
}

// apply sets SQL to the body of the source with the edits made.
func (q *Query) apply() {
	var b strings.Builder
	at := q.source.Body
	for _, e := range q.edits {
		b.WriteString(q.source.Source[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(q.source.Source[at:q.source.End])
	q.SQL = b.String()
}

// Offset maps a byte offset in SQL to the offset in the source of what the user typed there.
func (q *Query) Offset(off int) int {
	if off < 0 {
		return -1
	}
	at, out := q.source.Body, 0 // source and SQL offsets up to which the two are aligned
	for _, e := range q.edits {
		kept := e.start - at
		if off < out+kept {
			return at + off - out
		}
		out += kept
		if off < out+len(e.text) {
			return e.start
		}
		out += len(e.text)
		at = e.end
	}
	return min(at+off-out, q.source.End)
}

// ErrorAt returns an Error at a byte offset of SQL, placed where the user typed it.
func (q *Query) ErrorAt(off int, msg, hint string) *Error {
	return q.source.errorAt(q.Offset(off), msg, hint)
}

// dottedNames finds provider.service.resource in the tokens and makes each one quoted name.
func (q *Query) dottedNames(n Names) error {
	src := q.source.Source
	var toks []token.Token
	for _, t := range q.source.tokens {
		if t.Pos >= q.source.Body {
			toks = append(toks, t)
		}
	}
	isName := func(i int) bool {
		if i >= len(toks) {
			return false
		}
		k := toks[i].Kind
		return k == token.ID || token.CanFallback(k) || k != token.STRING && isKeyword(toks[i].Text(src))
	}
	dot := func(i int) bool { return i < len(toks) && toks[i].Kind == token.DOT }
	for i := 0; i < len(toks); i++ {
		if !isName(i) || !dot(i+1) || !isName(i+2) || i > 0 && dot(i-1) {
			continue
		}
		first := Unquote(toks[i].Text(src))
		inFrom := i > 0 && (toks[i-1].Kind == token.FROM || toks[i-1].Kind == token.JOIN || toks[i-1].Kind == token.INTO || toks[i-1].Kind == token.UPDATE)
		three := dot(i+3) && isName(i+4)
		if !n.Provider(first) {
			if inFrom && three {
				return q.source.errorAt(toks[i].Pos, fmt.Sprintf("no such provider: %s", first), "the provider is okta: okta.user.users")
			}
			continue
		}
		second := Unquote(toks[i+2].Text(src))
		if !three {
			if !inFrom {
				continue
			}
			_, hint, _ := n.Table(first, second, "")
			return q.source.errorAt(toks[i].Pos, fmt.Sprintf("no such table: %s.%s", first, second), hint)
		}
		third := Unquote(toks[i+4].Text(src))
		path, hint, ok := n.Table(first, second, third)
		if !ok {
			return q.source.errorAt(toks[i].Pos, fmt.Sprintf("no such table: %s.%s.%s", first, second, third), hint)
		}
		q.Tables = append(q.Tables, path)
		q.edits = append(q.edits, edit{toks[i].Pos, toks[i+4].End, Quote(path)})
		i += 4
	}
	return nil
}

// A scope is one SELECT's FROM clause, inside those of the SELECTs around it.
type scope struct {
	outer *scope
	items []item
}

// An item is one entry of a FROM clause.
type item struct {
	name  string // what qualifies its columns: the alias, else the table's name
	path  string // the resource's path; empty for anything that isn't ours
	short string // the resource's last name, if it has no alias
}

// A walker resolves names in a parsed statement by SQLite's scope rules.
type walker struct {
	names Names
	q     *Query
	star  bool // there is a * somewhere
	edits []edit
	err   *Error
}

func (w *walker) fail(n ast.Node, msg, hint string) {
	if w.err == nil {
		w.err = w.q.ErrorAt(n.Pos(), msg, hint)
	}
}

func (w *walker) statement(s ast.Stmt) {
	if sel, ok := s.(*ast.SelectStmt); ok {
		w.selectStmt(sel, nil)
		return
	}
	// INSERT, UPDATE and DELETE: only the SELECTs in them have FROM clauses of their own.
	w.inside(s, nil)
}

// inside walks all below a node, opening a scope at each SELECT.
func (w *walker) inside(n ast.Node, sc *scope) {
	ast.Walk(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt:
			w.selectStmt(n, sc)
			return false
		case *ast.QualifiedRef:
			w.qualifier(n.Parts, sc)
		case *ast.Star:
			if n.Table != nil {
				w.qualifier([]*ast.Ident{n.Table, nil}, sc)
			}
		}
		return true
	})
}

func (w *walker) selectStmt(s *ast.SelectStmt, outer *scope) {
	if s.With != nil {
		for _, c := range s.With.CTEs {
			w.selectStmt(c.Select, outer)
		}
	}
	for _, core := range s.Cores {
		query, ok := core.(*ast.SelectQuery)
		if !ok {
			w.inside(core, outer)
			continue
		}
		sc := &scope{outer: outer}
		for _, ref := range query.From {
			w.from(ref, sc, outer)
		}
		for _, ref := range query.From {
			w.on(ref, sc)
		}
		w.conditions(query.Where, sc)
		w.conditions(query.Having, sc)
		for _, part := range query.Children() {
			switch part.(type) {
			case *ast.TableRef:
			default:
				w.inside(part, sc)
			}
		}
	}
}

// from enters a FROM item, and the items of a parenthesised join, into the scope.
func (w *walker) from(ref *ast.TableRef, sc, outer *scope) {
	for _, r := range ref.List {
		w.from(r, sc, outer)
		w.nested(r)
	}
	if ref.Select != nil {
		w.selectStmt(ref.Select, outer)
	}
	for _, a := range ref.Args {
		w.inside(a, sc)
	}
	if ref.List != nil {
		return
	}
	w.q.Uses++
	it := item{}
	if ref.Name != nil {
		it.name = ref.Name.Name.Name
		if path, last, ok := w.resource(ref.Name); ok {
			it.path = path
			if !slices.Contains(w.q.Tables, path) {
				w.q.Tables = append(w.q.Tables, path) // typed as one quoted name
			}
			if ref.Alias == nil {
				it.short = last
			}
		}
	}
	if ref.Alias != nil {
		it.name = ref.Alias.Name
	}
	sc.items = append(sc.items, it)
}

// nested makes the hidden columns of a table in a parenthesised join usable. SQLite reads such a join
// as a subquery SELECT *, and that leaves hidden columns out; so the table is written as a subquery
// that selects those which the statement names somewhere. With a * in the statement that could show,
// and is not done: SQLite then says that there is no such column. The org and request parameters are
// never selected, since a condition on them would not reach the table.
func (w *walker) nested(ref *ast.TableRef) {
	if ref.Name == nil || w.star {
		return
	}
	path, _, ok := w.resource(ref.Name)
	if !ok {
		return
	}
	columns, hidden := w.names.Columns(path)
	for _, h := range hidden {
		if len(w.q.Identifiers(h)) > 0 {
			columns = append(columns, h)
		}
	}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Quote(c))
	}
	b.WriteString(" FROM " + Quote(path) + ")")
	if ref.Alias == nil {
		b.WriteString(" AS " + Quote(path))
	}
	start := w.q.Offset(ref.Name.Pos())
	e := edit{start, start + len(ref.Name.Name.Raw), b.String()}
	for _, dotted := range w.q.edits {
		if dotted.start == start {
			e.end = dotted.end // takes the place of the one that made it one name
		}
	}
	w.edits = append(w.edits, e)
}

// resource returns the path of the resource that a table's name means, and its last part.
func (w *walker) resource(name *ast.QualifiedName) (path, last string, ok bool) {
	p := strings.Split(name.Name.Name, ".")
	if len(p) != 3 || name.Schema != nil || !w.names.Provider(p[0]) {
		return "", "", false
	}
	path, _, ok = w.names.Table(p[0], p[1], p[2])
	return path, p[2], ok
}

func hasStar(n ast.Node) bool {
	found := false
	ast.Walk(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.Star); ok {
			found = true
		}
		return !found
	})
	return found
}

func (w *walker) on(ref *ast.TableRef, sc *scope) {
	for _, r := range ref.List {
		w.on(r, sc)
	}
	w.conditions(ref.On, sc)
	if ref.On != nil {
		w.inside(ref.On, sc)
	}
}

// qualifier rewrites the first part of users.id where users is a table's last name.
func (w *walker) qualifier(parts []*ast.Ident, sc *scope) {
	if len(parts) != 2 {
		return
	}
	if it := sc.find(parts[0].Name); it != nil && it.path != "" && !strings.EqualFold(it.name, parts[0].Name) {
		start := w.q.Offset(parts[0].Pos())
		w.edits = append(w.edits, edit{start, start + len(parts[0].Raw), Quote(it.path)})
	}
}

// find returns the FROM item that a qualifier means: in each scope outwards, first by the item's
// own name, then by a resource's last name.
func (sc *scope) find(qualifier string) *item {
	for ; sc != nil; sc = sc.outer {
		for i := range sc.items {
			if strings.EqualFold(sc.items[i].name, qualifier) {
				return &sc.items[i]
			}
		}
		for i := range sc.items {
			if sc.items[i].short != "" && strings.EqualFold(sc.items[i].short, qualifier) {
				return &sc.items[i]
			}
		}
	}
	return nil
}

// binding says how the column that an expression names may be used in a condition.
func (w *walker) binding(parts []*ast.Ident, sc *scope) Binding {
	if len(parts) == 2 {
		if it := sc.find(parts[0].Name); it != nil && it.path != "" {
			return w.names.Binding(it.path, parts[1].Name)
		}
		return Free
	}
	for ; len(parts) == 1 && sc != nil; sc = sc.outer {
		for _, it := range sc.items {
			if it.path != "" {
				return w.names.Binding(it.path, parts[0].Name)
			}
		}
		if len(sc.items) > 0 {
			return Free // a table that isn't ours may have a column of the name
		}
	}
	return Free
}

// conditions checks one WHERE, ON or HAVING: request parameters are bound only by a condition that
// must hold for every row, so anything but = under AND would silently ask the API something else.
func (w *walker) conditions(e ast.Expr, sc *scope) {
	switch e := e.(type) {
	case nil:
	case *ast.ParenExpr:
		w.conditions(e.X, sc)
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			w.conditions(e.X, sc)
			w.conditions(e.Y, sc)
		case ast.OpEq:
			if !w.bound(e.X, Free, sc, e.Y) {
				w.unbound(e.X, sc)
			}
			if !w.bound(e.Y, Free, sc, e.X) {
				w.unbound(e.Y, sc)
			}
		default:
			w.unbound(e, sc)
		}
	case *ast.InExpr:
		if e.Not || !w.bound(e.X, ByEqual, sc, e.List...) {
			w.unbound(e.X, sc)
		}
		for _, x := range e.List {
			w.unbound(x, sc)
		}
	default:
		w.unbound(e, sc)
	}
}

// bound reports whether an expression is a bare column with a binding above the one given, by these
// values.
func (w *walker) bound(e ast.Expr, above Binding, sc *scope, values ...ast.Expr) bool {
	b := w.binding(columnParts(bare(e)), sc)
	if b == ByEqualOrIn && b > above {
		w.q.BindsOrg = true
		for _, v := range values {
			if l, ok := bare(v).(*ast.Literal); ok && l.Kind == ast.LitString {
				w.q.Orgs = append(w.q.Orgs, OrgName{l.Value, w.q.Offset(l.Pos())})
			}
		}
	}
	return b > above
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

// unbound refuses a request parameter anywhere in the expression, subqueries left out.
func (w *walker) unbound(e ast.Expr, sc *scope) {
	ast.Walk(e, func(n ast.Node) bool {
		if _, ok := n.(*ast.SelectStmt); ok {
			return false
		}
		x, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		parts := columnParts(x)
		if parts == nil {
			return true
		}
		name := parts[len(parts)-1].Name
		switch w.binding(parts, sc) {
		case ByEqual:
			w.fail(n, fmt.Sprintf("%s is a request parameter: it can only be bound with =, in a condition that every row must meet", name),
				fmt.Sprintf("write %s = 'value', joined to the rest with AND", name))
		case ByEqualOrIn:
			w.fail(n, fmt.Sprintf("%s picks the org: it can only be bound with = or IN, in a condition that every row must meet", name),
				fmt.Sprintf("write %s = 'name' or %s IN ('one', 'two'), joined to the rest with AND", name, name))
		}
		return false
	})
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

// Identifiers returns the offsets in the source at which an unquoted or quoted name stands outside
// strings and comments, for pointing at a column that SQLite named without a place.
func (q *Query) Identifiers(name string) []int {
	var out []int
	for _, t := range lexer.Lex(q.source.Source[q.source.Body:q.source.End]) {
		text := t.Text(q.source.Source[q.source.Body:q.source.End])
		if t.Kind != token.STRING && t.Kind != token.VARIABLE && strings.EqualFold(Unquote(text), name) {
			out = append(out, q.source.Body+t.Pos)
		}
	}
	return out
}

// ErrorIn returns an Error at a byte offset of the source.
func (q *Query) ErrorIn(pos int, msg, hint string) *Error { return q.source.errorAt(pos, msg, hint) }
