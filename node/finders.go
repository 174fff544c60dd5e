package node

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ipfs/boxo/routing/http/client"
	"github.com/ipfs/boxo/routing/http/contentrouter"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
)

const (
	// routerTimeout bounds one question to a router.
	routerTimeout = 20 * time.Second
	// routerBytes bounds its answer.
	routerBytes = 1 << 20
)

// finders are who is asked who has a block, all at once: the DHT, and services
// that speak the delegated routing API. Whoever is asked learns of the CID.
type finders []routing.ContentDiscovery

// FindProvidersAsync implements routing.ContentDiscovery.
func (f finders) FindProvidersAsync(ctx context.Context, c cid.Cid, max int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo)
	var wg sync.WaitGroup
	for _, one := range f {
		wg.Go(func() {
			for info := range one.FindProvidersAsync(ctx, c, max) {
				select {
				case out <- info:
				case <-ctx.Done():
					// What is on its way still is drained, lest the sender waits for ever.
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(out)
	}()
	return out
}

// newRouters makes finders of the URLs of delegated routing services.
func newRouters(urls []string) (f finders, err error) {
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("router %q: want http(s)://host[:port]", raw)
		}
		c, err := client.New(raw, client.WithHTTPClient(&http.Client{
			Timeout: routerTimeout,
			Transport: &client.ResponseBodyLimitedTransport{
				RoundTripper: http.DefaultTransport, LimitBytes: routerBytes, UserAgent: "whypfs"},
		}))
		if err != nil {
			return nil, fmt.Errorf("router %q: %w", raw, err)
		}
		f = append(f, contentrouter.NewContentRoutingClient(c))
	}
	return f, nil
}

// CheckRouters returns an error unless all are URLs of services that can be asked.
func CheckRouters(urls []string) error {
	_, err := newRouters(urls)
	return err
}
