package format_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/whoql/whoql/format"
)

var widthOf = runewidth.Condition{StrictEmojiNeutral: true}

// decode reads all JSON values of text, with numbers as they are written.
func decode(text string) ([]any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var all []any
	for {
		var v any
		switch err := d.Decode(&v); err {
		case nil:
			all = append(all, v)
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}

// throughJSON returns what encoding/json makes of a string.
func throughJSON(t *testing.T, s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzJSON reads json and jsonl back and compares.
func FuzzJSON(f *testing.F) {
	f.Add("a", "b", "text\u202e\u2028\x00\xff\U000e0041", int64(math.MinInt64), 1.5, true, []byte("blob"), []byte(`{"a":["\u0000\ud800<",1e999]}`))
	f.Add("a", "a", "", int64(0), math.Inf(1), false, []byte{}, []byte(" [ ] "))
	f.Add("a_2", "a", "\ufffd", int64(1)<<60, 1e21, false, []byte{0xff}, []byte("\"\xff\u202e\x7f\""))
	f.Add("\xff", "\xfe", "'", int64(-1), 5e-324, false, []byte{}, []byte(`{"a":1}}`))
	f.Fuzz(func(t *testing.T, name1, name2, s string, i int64, r float64, b bool, blob, raw []byte) {
		columns := []string{name1, name2, name1, "r", "b", "blob", "raw"}
		row := []any{s, i, nil, r, b, blob, json.RawMessage(raw)}
		valid := json.Valid(raw)
		for _, name := range []string{"json", "jsonl"} {
			var out strings.Builder
			w, err := format.New(name, &out, format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Begin(columns); err != nil {
				t.Fatal(err)
			}
			if err := w.Row(row); (err == nil) != valid {
				t.Fatalf("Row: %v, and the JSON is valid: %v", err, valid)
			}
			if err := w.Row([]any{s, i, nil, r, b, blob, nil}); err != nil {
				t.Fatal(err)
			}
			if err := w.End(true); err != nil {
				t.Fatal(err)
			}
			checkPrintable(t, out.String())
			values, err := decode(out.String())
			if err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			if name == "json" {
				values = values[0].([]any)
			}
			if wantRows := map[bool]int{true: 2, false: 1}[valid]; len(values) != wantRows {
				t.Fatalf("%d rows, want %d: %q", len(values), wantRows, out.String())
			}
			for n, v := range values {
				object := v.(map[string]any)
				if len(object) != len(columns) {
					t.Fatalf("%d keys for %d columns: %q", len(object), len(columns), out.String())
				}
				checkObject(t, object, keys(t, out.String(), name == "json"), s, i, r, b, blob)
				if n == 0 && valid {
					want, err := decode(string(raw))
					if err != nil {
						t.Fatal(err)
					}
					if got := object[lastKey(t, out.String(), name == "json")]; !reflect.DeepEqual(got, want[0]) {
						t.Errorf("raw: got %#v, want %#v", got, want[0])
					}
				}
			}
		}
	})
}

// keys returns the keys of the first object in order.
func keys(t *testing.T, text string, array bool) []string {
	d := json.NewDecoder(strings.NewReader(text))
	next := func() json.Token {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if next(); array {
		next()
	}
	var all []string
	for d.More() {
		all = append(all, next().(string))
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func lastKey(t *testing.T, text string, array bool) string {
	all := keys(t, text, array)
	return all[len(all)-1]
}

func checkObject(t *testing.T, object map[string]any, keys []string, s string, i int64, r float64, b bool, blob []byte) {
	t.Helper()
	var real any
	if !math.IsInf(r, 0) && !math.IsNaN(r) {
		real = r
	}
	for n, want := range []any{throughJSON(t, s), i, nil, real, b, base64.StdEncoding.EncodeToString(blob)} {
		got := object[keys[n]]
		switch want.(type) {
		case int64:
			if got != json.Number(fmt.Sprint(want)) {
				t.Errorf("column %d: got %v, want %v", n, got, want)
			}
			continue
		case float64:
			f, err := got.(json.Number).Float64()
			if err != nil || math.Float64bits(f) != math.Float64bits(want.(float64)) {
				t.Errorf("column %d: got %v, want %v", n, got, want)
			}
			continue
		}
		if got != want {
			t.Errorf("column %d: got %#v, want %#v", n, got, want)
		}
	}
}

// checkPrintable fails if text has a character that drives a terminal or is not to be seen on it.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		bad := unicode.IsControl(r) && r != '\n' || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
		if bad || r == '\u200b' || r == '\ufeff' || r >= 0xe0000 && r <= 0xe0fff && unicode.Is(unicode.Cf, r) {
			t.Errorf("%q in %q", r, text)
		}
	}
}

// FuzzCSV reads csv back with encoding/csv, which turns CR LF inside of a value into LF.
func FuzzCSV(f *testing.F) {
	f.Add("name", "text", "more", true)
	f.Add("", "", "", false)
	f.Add(`"`, "a,b", "a\r\nb\r", true)
	f.Add("\ufeff", "\"\"\"", "\r", false)
	f.Add("\xff", " x ", "\n\n", false)
	f.Fuzz(func(t *testing.T, name, a, b string, null bool) {
		row := []any{a, b}
		if null {
			row[1] = nil
			b = ""
		}
		for _, n := range []int{1, 2} {
			columns := []string{name, "x"}[:n]
			records := [][]string{columns, []string{a, b}[:n], []string{b, a}[:n]}
			var out bytes.Buffer
			w, err := format.New("csv", &out, format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Begin(columns); err != nil {
				t.Fatal(err)
			}
			for _, values := range [][]any{row[:n], []any{row[1], row[0]}[:n]} {
				if err := w.Row(values); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.End(true); err != nil {
				t.Fatal(err)
			}
			// An unquoted empty value is NULL, a quoted one empty text.
			if isNull := bytes.HasSuffix(out.Bytes(), []byte("\r\n,"+quoted(a)+"\r\n")); n == 2 && isNull != null {
				t.Errorf("NULL is %v: %q", null, out.String())
			}
			got, err := csv.NewReader(&out).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for i, record := range records {
				for j := range record {
					records[i][j] = strings.ReplaceAll(record[j], "\r\n", "\n")
				}
			}
			if !reflect.DeepEqual(got, records) {
				t.Errorf("got %q, want %q", got, records)
			}
		}
	})
}

// quoted is a slow and obvious csv value.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, ",\"\r\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// FuzzTSV reads tsv back.
func FuzzTSV(f *testing.F) {
	f.Add("name", "text", "more", true)
	f.Add("", "", "", false)
	f.Add("\\", "a\tb\\tc", "\\N", true)
	f.Add("\u202e", "\x00\x1b\u009b", "\r\n", false)
	f.Add("\xff", "\\xff", "é\xe2\x80", false)
	f.Fuzz(func(t *testing.T, name, a, b string, null bool) {
		row := []any{a, b}
		if null {
			row[1] = nil
		}
		var out strings.Builder
		w, err := format.New("tsv", &out, format.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Begin([]string{name, "x"}), w.Row(row), w.Row([]any{row[1], a}), w.End(true)); err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, strings.ReplaceAll(out.String(), "\t", ""))
		var got [][]any
		for line := range strings.Lines(out.String()) {
			var record []any
			for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
				record = append(record, fromTSV(t, field))
			}
			got = append(got, record)
		}
		if want := [][]any{{name, "x"}, row, {row[1], a}}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// fromTSV reads a field as PostgreSQL's COPY does.
func fromTSV(t *testing.T, field string) any {
	if field == `\N` {
		return nil
	}
	var out []byte
	for i := 0; i < len(field); i++ {
		if field[i] != '\\' {
			out = append(out, field[i])
			continue
		}
		i++
		switch field[i] {
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case '\\':
			out = append(out, '\\')
		case 'x':
			c, err := strconv.ParseUint(field[i+1:i+3], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, byte(c))
			i += 2
		default:
			t.Fatalf("an unknown escape in %q", field)
		}
	}
	return string(out)
}

// FuzzGuard: no text that csv or tsv write with Guard begins like a formula, and what was put before
// it is all that has changed.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"=1", " =1", "\t", "\r\n=1", "＝", "'=", "a", "", "\u200b=1", "\xff=", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, name := range []string{"csv", "tsv"} {
			var guarded string
			for _, text := range []string{s, "'" + s} {
				var out strings.Builder
				w, err := format.New(name, &out, format.Options{Guard: true})
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(w.Begin([]string{"a"}), w.Row([]any{text}), w.End(true)); err != nil {
					t.Fatal(err)
				}
				if text == s {
					guarded = out.String()
					continue
				}
				first := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
				dangerous := s != "" && (strings.ContainsAny(s[:1], "\t\r\n\x00") || strings.HasPrefix(first, "=") || strings.HasPrefix(first, "+") ||
					strings.HasPrefix(first, "-") || strings.HasPrefix(first, "@") || strings.ContainsAny(first[:min(3, len(first))], "＝＋－＠"))
				if dangerous && guarded != out.String() {
					t.Errorf("%s: %q is written as %q", name, s, guarded)
				}
			}
		}
	})
}

// FuzzShown looks in list and markdown for what could drive a terminal or break a line, and for lost rows.
func FuzzShown(f *testing.F) {
	f.Add("name", "text|<b>")
	f.Add("\x1b[2J", "\u202e\u2066\ufeff\u00ad\r\n\r")
	f.Add("|", "\\|")
	f.Add("\xff", "\\")
	f.Fuzz(func(t *testing.T, name, s string) {
		for _, c := range []struct {
			format string
			lines  int
		}{{"markdown", 4}, {"list", 6}} {
			var out strings.Builder
			w, err := format.New(c.format, &out, format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Begin([]string{name, "n"}), w.Row([]any{s, nil}), w.Row([]any{int64(1), s}), w.End(true)); err != nil {
				t.Fatal(err)
			}
			checkPrintable(t, out.String())
			if got := strings.Count(out.String(), "\n"); got != c.lines {
				t.Errorf("%s: %d lines, want %d: %q", c.format, got, c.lines, out.String())
			}
			if c.format != "markdown" {
				continue
			}
			for line := range strings.Lines(out.String()) {
				pipes := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
				if pipes != 3 || strings.Contains(strings.ReplaceAll(line, "<br>", ""), "<") {
					t.Errorf("a broken line: %q", line)
				}
			}
		}
	})
}

// FuzzTable looks for anything that could drive a terminal, and for lost rows.
func FuzzTable(f *testing.F) {
	f.Add("name", "text", []byte(`{"a":"b"}`), 80)
	f.Add("\x1b[2J", "\u202e\u2066\u200f\ufeff\u00ad", []byte("\"\u202e\x7f\""), 0)
	f.Add("\n", "a\r\nb\tc\x00\x7f\u0085\u009b", []byte(`1`), 1)
	f.Add("\xff\xfe", "👩\u200d💻日本語e\u0301", []byte("\"\xff\""), -5)
	f.Fuzz(func(t *testing.T, name, s string, raw []byte, width int) {
		var out strings.Builder
		w, err := format.New("table", &out, format.Options{Width: width})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Begin([]string{name, "n", "raw"}); err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, row := range [][]any{{s, int64(1), nil}, {nil, 1.5, json.RawMessage(raw)}, {[]byte(s), s, s}} {
			if err := w.Row(row); err == nil {
				rows++
			} else if json.Valid(raw) {
				t.Fatal(err)
			}
		}
		if err := w.End(true); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		checkPrintable(t, text)
		if got := strings.Count(text, "\n"); got != 2+rows {
			t.Errorf("%d lines for %d rows: %q", got, rows, text)
		}
		printable := strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
		for line := range strings.Lines(text) {
			// Three numbers of up to 3 columns, the least of a text, and the gaps, can't be helped.
			if got := widthOf.StringWidth(strings.TrimSuffix(line, "\n")); width >= 30 && got > width {
				t.Errorf("a line of %d at width %d: %q", got, width, line)
			}
		}
		if printable && width <= 0 && !strings.Contains(text, s) {
			t.Errorf("%q is not in %q", s, text)
		}
	})
}
