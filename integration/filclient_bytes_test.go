//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-shipyard/boostly"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/minio/minio-go/v7"
	cbg "github.com/whyrusleeping/cbor-gen"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/deals/wallet"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// A wire is a host that stands before a provider, passes on what clients say,
// and keeps the proposals.
type wire struct {
	host      host.Host
	to        peer.AddrInfo
	proposals chan []byte
}

func newWire(t *testing.T, p sandbox.ProviderState) *wire {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	to, err := peer.AddrInfoFromString(p.P2P)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{host: h, to: *to, proposals: make(chan []byte, 8)}
	for _, p := range []protocol.ID{"/fil/storage/mk/1.2.0", "/fil/storage/mk/1.2.1", "/fil/storage/ask/1.1.0", "/fil/storage/status/1.2.0"} {
		h.SetStreamHandler(p, func(s network.Stream) {
			if err := w.pass(s); err != nil {
				t.Logf("%s: %v", p, err)
				s.Reset()
			}
		})
	}
	return w
}

// pass passes a question on and its answer back. A proposal is kept as it came.
func (w *wire) pass(client network.Stream) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.host.Connect(ctx, w.to); err != nil {
		return err
	}
	provider, err := w.host.NewStream(ctx, w.to.ID, client.Protocol())
	if err != nil {
		return err
	}
	defer provider.Close()
	var heard bytes.Buffer
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.Copy(io.MultiWriter(&heard, provider), client) // ends when the client's side does
	}()
	if _, err := io.Copy(client, provider); err != nil {
		return err
	}
	if err := client.Close(); err != nil {
		return err
	}
	select {
	case <-said:
	case <-ctx.Done():
		return ctx.Err()
	}
	if client.Protocol() == "/fil/storage/mk/1.2.0" || client.Protocol() == "/fil/storage/mk/1.2.1" {
		w.proposals <- heard.Bytes()
	}
	return nil
}

// chain is the sandbox's, but that providers are reached over the wire, and
// that the least collateral is what it is told.
func (w *wire) chain(t *testing.T, rpc string, collateral big.Int) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		res, err := http.Post(rpc, "application/json", bytes.NewReader(body))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		var question struct{ Method string }
		var answer map[string]any
		if json.Unmarshal(body, &question) != nil || json.NewDecoder(res.Body).Decode(&answer) != nil {
			http.Error(rw, "not JSON", http.StatusBadGateway)
			return
		}
		switch result, _ := answer["result"].(map[string]any); question.Method {
		case "Filecoin.StateMinerInfo":
			result["PeerId"], result["Multiaddrs"] = w.host.ID().String(), [][]byte{w.host.Addrs()[0].Bytes()}
		case "Filecoin.StateDealProviderCollateralBounds":
			result["Min"] = collateral
		}
		_ = json.NewEncoder(rw).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// newWallet makes the wallet of a node that has not been started yet.
func newWallet(t *testing.T, data string) *wallet.Key {
	t.Helper()
	store, err := kv.OpenBolt(t.Context(), filepath.Join(data, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	box, err := seal.Open(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := wallet.New(store, box).Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestSameBytes compares what the node sends to a provider with what filclient
// sends for the same piece, terms and key, byte for byte: the signed proposal,
// which is what the chain gets, and each other field of the deal.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	net, err := sandbox.Open(t.Context(), sandbox.Options{Dir: t.TempDir(), Providers: 1, Epoch: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { net.Close() })
	data := t.TempDir()
	key := newWallet(t, data)
	if err := net.Fund(key.Address().String()); err != nil {
		t.Fatal(err)
	}
	provider := net.Snapshot().Providers[0]
	w := newWire(t, provider)

	// The collateral is the one input that neither takes: each adds to the least
	// that the chain names, we a fifth and filclient a tenth.
	ours, theirs := big.NewInt(2_200_000_000_000), big.NewInt(2_400_000_000_000)
	s := start(t, data, "--rpc", w.chain(t, net.RPC(), ours), "--provider", provider.Address, "--public-url", "http://127.0.0.1:9", "--replication", "1")
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "same", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	s.run("bucket", "policy", "same", "--threshold", "1MiB")
	s.store(t, c, "same", "object", 1, 3<<20)
	var fromUs []byte
	select {
	case fromUs = <-w.proposals:
	case <-time.After(60 * time.Second):
		t.Fatalf("no proposal from the node: %s", s.run("deal", "ls"))
	}

	foreign := filclient.New(func(context.Context) ([]byte, error) { return key.Secret(), nil },
		filclient.Options{Path: filclientPath(t), RPC: chain.NewEndpoint(w.chain(t, net.RPC(), theirs), "")})
	background(t, foreign.Run)
	var deal boostly.DealParams
	if err := deal.UnmarshalCBOR(bytes.NewReader(fromUs)); err != nil {
		t.Fatal(err)
	}
	input := deal.ClientDealProposal.Proposal
	if deal.ClientDealProposal, err = foreign.MakeDeal(t.Context(), deal.DealDataRoot, deal.Transfer.Size, input); err != nil {
		t.Fatal(err)
	}
	// The provider has the deal, and may refuse to have it twice.
	if _, err := foreign.Propose(t.Context(), provider.Address, &deal); err != nil {
		t.Fatal(err)
	}
	fromFilclient := <-w.proposals
	same(t, "deal", fromUs, fromFilclient)
	same(t, "transfer", fields(t, fromUs)["Transfer"], fields(t, fromFilclient)["Transfer"])
	// The comparison is one only if there is something in it.
	if len(fields(t, fromUs)["ClientDealProposal"]) < 200 || input.ProviderCollateral.IsZero() || input.StoragePricePerEpoch.IsZero() {
		t.Errorf("proposal %+v", input)
	}
}

// fields splits a CBOR map of text to anything, whose order means nothing: in
// filclient's time encoders kept that of the Go struct, today they sort by name.
func fields(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	r := cbg.NewCborReader(bytes.NewReader(raw))
	major, n, err := r.ReadHeader()
	if err != nil || major != cbg.MajMap {
		t.Fatalf("no map: %x (%v)", raw, err)
	}
	all := make(map[string][]byte)
	for range n {
		name, err := cbg.ReadString(r)
		if err != nil {
			t.Fatal(err)
		}
		var value cbg.Deferred
		if err := value.UnmarshalCBOR(r); err != nil {
			t.Fatal(err)
		}
		all[name] = value.Raw
	}
	return all
}

// same compares two maps field by field, maps in them by their size only.
func same(t *testing.T, what string, ours, theirs []byte) {
	t.Helper()
	a, b := fields(t, ours), fields(t, theirs)
	if len(ours) != len(theirs) || len(a) != len(b) {
		t.Errorf("%s: %d bytes and %d fields, filclient sends %d and %d", what, len(ours), len(a), len(theirs), len(b))
	}
	for name, value := range a {
		if value[0]>>5 != cbg.MajMap && !bytes.Equal(value, b[name]) {
			t.Errorf("%s: %s = %x, filclient sends %x", what, name, value, b[name])
		}
	}
}
