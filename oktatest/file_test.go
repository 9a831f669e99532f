package oktatest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// inFile opens an org in a file, whose clock only moves when the test moves it.
func inFile(t *testing.T, o Options) *Org {
	t.Helper()
	o.Now = func() time.Time { return theClock }
	org, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	return org
}

func orgFileName(t *testing.T) string { return filepath.Join(t.TempDir(), "org.db") }

// reopened closes an org and opens it from its file, after which both must be the same in all that an org
// knows, also what it shows nobody.
func reopened(t *testing.T, o *Org) *Org {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	again := inFile(t, Options{File: o.file.name})
	a, b := o.store, again.store
	for _, part := range []struct {
		name      string
		was, read any
	}{
		{"options", o.opts.recipe(), again.opts.recipe()}, {"generator", a.gen, b.gen}, {"attributes", a.known, b.known},
		{"changed users", a.changed, b.changed}, {"numbers of changed users", append([]int{}, a.live...), append([]int{}, b.live...)},
		{"logins", a.logins, b.logins}, {"tokens", a.tokens, b.tokens}, {"next user", a.next, b.next},
		{"groups", o.groups, again.groups}, {"types", o.types, again.types},
		{"next group and type, owner", []int{o.groupsMade, o.typesMade, o.owner}, []int{again.groupsMade, again.typesMade, again.owner}},
		{"clock", o.Now(), again.Now()}, {"id", o.id, again.id},
	} {
		if !reflect.DeepEqual(part.was, part.read) {
			t.Errorf("%s: %+v, and from the file %+v", part.name, part.was, part.read)
		}
	}
	again.base.url = o.base.url // the host that was last asked
	if string(allBytes(again)) != string(allBytes(o)) {
		t.Error("the users differ")
	}
	return again
}

