package sandbox_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
	fcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
	"github.com/ipfs/go-cid"
	"golang.org/x/crypto/sha3"

	"github.com/whypfs/whypfs/deals/sandbox"
)

func keccak(data []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(data)
	return h.Sum(nil)
}

// ethKey makes an Ethereum account: its key and its f410 address.
func ethKey(t *testing.T) ([]byte, address.Address) {
	t.Helper()
	key, err := fcrypto.GenerateKey()
	must(t, err)
	a, err := address.NewDelegatedAddress(builtin.EthereumAddressManagerActorID, keccak(fcrypto.PublicKey(key)[1:])[12:])
	must(t, err)
	return key, a
}

func ethSign(t *testing.T, key, data []byte) scrypto.Signature {
	t.Helper()
	sig, err := fcrypto.Sign(key, keccak(data))
	must(t, err)
	return scrypto.Signature{Type: scrypto.SigTypeDelegated, Data: sig}
}

// rlp encodes the few lengths the test needs.
func rlp(base byte, b []byte) []byte {
	if base == 0x80 && len(b) == 1 && b[0] < 0x80 {
		return b
	}
	if len(b) > 55 {
		return append([]byte{base + 56, byte(len(b))}, b...)
	}
	return append([]byte{base + byte(len(b))}, b...)
}

// pushEth signs a message as an Ethereum wallet does, whatever the message is.
func (n *network) pushEth(key []byte, m rpcMessage, to []byte) (cid.Cid, error) {
	n.t.Helper()
	num := func(v uint64) []byte { return rlp(0x80, big.NewIntUnsigned(v).Int.Bytes()) }
	body := bytes.Join([][]byte{
		num(31415926), num(m.Nonce), num(m.GasPremium.Uint64()), num(m.GasFeeCap.Uint64()), num(uint64(m.GasLimit)),
		rlp(0x80, to), num(m.Value.Uint64()), rlp(0x80, nil), rlp(0xc0, nil),
	}, nil)
	sig := ethSign(n.t, key, append([]byte{2}, rlp(0xc0, body)...))
	return tryCall[cid.Cid](n, "MpoolPush", map[string]any{
		"Message": m, "Signature": map[string]any{"Type": sig.Type, "Data": sig.Data},
	})
}

// TestEthAccount: an f4 key can send money as Ethereum does, and nothing that
// an Ethereum transaction cannot say.
func TestEthAccount(t *testing.T) {
	n := newNetwork(t, 1)
	key, from := ethKey(t)
	_, to := ethKey(t)
	must(t, n.Faucet(from.String(), big.NewInt(2e18), big.Zero()))
	msg := rpcMessage{
		From: from, To: to, Value: big.NewInt(1e18), GasLimit: 5e6, GasFeeCap: big.NewInt(300), GasPremium: big.NewInt(100),
		Method: uint64(builtin.MethodsEVM.InvokeContract),
	}
	if _, err := n.pushEth(key, msg, make([]byte, 20)); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("signed for another recipient: %v", err)
	}
	id, err := n.pushEth(key, msg, to.Payload()[1:])
	must(t, err)
	n.advance(1)
	if got := call[*msgLookup](n, "StateSearchMsg", nil, id, -1, true); got == nil || got.Receipt.ExitCode != 0 {
		t.Fatalf("receipt of an Ethereum transfer is %+v", got)
	}
	if got := call[string](n, "WalletBalance", to.String()); got != "1000000000000000000" {
		t.Errorf("balance of the recipient is %s", got)
	}
	if got := call[map[string]any](n, "StateGetActor", from.String(), nil); got["DelegatedAddress"] != from.String() {
		t.Errorf("actor is %v", got)
	}
	msg.Nonce = 1
	native := msg
	native.Method = 0
	if _, err := n.pushEth(key, native, to.Payload()[1:]); err == nil || !strings.Contains(err.Error(), "invalid methodnum 0") {
		t.Errorf("a native transfer of an Ethereum account: %v", err)
	}
	native.Method, native.To = 2, builtin.StorageMarketActorAddr
	if _, err := n.pushEth(key, native, nil); err == nil || !strings.Contains(err.Error(), "invalid methodnum 2") {
		t.Errorf("AddBalance of an Ethereum account: %v", err)
	}
	native = msg
	native.Params = []byte{0x58, 1, 1} // a head longer than need be
	if _, err := n.pushEth(key, native, to.Payload()[1:]); err == nil || !strings.Contains(err.Error(), "canonical") {
		t.Errorf("params that are not canonical: %v", err)
	}
}

