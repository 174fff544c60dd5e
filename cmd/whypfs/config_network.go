package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/node"
)

// network are the settings of the node among its peers.
type network struct {
	Libp2pAddrs []string
	Bootstrap   []string
	Peering     []string
	Routers     []string
	DHT         string
	Announce    string

	Libp2pMemory    size
	Libp2pFiles     int
	Libp2pLowConns  int
	Libp2pHighConns int
	BitswapBytes    size
	BitswapWants    int

	RoutingDHT bool
	RoutingPut bool
	GatewayURL string
}

func (n *network) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&n.Libp2pAddrs, "libp2p-addr", []string{"/ip4/127.0.0.1/tcp/4001"}, "multiaddr the libp2p host listens on; repeatable")
	fs.StringSliceVar(&n.Bootstrap, "bootstrap", nil, "multiaddr, with /p2p/, of a peer to join the network through, dialled while few are connected; repeatable")
	fs.StringSliceVar(&n.Peering, "peering", nil, "multiaddr, with /p2p/, of a peer to stay connected to; repeatable")
	fs.StringSliceVar(&n.Routers, "router", nil, "URL of a delegated routing service (/routing/v1), which is asked, as the DHT is, who has what is fetched: public contents that no storage provider gives back, and pins; repeatable")
	fs.StringVar(&n.DHT, "dht", "off", "part in the DHT: off, client or server")
	fs.StringVar(&n.Announce, "announce", "roots", "what the DHT is told of, of what is published: roots, all blocks, or none")
	fs.Var(&n.Libp2pMemory, "libp2p-memory", "memory that connections and streams may take; 0: an eighth of the machine's")
	fs.IntVar(&n.Libp2pFiles, "libp2p-files", 0, "file descriptors that connections may take; 0: half of those the process may open")
	fs.IntVar(&n.Libp2pLowConns, "libp2p-low-conns", 256, "connections that are left when there were too many")
	fs.IntVar(&n.Libp2pHighConns, "libp2p-high-conns", 384, "connections from which on the least useful are closed; those of --peering never are")
	n.BitswapBytes = 8 << 20
	fs.Var(&n.BitswapBytes, "bitswap-peer-bytes", "bytes queued for one bitswap peer at most")
	fs.IntVar(&n.BitswapWants, "bitswap-peer-wants", 1024, "wants remembered of one bitswap peer at most")
	fs.BoolVar(&n.RoutingDHT, "routing-dht", false, "the routing API (/routing/v1 on --gateway-addr) asks the DHT for what is not here; it needs --dht")
	fs.BoolVar(&n.RoutingPut, "routing-put", false, "the routing API keeps IPNS records of anyone, signed by their keys")
	fs.StringVar(&n.GatewayURL, "gateway-url", "", "URL under which others reach --gateway-addr; the routing API tells it as a place to read from, and so do the answers to uploads over the Estuary API")
}

// routing is what package node makes of the settings of the routing API.
func (n *network) routing() node.RoutingConfig {
	return node.RoutingConfig{DHT: n.RoutingDHT, Put: n.RoutingPut, GatewayURL: n.GatewayURL}
}

// check adds what cannot work to bad.
func (n *network) check(bad func(format string, args ...any)) {
	if n.DHT != "off" && n.DHT != "client" && n.DHT != "server" {
		bad("--dht: %q is not off, client or server", n.DHT)
	}
	if err := node.CheckRouters(n.Routers); err != nil {
		bad("--router: %w", err)
	}
	if n.Announce != "roots" && n.Announce != "all" && n.Announce != "none" {
		bad("--announce: %q is not roots, all or none", n.Announce)
	}
	if n.RoutingDHT && n.DHT == "off" {
		bad("--routing-dht needs --dht=client or --dht=server")
	}
	if n.Libp2pFiles < 0 {
		bad("--libp2p-files: %d is negative", n.Libp2pFiles)
	}
	if n.Libp2pLowConns < 1 || n.Libp2pHighConns < n.Libp2pLowConns {
		bad("--libp2p-low-conns is at least 1 and at most --libp2p-high-conns")
	}
	if n.BitswapBytes < 1 || n.BitswapBytes > 1<<30 {
		bad("--bitswap-peer-bytes is at least 1 and at most 1GiB")
	}
	if n.BitswapWants < 1 {
		bad("--bitswap-peer-wants is at least 1")
	}
}

func (n *network) limits() node.Limits {
	return node.Limits{
		Memory: int64(n.Libp2pMemory), Files: n.Libp2pFiles,
		LowConns: n.Libp2pLowConns, HighConns: n.Libp2pHighConns,
		PeerBytes: int64(n.BitswapBytes), PeerWants: n.BitswapWants,
	}
}

// writeIsolation tells whoever asks for the node's health that nobody finds it.
// That is no failure: a node that only its gateway serves is one.
func (a *app) writeIsolation(w io.Writer) {
	if err := a.node.Isolated(); err != nil {
		fmt.Fprintln(w, "isolated:", err)
	}
}
