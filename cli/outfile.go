package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// endings are the formats that a file's ending means.
var endings = []struct{ ending, format string }{
	{".json", "json"}, {".jsonl", "jsonl"}, {".ndjson", "jsonl"}, {".csv", "csv"}, {".tsv", "tsv"}, {".md", "markdown"}, {".txt", "table"},
}

// formatOf returns the format that a file's ending means.
func formatOf(path string) (string, error) {
	for _, e := range endings {
		if strings.EqualFold(filepath.Ext(path), e.ending) {
			return e.format, nil
		}
	}
	return "", &usageError{msg: fmt.Sprintf("--out %s: the ending doesn't say which format to write", path), hint: "the endings are " + endingList() + "; for another one say the format with -o"}
}

func endingList() string {
	var all []string
	for _, e := range endings {
		all = append(all, e.ending)
	}
	return strings.Join(all, " ")
}

// An outFile is the file of --out. What is written goes to a temporary file beside it, which takes the
// file's place in the end, by commit, or is removed, by abort: so that a file of that name is whole. Only
// what isn't a file, such as a named pipe, is written to directly. It may be used concurrently.
type outFile struct {
	path   string // with symbolic links followed
	direct bool
	mode   fs.FileMode
	old    os.FileInfo // of the file whose place it takes, nil if there is none

	f     *os.File
	mu    sync.Mutex
	ended bool // committed or aborted
}

// createOut prepares for writing a file. Every error is a *usageError: nothing was sent yet.
func createOut(path string) (*outFile, error) {
	fail := func(err error, hint string) (*outFile, error) {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, &usageError{msg: fmt.Sprintf("--out %s: %v", path, err), hint: hint}
	}
	if openStream(path) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return fail(err, "")
		}
		return &outFile{path: path, f: f, direct: true}, nil
	}
	target, err := followLinks(path)
	if err != nil {
		return fail(err, "")
	}
	o := &outFile{path: target, mode: 0o600}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir():
		return fail(errors.New("is a directory"), "give the name of a file in it, such as "+filepath.Join(path, "users.csv"))
	case err == nil:
		// Whether it may be written to, and isn't locked by another program.
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return fail(err, "is it read-only, or open in another program?")
		}
		if o.direct = !info.Mode().IsRegular(); o.direct {
			o.f = f
			return o, nil
		}
		f.Close()
		o.old, o.mode = info, info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return fail(err, "")
	}
	if o.f, err = os.CreateTemp(filepath.Dir(target), tempPattern(target)); err != nil {
		hint := "the file is written under another name in the same directory first: that needs the right to create files there"
		if errors.Is(err, fs.ErrNotExist) {
			hint = "there is no directory " + filepath.Dir(target) + ": make it first"
		}
		return fail(err, hint)
	}
	return o, nil
}

// openStream reports whether a path is the name that a system gives to a stream which is open already:
// it may be a file's, which is for the one who opened it to replace.
func openStream(path string) bool {
	return path == "/dev/stderr" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/")
}

// tempPattern is the name of the temporary file, * being random: users.csv.whoql-*.tmp. A long name is
// shortened, since names have 255 bytes at most.
func tempPattern(path string) string {
	base := filepath.Base(path)
	return strings.ReplaceAll(base[:min(len(base), 200)], "*", "_") + ".whoql-*.tmp"
}

// followLinks returns the file that a symbolic link means, also where that isn't there yet: the link
// stays, and what it points to is replaced.
func followLinks(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil // what is wrong with it, its use says
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			link = filepath.Join(dir, link)
		}
		path = link
	}
	return "", errors.New("too many symbolic links")
}

// errEnded is the error of whoever goes on after abort.
var errEnded = errors.New("the run has ended")

// Write implements io.Writer.
func (o *outFile) Write(b []byte) (int, error) {
	if o.hasEnded() {
		return 0, errEnded
	}
	return o.f.Write(b)
}

func (o *outFile) hasEnded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// commit gives the file its name. If only that fails, the temporary file stays, since what is in it is
// whole, and the error says where it is.
func (o *outFile) commit() error {
	if o.hasEnded() {
		return errEnded
	}
	mode := o.mode
	if o.old != nil && !keepOwner(o.f, o.old) {
		mode &^= 0o077 // it would give these rights to another group
	}
	var err error
	if !o.direct {
		err = errors.Join(o.f.Chmod(mode), o.f.Sync())
	}
	if err = errors.Join(err, o.f.Close()); err != nil {
		o.abort()
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	o.ended = true
	if o.direct {
		return nil
	}
	if err := os.Rename(o.f.Name(), o.path); err != nil {
		return fmt.Errorf("the result is complete, but stands in %s: %w", o.f.Name(), err)
	}
	syncDir(filepath.Dir(o.path))
	return nil
}

// abort removes what was written, unless commit was there before. It doesn't wait for a write that
// hangs.
func (o *outFile) abort() {
	o.mu.Lock()
	ended := o.ended
	o.ended = true
	o.mu.Unlock()
	if ended {
		return
	}
	o.f.Close()
	if !o.direct {
		os.Remove(o.f.Name())
	}
}
