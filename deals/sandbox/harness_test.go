package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/filecoin-project/go-address"
	fcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
	"golang.org/x/crypto/blake2b"

	"github.com/whypfs/whypfs/deals/sandbox"
)

// network is a sandbox with a client of it, built only from public packages of
// the Filecoin world.
type network struct {
	*sandbox.Network
	t      *testing.T
	key    []byte
	client address.Address
	host   host.Host
	data   *dataServer
}

func newKey(t *testing.T) ([]byte, address.Address) {
	t.Helper()
	key, err := fcrypto.GenerateKey()
	must(t, err)
	a, err := address.NewSecp256k1Address(fcrypto.PublicKey(key))
	must(t, err)
	return key, a
}

// openNetwork opens a sandbox whose clock stands still until the test moves it
// or lets it run, at five times the usual speed.
func openNetwork(t *testing.T, dir string, providers int) *network {
	t.Helper()
	return openNetworkWith(t, sandbox.Options{Dir: dir, Providers: providers})
}

func openNetworkWith(t *testing.T, opt sandbox.Options) *network {
	t.Helper()
	opt.Epoch = 50 * time.Millisecond
	n, err := sandbox.Open(t.Context(), opt)
	must(t, err)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableRelay())
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	out := &network{Network: n, t: t, host: h, data: serveData(t)}
	out.key, out.client = newKey(t)
	return out
}

func newNetwork(t *testing.T, providers int) *network {
	t.Helper()
	n := openNetwork(t, t.TempDir(), providers)
	must(t, n.Fund(n.client.String()))
	return n
}

// run lets the clock go for the length of the test.
func (n *network) run() {
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("Run() = %v", err)
		}
	})
}

func (n *network) wait(what string, ok func(sandbox.State) bool) sandbox.State {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 20*time.Second)
	defer cancel()
	s, err := n.Wait(ctx, ok)
	if err != nil {
		b, _ := json.MarshalIndent(s, "", " ")
		n.t.Fatalf("waiting for %s: %v\n%s", what, err, b)
	}
	return s
}

// waitStep waits until a deal of a provider is in a step.
func (n *network) waitStep(id uuid.UUID, step string) sandbox.DealState {
	n.t.Helper()
	var found sandbox.DealState
	n.wait(step, func(s sandbox.State) bool {
		d, ok := findDeal(s, id)
		found = d
		return ok && d.Step == step
	})
	return found
}

func findDeal(s sandbox.State, id uuid.UUID) (sandbox.DealState, bool) {
	for _, p := range s.Providers {
		for _, d := range p.Deals {
			if d.UUID == id.String() {
				return d, true
			}
		}
	}
	return sandbox.DealState{}, false
}

// call makes a JSON-RPC call and decodes its result into a T.
func call[T any](n *network, method string, args ...any) T {
	n.t.Helper()
	v, err := tryCall[T](n, method, args...)
	if err != nil {
		n.t.Fatalf("%s%v: %v", method, args, err)
	}
	return v
}

