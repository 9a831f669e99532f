package stmt

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzMask has errors at any place of any text: what is shown of them is whole, points into the line, and has
// none of the literals of a statement that changes something.
func FuzzMask(f *testing.F) {
	for _, s := range []string{
		"EXEC okta.user.users.update @userId = 'me', @credentials = '{\"password\":{\"value\":\"x\"}}'",
		"UPDATE t SET a = 'it''s' -- 'comment\n, b = x'00' WHERE c = \"d",
		"INSERT INTO t (a) VALUES ([b], `c`, 1e9, :d) /* e */ RETURNING f; SELECT 'g'",
		"SELECT 'a'; WITH x AS (VALUES ('b')) DELETE FROM t", "x'", "'", "@@json='", "VALUES ('ü🙂\u2028')", "\x00 UPDATE '\xff'",
	} {
		f.Add(s, 5, "near \"x\": syntax error")
	}
	f.Fuzz(func(t *testing.T, text string, pos int, msg string) {
		if len(text) > 1<<12 {
			return
		}
		for _, open := range []bool{false, true} {
			e := &Error{Text: text, Pos: pos, Msg: msg, Hint: msg, Open: open}
			line, offset := e.Line()
			if offset > len(line) || offset < -1 || strings.Contains(line, "\n") {
				t.Fatalf("%q at %d: the caret is at %d of %q", text, pos, offset, line)
			}
			if utf8.ValidString(text) && utf8.ValidString(msg) && !(utf8.ValidString(e.Error()) && utf8.ValidString(e.Advice())) {
				t.Fatalf("%q, %q: %q", text, msg, e.Error())
			}
		}
		marked := "UPDATE okta.user.users SET credentials = 'MARKED' " + text
		e := &Error{Text: marked, Pos: pos, Msg: "near \"'MARKED'\": " + "MARKED", Hint: "MARKED"}
		line, _ := e.Line()
		if shown := e.Error() + line + e.Advice(); strings.Contains(shown, "MARKED") && !strings.Contains(text, "MARKED") {
			t.Fatalf("%q shows %q", marked, shown)
		}
	})
}
