package stmt

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
)

// Changed returns the name, in its parts without quotes, of the table that an INSERT, UPDATE or DELETE
// changes, and the name's byte offset in the source; nil if it can't be told.
func Changed(s Statement) (name []string, pos int) {
	toks := s.tokens
	for len(toks) > 0 && toks[0].Pos < s.Body {
		toks = toks[1:]
	}
	depth, verb := 0, -1
	for i, t := range toks {
		switch t.Kind {
		case token.LP:
			depth++
		case token.RP:
			depth--
		case token.INSERT, token.REPLACE, token.UPDATE, token.DELETE:
			if depth == 0 && verb < 0 {
				verb = i
			}
		}
	}
	if verb < 0 {
		return nil, s.Start
	}
	at := verb + 1
	switch toks[verb].Kind {
	case token.UPDATE:
		if at < len(toks) && toks[at].Kind == token.OR {
			at += 2 // OR IGNORE
		}
	default:
		into := slices.IndexFunc(toks[at:], func(t token.Token) bool { return t.Kind == token.INTO || t.Kind == token.FROM })
		if into < 0 {
			return nil, s.Start
		}
		at += into + 1
	}
	if at >= len(toks) {
		return nil, s.Start
	}
	pos = toks[at].Pos
	for ; at < len(toks); at += 2 {
		name = append(name, Unquote(toks[at].Text(s.Source)))
		if at+1 >= len(toks) || toks[at+1].Kind != token.DOT {
			break
		}
	}
	return name, pos
}

// A Creation is what a CREATE makes.
type Creation struct {
	// Temp, View and IfNotExists are as the words say; a View is temporary.
	Temp, View, IfNotExists bool
	// Schema is the name in front of the table's, without quotes; may be empty.
	Schema string
	// Name is the table's or view's, without quotes.
	Name string
	// Select is the text of the SELECT behind AS in the Query's SQL, and Pos its offset there; empty if
	// there is none.
	Select string
	Pos    int
}

// Creation returns what the statement makes, nil if it is a DROP. It refuses, with the place, what is not
// made: indexes, triggers, virtual tables, and views outside of temp. The error, if any, is an [*Error].
func (q *Query) Creation() (*Creation, error) {
	const hint = "whoql runs CREATE TEMP TABLE, CREATE TEMP VIEW, CREATE TABLE file.name, DROP TABLE and DROP VIEW"
	stmts, err := parser.ParseString(q.SQL)
	if err != nil || len(stmts) != 1 {
		return nil, q.parseError(err)
	}
	var c *Creation
	var sel *ast.SelectStmt
	switch st := stmts[0].(type) {
	case *ast.DropTableStmt, *ast.DropViewStmt:
		return nil, nil
	case *ast.CreateTableStmt:
		c, sel = &Creation{Temp: st.Temp, IfNotExists: st.IfNotExists}, st.Select
		c.Schema, c.Name = nameParts(st.Name)
	case *ast.CreateViewStmt:
		c, sel = &Creation{Temp: st.Temp, View: true, IfNotExists: st.IfNotExists}, st.Select
		c.Schema, c.Name = nameParts(st.Name)
	default:
		return nil, q.source.errorAt(q.source.Start, "not a statement that whoql runs", hint)
	}
	if sel != nil {
		c.Select, c.Pos = q.SQL[sel.Pos():sel.End()], sel.Pos()
	}
	return c, nil
}

func nameParts(n *ast.QualifiedName) (schema, name string) {
	if n.Schema != nil {
		schema = n.Schema.Name
	}
	return schema, n.Name.Name
}
