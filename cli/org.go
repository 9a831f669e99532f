package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// The sandbox that --sandbox starts.
const (
	sandboxName  = "sandbox"
	sandboxUsers = 1000
	sandboxSeed  = 1
)

const noOrgHint = "whoql orgs add NAME asks for an org's URL and token; or set OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN; or try --sandbox"

const noDefaultHint = "choose one for this call with --org NAME or WHOQL_ORG, or for good with whoql orgs default NAME"

// orgFlags are the flags that say which orgs there are.
type orgFlags struct {
	org    string // the name of the default org
	config string // the path of the configuration
}

func (f *orgFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.org, "org", "", "ask the org `NAME` where a statement names none with subdomain")
	f.addConfig(fs)
}

func (f *orgFlags) addConfig(fs *pflag.FlagSet) {
	fs.StringVar(&f.config, "config", "", "read the configuration from this `FILE`")
}

// An orgSet is the orgs of a call, the default one first.
type orgSet struct {
	orgs      []whoql.Org
	noDefault bool // the first one is not the default: none is
	close     func() error
}

// A source is an org as one place gives it: its URL and token come from there together, and never one
// from here and the other from there, since that would send a token to another host.
type source struct {
	name, url string
	place     string // for people
	readOnly  bool
	protect   []string
	token     func() (string, error)
}

// host is what tells orgs apart: two sources of one host are the same org.
func (s source) host() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// orgsOf returns the orgs that a call is about: the sandbox, if that is asked for, or else your own.
func (c *command) orgsOf(f orgFlags, s sandboxFlag, o okta.Options) (*orgSet, error) {
	if s.on {
		return c.sandbox(f.org, s.file, o)
	}
	return c.orgs(f, o)
}

// orgs returns the orgs that the environment, the configuration and the file of Okta's SDKs name.
// Nothing is connected to before a statement needs it. o are the clients' options.
func (c *command) orgs(f orgFlags, o okta.Options) (*orgSet, error) {
	sources, first, err := c.sources(f)
	if err != nil {
		return nil, err
	}
	set := &orgSet{noDefault: first < 0}
	if first > 0 {
		chosen := sources[first]
		sources = slices.Insert(slices.Delete(sources, first, first+1), 0, chosen)
	}
	o.Proxy = c.proxy()
	var mu sync.Mutex
	var clients []*okta.Client
	for _, s := range sources {
		connect := sync.OnceValues(func() (*okta.Client, error) {
			client, err := s.connect(o, len(sources) > 1)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				clients = append(clients, client)
			}
			return client, err
		})
		set.orgs = append(set.orgs, whoql.Org{Name: s.name, URL: s.url, ReadOnly: s.readOnly, Protect: s.protect, Source: s.place, Connect: connect})
	}
	set.close = func() error {
		mu.Lock()
		defer mu.Unlock()
		var errs []error
		for _, client := range clients {
			errs = append(errs, client.Close())
		}
		return errors.Join(errs...)
	}
	return set, nil
}

// connect makes the client. named: waits say which org they are for.
func (s source) connect(o okta.Options, named bool) (*okta.Client, error) {
	token, err := s.token()
	if err != nil {
		return nil, err
	}
	o.ReadOnly = o.ReadOnly || s.readOnly
	if report := o.OnWait; named && report != nil {
		o.OnWait = func(w okta.Wait) {
			w.Operation = s.name + ": " + w.Operation
			report(w)
		}
	}
	client, err := okta.New(s.url, okta.Token(token), o)
	if err != nil {
		return nil, &usageError{msg: err.Error(), hint: "the org comes from: " + s.place}
	}
	return client, nil
}

