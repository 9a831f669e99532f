package cli

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// TuneProcess sets what holds for the whole process: it collects garbage less often. Pages come and
// go, and at Go's own setting a third of a scan's time is spent on collecting a heap of a few
// megabytes again and again; this trades some 15 MB for it. If GOGC is set, that holds. And nothing
// is logged by packages that were not asked to: net/http writes what a server sends behind an answer,
// which may be the token.
func TuneProcess(env LookupEnv) {
	log.SetOutput(io.Discard)
	if env.get("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// A signalError is the cause of a context that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string {
	if e.signal == os.Interrupt {
		return "interrupted"
	}
	return "ended by signal: " + e.signal.String()
}

// oneSignal is how long another signal is no second one: timeout(1) and others send it to the process
// and then to its group, and who presses Ctrl-C twice in a hurry means it once.
const oneSignal = 500 * time.Millisecond

// Signals returns a context that SIGINT and SIGTERM end; Run then exits with the signal's code. A
// second signal, half a second later or more, kills the process as usual. A closed output pipe becomes a write error instead of a
// signal. stop gives the signals back.
func Signals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	ignorePipeSignal()
	go func() {
		select {
		case s := <-ch:
			cancel(&signalError{s})
			time.Sleep(oneSignal) // what comes meanwhile is taken and forgotten
			signal.Stop(ch)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}
