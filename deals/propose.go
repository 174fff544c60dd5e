package deals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/wallet"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// maxTries is how often a provider is talked to in vain before its deal is given up.
const maxTries = 3

// offlineLead is what people get at least to carry a piece to a provider and
// import it before its deal starts: a week, in epochs.
const offlineLead = 7 * 2880

// send takes a stored deal to its provider.
func (d *Deals) send(ctx context.Context, row dealRow) error {
	if !row.Sent {
		if err := d.store.View(ctx, d.mayMake); err != nil {
			return d.notPrepared(ctx, row, err)
		}
	}
	p, err := d.pieces.Piece(ctx, row.Piece)
	if err != nil {
		return notGone(err)
	}
	if row.Signed == nil {
		if row, err = d.prepare(ctx, row, p); err != nil {
			return d.notPrepared(ctx, row, err)
		}
	}
	again := row.Sent
	if again {
		if done, err := d.askFirst(ctx, row); err != nil || done {
			return err
		}
	} else if row, err = d.markSent(ctx, row); err != nil {
		return d.notPrepared(ctx, row, err)
	}
	params, err := d.dealParams(ctx, row, p)
	if err != nil {
		return err
	}
	engine, err := d.engineOf(ctx, row.Provider)
	if err != nil {
		return err
	}
	resp, err := engine.Propose(ctx, row.Provider, params)
	switch {
	case err != nil:
		d.met.proposals.WithLabelValues("error").Inc()
		return d.notSent(ctx, row, err, again || errors.Is(err, mk12.ErrReached))
	case !resp.Accepted && again:
		// It may refuse only because it got the proposal the first time.
		if done, err := d.askFirst(ctx, row); err != nil || done {
			return err
		}
	}
	if !resp.Accepted {
		d.met.proposals.WithLabelValues("rejected").Inc()
		return d.end(ctx, row, fault{state: DealRejected, phase: phaseSend, kind: refusedDeal, reason: "refused: " + short(resp.Message)})
	}
	d.met.proposals.WithLabelValues("accepted").Inc()
	return d.accepted(ctx, row)
}

// markSent stores that the provider may hear of a deal, before the first byte
// leaves: after a crash it is asked what it knows before anything is sent again.
// The switch may have been turned since the step began, while providers were asked.
func (d *Deals) markSent(ctx context.Context, row dealRow) (dealRow, error) {
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		if err := d.mayMake(tx); err != nil {
			return err
		}
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		fresh.Sent = true
		row = fresh
		if err := editProvider(tx, row.Provider, func(p *providerRow) {
			p.Proposed++
			p.note(d.queue.Now()).Asked++
		}); err != nil {
			return err
		}
		return putDeal(tx, row)
	})
	return row, err
}

func (d *Deals) accepted(ctx context.Context, row dealRow) error {
	row, err := d.advance(ctx, row, DealAccepted, waitsForData(row), nil)
	if err != nil {
		return notMoved(err)
	}
	return d.waitFor(row)
}

// waitsForData is the reason of a deal that a provider has taken, and nothing more.
func waitsForData(row dealRow) string {
	if row.Offline {
		return "waiting for " + row.Provider + " to import the piece: `whypfs deal export " + row.UUID + "` tells it how"
	}
	return "waiting for " + row.Provider + " to pull the data and publish the deal"
}

// askFirst asks a provider that may have got the proposal whether it knows the
// deal. Unless it says that it does not, this step is done.
func (d *Deals) askFirst(ctx context.Context, row dealRow) (done bool, err error) {
	resp, err := d.statusOf(ctx, row, uuid.MustParse(row.UUID))
	if err != nil {
		return true, d.notSent(ctx, row, err, true)
	}
	if resp.DealStatus == nil {
		return false, nil // it does not: the proposal is sent once more
	}
	return true, d.accepted(ctx, row)
}

// notSent handles a proposal without an answer. If the provider may have read
// it, now or at an earlier try, a few tries with the same UUID come before
// another provider's turn, and the deal is watched on after that.
func (d *Deals) notSent(ctx context.Context, row dealRow, cause error, read bool) error {
	if blameless(ctx, cause) {
		return cause
	}
	reason := "cannot be reached: " + short(cause.Error())
	if row.Tries+1 >= maxTries || !read {
		return d.end(ctx, row, fault{DealFailed, phaseSend, refusedReach, reason, read})
	}
	row, err := d.change(ctx, row.UUID, func(r *dealRow) {
		r.Tries++
		r.Reason = reason
	})
	if err != nil {
		return notGone(err)
	}
	return queue.Later(d.queue.Now().Add(d.opt.Poll<<row.Tries), reason)
}

