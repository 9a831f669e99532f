package change

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/whoql/whoql/catalog"
)

// A record is what the entries of a run add up to.
type record struct {
	info       RunInfo
	id         string
	orgs       []Identity // that its plans change, by name
	began      time.Time
	ended      time.Time // of the last end; zero: it never came to one
	whole      bool      // its text was run to the end
	statements []*statementRecord
}

type statementRecord struct {
	number int // in the run, from 0
	plan   *Plan
	hash   string                  // of the plan as it was made
	steps  map[stepKey]*stepRecord // those about which there is more than the plan
	ended  bool
}

type stepKey struct{ row, step int }

// A stepRecord is what is known of a step.
type stepRecord struct {
	secret  string // the HMAC of its body's secrets; "" if it has none
	masked  bool   // the body is the journal's, which lacks them
	start   *startData
	at      time.Time // of the last start, by the local clock
	outcome *outcomeData
	ended   time.Time // of the outcome
	lost    bool      // the outcome was written, and the process ended before the statement did
}

// step returns a step's record, making it if need be.
func (st *statementRecord) step(row, step int) *stepRecord {
	k := stepKey{row, step}
	if st.steps[k] == nil {
		st.steps[k] = &stepRecord{}
	}
	return st.steps[k]
}

// load reads a run; nil if there is none of this id.
func (j *Journal) load(ctx context.Context, id string) (*record, error) {
	var rec *record
	err := j.entries(ctx, id, func(e *entry) error {
		if rec == nil {
			rec = &record{id: id}
		}
		if err := rec.add(e, j.catalog); err != nil {
			return fmt.Errorf("entry %d: %w", e.seq, err)
		}
		return nil
	})
	if err != nil {
		return nil, j.wrap(err)
	}
	return rec, nil
}

// add takes an entry into account. The entries of a run come in order.
func (rec *record) add(e *entry, cat *catalog.Catalog) error {
	at, err := time.Parse(timeLayout, e.at)
	if err != nil {
		return err
	}
	var st *statementRecord
	switch e.kind {
	case "run":
		rec.began = at
		return json.Unmarshal(e.data, &rec.info)
	case "open":
		rec.ended = time.Time{}
		for _, st := range rec.statements {
			for _, s := range st.steps {
				s.lost = s.lost || !st.ended && s.outcome != nil // whoever was at it didn't come to show it
			}
		}
		return nil
	case "end":
		var d endData
		if err := json.Unmarshal(e.data, &d); err != nil {
			return err
		}
		rec.ended, rec.whole = at, rec.whole || d.Whole
		return nil
	case "statement":
		if e.statement != len(rec.statements) {
			return fmt.Errorf("statement %d comes behind %d", e.statement, len(rec.statements))
		}
		return rec.addStatement(e, cat)
	}
	if e.statement < 0 || e.statement >= len(rec.statements) {
		return fmt.Errorf("it is of statement %d, which is not there", e.statement)
	}
	st = rec.statements[e.statement]
	switch e.kind {
	case "finish":
		st.ended = true
		return nil
	case "row":
		if e.row != len(st.plan.Rows) {
			return fmt.Errorf("row %d comes behind %d", e.row, len(st.plan.Rows))
		}
		return st.addRow(e)
	}
	if e.row < 0 || e.row >= len(st.plan.Rows) || e.step < 0 || e.step >= len(st.plan.Rows[e.row].Steps) {
		return fmt.Errorf("it is of row %d, step %d, which is not there", e.row, e.step)
	}
	s := st.step(e.row, e.step)
	switch e.kind {
	case "start":
		d := &startData{}
		if err := json.Unmarshal(e.data, d); err != nil {
			return err
		}
		st.plan.Rows[e.row].saw(e.step, d)
		s.start, s.at, s.outcome, s.lost = d, at, nil, false
	case "outcome":
		d := &outcomeData{}
		if err := json.Unmarshal(e.data, d); err != nil {
			return err
		}
		if r := st.plan.Rows[e.row]; d.ID != "" && r.ID == "" {
			r.ID = d.ID
			r.pathTo("", d.ID)
		}
		s.outcome, s.ended = d, at
	default:
		return fmt.Errorf("it is of the kind %q, which this program doesn't know", e.kind)
	}
	return nil
}

func (rec *record) addStatement(e *entry, cat *catalog.Catalog) error {
	var d planJSON
	if err := json.Unmarshal(e.data, &d); err != nil {
		return err
	}
	res := cat.Lookup(d.Resource)
	if res == nil {
		return fmt.Errorf("there is no resource %q", d.Resource)
	}
	for _, org := range d.Orgs {
		if !slices.ContainsFunc(rec.orgs, func(i Identity) bool { return i.Name == org.Name }) {
			rec.orgs = append(rec.orgs, org)
		}
	}
	rec.statements = append(rec.statements, &statementRecord{number: e.statement, hash: d.Hash, steps: map[stepKey]*stepRecord{},
		plan: &Plan{Statement: d.Statement, Position: d.Position, Verb: d.Verb, Resource: res, Made: d.Made, secret: d.Secret}})
	return nil
}

func (st *statementRecord) addRow(e *entry) error {
	var d rowJSON
	if err := json.Unmarshal(e.data, &d); err != nil {
		return err
	}
	r := &Row{Index: e.row, Org: d.Org, ID: d.ID, Name: d.Name, Refused: d.Refused, Unchanged: d.Unchanged}
	if d.Before != nil {
		r.Before = *d.Before
	}
	for i, s := range d.Steps {
		m := methodNamed(st.plan.Resource, s.Method)
		if m == nil || m.HTTP != s.HTTP {
			return fmt.Errorf("%s has no method %q by %q", st.plan.Resource.Path(), s.Method, s.HTTP)
		}
		op := &Operation{Step: i, Method: m, Path: s.Path, Query: s.Query, Body: s.Body, IfMatch: s.IfMatch, Asked: s.Asked, From: s.From, To: s.To,
			Was: s.Was, Sets: s.Sets, Vanish: s.Vanish, Irreversible: s.Irreversible, Undo: s.Undo}
		if op.Path == nil {
			op.Path = map[string]string{}
		}
		r.Steps = append(r.Steps, op)
		if s.Secret != "" {
			step := st.step(r.Index, i)
			step.secret, step.masked = s.Secret, true
		}
	}
	st.plan.Rows = append(st.plan.Rows, r)
	return nil
}

// saw takes into the row what was read of its object right before a step.
func (r *Row) saw(step int, d *startData) {
	op := r.Steps[step]
	if d.ID != "" && r.ID != d.ID {
		r.pathTo(r.ID, d.ID)
		r.ID = d.ID
	}
	if d.Was != nil {
		op.Was = d.Was
	}
	if d.Before == nil {
		return
	}
	if !r.Before.Known {
		r.Before = *d.Before
	}
	if op.From == "" {
		op.From = d.Before.Status
		f := d.Before.facts()
		f.NewPassword = op.setsPassword()
		op.To, _ = op.Method.Destination(op.From, f)
	}
}

// pathTo makes the row's steps be about the object with this id, who was called otherwise before.
func (r *Row) pathTo(was, id string) {
	for _, op := range r.Steps {
		for _, p := range op.Method.Params {
			if p.In == "path" && op.Path[p.Name] == was {
				op.Path[p.Name] = id
			}
		}
	}
}
