package node

import (
	"bytes"
	"crypto/md5"
	"errors"
	"hash"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/ipld/go-car/v2"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"

	framing "github.com/whypfs/whypfs/internal/car"
)

func blockOf(t testing.TB, codec, code uint64, data []byte) Block {
	t.Helper()
	mh, err := multihash.Sum(data, code, -1)
	if err != nil {
		t.Fatal(err)
	}
	return Block{Cid: cid.NewCidV1(codec, mh), Data: data}
}

func rawOf(t testing.TB, data string) Block {
	return blockOf(t, cid.Raw, multihash.SHA2_256, []byte(data))
}

// cborOf is a DAG-CBOR list of links.
func cborOf(t testing.TB, links ...cid.Cid) Block {
	nb := basicnode.Prototype.List.NewBuilder()
	la, err := nb.BeginList(int64(len(links)))
	for _, l := range links {
		err = errors.Join(err, la.AssembleValue().AssignLink(cidlink.Link{Cid: l}))
	}
	var data bytes.Buffer
	if err := errors.Join(err, la.Finish(), dagcbor.Encode(nb.Build(), &data)); err != nil {
		t.Fatal(err)
	}
	return blockOf(t, cid.DagCBOR, multihash.SHA2_256, data.Bytes())
}

// pbOf is a dag-pb node with UnixFS data; sizes are those of the links' files.
func pbOf(t testing.TB, fs *unixfs.FSNode, names string, links ...Block) Block {
	t.Helper()
	nd := new(merkledag.ProtoNode)
	for i, l := range links {
		name := ""
		if names != "" {
			name = names[i : i+1]
		}
		if err := nd.AddRawLink(name, &format.Link{Size: uint64(len(l.Data)), Cid: l.Cid}); err != nil {
			t.Fatal(err)
		}
	}
	if fs != nil {
		b, err := fs.GetBytes()
		if err != nil {
			t.Fatal(err)
		}
		nd.SetData(b)
	}
	return blockOf(t, cid.DagProtobuf, multihash.SHA2_256, nd.RawData())
}

func fileNodeOf(sizes ...uint64) *unixfs.FSNode {
	fs := unixfs.NewFSNode(unixfs.TFile)
	for _, s := range sizes {
		fs.AddBlockSize(s)
	}
	return fs
}

// carOf is a CARv1 of blocks.
func carOf(root cid.Cid, blocks ...Block) []byte {
	b := framing.Header(root)
	for _, x := range blocks {
		b = append(append(b, framing.SectionHead(x.Cid, len(x.Data))...), x.Data...)
	}
	return b
}

