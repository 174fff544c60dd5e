package mk12

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/node"
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
)

// Streams opens streams to peers. A *node.Node does.
type Streams interface {
	OpenStream(ctx context.Context, peer string, addrs []string, protocols ...string) (node.Stream, error)
}

// A Directory says how a provider is reached. Its errors are returned as they are.
type Directory func(ctx context.Context, provider string) (Route, error)

// A Signer signs the 16 bytes of a deal's id as the client who proposed it.
type Signer interface {
	Sign(ctx context.Context, deal uuid.UUID) (crypto.Signature, error)
}

// A Client talks with providers. It is safe for concurrent use.
type Client struct {
	streams Streams
	find    Directory
	signer  Signer
	web     *http.Client
	known   routes
}

// New returns a client that reaches providers where find says, and signs with signer.
func New(streams Streams, find Directory, signer Signer) *Client {
	return &Client{streams: streams, find: find, signer: signer, web: newWeb()}
}

// Ask asks a provider for its price and piece sizes.
func (c *Client) Ask(ctx context.Context, provider string) (a Ask, err error) {
	addr, err := address.NewFromString(provider)
	if err != nil {
		return a, fmt.Errorf("provider %q: %w", provider, err)
	}
	err = c.talk(ctx, provider, question{
		limit: talkTimeout, protocols: []string{protoAsk}, method: http.MethodGet, path: "ask",
		write: func(w io.Writer) error { return writeAskRequest(w, addr) },
		read: func(r io.Reader) error {
			a, err = readAskResponse(r)
			return err
		},
	})
	return a, err
}

// Propose sends a deal and returns the provider's answer.
func (c *Client) Propose(ctx context.Context, provider string, p *boostly.DealParams) (resp boostly.DealResponse, err error) {
	err = c.talk(ctx, provider, question{
		limit: offerTimeout, protocols: []string{protoPropose121, protoPropose120}, method: http.MethodPost, path: "store",
		write: p.MarshalCBOR, read: decode(&resp),
	})
	return resp, err
}

// Status asks a provider what became of a deal.
func (c *Client) Status(ctx context.Context, provider string, id uuid.UUID) (resp boostly.DealStatusResponse, err error) {
	sig, err := c.signer.Sign(ctx, id)
	if err != nil {
		return resp, err
	}
	req := boostly.DealStatusRequest{DealUUID: id, Signature: sig}
	err = c.talk(ctx, provider, question{
		limit: talkTimeout, protocols: []string{protoStatus}, method: http.MethodGet, path: "status",
		write: req.MarshalCBOR, read: decode(&resp),
	})
	return resp, err
}

// TransferParams is where and how a provider pulls a piece.
func TransferParams(url, token string) ([]byte, error) {
	return json.Marshal(boostly.HttpRequest{URL: url, Headers: map[string]string{"Authorization": "Bearer " + token}})
}
