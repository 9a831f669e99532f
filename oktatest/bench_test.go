package oktatest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// BenchmarkPage is the CPU time of one page of 200 users, without a network.
func BenchmarkPage(b *testing.B) {
	org := New(Options{Users: 1_000_000})
	start := url.Values{"after": {org.store.gen.id(500_000)}}
	for name, params := range map[string]url.Values{
		"plain":        {"after": {"2" + org.store.gen.id(500_000)}},
		"everybody":    {"search": {`created ge "1970-01-01T00:00:00.000Z"`}},
		"status":       {"search": {`status eq "ACTIVE"`}},
		"sorted":       {"search": {`created ge "2022-01-01T00:00:00.000Z" and created lt "2022-06-01T00:00:00.000Z"`}, "sortBy": {"created"}},
		"department":   {"search": {`profile.department eq "Legal"`}},
		"rare status":  {"filter": {`status eq "LOCKED_OUT"`}},
		"keys":         {"search": {`id eq "` + org.store.gen.id(77) + `" or id eq "` + org.store.gen.id(999_999) + `"`}},
		"nobody":       {"search": {`profile.badge eq "none"`}, "limit": {"1"}},
		"one by login": {"search": {`profile.login eq "nobody@acme.example"`}},
	} {
		b.Run(name, func(b *testing.B) {
			if _, given := params["sortBy"]; !given && params.Get("search") != "" {
				params.Set("after", start.Get("after"))
			}
			r := httptest.NewRequest(http.MethodGet, usersPath+"?"+params.Encode(), nil)
			r.Header.Set("Authorization", "SSWS "+DefaultToken)
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				org.ServeHTTP(w, r)
				if w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }
