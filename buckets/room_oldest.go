package buckets

import (
	"container/heap"

	"github.com/ipfs/go-cid"
)

// old is a root that may go, with the hour in which it was read last.
type old struct {
	root cid.Cid
	size int64
	hour int64
}

// oldest is a heap of those that were read least recently; the most recent of
// them is on top, and the first to leave.
type oldest []old

func (h oldest) Len() int { return len(h) }
func (h oldest) Less(i, j int) bool {
	return h[i].hour > h[j].hour || h[i].hour == h[j].hour && h[i].size < h[j].size
}
func (h oldest) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *oldest) Push(x any)   { *h = append(*h, x.(old)) }
func (h *oldest) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// sorted takes them out, the least recently read first.
func (h oldest) sorted() []old {
	out := make([]old, len(h))
	for i := len(h) - 1; i >= 0; i-- {
		out[i] = heap.Pop(&h).(old)
	}
	return out
}
