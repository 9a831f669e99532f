package stmt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
)

// A Change is a statement that changes an org, taken apart: what to do, and SELECTs for what to do it
// to and with. Those are read like any other, so that every expression means what it means in a query.
type Change struct {
	// Kind is Insert, Update, Delete or Exec.
	Kind Kind
	// Table is the resource's path, or as typed what an EXEC names; TablePos is its offset in the source.
	Table    string
	TablePos int
	// Method is an EXEC's method as typed, else empty; MethodPos is its offset in the source.
	Method    string
	MethodPos int
	// Set are the columns of an INSERT, the assignments of an UPDATE, or the parameters of an EXEC, in
	// the order as typed.
	Set []Target
	// Rows is a statement of kind Select that gives the rows to change. Its columns are, of an INSERT,
	// those of Set; of an UPDATE or DELETE, the columns that ParseChange was asked for, of the target,
	// and behind them the values of Set; of an EXEC, its parameters: Set's, or with For, those of the
	// SELECT behind FOR.
	Rows Statement
	// For says that an EXEC has a SELECT behind FOR. Constants then gives one row with the values of Set;
	// without Set, or without For, it is not set.
	For       bool
	Constants Statement
	// Returning gives what stands behind RETURNING, from a table that holds the changed objects only.
	// Not set if there is no RETURNING: see HasReturning.
	Returning    Statement
	HasReturning bool
	// Where says that an UPDATE or DELETE has a WHERE.
	Where bool
}

// A Target is a column that is set, or a parameter that is given.
type Target struct {
	// Name is as typed, without quotes and sigils.
	Name string
	// Body is set for @@json, the whole body of an EXEC.
	Body bool
	// Pos is the name's offset in the source; ValuePos that of the value's expression, which for an
	// INSERT is the same as Pos.
	Pos, ValuePos int
}

// A changeReader takes a change apart, whose table is one quoted name already.
type changeReader struct {
	q       *Query
	names   Names
	columns func(path string) []string // of the target, to read
	out     *Change
	alias   string // what qualifies the target's columns
	from    string // the target in a FROM clause
}

// ParseChange takes a statement of kind Insert, Update, Delete or Exec apart; columns gives those of
// the target, whose path it is told, which the rows of an UPDATE or DELETE begin with. It refuses, with
// the place, what SQLite has and an org has not. The error, if any, is an [*Error].
func ParseChange(s Statement, n Names, columns func(path string) []string) (*Change, error) {
	if s.Kind == Exec {
		return parseExecChange(s)
	}
	q := &Query{source: s}
	if err := q.dottedNames(n); err != nil {
		return nil, err
	}
	q.apply()
	stmts, err := parser.Options{UpdateDeleteLimit: true}.ParseString(q.SQL)
	if err != nil || len(stmts) != 1 {
		return nil, q.parseError(err)
	}
	r := &changeReader{q: q, names: n, columns: columns, out: &Change{Kind: s.Kind}}
	var e *Error
	switch st := stmts[0].(type) {
	case *ast.InsertStmt:
		e = r.insert(st)
	case *ast.UpdateStmt:
		e = r.update(st)
	case *ast.DeleteStmt:
		e = r.delete(st)
	default:
		e = s.errorAt(s.Body, "expected INSERT, UPDATE or DELETE", "")
	}
	if e != nil {
		return nil, e
	}
	return r.out, nil
}

func (r *changeReader) fail(n ast.Node, msg, hint string) *Error {
	return r.q.ErrorAt(n.Pos(), msg, hint)
}

// at and end are where a node begins and ends in the source.
func (r *changeReader) at(n ast.Node) int  { return r.q.Offset(n.Pos()) }
func (r *changeReader) end(n ast.Node) int { return r.q.Offset(n.End()) }

// table reads the target.
func (r *changeReader) table(with *ast.With, name *ast.QualifiedName, alias *ast.Ident) *Error {
	p := strings.Split(name.Name.Name, ".")
	if len(p) != 3 || name.Schema != nil || !r.names.Provider(p[0]) {
		return r.fail(name, fmt.Sprintf("%s is no table of an org", name.Name.Name), "for example: okta.user.users")
	}
	path, hint, ok := r.names.Table(p[0], p[1], p[2])
	if !ok {
		return r.fail(name, "no such table: "+name.Name.Name, hint)
	}
	if with != nil {
		for _, c := range with.CTEs {
			if sameName(c.Name.Name, path) {
				return r.fail(c, path+" is what is changed, and WITH gives its name to something else", "give that another name")
			}
		}
	}
	r.out.Table, r.out.TablePos = path, r.at(name)
	r.from, r.alias = Quote(path), Quote(path)
	if alias != nil {
		r.alias = Quote(alias.Name)
		r.from += " AS " + r.alias
	}
	return nil
}

// rows makes the statement that gives the rows out of the source with the edits made.
func (r *changeReader) rows(edits ...edit) Statement { return r.q.source.edited(edits) }

