package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/page"
)

const docsHelp = `whoql docs          lists the tables
whoql docs TABLE    prints the page of a table: fields, methods, parameters, examples

For example whoql docs okta.user.users. On a terminal it is plain text as wide as the terminal, in a file or a pipe Markdown. Nothing is sent.
`

// docs is whoql docs.
func (c *command) docs(_ context.Context, args []string) error {
	words, err := parse(c.flagSet("docs", docsHelp), args)
	if err != nil {
		return err
	}
	if len(words) > 1 {
		return &usageError{msg: "whoql docs takes the name of one table, not " + strings.Join(words, " "), hint: "whoql docs lists them"}
	}
	all, err := catalog.Load()
	if err != nil {
		return err
	}
	if len(words) == 0 {
		for _, r := range all.Resources() {
			short, _, _ := strings.Cut(r.Description, ". ")
			if err := c.print(fmt.Sprintf("%-18s  %s\n", r.Path(), strings.TrimSuffix(short, "."))); err != nil {
				return err
			}
		}
		return nil
	}
	r := all.Lookup(words[0])
	if r == nil {
		return &usageError{msg: "no such table: " + words[0], hint: tableHint(all, words[0])}
	}
	if isTerminal(c.stdout) {
		width := terminalWidth(c.stdout)
		if width <= 0 || width > 100 {
			width = 100 // longer lines are hard to read
		}
		return c.print(page.Of(r).Text(width))
	}
	return c.print(page.Of(r).Markdown())
}

// print writes to standard output.
func (c *command) print(text string) error {
	if _, err := io.WriteString(c.stdout, text); err != nil {
		return &outputError{err}
	}
	return nil
}

// tableHint says which table may have been meant: one whose last names these are, or the nearest.
func tableHint(all *catalog.Catalog, name string) string {
	var paths, ending []string
	for _, r := range all.Resources() {
		paths = append(paths, r.Path())
		if strings.HasSuffix(r.Path(), "."+strings.ToLower(name)) {
			ending = append(ending, r.Path())
		}
	}
	if len(ending) > 0 {
		return "did you mean " + strings.Join(ending, " or ") + "?"
	}
	if near := catalog.Nearest(name, paths); near != "" {
		return "did you mean " + near + "?"
	}
	return "whoql docs lists the tables"
}
