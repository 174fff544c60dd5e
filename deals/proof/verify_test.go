package proof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/internal/car"
)

// A subject is an object of some shape: its DAG, and the file that it is read as.
type subject struct {
	name string
	make func(d *dag) (root cid.Cid, file []byte)
}

const sha = multihash.SHA2_256

var subjects = []subject{
	{"an empty file", func(d *dag) (cid.Cid, []byte) { return d.leaf(nil).cid, nil }},
	{"one byte", func(d *dag) (cid.Cid, []byte) { return d.leaf([]byte("x")).cid, []byte("x") }},
	{"one leaf", func(d *dag) (cid.Cid, []byte) { b := random(100_000, 3); return d.leaf(b).cid, b }},
	{"two levels", func(d *dag) (cid.Cid, []byte) {
		b := random(700_001, 4)
		return d.file(d.cut(b, 50_000)...).cid, b
	}},
	{"joined parts of other sizes", func(d *dag) (cid.Cid, []byte) {
		b := random(300_000, 5)
		return d.file(d.file(d.cut(b[:111_111], 10_000)...), d.file(d.cut(b[111_111:], 7_777)...)).cid, b
	}},
	{"leaves that come again", func(d *dag) (cid.Cid, []byte) {
		b := bytes.Repeat(random(5_000, 6), 20)
		sub := d.file(d.cut(b[:20_000], 5_000)...)
		return d.file(sub, sub, sub, d.file(d.cut(b[:40_000], 5_000)...)).cid, b
	}},
	{"nodes that hold data, of older writers", func(d *dag) (cid.Cid, []byte) {
		b := random(60_000, 7)
		var parts []part
		for i := 0; i < 50_000; i += 10_000 {
			parts = append(parts, d.node(sha, b[10_000+i:20_000+i]))
		}
		return d.node(sha, b[:10_000], parts...).cid, b
	}},
	{"nodes with a few bytes of data", func(d *dag) (cid.Cid, []byte) {
		return d.node(sha, []byte("abc"), d.node(sha, []byte("de")), d.leaf([]byte("f")), d.node(sha, []byte{})).cid, []byte("abcdef")
	}},
	{"a version 0 CID", func(d *dag) (cid.Cid, []byte) {
		b := random(1000, 8)
		n := d.node(sha, b)
		v0 := cid.NewCidV0(n.cid.Hash())
		d.blocks[v0] = d.blocks[n.cid]
		return v0, b
	}},
	{"other hash functions", func(d *dag) (cid.Cid, []byte) {
		b := random(3000, 9)
		a := part{d.put(cid.Raw, multihash.BLAKE3, b[:1000]), 1000}
		c := part{d.put(cid.Raw, multihash.SHA2_512, b[1000:2000]), 1000}
		return d.node(multihash.BLAKE2B_MIN+31, nil, a, c, d.leaf(b[2000:])).cid, b
	}},
	{"bytes in the CID itself", func(d *dag) (cid.Cid, []byte) {
		return d.put(cid.Raw, multihash.IDENTITY, []byte("inlined")), []byte("inlined")
	}},
	{"leaves and nodes in CIDs", func(d *dag) (cid.Cid, []byte) {
		in := part{d.put(cid.Raw, multihash.IDENTITY, []byte("inlined")), 7}
		return d.file(in, d.leaf([]byte("stored")), d.node(multihash.IDENTITY, []byte("!"), in)).cid, []byte("inlinedstored!inlined")
	}},
	{"no bytes many times over", func(d *dag) (cid.Cid, []byte) {
		p := d.node(sha, []byte{})
		for range 60 { // 2^60 ways to nothing
			p = d.file(p, p)
		}
		return d.file(p, d.leaf([]byte("x"))).cid, []byte("x")
	}},
	{"a DAG that is no file", func(d *dag) (cid.Cid, []byte) {
		a, b := d.leaf(random(3000, 10)).cid, d.leaf(random(10, 11)).cid
		list := append([]byte{0x84}, link(a)...)
		list = append(append(append(list, link(b)...), link(a)...), link(d.put(cid.Raw, multihash.IDENTITY, []byte("in")))...)
		root := d.put(cid.DagCBOR, sha, list)
		return root, d.car(root)
	}},
	{"a directory", func(d *dag) (cid.Cid, []byte) {
		root := d.put(cid.DagProtobuf, sha, []byte("\x0a\x02\x08\x01"))
		return root, d.car(root)
	}},
}

func link(c cid.Cid) []byte {
	head := []byte{0xd8, 0x2a}
	if n := byte(c.ByteLen() + 1); n < 24 {
		head = append(head, 0x40|n, 0)
	} else {
		head = append(head, 0x58, n, 0)
	}
	return append(head, c.Bytes()...)
}

