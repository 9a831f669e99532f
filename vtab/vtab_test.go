package vtab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/vtab"
)

// things is a table with a column of each kind.
var things = &catalog.Resource{
	Provider: "memory", Service: "test", Name: "things",
	Columns: []*catalog.Column{
		{Name: "id", Kind: catalog.KindField, Type: "string", Path: []string{"id"}, Key: true, Search: "id", Push: []string{"eq", "in"}},
		{Name: "state", Kind: catalog.KindField, Type: "string", Path: []string{"state"}, Search: "state", Push: []string{"eq"}},
		{Name: "data", Kind: catalog.KindField, Type: "object", Path: []string{"data"}},
		{Name: "org", Kind: catalog.KindOrg, Type: "string"},
		{Name: "thingId", Kind: catalog.KindAlias, Type: "string", Path: []string{"id"}, Key: true, Search: "id", Push: []string{"eq", "in"}},
		{Name: "find", Kind: catalog.KindParameter, Type: "string", Query: "find"},
		{Name: "v", Kind: catalog.KindAttribute, Type: "string", Path: []string{"data", "v"}},
		{Name: "w", Kind: catalog.KindAttribute, Type: "string", Path: []string{"data", "w"}, Search: "data.w", Push: []string{"eq", "in"}},
		{Name: "deep", Kind: catalog.KindAttribute, Type: "string", Path: []string{"data", "more", "deep"}},
	},
}

// A memory is a source of objects that stand in a text, one a line. It gives all of them whatever it
// is asked, and notes what that was.
type memory struct {
	lines []string
	org   string
	scans []string
	opens int // scans that are not closed

	// What goes wrong: Scan fails, or panics, or Next does in place of object failAt.
	scanErr, nextErr error
	panics           bool
	failAt           int
}

func newMemory(lines ...string) *memory { return &memory{lines: lines, org: "here", failAt: -1} }

func (m *memory) Scan(_ context.Context, s *vtab.Scan) (vtab.Rows, error) {
	m.scans = append(m.scans, spell(s))
	if m.scanErr != nil {
		return nil, m.scanErr
	}
	if m.panics && m.failAt < 0 {
		panic("out of order")
	}
	m.opens++
	return &memoryRows{memory: m}, nil
}

type memoryRows struct {
	*memory
	at int
}

func (r *memoryRows) Next(ctx context.Context) (vtab.Object, error) {
	switch {
	case ctx.Err() != nil:
		return vtab.Object{}, ctx.Err()
	case r.at == r.failAt && r.panics:
		panic("out of order")
	case r.at == r.failAt:
		return vtab.Object{}, r.nextErr
	case r.at == len(r.lines):
		return vtab.Object{}, io.EOF
	}
	r.at++
	return vtab.Object{JSON: []byte(r.lines[r.at-1]), Org: r.org}, nil
}

func (r *memoryRows) Close() error {
	r.opens--
	return nil
}

// spell writes what a scan asks for, such as "key id=[a] limit 5".
func spell(s *vtab.Scan) string {
	var parts []string
	term := func(kind string, t vtab.Term) {
		parts = append(parts, fmt.Sprintf("%s %s %s %v", kind, t.Column.Name, t.Op, t.Values))
	}
	if s.Key != nil {
		term("key", *s.Key)
	}
	for _, t := range s.Terms {
		term("term", t)
	}
	for _, t := range s.Params {
		term("param", t)
	}
	if s.Orgs != nil {
		parts = append(parts, fmt.Sprintf("orgs %v", s.Orgs))
	}
	if s.Limit >= 0 {
		parts = append(parts, fmt.Sprintf("limit %d", s.Limit))
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, ", ")
}

func open(t testing.TB, m *memory, o vtab.Options) *vtab.DB {
	t.Helper()
	db, err := vtab.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Register(things, m); err != nil {
		t.Fatal(err)
	}
	return db
}

