package segment

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A segment is one file of blocks.
type segment struct {
	id    uint32
	file  data
	files files
	past  bool // large writes do not stay in the page cache

	// Store.appendMu guards these.
	tail        *tail // file, while it is written
	allocated   int64 // room it has on the disk
	unallocated bool  // as its file system has no such thing

	refs atomic.Int64 // the store's own, and one for each read under way
	dead atomic.Bool  // the files go when the last reference does

	lingering *atomic.Int64 // Store.lingering, once dead is set

	check checkpoint

	indexing  sync.Mutex // held by who replaces disk; taken before Store.mu
	reindexed bool       // its index was made again; indexing guards it

	// Store.mu guards the rest.
	mem    *memIndex       // the records, while there is no index file; one of mem and disk is nil
	disk   *diskIndex      // the index file
	flags  map[uint32]byte // what records, by offset, have besides the flags in mem or disk
	totals totals

	opinions []opinion // the verdicts in it, in order of offset, while there is no index file

	written   int64         // end of the last whole record; changed with Store.appendMu held
	synced    int64         // up to here everything is durable
	durable   int           // how many of the records in mem that is
	judged    int           // how many of the opinions that is
	sealed    bool          // no record is appended any more
	ended     bool          // by its trailer
	finished  bool          // someone writes, or wrote, the index file
	settled   bool          // and is done with it, and all blocks are known, so that a sweep may begin
	unhealed  bool          // its index is damaged and could not be made again
	candidate bool          // a sweep may remove it, so Put sees none of its blocks
	err       error         // why what is beyond synced is lost
	round     chan struct{} // closed when the sync under way ends; nil if there is none
}

const dataSuffix = ".car"

func dataName(id uint32) string  { return fmt.Sprintf("%08d"+dataSuffix, id) }
func indexName(id uint32) string { return fmt.Sprintf("%08d.idx", id) }

// newSegment is a segment that the store holds.
func newSegment(id uint32, d files, f data) *segment {
	s := &segment{id: id, file: f, files: d, flags: map[uint32]byte{}}
	s.refs.Store(1)
	return s
}

// acquire keeps the file open until release. The caller holds Store.mu and
// found the segment in Store.segs, so the store's own reference is still there.
func (s *segment) acquire() { s.refs.Add(1) }

func (s *segment) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	err := s.file.Close()
	if s.check.file != nil {
		err = errors.Join(err, s.check.file.Close())
	}
	if s.disk != nil { // nobody else has the segment any more
		err = errors.Join(err, s.disk.release())
	}
	if s.dead.Load() {
		// An index without its segment is removed at the next open, so this
		// order leaves nothing behind whatever happens in between.
		e := s.files.remove(dataName(s.id))
		if e == nil && s.lingering != nil {
			s.lingering.Add(-1)
		}
		err = errors.Join(err, e, ignoreNotExist(s.files.remove(indexName(s.id))))
		if s.check.file != nil {
			err = errors.Join(err, ignoreNotExist(s.files.remove(checkName(s.id))))
		}
	}
	return err
}

// offer calls use for a record with all its flags; for a dead one only if dead
// says so. The caller holds Store.mu.
func (s *segment) offer(l loc, dead bool, use func(*segment, loc) bool) bool {
	l.flags |= s.flags[l.off]
	return (dead || !l.dead()) && use(s, l)
}

// count fills totals. The caller holds Store.mu, or has the segment alone.
func (s *segment) count(entries []entry) {
	s.totals = totals{}
	for _, e := range entries {
		e.flags |= s.flags[e.off]
		s.totals.add(e.loc, 1)
	}
}

// create makes the file of a new segment; its header and its name are durable.
func create(d files, id uint32) (*segment, error) {
	f, _, err := d.open(dataName(id), true)
	if err != nil {
		return nil, err
	}
	t := newTail(f)
	err = t.Append(header)
	if err == nil {
		err = t.Sync()
	}
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		return nil, errors.Join(err, t.Close(), d.remove(dataName(id)))
	}
	s := newSegment(id, d, t)
	s.tail, s.mem, s.past = t, newMemIndex(nil), writesPast(f)
	s.check.end = int64(len(header))
	s.written, s.synced = int64(len(header)), int64(len(header))
	return s, nil
}
