package retrieve

import (
	"cmp"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
)

// Running is a content that is being brought back.
type Running struct {
	Zone    uint64    `json:"zone"`
	Content uint64    `json:"content"`
	Root    cid.Cid   `json:"cid"`
	Began   time.Time `json:"began"`
	Users   int       `json:"users"`            // readers, and restores
	Readers int       `json:"readers"`          // of them
	Bytes   int64     `json:"bytes"`            // of blocks that came
	Total   int64     `json:"total"`            // of the content in its pieces
	Pending int       `json:"pending"`          // blocks that were asked for and have not come
	Reason  string    `json:"reason,omitempty"` // why the last window failed, with what was tried at whom
}

// Running lists what is being brought back, the oldest first.
func (r *Retriever) Running() []Running {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Running
	for _, c := range r.recalls {
		c.mu.Lock()
		out = append(out, Running{Zone: c.zone, Content: c.content, Root: c.root, Began: c.began, Users: c.users, Readers: c.users - c.orders,
			Bytes: c.came, Total: c.total, Pending: len(c.pending), Reason: c.reason})
		c.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Running) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Content, b.Content))
	})
	return out
}
