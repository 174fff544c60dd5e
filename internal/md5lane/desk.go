package md5lane

import (
	"runtime"
	"sync"
)

// step is how much is hashed before someone looks whether another body has come.
const step = 16 << 10

// A job is whole blocks that are to be added to a state.
type job struct {
	state *[4]uint32
	left  []byte
	mate  *job          // that is done with this one, by whoever does this; guarded by pairs.mu
	back  chan struct{} // of a mate: left is done, or to be done by its owner
}

// pairs brings two jobs together. Whoever comes first does his own job, and that
// of one who comes meanwhile beside it, who waits.
type pairs struct {
	mu   sync.Mutex
	open *job // is being done without a mate
}

var desk pairs

// hash adds p, whole blocks, to state.
func (d *pairs) hash(state *[4]uint32, p []byte) {
	j := &job{state: state, left: p}
	for len(j.left) > 0 {
		d.mu.Lock()
		if host := d.open; host != nil {
			d.open, host.mate, j.back = nil, j, make(chan struct{})
			d.mu.Unlock()
			<-j.back
			continue
		}
		d.open = j
		d.mu.Unlock()
		// On a busy machine the other body is ready, and waits for a processor.
		runtime.Gosched()
		d.do(j)
	}
}

// do does a job, and what it can of those that come beside it.
func (d *pairs) do(j *job) {
	for len(j.left) > 0 {
		d.mu.Lock()
		mate := j.mate
		d.mu.Unlock()
		if mate == nil {
			n := min(step, len(j.left))
			single(j.state, j.left[:n])
			j.left = j.left[n:]
			continue
		}
		n := min(step, len(j.left), len(mate.left))
		blocks(j.state, mate.state, &j.left[0], &mate.left[0], n/blockSize)
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
