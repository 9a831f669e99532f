package oktatest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The grammar of both search and filter; which attributes and operators each allows is decided later,
// in match.go.
//
//	expr = and { "or" and }
//	and  = unit { "and" unit }
//	unit = "(" expr ")" | attribute operator value | attribute "pr"
//	operator = eq | gt | ge | lt | le | sw | co, in any case
//	value = JSON string | JSON number | true | false
//
// There is no ne, ew or not.

// An expr is an expression: a term, or a combination of at least two others.
type expr struct {
	op   exprOp
	kids []*expr // of and, or

	attr  string // of a term
	cmp   comparison
	value literal // the zero literal for pr
}

type exprOp uint8

const (
	opTerm exprOp = iota
	opAnd
	opOr
)

type comparison string

const (
	cmpEq comparison = "eq"
	cmpGt comparison = "gt"
	cmpGe comparison = "ge"
	cmpLt comparison = "lt"
	cmpLe comparison = "le"
	cmpSw comparison = "sw"
	cmpCo comparison = "co"
	cmpPr comparison = "pr"
)

var comparisons = []comparison{cmpEq, cmpGt, cmpGe, cmpLt, cmpLe, cmpSw, cmpCo, cmpPr}

// A literal is a value as written: the content of a string, the text of a number or boolean.
type literal struct {
	kind valueKind // stringValue, numberValue, boolValue
	text string
}

// String writes the expression so that parsing gives the same again.
func (e *expr) String() string { return string(e.append(nil)) }

func (e *expr) append(b []byte) []byte {
	if e.op == opTerm {
		b = append(append(append(b, e.attr...), ' '), e.cmp...)
		if e.cmp == cmpPr {
			return b
		}
		b = append(b, ' ')
		if e.value.kind == stringValue {
			return appendJSONString(b, e.value.text)
		}
		return append(b, e.value.text...)
	}
	for i, kid := range e.kids {
		if i > 0 && e.op == opAnd {
			b = append(b, " and "...)
		} else if i > 0 {
			b = append(b, " or "...)
		}
		if kid.op == opTerm || e.op == opOr && kid.op == opAnd {
			b = kid.append(b)
		} else {
			b = append(kid.append(append(b, '(')), ')')
		}
	}
	return b
}

// maxDepth is how deep parentheses may be nested. Okta refuses "overly complex" expressions and gives
// no number.
const maxDepth = 50

