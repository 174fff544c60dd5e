package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs/go-datastore"
	pebbleds "github.com/ipfs/go-ds-pebble"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/whypfs/whypfs/internal/freespace"
	"github.com/whypfs/whypfs/node/blocks"
)

const (
	memTable = 64 << 20
	cache    = 64 << 20
	// maxReserve, or 1/reservePart of a small disk, is left for metadata, the
	// log and compactions.
	maxReserve  = 512 << 20
	reservePart = 16
	// askEvery is how many bytes are written between questions for free space.
	askEvery = 16 << 20
	stripes  = 256
)

// Options of a store. The zero value works.
type Options struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer

	fs    vfs.FS                                // default: the operating system
	space func() (free, total int64, err error) // default: statfs
}

// Store is a Pebble database of blocks. It is a blocks.Store.
type Store struct {
	opt     Options
	log     *slog.Logger
	ds      *pebbleds.Datastore
	metrics *metrics
	leases  blocks.Leases
	sweep   chan struct{} // holds a token while a sweep runs

	life   sync.RWMutex // held for reading while the database is used
	closed bool         // guarded by life

	// freeze is held for reading over the look at a block and what is done
	// about it, and for writing when an epoch begins.
	freeze   sync.RWMutex
	epoch    uint64
	sweeping bool
	// Who stores, keeps or removes a block holds its stripe.
	locks [stripes]sync.Mutex

	written atomic.Uint64 // counts writes to the log, after each
	synced  atomic.Uint64 // as many of them are durable
	unasked atomic.Int64  // bytes that may be written before the disk is asked for its room

	count atomic.Int64 // of blocks
	bytes atomic.Int64 // of blocks

	// mends counts damaged blocks that were stored again, before and after.
	mends   atomic.Uint64
	corrupt chan struct{} // Pebble met damage
	badMu   sync.Mutex
	bad     map[string]bool // multihashes of damaged blocks
}

// Open opens the store in dir, which must exist.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	s := &Store{opt: opt, log: opt.Log, sweep: make(chan struct{}, 1), corrupt: make(chan struct{}, 1), bad: map[string]bool{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opt.space == nil {
		s.opt.space = func() (int64, int64, error) { return freespace.Of(dir) }
	}
	var err error
	if s.ds, err = pebbleds.NewDatastore(dir, pebbleds.WithPebbleOpts(s.options())); err != nil {
		return nil, fmt.Errorf("open block store: %w", err)
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open block store: %w", err), s.ds.Close())
	}
	s.metrics = newMetrics(s)
	if opt.Metrics != nil {
		if err := opt.Metrics.Register(s.metrics); err != nil {
			return nil, errors.Join(err, s.ds.Close())
		}
	}
	return s, nil
}

func (s *Store) options() *pebble.Options {
	logger := dbLogger{s.log}
	events := pebble.MakeLoggingEventListener(logger)
	// Pebble's own answer to damage is to end the process.
	events.DataCorruption = func(info pebble.DataCorruptionInfo) {
		s.log.Error("database file is damaged", "path", info.Path, "err", firstLine(info.Details))
		// A compaction that meets it is tried again for ever: nobody waits for that.
		select {
		case s.corrupt <- struct{}{}:
		default:
		}
	}
	opt := &pebble.Options{
		FS:                 s.opt.fs,
		Logger:             logger,
		EventListener:      &events,
		FormatMajorVersion: pebble.FormatTableFormatV6,
		MemTableSize:       memTable,
		CacheSize:          cache,
	}
	// Most blocks are compressed, encrypted or random to a compressor already.
	opt.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return opt
}

