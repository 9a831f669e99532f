package cli_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/whoql/whoql/cli"
	"github.com/whoql/whoql/oktatest"
)

var update = flag.Bool("update", false, "write the outputs that the scripts expect anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"whoql": func() {
		ctx, stop := cli.Signals(context.Background())
		code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
		stop()
		os.Exit(code)
	}})
}

// scriptUsers is how many users the org of a script has: two pages.
const scriptUsers = 250

// secondToken is the token of the second org, which the first one doesn't take.
const secondToken = "00second-MARKEDsecret-org"

// TestScripts runs testdata/script/*.txtar. Each script has an org of its own, which the environment
// names, and a second one of 30 users at SECOND_ORGURL, and besides testscript's commands these:
//
//	exit CODE whoql …   runs whoql, which must exit with the code
//	fault KIND [AT]     orders a fault of the org, at the AT-th request from now on
//	expand FILE…        puts variables into files that whoql may read, where they say $NAME, for the owner only
//	asked N             checks that the org was asked N times since the last asked
//	docs FILE HEADING   writes the first shell commands behind a heading of docs/FILE to example.sh
//	lf                  checks that the last output's lines end in CR LF, and makes them end in LF
func TestScripts(t *testing.T) {
	docs, err := filepath.Abs("../docs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			server, err := oktatest.Serve(oktatest.Options{Users: scriptUsers, Seed: 3})
			if err != nil {
				return err
			}
			e.Defer(func() { server.Close() })
			e.Values[orgKey{}] = server.Org
			e.Values[docsKey{}] = docs
			second, err := oktatest.Serve(oktatest.Options{Users: 30, Seed: 4, IDSuffix: "abc", Token: secondToken, Owner: true})
			if err != nil {
				return err
			}
			e.Defer(func() { second.Close() })
			e.Setenv("SECOND_ORGURL", second.URL)
			e.Setenv("SECOND_TOKEN", second.Token)
			e.Setenv("OKTA_CLIENT_ORGURL", server.URL)
			e.Setenv("OKTA_CLIENT_TOKEN", server.Token)
			// Under the race detector a process sleeps for a second before it exits.
			e.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":  exitCommand,
			"fault": faultCommand,
			"asked": askedCommand,
			"lf":    lfCommand,
			"docs":  docsCommand,

			"expand": expandCommand,
		},
	})
}

type orgKey struct{}

type docsKey struct{}

func org(ts *testscript.TestScript) *oktatest.Org { return ts.Value(orgKey{}).(*oktatest.Org) }

func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM [ARGUMENT…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func faultCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: fault KIND [AT]")
	}
	kind, err := oktatest.ParseFaultKind(args[0])
	ts.Check(err)
	f := oktatest.Fault{Kind: kind}
	if len(args) > 1 {
		f.At, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	org(ts).Inject(f)
}

func expandCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE…")
	}
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
		ts.Check(os.Chmod(path, 0o600))
	}
}

func askedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: asked N")
	}
	requests := org(ts).Requests()
	org(ts).ResetRequests()
	if got := strconv.Itoa(len(requests)); got != args[0] {
		for _, r := range requests {
			ts.Logf("%s %s %v", r.Method, r.Path, r.Query)
		}
		ts.Fatalf("the org was asked %s times, want %s", got, args[0])
	}
}

func lfCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: lf")
	}
	text := ts.ReadFile("stdout")
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		ts.Fatalf("lines that don't end in CR LF: %q", text)
	}
	_, err := ts.Stdout().Write([]byte(strings.ReplaceAll(text, "\r\n", "\n")))
	ts.Check(err)
}

func docsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: docs FILE HEADING")
	}
	b, err := os.ReadFile(filepath.Join(ts.Value(docsKey{}).(string), args[0]))
	ts.Check(err)
	_, behind, found := strings.Cut(string(b), "\n## "+args[1]+"\n")
	_, block, begun := strings.Cut(behind, "\n```sh\n")
	block, _, ended := strings.Cut(block, "\n```\n")
	if !found || !begun || !ended {
		ts.Fatalf("%s has no shell commands under %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs("example.sh"), []byte(block+"\n"), 0o600))
}
