package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/okta"
)

const orgsHelp = `whoql orgs [flags]                 lists the orgs
whoql orgs add NAME [flags]        asks for an org's URL and token, and keeps them
whoql orgs remove NAME             forgets an org of the configuration
whoql orgs default NAME            makes an org the one that answers where none is named
whoql orgs test [NAME…]            asks each org who its token's owner is; exit code 1 if one fails

The token is asked for on the terminal, where it isn't shown, or read from standard input:

  whoql orgs add acme --url https://acme.okta.com < token.txt

`

// orgsFlags are the flags of whoql orgs.
type orgsFlags struct {
	output   string
	orgs     orgFlags
	url      string
	tokenEnv string
	readOnly bool
	timeout  time.Duration
}

// orgsCommands are the words behind whoql orgs, with the flags that only they take.
var orgsCommands = map[string]struct {
	flags       []string
	least, most int // names behind the word
	run         func(*command, context.Context, *orgsFlags, []string) error
}{
	"":        {flags: []string{"output"}, run: (*command).listOrgs},
	"add":     {flags: []string{"url", "token-env", "read-only"}, least: 1, most: 1, run: (*command).addOrg},
	"remove":  {least: 1, most: 1, run: (*command).removeOrg},
	"default": {least: 1, most: 1, run: (*command).chooseOrg},
	"test":    {flags: []string{"output", "timeout"}, most: 1000, run: (*command).testOrgs},
}

// manageOrgs is whoql orgs.
func (c *command) manageOrgs(ctx context.Context, args []string) error {
	f := &orgsFlags{}
	fs := pflag.NewFlagSet("orgs", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.StringVarP(&f.output, "output", "o", "table", "write the list or the tests' results as `FORMAT`: "+strings.Join(format.Names(), ", "))
	f.orgs.addConfig(fs)
	fs.StringVar(&f.url, "url", "", "add: the org's `URL`, such as https://acme.okta.com")
	fs.StringVar(&f.tokenEnv, "token-env", "", "add: don't keep the token, but the `NAME` of a variable that has it")
	fs.BoolVar(&f.readOnly, "read-only", false, "add: no change may be made in the org")
	fs.DurationVar(&f.timeout, "timeout", 30*time.Second, "test: give each org this `TIME`")
	fs.Usage = func() { c.help(orgsHelp, fs) }
	wrong := func(msg string) error { return &usageError{msg: msg, hint: "whoql help orgs says how it is called"} }
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return err
		}
		return wrong(err.Error())
	}
	word, names := "", fs.Args()
	if len(names) > 0 {
		word, names = names[0], names[1:]
	}
	cmd, ok := orgsCommands[word]
	if !ok {
		return wrong("whoql orgs has no command " + word)
	}
	what := strings.TrimSpace("whoql orgs " + word)
	var extra error
	fs.Visit(func(g *pflag.Flag) {
		known := g.Name == "config"
		for _, name := range cmd.flags {
			known = known || name == g.Name
		}
		if !known {
			extra = wrong(what + " takes no --" + g.Name)
		}
	})
	switch {
	case extra != nil:
		return extra
	case len(names) < cmd.least:
		return wrong(what + " needs the name of an org")
	case len(names) > cmd.most:
		return wrong(what + ": too many names: " + strings.Join(names, ", "))
	case f.timeout <= 0:
		return wrong("--timeout must be longer than 0")
	}
	defer c.watch(ctx)()
	return cmd.run(c, ctx, f, names)
}

// listOrgs lists the orgs as SHOW ORGS does.
func (c *command) listOrgs(ctx context.Context, f *orgsFlags, _ []string) error {
	out, err := c.output(&queryFlags{output: f.output, outputGiven: true})
	if err != nil {
		return err
	}
	set, err := c.orgs(f.orgs, okta.Options{})
	if err != nil {
		return err
	}
	defer set.close()
	engine, err := whoql.Open(whoql.Options{Orgs: set.orgs, NoDefaultOrg: set.noDefault})
	if err != nil {
		return err
	}
	rows, err := engine.Query(ctx, "SHOW ORGS", nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	_, err = c.writeRows(rows, out.format)
	c.reportCuts(out)
	if len(set.orgs) == 0 && err == nil {
		fmt.Fprintf(c.stderr, "whoql: there are none yet. %s\n", noOrgHint)
	}
	return err
}

// addOrg puts an org into the configuration.
func (c *command) addOrg(ctx context.Context, f *orgsFlags, names []string) error {
	o := orgConfig{name: names[0], url: f.url, tokenEnv: f.tokenEnv, readOnly: f.readOnly}
	if !orgNamePattern.MatchString(o.name) {
		return &usageError{msg: orgNameRule, hint: "for example: whoql orgs add acme"}
	}
	cfg, err := c.readConfig(f.orgs.config, true)
	if err != nil {
		return err
	}
	if cfg.path == "" {
		return errNoPlace
	}
	if have := cfg.org(o.name); have != nil {
		return &usageError{msg: fmt.Sprintf("%s has the org %s already", cfg.path, have.name), hint: "to replace it: whoql orgs remove " + have.name + ", and then add it"}
	}
	if o.url == "" {
		if o.url, err = c.askURL(ctx, o.name); err != nil {
			return err
		}
	}
	// What is wrong with the URL is said before the token is asked for.
	probe, err := okta.New(o.url, okta.Token("00no"), okta.Options{})
	if err != nil {
		return &usageError{msg: strings.TrimPrefix(err.Error(), "okta: "), hint: "nothing was changed"}
	}
	o.url = probe.URL()
	for _, have := range cfg.orgs {
		if have.url == o.url {
			return &usageError{msg: fmt.Sprintf("%s is there already, as %s", o.url, have.name), hint: "nothing was changed"}
		}
	}
	if o.tokenEnv == "" {
		if o.token, err = c.askToken(ctx, o.name); err != nil {
			return err
		}
	}
	said, err := cfg.add(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "whoql: %s has the org %s now%s; whoql orgs test %s tries it\n", cfg.path, o.name, said, o.name)
	return nil
}

var errNoPlace = &usageError{msg: "there is no place for a configuration: no home is known", hint: "say one with --config FILE or WHOQL_CONFIG"}

// removeOrg takes an org out of the configuration.
func (c *command) removeOrg(_ context.Context, f *orgsFlags, names []string) error {
	cfg, err := c.ownOrg(f, names[0])
	if err != nil {
		return err
	}
	name := cfg.org(names[0]).name
	if err := cfg.remove(name); err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "whoql: %s has no org %s any more; its token is still good: revoke it under Security > API > Tokens\n", cfg.path, name)
	return nil
}

