package deals

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multiaddr"
	"github.com/whypfs/whypfs/deals/wallet"
)

const somePiece = "baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"

func someKey(t testing.TB) *wallet.Key {
	t.Helper()
	k, err := wallet.ParseKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func someProposal(t testing.TB, k *wallet.Key) market.DealProposal {
	t.Helper()
	piece, err := cid.Decode(somePiece)
	if err != nil {
		t.Fatal(err)
	}
	miner, _ := address.NewIDAddress(1003)
	label, _ := market.NewLabelFromString("label")
	return market.DealProposal{PieceCID: piece, PieceSize: 32 << 20, Client: k.Address(), Provider: miner, Label: label,
		StartEpoch: 9000, EndEpoch: 600_000, StoragePricePerEpoch: big.NewInt(7),
		ProviderCollateral: big.NewInt(120), ClientCollateral: big.Zero()}
}

// What is sent is what living clients send, and survives being stored.
func TestDealParams(t *testing.T) {
	k := someKey(t)
	signed, id, err := signProposal(k, someProposal(t, k))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := cid.Decode(id); err != nil || c.Prefix().Codec != cid.DagCBOR {
		t.Errorf("proposal CID %s, %v", id, err)
	}
	row := dealRow{Deal: Deal{UUID: uuid.NewString()}, Signed: signed}
	full, err := row.signedProposal()
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if err := full.Proposal.MarshalCBOR(&plain); err != nil {
		t.Fatal(err)
	}
	if again := k.Sign(plain.Bytes()); !again.Equals(&full.ClientSignature) {
		t.Error("the signature is not over the proposal's CBOR")
	}
	params := boostly.DealParams{DealUUID: uuid.New(), ClientDealProposal: full, DealDataRoot: full.Proposal.PieceCID,
		Transfer: boostly.Transfer{Type: "http", Params: []byte("{}"), Size: 1}}
	var wire bytes.Buffer
	if err := params.MarshalCBOR(&wire); err != nil {
		t.Fatal(err)
	}
	var got boostly.DealParams
	if err := decode(&got)(&wire); err != nil || !reflect.DeepEqual(got, params) {
		t.Errorf("params %+v, %v, want %+v", got, err, params)
	}
}

func TestAsk(t *testing.T) {
	encode := func(fn func(datamodel.MapAssembler)) []byte {
		n, err := qp.BuildMap(basicnode.Prototype.Any, -1, fn)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := dagcbor.Encode(n, &b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	price := []byte{0, 0x02, 0xfa, 0xf0, 0x80} // big.Int: sign, then 50,000,000
	wire := encode(func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "Ask", qp.Map(-1, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "Signature", qp.Bytes([]byte{2, 1, 1}))
			qp.MapEntry(m, "Ask", qp.Map(-1, func(m datamodel.MapAssembler) {
				qp.MapEntry(m, "Price", qp.Bytes(price))
				qp.MapEntry(m, "VerifiedPrice", qp.Bytes(nil))
				qp.MapEntry(m, "MinPieceSize", qp.Int(1<<20))
				qp.MapEntry(m, "MaxPieceSize", qp.Int(32<<30))
				qp.MapEntry(m, "Miner", qp.Bytes([]byte{0, 1}))
				qp.MapEntry(m, "Timestamp", qp.Int(1))
				qp.MapEntry(m, "Expiry", qp.Int(-2))
				qp.MapEntry(m, "SeqNo", qp.Int(3))
			}))
		}))
	})
	got, err := readAskResponse(bytes.NewReader(wire))
	if err != nil || got.Price.String() != "50000000" || got.Min != 1<<20 || got.Max != 32<<30 {
		t.Errorf("ask %+v, %v", got, err)
	}
	none := encode(func(m datamodel.MapAssembler) { qp.MapEntry(m, "Ask", qp.Null()) })
	if _, err := readAskResponse(bytes.NewReader(none)); err == nil {
		t.Error("an answer without an ask is taken")
	}
	for n := range wire {
		if _, err := readAskResponse(bytes.NewReader(wire[:n])); err == nil {
			t.Fatalf("an ask cut to %d of %d bytes is taken", n, len(wire))
		}
	}
}

func TestTransports(t *testing.T) {
	addr := func(s string) []byte { return multiaddr.StringCast(s).Bytes() }
	n, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "Protocols", qp.List(-1, func(l datamodel.ListAssembler) {
			entry := func(name string, addrs ...[]byte) {
				qp.ListEntry(l, qp.Map(-1, func(m datamodel.MapAssembler) {
					qp.MapEntry(m, "Name", qp.String(name))
					qp.MapEntry(m, "Addresses", qp.List(-1, func(l datamodel.ListAssembler) {
						for _, a := range addrs {
							qp.ListEntry(l, qp.Bytes(a))
						}
					}))
				}))
			}
			entry("libp2p", addr("/ip4/10.0.0.1/tcp/24001"))
			entry("http", addr("/ip4/127.0.0.1/tcp/8080/http"), []byte("junk"), addr("/dns/sp.example/tcp/443/https"),
				addr("/ip6/::1/tcp/81/tls/http"), addr("/dns4/sp.example/http"), addr("/ip4/1.2.3.4/tcp/9"))
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dagcbor.Encode(n, &b); err != nil {
		t.Fatal(err)
	}
	got, err := readTransports(&b)
	want := []string{"http://127.0.0.1:8080", "https://sp.example:443", "https://[::1]:81", "http://sp.example:80"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("URLs %q, %v, want %q", got, err, want)
	}
}

func FuzzForeignCBOR(f *testing.F) {
	f.Add([]byte{0xa1, 0x63, 'A', 's', 'k', 0xf6})
	f.Add([]byte{0xa1, 0x69, 'P', 'r', 'o', 't', 'o', 'c', 'o', 'l', 's', 0x81, 0xa0})
	f.Add([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := readAskResponse(bytes.NewReader(b)); err == nil && (a.Price.Int == nil || a.Max <= 0) {
			t.Errorf("ask %+v taken", a)
		}
		readTransports(bytes.NewReader(b))
		var s boostly.DealStatusResponse
		decode(&s)(bytes.NewReader(b))
		var r boostly.DealResponse
		decode(&r)(bytes.NewReader(b))
	})
}
