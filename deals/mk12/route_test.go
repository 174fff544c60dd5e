package mk12

import (
	"context"
	"strconv"
	"testing"
)

// What is said of a provider while it is being looked up counts from the next
// talk on: what was found before that is not kept.
func TestForgetDuringLookup(t *testing.T) {
	var c *Client
	looked := 0
	find := func(context.Context, string) (Route, error) {
		if looked++; looked == 1 {
			c.Forget("f01000")
		}
		return Route{Peer: strconv.Itoa(looked)}, nil
	}
	c = New(nil, find, nil)
	for i, want := range []string{"1", "2", "2"} {
		if r, err := c.route(t.Context(), "f01000"); err != nil || r.Peer != want {
			t.Errorf("talk %d goes to %+v, %v, want %s", i+1, r, err, want)
		}
	}
}
