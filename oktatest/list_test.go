package oktatest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestPlainListHidesDeprovisionedUsersAndGoesByStatusThenID(t *testing.T) {
	s := Start(t, Options{Users: 700})
	users := listAll(t, s, "limit", "33")
	want := where(everybody(t, s.Org), func(u object) bool { return u["status"] != "DEPROVISIONED" })
	got := ids(users)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d users, want %d", len(got), len(want))
	}
	last := ""
	for _, u := range users {
		ordinal := slices.Index(statusNames[:], u["status"].(string))
		place := strconv.Itoa(ordinal) + u["id"].(string)
		if place <= last {
			t.Fatalf("%s after %s", place, last)
		}
		last = place
	}
}

func TestFilterAndSearchShowDeprovisionedUsers(t *testing.T) {
	s := Start(t, Options{Users: 300})
	all := everybody(t, s.Org)
	want := where(all, func(u object) bool { return u["status"] == "DEPROVISIONED" })
	for _, param := range []string{"filter", "search"} {
		if got := ids(listAll(t, s, param, `status eq "DEPROVISIONED"`)); !slices.Equal(got, want) {
			t.Errorf("%s: %d users, want %d", param, len(got), len(want))
		}
	}
	if got := listAll(t, s, "search", `created ge "1970-01-01T00:00:00.000Z"`); len(got) != 300 {
		t.Errorf("search for everybody: %d of 300", len(got))
	}
	if got := listAll(t, s, "filter", `lastUpdated gt "1970-01-01T00:00:00.000Z"`); len(got) != 300 {
		t.Errorf("filter for everybody: %d of 300", len(got))
	}
}

func TestDefaultLimitIs200And10WithQ(t *testing.T) {
	s := Start(t, Options{Users: 1000})
	for uri, want := range map[string]int{
		usersPath:                     200,
		usersPath + "?limit=":         200,
		usersPath + "?limit=5000":     200,
		usersPath + "?limit=7":        7,
		usersPath + "?q=a":            10,
		usersPath + "?q=a&limit=20":   20,
		usersPath + "?q=":             200,
		usersPath + "?q=a&after=junk": 10,
	} {
		users, _ := list(t, s, uri)
		if len(users) != want {
			t.Errorf("%s: %d users, want %d", uri, len(users), want)
		}
	}
	wantError(t, get(t, s, usersPath+"?limit=abc"), http.StatusBadRequest, "E0000037")
	wantError(t, get(t, s, usersPath+"?limit=99999999999"), http.StatusBadRequest, "E0000037")
	wantError(t, get(t, s, usersPath+"?limit=0"), http.StatusBadRequest, "E0000001")
}

func TestLinksAreTwoHeadersSelfFirst(t *testing.T) {
	s := Start(t, Options{Users: 50})
	res := get(t, s, usersPath+"?limit=20")
	links := res.header["Link"]
	if len(links) != 2 || links[0] != "<"+s.URL+usersPath+`?limit=20>; rel="self"` ||
		!strings.HasPrefix(links[1], "<"+s.URL+usersPath+"?after=") || !strings.HasSuffix(links[1], `&limit=20>; rel="next"`) {
		t.Errorf("Link: %q", links)
	}
	if res := get(t, s, usersPath); len(res.header["Link"]) != 1 {
		t.Errorf("the only page has %q", res.header["Link"])
	}
	for _, name := range []string{"X-Total-Count", "Retry-After", "ETag"} {
		if res.header.Get(name) != "" {
			t.Errorf("%s is there", name)
		}
	}
}

func TestAPageThatIsExactlyFullAndTheLastHasNoNext(t *testing.T) {
	s := Start(t, Options{Users: 40})
	const all = `created ge "1970-01-01T00:00:00.000Z"`
	if users, next := list(t, s, usersURI("search", all, "limit", "40")); len(users) != 40 || next != "" {
		t.Errorf("%d users, next %q", len(users), next)
	}
	users, next := list(t, s, usersURI("search", all, "limit", "39"))
	rest, end := list(t, s, next)
	if len(users) != 39 || len(rest) != 1 || end != "" {
		t.Errorf("%d and %d users, next %q", len(users), len(rest), end)
	}
}

func TestSelfIsNormalised(t *testing.T) {
	s := Start(t, Options{Users: 5})
	for sent, want := range map[string]string{
		"?filter=status+eq+%22ACTIVE%22":                               "?limit=200&filter=status+eq+%22ACTIVE%22",
		"?search=(profile.login%20eq%20%22a@b%22)&limit=5&sortOrder=0": "?limit=5&search=%28profile.login+eq+%22a%40b%22%29",
		"?sortOrder=desc": "?limit=200",
		"?search=status+pr&sortOrder=desc&sortBy=id":  "?limit=200&search=status+pr&sortBy=id&sortOrder=desc",
		"?limit=2&after=200u000000000000005d7&junk=1": "?after=200u000000000000005d7&limit=2",
		"?q=b%20c": "?limit=10&q=b+c",
		"?after=00u000000000000005d7&limit=3&search=status+eq+%22STAGED%22": "?after=00u000000000000005d7&limit=3&search=status+eq+%22STAGED%22",
	} {
		res := get(t, s, usersPath+sent)
		if got := res.header["Link"]; len(got) == 0 || got[0] != "<"+s.URL+usersPath+want+`>; rel="self"` {
			t.Errorf("%s:\n%q, want\n%s", sent, got, want)
		}
	}
}

