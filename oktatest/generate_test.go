package oktatest

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func allBytes(o *Org) []byte { return bytes.Join(slices.Collect(o.Users()), []byte("\n")) }

func TestTheSameSeedIsTheSameOrgByteForByte(t *testing.T) {
	a := allBytes(New(Options{Users: 700, Seed: 42}))
	if !bytes.Equal(a, allBytes(New(Options{Users: 700, Seed: 42, Now: func() time.Time { return time.Unix(0, 0) }}))) {
		t.Error("two orgs of one seed differ")
	}
	if bytes.Equal(a, allBytes(New(Options{Users: 700, Seed: 43}))) {
		t.Error("another seed gives the same org")
	}
}

func TestUsersStopsWhenTheCallerDoes(t *testing.T) {
	n := 0
	for range New(Options{Users: 600}).Users() {
		if n++; n == 300 {
			break
		}
	}
	if n != 300 {
		t.Errorf("%d users", n)
	}
}

func TestUsersHasTheAddressThatWasLastAsked(t *testing.T) {
	self := func(o *Org) string {
		for u := range o.Users() {
			_, after, _ := strings.Cut(string(u), `"self":{"href":"`)
			base, _, _ := strings.Cut(after, "/api/")
			return base
		}
		return ""
	}
	org := New(Options{Users: 1})
	if got := self(org); got != "http://localhost" {
		t.Error(got)
	}
	r := httptest.NewRequest("GET", "https://acme.okta.example/api/v1/users", nil)
	r.Header.Set("Authorization", "SSWS "+DefaultToken)
	org.ServeHTTP(httptest.NewRecorder(), r)
	if got := self(org); got != "https://acme.okta.example" {
		t.Error(got)
	}
	s := Start(t, Options{Users: 1})
	get(t, s, usersPath, "Host", "other")
	if got := self(s.Org); got != s.URL {
		t.Error(got)
	}
}

func TestUsersAreAboutAKilobyteAndDecode(t *testing.T) {
	total := 0
	org := New(Options{Users: 3000})
	for u := range org.Users() {
		if !json.Valid(u) {
			t.Fatalf("%s", u)
		}
		total += len(u)
	}
	if mean := total / 3000; mean < 900 || mean > 1200 {
		t.Errorf("%d bytes on average", mean)
	}
}

func TestAllStatusesArePresentAt200Users(t *testing.T) {
	for seed := range uint64(20) {
		g := newGenerator(200, seed, "5d7")
		var n [statuses]int
		for i := range 200 {
			n[g.status(i)]++
		}
		if slices.Contains(n[:], 0) || n[active] < 120 {
			t.Errorf("seed %d: %v", seed, n)
		}
	}
}

func TestBulkImportsShareASecond(t *testing.T) {
	g := newGenerator(5000, 0, "5d7")
	runs := map[int64]int{}
	for i := range 5000 {
		runs[g.createdAt(i)]++
	}
	batches := 0
	for _, n := range runs {
		if n >= 250 {
			batches++
		}
	}
	if batches < 2 || len(runs) < 2500 {
		t.Errorf("%d imports, %d different times", batches, len(runs))
	}
}

func TestCreationTimesAscendOnlyRoughly(t *testing.T) {
	g := newGenerator(5000, 1, "5d7")
	falls := 0
	for i := 1; i < 5000; i++ {
		if g.timeAt(i) < g.timeAt(i-1) {
			t.Fatalf("slot %d is before slot %d", i, i-1)
		}
		if g.createdAt(i) < g.createdAt(i-1) {
			falls++
		}
	}
	if falls < 500 {
		t.Errorf("creation times fall %d times in 5000 users", falls)
	}
	rank := g.createdOrder()
	seen := map[int]bool{}
	for k := range 5000 {
		i := rank(k)
		seen[i] = true
		if g.createdAt(i) != g.timeAt(k) {
			t.Fatalf("rank %d", k)
		}
	}
	if len(seen) != 5000 {
		t.Errorf("the order has %d users", len(seen))
	}
	for _, r := range [][2]int64{{epoch, epochEnd}, {g.timeAt(100), g.timeAt(200)}, {g.timeAt(4999), epochEnd + 9}, {0, 5}, {epochEnd + 1, epochEnd + 2}} {
		from, to := g.createdRange(r[0], r[1])
		for i := range 5000 {
			if in := g.createdAt(i) >= r[0] && g.createdAt(i) <= r[1]; in && (i < from || i >= to) {
				t.Fatalf("user %d is outside of %d..%d for %v", i, from, to, r)
			}
		}
	}
}

func TestLoginsAreUniqueAndEmailsAreNot(t *testing.T) {
	logins, emails := map[string]bool{}, map[string]int{}
	upper, unicode, slash := 0, 0, 0
	org := New(Options{Users: 4000})
	for _, u := range everybody(t, org) {
		login := text(u, "login")
		folded := foldLogin(login)
		if logins[folded] {
			t.Fatalf("%s comes twice", login)
		}
		logins[folded] = true
		emails[strings.ToLower(text(u, "email"))]++
		if len(login) < 5 || len(login) > 100 || strings.Count(login, "@") != 1 {
			t.Errorf("login %q", login)
		}
		if login != strings.ToLower(login) {
			upper++
		}
		if utf8.RuneCountInString(login) != len(login) {
			unicode++
		}
		if strings.Contains(login, "/") {
			slash++
		}
	}
	shared := 0
	for _, n := range emails {
		if n > 1 {
			shared++
		}
	}
	if shared == 0 || upper == 0 || unicode == 0 || slash != 8 {
		t.Errorf("%d shared addresses; logins: %d upper-case, %d unicode, %d with a slash", shared, upper, unicode, slash)
	}
}

