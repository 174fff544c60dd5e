package mk12

import (
	"errors"
	"fmt"
	"io"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// Ask is what a provider asks for, as far as it matters here. Its signature is
// not checked: an ask is a hint that saves proposals, the provider's answer to
// a proposal is what counts.
type Ask struct {
	Price         big.Int // attoFIL per GiB per epoch
	VerifiedPrice big.Int // of verified deals
	Min           int64   // padded piece size
	Max           int64
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

// readAskResponse reads go-fil-markets' AskResponse {Ask: {Ask: {Price, …}, Signature}}.
func readAskResponse(r io.Reader) (a Ask, err error) {
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
		return Ask{}, fmt.Errorf("ask: %w", err)
	}
	if a.Price.Int == nil || a.Price.Sign() < 0 || a.Max <= 0 {
		return Ask{}, errors.New("ask: provider answers without a price or piece size")
	}
	if a.VerifiedPrice.Int == nil { // it makes no difference
		a.VerifiedPrice = a.Price
	}
	if a.VerifiedPrice.Sign() < 0 {
		return Ask{}, errors.New("ask: provider pays for verified deals")
	}
	return a, nil
}

func (a *Ask) readField(cr *cbg.CborReader, key string) error {
	switch key {
	case "Price":
		return a.Price.UnmarshalCBOR(cr)
	case "VerifiedPrice":
		return a.VerifiedPrice.UnmarshalCBOR(cr)
	case "MinPieceSize":
		return readSize(cr, &a.Min)
	case "MaxPieceSize":
		return readSize(cr, &a.Max)
	}
	return skip(cr)
}