// Orgs that are made alike are still different orgs. A file from before orgs had an id of their own gets one.
func TestEachOrgHasAnIDOfItsOwn(t *testing.T) {
	idOf := func(o *Org) string { return decoded(t, do(o, http.MethodGet, wellKnownPath, ""))["id"].(string) }
	name := orgFileName(t)
	seen := map[string]bool{}
	for _, o := range []*Org{newTestOrg(Options{Users: 3}), newTestOrg(Options{Users: 3}), inFile(t, Options{Users: 3, File: name}), inFile(t, Options{Users: 3, File: orgFileName(t)})} {
		id := idOf(o)
		if seen[id] || !isOrgID(id) || !strings.HasSuffix(id, "5d7") {
			t.Errorf("the id of an org is %q; before there were %v", id, seen)
		}
		seen[id] = true
		o.Close()
	}
	change := func(sql string) {
		t.Helper()
		conn, err := sqlite3.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	change("DELETE FROM settings WHERE name = 'id'")
	o := inFile(t, Options{File: name})
	id := idOf(o)
	if o.Close(); seen[id] {
		t.Error("the id was not deleted")
	}
	o = inFile(t, Options{File: name})
	if again := idOf(o); again != id {
		t.Errorf("the id is %s, and was %s", again, id)
	}
	o.Close()
	change("UPDATE settings SET value = '00oxyz' WHERE name = 'id'")
	if _, err := Open(Options{File: name}); err == nil {
		t.Error("an id that is none was taken")
	}
}

// TestAnOrgInAFileIsThereAgain changes all that can be changed, and opens the org anew after each step.
func TestAnOrgInAFileIsThereAgain(t *testing.T) {
	o := inFile(t, Options{Users: 300, Seed: 3, IDSuffix: "abc", Today: theClock, File: orgFileName(t)})
	me := uriOf(decoded(t, do(o, http.MethodGet, usersPath+"/me", "")), "")
	var g, k object
	steps := []func(){
		func() {},
		func() { inStatus(t, o, suspended, "suspended@acme.example", "") },
		func() { inStatus(t, o, lockedOut, "locked@acme.example", "") },
		func() { inStatus(t, o, staged, "staged@acme.example", withQuestion) },
		func() {
			must(t, post(o, me, `{"profile":{"nickName":"<\"Zoë\" & \u2028>","projects":["a","b"],"fte":0.75,"floor":-3,"contractor":true}}`))
		},
		func() { must(t, post(o, me, `{"credentials":`+withPassword+`}`)) },
		func() { must(t, post(o, me, `{"credentials":{"password":{"value":"`+otherPassword+`"}}}`)) },
		func() { g = createGroup(t, o, "Crew") },
		func() { must(t, do(o, http.MethodPut, groupURI(g, "/users/suspended@acme.example"), "")) },
		func() {
			sales := groupNamed(t, o, "Sales")
			must(t, post(o, usersPath, `{"profile":`+profileOf("grouped@acme.example")+`,"groupIds":["`+g["id"].(string)+`","`+sales["id"].(string)+`"]}`))
			must(t, do(o, http.MethodDelete, groupURI(sales, "/users/grouped@acme.example"), ""))
		},
		func() {
			must(t, do(o, http.MethodPut, groupURI(g, ""), `{"profile":{"name":"Crew 2","description":"x"}}`))
		},
		func() { must(t, do(o, http.MethodDelete, groupURI(groupNamed(t, o, "Legal"), ""), "")) },
		func() {
			k = decoded(t, post(o, typesPath, `{"name":"robot","displayName":"Robot","description":"none"}`))
		},
		func() {
			setCustom(t, o, schemasPath+"osc"+k["id"].(string)[3:], `{"serial":{"title":"Serial","type":"string","minLength":2,"maxLength":9,"unique":true,"required":true},
				"level":{"title":"Level","type":"integer","minimum":1,"maximum":5},"kind":{"title":"Kind","type":"string","enum":["a","b"]},
				"tags":{"title":"Tags","type":"array","items":{"type":"number","oneOf":[{"const":1.50,"title":"one"}]},"master":{"type":"PROFILE_MASTER"}}}`)
		},
		func() {
			must(t, post(o, usersPath, `{"type":{"id":"`+k["id"].(string)+`"},"profile":{"serial":"r2","tags":[1.5],"level":2,`+profileOf("r2@acme.example")[1:]+`}`))
		},
		func() { must(t, post(o, typesPath+"/"+k["id"].(string), `{"displayName":"Machine"}`)) },
		func() { must(t, post(o, schemasPath+"default", customBody(`{"badge":null,"fte":null}`))) },
		func() { setCustom(t, o, schemasPath+"default", `{"badge":{"title":"Another badge","type":"string"}}`) },
		func() {
			must(t, post(o, schemasPath+"default", `{"definitions":{"base":{"properties":{"login":{"pattern":".+"},"firstName":{"required":false}}}}}`))
		},
		func() { must(t, do(o, http.MethodDelete, me, "")) },
		func() { must(t, do(o, http.MethodDelete, me, "")) },
		func() { must(t, do(o, http.MethodDelete, usersPath+"/r2@acme.example", "")) },
		func() { must(t, do(o, http.MethodDelete, usersPath+"/r2@acme.example", "")) }, // the last one made
		func() { must(t, do(o, http.MethodDelete, typesPath+"/"+k["id"].(string), "")) },
		func() { must(t, do(o, http.MethodDelete, groupURI(g, ""), "")) },
		func() { o.Advance(36*time.Hour + time.Nanosecond) },
	}
	for i, step := range steps {
		step()
		if o = reopened(t, o); t.Failed() {
			t.Fatalf("after step %d", i)
		}
	}
}

// TestSecretsOutliveTheProcess follows links and signs in after the org was opened anew.
func TestSecretsOutliveTheProcess(t *testing.T) {
	o := inFile(t, Options{File: orgFileName(t)})
	dana := create(t, o, "", profileOf("dana@acme.example"), withQuestion)
	kim := create(t, o, "?activate=false", profileOf("kim@acme.example"), "")
	token := decoded(t, post(o, uriOf(kim, "/lifecycle/activate?sendEmail=false"), ""))["activationToken"].(string)
	o = reopened(t, o)
	if err := o.SignIn("dana@acme.example", goodPassword); err != nil {
		t.Error(err)
	}
	if err := o.SignIn("dana@acme.example", otherPassword); err == nil {
		t.Error("any password is right")
	}
	must(t, post(o, uriOf(dana, "/credentials/forgot_password_recovery_question"),
		`{"password":{"value":"`+otherPassword+`"},"recovery_question":{"answer":"`+theAnswer+`"}}`))
	if err := o.CompleteActivation(token, goodPassword); err != nil {
		t.Error(err)
	}
	o = reopened(t, o)
	if err := o.CompleteActivation(token, goodPassword); err == nil {
		t.Error("the token is good twice")
	}
	file, err := os.ReadFile(o.file.name)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{goodPassword, otherPassword, theAnswer, strings.ToLower(theAnswer), token} {
		if strings.Contains(string(file), secret) {
			t.Errorf("the file holds %q", secret)
		}
	}
}

// wantProblem checks that a file is refused, and left as it is.
func wantProblem(t *testing.T, o Options, want FileProblem) *FileError {
	t.Helper()
	before, _ := os.ReadFile(o.File)
	org, err := Open(o)
	if err == nil {
		org.Close()
		t.Fatalf("%s is taken for an org", o.File)
	}
	var bad *FileError
	if !errors.As(err, &bad) || bad.Problem != want || bad.File != o.File || !strings.Contains(err.Error(), o.File) {
		t.Fatalf("%v (%+v), want problem %d", err, bad, want)
	}
	if after, _ := os.ReadFile(o.File); string(after) != string(before) {
		t.Errorf("%s was changed", o.File)
	}
	return bad
}

func TestAnOrgIsOpenOnce(t *testing.T) {
	o := inFile(t, Options{Users: 3, File: orgFileName(t)})
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(o.file.name, link); err != nil {
		t.Skip(err)
	}
	start := time.Now()
	wantProblem(t, Options{File: link}, FileInUse)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("refused only after %s", took)
	}
	o = reopened(t, o)
	wantProblem(t, Options{File: o.file.name}, FileInUse)
	if err := o.LockOut("me"); err != nil {
		t.Error(err) // whoever was refused has done no harm
	}
	o.Close()
	if err := o.LockOut("me"); err == nil {
		t.Error("a closed org still changes")
	}
	reopened(t, inFile(t, Options{File: link}))
}

