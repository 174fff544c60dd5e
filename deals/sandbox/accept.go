package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"net/url"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	policy "github.com/filecoin-project/go-state-types/builtin/v17/market"
	"github.com/filecoin-project/go-state-types/builtin/v17/miner"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/ipfs/go-cid"
)

// maxMultiple of the least provider collateral is the most.
const maxMultiple = 2

// rejection is the reason a client is given.
type rejection string

func (r rejection) Error() string { return string(r) }

func rejectf(format string, args ...any) rejection { return rejection(fmt.Sprintf(format, args...)) }

// propose takes or rejects a deal. When it says accepted, the deal is on disk.
func (p *provider) propose(dp *boostly.DealParams) boostly.DealResponse {
	err := p.n.update(func(c *chain) error { return p.accept(c, dp) })
	var r rejection
	switch {
	case err == nil:
		p.n.log.Info("sandbox deal accepted", "miner", p.addr.String(), "deal", dp.DealUUID.String())
		return boostly.DealResponse{Accepted: true}
	case errors.As(err, &r):
		p.n.log.Info("sandbox deal rejected", "miner", p.addr.String(), "deal", dp.DealUUID.String(), "err", err)
		return boostly.DealResponse{Message: string(r)}
	default:
		return boostly.DealResponse{Message: "internal server error"}
	}
}

// accept applies the rules in the order the provider's software has them.
func (p *provider) accept(c *chain, dp *boostly.DealParams) error {
	cdp := &dp.ClientDealProposal
	if err := p.validate(c, cdp); err != nil {
		return rejectf("failed validation: %s", err)
	}
	if p.dialect == boost {
		if err := p.rec.Ask.checkProposal(&cdp.Proposal); err != nil {
			return rejectf("failed validation: %s", err)
		}
	}
	if err := checkFunds(c, &cdp.Proposal); err != nil {
		return rejectf("failed validation: %s", err)
	}
	if err := p.filter(dp); err != nil {
		return err
	}
	if !dp.IsOffline {
		if err := checkTransfer(dp); err != nil {
			return err
		}
	}
	proposal, err := cdp.Proposal.Cid()
	if err != nil {
		return rejectf("get proposal CID: %s", err)
	}
	raw, err := marshalCBOR(cdp)
	if err != nil {
		return rejectf("getting signed proposal cid: %s", err)
	}
	signed, err := abi.CidBuilder.Sum(raw)
	if err != nil {
		return rejectf("getting signed proposal cid: %s", err)
	}
	if err := p.checkUnique(dp, proposal); err != nil {
		return err
	}
	d := &providerDeal{
		UUID: dp.DealUUID, Provider: p.id, Proposal: proposal, Signed: signed, Accepted: time.Now(), Step: stepAccepted,
	}
	d.Params.V = *dp
	p.deals[d.UUID] = d
	p.saveDeal(d)
	if pullsIn(p.rec.Mode) {
		p.startPull(d)
	}
	if p.rec.Mode == modeAcceptVanish {
		p.setMode(modeVanish)
	}
	return nil
}

// validate has the rules that Boost and Curio share, with their words.
func (p *provider) validate(c *chain, cdp *market.ClientDealProposal) error {
	prop := &cdp.Proposal
	if !prop.PieceCID.Defined() {
		return errors.New("proposal PieceCID undefined")
	}
	raw, err := marshalCBOR(prop)
	if err != nil {
		return errors.New("server error: validating signature")
	}
	key, err := c.keyOf(prop.Client)
	if err != nil || verify(cdp.ClientSignature, key, raw) != nil {
		return errors.New("server error: validating signature")
	}
	height := c.height()
	shortest, longest := policy.DealDurationBounds(prop.PieceSize)
	switch {
	case prop.Provider != p.addr && p.dialect == boost:
		return fmt.Errorf("incorrect provider for deal; proposal.Provider: %s; provider.Address: %s", prop.Provider, p.addr)
	case prop.Provider != p.addr:
		return fmt.Errorf("incorrect provider for deal; proposal.Provider: %s; provider.Address: [%s]", prop.Provider, p.addr)
	case prop.Label.Length() > policy.DealMaxLabelSize:
		return fmt.Errorf("deal label can be at most %d bytes, is %d", policy.DealMaxLabelSize, prop.Label.Length())
	case prop.PieceSize.Validate() != nil:
		return fmt.Errorf("proposal piece size is invalid: %w", prop.PieceSize.Validate())
	case prop.PieceCID.Prefix() != market.PieceCIDPrefix:
		return errors.New("proposal PieceCID had wrong prefix")
	case prop.EndEpoch <= prop.StartEpoch:
		return fmt.Errorf("proposal end %d before proposal start %d", prop.EndEpoch, prop.StartEpoch)
	case height > prop.StartEpoch:
		return fmt.Errorf("deal start epoch %d has already elapsed (current epoch: %d)", prop.StartEpoch, height)
	case prop.Duration() < shortest || prop.Duration() > longest:
		return fmt.Errorf("deal duration out of bounds (min, max, provided): %d, %d, %d", shortest, longest, prop.Duration())
	case prop.EndEpoch > height+miner.MaxSectorExpirationExtension:
		return fmt.Errorf("invalid deal end epoch %d: cannot be more than %d past current epoch %d",
			prop.EndEpoch, miner.MaxSectorExpirationExtension, height)
	}
	return checkCollateral(prop)
}

