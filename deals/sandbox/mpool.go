package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
)

// Limits of Lotus's message pool.
const (
	maxMessageSize = 64 << 10
	blockGasLimit  = 10_000_000_000
	maxPending     = 10 // of a sender, from outside
)

// totalFIL is more than will ever exist.
var totalFIL = fil(2_000_000_000)

// gasOnChain is what it costs to have a message on the chain at all.
func gasOnChain(size int) int64 { return 40_000 + 1300*int64(size) }

// requiredFunds is what the sender must have for a message to be taken.
func (m *message) requiredFunds() big.Int {
	return big.Add(m.Value, big.Mul(m.GasFeeCap, big.NewInt(m.GasLimit)))
}

// checkShape has the rules that need no state, in Lotus's words.
func (m *message) checkShape(size int) error {
	zero, _ := address.NewFromString("f3yaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaby2smx7a")
	switch {
	case size > maxMessageSize:
		return fmt.Errorf("mpool message too large (%dB): message too big", size)
	case m.Version != 0:
		return errors.New("'Version' unsupported")
	case m.To == address.Undef:
		return errors.New("'To' address cannot be empty")
	case m.To == zero:
		return errors.New("invalid 'To' address")
	case m.From == address.Undef:
		return errors.New("'From' address cannot be empty")
	case m.Value.Nil() || m.GasFeeCap.Nil() || m.GasPremium.Nil():
		return errors.New("'Value', 'GasFeeCap' and 'GasPremium' cannot be nil")
	case m.Value.LessThan(big.Zero()):
		return errors.New("'Value' field cannot be negative")
	case m.Value.GreaterThan(totalFIL):
		return errors.New("'Value' field cannot be greater than total filecoin supply")
	case m.GasFeeCap.LessThan(big.Zero()) || m.GasPremium.LessThan(big.Zero()):
		return errors.New("'GasFeeCap' and 'GasPremium' fields cannot be negative")
	case m.GasPremium.GreaterThan(m.GasFeeCap):
		return errors.New("'GasFeeCap' less than 'GasPremium'")
	case m.GasLimit > blockGasLimit:
		return errors.New("'GasLimit' field cannot be greater than a block's gas limit")
	case m.GasLimit < gasOnChain(size):
		return fmt.Errorf("'GasLimit' field cannot be less than the cost of storing a message on chain %d < %d", m.GasLimit, gasOnChain(size))
	case m.GasFeeCap.LessThan(big.NewInt(baseFee)):
		return errors.New("gas fee cap too low")
	}
	return nil
}

// push takes a signed message into the pool, or one that pays more for its gas
// in the place of another with the same nonce.
func (c *chain) push(s signedMessage) (cid.Cid, error) {
	m := &s.Message
	raw, err := s.encode()
	if err != nil {
		return cid.Undef, err
	}
	if err := m.checkShape(len(raw)); err != nil {
		return cid.Undef, fmt.Errorf("message not valid for block inclusion: %w", err)
	}
	if err := authenticate(&s); err != nil {
		return cid.Undef, fmt.Errorf("signature verification failed: %w", err)
	}
	from, err := c.account(m.From)
	if err != nil {
		return cid.Undef, err
	}
	id, err := s.cid()
	if err != nil {
		return cid.Undef, err
	}
	waiting, funds := c.waitingOf(from)
	older := waiting[m.Nonce]
	if older != nil {
		funds = big.Sub(funds, older.Signed.Message.requiredFunds())
	}
	switch next := c.nextNonce(from); {
	case m.Nonce < from.Nonce:
		return cid.Undef, fmt.Errorf("minimum expected nonce is %d, got %d: message nonce too low", from.Nonce, m.Nonce)
	case m.Nonce > next:
		return cid.Undef, fmt.Errorf("message nonce has too big a gap from expected nonce (Nonce: %d, nextNonce: %d): unfulfilled nonce gap", m.Nonce, next)
	case from.Balance.LessThan(big.Add(funds, m.requiredFunds())):
		return cid.Undef, errors.New("failed to check balance: not enough funds to execute transaction")
	case older == nil && len(waiting) >= maxPending && !c.isWorker(from):
		return cid.Undef, errors.New("too many pending messages for actor")
	case older != nil && older.CID == id:
		return cid.Undef, fmt.Errorf("message from %s with nonce %d already in mpool: message with nonce already exists", m.From, m.Nonce)
	case older != nil && m.GasPremium.LessThan(replacementPremium(older.Signed.Message.GasPremium)):
		return cid.Undef, fmt.Errorf("message from %s with nonce %d already in mpool, increase GasPremium to %s from %s to trigger replace by fee: replace by fee has too low GasPremium",
			m.From, m.Nonce, replacementPremium(older.Signed.Message.GasPremium), m.GasPremium)
	}
	c.enqueue(&messageRecord{CID: id, Signed: s}, older)
	return id, nil
}

