package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/format"
)

const runsHelp = `whoql runs                 lists the runs that changed orgs, the newest first
whoql runs show [ID]       shows how each object of a run ended, of the newest one if none is named
whoql runs verify          checks that nobody has changed the journal since it was written

`

// runs is whoql runs.
func (c *command) runs(ctx context.Context, args []string) error {
	var output string
	fs := c.flagSet("runs", runsHelp)
	fs.StringVarP(&output, "output", "o", "table", "write `FORMAT`: "+strings.Join(format.Names(), ", "))
	words, err := parse(fs, args)
	if err != nil {
		return err
	}
	defer c.watch(ctx)()
	ch, err := c.changer(changeFlags{}, &orgSet{}, false)
	if err != nil {
		return err
	}
	defer ch.close()
	journal, err := ch.openJournal(true)
	if err != nil {
		return err
	}
	out, err := c.output(&queryFlags{output: output, outputGiven: true})
	if err != nil {
		return err
	}
	switch {
	case len(words) == 0:
		return c.listRuns(ctx, journal, out)
	case words[0] == "show" && len(words) <= 2:
		id := ""
		if len(words) == 2 {
			id = words[1]
		} else if id, err = c.newestRun(ctx, journal); err != nil {
			return err
		}
		return c.showRun(ctx, journal, out, id)
	case words[0] == "verify" && len(words) == 1:
		n, err := journal.Verify(ctx)
		if err == nil {
			fmt.Fprintf(c.stdout, "%d entries, each with the hash of the one before: as it was written\n", n)
		}
		return err
	}
	return &usageError{msg: "whoql runs " + strings.Join(words, " ") + " is nothing that whoql does", hint: "whoql help runs says how it is called"}
}

// writeTable writes one result that is there as a whole.
func (o *output) writeTable(columns []string, rows [][]any) error {
	err := o.format.Begin(columns)
	for _, row := range rows {
		if err == nil {
			err = o.format.Row(row)
		}
	}
	if err == nil {
		err = o.format.End(true)
	}
	if err != nil {
		return &outputError{err}
	}
	return nil
}

func (c *command) listRuns(ctx context.Context, journal *change.Journal, out *output) error {
	runs, err := journal.Runs(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, r := range runs {
		counts := map[change.Result]int{}
		texts := []string{}
		for _, s := range r.Statements {
			texts = append(texts, statementText(s))
			for result, n := range s.Counts {
				counts[result] += n
			}
		}
		var statements bytes.Buffer
		e := json.NewEncoder(&statements)
		e.SetEscapeHTML(false) // < and & are shown as they were typed
		if err := e.Encode(texts); err != nil {
			return err
		}
		var orgs []string
		for _, o := range r.Orgs {
			orgs = append(orgs, o.Name)
		}
		rows = append(rows, []any{r.ID, instant(r.Began), r.State, outcomes(counts), int64(r.Left), orNull(strings.Join(orgs, ", ")), orNull(r.Undoes), orNull(r.Actor), json.RawMessage(bytes.TrimSuffix(statements.Bytes(), []byte("\n")))})
	}
	return out.writeTable([]string{"id", "began", "state", "outcomes", "left", "orgs", "undoes", "actor", "statements"}, rows)
}

// statementText is a statement's text, or what is known of one that isn't written down.
func statementText(s change.StatementSummary) string {
	if s.Text == "" {
		return s.Verb + " " + s.Resource + " (its text held a secret)"
	}
	return s.Text
}

// outcomes counts rows in words: 12 done, 1 failed.
func outcomes(counts map[change.Result]int) string {
	var parts []string
	for _, result := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[result], result))
	}
	return strings.Join(parts, ", ")
}

func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// newestRun says which run is the newest, and returns its id.
func (c *command) newestRun(ctx context.Context, journal *change.Journal) (string, error) {
	runs, err := journal.Runs(ctx)
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", &usageError{msg: "there are no runs in the journal yet", hint: "a run begins when a change is applied; one with --sandbox alone leaves none"}
	}
	fmt.Fprintf(c.stderr, "run %s, the newest one, begun %s\n", runs[0].ID, runs[0].Began.Local().Format(localTime))
	return runs[0].ID, nil
}

// localTime is how times are written for people.
const localTime = "2006-01-02 15:04:05"

func (c *command) showRun(ctx context.Context, journal *change.Journal, out *output, id string) error {
	report, err := journal.Show(ctx, id)
	if err != nil {
		return runError(err)
	}
	var rows [][]any
	var columns []string
	for i, ends := range report.Outcomes {
		names, values := whoql.OutcomeTable(ends)
		columns = append([]string{"statement"}, append(slices.Clone(names), "requestId", "start", "end")...)
		for j, row := range values {
			o := ends[j]
			rows = append(rows, append(append([]any{int64(report.Statements[i].Number)}, row...), orNull(o.RequestID), instant(o.Start), instant(o.End)))
		}
	}
	if columns == nil {
		return out.writeTable([]string{"statement"}, nil)
	}
	if err := out.writeTable(columns, rows); err != nil {
		return err
	}
	if isTerminal(c.stderr) {
		for _, s := range report.Statements {
			fmt.Fprintf(c.stderr, "statement %d: %s\n", s.Number, clean(statementText(s)))
		}
		for _, o := range report.Orgs {
			fmt.Fprintf(c.stderr, "org %s\n", clean(o.String()))
		}
		fmt.Fprintf(c.stderr, "run %s: %s\n", report.ID, report.State)
		(&changer{command: c}).tellBehind(report.Behind)
	}
	return nil
}

// runError says what to do about a run that can't be opened.
func runError(err error) error {
	var e *change.RunError
	if errors.As(err, &e) && !e.Busy {
		return &usageError{msg: fmt.Sprintf("there is no run %q in the journal", e.ID), hint: "whoql runs lists them"}
	}
	return err
}
