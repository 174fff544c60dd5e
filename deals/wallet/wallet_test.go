package wallet

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	filcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
)

// A key and address that other Filecoin wallets derive from the words "equip
// will roof matter pink blind book anxiety banner elbow sun young", path m/44'/461'/0/0/0.
const (
	knownKey     = "f15716d3b003b304b8055d9cc62e6b9c869d56cc930c3858d4d7c31f5f53f14a"
	knownAddress = "f1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba"
)

func knownSigner(t testing.TB) *Key {
	t.Helper()
	raw, err := hex.DecodeString(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKnownAddress(t *testing.T) {
	if got := knownSigner(t).Address().String(); got != knownAddress {
		t.Errorf("address %s, want %s", got, knownAddress)
	}
}

// The signature must hold for Filecoin's own verifier, and recover our key.
func TestSignature(t *testing.T) {
	k := knownSigner(t)
	for _, msg := range []string{"", "deal", strings.Repeat("x", 5000)} {
		sig := k.Sign([]byte(msg))
		if sig.Type != crypto.SigTypeSecp256k1 || len(sig.Data) != 65 {
			t.Fatalf("signature of %d bytes, type %d", len(sig.Data), sig.Type)
		}
		sum := blake2b.Sum256([]byte(msg))
		pub, err := filcrypto.EcRecover(sum[:], sig.Data)
		if err != nil {
			t.Fatal(err)
		}
		if !filcrypto.Verify(k.key.PubKey().SerializeUncompressed(), sum[:], sig.Data) {
			t.Errorf("signature of %q does not verify", msg)
		}
		addr, err := address.NewSecp256k1Address(pub)
		if err != nil || addr != k.Address() {
			t.Errorf("signature of %q recovers %s, %v, want %s", msg, addr, err, k.Address())
		}
		compact := append([]byte{sig.Data[64] + 27}, sig.Data[:64]...)
		if _, _, err := ecdsa.RecoverCompact(compact, sum[:]); err != nil {
			t.Errorf("signature of %q: %v", msg, err)
		}
	}
}

func TestBadKeys(t *testing.T) {
	for name, raw := range map[string][]byte{
		"zero":           make([]byte, 32),
		"short":          make([]byte, 31),
		"over the order": []byte(strings.Repeat("\xff", 32)),
	} {
		if _, err := ParseKey(raw); err == nil {
			t.Errorf("%s: taken as a key", name)
		}
	}
}

func TestKeyCannotBePrinted(t *testing.T) {
	k := knownSigner(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, k); got != "[redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}