func TestCursorsLookLikeOktas(t *testing.T) {
	s := Start(t, Options{Users: 300})
	users, next := list(t, s, usersURI("filter", `status eq "ACTIVE"`, "limit", "3"))
	if want := "after=2" + users[2]["id"].(string) + "&"; !strings.Contains(next, want) {
		t.Errorf("filter: %s, want %s", next, want)
	}
	users, next = list(t, s, usersURI("search", `status eq "ACTIVE"`, "limit", "3"))
	if want := "after=" + users[2]["id"].(string) + "&"; !strings.Contains(next, want) {
		t.Errorf("search: %s, want %s", next, want)
	}
}

func TestBadCursorsAreRefused(t *testing.T) {
	s := Start(t, Options{Users: 5})
	for params, code := range map[string]string{
		"after=x":                                      "E0000029",
		"after=00u000000000000005d7":                   "E0000029",
		"after=900u000000000000005d7":                  "E0000029",
		"after=200u0000000000000000!":                  "E0000029",
		"after=%ff00u000000000000005d7":                "E0000029",
		"filter=status+eq+%22ACTIVE%22&after=1":        "E0000029",
		"search=status+pr&after=200u000000000000005d7": "E0000031",
		"search=status+pr&after=00u":                   "E0000031",
		"search=status+pr&sortBy=created&after=00u000": "E0000031",
		"search=status+pr&sortBy=created&after=%C3%A9": "E0000031",
		"search=status+pr&sortBy=created&after=" + encodeRaw("00u000000000000005d7nNaN"): "E0000031",
		"search=status+pr&sortBy=created&after=" + encodeRaw("00u000000000000005d7x"):    "E0000031",
	} {
		_, causes := wantError(t, get(t, s, usersPath+"?"+params), http.StatusBadRequest, code)
		if !slices.Equal(causes, []string{"Invalid cursor."}) {
			t.Errorf("%s: causes %q", params, causes)
		}
	}
}

func TestSearchAndFilterTogetherAreRefused(t *testing.T) {
	s := Start(t, Options{Users: 5})
	wantError(t, get(t, s, usersURI("search", "status pr", "filter", `status eq "ACTIVE"`)), http.StatusBadRequest, "E0000033")
}

func TestAnEmptyResultIsAnEmptyArray(t *testing.T) {
	s := Start(t, Options{})
	for _, uri := range []string{usersPath, usersURI("q", "x"), usersURI("search", "status pr", "sortBy", "created"),
		usersURI("search", "status pr"), usersURI("filter", `status eq "ACTIVE"`), usersURI("search", "status pr", "sortBy", "profile.city", "sortOrder", "desc")} {
		res := get(t, s, uri)
		if res.status != http.StatusOK || res.body != "[]" || len(res.header["Link"]) != 1 {
			t.Errorf("%s: %d %q %q", uri, res.status, res.body, res.header["Link"])
		}
	}
}

func TestQIsAPrefixOfThreeAttributesWithoutPages(t *testing.T) {
	s := Start(t, Options{Users: 1500})
	all := everybody(t, s.Org)
	for _, q := range []string{"ma", "MA", "núñ", "NÚÑ", "frontdesk.", "o'b", "伟", "no such prefix"} {
		prefix := func(v string) bool { return strings.HasPrefix(strings.ToLower(v), strings.ToLower(q)) }
		want := where(all, func(u object) bool {
			return u["status"] != "DEPROVISIONED" && (prefix(text(u, "firstName")) || prefix(text(u, "lastName")) || prefix(text(u, "email")))
		})
		users, next := list(t, s, usersURI("q", q, "limit", "200"))
		if got := ids(users); !slices.Equal(got, want[:min(200, len(want))]) || next != "" {
			t.Errorf("q=%s: %d users, want %d; next %q", q, len(got), len(want), next)
		}
	}
	someone := all[0]
	if users, _ := list(t, s, usersURI("q", text(someone, "lastName")[1:]+"\x00", "limit", "200")); len(users) != 0 {
		t.Error("q matches in the middle")
	}
	wantError(t, get(t, s, usersURI("q", "😀")), http.StatusBadRequest, "E0000031")
}

func TestAnEchoThatIsTooLongIsRefused(t *testing.T) {
	s := Start(t, Options{Users: 5})
	long := `id eq "x"` + strings.Repeat(` or id eq "x"`, 1000)
	wantError(t, get(t, s, usersURI("search", long)), http.StatusRequestURITooLong, "E0000256")
	fits := `id eq "x"` + strings.Repeat(` or id eq "x"`, 300)
	if users, _ := list(t, s, usersURI("search", fits)); len(users) != 0 {
		t.Error("found somebody")
	}
}

func TestPagingSurvivesChangesBetweenPages(t *testing.T) {
	for name, params := range map[string][]string{
		"plain":  {"limit", "20"},
		"filter": {"limit", "20", "filter", `lastUpdated gt "2000-01-01T00:00:00Z"`},
		"search": {"limit", "20", "search", "status pr"},
		"sorted": {"limit", "20", "search", "status pr", "sortBy", "profile.lastName"},
	} {
		s := Start(t, Options{Users: 100})
		users, next := list(t, s, usersURI(params...))
		gone, _ := s.store.indexOf(users[19]["id"].(string)) // the very user that the cursor names
		s.store.remove(gone)
		seen := map[string]int{}
		for _, u := range users {
			seen[u["id"].(string)]++
		}
		for next != "" {
			users, next = list(t, s, next)
			for _, u := range users {
				seen[u["id"].(string)]++
			}
		}
		want := 100
		if name == "plain" {
			want -= len(where(everybody(t, New(Options{Users: 100})), func(u object) bool { return u["status"] == "DEPROVISIONED" }))
		}
		if len(seen) != want {
			t.Errorf("%s: %d users, want %d", name, len(seen), want)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s came %d times", name, id, n)
			}
		}
	}
}
