package oktatest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A dialect is which of the two query languages an expression is in. They share the grammar; search
// knows all attributes and folds case, filter knows seven and compares exactly.
type dialect uint8

const (
	searchDialect dialect = iota
	filterDialect
)

// A query is an expression that is ready to be asked of users.
type query struct {
	expr    *expr
	dialect dialect
	match   matcher
}

// A matcher says whether a user is meant.
type matcher func(*row) bool

// compile parses text and resolves its attributes; known are those of profiles.
func compile(text string, d dialect, known attributeSet) (*query, *apiError) {
	e, err := parseExpr(text)
	if err != nil {
		var syntax *syntaxError
		bad := errSearch("Invalid search syntax.")
		if errors.As(err, &syntax) {
			bad.causes = append(bad.causes, syntax.Error())
		}
		return nil, bad
	}
	m, bad := compileExpr(e, d, known, true)
	if bad != nil {
		return nil, bad
	}
	return &query{e, d, m}, nil
}

func compileExpr(e *expr, d dialect, known attributeSet, alone bool) (matcher, *apiError) {
	if e.op == opTerm {
		f, ok := known.resolve(e.attr)
		if !ok {
			return nil, errSearch("Invalid search attribute: " + e.attr)
		}
		return compileTerm(e, f, d, alone)
	}
	kids := make([]matcher, len(e.kids))
	for i, kid := range e.kids {
		var bad *apiError
		if kids[i], bad = compileExpr(kid, d, known, false); bad != nil {
			return nil, bad
		}
	}
	decides := e.op == opOr // the answer of one kid that settles the whole
	return func(r *row) bool {
		for _, kid := range kids {
			if kid(r) == decides {
				return decides
			}
		}
		return !decides
	}, nil
}

// A field is something of a user that can be compared or sorted by.
type field struct {
	kind fieldKind

	// Of profileField.
	name string
	typ  dataType
	attr attrID // noAttr: the generator doesn't know it
}

type fieldKind uint8

const (
	idField fieldKind = iota + 1
	statusField
	typeField
	classificationField
	createdField
	activatedField
	statusChangedField
	lastUpdatedField
	profileField
)

var topFields = map[string]fieldKind{
	"id": idField, "status": statusField, "type.id": typeField, "classification.type": classificationField,
	"created": createdField, "activated": activatedField, "statusChanged": statusChangedField, "lastUpdated": lastUpdatedField,
}

// An attributeSet is the attributes that profiles can have, by name. It is never changed, only replaced.
type attributeSet map[string]field

// resolve finds an attribute by its name, which is case-sensitive. lastLogin and passwordChanged are in
// no index, as at Okta.
func (known attributeSet) resolve(name string) (field, bool) {
	if kind, ok := topFields[name]; ok {
		return field{kind: kind, attr: noAttr}, true
	}
	if rest, ok := strings.CutPrefix(name, "profile."); ok {
		f, ok := known[rest]
		return f, ok
	}
	return field{}, false
}

func (f field) isTime() bool { return f.kind >= createdField && f.kind <= lastUpdatedField }

// time returns a time of a user, 0 for null.
func (f field) time(r *row) int64 {
	switch f.kind {
	case createdField:
		return r.created()
	case activatedField:
		return r.history().activated
	case statusChangedField:
		return r.history().statusChanged
	}
	return r.history().lastUpdated
}

// dataType returns what is compared: a profile attribute or, of an array, its elements; strings for the rest.
func (f field) dataType() dataType {
	if f.kind == profileField {
		return f.typ.element()
	}
	return stringType
}

func compileTerm(e *expr, f field, d dialect, alone bool) (matcher, *apiError) {
	if bad := allowed(e, f, d, alone); bad != nil {
		return nil, bad
	}
	if e.cmp == cmpPr {
		return compilePresent(f), nil
	}
	if f.isTime() {
		lo, hi, bad := timeBounds(e)
		if bad != nil {
			return nil, bad
		}
		return func(r *row) bool {
			t := f.time(r)
			return t != 0 && t >= lo && t <= hi
		}, nil
	}
	switch f.dataType() {
	case booleanType:
		return func(r *row) bool { v := r.value(&f); return v.kind == boolValue && v.text == e.value.text }, nil
	case integerType, numberType:
		return compileNumber(e, f)
	}
	return compileText(e, f, d), nil
}

