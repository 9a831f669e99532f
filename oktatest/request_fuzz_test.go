package oktatest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// seedRequests adds a request for every operation, of the API and of the control path, and some that are
// none. The headers are lines.
func seedRequests(f *testing.F, auth string) {
	bodies := []string{"", "{}", "null", changed, newPassword, changePassword, changeQuestion, rightAnswer,
		`{"profile":` + profileOf("new@acme.example") + `,"credentials":` + withQuestion + `,"groupIds":["x"],"type":{"id":"oty"},"realmId":"x"}`,
		`{"credentials":{"password":{"hash":` + bcryptHash + `}}}`, `{"profile":{"name":"G"}}`, `{"name":"x","displayName":"X"}`,
		`{"definitions":{"custom":{"properties":{"x":{"title":"X","type":"string"}}}}}`}
	for i := range routes {
		path := strings.NewReplacer("{id}", "dana", "{userId}", "dana", "{schemaId}", "default").Replace(routes[i].pattern)
		for j, body := range bodies {
			if routes[i].method != http.MethodGet || j == 0 {
				f.Add(routes[i].method, path+"?sendEmail=false&strict=true", auth+"If-Match: W/\"x\"\nContent-Type: application/json", body)
			}
		}
	}
	for _, one := range controls() {
		for _, body := range []string{"", `{"advance":"90s"}`, `{"now":"2030-01-02T03:04:05Z"}`, `{"spec":"repeat-next","next":"x"}`, `{"password":"x"}`} {
			f.Add(one.method, strings.Replace(one.pattern, "{id}", "dana", 1), auth, body)
		}
	}
	for _, headers := range []string{
		"Authorization: SSWS", "Authorization: Bearer eyJ.eyJ.x\nAuthorization: SSWS x", "Authorization: Basic Og==\nDPoP: x",
		auth + "Host: a\"b<c>:99999", auth + "Host: [::1%25en0]:80", auth + "Host: ", auth + "Host: xn--\nHost: y",
		auth + "Accept: text/html;q=0.1, */*;q=x\nAccept-Encoding: gzip;q=0, br\nAccept-Language: \xff", auth + "Range: bytes=0-1,9-\nIf-Range: x",
		auth + "Content-Length: 5", auth + "Content-Length: 5\nContent-Length: 6", auth + "Content-Length: -1", auth + "Content-Length: 99999999999999999999",
		auth + "Transfer-Encoding: chunked", auth + "Transfer-Encoding: gzip, chunked\nTrailer: X", auth + "Transfer-Encoding: chunked\nContent-Length: 3",
		auth + "Content-Type: application/json; okta-response=\"omitCredentials,omitCredentialsLinks\"", auth + "Content-Type: ;=;okta-response",
		auth + "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Host: evil\"\nX-Forwarded-Proto: gopher\nForwarded: for=_x;host=\"y\"",
		auth + "If-Match: *, W/\"\nIf-None-Match: *\nIf-Modified-Since: x", auth + "Expect: 100-continue\nConnection: Upgrade\nUpgrade: h2c\nPrefer: respond-async",
		auth + "Cookie: sid=1; sid=2\nUser-Agent: \nX-HTTP-Method-Override: DELETE", "no header at all", ": x\n x: y",
	} {
		for _, uri := range []string{"/api/v1/users?limit=2", "/api/v1/users/dana", "/sandbox/v1/requests", "http://a\"b/api/v1/users/dana", "//x/api/v1/groups"} {
			f.Add("GET", uri, headers, "")
		}
		f.Add("POST", "/api/v1/users/dana", headers, changed)
		f.Add("POST", "/api/v1/users/dana/lifecycle/suspend", headers, "4\r\nnull\r\n0\r\n\r\n")
	}
	f.Add("PATCH", "/api/v1/users/%2f%ff%00?limit=%zz", "If-Match: *", "\xff")
	f.Add("GET", "/api/v1/users//lifecycle/", "", "")
	f.Add("HEAD", "/api/v1/users/dana", auth, "")
}

// crowdedOrg is an org with somebody whom the requests of seedRequests are about.
func crowdedOrg() *Org {
	o := newTestOrg(Options{Users: 20, Realms: true, EmailsInCredentials: true, Gzip: true})
	post(o, usersPath, `{"profile":`+profileOf("dana@acme.example")+`,"credentials":`+withQuestion+`}`)
	return o
}

