package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

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
	Cache       int64 // bytes of memory for large blocks that were just written or are read often
	Log         *slog.Logger
	Metrics     prometheus.Registerer

	openIndexes int                                   // index files held open; default maxOpenIndexes
	checkpoint  int64                                 // bytes after which a checkpoint is written; default 32 MiB
	files       files                                 // default: the directory
	space       func() (free, total int64, err error) // default: statfs
}

// Store is a directory of segments. It is a blocks.Store.
type Store struct {
	opt     Options
	log     *slog.Logger
	files   files
	root    *os.Root // nil with Options.files
	metrics *metrics
	cache   *cache
	leases  blocks.Leases
	sweep   chan struct{} // holds a token while a sweep runs
	uploads atomic.Int64  // records that others than a sweep have written

	// appendMu orders appends. It is taken before mu, and held over the write
	// of a record, where mu is not, so that readers do not wait for it.
	appendMu sync.Mutex
	longMu   sync.Mutex // whose turn it is of the long blocks; taken before appendMu
	active   *segment   // nil before the first block and after a seal
	nextID   uint32
	closed   bool
	unasked  int64 // bytes that may be written before the disk is asked for its room

	mu        sync.RWMutex
	segs      map[uint32]*segment
	order     []*segment // the same, by id
	probes    []probe    // of order
	verdicts  *verdicts
	indexed   uint64       // how often a segment's records went from memory to an index file
	removals  uint64       // how often copies of blocks were removed
	lingering atomic.Int64 // removed segments whose files are there yet
	gone      bool         // there are no segments because the store was closed

	foundMu sync.Mutex   // taken with mu held, if only for reading
	found   map[key]bool // what Find saw in candidates; nil if no sweep runs
}

// Open opens the store in dir, which must exist, and repairs what a crash left behind.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if opt.SegmentSize <= 0 {
		opt.SegmentSize = defaultSegmentSize
	}
	if opt.openIndexes <= 0 {
		opt.openIndexes = maxOpenIndexes
	}
	if opt.checkpoint <= 0 {
		opt.checkpoint = defaultCheckpoint
	}
	opt.SegmentSize = min(opt.SegmentSize, maxSegmentSize)
	s := &Store{
		opt: opt, log: opt.Log, files: opt.files,
		sweep:    make(chan struct{}, 1),
		verdicts: newVerdicts(), segs: map[uint32]*segment{},
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
	s.metrics, s.cache = newMetrics(s), newCache(opt.Cache)
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
	segs := s.order
	s.segs, s.order, s.probes, s.gone = map[uint32]*segment{}, nil, nil, true
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

// Usage says what the store holds now. It counts copies: a block that has
// several, as during a sweep or after damage, counts as often.
func (s *Store) Usage() blocks.Usage {
	free, _, err := s.opt.space()
	if err != nil {
		s.log.Warn("ask for disk space", "err", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := blocks.Usage{Free: free, Segments: len(s.order)}
	for _, g := range s.order {
		u.Blocks += int64(g.totals.live)
		u.Bytes += int64(g.totals.bytes)
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
