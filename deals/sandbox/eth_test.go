package sandbox

import (
	"encoding/hex"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
)

// TestEIP1559 compares with transactions that Ethereum wallets signed for
// mainnet (chain 314): the encoding must be theirs, and the signers of both
// must come out as the same account.
func TestEIP1559(t *testing.T) {
	to, err := address.NewIDAddress(1004)
	if err != nil {
		t.Fatal(err)
	}
	eth, err := ethAddress(to)
	if err != nil {
		t.Fatal(err)
	}
	const input = "f8b2cb4f000000000000000000000000ff00000000000000000000000000000000000064"
	m := message{
		To: to, Value: fil(1), GasLimit: 60000, GasFeeCap: big.NewInt(60000), GasPremium: big.NewInt(60000),
		Method: builtin.MethodsEVM.InvokeContract, Params: append([]byte{0x58, 36}, unhex(t, input)...),
	}
	in, err := ethInput(m.Params)
	if err != nil || hex.EncodeToString(in) != input {
		t.Fatalf("ethInput = %x, %v", in, err)
	}
	var signers []address.Address
	for _, c := range []struct {
		nonce     uint64
		want, sig string
	}{
		{0, "02f85182013a8082ea6082ea6082ea6094ff000000000000000000000000000000000003ec880de0b6b3a7640000a4" + input + "c0",
			"39357ad40087d17551ca2b94723f0394185a993671db02172a7de70c24054852" + "46c84070dfadd244b358690e5b89c75f3988b21b6614e6e3af2f8ca302d6c42a" + "01"},
		{200, "02f85282013a81c882ea6082ea6082ea6094ff000000000000000000000000000000000003ec880de0b6b3a7640000a4" + input + "c0",
			"c991c81705a4c53a9255e72beb8243638c68f10c63b082755972bbbe15245d12" + "14f6852ae34c92882559e6810d4372109930a23b522368fdef2c85ce04e27839" + "01"},
	} {
		m.Nonce = c.nonce
		tx := eip1559(314, &m, eth, in)
		if got := hex.EncodeToString(tx); got != c.want {
			t.Fatalf("nonce %d:\n got %s\nwant %s", c.nonce, got, c.want)
		}
		who, err := ethSigner(unhex(t, c.sig), tx)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, who)
	}
	if signers[0] != signers[1] {
		t.Errorf("signers are %s and %s, want the same", signers[0], signers[1])
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzEthTransaction: what a message becomes depends on every field of it, and
// foreign params do not make it fall over.
func FuzzEthTransaction(f *testing.F) {
	from, err := address.NewDelegatedAddress(10, make([]byte, 20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, uint64(0), int64(0), int64(0))
	f.Add([]byte{0x41, 1}, uint64(9), int64(300), int64(7))
	f.Add([]byte{0x58, 1, 1}, uint64(1)<<60, int64(-1), int64(70000)) // not the shortest head
	f.Add([]byte{0x40}, uint64(1), int64(1), int64(1))                // empty
	f.Fuzz(func(t *testing.T, params []byte, nonce uint64, gas, value int64) {
		s := signedMessage{Signature: scrypto.Signature{Type: scrypto.SigTypeDelegated, Data: make([]byte, eip1559Sig)}}
		s.Message = message{
			From: from, To: from, Nonce: nonce, GasLimit: gas, Value: big.NewInt(max(value, 0)),
			GasFeeCap: big.Zero(), GasPremium: big.Zero(), Method: builtin.MethodsEVM.InvokeContract, Params: params,
		}
		tx, err := ethTransaction(&s)
		if err != nil {
			return
		}
		s.Message.Nonce++
		other, err := ethTransaction(&s)
		if err != nil || string(other) == string(tx) {
			t.Errorf("nonces %d and %d sign the same transaction (%v)", nonce, nonce+1, err)
		}
	})
}
