package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	filbig "github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
)

// audited writes down that an admin asks for something, and then does it: what
// is done is recorded, also if the record is all that a crash leaves of it.
func (s *server) audited(r *request, action, target, detail string, act func() error) error {
	if err := s.as(r).Record(r.Context(), action, target, detail); err != nil {
		return err
	}
	return act()
}

// filAddress is the address that deals are paid from.
func (s *server) filAddress(r *request, _ nothing) (string, error) {
	return s.deals.Address(r.Context())
}

// balance is filclient's Balance.
type balance struct {
	Account               string `json:"account"`
	Balance               string `json:"balance" doc:"like 0.5 FIL"`
	MarketEscrow          string `json:"marketEscrow"`
	MarketLocked          string `json:"marketLocked"`
	MarketAvailable       string `json:"marketAvailable"`
	VerifiedClientBalance string `json:"verifiedClientBalance" doc:"bytes of datacap"`
}

// balance tells what that address has, as the chain says.
func (s *server) balance(r *request, _ nothing) (balance, error) {
	b, err := s.deals.Balance(r.Context())
	if err != nil {
		return balance{}, fromChain(err, "balance")
	}
	return balance{Account: b.Address, Balance: formatFIL(b.Balance.Int), MarketEscrow: formatFIL(b.Escrow.Int), MarketLocked: formatFIL(b.Locked.Int),
		MarketAvailable: formatFIL(filbig.Sub(b.Escrow, b.Locked).Int), VerifiedClientBalance: b.Datacap.String()}, nil
}

type escrowAmount struct {
	Amount string `path:"amt" doc:"FIL, like 0.5, or 5attoFIL"`
}

// parse reads an amount as Lotus does: FIL, unless it says attoFIL.
func (a escrowAmount) parse() (filbig.Int, error) {
	number := strings.TrimRight(a.Amount, " FILfilatoATO")
	switch unit := strings.ToLower(strings.TrimSpace(a.Amount[len(number):])); unit {
	case "", "fil":
		return deals.ParseFIL(number)
	case "attofil", "afil":
		if strings.Trim(number, "0123456789") == "" {
			return filbig.FromString(number)
		}
	}
	return filbig.Int{}, fmt.Errorf("%s is not an amount of FIL", strconv.Quote(a.Amount))
}

// fundsLocked is filclient's answer to a payment.
type fundsLocked struct {
	MsgCid cid.Cid
}

func errNotPaid(err error) apiError {
	return apiError{http.StatusConflict, "ERR_BAD_REQUEST", innermost(err, deals.ErrNotPaid)}
}

// addEscrow moves money of the wallet into the market's escrow, within the day's
// limit. The message is sent by a job, which follows it.
func (s *server) addEscrow(r *request, in escrowAmount) (fundsLocked, error) {
	amount, err := in.parse()
	if err != nil {
		return fundsLocked{}, errInput("%v", err)
	}
	address, err := s.deals.Address(r.Context())
	if err != nil {
		return fundsLocked{}, err
	}
	var message string
	err = s.audited(r, "escrow.add", address, formatFIL(amount.Int), func() (err error) {
		message, err = s.deals.AddEscrow(r.Context(), amount)
		return err
	})
	switch {
	case errors.Is(err, deals.ErrNotPaid):
		return fundsLocked{}, errNotPaid(err)
	case err != nil:
		return fundsLocked{}, fromChain(err, "escrow")
	}
	c, err := cid.Decode(message)
	return fundsLocked{c}, err
}

// contentDealStats are V1's figures of the deals of a content, here of a zone.
type contentDealStats struct {
	NumDeals          int    `json:"numDeals"`
	NumConfirmed      int    `json:"numConfirmed"`
	NumFailed         int    `json:"numFailed"`
	TotalSpending     string `json:"totalSpending" doc:"attoFIL, by the signed proposals"`
	ConfirmedSpending string `json:"confirmedSpending" doc:"of deals on chain"`
}

// dealStats tells what the deals of each zone cost.
func (s *server) dealStats(r *request, _ nothing) (map[uint64]contentDealStats, error) {
	zones, err := s.deals.FiguresByZone(r.Context())
	out := make(map[uint64]contentDealStats, len(zones))
	for zone, f := range zones {
		out[zone] = contentDealStats{f.Deals, f.Confirmed, f.Failed, f.Spending.String(), f.ConfirmedSpending.String()}
	}
	return out, err
}