// query reads all rows of a statement. The table's name may be written as things.
func query(db *vtab.DB, sql string, args ...any) (rows [][]any, err error) {
	ctx := context.Background()
	sql = strings.ReplaceAll(sql, "things", `"memory.test.things"`)
	sql, plan := strings.CutPrefix(sql, "EXPLAIN QUERY PLAN ")
	st, err := db.Prepare(ctx, sql, vtab.Shape{BindsOrg: strings.Contains(sql, "org"), QueryPlan: plan})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for i, v := range args {
		if err := st.Bind(i, v); err != nil {
			return nil, err
		}
	}
	for {
		more, err := st.Step(ctx)
		if err != nil || !more {
			return rows, err
		}
		var row []any
		for i := range st.Columns() {
			row = append(row, st.Value(i))
		}
		rows = append(rows, row)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		json string // the value of v; "": there is none
		want any
		kind string // typeof
	}{
		{``, nil, "null"},
		{`null`, nil, "null"},
		{`true`, int64(1), "integer"},
		{`false`, int64(0), "integer"},
		{`0`, int64(0), "integer"},
		{`-0`, int64(0), "integer"},
		{`42`, int64(42), "integer"},
		{`-7`, int64(-7), "integer"},
		{`9007199254740993`, int64(9007199254740993), "integer"},
		{`9223372036854775807`, int64(math.MaxInt64), "integer"},
		{`-9223372036854775808`, int64(math.MinInt64), "integer"},
		{`9223372036854775808`, 9223372036854775808.0, "real"},
		{`123456789012345678901234567890`, 123456789012345678901234567890.0, "real"},
		{`1.0`, 1.0, "real"},
		{`0.1`, 0.1, "real"},
		{`-2.5e-3`, -2.5e-3, "real"},
		{`1E3`, 1000.0, "real"},
		{`""`, "", "text"},
		{`"007"`, "007", "text"},
		{`"1"`, "1", "text"},
		{`"true"`, "true", "text"},
		{`"null"`, "null", "text"},
		{`"it's \"quoted\" \\ \/ \b\f\n\r\t"`, "it's \"quoted\" \\ / \b\f\n\r\t", "text"},
		{`"é 日本 😀"`, "é 日本 😀", "text"},
		{`"\u00e9 \u65E5 \ud83d\ude00"`, "é 日 😀", "text"},
		{`"\ud83d"`, "\ufffd", "text"},
		{`"a\u0000b"`, "a\x00b", "text"},
		{`{}`, `{}`, "text"},
		{`{ "a" : [1, 2.0, "x\u0041"] }`, `{ "a" : [1, 2.0, "x\u0041"] }`, "text"},
		{`[]`, `[]`, "text"},
		{`[null,true,"}"]`, `[null,true,"}"]`, "text"},
	} {
		object := `{"id":"1","data":{"u":1,"v":` + c.json + `,"w":"after"}}`
		if c.json == "" {
			object = `{"id":"1","data":{"u":1,"w":"after"}}`
		}
		db := open(t, newMemory(object), vtab.Options{})
		rows, err := query(db, `SELECT v, typeof(v), w FROM things`)
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		if want := []any{c.want, c.kind, "after"}; len(rows) != 1 || !reflect.DeepEqual(rows[0], want) {
			t.Errorf("%s: %#v, want %#v", c.json, rows, want)
		}
	}
}

