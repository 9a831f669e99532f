package oktatest

import (
	"reflect"
	"strings"
	"testing"
)

func TestExpressionsAreParsedByPrecedence(t *testing.T) {
	for text, want := range map[string]string{
		`a eq "x"`:                         `a eq "x"`,
		"\ta\nEQ\r\"x\" ":                  `a eq "x"`,
		`a pr AND b Pr Or c PR`:            `a pr and b pr or c pr`,
		`a pr or b pr and c pr`:            `a pr or b pr and c pr`,
		`(a pr or b pr) and c pr`:          `(a pr or b pr) and c pr`,
		`((a pr))`:                         `a pr`,
		`(a pr and b pr) or c pr`:          `a pr and b pr or c pr`,
		`a pr and (b pr and c pr)`:         `a pr and (b pr and c pr)`,
		`a.b_c-d gt -1.50e+3 or e eq true`: `a.b_c-d gt -1.50e+3 or e eq true`,
		`a eq "\u00e9\/\"\\\n"`:            `a eq "é/\"\\\n"`,
		`a eq""`:                           `a eq ""`,
		`and pr and or pr`:                 `and pr and or pr`,
		`a eq 0 or a eq -0 or a eq 0.5`:    `a eq 0 or a eq -0 or a eq 0.5`,
		`a eq "\b\f\r\t\u00E9"`:            `a eq "\u0008\u000c\r\té"`,
		`a eq false`:                       `a eq false`,
	} {
		e, err := parseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := e.String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		``:                      "expected an attribute instead of end at position 0",
		`a`:                     "instead of end at position 1",
		`a ne "x"`:              `instead of "ne" at position 2`,
		`a eq`:                  "instead of end at position 4",
		`a eq b`:                `instead of "b" at position 5`,
		`a eq True`:             `instead of "True" at position 5`,
		`a eq 01`:               "not a number at position 5",
		`a eq 1.`:               "not a number at position 5",
		`a eq 1e`:               "not a number at position 5",
		`a eq -`:                "not a number at position 5",
		`a eq 12x`:              "not a number at position 5",
		`a eq "x`:               "string without an end at position 5",
		`a eq "\x"`:             "invalid escape in a string at position 6",
		`a eq "\ud83d\ude00"`:   "invalid escape in a string at position 6",
		`a eq "\u00g0"`:         "invalid escape in a string at position 6",
		`a eq "\`:               "invalid escape in a string at position 6",
		`a eq "\u00`:            "invalid escape in a string at position 6",
		`a eq "😀"`:              "four bytes in UTF-8 at position 6",
		"a eq \"\x01\"":         "control character in a string at position 6",
		"a eq \"\xff\"":         "not UTF-8 at position 0",
		`(a pr`:                 "expected ) instead of end at position 5",
		`a pr b pr`:             `unexpected "b" at position 5`,
		`a pr )`:                `unexpected ")" at position 5`,
		`a pr & b pr`:           "unexpected character at position 5",
		`"a" pr`:                "expected an attribute instead of string at position 0",
		strings.Repeat("(", 51): "nested too deeply at position 50",
	} {
		_, err := parseExpr(text)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want … %s", text, err, want)
		}
	}
}

func TestLongExpressionsDontNestTheStack(t *testing.T) {
	if _, err := parseExpr(strings.Repeat("a pr and ", 200_000) + "a pr"); err != nil {
		t.Error(err)
	}
	if _, err := parseExpr(strings.Repeat("(", 5_000_000)); err == nil {
		t.Error("five million parentheses were accepted")
	}
}

func FuzzSearch(f *testing.F) { fuzzExpr(f, searchDialect) }

func FuzzFilter(f *testing.F) { fuzzExpr(f, filterDialect) }

// fuzzExpr: nothing panics, and whatever is accepted means the same when it is printed and read again.
func fuzzExpr(f *testing.F, d dialect) {
	for _, c := range searches {
		f.Add(c.search)
	}
	for _, text := range []string{`id eq "00u"`, `profile.login eq "x" and (lastUpdated gt "2024-01-01T00:00:00.000Z" or status eq "A")`,
		`a eq "\u00e9`, `profile.floor ge -1e5`, "((", `lastUpdated eq "0000-01-01T00:00:00Z"`, `profile.city eq "\ufffd"`} {
		f.Add(text)
	}
	org := New(Options{Users: 64})
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseExpr(text)
		if err != nil {
			return
		}
		again, err := parseExpr(e.String())
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, e, err)
		}
		if !reflect.DeepEqual(e, again) {
			t.Fatalf("%q is printed as %q, which is read as %q", text, e, again)
		}
		q, bad := compile(text, d, org.store.known)
		if bad != nil {
			return
		}
		l := &listing{query: q, limit: 200}
		found := 0
		l.rows(org.store, func(*row) bool { found++; return true })
		all := 0
		org.store.rowsByID(0, 0, 64, func(r *row) bool {
			if q.match(r) {
				all++
			}
			return true
		})
		if found != all {
			t.Fatalf("%q: the list has %d users and %d match", text, found, all)
		}
	})
}
