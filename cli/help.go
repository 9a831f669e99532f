package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql/catalog"
)

// A help is what a command says of itself: a text and its flags.
type help struct {
	text  string
	flags *pflag.FlagSet
}

// help shows a command's help. It is what every command does for --help.
func (c *command) help(text string, flags *pflag.FlagSet) {
	if c.helped != nil {
		c.helped(help{text, flags})
		return
	}
	fmt.Fprintf(c.stdout, "%s%s", text, flags.FlagUsages())
}

// helpOf returns a command's help, for the manual and for completion. It asks the command for its help, as
// people do, so that there is one list of flags.
func (c *command) helpOf(cmd subcommand) help {
	var out help
	asked := &command{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, env: c.env, commands: c.commands,
		helped: func(h help) { out = h }}
	err := cmd.run(asked, context.Background(), []string{"--help"})
	if !errors.Is(err, pflag.ErrHelp) || out.flags == nil {
		panic(fmt.Sprintf("whoql %s has no help", cmd.name)) // a test asks all of them
	}
	return out
}

// flagSet makes the flags of a command, with a help text in front of them.
func (c *command) flagSet(name, text string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.Usage = func() { c.help(text, fs) }
	return fs
}

// flagError is the error of flags that can't be parsed; hint says where to read about them.
func flagError(fs *pflag.FlagSet, err error, hint string) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		typed := unknown.GetSpecifiedName()
		if s := unknown.GetSpecifiedShortnames(); s != "" {
			typed, _, _ = strings.Cut(s, "=") // perhaps a long flag with one dash
		}
		if near := catalog.Nearest(typed, names); near != "" {
			hint = "did you mean --" + near + "? " + hint
		}
	}
	return &usageError{msg: err.Error(), hint: hint}
}

// parse returns the words beside the flags.
func parse(fs *pflag.FlagSet, args []string) ([]string, error) {
	err := fs.Parse(args)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		err = flagError(fs, err, "whoql help "+fs.Name()+" says how it is called")
	}
	return fs.Args(), err
}
