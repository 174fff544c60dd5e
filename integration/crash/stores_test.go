//go:build integration

package crash

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	gocid "github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// Names of the buckets, each with other rules.
const (
	private   = "private"
	public    = "public"
	versioned = "versioned"
)

// segmentSize makes segments seal, and be joined and removed, all the time.
const segmentSize = 48 << 10

// Drivers of the metadata. Both keep the promise.
const (
	pebble = "pebble"
	bolt   = "bolt"
)

// stores are opened as the product does it.
type stores struct {
	kv      kv.Store
	node    *node.Node
	queue   *queue.Queue
	buckets *buckets.Buckets
}

func openStores(ctx context.Context, dir, driver string) (*stores, error) {
	var s stores
	var err error
	if driver == bolt {
		s.kv, err = kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	} else {
		s.kv, err = kv.OpenPebble(ctx, filepath.Join(dir, "meta"), kv.PebbleOptions{})
	}
	if err != nil {
		return nil, err
	}
	s.queue = queue.New(s.kv, queue.Options{})
	s.node, err = node.Open(ctx, node.Config{
		Dir: dir, SegmentSize: segmentSize,
		Restore: func(ctx context.Context, _ cid) error { return node.ErrNotFound },
	})
	if err != nil {
		return nil, errors.Join(err, s.kv.Close())
	}
	s.buckets = buckets.New(s.kv, s.node, s.queue, buckets.Options{})
	return &s, nil
}

// close lets go of the locks on the directories too: a process that another test
// starts at this moment would hold them until it runs its program.
func (s *stores) close() error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return errors.Join(s.node.Close(), s.kv.Close())
}

// A body is named by what it is made of: "seed.size", joined with "+".
func newBody(seed uint64, size int) string { return fmt.Sprintf("%d.%d", seed, size) }

var bodies sync.Map // of []byte, by name

func bytesOf(name string) ([]byte, error) {
	if b, ok := bodies.Load(name); ok {
		return b.([]byte), nil
	}
	var all []byte
	for part := range strings.SplitSeq(name, "+") {
		seed, size, _ := strings.Cut(part, ".")
		n, err1 := strconv.ParseUint(seed, 10, 64)
		k, err2 := strconv.Atoi(size)
		if err := errors.Join(err1, err2); err != nil || k < 0 || k > 64<<20 {
			return nil, fmt.Errorf("no body is named %q", name)
		}
		var key [8]byte
		binary.LittleEndian.PutUint64(key[:], n)
		b := make([]byte, k)
		rand.NewChaCha8(sha256.Sum256(key[:])).Read(b)
		all = append(all, b...)
	}
	bodies.Store(name, all)
	return all, nil
}

var leaves sync.Map // of cid, by the name of the body

// leafOf is the first leaf of a body.
func leafOf(name string) (cid, error) {
	if c, ok := leaves.Load(name); ok {
		return c.(cid), nil
	}
	b, err := bytesOf(name)
	if err != nil {
		return cid{}, err
	}
	c, err := gocid.V1Builder{Codec: gocid.Raw, MhType: 0x12}.Sum(b[:min(len(b), 1<<20)])
	if err == nil {
		leaves.Store(name, c)
	}
	return c, err
}
