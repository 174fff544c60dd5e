package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
)

const (
	networkName  = "sandbox"
	firstHeight  = 2880 // a day after genesis, so that look-backs stay positive
	firstAccount = 2000 // actor ids of people; providers and their workers are below
	baseFee      = 100  // attoFIL
	// heightLease is how many idle epochs may pass between two writes. A crash
	// skips at most so many heights; it never repeats one.
	heightLease  = 16
	messagesKept = abi.ChainEpoch(60 * builtin.EpochsInDay) // after they ran
	finality     = abi.ChainEpoch(900)                      // after it nobody expects the chain to change
	never        = abi.ChainEpoch(math.MaxInt64)
)

var errActorNotFound = errors.New("actor not found")

// account is an address with money: a person's, a worker's or a provider's.
type account struct {
	ID      uint64
	Key     address.Address // f1…; undefined for providers
	Balance big.Int
	Escrow  big.Int // in the market, Locked included
	Locked  big.Int
	Nonce   uint64
	Owner   uint64 // of a provider
	Datacap uint64 // bytes a client may still have stored as verified
}

func (a *account) available() big.Int { return big.Sub(a.Escrow, a.Locked) }

// chainHead is the row that says where the chain is.
type chainHead struct {
	Genesis  int64 // unix time
	Tipset   tipset
	Lease    abi.ChainEpoch // heights up to here may have been announced
	NextDeal abi.DealID
	NextID   uint64
	Order    uint64
	Version  uint   // of the network
	Fork     uint64 // how often the chain was reorganised
}

// chain is the ledger: accounts, messages and the market actor. It has no lock
// of its own: Network.mu guards it.
type chain struct {
	store    *store
	head     chainHead
	miner    address.Address // produces the blocks
	accounts map[uint64]*account
	byKey    map[address.Address]*account
	deals    map[abi.DealID]*chainDeal
	pending  map[cid.Cid]abi.DealID // live deals by the CID of their proposal
	messages map[cid.Cid]*messageRecord
	pool     []*messageRecord
	sectors  map[sectorKey]*sector
	events   []*chainEvent // oldest first
	running  cid.Cid       // the message that runs; undefined: none does
	due      dueList[abi.DealID]
	forgot   abi.ChainEpoch // when old messages were dropped last
}

func openChain(s *store) (*chain, error) {
	c := &chain{
		store:    s,
		accounts: map[uint64]*account{},
		byKey:    map[address.Address]*account{},
		deals:    map[abi.DealID]*chainDeal{},
		pending:  map[cid.Cid]abi.DealID{},
		messages: map[cid.Cid]*messageRecord{},
		sectors:  map[sectorKey]*sector{},
	}
	var err error
	if c.miner, err = address.NewIDAddress(firstProvider); err != nil {
		return nil, err
	}
	found := false
	err = errors.Join(
		load(s, "head", func(h *chainHead) { c.head, found = *h, true }),
		load(s, "account/", func(a *account) { c.keep(a) }),
		load(s, "deal/", func(d *chainDeal) {
			c.deals[d.ID], c.pending[d.CID] = d, d.ID
			c.due.note(d.due(), d.ID)
		}),
		load(s, "sector/", func(x *sector) { c.sectors[sectorKey{x.Provider, x.Number}] = x }),
		load(s, "message/", func(m *messageRecord) { c.remember(m) }),
		c.loadEvents(),
	)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.pool, func(a, b *messageRecord) int { return cmp.Compare(a.Order, b.Order) })
	if found {
		c.head.Version = cmp.Or(c.head.Version, solstice)
		return c, nil
	}
	return c, c.genesis()
}

func (c *chain) genesis() error {
	root, err := abi.CidBuilder.Sum([]byte(networkName))
	if err != nil {
		return err
	}
	now := time.Now().Unix()
	ts, err := newTipset(c.miner, root, 0, firstHeight, now-firstHeight*builtin.EpochDurationSeconds)
	if err != nil {
		return err
	}
	c.head = chainHead{Genesis: now - firstHeight*builtin.EpochDurationSeconds, Tipset: ts, NextDeal: 1, NextID: firstAccount, Version: solstice}
	c.saveHead()
	return nil
}

