package whoql

import (
	"errors"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// explainError turns what SQLite or a table says of a statement into an error that points into what
// the user typed and suggests what to do. shift is how many bytes stood in front of the query's
// text. SQLite says which name it does not know in its message only, so the message is read here.
func (e *Engine) explainError(q *stmt.Query, shift int, err error) error {
	var unbound *vtab.UnboundError
	if errors.As(err, &unbound) {
		if at := q.Identifiers(unbound.Column); len(at) > 0 {
			return q.ErrorIn(at[0], unbound.Error(), "")
		}
		return err
	}
	var syntax *vtab.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	offset := syntax.Offset
	if offset >= 0 {
		offset = max(offset-shift, 0)
	}
	hint := ""
	switch {
	case strings.HasPrefix(syntax.Msg, "no such column: "):
		name := strings.TrimPrefix(syntax.Msg, "no such column: ")
		name, _, _ = strings.Cut(name, " - should this be a string literal")
		hint = e.nearestColumn(q, name)
		if offset < 0 {
			last := stmt.Unquote(name[strings.LastIndexByte(name, '.')+1:])
			if at := q.Identifiers(last); len(at) > 0 {
				return q.ErrorIn(at[0], syntax.Msg, hint)
			}
		}
	case strings.HasPrefix(syntax.Msg, "no such table: "):
		name := strings.TrimPrefix(syntax.Msg, "no such table: ")
		hint = e.nearestTable(name)
		if at := q.Identifiers(name[strings.LastIndexByte(name, '.')+1:]); offset < 0 && len(at) > 0 {
			return q.ErrorIn(at[0], syntax.Msg, hint)
		}
	}
	return q.ErrorAt(offset, syntax.Msg, hint)
}

// nearestColumn is the hint for a column that does not exist in the query's tables.
func (e *Engine) nearestColumn(q *stmt.Query, name string) string {
	if strings.HasPrefix(name, `"`) {
		return "text goes in single quotes: " + stmt.Literal(stmt.Unquote(name))
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	var all []string
	for _, path := range q.Tables {
		if r := e.catalog.Lookup(path); r != nil {
			for _, c := range r.Columns {
				all = append(all, c.Name)
			}
		}
	}
	if near := catalog.Nearest(name, all); near != "" {
		return "did you mean " + near + "?"
	}
	if len(all) > 0 {
		return "an attribute of the org's own is profile->>" + stmt.Literal(name) + "; DESCRIBE EXTENDED " + q.Tables[0] + " lists the columns"
	}
	return ""
}
