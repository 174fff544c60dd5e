package buckets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// PinOptions say how pins are fetched. The zero value works.
type PinOptions struct {
	Workers   int           // pins fetched at once; default 32
	Timeout   time.Duration // a pin of which no block came for that long fails; default 72 h
	MaxBytes  int64         // of a pin; default 1 TiB
	MaxBlocks int64         // of a pin; default 16 Mi
	Idle      time.Duration // a try without a block for that long ends; default 30 s
	MinBack   time.Duration // after the first try in vain; default 30 s
	MaxBack   time.Duration // default 6 h
}

func (o PinOptions) withDefaults() PinOptions {
	or := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Workers == 0 {
		o.Workers = 32
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 40
	}
	if o.MaxBlocks == 0 {
		o.MaxBlocks = 16 << 20
	}
	or(&o.Timeout, 72*time.Hour)
	or(&o.Idle, 30*time.Second)
	or(&o.MinBack, 30*time.Second)
	or(&o.MaxBack, 6*time.Hour)
	return o
}

const (
	// pinSlice is how long a slot stays with a pin, or a worker with a slot,
	// while others wait.
	pinSlice = time.Minute
	// After pinMisses tries in vain a slot pauses, so that a hundred thousand
	// pins that nobody has cost the machine next to nothing.
	pinMisses = 4
	pinPause  = 2 * time.Second
	// pinSave is how often it is written down how far a pin is.
	pinSave = 2 * time.Second
	// pinGrace is how long a pin, while it is new, waits for its sender to connect
	// if its origins do not answer.
	pinGrace, pinNew = 10 * time.Second, 30 * time.Second
	// localLinks bounds what is looked at before a request is answered.
	localLinks = 10_000
	// A pin is fetched to its owner's room, a part of that, and a block.
	pinOverhead = 16
	pinBlock    = 4 << 20
)

var (
	errPinEnded = errors.New("the pin was removed, or somebody else has ended it")
	errPinSlice = errors.New("others wait")
)

// pinning is the pins that are being fetched by this process.
type pinning struct {
	mu sync.Mutex
	m  map[uint64]context.CancelCauseFunc // by id; guarded by mu
}

func (p *pinning) begin(id uint64, cancel context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = map[uint64]context.CancelCauseFunc{}
	}
	p.m[id] = cancel
}

func (p *pinning) end(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.m, id)
}

func (p *pinning) running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.m)
}

// cancel ends a fetch whose pin is gone.
func (p *pinning) cancel(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel := p.m[id]; cancel != nil {
		cancel(errPinEnded)
	}
}

// runPins is the job of a slot: it tries the slot's pins one after the other,
// and makes room for other slots now and then. The queue runs first what has
// been due longest, so all slots have their turn.
func (b *Buckets) runPins(ctx context.Context, job string) error {
	owner, slot, err := parsePinJobID(job)
	if err != nil {
		return err
	}
	end := time.Now().Add(pinSlice)
	for misses := 0; ; {
		p, wait, err := b.nextPin(ctx, owner, slot)
		if err != nil {
			return fmt.Errorf("pins of user %d: %w", owner, err)
		}
		if p.ID == 0 {
			return wait
		}
		came, err := b.tryPin(ctx, p)
		if err != nil {
			return fmt.Errorf("pin %d: %w", p.ID, err)
		}
		if !came {
			misses++
		}
		switch now := time.Now(); {
		case misses == pinMisses:
			return queue.Later(now.Add(pinPause), "the last pins found nobody who has them; others are due")
		case now.After(end):
			return queue.Later(now, "other pins have their turn")
		}
	}
}

