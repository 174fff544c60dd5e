package node

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that does not answer is dialled again after redialMin, then after
// twice as long each time up to redialMax.
const (
	redialMin   = 500 * time.Millisecond
	redialMax   = 5 * time.Minute
	dialTimeout = 30 * time.Second
)

// keeper keeps connections to a fixed set of peers. Its zero value keeps none.
type keeper struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// start dials the peers, each on a goroutine of its own until stop.
func (k *keeper) start(h p2phost.Host, peers []peer.AddrInfo, log *slog.Logger) {
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(context.Background())
	for _, p := range peers {
		if p.ID == h.ID() {
			continue // one list of peers may serve a whole fleet
		}
		h.ConnManager().Protect(p.ID, "peering")
		// One signal is enough: the loop looks at the connection itself.
		lost := make(chan struct{}, 1)
		h.Network().Notify(&network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
			if c.RemotePeer() != p.ID {
				return
			}
			select {
			case lost <- struct{}{}:
			default:
			}
		}})
		k.wg.Go(func() { keepPeer(ctx, h, p, lost, log) })
	}
}

// stop ends the dialling; connections stay as they are.
func (k *keeper) stop() {
	if k.cancel != nil {
		k.cancel()
	}
	k.wg.Wait()
}

func keepPeer(ctx context.Context, h p2phost.Host, p peer.AddrInfo, lost <-chan struct{}, log *slog.Logger) {
	wait := redialMin
	for ctx.Err() == nil {
		if h.Network().Connectedness(p.ID) == network.Connected {
			select {
			case <-lost:
			case <-ctx.Done():
			}
			continue
		}
		dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
		err := h.Connect(dialCtx, p)
		cancel()
		if err == nil {
			wait = redialMin
		} else {
			log.DebugContext(ctx, "peering peer does not answer", "peer", p.ID.String(), "err", err)
		}
		// The pause comes after a success too, so that a peer that hangs up
		// at once is not dialled in a tight loop. It is spread so that a
		// restarted peer is not dialled by everyone in the same instant.
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
		}
		if err != nil {
			wait = min(2*wait, redialMax)
		}
	}
}
