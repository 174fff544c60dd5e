// Package segment keeps blocks, found by their multihash, in append-only files.
//
// # Files
//
// docs/format.md has every byte; this is how they fit together.
//
// The directory holds numbered segments. A segment NNNNNNNN.car is a valid
// CARv1 file. Its header has one root, an identity CID that names the format.
// After it comes, for each block, a mark and the block's own section, which is
// a varint length, the CID and the data. A mark is a section too: an identity
// block of 13 bytes (little endian):
//
//	flags   1  bit 0: private
//	length  4  of the block's section
//	crc     4  CRC32C of the block's section
//	check   4  CRC32C of the nine bytes above
//
// So any CAR reader reads a segment, and checks all of it. A mark stands before
// its block, so a scan knows how much to read and what to expect, and it is
// easy to find again: after a damaged record the scan looks for the next mark
// whose two copies of the 13 bytes agree, and goes on there if the block that
// follows has its CRC and its hash.
//
// A segment is active while blocks are appended to it; at most one is. It is
// sealed when it is full, of bytes or of records, when the store is closed, by a
// sweep, or by an error.
// While it is active the disk gives it room 32 MiB at a time, and takes back what
// it did not need when it is sealed. Unless an error ended it, its last section is
// a trailer, an identity block too, which says what is in it.
// A sealed segment never changes and has an index NNNNNNNN.idx: the records by
// the digest of their block, in pages of 4 KiB that are checked and read one by
// one. In memory are only the first key of each page and a filter, which together
// take less than 3 bytes a block, and are read when the store is opened: no data
// is. The index holds nothing that the segment does not: if it is missing or
// damaged, at the open or later, it is made again by a scan. A segment that a
// crash left unsealed is scanned, from where its checkpoint NNNNNNNN.chk ends,
// cut after its last whole record, or before the first bytes that were never
// written, synced and sealed: a file is only ever written by the process that created it. What of it cannot be read stays as it is: the next
// open may be able to.
//
// An index that cannot be read never makes a block absent for those who would
// remove it: Store.Block returns the error, Batch.Put writes the block again,
// Store.Find promises nothing, and Sweep leaves the segment alone.
//
// # Promises
//
// A block is durable when Batch.Sync returned nil after its Batch.Put: its
// bytes, the header of its segment and the name of the segment in the directory
// are synced. One fdatasync serves all who wait when it starts; there are no
// timers. Before that a block may be in memory only: what is appended is written
// in pieces of 1 MiB, past the page cache, and what is synced before a piece is
// full is filled up to the page with zeros, which go when the segment is sealed.
//
// After a failed sync nobody knows what the kernel kept, so the segment is
// sealed where it was last known to be synced, whatever came after that is
// forgotten, and those who wait for it get the error. A failed write is one that
// cannot be synced. The next block starts a
// new segment. No room for a block is ErrFull; reads go on, and so do writes
// once there is room.
//
// # Visibility
//
// A block is private or public, as the flags of its copies say: public if any
// copy is. A verdict, which is a record of its own in a segment (an identity
// block too), changes that from there on, whatever flags the copies have or will
// have; of several the newest decides. Verdicts are few, and all are in memory. A
// sweep writes those again that still matter, and forgets one only when nothing
// that a crash or a scan could bring back contradicts it: what was hidden stays
// hidden.
//
// # Sweep
//
// Sweep removes blocks that are not live, segment by segment. It seals the
// active segment and makes every sealed one a candidate: to Batch.Put the
// blocks in candidates are absent, so whoever stores one of them meanwhile
// writes a copy that this sweep does not touch; and what Store.Find sees in a
// candidate is kept. Then the sweep waits for the leases that began earlier,
// because their owners may have counted on a block in a candidate, and only
// then asks what is live. A candidate without live blocks is removed. Of one
// with some, these are copied, the copies synced, and then it is removed; but
// if it has only a little waste it stays, and its index notes the dead ones.
// Short segments, of which each sweep seals one, are copied together. While others
// store blocks a sweep that copies rests two thirds of the time.
// A crash at any point leaves blocks that nobody needs, or two copies of one,
// and never takes a live block.
//
// Store is safe for concurrent use by one process. It never talks to the
// network, never decides what is live, and never changes what it has written.
package segment
