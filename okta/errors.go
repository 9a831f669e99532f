package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrPaging is in the error of a list whose next links can't be trusted:
	// they repeat, lead nowhere new, lead to another host or path, can't be
	// read, or no Link header came at all. A
	// result made of such pages would be wrong, so there is none.
	ErrPaging = errors.New("the list's pages don't add up")

	// ErrChanged is in the error of a list that had to be repeated from its
	// start and isn't the same any more up to where it had been delivered.
	ErrChanged = errors.New("the org's data changed while a page was repeated: run the query again")

	// ErrStalled is in the error of a call whose answer didn't begin within
	// Options.HeaderTimeout, paused for longer than Options.StallTimeout, or
	// wasn't whole within Options.AnswerTimeout.
	ErrStalled = errors.New("the org stopped answering")

	// ErrClosed is what [Pages.Next] returns after [Pages.Close].
	ErrClosed = errors.New("okta: the list is closed")
)

// Error is a call that failed: an answer that is an error (Status and the
// fields from its body), an answer that couldn't be used, or none at all (Err
// says what happened). It holds no secret and no query text.
type Error struct {
	Operation string // what the caller called it, "list users"
	Method    string // HTTP method
	Path      string // escaped path, without the query; Error shows its first 200 bytes

	// Status is the HTTP status of the last answer; 0 when there was none.
	Status int
	// Code is Okta's, "E0000007"; empty when the answer had no Okta error in it.
	Code string
	// Summary is Okta's sentence about the error, and may change from release
	// to release; Causes are its details. At most 500 bytes each, 20 causes.
	Summary string
	Causes  []string
	// RequestID is the answer's X-Okta-Request-Id, by which Okta's support
	// and the org's system log find the call. Empty when there was none.
	RequestID string
	// Hint says what may be wrong or what to do, where the client can tell.
	Hint string
	// Rate is what the answer said about the rate limit.
	Rate Rate
	// Attempts is how many requests were made for this call, from 1; 0 when
	// the call was refused before any.
	Attempts int
	// Err is what went wrong where it isn't the org that said so: an
	// *AnswerError, ErrStalled, ErrPaging, a network error, the context's
	// error. Nil otherwise.
	Err error

	transient bool
	inDoubt   bool
}

// Error is one line: operation, method, path, what happened, and at its end
// the request id where there is one.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "okta: %s: %s %s", e.Operation, e.Method, shortPath(e.Path))
	if e.Status != 0 && (e.Status > 299 || e.Err == nil) {
		fmt.Fprintf(&b, ": %d", e.Status)
		switch {
		case e.Code != "":
			b.WriteString(" " + e.Code)
		case http.StatusText(e.Status) != "":
			b.WriteString(" " + http.StatusText(e.Status))
		}
	}
	switch {
	case e.Summary != "":
		b.WriteString(": " + e.Summary)
	case e.Hint != "":
		b.WriteString(": " + e.Hint)
	}
	if len(e.Causes) > 0 {
		b.WriteString(": " + strings.Join(e.Causes, "; "))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	var end []string
	if e.Attempts > 1 {
		end = append(end, fmt.Sprintf("tried %d times", e.Attempts))
	}
	if e.RequestID != "" {
		end = append(end, "request "+e.RequestID)
	}
	if len(end) > 0 {
		b.WriteString(" (" + strings.Join(end, ", ") + ")")
	}
	return b.String()
}

