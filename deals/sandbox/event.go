package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
)

// Events of the market actor (FIP-0083), which tell of every deal's life.
const (
	eventPublished  = "deal-published"
	eventActivated  = "deal-activated"
	eventTerminated = "deal-terminated"
	eventCompleted  = "deal-completed"
)

const (
	eventCodec   = 0x51 // CBOR
	eventIndexed = 0x03 // key and value
	// Limits that nodes have unless their operators say otherwise.
	maxEventRange = abi.ChainEpoch(builtin.EpochsInDay)
	maxEvents     = 10_000
)

// chainEvent is an event as it is stored: all of the market's have the same fields.
type chainEvent struct {
	Seq      uint64
	Type     string
	Deal     abi.DealID
	Client   uint64
	Provider uint64
	Height   abi.ChainEpoch
	TipSet   []cid.Cid
	Message  cid.Cid
}

func (v *chainEvent) row() string { return fmt.Sprintf("event/%d", v.Seq) }

// eventEntry is in Lotus's JSON, without tags of its own.
type eventEntry struct {
	Flags uint8
	Key   string
	Codec uint64
	Value []byte
}

type actorEvent struct {
	Entries   []eventEntry    `json:"entries"`
	Emitter   address.Address `json:"emitter"`
	Reverted  bool            `json:"reverted"`
	Height    abi.ChainEpoch  `json:"height"`
	TipSetKey []cid.Cid       `json:"tipsetKey"`
	MsgCid    cid.Cid         `json:"msgCid"`
}

// entries are what the event says, in the order of FIP-0083.
func (v *chainEvent) entries() []eventEntry {
	value := func(write func(*encoder)) []byte {
		var e encoder
		write(&e)
		return e.finish()
	}
	number := func(n uint64) []byte { return value(func(e *encoder) { e.uint(n) }) }
	return []eventEntry{
		{eventIndexed, "$type", eventCodec, value(func(e *encoder) { e.text(v.Type) })},
		{eventIndexed, "id", eventCodec, number(uint64(v.Deal))},
		{eventIndexed, "client", eventCodec, number(v.Client)},
		{eventIndexed, "provider", eventCodec, number(v.Provider)},
	}
}

// emit notes an event about a deal, at the head.
func (c *chain) emit(kind string, d *chainDeal) {
	client, provider := c.parties(d)
	v := &chainEvent{Type: kind, Deal: d.ID, Client: client.ID, Provider: provider.ID,
		Height: c.height(), TipSet: c.head.Tipset.Cids, Message: c.running}
	if n := len(c.events); n > 0 {
		v.Seq = c.events[n-1].Seq + 1
	}
	if !v.Message.Defined() {
		// Proving a sector, and what the market does by itself, takes no message
		// on this chain: a CID stands for it.
		v.Message, _ = abi.CidBuilder.Sum(fmt.Appendf(nil, "%s/%d/%d", kind, d.ID, c.height())) // SHA and BLAKE do not fail
	}
	c.events = append(c.events, v)
	c.store.put(v.row(), v)
}

// loadEvents reads the events of the state, oldest first.
func (c *chain) loadEvents() error {
	err := load(c.store, "event/", func(v *chainEvent) { c.events = append(c.events, v) })
	slices.SortFunc(c.events, func(a, b *chainEvent) int { return cmp.Compare(a.Seq, b.Seq) })
	return err
}

// forgetEvents drops those before a height. The last one stays: it has the number.
func (c *chain) forgetEvents(before abi.ChainEpoch) {
	n := 0
	for n+1 < len(c.events) && c.events[n].Height < before {
		c.store.remove(c.events[n].row())
		n++
	}
	c.events = slices.Delete(c.events, 0, n)
}

// eventFilter is Lotus's ActorEventFilter.
type eventFilter struct {
	Addresses []address.Address `json:"addresses"`
	Fields    map[string][]struct {
		Codec uint64 `json:"codec"`
		Value []byte `json:"value"`
	} `json:"fields"`
	FromHeight *abi.ChainEpoch `json:"fromHeight"`
	ToHeight   *abi.ChainEpoch `json:"toHeight"`
	TipSetKey  []cid.Cid       `json:"tipsetKey"`
}

// span is the heights that are asked for, with Lotus's refusals.
func (f *eventFilter) span(head abi.ChainEpoch) (from, to abi.ChainEpoch, err error) {
	from, to = max(0, head-finality), head // without a start: from the last finalised tipset
	switch {
	case f.TipSetKey != nil && (f.FromHeight != nil || f.ToHeight != nil):
		return 0, 0, errors.New("cannot specify both TipSetKey and FromHeight/ToHeight")
	case f.TipSetKey != nil:
		return 0, head, nil
	}
	if f.FromHeight != nil {
		from = *f.FromHeight
	}
	if f.ToHeight != nil {
		to = *f.ToHeight
	}
	switch {
	case from < 0:
		return 0, 0, errors.New("range 'from' must be greater than or equal to 0")
	case f.ToHeight == nil && head-from > maxEventRange:
		return 0, 0, fmt.Errorf("invalid epoch range: 'from' height is too far in the past (maximum: %d)", maxEventRange)
	case f.ToHeight != nil && from > to:
		return 0, 0, fmt.Errorf("invalid epoch range: 'to' height (%d) must be after 'from' height (%d)", to, from)
	case to-from > maxEventRange:
		return 0, 0, fmt.Errorf("invalid epoch range: range between to and 'from' heights is too large (maximum: %d)", maxEventRange)
	}
	return from, to, nil
}

// matches says whether each field that is asked for has one of the values asked for.
func (f *eventFilter) matches(v *chainEvent, entries []eventEntry) bool {
	if len(f.TipSetKey) > 0 && !slices.Equal(f.TipSetKey, v.TipSet) {
		return false
	}
	for key, values := range f.Fields {
		if !slices.ContainsFunc(entries, func(e eventEntry) bool {
			if e.Key != key {
				return false
			}
			for _, want := range values {
				if want.Codec == e.Codec && bytes.Equal(want.Value, e.Value) {
					return true
				}
			}
			return len(values) == 0 // any will do
		}) {
			return false
		}
	}
	return true
}

// rpcActorEvents has the filter as its parameter, and answers null when nothing
// passes it, as Lotus does.
func (e *endpoint) rpcActorEvents(_ context.Context, p params) (any, error) {
	f, err := arg[eventFilter](p, 0)
	if err != nil {
		return nil, err
	}
	return see(e, func(c *chain) (any, error) {
		if e.rec.Mode == rpcNoEvents {
			return nil, errors.New("method not supported")
		}
		from, to, err := f.span(c.height())
		if err != nil {
			return nil, err
		}
		var out []actorEvent
		if e.rec.Mode == rpcLieMissing || len(f.Addresses) > 0 && !slices.Contains(f.Addresses, builtin.StorageMarketActorAddr) {
			return out, nil
		}
		for _, v := range c.events {
			entries := v.entries()
			if v.Height < from || v.Height > to || !f.matches(v, entries) {
				continue
			}
			if len(out) == maxEvents {
				return nil, errors.New("filter matches too many events, try a more restricted filter")
			}
			out = append(out, actorEvent{Entries: entries, Emitter: builtin.StorageMarketActorAddr, Height: v.Height, TipSetKey: v.TipSet, MsgCid: v.Message})
		}
		return out, nil
	})
}