// What a column's path doesn't lead to is NULL, whatever stands in its way.
func TestPlaces(t *testing.T) {
	m := newMemory(
		`{"data":{"v":1,"more":{"deep":"x"}},"id":"1"}`,
		`{"data":{"more":{"deep":null}},"id":"2"}`,
		`{"data":{"more":[{"deep":"x"}]},"id":"3"}`,
		`{"data":"{\"v\":1}","id":"4"}`,
		`{"data":null,"id":"5"}`,
		`{"data":[1,2],"id":"6"}`,
		`{"id":"7"}`,
		"{\n \"id\" : \"8\" ,\t\"data\" : { \"v\" : \"y\" , \"more\" : { \"deep\" : { } } } }",
		`{"i\u0064":"9","d\u0061ta":{"\u0076":2}}`,
		`{"id":"10","data":{"v":1,"v":2},"data":{"v":3}}`,
		`{"ID":"no","id":"11","Data":{"v":1},"data":{"V":1}}`,
	)
	db := open(t, m, vtab.Options{})
	rows, err := query(db, `SELECT id, v, deep FROM things`)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{{"1", int64(1), "x"}, {"2", nil, nil}, {"3", nil, nil}, {"4", nil, nil}, {"5", nil, nil}, {"6", nil, nil}, {"7", nil, nil},
		{"8", "y", "{ }"}, {"9", int64(2), nil}, {"10", int64(1), nil}, {"11", nil, nil}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("%v\nwant %v", rows, want)
	}
	// Columns of one object can be asked for in any order, in part and again.
	for _, sql := range []string{`SELECT deep, v, id FROM things`, `SELECT id, deep, v, data FROM things`, `SELECT v, id, v, deep FROM things WHERE thingId IS NOT NULL`} {
		rows, err := query(db, `SELECT id, v, deep FROM (`+sql+`)`)
		if err != nil || !reflect.DeepEqual(rows, want) {
			t.Errorf("%s: %v, %v", sql, rows, err)
		}
	}
}

// A column two levels down is read also if no other column of the level between is used.
func TestDeep(t *testing.T) {
	db := open(t, newMemory(`{"id":"1","data":{"v":1,"more":{"deep":"x"}}}`), vtab.Options{})
	for _, sql := range []string{`SELECT deep FROM things`, `SELECT b.deep FROM things AS a CROSS JOIN things AS b`} {
		if rows, err := query(db, sql); err != nil || !reflect.DeepEqual(rows, [][]any{{"x"}}) {
			t.Errorf("%s: %v, %v", sql, rows, err)
		}
	}
}

// Affinity is that of the declaration: fields are TEXT, attributes have none.
func TestAffinity(t *testing.T) {
	db := open(t, newMemory(`{"id":"007","state":"7","data":{"v":"007","w":7}}`), vtab.Options{})
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`id = '007'`, true},
		{`id = 7`, false},
		{`state = 7`, true}, // TEXT: 7 becomes '7'
		{`v = '007'`, true},
		{`v = '7'`, false},
		{`w = 7`, true},
		{`v = 7`, false},
		{`w = '7'`, false},
		{`w < 'a'`, true},
		{`v > 1000`, true},
	} {
		rows, err := query(db, `SELECT 1 FROM things WHERE `+c.condition)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(rows) == 1; got != c.want {
			t.Errorf("%s: %t", c.condition, got)
		}
	}
}

