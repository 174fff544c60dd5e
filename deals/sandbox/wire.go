package sandbox

import (
	"fmt"
	"io"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multiaddr"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// Wire forms of /fil/storage/ask/1.1.0 and /fil/retrieval/transports/1.0.0:
// maps whose keys are sorted by length first, as cbor-gen writes them. The
// forms of the deal protocols are boostly's.

// ask is a provider's StorageAsk.
type ask struct {
	Ask
	miner             address.Address
	seq               uint64
	timestamp, expiry abi.ChainEpoch
}

func (a *ask) encode() ([]byte, error) {
	var e encoder
	e.object(8)
	e.text("Miner")
	e.addr(a.miner)
	e.text("Price")
	e.amount(big.NewInt(a.Price))
	e.text("SeqNo")
	e.uint(a.seq)
	e.text("Expiry")
	e.epoch(a.expiry)
	e.text("Timestamp")
	e.epoch(a.timestamp)
	e.text("MaxPieceSize")
	e.uint(uint64(a.MaxPiece))
	e.text("MinPieceSize")
	e.uint(uint64(a.MinPiece))
	e.text("VerifiedPrice")
	e.amount(big.NewInt(a.VerifiedPrice))
	return e.finish(), e.err
}

// encodeAskResponse wraps an encoded ask and its signature; no ask is null.
func encodeAskResponse(ask []byte, sig *crypto.Signature) ([]byte, error) {
	var e encoder
	e.object(1)
	e.text("Ask")
	if ask == nil {
		e.buf.Write(cbg.CborNull)
		return e.finish(), e.err
	}
	e.object(2)
	e.text("Ask")
	e.buf.Write(ask)
	e.text("Signature")
	e.put(sig)
	return e.finish(), e.err
}

// decodeAskRequest reads {"Miner": address}.
func decodeAskRequest(r io.Reader) (address.Address, error) {
	var miner address.Address
	cr := cbg.NewCborReader(r)
	major, n, err := cr.ReadHeader()
	if err != nil {
		return miner, err
	}
	if major != cbg.MajMap || n > 16 {
		return miner, fmt.Errorf("ask request is not a small map")
	}
	for range n {
		key, err := cbg.ReadString(cr)
		if err != nil {
			return miner, err
		}
		if key == "Miner" {
			err = miner.UnmarshalCBOR(cr)
		} else {
			err = cbg.ScanForLinks(cr, func(cid.Cid) {})
		}
		if err != nil {
			return miner, fmt.Errorf("ask request field %q: %w", key, err)
		}
	}
	return miner, nil
}

// transport is one protocol a provider can be read by.
type transport struct {
	name  string
	addrs []multiaddr.Multiaddr
}

func encodeTransports(ts []transport) ([]byte, error) {
	var e encoder
	e.object(1)
	e.text("Protocols")
	e.array(len(ts))
	for _, t := range ts {
		e.object(2)
		e.text("Name")
		e.text(t.name)
		e.text("Addresses")
		e.array(len(t.addrs))
		for _, a := range t.addrs {
			e.bytes(a.Bytes())
		}
	}
	return e.finish(), e.err
}

// signedAsk is the provider's answer to an ask request.
func (p *provider) signedAsk(miner address.Address) ([]byte, error) {
	if miner != p.addr {
		return encodeAskResponse(nil, nil)
	}
	now, err := view(p.n, func(c *chain) (*ask, error) {
		return &ask{
			Ask: p.rec.Ask, miner: p.addr, seq: p.rec.AskSeq, timestamp: c.height(), expiry: c.height() + 1_000_000,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := now.encode()
	if err != nil {
		return nil, err
	}
	sig, err := signBytes(p.rec.WorkerKey, raw)
	if err != nil {
		return nil, err
	}
	return encodeAskResponse(raw, sig)
}

// transports names where the provider's data can be read.
func (p *provider) transports() ([]byte, error) {
	p2p, web, err := p.ports()
	if err != nil {
		return nil, err
	}
	return encodeTransports([]transport{
		{"libp2p", []multiaddr.Multiaddr{p2p}},
		{"http", []multiaddr.Multiaddr{web}},
	})
}

func (p *provider) ports() (p2p, web multiaddr.Multiaddr, err error) {
	p.n.mu.Lock()
	a, b := p.rec.P2PPort, p.rec.HTTPPort
	p.n.mu.Unlock()
	if p2p, err = multiaddr.NewMultiaddr(p2pAddr(a, p.peer)); err != nil {
		return nil, nil, err
	}
	web, err = multiaddr.NewMultiaddr(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/http", b))
	return p2p, web, err
}

// chainAddrs are the addresses a provider has on chain: where it speaks libp2p
// and, if it takes deals over HTTP too, its web server. It needs Network.mu.
func (p *provider) chainAddrs() ([][]byte, error) {
	addrs := []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", p.rec.P2PPort)}
	if p.dialect == curio {
		addrs = append(addrs, fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/http", p.rec.HTTPPort))
	}
	out := make([][]byte, len(addrs))
	for i, a := range addrs {
		ma, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			return nil, err
		}
		out[i] = ma.Bytes()
	}
	return out, nil
}
