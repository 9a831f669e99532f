package whoql_test

import "testing"

// Bugs that tests have found and that are not mended yet. A test that meets one is left out.
const (
	// SQLite takes HIDDEN for the type of a column without one and gives it NUMERIC affinity: a text
	// that looks like a number equals one, and a materialized copy is searched for numbers.
	numericBug = "vtab: attributes are declared without a type, which with HIDDEN means NUMERIC affinity"
	// SQLite makes a subquery SELECT * of a join in parentheses, and that leaves hidden columns out.
	nestedBug = "hidden columns can't be named outside of a join in parentheses"
	causeBug  = "vtab: the error of a cancelled query is the call's, not the context's cause"
	closeBug  = "vtab: Close gives a statement's error a second time, as SQLite's text"
)

// known ends a test at a bug that is known.
func known(t *testing.T, bug, format string, args ...any) {
	t.Helper()
	t.Logf(format, args...)
	t.Skip(bug)
}
