package okta

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestNextLinkHeader(t *testing.T) {
	for _, tc := range []struct {
		header []string
		want   string // the target; "" is none, "!" an error
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{`<u>; rel="self"`}, ""},
		{[]string{`<u>; rel="self"`, `<v>; rel="next"`}, "v"},
		{[]string{`<u>; rel="self", <v>; rel="next"`}, "v"},
		{[]string{`<u>;rel=self,<v>;rel=next`}, "v"},
		{[]string{` , <v> ; REL = "Next" ,, `}, "v"},
		{[]string{`<v,w;x="y>; title="a, \"b\"; rel=\"self\""; rel="prev NEXT"; rel=self`}, `v,w;x="y`},
		{[]string{`<v>; rel="self"; rel="next"`}, ""},
		{[]string{`<v>; nothing; rel=next`}, "v"},
		{[]string{`<v>; rel`}, ""},
		{[]string{`<v>`}, ""},
		{[]string{`<v>; rel="next"`, `<v>; rel="next"`}, "v"},
		{[]string{`<v>; rel="next"`, `<w>; rel="next"`}, "!"},
		{[]string{`<v; rel="next"`}, "!"},
		{[]string{`v; rel="next"`}, "!"},
		{[]string{`<v> rel="next"`}, "!"},
		{[]string{`<v>; rel="next`}, "!"},
		{[]string{`<v>; rel="next" <w>`}, "!"},
		{[]string{`< >; rel="next"`}, "!"},
		{[]string{`<v>; rel='next'`}, "v"},
		{[]string{`<v>; rel = 'prev next' ; a=b, <w>; rel='self'`}, "v"},
		{[]string{`<v>; title*=UTF-8'de'n%c3%a4chste; type=text/html; rel=next`}, "v"},
		{[]string{`<v>; rel=next;`}, "v"},
		{[]string{`<v>; rel='next`}, "!"},
		{[]string{`<v>; rel='next"`}, "!"},
		{[]string{`<v>; rel=next"`}, "!"},
		{[]string{`<v>; rel=“next”`}, "!"},
		{[]string{`<v>; "rel"="next"`}, "!"},
		{[]string{`<v>; rel:"next"`}, "!"},
		{[]string{`<v>; ="next"`}, "!"},
		{[]string{`<v>; rel=<next>`}, "!"},
		{[]string{`next`}, "!"},
	} {
		target, found, err := nextLink(tc.header)
		got := target
		if err != nil {
			got = "!"
		}
		if got != tc.want || found != (tc.want != "" && tc.want != "!") && err == nil {
			t.Errorf("%q: %q, %v, %v, want %q", tc.header, target, found, err, tc.want)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://a/b?c=1,2>; rel="next"`, `<x>; rel=self, <y>; a="\"`)
	f.Add(`<`, `>`)
	f.Add(`<a>;`, `<a>;=`)
	f.Fuzz(func(t *testing.T, a, b string) {
		target, found, err := nextLink([]string{a, b})
		if err != nil || !found {
			if target != "" {
				t.Errorf("%q, %q: target %q without found", a, b, target)
			}
			return
		}
		for _, header := range [][]string{
			{fmt.Sprintf(`<%s>; rel="next"`, target)},
			{fmt.Sprintf(`<self>; rel="self", <%s>; rel="next"`, target)},
			{`<self>; rel="self"`, fmt.Sprintf(`<%s>;rel=next`, target)},
		} {
			if again, found, err := nextLink(header); again != target || !found || err != nil {
				t.Errorf("%q: %q, %v, %v, want %q", header, again, found, err, target)
			}
		}
	})
}

func TestAuthParams(t *testing.T) {
	for in, want := range map[string]map[string]string{
		``:                          {},
		`SSWS`:                      {},
		`Bearer realm="a, \"b\""`:   {"realm": `a, "b"`},
		`Bearer A=b , c = "d", A=e`: {"a": "b", "c": "d"},
		`a=b,c`:                     {"a": "b"},
		`Bearer error="open`:        {"error": "open"},
		`Bearer junk, x=1`:          {"x": "1"},
	} {
		if got := authParams(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzErrorOf: whatever an org answers, the error is one readable line without
// the token.
func FuzzErrorOf(f *testing.F) {
	const token = "00fuzzedTOKEN"
	c, err := New("https://acme.okta.com", Token(token), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(404, []byte(`{"errorCode":"E0000007","errorSummary":"Not found","errorCauses":[{"errorSummary":"a\nb"}]}`), "req", "application/json", "")
	f.Add(403, []byte(``), "", "", `Bearer error="insufficient_scope", error_description="x", scope="okta.users.read"`)
	f.Add(502, []byte("<html>\x00"+token), token, token, token)
	f.Add(302, []byte(nil), "", "", "https://"+token)
	f.Add(400, []byte(`{"errorCode":7}`), "", "", "")
	f.Add(400, []byte(`{"errorSummary":"`+token[:5]+`\u0000`+token[5:]+`"}`), "", "", "")
	f.Fuzz(func(t *testing.T, status int, body []byte, id, kind, challenge string) {
		call := &call{op: "list users", method: "GET", path: "/api/v1/users"}
		call.url, _ = c.target(call.path, nil)
		a := &answer{url: call.url, status: status, body: body, header: http.Header{
			"X-Okta-Request-Id": {id}, "Content-Type": {kind}, "Www-Authenticate": {challenge}, "Location": {challenge}}}
		e := c.errorOf(call, a)
		text := e.Error()
		if !strings.HasPrefix(text, "okta: list users: GET /api/v1/users: ") && status != 0 ||
			strings.ContainsAny(text, "\n\r\x00\x1b\u2028") || len(text) > 16<<10 {
			t.Errorf("%q", text)
		}
		if e.RequestID != "" && !strings.HasSuffix(text, "request "+e.RequestID+")") {
			t.Errorf("%q doesn't end with the request", text)
		}
		if strings.Contains(text, token) {
			t.Errorf("the token is in %q", text)
		}
	})
}
