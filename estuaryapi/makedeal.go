package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	filbig "github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals"
)

// priceQuestion asks what storage would cost.
type priceQuestion struct {
	Body struct {
		Size         int64 `json:"size" doc:"bytes"`
		Replication  int   `json:"replication"`
		DurationBlks int64 `json:"durationBlks" doc:"epochs of 30 s"`
		Verified     bool  `json:"verified"`
	} `body:""`
}

// priceAnswer is V1's estimate.
type priceAnswer struct {
	TotalFil     string     `json:"totalFil" doc:"like 0.5 FIL"`
	TotalAttoFil string     `json:"totalAttoFil"`
	Asks         []minerAsk `doc:"of the cheapest providers that take such a piece"`
}

// Bounds of what is estimated: the largest sector, and more than any deal lasts.
const (
	maxEstimate     = 64 << 30
	maxEstimateTime = 10 * 365 * 2880
)

// estimate tells what the cheapest providers would take for a piece.
func (s *server) estimate(r *request, in priceQuestion) (priceAnswer, error) {
	b := in.Body
	switch {
	case b.Size < 1 || b.Size > maxEstimate:
		return priceAnswer{}, errInput("size is %d: from 1 to %d bytes are estimated", b.Size, int64(maxEstimate))
	case b.Replication < 1 || b.Replication > maxPage:
		return priceAnswer{}, errInput("replication is %d: from 1 to %d", b.Replication, maxPage)
	case b.DurationBlks < 1 || b.DurationBlks > maxEstimateTime:
		return priceAnswer{}, errInput("durationBlks is %d: from 1 to %d epochs", b.DurationBlks, maxEstimateTime)
	}
	offers, err := s.deals.Estimate(r.Context(), b.Size, b.Replication, b.DurationBlks, b.Verified)
	if errors.Is(err, deals.ErrEstimate) {
		return priceAnswer{}, errInput("%v", err)
	}
	if err != nil {
		return priceAnswer{}, err
	}
	total, out := filbig.Zero(), priceAnswer{Asks: []minerAsk{}}
	for _, o := range offers {
		total = filbig.Add(total, o.Total)
		out.Asks = append(out.Asks, newMinerAsk(o.Provider, o.Ask.Ask))
	}
	out.TotalFil, out.TotalAttoFil = formatFIL(total.Int), total.String()
	return out, nil
}

// formatFIL writes attoFIL as Lotus does: exactly, and without zeros at the end.
func formatFIL(atto *big.Int) string {
	r := new(big.Rat).SetFrac(atto, big.NewInt(1e18))
	if r.Sign() == 0 {
		return "0 FIL"
	}
	return strings.TrimRight(strings.TrimRight(r.FloatString(18), "0"), ".") + " FIL"
}

// dealOrder asks for a deal with a provider.
type dealOrder struct {
	ofProvider
	Body struct {
		Content uint64 `json:"content_id"`
	} `body:""`
}

// madeDeal is V1's answer to it.
type madeDeal struct {
	Deal uint64 `json:"deal" doc:"number of the deal, of the first if the content spans pieces"`
}

func errHeld(err error) apiError {
	return apiError{http.StatusConflict, "ERR_BAD_REQUEST", err.Error()}
}

// makeDeal makes a deal for each piece that holds a content with a provider that
// the admin chose.
func (s *server) makeDeal(r *request, in dealOrder) (madeDeal, error) {
	if in.Body.Content == 0 {
		return madeDeal{}, apiError{http.StatusBadRequest, "ERR_INVALID_INPUT", "supply a valid value for content_id"}
	}
	pieces, err := s.piecesOf(r, in.Body.Content)
	if err != nil {
		return madeDeal{}, err
	}
	var out madeDeal
	for _, p := range pieces {
		d, err := s.deals.Make(r.Context(), p, string(in.Miner))
		switch {
		case errors.Is(err, deals.ErrHeld) && len(pieces) > 1:
			continue // asked again after some were made
		case errors.Is(err, deals.ErrHeld), errors.Is(err, deals.ErrSwitchedOff):
			return out, errHeld(err)
		case errors.Is(err, deals.ErrProviderSuspended):
			return out, errHeld(err)
		case errors.Is(err, deals.ErrNoChain):
			return out, fromChain(err, "provider")
		case err != nil:
			return out, err
		}
		if out.Deal == 0 {
			out.Deal = d.ID
		}
	}
	if out.Deal == 0 {
		return out, errHeld(deals.ErrHeld)
	}
	return out, nil
}

// piecesOf returns the pieces that hold a content, or are a zone's.
func (s *server) piecesOf(r *request, id uint64) ([]string, error) {
	k, err := s.kept(r, contentID{id})
	if err != nil {
		return nil, err
	}
	pieces := k.zone.Pieces
	if k.content.Zone != 0 {
		if pieces, err = s.deals.PiecesOf(r.Context(), k.content.Zone, k.content.ID); err != nil {
			return nil, err
		}
	}
	if len(pieces) == 0 {
		return nil, errInput("content %d is in no piece yet: its zone has to be sealed and packed first", id)
	}
	return pieces, nil
}

// Transfers. V1's were graphsync channels; here a provider pulls over HTTP, so a
// deal that it took and did not publish yet is the transfer, by the deal's UUID.

type transferID struct {
	ID string `path:"id" doc:"UUID of a deal"`
}

func errNoTransfer(id string) apiError { return errNoDeal(fmt.Sprintf("transfer: %q", id)) }

func newTransfer(d deals.Deal) channelState {
	c := channelState{StatusMessage: "Requested", Message: d.Reason, BaseCID: d.Piece, TransferID: d.UUID}
	if d.State == deals.DealAccepted {
		c.StatusMessage = "Ongoing"
	}
	if d.State == deals.DealPublished || d.State == deals.DealActive || d.State == deals.DealExpired {
		c.StatusMessage = "Completed"
	}
	if failed(d.State) && d.State != deals.DealExpired {
		c.StatusMessage = "Failed"
	}
	return c
}

// transfer shows the transfer of a deal.
func (s *server) transfer(r *request, in transferID) (channelState, error) {
	d, err := s.deals.Deal(r.Context(), in.ID)
	d, _, err = s.owned(r.Context(), r.who, d, err, fmt.Sprintf("transfer: %q", in.ID))
	if err != nil {
		return channelState{}, err
	}
	return newTransfer(d), nil
}

// channelQuestion names a graphsync channel.
type channelQuestion struct {
	Body struct {
		Initiator string
		Responder string
		ID        uint64
	} `body:""`
}

// channelTransfer knows no channel: deals here have none.
func (s *server) channelTransfer(_ *request, in channelQuestion) (channelState, error) {
	b := in.Body
	return channelState{}, errNoTransfer(fmt.Sprintf("%s-%s-%d", b.Initiator, b.Responder, b.ID))
}

// transfers shows the caller's transfers that are not done, by the deals' UUIDs.
func (s *server) transfers(r *request, _ nothing) (map[string]channelState, error) {
	out := map[string]channelState{}
	return out, s.underWay(r.Context(), r.who, func(d deals.Deal) { out[d.UUID] = newTransfer(d) })
}

// underWay calls fn with the deals under way that the caller sees.
func (s *server) underWay(ctx context.Context, who caller, fn func(deals.Deal)) error {
	list, err := s.deals.UnderWay(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		_, _, err := s.owned(ctx, who, d, nil, "")
		if e := (apiError{}); errors.As(err, &e) {
			continue
		}
		if err != nil {
			return err
		}
		fn(d)
	}
	return nil
}
