package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// everybody counts the users, and the different ones.
const everybody = "SELECT count(*), count(DISTINCT id) FROM okta.user.users"

// benchEverybody reads all users, checks that each came once, and returns how long it took.
func benchEverybody(b *testing.B, bin, url string, users int, flags ...string) time.Duration {
	b.Helper()
	took, err := readEverybody(bin, url, "", users, flags...)
	if err != nil {
		b.Fatal(err)
	}
	return took
}

func readEverybody(bin, url, where string, users int, flags ...string) (time.Duration, error) {
	cmd := exec.Command(bin, append([]string{"query", "-o", "csv", everybody + where}, flags...)...)
	cmd.Env = append(os.Environ(), "OKTA_CLIENT_ORGURL="+url, "OKTA_CLIENT_TOKEN="+oktatest.DefaultToken)
	begin := time.Now()
	out, err := cmd.Output()
	took := time.Since(begin)
	if err != nil {
		return took, fmt.Errorf("%w: %s", err, out)
	}
	if want := fmt.Sprintf("%d,%d", users, users); !strings.Contains(string(out), want) {
		return took, fmt.Errorf("%s, want %s", out, want)
	}
	return took, nil
}

// BenchmarkRanges compares the cursors of a long list, side by side, with one cursor, over an org that answers
// after 200 ms and has no limit, for each way in which creation times can lie. It reports how many times faster they
// are, and how many times as many requests they make.
func BenchmarkRanges(b *testing.B) {
	bin := build(b)
	users := 100_000
	if testing.Short() {
		users = 10_000
	}
	var one time.Duration
	for _, c := range []struct {
		name string
		like oktatest.Creation
	}{
		{"evenly", oktatest.CreatedEvenly}, {"heavy-tailed", oktatest.CreatedHeavyTailed},
		{"ten-seconds", oktatest.CreatedInTenSeconds}, {"one-second", oktatest.CreatedInOneSecond},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.name, users), func(b *testing.B) {
			for b.Loop() {
				org := oktatest.Options{Users: users, Latency: 200 * time.Millisecond, Created: c.like}
				if one == 0 { // It is the same for each.
					s := startSandbox(b, org)
					one = benchEverybody(b, bin, s.url, users, "--cursors", "1")
					s.end(b)
				}
				s := startSandbox(b, org)
				took := benchEverybody(b, bin, s.url, users)
				requests := s.end(b)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(one.Seconds()/took.Seconds(), "×one-cursor")
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(float64(len(requests))/float64(users/200), "×requests")
			}
		})
	}
}

// BenchmarkRateLimit reads 500 pages of an org that takes 60 calls in six seconds, with all of them and with
// two fifths left to others. It reports how the time compares with the least in which the limit lets the calls be
// made: that of the windows that are full, and for the last one its share of calls, where they are spread.
func BenchmarkRateLimit(b *testing.B) {
	bin := build(b)
	const window = 6.0
	users := 100_000
	if testing.Short() {
		users = 20_000
	}
	for _, c := range []struct{ headroom, limit int }{{0, 60}, {40, 36}} {
		b.Run(fmt.Sprintf("headroom-%d/%d", c.headroom, users), func(b *testing.B) {
			for b.Loop() {
				s := startSandbox(b, oktatest.Options{Users: users, RateLimit: oktatest.RateLimit{Calls: 60, Window: 6 * time.Second}})
				took := benchEverybody(b, bin, s.url, users, "--headroom", fmt.Sprint(c.headroom))
				requests := s.end(b)
				refused := 0
				for _, r := range requests {
					if r.Status == http.StatusTooManyRequests {
						refused++
					}
				}
				whole, rest := math.Modf(float64(len(requests)-1) / float64(c.limit))
				tail := 0.0
				if c.headroom > 0 {
					tail = max(rest-1.0/6, 0) * window
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(took.Seconds()/(whole*window+tail), "×limit")
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(float64(len(requests)), "requests")
				b.ReportMetric(float64(refused), "refused")
			}
		})
	}
}

// BenchmarkTwo runs two whoqls at the same time on an org with a limit. It reports how many calls the slower one
// had made for each of the faster one's, when that ended: 1 if they shared alike, 0 if one waited for the other.
func BenchmarkTwo(b *testing.B) {
	bin := build(b)
	users := 40_000
	if testing.Short() {
		users = 12_000
	}
	for _, headroom := range []string{"0", "40"} {
		b.Run(fmt.Sprintf("headroom-%s/%d", headroom, users), func(b *testing.B) {
			for b.Loop() {
				limit := oktatest.RateLimit{Calls: 120, Window: 20 * time.Second}
				s := startSandbox(b, oktatest.Options{Users: users, Latency: 50 * time.Millisecond, RateLimit: limit})
				var took [2]time.Duration
				var errs [2]error
				var both sync.WaitGroup
				begin := time.Now()
				for i, where := range []string{"", secondMark} {
					both.Go(func() {
						took[i], errs[i] = readEverybody(bin, s.url, where, users, "--headroom", headroom)
					})
				}
				both.Wait()
				if err := errors.Join(errs[:]...); err != nil {
					b.Fatal(err)
				}
				first := min(took[0], took[1])
				var calls [2]int
				refused := 0
				requests := s.end(b)
				for _, r := range requests {
					second := 0
					if strings.Contains(r.Query.Get("search"), "1971") {
						second = 1
					}
					if r.Status == http.StatusTooManyRequests {
						refused++
					} else if r.Time.Sub(begin) < first {
						calls[second]++
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(min(calls[0], calls[1]))/float64(max(calls[0], calls[1])), "share")
				b.ReportMetric(max(took[0], took[1]).Seconds(), "s")
				b.ReportMetric(float64(len(requests)), "requests")
				b.ReportMetric(float64(refused), "refused")
			}
		})
	}
}

// secondMark is a condition that everybody meets, and by which the calls of the second can be told.
const secondMark = " WHERE created > '1971'"