// car is a DAG as it is read where it is no file.
func (d *dag) car(root cid.Cid) []byte {
	b := car.Header(root)
	for _, c := range d.walk(root) {
		b = append(append(b, car.SectionHead(c, len(d.blocks[c]))...), d.blocks[c]...)
	}
	return b
}

func TestVerify(t *testing.T) {
	for _, s := range subjects {
		for _, room := range []int{1 << 30, 60_000, 1} { // 1: a shard for each block
			t.Run(fmt.Sprintf("%s/%d", s.name, room), func(t *testing.T) {
				d := newDAG(t)
				root, file := s.make(d)
				p := d.pack(root, len(file), room)
				r, ok := verify(t, p, file)
				if !ok || len(r.Steps) < 2 {
					t.Fatalf("refused: %s", dump(t, r))
				}
				if len(p.Spans) > 0 && r.Steps[len(r.Steps)-1].Name != "pieces" {
					t.Errorf("it ends at %s", dump(t, r))
				}
				slow, err := p.Verify(context.Background(), iotest.HalfReader(bytes.NewReader(file)))
				if err != nil || dump(t, slow) != dump(t, r) {
					t.Errorf("read slowly: %s, %v", dump(t, slow), err)
				}
			})
		}
	}
}

// A file that is another one is refused, wherever it differs.
func TestOtherFile(t *testing.T) {
	for _, s := range subjects {
		d := newDAG(t)
		root, file := s.make(d)
		p := d.pack(root, len(file), 60_000)
		others := map[string][]byte{"with a byte more": append(bytes.Clone(file), 0)}
		if len(file) > 0 {
			others["cut by a byte"] = file[:len(file)-1]
			others["without its first byte"] = file[1:]
			others["empty"] = nil
			for _, at := range []int{0, len(file) / 2, len(file) - 1} {
				b := bytes.Clone(file)
				b[at] ^= 1
				others[fmt.Sprintf("with another byte %d", at)] = b
			}
		}
		for how, b := range others {
			if r, ok := verify(t, p, b); ok || r.Steps[0].State != proof.Refused || r.Steps[0].Name != "file" {
				t.Errorf("%s, %s: %s", s.name, how, dump(t, r))
			}
		}
	}
}

// The proof of one object proves no other.
func TestOtherObject(t *testing.T) {
	var files [][]byte
	var proofs []*proof.Proof
	for _, s := range subjects {
		d := newDAG(t)
		root, file := s.make(d)
		files, proofs = append(files, file), append(proofs, d.pack(root, len(file), 60_000))
	}
	for i, p := range proofs {
		for j, file := range files {
			if _, ok := verify(t, p, file); ok != (i == j || bytes.Equal(files[i], file)) {
				t.Errorf("proof of %q, file of %q: %v", subjects[i].name, subjects[j].name, ok)
			}
		}
	}
}

// A file that cannot be read is neither proved nor refused.
func TestUnreadable(t *testing.T) {
	broken := errors.New("broken disk")
	for _, s := range subjects {
		d := newDAG(t)
		root, file := s.make(d)
		p := d.pack(root, len(file), 1<<30)
		in := io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(broken))
		if r, err := p.Verify(context.Background(), in); !errors.Is(err, broken) {
			t.Errorf("%s: %v, %v", s.name, r, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if r, err := p.Verify(ctx, bytes.NewReader(file)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: after the end of ctx: %v, %v", s.name, r, err)
		}
	}
}

// Hash functions of which someone can make collisions prove nothing.
func TestWeakHash(t *testing.T) {
	for _, hash := range []uint64{multihash.SHA1, multihash.MD5, multihash.BLAKE2B_MIN + 15} {
		d := newDAG(t)
		root := d.put(cid.Raw, hash, []byte("data"))
		p := d.pack(root, 4, 1<<30)
		if r, ok := verify(t, p, []byte("data")); ok || !strings.Contains(r.Steps[0].Text, "proves nothing") {
			t.Errorf("hash %#x: %s", hash, dump(t, r))
		}
	}
}

// A DAG deeper than readers go is no file.
func TestTooDeep(t *testing.T) {
	d := newDAG(t)
	p := d.leaf([]byte("x"))
	for range 256 {
		p = d.file(p)
	}
	if r, ok := verify(t, d.pack(p.cid, 1, 1<<30), []byte("x")); !ok {
		t.Errorf("256 levels: %s", dump(t, r))
	}
	p = d.file(p)
	if r, ok := verify(t, d.pack(p.cid, 1, 1<<30), []byte("x")); ok {
		t.Errorf("257 levels: %s", dump(t, r))
	}
}
