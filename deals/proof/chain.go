package proof

import (
	"context"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/deals/chain"
)

// DealState is what a chain says of a deal.
type DealState string

const (
	DealActive    DealState = "active"
	DealUnsealed  DealState = "published, in no sector yet"
	DealSlashed   DealState = "slashed"
	DealExpired   DealState = "expired"
	DealUnknown   DealState = "not on chain" // it never was, or is settled
	DealDifferent DealState = "another deal" // than the proof says
)

// Found is a deal of a proof as a chain knows it.
type Found struct {
	Piece  string    `json:"piece"`
	Deal   Deal      `json:"deal"`
	State  DealState `json:"state"`
	Reason string    `json:"reason,omitempty"` // how it differs
	Sector int64     `json:"sectorStart"`      // epoch at which its sector was proved first, -1: not yet
}

// Named adds to the report which deals a proof names, for want of a chain to ask.
func (p *Proof) Named(r *Report) {
	if r.Refused() {
		return
	}
	for _, pc := range p.Pieces {
		if len(pc.Deals) == 0 {
			r.add("deals", Refused, "no deal is named for piece %s", pc.CID)
			continue
		}
		r.add("deals", NotChecked, "%s named for piece %s; a chain (--rpc) knows whether they hold", plural(len(pc.Deals), "deal"), pc.CID)
	}
}

// Check asks a chain for the deals of a proof, and adds to the report what it
// says. That every piece has an active deal is what is proved then. An error
// says that the chain could not be asked.
func (p *Proof) Check(ctx context.Context, c *chain.Client, r *Report) error {
	if r.Refused() || len(p.Pieces) == 0 {
		return nil
	}
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	for _, pc := range p.Pieces {
		active, contradicted := 0, 0
		for _, d := range pc.Deals {
			f, err := find(ctx, c, pc, d, head)
			if err != nil {
				return fmt.Errorf("deal %d: %w", d.ID, err)
			}
			r.Deals = append(r.Deals, f)
			switch f.State {
			case DealActive:
				active++
			case DealDifferent:
				contradicted++
			}
		}
		state := Proved
		if active == 0 || contradicted > 0 {
			state = Refused
		}
		text := fmt.Sprintf("%d of %s for piece %s active at epoch %d", active, plural(len(pc.Deals), "deal"), pc.CID, head)
		if contradicted > 0 {
			text += fmt.Sprintf("; %d on chain contradict the proof", contradicted)
		}
		r.add("deals", state, "%s", text)
	}
	return nil
}

// find looks a deal up.
func find(ctx context.Context, c *chain.Client, pc Piece, d Deal, head int64) (Found, error) {
	f := Found{Piece: pc.CID, Deal: d, State: DealUnknown, Sector: -1}
	got, err := c.Deal(ctx, d.ID)
	if errors.Is(err, chain.ErrNotOnChain) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Sector = got.State.SectorStartEpoch
	if f.Reason, err = differs(ctx, c, got, pc, d); err != nil {
		return f, err
	}
	switch {
	case f.Reason != "":
		f.State = DealDifferent
	case got.State.SlashEpoch >= 0:
		f.State = DealSlashed
	case int64(got.Proposal.EndEpoch) <= head:
		f.State = DealExpired
	case got.State.SectorStartEpoch < 0:
		f.State = DealUnsealed
	default:
		f.State = DealActive
	}
	return f, nil
}

// differs says how a deal on chain is not the one in the proof, "" if it is.
func differs(ctx context.Context, c *chain.Client, got chain.Deal, pc Piece, d Deal) (string, error) {
	g := got.Proposal
	switch {
	case g.PieceCID.String() != pc.CID:
		return fmt.Sprintf("it keeps piece %s", g.PieceCID), nil
	case int64(g.PieceSize) != pc.Padded:
		return fmt.Sprintf("its piece has %d bytes", g.PieceSize), nil
	case int64(g.StartEpoch) != d.Start || int64(g.EndEpoch) != d.End:
		return fmt.Sprintf("it runs from epoch %d to %d", g.StartEpoch, g.EndEpoch), nil
	}
	same, err := sameActor(ctx, c, g.Provider, d.Provider)
	if err != nil || !same {
		return fmt.Sprintf("its provider is %s", g.Provider), err
	}
	if same, err = sameActor(ctx, c, g.Client, d.Client); err != nil || !same {
		return fmt.Sprintf("its client is %s", g.Client), err
	}
	return "", nil
}

// sameActor compares an address on chain with one in a proof, which may be the
// key's where the market keeps the actor's number.
func sameActor(ctx context.Context, c *chain.Client, got address.Address, said string) (bool, error) {
	a, err := address.NewFromString(said)
	if err != nil {
		return false, nil
	}
	if a == got || a.Protocol() == address.ID {
		return a == got, nil
	}
	id, err := c.LookupID(ctx, a)
	var ce *chain.CallError
	if errors.As(err, &ce) {
		return false, nil // the chain has no such actor
	}
	return id == got, err
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
