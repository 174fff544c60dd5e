package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/filecoin-project/go-address"
	fcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

const (
	firstProvider = 1000 // f01000 is the first provider,
	firstWorker   = 100  // f0100 its worker
	firstOwner    = 500  // f0500 its owner
	sectorSize    = 32 << 30
)

func workerOf(provider uint64) uint64 { return provider - firstProvider + firstWorker }

// dialect is the software whose wording a provider has.
type dialect string

const (
	boost dialect = "boost"
	curio dialect = "curio"
)

// providerRecord is what a provider keeps over restarts.
type providerRecord struct {
	ID         uint64
	PeerKey    []byte
	WorkerKey  []byte
	P2PPort    int
	HTTPPort   int
	Mode       string
	Since      abi.ChainEpoch // of the mode
	Ask        Ask
	AskSeq     uint64
	AutoImport bool // fetches offline deals by the link in them
	NextSector abi.SectorNumber
}

// provider is a storage provider: a libp2p host for deals and an HTTP server
// for retrieval.
type provider struct {
	n       *Network
	id      uint64
	addr    address.Address
	peer    peer.ID
	key     crypto.PrivKey
	dialect dialect
	dir     string

	// Guarded by Network.mu.
	rec    providerRecord
	deals  map[uuid.UUID]*providerDeal
	pieces map[cid.Cid]*pieceRecord
	pulls  map[uuid.UUID]context.CancelFunc
	due    dueList[uuid.UUID]
	held   int  // proposals that wait for an answer
	untidy bool // deals have ended

	serving sync.Mutex // guards host and web
	host    host.Host
	web     *http.Server
}

// pieceRecord is a piece a provider has verified and stored.
type pieceRecord struct {
	Piece    cid.Cid
	Provider uint64
	Size     int64 // bytes in the file; the rest of the piece is zeros
	Padded   abi.PaddedPieceSize
	Indexed  bool
}

func (r *pieceRecord) row() string { return fmt.Sprintf("piece/%d/%s", r.Provider, r.Piece) }

// Providers are the providers' f0 addresses.
func (n *Network) Providers() []string {
	out := make([]string, len(n.providers))
	for i, p := range n.providers {
		out[i] = p.addr.String()
	}
	return out
}

