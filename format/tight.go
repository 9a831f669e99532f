package format

// tight reports whether b is a JSON value without white space around its tokens, which json.Compact would only
// copy. It is several times as fast; where it isn't sure, as with numbers that have an exponent, it says no.
func tight(b []byte) bool {
	end := tightValue(b, 0, 0)
	return end >= 0 && end == len(b)
}

// tightDepth is how deep what tight looks at may nest.
const tightDepth = 100

// The functions below return the index behind what begins at i, or -1.

func tightValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; c {
	case '"':
		return tightString(b, i)
	case '{', '[':
		return tightComposite(b, i, depth+1)
	case 't':
		return tightWord(b, i, "true")
	case 'f':
		return tightWord(b, i, "false")
	case 'n':
		return tightWord(b, i, "null")
	default:
		return tightNumber(b, i)
	}
}

// tightComposite reads an object or an array.
func tightComposite(b []byte, i, depth int) int {
	object := b[i] == '{'
	last := b[i] + 2 // ASCII has the closing one there
	if depth > tightDepth {
		return -1
	}
	if i++; i < len(b) && b[i] == last {
		return i + 1
	}
	for {
		if object {
			if i >= len(b) || b[i] != '"' {
				return -1
			}
			if i = tightString(b, i); i < 0 || i >= len(b) || b[i] != ':' {
				return -1
			}
			i++
		}
		if i = tightValue(b, i, depth); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case last:
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func tightString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			if i >= len(b) {
				return -1
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			default:
				return -1
			}
		}
	}
	return -1
}

func tightWord(b []byte, i int, word string) int {
	if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
		return end
	}
	return -1
}

func tightNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	from := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == from || b[from] == '0' && i > from+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		for i = from; i < len(b) && '0' <= b[i] && b[i] <= '9'; {
			i++
		}
		if i == from {
			return -1
		}
	}
	return i
}
