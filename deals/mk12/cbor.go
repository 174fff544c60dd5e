package mk12

import (
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

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

func writeText(cw *cbg.CborWriter, s string) error {
	if err := cw.WriteMajorTypeHeader(cbg.MajTextString, uint64(len(s))); err != nil {
		return err
	}
	_, err := io.WriteString(cw, s)
	return err
}

// decode returns a reader of one CBOR value of foreign bytes.
func decode(v cbg.CBORUnmarshaler) func(io.Reader) error {
	return func(r io.Reader) error {
		if err := v.UnmarshalCBOR(r); err != nil {
			return fmt.Errorf("answer is not understood: %w", err)
		}
		return nil
	}
}
