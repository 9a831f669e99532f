package vtab_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/whoql/whoql/vtab"
)

// The value of a column is what encoding/json reads, whatever stands around it.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`null`, `true`, `-12.50e+1`, `"a\u0000\ud83d\ude00\/"`, `{"v":{"v":[1,"}"]}}`, `[[],{}," "]`, ` 7 `, `12345678901234567890`, `"\\\""`} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, value, key string) {
		if !json.Valid([]byte(value)) || !utf8.ValidString(value) || !utf8.ValidString(key) || key == "v" || key == "id" || key == "data" {
			return
		}
		var want any
		d := json.NewDecoder(bytes.NewReader([]byte(value)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			return
		}
		switch v := want.(type) {
		case bool:
			want = int64(0)
			if v {
				want = int64(1)
			}
		case json.Number:
			if n, err := v.Int64(); err == nil {
				want = n
				break
			}
			f, err := v.Float64()
			if err != nil {
				return // no float64 is near
			}
			want = f
		case map[string]any, []any:
			want = string(bytes.TrimSpace([]byte(value)))
		}
		label, _ := json.Marshal(key)
		object := `{` + string(label) + `:` + value + `,"data":{` + string(label) + `:` + value + `,"v":` + value + `},"id":"1"}`
		db := open(t, newMemory(object), vtab.Options{})
		rows, err := query(db, `SELECT v, id FROM things`)
		if err != nil || !reflect.DeepEqual(rows, [][]any{{want, "1"}}) {
			t.Errorf("%s: %#v, %v, want %#v", object, rows, err, want)
		}
	})
}

// A plan is read or refused, and what is read can be written.
func FuzzDecodePlan(f *testing.F) {
	f.Add(`{"id":1,"table":"a.b.c","key":true,"args":[{"col":0,"op":"IN"},{"col":-1,"op":"LIMIT"}],"used":9223372036854775808,"checked":["x <"]}`)
	f.Add(`{"args":[{"value":{"a":[1]}}]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := vtab.DecodePlan(text)
		if err != nil {
			return
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := vtab.DecodePlan(string(out))
		if err != nil {
			t.Fatalf("%s is %s, which is refused: %v", text, out, err)
		}
		if back, err := json.Marshal(again); err != nil || !bytes.Equal(out, back) {
			t.Errorf("%s is %s, then %s, %v", text, out, back, err)
		}
	})
}
