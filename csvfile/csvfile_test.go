package csvfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the columns, the records and the first error, each as text.
func read(path string, o Options) string {
	o.Label = "f.csv"
	f, err := Open(path, o)
	if err != nil {
		return "error " + err.Error()
	}
	out := []string{strings.Join(f.Columns(), "/")}
	r, err := f.Scan()
	if err != nil {
		return "error " + err.Error()
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if err == io.EOF {
			return strings.Join(out, " ")
		}
		if err != nil {
			return strings.Join(append(out, "error "+err.Error()), " ")
		}
		out = append(out, strings.Join(record, "/"))
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		options    Options
		want       string
	}{
		{"plain", "a,b\n1,2\n3,4\n", Options{}, "a/b 1/2 3/4"},
		{"no line end at the end", "a,b\n1,2", Options{}, "a/b 1/2"},
		{"CR LF", "a,b\r\n1,2\r\n", Options{}, "a/b 1/2"},
		{"byte order mark", "\ufeffa,b\n1,2\n", Options{}, "a/b 1/2"},
		{"byte order mark and quotes", "\ufeff\"a\",b\n1,2\n", Options{}, "a/b 1/2"},
		{"semicolon", "a;b\n1,5;2\n", Options{}, "a/b 1,5/2"},
		{"tab", "a\tb\n1, 2\t3\n", Options{}, "a/b 1, 2/3"},
		{"pipe", "a|b|c\n1|2|3\n", Options{}, "a/b/c 1/2/3"},
		{"one column", "a\n1\n2\n", Options{}, "a 1 2"},
		{"guess by the records, not by the header", "a,x;b,y\n1;2\n3;4\n", Options{}, "a,x/b,y 1/2 3/4"},
		{"guess past a delimiter in quotes", "a,b\n\"x;y;z\",2\n", Options{}, "a/b x;y;z/2"},
		{"delimiter given", "a,x;b,y\n1;2\n", Options{Delimiter: ','}, "a/x;b/y error f.csv:2: 1 field here, 3 fields in the header"},
		{"sep line", "sep=;\r\na;b\r\n1,2;3\r\n", Options{}, "a/b 1,2/3"},
		{"sep line counts", "sep=;\na;b\n1\n", Options{}, "a/b error f.csv:3: 1 field here, 2 fields in the header"},
		{"quotes, line ends and quotes in quotes", "a,b\n\"x\ny\",\"z\"\"w\"\n", Options{}, "a/b x\ny/z\"w"},
		{"empty fields", "a,b\n,\n\"\",x\n", Options{}, "a/b / /x"},
		{"empty lines are no records", "a,b\n\n1,2\n\n", Options{}, "a/b 1/2"},
		{"white space stays in fields", "a , b\n 1 ,2 \n", Options{}, "a/b  1 /2 "},
		{"names", " Mail ,,mail,mail_2,\n1,2,3,4,5\n", Options{}, "Mail/column_2/mail_3/mail_2/column_5 1/2/3/4/5"},
		{"no header", "1,2\n3,4\n", Options{NoHeader: true}, "column_1/column_2 1/2 3/4"},
		{"header alone", "a,b\n", Options{}, "a/b"},
		{"leading zeros", "a\n007\n", Options{}, "a 007"},

		{"empty", "", Options{}, "error f.csv: the file is empty: it needs a line with the columns' names"},
		{"empty without header", "", Options{NoHeader: true}, "error f.csv: the file is empty"},
		{"too few", "a,b\n1,2\n3\n", Options{}, "a/b 1/2 error f.csv:3: 1 field here, 2 fields in the header"},
		{"too many", "a,b\n1,2\n\n3,4,5\n", Options{}, "a/b 1/2 error f.csv:4: 3 fields here, 2 fields in the header"},
		{"no header, too many", "1,2\n3,4,5\n", Options{NoHeader: true}, "column_1/column_2 1/2 error f.csv:2: 3 fields here, 2 fields in the first record"},
		{"a quote in a bare field", "a,b\n5\" pipe,2\n", Options{}, "a/b error f.csv:2: a double quote inside of a field that does not begin with one"},
		{"behind a quote", "a,b\n\"x\"y,2\n", Options{}, "a/b error f.csv:2: a field in double quotes that does not end, or goes on behind them"},
		{"a quote not closed", "a,b\n1,2\n\"x,2\n3,4\n", Options{}, "a/b 1/2 error f.csv:3: a field in double quotes that does not end, or goes on behind them"},
		{"Latin-1", "a,b\n1,M\xfcller\n", Options{}, "a/b error f.csv:2: not UTF-8"},
		{"Latin-1 header", "a,\xfc\n1,2\n", Options{}, "error f.csv:1: not UTF-8"},
		{"UTF-16", "\xff\xfea\x00,\x00b\x00", Options{}, "error f.csv: the file is in UTF-16, not in UTF-8"},
		{"UTF-16 without a mark", "a\x00,\x00b\x00\n\x00", Options{}, "error f.csv:1: a NUL byte"},
		{"a spreadsheet", "PK\x03\x04…", Options{}, "error f.csv: this is a spreadsheet or an archive, not a CSV file"},
		{"carriage returns alone", "a,b\r1,2\r", Options{}, "error f.csv: the lines end in a carriage return alone"},
		{"a quote as delimiter", "a\n", Options{Delimiter: '"'}, "error f.csv: the delimiter can't be '\"'"},
		{"columns", strings.Repeat(",", MaxColumns) + "\n", Options{}, "error f.csv:1: 2001 columns, more than the 2000 that are possible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := read(write(t, c.text), c.options); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	if got := read(filepath.Join(dir, "none.csv"), Options{}); !strings.HasPrefix(got, "error f.csv: ") || strings.Contains(got, dir) {
		t.Error(got)
	}
	if _, err := Open(filepath.Join(dir, "none.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
	if got := read(dir, Options{}); got != "error f.csv: not a regular file" {
		t.Error(got)
	}
}

// TestLongRecord: a quote that is never closed must not read the whole file into memory.
func TestLongRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 40 MB")
	}
	path := write(t, "a,b\n1,2\n\""+strings.Repeat("x,y\n", MaxRecord/4+readSize))
	if got := read(path, Options{}); got != "a/b 1/2 error f.csv:3: a record of more than 16 MiB" {
		t.Error(got[:min(len(got), 200)])
	}
	long := strings.Repeat("x", MaxRecord/2)
	path = write(t, "a,b\n"+long+",2\n"+long+",3\n"+long+",4\n")
	if got := read(path, Options{}); got != "a/b "+long+"/2 "+long+"/3 "+long+"/4" {
		t.Error("long records, each below the limit, are not read")
	}
}

func TestChanged(t *testing.T) {
	path := write(t, "a,b\n1,2\n3,4\n")
	f, err := Open(path, Options{Label: "f.csv"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Scan()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("a,b\n1,2\n3,5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	const want = "f.csv: the file has changed while the query ran"
	if err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := f.Scan(); err == nil || err.Error() != want {
		t.Errorf("a new scan: got %v, want %s", err, want)
	}
}

func TestRecords(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,login\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "%06d,user%06d@acme.example\n", i, i)
	}
	f, err := Open(write(t, b.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Records(); n < 9_000 || n > 11_000 {
		t.Errorf("%d records guessed, there are 10,000", n)
	}
}

// FuzzRead: whatever the bytes, reading ends, at the end or with an Error; each record has as many
// fields as there are columns; the columns' names are unique.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "sep=;\na;b\n", "\ufeffa\tb\r\n\"x\n\",y", "a|a|\n1|2|3", "\"\n", "a,b\n\xff,\x00", "\xff\xfe"} {
		f.Add([]byte(s), byte(0), false)
		f.Add([]byte(s), byte(';'), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, delimiter byte, noHeader bool) {
		path := write(t, string(text))
		file, err := Open(path, Options{Delimiter: rune(delimiter), NoHeader: noHeader})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is a %T", err, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, c := range file.Columns() {
			if c == "" || seen[strings.ToLower(c)] {
				t.Fatalf("columns %q", file.Columns())
			}
			seen[strings.ToLower(c)] = true
		}
		r, err := file.Scan()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			record, err := r.Next()
			if err != nil {
				var e *Error
				if err != io.EOF && !errors.As(err, &e) {
					t.Fatalf("%v is a %T", err, err)
				}
				return
			}
			if len(record) != len(seen) {
				t.Fatalf("%d fields, %d columns", len(record), len(seen))
			}
		}
	})
}
