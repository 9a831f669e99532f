package oktatest

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var kills = flag.Int("kills", 20, "how often TestKilledUnderLoad kills the sandbox; 3 times with -short")

// servedFile names, in the environment of a child, the file whose org it is to serve.
const servedFile = "OKTATEST_SERVED_FILE"

// TestMain makes the test binary a sandbox that can be killed.
func TestMain(m *testing.M) {
	if name := os.Getenv(servedFile); name != "" {
		s, err := Serve(Options{File: name, Users: killUsers, Seed: 9})
		fmt.Println(err)
		if err == nil {
			fmt.Println(s.URL)
			io.Copy(io.Discard, os.Stdin) // until the parent ends
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const killUsers = 300

// A child is a sandbox in a process of its own.
type child struct {
	cmd *exec.Cmd
	url string
}

func startChild(t *testing.T, file string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(exe)}
	c.cmd.Env = append(os.Environ(), servedFile+"="+file)
	if _, err := c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	if lines.Text() != "<nil>" || !lines.Scan() {
		c.kill()
		t.Fatalf("the sandbox doesn't start: %s", lines.Text())
	}
	c.url = lines.Text()
	return c
}

// kill is SIGKILL, or what there is instead of it.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// ask makes a request. An error means that nobody knows what became of it.
func (c *child) ask(method, uri string, body any) (status int, text string, err error) {
	b, _ := json.Marshal(body)
	r, err := http.NewRequest(method, c.url+uri, strings.NewReader(string(b)))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "SSWS "+DefaultToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res.StatusCode, strings.ReplaceAll(string(all), c.url, "URL"), err
}

// A state is what a writer knows of a user. The zero value is a user who isn't there.
type state struct {
	status string
	mark   string // in three attributes, so that half of an update would show
	back   string // the status that unsuspend leads back to
	member bool   // of the writer's group
	whole  string // the user as last shown to the writer; "": changed since
}

// A killWriter changes users of its own, and knows what must have become of them.
type killWriter struct {
	name, group string
	known       map[string]state // by login
	ids         map[string]string
	made        int

	// The request whose answer hasn't come.
	pending       string // the login; "": none
	before, after state
	acknowledged  int
}

// run makes changes until the sandbox is gone.
func (w *killWriter) run(c *child, random *rand.Rand) error {
	for {
		logins := slices.Sorted(maps.Keys(w.known))
		if len(logins) < 4 || random.IntN(4) == 0 {
			w.made++
			login := fmt.Sprintf("%s.%d@team.example", w.name, w.made)
			after := state{status: "ACTIVE", mark: fmt.Sprint("new", w.made), member: random.IntN(2) == 0}
			body := map[string]any{"profile": w.profile(login, after.mark), "credentials": map[string]any{"password": map[string]any{"value": "Correct-horse-7"}}}
			if after.member {
				body["groupIds"] = []string{w.group}
			}
			if more, err := w.send(c, login, after, http.MethodPost, "/api/v1/users", body); !more {
				return err
			}
			continue
		}
		login := logins[random.IntN(len(logins))]
		was := w.known[login]
		user := "/api/v1/users/" + w.ids[login]
		after := state{status: was.status, mark: was.mark, back: was.back, member: was.member}
		method, uri, body := http.MethodPost, user, any(map[string]any{})
		operations := []string{"update", "update", "member", "suspend", "deactivate"}
		switch was.status {
		case "SUSPENDED":
			operations = []string{"unsuspend", "update", "deactivate"}
		case "DEPROVISIONED":
			operations = []string{"delete", "delete", "activate", "member"}
		}
		switch op := operations[random.IntN(len(operations))]; op {
		case "update":
			after.mark = fmt.Sprint("mark", random.IntN(1e9))
			body = map[string]any{"profile": w.profile("", after.mark)}
		case "member":
			after.member = !was.member
			method, uri = http.MethodPut, "/api/v1/groups/"+w.group+"/users/"+w.ids[login]
			if was.member {
				method = http.MethodDelete
			}
		case "delete":
			method, after = http.MethodDelete, state{}
		default:
			after.status = map[string]string{"suspend": "SUSPENDED", "deactivate": "DEPROVISIONED", "activate": "PROVISIONED", "unsuspend": was.back}[op]
			if op == "suspend" {
				after.back = was.status
			}
			uri += "/lifecycle/" + op
		}
		if more, err := w.send(c, login, after, method, uri, body); !more {
			return err
		}
	}
}

func (w *killWriter) profile(login, mark string) map[string]any {
	p := map[string]any{"nickName": mark, "title": mark, "projects": []string{mark, w.name}}
	if login != "" {
		p["login"], p["email"], p["firstName"], p["lastName"] = login, login, "Wanda", "Writer"
	}
	return p
}

// send makes a request that is to make a user what after says. more is false when the sandbox is gone.
func (w *killWriter) send(c *child, login string, after state, method, uri string, body any) (more bool, err error) {
	w.pending, w.before, w.after = login, w.known[login], after
	status, text, err := c.ask(method, uri, body)
	if err != nil {
		return false, nil
	}
	if status != http.StatusOK && status != http.StatusNoContent {
		return false, fmt.Errorf("%s %s (%+v): %d %s", method, uri, w.before, status, text)
	}
	w.pending = ""
	w.acknowledged++
	if strings.HasPrefix(text, `{"id":`) {
		var u struct{ ID string }
		json.Unmarshal([]byte(text), &u)
		w.ids[login], after.whole = u.ID, text
	}
	w.settle(login, after)
	return true, nil
}

func (w *killWriter) settle(login string, s state) {
	if s.status == "" {
		delete(w.known, login)
	} else {
		w.known[login] = s
	}
}

// check compares what a writer knows with what the sandbox says.
func (w *killWriter) check(t *testing.T, users map[string]map[string]any, members map[string]bool, c *child) {
	t.Helper()
	expected := maps.Clone(w.known)
	for login, u := range users {
		if _, ok := expected[login]; !ok && login != w.pending && strings.HasPrefix(login, w.name+".") {
			t.Errorf("%s was never made, or is deleted: %v", login, u)
		}
	}
	if w.pending != "" {
		expected[w.pending] = w.before
	}
	for login, want := range expected {
		got := state{}
		if u := users[login]; u != nil {
			p := u["profile"].(map[string]any)
			got.status, got.mark = u["status"].(string), fmt.Sprint(p["nickName"])
			if got.mark != "<nil>" && (p["title"] != got.mark || fmt.Sprint(p["projects"]) != fmt.Sprintf("[%s %s]", got.mark, w.name)) {
				t.Errorf("%s is half written: %v", login, p)
			}
			got.member = members[u["id"].(string)]
			w.ids[login] = u["id"].(string)
		}
		same := func(a, b state) bool { return a.status == b.status && a.mark == b.mark && a.member == b.member }
		// a.back can't be seen: unsuspend will tell
		switch {
		case same(got, want):
			if login == w.pending {
				w.settle(login, want)
			}
			if want.whole != "" {
				if _, text, err := c.ask(http.MethodGet, "/api/v1/users/"+w.ids[login], nil); err != nil || text != want.whole {
					t.Errorf("%s is\n%s\nand was acknowledged as\n%s", login, text, want.whole)
				}
			}
		case login == w.pending && same(got, w.after):
			w.settle(login, w.after)
		default:
			t.Errorf("%s is %+v, want %+v (pending %q: %+v)", login, got, want, w.pending, w.after)
		}
	}
	ids := slices.Collect(maps.Values(w.ids))
	for id := range members {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is in the group of %s", id, w.name)
		}
	}
	w.pending = ""
}

// everyone gets all users, by login.
func everyone(t *testing.T, c *child) map[string]map[string]any {
	t.Helper()
	users := map[string]map[string]any{}
	for from := `search=created+ge+"1970-01-01T00:00:00.000Z"`; from != ""; {
		r, _ := http.NewRequest(http.MethodGet, c.url+"/api/v1/users?"+from, nil)
		r.Header.Set("Authorization", "SSWS "+DefaultToken)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page []map[string]any
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for _, u := range page {
			users[u["profile"].(map[string]any)["login"].(string)] = u
		}
		from = ""
		for _, link := range res.Header["Link"] {
			if address, next := strings.CutSuffix(link, `>; rel="next"`); next {
				_, from, _ = strings.Cut(address, "?")
			}
		}
	}
	return users
}

// TestKilledUnderLoad kills the sandbox while writers are at work, again and again. Whatever was
// acknowledged must be there afterwards; what wasn't, wholly or not at all; and nothing else.
func TestKilledUnderLoad(t *testing.T) {
	rounds := *kills
	if testing.Short() {
		rounds = min(rounds, 3)
	}
	file := filepath.Join(t.TempDir(), "org.db")
	generated := New(Options{Users: killUsers, Seed: 9})
	untouched := map[string]map[string]any{}
	c := startChild(t, file)
	var writers []*killWriter
	for k := range 5 {
		w := &killWriter{name: fmt.Sprintf("writer%d", k), known: map[string]state{}, ids: map[string]string{}}
		status, text, err := c.ask(http.MethodPost, "/api/v1/groups", map[string]any{"profile": map[string]any{"name": w.name}})
		if err != nil || status != http.StatusOK {
			t.Fatal(status, text, err)
		}
		var g struct{ ID string }
		json.Unmarshal([]byte(text), &g)
		w.group = g.ID
		writers = append(writers, w)
	}
	n := 0
	for text := range generated.Users() {
		var u map[string]any
		json.Unmarshal(text, &u)
		p := u["profile"].(map[string]any)
		login := p["login"].(string)
		if n++; u["status"] == "ACTIVE" && n%7 == 0 && strings.Contains(string(text), `"type":"OKTA"`) && p["nickName"] == nil {
			w := writers[n%len(writers)]
			w.known[login], w.ids[login] = state{status: "ACTIVE", mark: "<nil>"}, u["id"].(string)
		} else {
			untouched[login] = u
		}
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	pending, acknowledged := 0, 0
	for round := range rounds {
		var wg sync.WaitGroup
		for k, w := range writers {
			wg.Go(func() {
				if err := w.run(c, rand.New(rand.NewPCG(seed, uint64(round*10+k)))); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Duration(20+random.IntN(60)) * time.Millisecond)
		c.kill()
		wg.Wait()
		for _, w := range writers {
			if w.pending != "" {
				pending++
			}
		}
		c = startChild(t, file)
		users := everyone(t, c)
		for login, want := range untouched {
			if got := fmt.Sprint(strip(users[login])); got != fmt.Sprint(strip(want)) {
				t.Errorf("%s was touched: %s, was %v", login, got, want)
			}
		}
		total := len(untouched)
		for _, w := range writers {
			members := map[string]bool{}
			_, text, err := c.ask(http.MethodGet, "/api/v1/groups/"+w.group+"/users", nil)
			var list []struct{ ID string }
			if err != nil || json.Unmarshal([]byte(text), &list) != nil {
				t.Fatal(text, err)
			}
			for _, u := range list {
				members[u.ID] = true
			}
			w.check(t, users, members, c)
			total += len(w.known)
		}
		if total != len(users) {
			t.Errorf("%d users, want %d", len(users), total)
		}
		if t.Failed() {
			c.kill()
			t.Fatalf("in round %d of %d", round+1, rounds)
		}
	}
	c.kill()
	for _, w := range writers {
		acknowledged += w.acknowledged
	}
	t.Logf("%d kills, %d changes acknowledged, %d without an answer", rounds, acknowledged, pending)
	if acknowledged < rounds || pending == 0 {
		t.Errorf("only %d changes acknowledged and %d without an answer: there was no load", acknowledged, pending)
	}
}

// strip takes the links away, in which the address of the sandbox stands.
func strip(u map[string]any) map[string]any {
	u = maps.Clone(u)
	delete(u, "_links")
	return u
}
