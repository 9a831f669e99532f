package format_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whoql/whoql/format"
)

// A result is what a test writes.
type result struct {
	columns    []string
	rows       [][]any
	incomplete bool
}

func write(t *testing.T, name string, o format.Options, results ...result) string {
	t.Helper()
	var out strings.Builder
	w, err := format.New(name, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if err := w.Begin(r.columns); err != nil {
			t.Fatal(err)
		}
		for _, row := range r.rows {
			if err := w.Row(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(!r.incomplete); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func crlf(s ...string) string { return strings.Join(s, "\r\n") + "\r\n" }

// all has a value of every type.
var all = result{
	columns: []string{"text", "int", "real", "bool", "blob", "json", "none"},
	rows: [][]any{
		{"a", int64(42), 1.5, true, []byte("hi"), json.RawMessage(`{"a": [1, "x"]}`), nil},
		{"", int64(-9007199254740993), 3.0, false, []byte{}, json.RawMessage(`null`), nil},
	},
}

func TestWriters(t *testing.T) {
	two := result{columns: []string{"id", "n"}, rows: [][]any{{"x", int64(1)}, {"y", int64(20)}}}
	empty := result{columns: []string{"id", "n"}}
	broken, brokenEmpty := two, empty
	broken.incomplete, brokenEmpty.incomplete = true, true
	for _, c := range []struct {
		about   string
		results []result
		want    map[string]string
	}{
		{"every type", []result{all}, map[string]string{
			"table": lines(
				`text                int  real  bool   blob  json           none`,
				`----  -----------------  ----  -----  ----  -------------  ----`,
				`a                    42   1.5  true   aGk=  {"a":[1,"x"]}  NULL`,
				`      -9007199254740993   3.0  false        null           NULL`),
			"json": lines(`[`,
				`{"text":"a","int":42,"real":1.5,"bool":true,"blob":"aGk=","json":{"a":[1,"x"]},"none":null},`,
				`{"text":"","int":-9007199254740993,"real":3.0,"bool":false,"blob":"","json":null,"none":null}`,
				`]`),
			"jsonl": lines(
				`{"text":"a","int":42,"real":1.5,"bool":true,"blob":"aGk=","json":{"a":[1,"x"]},"none":null}`,
				`{"text":"","int":-9007199254740993,"real":3.0,"bool":false,"blob":"","json":null,"none":null}`),
			"csv": crlf(
				`text,int,real,bool,blob,json,none`,
				`a,42,1.5,true,aGk=,"{""a"":[1,""x""]}",`,
				`"",-9007199254740993,3.0,false,"",null,`),
			"tsv": lines("text\tint\treal\tbool\tblob\tjson\tnone",
				"a\t42\t1.5\ttrue\taGk=\t{\"a\":[1,\"x\"]}\t\\N",
				"\t-9007199254740993\t3.0\tfalse\t\tnull\t\\N"),
			"markdown": lines(
				`| text |               int | real | bool  | blob | json            | none |`,
				`| ---- | ----------------: | ---: | ----- | ---- | --------------- | ---- |`,
				`| a    |                42 |  1.5 | true  | aGk= | {"a":\[1,"x"\]} | NULL |`,
				`|      | -9007199254740993 |  3.0 | false |      | null            | NULL |`),
			"list": lines(`-[ 1 ]------------------`, `text  a`, `int   42`, `real  1.5`, `bool  true`, `blob  aGk=`, `json  {"a":[1,"x"]}`, `none  NULL`,
				`-[ 2 ]------------------`, `text`, `int   -9007199254740993`, `real  3.0`, `bool  false`, `blob`, `json  null`, `none  NULL`),
		}},
		{"no rows", []result{empty}, map[string]string{
			"table":    lines("id  n", "--  -"),
			"json":     lines("[]"),
			"jsonl":    "",
			"csv":      crlf("id,n"),
			"tsv":      lines("id\tn"),
			"markdown": lines("| id  | n   |", "| --- | --- |"),
			"list":     "",
		}},
		{"several results", []result{two, empty, two}, map[string]string{
			"table": lines("id   n", "--  --", "x    1", "y   20", "", "id  n", "--  -", "", "id   n", "--  --", "x    1", "y   20"),
			"json":  lines("[", `{"id":"x","n":1},`, `{"id":"y","n":20}`, "]", "[]", "[", `{"id":"x","n":1},`, `{"id":"y","n":20}`, "]"),
			"jsonl": lines(`{"id":"x","n":1}`, `{"id":"y","n":20}`, `{"id":"x","n":1}`, `{"id":"y","n":20}`),
			"csv":   crlf("id,n", "x,1", "y,20", "", "id,n", "", "id,n", "x,1", "y,20"),
			"tsv":   lines("id\tn", "x\t1", "y\t20", "", "id\tn", "", "id\tn", "x\t1", "y\t20"),
			"markdown": lines("| id  |   n |", "| --- | --: |", "| x   |   1 |", "| y   |  20 |", "", "| id  | n   |", "| --- | --- |", "",
				"| id  |   n |", "| --- | --: |", "| x   |   1 |", "| y   |  20 |"),
			"list": lines("-[ 1 ]------------------", "id  x", "n   1", "-[ 2 ]------------------", "id  y", "n   20", "", "",
				"-[ 1 ]------------------", "id  x", "n   1", "-[ 2 ]------------------", "id  y", "n   20"),
		}},
		{"broken off", []result{broken}, map[string]string{
			"table": lines("id   n", "--  --", "x    1", "y   20"),
			"json":  lines("[", `{"id":"x","n":1},`, `{"id":"y","n":20}`),
			"jsonl": lines(`{"id":"x","n":1}`, `{"id":"y","n":20}`),
			"csv":   crlf("id,n", "x,1", "y,20"),
		}},
		{"broken off before the first row", []result{brokenEmpty}, map[string]string{
			"table": lines("id  n", "--  -"),
			"json":  lines("["),
			"jsonl": "",
			"csv":   crlf("id,n"),
		}},
		{"what needs quotes", []result{{columns: []string{"a,b", ""}, rows: [][]any{
			{`say "hi"`, "two\nlines"}, {`"`, "\r"}, {" space ", "a;b"}, {"<b>&", `back\slash`},
		}}}, map[string]string{
			"table": lines(`a,b`, `--------  ----------`, `say "hi"  two\nlines`, `"         \r`, ` space    a;b`, `<b>&      back\slash`),
			"json": lines("[", `{"a,b":"say \"hi\"","":"two\nlines"},`, `{"a,b":"\"","":"\r"},`,
				`{"a,b":" space ","":"a;b"},`, `{"a,b":"<b>&","":"back\\slash"}`, "]"),
			"csv": crlf(`"a,b",""`, `"say ""hi""","two`+"\n"+`lines"`, `"""",`+"\"\r\"", ` space ,a;b`, `<b>&,back\slash`),
			"tsv": lines("a,b\t", "say \"hi\"\ttwo\\nlines", "\"\t\\r", " space \ta;b", "<b>&\tback\\\\slash"),
			"markdown": lines(`| a,b          |              |`, `| ------------ | ------------ |`, `| say "hi"     | two<br>lines |`, `| "            | <br>         |`,
				`|  space       | a;b          |`, `| &lt;b\>&amp; | back\\slash  |`),
		}},
		{"what attacks a terminal", []result{{columns: []string{"v\x1b[2J"}, rows: [][]any{
			{"\x1b]0;title\x07"}, {"\u009b31m"}, {"abc\u202etxt.exe"}, {"ad\u200bmin\u2028"}, {"\x7f\x00\t"}, {"bad\xffutf8"},
			{"\U000e0041"}, {json.RawMessage("{\"k\":\"\u202e\xff\x7f\"}")},
		}}}, map[string]string{
			"table": lines(`v\x1b[2J`,
				`----------------------`, `\x1b]0;title\x07`, `\u009b31m`, `abc\u202etxt.exe`, `ad\u200bmin\u2028`,
				`\x7f\x00\t`, `bad\xffutf8`, `\U000e0041`, `{"k":"\u202e\xff\x7f"}`),
			"jsonl": lines(`{"v\u001b[2J":"\u001b]0;title\u0007"}`, `{"v\u001b[2J":"\u009b31m"}`, `{"v\u001b[2J":"abc\u202etxt.exe"}`,
				`{"v\u001b[2J":"ad\u200bmin\u2028"}`, `{"v\u001b[2J":"\u007f\u0000\t"}`, `{"v\u001b[2J":"bad`+"\ufffd"+`utf8"}`,
				`{"v\u001b[2J":"\udb40\udc41"}`, `{"v\u001b[2J":{"k":"\u202e`+"\ufffd"+`\u007f"}}`),
			"tsv": lines(`v\x1b[2J`, `\x1b]0;title\x07`, `\xc2\x9b31m`, `abc\xe2\x80\xaetxt.exe`, `ad\xe2\x80\x8bmin\xe2\x80\xa8`,
				`\x7f\x00\t`, `bad\xffutf8`, `\xf3\xa0\x81\x81`, `{"k":"\xe2\x80\xae\xff\x7f"}`),
			"markdown": lines(`| v\\x1b\[2J                |`, `| ------------------------- |`, `| \\x1b\]0;title\\x07       |`, `| \\u009b31m                |`,
				`| abc\\u202etxt.exe         |`, `| ad\\u200bmin\\u2028       |`, `| \\x7f\\x00\\t             |`, `| bad\\xffutf8              |`,
				`| \\U000e0041               |`, `| {"k":"\\u202e\\xff\\x7f"} |`),
			"list": lines(`-[ 1 ]------------------`, `v\x1b[2J  \x1b]0;title\x07`, `-[ 2 ]------------------`, `v\x1b[2J  \u009b31m`,
				`-[ 3 ]------------------`, `v\x1b[2J  abc\u202etxt.exe`, `-[ 4 ]------------------`, `v\x1b[2J  ad\u200bmin\u2028`,
				`-[ 5 ]------------------`, `v\x1b[2J  \x7f\x00\t`, `-[ 6 ]------------------`, `v\x1b[2J  bad\xffutf8`,
				`-[ 7 ]------------------`, `v\x1b[2J  \U000e0041`, `-[ 8 ]------------------`, `v\x1b[2J  {"k":"\u202e\xff\x7f"}`),
		}},
		{"other alphabets", []result{{columns: []string{"名前", "x"}, rows: [][]any{
			{"日本語", "a"}, {"Zoë", "b"}, {"e\u0301", "c"}, {"👩\u200d💻", "d"}, {"می\u200cخواهم", "e"},
		}}}, map[string]string{
			"table": lines("名前     x", "-------  -", "日本語   a", "Zoë      b", "e\u0301        c", "👩\u200d💻       d", "می\u200cخواهم  e"),
			"jsonl": lines(`{"名前":"日本語","x":"a"}`, `{"名前":"Zoë","x":"b"}`, `{"名前":"`+"e\u0301"+`","x":"c"}`,
				`{"名前":"`+"👩\u200d💻"+`","x":"d"}`, `{"名前":"`+"می\u200cخواهم"+`","x":"e"}`),
			"list": lines(`-[ 1 ]------------------`, "名前  日本語", "x     a", `-[ 2 ]------------------`, "名前  Zoë", "x     b", `-[ 3 ]------------------`, "名前  e\u0301", "x     c",
				`-[ 4 ]------------------`, "名前  👩\u200d💻", "x     d", `-[ 5 ]------------------`, "名前  می\u200cخواهم", "x     e"),
		}},
		{"numbers", []result{{columns: []string{"n"}, rows: [][]any{
			{0.0}, {math.Copysign(0, -1)}, {1e21}, {1e20}, {1e-7}, {0.1}, {math.Inf(1)}, {math.Inf(-1)}, {math.NaN()},
			{int64(math.MaxInt64)}, {int64(math.MinInt64)},
		}}}, map[string]string{
			"table": lines("                      n", strings.Repeat("-", 23), "                    0.0", "                   -0.0", "                  1e+21",
				"100000000000000000000.0", "                  1e-07", "                    0.1", "                   +Inf", "                   -Inf",
				"                    NaN", "    9223372036854775807", "   -9223372036854775808"),
			"jsonl": lines(`{"n":0.0}`, `{"n":-0.0}`, `{"n":1e+21}`, `{"n":100000000000000000000.0}`, `{"n":1e-07}`, `{"n":0.1}`,
				`{"n":null}`, `{"n":null}`, `{"n":null}`, `{"n":9223372036854775807}`, `{"n":-9223372036854775808}`),
			"csv": crlf("n", "0.0", "-0.0", "1e+21", "100000000000000000000.0", "1e-07", "0.1", "+Inf", "-Inf", "NaN",
				"9223372036854775807", "-9223372036854775808"),
		}},
		{"NULL and empty text in one column", []result{{columns: []string{"a"}, rows: [][]any{{nil}, {""}, {"NULL"}}}}, map[string]string{
			"table": lines("a", "----", "NULL", "", "NULL"),
			"jsonl": lines(`{"a":null}`, `{"a":""}`, `{"a":"NULL"}`),
			"csv":   crlf("a", `""`, `""`, "NULL"),
			"tsv":   lines("a", `\N`, "", "NULL"),
		}},
		{"the same name again", []result{{columns: []string{"a", "a", "a_2", "A", "a", "b\xff", "b\xfe"},
			rows: [][]any{{int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7)}}}}, map[string]string{
			"jsonl": lines(`{"a":1,"a_3":2,"a_2":3,"A":4,"a_4":5,"b` + "\ufffd" + `":6,"b` + "\ufffd" + `_2":7}`),
			"table": lines(`a  a  a_2  A  a  b\xff  b\xfe`, `-  -  ---  -  -  -----  -----`, `1  2    3  4  5      6      7`),
		}},
		{"nested JSON", []result{{columns: []string{"j", "k"}, rows: [][]any{
			{json.RawMessage("{\n  \"a\" : \"<&>\" ,\n \"b\":[ ]\n}"), json.RawMessage(nil)},
			{json.RawMessage(`12345678901234567890`), json.RawMessage(` "t" `)},
		}}}, map[string]string{
			"table": lines("j                     k", "--------------------  ----", `{"a":"<&>","b":[]}    null`, `12345678901234567890  "t"`),
			"jsonl": lines(`{"j":{"a":"<&>","b":[]},"k":null}`, `{"j":12345678901234567890,"k":"t"}`),
			"csv":   crlf("j,k", `"{""a"":""<&>"",""b"":[]}",null`, `12345678901234567890,"""t"""`),
		}},
	} {
		for name, want := range c.want {
			if got := write(t, name, format.Options{}, c.results...); got != want {
				t.Errorf("%s as %s\ngot\n%s\nwant\n%s\n(%q)", c.about, name, got, want, got)
			}
		}
	}
}

func TestNoHeader(t *testing.T) {
	r := result{columns: []string{"a long name", "n"}, rows: [][]any{{"x", int64(1)}}}
	for name, want := range map[string]string{
		"table": "x  1\n",
		"csv":   "x,1\r\n",
		"tsv":   "x\t1\n",
		"json":  "[\n" + `{"a long name":"x","n":1}` + "\n]\n",
	} {
		if got := write(t, name, format.Options{NoHeader: true}, r); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	for _, name := range format.Names() {
		if w, err := format.New(name, io.Discard, format.Options{}); err != nil || w == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := format.New("xml", io.Discard, format.Options{})
	if want := `format: "xml" is not a format; choose one of table, json, jsonl, csv, tsv, markdown, list`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// TestRejectedRows writes rows that can't be written between rows that can.
func TestRejectedRows(t *testing.T) {
	want := map[string]string{
		"table":    lines("a  b", "-  -", "x  1", "y  2"),
		"json":     lines("[", `{"a":"x","b":1},`, `{"a":"y","b":2}`, "]"),
		"jsonl":    lines(`{"a":"x","b":1}`, `{"a":"y","b":2}`),
		"csv":      crlf("a,b", "x,1", "y,2"),
		"tsv":      lines("a\tb", "x\t1", "y\t2"),
		"markdown": lines("| a   |   b |", "| --- | --: |", "| x   |   1 |", "| y   |   2 |"),
		"list":     lines("-[ 1 ]------------------", "a  x", "b  1", "-[ 2 ]------------------", "a  y", "b  2"),
	}
	for _, name := range format.Names() {
		var out strings.Builder
		w, _ := format.New(name, &out, format.Options{})
		check := func(err error, text string) {
			t.Helper()
			if want := "format: write " + name + ": " + text; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
		check(w.Row([]any{"x"}), "Row outside of Begin and End")
		check(w.End(true), "End without Begin")
		check(w.Begin(nil), "a result needs a column")
		if err := w.Begin([]string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		check(w.Begin([]string{"a"}), "Begin before the last result's End")
		check(w.Row([]any{"x", json.RawMessage(`{"a":`)}), `row 1, column "b": not valid JSON`)
		if err := w.Row([]any{"x", int64(1)}); err != nil {
			t.Fatal(err)
		}
		check(w.Row([]any{"x"}), "1 values for 2 columns")
		check(w.Row([]any{"x", 1}), `row 2, column "b": values of type int can't be written`)
		check(w.Row([]any{json.RawMessage{}, int64(1)}), `row 2, column "a": not valid JSON`)
		check(w.Row([]any{json.RawMessage("1 2"), int64(1)}), `row 2, column "a": not valid JSON`)
		if err := w.Row([]any{"y", int64(2)}); err != nil {
			t.Fatal(err)
		}
		if err := w.End(true); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want[name] {
			t.Errorf("%s: got %q\nwant %q", name, got, want[name])
		}
	}
}

// A clock stands still until it is told to go on.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// TestFlush looks at what has reached the io.Writer, and when.
func TestFlush(t *testing.T) {
	for _, name := range []string{"json", "jsonl", "csv", "tsv", "list"} {
		var out bytes.Buffer
		c := &clock{time.Unix(1e9, 0)}
		w, _ := format.New(name, &out, format.Options{Now: c.now})
		row := func() int {
			if err := w.Row([]any{"value"}); err != nil {
				t.Fatal(err)
			}
			return strings.Count(out.String(), "value")
		}
		w.Begin([]string{"a"})
		if n := row(); n != 1 {
			t.Errorf("%s: %d rows out after the first", name, n)
		}
		if row(); row() != 1 {
			t.Errorf("%s: rows that come at once are not held back", name)
		}
		c.t = c.t.Add(99 * time.Millisecond)
		if n := row(); n != 1 {
			t.Errorf("%s: %d rows out after 99 ms", name, n)
		}
		c.t = c.t.Add(time.Millisecond)
		if n := row(); n != 5 {
			t.Errorf("%s: %d rows out after 100 ms", name, n)
		}
		row()
		if err := w.Flush(); err != nil || strings.Count(out.String(), "value") != 6 {
			t.Errorf("%s: Flush: %v, out is %q", name, err, out.String())
		}
		most, before := 0, out.Len()
		for range 20000 {
			w.Row([]any{"value"})
			most, before = max(most, out.Len()-before), out.Len()
		}
		if most < 64<<10 || most > 65<<10 {
			t.Errorf("%s: up to %d bytes at once", name, most)
		}
	}
}

// TestTableHead looks at when a table stops to wait for more rows.
func TestTableHead(t *testing.T) {
	var out strings.Builder
	c := &clock{time.Unix(1e9, 0)}
	begin := func() format.Writer {
		out.Reset()
		w, _ := format.New("table", &out, format.Options{Now: c.now})
		if err := w.Begin([]string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := begin()
	for range 199 {
		w.Row([]any{"x", "y"})
	}
	if out.Len() != 0 {
		t.Errorf("after 199 rows: %q", out.String())
	}
	w.Row([]any{"wide", "y"})
	if got := strings.Count(out.String(), "\n"); got != 202 || !strings.HasPrefix(out.String(), "a     b\n----  -\nx     y\n") {
		t.Errorf("after 200 rows: %d lines, %.40q", got, out.String())
	}
	// Wider than the column: it pushes, and isn't cut.
	w.Row([]any{"wider than that", "y"})
	w.End(true)
	if !strings.HasSuffix(out.String(), "\nwide  y\nwider than that  y\n") {
		t.Errorf("the end is %q", out.String()[out.Len()-40:])
	}

	w = begin()
	w.Row([]any{"x", "y"})
	c.t = c.t.Add(999 * time.Millisecond)
	w.Row([]any{"x", "y"})
	if out.Len() != 0 {
		t.Errorf("before a second has passed: %q", out.String())
	}
	c.t = c.t.Add(time.Millisecond)
	w.Row([]any{"x", "y"})
	if got := strings.Count(out.String(), "\n"); got != 5 {
		t.Errorf("after a second: %d lines", got)
	}

	w = begin()
	if w.Flush(); out.Len() != 0 {
		t.Errorf("Flush before the first row: %q", out.String())
	}
	w.Row([]any{"x", "y"})
	w.Flush()
	if want := "a  b\n-  -\nx  y\n"; out.String() != want {
		t.Errorf("Flush: %q", out.String())
	}
	w.Row([]any{"x", "z"})
	w.End(false)
	if want := "a  b\n-  -\nx  y\nx  z\n"; out.String() != want {
		t.Errorf("End: %q", out.String())
	}
}

func TestTableWidth(t *testing.T) {
	r := result{columns: []string{"id", "profile", "logins", "a rather long name"}, rows: [][]any{
		{"00u1", strings.Repeat("p", 60), int64(1234567890123), "x"},
		{"00u2", "short", nil, "y"},
	}}
	for _, c := range []struct {
		width int
		want  string
		cuts  format.Cuts
	}{
		{0, lines(
			"id    profile                                                              logins  a rather long name",
			"----  ------------------------------------------------------------  -------------  ------------------",
			"00u1  pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp  1234567890123  x",
			"00u2  short                                                                  NULL  y"), format.Cuts{}},
		{60, lines(
			"id    profile                     logins  a rather long name",
			"----  -------------------  -------------  ------------------",
			"00u1  pppppppppppppppppp…  1234567890123  x",
			"00u2  short                         NULL  y"), format.Cuts{Cells: 1}},
		// What is left over goes to the first columns that are cut.
		{46, lines(
			"id    profile              logins  a rather l…",
			"----  ------------  -------------  -----------",
			"00u1  ppppppppppp…  1234567890123  x",
			"00u2  short                  NULL  y"), format.Cuts{Cells: 2}},
		{39, lines(
			"id    profile          logins  a rathe…",
			"----  --------  -------------  --------",
			"00u1  ppppppp…  1234567890123  x",
			"00u2  short              NULL  y"), format.Cuts{Cells: 2}},
		{38, lines(
			"id    profile                logins  …",
			"----  --------------  -------------  -",
			"00u1  ppppppppppppp…  1234567890123  …",
			"00u2  short                    NULL  …"), format.Cuts{Cells: 1, Columns: []string{"a rather long name"}}},
		{17, lines(
			"id    profile   …",
			"----  --------  -",
			"00u1  ppppppp…  …",
			"00u2  short     …"), format.Cuts{Cells: 1, Columns: []string{"logins", "a rather long name"}}},
		{1, lines("id    …", "----  -", "00u1  …", "00u2  …"), format.Cuts{Columns: []string{"profile", "logins", "a rather long name"}}},
	} {
		var cuts format.Cuts
		got := write(t, "table", format.Options{Width: c.width, Cuts: &cuts}, r)
		if got != c.want || !reflect.DeepEqual(cuts, c.cuts) {
			t.Errorf("width %d: got\n%s\nwant\n%s\ncut: %v, want %v", c.width, got, c.want, cuts, c.cuts)
		}
		for _, name := range []string{"markdown", "list", "tsv"} {
			if got, want := write(t, name, format.Options{Width: c.width}, r), write(t, name, format.Options{}, r); got != want {
				t.Errorf("%s is another one at width %d: %s", name, c.width, got)
			}
		}
	}
}

// TestCutCharacters cuts what is more than a byte, and wider than a column of the terminal.
func TestCutCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"0123456789":              "0123456…",
		"日本語日本語":                  "日本語…", // seven columns: the next one would make nine
		"x日本語日本語":                 "x日本語…",
		"e\u0301123456789":        "e\u0301123456…",
		"👩\u200d💻👩\u200d💻abcdefg": "👩\u200d💻👩\u200d💻abc…",
		"שלום שלום שלום":          "שלום של…",
		"abcdef\x1b[2J":           `abcdef\…`,
	} {
		got := write(t, "table", format.Options{Width: 8}, result{columns: []string{"a"}, rows: [][]any{{in}}})
		if got != lines("a", "--------", want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestLateWideRow: what is wider than the first 200 rows made its column takes the room that is left,
// and no more.
func TestLateWideRow(t *testing.T) {
	r := result{columns: []string{"a", "n", "b"}}
	for range 200 {
		r.rows = append(r.rows, []any{"x", int64(1), "y"})
	}
	r.rows = append(r.rows, []any{"0123456789abcdef", int64(1), "y"}, []any{"x", int64(12345678), "0123456789abcdef"}, []any{"x", int64(12345678901234567), "yy"})
	for width, want := range map[int]string{
		0:  lines("0123456789abcdef  1  y", "x  12345678  0123456789abcdef", "x  12345678901234567  yy"),
		18: lines("0123456789a…  1  y", "x  12345678  0123…", "x  12345678901234567  …"),
	} {
		var cuts format.Cuts
		got := write(t, "table", format.Options{Width: width, Cuts: &cuts}, r)
		if !strings.HasSuffix(got, "\nx  1  y\n"+want) {
			t.Errorf("width %d: got %q\nwant %q", width, got[len(got)-80:], want)
		}
		if n := int64(strings.Count(want, "…")); cuts.Cells != n {
			t.Errorf("width %d: %d cells were counted as cut, want %d", width, cuts.Cells, n)
		}
	}
}

// TestVertical gives single results of a table as a list.
func TestVertical(t *testing.T) {
	for name, want := range map[string]string{
		"table": lines("-[ 1 ]------------------", "id      x", "status  y", "", "id  status", "--  ------", "x   y", "", "-[ 1 ]------------------", "id      x", "status  y"),
		"csv":   crlf("id,status", "x,y", "", "id,status", "x,y", "", "id,status", "x,y"),
		"list": lines("-[ 1 ]------------------", "id      x", "status  y", "", "-[ 1 ]------------------", "id      x", "status  y", "",
			"-[ 1 ]------------------", "id      x", "status  y"),
	} {
		var out strings.Builder
		w, _ := format.New(name, &out, format.Options{})
		for i := range 3 {
			if i != 1 {
				format.Vertical(w)
			}
			if err := errors.Join(w.Begin([]string{"id", "status"}), w.Row([]any{"x", "y"}), w.Flush(), w.End(true)); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, out.String(), want)
		}
	}
}

// TestGuard looks at what a spreadsheet would take for a formula.
func TestGuard(t *testing.T) {
	for in, want := range map[any]string{
		"=1+1": "'=1+1", "+1 555": "'+1 555", "-": "'-", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n": "'\n", "\x00x": "'\x00x",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", " =1": "' =1", "\u00a0=1": "'\u00a0=1", "\ufeff=1": "'\ufeff=1", "-5": "'-5",
		`=HYPERLINK("http://x","y")`: `'=HYPERLINK("http://x","y")`,
		"":                           "", "a=1": "a=1", "'=1": "'=1", " ": " ", "1-2": "1-2", "\xff=": "\xff=", "é=1": "é=1",
		int64(-5): "-5", -1.5: "-1.5", math.Inf(-1): "'-Inf", math.Inf(1): "'+Inf",
	} {
		for _, name := range []string{"csv", "tsv"} {
			heading := fmt.Sprint(in)
			got := write(t, name, format.Options{Guard: true}, result{columns: []string{heading}, rows: [][]any{{in}}})
			plain := write(t, name, format.Options{}, result{columns: []string{heading}, rows: [][]any{{in}}})
			guardedHeading := want
			switch in.(type) {
			case string:
			default:
				guardedHeading = "'" + strings.TrimPrefix(want, "'")
			}
			if want := write(t, name, format.Options{}, result{columns: []string{guardedHeading}, rows: [][]any{{want}}}); got != want {
				t.Errorf("%s of %q: got %q, want %q", name, in, got, want)
			}
			if strings.Contains(plain, "'=") != strings.HasPrefix(heading, "'") {
				t.Errorf("%s of %q is guarded without Guard: %q", name, in, plain)
			}
		}
	}
	r := result{columns: []string{"a", "b", "c", "d"}, rows: [][]any{{json.RawMessage("-5"), json.RawMessage(`"=1"`), []byte{0xf8}, nil}}}
	if got, want := write(t, "csv", format.Options{Guard: true}, r), crlf("a,b,c,d", `-5,"""=1""",'+A==,`); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTerminal: csv can't drive the terminal that it is shown on.
func TestTerminal(t *testing.T) {
	r := result{columns: []string{"a\x1b"}, rows: [][]any{{"\x1b[2J"}, {"two\nlines"}, {"\u202e\xff"}, {"日本, Zoë"}}}
	if got, want := write(t, "csv", format.Options{Terminal: true}, r), crlf(`a\x1b`, `\x1b[2J`, `two\nlines`, `\u202e\xff`, `"日本, Zoë"`); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A pipe takes some writes and then breaks.
type pipe struct {
	writes int
	err    error
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.writes--; p.writes < 0 {
		return len(b) / 2, p.err
	}
	return len(b), nil
}

func TestWriteErrors(t *testing.T) {
	for _, name := range format.Names() {
		for _, broken := range []error{syscall.EPIPE, nil} {
			c := &clock{time.Unix(1e9, 0)}
			w, _ := format.New(name, &pipe{writes: 1, err: broken}, format.Options{Now: c.now})
			want := broken
			if want == nil {
				want = io.ErrShortWrite
			}
			w.Begin([]string{"a"})
			w.Row([]any{"x"})
			if err := w.Flush(); err != nil {
				t.Fatalf("%s: the first write: %v", name, err)
			}
			c.t = c.t.Add(time.Second)
			err := w.Row([]any{"x"})
			if !errors.Is(err, want) || err.Error() != fmt.Sprintf("format: write %s: %v", name, want) {
				t.Errorf("%s: Row: %v, want %v", name, err, want)
			}
			if err := w.Row([]any{"x"}); !errors.Is(err, want) {
				t.Errorf("%s: the next Row: %v", name, err)
			}
			if err := w.Flush(); !errors.Is(err, want) {
				t.Errorf("%s: Flush: %v", name, err)
			}
			if err := w.End(true); !errors.Is(err, want) {
				t.Errorf("%s: End: %v", name, err)
			}
			if err := w.Begin([]string{"a"}); !errors.Is(err, want) {
				t.Errorf("%s: Begin: %v", name, err)
			}
		}
	}
}

// TestReuse changes the values after Row has returned, as a caller does who uses them again.
func TestReuse(t *testing.T) {
	for _, name := range format.Names() {
		var out strings.Builder
		w, _ := format.New(name, &out, format.Options{})
		columns := []string{"a", "b"}
		w.Begin(columns)
		columns[0] = "changed"
		raw := json.RawMessage(`"abc"`)
		row := []any{raw, "x"}
		w.Row(row)
		copy(raw, `"zzz"`)
		row[1] = "changed"
		w.End(true)
		if got := out.String(); !strings.Contains(got, "abc") || strings.Contains(got, "zzz") || strings.Contains(got, "changed") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNoAllocationPerRow(t *testing.T) {
	for _, name := range []string{"json", "jsonl", "csv", "tsv", "list"} {
		w, _ := format.New(name, io.Discard, format.Options{})
		w.Begin([]string{"id", "status"})
		row := []any{"00uq7ab2LkTzW4eXy5d7", `a "quoted" one`}
		for range 5000 {
			w.Row(row)
		}
		if n := testing.AllocsPerRun(1000, func() { w.Row(row) }); n > 0 {
			t.Errorf("%s: %v allocations per row", name, n)
		}
	}
}

func BenchmarkMillionRows(b *testing.B) {
	for _, name := range format.Names() {
		b.Run(name, func(b *testing.B) {
			row := []any{"00uq7ab2LkTzW4eXy5d7", "PASSWORD_EXPIRED"}
			for b.Loop() {
				w, _ := format.New(name, io.Discard, format.Options{})
				w.Begin([]string{"id", "status"})
				for range 1_000_000 {
					w.Row(row)
				}
				w.End(true)
			}
		})
	}
}

func BenchmarkNestedJSON(b *testing.B) {
	raw := json.RawMessage(`{"id":"` + strings.Repeat("x", 900) + `","a":[1,2,3],"b":{"c":null}}`)
	for _, name := range []string{"jsonl", "csv"} {
		b.Run(name, func(b *testing.B) {
			w, _ := format.New(name, io.Discard, format.Options{})
			w.Begin([]string{"profile"})
			row := []any{raw}
			for b.Loop() {
				w.Row(row)
			}
		})
	}
}
