package whoql

import "testing"

func TestSumReasons(t *testing.T) {
	for _, c := range []struct {
		reasons []string
		want    string
	}{
		{nil, ""},
		{[]string{"", "gone", ""}, "gone"},
		{[]string{"gone", "gone"}, "gone"},
		{[]string{"late", "gone", "", "gone"}, "2 × (gone), 1 × (late)"},
		{[]string{"a", "b", "c", "d", "d", "e", "d"}, "3 × (d), 1 × (a), 1 × (b), 2 × other reasons"},
	} {
		if got := SumReasons(c.reasons); got != c.want {
			t.Errorf("%q: %s, want %s", c.reasons, got, c.want)
		}
	}
}
