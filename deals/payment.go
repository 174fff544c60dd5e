package deals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	// stuckEpochs is how long a payment waits in the pool before one that pays
	// more for its gas takes its place.
	stuckEpochs = 20
	// finality is after how many epochs the chain does not change any more.
	finality = 900
	// mostWaiting is how many messages of an address the pool may hold before another is added.
	mostWaiting = 10
)

// A payment moves money into escrow. All its messages have one nonce, so only
// one of them can ever be executed. Each is stored before it is pushed: after a
// crash they are looked up, and pushed again as they are.
type payment struct {
	Nonce    uint64
	Amount   big.Int
	Messages []paymentMessage // the newest last
	Gone     int64            // epoch at which the nonce was first seen used, and none of them found
}

type paymentMessage struct {
	CID    string
	Signed chain.SignedMessage
	Epoch  int64 // when it was stored
}

// errPaid says that another run has made a payment meanwhile.
var errPaid = errors.New("a payment is under way")

// pay stores a payment into escrow and pushes it, within the day's limit.
func (d *Deals) pay(ctx context.Context, addr address.Address, amount big.Int) error {
	p, wait, why, err := d.decide(ctx, addr, amount, func(kv.Tx) error { return nil })
	switch {
	case errors.Is(err, errPaid):
		return queue.Later(d.queue.Now(), errPaid.Error())
	case err != nil:
		return err
	case why != "":
		return d.escrowWaits(ctx, addr, wait, why)
	}
	return d.pushPayment(ctx, addr, p)
}

// decide stores a payment, and in its transaction what also does, or says why
// not and when to try again. errPaid says that there is one already, or was
// since it began.
func (d *Deals) decide(ctx context.Context, addr address.Address, amount big.Int, also func(kv.Tx) error) (p *payment, wait time.Duration, why string, err error) {
	soon := 10 * d.opt.Poll
	before, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		wait, why = row.dailyLimit(d.queue.Now(), amount, d.opt.Escrow.Daily)
		return nil
	})
	if err != nil || why != "" {
		return nil, wait, why, err
	}
	account, err := d.chain.Account(ctx, addr)
	if err == nil && account.Balance.LessThan(big.Add(amount, d.opt.Escrow.Gas)) {
		err = fmt.Errorf("%s has %s", addr, fil(account.Balance))
	}
	if err != nil {
		return nil, soon, fmt.Sprintf("top-up of %s waits: %s", fil(amount), short(err.Error())), nil
	}
	nonce, err := d.chain.NextNonce(ctx, addr)
	if err != nil {
		return nil, 0, "", err
	}
	if nonce > account.Nonce+mostWaiting { // a message with a nonce out of the air would wait for ever
		return nil, soon, fmt.Sprintf("top-up of %s waits for %d messages of %s in the pool", fil(amount), nonce-account.Nonce, addr), nil
	}
	m, why, err := d.payMessage(ctx, addr, max(nonce, account.Nonce), amount)
	if err != nil || why != "" {
		return nil, soon, why, err
	}
	row, err := d.editEscrow(ctx, addr.String(), func(tx kv.Tx, row *escrowRow) error {
		_, why := row.dailyLimit(d.queue.Now(), amount, d.opt.Escrow.Daily)
		// One that came and went meanwhile has used the nonce: it is seen by the sum.
		if row.Payment != nil || why != "" || !row.Spent.Equals(before.Spent) {
			return errPaid
		}
		row.Spent = big.Add(row.Spent, amount)
		row.Payment = &payment{Nonce: m.Signed.Message.Nonce, Amount: amount, Messages: []paymentMessage{m}}
		return also(tx)
	})
	if err != nil {
		return nil, 0, "", err
	}
	d.log.InfoContext(ctx, "pay into escrow", "address", addr, "amount", fil(amount), "cid", m.CID)
	return row.Payment, 0, "", nil
}

// payMessage signs an AddBalance with the gas of the hour, or says why it costs too much.
func (d *Deals) payMessage(ctx context.Context, addr address.Address, nonce uint64, amount big.Int) (p paymentMessage, why string, err error) {
	head, err := d.chain.Head(ctx)
	if err != nil {
		return p, "", err
	}
	var params bytes.Buffer
	if err := addr.MarshalCBOR(&params); err != nil {
		return p, "", err
	}
	m, err := d.chain.Estimate(ctx, chain.Message{To: builtin.StorageMarketActorAddr, From: addr, Nonce: nonce,
		Value: amount, Method: builtin.MethodsMarket.AddBalance, Params: params.Bytes()})
	if refusedCall(err) {
		return p, fmt.Sprintf("top-up of %s would fail: %s", fil(amount), short(err.Error())), nil
	}
	if err != nil {
		return p, "", err
	}
	return d.signPayment(ctx, m, head)
}

func (d *Deals) signPayment(ctx context.Context, m chain.Message, head int64) (p paymentMessage, why string, err error) {
	if m.Fee().GreaterThan(d.opt.Escrow.Gas) {
		return p, fmt.Sprintf("top-up of %s waits for cheaper gas: it may cost %s, not %s", fil(m.Value), fil(d.opt.Escrow.Gas), fil(m.Fee())), nil
	}
	k, err := d.wallet.Of(ctx, m.From)
	if err != nil {
		return p, "", err
	}
	digest, err := m.Digest()
	if err != nil {
		return p, "", err
	}
	s := chain.SignedMessage{Message: m, Signature: k.Sign(digest)}
	id, err := s.CID()
	return paymentMessage{CID: id.String(), Signed: s, Epoch: head}, "", err
}

