// Package search writes terms of Okta's search language, the one of the users API's search
// parameter.
//
// All text that whoql sends in a search goes through [Quote]. The functions are pure and may be used
// concurrently. The package writes what an exact SQL condition can be widened to, never less: the
// API folds case where SQL compares bytes, so that its answer is a superset. It does not parse.
package search

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxText is the greatest [Size] of a search that is sent. Okta publishes no limit; this one leaves
// room in a request line, and in the Link header that echoes the search.
const MaxText = 4000

// Size is the size of a search as it is sent, URL-encoded, in bytes.
func Size(text string) int { return len(url.QueryEscape(text)) }

// Sendable reports whether a text can stand in a search: not empty (the language has no empty
// string), valid UTF-8, no control characters, and no character outside the Basic Multilingual
// Plane, which Okta's API does not accept.
func Sendable(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if c < 0x20 || c >= 0x7f && c < 0xa0 || c > 0xffff {
			return false
		}
	}
	return true
}

// Quote returns a text as a string of the language: in double quotes, with quotes and backslashes
// escaped as in JSON. The text must be [Sendable].
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// Equal returns the term: attribute equals value.
func Equal(attribute, value string) string { return attribute + " eq " + Quote(value) }

// AnyOf returns the terms, in order, that together say: attribute equals one of the values. The
// [Size] of each is at most max, unless one value alone is larger.
func AnyOf(attribute string, values []string, max int) []string {
	var terms []string
	var b strings.Builder
	size := 0
	for _, v := range values {
		t := Equal(attribute, v)
		n := Size(" or ") + Size(t)
		if b.Len() > 0 && size+n > max {
			terms = append(terms, b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteString(" or ")
			size += n
		} else {
			size = Size(t)
		}
		b.WriteString(t)
	}
	if b.Len() > 0 {
		terms = append(terms, b.String())
	}
	return terms
}

// AnyLiteral returns the term: attribute equals one of the numbers or truth values, written as the
// language has them. ok is false if it is larger than [MaxText].
func AnyLiteral(attribute string, literals []string) (term string, ok bool) {
	parts := make([]string, len(literals))
	for i, l := range literals {
		parts[i] = attribute + " eq " + l
	}
	term = strings.Join(parts, " or ")
	return term, Size(term) <= MaxText
}

// All joins expressions with and, each in parentheses if there is more than one; empty ones are
// left out.
func All(expressions ...string) string {
	var parts []string
	for _, e := range expressions {
		if e != "" {
			parts = append(parts, e)
		}
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return "(" + strings.Join(parts, ") and (") + ")"
}
