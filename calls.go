package whoql

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/search"
	"github.com/whoql/whoql/vtab"
)

const maxGets = 20 // more keys than this are searched for instead of got one by one

// calls are the API calls that one scan makes to an org, for one value of each required parameter.
type calls struct {
	table         *catalog.Resource
	getOperation  string // in error messages: "get user"
	listOperation string
	gets          []string // escaped paths
	keys          []string // the keys that the gets ask for
	key           *catalog.Column
	lists         []listCall
	whole         bool              // they list all the table has
	required      []string          // the values of the required parameters
	pushed        []string          // what is handed over, in words, for EXPLAIN
	kept          []string          // conditions that could have been, but for their values
	columns       []*catalog.Column // whose values are read; nil: all
}

func (c *calls) getSteps() int { return min(len(c.gets), 1) }

// projection is what the calls ask for of each object: those of a list, or the gets if l is nil.
func (c *calls) projection(l *listCall) projection {
	columns := c.columns
	if l == nil {
		return projectionOf(c.table, c.table.Get(), columns)
	}
	for _, c := range []*catalog.Column{l.order, l.by} {
		if c != nil {
			columns = append(slices.Clip(columns), c)
		}
	}
	return projectionOf(c.table, c.table.List(), columns)
}

// A listCall is a list to read from its first page to its last.
type listCall struct {
	path  string
	query url.Values // without limit
	size  int        // of a page; -1: the list is one answer, whatever its size
	cut   string     // the parameter with which the list is one answer of at most size objects
	// order, if not nil, is the column whose values must not go down from object to object; up, where desc
	// is true.
	order *catalog.Column
	desc  bool

	by    *catalog.Column // the column by whose ranges the list may be read; nil: it is read from first to last
	terms string          // the search without a range
}

func (l *listCall) onePage() bool { return l.size < 0 || l.cut != "" }

// callsFor decides what to ask for: the calls for each combination of values of the required
// parameters, the only one if there are none. What a condition's values do not allow to hand over is
// left to SQLite; only a parameter that cannot be sent is an error.
func (q *query) callsFor(s *vtab.Scan) ([]calls, error) {
	c, err := callsWithout(s)
	if err != nil {
		return nil, err
	}
	if len(c.lists) == 1 && len(s.Params) == 0 && q.engine.options.Cursors > 1 {
		c.lists[0].inRanges(&c, s.Limit)
	}
	sets, err := requiredSets(s)
	if err != nil {
		return nil, err
	}
	for _, t := range slices.Backward(s.Required) {
		c.pushed = slices.Insert(c.pushed, 0, describeTerm(t))
	}
	all := make([]calls, len(sets))
	for i, set := range sets {
		all[i] = c.with(s, set)
	}
	return all, nil
}

// callsWithout are the calls with the required parameters still in the paths, as {parameters}.
func callsWithout(s *vtab.Scan) (calls, error) {
	get, list := s.Table.Get(), s.Table.List()
	c := calls{table: s.Table, listOperation: words(list.Operation), columns: s.Columns()}
	if get != nil {
		c.getOperation = words(get.Operation)
	}
	if len(s.Params) > 0 {
		l, err := c.parameters(s, list)
		if err != nil {
			return c, err
		}
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
	l := listOf(list)
	if terms == "" {
		c.whole = s.Key == nil && len(s.Required) == 0
		terms = s.Table.Complete
		if s.Key == nil && len(s.Terms) == 0 && s.Limit >= 0 && s.Limit < int64(l.size) {
			l.size = int(max(s.Limit, 1))
		}
	}
	if s.Order != nil {
		l.order, l.desc = s.Order, s.Desc
		l.query.Set("sortBy", s.Order.Search)
		l.query.Set("sortOrder", "asc")
		if s.Desc {
			l.query.Set("sortOrder", "desc")
		}
	}
	if terms != "" {
		l.query.Set("search", terms)
	}
	c.lists = append(c.lists, l)
	return c, nil
}

// listOf is the list of all objects.
func listOf(list *catalog.Method) listCall {
	l := listCall{path: list.Route, query: url.Values{}, size: list.Page}
	if list.Page == 0 {
		l.size = -1
	}
	return l
}

// A required is a value of a required parameter, and the segment of the path that it becomes.
type required struct{ value, segment string }

// requiredSets are the combinations of the values of the required parameters: one empty one where
// there are none.
func requiredSets(s *vtab.Scan) ([][]required, error) {
	sets := [][]required{nil}
	for _, t := range s.Required {
		values, err := requiredValues(t, s.Table.List().Param(t.Column.Route))
		if err != nil {
			return nil, err
		}
		var more [][]required
		for _, set := range sets {
			for _, v := range values {
				more = append(more, append(slices.Clip(set), v))
			}
		}
		sets = more
	}
	return sets, nil
}

// requiredValues are the values of a condition that an object can be named by. A slash or a question
// mark can be part of a name, and can't be sent: that is an error, since leaving its rows out is wrong.
func requiredValues(t vtab.Term, p *catalog.Param) ([]required, error) {
	var out []required
	seen := map[string]bool{}
	for _, v := range t.Values {
		text, ok := v.(string)
		if n, is := v.(int64); is {
			text, ok = strconv.FormatInt(n, 10), true
		}
		if !ok || text == "" || seen[text] || beyondBMP(text) || reserved(p, text) {
			continue
		}
		seen[text] = true
		if strings.ContainsAny(text, "/?") {
			return nil, parameterError("%s is %s, which can't be sent in a path: give the id", t.Column.Name, describeValue(text))
		}
		if segment, err := okta.PathSegment(text); err == nil {
			out = append(out, required{text, segment})
		}
	}
	return out, nil
}

// reserved reports whether a value means something else in a path than an object's key.
func reserved(p *catalog.Param, value string) bool {
	return slices.ContainsFunc(p.Reserved, func(r string) bool { return strings.EqualFold(r, value) })
}

// with returns the calls for a set of required values.
func (c calls) with(s *vtab.Scan, set []required) calls {
	if len(set) == 0 {
		return c
	}
	c.gets, c.lists = slices.Clone(c.gets), slices.Clone(c.lists)
	for i, v := range set {
		c.required = append(c.required, v.value)
		name := s.Required[i].Column.Route
		for j := range c.gets {
			c.gets[j] = fill(c.gets[j], name, v.segment)
		}
		for j := range c.lists {
			c.lists[j].path = fill(c.lists[j].path, name, v.segment)
		}
	}
	return c
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
		case v == nil || ok && (text == "" || len(text) > okta.MaxSegment || beyondBMP(text)):
			continue // NULL equals nothing, and no object's key is empty, so long, or has such characters
		case !ok || !search.Sendable(text):
			return false
		case seen[text]:
			continue
		}
		seen[text] = true
		segment, err := okta.PathSegment(text)
		if err != nil || strings.Contains(text, "?") || reserved(get.Param(get.Key), text) {
			// A slash or a question mark is not found in a path.
			searched = append(searched, text)
			continue
		}
		paths, keys = append(paths, fill(get.Route, get.Key, segment)), append(keys, text)
	}
	if col.Search == "" && (len(searched) > 0 || len(paths) > maxGets) {
		return false
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
		l := listOf(list)
		l.query.Set("search", terms)
		out = append(out, l)
	}
	return out
}