func openDAG(t testing.TB, n *Node, d DAG) []byte {
	t.Helper()
	r, err := n.OpenDAG(t.Context(), d.Root, d.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != d.Size || r.Size() != d.Size {
		t.Fatalf("%d bytes of %d, Size %d: %v", len(b), d.Size, r.Size(), err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if _, err := r.WriteTo(&again); err != nil || !bytes.Equal(again.Bytes(), b) {
		t.Fatalf("WriteTo differs from Read: %v", err)
	}
	return b
}

func TestImportCAR(t *testing.T) {
	one, two, big := rawOf(t, "one"), rawOf(t, "two"), rawOf(t, strings.Repeat("x", 2<<20))
	sha512 := blockOf(t, cid.Raw, multihash.SHA2_512, []byte("long hash"))
	inline := blockOf(t, cid.Raw, multihash.IDENTITY, []byte("inline"))
	v0 := pbOf(t, fileNodeOf(3, 3), "", one, two)
	v0.Cid = cid.NewCidV0(v0.Cid.Hash())
	nested := pbOf(t, fileNodeOf(6, 6, 6, 6), "", v0, v0, v0, inline)
	dir := pbOf(t, unixfs.NewFSNode(unixfs.TDirectory), "ab", one, v0)
	list := cborOf(t, dir.Cid, one.Cid, inline.Cid, sha512.Cid, dir.Cid)
	json := blockOf(t, cid.DagJSON, multihash.SHA2_256, []byte(`{"a":{"/":"`+list.Cid.String()+`"}}`))
	hidden := blockOf(t, cid.DagCBOR, multihash.IDENTITY, cborOf(t, two.Cid).Data)
	viaIdentity := cborOf(t, hidden.Cid, one.Cid)
	for _, tt := range []struct {
		name   string
		root   Block
		blocks []Block
		file   string  // the bytes, if it is one
		dag    []Block // otherwise those of its CAR, in order
	}{
		{"raw leaf", one, []Block{one}, "one", nil},
		{"largest block", big, []Block{big}, string(big.Data), nil},
		{"other hash", sha512, []Block{sha512}, "long hash", nil},
		{"file of CIDv0", v0, []Block{two, one, v0}, "onetwo", nil},
		{"file with a repeated node and an identity leaf", nested, []Block{nested, v0, one, two, inline}, "onetwoonetwoonetwoinline", nil},
		{"directory", dir, []Block{dir, one, v0, two}, "", []Block{dir, one, v0, two}},
		{"dag-cbor", list, []Block{list, sha512, two, v0, one, dir}, "", []Block{list, dir, one, v0, two, sha512}},
		{"dag-json", json, []Block{json, list, dir, one, v0, two, sha512}, "", []Block{json, list, dir, one, v0, two, sha512}},
		{"links in an identity CID", viaIdentity, []Block{viaIdentity, two, one}, "", []Block{viaIdentity, two, one}},
		{"a block twice, and one that is not reached", dir, []Block{dir, dir, sha512, one, v0, two, one}, "", []Block{dir, one, v0, two}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newTestNode(t, Config{})
			in := carOf(tt.root.Cid, tt.blocks...)
			sum := md5.New()
			d, err := n.ImportCAR(t.Context(), iotest.HalfReader(bytes.NewReader(in)), ImportOptions{Hashes: []hash.Hash{sum}, Private: true})
			if err != nil {
				t.Fatal(err)
			}
			if d.Root != tt.root.Cid || d.File != (tt.dag == nil) {
				t.Errorf("ImportCAR = %+v, want root %s", d, tt.root.Cid)
			}
			want := []byte(tt.file)
			if tt.dag != nil {
				want = carOf(tt.root.Cid, tt.dag...)
			}
			if got := openDAG(t, n, d); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, want %d others", len(got), len(want))
			}
			if want := md5.Sum(in); !bytes.Equal(sum.Sum(nil), want[:]) {
				t.Error("the hash is not that of the CAR")
			}
			for _, b := range tt.blocks {
				if ok, err := n.publicBlocks().Has(t.Context(), b.Cid); b.Cid != inline.Cid && ok || err != nil {
					t.Errorf("private block %s is public: %v", b.Cid, err)
				}
			}
			mustSweep(t, n, d.Root)
			if got := openDAG(t, n, d); !bytes.Equal(got, want) {
				t.Error("other bytes after a sweep")
			}
			if tt.dag != nil && int(n.Usage().Blocks) != len(tt.dag) {
				t.Errorf("%d blocks are left after a sweep, want %d", n.Usage().Blocks, len(tt.dag))
			}
		})
	}
}

// The payload of a CARv2 is imported, its index passed over, and the whole hashed.
func TestImportCARv2(t *testing.T) {
	one := rawOf(t, "one")
	root := cborOf(t, one.Cid)
	var v2 bytes.Buffer
	if err := car.WrapV1(bytes.NewReader(carOf(root.Cid, root, one)), &v2); err != nil {
		t.Fatal(err)
	}
	n := newTestNode(t, Config{})
	sum := md5.New()
	d, err := n.ImportCAR(t.Context(), bytes.NewReader(v2.Bytes()), ImportOptions{Hashes: []hash.Hash{sum}})
	if err != nil || d.Root != root.Cid {
		t.Fatalf("ImportCAR = %+v, %v", d, err)
	}
	if want := md5.Sum(v2.Bytes()); !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Error("the hash is not that of the file")
	}
	out := openDAG(t, n, d)
	theirs, err := car.NewBlockReader(bytes.NewReader(out)) // checks every hash
	if err != nil || theirs.Roots[0] != root.Cid {
		t.Fatalf("go-car reads %v, %v", theirs, err)
	}
	for _, want := range []Block{root, one} {
		if b, err := theirs.Next(); err != nil || b.Cid() != want.Cid {
			t.Errorf("go-car reads %v, %v, want %s", b, err, want.Cid)
		}
	}
}

