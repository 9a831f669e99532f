package okta_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/whoql/whoql/okta"
)

// faults are answers that a GET is repeated for.
var faults = []struct {
	name   string
	answer func(o *org, w http.ResponseWriter, r *http.Request)
	say    string // what the error says if it stays that way
	change func(*okta.Options)
}{
	{"500", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		oktaError(w, 500, "E0000009", "Internal Server Error")
	}, "500 E0000009: Internal Server Error", nil},
	{"503", func(_ *org, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "503 Service Unavailable", nil},
	{"502 html", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(502)
		fmt.Fprint(w, "<html>\n<h1>Bad gateway</h1>")
	}, `502 Bad Gateway: the answer is not the API's (text/html): "<html> <h1>Bad gateway</h1>"`, nil},
	{"429", func(_ *org, w http.ResponseWriter, _ *http.Request) { tooMany(w, "600", "0", 30) },
		"429 E0000047: API call exceeded rate limit", nil},
	{"429 concurrency", func(_ *org, w http.ResponseWriter, _ *http.Request) { tooMany(w, "0", "0", 30) },
		"429 E0000047: API call exceeded rate limit", nil},
	{"closed without answer", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		conn, _ := hijack(w)
		conn.Close()
	}, "unexpected EOF", nil},
	{"reset", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		conn, say := hijack(w)
		say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{")
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}, "the answer can't be used: it broke off after", nil},
	{"cut off", func(o *org, w http.ResponseWriter, r *http.Request) {
		body, _ := o.page(r)
		conn, say := hijack(w)
		defer conn.Close()
		say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
	}, "the answer can't be used: it broke off after", nil},
	{"chunk cut off", func(o *org, w http.ResponseWriter, r *http.Request) {
		body, _ := o.page(r)
		conn, say := hijack(w)
		defer conn.Close()
		say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
	}, "unexpected EOF", nil},
	{"gzip cut off", func(o *org, w http.ResponseWriter, r *http.Request) {
		body, _ := o.page(r)
		zip := gzipped(body)
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zip[:len(zip)-12])
	}, "unexpected EOF", nil},
	{"no gzip", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, "[]      [] []    ")
	}, "gzip: invalid header", nil},
	{"error cut off", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		conn, say := hijack(w)
		defer conn.Close()
		say("HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n{\"errorCode\":\"E0000007\"")
	}, "it broke off after 23 bytes", nil},
	{"invalid json", func(o *org, w http.ResponseWriter, r *http.Request) {
		body, _ := o.page(r)
		w.Write(body[:len(body)-3])
	}, "the JSON breaks off", nil},
	{"invalid utf-8", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[{\"id\":\"\xff\"}]") },
		"not JSON: invalid UTF-8", nil},
	{"html", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "\n<!doctype html>\n<p>Sign in "+strings.Repeat("x", 100))
	}, `HTML or XML came where JSON was due; what came (text/html; charset=utf-8): "<!doctype html> <p>Sign in x`, nil},
	{"object", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"users":[]}`)
	}, `an object came where an array was due; what came: application/json`, nil},
	{"number in array", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":"1"},7]`) },
		"an object was due as element 2 of the array, not a number", nil},
	{"null in array", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[null]`) },
		"an object was due as element 1 of the array, not null", nil},
	{"empty", func(_ *org, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }, "an empty body", nil},
	{"no content", func(_ *org, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "it has the status 204 No Content, not 200", nil},
	{"partial content", func(o *org, w http.ResponseWriter, r *http.Request) {
		body, next := o.page(r)
		link(w, r, "self", "limit=10")
		if next != "" {
			link(w, r, "next", next)
		}
		w.WriteHeader(206)
		w.Write(body)
	}, "it has the status 206 Partial Content, not 200", nil},
	{"too many objects", func(_ *org, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "["+strings.Repeat("{},", 3_000_000)+"{}]")
	}, "more than 10000 objects", nil},
	{"no id", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":"1"},{"ID":"2"}]`) }, "an object without an id", nil},
	{"empty id", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":""}]`) }, "an object without an id", nil},
	{"id not a string", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":7}]`) }, "an object without an id", nil},
	{"deep", func(_ *org, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("[", 100_000)) }, "not JSON", nil},
	{"headers stall", func(_ *org, _ http.ResponseWriter, r *http.Request) { hang(r) }, "the org stopped answering: no answer began within 250ms", quickHeaders},
	{"body stalls", func(_ *org, w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `[{"id":`)
		w.(http.Flusher).Flush()
		hang(r)
	}, "broke off after 7 bytes: the org stopped answering: not a byte came for 250ms", quickBody},
}

func hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(20 * time.Second):
	}
}

func tooMany(w http.ResponseWriter, limit, remaining string, resetIn int) {
	h := w.Header()
	now := time.Now().UTC().Truncate(time.Second)
	h.Set("Date", now.Format(http.TimeFormat))
	h.Set("X-Rate-Limit-Limit", limit)
	h.Set("X-Rate-Limit-Remaining", remaining)
	h.Set("X-Rate-Limit-Reset", fmt.Sprint(now.Unix()+int64(resetIn)))
	oktaError(w, 429, "E0000047", "API call exceeded rate limit due to too many requests.")
}

// quickHeaders and quickBody make a client lose patience soon. On a busy machine
// it may do so with a sound answer too, so tests of faults that need neither
// use neither, and the others count no requests.
func quickHeaders(o *okta.Options) { o.HeaderTimeout = 250 * time.Millisecond }
func quickBody(o *okta.Options)    { o.StallTimeout = 250 * time.Millisecond }

// A fault on one page is healed by a retry; every user comes once and in order.
func TestFaultHeals(t *testing.T) {
	for _, f := range faults {
		for _, page := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s on page %d", f.name, page), func(t *testing.T) {
				t.Parallel()
				var o *org
				o = newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
					if n != page {
						return false
					}
					f.answer(o, w, r)
					return true
				})
				c, clock := newClient(t, o.URL, 0, f.change)
				m := new(okta.Meter)
				p := listUsers(c.Metered(m), 10)
				defer p.Close()
				all, err := readAll(t.Context(), p, page%2 == 0)
				if err != nil {
					t.Fatal(err)
				}
				wantUsers(t, all, 25)
				if f.change != nil || f.name == "closed without answer" && page > 1 {
					return // On a connection used before, net/http itself tries again.
				}
				if got := m.Snapshot(); got.Requests != 4 || got.Retries != 1 || got.Waited != clock.waits[0] {
					t.Errorf("meter: %+v; waits: %v", got, clock.waits)
				}
				if len(clock.told) != 1 || clock.told[0].Attempt != 1 || clock.told[0].Operation != "list users" ||
					clock.told[0].Duration != clock.waits[0] {
					t.Errorf("told of %+v", clock.told)
				}
			})
		}
	}
}

// A fault that stays ends the list with an error that says what came, after
// what the pages before it had.
func TestFaultStays(t *testing.T) {
	for _, f := range faults {
		for _, page := range []int{1, 2, 3} {
			if f.change != nil && page > 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s on page %d", f.name, page), func(t *testing.T) {
				t.Parallel()
				var o *org
				o = newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
					if n < page {
						return false
					}
					f.answer(o, w, r)
					return true
				})
				c, clock := newClient(t, o.URL, 0, func(o *okta.Options) {
					if o.MaxRetries = 1; f.change != nil {
						f.change(o)
					}
				})
				p := listUsers(c, 10)
				defer p.Close()
				all, err := readAll(t.Context(), p, page%2 == 1)
				if err == nil {
					t.Fatal("no error")
				}
				wantUsers(t, all, (page-1)*10)
				wantNoSecret(t, err)
				if errors.Is(err, io.EOF) {
					t.Errorf("taken for the end of the list: %v", err)
				}
				text := err.Error()
				if !strings.Contains(text, f.say) || !strings.HasPrefix(text, "okta: list users: GET /api/v1/users: ") ||
					!strings.Contains(text, "tried 2 times") || strings.Contains(text, "\n") {
					t.Errorf("error %q, want %q in it", text, f.say)
				}
				if !okta.Retryable(err) {
					t.Error("not retryable")
				}
				if len(clock.waits) != 1 {
					t.Errorf("waits: %v", clock.waits)
				}
				if _, again := p.Next(t.Context()); again != err {
					t.Errorf("Next again: %v", again)
				}
			})
		}
	}
}

