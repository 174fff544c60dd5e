package deals

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multiaddr"
)

var (
	// errNotOnChain says that the chain, being asked, does not know the deal.
	errNotOnChain = errors.New("deal is not on chain")
	// errPending says that a message has not been executed yet.
	errPending = errors.New("message is not executed yet")
)

// chain is the part of Lotus' API that making and watching deals needs; public
// gateways offer all of it.
type chain struct{ rpc *rpc }

func newChain(url, token string) *chain { return &chain{rpc: newRPC(url, token)} }

// headTipset is the tipset key that stands for the newest tipset.
var headTipset any = json.RawMessage("null")

// Head returns the newest epoch.
func (c *chain) Head(ctx context.Context) (int64, error) {
	var head struct{ Height *int64 }
	if err := c.rpc.call(ctx, "ChainHead", &head); err != nil {
		return 0, err
	}
	// Epoch 0 out of an empty answer would end up in proposals.
	if head.Height == nil || *head.Height < 0 {
		return 0, fmt.Errorf("%w: ChainHead: no height in the answer", errChain)
	}
	return *head.Height, nil
}

// NetworkVersion returns the version of the network's rules.
func (c *chain) NetworkVersion(ctx context.Context) (uint, error) {
	var v uint
	return v, c.rpc.call(ctx, "StateNetworkVersion", &v, headTipset)
}

// minerInfo is how a provider is reached.
type minerInfo struct {
	Peer  string
	Addrs []string
}

func (c *chain) MinerInfo(ctx context.Context, miner string) (minerInfo, error) {
	var raw struct {
		PeerID     *string `json:"PeerId"`
		Multiaddrs []string
	}
	if err := c.rpc.call(ctx, "StateMinerInfo", &raw, miner, headTipset); err != nil {
		return minerInfo{}, err
	}
	if raw.PeerID == nil || *raw.PeerID == "" {
		return minerInfo{}, fmt.Errorf("provider %s has no peer id on chain", miner)
	}
	info := minerInfo{Peer: *raw.PeerID}
	for _, s := range raw.Multiaddrs {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			continue // anyone can write anything into these: one bad address does not hide the others
		}
		if a, err := multiaddr.NewMultiaddrBytes(b); err == nil {
			info.Addrs = append(info.Addrs, a.String())
		}
	}
	return info, nil
}

// CollateralBounds returns the least collateral a provider must put up.
func (c *chain) CollateralBounds(ctx context.Context, padded int64, verified bool) (big.Int, error) {
	var b struct{ Min, Max big.Int }
	err := c.rpc.call(ctx, "StateDealProviderCollateralBounds", &b, padded, verified, headTipset)
	if err == nil && b.Min.Int == nil {
		err = errors.New("StateDealProviderCollateralBounds: no minimum in the answer")
	}
	return b.Min, err
}

// Escrow returns what a client has free in the market to pay for deals.
func (c *chain) Escrow(ctx context.Context, addr address.Address) (big.Int, error) {
	var b struct{ Escrow, Locked big.Int }
	if err := c.rpc.call(ctx, "StateMarketBalance", &b, addr, headTipset); err != nil {
		return big.Zero(), err
	}
	if b.Escrow.Int == nil || b.Locked.Int == nil {
		return big.Zero(), errors.New("StateMarketBalance: no balance in the answer")
	}
	return big.Sub(b.Escrow, b.Locked), nil
}

// LookupID returns the f0 address of an actor.
func (c *chain) LookupID(ctx context.Context, addr address.Address) (id address.Address, err error) {
	err = c.rpc.call(ctx, "StateLookupID", &id, addr, headTipset)
	return id, err
}

// chainDeal is a deal in the market's state.
type chainDeal struct {
	Proposal market.DealProposal
	State    struct {
		SectorStartEpoch int64 // -1: in no sector yet
		SlashEpoch       int64 // -1: not slashed
	}
}

// Deal returns a deal in the market's state, or errNotOnChain.
func (c *chain) Deal(ctx context.Context, id uint64) (chainDeal, error) {
	var d chainDeal
	d.State.SectorStartEpoch, d.State.SlashEpoch = -1, -1
	err := c.rpc.call(ctx, "StateMarketStorageDeal", &d, id, headTipset)
	// The API has no code for this: Lotus says "deal 7 not found - deal may not
	// have completed sealing before deal proposal start epoch, or …". Methods,
	// tipsets and blocks are "not found" too: none of that may cost a deal.
	var re *rpcError
	if errors.As(err, &re) && strings.Contains(re.Message, fmt.Sprintf("deal %d not found", id)) {
		return d, fmt.Errorf("deal %d: %w", id, errNotOnChain)
	}
	if err == nil && !d.Proposal.PieceCID.Defined() {
		err = fmt.Errorf("%w: StateMarketStorageDeal: no proposal in the answer", errChain)
	}
	return d, err
}

