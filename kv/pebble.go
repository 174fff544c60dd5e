package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/internal/dirlock"
)

const (
	// What a store takes of memory, but for what its iterators hold: the cache,
	// and memtables until they are flushed.
	pebbleCache     = 320 << 20
	pebbleMemTable  = 32 << 20
	pebbleMemTables = 4

	// Compactions that fall behind show in reads; stopping writes for them shows more.
	pebbleL0Stop = 1000

	// Bytes of a table that are read at once. A listing goes through many rows and
	// a compaction through all; one row costs little more out of a larger block.
	pebbleBlock = 16 << 10
	// What a table's index may have before it gets an index of its own, which each
	// seek would go through too.
	pebbleIndex = 256 << 10
	pebbleBloom = 10        // bits per key of the filters
	pebbleBase  = 256 << 20 // of the level below which there is but the last one
)

// PebbleOptions tunes a pebble store; the zero value works.
type PebbleOptions struct {
	// Reserve is how much of the disk is left alone, for what the store has to
	// write on its own behalf: an Update that would take from it is ErrFull. One
	// that removes more rows than it writes may use three quarters of it.
	// Default 64 MiB, or a sixteenth of a disk of less than 1 GiB.
	Reserve int64
	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil keeps none

	fs vfs.FS // for tests; nil: the disk
}

// Pebble is a store in a directory, of a log and sorted tables.
type Pebble struct {
	db      *pebble.DB
	dir     string
	lock    *dirlock.Lock // nil if the directory is not on the disk
	metrics storeMetrics
	room    room
	turn    chan struct{} // holds one element while an update runs
	stuck   bool          // a commit panicked; guarded by turn
	wake    chan struct{} // has one element if there is a round to finish
	stopped chan struct{} // closed when publish has ended

	views sync.WaitGroup // added to under mu while the store is not closed

	mu      sync.Mutex // guards what follows
	next    *round     // takes the updates that are applied now
	syncing *round     // is waited for
	current *state
	closed  bool
	broken  error // why no more updates are taken, if not nil
}

// OpenPebble opens (or makes) a store in a directory. It answers ErrInUse if
// another process has it open.
func OpenPebble(ctx context.Context, dir string, opt PebbleOptions) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Pebble{
		dir:     dir,
		turn:    make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	if err := p.open(opt); err != nil {
		return nil, fmt.Errorf("open store %q: %w", dir, err)
	}
	p.current = &state{Snapshot: p.db.NewSnapshot()}
	p.current.users.Add(1) // that it is the current one
	p.metrics = newStoreMetrics(opt.Metrics, pebbleGauges(p.db)...)
	go p.publish()
	return p, nil
}

func (p *Pebble) open(opt PebbleOptions) (err error) {
	fs := opt.fs
	if fs == nil {
		fs = vfs.Default
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return err
		}
		p.lock, err = dirlock.Acquire(p.dir)
		if errors.Is(err, dirlock.ErrHeld) {
			return ErrInUse
		}
		if err != nil {
			return err
		}
	}
	p.room = newRoom(opt.Reserve, func() (free, total int64, err error) {
		u, err := fs.GetDiskUsage(p.dir)
		if errors.Is(err, vfs.ErrUnsupported) {
			return math.MaxInt64, 0, nil
		}
		return int64(u.AvailBytes), int64(u.TotalBytes), err
	})
	defer func() {
		err = errors.Join(err, caught(recover()))
		if err != nil && p.lock != nil {
			err = errors.Join(err, p.lock.Release())
		}
	}()
	cache := pebble.NewCache(pebbleCache)
	defer cache.Unref()
	// What the log holds is written to a table, and synced, before Open returns:
	// what a process that died has left in the kernel's cache is durable before
	// anyone reads it.
	p.db, err = pebble.Open(p.dir, pebbleOptions(fs, cache, opt.Log))
	return err
}

func pebbleOptions(fs vfs.FS, cache *pebble.Cache, log *slog.Logger) *pebble.Options {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o := &pebble.Options{
		FS:                          fs,
		Cache:                       cache,
		MemTableSize:                pebbleMemTable,
		MemTableStopWritesThreshold: pebbleMemTables,
		L0CompactionThreshold:       4, // 2 has compactions write half as much again, for reads that are hardly cheaper
		L0StopWritesThreshold:       pebbleL0Stop,
		LBaseMaxBytes:               pebbleBase,
		BytesPerSync:                1 << 20, // or a table's sync would hold up those of the log
		FormatMajorVersion:          pebbleFormat,
		Logger:                      pebbleLog{log},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { log.Error("write tables of the metadata", "err", err) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				log.Error("a table of the metadata is damaged", "path", info.Path, "err", info.Details)
			},
		},
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(pebbleBloom)
		o.Levels[i].BlockSize = pebbleBlock
		o.Levels[i].IndexBlockSize = pebbleIndex
		o.Levels[i].Compression = pebbleCompression
	}
	return o
}

// pebbleCompression leaves blocks alone that would stay nearly as large: most
// of what objects and contents have in their rows is hashes.
func pebbleCompression() *sstable.CompressionProfile {
	p := *sstable.FastestCompression // the copy keeps its name, by which the options file is read
	p.MinReductionPercent = 30
	return &p
}

// pebbleFormat fixes what the files look like, so that a newer library does not
// make them unreadable for the one before it on its own.
const pebbleFormat = pebble.FormatTableFormatV6

// fatal is an error after which pebble does not go on.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// caught makes an error of the panic that pebble's fatal one became.
func caught(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case fatal:
		return v
	}
	panic(v)
}

// pebbleLog takes what pebble says. An error after which it cannot go on, that
// of a sync above all, must not let the caller return: where an update meets
// one it becomes that update's error, and elsewhere it ends the process, which
// is the one thing that is right for a store after a sync has failed.
type pebbleLog struct{ log *slog.Logger }

func (pebbleLog) Infof(string, ...any) {}
func (l pebbleLog) Errorf(f string, args ...any) {
	l.log.Error("metadata", "err", fmt.Errorf(f, args...))
}
func (pebbleLog) Fatalf(format string, args ...any) { panic(fatal{fmt.Errorf(format, args...)}) }

// View runs fn on a snapshot.
func (p *Pebble) View(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.views.Add(1)
	s := p.current
	s.users.Add(1)
	p.mu.Unlock()
	defer p.views.Done()
	defer s.release()
	t := &pebbleTx{ctx: ctx, from: s}
	return t.run(fn)
}

// Check reads every row, which verifies the checksum of every block, and the
// order of the tables.
func (p *Pebble) Check(ctx context.Context) error {
	err := p.View(ctx, func(tx Tx) error {
		for _, err := range tx.Scan(nil, nil) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrClosed) {
		return err
	}
	return errors.Join(err, p.db.CheckLevels(nil))
}

// Close waits for Updates and Views that run, and closes the store.
func (p *Pebble) Close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		<-p.stopped
		return nil
	}
	p.turn <- struct{}{} // waits for the update that runs; those behind it find the store closed
	<-p.turn
	for r := p.lastRound(); r != nil; r = p.lastRound() {
		<-r.done
	}
	close(p.wake)
	<-p.stopped
	p.views.Wait()
	p.current.release()
	p.metrics.unregister()
	if p.stuck {
		return nil // why was told; the database cannot be closed, so its lock stays too
	}
	err := p.closeDB()
	if p.lock != nil {
		err = errors.Join(err, p.lock.Release())
	}
	return err
}

// closeDB closes what is below. A broken store has told why it is broken, and
// its log cannot be closed well.
func (p *Pebble) closeDB() error {
	err := p.db.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return nil
	}
	return err
}
