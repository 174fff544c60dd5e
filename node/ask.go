package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// maxHolders is how many peers that are said to have a root are dialled for it.
const maxHolders = 10

// Ask gets blocks of the DAG under root from other nodes, and gives them to take
// as they come: from connected peers, and from those that the DHT and
// Config.Routers know for a block, or for the root, which is all that most
// nodes announce. Each has its hash. Nothing is stored, and everyone who is
// asked learns the CIDs: a private DAG is not for this.
//
// Without a block for idle it ends with ErrStalled; ErrNoSource says that there
// is nobody to ask.
func (n *Node) Ask(ctx context.Context, root cid.Cid, want []cid.Cid, idle time.Duration, take func([]Block) error) error {
	if n.host.swap == nil {
		return fmt.Errorf("ask for blocks of %s: %w", root, ErrNoHost)
	}
	if !n.host.connected() {
		return fmt.Errorf("ask for blocks of %s: %w", root, ErrNoSource)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // ends the session
	wg.Go(func() { n.host.meet(ctx, root) })
	s, err := n.openSupply(ctx, nil, idle)
	if err != nil {
		return err
	}
	defer s.close()
	err = s.get(ctx, want, func(got []blocks.Block) error {
		list := make([]Block, len(got))
		for i, b := range got {
			if err := hashes(b.Cid(), b.RawData()); err != nil {
				return err
			}
			list[i] = Block{Cid: b.Cid(), Data: b.RawData()}
		}
		return take(list)
	})
	if err != nil {
		return fmt.Errorf("ask for blocks of %s: %w", root, err)
	}
	return nil
}

// hashes says whether data is what c names. Bitswap names blocks by their own
// hash; that is not what anything here may hang on.
func hashes(c cid.Cid, data []byte) error {
	sum, err := c.Prefix().Sum(data)
	if err == nil && !sum.Equals(c) {
		err = fmt.Errorf("a peer sent another block for %s", c)
	}
	return err
}

// meet connects to peers that are said to have a root. Bitswap asks whoever is connected.
func (h *host) meet(ctx context.Context, root cid.Cid) {
	if len(h.find) == 0 {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	met := 0
	for info := range h.find.FindProvidersAsync(ctx, root, maxHolders) {
		if met++; met > maxHolders || info.ID == h.p2p.ID() {
			continue // it is read to its end
		}
		wg.Go(func() {
			dial, cancel := context.WithTimeout(ctx, originTimeout)
			defer cancel()
			_ = h.p2p.Connect(dial, info) // one that does not answer has nothing
		})
	}
}
