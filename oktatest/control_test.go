package oktatest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTheControlPathIsItsOwn(t *testing.T) {
	o := newTestOrg(Options{Users: 5, RateLimit: RateLimit{Calls: 1}, Faults: []Fault{{Kind: InternalError, Times: Forever}}, Latency: time.Nanosecond})
	for range 3 {
		res := do(o, "GET", controlPath+"/clock", "")
		if res.status != 200 || res.header.Get("X-Sandbox") != "whoql" || res.header.Get("X-Rate-Limit-Limit") != "" {
			t.Fatalf("%d %v %s", res.status, res.header, res.body)
		}
	}
	if n := len(o.Requests()); n != 0 {
		t.Errorf("%d requests are on the log", n)
	}
	for _, c := range []struct {
		method, uri, token string
		status             int
	}{
		{"GET", controlPath, "SSWS wrong", 401}, {"GET", controlPath + "/clock", "", 401}, {"GET", controlPath + "/nothing", "SSWS " + DefaultToken, 404},
		{"PATCH", controlPath + "/clock", "SSWS " + DefaultToken, 405}, {"GET", controlPath + "/users/x/lock_out", "SSWS " + DefaultToken, 405},
	} {
		res := do(o, c.method, c.uri, "", "Authorization", c.token)
		var e struct{ Error string }
		if err := json.Unmarshal([]byte(res.body), &e); res.status != c.status || err != nil || e.Error == "" || strings.Contains(res.body, "errorCode") || res.header.Get("X-Sandbox") == "" {
			t.Errorf("%s %s: %d %s", c.method, c.uri, res.status, res.body)
		}
	}
	o.ClearFaults()
	for _, path := range []string{"/sandbox", "/sandbox/v1x", "/api/v1/sandbox/v1/clock", "/sandbox/v2/clock"} {
		wantError(t, do(o, "GET", path, ""), 404, "E0000008")
	}
	list := decoded(t, do(o, "GET", controlPath, ""))["operations"].([]any)
	if len(list) != len(controls()) || list[0].(object)["method"] != "GET" || list[0].(object)["what"] == "" {
		t.Errorf("%v", list)
	}
}

func TestTheClockIsControlled(t *testing.T) {
	o := newTestOrg(Options{})
	now := func(res response) string { return decoded(t, res)["now"].(string) }
	if got := now(do(o, "GET", controlPath+"/clock", "")); got != theClock.Format(time.RFC3339Nano) {
		t.Errorf("%s", got)
	}
	if got := now(do(o, "PUT", controlPath+"/clock", `{"now":"2030-01-02T05:04:05+02:00"}`)); got != "2030-01-02T03:04:05Z" {
		t.Errorf("%s", got)
	}
	if got := now(do(o, "PUT", controlPath+"/clock", `{"advance":"-1h30m"}`)); got != "2030-01-02T01:34:05Z" {
		t.Errorf("%s", got)
	}
	for _, body := range []string{``, `{}`, `{"now":"2030-01-02T03:04:05Z","advance":"1s"}`, `{"now":"soon"}`, `{"now":"0001-01-01T00:00:00Z"}`, `{"now":"2500-01-01T00:00:00Z"}`, `{"advance":"1"}`, `{"advance":"2000000h"}`, `{"later":"1s"}`, `[`} {
		if res := do(o, "PUT", controlPath+"/clock", body); res.status != 400 || !strings.HasPrefix(res.body, `{"error":"`) {
			t.Errorf("%s: %d %s", body, res.status, res.body)
		}
	}
	if got := now(do(o, "DELETE", controlPath+"/clock", "")); got != theClock.Format(time.RFC3339Nano) {
		t.Errorf("%s", got)
	}
}

func TestUsersAreControlled(t *testing.T) {
	o := newTestOrg(Options{})
	u := create(t, o, "", profileOf("a@acme.example"), "")
	act := func(what, body, status string) {
		t.Helper()
		wantBody(t, post(o, controlPath+"/users/a@acme.example/"+what, body), 200, "{}\n")
		if got := again(t, o, u)["status"]; got != status {
			t.Errorf("after %s: %s", what, got)
		}
	}
	act("complete_activation", `{"password":"`+goodPassword+`"}`, "ACTIVE")
	act("sign_in", ``, "ACTIVE")
	act("sign_in", `{"password":"`+goodPassword+`"}`, "ACTIVE")
	if again(t, o, u)["lastLogin"] == nil {
		t.Error("nobody has signed in")
	}
	act("lock_out", `{}`, "LOCKED_OUT")
	must(t, post(o, uriOf(u, "/lifecycle/unlock"), ""))
	must(t, post(o, uriOf(u, "/lifecycle/reset_password"), ""))
	act("complete_recovery", `{"password":"`+otherPassword+`"}`, "ACTIVE")
	for _, c := range [][2]string{{"nobody/lock_out", ""}, {"a@acme.example/sign_in", `{"password":"wrong"}`}, {"a@acme.example/complete_activation", `{"password":"x"}`}, {"a@acme.example/sign_in", `{"pass":"x"}`}} {
		res := post(o, controlPath+"/users/"+c[0], c[1])
		if res.status != 400 || !strings.HasPrefix(res.body, `{"error":"`) || strings.Contains(res.body, "oktatest") {
			t.Errorf("%v: %d %s", c, res.status, res.body)
		}
	}
}

