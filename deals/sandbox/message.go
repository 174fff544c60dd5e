package sandbox

import (
	"bytes"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	scrypto "github.com/filecoin-project/go-state-types/crypto"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
)

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

func (s *signedMessage) encode() ([]byte, error) {
	m, err := s.Message.encode()
	if err != nil {
		return nil, err
	}
	var e encoder
	e.array(2)
	e.buf.Write(m)
	e.put(&s.Signature)
	return e.finish(), e.err
}

// cid is the signed message's, which is how a message is known on chain unless
// a BLS key signed it.
func (s *signedMessage) cid() (cid.Cid, error) {
	b, err := s.encode()
	if err != nil {
		return cid.Undef, err
	}
	return abi.CidBuilder.Sum(b)
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
	CID       cid.Cid
	Signed    signedMessage
	Height    abi.ChainEpoch // where it ran
	TipSet    []cid.Cid
	Receipt   *receipt       // nil: waits in the pool
	Order     uint64         // of arrival
	NotBefore abi.ChainEpoch // runs then at the earliest
	Dropped   bool           // will never run
	Replaced  cid.Cid        // the message that took its place and nonce; undefined: none
}

func (m *messageRecord) row() string { return "message/" + m.CID.String() }

func decodeAddress(params []byte) (address.Address, error) {
	var a address.Address
	if err := a.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return address.Undef, fmt.Errorf("decode address: %w", err)
	}
	return a, nil
}
