package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/okta"
)

// runFlags are the flags of whoql resume and whoql undo.
type runFlags struct {
	output   string
	changes  changeFlags
	orgs     orgFlags
	sandbox  sandboxFlag
	timeout  time.Duration
	headroom int // percent
	verbose  bool
	trust    bool

	// of resume
	file        string // the statements again, and what belongs to them
	params      []string
	files       fileFlags
	retryAsked  bool
	retryFailed bool

	anyway bool // of undo
}

func (f *runFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.output, "output", "o", "table", "write `FORMAT`: "+strings.Join(format.Names(), ", "))
	fs.BoolVar(&f.changes.yes, "yes", false, "don't ask")
	fs.StringVar(&f.changes.onError, "on-error", "", "stop: at the first object that fails; continue is the default")
	f.sandbox.addTo(fs)
	f.orgs.add(fs)
	fs.BoolVar(&f.trust, "trust-org", false, "where the journal doesn't say which org a run was made in, take the one that has the name now")
	addHeadroom(fs, &f.headroom)
	fs.DurationVar(&f.timeout, "timeout", 0, "stop after this `TIME`, such as 5m, when the calls under way have ended; exit code 124")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "show waits of a second or more on standard error, also without a terminal")
}

func (f *runFlags) check() error {
	if f.sandbox.on && f.sandbox.file == "" {
		return &usageError{msg: "a sandbox in memory has no runs from before", hint: "give its file: --sandbox=FILE"}
	}
	if err := checkHeadroom(f.headroom); err != nil {
		return err
	}
	if f.sandbox.on {
		if _, err := os.Stat(f.sandbox.file); errors.Is(err, fs.ErrNotExist) { // a new one would have no run's org in it
			return &usageError{msg: "there is no sandbox " + f.sandbox.file, hint: "give the file of the sandbox that the run was made in; whoql runs show ID names it on a terminal"}
		}
	}
	return f.changes.check()
}

// A goneError is a run whose org, on this machine, doesn't answer.
type goneError struct{ error }

func (e *goneError) Unwrap() error { return e.error }

// gone marks an error by which nothing listens at an org on this machine: a sandbox, which has ended.
func gone(set *orgSet, err error) error {
	var call *okta.Error
	if !errors.As(err, &call) || call.Status != 0 || !slices.ContainsFunc(set.orgs, func(o whoql.Org) bool { return strings.HasPrefix(o.URL, "http://") }) {
		return err
	}
	return &goneError{err}
}

// A runCommand is whoql resume or whoql undo, about one run.
type runCommand struct {
	*changer
	flags   *runFlags
	out     *output
	journal *change.Journal
}

// onRun parses the arguments of whoql resume and whoql undo and prepares for do, which gets the run's id.
func (c *command) onRun(ctx context.Context, fs *pflag.FlagSet, f *runFlags, args []string, do func(*runCommand, context.Context, string) error) (err error) {
	words, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{msg: "whoql " + fs.Name() + " needs the id of one run", hint: "whoql runs lists them"}
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, &errTimeout{f.timeout})
		defer cancel()
	}
	defer c.watch(ctx)()
	r := &runCommand{flags: f}
	if r.out, err = c.output(&queryFlags{output: f.output, outputGiven: true}); err != nil {
		return err
	}
	clientOptions := okta.Options{Headroom: float64(f.headroom) / 100}
	if f.verbose || isTerminal(c.stderr) {
		clientOptions.OnWait = c.reportWaits(f.verbose)
	}
	set, err := c.orgsOf(f.orgs, f.sandbox, clientOptions)
	if err != nil {
		return err
	}
	defer set.close()
	if r.changer, err = c.changer(f.changes, set, false); err != nil {
		return err
	}
	defer r.changer.close()
	if r.journal, err = r.openJournal(false); err != nil {
		return err
	}
	if r.engine, err = whoql.Open(whoql.Options{Orgs: set.orgs, NoDefaultOrg: set.noDefault, Catalog: r.catalog}); err != nil {
		return err
	}
	err = gone(set, do(r, ctx, words[0]))
	r.ended()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return &queryError{error: cause, unfinished: r.unfinished("nothing was changed"), requests: 1, timed: f.timeout > 0}
	}
	return err
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
	fs.StringVarP(&f.file, "file", "f", "", "read the statements again from a `FILE`, for calls that need a secret, which the journal doesn't keep; - is standard input")
	addParams(fs, &f.params)
	f.files.add(fs)
	return c.onRun(ctx, fs, f, args, (*runCommand).resume)
}

func (r *runCommand) resume(ctx context.Context, id string) error {
	run, err := r.journal.Open(ctx, id)
	if err != nil {
		return runError(err)
	}
	err = r.goOn(ctx, run)
	if e := run.Close(); err == nil {
		err = e
	}
	return err
}

