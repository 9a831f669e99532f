package stmt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
)

// Names is what Rewrite needs to know of the tables there are. All fields but Attribute are required.
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
	// Attribute returns the column, if there is one, whose values are those of a key of the JSON in
	// a field (of department in profile), and never objects or arrays. The key's case counts, the
	// field's doesn't. Nil: expressions on JSON stay as they are.
	Attribute func(path, field, key string) (column string, ok bool)
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
	// Required is a parameter that a table can't be read without: bound by = or IN.
	Required
)

// A Query is a statement rewritten for SQLite.
type Query struct {
	// Kind is the statement's.
	Kind Kind
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
	// ByDefault says that no condition picks the org of some table, as far as could be told: the default
	// one answers.
	ByDefault bool
	// OrgsElsewhere says that a condition picks an org by anything but its name in the text, or might.
	OrgsElsewhere bool
	// Compared are the columns that the statement compares with a text that stands in it.
	Compared []Comparison
	// Timed are the columns that the statement compares with what a function of SQLite makes of a time; Text is
	// the function's name, in lower case.
	Timed []Comparison
	// Fixed are the columns of the first table in FROM that WHERE compares by = with one value, in
	// conditions that every row must meet, as typed; only where that is certain.
	Fixed []string
	// Lifted counts the expressions on JSON that became columns.
	Lifted int
	// Parsed is nil if the text could be parsed here. SQLite stays the judge: a text that SQLite
	// accepts and this parser does not still runs.
	Parsed error

	source Statement
	edits  []edit // on the source, ascending
	names  Names
	tree   ast.Stmt // with dotted names as one, and all others as typed; nil if it could not be parsed
	scopes *scopes  // of the tree
}

// An OrgName is the name of an org in a condition, as typed.
type OrgName struct {
	Name string
	// Pos is its byte offset in the source.
	Pos int
}

// A Comparison is a column that is compared, by =, <> or IN, with a text.
type Comparison struct {
	Path, Column, Text string
	// Pos is the byte offset of the text in the source.
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
	q := &Query{Kind: s.Kind, source: s, edits: slices.Clone(s.edits), names: n}
	if err := q.dottedNames(n); err != nil {
		return nil, err
	}
	q.apply()
	stmts, err := parser.ParseString(q.SQL)
	if err != nil || len(stmts) != 1 {
		q.Parsed = q.parseError(err)
		q.BindsOrg, q.OrgsElsewhere = true, true
		return q, nil
	}
	q.tree = stmts[0]
	q.scopes = scopesOf(stmts[0], n)
	w := &walker{names: n, q: q, of: q.scopes.of, star: hasStar(stmts[0])}
	w.tables(q.scopes.items)
	w.inside(stmts[0], nil)
	if w.err != nil {
		return nil, w.err
	}
	q.ByDefault = slices.ContainsFunc(q.scopes.items, func(it *item) bool { return it.path != "" && !it.picked })
	q.Fixed = q.scopes.fixed(stmts[0])
	edits := merge(q.edits, w.edits)
	// The SELECT that a change was made into stands nowhere as such: it is left as it is.
	if sel, ok := stmts[0].(*ast.SelectStmt); ok && n.Attribute != nil && len(s.edits) == 0 {
		var lifted []edit
		lifted, q.Lifted = w.liftAttributes(sel, edits)
		edits = merge(edits, lifted)
	}
	q.edits = edits
	q.apply()
	return q, nil
}

// merge adds edits to others, which give way where both change the same.
func merge(edits, more []edit) []edit {
	edits = slices.DeleteFunc(slices.Clone(edits), func(e edit) bool {
		return slices.ContainsFunc(more, func(n edit) bool { return n.start <= e.start && e.start < n.end })
	})
	return sorted(append(edits, more...))
}

func (q *Query) parseError(err error) error {
	var perr *parser.Error
	if errors.As(err, &perr) {
		return q.ErrorAt(perr.Offset, perr.Message, "")
	}
	return q.source.errorAt(q.source.Start, "expected one statement", "")
}

