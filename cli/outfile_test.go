package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

// names returns what is in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestOutFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "users.csv")
	write := func(text string) *outFile {
		o, err := createOut(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		// What a killed process leaves behind says what it is.
		if got := names(t, dir); !strings.Contains(got, "users.csv.whoql-") || !strings.HasSuffix(got, ".tmp") {
			t.Errorf("while it is written there are %s", got)
		}
		return o
	}
	content := func() string {
		b, _ := os.ReadFile(path)
		return string(b)
	}
	o := write("first")
	if content() != "" {
		t.Errorf("before commit: %q", content())
	}
	if err := o.commit(); err != nil || content() != "first" || names(t, dir) != "users.csv" {
		t.Fatalf("%v: %q, %s", err, content(), names(t, dir))
	}
	o.abort() // too late
	if content() != "first" {
		t.Errorf("abort behind commit: %q", content())
	}
	o = write("second")
	o.abort()
	if _, err := o.Write([]byte("x")); !errors.Is(err, errEnded) {
		t.Errorf("a write behind abort: %v", err)
	}
	if err := o.commit(); !errors.Is(err, errEnded) || content() != "first" || names(t, dir) != "users.csv" {
		t.Errorf("commit behind abort: %v, %q, %s", err, content(), names(t, dir))
	}
	if err := write("third").commit(); err != nil || content() != "third" {
		t.Errorf("%v: %q", err, content())
	}
}

// TestOutFileLost: where the file can't get its name, its content stays.
func TestOutFileLost(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "users.csv")
	o, err := createOut(path)
	if err != nil {
		t.Fatal(err)
	}
	o.Write([]byte("all"))
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	err = o.commit()
	if err == nil || !strings.Contains(err.Error(), "the result is complete, but stands in "+o.f.Name()) {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(o.f.Name()); err != nil || string(b) != "all" {
		t.Errorf("%v: %q", err, b)
	}
}

func TestOutFileNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 250) + ".csv", "a*b.csv", "-.csv", "Zoë.csv"} {
		if runtime.GOOS == "windows" && strings.Contains(name, "*") {
			continue
		}
		dir := t.TempDir()
		o, err := createOut(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.commit(); err != nil || names(t, dir) != name {
			t.Errorf("%v: %s", err, names(t, dir))
		}
	}
}

// TestOutFileRights: what may not be written isn't replaced either. Root may everything.
func TestOutFileRights(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("needs a user who isn't root, on Unix")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "users.csv")
	if err := os.WriteFile(path, []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	var usage *usageError
	if _, err := createOut(path); !errors.As(err, &usage) || !strings.Contains(usage.msg, "permission denied") {
		t.Errorf("a read-only file: %v", err)
	}
	os.Remove(path)
	os.Chmod(dir, 0o500)
	defer os.Chmod(dir, 0o700)
	if _, err := createOut(path); !errors.As(err, &usage) || !strings.Contains(usage.hint, "right to create files") {
		t.Errorf("a read-only directory: %v", err)
	}
}

// TestOutFileCancelled: an interrupted query leaves nothing, or what was there before.
func TestOutFileCancelled(t *testing.T) {
	for _, before := range []string{"", "old"} {
		org := startStalledOrg(t)
		dir := t.TempDir()
		path := filepath.Join(dir, "users.json")
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-org.stalled
			cancel(&signalError{os.Interrupt})
		}()
		var stdout, stderr bytes.Buffer
		code := Run(ctx, []string{"query", "--out", path, "SELECT id FROM okta.user.users"}, nil, &stdout, &stderr, org.env)
		b, _ := os.ReadFile(path)
		if code != ExitInterrupted || string(b) != before || strings.Contains(names(t, dir), "tmp") {
			t.Errorf("exit code %d, %q, %s: %s", code, b, names(t, dir), stderr.String())
		}
		cancel(nil)
	}
}

// TestOutFileAbandoned: nor does one that can't be interrupted.
func TestOutFileAbandoned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{"query", "--timeout", "100ms", "--out", filepath.Join(dir, "a.csv"), "SELECT instr(hex(zeroblob(300000)), hex(zeroblob(150000)) || '1')"}
	code := Run(t.Context(), args, nil, &stdout, &stderr, environment(nil))
	if code != ExitTimeout || names(t, dir) != "" {
		t.Errorf("exit code %d, left behind: %s", code, names(t, dir))
	}
}

// TestOutFileFull: a full disk leaves the old file.
func TestOutFileFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	org := startOrg(t, oktatest.Options{Users: 3})
	var stdout, stderr bytes.Buffer
	code := Run(t.Context(), []string{"query", "-o", "csv", "--out", "/dev/full", "SELECT id FROM okta.user.users"}, nil, &stdout, &stderr, org.env)
	if code != ExitFailed || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
