package deals

import (
	"context"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/crypto"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/wallet"
	"github.com/whypfs/whypfs/kv"
)

// What can be wrong with a claim, or with the provider that is claimed.
var (
	ErrClaimSignature     = errors.New("the signature is not one of the provider's worker over the message")
	ErrClaimSetup         = errors.New("the chain knows no such provider")
	ErrClaimNoPeer        = errors.New("the provider has no peer id on chain")
	ErrClaimNoAddrs       = errors.New("the provider has no multiaddress on chain")
	ErrClaimNoPower       = errors.New("the provider has no power")
	ErrClaimLowPower      = errors.New("the provider has less than 1 TiB of power")
	ErrClaimNoAsk         = errors.New("the provider answers no question for its ask")
	ErrClaimVerifiedPrice = errors.New("the provider's price for verified deals is not zero")
)

// claimPower is what a provider must have proved, as in V1.
const claimPower = 1 << 40

// ClaimMessage is what a provider's worker signs to say that a user owns it.
func ClaimMessage(user uint64, addr string) (string, error) {
	addr, err := providerAddress(addr)
	return fmt.Sprintf("---- user %d owns miner %s ----", user, addr), err
}

// Claim registers a provider as a user's who brings a signature over ClaimMessage
// by its worker's key: the type's byte and what `lotus wallet sign` prints behind
// it. A provider that someone else had claimed is his who proves it now. One
// that could not be dealt with is refused.
func (d *Deals) Claim(ctx context.Context, user uint64, addr, name string, sig []byte) error {
	message, err := ClaimMessage(user, addr)
	if err != nil {
		return err
	}
	if !fitting(name) {
		return ErrProviderText
	}
	addr, _ = providerAddress(addr)
	if d.chain == nil {
		return fmt.Errorf("%w: the node has no --rpc", chain.ErrUnavailable)
	}
	info, err := d.chain.Miner(ctx, addr)
	if err != nil {
		return claimCall(err)
	}
	key, err := d.chain.AccountKey(ctx, info.Worker)
	if err != nil {
		return claimCall(err)
	}
	if len(sig) < 2 {
		return ErrClaimSignature
	}
	if err := wallet.Verify(key, crypto.Signature{Type: crypto.SigType(sig[0]), Data: sig[1:]}, []byte(message)); err != nil {
		return fmt.Errorf("%w: %w", ErrClaimSignature, err)
	}
	if err := d.claimable(ctx, addr, info); err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx kv.Tx) error {
		return editRegistration(tx, addr, func(r *Registration) error {
			r.User, r.Claimed = user, d.queue.Now().UTC()
			if name != "" {
				r.Name = name
			}
			return nil
		})
	})
}

// claimable says why there is no dealing with a provider, nil if there is.
func (d *Deals) claimable(ctx context.Context, addr string, info chain.MinerInfo) error {
	switch {
	case info.Peer == "":
		return ErrClaimNoPeer
	case len(info.Addrs) == 0:
		return ErrClaimNoAddrs
	}
	power, err := d.chain.MinerPower(ctx, addr)
	switch {
	case err != nil:
		return claimCall(err)
	case power.Sign() <= 0:
		return ErrClaimNoPower
	case power.LessThan(big.NewInt(claimPower)):
		return ErrClaimLowPower
	}
	ask, err := d.ask(ctx, addr)
	switch {
	case err != nil && blameless(ctx, err):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrClaimNoAsk, err)
	case ask.VerifiedPrice.Int != nil && ask.VerifiedPrice.Sign() != 0:
		return ErrClaimVerifiedPrice
	}
	return nil
}

// claimCall is the error of a call about a provider: that the chain's node refuses it says that there is none,
// that it could not be asked says nothing.
func claimCall(err error) error {
	var refused *chain.CallError
	if errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrClaimSetup, err)
	}
	return err
}