// nextPin returns a pin of the slot that is due: by chance the one that waits
// longest, or the newest that was not tried yet, so that a new pin does not
// wait for all that wait in vain. Without one its ID is 0, and wait is what the
// job ends with.
func (b *Buckets) nextPin(ctx context.Context, owner, slot uint64) (p Pin, wait, err error) {
	newest := rand.N(2) == 0
	err = b.view(ctx, func(tx kv.Tx) error {
		p, wait = Pin{}, nil
		if newest {
			for row, err := range tx.Scan(kv.Range(tabPinNew, owner, slot)) {
				var inverted uint64
				if err == nil {
					err = kv.Unkey(row.Key, nil, nil, nil, &inverted)
				}
				if err == nil {
					p, err = pinRow(tx, ^inverted)
				}
				return err
			}
		}
		for row, err := range tx.Scan(kv.Range(tabPinDue, owner, slot)) {
			var id uint64
			if err == nil {
				err = kv.Unkey(row.Key, nil, nil, nil, nil, &id)
			}
			if err != nil {
				return err
			}
			next, err := pinRow(tx, id)
			if now := time.Now(); err == nil && next.Next.After(now) {
				if p, err = b.pinOfWrongClock(tx, owner, slot, now); p.ID == 0 {
					wait = queue.Later(next.Next, fmt.Sprintf("pin %d: %s", id, next.Reason))
				}
				return err
			}
			p = next
			return err
		}
		return nil
	})
	return p, wait, err
}

// pinOfWrongClock returns a pin that is due later than any can be, unless the
// clock was ahead when it was put off. It would wait until it is that late again.
func (b *Buckets) pinOfWrongClock(tx kv.Tx, owner, slot uint64, now time.Time) (Pin, error) {
	_, to := kv.Range(tabPinDue, owner, slot)
	for row, err := range tx.Scan(kv.Key(tabPinDue, owner, slot, uint64(now.Add(b.pinOptions.MaxBack).UnixNano())+1), to) {
		var id uint64
		if err == nil {
			err = kv.Unkey(row.Key, nil, nil, nil, nil, &id)
		}
		if err != nil {
			return Pin{}, err
		}
		return pinRow(tx, id)
	}
	return Pin{}, nil
}

// tryPin fetches a pin and records what came of it. It says whether any block
// came. An error is the store's, or says that ctx has ended.
func (b *Buckets) tryPin(ctx context.Context, p Pin) (came bool, err error) {
	fetchCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b.pinning.begin(p.ID, cancel)
	defer b.pinning.end(p.ID)
	t := &pinTry{b: b, pin: p, began: time.Now()}
	err = t.run(fetchCtx)
	if cause := context.Cause(fetchCtx); cause != nil && ctx.Err() == nil {
		err = cause
	}
	if ctx.Err() != nil { // the process stops: the pin stays due
		return t.came(), errors.Join(ctx.Err(), t.save(context.WithoutCancel(ctx)))
	}
	b.metrics.pins.tries.WithLabelValues(t.result(err)).Inc()
	return t.came(), t.record(ctx, err)
}

// pinTry is one try to fetch a pin.
type pinTry struct {
	b     *Buckets
	pin   Pin
	began time.Time
	saved time.Time
	from  node.FetchState
	state node.FetchState
	at    time.Time // the last block came
	whole bool      // the end of the DAG was reached
}

func (t *pinTry) came() bool { return t.state.Blocks > t.from.Blocks }

func (t *pinTry) run(ctx context.Context) error {
	var bucket Bucket
	var run pinRun
	var own, offloaded bool
	err := t.b.view(ctx, func(tx kv.Tx) (err error) {
		if bucket, err = bucketRow(tx, t.pin.Bucket); err != nil {
			return err
		}
		if run, err = pinRunRow(tx, t.pin.ID); err != nil {
			return err
		}
		own, offloaded, err = ownsRoot(tx, t.pin, bucket)
		return err
	})
	if err != nil {
		return err
	}
	t.from, t.state, t.at = run.FetchState, run.FetchState, run.At
	if offloaded && !own {
		// It is the owner's, and a provider has it. If that fails somebody else may have it.
		if err := t.b.Restore(ctx, t.pin.CID); err == nil {
			own = true
		}
	}
	ctx, end := t.b.writes.begin(ctx, bucket)
	defer end()
	if err := t.b.stillAs(ctx, bucket); err != nil {
		return err
	}
	room, err := t.b.admit(ctx, bucket.Owner, Usage{Bytes: 1, Objects: 1}, freedBy(bucket, t.pin.Key))
	if err != nil {
		return err
	}
	opt := t.options(bucket, own)
	// The blocks of a file are a little more than its bytes.
	roomy := room > opt.MaxBytes-opt.MaxBytes/pinOverhead
	if !roomy {
		opt.MaxBytes = room + room/pinOverhead + pinBlock
	}
	state, err := t.b.node.FetchDAG(ctx, t.pin.CID, opt)
	err = reason(ctx, err)
	t.note(state)
	var bad *node.DAGError
	if !roomy && errors.As(err, &bad) && bad.TooLarge {
		return noRoom(room)
	}
	if err != nil {
		return err
	}
	t.whole = true
	return t.b.finishPin(ctx, t.pin, bucket)
}

