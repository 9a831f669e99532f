package format

import (
	"bytes"
	"encoding/json"
	"math"
	"unicode"
	"unicode/utf8"
)

// formula reports whether a spreadsheet might take a text for a formula: it begins with one of the
// characters of https://owasp.org/www-community/attacks/CSV_Injection. What is white space or can't
// be seen is skipped before the signs, since some programs cut it off.
func formula(text []byte) bool {
	for i, r := range string(text) {
		switch r {
		case '=', '+', '-', '@', '＝', '＋', '－', '＠':
			return true
		case '\t', '\r', '\n', 0:
			if i == 0 {
				return true
			}
		}
		if !unicode.IsSpace(r) && !deceptive(r) {
			return false
		}
	}
	return false
}

// isNumber reports whether a value is a number, which a spreadsheet may take for one. Infinity is none
// to spreadsheets.
func isNumber(v any) bool {
	switch v := v.(type) {
	case int64:
		return true
	case float64:
		return !math.IsInf(v, 0)
	case json.RawMessage:
		v = bytes.TrimLeft(v, " \t\r\n")
		return len(v) > 0 && (v[0] == '-' || '0' <= v[0] && v[0] <= '9')
	}
	return false
}

// guard puts a ' before the value that begins at start and ends where buf does, if it needs one.
func guard(buf []byte, start int) []byte {
	if !formula(buf[start:]) {
		return buf
	}
	buf = append(buf, 0)
	copy(buf[start+1:], buf[start:])
	buf[start] = '\''
	return buf
}

// deceptiveText reports whether text has something that a terminal would obey or not show.
func deceptiveText(text []byte) bool {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if deceptive(r) || r == utf8.RuneError && size == 1 {
			return true
		}
		text = text[size:]
	}
	return false
}
