package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-bitfield"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	policy "github.com/filecoin-project/go-state-types/builtin/v17/market"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
)

// slashedKept is how long a terminated deal can still be read with its slash
// epoch before the market forgets it.
const slashedKept = abi.ChainEpoch(builtin.EpochsInDay)

// settlePeriod is how often providers settle what clients owe them, all on the
// same day.
const settlePeriod = abi.ChainEpoch(30 * builtin.EpochsInDay)

var (
	errNoChainDeal = errors.New("no such deal on chain")
	errTooLate     = errors.New("deal start epoch has passed")
)

// chainDeal is a deal in the market actor. Its proposal names client and
// provider by actor id, as the actor stores it.
type chainDeal struct {
	ID        abi.DealID
	Proposal  cborValue[market.DealProposal, *market.DealProposal]
	CID       cid.Cid // of the proposal as it was signed
	Published abi.ChainEpoch
	Sector    abi.SectorNumber
	Start     abi.ChainEpoch // -1: not in a proven sector
	Updated   abi.ChainEpoch // -1: never settled
	Slashed   abi.ChainEpoch // -1: not slashed
	Paid      big.Int        // of the storage fee
}

// due is the epoch in which the market has to do something about the deal.
func (d *chainDeal) due() abi.ChainEpoch {
	p := &d.Proposal.V
	switch {
	case d.Slashed >= 0:
		return d.Slashed + slashedKept
	case d.Start < 0:
		return p.StartEpoch + 1
	default:
		last := max(d.Start, d.Updated)
		return min(p.EndEpoch, last-last%settlePeriod+settlePeriod)
	}
}

func (d *chainDeal) row() string { return fmt.Sprintf("deal/%d", d.ID) }

func (c *chain) saveDeal(d *chainDeal) {
	c.store.put(d.row(), d)
	c.due.note(d.due(), d.ID)
}

// dealDue is when a deal is due, never if there is none.
func (c *chain) dealDue(id abi.DealID) abi.ChainEpoch {
	if d := c.deals[id]; d != nil {
		return d.due()
	}
	return never
}

func (c *chain) dropDeal(d *chainDeal) {
	delete(c.deals, d.ID)
	delete(c.pending, d.CID)
	c.store.remove(d.row())
}

// publish adds a deal to the market or says why it is not valid.
func (c *chain) publish(signed *market.ClientDealProposal, provider address.Address) (*chainDeal, error) {
	p := signed.Proposal
	raw, err := marshalCBOR(&p)
	if err != nil {
		return nil, err
	}
	pcid, err := p.Cid()
	if err != nil {
		return nil, err
	}
	client, err := c.account(p.Client)
	if err != nil {
		return nil, err
	}
	if err := authenticateProposal(client, signed, raw); err != nil {
		return nil, err
	}
	provAccount, err := c.account(p.Provider)
	if err != nil {
		return nil, err
	}
	if err := c.checkProposal(&p, provider, pcid); err != nil {
		return nil, err
	}
	if client.available().LessThan(p.ClientBalanceRequirement()) {
		return nil, fmt.Errorf("client escrow %s is below %s", client.available(), p.ClientBalanceRequirement())
	}
	if p.VerifiedDeal && client.Datacap < uint64(p.PieceSize) {
		return nil, fmt.Errorf("client datacap %d is below %d", client.Datacap, p.PieceSize)
	}
	if provAccount.available().LessThan(p.ProviderCollateral) {
		return nil, fmt.Errorf("provider escrow %s is below %s", provAccount.available(), p.ProviderCollateral)
	}
	if p.VerifiedDeal {
		client.Datacap -= uint64(p.PieceSize)
	}
	client.Locked = big.Add(client.Locked, p.ClientBalanceRequirement())
	provAccount.Locked = big.Add(provAccount.Locked, p.ProviderCollateral)
	c.saveAccount(client)
	c.saveAccount(provAccount)
	if p.Client, err = address.NewIDAddress(client.ID); err != nil {
		return nil, err
	}
	d := &chainDeal{ID: c.head.NextDeal, CID: pcid, Published: c.height(), Start: -1, Updated: -1, Slashed: -1, Paid: big.Zero()}
	d.Proposal.V = p
	c.head.NextDeal++
	c.deals[d.ID], c.pending[pcid] = d, d.ID
	c.saveDeal(d)
	c.saveHead()
	c.emit(eventPublished, d)
	return d, nil
}

// authenticateProposal asks the client's actor whether it has signed, as the
// market actor does. An Ethereum account's actor (f410) answers such a question
// with nothing, which the market takes for a no: the deals of f4 keys, which
// providers accept after a look at the signature, cannot be published.
func authenticateProposal(client *account, signed *market.ClientDealProposal, raw []byte) error {
	if isEthAccount(client.Key) {
		return fmt.Errorf("proposal authentication failed: %s is an Ethereum account and cannot authenticate", client.Key)
	}
	return verify(signed.ClientSignature, client.Key, raw)
}

