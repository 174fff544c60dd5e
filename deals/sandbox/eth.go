package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/multiformats/go-varint"
	cbg "github.com/whyrusleeping/cbor-gen"
)

const (
	ethChainID  = 31415926 // of Lotus's development networks
	eip1559Type = 0x02
	eip1559Sig  = 65 // r, s, v
)

// ethTransaction is what the key behind a delegated signature has signed: the
// EIP-1559 transaction that has the message's effect. Only calls of contracts
// and their creation can be written as one, so an f4 key cannot send any other
// method: neither AddBalance to the market nor a plain transfer by method 0.
// Such messages, and params that are not one canonical byte string, are
// refused as Lotus refuses them. Transactions of older types are not taken.
func ethTransaction(s *signedMessage) ([]byte, error) {
	m := &s.Message
	if len(s.Signature.Data) != eip1559Sig {
		return nil, fmt.Errorf("unsupported signature length %d", len(s.Signature.Data))
	}
	if _, err := ethAddress(m.From); err != nil {
		return nil, fmt.Errorf("sender was not an eth account: %w", err)
	}
	input, err := ethInput(m.Params)
	if err != nil {
		return nil, err
	}
	var to []byte
	switch {
	case m.To == builtin.EthereumAddressManagerActorAddr:
		if m.Method != builtin.MethodsEAM.CreateExternal {
			return nil, errors.New("unsupported EAM method")
		}
	case m.Method == builtin.MethodsEVM.InvokeContract:
		if to, err = ethAddress(m.To); err != nil {
			return nil, fmt.Errorf("recipient: %w", err)
		}
	default:
		return nil, fmt.Errorf("invalid methodnum %d: only allowed method is InvokeContract(%d) or CreateExternal(%d)",
			m.Method, builtin.MethodsEVM.InvokeContract, builtin.MethodsEAM.CreateExternal)
	}
	return eip1559(ethChainID, m, to, input), nil
}

// eip1559 is the unsigned transaction in RLP, behind its type.
func eip1559(chain uint64, m *message, to, input []byte) []byte {
	list := rlpList(
		rlpUint(chain), rlpUint(m.Nonce), rlpInt(m.GasPremium), rlpInt(m.GasFeeCap), rlpUint(uint64(max(m.GasLimit, 0))),
		rlpBytes(to), rlpInt(m.Value), rlpBytes(input), rlpList(),
	)
	return append([]byte{eip1559Type}, list...)
}

// ethInput unwraps a contract's input from a message's params.
func ethInput(params []byte) ([]byte, error) {
	if len(params) == 0 {
		return nil, nil
	}
	input, err := cbg.ReadByteArray(bytes.NewReader(params), uint64(len(params)))
	if err != nil {
		return nil, fmt.Errorf("failed to read params byte array: %w", err)
	}
	var e encoder
	if e.bytes(input); len(input) == 0 || !bytes.Equal(e.finish(), params) {
		return nil, errors.New("params are not one canonical byte string with something in it")
	}
	return input, nil
}

// ethAddress is the Ethereum form of an f410 address, or of an actor id, which
// is masked: 0xff and zeros before it.
func ethAddress(a address.Address) ([]byte, error) {
	switch a.Protocol() {
	case address.ID:
		id, err := address.IDFromAddress(a)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 20)
		out[0] = 0xff
		binary.BigEndian.PutUint64(out[12:], id)
		return out, nil
	case address.Delegated:
		space, n, err := varint.FromUvarint(a.Payload())
		if err != nil {
			return nil, err
		}
		out := a.Payload()[n:]
		if space != builtin.EthereumAddressManagerActorID || len(out) != 20 {
			return nil, fmt.Errorf("%s is not an Ethereum address", a)
		}
		if masked := make([]byte, 11); out[0] == 0xff && bytes.Equal(out[1:12], masked) {
			return nil, fmt.Errorf("%s embeds a masked id", a)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is not an Ethereum address", a)
}

// RLP: Ethereum's encoding of byte strings and lists.

func rlpList(items ...[]byte) []byte {
	body := bytes.Join(items, nil)
	return append(rlpHead(0xc0, len(body)), body...)
}

func rlpBytes(b []byte) []byte {
	if len(b) == 1 && b[0] < 0x80 {
		return b
	}
	return append(rlpHead(0x80, len(b)), b...)
}

func rlpHead(base byte, n int) []byte {
	if n < 56 {
		return []byte{base + byte(n)}
	}
	size := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, uint64(n)), "\x00")
	return append([]byte{base + 55 + byte(len(size))}, size...)
}

func rlpUint(v uint64) []byte {
	return rlpBytes(bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, v), "\x00"))
}

func rlpInt(v big.Int) []byte { return rlpBytes(v.Int.Bytes()) }

// isEthAccount says whether a key address is an Ethereum account's.
func isEthAccount(key address.Address) bool {
	_, err := ethAddress(key)
	return err == nil && key.Protocol() == address.Delegated
}