// shortPath is a path of at most 200 bytes: that of a get by key is as long as
// the key that the caller was given.
func shortPath(path string) string {
	const longest = 200
	if len(path) <= longest {
		return path
	}
	return strings.ToValidUTF8(path[:longest], "") + "…"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// RateLimitError is a call that the org's rate limit refused (429) as often as
// the client was willing, or had the time, to try it. errors.As finds the
// *Error in it too.
type RateLimitError struct {
	Err *Error
	// Wait is how long the org would have the caller wait, at most two minutes.
	Wait time.Duration
	// Concurrency: it is the limit on calls at the same time that was met, or
	// the answer didn't say which.
	Concurrency bool
}

// Error is the line of Err.
func (e *RateLimitError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RateLimitError) Unwrap() error { return e.Err }

// AnswerError is an answer that isn't what was due: cut off, no JSON, JSON of
// another shape, or too large.
type AnswerError struct {
	Problem     string // "not JSON", "an object came where an array was due"
	ContentType string // as the answer declared it; empty when it didn't
	Excerpt     string // the first 80 bytes of the body without control characters; empty where it may be JSON, which is people's data
	Err         error  // the read error of a body that was cut off; otherwise nil
}

// Error says what was wrong and what came instead.
func (e *AnswerError) Error() string {
	var b strings.Builder
	b.WriteString("the answer can't be used: " + e.Problem)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	kind := e.ContentType
	if kind == "" {
		kind = "no content type"
	}
	if e.Excerpt == "" {
		return b.String() + "; what came: " + kind
	}
	fmt.Fprintf(&b, "; what came (%s): %q", kind, e.Excerpt)
	return b.String()
}

// Unwrap returns Err.
func (e *AnswerError) Unwrap() error { return e.Err }

// IsNotFound says whether the org answered that what was asked for doesn't
// exist (404 with E0000007). A 404 of any other kind, such as a path that the
// API doesn't have, is no such answer.
func IsNotFound(err error) bool {
	return hasStatus(err, http.StatusNotFound) && hasCode(err, "E0000007")
}

// IsRateLimited says whether the call failed at the org's rate limit (429).
func IsRateLimited(err error) bool { return hasStatus(err, http.StatusTooManyRequests) }

// IsUnauthorized says whether the org didn't accept the credential (401).
func IsUnauthorized(err error) bool {
	return hasStatus(err, http.StatusUnauthorized) && !hasCode(err, featureOff)
}

// IsForbidden says whether the credential lacks a right or scope (403), or the
// org a feature (401 with E0000015).
func IsForbidden(err error) bool {
	return hasStatus(err, http.StatusForbidden) || hasCode(err, featureOff)
}

// featureOff is Okta's code for a feature that the org doesn't have. It comes
// with 401, but no other credential would help.
const featureOff = "E0000015"

// Retryable says whether the same call may well succeed later: rate limits,
// server errors, broken connections, answers that came damaged. False for what
// only a change of the call, the credential or the org can mend, and for calls
// that were cancelled.
func Retryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.transient && !errors.Is(err, context.Canceled)
}

func hasStatus(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == status
}

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// errorBody is the body of Okta's errors.
type errorBody struct {
	Code    string `json:"errorCode"`
	Summary string `json:"errorSummary"`
	Causes  []struct {
		Summary string `json:"errorSummary"`
	} `json:"errorCauses"`
}

const (
	maxErrorText   = 500 // bytes of one sentence of an error
	maxErrorCauses = 20
	maxExcerpt     = 80
)

// errorOf turns an answer that isn't a success into an error. All errors that
// the org answers are made here.
func (c *Client) errorOf(call *call, a *answer) *Error {
	e := c.newError(call, a)
	var body errorBody
	if valid, _ := validJSON(a.body); valid && json.Unmarshal(a.body, &body) == nil {
		e.Code = c.cred.clean(body.Code, 40)
		e.Summary = c.cred.clean(body.Summary, maxErrorText)
		for _, cause := range body.Causes {
			if text := c.cred.clean(cause.Summary, maxErrorText); text != "" && len(e.Causes) < maxErrorCauses {
				e.Causes = append(e.Causes, text)
			}
		}
	}
	e.Hint = c.hint(e, a)
	return e
}

// newError is an Error with what is known of a call and its answer, if any.
func (c *Client) newError(call *call, a *answer) *Error {
	e := &Error{Operation: call.op, Method: call.method, Path: call.path}
	if a != nil {
		e.Status = a.status
		e.RequestID = c.cred.clean(a.header.Get("X-Okta-Request-Id"), 80)
		e.Rate = a.rate
	}
	return e
}

