package okta_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whoql/whoql/okta"
)

func TestNewURL(t *testing.T) {
	for _, tc := range []struct{ in, url, host string }{
		{"https://acme.okta.com", "https://acme.okta.com", "acme.okta.com"},
		{" https://ACME.okta.com/\n", "https://acme.okta.com", "acme.okta.com"},
		{"HTTPS://id.acme.example:443//", "https://id.acme.example", "id.acme.example"},
		{"https://id.acme.example:8443", "https://id.acme.example:8443", "id.acme.example:8443"},
		{"https://site-admin.acme.example", "https://site-admin.acme.example", "site-admin.acme.example"},
		{"http://localhost:8080", "http://localhost:8080", "localhost:8080"},
		{"http://127.8.9.1:80/", "http://127.8.9.1", "127.8.9.1"},
		{"http://[::1]:7000", "http://[::1]:7000", "[::1]:7000"},
	} {
		c, err := okta.New(tc.in, okta.Token(secret), okta.Options{})
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		} else if c.URL() != tc.url || c.Host() != tc.host {
			t.Errorf("%q: %s, %s", tc.in, c.URL(), c.Host())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", "the org URL is empty: write https://acme.okta.com"},
		{"acme.okta.com", "has no scheme"},
		{"https://", "is not a URL"},
		{"https://:8443", "is not a URL"},
		{"https://acme.okta.com:port", "is not a URL"},
		{"https://me:" + secret + "@acme.okta.com:x", "is not a URL"},
		{"https://me:" + secret + "@acme.okta.com", "a user name or password"},
		{"https://acme.okta.com/admin/dashboard", "has a path: write https://acme.okta.com"},
		{"https://acme.okta.com?a=" + secret, "has a query or fragment: write https://acme.okta.com"},
		{"https://acme.okta.com/?", "has a query or fragment"},
		{"https://acme.okta.com#x", "has a query or fragment"},
		{"ftp://acme.okta.com", `has the scheme "ftp": write https://acme.okta.com`},
		{"http://acme.okta.com", "unprotected: write https://acme.okta.com"},
		{"http://localhost.acme.example", "unprotected"},
		{"http://192.168.1.1", "unprotected"},
		{"http://127.0.0.1.acme.example", "unprotected"},
		{"https://acme-admin.okta.com", "the admin console, not the API: write https://acme.okta.com"},
		{"https://acme-admin.oktapreview.com", "write https://acme.oktapreview.com"},
	} {
		_, err := okta.New(tc.in, okta.Token(secret), okta.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "okta: ") {
			t.Errorf("%q: error %v, want %q", tc.in, err, tc.want)
		}
		wantNoSecret(t, err)
	}
	for _, tc := range []struct {
		cred okta.Credential
		want string
	}{
		{okta.Credential{}, "no credential"},
		{okta.Token(" \n"), "is empty"},
		{okta.Token("SSWS "), "is empty"},
		{okta.Token(secret + "\n" + secret), "a character at byte 42"},
		{okta.Token(secret + "é"), "a character at byte 42"},
	} {
		_, err := okta.New("https://acme.okta.com", tc.cred, okta.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
		wantNoSecret(t, err)
	}
	_, err := okta.New("https://acme.okta.com", okta.Token(secret),
		okta.Options{Transport: http.DefaultTransport, Proxy: http.ProxyFromEnvironment})
	if err == nil {
		t.Error("a transport and a proxy: no error")
	}
}

// No way to print a value of the package shows the token.
func TestSecretNotPrinted(t *testing.T) {
	cred := okta.Token(" SSWS " + secret + "\n")
	c, err := okta.New("https://acme.okta.com", cred, okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pages := c.Pages("list users", "/api/v1/users", nil, okta.PageOptions{})
	defer pages.Close()
	type holder struct {
		cred okta.Credential
		Cred okta.Credential
		any  any
	}
	for _, v := range []any{cred, &cred, c, *c, pages, *pages, holder{cred, cred, *c}, []any{cred}, map[string]any{"x": *c}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(format, v)
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("the token is in %s of a %T", format, v)
			}
		}
		if b, _ := json.Marshal(v); strings.Contains(string(b), secret) {
			t.Errorf("the token is in the JSON of a %T", v)
		}
	}
	if cred.String() != "SSWS ***" || fmt.Sprintf("%#v", cred) != "SSWS ***" || (okta.Credential{}).String() != "no credential" {
		t.Error("wrong text:", cred)
	}
	if c.String() != "okta client of https://acme.okta.com" {
		t.Error("wrong text:", c)
	}
}

