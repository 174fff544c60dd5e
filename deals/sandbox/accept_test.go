package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// rejectCase breaks one rule.
type rejectCase struct {
	name         string
	change       func(dp *boostly.DealParams)
	after        func(dp *boostly.DealParams) // the signature
	boost, curio string                       // "" in curio: the same
}

func prop(dp *boostly.DealParams) *market.DealProposal { return &dp.ClientDealProposal.Proposal }

func rejectCases(p *piece) []rejectCase {
	return []rejectCase{
		{name: "signature", after: func(dp *boostly.DealParams) { dp.ClientDealProposal.ClientSignature.Data[3] ^= 1 },
			boost: "failed validation: server error: validating signature"},
		{name: "signature of other content", after: func(dp *boostly.DealParams) { prop(dp).EndEpoch++ },
			boost: "failed validation: server error: validating signature"},
		{name: "other provider", change: func(dp *boostly.DealParams) { prop(dp).Provider, _ = address.NewIDAddress(1077) },
			boost: "failed validation: incorrect provider for deal; proposal.Provider: f01077; provider.Address: f01000",
			curio: "failed validation: incorrect provider for deal; proposal.Provider: f01077; provider.Address: [f01001]"},
		{name: "piece size", change: func(dp *boostly.DealParams) { prop(dp).PieceSize = 1<<20 + 128 },
			boost: "failed validation: proposal piece size is invalid: padded piece size must be a power of 2"},
		{name: "piece cid", change: func(dp *boostly.DealParams) { prop(dp).PieceCID = p.root },
			boost: "failed validation: proposal PieceCID had wrong prefix"},
		{name: "end before start", change: func(dp *boostly.DealParams) { prop(dp).EndEpoch = prop(dp).StartEpoch - 1 },
			boost: "failed validation: proposal end 2995 before proposal start 2996"},
		{name: "start has passed", change: func(dp *boostly.DealParams) { prop(dp).StartEpoch -= 101 },
			boost: "failed validation: deal start epoch 2895 has already elapsed (current epoch: 2896)"},
		{name: "too short", change: func(dp *boostly.DealParams) { prop(dp).EndEpoch = prop(dp).StartEpoch + 180*2880 - 1 },
			boost: "failed validation: deal duration out of bounds (min, max, provided): 518400, 3680640, 518399"},
		{name: "too long", change: func(dp *boostly.DealParams) { prop(dp).EndEpoch = prop(dp).StartEpoch + 1278*2880 + 1 },
			boost: "failed validation: deal duration out of bounds (min, max, provided): 518400, 3680640, 3680641"},
		{name: "too far", change: func(dp *boostly.DealParams) { prop(dp).EndEpoch = prop(dp).StartEpoch + 1278*2880 },
			boost: "failed validation: invalid deal end epoch 3683636: cannot be more than 3680640 past current epoch 2896"},
		{name: "collateral too low", change: func(dp *boostly.DealParams) { prop(dp).ProviderCollateral = big.NewInt(1) },
			boost: "failed validation: proposed provider collateral 1 below minimum 280124368145"},
		{name: "collateral too high", change: func(dp *boostly.DealParams) { prop(dp).ProviderCollateral = big.NewInt(1e15) },
			boost: "failed validation: proposed provider collateral 1000000000000000 above maximum 560248736290"},
		{name: "price", change: func(dp *boostly.DealParams) { prop(dp).StoragePricePerEpoch = big.NewInt(48827) },
			boost: "failed validation: storage price per epoch less than asking price: 48827 < 48828",
			curio: "internal server error: failed to apply filters"},
		{name: "piece below the minimum", change: func(dp *boostly.DealParams) {
			prop(dp).PieceSize, prop(dp).ProviderCollateral = 1<<19, big.NewInt(170_000_000_000)
		},
			boost: "failed validation: piece size less than minimum required size: 524288 < 1048576",
			curio: "internal server error: failed to apply filters"},
		{name: "unknown client", change: func(dp *boostly.DealParams) { prop(dp).Client, _ = address.NewIDAddress(7777) },
			boost: "failed validation: server error: validating signature"},
		{name: "escrow", change: func(dp *boostly.DealParams) { prop(dp).ClientCollateral = big.Mul(big.NewInt(1e18), big.NewInt(100)) },
			boost: "failed validation: client available funds in escrow 100000000000000000000 not enough to meet storage cost for deal 100000028800000000000"},
		{name: "verified", change: func(dp *boostly.DealParams) { prop(dp).VerifiedDeal = true },
			boost: "failed validation: client is not a verified client"},
		{name: "libp2p transfer", change: func(dp *boostly.DealParams) { dp.Transfer.Type = "libp2p" },
			boost: "libp2p URLs are not supported by this provider"},
		{name: "graphsync transfer", change: func(dp *boostly.DealParams) { dp.Transfer.Type = "graphsync" },
			boost: "transfer type 'graphsync' is not supported by this provider"},
		{name: "transfer size", change: func(dp *boostly.DealParams) { dp.Transfer.Size *= 2 },
			boost: "deal proposal piece size 1048576 doesn't match padded piece size 2097152"},
		{name: "no transfer size", change: func(dp *boostly.DealParams) { dp.Transfer.Size = 0 },
			boost: "deal proposal piece size 1048576 doesn't match padded piece size 128"},
		{name: "absurd transfer size", change: func(dp *boostly.DealParams) { dp.Transfer.Size = 1<<64 - 1 },
			boost: "deal proposal piece size 1048576 doesn't match padded piece size 0"},
		{name: "transfer params", change: func(dp *boostly.DealParams) { dp.Transfer.Params = []byte("nonsense") },
			boost: "failed to de-serialize transport params bytes"},
		{name: "transfer url", change: func(dp *boostly.DealParams) { dp.Transfer.Params = []byte(`{"URL":"file:///etc/passwd"}`) },
			boost: "failed to parse request url"},
	}
}

