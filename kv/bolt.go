package kv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/internal/durable"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// rowsBucket is the bolt bucket of all rows.
var rowsBucket = []byte("rows")

// lockWait is how long OpenBolt waits for a process that is just ending.
const lockWait = 500 * time.Millisecond

// BoltOptions tunes a bolt store; the zero value works.
type BoltOptions struct {
	// MaxBytes limits the file's size, zero not at all. A commit that would
	// exceed it fails, and the store goes on.
	MaxBytes int
	Metrics  prometheus.Registerer // nil keeps none
}

// Bolt is a store in one bbolt file.
type Bolt struct {
	db      *bolt.DB
	metrics storeMetrics
	commit  func(*bolt.Tx) error // (*bolt.Tx).Commit, but for fault tests
	wake    chan struct{}        // has one element if the committer has something to look at
	stopped chan struct{}        // closed when the committer has ended

	views sync.WaitGroup // added to under mu while the store is not closed

	mu      sync.Mutex // guards what follows
	pending []*update
	closed  bool
	broken  error // why no more updates are taken, if not nil
}

// OpenBolt opens (or makes) a store in one bbolt file. It answers ErrInUse if
// another process has it open.
func OpenBolt(ctx context.Context, path string, opt BoltOptions) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := openBoltFile(path, opt)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	b := &Bolt{
		db:      db,
		commit:  (*bolt.Tx).Commit,
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	b.metrics = newStoreMetrics(opt.Metrics, boltGauges(b))
	go b.runCommits()
	return b, nil
}

func openBoltFile(path string, opt BoltOptions) (*bolt.DB, error) {
	options := &bolt.Options{
		Timeout:         lockWait,
		FreelistType:    bolt.FreelistMapType,
		NoFreelistSync:  true, // else each commit writes the whole list
		InitialMmapSize: initialMmap(),
		MaxSize:         opt.MaxBytes,
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createBoltFile(path); err != nil && !lostRace(err, path) {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, options)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(rowsBucket) == nil {
			return errors.New("a bolt file, but none of ours")
		}
		return nil
	})
	if err == nil {
		err = settle(db)
	}
	if err == nil {
		err = durable.Clean(path) // only the holder of the lock may
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// createBoltFile makes an empty store. bolt itself would leave a file of zeros,
// or one without our bucket, if the machine stopped midway.
func createBoltFile(path string) error {
	return durable.Create(path, 0o600, func(temp string) error {
		db, err := bolt.Open(temp, 0o600, &bolt.Options{NoFreelistSync: true, Timeout: lockWait})
		if err != nil {
			return err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket(rowsBucket)
			return err
		})
		return errors.Join(err, db.Close())
	})
}

// lostRace reports whether another process has made the store instead; it may
// also have cleaned away what this one had begun.
func lostRace(err error, path string) bool {
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(path)
		return err == nil
	}
	return errors.Is(err, fs.ErrExist)
}

// initialMmap is address space, not memory. It is large because a writer that
// must enlarge the mapping waits for every reader.
func initialMmap() int {
	if strconv.IntSize == 32 {
		return 64 << 20
	}
	return 1 << (strconv.IntSize / 2) // 4 GiB
}

// View runs fn on a snapshot.
func (b *Bolt) View(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.read(func(btx *bolt.Tx) error {
		t := &boltTx{ctx: ctx, rows: btx.Bucket(rowsBucket)}
		defer t.end()
		return fn(t)
	})
}

// Check verifies the structure of the whole file.
func (b *Bolt) Check(ctx context.Context) error {
	return b.read(func(btx *bolt.Tx) error {
		var errs []error
		for err := range btx.Check() {
			errs = append(errs, err)
		}
		return errors.Join(append(errs, ctx.Err())...)
	})
}

// read runs fn on a read transaction that Close waits for.
func (b *Bolt) read(fn func(*bolt.Tx) error) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	b.views.Add(1)
	b.mu.Unlock()
	defer b.views.Done()
	btx, err := b.db.Begin(false)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer btx.Rollback() // of a read transaction: only fails if it has ended
	return fn(btx)
}

// Close waits for the Updates that wait and for running Views, and closes the
// file.
func (b *Bolt) Close() error {
	b.mu.Lock()
	again := b.closed
	b.closed = true
	b.mu.Unlock()
	b.poke()
	<-b.stopped
	b.views.Wait()
	if again {
		return nil
	}
	b.metrics.unregister()
	return b.db.Close()
}
