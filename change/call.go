package change

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/whoql/whoql/catalog"
)

// A Caller makes API calls. It is called concurrently, keeps to the org's rate limit, and sends a call
// again only when it is certain that it didn't take effect.
type Caller interface {
	// Call makes one call. An answer of the org, be it an error or not, is an Answer and no error. The
	// error is a [*NoEffectError] if it is certain that nothing was changed, such as when no connection
	// could be made, or when Call.Stop was closed before anything was sent; any other error leaves open
	// whether the call took effect. ctx ends a call that has been sent, too.
	Call(ctx context.Context, c Call) (Answer, error)
	// Identify says which org there is for one: of a plan's org only the name is given, and the org of that
	// name is asked who it is; of a run's org what the journal has of it, and if the org of that name is
	// another one, or there is none, it is looked for among the others. The answer needn't be the org that
	// was meant, and is the zero Identity if there is none at all. Its Name is the one for calls. It changes
	// nothing.
	Identify(ctx context.Context, was Identity) (Identity, error)
}

// A Call is one request.
type Call struct {
	// Org is the org's name.
	Org string
	// Method gives HTTP method and route.
	Method *catalog.Method
	// Path and Query are the values for the route's {parameters} and of the query, by their names in the
	// request, unescaped.
	Path, Query map[string]string
	// IfMatch is the header If-Match; empty: none.
	IfMatch string
	// Body is a JSON object; nil: none.
	Body json.RawMessage
	// Stop is closed when nothing more is to be sent. What is being waited for then, such as the rate
	// limit, is given up; what has been sent goes on. It may be nil.
	Stop <-chan struct{}
}

// An Answer is what the org answered.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Body is the answer's JSON; nil if there is none.
	Body json.RawMessage
	// ETag is the header; empty if there is none.
	ETag string
	// Date is the org's time when it answered, in whole seconds, rounded down; zero if it didn't say.
	Date time.Time
	// RequestID is by what the org's log finds the call.
	RequestID string
	// Problem is the org's error; nil if the call succeeded.
	Problem *Problem
}

// A Problem is an error that the org answered with. It holds no secrets.
type Problem struct {
	// Status is the HTTP status, Code the org's own, such as E0000001.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	// Summary and Causes are the org's sentences.
	Summary string   `json:"summary,omitempty"`
	Causes  []string `json:"causes,omitempty"`
	// Hint is what the caller makes of it: what may be wrong, or what can be done about it.
	Hint string `json:"hint,omitempty"`
}

// ofOrg says whether an org's error isn't about what was called, so that every other call will meet it, too: the
// credential isn't taken, or the org takes no calls at present, in spite of the caller's patience. Nothing was
// changed then, but by a write that was answered with 503.
func (p *Problem) ofOrg() bool {
	switch p.Status {
	case http.StatusUnauthorized:
		return p.Code != featureOff
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	}
	return false
}

// featureOff is the org's code for a feature that it doesn't have. It comes with 401, and is about the call.
const featureOff = "E0000015"

// A NoEffectError is a call that certainly didn't change anything.
type NoEffectError struct {
	Err error
	// Org: nobody answers at the org, however often that was tried, so that no other call will get through
	// either.
	Org bool
}

// Error is what happened.
func (e *NoEffectError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *NoEffectError) Unwrap() error { return e.Err }
