package stmt

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
)

// What an error quotes of a text that changes an org, or may: passwords stand in such texts, and errors
// end in logs. Literals and comments are hidden, and names where a value is expected, since a password
// without its quotes is a name. What was hidden in the text is hidden in messages, too.

// ellipsis stands in place of what is hidden.
const ellipsis = "…"

// A mask is a text with what it hides.
type mask struct {
	text   string
	hidden []token.Token // ascending
	words  []token.Token // that are hidden in messages, too
}

// changing are words of a text that may be about to change something. As tokens they say so for certain.
var (
	changing      = regexp.MustCompile(`(?i)\b(exec|execute|insert|update|credentials|password)\b`)
	changingKinds = []token.Kind{token.INSERT, token.UPDATE, token.DELETE, token.SET, token.INTO}
)

// onlyReads says whether a text changes nothing, whatever it was meant to be.
func onlyReads(text string, tokens []token.Token) bool {
	statements, err := Split(text)
	if err != nil || slices.ContainsFunc(statements, func(s Statement) bool { return s.Of == Unknown || s.Of == Create || s.Of.Changes() }) {
		return false
	}
	return !slices.ContainsFunc(tokens, func(t token.Token) bool {
		return slices.Contains(changingKinds, t.Kind) || t.Kind == token.ILLEGAL && changing.MatchString(text)
	})
}

// maskOf finds what to hide in a text; nothing in one that only reads. What stands at the offset open is
// shown.
func maskOf(text string, open int) *mask {
	m := &mask{text: text}
	tokens := lexer.Lex(text)
	if onlyReads(text, tokens) {
		return m
	}
	at := 0
	values, rest := valuesIn(text, tokens), openQuote(text, tokens)
	for i, t := range tokens {
		if i >= rest { // nobody knows what is a literal there
			m.words = append(m.words, t)
			continue
		}
		if gap := text[at:t.Pos]; strings.TrimSpace(gap) != "" { // a comment
			start := at + len(gap) - len(strings.TrimLeftFunc(gap, unicode.IsSpace))
			m.hidden = append(m.hidden, token.Token{Pos: start, End: at + len(strings.TrimRightFunc(gap, unicode.IsSpace))})
		}
		at = t.End
		if t.Pos != open && t.End > t.Pos && hides(text, tokens, i, values[i]) {
			m.hidden = append(m.hidden, t)
		}
	}
	m.words = append(m.words, m.hidden...)
	if rest < len(tokens) {
		m.hidden = append(m.hidden, token.Token{Pos: tokens[rest].Pos, End: len(text)})
	}
	return m
}

// openQuote returns the index of the first token with a quote if a quote isn't closed: with one too few or
// too many, what is in quotes and what isn't have changed places. Else there is none.
func openQuote(text string, tokens []token.Token) int {
	quoted := func(t token.Token) bool { return t.End > t.Pos && strings.ContainsRune("'\"`[", rune(text[t.Pos])) }
	open := func(t token.Token) bool { return t.Kind == token.ILLEGAL && strings.ContainsAny(t.Text(text), "'\"`[") }
	if !slices.ContainsFunc(tokens, open) {
		return len(tokens)
	}
	return slices.IndexFunc(tokens, func(t token.Token) bool { return quoted(t) || open(t) })
}

// hides says whether a token is hidden. value says that it stands where a secret may be expected.
func hides(text string, tokens []token.Token, i int, value bool) bool {
	beside := func(kinds ...token.Kind) bool {
		return i+1 < len(tokens) && slices.Contains(kinds, tokens[i+1].Kind) || i > 0 && slices.Contains(kinds, tokens[i-1].Kind) && slices.Contains(kinds, token.DOT)
	}
	switch t := tokens[i]; t.Kind {
	case token.STRING, token.BLOB:
		return true
	case token.ILLEGAL:
		return t.Text(text) != "@" // of @@json
	case token.INTEGER, token.FLOAT:
		return value
	case token.VARIABLE: // {"value":secret}, its quotes lost
		return value && i > 0 && tokens[i-1].End == t.Pos && (tokens[i-1].Kind == token.ID || tokens[i-1].Kind == token.STRING)
	case token.ID:
		switch text[t.Pos] {
		case '"', '`', '[':
			return !beside(token.DOT) && !(i > 0 && slices.Contains(tables, tokens[i-1].Kind))
		}
		if word := strings.ToLower(t.Text(text)); word == "true" || word == "false" {
			return false
		}
		return value && !beside(token.DOT) && !(i+1 < len(tokens) && tokens[i+1].Kind == token.LP)
	}
	return false
}

