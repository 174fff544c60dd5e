package deals

import (
	"errors"
	"fmt"
	"io"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// ask is what a provider asks for, as far as it matters here. Its signature is
// not checked: an ask is a hint that saves proposals, the provider's answer to
// a proposal is what counts.
type ask struct {
	Price big.Int // attoFIL per GiB per epoch
	Min   int64   // padded piece size
	Max   int64
}

// writeAskRequest writes go-fil-markets' AskRequest {Miner: address}.
func writeAskRequest(w io.Writer, miner address.Address) error {
	cw := cbg.NewCborWriter(w)
	if err := cw.WriteMajorTypeHeader(cbg.MajMap, 1); err != nil {
		return err
	}
	if err := writeText(cw, "Miner"); err != nil {
		return err
	}
	return miner.MarshalCBOR(cw)
}

func writeText(cw *cbg.CborWriter, s string) error {
	if err := cw.WriteMajorTypeHeader(cbg.MajTextString, uint64(len(s))); err != nil {
		return err
	}
	_, err := io.WriteString(cw, s)
	return err
}

// readAskResponse reads go-fil-markets' AskResponse {Ask: {Ask: {Price, …}, Signature}}.
func readAskResponse(r io.Reader) (a ask, err error) {
	cr := cbg.NewCborReader(r)
	err = readMap(cr, func(key string) error {
		if key != "Ask" {
			return skip(cr)
		}
		return readMap(cr, func(key string) error { // SignedStorageAsk
			if key != "Ask" {
				return skip(cr)
			}
			return readMap(cr, func(key string) error { return a.readField(cr, key) })
		})
	})
	if err != nil {
		return ask{}, fmt.Errorf("ask: %w", err)
	}
	if a.Price.Int == nil || a.Price.Sign() < 0 || a.Max <= 0 {
		return ask{}, errors.New("ask: provider answers without a price or piece size")
	}
	return a, nil
}

func (a *ask) readField(cr *cbg.CborReader, key string) error {
	switch key {
	case "Price":
		return a.Price.UnmarshalCBOR(cr)
	case "MinPieceSize":
		return readSize(cr, &a.Min)
	case "MaxPieceSize":
		return readSize(cr, &a.Max)
	}
	return skip(cr)
}

func readSize(cr *cbg.CborReader, out *int64) error {
	maj, n, err := cr.ReadHeader()
	if err != nil {
		return err
	}
	if maj != cbg.MajUnsignedInt || n > 1<<62 {
		return errors.New("size is no number")
	}
	*out = int64(n)
	return nil
}

// maxFields bounds the maps and lists of foreign CBOR.
const maxFields = 256

// readMap calls field for each key of a map; field reads the value. null is an empty map.
func readMap(cr *cbg.CborReader, field func(key string) error) error {
	maj, n, err := cr.ReadHeader()
	if err != nil {
		return err
	}
	if maj == cbg.MajOther && n == 22 { // null
		return nil
	}
	if maj != cbg.MajMap || n > maxFields {
		return errors.New("not a map")
	}
	for range n {
		key, err := cbg.ReadString(cr)
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return nil
}

// readList calls item for each item of a list; item reads it. null is an empty list.
func readList(cr *cbg.CborReader, item func() error) error {
	maj, n, err := cr.ReadHeader()
	if err != nil {
		return err
	}
	if maj == cbg.MajOther && n == 22 {
		return nil
	}
	if maj != cbg.MajArray || n > maxFields {
		return errors.New("not a list")
	}
	for range n {
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

func skip(cr *cbg.CborReader) error { return cbg.ScanForLinks(cr, func(cid.Cid) {}) }