func checkCollateral(prop *market.DealProposal) error {
	lowest, _ := collateralBounds(prop.PieceSize)
	lowest = advisedCollateral(lowest)
	highest := big.Mul(lowest, big.NewInt(maxMultiple))
	switch {
	case prop.ProviderCollateral.LessThan(lowest):
		return fmt.Errorf("proposed provider collateral %s below minimum %s", prop.ProviderCollateral, lowest)
	case prop.ProviderCollateral.GreaterThan(highest):
		return fmt.Errorf("proposed provider collateral %s above maximum %s", prop.ProviderCollateral, highest)
	}
	return nil
}

func checkFunds(c *chain, prop *market.DealProposal) error {
	client, err := c.account(prop.Client)
	switch {
	case err != nil:
		return errors.New("server error: getting market balance")
	case client.available().LessThan(prop.ClientBalanceRequirement()):
		return fmt.Errorf("client available funds in escrow %d not enough to meet storage cost for deal %d",
			client.available().Int, prop.ClientBalanceRequirement().Int)
	case prop.VerifiedDeal && (c.head.Version >= solstice || client.Datacap == 0):
		return errors.New("client is not a verified client")
	case prop.VerifiedDeal && client.Datacap < uint64(prop.PieceSize):
		return fmt.Errorf("verified deal DataCap %d too small for proposed piece size %d", client.Datacap, prop.PieceSize)
	}
	return nil
}

// filter is the provider's own policy.
func (p *provider) filter(dp *boostly.DealParams) error {
	prop := &dp.ClientDealProposal.Proposal
	if refuse := modes[p.rec.Mode].refuse; refuse != nil {
		if why := refuse(p.dialect, dp); why != "" {
			return rejection(why)
		}
	}
	if p.dialect == curio && p.rec.Ask.checkProposal(prop) != nil {
		// Curio hides what is wrong with the price or the size.
		return rejection("internal server error: failed to apply filters")
	}
	return nil
}

func checkTransfer(dp *boostly.DealParams) error {
	if dp.Transfer.Type == "libp2p" {
		return rejection("libp2p URLs are not supported by this provider")
	}
	if dp.Transfer.Type != "http" {
		return rejectf("transfer type '%s' is not supported by this provider", dp.Transfer.Type)
	}
	if want := paddedSize(dp.Transfer.Size); dp.ClientDealProposal.Proposal.PieceSize != want {
		return rejectf("deal proposal piece size %d doesn't match padded piece size %d", dp.ClientDealProposal.Proposal.PieceSize, want)
	}
	var req boostly.HttpRequest
	if json.Unmarshal(dp.Transfer.Params, &req) != nil { // they may hold a token: not quoted
		return rejection("failed to de-serialize transport params bytes")
	}
	u, err := url.Parse(req.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return rejection("failed to parse request url")
	}
	return nil
}

// paddedSize is the size of the smallest piece that holds n bytes, 0 when
// there is none.
func paddedSize(n uint64) abi.PaddedPieceSize {
	if n > tooLarge {
		return 0
	}
	quads := max(1, (n+126)/127)
	return abi.PaddedPieceSize(128) << bits.Len64(quads-1)
}

// tooLarge keeps the arithmetic above from overflowing.
const tooLarge = 1 << 50

func (p *provider) checkUnique(dp *boostly.DealParams, proposal cid.Cid) error {
	const when = "2006-01-02 15:04:05.999999999 -0700 MST"
	if d := p.deals[dp.DealUUID]; d != nil {
		if p.dialect == boost {
			return rejectf("deal has the same uuid as deal %s (proposed at %s)", d.UUID, d.Accepted.UTC().Format(when))
		}
		return rejection("store deal: store deal success: updated 0 rows instead of 1")
	}
	for _, d := range p.deals {
		if d.Proposal != proposal {
			continue
		}
		if p.dialect == boost {
			return rejectf("deal proposal is identical to deal %s (proposed at %s)", d.UUID, d.Accepted.UTC().Format(when))
		}
		return rejectf("store deal: market deal with the same proposalCID %s already exists: 1", proposal)
	}
	return nil
}
