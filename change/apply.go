package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whoql/whoql/catalog"
)

// ApplyOptions are what is optional about applying a plan. The zero value works.
type ApplyOptions struct {
	// Concurrency is how many rows are worked at side by side, 1 to 64; 0: 20.
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
	// nobody is. Its secrets are there only now.
	Outcome func(Outcome)
}

func (o ApplyOptions) defaults() ApplyOptions {
	if o.Concurrency <= 0 {
		o.Concurrency = 20
	}
	o.Concurrency = min(o.Concurrency, 64)
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{{&o.Fresh, defaultFresh}, {&o.Grace, 30 * time.Second}, {&o.Settle, 5 * time.Second}} {
		if *d.at <= 0 {
			*d.at = d.is
		}
	}
	return o
}

// A StoppedError is a plan that wasn't applied to its end.
type StoppedError struct {
	// Run is the run's id.
	Run string
	// Left is how many rows are still to be done, or to be asked about.
	Left int
	// Err says why: the context's error, that of the journal, or what the org answers to every call by now. Nil:
	// a row failed, and ApplyOptions.StopOnError was set.
	Err error
	// Row is how that row ended, the first one; nil: it isn't because of one.
	Row *Outcome
}

// Error says why, and how many rows are left.
func (e *StoppedError) Error() string {
	why := "a row failed"
	switch {
	case e.Err != nil:
		why = e.Err.Error()
	case e.Row != nil:
		why = e.Row.failure()
	}
	rows := "rows are"
	if e.Left == 1 {
		rows = "row is"
	}
	return fmt.Sprintf("change: run %s was stopped (%s): %d %s left", e.Run, why, e.Left, rows)
}

// Unwrap returns why.
func (e *StoppedError) Unwrap() error { return e.Err }

// An application is a plan being applied.
type application struct {
	run      *Run
	st       *statementRecord
	resource *catalog.Resource
	caller   Caller
	o        ApplyOptions
	resume   *ResumeOptions // nil: it is the first time

	ctx     context.Context // of the calls; it ends some time after stop
	stop    chan struct{}   // closed when nothing new is to be begun
	stopped sync.Once
	failed  atomic.Pointer[error] // of the journal
	lost    atomic.Pointer[error] // of the org: nothing gets through to it any more
	calls   atomic.Int64
	reads   atomic.Int64
	fatal   *Outcome // of the first row that ended the plan, with StopOnError
}

// Apply writes a plan to the journal and applies it: its rows side by side, a row's steps one after the
// other. A failed row is no error, but told in the report. The error is a [*StoppedError] if ctx ended, a
// row failed with StopOnError set, or the journal couldn't be written: what is under way is seen through
// then, and the report tells how far it came. Any other error means that nothing was begun: a
// [*JournalError], or that of [Caller.Identify].
func (r *Run) Apply(ctx context.Context, p *Plan, caller Caller, o ApplyOptions) (*Report, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	orgs, err := r.identify(ctx, p, caller)
	if err != nil {
		return nil, err
	}
	st, err := r.begin(p, orgs)
	if err != nil {
		return nil, err
	}
	a := &application{run: r, st: st, resource: p.Resource, caller: caller, o: o.defaults()}
	return a.apply(ctx)
}

// apply works at the rows and waits for all that it started.
func (a *application) apply(ctx context.Context) (*Report, error) {
	a.st.prepare()
	a.stop = make(chan struct{})
	var cancel context.CancelFunc
	a.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	over := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-over:
			return
		case <-ctx.Done():
			a.halt()
		}
		select {
		case <-over:
		case <-time.After(a.o.Grace):
			cancel()
		}
	})
	rows := a.st.plan.Rows
	report := &Report{Counts: map[Result]int{}, Outcomes: make([]Outcome, len(rows))}
	work, ended := make(chan *Row), make(chan Outcome)
	var workers sync.WaitGroup
	for range min(a.o.Concurrency, max(len(rows), 1)) {
		workers.Go(func() {
			for r := range work {
				ended <- a.row(r)
			}
		})
	}
	go func() {
		for _, r := range rows {
			work <- r
		}
		close(work)
		workers.Wait()
		close(ended)
	}()
	for out := range ended {
		report.Outcomes[out.Row.Index] = out
		report.Counts[out.Result]++
		if a.o.StopOnError && (out.Result == Failed || out.Result == Unknown) {
			if a.fatal == nil {
				a.fatal = &out
			}
			a.halt()
		}
		if a.o.Outcome != nil && !out.Earlier {
			a.o.Outcome(out)
		}
	}
	close(over)
	watcher.Wait()
	report.Calls, report.Reads = int(a.calls.Load()), int(a.reads.Load())
	return report, a.finish(ctx, report)
}

