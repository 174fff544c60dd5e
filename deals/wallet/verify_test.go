package wallet

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
)

// Signatures by noble-curves 1.9.7, with Filecoin's domain
// BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_, of the secret keys 7 and 263dbd79….
var blsSignatures = []struct{ message, key, sig string }{
	{"---- user 2 owns miner f01234 ----",
		"b928f3beb93519eecf0145da903b40a4c97dca00b21f12ac0df3be9116ef2ef27b2ae6bcd4c5bc2d54ef5a70627efcb7",
		"9406fe5ca53885f9c6fe75baa759b625e4190aa44dac47520a2bba405dc842f6a256b8ecf53e61b3380553e39243bee4095fc5355c4afa8c143de4c2993dd3734fe71921a48a65e688ff270e699d3a8fea8c0da87c0d9f4e4491d66fc29894f7"},
	{"---- user 7 owns miner f01000 ----",
		"a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a",
		"91035b90af167e7b81df6a5ea70dcf7320e43209132f1abaf2e794e8cb10ccb7aa87e8a4eb130faa926b40e3975e768b0bcebcd14001540022d160e37739a2cd097f628175fadedb5efb0eea02c6d6d5f218f2221e765571056805207526bbc9"},
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerifyBLS(t *testing.T) {
	for i, s := range blsSignatures {
		addr, err := address.NewBLSAddress(unhex(t, s.key))
		if err != nil {
			t.Fatal(err)
		}
		sig := crypto.Signature{Type: crypto.SigTypeBLS, Data: unhex(t, s.sig)}
		if err := Verify(addr, sig, []byte(s.message)); err != nil {
			t.Errorf("Verify of signature %d = %v", i, err)
		}
		other, err := address.NewBLSAddress(unhex(t, blsSignatures[1-i].key))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, "another message", addr, sig, s.message+" ")
		refused(t, "another key", other, sig, s.message)
		refused(t, "another signature", addr, crypto.Signature{Type: crypto.SigTypeBLS, Data: unhex(t, blsSignatures[1-i].sig)}, s.message)
		refused(t, "another type", addr, crypto.Signature{Type: crypto.SigTypeSecp256k1, Data: sig.Data}, s.message)
		refused(t, "cut", addr, crypto.Signature{Type: crypto.SigTypeBLS, Data: sig.Data[:95]}, s.message)
		refused(t, "empty", addr, crypto.Signature{Type: crypto.SigTypeBLS}, s.message)
	}
	// The point at infinity is a key that signs everything with itself.
	infinity := append([]byte{0xc0}, make([]byte, 47)...)
	if addr, err := address.NewBLSAddress(infinity); err == nil {
		refused(t, "infinity", addr, crypto.Signature{Type: crypto.SigTypeBLS, Data: append([]byte{0xc0}, make([]byte, 95)...)}, "anything")
	}
}

func TestVerifySecp256k1(t *testing.T) {
	k := knownSigner(t)
	const message = "---- user 2 owns miner f01234 ----"
	sig := k.Sign([]byte(message))
	if err := Verify(k.Address(), sig, []byte(message)); err != nil {
		t.Errorf("Verify = %v", err)
	}
	for i := range sig.Data { // any bit that is changed
		bad := crypto.Signature{Type: sig.Type, Data: slices.Clone(sig.Data)}
		bad.Data[i] ^= 1
		refused(t, "a changed bit", k.Address(), bad, message)
	}
	refused(t, "another message", k.Address(), sig, message+" ")
	refused(t, "cut", k.Address(), crypto.Signature{Type: sig.Type, Data: sig.Data[:64]}, message)
	refused(t, "BLS", k.Address(), crypto.Signature{Type: crypto.SigTypeBLS, Data: sig.Data}, message)
	id, err := address.NewIDAddress(100)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "no key", id, sig, message)
}

func refused(t *testing.T, what string, addr address.Address, sig crypto.Signature, message string) {
	t.Helper()
	if err := Verify(addr, sig, []byte(message)); !errors.Is(err, ErrSignature) {
		t.Errorf("%s: Verify = %v, want %v", what, err, ErrSignature)
	}
}

// FuzzVerify: no signature stops the process, and none of noise verifies.
func FuzzVerify(f *testing.F) {
	f.Add(byte(1), make([]byte, 65))
	f.Add(byte(2), append([]byte{0xc0}, make([]byte, 95)...))
	k := knownSigner(f)
	raw, err := hex.DecodeString(blsSignatures[0].key)
	if err != nil {
		f.Fatal(err)
	}
	blsKey, err := address.NewBLSAddress(raw)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ byte, data []byte) {
		for _, addr := range []address.Address{k.Address(), blsKey} {
			if err := Verify(addr, crypto.Signature{Type: crypto.SigType(typ), Data: data}, []byte("a message")); err == nil {
				t.Errorf("type %d, %x verifies for %s", typ, data, addr)
			}
		}
	})
}
