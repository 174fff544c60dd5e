package chain

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multiaddr"
)

var (
	// ErrNotOnChain says that the chain, being asked, does not know the deal.
	ErrNotOnChain = errors.New("deal is not on chain")
	// ErrPending says that a message has not been executed yet.
	ErrPending = errors.New("message is not executed yet")
)

// An Endpoint is a node of the chain that answers JSON-RPC.
type Endpoint struct {
	URL   string
	Token string // bearer token, may be empty
}

// Options of a Client.
type Options struct {
	Endpoints []Endpoint // one, for now
}

// A Client asks the chain. It is safe for concurrent use.
type Client struct{ rpc *rpc }

// New returns a client of the chain behind opt's endpoint. It asks nothing yet.
func New(opt Options) *Client {
	if len(opt.Endpoints) != 1 {
		panic("chain: a client needs one endpoint")
	}
	e := opt.Endpoints[0]
	return &Client{rpc: newRPC(e.URL, e.Token)}
}

// headTipset is the tipset key that stands for the newest tipset.
var headTipset any = json.RawMessage("null")

// Head returns the newest epoch.
func (c *Client) Head(ctx context.Context) (int64, error) {
	var head struct{ Height *int64 }
	if err := c.rpc.call(ctx, "ChainHead", &head); err != nil {
		return 0, err
	}
	// Epoch 0 out of an empty answer would end up in proposals.
	if head.Height == nil || *head.Height < 0 {
		return 0, fmt.Errorf("%w: ChainHead: no height in the answer", ErrUnavailable)
	}
	return *head.Height, nil
}

// NetworkVersion returns the version of the network's rules.
func (c *Client) NetworkVersion(ctx context.Context) (uint, error) {
	var v uint
	return v, c.rpc.call(ctx, "StateNetworkVersion", &v, headTipset)
}

// MinerInfo is whose a provider is, and how it is reached.
type MinerInfo struct {
	Owner string // address
	Peer  string
	Addrs []string
}

// MinerInfo returns how a provider says it is reached.
func (c *Client) MinerInfo(ctx context.Context, miner string) (MinerInfo, error) {
	var raw struct {
		PeerID     *string `json:"PeerId"`
		Multiaddrs []string
		Owner      string
	}
	if err := c.rpc.call(ctx, "StateMinerInfo", &raw, miner, headTipset); err != nil {
		return MinerInfo{}, err
	}
	if raw.PeerID == nil || *raw.PeerID == "" {
		return MinerInfo{}, fmt.Errorf("provider %s has no peer id on chain", miner)
	}
	info := MinerInfo{Owner: raw.Owner, Peer: *raw.PeerID}
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
func (c *Client) CollateralBounds(ctx context.Context, padded int64, verified bool) (big.Int, error) {
	var b struct{ Min, Max big.Int }
	err := c.rpc.call(ctx, "StateDealProviderCollateralBounds", &b, padded, verified, headTipset)
	if err == nil && b.Min.Int == nil {
		err = errors.New("StateDealProviderCollateralBounds: no minimum in the answer")
	}
	return b.Min, err
}

// Escrow returns what a client has free in the market to pay for deals.
func (c *Client) Escrow(ctx context.Context, addr address.Address) (big.Int, error) {
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
func (c *Client) LookupID(ctx context.Context, addr address.Address) (id address.Address, err error) {
	err = c.rpc.call(ctx, "StateLookupID", &id, addr, headTipset)
	return id, err
}

// Deal is a deal in the market's state.
type Deal struct {
	Proposal market.DealProposal
	State    struct {
		SectorStartEpoch int64 // -1: in no sector yet
		SlashEpoch       int64 // -1: not slashed
	}
}

// Deal returns a deal in the market's state, or ErrNotOnChain.
func (c *Client) Deal(ctx context.Context, id uint64) (Deal, error) {
	var d Deal
	d.State.SectorStartEpoch, d.State.SlashEpoch = -1, -1
	err := c.rpc.call(ctx, "StateMarketStorageDeal", &d, id, headTipset)
	// The API has no code for this: Lotus says "deal 7 not found - deal may not
	// have completed sealing before deal proposal start epoch, or …". Methods,
	// tipsets and blocks are "not found" too: none of that may cost a deal.
	var re *CallError
	if errors.As(err, &re) && strings.Contains(re.Message, fmt.Sprintf("deal %d not found", id)) {
		return d, fmt.Errorf("deal %d: %w", id, ErrNotOnChain)
	}
	if err == nil && !d.Proposal.PieceCID.Defined() {
		err = fmt.Errorf("%w: StateMarketStorageDeal: no proposal in the answer", ErrUnavailable)
	}
	return d, err
}

// messageRef is a CID in a JSON-RPC parameter.
func messageRef(c cid.Cid) map[string]string { return map[string]string{"/": c.String()} }

// Receipt is a message's outcome.
type Receipt struct {
	Exit    exitcode.ExitCode
	Return  []byte
	Height  int64
	Message cid.Cid // what was executed: a message may be replaced by one with a higher fee
}

// Search looks a message up among executed ones; ErrPending if it is not there.
func (c *Client) Search(ctx context.Context, msg cid.Cid) (Receipt, error) {
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
		return Receipt{}, err
	}
	if found == nil {
		return Receipt{}, ErrPending
	}
	r := Receipt{Exit: found.Receipt.ExitCode, Return: found.Receipt.Return, Height: found.Height, Message: msg}
	if found.Message != nil {
		r.Message = *found.Message
	}
	return r, nil
}

// Message returns the parameters a message was sent with.
func (c *Client) Message(ctx context.Context, msg cid.Cid) (params []byte, err error) {
	var m struct{ Params []byte }
	err = c.rpc.call(ctx, "ChainGetMessage", &m, messageRef(msg))
	return m.Params, err
}
