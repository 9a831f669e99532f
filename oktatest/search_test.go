package oktatest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// at is a time of a user, "" for null; the texts sort as the times do.
func at(u object, name string) string {
	s, _ := u[name].(string)
	return s
}

func has(u object, name string) bool {
	v := profile(u)[name]
	list, isList := v.([]any)
	return v != nil && v != "" && (!isList || len(list) > 0)
}

func foldEq(a, b string) bool { return strings.EqualFold(a, b) }

func hasProject(u object, test func(string) bool) bool {
	list, _ := profile(u)["projects"].([]any)
	return slices.ContainsFunc(list, func(v any) bool { return test(v.(string)) })
}

func num(u object, name string, test func(float64) bool) bool {
	n, ok := profile(u)[name].(float64)
	return ok && test(n)
}

// Each search is judged by a plain Go predicate over the JSON of every user.
var searches = []struct {
	search string
	keep   func(object) bool
}{
	{`status eq "active"`, func(u object) bool { return u["status"] == "ACTIVE" }},
	{`status lt "STAGED" or status gt "STAGED"`, func(u object) bool { return u["status"] != "STAGED" }},
	{`status sw "PASS"`, func(u object) bool { return u["status"] == "PASSWORD_EXPIRED" }},
	{`status ge "PROVISIONED" and status le "STAGED"`, func(u object) bool { s := at(u, "status"); return s >= "PROVISIONED" && s <= "STAGED" }},
	{`created ge "2022-01-01T00:00:00.000Z"`, func(u object) bool { return at(u, "created") >= "2022-01-01" }},
	{`created lt "2022-01-01T01:00:00.000+01:00"`, func(u object) bool { return at(u, "created") < "2022-01-01" }},
	{`created gt "2021-06-01T00:00:00.500Z" and created le "2022-06-01T00:00:00Z"`,
		func(u object) bool {
			c := at(u, "created")
			return c > "2021-06-01T00:00:00.000Z" && c <= "2022-06-01T00:00:00.000Z"
		}},
	{`activated pr`, func(u object) bool { return u["activated"] != nil }},
	{`activated le "2030-01-01T00:00:00.000Z"`, func(u object) bool { return u["activated"] != nil }},
	{`statusChanged gt "1960-01-01T00:00:00.000Z"`, func(u object) bool { return u["statusChanged"] != nil }},
	{`lastUpdated gt "2024-01-01T00:00:00.000Z" and status eq "ACTIVE"`,
		func(u object) bool {
			return at(u, "lastUpdated") > "2024-01-01T00:00:00.000Z" && u["status"] == "ACTIVE"
		}},
	{`profile.department eq "LEGAL"`, func(u object) bool { return text(u, "department") == "Legal" }},
	{`profile.department EQ "r&d" AND profile.title sw "research fellow (\"dist"`,
		func(u object) bool {
			return text(u, "department") == "R&D" && strings.HasPrefix(text(u, "title"), `Research Fellow ("D`)
		}},
	{`profile.lastName eq "núñez"`, func(u object) bool { return text(u, "lastName") == "Núñez" }},
	{`profile.lastName eq "nunez"`, func(u object) bool { return false }}, // diacritics count
	{`profile.lastName sw "ŻÓŁ"`, func(u object) bool { return text(u, "lastName") == "Żółkiewski" }},
	{`profile.lastName co "'BR"`, func(u object) bool { return text(u, "lastName") == "O'Brien" }},
	{`profile.firstName co "ario" or profile.firstName co "ARI"`, func(u object) bool { return strings.Contains(strings.ToLower(text(u, "firstName")), "ari") }},
	{`profile.email co "CORP.acme"`, func(u object) bool { return strings.Contains(text(u, "email"), "corp.acme") }},
	{`profile.login co "@ACME"`, func(u object) bool { return strings.Contains(strings.ToLower(text(u, "login")), "@acme") }},
	{`profile.secondEmail pr`, func(u object) bool { return has(u, "secondEmail") }},
	{`profile.mobilePhone sw "+4"`, func(u object) bool { return strings.HasPrefix(text(u, "mobilePhone"), "+4") }},
	{`profile.city lt "b"`, func(u object) bool { return has(u, "city") && strings.ToLower(text(u, "city")) < "b" }},
	{`profile.city ge "München"`, func(u object) bool { return has(u, "city") && fold(text(u, "city")) >= "münchen" }},
	{`profile.badge ge "00100000"`, func(u object) bool { return text(u, "badge") >= "00100000" }},
	{`profile.floor eq 2`, func(u object) bool { return num(u, "floor", func(n float64) bool { return n == 2 }) }},
	{`profile.floor le -1`, func(u object) bool { return num(u, "floor", func(n float64) bool { return n <= -1 }) }},
	{`profile.fte lt 0.8`, func(u object) bool { return num(u, "fte", func(n float64) bool { return n < 0.8 }) }},
	{`profile.fte ge 7.5e-1`, func(u object) bool { return num(u, "fte", func(n float64) bool { return n >= 0.75 }) }},
	{`profile.contractor eq true`, func(u object) bool { return profile(u)["contractor"] == true }},
	{`profile.contractor eq false`, func(u object) bool { return profile(u)["contractor"] == false }},
	{`profile.projects eq "Apollo"`, func(u object) bool { return hasProject(u, func(s string) bool { return foldEq(s, "apollo") }) }},
	{`profile.projects sw "NÄ"`, func(u object) bool { return hasProject(u, func(s string) bool { return s == "näif" }) }},
	{`profile.projects pr`, func(u object) bool { return has(u, "projects") }},
	{`profile.manager pr and profile.managerId eq "001001"`, func(u object) bool { return has(u, "manager") && text(u, "managerId") == "001001" }},
	{`status eq "STAGED" or status eq "RECOVERY" and profile.city pr`,
		func(u object) bool { return u["status"] == "STAGED" || u["status"] == "RECOVERY" && has(u, "city") }},
	{`(status eq "STAGED" or status eq "RECOVERY") and profile.city pr`,
		func(u object) bool { return (u["status"] == "STAGED" || u["status"] == "RECOVERY") && has(u, "city") }},
	{`classification.type eq "standard"`, func(object) bool { return true }},
	{`classification.type eq "LITE"`, func(object) bool { return false }},
	{`created ge "2024-01-01T00:00:00.000Z" and created lt "2023-01-01T00:00:00.000Z"`, func(object) bool { return false }},
	{`created lt "2019-06-01T00:00:00Z" or created ge "2026-01-01T00:00:00Z"`,
		func(u object) bool { return at(u, "created") < "2019-06-01" || at(u, "created") >= "2026-01-01" }},
	{`profile.postalAddress sw "P.O. Box 1" and profile.userType pr`, func(u object) bool {
		return strings.HasPrefix(text(u, "postalAddress"), "P.O. Box 1") && has(u, "userType")
	}},
}

