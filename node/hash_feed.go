package node

import (
	"hash"
	"sync/atomic"
)

// maxWaiting chunks of a feed may wait for those of another import. With the one
// that waits first they are half of what is in flight, so that the reading, which
// brings an end to it, goes on; an import that has fewer chunks hurries it.
const maxWaiting = inFlight/2 - 1

// A patient hash costs less if it may wait for another body, as md5lane's does.
type patient interface {
	Wait(may bool)
	Hurry()
}

// A hashFeed gives the chunks of an import to a hash, in order.
type hashFeed struct {
	hash    hash.Hash
	patient patient // the hash, or nil
	chunks  chan *chunk
	ended   atomic.Bool
}

func newHashFeed(h hash.Hash) *hashFeed {
	f := &hashFeed{hash: h, chunks: make(chan *chunk, inFlight)}
	f.patient, _ = h.(patient)
	return f
}

// send gives it a chunk.
func (f *hashFeed) send(c *chunk) {
	f.chunks <- c
	if len(f.chunks) >= maxWaiting {
		f.hurry()
	}
}

// hurry ends a waiting for another import's chunk, or else the next.
func (f *hashFeed) hurry() {
	if f.patient != nil {
		f.patient.Hurry()
	}
}

// end says that no more come.
func (f *hashFeed) end() {
	f.ended.Store(true)
	close(f.chunks)
	f.hurry()
}

// run feeds the hash until the end.
func (f *hashFeed) run(done func(*chunk)) {
	for c := range f.chunks {
		if f.patient != nil {
			// Who hurries it has first changed what is asked here.
			f.patient.Wait(!f.ended.Load() && len(f.chunks) < maxWaiting)
		}
		f.hash.Write(c.data) // a hash never fails
		done(c)
	}
}
