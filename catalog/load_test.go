package catalog_test

import (
	"testing"

	"github.com/whoql/whoql/catalog"
)

func TestLoad(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	users := c.Lookup("Okta.USER.users")
	if users == nil {
		t.Fatal("okta.user.users is not there")
	}
	if got, want := len(users.Columns), 14+8+31; got != want {
		t.Errorf("%d columns, want %d", got, want)
	}
}
