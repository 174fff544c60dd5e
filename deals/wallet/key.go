package wallet

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
)

// A Key is a secp256k1 key with its f1 address. It cannot be printed.
type Key struct {
	key  *secp256k1.PrivateKey
	addr address.Address
}

// ParseKey takes the 32 bytes of a secret key, big-endian.
func ParseKey(raw []byte) (*Key, error) {
	if len(raw) != 32 {
		return nil, errors.New("a secp256k1 key has 32 bytes")
	}
	var n secp256k1.ModNScalar
	if n.SetByteSlice(raw) || n.IsZero() {
		return nil, errors.New("not a secp256k1 key")
	}
	key := secp256k1.NewPrivateKey(&n)
	addr, err := address.NewSecp256k1Address(key.PubKey().SerializeUncompressed())
	if err != nil {
		return nil, err
	}
	return &Key{key: key, addr: addr}, nil
}

// Secret is what ParseKey takes. Whoever has it has what the address owns.
func (k *Key) Secret() []byte { return k.key.Serialize() }

// Address is the key's f1 address.
func (k *Key) Address() address.Address { return k.addr }

// Sign signs as Filecoin does: R, S and the recovery id over the BLAKE2b-256 of data.
func (k *Key) Sign(data []byte) crypto.Signature {
	sum := blake2b.Sum256(data)
	compact := ecdsa.SignCompact(k.key, sum[:], false) // header (27 + recovery id), R, S
	sig := append(compact[1:65:65], compact[0]-27)
	return crypto.Signature{Type: crypto.SigTypeSecp256k1, Data: sig}
}

func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

func (k *Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }
