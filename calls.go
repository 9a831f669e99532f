package whoql

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/search"
	"github.com/whoql/whoql/vtab"
)

const (
	pageSize = 200 // the most that Okta gives
	maxGets  = 20  // more keys than this are searched for instead of got one by one
)

// calls are the API calls that one scan makes to an org.
type calls struct {
	table         *catalog.Resource
	getOperation  string // in error messages: "get user"
	listOperation string
	gets          []string // escaped paths
	keys          []string // the keys that the gets ask for
	key           *catalog.Column
	lists         []listCall
	pushed        []string // what is handed over, in words, for EXPLAIN
	kept          []string // conditions that could have been, but for their values
}

func (c *calls) getSteps() int { return min(len(c.gets), 1) }

// A listCall is a list to read from its first page to its last.
type listCall struct {
	path  string
	query url.Values // without limit
	size  int
	whole bool // it does not page: size objects back mean that it was cut off
}

// callsFor decides what to ask for. What a condition's values do not allow to hand over is left to
// SQLite; only a request parameter that cannot be sent is an error.
func callsFor(s *vtab.Scan) (calls, error) {
	c := calls{table: s.Table}
	get, list := operation(s.Table, true), operation(s.Table, false)
	c.getOperation, c.listOperation = words(get.Operation), words(list.Operation)
	if len(s.Params) > 0 {
		l, err := c.parameters(s)
		if err != nil {
			return c, err
		}
		l.path = list.Route
		c.lists = append(c.lists, l)
		return c, nil
	}
	if s.Key != nil && c.byKey(s, get, list) {
		return c, nil
	}
	terms, none := c.terms(s)
	if none {
		return c, nil
	}
	l := listCall{path: list.Route, query: url.Values{}, size: pageSize}
	if terms == "" {
		terms = s.Table.Complete
		if s.Key == nil && len(s.Terms) == 0 && s.Limit >= 0 && s.Limit < pageSize {
			l.size = int(max(s.Limit, 1))
		}
	}
	if terms != "" {
		l.query.Set("search", terms)
	}
	c.lists = append(c.lists, l)
	return c, nil
}

// operation returns the SELECT method that gets by key, or the one that lists.
func operation(r *catalog.Resource, byKey bool) *catalog.Method {
	for _, m := range r.Methods {
		if m.Verb == "SELECT" && strings.Contains(m.Route, "{") == byKey {
			return m
		}
	}
	return &catalog.Method{}
}

// words turns an operation's id into words: listUsers into "list users".
func words(operationID string) string {
	var b strings.Builder
	for _, c := range operationID {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte(' ')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// byKey asks for the objects that a key's values name. It returns false, having asked nothing, if a
// value cannot be handed over.
func (c *calls) byKey(s *vtab.Scan, get, list *catalog.Method) bool {
	col := s.Key.Column
	var paths, keys, searched []string
	seen := map[string]bool{}
	for _, v := range s.Key.Values {
		text, ok := v.(string)
		switch {
		case v == nil || ok && (text == "" || beyondBMP(text)):
			continue // NULL equals nothing, and no object's key is empty or has such characters
		case !ok || !search.Sendable(text):
			return false
		case seen[text]:
			continue
		}
		seen[text] = true
		segment, err := okta.PathSegment(text)
		if err != nil || strings.EqualFold(text, "me") || strings.Contains(text, "?") {
			// "me" in a path is whoever owns the token; a slash or a question mark is not found there.
			searched = append(searched, text)
			continue
		}
		paths, keys = append(paths, replaceParam(get.Route, segment)), append(keys, text)
	}
	if len(paths) > maxGets {
		paths, keys, searched = nil, nil, nil
		for _, v := range s.Key.Values {
			if text, ok := v.(string); ok && seen[text] {
				searched = append(searched, text)
				delete(seen, text)
			}
		}
	}
	c.gets, c.keys, c.key = paths, keys, col
	c.lists = append(c.lists, searches(list, col, searched)...)
	c.pushed = append(c.pushed, describeTerm(*s.Key))
	return true
}

// searches returns the lists of the objects whose column equals one of the values.
func searches(list *catalog.Method, col *catalog.Column, values []string) []listCall {
	var out []listCall
	for _, terms := range search.AnyOf(col.Search, values, search.MaxText) {
		out = append(out, listCall{path: list.Route, query: url.Values{"search": {terms}}, size: pageSize})
	}
	return out
}

// replaceParam puts a value into a route's only {parameter}.
func replaceParam(route, segment string) string {
	open := strings.IndexByte(route, '{')
	end := strings.IndexByte(route, '}')
	return route[:open] + segment + route[end+1:]
}

func beyondBMP(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c > 0xffff })
}

