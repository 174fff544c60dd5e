package deals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/node"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// The protocols that living provider software (Boost, Curio) speaks.
const (
	protoAsk        = "/fil/storage/ask/1.1.0"
	protoPropose121 = "/fil/storage/mk/1.2.1"
	protoPropose120 = "/fil/storage/mk/1.2.0"
	protoStatus     = "/fil/storage/status/1.2.0"
	protoTransports = "/fil/retrieval/transports/1.0.0"
)

const (
	talkTimeout  = 20 * time.Second // for one question to a provider, dialling included
	offerTimeout = time.Minute      // for a proposal: filters behind it ask other services
	answerLimit  = 1 << 20
	minerInfoTTL = 10 * time.Minute
)

// errReached is part of errors that came after a provider may have read our request.
var errReached = errors.New("provider was reached")

// minerCache keeps how providers are reached, because the chain is slower than they are.
type minerCache struct {
	mu   sync.Mutex
	info map[string]cachedMiner // guarded by mu
}

type cachedMiner struct {
	chain.MinerInfo
	until time.Time
}

func (d *Deals) minerInfo(ctx context.Context, provider string) (chain.MinerInfo, error) {
	d.miners.mu.Lock()
	hit, ok := d.miners.info[provider]
	d.miners.mu.Unlock()
	if ok && time.Now().Before(hit.until) {
		return hit.MinerInfo, nil
	}
	info, err := d.chain.MinerInfo(ctx, provider)
	if err != nil {
		return chain.MinerInfo{}, err
	}
	d.miners.mu.Lock()
	defer d.miners.mu.Unlock()
	if d.miners.info == nil {
		d.miners.info = make(map[string]cachedMiner)
	}
	d.miners.info[provider] = cachedMiner{info, time.Now().Add(minerInfoTTL)}
	return info, nil
}

func (d *Deals) forgetMiner(provider string) {
	d.miners.mu.Lock()
	defer d.miners.mu.Unlock()
	delete(d.miners.info, provider)
}

// talk opens a stream to a provider, writes a request and reads the answer.
func (d *Deals) talk(ctx context.Context, provider string, limit time.Duration, write func(io.Writer) error, read func(io.Reader) error, protocols ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	info, err := d.minerInfo(ctx, provider)
	if err != nil {
		return err
	}
	s, err := d.node.OpenStream(ctx, info.Peer, info.Addrs, protocols...)
	if err != nil {
		d.forgetMiner(provider) // it may have moved
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := exchange(s, write, read); err != nil {
		s.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%w: %w", errReached, err)
	}
	s.Close()
	return nil
}

func exchange(s node.Stream, write func(io.Writer) error, read func(io.Reader) error) error {
	if write != nil {
		if err := write(s); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
	}
	return read(io.LimitReader(s, answerLimit))
}

// queryAsk asks a provider for its price and piece sizes.
func (d *Deals) queryAsk(ctx context.Context, provider string) (a ask, err error) {
	addr, err := address.NewFromString(provider)
	if err != nil {
		return a, fmt.Errorf("provider %q: %w", provider, err)
	}
	err = d.talk(ctx, provider, talkTimeout,
		func(w io.Writer) error { return writeAskRequest(w, addr) },
		func(r io.Reader) error {
			a, err = readAskResponse(r)
			return err
		}, protoAsk)
	return a, err
}

// sendProposal sends a deal and returns the provider's answer.
func (d *Deals) sendProposal(ctx context.Context, provider string, p *boostly.DealParams) (resp boostly.DealResponse, err error) {
	err = d.talk(ctx, provider, offerTimeout, p.MarshalCBOR, decode(&resp), protoPropose121, protoPropose120)
	return resp, err
}

// queryStatus asks a provider what became of a deal.
func (d *Deals) queryStatus(ctx context.Context, provider string, id uuid.UUID) (resp boostly.DealStatusResponse, err error) {
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return resp, err
	}
	req := boostly.DealStatusRequest{DealUUID: id, Signature: k.Sign(id[:])}
	err = d.talk(ctx, provider, talkTimeout, req.MarshalCBOR, decode(&resp), protoStatus)
	return resp, err
}

// decode returns a reader of one CBOR value of foreign bytes.
func decode(v cbg.CBORUnmarshaler) func(io.Reader) error {
	return func(r io.Reader) error {
		if err := v.UnmarshalCBOR(r); err != nil {
			return fmt.Errorf("answer is not understood: %w", err)
		}
		return nil
	}
}

// transferParams is where and how a provider pulls a piece.
func transferParams(url, token string) ([]byte, error) {
	return json.Marshal(boostly.HttpRequest{URL: url, Headers: map[string]string{"Authorization": "Bearer " + token}})
}
