package sandbox

import (
	"fmt"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
)

// Ask is what a provider wants for its storage. Prices are attoFIL per GiB and
// epoch, sizes are padded.
type Ask struct {
	Price         int64
	VerifiedPrice int64
	MinPiece      int64
	MaxPiece      int64
}

// defaultAsk has Boost's and Curio's default prices, and pieces from 1 MiB up,
// where real providers start at 16 GiB.
var defaultAsk = Ask{Price: 50_000_000, VerifiedPrice: 5_000_000, MinPiece: 1 << 20, MaxPiece: sectorSize}

func (a Ask) check() error {
	lowest, highest := abi.PaddedPieceSize(a.MinPiece), abi.PaddedPieceSize(a.MaxPiece)
	if a.Price < 0 || a.VerifiedPrice < 0 || lowest > highest || a.MaxPiece > sectorSize ||
		lowest.Validate() != nil || highest.Validate() != nil {
		return fmt.Errorf("%+v is no ask: prices are 0 or more, sizes powers of two from 128 B to 32 GiB", a)
	}
	return nil
}

// SetAsk changes what a provider wants from now on. Deals it has accepted stay.
func (n *Network) SetAsk(provider string, a Ask) error {
	if err := a.check(); err != nil {
		return err
	}
	p, err := n.provider(provider)
	if err != nil {
		return err
	}
	return n.update(func(*chain) error {
		p.rec.Ask = a
		p.rec.AskSeq++
		p.save()
		return nil
	})
}

// check says what a proposal lacks, in the words of Boost.
func (a Ask) checkProposal(prop *market.DealProposal) error {
	perGiB := a.Price
	if prop.VerifiedDeal {
		perGiB = a.VerifiedPrice
	}
	price := big.Div(big.Mul(big.NewInt(perGiB), big.NewIntUnsigned(uint64(prop.PieceSize))), big.NewInt(1<<30))
	switch {
	case prop.StoragePricePerEpoch.LessThan(price):
		return fmt.Errorf("storage price per epoch less than asking price: %s < %s", prop.StoragePricePerEpoch, price)
	case prop.PieceSize < abi.PaddedPieceSize(a.MinPiece):
		return fmt.Errorf("piece size less than minimum required size: %d < %d", prop.PieceSize, a.MinPiece)
	case prop.PieceSize > abi.PaddedPieceSize(a.MaxPiece):
		return fmt.Errorf("piece size more than maximum allowed size: %d > %d", prop.PieceSize, a.MaxPiece)
	}
	return nil
}
