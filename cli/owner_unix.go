//go:build unix

package cli

import (
	"os"
	"syscall"
)

// keepOwner gives f the owner and group of the file whose place it takes, and reports whether it has
// them.
func keepOwner(f *os.File, old os.FileInfo) bool {
	now, err := f.Stat()
	if err != nil {
		return false
	}
	have, ok1 := now.Sys().(*syscall.Stat_t)
	want, ok2 := old.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 {
		return false
	}
	return have.Uid == want.Uid && have.Gid == want.Gid || f.Chown(int(want.Uid), int(want.Gid)) == nil
}

// syncDir makes a renaming in a directory last. Some file systems can't, and need not.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}
