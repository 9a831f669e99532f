package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/okta"
)

const runsHelp = `whoql runs                 lists the runs that changed orgs, the newest first
whoql runs show ID         shows how each object of a run ended
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
	case words[0] == "show" && len(words) == 2:
		return c.showRun(ctx, journal, out, words[1])
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
		statements, err := json.Marshal(texts)
		if err != nil {
			return err
		}
		rows = append(rows, []any{r.ID, instant(r.Began), r.State, outcomes(counts), int64(r.Left), orNull(r.Undoes), orNull(r.Actor), json.RawMessage(statements)})
	}
	return out.writeTable([]string{"id", "began", "state", "outcomes", "left", "undoes", "actor", "statements"}, rows)
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
			rows = append(rows, append(append([]any{int64(i + 1)}, row...), orNull(o.RequestID), instant(o.Start), instant(o.End)))
		}
	}
	if columns == nil {
		return out.writeTable([]string{"statement"}, nil)
	}
	if err := out.writeTable(columns, rows); err != nil {
		return err
	}
	if isTerminal(c.stderr) {
		for i, s := range report.Statements {
			fmt.Fprintf(c.stderr, "statement %d: %s\n", i+1, clean(statementText(s)))
		}
		fmt.Fprintf(c.stderr, "run %s: %s\n", report.ID, report.State)
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

// runFlags are the flags of whoql resume and whoql undo.
type runFlags struct {
	output      string
	changes     changeFlags
	orgs        orgFlags
	sandbox     sandboxFlag
	timeout     time.Duration
	file        string // resume: the statements again
	retryAsked  bool   // resume
	retryFailed bool   // resume
	anyway      bool   // undo
	trust       bool
}

func (f *runFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.output, "output", "o", "table", "write `FORMAT`: "+strings.Join(format.Names(), ", "))
	fs.BoolVar(&f.changes.yes, "yes", false, "don't ask")
	fs.StringVar(&f.changes.onError, "on-error", "", "stop: at the first object that fails; continue is the default")
	f.sandbox.addTo(fs)
	f.orgs.add(fs)
	fs.BoolVar(&f.trust, "trust-org", false, "where the journal doesn't say which org a run was made in, take the one that has the name now")
	fs.DurationVar(&f.timeout, "timeout", 0, "stop after this `TIME`, such as 5m, when the calls under way have ended; exit code 124")
}

// A runCommand is what resume and undo share.
type runCommand struct {
	*changer
	out     *output
	journal *change.Journal
}

// openRun prepares for a run of the journal.
func (c *command) openRun(f *runFlags) (r *runCommand, done func(), err error) {
	var closers []func() error
	done = func() {
		for _, one := range slices.Backward(closers) {
			one()
		}
	}
	if err := f.changes.check(); err != nil {
		return nil, done, err
	}
	if f.sandbox.on && f.sandbox.file == "" {
		return nil, done, &usageError{msg: "a sandbox in memory has no runs from before", hint: "give its file: --sandbox=FILE"}
	}
	r = &runCommand{}
	if r.out, err = c.output(&queryFlags{output: f.output, outputGiven: true}); err != nil {
		return nil, done, err
	}
	clientOptions := okta.Options{}
	if isTerminal(c.stderr) {
		clientOptions.OnWait = c.reportWaits(false)
	}
	var set *orgSet
	if f.sandbox.on {
		set, err = c.sandbox(f.orgs.org, f.sandbox.file, clientOptions)
	} else {
		set, err = c.orgs(f.orgs, clientOptions)
	}
	if err != nil {
		return nil, done, err
	}
	closers = append(closers, set.close)
	if r.changer, err = c.changer(f.changes, set, false); err != nil {
		return nil, done, err
	}
	closers = append(closers, r.changer.close)
	if r.journal, err = r.openJournal(false); err != nil {
		return nil, done, err
	}
	r.engine, err = whoql.Open(whoql.Options{Orgs: set.orgs, NoDefaultOrg: set.noDefault, Catalog: r.catalog})
	return r, done, err
}

const resumeHelp = `whoql resume ID [flags]

Goes on with a run that was interrupted: asks the org what became of the calls whose answer isn't known, and
does what is left. Whatever is done already isn't done again. whoql runs lists the runs.

