package cli

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// readText reads a configuration of this text.
func configOf(t *testing.T, text string) (*config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return (&command{env: environment(nil)}).readConfig(path, false)
}

// TestTheConfigurationOfTheDocs: the example is one.
func TestTheConfigurationOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(doc)
	if m == nil {
		t.Fatal("docs/sql.md shows no configuration")
	}
	cfg, err := configOf(t, string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.orgs) != 3 || cfg.defaultOrg != "acme" || !cfg.orgs[0].readOnly || strings.Join(cfg.orgs[2].protect, " ") != "breakglass@acme.com root@acme.com terraform@acme.com" {
		t.Errorf("%+v", cfg.orgs)
	}
}

func TestConfigErrors(t *testing.T) {
	const org = "orgs:\n  acme:\n    url: https://acme.okta.com\n    token: " + marked + "\n"
	for text, want := range map[string]string{
		org + "defualt: acme":                                                             ":5: unknown key defualt in the configuration; did you mean default?",
		org + "    tokn: x":                                                               ":5: unknown key tokn in org acme; did you mean token?",
		org + "    " + marked + ": x":                                                     ":5: unknown key in org acme; there are: url, ",
		org + "    token: x":                                                              ":5: the key token stands in org acme twice",
		org + "    token_env: X":                                                          ":2: org acme needs one of token, token_env and token_file",
		org + "    read_only: " + marked:                                                  ":5: read_only must be true or false",
		org + "    read_only: 'true'":                                                     ":5: read_only must be true or false",
		org + "    protect: " + marked:                                                    ":5: protect must be a list of logins",
		org + "    protect: [a, A]":                                                       ":5: a login stands in protect twice",
		org + "    protect: [null]":                                                       ":5: a login in protect must be a text",
		org + "    protect: [[a]]":                                                        ":5: a login in protect must be a text",
		org + "default: " + marked:                                                        ":5: default names no org of this file",
		org + "default: [acme]":                                                           ":5: default must be a text",
		org + "  ACME: {url: https://b.okta.com, token: x}":                               ":5: the key ACME stands in orgs twice",
		org + "  beta: {url: 'https://acme.okta.com/', token: x}":                         ":5: org beta has the url of org acme",
		org + "  a b: {url: https://b.okta.com, token: x}":                                ":5: an org's name is of letters",
		org + "  b-: {url: https://b.okta.com, token: x}":                                 ":5: an org's name is of letters",
		org + "  b: {token: x}":                                                           ":5: org b has no url, such as https://b.okta.com",
		org + "  b: {url: http://b.okta.com, token: x}":                                   ":5: org b: plain http would send the token unprotected",
		org + "  b: {url: 'https://x:" + marked + "@b.okta.com', token: x}":               ":5: org b: the org URL has a user name",
		org + "  b: {url: https://b.okta.com, token: 'a b'}":                              ":5: org b: b.okta.com: the API token has a character",
		org + "  b: {url: https://b.okta.com, token: }":                                   ":5: token must be a text",
		org + "  b: {url: https://b.okta.com, token: [" + marked + "]}":                   ":5: token must be a text",
		org + "  b: {url: https://b.okta.com}":                                            ":5: org b needs one of token",
		org + "  b: " + marked:                                                            ":5: org b must have keys and values",
		org + "  b: *" + marked:                                                           ": this is no valid YAML",
		org + "  b: &" + marked + " {url: https://b.okta.com, token: x}\n  c: *" + marked: ":6: aliases",
		org + "---\n" + org:                                                               ": a second document begins here",
		org + "  b: {" + marked:                                                           ": this is no valid YAML, at line ",
		"\t" + marked:                                                                     ": this is no valid YAML",
		marked:                                                                            ":1: the configuration must have keys and values",
		"- " + marked:                                                                     ":1: the configuration must have keys and values",
		"orgs: " + marked:                                                                 ":1: orgs must have keys and values",
		"[a]: b":                                                                          ":1: aliases and keys that aren't texts are not read",
		strings.Repeat("# \n", 1<<19):                                                     "is larger than 1 MiB",
	} {
		_, err := configOf(t, text)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(usage.msg, want) {
			t.Errorf("%s\ngives  %v\nwanted %s", text[:min(len(text), 300)], err, want)
			continue
		}
		checkSecret(t, "the error", usage.msg+usage.hint)
	}
	for _, text := range []string{"", "# nothing", "orgs:\n", "{}", "---\norgs: {}\n", "default:\n"} {
		if cfg, err := configOf(t, text); text != "default:\n" && (err != nil || len(cfg.orgs) > 0 || !cfg.found) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhereTheConfigurationIs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its paths are others")
	}
	for _, c := range []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/home/dana"}, "/home/dana/.config"},
		{"linux", map[string]string{"HOME": "/home/dana", "XDG_CONFIG_HOME": "/cfg"}, "/cfg"},
		{"linux", map[string]string{"HOME": "/home/dana", "XDG_CONFIG_HOME": "cfg"}, "/home/dana/.config"},
		{"darwin", map[string]string{"HOME": "/Users/dana"}, "/Users/dana/Library/Application Support"},
		{"darwin", map[string]string{"HOME": "/Users/dana", "XDG_CONFIG_HOME": "/cfg"}, "/cfg"},
		{"windows", map[string]string{"HOME": "/x", "APPDATA": `C:\\Users\\dana`}, `C:\\Users\\dana`},
		{"windows", map[string]string{"HOME": "/x"}, ""},
		{"linux", nil, ""},
		{"darwin", map[string]string{"HOME": ""}, ""},
	} {
		if got := configDir(c.goos, environment(c.env)); got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.goos, c.env, got, c.want)
		}
	}
	// Without a home there is no configuration, and that is no error.
	cfg, err := (&command{env: environment(nil)}).readConfig("", false)
	if err != nil || cfg.path != "" || len(cfg.orgs) > 0 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func FuzzConfig(f *testing.F) {
	for _, text := range []string{"orgs:\n  a: {url: https://a.okta.com, token: x}\ndefault: a", "orgs: {a: &x {}, b: *x}", "protect: [a]", "? [a]\n: b", "---\n---", "a: !!binary x", "<<: {a: b}", "\xff\xfe", "orgs: {1: {}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg := &config{path: "c.yaml", text: []byte(text)}
		if cfg.parse() != nil {
			return
		}
		if cfg.defaultOrg != "" && cfg.org(cfg.defaultOrg) == nil {
			t.Errorf("%q: the default is no org", text)
		}
		for _, o := range cfg.orgs {
			if o.name == "" || o.url == "" || o.token == "" && o.tokenEnv == "" && o.tokenFile == "" {
				t.Errorf("%q: half an org", text)
			}
		}
	})
}

