package oktatest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// routes are all operations of the org. A part of a pattern in braces stands for any one segment of a
// path that isn't empty; the first route that fits a path is the one that answers. HEAD is answered as
// GET is, without the body.
var routes = slices.Concat(userRoutes, relatedRoutes, groupRoutes, typeRoutes, schemaRoutes, orgRoutes)

var userRoutes = []route{
	{http.MethodGet, "/api/v1/users", (*Org).listUsers},
	{http.MethodPost, "/api/v1/users", (*Org).createUser},
	{http.MethodGet, "/api/v1/users/{id}", (*Org).getUser},
	{http.MethodPost, "/api/v1/users/{id}", (*Org).updateUser},
	{http.MethodPut, "/api/v1/users/{id}", (*Org).replaceUser},
	{http.MethodDelete, "/api/v1/users/{id}", (*Org).deleteUser},
	{http.MethodDelete, "/api/v1/users/{userId}/sessions", (*Org).revokeSessions},

	{http.MethodPost, "/api/v1/users/{id}/lifecycle/activate", (*Org).activateUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/reactivate", (*Org).reactivateUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/deactivate", (*Org).deactivateUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/suspend", (*Org).suspendUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/unsuspend", (*Org).unsuspendUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/unlock", (*Org).unlockUser},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/expire_password", (*Org).expirePassword},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/expire_password_with_temp_password", (*Org).expirePasswordWithTemp},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/reset_password", (*Org).resetPassword},
	{http.MethodPost, "/api/v1/users/{id}/lifecycle/reset_factors", (*Org).resetFactors},

	{http.MethodPost, "/api/v1/users/{userId}/credentials/change_password", (*Org).changePassword},
	{http.MethodPost, "/api/v1/users/{userId}/credentials/change_recovery_question", (*Org).changeQuestion},
	{http.MethodPost, "/api/v1/users/{userId}/credentials/forgot_password", (*Org).forgotPassword},
	{http.MethodPost, "/api/v1/users/{userId}/credentials/forgot_password_recovery_question", (*Org).answerQuestion},
}

// notServed are paths of the API that this org doesn't have, although routes with an id fit them.
var notServed = []string{"/api/v1/groups/rules", "/api/v1/meta/schemas/user/linkedObjects"}

// A route leads from a method and a path to the operation.
type route struct {
	method, pattern string
	handle          func(*Org, *call) (answer, *apiError)
}

// A call is a request on its way through its operation.
type call struct {
	*http.Request
	vars  []string // what the parts in braces stand for, decoded, in their order
	style style    // how the answer shows users
	fault *Fault   // nil: none
	out   []byte   // empty; the body of a success may be appended to it
}

// answer finds the operation of a request and runs it.
func (o *Org) answer(r *http.Request, fault *Fault, out []byte) (answer, *apiError) {
	path := r.URL.EscapedPath()
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if slices.Contains(notServed, path) {
		return answer{}, errNoRoute()
	}
	var allow []string
	for i := range routes {
		vars, ok := routes[i].match(path)
		if !ok {
			continue
		}
		if routes[i].method != method {
			allow = append(allow, routes[i].method)
			continue
		}
		c := &call{Request: r, vars: vars, style: o.style(o.base.of(r)), fault: fault, out: out}
		if method == http.MethodGet { // writes don't know okta-response
			c.style.trim(r.Header.Get("Content-Type"))
		}
		return routes[i].handle(o, c)
	}
	if allow != nil {
		slices.Sort(allow)
		return answer{}, errMethod(strings.Join(slices.Compact(allow), ", "))
	}
	return answer{}, errNoRoute()
}

// match says whether the route fits an escaped path, and what the parts in braces stand for. Segments
// are decoded one by one: a %2F is part of a login, not of the path.
func (t *route) match(path string) (vars []string, ok bool) {
	pattern := t.pattern
	for pattern != "" {
		if path == "" {
			return nil, false
		}
		var want, got string
		want, pattern = cutSegment(pattern)
		got, path = cutSegment(path)
		if want[1:] == "" || want[1] != '{' {
			if got != want {
				return nil, false
			}
			continue
		}
		text, err := url.PathUnescape(got[1:])
		if err != nil || text == "" {
			return nil, false
		}
		vars = append(vars, text)
	}
	return vars, path == ""
}

// cutSegment cuts "/a/b" into "/a" and "/b".
func cutSegment(path string) (first, rest string) {
	if at := strings.IndexByte(path[1:], '/'); at >= 0 {
		return path[:at+1], path[at+1:]
	}
	return path, ""
}
