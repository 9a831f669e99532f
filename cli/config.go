package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v3"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
)

// A config is whoql's configuration file.
type config struct {
	path       string // where it is, or would be; "" where no place is known
	found      bool   // there is such a file
	defaultOrg string // the name of an org below; "" if the file names none
	orgs       []orgConfig
	text       []byte // as it was read
}

// An orgConfig is one org of the file. Exactly one of token, tokenEnv and tokenFile is there.
type orgConfig struct {
	name, url string
	token     string
	tokenEnv  string // the name of a variable
	tokenFile string // a path, relative to the file's folder or below ~/
	readOnly  bool
	protect   []string // logins that changes must leave alone, those of the whole file included
	line      int
}

const (
	maxConfig = 1 << 20 // bytes
	dirName   = "whoql"
	fileName  = "config.yaml"
)

// configDir is the user's folder for configuration on an operating system, "" if the environment
// does not say where it is.
func configDir(goos string, env LookupEnv) string {
	if goos == "windows" {
		return env.get("APPDATA")
	}
	// By the XDG specification a relative path there counts for nothing.
	if dir := env.get("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home := env.get("HOME")
	switch {
	case home == "":
		return ""
	case goos == "darwin" || goos == "ios":
		return filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(home, ".config")
}

// homeDir is the user's home, "" if the environment does not say where it is.
func homeDir(goos string, env LookupEnv) string {
	if goos == "windows" {
		return env.get("USERPROFILE")
	}
	return env.get("HOME")
}

// configPath says where the configuration file is: where --config says, WHOQL_CONFIG, or in the user's
// folder. named: somebody said so, and it has to be there.
func (c *command) configPath(flag string) (path string, named bool) {
	if flag != "" {
		return flag, true
	}
	if path := c.env.get("WHOQL_CONFIG"); path != "" {
		return path, true
	}
	if dir := configDir(runtime.GOOS, c.env); dir != "" {
		return filepath.Join(dir, dirName, fileName), false
	}
	return "", false
}

// readConfig reads the configuration file. Without one, the configuration is empty, unless somebody
// named the file and create is false.
func (c *command) readConfig(flag string, create bool) (*config, error) {
	path, named := c.configPath(flag)
	cfg := &config{path: path}
	if path == "" {
		return cfg, nil
	}
	text, mode, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) && (!named || create) {
		return cfg, nil
	}
	if err != nil {
		return nil, &usageError{msg: "the configuration can't be read: " + err.Error(), hint: "--config and WHOQL_CONFIG say which file it is"}
	}
	cfg.found, cfg.text = true, text
	if err := cfg.parse(); err != nil {
		return nil, err
	}
	if err := checkMode(path, mode, cfg.secret()); err != nil {
		return nil, err
	}
	return cfg, nil
}

// secret reports whether the file has a token in it.
func (cfg *config) secret() bool {
	return slices.ContainsFunc(cfg.orgs, func(o orgConfig) bool { return o.token != "" })
}

func (cfg *config) org(name string) *orgConfig {
	for i := range cfg.orgs {
		if strings.EqualFold(cfg.orgs[i].name, name) {
			return &cfg.orgs[i]
		}
	}
	return nil
}

// readSmall reads a file of at most maxConfig bytes, and says who may do what with it.
func readSmall(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a folder")}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("is larger than 1 MiB")}
	}
	return text, info.Mode().Perm(), err
}

// checkMode refuses a file that others can read although it has secrets, or that others can change:
// who changes an org's URL gets its token. On Windows, where modes say nothing, it refuses none.
func checkMode(path string, mode fs.FileMode, secret bool) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	problem := ""
	switch {
	case secret && mode&0o077 != 0:
		problem = "has secrets and isn't yours alone"
	case mode&0o022 != 0:
		problem = "can be changed by others"
	default:
		return nil
	}
	return &usageError{msg: fmt.Sprintf("%s %s (its mode is %04o)", path, problem, mode), hint: "run: chmod 600 " + shellQuote(path)}
}

