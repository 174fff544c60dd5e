package piece_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// What is remembered of the first pass, all, some or nothing, changes no piece.
func TestPackRemembers(t *testing.T) {
	w := newWorld(t, piece.Options{})
	req := piece.PackRequest{MaxPiece: 8 << 20}
	shared := random(2<<20, 1)
	for i := range uint64(12) {
		data := append(random(300<<10, i), shared...)
		if i%3 == 0 {
			data = data[:100]
		}
		req.Members = append(req.Members, w.add(i+1, data))
	}
	req.Zone = 1
	want := w.pack(req)
	checkPieces(t, w, want, req.Members)
	for _, keep := range []int{0, 1, 7, 8, 9, 100} {
		w.pieces.Keep(keep)
		if err := w.pieces.Forget(t.Context(), 1, func(kv.Tx, []string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		got := w.pack(req)
		for i := range got {
			got[i].Created = want[i].Created
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d blocks remembered: %+v, want %+v", keep, got, want)
		}
	}
}

// A block that is found damaged while its shard is hashed, beside the walk,
// ends the packing; nothing of it is left but rows that the next one removes.
func TestPackFindsDamage(t *testing.T) {
	w := newWorld(t, piece.Options{})
	req := piece.PackRequest{Zone: 1, MaxPiece: 4 << 20}
	var all []byte
	for i := range uint64(12) {
		data := random(1<<20, i)
		all = append(all, data...)
		req.Members = append(req.Members, w.add(i+1, data))
	}
	w.close()
	segments, err := filepath.Glob(filepath.Join(w.dir, "node", "blocks", "*.car"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	var good []byte
	for _, name := range segments {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(raw, all[5<<20:5<<20+100]); at >= 0 {
			good = bytes.Clone(raw)
			raw[at+1000] ^= 1
			if err := os.WriteFile(name, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			defer func() {
				w.close()
				if err := os.WriteFile(name, good, 0o600); err != nil {
					t.Fatal(err)
				}
				w.open()
				checkPieces(t, w, w.pack(req), req.Members)
			}()
		}
	}
	w.open()
	if good == nil {
		t.Fatal("the content is in no segment")
	}
	if _, err := w.pieces.Pack(t.Context(), req); !errors.Is(err, node.ErrDamaged) {
		t.Errorf("packing a damaged block: %v, want %v", err, node.ErrDamaged)
	}
	if pieces, err := w.pieces.OfZone(t.Context(), 1); err != nil || len(pieces) > 0 {
		t.Errorf("pieces %v, %v of a zone that was not packed", pieces, err)
	}
}