// A server that echoes the token doesn't get it into an error.
func TestSecretEchoed(t *testing.T) {
	long := strings.Repeat("x", 60)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"summary":    func(w http.ResponseWriter) { oktaError(w, 400, "E0000001", "bad "+secret, "cause "+secret) },
		"code":       func(w http.ResponseWriter) { oktaError(w, 400, secret, "bad") },
		"cut":        func(w http.ResponseWriter) { oktaError(w, 400, "E1", strings.Repeat("x", 480)+secret) },
		"request id": func(w http.ResponseWriter) { w.Header().Set("X-Okta-Request-Id", secret); w.WriteHeader(400) },
		"body":       func(w http.ResponseWriter) { fmt.Fprint(w, "{"+long+secret) },
		"type":       func(w http.ResponseWriter) { w.Header().Set("Content-Type", "x/"+secret); fmt.Fprint(w, "?") },
		"error body": func(w http.ResponseWriter) { w.WriteHeader(400); fmt.Fprint(w, long+secret) },
		"location": func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://"+secret+".example")
			w.WriteHeader(302)
		},
		"challenge": func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Bearer error="`+secret+`", error_description="`+secret+`"`)
			w.WriteHeader(401)
		},
		"many, and a cut through one": func(w http.ResponseWriter) {
			oktaError(w, 400, "E1", strings.Repeat(secret, 1000))
		},
		"cut out of step": func(w http.ResponseWriter) {
			oktaError(w, 400, "E1", "x"+strings.Repeat(secret+" ", 1000))
		},
		"trailer": func(w http.ResponseWriter) {
			conn, say := hijack(w)
			defer conn.Close()
			say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n%s\r\n\r\n", secret)
		},
		"body that breaks off in it": func(w http.ResponseWriter) {
			conn, say := hijack(w)
			defer conn.Close()
			say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nyou sent %s", secret[:20])
		},
		"error that breaks off in it": func(w http.ResponseWriter) {
			conn, say := hijack(w)
			defer conn.Close()
			say("HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\nyou sent %s", secret[:20])
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool { answer(w); return true })
			c, _ := newClient(t, o.URL, 0, nil)
			_, err := listUsers(c, 10).Next(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			wantNoSecret(t, err)
			// Nor a piece of it that a cut left over, not in any field either.
			var e *okta.Error
			if !errors.As(err, &e) {
				t.Fatalf("a %T", err)
			}
			if text := fmt.Sprintf("%+v %v", *e, e.Err); strings.Contains(text, secret[:12]) || strings.Contains(strings.ToLower(text), strings.ToLower(secret[:12])) {
				t.Errorf("part of the token is in %s", text)
			}
		})
	}
}

// transport is a RoundTripper made of a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport that puts the request's headers into its errors doesn't get the
// token into ours.
func TestSecretInTransportError(t *testing.T) {
	c, _ := newClient(t, "https://acme.okta.com", 0, func(o *okta.Options) {
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("%w: sent %v\n", io.ErrNoProgress, r.Header)
		})
	})
	_, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	wantNoSecret(t, err)
}

// What HTTP/2 servers say when they leave, net/http quotes.
func TestSecretInGoAway(t *testing.T) {
	odd := `00MARK"ED\token_0123456789`
	for _, token := range []string{secret, odd} {
		s := httptest.NewUnstartedServer(nil)
		s.EnableHTTP2 = true
		s.TLS = &tls.Config{NextProtos: []string{"h2"}}
		s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
			"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
				conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
				awaitHeaders(conn)
				// HEADERS of stream 1: ":status: 200", then half a body, then GOAWAY with debug data.
				conn.Write([]byte{0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88})
				conn.Write([]byte{0, 0, 1, 0, 0, 0, 0, 0, 1, '['})
				conn.Write(append([]byte{0, 0, byte(8 + len(token)), 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, token...))
				conn.Close()
			},
		}
		s.StartTLS()
		defer s.Close()
		c, err := okta.New(s.URL, okta.Token(token), okta.Options{Transport: s.Client().Transport, MaxRetries: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = listUsers(c, 10).Next(t.Context())
		if err == nil || !strings.Contains(err.Error(), "***") || strings.Contains(err.Error(), "0123456789") {
			t.Errorf("error %v", err)
		}
	}
}

// awaitHeaders reads what an HTTP/2 client sends up to its request: an answer to none would be an error
// of its own.
func awaitHeaders(conn io.Reader) {
	preface := make([]byte, 24)
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil || head[3] == 1 {
			return // HEADERS
		}
	}
}