// checkFolder refuses a folder of the journal that others can write to: they could put another journal in its
// place. One that isn't there yet will be made.
func checkFolder(path string) error {
	info, err := os.Stat(path)
	if runtime.GOOS == "windows" || err != nil || !info.IsDir() || info.Mode()&0o022 == 0 {
		return nil
	}
	return &notApprovedError{msg: fmt.Sprintf("%s can be changed by others (its mode is %04o), and the journal of changes is in it: nothing was done", path, info.Mode().Perm()),
		hint: "run: chmod go-w " + shellQuote(path) + "; or set WHOQL_STATE to another folder"}
}

// shellQuote quotes a text for a shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

var orgNamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

const orgNameRule = "an org's name is of letters, digits, '.', '_' and '-', at most 63 of them"

// A configError is something wrong at a line of the file. It never repeats a value: that may be a token.
func (cfg *config) errorAt(line int, format string, args ...any) error {
	return configError(cfg.path, line, fmt.Sprintf(format, args...))
}

func configError(path string, line int, msg string) error {
	place := path
	if line > 0 {
		place = fmt.Sprintf("%s:%d", path, line)
	}
	return &usageError{msg: place + ": " + msg, hint: "docs/sql.md shows a whole configuration"}
}

// yamlLine finds the line in an error of the YAML reader. Nothing else of it is shown: it may quote
// what stands in the file.
var yamlLine = regexp.MustCompile(`line (\d+)`)

// parseYAML reads a file of one document and returns its root, nil if there is none.
func parseYAML(path string, text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	if err == io.EOF {
		return nil, nil
	}
	if err == nil {
		if e := d.Decode(&second); e == nil {
			return nil, configError(path, second.Line, "a second document begins here: one is all that is read")
		} else if e != io.EOF {
			err = e
		}
	}
	if err != nil {
		msg := "this is no valid YAML"
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			msg += ", at line " + m[1] + " or the one before it"
		}
		return nil, configError(path, 0, msg+"; texts with special characters go in quotes")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// harmless is a key that may be shown in a message: no token looks like it.
var harmless = regexp.MustCompile(`^[A-Za-z_]{1,20}$`)

// keys calls each with every key and value of a mapping. Keys that stand there twice are errors; each
// returns false for one that it doesn't know.
func (cfg *config) keys(n *yaml.Node, what string, known []string, each func(key, value *yaml.Node) (bool, error)) error {
	if n.Kind != yaml.MappingNode {
		return cfg.errorAt(n.Line, "%s must have keys and values, each on a line: %s", what, strings.Join(known, ", "))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || v.Kind == yaml.AliasNode {
			return cfg.errorAt(k.Line, "aliases and keys that aren't texts are not read")
		}
		ok, err := each(k, v)
		if err != nil {
			return err
		}
		name := "key"
		if harmless.MatchString(k.Value) {
			name = "key " + k.Value
		}
		if !ok {
			hint := "there are: " + strings.Join(known, ", ")
			if near := catalog.Nearest(k.Value, known); near != "" {
				hint = "did you mean " + near + "?"
			}
			return cfg.errorAt(k.Line, "unknown %s in %s; %s", name, what, hint)
		}
		if id := strings.ToLower(k.Value); seen[id] {
			return cfg.errorAt(k.Line, "the %s stands in %s twice", name, what)
		} else {
			seen[id] = true
		}
	}
	return nil
}

// line returns a value that must be a text of one line.
func (cfg *config) line(v *yaml.Node, what string) (string, error) {
	if v.Kind != yaml.ScalarNode || v.Tag == "!!null" || strings.TrimSpace(v.Value) == "" {
		return "", cfg.errorAt(v.Line, "%s must be a text", what)
	}
	if strings.ContainsFunc(v.Value, unicode.IsControl) {
		return "", cfg.errorAt(v.Line, "%s must be a text of one line", what)
	}
	return strings.TrimSpace(v.Value), nil
}

// logins returns a list of logins.
func (cfg *config) logins(v *yaml.Node, what string) ([]string, error) {
	if v.Kind != yaml.SequenceNode {
		return nil, cfg.errorAt(v.Line, "%s must be a list of logins: [dana@acme.com, …]", what)
	}
	var out []string
	for _, item := range v.Content {
		login, err := cfg.line(item, "a login in "+what)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(have string) bool { return strings.EqualFold(have, login) }) {
			return nil, cfg.errorAt(item.Line, "a login stands in %s twice", what)
		}
		out = append(out, login)
	}
	return out, nil
}

