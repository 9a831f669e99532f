package cli

import (
	"strings"
	"testing"
	"unicode"
)

func FuzzParams(f *testing.F) {
	for _, p := range []string{"a=b", "a:=1", "a:=1.5e3", `a:="x"`, "a:=null", "a:=[1]", "=", ":=", "a", "a:=1 2", "a:=1e999", "a:=\x00", "ü=ß"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		args, err := parseParams([]string{p})
		if err != nil {
			return
		}
		if len(args) != 1 {
			t.Fatalf("%q: %d parameters", p, len(args))
		}
		for name, v := range args {
			if name == "" || !strings.HasPrefix(p, name) {
				t.Errorf("%q: the name is %q", p, name)
			}
			switch v.(type) {
			case nil, bool, int64, float64, string:
			default:
				t.Errorf("%q: a value of type %T", p, v)
			}
		}
	})
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\nb", "\x1b[31m", "\u009b31m", "ü\xff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range clean(s) {
			if unicode.IsControl(c) {
				t.Errorf("clean(%q) has the control character %q", s, c)
			}
		}
	})
}
