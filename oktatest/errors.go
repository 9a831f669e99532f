package oktatest

import (
	"math/rand/v2"
	"net/http"
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
	b = appendJSONString(b, e.summary)
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
