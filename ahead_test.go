package whoql_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// A team is an org whose engine is watched for how many requests are under way at once.
type team struct {
	server *oktatest.Server
	engine *whoql.Engine
	flying *gauge
	ids    []string // of the users, in the order of the list
}

func newTeam(t *testing.T, users int) *team {
	t.Helper()
	s := &team{server: oktatest.Start(t, oktatest.Options{Users: users, Seed: 5}), flying: &gauge{next: http.DefaultTransport}}
	s.engine = connect(t, s.server, okta.Options{Transport: s.flying}, whoql.Options{})
	var err error
	if s.ids, err = column(context.Background(), s.engine, `SELECT id FROM okta.user.users`); err != nil || len(s.ids) != users {
		t.Fatal(len(s.ids), err)
	}
	return s
}

// ask returns the first column of the rows, and the requests for lists of users, for one of them, and for
// the groups of one.
func (s *team) ask(t *testing.T, sql string) (rows []string, lists, gets, groups int, err error) {
	t.Helper()
	s.server.ResetRequests()
	s.flying.most.Store(0)
	rows, err = column(context.Background(), s.engine, sql)
	for _, r := range s.server.Requests() {
		switch rest := strings.TrimPrefix(r.Path, listPath); {
		case rest == "" || strings.HasPrefix(r.Path, "/api/v1/groups"):
			lists++
		case strings.HasSuffix(rest, "/groups"):
			groups++
		default:
			gets++
		}
	}
	return rows, lists, gets, groups, err
}

// A join looks up ahead what the next rows of the outer table will want, and no more than that.
func TestReadAhead(t *testing.T) {
	s := newTeam(t, 1000)
	everyone, err := column(context.Background(), s.engine, `SELECT id FROM okta.group.groups WHERE type = 'BUILT_IN'`)
	if err != nil || len(everyone) != 1 {
		t.Fatal(everyone, err)
	}
	tenth, err := column(context.Background(), s.engine, `SELECT created FROM okta.user.users ORDER BY created LIMIT 1 OFFSET 9`)
	if err != nil || len(tenth) != 1 {
		t.Fatal(tenth, err)
	}
	for _, c := range []struct {
		name, sql           string
		rows                int // -1: any number
		lists, gets, groups int // at most
		least, most         int // requests at once
	}{
		{"groups of everybody", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id`, 1000, 5, 0, 1000, 16, 33},
		{"groups of everybody, by a left join", `SELECT DISTINCT u.id, g.id IS NULL FROM okta.user.users AS u LEFT JOIN okta.user.groups AS g ON g.userId = u.id`, 1000, 5, 0, 1000, 16, 33},
		{"groups of everybody, counted", `SELECT u.id, (SELECT count(*) FROM okta.user.groups AS g WHERE g.userId = u.id) FROM okta.user.users AS u`, 1000, 5, 0, 1000, 16, 33},
		{"who is in a group", `SELECT u.id FROM okta.user.users AS u WHERE EXISTS (SELECT 1 FROM okta.user.groups AS g WHERE g.userId = u.id)`, 1000, 5, 0, 1000, 16, 33},
		{"sorted", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id ORDER BY u.login`, 1000, 5, 0, 1000, 16, 33},
		{"a status", `SELECT DISTINCT u.status FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.status = 'ACTIVE'`, 1, 5, 0, 1000, 16, 33},
		{"one row", `SELECT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id LIMIT 1`, 1, 1, 0, 1, 1, 1},
		{"one of a hundred", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE substr(u.id, 13, 2) < '0Z'`, -1, 5, 0, 0, 1, 3},
		{"few at the start", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.id <= '` + s.ids[9] + `'`, -1, 5, 0, 0, 1, 3},
		{"ten at the start, by an expression", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.created || '' <= '` + tenth[0] + `'`, 10, 5, 0, 0, 1, 3},
		{"some 200 at the start", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE u.id <= '` + s.ids[199] + `'`, -1, 5, 0, 0, 4, 33},
		{"half of them", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE substr(u.id, 14, 1) < 'T'`, -1, 5, 0, 0, 1, 3},
		{"nearly all", `SELECT DISTINCT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id WHERE substr(u.id, 14, 1) < 'x'`, -1, 5, 0, 0, 8, 33},
		{"members by id", `SELECT m.id FROM okta.group.users AS m JOIN okta.user.users AS u ON u.id = m.id WHERE m.groupId = '` + everyone[0] + `'`, 1000, 20, 20, 0, 2, 33},
		{"members by login", `SELECT m.id FROM okta.group.users AS m JOIN okta.user.users AS u ON u.login = m.login WHERE m.groupId = '` + everyone[0] + `'`, 1000, 25, 20, 0, 2, 33},
		{"members by id, by get only", `SELECT m.id, u._links FROM okta.group.users AS m JOIN okta.user.users AS u ON u.id = m.id WHERE m.groupId = '` + everyone[0] + `'`, 1000, 1, 1000, 0, 16, 33},
		{"members of groups", `SELECT DISTINCT m.groupId FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id`, -1, 20, 0, 0, 4, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, lists, gets, groups, err := s.ask(t, c.sql)
			if err != nil || c.rows >= 0 && len(rows) != c.rows || len(rows) == 0 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if c.groups == 0 { // so many as without reading ahead, and a fifth
				c.groups = len(rows) * 12 / 10
			}
			most := int(s.flying.most.Load())
			t.Logf("%d rows: %d lists, %d gets, %d lists of groups; %d at once", len(rows), lists, gets, groups, most)
			if lists > c.lists || gets > c.gets || groups > c.groups {
				t.Errorf("%d lists, %d gets, %d lists of groups; want at most %d, %d, %d", lists, gets, groups, c.lists, c.gets, c.groups)
			}
			if most < c.least || most > c.most {
				t.Errorf("%d at once, want %d to %d", most, c.least, c.most)
			}
		})
	}
}

// An error of a lookup ahead is told if its rows are needed, and only then.
func TestReadAheadErrors(t *testing.T) {
	s := newTeam(t, 120)
	const sql = `SELECT u.id FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id`
	all, err := column(context.Background(), s.engine, sql)
	if err != nil {
		t.Fatal(err)
	}
	path := listPath + "/" + s.ids[45] + "/groups"
	s.server.Inject(oktatest.Fault{Kind: oktatest.Forbidden, Path: path, Times: oktatest.Forever})
	limit := slices.Index(all, s.ids[41]) // all of 41 users
	s.server.ResetRequests()
	asked := false
	for range 50 { // the query may end before the lookup is sent
		got, err := column(context.Background(), s.engine, fmt.Sprint(sql, " LIMIT ", limit))
		if err != nil || !slices.Equal(got, all[:limit]) {
			t.Errorf("%d rows, want %d: %v", len(got), limit, err)
		}
		if asked = slices.ContainsFunc(s.server.Requests(), func(r oktatest.Request) bool { return r.Path == path }); asked {
			break
		}
	}
	if !asked {
		t.Error("nothing was looked up ahead: the test shows nothing")
	}
	if got, err := column(context.Background(), s.engine, sql); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("%d rows, %v", len(got), err)
	}
}
