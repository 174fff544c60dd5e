package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pbnjay/memory"

	"github.com/whypfs/whypfs/internal/durable"
	"github.com/whypfs/whypfs/node/blocks"
	"github.com/whypfs/whypfs/node/pebble"
	"github.com/whypfs/whypfs/node/segment"
)

// The drivers of package blocks, for Config.Blocks.
const (
	Segment = "segment" // append-only files: the default
	Pebble  = "pebble"  // a Pebble database, in Dir/blocks/pebble
)

// driverFile in Dir/blocks names the driver whose blocks are there. A directory
// of segments from before there were others has none.
const driverFile = "driver"

// ErrDriver says that the blocks of a directory were stored by another driver.
var ErrDriver = errors.New("another driver's blocks")

// openBlocks opens the block store of cfg.
func openBlocks(ctx context.Context, cfg Config) (blocks.Store, error) {
	dir := filepath.Join(cfg.Dir, "blocks")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	driver, err := chooseDriver(dir, cfg.Blocks)
	if err != nil {
		return nil, err
	}
	if driver == Pebble {
		dir = filepath.Join(dir, Pebble)
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		return pebble.Open(ctx, dir, pebble.Options{Log: cfg.Log, Metrics: cfg.Metrics})
	}
	return segment.Open(ctx, dir, segment.Options{
		SegmentSize: cfg.SegmentSize, Cache: cmp.Or(cfg.BlockCache, int64(memory.TotalMemory()/16)),
		Log: cfg.Log, Metrics: cfg.Metrics,
	})
}

// chooseDriver returns the driver of the blocks in dir, which has to be want,
// unless that is empty. An empty directory is want's from now on.
func chooseDriver(dir, want string) (driver string, err error) {
	if want != "" && want != Segment && want != Pebble {
		return "", fmt.Errorf("block driver %q: want %s or %s", want, Segment, Pebble)
	}
	have, err := driverOf(dir)
	if err == nil {
		err = durable.Clean(filepath.Join(dir, driverFile)) // of a crash while it was written
	}
	switch {
	case err != nil:
		return "", err
	case have == "":
		driver = want
		if driver == "" {
			driver = newDriver
		}
		return driver, durable.WriteFile(filepath.Join(dir, driverFile), []byte(driver+"\n"), 0o600)
	case want != "" && want != have:
		return "", fmt.Errorf("%w: %s holds blocks of driver %s, not %s: open it with %s; to change the driver, copy the content to a node with a new directory",
			ErrDriver, dir, have, want, have)
	}
	return have, nil
}

// driverOf is the driver whose blocks are in dir: none if there are none.
func driverOf(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, driverFile))
	if errors.Is(err, fs.ErrNotExist) {
		segments, err := filepath.Glob(filepath.Join(dir, "*.car"))
		if err != nil || len(segments) == 0 {
			return "", err
		}
		return Segment, nil
	}
	if err != nil {
		return "", err
	}
	switch name := string(bytes.TrimSpace(b)); name {
	case Segment, Pebble:
		return name, nil
	default:
		return "", fmt.Errorf("%w: %s names driver %q, which is not known here", ErrDriver, filepath.Join(dir, driverFile), name)
	}
}
