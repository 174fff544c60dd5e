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
	errNotAdmins      = apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", "a provider's owner says only its name"}
	errListSetting    = apiError{http.StatusConflict, "ERR_BAD_REQUEST", deals.ErrProviderSetting.Error()}
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
	{deals.ErrProviderText, errInput("%s", deals.ErrProviderText)}, {deals.ErrProviderSetting, errListSetting},
}

func providerError(err error) error {
	for _, c := range claimErrors {
		if errors.Is(err, c.err) {
			return fmt.Errorf("%w: %w", c.answer, err)
		}
	}
	return err
}

// errorOf is providerError where it is known which provider it was.
func errorOf(p provider, err error) error {
	switch {
	case errors.Is(err, deals.ErrNotRegistered), errors.Is(err, deals.ErrNotListed):
		return errNoProvider(string(p))
	case errors.Is(err, deals.ErrProviderValue):
		return errInput("%s", innermost(err, deals.ErrProviderValue))
	}
	return providerError(err)
}

func claimFailures() []apiError {
	return []apiError{errClaimSignature, errClaimSetup, errClaimPeer, errClaimAddrs, errClaimNoPower, errClaimLowPower, errClaimNoAsk, errClaimPrice, errChainAway}
}

// ruleFailures are what goes wrong where somebody suspends a provider of his or lets it in again.
func ruleFailures() []apiError {
	return []apiError{errNotOwned, errNoProvider("f01234"), errAdminSuspended}
}

// infoFailures are what goes wrong where somebody says something of a provider of his.
func infoFailures() []apiError {
	return []apiError{errNotOwned, errNoProvider("f01234"), errNotAdmins, errListSetting}
}

func errNoProvider(addr string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("miner: %s was not found", addr)}
}

// minerName names a provider in a path; the name is V1's.
type minerName struct {
	Miner string `path:"miner,sp" doc:"address of a storage provider, like f01234"`
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

// mayRule says whether the caller may suspend a provider and the like: as an
// admin, or because it is his.
func (s *server) mayRule(r *request, in ofProvider) (byAdmin bool, err error) {
	if r.who.sees(0) {
		return true, nil
	}
	reg, err := s.deals.Registration(r.Context(), string(in.Miner))
	switch {
	case err != nil:
		return false, errorOf(in.Miner, err)
	case reg.User != r.who.user.ID:
		return false, errNotOwned
	}
	return false, nil
}

// ruled is the answer to what was done to a provider. An admin's deed is recorded.
func (s *server) ruled(r *request, in ofProvider, byAdmin bool, action, detail string, err error) (empty, error) {
	if err == nil && byAdmin {
		err = s.as(r).Record(r.Context(), action, string(in.Miner), detail)
	}
	return empty{}, errorOf(in.Miner, err)
}

type suspendProviderInput struct {
	ofProvider
	Body struct {
		Reason string `json:"reason"`
	} `body:""`
}

// suspendProvider has a provider get no more deals, as its owner or an admin wants it.
func (s *server) suspendProvider(r *request, in suspendProviderInput) (empty, error) {
	byAdmin, err := s.mayRule(r, in.ofProvider)
	if err != nil {
		return empty{}, err
	}
	reason := strings.TrimSpace(in.Body.Reason)
	switch { // V1's clients need not say why
	case reason == "" && byAdmin:
		reason = "an admin wants it to get no deals"
	case reason == "":
		reason = "its owner wants it to get no deals"
	}
	err = s.deals.SuspendProvider(r.Context(), string(in.Miner), reason, byAdmin)
	return s.ruled(r, in.ofProvider, byAdmin, "provider.suspend", reason, err)
}

// unsuspendProvider lets a provider get deals again.
func (s *server) unsuspendProvider(r *request, in ofProvider) (empty, error) {
	byAdmin, err := s.mayRule(r, in)
	if err != nil {
		return empty{}, err
	}
	err = s.deals.UnsuspendProvider(r.Context(), string(in.Miner), byAdmin)
	return s.ruled(r, in, byAdmin, "provider.unsuspend", "", err)
}

type providerInfoInput struct {
	ofProvider
	Body struct {
		Name   *string `json:"name"`
		Region *string `json:"region"` // this and what follows V1 did not have, and only an admin says
		Owner  *string `json:"owner"`
		Engine *string `json:"engine"`
		HTTP   *string `json:"http"`
		Most   *int    `json:"most"`
	} `body:""`
}

// setProviderInfo names a provider, and takes what else an admin says of one to choose from.
func (s *server) setProviderInfo(r *request, in providerInfoInput) (empty, error) {
	byAdmin, err := s.mayRule(r, in.ofProvider)
	if err != nil {
		return empty{}, err
	}
	b, addr := in.Body, string(in.Miner)
	named := deals.ProviderChange{Name: b.Name}
	change := deals.ProviderChange{Name: b.Name, Region: b.Region, Owner: b.Owner, Engine: b.Engine, HTTP: b.HTTP, Most: b.Most}
	switch {
	case change == named && b.Name == nil:
		return empty{}, nil
	case change == named: // also of one that is none to choose from
		err = s.deals.SetProviderName(r.Context(), addr, *b.Name)
	case !byAdmin:
		return empty{}, errNotAdmins
	default:
		err = s.deals.SetProvider(r.Context(), addr, change)
	}
	return s.ruled(r, in.ofProvider, byAdmin, "provider.set", change.String(), err)
}
