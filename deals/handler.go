package deals

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// PieceHandler serves GET and HEAD /piece/{pieceCID} with Range to holders of a
// running deal's bearer token. A piece's bytes never change, so a provider may
// fetch them in parts, in parallel, and go on after a break.
func (d *Deals) PieceHandler() http.Handler { return http.HandlerFunc(d.servePiece) }

func (d *Deals) servePiece(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	id, ok := strings.CutPrefix(r.URL.Path, "/piece/")
	if !ok || id == "" || strings.Contains(id, "/") {
		http.Error(w, ErrNoPiece.Error(), http.StatusNotFound)
		return
	}
	// Before the piece is opened: laying its index out is work that strangers must not cause.
	if _, err := d.pieceRow(r.Context(), id); err != nil {
		d.refusePiece(w, r, id, err)
		return
	}
	allowed, err := d.mayRead(r.Context(), id, r.Header.Get("Authorization"))
	if err != nil {
		d.refusePiece(w, r, id, err)
		return
	}
	if !allowed {
		w.Header().Set("WWW-Authenticate", `Bearer realm="piece"`)
		http.Error(w, "a running deal's token is required", http.StatusUnauthorized)
		return
	}
	piece, _, err := d.OpenPiece(r.Context(), id)
	if err != nil {
		d.refusePiece(w, r, id, err)
		return
	}
	defer piece.Close()
	d.sendPiece(w, r, id, piece)
}

func (d *Deals) refusePiece(w http.ResponseWriter, r *http.Request, id string, err error) {
	if errors.Is(err, ErrNoPiece) {
		http.Error(w, ErrNoPiece.Error(), http.StatusNotFound)
		return
	}
	d.log.ErrorContext(r.Context(), "open piece", "cid", id, "err", err)
	http.Error(w, "internal error", http.StatusInternalServerError)
}

func (d *Deals) sendPiece(w http.ResponseWriter, r *http.Request, id string, piece io.ReadSeeker) {
	h := w.Header()
	h.Set("ETag", `"`+id+`"`)
	h.Set("Content-Type", "application/piece")
	h.Set("Cache-Control", "private, max-age=29030400, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.Contains(r.Header.Get("Range"), ",") {
		// One range at a time: the whole piece is a legal answer to several.
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	src := &watched{ReadSeeker: piece, count: func(n int) { d.met.served.Add(float64(n)) }}
	http.ServeContent(w, r, "", time.Time{}, src)
	if src.err != nil && r.Context().Err() == nil {
		d.log.ErrorContext(r.Context(), "read piece", "cid", id, "err", src.err)
	}
	if src.err != nil {
		panic(http.ErrAbortHandler) // the reader must see a cut body, not a short one
	}
}

// watched keeps the error that http.ServeContent swallows.
type watched struct {
	io.ReadSeeker
	count func(n int)
	err   error
}

func (s *watched) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	s.count(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// mayRead says whether an Authorization header holds the token of a deal of
// the piece that is still on its way to active.
func (d *Deals) mayRead(ctx context.Context, piece, authorization string) (bool, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false, nil
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	ok := false
	err := d.store.View(ctx, func(tx kv.Tx) error {
		for row, err := range scanDeals(tx, 0, piece) {
			if err != nil {
				return err
			}
			if row.State.Pending() && subtle.ConstantTimeCompare(row.TokenHash, sum[:]) == 1 {
				ok = true
			}
		}
		return nil
	})
	return ok, err
}