// What is sent: the org's host, the token, the media types, and the agent.
func TestRequest(t *testing.T) {
	var got *http.Request
	c, _ := newClient(t, "https://acme.okta.com", 0, func(o *okta.Options) {
		o.UserAgent = "test/1"
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			got = r
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(" {\"a\":1}\n")), ContentLength: -1}, nil
		})
	})
	body, err := c.Get(t.Context(), "get user", "/api/v1/users/a%2Bb@x", url.Values{"expand": {"a b", "c"}})
	if err != nil || string(body) != " {\"a\":1}\n" {
		t.Fatalf("%q, %v", body, err)
	}
	if got.URL.String() != "https://acme.okta.com/api/v1/users/a%2Bb@x?expand=a+b&expand=c" || got.Method != "GET" || got.Body != nil {
		t.Error(got.Method, got.URL)
	}
	for name, want := range map[string]string{
		"Authorization": "SSWS " + secret, "Accept": "application/json", "Content-Type": "application/json", "User-Agent": "test/1",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}

	// In short, which Okta reads off the type of a body that there isn't.
	trimmed := c.Metered(new(okta.Meter)).Trimmed()
	if _, err := trimmed.Get(t.Context(), "get user", "/api/v1/users/a", nil); err != nil || got.Header.Get("Content-Type") != "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus" {
		t.Errorf("%q, %v", got.Header.Get("Content-Type"), err)
	}
	if _, err := trimmed.Do(t.Context(), okta.Request{Operation: "update user", Method: "POST", Path: "/api/v1/users/a", Body: []byte(`{}`)}); err != nil || got.Method != "POST" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %q, %v", got.Method, got.Header.Get("Content-Type"), err)
	}
}

// A path that could lead to another place is refused before a request.
func TestPathRefused(t *testing.T) {
	c, _ := newClient(t, "https://acme.okta.com", 0, func(o *okta.Options) {
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			t.Errorf("asked %s", r.URL)
			return nil, io.EOF
		})
	})
	for _, path := range []string{"", "x", "//evil.example/x", "/a/../b", "/a/.", "/a/%2e%2E", "/a?b=c", "/a#b", "/a/%zz", `/a\b`, "/a b\x00"} {
		_, err := c.Get(t.Context(), "get user", path, nil)
		var e *okta.Error
		if !errors.As(err, &e) || e.Attempts != 0 || okta.Retryable(err) {
			t.Errorf("%q: Get: %v", path, err)
		}
		p := c.Pages("list users", path, nil, okta.PageOptions{})
		p.Prefetch(t.Context())
		if _, err := p.Next(t.Context()); !errors.As(err, &e) {
			t.Errorf("%q: Next: %v", path, err)
		}
	}
}

func TestPathSegment(t *testing.T) {
	for in, want := range map[string]string{
		"00u1":              "00u1",
		"ann@acme.example":  "ann@acme.example",
		"a b?c#d%e":         "a%20b%3Fc%23d%25e",
		`CORP\ann`:          "CORP%5Cann",
		"...":               "...",
		"über@acme.example": "%C3%BCber@acme.example",
	} {
		if got, err := okta.PathSegment(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", "..", "a/b", "/", "a\nb", "a\x7f", "a\u0085b", "a\xff"} {
		if got, err := okta.PathSegment(in); err == nil || got != "" {
			t.Errorf("%q: %q, no error", in, got)
		}
	}
}

func FuzzPathSegment(f *testing.F) {
	for _, s := range []string{"00u1", "..", "a/b", "a b", "%2e", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := okta.PathSegment(s)
		if err != nil {
			return
		}
		u, err := url.Parse("https://acme.okta.com/api/v1/users/" + got + "/roles")
		if err != nil || u.Path != "/api/v1/users/"+s+"/roles" || u.RawQuery != "" || u.Fragment != "" ||
			u.JoinPath().Path != u.Path {
			t.Errorf("%q became %q: %v, %v", s, got, u, err)
		}
	})
}

