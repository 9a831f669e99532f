package whoql_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
	"github.com/whoql/whoql/stmt"
)

// An org is given by its URL and an API token; here it is the sandbox's, with 450 invented users.
func ExampleOpen() {
	server, err := oktatest.Serve(oktatest.Options{Users: 450})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	engine, err := whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: "sandbox", Client: client}}})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := engine.Query(context.Background(),
		`SELECT count(*) AS users, count(DISTINCT status) AS statuses, min(subdomain) AS org FROM okta.user.users`, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		for i, c := range rows.Columns() {
			fmt.Println(c.Name, rows.Values()[i])
		}
	}
	if err := rows.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows.Stats().Requests, "requests")
	// Output:
	// users 450
	// statuses 8
	// org sandbox
	// 3 requests
}

// Values go into a statement as parameters, and several statements give several results.
func ExampleEngine_Query() {
	server, err := oktatest.Serve(oktatest.Options{Users: 450})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	engine, err := whoql.Open(whoql.Options{Orgs: []whoql.Org{{Name: "sandbox", Client: client}}})
	if err != nil {
		log.Fatal(err)
	}

	rows, err := engine.Query(context.Background(), `
		SELECT id FROM okta.user.users WHERE login = :login;
		SELECT status IN ('ACTIVE', 'STAGED') AS known, count(*) > 0 AS found
		FROM okta.user.users WHERE status = :status GROUP BY 1`,
		whoql.Args{"login": "nobody@example.com", "status": "STAGED"})
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResult() {
		n := 0
		for rows.Next() {
			n++
			fmt.Println(rows.Values()...)
		}
		fmt.Println("rows:", n)
	}
	if err := rows.Err(); err != nil {
		log.Fatal(err)
	}

	// What is wrong with a text is found before anything is sent.
	_, err = engine.Query(context.Background(), "SELECT id,\n  loginn FROM okta.user.users", nil)
	var wrong *stmt.Error
	if errors.As(err, &wrong) {
		fmt.Println(wrong)
		fmt.Println(wrong.Hint)
	}
	// Output:
	// rows: 0
	// 1 1
	// rows: 1
	// 2:3: no such column: loginn
	// did you mean login?
}

// A CSV file becomes a table, and a SQLite file a place to keep results.
func ExampleOptions_files() {
	server, err := oktatest.Serve(oktatest.Options{Users: 450})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := okta.New(server.URL, okta.Token(server.Token), okta.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	roster := filepath.Join(dir, "roster.csv")
	if err := os.WriteFile(roster, []byte("email;since\nsomebody.new@acme.example;2026\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	engine, err := whoql.Open(whoql.Options{
		Orgs:   []whoql.Org{{Name: "sandbox", Client: client}},
		CSV:    []whoql.CSV{{Name: "roster", Path: roster}},
		Attach: []whoql.Attachment{{Name: "audit", Path: filepath.Join(dir, "audit.db"), Mode: whoql.AttachCreate}},
	})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := engine.Query(context.Background(), `
		CREATE TABLE audit.missing AS
			SELECT r.email, r.since FROM roster AS r LEFT JOIN okta.user.users AS u ON u.login = r.email WHERE u.id IS NULL;
		SELECT * FROM audit.missing`, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResult() {
		for rows.Next() {
			fmt.Println(rows.Values()...)
		}
	}
	if err := rows.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// somebody.new@acme.example 2026
}
