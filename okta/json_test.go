package okta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strings"
	"testing"
	"unicode/utf8"
)

var jsonSeeds = []string{
	`[]`, ` [ ] `, `[{}]`, `[{"id":"a"},{"id":"b\"c\\"}]`, `[{"x":{"id":"no"},"id":7,"id":"y","id":"z"}]`,
	`[{"a":[1,-0,0.5,1e9,1E-2,-12.5e+3,true,false,null,"\u00e9\ud83d\ude00\/\b"]}]`,
	"[ {\t\"a\" :\r\n [ ] , \"b\" : { } } ]", `[{"long string over eight bytes":"and another \n one with escapes \t"}]`,
	`[1]`, `[null]`, `[[]]`, `["a"]`, `[{}`, `[{},]`, `[,{}]`, `[{} {}]`, `[{}]]`, `[{"a"}]`, `[{"a":}]`, `[{"a":1,}]`, `[{a:1}]`,
	`[{"a":01}]`, `[{"a":1.}]`, `[{"a":.5}]`, `[{"a":-}]`, `[{"a":1e}]`, `[{"a":+1}]`, `[{"a":tru}]`, `[{"a":nulll}]`,
	`[{"a":"\x"}]`, `[{"a":"\u12g4"}]`, `[{"a":"\u12`, "[{\"a\":\"\n\"}]", "[{\"a\":\"12345678\x00\"}]", "[{\"a\":\"\x7f\"}]",
	`{"a":1}`, `{"id":"x"}`, `7`, `"x"`, ``, ` `, `<html>`, "\ufeff[]", "[{\"a\":\"\xff\"}]", "[{\"\u2028\":1}]",
	strings.Repeat("[", 2000), strings.Repeat(`[{"a":`, 2000),
}

func FuzzSplitPage(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkSplit(t, body) })
}

func TestSplitPage(t *testing.T) {
	for _, s := range jsonSeeds {
		checkSplit(t, []byte(s))
	}
}

// checkSplit compares splitPage and validJSON with encoding/json.
func checkSplit(t *testing.T, body []byte) {
	t.Helper()
	deep := bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) >= maxDepth
	valid := json.Valid(body) && utf8.Valid(body)
	if got, at := validJSON(body); got != valid && !deep || at < 0 || at > len(body) {
		t.Errorf("validJSON(%q) = %v, %d", body, got, at)
	}
	items, ids, problem := splitPage(body, nil, nil)
	var want []json.RawMessage
	ok := valid && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) && json.Unmarshal(body, &want) == nil
	for _, item := range want {
		ok = ok && item[0] == '{'
	}
	if (problem == "") != ok && !deep {
		t.Errorf("splitPage(%q): problem %q, want ok = %v", body, problem, ok)
	}
	if problem != "" {
		if len(items) != 0 {
			t.Errorf("splitPage(%q): a problem and items", body)
		}
		return
	}
	if len(items) != len(want) || len(ids) != len(items) {
		t.Fatalf("splitPage(%q): %d items, %d ids, want %d", body, len(items), len(ids), len(want))
	}
	for i, item := range items {
		if string(item) != string(want[i]) {
			t.Errorf("splitPage(%q): item %d is %s", body, i, item)
		}
		if id := firstID(t, item); id != string(ids[i]) {
			t.Errorf("splitPage(%q): id %d is %q, want %q", body, i, ids[i], id)
		}
	}
}

// firstID finds the raw first "id" of an object that is a string.
func firstID(t *testing.T, item []byte) string {
	d := json.NewDecoder(bytes.NewReader(item))
	d.Token()
	for d.More() {
		before := d.InputOffset()
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		key := item[before:d.InputOffset()]
		key = key[bytes.IndexByte(key, '"'):]
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if string(key) == `"id"` && value[0] == '"' {
			return string(value[1 : len(value)-1])
		}
	}
	return ""
}

func TestTooManyObjects(t *testing.T) {
	many := func(n int) []byte { return []byte("[" + strings.Repeat("{},", n-1) + "{}]") }
	if items, _, problem := splitPage(many(maxItems), nil, nil); problem != "" || len(items) != maxItems {
		t.Error(len(items), problem)
	}
	if _, _, problem := splitPage(many(maxItems+1), nil, nil); problem != "more than 10000 objects" {
		t.Error(problem)
	}
}

func TestDepth(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(`[{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}]`)
	}
	if _, _, problem := splitPage(nested(maxDepth-1), nil, nil); problem != "" {
		t.Error(problem)
	}
	if _, _, problem := splitPage(nested(maxDepth), nil, nil); problem == "" {
		t.Error("too deep, and no problem")
	}
}

// aPage is a page of n users as large as Okta's.
func aPage(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		b.WriteByte("[,"[min(i, 1)])
		fmt.Fprintf(&b, `{"id":"00u%017d","status":"ACTIVE","created":"2024-05-01T08:00:00.000Z","activated":"2024-05-01T08:00:01.000Z",`+
			`"statusChanged":"2024-05-01T08:00:01.000Z","lastLogin":null,"lastUpdated":"2025-01-01T00:00:00.000Z","passwordChanged":null,`+
			`"type":{"id":"otyfnly5cQjJT9PnR0g4"},"profile":{"firstName":"Ann \"Annie\"","lastName":"O'Neil","mobilePhone":null,`+
			`"secondEmail":"ann.private%d@mail.example","login":"ann%d@acme.example","email":"ann%d@acme.example","department":"Engineering",`+
			`"costCenter":"4711","employeeNumber":"00%d","countryCode":"US","city":"San Francisco","title":"Staff Engineer"},`+
			`"credentials":{"password":{},"emails":[{"value":"ann@acme.example","status":"VERIFIED","type":"PRIMARY"}],`+
			`"provider":{"type":"OKTA","name":"OKTA"}},"_links":{"self":{"href":"https://acme.okta.com/api/v1/users/00u%017d"}}}`,
			i, i, i, i, i, i)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func BenchmarkSplitPage(b *testing.B) {
	body := aPage(200)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var ids [][]byte
	for b.Loop() {
		items, i, problem := splitPage(body, make([][]byte, 0, 200), ids[:0])
		if len(items) != 200 || problem != "" {
			b.Fatal(len(items), problem)
		}
		ids = i
	}
}

// BenchmarkEncodingJSON is what SplitPage saves.
func BenchmarkEncodingJSON(b *testing.B) {
	body := aPage(200)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var items []json.RawMessage
		if err := json.Unmarshal(body, &items); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMark(b *testing.B) {
	items, ids, _ := splitPage(aPage(200), nil, nil)
	seed := maphash.MakeSeed()
	for _, order := range []string{"ascending", "any"} {
		b.Run(order, func(b *testing.B) {
			p := Pages{mark: mark{seed: seed}}
			for b.Loop() {
				p.trail, p.met = trail{seed: seed}, met{seed: seed, recent: p.met.recent[:0], hashes: p.met.hashes}
				if order == "any" {
					p.met.last = []byte("zz")
				}
				fresh, hashes := p.met.drop(items, ids)
				if _, err := p.mark.take(fresh, hashes, false); err != nil || len(fresh) != 200 {
					b.Fatal(err)
				}
			}
		})
	}
}
