package change

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/whoql/whoql/catalog"
)

// A verdict is what a read tells about a call whose answer never came.
type verdict uint8

const (
	unclear verdict = iota // it may have taken effect, or not
	took                   // it took effect
	missed                 // it didn't, and won't any more once it is old enough
	overrun                // it didn't, and the object is no longer what the call was for
)

// A testimony is a verdict, and what was seen.
type testimony struct {
	verdict verdict
	object  *object // nil: there is none, or it wasn't read
	text    json.RawMessage
	reason  string
	until   time.Time // when it took effect, at the latest, by the org's clock; zero: nothing tells
}

// A span is when a call can have taken effect, by the org's clock: from the earliest time that it can have
// begun to the latest that it can have lasted.
type span struct{ from, until time.Time }

// since says whether one of the org's times is in the span or behind it, over whether behind it. The org keeps
// whole seconds, or thousandths.
func (s span) since(text string) (since, over bool) {
	at, err := time.Parse(time.RFC3339, text)
	return err == nil && !at.Before(s.from.Truncate(time.Second)), err == nil && at.After(s.until)
}

// tooLate is why what was seen is no proof: somebody else did it.
func tooLate(what, at string) string {
	return fmt.Sprintf("%s at %s, later than the call can have lasted", what, at)
}

// witness tells what became of a call of op that can have taken effect in when; before is the object as it was
// at its begin. seen is the object now; nil: there is none any more, or none yet.
func (op *Operation) witness(res *catalog.Resource, when span, before State, seen *object) testimony {
	t := testimony{object: seen}
	switch w := op.Method.Witness; {
	case w == catalog.WitnessGone:
		t.verdict = missed
		if seen == nil {
			t.verdict = took
		}
	case w == catalog.WitnessCreated:
		t.verdict = missed // or somebody else's, and the API will refuse a second one
		if seen != nil {
			t.verdict, t.reason = op.createdVerdict(when, seen)
		}
	case seen == nil:
		t.verdict, t.reason = overrun, "isn't there any more"
	case w == catalog.WitnessStatus:
		t.verdict, t.reason = op.statusVerdict(res, when, before, seen.state)
	case w == catalog.WitnessPassword, w == catalog.WitnessProfile && len(op.Sets) == 0 && op.setsPassword():
		switch since, over := when.since(seen.state.PasswordChanged); {
		case !since:
			t.verdict = missed
		case over:
			t.reason = tooLate("its password was set", seen.state.PasswordChanged)
		default:
			t.verdict = took
		}
	case w == catalog.WitnessProfile:
		t.verdict, t.reason = op.profileVerdict(seen)
	}
	if t.verdict == took && op.Method.Witness == catalog.WitnessStatus {
		t.until, _ = time.Parse(time.RFC3339, seen.state.StatusChanged)
	}
	if t.verdict == took && op.Method.Witness == catalog.WitnessCreated {
		t.until = when.until
	}
	return t
}

// createdVerdict tells whether the object of the name is the one that the call was to make. Another time, another
// status and other values are somebody else's.
func (op *Operation) createdVerdict(when span, seen *object) (verdict, string) {
	created := textOf(seen.fields["created"])
	since, over := when.since(created)
	now := seen.state.Status
	switch {
	case !since:
		return missed, ""
	case over:
		return unclear, "there is such a login, but " + tooLate("made", created)
	case now != op.To && (op.To == staged || !slices.Contains(activated, now)):
		return unclear, fmt.Sprintf("there is such a login, made meanwhile, but it is %s, and the call makes one that is %s", now, op.To)
	case !op.written(seen):
		return unclear, "there is such a login, made meanwhile, but with other values"
	}
	return took, ""
}

// staged is the status of a new user who isn't activated; activated are those of one who is: which of them, an
// org's policies decide, too.
const staged = "STAGED"

var activated = []string{"ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED"}

// mayReach says whether the operation can have led to a status.
func (op *Operation) mayReach(res *catalog.Resource, status string) bool {
	if op.To != catalog.Previous {
		return status == op.To
	}
	// It leads back to where something leads from to here.
	var from []string
	for _, m := range res.Methods {
		for _, move := range m.Moves {
			if move.To == op.From {
				from = append(from, move.From...)
			}
		}
	}
	return status != op.From && (len(from) == 0 || slices.Contains(from, status))
}

func (op *Operation) statusVerdict(res *catalog.Resource, when span, before, now State) (verdict, string) {
	moved, over := when.since(now.StatusChanged)
	reached := op.mayReach(res, now.Status)
	switch {
	case op.From == op.To && !moved:
		return unclear, "the call leaves the status as it is"
	case reached && moved && over:
		return unclear, "is " + now.Status + " by now, " + tooLate("by a change", now.StatusChanged)
	case reached && moved:
		return took, ""
	case now.Status == before.Status && (!moved || now.StatusChanged == before.StatusChanged):
		return missed, ""
	case !moved:
		return overrun, "is " + now.Status + " since before the call"
	}
	return unclear, "is " + now.Status + " by now"
}

