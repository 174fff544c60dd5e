// Package piece lays the contents of a zone out as Filecoin pieces, and makes
// the bytes of a piece whenever they are read.
//
// A piece is an FRC-0058 aggregate of shards; a shard is a CARv1. Neither is
// ever written to disk: a layout row per thousand blocks says what stands
// where, and piece bytes are made from it and the block store. Hashing a shard
// reads it through the very code that serves it later, so the commitment holds
// for what providers pull, also after a restart.
//
// A zone is packed or it is not: its pieces come to exist in one transaction,
// and the layout is a function of the request and the DAGs alone. A crash
// before that leaves rows which the next Pack overwrites.
//
// A block stands once in a zone. Places says where the blocks of a content
// stand, so that they can be brought back out of a replica; a block that is
// gone here while its piece is read comes from there through a Fetcher.
//
// Prove shows that a content is in its pieces without hashing them again: the
// roots of a shard's chunks are kept when it is packed.
//
// Memory while a zone is packed: 34 parts of a shard, GOMAXPROCS+1 chunks of
// its tree of 0.3 MiB, 110 bytes for each block. While a piece is sent: two
// parts for each request, of which Limits allows so many. A part is 1.3 MiB, or
// a block if that is larger, and at most 4.3.
//
// Nothing here knows of deals: who may read a piece is for a Guard to say, and
// the Reason in a piece is kept for those who make its deals. No block is ever
// removed.
package piece
