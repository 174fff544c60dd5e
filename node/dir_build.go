package node

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ipfs/go-cid"
)

// maxBuilding is how many entries a DirBuilder has in memory before it spills
// them. So many never fit a basic directory.
const maxBuilding = 1 << 15

// A DirBuilder makes a new directory of any number of entries in bounded
// memory: what a HAMT wants in the order of hashes, and gets in that of names,
// is sorted through a file. It must be closed.
type DirBuilder struct {
	w       *DirWriter
	max     int
	pending []hashedEntry
	spill   *os.File
	runs    []int64 // where each run of entries, sorted by hash, ends in spill
}

type hashedEntry struct {
	hash nameHash
	DirEntry
}

func (e hashedEntry) compare(f hashedEntry) int {
	return cmp.Or(bytes.Compare(e.hash[:], f.hash[:]), cmp.Compare(e.Name, f.Name))
}

// Build begins a directory.
func (w *DirWriter) Build() *DirBuilder { return &DirBuilder{w: w, max: maxBuilding} }

// Add adds an entry. Each name is added once.
func (b *DirBuilder) Add(e DirEntry) error {
	b.pending = append(b.pending, hashedEntry{hashName(e.Name), e})
	if len(b.pending) < b.max {
		return nil
	}
	if err := b.write(); err != nil {
		return fmt.Errorf("spill directory entries: %w", err)
	}
	return nil
}

// Store writes the directory and returns it as an entry that has no name yet.
func (b *DirBuilder) Store(ctx context.Context) (DirEntry, error) {
	if b.spill == nil {
		d := b.w.New()
		for _, e := range b.pending {
			if err := d.Set(ctx, e.DirEntry); err != nil {
				return DirEntry{}, err
			}
		}
		return d.Store(ctx)
	}
	if err := b.write(); err != nil {
		return DirEntry{}, fmt.Errorf("spill directory entries: %w", err)
	}
	root := new(shard)
	var group []hashedEntry // with one first byte of the hash
	err := b.merge(func(e hashedEntry) error {
		if len(group) > 0 && group[0].hash[0] != e.hash[0] {
			if err := b.group(ctx, root, group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, e)
		return ctx.Err()
	})
	if err == nil {
		err = b.group(ctx, root, group)
	}
	if err != nil {
		return DirEntry{}, err
	}
	return root.store(ctx, b.w)
}

// group stores the shard of the entries with one first byte, and enters it in
// the root. Those entries are in memory: a 256th of all.
func (b *DirBuilder) group(ctx context.Context, root *shard, group []hashedEntry) error {
	for _, e := range group {
		if _, err := root.set(ctx, b.w, e.hash, 0, e.DirEntry); err != nil {
			return err
		}
	}
	it := &root.items[len(root.items)-1]
	if it.sub == nil {
		return nil
	}
	stored, err := it.sub.store(ctx, b.w)
	it.DirEntry, it.sub = stored, nil
	return err
}

// Close lets go of the file; the directory that was stored stays.
func (b *DirBuilder) Close() error {
	if b.spill == nil {
		return nil
	}
	return b.spill.Close()
}

// write appends the pending entries as a run.
func (b *DirBuilder) write() error {
	if b.spill == nil {
		f, err := os.CreateTemp(b.w.n.cfg.Dir, "directory-*.tmp")
		if err != nil {
			return err
		}
		b.spill = f
		if err := os.Remove(f.Name()); err != nil { // it lives for as long as it is open
			return err
		}
	}
	slices.SortFunc(b.pending, hashedEntry.compare)
	out := bufio.NewWriterSize(b.spill, 1<<18)
	n := int64(0)
	for _, e := range b.pending {
		rec := binary.AppendUvarint(nil, uint64(len(e.Name)))
		rec = append(rec, e.Name...)
		rec = binary.AppendUvarint(rec, uint64(e.Root.ByteLen()))
		rec = append(rec, e.Root.KeyString()...)
		rec = binary.AppendUvarint(rec, e.Tsize)
		if _, err := out.Write(rec); err != nil {
			return err
		}
		n += int64(len(rec))
	}
	if len(b.runs) > 0 {
		n += b.runs[len(b.runs)-1]
	}
	b.runs = append(b.runs, n)
	clear(b.pending)
	b.pending = b.pending[:0]
	return out.Flush()
}

// merge yields the entries of all runs by hash.
func (b *DirBuilder) merge(yield func(hashedEntry) error) error {
	var h runHeap
	from := int64(0)
	for _, to := range b.runs {
		r := &dirRun{in: bufio.NewReaderSize(io.NewSectionReader(b.spill, from, to-from), 1<<15)}
		from = to
		if ok, err := r.next(); err != nil {
			return err
		} else if ok {
			h = append(h, r)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if err := yield(h[0].head); err != nil {
			return err
		}
		if ok, err := h[0].next(); err != nil {
			return err
		} else if ok {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// A dirRun is a run that is being read.
type dirRun struct {
	in   *bufio.Reader
	head hashedEntry
}

// next reads the next entry into head, if there is one.
func (r *dirRun) next() (ok bool, err error) {
	name, err := r.bytes()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	var root []byte
	var tsize uint64
	if err == nil {
		root, err = r.bytes()
	}
	if err == nil {
		tsize, err = binary.ReadUvarint(r.in)
	}
	if err != nil {
		return false, fmt.Errorf("read spilled directory entries: %w", err)
	}
	c, err := cid.Cast(root)
	r.head = hashedEntry{hashName(string(name)), DirEntry{Name: string(name), Root: c, Tsize: tsize}}
	return true, err
}

func (r *dirRun) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, err
	}
	p := make([]byte, n)
	if _, err = io.ReadFull(r.in, p); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return p, err
}

// runHeap has the run with the least head first.
type runHeap []*dirRun

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].head.compare(h[j].head) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*dirRun)) }
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
