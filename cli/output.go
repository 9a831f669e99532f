package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/whoql/whoql/format"
)

// An output is where the results of a query go, and as what.
type output struct {
	format format.Writer
	file   *outFile // nil if it is standard output
	cuts   format.Cuts
	whole  bool // for programs, in JSON: a plan is one object
}

// output opens what the flags ask for. commit or abort ends it.
func (c *command) output(f *queryFlags) (*output, error) {
	name := f.output
	toStdout := !f.outGiven || f.out == "-" || f.out == "/dev/stdout"
	if !f.outputGiven && !toStdout {
		var err error
		if name, err = formatOf(f.out); err != nil {
			return nil, err
		}
	}
	if _, err := format.New(name, io.Discard, format.Options{}); err != nil {
		hint := "the formats are " + strings.Join(format.Names(), ", ")
		if other := otherNames[strings.ToLower(name)]; other != "" {
			hint = "did you mean " + other + "? " + hint
		}
		return nil, &usageError{msg: fmt.Sprintf("no such output format: %s", name), hint: hint}
	}
	if f.csvSafe && name != "csv" && name != "tsv" {
		return nil, &usageError{msg: "--csv-safe is for csv and tsv; the output is " + name}
	}
	o := &output{whole: name == "json" || name == "jsonl"}
	w := c.stdout
	if !toStdout {
		var err error
		if o.file, err = createOut(f.out); err != nil {
			return nil, err
		}
		c.outFile.Store(o.file)
		if w = o.file; o.file.direct {
			w = o.file.f // which may be a terminal
		}
	}
	var err error
	o.format, err = format.New(name, c.progress.around(w), format.Options{Width: terminalWidth(w), Terminal: isTerminal(w), Guard: f.csvSafe, Cuts: &o.cuts})
	return o, err
}

func (o *output) commit() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.commit(); err != nil {
		return &outputError{fmt.Errorf("write %s: %w", o.file.path, err)}
	}
	return nil
}

func (o *output) abort() {
	if o.file != nil {
		o.file.abort()
	}
}

// unfinished says what there is of a result that broke off after some rows.
func (o *output) unfinished() string {
	switch {
	case o.file == nil:
		return "the rows above are not all"
	case o.file.direct:
		return "the rows in " + o.file.path + " are not all"
	case o.file.old != nil:
		return o.file.path + " is as it was before"
	}
	return o.file.path + " was not written"
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
