package oktatest

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestAnOrgInAFileIsThereAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "org.db")
	o, err := Open(Options{Users: 300, Seed: 3, File: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.LockOut("me"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{File: name})
	var bad *FileError
	if !errors.As(err, &bad) || bad.Problem != FileInUse {
		t.Errorf("%v", err)
	}
	t.Log(err)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o2, err := Open(Options{File: name})
	if err != nil {
		t.Fatal(err)
	}
	defer o2.Close()
	i := 0
	var want []string
	for u := range o.Users() {
		want = append(want, string(u))
	}
	for u := range o2.Users() {
		if string(u) != want[i] {
			t.Errorf("%s\n%s", u, want[i])
		}
		i++
	}
}
