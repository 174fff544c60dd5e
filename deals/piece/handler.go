package piece

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Guard says whether the holder of an Authorization header may read a piece.
type Guard func(ctx context.Context, piece, authorization string) (bool, error)

// Handler serves GET and HEAD /piece/{pieceCID} with Range to those whom guard
// lets in. A piece's bytes never change, so a provider may fetch them in parts,
// in parallel, and go on after a break.
func (p *Pieces) Handler(guard Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, guard) })
}

func (p *Pieces) serve(w http.ResponseWriter, r *http.Request, guard Guard) {
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
	if _, err := p.row(r.Context(), id); err != nil {
		p.refuse(w, r, id, err)
		return
	}
	allowed, err := guard(r.Context(), id, r.Header.Get("Authorization"))
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	if !allowed {
		w.Header().Set("WWW-Authenticate", `Bearer realm="piece"`)
		http.Error(w, "a running deal's token is required", http.StatusUnauthorized)
		return
	}
	piece, _, err := p.Open(r.Context(), id)
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	defer piece.Close()
	p.send(w, r, id, piece)
}

func (p *Pieces) refuse(w http.ResponseWriter, r *http.Request, id string, err error) {
	if errors.Is(err, ErrNoPiece) {
		http.Error(w, ErrNoPiece.Error(), http.StatusNotFound)
		return
	}
	p.log.ErrorContext(r.Context(), "open piece", "cid", id, "err", err)
	http.Error(w, "internal error", http.StatusInternalServerError)
}

func (p *Pieces) send(w http.ResponseWriter, r *http.Request, id string, piece io.ReadSeeker) {
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
	src := &watched{ReadSeeker: piece, count: func(n int) { p.met.served.Add(float64(n)) }}
	http.ServeContent(w, r, "", time.Time{}, src)
	if src.err != nil && r.Context().Err() == nil {
		p.log.ErrorContext(r.Context(), "read piece", "cid", id, "err", src.err)
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