// terms returns the search that the scan's conditions allow, "" for none, and whether they can
// match nothing at all.
func (c *calls) terms(s *vtab.Scan) (text string, none bool) {
	var parts []string
	for _, t := range s.Terms {
		values, ok := pushable(t)
		if !ok {
			c.kept = append(c.kept, describeTerm(t))
			continue
		}
		if len(values) == 0 {
			return "", true // only NULLs: equal to nothing
		}
		// Longer than one search may be: SQLite checks it alone.
		any := search.AnyOf(t.Column.Search, values, search.MaxText)
		if all := search.All(append(parts, any...)...); len(any) == 1 && search.Size(all) <= search.MaxText {
			parts = append(parts, any[0])
			c.pushed = append(c.pushed, describeTerm(t))
		} else {
			c.kept = append(c.kept, describeTerm(t))
		}
	}
	return search.All(parts...), false
}

// pushable returns a condition's values as texts, NULLs left out, if all of them can be handed over.
func pushable(t vtab.Term) ([]string, bool) {
	var out []string
	for _, v := range t.Values {
		if v == nil {
			continue
		}
		text, ok := v.(string)
		if !ok || !search.Sendable(text) || len(t.Column.Values) > 0 && !slices.Contains(t.Column.Values, text) {
			return nil, false
		}
		out = append(out, text)
	}
	return out, true
}

// parameters makes the list that the request parameters ask for.
func (c *calls) parameters(s *vtab.Scan) (listCall, error) {
	l := listCall{query: url.Values{}, size: pageSize}
	for _, p := range s.Params {
		name := p.Column.Query
		if name == "limit" {
			n, ok := wholeNumber(p.Values[0])
			if !ok || n < 1 || n > pageSize {
				return l, parameterError("limit is %s: the page size is a number from 1 to %d", describeValue(p.Values[0]), pageSize)
			}
			l.size = int(n)
			c.pushed = append(c.pushed, describeTerm(p))
			continue
		}
		text, ok := p.Values[0].(string)
		if !ok || text == "" {
			return l, parameterError("%s is %s: a request parameter needs a text", p.Column.Name, describeValue(p.Values[0]))
		}
		l.query.Set(name, text)
		c.pushed = append(c.pushed, describeTerm(p))
	}
	has := l.query.Has
	switch {
	case has("search") && has("filter"):
		return l, parameterError("search and filter can't be in one request: use one of them")
	case has("q") && (has("search") || has("filter")):
		return l, parameterError("q can't be combined with search or filter: use one of them")
	case has("sortBy") && !has("search"):
		return l, parameterError("sortBy needs search: the API sorts what a search finds; or use ORDER BY")
	case has("sortOrder") && !has("sortBy"):
		return l, parameterError("sortOrder needs sortBy")
	case has("sortOrder") && !slices.Contains([]string{"asc", "desc"}, l.query.Get("sortOrder")):
		return l, parameterError("sortOrder is %q: it is asc or desc", l.query.Get("sortOrder"))
	case has("q"):
		l.whole = true
	case has("filter"):
	default:
		terms, _ := c.terms(s)
		if own := l.query.Get("search"); own != "" || terms != "" {
			l.query.Set("search", search.All(own, terms))
		} else if s.Table.Complete != "" {
			l.query.Set("search", s.Table.Complete)
		}
	}
	return l, nil
}

// A ParameterError is a request parameter whose value can't be sent. Nothing was.
type ParameterError struct{ msg string }

// Error says what the parameter must be.
func (e *ParameterError) Error() string { return e.msg }

func parameterError(format string, args ...any) error {
	return &ParameterError{fmt.Sprintf(format, args...)}
}

// wholeNumber reads an integer, or a text or real that is one.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == float64(int64(v))
	case string:
		var n int64
		_, err := fmt.Sscanf(v+"\n", "%d\n", &n)
		return n, err == nil
	}
	return 0, false
}

// describeTerm shows a condition as SQL, long lists shortened.
func describeTerm(t vtab.Term) string {
	const most = 5
	var values []string
	for _, v := range t.Values[:min(len(t.Values), most)] {
		values = append(values, describeValue(v))
	}
	if more := len(t.Values) - most; more > 0 {
		values = append(values, fmt.Sprintf("… %d more", more))
	}
	if t.Op == vtab.OpIn {
		return t.Column.Name + " IN (" + strings.Join(values, ", ") + ")"
	}
	return t.Column.Name + " = " + strings.Join(values, "")
}

func describeValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	}
	return fmt.Sprint(v)
}
