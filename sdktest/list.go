package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// everyone is a search that leaves nobody out.
const everyone = `created ge "1970-01-01T00:00:00.000Z"`

// pages follows a list to its end, as the SDK does it.
func pages(req okta.ApiListUsersRequest) (users []okta.User, n int, err error) {
	users, resp, err := req.Execute()
	for n = 1; err == nil && resp.HasNextPage(); n++ {
		var more []okta.User
		resp, err = resp.Next(&more)
		users = append(users, more...)
	}
	return users, n, err
}

// all lists everyone.
func (p *pass) all() []okta.User {
	users, _, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Search(everyone))
	if err != nil {
		panic(err)
	}
	return users
}

// ids are the ids of users, in order of the ids, for comparing lists.
func ids(users []okta.User, keep func(okta.User) bool) []string {
	var list []string
	for _, u := range users {
		if keep == nil || keep(u) {
			list = append(list, u.GetId())
		}
	}
	slices.Sort(list)
	return list
}

// same checks that two lists of ids are the same, and not empty: a condition that nobody meets would check
// little.
func (p *pass) same(name string, found, want []string) {
	p.check(slices.Equal(found, want) && len(want) > 0, fmt.Sprintf("%s: %d users", name, len(want)),
		fmt.Sprintf("%d users, of whom %d are among these", len(found), overlap(found, want)))
}

func overlap(a, b []string) (n int) {
	for _, id := range a {
		if slices.Contains(b, id) {
			n++
		}
	}
	return n
}

func deactivated(u okta.User) bool { return u.GetStatus() == "DEPROVISIONED" }
func present(u okta.User) bool     { return !deactivated(u) }

// list checks the plain list and its pages.
func list(p *pass) {
	everybody := p.all()
	p.check(len(everybody) >= crowd, fmt.Sprintf("a search for everyone finds at least the %d generated users", crowd), fmt.Sprint(len(everybody)))
	counts := map[string]int{}
	for _, u := range everybody {
		counts[u.GetStatus()]++
	}
	p.equal("statuses among everyone", len(counts), 8)

	first, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Execute()
	if !p.does("list users", 200, resp, err) {
		return
	}
	p.equal("users on a page when no limit is given", len(first), 200)
	links := resp.Header.Values("Link")
	if p.equal("Link headers of a page that isn't the last", len(links), 2) {
		p.equal("the first of them", links[0], "<"+p.org.URL+`/api/v1/users?limit=200>; rel="self"`)
		p.check(strings.HasPrefix(links[1], "<"+p.org.URL+"/api/v1/users?after=") && strings.HasSuffix(links[1], `&limit=200>; rel="next"`),
			"the second of them is the next page", links[1])
	}
	for _, limit := range []int32{200, 50, 7} {
		users, n, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Limit(limit))
		want := ids(everybody, present)
		if p.check(err == nil, fmt.Sprintf("list all pages of %d", limit), fmt.Sprint(err)) {
			p.same(fmt.Sprintf("pages of %d, no deactivated ones", limit), ids(users, nil), want)
			least := (len(want) + int(limit) - 1) / int(limit)
			p.check(n == least || n == least+1 && len(want)%int(limit) == 0, fmt.Sprintf("pages of %d: %d", limit, least), fmt.Sprint(n))
		}
	}
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Search(`profile.login eq "` + everybody[0].Profile.GetLogin() + `"`).Execute()
	p.check(err == nil && len(resp.Header.Values("Link")) == 1 && !resp.HasNextPage(), "the last page has only the link self", fmt.Sprint(resp.Header.Values("Link")))
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Filter(`status eq "ACTIVE"`).Execute()
	if p.does("filter by status", 200, resp, err) {
		p.equal("self of a filter is written anew", resp.Header.Values("Link")[0], "<"+p.org.URL+`/api/v1/users?limit=200&filter=status+eq+%22ACTIVE%22>; rel="self"`)
	}
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).SortOrder("0").Search(`id eq "` + nobody + `"`).Execute()
	if p.does("search with a sortOrder and no sortBy", 200, resp, err) {
		p.check(!strings.Contains(resp.Header.Get("Link"), "sortOrder"), "self leaves an idle sortOrder out", resp.Header.Get("Link"))
		p.equal("a list of nobody", strings.TrimSpace(string(result(resp, err).body)), "[]")
	}
	few, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(everyone).Fields("status,profile:(login)").Limit(3).Execute()
	if p.does("list users with fields", 200, resp, err) {
		var bare []map[string]any
		json.Unmarshal(result(resp, nil).body, &bare)
		var keys []string
		for _, u := range bare {
			keys = append(keys, fmt.Sprint(slices.Sorted(maps.Keys(u)), slices.Sorted(maps.Keys(u["profile"].(map[string]any)))))
		}
		p.equal("their keys, the id among them", slices.Compact(keys), []string{"[id profile status] [login]"})
		p.check(len(few) == 3 && resp.HasNextPage(), "… and there are more pages", fmt.Sprint(len(few)))
	}
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).After("notACursor").Execute()
	p.refuses("list after a wrong cursor", problem{400, "E0000029", "Invalid paging request.", []string{"Invalid cursor."}}, resp, err)
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Search(everyone).After("notACursor").Execute()
	p.refuses("search after a wrong cursor", problem{400, "E0000031", "Invalid search criteria.", []string{"Invalid cursor."}}, resp, err)
}

