package oktatest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFaultKindsHaveNamesThatParse(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range FaultKinds() {
		name := k.String()
		back, err := ParseFaultKind(strings.ToUpper(name))
		if name == "" || seen[name] || err != nil || back != k {
			t.Errorf("%d: %q %v %v", k, name, back, err)
		}
		seen[name] = true
	}
	if len(seen) != 23 {
		t.Errorf("%d kinds", len(seen))
	}
	if _, err := ParseFaultKind("nope"); err == nil || !strings.Contains(err.Error(), "rate-limited") {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestFaultsFireWhenTheyAreDue(t *testing.T) {
	s := Start(t, Options{Users: 5, Faults: []Fault{{Kind: InternalError}}})
	statuses := func(n int, path string) (out []int) {
		for range n {
			out = append(out, get(t, s, path).status)
		}
		return out
	}
	want := func(path string, want ...int) {
		t.Helper()
		got := statuses(len(want), path)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", path, got, want)
				return
			}
		}
	}
	want(usersPath, 500, 200)
	s.Inject(Fault{Kind: SearchDown, At: 2, Times: 2}, Fault{Kind: InternalError, At: 3, Times: 2})
	want(usersPath, 200, 503, 503, 500, 200) // the third request is due for both: the first wins
	s.Inject(Fault{Kind: Unauthorized, Path: usersPath + "/", Times: Forever})
	want(usersPath, 200)
	want(usersPath+"/me", 401, 401, 401)
	s.ClearFaults()
	want(usersPath+"/me", 200)
	s.Inject(Fault{}, Fault{Kind: ObjectForArray})
	want(usersPath+"/me", 200) // no list: it neither fires nor counts
	if body := get(t, s, usersPath).body; body != "{}" {
		t.Error(body)
	}
	if len(s.faults.armed) != 0 {
		t.Errorf("%d faults are kept although they are over", len(s.faults.armed))
	}
}

func TestRateLimitFaults(t *testing.T) {
	c := &clock{now: time.Unix(1_800_000_000, 0)}
	s := Start(t, Options{Users: 5, Now: c.Now})
	s.Inject(Fault{Kind: RateLimited, Delay: 5 * time.Second}, Fault{Kind: Concurrency, At: 2}, Fault{Kind: RateLimitedBare, At: 3})
	for _, want := range [][3]string{{"100000", "0", "1800000005"}, {"0", "0", "1800000002"}, {"", "", ""}} {
		res := get(t, s, usersPath)
		wantError(t, res, http.StatusTooManyRequests, "E0000047")
		got := [3]string{res.header.Get("X-Rate-Limit-Limit"), res.header.Get("X-Rate-Limit-Remaining"), res.header.Get("X-Rate-Limit-Reset")}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFaultsThatAnswerWithAnError(t *testing.T) {
	s := Start(t, Options{Users: 5})
	s.Inject(Fault{Kind: Unavailable}, Fault{Kind: HTMLOK, At: 2}, Fault{Kind: Redirect, At: 3}, Fault{Kind: Redirect, At: 4, Next: "http://127.0.0.1:1"},
		Fault{Kind: Forbidden, At: 5}, Fault{Kind: Unauthorized, At: 6})
	for i, want := range []int{503, 200} {
		res := get(t, s, usersPath)
		if res.status != want || !strings.HasPrefix(res.header.Get("Content-Type"), "text/html") || !strings.Contains(res.body, "<html>") {
			t.Errorf("%d: %d %v %s", i, res.status, res.header, res.body)
		}
	}
	for _, want := range []string{"http://elsewhere.invalid/api/v1/users?limit=2", "http://127.0.0.1:1/api/v1/users?limit=2"} {
		if res := get(t, s, usersPath+"?limit=2"); res.status != 302 || res.header.Get("Location") != want {
			t.Errorf("%d %s, want %s", res.status, res.header.Get("Location"), want)
		}
	}
	res := get(t, s, usersPath)
	why := res.header.Get("WWW-Authenticate")
	if res.status != 403 || res.body != "" || res.header.Get("Content-Type") != "" || !strings.HasPrefix(why, "Bearer ") ||
		!strings.Contains(why, `error="insufficient_scope"`) || !strings.Contains(why, `scope="okta.users.read"`) {
		t.Errorf("%d %q %v", res.status, res.body, res.header)
	}
	wantError(t, get(t, s, usersPath), 401, "E0000011")
}

// broken makes a request that is expected to end badly and returns how.
func broken(t *testing.T, s *Server, ctx context.Context) (res *http.Response, body []byte, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+usersPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "SSWS "+s.Token)
	res, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res, body, err
}

func TestCutOffAnswersEndInTheMiddle(t *testing.T) {
	s := Start(t, Options{Users: 100})
	whole := len(get(t, s, usersPath).body)
	for _, kind := range []FaultKind{CutOff, CutOffChunked} {
		s.Inject(Fault{Kind: kind})
		res, body, err := broken(t, s, t.Context())
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != whole/2 {
			t.Errorf("%v: %d of %d bytes, %v", kind, len(body), whole, err)
		}
		if chunked := res.ContentLength < 0; chunked != (kind == CutOffChunked) {
			t.Errorf("%v: Content-Length %d", kind, res.ContentLength)
		}
	}
}

func TestResetIsATCPReset(t *testing.T) {
	s := Start(t, Options{Users: 5, Faults: []Fault{{Kind: Reset}}})
	_, _, err := broken(t, s, t.Context())
	if err == nil || !errors.Is(err, syscall.ECONNRESET) && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "forcibly closed") {
		t.Errorf("%v", err)
	}
	if log := s.Requests(); len(log) != 1 || log[0].Status != 0 {
		t.Errorf("%+v", log)
	}
}