// enqueue puts a message into the pool, in the place of older if there is one.
func (c *chain) enqueue(rec, older *messageRecord) {
	c.head.Order++
	c.saveHead()
	rec.Order = c.head.Order
	if older != nil {
		older.Replaced = rec.CID
		c.unpool(older)
		c.store.put(older.row(), older)
	}
	c.remember(rec)
	c.store.put(rec.row(), rec)
}

// runPool runs the messages that may run, each sender's by their nonces, and
// forgets those whose nonce another message has used.
func (c *chain) runPool() {
	for ran := true; ran; {
		ran = false
		pool := c.pool
		c.pool = nil
		for _, m := range pool {
			from, err := c.account(m.Signed.Message.From)
			switch nonce := m.Signed.Message.Nonce; {
			case m.NotBefore > c.height() || err == nil && nonce > from.Nonce:
				c.pool = append(c.pool, m)
			case err == nil && nonce < from.Nonce:
				m.Dropped = true
				c.store.put(m.row(), m)
			default:
				c.run(m)
				ran = true
			}
		}
	}
}

// replacementPremium is a quarter more than what is to be replaced.
func replacementPremium(premium big.Int) big.Int {
	return big.Add(big.Add(premium, big.Div(premium, big.NewInt(4))), big.NewInt(1))
}

// waitingOf has a sender's messages in the pool by nonce, and what they need.
func (c *chain) waitingOf(a *account) (byNonce map[uint64]*messageRecord, funds big.Int) {
	byNonce, funds = map[uint64]*messageRecord{}, big.Zero()
	for _, m := range c.pool {
		if from, err := c.account(m.Signed.Message.From); err == nil && from == a {
			byNonce[m.Signed.Message.Nonce] = m
			funds = big.Add(funds, m.Signed.Message.requiredFunds())
		}
	}
	return byNonce, funds
}

// nextNonce is the first one that no message of the sender has.
func (c *chain) nextNonce(a *account) uint64 {
	waiting, _ := c.waitingOf(a)
	n := a.Nonce
	for waiting[n] != nil {
		n++
	}
	return n
}

func (c *chain) isWorker(a *account) bool { return a.ID < firstProvider }

func (e *endpoint) rpcPush(_ context.Context, p params) (any, error) {
	s, err := arg[signedMessage](p, 0)
	if err != nil {
		return nil, err
	}
	var id cid.Cid
	err = e.n.update(func(c *chain) error {
		id, err = c.push(s)
		return err
	})
	return id, err
}

// rpcEstimateGas fills in what is missing. Like Lotus it refuses a message that
// would not execute.
func (e *endpoint) rpcEstimateGas(_ context.Context, p params) (any, error) {
	m, err := arg[message](p, 0)
	if err != nil {
		return nil, err
	}
	if m.Value.Nil() {
		m.Value = big.Zero()
	}
	_, err = see(e, func(c *chain) (*account, error) {
		from, err := c.account(m.From)
		if err == nil && from.Balance.LessThan(m.Value) {
			err = errors.New("estimating gas used: message execution failed: exit SysErrInsufficientFunds(6): not enough funds")
		}
		return from, err
	})
	if err != nil {
		return nil, err
	}
	if m.GasLimit == 0 {
		m.GasLimit = gasUsed(&m) * 5 / 4
	}
	if m.GasPremium.Nil() || m.GasPremium.IsZero() {
		m.GasPremium = big.NewInt(baseFee)
	}
	if m.GasFeeCap.Nil() || m.GasFeeCap.IsZero() {
		m.GasFeeCap = big.Add(big.NewInt(baseFee*2), m.GasPremium)
	}
	return m, nil
}

// isMarket says whether a message is for the market actor.
func (m *message) isMarket() bool { return m.To == builtin.StorageMarketActorAddr }
