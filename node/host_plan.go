package node

import (
	"errors"
	"fmt"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
)

// hostPlan is what Config means for the host.
type hostPlan struct {
	dht                   bool
	mode                  dht.ModeOpt // with dht
	announce, announceAll bool
	peering, bootstrap    []peer.AddrInfo
	routers               finders
	limits                Limits
}

func planHost(cfg Config) (p hostPlan, err error) {
	if p.mode, p.dht, err = dhtMode(cfg.DHT); err != nil {
		return p, err
	}
	if p.announce, p.announceAll, err = announceMode(cfg.Announce); err != nil {
		return p, err
	}
	if p.peering, err = parsePeers("peering", cfg.Peering); err != nil {
		return p, err
	}
	if p.bootstrap, err = parsePeers("bootstrap", cfg.Bootstrap); err != nil {
		return p, err
	}
	if p.routers, err = newRouters(cfg.Routers); err != nil {
		return p, err
	}
	if p.limits, err = cfg.Limits.withDefaults(); err != nil {
		return p, err
	}
	switch {
	case cfg.Routing.DHT && !p.dht:
		return p, errors.New("delegated routing is to ask the DHT, which is off")
	case len(cfg.ListenAddrs) == 0 && (p.dht || len(p.peering)+len(p.bootstrap)+len(p.routers) > 0):
		return p, fmt.Errorf("a DHT, routers, peering or bootstrap peers: %w", ErrNoHost)
	}
	return p, nil
}

// dhtMode reads Config.DHT.
func dhtMode(s string) (mode dht.ModeOpt, on bool, err error) {
	switch s {
	case "", "off":
		return 0, false, nil
	case "client":
		return dht.ModeClient, true, nil
	case "server":
		return dht.ModeServer, true, nil
	}
	return 0, false, fmt.Errorf("DHT mode %q: want off, client or server", s)
}

// announceMode reads Config.Announce.
func announceMode(s string) (on, all bool, err error) {
	switch s {
	case "", "roots":
		return true, false, nil
	case "all":
		return true, true, nil
	case "none":
		return false, false, nil
	}
	return false, false, fmt.Errorf("announce %q: want roots, all or none", s)
}
