//go:build !unix

package cli

// ignorePipeSignal does nothing where there is no SIGPIPE.
func ignorePipeSignal() {}
