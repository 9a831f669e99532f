package page_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/page"
)

// Every field, method, parameter and example of the catalogue is on the page, in both forms.
func TestPagesHaveAll(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, r := range c.Resources() {
		p := page.Of(r)
		unspaced := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		forms := map[string]string{"Markdown": unspaced(p.Markdown()), "text": unspaced(p.Text(80))}
		for form, text := range forms {
			has := func(what, part string) {
				t.Helper()
				part = unspaced(part)
				if form == "Markdown" {
					part = strings.ReplaceAll(part, "|", `\|`)
					text = strings.ReplaceAll(text, `\|`, "|")
					part = strings.ReplaceAll(part, `\|`, "|")
				}
				if !strings.Contains(text, part) {
					t.Errorf("%s as %s: %s is missing: %s", r.Path(), form, what, part)
				}
			}
			for _, c := range r.Columns {
				has("the column "+c.Name, c.Description)
			}
			for _, m := range r.Methods {
				has("the method "+m.Name, m.Description)
				has("its route", m.HTTP+" "+m.Route)
				for _, param := range append(m.Params[:len(m.Params):len(m.Params)], m.Body...) {
					has("the parameter "+m.Name+" "+param.Name, param.Description)
				}
				for _, e := range m.Examples {
					examples++
					has("an example", e)
				}
			}
		}
	}
	if examples < 20 {
		t.Errorf("only %d examples", examples)
	}
}

// Text fits the terminal, but for what can't be broken, and has nothing that only a program reads.
func TestTextFits(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	text := page.Of(c.Lookup("okta.user.users")).Text(60)
	if strings.ContainsAny(text, "\x1b`") || strings.Contains(text, "](") || strings.Contains(text, "|---") {
		t.Error("the text has escapes or Markdown's marks")
	}
	prose := true
	for _, line := range strings.Split(text, "\n") {
		if strings.HasSuffix(line, " examples") {
			prose = false // SQL stays as it is
		}
		if prose && runewidth.StringWidth(line) > 60 && len(strings.Fields(line)) > 2 {
			t.Errorf("a line is wider than 60: %s", line)
		}
	}
}

func ExamplePage_Text() {
	c, err := catalog.Load()
	if err != nil {
		panic(err)
	}
	text := page.Of(c.Lookup("okta.user.groups")).Text(72)
	fmt.Println(text[:strings.Index(text, "\nFields")])
	// Output:
	// okta.user.groups
	// ================
	//
	//   Name         groups
	//   Id           okta.user.groups
	//   Description  The groups of a user, Everyone included. One row is one
	//                group that one user is in. It needs to be told the user:
	//                by userId in WHERE, or by a join. For the members of
	//                groups, okta.group.users takes fewer calls.
}
