package search_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/search"
)

const dateForm = "2006-01-02T15:04:05.000Z"

func TestDates(t *testing.T) {
	for _, c := range []struct{ value, first, last string }{
		{"2026", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"},
		{"2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"},
		{"2026-12-31", "2026-12-31T00:00:00.000Z", "2026-12-31T23:59:59.999Z"},
		{"2026-02-02T", "2026-02-02T00:00:00.000Z", "2026-02-02T23:59:59.999Z"},
		{"2026-02-02T11", "2026-02-02T11:00:00.000Z", "2026-02-02T11:59:59.999Z"},
		{"2026-02-02T11:1", "2026-02-02T11:00:00.000Z", "2026-02-02T11:59:59.999Z"},
		{"2026-02-02T11:15", "2026-02-02T11:15:00.000Z", "2026-02-02T11:15:59.999Z"},
		{"2026-02-02T11:15:22", "2026-02-02T11:15:22.000Z", "2026-02-02T11:15:22.999Z"},
		{"2026-02-02T11:15:22Z", "2026-02-02T11:15:22.000Z", "2026-02-02T11:15:22.999Z"},
		{"2026-02-02T11:15:22.123", "2026-02-02T11:15:22.123Z", "2026-02-02T11:15:22.123Z"},
		{"2026-02-02T11:15:22.123Z", "2026-02-02T11:15:22.123Z", "2026-02-02T11:15:22.123Z"},
		{"2026-02-02T11:15:22.000+02:00", "2026-02-02T11:15:22.000Z", "2026-02-02T11:15:22.000Z"},
		{"2026-02-02 11:15:22", "2026-02-02T00:00:00.000Z", "2026-02-02T23:59:59.999Z"},
		{"2026-02-30", "2026-02-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z"},
		{"2026-13", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"},
		{"2026x", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"},
		{"9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z"},
		{"1970", "1970-01-01T00:00:00.000Z", "1970-12-31T23:59:59.999Z"},
		{"1969", "", ""}, {"0000", "", ""}, {"", "", ""}, {"202", "", ""}, {"now", "", ""}, {"+2026", "", ""}, {" 2026", "", ""},
	} {
		first, ok := search.FirstDate(c.value)
		last, lastOK := search.LastDate(c.value)
		if ok != (c.first != "") || ok != lastOK || ok && (first != c.first || last != c.last) {
			t.Errorf("%q: %s to %s, %t, want %s to %s", c.value, first, last, ok, c.first, c.last)
		}
	}
}

// A date that SQL holds to be no less than a value, or no more, is within the bounds that the API is given.
func FuzzDates(f *testing.F) {
	for _, v := range []string{"2026", "2026-02", "2026-02-30", "2026-02-02T11:15:22.000+02:00", "2026-02-02 11", "2026-1", "2026-02-02T24", "2026-0", "2026é", "9999-99"} {
		for _, ms := range []int64{0, 1_770_031_322_000, 1_767_225_599_999, 1_767_225_600_000, 253_402_300_799_999} {
			f.Add(v, ms)
		}
	}
	f.Fuzz(func(t *testing.T, value string, ms int64) {
		at := time.UnixMilli(ms).UTC()
		first, ok := search.FirstDate(value)
		last, _ := search.LastDate(value)
		if !ok || at.Year() < 1970 || at.Year() > 9999 {
			return
		}
		for _, bound := range []string{first, last} {
			if _, err := time.Parse(dateForm, bound); err != nil {
				t.Fatalf("%q: %v", value, err)
			}
		}
		date := at.Format(dateForm)
		if date >= value && date < first {
			t.Errorf("%s is no less than %q, and before %s", date, value, first)
		}
		if date <= value && date > last {
			t.Errorf("%s is no more than %q, and behind %s", date, value, last)
		}
	})
}

func TestPrefixes(t *testing.T) {
	for _, c := range []struct{ pattern, like, glob string }{
		{"abc", "abc", "abc"},
		{"abc%", "abc", "abc%"},
		{"a_c", "a", "a_c"},
		{"a*", "a*", "a"},
		{"a?b", "a?b", "a"},
		{"a[bc]", "a[bc]", "a"},
		{"%", "", "%"},
		{"", "", ""},
		{"ΟΔΟΣ%", "ΟΔΟ", "ΟΔΟ"},
		{"aσb", "a", "a"},
		{"aς", "a", "a"},
		{`a\_b`, `a\`, `a\_b`},
	} {
		if like, glob := search.LikePrefix(c.pattern), search.GlobPrefix(c.pattern); like != c.like || glob != c.glob {
			t.Errorf("%s: %q and %q, want %q and %q", c.pattern, like, glob, c.like, c.glob)
		}
	}
}

func TestTerms(t *testing.T) {
	for want, got := range map[string]string{
		`status lt "a\"b" or status gt "a\"b"`: search.NotEqual("status", `a"b`),
		`profile.title sw "a\\b"`:              search.Prefix("profile.title", `a\b`),
		`activated pr`:                         search.Present("activated"),
		`profile.floor ge -7`:                  search.AtLeast("profile.floor", "-7"),
		`created le "2026"`:                    search.AtMost("created", `"2026"`),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A prefix finds those who have it, in any case, and nobody else; a text that differs, all others.
func FuzzPrefix(f *testing.F) {
	org, departments := newOrg(f)
	for name := range departments {
		f.Add(name)
	}
	for _, s := range []string{"s", "SA", `"`, `\`, `S" or id pr or id eq "`, "é", "İ", "%", "Σ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !search.Sendable(s) || len(s) > 500 {
			return
		}
		found, _ := ask(t, org, search.Prefix("profile.department", s))
		others, _ := ask(t, org, search.NotEqual("profile.department", s))
		has := func(ids []string, name string) bool {
			return strings.Contains(strings.Join(ids, " "), departments[name][0])
		}
		for name := range departments {
			if name == "" {
				continue
			}
			if strings.HasPrefix(name, s) && !has(found, name) {
				t.Errorf("%q is missing for the prefix %q", name, s)
			}
			if !strings.EqualFold(name, s) && !has(others, name) {
				t.Errorf("%q is missing among those that aren't %q", name, s)
			}
		}
	})
}