func TestSearchFindsWhoAPredicateFinds(t *testing.T) {
	s := Start(t, Options{Users: 1500, Seed: 11})
	all := everybody(t, s.Org)
	nobody := 0
	for _, c := range searches {
		want := where(all, c.keep)
		if len(want) == 0 {
			nobody++
			t.Log(c.search)
		}
		if got := ids(listAll(t, s, "search", c.search, "fields", "id")); !slices.Equal(got, want) {
			t.Errorf("%s: %d users, want %d", c.search, len(got), len(want))
		}
		sorted := ids(listAll(t, s, "search", c.search, "fields", "id", "sortBy", "created", "sortOrder", "desc"))
		slices.Sort(sorted)
		if !slices.Equal(sorted, want) {
			t.Errorf("%s, sorted: %d users, want %d", c.search, len(sorted), len(want))
		}
	}
	if nobody != 3 {
		t.Errorf("%d searches find nobody: they don't test much", nobody)
	}
}

func TestSearchFindsNamedUsers(t *testing.T) {
	s := Start(t, Options{Users: 300})
	all := everybody(t, s.Org)
	a, b := all[7], all[290]
	search := `profile.login eq "` + strings.ToUpper(text(b, "login")) + `" or id eq "` + a["id"].(string) + `" or id eq "00unobody"`
	for _, params := range [][]string{{"limit", "1"}, {"sortBy", "created"}, {"sortBy", "profile.lastName", "sortOrder", "desc"}} {
		got := ids(listAll(t, s, append(params, "search", search)...))
		slices.Sort(got)
		if !slices.Equal(got, []string{a["id"].(string), b["id"].(string)}) {
			t.Errorf("%q: %q", params, got)
		}
	}
	if got := listAll(t, s, "search", `id eq "`+a["id"].(string)+`" and status lt "A"`); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	if got := ids(listAll(t, s, "search", `id ge "`+b["id"].(string)+`"`)); len(got) != 10 {
		t.Errorf("%d users from the 291st on", len(got))
	}
	typeID := a["type"].(object)["id"].(string)
	want := where(all, func(u object) bool { return u["type"].(object)["id"] == typeID })
	if got := ids(listAll(t, s, "search", `type.id eq "`+typeID+`"`)); !slices.Equal(got, want) {
		t.Errorf("%d users of the type, want %d", len(got), len(want))
	}
}

