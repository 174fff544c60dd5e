package wallet

import (
	"errors"
	"fmt"

	blssig "github.com/cloudflare/circl/sign/bls"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
)

// ErrSignature says that a signature is not that of the key over the data.
var ErrSignature = errors.New("the signature does not verify")

// Verify checks a signature over data by the key that an f1 or f3 address is
// made of, as `lotus wallet sign` makes it. What is of another kind does not verify.
func Verify(addr address.Address, sig crypto.Signature, data []byte) error {
	switch {
	case sig.Type == crypto.SigTypeSecp256k1 && addr.Protocol() == address.SECP256K1:
		return verifySecp(addr, sig.Data, data)
	case sig.Type == crypto.SigTypeBLS && addr.Protocol() == address.BLS:
		return verifyBLS(addr, sig.Data, data)
	}
	return fmt.Errorf("%w: it is of type %d, and the key of %s", ErrSignature, sig.Type, addr)
}

// verifySecp recovers the key that signed, and compares its address.
func verifySecp(addr address.Address, sig, data []byte) error {
	if len(sig) != 65 || sig[64] > 3 {
		return fmt.Errorf("%w: malformed", ErrSignature)
	}
	digest := blake2b.Sum256(data)
	key, _, err := ecdsa.RecoverCompact(append([]byte{27 + sig[64]}, sig[:64]...), digest[:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	signer, err := address.NewSecp256k1Address(key.SerializeUncompressed())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if signer != addr {
		return fmt.Errorf("%w: it is another key's", ErrSignature)
	}
	return nil
}

// verifyBLS takes the key from the address, which is the key.
func verifyBLS(addr address.Address, sig, data []byte) error {
	var key blssig.PublicKey[blssig.KeyG1SigG2]
	if err := key.UnmarshalBinary(addr.Payload()); err != nil || !key.Validate() {
		return fmt.Errorf("%w: %s is no key", ErrSignature, addr)
	}
	if !blssig.Verify(&key, data, sig) {
		return ErrSignature
	}
	return nil
}