func TestFaultsAreControlled(t *testing.T) {
	o := newTestOrg(Options{})
	faults := func(res response, want string) {
		t.Helper()
		wantBody(t, res, 200, `{"faults":[`+want+"]}\n")
	}
	faults(do(o, "GET", controlPath+"/faults", ""), "")
	faults(post(o, controlPath+"/faults", `{"spec":"internal-error@2x3, reset@9x*","path":"/api/v1/users"}`),
		`{"spec":"internal-error@2x3","path":"/api/v1/users"},{"spec":"reset@9x*","path":"/api/v1/users"}`)
	for _, want := range []int{200, 500} {
		if res := do(o, "GET", usersPath, ""); res.status != want {
			t.Errorf("%d, want %d", res.status, want)
		}
	}
	do(o, "GET", groupsPath, "") // doesn't count
	faults(post(o, controlPath+"/faults", `{"spec":"redirect:5s","next":"http://other.example"}`),
		`{"spec":"internal-error@1x2","path":"/api/v1/users"},{"spec":"reset@7x*","path":"/api/v1/users"},{"spec":"redirect@1:5s","next":"http://other.example"}`)
	for _, body := range []string{``, `{"spec":""}`, `{"spec":"nope"}`, `{"kind":"reset"}`} {
		if res := post(o, controlPath+"/faults", body); res.status != 400 {
			t.Errorf("%s: %d %s", body, res.status, res.body)
		}
	}
	faults(do(o, "DELETE", controlPath+"/faults", ""), "")
	must(t, do(o, "GET", usersPath, ""))
}

func TestTheLogIsControlled(t *testing.T) {
	o := newTestOrg(Options{})
	do(o, "GET", usersPath+"?search=status+pr", "", "User-Agent", "test/1")
	list := decoded(t, do(o, "GET", controlPath+"/requests", ""))["requests"].([]any)
	want := object{"method": "GET", "path": usersPath, "query": object{"search": []any{"status pr"}}, "status": 200.0, "bytes": 2.0,
		"header": object{"Authorization": []any{"SSWS"}, "User-Agent": []any{"test/1"}}, "time": theClock.Format(time.RFC3339Nano)}
	if len(list) != 1 {
		t.Fatalf("%v", list)
	}
	got := list[0].(object)
	if _, ok := got["durationMs"].(float64); !ok {
		t.Errorf("%v", got)
	}
	delete(got, "durationMs")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	wantBody(t, do(o, "DELETE", controlPath+"/requests", ""), 200, "{\"requests\":[]}\n")
	if len(o.Requests()) != 0 {
		t.Error("the log isn't empty")
	}
}

func TestFaultsInTheNotationOfCommandLines(t *testing.T) {
	for spec, want := range map[string][]Fault{
		"reset":                           {{Kind: Reset}},
		"rate-limited@3x2,stall@10":       {{Kind: RateLimited, At: 3, Times: 2}, {Kind: Stall, At: 10}},
		" Delay@1x*:200ms , repeat-next ": {{Kind: Delay, At: 1, Times: Forever, Delay: 200 * time.Millisecond}, {Kind: RepeatNext}},
		"repeat-nextx2":                   {{Kind: RepeatNext, Times: 2}},
		"stallx*:2s":                      {{Kind: Stall, Times: Forever, Delay: 2 * time.Second}},
	} {
		if got, err := ParseFaults(spec); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v %v", spec, got, err)
		}
	}
	for spec, want := range map[string]string{
		"": "is no fault", "reset,": "is no fault", "resetx": "no fault is named", "reset@0": "counted from 1", "resetx0": "at least once", "reset@x2": "is no fault",
		"reset@1x2x3": "is no fault", "boom@2": "choose one of rate-limited", "delay:0s": "no duration above 0", "delay:soon": "no duration above 0", "delay:-1s": "no duration above 0",
	} {
		if got, err := ParseFaults(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v", spec, got, err)
		}
	}
}

func FuzzParseFaults(f *testing.F) {
	for _, spec := range []string{"reset", "rate-limited@3x2,stall@10", "delay@1x*:200ms", "repeat-nextx2"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		list, err := ParseFaults(spec)
		if err != nil {
			return
		}
		for _, fault := range list {
			again, err := ParseFaults(fault.String())
			if err != nil || len(again) != 1 {
				t.Fatalf("%q is printed as %q: %v", spec, fault, err)
			}
			if fault.At = max(fault.At, 1); fault.Times == 1 {
				fault.Times = 0
			}
			if again[0] != fault {
				t.Fatalf("%q is printed as %q, which is read as %+v", spec, fault, again[0])
			}
		}
	})
}

func FuzzControl(f *testing.F) {
	for _, body := range []string{`{"advance":"90s"}`, `{"now":"2030-01-02T03:04:05Z"}`, `{"spec":"reset","next":"x"}`, `{"password":"x"}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o := newTestOrg(Options{Owner: true})
		for _, one := range controls() {
			if one.method == "GET" {
				continue
			}
			res := do(o, one.method, strings.Replace(one.pattern, "{id}", "me", 1), body)
			if !json.Valid([]byte(res.body)) || res.status != 200 && res.status != 400 {
				t.Fatalf("%s %s %q: %d %s", one.method, one.pattern, body, res.status, res.body)
			}
		}
		if year := o.Now().Year(); year < 1600 || year > 2500 {
			t.Fatalf("%q: the clock is at %v", body, o.Now())
		}
	})
}