// blameless says that talking to a provider came to nothing for a reason of our own.
func blameless(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, chain.ErrUnavailable) || errors.Is(err, node.ErrNoHost) || errors.Is(err, filclient.ErrDown) || errors.Is(err, errUnreadable)
}

// errNotNow is a reason to wait that is no fault of the provider.
type errNotNow struct {
	reason string
	until  time.Time // zero: look again soon
}

func (e *errNotNow) Error() string { return e.reason }

// unfit is why a provider is not sent a proposal.
type unfit struct {
	fault
}

func (u *unfit) Error() string { return u.reason }

func (d *Deals) notPrepared(ctx context.Context, row dealRow, err error) error {
	var (
		no   *unfit
		wait *errNotNow
	)
	switch {
	case errors.As(err, &no):
		return d.end(ctx, row, no.fault)
	case errors.As(err, &wait):
		if err := d.explain(ctx, row, wait.reason); err != nil {
			return notGone(err)
		}
		if wait.until.IsZero() {
			wait.until = d.queue.Now().Add(10 * d.opt.Poll)
		}
		return queue.Later(wait.until, wait.reason)
	}
	return notGone(err)
}

// prepare asks the provider's terms, and signs and stores the proposal.
func (d *Deals) prepare(ctx context.Context, row dealRow, p piece.Piece) (dealRow, error) {
	head, err := d.head(ctx)
	if err != nil {
		return row, err
	}
	if d.opt.PieceURL == "" {
		return row, &errNotNow{reason: "no public URL is configured from which providers could pull"}
	}
	if d.maxPrice == nil {
		return row, &errNotNow{reason: fmt.Sprintf("the highest price %q is not a number", d.opt.MaxPrice)}
	}
	row.Asked, row.Verified, row.Ordinary = head, d.opt.Verified == VerifiedAuto, ""
	made, err := d.prepareAs(ctx, row, p)
	if why, ordinary := isOrdinary(err); ordinary {
		row.Verified, row.Ordinary = false, why
		made, err = d.prepareAs(ctx, row, p)
	}
	return made, err
}

// prepareAs prepares a verified deal or an ordinary one, as row has it, or says
// that it cannot be a verified one.
func (d *Deals) prepareAs(ctx context.Context, row dealRow, p piece.Piece) (dealRow, error) {
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return row, err
	}
	if row.Verified {
		if err := d.mayVerify(ctx, k.Address(), row.UUID, p.PaddedSize); err != nil {
			return row, err
		}
	}
	price, err := d.terms(ctx, row.Provider, p, row.Verified)
	if err != nil {
		return row, err
	}
	start := row.Asked + d.opt.StartLead
	if row.Offline {
		start = max(start, row.Asked+offlineLead)
	}
	proposal, err := d.proposal(ctx, row.Provider, p, start, price, row.Verified)
	if err != nil {
		return row, err
	}
	return d.sign(ctx, row, proposal)
}

// sign signs a proposal that can be paid, and stores it.
func (d *Deals) sign(ctx context.Context, row dealRow, proposal market.DealProposal) (dealRow, error) {
	k, err := d.wallet.Of(ctx, proposal.Client)
	if err != nil {
		return row, err
	}
	signed, id, err := signProposal(k, proposal)
	if err != nil {
		return row, err
	}
	budget, err := d.budget(ctx, proposal)
	if err != nil {
		return row, err
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		if fresh.Signed != nil { // there is one signature for a deal, and it is counted
			row = fresh
			return nil
		}
		if err := budget.covers(tx, row.UUID); err != nil {
			return err
		}
		if err := d.spend(tx, proposal.Client.String(), budget.need); err != nil {
			return err
		}
		fresh.Verified, fresh.Ordinary = proposal.VerifiedDeal, row.Ordinary
		fresh.Signed, fresh.Proposal, fresh.Client, fresh.Asked = signed, id, proposal.Client.String(), row.Asked
		fresh.StartEpoch, fresh.EndEpoch = int64(proposal.StartEpoch), int64(proposal.EndEpoch)
		fresh.Reason = "asking " + fresh.Provider
		row = fresh
		return putDeal(tx, fresh)
	})
	if err == nil {
		d.met.signed.Add(filFloat(budget.need))
	}
	var lacks *errShort
	if errors.As(err, &lacks) {
		if err := d.wantEscrow(ctx, proposal.Client, lacks.need); err != nil {
			return row, err
		}
	}
	return row, err
}

