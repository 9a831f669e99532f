package okta_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
)

// secret is the marked token of all tests: it must not turn up anywhere.
const secret = "00MARKEDsecretTOKENvalue_0123456789-abcdef"

// org is a list of users at /api/v1/users whose answers a test can replace.
type org struct {
	*httptest.Server
	users int
	// fault answers request n (from 1) in place of the list; false: it doesn't.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool

	mu   sync.Mutex
	asks []string // the limit and cursor of each request
}

func newOrg(t testing.TB, users int, fault func(w http.ResponseWriter, r *http.Request, n int) bool) *org {
	o := &org{users: users, fault: fault}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "SSWS "+secret {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	after, _ := strconv.Atoi(r.FormValue("after"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	o.mu.Lock()
	o.asks = append(o.asks, fmt.Sprintf("%d+%d", after, limit))
	n := len(o.asks)
	o.mu.Unlock()
	w.Header().Set("X-Okta-Request-Id", fmt.Sprintf("req%d", n))
	if o.fault != nil && o.fault(w, r, n) {
		return
	}
	o.list(w, r)
}

func (o *org) asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.asks...)
}

// list answers as the API does.
func (o *org) list(w http.ResponseWriter, r *http.Request) {
	body, next := o.page(r)
	link(w, r, "self", "limit="+r.FormValue("limit"))
	if next != "" {
		link(w, r, "next", next)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func (o *org) page(r *http.Request) (body []byte, next string) {
	after, _ := strconv.Atoi(r.FormValue("after"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	end := min(after+limit, o.users)
	var b bytes.Buffer
	b.WriteByte('[')
	for i := after; i < end; i++ {
		if i > after {
			b.WriteByte(',')
		}
		b.WriteString(user(i))
	}
	b.WriteByte(']')
	if end < o.users {
		next = url.Values{"after": {strconv.Itoa(end)}, "limit": {strconv.Itoa(limit)}}.Encode()
	}
	return b.Bytes(), next
}

func user(i int) string {
	return fmt.Sprintf(`{"id":"00u%05d","profile":{"login":"user%d@acme.example"}}`, i, i)
}

func link(w http.ResponseWriter, r *http.Request, rel, query string) {
	w.Header().Add("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="%s"`, r.Host, r.URL.Path, query, rel))
}

func oktaError(w http.ResponseWriter, status int, code, summary string, causes ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	list := []map[string]string{}
	for _, c := range causes {
		list = append(list, map[string]string{"errorSummary": c})
	}
	json.NewEncoder(w).Encode(map[string]any{
		"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae1", "errorCauses": list,
	})
}

// clock is a fake time that sleeping moves on, and a record of the waits.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
	told  []okta.Wait
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

func (c *clock) OnWait(w okta.Wait) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, w)
}

// newClient is a client of an org with a fake clock and random numbers that
// are all r.
func newClient(t testing.TB, orgURL string, r float64, change func(*okta.Options)) (*okta.Client, *clock) {
	t.Helper()
	clock := newClock()
	o := okta.Options{Now: clock.Now, Sleep: clock.Sleep, OnWait: clock.OnWait, Rand: func() float64 { return r }}
	if change != nil {
		change(&o)
	}
	c, err := okta.New(orgURL, okta.Token(secret), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, clock
}

func listUsers(c *okta.Client, size int) *okta.Pages {
	return c.Pages("list users", "/api/v1/users", nil, okta.PageOptions{Size: size, NeedID: true})
}

// readAll reads a list to its end, with or without prefetching.
func readAll(ctx context.Context, p *okta.Pages, prefetch bool) ([]string, error) {
	var all []string
	for {
		page, err := p.Next(ctx)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if prefetch {
			p.Prefetch(ctx)
		}
		for _, item := range page.Items {
			all = append(all, string(item))
		}
	}
}

// wantUsers fails unless all are the first n users, each once and in order.
func wantUsers(t *testing.T, all []string, n int) {
	t.Helper()
	if len(all) != n {
		t.Fatalf("%d items, want %d", len(all), n)
	}
	for i, item := range all {
		if item != user(i) {
			t.Fatalf("item %d is %s, want %s", i, item, user(i))
		}
	}
}

// wantNoSecret fails if the token is in the text of an error or its parts.
func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
			if text := fmt.Sprintf(format, e); strings.Contains(text, secret) {
				t.Fatalf("the token is in %s of a %T: %s", format, e, text)
			}
		}
	}
}

// wantNoGoroutines fails if goroutines started since before are still there
// after some seconds.
func wantNoGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// hijack takes over the connection of a request.
func hijack(w http.ResponseWriter) (net.Conn, func(format string, args ...any)) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return conn, func(format string, args ...any) {
		fmt.Fprintf(rw, format, args...)
		rw.Flush()
	}
}

func gzipped(b []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(b)
	z.Close()
	return buf.Bytes()
}

func TestOrgName(t *testing.T) {
	for host, want := range map[string]string{
		"acme.okta.com": "acme", "Acme.OktaPreview.com": "acme", "acme.okta-emea.com:443": "acme", "a.okta.mil": "a",
		"acme.okta-gov.com": "acme", "acme.trexcloud.com": "acme", "okta.com": "okta.com", "a.b.okta.com": "a.b.okta.com",
		"id.acme.example": "id.acme.example", "127.0.0.1:8080": "127.0.0.1", "[::1]:80": "::1", "acmeokta.com": "acmeokta.com",
		".okta.com": ".okta.com", "": "",
	} {
		if got := okta.OrgName(host); got != want {
			t.Errorf("OrgName(%q) is %q, want %q", host, got, want)
		}
	}
}
