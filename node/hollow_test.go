package node

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/unixfs"
)

// A file is refused that has far more places than bytes: who reads it would
// walk for hours without being sent anything.
func TestImportCARHollow(t *testing.T) {
	empty, x := rawOf(t, ""), rawOf(t, "x")
	doubled := func(leaf Block, size uint64, times int) (top Block, blocks []Block) {
		top, blocks = leaf, []Block{leaf}
		for range times {
			top = pbOf(t, fileNodeOf(size, size), "", top, top)
			size *= 2
			blocks = append(blocks, top)
		}
		return top, blocks
	}
	hollow, deep := doubled(empty, 0, 40)
	small, few := doubled(empty, 0, 10)
	full, many := doubled(x, 1, 40)
	ones := slices.Repeat([]Block{empty}, 4000)
	thin := pbOf(t, fileNodeOf(append(make([]uint64, 4000), 1)...), "", append(ones, x)...)
	thins := pbOf(t, fileNodeOf(slices.Repeat([]uint64{1}, 4000)...), "", slices.Repeat([]Block{thin}, 4000)...)
	for _, tt := range []struct {
		name    string
		root    Block
		blocks  []Block
		refused bool
	}{
		{"nothing, very often", hollow, deep, true},
		{"nothing, and a byte", pbOf(t, fileNodeOf(0, 1), "", hollow, x), append(deep, x), true},
		{"nothing, some times", small, few, false},
		{"much, of little", full, many, false},
		{"little among nothing", thins, []Block{empty, x, thin}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newTestNode(t, Config{})
			blocks := append([]Block{tt.root}, tt.blocks...)
			d, err := n.ImportCAR(t.Context(), bytes.NewReader(carOf(tt.root.Cid, blocks...)), ImportOptions{})
			var ce *CARError
			if !tt.refused {
				if err != nil || !d.File {
					t.Errorf("ImportCAR = %+v, %v", d, err)
				}
				return
			}
			if !errors.As(err, &ce) || !strings.Contains(ce.Reason, "places") {
				t.Errorf("ImportCAR = %+v, %v", d, err)
			}
		})
	}
}

// The gateway sends the bytes of a file, also of one that a directory holds,
// and never walks far where there are none.
func TestGatewayHollow(t *testing.T) {
	n := newTestNode(t, Config{})
	top := rawOf(t, "")
	blocks := []Block{top}
	for range 40 {
		top = pbOf(t, fileNodeOf(0, 0), "", top, top)
		blocks = append(blocks, top)
	}
	x, thousand := rawOf(t, "x"), rawOf(t, strings.Repeat("x", 1000))
	hollow := pbOf(t, fileNodeOf(0, 1), "", top, x)
	repeat := func(b Block, size uint64, times int) Block {
		return pbOf(t, fileNodeOf(slices.Repeat([]uint64{size}, times)...), "", slices.Repeat([]Block{b}, times)...)
	}
	long := repeat(x, 1, 100)
	longer := repeat(long, 100, 100)
	fair := pbOf(t, fileNodeOf(10_000, 10_000, 1000), "", longer, longer, thousand)
	dir := pbOf(t, unixfs.NewFSNode(unixfs.TDirectory), "ab", hollow, fair)
	if err := n.PutBlocks(t.Context(), append(blocks, x, thousand, hollow, long, longer, fair, dir), false); err != nil {
		t.Fatal(err)
	}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		n.Gateway().ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/ipfs/"+dir.Cid.String()+path, nil))
		return w
	}
	// Who knows that a place is empty need not go there; boxo's TAR does not.
	if w := get("/a"); w.Code != 200 || w.Body.String() != "x" {
		t.Errorf("a hollow file: %d with %d bytes", w.Code, w.Body.Len())
	}
	if w := get("/a?format=tar"); w.Code == 200 {
		t.Errorf("a TAR of a hollow file: %d with %d bytes", w.Code, w.Body.Len())
	}
	if w := get("/b"); w.Code != 200 || w.Body.Len() != 21_000 {
		t.Errorf("a file of many short leaves: %d with %d bytes", w.Code, w.Body.Len())
	}
}
