package cli

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/format"
)

// The scripts by which shells complete words. They know nothing of whoql but the command __complete.
var (
	//go:embed completion/whoql.bash
	bashScript string
	//go:embed completion/whoql.zsh
	zshScript string
	//go:embed completion/whoql.fish
	fishScript string
	//go:embed completion/whoql.ps1
	powershellScript string
)

var shells = []struct{ name, script string }{
	{"bash", bashScript},
	{"zsh", zshScript},
	{"fish", fishScript},
	{"powershell", powershellScript},
}

func shellNames() []string {
	var names []string
	for _, s := range shells {
		names = append(names, s.name)
	}
	return names
}

const completionHelp = `whoql completion bash|zsh|fish|powershell

Prints a script that lets the shell complete commands, flags, formats, orgs and tables. For bash, in ~/.bashrc:

  eval "$(whoql completion bash)"

The script begins with how the other shells load it.
`

// completion is whoql completion.
func (c *command) completion(_ context.Context, args []string) error {
	words, err := parse(c.flagSet("completion", completionHelp), args)
	if err != nil {
		return err
	}
	for _, s := range shells {
		if len(words) == 1 && words[0] == s.name {
			return c.print(s.script)
		}
	}
	return &usageError{msg: "whoql completion needs the name of a shell", hint: "one of " + strings.Join(shellNames(), ", ")}
}

// completeCommand is the command that the scripts call:
//
//	whoql __complete [--word=LAST] -- WORD…
//
// The words are those behind whoql; the last one is being typed and may be empty. Each line of the output is
// a word that it can become, a tab, and what that means. The line ":files" asks for the names of
// files behind the last =.
const completeCommand = "__complete"

// A candidate is what a word can become.
type candidate struct{ word, meaning string }

