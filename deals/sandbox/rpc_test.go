package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
	jsonrpc "github.com/filecoin-project/go-jsonrpc"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

func cidsOf(bs []blocks.Block) []cid.Cid {
	out := make([]cid.Cid, len(bs))
	for i, b := range bs {
		out[i] = b.Cid()
	}
	return out
}

func mustCID(t *testing.T, s string) cid.Cid {
	t.Helper()
	c, err := cid.Decode(s)
	must(t, err)
	return c
}

func headOf(t *testing.T, rpc string) (int64, error) {
	t.Helper()
	res, err := http.Post(rpc, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"Filecoin.ChainHead","params":[]}`))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var out struct{ Result struct{ Height int64 } }
	err = json.NewDecoder(res.Body).Decode(&out)
	return out.Result.Height, err
}

// header is a block as Lotus shows it.
type header struct {
	Miner         address.Address
	Ticket        struct{ VRFProof []byte }
	ElectionProof struct {
		WinCount int64
		VRFProof []byte
	}
	Parents                                          []cid.Cid
	ParentWeight                                     big.Int
	Height                                           int64
	ParentStateRoot, ParentMessageReceipts, Messages cid.Cid
	BLSAggregate, BlockSig                           struct {
		Type int
		Data []byte
	}
	Timestamp, ForkSignaling uint64
	ParentBaseFee            big.Int
}

// cid hashes the block's own encoding, as Lotus does.
func (h *header) cid(t *testing.T) cid.Cid {
	t.Helper()
	var buf bytes.Buffer
	w := cbg.NewCborWriter(&buf)
	num := func(major byte, v uint64) { must(t, w.WriteMajorTypeHeader(major, v)) }
	raw := func(d []byte) { num(cbg.MajByteString, uint64(len(d))); buf.Write(d) }
	num(cbg.MajArray, 16)
	must(t, h.Miner.MarshalCBOR(w))
	num(cbg.MajArray, 1)
	raw(h.Ticket.VRFProof)
	num(cbg.MajArray, 2)
	num(cbg.MajUnsignedInt, uint64(h.ElectionProof.WinCount))
	raw(h.ElectionProof.VRFProof)
	num(cbg.MajArray, 0)
	num(cbg.MajArray, 0)
	num(cbg.MajArray, 1)
	must(t, cbg.WriteCid(w, h.Parents[0]))
	must(t, h.ParentWeight.MarshalCBOR(w))
	num(cbg.MajUnsignedInt, uint64(h.Height))
	for _, c := range []cid.Cid{h.ParentStateRoot, h.ParentMessageReceipts, h.Messages} {
		must(t, cbg.WriteCid(w, c))
	}
	raw(append([]byte{byte(h.BLSAggregate.Type)}, h.BLSAggregate.Data...))
	num(cbg.MajUnsignedInt, h.Timestamp)
	raw(append([]byte{byte(h.BlockSig.Type)}, h.BlockSig.Data...))
	num(cbg.MajUnsignedInt, h.ForkSignaling)
	must(t, h.ParentBaseFee.MarshalCBOR(w))
	c, err := abi.CidBuilder.Sum(buf.Bytes())
	must(t, err)
	return c
}

// TestHead: blocks hash to their CIDs and every head has the last as parent.
func TestHead(t *testing.T) {
	n := newNetwork(t, 1)
	type head struct {
		Cids   []cid.Cid
		Blocks []header
		Height int64
	}
	a := call[head](n, "ChainHead")
	n.advance(1)
	b := call[head](n, "ChainHead")
	if b.Height != a.Height+1 || b.Height != n.Height() || b.Blocks[0].Parents[0] != a.Cids[0] {
		t.Errorf("head %+v follows %+v", b, a)
	}
	if d := b.Blocks[0].Timestamp - a.Blocks[0].Timestamp; d != 30 {
		t.Errorf("an epoch lasts %d s", d)
	}
	if got := b.Blocks[0].cid(t); got != b.Cids[0] {
		t.Errorf("block hashes to %s, head says %s", got, b.Cids[0])
	}
}

// TestAnswers checks the shapes clients parse, as raw JSON.
func TestAnswers(t *testing.T) {
	n := newNetwork(t, 1)
	me := n.client.String()
	_, nobody := newKey(t)
	tests := []struct {
		method string
		args   []any
		want   string // JSON
	}{
		{"StateNetworkVersion", []any{nil}, `29`},
		{"StateNetworkName", nil, `"sandbox"`},
		{"StateListMiners", []any{nil}, `["f01000"]`},
		{"StateLookupID", []any{me, nil}, `"f02000"`},
		{"StateAccountKey", []any{"f02000", nil}, `"` + me + `"`},
		{"StateAccountKey", []any{me, []any{}}, `"` + me + `"`},
		{"StateVerifiedClientStatus", []any{me, nil}, `null`},
		{"StateMarketBalance", []any{me, nil}, `{"Escrow":"100000000000000000000","Locked":"0"}`},
		{"StateDealProviderCollateralBounds", []any{34359738368, false, nil}, `{"Min":"9179115295410155","Max":"2000000000000000000000000000"}`},
		{"StateMinerPower", []any{"f01000", nil}, `{"MinerPower":{"RawBytePower":"11258999068426240","QualityAdjPower":"11258999068426240"},` +
			`"TotalPower":{"RawBytePower":"11258999068426240","QualityAdjPower":"11258999068426240"},"HasMinPower":true}`},
		{"StateSearchMsg", []any{nil, map[string]string{"/": "bafy2bzacea3wsdh6y3a36tb3skempjoxqpuyompjbmfeyf34fi3uy6uue42v4"}, -1, true}, `null`},
		{"StateSectorGetInfo", []any{"f01000", 77, nil}, `null`},
		{"MpoolGetNonce", []any{me}, `0`},
		{"WalletBalance", []any{me}, `"1000000000000000000"`},
		{"WalletBalance", []any{nobody.String()}, `"0"`},
	}
	for _, tt := range tests {
		got, err := tryCall[json.RawMessage](n, tt.method, tt.args...)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s%v = %s, %v, want %s", tt.method, tt.args, got, err, tt.want)
		}
	}
}

func TestRPCErrors(t *testing.T) {
	n := newNetwork(t, 1)
	_, nobody := newKey(t)
	for _, tt := range []struct {
		method string
		args   []any
		want   string
	}{
		{"StateNonsense", nil, "-32601: method 'Filecoin.StateNonsense' not found"},
		{"StateLookupID", []any{nobody.String(), nil}, "3: actor not found"},
		{"StateMarketBalance", []any{nobody.String(), nil}, "3: actor not found"},
		{"StateMinerInfo", []any{"f01999", nil}, "3: actor not found"},
		{"StateMarketStorageDeal", []any{77, nil}, "1: deal 77 not found - deal may not have completed sealing before deal proposal start epoch, or deal may have been slashed"},
	} {
		if _, err := tryCall[json.RawMessage](n, tt.method, tt.args...); err == nil || err.Error() != tt.want {
			t.Errorf("%s = %v, want %s", tt.method, err, tt.want)
		}
	}
	post := func(body string) string {
		res, err := http.Post(n.RPC(), "application/json", strings.NewReader(body))
		must(t, err)
		defer res.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		must(t, err)
		return strings.TrimSpace(b.String())
	}
	for body, want := range map[string]string{
		`{`:  `"code":-32700`,
		`[]`: `"code":-32600`,
		`{"jsonrpc":"2.0","id":"x","method":"Filecoin.StateNetworkName","params":{}}`:      `"code":-32602`,
		`{"jsonrpc":"2.0","id":"x","method":"Filecoin.StateLookupID","params":["f0oops"]}`: `"code":-32602`,
		`[{"jsonrpc":"2.0","id":"x","method":"Filecoin.StateNetworkName"},{"jsonrpc":"2.0","id":2,"method":"Filecoin.No"}]`: `[{"jsonrpc":"2.0","result":"sandbox","id":"x"},` +
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"method 'Filecoin.No' not found"}}]`,
	} {
		if got := post(body); !strings.Contains(got, want) {
			t.Errorf("%s answers %s, want %s", body, got, want)
		}
	}
	res, err := http.Get(n.RPC())
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", res.StatusCode)
	}
}

