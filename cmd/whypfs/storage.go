package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/node"
)

// storage is the settings of what keeps the blocks and what the metadata.
type storage struct {
	Blocks     string
	BlockCache size
	Meta       string
	ScrubRate  size
	ScrubEvery time.Duration
}

func (s *storage) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.Blocks, "blocks", "", "what keeps the blocks: segment (append-only files) or pebble; empty: what the data directory has, segment for a new one")
	fs.StringVar(&s.Meta, "meta", "", "what keeps the metadata: pebble (a log and sorted tables) or bolt (one file); empty: what the data directory has, pebble for a new one; if it has the other one, the start copies it")
	fs.Var(&s.BlockCache, "block-cache", "memory for large blocks that were just written or are read often; 0: a sixteenth of the machine's")
	s.ScrubRate = 20 << 20
	fs.Var(&s.ScrubRate, "scrub-rate", "bytes of stored blocks that are read again in a second and compared with their hashes; 0: none")
	fs.DurationVar(&s.ScrubEvery, "scrub-every", 7*24*time.Hour, "time from the end of one such pass to the begin of the next")
}

func (s *storage) check(bad func(format string, args ...any)) {
	if s.Blocks != "" && s.Blocks != node.Segment && s.Blocks != node.Pebble {
		bad("--blocks: %q is not %s or %s", s.Blocks, node.Segment, node.Pebble)
	}
	if s.Meta != "" && metaPaths[s.Meta] == "" {
		bad("--meta: %q is not %s or %s", s.Meta, metaPebble, metaBolt)
	}
	if s.ScrubRate < 0 {
		bad("--scrub-rate: %s is less than nothing", s.ScrubRate.String())
	}
	if s.ScrubEvery < 0 {
		bad("--scrub-every: %s is less than nothing", s.ScrubEvery)
	}
}
