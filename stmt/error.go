package stmt

import (
	"fmt"
	"strings"
)

// An Error is something wrong with a statement's text, at a place in what the user typed.
type Error struct {
	// Text is the whole text that was given, with all its statements.
	Text string
	// Pos is the byte offset in Text of what is wrong, or -1 if the place is not known.
	Pos int
	// Msg says what is wrong, in lower case, without the position.
	Msg string
	// Hint says what to do next; may be empty.
	Hint string
	// Err is the error that Msg is the text of, if it has a type of its own; else nil.
	Err error
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Error returns "line:column: message", or the message alone when the place is not known.
func (e *Error) Error() string {
	if e.Pos < 0 || e.Pos > len(e.Text) {
		return e.Msg
	}
	line, col := e.LineCol()
	return fmt.Sprintf("%d:%d: %s", line, col, e.Msg)
}

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
// offset of the error within it.
func (e *Error) Line() (line string, offset int) {
	if e.Pos < 0 || e.Pos > len(e.Text) {
		return "", -1
	}
	start := strings.LastIndexByte(e.Text[:e.Pos], '\n') + 1
	end := strings.IndexByte(e.Text[e.Pos:], '\n')
	if end < 0 {
		end = len(e.Text)
	} else {
		end += e.Pos
	}
	return strings.TrimSuffix(e.Text[start:end], "\r"), e.Pos - start
}