// tables are the words behind which a table's name stands, or a name that is given.
var tables = []token.Kind{token.UPDATE, token.FROM, token.INTO, token.JOIN, token.WITH, token.AS, token.TABLE}

// secretive are parts of the names of what may hold secrets.
var secretive = regexp.MustCompile(`(?i)cred|pass|pwd|secret|question|answer|token|key`)

// valuesIn says of each token whether it stands where a value is expected that may be a secret: among an
// EXEC's parameters, in VALUES, and behind the = of a column whose name says so.
func valuesIn(text string, tokens []token.Token) []bool {
	out := make([]bool, len(tokens))
	param, values, set, into := false, false, false, false
	depth, setDepth := 0, 0
	for i, t := range tokens {
		word := strings.ToUpper(t.Text(text))
		switch {
		case t.Kind == token.SEMI:
			param, values, set, into, depth = false, false, false, false, 0
		case t.Kind == token.VARIABLE && word[0] == '@':
			param = true
			continue
		case t.Kind == token.FOR, t.Kind == token.SELECT, t.Kind == token.WHERE, t.Kind == token.FROM, t.Kind == token.RETURNING:
			param, values, set, into = false, false, false, false
		case t.Kind == token.INTO:
			into = true
		case t.Kind == token.VALUES:
			values = true
		case t.Kind == token.LP:
			depth++
		case t.Kind == token.RP:
			depth--
			values = values || into && depth <= 0 // behind the columns
		case t.Kind == token.COMMA && depth <= setDepth:
			set = false
		case t.Kind == token.EQ && i > 0 && secretive.MatchString(tokens[i-1].Text(text)):
			set, setDepth = true, depth
		}
		out[i] = param || values || set
	}
	return out
}

// shown returns the text with what it hides replaced, and where an offset of it comes to.
func (m *mask) shown(pos int) (string, int) {
	var b strings.Builder
	at, out := 0, pos
	for _, h := range m.hidden {
		b.WriteString(m.text[at:h.Pos])
		if pos >= h.Pos && pos < h.End {
			out = b.Len()
		}
		switch first := m.text[h.Pos]; first {
		case '\'', '"':
			b.WriteString(string(first) + ellipsis + string(first))
		default:
			b.WriteString(ellipsis)
		}
		if at = h.End; pos >= at {
			out = pos - at + b.Len()
		}
	}
	b.WriteString(m.text[at:])
	return b.String(), out
}

// shortest is how many bytes a hidden word has at the least to be looked for in messages: shorter ones are
// words of any sentence.
const shortest = 3

// clean hides in a message what is hidden in the text.
func (m *mask) clean(msg string) string {
	var secrets []string
	for _, h := range m.words {
		raw := m.text[h.Pos:h.End]
		secrets = append(secrets, raw, Unquote(raw), strings.TrimPrefix(raw, ":"))
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, secret := range secrets {
		if len(secret) >= shortest {
			msg = replaceWord(msg, secret)
		}
	}
	return msg
}

// replaceWord replaces a word where it isn't part of a longer one.
func replaceWord(s, word string) string {
	part := func(r rune) bool { return r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	var b strings.Builder
	for {
		i := strings.Index(s, word)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(word):])
		whole := !(i > 0 && part(before) && part(first)) && !(i+len(word) < len(s) && part(after) && part(last))
		b.WriteString(s[:i])
		if whole {
			b.WriteString(ellipsis)
		} else {
			b.WriteString(word)
		}
		s = s[i+len(word):]
	}
}

// MaskValue hides in SQLite's message about a value what it quotes: where the value comes from (a parameter, a
// file, an org) the message doesn't say. Only what stands in the text that way is shown, if the text only reads.
func MaskValue(text, msg string) string {
	i := strings.IndexAny(msg, `'"`)
	if i < 0 {
		return maskOf(text, -1).clean(msg)
	}
	j := max(strings.LastIndexByte(msg, msg[i]), i) + 1
	tokens := lexer.Lex(text)
	literal := func(t token.Token) bool {
		return t.Kind == token.STRING && Unquote(t.Text(text)) == Unquote(msg[i:j])
	}
	if onlyReads(text, tokens) && slices.ContainsFunc(tokens, literal) {
		return msg
	}
	if j == i+1 { // it isn't closed
		j = len(msg)
	}
	return msg[:i] + "'" + ellipsis + "'" + msg[j:]
}