// chooseOrg makes an org the configuration's default.
func (c *command) chooseOrg(_ context.Context, f *orgsFlags, names []string) error {
	cfg, err := c.ownOrg(f, names[0])
	if err != nil {
		return err
	}
	name := cfg.org(names[0]).name
	if err := cfg.choose(name); err != nil {
		return err
	}
	stronger := ""
	for _, v := range []string{"WHOQL_ORG", "OKTA_CLIENT_ORGURL", "OKTA_ORG_NAME"} {
		if c.env.get(v) != "" {
			stronger = ", except while " + v + " is set, as it is now"
			break
		}
	}
	fmt.Fprintf(c.stderr, "whoql: %s is the default org%s\n", name, stronger)
	return nil
}

// ownOrg reads the configuration, which must have an org of this name.
func (c *command) ownOrg(f *orgsFlags, name string) (*config, error) {
	cfg, err := c.readConfig(f.orgs.config, false)
	switch {
	case err != nil:
		return nil, err
	case cfg.path == "":
		return nil, errNoPlace
	case cfg.org(name) == nil:
		var names []string
		for _, o := range cfg.orgs {
			names = append(names, o.name)
		}
		hint := "it has: " + strings.Join(names, ", ")
		if len(names) == 0 {
			hint = "it has none"
		}
		return nil, &usageError{msg: fmt.Sprintf("%s has no org %s", cfg.path, name), hint: hint}
	}
	return cfg, nil
}

// terminal returns standard input if people type there.
func (c *command) terminal() (*os.File, bool) {
	f, ok := c.stdin.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// askURL asks for an org's URL.
func (c *command) askURL(ctx context.Context, name string) (string, error) {
	in, ok := c.terminal()
	if !ok {
		return "", &usageError{msg: "the org's URL isn't known", hint: "standard input is no terminal to ask on: give it with --url https://" + strings.ToLower(name) + ".okta.com"}
	}
	usual := "https://" + strings.ToLower(name) + ".okta.com"
	fmt.Fprintf(c.stderr, "URL of %s [%s]: ", name, usual)
	line, err := await(ctx, in, func() (string, error) { return readLine(in) })
	if err != nil {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		line = usual
	}
	return line, nil
}

// askToken asks for a token without showing it, or reads it from standard input.
func (c *command) askToken(ctx context.Context, name string) (string, error) {
	var token string
	var err error
	if in, ok := c.terminal(); ok {
		fmt.Fprintf(c.stderr, "API token of %s (it is not shown): ", name)
		token, err = await(ctx, in, func() (string, error) {
			b, err := term.ReadPassword(int(in.Fd()))
			return string(b), err
		})
		fmt.Fprintln(c.stderr)
	} else {
		var b []byte
		b, err = io.ReadAll(io.LimitReader(c.stdin, 1<<16))
		token = string(b)
	}
	if err != nil {
		return "", err
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", &usageError{msg: "no token was given", hint: "nothing was changed"}
	}
	return token, nil
}

// readLine reads up to a line's end, and nothing behind it.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < 4096; {
		n, err := r.Read(one)
		if n > 0 && one[0] == '\n' || err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		line = append(line, one[:n]...)
	}
	return string(line), nil
}

// await reads from a terminal until ctx ends, and then gives the terminal back as it was: whoever is
// asked for a token and presses Ctrl-C must see what is typed next.
func await(ctx context.Context, in *os.File, read func() (string, error)) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		return a.text, a.err
	case <-ctx.Done():
		err := context.Cause(ctx)
		if e := term.Restore(fd, before); e != nil {
			err = errors.Join(err, e)
		}
		return "", &unchangedError{err}
	}
}

// An unchangedError is why a change of the configuration was given up.
type unchangedError struct{ error }

func (e *unchangedError) Unwrap() error { return e.error }
