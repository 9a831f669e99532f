package oktatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The control path, /sandbox/v1: what the methods of Org do, for tests in other languages and for
// people with curl. No Okta org has such a path, nor does anything below /api lead here. It needs the
// token like everything else, and is outside of all that the org is made to do: rate limits, faults,
// latency and the log of requests know nothing of it. Its answers have the header X-Sandbox, and its
// errors are {"error":"…"}.

const controlPath = "/sandbox/v1"

// A control is an operation of the control path.
type control struct {
	method, pattern, what string
	handle                func(*Org, *call) (answer, *apiError)
}

// controls are the operations. docs/sandbox.md describes them to users.
func controls() []control {
	const users = controlPath + "/users/{id}/"
	return []control{
		{http.MethodGet, controlPath, "list these operations", (*Org).controlOverview},
		{http.MethodGet, controlPath + "/clock", "get the time of the org", (*Org).controlGetClock},
		{http.MethodPut, controlPath + "/clock", `set it: {"now":"2026-01-31T09:00:00Z"}, or move it: {"advance":"90s"}`, (*Org).controlSetClock},
		{http.MethodDelete, controlPath + "/clock", "set it back to what it was at the start", (*Org).controlResetClock},
		{http.MethodPost, users + "lock_out", "lock a user out", (*Org).controlLockOut},
		{http.MethodPost, users + "sign_in", `sign a user in; a password that is given is checked: {"password":"..."}`, (*Org).controlSignIn},
		{http.MethodPost, users + "complete_activation", `follow the activation link: {"password":"..."}`, (*Org).controlActivation},
		{http.MethodPost, users + "complete_recovery", `follow the recovery link: {"password":"..."}`, (*Org).controlRecovery},
		{http.MethodGet, controlPath + "/faults", "list the faults to come", (*Org).controlGetFaults},
		{http.MethodPost, controlPath + "/faults", `add faults: {"spec":"rate-limited@3x2,stall@10","path":"/api/v1/users"}`, (*Org).controlAddFaults},
		{http.MethodDelete, controlPath + "/faults", "take all faults away", (*Org).controlClearFaults},
		{http.MethodGet, controlPath + "/requests", "list the requests so far", (*Org).controlGetRequests},
		{http.MethodDelete, controlPath + "/requests", "forget them", (*Org).controlResetRequests},
	}
}

func isControl(r *http.Request) bool {
	_, ok := below(r.URL.Path, controlPath)
	return ok
}

// control answers a request to the control path.
func (o *Org) control(r *http.Request) answer {
	a, bad := o.findControl(r)
	if bad != nil {
		a = answer{status: bad.status, header: bad.header}
		a.body = append(appendJSONString([]byte(`{"error":`), bad.summary), '}')
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("X-Sandbox", "whoql")
	return a
}

// findControl finds the operation and runs it. Of its errors only status, summary and header count.
func (o *Org) findControl(r *http.Request) (answer, *apiError) {
	if !o.authentic(r) {
		return answer{}, &apiError{status: http.StatusUnauthorized, summary: "the token is wrong: send Authorization: SSWS and the token of the org",
			header: http.Header{"Www-Authenticate": {"SSWS"}}}
	}
	var allow []string
	for _, one := range controls() {
		t := route{pattern: one.pattern}
		vars, ok := t.match(r.URL.EscapedPath())
		if !ok {
			continue
		}
		if one.method == r.Method {
			return one.handle(o, &call{Request: r, vars: vars})
		}
		allow = append(allow, one.method)
	}
	if allow != nil {
		list := strings.Join(allow, ", ")
		return answer{}, &apiError{status: http.StatusMethodNotAllowed, summary: "the method is not supported here: use " + list, header: http.Header{"Allow": {list}}}
	}
	return answer{}, &apiError{status: http.StatusNotFound, summary: "there is no such operation: GET " + controlPath + " lists them"}
}

// controlled is a success. v is made JSON, which is known to work.
func controlled(v any) (answer, *apiError) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return answer{status: http.StatusOK, body: append(b, '\n')}, nil
}

// errFile is for a change that the org's file didn't take.
func errFile(err error) *apiError {
	return &apiError{status: http.StatusInternalServerError, summary: strings.TrimPrefix(err.Error(), "oktatest: ")}
}

func errControl(err error) *apiError {
	if _, ok := errors.AsType[*FileError](err); ok {
		return errFile(err)
	}
	return &apiError{status: http.StatusBadRequest, summary: strings.TrimPrefix(err.Error(), "oktatest: ")}
}

// controlBody reads the body into v; no body at all leaves v as it is.
func (c *call) controlBody(v any) *apiError {
	body, bad := c.body()
	if bad != nil {
		return &apiError{status: http.StatusBadRequest, summary: "the body can't be read"}
	}
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errControl(fmt.Errorf("the body is not what is expected: %w", err))
	}
	return nil
}