func TestResetAfterActs(t *testing.T) {
	s := Start(t, Options{Users: 200})
	path := usersPath + "/" + where(everybody(t, s.Org), func(u object) bool { return u["status"] == "ACTIVE" })[0]
	s.Inject(Fault{Kind: ResetAfter})
	r, err := http.NewRequest("POST", s.URL+path+"/lifecycle/suspend", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "SSWS "+s.Token)
	if res, err := http.DefaultClient.Do(r); err == nil {
		t.Errorf("%s", res.Status)
	}
	if log := s.Requests(); len(log) != 1 || log[0].Status != 200 {
		t.Errorf("%+v", log)
	}
	if res := get(t, s, path); !strings.Contains(string(res.body), `"status":"SUSPENDED"`) {
		t.Errorf("%s", res.body)
	}
}

func TestHangUpClosesWithoutAnAnswer(t *testing.T) {
	s := Start(t, Options{Users: 5, Faults: []Fault{{Kind: HangUp}}})
	if _, _, err := broken(t, s, t.Context()); err != io.EOF {
		t.Errorf("%v", err)
	}
	if log := s.Requests(); len(log) != 1 || log[0].Status != 0 {
		t.Errorf("%+v", log)
	}
	if res := get(t, s, usersPath); res.status != 200 {
		t.Errorf("the next request: %d", res.status)
	}
}

