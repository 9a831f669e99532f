package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/whoql/whoql/search"
)

func TestSendable(t *testing.T) {
	for _, s := range []string{"a", " ", "O'Brien", `"`, `\`, "é", "日本", "\u00a0", "\uffff", "\ufffd", "a/b?c=d&e", strings.Repeat("x", 5000)} {
		if !search.Sendable(s) {
			t.Errorf("%q can't be sent", s)
		}
	}
	for _, s := range []string{"", "\x00", "a\nb", "\t", "\x1f", "\x7f", "\u0080", "\u009f", "😀", "a\U00010000", "\xff", "a\xc3"} {
		if search.Sendable(s) {
			t.Errorf("%q can be sent", s)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`a`, `"a"`},
		{`a b`, `"a b"`},
		{`"`, `"\""`},
		{`\`, `"\\"`},
		{`\"`, `"\\\""`},
		{`x" or id pr or id eq "`, `"x\" or id pr or id eq \""`},
		{`O'Brien / é日`, `"O'Brien / é日"`},
	} {
		if got := search.Quote(c.in); got != c.want {
			t.Errorf("%s is %s, want %s", c.in, got, c.want)
		}
	}
	if got, want := search.Equal("profile.login", `a"b`), `profile.login eq "a\"b"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAnyOf(t *testing.T) {
	for _, c := range []struct {
		values []string
		max    int
		want   []string
	}{
		{nil, 100, nil},
		{[]string{"x"}, 100, []string{`id eq "x"`}},
		{[]string{"x", "y", "z"}, 100, []string{`id eq "x" or id eq "y" or id eq "z"`}},
		{[]string{"x", "y", "z"}, 30, []string{`id eq "x" or id eq "y"`, `id eq "z"`}},
		{[]string{"x", "y", "z"}, 29, []string{`id eq "x"`, `id eq "y"`, `id eq "z"`}},
		{[]string{"long", "y", "z"}, 3, []string{`id eq "long"`, `id eq "y"`, `id eq "z"`}},
		{[]string{`"`, "y"}, 35, []string{`id eq "\"" or id eq "y"`}},
	} {
		if got := search.AnyOf("id", c.values, c.max); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d bytes: %q, want %q", c.values, c.max, got, c.want)
		}
	}
}

// However many values there are, each is in one term, in order, and no term is too long.
func TestAnyOfSize(t *testing.T) {
	var values []string
	for i := range 500 {
		values = append(values, strings.Repeat("x", i%97)+fmt.Sprint(i))
	}
	var all []string
	terms := search.AnyOf("profile.login", values, search.MaxText)
	for i, term := range terms {
		if search.Size(term) > search.MaxText {
			t.Errorf("a term of %d bytes", search.Size(term))
		}
		parts := strings.Split(term, " or ")
		all = append(all, parts...)
		if i > 0 && search.Size(terms[i-1]+" or "+parts[0]) <= search.MaxText {
			t.Errorf("%s would have fitted in the term before", parts[0])
		}
	}
	if len(all) != len(values) {
		t.Fatalf("%d values, want %d", len(all), len(values))
	}
	for i, v := range values {
		if want := search.Equal("profile.login", v); all[i] != want {
			t.Errorf("value %d is %s, want %s", i, all[i], want)
		}
	}
}

func TestAll(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"", ""}, ""},
		{[]string{"a pr"}, "a pr"},
		{[]string{"", "a pr", ""}, "a pr"},
		{[]string{"a pr or b pr", "c pr"}, "(a pr or b pr) and (c pr)"},
		{[]string{"a pr", "", "b pr", "c pr"}, "(a pr) and (b pr) and (c pr)"},
	} {
		if got := search.All(c.in...); got != c.want {
			t.Errorf("%q is %s, want %s", c.in, got, c.want)
		}
	}
}

// What is quoted is one string of the language: it ends at its last byte and says what went in.
func FuzzQuoteEnds(f *testing.F) {
	f.Add(`a"b\c`)
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, s string) {
		if !search.Sendable(s) {
			return
		}
		q := search.Quote(s)
		if !utf8.ValidString(q) || len(q) < 2 || q[0] != '"' {
			t.Fatalf("%q is %s", s, q)
		}
		var back strings.Builder
		i := 1
		for ; i < len(q) && q[i] != '"'; i++ {
			if q[i] == '\\' {
				i++
			}
			back.WriteByte(q[i])
		}
		if i != len(q)-1 || back.String() != s {
			t.Errorf("%q is %s", s, q)
		}
	})
}
