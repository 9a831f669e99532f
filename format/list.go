package format

import (
	"bytes"
	"strconv"
)

// A listWriter writes list; the package comment describes it.
type listWriter struct {
	*sink
	names   []string // as they are shown, padded to the widest, with two spaces behind
	last    []int    // the length of each name without the spaces
	text    []byte
	scratch bytes.Buffer
}

// listRule is how long the line before a row is.
const listRule = 24

func newList(s *sink, _ Options) Writer { return &listWriter{sink: s} }

func (w *listWriter) Begin(columns []string) error {
	if err := w.begin(columns); err != nil {
		return err
	}
	if w.results > 1 {
		w.buf = append(w.buf, '\n')
	}
	w.names, w.last = w.names[:0], w.last[:0]
	widest := 0
	for _, name := range columns {
		widest = max(widest, show([]byte(name)).width)
	}
	for _, name := range columns {
		c := show([]byte(name))
		pad := bytes.Repeat([]byte{' '}, widest-c.width+tableGap)
		w.names, w.last = append(w.names, c.text+string(pad)), append(w.last, len(c.text))
	}
	return nil
}

func (w *listWriter) Row(values []any) error {
	if err := w.row(values); err != nil {
		return err
	}
	buf := append(w.buf, "-[ "...)
	buf = strconv.AppendInt(buf, int64(w.rows), 10)
	buf = append(buf, " ]-"...)
	for n := len(buf) - len(w.buf); n < listRule; n++ {
		buf = append(buf, '-')
	}
	buf = append(buf, '\n')
	for i, v := range values {
		if v == nil {
			w.text = append(w.text[:0], nullText...)
		} else {
			var err error
			if w.text, err = appendText(w.text[:0], v, &w.scratch); err != nil {
				return w.reject(i, err)
			}
		}
		switch {
		case len(w.text) == 0:
			buf = append(buf, w.names[i][:w.last[i]]...)
		case plain(w.text):
			buf = append(buf, w.names[i]...)
			buf = append(buf, w.text...)
		default:
			buf = append(buf, w.names[i]...)
			buf = append(buf, show(w.text).text...)
		}
		buf = append(buf, '\n')
	}
	return w.wrote(buf)
}

func (w *listWriter) End(bool) error {
	if err := w.end(); err != nil {
		return err
	}
	return w.flush()
}

func (w *listWriter) Flush() error { return w.flush() }
