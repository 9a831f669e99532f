package change

import (
	"encoding/json"
	"time"

	"github.com/whoql/whoql/catalog"
)

// A Plan is what one statement would do: for each row the operations, or why there are none. It has
// been made without changing anything. [Run.Apply] applies it, [Plan.Summary] sums it up, [Plan.Hash]
// identifies it, and [Plan.MarshalJSON] writes it without the secrets that it holds.
type Plan struct {
	// Statement is the statement's text. Secrets that it spells out are never written anywhere: it is
	// journalled only by its hash if an operation holds a secret.
	Statement string
	// Position is which statement of the run's text it is, from 1; 0: not told.
	Position int
	// Verb is INSERT, UPDATE, DELETE, EXEC or UNDO.
	Verb string
	// Resource is the table.
	Resource *catalog.Resource
	// Made is when the plan was made, by the local clock.
	Made time.Time
	// Orgs say of the orgs of its rows, by name, who they are. One that isn't here is known by its name only until
	// the plan is applied.
	Orgs []Identity
	// Rows are in the statement's order.
	Rows []*Row

	// secret is true where the statement's text may hold a secret.
	secret bool
}

// A Row is what a statement means for one row of its target. Exactly one of these holds: it has Steps,
// it is Refused, or it is Unchanged.
type Row struct {
	// Index counts the plan's rows from 0.
	Index int
	// Org is the org's name, as in the column subdomain.
	Org string
	// ID is the object's key; empty for one that doesn't exist yet.
	ID string
	// Name is what people know the object by, its login; empty if it isn't known.
	Name string
	// Before is the object as the plan saw it, and Object the object itself, as the API gave it; nil if it
	// hasn't been read, and in plans of the journal.
	Before State
	Object json.RawMessage
	// Steps are the operations, which are done one after the other.
	Steps []*Operation
	// Refused is the reason why nothing will be done about this row; empty if something will.
	Refused string
	// Ambiguous is true where that is because the statement asks for two things at once.
	Ambiguous bool
	// Unchanged is true where the row is as it should be, and nothing has to be done.
	Unchanged bool
}

// A State is what a plan remembers of an object.
type State struct {
	// Known is false for an object that hasn't been read: that is done before its first call then.
	Known bool `json:"known,omitempty"`
	// Status is empty where objects have none.
	Status string `json:"status,omitempty"`
	// Password is whether it has a password.
	Password bool `json:"password,omitempty"`
	// StatusChanged, LastUpdated and PasswordChanged are the object's own times as the API gave them; empty
	// for null.
	StatusChanged   string `json:"statusChanged,omitempty"`
	LastUpdated     string `json:"lastUpdated,omitempty"`
	PasswordChanged string `json:"passwordChanged,omitempty"`
	// Profile is the SHA-256 of the profile in a canonical form, in hexadecimal digits.
	Profile string `json:"profile,omitempty"`
	// ETag is the version of the profile that a get answered with; empty in rows of a list.
	ETag string `json:"etag,omitempty"`
	// Read is when it was read, by the local clock; Index is true where that was in the search index,
	// which trails.
	Read  time.Time `json:"read,omitzero"`
	Index bool      `json:"index,omitempty"`
}

// An Operation is one call that changes something.
type Operation struct {
	// Step counts the row's operations from 0.
	Step int
	// Method is what is called.
	Method *catalog.Method
	// Path and Query are the parameters by their names in the request, unescaped.
	Path, Query map[string]string
	// Body is the request's body as a JSON object; nil if there is none.
	Body json.RawMessage
	// IfMatch is the ETag that the caller asked for; empty: profile writes take that of the last read.
	IfMatch string
	// Asked is the status that SET status asked for; empty otherwise.
	Asked string
	// From and To are the status before and after; To is catalog.Previous where the API decides, From is
	// empty for an object that hasn't been read or doesn't exist yet, and both are the same where the
	// status stays.
	From, To string
	// Was and Sets are the attributes that change, by name, with their former and new values. A value that
	// is missing from Was, or null in Sets, is none.
	Was, Sets map[string]json.RawMessage
	// Vanish are the attributes that get lost because a whole profile is written that lacks them.
	Vanish []string
	// Irreversible says what can't be brought back; empty if nothing is lost.
	Irreversible string
	// Undo is the method that undoes it, or says in words what else does; empty if nothing does.
	Undo string
}

// Mails says whether the person whom the operation is about gets a mail by it.
func (op *Operation) Mails() bool {
	m := op.Method.Mails
	if m == nil || m.To != "" && m.To != op.To {
		return false
	}
	value, given := op.Query[m.By.Wire]
	return value == "true" || !given && m.By.Default == "true"
}
