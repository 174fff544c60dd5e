package proof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/internal/ipldlinks"
	"google.golang.org/protobuf/encoding/protowire"
)

// A dag is blocks by CID.
type dag struct {
	t      testing.TB
	blocks map[cid.Cid][]byte
}

func newDAG(t testing.TB) *dag { return &dag{t, map[cid.Cid][]byte{}} }

func (d *dag) put(codec, hash uint64, data []byte) cid.Cid {
	d.t.Helper()
	mh, err := multihash.Sum(data, hash, -1)
	if err != nil {
		d.t.Fatal(err)
	}
	c := cid.NewCidV1(codec, mh)
	if hash != multihash.IDENTITY {
		d.blocks[c] = data
	}
	return c
}

func (d *dag) leaf(data []byte) part {
	return part{d.put(cid.Raw, multihash.SHA2_256, data), len(data)}
}

// part is a subtree of a file.
type part struct {
	cid  cid.Cid
	size int
}

// node makes a node of a file.
func (d *dag) node(hash uint64, data []byte, parts ...part) part {
	u := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	if data != nil {
		u = protowire.AppendBytes(protowire.AppendTag(u, 2, protowire.BytesType), data)
	}
	size := len(data)
	var pb []byte
	for _, p := range parts {
		l := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), p.cid.Bytes())
		l = protowire.AppendBytes(protowire.AppendTag(l, 2, protowire.BytesType), nil)
		l = protowire.AppendVarint(protowire.AppendTag(l, 3, protowire.VarintType), uint64(p.size))
		pb = protowire.AppendBytes(protowire.AppendTag(pb, 2, protowire.BytesType), l)
		u = protowire.AppendVarint(protowire.AppendTag(u, 4, protowire.VarintType), uint64(p.size))
		size += p.size
	}
	pb = protowire.AppendBytes(protowire.AppendTag(pb, 1, protowire.BytesType), u)
	return part{d.put(cid.DagProtobuf, hash, pb), size}
}

func (d *dag) file(parts ...part) part { return d.node(multihash.SHA2_256, nil, parts...) }

// walk returns the blocks in the order in which they are packed.
func (d *dag) walk(root cid.Cid) (order []cid.Cid) {
	seen := map[cid.Cid]bool{}
	var visit func(c cid.Cid)
	visit = func(c cid.Cid) {
		if seen[c] {
			return
		}
		seen[c] = true
		data := d.blocks[c]
		if c.Prefix().MhType == multihash.IDENTITY {
			m, err := multihash.Decode(c.Hash())
			if err != nil {
				d.t.Fatal(err)
			}
			data = m.Digest
		} else {
			order = append(order, c)
		}
		links, err := ipldlinks.Of(c, data)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, l := range links {
			visit(l)
		}
	}
	visit(root)
	return order
}

// A packed shard.
type packed struct {
	data []byte
	sum  commp.Sum
	tree *commp.Tree
}

