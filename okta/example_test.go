package okta_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/whoql/whoql/okta"
)

// An org of three users, two to a page.
func threeUsers() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		self := "http://" + r.Host + "/api/v1/users"
		w.Header().Add("Link", "<"+self+`?limit=2>; rel="self"`)
		if r.FormValue("after") == "" {
			w.Header().Add("Link", "<"+self+`?after=00u2&limit=2>; rel="next"`)
			fmt.Fprint(w, `[{"id":"00u1"},{"id":"00u2"}]`)
			return
		}
		fmt.Fprint(w, `[{"id":"00u3"}]`)
	}))
}

// A list is read page by page; while one page is worked on, the next one is on
// its way.
func Example() {
	org := threeUsers()
	defer org.Close()

	client, err := okta.New(org.URL, okta.Token("00secret"), okta.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	pages := client.Pages("list users", "/api/v1/users", url.Values{"search": {`status eq "ACTIVE"`}}, okta.PageOptions{Size: 2})
	defer pages.Close()
	for {
		page, err := pages.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		pages.Prefetch(ctx)
		for _, user := range page.Items {
			fmt.Printf("%s\n", user)
		}
	}
	// Output:
	// {"id":"00u1"}
	// {"id":"00u2"}
	// {"id":"00u3"}
}

// A login is escaped before it becomes part of a path.
func ExamplePathSegment() {
	segment, err := okta.PathSegment("ann+test@acme.example")
	fmt.Println(segment, err)
	_, err = okta.PathSegment("a/b")
	fmt.Println(err)
	// Output:
	// ann+test@acme.example <nil>
	// okta: "a/b" can't stand in a path: it has a slash; use a search instead
}
