package search

import "time"

// Between returns the term: attribute, a date, is neither before from nor as late as to. Milliseconds
// count, and no smaller part.
func Between(attribute string, from, to time.Time) string {
	const form = "2006-01-02T15:04:05.000Z"
	return All(attribute+" ge "+Quote(from.UTC().Format(form)), attribute+" lt "+Quote(to.UTC().Format(form)))
}
