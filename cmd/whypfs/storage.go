package main

import (
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/node"
)

// storage is the settings of what keeps the blocks.
type storage struct {
	Blocks string
}

func (s *storage) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.Blocks, "blocks", "", "what keeps the blocks: segment (append-only files) or pebble; empty: what the data directory has, segment for a new one")
}

func (s *storage) check(bad func(format string, args ...any)) {
	if s.Blocks != "" && s.Blocks != node.Segment && s.Blocks != node.Pebble {
		bad("--blocks: %q is not %s or %s", s.Blocks, node.Segment, node.Pebble)
	}
}
