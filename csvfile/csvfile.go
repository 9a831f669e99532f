// Package csvfile reads files of comma-separated values as tables: a header with the columns' names,
// then records.
//
// [Open] looks at the beginning of a file and gives a [File], which knows its columns and about how
// many records there are. [File.Scan] gives a [Reader], which reads the records one after another and
// never holds more than one. What would lose something silently is an [*Error] with the line: a record
// with fewer or more fields than the header, a quote out of place, bytes that aren't UTF-8, a file that
// changes while it is read. A File may be used concurrently, a Reader may not. The package knows nothing
// of SQL; values are texts, as they stand in the file.
package csvfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Options say how a file is to be read; the zero value guesses.
type Options struct {
	// Delimiter stands between fields. 0 guesses among , ; tab and | by the first records.
	Delimiter rune
	// NoHeader: the first line is a record too, and the columns are called column_1, column_2 …
	NoHeader bool
	// Label is what errors call the file; empty means its path.
	Label string
}

// Limits.
const (
	// MaxColumns is the most columns a file may have: SQLite's own limit.
	MaxColumns = 2000
	// MaxRecord is the longest record in bytes: it bounds the memory, since a quote that is never closed
	// would take the rest of the file for one field.
	MaxRecord = 16 << 20

	sampleSize    = 64 << 10 // the bytes from which the delimiter and the number of records are guessed
	sampleRecords = 100
	readSize      = 256 << 10
)

// Delimiters are what is tried where none is given.
var Delimiters = []rune{',', ';', '\t', '|'}

// An Error is what is wrong with a file.
type Error struct {
	// File is the file's label.
	File string
	// Line is the line, counted from 1; 0 if it is not about a line.
	Line int
	// Msg says what is wrong, Hint what to do next; Hint may be empty.
	Msg, Hint string
	// Err is the system's error, if there was one.
	Err error
}

// Error returns "file:line: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A File is a CSV file whose beginning has been read.
type File struct {
	path      string
	label     string
	delimiter rune
	noHeader  bool
	columns   []string
	records   int64
	start     int64 // where the header begins: behind a byte order mark and a line sep=;
	skipped   int   // lines before start
	info      os.FileInfo
}

// Open reads the beginning of a file: the header, and enough to guess the delimiter.
func Open(path string, o Options) (*File, error) {
	f := &File{path: path, label: o.Label, delimiter: o.Delimiter, noHeader: o.NoHeader}
	if f.label == "" {
		f.label = path
	}
	if o.Delimiter != 0 && (o.Delimiter == '"' || o.Delimiter == '\r' || o.Delimiter == '\n' || o.Delimiter == utf8.RuneError || !utf8.ValidRune(o.Delimiter)) {
		return nil, f.errorf(0, "the delimiter can't be %q", o.Delimiter)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, f.system(err)
	}
	defer file.Close()
	if f.info, err = file.Stat(); err != nil {
		return nil, f.system(err)
	}
	if !f.info.Mode().IsRegular() {
		return nil, f.errorf(0, "not a regular file")
	}
	sample := make([]byte, sampleSize)
	n, err := io.ReadFull(file, sample)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, f.system(err)
	}
	if err := f.look(sample[:n]); err != nil {
		return nil, err
	}
	return f, nil
}