// Only the end of a list is an io.EOF, whatever a transport, a proxy, an unpacker or a sleep gives.
func TestErrorsAreNotEOF(t *testing.T) {
	empty := func() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }
	wrapped := &net.OpError{Op: "proxyconnect", Net: "tcp", Err: io.EOF}
	for name, trip := range map[string]transport{
		"bare":    func(*http.Request) (*http.Response, error) { return nil, io.EOF },
		"wrapped": func(*http.Request) (*http.Response, error) { return nil, wrapped },
		"no gzip": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: empty()}, nil
		},
		"body": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(iotest.ErrReader(wrapped))}, nil
		},
		"sleep": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Header: http.Header{}, Body: empty()}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newClient(t, "https://acme.okta.com", 0, func(o *okta.Options) {
				if o.Transport = trip; name == "sleep" {
					o.Sleep = func(context.Context, time.Duration) error { return io.EOF }
				}
			})
			_, err := listUsers(c, 10).Next(t.Context())
			if err == nil || errors.Is(err, io.EOF) || !errors.Is(err, io.ErrUnexpectedEOF) || !okta.Retryable(err) {
				t.Errorf("error %v", err)
			}
			var op *net.OpError
			if found := errors.As(err, &op); found != (name == "wrapped" || name == "body") {
				t.Errorf("the network error was found: %v", found)
			}
		})
	}
}

