package change

import (
	"encoding/json"
	"fmt"
	"net/http"
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
}

// witness tells what became of a call of op that began at start, the earliest it can have been by the
// org's clock; before is the object as it was then. seen is the object now; nil: there is none any more,
// or none yet.
func (op *Operation) witness(start time.Time, before State, seen *object) testimony {
	t := testimony{object: seen}
	start = start.Truncate(time.Second) // the org keeps whole seconds
	since := func(text string) bool {
		at, err := time.Parse(time.RFC3339, text)
		return err == nil && !at.Before(start)
	}
	switch w := op.Method.Witness; {
	case w == catalog.WitnessGone:
		t.verdict = missed
		if seen == nil {
			t.verdict = took
		}
	case w == catalog.WitnessCreated:
		switch {
		case seen == nil || !since(textOf(seen.fields["created"])):
			t.verdict = missed // or somebody else's, and the API will refuse a second one
		case op.written(seen):
			t.verdict = took
		default:
			t.reason = "there is such a login, made meanwhile, but with other values"
		}
	case seen == nil:
		t.verdict, t.reason = overrun, "isn't there any more"
	case w == catalog.WitnessStatus:
		t.verdict, t.reason = op.statusVerdict(before, seen.state, since)
	case w == catalog.WitnessPassword, w == catalog.WitnessProfile && len(op.Sets) == 0 && op.setsPassword():
		t.verdict = missed
		if since(seen.state.PasswordChanged) {
			t.verdict = took
		}
	case w == catalog.WitnessProfile:
		t.verdict, t.reason = op.profileVerdict(seen)
	}
	return t
}

func (op *Operation) statusVerdict(before, now State, since func(string) bool) (verdict, string) {
	moved := since(now.StatusChanged)
	reached := now.Status == op.To
	if op.To == catalog.Previous {
		reached = now.Status != op.From
	}
	switch {
	case op.From == op.To && !moved:
		return unclear, "the call leaves the status as it is"
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
		start := s.start.Org
		if start.IsZero() {
			// The answer to the look has told the org's time.
			if start = a.run.clocks.earliest(r.Org, s.at); start.IsZero() {
				start = s.at
			}
		}
		before := r.Before
		if s.start.Before != nil {
			before = *s.start.Before
		}
		t := op.witness(start, before, seen)
		t.text = text
		rest := a.o.Settle - a.run.journal.now().Sub(s.at)
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
