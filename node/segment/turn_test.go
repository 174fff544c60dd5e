package segment

import (
	"bytes"
	"testing"

	"github.com/multiformats/go-multihash"
)

// A short block does not wait for long ones that wait for their turn, and the
// turn goes round: what waited is stored in the end.
func TestShortBlocksDoNotWaitForLong(t *testing.T) {
	s := openTest(t, newMemFiles(), Options{})
	defer s.Close()
	const uploads = 8
	stored := make(chan error, uploads)
	var long []block
	s.longMu.Lock() // as a long block does that waits for the write before it
	for i := range uploads {
		long = append(long, newBlock(t, bytes.Repeat([]byte{byte(i)}, longBlock), multihash.SHA2_256))
		go func(x block) { stored <- put(s, false, x) }(long[i])
	}
	short := newBlock(t, bytes.Repeat([]byte("s"), longBlock-1), multihash.SHA2_256)
	mustPut(t, s, false, short)
	if n := len(stored); n > 0 {
		t.Errorf("%d long blocks were stored out of turn", n)
	}
	s.longMu.Unlock()
	for range uploads {
		if err := <-stored; err != nil {
			t.Error(err)
		}
	}
	for _, want := range append(long, short) {
		if got, err := s.Block(want.cid, true, nil); err != nil || !bytes.Equal(got, want.data) {
			t.Errorf("%d bytes, %v, want %d", len(got), err, len(want.data))
		}
	}
}
