package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/okta/okta-sdk-golang/v6/okta"
	"github.com/whoql/whoql/oktatest"
)

// A watch is a transport that sees every answer before the SDK does.
type watch struct {
	calls atomic.Int32
	saw   func(*http.Request, *http.Response)
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	w.calls.Add(1)
	resp, err := direct.RoundTrip(r)
	if err == nil && w.saw != nil {
		w.saw(r, resp)
	}
	return resp, err
}

// rateLimits checks that the SDK understands how it is told to wait, and how calls are counted.
func rateLimits(p *pass) {
	w := &watch{}
	var requestIDs, retries []string
	w.saw = func(r *http.Request, resp *http.Response) {
		retries = append(retries, r.Header.Get("X-Okta-Retry-For"))
		requestIDs = append(requestIDs, resp.Header.Get("X-Okta-Request-Id"))
	}
	patient := p.must(client(p.org, w, okta.WithRateLimitMaxRetries(2)))
	for _, kind := range []oktatest.FaultKind{oktatest.RateLimited, oktatest.Concurrency} {
		p.org.Inject(oktatest.Fault{Kind: kind, Delay: time.Millisecond})
		w.calls.Store(0)
		requestIDs, retries = nil, nil
		began := time.Now()
		_, resp, err := patient.UserAPI.ListUsers(p.ctx).Limit(1).Execute()
		waited := time.Since(began)
		p.does(fmt.Sprintf("a 429 (%v), and then an answer", kind), 200, resp, err)
		p.equal("… by as many calls", w.calls.Load(), int32(2))
		p.check(waited >= time.Second && waited < 20*time.Second, "… after waiting until the reset and a second", waited.String())
		p.check(len(retries) == 2 && retries[1] == requestIDs[0] && retries[1] != "", "… the second naming the first by its X-Okta-Request-Id", fmt.Sprint(retries, requestIDs))
	}

	var last *http.Response
	w = &watch{saw: func(_ *http.Request, resp *http.Response) { last = resp }}
	hasty := p.must(client(p.org, w))
	for _, kind := range []oktatest.FaultKind{oktatest.RateLimited, oktatest.Concurrency} {
		p.org.Inject(oktatest.Fault{Kind: kind, Delay: time.Minute})
		_, _, err := hasty.UserAPI.GetUser(p.ctx, "me").Execute()
		p.check(err != nil && strings.Contains(err.Error(), "too many requests"), fmt.Sprintf("without retries, a 429 (%v) is the SDK's error: too many requests", kind), fmt.Sprint(err))
		limit, _ := strconv.Atoi(last.Header.Get("X-Rate-Limit-Limit"))
		p.check(last.StatusCode == 429 && (limit == 0) == (kind == oktatest.Concurrency), fmt.Sprintf("… whose limit is 0 only for concurrency: %d", limit), fmt.Sprint(last.Header))
		p.equal("… whose X-Rate-Limit-Remaining is", last.Header.Get("X-Rate-Limit-Remaining"), "0")
		p.equal("… whose Retry-After is", last.Header.Get("Retry-After"), "")
		wait, err := okta.Get429BackoffTime(last)
		p.check(err == nil && wait >= 60 && wait <= 63, "… and from which the SDK reckons a minute and a second", fmt.Sprint(wait, err))
	}
	p.windows()
	p.buckets()
}

// windows checks an org that runs out of calls: the SDK waits, and the window opens anew.
func (p *pass) windows() {
	org, err := oktatest.Serve(oktatest.Options{Users: 10, RateLimit: oktatest.RateLimit{Calls: 3}})
	if err != nil {
		panic(err)
	}
	defer org.Close()
	refused := 0
	w := &watch{saw: func(_ *http.Request, resp *http.Response) {
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
			org.Advance(61 * time.Second) // the SDK is made to wait a second only
		}
	}}
	c := p.must(client(org, w, okta.WithRateLimitMaxRetries(1), okta.WithRateLimitMaxBackOff(1)))
	var left []string
	failed := error(nil)
	for range 5 {
		_, resp, err := c.UserAPI.ListUsers(p.ctx).Limit(1).Execute()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		left = append(left, resp.Header.Get("X-Rate-Limit-Remaining"))
	}
	p.check(failed == nil, "five calls where three are allowed a minute: the SDK gets through", fmt.Sprint(failed))
	p.equal("429s on the way", refused, 1)
	p.equal("X-Rate-Limit-Remaining of the answers", left, []string{"2", "1", "0", "2", "1"})
	p.careful()
}

