package format

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// widthOf knows how wide text is on a terminal that isn't set to an East Asian encoding of old. The
// functions of its package would look into the environment for that.
var widthOf = runewidth.Condition{StrictEmojiNeutral: true}

// cutMark ends a cell that was cut.
const cutMark = "…"

// show makes a cell of text, in which nothing is left that drives a terminal or can't be seen.
func show(text []byte) cell {
	if plain(text) {
		return cell{text: string(text), width: len(text)}
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		showRune(&b, r, text[:size])
		text = text[size:]
	}
	return cell{text: b.String(), width: widthOf.StringWidth(b.String())}
}

// showRune writes one character, whose bytes are utf, so that it can be seen.
func showRune(b *strings.Builder, r rune, utf []byte) {
	switch {
	case r == utf8.RuneError && len(utf) == 1:
		fmt.Fprintf(b, `\x%02x`, utf[0])
	case !deceptive(r):
		b.Write(utf)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// showMarkdown makes a cell of text that Markdown shows as show does, save for line ends. An underscore
// inside of a word is none of Markdown's.
func showMarkdown(text []byte) cell {
	if plain(text) && !bytes.ContainsAny(text, "\\|`*_[]~<>&$") {
		return cell{text: string(text), width: len(text)}
	}
	var b strings.Builder
	word := func(c byte) bool {
		return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == '\r' && i+1 < len(text) && text[i+1] == '\n':
		case r == '\n' || r == '\r':
			b.WriteString("<br>")
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '_' && i > 0 && i+1 < len(text) && word(text[i-1]) && word(text[i+1]):
			b.WriteByte('_')
		case r < utf8.RuneSelf && strings.IndexByte("\\|`*_[]~>$", byte(r)) >= 0:
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		default:
			if deceptive(r) || r == utf8.RuneError && size == 1 {
				b.WriteByte('\\') // the backslash of the escape is shown
			}
			showRune(&b, r, text[i:i+size])
		}
		i += size
	}
	return cell{text: b.String(), width: widthOf.StringWidth(b.String())}
}

// cut shortens a cell to width, which is 1 at least and less than its own.
func cut(c cell, width int) cell {
	if c.width == len(c.text) { // printable ASCII, since nothing else is as wide as it is long
		c.text, c.width = c.text[:width-1]+cutMark, width
		return c
	}
	c.text = widthOf.Truncate(c.text, width, cutMark)
	c.width = widthOf.StringWidth(c.text)
	return c
}