// What an object is due for is checked like a page.
func TestGet(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"1"}`: "",
		`[]`:         "an array came where an object was due",
		`"x"`:        "a string came where an object was due",
		`1`:          "a number came where an object was due",
		`null`:       "null came where an object was due",
		`true`:       "a boolean came where an object was due",
		`{"id":1`:    "the JSON breaks off after 7 bytes",
		`{"id":01}`:  "not JSON (byte 7)",
		`{} {}`:      "not JSON (byte 3)",
		` `:          "an empty body",
		`<html>`:     "HTML or XML came where JSON was due",
	} {
		o := newOrg(t, 0, func(w http.ResponseWriter, _ *http.Request, _ int) bool { fmt.Fprint(w, body); return true })
		c, _ := newClient(t, o.URL, 0, func(o *okta.Options) { o.MaxRetries = 1 })
		got, err := c.Get(t.Context(), "get user", "/api/v1/users/x", nil)
		if want == "" && (err != nil || string(got) != body) {
			t.Errorf("%s: %s, %v", body, got, err)
		}
		var a *okta.AnswerError
		if want != "" && (!errors.As(err, &a) || a.Problem != want || len(o.asked()) != 2) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// gzip is understood, whether asked for or not, and counts unpacked.
func TestGzip(t *testing.T) {
	for _, plain := range []bool{false, true} {
		var o *org
		o = newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
			if r.Header.Get("Accept-Encoding") != "gzip" && !plain {
				t.Error("gzip wasn't asked for")
			}
			body, next := o.page(r)
			link(w, r, "self", "limit=10")
			if next != "" {
				link(w, r, "next", next)
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(gzipped(body))
			return true
		})
		c, _ := newClient(t, o.URL, 0, func(o *okta.Options) {
			if plain {
				o.Transport = &http.Transport{DisableCompression: true, DisableKeepAlives: true}
			}
		})
		m, n := new(okta.Meter), new(okta.Meter)
		all, err := readAll(t.Context(), listUsers(c.Metered(m).Metered(n), 10), true)
		if err != nil {
			t.Fatal(err)
		}
		wantUsers(t, all, 25)
		want := int64(25*(len(user(0))+1) + 3 + 3)
		if m.Snapshot() != n.Snapshot() || m.Snapshot().Requests != 3 || m.Snapshot().Bytes < want-40 || m.Snapshot().Bytes > want+40 {
			t.Errorf("meters %+v, %+v, want about %d bytes", m.Snapshot(), n.Snapshot(), want)
		}
	}
	// A small body that unpacks to a large one.
	o := newOrg(t, 0, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(gzipped([]byte("[" + strings.Repeat(" ", 1<<20) + "]")))
		return true
	})
	c, _ := newClient(t, o.URL, 0, func(o *okta.Options) { o.MaxBody = 1 << 20 })
	if _, err := listUsers(c, 10).Next(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("error %v", err)
	}
	c, _ = newClient(t, o.URL, 0, func(o *okta.Options) { o.MaxBody = 1<<20 + 2 })
	if _, err := listUsers(c, 10).Next(t.Context()); err != nil {
		t.Errorf("a body of just MaxBody: %v", err)
	}
}

// TLS is verified: a certificate of nobody's is refused, without retries.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	c, clock := newClient(t, s.URL, 0, nil)
	_, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if err == nil || !strings.Contains(err.Error(), "can't prove that it is the org") || len(clock.waits) != 0 || okta.Retryable(err) {
		t.Errorf("error %v", err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	c, clock = newClient(t, strings.Replace(plain.URL, "http:", "https:", 1), 0, nil)
	_, err = c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if err == nil || len(clock.waits) != 0 || okta.Retryable(err) {
		t.Errorf("error %v after %v", err, clock.waits)
	}
}

// Over TLS and HTTP/2 too, pages come whole, and a stream that is broken off is
// asked for again.
func TestHTTP2(t *testing.T) {
	var o *org
	o = &org{users: 25, fault: func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.ProtoMajor != 2 {
			t.Errorf("HTTP/%d", r.ProtoMajor)
		}
		body, next := o.page(r)
		w.Header().Set("Link", "<https://"+r.Host+`/api/v1/users>; rel="self"`)
		if next != "" {
			w.Header().Add("Link", "<https://"+r.Host+"/api/v1/users?"+next+`>; rel="next"`)
		}
		if n == 2 {
			w.Write(body[:len(body)/2])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Write(body)
		return true
	}}
	o.Server = httptest.NewUnstartedServer(o)
	o.EnableHTTP2 = true
	o.StartTLS()
	t.Cleanup(o.Close)
	c, clock := newClient(t, o.URL, 0, func(opt *okta.Options) { opt.Transport = o.Client().Transport })
	all, err := readAll(t.Context(), listUsers(c, 10), true)
	if err != nil {
		t.Fatal(err)
	}
	wantUsers(t, all, 25)
	if len(clock.told) != 1 || clock.told[0].Reason != okta.WaitConnection {
		t.Errorf("told of %v", clock.told)
	}
}

// No proxy unless asked for, and never for plain http.
func TestProxy(t *testing.T) {
	var seen atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Header.Get("Authorization") != "" {
			t.Error("the proxy saw the token")
		}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	o := newOrg(t, 1, nil)
	for _, tc := range []struct {
		org   string
		proxy func(*http.Request) (*url.URL, error)
		seen  bool
	}{
		{o.URL, nil, false},
		{o.URL, http.ProxyURL(proxyURL), false},
		{strings.Replace(o.URL, "http:", "https:", 1), nil, false},
		{strings.Replace(o.URL, "http:", "https:", 1), http.ProxyURL(proxyURL), true},
	} {
		seen.Store(0)
		c, _ := newClient(t, tc.org, 0, func(o *okta.Options) { o.Proxy, o.MaxRetries = tc.proxy, -1 })
		_, err := listUsers(c, 10).Next(context.Background())
		if (seen.Load() > 0) != tc.seen || (err == nil) != (tc.org == o.URL) {
			t.Errorf("%s: proxy asked %d times, error %v", tc.org, seen.Load(), err)
		}
		wantNoSecret(t, err)
	}
}
