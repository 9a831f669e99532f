package oktatest

import (
	"math/rand/v2"
	"net/http"
	"strings"
)

// An apiError is an answer that isn't a success.
type apiError struct {
	status  int
	code    string // such as E0000031
	summary string
	causes  []string
	header  http.Header // added to the answer; may be nil
}

func (e *apiError) answer() answer {
	return answer{status: e.status, header: e.header, body: e.body()}
}

// body writes the error as Okta does: five keys, in this order, with an id of its own.
func (e *apiError) body() []byte {
	b := append([]byte(nil), `{"errorCode":`...)
	b = appendJSONString(b, e.code)
	b = append(b, `,"errorSummary":`...)
	b = appendJSONString(b, strings.ToValidUTF8(e.summary, "\ufffd")) // may echo a path
	b = append(b, `,"errorLink":`...)
	b = appendJSONString(b, e.code)
	b = append(b, `,"errorId":"oae`...)
	b = appendRandom(b, 22, base64URL)
	b = append(b, `","errorCauses":[`...)
	for i, c := range e.causes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"errorSummary":`...)
		b = appendJSONString(b, c)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

const (
	base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	hexDigits = "0123456789abcdef"
)

// appendRandom appends n random characters of an alphabet whose length is 16 or 64.
func appendRandom(b []byte, n int, alphabet string) []byte {
	var bits uint64
	for i := range n {
		if i%10 == 0 {
			bits = rand.Uint64()
		}
		b = append(b, alphabet[bits&uint64(len(alphabet)-1)])
		bits >>= 6
	}
	return b
}

func errInvalidToken() *apiError {
	return &apiError{status: http.StatusUnauthorized, code: "E0000011", summary: "Invalid token provided",
		header: http.Header{"Www-Authenticate": {"SSWS"}}}
}

// errFeature is what Okta answers where the org hasn't got a feature: 401, though the token is right.
func errFeature() *apiError {
	return &apiError{status: http.StatusUnauthorized, code: "E0000015",
		summary: "You do not have permission to access the feature you are requesting"}
}

func errNotFound(what, class string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "E0000007",
		summary: "Not found: Resource not found: " + what + " (" + class + ")"}
}

func errNoRoute() *apiError {
	return &apiError{status: http.StatusNotFound, code: "E0000008", summary: "The requested path was not found"}
}

func errMethod(allow string) *apiError {
	return &apiError{status: http.StatusMethodNotAllowed, code: "E0000022",
		summary: "The endpoint does not support the provided HTTP method", header: http.Header{"Allow": {allow}}}
}

func errInternal() *apiError {
	return &apiError{status: http.StatusInternalServerError, code: "E0000009", summary: "Internal Server Error"}
}

func errRateLimit() *apiError {
	return &apiError{status: http.StatusTooManyRequests, code: "E0000047",
		summary: "API call exceeded rate limit due to too many requests."}
}

func errSearchDown() *apiError {
	return &apiError{status: http.StatusServiceUnavailable, code: "E0000100", summary: "Unable to perform search query."}
}

func errValidation(token string, causes ...string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000001", summary: "Api validation failed: " + token, causes: causes}
}

// errPaging is Okta's answer to a bad cursor of a plain or filtered list. That of a search is
// errSearch("Invalid cursor."), as recorded on other collections.
func errPaging() *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000029", summary: "Invalid paging request.",
		causes: []string{"Invalid cursor."}}
}

func errBadDate(cause string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000030",
		summary: "Bad request. Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, e.g. 2013-01-01T12:00:00.000-07:00.",
		causes:  []string{cause}}
}

func errSearch(cause string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000031", summary: "Invalid search criteria.", causes: []string{cause}}
}

func errSearchAndFilter() *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000033",
		summary: "Can't specify a search query and filter in the same request"}
}

func errParamType(name string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000037", summary: "Type mismatch exception.",
		causes: []string{name + ": The value is of the wrong type."}}
}

func errLinkTooLong() *apiError {
	return &apiError{status: http.StatusRequestURITooLong, code: "E0000256",
		summary: "This request produced a response with a header too large"}
}

func errBody() *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000003", summary: "The request body was not well-formed."}
}

// errForbidden is an operation that Okta refuses, with the causes that are known for it.
func errForbidden(code, summary string, causes ...string) *apiError {
	return &apiError{status: http.StatusForbidden, code: code, summary: summary, causes: causes}
}

func errStatus() *apiError {
	return errForbidden("E0000038", "This operation is not allowed in the user's current status.")
}

func errAlreadyActive() *apiError {
	return errForbidden("E0000016", "Activation failed because the user is already active")
}

func errNotLocked() *apiError {
	return errForbidden("E0000032", "Unlock is not allowed for this user.", "The user is not locked out.")
}

func errMastered() *apiError {
	return errForbidden("E0000023", "Operation failed because user profile is mastered under another system")
}

// errCredentials is Okta's answer to a wrong password as well as to a new one that the policy refuses.
func errCredentials(cause string) *apiError {
	return errForbidden("E0000014", "Update of credentials failed", cause)
}

func errForgotPassword() *apiError {
	return errForbidden("E0000034", "Forgot password not allowed on specified user.",
		"The user's current status or recovery credentials don't allow a forgotten password to be reset")
}

func errPasswordReset() *apiError {
	return errForbidden("E0000017", "Password reset failed", "The user's login type doesn't allow the password to be reset")
}

func errChangePassword() *apiError {
	return errForbidden("E0000035", "Change password not allowed on specified user.")
}

func errChangeQuestion() *apiError {
	return errForbidden("E0000036", "Change recovery question not allowed on specified user.")
}

func errRecoveryAnswer() *apiError {
	return errForbidden("E0000087", "The recovery question answer did not match our records.")
}

// errNextLogin is the answer to nextLogin=changePassword without what it needs. The cause repeats the summary.
func errNextLogin(code, need string) *apiError {
	text := "Could not create user. To create a user and expire their password immediately, " + need
	return &apiError{status: http.StatusBadRequest, code: code, summary: text, causes: []string{text}}
}

func errETagSyntax() *apiError {
	return &apiError{status: http.StatusBadRequest, code: "E0000242", summary: "ETag syntax is invalid."}
}

func errETagMismatch() *apiError {
	return &apiError{status: http.StatusPreconditionFailed, code: "E0000231", summary: "ETag value doesn't match."}
}
