package okta

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// ErrReadOnly is in the error of a call that a client with Options.ReadOnly
// refused to make.
var ErrReadOnly = errors.New("the org is read-only here: nothing was sent")

// Request is one API call of any method, for [Client.Do].
type Request struct {
	// Operation names the call in errors, "suspend user". Required.
	Operation string
	// Method is the HTTP method, http.MethodPost. Required.
	Method string
	// Path is the escaped absolute path, such as "/api/v1/users/" + a
	// PathSegment. Required.
	Path string
	// Query is sent as the query string. Nil: none.
	Query url.Values
	// IfMatch is sent as If-Match: with another ETag, the org answers 412
	// ([IsChanged]) and does nothing. Empty: not sent.
	IfMatch string
	// Body is the JSON to send. Nil: no body, and Content-Length: 0 with the
	// methods that may have one. It may hold secrets: no error shows it.
	Body []byte
	// Stop, once closed, lets nothing more be sent and ends a wait for the next
	// try; what has been sent goes on. The error then has [ErrStopped] in it.
	// Nil: never.
	Stop <-chan struct{}
}

// ErrStopped is in the error of a call that Request.Stop kept from being sent.
var ErrStopped = errors.New("stopped before anything was sent")

// Answer is a success that the org answered.
type Answer struct {
	// Status is the HTTP status, 200 to 299; of a GET always 200.
	Status int
	// Body is one JSON value, or empty, as with 204.
	Body []byte
	// ETag is that of the object, to send as If-Match. Empty: none came.
	ETag string
	// Date is when the org answered, by its own clock, in whole seconds. Zero:
	// not said.
	Date time.Time
	// RequestID is the X-Okta-Request-Id.
	RequestID string
	// Rate is what the answer said about the rate limit.
	Rate Rate
}

// Do makes one API call. A GET is repeated as by [Client.Get]; any other call
// only where it is certain that the org did nothing: it was never sent, or
// refused for the rate limit (429) or because the org is read-only for
// maintenance (E0000010). Where that isn't certain, the error is one for which
// [InDoubt] is true. Every error is an *Error or *RateLimitError.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	call := &call{op: r.Operation, method: r.Method, path: r.Path, body: r.Body, ifMatch: r.IfMatch, stop: r.Stop, wrote: new(atomic.Bool)}
	call.accept = func(a *answer) string { return checkValue(a.body, !call.reads()) }
	if c.opt.ReadOnly && !call.reads() {
		return nil, c.refused(call, ErrReadOnly)
	}
	var err error
	if call.url, err = c.target(r.Path, r.Query); err != nil {
		return nil, c.refused(call, err)
	}
	a, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	return &Answer{
		Status: a.status, Body: a.body, Rate: a.rate, Date: parseDate(a.header),
		ETag: a.header.Get("ETag"), RequestID: c.cred.clean(a.header.Get("X-Okta-Request-Id"), 80),
	}, nil
}

// checkValue says what is wrong with a body that should be one JSON value; empty when nothing is. Without a
// body come 204 and some operations' 200.
func checkValue(body []byte, mayBeEmpty bool) string {
	if i := space(body, 0); i == len(body) {
		if mayBeEmpty {
			return ""
		}
		return "an empty body"
	}
	if ok, at := validJSON(body); !ok {
		return notJSON(body, at)
	}
	return ""
}

// InDoubt says whether a call that changes something may have taken effect
// though it failed: it was sent, and no answer came that settles it (none at
// all, a broken or damaged one, a server error). Whoever sends such a call again
// may do it twice; the thing itself tells what became of it. False for every
// GET, and for all that the org refused.
func InDoubt(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.inDoubt
}

// IsChanged says whether the org refused the call because the object has
// changed since its ETag was read (412).
func IsChanged(err error) bool { return hasStatus(err, http.StatusPreconditionFailed) }

// stopped says whether the call must not be sent any more.
func (c *call) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// sleep is Options.Sleep, which the call's stop ends too.
func (c *Client) sleep(ctx context.Context, call *call, d time.Duration) error {
	if call.stop == nil {
		return c.opt.Sleep(ctx, d)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slept := make(chan struct{})
	defer close(slept)
	go func() {
		select {
		case <-call.stop:
			cancel(ErrStopped)
		case <-slept:
		}
	}()
	err := c.opt.Sleep(ctx, d)
	if err != nil && context.Cause(ctx) == ErrStopped {
		return ErrStopped
	}
	return err
}

// settled says whether a fault of a call leaves no doubt that the org did
// nothing. What is neither an answer nor certain not to have been sent isn't.
func settled(f *fault) bool {
	switch status := f.err.Status; {
	case status == 0:
		return f.unsent
	case status == http.StatusRequestTimeout:
		return false // the server, or a proxy before it, gave up waiting
	case status >= 300 && status <= 499:
		return true
	case status == http.StatusNotImplemented:
		return true
	}
	return f.err.Code == inMaintenance
}

// inMaintenance is Okta's code for "service is in read only mode".
const inMaintenance = "E0000010"

// neverSent says whether a request that ended with err without an answer can't
// have reached the org: no connection came to be, or the headers weren't written
// to it. A transport of the caller's own may not say when it writes them.
func (c *Client) neverSent(err error, call *call) bool {
	var op *net.OpError
	var dns *net.DNSError
	var tlsRecord tls.RecordHeaderError
	var tlsVerify *tls.CertificateVerificationError
	var auth *authError
	switch {
	case errors.As(err, &auth), errors.As(err, &dns), errors.As(err, &tlsRecord), errors.As(err, &tlsVerify):
		return true
	case errors.As(err, &op) && op.Op == "dial":
		return true
	}
	return c.state.own != nil && call.wrote != nil && !call.wrote.Load()
}