// Errors that no retry can mend are asked for once.
func TestFinal(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		want   string
		is     func(error) bool
	}{
		{"400", func(w http.ResponseWriter) {
			oktaError(w, 400, "E0000031", "Invalid search criteria.", "Invalid cursor.", "more")
		}, "400 E0000031: Invalid search criteria.: Invalid cursor.; more (request req1)", nil},
		{"401", func(w http.ResponseWriter) { oktaError(w, 401, "E0000011", "Invalid token provided") },
			"401 E0000011: Invalid token provided (request req1)", okta.IsUnauthorized},
		{"401 feature", func(w http.ResponseWriter) {
			oktaError(w, 401, "E0000015", "You do not have permission to access the feature you are requesting")
		}, "401 E0000015: You do not have", func(err error) bool { return okta.IsForbidden(err) && !okta.IsUnauthorized(err) }},
		{"403", func(w http.ResponseWriter) {
			oktaError(w, 403, "E0000006", "You do not have permission to perform the requested action")
		}, "403 E0000006: You do not have permission to perform the requested action (request req1)", okta.IsForbidden},
		{"403 without a body", func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="http://acme.okta.com/oauth2/v1/authorize", `+
				`realm="http://acme.okta.com", scope="okta.users.read", error="insufficient_scope", `+
				`error_description="The access token provided does not contain the required scopes.", resource="/api/v1/users"`)
			w.WriteHeader(403)
		}, "403 Forbidden: The access token provided does not contain the required scopes (insufficient_scope); " +
			"the call needs the scope okta.users.read (request req1)", okta.IsForbidden},
		{"401 without a body", func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", "SSWS")
			w.WriteHeader(401)
		}, "401 Unauthorized: the org doesn't accept the API token: it is wrong, revoked, or expired after 30 days " +
			"without use; make a new one in Security > API > Tokens (request req1)", okta.IsUnauthorized},
		{"401 with a code only", func(w http.ResponseWriter) {
			w.Header().Add("WWW-Authenticate", "SSWS")
			w.Header().Add("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(401)
		}, "401 Unauthorized: invalid_token (request req1)", okta.IsUnauthorized},
		{"404", func(w http.ResponseWriter) { oktaError(w, 404, "E0000007", "Not found: Resource not found: x (User)") },
			"404 E0000007: Not found: Resource not found: x (User) (request req1)", okta.IsNotFound},
		{"404 path", func(w http.ResponseWriter) {
			oktaError(w, 404, "E0000008", "The requested path was not found")
		}, "404 E0000008: The requested path was not found (request req1)", func(err error) bool { return !okta.IsNotFound(err) }},
		{"404 html", func(w http.ResponseWriter) { http.Error(w, "<b>nope</b>", 404) },
			`404 Not Found: the answer is not the API's (text/plain; charset=utf-8): "<b>nope</b>" (request req1)`,
			func(err error) bool { return !okta.IsNotFound(err) }},
		{"501", func(w http.ResponseWriter) { oktaError(w, 501, "E0000060", "Unsupported operation.") },
			"501 E0000060: Unsupported operation. (request req1)", nil},
		{"redirect away", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://Login.Other.example:443/x?token=1")
			w.WriteHeader(302)
		}, "302 Found: redirected to https://login.other.example, which is not followed: if that is the org, use it as the org URL (request req1)", nil},
		{"redirect here", func(w http.ResponseWriter) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(307)
		}, "which is not followed: check the org URL (request req1)", nil},
		{"redirect nowhere", func(w http.ResponseWriter) { w.WriteHeader(301) },
			"301 Moved Permanently: the answer is a redirect without a usable target; redirects are not followed (request req1)", nil},
		{"too large", func(w http.ResponseWriter) { fmt.Fprintf(w, "[%s]", strings.Repeat(" ", 5000)) },
			"the answer can't be used: it is larger than 4000 bytes", nil},
		{"large error", func(w http.ResponseWriter) {
			oktaError(w, 400, "E0000001", "Api validation failed", strings.Repeat("é", 100_000))
		}, "400 Bad Request: the answer is not the API's", nil},
		{"long and odd error", func(w http.ResponseWriter) {
			oktaError(w, 400, "E0000001", "a\nb\u2028\x1b[31m"+strings.Repeat("é", 1000))
		}, "400 E0000001: a b  [31méé", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				tc.answer(w)
				return true
			})
			c, clock := newClient(t, o.URL, 0, func(o *okta.Options) { o.MaxBody = 4000 })
			p := listUsers(c, 10)
			defer p.Close()
			_, err := p.Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1000 {
				t.Fatalf("error %v\nwant %s", err, tc.want)
			}
			if tc.is != nil && !tc.is(err) || okta.Retryable(err) || okta.IsRateLimited(err) {
				t.Errorf("predicates wrong for %v", err)
			}
			if len(clock.waits) != 0 || len(o.asked()) != 1 {
				t.Errorf("%d requests", len(o.asked()))
			}
			var e *okta.Error
			if !errors.As(err, &e) || e.Operation != "list users" || e.Method != "GET" || e.Path != "/api/v1/users" ||
				e.RequestID != "req1" || e.Attempts != 1 {
				t.Errorf("fields: %+v", e)
			}
		})
	}
}

// Connections that can't be made at all are not retried before the org has
// answered once: the URL is wrong. Later, they may be a passing trouble.
func TestConnectionRefused(t *testing.T) {
	o := newOrg(t, 25, nil)
	c, clock := newClient(t, o.URL, 0, nil)
	p := listUsers(c, 10)
	defer p.Close()
	if _, err := p.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Close()
	if _, err := p.Next(t.Context()); err == nil || len(clock.waits) != 5 {
		t.Errorf("after an answer: %v, %d waits", err, len(clock.waits))
	}

	c, clock = newClient(t, o.URL, 0, nil)
	_, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
	if err == nil || !strings.Contains(err.Error(), "nothing listens at "+c.Host()) || len(clock.waits) != 0 || okta.Retryable(err) {
		t.Errorf("before an answer: %v, %d waits", err, len(clock.waits))
	}
}