// finish notes the end of the statement, and says whether it is one.
func (a *application) finish(ctx context.Context, report *Report) error {
	err := a.run.journal.put([]entry{a.run.entry("finish", a.st.number, none, none, finishData{Counts: report.Counts})}, nil)
	left := 0
	for _, out := range report.Outcomes {
		if out.Result == NotReached || out.open {
			left++
		}
	}
	if broken := a.failed.Load(); broken != nil {
		err = *broken
	}
	if err != nil {
		return &StoppedError{Run: a.run.ID, Left: left, Err: err}
	}
	if left > 0 {
		err = context.Cause(ctx)
		if lost := a.lost.Load(); err == nil && lost != nil {
			err = *lost
		}
		stopped := &StoppedError{Run: a.run.ID, Left: left, Err: err}
		if err == nil {
			stopped.Row = a.fatal
		}
		return stopped
	}
	return nil
}

// halt lets nothing new begin.
func (a *application) halt() { a.stopped.Do(func() { close(a.stop) }) }

func (a *application) halted() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// broke ends the application because of the journal: what can't be written down mustn't be done.
func (a *application) broke(err error) {
	a.failed.CompareAndSwap(nil, &err)
	a.halt()
}

// lose ends the application because of the org: it doesn't take calls any more, whatever they are about. Row by
// row they would all fail, and none of that would be about the row.
func (a *application) lose(err error) {
	a.lost.CompareAndSwap(nil, &err)
	a.halt()
}

// isLost says whether an error means that, and ends the application if so.
func (a *application) isLost(err error) bool {
	var without *NoEffectError
	var refusal *readError
	if errors.As(err, &without) && without.Org || errors.As(err, &refusal) && refusal.p.ofOrg() {
		a.lose(err)
		return true
	}
	return false
}

// call makes a call, and learns the org's time from it.
func (a *application) call(c Call) (Answer, error) {
	begin := a.run.journal.now()
	answer, err := a.caller.Call(a.ctx, c)
	if err == nil {
		a.run.clocks.saw(c.Org, answer.Date, begin, a.run.journal.now())
	}
	return answer, err
}

// row does what is to be done about a row.
func (a *application) row(r *Row) (out Outcome) {
	out = Outcome{Row: r, Steps: len(r.Steps), Status: r.Before.Status}
	switch {
	case r.Refused != "":
		out.Result, out.Reason, out.Earlier = Refused, r.Refused, a.resume != nil
		return out
	case len(r.Steps) == 0:
		out.Result, out.Earlier = Unchanged, a.resume != nil
		return out
	}
	var secret json.RawMessage // of an earlier step, to be shown with the outcome of the last one
	defer func() {
		if secret != nil {
			out.Answer = secret
		}
	}()
	for i, op := range r.Steps {
		s := a.st.step(r.Index, i)
		out.Step = i
		if a.resume != nil {
			if done, goOn := a.earlier(r, op, s, &out); goOn {
				continue
			} else if done {
				return out
			}
		}
		out.Earlier = false
		if a.step(r, op, s, &out); out.Result != Done {
			if i > 0 && out.Reason != "" {
				out.Reason = fmt.Sprintf("step %d (%s): %s", i+1, op.Method.Name, out.Reason)
			}
			return out
		}
		if op.answersSecret() && i < len(r.Steps)-1 {
			secret = out.Answer
		}
	}
	if a.st.plan.Verb == undoing && out.Reason == "" {
		out.Reason = r.stays()
	}
	a.after(r, &out)
	return out
}

