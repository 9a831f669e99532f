package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSandbox asks the sandbox that the output of whoql sandbox names, and ends it with a signal.
func TestSandbox(t *testing.T) {
	check := noneLeft(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var stderr buffer
	ended := make(chan int, 1)
	go func() {
		code := Run(ctx, []string{"sandbox", "--addr", "127.0.0.1:0", "--users", "3", "--token", "it's", "--log"}, nil, w, &stderr, environment(nil))
		w.Close()
		ended <- code
	}()
	// The output ends before the sandbox does, so that a shell goes on.
	output, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(string(output), -1) {
		values[m[1]] = strings.ReplaceAll(m[2], `'\''`, "'")
	}
	if values["OKTA_CLIENT_TOKEN"] != "it's" || values["WHOQL_SANDBOX_PID"] == "" {
		t.Errorf("the output is %s", output)
	}
	var rows, errs bytes.Buffer
	code := Run(context.Background(), []string{"query", "-o", "jsonl", "SELECT count(*) >= 3 AS all_there FROM okta.user.users"}, nil, &rows, &errs, environment(values))
	if code != ExitOK || rows.String() != "{\"all_there\":1}\n" {
		t.Errorf("exit code %d: %s%s", code, rows.String(), errs.String())
	}
	cancel(&signalError{os.Interrupt})
	if code := <-ended; code != ExitOK {
		t.Errorf("exit code %d of the sandbox: %s", code, stderr.String())
	}
	for _, want := range []string{"an org of 3 users", values["OKTA_CLIENT_ORGURL"], "GET /api/v1/users?"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, stderr.String())
		}
	}
	check()
}