// parse reads cfg.text.
func (cfg *config) parse() error {
	root, err := parseYAML(cfg.path, cfg.text)
	if err != nil || root == nil || root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return err
	}
	var protect []string
	defaultLine := 0
	err = cfg.keys(root, "the configuration", []string{"default", "protect", "orgs"}, func(k, v *yaml.Node) (_ bool, err error) {
		switch k.Value {
		case "default":
			defaultLine = v.Line
			cfg.defaultOrg, err = cfg.line(v, "default")
		case "protect":
			protect, err = cfg.logins(v, "protect")
		case "orgs":
			err = cfg.parseOrgs(v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	for i := range cfg.orgs {
		cfg.orgs[i].protect = slices.Concat(protect, cfg.orgs[i].protect)
	}
	if cfg.defaultOrg != "" {
		o := cfg.org(cfg.defaultOrg)
		if o == nil {
			return cfg.errorAt(defaultLine, "default names no org of this file")
		}
		cfg.defaultOrg = o.name
	}
	return nil
}

func (cfg *config) parseOrgs(v *yaml.Node) error {
	if v.Kind == yaml.ScalarNode && v.Tag == "!!null" {
		return nil // the last org was removed
	}
	return cfg.keys(v, "orgs", []string{"the names of orgs"}, func(k, v *yaml.Node) (bool, error) {
		if !orgNamePattern.MatchString(k.Value) {
			return true, cfg.errorAt(k.Line, "%s", orgNameRule)
		}
		o := orgConfig{name: k.Value, line: k.Line}
		if err := cfg.parseOrg(&o, v); err != nil {
			return true, err
		}
		cfg.orgs = append(cfg.orgs, o)
		return true, nil
	})
}

func (cfg *config) parseOrg(o *orgConfig, v *yaml.Node) error {
	known := []string{"url", "token", "token_env", "token_file", "read_only", "protect"}
	tokens := 0
	err := cfg.keys(v, "org "+o.name, known, func(k, v *yaml.Node) (_ bool, err error) {
		if strings.HasPrefix(k.Value, "token") {
			tokens++
		}
		switch k.Value {
		case "url":
			o.url, err = cfg.line(v, "url")
		case "token":
			o.token, err = cfg.line(v, "token")
		case "token_env":
			o.tokenEnv, err = cfg.line(v, "token_env")
		case "token_file":
			o.tokenFile, err = cfg.line(v, "token_file")
		case "read_only":
			if v.Kind != yaml.ScalarNode || v.Tag != "!!bool" || v.Decode(&o.readOnly) != nil {
				err = cfg.errorAt(v.Line, "read_only must be true or false")
			}
		case "protect":
			o.protect, err = cfg.logins(v, "protect")
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
		return err
	case o.url == "":
		return cfg.errorAt(o.line, "org %s has no url, such as https://%s.okta.com", o.name, strings.ToLower(o.name))
	case tokens != 1:
		return cfg.errorAt(o.line, "org %s needs one of token, token_env and token_file", o.name)
	}
	token := cmp.Or(o.token, "00no")
	client, err := okta.New(o.url, okta.Token(token), okta.Options{})
	if err != nil {
		return cfg.errorAt(o.line, "org %s: %s", o.name, strings.TrimPrefix(err.Error(), "okta: "))
	}
	o.url = client.URL()
	for _, have := range cfg.orgs {
		if have.url == o.url {
			return cfg.errorAt(o.line, "org %s has the url of org %s, and would answer twice", o.name, have.name)
		}
	}
	return nil
}
