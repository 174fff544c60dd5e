package piece

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

// A Guard says whether the holder of an Authorization header may read a piece.
type Guard func(ctx context.Context, piece, authorization string) (bool, error)

// Handler serves GET and HEAD /piece/{pieceCID} with Range to those whom guard
// lets in, within Options.Limits. The CID is of version 1 or 2. A piece's bytes
// never change, so a provider may fetch them in parts, in parallel, and go on
// after a break.
func (p *Pieces) Handler(guard Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handle(w, r, guard) })
}

func (p *Pieces) handle(w http.ResponseWriter, r *http.Request, guard Guard) {
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
	pull, ok := p.pulls.begin()
	if !ok {
		p.busy(w, "all", http.StatusServiceUnavailable)
		return
	}
	defer pull.end()
	// Before the piece is opened: laying its index out is work that strangers must not cause.
	row, err := p.named(r.Context(), id)
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	authorization := r.Header.Get("Authorization")
	allowed, err := guard(r.Context(), row.CID, authorization)
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	if !allowed {
		w.Header().Set("WWW-Authenticate", `Bearer realm="piece"`)
		http.Error(w, "a running deal's token is required", http.StatusUnauthorized)
		return
	}
	if !pull.by(authorization) {
		p.busy(w, "token", http.StatusTooManyRequests)
		return
	}
	piece, err := p.open(r.Context(), row)
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	defer piece.Close()
	p.send(r, &sender{ResponseWriter: w, piece: piece, pull: pull})
}

// named returns the piece that a CID of either version names. One of version 2
// says how long the piece is, too.
func (p *Pieces) named(ctx context.Context, id string) (pieceRow, error) {
	c, err := cid.Decode(id)
	if err != nil || c.Type() != cid.Raw {
		return p.row(ctx, id)
	}
	v1, size, err := commp.ToV1(c)
	if err != nil {
		return pieceRow{}, ErrNoPiece
	}
	row, err := p.row(ctx, v1.String())
	if err == nil && row.Size != size {
		err = ErrNoPiece
	}
	return row, err
}

// busy asks the client to come again.
func (p *Pieces) busy(w http.ResponseWriter, limit string, status int) {
	p.met.refused.WithLabelValues(limit).Inc()
	w.Header().Set("Retry-After", "5")
	http.Error(w, "too many requests at once", status)
}

func (p *Pieces) refuse(w http.ResponseWriter, r *http.Request, id string, err error) {
	if errors.Is(err, ErrNoPiece) {
		http.Error(w, ErrNoPiece.Error(), http.StatusNotFound)
		return
	}
	p.log.ErrorContext(r.Context(), "open piece", "cid", id, "err", err)
	http.Error(w, "internal error", http.StatusInternalServerError)
}

func (p *Pieces) send(r *http.Request, s *sender) {
	h := s.Header()
	h.Set("ETag", `"`+s.piece.row.CID+`"`)
	h.Set("Content-Type", "application/piece")
	h.Set("Cache-Control", "private, max-age=29030400, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.Contains(r.Header.Get("Range"), ",") {
		// One range at a time: the whole piece is a legal answer to several.
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	http.ServeContent(s, r, "", time.Time{}, s.piece)
	if s.failed == nil {
		return
	}
	if r.Context().Err() == nil {
		p.log.ErrorContext(r.Context(), "read piece", "cid", s.piece.row.CID, "err", s.failed)
	}
	panic(http.ErrAbortHandler) // the reader must see a cut body, not a short one
}

// A sender takes the bytes of a piece from http.ServeContent's hands: that
// would read and write 32 KiB at a time, and swallow the errors of reading.
type sender struct {
	http.ResponseWriter
	piece  *pieceReader
	pull   *pull
	failed error // of reading
}

// ReadFrom sends what http.ServeContent copies: a part of the piece reader.
func (s *sender) ReadFrom(src io.Reader) (int64, error) {
	part, ok := src.(*io.LimitedReader)
	if !ok || part.R != io.Reader(s.piece) {
		return 0, errors.New("not the piece")
	}
	client := &clientWriter{sender: s}
	sent, err := s.piece.sendTo(client, part.N)
	part.N -= sent
	if err != nil && client.err == nil {
		s.failed = err
	}
	return sent, err
}

// clientWriter writes at the rate that the client may have.
type clientWriter struct {
	*sender
	err error // of writing
}

func (c *clientWriter) Write(b []byte) (n int, err error) {
	if c.err = c.pull.wait(c.piece.ctx, len(b)); c.err == nil {
		n, c.err = c.ResponseWriter.Write(b)
		c.piece.pieces.met.served.Add(float64(n))
	}
	return n, c.err
}
