package okta

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Options are what a [Client] can do without. The zero value is good for use.
type Options struct {
	// Transport makes the requests. It must honour the request's context.
	// Nil: one of the client's own, with HTTP/2 and verified TLS.
	Transport http.RoundTripper
	// Proxy finds the proxy for a request, as in http.Transport;
	// http.ProxyFromEnvironment is one. It isn't asked for plain http, whose
	// requests would show it the token. Nil: no proxy. Not together with
	// Transport, which has its own idea of proxies.
	Proxy func(*http.Request) (*url.URL, error)

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx is done, and then returns its error.
	// Nil: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand gives numbers in [0, 1) for the random part of waits, and may be
	// called concurrently. Nil: math/rand/v2.
	Rand func() float64

	// StallTimeout is how long the body of an answer may pause. 0: 30 s.
	StallTimeout time.Duration
	// HeaderTimeout is how long an answer may take to begin, connecting
	// included. 0: 60 s.
	HeaderTimeout time.Duration
	// AnswerTimeout is how long one whole answer may take, from its request to
	// the end of its body, however steadily it comes. 0: 5 minutes.
	AnswerTimeout time.Duration
	// MaxBody is the largest body taken, in bytes after decompression.
	// 0: 64 MiB.
	MaxBody int64
	// MaxRetries is how often in a row a failed call is repeated that may be:
	// see [Client.Do]. 0: 5; negative: never.
	MaxRetries int
	// Headroom is the share of the org's rate limit, 0 to 0.9, that is left to
	// its other apps: of what an answer says is left, the client uses the rest,
	// spread over the window. 0: it uses all, until the window is used up.
	Headroom float64
	// ReadOnly refuses, before anything is sent, every call whose method isn't
	// GET or HEAD, with [ErrReadOnly]. False: none is refused.
	ReadOnly bool
	// UserAgent is sent with every request. Empty: "whoql".
	UserAgent string
	// OnWait is told of every wait before it begins, on the goroutine that
	// waits, so possibly concurrently. Nil: nobody is.
	OnWait func(Wait)
}

func (o *Options) fill() {
	setDefault(&o.StallTimeout, 30*time.Second)
	setDefault(&o.HeaderTimeout, time.Minute)
	setDefault(&o.AnswerTimeout, 5*time.Minute)
	setDefault(&o.MaxBody, 64<<20)
	setDefault(&o.MaxRetries, 5)
	setDefault(&o.UserAgent, "whoql")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.OnWait == nil {
		o.OnWait = func(Wait) {}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Client talks to one org with one credential. Make it with [New]. It may be
// used concurrently.
type Client struct {
	org    *url.URL // scheme and host only
	cred   Credential
	opt    Options
	meters []*Meter
	trim   bool
	state  *state
}

// state is what a client shares with the copies that Metered and Trimmed make.
type state struct {
	transport http.RoundTripper
	own       *http.Transport // transport, if it is the client's own
	rate      atomic.Pointer[Rate]
	answered  atomic.Bool // the org has answered at least once
	pace      *pacer
}

// New makes a client of the org at orgURL, "https://acme.okta.com". It makes
// no request. It fails if orgURL is more or less than a scheme and a host,
// names an admin console, or is plain http to anything but a loopback address;
// and if the credential is missing or unusable.
func New(orgURL string, cred Credential, o Options) (*Client, error) {
	org, err := parseOrg(orgURL)
	if err != nil {
		return nil, fmt.Errorf("okta: %w", err)
	}
	if err := cred.check(); err != nil {
		return nil, fmt.Errorf("okta: %s: %w", org.Host, err)
	}
	if o.Transport != nil && o.Proxy != nil {
		return nil, errors.New("okta: both a transport and a proxy: set the proxy on the transport")
	}
	if !(o.Headroom >= 0 && o.Headroom <= 0.9) {
		return nil, fmt.Errorf("okta: a headroom of %v: it is a share from 0 to 0.9", o.Headroom)
	}
	o.fill()
	c := &Client{org: org, cred: cred, opt: o, state: &state{transport: o.Transport, pace: newPacer(o.Headroom, o.Now)}}
	if o.Transport == nil {
		c.state.own = newTransport(o.Proxy)
		c.state.transport = c.state.own
	}
	return c, nil
}

func newTransport(proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   15 * time.Second,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Without pings, every retry would go to the same dead HTTP/2
		// connection until the system gives it up, minutes later.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	if proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil
			}
			return proxy(r)
		}
	}
	return t
}

