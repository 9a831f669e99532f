package whoql_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whoql/whoql"
)

// bigRoster writes a CSV file of some MiB in which every twentieth record is a user's, and returns its
// path and how many users it has.
func bigRoster(t *testing.T, logins []string, size int) (path string, users int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "big.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	note := strings.Repeat("what nobody reads ", 100)
	written, _ := fmt.Fprintln(w, "number;email;note")
	for i := 0; written < size || users < len(logins); i++ {
		email := fmt.Sprintf("person%d@elsewhere.example", i)
		if i%20 == 0 && users < len(logins) {
			email = logins[users]
			users++
		}
		n, err := fmt.Fprintf(w, "%08d;%s;\"%s\"\n", i, email, note)
		if err != nil {
			t.Fatal(err)
		}
		written += n
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path, users
}

// TestBigCSV: a join with a file needs far less memory than the file is long, whichever comes first.
func TestBigCSV(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 30 MB")
	}
	engine, _ := withFiles(t, whoql.Options{})
	all, err := run(context.Background(), engine, "SELECT login FROM okta.user.users", nil)
	if err != nil {
		t.Fatal(err)
	}
	var logins []string
	for _, r := range all[0].rows {
		logins = append(logins, r[0].(string))
	}
	const size = 30 << 20
	path, users := bigRoster(t, logins, size)
	engine, _ = withFiles(t, whoql.Options{CSV: []whoql.CSV{{Name: "hr", Path: path}}})
	for _, sql := range []string{
		"SELECT count(*), count(DISTINCT u.id) FROM okta.user.users AS u JOIN hr ON hr.email = u.login",
		"SELECT count(hr.number), count(DISTINCT u.id) FROM okta.user.users AS u LEFT JOIN hr ON hr.email = u.login",
	} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var most atomic.Uint64
		done, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
					var now runtime.MemStats
					runtime.ReadMemStats(&now)
					most.Store(max(most.Load(), now.HeapAlloc))
				}
			}
		}()
		out, err := run(context.Background(), engine, sql, nil)
		close(done)
		<-watched
		if err != nil || fmt.Sprint(out[0].rows) != fmt.Sprintf("[[%d %d]]", users, users) {
			t.Errorf("%s: %v, %v, want %d", sql, out, err, users)
		}
		if grown := int64(most.Load()) - int64(before.HeapAlloc); grown > size { // other tests run meanwhile
			t.Errorf("%s: the heap grows by %d MiB", sql, grown>>20)
		}
	}
}

// TestCSVNote: a join that reads the file again and again says so, others don't.
func TestCSVNote(t *testing.T) {
	path, _ := bigRoster(t, nil, 1<<20)
	engine, _ := withFiles(t, whoql.Options{CSV: []whoql.CSV{{Name: "hr", Path: path}}})
	for sql, want := range map[string]string{
		"SELECT 1 FROM okta.user.users AS u LEFT JOIN hr ON lower(hr.email) = u.email":                                             "1:46: hr is a CSV file, and is read from start to end",
		"SELECT 1 FROM okta.user.users AS u LEFT JOIN hr ON hr.email = u.email":                                                    "",
		"SELECT 1 FROM okta.user.users AS u JOIN hr ON hr.email = u.email":                                                         "",
		"SELECT 1 FROM okta.user.users AS u WHERE lower(u.email) IN (SELECT lower(email) FROM hr)":                                 "",
		"CREATE TEMP TABLE c AS SELECT lower(email) AS e FROM hr; SELECT 1 FROM okta.user.users AS u LEFT JOIN c ON c.e = u.email": "",
	} {
		rows, err := engine.Query(context.Background(), sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		var notes []string
		for _, n := range rows.Notes() {
			notes = append(notes, n.Error())
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Join(notes, ";"); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s\nnotes %q, want %q", sql, got, want)
		}
	}
}