`

// resume is whoql resume.
func (c *command) resume(ctx context.Context, args []string) error {
	f := &runFlags{changes: changeFlags{maxChanges: 1}}
	fs := c.flagSet("resume", resumeHelp)
	f.add(fs)
	fs.BoolVar(&f.retryAsked, "retry-unknown", false, "make calls again of which nobody can tell whether they took effect")
	fs.BoolVar(&f.retryFailed, "retry-failed", false, "make calls again that the org refused")
	fs.StringVarP(&f.file, "file", "f", "", "read the statements again from a `FILE`, for calls that need a secret, which the journal doesn't keep")
	words, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{msg: "whoql resume needs the id of a run", hint: "whoql runs lists them"}
	}
	ctx, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	defer c.watch(ctx)()
	r, done, err := c.openRun(f)
	defer done()
	if err != nil {
		return err
	}
	run, err := r.journal.Open(ctx, words[0])
	if err != nil {
		return runError(err)
	}
	err = c.resumeRun(ctx, f, r, run)
	if e := run.Close(); err == nil {
		err = e
	}
	r.ended()
	return err
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, &errTimeout{d})
}

func (c *command) resumeRun(ctx context.Context, f *runFlags, r *runCommand, run *change.Run) error {
	before, err := r.journal.Show(ctx, run.ID)
	if err != nil {
		return err
	}
	o := change.ResumeOptions{ApplyOptions: r.applyOptions(), RetryUnknown: f.retryAsked, RetryFailed: f.retryFailed, Trust: f.trust}
	if err := run.Find(ctx, r.engine.Caller(), o); err != nil {
		return err
	}
	if f.file != "" {
		if o.Input, err = c.inputOf(ctx, f, r, before); err != nil {
			return err
		}
	}
	left := unfinished(before, f.retryFailed)
	if left == 0 {
		fmt.Fprintf(c.stderr, "run %s: nothing is left to do\n", run.ID)
		return nil
	}
	fmt.Fprintf(c.stderr, "run %s, begun %s: %s left\n", run.ID, before.Began.Local().Format("2006-01-02 15:04:05"), count(int64(left), "object"))
	if !f.changes.yes {
		if err := r.ask(ctx, left, "add --yes"); err != nil {
			return err
		}
	}
	r.run = run.ID
	stop := c.progress.follow(noStats)
	r.applying(left)
	reports, err := run.Resume(ctx, r.engine.Caller(), o)
	stop()
	r.applied()
	return r.report(reports, err)
}

// noStats stands for the statistics of a query where there is none.
func noStats() whoql.Stats { return whoql.Stats{} }

// unfinished counts the objects that a run has something left to do for.
func unfinished(r *change.RunReport, failed bool) (n int) {
	for _, ends := range r.Outcomes {
		for _, o := range ends {
			switch o.Result {
			case change.NotReached, change.Unknown, change.NeedsInput:
				n++
			case change.Failed:
				if failed {
					n++
				}
			}
		}
	}
	return n
}

// report writes how the objects of plans ended, and says whether all ended well.
func (r *runCommand) report(reports []*change.Report, err error) error {
	var rows [][]any
	var columns []string
	whole := &change.Report{Counts: map[change.Result]int{}}
	for _, report := range reports {
		if report == nil {
			continue
		}
		var one [][]any
		columns, one = whoql.OutcomeTable(report.Outcomes)
		rows = append(rows, one...)
		whole.Outcomes = append(whole.Outcomes, report.Outcomes...)
		for result, n := range report.Counts {
			whole.Counts[result] += n
		}
	}
	if columns != nil {
		if e := r.out.writeTable(columns, rows); e != nil {
			return e
		}
	}
	errors.As(err, &r.stops)
	if err == nil && !whole.OK() {
		return &whoql.ChangeError{Report: whole, Run: r.run}
	}
	return err
}

// inputOf plans the statements of a file anew, for the operations of a run whose secrets the journal has not.
func (c *command) inputOf(ctx context.Context, f *runFlags, r *runCommand, run *change.RunReport) (map[int]*change.Plan, error) {
	text, err := c.statements(&queryFlags{file: f.file}, nil)
	if err != nil {
		return nil, err
	}
	var plans []*change.Plan
	options := whoql.Options{Orgs: r.set.orgs, NoDefaultOrg: r.set.noDefault, Catalog: r.catalog}
	options.Changes = &whoql.Changes{DryRun: true, Planned: func(p *change.Plan) { plans = append(plans, p) }}
	engine, err := whoql.Open(options)
	if err != nil {
		return nil, err
	}
	rows, err := engine.Query(ctx, text, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResult() {
		for rows.Next() {
		}
	}
	if rows.Err() != nil {
		return nil, rows.Err()
	}
	input := map[int]*change.Plan{}
	for i, ends := range run.Outcomes {
		needs := slices.ContainsFunc(ends, func(o change.Outcome) bool { return o.Result == change.NeedsInput || o.Result == change.NotReached })
		if !needs || !run.Plans[i].HoldsSecret() {
			continue
		}
		// The run's statements are the file's, in the same order, without those that had nothing to do.
		for j, p := range plans {
			if p.Verb == run.Plans[i].Verb && p.HoldsSecret() {
				input[i], plans = p, plans[j+1:]
				break
			}
		}
		if input[i] == nil {
			return nil, &usageError{msg: fmt.Sprintf("%s has no statement for statement %d of the run, %s", f.file, i+1, run.Plans[i].Verb), hint: "give the text that the run was started with"}
		}
	}
	return input, nil
}

const undoHelp = `whoql undo ID [flags]

