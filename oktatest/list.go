package oktatest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxLimit      = 200 // also the default
	defaultLimitQ = 10

	// maxLink is how long a Link header may become: Okta refuses queries whose echo is too long, and
	// publishes no number.
	maxLink = 8 << 10
)

// A listing is a request to list users.
type listing struct {
	style
	limit  int
	after  string
	q      string // folded
	query  *query // search or filter; nil: neither
	sort   *sorting
	echoed []param // what the links repeat after "after" and "limit"

	// Where the page begins; which of these count depends on the order of the list.
	fromStatus status
	from       int // an index; of a list in the order of statuses, in the first status
	place      sortPlace
}

type param struct{ name, value string }

// A page is the answer to a listing.
type page struct {
	body []byte
	self string
	next string // "" on the last page
}

// parseListing reads the parameters of GET /api/v1/users. The caller holds the store's lock. If search or filter are given, q is ignored.
func (s *store) parseListing(r *http.Request, st style) (*listing, *apiError) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errSearch("The query string is not well-formed.")
	}
	l := &listing{style: st, limit: maxLimit, after: values.Get("after")}
	search, filter, q := values.Get("search"), values.Get("filter"), values.Get("q")
	var bad *apiError
	switch {
	case search != "" && filter != "":
		return nil, errSearchAndFilter()
	case search != "":
		if l.query, bad = compile(search, searchDialect, s.known); bad != nil {
			return nil, bad
		}
		l.echoed = append(l.echoed, param{"search", search})
		if bad = l.parseSort(values, s.known); bad != nil {
			return nil, bad
		}
	case filter != "":
		if l.query, bad = compile(filter, filterDialect, s.known); bad != nil {
			return nil, bad
		}
		l.echoed = append(l.echoed, param{"filter", filter})
	case q != "":
		if hasAstral(q) {
			return nil, errSearch("Characters of four bytes in UTF-8 are not supported.")
		}
		l.q, l.limit = fold(q), defaultLimitQ
		l.echoed = append(l.echoed, param{"q", q})
	}
	if bad = l.parseLimit(values.Get("limit"), maxLimit); bad != nil {
		return nil, bad
	}
	if fields := values.Get("fields"); fields != "" {
		if l.fields, bad = parseFields(fields); bad != nil {
			return nil, bad
		}
		l.echoed = append(l.echoed, param{"fields", fields})
	}
	if l.after != "" && l.q == "" {
		if bad = l.parseCursor(s); bad != nil {
			return nil, bad
		}
	} else {
		l.place.start = true
	}
	return l, nil
}

// parseLimit clamps to what a page can have, as a limit above is documented nowhere; one below 1 is
// refused.
func (l *listing) parseLimit(text string, most int) *apiError {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return errParamType("limit")
	}
	if n < 1 {
		return errValidation("limit", "limit: The value must be at least 1")
	}
	l.limit = min(int(n), most)
	return nil
}

func (l *listing) parseSort(values url.Values, known attributeSet) *apiError {
	name := values.Get("sortBy")
	if name == "" {
		return nil
	}
	f, ok := known.resolve(name)
	if !ok {
		return errSearch("Invalid sortBy attribute: " + name)
	}
	l.sort = &sorting{name: name, field: f}
	l.echoed = append(l.echoed, param{"sortBy", name})
	if order := values.Get("sortOrder"); order != "" {
		switch strings.ToLower(order) {
		case "asc":
		case "desc":
			l.sort.desc = true
		default:
			return errSearch("Invalid sortOrder: choose asc or desc.")
		}
		l.echoed = append(l.echoed, param{"sortOrder", order})
	}
	return nil
}

// isSearch says whether the list is in the order of a search rather than in that of statuses.
func (l *listing) isSearch() bool { return l.query != nil && l.query.dialect == searchDialect }

// Cursors. A plain or filtered list is in the order of statuses, and its cursor is the last user's status
// as a digit and the id; that of a search is the id. Sorted searches have cursors of their own (sort.go).
// Users needn't exist any more for their cursor to be right.
func (l *listing) parseCursor(s *store) *apiError {
	switch {
	case l.sort != nil:
		id, key, start, ok := decodeSortCursor(l.after)
		if !ok {
			return errSearch("Invalid cursor.")
		}
		l.place = sortPlace{key: key, after: s.after(id), start: start}
	case l.isSearch():
		if !isUserID(l.after) {
			return errSearch("Invalid cursor.")
		}
		l.from = s.after(l.after)
	default:
		digit := l.after[0] - '0'
		if digit >= byte(statuses) || !isUserID(l.after[1:]) {
			return errPaging()
		}
		l.fromStatus, l.from = status(digit), s.after(l.after[1:])
	}
	return nil
}

