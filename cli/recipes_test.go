package cli_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whoql/whoql/oktatest"
)

// A person is what the recipes are about, as it stands in the org.
type person struct {
	ID                                        string
	Status                                    string
	Created, Activated                        string
	StatusChanged, LastLogin, PasswordChanged string
	Profile                                   struct{ Login, Email, Department, DisplayName string }
	Credentials                               struct{ Provider struct{ Type string } }
}

// answer is what a recipe is to print: a line for each row, the values with tabs between, NULL as "".
// They are worked out of the org itself, by other means than SQL.
type recipe struct {
	answer func(people []person, today time.Time, block string) [][]string
	// calls is the cost that the recipe states: how many users each of its lists has. A list costs a call
	// for each 200.
	calls func(people []person) []int
}

func in(status string, statuses ...string) bool { return slices.Contains(statuses, status) }

// day is the text of a day some days before.
func day(today time.Time, years, days int) string {
	return today.AddDate(-years, 0, -days).Format(time.DateOnly)
}

// earlier says whether there is a time and it is before a day, by comparing times.
func earlier(stamp, day string) bool {
	if stamp == "" {
		return false
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		panic(err)
	}
	limit, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return at.Before(limit)
}

// lower is SQLite's: the letters A to Z.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// each makes a row of everybody whom one isn't nil for, sorted by the columns.
func each(people []person, one func(person) []string, by ...int) (rows [][]string) {
	for _, p := range people {
		if row := one(p); row != nil {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b []string) int {
		for _, i := range by {
			if c := strings.Compare(a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return rows
}

// number counts those whose status is one of these, or all.
func number(statuses ...string) func([]person) []int {
	return func(people []person) []int {
		n := 0
		for _, p := range people {
			if len(statuses) == 0 || in(p.Status, statuses...) {
				n++
			}
		}
		return []int{n}
	}
}

var usable = []string{"ACTIVE", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"}

// recipes are by the headings of docs/recipes.md.
var recipes = map[string]recipe{
	"Who hasn't signed in for 90 days?": {func(people []person, today time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			if !in(p.Status, usable...) || !earlier(p.LastLogin, day(today, 0, 90)) {
				return nil
			}
			return []string{p.Profile.Login, p.Status, p.Profile.Department, p.LastLogin}
		}, 3, 0)
	}, number(usable...)},
	"Who has never signed in?": {func(people []person, today time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			if !in(p.Status, usable...) || p.LastLogin != "" || !earlier(p.Activated, day(today, 0, 30)) {
				return nil
			}
			return []string{p.Profile.Login, p.Status, p.Profile.Department, p.Activated}
		}, 3, 0)
	}, number(usable...)},
	"Who got stuck on the way in?": {func(people []person, today time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			since := p.StatusChanged
			if since == "" {
				since = p.Created
			}
			if !in(p.Status, "STAGED", "PROVISIONED", "PASSWORD_EXPIRED") || !earlier(since, day(today, 0, 30)) {
				return nil
			}
			return []string{p.Status, since, p.Profile.Login, p.Profile.Department}
		}, 0, 1, 2)
	}, number("STAGED", "PROVISIONED", "PASSWORD_EXPIRED")},
	"Whose password is older than a year?": {func(people []person, today time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			if p.Status == "DEPROVISIONED" || p.Credentials.Provider.Type != "OKTA" || !earlier(p.PasswordChanged, day(today, 1, 0)) {
				return nil
			}
			return []string{p.Profile.Login, p.Status, p.Profile.Department, p.PasswordChanged}
		}, 3, 0)
	}, number()},
	"Which deactivated accounts can go?": {func(people []person, today time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			if p.Status != "DEPROVISIONED" || !earlier(p.StatusChanged, day(today, 0, 180)) {
				return nil
			}
			return []string{p.ID, p.Profile.Login, p.Profile.DisplayName, p.Profile.Department, p.StatusChanged}
		}, 4, 1)
	}, number("DEPROVISIONED")},
	"How many people are in which department, in which status?": {func(people []person, _ time.Time, _ string) [][]string {
		counts := map[[2]string]int{}
		for _, p := range people {
			department := p.Profile.Department
			if department == "" {
				department = "(none)"
			}
			counts[[2]string{department, p.Status}]++
		}
		var rows [][]string
		for key, n := range counts {
			rows = append(rows, []string{key[0], key[1], fmt.Sprint(n)})
		}
		slices.SortFunc(rows, slices.Compare)
		return rows
	}, number()},
	"Which e-mail addresses have several accounts?": {sharedAddresses, number()},
	"Does Okta agree with HR?": {disagreements, func(people []person) []int {
		return append(number()(people), number("ACTIVE")(people)...)
	}},
	"How many accounts were created in each month?": {func(people []person, today time.Time, _ string) [][]string {
		counts := map[string][2]int{}
		for _, p := range people {
			at, err := time.Parse(time.RFC3339, p.Created)
			if err != nil {
				panic(err)
			}
			if months := 12*(today.Year()-at.Year()) + int(today.Month()) - int(at.Month()); months < 12 {
				n := counts[at.Format("2006-01")]
				n[0]++
				if p.Status == "DEPROVISIONED" {
					n[1]++
				}
				counts[at.Format("2006-01")] = n
			}
		}
		var rows [][]string
		for month, n := range counts {
			rows = append(rows, []string{month, fmt.Sprint(n[0]), fmt.Sprint(n[1])})
		}
		slices.SortFunc(rows, slices.Compare)
		return rows
	}, number()},
	"Whose login isn't their e-mail address?": {func(people []person, _ time.Time, _ string) [][]string {
		return each(people, func(p person) []string {
			if p.Status == "DEPROVISIONED" || lower(p.Profile.Login) == lower(p.Profile.Email) {
				return nil
			}
			return []string{p.Profile.Login, p.Profile.Email, p.Status}
		}, 0)
	}, number()},
}

