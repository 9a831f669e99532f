package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql/oktatest"
)

// sandboxFlag is --sandbox of whoql query: alone, an org in memory; with a value, an org in a file.
type sandboxFlag struct {
	on   bool
	file string // "": in memory
}

const sandboxFlagUsage = "ask an org of 1,000 invented users on this machine; with `[=FILE]`, one that is kept in the file"

// addTo adds the flag to a set of flags.
func (f *sandboxFlag) addTo(fs *pflag.FlagSet) {
	fs.VarPF(f, "sandbox", "", sandboxFlagUsage).NoOptDefVal = "true"
}

// Set takes true and false, as flags do that are on or off, or a file's name.
func (f *sandboxFlag) Set(text string) error {
	switch text {
	case "":
		return errors.New("the name of a file is missing behind =")
	case "true", "false":
		*f = sandboxFlag{on: text == "true"}
	default:
		*f = sandboxFlag{on: true, file: text}
	}
	return nil
}

// String returns what Set takes.
func (f *sandboxFlag) String() string {
	if f.file != "" {
		return f.file
	}
	return fmt.Sprint(f.on)
}

// Type makes pflag show the flag as one that is on or off.
func (f *sandboxFlag) Type() string { return "bool" }

// check refuses a file's name behind --sandbox and a space, where it would be taken for SQL.
func (f *sandboxFlag) check(texts []string) error {
	if !f.on || f.file != "" || len(texts) == 0 || strings.ContainsAny(texts[0], " \t\r\n") {
		return nil
	}
	for _, ending := range []string{".db", ".sqlite", ".sqlite3"} {
		if name := texts[0]; strings.HasSuffix(strings.ToLower(name), ending) {
			return &usageError{msg: name + " looks like a file and stands where SQL is expected", hint: "write --sandbox=" + name + ", with an equals sign"}
		}
	}
	return nil
}

// inFile makes the options those of an org in a file. Where there is one already, users and seed that
// weren't given are the file's.
func inFile(o *oktatest.Options, file string, usersGiven, seedGiven bool) {
	o.File = file
	info, err := os.Stat(file)
	if err != nil || info.Size() == 0 {
		return
	}
	if !usersGiven {
		o.Users = 0
	}
	if !seedGiven {
		o.Seed = 0
	}
}

// fileError says what to do about a file that can't be an org's. Any other error is given back as it is.
func fileError(err error) error {
	var bad *oktatest.FileError
	if !errors.As(err, &bad) {
		return err
	}
	e := &usageError{msg: strings.TrimPrefix(bad.Error(), "oktatest: ")}
	switch bad.Problem {
	case oktatest.FileInUse:
		e.hint = "if a sandbox serves it, ask that one: set the OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN that it wrote when it started, and leave --sandbox out"
	case oktatest.FileNotAnOrg:
		e.hint = "choose another name; a file that isn't there yet is made"
	case oktatest.FileDamaged:
		e.hint = "take a copy from before, or start anew with another name"
	case oktatest.FileOtherVersion:
		e.hint = "open it with the version of whoql that made it, or start anew with another name"
	case oktatest.FileOtherOrg:
		e.msg = fmt.Sprintf("%s holds an org of %s (seed %d)", bad.File, people(bad.Users), bad.Seed)
		e.hint = "leave --users and --seed out to open it, or choose another name"
	default:
		e.hint = "the file and its directory must be writable: SQLite keeps a second file beside it"
		if errors.Is(err, fs.ErrNotExist) {
			e.hint = "its directory isn't there"
		}
	}
	return e
}

// sameOrg refuses a file whose org isn't the one that was asked for. Of a zero oktatest can't tell
// whether it was.
func sameOrg(server *oktatest.Server, f *sandboxFlags) error {
	users, seed := server.Generated()
	if f.usersGiven && users != f.users || f.seedGiven && seed != f.seed {
		return fileError(&oktatest.FileError{File: f.db, Problem: oktatest.FileOtherOrg, Users: users, Seed: seed})
	}
	return nil
}
