package sandbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	policy "github.com/filecoin-project/go-state-types/builtin/v17/market"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
)

// Methods of the actors this chain runs.
const (
	methodSend                = 0
	methodAddBalance          = 2
	methodWithdrawBalance     = 3
	methodPublishStorageDeals = 4
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

// push takes a signed message into the pool.
func (c *chain) push(s signedMessage) (cid.Cid, error) {
	m := &s.Message
	if m.Value.Nil() || m.Value.LessThan(big.Zero()) || m.GasFeeCap.Nil() || m.GasPremium.Nil() {
		return cid.Undef, errors.New("message amounts are missing or negative")
	}
	from, err := c.account(m.From)
	if err != nil {
		return cid.Undef, err
	}
	unsigned, err := m.cid()
	if err != nil {
		return cid.Undef, err
	}
	if err := verify(s.Signature, from.Key, unsigned.Bytes()); err != nil {
		return cid.Undef, err
	}
	if want := c.nextNonce(from); m.Nonce != want {
		return cid.Undef, fmt.Errorf("message nonce %d, expected %d", m.Nonce, want)
	}
	id, err := s.cid()
	if err != nil {
		return cid.Undef, err
	}
	c.head.Order++
	c.saveHead()
	rec := &messageRecord{CID: id, Signed: s, Order: c.head.Order}
	c.remember(rec)
	c.store.put("message/"+id.String(), rec)
	return id, nil
}

func (c *chain) nextNonce(a *account) uint64 {
	n := a.Nonce
	for _, m := range c.pool {
		if from, err := c.account(m.Signed.Message.From); err == nil && from == a {
			n++
		}
	}
	return n
}

// run executes a message at the head and writes its receipt.
func (c *chain) run(rec *messageRecord) {
	m := &rec.Signed.Message
	rec.Height, rec.TipSet = c.height(), c.head.Tipset.Cids
	rec.Receipt = &receipt{GasUsed: 1_000_000 + int64(len(m.Params))*1000}
	c.store.put("message/"+rec.CID.String(), rec)
	from, err := c.account(m.From)
	if err != nil {
		rec.Receipt.ExitCode = exitcode.SysErrSenderInvalid
		return
	}
	from.Nonce++
	fee := big.Mul(big.NewInt(rec.Receipt.GasUsed), big.NewInt(baseFee))
	if from.Balance.LessThan(big.Add(fee, m.Value)) {
		rec.Receipt.ExitCode = exitcode.SysErrInsufficientFunds
		c.saveAccount(from)
		return
	}
	from.Balance = big.Sub(from.Balance, fee)
	ret, err := c.call(from, m)
	if err != nil {
		rec.Receipt.ExitCode = exitcode.ErrIllegalArgument
	}
	rec.Receipt.Return = ret
	c.saveAccount(from)
}

// call runs the method of a message. A method that fails has changed nothing.
func (c *chain) call(from *account, m *message) ([]byte, error) {
	if m.To != builtin.StorageMarketActorAddr {
		if m.Method != methodSend {
			return nil, fmt.Errorf("%s has no method %d", m.To, m.Method)
		}
		to, err := c.createAccount(m.To)
		if err != nil {
			return nil, err
		}
		from.Balance = big.Sub(from.Balance, m.Value)
		to.Balance = big.Add(to.Balance, m.Value)
		c.saveAccount(to)
		return nil, nil
	}
	switch m.Method {
	case methodAddBalance:
		who, err := decodeAddress(m.Params)
		if err != nil {
			return nil, err
		}
		to, err := c.createAccount(who)
		if err != nil {
			return nil, err
		}
		from.Balance = big.Sub(from.Balance, m.Value)
		to.Escrow = big.Add(to.Escrow, m.Value)
		c.saveAccount(to)
		return nil, nil
	case methodWithdrawBalance:
		return c.withdraw(from, m.Params)
	case methodPublishStorageDeals:
		return c.publishStorageDeals(from, m.Params)
	default:
		return nil, fmt.Errorf("the market has no method %d here", m.Method)
	}
}

func (c *chain) withdraw(from *account, params []byte) ([]byte, error) {
	var in market.WithdrawBalanceParams
	if err := in.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return nil, err
	}
	acc, err := c.account(in.ProviderOrClientAddress)
	if err != nil {
		return nil, err
	}
	if acc != from || in.Amount.LessThan(big.Zero()) {
		return nil, fmt.Errorf("f0%d may not withdraw %s of %s", from.ID, in.Amount, in.ProviderOrClientAddress)
	}
	amount := big.Min(in.Amount, acc.available())
	acc.Escrow = big.Sub(acc.Escrow, amount)
	acc.Balance = big.Add(acc.Balance, amount)
	return marshalCBOR(&amount)
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
