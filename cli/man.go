package cli

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

const manHelp = `whoql man

Prints the manual page in the form that man reads:

  whoql man | man -l -
  whoql man > ~/.local/share/man/man1/whoql.1
`

// exitMeanings are the exit codes, for the manual page. docs/sql.md says more.
var exitMeanings = []struct {
	code    int
	meaning string
}{
	{ExitOK, "all rows were written"},
	{ExitFailed, "the query failed while it ran, and the result is not complete; or a change failed for an object"},
	{ExitUsage, "the command line or the configuration is wrong; nothing was sent"},
	{ExitSQL, "a statement is wrong; nothing of it was done"},
	{ExitRefused, "a change was refused or not approved; nothing of it was done"},
	{ExitTimeout, "the time of --timeout ran out"},
	{ExitInterrupted, "interrupted by SIGINT"},
	{ExitPipe, "who read the output has gone"},
	{ExitTerminated, "terminated by SIGTERM"},
}

// envMeanings are the variables of the environment, for the manual page.
var envMeanings = []struct{ names, meaning string }{
	{"OKTA_CLIENT_ORGURL, OKTA_CLIENT_TOKEN", "the org's URL and its API token"},
	{"OKTA_ORG_NAME, OKTA_BASE_URL, OKTA_API_TOKEN", "the same in three parts, as Okta's Terraform provider has them"},
	{"WHOQL_ORG", "as --org"},
	{"WHOQL_CONFIG", "as --config"},
	{"XDG_CONFIG_HOME, HOME, APPDATA, USERPROFILE", "where the configuration is looked for"},
	{"WHOQL_STATE, XDG_STATE_HOME, LOCALAPPDATA", "where the journal of changes is"},
	{"XDG_CACHE_HOME", "where the columns of custom attributes are kept for a day"},
	{"HTTPS_PROXY, NO_PROXY", "the proxy, as with other programs"},
	{"GOGC", "how often Go collects garbage"},
}

// man is whoql man.
func (c *command) man(_ context.Context, args []string) error {
	words, err := parse(c.flagSet("man", manHelp), args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return &usageError{msg: "man takes no arguments", hint: "whoql man | man -l -"}
	}
	return c.print(c.manual())
}

// manual writes the manual page in the man macros of roff.
func (c *command) manual() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	item := func(head, text string) { line(".TP\n\\fB%s\\fR\n%s", roff(head), roffLine(text)) }
	line(`.TH WHOQL 1 "" whoql "User Commands"`)
	line(".SH NAME\nwhoql \\- SQL for the people who run an Okta org")
	line(".SH SYNOPSIS")
	for _, cmd := range c.commands {
		for _, call := range synopsis(c.helpOf(cmd)) {
			line(".br\n%s", roff(call))
		}
	}
	line(".SH DESCRIPTION")
	line("%s", roffLine("whoql asks Okta orgs questions in SQL. The tables are okta.user.users and its like; whoql docs lists them. "+
		"A query ends with all its rows, or with an error and an exit code that isn't 0. Results go to standard output, all else to standard error. "+
		"With --sandbox an org of invented users on this machine answers."))
	line(".SH COMMANDS")
	for _, cmd := range c.commands {
		h := c.helpOf(cmd)
		line(".SS whoql %s", roff(cmd.name))
		line(".nf\n%s\n.fi", roff(strings.TrimRight(h.text, "\n")))
		h.flags.VisitAll(func(f *pflag.Flag) {
			head, meaning := flagHead(f)
			line(".TP\n%s\n%s", head, roffLine(meaning))
		})
	}
	line(".SH EXIT STATUS")
	for _, e := range exitMeanings {
		item(fmt.Sprint(e.code), e.meaning)
	}
	line(".SH ENVIRONMENT")
	for _, e := range envMeanings {
		item(e.names, e.meaning)
	}
	line(".SH FILES")
	item("~/.config/whoql/config.yaml", "the orgs' names, URLs and where their tokens are; on macOS below ~/Library/Application Support, on Windows below %AppData%")
	item("~/.okta/okta.yaml", "the file of Okta's SDKs, of which the URL and the token are read")
	line(".SH EXAMPLES")
	for _, e := range []string{
		`whoql query --sandbox "SELECT status, count(*) AS users FROM okta.user.users GROUP BY status"`,
		`whoql query -o csv "SELECT login, lastLogin FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY lastLogin"`,
		`whoql docs okta.user.users`,
	} {
		line(".PP\n.nf\n%s\n.fi", roff(e))
	}
	return b.String()
}

// synopsis is how a command is called: what the first lines of its help begin with.
func synopsis(h help) []string {
	var calls []string
	for _, l := range strings.Split(h.text, "\n") {
		if !strings.HasPrefix(l, "whoql ") {
			break
		}
		call, _, _ := strings.Cut(l, "  ")
		calls = append(calls, call)
	}
	return calls
}

// flagHead is a flag as the manual shows it, and what it means.
func flagHead(f *pflag.Flag) (head, meaning string) {
	value, meaning := pflag.UnquoteUsage(f)
	if f.Shorthand != "" {
		head = "\\fB\\-" + roff(f.Shorthand) + "\\fR, "
	}
	head += "\\fB\\-\\-" + roff(f.Name) + "\\fR"
	switch {
	case strings.HasPrefix(value, "["):
		head += roff(value)
	case value != "" && f.NoOptDefVal == "":
		head += " \\fI" + roff(value) + "\\fR"
	}
	return head, meaning
}

// roffLine is a text as one line, which roff fills.
func roffLine(text string) string { return roff(strings.Join(strings.Fields(text), " ")) }

// roff escapes a text: what begins a line as a command does, and what roff takes for other characters.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "…", "...", "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(text)
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
