// Package format writes results as text: table and list for people, markdown for documents, json, jsonl,
// csv and tsv for programs.
//
// [New] returns the [Writer] of a format. Writers stream: they hold back a few rows at most, and
// memory doesn't grow with the result. A Writer must not be used concurrently. The package knows
// neither terminals nor files, and writes no footer: how many rows there were, and whether they are
// all, is for the command to say.
//
// # What all formats share
//
//   - Values are nil (SQL's NULL), int64, float64, string, []byte, bool and [json.RawMessage]; any
//     other type is an error. Nothing is kept of a value after Row has returned.
//   - A float64 always has a point or an exponent (1.0), so that it stays a real number.
//   - A []byte is written in base64.
//   - A json.RawMessage may come from outside: it has to be valid JSON, or Row returns an error. It
//     is written without the white space between its parts; a nil one is null.
//   - What was written goes to the io.Writer when 64 KiB are waiting, after the first row of a
//     result, and with every row that comes 100 ms or more after the last time. Whoever has to wait
//     for the next row calls Flush before.
//   - An error of the io.Writer comes back wrapped, so that errors.Is finds it, then and from all
//     later calls.
//
// # table
//
// A header, a line under it, and the rows in columns. The widths are those of the first 200 rows, or
// of the rows of the first second if they come slowly. Numbers are right-aligned. An empty line
// stands between two results.
//
// Without Options.Width no value is ever cut: a later value that is wider than its column pushes the
// rest of its line to the right. With it, no line becomes longer, as far as that can be helped: the
// widest columns are made narrower, all to the same width and none below 8 columns of the terminal,
// and what doesn't fit is cut, with … as its last character. If even that is too wide, the last
// columns are left out, and a column … stands for them. Numbers are never cut, since a cut one would
// be another one. Options.Cuts counts what was cut.
//
// NULL is shown as NULL, empty text as nothing. Values come from outside, and must not be able to
// drive the terminal or to hide: control characters are shown as \n, \t or \x1b, bidirectional
// overrides and other invisible characters as \u202e, bytes that aren't UTF-8 as \xff. That can't be
// undone (a backslash stays one), nor can NULL be told from text that says NULL: programs read json,
// csv or tsv. Right-to-left text is written in its logical order; the terminal arranges it.
//
// # list
//
// One row below the other, and each column on a line of its own: its name, and its value as in a
// table, never cut. A line with the row's number stands before each row. [Vertical] makes a single
// result of a table a list.
//
// # markdown
//
// A table in GitHub's flavour of Markdown, padded like a table, never cut. What Markdown or HTML would
// take for markup has a backslash or is an entity: | is \|, < is &lt;. A line end is <br>. All else is as in a table.
//
// # json and jsonl
//
// json is an array of objects, one to a line; an empty result is []. Of several results each is an
// array. A result that broke off lacks the closing bracket, so that no parser takes it for whole.
// jsonl is one object a line, with nothing around: that one broke off, only the command can say.
//
// A column's name is the key. Where a name comes again, the later ones become name_2, name_3 and so
// on, and never a name that another column has. Integers are exact, whatever their size. JSON has no
// infinity: infinite numbers become null, as in JavaScript. Bytes that aren't UTF-8 become U+FFFD.
// Nothing is escaped for HTML; characters that table shows as escapes are JSON escapes.
//
// # csv
//
// Comma-separated values as in RFC 4180, with a header: lines end in CR LF, and a value that holds a
// comma, a quote, CR or LF is quoted. NULL is nothing at all and empty text is "", so that a reader
// who looks can tell them apart. Only in a result of one column NULL is "", too: many readers skip
// an empty line, and a row must not get lost. Nested JSON is its text, infinite numbers are +Inf and
// -Inf. An empty line stands between two results.
//
// Text is written as it is: a value such as =1+1 is a formula to a spreadsheet, unless Options.Guard is
// set. With Options.Terminal, control characters and invisible ones are shown as in a table.
//
// # tsv
//
// Tab-separated values with a header, a row a line, in the text form that PostgreSQL's COPY and MySQL's
// LOAD DATA read: a tab is \t, a line feed \n, a carriage return \r, a backslash \\ and NULL \N. Other
// control characters, invisible ones and bytes that aren't UTF-8 are \x1b and the like, one for each of
// their bytes; MySQL doesn't know those. An empty line stands between two results.
package format

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Writer writes results to the io.Writer that New was given. For each result Begin is called,
// then Row for each row, then End. Several results can follow each other.
type Writer interface {
	// Begin begins a result with these columns, at least one. Names may occur twice.
	Begin(columns []string) error
	// Row writes a row, with a value for each column. A row with a value that can't be written is
	// left out, and the result can go on.
	Row(values []any) error
	// End ends the result and flushes. complete is false if the result broke off: what came is
	// written, and where a format has a sign of completeness (json's closing bracket) it is left out.
	End(complete bool) error
	// Flush gives all rows that Row got to the io.Writer. A table fixes its columns' widths then.
	Flush() error
}