func TestImportCARRefuses(t *testing.T) {
	one, two := rawOf(t, "one"), rawOf(t, "two")
	inline := blockOf(t, cid.Raw, multihash.IDENTITY, []byte("inline"))
	wrongInline := Block{Cid: inline.Cid, Data: []byte("outline")}
	dir := pbOf(t, unixfs.NewFSNode(unixfs.TDirectory), "ab", one, two)
	git := blockOf(t, cid.GitRaw, multihash.SHA2_256, []byte("tree"))
	murmur := blockOf(t, cid.Raw, multihash.MURMUR3X64_64, []byte("weak"))
	malformed := blockOf(t, cid.DagCBOR, multihash.SHA2_256, []byte{0x9f})
	large := rawOf(t, strings.Repeat("x", 2<<20+1))
	short := pbOf(t, fileNodeOf(4, 3), "", one, two)
	named := pbOf(t, fileNodeOf(3, 3), "ab", one, two)
	dirInFile := pbOf(t, fileNodeOf(6), "", dir)
	list := cborOf(t, git.Cid)
	for _, tt := range []struct {
		name   string
		car    []byte
		reason string // part of it
	}{
		{"not a CAR", []byte("GIF89a"), "malformed"},
		{"cut in a block", carOf(one.Cid, one)[:60], "too early"},
		{"a block missing", carOf(dir.Cid, dir, one), "block " + two.Cid.String() + " is linked to and missing"},
		{"no blocks", carOf(one.Cid), "block " + one.Cid.String() + " is linked to and missing"},
		{"no root", append([]byte("\x11\xa2\x65roots\x80\x67version\x01"), carOf(one.Cid, one)[59:]...), "0 roots"},
		{"identity root", carOf(inline.Cid, inline), "identity"},
		{"wrong hash", carOf(one.Cid, one, Block{two.Cid, []byte("twO")}), "block " + two.Cid.String() + " do not have its hash"},
		{"wrong identity", carOf(one.Cid, one, wrongInline), "do not have its hash"},
		{"weak hash", carOf(one.Cid, one, murmur), "insecure hash"},
		{"link with a weak hash", carOf(cborOf(t, murmur.Cid).Cid, cborOf(t, murmur.Cid)), "insecure hash"},
		{"codec that cannot be followed", carOf(list.Cid, list, git), "codec 0x78"},
		{"malformed node", carOf(malformed.Cid, malformed), "malformed"},
		{"block too large", carOf(large.Cid, large), "2097152"},
		{"file whose sizes lie", carOf(short.Cid, short, one, two), "3 bytes where 4 are due"},
		{"file with names", carOf(named.Cid, named, one, two), "UnixFS"},
		{"file with a directory in it", carOf(dirInFile.Cid, dirInFile, dir, one, two), "UnixFS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newTestNode(t, Config{})
			// That a block is in the store does not make it part of the CAR.
			if err := n.PutBlocks(t.Context(), []Block{one, two, dir}, true); err != nil {
				t.Fatal(err)
			}
			d, err := n.ImportCAR(t.Context(), bytes.NewReader(tt.car), ImportOptions{})
			var ce *CARError
			if !errors.As(err, &ce) || !strings.Contains(ce.Reason, tt.reason) {
				t.Errorf("ImportCAR = %+v, %v, want %q", d, err, tt.reason)
			}
		})
	}
}

