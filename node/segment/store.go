package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/whypfs/whypfs/internal/freespace"
	"github.com/whypfs/whypfs/node/blocks"
)

var (
	// The errors are those of the contract.
	ErrNotFound = blocks.ErrNotFound
	ErrFull     = blocks.ErrFull
	ErrDamaged  = blocks.ErrDamaged
	ErrClosed   = blocks.ErrClosed
)

const (
	defaultSegmentSize = 512 << 20
	maxSegmentSize     = 2 << 30 // offsets have 32 bits
)

// Options of a store. The zero value works.
type Options struct {
	SegmentSize int64 // bytes after which a segment is sealed; default 512 MiB
	Log         *slog.Logger
	Metrics     prometheus.Registerer

	files files                                 // default: the directory
	space func() (free, total int64, err error) // default: statfs
}

// Store is a directory of segments. It is a blocks.Store.
type Store struct {
	opt     Options
	log     *slog.Logger
	files   files
	root    *os.Root // nil with Options.files
	metrics *metrics
	leases  blocks.Leases
	sweep   chan struct{} // holds a token while a sweep runs

	// appendMu orders appends. It is taken before mu, and held over the write
	// of a record, where mu is not, so that readers do not wait for it.
	appendMu sync.Mutex
	active   *segment // nil before the first block and after a seal
	nextID   uint32
	closed   bool
	unasked  int64 // bytes that may be written before the disk is asked for its room

	mu    sync.RWMutex
	index *index
	segs  map[uint32]*segment
	gone  bool // both are empty because the store was closed

	foundMu sync.Mutex      // taken with mu held, if only for reading
	found   map[string]bool // multihashes seen by Find in candidates; nil if no sweep runs
}

