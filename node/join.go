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

// enoughPeers connections, and the joiner leaves finding more to the DHT.
const enoughPeers = 4

// joiner brings the node into the network and back into it. While there are
// fewer than enoughPeers it dials bootstrap peers, and if those do not make
// enough, peers that this node was connected to before. Unlike the keeper it
// holds on to nobody: whom it dialled may be trimmed and may go.
type joiner struct {
	h         p2phost.Host
	bootstrap []peer.AddrInfo
	backups   *backups
	log       *slog.Logger

	lost   chan struct{} // of capacity 1: a connection has ended since
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// startJoiner joins until stop. It dials nobody if there is nobody to dial.
func startJoiner(h p2phost.Host, bootstrap []peer.AddrInfo, backups *backups, log *slog.Logger) *joiner {
	ctx, cancel := context.WithCancel(context.Background())
	j := &joiner{h: h, bootstrap: bootstrap, backups: backups, log: log, lost: make(chan struct{}, 1), cancel: cancel}
	h.Network().Notify(&network.NotifyBundle{DisconnectedF: func(network.Network, network.Conn) {
		select {
		case j.lost <- struct{}{}:
		default:
		}
	}})
	j.wg.Go(func() { j.run(ctx) })
	return j
}

func (j *joiner) stop() {
	if j == nil {
		return
	}
	j.cancel()
	j.wg.Wait()
}

// run dials until there is nobody left to dial or enough are connected, and
// then waits for a connection to end.
func (j *joiner) run(ctx context.Context) {
	wait, alone := redialMin, false
	for ctx.Err() == nil {
		left := j.round(ctx)
		if now := left > 0 && len(j.h.Network().Peers()) == 0; now != alone {
			if alone = now; alone {
				j.log.WarnContext(ctx, "no peer answers", "err", errNoPeers)
			}
		}
		if left == 0 {
			wait = redialMin
			select {
			case <-j.lost:
			case <-ctx.Done():
			}
		}
		select { // spread, so that a restarted peer is not dialled by everyone at once
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
		}
		if left > 0 {
			wait = min(2*wait, redialMax)
		}
	}
}

// round dials as many peers as are missing. It returns how many of those it
// knows are still to be had, which is 0 if enough are connected.
func (j *joiner) round(ctx context.Context) (left int) {
	for _, known := range [][]peer.AddrInfo{j.bootstrap, j.backups.list()} {
		missing := enoughPeers - len(j.h.Network().Peers())
		if missing <= 0 {
			return 0
		}
		left += j.dial(ctx, known, missing)
	}
	if len(j.h.Network().Peers()) >= enoughPeers {
		return 0
	}
	return left
}

// dial connects to up to n of the peers, at random, and returns to how many
// there is no connection then.
func (j *joiner) dial(ctx context.Context, peers []peer.AddrInfo, n int) (left int) {
	var absent []peer.AddrInfo
	for _, p := range peers {
		if p.ID != j.h.ID() && j.h.Network().Connectedness(p.ID) != network.Connected {
			absent = append(absent, p)
		}
	}
	rand.Shuffle(len(absent), func(i, k int) { absent[i], absent[k] = absent[k], absent[i] })
	var wg sync.WaitGroup
	var mu sync.Mutex // guards made
	made := 0
	for len(absent) > 0 && n > 0 && ctx.Err() == nil {
		batch := absent[:min(n, len(absent))]
		absent = absent[len(batch):]
		for _, p := range batch {
			wg.Go(func() {
				dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
				defer cancel()
				if err := j.h.Connect(dialCtx, p); err != nil {
					j.log.DebugContext(ctx, "peer does not answer", "peer", p.ID.String(), "err", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				made++
			})
		}
		wg.Wait()
		left += len(batch) - made
		n, made = n-made, 0
	}
	return left + len(absent)
}
