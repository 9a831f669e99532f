package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A jsonWriter writes json and jsonl; the package comment describes them.
type jsonWriter struct {
	*sink
	lines   bool     // jsonl
	keys    [][]byte // what stands before each value: {"id": and ,"status":
	scratch bytes.Buffer
}

func newJSON(s *sink, _ Options) Writer { return &jsonWriter{sink: s} }

func newJSONL(s *sink, _ Options) Writer { return &jsonWriter{sink: s, lines: true} }

func (w *jsonWriter) Begin(columns []string) error {
	if err := w.begin(columns); err != nil {
		return err
	}
	w.keys = w.keys[:0]
	for i, name := range uniqueNames(columns) {
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		w.keys = append(w.keys, append(appendJSONString(key, name), ':'))
	}
	return nil
}

func (w *jsonWriter) Row(values []any) error {
	if err := w.row(values); err != nil {
		return err
	}
	buf := w.buf
	if !w.lines {
		if w.rows == 1 {
			buf = append(buf, "[\n"...)
		} else {
			buf = append(buf, ",\n"...)
		}
	}
	for i, v := range values {
		var err error
		buf = append(buf, w.keys[i]...)
		if buf, err = w.appendValue(buf, v); err != nil {
			return w.reject(i, err)
		}
	}
	buf = append(buf, '}')
	if w.lines {
		buf = append(buf, '\n')
	}
	return w.wrote(buf)
}

func (w *jsonWriter) End(complete bool) error {
	if err := w.end(); err != nil {
		return err
	}
	switch {
	case w.lines:
	case w.rows == 0 && complete:
		w.buf = append(w.buf, "[]\n"...)
	case w.rows == 0:
		w.buf = append(w.buf, "[\n"...)
	case complete:
		w.buf = append(w.buf, "\n]\n"...)
	default:
		w.buf = append(w.buf, '\n')
	}
	return w.flush()
}

func (w *jsonWriter) Flush() error { return w.flush() }

func (w *jsonWriter) appendValue(buf []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(buf, "null"...), nil
	case string:
		return appendJSONString(buf, v), nil
	case int64:
		return strconv.AppendInt(buf, v, 10), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return append(buf, "null"...), nil
		}
		return appendFloat(buf, v), nil
	case bool:
		return strconv.AppendBool(buf, v), nil
	case json.RawMessage:
		raw, err := compact(v, &w.scratch)
		return appendEscaped(buf, raw), err
	case []byte:
		buf = append(buf, '"')
		buf = base64.StdEncoding.AppendEncode(buf, v)
		return append(buf, '"'), nil
	}
	return buf, fmt.Errorf("values of type %T can't be written", v)
}

// uniqueNames renames what would be the same key twice. It looks at the names as they will be
// written, without what isn't UTF-8.
func uniqueNames(columns []string) []string {
	names := make([]string, len(columns))
	taken := make(map[string]bool)
	for i, name := range columns {
		names[i] = strings.ToValidUTF8(name, "\ufffd")
		taken[names[i]] = true
	}
	seen := make(map[string]bool)
	for i, name := range names {
		for n := 2; seen[name] && taken[names[i]]; n++ {
			names[i] = name + "_" + strconv.Itoa(n)
		}
		seen[name] = true
		taken[names[i]] = true
	}
	return names
}

const hexDigits = "0123456789abcdef"

// jsonSafe are the bytes that a JSON string has as they are.
var jsonSafe = func() (safe [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		safe[c] = c != '"' && c != '\\'
	}
	return safe
}()

func appendJSONString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	start := 0
	for i := 0; i < len(s); {
		if jsonSafe[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && size == 1
		if !bad && r >= utf8.RuneSelf && !deceptive(r) {
			i += size
			continue
		}
		buf = append(buf, s[start:i]...)
		switch {
		case bad:
			buf = append(buf, "\ufffd"...)
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r == '\t':
			buf = append(buf, `\t`...)
		default:
			buf = appendUnicodeEscape(buf, r)
		}
		i += size
		start = i
	}
	return append(append(buf, s[start:]...), '"')
}

// appendEscaped appends JSON text with its deceptive characters escaped, and U+FFFD for bytes that
// aren't UTF-8. All these can only stand inside of strings, where an escape means the same.
func appendEscaped(buf, raw []byte) []byte {
	if plain(raw) {
		return append(buf, raw...)
	}
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if deceptive(r) {
			buf = appendUnicodeEscape(buf, r)
		} else {
			buf = utf8.AppendRune(buf, r)
		}
		raw = raw[size:]
	}
	return buf
}

// appendUnicodeEscape appends \uXXXX, two of them for what UTF-16 has as a surrogate pair.
func appendUnicodeEscape(buf []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		buf = appendUnicodeEscape(buf, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(buf, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
