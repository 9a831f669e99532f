//go:build unix

package cli

import (
	"bytes"
	"context"
	"syscall"
	"testing"
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
