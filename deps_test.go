package whoql_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tests in this file read the source, not the output of go list: what go test has cached does
// not change with a file that it does not know it depends on.

const module = "github.com/whoql/whoql"

// The budgets.
const (
	maxFileLines  = 800
	maxFuncLines  = 100
	maxParameters = 6
	maxMethods    = 5 // of an interface
	maxChain      = 6 // packages that import one another in a row
	maxMainLines  = 20
)

// thirdParty says which of our packages may import a module, tests left out. docs/dependencies.md
// says what for.
var thirdParty = map[string][]string{
	"github.com/mattn/go-runewidth":   {"cli", "format", "page"},
	"github.com/ncruces/go-sqlite3":   {"change", "oktatest", "vtab"},
	"github.com/spf13/pflag":          {"cli"},
	"github.com/sqlc-dev/meyer":       {"stmt"},
	"github.com/tidwall/gjson":        {"root", "vtab"},
	"go.yaml.in/yaml/v3":              {"catalog", "cli"},
	"golang.org/x/net/http/httpproxy": {"cli"},
	"golang.org/x/term":               {"cli"},
}

// A goFile is a parsed Go file.
type goFile struct {
	path  string // with slashes, from the module's root
	room  string // its package's directory; "root" for the module's root
	test  bool
	lines int
	fset  *token.FileSet
	file  *ast.File
}

func (s *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// imports returns the paths that a file imports.
func (s *goFile) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		out = append(out, p)
	}
	return out
}