// wantProper checks what holds for every answer of the org, be it to nonsense.
func wantProper(t *testing.T, request string, status int, h http.Header, body []byte) {
	t.Helper()
	if status >= 500 {
		t.Errorf("%s: %d %.300s", request, status, body)
	}
	if h.Get("Content-Encoding") == "" && strings.HasPrefix(h.Get("Content-Type"), "application/json") && (!json.Valid(body) || !utf8.Valid(body)) {
		t.Errorf("%s: %.60q … %.200q", request, body, body[len(body)*9/10:])
	}
	for name, values := range h {
		for _, value := range values {
			if strings.ContainsAny(name+value, "\r\n\x00") {
				t.Errorf("%s: header %q: %q", request, name, value)
			}
		}
	}
	for _, link := range h["Link"] {
		address, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">; rel=")
		if u, err := url.Parse(address); !ok || err != nil || u.Host == "" || strings.ContainsAny(address, "<>\" ") {
			t.Errorf("%s: Link: %s", request, link)
		}
	}
}

// wantSound checks that the org still answers, whatever it was asked.
func wantSound(t *testing.T, request string, o *Org) {
	t.Helper()
	o.ClearFaults()
	for _, uri := range []string{usersURI("search", everyoneSearch, "sortBy", "profile.lastName"), "/api/v1/groups", "/api/v1/meta/schemas/user/default", controlPath + "/requests"} {
		if res := do(o, "GET", uri, ""); res.status != http.StatusOK || !json.Valid([]byte(res.body)) {
			t.Errorf("after %s: GET %s: %d %.300s", request, uri, res.status, res.body)
		}
	}
}

const everyoneSearch = `created ge "1970-01-01T00:00:00.000Z"`

// FuzzRequest: whatever is asked, with whatever headers, the org answers, with JSON or nothing, and
// never with a 500. The requests needn't be such as come over a connection.
func FuzzRequest(f *testing.F) {
	seedRequests(f, "")
	f.Fuzz(func(t *testing.T, method, uri, headers, body string) {
		target, err := url.ParseRequestURI(uri)
		if err != nil {
			t.Skip()
		}
		r := &http.Request{Method: method, URL: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "acme.example", RequestURI: uri,
			Body: http.NoBody, Header: http.Header{"Authorization": {"SSWS " + DefaultToken}}}
		if target.Host != "" {
			r.Host = target.Host
		}
		for line := range strings.SplitSeq(headers, "\n") {
			name, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); {
			case strings.EqualFold(name, "Host"):
				r.Host = value
			case strings.EqualFold(name, "Authorization"):
				r.Header["Authorization"] = []string{value}
			default:
				r.Header.Add(name, value)
			}
		}
		if body != "" {
			r.Body = io.NopCloser(strings.NewReader(body))
		}
		o, w := crowdedOrg(), httptest.NewRecorder()
		o.ServeHTTP(w, r)
		wantProper(t, method+" "+uri, w.Code, w.Header(), w.Body.Bytes())
		wantSound(t, method+" "+uri, o)
	})
}

// FuzzConnection: the same over a connection, on which the request line, the length of the body and the
// names of headers needn't be right either.
func FuzzConnection(f *testing.F) {
	auth := "Authorization: SSWS " + DefaultToken + "\n"
	seedRequests(f, auth)
	f.Add("GET", "/ HTTP/1.0\r\n\r\nGET /api/v1/users", auth, "")
	f.Add("PRI", "*", "", "SM\r\n\r\n")
	f.Add("CONNECT", "acme.example:443", auth, "")
	f.Add("OPTIONS", "*", auth, "")
	var org atomic.Pointer[Org]
	var panicked atomic.Pointer[any]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if err, ok := p.(error); p != nil && (!ok || !errors.Is(err, http.ErrAbortHandler)) {
				panicked.Store(&p)
			}
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		org.Load().ServeHTTP(w, r)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, method, uri, headers, body string) {
		o := crowdedOrg()
		org.Store(o)
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Skip(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		request := method + " " + uri + " HTTP/1.1\r\n"
		if !strings.Contains(strings.ToLower(headers), "host:") {
			request += "Host: acme.example\r\n"
		}
		if headers != "" {
			request += strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n"
		}
		io.WriteString(conn, strings.ReplaceAll(request, "\r\n\r\n", "\r\n")+"\r\n"+body) // the org may hang up before all is read
		conn.(*net.TCPConn).CloseWrite()
		sent, err := io.ReadAll(conn)
		if err, ok := err.(net.Error); ok && err.Timeout() {
			t.Errorf("%q: no end of the answer: %q", request, sent)
		}
		if p := panicked.Swap(nil); p != nil {
			t.Errorf("%q: panic: %v", request, *p)
		}
		for answers := bufio.NewReader(bytes.NewReader(sent)); ; {
			res, err := http.ReadResponse(answers, &http.Request{Method: strings.ToUpper(method)})
			if err != nil {
				break
			}
			answer, err := io.ReadAll(res.Body)
			if res.Header.Get("X-Okta-Request-Id")+res.Header.Get("X-Sandbox") == "" {
				continue // net/http has refused the request itself
			}
			if err == nil && method != http.MethodHead {
				wantProper(t, request, res.StatusCode, res.Header, answer)
			}
		}
		wantSound(t, request, o)
	})
}
