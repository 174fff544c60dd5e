package node

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// A forger keeps blocks whose checksums hold and whose hashes do not.
type forger struct{ blocks.Store }

func (f forger) Stored(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	data, err := f.Store.Stored(c, public, buf)
	if err == nil {
		data = bytes.Clone(data)
		data[0] ^= 1
	}
	return data, err
}

func TestReadBlock(t *testing.T) {
	n := newTestNode(t, Config{})
	buf := make([]byte, 1<<20+ReadRoom)
	for _, size := range []int{1, 100, 64 << 10, 200 << 10, 1 << 20} {
		data := bytes.Repeat([]byte{byte(size >> 8), 3, 5}, size/3+1)[:size]
		root := mustImport(t, n, data, ImportOptions{}).Root
		for name, read := range map[string]func() ([]byte, error){
			"ReadBlock":                 func() ([]byte, error) { return n.ReadBlock(t.Context(), root, buf) },
			"ReadBlock, no buffer":      func() ([]byte, error) { return n.ReadBlock(t.Context(), root, nil) },
			"StoredBlock":               func() ([]byte, error) { return n.StoredBlock(t.Context(), root, buf) },
			"ReadBlock, a small buffer": func() ([]byte, error) { return n.ReadBlock(t.Context(), root, buf[:10:10]) },
		} {
			if got, err := read(); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s of %d bytes: %d bytes, %v", name, size, len(got), err)
			}
		}
		// Nothing is returned that does not have its hash, whatever its checksum says.
		store := n.blocks
		n.blocks = forger{store}
		if got, err := n.ReadBlock(t.Context(), root, buf); err != nil || !bytes.Equal(got, data) {
			t.Errorf("ReadBlock of %d forged bytes: %d bytes, %v", size, len(got), err)
		}
		n.blocks = store
	}
	if _, err := n.ReadBlock(t.Context(), cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"), buf); !errors.Is(err, ErrNotFound) {
		t.Errorf("a block that is not here: %v, want %v", err, ErrNotFound)
	}
}