// stays says what an undo couldn't bring back; "" if nothing.
func (r *Row) stays() string {
	var all []string
	for _, op := range r.Steps {
		if op.Irreversible != "" {
			all = append(all, op.Irreversible)
		}
	}
	return strings.Join(all, "; ")
}

// prepare makes the records of all steps, so that those who work at the rows side by side only read the map.
func (st *statementRecord) prepare() {
	for _, r := range st.plan.Rows {
		for i := range r.Steps {
			st.step(r.Index, i)
		}
	}
}

// step does one step: it looks, notes the start, calls, and notes the outcome. out gets the result.
func (a *application) step(r *Row, op *Operation, s *stepRecord, out *Outcome) {
	*out = Outcome{Row: r, Step: op.Step, Steps: len(r.Steps), Status: out.Status, Result: NotReached}
	if a.halted() {
		return
	}
	if a.resume != nil && a.resume.Protected != nil && r.ID != "" {
		if why := a.resume.Protected(r.Org, r.ID, r.Name); why != "" {
			out.Result, out.Reason = Refused, why
			return
		}
	}
	var d startData
	etag := r.Before.ETag
	if a.resource.Changes != nil && (r.readsBefore(op, a.run.journal.now(), a.o.Fresh) || a.resume != nil && r.ID != "") {
		seen, ok := a.before(r, op, out)
		if !ok {
			if out.Result != NotReached {
				a.note(r, op, s, out)
			}
			return
		}
		d.Before, d.ID, etag = &seen.state, seen.id, seen.state.ETag
		if !r.Before.Known {
			op.was(seen)
			d.Was = op.Was
		}
		r.saw(op.Step, &d)
		r.Before.ETag = etag // the profile is the same, or it would have been skipped
	}
	for try := 1; ; try++ {
		if a.halted() {
			out.Result = NotReached
			return
		}
		now := a.run.journal.now()
		d.Org, d.Latest, d.end = a.run.clocks.earliest(r.Org, now), a.run.clocks.latest(r.Org, now), time.Time{}
		if err := a.run.journal.put([]entry{a.run.entry("start", a.st.number, r.Index, op.Step, d)}, nil); err != nil {
			a.broke(err)
			return
		}
		s.start, s.at, s.outcome = &d, now, nil
		again := a.send(r, op, s, etag, out)
		if !again || try == 2 {
			if again {
				out.Result, out.Reason = Failed, "it was sent twice without an answer, and didn't take effect"
			}
			break
		}
	}
	if !out.open {
		a.note(r, op, s, out)
	}
}

// before reads the object and sees whether it still is what the plan was made for. If not, or if it can't
// be read, out says so and ok is false.
func (a *application) before(r *Row, op *Operation, out *Outcome) (seen *object, ok bool) {
	_, seen, err := a.read(r.Org, r.ID)
	var refusal *readError
	switch {
	case err != nil && (a.halted() || a.isLost(err)):
		return nil, false
	case errors.As(err, &refusal):
		out.Result, out.Reason, out.Problem = Failed, "it couldn't be read", refusal.p
		return nil, false
	case err != nil:
		out.Result, out.Reason = Failed, "it couldn't be read: "+err.Error()
		return nil, false
	case seen == nil && r.Before.Known:
		out.Result, out.Reason, out.Status = Skipped, "isn't there any more", ""
		return nil, false
	case seen == nil:
		out.Result, out.Reason = Failed, "there is no such one"
		out.Problem = &Problem{Status: http.StatusNotFound, Code: notFound, Summary: "Not found: Resource not found: " + r.ID}
		return nil, false
	}
	out.Status = seen.state.Status
	if why := a.mismatch(r, op, seen); why != "" {
		out.Result, out.Reason = Skipped, why
		return nil, false
	}
	return seen, true
}

