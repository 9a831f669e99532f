package okta

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A credential that can't be had ends the call before a request is made, and a
// request that doesn't go to the org never gets one.
func TestAuthorize(t *testing.T) {
	errNoKey := errors.New("the key is gone")
	asked := 0
	cred := Token("00secretOfTheTest")
	c, err := New("https://acme.okta.com", cred, Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, errors.New("asked")
	})})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"https://acme.okta.com:444/", "http://acme.okta.com/", "https://acme.okta.com.evil.example/", "https://u@acme.okta.com/"} {
		call := &call{op: "get user", method: http.MethodGet}
		if call.url, err = url.Parse(to); err != nil {
			t.Fatal(err)
		}
		if _, err := c.do(t.Context(), call); err == nil || !strings.Contains(err.Error(), "the request doesn't go to the org") {
			t.Errorf("%s: %v", to, err)
		}
	}
	c.cred.authorize = func(context.Context, *http.Request) error { return errNoKey }
	if _, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil); !errors.Is(err, errNoKey) || Retryable(err) ||
		!strings.Contains(err.Error(), "authorize: the key is gone") {
		t.Errorf("error %v", err)
	}
	if asked != 0 {
		t.Errorf("%d requests", asked)
	}
}

// Only GETs are repeated: what another method did before it failed is unknown.
func TestOnlyGetsAreRepeated(t *testing.T) {
	asked := 0
	c, err := New("https://acme.okta.com", Token("00secretOfTheTest"), Options{
		Sleep: func(context.Context, time.Duration) error { return nil },
		Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			asked++
			return nil, errors.New("the line is dead")
		})})
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{http.MethodPost: 1, http.MethodPut: 1, http.MethodDelete: 1, http.MethodGet: 6} {
		asked = 0
		call := &call{op: "try", method: method, path: "/x"}
		if call.url, err = c.target(call.path, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.do(t.Context(), call); err == nil || asked != want {
			t.Errorf("%s: asked %d times, error %v", method, asked, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"ab":            "ab",
		"abc":           "***",
		"xABCabcAb":     "x******Ab",
		"aabc\u00e9abc": "a***\u00e9***",
	} {
		if got := redact(in, "abc"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
