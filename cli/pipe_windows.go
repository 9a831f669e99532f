package cli

import (
	"errors"
	"syscall"
)

// Windows has these in place of EPIPE: who reads the pipe has gone, or is about to.
const (
	errorBrokenPipe = syscall.Errno(109)
	errorNoData     = syscall.Errno(232)
)

func isSystemPipeError(err error) bool {
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData)
}
