package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

// check counts one check and prints its line. The name says what is expected, found what was there
// instead.
func (p *pass) check(ok bool, name, found string) bool {
	word := "ok"
	if ok {
		p.passed++
	} else {
		p.failed++
		word, name = "not ok", name+"; found: "+found
	}
	fmt.Fprintf(p.out, "%s %d - %s\n", word, p.passed+p.failed, strings.ReplaceAll(name, "\n", " "))
	return ok
}

// equal checks that a value is as expected.
func (p *pass) equal(name string, found, want any) bool {
	return p.check(reflect.DeepEqual(found, want), fmt.Sprintf("%s: %v", name, want), fmt.Sprint(found))
}

// guard runs a part of the checks. One that panics, as code does that trusts an answer, is one failed
// check, and the other parts still run.
func (p *pass) guard(name string, part func(*pass)) {
	defer func() {
		if e := recover(); e != nil {
			p.check(false, name+": runs to its end", fmt.Sprint(e))
		}
	}()
	part(p)
}

// A problem is an error as Okta documents it. Zero fields aren't compared; no causes at all are
// []string{}.
type problem struct {
	status  int
	code    string
	summary string
	causes  []string
}

func (q problem) String() string {
	text := strings.TrimSpace(fmt.Sprint(q.status, " ", q.code))
	if q.summary != "" {
		text += fmt.Sprintf(" %q", q.summary)
	}
	if q.causes != nil {
		text += fmt.Sprintf(" %q", q.causes)
	}
	return text
}

// An outcome is what a call of the SDK came to.
type outcome struct {
	problem        // status 0: there was no answer
	id      string // the error's errorId
	model   bool   // the SDK has parsed the error itself
	header  http.Header
	body    []byte
	err     error
}

// result reads what the SDK returns. The SDK parses the bodies of 403, 404 and 429 only; of the others it
// keeps the text.
func result(resp *okta.APIResponse, err error) outcome {
	o := outcome{err: err}
	if resp != nil && resp.Response != nil {
		o.status, o.header = resp.StatusCode, resp.Header
		o.body, _ = io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(o.body))
	}
	var failed *okta.GenericOpenAPIError
	if !errors.As(err, &failed) {
		return o
	}
	parsed, ok := failed.Model().(okta.Error)
	o.model = ok
	if !ok && json.Unmarshal(failed.Body(), &parsed) != nil {
		return o
	}
	o.code, o.summary, o.id = parsed.GetErrorCode(), parsed.GetErrorSummary(), parsed.GetErrorId()
	o.causes = []string{}
	for _, cause := range parsed.GetErrorCauses() {
		o.causes = append(o.causes, cause.GetErrorSummary())
	}
	return o
}

// String describes the outcome for a check that failed.
func (o outcome) String() string {
	text := o.problem.String()
	if o.err != nil && o.code == "" {
		text += " (" + o.err.Error() + ")"
	}
	return text
}

// is says whether the outcome is the problem.
func (o outcome) is(want problem) bool {
	return o.err != nil && o.status == want.status &&
		(want.code == "" || o.code == want.code) &&
		(want.summary == "" || o.summary == want.summary) &&
		(want.causes == nil || slices.Equal(o.causes, want.causes))
}

// does checks that a call succeeded, with this HTTP status.
func (p *pass) does(name string, status int, resp *okta.APIResponse, err error) bool {
	o := result(resp, err)
	return p.check(err == nil && o.status == status, fmt.Sprintf("%s: %d", name, status), o.String())
}

// refuses checks that a call was refused.
func (p *pass) refuses(name string, want problem, resp *okta.APIResponse, err error) bool {
	o := result(resp, err)
	return p.check(o.is(want), name+": "+want.String(), o.String())
}

// object decodes the body of an answer, for what the SDK's models hide: which keys there are, and which
// are null.
func object(resp *okta.APIResponse) map[string]any {
	var m map[string]any
	if json.Unmarshal(result(resp, nil).body, &m) != nil {
		return nil
	}
	return m
}

// at follows keys into a decoded object; nil if there is nothing.
func at(m map[string]any, keys ...string) any {
	var v any = m
	for _, key := range keys {
		inner, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = inner[key]
	}
	return v
}

// has says whether an object, found by following keys, has the last key, be it null.
func has(m map[string]any, keys ...string) bool {
	inner, _ := at(m, keys[:len(keys)-1]...).(map[string]any)
	_, ok := inner[keys[len(keys)-1]]
	return ok
}
