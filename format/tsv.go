package format

import (
	"bytes"
	"unicode/utf8"
)

// A tsvWriter writes tsv; the package comment describes it.
type tsvWriter struct {
	*sink
	noHeader bool
	guarded  bool
	text     []byte
	scratch  bytes.Buffer
}

func newTSV(s *sink, o Options) Writer {
	return &tsvWriter{sink: s, noHeader: o.NoHeader, guarded: o.Guard}
}

func (w *tsvWriter) Begin(columns []string) error {
	if err := w.begin(columns); err != nil {
		return err
	}
	if w.results > 1 {
		w.buf = append(w.buf, '\n')
	}
	if w.noHeader {
		return nil
	}
	for i, name := range columns {
		if i > 0 {
			w.buf = append(w.buf, '\t')
		}
		w.text = append(w.text[:0], name...)
		if w.guarded {
			w.text = guard(w.text, 0)
		}
		w.buf = appendTSV(w.buf, w.text)
	}
	w.buf = append(w.buf, '\n')
	return nil
}

func (w *tsvWriter) Row(values []any) error {
	if err := w.row(values); err != nil {
		return err
	}
	buf := w.buf
	for i, v := range values {
		if i > 0 {
			buf = append(buf, '\t')
		}
		if v == nil {
			buf = append(buf, `\N`...)
			continue
		}
		var err error
		if w.text, err = appendText(w.text[:0], v, &w.scratch); err != nil {
			return w.reject(i, err)
		}
		if w.guarded && !isNumber(v) {
			w.text = guard(w.text, 0)
		}
		buf = appendTSV(buf, w.text)
	}
	return w.wrote(append(buf, '\n'))
}

func (w *tsvWriter) End(bool) error {
	if err := w.end(); err != nil {
		return err
	}
	return w.flush()
}

func (w *tsvWriter) Flush() error { return w.flush() }

// appendTSV appends a text with its escapes.
func appendTSV(buf, text []byte) []byte {
	if plain(text) && bytes.IndexByte(text, '\\') < 0 {
		return append(buf, text...)
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\t':
			buf = append(buf, `\t`...)
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r == '\\':
			buf = append(buf, `\\`...)
		case deceptive(r) || r == utf8.RuneError && size == 1:
			for _, c := range text[:size] {
				buf = append(buf, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
		default:
			buf = append(buf, text[:size]...)
		}
		text = text[size:]
	}
	return buf
}
