package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/filecoin-project/go-state-types/crypto"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/sha3"
)

// A Type is a kind of key, in Lotus's words.
type Type string

const (
	Secp256k1 Type = "secp256k1" // address f1…
	Delegated Type = "delegated" // address f410f…, 0x… in Ethereum's words
	bls       Type = "bls"       // address f3…; refused
)

// A Key is a secret key with its address. It cannot be printed.
type Key struct {
	typ  Type
	key  *secp256k1.PrivateKey // both types are keys of this curve
	addr address.Address
}

// ParseKey takes the 32 bytes of a secp256k1 key, big-endian.
func ParseKey(raw []byte) (*Key, error) { return NewKey(Secp256k1, raw) }

// NewKey takes the 32 bytes of a secret key of a type, big-endian.
func NewKey(typ Type, raw []byte) (*Key, error) {
	if err := typ.check(); err != nil {
		return nil, err
	}
	if len(raw) != 32 {
		return nil, fmt.Errorf("a %s key has 32 bytes", typ)
	}
	var n secp256k1.ModNScalar
	if n.SetByteSlice(raw) || n.IsZero() {
		return nil, fmt.Errorf("not a %s key", typ)
	}
	k := &Key{typ: typ, key: secp256k1.NewPrivateKey(&n)}
	public := k.key.PubKey().SerializeUncompressed()
	var err error
	if typ == Delegated {
		k.addr, err = ethAddress(keccak(public[1:])[12:]) // without the byte that says "uncompressed"
	} else {
		k.addr, err = address.NewSecp256k1Address(public)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// check refuses types that there is no signing for.
func (t Type) check() error {
	switch t {
	case Secp256k1, Delegated:
		return nil
	case bls:
		return fmt.Errorf("%w: BLS keys (f3…) are not signed with here; send the funds to a secp256k1 key (f1…)", ErrKeyType)
	}
	return fmt.Errorf("%w: %q is not %s or %s", ErrKeyType, string(t), Secp256k1, Delegated)
}

// Secret is what NewKey takes. Whoever has it has what the address owns.
func (k *Key) Secret() []byte { return k.key.Serialize() }

// Type is the key's type.
func (k *Key) Type() Type { return k.typ }

// Address is the key's f1 or f4 address.
func (k *Key) Address() address.Address { return k.addr }

// Sign signs as Filecoin does: R, S and the recovery id, over the BLAKE2b-256
// of data, or over its Keccak-256 if the key is delegated.
func (k *Key) Sign(data []byte) crypto.Signature {
	typ, digest := crypto.SigTypeSecp256k1, blake2b.Sum256(data)
	if k.typ == Delegated {
		typ, digest = crypto.SigTypeDelegated, [32]byte(keccak(data))
	}
	compact := ecdsa.SignCompact(k.key, digest[:], false) // header (27 + recovery id), R, S
	return crypto.Signature{Type: typ, Data: append(compact[1:65:65], compact[0]-27)}
}

// CanPay says why a key cannot pay for deals, nil if it can.
func (k *Key) CanPay() error {
	if k.typ == Delegated {
		return fmt.Errorf("%w: the market asks a deal's client to confirm its signature, which an f4 account does not answer, "+
			"so no provider could publish its deals; take a secp256k1 key (f1…)", ErrCannotPay)
	}
	return nil
}

func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

func (k *Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func keccak(data []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(data)
	return h.Sum(nil)
}

func ethAddress(raw []byte) (address.Address, error) {
	return address.NewDelegatedAddress(builtin.EthereumAddressManagerActorID, raw)
}

// ParseAddress reads an address as Filecoin writes it, or as Ethereum does.
func ParseAddress(s string) (address.Address, error) {
	if digits, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != 20 {
			return address.Undef, fmt.Errorf("%q is not an Ethereum address: 0x and 40 hexadecimal digits", s)
		}
		return ethAddress(raw)
	}
	a, err := address.NewFromString(s)
	if err == nil && a.Empty() {
		err = errors.New("it is empty")
	}
	if err != nil {
		return a, fmt.Errorf("%q is not an address: %w", s, err)
	}
	return a, nil
}

// Ethereum is how Ethereum writes a delegated address, "" for others.
func Ethereum(a address.Address) string {
	// The payload starts with the number of the address manager, 10: one byte.
	if p := a.Payload(); a.Protocol() == address.Delegated && len(p) == 21 && p[0] == byte(builtin.EthereumAddressManagerActorID) {
		return "0x" + hex.EncodeToString(p[1:])
	}
	return ""
}
