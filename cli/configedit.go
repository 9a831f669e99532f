package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// The changes of the configuration are made in the tree of the YAML text, so that comments and the
// order of things stay; only empty lines get lost. What comes out is read again before it is kept.

// add puts an org behind the others. It returns what else there is to say.
func (cfg *config) add(o orgConfig) (said string, err error) {
	err = cfg.edit(o.name, cfg.adding(o, &said))
	return said, err
}

func (cfg *config) adding(o orgConfig, said *string) func(root *yaml.Node) {
	return func(root *yaml.Node) {
		org := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		put(org, "url", text(o.url))
		if o.tokenEnv != "" {
			put(org, "token_env", text(o.tokenEnv))
		} else {
			put(org, "token", text(o.token))
		}
		if o.readOnly {
			put(org, "read_only", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
		}
		orgs := child(root, "orgs")
		orgs.Style &^= yaml.FlowStyle
		put(orgs, o.name, org)
		// The only org is the default by itself. With a second one there would be none.
		switch {
		case len(cfg.orgs) == 0:
			put(root, "default", text(o.name))
			*said = ", the default one"
		case len(cfg.orgs) == 1 && cfg.defaultOrg == "":
			put(root, "default", text(cfg.orgs[0].name))
			*said = "; the default one is " + cfg.orgs[0].name + ", as before"
		}
	}
}

// remove takes an org out.
func (cfg *config) remove(name string) error {
	if name == cfg.defaultOrg && len(cfg.orgs) > 1 {
		return &usageError{msg: name + " is the default org, and there are others", hint: "choose another one first: whoql orgs default NAME"}
	}
	return cfg.edit(name, cfg.removing(name))
}

func (cfg *config) removing(name string) func(root *yaml.Node) {
	return func(root *yaml.Node) {
		drop(child(root, "orgs"), name)
		if name == cfg.defaultOrg {
			// What stands above the first key is about the file.
			if top := root.Content[0]; top.Value == "default" && len(root.Content) > 2 && root.Content[2].HeadComment == "" {
				root.Content[2].HeadComment = top.HeadComment
			}
			drop(root, "default")
		}
	}
}

// choose makes an org the default.
func (cfg *config) choose(name string) error {
	return cfg.edit("", func(root *yaml.Node) { put(root, "default", text(name)) })
}

// edit changes the file, or makes it. Of the orgs, only the named one may be another one afterwards.
func (cfg *config) edit(name string, change func(root *yaml.Node)) error {
	text, err := cfg.changed(name, change)
	if err != nil {
		return err
	}
	return savePrivate(cfg.path, text)
}

// changed returns the file's text with a change.
func (cfg *config) changed(name string, change func(root *yaml.Node)) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(cfg.text, &doc); err != nil {
		return nil, cfg.errorAt(0, "this is no valid YAML")
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		// Empty, or comments only: those stand above all else then.
		root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		var comments []string
		for line := range strings.Lines(string(cfg.text)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				comments = append(comments, line)
			}
		}
		doc = yaml.Node{Kind: yaml.DocumentNode, HeadComment: strings.Join(comments, "\n"), Content: []*yaml.Node{root}}
	}
	root := doc.Content[0]
	root.Style &^= yaml.FlowStyle
	change(root)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&doc), enc.Close()); err != nil {
		return nil, fmt.Errorf("%s: write: %w", cfg.path, err)
	}
	again := &config{path: cfg.path, text: out.Bytes()}
	if err := again.parse(); err != nil {
		return nil, err
	}
	if !slices.EqualFunc(others(cfg, name), others(again, name), orgConfig.equal) {
		return nil, &usageError{msg: cfg.path + " can't be changed without losing something of it", hint: "nothing was changed; change it by hand"}
	}
	return out.Bytes(), nil
}

// others are the orgs of a file but one.
func others(cfg *config, name string) []orgConfig {
	return slices.DeleteFunc(slices.Clone(cfg.orgs), func(o orgConfig) bool { return o.name == name })
}

// equal reports whether two orgs are the same, wherever they stand.
func (o orgConfig) equal(p orgConfig) bool {
	o.line, p.line = 0, 0
	return reflect.DeepEqual(o, p)
}

// child returns the value of a key that is a mapping, making one if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	have := member(n, key)
	if have == nil || have.Kind != yaml.MappingNode {
		have = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		put(n, key, have)
	}
	return have
}

// put sets a key, behind the others if it isn't there.
func put(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			value.LineComment, value.HeadComment, value.FootComment = n.Content[i+1].LineComment, n.Content[i+1].HeadComment, n.Content[i+1].FootComment
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, text(key), value)
}

func drop(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}

// text is a node of a text. The encoder quotes what would be read as something else.
func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// savePrivate writes a file that is its owner's alone, as a whole or not at all: first under another
// name in the same folder. A symbolic link stays, and what it leads to is replaced.
func savePrivate(path string, data []byte) (err error) {
	if path, err = followLinks(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPattern(path)) // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}