// apply sets SQL to the body of the source with the edits made.
func (q *Query) apply() { q.SQL = q.render(q.edits, q.source.Body, q.source.End) }

// render returns a part of the source with the edits in it made.
func (q *Query) render(edits []edit, start, end int) string {
	var b strings.Builder
	at := start
	for _, e := range edits {
		if e.start < start || e.end > end {
			continue
		}
		b.WriteString(q.source.Source[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(q.source.Source[at:end])
	return b.String()
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
	q.edits = sorted(q.edits)
	return nil
}

func sorted(edits []edit) []edit {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return edits
}

// A place is where a condition stands.
type place struct {
	sc     *scope
	left   *ast.TableRef // the right table of the LEFT JOIN whose ON it is; nil elsewhere
	having bool
}

// A walker checks the conditions of a parsed statement and rewrites its names.
type walker struct {
	names Names
	q     *Query
	of    map[ast.SelectCore]*scope
	star  bool // there is a * somewhere
	edits []edit
	err   *Error
}

func (w *walker) fail(n ast.Node, msg, hint string) {
	if w.err == nil {
		w.err = w.q.ErrorAt(n.Pos(), msg, hint)
	}
}

// tables notes the tables that the statement names, and rewrites those in parenthesised joins.
func (w *walker) tables(items []*item) {
	w.q.Uses = len(items)
	for _, it := range items {
		if it.path == "" {
			continue
		}
		if !slices.Contains(w.q.Tables, it.path) {
			w.q.Tables = append(w.q.Tables, it.path) // typed as one quoted name
		}
		if it.ref.HasArgs {
			w.fail(it.ref, it.path+" takes no arguments", "conditions go into WHERE")
		}
		if it.nested {
			w.nested(it)
		}
	}
}

// inside walks all below a node, which stands in a scope.
func (w *walker) inside(n ast.Node, sc *scope) {
	ast.Walk(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt:
			w.selectStmt(n)
			return false
		case *ast.BinaryExpr:
			if n.Op == ast.OpEq || n.Op == ast.OpNe {
				w.compared(n.X, sc, n.Y)
				w.compared(n.Y, sc, n.X)
			}
			if isComparison(n.Op) {
				w.timed(n.X, sc, n.Y)
				w.timed(n.Y, sc, n.X)
			}
		case *ast.BetweenExpr:
			w.timed(n.X, sc, n.Lo, n.Hi)
		case *ast.InExpr:
			w.compared(n.X, sc, n.List...)
		case *ast.QualifiedRef:
			w.qualifier(n.Parts, sc)
		case *ast.Star:
			if n.Table != nil {
				w.qualifier([]*ast.Ident{n.Table, n.Table}, sc)
			}
		}
		return true
	})
}

func (w *walker) selectStmt(s *ast.SelectStmt) {
	if s.With != nil {
		for _, c := range s.With.CTEs {
			w.selectStmt(c.Select)
		}
	}
	for _, core := range s.Cores {
		sc := w.of[core]
		query, ok := core.(*ast.SelectQuery)
		if !ok {
			w.inside(core, sc)
			continue
		}
		for _, ref := range query.From {
			w.from(ref, sc)
		}
		for _, ref := range query.From {
			w.on(ref, sc)
		}
		w.conditions(query.Where, place{sc: sc})
		w.conditions(query.Having, place{sc: sc, having: true})
		for _, part := range query.Children() {
			if _, ok := part.(*ast.TableRef); !ok {
				w.inside(part, sc)
			}
		}
	}
}

// from walks the subqueries and arguments of a FROM item.
func (w *walker) from(ref *ast.TableRef, sc *scope) {
	for _, r := range ref.List {
		w.from(r, sc)
	}
	if ref.Select != nil {
		w.selectStmt(ref.Select)
	}
	for _, a := range ref.Args {
		w.inside(a, sc)
	}
}

// nested makes the hidden columns of a table in a parenthesised join usable. SQLite reads such a join
// as a subquery SELECT *, and that leaves hidden columns out; so the table is written as a subquery
// that selects those which the statement names somewhere. With a * in the statement that could show,
// and is not done: SQLite then says that there is no such column. The org and request parameters are
// never selected, since a condition on them would not reach the table.
func (w *walker) nested(it *item) {
	if w.star {
		return
	}
	ref, path := it.ref, it.path
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
	at := place{sc: sc}
	if ref.Join != nil && ref.Join.Type&ast.JoinLeft != 0 {
		at.left = ref
	}
	w.conditions(ref.On, at)
	if ref.On != nil {
		w.inside(ref.On, sc)
	}
}

// qualifier rewrites the first part of users.id where users is a table's last name.
func (w *walker) qualifier(parts []*ast.Ident, sc *scope) {
	if len(parts) != 2 {
		return
	}
	if it := sc.qualified(parts, w.names.has); it != nil && it.path != "" && !sameName(it.name, parts[0].Name) {
		start := w.q.Offset(parts[0].Pos())
		w.edits = append(w.edits, edit{start, start + len(parts[0].Raw), Quote(it.path)})
	}
}

// compared notes the texts among the values that a column of ours is compared with.
func (w *walker) compared(e ast.Expr, sc *scope, values ...ast.Expr) {
	parts := columnParts(bare(e))
	it := w.owner(parts, sc)
	if it == nil {
		return
	}
	for _, v := range values {
		if l, ok := bare(v).(*ast.Literal); ok && l.Kind == ast.LitString {
			w.q.Compared = append(w.q.Compared, Comparison{it.path, parts[len(parts)-1].Name, l.Value, w.q.Offset(l.Pos())})
		}
	}
}

// timed notes the times among the values that a column of ours is compared with.
func (w *walker) timed(e ast.Expr, sc *scope, values ...ast.Expr) {
	parts := columnParts(bare(e))
	it := w.owner(parts, sc)
	if it == nil {
		return
	}
	for _, v := range values {
		name := ""
		switch v := bare(v).(type) {
		case *ast.FuncCall:
			name = strings.ToLower(v.Name.Name)
		case *ast.Literal:
			if v.Kind == ast.LitCurrentTimestamp {
				name = "current_timestamp"
			}
		}
		if slices.Contains(timeFunctions, name) {
			w.q.Timed = append(w.q.Timed, Comparison{it.path, parts[len(parts)-1].Name, name, w.q.Offset(v.Pos())})
		}
	}
}

// timeFunctions make texts or numbers that aren't in the order of the API's times.
var timeFunctions = []string{"datetime", "current_timestamp", "unixepoch", "julianday", "time"}

// owner returns the resource in a FROM clause whose column an expression names, nil if it is not one of
// ours or cannot be told.
func (w *walker) owner(parts []*ast.Ident, sc *scope) *item {
	if it, _ := sc.lookup(parts, w.names.has); it != nil && it.path != "" {
		return it
	}
	return nil
}

// binding says how the column that an expression names may be used in a condition.
func (w *walker) binding(parts []*ast.Ident, sc *scope) Binding {
	if it := w.owner(parts, sc); it != nil {
		return w.names.Binding(it.path, parts[len(parts)-1].Name)
	}
	return Free
}

// conditions checks one WHERE, ON or HAVING: request parameters and the org are bound only by a
// condition that must hold for every row, so anything but = under AND would silently ask the API
// something else.
func (w *walker) conditions(e ast.Expr, at place) {
	switch e := e.(type) {
	case nil:
	case *ast.ParenExpr:
		w.conditions(e.X, at)
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			w.conditions(e.X, at)
			w.conditions(e.Y, at)
		case ast.OpEq:
			x, y := w.bound(e.X, Free, at, e.Y), w.bound(e.Y, Free, at, e.X)
			if !x && (!y || !w.isOrg(e.X, at.sc)) {
				w.unbound(e.X, at.sc)
			}
			if !y && (!x || !w.isOrg(e.Y, at.sc)) {
				w.unbound(e.Y, at.sc)
			}
		default:
			w.unbound(e, at.sc)
		}
	case *ast.InExpr:
		if e.Not || !w.bound(e.X, ByEqual, at, e.List...) {
			w.unbound(e.X, at.sc)
		}
		for _, x := range e.List {
			w.unbound(x, at.sc)
		}
	default:
		w.unbound(e, at.sc)
	}
}