// load reads the epoch and the totals.
func (s *Store) load(ctx context.Context) error {
	b, err := s.ds.Get(ctx, datastore.RawKey(epochKey))
	if err == nil {
		var n []uint64
		if n, err = parseNumbers(b, 1); err == nil {
			s.epoch = n[0]
		}
	}
	if err != nil && !errors.Is(err, datastore.ErrNotFound) {
		return fmt.Errorf("epoch: %w", err)
	}
	b, err = s.ds.Get(ctx, datastore.RawKey(usageKey))
	if errors.Is(err, datastore.ErrNotFound) {
		return s.recount(ctx)
	}
	if err != nil {
		return fmt.Errorf("totals: %w", err)
	}
	n, err := parseNumbers(b, 2)
	if err != nil {
		return fmt.Errorf("totals: %w", err)
	}
	s.count.Store(int64(n[0]))
	s.bytes.Store(int64(n[1]))
	// They do not hold any more once something is written.
	if err := s.ds.Delete(ctx, datastore.RawKey(usageKey)); err != nil {
		return err
	}
	return s.ds.Sync(ctx, datastore.Key{})
}

// recount counts the blocks. What cannot be read is not counted.
func (s *Store) recount(ctx context.Context) error {
	err := s.each(ctx, "", func(_ string, m meta) bool {
		s.count.Add(1)
		s.bytes.Add(int64(m.size))
		return true
	})
	if errors.Is(err, blocks.ErrDamaged) {
		s.log.ErrorContext(ctx, "count blocks", "err", err)
		return nil
	}
	return err
}

// each calls fn for the blocks after the one named from, in the order of names, until it returns false.
func (s *Store) each(ctx context.Context, from string, fn func(mh string, m meta) bool) error {
	// Not by a query of the datastore, which does not tell that an iteration broke off.
	low := []byte(metaPrefix)
	if from != "" {
		low = append(metaKey(from).Bytes(), 0)
	}
	it, err := s.ds.DB.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: low, UpperBound: after(metaPrefix)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return errors.Join(context.Cause(ctx), it.Close())
		}
		mh, err := blockOf(it.Key(), metaPrefix)
		if err != nil {
			continue // nothing of ours
		}
		m, err := parseMeta(it.Value())
		if err != nil {
			return errors.Join(fmt.Errorf("%w: %s: %w", blocks.ErrDamaged, it.Key(), err), it.Close())
		}
		if !fn(mh, m) {
			return it.Close()
		}
	}
	return damage(errors.Join(it.Error(), it.Close()))
}

// after is the first key that does not begin with prefix.
func after(prefix string) []byte {
	b := []byte(prefix)
	b[len(b)-1]++
	return b
}

// damage makes an error of a damaged file ErrDamaged, which says in one line what Pebble says in many.
func damage(err error) error {
	if err != nil && pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %s", blocks.ErrDamaged, firstLine(err))
	}
	return err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// use keeps the database open until done is called.
func (s *Store) use() (done func(), err error) {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return nil, blocks.ErrClosed
	}
	return s.life.RUnlock, nil
}

// Close ends the store.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.opt.Metrics != nil {
		s.opt.Metrics.Unregister(s.metrics)
	}
	ctx := context.Background()
	n := binary.AppendUvarint(nil, uint64(max(s.count.Load(), 0)))
	n = binary.AppendUvarint(n, uint64(max(s.bytes.Load(), 0)))
	return errors.Join(s.ds.Put(ctx, datastore.RawKey(usageKey), n), s.ds.Sync(ctx, datastore.Key{}), s.ds.Close())
}

// Lease begins a lease.
func (s *Store) Lease() blocks.Lease { return s.leases.Begin() }

// Usage says what the store holds now.
func (s *Store) Usage() blocks.Usage {
	done, err := s.use()
	if err != nil {
		return blocks.Usage{}
	}
	defer done()
	free, _, err := s.opt.space()
	if err != nil {
		s.log.Warn("ask for disk space", "err", err)
	}
	m := s.ds.DB.Metrics()
	return blocks.Usage{
		Blocks: s.count.Load(), Bytes: s.bytes.Load(), Free: free,
		Disk:     int64(m.DiskSpaceUsage()),
		Segments: int(m.Total().TablesCount) + int(m.WAL.Files),
	}
}

// A dbLogger takes what Pebble has to say.
type dbLogger struct{ log *slog.Logger }

// Infof implements pebble.Logger.
func (l dbLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble", "text", fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l dbLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "err", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. The database is in no known state and must
// not be used again; a panic here might be caught, and leave its locks held.
func (l dbLogger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.log.Error("pebble ends the process", "err", text)
	go panic("pebble: " + text)
	select {}
}
