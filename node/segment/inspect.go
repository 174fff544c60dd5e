package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// InspectOptions of Inspect. The zero value reads indexes and marks, and no data.
type InspectOptions struct {
	Hash   bool     // read all data and compare it with its hashes
	Repair bool     // remove bad indexes, so that the next open makes them again
	Known  []string // names of others' files in the directory
}

// What there is to do about faults.
const (
	doRead   = "none: the next scrub or reader of a block that is lost has it repaired"
	doIndex  = "start the node: it makes the index again"
	doAgain  = "start the node again: it makes the index again, if no reader has had that done before"
	doRemake = "run fsck with --repair while the node does not run: it has the index made again"
	doRemove = "remove the file when you do not need it"
	doStart  = "start the node: it removes the file"
	doAside  = "keep the file; `whypfs fsck` lists the blocks that are missing"
)

// Inspect compares the files of a closed store with each other and tells fn of
// each fault. It changes nothing, but for InspectOptions.Repair. What a crash
// leaves, and the next open puts in order, is no fault.
func Inspect(ctx context.Context, dir string, opt InspectOptions, fn func(blocks.Fault)) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	i := inspector{dir: dir, files: osFiles{dir: dir, root: root}, opt: opt, fn: fn}
	if i.names, err = i.files.list(); err != nil {
		return err
	}
	slices.Sort(i.names)
	for _, name := range i.names {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := i.file(ctx, name); err != nil {
			return fmt.Errorf("inspect %s: %w", name, err)
		}
	}
	return nil
}

// An inspector is one Inspect.
type inspector struct {
	dir   string
	files files
	names []string
	open  bool // the store is in use
	opt   InspectOptions
	fn    func(blocks.Fault)
}

// index is what there is to do about one that is missing or damaged.
func (i *inspector) index() string {
	if i.open {
		return doAgain
	}
	return doIndex
}

func (i *inspector) fault(name string, risk bool, do, what string, args ...any) {
	i.fn(blocks.Fault{Where: filepath.Join(i.dir, name), What: fmt.Sprintf(what, args...), Risk: risk, Do: do})
}

func (i *inspector) file(ctx context.Context, name string) error {
	var id uint32
	_, _ = fmt.Sscanf(name, "%d.", &id)
	alone := !slices.Contains(i.names, dataName(id))
	switch name {
	case dataName(id):
		return i.segment(ctx, id)
	case indexName(id), checkName(id):
		if alone {
			i.fault(name, false, doStart, "belongs to no segment")
		}
	case indexName(id) + ".tmp": // of a crash
	case dataName(id) + ".bad":
		i.fault(name, true, doAside, "a segment in which no block could be read was set aside")
	default:
		if !slices.Contains(i.opt.Known, name) && !strings.HasPrefix(name, ".") {
			i.fault(name, false, doRemove, "is no file of the block store")
		}
	}
	return nil
}

// segment inspects one segment.
func (i *inspector) segment(ctx context.Context, id uint32) error {
	name := dataName(id)
	f, size, err := i.files.open(name, false)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(header))
	if err := readFull(f, head, 0); (err != nil || !bytes.Equal(head, header)) && size > int64(len(header)) {
		i.fault(name, false, "none: blocks are found without it", "the header is damaged")
	}
	x, verdicts, err := openIndex(i.files, id, size)
	if err != nil {
		return i.unindexed(id, f, size, err)
	}
	defer func() { _ = x.release() }()
	entries, err := x.all()
	if err != nil {
		i.badIndex(id, err)
		return nil
	}
	c := contents{end: int64(x.end), skipped: int64(x.skipped), entries: entries, verdicts: verdicts}
	slices.SortFunc(c.entries, byOffset)
	if size > c.end {
		i.fault(name, false, "none", "%d bytes follow the end of the segment at %d", size-c.end, c.end)
	}
	i.compare(id, f, c)
	if i.opt.Hash {
		return i.hashes(ctx, id, f, c)
	}
	return nil
}

// unindexed inspects a segment that has no good index, because of err.
func (i *inspector) unindexed(id uint32, f file, size int64, err error) error {
	c, unread := scan(f, size, id)
	c = cutUnwritten(f, size, int64(len(header)), c)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		i.badIndex(id, err)
	case c.whole:
		i.fault(indexName(id), false, i.index(), "the index of a sealed segment is missing")
	}
	if unread != nil {
		i.fault(dataName(id), true, "copy the disk, then try to read the file again", "cannot be read: %v", unread)
	}
	if c.skipped > 0 {
		i.fault(dataName(id), true, doRead, "%d bytes among the records are damaged", c.skipped)
	}
	return nil
}