// filters checks the language of filter.
func filters(p *pass) {
	everybody := p.all()
	some := everybody[len(everybody)/2]
	mixed := func(s string) bool { return s != strings.ToLower(s) }
	shouting := everybody[slices.IndexFunc(everybody, func(u okta.User) bool { return mixed(u.Profile.GetEmail()) })]
	middle := some.GetLastUpdated()
	when := middle.UTC().Format("2006-01-02T15:04:05.000Z")
	for _, one := range []struct {
		filter string
		keep   func(okta.User) bool
	}{
		{`status eq "ACTIVE"`, func(u okta.User) bool { return u.GetStatus() == "ACTIVE" }},
		{`status eq "DEPROVISIONED"`, deactivated},
		{`status EQ "SUSPENDED" OR status eq "LOCKED_OUT"`, func(u okta.User) bool { return u.GetStatus() == "SUSPENDED" || u.GetStatus() == "LOCKED_OUT" }},
		{`id eq "` + some.GetId() + `"`, func(u okta.User) bool { return u.GetId() == some.GetId() }},
		{`profile.login eq "` + some.Profile.GetLogin() + `"`, func(u okta.User) bool { return u.GetId() == some.GetId() }},
		{`profile.email eq "` + shouting.Profile.GetEmail() + `"`, func(u okta.User) bool { return u.Profile.GetEmail() == shouting.Profile.GetEmail() }},
		{`profile.firstName eq "` + some.Profile.GetFirstName() + `"`, func(u okta.User) bool { return u.Profile.GetFirstName() == some.Profile.GetFirstName() }},
		{`profile.lastName eq "` + some.Profile.GetLastName() + `"`, func(u okta.User) bool { return u.Profile.GetLastName() == some.Profile.GetLastName() }},
		{`lastUpdated gt "` + when + `"`, func(u okta.User) bool { return u.GetLastUpdated().After(middle) }},
		{`lastUpdated ge "` + when + `"`, func(u okta.User) bool { return !u.GetLastUpdated().Before(middle) }},
		{`lastUpdated lt "` + when + `"`, func(u okta.User) bool { return u.GetLastUpdated().Before(middle) }},
		{`lastUpdated le "` + when + `" and (status eq "STAGED" or status eq "RECOVERY")`, func(u okta.User) bool {
			return !u.GetLastUpdated().After(middle) && (u.GetStatus() == "STAGED" || u.GetStatus() == "RECOVERY")
		}},
	} {
		users, _, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Limit(100).Filter(one.filter))
		if p.check(err == nil, "filter "+one.filter, result(nil, err).String()) {
			p.same("filter "+one.filter, ids(users, nil), ids(everybody, one.keep))
		}
	}
	users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Filter(`profile.email eq "` + strings.ToLower(shouting.Profile.GetEmail()) + `"`).Execute()
	if p.does("filter by an email in another case", 200, resp, err) {
		p.check(!slices.ContainsFunc(users, func(u okta.User) bool { return u.GetId() == shouting.GetId() }), "filter tells values apart by case", "found all the same")
	}
	for _, bad := range []string{`profile.city eq "Oslo"`, `profile.lastName sw "A"`, `profile.lastName co "a"`, `status ne "ACTIVE"`,
		`profile.email pr`, `created gt "2020-01-01T00:00:00.000Z"`, `not (status eq "ACTIVE")`, `status eq`, `status eq "ACTIVE" and`, `Status eq "ACTIVE"`} {
		_, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Filter(bad).Execute()
		p.refuses("filter "+bad, problem{status: 400, code: "E0000031", summary: "Invalid search criteria."}, resp, err)
	}
}

