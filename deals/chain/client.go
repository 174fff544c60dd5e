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

// Options of a Client.
type Options struct {
	Endpoints []Endpoint // at least one, the preferred first
	Rate      float64    // calls per second to each; 0: no limit
}

// A Client asks the chain. It is safe for concurrent use.
type Client struct{ pool *pool }

// New returns a client of the chain behind opt's endpoints. It asks nothing yet.
func New(opt Options) *Client {
	if len(opt.Endpoints) == 0 {
		panic("chain: a client needs an endpoint")
	}
	return &Client{pool: newPool(opt)}
}

// Endpoints tells how the endpoints are doing.
func (c *Client) Endpoints() []State {
	var out []State
	for _, e := range c.pool.endpoints {
		out = append(out, e.look())
	}
	return out
}

// headTipset is the tipset key that stands for the newest tipset.
var headTipset any = json.RawMessage("null")

// Head returns the newest epoch, as most endpoints have it.
func (c *Client) Head(ctx context.Context) (int64, error) { return c.pool.head(ctx) }

// NetworkVersion returns the version of the network's rules.
func (c *Client) NetworkVersion(ctx context.Context) (uint, error) {
	var v uint
	return v, c.pool.call(ctx, "StateNetworkVersion", &v, headTipset)
}

// MinerInfo is whose a provider is, and how it is reached.
type MinerInfo struct {
	Owner  string // address
	Worker string // address
	Peer   string // "": it has none
	Addrs  []string
}

// MinerInfo returns how a provider says it is reached; without a peer id it cannot be.
func (c *Client) MinerInfo(ctx context.Context, miner string) (MinerInfo, error) {
	info, err := c.Miner(ctx, miner)
	if err == nil && info.Peer == "" {
		err = fmt.Errorf("provider %s has no peer id on chain", miner)
	}
	return info, err
}

