package estuaryapi_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/whypfs/whypfs/estuaryapi"
)

// docs/estuary-v1.md says of every route that it works, and of no other.
func TestPageOfRoutes(t *testing.T) {
	page, err := os.ReadFile("../docs/estuary-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		if state[m[1]] != "" {
			t.Errorf("%s stands there twice", m[1])
		}
		if state[m[1]] = m[2]; m[2] != "works" {
			t.Errorf("%s is %q, want works", m[1], m[2])
		}
	}
	if len(state) < 127 {
		t.Errorf("the page has %d routes, V1 alone had 127", len(state))
	}
	for _, row := range estuaryapi.Rows() {
		name := row.Method + " " + row.Path
		if state[name] != "works" {
			t.Errorf("%s is there; the page says %q", name, state[name])
		}
		delete(state, name)
	}
	for name := range state {
		t.Errorf("the page says that %s works; there is no such route", name)
	}
}