// A host that doesn't exist is a wrong URL, until the org has answered once.
func TestUnknownHost(t *testing.T) {
	known := false
	c, clock := newClient(t, "https://acme.okta.com", 0, func(o *okta.Options) {
		o.Transport = transport(func(*http.Request) (*http.Response, error) {
			if known {
				known = false
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: "acme.okta.com", IsNotFound: true}
		})
	})
	get := func() error {
		_, err := c.Get(t.Context(), "get user", "/api/v1/users/me", nil)
		return err
	}
	if err := get(); err == nil || !strings.Contains(err.Error(), "there is no host acme.okta.com: check the org URL") || len(clock.waits) != 0 {
		t.Errorf("error %v after %v", err, clock.waits)
	}
	known = true
	if err := get(); err != nil {
		t.Error(err)
	}
	if err := get(); err == nil || len(clock.waits) != 5 {
		t.Errorf("error %v after %v", err, clock.waits)
	}
}

func TestNoRetries(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		oktaError(w, 503, "E0000100", "Unable to perform search query.")
		return true
	})
	c, _ := newClient(t, o.URL, 0, func(o *okta.Options) { o.MaxRetries = -1 })
	if _, err := listUsers(c, 200).Next(t.Context()); err == nil || len(o.asked()) != 1 {
		t.Errorf("%v after %d requests", err, len(o.asked()))
	}
}

// A slow body is not a stalled one.
func TestSlowBody(t *testing.T) {
	var o *org
	o = newOrg(t, 5, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		body, _ := o.page(r)
		link(w, r, "self", "limit=10")
		for _, b := range body[:40] {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		w.Write(body[40:])
		return true
	})
	c, _ := newClient(t, o.URL, 0, func(o *okta.Options) { o.StallTimeout = 600 * time.Millisecond })
	all, err := readAll(t.Context(), listUsers(c, 10), false)
	if err != nil {
		t.Fatal(err)
	}
	wantUsers(t, all, 5)
}

// A body that keeps coming, but never ends, ends as one that stalls does.
func TestTrickle(t *testing.T) {
	o := newOrg(t, 5, func(w http.ResponseWriter, r *http.Request, n int) bool {
		for n == 1 {
			if _, err := w.Write([]byte{' '}); err != nil || r.Context().Err() != nil {
				return true
			}
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		return false
	})
	began := time.Now()
	c, clock := newClient(t, o.URL, 0, func(o *okta.Options) { o.AnswerTimeout = time.Second })
	all, err := readAll(t.Context(), listUsers(c, 10), false)
	if err != nil {
		t.Fatal(err)
	}
	wantUsers(t, all, 5)
	if len(clock.told) == 0 || clock.told[0].Reason != okta.WaitConnection || time.Since(began) < time.Second {
		t.Errorf("told of %+v", clock.told)
	}

	o.asks = nil
	c, _ = newClient(t, o.URL, 0, func(o *okta.Options) { o.AnswerTimeout, o.MaxRetries = 100*time.Millisecond, -1 })
	_, err = listUsers(c, 10).Next(t.Context())
	if !errors.Is(err, okta.ErrStalled) || !okta.Retryable(err) || !strings.Contains(err.Error(), "the answer wasn't whole after 100ms") {
		t.Errorf("error %v", err)
	}
}

// A path may be long, an error about it is not.
func TestLongPath(t *testing.T) {
	o := newOrg(t, 1, func(w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(404); return true })
	c, _ := newClient(t, o.URL, 0, nil)
	path := "/api/v1/users/" + strings.Repeat("x", 186)
	for _, more := range []string{"", "y", strings.Repeat("y", 100_000), strings.Repeat("é", 100_000)} {
		_, err := c.Get(t.Context(), "get user", path+more, nil)
		var e *okta.Error
		want := "GET " + path + ": "
		if more != "" {
			want = "GET " + path + "…: "
		}
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &e) || e.Path != path+more {
			t.Errorf("error %.400v, want %q", err, want)
		}
	}
}

