package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestSDK is what the command does, as a test.
func TestSDK(t *testing.T) {
	var out bytes.Buffer
	failed, err := run(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	checks := 0
	for line := range strings.Lines(out.String()) {
		switch {
		case strings.HasPrefix(line, "not ok "):
			t.Error(strings.TrimSpace(line))
			checks++
		case strings.HasPrefix(line, "ok "):
			checks++
		}
	}
	if checks < 400 {
		t.Errorf("only %d checks were run", checks)
	}
	if failed > 0 && !t.Failed() {
		t.Errorf("%d checks failed and printed nothing", failed)
	}
}
