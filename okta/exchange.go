package okta

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// maxErrorBody is how much of the body of an error is read, in bytes.
const maxErrorBody = 64 << 10

// exchange makes one request and reads the whole answer. With an error, the
// answer is nil if none began, and else has the part of the body that came.
// No redirect is followed: the transport follows none, and no http.Client,
// which would, stands in front of it.
func (c *Client) exchange(parent context.Context, call *call) (*answer, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	req := (&http.Request{
		Method: call.method,
		URL:    call.url,
		Host:   call.url.Host,
		Header: http.Header{
			"Accept":       {"application/json"},
			"Content-Type": {"application/json"},
			"User-Agent":   {c.opt.UserAgent},
		},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(call.traced(ctx))
	if c.trim && call.method == http.MethodGet {
		req.Header.Set("Content-Type", trimmed)
	}
	if call.ifMatch != "" {
		req.Header.Set("If-Match", call.ifMatch)
	}
	if call.body != nil {
		// Without GetBody, the transport can't give a request another
		// connection that was closed before it was written.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.body)), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = int64(len(call.body))
	}
	if err := c.authorize(ctx, req); err != nil {
		return nil, err
	}
	c.count(func(m *Meter) { m.requests.Add(1) })

	// The watchdog bites once: too long until the headers, too long a pause in
	// the body, or too long for it all. Cancelling the request is what ends a
	// read that hangs.
	whole := time.AfterFunc(c.opt.AnswerTimeout, func() {
		cancel(fmt.Errorf("%w: the answer wasn't whole after %s", ErrStalled, c.opt.AnswerTimeout))
	})
	defer whole.Stop()
	headers := time.AfterFunc(c.opt.HeaderTimeout, func() {
		cancel(fmt.Errorf("%w: no answer began within %s", ErrStalled, c.opt.HeaderTimeout))
	})
	resp, err := c.state.transport.RoundTrip(req)
	headers.Stop()
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	defer resp.Body.Close()
	stall := time.AfterFunc(c.opt.StallTimeout, func() {
		cancel(fmt.Errorf("%w: not a byte came for %s", ErrStalled, c.opt.StallTimeout))
	})
	defer stall.Stop()

	a := &answer{url: call.url, status: resp.StatusCode, header: resp.Header, rate: parseRate(resp.Header)}
	success := call.succeeded(a.status)
	limit := c.opt.MaxBody
	if !success {
		limit = min(limit, maxErrorBody)
	}
	body, err := decoded(resp)
	if err == nil {
		alive := func() { stall.Reset(c.opt.StallTimeout) }
		a.body, err = readBody(body, limit, max(int64(call.size), resp.ContentLength), alive)
	}
	a.cut = err != nil
	switch {
	case err == nil:
		return a, nil
	case errors.Is(err, errTooBig) && !success:
		return a, nil // The beginning of an error says enough.
	}
	return a, causeOr(ctx, err)
}

// traced is ctx for one try of a call, whose transport notes in call.wrote that the headers were written.
func (c *call) traced(ctx context.Context) context.Context {
	if c.wrote == nil {
		return ctx
	}
	c.wrote.Store(false)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { c.wrote.Store(true) }})
}

// authorize puts the credential onto a request, if that goes to the org.
func (c *Client) authorize(ctx context.Context, req *http.Request) error {
	if !sameHost(c.org, req.URL) {
		return &authError{errors.New("the request doesn't go to the org")}
	}
	if err := c.cred.authorize(ctx, req); err != nil {
		return &authError{err}
	}
	return nil
}

// causeOr is why ctx was cancelled, or err if it wasn't.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// notEOF is err, without being an io.EOF for errors.Is: that is how a list ends,
// but net/http returns it too for a connection closed before an answer.
func notEOF(err error) error {
	switch {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return &brokenOff{err}
	}
	return err
}

// brokenOff is an error with an io.EOF in it that counts as io.ErrUnexpectedEOF.
type brokenOff struct{ err error }

func (e *brokenOff) Error() string      { return e.err.Error() }
func (e *brokenOff) As(target any) bool { return errors.As(e.err, target) }
func (e *brokenOff) Is(target error) bool {
	return target == io.ErrUnexpectedEOF || target != io.EOF && errors.Is(e.err, target)
}

// decoded is the body as it was before compression. net/http asks for gzip and
// undoes it by itself; a transport that doesn't may still be sent gzip.
func decoded(resp *http.Response) (io.Reader, error) {
	if !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp.Body, nil
	}
	return gzip.NewReader(resp.Body)
}

// readBody reads r to its end, or errTooBig beyond limit bytes, and calls
// alive after each read that brought something. hint is the expected size, and
// at most 1 MiB of it is believed. What was read comes with an error too.
func readBody(r io.Reader, limit, hint int64, alive func()) ([]byte, error) {
	// One byte more than expected lets the read that finds the end have room.
	buf := make([]byte, 0, max(512, min(hint, limit, 1<<20)+1))
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(int64(2*cap(buf)), limit+1))
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return buf[:limit], errTooBig
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
		if n > 0 {
			alive()
		}
	}
}
