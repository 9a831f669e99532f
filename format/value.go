package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode"
)

// appendText appends a value other than nil as the plain text that csv and table show. scratch is
// there to be used again.
func appendText(buf []byte, v any, scratch *bytes.Buffer) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return append(buf, v...), nil
	case int64:
		return strconv.AppendInt(buf, v, 10), nil
	case float64:
		return appendFloat(buf, v), nil
	case bool:
		return strconv.AppendBool(buf, v), nil
	case json.RawMessage:
		raw, err := compact(v, scratch)
		return append(buf, raw...), err
	case []byte:
		return base64.StdEncoding.AppendEncode(buf, v), nil
	}
	return buf, fmt.Errorf("values of type %T can't be written", v)
}

// compact returns raw without white space: raw itself, or memory that belongs to scratch.
func compact(raw json.RawMessage, scratch *bytes.Buffer) ([]byte, error) {
	if raw == nil {
		return []byte("null"), nil
	}
	if tight(raw) {
		return raw, nil
	}
	scratch.Reset()
	if json.Compact(scratch, raw) != nil {
		return nil, errInvalidJSON
	}
	return scratch.Bytes(), nil
}

// appendFloat appends the shortest digits that read back as v, with an exponent only where there
// would be many zeros, and with ".0" where a whole number would look like an integer.
func appendFloat(buf []byte, v float64) []byte {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.AppendFloat(buf, v, 'g', -1, 64)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(buf, v, 'e', -1, 64)
	}
	start := len(buf)
	buf = strconv.AppendFloat(buf, v, 'f', -1, 64)
	if bytes.IndexByte(buf[start:], '.') < 0 {
		buf = append(buf, ".0"...)
	}
	return buf
}

// deceptive reports whether a terminal would obey r rather than show it, or show nothing where
// something is: control characters, bidirectional overrides, line separators, invisible format
// characters. The two joiners stay, since Persian and emoji need them, and so do the marks of
// numbers that Arabic writes first, which are visible.
func deceptive(r rune) bool {
	switch {
	case r < 0x20 || 0x7f <= r && r < 0xa0:
		return true
	case r < 0xa0 || r == '\u200c' || r == '\u200d':
		return false
	case r == '\u2028' || r == '\u2029':
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// plain reports whether text is printable ASCII, which needs no escapes and is as wide as it is long.
func plain(text []byte) bool {
	for _, c := range text {
		if c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}