func TestOptionsThatTheFileContradicts(t *testing.T) {
	o := inFile(t, Options{Users: 30, Seed: 1 << 63, File: orgFileName(t)})
	o.Close()
	name := o.file.name
	for _, other := range []Options{{Users: 31}, {Seed: 2}, {IDSuffix: "abc"}, {Users: 31, Seed: 1 << 63}} {
		other.File = name
		bad := wantProblem(t, other, FileOtherOrg)
		if bad.Users != 30 || bad.Seed != 1<<63 || !strings.Contains(bad.Error(), "30 users with seed 9223372036854775808") {
			t.Error(bad)
		}
	}
	for _, same := range []Options{{}, {Users: 30}, {Seed: 1 << 63}, {IDSuffix: "5d7"}, {Today: theClock, Owner: true}} {
		same.File = name
		org := inFile(t, same)
		if users, seed := org.Generated(); users != 30 || seed != 1<<63 {
			t.Error(users, seed)
		}
		org.Close()
	}
}

// TestTheOwnerIsTheFiles opens an org without users, whose only one is the owner, without asking for one.
func TestTheOwnerIsTheFiles(t *testing.T) {
	o := inFile(t, Options{Owner: true, File: orgFileName(t)})
	o = reopened(t, o)
	must(t, post(o, usersPath+"/me", `{"profile":{"firstName":"Other"}}`))
	if got := text(decoded(t, do(reopened(t, o), http.MethodGet, usersPath+"/me", "")), "firstName"); got != "Other" {
		t.Error(got)
	}
}

// edited makes an org's file, and changes it by SQL.
func edited(t *testing.T, sql string) string {
	t.Helper()
	o := inFile(t, Options{Users: 30, File: orgFileName(t)})
	create(t, o, "", profileOf("dana@acme.example"), withPassword)
	g := createGroup(t, o, "Crew")
	must(t, do(o, http.MethodPut, groupURI(g, "/users/me"), ""))
	o.Close()
	conn, err := sqlite3.Open(o.file.name)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec("PRAGMA journal_mode = delete; " + sql); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return o.file.name
}

