package chain

import (
	"encoding/hex"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
)

// The encoding of a message as another Filecoin wallet's tests have it.
func TestMessageEncoding(t *testing.T) {
	addr := func(s string) address.Address {
		a, err := address.NewFromString(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	m := Message{To: addr("t17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy"), From: addr("t1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba"),
		Nonce: 1, Value: big.NewInt(100000), GasLimit: 25000, GasFeeCap: big.NewInt(1), GasPremium: big.NewInt(1)}
	raw, err := m.Encode()
	const want = "8a005501fd1d0f4dfcd7e99afcb99a8326b7dc459d32c62855011eaf1c8a4bbfeeb0870b1745b1f57503470b71160144000186a01961a84200014200010040"
	if got := hex.EncodeToString(raw); err != nil || got != want {
		t.Errorf("Encode = %s, %v, want %s", got, err, want)
	}
}
