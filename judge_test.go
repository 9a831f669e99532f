package whoql_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
)

// A judge is plain SQLite over the rows of an org in an ordinary table, the judge of what a SELECT
// means. It may be used concurrently.
type judge struct {
	mu     sync.Mutex
	conn   *sqlite3.Conn
	tables []string // each name, and what stands for it
}

// newJudge fills "okta.user.users" with the users of an org.
func newJudge(t testing.TB, users []person) *judge {
	t.Helper()
	conn, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	j := &judge{conn: conn}
	j.fill(t, "okta.user.users", users)
	return j
}

// fill makes a table of a resource's name, with all columns of the catalogue but the request
// parameters, which only a request has. What a required parameter is stands among a row's fields.
func (j *judge) fill(t testing.TB, path string, rows []person) {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	var columns []*catalog.Column
	var declared, values []string
	for _, col := range c.Lookup(path).Columns {
		if col.Kind == catalog.KindParameter {
			continue
		}
		columns = append(columns, col)
		values = append(values, "?")
		if col.Kind == catalog.KindAttribute {
			declared = append(declared, `"`+col.Name+`"`)
		} else {
			declared = append(declared, `"`+col.Name+`" TEXT`)
		}
	}
	j.tables = append(j.tables, path, `"`+path+`"`)
	if err := j.conn.Exec(`CREATE TABLE "` + path + `"(` + strings.Join(declared, ", ") + `)`); err != nil {
		t.Fatal(err)
	}
	insert, _, err := j.conn.Prepare(`INSERT INTO "` + path + `" VALUES(` + strings.Join(values, ", ") + `)`)
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	for _, u := range rows {
		for i, col := range columns {
			if err := bind(insert, i+1, u.value(t, col)); err != nil {
				t.Fatal(err)
			}
		}
		insert.Step()
		if err := insert.Reset(); err != nil {
			t.Fatal(err)
		}
	}
}

// value is what a column shows of a user.
func (p person) value(t testing.TB, col *catalog.Column) any {
	t.Helper()
	raw := p.fields[col.Name]
	switch col.Kind {
	case catalog.KindOrg:
		return sandboxName
	case catalog.KindAlias:
		raw = p.fields["id"]
	case catalog.KindAttribute:
		raw = p.profile[strings.TrimPrefix(col.Name, "profile_")]
	}
	if len(raw) == 0 {
		return nil
	}
	if raw[0] == '{' || raw[0] == '[' {
		return string(raw)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func bind(s *sqlite3.Stmt, i int, v any) error {
	switch v := v.(type) {
	case nil:
		return s.BindNull(i)
	case bool:
		return s.BindBool(i, v)
	case int:
		return s.BindInt(i, v)
	case int64:
		return s.BindInt64(i, v)
	case float64:
		return s.BindFloat(i, v)
	case string:
		return s.BindText(i, v)
	case []byte:
		return s.BindBlob(i, v)
	}
	return fmt.Errorf("a value of type %T", v)
}

// run runs one statement.
func (j *judge) run(sql string, args whoql.Args) (table, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out table
	sql = strings.NewReplacer(j.tables...).Replace(sql)
	s, tail, err := j.conn.Prepare(sql)
	if err != nil {
		return out, err
	}
	defer s.Close()
	if strings.TrimSpace(tail) != "" {
		return out, fmt.Errorf("more than one statement: %s", tail)
	}
	for i := range s.BindCount() {
		if err := bind(s, i+1, args[s.BindName(i + 1)[1:]]); err != nil {
			return out, err
		}
	}
	for i := range s.ColumnCount() {
		out.columns = append(out.columns, s.ColumnName(i))
	}
	for s.Step() {
		row := make([]any, len(out.columns))
		for i := range row {
			switch s.ColumnType(i) {
			case sqlite3.INTEGER:
				row[i] = s.ColumnInt64(i)
			case sqlite3.FLOAT:
				row[i] = s.ColumnFloat(i)
			case sqlite3.TEXT:
				row[i] = s.ColumnText(i)
			case sqlite3.BLOB:
				row[i] = s.ColumnBlob(i, nil)
			}
		}
		out.rows = append(out.rows, row)
	}
	return out, s.Err()
}
