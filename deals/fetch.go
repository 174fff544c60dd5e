package deals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

const (
	// stallTimeout is how long a provider may send nothing.
	stallTimeout = 30 * time.Second
	// skipLimit is how much is thrown away of an answer that ignores Range.
	skipLimit = 64 << 20
)

func newWebClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: stallTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true, // a range of compressed bytes is of no use
	}}
}

// A replica is a provider that should be able to give a piece back.
type replica struct {
	provider string
	state    DealState
}

// replicas lists who holds a piece: active deals first, then those that have
// pulled it, then those whose deal came to its end.
func (d *Deals) replicas(ctx context.Context, piece string) ([]replica, error) {
	rank := map[DealState]int{DealActive: 1, DealPublished: 2, DealAccepted: 3, DealExpired: 4}
	var out []replica
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		for row, err := range scanDeals(tx, 0, piece) {
			if err != nil {
				return err
			}
			if rank[row.State] > 0 {
				out = append(out, replica{row.Provider, row.State})
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b replica) int { return rank[a.state] - rank[b.state] })
	seen := make(map[string]bool)
	return slices.DeleteFunc(out, func(r replica) bool {
		again := seen[r.provider]
		seen[r.provider] = true
		return again
	}), err
}

// openRange asks base for length bytes of a piece from off on.
func (d *Deals) openRange(ctx context.Context, base, piece string, off, length int64) (io.ReadCloser, error) {
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", off, off+length-1)}}
	resp, err := d.get(ctx, base+"/piece/"+piece, h)
	if err != nil {
		return nil, err
	}
	switch resp.status {
	case http.StatusPartialContent:
		var from, to int64
		cr := resp.header.Get("Content-Range")
		if _, err := fmt.Sscanf(cr, "bytes %d-%d/", &from, &to); err != nil || from != off {
			resp.Close()
			return nil, fmt.Errorf("answers the wrong range %q", cr)
		}
		return resp, nil
	case http.StatusOK:
		if off <= skipLimit {
			if _, err = io.CopyN(io.Discard, resp, off); err == nil {
				return resp, nil
			}
		} else {
			err = errors.New("serves no ranges")
		}
	default:
		err = fmt.Errorf("answers HTTP %d", resp.status)
	}
	resp.Close()
	return nil, err
}

// body is an answer that is given up when it stalls.
type body struct {
	status int
	header http.Header
	io.ReadCloser
	timer  *time.Timer
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.timer.Reset(stallTimeout)
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (d *Deals) get(ctx context.Context, target string, h http.Header) (*body, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header = h
	resp, err := d.web.Do(req)
	if err != nil {
		cancel()
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, err
	}
	return &body{resp.StatusCode, resp.Header, resp.Body, time.AfterFunc(stallTimeout, cancel), cancel}, nil
}

// checkBlock says whether data is what c names.
func checkBlock(c cid.Cid, data []byte) error {
	sum, err := c.Prefix().Sum(data)
	if err != nil {
		return fmt.Errorf("block %s: %w", c, err)
	}
	if !sum.Equals(c) {
		return fmt.Errorf("block %s does not have its hash", c)
	}
	return nil
}

// fetchBlock reads one block, at off in a piece, from a provider.
func (d *Deals) fetchBlock(ctx context.Context, p *pieceRow, e entry, off int64) ([]byte, error) {
	data := make([]byte, e.size)
	err := d.eachReplica(ctx, p.CID, func(base string) error {
		r, err := d.openRange(ctx, base, p.CID, off, int64(e.size))
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.ReadFull(r, data); err != nil {
			return err
		}
		return checkBlock(e.cid, data)
	})
	return data, err
}

// eachReplica tries the providers of a piece, given the base URL of each, until
// try succeeds with one.
func (d *Deals) eachReplica(ctx context.Context, piece string, try func(base string) error) error {
	list, err := d.replicas(ctx, piece)
	if err != nil {
		return err
	}
	if d.chain == nil {
		return fmt.Errorf("%w: %s", ErrNoReplica, noChain)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no provider holds piece %s", ErrNoReplica, piece)
	}
	var reasons []error
	for _, r := range list {
		urls, err := d.baseURLs(ctx, r.provider)
		if err == nil {
			if err = firstOf(urls, try); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.log.WarnContext(ctx, "replica cannot be read", "miner", r.provider, "cid", piece, "err", err)
		reasons = append(reasons, fmt.Errorf("%s: %w", r.provider, err))
	}
	return fmt.Errorf("%w: %w", ErrNoReplica, errors.Join(reasons...))
}

func firstOf(urls []string, try func(string) error) (err error) {
	for _, u := range urls {
		if err = try(u); err == nil {
			return nil
		}
	}
	return err
}
