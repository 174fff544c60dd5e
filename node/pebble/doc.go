// Package pebble keeps blocks in a Pebble database, through go-ds-pebble: the
// driver for those who prefer an LSM tree that is known elsewhere to segments.
// It implements blocks.Store.
//
// # Rows
//
// A block has these rows, written together and named by its multihash in base32:
//
//	/blocks/NAME/00, 01, …  the data, in pieces of 32 KiB
//	/meta/NAME              flags (1 byte, bit 0: private), size and epoch (varints)
//
// so that who only asks for a block's size or visibility does not read it. The
// pieces are small because Pebble, when it finds a wrong checksum, tries for each
// of the first 40 Ki bytes which flipped bit explains it: a second of work for 32
// KiB, a minute for 1 MiB.
// /epoch counts sweeps, and /usage holds the totals of a store that was closed
// in order; after a crash they are counted anew from /meta.
//
// # Promises
//
// Blocks are written without a sync; Batch.Sync writes one synced record to the
// write-ahead log, which makes all before it durable and serves all who wait at
// the same time. The log is in order: after a crash, what is there is what was
// written up to some moment.
//
// Pebble ends the process if it cannot write or sync its log, since nobody knows
// then what the disk holds; the next start replays the log. To keep a full disk
// from doing that, blocks leave a reserve for the log and for compactions, and
// what does not fit beside it is blocks.ErrFull.
//
// # Sweep
//
// Each sweep begins an epoch. What is stored or found from then on has the new
// epoch in its row, and the sweep removes only what has an older one: under the
// lock that storing the same block takes, so a block is either seen as kept or
// gone before it is looked for. Room comes back with Pebble's compactions; if
// much was removed the sweep starts one and waits for it.
//
// # Damage
//
// Pebble checks its own blocks, and every block read is checked against its CID
// as well. A damaged block is noted in memory, as absent, and not read again; storing it again cuts
// the damaged bytes out of the tree, lest compactions meet them for ever.
package pebble
