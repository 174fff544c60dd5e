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
	mu  sync.Mutex
	all map[string]keptRoute // guarded by mu; by provider
}

type keptRoute struct {
	Route
	until time.Time
}

func (c *Client) route(ctx context.Context, provider string) (Route, error) {
	if hit, ok := c.known.get(provider); ok {
		return hit, nil
	}
	fresh, err := c.find(ctx, provider)
	if err != nil {
		return Route{}, err
	}
	c.known.put(provider, fresh)
	return fresh, nil
}

// Forget has a provider looked up anew when it is talked to next: the directory
// says something else of it.
func (c *Client) Forget(provider string) { c.known.forget(provider) }

func (k *routes) get(provider string) (Route, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	hit, ok := k.all[provider]
	return hit.Route, ok && time.Now().Before(hit.until)
}

func (k *routes) put(provider string, to Route) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = make(map[string]keptRoute)
	}
	k.all[provider] = keptRoute{to, time.Now().Add(peerTTL)}
}

func (k *routes) forget(provider string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, provider)
}
