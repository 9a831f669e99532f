package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
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

// TestASandboxInAFile changes an org that is served from a file, which nobody else can open meanwhile and
// everybody afterwards.
func TestASandboxInAFile(t *testing.T) {
	check := noneLeft(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	file := filepath.Join(t.TempDir(), "org.db")
	var stderr buffer
	ended := make(chan int, 1)
	go func() {
		code := Run(ctx, []string{"sandbox", "--addr", "127.0.0.1:0", "--users", "0", "--db", file}, nil, w, &stderr, environment(nil))
		w.Close()
		ended <- code
	}()
	output, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(string(output), -1) {
		values[m[1]] = m[2]
	}
	req, err := http.NewRequest(http.MethodPost, values["OKTA_CLIENT_ORGURL"]+"/api/v1/users/owner/lifecycle/suspend", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+values["OKTA_CLIENT_TOKEN"])
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	res.Body.Close()
	const sql = "SELECT login, status FROM okta.user.users"
	query := func(flags ...string) (code int, rows, errs string) {
		var out, problems bytes.Buffer
		code = Run(context.Background(), append([]string{"query", "-o", "jsonl", sql}, flags...), nil, &out, &problems, environment(values))
		return code, out.String(), problems.String()
	}
	const want = `{"login":"owner@acme.example","status":"SUSPENDED"}` + "\n"
	if code, rows, errs := query(); code != ExitOK || rows != want {
		t.Errorf("%d %s%s", code, rows, errs)
	}
	code, _, errs := query("--sandbox=" + file)
	if code != ExitUsage || !strings.Contains(errs, file+" is in use by another process\n") || !strings.Contains(errs, "set the OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN that it wrote") {
		t.Errorf("%d %s", code, errs)
	}
	cancel(&signalError{os.Interrupt})
	if code := <-ended; code != ExitOK || !strings.Contains(stderr.String(), "kept in "+file) {
		t.Errorf("exit code %d of the sandbox: %s", code, stderr.String())
	}
	if code, rows, errs := query("--sandbox=" + file); code != ExitOK || rows != want {
		t.Errorf("%d %s%s", code, rows, errs)
	}
	check()
}
