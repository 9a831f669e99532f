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

// schemaFiles keeps what orgs' user schemas say in files that only the user can read, one for each
// org, in the user's folder for caches. A file that can't be read or written is none: the schemas are
// read from the org again. Each is written under another name first, so that a file is whole, and two
// commands at the same time do no harm.
type schemaFiles struct {
	base string // the folder for caches, which need not be there yet
	root string // a folder that has to be there: nothing is created outside of it
}

const maxSchemaFile = 16 << 20

// schemaCache returns the cache of this user, nil if the environment doesn't say where it belongs.
func (c *command) schemaCache(goos string) whoql.SchemaCache {
	home := homeDir(goos, c.env)
	f := &schemaFiles{root: home}
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

// path returns the file of an org: its host, to be recognised by people, and a part of the hash of its
// URL, to tell apart what looks alike as a name of a file.
func (f *schemaFiles) path(orgURL string) string {
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
	return filepath.Join(f.base, dirName, fmt.Sprintf("schemas-%.100s-%s.json", host, hex.EncodeToString(sum[:4])))
}

// LoadSchemas implements [whoql.SchemaCache].
func (f *schemaFiles) LoadSchemas(orgURL string) []byte {
	path := f.path(orgURL)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSchemaFile {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}

// StoreSchemas implements [whoql.SchemaCache].
func (f *schemaFiles) StoreSchemas(orgURL string, text []byte) {
	if info, err := os.Stat(f.root); err != nil || !info.IsDir() {
		return
	}
	path := f.path(orgURL)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".schemas-*.tmp") // mode 0600
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
