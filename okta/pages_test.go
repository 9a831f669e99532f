package okta_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/okta"
)

func next(w http.ResponseWriter, r *http.Request, query string) { link(w, r, "next", query) }

// Next links that would lead to a wrong result, and those that only look odd.
var nextLinks = []struct {
	name string
	// links sets the Link headers of page n; body replaces its body.
	links func(w http.ResponseWriter, r *http.Request, n int)
	body  func(n int) string
	pages int // that Next returns before its error or io.EOF
	want  string
}{
	{name: "joined header", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/u?a=1,2&limit=2>; rel="self", <http://%s/api/v1/users?after=a,b;c>; title="x, y"; rel="prefetch next"`, r.Host, r.Host))
		}
	}, pages: 2},
	{name: "relative", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.Header().Set("Link", `</api/v1/users?after=x>; rel=next`)
		}
	}, pages: 2},
	{name: "host in capitals", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.Header().Set("Link", `<HTTP://`+strings.ToUpper(r.Host)+`/api/v1/users?after=x#frag>; rel="NEXT"`)
		}
	}, pages: 2},
	{name: "other host", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://evil.example/api/v1/users?after=x>; rel="next"`)
	}, want: "the next link leads to http://evil.example, which is not the org's host"},
	{name: "other port", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://127.0.0.1:1/api/v1/users?after=x>; rel="next"`)
	}, want: "leads to http://127.0.0.1:1,"},
	{name: "other scheme", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<https://`+r.Host+`/api/v1/users?after=x>; rel="next"`)
	}, want: "leads to https://127.0.0.1:"},
	{name: "host before @", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+r.Host+`@evil.example/api/v1/users>; rel="next"`)
	}, want: "leads to http://evil.example,"},
	{name: "user at host", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://me:pw@`+r.Host+`/api/v1/users>; rel="next"`)
	}, want: "not the org's host"},
	{name: "no scheme", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<//evil.example/api/v1/users>; rel="next"`)
	}, want: "leads to http://evil.example,"},
	{name: "token in host", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+secret+`.example/>; rel="next"`)
	}, want: "not the org's host"},
	{name: "repeats at once", links: func(w http.ResponseWriter, r *http.Request, n int) { next(w, r, "limit=2") },
		want: "leads back to a page already read"},
	{name: "cycle", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, fmt.Sprintf("limit=2&after=%d", n%4))
	}, pages: 4, want: "leads back to a page already read"},
	{name: "cycle, parameters swapped", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, []string{"", "after=1&limit=2", "after=2&limit=2", "limit=2&after=1"}[n])
	}, pages: 2, want: "leads back to a page already read"},
	{name: "same page again", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, fmt.Sprintf("after=%d", n))
	}, body: func(int) string { return `[{"id":"1"},{"id":"2"}]` }, pages: 1, want: "a page is the same as one before it"},
	{name: "two pages in turns", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, fmt.Sprintf("after=%d", n))
	}, body: func(n int) string { return fmt.Sprintf(`[{"id":"%d"}]`, n%3) }, pages: 3, want: "a page is the same as one before it"},
	{name: "two pages in turns, touched", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, fmt.Sprintf("after=%d", n))
	}, body: func(n int) string { return fmt.Sprintf(`[{"id":"%d","touched":%d}]`, n%2, n) }, pages: 2,
		want: "more than 100 pages in a row without a new object"},
	{name: "single quotes", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.Header().Set("Link", `<http://`+r.Host+`/api/v1/users?after=x>; title='a, b; c'; rel='next'`)
		}
	}, pages: 2},
	{name: "path in other letters", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.Header().Set("Link", `<http://`+r.Host+`/api/v1/x/../%75sers?after=x>; rel=next`)
		}
	}, pages: 2},
	{name: "other path", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+r.Host+`/api/v1/groups?after=x>; rel="next"`)
	}, want: "the next link leads to another path than the list's"},
	{name: "other path by an escape", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+r.Host+`/api/v1%2Fusers?after=x>; rel="next"`)
	}, want: "the next link leads to another path than the list's"},
	{name: "longer path", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<`+r.URL.Path+`/?after=x>; rel="next"`)
	}, want: "the next link leads to another path than the list's"},
	{name: "curly quotes", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+r.Host+`/api/v1/users?after=x>; rel=“next”`)
	}, want: "the Link header can't be read"},
	{name: "empty pages", links: func(w http.ResponseWriter, r *http.Request, n int) {
		if n < 102 {
			next(w, r, fmt.Sprintf("after=%d", n))
		}
	}, body: func(n int) string {
		if n == 1 || n == 102 {
			return fmt.Sprintf(`[{"id":"%d"}]`, n)
		}
		return `[]`
	}, pages: 2},
	{name: "too many empty pages", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, fmt.Sprintf("after=%d", n))
	}, body: func(n int) string { return ` [] ` }, want: "more than 100 pages in a row without a new object"},
	{name: "broken", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://`+r.Host+`/api/v1/users?after=x; rel="next"`)
	}, want: "the Link header can't be read"},
	{name: "not a URL", links: func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Link", `<http://%zz/>; rel="next"`)
	}, want: "the next link is not a URL"},
	{name: "two", links: func(w http.ResponseWriter, r *http.Request, n int) {
		next(w, r, "after=1")
		next(w, r, "after=2")
	}, want: "two different next links"},
	{name: "none on a full page", links: func(http.ResponseWriter, *http.Request, int) {}, want: "a page came without a Link header"},
	{name: "none on a short page", links: func(http.ResponseWriter, *http.Request, int) {},
		body: func(int) string { return `[{"id":"1"}]` }, want: "a page came without a Link header"},
	{name: "none, but a blank one", links: func(w http.ResponseWriter, _ *http.Request, _ int) { w.Header().Set("Link", " ,") },
		body: func(int) string { return `[{"id":"1"}]` }, want: "a page came without a Link header"},
	{name: "none on an empty page", links: func(http.ResponseWriter, *http.Request, int) {},
		body: func(int) string { return `[]` }, pages: 1},
}

