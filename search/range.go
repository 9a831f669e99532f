package search

import (
	"strings"
	"time"
)

// NotEqual returns the term: attribute is another text than value, and has one. The language has no
// word for it.
func NotEqual(attribute, value string) string {
	v := Quote(value)
	return attribute + " lt " + v + " or " + attribute + " gt " + v
}

// Prefix returns the term: attribute begins with value.
func Prefix(attribute, value string) string { return attribute + " sw " + Quote(value) }

// Present returns the term: attribute has a value. An empty text is none, which SQL's IS NOT NULL
// holds to be one.
func Present(attribute string) string { return attribute + " pr" }

// AtLeast and AtMost return the terms: attribute is no less, no more, than a value that is written
// as the language has it, a number or a quoted date.
func AtLeast(attribute, literal string) string { return attribute + " ge " + literal }

// AtMost is described with [AtLeast].
func AtMost(attribute, literal string) string { return attribute + " le " + literal }

// LikePrefix returns the text with which all that matches a pattern of LIKE begins, as far as the API
// sees it too: it ends before a sigma, whose small form depends on what stands behind it, so that
// folding the case of a prefix may not give the prefix of what is folded.
func LikePrefix(pattern string) string { return upTo(pattern, "%_Σσς") }

// GlobPrefix is [LikePrefix] for a pattern of GLOB.
func GlobPrefix(pattern string) string { return upTo(pattern, "*?[Σσς") }

func upTo(s, end string) string {
	if i := strings.IndexAny(s, end); i >= 0 {
		return s[:i]
	}
	return s
}

// dateForm is how dates are written, in UTC: text of this form has the order of time.
const dateForm = "2006-01-02T15:04:05.000Z"

// FirstDate returns the first date, as a date is written, whose text is not less than value; ok is
// false if there is no telling. Of a value that isn't a date only the part counts that begins one, so
// that the date may be too early: '2026-02', '2026-02-30' and '2026-02-x' all mean the first of February.
func FirstDate(value string) (date string, ok bool) {
	from, _, ok := span(value)
	return from.Format(dateForm), ok
}

// LastDate returns the last date whose text is not greater than value, or one that is too late.
func LastDate(value string) (date string, ok bool) {
	_, to, ok := span(value)
	return to.Format(dateForm), ok
}

// span returns the first and the last date that begin with as much of value as a date can begin with,
// cut behind a whole number.
func span(value string) (from, to time.Time, ok bool) {
	next := func(t time.Time, n int) time.Time {
		switch n {
		case 4:
			return t.AddDate(1, 0, 0)
		case 7:
			return t.AddDate(0, 1, 0)
		case 10:
			return t.AddDate(0, 0, 1)
		case 13:
			return t.Add(time.Hour)
		case 16:
			return t.Add(time.Minute)
		case 19:
			return t.Add(time.Second)
		}
		return t.Add(time.Millisecond)
	}
	for _, n := range []int{24, 23, 19, 16, 13, 10, 7, 4} {
		if len(value) < n {
			continue
		}
		t, err := time.Parse(dateForm[:n], value[:n])
		// Some forms that time reads aren't the one that is written.
		if err != nil || t.Format(dateForm[:n]) != value[:n] || t.Year() < 1970 {
			continue
		}
		return t, next(t, n).Add(-time.Millisecond), true
	}
	return from, to, false
}

// Between returns the term: attribute, a date, is neither before from nor as late as to. Milliseconds
// count, and no smaller part.
func Between(attribute string, from, to time.Time) string {
	return All(AtLeast(attribute, Quote(from.UTC().Format(dateForm))), attribute+" lt "+Quote(to.UTC().Format(dateForm)))
}