// A syntaxError says what is wrong with an expression, and where.
type syntaxError struct {
	at  int // in bytes from the beginning
	msg string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at position %d", e.msg, e.at) }

// parseExpr parses a search or filter expression. It returns a *syntaxError for anything else.
func parseExpr(text string) (*expr, error) {
	p := &parser{text: text}
	if !utf8.ValidString(text) {
		return nil, &syntaxError{0, "the text is not UTF-8"}
	}
	p.next()
	e := p.or(0)
	if p.err == nil && p.tok.kind != tokEnd {
		p.fail("unexpected " + p.tok.String())
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokOpen
	tokClose
	tokWord   // attributes, operators, and, or, true, false
	tokString // text is the content
	tokNumber
)

type token struct {
	kind tokenKind
	at   int
	text string
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "end"
	case tokString:
		return "string"
	}
	return string(appendJSONString(nil, t.text))
}

func (t token) is(word string) bool { return t.kind == tokWord && strings.EqualFold(t.text, word) }

// A parser reads one token ahead. After the first error it sees nothing but the end.
type parser struct {
	text string
	pos  int // after tok
	tok  token
	err  error
}

func (p *parser) fail(msg string) { p.failAt(p.tok.at, msg) }

func (p *parser) failAt(at int, msg string) {
	if p.err == nil {
		p.err = &syntaxError{at, msg}
	}
	p.tok = token{kind: tokEnd, at: len(p.text)}
	p.pos = len(p.text)
}

func (p *parser) or(depth int) *expr {
	e := &expr{op: opOr, kids: []*expr{p.and(depth)}}
	for p.tok.is("or") {
		p.next()
		e.kids = append(e.kids, p.and(depth))
	}
	if len(e.kids) == 1 {
		return e.kids[0]
	}
	return e
}

func (p *parser) and(depth int) *expr {
	e := &expr{op: opAnd, kids: []*expr{p.unit(depth)}}
	for p.tok.is("and") {
		p.next()
		e.kids = append(e.kids, p.unit(depth))
	}
	if len(e.kids) == 1 {
		return e.kids[0]
	}
	return e
}

func (p *parser) unit(depth int) *expr {
	if p.tok.kind == tokOpen {
		if depth == maxDepth {
			p.fail("parentheses nested too deeply")
			return &expr{}
		}
		p.next()
		e := p.or(depth + 1)
		if p.tok.kind != tokClose {
			p.fail("expected ) instead of " + p.tok.String())
			return e
		}
		p.next()
		return e
	}
	if p.tok.kind != tokWord {
		p.fail("expected an attribute instead of " + p.tok.String())
		return &expr{}
	}
	e := &expr{attr: p.tok.text}
	p.next()
	e.cmp = comparison(strings.ToLower(p.tok.text))
	if p.tok.kind != tokWord || !slices.Contains(comparisons, e.cmp) {
		p.fail("expected one of the operators eq gt ge lt le sw co pr instead of " + p.tok.String())
		return e
	}
	p.next()
	if e.cmp == cmpPr {
		return e
	}
	switch {
	case p.tok.kind == tokString:
		e.value = literal{stringValue, p.tok.text}
	case p.tok.kind == tokNumber:
		e.value = literal{numberValue, p.tok.text}
	case p.tok.kind == tokWord && (p.tok.text == "true" || p.tok.text == "false"):
		e.value = literal{boolValue, p.tok.text}
	default:
		p.fail(`expected a value ("text", 12, true, false) instead of ` + p.tok.String())
		return e
	}
	p.next()
	return e
}

// next reads a token into p.tok.
func (p *parser) next() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	p.tok = token{at: p.pos}
	if p.pos == len(p.text) {
		return
	}
	start := p.pos
	c := p.text[start]
	switch {
	case c == '(' || c == ')':
		p.tok.kind = tokOpen
		if c == ')' {
			p.tok.kind = tokClose
		}
		p.pos++
	case c == '"':
		p.string()
		return
	case c == '-' || c >= '0' && c <= '9':
		p.tok.kind = tokNumber
		p.pos = start + numberLength(p.text[start:])
		if p.pos == start {
			p.fail("not a number")
			return
		}
	case isWordStart(c):
		p.tok.kind = tokWord
		for p.pos < len(p.text) && isWordPart(p.text[p.pos]) {
			p.pos++
		}
	default:
		p.fail("unexpected character")
		return
	}
	p.tok.text = p.text[start:p.pos]
}

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isWordPart(c byte) bool {
	return isWordStart(c) || c >= '0' && c <= '9' || c == '.' || c == '-'
}

// numberLength returns how many bytes at the beginning of s are a JSON number; 0 if they aren't one.
func numberLength(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if s[0] == '-' {
		i++
	}
	zero := i < len(s) && s[i] == '0'
	from := i
	if !digits() || zero && i-from > 1 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	if i < len(s) && isWordPart(s[i]) {
		return 0
	}
	return i
}

// string reads a JSON string. Characters outside the basic plane are refused, as Okta refuses them.
func (p *parser) string() {
	var b []byte
	i := p.pos + 1
	for {
		if i >= len(p.text) {
			p.failAt(p.tok.at, "string without an end")
			return
		}
		c := p.text[i]
		switch {
		case c == '"':
			p.tok.kind, p.tok.text = tokString, string(b)
			p.pos = i + 1
			return
		case c < 0x20:
			p.failAt(i, "control character in a string")
			return
		case c >= 0xf0:
			p.failAt(i, "character of four bytes in UTF-8")
			return
		case c != '\\':
			b = append(b, c)
			i++
		default:
			r, n := unescape(p.text[i:])
			if n == 0 {
				p.failAt(i, "invalid escape in a string")
				return
			}
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
}

// unescape returns the character that an escape at the beginning of s stands for and the escape's
// length, or 0, 0. Surrogates stand for nothing: alone they are no character, and in pairs they are one
// that Okta doesn't accept.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(s) < 6 {
			return 0, 0
		}
		var r rune
		for _, c := range []byte(s[2:6]) {
			d := strings.IndexByte(hexDigits, c|0x20)
			if d < 0 || c < '0' {
				return 0, 0
			}
			r = r<<4 | rune(d)
		}
		if r >= 0xd800 && r < 0xe000 {
			return 0, 0
		}
		return r, 6
	}
	return 0, 0
}