func TestNextLink(t *testing.T) {
	for _, tc := range nextLinks {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrg(t, 0, func(w http.ResponseWriter, r *http.Request, n int) bool {
				tc.links(w, r, n)
				if len(w.Header().Values("Link")) == 0 && !strings.HasPrefix(tc.name, "none") {
					link(w, r, "self", "limit=2")
				}
				if tc.body != nil {
					fmt.Fprint(w, tc.body(n))
				} else {
					fmt.Fprintf(w, `[{"id":"a%d"},{"id":"b%d"}]`, n, n)
				}
				return true
			})
			c, _ := newClient(t, o.URL, 0, nil)
			p := listUsers(c, 2)
			defer p.Close()
			pages, err := 0, error(nil)
			for ; err == nil; pages++ {
				_, err = p.Next(t.Context())
				p.Prefetch(t.Context())
			}
			wantNoSecret(t, err)
			if tc.want == "" && err != io.EOF ||
				tc.want != "" && (!errors.Is(err, okta.ErrPaging) || !strings.Contains(err.Error(), tc.want) || okta.Retryable(err)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if pages-1 != tc.pages {
				t.Errorf("%d pages, want %d", pages-1, tc.pages)
			}
		})
	}
}

// searchFails is Okta's answer when a search can't be made.
func searchFails(w http.ResponseWriter, status int) {
	oktaError(w, status, map[int]string{503: "E0000100", 500: "E0000009"}[status], "Unable to perform search query.")
}

