package pebble

import (
	"testing"

	"github.com/whypfs/whypfs/node/blocks"
	"github.com/whypfs/whypfs/node/blocks/blockstest"
)

func TestBlocks(t *testing.T) {
	blockstest.Run(t, func(t testing.TB, dir string, opt blockstest.Options) blocks.Store {
		s, err := Open(t.Context(), dir, Options{space: opt.Space})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