// badIndex tells of a damaged index, and with Repair removes it.
func (i *inspector) badIndex(id uint32, err error) {
	do := i.index()
	if i.opt.Repair {
		do = "removed: the next start makes it again"
		if e := errors.Join(i.files.remove(indexName(id)), i.files.sync()); e != nil {
			do = fmt.Sprintf("could not be removed: %v", e)
		}
	}
	i.fault(indexName(id), false, do, "the index is damaged: %v", err)
}

// compare looks for what the index says in the segment, and for what it does
// not say. An index that is wrong once tells no more.
func (i *inspector) compare(id uint32, f file, c contents) {
	w, wrong := &window{r: f, size: c.end}, false
	stale := func(what string, args ...any) {
		do := doRemake
		wrong = true
		if i.opt.Repair {
			do = "removed: the next start makes it again"
			if err := ignoreNotExist(i.files.remove(indexName(id))); err != nil {
				do = fmt.Sprintf("could not be removed: %v", err)
			}
		}
		i.fault(indexName(id), true, do, what, args...)
	}
	off := int64(len(header))
	for _, p := range c.extents() {
		if wrong {
			return
		}
		if p.from > off {
			i.gap(id, w, off, p.from, c, stale)
		}
		off = max(off, p.to)
		if !wrong && p.entry != nil && !hasMark(f, *p.entry) {
			if _, ok, err := w.record(p.from, id); err == nil && !ok {
				i.fault(dataName(id), true, doRead, "the record at %d is damaged: its mark cannot be read", p.from)
			} else {
				stale("says that there is a record at %d, where there is another", p.from)
			}
		}
	}
	if off < c.end && !wrong {
		i.gap(id, w, off, c.end, c, stale)
	}
}

// gap looks at bytes that the index says nothing of.
func (i *inspector) gap(id uint32, w *window, from, to int64, c contents, stale func(string, ...any)) {
	if to == c.end && to-from == trailerSize {
		b, err := w.at(from, trailerSize)
		t, ok := parseTrailer(b)
		switch {
		case err != nil || !ok:
			i.fault(dataName(id), false, "none: it is needed only while there is no index", "the trailer is damaged")
		case t != newTrailer(id, contents{end: from, entries: c.entries, verdicts: c.verdicts}):
			stale("tells of other records than the trailer of the segment")
		}
		return
	}
	if e, ok, err := w.record(from, id); err == nil && ok {
		stale("does not have the record at %d of %d bytes", from, e.length())
		return
	}
	if _, ok := w.verdict(from, id); ok {
		stale("does not have the verdict at %d", from)
		return
	}
	i.fault(dataName(id), true, doRead, "the bytes from %d to %d are damaged", from, to)
}

// An extent is what a segment holds somewhere.
type extent struct {
	from, to int64
	entry    *entry // nil: a verdict
}

// extents are the records and verdicts in order of offset.
func (c contents) extents() (all []extent) {
	for i := range c.entries {
		e := &c.entries[i]
		all = append(all, extent{int64(e.off), e.end(), e})
	}
	for _, o := range c.verdicts {
		all = append(all, extent{int64(o.off), o.end(), nil})
	}
	slices.SortFunc(all, func(a, b extent) int { return int(max(min(a.from-b.from, 1), -1)) })
	return all
}

// hashes reads all records.
func (i *inspector) hashes(ctx context.Context, id uint32, f file, c contents) error {
	g := newSegment(id, i.files, f)
	for _, e := range c.entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if e.dead() || !hasMark(f, e) {
			continue // told of, or of no use
		}
		if _, _, err := readRecord(g, e); err != nil {
			mh, _ := multihashIn(g, e)
			i.fault(dataName(id), true, doRead, "block %s at %d: %v", cidText(mh), e.off, err)
		}
	}
	return nil
}

func cidText(mh string) string {
	if mh == "" {
		return "of an unknown name"
	}
	return cid.NewCidV1(cid.Raw, multihash.Multihash(mh)).String()
}