// What is added is there, what is removed is gone, and everything else is as before.
func FuzzConfigEdit(f *testing.F) {
	for _, text := range []string{"", "# a\n", "orgs:\n  a: {url: https://a.okta.com, token: x}\ndefault: a", "orgs: {}", "orgs:", "{}", "# x\n\n# y\norgs:\n  # z\n  b: # c\n    url: https://b.okta.com # d\n    token: 'x: y'\n  # e\n# f\n",
		"orgs:\n  n: {url: https://n.okta.com, token: 007, protect: [\"1\", null]}\n", "default: a\norgs:\n  a: {url: https://a.okta.com, token: \"x\\u00e4\"}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg := &config{path: "c.yaml", text: []byte(text)}
		if cfg.parse() != nil || cfg.org("new") != nil {
			return
		}
		added, err := cfg.changed("new", cfg.adding(orgConfig{name: "new", url: "https://new.whoql.example", token: "00new"}, new(string)))
		if err != nil {
			t.Skip()
		}
		again := &config{path: "c.yaml", text: added}
		if err := again.parse(); err != nil || len(again.orgs) != len(cfg.orgs)+1 || again.org("new").token != "00new" || again.defaultOrg == "" && len(cfg.orgs) < 2 {
			t.Fatalf("%q became %q: %v", text, added, err)
		}
		removed, err := again.changed("new", again.removing("new"))
		if err != nil {
			t.Fatalf("%q became %q, and then %v", text, added, err)
		}
		last := &config{path: "c.yaml", text: removed}
		if err := last.parse(); err != nil || len(last.orgs) != len(cfg.orgs) {
			t.Fatalf("%q became %q and then %q: %v", text, added, removed, err)
		}
	})
}

