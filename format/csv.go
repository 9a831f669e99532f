package format

import "bytes"

// A csvWriter writes csv; the package comment describes it. encoding/csv can't tell NULL from empty
// text, since it has no way to put quotes around nothing.
type csvWriter struct {
	*sink
	noHeader bool
	guarded  bool
	visible  bool // what drives a terminal is shown instead
	scratch  bytes.Buffer
}

func newCSV(s *sink, o Options) Writer {
	return &csvWriter{sink: s, noHeader: o.NoHeader, guarded: o.Guard, visible: o.Terminal}
}

func (w *csvWriter) Begin(columns []string) error {
	if err := w.begin(columns); err != nil {
		return err
	}
	if w.results > 1 {
		w.buf = append(w.buf, "\r\n"...)
	}
	if w.noHeader {
		return nil
	}
	for i, name := range columns {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		start := len(w.buf)
		w.buf = quoteCSV(w.text(append(w.buf, name...), start, nil), start)
	}
	w.buf = append(w.buf, "\r\n"...)
	return nil
}

func (w *csvWriter) Row(values []any) error {
	if err := w.row(values); err != nil {
		return err
	}
	buf := w.buf
	for i, v := range values {
		if i > 0 {
			buf = append(buf, ',')
		}
		start := len(buf)
		if v != nil {
			var err error
			if buf, err = appendText(buf, v, &w.scratch); err != nil {
				return w.reject(i, err)
			}
			if w.guarded || w.visible {
				buf = w.text(buf, start, v)
			}
		}
		if v != nil || len(values) == 1 {
			buf = quoteCSV(buf, start)
		}
	}
	return w.wrote(append(buf, "\r\n"...))
}

func (w *csvWriter) End(bool) error {
	if err := w.end(); err != nil {
		return err
	}
	return w.flush()
}

func (w *csvWriter) Flush() error { return w.flush() }

// text makes what stands in buf from start on, the text of v, fit for a spreadsheet or a terminal.
func (w *csvWriter) text(buf []byte, start int, v any) []byte {
	if w.guarded && !isNumber(v) {
		buf = guard(buf, start)
	}
	if w.visible && deceptiveText(buf[start:]) {
		buf = append(buf[:start], show(buf[start:]).text...)
	}
	return buf
}

// quoteCSV quotes the value that begins at start and ends where buf does, if it needs quotes.
func quoteCSV(buf []byte, start int) []byte {
	value := buf[start:]
	if len(value) > 0 && bytes.IndexByte(value, ',') < 0 && bytes.IndexByte(value, '"') < 0 &&
		bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return buf
	}
	quotes := bytes.Count(value, []byte{'"'})
	n := len(value)
	for range quotes + 2 {
		buf = append(buf, '"')
	}
	// From the end, so that nothing is overwritten before it was moved.
	to := len(buf) - 2
	for from := start + n - 1; from >= start; from-- {
		buf[to] = buf[from]
		to--
		if buf[from] == '"' {
			buf[to] = '"'
			to--
		}
	}
	buf[start] = '"'
	return buf
}