// A row has the same rowid however it is read, and another one in another org.
func TestRowID(t *testing.T) {
	m := newMemory(`{"id":"a"}`, `{"id":"b"}`)
	db := open(t, m, vtab.Options{})
	first, err := query(db, `SELECT rowid FROM things WHERE id = 'a'`)
	if err != nil {
		t.Fatal(err)
	}
	m.lines = []string{`{"state":"x","data":{"v":[1]},"id":"b"}`, `{"state":"x","data":{},"id":"a"}`}
	second, err := query(db, `SELECT rowid FROM things WHERE w IS NULL ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	if first[0][0] != second[0][0] {
		t.Errorf("the rowid is %v, then %v", first[0][0], second[0][0])
	}
	m.org = "there"
	third, err := query(db, `SELECT rowid FROM things WHERE thingId IN ('a', 'b') ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	all := []any{second[0][0], second[1][0], third[0][0], third[1][0]}
	for i, id := range all {
		if id.(int64) < 0 || slices.Contains(all[:i], id) {
			t.Errorf("the rowids are %v", all)
		}
	}
}

// An OR of conditions which the API can check is one scan for each, united without doubles.
func TestOr(t *testing.T) {
	m := newMemory(`{"id":"a","state":"x"}`, `{"id":"b","state":"y"}`, `{"id":"c","state":"z"}`)
	db := open(t, m, vtab.Options{})
	rows, err := query(db, `SELECT id FROM things WHERE id = 'a' OR state = 'y' OR thingId IN ('a', 'c') ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]any{{"a"}, {"b"}, {"c"}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("%v, want %v", rows, want)
	}
}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		sql  string
		args []any
		want string // the scans
		none string // those without push-down, if others than all
	}{
		{sql: `SELECT id FROM things`, want: "all"},
		{sql: `SELECT id FROM things LIMIT 5 OFFSET 2`, want: "limit 7"},
		{sql: `SELECT id FROM things LIMIT -1`, want: "all"},
		{sql: `SELECT id FROM things LIMIT 9223372036854775807 OFFSET 9223372036854775807`, want: "all"},
		{sql: `SELECT id FROM things LIMIT ?`, args: []any{3}, want: "limit 3"},
		{sql: `SELECT id FROM things ORDER BY id LIMIT 5`, want: "all"},
		{sql: `SELECT DISTINCT id FROM things LIMIT 5`, want: "all"},
		{sql: `SELECT count(*) FROM things LIMIT 5`, want: "all"},
		{sql: `SELECT id FROM things WHERE id = 'a'`, want: "key id = [a]"},
		{sql: `SELECT id FROM things WHERE 'a' = thingId`, want: "key thingId = [a]"},
		{sql: `SELECT id FROM things WHERE id = ?`, args: []any{nil}, want: "key id = [<nil>]"},
		{sql: `SELECT id FROM things WHERE id IN ('b', 'a', NULL, 'a')`, want: "key id IN [<nil> a b]"},
		{sql: `SELECT id FROM things WHERE id IN ('b', 'a') AND thingId = 'c'`, want: "key thingId = [c]"},
		{sql: `SELECT id FROM things WHERE id = 'a' OR id = 'b'`, want: "key id = [a]; key id = [b]"},
		{sql: `SELECT id FROM things WHERE id = 'a' COLLATE NOCASE`, want: "all"},
		{sql: `SELECT id FROM things WHERE id > 'a'`, want: "all"},
		{sql: `SELECT id FROM things WHERE id IS 'a'`, want: "all"},
		{sql: `SELECT id FROM things WHERE id <> 'a'`, want: "all"},
		{sql: `SELECT id FROM things WHERE lower(id) = 'a'`, want: "all"},
		{sql: `SELECT id FROM things WHERE NOT id = 'a'`, want: "all"},
		{sql: `SELECT id FROM things WHERE id NOT IN ('a')`, want: "all"},
		{sql: `SELECT id FROM things WHERE state = 'x' AND w IN ('p', 'q')`, want: "term state = [x], term w IN [p q]"},
		{sql: `SELECT id FROM things WHERE state IN ('x', 'y')`, want: "all"}, // state takes = only
		{sql: `SELECT id FROM things WHERE state = 'x' AND id = 'a'`, want: "key id = [a]"},
		{sql: `SELECT id FROM things WHERE deep = 'x'`, want: "all"},
		{sql: `SELECT id FROM things WHERE w = 7`, want: "term w = [7]"},
		{sql: `SELECT id FROM things WHERE w = 2.5`, want: "term w = [2.5]"},
		{sql: `SELECT id FROM things WHERE w = 9e999`, want: "term w = [+Inf]"},
		{sql: `SELECT id FROM things WHERE find = 'x'`, want: "param find = [x]", none: "param find = [x]"},
		{sql: `SELECT id FROM things WHERE find = 'x' AND id = 'a'`, want: "term id = [a], param find = [x]", none: "param find = [x]"},
		{sql: `SELECT id FROM things WHERE org = 'here'`, want: "orgs [here]", none: "orgs [here]"},
		{sql: `SELECT id FROM things WHERE org IN ('here', 'there')`, want: "orgs [here there]", none: "orgs [here there]"},
		{sql: `SELECT id FROM things WHERE org = 'here' AND id IN ('a')`, want: "key id = [a], orgs [here]", none: "orgs [here]"},
		{sql: `SELECT id FROM things WHERE 0`, want: ""},
		{sql: `SELECT id FROM things LIMIT 0`, want: ""},
		{sql: `SELECT id FROM things UNION ALL SELECT id FROM things WHERE id = 'a'`, want: "all; key id = [a]", none: "all; all"},
	} {
		for _, off := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", c.sql, off), func(t *testing.T) {
				m := newMemory(`{"id":"a"}`, `{"id":"b"}`)
				db := open(t, m, vtab.Options{NoPushdown: off})
				if _, err := query(db, c.sql, c.args...); err != nil {
					t.Fatal(err)
				}
				want := c.want
				switch {
				case off && c.none != "":
					want = c.none
				case off && want != "" && !strings.HasPrefix(want, "limit"):
					want = "all"
				}
				if got := strings.Join(m.scans, "; "); got != want {
					t.Errorf("scans: %s\nwant:  %s", got, want)
				}
				if m.opens != 0 {
					t.Errorf("%d scans are open", m.opens)
				}
			})
		}
	}
}

// A table inside the loop over another one is read once.
func TestScanOfJoins(t *testing.T) {
	for _, c := range []struct {
		sql  string
		rows int
		most int // scans
	}{
		{`SELECT a.id, b.id FROM things AS a CROSS JOIN things AS b`, 9, 2},
		{`SELECT a.id, b.id FROM things AS a JOIN things AS b ON b.v = a.v`, 3, 2},
		{`SELECT a.id, b.id FROM things AS a LEFT JOIN things AS b ON b.v > a.v`, 4, 2},
		{`SELECT a.id, b.id FROM things AS a FULL JOIN things AS b ON b.v = a.v + 1`, 4, 3},
		{`SELECT a.id, b.id FROM things AS a JOIN things AS b ON b.id = a.id`, 3, 4},
		{`SELECT a.id, (SELECT count(*) FROM things AS b WHERE b.v <= a.v) FROM things AS a`, 3, 2},
		{`SELECT a.id FROM things AS a WHERE EXISTS (SELECT 1 FROM things AS b WHERE b.state = a.state)`, 2, 4},
	} {
		m := newMemory(`{"id":"1","state":"x","data":{"v":1,"w":"1"}}`, `{"id":"2","data":{"v":2}}`, `{"id":"3","state":"y","data":{"v":3,"w":null}}`)
		db := open(t, m, vtab.Options{})
		rows, err := query(db, c.sql)
		if err != nil || len(rows) != c.rows {
			t.Errorf("%s: %v, %v", c.sql, rows, err)
		}
		if len(m.scans) > c.most {
			t.Errorf("%s: %d scans: %q", c.sql, len(m.scans), m.scans)
		}
		if m.opens != 0 {
			t.Errorf("%s: %d scans are open", c.sql, m.opens)
		}
	}
}

// Rows that a join keeps have the values that they came with, in the columns it uses.
func TestKeptValues(t *testing.T) {
	m := newMemory(
		`{"id":"1","state":"x","data":{"v":1.50,"w":[1, "2"],"more":{"deep":{"a":[]}},"other":true}}`,
		`{"id":"2","state":null,"data":{"v":false,"w":"a\u0000\"b","more":[1]}}`,
		`{"id":"3","data":[{"v":1}]}`,
		`{"id":"4","data":"{\"v\":1}"}`,
		`{"other":1,"data":{"w":"first","w":"second"},"id":"5"}`,
	)
	db := open(t, m, vtab.Options{})
	for _, list := range []string{"id", "id, state, v", "id, w, v", "id, v, deep", "id, data", "id, data, v", "id, v, deep, w, state, org, typeof(v)"} {
		want, err := query(db, "SELECT "+list+" FROM things ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		for _, join := range []string{
			"(SELECT 1 UNION ALL SELECT 2) CROSS JOIN things GROUP BY id ORDER BY id",
			"(SELECT 1 AS n UNION ALL SELECT 2) LEFT JOIN things ON n > 0 WHERE n = 2 ORDER BY id",
			"(SELECT id AS k FROM things ORDER BY 1 DESC) JOIN things ON id = k ORDER BY id",
			"(SELECT id AS k FROM things ORDER BY 1 DESC) CROSS JOIN things ON rowid IN (SELECT rowid FROM things) WHERE k = thingId ORDER BY id",
		} {
			got, err := query(db, "SELECT "+list+" FROM "+join)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("SELECT %s FROM %s: %#v, %v\nwant %#v", list, join, got, err, want)
			}
		}
	}
}

func TestUnbound(t *testing.T) {
	m := newMemory(`{"id":"a"}`)
	db := open(t, m, vtab.Options{})
	for _, sql := range []string{
		`SELECT find FROM things`,
		`SELECT id FROM things WHERE find > 'x'`,
		`SELECT id FROM things WHERE find IN ('x', 'y')`,
		`SELECT id FROM things WHERE find = 'x' OR id = 'a'`,
		`SELECT id FROM things WHERE find LIKE 'x'`,
		`SELECT id FROM things ORDER BY find`,
		`SELECT a.id FROM things AS a LEFT JOIN things AS b ON a.find = b.id WHERE b.find = a.id`,
	} {
		_, err := query(db, sql)
		var unbound *vtab.UnboundError
		if !errors.As(err, &unbound) || unbound.Column != "find" || unbound.Table != "memory.test.things" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if len(m.scans) > 0 {
		t.Errorf("scans: %q", m.scans)
	}
	rows, err := query(db, `SELECT find, id FROM things WHERE 'x' = find`)
	if err != nil || !reflect.DeepEqual(rows, [][]any{{"x", "a"}}) {
		t.Errorf("%v, %v", rows, err)
	}
}

type oops struct{ code int }

func (o *oops) Error() string { return fmt.Sprintf("oops %d", o.code) }

// An error of the source ends the query and keeps its type; a panic is an error.
func TestSourceErrors(t *testing.T) {
	lines := []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`}
	for _, sql := range []string{
		`SELECT id FROM things`,
		`SELECT id FROM things ORDER BY id DESC`,
		`SELECT a.id FROM things AS a JOIN things AS b`,
		`SELECT a.id FROM things AS a LEFT JOIN things AS b ON b.v = a.v`,
		`SELECT id FROM things WHERE id IN (SELECT id FROM things)`,
		`SELECT (SELECT max(id) FROM things)`,
		`SELECT id FROM things UNION SELECT state FROM things`,
		`SELECT id FROM things WHERE id = 'a' OR state = 'b'`,
	} {
		for name, m := range map[string]*memory{
			"scan fails":   {lines: lines, scanErr: &oops{1}, failAt: -1},
			"first fails":  {lines: lines, nextErr: fmt.Errorf("in a wrap: %w", &oops{1}), failAt: 0},
			"third fails":  {lines: lines, nextErr: &oops{1}, failAt: 2},
			"end fails":    {lines: lines, nextErr: &oops{1}, failAt: 3},
			"scan panics":  {lines: lines, panics: true, failAt: -1},
			"third panics": {lines: lines, panics: true, failAt: 2},
		} {
			db := open(t, m, vtab.Options{})
			rows, err := query(db, sql)
			var o *oops
			if m.panics {
				if err == nil || !strings.Contains(err.Error(), "internal error: out of order") {
					t.Errorf("%s, %s: %v, %v", sql, name, rows, err)
				}
			} else if !errors.As(err, &o) || o.code != 1 {
				t.Errorf("%s, %s: %v, %v", sql, name, rows, err)
			}
			if m.opens != 0 && !m.panics {
				t.Errorf("%s, %s: %d scans are open", sql, name, m.opens)
			}
			// The next statement knows nothing of it.
			m.scanErr, m.panics, m.failAt = nil, false, -1
			if rows, err := query(db, `SELECT id FROM things`); err != nil || len(rows) != 3 {
				t.Errorf("after %s, %s: %v, %v", sql, name, rows, err)
			}
		}
	}
}

func TestPrepareErrors(t *testing.T) {
	db := open(t, newMemory(`{"id":"a"}`), vtab.Options{})
	for _, c := range []struct {
		sql, says string
		offset    int
	}{
		{`SELECT`, "incomplete input", -1},
		{`SELECT id FROM "memory.test.things" WHERE AND`, `near "AND"`, 42},
		{`SELECT nope FROM "memory.test.things"`, "no such column: nope", 7},
		{`SELECT id, (nope) FROM "memory.test.things"`, "no such column: nope", 12},
		{`SELECT * FROM nowhere`, "no such table: nowhere", -1},
		{`SELECT 1; SELECT 2`, "expected one statement", -1},
		{``, "expected one statement", -1},
		{`CREATE TABLE t(a)`, "it needs a place", -1},
		{`INSERT INTO "memory.test.things"(id) VALUES ('x')`, "may not be modified", -1},
		{`DELETE FROM "memory.test.things"`, "may not be modified", -1},
		{`CREATE VIEW v AS SELECT * FROM "memory.test.things"`, "it needs a place", -1},
		{`CREATE TEMP TABLE t(a)`, "expected one statement that only reads", -1},
	} {
		st, err := db.Prepare(context.Background(), c.sql, vtab.Shape{})
		var syntax *vtab.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.sql, err)
			if st != nil {
				st.Close()
			}
			continue
		}
		if c.offset >= 0 && syntax.Offset != c.offset {
			t.Errorf("%s: the offset is %d, want %d", c.sql, syntax.Offset, c.offset)
		}
	}
}