// TestEthDeal: providers take the proposal of an Ethereum account, and the
// market does not publish it, because the account's actor cannot say that it
// has signed.
func TestEthDeal(t *testing.T) {
	n := newNetwork(t, 1)
	key, client := ethKey(t)
	must(t, n.Fund(client.String()))
	provider, p := n.Providers()[0], plainPiece(t, 1)
	dp := n.params(provider, p)
	dp.ClientDealProposal.Proposal.Client = client
	var buf bytes.Buffer
	must(t, dp.ClientDealProposal.Proposal.MarshalCBOR(&buf))
	dp.ClientDealProposal.ClientSignature = ethSign(t, key, append(buf.Bytes(), 0))
	if res := n.propose(provider, dp); res.Accepted || !strings.Contains(res.Message, "signature") {
		t.Errorf("signature over something else: %+v", res)
	}
	dp.ClientDealProposal.ClientSignature = ethSign(t, key, buf.Bytes())
	if res := n.propose(provider, dp); !res.Accepted {
		t.Fatalf("rejected: %s", res.Message)
	}
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	if d := n.waitStep(dp.DealUUID, "failed"); !strings.Contains(d.Error, "exited with code 16") {
		t.Errorf("the deal failed with %q", d.Error)
	}
}

// TestReplaceByFee: a message that pays a quarter more takes the place of one
// that waits, and its receipt is found by either.
func TestReplaceByFee(t *testing.T) {
	n := newNetwork(t, 1)
	_, to := newKey(t)
	msg := rpcMessage{From: n.client, To: to, Value: big.NewInt(5), GasLimit: 5e6, GasFeeCap: big.NewInt(500), GasPremium: big.NewInt(100)}
	first, err := n.push(msg)
	must(t, err)
	if _, err := n.push(msg); err == nil || !strings.Contains(err.Error(), "already in mpool") {
		t.Errorf("the same message again: %v", err)
	}
	msg.GasPremium = big.NewInt(125)
	if _, err := n.push(msg); err == nil || !strings.Contains(err.Error(), "GasPremium to 126") {
		t.Errorf("a premium too low: %v", err)
	}
	msg.GasPremium = big.NewInt(126)
	second, err := n.push(msg)
	must(t, err)
	n.advance(1)
	if got := call[*msgLookup](n, "StateSearchMsg", nil, first, -1, false); got != nil {
		t.Errorf("the replaced message has the receipt %+v", got)
	}
	if got := call[*msgLookup](n, "StateSearchMsg", nil, first, -1, true); got == nil || got.Message != second {
		t.Errorf("the replacement is not found: %+v", got)
	}
	if got := call[string](n, "WalletBalance", to.String()); got != "5" {
		t.Errorf("%s attoFIL arrived, want 5", got)
	}
}