func TestFilesThatAreRefused(t *testing.T) {
	for sql, want := range map[string]FileProblem{
		"PRAGMA application_id = 5":                                             FileNotAnOrg,
		"PRAGMA user_version = 99":                                              FileOtherVersion,
		"UPDATE settings SET value = '999' WHERE name = 'generator'":            FileOtherVersion,
		"DELETE FROM settings WHERE name = 'generator'":                         FileDamaged,
		"UPDATE settings SET value = 'many' WHERE name = 'users'":               FileDamaged,
		"UPDATE settings SET value = 'tomorrow' WHERE name = 'today'":           FileDamaged,
		"UPDATE users SET json = replace(json, 'ACTIVE', 'AWAKE')":              FileDamaged,
		"UPDATE users SET json = '{'":                                           FileDamaged,
		"UPDATE users SET json = '{}'":                                          FileDamaged,
		"UPDATE users SET json = json_set(json, '$.type', 'x')":                 FileDamaged,
		"UPDATE users SET json = json_set(json, '$.later', 1)":                  FileDamaged,
		"UPDATE users SET json = json_set(json, '$.password.salt', 'AAAA')":     FileDamaged,
		"UPDATE users SET id = '00u'":                                           FileDamaged,
		"UPDATE users SET number = -1":                                          FileDamaged,
		"UPDATE groups SET json = json_set(json, '$.type', 'APP_GROUP')":        FileDamaged,
		"UPDATE groups SET json = json_set(json, '$.department', 'Alchemy')":    FileDamaged,
		"UPDATE members SET group_number = 99":                                  FileDamaged,
		"UPDATE members SET user_number = 99":                                   FileDamaged,
		"DELETE FROM types":                                                     FileDamaged,
		"UPDATE types SET json = NULL":                                          FileDamaged,
		"UPDATE types SET json = json_remove(json, '$.base[3]')":                FileDamaged,
		"UPDATE types SET json = json_set(json, '$.custom[0].type', 'complex')": FileDamaged,
		"UPDATE types SET json = json_set(json, '$.base[0].type', 'number')":    FileDamaged,
		"UPDATE types SET json = json_set(json, '$.base[6].format', 'rhyme')":   FileDamaged,
		"INSERT INTO settings VALUES ('clock', 'noon')":                         FileDamaged,
		"ALTER TABLE users RENAME TO people":                                    FileDamaged,
		"DROP TABLE settings":                                                   FileDamaged,
	} {
		t.Run(sql, func(t *testing.T) { wantProblem(t, Options{File: edited(t, sql)}, want) })
	}
	t.Run("another database", func(t *testing.T) {
		name := orgFileName(t)
		conn, err := sqlite3.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec("CREATE TABLE mine(x); INSERT INTO mine VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		wantProblem(t, Options{File: name}, FileNotAnOrg)
	})
	for what, text := range map[string]string{"text": "dear diary,\n", "one byte": "S", "zeros": strings.Repeat("\x00", 8192)} {
		t.Run(what, func(t *testing.T) {
			name := orgFileName(t)
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			wantProblem(t, Options{File: name}, FileNotAnOrg)
		})
	}
	t.Run("a directory", func(t *testing.T) { wantProblem(t, Options{File: t.TempDir()}, FileNotAnOrg) })
	t.Run("nowhere", func(t *testing.T) {
		bad := wantProblem(t, Options{File: filepath.Join(t.TempDir(), "no", "org.db")}, FileUnusable)
		if !errors.Is(bad, fs.ErrNotExist) {
			t.Error(bad)
		}
	})
}

// TestDamagedFiles cuts a file short and overwrites its pages: it is refused, or what is in it is right.
func TestDamagedFiles(t *testing.T) {
	o := inFile(t, Options{Users: 200, File: orgFileName(t)})
	for i := range 40 {
		create(t, o, "", profileOf(fmt.Sprintf("new%d@acme.example", i)), "")
	}
	want := string(allBytes(o))
	o.Close()
	whole, err := os.ReadFile(o.file.name)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := 0; at < len(whole); at += 4096 {
		for _, cut := range []bool{true, false} {
			broken := append([]byte{}, whole...)
			if cut {
				broken = broken[:at+100]
			} else {
				copy(broken[at:], strings.Repeat("x", 512))
			}
			name := orgFileName(t)
			if err := os.WriteFile(name, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			org, err := Open(Options{File: name})
			if err == nil {
				if got := string(allBytes(org)); got != want {
					t.Errorf("page %d (cut: %v): opened with other users", at/4096, cut)
				}
				org.Close()
				continue
			}
			refused++
			if bad, ok := errors.AsType[*FileError](err); !ok || bad.Problem != FileDamaged && bad.Problem != FileNotAnOrg {
				t.Errorf("page %d: %v", at/4096, err)
			}
			if after, _ := os.ReadFile(name); string(after) != string(broken) {
				t.Errorf("page %d: the file was changed", at/4096)
			}
		}
	}
	if refused < len(whole)/4096 {
		t.Errorf("only %d files of %d pages were refused", refused, len(whole)/4096)
	}
}

// TestFilesByOddNames makes an org by each name, which must be the name of the file, and the only one.
func TestFilesByOddNames(t *testing.T) {
	names := []string{"a b.db", "org?mode=memory", "org#1.db", "100%25.db", "file:x", ":memory:", "grüße-東京.db", "x&y=z", "-", "'quoted'.db", "x.db-wal"}
	if runtime.GOOS == "windows" {
		names = []string{"a b.db", "org#1.db", "100%25.db", "grüße-東京.db", "x&y=z", "-", "'quoted'.db"}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			o := inFile(t, Options{Users: 3, File: name})
			if err := o.LockOut("me"); err != nil {
				t.Error(err)
			}
			entries, err := os.ReadDir(".")
			if err != nil || len(entries) == 0 {
				t.Fatal(entries, err)
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil || !strings.HasPrefix(e.Name(), name) || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
					t.Errorf("%s (%v) was made for %s: %v", e.Name(), info.Mode(), name, err)
				}
			}
			reopened(t, o).Close()
			if entries, _ := os.ReadDir("."); len(entries) != 1 || entries[0].Name() != name {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// TestAFullDisk lets the file grow no more: what it doesn't take hasn't happened, and once there is room
// again everything goes on.
func TestAFullDisk(t *testing.T) {
	o := inFile(t, Options{Users: 30, File: orgFileName(t)})
	g := createGroup(t, o, "Crew")
	dana := create(t, o, "", profileOf("dana@acme.example"), "")
	limit := func(pages int) {
		if err := o.file.conn.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // which SQLite takes for as many as there are
	for i := 0; ; i++ {
		res := post(o, usersPath, `{"profile":`+profileOf(fmt.Sprintf("dana%d@acme.example", i))+`,"groupIds":["`+g["id"].(string)+`"]}`)
		if res.status == http.StatusOK {
			if i == 1000 {
				t.Fatal("the file grows on")
			}
			continue
		}
		_, causes := wantError(t, res, http.StatusInternalServerError, "E0000009")
		if len(causes) != 1 || !strings.Contains(causes[0], "full") {
			t.Errorf("the causes are %q", causes)
		}
		break
	}
	long := strings.Repeat("x", 4000)
	clock, before := o.Now(), string(allBytes(o))
	wantError(t, post(o, uriOf(dana, ""), `{"profile":{"nickName":"`+strings.Repeat(long, 9)+`"}}`), http.StatusInternalServerError, "E0000009")
	if string(allBytes(o)) != before || !o.Now().Equal(clock) {
		t.Error("what the file didn't take has happened")
	}
	limit(1 << 20)
	must(t, post(o, uriOf(dana, ""), `{"profile":{"nickName":"`+long+`"}}`))
	reopened(t, o)
}

// TestGeneratedOrgsStayTheSame pins what generators make. A file holds only how to make it, so whoever
// changes this raises generatorVersion; older files are then refused.
func TestGeneratedOrgsStayTheSame(t *testing.T) {
	sum := sha256.New()
	for _, options := range []Options{{Users: 2500, Seed: 1}, {Users: 130, Seed: 1 << 63, IDSuffix: "xyz", Today: theClock}, {Owner: true}} {
		o := New(options)
		sum.Write(allBytes(o))
		for _, uri := range []string{groupsPath, typesPath, schemasPath + "default", schemasPath + "osc" + o.types[1].tail, groupURI(object{"id": o.groups[2].id}, "/users")} {
			io.WriteString(sum, must(t, do(o, http.MethodGet, uri, "")).body)
		}
		for k := range 40 { // the ids of what is made later
			fmt.Fprint(sum, o.store.gen.id(options.Users+k), o.store.gen.groupID(k), o.store.gen.typeTailOf(k))
		}
		for i := range options.Users { // who is in the generated groups
			fmt.Fprint(sum, o.store.gen.department(i).name)
		}
	}
	const want = "1 2704b77308201048b74d4972b8c7cc20bc5897f22b68470ae6eab9ffb8fca4ac"
	if got := fmt.Sprint(generatorVersion, " ", hex.EncodeToString(sum.Sum(nil))); got != want {
		t.Errorf("generated orgs are %s, and were %s: raise generatorVersion, and write the new line here", got, want)
	}
}

// FuzzSavedProfile compares the scanner of saved profiles with encoding/json.
func FuzzSavedProfile(f *testing.F) {
	for _, seed := range []string{`{}`, ` { "a" : "b\u00e9\"\\" , "c":[ 1.50, true,null,"]" ,[] ],"d":-0e1 } `, `{"login":"x","floor":3}`, `[]`, `{"a":{}}`, `{"a":"\ud800"}`, `null`, "{\"\xff\":\"\xff\"}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw := []byte(text)
		if !json.Valid(raw) {
			return
		}
		scan := savedScanner(raw)
		got, err := scan.profile()
		var want map[string]any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&want) != nil || want == nil {
			if err == nil {
				t.Fatalf("%s is taken for a profile", text)
			}
			return
		}
		if err != nil {
			if !strings.Contains(text, "{") {
				t.Fatal(err)
			}
			return
		}
		last := map[string]any{}
		for _, a := range got {
			last[a.name] = plain(a.value)
		}
		if !reflect.DeepEqual(last, want) {
			t.Fatalf("%s is %v, want %v", text, last, want)
		}
	})
}

// plain is a value as encoding/json has it.
func plain(v value) any {
	switch v.kind {
	case stringValue:
		return v.text
	case numberValue:
		return json.Number(v.text)
	case boolValue:
		return v.text == "true"
	case listValue:
		list := []any{}
		for _, one := range v.list {
			list = append(list, plain(one))
		}
		return list
	}
	return nil
}

// TestSearchesOfAnOrgFromAFile sees what was changed and deleted before, also where searches trail behind.
func TestSearchesOfAnOrgFromAFile(t *testing.T) {
	o := inFile(t, Options{Users: 30, Seed: 4, File: orgFileName(t)})
	me := uriOf(decoded(t, do(o, http.MethodGet, usersPath+"/me", "")), "")
	must(t, do(o, http.MethodDelete, me, ""))
	must(t, do(o, http.MethodDelete, me, ""))
	create(t, o, "", profileOf("dana@acme.example"), "")
	o.Close()
	o = inFile(t, Options{File: o.file.name, SearchLag: time.Hour})
	found := listOf(t, o, "search", "status pr")
	if want := everybody(t, o); !reflect.DeepEqual(ids(found), ids(want)) || len(want) != 30 {
		t.Errorf("searches show %d users of %d", len(found), len(want))
	}
}

// FuzzSavedRows reads rows that somebody else wrote. What is taken for right must be the same once more.
func FuzzSavedRows(f *testing.F) {
	o := New(Options{Users: 30, Seed: 1})
	e := o.edit(3)
	e.u.setPassword(&password{text: goodPassword}, 1)
	e.u.setPassword(&password{text: otherPassword}, 2)
	e.u.setQuestion(&question{theQuestion, theAnswer})
	e.u.hold(suspended, 3)
	_, e.u.token = newToken(activationToken)
	for _, seed := range []any{e.u.saved(), o.groups[1].saved(), o.types[0].saved()} {
		text, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"status":"ACTIVE","profile":{"a":[[1]]},"history":[null],"imported":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		once := func(text []byte) (users, groups, types any) {
			if s, err := read[savedUser](text); err == nil {
				if u, err := s.user("00u"); err == nil {
					users = u.saved()
				}
			}
			if s, err := read[savedGroup](text); err == nil {
				if g := (group{}); s.into(&g) == nil {
					groups = g.saved()
				}
			}
			if s, err := read[savedType](text); err == nil {
				if k := (userType{}); s.into(&k) == nil {
					types = k.saved()
				}
			}
			return users, groups, types
		}
		users, groups, types := once(text)
		for i, saved := range []any{users, groups, types} {
			if saved == nil {
				continue
			}
			want, err := json.Marshal(saved)
			if err != nil {
				t.Fatal(err)
			}
			users, groups, types := once(want)
			if got, _ := json.Marshal([]any{users, groups, types}[i]); string(got) != string(want) {
				t.Fatalf("%s, and read again %s", want, got)
			}
		}
	})
}