func TestBind(t *testing.T) {
	db := open(t, newMemory(`{"id":"a"}`), vtab.Options{})
	rows, err := query(db, `SELECT ?, ?, ?, ?, ?, ?, ?, ?`, nil, true, false, 3, int64(-4), 2.5, "a\x00b", []byte{0, 0xff})
	want := [][]any{{nil, int64(1), int64(0), int64(3), int64(-4), 2.5, "a\x00b", []byte{0, 0xff}}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("%#v, %v", rows, err)
	}
	if _, err := query(db, `SELECT ?`, struct{}{}); err == nil {
		t.Error("a struct can be bound")
	}
	st, err := db.Prepare(context.Background(), `SELECT :a, @b, $c, ?, :a`, vtab.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if got, want := st.Params(), []string{":a", "@b", "$c", ""}; !slices.Equal(got, want) {
		t.Errorf("the parameters are %q, want %q", got, want)
	}
}

func TestColumns(t *testing.T) {
	db := open(t, newMemory(`{"id":"a"}`), vtab.Options{})
	st, err := db.Prepare(context.Background(), `WITH c AS (SELECT id, v AS x FROM "memory.test.things") SELECT id, x AS "The X", x || '', json('{}') AS j FROM c`, vtab.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const path = "memory.test.things"
	want := []vtab.ResultColumn{{"id", path, "id"}, {"The X", path, "v"}, {"x || ''", "", ""}, {"j", "", ""}}
	if got := st.Columns(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if more, err := st.Step(context.Background()); !more || err != nil {
		t.Fatal(more, err)
	}
	if st.IsJSON(0) || !st.IsJSON(3) {
		t.Error("IsJSON doesn't know JSON")
	}
	rows, err := query(db, `SELECT * FROM things`)
	if err != nil || len(rows[0]) != 3 {
		t.Errorf("SELECT * gives %v, %v", rows, err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o    vtab.Options
		want int64
	}{{vtab.Options{}, 1}, {vtab.Options{TempInMemory: true}, 2}} {
		db := open(t, newMemory(), c.o)
		if rows, err := query(db, `PRAGMA temp_store`); err != nil || rows[0][0] != c.want {
			t.Errorf("%+v: temp_store is %v, %v", c.o, rows, err)
		}
	}
}

// A statement that needs more memory than there is ends with an error.
func TestMemory(t *testing.T) {
	db := open(t, newMemory(`{"id":"a"}`), vtab.Options{MaxMemory: 8 << 20})
	if _, err := query(db, `SELECT length(group_concat(hex(zeroblob(1000000)))) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8))`); err == nil {
		t.Error("8 MiB hold 16 MB")
	}
}

// A plan outlives its way through SQLite.
func TestPlan(t *testing.T) {
	want := vtab.Plan{ID: 3, Table: "a.b.c", Key: true, Used: 1<<63 | 5, Checked: []string{`x"y <`, "é LIKE"},
		Args: []vtab.PlanArg{{Column: 2, Op: vtab.OpIn}, {Column: -1, Op: vtab.OpLimit}, {Column: 4, Op: vtab.OpEqual, Local: true, Value: "it's"}}}
	text, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := vtab.DecodePlan(string(text))
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{``, `x`, `[]`, `{"id":"x"}`, `{"id":1`} {
		if p, err := vtab.DecodePlan(text); err == nil {
			t.Errorf("%q is the plan %+v", text, p)
		}
	}

	db := open(t, newMemory(), vtab.Options{})
	rows, err := query(db, `EXPLAIN QUERY PLAN SELECT v FROM things AS x WHERE id IN ('a', 'b') AND v > 5 AND deep = 'it''s'`)
	if err != nil {
		t.Fatal(err)
	}
	name, p, ok := vtab.TablePlan(rows[0][3].(string))
	if !ok || name != "x" || p.Table != "memory.test.things" || !p.Key || len(p.Args) == 0 || p.Args[0].Op != vtab.OpIn || p.Args[0].Column != 0 {
		t.Fatalf("%v is %q, %+v, %t", rows[0][3], name, p, ok)
	}
	for _, c := range []int{0, 6, 8} {
		if p.Used&(1<<c) == 0 {
			t.Errorf("column %d isn't used by %b", c, p.Used)
		}
	}
	if !slices.Contains(p.Checked, "v >") {
		t.Errorf("checked are %q", p.Checked)
	}
	if _, _, ok := vtab.TablePlan("SCAN x"); ok {
		t.Error("SCAN x has a plan")
	}
}

// A cancelled context ends a Step.
func TestCancel(t *testing.T) {
	db := open(t, newMemory(`{"id":"a"}`, `{"id":"b"}`), vtab.Options{})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	st, err := db.Prepare(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i <= 2 OR i < 0`, vtab.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if more, err := st.Step(ctx); !more || err != nil {
			t.Fatal(more, err)
		}
	}
	cancel(cause)
	if more, err := st.Step(ctx); more || !errors.Is(err, cause) {
		t.Errorf("%t, %v", more, err)
	}
	st.Close() // says again what Step has said
	if _, err := db.Prepare(ctx, `SELECT 1`, vtab.Shape{}); !errors.Is(err, cause) {
		t.Errorf("Prepare: %v", err)
	}
	if rows, err := query(db, `SELECT id FROM things`); err != nil || len(rows) != 2 {
		t.Errorf("after it: %v, %v", rows, err)
	}
}
