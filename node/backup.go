package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/whypfs/whypfs/internal/durable"
)

const (
	// backupFile holds peers that were connected lately, one address a line,
	// the newest first. It may be lost: then only bootstrap peers are known.
	backupFile = "peers"
	maxBackups = 32
	// maxBackupAddrs bounds what one peer can put there.
	maxBackupAddrs = 8
	// backupDelay bounds how often the file is written, and how much of it a
	// crash loses.
	backupDelay = time.Minute
)

// backups are peers that were connected lately, kept in a file. They are how a
// node comes back into the network when its bootstrap peers are gone.
type backups struct {
	file string
	log  *slog.Logger

	mu    sync.Mutex // guards what follows
	peers []backup   // the newest first
	dirty bool

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

type backup struct {
	peer.AddrInfo
	// dialled says that this node once reached the peer. Those that only came
	// to us never displace one: whoever opens many connections would otherwise
	// be all that this node remembers.
	dialled bool
}

// openBackups reads the file. What is not a peer in it is left out.
func openBackups(dir string, log *slog.Logger) (*backups, error) {
	b := &backups{file: filepath.Join(dir, backupFile), log: log}
	if err := durable.Clean(b.file); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("backup peers: %w", err)
	}
	b.peers = parseBackups(data)
	return b, nil
}

func parseBackups(data []byte) (peers []backup) {
	at := map[peer.ID]int{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		info, err := peer.AddrInfoFromString(lines.Text())
		if err != nil || len(info.Addrs) == 0 {
			continue
		}
		i, known := at[info.ID]
		switch {
		case known && len(peers[i].Addrs) < maxBackupAddrs:
			peers[i].Addrs = append(peers[i].Addrs, info.Addrs...)
		case !known && len(peers) < maxBackups:
			at[info.ID] = len(peers)
			// The file says nothing of who dialled. A peer that is in it was
			// worth a place, so it keeps it from those that come to us.
			peers = append(peers, backup{*info, true})
		}
	}
	return peers
}

// start notes the peers that h is connected to from now on, but not skip.
func (b *backups) start(h p2phost.Host, skip []peer.AddrInfo) error {
	identified, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return err
	}
	known := map[peer.ID]bool{h.ID(): true}
	for _, p := range skip {
		known[p.ID] = true
	}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(context.Background())
	b.wg.Go(func() {
		defer identified.Close()
		var due <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				b.save()
				return
			case <-due:
				due = nil
				b.save()
			case e := <-identified.Out():
				if e := e.(event.EvtPeerIdentificationCompleted); !known[e.Peer] && b.note(e) && due == nil {
					due = time.After(backupDelay)
				}
			}
		}
	})
	return nil
}

// stop returns when the file holds what was noted.
func (b *backups) stop() {
	if b != nil && b.cancel != nil {
		b.cancel()
		b.wg.Wait()
	}
}

// note puts a peer in front. It says whether the file is to be written.
func (b *backups) note(e event.EvtPeerIdentificationCompleted) bool {
	p := backup{AddrInfo: peer.AddrInfo{ID: e.Peer, Addrs: slices.Clone(e.ListenAddrs)}}
	if p.dialled = e.Conn.Stat().Direction == network.DirOutbound; p.dialled {
		// This one is known to work, so it is kept first.
		worked := e.Conn.RemoteMultiaddr()
		p.Addrs = append([]multiaddr.Multiaddr{worked}, slices.DeleteFunc(p.Addrs, worked.Equal)...)
	}
	p.Addrs = p.Addrs[:min(len(p.Addrs), maxBackupAddrs)]
	if len(p.Addrs) == 0 {
		return false // it listens nowhere
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.peers, func(o backup) bool { return o.ID == p.ID }); i >= 0 {
		p.dialled = p.dialled || b.peers[i].dialled
		b.peers = slices.Delete(b.peers, i, i+1)
	}
	b.peers = slices.Insert(b.peers, 0, p)
	if len(b.peers) > maxBackups {
		b.evict()
	}
	b.dirty = true
	return true
}

// evict removes the oldest peer, if possible one that was never dialled.
func (b *backups) evict() {
	last := len(b.peers) - 1
	for i := last; i >= 0; i-- {
		if !b.peers[i].dialled {
			last = i
			break
		}
	}
	b.peers = slices.Delete(b.peers, last, last+1)
}

// list returns the peers, the newest first.
func (b *backups) list() (out []peer.AddrInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.peers {
		out = append(out, p.AddrInfo)
	}
	return out
}

// save writes the file if something was noted since.
func (b *backups) save() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return
	}
	var text bytes.Buffer
	for _, p := range b.peers {
		for _, a := range p.Addrs {
			fmt.Fprintf(&text, "%s/p2p/%s\n", a, p.ID)
		}
	}
	if err := durable.WriteFile(b.file, text.Bytes(), 0o600); err != nil {
		b.log.Warn("keep the addresses of peers", "err", err)
		return
	}
	b.dirty = false
}
