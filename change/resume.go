package change

import (
	"bytes"
	"context"
	"crypto/hmac"
	"fmt"
	"maps"

	"github.com/whoql/whoql/catalog"
)

// ResumeOptions are what is optional about resuming a run.
type ResumeOptions struct {
	ApplyOptions
	// RetryUnknown sends operations again of which nobody can tell whether they took effect. Off, they are
	// left.
	RetryUnknown bool
	// RetryFailed sends operations again that the org refused. Off, they are left.
	RetryFailed bool
	// Trust takes an org of which the journal has nothing but the name to be the one that has the name now,
	// as for runs that an earlier version began. Off, that is a [*WrongOrgError].
	Trust bool
	// Protected is as in [Planner]: what it names is left as it is, and Refused in the report. It isn't noted
	// in the journal, so that it is still to be done.
	Protected func(org, id, name string) string
	// Input are plans made anew of the run's statements, by the statement's place in the run, counted from 0, for
	// operations that need input; nil: those are left.
	Input map[int]*Plan
}

// An InputError is a plan given as input that isn't the journal's.
type InputError struct {
	// Statement is as [StatementSummary.Number]; Row counts from 0; Name is the row's login, or its id.
	Statement, Row int
	Name           string
}

// Error says for which row the plan differs.
func (e *InputError) Error() string {
	return fmt.Sprintf("change: statement %d is not what the run began with: for row %d (%s) it has no such operation, or other secrets: give the text that the run was started with",
		e.Statement, e.Row+1, e.Name)
}

// Resume goes on with the run's plans: first it asks the org what became of calls that were begun and of
// which no outcome is known, then it does what is left. Every row is read before it is changed. There is
// a report for each plan, in which rows that had ended before are marked so. The error is a
// [*WrongOrgError] or an [*InputError] before anything is called that changes something, or as for [Run.Apply].
func (r *Run) Resume(ctx context.Context, caller Caller, o ResumeOptions) ([]*Report, error) {
	if _, err := r.Find(ctx, caller, o); err != nil {
		return nil, err
	}
	for _, st := range r.record.statements {
		if in := o.Input[st.number]; in != nil {
			if err := r.restore(st, in); err != nil {
				return nil, err
			}
		}
	}
	var reports []*Report
	for _, st := range r.record.statements {
		if err := context.Cause(ctx); err != nil {
			return reports, &StoppedError{Run: r.ID, Left: r.record.left().steps, Err: err}
		}
		a := &application{run: r, st: st, resource: st.plan.Resource, caller: caller, o: o.defaults(), resume: &o}
		report, err := a.apply(ctx)
		reports = append(reports, report)
		if err != nil {
			return reports, err
		}
	}
	return reports, nil
}

// Find finds the orgs in which something is left to do, as [Run.Resume] does before all else. It is a
// [*WrongOrgError] if one isn't the org that the run was made in. It changes nothing.
func (r *Run) Find(ctx context.Context, caller Caller, o ResumeOptions) ([]Identity, error) {
	if r.found != nil {
		return r.found, nil
	}
	found, err := r.record.settle(ctx, r.asks(caller), func(st *statementRecord, row *Row) bool {
		switch st.told(row).Result {
		case NotReached, Unknown, NeedsInput:
			return true
		case Failed:
			return o.RetryFailed
		}
		return false
	}, o.Trust)
	if err == nil {
		r.found = append([]Identity{}, found...)
	}
	return r.found, err
}

// restore puts the secrets back into the operations that are still to be done.
func (r *Run) restore(st *statementRecord, in *Plan) error {
	type key struct{ org, id, name string }
	rows := map[key]*Row{}
	for _, row := range in.Rows {
		rows[key{row.Org, row.ID, row.Name}] = row
	}
	for _, row := range st.plan.Rows {
		for i, op := range row.Steps {
			s := st.step(row.Index, i)
			if !s.masked || s.outcome != nil && (s.outcome.Result == Done || s.outcome.Result == Skipped) {
				continue
			}
			id := row.ID
			if op.Method.Verb == "INSERT" {
				id = ""
			}
			again := rows[key{row.Org, id, row.Name}]
			if again == nil || !r.restoreStep(op, s, again) {
				name := row.Name
				if name == "" {
					name = row.ID
				}
				return &InputError{Statement: st.place(), Row: row.Index, Name: name}
			}
		}
	}
	return nil
}

// restoreStep takes the body from the step of a new row that is the same operation.
func (r *Run) restoreStep(op *Operation, s *stepRecord, again *Row) bool {
	for _, one := range again.Steps {
		body, _ := one.withoutSecrets()
		if one.Method == op.Method && maps.Equal(one.Path, op.Path) && maps.Equal(one.Query, op.Query) &&
			bytes.Equal(canonical(body), canonical(op.Body)) && hmac.Equal([]byte(r.mac(one)), []byte(s.secret)) {
			op.Body, s.masked = one.Body, false
			return true
		}
	}
	return false
}

// earlier says what is known of a step from before the run was resumed, and asks where that is open.
// goOn: it is done, and the next step's turn; ended: it is the row's end. Neither: it is to be done now.
func (a *application) earlier(r *Row, op *Operation, s *stepRecord, out *Outcome) (ended, goOn bool) {
	if s.outcome != nil {
		out.recall(a.resource, r, op, s, a.st.ended)
		switch s.outcome.Result {
		case Done:
			return false, true
		case Skipped:
			return true, false
		case Failed:
			if !a.resume.RetryFailed {
				return true, false
			}
		}
	}
	if s.start != nil && (s.outcome == nil || s.outcome.Result == Unknown) {
		if ended, goOn = a.inquire(r, op, s, out); ended || goOn {
			return ended, goOn
		}
	}
	if s.masked {
		*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Status: out.Status, Result: NeedsInput,
			Reason: "its body held a secret, which isn't in the journal"}
		return true, false
	}
	return false, false
}

// inquire asks what became of a step that was begun.
func (a *application) inquire(r *Row, op *Operation, s *stepRecord, out *Outcome) (ended, goOn bool) {
	if a.halted() {
		*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Status: out.Status, Result: NotReached}
		return true, false
	}
	t := a.ask(r, op, s)
	switch {
	case t.verdict == missed:
		return false, false
	case t.verdict == unclear && a.halted():
		*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Status: out.Status, Result: NotReached}
		return true, false
	case t.verdict == unclear && a.resume.RetryUnknown:
		return false, false
	}
	known := s.outcome != nil
	*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Status: out.Status, Start: s.at}
	out.believe(a.resource, r, op, t, "the run was interrupted")
	if out.until = t.until; !known || out.Result != Unknown {
		a.note(r, op, s, out)
	}
	return out.Result != Done, out.Result == Done
}

// recall makes an outcome of what the journal has.
// shown says that the statement has ended, so that whoever ran it has seen the answers.
func (out *Outcome) recall(res *catalog.Resource, r *Row, op *Operation, s *stepRecord, shown bool) {
	d := s.outcome
	*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Result: d.Result, Status: d.Status, Reason: d.Reason, Problem: d.Problem,
		RequestID: d.RequestID, Start: s.at, End: s.ended, Earlier: true}
	if d.Secret {
		out.lost(res, r, op)
		// Its reason is that the answer didn't come; without one, it was shown at the statement's end.
		out.SecretShown = shown && d.Reason == "" && !s.lost
		out.SecretLost = !out.SecretShown
	}
}