// look settles everything that the file's first bytes say.
func (f *File) look(sample []byte) error {
	if err := f.encoding(sample); err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(string(sample), "\ufeff"); ok {
		f.start, sample = 3, []byte(rest)
	}
	// Excel writes, and reads, a first line that names the delimiter.
	if line, rest, ok := strings.Cut(string(sample), "\n"); ok {
		if d, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r"), "sep="); ok && utf8.RuneCountInString(d) == 1 && d != `"` {
			if f.delimiter == 0 {
				f.delimiter, _ = utf8.DecodeRuneInString(d)
			}
			f.start += int64(len(line) + 1)
			f.skipped = 1
			sample = []byte(rest)
		}
	}
	if f.delimiter == 0 {
		f.delimiter = guess(sample)
	}
	if all, size := records(sample, f.delimiter); size > 0 {
		f.records = f.info.Size() * int64(len(all)) / size
	} else {
		f.records = f.info.Size()/sampleSize + 1 // longer than the sample, or wrong
	}
	r, err := f.Scan()
	if err != nil {
		return err
	}
	defer r.Close()
	if !f.noHeader {
		f.columns = name(r.header)
	} else {
		first, err := r.Next()
		if err == io.EOF {
			return f.errorf(0, "the file is empty")
		}
		if err != nil {
			return err
		}
		f.columns = name(make([]string, len(first)))
	}
	if n := len(f.columns); n > MaxColumns {
		return f.errorf(1+f.skipped, "%d columns, more than the %d that are possible", n, MaxColumns)
	}
	return nil
}

// encoding refuses what is visibly not UTF-8.
func (f *File) encoding(sample []byte) error {
	text := string(sample)
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return &Error{File: f.label, Msg: "the file is in UTF-16, not in UTF-8", Hint: "save it as CSV UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 old.csv > new.csv"}
	case strings.HasPrefix(text, "PK\x03\x04"):
		return &Error{File: f.label, Msg: "this is a spreadsheet or an archive, not a CSV file", Hint: "save it as CSV UTF-8"}
	case strings.HasPrefix(text, "SQLite format 3\x00"):
		return &Error{File: f.label, Msg: "this is a SQLite file, not a CSV file", Hint: "attach it instead"}
	case strings.Contains(text, "\r") && !strings.Contains(text, "\n"):
		return &Error{File: f.label, Msg: "the lines end in a carriage return alone", Hint: `convert it: tr '\r' '\n' < old.csv > new.csv`}
	}
	return nil
}

// records reads the first records of a sample with a delimiter, up to the first one that is wrong:
// the sample may end in the middle of one. size is how many bytes they take.
func records(sample []byte, delimiter rune) (out [][]string, size int64) {
	r := newCSV(strings.NewReader(string(sample)), delimiter)
	r.FieldsPerRecord = -1
	r.ReuseRecord = false
	for len(out) < sampleRecords {
		record, err := r.Read()
		if err != nil {
			break
		}
		out, size = append(out, record), r.InputOffset()
	}
	return out, size
}

// guess returns the delimiter that cuts most records into as many fields as the first one has; of
// several, the one that makes more of them. It is a comma where none makes two.
func guess(sample []byte) rune {
	best, bestShare, bestFields := Delimiters[0], 0.0, 1
	for _, d := range Delimiters {
		all, _ := records(sample, d)
		if len(all) == 0 || len(all[0]) < 2 {
			continue
		}
		same := 0
		for _, r := range all {
			if len(r) == len(all[0]) {
				same++
			}
		}
		share := float64(same) / float64(len(all))
		if share > bestShare || share == bestShare && len(all[0]) > bestFields {
			best, bestShare, bestFields = d, share, len(all[0])
		}
	}
	return best
}

// name makes columns' names of a header: trimmed, column_N where one is empty, and with _2 behind a
// name that was there before, whatever its case.
func name(header []string) []string {
	out := make([]string, len(header))
	taken := map[string]bool{}
	for _, h := range header {
		taken[strings.ToLower(strings.TrimSpace(h))] = true
	}
	seen := map[string]bool{}
	for i, h := range header {
		h = strings.TrimSpace(h)
		if h == "" {
			h = "column_" + strconv.Itoa(i+1)
		}
		unique := h
		for n := 2; seen[strings.ToLower(unique)] || unique != h && taken[strings.ToLower(unique)]; n++ {
			unique = h + "_" + strconv.Itoa(n)
		}
		seen[strings.ToLower(unique)] = true
		out[i] = unique
	}
	return out
}

// Columns returns the columns' names, each once whatever its case.
func (f *File) Columns() []string { return slices.Clone(f.columns) }

// Delimiter returns the delimiter, given or guessed.
func (f *File) Delimiter() rune { return f.delimiter }

// Records returns about how many records there are.
func (f *File) Records() int64 { return f.records }

// Label returns what errors call the file.
func (f *File) Label() string { return f.label }

func (f *File) errorf(line int, format string, args ...any) *Error {
	return &Error{File: f.label, Line: line, Msg: fmt.Sprintf(format, args...)}
}

// system is an error of the system without the path, which the label stands for.
func (f *File) system(err error) *Error {
	var path *os.PathError
	if errors.As(err, &path) {
		return &Error{File: f.label, Msg: path.Err.Error(), Err: err}
	}
	return &Error{File: f.label, Msg: err.Error(), Err: err}
}

// changed is the error if a file is not what it was when it was opened first.
func (f *File) changed(info os.FileInfo) error {
	if info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) && os.SameFile(info, f.info) {
		return nil
	}
	return &Error{File: f.label, Msg: "the file has changed while the query ran", Hint: "run the query again when it is not written to"}
}

// A Reader reads the records of a file.
type Reader struct {
	f      *File
	file   *os.File
	limit  *limiter
	csv    *csv.Reader
	header []string
	line   int
}

// Scan starts reading the records from the first one.
func (f *File) Scan() (*Reader, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, f.system(err)
	}
	r := &Reader{f: f, file: file, limit: &limiter{r: file, left: MaxRecord}}
	r.csv = newCSV(bufio.NewReaderSize(r.limit, readSize), f.delimiter)
	if err := r.begin(); err != nil {
		file.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) begin() error {
	info, err := r.file.Stat()
	if err != nil {
		return r.f.system(err)
	}
	if err := r.f.changed(info); err != nil {
		return err
	}
	if _, err := r.file.Seek(r.f.start, io.SeekStart); err != nil {
		return r.f.system(err)
	}
	if r.f.noHeader {
		return nil
	}
	header, err := r.Next()
	if err == io.EOF {
		return r.f.errorf(0, "the file is empty: it needs a line with the columns' names")
	}
	r.header = slices.Clone(header)
	return err
}

func newCSV(r io.Reader, delimiter rune) *csv.Reader {
	c := csv.NewReader(r)
	if delimiter != 0 {
		c.Comma = delimiter
	}
	c.ReuseRecord = true
	return c
}

// Next returns the fields of the next record, as many as there are columns; io.EOF behind the last.
// The slice is used again, the texts in it are not. Any other error is an [*Error].
func (r *Reader) Next() ([]string, error) {
	r.limit.left = MaxRecord + readSize // what is read ahead counts for the next record
	record, err := r.csv.Read()
	switch {
	case err == io.EOF:
		info, err := r.file.Stat()
		if err != nil {
			return nil, r.f.system(err)
		}
		if err := r.f.changed(info); err != nil {
			return nil, err
		}
		return nil, io.EOF
	case err != nil:
		return nil, r.explain(record, err)
	}
	r.line, _ = r.csv.FieldPos(0)
	for i, v := range record {
		if !utf8.ValidString(v) {
			line, _ := r.csv.FieldPos(i)
			return nil, &Error{File: r.f.label, Line: line + r.f.skipped, Msg: "not UTF-8", Hint: "save it as CSV UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv"}
		}
		if strings.IndexByte(v, 0) >= 0 {
			line, _ := r.csv.FieldPos(i)
			return nil, &Error{File: r.f.label, Line: line + r.f.skipped, Msg: "a NUL byte", Hint: "is it a CSV file in UTF-8?"}
		}
	}
	return record, nil
}

// Line returns the line on which the last record begins, counted from 1.
func (r *Reader) Line() int { return r.line + r.f.skipped }

func (r *Reader) explain(record []string, err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		var long *longError
		if errors.As(err, &long) {
			return &Error{File: r.f.label, Line: r.Line() + 1, Msg: fmt.Sprintf("a record of more than %d MiB", MaxRecord>>20), Hint: "is a quote opened there that is never closed?"}
		}
		return r.f.system(err)
	}
	e := &Error{File: r.f.label, Line: parse.StartLine + r.f.skipped}
	switch parse.Err {
	case csv.ErrFieldCount:
		first := "the header"
		if r.f.noHeader {
			first = "the first record"
		}
		e.Msg = fmt.Sprintf("%s here, %s in %s", fields(len(record)), fields(r.csv.FieldsPerRecord), first)
		e.Hint = fmt.Sprintf("a field with the delimiter %q in it goes in double quotes; another delimiter can be given", string(r.f.delimiter))
	case csv.ErrBareQuote:
		e.Line = parse.Line + r.f.skipped
		e.Msg = "a double quote inside of a field that does not begin with one"
		e.Hint = `such a field goes in double quotes, and each in it is doubled: "5"" pipe"`
	case csv.ErrQuote:
		e.Msg = "a field in double quotes that does not end, or goes on behind them"
		e.Hint = `a double quote inside of such a field is doubled: "5"" pipe"`
	default:
		e.Msg = parse.Err.Error()
	}
	return e
}

func fields(n int) string {
	if n == 1 {
		return "1 field"
	}
	return strconv.Itoa(n) + " fields"
}

// Close ends the reading.
func (r *Reader) Close() error { return r.file.Close() }

// A limiter ends the reading of a record that is too long.
type limiter struct {
	r    io.Reader
	left int
}

type longError struct{}

func (*longError) Error() string { return "record too long" }

func (l *limiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, &longError{}
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
