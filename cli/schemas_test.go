package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/whoql/whoql/oktatest"
)

func TestSchemaFiles(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 5})
	cache := filepath.Join(t.TempDir(), "cache")
	vars := map[string]string{"OKTA_CLIENT_ORGURL": server.URL, "OKTA_CLIENT_TOKEN": server.Token, "XDG_CACHE_HOME": cache, "LOCALAPPDATA": cache}
	if runtime.GOOS == "windows" {
		if err := os.Mkdir(cache, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	ask := func(want int, args ...string) string {
		t.Helper()
		server.ResetRequests()
		var out, errs bytes.Buffer
		if code := Run(t.Context(), append([]string{"query", "-o", "csv"}, args...), strings.NewReader(""), &out, &errs, env); code != ExitOK {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
		n := 0
		for _, r := range server.Requests() {
			if strings.HasPrefix(r.Path, "/api/v1/meta/") {
				n++
			}
		}
		if n != want {
			t.Errorf("%d requests about schemas, want %d", n, want)
		}
		return errs.String()
	}
	const sql = "SELECT badge FROM okta.user.users"
	ask(3, sql)
	ask(0, sql)
	ask(0, "SELECT floor FROM okta.user.users; EXPLAIN SELECT fte FROM okta.user.users; DESCRIBE EXTENDED okta.user.users")
	ask(3, "--refresh-schemas", sql)
	ask(0, "--refresh-schemas", "SELECT login FROM okta.user.users")
	ask(3, "--refresh-schemas", "DESCRIBE EXTENDED okta.user.users")

	// How many users there were is kept, too, and nothing of them.
	counts, err := filepath.Glob(filepath.Join(cache, "whoql", "sizes-127.0.0.1_*.json"))
	if err != nil || len(counts) != 1 {
		t.Fatalf("%v, %v", counts, err)
	}
	if text, err := os.ReadFile(counts[0]); err != nil || len(text) > 300 || !bytes.Contains(text, []byte(`"okta.user.users":{"objects":`)) || bytes.Contains(text, []byte(server.Token)) {
		t.Errorf("%s, %v", text, err)
	}
	files, err := filepath.Glob(filepath.Join(cache, "whoql", "schemas-*"))
	if err != nil || len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "schemas-127.0.0.1_") {
		t.Fatalf("%v, %v", files, err)
	}
	hidden, err := filepath.Glob(filepath.Join(cache, "whoql", ".*"))
	if err != nil || len(hidden) > 0 {
		t.Errorf("%v, %v are left", hidden, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !bytes.Contains(text, []byte(`"badge"`)) || bytes.Contains(text, []byte(server.Token)) {
		t.Errorf("%s, %v", text, err)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{files[0]: 0o600, filepath.Dir(files[0]): os.ModeDir | 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	}
	// What isn't what was written is read again, and written again.
	for _, corrupt := range []string{"", "{", string(text[:len(text)/2]), `[]`, "\x00"} {
		if err := os.WriteFile(files[0], []byte(corrupt), 0o600); err != nil {
			t.Fatal(err)
		}
		ask(3, sql)
		ask(0, sql)
	}
	// A place that can't be written to, or isn't known, is no failure.
	if err := os.WriteFile(filepath.Join(filepath.Dir(cache), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(filepath.Dir(cache), "file", "x"), filepath.Join(filepath.Dir(cache), "file"), "", "relative"} {
		vars["XDG_CACHE_HOME"], vars["LOCALAPPDATA"] = dir, dir
		if text := ask(3, sql); text != "" {
			t.Errorf("%s: %s", dir, text)
		}
	}
	delete(vars, "XDG_CACHE_HOME")
	vars["HOME"] = filepath.Join(filepath.Dir(cache), "nobody")
	ask(3, sql)
	if _, err := os.Stat(vars["HOME"]); !os.IsNotExist(err) {
		t.Errorf("a home was made: %v", err)
	}
}
