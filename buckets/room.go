package buckets

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// OffloadOptions has local copies given up when the disk gets full: those of
// contents that Filecoin keeps, the least recently read first, until there is
// room again. The zero value gives up none.
type OffloadOptions struct {
	// Used is how much of what Above and To bound is taken now, in bytes.
	Used  func() (int64, error)
	Above int64 // where it begins
	To    int64 // and ends
}

func (o OffloadOptions) enabled() bool { return o.Used != nil && o.Above > 0 }

const (
	roomEvery = time.Minute      // the disk is looked at as often
	roomTired = 10 * time.Minute // and when nothing more can be given up
	roomPage  = 1000             // contents that one snapshot is read for
	// roomMost bounds the roots that one pass gives up.
	roomMost = 50_000
	// roomBatch bounds those of one transaction.
	roomBatch = 100
)

// room is what the passes remember of each other.
type room struct {
	// owed is what was given up and has not come back to the disk: a sweep
	// leaves blocks in files that are still written to. Only the job has it.
	owed int64
}

// makeRoom is the job that looks at the disk. Its reason says what it did, and why not more.
func (b *Buckets) makeRoom(ctx context.Context, _ string) error {
	o := b.offloading
	if !o.enabled() || b.dealer == nil {
		return nil
	}
	if err := b.flushReads(ctx); err != nil {
		return err
	}
	used, err := o.Used()
	if err != nil {
		return fmt.Errorf("offload: %w", err)
	}
	if used <= o.Above {
		b.room.owed = 0
		return queue.Later(time.Now().Add(roomEvery), fmt.Sprintf("%s are taken, nothing is given up below %s", bytesText(used), bytesText(o.Above)))
	}
	need := used - b.room.owed - o.To
	if need <= 0 {
		return queue.Later(time.Now().Add(roomTired), fmt.Sprintf("%s are taken; %s that were given up come back as the files they are in are written anew", bytesText(used), bytesText(b.room.owed)))
	}
	p, err := b.giveUpOldest(ctx, need)
	if err != nil {
		return fmt.Errorf("offload: %w", err)
	}
	b.metrics.offloads.Add(float64(p.objects))
	b.metrics.offloaded.Add(float64(p.bytes))
	reason := fmt.Sprintf("%s were taken, over %s: gave up %d objects of %s", bytesText(used), bytesText(o.Above), p.objects, bytesText(p.bytes))
	if p.why() != "" {
		reason += "; of the others " + p.why()
	}
	if p.objects == 0 {
		return queue.Later(time.Now().Add(roomTired), reason)
	}
	b.log.InfoContext(ctx, "local copies given up", "objects", p.objects, "bytes", p.bytes, "used", used)
	res, err := b.Sweep(ctx)
	if err != nil {
		return err
	}
	b.room.owed = max(0, b.room.owed+p.bytes-res.Bytes)
	return queue.Later(time.Now().Add(roomEvery), reason)
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// A roomPass is one pass over the contents.
type roomPass struct {
	b     *Buckets
	need  int64
	found oldest
	in    map[string]bool   // the roots in found, which copies share
	size  int64             // of found
	zones map[uint64]string // by zone: why its contents stay, "" if they may go

	owners     []uint64 // whose contents may go; none: anybody's
	considered int      // contents that may go

	objects int
	bytes   int64
	kept    map[string]int // contents that stay, by reason
}

// why says what keeps the contents that stay.
func (p *roomPass) why() string {
	s := ""
	for _, reason := range []string{notDealt, notSampled, alsoElsewhere} {
		if n := p.kept[reason]; n > 0 {
			if s != "" {
				s += ", "
			}
			s += fmt.Sprintf("%d %s", n, reason)
		}
	}
	return s
}

// Why a content stays.
const (
	notDealt      = "wait for their deals"
	notSampled    = "wait for a sample from each provider"
	alsoElsewhere = "are needed by an upload, a pin or a copy without deals"
)

// giveUpOldest gives up the local copies that were read least recently, until
// need bytes are, or no more may be.
func (b *Buckets) giveUpOldest(ctx context.Context, need int64) (*roomPass, error) {
	p := newRoomPass(b, need)
	if err := p.look(ctx); err != nil {
		return p, err
	}
	for some := range slices.Chunk(p.found.sorted(), roomBatch) {
		if err := p.giveUp(ctx, some); err != nil {
			return p, err
		}
	}
	return p, nil
}

func newRoomPass(b *Buckets, need int64) *roomPass {
	return &roomPass{b: b, need: need, in: map[string]bool{}, zones: map[uint64]string{}, kept: map[string]int{}}
}

// look finds the contents that are to go.
func (p *roomPass) look(ctx context.Context) error {
	return p.contents(ctx, func(page []Content, hours []int64) (bool, error) { return true, p.consider(ctx, page, hours) })
}

// contents calls fn with pages of all contents, the newest first, and the hours
// in which they were read last, or made, until fn says that it has enough.
func (p *roomPass) contents(ctx context.Context, fn func([]Content, []int64) (more bool, err error)) error {
	for before, more := uint64(math.MaxUint64), true; more; {
		var page []Content
		var last []int64
		err := p.b.view(ctx, func(tx kv.Tx) (err error) {
			page, last, err = localBefore(tx, before, roomPage)
			return err
		})
		if err != nil {
			return err
		}
		if more = len(page) == roomPage; more {
			before = page[len(page)-1].ID
		}
		if goOn, err := fn(page, last); err != nil || !goOn {
			return err
		}
	}
	return nil
}

// localBefore returns contents with ids below before, newest first, with the
// hour in which each was read last, or made.
func localBefore(tx kv.Tx, before uint64, limit int) (page []Content, last []int64, err error) {
	_, to := kv.Range(tabContent)
	for row, err := range tx.Scan(keyContent(before-1), to) {
		if err != nil {
			return nil, nil, err
		}
		c, err := decodeContent(row.Value)
		if err != nil {
			return nil, nil, err
		}
		hour, err := lastRead(tx, rootKey(c.CID))
		if err != nil {
			return nil, nil, err
		}
		page, last = append(page, c), append(last, max(hour, hourOf(c.Created)))
		if len(page) == limit {
			break
		}
	}
	return page, last, nil
}

// consider keeps in mind those contents that may go, and are among the oldest that
// are needed. One that somebody needs here is none of them, so that others go.
func (p *roomPass) consider(ctx context.Context, page []Content, hours []int64) error {
	var dealt []old
	for i, c := range page {
		if !p.asked(c) || c.Deleted || c.Offloaded || c.Size == 0 || c.wanted(time.Now()) {
			continue
		}
		why, err := p.stays(ctx, c.Zone)
		if err != nil {
			return err
		}
		if why != "" {
			p.kept[why]++
			continue
		}
		dealt = append(dealt, old{root: c.CID, size: c.Size, hour: hours[i]})
	}
	if err := p.askZones(ctx, dealt); err != nil {
		return err
	}
	var spare []old
	err := p.b.view(ctx, func(tx kv.Tx) error {
		spare = nil
		for _, o := range dealt {
			list, err := p.spare(tx, o.root)
			if err != nil {
				return err
			}
			if len(list) > 0 {
				spare = append(spare, o)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if kept := len(dealt) - len(spare); kept > 0 {
		p.kept[alsoElsewhere] += kept
	}
	p.considered += len(spare)
	for _, o := range spare {
		p.push(o)
	}
	return nil
}

// push keeps a root in mind if it is among the oldest that are needed.
func (p *roomPass) push(o old) {
	if p.in[o.root.KeyString()] {
		return
	}
	p.in[o.root.KeyString()] = true
	heap.Push(&p.found, o)
	p.size += o.size
	for len(p.found) > 0 && (len(p.found) > roomMost || p.size-p.found[0].size >= p.need) {
		o := heap.Pop(&p.found).(old)
		delete(p.in, o.root.KeyString())
		p.size -= o.size
	}
}

// asked says whether a content is among those that the pass is for.
func (p *roomPass) asked(c Content) bool {
	return len(p.owners) == 0 || slices.Contains(p.owners, c.Owner)
}

// stays says why the contents of a zone stay, or "" if they may go.
func (p *roomPass) stays(ctx context.Context, zone uint64) (string, error) {
	if why, known := p.zones[zone]; known {
		return why, nil
	}
	why, err := p.b.undealt(ctx, zone)
	if err == nil {
		p.zones[zone] = why
	}
	return why, err
}

// undealt says why the deals of a zone are not enough to do without local copies.
func (b *Buckets) undealt(ctx context.Context, zone uint64) (string, error) {
	if zone == 0 {
		return notDealt, nil
	}
	z, err := b.loadZone(ctx, zone)
	if errors.Is(err, ErrNoZone) || err == nil && z.State != ZoneComplete {
		return notDealt, nil
	}
	if err != nil {
		return "", err
	}
	prog, err := b.dealer.Progress(ctx, z.Zone)
	switch {
	case err != nil:
		return "", fmt.Errorf("progress: %w", err)
	case prog.Wanted == 0 || prog.Active < prog.Wanted:
		return notDealt, nil
	}
	sampled, on, err := b.dealer.Sampled(ctx, z.Zone)
	switch {
	case err != nil:
		return "", fmt.Errorf("samples: %w", err)
	case on && sampled < prog.Wanted:
		return notSampled, nil
	}
	return "", nil
}
