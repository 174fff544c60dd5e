package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ipfs/go-cid"
)

// What a provider does beside the chain: fetching the data of deals. It is the
// one work of a provider that runs without Network.mu.

// resume starts the transfers that the provider's mode allows and stops those
// it does not.
func (p *provider) resume() {
	for _, d := range slices.SortedFunc(maps.Values(p.deals), func(a, b *providerDeal) int { return cmp.Compare(a.UUID.String(), b.UUID.String()) }) {
		if d.Step != stepAccepted {
			continue
		}
		if pullsIn(p.rec.Mode) {
			p.startPull(d)
		} else if cancel := p.pulls[d.UUID]; cancel != nil {
			cancel()
		}
	}
}

// startPull begins the transfer of a deal unless it runs already.
func (p *provider) startPull(d *providerDeal) {
	if p.pulls[d.UUID] != nil || p.n.closed || d.offline() && !p.importsAlone(d) {
		return
	}
	ctx, cancel := p.n.fork()
	p.pulls[d.UUID] = cancel
	p.n.work.Go(func() {
		defer cancel()
		p.pull(ctx, d)
	})
}

// pull takes an accepted deal to transferred, or to failed.
func (p *provider) pull(ctx context.Context, d *providerDeal) {
	err := p.fetchPiece(ctx, d, func(path string) error { return p.download(ctx, d, path) })
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	defer p.n.announce() // that this transfer runs no more
	delete(p.pulls, d.UUID)
	if p.n.broken != nil || p.n.closed || d.Step != stepAccepted {
		return
	}
	switch {
	case err == nil:
		p.transferred(d)
	case ctx.Err() != nil:
		// A fault stopped it; it may have been healed in the meantime.
		if pullsIn(p.rec.Mode) {
			p.startPull(d)
		}
	case d.offline(): // somebody may still import it
		d.Error = err.Error()
		p.saveDeal(d)
	default:
		p.failDeal(d, err.Error())
	}
	if err := p.n.commit(); err != nil {
		p.n.log.Error("sandbox state", "miner", p.addr.String(), "err", err)
	}
}

// transferred needs Network.mu.
func (p *provider) transferred(d *providerDeal) {
	d.received.Store(int64(d.Params.V.Transfer.Size))
	d.Error = ""
	p.move(d, stepTransferred, p.n.chain.height()+publishDelay)
}

// download fetches the deal's data from where the client has it.
func (p *provider) download(ctx context.Context, d *providerDeal, path string) error {
	if err := p.n.pulls.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.n.pulls.Release(1)
	mode, _ := p.look(cid.Undef)
	t, err := newTransfer(p.n.client, d, mode == modeReset)
	if err == nil {
		t.noSync = p.n.opt.NoSync
		err = t.run(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("data-transfer failed: %w", err)
	}
	return nil
}

// fetchPiece makes sure that the deal's piece is stored, verified and indexed.
// get leaves the data at a path.
func (p *provider) fetchPiece(ctx context.Context, d *providerDeal, get func(path string) error) error {
	piece := d.proposal().PieceCID
	release, err := p.n.turn(ctx, piece)
	if err != nil {
		return err
	}
	defer release()
	mode, stored := p.look(piece)
	if stored == nil {
		path := filepath.Join(p.incoming(), d.UUID.String())
		defer func() { _ = os.Remove(path) }() // gone already when all went well
		shared, err := p.takeShared(d, path)
		if err != nil {
			return err
		}
		if !shared || mode == modeWrongComm {
			if err := get(path); err != nil {
				return err
			}
			if err := p.verifyPiece(ctx, d, path); err != nil {
				return err
			}
		}
		if stored, err = p.keep(d, path); err != nil {
			return err
		}
	} else if mode == modeWrongComm {
		return commMismatch(piece)
	}
	if stored.Indexed {
		return nil
	}
	if err := p.indexPiece(ctx, stored); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// Real providers keep a piece they cannot index: it is still served whole.
		p.n.log.Warn("sandbox piece is not indexed", "miner", p.addr.String(), "piece", piece.String(), "err", err)
	}
	return p.n.update(func(*chain) error {
		stored.Indexed = true
		p.n.store.put(stored.row(), stored)
		return nil
	})
}

// turn has the providers of a network that shares verified pieces fetch a piece
// one after the other, so that all but the first find it.
func (n *Network) turn(ctx context.Context, piece cid.Cid) (release func(), err error) {
	if !n.opt.ShareVerified {
		return func() {}, nil
	}
	key := piece.KeyString()
	for {
		n.mu.Lock()
		busy := n.fetching[key]
		if busy == nil {
			done := make(chan struct{})
			n.fetching[key] = done
			n.mu.Unlock()
			return func() {
				n.mu.Lock()
				delete(n.fetching, key)
				n.mu.Unlock()
				close(done)
			}, nil
		}
		n.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// takeShared makes path another name of the piece's file at a provider that has
// verified it, in a network that shares them.
func (p *provider) takeShared(d *providerDeal, path string) (bool, error) {
	if !p.n.opt.ShareVerified {
		return false, nil
	}
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	for _, other := range p.n.providers {
		r := other.pieces[d.proposal().PieceCID]
		if r != nil && r.Padded == d.proposal().PieceSize {
			return true, os.Link(other.pieceFile(r.Piece), path)
		}
	}
	return false, nil
}

// Settle waits until no transfer runs.
func (n *Network) Settle(ctx context.Context) error {
	for {
		n.mu.Lock()
		running, change := 0, n.waiting
		for _, p := range n.providers {
			running += len(p.pulls)
		}
		n.mu.Unlock()
		if running == 0 {
			return nil
		}
		select {
		case <-change:
		case <-n.done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
