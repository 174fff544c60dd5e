package estuaryapi

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
)

var (
	errClaimSignature = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_SIG", deals.ErrClaimSignature.Error()}
	errClaimSetup     = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_SETUP", deals.ErrClaimSetup.Error()}
	errClaimPeer      = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_NO_PEER_ID", deals.ErrClaimNoPeer.Error()}
	errClaimAddrs     = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_NO_MULTI_ADDR", deals.ErrClaimNoAddrs.Error()}
	errClaimNoPower   = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_NO_POWER", deals.ErrClaimNoPower.Error()}
	errClaimLowPower  = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_POWER_BELOW_1TIB", deals.ErrClaimLowPower.Error()}
	errClaimNoAsk     = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_NO_ASK", deals.ErrClaimNoAsk.Error()}
	errClaimPrice     = apiError{http.StatusBadRequest, "ERR_INVALID_MINER_CLAIM_ASK_VERIFIED_PRICE_IS_NOT_ZERO", deals.ErrClaimVerifiedPrice.Error()}
	errChainAway      = apiError{http.StatusServiceUnavailable, "ERR_INTERNAL_SERVER", "the chain cannot be asked at the moment"}
	errNotOwned       = apiError{http.StatusUnauthorized, "ERR_MINER_NOT_OWNED", "user does not own this miner"}
	errAdminSuspended = apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", "an admin suspended this miner"}
)

// claimErrors are what deals says of claims, in V1's words.
var claimErrors = []struct {
	err    error
	answer apiError
}{
	{deals.ErrClaimSignature, errClaimSignature}, {deals.ErrClaimSetup, errClaimSetup}, {deals.ErrClaimNoPeer, errClaimPeer},
	{deals.ErrClaimNoAddrs, errClaimAddrs}, {deals.ErrClaimNoPower, errClaimNoPower}, {deals.ErrClaimLowPower, errClaimLowPower},
	{deals.ErrClaimNoAsk, errClaimNoAsk}, {deals.ErrClaimVerifiedPrice, errClaimPrice}, {chain.ErrUnavailable, errChainAway},
	{deals.ErrProviderLocked, errAdminSuspended}, {deals.ErrProviderAddress, errInput("%s", deals.ErrProviderAddress)},
	{deals.ErrProviderText, errInput("%s", deals.ErrProviderText)},
}

func providerError(err error) error {
	for _, c := range claimErrors {
		if errors.Is(err, c.err) {
			return fmt.Errorf("%w: %w", c.answer, err)
		}
	}
	return err
}

func claimFailures() []apiError {
	return []apiError{errClaimSignature, errClaimSetup, errClaimPeer, errClaimAddrs, errClaimNoPower, errClaimLowPower, errClaimNoAsk, errClaimPrice, errChainAway}
}

func ownFailures() []apiError {
	return []apiError{errNotOwned, errNoProvider("f01234"), errAdminSuspended}
}

func errNoProvider(addr string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("miner: %s was not found", addr)}
}

// minerName names a provider in a path; the name is V1's.
type minerName struct {
	Miner string `path:"miner" doc:"address of a storage provider, like f01234"`
}

type claimMessage struct {
	HexMsg string `json:"hexmsg"`
}

// claimMessage tells what a provider's worker signs to say that it is the caller's.
func (s *server) claimMessage(r *request, in minerName) (claimMessage, error) {
	m, err := deals.ClaimMessage(r.who.user.ID, in.Miner)
	if err != nil {
		return claimMessage{}, providerError(err)
	}
	return claimMessage{hex.EncodeToString([]byte(m))}, nil
}

type claimInput struct {
	Body struct {
		Miner string `json:"miner"`
		Claim string `json:"claim"` // signature, in hex
		Name  string `json:"name"`
	} `body:""`
}

type claimed struct {
	Success bool `json:"success"`
}

// claimProvider registers a provider as the caller's, who has its worker's signature.
func (s *server) claimProvider(r *request, in claimInput) (claimed, error) {
	sig, err := hex.DecodeString(strings.TrimSpace(in.Body.Claim))
	if err != nil {
		return claimed{}, errClaimSignature
	}
	if err := s.deals.Claim(r.Context(), r.who.user.ID, in.Body.Miner, in.Body.Name, sig); err != nil {
		return claimed{}, providerError(err)
	}
	return claimed{true}, nil
}

// ownedProvider says whether a provider is the caller's.
func (s *server) ownedProvider(r *request, in minerName) error {
	reg, err := s.deals.Registration(r.Context(), in.Miner)
	switch {
	case errors.Is(err, deals.ErrNotRegistered):
		return errNoProvider(in.Miner)
	case err != nil:
		return providerError(err)
	case reg.User != r.who.user.ID:
		return errNotOwned
	}
	return nil
}

type suspendProviderInput struct {
	minerName
	Body struct {
		Reason string `json:"reason"`
	} `body:""`
}

// suspendProvider has a provider of the caller's get no more deals.
func (s *server) suspendProvider(r *request, in suspendProviderInput) (empty, error) {
	if err := s.ownedProvider(r, in.minerName); err != nil {
		return empty{}, err
	}
	reason := strings.TrimSpace(in.Body.Reason)
	if reason == "" {
		reason = "its owner wants it to get no deals" // V1's clients need not say why
	}
	return empty{}, providerError(s.deals.SuspendProvider(r.Context(), in.Miner, reason, false))
}

// unsuspendProvider lets a provider of the caller's get deals again.
func (s *server) unsuspendProvider(r *request, in minerName) (empty, error) {
	if err := s.ownedProvider(r, in); err != nil {
		return empty{}, err
	}
	return empty{}, providerError(s.deals.UnsuspendProvider(r.Context(), in.Miner, false))
}

type providerInfoInput struct {
	minerName
	Body struct {
		Name string `json:"name"`
	} `body:""`
}

// nameProvider names a provider of the caller's.
func (s *server) nameProvider(r *request, in providerInfoInput) (empty, error) {
	if err := s.ownedProvider(r, in.minerName); err != nil {
		return empty{}, err
	}
	return empty{}, providerError(s.deals.SetProviderName(r.Context(), in.Miner, in.Body.Name))
}
