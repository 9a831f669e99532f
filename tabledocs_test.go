package whoql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
)

// TestTableDocs compares docs/tables with the catalogue. With -update it writes them anew.
func TestTableDocs(t *testing.T) {
	want := map[string]string{}
	for _, r := range loadCatalog(t).Resources() {
		want[r.Path()+".md"] = tableDoc(r)
	}
	const dir = "docs/tables"
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[f.Name()]; !ok {
			t.Errorf("%s/%s: there is no such table", dir, f.Name())
		}
	}
	for name, text := range want {
		if readText(t, filepath.Join(dir, name)) != text {
			t.Errorf("%s/%s is not what the catalogue says: go test . -run TestTableDocs -update", dir, name)
		}
	}
}

// tableDoc writes the page of a table.
func tableDoc(r *catalog.Resource) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("<!-- Written by TestTableDocs from the catalogue: don't edit. -->")
	line("# %s\n\n%s\n", r.Path(), r.Description)
	section := func(head string, which func(*catalog.Column) bool) {
		if slices.ContainsFunc(r.Columns, which) {
			line("\n%s\n", head)
			columnTable(line, r, which)
		}
	}
	of := func(kind catalog.Kind) func(*catalog.Column) bool {
		return func(c *catalog.Column) bool { return c.Kind == kind }
	}
	line("## Columns\n\n`SELECT *` gives these, in this order.\n")
	columnTable(line, r, of(catalog.KindField))
	section("Required, bound by `=` or `IN` in WHERE or by a join; see [sql.md](../sql.md#required-parameters):", of(catalog.KindRequired))
	section("## Hidden columns\n\nThere when they are named.", func(c *catalog.Column) bool { return c.Kind == catalog.KindOrg || c.Kind == catalog.KindAlias })
	section("Attributes of the profile:", of(catalog.KindAttribute))
	section("Request parameters, bound by `=` only; see [sql.md](../sql.md#request-parameters):", of(catalog.KindParameter))
	line("\n## Methods\n\nThis version runs those of SELECT. In brackets: what leaving the parameter out means.")
	for _, m := range r.Methods {
		methodDoc(line, m)
	}
	return b.String()
}

func columnTable(line func(string, ...any), r *catalog.Resource, which func(*catalog.Column) bool) {
	line("| Column | Type | Handed to the API | |")
	line("|---|---|---|---|")
	for _, c := range r.Columns {
		if which(c) {
			line("| `%s` | %s | %s | %s |", c.Name, c.Type, handed(c), strings.ReplaceAll(c.Description, "|", `\|`))
		}
	}
}

// handed says which conditions the API is asked.
func handed(c *catalog.Column) string {
	switch {
	case c.Kind == catalog.KindParameter:
		return "`=`"
	case c.Kind == catalog.KindOrg, c.Kind == catalog.KindRequired:
		return "`=`, `IN`"
	case c.Key:
		return "`=`, `IN`: by get"
	case len(c.Push) > 0:
		return "`" + strings.NewReplacer("eq", "=", "in", "IN").Replace(strings.Join(c.Push, "`, `")) + "`"
	}
	return ""
}

func methodDoc(line func(string, ...any), m *catalog.Method) {
	line("\n### %s\n\n%s: `%s %s`, Okta's operation %s.\n\n%s\n", m.Name, m.Verb, m.HTTP, m.Route, m.Operation, m.Description)
	if len(m.Statuses) > 0 {
		line("Allowed while the user is %s.\n", strings.Join(m.Statuses, ", "))
	}
	for _, p := range append(m.Params[:len(m.Params):len(m.Params)], m.Body...) {
		extra := ""
		if p.Default != "" {
			extra = " [" + p.Default + "]"
		}
		line("- `%s`, %s: %s%s", p.Name, p.Type, p.Description, extra)
	}
	line("\nAnswers: %s", m.Answer)
	if m.Verb != "SELECT" {
		return // it can't be run yet
	}
	for _, e := range m.Examples {
		line("\n```sql\n%s\n```", e)
	}
}
