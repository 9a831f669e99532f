package oktatest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheClockIsSetAndMoved(t *testing.T) {
	o := newTestOrg(Options{RateLimit: RateLimit{Calls: 2}})
	if !o.Now().Equal(theClock) {
		t.Errorf("at first: %v", o.Now())
	}
	morning := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	o.SetClock(morning)
	u := create(t, o, "", profileOf("a@acme.example"), "")
	if u["created"] != "2030-01-02T03:04:05.000Z" {
		t.Errorf("created %v", u["created"])
	}
	o.Advance(-time.Hour)
	o.Advance(90 * time.Minute)
	res := do(o, "GET", uriOf(u, ""), "")
	if date := res.header.Get("Date"); date != "Wed, 02 Jan 2030 03:34:05 GMT" {
		t.Errorf("Date: %s", date)
	}
	if got := o.Requests()[1].Time; !got.Equal(morning.Add(30 * time.Minute)) {
		t.Errorf("logged at %v", got)
	}
	// Rate windows end when the clock passes them, and don't last for years when it is set back.
	for _, want := range []int{200, 200, 429} {
		if res := do(o, "GET", usersPath, ""); res.status != want {
			t.Errorf("%d, want %d", res.status, want)
		}
	}
	for _, d := range []time.Duration{time.Minute, -100 * 24 * time.Hour} {
		o.Advance(d)
		for _, want := range []int{200, 200, 429} {
			if res := do(o, "GET", usersPath, ""); res.status != want {
				t.Errorf("after %v: %d, want %d", d, res.status, want)
			}
		}
	}
}

func TestRateLimitsOfBucketsAndTheTokenShare(t *testing.T) {
	o := newTestOrg(Options{Users: 1, RateLimit: RateLimit{Calls: 10, TokenShare: 50, Buckets: map[Bucket]int{BucketUser: 4, BucketGroups: 0, BucketGroup: 1}}})
	for _, c := range []struct {
		uri            string
		limit, allowed int // 0 allowed: any number
	}{
		{usersPath, 5, 5}, {usersPath + "/me", 2, 2}, {groupsPath, unlimitedCalls / 2, 0}, {groupURI(groupNamed(t, o, "Sales"), ""), 1, 1}, {typesPath, 5, 5},
	} {
		for n := 1; n <= c.allowed+3; n++ {
			res := do(o, "GET", c.uri, "")
			limit, left, _ := quotaOf(t, res)
			if limit != c.limit || (res.status == 429) != (c.allowed > 0 && n > c.allowed) || c.allowed > 0 && left != max(c.allowed-n, 0) {
				t.Errorf("%s: call %d: %d, limit %d, remaining %d", c.uri, n, res.status, limit, left)
			}
		}
	}
	for _, share := range []int{-1, 101} {
		if _, err := Open(Options{RateLimit: RateLimit{TokenShare: share}}); err == nil || !strings.Contains(err.Error(), "choose 1 to 100") {
			t.Errorf("a share of %d: %v", share, err)
		}
	}
	limits := map[Bucket]int{BucketUsers: 1}
	o = newTestOrg(Options{RateLimit: RateLimit{Buckets: limits}})
	limits[BucketUsers] = 100
	if limit, _, _ := quotaOf(t, do(o, "GET", usersPath, "")); limit != 1 {
		t.Error("the org follows a map that isn't its own")
	}
}

func TestTooManyRequestsAtOneTime(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	var once sync.Once
	o := newTestOrg(Options{Users: 3, Concurrency: 2})
	o.opts.OnRequest = func(r Request) {
		if r.Path == usersPath+"/me" {
			entered <- true
			<-leave
		}
	}
	defer once.Do(func() { close(leave) })
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { do(o, "GET", usersPath+"/me", "") })
		<-entered
	}
	res := do(o, "GET", usersPath, "")
	limit, left, reset := quotaOf(t, res)
	wantRefusal(t, res, 429, "E0000047", "API call exceeded rate limit due to too many requests.")
	if limit != 0 || left != 0 || reset <= theClock.Unix() {
		t.Errorf("limit %d, remaining %d, reset %d", limit, left, reset)
	}
	if res := do(o, "GET", usersPath, "", "Authorization", "SSWS wrong"); res.status != 401 {
		t.Errorf("the token comes first: %d", res.status)
	}
	once.Do(func() { close(leave) })
	wg.Wait()
	if res := do(o, "GET", usersPath, ""); res.status != 200 {
		t.Errorf("afterwards: %d", res.status)
	}
}