// soon is at once on an idle machine, and much sooner than anything that hangs
// in these tests would end by itself.
const soon = 4 * time.Second

// Cancelling in the middle of a body ends the call at once and leaves nothing.
func TestCancel(t *testing.T) {
	for _, where := range []string{"headers", "body", "wait"} {
		for _, prefetch := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, prefetch %v", where, prefetch), func(t *testing.T) {
				reached := make(chan bool, 10)
				o := newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
					if n == 1 {
						return false
					}
					switch where {
					case "body":
						fmt.Fprint(w, `[{"id":"x"},`)
						w.(http.Flusher).Flush()
					case "wait":
						tooMany(w, "600", "0", 60)
						reached <- true
						return true
					}
					reached <- true
					hang(r)
					return true
				})
				c, err := okta.New(o.URL, okta.Token(secret), okta.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := listUsers(c, 10)
				if _, err := p.Next(ctx); err != nil {
					t.Fatal(err)
				}
				if prefetch {
					p.Prefetch(ctx)
				}
				var began time.Time
				go func() {
					<-reached
					time.Sleep(50 * time.Millisecond)
					began = time.Now()
					cancel()
				}()
				_, err = p.Next(ctx)
				if !errors.Is(err, context.Canceled) || okta.Retryable(err) {
					t.Fatalf("error %v", err)
				}
				if took := time.Since(began); took > soon {
					t.Errorf("took %s", took)
				}
				p.Close()
			})
		}
	}
}

// Close ends a fetch in the background, whatever it hangs in, and leaves no
// goroutine.
func TestCloseWhilePrefetching(t *testing.T) {
	before := 0
	reached := make(chan bool, 10)
	o := newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 1 {
			return false
		}
		fmt.Fprint(w, `[`)
		w.(http.Flusher).Flush()
		reached <- true
		hang(r)
		return true
	})
	before = runtime.NumGoroutine()
	c, _ := newClient(t, o.URL, 0, nil)
	p := listUsers(c, 10)
	if _, err := p.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Prefetch(t.Context())
	p.Prefetch(t.Context())
	<-reached
	began := time.Now()
	p.Close()
	p.Close()
	if took := time.Since(began); took > soon {
		t.Errorf("Close took %s", took)
	}
	if _, err := p.Next(t.Context()); !errors.Is(err, okta.ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	p.Prefetch(t.Context())
	c.Close()
	o.Server.CloseClientConnections()
	wantNoGoroutines(t, before)
	if n := len(o.asked()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// An error of a prefetched page comes from the Next that would return it, and
// the page before it is whole.
func TestPrefetchError(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 2 {
			oktaError(w, 400, "E0000031", "Invalid search criteria.")
		}
		return n == 2
	})
	c, _ := newClient(t, o.URL, 0, nil)
	p := listUsers(c, 10)
	defer p.Close()
	p.Prefetch(t.Context())
	page, err := p.Next(t.Context())
	if err != nil || len(page.Items) != 10 {
		t.Fatal(err, len(page.Items))
	}
	p.Prefetch(t.Context())
	for range 2 {
		if _, err := p.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "E0000031") {
			t.Fatalf("error %v", err)
		}
		p.Prefetch(t.Context())
	}
	if n := len(o.asked()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// At the end, io.EOF for ever, and no more requests.
func TestEnd(t *testing.T) {
	o := newOrg(t, 0, nil)
	c, _ := newClient(t, o.URL, 0, nil)
	p := listUsers(c, 10)
	page, err := p.Next(t.Context())
	if err != nil || len(page.Items) != 0 || !page.Last {
		t.Fatal(page, err)
	}
	p.Prefetch(t.Context())
	for range 2 {
		if _, err := p.Next(t.Context()); err != io.EOF {
			t.Fatal(err)
		}
	}
	if got := o.asked(); len(got) != 1 {
		t.Error(got)
	}
}