// careful checks a client that doesn't let it come to a 429: it waits when nothing remains.
func (p *pass) careful() {
	org, err := oktatest.Serve(oktatest.Options{Users: 10, RateLimit: oktatest.RateLimit{Calls: 2, Window: time.Second}})
	if err != nil {
		panic(err)
	}
	defer org.Close()
	var statuses []int
	w := &watch{saw: func(_ *http.Request, resp *http.Response) { statuses = append(statuses, resp.StatusCode) }}
	c := p.must(client(org, w, okta.WithRateLimitPrevent(true)))
	failed := error(nil)
	for range 3 {
		_, _, err := c.UserAPI.ListUsers(p.ctx).Limit(1).Execute()
		failed = errors.Join(failed, err)
	}
	p.check(failed == nil, "three calls of a careful client where two are allowed at a time", fmt.Sprint(failed))
	p.equal("… who sees no 429", statuses, []int{200, 200, 200})
}

// buckets checks which calls are counted together.
func (p *pass) buckets() {
	org, err := oktatest.Serve(oktatest.Options{Users: 128, Owner: true, RateLimit: oktatest.RateLimit{Calls: 100, TokenShare: 50}})
	if err != nil {
		panic(err)
	}
	defer org.Close()
	var resps []*http.Response
	c := p.must(client(org, &watch{saw: func(_ *http.Request, resp *http.Response) { resps = append(resps, resp) }}))
	u, _, err := c.UserAPI.CreateUser(p.ctx).Body(okta.CreateUserRequest{Profile: p.person(), Credentials: keys(false)}).Execute()
	if err != nil {
		panic(err)
	}
	id := u.GetId()
	c.UserAPI.ListUsers(p.ctx).Execute()
	c.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute()
	c.UserSessionsAPI.RevokeUserSessions(p.ctx, id).Execute()
	c.UserResourcesAPI.ListUserGroups(p.ctx, id).Execute()
	c.UserAPI.GetUser(p.ctx, id).Execute()
	c.UserAPI.UpdateUser(p.ctx, id).User(okta.UpdateUserRequest{Profile: &okta.UserProfile{NickName: text("Dee")}}).Execute()
	c.UserAPI.DeleteUser(p.ctx, id).Execute()
	var left []string
	resets := map[string]bool{}
	for _, resp := range resps {
		left = append(left, resp.Header.Get("X-Rate-Limit-Remaining"))
		resets[resp.Header.Get("X-Rate-Limit-Reset")] = true
	}
	p.equal("left after create, list, suspend, end sessions, groups; get; update, delete", left, []string{"49", "48", "47", "46", "45", "49", "49", "48"})
	p.equal("X-Rate-Limit-Limit of a bucket of 100 of which a token may use half", resps[0].Header.Get("X-Rate-Limit-Limit"), "50")
	date, err := http.ParseTime(resps[0].Header.Get("Date"))
	reset, _ := strconv.ParseInt(resps[0].Header.Get("X-Rate-Limit-Reset"), 10, 64)
	ahead := reset - date.Unix()
	p.check(err == nil && ahead >= 59 && ahead <= 61, "X-Rate-Limit-Reset is a minute after the first call", fmt.Sprint(ahead, err))
}

// failures checks what the SDK makes of answers that are none of the API's.
func failures(p *pass) {
	for _, one := range []struct {
		fault oktatest.FaultKind
		want  problem
	}{
		{oktatest.InternalError, problem{500, "E0000009", "Internal Server Error", []string{}}},
		{oktatest.SearchDown, problem{503, "E0000100", "Unable to perform search query.", []string{}}},
		{oktatest.Unavailable, problem{status: 503}},
		{oktatest.Unauthorized, problem{401, "E0000011", "Invalid token provided", []string{}}},
		{oktatest.Forbidden, problem{status: 403}},
	} {
		p.org.Inject(oktatest.Fault{Kind: one.fault})
		_, resp, err := p.sdk.UserAPI.ListUsers(p.ctx).Limit(1).Execute()
		p.refuses(fmt.Sprintf("an org that answers %v", one.fault), one.want, resp, err)
	}
	p.org.Inject(oktatest.Fault{Kind: oktatest.Forbidden})
	_, resp, err := p.sdk.UserAPI.GetUser(p.ctx, "me").Execute()
	o := result(resp, err)
	p.check(len(o.body) == 0 && strings.Contains(o.header.Get("Www-Authenticate"), "insufficient_scope"), "a missing scope is told by WWW-Authenticate only", o.String())

	want := p.all()
	p.org.Inject(oktatest.Fault{Kind: oktatest.EmptyPage, At: 2})
	got, n, err := pages(p.sdk.UserAPI.ListUsers(p.ctx).Search(everyone).Limit(200))
	p.check(err == nil && len(got) == len(want), "the SDK pages on over an empty page", fmt.Sprint(len(got), n, err))
}
