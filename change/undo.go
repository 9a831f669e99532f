package change

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whoql/whoql/catalog"
)

// UndoOptions are what is optional about undoing a run.
type UndoOptions struct {
	// Anyway undoes also what somebody else has changed since. Off, such rows are refused.
	Anyway bool
	// Concurrency is how many rows are read side by side, 1 to 64; 0: 20.
	Concurrency int
	// Trust is as in [ResumeOptions].
	Trust bool
	// Protected is as in [Planner].
	Protected func(org, id, name string) string
}

// Undo plans the inverse of what a run did: one plan for each resource that it changed, usually one. It
// reads every object that was changed, and changes none. suspend and unsuspend undo each other, attributes
// get the values back that they had before the run, and who was created is deactivated. Rows are refused
// of which nothing can be undone, and those that somebody else has changed since. To apply the plans
// begin a run whose RunInfo.Undoes is id. The error is a [*RunError], a
// [*VerifyError], or a [*WrongOrgError] if an org that
// was changed isn't the one there is now.
func (j *Journal) Undo(ctx context.Context, id string, caller Caller, o UndoOptions) ([]*Plan, error) {
	if _, err := j.verify(ctx, id); err != nil {
		return nil, err
	}
	rec, err := j.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, &RunError{ID: id}
	}
	if j.busy(id) {
		return nil, &RunError{ID: id, Busy: true}
	}
	run := &Run{ID: id, journal: j}
	if _, err := rec.settle(ctx, run.asks(caller), func(st *statementRecord, row *Row) bool { return len(st.deeds(row)) > 0 }, o.Trust); err != nil {
		return nil, err
	}
	var plans []*Plan
	for _, res := range rec.resources() {
		u := &undo{journal: j, rec: rec, resource: res, o: o}
		u.a = &application{run: run, resource: res, caller: caller, ctx: ctx, stop: make(chan struct{})}
		plan, err := u.plan(ctx)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (rec *record) resources() []*catalog.Resource {
	var out []*catalog.Resource
	for _, st := range rec.statements {
		if !slices.Contains(out, st.plan.Resource) {
			out = append(out, st.plan.Resource)
		}
	}
	return out
}

// undoing is the Verb of plans that undo a run.
const undoing = "UNDO"

// A deed is an operation that a run did.
type deed struct {
	op   *Operation
	step *stepRecord
}

// An undoRow is an object that a run did something to, with the deeds in their order.
type undoRow struct {
	org, id, name string
	deeds         []deed
	unknown       bool // of some operation nobody knows whether it was done
}

// deeds are the steps of a row that took effect, or may have.
func (st *statementRecord) deeds(r *Row) (out []deed) {
	for i, op := range r.Steps {
		s := st.steps[stepKey{r.Index, i}]
		if s != nil && s.start != nil && (s.outcome == nil || s.outcome.Result == Done || s.outcome.Result == Unknown) {
			out = append(out, deed{op, s})
		}
	}
	return out
}

type undo struct {
	journal  *Journal
	rec      *record
	resource *catalog.Resource
	o        UndoOptions
	a        *application // for its reads
}

// rows collects what the run did, object by object.
func (u *undo) rows() []*undoRow {
	type key struct{ org, id string }
	var order []*undoRow
	rows := map[key]*undoRow{}
	for _, st := range u.rec.statements {
		if st.plan.Resource != u.resource {
			continue
		}
		for _, r := range st.plan.Rows {
			for _, one := range st.deeds(r) {
				s := one.step
				k := key{r.Org, r.ID}
				if r.ID == "" {
					k.id = "login " + r.Name // one that was perhaps created
				}
				if rows[k] == nil {
					rows[k] = &undoRow{org: r.Org, id: r.ID, name: r.Name}
					order = append(order, rows[k])
				}
				row := rows[k]
				if s.outcome == nil || s.outcome.Result == Unknown {
					row.unknown = true
				}
				row.deeds = append(row.deeds, one)
			}
		}
	}
	return order
}

// plan makes the plan of a resource, reading its objects side by side.
func (u *undo) plan(ctx context.Context) (*Plan, error) {
	old := u.rows()
	plan := &Plan{Statement: "undo of run " + u.rec.id, Verb: undoing, Resource: u.resource, Made: u.journal.now(), Rows: make([]*Row, len(old))}
	n := u.o.Concurrency
	if n <= 0 {
		n = 20
	}
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, len(old))
	for range min(n, 64, max(len(old), 1)) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(old) {
					return
				}
				plan.Rows[i], errs[i] = u.row(i, old[i])
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// row plans how an object gets back.
func (u *undo) row(index int, old *undoRow) (*Row, error) {
	r := &Row{Index: index, Org: old.org, ID: old.id, Name: old.name}
	last := old.deeds[len(old.deeds)-1].op
	switch {
	case u.resource.Changes == nil:
		r.Refused = "can't be undone: " + u.resource.Path() + " can't be read by its key"
		return r, nil
	case old.unknown:
		r.Refused = "nobody knows yet what became of " + last.Method.Name + ": whoql resume " + u.rec.id + " finds out"
		return r, nil
	case last.Undo == "":
		r.Refused = "can't be undone: " + last.Method.Name
		if last.Irreversible != "" {
			r.Refused += ": " + last.Irreversible
		}
		return r, nil
	}
	_, seen, err := u.a.read(old.org, old.id)
	if err != nil {
		return nil, fmt.Errorf("change: undo: read %s: %w", old.id, err)
	}
	if seen == nil {
		r.Refused = "isn't there any more"
		return r, nil
	}
	r.Name, r.Before = seen.name, seen.state
	if u.o.Protected != nil {
		if r.Refused = u.o.Protected(r.Org, r.ID, r.Name); r.Refused != "" {
			return r, nil
		}
	}
	b := &back{u: u, r: r, seen: seen, at: seen.state.Status}
	b.plan(old.deeds)
	if r.Refused != "" {
		r.Steps = nil
	}
	r.Unchanged = r.Refused == "" && len(r.Steps) == 0
	return r, nil
}

// A back is the way back of one object.
type back struct {
	u    *undo
	r    *Row
	seen *object
	at   string // the status after the steps so far
}

// plan goes through the deeds from the last one to the first, as far as they can be undone.
func (b *back) plan(deeds []deed) {
	created := slices.IndexFunc(deeds, func(d deed) bool { return d.op.Method.Verb == "INSERT" })
	if created >= 0 && b.isDeactivated(deeds[created].op) || created < 0 && b.isBack(deeds) {
		return
	}
	if why := b.changedSince(deeds); why != "" && !b.u.o.Anyway {
		b.r.Refused = why + ": --anyway undoes it all the same"
		return
	}
	if created >= 0 {
		b.uncreate(deeds[created].op)
		return
	}
	valuesDone := false
	for i := len(deeds) - 1; i >= 0 && b.r.Refused == ""; i-- {
		op := deeds[i].op
		switch op.Undo {
		case "":
			// What came before it stays, too: there is no way past it.
			if len(b.r.Steps) > 0 {
				b.r.Steps[len(b.r.Steps)-1].Irreversible = op.Method.Name + " before it stays: " + op.Irreversible
			}
			return
		default:
			if m := b.u.resource.Method(op.Undo); m != nil {
				b.status(op, m)
			} else if !valuesDone {
				b.values(deeds)
				valuesDone = true
			}
		}
	}
	b.stays(deeds)
}

// stays notes what the way back leaves as the run made it.
func (b *back) stays(deeds []deed) {
	if len(b.r.Steps) == 0 {
		return
	}
	last := b.r.Steps[len(b.r.Steps)-1]
	for _, d := range deeds {
		if d.op.Undo != "" && d.op.Irreversible != "" {
			last.Irreversible = strings.TrimPrefix(last.Irreversible+"; of the run's "+d.op.Method.Name+": "+d.op.Irreversible, "; ")
		}
	}
}

// isBack says whether the object is as it was before the run, as after an earlier undo.
func (b *back) isBack(deeds []deed) bool {
	for _, d := range deeds {
		if d.op.From != d.op.To || d.op.To == catalog.Previous {
			if d.op.From != b.at {
				return false
			}
			break
		}
	}
	return len(differing(b.seen.profile, formerValues(deeds))) == 0
}

// formerValues are the values that attributes had before the run: of each the earliest one that the run
// replaced, as far as there is a way back to it.
func formerValues(deeds []deed) map[string]json.RawMessage {
	former := map[string]json.RawMessage{}
	for _, d := range deeds {
		if d.op.Undo == "" {
			clear(former) // there is no way past it
			continue
		}
		for name := range d.op.Sets {
			if _, there := former[name]; there {
				continue
			}
			if former[name] = d.op.Was[name]; isNull(former[name]) {
				former[name] = json.RawMessage("null")
			}
		}
	}
	return former
}

// changedSince says what somebody else has changed since the run; "" if nothing.
func (b *back) changedSince(deeds []deed) string {
	wrote := map[string]json.RawMessage{}
	status, changed := "", time.Time{}
	for _, d := range deeds {
		for name, v := range d.op.Sets {
			wrote[name] = v
		}
		if d.op.From == d.op.To && d.op.To != catalog.Previous {
			continue
		}
		if changed = d.step.outcome.Org; d.step.outcome.Status != "" {
			status = d.step.outcome.Status
		} else {
			status = d.op.To
		}
	}
	now := b.seen.state
	if status != "" && status != catalog.Previous && now.Status != status {
		return fmt.Sprintf("is %s by now, and the run left it %s", now.Status, status)
	}
	// statusChanged has whole seconds, and the bound is the latest that the run's own change can have been.
	if at, err := time.Parse(time.RFC3339, now.StatusChanged); err == nil && !changed.IsZero() && at.After(changed.Add(time.Second)) {
		return "its status has been changed since, at " + now.StatusChanged
	}
	for _, name := range sortedKeys(wrote) {
		if !same(b.seen.profile[name], wrote[name]) {
			return fmt.Sprintf("%s has been changed since the run wrote it", name)
		}
	}
	if !b.loses(deeds) {
		return ""
	}
	var last time.Time
	for _, d := range deeds {
		if at := d.step.outcome.Org; at.After(last) {
			last = at
		}
	}
	for _, c := range []struct{ what, at string }{{"its password has been set", now.PasswordChanged}, {"it has been changed", now.LastUpdated}} {
		if at, err := time.Parse(time.RFC3339, c.at); err == nil && !last.IsZero() && at.After(last.Add(time.Second)) {
			return c.what + " since, at " + c.at
		}
	}
	return ""
}

// loses says whether the way back takes more away than the run gave, as deactivate does: then whatever somebody else
// has changed counts, and not only what the run wrote.
func (b *back) loses(deeds []deed) bool {
	return slices.ContainsFunc(deeds, func(d deed) bool {
		m := b.u.resource.Method(d.op.Undo)
		if d.op.Method.Verb == "INSERT" {
			m = b.u.resource.Method(d.op.Method.Undo)
		}
		return m != nil && m.Irreversible != ""
	})
}

func (b *back) isDeactivated(created *Operation) bool {
	m := b.u.resource.Method(created.Method.Undo)
	return len(m.Statuses) > 0 && !slices.Contains(m.Statuses, b.at)
}

// uncreate deactivates what the run created.
func (b *back) uncreate(created *Operation) { b.step(b.u.resource.Method(created.Method.Undo), nil) }

// status undoes a lifecycle operation by its inverse, m.
func (b *back) status(op *Operation, m *catalog.Method) {
	if b.at == op.From && op.From != op.To {
		return // it is there already
	}
	step := b.step(m, nil)
	if step == nil {
		return
	}
	if step.To == catalog.Previous && op.From != "" {
		step.To = op.From // the status from before is the one from before the run
		b.at = op.From
	}
}

// values writes the values back that attributes had before the run.
func (b *back) values(deeds []deed) {
	sets := differing(b.seen.profile, formerValues(deeds))
	if len(sets) == 0 {
		return
	}
	if op := b.step(b.u.resource.Changes.Update, map[string]json.RawMessage{"profile": encode(sets)}); op != nil {
		op.Sets = sets
		op.was(b.seen)
	}
}

// step adds a call, if the status reached so far allows it; else it refuses the row.
func (b *back) step(m *catalog.Method, body map[string]json.RawMessage) *Operation {
	to, ok := m.Destination(b.at, b.seen.state.facts())
	if b.at == catalog.Previous {
		to, ok = catalog.Previous, true
	}
	if !ok {
		b.r.Refused = fmt.Sprintf("is %s; %s", b.at, allowedFrom(m))
		return nil
	}
	op := b.r.operation(m, nil, body)
	op.From, op.To = b.at, to
	op.back(b.r)
	b.at = to
	return op
}
