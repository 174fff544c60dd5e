package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// encoder writes CBOR for the few foreign types that have no Go package we
// could import. The first error sticks.
type encoder struct {
	buf bytes.Buffer
	err error
}

func (e *encoder) head(major byte, n uint64) {
	if e.err == nil {
		_, e.err = e.buf.Write(cbg.CborEncodeMajorType(major, n))
	}
}

func (e *encoder) array(n int)            { e.head(cbg.MajArray, uint64(n)) }
func (e *encoder) object(n int)           { e.head(cbg.MajMap, uint64(n)) }
func (e *encoder) uint(v uint64)          { e.head(cbg.MajUnsignedInt, v) }
func (e *encoder) addr(a address.Address) { e.put(&a) }
func (e *encoder) amount(v big.Int)       { e.put(&v) }
func (e *encoder) finish() []byte         { return e.buf.Bytes() }
func (e *encoder) epoch(v abi.ChainEpoch) { e.int(int64(v)) }

func (e *encoder) int(v int64) {
	if v < 0 {
		e.head(cbg.MajNegativeInt, uint64(-v-1))
		return
	}
	e.uint(uint64(v))
}

func (e *encoder) text(s string) {
	e.head(cbg.MajTextString, uint64(len(s)))
	e.buf.WriteString(s)
}

func (e *encoder) bytes(b []byte) {
	e.head(cbg.MajByteString, uint64(len(b)))
	e.buf.Write(b)
}

func (e *encoder) cid(c cid.Cid) {
	if e.err == nil {
		e.err = cbg.WriteCid(&e.buf, c)
	}
}

func (e *encoder) put(m cbg.CBORMarshaler) {
	if e.err == nil {
		e.err = m.MarshalCBOR(&e.buf)
	}
}

// marshalCBOR is for values that cannot fail to encode unless the program is
// broken or they were never valid; the error names them.
func marshalCBOR(m cbg.CBORMarshaler) ([]byte, error) {
	var buf bytes.Buffer
	if err := m.MarshalCBOR(&buf); err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	return buf.Bytes(), nil
}

// cborValue keeps a value in JSON as its CBOR, because the JSON form of a deal
// proposal loses labels that are not text.
type cborValue[T any, P interface {
	*T
	cbg.CBORMarshaler
	cbg.CBORUnmarshaler
}] struct{ V T }

func (c cborValue[T, P]) MarshalJSON() ([]byte, error) {
	b, err := marshalCBOR(P(&c.V))
	if err != nil {
		return nil, err
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

func (c *cborValue[T, P]) UnmarshalJSON(data []byte) error {
	var b []byte
	if err := json.Unmarshal(data, &b); err != nil {
		return err
	}
	return P(&c.V).UnmarshalCBOR(bytes.NewReader(b))
}
