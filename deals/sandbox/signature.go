package sandbox

import (
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/builtin"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/sha3"
)

var errSignature = errors.New("invalid signature")

// sign signs the CID of a message as wallets do with secp256k1 keys.
func sign(key []byte, m message) (signedMessage, error) {
	c, err := m.cid()
	if err != nil {
		return signedMessage{}, err
	}
	sig, err := signBytes(key, c.Bytes())
	if err != nil {
		return signedMessage{}, err
	}
	return signedMessage{Message: m, Signature: *sig}, nil
}

func signBytes(key, data []byte) (*scrypto.Signature, error) {
	digest := blake2b.Sum256(data)
	sig, err := crypto.Sign(key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return &scrypto.Signature{Type: scrypto.SigTypeSecp256k1, Data: sig}, nil
}

// verify checks a signature by a key address over data: a secp256k1 key (f1)
// signs the data's BLAKE2b hash, an Ethereum key (f410) its Keccak hash. The
// address must be of the signature's own kind; BLS keys are not known here,
// and what is not known fails, it never passes unchecked.
func verify(sig scrypto.Signature, key address.Address, data []byte) error {
	var signer func(sig, data []byte) (address.Address, error)
	switch {
	case sig.Type == scrypto.SigTypeSecp256k1 && key.Protocol() == address.SECP256K1:
		signer = secpSigner
	case sig.Type == scrypto.SigTypeDelegated && key.Protocol() == address.Delegated:
		signer = ethSigner
	default:
		return fmt.Errorf("signature type %d for %s is not supported: %w", sig.Type, key, errSignature)
	}
	got, err := signer(sig.Data, data)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	if got != key {
		return fmt.Errorf("signature by %s does not match %s: %w", got, key, errSignature)
	}
	return nil
}

func secpSigner(sig, data []byte) (address.Address, error) {
	digest := blake2b.Sum256(data)
	pub, err := crypto.EcRecover(digest[:], sig)
	if err != nil {
		return address.Undef, err
	}
	return address.NewSecp256k1Address(pub)
}

func ethSigner(sig, data []byte) (address.Address, error) {
	pub, err := crypto.EcRecover(keccak(data), sig)
	if err != nil {
		return address.Undef, err
	}
	// The key comes uncompressed, behind a byte that says so.
	return address.NewDelegatedAddress(builtin.EthereumAddressManagerActorID, keccak(pub[1:])[12:])
}

func keccak(data []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(data)
	return h.Sum(nil)
}

// authenticate checks the signature of a message as Lotus's message pool does:
// over the CID of the message, or, under a delegated signature, over the
// Ethereum transaction that the message stands for.
func authenticate(s *signedMessage) error {
	if s.Signature.Type == scrypto.SigTypeDelegated {
		tx, err := ethTransaction(s)
		if err != nil {
			return fmt.Errorf("failed to reconstruct Ethereum transaction: %w", err)
		}
		return verify(s.Signature, s.Message.From, tx)
	}
	unsigned, err := s.Message.cid()
	if err != nil {
		return err
	}
	return verify(s.Signature, s.Message.From, unsigned.Bytes())
}
