package sandbox

import (
	"container/heap"

	"github.com/filecoin-project/go-state-types/abi"
)

// dueList knows what is due next among many things whose due epoch changes: a
// heap of notes, of which every change adds one. A note that is earlier than
// what it is about is out of date and dropped when it comes up.
type dueList[K comparable] struct{ notes dueHeap[K] }

type dueNote[K comparable] struct {
	at  abi.ChainEpoch
	key K
}

// note says that key is due at an epoch. It is needed after every change that
// may bring the epoch forward; never is not noted.
func (l *dueList[K]) note(at abi.ChainEpoch, key K) {
	if at < never {
		heap.Push(&l.notes, dueNote[K]{at, key})
	}
}

// next is the first epoch in which something is due. due tells the truth about
// a key, never if it is gone.
func (l *dueList[K]) next(due func(K) abi.ChainEpoch) abi.ChainEpoch {
	for len(l.notes) > 0 {
		top := l.notes[0]
		if due(top.key) <= top.at {
			return top.at
		}
		heap.Pop(&l.notes)
	}
	return never
}

// take removes and returns what is due at an epoch, each once, in no order.
func (l *dueList[K]) take(height abi.ChainEpoch, due func(K) abi.ChainEpoch) []K {
	var out []K
	seen := map[K]bool{}
	for len(l.notes) > 0 && l.notes[0].at <= height {
		key := heap.Pop(&l.notes).(dueNote[K]).key
		if !seen[key] && due(key) <= height {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

type dueHeap[K comparable] []dueNote[K]

func (h dueHeap[K]) Len() int           { return len(h) }
func (h dueHeap[K]) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap[K]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap[K]) Push(x any)        { *h = append(*h, x.(dueNote[K])) }
func (h *dueHeap[K]) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
