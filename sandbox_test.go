package whoql_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// sandboxName is what subdomain says in the tests.
const sandboxName = "sandbox"

// connect makes an engine whose only org is the server.
func connect(t testing.TB, server *oktatest.Server, client okta.Options, o whoql.Options) *whoql.Engine {
	t.Helper()
	c, err := okta.New(server.URL, okta.Token(server.Token), client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	o.Orgs = []whoql.Org{{Name: sandboxName, Client: c}}
	engine, err := whoql.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// A sleeper is a client's Sleep that doesn't, and counts how often it was asked to.
type sleeper struct{ times atomic.Int64 }

func (s *sleeper) sleep(ctx context.Context, _ time.Duration) error {
	s.times.Add(1)
	return ctx.Err()
}

// A table is one result, whole.
type table struct {
	columns []string
	rows    [][]any
}

// run reads all results of a text. After an error it returns what was read before.
func run(ctx context.Context, engine *whoql.Engine, sql string, args whoql.Args) (out []table, err error) {
	rows, err := engine.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for more := true; more; more = rows.NextResult() {
		var one table
		for _, c := range rows.Columns() {
			one.columns = append(one.columns, c.Name)
		}
		for rows.Next() {
			row := make([]any, len(rows.Values()))
			for i, v := range rows.Values() {
				row[i] = storage(v)
			}
			one.rows = append(one.rows, row)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// storage gives a value the form in which SQLite keeps it.
func storage(v any) any {
	switch v := v.(type) {
	case json.RawMessage:
		return string(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	}
	return v
}

// column runs a statement and returns its first column as texts.
func column(ctx context.Context, engine *whoql.Engine, sql string) ([]string, error) {
	results, err := run(ctx, engine, sql, nil)
	var out []string
	for _, r := range results {
		for _, row := range r.rows {
			out = append(out, fmt.Sprint(row[0]))
		}
	}
	return out, err
}

// A person is a user of the sandbox, read with encoding/json only, so that nothing of the engine's
// own reading is trusted.
type person struct {
	fields  map[string]json.RawMessage
	profile map[string]json.RawMessage
}

// people returns the users of an org, in the order of their ids.
func people(t testing.TB, org *oktatest.Org) []person {
	t.Helper()
	var out []person
	for user := range org.Users() {
		var p person
		if err := json.Unmarshal(user, &p.fields); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(p.fields["profile"], &p.profile); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// text returns a field or attribute that is a string; "" if it is anything else.
func (p person) text(name string) string {
	raw, ok := p.fields[name]
	if !ok {
		raw = p.profile[name]
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// ids returns the ids of an org's users, in order.
func ids(t testing.TB, org *oktatest.Org) []string {
	t.Helper()
	var out []string
	for _, p := range people(t, org) {
		out = append(out, p.text("id"))
	}
	return out
}

// literal is a text in SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
