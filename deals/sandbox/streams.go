package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/filecoin-shipyard/boostly"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	protocolDeal121    = protocol.ID("/fil/storage/mk/1.2.1")
	protocolDeal120    = protocol.ID("/fil/storage/mk/1.2.0")
	protocolStatus     = protocol.ID("/fil/storage/status/1.2.0")
	protocolAsk        = protocol.ID("/fil/storage/ask/1.1.0")
	protocolTransports = protocol.ID("/fil/retrieval/transports/1.0.0")

	streamDeadline = 10 * time.Second
	maxRequest     = 4 << 20 // Curio's limit of a proposal,
	maxQuery       = 1 << 20 // and of the rest
)

// answerFunc reads a request and returns the encoded answer.
type answerFunc func(r io.Reader) ([]byte, error)

func (p *provider) answerDeal(r io.Reader) ([]byte, error) {
	var dp boostly.DealParams
	if err := dp.UnmarshalCBOR(r); err != nil {
		return nil, err
	}
	if err := p.hold(modeHoldProposal); err != nil {
		return nil, err
	}
	res := p.propose(&dp)
	if err := p.hold(modeHoldAnswer); err != nil {
		return nil, err
	}
	return marshalCBOR(&res)
}

func (p *provider) answerStatus(r io.Reader) ([]byte, error) {
	var req boostly.DealStatusRequest
	if err := req.UnmarshalCBOR(r); err != nil {
		return nil, err
	}
	res := p.status(&req)
	return marshalCBOR(&res)
}

func (p *provider) answerAsk(r io.Reader) ([]byte, error) {
	miner, err := decodeAskRequest(r)
	if err != nil {
		return nil, err
	}
	return p.signedAsk(miner)
}

// errNotOurs is for questions about another provider.
var errNotOurs = errors.New("not this provider's")

// answerAskOverHTTP: over libp2p there is an answer without an ask to a
// question about another provider, over HTTP there is none.
func (p *provider) answerAskOverHTTP(r io.Reader) ([]byte, error) {
	miner, err := decodeAskRequest(r)
	if err != nil {
		return nil, err
	}
	if miner != p.addr {
		return nil, errNotOurs
	}
	return p.signedAsk(miner)
}

// serveStreams answers the deal protocols on a host.
func (p *provider) serveStreams(h host.Host) {
	h.SetStreamHandler(protocolDeal121, p.stream(p.answerDeal))
	h.SetStreamHandler(protocolDeal120, p.stream(p.answerDeal))
	h.SetStreamHandler(protocolStatus, p.stream(p.answerStatus))
	h.SetStreamHandler(protocolAsk, p.stream(p.answerAsk))
	h.SetStreamHandler(protocolTransports, p.stream(func(io.Reader) ([]byte, error) { return p.transports() }))
}

func (p *provider) stream(answer answerFunc) network.StreamHandler {
	return func(s network.Stream) {
		err := func() error {
			if err := s.SetDeadline(time.Now().Add(streamDeadline)); err != nil {
				return err
			}
			out, err := answer(io.LimitReader(s, maxRequest))
			if err != nil {
				return err
			}
			err = s.SetDeadline(time.Now().Add(streamDeadline)) // it may have been held
			if err == nil {
				_, err = s.Write(out)
			}
			if err == nil {
				err = s.CloseWrite()
			}
			toEnd := func() { // until the client has closed its side, too
				_, _ = io.Copy(io.Discard, s)
				_ = s.Close()
			}
			if p.leave(toEnd) { // also if the client has gone before it
				return nil
			}
			return errors.Join(err, s.Close())
		}()
		if err != nil {
			p.n.log.Debug("sandbox stream", "miner", p.addr.String(), "peer", s.Conn().RemotePeer().String(), "err", err)
			_ = s.Reset()
		}
	}
}

// overHTTP serves the same exchange as Curio does under /market/mk12: the body
// of the request is CBOR, also of a GET, as is the answer; errors have no body.
func (p *provider) overHTTP(limit int64, answer answerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/cbor" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		out, err := answer(http.MaxBytesReader(w, r.Body, limit))
		switch {
		case errors.Is(err, errNotOurs):
			w.WriteHeader(http.StatusInternalServerError)
			return
		case errors.Is(err, errHeld):
			panic(http.ErrAbortHandler)
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		_, err = w.Write(out)
		if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
			p.n.log.Debug("write answer", "miner", p.addr.String(), "err", err)
		}
		p.leave(func() {})
	}
}

// leave takes the provider off the network if it has just vanished, once its
// last answer is read, and says whether it does.
func (p *provider) leave(read func()) bool {
	if mode, _ := p.look(cid.Undef); mode != modeVanish {
		return false
	}
	p.n.work.Go(func() {
		read()
		if err := p.open(); err != nil && !errors.Is(err, ErrClosed) {
			p.n.log.Error("sandbox provider cannot leave", "miner", p.addr.String(), "err", err)
		}
	})
	return true
}
