package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// soon is how long the end of a query may take after it is cancelled.
const soon = time.Second

var errEnough = errors.New("enough of that")

// A setting is an org with an engine that a test takes down itself, to look for what stays behind.
type setting struct {
	server *oktatest.Server
	client *okta.Client
	engine *whoql.Engine
}

func newSetting(t *testing.T, o oktatest.Options, client okta.Options) *setting {
	t.Helper()
	s := &setting{}
	var err error
	if s.server, err = oktatest.Serve(o); err != nil {
		t.Fatal(err)
	}
	if s.client, err = okta.New(s.server.URL, okta.Token(s.server.Token), client); err != nil {
		t.Fatal(err)
	}
	if s.engine, err = whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: sandboxName, Client: s.client}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *setting) close() {
	s.client.Close()
	s.server.Close()
}

// leaves checks that no goroutine is left behind by what f does.
func leaves(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestCancel(t *testing.T) {
	stall := oktatest.Fault{Kind: oktatest.Stall, At: 2, Times: oktatest.Forever}
	for _, c := range []struct {
		name  string
		sql   string
		fault oktatest.Fault
		// ready says, after each row and each wait, whether it is time to cancel.
		rows int // -1: when the client waits
	}{
		{"in the middle of the second page", `SELECT id FROM okta.user.users`, stall, 200},
		{"before the second page", `SELECT id FROM okta.user.users`, stall, 60},
		{"in the middle of the first page", `SELECT id FROM okta.user.users`, oktatest.Fault{Kind: oktatest.Stall, Times: oktatest.Forever}, 0},
		{"in the middle of a sort", `SELECT id FROM okta.user.users ORDER BY login`, stall, 0},
		{"in the middle of a get", `SELECT id FROM okta.user.users WHERE login = 'nobody'`, oktatest.Fault{Kind: oktatest.Delay, Delay: time.Hour}, 0},
		{"in the middle of gets", `SELECT id FROM okta.user.users WHERE login IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j')`, oktatest.Fault{Kind: oktatest.Delay, Delay: time.Hour, At: 3, Times: oktatest.Forever}, 0},
		{"in the middle of a join", `SELECT a.id FROM okta.user.users AS a JOIN okta.user.users AS b ON b.employeeNumber = a.managerId`, stall, 0},
		{"in the middle of what is read ahead", `SELECT u.id FROM okta.user.users AS u WHERE EXISTS (SELECT 1 FROM okta.user.groups AS g WHERE g.userId = u.id)`,
			oktatest.Fault{Kind: oktatest.Delay, Delay: time.Hour, At: 40, Times: oktatest.Forever}, 3},
		{"while it waits for the rate limit", `SELECT id FROM okta.user.users`, oktatest.Fault{Kind: oktatest.RateLimited, At: 2, Times: oktatest.Forever, Delay: time.Hour}, -1},
		{"while it waits after an error", `SELECT count(*) FROM okta.user.users`, oktatest.Fault{Kind: oktatest.InternalError, At: 3, Times: oktatest.Forever}, -1},
		{"while SQLite computes", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`, oktatest.Fault{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaves(t, func() { testCancel(t, c.sql, c.fault, c.rows) })
		})
	}
}

func testCancel(t *testing.T, sql string, fault oktatest.Fault, after int) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var cancelled time.Time
	var once sync.Once
	end := func() {
		once.Do(func() {
			cancelled = time.Now()
			cancel(errEnough)
		})
	}
	s := newSetting(t, oktatest.Options{Users: 450, Seed: 5}, okta.Options{OnWait: func(okta.Wait) {
		if after < 0 {
			time.AfterFunc(20*time.Millisecond, end)
		}
	}})
	defer s.close()
	all := ids(t, s.server.Org)
	s.server.Inject(fault)

	rows, err := s.engine.Query(ctx, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	reached := func() {
		if after == len(got) { // the next row is on its way, or the answer with it
			time.AfterFunc(30*time.Millisecond, end)
		}
	}
	reached()
	for rows.Next() {
		got = append(got, fmt.Sprint(rows.Values()[0]))
		reached()
	}
	took := time.Since(cancelled)
	if cancelled.IsZero() {
		t.Fatalf("it ended before it was cancelled: %d rows, %v", len(got), rows.Err())
	}
	if !errors.Is(rows.Err(), errEnough) && !errors.Is(rows.Err(), context.Canceled) {
		t.Errorf("the error is %v", rows.Err())
	}
	if took > soon {
		t.Errorf("it ended after %s", took)
	}
	checkReal(t, got, all)
	if rows.Next() || rows.NextResult() {
		t.Error("it goes on after its end")
	}
	begin := time.Now()
	closing := rows.Close()
	if took := time.Since(begin); took > soon {
		t.Errorf("Close took %s", took)
	}
	if closing != nil {
		t.Errorf("Close: %v", closing)
	}
	if !errors.Is(rows.Err(), errEnough) {
		t.Errorf("the error is %v, want the context's cause", rows.Err())
	}
}

// A context that is done already lets nothing begin.
func TestCancelledBefore(t *testing.T) {
	leaves(t, func() {
		s := newSetting(t, oktatest.Options{Users: 10}, okta.Options{})
		defer s.close()
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errEnough)
		_, err := run(ctx, s.engine, `SELECT id FROM okta.user.users`, nil)
		if !errors.Is(err, errEnough) {
			t.Errorf("the error is %v", err)
		}
		if n := len(s.server.Requests()); n > 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// A deadline is the error where nothing else is its cause.
func TestDeadline(t *testing.T) {
	leaves(t, func() {
		s := newSetting(t, oktatest.Options{Users: 450, Faults: []oktatest.Fault{{Kind: oktatest.Stall, At: 2, Times: oktatest.Forever}}}, okta.Options{})
		defer s.close()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := run(ctx, s.engine, `SELECT count(*) FROM okta.user.users`, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(begin); took > 50*time.Millisecond+soon {
			t.Errorf("it took %s", took)
		}
	})
}

// Close in the middle ends the requests that are under way.
func TestCloseInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name string
		sql  string
		read int
	}{
		{"before the first row", `SELECT id FROM okta.user.users`, 0},
		{"after a row", `SELECT id FROM okta.user.users`, 1},
		{"while the second page is fetched", `SELECT id FROM okta.user.users`, 150},
		{"of the second statement", `VALUES (1); SELECT id FROM okta.user.users`, 150},
		{"of a join", `SELECT b.id FROM (VALUES (1), (2)) AS a CROSS JOIN okta.user.users AS b`, 120},
		{"of a union", `SELECT id FROM okta.user.users UNION ALL SELECT id FROM okta.user.users`, 199},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaves(t, func() {
				s := newSetting(t, oktatest.Options{Users: 450, Seed: 5}, okta.Options{})
				defer s.close()
				s.server.Inject(oktatest.Fault{Kind: oktatest.Stall, At: 2, Times: oktatest.Forever})
				rows, err := s.engine.Query(context.Background(), c.sql, nil)
				if err != nil {
					t.Fatal(err)
				}
				for n := 0; n < c.read; {
					if rows.Next() {
						n++
					} else if !rows.NextResult() {
						t.Fatalf("%d rows, %v", n, rows.Err())
					}
				}
				begin := time.Now()
				for range 2 {
					if err := rows.Close(); err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(begin); took > soon {
					t.Errorf("Close took %s", took)
				}
				if rows.Next() || rows.NextResult() {
					t.Error("it goes on after Close")
				}
				if rows.Err() != nil {
					t.Errorf("the error is %v", rows.Err())
				}
			})
		})
	}
}

// Queries of one engine don't know of each other.
func TestConcurrentQueries(t *testing.T) {
	leaves(t, func() {
		s := newSetting(t, oktatest.Options{Users: 450, Seed: 5}, okta.Options{})
		defer s.close()
		all := ids(t, s.server.Org)
		ctx := context.Background()

		// By turns, on one goroutine.
		var open []*whoql.Rows
		for range 3 {
			rows, err := s.engine.Query(ctx, `SELECT id FROM okta.user.users`, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			open = append(open, rows)
		}
		got := make([][]string, len(open))
		for more := true; more; {
			more = false
			for i, rows := range open {
				if rows.Next() {
					got[i] = append(got[i], rows.Values()[0].(string))
					more = true
				}
			}
		}
		for i, rows := range open {
			if rows.Err() != nil || !slices.Equal(sorted(got[i]), all) {
				t.Errorf("query %d: %d rows, %v", i, len(got[i]), rows.Err())
			}
			if n := rows.Stats().Requests; n != 3 {
				t.Errorf("query %d: %d requests", i, n)
			}
			rows.Close()
		}

		// Side by side, one of them cancelled.
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				if i == 0 {
					cancel(errEnough)
				}
				ids, err := column(ctx, s.engine, `SELECT id FROM okta.user.users ORDER BY login`)
				if i == 0 {
					if !errors.Is(err, errEnough) {
						t.Errorf("the cancelled one: %v", err)
					}
				} else if err != nil || !slices.Equal(sorted(ids), all) {
					t.Errorf("query %d: %d rows, %v", i, len(ids), err)
				}
			})
		}
		wg.Wait()
	})
}
