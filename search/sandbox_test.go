package search_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/search"
)

// An org of the sandbox reads what this package writes: the two share no code.
func newOrg(t testing.TB) (org *oktatest.Org, departments map[string][]string) {
	t.Helper()
	org = oktatest.New(oktatest.Options{Users: 60, Seed: 5})
	departments = map[string][]string{}
	for user := range org.Users() {
		var u struct {
			ID      string `json:"id"`
			Profile struct {
				Department string `json:"department"`
			} `json:"profile"`
		}
		if err := json.Unmarshal(user, &u); err != nil {
			t.Fatal(err)
		}
		departments[u.Profile.Department] = append(departments[u.Profile.Department], u.ID)
	}
	return org, departments
}

// ask sends a search and returns the ids found and the search as the org's self link repeats it.
func ask(t testing.TB, org *oktatest.Org, text string) (ids []string, echo string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/api/v1/users?"+url.Values{"search": {text}}.Encode(), nil)
	r.Header.Set("Authorization", "SSWS "+oktatest.DefaultToken)
	w := httptest.NewRecorder()
	org.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", text, w.Code, w.Body)
	}
	var users []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &users); err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	for _, link := range w.Header().Values("Link") {
		target, found := strings.CutSuffix(link, `>; rel="self"`)
		if !found {
			continue
		}
		u, err := url.Parse(strings.TrimPrefix(target, "<"))
		if err != nil {
			t.Fatal(err)
		}
		echo = u.Query().Get("search")
	}
	return ids, echo
}

func TestSandbox(t *testing.T) {
	org, departments := newOrg(t)
	var names, all []string
	for name, want := range departments {
		if name == "" {
			continue
		}
		names, all = append(names, name), append(all, want...)
		text := search.Equal("profile.department", name)
		if got, echo := ask(t, org, text); !slices.Equal(got, want) || echo != text {
			t.Errorf("%s: %q, want %q; the link says %s", text, got, want, echo)
		}
	}
	if len(names) < 5 {
		t.Fatalf("the departments are %q", names)
	}
	slices.Sort(all)
	text := search.AnyOf("profile.department", names, search.MaxText)[0]
	if got, _ := ask(t, org, text); !slices.Equal(got, all) {
		t.Errorf("%s: %q, want %q", text, got, all)
	}
	text = search.All(text, search.Equal("profile.department", names[0]))
	if got, _ := ask(t, org, text); !slices.Equal(got, departments[names[0]]) {
		t.Errorf("%s: %q, want %q", text, got, departments[names[0]])
	}
}

// The longest search that is sent is one that the org takes and echoes.
func TestSandboxTakesLong(t *testing.T) {
	org, departments := newOrg(t)
	values := []string{"Sales"}
	for range 200 {
		values = append(values, strings.Repeat("é", 20))
	}
	text := search.AnyOf("profile.department", values, search.MaxText)[0]
	if n := len(url.QueryEscape(text)); n < search.MaxText/2 {
		t.Fatalf("it is %d bytes long", n)
	}
	if got, echo := ask(t, org, text); !slices.Equal(got, departments["Sales"]) || echo != text {
		t.Errorf("%q, the link says %s", got, echo)
	}
}

// Whatever a value holds, the org reads one string that is this value: it finds the users who have
// it and nobody else.
func FuzzQuote(f *testing.F) {
	org, departments := newOrg(f)
	for name := range departments {
		f.Add(name)
	}
	for _, s := range []string{`"`, `\`, `\\"`, `x" or id pr or id eq "`, `") or (id pr`, "é\u00a0日", "a%22b", "+", "%", "&search=id pr", "\ufffd", `\u0041`, `R\u0026D`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !search.Sendable(s) || len(s) > 500 {
			return
		}
		text := search.Equal("profile.department", s)
		got, echo := ask(t, org, text)
		if echo != text {
			t.Errorf("sent %s, the link says %s", text, echo)
		}
		var want []string
		for name, ids := range departments {
			if strings.EqualFold(name, s) {
				want = append(want, ids...)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		// In company it means the same.
		both := search.All(search.AnyOf("profile.department", []string{s, s}, search.MaxText)[0], "id pr")
		if got, _ := ask(t, org, both); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", both, got, want)
		}
	})
}