type rpcError struct {
	Code    int
	Message string
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

func tryCall[T any](n *network, method string, args ...any) (T, error) {
	n.t.Helper()
	return callAt[T](n, n.RPC(), method, args...)
}

// callAt makes a call to one of the chain's endpoints.
func callAt[T any](n *network, url, method string, args ...any) (T, error) {
	n.t.Helper()
	var out struct {
		ID      int
		JSONRPC string
		Result  T
		Error   *rpcError
	}
	if args == nil {
		args = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": "Filecoin." + method, "params": args})
	must(n.t, err)
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return out.Result, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return out.Result, fmt.Errorf("status %d, retry after %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 32<<20)).Decode(&out); err != nil {
		return out.Result, fmt.Errorf("no JSON: %w", err)
	}
	if out.ID != 7 || out.JSONRPC != "2.0" {
		n.t.Fatalf("%s: not an answer to our call: %+v", method, out)
	}
	if out.Error != nil {
		return out.Result, out.Error
	}
	return out.Result, nil
}

// connect dials a provider by what the chain says of it.
func (n *network) connect(provider string) (peer.ID, error) {
	info := call[struct {
		PeerId     string
		Multiaddrs [][]byte
	}](n, "StateMinerInfo", provider, nil)
	id, err := peer.Decode(info.PeerId)
	must(n.t, err)
	ma, err := multiaddr.NewMultiaddrBytes(info.Multiaddrs[0])
	must(n.t, err)
	ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Second)
	defer cancel()
	return id, n.host.Connect(ctx, peer.AddrInfo{ID: id, Addrs: []multiaddr.Multiaddr{ma}})
}

func (n *network) sign(_ context.Context, data []byte) (*scrypto.Signature, error) {
	return signWith(n.key, data)
}

func signWith(key, data []byte) (*scrypto.Signature, error) {
	sum := blake2b.Sum256(data)
	sig, err := fcrypto.Sign(key, sum[:])
	return &scrypto.Signature{Type: scrypto.SigTypeSecp256k1, Data: sig}, err
}

// params makes a proposal that every provider takes.
func (n *network) params(provider string, p *piece) boostly.DealParams {
	n.t.Helper()
	prov, err := address.NewFromString(provider)
	must(n.t, err)
	label, err := market.NewLabelFromString("test")
	must(n.t, err)
	bounds := call[struct{ Min big.Int }](n, "StateDealProviderCollateralBounds", p.padded, false, nil)
	start := abi.ChainEpoch(n.Height() + 100)
	transfer, err := json.Marshal(boostly.HttpRequest{
		URL: n.data.url(p), Headers: map[string]string{"Authorization": "Bearer " + token},
	})
	must(n.t, err)
	return boostly.DealParams{
		DealUUID: uuid.New(), DealDataRoot: p.root,
		Transfer: boostly.Transfer{Type: "http", Params: transfer, Size: uint64(len(p.data))},
		ClientDealProposal: market.ClientDealProposal{Proposal: market.DealProposal{
			PieceCID: p.cid, PieceSize: p.padded, Client: n.client, Provider: prov, Label: label,
			StartEpoch: start, EndEpoch: start + 200*2880,
			StoragePricePerEpoch: big.NewInt(50_000_000), ClientCollateral: big.Zero(),
			ProviderCollateral: big.Div(big.Mul(bounds.Min, big.NewInt(6)), big.NewInt(5)),
		}},
	}
}

func (n *network) signDeal(dp *boostly.DealParams) {
	n.t.Helper()
	var buf bytes.Buffer
	must(n.t, dp.ClientDealProposal.Proposal.MarshalCBOR(&buf))
	sig, err := n.sign(n.t.Context(), buf.Bytes())
	must(n.t, err)
	dp.ClientDealProposal.ClientSignature = *sig
}

// propose sends a deal as it is.
func (n *network) propose(provider string, dp boostly.DealParams) boostly.DealResponse {
	n.t.Helper()
	id, err := n.connect(provider)
	must(n.t, err)
	ctx, cancel := context.WithTimeout(n.t.Context(), 15*time.Second)
	defer cancel()
	res, err := boostlyPropose(ctx, n.host, id, dp)
	must(n.t, err)
	return res
}

// boostlyPropose is boostly's call over a stream of the newer protocol too.
func boostlyPropose(ctx context.Context, h host.Host, id peer.ID, dp boostly.DealParams) (boostly.DealResponse, error) {
	var res boostly.DealResponse
	s, err := h.NewStream(ctx, id, "/fil/storage/mk/1.2.1", "/fil/storage/mk/1.2.0")
	if err != nil {
		return res, err
	}
	defer s.Close()
	if err := dp.MarshalCBOR(s); err != nil {
		return res, err
	}
	return res, res.UnmarshalCBOR(s)
}

// deal proposes a piece and insists on acceptance.
func (n *network) deal(provider string, p *piece) boostly.DealParams {
	n.t.Helper()
	dp := n.params(provider, p)
	n.signDeal(&dp)
	if res := n.propose(provider, dp); !res.Accepted {
		n.t.Fatalf("propose to %s: rejected: %s", provider, res.Message)
	}
	return dp
}

func (n *network) status(provider string, id uuid.UUID) *boostly.DealStatusResponse {
	n.t.Helper()
	pid, err := n.connect(provider)
	must(n.t, err)
	res, err := boostly.GetDealStatus(n.t.Context(), n.host, pid, id, n.sign)
	must(n.t, err)
	return res
}

// advance moves the clock and fails the test if it cannot.
func (n *network) advance(epochs int64) {
	n.t.Helper()
	must(n.t, n.Advance(n.t.Context(), epochs))
}

func (n *network) provider(addr string) sandbox.ProviderState {
	n.t.Helper()
	for _, p := range n.Snapshot().Providers {
		if p.Address == addr {
			return p
		}
	}
	n.t.Fatalf("no provider %s", addr)
	return sandbox.ProviderState{}
}

// get fetches a path from a provider.
func (n *network) get(provider, path, rng string) (*http.Response, []byte) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.provider(provider).HTTP+path, nil)
	must(n.t, err)
	if rng != "" {
		req.Header.Set("Range", rng)
	}
	res, err := http.DefaultClient.Do(req)
	must(n.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(n.t, err)
	return res, body
}

func mustPeer(t *testing.T, s string) peer.ID {
	t.Helper()
	id, err := peer.Decode(s)
	must(t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
