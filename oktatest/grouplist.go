package oktatest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Lists of groups, and of the users of one. Both are in id order unless sortBy says otherwise, and
// their cursors are the id of the last object of a page, as recorded.

const (
	maxGroups      = 10_000 // on a page; also the default
	defaultGroupsQ = 300
	maxMembers     = 1000 // on a page; also the default
	groupsOfUser   = 200  // what the link says; these lists have one page
)

// A paging is what the request for a list says about its pages.
type paging struct {
	path   string
	limit  int
	after  string
	echoed []param // what the links repeat after "after" and "limit"
	only   bool    // there is no second page: what doesn't fit the first is left out
}

// readPaging reads limit, of which there are at most most, and after.
func readPaging(values url.Values, path string, most int) (p paging, bad *apiError) {
	l := listing{limit: most}
	if bad = l.parseLimit(values.Get("limit"), most); bad != nil {
		return p, bad
	}
	return paging{path: path, limit: l.limit, after: values.Get("after")}, nil
}

// link returns the address of the page that a cursor leads to, normalised as Okta does: after, then
// limit, then the query, form-encoded.
func (p *paging) link(base, after string) string {
	var b strings.Builder
	b.WriteString(base)
	b.WriteString(p.path)
	b.WriteByte('?')
	if after != "" {
		b.WriteString("after=")
		b.WriteString(url.QueryEscape(after))
		b.WriteByte('&')
	}
	b.WriteString("limit=")
	b.WriteString(strconv.Itoa(p.limit))
	for _, e := range p.echoed {
		b.WriteByte('&')
		b.WriteString(e.name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(e.value))
	}
	return b.String()
}

// isGroupID says whether s may be the cursor of a list of groups.
func isGroupID(s string) bool {
	return len(s) == idLen && strings.HasPrefix(s, "00g") && isBase62(s)
}

// listGroups is Okta's listGroups. search and filter are expressions over the group's own fields, q is
// the beginning of a name, and can't be paged. Given several, search counts, then filter, then q.
func (o *Org) listGroups(c *call) (answer, *apiError) {
	values := c.URL.Query()
	p, bad := readPaging(values, groupsPath, maxGroups)
	if bad != nil {
		return answer{}, bad
	}
	search, filter, q := values.Get("search"), values.Get("filter"), values.Get("q")
	match := func(*group) bool { return true }
	var order func(a, b *group) int
	switch {
	case search != "":
		if match, bad = compileGroups(search, searchDialect); bad != nil {
			return answer{}, bad
		}
		p.echoed = append(p.echoed, param{"search", search})
		if order, bad = p.groupOrder(values); bad != nil {
			return answer{}, bad
		}
	case filter != "":
		if match, bad = compileGroups(filter, filterDialect); bad != nil {
			return answer{}, bad
		}
		p.echoed = append(p.echoed, param{"filter", filter})
	case q != "":
		folded := fold(q)
		match = func(t *group) bool { return hasPrefixFold(t.name, folded) }
		if values.Get("limit") == "" {
			p.limit = defaultGroupsQ
		}
		p.only = true
		p.echoed = append(p.echoed, param{"q", q})
	}

	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	list := slices.DeleteFunc(slices.Clone(o.groups), func(t *group) bool { return !match(t) })
	if order != nil {
		slices.SortStableFunc(list, order)
	}
	if p.after != "" {
		if list, bad = groupsAfter(list, p.after, order != nil); bad != nil {
			return answer{}, bad
		}
	}
	return c.showGroups(list, p), nil
}

// groupsAfter returns the rest of a list behind a cursor. Where the list is in id order the group
// needn't exist any more.
func groupsAfter(list []*group, after string, sorted bool) ([]*group, *apiError) {
	if !isGroupID(after) {
		return nil, errPaging()
	}
	at := slices.IndexFunc(list, func(t *group) bool { return t.id > after })
	if sorted {
		at = slices.IndexFunc(list, func(t *group) bool { return t.id == after }) + 1
		if at == 0 {
			return nil, errSearch("Invalid cursor.")
		}
	}
	if at < 0 {
		return nil, nil
	}
	return list[at:], nil
}

func (c *call) showGroups(list []*group, p paging) answer {
	pg := &page{self: p.link(c.style.base, p.after)}
	if len(list) > p.limit {
		list = list[:p.limit]
		if !p.only {
			pg.next = p.link(c.style.base, list[p.limit-1].id)
		}
	}
	b := append(c.out, '[')
	for i, t := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.appendJSON(b, c.style.base)
	}
	pg.body = append(b, ']')
	return answer{status: http.StatusOK, body: pg.body, page: pg}
}

// listGroupsOf is Okta's listUserGroups.
func (o *Org) listGroupsOf(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	i, ok := o.findUser(c.vars[0])
	if !ok {
		return answer{}, errNotFound(c.vars[0], "User")
	}
	p, bad := readPaging(c.URL.Query(), c.URL.EscapedPath(), groupsOfUser)
	if bad != nil {
		return answer{}, bad
	}
	list := slices.DeleteFunc(slices.Clone(o.groups), func(t *group) bool { return !t.has(o.store, i) })
	if p.after != "" {
		if list, bad = groupsAfter(list, p.after, false); bad != nil {
			return answer{}, bad
		}
	}
	return c.showGroups(list, p), nil
}

