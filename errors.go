package whoql

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// explainError turns what SQLite or a table says of a statement into an error that points into what
// the user typed and suggests what to do. shift is how many bytes stood in front of the query's
// text, l what was learned of its orgs. SQLite says which name it does not know in its message only, so
// the message is read here.
func (q *query) explainError(text *stmt.Query, shift int, err error, l *learner) error {
	var unbound *vtab.UnboundError
	if errors.As(err, &unbound) {
		hint := ""
		at := text.Identifiers(unbound.Column)
		if unbound.Required {
			hint = fmt.Sprintf("write %[1]s = 'value' or %[1]s IN ('one', 'two'), joined to the rest with AND, or join it by = to the column of another table", unbound.Column)
			at = append(at, text.Identifiers(unbound.Table[strings.LastIndexByte(unbound.Table, '.')+1:])...)
		}
		if len(at) == 0 {
			at = []int{-1} // a view has it
		}
		e := text.ErrorIn(at[0], unbound.Error(), hint)
		e.Err = unbound
		return e
	}
	var syntax *vtab.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	offset := syntax.Offset
	if offset >= 0 {
		offset = max(offset-shift, 0)
	}
	msg, hint := asTyped(text, syntax.Msg), ""
	switch {
	case strings.HasPrefix(syntax.Msg, "no such column: "):
		name := strings.TrimPrefix(syntax.Msg, "no such column: ")
		name, _, _ = strings.Cut(name, " - should this be a string literal")
		hint = q.nearestColumn(text, name, l)
		if offset >= 0 && text.BehindOperator(offset) && !strings.Contains(name, `"`) {
			hint = "a text goes in single quotes: " + stmt.Literal(name) + "; if it is a column, " + hint
		}
		if offset < 0 {
			last := stmt.Unquote(name[strings.LastIndexByte(name, '.')+1:])
			if at := text.Identifiers(last); len(at) > 0 {
				return text.ErrorIn(at[0], msg, hint)
			}
		}
	case strings.HasPrefix(syntax.Msg, "no such table: "):
		name := strings.TrimPrefix(syntax.Msg, "no such table: ")
		hint = q.engine.nearestTable(name)
		if at := text.Identifiers(name[strings.LastIndexByte(name, '.')+1:]); offset < 0 && len(at) > 0 {
			return text.ErrorIn(at[0], msg, hint)
		}
	case strings.EqualFold(syntax.Msg, `near "limit": syntax error`):
		hint = `the page size is the column "limit", in double quotes; LIMIT, how many rows to give, stands at the end`
	case strings.HasPrefix(syntax.Msg, "ambiguous column name: "):
		name := strings.TrimPrefix(syntax.Msg, "ambiguous column name: ")
		hint = "several tables have it: write the name or the alias of the one that is meant before it, such as users." + name
		if at := text.Identifiers(name); offset < 0 && len(at) > 0 {
			return text.ErrorIn(at[0], msg, hint)
		}
	case strings.HasSuffix(syntax.Msg, ": syntax error") && offset >= 0 && offset <= len(text.SQL):
		hint = clauseHint(text.SQL[:offset], strings.TrimSuffix(strings.TrimPrefix(syntax.Msg, `near "`), `": syntax error`))
	case strings.HasPrefix(syntax.Msg, "unrecognized token: \"'"), strings.HasPrefix(syntax.Msg, `unrecognized token: """`):
		hint = "a quote is opened here and not closed"
	}
	return text.ErrorAt(offset, msg, hint)
}

