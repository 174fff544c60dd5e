package deals_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

func blockOf(t *testing.T, codec, hash uint64, data string) node.Block {
	t.Helper()
	mh, err := multihash.Sum([]byte(data), hash, -1)
	if err != nil {
		t.Fatal(err)
	}
	return node.Block{Cid: cid.NewCidV1(codec, mh), Data: []byte(data)}
}

// cborList is a DAG-CBOR list of links.
func cborList(links ...node.Block) string {
	s := string([]byte{0x80 | byte(len(links))})
	for _, l := range links {
		id := "\x00" + string(l.Cid.Bytes())
		if len(id) < 24 {
			s += "\xd8\x2a" + string([]byte{0x40 | byte(len(id))}) + id
		} else {
			s += "\xd8\x2a\x58" + string([]byte{byte(len(id))}) + id
		}
	}
	return s
}

// Whatever DAG the node takes in can be packed, and comes back from a provider.
func TestRestoreDAG(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	ctx := t.Context()
	leaves := []node.Block{
		blockOf(t, cid.Raw, multihash.SHA2_256, string(random(1<<20, 1))),
		blockOf(t, cid.Raw, multihash.SHA2_512, string(random(2<<20, 2))),
		blockOf(t, cid.Raw, multihash.BLAKE3, string(random(100, 3))),
		blockOf(t, 0x51, multihash.SHA3_384, "\x01"), // cbor
		blockOf(t, cid.Raw, multihash.SHA2_256, ""),
	}
	inline := blockOf(t, cid.DagCBOR, multihash.IDENTITY, cborList(leaves[2]))
	list := blockOf(t, cid.DagCBOR, multihash.BLAKE2B_MIN+31, cborList(append(leaves[:2:2], inline, leaves[3], leaves[4])...))
	root := blockOf(t, cid.DagJSON, multihash.SHA2_256, `{"a":{"/":"`+list.Cid.String()+`"},"b":{"/":"`+leaves[0].Cid.String()+`"}}`)
	want := car.Header(root.Cid)
	for _, b := range []node.Block{root, list, leaves[0], leaves[1], leaves[2], leaves[3], leaves[4]} {
		want = append(append(want, car.SectionHead(b.Cid, len(b.Data))...), b.Data...)
	}
	lease := m.node.Lease()
	dag, err := m.node.ImportCAR(ctx, bytes.NewReader(want), node.ImportOptions{})
	lease.Release()
	if err != nil || dag.Root != root.Cid || dag.Size != int64(len(want)) {
		t.Fatalf("ImportCAR = %+v, %v", dag, err)
	}
	m.pack(piece.PackRequest{Zone: 1, Bucket: "b", Replication: 1, MaxPiece: 64 << 20, Members: []piece.Member{
		{Content: 1, Root: dag.Root, Size: dag.Size}, m.add(2, random(1000, 9)),
	}})
	if err := m.deals.Start(ctx, 1); err != nil {
		t.Fatal(err)
	}
	m.until("active deals", 40*time.Second, m.active(1))
	m.loseBlocks()
	if err := m.deals.Restore(ctx, 1, 1, dag.Root); err != nil {
		t.Fatal(err)
	}
	r, err := m.node.OpenDAG(ctx, dag.Root, dag.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}
