package sandbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-crypto"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
	"golang.org/x/crypto/blake2b"
)

var errSignature = errors.New("invalid signature")

// message is a chain message as Lotus shows it in JSON.
type message struct {
	Version    uint64
	To         address.Address
	From       address.Address
	Nonce      uint64
	Value      big.Int
	GasLimit   int64
	GasFeeCap  big.Int
	GasPremium big.Int
	Method     abi.MethodNum
	Params     []byte
}

func (m *message) encode() ([]byte, error) {
	var e encoder
	e.array(10)
	e.uint(m.Version)
	e.addr(m.To)
	e.addr(m.From)
	e.uint(m.Nonce)
	e.amount(m.Value)
	e.int(m.GasLimit)
	e.amount(m.GasFeeCap)
	e.amount(m.GasPremium)
	e.uint(uint64(m.Method))
	e.bytes(m.Params)
	return e.finish(), e.err
}

func (m *message) cid() (cid.Cid, error) {
	b, err := m.encode()
	if err != nil {
		return cid.Undef, err
	}
	return abi.CidBuilder.Sum(b)
}

// signedMessage is what goes into the message pool.
type signedMessage struct {
	Message   message
	Signature scrypto.Signature
}

// cid is the signed message's, which is how a message signed with a secp256k1
// key is known on chain.
func (s *signedMessage) cid() (cid.Cid, error) {
	m, err := s.Message.encode()
	if err != nil {
		return cid.Undef, err
	}
	var e encoder
	e.array(2)
	e.buf.Write(m)
	e.put(&s.Signature)
	if e.err != nil {
		return cid.Undef, e.err
	}
	return abi.CidBuilder.Sum(e.finish())
}

// receipt is the outcome of a message.
type receipt struct {
	ExitCode   exitcode.ExitCode
	Return     []byte
	GasUsed    int64
	EventsRoot *cid.Cid
}

// messageRecord is a message the chain has taken, before and after it ran.
type messageRecord struct {
	CID     cid.Cid
	Signed  signedMessage
	Height  abi.ChainEpoch // where it ran
	TipSet  []cid.Cid
	Receipt *receipt // nil: waits in the pool
	Order   uint64   // of arrival
}

// sign signs the CID of a message as wallets do.
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

// verify checks a signature by a key address. Only secp256k1 keys are known
// here; everything else fails, it never passes unchecked.
func verify(sig scrypto.Signature, key address.Address, data []byte) error {
	if sig.Type != scrypto.SigTypeSecp256k1 || key.Protocol() != address.SECP256K1 {
		return fmt.Errorf("signature type %d for %s is not supported: %w", sig.Type, key, errSignature)
	}
	digest := blake2b.Sum256(data)
	pub, err := crypto.EcRecover(digest[:], sig.Data)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	got, err := address.NewSecp256k1Address(pub)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	if got != key {
		return fmt.Errorf("signature by %s does not match %s: %w", got, key, errSignature)
	}
	return nil
}

func decodeAddress(params []byte) (address.Address, error) {
	var a address.Address
	if err := a.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return address.Undef, fmt.Errorf("decode address: %w", err)
	}
	return a, nil
}
