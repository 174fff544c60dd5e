package mk12

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/filecoin-shipyard/boostly"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multiaddr"
)

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
