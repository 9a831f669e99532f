package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

const (
	tableHead = 200         // rows that a table looks at before it fixes the widths
	tableSize = 1 << 20     // and bytes
	tableWait = time.Second // and how long it waits for them, from the first row on
	tableGap  = 2           // spaces between columns
	narrowest = 8           // what Options.Width leaves of a column at least
	nullText  = "NULL"
)

// A tableWriter writes table; the package comment describes it.
type tableWriter struct {
	*sink
	width    int
	noHeader bool
	names    []cell
	held     []cell // of the rows held back until the widths are fixed, one row after the other
	size     int    // of their texts, in bytes
	first    time.Time
	fixed    bool
	widths   []int
	numbers  []bool // whether a column has numbers only
	line     []cell
	text     []byte
	scratch  bytes.Buffer
}

// A cell is a value as it is shown.
type cell struct {
	text  string
	width int
	kind  cellKind
}

type cellKind int

const (
	cellText   cellKind = iota // left-aligned
	cellNumber                 // right-aligned
	cellColumn                 // NULL or a column's name: aligned as the column's values are
)

// widthOf knows how wide text is on a terminal that isn't set to an East Asian encoding of old. The
// functions of its package would look into the environment for that.
var widthOf = runewidth.Condition{StrictEmojiNeutral: true}

func newTable(s *sink, o Options) Writer {
	return &tableWriter{sink: s, width: o.Width, noHeader: o.NoHeader}
}

func (w *tableWriter) Begin(columns []string) error {
	if err := w.begin(columns); err != nil {
		return err
	}
	if w.results > 1 {
		w.buf = append(w.buf, '\n')
	}
	w.names, w.held, w.size, w.fixed = w.names[:0], w.held[:0], 0, false
	for _, name := range columns {
		c := show([]byte(name))
		c.kind = cellColumn
		w.names = append(w.names, c)
	}
	return nil
}

func (w *tableWriter) Row(values []any) error {
	if err := w.row(values); err != nil {
		return err
	}
	w.line = w.line[:0]
	for i, v := range values {
		c, err := w.cell(v)
		if err != nil {
			return w.reject(i, err)
		}
		w.line = append(w.line, c)
		w.size += len(c.text)
	}
	if w.fixed {
		w.addLine(w.line)
		return w.wrote(w.buf)
	}
	if w.rows == 1 {
		w.first = w.now()
	}
	w.held = append(w.held, w.line...)
	if w.rows < tableHead && w.size < tableSize && w.now().Sub(w.first) < tableWait {
		return nil
	}
	return w.Flush()
}

func (w *tableWriter) End(bool) error {
	if err := w.end(); err != nil {
		return err
	}
	w.fix()
	return w.flush()
}

func (w *tableWriter) Flush() error {
	if w.open && w.rows > 0 {
		w.fix()
	}
	return w.flush()
}

// cell turns a value into what is shown of it.
func (w *tableWriter) cell(v any) (cell, error) {
	if v == nil {
		return cell{text: nullText, width: len(nullText), kind: cellColumn}, nil
	}
	var err error
	if w.text, err = appendText(w.text[:0], v, &w.scratch); err != nil {
		return cell{}, err
	}
	c := show(w.text)
	switch v.(type) {
	case int64, float64:
		c.kind = cellNumber
	case json.RawMessage:
		c.kind = jsonKind(c.text)
	}
	return c, nil
}

// jsonKind looks at the first letter of valid JSON.
func jsonKind(text string) cellKind {
	if text[0] == '-' || '0' <= text[0] && text[0] <= '9' {
		return cellNumber
	}
	return cellText
}

// show makes a cell of text, in which nothing is left that drives a terminal or can't be seen.
func show(text []byte) cell {
	if plain(text) {
		return cell{text: string(text), width: len(text)}
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case !deceptive(r):
			b.Write(text[:size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		text = text[size:]
	}
	return cell{text: b.String(), width: widthOf.StringWidth(b.String())}
}

// fix decides the widths, and writes the header and the rows held back.
func (w *tableWriter) fix() {
	if w.fixed {
		return
	}
	w.fixed = true
	n := len(w.names)
	w.widths, w.numbers = make([]int, n), make([]bool, n)
	for i := range w.names {
		texts, numbers := 0, 0
		for j := i; j < len(w.held); j += n {
			w.widths[i] = max(w.widths[i], w.held[j].width)
			switch w.held[j].kind {
			case cellText:
				texts++
			case cellNumber:
				numbers++
			}
		}
		w.numbers[i] = numbers > 0 && texts == 0
	}
	w.narrow()
	if !w.noHeader {
		w.addLine(w.names)
		w.addRule()
	}
	for i := 0; i < len(w.held); i += n {
		w.addLine(w.held[i : i+n])
	}
	w.held = w.held[:0]
}

// narrow takes from the widest columns what a line is too long, but never from numbers, which have to
// line up, nor from names, which have to stand over their columns.
func (w *tableWriter) narrow() {
	widest := 0
	for _, width := range w.widths {
		widest = max(widest, width)
	}
	limited := func(i, limit int) int {
		name := w.names[i].width
		if w.noHeader {
			name = 0
		}
		if w.numbers[i] {
			limit = w.widths[i]
		}
		return max(min(w.widths[i], limit), name, 1)
	}
	tooLong := func(limit int) bool {
		sum := tableGap * (len(w.widths) - 1)
		for i := range w.widths {
			sum += limited(i, limit)
		}
		return w.width > 0 && sum > w.width
	}
	// Limits above narrowest, from the smallest on, until one is too much.
	limit := narrowest + sort.Search(max(widest-narrowest, 0), func(more int) bool {
		return tooLong(narrowest + more + 1)
	})
	for i := range w.widths {
		w.widths[i] = limited(i, limit)
	}
}

// addRule adds the line under the header.
func (w *tableWriter) addRule() {
	for i, width := range w.widths {
		if i > 0 {
			w.repeat(' ', tableGap)
		}
		w.repeat('-', width)
	}
	w.buf = append(w.buf, '\n')
}

// addLine adds a line. Spaces are added only before something, so that a line doesn't end in them.
func (w *tableWriter) addLine(cells []cell) {
	spaces := 0
	for i, c := range cells {
		pad := max(w.widths[i]-c.width, 0)
		right := c.kind == cellNumber || c.kind == cellColumn && w.numbers[i]
		if right {
			spaces += pad
		}
		if c.text != "" {
			w.repeat(' ', spaces)
			w.buf = append(w.buf, c.text...)
			spaces = 0
		}
		if !right {
			spaces += pad
		}
		spaces += tableGap
	}
	w.buf = append(w.buf, '\n')
}

func (w *tableWriter) repeat(c byte, n int) {
	for range n {
		w.buf = append(w.buf, c)
	}
}