// mismatch says why an object is no longer what an operation was planned for; "" if it is.
func (a *application) mismatch(r *Row, op *Operation, seen *object) string {
	now := seen.state
	if op.Method.HTTP == http.MethodDelete {
		if why := unremovable(a.resource, now.Status); why != "" {
			return why
		}
	}
	switch {
	case !r.Before.Known:
		return "" // the API is the judge
	case op.Step == 0 && now.Status != r.Before.Status:
		return fmt.Sprintf("is %s by now, was %s", now.Status, r.Before.Status)
	case op.Step == 0 && now.Profile != r.Before.Profile:
		return "its profile has been changed since"
	case op.Step == 0:
		return ""
	case op.From != catalog.Previous && op.From != now.Status:
		return fmt.Sprintf("is %s by now, was to be %s", now.Status, op.From)
	}
	for _, name := range sortedKeys(op.Sets) {
		if !same(seen.profile[name], op.Was[name]) {
			return name + " has been changed since"
		}
	}
	return ""
}

// send makes the call and puts what came of it into out. again is true if it certainly didn't take
// effect although it may have been sent.
func (a *application) send(r *Row, op *Operation, s *stepRecord, etag string, out *Outcome) (again bool) {
	call := Call{Org: r.Org, Method: op.Method, Path: op.Path, Query: op.Query, Body: op.Body, IfMatch: op.IfMatch, Stop: a.stop}
	if op.takesIfMatch() && call.IfMatch == "" {
		call.IfMatch = etag
	}
	a.calls.Add(1)
	answer, err := a.patiently(call)
	out.Start, out.End = s.at, a.run.journal.now()
	out.RequestID = answer.RequestID
	var without *NoEffectError
	switch {
	case errors.As(err, &without) && (a.halted() || a.isLost(err)):
		out.Result = NotReached
	case errors.As(err, &without):
		out.Result, out.Reason = Failed, without.Error()
	case err != nil:
		return a.doubt(r, op, s, out, err.Error())
	case answer.Problem == nil:
		out.Result, out.Answer = Done, answer.Body
		out.reached(a.resource, r, op, answer)
	case answer.Problem.ofOrg() && answer.Problem.Status < 500:
		out.Result = NotReached
		a.lose(&readError{answer.Problem})
	case answer.Problem.Status >= 500:
		out.Problem = answer.Problem
		return a.doubt(r, op, s, out, answer.Problem.text())
	case answer.Problem.Status == http.StatusPreconditionFailed:
		out.Result, out.Reason, out.Problem = Skipped, "its profile has been changed since", answer.Problem
	case answer.Problem.Status == http.StatusNotFound && op.Method.HTTP == http.MethodDelete:
		out.Result, out.Reason = Skipped, "isn't there any more"
	default:
		out.Result, out.Problem = Failed, answer.Problem
	}
	return false
}

// activating is the org's code for an object whose activation isn't over yet, and patience how long it is
// waited for each time. Nothing has been done to the object then.
const activating = "E0000112"

var patience = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 30 * time.Second}

// patiently makes a call, and makes it again while the object is still being activated.
func (a *application) patiently(c Call) (Answer, error) {
	for _, d := range patience {
		answer, err := a.call(c)
		if err != nil || answer.Problem == nil || answer.Problem.Code != activating {
			return answer, err
		}
		select {
		case <-a.stop:
			return answer, nil
		case <-time.After(d):
		}
	}
	return a.call(c)
}

// doubt finds out what became of a call of which nobody knows whether it took effect. Where the run is
// being stopped it stays open, for resume.
func (a *application) doubt(r *Row, op *Operation, s *stepRecord, out *Outcome, why string) (again bool) {
	t := testimony{reason: "the run was stopped before it was certain"}
	if s.start.end = a.run.clocks.latest(r.Org, out.End); s.start.end.IsZero() {
		s.start.end = out.End
	}
	if !a.halted() {
		t = a.ask(r, op, s)
	}
	out.believe(a.resource, r, op, t, why)
	out.until, out.open = t.until, out.Result == Unknown && a.halted()
	return t.verdict == missed
}

