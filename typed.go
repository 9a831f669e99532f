package whoql

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// A valueKind is what SQLite's values of a column are to the API. SQLite has neither booleans nor JSON.
//
// The kind is found in the text of the statement, and so is the same whatever SQLite does to get the
// rows: a column is boolean if all that its values can come from is, and JSON if all of it is JSON.
type valueKind int

const (
	plainValue     valueKind = iota
	booleanValue             // 0 and 1 are false and true
	jsonValue                // any JSON text
	compositeValue           // a text that is a JSON object or array; others stay texts
	markedValue              // JSON where SQLite says so: it couldn't be told from the statement
)

// resultColumns describes the columns of a statement, and says what their values are.
func (q *query) resultColumns(st *vtab.Stmt, text *stmt.Query) ([]Column, []valueKind) {
	origins := text.Origins(q.known())
	columns := st.Columns()
	if len(origins) != len(columns) {
		origins = make([][]stmt.Origin, len(columns))
		for i := range origins {
			origins[i] = []stmt.Origin{{Kind: stmt.FromUnknown}}
		}
	}
	cols, kinds := make([]Column, len(columns)), make([]valueKind, len(columns))
	for i, c := range columns {
		cols[i].Name = c.Name
		if len(origins[i]) == 1 && origins[i][0].Kind == stmt.FromUnknown {
			// SQLite knows more: a view's columns, say.
			cols[i].Type = q.fieldType(c.Table, c.Origin)
			kinds[i] = markedValue
			if cols[i].Type != "" {
				kinds[i] = kindOf(cols[i].Type)
			}
			continue
		}
		cols[i].Type, kinds[i] = q.merged(origins[i])
	}
	return cols, kinds
}

// known is what the statements of the query can name.
func (q *query) known() stmt.Known {
	return stmt.Known{
		Column: func(path, column string) bool {
			r := q.catalog.Lookup(path)
			return r != nil && r.Column(column) != nil
		},
		Local: func(name string) []stmt.Traced { return q.local[strings.ToLower(name)] },
	}
}

// remember notes where the values of a temporary table's or view's columns come from, for the statements
// behind the one that makes or changes it.
func (q *query) remember(s stmt.Statement, text *stmt.Query, made *stmt.Creation) {
	switch {
	case made != nil && (made.Temp || made.View):
		name := strings.ToLower(made.Name)
		if made.IfNotExists && q.local[name] != nil {
			return
		}
		if q.local == nil {
			q.local = map[string][]stmt.Traced{}
		}
		q.local[name] = text.Made(q.known())
	case made == nil && s.Of != stmt.Delete:
		q.local = nil // rows from elsewhere, or another table under the name
	}
}

// fieldType returns the type word of a resource's column, "" if there is none.
func (q *query) fieldType(path, column string) string {
	if r := q.catalog.Lookup(path); r != nil {
		if c := r.Column(column); c != nil {
			return c.Type
		}
	}
	return q.learned[strings.ToLower(path+"."+column)] // a temporary table has it from an earlier statement
}

func kindOf(typ string) valueKind {
	switch typ {
	case "boolean":
		return booleanValue
	case "object", "array":
		return compositeValue
	}
	return plainValue
}

// merged returns the type and the kind of values that come from all these places.
func (q *query) merged(origins []stmt.Origin) (typ string, kind valueKind) {
	for i, o := range origins {
		t, k := "", plainValue
		switch o.Kind {
		case stmt.FromColumn:
			t = q.fieldType(o.Path, o.Column)
			k = kindOf(t)
		case stmt.FromBoolean:
			k = booleanValue
		case stmt.FromJSON:
			k = jsonValue
		case stmt.FromExtract:
			k = compositeValue
		}
		if i == 0 {
			typ, kind = t, k
			continue
		}
		if t != typ {
			typ = ""
		}
		isJSON := func(k valueKind) bool { return k == jsonValue || k == compositeValue }
		switch {
		case k == kind:
		case isJSON(k) && isJSON(kind):
			kind = compositeValue
		default:
			return "", plainValue
		}
	}
	return typ, kind
}

// typed returns a value of the row as what it is to the API.
func (r *selectResult) typed(i int, kind valueKind) any {
	v := r.stmt.Value(i)
	switch kind {
	case booleanValue:
		if n, ok := v.(int64); ok && (n == 0 || n == 1) {
			return n == 1
		}
	case compositeValue:
		if s, ok := v.(string); ok && isComposite(s) {
			return json.RawMessage(s)
		}
	case jsonValue:
		if s, ok := v.(string); ok && gjson.Valid(s) {
			return json.RawMessage(s)
		}
	case markedValue:
		if s, ok := v.(string); ok && r.stmt.IsJSON(i) && gjson.Valid(s) {
			return json.RawMessage(s)
		}
	}
	return v
}

func isComposite(s string) bool {
	return s != "" && (s[0] == '{' || s[0] == '[') && gjson.Valid(s)
}
