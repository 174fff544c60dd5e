package wallet

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	filcrypto "github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
)

// A key and address that other Filecoin wallets derive from the words "equip
// will roof matter pink blind book anxiety banner elbow sun young", path m/44'/461'/0/0/0.
const (
	knownKey     = "f15716d3b003b304b8055d9cc62e6b9c869d56cc930c3858d4d7c31f5f53f14a"
	knownAddress = "f1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba"
)

// The key and address in the example of Ethereum's EIP-155.
const (
	ethereumKey   = "4646464646464646464646464646464646464646464646464646464646464646"
	knownEthereum = "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"
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

// A message that other Filecoin wallets sign with the known key: the signature
// is over the CID of its CBOR.
func TestKnownSignature(t *testing.T) {
	message, err := hex.DecodeString("8a005501fd1d0f4dfcd7e99afcb99a8326b7dc459d32c62855011eaf1c8a4bbfeeb0870b1745b1f57503470b71160144000186a01961a84200014200010040")
	if err != nil {
		t.Fatal(err)
	}
	id, err := abi.CidBuilder.Sum(message)
	if err != nil {
		t.Fatal(err)
	}
	const want = "nFuTI7MxEXqTQ0QmmQTmqbUsNZfHFXlNjz+susVDkAk1SrRCdJKxlVZZrM4vUtVBSYgtMIeigNfpqdKGIFhoWQA="
	if got := base64.StdEncoding.EncodeToString(knownSigner(t).Sign(id.Bytes()).Data); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// The transaction in the example of EIP-155: as Lotus's lib/sigs/delegated, a
// delegated key signs the Keccak hash of what it is given.
func TestDelegatedSignature(t *testing.T) {
	raw, err := hex.DecodeString(ethereumKey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKey(Delegated, raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := Ethereum(k.Address()); got != knownEthereum {
		t.Errorf("address %s, want %s", got, knownEthereum)
	}
	if back, err := ParseAddress(strings.ToUpper(knownEthereum)); err != nil || back != k.Address() {
		t.Errorf("ParseAddress = %s, %v, want %s", back, err, k.Address())
	}
	tx, err := hex.DecodeString("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080")
	if err != nil {
		t.Fatal(err)
	}
	const want = "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276" +
		"67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83" + "00"
	sig := k.Sign(tx)
	if got := hex.EncodeToString(sig.Data); got != want || sig.Type != crypto.SigTypeDelegated {
		t.Errorf("signature %s of type %d, want %s", got, sig.Type, want)
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
