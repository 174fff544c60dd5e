package deals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	mathbig "math/big"
	"strings"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/kv"
)

// A budget is what may be spent on one more deal. The chain locks a deal's
// price when it is published, hours after it was signed: what was promised to
// other providers until then is spent already.
type budget struct {
	client   address.Address
	need     big.Int
	free     big.Int            // in escrow, as the chain says
	promised map[string]big.Int // by deal, before the chain was asked
	size     int64              // of the piece
	datacap  *datacap           // nil: the deal takes none
}

// budget asks the chain what a proposal could be paid from.
func (d *Deals) budget(ctx context.Context, p market.DealProposal) (*budget, error) {
	b := &budget{client: p.Client, need: p.ClientBalanceRequirement(), size: int64(p.PieceSize)}
	if p.VerifiedDeal {
		var err error
		if b.datacap, err = d.datacap(ctx, p.Client); err != nil {
			return nil, err
		}
	}
	if b.need.Sign() == 0 {
		return b, nil
	}
	// Before the chain is asked: what is published meanwhile may not be locked in its answer yet.
	err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		b.promised, err = promised(tx, p.Client)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.free, err = d.chain.Escrow(ctx, p.Client)
	var refused *chain.CallError
	if errors.As(err, &refused) {
		// An address that never got any FIL is not on chain at all.
		return nil, &errNotNow{reason: fmt.Sprintf("escrow of %s is not known (%s), need %s", p.Client, short(refused.Message), fil(b.need))}
	}
	return b, err
}

// covers says whether a deal can be paid beside all that are promised.
func (b *budget) covers(tx kv.Tx, deal string) error {
	if b.datacap != nil {
		if why, err := b.datacap.lacks(tx, b.client, deal, b.size); err != nil || why != "" {
			return cmp.Or(err, error(&errOrdinary{why}))
		}
	}
	if b.need.Sign() == 0 {
		return nil
	}
	all, err := promised(tx, b.client)
	if err != nil {
		return err
	}
	for id, amount := range b.promised {
		all[id] = amount
	}
	delete(all, deal)
	spent := big.Zero()
	for _, amount := range all {
		spent = big.Add(spent, amount)
	}
	if b.free.GreaterThanEqual(big.Add(b.need, spent)) {
		return nil
	}
	reason := fmt.Sprintf("escrow of %s too low: have %s, need %s", b.client, fil(b.free), fil(b.need))
	if spent.Sign() > 0 {
		reason += fmt.Sprintf(" beside %s promised to deals that are not on chain yet", fil(spent))
	}
	row, err := getEscrow(tx, b.client.String())
	if err != nil {
		return err
	}
	if row.Reason != "" {
		reason += "; " + row.Reason
	}
	return &errShort{errNotNow{reason: reason}, big.Add(b.need, spent)}
}

// errShort says that the escrow is too low for a deal, which waits until it has so much.
type errShort struct {
	errNotNow
	need big.Int
}

func (e *errShort) Unwrap() error { return &e.errNotNow }

// ParseFIL reads an amount of FIL, like 2 or 0.5, in attoFIL.
func ParseFIL(s string) (big.Int, error) {
	r, ok := new(mathbig.Rat).SetString(s)
	if !ok || len(s) > 40 || strings.Trim(s, "0123456789.") != "" {
		return big.Int{}, fmt.Errorf("%q is not an amount of FIL", s)
	}
	if r.Mul(r, new(mathbig.Rat).SetInt64(1e18)); !r.IsInt() {
		return big.Int{}, fmt.Errorf("%q is finer than an attoFIL", s)
	}
	return big.NewFromGo(r.Num()), nil
}

// filFloat is an amount as a metric has it.
func filFloat(a big.Int) float64 {
	f, _ := new(mathbig.Rat).SetFrac(a.Int, mathbig.NewInt(1e18)).Float64()
	return f
}

// promised is what deals cost a client that are signed and not on chain.
func promised(tx kv.Tx, client address.Address) (map[string]big.Int, error) {
	return promises(tx, client, 0)
}

// promisedDatacap is what they take of its datacap.
func promisedDatacap(tx kv.Tx, client address.Address) (map[string]big.Int, error) {
	return promises(tx, client, 2)
}

// promises reads one of the fields that promise has written. The list of pending
// deals has them, as there may be thousands: see listDeal.
func promises(tx kv.Tx, client address.Address, field int) (map[string]big.Int, error) {
	out := make(map[string]big.Int)
	from, to := kv.Range(prefix, "pending")
	for r, err := range tx.Scan(from, to) {
		if err != nil {
			return nil, err
		}
		if string(r.Value) == "0" {
			continue
		}
		var id string
		if err := kv.Unkey(r.Key, nil, nil, &id); err != nil {
			return nil, err
		}
		value := string(r.Value)
		if !strings.Contains(value, " ") { // listed by an older version
			row, err := getDeal(tx, id)
			if errors.Is(err, errDamaged) || errors.Is(err, ErrNoDeal) {
				continue // what it was promised is not known, and stops no other
			}
			if err == nil {
				value, err = row.promise()
			}
			if err != nil {
				return nil, err
			}
		}
		fields := strings.Fields(value)
		if len(fields) <= max(1, field) || fields[1] != client.String() {
			continue
		}
		if out[id], err = big.FromString(fields[field]); err != nil {
			return nil, fmt.Errorf("promise of deal %s: %w", id, err)
		}
	}
	return out, nil
}

// promise is what a deal costs that the chain has not locked yet, in attoFIL,
// whom, and, of a verified deal, how many bytes of datacap it takes.
func (r *dealRow) promise() (string, error) {
	if r.Signed == nil || r.ChainID != 0 || r.Settled {
		return "0", nil
	}
	p, err := r.signedProposal()
	if err != nil {
		return "", err
	}
	cost, size := p.Proposal.ClientBalanceRequirement(), ""
	if p.Proposal.VerifiedDeal {
		size = fmt.Sprintf(" %d", p.Proposal.PieceSize)
	}
	if cost.Sign() == 0 && size == "" {
		return "0", nil
	}
	return cost.String() + " " + p.Proposal.Client.String() + size, nil
}

// fil writes an amount of attoFIL for a person.
func fil(a big.Int) string {
	s := new(mathbig.Rat).SetFrac(a.Int, mathbig.NewInt(1e18)).FloatString(18)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + " FIL"
}
