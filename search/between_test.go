package search_test

import (
	"testing"
	"time"

	"github.com/whoql/whoql/search"
)

func TestBetween(t *testing.T) {
	from := time.Date(2024, 2, 29, 23, 59, 59, 0, time.FixedZone("", 3600))
	got := search.Between("created", from, from.Add(1001*time.Millisecond))
	if want := `(created ge "2024-02-29T22:59:59.000Z") and (created lt "2024-02-29T23:00:00.001Z")`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
