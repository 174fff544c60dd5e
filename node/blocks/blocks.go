package blocks

import (
	"context"
	"errors"
	"iter"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

var (
	// ErrNotFound says that a block is not in the store.
	ErrNotFound = errors.New("block not found")
	// ErrFull says that the disk has no room for more blocks.
	ErrFull = errors.New("disk is full")
	// ErrDamaged says that a stored block no longer has its hash.
	ErrDamaged = errors.New("block is damaged")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("block store is closed")
)

// MaxBlock bounds a block's data. Bitswap carries 2 MiB; what is read back
// after a crash is not trusted to allocate more than this.
const MaxBlock = 4 << 20

// Room is what Reader.Stored may need in a buffer besides a block.
const Room = 16 << 10

// Store keeps blocks. It is safe for concurrent use by one process.
type Store interface {
	Reader
	Writer
	Sweeper
	Verifier
	// Usage says what the store holds now.
	Usage() Usage
	// Close ends the store. What was put and not synced may be lost. Later
	// calls fail with ErrClosed.
	Close() error
}

// Reader reads blocks.
type Reader interface {
	// Block returns the bytes of a block, checked against its CID; public
	// leaves private blocks out. They are in buf if it is large enough, and are
	// the caller's.
	Block(c cid.Cid, public bool, buf []byte) ([]byte, error)
	// Stored is Block, checked not against the CID but against a checksum that
	// was stored with the block and costs a tenth of its hash. It finds what a
	// disk does to data, not what someone does who can write both. The bytes are
	// anywhere in buf, if that has Room more than they need.
	Stored(c cid.Cid, public bool, buf []byte) ([]byte, error)
	// Lend is Stored of a block that the store holds in memory, without a copy;
	// ok is false if it does not, whatever else is true of the block. Nobody
	// changes the bytes, and they stay until done is called, which is once.
	Lend(c cid.Cid, public bool) (data []byte, done func(), ok bool)
	// Has says whether a block that is not known to be damaged is here, and its size.
	Has(c cid.Cid, public bool) (size int, ok bool)
	// Find is Has, of private blocks too, for one who, with a lease, counts on
	// what is found: it is durable, and a sweep that runs now does not remove
	// it. It may wait for a sync under way.
	Find(ctx context.Context, c cid.Cid) (size int, ok bool)
	// Multihashes lists the public blocks, in no order, while others read, write
	// and sweep: all that are here from its begin to its end, perhaps some of
	// those that come or go meanwhile, and perhaps some twice. It does not hold
	// all of the list at once.
	Multihashes() iter.Seq2[multihash.Multihash, error]
}

// Writer stores blocks.
type Writer interface {
	// Batch begins a batch of private or public blocks.
	Batch(private bool) Batch
	// Lease begins a lease. A sweep that begins while it is held waits for its end.
	Lease() Lease
}

// A Batch is what one upload stores: one Sync makes all of it durable. It is
// safe for concurrent use. It needs no end.
type Batch interface {
	// Put stores a block whose hash the caller has checked. It is durable once
	// Sync returns nil. A block that is here already is not written again. data
	// is the caller's again when Put returns.
	Put(ctx context.Context, c cid.Cid, data []byte) error
	// Has says whether Put would find the block here; then Sync waits for it too.
	Has(c cid.Cid) bool
	// Publish makes a block that is here public; without one it is ErrNotFound.
	// A crash does not undo it once Sync returned nil.
	Publish(ctx context.Context, c cid.Cid) error
	// Hide makes a block private, at once for every reader of public blocks. No
	// crash and no sweep undoes it once Sync returned nil: the block is private,
	// be it here, on its way or stored as private later, until it is published or
	// stored as public again.
	Hide(ctx context.Context, c cid.Cid) error
	// Sync returns when everything put before is durable. After an error some
	// of it is not, and every later Sync fails too, unless only ctx had ended.
	Sync(ctx context.Context) error
}

// A Lease says that its holder counts on blocks that no root reaches yet.
type Lease interface {
	// Release ends the lease; a second call does nothing.
	Release()
}

// Sweeper removes blocks.
type Sweeper interface {
	// Sweep removes the blocks that are not live; see the package comment. It
	// asks for live when blocks stored earlier are frozen, and live is used
	// until Sweep returns. It waits for leases held now, so its caller holds
	// none. What cannot be read is kept. After an error some of the store may
	// not have been swept. One sweep runs at a time; a second waits for the first.
	Sweep(ctx context.Context, live func(context.Context) (Live, error)) (Swept, error)
}

// Verifier reads again what is stored.
type Verifier interface {
	// Verify reads every stored copy of a block, in the store's own order, and
	// compares it with its hash. It begins behind the place from, or with the
	// first copy if that is empty, and tells fn of each. It skips nothing that
	// was here when it began and is still: what it cannot read has an Err, and a
	// part of the store of which it cannot say what is in it is Verify's error.
	// An error of fn ends it.
	Verify(ctx context.Context, from string, fn func(Verified) error) error
}

// Verified is a copy of a block that was read again.
type Verified struct {
	Place string  // of the copy; a later Verify can go on from here
	Cid   cid.Cid // names the block; its codec means nothing. Undefined if the copy is too damaged to tell
	Size  int
	Err   error // ErrDamaged, or why it could not be read
}

// A Live says whether a block, given its multihash, is to be kept.
type Live func(mh multihash.Multihash) bool

// Swept is what a sweep did.
type Swept struct {
	Blocks int64 // removed
	Bytes  int64 // given back to the disk
	Kept   int64 // blocks
}

// Usage says what a store holds.
type Usage struct {
	Blocks   int64 // that have several copies, as while a sweep runs, may count as often
	Bytes    int64 // of their data
	Disk     int64 // of the files that hold them
	Free     int64
	Segments int // data files
}
