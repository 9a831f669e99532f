package cli

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/whoql/whoql/okta"
)

// oktaYAML is what whoql takes from ~/.okta/okta.yaml, the file of Okta's own SDKs.
type oktaYAML struct {
	path  string
	token string
	mode  string // authorizationMode; "" is SSWS
	perm  fs.FileMode
	// secret: something in it lets others in.
	secret bool
}

// readOktaYAML returns the org in the file of Okta's SDKs, nil if there is no file or it names none.
// The keys that whoql has no use for are left alone: the file isn't its own. What is wrong with the org
// is an error when it is asked.
func (c *command) readOktaYAML() (*source, error) {
	home := homeDir(runtime.GOOS, c.env)
	if home == "" {
		return nil, nil
	}
	y := &oktaYAML{path: filepath.Join(home, ".okta", "okta.yaml")}
	text, perm, err := readSmall(y.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &usageError{msg: "the file of Okta's SDKs can't be read: " + err.Error()}
	}
	y.perm = perm
	root, err := parseYAML(y.path, text)
	if err != nil {
		return nil, err
	}
	client := member(member(root, "okta"), "client")
	orgURL := scalar(member(client, "orgUrl"))
	if orgURL == "" {
		orgURL = scalar(member(client, "oktaDomain")) // the .NET SDK's word
	}
	if orgURL == "" {
		return nil, nil
	}
	y.token = scalar(member(client, "token"))
	y.mode = scalar(member(client, "authorizationMode"))
	y.secret = y.token != "" || member(client, "privateKey") != nil
	probe, err := okta.New(orgURL, okta.Token("00no"), okta.Options{})
	if err != nil {
		bad := &usageError{msg: y.path + ": " + strings.TrimPrefix(err.Error(), "okta: ")}
		return &source{name: "okta.yaml", place: y.path, token: func() (string, error) { return "", bad }}, nil
	}
	return &source{name: okta.OrgName(probe.Host()), url: probe.URL(), place: y.path, token: y.credential}, nil
}

// credential returns the token, or why there is none that whoql can use.
func (y *oktaYAML) credential() (string, error) {
	if err := checkMode(y.path, y.perm, y.secret); err != nil {
		return "", err
	}
	switch {
	case y.mode != "" && !strings.EqualFold(y.mode, "SSWS"):
		return "", &usageError{msg: y.path + ": its authorizationMode is not SSWS, which is the only one that whoql knows", hint: "use an API token: whoql orgs add NAME"}
	case y.token == "":
		return "", &usageError{msg: y.path + ": okta.client.token is not there", hint: "whoql takes URL and token from one place only; whoql orgs add NAME asks for both"}
	}
	return y.token, nil
}

// member returns the value of a mapping's key, nil if there is none.
func member(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			if v := n.Content[i+1]; v.Kind == yaml.AliasNode {
				return v.Alias
			} else {
				return v
			}
		}
	}
	return nil
}

// scalar returns a node's text, "" if it has none.
func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}
