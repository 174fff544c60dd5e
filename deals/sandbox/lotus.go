package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/ipfs/go-cid"
)

type rpcMethod func(e *endpoint, ctx context.Context, p params) (any, error)

// rpcMethods are the Lotus methods the chain answers.
func rpcMethods() map[string]rpcMethod {
	return map[string]rpcMethod{
		"Filecoin.Version":                           (*endpoint).rpcVersion,
		"Filecoin.ChainHead":                         (*endpoint).rpcChainHead,
		"Filecoin.ChainGetTipSetByHeight":            (*endpoint).rpcTipSetByHeight,
		"Filecoin.ChainGetMessage":                   (*endpoint).rpcChainGetMessage,
		"Filecoin.StateNetworkName":                  (*endpoint).rpcNetworkName,
		"Filecoin.StateNetworkVersion":               (*endpoint).rpcNetworkVersion,
		"Filecoin.StateMinerInfo":                    (*endpoint).rpcMinerInfo,
		"Filecoin.StateMinerPower":                   (*endpoint).rpcMinerPower,
		"Filecoin.StateListMiners":                   (*endpoint).rpcListMiners,
		"Filecoin.StateDealProviderCollateralBounds": (*endpoint).rpcCollateralBounds,
		"Filecoin.StateMarketBalance":                (*endpoint).rpcMarketBalance,
		"Filecoin.StateMarketStorageDeal":            (*endpoint).rpcMarketStorageDeal,
		"Filecoin.StateAccountKey":                   (*endpoint).rpcAccountKey,
		"Filecoin.StateLookupID":                     (*endpoint).rpcLookupID,
		"Filecoin.StateVerifiedClientStatus":         (*endpoint).rpcVerifiedClientStatus,
		"Filecoin.StateGetAllocations":               (*endpoint).rpcGetAllocations,
		"Filecoin.EthChainId":                        (*endpoint).rpcEthChainID,
		"eth_chainId":                                (*endpoint).rpcEthChainID,
		"Filecoin.GetActorEventsRaw":                 (*endpoint).rpcActorEvents,
		"Filecoin.StateSearchMsg":                    (*endpoint).rpcSearchMsg,
		"Filecoin.StateWaitMsg":                      (*endpoint).rpcWaitMsg,
		"Filecoin.StateSectorGetInfo":                (*endpoint).rpcSectorGetInfo,
		"Filecoin.StateGetActor":                     (*endpoint).rpcGetActor,
		"Filecoin.WalletBalance":                     (*endpoint).rpcWalletBalance,
		"Filecoin.MpoolGetNonce":                     (*endpoint).rpcGetNonce,
		"Filecoin.MpoolPush":                         (*endpoint).rpcPush,
		"Filecoin.GasEstimateMessageGas":             (*endpoint).rpcEstimateGas,
	}
}

// view runs f with the ledger locked.
func view[T any](n *Network, f func(c *chain) (T, error)) (T, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unusable(); err != nil {
		var none T
		return none, err
	}
	return f(n.chain)
}

func (e *endpoint) rpcVersion(context.Context, params) (any, error) {
	type version struct {
		Version    string
		APIVersion uint32
		BlockDelay uint64
		Agent      string
	}
	return version{Version: "sandbox", APIVersion: 2<<16 | 3<<8, BlockDelay: 30, Agent: "sandbox"}, nil
}

func (e *endpoint) rpcChainHead(context.Context, params) (any, error) {
	return see(e, e.headOf)
}

// rpcTipSetByHeight has the parameters [height, key of a later tipset], of
// which this chain takes its head.
func (e *endpoint) rpcTipSetByHeight(_ context.Context, p params) (any, error) {
	height, err := arg[abi.ChainEpoch](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (tipset, error) {
		if height > c.height() {
			return tipset{}, errors.New("looking for tipset with height greater than start point")
		}
		return e.n.tipsetAt(height)
	})
}

func (e *endpoint) rpcNetworkName(context.Context, params) (any, error) { return networkName, nil }

func (e *endpoint) rpcNetworkVersion(context.Context, params) (any, error) {
	return see(e, func(c *chain) (uint, error) { return c.head.Version, nil })
}

// rpcEthChainID is what Ethereum transactions on this chain are signed for.
func (e *endpoint) rpcEthChainID(context.Context, params) (any, error) {
	return fmt.Sprintf("0x%x", ethChainID), nil
}

// rpcVerifiedClientStatus is a client's datacap in bytes, null without any.
func (e *endpoint) rpcVerifiedClientStatus(_ context.Context, p params) (any, error) {
	return accountCall(e, p, func(_ *chain, a *account) (any, error) {
		if a.Datacap == 0 {
			return nil, nil
		}
		return big.NewIntUnsigned(a.Datacap), nil
	})
}

// rpcGetAllocations: the market makes allocations for the verified deals it
// publishes, and they are claimed with them; none is ever left over.
func (e *endpoint) rpcGetAllocations(_ context.Context, p params) (any, error) {
	return accountCall(e, p, func(*chain, *account) (any, error) { return map[string]any{}, nil })
}

