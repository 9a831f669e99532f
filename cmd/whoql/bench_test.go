package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
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

// The benchmark needs three processes: a sandbox, whoql, and a bare loop to compare it with. The
// test binary plays the first and the last, told by this variable.
const role = "WHOQL_BENCH_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "sandbox":
		serve()
	case "loop":
		loop()
	default:
		os.Exit(m.Run())
	}
}

// serve is a sandbox of as many users as the argument says, until standard input ends.
func serve() {
	users, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	s, err := oktatest.Serve(oktatest.Options{Users: users})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

var nextLink = regexp.MustCompile(`<([^>]+)>; rel="next"`)

// loop reads the pages that a full scan reads, one after another, and throws them away.
func loop() {
	url := os.Args[1] + "/api/v1/users?limit=200&search=created+ge+%221970-01-01T00%3A00%3A00.000Z%22"
	pages := 0
	for url != "" {
		req, _ := http.NewRequest("GET", url, nil)
		req.Header.Set("Authorization", "SSWS "+oktatest.DefaultToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			panic(fmt.Sprint(err, resp))
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			panic(err)
		}
		resp.Body.Close()
		pages++
		url = ""
		for _, l := range resp.Header.Values("Link") {
			if m := nextLink.FindStringSubmatch(l); m != nil {
				url = m[1]
			}
		}
	}
	fmt.Println(pages)
}

// BenchmarkScan compares whoql with a bare loop over the same pages of a sandbox in a third process.
// It reports the ratio of their times, each the best of a few runs taken in turns, and whoql's
// peak memory. Times alone say more of the machine than of whoql.
func BenchmarkScan(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "whoql")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	sizes := []int{100_000, 1_000_000}
	if testing.Short() {
		sizes = []int{20_000}
	}
	for _, users := range sizes {
		for _, q := range []struct{ name, sql string }{
			{"id-status", "SELECT id, status FROM okta.user.users"},
			{"profile", "SELECT login, department, lastLogin, profile FROM okta.user.users"},
			{"group", "SELECT department, count(*) FROM okta.user.users GROUP BY department"},
		} {
			if q.name != "id-status" && users > 100_000 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", q.name, users), func(b *testing.B) { benchmarkScan(b, bin, users, q.sql) })
		}
	}
}

func benchmarkScan(b *testing.B, bin string, users int, sql string) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sandbox := exec.Command(self, strconv.Itoa(users))
	sandbox.Env = append(os.Environ(), role+"=sandbox")
	stdin, _ := sandbox.StdinPipe()
	stdout, _ := sandbox.StdoutPipe()
	if err := sandbox.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = sandbox.Wait() })
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(url)

	const never = time.Hour
	whoql, bare, peak := never, never, int64(0)
	runs := 3
	if users > 100_000 {
		runs = 1
	}
	for b.Loop() {
		for range runs {
			cmd := exec.Command(self, url)
			cmd.Env = append(os.Environ(), role+"=loop")
			start := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			bare = min(bare, time.Since(start))

			cmd = exec.Command(bin, "query", "-o", "csv", sql)
			cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+url, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken)
			cmd.Stderr = os.Stderr
			start = time.Now()
			out, err := os.Create(filepath.Join(b.TempDir(), "out.csv"))
			if err != nil {
				b.Fatal(err)
			}
			cmd.Stdout = out
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
			out.Close()
			whoql = min(whoql, time.Since(start))
			peak = max(peak, maxRSS(cmd.ProcessState))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(whoql.Seconds()/bare.Seconds(), "×loop")
	b.ReportMetric(whoql.Seconds(), "s-whoql")
	b.ReportMetric(bare.Seconds(), "s-loop")
	if peak > 0 {
		b.ReportMetric(float64(peak)/(1<<20), "MB-peak")
	}
}
