package main

import (
	"crypto/rand"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	msmux "github.com/libp2p/go-libp2p/p2p/muxer/muxer-multistream"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	csms "github.com/libp2p/go-libp2p/p2p/net/conn-security-multistream"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	tptu "github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// newHost makes a host that dials over TCP, noise and yamux, and listens
// nowhere. It is put together by hand because the package go-libp2p of this
// version brings a QUIC that refuses to be built with a current Go.
func newHost() (host.Host, error) {
	key, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return nil, err
	}
	peers, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	if err := peers.AddPrivKey(id, key); err != nil {
		return nil, err
	}
	if err := peers.AddPubKey(id, pub); err != nil {
		return nil, err
	}
	net, err := swarm.NewSwarm(id, peers)
	if err != nil {
		return nil, err
	}
	h, err := overTCP(net, key)
	if err != nil {
		net.Close()
		return nil, err
	}
	return h, nil
}

func overTCP(net *swarm.Swarm, key crypto.PrivKey) (host.Host, error) {
	secure, err := noise.New(key)
	if err != nil {
		return nil, err
	}
	var security csms.SSMuxer
	security.AddTransport(noise.ID, secure)
	streams := msmux.NewBlankTransport()
	streams.AddTransport("/yamux/1.0.0", yamux.DefaultTransport)
	upgrader, err := tptu.New(&security, streams)
	if err != nil {
		return nil, err
	}
	transport, err := tcp.NewTCPTransport(upgrader, nil)
	if err != nil {
		return nil, err
	}
	if err := net.AddTransport(transport); err != nil {
		return nil, err
	}
	return basichost.NewHost(net, &basichost.HostOpts{UserAgent: "whypfs-filclient", EnablePing: true})
}

// silence takes back every protocol that h answers but identify and ping.
// Questions of our own are not touched: their answers come on the same stream.
func silence(h host.Host) {
	for _, p := range h.Mux().Protocols() {
		if p != identify.ID && p != identify.IDPush && p != ping.ID && !strings.HasPrefix(p, "/p2p/id/") {
			h.RemoveStreamHandler(protocol.ID(p))
		}
	}
}
