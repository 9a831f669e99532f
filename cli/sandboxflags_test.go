package cli

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

func TestRateLimitsOfTheSandbox(t *testing.T) {
	for text, want := range map[string]oktatest.RateLimit{"": {}, "600": {Calls: 600}, "50/10s": {Calls: 50, Window: 10 * time.Second}, "1/1m": {Calls: 1, Window: time.Minute}} {
		if got, err := parseRateLimit(text); err != nil || got.Calls != want.Calls || got.Window != want.Window {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "x", "1/", "1/0s", "1/10", "/10s", "1/10s/2"} {
		if _, err := parseRateLimit(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAddressesOfTheSandbox(t *testing.T) {
	for addr, far := range map[string]bool{"127.0.0.1:0": false, "127.8.9.1:80": false, "[::1]:8080": false, "localhost:0": false, "LocalHost:1": false,
		"0.0.0.0:0": true, ":8080": true, "[::]:8080": true, "192.0.2.7:80": true, "acme.example:80": true} {
		if err := (&sandboxFlags{addr: addr}).checkAddress(); (err != nil) != far {
			t.Errorf("%s without a token: %v", addr, err)
		}
		if err := (&sandboxFlags{addr: addr, token: "mine"}).checkAddress(); err != nil {
			t.Errorf("%s with a token: %v", addr, err)
		}
	}
	for _, addr := range []string{"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:-1", "::1:80"} {
		if err := (&sandboxFlags{addr: addr, token: "mine"}).checkAddress(); err == nil {
			t.Errorf("%q is taken for an address", addr)
		}
	}
	for server, want := range map[string]string{"http://0.0.0.0:81": "http://127.0.0.1:81", "http://[::]:81": "http://127.0.0.1:81", "http://[::1]:81": "http://[::1]:81", "http://127.0.0.1:81": "http://127.0.0.1:81"} {
		if got := reachable(server); got != want {
			t.Errorf("%s is reached at %s", server, got)
		}
	}
}

// TestTheSandboxOnAllInterfaces is reachable by the address that it gives, with the token that was chosen.
func TestTheSandboxOnAllInterfaces(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"sandbox", "--addr", "0.0.0.0:0", "--users", "0", "--token", "mine", "--rate-limit", "1", "--faults", "internal-error@3"}, nil, w, &bytes.Buffer{}, environment(nil))
		w.Close()
	}()
	var line [4096]byte
	n, err := r.Read(line[:])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line[:n]), "export OKTA_CLIENT_ORGURL='")
	address, _, _ := strings.Cut(rest, "'")
	if host, _, err := net.SplitHostPort(strings.TrimPrefix(address, "http://")); err != nil || host != "127.0.0.1" {
		t.Fatalf("the address is %q", address)
	}
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusTooManyRequests} {
		req, err := http.NewRequest(http.MethodGet, address+"/api/v1/users/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "SSWS mine")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("request %d: %d, want %d", i+1, res.StatusCode, want)
		}
	}
	cancel(&signalError{os.Interrupt})
	if code := <-ended; code != ExitOK {
		t.Errorf("exit code %d", code)
	}
}