// TestReject breaks one rule at a time and checks the words of each dialect.
func TestReject(t *testing.T) {
	n := newNetwork(t, 2)
	p := plainPiece(t, 20)
	for _, tt := range rejectCases(p) {
		for i, provider := range n.Providers() {
			t.Run(tt.name+"/"+n.provider(provider).Dialect, func(t *testing.T) {
				dp := n.params(provider, p)
				if tt.change != nil {
					tt.change(&dp)
				}
				n.signDeal(&dp)
				if tt.after != nil {
					tt.after(&dp)
				}
				want := tt.boost
				if i == 1 && tt.curio != "" {
					want = tt.curio
				}
				if res := n.propose(provider, dp); res.Accepted || res.Message != want {
					t.Errorf("propose = %v %q, want %q", res.Accepted, res.Message, want)
				}
			})
		}
	}
	if got := len(n.provider("f01000").Deals) + len(n.provider("f01001").Deals); got != 0 {
		t.Errorf("%d deals were stored", got)
	}
}

// TestRejectUnfunded: a client the chain has never seen signs well and has no
// balance to ask for.
func TestRejectUnfunded(t *testing.T) {
	n := openNetwork(t, t.TempDir(), 1)
	dp := n.params("f01000", plainPiece(t, 21))
	n.signDeal(&dp)
	const want = "failed validation: server error: getting market balance"
	if res := n.propose("f01000", dp); res.Accepted || res.Message != want {
		t.Errorf("propose = %v %q, want %q", res.Accepted, res.Message, want)
	}
}