func TestRealms(t *testing.T) {
	o := newTestOrg(Options{Users: 3, Realms: true})
	realm := "guo" + o.types[0].tail
	for _, u := range append(everybody(t, o), decoded(t, do(o, "GET", usersPath+"/me", "")), listOf(t, o, "fields", "id,realmId")[0]) {
		if u["realmId"] != realm {
			t.Fatalf("%v", u)
		}
	}
	if body := do(o, "GET", usersPath+"/me", "").body; !strings.Contains(body, `","realmId":"`+realm+`","type":{`) && !strings.Contains(body, `null,"realmId":"`+realm+`","type":{`) {
		t.Errorf("the place of realmId: %s", body)
	}
	with := func(id, login string) string {
		return `{"realmId":"` + id + `","profile":` + profileOf(login) + `}`
	}
	u := decoded(t, post(o, usersPath, with(realm, "a@acme.example")))
	wantRefusal(t, post(o, usersPath, with("guoNope", "b@acme.example")), 404, "E0000007", "Not found: Resource not found: guoNope (Realm)")
	wantRefusal(t, post(o, uriOf(u, ""), `{"realmId":"guoNope"}`), 404, "E0000007", "Not found: Resource not found: guoNope (Realm)")
	plain := newTestOrg(Options{})
	if u := decoded(t, post(plain, usersPath, with("guoAny", "a@acme.example"))); u["realmId"] != nil {
		t.Errorf("an org without realms: %v", u)
	}
}

func TestTheOwnerOfTheToken(t *testing.T) {
	nobody := newTestOrg(Options{})
	wantError(t, do(nobody, "GET", usersPath+"/me", ""), 404, "E0000007")
	alone := newTestOrg(Options{Owner: true, SearchLag: time.Hour})
	me := decoded(t, do(alone, "GET", usersPath+"/me", ""))
	if text(me, "login") != "owner@acme.example" || me["status"] != "ACTIVE" || len(everybody(t, alone)) != 1 {
		t.Errorf("%v", me)
	}
	if found := listOf(t, alone, "search", `profile.login eq "owner@acme.example"`); len(found) != 1 {
		t.Errorf("a search finds %d owners", len(found))
	}
	if byLogin := decoded(t, do(alone, "GET", usersPath+"/owner", "")); byLogin["id"] != me["id"] {
		t.Errorf("by short name: %v", byLogin)
	}
	if made := decoded(t, post(alone, typesPath, `{"name":"x","displayName":"X"}`)); made["createdBy"] != me["id"] {
		t.Errorf("createdBy %v", made["createdBy"])
	}
	if v := alone.schemaFor(alone.types[0].tail).violations(alone.store.changed[alone.owner].profile, true); v != nil {
		t.Errorf("%v", v)
	}

	many := newTestOrg(Options{Users: 200, Owner: true})
	first := ids(listOf(t, many, "search", `status eq "ACTIVE"`))[0]
	if me := decoded(t, do(many, "GET", usersPath+"/me", "")); me["id"] != first || len(everybody(t, many)) != 200 {
		t.Errorf("the owner is %v, want %s", me["id"], first)
	}
	// It stays the same user, and the token works on.
	must(t, do(many, "DELETE", usersPath+"/me", ""))
	if me := decoded(t, do(many, "GET", usersPath+"/me", "")); me["id"] != first || me["status"] != "DEPROVISIONED" {
		t.Errorf("%v", me)
	}
	must(t, do(many, "DELETE", usersPath+"/me", ""))
	wantError(t, do(many, "GET", usersPath+"/me", ""), 404, "E0000007")
}

func TestTheOrgTellsItsGenerationWithoutAToken(t *testing.T) {
	for engine, want := range map[Engine]string{IdentityEngine: "idx", ClassicEngine: "v1"} {
		got := decoded(t, do(newTestOrg(Options{Engine: engine}), "GET", wellKnownPath, "", "Authorization", ""))
		if got["pipeline"] != want {
			t.Errorf("%v", got)
		}
	}
}