// searches checks the language of search.
func searches(p *pass) {
	everybody := p.all()
	some := everybody[slices.IndexFunc(everybody, func(u okta.User) bool { return u.Profile.GetLastName() == "Wilson" })]
	at := some.GetCreated()
	when := at.UTC().Format("2006-01-02T15:04:05.000Z")
	fold := strings.EqualFold
	begins := func(s, prefix string) bool { return strings.HasPrefix(strings.ToLower(s), strings.ToLower(prefix)) }
	name := some.Profile.GetLastName()
	quoted := everybody[slices.IndexFunc(everybody, func(u okta.User) bool { return strings.Contains(u.Profile.GetTitle(), `"`) })].Profile.GetTitle()
	attribute := func(name string) func(okta.User) any {
		return func(u okta.User) any { return u.Profile.AdditionalProperties[name] }
	}
	floor, contractor, projects := attribute("floor"), attribute("contractor"), attribute("projects")
	for _, one := range []struct {
		search string
		keep   func(okta.User) bool
	}{
		{`status eq "DEPROVISIONED"`, deactivated},
		{`status eq "active"`, func(u okta.User) bool { return u.GetStatus() == "ACTIVE" }},
		{`(status lt "STAGED" or status gt "STAGED")`, func(u okta.User) bool { return u.GetStatus() != "STAGED" }},
		{`profile.lastName eq "` + strings.ToUpper(name) + `"`, func(u okta.User) bool { return fold(u.Profile.GetLastName(), name) }},
		{`profile.lastName sw "` + strings.ToLower(name[:2]) + `"`, func(u okta.User) bool { return begins(u.Profile.GetLastName(), name[:2]) }},
		{`profile.email co "ACME.exam"`, func(u okta.User) bool { return strings.Contains(strings.ToLower(u.Profile.GetEmail()), "acme.exam") }},
		{`profile.firstName co "ann"`, func(u okta.User) bool { return strings.Contains(strings.ToLower(u.Profile.GetFirstName()), "ann") }},
		{`profile.department pr`, func(u okta.User) bool { return u.Profile.GetDepartment() != "" }},
		{`profile.department eq "sales" and status eq "ACTIVE"`, func(u okta.User) bool { return fold(u.Profile.GetDepartment(), "sales") && u.GetStatus() == "ACTIVE" }},
		{`profile.department eq "Sales" or profile.department eq "Finance" and status eq "SUSPENDED"`, func(u okta.User) bool {
			return fold(u.Profile.GetDepartment(), "Sales") || fold(u.Profile.GetDepartment(), "Finance") && u.GetStatus() == "SUSPENDED"
		}},
		{`(profile.department eq "Sales" or profile.department eq "Finance") AND status eq "ACTIVE"`, func(u okta.User) bool {
			return (fold(u.Profile.GetDepartment(), "Sales") || fold(u.Profile.GetDepartment(), "Finance")) && u.GetStatus() == "ACTIVE"
		}},
		{`profile.lastName ge "m" and profile.lastName lt "s"`, func(u okta.User) bool {
			s := strings.ToLower(u.Profile.GetLastName())
			return s >= "m" && s < "s"
		}},
		{`profile.title eq "` + strings.ReplaceAll(quoted, `"`, `\"`) + `"`, func(u okta.User) bool { return fold(u.Profile.GetTitle(), quoted) }},
		{`created gt "` + when + `"`, func(u okta.User) bool { return u.GetCreated().After(at) }},
		{`created le "` + when + `"`, func(u okta.User) bool { return !u.GetCreated().After(at) }},
		{`activated pr and status eq "DEPROVISIONED"`, func(u okta.User) bool { return u.Activated.Get() != nil && deactivated(u) }},
		{`type.id eq "` + some.Type.GetId() + `"`, func(u okta.User) bool { return u.Type.GetId() == some.Type.GetId() }},
		{`profile.floor gt 3`, func(u okta.User) bool { f, ok := floor(u).(float64); return ok && f > 3 }},
		{`profile.contractor eq true`, func(u okta.User) bool { return contractor(u) == true }},
		{`profile.projects eq "apollo"`, func(u okta.User) bool {
			list, _ := projects(u).([]any)
			return slices.Contains(list, any("apollo"))
		}},
	} {
		users, _, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Limit(100).Search(one.search))
		if p.check(err == nil, "search "+one.search, result(nil, err).String()) {
			p.same("search "+one.search, ids(users, nil), ids(everybody, one.keep))
		}
	}
	criteria := problem{status: 400, code: "E0000031", summary: "Invalid search criteria."}
	for _, bad := range []string{`status ne "ACTIVE"`, `not (status eq "ACTIVE")`, `profile.email ew "example"`, `profile.shoeSize eq 42`,
		`profile.firstname eq "Ann"`, `profile.city co "osl"`, `status eq "ACTIVE`, `status eq`, `(status eq "ACTIVE"`, `"ACTIVE" eq status`} {
		_, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(bad).Execute()
		p.refuses("search "+bad, criteria, resp, err)
	}
	_, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Search(`created gt "yesterday"`).Execute()
	p.refuses(`search created gt "yesterday"`, problem{status: 400, code: "E0000030"}, resp, err)
	_, resp, err = p.sdk.UserAPI.ListUsers(p.ctx).Search(everyone).Filter(`status eq "ACTIVE"`).Execute()
	p.refuses("search and filter at once", problem{400, "E0000033", "Can't specify a search query and filter in the same request", []string{}}, resp, err)
}

