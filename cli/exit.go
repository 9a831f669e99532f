package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/stmt"
)

// exit reports an error and returns the exit code. What is refused behind something that was done is no
// refusal of the whole: whoever reads that code may run the text again.
func (c *command) exit(err error) int {
	code := c.codeOf(err)
	if code == ExitRefused && c.changed.Load() {
		return ExitFailed
	}
	return code
}

// codeOf reports an error and returns the exit code as far as the error alone tells it.
func (c *command) codeOf(err error) int {
	if err == nil {
		return ExitOK
	}
	var sig *signalError
	var timeout *errTimeout
	var usage *usageError
	var approval *notApprovedError
	var plan *whoql.ChangePlanError
	var failed *whoql.ChangeError
	var sql *stmt.Error
	var output *outputError
	var query *queryError
	var param *whoql.ParameterError
	var org *whoql.UnknownOrgError
	var noDefault *whoql.NoDefaultOrgError
	partial := "no row was written"
	if errors.As(err, &query) {
		partial = query.unfinished
	}
	var abandoned *abandonedError
	if errors.As(err, &abandoned) {
		partial = "the result is not complete"
	}
	if query == nil && errors.As(err, new(*unchangedError)) {
		partial = "nothing was changed"
	}
	sent := query != nil && query.requests > 0
	switch {
	case errors.As(err, &sig):
		c.report(err, partial)
		if sig.signal == os.Interrupt {
			return ExitInterrupted
		}
		return ExitTerminated
	case errors.As(err, &timeout), query != nil && query.timed && errors.Is(err, context.DeadlineExceeded):
		c.report(err, partial+"; give it more time with --timeout")
		return ExitTimeout
	case errors.As(err, &output) && isClosedPipe(err):
		return ExitPipe // whoever closed it knows
	case errors.As(err, &usage) && !sent:
		c.report(err, usage.hint)
		return ExitUsage
	case errors.As(err, &sql):
		c.reportSQL("error", sql)
		if errors.Is(err, whoql.ErrReadOnly) {
			return ExitRefused
		}
		return ExitSQL
	case errors.As(err, &approval):
		c.report(err, approval.hint)
		return ExitRefused
	case errors.Is(err, whoql.ErrReadOnly), errors.As(err, new(*change.WrongOrgError)):
		c.report(err, hintFor(err))
		return ExitRefused
	case errors.As(err, &failed) && failed.Refused():
		c.report(err, hintFor(err))
		return ExitRefused
	case errors.As(err, &plan):
		c.report(err, plan.Hint)
		return ExitSQL
	case query == nil && isFileError(err): // it never began
		c.report(err, hintFor(err))
		return ExitUsage
	case errors.Is(err, whoql.ErrNoOrg):
		c.report(err, noOrgHint)
		return ExitUsage
	case errors.As(err, &noDefault) && !sent:
		c.report(err, noDefaultHint)
		return ExitUsage
	case query != nil && !sent && (errors.As(err, &param) || errors.As(err, &org)):
		c.report(err, hintFor(err)) // known only when the values were, but before anything was sent
		return ExitSQL
	}
	c.report(err, hintFor(err))
	return ExitFailed
}

func isClosedPipe(err error) bool {
	return isSystemPipeError(err) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed)
}

// hintFor says what to do about an error that came while a query ran.
func hintFor(err error) string {
	var org *whoql.UnknownOrgError
	if errors.As(err, &org) {
		return org.Hint()
	}
	var usage *usageError // of an org that is needed in the middle only
	if errors.As(err, &usage) {
		return usage.hint
	}
	if errors.As(err, new(*whoql.NoDefaultOrgError)) {
		return noDefaultHint
	}
	var failed *whoql.ChangeError
	if errors.As(err, &failed) && failed.Run != "" && failed.Report.Counts[change.NeedsInput] > 0 {
		return "give the statements again: whoql resume " + failed.Run + " -f FILE, with the --param, --csv and --attach that they had"
	}
	var wrong *change.WrongOrgError
	if errors.As(err, &wrong) {
		return wrongOrgHint(wrong)
	}
	if errors.As(err, new(*whoql.ReadOnlyOrgError)) {
		return "the configuration has read_only: true for it; take that out if it may be changed"
	}
	if errors.As(err, new(*whoql.FieldsError)) {
		return "run it again with --no-projection, which asks for whole objects"
	}
	if errors.As(err, new(*change.JournalError)) {
		return "WHOQL_STATE names another folder for the journal of changes: one that you can write to, with room on its disk"
	}
	if errors.As(err, new(*change.VerifyError)) {
		return "somebody has changed the journal since it was written; whoql runs show says what it has, and the org's system log what was done"
	}
	var csv *whoql.CSVError
	var attach *whoql.AttachError
	switch {
	case errors.As(err, &csv) && csv.Hint == "" && errors.Is(err, fs.ErrNotExist):
		return "is the path right? It is seen from the folder that you are in"
	case errors.As(err, &csv):
		return csv.Hint
	case errors.As(err, &attach):
		return attach.Hint
	}
	if errors.As(err, new(*goneError)) {
		return sandboxHint
	}
	var call *okta.Error
	if errors.As(err, &call) && !strings.Contains(err.Error(), call.Hint) {
		return call.Hint
	}
	return ""
}

