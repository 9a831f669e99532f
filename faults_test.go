package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// threePages is an org whose users fill three pages.
var threePages = oktatest.Options{Users: 410, Seed: 5}

// A fate is what becomes of a query when the org misbehaves in one way.
type fate struct {
	// once: all rows come all the same if the org misbehaves once.
	once bool
	// waits: that takes at least one wait.
	waits bool
	// forever: all rows come even if the org never stops.
	forever bool
	// as tells the type that the error has otherwise, is is one that is in it; nil: any.
	as func(error) bool
	is error
}

var fates = map[oktatest.FaultKind]fate{
	oktatest.RateLimited:     {once: true, waits: true, as: hasType[*okta.RateLimitError]},
	oktatest.Concurrency:     {once: true, waits: true, as: hasType[*okta.RateLimitError]},
	oktatest.RateLimitedBare: {once: true, waits: true, as: hasType[*okta.RateLimitError]},
	oktatest.InternalError:   {once: true, waits: true, as: hasType[*okta.Error]},
	oktatest.Unavailable:     {once: true, waits: true, as: hasType[*okta.Error]},
	oktatest.SearchDown:      {once: true, waits: true, as: hasType[*okta.Error]},
	oktatest.HTMLOK:          {once: true, waits: true, as: hasType[*okta.AnswerError]},
	oktatest.CutOff:          {once: true, waits: true, as: hasType[*okta.AnswerError]},
	oktatest.CutOffChunked:   {once: true, waits: true, as: hasType[*okta.AnswerError]},
	oktatest.Stall:           {once: true, waits: true, is: okta.ErrStalled},
	oktatest.Reset:           {once: true, as: hasType[*okta.Error]}, // net/http itself repeats a request on a connection that was idle
	oktatest.HangUp:          {once: true, is: io.ErrUnexpectedEOF},  // here too
	oktatest.ResetAfter:      {once: true, as: hasType[*okta.Error]},
	oktatest.BadJSON:         {once: true, waits: true, as: hasType[*okta.AnswerError]},
	oktatest.ObjectForArray:  {once: true, waits: true, as: hasType[*okta.AnswerError]},
	oktatest.Delay:           {once: true, forever: true},
	oktatest.EmptyPage:       {once: true, is: okta.ErrPaging},
	oktatest.RepeatNext:      {is: okta.ErrPaging},
	oktatest.CycleNext:       {is: okta.ErrPaging},
	oktatest.ForeignNext:     {is: okta.ErrPaging},
	oktatest.Redirect:        {as: hasType[*okta.Error]},
	oktatest.Unauthorized:    {as: hasType[*okta.Error]},
	oktatest.Forbidden:       {as: hasType[*okta.Error]},
}

func hasType[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// hasty are options of a client that waits for nothing but, unless the org stalls, the org.
func hasty(s *sleeper, kind oktatest.FaultKind) okta.Options {
	o := okta.Options{Sleep: s.sleep}
	if kind == oktatest.Stall {
		o.StallTimeout = 150 * time.Millisecond
	}
	return o
}

// Whatever the org does at whichever page, a query ends with all rows, each once, or with an error;
// the rows before the error are real ones, each once.
func TestFaults(t *testing.T) {
	places := []struct {
		name string
		at   int
	}{{"first", 1}, {"middle", 2}, {"last", 3}}
	all := ids(t, oktatest.New(threePages))
	for _, kind := range oktatest.FaultKinds() {
		fate, ok := fates[kind]
		if !ok {
			t.Errorf("what becomes of a query after %s isn't said", kind)
			continue
		}
		for _, place := range places {
			for _, times := range []int{1, oktatest.Forever} {
				name := fmt.Sprintf("%s/%s/%d", kind, place.name, times)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					testFault(t, oktatest.Fault{Kind: kind, At: place.at, Times: times, Delay: delayOf(kind)}, fate, all)
				})
			}
		}
	}
}

func delayOf(kind oktatest.FaultKind) time.Duration {
	if kind == oktatest.Delay {
		return 5 * time.Millisecond
	}
	return 0
}