// allowed says whether the dialect has the attribute, the operator for it, and values of this type.
func allowed(e *expr, f field, d dialect, alone bool) *apiError {
	operator := errSearch(fmt.Sprintf("The operator %s is not supported for %s.", e.cmp, e.attr))
	ordered := e.cmp == cmpGt || e.cmp == cmpGe || e.cmp == cmpLt || e.cmp == cmpLe
	if d == filterDialect {
		switch e.attr {
		case "status", "id", "lastUpdated", "profile.login", "profile.email", "profile.firstName", "profile.lastName":
		default:
			return errSearch("Invalid filter attribute: " + e.attr)
		}
		if e.cmp != cmpEq && (!ordered || f.kind != lastUpdatedField) {
			return operator
		}
	}
	wants := stringValue
	switch f.dataType() {
	case booleanType:
		wants = boolValue
		if ordered || e.cmp == cmpSw {
			return operator
		}
	case integerType, numberType:
		wants = numberValue
		if e.cmp == cmpSw {
			return operator
		}
	}
	if e.cmp == cmpCo {
		switch e.attr {
		case "profile.firstName", "profile.lastName", "profile.email", "profile.login":
		default:
			return operator
		}
	}
	if f.isTime() && e.cmp == cmpSw {
		return operator
	}
	if f.kind == classificationField && (e.cmp != cmpEq || !alone) {
		return errSearch("classification.type can only be compared by eq, and not combined with anything.")
	}
	if e.cmp == cmpPr || e.value.kind == wants {
		return nil
	}
	if f.isTime() {
		return errBadDate(e.attr + ": a date is a string.")
	}
	return errSearch(fmt.Sprintf("%s can't be compared with %s.", e.attr, e.value.text))
}

func compilePresent(f field) matcher {
	switch {
	case f.isTime():
		return func(r *row) bool { return f.time(r) != 0 }
	case f.kind == profileField:
		return func(r *row) bool { return r.value(&f).hasValue() }
	}
	return func(*row) bool { return true }
}

// hasValue says what pr asks. An empty string is no value.
func (v value) hasValue() bool {
	switch v.kind {
	case absent, null:
		return false
	case stringValue:
		return v.text != ""
	case listValue:
		return len(v.list) > 0
	}
	return true
}

func compileNumber(e *expr, f field) (matcher, *apiError) {
	want, err := strconv.ParseFloat(e.value.text, 64)
	if err != nil {
		return nil, errSearch("Not a number: " + e.value.text)
	}
	test := func(v *value) bool {
		if v.kind != numberValue {
			return false
		}
		n, _ := strconv.ParseFloat(v.text, 64)
		switch {
		case n < want:
			return e.cmp.holds(-1)
		case n > want:
			return e.cmp.holds(1)
		}
		return e.cmp.holds(0)
	}
	return func(r *row) bool {
		v := r.value(&f)
		return test(&v) || v.any(test)
	}, nil
}

// any says whether the test holds for an element of an array.
func (v value) any(test func(*value) bool) bool {
	for i := range v.list {
		if test(&v.list[i]) {
			return true
		}
	}
	return false
}

// holds says whether a comparison is true of two values of which the first is less (-1), equal or more.
func (c comparison) holds(order int) bool {
	switch c {
	case cmpEq:
		return order == 0
	case cmpGt:
		return order > 0
	case cmpGe:
		return order >= 0
	case cmpLt:
		return order < 0
	case cmpLe:
		return order <= 0
	}
	return false
}

// compileText compares strings and arrays of them. Ids keep their case in both dialects: two ids that
// differ in case only are two users.
func compileText(e *expr, f field, d dialect) matcher {
	exact := d == filterDialect || f.kind == idField || f.kind == typeField
	test := textTest(e.cmp, e.value.text, exact)
	switch f.kind {
	case idField:
		return func(r *row) bool { return test(r.id()) }
	case typeField:
		return func(r *row) bool { return test("oty" + r.typeTail()) }
	case classificationField:
		return func(*row) bool { return test("STANDARD") }
	case statusField:
		var meant statusSet
		for s, name := range statusNames {
			meant[s] = test(name)
		}
		return func(r *row) bool { return meant[r.status()] }
	}
	return func(r *row) bool {
		v := r.value(&f)
		return v.kind == stringValue && test(v.text) || v.any(func(one *value) bool { return one.kind == stringValue && test(one.text) })
	}
}

