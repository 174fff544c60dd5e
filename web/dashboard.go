package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// Orders in which states are shown.
var (
	zoneOrder = []buckets.ZoneState{buckets.ZoneOpen, buckets.ZoneSealed, buckets.ZonePacked, buckets.ZoneDealing, buckets.ZoneComplete}
	dealOrder = []deals.DealState{deals.DealProposed, deals.DealAccepted, deals.DealPublished, deals.DealActive,
		deals.DealRejected, deals.DealFailed, deals.DealExpired}
)

// figures are what the dashboard shows: an admin's of the node, a user's of
// what is his.
type figures struct {
	Admin bool

	Contents, Bytes int64
	Buckets         int
	Quota           accounts.Quota // a user's
	QuotaShare      float64        // of it that is used, percent: of bytes or of contents, the larger
	Usage           node.Usage
	UsedShare       float64 // of the disk that the node can have, percent

	Version string
	Uptime  time.Duration
	PeerID  string
	Addrs   []string
	Peers   []node.Peer

	APIs      []apiView
	Zones     []stateCount
	Waiting   []buckets.Zone // newest zones that are not complete
	Deals     []stateCount
	Newest    []deals.Deal
	Jobs      []jobKind
	Failing   []queue.Job
	Providers []deals.Provider
}

func (s *server) dashboard(c *call) error {
	f, err := s.figuresOf(c.r.Context(), c)
	if err != nil {
		return err
	}
	return s.ok(c, "dashboard", view{Title: "Dashboard", Nav: "dashboard", Scripts: []string{"live.js", "copy.js"},
		Data: dashboardView{figures: f, S3: s.s3URL(c.r)}})
}

type dashboardView struct {
	figures
	S3 string
}

// s3URL is where S3 clients are told to go.
func (s *server) s3URL(r *http.Request) string {
	if s.opt.S3URL != "" {
		return s.opt.S3URL
	}
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + ":9000"
}

// figureCache keeps figures for a moment, because counting reads every row and
// many browsers ask every few seconds. Key 0 is the node's, else a user's.
type figureCache struct {
	mu    sync.Mutex // held while counting, so that askers share one count
	kept  map[uint64]figures
	until map[uint64]time.Time
}

const (
	figureAge   = 1500 * time.Millisecond
	figureShare = 20 // counting takes at most a part in this many of the time
	figureUsers = 1000
)

// figuresOf returns the caller's figures.
func (s *server) figuresOf(ctx context.Context, c *call) (figures, error) {
	key, collect := uint64(0), s.nodeFigures
	if !c.admin() {
		key, collect = c.user.ID, func(ctx context.Context) (figures, error) { return s.userFigures(ctx, c.user) }
	}
	f, err := s.figures.get(ctx, key, collect)
	f.Version, f.Uptime = s.opt.Version, time.Since(s.started)
	return f, err
}

func (fc *figureCache) get(ctx context.Context, key uint64, collect func(context.Context) (figures, error)) (figures, error) {
	fc.mu.Lock()
	defer fc.mu.Unlock()
	began := time.Now()
	if began.Before(fc.until[key]) {
		return fc.kept[key], nil
	}
	f, err := collect(ctx)
	if err != nil {
		return figures{}, fmt.Errorf("dashboard: %w", err)
	}
	if fc.kept == nil || len(fc.kept) >= figureUsers {
		fc.kept, fc.until = map[uint64]figures{}, map[uint64]time.Time{}
	}
	fc.kept[key] = f
	fc.until[key] = time.Now().Add(max(figureAge, figureShare*time.Since(began)))
	return f, nil
}

// nodeFigures are those of the whole node.
func (s *server) nodeFigures(ctx context.Context) (figures, error) {
	f := figures{Admin: true, PeerID: s.node.ID(), Addrs: s.node.Addrs(), Peers: s.node.Peers(), Usage: s.node.Usage()}
	if all := f.Usage.Disk + f.Usage.DiskFree; all > 0 {
		f.UsedShare = 100 * float64(f.Usage.Disk) / float64(all)
	}
	totals, err := s.buckets.Totals(ctx)
	if err != nil {
		return f, err
	}
	f.Contents, f.Bytes, f.Buckets = totals.Contents, totals.Bytes, totals.Buckets
	f.Zones = spread(totals.Zones, zoneOrder...)
	if f.Waiting, err = s.waitingZones(ctx, 0); err != nil {
		return f, err
	}
	list, err := s.deals.Deals(ctx, 0, "", 0, 0)
	if err != nil {
		return f, err
	}
	f.Deals, f.Newest = dealCounts(list), list[:min(len(list), shown)]
	if f.Providers, err = s.deals.Providers(ctx); err != nil {
		return f, err
	}
	jobs, err := s.queue.List(ctx, "")
	if err != nil {
		return f, err
	}
	f.Jobs = jobKinds(jobs)
	f.Failing = failing(jobs, shown)
	if s.opt.Requests != nil {
		for _, a := range s.opt.Requests() {
			f.APIs = append(f.APIs, newAPIView(a))
		}
	}
	return f, nil
}

// Bounds of what is read to count what a user has.
const (
	maxZonesCounted = 1000
	shown           = 5 // of what a card lists
)

// userFigures are those of what a user has.
func (s *server) userFigures(ctx context.Context, u accounts.User) (figures, error) {
	owner, f := u.ID, figures{Quota: u.Quota}
	kept, err := s.buckets.Usage(ctx, owner)
	if err != nil {
		return f, err
	}
	f.Contents, f.Bytes = kept.Objects, kept.Bytes
	for _, of := range []struct{ used, most int64 }{{kept.Bytes, u.Quota.Bytes}, {kept.Objects, u.Quota.Objects}} {
		if of.most > 0 {
			f.QuotaShare = max(f.QuotaShare, min(100, 100*float64(of.used)/float64(of.most)))
		}
	}
	list, err := s.buckets.ListBuckets(ctx, buckets.BucketQuery{Owner: owner})
	if err != nil {
		return f, err
	}
	f.Buckets = len(list.Buckets)
	zones, err := s.buckets.Zones(ctx, owner, "", maxZonesCounted, 0)
	if err != nil {
		return f, err
	}
	byState := map[buckets.ZoneState]int{}
	var all []deals.Deal
	for _, z := range zones {
		byState[z.State]++
		if z.State != buckets.ZoneComplete && len(f.Waiting) < shown {
			f.Waiting = append(f.Waiting, z)
		}
		if len(z.Pieces) == 0 {
			continue
		}
		of, err := s.deals.Deals(ctx, z.ID, "", 0, 0)
		if err != nil {
			return f, err
		}
		all = append(all, of...)
	}
	f.Zones, f.Deals = spread(byState, zoneOrder...), dealCounts(all)
	f.Newest = all[:min(len(all), shown)]
	return f, nil
}

// waitingZones are the newest zones that are not complete.
func (s *server) waitingZones(ctx context.Context, owner uint64) ([]buckets.Zone, error) {
	zones, err := s.buckets.Zones(ctx, owner, "", 100, 0)
	if err != nil {
		return nil, err
	}
	zones = slices.DeleteFunc(zones, func(z buckets.Zone) bool { return z.State == buckets.ZoneComplete })
	return zones[:min(len(zones), shown)], nil
}

func dealCounts(list []deals.Deal) []stateCount {
	n := map[deals.DealState]int{}
	for _, d := range list {
		n[d.State]++
	}
	return spread(n, dealOrder...)
}
