package cli_test

import (
	"context"
	"fmt"
	"os"

	"github.com/whoql/whoql/cli"
)

// Run with an environment that names no org, over the sandbox.
func ExampleRun() {
	noEnv := func(string) (string, bool) { return "", false }
	code := cli.Run(context.Background(), []string{"query", "--sandbox", "-o", "jsonl",
		"SELECT count(*) AS users, count(DISTINCT id) AS ids FROM okta.user.users"}, os.Stdin, os.Stdout, os.Stderr, noEnv)
	fmt.Println("exit code", code)
	// Output:
	// {"users":1000,"ids":1000}
	// exit code 0
}