// profileVerdict compares what was written with what is there.
func (op *Operation) profileVerdict(seen *object) (verdict, string) {
	if len(op.Sets) == 0 {
		body, _ := members(op.Body)
		for _, name := range []string{"type", "realmId"} {
			if v := body[name]; v != nil && body["credentials"] == nil {
				if same(v, seen.fields[name]) {
					return took, ""
				}
				return missed, ""
			}
		}
		return unclear, "credentials can't be read"
	}
	if op.written(seen) {
		return took, ""
	}
	for name := range op.Sets {
		if !same(seen.profile[name], op.Was[name]) {
			return unclear, fmt.Sprintf("%s is neither what it was nor what was to be written", name)
		}
	}
	return missed, ""
}

// written says whether an object's attributes are as the operation sets them.
func (op *Operation) written(o *object) bool {
	for name, v := range op.Sets {
		if !same(o.profile[name], v) {
			return false
		}
	}
	return true
}

// ask finds out what became of a call whose answer never came. begin is its local time. It waits until a
// call that didn't take effect can't any more, unless the run is being stopped: then it is unclear.
func (a *application) ask(r *Row, op *Operation, s *stepRecord) testimony {
	if op.Method.Witness == "" || a.resource.Changes == nil {
		return testimony{reason: "nothing shows whether " + op.Method.Name + " took effect"}
	}
	for waited := false; ; waited = true {
		text, seen, err := a.look(r, op)
		if err != nil {
			a.isLost(err)
			return testimony{reason: "it couldn't be read: " + err.Error()}
		}
		before := r.Before
		if s.start.Before != nil {
			before = *s.start.Before
		}
		t := op.witness(a.resource, a.span(r, s), before, seen)
		t.text = text
		rest := a.o.Settle - a.age(r, s)
		if t.verdict != missed || rest <= 0 || waited {
			return t
		}
		select {
		case <-a.stop:
			return testimony{reason: "the run was stopped before it was certain"}
		case <-time.After(rest):
		}
	}
}

// lasts is how long after its begin a call may take effect of which nobody knows when it ended, as after a crash.
// What happens later may be somebody else's, and isn't taken for the call's.
const lasts = 5 * time.Second

// span is when the call of a step can have taken effect. If its end is known, such as that of its connection, it
// can have lasted as long, and the org may have gone on for as long as without a connection.
func (a *application) span(r *Row, s *stepRecord) span {
	// Where the begin wasn't told, the answer to the look has told the org's time meanwhile.
	when := span{s.start.Org, s.start.Latest}
	if when.from.IsZero() {
		when = span{a.run.clocks.earliest(r.Org, s.at), a.run.clocks.latest(r.Org, s.at)}
	}
	if when.from.IsZero() {
		when.from = s.at
	}
	if when.until.IsZero() {
		when.until = when.from.Add(2 * time.Second) // as in journals of an earlier version
	}
	patience := max(lasts, a.o.Settle)
	when.until = when.until.Add(patience)
	end := s.start.end
	if s.outcome != nil {
		end = s.outcome.CallEnd
	}
	if end = end.Add(patience); end.After(when.until) {
		when.until = end
	}
	return when
}

// age is how long ago a step was begun, at least. The local clock may have been set since another process began it.
func (a *application) age(r *Row, s *stepRecord) time.Duration {
	now := a.run.journal.now()
	age := now.Sub(s.at)
	if org := a.run.clocks.earliest(r.Org, now); a.resume != nil && !org.IsZero() && !s.start.Latest.IsZero() {
		age = min(age, org.Sub(s.start.Latest))
	}
	return max(age, 0)
}

// look reads the object that an operation is about; nil if there is none. One that is just being made is
// looked for by its name.
func (a *application) look(r *Row, op *Operation) (json.RawMessage, *object, error) {
	key := r.ID
	if op.Method.Witness == catalog.WitnessCreated {
		key = r.Name
	}
	return a.read(r.Org, key)
}

// A readError is a call that the org refused, usually the read of an object.
type readError struct{ p *Problem }

func (e *readError) Error() string { return e.p.text() }

// read reads an object by its key; nil if there is none.
func (a *application) read(org, key string) (json.RawMessage, *object, error) {
	m := a.resource.Changes.Read
	call := Call{Org: org, Method: m, Path: map[string]string{}, Stop: a.stop}
	for _, p := range m.Params {
		if p.In == "path" {
			call.Path[p.Name] = key
		}
	}
	answer, err := a.call(call)
	a.reads.Add(1)
	switch {
	case err != nil:
		return nil, nil, err
	case answer.Problem != nil && answer.Problem.Status == http.StatusNotFound && answer.Problem.Code == notFound:
		return nil, nil, nil
	case answer.Problem != nil:
		return nil, nil, &readError{answer.Problem}
	}
	o, err := parseObject(a.resource, answer.Body)
	if err != nil {
		return nil, nil, err
	}
	o.state.ETag, o.state.Read = answer.ETag, a.run.journal.now()
	return answer.Body, o, nil
}

// notFound is the org's code for an object that isn't there; another 404 says something else.
const notFound = "E0000007"