// goFiles parses every Go file of the module, whatever system it is for.
func goFiles(t *testing.T) []*goFile {
	t.Helper()
	var out []*goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if _, err := os.Stat(filepath.Join(name, "go.mod")); d.IsDir() && name != "." && err == nil {
			return filepath.SkipDir // a module of its own
		}
		if d.IsDir() && name != "." && (base == "testdata" || base == "dist" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s := &goFile{path: filepath.ToSlash(name), test: strings.HasSuffix(base, "_test.go"), fset: token.NewFileSet()}
		s.room = path.Dir(s.path)
		if s.room == "." {
			s.room = "root"
		}
		s.lines = strings.Count(string(text), "\n")
		s.file, err = parser.ParseFile(s.fset, s.path, text, parser.ParseComments|parser.SkipObjectResolution)
		out = append(out, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found: is this the module's root?", len(out))
	}
	return out
}

// ourRoom returns the room that an import path of ours names.
func ourRoom(importPath string) (string, bool) {
	if importPath == module {
		return "root", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// importTable reads the table under "Who may import whom" in docs/architecture.md: the rooms there
// are and what each may import.
func importTable(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Who may import whom\n")
	if !ok {
		t.Fatal("docs/architecture.md has no section ## Who may import whom")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	names := regexp.MustCompile("`([^`]+)`")
	table := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		var may []string
		for _, m := range names.FindAllStringSubmatch(cells[2], -1) {
			may = append(may, m[1])
		}
		for _, m := range names.FindAllStringSubmatch(cells[1], -1) {
			table[m[1]] = may
		}
	}
	if len(table) == 0 {
		t.Fatal("docs/architecture.md has no import table")
	}
	return table
}

func TestImportTable(t *testing.T) {
	table := importTable(t)
	graph := map[string]map[string]bool{}
	for _, s := range goFiles(t) {
		if s.test {
			continue
		}
		if graph[s.room] == nil {
			graph[s.room] = map[string]bool{}
		}
		may, known := table[s.room]
		if !known {
			t.Errorf("%s: the package %s is not in the import table of docs/architecture.md", s.path, s.room)
			continue
		}
		for _, p := range s.imports() {
			room, ours := ourRoom(p)
			if !ours {
				continue
			}
			graph[s.room][room] = true
			if !slices.Contains(may, room) {
				t.Errorf("%s: %s must not import %s", s.path, s.room, room)
			}
		}
	}
	for room := range table {
		if graph[room] == nil {
			t.Errorf("docs/architecture.md: the import table names %s, which is not there", room)
		}
	}
	chain := longestChain(graph, "cmd/whoql")
	if len(chain) > maxChain {
		t.Errorf("the chain of imports is longer than %d: %s", maxChain, strings.Join(chain, " → "))
	}
	if len(chain) < 3 {
		t.Errorf("the longest chain of imports is %v: the imports were not read", chain)
	}
}

// longestChain returns the longest way through a graph without cycles, which Go's imports are.
func longestChain(graph map[string]map[string]bool, from string) []string {
	var best []string
	for _, to := range slices.Sorted(maps.Keys(graph[from])) {
		if c := longestChain(graph, to); len(c) > len(best) {
			best = c
		}
	}
	return append([]string{from}, best...)
}

// TestTwoWitnesses keeps the client and the sandbox apart: they check each other only as long as
// they share no code.
func TestTwoWitnesses(t *testing.T) {
	seen := 0
	for _, s := range goFiles(t) {
		for _, p := range s.imports() {
			room, _ := ourRoom(p)
			switch {
			case s.room == "oktatest" && room == "okta",
				s.room == "okta" && room == "oktatest" && !s.test:
				t.Errorf("%s: %s must not import %s", s.path, s.room, room)
			case s.room == "cli" && (room == "okta" || room == "oktatest"):
				seen++
			}
		}
	}
	if seen == 0 {
		t.Error("nothing joins okta and oktatest: the imports were not read")
	}
}

func TestOtherImports(t *testing.T) {
	used := map[string]bool{}
	for _, s := range goFiles(t) {
		if s.test {
			continue
		}
		command := s.room == "cli" || strings.HasPrefix(s.room, "cmd/")
		for _, p := range s.imports() {
			switch {
			case p == "testing" || strings.HasPrefix(p, "testing/") || p == "net/http/httptest":
				t.Errorf("%s: imports %s, which belongs in tests", s.path, p)
			case s.path == "oktatest/file.go" && p == "os": // the org's file
			case p == "os" && (s.room == "csvfile" || s.path == "vtab/attach.go"):
				// The files that the engine's options name.
			case (s.path == "change/journal.go" || s.path == "change/run.go") && p == "os": // the journal
			case !command && slices.Contains([]string{"os", "os/signal", "log", "log/slog", "flag"}, p):
				t.Errorf("%s: imports %s: only the command prints, exits, logs and reads the environment and files", s.path, p)
			}
			if _, ours := ourRoom(p); ours || !strings.Contains(strings.Split(p, "/")[0], ".") {
				continue
			}
			mod := ""
			for m := range thirdParty {
				if p == m || strings.HasPrefix(p, m+"/") {
					mod = m
				}
			}
			used[mod] = true
			if !slices.Contains(thirdParty[mod], s.room) {
				t.Errorf("%s: %s must not import %s", s.path, s.room, p)
			}
		}
	}
	for m := range thirdParty {
		if !used[m] {
			t.Errorf("nothing imports %s: take it out of the list", m)
		}
	}
}

// The module sdktest takes oktatest from here, and what that needs with it. go test ./... doesn't build it.
func TestTheSDKsModuleFollows(t *testing.T) {
	versions := func(name string) map[string]string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(string(b), -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	ours, theirs := versions("go.mod"), versions("sdktest/go.mod")
	checked := 0
	for name, rooms := range thirdParty {
		if !slices.Contains(rooms, "oktatest") {
			continue
		}
		checked++
		if ours[name] == "" || theirs[name] != ours[name] {
			t.Errorf("sdktest/go.mod has %q of %s, go.mod %q: run go mod tidy in sdktest", theirs[name], name, ours[name])
		}
	}
	if checked == 0 {
		t.Error("oktatest needs no module: this test checks nothing")
	}
}

func TestBudgets(t *testing.T) {
	for _, s := range goFiles(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, s.lines, maxFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if s.test {
					return true // a table of cases may be long
				}
				lines := s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
				if lines > maxFuncLines {
					t.Errorf("%s: %s has %d lines, more than %d", s.at(n), n.Name.Name, lines, maxFuncLines)
				}
				if n.Name.Name == "main" && lines > maxMainLines {
					t.Errorf("%s: main has %d lines, more than %d: it only calls cli.Run", s.at(n), lines, maxMainLines)
				}
				if count := n.Type.Params.NumFields(); count > maxParameters {
					t.Errorf("%s: %s has %d parameters, more than %d", s.at(n), n.Name.Name, count, maxParameters)
				}
				contextFirst(t, s, n)
			case *ast.InterfaceType:
				if count := n.Methods.NumFields(); count > maxMethods {
					t.Errorf("%s: an interface of %d methods, more than %d", s.at(n), count, maxMethods)
				}
			}
			return true
		})
	}
}

// contextFirst checks that a context is a function's first parameter.
func contextFirst(t *testing.T, s *goFile, f *ast.FuncDecl) {
	for i, p := range f.Type.Params.List {
		sel, ok := p.Type.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Context" || i == 0 {
			continue
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "context" {
			t.Errorf("%s: the context is not the first parameter of %s", s.at(f), f.Name.Name)
		}
	}
}

func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, s := range goFiles(t) {
		if s.test {
			continue
		}
		comments[s.room] += 0
		if s.file.Doc == nil {
			continue
		}
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command " + path.Base(s.room) + " "
		}
		if !strings.HasPrefix(s.file.Doc.Text(), want) {
			t.Errorf("%s: the package comment does not begin with %q", s.path, want)
		}
		comments[s.room]++
	}
	for room, count := range comments {
		if count != 1 {
			t.Errorf("%s has %d package comments, want 1", room, count)
		}
	}
}

