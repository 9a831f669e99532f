package whoql_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/whoql/whoql/page"
)

// TestTableDocs compares docs/tables with the catalogue. With -update it writes them anew.
func TestTableDocs(t *testing.T) {
	want := map[string]string{}
	for _, r := range loadCatalog(t).Resources() {
		want[r.Path()+".md"] = "<!-- Written by TestTableDocs from the catalogue: don't edit. -->\n" + page.Of(r).Markdown()
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
