package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// serve is a sandbox, with the options that the argument has as JSON, until standard input ends. Then it writes
// what it was asked, as JSON.
func serve() {
	var o oktatest.Options
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		panic(err)
	}
	s, err := oktatest.Serve(o)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := json.NewEncoder(os.Stdout).Encode(s.Requests()); err != nil {
		panic(err)
	}
	s.Close()
}

// A sandbox is one in a process of its own.
type sandbox struct {
	url    string
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

func startSandbox(b *testing.B, o oktatest.Options) *sandbox {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	options, err := json.Marshal(map[string]any{"Users": o.Users, "Latency": o.Latency, "RateLimit": o.RateLimit, "Owner": o.Owner, "Created": o.Created})
	if err != nil {
		b.Fatal(err)
	}
	s := &sandbox{cmd: exec.Command(self, string(options))}
	s.cmd.Env = append(os.Environ(), role+"=sandbox")
	s.stdin, _ = s.cmd.StdinPipe()
	stdout, _ := s.cmd.StdoutPipe()
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.stdout = bufio.NewReader(stdout)
	url, err := s.stdout.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	s.url = strings.TrimSpace(url)
	return s
}

// end ends the sandbox, and returns what it was asked.
func (s *sandbox) end(b *testing.B) (requests []oktatest.Request) {
	b.Helper()
	s.stdin.Close()
	err := json.NewDecoder(s.stdout).Decode(&requests)
	_, _ = io.Copy(io.Discard, s.stdout)
	if e := s.cmd.Wait(); err != nil || e != nil {
		b.Fatal(err, e)
	}
	return requests
}

// build builds whoql.
func build(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "whoql")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return bin
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
	bin := build(b)
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
	sandbox := startSandbox(b, oktatest.Options{Users: users})
	b.Cleanup(func() { sandbox.end(b) })
	url := sandbox.url

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

// BenchmarkChange suspends 1,000 users of an org that answers after 100 ms, as fast as that goes, and under a limit of
// 60 calls in 6 seconds. It reports the time from the first of these calls to the end of the last, how many were under
// way at once, and under the limit how much more time than the limit asks for that is.
func BenchmarkChange(b *testing.B) {
	bin := build(b)
	users := 1000
	if testing.Short() {
		users = 150
	}
	for _, c := range []struct {
		name string
		o    oktatest.RateLimit
	}{
		{"unlimited", oktatest.RateLimit{}},
		{"60-in-6s", oktatest.RateLimit{Calls: 60, Window: 6 * time.Second}},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.name, users), func(b *testing.B) {
			for b.Loop() {
				benchmarkChange(b, bin, users, c.o)
			}
		})
	}
}

func benchmarkChange(b *testing.B, bin string, users int, limit oktatest.RateLimit) {
	sandbox := startSandbox(b, oktatest.Options{Users: 2 * users, Latency: 100 * time.Millisecond, RateLimit: limit, Owner: true})
	cmd := exec.Command(bin, "query", "--yes", "--headroom", "0", "--max-changes", fmt.Sprint(users), "-o", "csv", fmt.Sprintf(`EXEC okta.user.users.suspend FOR
		SELECT id AS userId FROM okta.user.users WHERE status = 'ACTIVE' ORDER BY created DESC LIMIT %d`, users))
	cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+sandbox.url, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken, "WHOQL_STATE="+b.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	whole := time.Since(start)
	requests := sandbox.end(b)
	if err != nil || bytes.Count(out, []byte(",done,SUSPENDED,")) != users {
		b.Fatalf("%v: %s", err, &stderr)
	}
	var first, last time.Time
	var ends []time.Time // of those under way
	calls, most := 0, 0
	slices.SortFunc(requests, func(x, y oktatest.Request) int { return x.Time.Compare(y.Time) })
	for _, r := range requests {
		end := r.Time.Add(r.Duration)
		ends = slices.DeleteFunc(ends, func(e time.Time) bool { return !e.After(r.Time) })
		ends = append(ends, end)
		most = max(most, len(ends))
		if r.Status == http.StatusTooManyRequests {
			b.Errorf("%s %s: 429", r.Method, r.Path)
		}
		if r.Method == http.MethodPost {
			if calls++; calls == 1 {
				first = r.Time
			}
			last = end
		}
	}
	took := last.Sub(first)
	if calls != users {
		b.Errorf("%d calls for %d users", calls, users)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(whole.Seconds(), "s-whoql")
	b.ReportMetric(took.Seconds(), "s-calls")
	b.ReportMetric(float64(most), "at-once")
	if limit.Calls == 0 {
		return
	}
	windows := time.Duration((calls-1)/limit.Calls) * limit.Window
	tail := 2 * 100 * time.Millisecond
	b.ReportMetric(took.Seconds()/(windows+tail).Seconds(), "×bound")
}
