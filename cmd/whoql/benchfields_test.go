package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// BenchmarkProjection reads a few columns of every user, with and without asking for them alone, each from a
// sandbox in another process. It reports what share of the bytes and of the time of whole users that takes.
func BenchmarkProjection(b *testing.B) {
	bin := build(b)
	users := 100_000
	if testing.Short() {
		users = 10_000
	}
	for _, q := range []struct{ name, sql string }{
		{"id-status", "SELECT id, status FROM okta.user.users"},
		{"report", "SELECT login, department, title, status, lastLogin FROM okta.user.users"},
		{"profile", "SELECT login, profile FROM okta.user.users"}, // what is left out is credentials
		{"all", "SELECT * FROM okta.user.users"},
	} {
		b.Run(fmt.Sprintf("%s/%d", q.name, users), func(b *testing.B) {
			for b.Loop() {
				whole, wholeBytes := projected(b, bin, users, q.sql, "--no-projection")
				part, partBytes := projected(b, bin, users, q.sql)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(partBytes/wholeBytes, "×bytes")
				b.ReportMetric(part.Seconds()/whole.Seconds(), "×time")
				b.ReportMetric(partBytes/float64(users), "B-user")
				b.ReportMetric(wholeBytes/float64(users), "B-whole-user")
				b.ReportMetric(part.Seconds(), "s-whoql")
			}
		})
	}
}

// projected runs a query three times and returns the least time, and the bytes of the bodies of one run.
func projected(b *testing.B, bin string, users int, sql string, flags ...string) (least time.Duration, size float64) {
	const runs = 3
	sandbox := startSandbox(b, oktatest.Options{Users: users})
	least = math.MaxInt64
	for range runs {
		// Side by side the pages would compete with the sandbox for the processors.
		cmd := exec.Command(bin, append([]string{"query", "--cursors", "1", "-o", "csv", sql}, flags...)...)
		cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+sandbox.url, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken, "XDG_CACHE_HOME="+b.TempDir())
		cmd.Stderr = os.Stderr
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		least = min(least, time.Since(start))
	}
	requests := sandbox.end(b)
	for _, r := range requests {
		size += float64(r.Bytes)
	}
	if len(requests) < runs*users/200 {
		b.Fatalf("the log has only %d requests", len(requests))
	}
	return least, size / runs
}
