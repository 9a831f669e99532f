package format

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What is called tight is JSON, and has no white space to take out.
func FuzzTight(f *testing.F) {
	for _, s := range []string{
		``, `{`, `{}`, `[]`, `{"a":1,"b":[true,false,null,-0.5,"x\\\"y z"]}`, `{"a" :1}`, ` 1`, `1 `, `01`, `-`, `1.`, `1e5`, `"\u00e9"`, `"\x"`, `"é`,
		"\"\x01\"", `[1,]`, `{"a":1,}`, `[1 ,2]`, `tru`, `{]`, `[}`, `{"a"}`, `{1:2}`, `"\`, strings.Repeat("[", 200) + strings.Repeat("]", 200), "\"\xff\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !tight(b) {
			return
		}
		var out bytes.Buffer
		if err := json.Compact(&out, b); err != nil || !bytes.Equal(out.Bytes(), b) {
			t.Errorf("%q is called tight: %v, %q", b, err, &out)
		}
	})
}

// What the API sends is tight.
func TestTight(t *testing.T) {
	for _, s := range []string{`{}`, `[]`, `{"login":"a b@c","n":[1,-2.5,0],"o":{"x":null,"y":true,"z":false},"q":"\"\\\/\n é"}`} {
		if !tight([]byte(s)) {
			t.Errorf("%s isn't", s)
		}
	}
}
