package node

import (
	"context"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/routing"
)

// maxCIDSize bounds the CIDs that strangers may ask for; the CIDs of common
// hashes have less than 70 bytes.
const maxCIDSize = 168

// newBitswap serves blocks to any peer, and lets Fetch ask connected peers,
// and those that find names, unless it is nil. It announces nothing.
func newBitswap(ctx context.Context, h p2phost.Host, find routing.ContentDiscovery, blocks blockstore.Blockstore, limits Limits) *bitswap.Bitswap {
	return bitswap.New(ctx, bsnet.NewFromIpfsHost(h), find, blocks,
		bitswap.MaxCidSize(maxCIDSize),
		bitswap.MaxOutstandingBytesPerPeer(int(limits.PeerBytes)),
		bitswap.MaxQueuedWantlistEntriesPerPeer(uint(limits.PeerWants)),
		// The blocks are in the store before anyone hears of them, so counting
		// duplicates would cost a lookup for each received block.
		bitswap.WithoutDuplicatedBlockStats(),
	)
}
