// Command whoql reads Okta orgs with SQL.
package main

import (
	"context"
	"os"

	"github.com/whoql/whoql/cli"
)

func main() {
	cli.TuneProcess(os.LookupEnv)
	ctx, stop := cli.Signals(context.Background())
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}