Plans the way back of a run and, if that is approved, applies it: suspend and unsuspend undo each other,
attributes get their former values, who was created is deactivated. What can't be undone is listed as refused,
and so is who was changed by somebody else since.

`

// undo is whoql undo.
func (c *command) undo(ctx context.Context, args []string) error {
	f := &runFlags{}
	fs := c.flagSet("undo", undoHelp)
	f.add(fs)
	fs.BoolVar(&f.changes.dryRun, "dry-run", false, "show the plan; change nothing")
	fs.StringArrayVar(&f.changes.approve, "approve", nil, "apply the plan if it has this `HASH`, which --dry-run shows")
	fs.IntVar(&f.changes.maxChanges, "max-changes", defaultMaxChanges, "refuse a plan that changes more than `N` objects")
	fs.BoolVar(&f.anyway, "anyway", false, "undo also what somebody else has changed since")
	words, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{msg: "whoql undo needs the id of a run", hint: "whoql runs lists them"}
	}
	ctx, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	defer c.watch(ctx)()
	r, done, err := c.openRun(f)
	defer done()
	if err != nil {
		return err
	}
	plans, err := r.journal.Undo(ctx, words[0], r.engine.Caller(), change.UndoOptions{Anyway: f.anyway, Trust: f.trust, Protected: r.protected})
	if err != nil {
		return runError(err)
	}
	err = r.undoRun(ctx, words[0], plans)
	r.ended()
	return err
}

func (r *runCommand) undoRun(ctx context.Context, id string, plans []*change.Plan) (err error) {
	calls := 0
	for _, p := range plans {
		calls += p.Calls()
		if r.flags.dryRun || p.Calls() == 0 {
			if err := r.out.writeTable(whoql.PlanTable(p)); err != nil {
				return err
			}
			r.planned(p)
		}
	}
	if r.flags.dryRun {
		return nil
	}
	if calls == 0 {
		fmt.Fprintf(r.command.stderr, "run %s: there is nothing that can be undone\n", id)
		return nil
	}
	for _, p := range plans {
		if err := r.allow(ctx, &whoql.Approval{Plan: p}); err != nil {
			return err
		}
	}
	run, err := r.journal.Begin(r.info(id))
	if err != nil {
		return err
	}
	r.run = run.ID
	stop := r.command.progress.follow(noStats)
	defer func() { err = errors.Join(err, run.Close()) }()
	var reports []*change.Report
	for _, p := range plans {
		r.applying(p.Summary(nil).Changing)
		report, e := run.Apply(ctx, p, r.engine.Caller(), r.applyOptions())
		r.applied()
		if reports = append(reports, report); e != nil {
			err = e
			break
		}
	}
	stop()
	return r.report(reports, err)
}