// Options are the choices a format leaves. The zero value is a good one for all formats.
type Options struct {
	// Width is the terminal's width in columns, which table keeps to. 0 is no limit.
	Width int
	// Terminal says that people look at the output: csv then shows what would drive the terminal
	// as table does, instead of writing it as it is. The default is false.
	Terminal bool
	// NoHeader leaves out the columns' names in table, csv and tsv. Otherwise they are written,
	// also over no rows.
	NoHeader bool
	// Guard puts a ' before each text and name in csv and tsv that a spreadsheet would take for a
	// formula, as OWASP advises: those that begin with = + - @, their full-width forms, a tab, CR,
	// LF or NUL, also behind white space. Numbers stay as they are. The default is false.
	Guard bool
	// Cuts, if not nil, is where table counts what it cuts to keep to Width.
	Cuts *Cuts
	// Now is the clock by which rows are flushed. nil is time.Now.
	Now func() time.Time
}

// Cuts is what a table left out to keep to the terminal's width.
type Cuts struct {
	Cells   int64    // cells and names that were cut, marked by …
	Columns []string // names of the columns that were left out, of all results
}

var formats = []struct {
	name string
	new  func(*sink, Options) Writer
}{
	{"table", newTable},
	{"json", newJSON},
	{"jsonl", newJSONL},
	{"csv", newCSV},
	{"tsv", newTSV},
	{"markdown", newMarkdown},
	{"list", newList},
}

// Names returns the names of all formats, the one for people first.
func Names() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// New returns the writer of the format of this name, which writes to w. The error of an unknown name
// lists the known ones.
func New(name string, w io.Writer, o Options) (Writer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, f := range formats {
		if f.name == name {
			return f.new(&sink{w: w, now: o.Now, format: name}, o), nil
		}
	}
	return nil, fmt.Errorf("format: %q is not a format; choose one of %s", name, strings.Join(Names(), ", "))
}

const (
	flushSize  = 64 << 10
	flushAfter = 100 * time.Millisecond
)

// A sink collects what a writer writes, and knows which of Begin, Row and End may come next.
type sink struct {
	w       io.Writer
	now     func() time.Time
	format  string
	columns []string
	open    bool // between Begin and End
	results int  // how many were begun
	rows    int  // of this result
	buf     []byte
	flushed time.Time
	err     error
}

func (s *sink) begin(columns []string) error {
	switch {
	case s.err != nil:
		return s.err
	case s.open:
		return s.errorf("Begin before the last result's End")
	case len(columns) == 0:
		return s.errorf("a result needs a column")
	}
	s.columns = append(s.columns[:0], columns...)
	s.open, s.rows = true, 0
	s.results++
	return nil
}

func (s *sink) row(values []any) error {
	switch {
	case s.err != nil:
		return s.err
	case !s.open:
		return s.errorf("Row outside of Begin and End")
	case len(values) != len(s.columns):
		return s.errorf("%d values for %d columns", len(values), len(s.columns))
	}
	s.rows++
	return nil
}

func (s *sink) end() error {
	if s.err == nil && !s.open {
		return s.errorf("End without Begin")
	}
	s.open = false
	return s.err
}

func (s *sink) errorf(text string, args ...any) error {
	return fmt.Errorf("format: write %s: "+text, append([]any{s.format}, args...)...)
}

// reject says which value of the present row can't be written, and takes the row back.
func (s *sink) reject(i int, err error) error {
	s.rows--
	return s.errorf("row %d, column %q: %w", s.rows+1, s.columns[i], err)
}

// wrote is called with the buffer after a row was added to it.
func (s *sink) wrote(buf []byte) error {
	s.buf = buf
	if len(buf) < flushSize && s.rows > 1 && s.now().Sub(s.flushed) < flushAfter {
		return nil
	}
	return s.flush()
}

func (s *sink) flush() error {
	if s.err != nil || len(s.buf) == 0 {
		return s.err
	}
	n, err := s.w.Write(s.buf)
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.err = s.errorf("%w", err)
	}
	s.buf = s.buf[:0]
	s.flushed = s.now()
	return s.err
}

var errInvalidJSON = errors.New("not valid JSON")
