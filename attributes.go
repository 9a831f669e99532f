package whoql

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
	"github.com/whoql/whoql/vtab"
)

// A learner finds the columns of a statement that SQLite doesn't know among the attributes of its
// orgs. It adds those that are missing, and no others: a column that is there could take the place of
// another table's, or of an outer SELECT's, of the same name.
type learner struct {
	query *query
	orgs  []orgClient
	// known are the attributes of the orgs; of are the names of those that were looked at, unread of
	// those that weren't.
	known      []catalog.Attribute
	of, unread []string
}

// learn adds the column that SQLite said it doesn't know. It returns false if there is nothing to add,
// and an error if it could not find out.
func (l *learner) learn(ctx context.Context, text *stmt.Query, failure error) (bool, error) {
	names := unknownColumn(failure)
	if len(names) == 0 {
		return false, nil
	}
	if _, columns := l.query.csvOf(text, names[0]); columns != nil {
		return false, nil // what isn't in a file no org has
	}
	texts := []*stmt.Query{text}
	if text.Uses > len(text.Tables) {
		texts = append(texts, l.query.views...) // which it may read
	}
	var tables []*catalog.Resource
	search := true
	for _, t := range texts {
		for _, p := range t.Tables {
			if r := l.query.catalog.Lookup(p); r != nil && r.Schemas != "" && !slices.Contains(tables, r) {
				tables = append(tables, r)
			}
		}
		search = search && !t.OrgsElsewhere
	}
	if len(tables) == 0 {
		return false, nil
	}
	if l.orgs == nil {
		for _, t := range texts {
			if err := l.orgsOf(t); err != nil {
				return false, err
			}
		}
	}
	for _, again := range []bool{false, true} {
		if err := l.read(ctx, again); err != nil {
			return false, err
		}
		if l.add(tables, names, search) {
			return true, l.query.use(l.query.catalog.With(tables...))
		}
	}
	return false, nil
}

// unknownColumn returns the names that the column can have which SQLite doesn't know: it says u.badge,
// which may be a column of u, or a column with a dot in its name.
func unknownColumn(err error) []string {
	var syntax *vtab.SyntaxError
	if !errors.As(err, &syntax) {
		return nil
	}
	name, ok := strings.CutPrefix(syntax.Msg, "no such column: ")
	if ok {
		name, _, _ = strings.Cut(name, " - should this be a string literal")
	} else if name, ok = strings.CutPrefix(syntax.Msg, "cannot join using column "); ok {
		name, ok = strings.CutSuffix(name, " - column not present in both tables")
	}
	if !ok {
		return nil
	}
	if strings.HasPrefix(name, `"`) {
		return []string{stmt.Unquote(name)}
	}
	names := []string{name}
	for i, c := range name {
		if c == '.' {
			names = append(names, name[i+1:])
		}
	}
	return names
}

// orgsOf adds the orgs that a text names, and the default one if it reads that too, or if nothing is
// known.
func (l *learner) orgsOf(text *stmt.Query) error {
	if len(text.Tables) == 0 {
		return nil
	}
	add := func(names []any) error {
		orgs, err := l.query.orgs(names)
		for _, o := range orgs {
			if !slices.ContainsFunc(l.orgs, func(have orgClient) bool { return have.client == o.client }) {
				l.orgs = append(l.orgs, o)
			}
		}
		return err
	}
	var names []any
	for _, o := range text.Orgs {
		names = append(names, o.Name)
	}
	if len(names) > 0 {
		if err := add(names); err != nil || !text.ByDefault {
			return err
		}
	}
	return add(nil)
}

// read learns what attributes the orgs have; with again, from the orgs themselves if they were not
// asked yet.
func (l *learner) read(ctx context.Context, again bool) error {
	var lists [][]catalog.Attribute
	l.of, l.unread = nil, nil
	for _, o := range l.orgs {
		s, err := l.query.schemasOf(ctx, o, again, l.query.silent)
		switch {
		case ctx.Err() != nil && err != nil:
			return context.Cause(ctx)
		case err != nil:
			return &schemaError{o.name, err}
		case s == nil:
			l.unread = append(l.unread, o.name)
			continue
		}
		l.of = append(l.of, o.name)
		lists = append(lists, s.Attributes)
	}
	l.known = catalog.MergeAttributes(lists...)
	return nil
}

// add puts the first of the names that is an attribute into the tables, and reports whether it is new
// to one of them.
func (l *learner) add(tables []*catalog.Resource, names []string, search bool) bool {
	added := false
	for i, r := range tables {
		base := l.query.engine.catalog.Lookup(r.Path())
		columns := base.AttributeColumns(l.known, search && len(l.unread) == 0)
		for _, name := range names {
			at := slices.IndexFunc(columns, func(c *catalog.Column) bool { return catalog.SameName(c.Name, name) })
			if at >= 0 && r.Column(name) == nil {
				tables[i] = r.WithColumns(columns[at])
				l.query.learned[strings.ToLower(r.Path()+"."+columns[at].Name)] = columns[at].Type
				added = true
				break
			}
		}
	}
	return added
}

// explain makes the error of a statement that can't be compiled. why is what kept the learner from
// finding out about a column.
func (l *learner) explain(text *stmt.Query, shift int, failure, why error) error {
	names := unknownColumn(failure)
	var e *stmt.Error
	explained := l.query.explainError(text, shift, failure, l)
	if len(names) == 0 || !errors.As(explained, &e) {
		return explained
	}
	name := names[len(names)-1]
	inJSON := "profile->>" + stmt.Literal(name)
	var schemas *schemaError
	switch {
	case errors.As(why, &schemas) && schemas.refused():
		e.Msg += "; whether " + schemas.org + " has such an attribute is not known, since its user schemas can't be read: " + schemas.err.Error()
		e.Hint = "if it has, write " + inJSON + ", or use a credential that may read user types and schemas"
		e.Err = why
	case why != nil:
		return why
	case len(l.unread) > 0:
		e.Msg += ", as far as is known without a request"
		if !strings.HasPrefix(e.Hint, "did you mean") {
			e.Hint = ""
		}
		e.Hint += " EXPLAIN sends nothing. To find the column, the SELECT would first read the user schemas of " + strings.Join(l.unread, " and ") +
			": GET " + userTypesPath + ", and the schema of each type; or write " + inJSON
		e.Hint = strings.TrimSpace(e.Hint)
	}
	return e
}
