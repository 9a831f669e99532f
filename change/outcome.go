package change

import (
	"encoding/json"
	"strings"
	"time"
)

// A Result is the way an operation, or a whole row, ended.
type Result string

// The results. Only Failed and Unknown are bad ends; NotReached and NeedsInput are no ends at all.
const (
	// Done: the call took effect.
	Done Result = "done"
	// Unchanged: there was nothing to do.
	Unchanged Result = "unchanged"
	// Refused: the plan said no.
	Refused Result = "refused"
	// Skipped: the row isn't any more what the plan saw, so nothing was called.
	Skipped Result = "skipped"
	// Failed: the org answered with an error, or the call couldn't be made.
	Failed Result = "failed"
	// Unknown: the call may or may not have taken effect, and there is no telling.
	Unknown Result = "unknown"
	// NotReached: the run ended before the row's turn; resume goes on with it.
	NotReached Result = "not reached"
	// NeedsInput: the body held a secret, which isn't in the journal; resume needs the statement again.
	NeedsInput Result = "needs input"
)

// An Outcome is how a row ended. Where a row has several steps it is that of the last one reached.
type Outcome struct {
	// Row is the plan's; Step is the step that the outcome is about, Steps how many there were to do.
	Row         *Row
	Step, Steps int
	Result      Result
	// Status is the status that the row has now as far as anybody said so; empty: nobody did.
	Status string
	// Reason says in words why, where that isn't plain; empty otherwise.
	Reason string
	// Problem is the org's error, if Result is Failed because of one.
	Problem *Problem
	// RequestID is by what the org's log finds the last call.
	RequestID string
	// Answer is what the last call answered, with the secrets that it holds: they are shown once, and
	// never journalled. Object is the object after the change, where it was read or answered.
	Answer, Object json.RawMessage
	// SecretLost is true where the call answered with a secret that nobody can have any more, because the
	// run was interrupted. Renew is the statement that makes a new one.
	// SecretShown is true, in what the journal tells of a run, where it was shown when the statement ended: the
	// journal doesn't have it.
	SecretLost, SecretShown bool
	Renew                   string
	// Earlier is true for a row that had ended before the run was resumed.
	Earlier bool
	// Start and End are when the last call began and ended, by the local clock; zero if none did.
	Start, End time.Time

	until time.Time // as in testimony
	open  bool      // it is unknown only because the run was stopped: resume finds out
}

// failure says in one line which row failed, and why.
func (o *Outcome) failure() string {
	name := o.Row.Name
	if name == "" {
		name = o.Row.ID
	}
	why := o.Reason
	if o.Problem != nil {
		why = o.Problem.text()
	}
	return strings.TrimSuffix(strings.TrimSpace(name+" "+string(o.Result))+": "+why, ": ")
}

// A Report is how a plan ended.
type Report struct {
	// Counts are rows by result.
	Counts map[Result]int
	// Calls counts the calls that change something, Reads the others.
	Calls, Reads int
	// Outcomes are by row, in the plan's order.
	Outcomes []Outcome
}

// OK reports whether nothing failed, is unknown, or is still to be done.
func (r *Report) OK() bool {
	return r.Counts[Failed]+r.Counts[Unknown]+r.Counts[NotReached]+r.Counts[NeedsInput] == 0
}
