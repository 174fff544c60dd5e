package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/spaolacci/murmur3"
)

// ErrDirHash says that two names of one directory have the same 64-bit hash. A
// HAMT cannot hold both, in any implementation.
var ErrDirHash = errors.New("two names of a directory have the same hash")

const (
	fanout     = 256
	labelWidth = 2 // hexadecimal digits before a link's name: its index
)

// A nameHash says where in a HAMT a name is: a byte for each level.
type nameHash [8]byte

func hashName(name string) (h nameHash) {
	binary.BigEndian.PutUint64(h[:], murmur3.Sum64([]byte(name)))
	return h
}

// A shard is a node of a HAMT directory. It has the shards below it in memory
// as far as they were read or have changed.
type shard struct {
	items  []shardItem // by index
	stored bool        // it is in the store as it is
}

// A shardItem is an entry, if it has a name, or else a shard.
type shardItem struct {
	index byte
	DirEntry
	sub *shard // of a shard that is in memory
}

func (s *shard) find(index byte) (at int, found bool) {
	return slices.BinarySearchFunc(s.items, index, func(it shardItem, index byte) int { return int(it.index) - int(index) })
}

// child returns the shard at a place, reading it if need be.
func (s *shard) child(ctx context.Context, w *DirWriter, at int) (*shard, error) {
	it := &s.items[at]
	if it.sub == nil {
		links, fs, _, err := w.load(ctx, it.Root)
		if err != nil {
			return nil, err
		}
		if it.sub, err = parseShard(it.Root, fs, links); err != nil {
			return nil, err
		}
	}
	return it.sub, nil
}

func parseShard(c cid.Cid, fs *unixfs.FSNode, links []*ipld.Link) (*shard, error) {
	if fs.Type() != unixfs.THAMTShard || fs.Fanout() != fanout || fs.HashType() != hamt.HashMurmur3 {
		return nil, fmt.Errorf("%s: HAMT with other parameters: %w", c, ErrNotDir)
	}
	s := &shard{items: make([]shardItem, len(links)), stored: true}
	for i, l := range links {
		if len(l.Name) < labelWidth {
			return nil, fmt.Errorf("%s: link %q in a HAMT: %w", c, l.Name, ErrNotDir)
		}
		index, err := strconv.ParseUint(l.Name[:labelWidth], 16, 8)
		if err != nil || i > 0 && byte(index) <= s.items[i-1].index {
			return nil, fmt.Errorf("%s: link %q in a HAMT: %w", c, l.Name, ErrNotDir)
		}
		s.items[i] = shardItem{index: byte(index), DirEntry: DirEntry{Name: l.Name[labelWidth:], Root: l.Cid, Tsize: l.Size}}
	}
	return s, nil
}

func (s *shard) get(ctx context.Context, w *DirWriter, h nameHash, depth int, name string) (DirEntry, bool, error) {
	at, found := s.find(h[depth])
	switch {
	case !found:
		return DirEntry{}, false, nil
	case s.items[at].Name != "":
		e := s.items[at].DirEntry
		return e, e.Name == name, nil
	}
	sub, err := s.child(ctx, w, at)
	if err != nil {
		return DirEntry{}, false, err
	}
	return sub.get(ctx, w, h, depth+1, name)
}

// set adds or replaces an entry and says whether that changed anything.
func (s *shard) set(ctx context.Context, w *DirWriter, h nameHash, depth int, e DirEntry) (changed bool, err error) {
	if depth == len(h) {
		return false, fmt.Errorf("%q: %w", e.Name, ErrDirHash)
	}
	at, found := s.find(h[depth])
	switch {
	case !found:
		s.items = slices.Insert(s.items, at, shardItem{index: h[depth], DirEntry: e})
	case s.items[at].Name == e.Name:
		if s.items[at].DirEntry == e {
			return false, nil
		}
		s.items[at].DirEntry = e
	case s.items[at].Name != "":
		// Two entries in one place: both go a level down.
		old, sub := s.items[at].DirEntry, new(shard)
		if _, err := sub.set(ctx, w, hashName(old.Name), depth+1, old); err != nil {
			return false, err
		}
		if _, err := sub.set(ctx, w, h, depth+1, e); err != nil {
			return false, err
		}
		s.items[at] = shardItem{index: h[depth], sub: sub}
	default:
		sub, err := s.child(ctx, w, at)
		if err != nil {
			return false, err
		}
		if changed, err = sub.set(ctx, w, h, depth+1, e); err != nil || !changed {
			return false, err
		}
	}
	s.stored = false
	return true, nil
}

// remove removes an entry and says whether it was there. A shard that is left
// with one entry gives it to its parent, so the HAMT is what it would be if the
// removed entry had never been.
func (s *shard) remove(ctx context.Context, w *DirWriter, h nameHash, depth int, name string) (removed bool, err error) {
	at, found := s.find(h[depth])
	if !found || s.items[at].Name != "" && s.items[at].Name != name {
		return false, nil
	}
	if s.items[at].Name == name {
		s.items = slices.Delete(s.items, at, at+1)
		s.stored = false
		return true, nil
	}
	sub, err := s.child(ctx, w, at)
	if err != nil {
		return false, err
	}
	if removed, err = sub.remove(ctx, w, h, depth+1, name); err != nil || !removed {
		return false, err
	}
	if len(sub.items) == 1 && sub.items[0].Name != "" {
		s.items[at] = shardItem{index: s.items[at].index, DirEntry: sub.items[0].DirEntry}
	}
	s.stored = false
	return true, nil
}

// each calls fn with every entry until fn returns an error.
func (s *shard) each(ctx context.Context, w *DirWriter, fn func(DirEntry) error) error {
	for at := range s.items {
		if s.items[at].Name != "" {
			if err := fn(s.items[at].DirEntry); err != nil {
				return err
			}
			continue
		}
		sub, err := s.child(ctx, w, at)
		if err != nil {
			return err
		}
		if err := sub.each(ctx, w, fn); err != nil {
			return err
		}
	}
	return nil
}

// store writes the shards that changed, those below first, and lets go of them.
func (s *shard) store(ctx context.Context, w *DirWriter) (DirEntry, error) {
	var bitfield [fanout / 8]byte // a number with bit i set for index i
	links := make([]ipld.Link, len(s.items))
	for i := range s.items {
		it := &s.items[i]
		if it.sub != nil && !it.sub.stored {
			stored, err := it.sub.store(ctx, w)
			if err != nil {
				return DirEntry{}, err
			}
			it.DirEntry = stored
		}
		it.sub = nil
		bitfield[len(bitfield)-1-int(it.index)/8] |= 1 << (it.index % 8)
		links[i] = ipld.Link{Name: fmt.Sprintf("%0*X%s", labelWidth, it.index, it.Name), Cid: it.Root, Size: it.Tsize}
	}
	first := slices.IndexFunc(bitfield[:], func(b byte) bool { return b != 0 })
	data, err := unixfs.HAMTShardData(bitfield[max(first, 0):], fanout, hamt.HashMurmur3)
	if err != nil {
		return DirEntry{}, err
	}
	s.stored = true
	return w.put(ctx, links, data)
}
