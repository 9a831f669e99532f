package whoql_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// A sent is a request as the org got it.
type sent struct {
	method, ifMatch string
	segments        []string // of the path, unescaped
	query           url.Values
	body            map[string]any
}

// sentSince returns what the org got since the last call.
func (o *changeOrg) sentSince(t *testing.T) []sent {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []sent
	for _, r := range o.seen {
		s := sent{method: r.method, ifMatch: r.ifMatch}
		path, query, _ := strings.Cut(r.uri, "?")
		for _, segment := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
			plain, err := url.PathUnescape(segment)
			if err != nil {
				t.Fatalf("the path %s: %v", path, err)
			}
			s.segments = append(s.segments, plain)
		}
		var err error
		if s.query, err = url.ParseQuery(query); err != nil {
			t.Fatalf("the query %s: %v", query, err)
		}
		if len(r.body) > 0 {
			if err := json.Unmarshal(r.body, &s.body); err != nil {
				t.Fatalf("the body %s: %v", r.body, err)
			}
		}
		out = append(out, s)
	}
	o.seen = nil
	return out
}

// at is what stands in a body behind names; nil: nothing.
func (s *sent) at(names ...string) any {
	var v any = s.body
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// misled says what is wrong with where a request went; "" if nothing. inPath says that the value may be who
// it is about, creates that it may create somebody.
func misled(s *sent, id, v string, inPath, creates bool) string {
	path := strings.Join(s.segments[:min(3, len(s.segments))], "/")
	switch {
	case (path == "api/v1/meta" || path == ".well-known/okta-organization") && s.method == http.MethodGet:
		return ""
	case path != "api/v1/users" || len(s.segments[0]) != 3 || len(s.segments[2]) != 5:
		return "a strange path"
	case len(s.segments) == 3 && (s.method == http.MethodGet || creates && s.method == http.MethodPost):
		return ""
	case len(s.segments) == 3:
		return "a write to all"
	case s.segments[3] != id && !(inPath && s.segments[3] == v) && s.segments[3] != "me":
		return "about somebody else"
	case len(s.segments) > 4 && (len(s.segments) != 6 || s.segments[4] != "lifecycle" || s.segments[5] != "suspend" && s.segments[5] != "deactivate"):
		return "another operation"
	case s.segments[3] == v && v != id && (v == "" || v == "." || v == ".."):
		return "a path that servers read otherwise"
	}
	return ""
}

// FuzzChangeValues puts a value wherever a statement can: as a literal and as a parameter, where it comes
// to a path, a query, a header and a body. The org gets it as itself there and nowhere else, or nothing.
func FuzzChangeValues(f *testing.F) {
	for _, v := range []string{"a/b", "../groups", "%2f%2e%2e", ".", "..", "", "me", "a?b=c&d", "a#b", "\x00", "a\nb", "a\r\nX-Evil: 1", `"},{"`, `\u0000`, "'; DROP TABLE x; --", "ü", "🙂", "\xff\xfe",
		"\u2028", "null", "1e999", "true", "{}", "@userId", ":v", "a\\", "\ufeffa", "\ud7ff", strings.Repeat("/../", 500), "W/\"1\"", " a ", "+", "a;b", "a%00b"} {
		f.Add(v)
	}
	org := newChangeOrg(f, oktatest.Options{Users: 3, Seed: 5})
	id := org.one(f, "ACTIVE")
	f.Fuzz(func(t *testing.T, v string) {
		if len(v) < 1<<14 {
			checkValue(t, org, id, v)
		}
	})
}

// TestLongValues has values that no server takes everywhere.
func TestLongValues(t *testing.T) {
	org := newChangeOrg(t, oktatest.Options{Users: 3, Seed: 5})
	for _, n := range []int{5000, 1 << 20} {
		checkValue(t, org, org.one(t, "ACTIVE"), strings.Repeat("x", n))
	}
}

// checkValue runs statements with a value in each place where one can be.
func checkValue(t *testing.T, org *changeOrg, id, v string) {
	run := func(text string, args whoql.Args) {
		rows, err := org.engine.Query(t.Context(), text, args)
		if err != nil {
			return
		}
		for more := true; more; more = rows.NextResult() {
			for rows.Next() {
			}
		}
		rows.Close()
	}
	// Each case says where the value belongs; is gives what the org got there, if it did.
	for _, c := range []struct {
		text string
		path bool // it is the third segment of the path
		is   func(*sent) (any, bool)
	}{
		{"EXEC okta.user.users.suspend @userId = VALUE", true, nil},
		{"UPDATE okta.user.users SET title = 'x' WHERE id = VALUE", true, nil},
		{"DELETE FROM okta.user.users WHERE login = VALUE", true, nil},
		{"UPDATE okta.user.users SET nickName = VALUE WHERE id = '" + id + "'", false, func(s *sent) (any, bool) { return s.at("profile", "nickName"), s.body != nil }},
		{"UPDATE okta.user.users SET profile = json_object('login', login, 'email', email, 'firstName', firstName, 'lastName', lastName, 'nickName', VALUE) WHERE id = '" + id + "'", false,
			func(s *sent) (any, bool) { return s.at("profile", "nickName"), s.body != nil }},
		{"UPDATE okta.user.users SET credentials = json_object('password', json_object('value', VALUE)) WHERE id = '" + id + "'", false,
			func(s *sent) (any, bool) { return s.at("credentials", "password", "value"), s.body != nil }},
		{"INSERT INTO okta.user.users (login, nextLogin) VALUES ('a', VALUE)", false, func(s *sent) (any, bool) { return s.query.Get("nextLogin"), true }},
		{"INSERT INTO okta.user.users (login, realmId) VALUES (VALUE, VALUE)", false, func(s *sent) (any, bool) { return s.at("profile", "login"), true }},
		{"EXEC okta.user.users.update @userId = '" + id + "', @ifMatch = VALUE @@json = '{\"profile\":{}}'", false, func(s *sent) (any, bool) { return s.ifMatch, true }},
		{"EXEC okta.user.users.deactivate @userId = '" + id + "', @sendEmail = VALUE, @subdomain = 'nobody'", false, nil},
		{"EXEC okta.user.users.suspend @userId = '" + id + "', @subdomain = VALUE || '.nobody'", false, nil},
	} {
		for _, literal := range []bool{true, false} {
			text, args := strings.ReplaceAll(c.text, "VALUE", ":v"), whoql.Args{"v": v}
			if literal {
				text, args = strings.ReplaceAll(c.text, "VALUE", stmt.Literal(v)), nil
			}
			run(text, args)
			for _, s := range org.sentSince(t) {
				writes := s.method != http.MethodGet
				if writes && c.is == nil && !c.path {
					t.Fatalf("%.200s (%.200q) has sent %s %.200q", text, v, s.method, s.segments)
				}
				if problem := misled(&s, id, v, c.path, strings.HasPrefix(text, "INSERT")); problem != "" {
					t.Fatalf("%.200s (%.200q): %s: %s %.200q %.200v", text, v, problem, s.method, s.segments, s.query)
				}
				if c.is == nil || !writes {
					continue
				}
				got, there := c.is(&s)
				if there && got != v && !(got == nil && v == "") && !(got == "" && s.ifMatch == "") || !utf8.ValidString(v) {
					t.Fatalf("%.200s (%.200q) has sent %.200q", text, v, got)
				}
			}
		}
	}
}