// URL is the org's URL, scheme and host: "https://acme.okta.com".
func (c *Client) URL() string { return c.org.String() }

// Host is the org's host, with the port where it isn't the usual one.
func (c *Client) Host() string { return c.org.Host }

// String names the org, and shows nothing of the credential.
func (c *Client) String() string { return "okta client of " + c.URL() }

// GoString is String, for %#v.
func (c *Client) GoString() string { return c.String() }

// Rate is what the last answer to any call said about its rate limit, and the
// zero Rate before the first. Page.Rate is that of one list.
func (c *Client) Rate() Rate {
	if r := c.state.rate.Load(); r != nil {
		return *r
	}
	return Rate{}
}

// Metered returns a client which shares everything with c, and whose calls are
// counted in m too.
func (c *Client) Metered(m *Meter) *Client {
	metered := *c
	metered.meters = append(c.meters[:len(c.meters):len(c.meters)], m)
	return &metered
}

// Trimmed returns a client which shares everything with c, and whose GETs ask for users without credentials, the
// links that change them, and transitioningToStatus, which Okta answers faster. Its lists of users and of a
// group's members and its get of one user know that; others don't mind.
func (c *Client) Trimmed() *Client {
	trimmed := *c
	trimmed.trim = true
	return &trimmed
}

// trimmed is the Content-Type of such a GET, which is where Okta wants it.
const trimmed = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"

// Close closes the idle connections of the client's own transport. Calls under
// way aren't touched, and the client can still be used. It is never needed for
// correctness. The error is always nil.
func (c *Client) Close() error {
	if c.state.own != nil {
		c.state.own.CloseIdleConnections()
	}
	return nil
}

// Get reads the JSON object at path, an escaped absolute path such as
// "/api/v1/users/" + a PathSegment. op names the operation in errors ("get
// user"). The body is returned as it came, checked to be one JSON object.
// Every error is an *Error or *RateLimitError.
func (c *Client) Get(ctx context.Context, op, path string, query url.Values) ([]byte, error) {
	call := &call{op: op, method: http.MethodGet, path: path, accept: func(a *answer) string { return checkObject(a.body) }}
	var err error
	if call.url, err = c.target(path, query); err != nil {
		return nil, c.refused(call, err)
	}
	a, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// call is one API call, however many requests it takes.
type call struct {
	op     string
	method string
	path   string // for errors: without the query
	url    *url.URL
	// accept says what is wrong with the body of a success; "" if nothing is.
	accept func(*answer) string
	// leave says which errors are the caller's to handle and not to be
	// retried here. Nil: none.
	leave func(*Error) bool
	// size is a guess at the size of the body in bytes; 0: none.
	size int

	body    []byte // to send; nil: none
	ifMatch string // to send as If-Match; empty: none
	// wrote: the headers of the last try were written to a connection. The
	// transport's goroutines set it. Nil: of no interest.
	wrote *atomic.Bool
	stop  <-chan struct{} // see Request
}

// reads says whether a call's method changes nothing (RFC 9110, 9.2.1).
func (c *call) reads() bool { return c.method == http.MethodGet || c.method == http.MethodHead }

// succeeded says whether an answer with this status can be what was asked for.
// For a GET that is 200 only: part of a list (206) must not pass for all of it.
func (c *call) succeeded(status int) bool {
	if c.method == http.MethodGet {
		return status == http.StatusOK
	}
	return status >= 200 && status <= 299
}

// answer is an HTTP answer whose body has been read.
type answer struct {
	url    *url.URL // that was asked for
	status int
	header http.Header
	rate   Rate
	body   []byte
	cut    bool // there was more of the body, or should have been

	took, waited time.Duration // see Page
}

// fault is a try that failed.
type fault struct {
	err *Error
	// reason is why another try is worth while; "" if it isn't.
	reason WaitReason
	// retryAfter is the wait that the answer asked for; 0: none.
	retryAfter time.Duration
	// unsent: there was no answer, and the request can't have reached the org.
	unsent bool
}

// refused is the error of a call that no request was made for.
func (c *Client) refused(call *call, err error) *Error {
	e := c.newError(call, nil)
	e.Err = err
	return e
}

// do makes the requests of a call until one succeeds, one fails for good, or
// there were too many.
func (c *Client) do(ctx context.Context, call *call) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, f := c.try(ctx, call)
		if f == nil {
			return a, nil
		}
		f.err.Attempts = attempt
		f.err.transient = f.reason != ""
		f.err.inDoubt = !call.reads() && !settled(f)
		if !f.err.transient || f.err.inDoubt || attempt > c.opt.MaxRetries ||
			call.leave != nil && call.leave(f.err) {
			return nil, c.final(f, attempt)
		}
		if err := c.pause(ctx, call, f, attempt); err != nil {
			f.err.Err = err
			return nil, c.final(f, attempt)
		}
		c.count(func(m *Meter) { m.retries.Add(1) })
	}
}

