package stmt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/token"
)

// A Name is a dotted name as typed.
type Name struct {
	Parts []string
	// Pos is the byte offset in the source of each part.
	Pos []int
}

// String returns the parts joined with dots.
func (n Name) String() string { return strings.Join(n.Parts, ".") }

// A ShowStatement is a parsed SHOW.
type ShowStatement struct {
	// What is PROVIDERS, SERVICES, RESOURCES, METHODS or ORGS.
	What     string
	Extended bool
	// In is the name behind IN or FROM: none for PROVIDERS and ORGS, one part for SERVICES, two for
	// RESOURCES, three for METHODS.
	In Name
	// Like is the pattern behind LIKE, which names must match; nil: all.
	Like *string
}

// A DescribeStatement is a parsed DESCRIBE.
type DescribeStatement struct {
	Extended bool
	Table    Name
}

// An ExecStatement is a parsed EXEC.
type ExecStatement struct {
	// Method has four parts: provider, service, resource, method.
	Method Name
	Args   []ExecArg
	// For is the SELECT behind FOR, and ForPos its offset; empty if there is none.
	For    string
	ForPos int
	// Returning is what stands behind RETURNING, and ReturningPos its offset; empty if there is none.
	Returning    string
	ReturningPos int
}

// An ExecArg is one @name = expression of an EXEC; @@json has Body set.
type ExecArg struct {
	Name string
	Body bool
	// Expr is the expression as typed, without white space or comments around it; ExprPos is its
	// offset in the source, Pos that of the name's @.
	Expr         string
	Pos, ExprPos int
}

// reader walks over a statement's tokens.
type reader struct {
	s Statement
	i int
}

func (r *reader) peek() token.Token {
	if r.i < len(r.s.tokens) {
		return r.s.tokens[r.i]
	}
	return token.Token{Kind: token.EOF, Pos: r.s.End, End: r.s.End}
}

func (r *reader) text() string { t := r.peek(); return t.Text(r.s.Source) }

// word consumes the next token if it is one of the words, and returns it in upper case.
func (r *reader) word(words ...string) string {
	t := strings.ToUpper(r.text())
	for _, w := range words {
		if t == w {
			r.i++
			return w
		}
	}
	return ""
}

func (r *reader) fail(msg, hint string) *Error {
	t := r.peek()
	if t.Kind == token.EOF {
		msg += ", but the statement ends"
	}
	return r.s.errorAt(t.Pos, msg, hint)
}

// name reads a dotted name of exactly n parts.
func (r *reader) name(n int, want string) (Name, *Error) {
	var out Name
	for {
		t := r.peek()
		if !token.IsIDJ(t.Kind) && !token.CanFallback(t.Kind) && !isKeyword(r.text()) {
			return out, r.fail("expected "+want, "")
		}
		out.Parts = append(out.Parts, Unquote(r.text()))
		out.Pos = append(out.Pos, t.Pos)
		r.i++
		if r.peek().Kind != token.DOT {
			break
		}
		r.i++
	}
	if len(out.Parts) != n {
		return out, r.s.errorAt(out.Pos[0], fmt.Sprintf("expected %s, got %q", want, out.String()), "")
	}
	return out, nil
}

