package whoql

import (
	"encoding/json"

	"github.com/whoql/whoql/change"
)

type jsonText = json.RawMessage

// planColumns are what a plan shows of each call, or of a row that none is made for.
var planColumns = []string{"subdomain", "userId", "login", "operation", "from", "to", "sets", "irreversible", "undo", "refused"}

// planRows shows a plan: a row for each call, and for each row without one.
func planRows(p *change.Plan) *tableResult {
	t := newTable(planColumns...)
	for _, r := range p.Rows {
		for _, op := range r.Steps {
			t.add(r.Org, text(r.ID), text(r.Name), op.Method.Name, text(op.From), text(op.To), setsOf(op), text(op.Irreversible), text(op.Undo), nil)
		}
		switch {
		case r.Refused != "":
			t.add(r.Org, text(r.ID), text(r.Name), nil, text(r.Before.Status), nil, nil, nil, nil, r.Refused)
		case r.Unchanged:
			t.add(r.Org, text(r.ID), text(r.Name), "unchanged", text(r.Before.Status), text(r.Before.Status), nil, nil, nil, nil)
		}
	}
	return t
}

// text is a text as a value, NULL where it is empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// setsOf shows what a call writes: the attributes' new values. Nothing of credentials is shown.
func setsOf(op *change.Operation) any {
	if len(op.Sets) == 0 {
		return nil
	}
	b, err := json.Marshal(op.Sets)
	if err != nil {
		return nil
	}
	return json.RawMessage(b)
}
