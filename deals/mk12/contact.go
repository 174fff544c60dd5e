package mk12

import (
	"context"
	"sync"
	"time"
)

// peerTTL is how long a provider is looked for where it was.
const peerTTL = 10 * time.Minute

// A contact is how a provider is reached.
type contact struct {
	peer  string
	addrs []string
	until time.Time
}

// contacts keeps how providers are reached, because the directory, which is
// the chain, is slower than they are.
type contacts struct {
	mu  sync.Mutex
	all map[string]contact // guarded by mu; by provider
}

func (c *Client) contact(ctx context.Context, provider string) (contact, error) {
	if hit, ok := c.known.get(provider); ok {
		return hit, nil
	}
	peer, addrs, err := c.find(ctx, provider)
	if err != nil {
		return contact{}, err
	}
	fresh := contact{peer: peer, addrs: addrs, until: time.Now().Add(peerTTL)}
	c.known.put(provider, fresh)
	return fresh, nil
}

func (a *contacts) get(provider string) (contact, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hit, ok := a.all[provider]
	return hit, ok && time.Now().Before(hit.until)
}

func (a *contacts) put(provider string, to contact) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[string]contact)
	}
	a.all[provider] = to
}

func (a *contacts) forget(provider string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, provider)
}
