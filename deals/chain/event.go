package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/ipfs/go-cid"
	cbg "github.com/whyrusleeping/cbor-gen"
)

const (
	// eventRange is how many epochs are asked for at once: Lotus's usual limit is
	// 2880, and public gateways look no further back.
	eventRange = 2000
	// eventPause is how long an endpoint is not asked for events that has refused to tell of any.
	eventPause = 10 * time.Minute
	eventCBOR  = 0x51
)

// A Published is a deal that the market says it has published. Whoever names it
// is not to be trusted for it: it says where to look.
type Published struct {
	ID       uint64
	Provider uint64 // actor id
	Height   int64
	Message  cid.Cid
}

// Events are what the endpoints tell of the market, together.
type Events struct {
	Published []Published
	// From is the first epoch that all who answered have told of: public gateways
	// look back a day, and no further.
	From int64
	// Told is how many endpoints answered.
	Told int
	// Proved is how many of these have told of a deal of the client, now or
	// before: they keep events. One that keeps none may answer as if there were none.
	Proved int
}

// Published asks all endpoints for the deals of a client, by its id address,
// that the market published from one epoch to another (FIP-0083). Most nodes
// keep no events: if none tells of any, Told is 0.
func (c *Client) Published(ctx context.Context, client address.Address, from, to int64) (Events, error) {
	id, err := address.IDFromAddress(client)
	if err != nil {
		return Events{}, fmt.Errorf("events of %s: %w", client, err)
	}
	answers := make([][]Published, len(c.pool.endpoints))
	begins := make([]int64, len(c.pool.endpoints)) // after to: it told of nothing
	var wg sync.WaitGroup
	for i, e := range c.pool.endpoints {
		if begins[i] = to + 1; e.eventless() {
			continue
		}
		wg.Go(func() { answers[i], begins[i] = c.publishedAt(ctx, e, id, from, to) })
	}
	wg.Wait()
	out := Events{From: from}
	known := map[Published]bool{}
	for i, e := range c.pool.endpoints {
		if begins[i] > to {
			continue
		}
		out.Told++
		out.From = max(out.From, begins[i])
		if e.keepsEvents(id, len(answers[i]) > 0) {
			out.Proved++
		}
		for _, p := range answers[i] {
			if !known[p] {
				known[p] = true
				out.Published = append(out.Published, p)
			}
		}
	}
	return out, ctx.Err()
}

// publishedAt asks one endpoint, in steps that it can answer, backwards until it
// refuses to look further back. begin is the first epoch that it has told of.
func (c *Client) publishedAt(ctx context.Context, e *endpoint, client uint64, from, to int64) (out []Published, begin int64) {
	begin = to + 1
	for begin > from {
		next := max(from, begin-eventRange)
		var part []Published
		err := c.pool.limited(ctx, e, func(ctx context.Context, e *endpoint) (err error) {
			part, err = publishedIn(ctx, e, client, next, begin-1)
			return err
		})
		var refused *CallError
		if errors.As(err, &refused) && begin > to {
			e.tellsNoEvents()
		}
		if err != nil {
			break
		}
		out, begin = append(out, part...), next
	}
	return out, begin
}

type eventBlock struct {
	Codec uint64 `json:"codec"`
	Value []byte `json:"value"`
}

func publishedIn(ctx context.Context, e *endpoint, client uint64, from, to int64) ([]Published, error) {
	kind := append(cbg.CborEncodeMajorType(cbg.MajTextString, uint64(len(dealPublished))), dealPublished...)
	filter := map[string]any{
		"addresses": []address.Address{builtin.StorageMarketActorAddr}, "fromHeight": from, "toHeight": to,
		"fields": map[string][]eventBlock{
			"$type":  {{eventCBOR, kind}},
			"client": {{eventCBOR, cbg.CborEncodeMajorType(cbg.MajUnsignedInt, client)}},
		},
	}
	var raw json.RawMessage // null says that there are none
	if err := e.call(ctx, "GetActorEventsRaw", &raw, filter); err != nil {
		return nil, err
	}
	var events []actorEvent
	if err := decodeResult("GetActorEventsRaw", raw, &events); err != nil {
		return nil, err
	}
	var out []Published
	for _, v := range events {
		p, ok := v.published(client)
		if ok && p.Height >= from && p.Height <= to {
			out = append(out, p)
		}
	}
	return out, nil
}

const dealPublished = "deal-published"

// actorEvent is Lotus's ActorEvent.
type actorEvent struct {
	Entries []struct {
		Key   string
		Codec uint64
		Value []byte
	} `json:"entries"`
	Emitter  address.Address `json:"emitter"`
	Reverted bool            `json:"reverted"`
	Height   int64           `json:"height"`
	Message  cid.Cid         `json:"msgCid"`
}

// published reads an event that tells of a deal of a client; any other is none.
func (v *actorEvent) published(client uint64) (p Published, ok bool) {
	if v.Reverted || v.Emitter != builtin.StorageMarketActorAddr {
		return p, false
	}
	var kind string
	numbers := map[string]uint64{}
	for _, e := range v.Entries {
		if e.Codec != eventCBOR {
			continue
		}
		switch e.Key {
		case "$type":
			kind = eventText(e.Value)
		case "id", "client", "provider":
			n, err := eventNumber(e.Value)
			if err != nil {
				return p, false
			}
			numbers[e.Key] = n
		}
	}
	p = Published{ID: numbers["id"], Provider: numbers["provider"], Height: v.Height, Message: v.Message}
	return p, kind == dealPublished && numbers["client"] == client && len(numbers) == 3
}

func eventNumber(value []byte) (uint64, error) {
	major, n, err := cbg.CborReadHeader(bytes.NewReader(value))
	if err == nil && major != cbg.MajUnsignedInt {
		err = errors.New("not a number")
	}
	return n, err
}

func eventText(value []byte) string {
	r := bytes.NewReader(value)
	major, n, err := cbg.CborReadHeader(r)
	if err != nil || major != cbg.MajTextString || n != uint64(r.Len()) {
		return ""
	}
	text, _ := io.ReadAll(r) // memory does not fail
	return string(text)
}

// eventless says that an endpoint has refused to tell of events not long ago.
func (e *endpoint) eventless() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Before(e.noEvents)
}

func (e *endpoint) tellsNoEvents() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noEvents, e.state.Events = time.Now().Add(eventPause), EventsRefused
}

// keepsEvents says whether an endpoint has ever told of a deal of a client; now: it just did.
func (e *endpoint) keepsEvents(client uint64, now bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now {
		e.state.Events = EventsKept
		if e.eventsOf == nil {
			e.eventsOf = map[uint64]bool{}
		}
		e.eventsOf[client] = true
	}
	return e.eventsOf[client]
}