// complete is whoql __complete. Mistakes in what was typed so far are no reason to say anything.
func (c *command) complete(_ context.Context, args []string) error {
	last, given := "", false
	if len(args) > 0 {
		if last, given = strings.CutPrefix(args[0], "--word="); given {
			args = args[1:]
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if given {
		args = append(args[:len(args):len(args)], last)
	}
	if len(args) == 0 {
		return nil
	}
	var out strings.Builder
	word := args[len(args)-1]
	for _, a := range c.candidates(args[:len(args)-1], word) {
		if a.word == files || strings.HasPrefix(a.word, word) {
			fmt.Fprintln(&out, strings.TrimSuffix(a.word+"\t"+clean(a.meaning), "\t"))
		}
	}
	return c.print(out.String())
}

// files stands for the names of files.
const files = ":files"

// candidates are what may stand where word does, also what doesn't begin as it does.
func (c *command) candidates(before []string, word string) []candidate {
	if len(before) == 0 {
		return append(c.commandCandidates(), candidate{"help", "what a command does, and its flags"})
	}
	i := slices.IndexFunc(c.commands, func(cmd subcommand) bool { return cmd.name == before[0] })
	if i < 0 {
		if before[0] == "help" && len(before) == 1 {
			return c.commandCandidates()
		}
		return nil
	}
	flags := c.helpOf(c.commands[i]).flags
	words, open := typed(flags, before[1:])
	switch {
	case slices.Contains(before, "--"):
	case open != nil:
		return c.values(open, before, word, "")
	case strings.HasPrefix(word, "--") && strings.Contains(word, "="):
		name, value, _ := strings.Cut(word[2:], "=")
		if f := flags.Lookup(name); f != nil {
			return c.values(f, before, value, "--"+name+"=")
		}
		return nil
	case strings.HasPrefix(word, "-"):
		return flagCandidates(before[0], words, flags)
	}
	return c.wordCandidates(before[0], words, before)
}

func (c *command) commandCandidates() []candidate {
	var out []candidate
	for _, cmd := range c.commands {
		out = append(out, candidate{cmd.name, cmd.short})
	}
	return out
}

// typed parts what stands in front of a word into words and flags. open is the flag whose value the word
// is to be, or nil.
func typed(flags *pflag.FlagSet, before []string) (words []string, open *pflag.Flag) {
	for i := 0; i < len(before); i++ {
		w := before[i]
		if w == "--" {
			return append(words, before[i+1:]...), nil
		}
		var f *pflag.Flag
		switch {
		case strings.HasPrefix(w, "--") && !strings.Contains(w, "="):
			f = flags.Lookup(w[2:])
		case len(w) == 2 && w[0] == '-':
			f = flags.ShorthandLookup(w[1:])
		case !strings.HasPrefix(w, "-"):
			words = append(words, w)
		}
		if f == nil || f.NoOptDefVal != "" {
			continue
		}
		if i == len(before)-1 {
			return words, f
		}
		i++ // its value
	}
	return words, nil
}

// flagCandidates are a command's flags, of whoql orgs those of the word behind it.
func flagCandidates(command string, words []string, flags *pflag.FlagSet) []candidate {
	var out []candidate
	flags.VisitAll(func(f *pflag.Flag) {
		if command == "orgs" && f.Name != "config" {
			word := strings.Join(words[:min(1, len(words))], "")
			if !slices.Contains(orgsCommands[word].flags, f.Name) {
				return
			}
		}
		_, meaning := pflag.UnquoteUsage(f)
		out = append(out, candidate{"--" + f.Name, meaning})
	})
	return out
}

// values are what the value of a flag can be. typed is what stands in front of it in the same word.
func (c *command) values(f *pflag.Flag, before []string, value, typed string) []candidate {
	var out []candidate
	add := func(names []string) []candidate {
		for _, name := range names {
			out = append(out, candidate{typed + name, ""})
		}
		return out
	}
	kind, _ := pflag.UnquoteUsage(f)
	switch {
	case f.Name == "output":
		return add(format.Names())
	case f.Name == "on-error":
		return add([]string{"stop", "continue"})
	case f.Name == "org":
		return add(c.orgNames(before))
	case kind == "FILE", kind == "[=FILE]", kind == "NAME=FILE" && strings.Contains(value, "="):
		return []candidate{{files, ""}}
	}
	return nil
}

// wordCandidates are the words of a command that aren't flags.
func (c *command) wordCandidates(command string, words, before []string) []candidate {
	var out []candidate
	switch command {
	case "runs", "resume", "undo":
		if command == "runs" && len(words) == 0 {
			return []candidate{{"show", "how each object of a run ended"}, {"verify", "check the journal"}}
		}
		if command != "runs" && len(words) == 0 || command == "runs" && len(words) == 1 && words[0] == "show" {
			return c.runCandidates()
		}
	case "docs":
		if all, err := catalog.Load(); err == nil && len(words) == 0 {
			for _, r := range all.Resources() {
				out = append(out, candidate{r.Path(), ""})
			}
		}
	case "completion":
		if len(words) == 0 {
			for _, name := range shellNames() {
				out = append(out, candidate{name, ""})
			}
		}
	case "orgs":
		if len(words) == 0 {
			for _, w := range []string{"add", "remove", "default", "test"} {
				out = append(out, candidate{w, ""})
			}
			return out
		}
		cmd := orgsCommands[words[0]]
		if words[0] != "add" && len(words) <= cmd.most {
			for _, name := range c.orgNames(before) {
				out = append(out, candidate{name, ""})
			}
		}
	}
	return out
}

// orgNames are the names of the orgs that there are; none if they can't be read. No token is.
func (c *command) orgNames(before []string) []string {
	f := orgFlags{}
	for i, w := range before {
		if v, ok := strings.CutPrefix(w, "--config="); ok {
			f.config = v
		} else if w == "--config" && i+1 < len(before) {
			f.config = before[i+1]
		}
	}
	sources, _, err := c.sources(f)
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range sources {
		names = append(names, s.name)
	}
	return names
}

// runCandidates are the runs in the journal, the newest first; none if it can't be read.
func (c *command) runCandidates() []candidate {
	ch, err := c.changer(changeFlags{}, &orgSet{}, false)
	if err != nil {
		return nil
	}
	defer ch.close()
	journal, err := ch.openJournal(true)
	if err != nil {
		return nil
	}
	runs, err := journal.Runs(context.Background())
	if err != nil {
		return nil
	}
	var out []candidate
	for _, r := range runs {
		out = append(out, candidate{r.ID, fmt.Sprint(instant(r.Began), ", ", r.State)})
	}
	return out
}
