package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/whoql/whoql/format"
)

// An output is where the results of a query go, and as what.
type output struct {
	format.Writer
	cuts format.Cuts
}

// output returns what the flags ask for.
func (c *command) output(f *queryFlags) (*output, error) {
	o := &output{}
	if f.csvSafe && f.output != "csv" && f.output != "tsv" {
		return nil, &usageError{msg: "--csv-safe is for -o csv and -o tsv; the output is " + f.output}
	}
	var err error
	o.Writer, err = format.New(f.output, c.stdout, format.Options{
		Width:    terminalWidth(c.stdout),
		Terminal: isTerminal(c.stdout),
		Guard:    f.csvSafe,
		Cuts:     &o.cuts,
	})
	if err != nil {
		hint := "the formats are " + strings.Join(format.Names(), ", ")
		if name := otherNames[strings.ToLower(f.output)]; name != "" {
			hint = "did you mean " + name + "? " + hint
		}
		return nil, &usageError{msg: fmt.Sprintf("no such output format: %s", f.output), hint: hint}
	}
	return o, nil
}

// otherNames are what formats are called elsewhere.
var otherNames = map[string]string{
	"text": "table", "txt": "table", "column": "table", "box": "table", "psql": "table",
	"js": "json", "ndjson": "jsonl", "json-lines": "jsonl", "lines": "jsonl",
	"md": "markdown", "gfm": "markdown",
	"vertical": "list", "line": "list", "expanded": "list",
	"tab": "tsv", "tabs": "tsv", "excel": "csv", "xlsx": "csv",
}

// reportCuts says that a table didn't fit, and how to see all of it.
func (c *command) reportCuts(o *output) {
	var what []string
	if o.cuts.Cells > 0 {
		what = append(what, count(o.cuts.Cells, "cell")+" cut")
	}
	if n := len(o.cuts.Columns); n > 0 {
		what = append(what, count(int64(n), "column")+" left out ("+strings.Join(o.cuts.Columns, ", ")+")")
	}
	if len(what) > 0 {
		fmt.Fprintf(c.stderr, "whoql: %s to fit the terminal: -o list or -o json shows all\n", clean(strings.Join(what, ", ")))
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
