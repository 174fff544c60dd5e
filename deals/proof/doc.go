// Package proof is the proof that an object is in Filecoin deals, and what
// checks it. docs/proof.md is the format, for those who write a checker of
// their own.
//
// A proof leads from the bytes of a file to their CID, from the blocks of that
// DAG to the shards whose bytes they are, from the shards to the pieces that
// aggregate them, and names the deals by which providers keep these pieces. It
// holds all that is needed but the file itself: the nodes of the DAG, the
// subtrees of the shards' commitments beside the blocks, and an FRC-0058
// inclusion proof for each shard.
//
// Verify reads the file once, from its begin to its end, and needs neither a node
// nor a network. Only what the chain says of the deals is asked of a chain, by
// Check. Both trust nothing in a proof: lengths are bounded, what is not used
// or not written as the format says is refused, and what could not be checked
// is told apart from what was proved.
//
// Making proofs is not done here: that is deals/piece's, which knows what stands where.
package proof
