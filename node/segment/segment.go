package segment

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// A segment is one file of blocks.
type segment struct {
	id    uint32
	file  data
	files files

	tail *tail // file, while it is written; Store.appendMu guards it

	refs atomic.Int64 // the store's own, and one for each read under way
	dead atomic.Bool  // the files go when the last reference does

	// Store.mu guards the rest.
	written   int64         // end of the last whole record; changed with Store.appendMu held
	synced    int64         // up to here everything is durable
	durable   int           // how many of entries that is
	entries   []entry       // in order of offset, until the index file is written
	sealed    bool          // nothing is appended any more
	finished  bool          // someone writes, or wrote, the index file
	settled   bool          // and is done with it, and all blocks are known, so that a sweep may begin
	candidate bool          // a sweep may remove it, so Put sees none of its blocks
	err       error         // why what is beyond synced is lost
	round     chan struct{} // closed when the sync under way ends; nil if there is none
}

const dataSuffix = ".car"

func dataName(id uint32) string  { return fmt.Sprintf("%08d"+dataSuffix, id) }
func indexName(id uint32) string { return fmt.Sprintf("%08d.idx", id) }

// newSegment is a segment that the store holds.
func newSegment(id uint32, d files, f data) *segment {
	s := &segment{id: id, file: f, files: d}
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
	if s.dead.Load() {
		// An index without its segment is removed at the next open, so this
		// order leaves nothing behind whatever happens in between.
		err = errors.Join(err, s.files.remove(dataName(s.id)), ignoreNotExist(s.files.remove(indexName(s.id))))
	}
	return err
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
	s.tail = t
	s.written, s.synced = int64(len(header)), int64(len(header))
	return s, nil
}

// writeIndex makes the index of a sealed segment durable. If it fails the next open scans.
func writeIndex(d files, id uint32, end int64, entries []entry) error {
	tmp := indexName(id) + ".tmp"
	if err := ignoreNotExist(d.remove(tmp)); err != nil {
		return err
	}
	f, _, err := d.open(tmp, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(encodeIndex(end, entries), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.remove(tmp))
	}
	if err := d.rename(tmp, indexName(id)); err != nil {
		return err
	}
	return d.sync()
}

// readIndex reads the index of a segment whose file has size bytes.
func readIndex(d files, id uint32, size int64) (end int64, entries []entry, err error) {
	f, n, err := d.open(indexName(id), false)
	if err != nil {
		return 0, nil, err
	}
	b := make([]byte, n)
	if k, e := f.ReadAt(b, 0); k < len(b) {
		err = e
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, nil, err
	}
	return decodeIndex(b, id, size)
}