// Open opens the store in dir, which must exist, and repairs what a crash left behind.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if opt.SegmentSize <= 0 {
		opt.SegmentSize = defaultSegmentSize
	}
	opt.SegmentSize = min(opt.SegmentSize, maxSegmentSize)
	s := &Store{
		opt: opt, log: opt.Log, files: opt.files,
		sweep: make(chan struct{}, 1),
		index: newIndex(), segs: map[uint32]*segment{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.files == nil {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		s.root, s.files = root, osFiles{dir: dir, root: root}
	}
	if s.opt.space == nil {
		s.opt.space = func() (int64, int64, error) { return freespace.Of(dir) }
	}
	if err := s.recover(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open block store: %w", err), s.closeFiles())
	}
	s.metrics = newMetrics(s)
	if opt.Metrics != nil {
		if err := opt.Metrics.Register(s.metrics); err != nil {
			return nil, errors.Join(err, s.closeFiles())
		}
	}
	return s, nil
}

// Lease begins a lease.
func (s *Store) Lease() blocks.Lease { return s.leases.Begin() }

// Close seals the active segment. What was put and not synced may be lost.
func (s *Store) Close() error {
	s.appendMu.Lock()
	was := s.closed
	s.closed = true
	s.appendMu.Unlock()
	if was {
		return nil
	}
	err := s.sealActive()
	if s.opt.Metrics != nil {
		s.opt.Metrics.Unregister(s.metrics)
	}
	return errors.Join(err, s.closeFiles())
}

// closeFiles drops the store's references; a read under way keeps its file open until it ends.
func (s *Store) closeFiles() error {
	s.mu.Lock()
	segs := s.segs
	s.segs, s.index, s.gone = map[uint32]*segment{}, newIndex(), true
	s.mu.Unlock()
	var errs []error
	for _, g := range segs {
		errs = append(errs, g.release())
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(errs...)
}

// recover reads the directory: every segment through its index, or else by a scan.
func (s *Store) recover(ctx context.Context) error {
	names, err := s.files.list()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var id uint32
		if n, _ := fmt.Sscanf(name, "%d.", &id); n != 1 {
			continue
		}
		switch name {
		case dataName(id):
			if err := s.recoverSegment(ctx, id); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s.nextID = max(s.nextID, id+1)
		case indexName(id):
			// What is left of a removed segment.
			if !slices.Contains(names, dataName(id)) {
				err = s.files.remove(name)
			}
		case indexName(id) + ".tmp":
			err = ignoreNotExist(s.files.remove(name)) // a rebuild took it away already
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) recoverSegment(ctx context.Context, id uint32) error {
	f, size, err := s.files.open(dataName(id), false)
	if err != nil {
		return err
	}
	g := newSegment(id, s.files, f)
	g.settled = true
	end, entries, err := readIndex(s.files, id, size)
	if err != nil {
		end, entries, err = s.rebuild(ctx, g, size, err)
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if len(entries) == 0 && g.settled {
		return s.discard(ctx, g, size)
	}
	g.sealed, g.finished, g.written, g.synced = true, true, end, end
	s.segs[id] = g
	for _, e := range entries {
		s.index.add(e.mh, e.loc)
	}
	return nil
}

// discard removes a segment without a whole record: one that a crash cut short
// in its first. If it has more bytes than that, it is kept under another name.
func (s *Store) discard(ctx context.Context, g *segment, size int64) error {
	if size > int64(len(header))+markSize+maxSection {
		s.log.ErrorContext(ctx, "segment without a readable block set aside", "segment", g.id, "size", size)
		return errors.Join(s.files.rename(dataName(g.id), dataName(g.id)+".bad"), g.release())
	}
	g.dead.Store(true)
	return g.release()
}

// rebuild scans a segment that has no good index, for the reason why, and gives
// it one. What cannot be read now may be readable later: then the segment is
// neither cut nor settled, and the next open scans it again.
func (s *Store) rebuild(ctx context.Context, g *segment, size int64, why error) (end int64, entries []entry, err error) {
	end, skipped, entries, unread := scan(g.file, size, g.id)
	if unread != nil {
		s.log.ErrorContext(ctx, "segment cannot be read", "segment", g.id, "blocks", len(entries), "size", size, "err", unread)
		g.settled, end = false, size
		return end, entries, errors.Join(g.file.Sync(), s.files.sync())
	}
	if len(entries) == 0 {
		return end, nil, nil
	}
	s.log.WarnContext(ctx, "segment scanned", "segment", g.id, "blocks", len(entries),
		"size", end, "skipped", skipped, "cut", size-end, "err", why)
	if size > end {
		if err := g.file.Truncate(end); err != nil {
			return 0, nil, err
		}
	}
	// The process that wrote the segment may have died before its sync.
	if err := g.file.Sync(); err != nil {
		return 0, nil, err
	}
	if err := s.files.sync(); err != nil {
		return 0, nil, err
	}
	// Without room for an index the store still opens; the next open scans again.
	if err := writeIndex(s.files, g.id, end, entries); err != nil {
		s.log.WarnContext(ctx, "write segment index", "segment", g.id, "err", err)
	}
	return end, entries, nil
}

// Block returns the bytes of a block, checked against its CID; public leaves
// private blocks out. They are in buf if it is large enough.
func (s *Store) Block(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	if data, ok := identityData(c); ok {
		return data, nil
	}
	mh := multihashOf(c)
	err := fmt.Errorf("%s: %w", c, ErrNotFound)
	var tried []loc
	for {
		s.mu.RLock()
		l, ok := s.index.find(mh, func(l loc) bool {
			return (!public || !l.private()) && !slices.ContainsFunc(tried, l.same)
		})
		if !ok {
			if s.gone {
				err = fmt.Errorf("%s: %w", c, ErrClosed)
			}
			s.mu.RUnlock()
			return nil, err
		}
		g := s.segs[l.seg]
		g.acquire()
		s.mu.RUnlock()
		data, e := readAt(g, l, buf)
		if e == nil && !Matches(c, data) {
			e = ErrDamaged
		}
		if re := g.release(); re != nil {
			s.log.Warn("remove segment", "segment", g.id, "err", re)
		}
		if e == nil {
			return data, nil
		}
		err = fmt.Errorf("%s: segment %d at %d: %w", c, l.seg, l.off, e)
		if tried = append(tried, l); errors.Is(e, ErrDamaged) {
			s.damaged(c, mh, l)
		}
	}
}

func readAt(g *segment, l loc, buf []byte) ([]byte, error) {
	if cap(buf) < int(l.size) {
		buf = make([]byte, l.size)
	}
	buf = buf[:l.size]
	n, err := g.file.ReadAt(buf, int64(l.off)+int64(l.head))
	if n == len(buf) {
		return buf, nil
	}
	if n > 0 || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil, err
}

// damaged notes that a copy is bad, so that Put writes the block again.
func (s *Store) damaged(c cid.Cid, mh string, l loc) {
	s.log.Error("block is damaged", "cid", c.String(), "segment", l.seg, "offset", l.off)
	s.metrics.damaged.Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.markBad(mh, l)
}

// Has says whether a block that is not known to be damaged is here, and its size.
func (s *Store) Has(c cid.Cid, public bool) (size int, ok bool) {
	if data, ok := identityData(c); ok {
		return len(data), true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.index.find(multihashOf(c), func(l loc) bool { return !l.bad() && (!public || !l.private()) })
	return int(l.size), ok
}

// Find is Has for one who, with a lease, counts on what is found: it is durable,
// and a sweep that runs now does not remove it. It waits for a sync under way.
func (s *Store) Find(ctx context.Context, c cid.Cid) (size int, ok bool) {
	if data, ok := identityData(c); ok {
		return len(data), true
	}
	mh := multihashOf(c)
	for {
		g, l, ok := s.find(mh)
		if !ok {
			return 0, false
		}
		if s.syncTo(ctx, g, l.end()) == nil {
			return int(l.size), true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		// The sync failed and took this copy along; there may be another.
	}
}

// find looks a block up and keeps it from the sweep.
func (s *Store) find(mh string) (g *segment, l loc, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok = s.index.find(mh, func(l loc) bool { return !l.bad() })
	if !ok {
		return nil, l, false
	}
	g = s.segs[l.seg]
	if g.candidate {
		s.foundMu.Lock()
		defer s.foundMu.Unlock()
		s.found[mh] = true
	}
	return g, l, true
}

// Multihashes lists the public blocks, in no order.
func (s *Store) Multihashes() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []string
	s.index.each(func(mh string, l loc) {
		if !l.private() && !l.bad() {
			all = append(all, mh)
		}
	})
	return all
}

// Usage says what the store holds now.
func (s *Store) Usage() blocks.Usage {
	free, _, err := s.opt.space()
	if err != nil {
		s.log.Warn("ask for disk space", "err", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := blocks.Usage{Blocks: int64(s.index.len()), Bytes: s.index.bytes, Free: free, Segments: len(s.segs)}
	for _, g := range s.segs {
		u.Disk += g.written
	}
	return u
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
