package format_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/whoql/whoql/format"
)

func TestQuick(t *testing.T) {
	for _, n := range format.Names() {
		w, _ := format.New(n, os.Stdout, format.Options{Width: 60})
		for range 2 {
			w.Begin([]string{"id", "n", "n", "profile"})
			w.Row([]any{"00u1", int64(1) << 60, 1.0, json.RawMessage(`{ "a": "\u001b<é>", "b":[1, 2], "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc":1}`)})
			w.Row([]any{"", nil, true, nil})
			w.Row([]any{"日本語\x1b[31m\xff", int64(5), "a\"b,c", []byte("hi")})
			w.End(true)
			w.Begin([]string{"id"})
			w.End(true)
		}
	}
}
