package deals

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/kv"
)

// PieceHandler serves GET and HEAD /piece/{pieceCID} with Range to holders of the
// bearer token of a deal that is not published yet.
func (d *Deals) PieceHandler() http.Handler { return d.pieces.Handler(d.mayRead) }

// newToken makes a bearer token.
func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// tokenSeal binds a sealed token to its deal.
func tokenSeal(id string) string { return "deals/token/" + id }

// mayRead says whether an Authorization header holds the token of a deal of
// the piece whose provider still has to pull it: a deal is published only after that.
func (d *Deals) mayRead(ctx context.Context, piece, authorization string) (bool, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false, nil
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	ok := false
	err := d.store.View(ctx, func(tx kv.Tx) error {
		for row, err := range scanDeals(tx, 0, piece) {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			if (row.State == DealProposed || row.State == DealAccepted) && subtle.ConstantTimeCompare(row.TokenHash, sum[:]) == 1 {
				ok = true
			}
		}
		return nil
	})
	return ok, err
}
