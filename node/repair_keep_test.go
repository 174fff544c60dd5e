package node

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"
)

// A block that a peer gives back is as public as its root is when it comes, not
// as it was when the peer was asked.
func TestRepairMeetsFlip(t *testing.T) {
	for name, tt := range map[string]struct {
		then []bool // whether the root is published when WhilePublished is called, time after time
		want bool
	}{
		"made private while the peer was asked":     {then: []bool{false, false}, want: false},
		"and public again before the block is here": {then: []bool{false, true}, want: true},
		"public all along":                          {then: []bool{true}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHurt(t, false)
			peer := newTestNode(t, Config{ListenAddrs: []string{loopback}})
			mustImport(t, peer, h.data, ImportOptions{})
			var asked atomic.Int32
			n := newTestNode(t, Config{Dir: h.dir, ListenAddrs: []string{loopback},
				Published: func(context.Context, cid.Cid) bool { return true },
				WhilePublished: func(_ context.Context, root cid.Cid, fn func() error) error {
					if !root.Equals(h.file.Root) {
						t.Errorf("root %s, want %s", root, h.file.Root)
					}
					if i := int(asked.Add(1)) - 1; i < len(tt.then) && tt.then[i] {
						return fn()
					}
					return nil
				}})
			if err := n.Connect(t.Context(), peer.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
			if got, err := h.read(t, n); err != nil || !bytes.Equal(got, h.data) {
				t.Errorf("read %d bytes, %v; want the file", len(got), err)
			}
			if got := int(asked.Load()); got != len(tt.then) {
				t.Errorf("asked %d times, want %d", got, len(tt.then))
			}
			if _, got := n.blocks.Has(h.leaf.Cid, true); got != tt.want {
				t.Errorf("public = %v, want %v", got, tt.want)
			}
		})
	}
}