// pushPayment pushes the newest message. What the pool answers decides nothing:
// it may have the message, and say no for that. Its end is found on chain.
func (d *Deals) pushPayment(ctx context.Context, addr address.Address, p *payment) error {
	m := p.Messages[len(p.Messages)-1]
	reason := fmt.Sprintf("top-up of %s is under way as message %s", fil(p.Amount), m.CID)
	if err := d.chain.Push(ctx, m.Signed); err != nil {
		reason += ": " + short(err.Error())
	}
	return d.escrowWaits(ctx, addr, d.opt.Poll, reason)
}

// followPayment looks what became of a payment. It returns nil once that is known.
func (d *Deals) followPayment(ctx context.Context, addr address.Address, p *payment) error {
	// Before the messages are looked up: one that is executed in between is found.
	account, err := d.chain.Account(ctx, addr)
	if err != nil {
		return err
	}
	head, err := d.chain.Head(ctx)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(p.Messages) {
		id, err := cid.Decode(m.CID)
		if err != nil {
			return err
		}
		r, err := d.chain.Search(ctx, id)
		switch {
		case err == nil && p.has(r.Message):
			return d.paid(ctx, addr, p, r)
		case err != nil && !errors.Is(err, chain.ErrPending) && !refusedCall(err):
			return err // unknown is not "not found"
		}
	}
	if account.Nonce > p.Nonce {
		return d.nonceUsed(ctx, addr, p, head)
	}
	if head-p.Messages[len(p.Messages)-1].Epoch >= stuckEpochs {
		if p, err = d.raise(ctx, addr, p, head); err != nil {
			return err
		}
	}
	return d.pushPayment(ctx, addr, p)
}

func (p *payment) has(id cid.Cid) bool {
	return slices.ContainsFunc(p.Messages, func(m paymentMessage) bool { return m.CID == id.String() })
}

// paid ends a payment that the chain has executed. One that it refused has
// moved nothing, but counts for the day.
func (d *Deals) paid(ctx context.Context, addr address.Address, p *payment, r chain.Receipt) error {
	result := "paid"
	if r.Exit != 0 {
		result = "failed"
		d.log.WarnContext(ctx, "payment into escrow failed on chain", "address", addr, "cid", r.Message, "exit", int64(r.Exit))
	}
	if _, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		if row.Payment == nil || row.Payment.Nonce != p.Nonce {
			return nil
		}
		row.Payment, row.Reason = nil, ""
		if r.Exit != 0 {
			row.Reason = fmt.Sprintf("top-up %s failed on chain with code %d", r.Message, r.Exit)
		}
		return nil
	}); err != nil {
		return err
	}
	d.met.topups.WithLabelValues(result).Inc()
	if r.Exit != 0 {
		// Its gas is spent. The day's limit stays used: what fails once may fail all day.
		return queue.Later(d.queue.Now().Add(quietEscrow), "top-up failed on chain")
	}
	return d.queue.Wake(ctx, kindDeal)
}

// nonceUsed waits for a payment whose nonce the chain has used, and whose
// messages it does not find. Either they are not found yet, or somebody else
// sent a message with the key. Only when the chain cannot change any more is it
// safe to say that it moved nothing.
func (d *Deals) nonceUsed(ctx context.Context, addr address.Address, p *payment, head int64) error {
	row, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		if row.Payment != nil && row.Payment.Nonce == p.Nonce && row.Payment.Gone == 0 {
			row.Payment.Gone = head
		}
		return nil
	})
	if err != nil || row.Payment == nil {
		return err
	}
	if left := row.Payment.Gone + finality - head; left > 0 {
		return d.escrowWaits(ctx, addr, time.Duration(min(left, 20))*d.opt.Poll, fmt.Sprintf(
			"another message has the nonce %d of the top-up of %s: it is given up in %d epochs unless it is found", p.Nonce, fil(p.Amount), left))
	}
	d.log.WarnContext(ctx, "payment into escrow given up: its nonce was used by another message", "address", addr, "nonce", p.Nonce)
	d.met.topups.WithLabelValues("lost").Inc()
	_, err = d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		row.Payment, row.Reason = nil, ""
		return nil
	})
	return err
}

// raise signs a message that pays more for its gas, to take the place of one
// that is stuck, and stores it. If that would cost too much, the old one waits on.
func (d *Deals) raise(ctx context.Context, addr address.Address, p *payment, head int64) (*payment, error) {
	old := p.Messages[len(p.Messages)-1].Signed.Message
	m, err := d.chain.Estimate(ctx, old)
	if refusedCall(err) {
		m, err = old, nil // the pool's state is not the chain's: the old limit will do
	}
	if err != nil {
		return p, err
	}
	// Lotus asks for a quarter more; a little above that for rounding.
	least := big.Add(big.Div(big.Mul(old.GasPremium, big.NewInt(130)), big.NewInt(100)), big.NewInt(2))
	m.GasPremium, m.GasLimit = big.Max(m.GasPremium, least), max(m.GasLimit, old.GasLimit)
	m.GasFeeCap = big.Max(big.Max(m.GasFeeCap, old.GasFeeCap), m.GasPremium)
	next, why, err := d.signPayment(ctx, m, head)
	if err != nil || why != "" {
		return p, err
	}
	row, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		if row.Payment != nil && row.Payment.Nonce == p.Nonce && len(row.Payment.Messages) == len(p.Messages) {
			row.Payment.Messages = append(row.Payment.Messages, next)
		}
		return nil
	})
	if err != nil || row.Payment == nil {
		return p, err
	}
	d.log.InfoContext(ctx, "payment into escrow is stuck: its gas is raised", "address", addr, "cid", next.CID)
	return row.Payment, nil
}