func TestBodiesNeedALength(t *testing.T) {
	s := Start(t, Options{Users: 5})
	auth := " HTTP/1.1\r\nHost: acme\r\nAuthorization: SSWS " + s.Token + "\r\n"
	u := usersPath + "/" + s.store.gen.id(1)
	body := `{"profile":` + profileOf("a@acme.example") + `}`
	for _, c := range []struct {
		request string
		status  int
	}{
		{"POST " + u + "/lifecycle/reset_factors" + auth + "\r\n", 411},
		{"PUT " + u + auth + "\r\n", 411},
		{"POST " + u + "/lifecycle/reset_factors" + auth + "Content-Length: 0\r\n\r\n", 200},
		{"POST " + usersPath + auth + "Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body, 200},
		{"POST " + groupsPath + auth + "Transfer-Encoding: chunked\r\n\r\n20\r\n{\"profile\":{\"name\":\"In chunks\"}}\r\n0\r\n\r\n", 200},
		{"GET " + u + auth + "\r\n", 200},
		{"DELETE " + u + "/sessions" + auth + "\r\n", 204},
	} {
		res := raw(t, s, c.request)
		answer, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.status {
			t.Errorf("%.50s: %d %s", c.request, res.StatusCode, answer)
		}
		if c.status == 411 && (!strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || res.Header.Get("X-Rate-Limit-Limit") != "") {
			t.Errorf("%v", res.Header)
		}
	}
	if res := do(s.Org, "POST", u+"/lifecycle/reset_factors", ""); res.status != 200 {
		t.Errorf("in-process requests need no length: %d", res.status)
	}
}

func itoa(n int) string { return string(appendPadded(nil, uint64(n), 1)) }

func TestEveryRouteRefusesOtherMethods(t *testing.T) {
	o := newTestOrg(Options{Users: 3})
	allowed := map[string][]string{}
	for _, r := range routes {
		allowed[r.pattern] = append(allowed[r.pattern], r.method)
	}
	if len(allowed) < 20 {
		t.Fatalf("%d paths", len(allowed))
	}
	for path, methods := range allowed {
		// Where no other path fits too.
		uri := strings.NewReplacer("{", "", "}", "").Replace(path)
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			if slices.Contains(methods, method) {
				continue
			}
			res := do(o, method, uri, "")
			if _, _ = wantError(t, res, 405, "E0000022"); !strings.Contains(res.header.Get("Allow"), methods[0]) {
				t.Errorf("%s %s: Allow %q", method, uri, res.header.Get("Allow"))
			}
		}
	}
}

func TestRequestsAreReported(t *testing.T) {
	var mu sync.Mutex
	var got []Request
	s := Start(t, Options{Users: 5, Latency: 20 * time.Millisecond, OnRequest: func(r Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
	}})
	res := get(t, s, usersPath+"?limit=2")
	get(t, s, controlPath+"/clock")
	get(t, s, "/nowhere", "Authorization", s.Token)
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 3 || got[0].Bytes != len(res.body) || got[0].Duration < 20*time.Millisecond || got[0].Status != 200 || got[1].Path != controlPath+"/clock" || got[2].Status != 404 {
		t.Errorf("%+v", got)
	}
	if log := s.Requests(); len(log) != 2 || log[0].Bytes != got[0].Bytes || log[0].Duration != got[0].Duration {
		t.Errorf("%+v", log)
	} else if h := log[1].Header.Get("Authorization"); h != "" {
		t.Errorf("a bare token is on the log: %s", h)
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	s, err := Serve(Options{Users: 3, Latency: 150 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if res := get(t, s, usersPath); res.status != 200 {
			t.Errorf("%d", res.status)
		}
	})
	waitBusy(s)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")); err == nil {
		t.Error("it still listens")
	}

	s, err = Serve(Options{Users: 3, Latency: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET "+usersPath+" HTTP/1.1\r\nHost: acme\r\n\r\n")
	waitBusy(s)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		t.Error("a request was answered that should be broken off")
	}
}

// waitBusy waits until a request is being answered.
func waitBusy(s *Server) {
	for s.Org.busy.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
}