// pack lays the DAG out in shards of at most room bytes, between other blocks,
// and proves it.
func (d *dag) pack(root cid.Cid, size int, room int) *proof.Proof {
	d.t.Helper()
	p := &proof.Proof{Format: proof.Format, Version: proof.Version, Created: time.Unix(1790000000, 0).UTC(),
		Object: proof.Object{Bucket: "b", Key: "k & <é>", Content: 7}, Root: root.String(), Size: int64(size),
		Kind: proof.KindOf(root, d.blocks[root])}
	type run struct {
		shard       int
		off, length int64
	}
	var runs []run
	shards := [][]byte{random(100, 1)}
	fresh := true // the next block begins a run
	for i, c := range d.walk(root) {
		data := d.blocks[c]
		if c.Type() == cid.DagProtobuf && p.Kind == proof.KindFile {
			n, err := proof.NewNode(data)
			if err != nil {
				d.t.Fatal(err)
			}
			p.Nodes = append(p.Nodes, n)
		}
		if i%5 == 4 { // something of another object's
			shards[len(shards)-1] = append(shards[len(shards)-1], random(i*37, uint64(i))...)
			fresh = true
		}
		section := append(car.SectionHead(c, len(data)), data...)
		if s := shards[len(shards)-1]; len(s)+len(section) > room && len(runs) > 0 && runs[len(runs)-1].shard == len(shards)-1 {
			shards = append(shards, random(59+len(shards), 2))
			fresh = true
		}
		n := len(shards) - 1
		if fresh {
			runs = append(runs, run{shard: n, off: int64(len(shards[n]))})
		}
		fresh = false
		runs[len(runs)-1].length += int64(len(section))
		shards[n] = append(shards[n], section...)
	}
	if len(runs) == 0 {
		return d.again(p)
	}
	all := make([]packed, len(shards))
	for i, data := range shards {
		w := commp.Writer{Keep: true}
		w.Write(data)
		sum, err := w.Sum()
		if err != nil {
			d.t.Fatal(err)
		}
		tree, err := commp.NewTree(w.Chunks(), sum.Padded)
		if err != nil {
			d.t.Fatal(err)
		}
		all[i] = packed{data, sum, tree}
		p.Shards = append(p.Shards, proof.Shard{CID: sum.CID.String(), Padded: sum.Padded})
	}
	for _, r := range runs {
		s, err := proof.NewSpan(r.shard, r.off, r.length, all[r.shard].tree, all[r.shard].at)
		if err != nil {
			d.t.Fatal(err)
		}
		p.Spans = append(p.Spans, s)
	}
	d.aggregate(p, all)
	return d.again(p)
}

func (s packed) at(p []byte, off int64) error {
	clear(p)
	if off < int64(len(s.data)) {
		copy(p, s.data[off:])
	}
	return nil
}

// aggregate makes one piece of the shards.
func (d *dag) aggregate(p *proof.Proof, shards []packed) {
	d.t.Helper()
	var infos []abi.PieceInfo
	var total int64
	for _, s := range shards {
		infos = append(infos, abi.PieceInfo{Size: abi.PaddedPieceSize(s.sum.Padded), PieceCID: s.sum.CID})
		total += 2 * s.sum.Padded
	}
	size := abi.PaddedPieceSize(1 << 20)
	for int64(size) < 2*total || uint(len(shards)) > datasegment.MaxIndexEntriesInDeal(size) {
		size *= 2
	}
	agg, err := datasegment.NewAggregate(size, infos)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := agg.PieceCID()
	if err != nil {
		d.t.Fatal(err)
	}
	for i := range p.Shards {
		ip, err := agg.ProofForIndexEntry(i)
		if err != nil {
			d.t.Fatal(err)
		}
		p.Shards[i].Include(ip)
	}
	p.Pieces = []proof.Piece{{CID: c.String(), Padded: int64(size), Deals: []proof.Deal{
		{ID: 7, Provider: "f01000", Client: "f01001", Start: 10, End: 1000, Publish: c.String()},
	}}}
}

// again writes a proof and reads it back.
func (d *dag) again(p *proof.Proof) *proof.Proof {
	d.t.Helper()
	got, err := proof.Decode(bytes.NewReader(encode(d.t, p)))
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func encode(t testing.TB, p *proof.Proof) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// verify returns the report, and whether nothing in it is refused.
func verify(t testing.TB, p *proof.Proof, file []byte) (*proof.Report, bool) {
	t.Helper()
	r, err := p.Verify(context.Background(), bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r, !r.Refused()
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func random(n int, seed uint64) []byte {
	r, out := rand.New(rand.NewPCG(seed, 1)), make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// cut makes leaves of n bytes.
func (d *dag) cut(data []byte, n int) (parts []part) {
	for c := range slices.Chunk(data, n) {
		parts = append(parts, d.leaf(c))
	}
	return parts
}