// A search that fails is repeated from its start with smaller pages, and what
// was delivered before is not delivered again.
func TestSearchFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		users int
		fails func(after, limit, n int) bool
		want  []string // asked
	}{
		{"first page", 450, func(_, _, n int) bool { return n == 1 },
			[]string{"0+200", "0+100", "100+100", "200+100", "300+100", "400+100"}},
		{"middle", 450, func(_, _, n int) bool { return n == 2 },
			[]string{"0+200", "200+200", "0+100", "100+100", "200+100", "300+100", "400+100"}},
		{"last page", 450, func(_, _, n int) bool { return n == 3 },
			[]string{"0+200", "200+200", "400+200", "0+100", "100+100", "200+100", "300+100", "400+100"}},
		{"while repeating", 250, func(after, _, n int) bool { return n == 2 || n == 4 },
			[]string{"0+200", "200+200", "0+100", "100+100", "0+50", "50+50", "100+50", "150+50", "200+50", "250+50"}},
		{"pages not aligned", 230, func(after, limit, _ int) bool { return limit > 25 && after >= 200 },
			[]string{"0+200", "200+200", "0+100", "100+100", "200+100", "0+50", "50+50", "100+50", "150+50", "200+50",
				"0+25", "25+25", "50+25", "75+25", "100+25", "125+25", "150+25", "175+25", "200+25", "225+25"}},
		{"all delivered already", 200, func(_, _, n int) bool { return n == 2 },
			[]string{"0+200", "200+200", "0+100", "100+100", "200+100"}},
		{"smallest size", 15, func(after, limit, n int) bool { return limit > 10 || n == 7 },
			[]string{"0+200", "0+100", "0+50", "0+25", "0+12", "0+10", "10+10", "10+10"}},
	} {
		for _, status := range []int{503, 500} {
			for _, prefetch := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d %v", tc.name, status, prefetch), func(t *testing.T) {
					var o *org
					o = newOrg(t, tc.users, func(w http.ResponseWriter, r *http.Request, n int) bool {
						after, _ := strconv.Atoi(r.FormValue("after"))
						limit, _ := strconv.Atoi(r.FormValue("limit"))
						if tc.fails(after, limit, n) {
							searchFails(w, status)
							return true
						}
						// A full last page with a next link to an empty one.
						if after+limit == o.users {
							link(w, r, "next", fmt.Sprintf("after=%d&limit=%d", o.users, limit))
						}
						return false
					})
					c, clock := newClient(t, o.URL, 0, nil)
					p := listUsers(c, 0)
					defer p.Close()
					all, err := readAll(t.Context(), p, prefetch)
					if err != nil {
						t.Fatal(err)
					}
					wantUsers(t, all, tc.users)
					if got := o.asked(); !slices.Equal(got, tc.want) {
						t.Errorf("asked %q\nwant  %q", got, tc.want)
					}
					for _, w := range clock.told {
						if w.Reason != okta.WaitSearch && (tc.name != "smallest size" || w.Reason != okta.WaitServer) {
							t.Errorf("told of %+v", w)
						}
					}
				})
			}
		}
	}
}

// A search that always fails ends, in an error.
func TestSearchAlwaysFails(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		searchFails(w, 503)
		return true
	})
	c, _ := newClient(t, o.URL, 0, nil)
	_, err := readAll(t.Context(), listUsers(c, 0), false)
	if err == nil || !strings.Contains(err.Error(), "503 E0000100: Unable to perform search query.") || !okta.Retryable(err) {
		t.Errorf("error %v", err)
	}
	want := []string{"0+200", "0+100", "0+50", "0+25", "0+12", "0+10", "0+10", "0+10", "0+10", "0+10", "0+10"}
	if got := o.asked(); !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
}