// TestForeignClient uses the client library Lotus's own clients use.
func TestForeignClient(t *testing.T) {
	n := newNetwork(t, 1)
	var api struct {
		StateLookupID       func(context.Context, address.Address, []cid.Cid) (address.Address, error)
		StateNetworkVersion func(context.Context, []cid.Cid) (uint, error)
		MpoolGetNonce       func(context.Context, address.Address) (uint64, error)
	}
	closer, err := jsonrpc.NewClient(t.Context(), n.RPC(), "Filecoin", &api, nil)
	must(t, err)
	defer closer()
	if v, err := api.StateNetworkVersion(t.Context(), nil); err != nil || v != 29 {
		t.Errorf("StateNetworkVersion = %d, %v", v, err)
	}
	if a, err := api.StateLookupID(t.Context(), n.client, nil); err != nil || a.String() != "f02000" {
		t.Errorf("StateLookupID = %s, %v", a, err)
	}
	_, nobody := newKey(t)
	if _, err := api.MpoolGetNonce(t.Context(), nobody); err == nil || !strings.Contains(err.Error(), "actor not found") {
		t.Errorf("MpoolGetNonce of nobody: %v", err)
	}
}

type rpcMessage struct {
	Version    uint64
	To, From   address.Address
	Nonce      uint64
	Value      big.Int
	GasLimit   int64
	GasFeeCap  big.Int
	GasPremium big.Int
	Method     uint64
	Params     []byte
}

