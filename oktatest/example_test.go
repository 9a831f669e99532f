package oktatest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/whoql/whoql/oktatest"
)

// In a test, oktatest.Start(t, options) does the same and closes the server at its end.
func Example() {
	org, err := oktatest.Serve(oktatest.Options{Users: 1000, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	org.Inject(oktatest.Fault{Kind: oktatest.RateLimited, At: 2}) // the second request is one too many

	for range 2 {
		r, err := http.NewRequest("GET", org.URL+"/api/v1/users?limit=5", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Authorization", "SSWS "+org.Token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(res.StatusCode, strings.Count(string(body), `"self"`), "users,", len(res.Header["Link"]), "links")
	}
	for _, r := range org.Requests() {
		fmt.Println(r.Method, r.Path, r.Query.Encode(), r.Status)
	}
	// Output:
	// 200 5 users, 2 links
	// 429 0 users, 0 links
	// GET /api/v1/users limit=5 200
	// GET /api/v1/users limit=5 429
}
