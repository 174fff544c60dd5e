package md5lane

import (
	"runtime"
	"sync"
	"time"
)

const (
	// step is how much is hashed before someone looks whether another body has come.
	step = 16 << 10
	// lately is how long after its last piece a body is expected to have another.
	// One that waits in vain so long is hurried before, if it has much to hash.
	lately = 100 * time.Millisecond
)

// A job is whole blocks that are to be added to a state.
type job struct {
	owner *Hash
	left  []byte
	mate  *job          // that is done with this one, by whoever does this; guarded by pairs.mu
	back  chan struct{} // of a mate, or who waits: left is done, or to be done by its owner
}

// pairs brings two jobs together. Whoever comes first does his own job, and that
// of one who comes meanwhile beside it, who waits. A patient one does nothing:
// whoever comes next does both.
type pairs struct {
	mu      sync.Mutex
	open    *job // is being done without a mate
	waiting *job // is not, and would be a mate
	seen    [2]visit
}

// A visit is a body's last piece. pairs.seen has those of two bodies, the latest first.
type visit struct {
	body *Hash
	at   time.Time
}

var desk pairs

// hash adds p, whole blocks, to h. If h is patient, and another body had a piece
// lately, it waits for one until it is hurried.
func (d *pairs) hash(h *Hash, p []byte) {
	j := &job{owner: h, left: p}
	for len(j.left) > 0 {
		d.mu.Lock()
		company := d.note(h)
		switch {
		case d.open != nil:
			host := d.open
			d.open, host.mate, j.back = nil, j, make(chan struct{})
			d.mu.Unlock()
			<-j.back
			continue
		case d.waiting != nil:
			j.mate, d.waiting = d.waiting, nil
			d.mu.Unlock()
		case h.patient && company && !h.hurried:
			d.waiting, j.back = j, make(chan struct{})
			d.mu.Unlock()
			<-j.back
			continue
		default:
			d.open = j
			d.mu.Unlock()
			if company {
				// On a busy machine the other body is ready, and waits for a processor.
				runtime.Gosched()
			}
		}
		d.do(j)
	}
	d.mu.Lock()
	h.hurried = false
	d.mu.Unlock()
}

// wake ends the waiting of a body.
func (d *pairs) wake(h *Hash) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h.hurried = true
	if j := d.waiting; j != nil && j.owner == h {
		d.waiting = nil
		close(j.back)
	}
}

// note notes a piece of a body, and says whether another had one lately. The
// caller holds mu.
func (d *pairs) note(h *Hash) (company bool) {
	now := time.Now()
	if d.seen[0].body != h {
		d.seen[1] = d.seen[0]
	}
	d.seen[0] = visit{h, now}
	return d.seen[1].body != nil && now.Sub(d.seen[1].at) < lately
}

// do does a job, and what it can of those that come beside it.
func (d *pairs) do(j *job) {
	for len(j.left) > 0 {
		d.mu.Lock()
		mate := j.mate
		d.mu.Unlock()
		if mate == nil {
			n := min(step, len(j.left))
			single(&j.owner.state, j.left[:n])
			j.left = j.left[n:]
			continue
		}
		n := min(step, len(j.left), len(mate.left))
		blocks(&j.owner.state, &mate.owner.state, &j.left[0], &mate.left[0], n/blockSize)
		j.left, mate.left = j.left[n:], mate.left[n:]
		if len(mate.left) == 0 {
			d.part(j, len(j.left) > 0)
		}
	}
	d.part(j, false)
}

// part lets the mate of j go, if there is one; j takes another if it goes on.
func (d *pairs) part(j *job, on bool) {
	d.mu.Lock()
	mate := j.mate
	j.mate = nil
	switch {
	case on && d.waiting != nil:
		j.mate, d.waiting = d.waiting, nil
	case on && d.open == nil:
		d.open = j
	case !on && d.open == j:
		d.open = nil
	}
	d.mu.Unlock()
	if mate != nil {
		close(mate.back)
	}
}