// clauseWords are what the clauses of a statement begin with.
var clauseWords = []string{"SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "JOIN", "UNION", "VALUES", "BETWEEN", "DISTINCT"}

// clauseHint is the hint for a syntax error at a word: it may be a misspelt clause, or the word before it, which
// was taken for an alias then; or a comma is one too many.
func clauseHint(before, word string) string {
	before = strings.TrimSpace(before)
	if strings.HasSuffix(before, ",") && slices.Contains(clauseWords, strings.ToUpper(word)) {
		return "the comma before " + strings.ToUpper(word) + " is one too many"
	}
	last := before[strings.LastIndexAny(before, " \t\r\n()\",")+1:]
	for _, w := range []string{word, last} {
		if near := catalog.Nearest(w, clauseWords); near != "" && !strings.EqualFold(w, near) {
			return "did you mean " + near + "?"
		}
	}
	return ""
}

// asTyped undoes in a message of SQLite what was done to the names of tables.
func asTyped(text *stmt.Query, msg string) string {
	for _, path := range text.Tables {
		msg = strings.ReplaceAll(msg, stmt.Quote(path), path)
	}
	return msg
}

// notesOn returns what is worth saying of a statement that is right as SQL: a column is compared with a
// text that it never has.
func (q *query) notesOn(text *stmt.Query) []*stmt.Error {
	var out []*stmt.Error
	for _, c := range text.Compared {
		r := q.catalog.Lookup(c.Path)
		if r == nil {
			continue
		}
		col := r.Column(c.Column)
		if col == nil || len(col.Values) == 0 || slices.Contains(col.Values, c.Text) {
			continue
		}
		hint := "its values are " + strings.Join(col.Values, ", ")
		if near := catalog.Nearest(c.Text, col.Values); near != "" {
			hint = "did you mean " + stmt.Literal(near) + "?"
		}
		note := text.ErrorIn(c.Pos, col.Name+" is never "+stmt.Literal(c.Text), hint)
		note.Open = true
		out = append(out, note)
	}
	for _, c := range text.Timed {
		if r := q.catalog.Lookup(c.Path); r != nil {
			if col := r.Column(c.Column); col != nil && col.Date {
				out = append(out, text.ErrorIn(c.Pos, col.Name+" is text like 2026-02-02T11:15:22.000Z, and "+c.Text+" makes another kind: they are compared letter by letter",
					"write strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-90 days')"))
			}
		}
	}
	return out
}

// rereadNotes say of a CSV file that SQLite would read it again for every row of another table.
func rereadNotes(q *stmt.Query, st *vtab.Stmt) []*stmt.Error {
	var out []*stmt.Error
	for _, name := range st.RereadCSV() {
		name, _, _ = strings.Cut(name, " ")
		pos := -1
		if at := q.Identifiers(name); len(at) > 0 {
			pos = at[0]
		}
		out = append(out, q.ErrorIn(pos, name+" is a CSV file, and is read from start to end for every row of another table",
			"compare a column of it by = (COLLATE NOCASE ignores case), not an expression; or copy it first: CREATE TEMP TABLE copy AS SELECT lower(email) AS email FROM the file"))
	}
	return out
}

// csvOf is the CSV file that a column's qualifier stands for, and its columns; nil if it has none, or
// another one.
func (q *query) csvOf(text *stmt.Query, column string) (name string, columns []string) {
	at := strings.LastIndexByte(column, '.')
	if at < 0 {
		return "", nil
	}
	name = text.TableOf(column[:at])
	return name, q.db.CSVColumns(name)
}

// nearestColumn is the hint for a column that does not exist in the statement's tables.
func (q *query) nearestColumn(text *stmt.Query, name string, l *learner) string {
	if strings.HasPrefix(name, `"`) {
		return "text goes in single quotes: " + stmt.Literal(stmt.Unquote(name))
	}
	if csv, columns := q.csvOf(text, name); columns != nil {
		if near := catalog.Nearest(name[strings.LastIndexByte(name, '.')+1:], columns); near != "" {
			return "did you mean " + near + "?"
		}
		return csv + " has the columns " + strings.Join(columns, ", ")
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	var all []string
	for _, path := range text.Tables {
		if r := q.catalog.Lookup(path); r != nil {
			for _, c := range r.Columns {
				all = append(all, c.Name)
			}
			if r.Schemas != "" {
				for _, c := range r.AttributeColumns(l.known, false) {
					all = append(all, c.Name)
				}
			}
		}
	}
	if near := catalog.Nearest(name, all); near != "" {
		return "did you mean " + near + "?"
	}
	if len(text.Tables) == 0 { // it reads a view, or a table of this machine
		return ""
	}
	if len(l.of) > 0 {
		return "it is no attribute of " + strings.Join(l.of, " or ") + " either; DESCRIBE EXTENDED " + text.Tables[0] + " lists the columns"
	}
	if len(all) > 0 {
		return "an attribute of the org's own is profile->>" + stmt.Literal(name) + "; DESCRIBE EXTENDED " + text.Tables[0] + " lists the columns"
	}
	return ""
}

// A ReadOnlyOrgError is a change in an org that is read-only here. Nothing of it was done.
type ReadOnlyOrgError struct{ Org string }

// Unwrap returns [ErrReadOnly].
func (e *ReadOnlyOrgError) Unwrap() error { return ErrReadOnly }

// Error names the org.
func (e *ReadOnlyOrgError) Error() string {
	return "the org " + e.Org + " is read-only here: nothing was changed"
}

// ErrReadOnly is in the error of a change where nothing may be changed.
var ErrReadOnly = errors.New("nothing may be changed here")
