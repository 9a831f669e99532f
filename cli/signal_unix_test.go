//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
)

// TestSignals sends real signals to the test's own process, in the middle of a page.
func TestSignals(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: ExitInterrupted, syscall.SIGTERM: ExitTerminated} {
		t.Run(signal.String(), func(t *testing.T) {
			org := startStalledOrg(t)
			ctx, stop := Signals(context.Background())
			defer stop()
			go func() {
				<-org.stalled
				_ = syscall.Kill(syscall.Getpid(), signal)
			}()
			var stdout, stderr bytes.Buffer
			if code := Run(ctx, []string{"query", "SELECT id FROM okta.user.users"}, nil, &stdout, &stderr, org.env); code != want {
				t.Errorf("exit code %d, want %d: %s", code, want, stderr.String())
			}
		})
	}
}

// TestOneSignalTwice sends a signal twice, as timeout(1) does to the process and to its group: that is one.
func TestOneSignalTwice(t *testing.T) {
	ctx, stop := Signals(context.Background())
	defer stop()
	for range 3 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		time.Sleep(oneSignal / 10)
	}
	var sig *signalError
	if err := context.Cause(ctx); !errors.As(err, &sig) || sig.signal != syscall.SIGINT {
		t.Errorf("the cause is %v", err)
	}
}
