package oktatest

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestTheSandboxIsDocumented takes the lists of what there is from where it is, and looks for each item
// in docs/sandbox.md.
func TestTheSandboxIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	options := reflect.TypeFor[Options]()
	for i := range options.NumField() {
		if name := options.Field(i).Name; !strings.Contains(doc, "\n| `"+name+"`") && !strings.Contains(doc, ", `"+name+"` |") {
			t.Errorf("the option %s is not documented", name)
		}
	}
	for _, kind := range FaultKinds() {
		if !strings.Contains(doc, "\n| `"+kind.String()+"` |") {
			t.Errorf("the fault %s is not documented", kind)
		}
	}
	for _, one := range controls() {
		if !strings.Contains(doc, "`"+one.method+" "+one.pattern+"`") {
			t.Errorf("%s %s is not documented", one.method, one.pattern)
		}
	}
}
