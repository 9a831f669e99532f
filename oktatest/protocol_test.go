package oktatest

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestABadTokenIs401AndHasNoRateHeaders(t *testing.T) {
	s := Start(t, Options{Users: 5, Token: "00right"})
	for _, authorization := range []string{"", "SSWS", "SSWS 00wrong", "SSWS 00righ", "Bearer 00right", "00right", "ssws 00right"} {
		for _, path := range []string{usersPath, usersPath + "/me", "/api/v1/nowhere"} {
			res := get(t, s, path, "Authorization", authorization)
			if summary, causes := wantError(t, res, http.StatusUnauthorized, "E0000011"); summary != "Invalid token provided" || len(causes) > 0 {
				t.Errorf("%q: %s %q", authorization, summary, causes)
			}
			if res.header.Get("X-Rate-Limit-Limit") != "" {
				t.Errorf("%q: rate headers without a caller", authorization)
			}
		}
	}
	if s.Token != "00right" || get(t, s, usersPath).status != http.StatusOK {
		t.Error("the right token is refused")
	}
}

func TestUnknownPathsAndWrongVerbs(t *testing.T) {
	s := Start(t, Options{Users: 5})
	for _, path := range []string{"/", "/api/v1/nowhere", "/api/v1/users/", "/api/v1/usersx", "/api/v1/users/me/nothing", "/oauth2/v1/token"} {
		wantError(t, get(t, s, path), http.StatusNotFound, "E0000008")
	}
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		wantError(t, send(t, s, method, usersPath), http.StatusMethodNotAllowed, "E0000022")
	}
	wantError(t, send(t, s, http.MethodPatch, usersPath+"/me"), http.StatusMethodNotAllowed, "E0000022")
}

func TestUsualHeadersAreOnEveryAnswer(t *testing.T) {
	s := Start(t, Options{Users: 5})
	seen := map[string]bool{}
	for _, res := range []response{get(t, s, usersPath), get(t, s, usersPath+"/me"), get(t, s, "/api/v1/nowhere"), get(t, s, usersPath, "Authorization", "x")} {
		id := res.header.Get("X-Okta-Request-Id")
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || seen[id] {
			t.Errorf("X-Okta-Request-Id: %s", id)
		}
		seen[id] = true
		if _, err := http.ParseTime(res.header.Get("Date")); err != nil {
			t.Error(err)
		}
		if res.header.Get("Cache-Control") != "no-cache, no-store" || res.header.Get("Content-Length") != strconv.Itoa(len(res.body)) {
			t.Errorf("headers: %v", res.header)
		}
	}
}

// clock is a clock that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func quotaOf(t *testing.T, res response) (limit, remaining int, reset int64) {
	t.Helper()
	limit, err := strconv.Atoi(res.header.Get("X-Rate-Limit-Limit"))
	if err != nil {
		t.Fatal(err)
	}
	remaining, _ = strconv.Atoi(res.header.Get("X-Rate-Limit-Remaining"))
	reset, _ = strconv.ParseInt(res.header.Get("X-Rate-Limit-Reset"), 10, 64)
	return limit, remaining, reset
}

func TestRateWindowsOpenWithTheFirstCallAndLast60Seconds(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 17, 0, time.UTC)}
	s := Start(t, Options{Users: 5, Now: c.Now, RateLimit: RateLimit{Calls: 3}})
	first := c.Now().Unix()
	want := func(res response, status, remaining int, reset int64) {
		t.Helper()
		limit, left, ends := quotaOf(t, res)
		if res.status != status || limit != 3 || left != remaining || ends != reset {
			t.Errorf("%d: limit %d remaining %d reset %d, want %d: 3 %d %d", res.status, limit, left, ends, status, remaining, reset)
		}
	}
	want(get(t, s, usersPath), 200, 2, first+60)
	c.add(20 * time.Second)
	want(get(t, s, usersPath+"?limit=x"), 400, 1, first+60) // errors count and show them too
	want(get(t, s, usersPath+"/me"), 200, 2, first+20+60)   // a bucket of its own
	want(get(t, s, usersPath), 200, 0, first+60)
	res := get(t, s, usersPath)
	want(res, 429, 0, first+60)
	if summary, causes := wantError(t, res, 429, "E0000047"); summary != "API call exceeded rate limit due to too many requests." || len(causes) > 0 {
		t.Errorf("%s %q", summary, causes)
	}
	if res.header.Get("Retry-After") != "" {
		t.Error("Okta sends no Retry-After")
	}
	if date, _ := http.ParseTime(res.header.Get("Date")); !date.Equal(c.Now()) {
		t.Errorf("Date %v isn't the org's %v", date, c.Now())
	}
	c.add(40 * time.Second)
	want(get(t, s, usersPath), 200, 2, first+120)
}

