package node

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/ipfs/boxo/gateway"
)

// GatewayConfig says what the gateway serves beyond /ipfs/ paths, and its
// limits. The zero value works.
type GatewayConfig struct {
	// Domains are the host names that serve every CID and name as an origin of
	// its own, {cid}.ipfs.{domain} and {name}.ipns.{domain}, and redirect paths
	// there. "localhost" always is one. They come without port or scheme.
	Domains []string

	// Names are DNSLinks that need no DNS: a domain and the path it means,
	// /ipfs/… or /ipns/….
	Names map[string]string
	// DNS is where other DNSLinks are looked up: "off" (default), "system", or
	// the URL of a DNS-over-HTTPS server.
	DNS string

	// Fetch is what the gateway does about content that is not here.
	Fetch FetchConfig

	// MaxRequests run at once, more are answered 429; default 512. A request
	// holds up to some ten blocks of 1 MiB read ahead, so this bounds the
	// gateway's memory, slow readers included.
	MaxRequests int
	// MaxDuration ends a request; default 24 hours. A big file over a thin line
	// takes hours; this only ends what hangs.
	MaxDuration time.Duration
	// MaxSize is the largest file or directory that is served other than as raw
	// blocks or a CAR; 0: any.
	MaxSize int64
}

const (
	maxGatewayRequests = 512
	maxGatewayDuration = 24 * time.Hour
)

// check completes c with the defaults.
func (c GatewayConfig) check() (GatewayConfig, error) {
	if c.MaxRequests == 0 {
		c.MaxRequests = maxGatewayRequests
	}
	if c.MaxDuration == 0 {
		c.MaxDuration = maxGatewayDuration
	}
	if c.MaxRequests < 0 || c.MaxDuration < 0 || c.MaxSize < 0 {
		return c, fmt.Errorf("negative limit: %d requests, %v, %d bytes", c.MaxRequests, c.MaxDuration, c.MaxSize)
	}
	for _, d := range c.Domains {
		if d == "" || net.ParseIP(d) != nil || strings.ContainsAny(d, ":/*@ ") || strings.HasPrefix(d, ".") {
			return c, fmt.Errorf("gateway domain %q: want a host name without scheme and port", d)
		}
	}
	return c, nil
}

// hosts are the hosts that boxo serves by subdomains.
func (c GatewayConfig) hosts() map[string]*gateway.PublicGateway {
	hosts := map[string]*gateway.PublicGateway{}
	for _, d := range append([]string{"localhost"}, c.Domains...) {
		hosts[canonical(d)] = &gateway.PublicGateway{
			Paths:         []string{"/ipfs", "/ipns"},
			UseSubdomains: true,
			// A wildcard certificate covers one label: with it a DNSLink is
			// one too, and has the same origin with TLS and without.
			InlineDNSLink:         true,
			DeserializedResponses: true,
		}
	}
	return hosts
}