// edited is a SELECT made of a statement by edits of its source.
func (s Statement) edited(edits []edit) Statement {
	s.Kind, s.Of = Select, Select
	s.edits = edits
	s.tokens = slices.DeleteFunc(slices.Clone(s.tokens), func(t token.Token) bool {
		return slices.ContainsFunc(edits, func(e edit) bool { return t.Pos >= e.start && t.Pos < e.end })
	})
	return s
}

// head is where the statement proper begins: behind WITH.
func (r *changeReader) head(with *ast.With) int {
	if with == nil {
		return r.q.source.Body
	}
	return r.end(with)
}

// wanted is the beginning of the SELECT that gives the target's columns.
func (r *changeReader) wanted() string {
	var b strings.Builder
	b.WriteString(" SELECT ")
	for i, c := range r.columns(r.out.Table) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.alias + "." + Quote(c))
	}
	return b.String()
}

// returning keeps what stands behind RETURNING, and returns the edit that takes it off the rows,
// whose last part ends at the offset given.
func (r *changeReader) returning(columns []*ast.ResultColumn, with *ast.With, last int) []edit {
	if len(columns) == 0 {
		return nil
	}
	s := r.q.source
	r.out.HasReturning = true
	var head []edit
	if with != nil {
		head = []edit{{r.head(with), r.at(columns[0]), " SELECT "}}
	} else {
		head = []edit{{s.Body, r.at(columns[0]), "SELECT "}}
	}
	r.out.Returning = s.edited(append(head, edit{s.End, s.End, " FROM " + r.from}))
	return []edit{{last, s.End, ""}}
}

func (r *changeReader) insert(st *ast.InsertStmt) *Error {
	if err := r.table(st.With, st.Table, st.Alias); err != nil {
		return err
	}
	switch {
	case st.Replace || st.OrConflict != 0:
		return r.q.source.errorAt(r.head(st.With), "an org has no INSERT OR …: what is there already is an error of the API", "write INSERT INTO, or UPDATE for what is there")
	case len(st.Upserts) > 0:
		return r.fail(st.Table, "an org has no ON CONFLICT: what is there already is an error of the API", "leave out what is there by WHERE NOT EXISTS (…) in a SELECT")
	case len(st.Columns) == 0:
		return r.fail(st.Table, "the columns are missing", "name them: INSERT INTO "+r.out.Table+" (login, email, …) …")
	case st.DefaultValues || st.Select == nil:
		return r.fail(st.Table, "DEFAULT VALUES is nobody", "give VALUES (…) or a SELECT")
	case st.With != nil && st.Select.With != nil:
		return r.fail(st.Select, "WITH stands twice", "put all of it in front of INSERT")
	}
	for _, c := range st.Columns {
		if err := r.target(c, r.at(c)); err != nil {
			return err
		}
	}
	head, behind := r.head(st.With), ""
	if st.With != nil {
		behind = " "
	}
	edits := []edit{{head, r.at(st.Select), behind}}
	r.out.Rows = r.rows(append(edits, r.returning(st.Returning, nil, r.end(st.Select))...)...)
	if st.With != nil && r.out.HasReturning {
		r.out.Returning = r.q.source.edited([]edit{
			{head, r.at(st.Returning[0]), " SELECT "}, {r.q.source.End, r.q.source.End, " FROM " + r.from},
		})
	}
	return nil
}

// target notes a column that is set. Each may be set once.
func (r *changeReader) target(c *ast.Ident, value int) *Error {
	for _, t := range r.out.Set {
		if strings.EqualFold(t.Name, c.Name) {
			return r.fail(c, fmt.Sprintf("%s is set twice", c.Name), "")
		}
	}
	r.out.Set = append(r.out.Set, Target{Name: c.Name, Pos: r.at(c), ValuePos: value})
	return nil
}

func (r *changeReader) update(st *ast.UpdateStmt) *Error {
	if err := r.table(st.With, st.Table, st.Alias); err != nil {
		return err
	}
	if st.OrConflict != 0 || st.IndexedBy != nil || st.NotIndexed {
		return r.fail(st.Table, "an org has no UPDATE OR … and no indexes to choose", "write UPDATE "+r.out.Table+" SET …")
	}
	text, from := r.wanted()+", (", r.head(st.With)
	var edits []edit
	for _, set := range st.Set {
		if len(set.Columns) != 1 {
			return r.fail(set, "several columns are set by one value", "write an assignment for each")
		}
		if err := r.target(set.Columns[0], r.at(set.Value)); err != nil {
			return err
		}
		if err := r.oneRow(set.Value); err != nil {
			return err
		}
		edits = append(edits, edit{from, r.at(set.Value), text})
		text, from = "), (", r.end(set.Value)
	}
	last := from
	if len(st.From) > 0 {
		for _, ref := range st.From {
			if ref.Join != nil && ref.Join.Type&ast.JoinRight != 0 {
				return r.fail(ref, "a RIGHT or FULL JOIN has rows that belong to nobody here", "write it as a LEFT JOIN")
			}
		}
		edits = append(edits, edit{from, r.at(st.From[0]), ") FROM " + r.from + ", "})
		last = r.end(st.From[len(st.From)-1])
	} else {
		edits = append(edits, edit{from, from, ") FROM " + r.from})
	}
	last = r.where(st.Where, last)
	if err := r.limited(st.OrderBy, st.Limit, st.Returning); err != nil {
		return err
	}
	r.out.Rows = r.rows(append(edits, r.returning(st.Returning, st.With, last)...)...)
	return nil
}

