package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

// progress is V1's answer of how far the deals are. Its top-level contents are
// zones here, and pins that have not come yet.
type progress struct {
	GoodContents  []uint64 `doc:"zones that have all their deals"`
	InProgress    []uint64 `doc:"zones that have some"`
	NoDeals       []uint64 `doc:"zones that have none yet"`
	TotalTopLevel int64
	TotalPinning  int64 `doc:"pins of which some blocks have come"`
}

// cmProgress tells how far the deals of all zones are.
func (s *server) cmProgress(r *request, _ nothing) (progress, error) {
	out := progress{GoodContents: []uint64{}, InProgress: []uint64{}, NoDeals: []uint64{}}
	pins, err := s.buckets.PinCounts(r.Context())
	if err != nil {
		return out, err
	}
	out.TotalPinning = pins[buckets.PinPinning]
	out.TotalTopLevel = out.TotalPinning
	for offset := 0; ; offset += batch {
		zones, err := s.buckets.Zones(r.Context(), 0, "", batch, offset)
		if err != nil || len(zones) == 0 {
			return out, err
		}
		out.TotalTopLevel += int64(len(zones))
		for _, z := range zones {
			list := &out.NoDeals
			if len(z.Pieces) > 0 {
				standing, err := s.deals.Standing(r.Context(), z.ID)
				switch {
				case err != nil:
					return out, err
				case standing.Active >= standing.Wanted: // none are wanted if everything was deleted
					list = &out.GoodContents
				case standing.Active > 0:
					list = &out.InProgress
				}
			}
			*list = append(*list, z.ID)
		}
	}
}

// dealOnChain is V1's allDealsQuery.
type dealOnChain struct {
	Miner  string
	Cid    string `doc:"of the zone, as V1's aggregate"`
	DealID uint64
}

// cmAllDeals lists everybody's deals on chain, the newest first.
func (s *server) cmAllDeals(w http.ResponseWriter, r *request, _ nothing) error {
	offset, roots := 0, map[string]string{}
	return writeList(w, func() ([]dealOnChain, error) {
		for {
			list, err := s.deals.Deals(r.Context(), 0, "", batch, offset)
			if err != nil || len(list) == 0 {
				return nil, err
			}
			offset += len(list)
			var out []dealOnChain
			for _, d := range list {
				if d.ChainID == 0 || failed(d.State) {
					continue
				}
				root, known := roots[d.Piece]
				if !known {
					if root, err = s.pieceRoot(r, d.Piece); err != nil {
						return nil, err
					}
					roots[d.Piece] = root
				}
				out = append(out, dealOnChain{d.Provider, root, d.ChainID})
			}
			if len(out) > 0 {
				return out, nil
			}
		}
	})
}

// pieceRoot is what deals of a piece are proposed under.
func (s *server) pieceRoot(r *request, pieceCID string) (string, error) {
	p, err := s.deals.Piece(r.Context(), pieceCID)
	if errors.Is(err, piece.ErrNoPiece) || err == nil && len(p.Shards) == 0 {
		return undefCID, nil
	}
	if err != nil {
		return "", err
	}
	return p.Shards[0].Root, nil
}

// cmRead sends a content's bytes.
func (s *server) cmRead(w http.ResponseWriter, r *request, in refreshedContent) error {
	return s.readContent(w, r, contentID{in.Content})
}

// cmGC has the space of what nobody keeps given back: a job does that.
func (s *server) cmGC(r *request, _ nothing) (none, error) {
	return none{}, s.audited(r, "blocks.sweep", "", "", func() error { return s.buckets.SweepSoon(r.Context()) })
}

type moveOrder struct {
	Body struct {
		Contents    []uint64 `json:"contents"`
		Destination string   `json:"destination" doc:"local: this node"`
	} `body:""`
}

// cmMove has contents where they are to be: there is one place, this node.
func (s *server) cmMove(r *request, in moveOrder) (done, error) {
	if in.Body.Destination != here {
		return done{}, errNoShuttle(in.Body.Destination)
	}
	for _, id := range in.Body.Contents {
		if _, err := s.kept(r, contentID{id}); err != nil {
			return done{}, err
		}
	}
	return done{}, nil
}

type dealMaking struct {
	Body struct {
		Enabled *bool `json:"enabled"`
	} `body:""`
}

// setDealMaking has new deals made or not, over restarts too.
func (s *server) setDealMaking(r *request, in dealMaking) (done, error) {
	if in.Body.Enabled == nil {
		return done{}, errInput("enabled is required")
	}
	on := *in.Body.Enabled
	return done{}, s.audited(r, "deals.making", "", fmt.Sprintf("enabled %v", on), func() error {
		return s.deals.SetSwitch(r.Context(), on, r.who.user.Name)
	})
}

type restartedTransfer struct {
	ID string `path:"chanid" doc:"UUID of a deal: its provider's pull is the transfer"`
}

func errTransferOver(why string) apiError {
	return apiError{http.StatusConflict, "ERR_BAD_REQUEST", "cannot restart transfer, " + why}
}

// restartTransfer has a deal whose transfer is not done looked after now: its
// provider is asked how far it is, or hears of the deal.
func (s *server) restartTransfer(r *request, in restartedTransfer) (none, error) {
	d, err := s.deals.Deal(r.Context(), in.ID)
	switch {
	case errors.Is(err, deals.ErrNoDeal):
		return none{}, errNoTransfer(in.ID)
	case err != nil:
		return none{}, err
	case failed(d.State):
		return none{}, errTransferOver("deal failed")
	case d.State != deals.DealProposed && d.State != deals.DealAccepted:
		return none{}, errTransferOver("already finished")
	}
	return none{}, s.audited(r, "deals.look", d.UUID, "", func() error { return s.deals.Look(r.Context(), d.UUID) })
}

type shuttleHandle struct {
	Shuttle string `path:"shuttle" doc:"local: this node"`
}

// repinAll has every pin tried now that has failed, or waits.
func (s *server) repinAll(r *request, in shuttleHandle) (none, error) {
	if in.Shuttle != here {
		return none{}, errNoShuttle(in.Shuttle)
	}
	return none{}, s.audited(r, "pins.retry", "all", "", func() error {
		_, err := s.buckets.RetryPins(r.Context())
		return err
	})
}
