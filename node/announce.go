package node

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
)

// dhtMode reads Config.DHT.
func dhtMode(s string) (mode dht.ModeOpt, on bool, err error) {
	switch s {
	case "", "off":
		return 0, false, nil
	case "client":
		return dht.ModeClient, true, nil
	case "server":
		return dht.ModeServer, true, nil
	}
	return 0, false, fmt.Errorf("DHT mode %q: want off, client or server", s)
}

// Announce tells the network that this node has root, if a DHT is on. The
// network forgets after about two days, so what should stay found is announced
// again within one. A root that is not here, or private, is never announced:
// the error is ErrNotFound.
func (n *Node) Announce(ctx context.Context, root cid.Cid) error {
	if n.host.dht == nil {
		return nil
	}
	if err := n.host.announce(ctx, n.publicBlocks(), root); err != nil {
		return fmt.Errorf("announce %s: %w", root, err)
	}
	return nil
}

func (h *host) announce(ctx context.Context, blocks blockstore.Blockstore, root cid.Cid) error {
	ok, err := blocks.Has(ctx, root)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotFound
	}
	return h.dht.Provide(ctx, root, true)
}
