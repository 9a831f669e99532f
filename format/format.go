// Package format writes results as text: table for people, json, jsonl and csv for programs.
//
// [New] returns the [Writer] of a format. Writers stream: they hold back a few rows at most, and
// memory doesn't grow with the result. A Writer must not be used concurrently.
//
// What all formats share:
//
//   - Values are nil (SQL's NULL), int64, float64, string, []byte, bool and [json.RawMessage]; any
//     other type is an error. Nothing is kept of a value after Row has returned.
//   - A float64 always has a point or an exponent (1.0), so that it stays a real number.
//   - A []byte is written in base64.
//   - A json.RawMessage may come from outside: it has to be valid JSON, or Row returns an error. It
//     is written without the white space between its parts.
//   - Rows written are given to the io.Writer when 64 KiB are waiting, after the first row of a
//     result, and with every row that comes 100 ms or more after the last time. Whoever has to wait
//     for the next row calls Flush before.
//   - An error of the io.Writer is wrapped, so that errors.Is finds it, and is returned by all that
//     follows.
//
// The package knows neither terminals nor files, and writes no footer: how many rows there were, and
// whether they are all, is for the command to say.
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
	// Row writes a row, with a value for each column.
	Row(values []any) error
	// End ends the result and flushes. complete is false if the result broke off: what came is
	// written, and where a format has a sign of completeness (json's closing bracket) it is left out.
	End(complete bool) error
	// Flush gives all rows that Row got to the io.Writer. A table fixes its columns' widths then.
	Flush() error
}

// Options are the choices a format leaves. The zero value is a good one for all formats.
type Options struct {
	// Width is the terminal's width in columns, which table tries to keep to. 0 is no limit.
	Width int
	// NoHeader leaves out the columns' names in table and csv. Otherwise they are written, also
	// over no rows.
	NoHeader bool
	// Now is the clock by which rows are flushed. nil is time.Now.
	Now func() time.Time
}

var formats = []struct {
	name string
	new  func(*sink, Options) Writer
}{
	{"table", newTable},
	{"json", newJSON},
	{"jsonl", newJSONL},
	{"csv", newCSV},
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