func (r *changeReader) delete(st *ast.DeleteStmt) *Error {
	if err := r.table(st.With, st.Table, st.Alias); err != nil {
		return err
	}
	if st.IndexedBy != nil || st.NotIndexed {
		return r.fail(st.Table, "an org has no indexes to choose", "")
	}
	last := r.end(st.Table)
	if st.Alias != nil {
		last = r.end(st.Alias)
	}
	edits := []edit{{r.head(st.With), last, r.wanted() + " FROM " + r.from}}
	last = r.where(st.Where, last)
	if err := r.limited(st.OrderBy, st.Limit, st.Returning); err != nil {
		return err
	}
	r.out.Rows = r.rows(append(edits, r.returning(st.Returning, st.With, last)...)...)
	return nil
}

// limited refuses ORDER BY and LIMIT behind RETURNING, where SQLite's grammar has them and nobody looks.
// Else they stand at the end of the rows as they do in any SELECT.
func (r *changeReader) limited(order []*ast.OrderingTerm, limit *ast.Limit, returning []*ast.ResultColumn) *Error {
	if len(returning) == 0 || len(order) == 0 && limit == nil {
		return nil
	}
	return r.fail(returning[0], "RETURNING doesn't go together with ORDER BY and LIMIT", "choose the rows in WHERE: id IN (SELECT … LIMIT …)")
}

// where notes what WHERE says of the target, and returns where the rows' last part ends.
func (r *changeReader) where(e ast.Expr, last int) int {
	if e == nil {
		return last
	}
	r.out.Where = true
	return r.end(e)
}

// aggregates are SQLite's functions that make one row of many. min and max do with one argument.
var aggregates = []string{"avg", "count", "group_concat", "string_agg", "sum", "total", "json_group_array",
	"json_group_object", "jsonb_group_array", "jsonb_group_object", "median", "percentile", "percentile_cont", "percentile_disc"}

// oneRow refuses a function that would make one row of all the rows to change.
func (r *changeReader) oneRow(e ast.Expr) (err *Error) {
	ast.Walk(e, func(n ast.Node) bool {
		if _, ok := n.(*ast.SelectStmt); ok || err != nil {
			return false
		}
		if f, ok := n.(*ast.FuncCall); ok {
			name := strings.ToLower(f.Name.Name)
			oneArg := len(f.Args) == 1 && (name == "min" || name == "max")
			if oneArg || f.Over != nil || slices.Contains(aggregates, name) {
				err = r.fail(f, fmt.Sprintf("%s() looks at many rows, and a value is for one", name), "put it into a subquery: (SELECT … FROM …)")
			}
		}
		return true
	})
	return err
}

// parseExecChange takes an EXEC apart.
func parseExecChange(s Statement) (*Change, error) {
	x, err := ParseExec(s)
	if err != nil {
		return nil, err
	}
	p := x.Method
	out := &Change{
		Kind: Exec, Table: strings.Join(p.Parts[:3], "."), TablePos: p.Pos[0],
		Method: p.Parts[3], MethodPos: p.Pos[3], For: x.For != "",
	}
	text, from := "SELECT (", s.Body
	var edits []edit
	for _, a := range x.Args {
		out.Set = append(out.Set, Target{Name: a.Name, Body: a.Body, Pos: a.Pos, ValuePos: a.ExprPos})
		edits = append(edits, edit{from, a.ExprPos, text})
		text, from = "), (", a.ExprPos+len(a.Expr)
	}
	edits = append(edits, edit{from, s.End, ")"})
	switch {
	case !out.For && len(x.Args) == 0:
		return nil, s.errorAt(s.End, "the parameters are missing", "for example: EXEC "+p.String()+" @userId = '00u…'")
	case !out.For:
		out.Rows = s.edited(edits)
	default:
		out.Rows = s.edited([]edit{{s.Body, x.ForPos, ""}, {x.ForPos + len(x.For), s.End, ""}})
		if len(x.Args) > 0 {
			out.Constants = s.edited(edits)
		}
	}
	if x.Returning != "" {
		out.HasReturning = true
		out.Returning = s.edited([]edit{{s.Body, x.ReturningPos, "SELECT "}, {s.End, s.End, " FROM " + Quote(out.Table)}})
	}
	return out, nil
}
