package format

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"time"
)

const (
	tableHead = 200         // rows that a table looks at before it fixes the widths
	tableSize = 1 << 20     // and bytes
	tableWait = time.Second // and how long it waits for them, from the first row on
	tableGap  = 2           // spaces between columns
	narrowest = 8           // what Options.Width leaves of a wider column at least
	nullText  = "NULL"
)

// A tableWriter writes table and markdown; the package comment describes them.
type tableWriter struct {
	*sink
	style    style
	show     func([]byte) cell
	width    int
	noHeader bool
	cuts     *Cuts
	list     *listWriter // writes the results that are vertical
	vertical bool        // the next result is
	listing  bool        // the present one is
	names    []cell
	held     []cell // of the rows held back until the widths are fixed, one row after the other
	size     int    // of their texts, in bytes
	first    time.Time
	fixed    bool
	widths   []int
	numbers  []bool // whether a column has numbers only
	shown    int    // columns that aren't left out
	slack    int    // by how much a line may be longer
	line     []cell
	text     []byte
	scratch  bytes.Buffer
}

// A style is what stands around the cells of a line.
type style struct {
	before, between, after string
	// marksRight ends a column of the line under the header where its values are right-aligned.
	marksRight byte
	// least is the narrowest column that there may be.
	least int
}

var (
	plainStyle    = style{between: "  ", marksRight: '-', least: 1}
	markdownStyle = style{before: "| ", between: " | ", after: " |", marksRight: ':', least: 3}
)

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

func newTable(s *sink, o Options) Writer {
	if o.Cuts == nil {
		o.Cuts = new(Cuts)
	}
	return &tableWriter{sink: s, style: plainStyle, show: show, width: o.Width, noHeader: o.NoHeader, cuts: o.Cuts, list: &listWriter{sink: s}}
}

func newMarkdown(s *sink, _ Options) Writer {
	return &tableWriter{sink: s, style: markdownStyle, show: showMarkdown, cuts: new(Cuts), list: &listWriter{sink: s}}
}

// Vertical makes the next result a list, as list writes it, if w writes table. The other formats don't
// change: whoever asked for them reads them with a program.
func Vertical(w Writer) {
	if t, ok := w.(*tableWriter); ok && t.format == "table" {
		t.vertical = true
	}
}

func (w *tableWriter) Begin(columns []string) error {
	if w.vertical {
		w.vertical = false
		err := w.list.Begin(columns)
		w.listing = err == nil
		return err
	}
	if err := w.begin(columns); err != nil {
		return err
	}
	if w.results > 1 {
		w.buf = append(w.buf, '\n')
	}
	w.names, w.held, w.size, w.fixed = w.names[:0], w.held[:0], 0, false
	for _, name := range columns {
		c := w.show([]byte(name))
		c.kind = cellColumn
		w.names = append(w.names, c)
	}
	return nil
}

func (w *tableWriter) Row(values []any) error {
	if w.listing {
		return w.list.Row(values)
	}
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

func (w *tableWriter) End(complete bool) error {
	if w.listing {
		w.listing = false
		return w.list.End(complete)
	}
	if err := w.end(); err != nil {
		return err
	}
	w.fix()
	return w.flush()
}

func (w *tableWriter) Flush() error {
	if w.open && w.rows > 0 && !w.listing {
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
	c := w.show(w.text)
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

// fix decides the widths, and writes the header and the rows held back.
func (w *tableWriter) fix() {
	if w.fixed {
		return
	}
	w.fixed = true
	n := len(w.names)
	w.widths, w.numbers, w.shown = make([]int, n), make([]bool, n), n
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
	w.fit()
	if !w.noHeader {
		w.addLine(w.names)
		w.addRule()
	}
	for i := 0; i < len(w.held); i += n {
		w.addLine(w.held[i : i+n])
	}
	w.held = w.held[:0]
}

// fit decides how wide the columns are, and which of them are left out. On entry widths are those of
// the values.
func (w *tableWriter) fit() {
	values := slices.Clone(w.widths)
	widest := 0
	for i := range w.widths {
		if !w.noHeader {
			w.widths[i] = max(w.widths[i], w.names[i].width)
		}
		w.widths[i] = max(w.widths[i], w.style.least)
		widest = max(widest, w.widths[i])
	}
	if w.slack = w.width - w.lineWidth(widest, values); w.width <= 0 || w.slack >= 0 {
		return
	}
	for w.shown > 1 && w.lineWidth(narrowest, values) > w.width {
		w.shown--
	}
	if w.shown < len(w.names) {
		w.cuts.Columns = append(w.cuts.Columns, w.columns[w.shown:]...)
	}
	// Limits above narrowest, from the smallest on, until one is too much.
	limit := narrowest + sort.Search(max(widest-narrowest, 0), func(more int) bool {
		return w.lineWidth(narrowest+more+1, values) > w.width
	})
	w.slack = max(w.width-w.lineWidth(limit, values), 0)
	for i := range w.shown {
		most := w.limited(i, limit, values)
		if most < w.widths[i] && w.slack > 0 {
			most++
			w.slack--
		}
		w.widths[i] = most
	}
}

// lineWidth is how wide a line is if no column is wider than limit. values are the widths of the values.
func (w *tableWriter) lineWidth(limit int, values []int) int {
	sum := tableGap * (w.shown - 1)
	if w.shown < len(w.widths) {
		sum += tableGap + 1 // the column that stands for those left out
	}
	for i := range w.shown {
		sum += w.limited(i, limit, values)
	}
	return sum
}

// limited is how wide a column is under a limit: numbers have to stay whole.
func (w *tableWriter) limited(i, limit int, values []int) int {
	if w.numbers[i] {
		limit = max(limit, values[i])
	}
	return min(w.widths[i], limit)
}

// addRule adds the line under the header.
func (w *tableWriter) addRule() {
	w.buf = append(w.buf, w.style.before...)
	for i, width := range w.widths[:w.shown] {
		if i > 0 {
			w.buf = append(w.buf, w.style.between...)
		}
		last := byte('-')
		if w.numbers[i] {
			last = w.style.marksRight
		}
		w.repeat('-', width-1)
		w.buf = append(w.buf, last)
	}
	if w.shown < len(w.widths) {
		w.buf = append(w.buf, "  -"...)
	}
	w.buf = append(w.buf, w.style.after...)
	w.buf = append(w.buf, '\n')
}

// addLine adds a line. Spaces are added only before something, so that a line doesn't end in them.
func (w *tableWriter) addLine(cells []cell) {
	w.buf = append(w.buf, w.style.before...)
	spaces := 0
	slack := w.slack
	for i, c := range cells[:w.shown] {
		if i > 0 && w.style.after == "" {
			spaces += tableGap
		} else if i > 0 {
			w.repeat(' ', spaces)
			w.buf = append(w.buf, w.style.between...)
			spaces = 0
		}
		if over := c.width - w.widths[i]; over > 0 && w.width > 0 {
			if over > slack && c.kind != cellNumber {
				c = cut(c, w.widths[i]+slack)
				w.cuts.Cells++
			}
			slack = max(slack-over, 0)
		}
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
	}
	switch {
	case w.style.after != "":
		w.repeat(' ', spaces)
		w.buf = append(w.buf, w.style.after...)
	case w.shown < len(cells):
		w.repeat(' ', spaces+tableGap)
		w.buf = append(w.buf, cutMark...)
	}
	w.buf = append(w.buf, '\n')
}

func (w *tableWriter) repeat(c byte, n int) {
	for range n {
		w.buf = append(w.buf, c)
	}
}
