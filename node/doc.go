// Package node is WhyPFS Core: the blocks of this machine, the files and other
// DAGs made of them, and the ways IPFS reaches them: a libp2p host with bitswap
// and a DHT, and an HTTP gateway. It is the only package that imports boxo.
//
// # Blocks
//
// Blocks are kept in Config.Dir/blocks by a driver of package blocks: segment, or
// pebble. The directory remembers which. A block is public or
// private. Bitswap and the gateway get a view of the store that holds public
// blocks only; Block, OpenFile and Walk see all. Storing a private block again
// as public, or Publish, makes it public; Hide makes it private again.
//
// # Files
//
// Import stores a file by the profile unixfs-v1-2025 of IPIP-499: CIDv1,
// SHA2-256, raw leaves of 1 MiB, balanced, at most 1024 links in a node. So the
// same bytes have one CID here, in kubo and in any other importer of the
// profile. Concat makes one file of several without touching their leaves.
// OpenFile reads these and any other valid UnixFS file, and returns the bytes
// that were stored for the CID or an error: nodes and small leaves are checked
// against their CIDs, large leaves against the checksums they were stored with.
//
// ImportCAR stores the DAG that a CAR holds, a file or any other whose codecs
// it can follow: dag-pb, dag-cbor and dag-json, with leaves that are raw, cbor
// or json. OpenDAG reads a DAG as a sequence of bytes: a file's own, or a CAR.
//
// # Directories
//
// DirWriter makes and changes UnixFS directories of the same profile: one node
// up to 256 KiB, above it a HAMT. What a directory is depends on its entries
// alone, not on how they came, and a change writes the nodes on the way to it.
// DirBuilder makes one of any number of entries in bounded memory.
//
// # Fetching
//
// FetchDAG brings a DAG of others, of any size, from peers: its place in the DAG
// can be written down and taken up again. It takes every block that is not
// public here from a peer that has it, though it may be here as private: to
// know a CID gives nobody what others keep private. Ask gets single blocks, and
// stores nothing. Peers are found in the DHT, and through Config.Routers.
//
// # Promises
//
// When Import, ImportCAR, Concat, PutBlocks, Publish, Fetch or FetchDAG return nil, every block they
// stored, and every block they found stored, is durable.
//
// # Peers
//
// By default the node dials nobody and asks no service outside: whom it joins
// the network through is Config's to say. It stays connected to Config.Peering,
// dials Config.Bootstrap while it has few connections, and when that fails the
// peers it was connected to before, which it keeps in Config.Dir/peers. Isolated
// says that nobody is connected. Limits bound what strangers can make it hold.
//
// # Repair
//
// A block that anyone here reads and that no longer has its hash is never
// returned. It is logged and counted once, and brought back: through
// Config.Restore of a root that reaches it, or from a connected peer if that root
// is published. OpenFile and OpenDAG wait for it a while, other readers get
// ErrDamaged. Repairs are few at a time, one for a block, and tried again with
// growing pauses until the block is back or no root reaches it.
//
// # Removal
//
// The node does not know what is referenced; its caller does. Whoever stores
// blocks takes a Lease first and releases it when a root that reaches the
// blocks is where Sweep's caller will find it. Sweep freezes the store: it
// seals the active segment, and from then on blocks in sealed segments are
// written again when someone stores them. It then waits for the leases taken
// before that moment, whose holders may count on frozen blocks, and only then
// asks for the live roots. Frozen blocks that no root reaches are removed.
// Leases taken later do not hold it up, and what they protect is not frozen.
// Of trees, which SweepTrees is told besides, it keeps the directories alone.
// Reads, writes and further leases go on meanwhile. Sweep must not be called by
// someone who holds a lease: it would wait for itself.
//
// # Gateway
//
// Gateway reads the public view. What is missing there is looked for by
// Config.Refill, block by block, or else by Config.Restore, then, if GatewayConfig.Fetch says so, among other nodes; what
// they send is kept as public blocks that no root holds. An IPNS name means what
// the best valid record says that was put here, signed here or is in the DHT; a
// domain what GatewayConfig.Names or the DNS says, which is not asked by default.
//
// # What it never does
//
// It never serves or announces a private block, never removes a block outside
// Sweep, never acknowledges a block before it is on the disk, and keeps no
// metadata but the records and keys of IPNS names. Node is safe for concurrent
// use by one process; who opens Config.Dir sees to it that there is only one.
package node
