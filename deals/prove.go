package deals

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/kv"
)

// Prove makes the proof that a content is in its pieces and names their deals
// that are on chain, or returns piece.ErrNoPiece. size is that of the content as
// it is read. There may be no deal yet.
func (d *Deals) Prove(ctx context.Context, zone, content uint64, root cid.Cid, size int64) (*proof.Proof, error) {
	p, err := d.pieces.Prove(ctx, zone, content, root, size)
	if err != nil {
		return nil, err
	}
	p.Object.Content = content
	for i := range p.Pieces {
		if p.Pieces[i].Deals, err = d.provable(ctx, p.Pieces[i].CID); err != nil {
			return nil, fmt.Errorf("deals of piece %s: %w", p.Pieces[i].CID, err)
		}
	}
	return p, nil
}

// provable lists the deals of a piece that a chain can be asked for: the active
// ones before those in no sector yet, newest first.
func (d *Deals) provable(ctx context.Context, pieceCID string) (deals []proof.Deal, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		deals = []proof.Deal{}
		for _, state := range []DealState{DealActive, DealPublished} {
			for row, err := range scanDeals(tx, 0, pieceCID) {
				if d.skips(ctx, err) {
					continue
				}
				if err != nil {
					return err
				}
				if row.State != state || row.ChainID == 0 || len(deals) == proof.MaxDeals {
					continue
				}
				named, err := row.named()
				if err != nil {
					return err
				}
				deals = append(deals, named)
			}
		}
		return nil
	})
	return deals, err
}

// named is what a proof says of a deal.
func (r *dealRow) named() (proof.Deal, error) {
	signed, err := r.signedProposal()
	if err != nil {
		return proof.Deal{}, err
	}
	p := signed.Proposal
	return proof.Deal{ID: r.ChainID, Provider: p.Provider.String(), Client: p.Client.String(),
		Start: int64(p.StartEpoch), End: int64(p.EndEpoch), Publish: r.Publish}, nil
}