// Which org is the default, and whose token counts, by the places that name it.
func TestSources(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	three := write("three.yaml", "default: c\norgs:\n  a: {url: https://a.okta.com, token: fileA, read_only: true}\n  b: {url: https://b.okta.com, token: fileB}\n  c: {url: https://c.okta.com, token: fileC}\n")
	none := write("none.yaml", "orgs:\n  a: {url: https://a.okta.com, token: fileA}\n  b: {url: https://b.okta.com, token: fileB}\n")
	one := write("one.yaml", "orgs:\n  x: {url: https://a.okta.com, token: fileA, protect: [root@a.example]}\n")
	preview := write("preview.yaml", "orgs:\n  a: {url: https://a.oktapreview.com, token: fileA}\n")
	yaml := func(url, more string) string {
		return "okta: {client: {orgUrl: '" + url + "', token: yaml" + more + "}}"
	}
	for _, c := range []struct {
		name   string
		env    map[string]string
		config string
		yaml   string
		org    string // --org
		want   string // name=token for each, the default one first; "- " in front if there is none
		err    string
	}{
		{name: "nothing", want: "- "},
		{name: "the environment before the default", env: envOrg("https://A.okta.com/"), config: three, want: "a=env b=fileB c=fileC"},
		{name: "the default", config: three, want: "c=fileC a=fileA b=fileB"},
		{name: "no default", config: none, want: "- a=fileA b=fileB"},
		{name: "no default, and a file of the SDKs", config: none, yaml: yaml("https://z.okta.com", ""), want: "- a=fileA b=fileB z=yaml"},
		{name: "the only org", config: one, want: "x=fileA"},
		{name: "the name of the configuration", env: envOrg("https://a.okta.com"), config: one, want: "x=env"},
		{name: "another org of the environment", env: envOrg("https://e.okta.com"), config: one, want: "e=env x=fileA"},
		{name: "two of one name", env: envOrg("https://a.okta.com"), config: preview, err: "two orgs are called a"},
		{name: "the file of the SDKs alone", yaml: yaml("https://Z.okta.com:443/", ""), want: "z=yaml"},
		{name: "the file of the SDKs has an org of the environment", env: envOrg("https://z.okta.com"), yaml: yaml("https://Z.okta.com:443/", ""), want: "z=env"},
		{name: "the file of the SDKs has an org of the configuration", config: one, yaml: yaml("https://a.okta.com", ""), want: "x=fileA"},
		{name: "the file of the SDKs has another org of the name", config: preview, yaml: yaml("https://a.okta.com", ""), want: "a=fileA a.okta.com=yaml"},
		{name: "the .NET SDK's", yaml: "okta: {client: {oktaDomain: 'https://n.okta.com', token: yaml}}", want: "n=yaml"},
		{name: "no org in it", yaml: "okta: {idx: {issuer: x}}", want: "- "},
		{name: "a placeholder", yaml: yaml("https://{yourOktaDomain}", ""), want: "okta.yaml!the org URL is not a URL"},
		{name: "a placeholder, unused", config: one, yaml: yaml("https://{yourOktaDomain}", ""), want: "x=fileA okta.yaml!the org URL is not a URL"},
		{name: "the admin console", yaml: yaml("https://a-admin.okta.com", ""), want: "okta.yaml!is the admin console"},
		{name: "a key", yaml: yaml("https://z.okta.com", ", authorizationMode: PrivateKey"), want: "z!its authorizationMode is not SSWS"},
		{name: "the usual mode", yaml: yaml("https://z.okta.com", ", authorizationMode: ssws"), want: "z=yaml"},
		{name: "no token", yaml: "okta: {client: {orgUrl: 'https://z.okta.com'}}", want: "z!okta.client.token is not there"},
		{name: "no YAML", yaml: "\t", err: "okta.yaml: this is no valid YAML"},
		{name: "no YAML, unused", config: one, yaml: "\t", want: "x=fileA"},
		{name: "half an environment", env: map[string]string{"OKTA_CLIENT_TOKEN": "env"}, yaml: yaml("https://z.okta.com", ""), err: "OKTA_CLIENT_TOKEN is set, but OKTA_CLIENT_ORGURL is not"},
		{name: "--org", config: three, org: "B", want: "b=fileB a=fileA c=fileC"},
		{name: "--org by host", config: one, org: "a", want: "x=fileA"},
		{name: "--org before the environment", env: envOrg("https://e.okta.com"), config: three, org: "a", want: "a=fileA b=fileB c=fileC e=env"},
		{name: "--org before WHOQL_ORG", env: map[string]string{"WHOQL_ORG": "b"}, config: three, org: "a", want: "a=fileA b=fileB c=fileC"},
		{name: "WHOQL_ORG before the environment", env: envOrg("https://e.okta.com", "WHOQL_ORG", "b"), config: three, want: "b=fileB a=fileA c=fileC e=env"},
		{name: "--org of nobody", config: three, org: "d", err: "--org: no org is called d"},
		{name: "--org of the file of the SDKs", config: one, yaml: yaml("https://z.okta.com", ""), org: "z", want: "z=yaml x=fileA"},
	} {
		values := map[string]string{"HOME": home, "USERPROFILE": home}
		for k, v := range c.env {
			values[k] = v
		}
		os.Remove(filepath.Join(home, ".okta", "okta.yaml"))
		if c.yaml != "" {
			write(".okta/okta.yaml", c.yaml)
		}
		all, first, err := (&command{env: environment(values)}).sources(orgFlags{org: c.org, config: c.config})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for i, s := range all {
			token, err := s.token()
			text := s.name + "=" + token
			if err != nil {
				_, msg, _ := strings.Cut(err.Error(), ": ")
				text = s.name + "!" + msg
			}
			if i == first {
				got = append([]string{text}, got...)
			} else {
				got = append(got, text)
			}
		}
		text := strings.Join(got, " ")
		if first < 0 {
			text = "- " + text
		}
		if want, wrong, ok := strings.Cut(c.want, "!"); text != c.want && (!ok || !strings.HasPrefix(text, want+"!") || !strings.Contains(text, wrong)) {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
	all, _, err := (&command{env: environment(envOrg("https://a.okta.com"))}).sources(orgFlags{config: three})
	if err != nil || !all[0].readOnly || all[0].place != "environment" {
		t.Errorf("an org that the configuration protects isn't protected with another token: %+v, %v", all, err)
	}
}

func envOrg(url string, more ...string) map[string]string {
	values := map[string]string{"OKTA_CLIENT_ORGURL": url, "OKTA_CLIENT_TOKEN": "env"}
	for i := 0; i+1 < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return values
}
