package format_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/whoql/whoql/format"
)

// show writes the same result in the given format. Of csv's line ends an Example can't see the CR.
func show(name string) {
	var out strings.Builder
	w, err := format.New(name, &out, format.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := [][]any{
		{"dana@example.com", "ACTIVE", int64(12), json.RawMessage(`{"city": "Lyon"}`)},
		{"kim@example.com", nil, int64(3), json.RawMessage(`{}`)},
	}
	err = w.Begin([]string{"login", "status", "groups", "profile"})
	for _, row := range rows {
		if err == nil {
			err = w.Row(row)
		}
	}
	if err == nil {
		err = w.End(true)
	}
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(strings.ReplaceAll(out.String(), "\r\n", "\n"))
}

func ExampleNew_table() {
	show("table")
	// Output:
	// login             status  groups  profile
	// ----------------  ------  ------  ---------------
	// dana@example.com  ACTIVE      12  {"city":"Lyon"}
	// kim@example.com   NULL         3  {}
}

func ExampleNew_json() {
	show("json")
	// Output:
	// [
	// {"login":"dana@example.com","status":"ACTIVE","groups":12,"profile":{"city":"Lyon"}},
	// {"login":"kim@example.com","status":null,"groups":3,"profile":{}}
	// ]
}

func ExampleNew_jsonl() {
	show("jsonl")
	// Output:
	// {"login":"dana@example.com","status":"ACTIVE","groups":12,"profile":{"city":"Lyon"}}
	// {"login":"kim@example.com","status":null,"groups":3,"profile":{}}
}

func ExampleNew_csv() {
	show("csv")
	// Output:
	// login,status,groups,profile
	// dana@example.com,ACTIVE,12,"{""city"":""Lyon""}"
	// kim@example.com,,3,{}
}

func ExampleNames() {
	fmt.Println(strings.Join(format.Names(), ", "))
	// Output: table, json, jsonl, csv, tsv, markdown, list
}
