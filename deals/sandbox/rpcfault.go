package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
)

// The faults an endpoint of the chain can be given.
const (
	rpcDown       = "down"
	rpcSlow       = "slow"
	rpcFail       = "error"
	rpcGateway    = "bad-gateway"
	rpcLimit      = "rate-limit"
	rpcFlaky      = "flaky"
	rpcStale      = "stale"
	rpcGarbage    = "garbage"
	rpcCut        = "cut"
	rpcHuge       = "huge"
	rpcLieSlashed = "lie-slashed"
	rpcLiePiece   = "lie-piece"
	rpcLieMissing = "lie-missing"
	rpcLieActive  = "lie-active"
	rpcLieHead    = "lie-head"
	rpcLieAhead   = "lie-ahead"
	rpcNoEvents   = "no-events"
)

var rpcModes = map[string]string{
	modeNone:      "behaves well",
	rpcDown:       "refuses connections",
	rpcSlow:       "takes calls and does not answer, until it is healed",
	rpcFail:       "answers 500 to every call",
	rpcGateway:    "answers 502 with a page of HTML",
	rpcLimit:      "answers 429 with Retry-After: 1",
	rpcFlaky:      "answers 502 to every other call",
	rpcStale:      "sees the chain as it was when the fault began, and takes messages",
	rpcGarbage:    "answers 200 with what is not JSON",
	rpcCut:        "breaks off in the middle of its answer",
	rpcHuge:       "answers with a string that does not end",
	rpcLieSlashed: "says of every deal that it was slashed",
	rpcLiePiece:   "says of every deal that it is about another piece",
	rpcLieMissing: "says of every deal, receipt and event that it is not there",
	rpcLieActive:  "says of every published deal that it is active",
	rpcLieHead:    "has the head of another fork",
	rpcLieAhead:   "has a head two years ahead",
	rpcNoEvents:   "keeps no events of actors, as most nodes do not unless they are told to",
}

// RPCModes lists the faults an endpoint can be given, with what each does.
func RPCModes() map[string]string { return maps.Clone(rpcModes) }

// FailRPC makes an endpoint of the chain misbehave; mode "none" heals it.
// Endpoints count from 0, in the order of RPCAddrs. The mode survives a restart.
func (n *Network) FailRPC(endpoint int, mode string) error {
	if endpoint < 0 || endpoint >= len(n.endpoints) {
		return fmt.Errorf("endpoint %d: %w", endpoint, ErrNoEndpoint)
	}
	if _, ok := rpcModes[mode]; !ok {
		return fmt.Errorf("%q: %w", mode, ErrNoMode)
	}
	e := n.endpoints[endpoint]
	err := n.update(func(*chain) error {
		e.rec.Mode = mode
		e.save()
		close(e.moved)
		e.moved = make(chan struct{})
		return nil
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	err = e.freeze()
	n.mu.Unlock()
	if err != nil {
		return err
	}
	n.log.Info("sandbox endpoint changes", "addr", e.url, "mode", mode)
	return e.open()
}

// misbehave answers a call as the mode has it, and says whether it did.
func (e *endpoint) misbehave(w http.ResponseWriter, r *http.Request) bool {
	e.n.mu.Lock()
	mode, moved := e.rec.Mode, e.moved
	e.calls++
	odd := e.calls%2 == 1
	e.n.mu.Unlock()
	switch mode {
	case rpcSlow:
		select {
		case <-moved:
			return false
		case <-r.Context().Done():
		case <-e.n.done:
		}
		panic(http.ErrAbortHandler)
	case rpcFail:
		http.Error(w, "internal server error", http.StatusInternalServerError)
	case rpcGateway:
		badGateway(w)
	case rpcFlaky:
		if !odd {
			return false
		}
		badGateway(w)
	case rpcLimit:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case rpcGarbage:
		_, _ = io.WriteString(w, "\x00\xff welcome to nginx {")
	case rpcCut:
		w.Header().Set("Content-Length", "4096")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{"Cids":[{"/":"bafy`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case rpcHuge:
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"`)
		for block := bytes.Repeat([]byte("x"), 1<<16); e.n.alive(); {
			if _, err := w.Write(block); err != nil {
				break
			}
		}
	default:
		return false
	}
	return true
}

func badGateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "<html><h1>502 Bad Gateway</h1></html>")
}

func (n *Network) alive() bool {
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// headOf is the head an endpoint tells of. It needs Network.mu.
func (e *endpoint) headOf(c *chain) (tipset, error) {
	const lyingFork = 666
	h := c.head.Tipset
	switch e.rec.Mode {
	case rpcLieHead:
		return newTipset(c.miner, h.Cids[0], lyingFork, h.Height, c.head.Genesis)
	case rpcLieAhead:
		return newTipset(c.miner, h.Cids[0], lyingFork, h.Height+2*builtin.EpochsInYear, c.head.Genesis)
	}
	return h, nil
}

// dealOf is a deal an endpoint tells of, or nil. It needs Network.mu.
func (e *endpoint) dealOf(c *chain, id abi.DealID) *chainDeal {
	d := c.deals[id]
	if d == nil || e.rec.Mode == rpcLieMissing {
		return nil
	}
	told := *d
	switch e.rec.Mode {
	case rpcLieSlashed:
		told.Start, told.Slashed = max(d.Start, d.Published), c.height()-1
	case rpcLiePiece:
		hash := slices.Clone([]byte(d.Proposal.V.PieceCID.Hash()))
		hash[len(hash)-2] ^= 1
		told.Proposal.V.PieceCID = cid.NewCidV1(d.Proposal.V.PieceCID.Type(), hash)
	case rpcLieActive:
		told.Start = max(d.Start, d.Published)
	}
	return &told
}
