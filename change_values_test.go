package whoql_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/oktatest"
)

// A REAL becomes the text that SQLite makes of it.
func TestRealsAsText(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 3})
	e, _ := asking(t, org, whoql.Options{})
	reals := []float64{1, 0, -0.5, 100000000, 1e15, 1e16, 1e17, 1e20, 1e-5, 0.1, 1.0 / 3, 1e300, 5e-324, math.MaxFloat64, 123456789012345680}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		f := math.Float64frombits(random.Uint64())
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			reals = append(reals, f)
		}
		reals = append(reals, math.Round(random.NormFloat64()*1e6)/100)
	}
	values := "(0, 9e999), (0, -9e999)"
	for _, f := range reals {
		values += fmt.Sprintf(", (0, %s)", strconv.FormatFloat(f, 'e', 17, 64))
	}
	wants, err := runChange(t, e, "SELECT CAST(column2 AS TEXT) FROM (VALUES "+values+")")
	if err != nil {
		t.Fatal(err)
	}
	got, err := runChange(t, e, "EXPLAIN INSERT INTO okta.user.users (login, title, activate) SELECT 'u' || row_number() OVER (), column2, false FROM (VALUES "+values+")")
	if err != nil || len(got) != len(wants) {
		t.Fatal(len(got), len(wants), err)
	}
	for i, want := range wants {
		var sets struct{ Title string }
		if err := json.Unmarshal([]byte(strings.Split(got[i], "|")[6]), &sets); err != nil {
			t.Fatal(got[i], err)
		}
		if sets.Title != want {
			t.Errorf("%q is set, and SQLite says %q", sets.Title, want)
		}
	}
	if wants[0] != "Inf" || wants[2] != "1.0" {
		t.Errorf("SQLite says %q", wants[:3])
	}
}

// What a number, a boolean and an integer take of a REAL.
func TestRealsAsNumbers(t *testing.T) {
	org := oktatest.Start(t, oktatest.Options{Users: 3})
	define(t, org, "default", map[string]string{"floor": "integer", "fte": "number", "contractor": "boolean"})
	e, _ := asking(t, org, whoql.Options{})
	for _, c := range []struct{ set, want string }{
		{"floor = 1.0", `{"floor":1}`},
		{"floor = 100000000.0", `{"floor":100000000}`},
		{"floor = 7", `{"floor":7}`},
		{"floor = 1.5", "floor is no integer"},
		{"floor = 9e999", "floor is no integer"},
		{"floor = 1e20", "floor is no integer"},
		{"fte = 0.1", `{"fte":0.1}`},
		{"fte = 2.0", `{"fte":2}`},
		{"fte = 1e20", `{"fte":1e+20}`},
		{"fte = -9e999", "fte is no number"},
		{"contractor = 1.0", `{"contractor":true}`},
		{"contractor = 9e999", "contractor is neither true nor false"},
		{"title = 1e20", `{"title":"1.0e+20"}`},
		{"title = 100000000.0", `{"title":"100000000.0"}`},
	} {
		got, err := runChange(t, e, "EXPLAIN UPDATE okta.user.users SET "+c.set+" WHERE login = (SELECT login FROM okta.user.users WHERE status = 'ACTIVE' LIMIT 1)")
		said := strings.Join(got, "\n")
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: %s, want %s", c.set, said, c.want)
		}
	}
}
