package node

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	_ "github.com/multiformats/go-multihash/register/blake3"

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

// However many blocks come together, of one length or not and by whatever hash,
// each has its own hash in the end.
func TestVerifyBlocks(t *testing.T) {
	n := newTestNode(t, Config{})
	var cs []cid.Cid
	var want [][]byte
	for i := range 40 {
		size, code := 1000, uint64(multihash.SHA2_256)
		switch {
		case i%17 == 3:
			size = 1 + i
		case i%11 == 5:
			code = multihash.BLAKE3
		}
		data := bytes.Repeat([]byte{byte(i), 7}, size)[:size]
		mh, err := multihash.Sum(data, code, -1)
		if err != nil {
			t.Fatal(err)
		}
		cs, want = append(cs, cid.NewCidV1(cid.Raw, mh)), append(want, data)
		if err := n.PutBlocks(t.Context(), []Block{{cs[i], data}}, false); err != nil {
			t.Fatal(err)
		}
	}
	for k := range len(cs) + 1 {
		got := make([][]byte, k)
		for i := range got {
			got[i] = bytes.Clone(want[i])
			if i%13 == 4 || i%11 == 5 && i > 20 {
				got[i][0] ^= 0x80 // forged
			}
		}
		if err := n.VerifyBlocks(t.Context(), cs[:k], got); err != nil {
			t.Fatalf("%d blocks: %v", k, err)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("block %d of %d is not what its CID names", i, k)
			}
		}
	}
	absent := cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	if err := n.VerifyBlocks(t.Context(), append(cs[:3:3], absent), append(want[:3:3], []byte("x"))); !errors.Is(err, ErrNotFound) {
		t.Errorf("a forged block that is not here: %v, want %v", err, ErrNotFound)
	}
}
