package okta_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// suspended is a sandbox with a client, and a call that suspends one active user.
func suspended(t *testing.T, change func(*okta.Options)) (*oktatest.Server, *okta.Client, okta.Request, func() string) {
	t.Helper()
	s := oktatest.Start(t, oktatest.Options{Users: 20})
	var id string
	for raw := range s.Users() {
		var u struct{ ID, Status string }
		if err := json.Unmarshal(raw, &u); err != nil {
			t.Fatal(err)
		}
		if u.Status == "ACTIVE" {
			id = u.ID
		}
	}
	c, err := okta.New(s.URL, okta.Token(s.Token), options(change))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := okta.Request{Operation: "suspend user", Method: http.MethodPost, Path: "/api/v1/users/" + id + "/lifecycle/suspend"}
	status := func() string {
		for raw := range s.Users() {
			var u struct{ ID, Status string }
			if json.Unmarshal(raw, &u); u.ID == id {
				return u.Status
			}
		}
		return "none"
	}
	return s, c, r, status
}

func options(change func(*okta.Options)) okta.Options {
	o := okta.Options{Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	if change != nil {
		change(&o)
	}
	return o
}

// refuses are the faults after which the org certainly did nothing, and wants to be asked again.
var refuses = []oktatest.FaultKind{oktatest.RateLimited, oktatest.Concurrency, oktatest.RateLimitedBare}

// rejects are those after which it did nothing, and never will.
var rejects = []oktatest.FaultKind{oktatest.Redirect, oktatest.Unauthorized, oktatest.Forbidden}

// A write is sent once unless the org refused it; its error says whether it may have taken effect.
func TestDoFaults(t *testing.T) {
	for _, kind := range oktatest.FaultKinds() {
		for _, times := range []int{1, oktatest.Forever} {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				s, c, r, status := suspended(t, outcomes[kind].change)
				s.Inject(oktatest.Fault{Kind: kind, Times: times})
				_, err := c.Do(t.Context(), r)
				now, sent := status(), len(s.Requests())
				switch {
				case slices.Contains(refuses, kind) && times == 1:
					if err != nil || now != "SUSPENDED" || sent != 2 {
						t.Errorf("refused once: %v, %s, %d requests", err, now, sent)
					}
				case slices.Contains(refuses, kind):
					if !okta.IsRateLimited(err) || okta.InDoubt(err) || now != "ACTIVE" || sent != 6 {
						t.Errorf("refused for good: %v, in doubt %t, %s, %d requests", err, okta.InDoubt(err), now, sent)
					}
				case slices.Contains(rejects, kind):
					if err == nil || okta.InDoubt(err) || now != "ACTIVE" || sent != 1 {
						t.Errorf("rejected: %v, in doubt %t, %s, %d requests", err, okta.InDoubt(err), now, sent)
					}
				case sent > 1: // a request that is given up while it is late is never logged
					t.Errorf("sent %d times", sent)
				case err == nil && now != "SUSPENDED":
					t.Errorf("no error, and the user is %s", now)
				case err != nil && !okta.InDoubt(err):
					t.Errorf("%v isn't in doubt, and the user is %s", err, now)
				}
			})
		}
	}
}

// What the org says is settled, whatever it says.
func TestDoAnswers(t *testing.T) {
	_, c, r, status := suspended(t, nil)
	a, err := c.Do(t.Context(), r)
	if err != nil || a.Status != 200 || string(a.Body) != "{}" && len(a.Body) != 0 || a.RequestID == "" || a.Date.IsZero() || !a.Rate.Known() {
		t.Errorf("suspend: %+v, %v", a, err)
	}
	_, err = c.Do(t.Context(), r) // suspended already
	var e *okta.Error
	if !errors.As(err, &e) || e.Status != 403 && e.Status != 400 || e.Code == "" || okta.InDoubt(err) || status() != "SUSPENDED" {
		t.Errorf("suspend twice: %v", err)
	}
	r.Path = "/api/v1/users/00unobody00000000000/lifecycle/suspend"
	if _, err = c.Do(t.Context(), r); !okta.IsNotFound(err) || okta.InDoubt(err) {
		t.Errorf("suspend nobody: %v", err)
	}
}