// listMembers is Okta's listGroupUsers: users of any status as elements of a list.
func (o *Org) listMembers(c *call) (answer, *apiError) {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	t, bad := o.groupOf(c)
	if bad != nil {
		return answer{}, bad
	}
	p, bad := readPaging(c.URL.Query(), c.URL.EscapedPath(), maxMembers)
	if bad != nil {
		return answer{}, bad
	}
	from := 0
	if p.after != "" {
		if !isUserID(p.after) {
			return answer{}, errPaging()
		}
		from = o.store.after(p.after)
	}
	pg := &page{body: append(c.out, '['), self: p.link(c.style.base, p.after)}
	n, last := 0, ""
	t.rows(o.store, from, func(r *row) bool {
		if n == p.limit {
			pg.next = p.link(c.style.base, last)
			return false
		}
		if n > 0 {
			pg.body = append(pg.body, ',')
		}
		pg.body = r.user().appendJSON(pg.body, &c.style)
		last = r.id()
		n++
		return true
	})
	pg.body = append(pg.body, ']')
	return answer{status: http.StatusOK, body: pg.body, page: pg}, nil
}

// rows gives yield the members from index from on, in id order.
func (t *group) rows(s *store, from int, yield rowFunc) {
	if t.kind != builtInGroup && t.department == nil { // then nobody is a member who didn't join
		var joined []int
		for i, in := range t.changed {
			if in {
				joined = append(joined, i)
			}
		}
		s.rowsOf(joined, from, yield)
		return
	}
	var r row
	s.walk(from, 0, s.gen.n, func(i int) bool {
		if !t.has(s, i) {
			return true
		}
		s.load(&r, i)
		return yield(&r)
	})
}

// Fields of groups. Names and descriptions are compared without regard to case, but in filters.
func (t *group) text(name string) (string, bool) {
	switch name {
	case "id":
		return t.id, true
	case "type":
		return string(t.kind), true
	case "profile.name":
		return t.name, true
	case "profile.description":
		return t.description, true
	}
	return "", false
}

func (t *group) time(name string) (int64, bool) {
	switch name {
	case "created":
		return t.created, true
	case "lastUpdated":
		return t.lastUpdated, true
	case "lastMembershipUpdated":
		return t.lastMembership, true
	}
	return 0, false
}

// groupOrder reads sortBy and sortOrder, nil without them.
func (p *paging) groupOrder(values url.Values) (func(a, b *group) int, *apiError) {
	name := values.Get("sortBy")
	if name == "" {
		return nil, nil
	}
	p.echoed = append(p.echoed, param{"sortBy", name})
	_, isText := (&group{}).text(name)
	_, isTime := (&group{}).time(name)
	if !isText && !isTime {
		return nil, errSearch("Invalid sortBy attribute: " + name)
	}
	sign := 1
	if text := values.Get("sortOrder"); text != "" {
		switch strings.ToLower(text) {
		case "asc":
		case "desc":
			sign = -1
		default:
			return nil, errSearch("Invalid sortOrder: choose asc or desc.")
		}
		p.echoed = append(p.echoed, param{"sortOrder", text})
	}
	return func(a, b *group) int {
		timeA, _ := a.time(name)
		timeB, _ := b.time(name)
		textA, _ := a.text(name)
		textB, _ := b.text(name)
		if name != "id" {
			textA, textB = fold(textA), fold(textB)
		}
		return sign * cmp.Or(cmp.Compare(timeA, timeB), strings.Compare(textA, textB))
	}, nil
}

// compileGroups makes a search or filter over groups. A filter knows id, type and the times but created.
func compileGroups(text string, d dialect) (func(*group) bool, *apiError) {
	e, err := parseExpr(text)
	if err != nil {
		bad := errSearch("Invalid search syntax.")
		bad.causes = append(bad.causes, err.Error())
		return nil, bad
	}
	return compileGroupExpr(e, d)
}

func compileGroupExpr(e *expr, d dialect) (func(*group) bool, *apiError) {
	if e.op == opTerm {
		return compileGroupTerm(e, d)
	}
	var kids []func(*group) bool
	for _, kid := range e.kids {
		match, bad := compileGroupExpr(kid, d)
		if bad != nil {
			return nil, bad
		}
		kids = append(kids, match)
	}
	decides := e.op == opOr
	return func(t *group) bool {
		for _, kid := range kids {
			if kid(t) == decides {
				return decides
			}
		}
		return !decides
	}, nil
}

func compileGroupTerm(e *expr, d dialect) (func(*group) bool, *apiError) {
	_, isText := (&group{}).text(e.attr)
	_, isTime := (&group{}).time(e.attr)
	isFilter := d == filterDialect
	if !isText && !isTime || isFilter && (e.attr == "created" || strings.HasPrefix(e.attr, "profile.")) {
		return nil, errSearch("Invalid search attribute: " + e.attr)
	}
	switch {
	case e.cmp == cmpPr && !isFilter:
		return func(t *group) bool { text, _ := t.text(e.attr); return isTime || text != "" }, nil
	case e.cmp == cmpPr, e.cmp == cmpCo && !strings.HasPrefix(e.attr, "profile."), isTime && e.cmp == cmpSw, isFilter && isText && e.cmp != cmpEq:
		return nil, errSearch("The operator " + string(e.cmp) + " is not supported for " + e.attr + ".")
	case e.value.kind != stringValue:
		return nil, errSearch(e.attr + " can't be compared with " + e.value.text + ".")
	}
	if isTime {
		lo, hi, bad := timeBounds(e)
		if bad != nil {
			return nil, bad
		}
		return func(t *group) bool { at, _ := t.time(e.attr); return at >= lo && at <= hi }, nil
	}
	test := textTest(e.cmp, e.value.text, isFilter || e.attr == "id")
	return func(t *group) bool { text, _ := t.text(e.attr); return test(text) }, nil
}