// sources returns the orgs of all places, and which one is the default; -1: none. Where two places
// have the same org, it is the environment's before the configuration's before the SDKs' file's, and
// what the configuration says of it, its name and whether it may be changed, holds all the same.
func (c *command) sources(f orgFlags) (all []source, first int, err error) {
	env, err := c.orgFromEnv()
	if err != nil {
		return nil, 0, err
	}
	cfg, err := c.readConfig(f.config, false)
	if err != nil {
		return nil, 0, err
	}
	first = -1
	fromEnv := -1
	for _, o := range cfg.orgs {
		s := source{name: o.name, url: o.url, place: cfg.path, readOnly: o.readOnly, protect: o.protect, token: c.tokenOf(cfg, o)}
		if strings.EqualFold(o.name, cfg.defaultOrg) || len(cfg.orgs) == 1 {
			first = len(all)
		}
		if env != nil && env.host() == s.host() {
			s.url, s.place, s.token = env.url, env.place, env.token
			fromEnv = len(all)
		}
		all = append(all, s)
	}
	switch {
	case fromEnv >= 0:
		first = fromEnv
	case env != nil:
		if i := byName(all, env.name); i >= 0 {
			return nil, 0, &usageError{msg: fmt.Sprintf("two orgs are called %s: the environment's, %s, and %s of %s", env.name, env.url, all[i].url, cfg.path),
				hint: "give the one in the configuration another name, or unset " + orgVariables}
		}
		first = len(all)
		all = append(all, *env)
	}
	yaml, err := c.readOktaYAML()
	if err != nil && len(all) == 0 {
		return nil, 0, err
	}
	// Otherwise a file that can't be read is left alone: it is for others, and who names an org
	// elsewhere doesn't need it.
	if err == nil && yaml != nil && !slices.ContainsFunc(all, func(s source) bool { return s.host() == yaml.host() }) {
		if byName(all, yaml.name) >= 0 {
			yaml.name = yaml.host()
		}
		if byName(all, yaml.name) < 0 {
			if len(all) == 0 {
				first = 0
			}
			all = append(all, *yaml)
		}
	}
	for _, by := range []struct{ what, name string }{{"--org", f.org}, {"WHOQL_ORG", c.env.get("WHOQL_ORG")}} {
		if by.name == "" {
			continue
		}
		if first = byName(all, by.name); first < 0 {
			first = byLabel(all, by.name)
		}
		if first < 0 {
			return nil, 0, &usageError{msg: fmt.Sprintf("%s: no org is called %s", by.what, by.name), hint: knownOrgs(all, by.name)}
		}
		break
	}
	return all, first, nil
}

