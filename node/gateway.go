package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// A request holds up to some ten blocks of 1 MiB read ahead, so this
	// bounds the gateway's memory, slow readers included. More are answered 429.
	maxGatewayRequests = 512
	// A big file over a thin line takes hours; this only ends what hangs.
	maxGatewayDuration = 24 * time.Hour
	// How long a request waits for a DAG that is being brought back, before
	// it is answered 503 with Retry-After.
	restoreWait  = 20 * time.Second
	restoreRetry = 30 * time.Second
)

// errUnreadable replaces the store's errors, whose texts are not for strangers.
var errUnreadable = gateway.NewErrorStatusCode(errors.New("a block of this content cannot be read"), http.StatusInternalServerError)

// Gateway serves GET and HEAD of /ipfs/{cid}[/path] of public local content:
// files with ranges, directories, raw blocks, CARs, as the IPFS path gateway
// and trustless gateway specifications say. It never fetches from the network.
// On a miss it calls Config.Restore once per request with the CID of the path,
// unless the block is here but private, or Config.Published says no. While that
// takes longer the answer is 503 with Retry-After, and the restore goes on.
// Names (/ipns/) are not served.
func (n *Node) Gateway() http.Handler { return n.host.gateway }

// newGateway makes the handler over blocks, which holds the public blocks only.
func newGateway(cfg Config, blocks blockstore.Blockstore, restore *restorer) (http.Handler, error) {
	own := blockstore.NewIdStore(gatewayBlocks{blocks, restore, cfg.Log})
	// Without an exchange a missing block is missing.
	backend, err := gateway.NewBlocksBackend(blockservice.New(own, nil), gateway.WithNameSystem(noNames{}))
	if err != nil {
		return nil, err
	}
	metrics := cfg.Metrics
	if metrics == nil {
		// A nil registerer would mean the process-wide default one.
		metrics = prometheus.NewRegistry()
	}
	handler := gateway.NewHandler(gateway.Config{
		DeserializedResponses: true,
		DeprecatedXIpfsPath:   true,
		// boxo's error page sends the reader to other hosts.
		DisableHTMLErrors:     true,
		MaxConcurrentRequests: maxGatewayRequests,
		MaxRequestDuration:    maxGatewayDuration,
		// There is no RetrievalTimeout because nothing is retrieved here. It
		// would count a slow reader as a stalled retrieval, and end the body
		// with a message inside it.
		RetrievalTimeout: 0,
		MetricsRegistry:  metrics,
	}, gatewayBackend{backend, own})
	headers := gateway.NewHeaders(nil).WithDeprecatedXIpfsPath().ApplyCors()
	return serveGateway(headers.Wrap(handler)), nil
}

// serveGateway passes paths of /ipfs/ on. There is no ServeMux in front: it
// redirects paths that it would write differently, and names inside a DAG are
// not ours to tidy.
func serveGateway(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/ipfs/") {
			http.NotFound(w, r)
			return
		}
		effort := new(effort)
		ctx := context.WithValue(r.Context(), effortKey{}, effort)
		if p, err := path.NewPath(r.URL.Path); err == nil { // else the handler answers 400
			im, err := path.NewImmutablePath(p)
			if err != nil { // "/ipfs/../ipns/name"
				http.NotFound(w, r)
				return
			}
			if !strings.Contains(r.Header.Get("Cache-Control"), "only-if-cached") {
				ctx = context.WithValue(ctx, missKey{}, &miss{root: im.RootCid()})
			}
		}
		sw := &streamWriter{ResponseWriter: w, effort: effort}
		handler.ServeHTTP(sw, r.WithContext(ctx))
		sw.finish()
	})
}

// gatewayBackend answers for a CAR of absent content with an error, where
// boxo would send an empty CAR with status 200.
type gatewayBackend struct {
	*gateway.BlocksBackend
	own blockstore.Blockstore
}

func (b gatewayBackend) GetCAR(ctx context.Context, p path.ImmutablePath, params gateway.CarParams) (gateway.ContentPathMetadata, io.ReadCloser, error) {
	if _, err := b.own.Get(ctx, p.RootCid()); err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	return b.BlocksBackend.GetCAR(ctx, p, params)
}

// noNames resolves nothing: boxo's default would ask the DNS.
type noNames struct{}

var errNoNames = gateway.NewErrorStatusCode(errors.New("this gateway serves no names"), http.StatusNotImplemented)

func (noNames) Resolve(context.Context, path.Path, ...namesys.ResolveOption) (namesys.Result, error) {
	return namesys.Result{}, errNoNames
}

func (noNames) ResolveAsync(context.Context, path.Path, ...namesys.ResolveOption) <-chan namesys.AsyncResult {
	ch := make(chan namesys.AsyncResult, 1)
	ch <- namesys.AsyncResult{Err: errNoNames}
	close(ch)
	return ch
}

func (noNames) Publish(context.Context, crypto.PrivKey, path.Path, ...namesys.PublishOption) error {
	return errNoNames
}

// gatewayBlocks are the public blocks with Restore behind them, which no other
// reader has: a stranger's bitswap request must not start a retrieval.
type gatewayBlocks struct {
	blockstore.Blockstore
	restore *restorer
	log     *slog.Logger
}

func (b gatewayBlocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if e, ok := ctx.Value(effortKey{}).(*effort); ok && !e.read() {
		return nil, errHollow
	}
	blk, err := b.get(ctx, c)
	m, ok := ctx.Value(missKey{}).(*miss)
	if !ok || !format.IsNotFound(err) {
		return blk, err
	}
	m.once.Do(func() { m.err = b.restore.run(ctx, m.root, c) })
	if m.err != nil {
		return nil, b.answer(ctx, c, m.err)
	}
	return b.get(ctx, c)
}

func (b gatewayBlocks) get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	blk, err := b.Blockstore.Get(ctx, c)
	if err != nil {
		return nil, b.answer(ctx, c, err)
	}
	return blk, nil
}

// answer maps an error of the store or of a restore to one that boxo maps to a status.
func (b gatewayBlocks) answer(ctx context.Context, c cid.Cid, err error) error {
	switch {
	case format.IsNotFound(err), errors.Is(err, ErrNotFound):
		return format.ErrNotFound{Cid: c}
	case errors.Is(err, errRestoring):
		return gateway.NewErrorRetryAfter(gateway.NewErrorStatusCode(err, http.StatusServiceUnavailable), restoreRetry)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	b.log.ErrorContext(ctx, "read block for gateway", "cid", c.String(), "err", err)
	return errUnreadable
}

// miss is the one restore that a request may cause.
type miss struct {
	root cid.Cid
	once sync.Once
	err  error // set by once
}

type missKey struct{}
