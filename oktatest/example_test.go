package oktatest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
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

func ExampleOrg_CompleteActivation() {
	org, err := oktatest.Serve(oktatest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	post := func(path, body string) string {
		r, err := http.NewRequest("POST", org.URL+path, strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Authorization", "SSWS "+org.Token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		for _, word := range []string{"PROVISIONED", "ACTIVE", "E0000035"} {
			if strings.Contains(string(answer), word) {
				return word
			}
		}
		return string(answer)
	}

	const dana = "/api/v1/users/dana@acme.example"
	fmt.Println(post("/api/v1/users", `{"profile":{"login":"dana@acme.example","email":"dana@acme.example","firstName":"Dana","lastName":"Reyes"}}`))
	fmt.Println(post(dana+"/credentials/change_password", `{}`)) // there is none yet
	if err := org.CompleteActivation("dana@acme.example", "Tr0mbone-Kettle"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(post(dana, `{"profile":{"title":"Pilot"}}`))
	// Output:
	// PROVISIONED
	// E0000035
	// ACTIVE
}

// An org in a file is there again: here, a user who was locked out before.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "sandbox")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "org.db")
	for range 2 {
		org, err := oktatest.Open(oktatest.Options{Users: 1000, Seed: 1, File: file})
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := org.LockOut("me"); err != nil {
			fmt.Println(err)
		}
		if err := org.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// oktatest: lock out "me": the user is LOCKED_OUT: only users who are ACTIVE or PASSWORD_EXPIRED and have a password can be locked out
}