func testFault(t *testing.T, fault oktatest.Fault, fate fate, all []string) {
	server := oktatest.Start(t, threePages)
	var slept sleeper
	engine := connect(t, server, hasty(&slept, fault.Kind), whoql.Options{})
	server.Inject(fault)

	got, err := column(context.Background(), engine, `SELECT id FROM okta.user.users`)
	heals := fate.forever || fate.once && fault.Times == 1
	if heals {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sorted(got), all) {
			t.Errorf("%d rows, want %d, each once", len(got), len(all))
		}
		if fate.waits && slept.times.Load() == 0 {
			t.Error("it didn't wait")
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, %d rows", len(got))
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("the error is an EOF, which is the end of a list: %v", err)
	}
	if fate.as != nil && !fate.as(err) {
		t.Errorf("the error is a %T: %v", err, err)
	}
	if fate.is != nil && !errors.Is(err, fate.is) {
		t.Errorf("the error is not %q: %v", fate.is, err)
	}
	checkReal(t, got, all)
	if len(got) == len(all) && fault.At < 3 {
		t.Error("an error, and all rows")
	}
	if !fate.once {
		if n := slept.times.Load(); n > 0 {
			t.Errorf("it waited %d times for what can't heal", n)
		}
		if n := len(server.Requests()); n != fault.At {
			t.Errorf("%d requests, want %d", n, fault.At)
		}
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// checkReal checks that rows are the org's, each at most once.
func checkReal(t *testing.T, got, all []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, id := range got {
		if _, real := slices.BinarySearch(all, id); !real {
			t.Errorf("%q is nobody", id)
		}
		if seen[id] {
			t.Errorf("%q comes twice", id)
		}
		seen[id] = true
	}
}

// The same for rows that are got by key, and for rows behind a sort, of which none may come.
func TestFaultsOfOtherStatements(t *testing.T) {
	a := &arena{users: people(t, oktatest.New(threePages))}
	for _, c := range []struct {
		name, sql string
		at        int
	}{
		{"by key", `SELECT id FROM okta.user.users WHERE id = {id:5}`, 1},
		{"by keys", `SELECT id FROM okta.user.users WHERE id IN ({id:5-14})`, 4},
		{"by search", `SELECT id FROM okta.user.users WHERE id IN ({id:5-400})`, 2},
		{"sorted", `SELECT id FROM okta.user.users ORDER BY login, id`, 2},
		{"grouped", `SELECT status, count(*) FROM okta.user.users GROUP BY status`, 3},
		{"joined", `SELECT u.id FROM (SELECT id FROM okta.user.users WHERE status = 'STAGED') AS u JOIN okta.user.users AS m ON m.id = u.id`, 3},
		{"in a subquery", `SELECT 1 WHERE EXISTS (SELECT 1 FROM okta.user.users WHERE lower(department) = 'nowhere')`, 3},
	} {
		for _, kind := range []oktatest.FaultKind{oktatest.InternalError, oktatest.BadJSON, oktatest.Unauthorized} {
			t.Run(fmt.Sprintf("%s/%s", c.name, kind), func(t *testing.T) {
				t.Parallel()
				server := oktatest.Start(t, threePages)
				var slept sleeper
				engine := connect(t, server, hasty(&slept, 0), whoql.Options{})
				sql := a.expand(t, c.sql)
				want, err := column(context.Background(), engine, sql)
				if err != nil {
					t.Fatal(err)
				}
				if fates[kind].once {
					server.Inject(oktatest.Fault{Kind: kind, At: c.at})
					got, err := column(context.Background(), engine, sql)
					if err != nil || !slices.Equal(sorted(got), sorted(want)) {
						t.Errorf("once: %d rows, want %d; %v", len(got), len(want), err)
					}
					server.ClearFaults()
				}
				server.Inject(oktatest.Fault{Kind: kind, At: c.at, Times: oktatest.Forever})
				got, err := column(context.Background(), engine, sql)
				var refused *okta.Error
				if !errors.As(err, &refused) {
					t.Errorf("for good: %v, %v", got, err)
				}
				for _, id := range got {
					if !slices.Contains(want, id) {
						t.Errorf("for good: %q is no row of the result", id)
					}
				}
				if (c.name == "sorted" || c.name == "grouped") && len(got) > 0 {
					t.Errorf("for good: %d rows", len(got))
				}
			})
		}
	}
}

// A 404 of the path, as of a proxy, is not a user that isn't there.
func TestNotFoundOfAnotherKind(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 10})
	client, err := okta.New(server.URL, okta.Token("00wrong"), okta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: "x", Client: client}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`SELECT id FROM okta.user.users`, `SELECT id FROM okta.user.users WHERE id = 'nobody'`} {
		got, err := column(context.Background(), engine, sql)
		if !okta.IsUnauthorized(err) || len(got) > 0 {
			t.Errorf("%s: %v, %v", sql, got, err)
		}
	}
}

// The server goes away in the middle.
func TestServerGoesAway(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 450, Seed: 5})
	all := ids(t, server.Org)
	var slept sleeper
	engine := connect(t, server, hasty(&slept, 0), whoql.Options{})
	rows, err := engine.Query(context.Background(), `SELECT id FROM okta.user.users`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		got = append(got, rows.Values()[0].(string))
		if len(got) == 50 { // before page 2 is asked for
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var gone *okta.Error
	if !errors.As(rows.Err(), &gone) {
		t.Errorf("the error is %v", rows.Err())
	}
	if len(got) != 200 {
		t.Errorf("%d rows before the error, want the first page's 200", len(got))
	}
	checkReal(t, got, all)
	if slept.times.Load() == 0 {
		t.Error("it didn't try again")
	}
	if rows.Next() || rows.NextResult() {
		t.Error("it goes on after an error")
	}
}

// Orgs whose last page is full, nearly full or empty.
func TestSizes(t *testing.T) {
	for _, c := range []struct{ users, requests int }{{0, 1}, {1, 1}, {199, 1}, {200, 1}, {201, 2}, {399, 2}, {400, 2}, {401, 3}} {
		server := oktatest.Start(t, oktatest.Options{Users: c.users, Seed: 5})
		all := ids(t, server.Org)
		engine := connect(t, server, okta.Options{}, whoql.Options{})
		got, err := column(context.Background(), engine, `SELECT id FROM okta.user.users`)
		if err != nil || !slices.Equal(sorted(got), all) || len(all) != c.users {
			t.Errorf("%d users: %d rows, %v", c.users, len(got), err)
		}
		if n := len(server.Requests()); n != c.requests {
			t.Errorf("%d users: %d requests, want %d", c.users, n, c.requests)
		}
		count, err := column(context.Background(), engine, `SELECT count(*) FROM okta.user.users`)
		if err != nil || count[0] != fmt.Sprint(c.users) {
			t.Errorf("%d users: the count is %v, %v", c.users, count, err)
		}
	}
}
