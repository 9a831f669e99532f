package oktatest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// response is an answer, read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// send makes a request with the right token unless headers say otherwise. headers are name, value pairs.
func send(t *testing.T, s *Server, method, uri string, headers ...string) response {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "SSWS "+s.Token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(body)}
}

func get(t *testing.T, s *Server, uri string, headers ...string) response {
	t.Helper()
	return send(t, s, http.MethodGet, uri, headers...)
}

// object is a user as a client sees it.
type object = map[string]any

// list gets one page of users, which must be a success.
func list(t *testing.T, s *Server, uri string, headers ...string) (users []object, next string) {
	t.Helper()
	res := get(t, s, uri, headers...)
	if res.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", uri, res.status, res.body)
	}
	if err := json.Unmarshal([]byte(res.body), &users); err != nil {
		t.Fatalf("GET %s: %v", uri, err)
	}
	return users, nextURI(t, s, res.header)
}

func nextURI(t *testing.T, s *Server, h http.Header) string {
	t.Helper()
	for _, link := range h["Link"] {
		if address, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
			uri, ours := strings.CutPrefix(address, "<"+s.URL)
			if !ours {
				t.Fatalf("next link leads elsewhere: %s", link)
			}
			return uri
		}
	}
	return ""
}

// listAll gets all pages.
func listAll(t *testing.T, s *Server, params ...string) []object {
	t.Helper()
	var all []object
	for uri := usersURI(params...); uri != ""; {
		var users []object
		users, uri = list(t, s, uri)
		all = append(all, users...)
		if len(all) > 100_000 {
			t.Fatal("the list has no end")
		}
	}
	return all
}

// usersURI is the address of a list; params are name, value pairs.
func usersURI(params ...string) string {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	if len(values) == 0 {
		return usersPath
	}
	return usersPath + "?" + values.Encode()
}

// everybody decodes Users.
func everybody(t *testing.T, o *Org) []object {
	t.Helper()
	var all []object
	for u := range o.Users() {
		var one object
		if err := json.Unmarshal(u, &one); err != nil {
			t.Fatalf("%v in %s", err, u)
		}
		all = append(all, one)
	}
	return all
}

func ids(users []object) []string {
	out := []string{}
	for _, u := range users {
		out = append(out, u["id"].(string))
	}
	return out
}

// where returns the ids of the users that keep means, sorted.
func where(users []object, keep func(object) bool) []string {
	out := []string{}
	for _, u := range users {
		if keep(u) {
			out = append(out, u["id"].(string))
		}
	}
	slices.Sort(out)
	return out
}

func profile(u object) object { return u["profile"].(object) }

// text is a profile attribute as a string, "" if it is null or missing.
func text(u object, name string) string {
	s, _ := profile(u)[name].(string)
	return s
}

// wantError checks an error answer: five keys in order, the code, the id's shape.
func wantError(t *testing.T, res response, status int, code string) (summary string, causes []string) {
	t.Helper()
	var e struct {
		ErrorCode, ErrorSummary, ErrorLink, ErrorID string
		ErrorCauses                                 []struct{ ErrorSummary string }
	}
	if err := json.Unmarshal([]byte(res.body), &e); err != nil {
		t.Fatalf("%v in %q", err, res.body)
	}
	if res.status != status || e.ErrorCode != code || e.ErrorLink != code {
		t.Fatalf("%d %s, want %d %s", res.status, res.body, status, code)
	}
	at := -1
	for _, key := range []string{"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"} {
		next := strings.Index(res.body, `"`+key+`":`)
		if next < at {
			t.Errorf("key %s is out of order in %s", key, res.body)
		}
		at = next
	}
	if len(e.ErrorID) != 25 || !strings.HasPrefix(e.ErrorID, "oae") {
		t.Errorf("errorId is %q", e.ErrorID)
	}
	if res.header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type is %q", res.header.Get("Content-Type"))
	}
	for _, c := range e.ErrorCauses {
		causes = append(causes, c.ErrorSummary)
	}
	return e.ErrorSummary, causes
}

var urlOf = url.URL{Path: usersPath}
