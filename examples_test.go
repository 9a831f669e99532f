package whoql_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// The examples of the catalogue are statements that run, or will: SELECTs run on the sandbox, the
// others can be parsed and name methods, parameters and columns that there are.
func TestCatalogExamples(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	server := oktatest.Start(t, oktatest.Options{Users: 450, Seed: 5})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	count := map[stmt.Kind]int{}
	for _, p := range c.Providers {
		for _, s := range p.Services {
			for _, r := range s.Resources {
				methods := slices.Clone(r.Methods)
				if r.Changes != nil {
					methods = append(methods, r.Changes.Replace)
				}
				for _, m := range methods {
					if len(m.Examples) == 0 {
						t.Errorf("%s.%s has no example", r.Path(), m.Name)
					}
					for _, text := range m.Examples {
						kind := testExample(t, engine, r, m, text)
						count[kind]++
						if kind == stmt.Select {
							continue
						}
						// What doesn't run is refused; of the others a plan can be made.
						var refused *stmt.Error
						if _, err := run(context.Background(), engine, "EXPLAIN "+text, nil); r.Runs(m) && err != nil || !r.Runs(m) && !errors.As(err, &refused) {
							t.Errorf("EXPLAIN %s: %v", text, err)
						}
					}
				}
			}
		}
	}
	for _, kind := range []stmt.Kind{stmt.Select, stmt.Insert, stmt.Update, stmt.Delete, stmt.Exec} {
		if count[kind] < 2 {
			t.Errorf("%d examples are %s", count[kind], kind)
		}
	}
}

func testExample(t *testing.T, engine *whoql.Engine, r *catalog.Resource, m *catalog.Method, text string) stmt.Kind {
	t.Helper()
	statements, err := stmt.Split(text)
	if err != nil || len(statements) != 1 {
		t.Errorf("%s: %d statements, %v", text, len(statements), err)
		return stmt.Unknown
	}
	s := statements[0]
	if s.Kind.String() != m.Verb {
		t.Errorf("%s is an example of %s, whose verb is %s", text, m.Name, m.Verb)
	}
	if len(stmt.BoundParams(s)) > 0 && s.Kind != stmt.Exec {
		t.Errorf("%s has parameters", text)
	}
	switch s.Kind {
	case stmt.Select:
		if _, err := run(context.Background(), engine, text, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	case stmt.Exec:
		testExecExample(t, engine, m, s)
	default:
		q, err := stmt.Rewrite(s, namesOf(r))
		if err != nil || q.Parsed != nil {
			t.Errorf("%s: %v, %v", text, err, q.Parsed)
		} else if !strings.Contains(q.SQL, `"`+r.Path()+`"`) {
			t.Errorf("%s is rewritten to %s", text, q.SQL)
		}
	}
	return s.Kind
}

// testExecExample checks an EXEC: that it names its method and only parameters of it, all that are
// required, and that the SELECT behind FOR gives the rest.
func testExecExample(t *testing.T, engine *whoql.Engine, m *catalog.Method, s stmt.Statement) {
	t.Helper()
	e, err := stmt.ParseExec(s)
	if err != nil {
		t.Errorf("%s: %v", s.Text(), err)
		return
	}
	if !strings.HasSuffix(e.Method.String(), "."+m.Name) {
		t.Errorf("%s is an example of %s", s.Text(), m.Name)
	}
	given := map[string]bool{}
	for _, a := range e.Args {
		given[a.Name] = true
		known := a.Body && len(m.Body) > 0
		for _, p := range m.Params {
			known = known || !a.Body && p.Name == a.Name
		}
		if !known {
			t.Errorf("%s: %s has no parameter %s", s.Text(), m.Name, a.Name)
		}
		if a.Body {
			value, err := run(context.Background(), engine, "SELECT json_valid("+a.Expr+")", nil)
			if err != nil || value[0].rows[0][0] != int64(1) {
				t.Errorf("%s: the body is no JSON: %v, %v", s.Text(), value, err)
			}
		}
	}
	if e.For != "" {
		results, err := run(context.Background(), engine, e.For, nil)
		if err != nil {
			t.Errorf("%s: %v", e.For, err)
			return
		}
		for _, name := range results[0].columns {
			given[name] = true
		}
	}
	for _, p := range m.Params {
		if p.Required && p.Default == "" && !given[p.Name] {
			t.Errorf("%s doesn't say %s", s.Text(), p.Name)
		}
	}
	for _, b := range m.Body {
		if b.Required && !given["json"] {
			t.Errorf("%s has no body", s.Text())
		}
	}
}

// namesOf knows one table.
func namesOf(r *catalog.Resource) stmt.Names {
	return stmt.Names{
		Provider: func(name string) bool { return name == r.Provider },
		Table: func(p, s, n string) (path, hint string, ok bool) {
			return r.Path(), "", r.Path() == p+"."+s+"."+n
		},
		Binding: func(string, string) stmt.Binding { return stmt.Free },
	}
}
