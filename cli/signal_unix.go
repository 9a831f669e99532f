//go:build unix

package cli

import (
	"os/signal"
	"syscall"
)

// ignorePipeSignal makes writing to a closed pipe an error: the process would die of SIGPIPE before
// it could end its requests.
func ignorePipeSignal() { signal.Ignore(syscall.SIGPIPE) }