// isOrg reports whether an expression is a bare column that names the org. As the value that binds
// another table's org it is fine.
func (w *walker) isOrg(e ast.Expr, sc *scope) bool {
	return w.binding(columnParts(bare(e)), sc) == ByEqualOrIn
}

// bound reports whether an expression is a bare column with a binding above the one given, which
// the condition at this place binds by these values.
func (w *walker) bound(e ast.Expr, above Binding, at place, values ...ast.Expr) bool {
	parts := columnParts(bare(e))
	b := w.binding(parts, at.sc)
	if b <= above {
		return false
	}
	if b == ByEqualOrIn {
		it := w.owner(parts, at.sc)
		if !at.reaches(it) {
			return false
		}
		w.q.BindsOrg = true
		it.picked = true
		for _, v := range values {
			if l, ok := bare(v).(*ast.Literal); ok && l.Kind == ast.LitString {
				w.q.Orgs = append(w.q.Orgs, OrgName{l.Value, w.q.Offset(l.Pos())})
			} else if !w.isOrg(v, at.sc) {
				w.q.OrgsElsewhere = true
			}
		}
		if len(values) == 0 {
			w.q.OrgsElsewhere = true
		}
	}
	return true
}

// reaches reports whether SQLite shows a condition at this place to a table. It doesn't show WHERE,
// nor any ON but the join's own, to a table on the right of a LEFT JOIN, nothing to the tables of a
// RIGHT or FULL JOIN when it reads them for the second time, and no condition of a subquery to a table
// around it. A request parameter is then found to be unbound; an org would be the default one.
func (at place) reaches(it *item) bool {
	switch {
	case at.having || at.sc.right || !slices.Contains(at.sc.items, it):
		return false
	case at.left != nil:
		return it.ref == at.left
	}
	return !it.null
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
		case Required:
			w.fail(n, fmt.Sprintf("%s says what to read: it can only be bound with = or IN, in a condition that every row of its table must meet", name),
				fmt.Sprintf("write %[1]s = 'value' or %[1]s IN ('one', 'two'), joined to the rest with AND", name))
		case ByEqualOrIn:
			w.fail(n, fmt.Sprintf("%s picks the org: it can only be bound with = or IN, in a condition that every row of its table must meet", name),
				fmt.Sprintf("write %[1]s = 'name' or %[1]s IN ('one', 'two'), joined to the rest with AND; beside an outer join, in (SELECT … WHERE %[1]s = 'name') AS its own subquery", name))
		}
		return false
	})
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