func TestExportedNamesHaveComments(t *testing.T) {
	checked := 0
	for _, s := range goFiles(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		missing := func(n ast.Node, name string) { t.Errorf("%s: %s has no comment", s.at(n), name) }
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d.Recv.List[0].Type)) {
					continue
				}
				checked++
				if d.Doc.Text() == "" {
					missing(d, d.Name.Name)
				}
			case *ast.GenDecl:
				doc := ""
				for _, spec := range d.Specs {
					checked += undocumented(d, spec, &doc, missing)
				}
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d exported names found", checked)
	}
}

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// undocumented reports the exported names of a type, constant or variable that have no comment of
// their own, of their line or of their group, and aren't named by the comment of one before, doc; in
// a struct of options every field needs its own. It returns how many exported names there were.
func undocumented(d *ast.GenDecl, spec ast.Spec, doc *string, missing func(ast.Node, string)) int {
	checked := 0
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return 0
		}
		checked++
		if d.Doc.Text() == "" && spec.Doc.Text() == "" {
			missing(spec, spec.Name.Name)
		}
		st, ok := spec.Type.(*ast.StructType)
		if !ok || !strings.HasSuffix(spec.Name.Name, "Options") {
			return checked
		}
		for _, f := range st.Fields.List {
			if f.Doc.Text() == "" && f.Comment.Text() == "" && len(f.Names) > 0 && f.Names[0].IsExported() {
				missing(f, spec.Name.Name+"."+f.Names[0].Name)
			}
		}
	case *ast.ValueSpec:
		if text := spec.Doc.Text(); text != "" {
			*doc = text
		}
		for _, name := range spec.Names {
			if !name.IsExported() {
				continue
			}
			checked++
			if d.Doc.Text() == "" && spec.Doc.Text() == "" && spec.Comment.Text() == "" && !strings.Contains(*doc, name.Name) {
				missing(spec, name.Name)
			}
		}
	}
	return checked
}
