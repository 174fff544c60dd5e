package sandbox

import (
	"context"
	"fmt"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
)

// msgLookup is where a message ran and what came of it.
type msgLookup struct {
	Message   cid.Cid
	Receipt   receipt
	ReturnDec any
	TipSet    []cid.Cid
	Height    abi.ChainEpoch
}

// lookup finds the receipt of a message, or, where the caller allows it, of the
// one that took its place in the pool.
func (c *chain) lookup(id cid.Cid, replaced bool) *msgLookup {
	m := c.messages[id]
	for m != nil && replaced && m.Replaced.Defined() {
		m = c.messages[m.Replaced]
	}
	if m == nil || m.Receipt == nil {
		return nil
	}
	return &msgLookup{Message: m.CID, Receipt: *m.Receipt, TipSet: m.TipSet, Height: m.Height}
}

// lookup is what an endpoint tells of a message. It needs Network.mu.
func (e *endpoint) lookup(c *chain, id cid.Cid, replaced bool) *msgLookup {
	if e.rec.Mode == rpcLieMissing {
		return nil
	}
	return c.lookup(id, replaced)
}

// rpcSearchMsg has the parameters [from, cid, limit, allowReplaced] and
// answers null while the message has not run.
func (e *endpoint) rpcSearchMsg(_ context.Context, p params) (any, error) {
	at := 1
	if len(p) == 1 { // as the older API has it
		at = 0
	}
	id, err := arg[cid.Cid](p, at)
	if err != nil {
		return nil, err
	}
	replaced, err := arg[bool](p, 3)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (*msgLookup, error) { return e.lookup(c, id, replaced), nil })
}

// rpcWaitMsg has the parameters [cid, confidence, limit, allowReplaced].
func (e *endpoint) rpcWaitMsg(ctx context.Context, p params) (any, error) {
	id, err := arg[cid.Cid](p, 0)
	if err != nil {
		return nil, err
	}
	replaced, err := arg[bool](p, 3)
	if err != nil {
		return nil, err
	}
	for {
		changed := e.n.changes()
		found, err := see(e, func(c *chain) (*msgLookup, error) { return e.lookup(c, id, replaced), nil })
		if found != nil || err != nil {
			return found, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-e.n.done:
			return nil, ErrClosed
		}
	}
}

func (e *endpoint) rpcChainGetMessage(_ context.Context, p params) (any, error) {
	type messageWithCID struct {
		message
		CID cid.Cid
	}
	id, err := arg[cid.Cid](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		m := c.messages[id]
		if m == nil {
			return nil, fmt.Errorf("blockstore: block not found: ipld: could not find %s", id)
		}
		unsigned, err := m.Signed.Message.cid()
		if err != nil {
			return nil, err
		}
		return messageWithCID{m.Signed.Message, unsigned}, nil
	})
}

func (e *endpoint) rpcSectorGetInfo(_ context.Context, p params) (any, error) {
	type sectorInfo struct {
		SectorNumber                             abi.SectorNumber
		SealProof                                abi.RegisteredSealProof
		SealedCID                                cid.Cid
		Activation, Expiration                   abi.ChainEpoch
		DealWeight, VerifiedDealWeight           big.Int
		InitialPledge                            big.Int
		ExpectedDayReward, ExpectedStoragePledge *big.Int
		PowerBaseEpoch                           abi.ChainEpoch
		ReplacedDayReward                        *big.Int
		SectorKeyCID                             *cid.Cid
		Flags                                    uint64
		DailyFee                                 big.Int
	}
	pr, err := e.n.providerArg(p)
	if err != nil {
		return nil, err
	}
	number, err := arg[abi.SectorNumber](p, 1)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		s := c.sectors[sectorKey{pr.id, number}]
		if s == nil {
			return nil, nil
		}
		return sectorInfo{
			SectorNumber: s.Number, SealProof: abi.RegisteredSealProof_StackedDrg32GiBV1_1, SealedCID: s.Sealed,
			Activation: s.Activation, Expiration: s.Expiration, PowerBaseEpoch: s.Activation,
			DealWeight:         big.Mul(big.NewInt(int64(s.Size)), big.NewInt(int64(s.Expiration-s.Activation))),
			VerifiedDealWeight: big.Zero(), InitialPledge: big.Zero(), DailyFee: big.Zero(),
		}, nil
	})
}
