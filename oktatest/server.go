package oktatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// TB is the part of testing.TB that [Start] needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// A Server is an org that listens. Its methods may be called concurrently.
type Server struct {
	*Org
	URL   string // "http://127.0.0.1:port", without a slash at the end
	Token string // the API token that the org accepts

	http   *http.Server
	served chan error // gets the end of http.Serve

	mu     sync.Mutex
	idle   sync.Cond // signalled when busy falls to 0
	busy   int       // requests being answered
	closed bool
}

// Start serves an org on a loopback port of the system's choice until the test ends.
func Start(t TB, o Options) *Server {
	t.Helper()
	s, err := Serve(o)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Serve serves an org on a loopback port of the system's choice. Close ends it.
func Serve(o Options) (*Server, error) { return ServeOn("127.0.0.1:0", o) }

// ServeOn serves an org on addr, a TCP address such as "127.0.0.1:8080". There is no encryption and
// the token is no secret: stay on the loopback interface.
func ServeOn(addr string, o Options) (*Server, error) {
	org, err := Open(o)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		org.Close()
		return nil, fmt.Errorf("oktatest: serve: %w", err)
	}
	s := &Server{Org: org, URL: "http://" + ln.Addr().String(), Token: org.opts.Token, served: make(chan error, 1)}
	s.idle.L = &s.mu
	org.base.fix(s.URL)
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 30 * time.Second}
	go func() { s.served <- s.http.Serve(ln) }()
	return s, nil
}

// serve counts the requests that are being answered, for Close to wait for.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.busy++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		if s.busy == 0 {
			s.idle.Broadcast()
		}
		s.mu.Unlock()
	}()
	s.Org.ServeHTTP(w, r)
}

// Shutdown stops listening and lets the requests that are under way end before it closes the server;
// those that haven't when ctx is done are broken off, and the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("oktatest: shutdown: %w", err)
	}
	return errors.Join(err, s.Close())
}

// Close stops listening, breaks off the requests that are under way, waits for them to end and lets go of
// the org's file. A second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()

	s.Org.quit()
	err := s.http.Close()
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.mu.Lock()
	for s.busy > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	if err = errors.Join(err, s.Org.Close()); err != nil {
		return fmt.Errorf("oktatest: close: %w", err)
	}
	return nil
}
