package change

import (
	"encoding/json"
	"time"

	"github.com/whoql/whoql/catalog"
)

// A Planner turns what a statement asks for into a plan. Its methods only compute.
type Planner struct {
	// Resource is the table that the statement changes.
	Resource *catalog.Resource
	// Statement is the statement's text.
	Statement string
	// Now is the local clock; nil: time.Now.
	Now func() time.Time
	// Protected returns why a row mustn't be changed by anyone here, such as the caller's own; "" if it
	// may. nil: nothing is protected. It isn't asked about rows that an INSERT makes.
	Protected func(org, id, name string) string
}

// An Ask is what a statement asks for one row. Which parts a statement can have is said at the
// Planner's methods; others are an error.
type Ask struct {
	// Org is the org's name.
	Org string
	// Object is the object as the API gave it, whole; nil: it hasn't been read, and is before the first
	// call. ETag is what came with it, empty if nothing did. Read is when that was, by the local clock, and
	// Index whether in the search index.
	Object json.RawMessage
	ETag   string
	Read   time.Time
	Index  bool
	// Key is the object's id, or what else stands for it in a path, such as a login, where Object is nil.
	Key string

	// Status is what SET status asks for; empty: nothing.
	Status string
	// Attributes are values for attributes of the profile, by name in the API's spelling; null clears one.
	Attributes map[string]json.RawMessage
	// Fields are values for fields of the request's body, by name, such as profile or credentials. Of
	// credentials, null is as good as nothing.
	Fields map[string]json.RawMessage
	// Params are values of the method's query and header parameters, by name, such as sendEmail: "false".
	Params map[string]string
}

// A PlanError is a mistake in the statement as a whole, because of which there is no plan.
type PlanError struct {
	// Msg says what is wrong, Hint what to do; Hint may be empty.
	Msg, Hint string
}

// Error is the message and the hint.
func (e *PlanError) Error() string {
	if e.Hint == "" {
		return "change: " + e.Msg
	}
	return "change: " + e.Msg + ": " + e.Hint
}