// options are those of the fetch.
func (t *pinTry) options(bucket Bucket, own bool) node.FetchOptions {
	opt := t.b.pinOptions
	limit := opt.MaxBytes
	if t.pin.MaxBytes > 0 {
		limit = min(limit, t.pin.MaxBytes)
	}
	var grace time.Duration
	if t.began.Sub(t.pin.Created) < pinNew {
		grace = min(pinGrace, opt.Idle)
	}
	return node.FetchOptions{
		Private: !bucket.Policy.Publish, Own: own, Origins: t.pin.Origins, From: t.from,
		Idle: opt.Idle, Grace: grace, MaxBytes: limit, MaxBlocks: opt.MaxBlocks,
		Keep: func(ctx context.Context) error { return t.b.keepPin(ctx, t.pin.ID) },
		Progress: func(ctx context.Context, s node.FetchState) error {
			t.note(s)
			if time.Since(t.saved) < pinSave {
				return nil
			}
			return t.yield(ctx)
		},
	}
}

// note takes down how far the fetch is.
func (t *pinTry) note(s node.FetchState) {
	if s.Blocks > t.state.Blocks {
		t.at = time.Now().UTC()
		t.b.metrics.pins.blocks.Add(float64(s.Blocks - t.state.Blocks))
		t.b.metrics.pins.bytes.Add(float64(s.Bytes - t.state.Bytes))
	}
	t.state = s
}

// yield writes down how far the fetch is, and ends it if it had its time and
// others wait: other slots for a worker, or other pins in this slot.
func (t *pinTry) yield(ctx context.Context) error {
	if err := t.save(ctx); err != nil || time.Since(t.began) < pinSlice {
		return err
	}
	t.began = time.Now()
	others := t.b.pinning.running() >= t.b.pinOptions.Workers
	if !others {
		err := t.b.view(ctx, func(tx kv.Tx) (err error) {
			others, err = t.othersDue(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	if others {
		return errPinSlice
	}
	return nil
}

// othersDue says whether another pin of the slot waits for its turn.
func (t *pinTry) othersDue(tx kv.Tx) (bool, error) {
	for row, err := range tx.Scan(kv.Range(tabPinDue, t.pin.Owner, pinSlot(t.pin.ID))) {
		var due, id uint64
		if err == nil {
			err = kv.Unkey(row.Key, nil, nil, nil, &due, &id)
		}
		if err != nil {
			return false, err
		}
		if id != t.pin.ID {
			return due <= uint64(time.Now().UnixNano()), nil
		}
	}
	return false, nil
}

// save writes down how far the fetch is.
func (t *pinTry) save(ctx context.Context) error {
	t.saved = time.Now()
	return t.b.update(ctx, func(tx kv.Tx) error {
		p, err := pinRow(tx, t.pin.ID)
		if err == nil && p.State != PinPinning {
			err = errPinEnded
		}
		if errors.Is(err, ErrNoPin) {
			err = errPinEnded
		}
		if err != nil {
			return err
		}
		return kv.PutJSON(tx, keyPinRun(p.ID), pinRun{FetchState: t.state, At: t.at})
	})
}
