package node

import "github.com/ipfs/boxo/blockstore"

// publicBlocks is the view that bitswap and the gateway have: blocks stored as
// public, each checked against its CID when read. What is put through it is public.
func (n *Node) publicBlocks() blockstore.Blockstore { panic("unwritten") }
