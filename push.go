package whoql

import (
	"math"
	"slices"
	"strconv"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/search"
	"github.com/whoql/whoql/vtab"
)

// searchOf widens a condition to a search that finds all that it can hold for, and maybe more: SQLite
// checks. never: it can hold for nothing. ok is false if its value can't be handed over.
func searchOf(t vtab.Term) (text string, never, ok bool) {
	col := t.Column
	if t.Op == vtab.OpNotNull {
		return search.Present(col.Search), false, true
	}
	values := slices.DeleteFunc(slices.Clone(t.Values), func(v any) bool { return v == nil })
	if len(values) == 0 {
		return "", true, true // only NULLs, which compare with nothing
	}
	switch {
	case t.Op == vtab.OpIn && !col.Pushes(catalog.PushIn):
		return "", false, false
	case col.Type == "integer" || col.Type == "number":
		text, ok = numberSearch(col, t.Op, values)
	case col.Type == "boolean":
		text, ok = booleanSearch(col, t.Op, values)
	case col.Type == "string" && col.Pushes(catalog.PushRange):
		text, ok = dateSearch(col, t.Op, values[0])
	case col.Type == "string":
		text, ok = textSearch(col, t.Op, values)
	}
	return text, false, ok
}

// textSearch is the search for texts. Okta folds case where SQL compares bytes. It has no word for the
// empty text, and its order isn't SQL's: there is no search for a range.
func textSearch(col *catalog.Column, op vtab.Op, values []any) (string, bool) {
	var texts []string
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			return "", false
		}
		switch op {
		case vtab.OpLike:
			text = search.LikePrefix(text)
		case vtab.OpGlob:
			text = search.GlobPrefix(text)
		default:
			ok = len(col.Values) == 0 || slices.Contains(col.Values, text)
		}
		if !ok || !search.Sendable(text) {
			return "", false
		}
		texts = append(texts, text)
	}
	switch op {
	case vtab.OpEqual, vtab.OpIn:
		any := search.AnyOf(col.Search, texts, search.MaxText)
		return any[0], len(any) == 1 // longer than one search may be: SQLite checks it alone
	case vtab.OpNotEqual:
		return search.NotEqual(col.Search, texts[0]), true
	case vtab.OpLike, vtab.OpGlob:
		return search.Prefix(col.Search, texts[0]), true
	}
	return "", false
}

// dateSearch is the search for a range of dates, its bounds included.
func dateSearch(col *catalog.Column, op vtab.Op, value any) (string, bool) {
	text, ok := value.(string)
	if !ok {
		return "", false
	}
	first, ok := search.FirstDate(text)
	last, _ := search.LastDate(text)
	if !ok {
		return "", false
	}
	return between(col, op, search.Quote(first), search.Quote(last))
}

// between is the search for a comparison with a value that lies between two literals.
func between(col *catalog.Column, op vtab.Op, first, last string) (string, bool) {
	least, most := search.AtLeast(col.Search, first), search.AtMost(col.Search, last)
	switch op {
	case vtab.OpEqual:
		return search.All(least, most), true
	case vtab.OpGreater, vtab.OpGreaterOrEqual:
		return least, true
	case vtab.OpLess, vtab.OpLessOrEqual:
		return most, true
	}
	return "", false
}

// maxExact is the greatest number below which every whole one is a float64 of its own.
const maxExact = 1 << 53

// numberSearch is the search for numbers. Only whole ones are sent, within which a fraction lies: how
// many digits the API compares is not known.
func numberSearch(col *catalog.Column, op vtab.Op, values []any) (string, bool) {
	var firsts, lasts []string
	for _, v := range values {
		var n float64
		switch v := v.(type) {
		case int64:
			if v <= -maxExact || v >= maxExact {
				return "", false
			}
			n = float64(v)
		case float64:
			n = v
		default:
			return "", false
		}
		if !(math.Abs(n) < maxExact) { // nor NaN
			return "", false
		}
		firsts = append(firsts, strconv.FormatFloat(math.Floor(n)+0, 'f', -1, 64))
		lasts = append(lasts, strconv.FormatFloat(math.Ceil(n)+0, 'f', -1, 64))
	}
	if op != vtab.OpEqual && op != vtab.OpIn {
		return between(col, op, firsts[0], lasts[0])
	}
	if !slices.Equal(firsts, lasts) {
		return "", false
	}
	return search.AnyLiteral(col.Search, firsts)
}

// booleanSearch is the search for true or false, which SQL writes 1 and 0.
func booleanSearch(col *catalog.Column, op vtab.Op, values []any) (string, bool) {
	var literals []string
	for _, v := range values {
		switch v {
		case int64(0):
			literals = append(literals, "false")
		case int64(1):
			literals = append(literals, "true")
		default:
			return "", false
		}
	}
	if op != vtab.OpEqual && op != vtab.OpIn {
		return "", false
	}
	return search.AnyLiteral(col.Search, literals)
}