// A body goes out as it is, If-Match with it, and an ETag that is no longer right changes nothing.
func TestDoIfMatch(t *testing.T) {
	_, c, r, _ := suspended(t, nil)
	path := strings.TrimSuffix(r.Path, "/lifecycle/suspend")
	get := okta.Request{Operation: "get user", Method: http.MethodGet, Path: path}
	a, err := c.Do(t.Context(), get)
	if err != nil || a.ETag == "" {
		t.Fatalf("get: %+v, %v", a, err)
	}
	update := okta.Request{Operation: "update user", Method: http.MethodPost, Path: path, IfMatch: a.ETag, Body: []byte(`{"profile":{"department":"Ümläut \"IT\""}}`)}
	b, err := c.Do(t.Context(), update)
	if err != nil || !strings.Contains(string(b.Body), `"department":"Ümläut \"IT\""`) {
		t.Fatalf("update: %v", err)
	}
	if _, err = c.Do(t.Context(), update); !okta.IsChanged(err) || okta.InDoubt(err) {
		t.Errorf("update with an old ETag: %v", err)
	}
}

// Read-only is refused before anything is sent, whatever the method's letters.
func TestDoReadOnly(t *testing.T) {
	s, c, r, _ := suspended(t, func(o *okta.Options) { o.ReadOnly = true })
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "post", "get", ""} {
		r.Method = method
		if _, err := c.Do(t.Context(), r); !errors.Is(err, okta.ErrReadOnly) || okta.InDoubt(err) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, err := c.Get(t.Context(), "get user", strings.TrimSuffix(r.Path, "/lifecycle/suspend"), nil); err != nil {
		t.Error(err)
	}
}

// A call that never left is not in doubt, and is tried again.
func TestDoUnsent(t *testing.T) {
	s, _, r, _ := suspended(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	c, _ := okta.New(nobody, okta.Token("x"), options(nil))
	if _, err := c.Do(t.Context(), r); err == nil || okta.InDoubt(err) {
		t.Errorf("nobody listens: %v, in doubt %t", err, okta.InDoubt(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _ = okta.New(s.URL, okta.Token(s.Token), options(nil))
	if _, err := c.Do(ctx, r); !errors.Is(err, context.Canceled) || okta.InDoubt(err) {
		t.Errorf("cancelled before: %v", err)
	}
	// Cancelled while the org is at work: nobody knows.
	s.Inject(oktatest.Fault{Kind: oktatest.Delay, Delay: time.Minute})
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, r); !errors.Is(err, context.DeadlineExceeded) || !okta.InDoubt(err) {
		t.Errorf("cancelled under way: %v, in doubt %t", err, okta.InDoubt(err))
	}
}

// A stop lets nothing more be sent, and ends the wait for another try; what was sent goes on.
func TestDoStop(t *testing.T) {
	s, _, r, status := suspended(t, nil)
	waits := make(chan struct{})
	c, _ := okta.New(s.URL, okta.Token(s.Token), okta.Options{OnWait: func(okta.Wait) { close(waits) }})
	stop := make(chan struct{})
	r.Stop = stop
	s.Inject(oktatest.Fault{Kind: oktatest.RateLimited, Delay: time.Minute})
	go func() { <-waits; close(stop) }()
	if _, err := c.Do(t.Context(), r); !errors.Is(err, okta.ErrStopped) || okta.InDoubt(err) {
		t.Errorf("stopped while it waits: %v", err)
	}
	if _, err := c.Do(t.Context(), r); !errors.Is(err, okta.ErrStopped) || okta.InDoubt(err) || len(s.Requests()) != 1 {
		t.Errorf("stopped before: %v, %d requests", err, len(s.Requests()))
	}
	stop = make(chan struct{})
	r.Stop = stop
	c, _ = okta.New(s.URL, okta.Token(s.Token), okta.Options{}) // which knows of no limit
	s.Inject(oktatest.Fault{Kind: oktatest.Delay, Delay: 200 * time.Millisecond})
	time.AfterFunc(20*time.Millisecond, func() { close(stop) })
	if _, err := c.Do(t.Context(), r); err != nil || status() != "SUSPENDED" {
		t.Errorf("stopped under way: %v, %s", err, status())
	}
}

// A transport that fails before it has written anything leaves no doubt only if it is the client's own,
// or says so by its error.
func TestDoOwnTransport(t *testing.T) {
	_, _, r, _ := suspended(t, nil)
	fails := func(err error) func(*okta.Options) {
		return func(o *okta.Options) { o.Transport = failing{err} }
	}
	for _, c := range []struct {
		err     error
		inDoubt bool
	}{
		{io.ErrUnexpectedEOF, true},
		{&net.OpError{Op: "read", Err: io.EOF}, true},
		{&net.OpError{Op: "dial", Err: errors.New("no route")}, false},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false},
	} {
		client, _ := okta.New("https://acme.okta.com", okta.Token("x"), options(fails(c.err)))
		if _, err := client.Do(t.Context(), r); err == nil || okta.InDoubt(err) != c.inDoubt {
			t.Errorf("%v: in doubt %t", err, okta.InDoubt(err))
		}
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }
