package node

import (
	"slices"
	"testing"
)

// Of more addresses than may be told those are left out that fewest can dial.
func TestFarthest(t *testing.T) {
	const id = "/p2p/12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d"
	public := []string{"/dns4/node.example.org/tcp/4001" + id, "/ip4/8.8.8.8/tcp/4001" + id, "/ip6/2606:4700::1111/udp/4001/quic-v1" + id}
	near := []string{"/ip4/10.0.0.7/tcp/4001" + id, "/ip4/192.168.1.2/tcp/4001" + id, "/ip6/fe80::1/tcp/4001" + id}
	here := []string{"/ip4/127.0.0.1/tcp/4001" + id, "/ip6/::1/tcp/4001" + id}
	all := slices.Concat(here, near, public, public)
	want := slices.Concat(public, near, here)
	for most := range len(want) + 2 {
		if got := farthest(all, most); !slices.Equal(got, want[:min(most, len(want))]) {
			t.Errorf("farthest of %d = %v", most, got)
		}
	}
	if got := farthest(nil, 20); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
	if all[0] != here[0] {
		t.Errorf("its argument was changed: %s", all[0])
	}
}
