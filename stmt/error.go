package stmt

import (
	"fmt"
	"strings"
)

// An Error is something wrong with a statement's text, at a place in what the user typed. Its methods show
// nothing of a text that changes an org but its words: literals and comments, in which secrets may be, are
// left out. Its fields have all of it.
type Error struct {
	// Text is the whole text that was given, with all its statements.
	Text string
	// Pos is the byte offset in Text of what is wrong, or -1 if the place is not known.
	Pos int
	// Msg says what is wrong, in lower case, without the position.
	Msg string
	// Hint says what to do next; may be empty.
	Hint string
	// Open says that what stands at Pos is no secret, and may be shown: an org's name, say.
	Open bool
	// Err is the error that Msg is the text of, if it has a type of its own; else nil.
	Err error
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// mask is what to hide.
func (e *Error) mask() *mask {
	open := -1
	if e.Open {
		open = e.Pos
	}
	return maskOf(e.Text, open)
}

// Error returns "line:column: message", or the message alone when the place is not known.
func (e *Error) Error() string {
	msg := e.mask().clean(e.Msg)
	if e.Pos < 0 || e.Pos > len(e.Text) {
		return msg
	}
	line, col := e.LineCol()
	return fmt.Sprintf("%d:%d: %s", line, col, msg)
}

// Advice returns the hint.
func (e *Error) Advice() string { return e.mask().clean(e.Hint) }

// LineCol returns the 1-based line of the error and its 1-based column, counted in characters; 0, 0 if
// the place is not known.
func (e *Error) LineCol() (line, col int) {
	if e.Pos < 0 || e.Pos > len(e.Text) {
		return 0, 0
	}
	before := e.Text[:e.Pos]
	line = 1 + strings.Count(before, "\n")
	start := strings.LastIndexByte(before, '\n') + 1
	return line, 1 + len([]rune(before[start:]))
}

// Line returns the line of the text that the error is in, without its line end, and the byte
// offset of the error within it. Instead of what is hidden it has an ellipsis.
func (e *Error) Line() (line string, offset int) {
	if e.Pos < 0 || e.Pos > len(e.Text) {
		return "", -1
	}
	text, pos := e.mask().shown(e.Pos)
	start := strings.LastIndexByte(text[:pos], '\n') + 1
	end := strings.IndexByte(text[pos:], '\n')
	if end < 0 {
		end = len(text)
	} else {
		end += pos
	}
	line = strings.TrimSuffix(text[start:end], "\r")
	return line, min(pos-start, len(line))
}