// final is the error that a call ends with.
func (c *Client) final(f *fault, attempt int) error {
	if f.err.Status != http.StatusTooManyRequests {
		return f.err
	}
	return &RateLimitError{Err: f.err, Wait: c.waitFor(f, attempt), Concurrency: f.reason == WaitConcurrency}
}

// pause waits before the next try. Its error takes the place of f.err.Err.
func (c *Client) pause(ctx context.Context, call *call, f *fault, attempt int) error {
	d := c.waitFor(f, attempt)
	if deadline, ok := ctx.Deadline(); ok && c.opt.Now().Add(d).After(deadline) {
		err := fmt.Errorf("the next try has to wait %s, which is beyond the deadline: %w",
			d.Round(time.Millisecond), context.DeadlineExceeded)
		if f.err.Err != nil {
			err = fmt.Errorf("%w; %w", f.err.Err, err)
		}
		return err
	}
	c.opt.OnWait(Wait{Operation: f.err.Operation, Reason: f.reason, Duration: d, Attempt: attempt})
	end := c.idle()
	err := c.sleep(ctx, call, d)
	end()
	if err != nil {
		return fmt.Errorf("waiting %s for the next try: %w", d.Round(time.Millisecond), notEOF(err))
	}
	return nil
}

// try makes one request, reads the answer, and says what came of it.
func (c *Client) try(ctx context.Context, call *call) (*answer, *fault) {
	if err := ctx.Err(); err != nil {
		return nil, &fault{err: c.refused(call, err), unsent: true}
	}
	if call.stopped() {
		return nil, &fault{err: c.refused(call, ErrStopped), unsent: true}
	}
	asked := c.opt.Now()
	turn, err := c.turn(ctx, call)
	if err != nil {
		return nil, &fault{err: c.refused(call, err), unsent: true}
	}
	sent := c.opt.Now()
	a, err := c.exchange(ctx, call)
	turn.ended(a)
	err = notEOF(err)
	if a != nil {
		a.waited, a.took = sent.Sub(asked), c.opt.Now().Sub(sent)
		c.state.answered.Store(true)
		if a.rate.Known() {
			c.state.rate.Store(&a.rate)
		}
		c.count(func(m *Meter) { m.bytes.Add(int64(len(a.body))) })
	}
	switch {
	case err != nil && ctx.Err() != nil:
		e := c.newError(call, a)
		e.Err = ctx.Err()
		return nil, &fault{err: e, unsent: a == nil && c.neverSent(err, call)}
	case err != nil && a == nil:
		return nil, c.connectionFault(call, err)
	case err != nil:
		return nil, c.bodyFault(call, a, err)
	case a.status < 200 || a.status > 299:
		return nil, c.statusFault(call, a)
	}
	problem := ""
	if !call.succeeded(a.status) {
		problem = strings.TrimSpace(fmt.Sprintf("it has the status %d %s", a.status, http.StatusText(a.status))) + ", not 200"
	} else {
		problem = call.accept(a)
	}
	if problem != "" {
		e := c.newError(call, a)
		e.Err = c.answerError(a, problem, nil)
		return nil, &fault{err: e, reason: WaitAnswer}
	}
	return a, nil
}

