package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql"
)

// fileFlags are the flags that name files to join with.
type fileFlags struct {
	csv, attach []string
}

func (f *fileFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.csv, "csv", nil, "read a CSV file as the table NAME: `NAME=FILE`[,delimiter=C][,header=no]; - is standard input")
	fs.StringArrayVar(&f.attach, "attach", nil, "use the tables of a SQLite file as NAME.table: `NAME=FILE`[,mode=rw]")
}

// A fileOption is ,name=value at the end of a flag's value.
var fileOption = regexp.MustCompile(`,([a-z]+)=([^,]*|,)$`)

// splitFile reads name=path,option=value…: the options are those of known, so that other commas are
// the path's.
func splitFile(flag, text, example string, known ...string) (name, path string, options map[string]string, err error) {
	name, path, ok := strings.Cut(text, "=")
	wrong := func(format string, args ...any) error {
		return &usageError{msg: fmt.Sprintf("--%s %s: ", flag, text) + fmt.Sprintf(format, args...), hint: "for example: --" + flag + " " + example}
	}
	options = map[string]string{}
	for {
		m := fileOption.FindStringSubmatch(path)
		if m == nil {
			break
		}
		isKnown := false
		for _, k := range known {
			isKnown = isKnown || k == m[1]
		}
		if !isKnown {
			break
		}
		if _, twice := options[m[1]]; twice {
			return "", "", nil, wrong("%s is given twice", m[1])
		}
		options[m[1]] = m[2]
		path = strings.TrimSuffix(path, m[0])
	}
	if !ok || name == "" || path == "" {
		return "", "", nil, wrong("expected name=file")
	}
	return name, path, options, nil
}

var delimiterNames = map[string]rune{"comma": ',', "semicolon": ';', "tab": '\t', "pipe": '|', "space": ' '}

const csvExample = "'hr=roster.csv,delimiter=;,header=no'"

// files turns the flags into the engine's options. statements is the file of the statements. done removes
// what was copied.
func (c *command) files(ctx context.Context, f fileFlags, statements string, o *whoql.Options) (done func() error, err error) {
	var copies []string
	done = func() error {
		var errs []error
		for _, path := range copies {
			if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	stdin := 0
	for _, text := range f.csv {
		name, path, options, err := splitFile("csv", text, csvExample, "delimiter", "header")
		if err != nil {
			return done, err
		}
		file := whoql.CSV{Name: name, Path: path}
		if path == "-" {
			if stdin++; stdin > 1 || statements == "-" {
				return done, &usageError{msg: "standard input can be read once only", hint: "put the other into a file"}
			}
		}
		if d, ok := options["delimiter"]; ok {
			r, size := utf8.DecodeRuneInString(d)
			switch named, ok := delimiterNames[d]; {
			case ok:
				file.Options.Delimiter = named
			case size == len(d) && size > 0:
				file.Options.Delimiter = r
			default:
				return done, &usageError{msg: fmt.Sprintf("--csv %s: the delimiter is one character, or comma, semicolon, tab, pipe or space", text), hint: "for example: --csv " + csvExample}
			}
		}
		switch options["header"] {
		case "", "yes":
		case "no":
			file.Options.NoHeader = true
		default:
			return done, &usageError{msg: fmt.Sprintf("--csv %s: header is yes or no", text), hint: "for example: --csv " + csvExample}
		}
		if copied, err := c.spool(ctx, &file, o.TempInMemory); err != nil {
			return done, err
		} else if copied {
			copies = append(copies, file.Path)
		}
		o.CSV = append(o.CSV, file)
	}
	for _, text := range f.attach {
		name, path, options, err := splitFile("attach", text, "audit=audit.db,mode=rwc", "mode")
		if err != nil {
			return done, err
		}
		file := whoql.Attachment{Name: name, Path: path}
		switch options["mode"] {
		case "", "ro":
		case "rw":
			file.Mode = whoql.AttachWrite
		case "rwc":
			file.Mode = whoql.AttachCreate
		default:
			return done, &usageError{msg: fmt.Sprintf("--attach %s: mode is ro, rw or rwc", text), hint: "ro reads, rw also writes, rwc makes the file if it is not there"}
		}
		o.Attach = append(o.Attach, file)
	}
	return done, nil
}

// spool copies what can't be read twice, standard input or a pipe, to a temporary file that only its owner
// can read; with never it refuses to.
func (c *command) spool(ctx context.Context, file *whoql.CSV, never bool) (copied bool, err error) {
	in := c.stdin
	label := "standard input"
	if file.Path != "-" {
		info, err := os.Stat(file.Path)
		if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) == 0 {
			return false, nil // the engine says what is wrong with it
		}
		pipe, err := os.Open(file.Path)
		if err != nil {
			return false, &usageError{msg: err.Error()}
		}
		defer pipe.Close()
		in, label = pipe, file.Path
	}
	if never {
		return false, &usageError{msg: label + " would have to be copied to a temporary file, and --temp-in-memory is given", hint: "put it into a file, or leave --temp-in-memory out"}
	}
	tmp, err := os.CreateTemp("", "whoql-*.csv")
	if err != nil {
		return false, err
	}
	// Also if the run is given up: standard input may never end.
	context.AfterFunc(ctx, func() { os.Remove(tmp.Name()) })
	_, err = io.Copy(tmp, in)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return false, errors.Join(&usageError{msg: label + ": " + err.Error()}, os.Remove(tmp.Name()))
	}
	file.Path, file.Options.Label = tmp.Name(), label
	return true, nil
}
