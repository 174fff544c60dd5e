package sandbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/exitcode"
	"github.com/ipfs/go-cid"
)

// Methods of the actors this chain runs.
const (
	methodSend                = abi.MethodNum(0)
	methodAddBalance          = abi.MethodNum(2)
	methodWithdrawBalance     = abi.MethodNum(3)
	methodPublishStorageDeals = abi.MethodNum(4)
)

// abort ends a message with an exit code.
type abort struct {
	code exitcode.ExitCode
	why  string
}

func (a *abort) Error() string { return fmt.Sprintf("%s (exit %d)", a.why, a.code) }

func abortf(code exitcode.ExitCode, format string, args ...any) error {
	return &abort{code, fmt.Sprintf(format, args...)}
}

func exitOf(err error) exitcode.ExitCode {
	var a *abort
	switch {
	case err == nil:
		return exitcode.Ok
	case errors.As(err, &a):
		return a.code
	default:
		return exitcode.ErrIllegalArgument
	}
}

// gasUsed is the gas a message takes to run.
func gasUsed(m *message) int64 {
	size := len(m.Params) + 200
	return 1_000_000 + gasOnChain(size) + 1000*int64(len(m.Params))
}

// run executes a message at the head and writes its receipt. What was used is
// burnt at the base fee, and the whole limit pays the premium.
func (c *chain) run(rec *messageRecord) {
	m := &rec.Signed.Message
	rec.Height, rec.TipSet = c.height(), c.head.Tipset.Cids
	rec.Receipt = &receipt{GasUsed: min(gasUsed(m), m.GasLimit)}
	c.store.put(rec.row(), rec)
	from, err := c.account(m.From)
	if err != nil {
		rec.Receipt.ExitCode = exitcode.SysErrSenderInvalid
		return
	}
	defer c.saveAccount(from)
	from.Nonce++
	premium := big.Min(m.GasPremium, big.Sub(m.GasFeeCap, big.NewInt(baseFee)))
	fee := big.Add(big.Mul(big.NewInt(rec.Receipt.GasUsed), big.NewInt(baseFee)), big.Mul(big.NewInt(m.GasLimit), premium))
	from.Balance = big.Sub(from.Balance, big.Min(fee, from.Balance))
	switch {
	case gasUsed(m) > m.GasLimit:
		rec.Receipt.ExitCode = exitcode.SysErrOutOfGas
	case from.Balance.LessThan(m.Value):
		rec.Receipt.ExitCode = exitcode.SysErrInsufficientFunds
	default:
		c.running = rec.CID
		ret, err := c.call(from, m)
		c.running = cid.Undef
		rec.Receipt.Return, rec.Receipt.ExitCode = ret, exitOf(err)
	}
}

// call runs the method of a message. A method that fails has changed nothing.
func (c *chain) call(from *account, m *message) ([]byte, error) {
	if !m.isMarket() {
		return nil, c.transfer(from, m)
	}
	switch m.Method {
	case methodAddBalance:
		return nil, c.addBalance(from, m)
	case methodWithdrawBalance:
		return c.withdraw(from, m.Params)
	case methodPublishStorageDeals:
		return c.publishStorageDeals(from, m.Params)
	default:
		return nil, abortf(exitcode.ErrUnhandledMessage, "the market has no method %d here", m.Method)
	}
}

// transfer sends money to an account, which is made on first use. An account
// takes InvokeContract for the same: that is how Ethereum's transfers arrive.
func (c *chain) transfer(from *account, m *message) error {
	if m.Method != methodSend && m.Method != builtin.MethodsEVM.InvokeContract {
		return abortf(exitcode.ErrUnhandledMessage, "%s has no method %d", m.To, m.Method)
	}
	to, err := c.createAccount(m.To)
	if err != nil {
		return abortf(exitcode.SysErrInvalidReceiver, "send to %s: %s", m.To, err)
	}
	from.Balance = big.Sub(from.Balance, m.Value)
	to.Balance = big.Add(to.Balance, m.Value)
	c.saveAccount(to)
	return nil
}

func (c *chain) addBalance(from *account, m *message) error {
	who, err := decodeAddress(m.Params)
	if err != nil {
		return abortf(exitcode.ErrSerialization, "%s", err)
	}
	if m.Value.LessThanEqual(big.Zero()) {
		return abortf(exitcode.ErrIllegalArgument, "balance to add must be greater than zero was: %s", m.Value)
	}
	to, err := c.createAccount(who)
	if err != nil {
		return err
	}
	from.Balance = big.Sub(from.Balance, m.Value)
	to.Escrow = big.Add(to.Escrow, m.Value)
	c.saveAccount(to)
	return nil
}

// withdraw takes what is not locked out of the market, to the account itself
// or, for a provider, to its owner.
func (c *chain) withdraw(from *account, params []byte) ([]byte, error) {
	var in market.WithdrawBalanceParams
	if err := in.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return nil, abortf(exitcode.ErrSerialization, "%s", err)
	}
	if in.Amount.LessThan(big.Zero()) {
		return nil, abortf(exitcode.ErrIllegalArgument, "negative amount %s", in.Amount)
	}
	acc, err := c.account(in.ProviderOrClientAddress)
	if err != nil {
		return nil, err
	}
	to := acc
	if acc.Key == address.Undef {
		to = c.accounts[c.ownerOf(acc.ID)]
	}
	if from != to && (acc.Key != address.Undef || from.ID != workerOf(acc.ID)) {
		return nil, abortf(exitcode.ErrForbidden, "f0%d may not withdraw %s of %s", from.ID, in.Amount, in.ProviderOrClientAddress)
	}
	amount := big.Min(in.Amount, acc.available())
	acc.Escrow = big.Sub(acc.Escrow, amount)
	to.Balance = big.Add(to.Balance, amount)
	c.saveAccount(acc)
	c.saveAccount(to)
	return marshalCBOR(&amount)
}
