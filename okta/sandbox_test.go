package okta_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// everybody finds every user, deprovisioned ones too.
var everybody = url.Values{"search": {`created ge "1970-01-01T00:00:00.000Z"`}}

// outcome is what a client must make of a fault of the sandbox.
type outcome struct {
	heals  bool                // if it happens once, nobody notices
	is     func(error) bool    // what is true of the error
	say    string              // what the error says
	change func(*okta.Options) // how the client must be set up
}

func isPaging(err error) bool { return errors.Is(err, okta.ErrPaging) && !okta.Retryable(err) }

func isUnexpectedEOF(err error) bool {
	return okta.Retryable(err) && errors.Is(err, io.ErrUnexpectedEOF)
}

func isAnswer(err error) bool {
	var a *okta.AnswerError
	return errors.As(err, &a) && okta.Retryable(err)
}

var outcomes = map[oktatest.FaultKind]outcome{
	oktatest.RateLimited:     {heals: true, is: okta.IsRateLimited, say: "429 E0000047"},
	oktatest.Concurrency:     {heals: true, is: okta.IsRateLimited, say: "429 E0000047"},
	oktatest.RateLimitedBare: {heals: true, is: okta.IsRateLimited, say: "429 E0000047"},
	oktatest.InternalError:   {heals: true, is: okta.Retryable, say: "500 E0000009"},
	oktatest.Unavailable:     {heals: true, is: okta.Retryable, say: "503 Service Unavailable"},
	oktatest.SearchDown:      {heals: true, is: okta.Retryable, say: "503 E0000100"},
	oktatest.HTMLOK:          {heals: true, is: isAnswer, say: "HTML or XML came where JSON was due; what came (text/html"},
	oktatest.CutOff:          {heals: true, is: isAnswer, say: "it broke off after"},
	oktatest.CutOffChunked:   {heals: true, is: isAnswer, say: "it broke off after"},
	oktatest.Stall:           {heals: true, is: isAnswer, say: "the org stopped answering: not a byte came for", change: quickBody},
	oktatest.Reset:           {heals: true, is: okta.Retryable, say: "tried 6 times"},
	oktatest.HangUp:          {heals: true, is: isUnexpectedEOF, say: "tried 6 times"},
	oktatest.ResetAfter:      {heals: true, is: okta.Retryable, say: "tried 6 times"},
	oktatest.Delay:           {heals: true, is: okta.Retryable, say: "the org stopped answering: no answer began within", change: quickHeaders},
	oktatest.BadJSON:         {heals: true, is: isAnswer, say: "the JSON breaks off after"},
	oktatest.ObjectForArray:  {heals: true, is: isAnswer, say: `an object came where an array was due; what came: application/json`},
	oktatest.RepeatNext:      {is: isPaging, say: "leads back to a page already read"},
	oktatest.CycleNext:       {is: isPaging, say: "leads back to a page already read"},
	oktatest.ForeignNext:     {is: isPaging, say: "the next link leads to http://elsewhere.invalid, which is not the org's host"},
	oktatest.Redirect:        {is: func(err error) bool { return !okta.Retryable(err) }, say: "302 Found: redirected to http://elsewhere.invalid"},
	oktatest.Unauthorized:    {is: okta.IsUnauthorized, say: "401 E0000011"},
	oktatest.Forbidden:       {is: okta.IsForbidden, say: "403 Forbidden: The access token provided does not contain the required scopes (insufficient_scope); the call needs the scope okta.users.read"},
	oktatest.EmptyPage:       {heals: true, is: isPaging, say: "more than 100 pages in a row without a new object"},
}

// Every fault of the sandbox, at the first, a middle and the last page, once
// and for good: every user comes exactly once, or an error does.
func TestSandboxFaults(t *testing.T) {
	const users = 450
	for _, kind := range oktatest.FaultKinds() {
		want, ok := outcomes[kind]
		if !ok {
			t.Errorf("no outcome is known for %s", kind)
			continue
		}
		for _, at := range []int{1, 3, 5} {
			for _, times := range []int{1, oktatest.Forever} {
				if want.change != nil && times < 0 && at > 1 || testing.Short() && at > 1 {
					continue
				}
				t.Run(fmt.Sprintf("%s at %d, %d times", kind, at, times), func(t *testing.T) {
					t.Parallel()
					o := oktatest.Start(t, oktatest.Options{Users: users, Token: secret, Gzip: at == 3, Faults: []oktatest.Fault{
						{Kind: kind, At: at, Times: times}}})
					c, _ := newClient(t, o.URL, 0.5, want.change)
					p := c.Pages("list users", "/api/v1/users", everybody, okta.PageOptions{Size: 100})
					defer p.Close()
					all, err := readAll(t.Context(), p, times == 1)
					wantPrefix(t, all, o)
					wantNoSecret(t, err)
					switch heals := want.heals && times == 1; {
					case heals && (err != nil || len(all) != users):
						t.Errorf("%d users, error %v", len(all), err)
					case heals:
					case err == nil:
						t.Errorf("%d users and no error", len(all))
					case !want.is(err) || !strings.Contains(err.Error(), want.say):
						t.Errorf("error %v, want %q", err, want.say)
					}
				})
			}
		}
	}
}

// wantPrefix fails unless all are the first of the org's users by id, in order.
func wantPrefix(t *testing.T, all []string, o *oktatest.Server) {
	t.Helper()
	var want []string
	for user := range o.Users() {
		want = append(want, idOf(user))
	}
	slices.Sort(want)
	if len(all) > len(want) {
		t.Fatalf("%d items of %d users", len(all), len(want))
	}
	for i, item := range all {
		if id := idOf([]byte(item)); id != want[i] {
			t.Fatalf("item %d is %s, want %s", i, id, want[i])
		}
	}
}

func idOf(object []byte) string {
	var o struct{ ID string }
	if err := json.Unmarshal(object, &o); err != nil || o.ID == "" {
		return fmt.Sprintf("no id in %s: %v", object, err)
	}
	return o.ID
}

// The sandbox's own limit, with real waits: the client waits for the window
// and gets everybody.
func TestSandboxRateLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a window to end")
	}
	t.Parallel()
	o := oktatest.Start(t, oktatest.Options{Users: 50, Token: secret, RateLimit: oktatest.RateLimit{Calls: 4, Window: time.Second}})
	var waits []okta.Wait
	c, err := okta.New(o.URL, okta.Token(secret), okta.Options{
		Rand: func() float64 { return 0 }, OnWait: func(w okta.Wait) { waits = append(waits, w) }})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Pages("list users", "/api/v1/users", everybody, okta.PageOptions{Size: 10})
	defer p.Close()
	all, err := readAll(t.Context(), p, false)
	if err != nil || len(all) != 50 || len(waits) != 1 || waits[0].Reason != okta.WaitRateLimit {
		t.Errorf("%d users, error %v, waits %v", len(all), err, waits)
	}
}

// One user, by a key that isn't there.
func TestSandboxNotFound(t *testing.T) {
	o := oktatest.Start(t, oktatest.Options{Users: 3, Token: secret})
	c, _ := newClient(t, o.URL, 0, nil)
	_, err := c.Get(t.Context(), "get user", "/api/v1/users/nobody@acme.example", nil)
	var e *okta.Error
	if !okta.IsNotFound(err) || !errors.As(err, &e) || e.Status != http.StatusNotFound || e.RequestID == "" || !e.Rate.Known() ||
		!strings.HasSuffix(err.Error(), "(request "+e.RequestID+")") {
		t.Errorf("error %v", err)
	}
}
