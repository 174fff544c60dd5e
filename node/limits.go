package node

import (
	"fmt"
	"math"
	"runtime/debug"
	"syscall"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/pbnjay/memory"
)

// Limits bound what strangers can make the libp2p host hold. Zero fields take
// the defaults named here.
type Limits struct {
	// Memory is what connections and streams may take, in bytes; default an
	// eighth of the machine's, or of GOMEMLIMIT where that is less. The numbers
	// of connections and streams grow with it.
	Memory int64
	// Files are the file descriptors that connections may take; default half
	// of those the process may open.
	Files int

	// Connections are trimmed to LowConns once there are more than HighConns;
	// defaults 256 and 384. Those to Config.Peering are never trimmed.
	LowConns, HighConns int

	// PeerBytes are queued for one bitswap peer at most; default 8 MiB.
	PeerBytes int64
	// PeerWants are remembered of one bitswap peer at most; default 1024. Of
	// what a peer asks for beyond, blocks that are here come first.
	PeerWants int
}

func (l Limits) withDefaults() (Limits, error) {
	if l.Memory < 0 || l.Files < 0 || l.LowConns < 0 || l.HighConns < 0 || l.PeerWants < 0 ||
		l.PeerBytes < 0 || l.PeerBytes > math.MaxInt32 {
		return l, fmt.Errorf("limits of the host %+v: out of range", l)
	}
	if l.Memory == 0 {
		l.Memory = min(int64(memory.TotalMemory()), debug.SetMemoryLimit(-1)) / 8
	}
	if l.Files == 0 {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			return l, fmt.Errorf("limit of open files: %w", err)
		}
		l.Files = int(min(r.Cur, 1<<20) / 2)
	}
	if l.LowConns == 0 && l.HighConns == 0 {
		l.LowConns, l.HighConns = 256, 384
	}
	if l.LowConns > l.HighConns {
		return l, fmt.Errorf("connections are to be trimmed to %d when there are more than %d", l.LowConns, l.HighConns)
	}
	if l.PeerBytes == 0 {
		// boxo's default is 1 MiB: a single block of ours, so that a peer would
		// get them one by one.
		l.PeerBytes = 8 << 20
	}
	if l.PeerWants == 0 {
		l.PeerWants = 1024
	}
	return l, nil
}

// manager refuses connections, streams and memory beyond the limits.
func (l Limits) manager(metrics bool) (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	scaled := scaling.Scale(l.Memory, l.Files)
	// On a small machine libp2p would allow fewer connections than make the
	// connection manager trim, which then never does. Trimming is the gentler
	// way: it lets new peers in and drops the least useful.
	partial := scaled.ToPartialLimitConfig()
	conns := rcmgr.LimitVal(2 * l.HighConns)
	partial.System.Conns = max(partial.System.Conns, conns)
	partial.System.ConnsInbound = max(partial.System.ConnsInbound, conns)
	partial.System.ConnsOutbound = max(partial.System.ConnsOutbound, conns)
	partial.System.FD = rcmgr.LimitVal(l.Files)
	partial.Transient.FD = min(partial.Transient.FD, rcmgr.LimitVal(l.Files))
	var opts []rcmgr.Option
	if !metrics {
		opts = append(opts, rcmgr.WithMetricsDisabled())
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(partial.Build(scaled)), opts...)
}
