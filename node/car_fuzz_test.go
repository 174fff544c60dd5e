package node

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"
)

// A CAR is imported whole or refused as a CAR; what was imported can be read and walked.
func FuzzCAR(f *testing.F) {
	one := rawOf(f, "one")
	inline := blockOf(f, cid.Raw, multihash.IDENTITY, []byte("inline"))
	file := pbOf(f, fileNodeOf(3, 6, 3), "", one, inline, one)
	list := cborOf(f, file.Cid, inline.Cid)
	f.Add(carOf(one.Cid, one))
	f.Add(carOf(file.Cid, file, one))
	f.Add(carOf(list.Cid, list, file, one, inline))
	f.Add(carOf(list.Cid, list))
	var v2 bytes.Buffer
	if err := car.WrapV1(bytes.NewReader(carOf(file.Cid, file, one)), &v2); err != nil {
		f.Fatal(err)
	}
	f.Add(v2.Bytes())
	f.Add([]byte("\x0a\xa1\x67version\x01"))
	n := newTestNode(f, Config{})
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := n.ImportCAR(t.Context(), bytes.NewReader(in), ImportOptions{})
		var ce *CARError
		if err != nil {
			if !errors.As(err, &ce) {
				t.Fatalf("an error that is not the CAR's: %v", err)
			}
			return
		}
		if d.Size > 1<<20 {
			return // blocks that repeat
		}
		openDAG(t, n, d)
		if err := n.Walk(t.Context(), d.Root, func(cid.Cid, int) error { return nil }); err != nil {
			t.Fatalf("what was imported cannot be walked: %v", err)
		}
	})
}
