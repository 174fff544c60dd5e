// Package blocks is the contract between the node and the store that keeps its
// blocks. Package segment is the default driver; blockstest.Run is the contract
// as tests, and every driver passes it.
//
// # Names
//
// A block is named by its multihash: CIDs that differ in version or codec only
// name the same one. Data that is inlined in an identity CID is always here, is
// never stored and counts for nothing. Blocks of up to MaxBlock bytes are taken.
//
// # Durability
//
// Batch.Put stores a block, or finds it stored. It is durable when Batch.Sync
// returned nil after that: no crash of the process or the machine takes it. That
// holds for a block found too, even if another batch is about to sync it. Before
// its Sync a block may be read, and a crash may take it or leave it whole. No
// room for a block is ErrFull; reads go on then, and so do writes once there is
// room. After a failed Sync the blocks that it was for count as lost: who still
// needs them begins a new batch.
//
// # Private and public
//
// A block is private or public. Reads that ask for public blocks do not see the
// private ones, not even their size. Storing a private block again as public
// makes it public, as Batch.Publish does, and storing a public block as private
// changes nothing: public wins. Only Batch.Hide makes it private again, and of
// Publish, Hide and storing as public the last one decides.
//
// # Damage
//
// Reader.Block checks every block against its CID. Bytes that do not have the
// hash are never returned: the error is ErrDamaged, it is counted and logged,
// and from then on the block counts as absent to Has, Find and Put, so whoever
// stores it again mends it.
//
// # Leases and sweep
//
// Sweeper.Sweep removes the blocks that are not live. It freezes those that are
// stored, waits for the leases that were taken before, and only then asks what is
// live. Who stores blocks takes a Lease first, and holds it until a root that
// reaches them is where the sweep's caller will find it. To Batch.Put frozen
// blocks are absent, so what is stored during a sweep stays; so does what
// Reader.Find sees. Leases taken after the freeze do not hold it up. Reads and
// writes go on; a read under way is never broken by it. A crash in a sweep leaves
// blocks that nobody needs, and never takes a live one.
package blocks