// TableOf is the name that a table has which the statement calls so: what stands in front of an alias. Without
// such an alias it is the name itself.
func (q *Query) TableOf(alias string) string {
	tokens := lexer.Lex(q.SQL)
	name := func(i int) (string, bool) {
		return Unquote(tokens[i].Text(q.SQL)), tokens[i].Kind == token.ID
	}
	for i := 1; i < len(tokens); i++ {
		if word, ok := name(i); !ok || !strings.EqualFold(word, alias) {
			continue
		}
		before := i - 1
		if tokens[before].Kind == token.AS && before > 0 {
			before--
		}
		if table, ok := name(before); ok {
			return table
		}
	}
	return alias
}

// MaskValue is [MaskValue] for the source that the statement stands in.
func (q *Query) MaskValue(msg string) string { return MaskValue(q.source.Source, msg) }

// BehindOperator reports whether what stands at a byte offset of SQL is compared with something in
// front of it.
func (q *Query) BehindOperator(off int) bool {
	tokens := lexer.Lex(q.SQL[:min(max(off, 0), len(q.SQL))])
	if len(tokens) < 2 {
		return false
	}
	switch tokens[len(tokens)-2].Kind { // the last one is the end
	case token.EQ, token.NE, token.LT, token.LE, token.GT, token.GE, token.LIKE_KW:
		return true
	}
	return false
}
