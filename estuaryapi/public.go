package estuaryapi

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/accounts"
)

// healthJSON is the answer of a node that answers.
type healthJSON struct {
	Status string `json:"status"`
}

// health says that the API answers.
func (s *server) health(*request, nothing) (healthJSON, error) {
	return healthJSON{"ok"}, nil
}

// publicStats are V1's figures of the whole node.
type publicStats struct {
	TotalStorage       int64 `json:"totalStorage" doc:"bytes of all contents"`
	TotalFilesStored   int64 `json:"totalFilesStored"`
	DealsOnChain       int   `json:"dealsOnChain" doc:"deals that are published or active"`
	TotalObjectsRef    int64 `json:"totalObjectsRef" doc:"blocks that are stored"`
	TotalBytesUploaded int64 `json:"totalBytesUploaded" doc:"bytes of these blocks"`
	TotalUsers         int   `json:"totalUsers"`
	TotalStorageMiner  int   `json:"totalStorageMiner" doc:"storage providers that are known"`
}

// publicStats tells the figures of the node, some seconds old.
func (s *server) publicStats(r *request, _ nothing) (publicStats, error) {
	return s.stats.get(r.Context(), s.countStats)
}

func (s *server) countStats(ctx context.Context) (out publicStats, err error) {
	totals, err := s.buckets.Totals(ctx)
	if err != nil {
		return out, err
	}
	figures, err := s.deals.Figures(ctx)
	if err != nil {
		return out, err
	}
	users, err := s.userCount(ctx)
	if err != nil {
		return out, err
	}
	providers, err := s.deals.Providers(ctx)
	if err != nil {
		return out, err
	}
	usage := s.node.Usage()
	return publicStats{
		TotalStorage: totals.Live, TotalFilesStored: totals.Objects, DealsOnChain: figures.OnChain,
		TotalObjectsRef: usage.Blocks, TotalBytesUploaded: usage.Bytes, TotalUsers: users, TotalStorageMiner: len(providers),
	}, nil
}

// userCount is how many users there are, or were when an authorization service
// could be asked last: figures for everybody do not end with it.
func (s *server) userCount(ctx context.Context) (int, error) {
	all, err := s.accounts.Users(ctx)
	if last := s.lastUsers.Load(); errors.Is(err, accounts.ErrUnavailable) && last > 0 {
		return int(last), nil
	}
	if err == nil {
		s.lastUsers.Store(int64(len(all)))
	}
	return len(all), err
}

// dealMetrics are V1's figures of a day.
type dealMetrics struct {
	Time              time.Time `json:"time" doc:"the day's beginning, UTC"`
	DealsOnChain      int       `json:"dealsOnChain"`
	DealsOnChainBytes int64     `json:"dealsOnChainBytes" doc:"of their pieces, padded"`
	DealsAttempted    int       `json:"dealsAttempted"`
	DealsSealed       int       `json:"dealsSealed"`
	DealsSealedBytes  int64     `json:"dealsSealedBytes"`
	DealsFailed       int       `json:"dealsFailed"`
}

// dealMetrics tells of deals by the day, oldest first.
func (s *server) dealMetrics(r *request, _ nothing) ([]dealMetrics, error) {
	f, err := s.deals.Figures(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]dealMetrics, 0, len(f.Days))
	for _, d := range f.Days {
		out = append(out, dealMetrics{d.Day, d.OnChain, d.OnChainBytes, d.Attempted, d.Sealed, d.SealedBytes, d.Failed})
	}
	return out, nil
}

// nodeInfo is V1's publicNodeInfo.
type nodeInfo struct {
	PrimaryAddress string `json:"primaryAddress" doc:"address of the wallet that makes the deals"`
}

func (s *server) nodeInfo(r *request, _ nothing) (nodeInfo, error) {
	address, err := s.deals.Address(r.Context())
	return nodeInfo{address}, err
}

// netPeers lists the peers that the node is connected to, each once.
func (s *server) netPeers(*request, nothing) ([]string, error) {
	out := []string{}
	seen := map[string]bool{}
	for _, p := range s.node.Peers() {
		if !seen[p.ID] {
			seen[p.ID] = true
			out = append(out, p.ID)
		}
	}
	return out, nil
}

// netAddrs is where the node can be reached by libp2p.
type netAddrs struct {
	ID        string   `json:"id"`
	Addresses []string `json:"addresses"`
}

func (s *server) netAddrs(*request, nothing) (netAddrs, error) {
	out := netAddrs{ID: s.node.ID(), Addresses: []string{}}
	for _, a := range s.node.Addrs() {
		out.Addresses = append(out.Addresses, strings.TrimSuffix(a, "/p2p/"+out.ID))
	}
	return out, nil
}

// anyCID names anything by its CID in a path.
type anyCID struct {
	CID cid.Cid `path:"cid"`
}

// getContent leads to the gateway, as V1 does.
func (s *server) getContent(_ *request, in anyCID) (redirect, error) {
	return redirect{"/gw/ipfs/" + cid.NewCidV1(in.CID.Type(), in.CID.Hash()).String()}, nil
}

// remembered keeps an answer that costs much for a while, so that asking often
// costs little.
type remembered[T any] struct {
	mu   sync.Mutex // held while it is made too, so that askers share it
	next time.Time
	last T
}

const rememberedAge = 10 * time.Second

func (c *remembered[T]) get(ctx context.Context, make func(context.Context) (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.next) {
		return c.last, nil
	}
	v, err := make(ctx)
	if err == nil {
		c.last, c.next = v, time.Now().Add(rememberedAge)
	}
	return v, err
}
