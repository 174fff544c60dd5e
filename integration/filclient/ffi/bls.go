package ffi

import (
	"crypto/rand"
	"slices"

	"github.com/cloudflare/circl/sign/bls"
)

// Lengths of BLS12-381 values in their compressed form: public keys in G1,
// signatures in G2.
const (
	SignatureBytes  = 96
	PrivateKeyBytes = 32
	PublicKeyBytes  = 48
)

type (
	Signature         = [SignatureBytes]byte
	PrivateKey        = [PrivateKeyBytes]byte // the scalar, little-endian
	PublicKey         = [PublicKeyBytes]byte
	Message           = []byte
	PrivateKeyGenSeed = [32]byte
)

// HashVerify says whether signature is the aggregate of one signature of each
// message by the key at the same place.
func HashVerify(signature *Signature, messages []Message, publicKeys []PublicKey) bool {
	if signature == nil || len(messages) == 0 || len(messages) != len(publicKeys) {
		return false
	}
	keys := make([]*bls.PublicKey[bls.KeyG1SigG2], len(publicKeys))
	for i := range publicKeys {
		keys[i] = new(bls.PublicKey[bls.KeyG1SigG2])
		if keys[i].UnmarshalBinary(publicKeys[i][:]) != nil || !keys[i].Validate() {
			return false
		}
	}
	if len(keys) == 1 {
		return bls.Verify(keys[0], messages[0], signature[:])
	}
	return bls.VerifyAggregate(keys, messages, signature[:])
}

// PrivateKeyGenerate makes a key.
func PrivateKeyGenerate() PrivateKey {
	var seed PrivateKeyGenSeed
	rand.Read(seed[:]) // never fails: it ends the process instead
	return PrivateKeyGenerateWithSeed(seed)
}

// PrivateKeyGenerateWithSeed makes the key of a seed. It is not the key that
// the Rust library makes of the same seed, so a seed is no backup.
func PrivateKeyGenerateWithSeed(seed PrivateKeyGenSeed) PrivateKey {
	key, err := bls.KeyGen[bls.KeyG1SigG2](seed[:], nil, nil)
	if err != nil {
		panic(err) // only a seed under 32 bytes is refused
	}
	raw, err := key.MarshalBinary()
	if err != nil {
		panic(err)
	}
	slices.Reverse(raw)
	return PrivateKey(raw)
}

// PrivateKeySign signs a message. It panics with a key that is no scalar of the
// group: the callers have no way to hear of it, and would sign with nothing.
func PrivateKeySign(privateKey PrivateKey, message Message) *Signature {
	sig := Signature(bls.Sign(parseKey(privateKey), message))
	return &sig
}

// PrivateKeyPublicKey returns the public key. It panics as PrivateKeySign does.
func PrivateKeyPublicKey(privateKey PrivateKey) *PublicKey {
	raw, err := parseKey(privateKey).PublicKey().MarshalBinary()
	if err != nil {
		panic(err)
	}
	key := PublicKey(raw)
	return &key
}

func parseKey(raw PrivateKey) *bls.PrivateKey[bls.KeyG1SigG2] {
	be := slices.Clone(raw[:])
	slices.Reverse(be)
	key := new(bls.PrivateKey[bls.KeyG1SigG2])
	if err := key.UnmarshalBinary(be); err != nil || !key.Validate() {
		panic("filecoin-ffi: not a BLS private key")
	}
	return key
}