func TestRejectDuplicates(t *testing.T) {
	n := newNetwork(t, 2)
	p := plainPiece(t, 22)
	for i, provider := range n.Providers() {
		dp := n.deal(provider, p)
		proposal, err := dp.ClientDealProposal.Proposal.Cid()
		must(t, err)
		sameProposal := dp
		sameProposal.DealUUID = uuid.New()
		sameUUID := dp
		sameUUID.ClientDealProposal.Proposal.EndEpoch++
		n.signDeal(&sameUUID)
		want := [][2]string{
			{"deal has the same uuid as deal " + dp.DealUUID.String(), "deal proposal is identical to deal " + dp.DealUUID.String()},
			{"store deal: store deal success: updated 0 rows instead of 1",
				fmt.Sprintf("store deal: market deal with the same proposalCID %s already exists: 1", proposal)},
		}[i]
		if res := n.propose(provider, sameUUID); res.Accepted || !strings.HasPrefix(res.Message, want[0]) {
			t.Errorf("same uuid: %v %q, want %q", res.Accepted, res.Message, want[0])
		}
		if res := n.propose(provider, sameProposal); res.Accepted || !strings.HasPrefix(res.Message, want[1]) {
			t.Errorf("same proposal: %v %q, want %q", res.Accepted, res.Message, want[1])
		}
	}
}

// TestLabelTooLong cannot be made by the market types; its bytes can.
func TestLabelTooLong(t *testing.T) {
	n := newNetwork(t, 1)
	dp := n.params("f01000", plainPiece(t, 23))
	var long bytes.Buffer
	must(t, cbg.WriteMajorTypeHeader(&long, cbg.MajByteString, 300))
	long.Write(make([]byte, 300))
	must(t, dp.ClientDealProposal.Proposal.Label.UnmarshalCBOR(&long))
	n.signDeal(&dp)
	const want = "failed validation: deal label can be at most 256 bytes, is 300"
	if res := n.propose("f01000", dp); res.Message != want {
		t.Errorf("propose = %q, want %q", res.Message, want)
	}
}

// TestOverHTTP makes a deal with a Curio provider without libp2p.
func TestOverHTTP(t *testing.T) {
	n := newNetwork(t, 2)
	dp := n.params("f01001", plainPiece(t, 24))
	n.signDeal(&dp)
	send := func(method, path string, in cbg.CBORMarshaler, out cbg.CBORUnmarshaler) {
		t.Helper()
		var body bytes.Buffer
		must(t, in.MarshalCBOR(&body))
		req, err := http.NewRequestWithContext(t.Context(), method, n.provider("f01001").HTTP+path, &body)
		must(t, err)
		req.Header.Set("Content-Type", "application/cbor")
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		defer res.Body.Close()
		must(t, out.UnmarshalCBOR(res.Body))
	}
	var res boostly.DealResponse
	send(http.MethodPost, "/market/mk12/store", &dp, &res)
	if !res.Accepted {
		t.Fatal(res.Message)
	}
	sig, err := n.sign(context.Background(), dp.DealUUID[:])
	must(t, err)
	var st boostly.DealStatusResponse
	send(http.MethodGet, "/market/mk12/status", &boostly.DealStatusRequest{DealUUID: dp.DealUUID, Signature: *sig}, &st)
	if st.DealStatus == nil || st.DealStatus.Status != "Processing" || st.DealStatus.SealingStatus != "Not assigned to sector" {
		t.Errorf("status = %+v", st)
	}
	n.waitStep(dp.DealUUID, "transferred")
	for name, c := range map[string]struct {
		kind, body string
		want       int
	}{
		"another content type": {"application/json", "{}", http.StatusBadRequest},
		"no CBOR":              {"application/cbor", "{}", http.StatusBadRequest},
		"another provider":     {"application/cbor", "\xa1\x65Miner\x43\x00\xe8\x07", http.StatusInternalServerError},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.provider("f01001").HTTP+"/market/mk12/ask", strings.NewReader(c.body))
		must(t, err)
		req.Header.Set("Content-Type", c.kind)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		must(t, res.Body.Close())
		if res.StatusCode != c.want || res.ContentLength != 0 {
			t.Errorf("%s: %d with %d bytes, want %d and none", name, res.StatusCode, res.ContentLength, c.want)
		}
	}
}