func sharedAddresses(people []person, _ time.Time, _ string) [][]string {
	logins := map[string][]string{}
	for _, p := range people {
		if p.Status != "DEPROVISIONED" {
			logins[lower(p.Profile.Email)] = append(logins[lower(p.Profile.Email)], p.Profile.Login)
		}
	}
	var rows [][]string
	for address, l := range logins {
		if len(l) > 1 {
			slices.Sort(l)
			rows = append(rows, []string{address, fmt.Sprint(len(l)), strings.Join(l, " ")})
		}
	}
	slices.SortFunc(rows, func(a, b []string) int {
		if len(a[1]) != len(b[1]) || a[1] != b[1] { // there are no more than 9
			return strings.Compare(b[1], a[1])
		}
		return strings.Compare(a[0], b[0])
	})
	return rows
}

// disagreements reads the file out of the recipe's block.
func disagreements(people []person, _ time.Time, block string) [][]string {
	_, text, _ := strings.Cut(block, "<<'END'\n")
	text, _, _ = strings.Cut(text, "\nEND\n")
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	status, listed := map[string]string{}, map[string]bool{}
	for _, p := range people {
		status[lower(p.Profile.Login)] = p.Status
	}
	var rows [][]string
	for _, r := range records[1:] {
		listed[lower(r[0])] = true
		if s := status[lower(r[0])]; s != "ACTIVE" {
			rows = append(rows, []string{"in the file, not active in Okta", r[0], s})
		}
	}
	slices.SortFunc(rows, slices.Compare)
	return append(rows, each(people, func(p person) []string {
		if p.Status != "ACTIVE" || p.Profile.Department != "Legal" || listed[lower(p.Profile.Login)] {
			return nil
		}
		return []string{"active in Okta, not in the file", p.Profile.Login, p.Status}
	}, 1)...)
}

var recipeBlock = regexp.MustCompile("(?ms)^## ([^\n]+)\n(?:[^#]*?\n)??```sh\n(.*?)^```$")

// TestRecipes copies each block of docs/recipes.md into a shell, for an org of the environment and
// for --sandbox, which has the same users.
func TestRecipes(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	doc, err := os.ReadFile("../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC()
	server := oktatest.Start(t, oktatest.Options{Users: 1000, Seed: 1, Today: today})
	var people []person
	for u := range server.Org.Users() {
		var p person
		if err := json.Unmarshal(u, &p); err != nil {
			t.Fatal(err)
		}
		people = append(people, p)
	}
	bin := whoqlOnPath(t)
	run := func(t *testing.T, script string) string {
		t.Helper()
		cmd := exec.Command(shell, "-eu", "-c", script)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
			"OKTA_CLIENT_ORGURL="+server.URL, "OKTA_CLIENT_TOKEN="+server.Token)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 {
			t.Fatalf("%v: %s\n%s", err, errs.String(), script)
		}
		return string(out)
	}
	ran := 0
	for _, m := range recipeBlock.FindAllStringSubmatch(string(doc), -1) {
		heading, block := m[1], m[2]
		t.Run(heading, func(t *testing.T) {
			r, ok := recipes[heading]
			if !ok {
				t.Fatal("there is no answer to this question")
			}
			ran++
			_, behind, _ := strings.Cut(string(doc), block)
			behind, _, _ = strings.Cut(behind, "\n## ")
			for _, part := range []string{"**The answer**: ", "**Beware**: ", "**Cost**: "} {
				if strings.Count(behind, "\n"+part) != 1 {
					t.Errorf("the recipe doesn't say %s", part)
				}
			}
			server.Org.ResetRequests()
			// The last format counts; the unset variable is the reader's own org.
			got := rowsOf(t, run(t, `whoql() { command whoql "$@" -o jsonl; }; sandbox=; `+block))
			most, requests := 0, len(server.Org.Requests())
			for _, n := range r.calls(people) {
				most += (n + 199) / 200
			}
			if requests < 1 || requests > most {
				t.Errorf("%d requests, and the cost is said to be %d", requests, most)
			}
			want := r.answer(people, today, block)
			if time.Now().UTC().Day() != today.Day() {
				t.Skip("midnight has passed")
			}
			if len(want) < 3 || !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("the answer is\n%q\nand should be\n%q", got, want)
			}
			if !testing.Short() {
				if own, sandbox := run(t, "sandbox=; "+block), run(t, "sandbox=--sandbox; "+block); own != sandbox || own == "" {
					t.Errorf("the sandbox answers\n%s\nand the org\n%s", sandbox, own)
				}
			}
		})
	}
	if ran != len(recipes) || ran != 10 {
		t.Errorf("%d of %d recipes ran", ran, len(recipes))
	}
}

// rowsOf reads lines of JSON in the order of their keys.
func rowsOf(t *testing.T, text string) (rows [][]string) {
	t.Helper()
	for line := range strings.Lines(text) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var row []string
		for n := 0; ; n++ {
			token, err := d.Token()
			if err != nil {
				break
			}
			if _, ok := token.(json.Delim); ok {
				n = 0
				continue
			}
			if n%2 == 0 { // behind the brace 1 is a key
				if token == nil {
					token = ""
				}
				row = append(row, fmt.Sprint(token))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// whoqlOnPath returns a directory in which the test's own binary is called whoql, as in TestScripts.
func whoqlOnPath(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(name, filepath.Join(dir, "whoql")); err != nil {
		t.Skip(err)
	}
	return dir
}