// ownerOf is the owner of a provider.
func (c *chain) ownerOf(provider uint64) uint64 {
	if a := c.accounts[provider]; a != nil && a.Owner != 0 {
		return a.Owner
	}
	return workerOf(provider)
}

func (c *chain) height() abi.ChainEpoch { return c.head.Tipset.Height }

func (c *chain) saveHead() {
	c.head.Lease = c.height() + heightLease
	h := c.head
	c.store.put("head", &h)
}

func (c *chain) keep(a *account) {
	c.accounts[a.ID] = a
	if a.Key != address.Undef {
		c.byKey[a.Key] = a
	}
}

func (c *chain) saveAccount(a *account) { c.store.put(fmt.Sprintf("account/%d", a.ID), a) }

// account finds the actor behind an f0 or key address.
func (c *chain) account(a address.Address) (*account, error) {
	acc := c.byKey[a]
	if a.Protocol() == address.ID {
		id, err := address.IDFromAddress(a)
		if err != nil {
			return nil, err
		}
		acc = c.accounts[id]
	}
	if acc == nil {
		return nil, fmt.Errorf("%s: %w", a, errActorNotFound)
	}
	return acc, nil
}

// createAccount makes the actor of a key address on first use.
func (c *chain) createAccount(key address.Address) (*account, error) {
	if acc, err := c.account(key); err == nil {
		return acc, nil
	}
	if p := key.Protocol(); p != address.SECP256K1 && p != address.BLS && p != address.Delegated {
		return nil, fmt.Errorf("%s: %w", key, errActorNotFound)
	}
	acc := &account{ID: c.head.NextID, Key: key, Balance: big.Zero(), Escrow: big.Zero(), Locked: big.Zero()}
	c.head.NextID++
	c.saveHead()
	c.keep(acc)
	c.saveAccount(acc)
	return acc, nil
}

// keyOf is what Lotus calls the account key: a key address is its own.
func (c *chain) keyOf(a address.Address) (address.Address, error) {
	if a.Protocol() != address.ID {
		return a, nil
	}
	acc, err := c.account(a)
	if err != nil {
		return address.Undef, err
	}
	if acc.Key == address.Undef {
		return address.Undef, fmt.Errorf("actor %s is not an account", a)
	}
	return acc.Key, nil
}

func (c *chain) remember(m *messageRecord) {
	c.messages[m.CID] = m
	if unsigned, err := m.Signed.Message.cid(); err == nil {
		c.messages[unsigned] = m
	}
	if m.Receipt == nil && !m.Dropped && !m.Replaced.Defined() {
		c.pool = append(c.pool, m)
	}
}

// forgetMessages drops what ran long ago, with its events, about once a day: no
// node keeps the messages of a chain for ever, and a simulated year has many.
func (c *chain) forgetMessages() {
	if c.height() < c.forgot+builtin.EpochsInDay {
		return
	}
	c.forgot = c.height()
	c.forgetEvents(c.height() - messagesKept)
	for id, m := range c.messages {
		if m.Receipt != nil && m.Height < c.height()-messagesKept {
			delete(c.messages, id)
			c.store.remove(m.row())
		}
	}
}

func (c *chain) unpool(m *messageRecord) {
	c.pool = slices.DeleteFunc(c.pool, func(x *messageRecord) bool { return x == m })
}

// mine moves the head to height, which must be above it, runs the pool and
// does what is due. Rounds in between are null rounds: the caller makes sure
// that nothing is due in them.
func (c *chain) mine(height abi.ChainEpoch) error {
	ts, err := newTipset(c.miner, c.head.Tipset.Cids[0], c.head.Fork, height, c.head.Genesis)
	if err != nil {
		return fmt.Errorf("mine epoch %d: %w", height, err)
	}
	c.head.Tipset = ts
	c.runPool()
	c.cron()
	c.forgetMessages()
	if height >= c.head.Lease || c.store.changed() {
		c.saveHead()
	}
	return nil
}

// nextDue is the first epoch after the head in which the chain has something
// to do by itself.
func (c *chain) nextDue() abi.ChainEpoch {
	due := never
	for _, m := range c.pool {
		due = min(due, m.NotBefore)
	}
	return max(min(due, c.due.next(c.dealDue)), c.height()+1)
}