func TestNamesAreVariedAndInTheBasicPlane(t *testing.T) {
	for _, c := range cultures {
		for _, n := range slices.Concat(c.first, c.last) {
			if n.ascii == "" || strings.Trim(n.ascii, "abcdefghijklmnopqrstuvwxyz") != "" {
				t.Errorf("%s has %q in logins", n.text, n.ascii)
			}
			if hasAstral(n.text) || !utf8.ValidString(n.text) {
				t.Errorf("%q", n.text)
			}
		}
	}
	all := string(allBytes(New(Options{Users: 2000})))
	for _, want := range []string{"é", "ñ", "ö", "ł", "王", "김", "O'Brien", "Smith-Jones", "ß", "İ", "Шевченко"} {
		if !strings.Contains(all, want) {
			t.Errorf("nobody's profile has %s", want)
		}
	}
	if hasAstral(all) {
		t.Error("there are characters of four bytes in UTF-8")
	}
}

func TestManagersExistAndHaveANumber(t *testing.T) {
	numbers := map[string]bool{}
	all := everybody(t, New(Options{Users: 3000}))
	for _, u := range all {
		numbers[text(u, "employeeNumber")] = true
	}
	for _, u := range all {
		if m := text(u, "managerId"); m != "" && !numbers[m] {
			t.Fatalf("manager %s has no user", m)
		}
	}
}

func TestAnOrgOfAMillionStartsAtOnce(t *testing.T) {
	begin := time.Now()
	s := Start(t, Options{Users: MaxUsers})
	if took := time.Since(begin); took > time.Second {
		t.Errorf("started in %v", took)
	}
	users, next := list(t, s, usersURI("search", `created ge "2025-01-01T00:00:00.000Z"`, "sortBy", "created"))
	if len(users) != 200 || next == "" {
		t.Errorf("%d users, next %q", len(users), next)
	}
	if users, _ = list(t, s, next); len(users) != 200 {
		t.Errorf("%d users on the next page", len(users))
	}
	last, _ := list(t, s, usersURI("search", `id ge "`+s.store.gen.id(MaxUsers-2)+`" and created ge "2026-06-01T00:00:00.000Z"`))
	if len(last) != 2 {
		t.Errorf("%d users at the end", len(last))
	}
}

func TestFolding(t *testing.T) {
	for _, c := range [][2]string{{"ÉÑÖŁ", "éñöł"}, {"STRASSE", "strasse"}, {"ẞ", "ß"}, {"Σς", "σσ"}, {"\u212a", "k"}, {"王", "王"}} {
		if got, want := fold(c[0]), fold(c[1]); got != want {
			t.Errorf("fold(%s) is %q, that of %s is %q", c[0], got, c[1], want)
		}
		if compareFold(c[0], fold(c[1])) != 0 || !hasPrefixFold(c[0]+"x", fold(c[1])) || hasPrefixFold("x"+c[0], fold(c[1])) {
			t.Errorf("%s and %s", c[0], c[1])
		}
	}
	for _, c := range [][2]string{{"isaac@x", "ISÁAC@x"}, {"Łukasz", "lukasz"}, {"Søren", "SOREN"}, {"e\u0301", "é"}, {"İlker", "ilker"}, {"Thảo", "thao"}} {
		if foldLogin(c[0]) != foldLogin(c[1]) {
			t.Errorf("logins %s and %s differ: %q %q", c[0], c[1], foldLogin(c[0]), foldLogin(c[1]))
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"a", "b", -1}, {"B", "a", 1}, {"a", "ab", -1}, {"AB", "a", 1}, {"é", "f", 1}, {"", "", 0}} {
		if got := compareFold(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %d", c.a, c.b, got)
		}
	}
}

func TestCreationTimesCanBeDistributedOtherwise(t *testing.T) {
	for like, most := range map[Creation]int{CreatedEvenly: 600, CreatedHeavyTailed: 2000, CreatedInTenSeconds: 2000, CreatedInOneSecond: 10_000} {
		g := newGenerator(10_000, 3, "5d7").createdLike(like)
		seconds, last, old := map[int64]int{}, int64(0), 0
		for k := range 10_000 {
			at := g.timeAt(k)
			if at < last || at < g.begin || at > g.end {
				t.Fatalf("%d: slot %d is created at %d, the one before at %d", like, k, at, last)
			}
			if last = at; at < g.end-365*86400 {
				old++
			}
			seconds[at]++
		}
		largest := 0
		for _, n := range seconds {
			largest = max(largest, n)
		}
		lengths := map[Creation]bool{
			CreatedEvenly:       len(seconds) > 5000 && old > 8000,
			CreatedHeavyTailed:  len(seconds) > 4000 && old > 500 && old < 1500,
			CreatedInTenSeconds: len(seconds) == 10,
			CreatedInOneSecond:  len(seconds) == 1,
		}
		if !lengths[like] || largest > most {
			t.Errorf("%d: %d seconds, %d users in the largest, %d older than a year", like, len(seconds), largest, old)
		}
	}
}