func TestStatusOfStranger(t *testing.T) {
	n := newNetwork(t, 2)
	for i, provider := range n.Providers() {
		dp := n.deal(provider, plainPiece(t, 25))
		mine := n.key
		n.key, _ = newKey(t)
		got := n.status(provider, dp.DealUUID)
		if i == 0 && (got.Error != "signature verification failed" || got.DealStatus != nil) {
			t.Errorf("boost tells a stranger %+v", got)
		}
		if i == 1 && got.DealStatus == nil {
			t.Errorf("curio does not check signatures, but answered %+v", got)
		}
		n.key = mine
		none := uuid.New()
		want := []string{"no storage deal found with deal UUID " + none.String(), "failed to get sealed deal status"}[i]
		if got := n.status(provider, none); got.Error != want {
			t.Errorf("status of no deal = %q, want %q", got.Error, want)
		}
	}
}

// TestAsk reads the ask by hand: it is the one message boostly has no type for.
func TestAsk(t *testing.T) {
	n := newNetwork(t, 1)
	id, err := n.connect("f01000")
	must(t, err)
	s, err := n.host.NewStream(t.Context(), id, "/fil/storage/ask/1.1.0")
	must(t, err)
	defer s.Close()
	addr, err := address.NewFromString("f01000")
	must(t, err)
	req := append([]byte{0xa1, 0x65}, "Miner"...)
	req = append(append(req, 0x40+byte(len(addr.Bytes()))), addr.Bytes()...)
	_, err = s.Write(req)
	must(t, err)
	cr := cbg.NewCborReader(s)
	fields := map[string]any{}
	readMap(t, cr, fields)
	ask := fields["Ask"].(map[string]any)["Ask"].(map[string]any)
	for key, want := range map[string]string{
		"Miner": "f01000", "Price": "50000000", "VerifiedPrice": "5000000", "MinPieceSize": "1048576",
		"MaxPieceSize": "34359738368", "SeqNo": "1", "Timestamp": fmt.Sprint(n.Height()), "Expiry": fmt.Sprint(n.Height() + 1_000_000),
	} {
		if got := fmt.Sprint(ask[key]); got != want {
			t.Errorf("ask %s = %s, want %s", key, got, want)
		}
	}
	if sig, _ := fields["Ask"].(map[string]any)["Signature"].([]byte); len(sig) != 66 || sig[0] != 1 {
		t.Errorf("ask signature %x", sig)
	}
}

// readMap reads a CBOR map of maps, numbers and byte strings.
func readMap(t *testing.T, cr *cbg.CborReader, into map[string]any) {
	t.Helper()
	major, count, err := cr.ReadHeader()
	must(t, err)
	if major != cbg.MajMap {
		t.Fatalf("major type %d is not a map", major)
	}
	for range count {
		key, err := cbg.ReadString(cr)
		must(t, err)
		switch key {
		case "Ask":
			inner := map[string]any{}
			readMap(t, cr, inner)
			into[key] = inner
		case "Miner":
			var a address.Address
			must(t, a.UnmarshalCBOR(cr))
			into[key] = a
		case "Price", "VerifiedPrice":
			var v abi.TokenAmount
			must(t, v.UnmarshalCBOR(cr))
			into[key] = v
		case "Signature":
			b, err := cbg.ReadByteArray(cr, 200)
			must(t, err)
			into[key] = b
		default:
			_, v, err := cr.ReadHeader()
			must(t, err)
			into[key] = v
		}
	}
}

func TestTransports(t *testing.T) {
	n := newNetwork(t, 1)
	id, err := n.connect("f01000")
	must(t, err)
	res, err := boostly.QueryTransports(t.Context(), n.host, id)
	must(t, err)
	p := n.provider("f01000")
	got := map[string]string{}
	for _, proto := range res.Protocols {
		got[proto.Name] = proto.Addresses[0].String()
	}
	web := "/ip4/127.0.0.1/tcp/" + p.HTTP[strings.LastIndex(p.HTTP, ":")+1:] + "/http"
	if got["libp2p"] != p.P2P || got["http"] != web {
		t.Errorf("transports = %v, want %s and %s", got, p.P2P, web)
	}
}