func TestWithoutALimitTheHeadersNeverRunOut(t *testing.T) {
	s := Start(t, Options{})
	for i := range unlimitedCalls/2 + 100 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, usersPath, nil)
		r.Header.Set("Authorization", "SSWS "+s.Token)
		s.ServeHTTP(w, r)
		limit, remaining, _ := quotaOf(t, response{header: w.Header()})
		if i == 0 && remaining != unlimitedCalls-1 || limit != unlimitedCalls || remaining < unlimitedCalls/2 || w.Code != http.StatusOK {
			t.Fatalf("call %d: %d, limit %d, remaining %d", i, w.Code, limit, remaining)
		}
	}
}

func TestBuckets(t *testing.T) {
	for call, want := range map[string]Bucket{
		"GET /api/v1/users": BucketUsers, "POST /api/v1/users": BucketUsers,
		"POST /api/v1/users/00u1/lifecycle/suspend": BucketUsers, "DELETE /api/v1/users/00u1/sessions": BucketUsers,
		"GET /api/v1/users/00u1": BucketUser, "DELETE /api/v1/users/00u1": BucketChangeUser, "PUT /api/v1/users/a@b": BucketChangeUser,
		"GET /api/v1/groups": BucketGroups, "POST /api/v1/groups": BucketGroups, "GET /api/v1/groups/00g1": BucketGroup, "DELETE /api/v1/groups/00g1": BucketGroup,
		"PUT /api/v1/groups/00g1/users/00u1": BucketGroups, "GET /api/v1/groups/00g1/users": BucketGroups, "HEAD /api/v1/users/00u1": BucketUser,
		"GET /api/v1/groupsx": BucketOther, "GET /api/v1/usersx": BucketOther, "GET /api/v1/meta/types/user": BucketOther,
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := bucketOf(method, path); got != want {
			t.Errorf("%s: bucket %d, want %d", call, got, want)
		}
	}
}

// raw sends bytes as they are and returns the answer.
func raw(t *testing.T, s *Server, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestLinksAreBuiltFromWhatTheClientCallsTheOrg(t *testing.T) {
	s := Start(t, Options{Users: 50})
	auth := "Authorization: SSWS " + s.Token + "\r\n"
	for request, base := range map[string]string{
		"GET http://acme.okta.example/api/v1/users?limit=1 HTTP/1.1\r\nHost: acme.okta.example\r\n" + auth + "\r\n": "http://acme.okta.example",
		"GET http://acme.okta.example/api/v1/users?limit=1 HTTP/1.1\r\nHost: other\r\n" + auth + "\r\n":             "http://acme.okta.example",
		"GET /api/v1/users?limit=1 HTTP/1.1\r\nHost: acme\r\n" + auth + "\r\n":                                      "http://acme",
		"GET http://a\"b<c>/api/v1/users?limit=1 HTTP/1.1\r\nHost: acme\r\n" + auth + "\r\n":                        s.URL, // no name of a host
		"GET http://[::1%25a%20b]/api/v1/users?limit=1 HTTP/1.1\r\nHost: acme\r\n" + auth + "\r\n":                  s.URL,
		"GET /api/v1/users?limit=1 HTTP/1.1\r\nHost: acme:x\r\n" + auth + "\r\n":                                    s.URL,
		"GET /api/v1/users?limit=1 HTTP/1.0\r\n" + auth + "\r\n":                                                    s.URL,
	} {
		res := raw(t, s, request)
		body, _ := io.ReadAll(res.Body)
		links := res.Header["Link"]
		if len(links) != 2 || !strings.HasPrefix(links[0], "<"+base+"/api/v1/users?limit=1>") || !strings.HasPrefix(links[1], "<"+base+"/api/v1/users?after=") ||
			!strings.Contains(string(body), `"self":{"href":"`+base+`/api/v1/users/00u`) {
			t.Errorf("%.60s: %q %.80s", request, links, body)
		}
	}
}

func TestGzipOnlyIfTheOrgHasItAndTheClientAsks(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := Start(t, Options{Users: 50, Gzip: on})
		res := get(t, s, usersPath, "Accept-Encoding", "gzip")
		if packed := res.header.Get("Content-Encoding") == "gzip"; packed != on {
			t.Fatalf("Gzip %v: Content-Encoding %q", on, res.header.Get("Content-Encoding"))
		}
		if on {
			z, err := gzip.NewReader(strings.NewReader(res.body))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := io.ReadAll(z); err != nil || string(plain) != get(t, s, usersPath, "Accept-Encoding", "identity").body {
				t.Errorf("%v: %.60s", err, plain)
			}
		}
	}
}

