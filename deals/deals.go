package deals

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filecoin-project/go-address"
	fbig "github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/deals/wallet"
	"github.com/whypfs/whypfs/internal/aged"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

var ErrNoDeal = errors.New("no such deal")

// Options of Deals. Store-independent settings come as values from cmd.
type Options struct {
	RPC       []chain.Endpoint // of the chain; none: no dealing, zones wait with that reason
	RPCRate   float64          // calls per second to each endpoint; 0: no limit
	Poll      time.Duration    // how often the chain head is asked for; default 15 s
	Recheck   time.Duration    // how often an active deal is looked for on chain; default 1 h
	PieceURL  string           // public base URL under which PieceHandler is reachable, without a slash at the end
	Providers []ProviderConfig // to choose from, besides those that AddProvider adds
	Engine    string           // for providers that name none; default EngineMk12
	Filclient string           // path of whypfs-filclient, for EngineFilclient
	Escrow    EscrowOptions
	MaxPrice  string // attoFIL per GiB per epoch; default 50000000, the providers' own default; "0" asks for free storage
	// DailyLimit is what the deals that are signed in a day (UTC) may cost in all,
	// in attoFIL; 0: any.
	DailyLimit fbig.Int
	Verified   string       // whether verified deals are made; default VerifiedNever
	Pulls      piece.Limits // of PieceHandler
	MinPiece   int64        // bytes, padded; smaller pieces are filled up with zeros. default 1 MiB, the least that providers of the sandbox take
	Duration   int64        // epochs a deal lasts; default 1494720 (Estuary's 519 days)
	StartLead  int64        // epochs a provider gets to seal before a deal starts; default 8640 (3 days)
	PerPiece   int          // deals of a piece under way at once; 0: as many as replicas are lacking
	// Doubt is for how long a deal that its provider gives up, and could publish
	// all the same, is looked for on chain before it is replaced; default 2 h. It
	// counts only where an endpoint tells of events.
	Doubt time.Duration
	// Rules are those of a bucket, as they are now. nil: there are none.
	Rules func(ctx context.Context, bucket string) (Rules, error)
	// Live calls yield with the contents of a zone that are not deleted, until it
	// returns false. nil: every piece is needed for ever.
	Live func(ctx context.Context, zone uint64, yield func(content uint64) bool) error
	// Public says whether other nodes of IPFS may be asked for what is under a
	// root that no provider gave back. nil: never.
	Public func(ctx context.Context, root cid.Cid) bool
	// SampleEvery is how often a range of each active deal's piece is fetched and
	// checked; 0: never.
	SampleEvery time.Duration
	// Endangered is called when a replica of a zone is being replaced, and, with
	// sampled, when a provider's samples have become bad: what the replicas that
	// are left hold had better be here too. It must not block.
	Endangered func(zone uint64, sampled bool)
	// RetrievalsPerProvider bounds the requests under way at one provider for
	// what no reader waits for. 0: no bound.
	RetrievalsPerProvider int
	// Changed is called after the deals of a zone moved. It must not block.
	Changed func(zone uint64)
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Poll <= 0 {
		o.Poll = 15 * time.Second
	}
	if o.Recheck <= 0 {
		o.Recheck = time.Hour
	}
	if o.Engine == "" {
		o.Engine = EngineMk12
	}
	if o.MaxPrice == "" {
		o.MaxPrice = "50000000"
	}
	if o.MinPiece <= 0 {
		o.MinPiece = 1 << 20
	}
	if o.Duration <= 0 {
		o.Duration = 1494720
	}
	if o.StartLead <= 0 {
		o.StartLead = 8640
	}
	if o.Doubt <= 0 {
		o.Doubt = 2 * time.Hour
	}
	o.Escrow = o.Escrow.withDefaults()
	if o.Changed == nil {
		o.Changed = func(uint64) {}
	}
	if o.Endangered == nil {
		o.Endangered = func(uint64, bool) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.PieceURL = strings.TrimRight(o.PieceURL, "/")
	return o
}

// Deals keeps pieces, providers and deals. It is safe for concurrent use.
type Deals struct {
	store kv.Store
	node  *node.Node
	queue *queue.Queue
	box   *seal.Box
	opt   Options
	log   *slog.Logger
	met   *metrics

	wallet    *wallet.Wallet
	pieces    *piece.Pieces
	mk12      *mk12.Client
	filclient *filclient.Client // runs if a provider is to be dealt with over it
	retrieve  *retrieve.Retriever
	chain     *chain.Client // nil: none is configured
	maxPrice  *big.Int      // nil: Options.MaxPrice is no number

	figures aged.Value[Figures]

	known      atomic.Pointer[knownHead] // nil: nobody follows the chain, or it cannot be asked
	verifiable atomic.Bool               // the network has verified deals, and the client some datacap: as of the last look
	heads      chan int64                // the newest, for who looks for events
	sightings  sightings

	mu          sync.Mutex
	relisted    chan struct{}                       // guarded by mu; closed when there are other providers to choose from
	goodSamples map[string]time.Time                // guarded by mu; the last, by provider
	given       string                              // guarded by mu; address of the key that filclient has
	ids         map[address.Address]address.Address // guarded by mu; id addresses of the wallet's keys, once the chain gave them one
}

// New returns the deals in store and registers its jobs with q. box seals the wallet's key.
func New(store kv.Store, n *node.Node, q *queue.Queue, box *seal.Box, opt Options) *Deals {
	opt = opt.withDefaults()
	d := &Deals{store: store, node: n, queue: q, box: box, opt: opt, log: opt.Log,
		met: newMetrics(opt.Metrics), wallet: wallet.New(store, box),
		ids: make(map[address.Address]address.Address), heads: make(chan int64, 1), sightings: sightings{of: make(map[string]*sighting)}, relisted: make(chan struct{})}
	d.pieces = piece.New(store, n, piece.Options{MinPiece: opt.MinPiece, Fetch: d.fetchBlock, Limits: opt.Pulls, Log: opt.Log, Metrics: opt.Metrics})
	d.mk12 = mk12.New(n, d.reach, signer{d})
	d.filclient = newFilclient(d, opt)
	d.retrieve = retrieve.New(n, d.pieces, providersOf{d}, retrieve.Options{Public: opt.Public, PerProvider: opt.RetrievalsPerProvider, Log: opt.Log, Metrics: opt.Metrics})
	if len(opt.RPC) > 0 {
		d.chain = chain.New(chain.Options{Endpoints: opt.RPC, Rate: opt.RPCRate})
		if opt.Metrics != nil {
			opt.Metrics.MustRegister(endpointMetrics{d.chain})
		}
	}
	d.maxPrice, _ = new(big.Int).SetString(opt.MaxPrice, 10)
	q.Handle(kindReplicate, replicateWorkers, d.replicate)
	q.Handle(kindDeal, dealWorkers, d.follow)
	q.Handle(kindSample, sampleWorkers, d.sample)
	q.Handle(kindEscrow, 1, d.fillEscrow)
	q.Handle(kindForeign, 1, d.lookForeign)
	return d
}

// Wallet is the keys that sign deals and pay for them.
func (d *Deals) Wallet() *wallet.Wallet { return d.wallet }

// Address is the address that pays for new deals, made on first use.
func (d *Deals) Address(ctx context.Context) (string, error) {
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return "", err
	}
	return k.Address().String(), nil
}
