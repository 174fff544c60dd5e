package piece

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/internal/keylock"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

var (
	ErrNoPiece = errors.New("no such piece")
	// ErrTooSmall says that a block does not fit into the largest piece allowed.
	ErrTooSmall = errors.New("largest piece is too small")
)

// A Fetcher reads a block that is gone here from a replica of a piece, where
// it has size bytes at off, and checks it.
type Fetcher func(ctx context.Context, piece string, block cid.Cid, off int64, size int) ([]byte, error)

// Options of Pieces.
type Options struct {
	MinPiece int64   // bytes, padded; smaller pieces are filled up with zeros
	Fetch    Fetcher // nil: a block that is gone cannot be read
	Limits   Limits  // of Handler
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Pieces keeps the pieces of zones. It is safe for concurrent use.
type Pieces struct {
	store kv.Store
	node  *node.Node
	opt   Options
	log   *slog.Logger
	met   *metrics

	packing keylock.Lock // by zone
	hashing keylock.Lock // by zone: shards whose chunks are not kept
	pulls   *pulls
	parts   sync.Pool // of *part
	keep    int       // blocks; see keptBlocks
}

// New returns the pieces in store, whose blocks are in n.
func New(store kv.Store, n *node.Node, opt Options) *Pieces {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Pieces{store: store, node: n, opt: opt, log: opt.Log, met: newMetrics(opt.Metrics), pulls: newPulls(opt.Limits), keep: keptBlocks}
}

// Piece returns one piece, or ErrNoPiece.
func (p *Pieces) Piece(ctx context.Context, pieceCID string) (Piece, error) {
	row, err := p.row(ctx, pieceCID)
	return row.Piece, err
}

func (p *Pieces) row(ctx context.Context, pieceCID string) (row pieceRow, err error) {
	err = p.store.View(ctx, func(tx kv.Tx) error {
		row, err = getRow(tx, pieceCID)
		return err
	})
	return row, err
}

func getRow(tx kv.Tx, pieceCID string) (pieceRow, error) {
	row, err := kv.GetJSON[pieceRow](tx, keyPiece(pieceCID))
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoPiece
	}
	return row, err
}

// Get returns a piece in a transaction of deals, or ErrNoPiece.
func Get(tx kv.Tx, pieceCID string) (Piece, error) {
	row, err := getRow(tx, pieceCID)
	return row.Piece, err
}

// SetReason says what the deals of a piece wait for.
func SetReason(tx kv.Tx, pieceCID, reason string) error {
	row, err := getRow(tx, pieceCID)
	if err != nil || row.Reason == reason {
		return err
	}
	row.Reason = reason
	return kv.PutJSON(tx, keyPiece(pieceCID), row)
}

// OfZone returns the pieces of a zone in the order of their contents; none if it is not packed.
func (p *Pieces) OfZone(ctx context.Context, zone uint64) ([]Piece, error) {
	rows, err := p.rows(ctx, zone)
	var out []Piece
	for _, r := range rows {
		out = append(out, r.Piece)
	}
	return out, err
}

func (p *Pieces) rows(ctx context.Context, zone uint64) ([]pieceRow, error) {
	var rows []pieceRow
	err := p.store.View(ctx, func(tx kv.Tx) error {
		rows = nil
		z, err := kv.GetJSON[zoneRow](tx, keyZone(zone))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range z.Pieces {
			row, err := kv.GetJSON[pieceRow](tx, keyPiece(c))
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}

// Zones lists the zones that are packed.
func (p *Pieces) Zones(ctx context.Context) ([]uint64, error) {
	var zones []uint64
	err := p.store.View(ctx, func(tx kv.Tx) error {
		zones = nil
		from, to := kv.Range(prefix, "zone")
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			var zone uint64
			if err := kv.Unkey(r.Key, nil, nil, &zone); err != nil {
				return err
			}
			zones = append(zones, zone)
		}
		return nil
	})
	return zones, err
}

// Bucket returns the bucket of a zone that is packed, or kv.ErrNotFound.
func Bucket(tx kv.Tx, zone uint64) (string, error) {
	z, err := kv.GetJSON[zoneRow](tx, keyZone(zone))
	return z.Bucket, err
}