func (n *Network) provider(addr string) (*provider, error) {
	for _, p := range n.providers {
		if p.addr.String() == addr {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%q: %w", addr, ErrNoProvider)
}

// openProviders loads the providers of the state and makes those that are
// missing. A network that had more keeps them all: they hold deals.
func (n *Network) openProviders() error {
	known := map[uint64]*providerRecord{}
	if err := load(n.store, "provider/", func(r *providerRecord) { known[r.ID] = r }); err != nil {
		return err
	}
	for i := range max(n.opt.Providers, len(known)) {
		id := uint64(firstProvider + i)
		rec := known[id]
		if rec == nil {
			var err error
			if rec, err = n.createProvider(id); err != nil {
				return err
			}
		}
		p, err := n.newProvider(*rec, i)
		if err != nil {
			return err
		}
		n.providers = append(n.providers, p)
	}
	err := errors.Join(
		load(n.store, "pdeal/", func(d *providerDeal) {
			n.providers[d.Provider-firstProvider].deals[d.UUID] = d
		}),
		load(n.store, "piece/", func(r *pieceRecord) {
			n.providers[r.Provider-firstProvider].pieces[r.Piece] = r
		}),
	)
	for _, p := range n.providers {
		p.plan()
		p.untidy = true // a crash may have come before the pieces of ended deals went
		err = errors.Join(err, p.sweep())
	}
	return err
}

func (n *Network) createProvider(id uint64) (*providerRecord, error) {
	priv, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	peerKey, err := crypto.MarshalPrivateKey(priv)
	if err != nil {
		return nil, err
	}
	workerKey, err := fcrypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	worker, err := address.NewSecp256k1Address(fcrypto.PublicKey(workerKey))
	if err != nil {
		return nil, err
	}
	owner, err := n.owner(id)
	if err != nil {
		return nil, err
	}
	for _, a := range []*account{
		{ID: id, Owner: owner, Balance: fil(1_000_000), Escrow: fil(10_000_000), Locked: big.Zero()},
		{ID: workerOf(id), Key: worker, Balance: fil(1_000_000), Escrow: big.Zero(), Locked: big.Zero()},
	} {
		n.chain.keep(a)
		n.chain.saveAccount(a)
	}
	r := &providerRecord{ID: id, PeerKey: peerKey, WorkerKey: workerKey, Mode: modeNone, NextSector: 1,
		Ask: n.opt.Ask, AskSeq: 1, AutoImport: n.opt.AutoImport}
	n.store.put("provider/"+strconv.FormatUint(id, 10), r)
	return r, nil
}

// owner is the actor id of a new provider's owner, which is made if it is not
// there: providers share owners in turn when there are to be fewer of them.
func (n *Network) owner(provider uint64) (uint64, error) {
	i := provider - firstProvider
	if n.opt.Owners > 0 {
		i %= uint64(n.opt.Owners)
	}
	id := firstOwner + i
	if n.chain.accounts[id] != nil {
		return id, nil
	}
	key, err := fcrypto.GenerateKey() // nobody needs to sign for it
	if err != nil {
		return 0, err
	}
	who, err := address.NewSecp256k1Address(fcrypto.PublicKey(key))
	if err != nil {
		return 0, err
	}
	a := &account{ID: id, Key: who, Balance: big.Zero(), Escrow: big.Zero(), Locked: big.Zero()}
	n.chain.keep(a)
	n.chain.saveAccount(a)
	return id, nil
}

func (n *Network) newProvider(rec providerRecord, i int) (*provider, error) {
	addr, err := address.NewIDAddress(rec.ID)
	if err != nil {
		return nil, err
	}
	key, err := crypto.UnmarshalPrivateKey(rec.PeerKey)
	if err != nil {
		return nil, fmt.Errorf("peer key of %s: %w", addr, err)
	}
	pid, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if rec.Ask == (Ask{}) {
		rec.Ask = n.opt.Ask
	}
	p := &provider{
		n: n, id: rec.ID, addr: addr, peer: pid, key: key, rec: rec, dialect: boost,
		dir:    filepath.Join(n.opt.Dir, addr.String()),
		deals:  map[uuid.UUID]*providerDeal{},
		pieces: map[cid.Cid]*pieceRecord{},
		pulls:  map[uuid.UUID]context.CancelFunc{},
	}
	if i%2 == 1 {
		p.dialect = curio
	}
	for _, d := range []string{p.dir, p.incoming(), p.stored()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *provider) incoming() string { return filepath.Join(p.dir, "incoming") }
func (p *provider) stored() string   { return filepath.Join(p.dir, "pieces") }

func (p *provider) save() {
	r := p.rec
	p.n.store.put("provider/"+strconv.FormatUint(p.id, 10), &r)
}

// open makes the host and the web server follow the provider's mode: gone, or
// there.
func (p *provider) open() error {
	p.serving.Lock()
	defer p.serving.Unlock()
	p.n.mu.Lock()
	rec, closed := p.rec, p.n.closed
	p.n.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case rec.Mode == modeVanish:
		return p.stop()
	case p.host != nil:
		return nil
	}
	h, err := p.newHost(rec.P2PPort)
	if err != nil && rec.P2PPort != 0 {
		h, err = p.newHost(0)
	}
	if err != nil {
		return fmt.Errorf("start host of %s: %w", p.addr, err)
	}
	l, httpPort, err := listenLoopback(rec.HTTPPort)
	if err != nil {
		return errors.Join(fmt.Errorf("start web server of %s: %w", p.addr, err), h.Close())
	}
	p.host = h
	p.serveStreams(h)
	p.web = p.n.serveHTTP(l, p.routes())
	return p.n.update(func(*chain) error {
		if port := tcpPort(h.Network().ListenAddresses()); p.rec.P2PPort != port || p.rec.HTTPPort != httpPort {
			p.rec.P2PPort, p.rec.HTTPPort = port, httpPort
			p.save()
		}
		return nil
	})
}

// newHost is a plain TCP host: no relays, no discovery, nothing beyond loopback.
func (p *provider) newHost(port int) (host.Host, error) {
	return libp2p.New(
		libp2p.Identity(p.key),
		libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.UserAgent("sandbox-"+string(p.dialect)),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(),
	)
}

func p2pAddr(port int, id peer.ID) string {
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", port, id)
}

func httpURL(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func tcpPort(addrs []multiaddr.Multiaddr) int {
	for _, a := range addrs {
		if v, err := a.ValueForProtocol(multiaddr.P_TCP); err == nil {
			if port, err := strconv.Atoi(v); err == nil {
				return port
			}
		}
	}
	return 0
}

// shut takes the provider off the network.
func (p *provider) shut() error {
	p.serving.Lock()
	defer p.serving.Unlock()
	return p.stop()
}

// stop needs p.serving.
func (p *provider) stop() error {
	var errs []error
	if p.host != nil {
		errs = append(errs, p.host.Close())
	}
	if p.web != nil {
		errs = append(errs, p.web.Close())
	}
	p.host, p.web = nil, nil
	return errors.Join(errs...)
}
