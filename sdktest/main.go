// Command sdktest drives whoql's sandbox org with Okta's official Go SDK. What it expects is what Okta's
// documentation and recordings of Okta's answers say, not what the sandbox does: a check that fails is a
// place where a client could tell the two apart.
//
// It serves an org on a loopback port, runs all checks against it, prints a line for each and then how
// many passed and failed, and exits with 1 if any failed. A [pass] is one run over the checks, an
// [outcome] what one call of the SDK came to. The checks depend on one another within a function and run
// one after another. It is neither a client nor a part of the product: it is a module of its own, so
// that what the SDK needs isn't needed by whoql.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

func main() {
	failed, err := run(context.Background(), os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sdktest:", err)
		os.Exit(1)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// run runs all checks and writes their results to out. It returns how many failed; an error means that
// there was no org to check.
func run(ctx context.Context, out io.Writer) (failed int, err error) {
	p, err := newPass(ctx, out)
	if err != nil {
		return 0, err
	}
	defer p.org.Close()
	for _, part := range []struct {
		name string
		run  func(*pass)
	}{
		{"protocol", protocol},
		{"users as they are shown", shown},
		{"links", links},
		{"create", create},
		{"create, refused", createRefused},
		{"get", get},
		{"list", list},
		{"filter", filters},
		{"search", searches},
		{"sorting", sorting},
		{"q", prefixes},
		{"order", order},
		{"update", update},
		{"replace", replace},
		{"update, refused", updateRefused},
		{"operations by status", matrix},
		{"lifecycle", lifecycle},
		{"timestamps", timestamps},
		{"credentials", credentials},
		{"policies", policies},
		{"what people do", people},
		{"delete", deletions},
		{"groups", groups},
		{"user types", userTypes},
		{"schema", schemas},
		{"settings", settings},
		{"what isn't served", unserved},
		{"rate limits", rateLimits},
		{"failures", failures},
	} {
		fmt.Fprintf(out, "# %s\n", part.name)
		p.guard(part.name, part.run)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", p.passed, p.failed)
	return p.failed, nil
}