func (l *listing) cursor(r *row) string {
	switch {
	case l.sort != nil:
		return encodeSortCursor(r.id(), l.sort.key(r))
	case l.isSearch():
		return r.id()
	}
	return string(byte('0'+r.status())) + r.id()
}

// samePlace returns a cursor that stands for the same place as the one that was sent, and isn't it:
// that of an imaginary user just after. The fault EmptyPage needs it.
func (l *listing) samePlace() string {
	const lowest = "00u00000000000000000"
	switch {
	case l.sort != nil:
		id, key, start, ok := decodeSortCursor(l.after)
		switch {
		case !ok:
			return encodeRaw(lowest + "f")
		case start:
			return encodeRaw(successor(id) + "f")
		}
		return encodeSortCursor(successor(id), key)
	case l.after == "" && l.isSearch():
		return lowest
	case l.after == "":
		return "0" + lowest
	}
	return successor(l.after)
}

// successor is the next text of the same length, of letters and digits.
func successor(id string) string {
	b := []byte(id)
	for i := len(b) - 1; i >= 0; i-- {
		at := strings.IndexByte(base62, b[i])
		if at+1 < len(base62) {
			b[i] = base62[at+1]
			return string(b)
		}
		b[i] = '0'
	}
	return string(b)
}

func isUserID(s string) bool {
	return len(s) == idLen && strings.HasPrefix(s, "00u") && isBase62(s)
}

// list is Okta's listUsers. The caller holds the store's lock.
func (s *store) list(l *listing, body []byte) (*page, *apiError) {
	p := &page{body: append(body, '['), self: l.link(l.after)}
	if len(p.self) > maxLink {
		return nil, errLinkTooLong()
	}
	n, last := 0, ""
	l.rows(s, func(r *row) bool {
		if n == l.limit {
			p.next = l.link(last)
			return false
		}
		if n > 0 {
			p.body = append(p.body, ',')
		}
		p.body = r.user().appendJSON(p.body, &l.style)
		if n++; n == l.limit {
			last = l.cursor(r)
		}
		return n < l.limit || l.q == "" // q doesn't page, so nobody asks whether there is more
	})
	p.body = append(p.body, ']')
	return p, nil
}

// rows gives yield the users that the listing means, in its order, from its cursor on.
func (l *listing) rows(s *store, yield rowFunc) {
	switch {
	case l.q != "":
		s.rowsByID(0, 0, s.gen.n, func(r *row) bool { return !l.matchesQ(r) || yield(r) })
		return
	case l.query == nil:
		everybody := statusSet{true, true, true, true, true, true, true, deprovisioned: false}
		s.rowsByStatus(everybody, l.fromStatus, l.from, yield)
		return
	}
	match := func(r *row) bool { return !l.query.match(r) || yield(r) }
	keys, named := l.query.expr.keys(s)
	switch {
	case !l.isSearch() && named:
		s.rowsOfByStatus(keys, l.fromStatus, l.from, match)
	case !l.isSearch():
		s.rowsByStatus(l.query.statuses(l.query.expr), l.fromStatus, l.from, match)
	case l.sort != nil:
		lo, hi := l.query.expr.bounds(l.sort.name)
		s.rowsSorted(l.sort, l.place, lo, hi, match)
	case named:
		s.rowsOf(keys, l.from, match)
	default:
		from, to := s.gen.createdRange(l.query.expr.bounds("created"))
		s.rowsByID(l.from, from, to, match)
	}
}

// matchesQ is the rule of q: a prefix of the first name, last name or address, whatever its case.
// Deprovisioned users are left out.
func (l *listing) matchesQ(r *row) bool {
	if r.status() == deprovisioned {
		return false
	}
	for _, a := range [...]attrID{attrFirstName, attrLastName, attrEmail} {
		if hasPrefixFold(r.attr(a).text, l.q) {
			return true
		}
	}
	return false
}

// link returns the address of the page that a cursor leads to. Those of q don't page.
func (l *listing) link(after string) string {
	p := paging{path: usersPath, limit: l.limit, echoed: l.echoed}
	if l.q != "" {
		after = ""
	}
	return p.link(l.base, after)
}