func TestFilterComparesExactly(t *testing.T) {
	s := Start(t, Options{Users: 1500, Seed: 11})
	all := everybody(t, s.Org)
	titled := all[slices.IndexFunc(all, func(u object) bool { return strings.Contains(text(u, "email"), "@ACME") })]
	for filter, keep := range map[string]func(object) bool{
		`status eq "ACTIVE"`:                                                func(u object) bool { return u["status"] == "ACTIVE" },
		`status EQ "SUSPENDED" Or status eq "STAGED"`:                       func(u object) bool { return u["status"] == "SUSPENDED" || u["status"] == "STAGED" },
		`status eq "active"`:                                                func(object) bool { return false },
		`profile.firstName eq "Mary"`:                                       func(u object) bool { return text(u, "firstName") == "Mary" },
		`profile.firstName eq "mary"`:                                       func(object) bool { return false },
		`profile.email eq "` + text(titled, "email") + `"`:                  func(u object) bool { return u["id"] == titled["id"] },
		`profile.email eq "` + strings.ToLower(text(titled, "email")) + `"`: func(u object) bool { return false },
		`profile.login eq "` + text(titled, "login") + `"`:                  func(u object) bool { return u["id"] == titled["id"] },
		`profile.login eq "` + strings.ToUpper(text(titled, "login")) + `"`: func(u object) bool { return false },
		`id eq "` + titled["id"].(string) + `" or profile.login eq "` + text(all[3], "login") + `"`: func(u object) bool {
			return u["id"] == titled["id"] || u["id"] == all[3]["id"]
		},
		`lastUpdated ge "2024-01-01T00:00:00.000Z" and (status eq "ACTIVE" or status eq "LOCKED_OUT")`: func(u object) bool {
			return at(u, "lastUpdated") >= "2024" && (u["status"] == "ACTIVE" || u["status"] == "LOCKED_OUT")
		},
		`lastUpdated eq "` + at(all[5], "lastUpdated") + `"`: func(u object) bool { return u["lastUpdated"] == all[5]["lastUpdated"] },
	} {
		want := where(all, keep)
		got := ids(listAll(t, s, "filter", filter, "limit", "70"))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d users, want %d", filter, len(got), len(want))
		}
	}
}

func TestBadExpressionsAreRefused(t *testing.T) {
	s := Start(t, Options{Users: 5})
	for _, c := range []struct{ param, expr, code string }{
		{"search", `profile.lastName ne "x"`, "E0000031"},
		{"search", `profile.lastName ew "x"`, "E0000031"},
		{"search", `not (status eq "ACTIVE")`, "E0000031"},
		{"search", `profile.lastname eq "x"`, "E0000031"},
		{"search", `profile.unknown pr`, "E0000031"},
		{"search", `lastName eq "x"`, "E0000031"},
		{"search", `lastLogin gt "2024-01-01T00:00:00.000Z"`, "E0000031"},
		{"search", `passwordChanged pr`, "E0000031"},
		{"search", `profile.city co "adr"`, "E0000031"},
		{"search", `status co "ACT"`, "E0000031"},
		{"search", `created sw "2024"`, "E0000031"},
		{"search", `profile.floor eq "2"`, "E0000031"},
		{"search", `profile.floor sw 2`, "E0000031"},
		{"search", `profile.employeeNumber eq 1001`, "E0000031"},
		{"search", `profile.contractor gt true`, "E0000031"},
		{"search", `profile.contractor eq "true"`, "E0000031"},
		{"search", `classification.type eq "LITE" and status pr`, "E0000031"},
		{"search", `classification.type sw "L"`, "E0000031"},
		{"search", `profile.floor eq 1e999`, "E0000031"},
		{"search", `profile.city eq "😀"`, "E0000031"},
		{"search", `status eq "ACTIVE`, "E0000031"},
		{"search", `status eq`, "E0000031"},
		{"search", `(status pr`, "E0000031"},
		{"search", `status pr)`, "E0000031"},
		{"search", `status pr and`, "E0000031"},
		{"search", strings.Repeat("(", 60) + "status pr" + strings.Repeat(")", 60), "E0000031"},
		{"search", `created ge "2024-02-30T00:00:00.000Z"`, "E0000030"},
		{"search", `created ge "2024-01-01"`, "E0000030"},
		{"search", `created ge "yesterday"`, "E0000030"},
		{"search", `created ge 5`, "E0000030"},
		{"search", `status pr or created ge ""`, "E0000030"},
		{"filter", `status ne "ACTIVE"`, "E0000031"},
		{"filter", `status gt "ACTIVE"`, "E0000031"},
		{"filter", `status pr`, "E0000031"},
		{"filter", `profile.lastName sw "x"`, "E0000031"},
		{"filter", `profile.department eq "Legal"`, "E0000031"},
		{"filter", `created gt "2024-01-01T00:00:00.000Z"`, "E0000031"},
		{"filter", `lastUpdated gt "soon"`, "E0000030"},
	} {
		if _, causes := wantError(t, get(t, s, usersURI(c.param, c.expr)), http.StatusBadRequest, c.code); len(causes) == 0 {
			t.Errorf("%s: no causes", c.expr)
		}
	}
	if _, causes := wantError(t, get(t, s, usersURI("search", "status is 1")), http.StatusBadRequest, "E0000031"); causes[0] != "Invalid search syntax." {
		t.Errorf("causes %q", causes)
	}
	wantError(t, get(t, s, usersPath+"?search=%zz"), http.StatusBadRequest, "E0000031")
}