// sandboxHint is how to get to a sandbox that has ended.
const sandboxHint = "a sandbox that was kept with --db FILE is there again with --sandbox=FILE, one without is gone once it ends"

// wrongOrgHint says how to get to the org of a run.
func wrongOrgHint(e *change.WrongOrgError) string {
	file, sandbox := strings.CutPrefix(e.Was.Place, sandboxPlace+"=")
	switch {
	case sandbox:
		return "give the sandbox that it was made in: --sandbox=" + file
	case e.Was.ID == "" && e.Was.URL == "" && e.Now != change.Identity{}:
		return "if you are certain that it is, add --trust-org"
	}
	hint := "whoql orgs lists the orgs; name that of the run with --org NAME, or --config FILE if it is in another configuration"
	if strings.HasPrefix(e.Was.URL, "http://") {
		hint += "; " + sandboxHint
	}
	return hint
}

// isFileError reports whether an error is about a file that the command line names.
func isFileError(err error) bool {
	var csv *whoql.CSVError
	var attach *whoql.AttachError
	var name *whoql.FileNameError
	return errors.As(err, &csv) || errors.As(err, &attach) || errors.As(err, &name)
}

func (c *command) report(err error, hint string) {
	fmt.Fprintf(c.stderr, "whoql: error: %s\n", clean(forPeople(err)))
	if hint != "" {
		fmt.Fprintf(c.stderr, "whoql: hint: %s\n", clean(hint))
	}
}

// packageWord is the name of a package of ours that an error begins with, or one that it wraps.
var packageWord = regexp.MustCompile(`(^|\n|: |\()(?:catalog|change|csvfile|format|okta|oktatest|vtab|whoql): `)

// forPeople is what an error says without the names of packages, which are for programmers.
func forPeople(err error) string { return packageWord.ReplaceAllString(err.Error(), "$1") }

// reportSQL shows the line of an error in a statement, or of a note on it, and a caret below what is
// meant.
func (c *command) reportSQL(what string, e *stmt.Error) {
	fmt.Fprintf(c.stderr, "whoql: %s: %s\n", what, clean(e.Error()))
	if line, off := e.Line(); off >= 0 {
		// The caret stands where the terminal shows what is wrong: wide characters are two wide, and
		// tabs are shown as one space.
		show := func(s string) string { return clean(strings.ReplaceAll(s, "\t", " ")) }
		off = min(off, len(line))
		fmt.Fprintf(c.stderr, "  %s\n  %s^\n", show(line), strings.Repeat(" ", runewidth.StringWidth(show(line[:off]))))
	}
	if hint := e.Advice(); hint != "" {
		fmt.Fprintf(c.stderr, "whoql: hint: %s\n", clean(hint))
	}
}

// clean makes text from outside harmless for a terminal: control characters become U+FFFD, line
// ends "; ".
func clean(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ")
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, s)
}

// version prints the version of whoql and of what matters in it.
func (c *command) version(_ context.Context, args []string) error {
	words, err := parse(c.flagSet("version", "whoql version\n\nShows what was built into the binary. It has no flags.\n"), args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return &usageError{msg: "version takes no arguments"}
	}
	version, sqlite, rev := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, d := range info.Deps {
			if d.Path == "github.com/ncruces/go-sqlite3" {
				sqlite = d.Version
			}
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				rev = " " + s.Value
			}
		}
		fmt.Fprintf(c.stdout, "whoql %s%s\ngo %s\nsqlite binding %s\n", version, rev, strings.TrimPrefix(info.GoVersion, "go"), sqlite)
		return nil
	}
	fmt.Fprintf(c.stdout, "whoql %s\n", version)
	return nil
}
