package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// lingerTime is how long a block waits for others to be stored with: each time
// costs a sync.
const lingerTime = 50 * time.Millisecond

// supply is where a fetch gets its blocks.
type supply struct {
	n       *Node
	session exchange.Fetcher
	end     context.CancelFunc // of the session
	origins *origins
	idle    time.Duration // 0: for ever
	grace   time.Duration // what is left of FetchOptions.Grace
}

// openSupply dials the origins.
func (n *Node) openSupply(ctx context.Context, addrs []string, idle time.Duration) (*supply, error) {
	if n.host.swap == nil {
		return nil, ErrNoHost
	}
	o, err := n.host.dialOrigins(ctx, addrs)
	if err != nil {
		return nil, err
	}
	s := &supply{n: n, origins: o, idle: idle}
	s.open(ctx)
	return s, nil
}

// open begins a session.
func (s *supply) open(ctx context.Context) {
	ctx, s.end = context.WithCancel(ctx)
	s.session = s.n.host.swap.NewSession(ctx)
}

func (s *supply) close() {
	s.end()
	s.origins.close()
}

// get fetches blocks and gives them to take as they come. A want can get lost,
// if it crosses with the cancel of an earlier one for the same block: what did
// not come for half of the time is asked for once more, in another session.
func (s *supply) get(ctx context.Context, want []cid.Cid, take func([]blocks.Block) error) error {
	for asked := false; ; asked = true {
		left := cid.NewSet()
		for _, c := range want {
			left.Add(c)
		}
		err := s.ask(ctx, want, func(got []blocks.Block) error {
			for _, b := range got {
				left.Remove(b.Cid())
			}
			asked = false
			return take(got)
		})
		if !errors.Is(err, ErrStalled) || asked {
			return err
		}
		want = slices.DeleteFunc(want, func(c cid.Cid) bool { return !left.Has(c) })
		s.reopen(ctx)
	}
}

// reopen begins another session. The end of the old one is told to peers in the
// background: a want that went out meanwhile would cross with that, and be lost again.
func (s *supply) reopen(ctx context.Context) {
	s.end()
	select {
	case <-time.After(min(time.Second, s.idle/8)):
	case <-ctx.Done():
	}
	s.open(ctx)
}

func (s *supply) ask(ctx context.Context, want []cid.Cid, take func([]blocks.Block) error) error {
	askCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ch, err := s.session.GetBlocks(askCtx, want)
	if err != nil {
		return err
	}
	idle, wait := time.NewTimer(s.idle/2), lingerTime
	defer idle.Stop()
	if s.idle == 0 {
		idle.Stop()
	} else {
		wait = min(wait, s.idle/4)
	}
	silent := s.origins.silent
	var alone <-chan time.Time
	for came := 0; came < len(want); {
		select {
		case b, ok := <-ch:
			if !ok {
				return errors.Join(ctx.Err(), errors.New("bitswap was closed"))
			}
			got := gather(b, ch, len(want)-came, wait)
			came += len(got)
			if err := take(got); err != nil {
				return err
			}
			if s.idle > 0 {
				idle.Reset(s.idle / 2)
			}
		case <-silent:
			silent = nil // somebody else may have it
			if err := s.deserted(); err != nil && s.grace <= 0 {
				return err
			} else if err != nil {
				alone, s.grace = time.After(s.grace), 0
			}
		case <-alone:
			if err := s.deserted(); err != nil {
				return err
			}
		case <-idle.C:
			return s.stalled(want[0])
		case <-ctx.Done():
			return fmt.Errorf("%d of %d blocks came, the first wanted was %s: %w", came, len(want), want[0], ctx.Err())
		}
	}
	return nil
}

// deserted is ErrNoSource if no origin answers and nobody else is connected.
func (s *supply) deserted() error {
	if why := s.origins.reason(); why != nil && !s.n.host.connected() {
		return fmt.Errorf("%w: %w", ErrNoSource, why)
	}
	return nil
}

// gather returns a block with others, up to n, that come soon after it.
func gather(b blocks.Block, ch <-chan blocks.Block, n int, wait time.Duration) []blocks.Block {
	got, size, end := []blocks.Block{b}, len(b.RawData()), time.After(wait)
	for len(got) < n && size < storeBytes {
		select {
		case b, ok := <-ch:
			if !ok {
				return got // what is wrong is found by the next read
			}
			got = append(got, b)
			size += len(b.RawData())
		case <-end:
			return got
		}
	}
	return got
}

// stalled says what did not come.
func (s *supply) stalled(want cid.Cid) error {
	err := fmt.Errorf("%w for %s, of %d connected peers; %s is wanted", ErrStalled, s.idle, len(s.n.Peers()), want)
	if why := s.origins.reason(); why != nil {
		err = fmt.Errorf("%w; %w", err, why)
	}
	return err
}

// connected says whether there may be anybody to fetch from.
func (h *host) connected() bool {
	return len(h.find) > 0 || len(h.p2p.Network().Peers()) > 0
}