// sorting checks sortBy and sortOrder.
func sorting(p *pass) {
	const staff = `profile.userType eq "Employee"` // the generated ones: all in ASCII where they are sorted
	for _, one := range []struct {
		by  string
		key func(okta.User) string
	}{
		{"profile.login", func(u okta.User) string { return strings.ToLower(u.Profile.GetLogin()) }},
		{"status", func(u okta.User) string { return u.GetStatus() }},
		{"lastUpdated", func(u okta.User) string { return u.GetLastUpdated().UTC().Format(time.RFC3339) }},
		{"created", func(u okta.User) string { return u.GetCreated().UTC().Format(time.RFC3339) }},
		{"id", func(u okta.User) string { return u.GetId() }},
	} {
		for _, order := range []string{"", "asc", "desc"} {
			req := p.sdk.UserAPI.ListUsers(p.ctx).Search(staff).Limit(60).SortBy(one.by)
			if order != "" {
				req = req.SortOrder(order)
			}
			users, _, err := pages(req)
			sorted := slices.IsSortedFunc(users, func(a, b okta.User) int {
				if order == "desc" {
					a, b = b, a
				}
				return cmp.Compare(one.key(a), one.key(b))
			})
			p.check(err == nil && sorted && len(users) > 60, fmt.Sprintf("sortBy=%s sortOrder=%s over several pages", one.by, order), fmt.Sprintf("%d users, sorted: %t, %v", len(users), sorted, err))
		}
	}
	users, _, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Search(staff).Limit(60).SortBy("status"))
	tied := slices.IsSortedFunc(users, func(a, b okta.User) int {
		return cmp.Or(cmp.Compare(a.GetStatus(), b.GetStatus()), cmp.Compare(a.GetId(), b.GetId()))
	})
	p.check(err == nil && tied, "equal keys are in the order of ids", fmt.Sprint(err))
}

// prefixes checks q.
func prefixes(p *pass) {
	everybody := p.all()
	begins := func(s, prefix string) bool { return strings.HasPrefix(strings.ToLower(s), prefix) }
	matches := func(q string) func(okta.User) bool {
		return func(u okta.User) bool {
			return present(u) && (begins(u.Profile.GetFirstName(), q) || begins(u.Profile.GetLastName(), q) || begins(u.Profile.GetEmail(), q))
		}
	}
	for _, q := range []string{"mar", "wil", "guest000"} {
		users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Q(strings.ToUpper(q)).Limit(200).Execute()
		if p.does("q="+strings.ToUpper(q), 200, resp, err) {
			p.same("q="+strings.ToUpper(q), ids(users, nil), ids(everybody, matches(q)))
		}
	}
	users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Q("guest").Execute()
	if p.does("q without a limit", 200, resp, err) {
		p.equal("users that q finds without a limit", len(users), 10)
		p.check(!resp.HasNextPage(), "q has no next page", resp.NextPage())
	}
	for _, q := range []string{"uest0001", "@sdk.example"} {
		users, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Q(q).Execute()
		p.check(err == nil && len(users) == 0, "q finds no more than beginnings: q="+q, fmt.Sprint(len(users), result(resp, err)))
	}
	profile := p.person()
	profile.Login = okta.PtrString("zzlogin." + profile.GetLogin())
	profile.DisplayName = text("zzdisplay")
	p.sdk.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: profile}).Execute()
	users, _, err = p.sdk.UserAPI.ListUsers(p.ctx).Q("zz").Execute()
	p.check(err == nil && len(users) == 0, "q looks neither at login nor at displayName", fmt.Sprint(len(users), err))
}