// A CAR whose walk would hold far more than its blocks is refused.
func TestImportCARTooManyLinks(t *testing.T) {
	var leaves []Block
	var links []cid.Cid
	for i := range 40_000 {
		l := rawOf(t, string([]byte{byte(i), byte(i >> 8)}))
		leaves, links = append(leaves, l), append(links, l.Cid)
	}
	blocks, next := leaves, leaves[0]
	for range maxPending/len(links) + 1 {
		next = cborOf(t, append([]cid.Cid{next.Cid}, links...)...)
		blocks = append(blocks, next)
	}
	n := newTestNode(t, Config{})
	var ce *CARError
	_, err := n.ImportCAR(t.Context(), bytes.NewReader(carOf(next.Cid, blocks...)), ImportOptions{})
	if !errors.As(err, &ce) || !strings.Contains(ce.Reason, "too many links") {
		t.Errorf("ImportCAR: %v", err)
	}
}

// A file is as deep as it can be read, and not deeper; its size may be far
// beyond that of its blocks.
func TestImportCARDepth(t *testing.T) {
	n := newTestNode(t, Config{})
	leaf := rawOf(t, "x")
	top, size, blocks := leaf, uint64(1), []Block{leaf}
	for i := range maxDepth + 1 {
		if i < 40 { // doubling
			top, size = pbOf(t, fileNodeOf(size, size), "", top, top), 2*size
		} else {
			top = pbOf(t, fileNodeOf(size), "", top)
		}
		blocks = append(blocks, top)
		if i < maxDepth-1 {
			continue
		}
		d, err := n.ImportCAR(t.Context(), bytes.NewReader(carOf(top.Cid, blocks...)), ImportOptions{})
		if i == maxDepth-1 {
			if err != nil || d.Size != 1<<40 {
				t.Fatalf("depth %d: %+v, %v", i+1, d, err)
			}
			f := mustOpen(t, n, d.Root)
			if _, err := f.Seek(-1, io.SeekEnd); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(f); err != nil || string(b) != "x" {
				t.Errorf("last byte = %q, %v", b, err)
			}
			continue
		}
		var ce *CARError
		if !errors.As(err, &ce) || !strings.Contains(ce.Reason, "deeper") {
			t.Errorf("depth %d: %+v, %v", i+1, d, err)
		}
	}
}

// A body that breaks off is told as such.
func TestImportCARBrokenOff(t *testing.T) {
	n := newTestNode(t, Config{})
	one := rawOf(t, "one")
	in := carOf(one.Cid, one)
	for k := range in {
		r := io.MultiReader(bytes.NewReader(in[:k]), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := n.ImportCAR(t.Context(), r, ImportOptions{})
		if ce := new(CARError); !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &ce) {
			t.Errorf("after %d bytes: %v", k, err)
		}
	}
}

func TestOpenCARRanges(t *testing.T) {
	n := newTestNode(t, Config{})
	var links []cid.Cid
	blocks := make([]Block, 1)
	for i := range 20 {
		l := rawOf(t, strings.Repeat("x", i))
		links, blocks = append(links, l.Cid), append(blocks, l)
	}
	blocks[0] = cborOf(t, links...)
	want := carOf(blocks[0].Cid, blocks...)
	d, err := n.ImportCAR(t.Context(), bytes.NewReader(want), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.OpenDAG(t.Context(), d.Root, d.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for off := int64(len(want)) - 1; off >= 0; off -= 7 {
		if _, err := r.Seek(off, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(r, 100))
		if err != nil || !bytes.Equal(got, want[off:min(off+100, int64(len(want)))]) {
			t.Fatalf("at %d: %d bytes, %v", off, len(got), err)
		}
	}
	if _, err := n.OpenDAG(t.Context(), rawOf(t, "absent").Cid, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("OpenDAG of what is not here: %v", err)
	}
	longer, err := n.OpenCAR(t.Context(), d.Root, d.Size+1)
	if err != nil {
		t.Fatal(err)
	}
	defer longer.Close()
	if _, err := io.Copy(io.Discard, longer); err == nil {
		t.Error("a CAR shorter than was said is read without an error")
	}
}