// knownOrgs says which orgs there are, where there is none of a name.
func knownOrgs(all []source, name string) string {
	if len(all) == 0 {
		return noOrgHint
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	hint := "the orgs are: " + strings.Join(names, ", ")
	if near := catalog.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return hint
}

func byName(all []source, name string) int {
	return slices.IndexFunc(all, func(s source) bool { return strings.EqualFold(s.name, name) })
}

// byLabel returns the only org whose host is called so; -1 for none.
func byLabel(all []source, name string) int {
	found := -1
	for i, s := range all {
		if strings.EqualFold(okta.OrgName(s.host()), name) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// tokenOf returns a function that gets the token of an org of the configuration.
func (c *command) tokenOf(cfg *config, o orgConfig) func() (string, error) {
	return func() (string, error) {
		switch {
		case o.tokenEnv != "":
			if token := c.env.get(o.tokenEnv); token != "" {
				return token, nil
			}
			return "", &usageError{msg: fmt.Sprintf("org %s: the variable %s of its token_env is not set", o.name, o.tokenEnv), hint: "set it, or change " + cfg.path}
		case o.tokenFile != "":
			return c.tokenFrom(cfg, o)
		}
		return o.token, nil
	}
}

// tokenFrom reads a token's file.
func (c *command) tokenFrom(cfg *config, o orgConfig) (string, error) {
	path := o.tokenFile
	if rest, ok := strings.CutPrefix(filepath.ToSlash(path), "~/"); ok {
		home := homeDir(runtime.GOOS, c.env)
		if home == "" {
			return "", &usageError{msg: fmt.Sprintf("org %s: its token_file is below ~, and no home is known", o.name), hint: "set HOME, or write the whole path"}
		}
		path = filepath.Join(home, rest)
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(cfg.path), path)
	}
	text, mode, err := readSmall(path)
	if err != nil {
		return "", &usageError{msg: fmt.Sprintf("org %s: its token can't be read: %v", o.name, err)}
	}
	if err := checkMode(path, mode, true); err != nil {
		return "", err
	}
	return string(text), nil
}

const orgVariables = "OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN, or OKTA_ORG_NAME, OKTA_BASE_URL and OKTA_API_TOKEN"

// orgFromEnv reads the variables of Okta's SDKs, or those of its Terraform provider; nil if none is
// set. Half a set is an error, and so are two sets that name different orgs: the wrong org must not
// answer. What it returns can be connected to.
func (c *command) orgFromEnv() (*source, error) {
	sdk, err := c.set("OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN")
	if err != nil {
		return nil, err
	}
	parts, err := c.set("OKTA_ORG_NAME", "OKTA_BASE_URL", "OKTA_API_TOKEN")
	if err != nil {
		return nil, err
	}
	if parts != nil {
		other := []string{"https://" + parts[0] + "." + strings.TrimPrefix(parts[1], "https://"), parts[2]}
		if sdk != nil && !strings.EqualFold(strings.TrimSuffix(sdk[0], "/"), strings.TrimSuffix(other[0], "/")) {
			return nil, &usageError{msg: fmt.Sprintf("the environment names two orgs: %s and %s", withoutUser(sdk[0]), withoutUser(other[0])), hint: "unset one of " + orgVariables}
		}
		if sdk == nil {
			sdk = other
		}
	}
	if sdk == nil {
		return nil, nil
	}
	client, err := okta.New(sdk[0], okta.Token(sdk[1]), okta.Options{})
	if err != nil {
		return nil, &usageError{msg: err.Error(), hint: "the org comes from the environment: " + orgVariables}
	}
	return &source{name: okta.OrgName(client.Host()), url: client.URL(), place: "environment", token: func() (string, error) { return sdk[1], nil }}, nil
}

// set returns the values of variables that belong together: all of them, or nil if none is set.
func (c *command) set(names ...string) ([]string, error) {
	var values, have, want []string
	for _, name := range names {
		if v := c.env.get(name); v != "" {
			values, have = append(values, v), append(have, name)
		} else {
			want = append(want, name)
		}
	}
	if len(have) > 0 && len(want) > 0 {
		return nil, &usageError{msg: strings.Join(have, " and ") + " is set, but " + strings.Join(want, " and ") + " is not", hint: "an org needs " + orgVariables}
	}
	return values, nil
}

// withoutUser returns a URL's scheme and host: somebody may have put a secret in front of the host.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "a URL that can't be read"
	}
	return u.Scheme + "://" + u.Host
}

// proxy finds proxies by the usual variables: HTTPS_PROXY and NO_PROXY, in either case.
func (c *command) proxy() func(*http.Request) (*url.URL, error) {
	get := func(name string) string {
		if v := c.env.get(name); v != "" {
			return v
		}
		return c.env.get(strings.ToLower(name))
	}
	config := httpproxy.Config{HTTPSProxy: get("HTTPS_PROXY"), NoProxy: get("NO_PROXY")}
	find := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return find(r.URL) }
}

// sandbox starts an org on a loopback port: in memory, or if there is a file, in that. It has a name of its
// own if name is empty. Closing the set ends it.
func (c *command) sandbox(name, file string, o okta.Options) (*orgSet, error) {
	org := oktatest.Options{Users: sandboxUsers, Seed: sandboxSeed, Today: time.Now()}
	if file != "" {
		org.Owner = true // as whoql sandbox has it, which may open the file next
		inFile(&org, file, false, false)
	}
	server, err := oktatest.Serve(org)
	if err != nil {
		return nil, fileError(err)
	}
	client, err := okta.New(server.URL, okta.Token(server.Token), o)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	if name == "" {
		name = sandboxName
	}
	stop := func() error { return errors.Join(client.Close(), server.Close()) }
	return &orgSet{orgs: []whoql.Org{{Name: name, Client: client, AnyName: true, Source: sandboxSource(file)}}, close: stop}, nil
}

// sandboxSource says where the org of --sandbox comes from.
func sandboxSource(file string) string {
	if file == "" {
		return sandboxPlace
	}
	if path, err := filepath.Abs(file); err == nil {
		file = path
	}
	return sandboxPlace + "=" + file
}

const sandboxPlace = "--sandbox"
