package main

import (
	"os"
	"syscall"
)

// maxRSS is the most memory that a process has held, in bytes.
func maxRSS(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss * 1024 // Linux counts in KiB
	}
	return 0
}
