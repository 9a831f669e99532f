package change

import (
	"context"
	"errors"
	"slices"
	"time"
)

// A RunSummary is a run in the list of runs.
type RunSummary struct {
	ID string `json:"id"`
	RunInfo
	// Began and Ended are by the local clock; Ended is zero for a run that never came to its end.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
	// State is "done", "running" or "interrupted"; the latter has something left to do, or to be asked.
	State string `json:"state"`
	// Left is the number of operations that are still to be done, or to be asked about.
	Left int `json:"left"`
	// Statements are the run's statements, as far as it came.
	Statements []StatementSummary `json:"statements"`
}

// A StatementSummary is a statement of a run.
type StatementSummary struct {
	// Text is the statement's; empty if it was given a secret.
	Text     string `json:"statement,omitempty"`
	Verb     string `json:"verb"`
	Resource string `json:"resource"`
	Hash     string `json:"hash"`
	// Counts are rows by result, as far as the journal knows.
	Counts map[Result]int `json:"counts"`
}

// The values of RunSummary.State.
const (
	RunDone        = "done"
	RunRunning     = "running"
	RunInterrupted = "interrupted"
)

// Runs returns the runs in the journal, the newest first.
func (j *Journal) Runs(ctx context.Context) ([]RunSummary, error) {
	var order []string
	records := map[string]*record{}
	err := j.entries(ctx, "", func(e *entry) error {
		rec := records[e.run]
		if rec == nil {
			rec = &record{id: e.run}
			records[e.run] = rec
			order = append(order, e.run)
		}
		return rec.add(e, j.catalog)
	})
	if err != nil {
		return nil, j.wrap(err)
	}
	slices.Reverse(order)
	var out []RunSummary
	for _, id := range order {
		out = append(out, j.summary(records[id]))
	}
	return out, nil
}

func (j *Journal) summary(rec *record) RunSummary {
	s := RunSummary{ID: rec.id, RunInfo: rec.info, Began: rec.began, Ended: rec.ended, Left: rec.left().steps, State: RunDone}
	for _, st := range rec.statements {
		one := StatementSummary{Verb: st.plan.Verb, Text: st.plan.Statement, Resource: st.plan.Resource.Path(), Hash: st.hash, Counts: map[Result]int{}}
		for _, r := range st.plan.Rows {
			one.Counts[st.told(r).Result]++
		}
		s.Statements = append(s.Statements, one)
	}
	if rec.ended.IsZero() || s.Left > 0 {
		s.State = RunInterrupted
		if j.busy(rec.id) {
			s.State = RunRunning
		}
	}
	return s
}

// busy says whether a process is at a run.
func (j *Journal) busy(id string) bool {
	r := &Run{ID: id, journal: j}
	if !r.lockExists() {
		return false
	}
	err := r.take()
	var re *RunError
	if errors.As(err, &re) {
		return re.Busy
	}
	if err == nil {
		r.release(false)
	}
	return false
}

// told is a row's outcome as far as the journal has it. Operations that were begun and of which nothing
// more is known make it Unknown.
func (st *statementRecord) told(r *Row) Outcome {
	out := Outcome{Row: r, Steps: len(r.Steps), Status: r.Before.Status, Earlier: true}
	switch {
	case r.Refused != "":
		out.Result, out.Reason = Refused, r.Refused
		return out
	case len(r.Steps) == 0:
		out.Result = Unchanged
		return out
	}
	for i, op := range r.Steps {
		s := st.steps[stepKey{r.Index, i}]
		switch {
		case s == nil || s.start == nil && s.outcome == nil:
			out.Step, out.Result, out.Reason = i, NotReached, ""
			return out
		case s.outcome == nil:
			out.Step, out.Result, out.Reason, out.Start = i, Unknown, "its outcome isn't in the journal: resume finds out", s.at
			return out
		}
		out.recall(st.plan.Resource, r, op, s)
		if out.Result != Done {
			return out
		}
	}
	return out
}

// A RunReport is all that the journal knows of a run.
type RunReport struct {
	RunSummary
	// Plans are the run's plans, and Outcomes how the rows of each ended. Secrets are in neither.
	Plans    []*Plan
	Outcomes [][]Outcome
}

// Show returns a run. The error is a [*RunError] if there is none of this id.
func (j *Journal) Show(ctx context.Context, id string) (*RunReport, error) {
	rec, err := j.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, &RunError{ID: id}
	}
	out := &RunReport{RunSummary: j.summary(rec)}
	for _, st := range rec.statements {
		var ends []Outcome
		for _, r := range st.plan.Rows {
			ends = append(ends, st.told(r))
		}
		out.Plans, out.Outcomes = append(out.Plans, st.plan), append(out.Outcomes, ends)
	}
	return out, nil
}
