package change

import "time"

// RunInfo is what the journal notes about a run as a whole.
type RunInfo struct {
	// Actor is who started it, in the words of the caller, such as an operating system's user.
	Actor string
	// Program is what started it, such as "whoql 1.2.0".
	Program string
	// Orgs are the orgs in reach, for the list of runs.
	Orgs []string
	// Undoes is the run that this one undoes; empty: none.
	Undoes string
}

// JournalOptions are what is optional about a journal.
type JournalOptions struct {
	// Now is the local clock; nil: time.Now.
	Now func() time.Time
	// ReadOnly opens a journal to look at: a directory that has none isn't changed. Off, it is made.
	ReadOnly bool
}

// ApplyOptions are what is optional about applying a plan. The zero value works.
type ApplyOptions struct {
	// Concurrency is how many rows are worked at side by side, 1 to 64; 0: 12.
	Concurrency int
	// StopOnError ends the plan at the first row that failed or is unknown. Off, the others go on.
	StopOnError bool
	// ReadAfter reads each changed object again where the call didn't answer with it, so that
	// Outcome.Object is set. Off, it is set only where the API answers with the object.
	ReadAfter bool
	// Fresh is the age from which on a row is read again before its call; 0: one minute.
	Fresh time.Duration
	// Grace is how long calls in flight may take once the context is done; 0: 30 seconds.
	Grace time.Duration
	// Settle is how long after its start a call without an answer may still take effect; 0: 5 seconds.
	// Only then is it said that it didn't.
	Settle time.Duration
	// Outcome is told of every row when it has ended, one at a time and in the order of the ends; nil:
	// nobody is.
	Outcome func(Outcome)
}

// ResumeOptions are what is optional about resuming a run.
type ResumeOptions struct {
	ApplyOptions
	// RetryUnknown sends operations again of which nobody can tell whether they took effect, and those
	// that failed. Off, they are left.
	RetryUnknown bool
	// Input are plans made anew of the run's statements, by the statement's number, counted from 0, for
	// operations that need input; nil: those are left.
	Input map[int]*Plan
}

// UndoOptions are what is optional about undoing a run.
type UndoOptions struct {
	// Anyway undoes also what somebody else has changed since. Off, such rows are refused.
	Anyway bool
}
