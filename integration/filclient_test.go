//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/filecoin-project/go-address"
	commp "github.com/filecoin-project/go-commp-utils/v2"
	filcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/internal/car"
)

// buildFilclient builds the process once, from its module.
var buildFilclient = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "whypfs-filclient")
	out, err := exec.Command("go", "build", "-C", "filclient", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func filclientPath(t *testing.T) string {
	t.Helper()
	path, err := buildFilclient()
	if err != nil {
		t.Fatalf("build whypfs-filclient: %v", err)
	}
	return path
}

// A foreigner is filclient, which knows of the sandbox what the chain says.
type foreigner struct {
	*filclient.Client
	t       *testing.T
	net     *sandbox.Network
	address address.Address
}

// newForeigner starts a sandbox and a filclient whose wallet has 10 FIL.
func newForeigner(t *testing.T, providers int) *foreigner {
	t.Helper()
	dir := t.TempDir()
	net, err := sandbox.Open(t.Context(), sandbox.Options{Dir: dir, Providers: providers, Epoch: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { net.Close() })
	key, err := filcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := address.NewSecp256k1Address(filcrypto.PublicKey(key))
	if err != nil {
		t.Fatal(err)
	}
	if err := net.Faucet(addr.String(), fil(10), big.Zero()); err != nil {
		t.Fatal(err)
	}
	client := filclient.New(func(context.Context) ([]byte, error) { return key, nil },
		filclient.Options{Path: filclientPath(t), RPC: chain.NewEndpoint(net.RPC(), "")})
	background(t, client.Run)
	background(t, net.Run)
	return &foreigner{Client: client, t: t, net: net, address: addr}
}

func fil(n int64) big.Int { return big.Mul(big.NewInt(n), big.NewInt(1e18)) }

// background runs a function for the length of the test.
func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A pieceOnOffer is a piece that an HTTP server gives to who has the token.
type pieceOnOffer struct {
	root, cid cid.Cid
	size      uint64
	padded    abi.PaddedPieceSize
	url       string
}

const pieceToken = "a-token-for-this-piece"

// offer serves a CAR with one block.
func offer(t *testing.T, seed uint64) pieceOnOffer {
	t.Helper()
	block := make([]byte, 900_000)
	io.ReadFull(random(seed), block)
	root, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum(block)
	if err != nil {
		t.Fatal(err)
	}
	data := append(append(car.Header(root), car.SectionHead(root, len(block))...), block...)
	padded := abi.PaddedPieceSize(1 << 20)
	whole := make([]byte, padded.Unpadded())
	copy(whole, data)
	piece, err := commp.GeneratePieceCIDFromFile(abi.RegisteredSealProof_StackedDrg32GiBV1_1, bytes.NewReader(whole), padded.Unpadded())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+pieceToken {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(srv.Close)
	return pieceOnOffer{root: root, cid: piece, size: uint64(len(data)), padded: padded, url: srv.URL}
}

// deal has filclient make a proposal and returns what is to be sent.
func (f *foreigner) deal(provider string, p pieceOnOffer) *boostly.DealParams {
	f.t.Helper()
	to, err := address.NewFromString(provider)
	if err != nil {
		f.t.Fatal(err)
	}
	ask, err := f.Ask(f.t.Context(), provider)
	if err != nil {
		f.t.Fatalf("Ask(%s): %v", provider, err)
	}
	if int64(p.padded) < ask.Min || int64(p.padded) > ask.Max || ask.Price.Sign() <= 0 {
		f.t.Fatalf("Ask(%s) = %+v", provider, ask)
	}
	start := abi.ChainEpoch(f.net.Height() + 1000)
	made, err := f.MakeDeal(f.t.Context(), p.root, p.size, market.DealProposal{
		Provider: to, PieceCID: p.cid, PieceSize: p.padded, StoragePricePerEpoch: ask.Price,
		StartEpoch: start, EndEpoch: start + 200*2880, Label: market.EmptyDealLabel,
	})
	if err != nil {
		f.t.Fatalf("MakeDeal(%s): %v", provider, err)
	}
	transfer, err := json.Marshal(boostly.HttpRequest{URL: p.url, Headers: map[string]string{"Authorization": "Bearer " + pieceToken}})
	if err != nil {
		f.t.Fatal(err)
	}
	return &boostly.DealParams{
		DealUUID: uuid.New(), ClientDealProposal: made, DealDataRoot: p.root,
		Transfer: boostly.Transfer{Type: "http", ClientID: "1", Params: transfer, Size: p.size},
	}
}

// wait waits until the network is in a state.
func (f *foreigner) wait(what string, ok func(sandbox.State) bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	if s, err := f.net.Wait(ctx, ok); err != nil {
		b, _ := json.MarshalIndent(s, "", " ")
		f.t.Fatalf("waiting for %s: %v\n%s", what, err, b)
	}
}

func (f *foreigner) waitStep(id uuid.UUID, step string) {
	f.t.Helper()
	f.wait(step, func(s sandbox.State) bool {
		for _, p := range s.Providers {
			for _, d := range p.Deals {
				if d.UUID == id.String() && d.Step == step {
					return true
				}
			}
		}
		return false
	})
}

// fund locks 2 FIL in the market, as every client must before its first deal.
func (f *foreigner) fund() {
	f.t.Helper()
	ctx := f.t.Context()
	before, err := f.Balance(ctx)
	if err != nil {
		f.t.Fatalf("Balance: %v", err)
	}
	if before.Address != f.address.String() || !before.Wallet.Equals(fil(10)) || !before.Escrow.IsZero() {
		f.t.Fatalf("Balance = %+v, want 10 FIL and no escrow of %s", before, f.address)
	}
	msg, err := f.LockMarketFunds(ctx, fil(2))
	if err != nil || !msg.Defined() {
		f.t.Fatalf("LockMarketFunds = %s, %v", msg, err)
	}
	var after filclient.Balance
	f.wait("2 FIL in escrow", func(sandbox.State) bool {
		if after, err = f.Balance(ctx); err != nil {
			f.t.Fatalf("Balance: %v", err)
		}
		// The wallet and the escrow are asked one after the other: a block may come between.
		return after.Available.Equals(fil(2)) && after.Wallet.LessThan(fil(10))
	})
	if after.Wallet.GreaterThan(fil(8)) || after.Wallet.LessThan(fil(7)) {
		f.t.Errorf("after locking 2 of 10 FIL the wallet has %s", after.Wallet)
	}
}

// TestFilclientMakesDeals: Estuary's client, unmodified, funds its escrow, asks,
// proposes to a provider of either dialect, follows the deal, and sees it active
// on chain.
func TestFilclientMakesDeals(t *testing.T) {
	t.Parallel()
	f := newForeigner(t, 2)
	f.fund()
	piece := offer(t, 7)
	for _, p := range f.net.Snapshot().Providers {
		deal := f.deal(p.Address, piece)
		resp, err := f.Propose(t.Context(), p.Address, deal)
		if err != nil || !resp.Accepted {
			t.Fatalf("%s, %s: Propose = %+v, %v", p.Address, p.Dialect, resp, err)
		}
		f.waitStep(deal.DealUUID, "active")
		st, err := f.Status(t.Context(), p.Address, deal.DealUUID)
		if err != nil || st.DealStatus == nil || st.DealStatus.ChainDealID == 0 || st.DealStatus.PublishCid == nil {
			t.Fatalf("%s, %s: Status = %+v, %v, want the deal's number and message", p.Address, p.Dialect, st, err)
		}
		// filclient has no words for what Curio says.
		if want := map[string]string{"boost": "Complete", "curio": ""}[p.Dialect]; st.DealStatus.Status != want {
			t.Errorf("%s, %s: Status says %q, want %q", p.Address, p.Dialect, st.DealStatus.Status, want)
		}
		on, err := f.CheckChainDeal(t.Context(), uint64(st.DealStatus.ChainDealID))
		if err != nil || !on.Found || on.Start <= 0 || on.Slashed != -1 {
			t.Errorf("%s, %s: CheckChainDeal = %+v, %v, want it active", p.Address, p.Dialect, on, err)
		}
	}
	if on, err := f.CheckChainDeal(t.Context(), 1_000_000); err != nil || on.Found {
		t.Errorf("CheckChainDeal of no deal = %+v, %v", on, err)
	}
}

// TestFilclientIsToldNo: what providers refuse, do not know or have given up on
// comes back as such.
func TestFilclientIsToldNo(t *testing.T) {
	t.Parallel()
	f := newForeigner(t, 2)
	f.fund()
	piece := offer(t, 8)
	for _, p := range f.net.Snapshot().Providers {
		st, err := f.Status(t.Context(), p.Address, uuid.New())
		if err != nil || st.DealStatus != nil || st.Error == "" {
			t.Errorf("%s: Status of a deal that it does not know = %+v, %v", p.Dialect, st, err)
		}
		if err := f.net.Fail(p.Address, "refuse"); err != nil {
			t.Fatal(err)
		}
		deal := f.deal(p.Address, piece)
		resp, err := f.Propose(t.Context(), p.Address, deal)
		if err != nil || resp.Accepted || resp.Message == "" {
			t.Errorf("%s: Propose to one that refuses = %+v, %v", p.Dialect, resp, err)
		}
		if err := f.net.Fail(p.Address, "wrong-commp"); err != nil {
			t.Fatal(err)
		}
		deal.DealUUID = uuid.New()
		if resp, err := f.Propose(t.Context(), p.Address, deal); err != nil || !resp.Accepted {
			t.Fatalf("%s: Propose = %+v, %v", p.Dialect, resp, err)
		}
		f.waitStep(deal.DealUUID, "failed")
		if st, err := f.Status(t.Context(), p.Address, deal.DealUUID); err != nil || st.DealStatus == nil || st.DealStatus.Error == "" {
			t.Errorf("%s: Status of a deal that failed = %+v, %v", p.Dialect, st, err)
		}
		if err := f.net.Fail(p.Address, "vanish"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Ask(t.Context(), p.Address); err == nil {
			t.Errorf("%s: Ask of one that is gone", p.Dialect)
		}
	}
	_, err := f.Ask(t.Context(), "f0999999")
	if err == nil || errors.Is(err, filclient.ErrDown) {
		t.Errorf("Ask of nobody = %v", err)
	}
}
