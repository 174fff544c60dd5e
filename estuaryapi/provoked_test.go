package estuaryapi_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/estuaryapi"
)

// A provocation is an error that a route has answered with in some test.
type provocation struct {
	route  string
	code   int
	reason string // "": its body is not V1's usual one
}

var provoked sync.Map // of provocation

// TestMain lets the tests pass only if they have provoked every error that a row
// of the table declares, at that row. It says so when all of them have run.
//
// What every row of a kind has is not asked of each row again: everywhere_test.go
// goes over all rows with keys that are none (401), too many requests (429), large
// bodies (413), a store that fails (500) and accounts that are away (503),
// level_test.go with keys of too low a level (403). auth_test.go has keys that
// have expired or that nobody knows, user_test.go a suspended user's, and the
// hostile tests have input that is malformed (400).
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	all := true
	for _, name := range []string{"test.run", "test.skip", "test.fuzz", "test.list"} {
		all = all && flag.Lookup(name).Value.String() == ""
	}
	if all && code == 0 && !testing.Short() {
		for _, missing := range unprovoked() {
			fmt.Println("no test provokes what the document tells of:", missing)
			code = 1
		}
	}
	os.Exit(code)
}

func unprovoked() (missing []string) {
	for _, row := range estuaryapi.Rows() {
		route := row.Method + " " + row.Path
		want := func(code int, reason string) {
			if _, ok := provoked.Load(provocation{route, code, reason}); !ok {
				missing = append(missing, fmt.Sprintf("%s %d %s", route, code, cmp.Or(reason, "with a body of another kind")))
			}
		}
		for code, reasons := range row.Own {
			for _, reason := range reasons {
				want(code, reason)
			}
		}
		for _, code := range row.Others {
			want(code, "")
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}