// checkProposal has the market actor's own rules; a provider has more.
func (c *chain) checkProposal(p *market.DealProposal, provider address.Address, pcid cid.Cid) error {
	minDuration, maxDuration := policy.DealDurationBounds(p.PieceSize)
	minCollateral, _ := collateralBounds(p.PieceSize)
	_, duplicate := c.pending[pcid]
	switch {
	case p.Provider != provider:
		return fmt.Errorf("proposal is for %s, not for %s", p.Provider, provider)
	case duplicate:
		return fmt.Errorf("proposal %s is already published", pcid)
	case p.Label.Length() > policy.DealMaxLabelSize:
		return fmt.Errorf("label of %d bytes is too long", p.Label.Length())
	case p.PieceSize.Validate() != nil:
		return p.PieceSize.Validate()
	case p.PieceCID.Prefix() != market.PieceCIDPrefix:
		return errors.New("piece CID is not a piece commitment")
	case p.StartEpoch <= c.height():
		return fmt.Errorf("start epoch %d has passed: %w", p.StartEpoch, errTooLate)
	case p.Duration() < minDuration || p.Duration() > maxDuration:
		return fmt.Errorf("duration %d is out of bounds", p.Duration())
	case p.ProviderCollateral.LessThan(minCollateral):
		return fmt.Errorf("provider collateral %s is out of bounds", p.ProviderCollateral)
	case p.StoragePricePerEpoch.LessThan(big.Zero()) || p.ClientCollateral.LessThan(big.Zero()):
		return errors.New("negative amount")
	case p.VerifiedDeal && c.head.Version >= solstice:
		return abortf(exitcode.ErrForbidden, "verified deals ended with network version %d", solstice)
	}
	return nil
}

// publishStorageDeals runs the market actor's method of that name.
func (c *chain) publishStorageDeals(from *account, params []byte) ([]byte, error) {
	var in market.PublishStorageDealsParams
	if err := in.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return nil, err
	}
	if len(in.Deals) == 0 {
		return nil, errors.New("no deals to publish")
	}
	provider := in.Deals[0].Proposal.Provider
	if id, err := address.IDFromAddress(provider); err != nil || workerOf(id) != from.ID {
		return nil, abortf(exitcode.ErrForbidden, "f0%d is not a worker of %s", from.ID, provider)
	}
	out := market.PublishStorageDealsReturn{ValidDeals: bitfield.New()}
	var refused []error
	for i := range in.Deals {
		d, err := c.publish(&in.Deals[i], provider)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		out.ValidDeals.Set(uint64(i))
		out.IDs = append(out.IDs, d.ID)
	}
	if len(out.IDs) == 0 {
		return nil, fmt.Errorf("all deals are invalid: %w", errors.Join(refused...))
	}
	return marshalCBOR(&out)
}

// activate puts a published deal into a proven sector.
func (c *chain) activate(id abi.DealID, number abi.SectorNumber) error {
	d := c.deals[id]
	switch {
	case d == nil || d.Slashed >= 0:
		return fmt.Errorf("activate deal %d: %w", id, errNoChainDeal)
	case d.Proposal.V.StartEpoch < c.height():
		return fmt.Errorf("activate deal %d: %w", id, errTooLate)
	}
	d.Start, d.Sector = c.height(), number
	c.saveDeal(d)
	c.emit(eventActivated, d)
	return c.addSector(d)
}

// terminate ends an active deal before its time: the client pays for the time
// it was stored and the provider loses its collateral. The market forgets it
// after a day, or at once.
func (c *chain) terminate(id abi.DealID, atOnce bool) error {
	d := c.deals[id]
	if d == nil || d.Start < 0 || d.Slashed >= 0 {
		return fmt.Errorf("terminate deal %d: %w", id, errNoChainDeal)
	}
	c.settle(d, c.height())
	d.Slashed = c.height()
	c.emit(eventTerminated, d)
	c.release(d, true)
	c.dropSector(d)
	if atOnce {
		c.dropDeal(d)
		return nil
	}
	c.saveDeal(d)
	return nil
}

// settle pays the provider for the epochs up to until.
func (c *chain) settle(d *chainDeal, until abi.ChainEpoch) {
	p := &d.Proposal.V
	epochs := max(0, min(until, p.EndEpoch)-p.StartEpoch)
	due := big.Sub(big.Mul(p.StoragePricePerEpoch, big.NewInt(int64(epochs))), d.Paid)
	d.Paid = big.Add(d.Paid, due)
	d.Updated = until
	client, provider := c.parties(d)
	client.Escrow, client.Locked = big.Sub(client.Escrow, due), big.Sub(client.Locked, due)
	provider.Escrow = big.Add(provider.Escrow, due)
	c.saveAccount(client)
	c.saveAccount(provider)
	c.saveDeal(d)
}

// release unlocks what a deal that ends still holds, and burns the provider's
// collateral when it is at fault.
func (c *chain) release(d *chainDeal, slash bool) {
	p := &d.Proposal.V
	client, provider := c.parties(d)
	client.Locked = big.Sub(client.Locked, big.Sub(p.ClientBalanceRequirement(), d.Paid))
	provider.Locked = big.Sub(provider.Locked, p.ProviderCollateral)
	if slash {
		provider.Escrow = big.Sub(provider.Escrow, p.ProviderCollateral)
	}
	c.saveAccount(client)
	c.saveAccount(provider)
}

func (c *chain) parties(d *chainDeal) (client, provider *account) {
	client, err1 := c.account(d.Proposal.V.Client)
	provider, err2 := c.account(d.Proposal.V.Provider)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // accounts are never removed
	}
	return client, provider
}

// cron does what the market does by itself at the head's epoch.
func (c *chain) cron() {
	ids := c.due.take(c.height(), c.dealDue)
	slices.Sort(ids)
	for _, id := range ids {
		d := c.deals[id]
		switch {
		case d.Slashed >= 0:
			c.dropDeal(d)
		case d.Start < 0: // the provider did not prove it in time
			c.release(d, true)
			c.dropDeal(d)
		case c.height() >= d.Proposal.V.EndEpoch:
			c.settle(d, d.Proposal.V.EndEpoch)
			c.emit(eventCompleted, d)
			c.release(d, false)
			c.dropSector(d)
			c.dropDeal(d)
		default:
			c.settle(d, c.height())
		}
	}
}