func TestRequestsAreLoggedWithoutTheToken(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := Start(t, Options{Users: 5, Now: c.Now})
	get(t, s, usersPath+"?search=status+pr&limit=2", "User-Agent", "test/1", "X-Other", "x")
	get(t, s, usersPath+"/jos%C3%A9")
	log := s.Requests()
	if len(log) != 2 {
		t.Fatalf("%d requests", len(log))
	}
	a, b := log[0], log[1]
	if a.Method != "GET" || a.Path != usersPath || a.Query.Get("search") != "status pr" || a.Query.Get("limit") != "2" || a.Status != 200 ||
		!a.Time.Equal(c.Now()) || a.Header.Get("User-Agent") != "test/1" || a.Header.Get("X-Other") != "" || a.Header.Get("Authorization") != "SSWS" {
		t.Errorf("%+v", a)
	}
	if b.Path != usersPath+"/josé" || b.Status != 404 || b.Query == nil {
		t.Errorf("%+v", b)
	}
	if s.ResetRequests(); len(s.Requests()) != 0 {
		t.Error("the log isn't empty after a reset")
	}
}

func TestTheLogKeepsTheLatestRequests(t *testing.T) {
	var l requestLog
	for i := range maxRequests + 5 {
		r := &http.Request{Method: "GET", URL: &urlOf, Header: http.Header{}}
		l.add(newLogged(r, &answer{status: i}, 0, time.Time{}))
	}
	all := l.all()
	if len(all) != maxRequests || all[0].Status != 5 || all[len(all)-1].Status != maxRequests+4 {
		t.Errorf("%d requests from %d to %d", len(all), all[0].Status, all[len(all)-1].Status)
	}
}

func TestLatencyIsAdded(t *testing.T) {
	s := Start(t, Options{Latency: 30 * time.Millisecond})
	begin := time.Now()
	if get(t, s, usersPath); time.Since(begin) < 30*time.Millisecond {
		t.Errorf("answered after %v", time.Since(begin))
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	s := Start(t, Options{Users: 400})
	want := ids(listAll(t, s, "search", "status pr", "sortBy", "profile.lastName"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := ids(listAll(t, s, "search", "status pr", "sortBy", "profile.lastName")); !slices.Equal(got, want) {
				t.Error("another list")
			}
			s.Inject(Fault{Kind: InternalError, Path: "/nowhere"})
			s.Requests()
		})
	}
	wg.Wait()
}

// A path of the API that isn't served is no group or schema of that name.
func TestNotServed(t *testing.T) {
	org := New(Options{Users: 1})
	for _, path := range notServed {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "SSWS "+DefaultToken)
		w := httptest.NewRecorder()
		org.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "E0000008") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