func TestSortByOrdersAndPages(t *testing.T) {
	s := Start(t, Options{Users: 700, Seed: 5})
	all := everybody(t, s.Org)
	folded := func(name string) func(object) (string, bool) {
		return func(u object) (string, bool) { return fold(text(u, name)), profile(u)[name] != nil }
	}
	stamp := func(name string) func(object) (string, bool) {
		return func(u object) (string, bool) { return at(u, name), u[name] != nil }
	}
	for sortBy, key := range map[string]func(object) (string, bool){
		"created":             stamp("created"),
		"lastUpdated":         stamp("lastUpdated"),
		"activated":           stamp("activated"),
		"id":                  stamp("id"),
		"status":              func(u object) (string, bool) { return strings.ToLower(at(u, "status")), true },
		"profile.lastName":    folded("lastName"),
		"profile.city":        folded("city"),
		"profile.secondEmail": folded("secondEmail"),
		"type.id":             func(u object) (string, bool) { return u["type"].(object)["id"].(string), true },
	} {
		for _, order := range []string{"asc", "desc"} {
			want := slices.Clone(all)
			slices.SortStableFunc(want, func(a, b object) int { // all is in id order
				ka, hasA := key(a)
				kb, hasB := key(b)
				switch {
				case hasA != hasB:
					return map[bool]int{true: -1, false: 1}[hasA]
				case order == "desc":
					return cmp.Compare(kb, ka)
				}
				return cmp.Compare(ka, kb)
			})
			got := listAll(t, s, "search", "status pr", "sortBy", sortBy, "sortOrder", order, "limit", "60")
			if !slices.Equal(ids(got), ids(want)) {
				t.Errorf("sortBy %s %s is out of order", sortBy, order)
			}
		}
	}
}

func TestSortByNumbersAndBooleans(t *testing.T) {
	s := Start(t, Options{Users: 400})
	last := -1e9
	for _, u := range listAll(t, s, "search", "profile.floor pr", "sortBy", "profile.floor") {
		n := profile(u)["floor"].(float64)
		if n < last {
			t.Fatalf("%v after %v", n, last)
		}
		last = n
	}
	before := true
	for _, u := range listAll(t, s, "search", "profile.contractor pr", "sortBy", "profile.contractor", "sortOrder", "DESC", "limit", "9") {
		is := profile(u)["contractor"].(bool)
		if is && !before {
			t.Fatal("true after false")
		}
		before = is
	}
}

func TestSortOrderNeedsSearchAndSortBy(t *testing.T) {
	s := Start(t, Options{Users: 100})
	plain := ids(listAll(t, s))
	if got := ids(listAll(t, s, "sortBy", "created", "sortOrder", "desc")); !slices.Equal(got, plain) {
		t.Error("sortBy counts without search")
	}
	byID := ids(listAll(t, s, "search", "status pr"))
	if got := ids(listAll(t, s, "search", "status pr", "sortOrder", "0")); !slices.Equal(got, byID) {
		t.Error("sortOrder counts without sortBy")
	}
	wantError(t, get(t, s, usersURI("search", "status pr", "sortBy", "profile.nope")), http.StatusBadRequest, "E0000031")
	wantError(t, get(t, s, usersURI("search", "status pr", "sortBy", "created", "sortOrder", "0")), http.StatusBadRequest, "E0000031")
}

func TestCreatedRangesCoverTheOrgWithoutGapOrOverlap(t *testing.T) {
	s := Start(t, Options{Users: 3000, Seed: 9})
	bounds := []string{"2019-01-01", "2019-03-01", "2020-02-29", "2022-07-01", "2022-07-02", "2024-01-01", "2026-07-01"}
	for _, sorting := range [][]string{nil, {"sortBy", "created"}, {"sortBy", "created", "sortOrder", "desc"}} {
		seen := map[string]int{}
		for i := range bounds[1:] {
			search := `created ge "` + bounds[i] + `T00:00:00.000Z" and created lt "` + bounds[i+1] + `T00:00:00.000Z"`
			for _, u := range listAll(t, s, append(sorting, "search", search)...) {
				seen[u["id"].(string)]++
				if c := at(u, "created"); c < bounds[i] || c >= bounds[i+1] {
					t.Fatalf("%s is not in %s", c, search)
				}
			}
		}
		if len(seen) != 3000 {
			t.Errorf("%q: %d of 3000 users", sorting, len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
	}
}
