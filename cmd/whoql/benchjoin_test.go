package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// BenchmarkJoin looks up the groups of 1,000 users in a sandbox of another process that answers after
// 100 ms. It reports the time and the requests; one lookup after another would take 100 s.
func BenchmarkJoin(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "whoql")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	const (
		users = 1000
		join  = "SELECT u.login, count(*) FROM okta.user.users AS u JOIN okta.user.groups AS g ON g.userId = u.id"
	)
	url := benchSandbox(b, bin, users, 100*time.Millisecond)
	for _, q := range []struct{ name, sql string }{
		{"groups", join + " GROUP BY u.id"},
		// One of a hundred users, which the API can't be asked for.
		{"residual", join + " WHERE substr(u.id, 13, 2) < '0Z' GROUP BY u.id"},
		{"by-id", "SELECT u.login FROM okta.group.groups AS g JOIN okta.group.users AS m ON m.groupId = g.id JOIN okta.user.users AS u ON u.id = m.id WHERE g.name = 'Everyone'"},
	} {
		b.Run(q.name, func(b *testing.B) {
			var requests, rows float64
			for b.Loop() {
				requests, rows = benchQuery(b, bin, url, q.sql)
			}
			b.ReportMetric(requests, "requests")
			b.ReportMetric(rows, "rows")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// benchSandbox serves an org until the benchmark ends.
func benchSandbox(b *testing.B, bin string, users int, latency time.Duration) (url string) {
	cmd := exec.Command(bin, "sandbox", "--addr", "127.0.0.1:0", "--users", strconv.Itoa(users), "--latency", latency.String())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	out := bufio.NewReader(stderr)
	for address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`); ; {
		line, err := out.ReadString('\n')
		if url = address.FindString(line); url != "" {
			return url
		}
		if err != nil {
			b.Fatalf("the sandbox doesn't serve: %v", err)
		}
	}
}

var footer = regexp.MustCompile(`(?m)^([\d,]+) rows?, ([\d,]+) requests?, `)

// benchQuery runs a statement with the whole rate limit, and returns the footer's figures.
func benchQuery(b *testing.B, bin, url, sql string) (requests, rows float64) {
	cmd := exec.Command(bin, "query", "-v", "-o", "csv", "--headroom", "0", sql)
	cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+url, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %s", err, &stderr)
	}
	m := footer.FindStringSubmatch(stderr.String())
	if m == nil {
		b.Fatalf("no footer: %s", &stderr)
	}
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return number(m[2]), number(m[1])
}