func (e *endpoint) rpcMinerInfo(_ context.Context, p params) (any, error) {
	type minerInfo struct {
		Owner, Worker, NewWorker   address.Address
		ControlAddresses           []address.Address
		WorkerChangeEpoch          abi.ChainEpoch
		PeerId                     string
		Multiaddrs                 [][]byte
		WindowPoStProofType        abi.RegisteredPoStProof
		SectorSize                 abi.SectorSize
		WindowPoStPartitionSectors uint64
		ConsensusFaultElapsed      abi.ChainEpoch
		PendingOwnerAddress        *address.Address
		Beneficiary                address.Address
		BeneficiaryTerm            any
		PendingBeneficiaryTerm     any
	}
	pr, err := e.n.providerArg(p)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		worker, err1 := address.NewIDAddress(workerOf(pr.id))
		owner, err2 := address.NewIDAddress(c.ownerOf(pr.id))
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		addrs, err := pr.chainAddrs()
		if err != nil {
			return nil, err
		}
		return minerInfo{
			Owner: owner, Worker: worker, NewWorker: worker, ControlAddresses: []address.Address{},
			WorkerChangeEpoch: -1, PeerId: pr.peer.String(), Multiaddrs: addrs,
			WindowPoStProofType: abi.RegisteredPoStProof_StackedDrgWindow32GiBV1_1, SectorSize: sectorSize,
			WindowPoStPartitionSectors: 2349, ConsensusFaultElapsed: -1, Beneficiary: owner,
		}, nil
	})
}

// providerArg finds the provider whose address is the first parameter.
func (n *Network) providerArg(p params) (*provider, error) {
	a, err := arg[address.Address](p, 0)
	if err != nil {
		return nil, err
	}
	pr, err := n.provider(a.String())
	if err != nil {
		return nil, errActorNotFound
	}
	return pr, nil
}

func (e *endpoint) rpcMinerPower(_ context.Context, p params) (any, error) {
	type claim struct{ RawBytePower, QualityAdjPower big.Int }
	type minerPower struct {
		MinerPower, TotalPower claim
		HasMinPower            bool
	}
	if _, err := e.n.providerArg(p); err != nil {
		return nil, err
	}
	one := big.Mul(big.NewInt(10), big.NewInt(1<<50))
	all := big.Mul(one, big.NewInt(int64(len(e.n.providers))))
	return minerPower{claim{one, one}, claim{all, all}, true}, nil
}

func (e *endpoint) rpcListMiners(context.Context, params) (any, error) { return e.n.Providers(), nil }

func (e *endpoint) rpcCollateralBounds(_ context.Context, p params) (any, error) {
	type bounds struct{ Min, Max big.Int }
	size, err := arg[abi.PaddedPieceSize](p, 0)
	if err != nil {
		return nil, err
	}
	lowest, highest := collateralBounds(size)
	return bounds{advisedCollateral(lowest), highest}, nil
}

// accountCall answers a call whose first parameter is an account's address.
func accountCall(e *endpoint, p params, f func(c *chain, a *account) (any, error)) (any, error) {
	who, err := arg[address.Address](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		a, err := c.account(who)
		if err != nil {
			return nil, err
		}
		return f(c, a)
	})
}

func (e *endpoint) rpcMarketBalance(_ context.Context, p params) (any, error) {
	type balance struct{ Escrow, Locked big.Int }
	return accountCall(e, p, func(_ *chain, a *account) (any, error) { return balance{a.Escrow, a.Locked}, nil })
}

func (e *endpoint) rpcLookupID(_ context.Context, p params) (any, error) {
	return accountCall(e, p, func(_ *chain, a *account) (any, error) { return address.NewIDAddress(a.ID) })
}

func (e *endpoint) rpcAccountKey(_ context.Context, p params) (any, error) {
	who, err := arg[address.Address](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (address.Address, error) { return c.keyOf(who) })
}

func (e *endpoint) rpcGetNonce(_ context.Context, p params) (any, error) {
	return accountCall(e, p, func(c *chain, a *account) (any, error) { return c.nextNonce(a), nil })
}

// rpcWalletBalance: Lotus answers zero for an address the chain has not seen.
func (e *endpoint) rpcWalletBalance(_ context.Context, p params) (any, error) {
	who, err := arg[address.Address](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (big.Int, error) {
		if a, err := c.account(who); err == nil {
			return a.Balance, nil
		}
		return big.Zero(), nil
	})
}

func (e *endpoint) rpcGetActor(_ context.Context, p params) (any, error) {
	type actor struct {
		Code, Head       cid.Cid
		Nonce            uint64
		Balance          big.Int
		DelegatedAddress *address.Address
	}
	return accountCall(e, p, func(c *chain, a *account) (any, error) {
		kind := "account"
		var delegated *address.Address
		switch {
		case a.Key == address.Undef:
			kind = "storageminer"
		case isEthAccount(a.Key):
			kind, delegated = "ethaccount", &a.Key
		}
		code, err := cid.Prefix{Version: 1, Codec: cid.Raw, MhType: 0, MhLength: -1}.Sum([]byte("fil/19/" + kind))
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		head, err := abi.CidBuilder.Sum(b)
		if err != nil {
			return nil, err
		}
		return actor{Code: code, Head: head, Nonce: a.Nonce, Balance: a.Balance, DelegatedAddress: delegated}, nil
	})
}

func (e *endpoint) rpcMarketStorageDeal(_ context.Context, p params) (any, error) {
	type dealState struct {
		SectorNumber                                   abi.SectorNumber
		SectorStartEpoch, LastUpdatedEpoch, SlashEpoch abi.ChainEpoch
	}
	type marketDeal struct {
		Proposal market.DealProposal
		State    dealState
	}
	id, err := arg[abi.DealID](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		d := e.dealOf(c, id)
		if d == nil {
			return nil, &rpcError{codeError, fmt.Sprintf("deal %d not found - deal may not have completed sealing "+
				"before deal proposal start epoch, or deal may have been slashed", id)}
		}
		return marketDeal{d.Proposal.V, dealState{d.Sector, d.Start, d.Updated, d.Slashed}}, nil
	})
}