// turn waits until the org's rate limit lets the call be made.
func (c *Client) turn(ctx context.Context, call *call) (*ticket, error) {
	defer c.idle()()
	sleep := func(ctx context.Context, d time.Duration) error { return c.sleep(ctx, call, d) }
	t, err := c.state.pace.begin(ctx, bucketOf(call.method, call.path), sleep, func(d time.Duration) {
		c.opt.OnWait(Wait{Operation: call.op, Reason: WaitRateLimit, Duration: d})
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the rate limit: %w", notEOF(err))
	}
	return t, nil
}

// statusFault is the fault of an answer that is an error.
func (c *Client) statusFault(call *call, a *answer) *fault {
	f := &fault{err: c.errorOf(call, a)}
	switch {
	case a.status == http.StatusTooManyRequests && a.rate.Known() && !a.rate.concurrent():
		f.reason = WaitRateLimit
	case a.status == http.StatusTooManyRequests:
		f.reason = WaitConcurrency
		if !a.rate.Known() {
			f.retryAfter = retryAfter(a.header)
		}
	case a.status >= 500 && a.status != http.StatusNotImplemented:
		f.reason = WaitServer
		f.retryAfter = retryAfter(a.header)
	}
	return f
}

// bodyFault is the fault of an answer whose body couldn't be read to its end.
func (c *Client) bodyFault(call *call, a *answer, err error) *fault {
	f := &fault{err: c.newError(call, a), reason: WaitConnection}
	problem := fmt.Sprintf("it broke off after %d bytes", len(a.body))
	if errors.Is(err, errTooBig) {
		problem, err = fmt.Sprintf("it is larger than %d bytes", c.opt.MaxBody), nil
		f.reason = ""
	}
	if err != nil {
		err = c.safe(err)
	}
	f.err.Err = c.answerError(a, problem, err)
	return f
}

// connectionFault is the fault of a request that got no answer.
func (c *Client) connectionFault(call *call, err error) *fault {
	f := &fault{err: c.refused(call, c.safe(err)), reason: WaitConnection, unsent: c.neverSent(err, call)}
	var dns *net.DNSError
	var tlsRecord tls.RecordHeaderError
	var tlsVerify *tls.CertificateVerificationError
	var auth *authError
	switch {
	case errors.As(err, &auth):
		f.reason = ""
	case errors.As(err, &tlsVerify):
		f.reason = ""
		f.err.Hint = "the server at " + c.org.Host + " can't prove that it is the org: " +
			"check the org URL, and whether a proxy opens the connection"
	case errors.As(err, &tlsRecord):
		f.reason = ""
		f.err.Hint = c.org.Host + " doesn't speak TLS: check the org URL"
	case c.state.answered.Load():
		// The org was there a moment ago: whatever it is, it may pass.
	case errors.As(err, &dns) && dns.IsNotFound:
		f.reason = ""
		f.err.Hint = "there is no host " + c.org.Hostname() + ": check the org URL"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaeConnRefused):
		f.reason = ""
		f.err.Hint = "nothing listens at " + c.org.Host + ": check the org URL"
	}
	return f
}

// wsaeConnRefused is ECONNREFUSED on Windows, where syscall's constant of that
// name is an invented number. No other system has an error 10061.
const wsaeConnRefused = syscall.Errno(10061)

// safe is err with a text that is one line and holds no secret. A
// network error may quote what the server said, and that may be what we sent.
func (c *Client) safe(err error) error {
	text := err.Error()
	if clean := c.cred.clean(text, maxErrorText); clean != text {
		return &cleanError{text: clean, is: func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}

// cleanError gives another text to an error. It keeps it from being found by
// errors.As, whose finds could be printed, but not from errors.Is; for %#v it
// stands behind a function, as the secret itself does.
type cleanError struct {
	text string
	is   func(target error) bool
}

func (e *cleanError) Error() string        { return e.text }
func (e *cleanError) Is(target error) bool { return e.is(target) }

// authError is a credential that couldn't be put onto a request.
type authError struct{ err error }

func (e *authError) Error() string { return "authorize: " + e.err.Error() }
func (e *authError) Unwrap() error { return e.err }

var errTooBig = errors.New("the body is too large")