// isKeyword reports whether a word is spelled like a name although SQL reserves it: behind a dot,
// and in our own statements, reserved words are names (okta.group.users).
func isKeyword(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (r *reader) end() *Error {
	if r.peek().Kind != token.EOF {
		return r.s.errorAt(r.peek().Pos, fmt.Sprintf("unexpected %q", r.text()), "")
	}
	return nil
}

// ParseShow parses a statement of kind Show.
func ParseShow(s Statement) (ShowStatement, error) {
	r := &reader{s: s, i: 1}
	var out ShowStatement
	out.Extended = r.word("EXTENDED") != ""
	out.What = r.word("PROVIDERS", "SERVICES", "RESOURCES", "METHODS", "ORGS")
	want := ""
	parts := 0
	switch out.What {
	case "":
		return out, r.fail("expected PROVIDERS, SERVICES, RESOURCES, METHODS or ORGS", "for example: SHOW METHODS IN okta.user.users")
	case "SERVICES":
		parts, want = 1, "a provider's name, such as okta"
	case "RESOURCES":
		parts, want = 2, "a service's name, such as okta.user"
	case "METHODS":
		parts, want = 3, "a resource's name, such as okta.user.users"
	}
	if parts > 0 {
		if r.word("IN", "FROM") == "" {
			return out, r.fail("expected IN and "+want, "")
		}
		name, err := r.name(parts, want)
		if err != nil {
			return out, err
		}
		out.In = name
	}
	if r.word("LIKE") != "" {
		if r.peek().Kind != token.STRING {
			return out, r.fail("expected a pattern in single quotes behind LIKE", "")
		}
		like := Unquote(r.text())
		out.Like = &like
		r.i++
	}
	if err := r.end(); err != nil {
		return out, err
	}
	return out, nil
}

// ParseDescribe parses a statement of kind Describe.
func ParseDescribe(s Statement) (DescribeStatement, error) {
	r := &reader{s: s, i: 1}
	var out DescribeStatement
	out.Extended = r.word("EXTENDED") != ""
	name, err := r.name(3, "a resource's name, such as okta.user.users")
	if err != nil {
		return out, err
	}
	out.Table = name
	if err := r.end(); err != nil {
		return out, err
	}
	return out, nil
}

// ParseExec parses a statement of kind Exec.
func ParseExec(s Statement) (ExecStatement, error) {
	r := &reader{s: s, i: 1}
	var out ExecStatement
	const example = "for example: EXEC okta.user.users.suspend @userId = 'dana@example.com'"
	name, err := r.name(4, "a method's name, such as okta.user.users.suspend")
	if err != nil {
		err.Hint = example
		return out, err
	}
	out.Method = name
	if r.peek().Kind == token.LP {
		return out, r.fail("the parameters of a method are named, and stand in no parentheses", example)
	}
	seen := map[string]bool{}
	for r.peek().Kind == token.VARIABLE || r.text() == "@" {
		arg, err := r.execArg()
		if err != nil {
			return out, err
		}
		key := strings.ToLower(arg.Name)
		if seen[key] {
			return out, s.errorAt(arg.Pos, fmt.Sprintf("@%s is given twice", arg.Name), "")
		}
		seen[key] = true
		out.Args = append(out.Args, arg)
		if r.peek().Kind != token.COMMA {
			continue // the one before @@json may be left out
		}
		r.i++
		if r.peek().Kind != token.VARIABLE && r.text() != "@" {
			return out, r.fail("expected @name = value behind the comma", "")
		}
	}
	if r.word("FOR") != "" {
		if len(s.tokens) <= r.i || kindOf(s.Source, s.tokens[r.i:]) != Select {
			return out, r.fail("expected a SELECT behind FOR", "")
		}
		out.ForPos = r.peek().Pos
		end := out.ForPos
		for depth := 0; r.peek().Kind != token.EOF && (depth > 0 || r.peek().Kind != token.RETURNING); r.i++ {
			switch end = r.peek().End; r.peek().Kind {
			case token.LP:
				depth++
			case token.RP:
				depth--
			}
		}
		out.For = s.Source[out.ForPos:end]
	}
	if r.peek().Kind == token.RETURNING {
		r.i++
		if r.peek().Kind == token.EOF {
			return out, r.fail("expected columns behind RETURNING", "")
		}
		out.ReturningPos = r.peek().Pos
		out.Returning = s.Source[out.ReturningPos:s.End]
		return out, nil
	}
	if err := r.end(); err != nil {
		return out, err
	}
	return out, nil
}

// execArg reads @name = expression. The lexer reads @@json as a stray @ and the variable @json.
func (r *reader) execArg() (ExecArg, *Error) {
	t := r.peek()
	arg := ExecArg{Pos: t.Pos}
	if t.Kind == token.ILLEGAL {
		arg.Body = true
		r.i++
		if n := r.peek(); n.Kind != token.VARIABLE || n.Pos != t.End {
			return arg, r.fail("expected @@json", "")
		}
	}
	text := r.text()
	if text[0] != '@' || len(text) < 2 {
		return arg, r.fail("expected @name = value", "")
	}
	arg.Name = text[1:]
	if arg.Body && !strings.EqualFold(arg.Name, "json") {
		return arg, r.fail("expected @@json", "")
	}
	r.i++
	if r.peek().Kind != token.EQ {
		return arg, r.fail(fmt.Sprintf("expected = behind @%s", arg.Name), "")
	}
	r.i++
	start, end, depth := r.peek().Pos, r.peek().Pos, 0
	for t := r.peek(); t.Kind != token.EOF; t = r.peek() {
		if depth == 0 && (t.Kind == token.COMMA || t.Kind == token.FOR || t.Kind == token.RETURNING || r.text() == "@") {
			break
		}
		switch t.Kind {
		case token.LP:
			depth++
		case token.RP:
			if depth--; depth < 0 {
				return arg, r.fail("a ) without its (", "")
			}
		}
		end = t.End
		r.i++
	}
	if start == end {
		return arg, r.fail(fmt.Sprintf("expected a value for @%s", arg.Name), "")
	}
	if depth > 0 {
		return arg, r.fail("a ( without its )", "")
	}
	arg.Expr, arg.ExprPos = r.s.Source[start:end], start
	return arg, nil
}

// Unquote returns the name or string that a token spells: quotes taken off, doubled quotes undone.
func Unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	q := s[0]
	switch q {
	case '"', '`', '\'':
		if s[len(s)-1] != q {
			return s
		}
		return strings.ReplaceAll(s[1:len(s)-1], string([]byte{q, q}), string(q))
	case '[':
		return strings.TrimSuffix(s[1:], "]")
	}
	return s
}

// Quote returns a name in double quotes.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal returns a text as a SQL string literal.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// A BoundParam is a parameter of a statement whose value is given beside the text.
type BoundParam struct {
	// Name is without its sigil; a parameter without a name (? and ?1) is as typed.
	Name string
	// Pos is the byte offset of its first use in the source.
	Pos int
}

// BoundParams returns the parameters of a statement, each once, in order of appearance. What an EXEC
// names by @ isn't among them, and in one that can't be read there are none.
func BoundParams(s Statement) []BoundParam {
	var out []BoundParam
	seen := map[string]bool{}
	tokens := s.tokens
	if s.Of == Exec {
		tokens = nil
		if c, err := parseExecChange(s.Proper()); err == nil {
			tokens = slices.Concat(c.Constants.tokens, c.Rows.tokens, c.Returning.tokens)
		}
	}
	for _, t := range tokens {
		if t.Kind != token.VARIABLE || t.Pos < s.Body {
			continue
		}
		name := t.Text(s.Source)
		if name[0] != '?' {
			name = name[1:]
		}
		if !seen[name] {
			seen[name] = true
			out = append(out, BoundParam{name, t.Pos})
		}
	}
	return out
}
