package stmt

import (
	"slices"
	"testing"
)

func TestVertical(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // the statements, those that are vertical with a +
	}{
		{`SELECT 1\G`, []string{`+SELECT 1`}},
		{`SELECT 1 \G SELECT 2; SELECT 3\gx`, []string{`+SELECT 1`, `SELECT 2`, `+SELECT 3`}},
		{"SELECT a -- \\G\n\\G;", []string{`+SELECT a`}},
		{"SELECT 1;\n\\G", []string{`+SELECT 1`}},
		{`SHOW PROVIDERS\G;\G`, []string{`+SHOW PROVIDERS`}},
		{`\G SELECT 1`, []string{`SELECT 1`}},
		{`SELECT '\G', "\G", [\G] /* \G */ AS x -- \G`, []string{`SELECT '\G', "\G", [\G] /* \G */ AS x`}},
		// What is none stays for SQLite to complain of.
		{`SELECT 1\Gx`, []string{`SELECT 1\Gx`}},
		{`SELECT 1\ G`, []string{`SELECT 1\ G`}},
		{`SELECT 1\g`, []string{`SELECT 1\g`}},
		{`SELECT 1\`, []string{`SELECT 1\`}},
	} {
		statements, err := Split(c.text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range statements {
			text := s.Text()
			if s.Vertical {
				text = "+" + text
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}