// push signs a message and sends it.
func (n *network) push(m rpcMessage) (cid.Cid, error) {
	n.t.Helper()
	var buf bytes.Buffer
	w := cbg.NewCborWriter(&buf)
	num := func(v uint64) { must(n.t, w.WriteMajorTypeHeader(cbg.MajUnsignedInt, v)) }
	must(n.t, w.WriteMajorTypeHeader(cbg.MajArray, 10))
	num(m.Version)
	must(n.t, m.To.MarshalCBOR(w))
	must(n.t, m.From.MarshalCBOR(w))
	num(m.Nonce)
	must(n.t, m.Value.MarshalCBOR(w))
	num(uint64(m.GasLimit))
	must(n.t, m.GasFeeCap.MarshalCBOR(w))
	must(n.t, m.GasPremium.MarshalCBOR(w))
	num(m.Method)
	must(n.t, w.WriteMajorTypeHeader(cbg.MajByteString, uint64(len(m.Params))))
	buf.Write(m.Params)
	id, err := abi.CidBuilder.Sum(buf.Bytes())
	must(n.t, err)
	sig, err := n.sign(n.t.Context(), id.Bytes())
	must(n.t, err)
	return tryCall[cid.Cid](n, "MpoolPush", map[string]any{
		"Message": m, "Signature": map[string]any{"Type": sig.Type, "Data": sig.Data},
	})
}

// TestMessages tops up the escrow by a message, as a wallet would.
func TestMessages(t *testing.T) {
	n := newNetwork(t, 1)
	market, err := address.NewIDAddress(5)
	must(t, err)
	var who bytes.Buffer
	must(t, n.client.MarshalCBOR(&who))
	msg := rpcMessage{To: market, From: n.client, Value: big.NewInt(777), GasFeeCap: big.Zero(), GasPremium: big.Zero(), Method: 2, Params: who.Bytes()}
	msg = call[rpcMessage](n, "GasEstimateMessageGas", msg, nil, nil)
	if msg.GasLimit == 0 || msg.GasFeeCap.IsZero() {
		t.Fatalf("estimate is %+v", msg)
	}
	id, err := n.push(msg)
	must(t, err)
	if got := call[uint64](n, "MpoolGetNonce", n.client.String()); got != 1 {
		t.Errorf("nonce is %d with a message in the pool", got)
	}
	waited := make(chan *msgLookup, 1)
	go func() { waited <- call[*msgLookup](n, "StateWaitMsg", id, 1, -1, true) }()
	if got := call[*msgLookup](n, "StateSearchMsg", nil, id, -1, true); got != nil {
		t.Errorf("the message ran at once: %+v", got)
	}
	n.advance(1)
	if got := <-waited; got == nil || got.Receipt.ExitCode != 0 || got.Message != id || got.Height != n.Height() {
		t.Errorf("StateWaitMsg = %+v", got)
	}
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil); got["Escrow"] != "100000000000000000777" {
		t.Errorf("balance is %v", got)
	}
	withdraw := msg
	withdraw.Nonce, withdraw.Value, withdraw.Method = 1, big.Zero(), 3
	withdraw.Params = append([]byte{0x82}, who.Bytes()...)
	withdraw.Params = append(withdraw.Params, 0x43, 0, 3, 9) // 777
	_, err = n.push(withdraw)
	must(t, err)
	n.advance(1)
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil); got["Escrow"] != "100000000000000000000" {
		t.Errorf("balance after withdrawing is %v", got)
	}
	if _, err := n.push(msg); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("the same nonce again: %v", err)
	}
	forged := msg
	forged.Nonce, forged.Value = 2, big.NewInt(-5)
	if _, err := n.push(forged); err == nil {
		t.Error("a negative value was taken")
	}
	n.key, _ = newKey(t)
	msg.Nonce = 2
	if _, err := n.push(msg); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("signed by another key: %v", err)
	}
}