// fill puts an escaped value into a route in place of {name}.
func fill(route, name, segment string) string {
	return strings.Replace(route, "{"+name+"}", segment, 1)
}

func beyondBMP(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c > 0xffff })
}

// terms returns the search that the scan's conditions allow, "" for none, and whether they can
// match nothing at all.
func (c *calls) terms(s *vtab.Scan) (text string, none bool) {
	var parts []string
	for _, t := range s.Terms {
		text, never, ok := searchOf(t)
		if never {
			return "", true
		}
		if all := search.All(append(parts, text)...); ok && search.Size(all) <= search.MaxText {
			parts = append(parts, text)
			c.pushed = append(c.pushed, describeTerm(t))
		} else {
			c.kept = append(c.kept, describeTerm(t))
		}
	}
	return search.All(parts...), false
}

// parameters makes the list that the request parameters ask for.
func (c *calls) parameters(s *vtab.Scan, list *catalog.Method) (listCall, error) {
	l := listOf(list)
	given := map[string]bool{}
	for _, p := range s.Params {
		if err := l.set(p, list); err != nil {
			return l, err
		}
		given[p.Column.Name] = true
		c.pushed = append(c.pushed, describeTerm(p))
	}
	alone := false // no search may be added
	for _, p := range s.Params {
		col := p.Column
		for _, other := range col.Without {
			if given[other] {
				return l, parameterError("%s and %s can't be in one request: use one of them", other, col.Name)
			}
		}
		if col.Needs != "" && !given[col.Needs] {
			return l, parameterError("%s needs %s, without which the API ignores it", col.Name, col.Needs)
		}
		alone = alone || slices.Contains(col.Without, "search")
		if col.Cut > 0 {
			l.cut = col.Name
			if !given["limit"] {
				l.size = col.Cut
			}
		}
	}
	if alone {
		return l, nil
	}
	terms, _ := c.terms(s)
	if own := l.query.Get("search"); own != "" || terms != "" {
		l.query.Set("search", search.All(own, terms))
	} else if s.Table.Complete != "" {
		l.query.Set("search", s.Table.Complete)
	}
	return l, nil
}

// set puts one request parameter into the list's query.
func (l *listCall) set(p vtab.Term, list *catalog.Method) error {
	col, value := p.Column, p.Values[0]
	if col.Query == "limit" {
		n, ok := wholeNumber(value)
		if !ok || n < 1 || n > int64(list.MaxPage) {
			return parameterError("limit is %s: the page size is a number from 1 to %d", describeValue(value), list.MaxPage)
		}
		l.size = int(n)
		return nil
	}
	text, ok := value.(string)
	if !ok || text == "" {
		return parameterError("%s is %s: a request parameter needs a text", col.Name, describeValue(value))
	}
	if len(col.Values) > 0 && !slices.Contains(col.Values, text) {
		return parameterError("%s is %q: it is %s", col.Name, text, strings.Join(col.Values, " or "))
	}
	l.query.Set(col.Query, text)
	return nil
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
	switch t.Op {
	case vtab.OpIn:
		return t.Column.Name + " IN (" + strings.Join(values, ", ") + ")"
	case vtab.OpNotNull:
		return t.Column.Name + " " + string(t.Op)
	}
	return t.Column.Name + " " + string(t.Op) + " " + strings.Join(values, "")
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
