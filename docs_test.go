package whoql_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/cli"
	"github.com/whoql/whoql/format"
)

var update = flag.Bool("update", false, "write docs/tables anew")

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// whoqlCommand runs the command in-process, without an environment.
func whoqlCommand(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	noEnv := func(string) (string, bool) { return "", false }
	code = cli.Run(context.Background(), args, strings.NewReader(""), &out, &errs, noEnv)
	return code, out.String(), errs.String()
}

// TestEverythingIsDocumented takes the lists of what there is from where it is, and looks for each
// item in docs/sql.md, as `item`; for commands, flags and variables in all that stands beside it.
func TestEverythingIsDocumented(t *testing.T) {
	doc := readText(t, "docs/sql.md")
	all := ""
	for _, name := range markdown(t) {
		if path.Dir(name) == "docs" {
			all += readText(t, name)
		}
	}
	has := func(kind, item string, least int, found int) {
		t.Helper()
		if found < least {
			t.Errorf("only %d of %s found: the list was not read", found, kind)
		}
		if !regexp.MustCompile("`" + regexp.QuoteMeta(item) + "[` ]").MatchString(all) {
			t.Errorf("docs: the %s %s is not documented", kind, item)
		}
	}
	_, help, _ := whoqlCommand("help")
	commands := regexp.MustCompile(`(?m)^  whoql (\w+)  `).FindAllStringSubmatch(help, -1)
	flags := 0
	for _, c := range commands {
		has("command", "whoql "+c[1], 2, len(commands))
		_, help, _ := whoqlCommand("help", c[1])
		for _, f := range regexp.MustCompile(`(?m)^ +(?:-(\w), )?--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
			flags++
			has("flag", "--"+f[2], 1, flags)
			if f[1] != "" {
				has("flag", "-"+f[1], 1, flags)
			}
		}
	}
	if flags < 8 {
		t.Errorf("only %d flags found", flags)
	}
	_, manual, _ := whoqlCommand("man")
	codes := exitCodes(t)
	for name, code := range codes {
		if !strings.Contains(manual, fmt.Sprintf("\n\\fB%d\\fR\n", code)) {
			t.Errorf("whoql man: the exit code %d, %s, is not documented", code, name)
		}
		if !strings.Contains(doc, fmt.Sprintf("| `%d` | `%s` |", code, name)) {
			t.Errorf("docs/sql.md: the exit code %d, %s, is not documented", code, name)
		}
	}
	if len(codes) < 8 {
		t.Errorf("only %d exit codes found", len(codes))
	}
	kinds := statementKinds(t)
	if len(kinds) < 9 {
		t.Errorf("only %d kinds of statements found", len(kinds))
	}
	for _, k := range kinds {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + k + "[ `].*\\|$").MatchString(doc) {
			t.Errorf("docs/sql.md: the statement %s is not in the table of statements", k)
		}
	}
	for _, f := range format.Names() {
		has("format", f, 4, len(format.Names()))
	}
	variables := environment(t)
	for _, v := range variables {
		if !strings.Contains(manual, v) {
			t.Errorf("whoql man: the environment variable %s is not documented", v)
		}
		has("environment variable", v, 5, len(variables))
	}
	tables := loadCatalog(t).Resources()
	for _, r := range tables {
		if !strings.Contains(doc, fmt.Sprintf("[%s](tables/%s.md)", r.Path(), r.Path())) {
			t.Errorf("docs/sql.md: there is no link to the table %s", r.Path())
		}
		for _, c := range r.Columns {
			if c.Kind == catalog.KindParameter && !strings.Contains(doc, "\n| `"+c.Name+"` |") {
				t.Errorf("docs/sql.md: the request parameter %s is not documented", c.Name)
			}
		}
	}
}

func loadCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parseGo(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// exitCodes reads the constants Exit… of cli.go.
func exitCodes(t *testing.T) map[string]int64 {
	codes := map[string]int64{}
	ast.Inspect(parseGo(t, "cli/cli.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Exit") || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("cli.go: %s is not a number", spec.Names[0].Name)
		}
		codes[spec.Names[0].Name], _ = constant.Int64Val(constant.MakeFromLiteral(lit.Value, lit.Kind, 0))
		return true
	})
	return codes
}

// statementKinds reads the words of the kinds in stmt.go.
func statementKinds(t *testing.T) []string {
	var kinds []string
	ast.Inspect(parseGo(t, "stmt/stmt.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "kindNames" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			if k := constant.StringVal(constant.MakeFromLiteral(e.(*ast.BasicLit).Value, token.STRING, 0)); k != "unknown" {
				kinds = append(kinds, k)
			}
		}
		return false
	})
	return kinds
}

