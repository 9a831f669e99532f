package change

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Identity is what tells an org from all others, whatever it is called. The journal keeps that of each
// org that a plan changes, so that a run is gone on with, or undone, in the org it was made in.
type Identity struct {
	// Name is the org's in rows and calls.
	Name string `json:"name"`
	// ID is the org's own, 00o and 17 more, by its operation getWellknownOrgMetadata; empty: it didn't say.
	ID string `json:"id,omitempty"`
	// URL is the org's, scheme and host.
	URL string `json:"url,omitempty"`
	// Place says for people where the org comes from, such as a sandbox's file; empty: nobody said.
	Place string `json:"place,omitempty"`
	// Date is the org's time when it answered, by its own clock, in whole seconds, rounded down; zero if it
	// didn't say. It isn't part of who it is.
	Date time.Time `json:"-"`
}

// Is says whether two identities are of one org: by its id, or where one of them has none, by its URL. An
// identity with neither is that of no org.
func (i Identity) Is(other Identity) bool {
	if i.ID != "" && other.ID != "" {
		return i.ID == other.ID
	}
	return i.URL != "" && strings.EqualFold(i.URL, other.URL)
}

// String is the name with all that is known.
func (i Identity) String() string {
	var known []string
	for _, part := range []string{i.ID, i.URL, i.Place} {
		if part != "" {
			known = append(known, part)
		}
	}
	if len(known) == 0 {
		return i.Name
	}
	return i.Name + " (" + strings.Join(known, ", ") + ")"
}

// A WrongOrgError is a run that was made in another org than the one that is there for it. Nothing was
// called that changes something.
type WrongOrgError struct {
	// Run is the run's id.
	Run string
	// Was is the org of the run, of which nothing but the name is known if an earlier version wrote the
	// journal; Now is the one that is there, zero if none is.
	Was, Now Identity
}

// Error says which org is which.
func (e *WrongOrgError) Error() string {
	switch {
	case e.Now == Identity{}:
		return fmt.Sprintf("change: run %s was made in %s, and there is no such org here", e.Run, e.Was)
	case e.Was.ID == "" && e.Was.URL == "":
		return fmt.Sprintf("change: run %s was made in an org called %s, and the journal doesn't say whether that is %s", e.Run, e.Was.Name, e.Now)
	}
	return fmt.Sprintf("change: run %s was made in another org: in %s, and not in %s", e.Run, e.Was, e.Now)
}

// asks is Caller.Identify, from whose answers the run learns the orgs' time: what is begun next is then dated.
func (r *Run) asks(caller Caller) func(context.Context, Identity) (Identity, error) {
	return func(ctx context.Context, was Identity) (Identity, error) {
		begin := r.journal.now()
		now, err := caller.Identify(ctx, was)
		if err == nil {
			r.clocks.saw(now.Name, now.Date, begin, r.journal.now())
		}
		now.Date = time.Time{}
		return now, err
	}
}

// identify returns the orgs that a plan changes, in the order of its rows.
func (r *Run) identify(ctx context.Context, p *Plan, caller Caller) ([]Identity, error) {
	var out []Identity
	for _, row := range p.Rows {
		if len(row.Steps) == 0 || slices.ContainsFunc(out, func(i Identity) bool { return i.Name == row.Org }) {
			continue
		}
		known := slices.IndexFunc(r.record.orgs, func(i Identity) bool { return i.Name == row.Org })
		if at := slices.IndexFunc(p.Orgs, func(i Identity) bool { return i.Name == row.Org }); known < 0 && at >= 0 {
			known, r.record.orgs = len(r.record.orgs), append(r.record.orgs, p.Orgs[at])
		}
		if known < 0 {
			org, err := r.asks(caller)(ctx, Identity{Name: row.Org})
			if err != nil {
				return nil, fmt.Errorf("change: which org %s is: %w", row.Org, err)
			}
			if org == (Identity{}) {
				return nil, fmt.Errorf("change: there is no org %s", row.Org)
			}
			org.Name = row.Org
			known, r.record.orgs = len(r.record.orgs), append(r.record.orgs, org)
		}
		out = append(out, r.record.orgs[known])
	}
	return out, nil
}

// settle finds the orgs of the rows for which wanted holds, and gives all rows of these orgs the names that
// the orgs have now. It is an error if one of them is another org than that of the run. trust: an org of
// which the journal has only the name is taken to be the one that has it now.
func (rec *record) settle(ctx context.Context, ask func(context.Context, Identity) (Identity, error), wanted func(*statementRecord, *Row) bool, trust bool) (found []Identity, err error) {
	now := map[string]string{}
	for _, st := range rec.statements {
		for _, row := range st.plan.Rows {
			if _, known := now[row.Org]; known || !wanted(st, row) {
				continue
			}
			org, err := rec.find(ctx, ask, row.Org, trust)
			if err != nil {
				return nil, err
			}
			now[row.Org] = org.Name
			found = append(found, org)
		}
	}
	for _, st := range rec.statements {
		for _, row := range st.plan.Rows {
			if name, known := now[row.Org]; known {
				row.Org = name
			}
		}
	}
	return found, nil
}

// find finds an org of the run.
func (rec *record) find(ctx context.Context, ask func(context.Context, Identity) (Identity, error), name string, trust bool) (Identity, error) {
	was := Identity{Name: name}
	for _, org := range rec.orgs {
		if org.Name == name {
			was = org
		}
	}
	now, err := ask(ctx, was)
	if err != nil {
		return now, fmt.Errorf("change: find the org %s of run %s: %w", name, rec.id, err)
	}
	unsaid := was.ID == "" && was.URL == ""
	if now == (Identity{}) || !was.Is(now) && !(unsaid && trust) {
		return now, &WrongOrgError{Run: rec.id, Was: was, Now: now}
	}
	return now, nil
}
