package okta

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep an answer's JSON may nest: SQLite's own limit. A body of
// nothing but brackets must not exhaust the stack.
const maxDepth = 1000

// maxItems is how many objects an answer may have, fifty times as many as Okta
// gives. Each takes 48 bytes beside the body, but needs only three of it.
const maxItems = 10_000

// splitPage checks that body is a JSON array of objects and appends each
// object, as a sub-slice of body, to items, and the text of its member "id"
// (still escaped; nil where there is no such string) to ids. One pass does it
// all: every byte of every page goes through here while SQLite waits.
// problem is empty, or says what is wrong with the body.
func splitPage(body []byte, items, ids [][]byte) (_, _ [][]byte, problem string) {
	i := space(body, 0)
	if i == len(body) {
		return nil, nil, "an empty body"
	}
	if body[i] != '[' {
		if ok, _ := validJSON(body); !ok {
			return nil, nil, notJSON(body, i)
		}
		return nil, nil, kindOf(body[i]) + " came where an array was due"
	}
	if !utf8.Valid(body) {
		return nil, nil, "not JSON: invalid UTF-8"
	}
	i = space(body, i+1)
	for more := i == len(body) || body[i] != ']'; more; {
		if i < len(body) && body[i] != '{' {
			end, ok := value(body, i, 1)
			if !ok {
				return nil, nil, notJSON(body, end)
			}
			return nil, nil, fmt.Sprintf("an object was due as element %d of the array, not %s", len(items)+1, kindOf(body[i]))
		}
		if len(items) == maxItems {
			return nil, nil, fmt.Sprintf("more than %d objects", maxItems)
		}
		var id []byte
		end, ok := i, false
		if i < len(body) {
			end, ok = object(body, i+1, 2, &id)
		}
		if !ok {
			return nil, nil, notJSON(body, end)
		}
		items, ids = append(items, body[i:end:end]), append(ids, id)
		i = space(body, end)
		if i == len(body) || body[i] != ',' && body[i] != ']' {
			return nil, nil, notJSON(body, i)
		}
		if more = body[i] == ','; more {
			i = space(body, i+1)
		}
	}
	if i = space(body, i+1); i != len(body) {
		return nil, nil, notJSON(body, i)
	}
	return items, ids, ""
}

// checkObject says what is wrong with a body that should be one JSON object;
// empty when nothing is.
func checkObject(body []byte) string {
	i := space(body, 0)
	if i == len(body) {
		return "an empty body"
	}
	if ok, at := validJSON(body); !ok {
		return notJSON(body, at)
	}
	if body[i] != '{' {
		return kindOf(body[i]) + " came where an object was due"
	}
	return ""
}

// validJSON says whether data is one JSON value in valid UTF-8, and if not, at
// which byte it stops being one.
func validJSON(data []byte) (bool, int) {
	if !utf8.Valid(data) {
		return false, 0
	}
	end, ok := value(data, space(data, 0), 1)
	if !ok {
		return false, end
	}
	end = space(data, end)
	return end == len(data), end
}

func notJSON(body []byte, at int) string {
	switch {
	case body[space(body, 0)] == '<':
		return "HTML or XML came where JSON was due"
	case at >= len(body):
		return fmt.Sprintf("the JSON breaks off after %d bytes", len(body))
	}
	return fmt.Sprintf("not JSON (byte %d)", at)
}

// kindOf names the kind of the JSON value that begins with b.
func kindOf(b byte) string {
	switch b {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// The functions below each read one piece of JSON (RFC 8259) of b from i, and
// return the index behind it; or, with false, the index where it went wrong.

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func value(b []byte, i, depth int) (int, bool) {
	if i >= len(b) || depth > maxDepth {
		return i, false
	}
	switch c := b[i]; {
	case c == '"':
		return str(b, i+1)
	case c == '{':
		return object(b, i+1, depth+1, nil)
	case c == '[':
		return array(b, i+1, depth+1)
	case c == 't':
		return word(b, i, "true")
	case c == 'f':
		return word(b, i, "false")
	case c == 'n':
		return word(b, i, "null")
	case c == '-' || digit(c):
		return number(b, i)
	}
	return i, false
}

// object reads an object from behind its "{". If id isn't nil, it gets the
// contents of the first member "id" that is a string.
func object(b []byte, i, depth int, id *[]byte) (int, bool) {
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return i, false
		}
		var ok bool
		key := i
		if i, ok = str(b, i+1); !ok {
			return i, false
		}
		isID := id != nil && *id == nil && string(b[key:i]) == `"id"`
		i = space(b, i)
		if i >= len(b) || b[i] != ':' {
			return i, false
		}
		from := space(b, i+1)
		if i, ok = value(b, from, depth); !ok {
			return i, false
		}
		if isID && b[from] == '"' {
			*id = b[from+1 : i-1]
		}
		i = space(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != '}' {
			return i, false
		}
		if b[i] == '}' {
			return i + 1, true
		}
		i = space(b, i+1)
	}
}

// array reads an array from behind its "[".
func array(b []byte, i, depth int) (int, bool) {
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = value(b, i, depth); !ok {
			return i, false
		}
		i = space(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != ']' {
			return i, false
		}
		if b[i] == ']' {
			return i + 1, true
		}
		i = space(b, i+1)
	}
}

// str reads a string from behind its opening quote.
func str(b []byte, i int) (int, bool) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for {
		// Eight bytes at a time: in each byte of stop, the high bit is set if
		// that byte is a quote, a backslash or a control character. Borrows
		// make false hits, but only behind a true one, and the first counts.
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			quote, slash := x^(ones*'"'), x^(ones*'\\')
			stop := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & highs
			if stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		if i >= len(b) || b[i] < ' ' {
			return i, false
		}
		if b[i] == '"' {
			return i + 1, true
		}
		var ok bool
		if i, ok = escape(b, i+1); !ok {
			return i, false
		}
	}
}

// escape reads an escape from behind its backslash.
func escape(b []byte, i int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, true
	case 'u':
		for n := 1; n <= 4; n++ {
			if i+n >= len(b) || !hex(b[i+n]) {
				return i + n, false
			}
		}
		return i + 5, true
	}
	return i, false
}

func hex(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func word(b []byte, i int, w string) (int, bool) {
	if len(b)-i < len(w) {
		return len(b), false
	}
	return i + len(w), string(b[i:i+len(w)]) == w
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func digits(b []byte, i int) int {
	for i < len(b) && digit(b[i]) {
		i++
	}
	return i
}

func number(b []byte, i int) (int, bool) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || !digit(b[i]):
		return i, false
	case b[i] == '0':
		i++
	default:
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			return i, false
		}
	}
	return i, true
}
