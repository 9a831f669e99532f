package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/cli"
	"github.com/whoql/whoql/format"
)

// completed returns what the words can become, without what it means.
func completed(t *testing.T, env map[string]string, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if code := cli.Run(context.Background(), append([]string{"__complete", "--"}, words...), strings.NewReader(""), &out, &errs, lookup); code != cli.ExitOK || errs.Len() > 0 {
		t.Errorf("%q: exit code %d: %s", words, code, errs.String())
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got = append(got, word)
	}
	return got
}

func TestCompletedWords(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("orgs:\n  acme: {url: https://acme.okta.com, token_env: A}\n  beta: {url: https://beta.okta.com, token_env: B}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"WHOQL_CONFIG": config, "WHOQL_STATE": filepath.Join(dir, "none")}
	all, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, r := range all.Resources() {
		tables = append(tables, r.Path())
	}
	orgs := []string{"acme", "beta"}
	shells := []string{"bash", "zsh", "fish", "powershell"}
	cases := []struct {
		words string // a space between each two; _ is an empty one
		want  []string
	}{
		{"qu", []string{"query"}},
		{"man", []string{"man"}},
		{"help ver", []string{"version"}},
		{"help query _", nil},
		{"nope _", nil},
		{"query _", nil}, // SQL
		{"query --csv-", []string{"--csv-safe"}},
		{"query --no-re", []string{"--no-rewrite"}},
		{"query -- --no-re", nil},
		{"query -o _", format.Names()},
		{"query --output js", []string{"json", "jsonl"}},
		{"query --output=js", []string{"--output=json", "--output=jsonl"}},
		{"query -o csv --or", []string{"--org"}},
		{"query --org _", orgs},
		{"query --org=b", []string{"--org=beta"}},
		{"query --config nowhere.yaml --org _", nil},
		{"query --timeout _", nil},
		{"query --out _", []string{":files"}},
		{"query --out=us", []string{":files"}},
		{"query --sandbox=o", []string{":files"}},
		{"query --csv ros", nil},
		{"query --csv roster=", []string{":files"}},
		{"query --on-error _", []string{"stop", "continue"}},
		{"query --nope=1", nil},
		{"query -v SELECT --ti", []string{"--timeout"}},
		{"docs _", tables},
		{"docs okta.user.u", []string{"okta.user.users"}},
		{"docs okta.user.users _", nil},
		{"completion _", shells},
		{"orgs _", []string{"add", "remove", "default", "test"}},
		{"orgs test _", orgs},
		{"orgs test acme b", []string{"beta"}},
		{"orgs remove acme _", nil},
		{"orgs add _", nil},
		{"orgs add x --", []string{"--config", "--url", "--token-env", "--read-only"}},
		{"orgs remove --", []string{"--config"}},
		{"runs _", []string{"show", "verify"}},
		{"undo _", nil}, // there is no journal
		{"version --", nil},
	}
	for _, c := range cases {
		words := strings.Split(c.words, " ")
		if last := len(words) - 1; words[last] == "_" {
			words[last] = ""
		}
		if got := completed(t, env, words...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.words, got, c.want)
		}
	}
	if _, err := os.Stat(env["WHOQL_STATE"]); err == nil {
		t.Error("completion made a journal")
	}
}

// bashCompletes runs the script in bash for a line with the cursor at its end, parted into words as
// bash's readline parts it.
const bashCompletes = `
compopt() { echo "compopt $*"; }
source "$SCRIPT"
complete -p whoql >&2
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$LINE
COMP_POINT=${#LINE}
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_whoql
printf '%s\n' "${COMPREPLY[@]}"
`

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	dir := whoqlOnPath(t)
	script := filepath.Join(dir, "whoql.bash")
	var out bytes.Buffer
	if code := cli.Run(context.Background(), []string{"completion", "bash"}, nil, &out, os.Stderr, os.LookupEnv); code != cli.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	if err := os.WriteFile(script, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line  string
		words []string
		want  string
	}{
		{"whoql qu", []string{"whoql", "qu"}, "query\n"},
		{"whoql query --output ", []string{"whoql", "query", "--output", ""}, strings.Join(format.Names(), "\n") + "\n"},
		{"whoql query --output=js", []string{"whoql", "query", "--output", "=", "js"}, "json\njsonl\n"},
		{"whoql query --output=", []string{"whoql", "query", "--output", "="}, strings.Join(format.Names(), "\n") + "\n"},
		{"whoql query --csv a=ro", []string{"whoql", "query", "--csv", "a", "=", "ro"}, "compopt -o default\n\n"},
		{"whoql  docs   okta.user.u", []string{"whoql", "docs", "okta.user.u"}, "okta.user.users\n"},
		{"whoql query 'SELECT 1' --no-pu", []string{"whoql", "query", "'SELECT 1'", "--no-pu"}, "--no-pushdown\n"},
	} {
		cmd := exec.Command(bash, append([]string{"--norc", "-c", bashCompletes, "bash"}, c.words...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "SCRIPT="+script, "LINE="+c.line, "GORACE=atexit_sleep_ms=0")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		got, err := cmd.Output()
		if err != nil || string(got) != c.want || strings.TrimSpace(errs.String()) != "complete -F _whoql whoql" {
			t.Errorf("%q: %v, %q, want %q; %s", c.line, err, got, c.want, errs.String())
		}
	}
}

// The scripts of other shells are at least programs of them.
func TestShellsReadTheirScripts(t *testing.T) {
	for shell, args := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		t.Run(shell, func(t *testing.T) {
			name, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s", shell)
			}
			var script bytes.Buffer
			if code := cli.Run(context.Background(), []string{"completion", shell}, nil, &script, os.Stderr, os.LookupEnv); code != cli.ExitOK {
				t.Fatalf("exit code %d", code)
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, script.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(name, append(args, file)...).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The manual has every command and flag, and man has nothing to complain of.
func TestManual(t *testing.T) {
	var page bytes.Buffer
	if code := cli.Run(context.Background(), []string{"man"}, nil, &page, os.Stderr, os.LookupEnv); code != cli.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	for _, part := range []string{".SS whoql query", ".SS whoql undo", `\fB\-\-pushdown`, `\fB\-\-no\-pushdown`, `\fB\-o\fR, \fB\-\-output\fR \fIFORMAT\fR`, `\fB124\fR`, "WHOQL_CONFIG"} {
		if has := strings.Contains(page.String(), part); has != (part != `\fB\-\-pushdown`) {
			t.Errorf("the manual has %s: %t", part, has)
		}
	}
	for i, line := range strings.Split(page.String(), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
			t.Errorf("line %d is not ASCII: %s", i+1, line)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff")
	}
	cmd := exec.Command(groff, "-man", "-Tascii", "-ww")
	cmd.Stdin = &page
	var errs bytes.Buffer
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%v: %s", err, errs.String())
	}
	if len(text) < 4000 {
		t.Errorf("the page has %d bytes only", len(text))
	}
}
