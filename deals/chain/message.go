package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// A Message is what an account has the chain do, in Lotus's JSON.
type Message struct {
	Version    uint64
	To         address.Address
	From       address.Address // f1 or f4: the pool takes no id addresses
	Nonce      uint64
	Value      big.Int
	GasLimit   int64
	GasFeeCap  big.Int
	GasPremium big.Int
	Method     abi.MethodNum
	Params     []byte
}

// Fee is the most that a message's gas can cost.
func (m *Message) Fee() big.Int { return big.Mul(m.GasFeeCap, big.NewInt(m.GasLimit)) }

// Encode returns the CBOR of a message.
func (m *Message) Encode() ([]byte, error) {
	var buf bytes.Buffer
	w := cbg.NewCborWriter(&buf)
	if m.GasLimit < 0 {
		return nil, errors.New("message: negative gas limit")
	}
	err := errors.Join(
		w.WriteMajorTypeHeader(cbg.MajArray, 10),
		w.WriteMajorTypeHeader(cbg.MajUnsignedInt, m.Version),
		m.To.MarshalCBOR(w),
		m.From.MarshalCBOR(w),
		w.WriteMajorTypeHeader(cbg.MajUnsignedInt, m.Nonce),
		m.Value.MarshalCBOR(w),
		w.WriteMajorTypeHeader(cbg.MajUnsignedInt, uint64(m.GasLimit)),
		m.GasFeeCap.MarshalCBOR(w),
		m.GasPremium.MarshalCBOR(w),
		w.WriteMajorTypeHeader(cbg.MajUnsignedInt, uint64(m.Method)),
		w.WriteMajorTypeHeader(cbg.MajByteString, uint64(len(m.Params))),
	)
	buf.Write(m.Params)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	return buf.Bytes(), nil
}

// Digest is what a secp256k1 key signs of a message: the bytes of its CID.
func (m *Message) Digest() ([]byte, error) {
	raw, err := m.Encode()
	if err != nil {
		return nil, err
	}
	c, err := abi.CidBuilder.Sum(raw)
	return c.Bytes(), err
}

// A SignedMessage is what the message pool takes.
type SignedMessage struct {
	Message   Message
	Signature crypto.Signature
}

// CID is what the chain knows a message by that no BLS key signed.
func (s *SignedMessage) CID() (cid.Cid, error) {
	raw, err := s.Message.Encode()
	if err != nil {
		return cid.Undef, err
	}
	var buf bytes.Buffer
	buf.WriteByte(0x82) // an array of two
	buf.Write(raw)
	if err := s.Signature.MarshalCBOR(&buf); err != nil {
		return cid.Undef, fmt.Errorf("message: %w", err)
	}
	return abi.CidBuilder.Sum(buf.Bytes())
}

// An Account is what an address has to spend, and the nonce of its next message
// on chain.
type Account struct {
	Balance big.Int
	Nonce   uint64
}

// Account returns an address's account.
func (c *Client) Account(ctx context.Context, addr address.Address) (a Account, err error) {
	err = c.pool.call(ctx, "StateGetActor", &a, addr, headTipset)
	if err == nil && a.Balance.Int == nil {
		err = fmt.Errorf("%w: StateGetActor: no balance in the answer", ErrUnavailable)
	}
	return a, err
}

// NextNonce returns the nonce after the messages of an address that are on
// chain, or wait in the pool.
func (c *Client) NextNonce(ctx context.Context, addr address.Address) (n uint64, err error) {
	err = c.pool.call(ctx, "MpoolGetNonce", &n, addr)
	return n, err
}

// Estimate returns a message with the gas that it takes now; nothing else of
// what the answer says is believed.
func (c *Client) Estimate(ctx context.Context, m Message) (Message, error) {
	m.GasLimit, m.GasFeeCap, m.GasPremium = 0, big.Zero(), big.Zero()
	var got Message
	if err := c.pool.call(ctx, "GasEstimateMessageGas", &got, m, json.RawMessage("null"), headTipset); err != nil {
		return m, err
	}
	if got.GasLimit <= 0 || got.GasFeeCap.Int == nil || got.GasPremium.Int == nil ||
		got.GasPremium.Sign() < 0 || got.GasFeeCap.LessThan(got.GasPremium) {
		return m, fmt.Errorf("%w: GasEstimateMessageGas: no gas in the answer", ErrUnavailable)
	}
	m.GasLimit, m.GasFeeCap, m.GasPremium = got.GasLimit, got.GasFeeCap, got.GasPremium
	return m, nil
}

// Push gives a message to the pools of all endpoints. It is enough that one
// takes it; a message that they have already is refused by them all.
func (c *Client) Push(ctx context.Context, s SignedMessage) error {
	var errs []error
	taken := false
	for _, e := range c.pool.endpoints {
		err := c.pool.limited(ctx, e, func(ctx context.Context, e *endpoint) error {
			var id cid.Cid
			return e.call(ctx, "MpoolPush", &id, s)
		})
		taken = taken || err == nil
		errs = append(errs, err)
	}
	if taken {
		return nil
	}
	return errors.Join(errs...)
}