// Miner returns what the chain says of a provider.
func (c *Client) Miner(ctx context.Context, miner string) (MinerInfo, error) {
	var raw struct {
		PeerID     *string `json:"PeerId"`
		Multiaddrs []string
		Owner      string
		Worker     string
	}
	if err := c.pool.call(ctx, "StateMinerInfo", &raw, miner, headTipset); err != nil {
		return MinerInfo{}, err
	}
	info := MinerInfo{Owner: raw.Owner, Worker: raw.Worker}
	if raw.PeerID != nil {
		info.Peer = *raw.PeerID
	}
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

// AccountKey returns the key address, f1 or f3, of an account.
func (c *Client) AccountKey(ctx context.Context, addr string) (key address.Address, err error) {
	err = c.pool.call(ctx, "StateAccountKey", &key, addr, headTipset)
	return key, err
}

// MinerPower returns how many bytes a provider proves that it stores.
func (c *Client) MinerPower(ctx context.Context, miner string) (big.Int, error) {
	var raw struct {
		MinerPower struct{ RawBytePower big.Int }
	}
	if err := c.pool.call(ctx, "StateMinerPower", &raw, miner, headTipset); err != nil {
		return big.Zero(), err
	}
	if raw.MinerPower.RawBytePower.Int == nil {
		return big.Zero(), fmt.Errorf("%w: StateMinerPower: no power in the answer", ErrUnavailable)
	}
	return raw.MinerPower.RawBytePower, nil
}

// CollateralBounds returns the least collateral a provider must put up.
func (c *Client) CollateralBounds(ctx context.Context, padded int64, verified bool) (big.Int, error) {
	var b struct{ Min, Max big.Int }
	err := c.pool.call(ctx, "StateDealProviderCollateralBounds", &b, padded, verified, headTipset)
	if err == nil && b.Min.Int == nil {
		err = errors.New("StateDealProviderCollateralBounds: no minimum in the answer")
	}
	return b.Min, err
}

// MarketBalance is what a client has in the market. Locked, for deals that are
// on chain, is a part of Escrow.
type MarketBalance struct{ Escrow, Locked big.Int }

// MarketBalance returns what a client has in the market.
func (c *Client) MarketBalance(ctx context.Context, addr address.Address) (MarketBalance, error) {
	var b MarketBalance
	err := c.pool.call(ctx, "StateMarketBalance", &b, addr, headTipset)
	if err == nil && (b.Escrow.Int == nil || b.Locked.Int == nil) {
		err = errors.New("StateMarketBalance: no balance in the answer")
	}
	if err != nil {
		return MarketBalance{big.Zero(), big.Zero()}, err
	}
	return b, nil
}

// Escrow returns what a client has free in the market to pay for deals.
func (c *Client) Escrow(ctx context.Context, addr address.Address) (big.Int, error) {
	b, err := c.MarketBalance(ctx, addr)
	return big.Sub(b.Escrow, b.Locked), err
}

// Datacap returns how many bytes a client may still have stored in verified deals.
func (c *Client) Datacap(ctx context.Context, addr address.Address) (big.Int, error) {
	const method = "StateVerifiedClientStatus"
	var raw json.RawMessage // null says none
	if err := c.pool.call(ctx, method, &raw, addr, headTipset); err != nil {
		return big.Zero(), err
	}
	var n *big.Int
	if err := decodeResult(method, raw, &n); err != nil {
		return big.Zero(), err
	}
	if n == nil || n.Int == nil {
		return big.Zero(), nil
	}
	if n.Sign() < 0 {
		return big.Zero(), fmt.Errorf("%w: %s: less than nothing", ErrUnavailable, method)
	}
	return *n, nil
}

// LookupID returns the f0 address of an actor.
func (c *Client) LookupID(ctx context.Context, addr address.Address) (id address.Address, err error) {
	err = c.pool.call(ctx, "StateLookupID", &id, addr, headTipset)
	return id, err
}

// Deal is a deal in the market's state.
type Deal struct {
	Proposal market.DealProposal
	State    struct {
		SectorStartEpoch int64 // -1: in no sector yet
		LastUpdatedEpoch int64 // -1: never
		SlashEpoch       int64 // -1: not slashed
	}
}

// Deal returns a deal in the market's state as one endpoint knows it, or ErrNotOnChain.
func (c *Client) Deal(ctx context.Context, id uint64) (d Deal, err error) {
	err = c.pool.each(ctx, c.pool.order(), func(ctx context.Context, e *endpoint) (err error) {
		d, err = dealOf(ctx, e, id)
		return err
	})
	return d, err
}

func dealOf(ctx context.Context, e *endpoint, id uint64) (Deal, error) {
	var d Deal
	d.State.SectorStartEpoch, d.State.LastUpdatedEpoch, d.State.SlashEpoch = -1, -1, -1
	err := e.call(ctx, "StateMarketStorageDeal", &d, id, headTipset)
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

// Search looks a message up among executed ones; ErrPending if no endpoint has it there.
func (c *Client) Search(ctx context.Context, msg cid.Cid) (r Receipt, err error) {
	pending := false
	err = c.pool.each(ctx, c.pool.order(), func(ctx context.Context, e *endpoint) (err error) {
		r, err = receiptOf(ctx, e, msg)
		if errors.Is(err, ErrPending) { // the next one may be ahead
			pending = true
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return err
	})
	if pending && errors.Is(err, ErrUnavailable) {
		err = ErrPending
	}
	return r, err
}

func receiptOf(ctx context.Context, e *endpoint, msg cid.Cid) (Receipt, error) {
	var found *struct {
		Message *cid.Cid
		Receipt struct {
			ExitCode exitcode.ExitCode
			Return   []byte
		}
		Height int64
	}
	var raw json.RawMessage // null says that it was not found
	err := e.call(ctx, "StateSearchMsg", &raw, headTipset, messageRef(msg), -1, true)
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
	err = c.pool.call(ctx, "ChainGetMessage", &m, messageRef(msg))
	return m.Params, err
}
