package whoql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/whoql/whoql/change"
)

// A ChangeError is a statement of which something failed or isn't known.
type ChangeError struct {
	// Report says how each row ended.
	Report *change.Report
	// Run is the journal's id of the run; empty if nothing was called.
	Run string
	// Statement is which of the text's statements it is, from 1; 0: there is one.
	Statement int
}

// Error counts what became of the rows, and says why.
func (e *ChangeError) Error() string {
	var parts []string
	for _, r := range []change.Result{change.Done, change.Unchanged, change.Skipped, change.Refused, change.Failed, change.Unknown, change.NotReached, change.NeedsInput} {
		if n := e.Report.Counts[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	text := strings.Join(parts, ", ")
	if e.Statement > 0 {
		text = fmt.Sprintf("statement %d: %s", e.Statement, text)
	}
	var reasons []string
	for _, o := range e.Report.Outcomes {
		if o.Result != change.Done && o.Result != change.Unchanged {
			reasons = append(reasons, reason(o))
		}
	}
	if why := SumReasons(reasons); why != "" {
		text += ": " + why
	}
	return text
}

// Refused reports whether nothing was done because each row was refused, as the plan or who applies it
// says.
func (e *ChangeError) Refused() bool {
	return len(e.Report.Outcomes) > 0 && e.Report.Counts[change.Refused] == len(e.Report.Outcomes)
}

// maxReasons is how many reasons are told.
const maxReasons = 3

// SumReasons tells the reasons why objects ended as they did, each once and with how often it is one if there
// are several, the most frequent ones first. Empty reasons don't count.
func SumReasons(reasons []string) string {
	counts := map[string]int{}
	var order []string
	for _, why := range reasons {
		if why == "" {
			continue
		}
		if counts[why]++; counts[why] == 1 {
			order = append(order, why)
		}
	}
	if len(order) < 2 {
		return strings.Join(order, "")
	}
	slices.SortStableFunc(order, func(a, b string) int { return counts[b] - counts[a] })
	var parts []string
	more := 0
	for i, why := range order {
		if i < maxReasons {
			parts = append(parts, fmt.Sprintf("%d × (%s)", counts[why], why))
		} else {
			more += counts[why]
		}
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("%d × other reasons", more))
	}
	return strings.Join(parts, ", ")
}

// A ChangePlanError is a statement whose values can't be what is meant. Nothing of it was done.
type ChangePlanError struct {
	// Msg says what is wrong, Hint what to do about it.
	Msg, Hint string
	// Statement is which of the text's statements it is, from 1; 0: there is one.
	Statement int
}

// Error says what is wrong.
func (e *ChangePlanError) Error() string {
	if e.Statement > 0 {
		return fmt.Sprintf("statement %d: %s", e.Statement, e.Msg)
	}
	return e.Msg
}
