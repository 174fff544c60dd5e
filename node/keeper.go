package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/whypfs/whypfs/internal/durable"
)

// A peer that does not answer is dialled again after redialMin, then after
// twice as long each time up to redialMax.
const (
	redialMin   = 500 * time.Millisecond
	redialMax   = 5 * time.Minute
	dialTimeout = 30 * time.Second
)

const (
	// keeperFile holds the peers that were added while the node ran, one address a
	// line. It may be lost: they are kept connected no longer then.
	keeperFile = "peering"
	keeperTag  = "peering"
	// maxKept bounds them: each takes a goroutine and a connection.
	maxKept = 1000
)

// keeper keeps connections to a set of peers: those of the settings and those
// that were added to them. Its zero value keeps none.
type keeper struct {
	host p2phost.Host
	file string
	log  *slog.Logger

	mu    sync.Mutex // guards what follows
	peers map[peer.ID]*keptPeer
	off   bool // nobody is dialled
	over  bool
	wg    sync.WaitGroup
}

// keptPeer is a peer that connections are kept to.
type keptPeer struct {
	info  peer.AddrInfo
	added bool               // it is in the file
	stop  context.CancelFunc // nil while nobody is dialled
}

// start dials the peers, and those in the file in dir, each on a goroutine of
// its own until close.
func (k *keeper) start(h p2phost.Host, dir string, peers []peer.AddrInfo, log *slog.Logger) error {
	k.host, k.log, k.file, k.peers = h, log, filepath.Join(dir, keeperFile), map[peer.ID]*keptPeer{}
	if err := durable.Clean(k.file); err != nil {
		return fmt.Errorf("peering: %w", err)
	}
	data, err := os.ReadFile(k.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("peering: %w", err)
	}
	added, err := parsePeers("peering", strings.Fields(string(data)))
	if err != nil {
		return fmt.Errorf("%s: %w", k.file, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range peers {
		k.keep(p, false)
	}
	for _, p := range added {
		k.keep(p, true)
	}
	return nil
}

// keep begins to keep a peer, or keeps it under other addresses. The caller holds mu.
func (k *keeper) keep(p peer.AddrInfo, added bool) {
	if p.ID == k.host.ID() {
		return // one list of peers may serve a whole fleet
	}
	if old := k.peers[p.ID]; old != nil {
		k.drop(old)
		added = added || old.added
	}
	kept := &keptPeer{info: p, added: added}
	k.peers[p.ID] = kept
	if !k.off {
		k.dial(kept)
	}
}

// dial begins to dial a peer. The caller holds mu.
func (k *keeper) dial(p *keptPeer) {
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	k.host.ConnManager().Protect(p.info.ID, keeperTag)
	k.wg.Go(func() { keepPeer(ctx, k.host, p.info, k.log) })
}

// drop ends the dialling of a peer, whose connections stay as they are. The caller holds mu.
func (k *keeper) drop(p *keptPeer) {
	if p.stop != nil {
		p.stop()
		p.stop = nil
		k.host.ConnManager().Unprotect(p.info.ID, keeperTag)
	}
}

// save writes the file. The caller holds mu.
func (k *keeper) save() error {
	var out bytes.Buffer
	for _, id := range k.ids() {
		p := k.peers[id]
		if !p.added {
			continue
		}
		addrs, err := peer.AddrInfoToP2pAddrs(&p.info)
		if err != nil {
			return err
		}
		if len(addrs) == 0 {
			fmt.Fprintf(&out, "/p2p/%s\n", id)
		}
		for _, a := range addrs {
			fmt.Fprintln(&out, a)
		}
	}
	return durable.WriteFile(k.file, out.Bytes(), 0o600)
}

// ids are those of the peers, in order. The caller holds mu.
func (k *keeper) ids() []peer.ID {
	out := make([]peer.ID, 0, len(k.peers))
	for id := range k.peers {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b peer.ID) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// close ends the dialling for good; connections stay as they are.
func (k *keeper) close() {
	k.mu.Lock()
	for _, p := range k.peers {
		if p.stop != nil {
			p.stop()
		}
	}
	k.over = true
	k.mu.Unlock()
	k.wg.Wait()
}

// keepPeer keeps a peer connected until ctx ends.
func keepPeer(ctx context.Context, h p2phost.Host, p peer.AddrInfo, log *slog.Logger) {
	// One signal is enough: the loop looks at the connection itself.
	lost := make(chan struct{}, 1)
	watch := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() != p.ID {
			return
		}
		select {
		case lost <- struct{}{}:
		default:
		}
	}}
	h.Network().Notify(watch)
	defer h.Network().StopNotify(watch)
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