// messageRef is a CID in a JSON-RPC parameter.
func messageRef(c cid.Cid) map[string]string { return map[string]string{"/": c.String()} }

// receipt is a message's outcome.
type receipt struct {
	Exit    exitcode.ExitCode
	Return  []byte
	Height  int64
	Message cid.Cid // what was executed: a message may be replaced by one with a higher fee
}

// Search looks a message up among executed ones; errPending if it is not there.
func (c *chain) Search(ctx context.Context, msg cid.Cid) (receipt, error) {
	var found *struct {
		Message *cid.Cid
		Receipt struct {
			ExitCode exitcode.ExitCode
			Return   []byte
		}
		Height int64
	}
	var raw json.RawMessage // null says that it was not found
	err := c.rpc.call(ctx, "StateSearchMsg", &raw, headTipset, messageRef(msg), -1, true)
	if err == nil {
		err = decodeResult("StateSearchMsg", raw, &found)
	}
	if err != nil {
		return receipt{}, err
	}
	if found == nil {
		return receipt{}, errPending
	}
	r := receipt{Exit: found.Receipt.ExitCode, Return: found.Receipt.Return, Height: found.Height, Message: msg}
	if found.Message != nil {
		r.Message = *found.Message
	}
	return r, nil
}

// Message returns the parameters a message was sent with.
func (c *chain) Message(ctx context.Context, msg cid.Cid) (params []byte, err error) {
	var m struct{ Params []byte }
	err = c.rpc.call(ctx, "ChainGetMessage", &m, messageRef(msg))
	return m.Params, err
}

// errInvalidDeal says that the market threw the deal out of the message that would have published it.
var errInvalidDeal = errors.New("the market refused the deal in its publish message")

// publishedID finds the deal id that a publish message's receipt gave to a
// proposal: the ids of the valid deals stand there in the order of the parameters.
func publishedID(params, ret []byte, proposal *market.DealProposal) (uint64, error) {
	var p market.PublishStorageDealsParams
	if err := p.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return 0, fmt.Errorf("parameters of the publish message: %w", err)
	}
	var r market.PublishStorageDealsReturn
	if err := r.UnmarshalCBOR(bytes.NewReader(ret)); err != nil {
		return 0, fmt.Errorf("receipt of the publish message: %w", err)
	}
	want, err := proposal.Cid()
	if err != nil {
		return 0, err
	}
	rank := 0
	for i := range p.Deals {
		valid, err := r.ValidDeals.IsSet(uint64(i))
		if err != nil {
			return 0, fmt.Errorf("receipt of the publish message: %w", err)
		}
		got, err := p.Deals[i].Proposal.Cid()
		if err != nil {
			return 0, fmt.Errorf("parameters of the publish message: %w", err)
		}
		switch {
		case got.Equals(want) && !valid:
			return 0, errInvalidDeal
		case got.Equals(want) && rank < len(r.IDs):
			return uint64(r.IDs[rank]), nil
		case valid:
			rank++
		}
	}
	return 0, errors.New("the publish message does not hold the deal")
}

// differs says how a deal on chain is not the one we proposed, "" if it is. The
// market stores the client's id address, which is ours if it equals id.
func differs(got, want *market.DealProposal, id address.Address) string {
	switch {
	case !got.PieceCID.Equals(want.PieceCID):
		return fmt.Sprintf("piece %s", got.PieceCID)
	case got.PieceSize != want.PieceSize:
		return fmt.Sprintf("piece size %d", got.PieceSize)
	case got.Client != want.Client && got.Client != id:
		return fmt.Sprintf("client %s", got.Client)
	case got.Provider != want.Provider:
		return fmt.Sprintf("provider %s", got.Provider)
	case got.StartEpoch != want.StartEpoch || got.EndEpoch != want.EndEpoch:
		return fmt.Sprintf("epochs %d to %d", got.StartEpoch, got.EndEpoch)
	case got.VerifiedDeal != want.VerifiedDeal:
		return fmt.Sprintf("verified %v", got.VerifiedDeal)
	case !sameAmount(got.StoragePricePerEpoch, want.StoragePricePerEpoch):
		return fmt.Sprintf("price %s", got.StoragePricePerEpoch)
	case !sameAmount(got.ProviderCollateral, want.ProviderCollateral):
		return fmt.Sprintf("collateral %s", got.ProviderCollateral)
	case !sameAmount(got.ClientCollateral, want.ClientCollateral):
		return fmt.Sprintf("client collateral %s", got.ClientCollateral)
	case !got.Label.Equals(want.Label):
		return "another label"
	}
	return ""
}

func sameAmount(a, b abi.TokenAmount) bool {
	return a.Int != nil && b.Int != nil && a.Equals(b)
}
