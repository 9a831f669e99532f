package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/whoql/whoql"
)

// orgFiles keeps what orgs' user schemas say, and how large orgs were, in files that only the user can read, one
// of each kind for each org, in the user's folder for caches. A file that can't be read or written is none: the
// schemas are read from the org again, and EXPLAIN knows no sizes. Each is written under another name first, so that a file is whole, and two
// commands at the same time do no harm.
type orgFiles struct {
	base string // the folder for caches, which need not be there yet
	root string // a folder that has to be there: nothing is created outside of it
}

const maxOrgFile = 16 << 20

// cache gives the options the caches of this user, none if the environment doesn't say where they belong.
func (c *command) cache(o *whoql.Options, goos string) {
	if f := c.orgFiles(goos); f != nil {
		o.Schemas, o.Sizes = f, f
	}
}

func (c *command) orgFiles(goos string) *orgFiles {
	home := homeDir(goos, c.env)
	f := &orgFiles{root: home}
	switch xdg := c.env.get("XDG_CACHE_HOME"); {
	case goos == "windows":
		f.root = c.env.get("LOCALAPPDATA")
		f.base = f.root
	case filepath.IsAbs(xdg):
		f.base, f.root = xdg, filepath.Dir(xdg)
	case goos == "darwin" || goos == "ios":
		f.base = filepath.Join(home, "Library", "Caches")
	default:
		f.base = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(f.root) {
		return nil
	}
	return f
}

// path returns the file of a kind of an org: its host, to be recognised by people, and a part of the hash of its
// URL, to tell apart what looks alike as a name of a file.
func (f *orgFiles) path(kind, orgURL string) string {
	host := "org"
	if u, err := url.Parse(orgURL); err == nil && u.Host != "" {
		host = strings.Map(func(r rune) rune {
			if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
				return r
			}
			return '_'
		}, u.Host)
	}
	sum := sha256.Sum256([]byte(orgURL))
	return filepath.Join(f.base, dirName, fmt.Sprintf("%s-%.100s-%s.json", kind, host, hex.EncodeToString(sum[:4])))
}

// LoadSchemas implements [whoql.SchemaCache].
func (f *orgFiles) LoadSchemas(orgURL string) []byte { return f.load("schemas", orgURL) }

// StoreSchemas implements [whoql.SchemaCache].
func (f *orgFiles) StoreSchemas(orgURL string, text []byte) { f.store("schemas", orgURL, text) }

// LoadSizes implements [whoql.SizeCache].
func (f *orgFiles) LoadSizes(orgURL string) []byte { return f.load("sizes", orgURL) }

// StoreSizes implements [whoql.SizeCache].
func (f *orgFiles) StoreSizes(orgURL string, text []byte) { f.store("sizes", orgURL, text) }

func (f *orgFiles) load(kind, orgURL string) []byte {
	path := f.path(kind, orgURL)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxOrgFile {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}

func (f *orgFiles) store(kind, orgURL string, text []byte) {
	if info, err := os.Stat(f.root); err != nil || !info.IsDir() {
		return
	}
	path := f.path(kind, orgURL)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+kind+"-*.tmp") // mode 0600
	if err != nil {
		return
	}
	_, err = file.Write(text)
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // what is left of it
	}
}
