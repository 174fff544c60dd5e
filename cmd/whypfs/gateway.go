package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/node"
)

// gatewaySettings are the settings of the IPFS gateway beside its address.
type gatewaySettings struct {
	Domains     []string
	Names       dnslinks
	DNS         string
	MaxRequests int
	MaxDuration time.Duration
	MaxSize     size

	Fetch         bool
	FetchMax      size
	FetchWait     time.Duration
	FetchRequests int
	FetchCache    size
}

// flags declares them on fs.
func (g *gatewaySettings) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&g.Domains, "gateway-domain", nil, "domain under which every CID and name is an origin of its own, {cid}.ipfs.DOMAIN, as under localhost; needs a wildcard in the DNS and the certificate; repeatable")
	fs.Var(&g.Names, "dnslink", "`DOMAIN=PATH`: a DNSLink that the gateway knows without the DNS; repeatable")
	fs.StringVar(&g.DNS, "dnslink-dns", "off", "where the gateway looks up other DNSLinks: off, system, or the URL of a DNS-over-HTTPS server")
	fs.IntVar(&g.MaxRequests, "gateway-max-requests", 512, "requests that the gateway answers at once; more get 429")
	fs.DurationVar(&g.MaxDuration, "gateway-max-duration", 24*time.Hour, "how long one request of the gateway may take")
	fs.Var(&g.MaxSize, "gateway-max-size", "largest file or directory that the gateway serves other than as raw blocks or a CAR; 0: any")
	fs.BoolVar(&g.Fetch, "gateway-fetch", false, "the gateway fetches what is not here from other nodes, with --dht also from those that the DHT names, and keeps it until the next sweep")
	g.FetchMax, g.FetchCache = 1<<30, 10<<30
	fs.Var(&g.FetchMax, "gateway-fetch-max", "bytes that one request may have fetched")
	fs.DurationVar(&g.FetchWait, "gateway-fetch-wait", 30*time.Second, "how long the gateway waits for a block from other nodes")
	fs.IntVar(&g.FetchRequests, "gateway-fetch-requests", 64, "requests that may have something fetched at once; more get 503")
	fs.Var(&g.FetchCache, "gateway-fetch-cache", "bytes of what was fetched that are kept between two sweeps")
}

// node is what package node makes of them.
func (g *gatewaySettings) node() node.GatewayConfig {
	return node.GatewayConfig{
		Domains: g.Domains, Names: g.Names, DNS: g.DNS,
		Fetch:       node.FetchConfig{On: g.Fetch, Bytes: int64(g.FetchMax), Wait: g.FetchWait, Requests: g.FetchRequests, Cache: int64(g.FetchCache)},
		MaxRequests: g.MaxRequests, MaxDuration: g.MaxDuration, MaxSize: int64(g.MaxSize),
	}
}

// dnslinks are DNSLinks by domain, written DOMAIN=PATH, several of them with
// white space between.
type dnslinks map[string]string

func (d *dnslinks) Set(v string) error {
	if *d == nil {
		*d = dnslinks{}
	}
	for _, field := range strings.Fields(v) {
		domain, path, ok := strings.Cut(field, "=")
		if !ok || domain == "" || !strings.HasPrefix(path, "/ipfs/") && !strings.HasPrefix(path, "/ipns/") {
			return errors.New("want DOMAIN=PATH, with a path of /ipfs/ or /ipns/")
		}
		if _, twice := (*d)[domain]; twice {
			return fmt.Errorf("%s is given twice", domain)
		}
		(*d)[domain] = path
	}
	return nil
}

func (d *dnslinks) String() string { return "" }
func (d *dnslinks) Type() string   { return "DOMAIN=PATH" }