// If what was delivered isn't there any more in a repeat, the list fails.
func TestChangedWhileRepeating(t *testing.T) {
	for name, change := range map[string]func(i int) (string, bool){
		"one went":   func(i int) (string, bool) { return user(i), i != 3 },
		"one came":   func(i int) (string, bool) { return map[bool]string{true: `{"id":"new"},`}[i == 3] + user(i), true },
		"order":      func(i int) (string, bool) { return user(i ^ 1), true },
		"most went":  func(i int) (string, bool) { return user(i), i < 5 },
		"all went":   func(i int) (string, bool) { return "", false },
		"other data": func(i int) (string, bool) { return fmt.Sprintf(`{"id":"00u%05d","status":"X"}`, i), true },
	} {
		for _, prefetch := range []bool{false, true} {
			t.Run(fmt.Sprint(name, prefetch), func(t *testing.T) {
				o := newOrg(t, 450, func(w http.ResponseWriter, r *http.Request, n int) bool {
					switch {
					case n == 1:
						return false
					case n == 2:
						searchFails(w, 503)
						return true
					}
					var users []string
					for i := range 450 {
						if u, ok := change(i); ok {
							users = append(users, u)
						}
					}
					list := strings.Split(strings.Join(users, "\n"), "\n")
					if len(users) == 0 {
						list = nil
					}
					after, _ := strconv.Atoi(r.FormValue("after"))
					end := min(after+100, len(list))
					link(w, r, "self", "limit=100")
					if end < len(list) {
						link(w, r, "next", fmt.Sprintf("after=%d&limit=100", end))
					}
					fmt.Fprintf(w, "[%s]", strings.Join(list[after:end], ","))
					return true
				})
				c, _ := newClient(t, o.URL, 0, nil)
				p := listUsers(c, 0)
				defer p.Close()
				all, err := readAll(t.Context(), p, prefetch)
				if name == "other data" {
					if err != nil || len(all) != 450 { // The same objects: only their ids count.
						t.Fatalf("%d items, error %v", len(all), err)
					}
					return
				}
				wantUsers(t, all, 200)
				if !errors.Is(err, okta.ErrChanged) {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

// Objects that come again are given once, in their first version, whether ids
// ascend or not, and also when the list is repeated in smaller pages.
func TestRepeatedObjects(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rows  string // the list's ids, a page of four or of two each
		again string // the list in a repeat, if it is another
		want  string
	}{
		{"shifted by one", "abcd" + "defg" + "ghij", "", "abcdefghij"},
		{"in one page", "aabb" + "ccdd", "", "abcd"},
		{"a whole page", "abcd" + "abdc" + "efgh", "", "abcdefgh"},
		{"after a descent", "abyz" + "czda" + "bcef", "", "abyzcdef"},
		{"descending", "zyxw" + "wvut" + "zabc", "", "zyxwvutabc"},
		{"not in the repeat", "abcd" + "defg" + "ghij", "abcd" + "efgh" + "ij", "abcdefghij"},
		{"in the repeat only", "bacd" + "efgh" + "ij", "bacd" + "defg" + "ghbi" + "j", "bacdefghij"},
	} {
		for _, fail := range []int{0, 2, 3} {
			t.Run(fmt.Sprint(tc.name, fail), func(t *testing.T) {
				t.Parallel()
				rows := tc.rows
				o := newOrg(t, 0, func(w http.ResponseWriter, r *http.Request, n int) bool {
					if n == fail {
						searchFails(w, 503)
						if tc.again != "" {
							rows = tc.again
						}
						return true
					}
					after, _ := strconv.Atoi(r.FormValue("after"))
					limit, _ := strconv.Atoi(r.FormValue("limit"))
					end := min(after+limit/5, len(rows))
					link(w, r, "self", "limit=20")
					if end < len(rows) {
						next(w, r, fmt.Sprintf("after=%d&limit=%d", end, limit))
					}
					var b []string
					for i := after; i < end; i++ {
						first := i == strings.IndexByte(rows, rows[i])
						b = append(b, fmt.Sprintf(`{"id":"%c","first":%v}`, rows[i], first))
					}
					fmt.Fprintf(w, "[%s]", strings.Join(b, ","))
					return true
				})
				c, _ := newClient(t, o.URL, 0, nil)
				p := listUsers(c, 20)
				defer p.Close()
				all, err := readAll(t.Context(), p, true)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, item := range all {
					if !strings.Contains(item, `"first":true`) {
						t.Errorf("not the first version: %s", item)
					}
					got += idOf([]byte(item))
				}
				if got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			})
		}
	}
}

// A list that can't page is never asked for in smaller pages, and a next link
// there is an error after the page.
func TestNoPaging(t *testing.T) {
	o := newOrg(t, 5, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 1 {
			searchFails(w, 503)
		}
		return n == 1
	})
	c, _ := newClient(t, o.URL, 0, nil)
	query := url.Values{"q": {"ann"}, "limit": {"7"}}
	p := c.Pages("list users", "/api/v1/users", query, okta.PageOptions{NoPaging: true})
	all, err := readAll(t.Context(), p, true)
	if err != nil || !slices.Equal(o.asked(), []string{"0+200", "0+200"}) {
		t.Fatal(err, o.asked())
	}
	wantUsers(t, all, 5)
	if query.Get("limit") != "7" {
		t.Error("the caller's query was changed")
	}

	o.users = 300
	p = c.Pages("list users", "/api/v1/users", query, okta.PageOptions{NoPaging: true})
	all, err = readAll(t.Context(), p, true)
	wantUsers(t, all, 200)
	if !errors.Is(err, okta.ErrPaging) || len(o.asked()) != 3 {
		t.Errorf("error %v", err)
	}
}

func TestNoSize(t *testing.T) {
	var asked string
	o := newOrg(t, 5, func(w http.ResponseWriter, r *http.Request, n int) bool {
		asked = r.URL.RawQuery
		link(w, r, "self", "")
		fmt.Fprint(w, `[{"no":"id"},{"no":"id"}]`)
		return true
	})
	c, _ := newClient(t, o.URL, 0, nil)
	p := c.Pages("list roles", "/api/v1/users/x/roles", url.Values{"expand": {"a b"}}, okta.PageOptions{Size: -1})
	all, err := readAll(t.Context(), p, false)
	if err != nil || len(all) != 2 || asked != "expand=a+b" {
		t.Error(all, err, asked)
	}
}

// Each page has the rate its answer told, and the client the last one.
func TestRate(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n < 3 {
			w.Header().Set("x-rate-limit-limit", "600")
			w.Header().Set("X-Rate-Limit-Remaining", strconv.Itoa(600-n))
			w.Header().Set("X-Rate-Limit-Reset", "1757607758")
		}
		return false
	})
	c, _ := newClient(t, o.URL, 0, nil)
	if c.Rate().Known() {
		t.Error("known before the first answer")
	}
	p := listUsers(c, 10)
	defer p.Close()
	for n := 1; n <= 3; n++ {
		page, err := p.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			if page.Rate.Known() || c.Rate().Remaining != 598 {
				t.Errorf("no headers: %+v, client %+v", page.Rate, c.Rate())
			}
			continue
		}
		if r := page.Rate; !r.Known() || r.Limit != 600 || r.Remaining != 600-n || r.Reset.Unix() != 1757607758 || r.Date.IsZero() || r != c.Rate() {
			t.Errorf("page %d: %+v, client %+v", n, r, c.Rate())
		}
	}
}

// An empty page in the middle is passed over.
func TestEmptyPage(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.FormValue("after") != "10" || r.FormValue("again") != "" {
			return false
		}
		link(w, r, "next", "after=10&limit=10&again=1")
		fmt.Fprint(w, "[]")
		return true
	})
	c, _ := newClient(t, o.URL, 0, nil)
	all, err := readAll(t.Context(), listUsers(c, 10), true)
	if err != nil {
		t.Fatal(err)
	}
	wantUsers(t, all, 25)
}

// Items stay as they were while later pages are read.
func TestItemsAreTheCallers(t *testing.T) {
	o := newOrg(t, 25, nil)
	c, _ := newClient(t, o.URL, 0, nil)
	p := listUsers(c, 5)
	defer p.Close()
	var all [][]byte
	for {
		page, err := p.Next(t.Context())
		if err != nil {
			break
		}
		p.Prefetch(t.Context())
		for _, item := range page.Items {
			if cap(item) != len(item) {
				t.Fatal("appending to an item would write into the next one")
			}
			all = append(all, item)
		}
	}
	for i, item := range all {
		if string(item) != user(i) {
			t.Fatalf("item %d is %s", i, item)
		}
	}
}

// The wait before a list is repeated ends with its context too.
func TestSearchFailsDeadline(t *testing.T) {
	o := newOrg(t, 25, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 2 {
			searchFails(w, 503)
		}
		return n == 2
	})
	c, _ := newClient(t, o.URL, 0, func(o *okta.Options) {
		o.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	})
	p := listUsers(c, 20)
	defer p.Close()
	all, err := readAll(t.Context(), p, true)
	wantUsers(t, all, 20)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "E0000100") {
		t.Errorf("error %v", err)
	}
}
