package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/whoql/whoql/oktatest"
)

// A terminal is a pseudoterminal with somebody in front of it.
type terminal struct {
	person, screen *os.File // its two ends
	shows          buffer
	drained        chan struct{}
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	ioctl := func(what uintptr, n *uint32) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), what, uintptr(unsafe.Pointer(n))); e != 0 {
			t.Fatal(e)
		}
	}
	var unlocked, number uint32
	ioctl(syscall.TIOCSPTLCK, &unlocked)
	ioctl(syscall.TIOCGPTN, &number)
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{person: person, screen: screen, drained: make(chan struct{})}
	go func() {
		defer close(term.drained)
		b := make([]byte, 4096)
		for {
			n, err := person.Read(b)
			if term.shows.Write(b[:n]); err != nil {
				return // the last who had the screen open has closed it
			}
		}
	}()
	t.Cleanup(func() { term.close(); person.Close() })
	return term
}

// close closes the screen and returns all that it has shown.
func (term *terminal) close() string {
	term.screen.Close()
	select {
	case <-term.drained:
	case <-time.After(5 * time.Second): // somebody still waits for what is typed
	}
	return strings.ReplaceAll(term.shows.String(), "\r\n", "\n")
}

// waitFor waits until the screen shows a text.
func (term *terminal) waitFor(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(term.shows.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%q isn't shown: %s", text, term.shows.String())
			return
		}
	}
}

// At a terminal, the number of objects is what approves; and who interrupts the question has changed nothing.
func TestApproval(t *testing.T) {
	const text = suspendAll + " AND login <> 'me' ORDER BY login LIMIT 3 OFFSET 10"
	for _, c := range []struct {
		name, typed string
		code        int
		says        []string
		posts       int
	}{
		{"wrong", "4\n", ExitRefused, []string{"\nwhoql: error: not approved: nothing of it was done\n"}, 0},
		{"right", "3\n", ExitOK, []string{"\nrun "}, 3},
		{"interrupted", "", ExitInterrupted, []string{"change them: \n", "\nwhoql: error: interrupted\nwhoql: hint: nothing was changed\n"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newChangeRun(t, oktatest.Options{Users: 60, Seed: 3})
			term := openTerminal(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				if term.waitFor(t, "Type 3 to change them: "); c.typed == "" {
					cancel(&signalError{os.Interrupt})
				}
				fmt.Fprint(term.person, c.typed)
			}()
			var out buffer
			code := Run(ctx, []string{"query", "-o", "tsv", text}, term.screen, &out, term.screen, r.env)
			fmt.Fprint(term.person, "\n") // for whoever still waits for an answer
			shown := term.close()
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, shown)
			}
			for _, text := range c.says {
				if !strings.Contains(shown, text) {
					t.Errorf("it doesn't say %q: %s", text, shown)
				}
			}
			if n := len(r.posts()); n != c.posts || strings.Count(out.String(), "\tsuspend\tdone\tSUSPENDED\t") != c.posts {
				t.Errorf("%d calls, want %d: %s", n, c.posts, out.String())
			}
		})
	}
}