func textTest(cmp comparison, want string, exact bool) func(string) bool {
	if exact {
		switch cmp {
		case cmpSw:
			return func(s string) bool { return strings.HasPrefix(s, want) }
		case cmpCo:
			return func(s string) bool { return strings.Contains(s, want) }
		}
		return func(s string) bool { return cmp.holds(strings.Compare(s, want)) }
	}
	want = fold(want)
	switch cmp {
	case cmpSw:
		return func(s string) bool { return hasPrefixFold(s, want) }
	case cmpCo:
		return func(s string) bool { return strings.Contains(fold(s), want) }
	}
	return func(s string) bool { return cmp.holds(compareFold(s, want)) }
}

// timeBounds returns the seconds, first and last, that a comparison with a date lets pass.
func timeBounds(e *expr) (lo, hi int64, bad *apiError) {
	t, err := parseDate(e.value.text)
	if err != nil {
		return 0, 0, errBadDate(fmt.Sprintf("%s: %q is not a date.", e.attr, e.value.text))
	}
	floor := t.Unix() // also before 1970: the nanoseconds are never negative
	ceil := ceilSeconds(t)
	lo, hi = math.MinInt64, math.MaxInt64
	switch e.cmp {
	case cmpEq:
		lo, hi = ceil, floor
	case cmpGt:
		lo = floor + 1
	case cmpGe:
		lo = ceil
	case cmpLt:
		hi = ceil - 1
	case cmpLe:
		hi = floor
	}
	return lo, hi, nil
}

// parseDate reads ISO 8601 with seconds, with or without a fraction, in UTC or with an offset.
func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999Z0700", s)
	}
	return t, err
}

// bounds returns the seconds outside of which no user's time called attr can be meant by e. The
// expression is compiled, so its dates are valid.
func (e *expr) bounds(attr string) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	switch {
	case e.op == opTerm && e.attr == attr && e.cmp != cmpPr:
		lo, hi, _ = timeBounds(e)
	case e.op == opAnd:
		for _, kid := range e.kids {
			l, h := kid.bounds(attr)
			lo, hi = max(lo, l), min(hi, h)
		}
	case e.op == opOr:
		lo, hi = hi, lo
		for _, kid := range e.kids {
			l, h := kid.bounds(attr)
			lo, hi = min(lo, l), max(hi, h)
		}
	}
	return lo, hi
}

// statuses returns the statuses of which users can be meant.
func (q *query) statuses(e *expr) (set statusSet) {
	switch {
	case e.op == opTerm && e.attr == "status" && e.cmp != cmpPr:
		test := textTest(e.cmp, e.value.text, q.dialect == filterDialect)
		for s, name := range statusNames {
			set[s] = test(name)
		}
		return set
	case e.op == opTerm:
		for s := range set {
			set[s] = true
		}
		return set
	}
	set = q.statuses(e.kids[0])
	for _, kid := range e.kids[1:] {
		for s, meant := range q.statuses(kid) {
			if e.op == opAnd {
				set[s] = set[s] && meant
			} else {
				set[s] = set[s] || meant
			}
		}
	}
	return set
}

// keys returns indexes among which all users are that e can mean, if it names them by id or login.
func (e *expr) keys(s *store) (indexes []int, ok bool) {
	switch {
	case e.op == opAnd:
		for _, kid := range e.kids {
			if indexes, ok = kid.keys(s); ok {
				return indexes, true
			}
		}
		return nil, false
	case e.op == opOr:
		for _, kid := range e.kids {
			some, named := kid.keys(s)
			if !named {
				return nil, false
			}
			indexes = append(indexes, some...)
		}
		return indexes, true
	case e.cmp != cmpEq:
		return nil, false
	case e.attr == "id":
		if i, found := s.indexOf(e.value.text); found {
			indexes = append(indexes, i)
		}
		return indexes, true
	case e.attr == "profile.login":
		if i, found := s.indexOfLogin(e.value.text); found {
			indexes = append(indexes, i)
		}
		return indexes, true
	}
	return nil, false
}