// terms asks a provider for its price, in attoFIL per epoch for the whole piece.
func (d *Deals) terms(ctx context.Context, provider string, p piece.Piece, verified bool) (big.Int, error) {
	a, err := d.ask(ctx, provider)
	if err != nil {
		if blameless(ctx, err) {
			return big.Zero(), err
		}
		return big.Zero(), &unfit{fault{state: DealFailed, phase: phaseAsk, kind: refusedReach, reason: "cannot be reached: " + short(err.Error())}}
	}
	price := priceOf(a, verified)
	switch v, why := d.unsuited(a, p.PaddedSize, price); v {
	case VerdictSize:
		return big.Zero(), &unfit{fault{state: DealRejected, phase: phaseAsk, kind: refusedSize, reason: why}}
	case VerdictPrice:
		return big.Zero(), &unfit{fault{state: DealRejected, phase: phaseAsk, kind: refusedPrice, reason: why}}
	}
	return total(price, p.PaddedSize), nil
}

// proposal fills in a deal.
func (d *Deals) proposal(ctx context.Context, provider string, p piece.Piece, startEpoch int64, price big.Int, verified bool) (market.DealProposal, error) {
	var none market.DealProposal
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return none, err
	}
	least, err := d.chain.CollateralBounds(ctx, p.PaddedSize, verified)
	if err != nil {
		return none, err
	}
	miner, err := address.NewFromString(provider)
	if err != nil {
		return none, fmt.Errorf("provider %q: %w", provider, err)
	}
	pieceCID, err := cid.Decode(p.CID)
	if err != nil {
		return none, err
	}
	label, err := market.NewLabelFromString(p.Shards[0].Root)
	if err != nil {
		return none, err
	}
	start := abi.ChainEpoch(startEpoch)
	return market.DealProposal{
		PieceCID: pieceCID, PieceSize: abi.PaddedPieceSize(p.PaddedSize), VerifiedDeal: verified, Client: k.Address(), Provider: miner, Label: label,
		StartEpoch: start, EndEpoch: start + abi.ChainEpoch(d.opt.Duration), StoragePricePerEpoch: price,
		// A fifth above the minimum, which rises and falls while the proposal waits to be published.
		ProviderCollateral: big.Div(big.Mul(least, big.NewInt(6)), big.NewInt(5)), ClientCollateral: big.Zero(),
	}, nil
}

// signProposal returns the CBOR of the signed proposal, and its CID.
func signProposal(k *wallet.Key, p market.DealProposal) (signed []byte, id string, err error) {
	var plain, out bytes.Buffer
	if err := p.MarshalCBOR(&plain); err != nil {
		return nil, "", fmt.Errorf("proposal: %w", err)
	}
	full := market.ClientDealProposal{Proposal: p, ClientSignature: k.Sign(plain.Bytes())}
	if err := full.MarshalCBOR(&out); err != nil {
		return nil, "", fmt.Errorf("proposal: %w", err)
	}
	c, err := abi.CidBuilder.Sum(out.Bytes())
	if err != nil {
		return nil, "", fmt.Errorf("proposal: %w", err)
	}
	return out.Bytes(), c.String(), nil
}

// signedProposal reads back what signProposal made.
func (r *dealRow) signedProposal() (p market.ClientDealProposal, err error) {
	if err := p.UnmarshalCBOR(bytes.NewReader(r.Signed)); err != nil {
		return p, fmt.Errorf("stored proposal of deal %s: %w", r.UUID, err)
	}
	return p, nil
}

// dealParams is what is sent to the provider: the same bytes at every try.
func (d *Deals) dealParams(ctx context.Context, row dealRow, p piece.Piece) (*boostly.DealParams, error) {
	signed, err := row.signedProposal()
	if err != nil {
		return nil, err
	}
	token, err := d.box.Open(row.Token, tokenSeal(row.UUID))
	if err != nil {
		return nil, fmt.Errorf("token of deal %s: %w", row.UUID, err)
	}
	params, err := mk12.TransferParams(d.opt.PieceURL+"/piece/"+row.Piece, string(token))
	if err != nil {
		return nil, err
	}
	root, err := cid.Decode(p.Shards[0].Root)
	if err != nil {
		return nil, err
	}
	transfer := boostly.Transfer{Type: "http", ClientID: row.UUID, Params: params, Size: uint64(p.Size)}
	if row.Offline {
		// Boost's own client leaves all but the size empty. The link is for
		// providers whose tools import by themselves.
		transfer.Type = ""
	}
	return &boostly.DealParams{
		DealUUID: uuid.MustParse(row.UUID), ClientDealProposal: signed, DealDataRoot: root,
		IsOffline: row.Offline, Transfer: transfer, SkipIPNIAnnounce: p.Private,
	}, nil
}
