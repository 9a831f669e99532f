package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/oktatest"
)

// TestKilledWhileWriting: a whoql that is killed while it writes a table into an attached file leaves
// the file sound, with what it had and nothing else.
func TestKilledWhileWriting(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes and writes 100 MB")
	}
	bin, err := exec.LookPath("whoql")
	if err != nil {
		t.Fatal(err)
	}
	server := oktatest.Start(t, oktatest.Options{Users: 1000, Seed: 1})
	path := filepath.Join(t.TempDir(), "audit.db")
	start := func(mode, sql string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(bin, "query", "-o", "csv", "--attach", "audit="+path+",mode="+mode, sql)
		cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+server.URL, "OKTA_CLIENT_TOKEN="+server.Token)
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	cmd, out := start("rwc", "CREATE TABLE audit.old AS SELECT id, status FROM okta.user.users")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// 40 kB a row: far more than SQLite's cache, so that the file is written to before the end.
	const writes = "DROP TABLE audit.old; CREATE TABLE audit.new AS SELECT id, hex(zeroblob(20000)) AS pad FROM okta.user.users"
	hot := false
	for page := 1; page <= 5; page++ {
		server.ResetRequests()
		server.Inject(oktatest.Fault{Kind: oktatest.Stall, At: page, Path: "/api/v1/users", Delay: time.Minute})
		cmd, out := start("rw", writes)
		for n := 0; len(server.Requests()) < page-1; n++ { // the stalled one is noted when it ends
			if n == 2000 {
				t.Fatalf("only %d pages were asked for: %s", len(server.Requests()), out)
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond) // what has come is written
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		server.ClearFaults()
		_, err := os.Stat(path + "-journal")
		hot = hot || err == nil

		if err == nil {
			// Either nothing was overwritten yet, or SQLite has to undo it first.
			cmd, out := start("ro", "SELECT count(*) AS n FROM audit.old")
			if err := cmd.Wait(); err == nil && out.String() != "n\r\n1000\r\n" || err != nil && !strings.Contains(out.String(), "attach it for writing once") {
				t.Errorf("page %d: a half written file is read: %v, %s", page, err, out)
			}
		}
		cmd, out = start("rw", "SELECT count(*) AS n FROM audit.old")
		if err := cmd.Wait(); err != nil || out.String() != "n\r\n1000\r\n" {
			t.Errorf("page %d: %v, %s", page, err, out)
		}
		sound(t, path)
	}
	if !hot {
		t.Error("no kill came while the file was written to")
	}
	cmd, out = start("rw", writes)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := sound(t, path); got != "new" {
		t.Errorf("in the end the file has %s", got)
	}
}

// sound checks a file's integrity, and returns the names of its tables.
func sound(t *testing.T, path string) string {
	t.Helper()
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out []string
	for _, sql := range []string{"PRAGMA integrity_check", "SELECT name FROM sqlite_schema"} {
		stmt, _, err := conn.Prepare(sql)
		if err != nil {
			t.Fatal(err)
		}
		for stmt.Step() {
			out = append(out, stmt.ColumnText(0))
		}
		if err := stmt.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 || out[0] != "ok" {
		t.Errorf("the file is not sound: %v", out)
	}
	return strings.Join(out[1:], " ")
}
