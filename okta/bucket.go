package okta

import (
	"net/http"
	"strings"
)

// bucketOf names the bucket of the org's rate limit that a call is taken from, as Okta's documentation
// lists them and recordings of counters show: whatever is below a user, lifecycle and credential operations
// included, counts with the lists of users; and what is below a group with the lists of groups. Calls of two
// buckets never wait for each other, so that a wrong guess here costs a 429 and no more.
func bucketOf(method, path string) string {
	rest, ok := strings.CutPrefix(path, "/api/v1/")
	if !ok {
		return "other"
	}
	collection, below, _ := strings.Cut(rest, "/")
	object := below != "" && !strings.Contains(below, "/")
	switch {
	case collection == "users" && object && (method == http.MethodGet || method == http.MethodHead):
		return "get user"
	case collection == "users" && object:
		return "change user"
	case collection == "groups" && object:
		return "group"
	case collection == "apps" && object:
		return "app"
	case collection == "users", collection == "groups", collection == "apps", collection == "logs",
		collection == "devices", collection == "certificateAuthorities":
		return collection
	}
	return "other"
}
