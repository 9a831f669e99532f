// Package cli is the whoql command: flags, environment, output and exit codes. It is the one place
// that joins the other packages; nothing imports it but cmd/whoql.
//
// [Run] does all that the command does, with its streams and environment injected, so that tests run
// the command in-process. Results go to stdout; everything else goes to stderr, and an error is
// followed by a hint where there is one. Run may be called concurrently, as long as the streams differ.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/stmt"
)

// The exit codes. docs/sql.md lists them for users.
const (
	// ExitOK: all rows were written.
	ExitOK = 0
	// ExitFailed: the query failed while it ran, and the result is not complete; or a change failed for an
	// object, or nobody knows what became of it.
	ExitFailed = 1
	// ExitUsage: the command line or the configuration is wrong; nothing was sent.
	ExitUsage = 2
	// ExitSQL: a statement is wrong; no table was read.
	ExitSQL = 3
	// ExitRefused: a change was refused or not approved, and nothing of it was done.
	ExitRefused = 4
	// ExitTimeout: --timeout ran out, as with timeout(1).
	ExitTimeout = 124
	// ExitInterrupted: SIGINT (Ctrl-C), 128 + 2 as a shell shows it.
	ExitInterrupted = 130
	// ExitPipe: who read the output has gone, 128 + SIGPIPE as a shell shows it.
	ExitPipe = 141
	// ExitTerminated: SIGTERM, 128 + 15 as a shell shows it.
	ExitTerminated = 143
)

// LookupEnv looks a variable of the environment up, as os.LookupEnv does.
type LookupEnv func(name string) (value string, ok bool)

// get returns a variable's value without white space around it, "" if it is not set.
func (env LookupEnv) get(name string) string {
	v, _ := env(name)
	return strings.TrimSpace(v)
}

// A command is one run of whoql.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            LookupEnv
	abandoned      chan error // gets why a run is given up that has not ended: see watch
	progress       *progress
	outFile        atomic.Pointer[outFile] // of --out
	applying       atomic.Bool             // changes are being made, which are seen through: see watch
	changed        atomic.Bool             // something was changed, or may have been
	run            atomic.Pointer[string]  // the id of the run that they are made in; nil: none that is kept
	commands       []subcommand
	// helped, if it is not nil, gets what a command's help says, instead of stdout: see helpOf.
	helped func(help)
}

// A usageError is something wrong on the command line or in the configuration.
type usageError struct {
	msg, hint string
}

func (e *usageError) Error() string { return e.msg }

// A subcommand is what stands behind whoql. Its run takes the arguments, and the flag --help.
type subcommand struct {
	name, short string
	run         func(*command, context.Context, []string) error
}

// commands are in the order of the help. Some of them print what there is, so that they get the list from
// command.commands.
var commands = []subcommand{
	{"query", "run SQL statements", (*command).query},
	{"runs", "list runs that changed orgs, show one, verify the journal", (*command).runs},
	{"resume", "go on with a run that was interrupted", (*command).resume},
	{"undo", "plan and apply the way back of a run", (*command).undo},
	{"orgs", "list, add, remove and test orgs", (*command).manageOrgs},
	{"sandbox", "serve an org of invented users", (*command).serveSandbox},
	{"docs", "list the tables, or print the page of one", (*command).docs},
	{"completion", "print a script that lets a shell complete whoql's words", (*command).completion},
	{"man", "print the manual page", (*command).man},
	{"version", "show the version", (*command).version},
}

// Run runs the command with its arguments, program name left out, and returns the exit code.
//
// Where the work can't be interrupted, Run returns 800 ms after ctx has ended while the work goes on: the
// streams must not be used any more, and the process should end.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env LookupEnv) int {
	p := newProgress(stderr, env)
	c := &command{stdin: stdin, stdout: stdout, stderr: p.around(stderr), progress: p, env: env, abandoned: make(chan error, 1), commands: commands}
	done := make(chan error, 1)
	go func() { done <- c.dispatch(ctx, args) }()
	select {
	case err := <-done:
		return c.exit(err)
	case err := <-c.abandoned:
		if out := c.outFile.Load(); out != nil {
			out.abort()
		}
		return c.exit(err)
	}
}

// grace is how long a command may take to end once its context has: the reader of its output may be
// asleep, standard input may never end, and some of SQLite's functions can't be interrupted.
const grace = 800 * time.Millisecond

// lastCalls is how long the calls of a change may take beyond that: change.ApplyOptions.Grace, and what
// it takes to write down how they ended.
const lastCalls = 35 * time.Second

// An abandonedError is why a run was given up that did not end in time.
type abandonedError struct{ error }

func (e *abandonedError) Unwrap() error { return e.error }

// watch gives the run up if it goes on for more than grace after the end of its context. Run then
// returns while the work goes on, and it is for the process to end. stop ends the watch.
func (c *command) watch(ctx context.Context) (stop func()) {
	stopped := make(chan struct{})
	go func() {
		select {
		case <-stopped:
			return
		case <-ctx.Done():
		}
		if c.applying.Load() {
			again := ""
			if run := c.run.Load(); run != nil {
				again = "; whoql resume " + *run + " finds out what became of them"
			}
			fmt.Fprintf(c.stderr, "\nwhoql: nothing more is begun; waiting for the calls under way (Ctrl-C again gives up%s)\n", again)
		}
		for end := time.Now().Add(lastCalls); c.applying.Load() && time.Now().Before(end); {
			select {
			case <-stopped:
				return
			case <-time.After(grace / 20):
			}
		}
		select {
		case <-stopped:
		case <-time.After(grace):
			c.abandoned <- &abandonedError{context.Cause(ctx)}
		}
	}()
	return func() { close(stopped) }
}

func (c *command) dispatch(ctx context.Context, args []string) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	for _, cmd := range c.commands {
		if cmd.name == name {
			err := cmd.run(c, ctx, args[1:])
			if errors.Is(err, pflag.ErrHelp) {
				return nil
			}
			return err
		}
	}
	switch name {
	case completeCommand:
		return c.complete(ctx, args[1:])
	case "--version":
		return c.version(ctx, args[1:])
	case "help", "-h", "--help":
		if len(args) > 1 && !slices.Contains([]string{"help", "-h", "--help"}, args[1]) {
			return c.dispatch(ctx, []string{args[1], "--help"})
		}
		c.usage(c.stdout)
		return nil
	case "":
		c.usage(c.stderr)
		return &usageError{msg: "no command was given"}
	}
	if word, _, _ := strings.Cut(name, " "); slices.Contains(stmt.Words, strings.ToUpper(word)) {
		return &usageError{msg: "SQL is no command", hint: `write whoql query "` + strings.ToUpper(word) + ` …"`}
	}
	names, hint := []string{"help"}, "whoql help lists the commands"
	for _, cmd := range c.commands {
		names = append(names, cmd.name)
	}
	if near := catalog.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return &usageError{msg: fmt.Sprintf("no such command: %s", name), hint: hint}
}

func (c *command) usage(w io.Writer) {
	fmt.Fprint(w, "whoql reads and changes Okta orgs with SQL.\n\nCommands:\n")
	for _, cmd := range c.commands {
		fmt.Fprintf(w, "  whoql %-10s %s\n", cmd.name, cmd.short)
	}
	fmt.Fprint(w, "\nwhoql help COMMAND says more. Try:\n"+
		"  whoql query --sandbox \"SELECT status, count(*) AS users FROM okta.user.users GROUP BY status\"\n")
}