func (o *Org) controlOverview(*call) (answer, *apiError) {
	type operation struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		What   string `json:"what"`
	}
	var list []operation
	for _, one := range controls() {
		list = append(list, operation{one.method, one.pattern, one.what})
	}
	return controlled(map[string]any{"operations": list})
}

func (o *Org) controlGetClock(*call) (answer, *apiError) {
	return controlled(map[string]string{"now": o.Now().UTC().Format(time.RFC3339Nano)})
}

func (o *Org) controlSetClock(c *call) (answer, *apiError) {
	var body struct{ Now, Advance string }
	if bad := c.controlBody(&body); bad != nil {
		return answer{}, bad
	}
	var to time.Time
	var err error
	switch {
	case body.Now != "" && body.Advance == "":
		if to, err = time.Parse(time.RFC3339, body.Now); err != nil {
			return answer{}, errControl(fmt.Errorf("%q is no time: write it as 2026-01-31T09:00:00Z", body.Now))
		}
	case body.Now == "" && body.Advance != "":
		d, err := time.ParseDuration(body.Advance)
		if err != nil {
			return answer{}, errControl(fmt.Errorf("%q is no duration: write it as 90s or 1h30m", body.Advance))
		}
		to = o.Now().Add(d)
	default:
		return answer{}, errControl(errors.New(`give either "now" or "advance"`))
	}
	if to.Year() < 1970 || to.Year() >= 2200 {
		return answer{}, errControl(errors.New("choose a time between 1970 and 2200"))
	}
	if err := o.SetClock(to); err != nil {
		return answer{}, errFile(err)
	}
	return o.controlGetClock(c)
}

func (o *Org) controlResetClock(c *call) (answer, *apiError) {
	if err := o.moveClock(func(time.Duration) time.Duration { return 0 }); err != nil {
		return answer{}, errFile(err)
	}
	return o.controlGetClock(c)
}

// controlAct runs what a user does, and shows the user's status afterwards.
func (o *Org) controlAct(c *call, act func(key, password string) error) (answer, *apiError) {
	var body struct{ Password string }
	if bad := c.controlBody(&body); bad != nil {
		return answer{}, bad
	}
	if err := act(c.vars[0], body.Password); err != nil {
		return answer{}, errControl(err)
	}
	return controlled(map[string]string{})
}

func (o *Org) controlLockOut(c *call) (answer, *apiError) {
	return o.controlAct(c, func(key, _ string) error { return o.LockOut(key) })
}

func (o *Org) controlSignIn(c *call) (answer, *apiError) { return o.controlAct(c, o.SignIn) }

func (o *Org) controlActivation(c *call) (answer, *apiError) {
	return o.controlAct(c, o.CompleteActivation)
}

func (o *Org) controlRecovery(c *call) (answer, *apiError) {
	return o.controlAct(c, o.CompleteRecovery)
}

// A controlFault is a fault that is still to come: the spec counts from now on.
type controlFault struct {
	Spec string `json:"spec"`
	Path string `json:"path,omitempty"`
	Next string `json:"next,omitempty"`
}

func (o *Org) controlGetFaults(*call) (answer, *apiError) {
	list := []controlFault{}
	for _, f := range o.faults.pending() {
		list = append(list, controlFault{f.String(), f.Path, f.Next})
	}
	return controlled(map[string]any{"faults": list})
}

func (o *Org) controlAddFaults(c *call) (answer, *apiError) {
	var body controlFault
	if bad := c.controlBody(&body); bad != nil {
		return answer{}, bad
	}
	list, err := ParseFaults(body.Spec)
	if err != nil {
		return answer{}, errControl(err)
	}
	for i := range list {
		list[i].Path, list[i].Next = body.Path, body.Next
	}
	o.Inject(list...)
	return o.controlGetFaults(c)
}

func (o *Org) controlClearFaults(c *call) (answer, *apiError) {
	o.ClearFaults()
	return o.controlGetFaults(c)
}

func (o *Org) controlGetRequests(*call) (answer, *apiError) {
	type request struct {
		Method     string              `json:"method"`
		Path       string              `json:"path"`
		Query      map[string][]string `json:"query"`
		Header     map[string][]string `json:"header"`
		Status     int                 `json:"status"`
		Bytes      int                 `json:"bytes"`
		Time       time.Time           `json:"time"`
		DurationMS float64             `json:"durationMs"`
	}
	list := []request{}
	for _, r := range o.Requests() {
		list = append(list, request{r.Method, r.Path, r.Query, r.Header, r.Status, r.Bytes, r.Time.UTC(), float64(r.Duration.Microseconds()) / 1000})
	}
	return controlled(map[string]any{"requests": list})
}

func (o *Org) controlResetRequests(c *call) (answer, *apiError) {
	o.ResetRequests()
	return o.controlGetRequests(c)
}