// believe puts a testimony into an outcome. why says what happened to the call.
func (out *Outcome) believe(res *catalog.Resource, r *Row, op *Operation, t testimony, why string) {
	out.End = time.Time{}
	if t.object != nil {
		out.Status, out.Object = t.object.state.Status, t.text
	}
	switch t.verdict {
	case took:
		out.Result, out.Problem = Done, nil
		out.Reason = "the answer didn't come (" + why + "); a read shows that it took effect"
		if r.ID == "" && t.object != nil {
			r.ID = t.object.id
		}
		if op.answersSecret() {
			out.lost(res, r, op)
		}
	case missed:
		out.Result, out.Reason = NotReached, ""
	case overrun:
		out.Result, out.Reason = Skipped, t.reason
	default:
		out.Result = Unknown
		out.Reason = strings.TrimSuffix(why+": "+t.reason, ": ")
	}
}

// answersSecret says whether a success answers with something that is shown once.
func (op *Operation) answersSecret() bool {
	return len(op.Method.Secrets) > 0 && !op.Mails() // a link that is mailed isn't in the answer
}

// lost notes that an answer's secret is gone, and what makes a new one.
func (out *Outcome) lost(res *catalog.Resource, r *Row, op *Operation) {
	out.SecretLost = true
	if op.Method.Renew == "" {
		return
	}
	m := res.Method(op.Method.Renew)
	out.Renew = fmt.Sprintf("EXEC %s.%s @userId = '%s', @subdomain = '%s'", res.Path(), m.Name, quoted(r.ID), quoted(r.Org))
	if m.Mails != nil {
		out.Renew += ", @" + m.Mails.By.Name + " = false"
	}
}

func quoted(s string) string { return strings.ReplaceAll(s, "'", "''") }

// reached notes what a success says about the object.
func (out *Outcome) reached(res *catalog.Resource, r *Row, op *Operation, answer Answer) {
	out.Status = ""
	if op.To != catalog.Previous {
		out.Status = op.To
	}
	if op.Method.HTTP == http.MethodDelete {
		out.Status = ""
		return
	}
	if o, err := parseObject(res, answer.Body); err == nil {
		out.Object, out.Status = answer.Body, o.state.Status
		if r.ID == "" {
			r.ID = o.id
		}
	}
}

// note writes a step's outcome to the journal. A crash before leaves a start without one, of which resume
// finds out.
func (a *application) note(r *Row, op *Operation, s *stepRecord, out *Outcome) {
	now := a.run.journal.now()
	d := &outcomeData{Result: out.Result, Status: out.Status, Reason: out.Reason, Problem: out.Problem, RequestID: out.RequestID,
		Org: a.run.clocks.latest(r.Org, now), Secret: out.Result == Done && op.answersSecret()}
	if s.start != nil && out.Result != Failed {
		d.CallEnd = s.start.end
	}
	if !out.until.IsZero() && (d.Org.IsZero() || out.until.Before(d.Org)) {
		d.Org = out.until // and not when it was asked about: somebody else may have been there in between
	}
	if op.Method.Witness == catalog.WitnessCreated {
		d.ID = r.ID
	}
	s.outcome, s.ended = d, now
	if err := a.run.journal.put([]entry{a.run.entry("outcome", a.st.number, r.Index, op.Step, d)}, nil); err != nil {
		a.broke(err)
	}
}

// after reads an object once its row is done, if somebody wants to know what came of it.
func (a *application) after(r *Row, out *Outcome) {
	last := r.Steps[len(r.Steps)-1]
	unsure := last.To == catalog.Previous && slices.ContainsFunc(r.Steps, func(op *Operation) bool { return op.Asked != "" })
	if !a.o.ReadAfter && !unsure || out.Object != nil || out.Earlier || a.resource.Changes == nil || last.Method.HTTP == http.MethodDelete || a.halted() {
		return
	}
	if text, o, err := a.read(r.Org, r.ID); err == nil && o != nil {
		out.Object, out.Status = json.RawMessage(text), o.state.Status
	}
}

// text is a problem in one line.
func (p *Problem) text() string {
	s := strings.Join(strings.Fields(fmt.Sprintf("%d %s %s", p.Status, p.Code, p.Summary)), " ")
	if len(p.Causes) > 0 {
		s += " (" + strings.Join(p.Causes, "; ") + ")"
	}
	if p.Hint != "" {
		s += ": " + p.Hint
	}
	return s
}
