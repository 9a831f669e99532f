package change

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/whoql/whoql/catalog"
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
	// Orgs are the orgs that the run changes. Of a run that an earlier version began it is empty.
	Orgs []Identity `json:"orgs,omitempty"`
	// Behind is how many statements of the run's text stand behind the last one here, if the text wasn't run to
	// its end. Resuming the run doesn't begin them.
	Behind int `json:"behind,omitempty"`
	// Statements are the run's statements, as far as it came.
	Statements []StatementSummary `json:"statements"`
}

// A StatementSummary is a statement of a run.
type StatementSummary struct {
	// Number is which statement of the run's text it is, from 1, or where there is no text, which of the run.
	Number int `json:"number"`
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
	var order []*overview
	runs := map[string]*overview{}
	err := j.entries(ctx, overviews, func(e *entry) error {
		o := runs[e.run]
		if o == nil {
			o = &overview{rec: record{id: e.run}}
			runs[e.run], order = o, append(order, o)
		}
		return o.add(e, j.catalog)
	})
	if err != nil {
		return nil, j.wrap(err)
	}
	slices.Reverse(order)
	var out []RunSummary
	for _, o := range order {
		if o.closed {
			out = append(out, o.summary())
			continue
		}
		// Only its rows tell how far it came.
		rec, err := j.load(ctx, o.rec.id)
		if err != nil {
			return nil, err
		}
		out = append(out, j.summary(rec))
	}
	return out, nil
}

// An overview is a run without its rows: what it says of itself at the end of statements and at its own.
type overview struct {
	rec    record
	counts map[int]map[Result]int // by statement
	closed bool                   // it has come to its end, with nothing left to do
}

func (o *overview) add(e *entry, cat *catalog.Catalog) error {
	o.closed = false
	switch e.kind {
	case "finish":
		var d finishData
		if err := json.Unmarshal(e.data, &d); err != nil {
			return err
		}
		if o.counts == nil {
			o.counts = map[int]map[Result]int{}
		}
		o.counts[e.statement] = d.Counts
	case "end":
		var d endData
		if err := json.Unmarshal(e.data, &d); err != nil {
			return err
		}
		o.closed = d.Left == 0
	}
	return o.rec.add(e, cat)
}

func (o *overview) summary() RunSummary {
	s := o.rec.summary(RunDone, 0)
	for i, st := range o.rec.statements {
		s.Statements = append(s.Statements, st.summary(o.counts[i]))
	}
	return s
}

func (rec *record) summary(state string, left int) RunSummary {
	behind := 0
	if n := len(rec.statements); n > 0 && !rec.whole {
		behind = max(rec.info.Statements-rec.statements[n-1].plan.Position, 0)
	}
	return RunSummary{ID: rec.id, Behind: behind, RunInfo: rec.info, Orgs: rec.orgs, Began: rec.began, Ended: rec.ended, State: state, Left: left}
}

func (st *statementRecord) summary(counts map[Result]int) StatementSummary {
	return StatementSummary{Number: st.place(), Verb: st.plan.Verb, Text: st.plan.Statement, Resource: st.plan.Resource.Path(), Hash: st.hash, Counts: counts}
}

// place is the statement's place in the run's text, or, if that isn't known, in the run, from 1.
func (st *statementRecord) place() int {
	if st.plan.Position > 0 {
		return st.plan.Position
	}
	return st.number + 1
}

// summary sums up a run by its rows.
func (j *Journal) summary(rec *record) RunSummary {
	s := rec.summary(RunDone, rec.left().steps)
	for _, st := range rec.statements {
		counts := map[Result]int{}
		for _, r := range st.plan.Rows {
			counts[st.told(r).Result]++
		}
		s.Statements = append(s.Statements, st.summary(counts))
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
		out.recall(st.plan.Resource, r, op, s, st.ended)
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