// environment returns the texts in package cli that look like names of variables.
func environment(t *testing.T) []string {
	var out []string
	name := regexp.MustCompile(`^"([A-Z]+(_[A-Z]+)+)"$`)
	for _, s := range goFiles(t) {
		if s.room != "cli" || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if m := name.FindStringSubmatch(lit.Value); m != nil && !slices.Contains(out, m[1]) {
					out = append(out, m[1])
				}
			}
			return true
		})
	}
	return out
}

// markdown returns the paths of all documents.
func markdown(t *testing.T) []string {
	out, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			out = append(out, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A block is a fenced block of a document.
type block struct {
	language, text string
	line           int
	// output is the text block that follows after nothing but an empty line.
	output string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?")

func blocks(doc string) []block {
	var out []block
	for _, m := range fence.FindAllStringSubmatchIndex(doc, -1) {
		b := block{language: doc[m[2]:m[3]], text: doc[m[4]:m[5]], line: 2 + strings.Count(doc[:m[0]], "\n")}
		if m[6] >= 0 {
			b.output = doc[m[6]:m[7]]
		}
		out = append(out, b)
	}
	return out
}

// TestExamples runs the examples of the documents over the sandbox: the shell commands that start
// with whoql, and all SQL.
func TestExamples(t *testing.T) {
	ran := map[string]int{}
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "roster.csv"), []byte(roster), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range markdown(t) {
		if path.Dir(name) == "docs/tables" {
			continue // those are the catalogue's: see TestCatalogExamples
		}
		if name == "docs/recipes.md" {
			continue // they are run in a shell: see TestRecipes
		}
		for _, b := range blocks(readText(t, name)) {
			var commands [][]string
			switch b.language {
			case "sh":
				commands = shellCommands(t, b.text)
			case "sql":
				commands = [][]string{{"query", b.text}}
			}
			for _, args := range commands {
				if args[0] == "sandbox" {
					continue // it serves until a signal ends it
				}
				if args[0] == "query" {
					args = overSandbox(args, files)
				}
				code, stdout, stderr := whoqlCommand(args...)
				if code != cli.ExitOK {
					t.Errorf("%s:%d: %q ends with exit code %d: %s", name, b.line, args, code, stderr)
				}
				if b.output != "" && stdout != b.output {
					t.Errorf("%s:%d: %q prints\n%s\nnot, as the document says,\n%s", name, b.line, args, stdout, b.output)
				}
				ran[b.language]++
				if b.output != "" {
					ran["output"]++
				}
			}
		}
	}
	if ran["sh"] < 8 || ran["sql"] < 6 || ran["output"] < 1 {
		t.Errorf("ran only %v examples", ran)
	}
}

// roster is the file that examples join with: one user of the sandbox, and one who is none.
const roster = "email,name,department\npriya.jackson1@acme.example,Priya Jackson,Finance\nsomebody.new@acme.example,Somebody New,Sales\n"

// overSandbox returns the arguments of whoql query with --sandbox. A sandbox in a file has it in the
// directory, as have files to join with.
func overSandbox(args []string, directory string) []string {
	args = slices.Clone(args)
	given := false
	for i, a := range args {
		if name, file := strings.CutPrefix(a, "--sandbox="); file {
			args[i] = "--sandbox=" + filepath.Join(directory, name)
			given = true
		}
		if i > 0 && (args[i-1] == "--csv" || args[i-1] == "--attach") {
			args[i] = strings.Replace(a, "=", "="+directory+string(filepath.Separator), 1)
		}
		given = given || a == "--sandbox"
	}
	if !given {
		args = slices.Insert(args, 1, "--sandbox")
	}
	return args
}

// shellCommands returns the arguments of the commands in a script that run whoql. Of the shell's
// language it knows single and double quotes and line ends.
func shellCommands(t *testing.T, script string) [][]string {
	t.Helper()
	var out [][]string
	var words []string
	var word *strings.Builder
	endWord := func() {
		if word != nil {
			words = append(words, word.String())
			word = nil
		}
	}
	endLine := func() {
		endWord()
		if len(words) > 3 && slices.Equal(words[:3], []string{"go", "run", "./cmd/whoql"}) {
			out = append(out, words[3:])
		} else if len(words) > 1 && words[0] == "whoql" {
			out = append(out, words[1:])
		}
		words = nil
	}
	quote := rune(0)
	for i, c := range script {
		if c == '$' && strings.HasPrefix(script[i:], "$.") {
			c = 0 // a dollar to the shell as well
		}
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '"' && strings.ContainsRune("$`\\", c), quote == 0 && strings.ContainsRune("$`\\|><;&", c):
			if len(words) > 0 && (words[0] == "whoql" || words[0] == "go") {
				t.Errorf("an example with %q, which this test can't read: %s", c, script)
			}
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			if word == nil {
				word = new(strings.Builder)
			}
		case quote == 0 && c == '\n':
			endLine()
		case quote == 0 && c == ' ':
			endWord()
		default:
			if word == nil {
				word = new(strings.Builder)
			}
			if c == 0 {
				c = '$'
			}
			word.WriteRune(c)
		}
	}
	endLine()
	return out
}

var link = regexp.MustCompile("\\[(`?)([^\\]`]+)`?\\]\\(([^)]+)\\)")

// TestLinks follows the links within the repository. A link with a name in `code` to a Go file must
// lead to where the name is declared.
func TestLinks(t *testing.T) {
	followed, declared := 0, 0
	for _, name := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(readText(t, name), -1) {
			target, anchor, _ := strings.Cut(m[3], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, m[3])
				continue
			}
			followed++
			if anchor != "" && count(anchors(readText(t, file)), anchor) > 1 {
				t.Errorf("%s: the link %s leads to the first of several headings", name, m[3])
			}
			if anchor != "" && !slices.Contains(anchors(readText(t, file)), anchor) {
				t.Errorf("%s: the link %s leads to no heading", name, m[3])
			}
			if m[1] != "" && strings.HasSuffix(file, ".go") && !strings.HasSuffix(m[2], ".go") {
				declared++
				if !declares(parseGo(t, file), m[2]) {
					t.Errorf("%s: %s does not declare %s", name, file, m[2])
				}
			}
		}
	}
	if followed < 50 || declared < 20 {
		t.Errorf("followed only %d links, %d to declarations", followed, declared)
	}
}

