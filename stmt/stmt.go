// Package stmt is the front of whoql's SQL: it splits a text into statements, says what kind each
// is, parses the statements that SQLite does not know (SHOW, DESCRIBE, EXEC), and rewrites
// three-part names such as okta.user.users so that SQLite can read the rest.
//
// [Split] gives the [Statement]s of a text; [Rewrite] turns one into a [Query] for SQLite that maps
// every position back to what was typed. All types are values without shared state and may be used
// concurrently. The package never judges SQL: SQLite does, when it prepares the rewritten text.
// A construct that the parser here cannot read costs short names and the early check of request
// parameters, never a result.
package stmt

import (
	"strings"

	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
)

// Words are the words that the statements begin with which whoql runs.
var Words = []string{"SELECT", "VALUES", "WITH", "EXPLAIN", "SHOW", "DESCRIBE", "INSERT", "UPDATE", "DELETE", "EXEC", "CREATE", "DROP"}

// A Kind is what a statement does.
type Kind int

const (
	// Unknown is a statement that whoql does not run.
	Unknown Kind = iota
	// Select is SELECT, VALUES or WITH … SELECT.
	Select
	// Explain is EXPLAIN before a SELECT or a change: the API calls it would make.
	Explain
	// QueryPlan is EXPLAIN QUERY PLAN SELECT: SQLite's own plan.
	QueryPlan
	// Show is SHOW PROVIDERS, SERVICES, RESOURCES, METHODS or ORGS.
	Show
	// Describe is DESCRIBE: a table's columns.
	Describe
	// Create and Drop make and drop temporary tables and views, and tables of attached files.
	Create
	Drop
	// Insert, Update, Delete and Exec change an org; the first three also a temporary table, or one of an
	// attached file: see Changed.
	Insert
	Update
	Delete
	Exec
)

var kindNames = [...]string{"unknown", "SELECT", "EXPLAIN", "EXPLAIN QUERY PLAN", "SHOW", "DESCRIBE", "CREATE", "DROP", "INSERT", "UPDATE", "DELETE", "EXEC"}

// String returns the SQL words of the kind.
func (k Kind) String() string { return kindNames[k] }

// Changes reports whether statements of the kind change an org, or may.
func (k Kind) Changes() bool { return k >= Insert }

// A Statement is one statement of a text.
type Statement struct {
	// Source is the whole text that was split; Start and End bound the statement in it, without
	// the semicolon and without white space or comments around it.
	Source     string
	Start, End int
	Kind       Kind
	// Body is where the statement proper begins: behind EXPLAIN [QUERY PLAN], else Start.
	Body int
	// Of is the kind of the statement proper.
	Of Kind
	// Vertical says that the statement ended in \G, or in psql's \gx, and not in a semicolon: its
	// rows are wanted one column below the other.
	Vertical bool

	tokens []token.Token // the statement's, with positions in Source
	edits  []edit        // on Source, ascending, that make the statement what it is: see ParseChange
}

// Text returns the statement as typed.
func (s Statement) Text() string { return s.Source[s.Start:s.End] }

// errorAt returns an Error at a byte offset of the source.
func (s Statement) errorAt(pos int, msg, hint string) *Error {
	return &Error{Text: s.Source, Pos: pos, Msg: msg, Hint: hint}
}

// MaxText is the longest text that Split accepts, in bytes.
const MaxText = 1 << 20

// Split cuts a text into its statements at the semicolons, \G and \gx that stand outside strings,
// comments and quoted names. Empty statements are dropped; \G behind a semicolon belongs to the
// statement before it. The error, if any, is an [*Error].
func Split(text string) ([]Statement, error) {
	if len(text) > MaxText {
		return nil, &Error{Text: text, Pos: -1, Msg: "the text is longer than 1 MiB", Hint: "run it in parts"}
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, &Error{Text: text, Pos: i, Msg: "a NUL byte in the text", Hint: "is this a text file in UTF-8?"}
	}
	var out []Statement
	tokens := lexer.Lex(text)
	first := 0
	for i, t := range tokens {
		vertical := endsVertical(text, tokens[i:])
		if t.Kind != token.SEMI && t.Kind != token.EOF && !vertical {
			continue
		}
		if i > first {
			out = append(out, classify(text, tokens[first:i]))
		}
		first = i + 1
		if vertical {
			first++
			if len(out) > 0 {
				out[len(out)-1].Vertical = true
			}
		}
	}
	return out, nil
}

// endsVertical reports whether the tokens begin with \G or \gx: a backslash, which SQL has no use for,
// and the letters right behind it.
func endsVertical(text string, tokens []token.Token) bool {
	if len(tokens) < 2 || tokens[0].Kind != token.ILLEGAL || tokens[0].Text(text) != `\` || tokens[1].Pos != tokens[0].End {
		return false
	}
	name := tokens[1].Text(text)
	return name == "G" || name == "gx"
}

func classify(text string, tokens []token.Token) Statement {
	s := Statement{Source: text, Start: tokens[0].Pos, End: tokens[len(tokens)-1].End, tokens: tokens}
	s.Body = s.Start
	rest := tokens
	if tokens[0].Kind == token.EXPLAIN {
		rest = tokens[1:]
		s.Kind = Explain
		if len(rest) >= 2 && rest[0].Kind == token.QUERY && rest[1].Kind == token.PLAN {
			rest = rest[2:]
			s.Kind = QueryPlan
		}
		if len(rest) > 0 {
			s.Of = kindOf(text, rest)
		}
		if s.Of != Select && (s.Kind == QueryPlan || !s.Of.Changes()) {
			s.Kind = Unknown
			return s
		}
		s.Body = rest[0].Pos
		return s
	}
	s.Kind = kindOf(text, rest)
	s.Of = s.Kind
	return s
}

// Proper returns the statement without EXPLAIN [QUERY PLAN] in front of it.
func (s Statement) Proper() Statement {
	for len(s.tokens) > 0 && s.tokens[0].Pos < s.Body {
		s.tokens = s.tokens[1:]
	}
	s.Kind, s.Start = s.Of, s.Body
	return s
}

// kindOf looks at a statement's first word, and behind WITH at the first word outside parentheses
// that begins a statement.
func kindOf(text string, tokens []token.Token) Kind {
	switch tokens[0].Kind {
	case token.SELECT, token.VALUES:
		return Select
	case token.INSERT, token.REPLACE:
		return Insert
	case token.CREATE:
		return Create
	case token.DROP:
		return Drop
	case token.UPDATE:
		return Update
	case token.DELETE:
		return Delete
	case token.WITH:
		depth := 0
		for _, t := range tokens[1:] {
			switch t.Kind {
			case token.LP:
				depth++
			case token.RP:
				depth--
			case token.SELECT, token.VALUES, token.INSERT, token.REPLACE, token.UPDATE, token.DELETE:
				if depth == 0 {
					return kindOf(text, []token.Token{t})
				}
			}
		}
		return Select // incomplete: SQLite says so best
	case token.ID, token.DESC:
		switch strings.ToUpper(tokens[0].Text(text)) {
		case "SHOW":
			return Show
		case "DESCRIBE", "DESC":
			return Describe
		case "EXEC", "EXECUTE":
			return Exec
		}
	}
	return Unknown
}
