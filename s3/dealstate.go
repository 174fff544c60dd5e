package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/proof"
)

// Deals tells which pieces hold a content, and proves it. Package deals knows; cmd connects it.
type Deals interface {
	// Pieces returns the pieces that hold blocks of a content of a zone; none
	// if the zone is not packed.
	Pieces(ctx context.Context, zone, content uint64) ([]Piece, error)
	// Prove makes the proof that a content is in its pieces and deals, or
	// returns piece.ErrNoPiece. size is what the content has as it is read.
	Prove(ctx context.Context, zone, content uint64, root cid.Cid, size int64) (*proof.Proof, error)
}

// Piece is a part of a content on its way to Filecoin.
type Piece struct {
	CID    string
	Active []uint64 // on-chain ids of its active deals, one for each provider
}

const (
	// metaOurs begins the names of metadata that is ours to tell. Such names in
	// a request are dropped: clients send back what they were told.
	metaOurs = "whypfs-"
	// Of an object in very many pieces the first are named, and how many more there are.
	toldPieces = 8
	toldDeals  = 32
)

// reserved says whether user metadata of that name is for the server to tell.
func reserved(name string) bool { return name == metaCID || strings.HasPrefix(name, metaOurs) }

// tellDeals sets the metadata that says how far an object is on its way into
// deals. Plain clients show metadata, and no other header that they do not know.
// It costs some reads of rows, so only a HEAD is answered with it.
func (s *server) tellDeals(ctx context.Context, h http.Header, o buckets.Object) error {
	c, err := s.buckets.Content(ctx, o.Content)
	if errors.Is(err, buckets.ErrNoContent) {
		return nil // replaced since
	}
	if err != nil {
		return err
	}
	state := "waiting"
	if c.Zone != 0 {
		z, err := s.buckets.Zone(ctx, c.Zone)
		if errors.Is(err, buckets.ErrNoZone) {
			return nil
		}
		if err != nil {
			return err
		}
		pieces, err := s.pieces(ctx, c, z)
		if err != nil {
			return err
		}
		state = fmt.Sprintf("%s; %d of %d deals active", z.State, safest(pieces), z.Policy.Replication)
		tellPieces(h, pieces)
	}
	if c.Offloaded {
		state += "; on Filecoin only"
	}
	h["x-amz-meta-"+metaOurs+"state"] = []string{state}
	return nil
}

func (s *server) pieces(ctx context.Context, c buckets.Content, z buckets.Zone) ([]Piece, error) {
	if s.deals == nil || z.State == buckets.ZoneOpen || z.State == buckets.ZoneSealed {
		return nil, nil
	}
	return s.deals.Pieces(ctx, z.ID, c.ID)
}

// safest is how many providers hold all of an object at least: as many as hold
// the piece that fewest hold.
func safest(pieces []Piece) int {
	if len(pieces) == 0 {
		return 0
	}
	n := len(pieces[0].Active)
	for _, p := range pieces {
		n = min(n, len(p.Active))
	}
	return n
}

func tellPieces(h http.Header, pieces []Piece) {
	var cids, ids []string
	for _, p := range pieces {
		cids = append(cids, p.CID)
		for _, id := range p.Active {
			ids = append(ids, strconv.FormatUint(id, 10))
		}
	}
	if len(cids) > 0 {
		h["x-amz-meta-"+metaOurs+"pieces"] = []string{firstOf(cids, toldPieces)}
	}
	if len(ids) > 0 {
		h["x-amz-meta-"+metaOurs+"deals"] = []string{firstOf(ids, toldDeals)}
	}
}

// firstOf joins up to most words, and says how many more there are.
func firstOf(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, " ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(words[:most], " "), len(words)-most)
}
