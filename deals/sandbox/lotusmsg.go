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

func (c *chain) lookup(id cid.Cid) *msgLookup {
	m := c.messages[id]
	if m == nil || m.Receipt == nil {
		return nil
	}
	return &msgLookup{Message: m.CID, Receipt: *m.Receipt, TipSet: m.TipSet, Height: m.Height}
}

// rpcSearchMsg has the parameters [from, cid, limit, allowReplaced] and
// answers null while the message has not run.
func (n *Network) rpcSearchMsg(_ context.Context, p params) (any, error) {
	at := 1
	if len(p) == 1 { // as the older API has it
		at = 0
	}
	id, err := arg[cid.Cid](p, at)
	if err != nil {
		return nil, err
	}
	return view(n, func(c *chain) (*msgLookup, error) { return c.lookup(id), nil })
}

// rpcWaitMsg has the parameters [cid, confidence, limit, allowReplaced].
func (n *Network) rpcWaitMsg(ctx context.Context, p params) (any, error) {
	id, err := arg[cid.Cid](p, 0)
	if err != nil {
		return nil, err
	}
	for {
		changed := n.changes()
		found, err := view(n, func(c *chain) (*msgLookup, error) { return c.lookup(id), nil })
		if found != nil || err != nil {
			return found, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-n.done:
			return nil, ErrClosed
		}
	}
}

func (n *Network) rpcChainGetMessage(_ context.Context, p params) (any, error) {
	type messageWithCID struct {
		message
		CID cid.Cid
	}
	id, err := arg[cid.Cid](p, 0)
	if err != nil {
		return nil, err
	}
	return view(n, func(c *chain) (any, error) {
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

func (n *Network) rpcPush(_ context.Context, p params) (any, error) {
	s, err := arg[signedMessage](p, 0)
	if err != nil {
		return nil, err
	}
	var id cid.Cid
	err = n.update(func(c *chain) error {
		id, err = c.push(s)
		return err
	})
	return id, err
}

// rpcEstimateGas fills in what is missing, generously: gas is cheap here.
func (n *Network) rpcEstimateGas(_ context.Context, p params) (any, error) {
	m, err := arg[message](p, 0)
	if err != nil {
		return nil, err
	}
	if m.GasLimit == 0 {
		m.GasLimit = 10_000_000 + int64(len(m.Params))*2000
	}
	if m.GasFeeCap.Nil() || m.GasFeeCap.IsZero() {
		m.GasFeeCap = big.NewInt(baseFee * 2)
	}
	if m.GasPremium.Nil() || m.GasPremium.IsZero() {
		m.GasPremium = big.NewInt(baseFee)
	}
	return m, nil
}

func (n *Network) rpcSectorGetInfo(_ context.Context, p params) (any, error) {
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
	pr, err := n.providerArg(p)
	if err != nil {
		return nil, err
	}
	number, err := arg[abi.SectorNumber](p, 1)
	if err != nil {
		return nil, err
	}
	return view(n, func(c *chain) (any, error) {
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