func count(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// anchors returns the anchors that headings get.
func anchors(doc string) []string {
	var out []string
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(doc, -1) {
		out = append(out, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return out
}

// declares reports whether a file declares a name: Type, Type.Method, package.Name, name or the
// package itself.
func declares(f *ast.File, name string) bool {
	before, last, qualified := strings.Cut(name, ".")
	if !qualified {
		before, last = "", name
		if name == f.Name.Name {
			return true
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == last && (d.Recv == nil || before == "" || receiver(d.Recv.List[0].Type) == before) {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.Name == last {
					return true
				}
			}
		}
	}
	return false
}

// TestDecisionsAreNumbered checks that each decision has a number of its own, that none is left out, and
// that links that say a number lead to it.
func TestDecisionsAreNumbered(t *testing.T) {
	files, err := os.ReadDir("docs/decisions")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if number := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(f.Name(), number) {
			t.Errorf("docs/decisions/%s stands where %s is expected: take the next number that is free", f.Name(), number)
		}
		if heading := fmt.Sprintf("# %d. ", i+1); !strings.HasPrefix(readText(t, "docs/decisions/"+f.Name()), heading) {
			t.Errorf("docs/decisions/%s doesn't begin with %q", f.Name(), heading)
		}
	}
	numbered := regexp.MustCompile(`\[decision (\d+)\]\([^)]*decisions/(\d+)-`)
	for _, name := range markdown(t) {
		for _, m := range numbered.FindAllStringSubmatch(readText(t, name), -1) {
			if fmt.Sprintf("%04s", m[1]) != m[2] {
				t.Errorf("%s: decision %s is a link to %s", name, m[1], m[2])
			}
		}
	}
}

func TestEveryModuleHasAReason(t *testing.T) {
	doc := readText(t, "docs/dependencies.md")
	modules := regexp.MustCompile(`(?m)^\s+(\S+\.\S+/\S+) v`).FindAllStringSubmatch(readText(t, "go.mod"), -1)
	if len(modules) < 10 {
		t.Fatalf("only %d modules found in go.mod", len(modules))
	}
	for _, m := range modules {
		if !strings.Contains(doc, "| `"+m[1]+"` |") {
			t.Errorf("docs/dependencies.md has no line for %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(doc, -1) {
		if !strings.Contains(readText(t, "go.mod"), m[1]+" v") {
			t.Errorf("docs/dependencies.md has a line for %s, which is not in go.mod", m[1])
		}
	}
}
