package catalog_test

import (
	"testing"

	"github.com/whoql/whoql/catalog"
)

// TestUsersMoves goes through the matrix of operations and statuses, except for those whose result the
// API decides.
func TestUsersMoves(t *testing.T) {
	const (
		s, p, a, r = "STAGED", "PROVISIONED", "ACTIVE", "RECOVERY"
		e, l, u, d = "PASSWORD_EXPIRED", "LOCKED_OUT", "SUSPENDED", "DEPROVISIONED"
		no         = "" // isn't allowed
		back       = catalog.Previous
	)
	order := [...]string{s, p, a, r, e, l, u, d}
	for _, c := range []struct {
		method   string
		password bool
		to       [len(order)]string
	}{
		{"activate", false, [...]string{p, no, no, no, no, no, no, p}},
		{"activate", true, [...]string{a, no, no, no, no, no, no, p}},
		{"deactivate", false, [...]string{d, d, d, d, d, d, d, no}},
		{"suspend", false, [...]string{no, u, u, u, u, no, no, no}},
		{"unsuspend", false, [...]string{no, no, no, no, no, no, back, no}},
		{"unlock", false, [...]string{no, no, no, no, no, back, no, no}},
		{"expirePassword", false, [...]string{no, no, e, no, e, no, no, no}},
		{"expirePasswordTemp", false, [...]string{no, no, e, no, e, no, no, no}},
		{"resetPassword", false, [...]string{no, r, r, r, r, r, no, no}},
		{"reactivate", false, [...]string{no, p, no, r, no, no, no, no}},
		{"forgotPassword", false, [...]string{no, no, a, no, no, no, no, no}},
		{"changePassword", false, [...]string{s, no, a, a, a, no, no, no}},
		{"changeRecoveryQuestion", false, [...]string{s, no, a, r, no, no, no, no}},
		{"resetFactors", false, [...]string{s, p, a, r, e, l, u, d}},
		{"update", false, [...]string{s, p, a, r, e, l, u, no}},
		{"update", true, [...]string{s, p, a, r, e, l, u, no}},
	} {
		m := users(t).Method(c.method)
		for i, from := range order {
			if got, ok := m.Destination(from, catalog.Facts{Password: c.password}); got != c.to[i] || ok != (c.to[i] != no) {
				t.Errorf("%s from %s leads to %q, %v, want %q", c.method, from, got, ok, c.to[i])
			}
		}
	}
}

func TestUsersNewPassword(t *testing.T) {
	c := users(t).Changes
	for _, m := range []*catalog.Method{c.Update, c.Replace} {
		for from, want := range map[string]string{"RECOVERY": "ACTIVE", "SUSPENDED": "SUSPENDED", "STAGED": "STAGED"} {
			if got, _ := m.Destination(from, catalog.Facts{NewPassword: true}); got != want {
				t.Errorf("%s with a new password from %s leads to %s, want %s", m.Name, from, got, want)
			}
		}
	}
}

func TestUsersSetStatus(t *testing.T) {
	c := users(t).Changes
	if c == nil || c.Read.Name != "get" || c.Update.HTTP != "POST" || c.Replace.HTTP != "PUT" {
		t.Fatalf("the users' changes are %+v", c)
	}
	got := map[string]string{}
	for _, to := range users(t).Column("status").Values {
		for _, from := range users(t).Column("status").Values {
			for _, password := range []bool{false, true} {
				if s := c.SetStatus(from, to, catalog.Facts{Password: password}); s != nil {
					key := to + " " + s.Method.Name
					if s.Last {
						key += " last"
					}
					if password {
						got[key] += from[:1] // the eight begin with S P A R P L S D
					}
				} else if to == "RECOVERY" || to == "STAGED" || to == "LOCKED_OUT" {
					got["refused"] = "yes"
				}
			}
		}
	}
	want := map[string]string{
		"refused":                              "yes",
		"SUSPENDED suspend last":               "PAP",
		"ACTIVE activate":                      "S",
		"ACTIVE unsuspend":                     "S",
		"ACTIVE unlock":                        "L",
		"PROVISIONED activate":                 "D",
		"PASSWORD_EXPIRED expirePassword last": "A",
		"DEPROVISIONED deactivate last":        "SPARPLS",
	}
	for key, from := range want {
		if got[key] != from {
			t.Errorf("%s from %q, want %q", key, got[key], from)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
	if s := c.SetStatus("STAGED", "provisioned", catalog.Facts{}); s == nil || s.Method.Name != "activate" {
		t.Errorf("STAGED without a password to PROVISIONED: %+v", s)
	}
}
