// Command whoql reads Okta orgs with SQL.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/whoql/whoql/cli"
)

func main() {
	// Pages come and go: at Go's own setting a third of a scan's time is spent on collecting a heap of
	// a few megabytes again and again. This trades some 15 MB for it; GOGC still decides if it is set.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := cli.Signals(context.Background())
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}