func TestStallEndsByItsDelayTheClientOrClose(t *testing.T) {
	s := Start(t, Options{Users: 100})
	s.Inject(Fault{Kind: Stall, Delay: 20 * time.Millisecond})
	if _, body, err := broken(t, s, t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	s.Inject(Fault{Kind: Stall})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := broken(t, s, ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	s.Inject(Fault{Kind: Stall})
	done := make(chan error)
	go func() {
		_, _, err := broken(t, s, context.Background())
		done <- err
	}()
	for len(s.Requests()) < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a stalled request ended well")
	}
}

func TestDelayIsLateButRight(t *testing.T) {
	s := Start(t, Options{Users: 5, Faults: []Fault{{Kind: Delay, Delay: 30 * time.Millisecond}}})
	begin := time.Now()
	if users, _ := list(t, s, usersPath); len(users) == 0 || time.Since(begin) < 30*time.Millisecond {
		t.Errorf("%d users after %v", len(users), time.Since(begin))
	}
}

func TestBadJSONHasARightLength(t *testing.T) {
	s := Start(t, Options{Users: 5, Faults: []Fault{{Kind: BadJSON}}})
	res := get(t, s, usersPath)
	if res.status != 200 || json.Valid([]byte(res.body)) || res.header.Get("Content-Length") != strconv.Itoa(len(res.body)) {
		t.Errorf("%d %v", res.status, res.header)
	}
}

func TestLinkFaults(t *testing.T) {
	s := Start(t, Options{Users: 100})
	second := usersURI("search", "status pr", "limit", "10", "after", everybody(t, s.Org)[9]["id"].(string))
	nextOf := func(f Fault) string {
		t.Helper()
		s.Inject(f)
		res := get(t, s, second)
		if res.status != 200 || len(res.header["Link"]) != 2 {
			t.Fatalf("%v: %d %q", f.Kind, res.status, res.header["Link"])
		}
		self := strings.TrimSuffix(res.header["Link"][0], `rel="self"`)
		if f.Kind == RepeatNext && self != strings.TrimSuffix(res.header["Link"][1], `rel="next"`) {
			t.Errorf("next isn't self: %q", res.header["Link"])
		}
		return res.header["Link"][1]
	}
	nextOf(Fault{Kind: RepeatNext})
	if got, want := nextOf(Fault{Kind: CycleNext}), "<"+s.URL+usersPath+`?limit=10&search=status+pr>; rel="next"`; got != want {
		t.Errorf("cycle: %s", got)
	}
	if got := nextOf(Fault{Kind: ForeignNext}); !strings.HasPrefix(got, "<http://elsewhere.invalid/api/v1/users?after=00u") {
		t.Errorf("foreign: %s", got)
	}
	if got := nextOf(Fault{Kind: ForeignNext, Next: "http://[::1]:9"}); !strings.HasPrefix(got, "<http://[::1]:9/api/v1/users?after=00u") {
		t.Errorf("foreign: %s", got)
	}
}

func TestEmptyPagesLeaveNobodyOut(t *testing.T) {
	for _, params := range [][]string{{}, {"filter", `lastUpdated gt "2000-01-01T00:00:00Z"`}, {"search", "status pr"},
		{"search", "status pr", "sortBy", "created"}, {"search", "status pr", "sortBy", "profile.city", "sortOrder", "desc"}} {
		s := Start(t, Options{Users: 90})
		params = append(params, "limit", "20")
		want := ids(listAll(t, s, params...))
		s.Inject(Fault{Kind: EmptyPage, Times: 2}, Fault{Kind: EmptyPage, At: 4, Times: 3})
		s.ResetRequests()
		got := ids(listAll(t, s, params...))
		if len(got) != len(want) || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: %d users, want %d", params, len(got), len(want))
		}
		seen := map[string]bool{}
		for _, r := range s.Requests() {
			if after := r.Query.Get("after"); seen[after] {
				t.Errorf("%q: cursor %s came twice", params, after)
			} else {
				seen[after] = true
			}
		}
		if len(seen) != 5+5 && len(params) > 2 {
			t.Errorf("%q: %d pages", params, len(seen))
		}
	}
}

func TestAnErrorIsNotSpoiledByAListFault(t *testing.T) {
	s := Start(t, Options{Users: 5})
	for _, k := range FaultKinds() {
		if k.listOnly() {
			s.Inject(Fault{Kind: k})
			wantError(t, get(t, s, usersURI("search", "nonsense")), 400, "E0000031")
		}
	}
}

func TestCloseRefusesFurtherRequestsAndMayBeRepeated(t *testing.T) {
	s, err := Serve(Options{Users: 5})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	get(t, s, usersPath) // by now the server has the connection above too
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	io.WriteString(conn, "GET /api/v1/users HTTP/1.0\r\n\r\n")
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("answered after Close: %s", answer)
	}
}

func TestImpossibleOptionsAreErrors(t *testing.T) {
	for _, o := range []Options{{Users: -1}, {Users: MaxUsers + 1}, {IDSuffix: "5d"}, {IDSuffix: "5d-"}} {
		if _, err := Serve(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New accepted %+v", o)
				}
			}()
			New(o)
		}()
	}
	if _, err := ServeOn("256.0.0.1:x", Options{}); err == nil || !strings.HasPrefix(err.Error(), "oktatest: serve: ") {
		t.Errorf("a bad address: %v", err)
	}
}

// recorder is a TB that notes what Start does.
type recorder struct {
	failed   string
	cleanups []func()
}

func (r *recorder) Helper()                        {}
func (r *recorder) Fatalf(format string, a ...any) { r.failed = format }
func (r *recorder) Cleanup(f func())               { r.cleanups = append(r.cleanups, f) }

func TestStartFailsTheTestOrClosesAtItsEnd(t *testing.T) {
	var r recorder
	if s := Start(&r, Options{Users: -1}); s != nil || r.failed == "" || len(r.cleanups) != 0 {
		t.Errorf("%+v", r)
	}
	s := Start(&r, Options{})
	if s == nil || len(r.cleanups) != 1 {
		t.Fatalf("%+v", r)
	}
	r.cleanups[0]()
	if !s.closed {
		t.Error("the server isn't closed")
	}
}
