package sandbox

import (
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	policy "github.com/filecoin-project/go-state-types/builtin/v17/market"
	"github.com/ipfs/go-cid"
)

type sectorKey struct {
	provider uint64
	number   abi.SectorNumber
}

// sector holds one deal: this chain's providers do not pack several into one.
type sector struct {
	Provider   uint64
	Number     abi.SectorNumber
	Sealed     cid.Cid
	Activation abi.ChainEpoch
	Expiration abi.ChainEpoch
	Size       abi.PaddedPieceSize
}

func (s *sector) row() string { return fmt.Sprintf("sector/%d/%d", s.Provider, s.Number) }

func (c *chain) addSector(d *chainDeal) error {
	p := &d.Proposal.V
	id, err := address.IDFromAddress(p.Provider)
	if err != nil {
		return err
	}
	// A replica's commitment is its own codec over a Poseidon hash; nobody can
	// check one without the replica, so a digest that names it will do.
	sealed, err := cid.Prefix{Version: 1, Codec: cid.FilCommitmentSealed, MhType: 0x12, MhLength: 32}.
		Sum(fmt.Appendf(nil, "%d/%d/%s", id, d.Sector, p.PieceCID))
	if err != nil {
		return err
	}
	s := &sector{Provider: id, Number: d.Sector, Sealed: sealed, Activation: c.height(), Expiration: p.EndEpoch, Size: p.PieceSize}
	c.sectors[sectorKey{id, d.Sector}] = s
	c.store.put(s.row(), s)
	return nil
}

func (c *chain) dropSector(d *chainDeal) {
	id, err := address.IDFromAddress(d.Proposal.V.Provider)
	if err != nil {
		return
	}
	k := sectorKey{id, d.Sector}
	if s := c.sectors[k]; s != nil {
		delete(c.sectors, k)
		c.store.remove(s.row())
	}
}

// Collateral bounds are computed by the real formula for a network of 25 EiB
// and 700 million FIL in circulation.
func collateralBounds(size abi.PaddedPieceSize) (lowest, highest big.Int) {
	power := big.Mul(big.NewInt(25), big.NewInt(1<<60))
	supply := big.Mul(big.NewInt(700_000_000), builtin.TokenPrecision)
	return policy.DealProviderCollateralBounds(size, false, power, power, big.Zero(), supply)
}

// advisedCollateral is what Lotus tells clients: a tenth more than the least,
// so that a deal stays valid while the network moves.
func advisedCollateral(lowest big.Int) big.Int {
	return big.Div(big.Mul(lowest, big.NewInt(110)), big.NewInt(100))
}
