package mk12

import (
	"context"
	"sync"
	"time"
)

// peerTTL is how long a provider is looked for where it was.
const peerTTL = 10 * time.Minute

// routes keeps how providers are reached, because the directory, which is
// the chain, is slower than they are.
type routes struct {
	mu     sync.Mutex
	all    map[string]keptRoute // guarded by mu; by provider
	forgot uint64               // guarded by mu; how often one was forgotten
}

type keptRoute struct {
	Route
	until time.Time
}

func (c *Client) route(ctx context.Context, provider string) (Route, error) {
	hit, ok, forgot := c.known.get(provider)
	if ok {
		return hit, nil
	}
	fresh, err := c.find(ctx, provider)
	if err != nil {
		return Route{}, err
	}
	c.known.put(provider, fresh, forgot)
	return fresh, nil
}

// Forget has a provider looked up anew when it is talked to next: the directory
// says something else of it.
func (c *Client) Forget(provider string) { c.known.forget(provider) }

func (k *routes) get(provider string) (to Route, ok bool, forgot uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	hit, ok := k.all[provider]
	return hit.Route, ok && time.Now().Before(hit.until), k.forgot
}

// put keeps a route, unless one was forgotten since it was asked for: it may be
// the one that was.
func (k *routes) put(provider string, to Route, forgot uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.forgot != forgot {
		return
	}
	if k.all == nil {
		k.all = make(map[string]keptRoute)
	}
	k.all[provider] = keptRoute{to, time.Now().Add(peerTTL)}
}

func (k *routes) forget(provider string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgot++
	delete(k.all, provider)
}