// goOn does what is left of a run.
func (r *runCommand) goOn(ctx context.Context, run *change.Run) error {
	c, f := r.command, r.flags
	before, err := r.journal.Show(ctx, run.ID)
	if err != nil {
		return err
	}
	o := change.ResumeOptions{ApplyOptions: r.applyOptions(), RetryUnknown: f.retryAsked, RetryFailed: f.retryFailed, Trust: f.trust,
		Protected: func(org, id, login string) string { return r.protected(ctx, org, id, login) }}
	orgs, err := run.Find(ctx, r.engine.Caller(), o)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := r.writable(ctx, org.Name); err != nil {
			return err
		}
	}
	if f.file != "" {
		if o.Input, err = r.input(ctx, before); err != nil {
			return err
		}
	}
	r.behind = before.Behind
	left := unfinished(before, f.retryFailed)
	if left == 0 {
		again := ""
		if failed := unfinished(before, true); failed > 0 {
			again = fmt.Sprintf("; %s failed: --retry-failed tries again", count(int64(failed), "object"))
		}
		fmt.Fprintf(c.stderr, "run %s: nothing is left to do%s\n", run.ID, again)
		r.tellBehind(r.behind)
		return nil
	}
	fmt.Fprintf(c.stderr, "run %s, begun %s: %s left\n", run.ID, before.Began.Local().Format(localTime), count(int64(left), "object"))
	if !f.changes.yes {
		if err := r.ask(ctx, left, "add --yes"); err != nil {
			return err
		}
	}
	r.started(run.ID)
	r.left = left
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
	protected := false
	for _, report := range reports {
		if report == nil {
			continue
		}
		r.count(report)
		var one [][]any
		columns, one = whoql.OutcomeTable(report.Outcomes)
		rows = append(rows, one...)
		whole.Outcomes = append(whole.Outcomes, report.Outcomes...)
		for result, n := range report.Counts {
			whole.Counts[result] += n
		}
		protected = protected || slices.ContainsFunc(report.Outcomes, func(o change.Outcome) bool { return o.Result == change.Refused && len(o.Row.Steps) > 0 })
	}
	if columns != nil {
		if e := r.out.writeTable(columns, rows); e != nil {
			return e
		}
	}
	errors.As(err, &r.stops)
	if err == nil && (!whole.OK() || protected) {
		return &whoql.ChangeError{Report: whole, Run: r.run}
	}
	if err == nil {
		r.notePartly(whole)
	}
	return err
}

// input plans the statements of a file anew, for the operations of a run whose secrets the journal has not.
func (r *runCommand) input(ctx context.Context, run *change.RunReport) (map[int]*change.Plan, error) {
	c, f := r.command, r.flags
	text, err := c.statements(&queryFlags{file: f.file}, nil)
	if err != nil {
		return nil, err
	}
	params, err := parseParams(f.params)
	if err != nil {
		return nil, err
	}
	var plans []*change.Plan
	options := whoql.Options{Orgs: r.set.orgs, NoDefaultOrg: r.set.noDefault, Catalog: r.catalog}
	if !f.sandbox.on {
		c.cache(&options, runtime.GOOS)
	}
	options.Changes = &whoql.Changes{DryRun: true, Planned: func(p *change.Plan) { plans = append(plans, p) }}
	done, err := c.files(ctx, f.files, f.file, &options)
	defer done()
	if err != nil {
		return nil, err
	}
	engine, err := whoql.Open(options)
	if err != nil {
		return nil, err
	}
	rows, err := engine.Query(ctx, text, params)
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
			return nil, &usageError{msg: fmt.Sprintf("%s has no statement for statement %d of the run, %s", f.file, run.Statements[i].Number, run.Plans[i].Verb), hint: "give the text that the run was started with"}
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
	return c.onRun(ctx, fs, f, args, (*runCommand).undo)
}

func (r *runCommand) undo(ctx context.Context, id string) error {
	plans, err := r.journal.Undo(ctx, id, r.engine.Caller(), change.UndoOptions{Anyway: r.flags.anyway, Trust: r.flags.trust,
		Protected: func(org, id, login string) string { return r.protected(ctx, org, id, login) }})
	if err != nil {
		return runError(err)
	}
	calls, whole := 0, change.Summary{}
	for _, p := range plans {
		s := p.Summary(nil)
		calls, whole.Rows, whole.Refused = calls+s.Calls, whole.Rows+s.Rows, whole.Refused+s.Refused
	}
	if r.changer.flags.dryRun || calls == 0 {
		for _, p := range plans {
			columns, rows := whoql.PlanTable(p)
			if r.out.whole && r.changer.flags.dryRun {
				columns, rows = whoql.PlanSummaryTable(p, r.summary(p))
			}
			if err := r.out.writeTable(columns, rows); err != nil {
				return err
			}
			r.planned(p)
		}
	}
	switch {
	case r.changer.flags.dryRun:
		return nil
	case whole.Rows == 0:
		fmt.Fprintf(r.command.stderr, "run %s: nothing was done, so nothing is undone\n", id)
		return nil
	case whole.Refused == whole.Rows:
		hint := ""
		if !r.flags.anyway {
			hint = "--anyway undoes also what somebody else has changed since"
		}
		return &notApprovedError{msg: fmt.Sprintf("nothing of run %s can be undone: %s", id, whyRefused(plans)), hint: hint}
	case calls == 0:
		fmt.Fprintf(r.command.stderr, "run %s: all that can be undone is as it was before\n", id)
		return nil
	}
	return r.goBack(ctx, id, plans)
}

// whyRefused says why the rows of plans are refused.
func whyRefused(plans []*change.Plan) string {
	var reasons []string
	for _, p := range plans {
		for _, row := range p.Rows {
			if row.Refused != "" {
				reasons = append(reasons, row.Refused)
			}
		}
	}
	return whoql.SumReasons(reasons)
}

// goBack applies the plans of an undo, if they are approved.
func (r *runCommand) goBack(ctx context.Context, id string, plans []*change.Plan) (err error) {
	for _, p := range plans {
		for _, org := range p.Summary(nil).Orgs {
			if err := r.writable(ctx, org); err != nil {
				return err
			}
		}
		if err := r.allow(ctx, &whoql.Approval{Plan: p}); err != nil {
			return err
		}
	}
	run, err := r.journal.Begin(r.info(id))
	if err != nil {
		return err
	}
	r.started(run.ID)
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
