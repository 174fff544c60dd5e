package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/FastFilter/xorfilter"
)

// A diskIndex is the index file of a sealed segment. Its pages are on the disk;
// of each page the first key's prefix, and a filter of all keys, are in memory.
type diskIndex struct {
	footer
	files    files
	file     file // nil: it is opened for each read
	prefixes []uint64
	filter   *xorfilter.BinaryFuse[uint16] // nil if none could be made: then every key may be here
	refs     atomic.Int64                  // the segment's, and one for each read under way
}

// openTail is how much of the end of an index file is read at once.
const openTail = 64 << 10

// openIndex opens the index of a segment whose file has size bytes, and returns
// the verdicts in it too.
func openIndex(d files, id uint32, size int64) (*diskIndex, []opinion, error) {
	f, n, err := d.open(indexName(id), false)
	if err != nil {
		return nil, nil, err
	}
	x := &diskIndex{files: d, file: f}
	x.refs.Store(1)
	all, err := x.load(id, n, size)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return x, all, nil
}

// oldMagic began an index file before there were pages.
var oldMagic = []byte("WPFSIDX1")

var errOldIndex = errors.New("index of an earlier version")

// load reads all but the pages of an index file of n bytes.
func (x *diskIndex) load(id uint32, n, size int64) ([]opinion, error) {
	b := make([]byte, min(n, openTail))
	if len(b) < footerSize {
		return nil, fmt.Errorf("%w: %d bytes", errBadIndex, n)
	}
	if err := readFull(x.file, b, n-int64(len(b))); err != nil {
		return nil, err
	}
	f, err := decodeFooter(b[len(b)-footerSize:])
	if err != nil {
		if head := make([]byte, len(oldMagic)); readFull(x.file, head, 0) == nil && bytes.Equal(head, oldMagic) {
			return nil, errOldIndex
		}
		return nil, err
	}
	if f.seg != id || f.fileSize() != n || int64(f.end) > size {
		return nil, fmt.Errorf("%w: not of this segment, or of another length", errBadIndex)
	}
	tail := b[:len(b)-footerSize]
	if k := int(f.tailSize()); k <= len(tail) {
		tail = tail[len(tail)-k:]
	} else {
		tail = make([]byte, k)
		if err := readFull(x.file, tail, n-footerSize-int64(k)); err != nil {
			return nil, err
		}
	}
	x.footer = f
	return x.decodeTail(tail)
}

// readFull fills b.
func readFull(f io.ReaderAt, b []byte, off int64) error {
	if n, err := f.ReadAt(b, off); n < len(b) {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	return nil
}

// acquire keeps the file open until release. The caller holds Store.mu, and
// found x to be that of its segment.
func (x *diskIndex) acquire() { x.refs.Add(1) }

func (x *diskIndex) release() error {
	if x.refs.Add(-1) > 0 || x.file == nil {
		return nil
	}
	return x.file.Close()
}

// maxOpenIndexes is how many index files are held open. A large store has
// thousands of segments, and each takes a descriptor for its data anyway.
const maxOpenIndexes = 2048

// letGo closes the file between reads. Nobody else has x yet.
func (x *diskIndex) letGo() error {
	f := x.file
	x.file = nil
	return f.Close()
}

// adopt prepares a new index for use: where many are open it is let go. The caller
// holds s.mu, and nobody else has x yet.
func (s *Store) adopt(x *diskIndex) *diskIndex {
	if len(s.order) >= s.opt.openIndexes {
		if err := x.letGo(); err != nil {
			s.log.Warn("close index", "segment", x.seg, "err", err)
		}
	}
	return x
}

// use calls fn with the open file. A file that was opened again may be another
// index of the same segment by now; then x is not the segment's any more, and
// what was read of it does not count.
func (x *diskIndex) use(fn func(io.ReaderAt) error) error {
	if x.file != nil {
		return fn(x.file)
	}
	f, _, err := x.files.open(indexName(x.seg), false)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

// mayHold says whether a block of the hash may be in the segment.
func (x *diskIndex) mayHold(hash uint64) bool {
	return len(x.prefixes) > 0 && (x.filter == nil || x.filter.Contains(hash))
}

// memory is what the index takes of it.
func (x *diskIndex) memory() int64 {
	n := int64(len(x.prefixes)) * prefixSize
	if x.filter != nil {
		n += int64(len(x.filter.Fingerprints)) * 2
	}
	return n
}

var pageBuffers = sync.Pool{New: func() any { return new([indexPage]byte) }}

// page reads page n into b.
func (x *diskIndex) page(f io.ReaderAt, n int, b *[indexPage]byte) (page, error) {
	if err := readFull(f, b[:], int64(n)*indexPage); err != nil {
		return page{}, fmt.Errorf("read index page %d: %w", n, err)
	}
	return decodePage(b[:], x.seg, n, int64(x.end))
}

// find returns the records of a block, newest first.
func (x *diskIndex) find(k key) (found []loc, err error) {
	b := pageBuffers.Get().(*[indexPage]byte)
	defer pageBuffers.Put(b)
	// The first page that may hold k is the last that begins below it.
	first, _ := slices.BinarySearch(x.prefixes, k.prefix())
	err = x.use(func(f io.ReaderAt) error {
		for n := max(first-1, 0); n < len(x.prefixes) && x.prefixes[n] <= k.prefix(); n++ {
			p, err := x.page(f, n, b)
			if err != nil {
				return err
			}
			found = p.find(k, found)
		}
		return nil
	})
	slices.Reverse(found)
	return found, err
}

// all returns the records in the pages that can be read, by key, and joins the
// errors of the others.
func (x *diskIndex) all() (entries []entry, err error) {
	b := pageBuffers.Get().(*[indexPage]byte)
	defer pageBuffers.Put(b)
	entries = make([]entry, 0, x.records)
	err = x.use(func(f io.ReaderAt) error {
		var errs []error
		for n := range x.prefixes {
			p, err := x.page(f, n, b)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			for i := range p.count {
				entries = append(entries, p.entry(i))
			}
		}
		return errors.Join(errs...)
	})
	return entries, err
}
