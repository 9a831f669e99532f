package okta

import (
	"fmt"
	"hash/maphash"
	"testing"
)

// However long a list is, an object that comes again within maxMet objects is left out, and memory
// doesn't grow; of a list in which nothing moves, within maxMetStable.
func TestMetIsBounded(t *testing.T) {
	metIsBounded(t, met{seed: maphash.MakeSeed()}, maxMet)
	metIsBounded(t, met{seed: maphash.MakeSeed(), stable: true}, maxMetStable)
}

func metIsBounded(t *testing.T, m met, most int) {
	t.Helper()
	id := func(n int) []byte { return fmt.Appendf(nil, "%09d", n) }
	give := func(n int) bool {
		kept, _ := m.drop([][]byte{id(n)}, [][]byte{id(n)})
		return len(kept) == 1
	}
	n := 2*most + 100
	for i := range n {
		if !give(i) {
			t.Fatalf("object %d is left out", i)
		}
	}
	for _, back := range []int{1, 2, 1000, most - 1} {
		if give(n - back) {
			t.Errorf("object %d before comes twice", back)
		}
	}
	for i := range n { // not ascending any more
		if !give(10*n - i) {
			t.Fatalf("object %d is left out", i)
		}
	}
	if give(10*n - n + 5) {
		t.Error("a late object comes twice")
	}
	if len(m.recent) != most || len(m.set) != most {
		t.Errorf("%d hashes in the ring and %d in the set, want %d", len(m.recent), len(m.set), most)
	}
}