// TestRefusedMessages: what Lotus's pool refuses, and what fails on chain.
func TestRefusedMessages(t *testing.T) {
	n := newNetwork(t, 1)
	_, to := newKey(t)
	good := rpcMessage{From: n.client, To: to, Value: big.NewInt(5), GasLimit: 5e6, GasFeeCap: big.NewInt(500), GasPremium: big.NewInt(100)}
	for name, c := range map[string]struct {
		change func(*rpcMessage)
		want   string
	}{
		"gap":       {func(m *rpcMessage) { m.Nonce = 1 }, "nonce gap"},
		"funds":     {func(m *rpcMessage) { m.Value = big.NewInt(1e18) }, "not enough funds"},
		"gas":       {func(m *rpcMessage) { m.GasLimit = 1000 }, "cost of storing a message"},
		"fee cap":   {func(m *rpcMessage) { m.GasFeeCap, m.GasPremium = big.NewInt(99), big.Zero() }, "gas fee cap too low"},
		"premium":   {func(m *rpcMessage) { m.GasPremium = big.NewInt(501) }, "less than 'GasPremium'"},
		"size":      {func(m *rpcMessage) { m.Params = make([]byte, 70_000) }, "message too big"},
		"version":   {func(m *rpcMessage) { m.Version = 1 }, "'Version' unsupported"},
		"id sender": {func(m *rpcMessage) { m.From, _ = address.NewIDAddress(2000) }, "signature"},
	} {
		m := good
		c.change(&m)
		if _, err := n.push(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, c := range []struct {
		change func(*rpcMessage)
		exit   int
	}{
		{func(m *rpcMessage) { m.GasLimit = 900_000 }, 7},                                                     // out of gas
		{func(m *rpcMessage) { m.Method = 77 }, 22},                                                           // unhandled
		{func(m *rpcMessage) { m.To, m.Method, m.Value = builtin.StorageMarketActorAddr, 2, big.Zero() }, 21}, // params
	} {
		m := good
		m.Nonce = call[uint64](n, "MpoolGetNonce", n.client.String())
		c.change(&m)
		id, err := n.push(m)
		must(t, err)
		n.advance(1)
		if got := call[*msgLookup](n, "StateSearchMsg", nil, id, -1, true); got == nil || got.Receipt.ExitCode != c.exit {
			t.Errorf("receipt is %+v, want exit code %d", got, c.exit)
		}
	}
	if got := call[string](n, "WalletBalance", to.String()); got != "0" {
		t.Errorf("%s attoFIL arrived by messages that failed", got)
	}
}

// TestVerifiedDeal: before network version 29 a client with datacap has
// verified deals, and from then on nobody has.
func TestVerifiedDeal(t *testing.T) {
	n := newNetwork(t, 1)
	provider, p := n.Providers()[0], plainPiece(t, 1)
	verified := func() (bool, string) {
		dp := n.params(provider, p)
		dp.ClientDealProposal.Proposal.VerifiedDeal = true
		n.signDeal(&dp)
		res := n.propose(provider, dp)
		if res.Accepted {
			n.waitStep(dp.DealUUID, "transferred")
		}
		return res.Accepted, dp.DealUUID.String()
	}
	must(t, n.SetNetworkVersion(28))
	if ok, _ := verified(); ok {
		t.Error("a verified deal without datacap was accepted")
	}
	must(t, n.GrantDatacap(n.client.String(), uint64(p.padded)))
	if got := call[string](n, "StateVerifiedClientStatus", n.client.String(), nil); got != big.NewIntUnsigned(uint64(p.padded)).String() {
		t.Errorf("datacap is %s", got)
	}
	if ok, _ := verified(); !ok {
		t.Fatal("a verified deal was refused")
	}
	n.advance(10)
	if got := n.Snapshot().DealCount("active"); got != 1 {
		t.Errorf("%d deals are active, want 1", got)
	}
	if got := call[*string](n, "StateVerifiedClientStatus", n.client.String(), nil); got != nil {
		t.Errorf("datacap left is %s", *got)
	}
	must(t, n.GrantDatacap(n.client.String(), uint64(p.padded)))
	if ok, _ := verified(); !ok {
		t.Fatal("the second verified deal was refused")
	}
	must(t, n.SetNetworkVersion(29)) // after the deal was accepted, before it is published
	n.advance(10)
	failed := n.Snapshot().Providers[0].Deals[1]
	if failed.Step != "failed" || !strings.Contains(failed.Error, "code 18") {
		t.Errorf("the deal across the upgrade is %+v", failed)
	}
	if ok, _ := verified(); ok {
		t.Error("a verified deal was accepted in version 29")
	}
}

func TestParseFIL(t *testing.T) {
	for in, want := range map[string]string{
		"2": "2000000000000000000", "0.000000000000000001": "1", "0": "0",
		"-1": "", "x": "", "0.0000000000000000001": "", "1/3": "", "1e999": "",
	} {
		got, err := sandbox.ParseFIL(in)
		if ok := err == nil; ok != (want != "") || ok && got.String() != want {
			t.Errorf("ParseFIL(%q) = %v, %v, want %q", in, got, err, want)
		}
	}
}
