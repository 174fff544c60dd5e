package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/whypfs/whypfs/internal/clip"
)

// originTimeout bounds one try to reach an origin.
const originTimeout = 15 * time.Second

// CheckPeerAddrs returns an error unless all are multiaddrs with /p2p/.
func CheckPeerAddrs(addrs []string) error {
	_, err := parsePeers("origin", addrs)
	return err
}

// origins are peers that are said to have what a fetch is after. They are
// dialled, again and again, and their connections are kept, until close.
type origins struct {
	host   p2phost.Host
	tag    string
	cancel context.CancelFunc
	wg     sync.WaitGroup

	silent chan struct{} // closed when each was tried once and none answered

	mu     sync.Mutex
	untold int               // origins that were not tried yet
	failed map[peer.ID]error // those that do not answer, and why
}

func (h *host) dialOrigins(ctx context.Context, addrs []string) (*origins, error) {
	infos, err := parsePeers("origin", addrs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	o := &origins{
		host: h.p2p, cancel: cancel, tag: "fetch-" + strconv.FormatUint(rand.Uint64(), 36),
		silent: make(chan struct{}), failed: map[peer.ID]error{}, untold: len(infos),
	}
	for _, info := range infos {
		if info.ID == h.p2p.ID() {
			o.tell(info.ID, errors.New("it is this node"))
			continue
		}
		o.wg.Go(func() { o.hold(ctx, info) })
	}
	return o, nil
}

// close lets the origins go.
func (o *origins) close() {
	o.cancel()
	o.wg.Wait()
}

// hold keeps one origin connected until ctx ends.
func (o *origins) hold(ctx context.Context, info peer.AddrInfo) {
	lost := make(chan struct{}, 1)
	watch := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == info.ID {
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	}}
	o.host.Network().Notify(watch)
	defer o.host.Network().StopNotify(watch)
	o.host.ConnManager().Protect(info.ID, o.tag)
	defer o.host.ConnManager().Unprotect(info.ID, o.tag)
	for wait := redialMin; ctx.Err() == nil; {
		if o.host.Network().Connectedness(info.ID) == network.Connected {
			o.tell(info.ID, nil)
			wait = redialMin
			select {
			case <-lost:
				pause(ctx, redialMin) // one that hangs up at once is not dialled in a tight loop
			case <-ctx.Done():
			}
			continue
		}
		dial, cancel := context.WithTimeout(ctx, originTimeout)
		err := o.host.Connect(dial, info)
		cancel()
		if err != nil && ctx.Err() == nil {
			o.tell(info.ID, err)
		}
		if err == nil {
			continue
		}
		pause(ctx, wait)
		wait = min(2*wait, redialMax)
	}
}

// pause waits about as long as that.
func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-time.After(wait/2 + rand.N(wait)):
	case <-ctx.Done():
	}
}

// tell notes how a try to reach an origin ended.
func (o *origins) tell(id peer.ID, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, again := o.failed[id]
	if err == nil {
		delete(o.failed, id)
		o.untold = -1 // never silent
		return
	}
	o.failed[id] = err
	if again || o.untold < 0 {
		return
	}
	if o.untold--; o.untold == 0 {
		close(o.silent)
		o.untold = -1
	}
}

// reason says which origins do not answer, or nil.
func (o *origins) reason() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, err := range o.failed {
		why := clip.Text(strings.Join(strings.Fields(err.Error()), " "), 300)
		if len(o.failed) == 1 {
			return fmt.Errorf("origin %s does not answer: %s", id, why)
		}
		return fmt.Errorf("%d origins do not answer, among them %s: %s", len(o.failed), id, why)
	}
	return nil
}