// hint says what may be wrong, from the status, the Okta code and the headers.
func (c *Client) hint(e *Error, a *answer) string {
	if a.status >= 300 && a.status < 400 {
		return c.redirectHint(a)
	}
	if text := c.challengeHint(a.header); text != "" {
		return text
	}
	switch {
	case a.status == http.StatusUnauthorized && (e.Code == "" || e.Code == "E0000011"):
		return "the org doesn't accept the API token: it is wrong, revoked, or expired after 30 days without use; " +
			"make a new one in Security > API > Tokens"
	case e.Code == "E0000006":
		return "the admin whose token this is lacks the right for this call"
	case e.Code == "E0000008":
		return "this host has no such API path: check the org URL"
	case e.Code == "" && len(a.body) > 0 && e.Summary == "":
		return fmt.Sprintf("the answer is not the API's (%s): %q", c.contentType(a), c.excerpt(a))
	}
	return ""
}

// redirectHint names the host that a redirect leads to.
func (c *Client) redirectHint(a *answer) string {
	to, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" || to.Host == "" {
		return "the answer is a redirect without a usable target; redirects are not followed"
	}
	host := c.cred.clean(strings.ToLower(to.Scheme)+"://"+hostPort(to), maxErrorText)
	if sameHost(c.org, to) {
		return "redirected to another path of " + host + ", which is not followed: check the org URL"
	}
	return "redirected to " + host + ", which is not followed: if that is the org, use it as the org URL"
}

// challengeHint makes a sentence of WWW-Authenticate, which is all there is to
// go by when an OAuth token is expired or lacks a scope: the body is empty then.
func (c *Client) challengeHint(h http.Header) string {
	for _, challenge := range h.Values("WWW-Authenticate") {
		params := authParams(challenge)
		code, text, scope := params["error"], params["error_description"], params["scope"]
		if code == "" && text == "" {
			continue
		}
		switch {
		case text == "":
			text = code
		case code != "":
			text = strings.TrimSuffix(text, ".") + " (" + code + ")"
		}
		if scope != "" && code == "insufficient_scope" {
			text += "; the call needs the scope " + scope
		}
		return c.cred.clean(text, maxErrorText)
	}
	return ""
}

// authParams reads the parameters of one WWW-Authenticate challenge, such as
// `Bearer realm="x", error="invalid_token"`. Names come in lower case; what
// isn't a parameter is skipped, the first of two with one name counts.
func authParams(s string) map[string]string {
	params := map[string]string{}
	// The scheme is a word without "=", and ends at the first space.
	if scheme, rest, ok := strings.Cut(s, " "); ok && !strings.Contains(scheme, "=") {
		s = rest
	}
	for s != "" {
		s = strings.TrimLeft(s, " \t,")
		end := strings.IndexAny(s, "=,")
		if end < 0 {
			break
		}
		if s[end] == ',' {
			s = s[end:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:end]))
		var value string
		value, s = authValue(strings.TrimLeft(s[end+1:], " \t"))
		if _, twice := params[name]; !twice {
			params[name] = value
		}
	}
	return params
}

// authValue reads a quoted string or a token from the start of s and returns
// it with the rest.
func authValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		if end := strings.IndexByte(s, ','); end >= 0 {
			return strings.TrimSpace(s[:end]), s[end:]
		}
		return strings.TrimSpace(s), ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// answerError describes a body that isn't what was due.
func (c *Client) answerError(a *answer, problem string, err error) *AnswerError {
	return &AnswerError{Problem: problem, ContentType: c.contentType(a), Excerpt: c.excerpt(a), Err: err}
}

func (c *Client) contentType(a *answer) string {
	return c.cred.clean(a.header.Get("Content-Type"), maxExcerpt)
}

// excerpt is the beginning of a body, to show what came in the place of JSON. What may be JSON is not
// shown: it would put people's data into logs.
func (c *Client) excerpt(a *answer) string {
	if start := bytes.TrimLeft(a.body, " \t\r\n"); len(start) > 0 && (start[0] == '[' || start[0] == '{') {
		return ""
	}
	const far = 1 << 13
	return c.cred.cleanCut(string(a.body[:min(len(a.body), far)]), maxExcerpt, a.cut || len(a.body) > far)
}
