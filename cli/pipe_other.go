//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

func isSystemPipeError(err error) bool { return errors.Is(err, syscall.EPIPE) }
