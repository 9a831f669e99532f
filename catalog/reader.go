package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A reader reads one YAML file by its nodes, since only they have lines. It keeps the first mistake
// it meets; all that comes after is read, and ignored.
type reader struct {
	file string
	root *yaml.Node
	err  error
	// at is where a *Column or *Method was read, for checks that need the whole resource.
	at map[any]object
}

// open reads a file that holds exactly one YAML document.
func open(fsys fs.FS, file string) (*reader, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	r := &reader{file: file, at: make(map[any]object)}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: file is empty", file)
	case err != nil:
		return nil, r.syntaxError(err)
	}
	switch err := d.Decode(&next); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document begins; a file has one", file, next.Line)
	case !errors.Is(err, io.EOF):
		return nil, r.syntaxError(err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("%s:1: file is empty", file)
	}
	r.root = doc.Content[0]
	return r, nil
}

// syntaxError puts the line of the YAML package's "yaml: line 7: text" where ours has it. An error
// without a line is on the first one, or about the bytes as such, such as their encoding.
func (r *reader) syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, message, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, text = n, message
			if slices.Contains(countedFromZero, text) {
				line++
			}
		}
	}
	return fmt.Errorf("%s:%d: not YAML: %s", r.file, line, text)
}

// countedFromZero are the errors of the YAML package's parser. It counts lines from 0 for them, and
// from 1 for those of its scanner.
var countedFromZero = []string{
	"did not find expected <document start>",
	"did not find expected node content",
	"did not find expected '-' indicator",
	"did not find expected key",
	"did not find expected ',' or ']'",
	"did not find expected ',' or '}'",
	"found undefined tag handle",
}

// fail records a mistake at n, unless there was one before.
func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s:%d: %s", r.file, max(n.Line, 1), fmt.Sprintf(format, args...))
	}
}

// An object is a YAML mapping. Its methods read one key each and fail in its name.
type object struct {
	reader  *reader
	node    *yaml.Node
	subject string // how errors call it: `field "status"`
	key     string // its name: "status"
	values  map[string]*yaml.Node
}

// object reads a mapping that has no other keys than the known ones, and none twice.
func (r *reader) object(n *yaml.Node, subject string, known ...string) object {
	o := object{reader: r, node: n, subject: subject, values: make(map[string]*yaml.Node)}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: must have keys and values", subject)
		return o
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name, ok := plainText(k)
		switch {
		case !ok || !slices.Contains(known, name):
			r.fail(k, "%s: key %q is not known%s", subject, k.Value, meant(k.Value, known))
		case o.values[name] != nil:
			r.fail(k, "%s: key %q is there twice", subject, name)
		case v.Kind == yaml.AliasNode:
			r.fail(v, "%s: %s: aliases are not allowed", subject, name)
		}
		o.values[name] = v
	}
	return o
}

func meant(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// named returns o with the value of key in its subject, so that errors say which one they mean.
func (o object) named(key string) object {
	if v := o.values[key]; v != nil && v.Kind == yaml.ScalarNode {
		o.key = v.Value
		o.subject = fmt.Sprintf("%s %q", o.subject, v.Value)
	}
	return o
}

// fail records a mistake at the value of key, or at o if it has none.
func (o object) fail(key, format string, args ...any) {
	n := o.node
	if v := o.values[key]; v != nil {
		n = v
	}
	o.reader.fail(n, "%s: %s", o.subject, fmt.Sprintf(format, args...))
}

func (o object) failHere(format string, args ...any) { o.fail("", format, args...) }

// belongs fails if key is there and shouldn't be.
func (o object) belongs(key string, should bool) {
	if o.values[key] != nil && !should {
		o.fail(key, "%s doesn't belong here", key)
	}
}

// plainText returns a scalar's text; ok is false for null, numbers and booleans, which have to be
// quoted where text is meant.
func plainText(n *yaml.Node) (text string, ok bool) {
	return n.Value, n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str"
}

// optional reads text, "" if the key is missing.
func (o object) optional(key string) string {
	n := o.values[key]
	if n == nil {
		return ""
	}
	text, ok := plainText(n)
	if text = strings.TrimSpace(text); !ok || text == "" {
		o.fail(key, "%s must be text", key)
	}
	return text
}

// text reads text that has to be there.
func (o object) text(key string) string {
	if o.values[key] == nil {
		o.fail(key, "%s is missing", key)
	}
	return o.optional(key)
}

// name reads an identifier, whose case is kept.
func (o object) name(key string) string {
	name := o.text(key)
	if strings.IndexFunc(name, func(c rune) bool { return !isNameRune(c) }) >= 0 {
		o.fail(key, "%s %q may have ASCII letters, digits and _ only", key, name)
	}
	return name
}

func isNameRune(c rune) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// oneOf reads text that is one of the given words.
func (o object) oneOf(key string, words []string) string {
	text := o.text(key)
	if !slices.Contains(words, text) {
		o.fail(key, "%s %q is not one of %s", key, text, strings.Join(words, ", "))
	}
	return text
}

// flag reads true or false, false if the key is missing.
func (o object) flag(key string) bool {
	n := o.values[key]
	if n == nil {
		return false
	}
	var v bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&v) != nil {
		o.fail(key, "%s must be true or false", key)
	}
	return v
}

// number reads an integer that has to be there.
func (o object) number(key string) int {
	n := o.values[key]
	if n == nil {
		o.fail(key, "%s is missing", key)
		return 0
	}
	var v int
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil {
		o.fail(key, "%s must be a whole number", key)
	}
	return v
}

// count reads an integer from 1 to most, 0 if the key is missing.
func (o object) count(key string, most int) int {
	if o.values[key] == nil {
		return 0
	}
	n := o.number(key)
	if n < 1 || n > most {
		o.fail(key, "%s must be from 1 to %d", key, most)
	}
	return n
}

// list reads a sequence, nil if the key is missing. An empty one is a mistake: leave the key out.
func (o object) list(key string) []*yaml.Node {
	n := o.values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		o.fail(key, "%s must be a list, and not an empty one", key)
		return nil
	}
	return n.Content
}

// words reads a list of different texts.
func (o object) words(key string) []string {
	var words []string
	for _, n := range o.list(key) {
		text, ok := plainText(n)
		switch text = strings.TrimSpace(text); {
		case !ok || text == "":
			o.reader.fail(n, "%s: %s must be a list of texts", o.subject, key)
		case slices.Contains(words, text):
			o.reader.fail(n, "%s: %s has %q twice", o.subject, key, text)
		}
		words = append(words, text)
	}
	return words
}

// objects reads a list of mappings with different names; noun is what errors call one of them.
func (o object) objects(key, noun string, known ...string) []object {
	var list []object
	seen := make(map[string]bool)
	for _, n := range o.list(key) {
		e := o.reader.object(n, noun, known...).named("name")
		if seen[fold(e.key)] && e.key != "" {
			e.failHere("the name is taken")
		}
		seen[fold(e.key)] = true
		list = append(list, e)
	}
	return list
}
