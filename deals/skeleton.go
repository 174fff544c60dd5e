package deals

import (
	"context"
	"net/http"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
)

func (d *Deals) Run(ctx context.Context) error                { panic("unwritten") }
func (d *Deals) Address(ctx context.Context) (string, error)  { panic("unwritten") }
func (d *Deals) PieceHandler() http.Handler                   { panic("unwritten") }
func (d *Deals) Start(ctx context.Context, zone uint64) error { panic("unwritten") }
func (d *Deals) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	panic("unwritten")
}
func (d *Deals) Progress(ctx context.Context, zone uint64) (wanted, active int, reason string, err error) {
	panic("unwritten")
}

// Provider is what is known of a storage provider.
type Provider struct {
	Address                            string
	Peer                               string
	Proposed, Accepted, Active, Failed int
	CoolUntil                          time.Time // not asked before
	Reason                             string
}

func (d *Deals) Providers(ctx context.Context) ([]Provider, error) { panic("unwritten") }

// Failures returns the records of failed attempts, newest first (V1's dfe records).
func (d *Deals) Failures(ctx context.Context, zone uint64, limit int) ([]Failure, error) {
	panic("unwritten")
}

// Failure is one failed attempt.
type Failure struct {
	Time                  time.Time
	Deal, Piece, Provider string
	Zone                  uint64
	Phase, Message        string // V1's phases: query-ask, propose, send-proposal, check-status, check-chain-deal, data-transfer, fault
}

type metrics struct{}

func newMetrics(prometheus.Registerer) *metrics       { return &metrics{} }
func (*metrics) packed(p []Piece, took time.Duration) {}
func newWebClient() *http.Client                      { return &http.Client{} }

type chain struct{}

func newChain(url, token string) *chain { return nil }

type wallet struct{}
type minerCache struct{}

const (
	kindReplicate    = "replicate"
	kindDeal         = "deal"
	replicateWorkers = 4
	dealWorkers      = 16
)

func (d *Deals) replicate(ctx context.Context, id string) error { panic("unwritten") }
func (d *Deals) follow(ctx context.Context, id string) error    { panic("unwritten") }
func (d *Deals) fetchBlock(ctx context.Context, p *pieceRow, e entry, off int64) ([]byte, error) {
	panic("unwritten")
}
