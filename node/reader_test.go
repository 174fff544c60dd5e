package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	pb "github.com/ipfs/boxo/ipld/unixfs/pb"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

func mustRead(t testing.TB, r io.Reader) []byte {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustImport(t testing.TB, n *Node, data []byte, opt ImportOptions) File {
	t.Helper()
	f, err := n.Import(t.Context(), bytes.NewReader(data), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustOpen(t testing.TB, n *Node, root cid.Cid) *FileReader {
	t.Helper()
	r, err := n.OpenFile(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// checkReader compares a reader with the bytes it stands for in every way it can be read.
func checkReader(t *testing.T, n *Node, root cid.Cid, want []byte) {
	t.Helper()
	r := mustOpen(t, n, root)
	if r.Size() != int64(len(want)) {
		t.Fatalf("Size() = %d, want %d", r.Size(), len(want))
	}
	var all bytes.Buffer
	if k, err := r.WriteTo(&all); err != nil || k != int64(len(want)) || !bytes.Equal(all.Bytes(), want) {
		t.Fatalf("WriteTo = %d, %v; want the %d bytes", k, err, len(want))
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if len(want) < 1<<12 {
		if err := iotest.TestReader(struct{ io.ReadSeeker }{r}, want); err != nil {
			t.Fatal(err)
		}
	} else if got := mustRead(t, struct{ io.Reader }{r}); !bytes.Equal(got, want) {
		t.Fatalf("Read of %d bytes: wrong bytes", len(want))
	}
	rnd := rand.New(rand.NewPCG(1, uint64(len(want))))
	for range 100 {
		from := rnd.Int64N(int64(len(want)) + 1)
		to := from + rnd.Int64N(min(int64(len(want))-from, 100<<10)+1)
		if _, err := r.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, to-from)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[from:to]) {
			t.Fatalf("read [%d:%d] of %d: %v, or wrong bytes", from, to, len(want), err)
		}
	}
	if _, err := r.Seek(5, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Read(make([]byte, 1)); k != 0 || err != io.EOF {
		t.Errorf("Read behind the end = %d, %v; want EOF", k, err)
	}
}

func TestReadImported(t *testing.T) {
	n := newTestNode(t, Config{})
	for _, tt := range []struct {
		s     shape
		sizes []int64
	}{
		{shape{4, 3}, []int64{0, 1, 4, 5, 12, 13, 36, 37, 109, 500}},
		{profile, []int64{1 << 20, 3<<20 + 5, 12 << 20}},
	} {
		n.shape = tt.s
		for _, size := range tt.sizes {
			data := mustRead(t, keystream(size, "read"))
			f := mustImport(t, n, data, ImportOptions{})
			checkReader(t, n, f.Root, data)
		}
	}
}

// A foreigner makes DAGs as other software does.
type foreigner struct {
	t *testing.T
	n *Node
}

func (f foreigner) put(nd ipld.Node) ipld.Node {
	f.t.Helper()
	if err := f.n.PutBlocks(f.t.Context(), []Block{{nd.Cid(), nd.RawData()}}, false); err != nil {
		f.t.Fatal(err)
	}
	return nd
}

// node has data of its own and children of the given sizes; its CID is a CIDv0.
func (f foreigner) node(kind pb.Data_DataType, own string, sizes []uint64, kids ...ipld.Node) ipld.Node {
	f.t.Helper()
	fs, nd := unixfs.NewFSNode(kind), new(merkledag.ProtoNode)
	fs.SetData([]byte(own))
	for i, k := range kids {
		if err := nd.AddNodeLink("", k); err != nil {
			f.t.Fatal(err)
		}
		fs.AddBlockSize(sizes[i])
	}
	b, err := fs.GetBytes()
	if err != nil {
		f.t.Fatal(err)
	}
	nd.SetData(b)
	return f.put(nd)
}

func (f foreigner) file(sizes []uint64, kids ...ipld.Node) ipld.Node {
	f.t.Helper()
	return f.node(unixfs.TFile, "", sizes, kids...)
}

// Leaves in dag-pb, CIDv0, data in inner nodes, uneven depth.
func TestReadForeign(t *testing.T) {
	n := newTestNode(t, Config{})
	f := foreigner{t, n}
	raw := f.put(merkledag.NewRawNode([]byte("raw leaf ")))
	a, b := f.node(unixfs.TFile, "file leaf ", nil), f.node(unixfs.TRaw, "raw type leaf ", nil)
	sub := f.file([]uint64{10, 14, 9}, a, b, raw)
	empty := f.file(nil)
	for _, tt := range []struct {
		name string
		root ipld.Node
		want string
	}{
		{"one dag-pb leaf", a, "file leaf "},
		{"empty dag-pb leaf", empty, ""},
		{"leaves of all kinds", sub, "file leaf raw type leaf raw leaf "},
		{"uneven depth", f.file([]uint64{9, 33, 0, 10}, raw, sub, empty, a), "raw leaf file leaf raw type leaf raw leaf file leaf "},
		// The UnixFS specification puts a node's own data before that of its links.
		{"data in an inner node", f.node(unixfs.TFile, "own ", []uint64{9, 10}, raw, a), "own raw leaf file leaf "},
	} {
		t.Run(tt.name, func(t *testing.T) { checkReader(t, n, tt.root.Cid(), []byte(tt.want)) })
	}
	for _, tt := range []struct {
		name string
		root ipld.Node
	}{
		{"leaf shorter than its parent says", f.file([]uint64{10}, raw)},
		{"leaf longer than its parent says", f.file([]uint64{8}, raw)},
		{"node of another size", f.file([]uint64{32}, sub)},
		{"sizes that overflow", f.file([]uint64{1 << 63, 1 << 63}, raw, raw)},
		{"a directory", f.put(unixfs.EmptyDirNode())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := n.OpenFile(t.Context(), tt.root.Cid())
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				r.Close()
			}
			if !errors.Is(err, ErrNotFile) {
				t.Errorf("reading = %v, want %v", err, ErrNotFile)
			}
		})
	}
}

// A small file may be whole in its CID.
func TestReadIdentity(t *testing.T) {
	n := newTestNode(t, Config{})
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: 0}.Sum([]byte("inline"))
	if err != nil {
		t.Fatal(err)
	}
	checkReader(t, n, c, []byte("inline"))
}

func TestReadRestores(t *testing.T) {
	data := mustRead(t, keystream(6<<20+9, "restore"))
	from := newTestNode(t, Config{})
	file := mustImport(t, from, data, ImportOptions{})
	var blocks []Block
	if err := from.Walk(t.Context(), file.Root, func(c cid.Cid, _ int) error {
		b, err := from.Block(t.Context(), c)
		blocks = append(blocks, Block{c, b})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	other := errors.New("no provider answers")
	for _, tt := range []struct {
		name    string
		local   []Block // before
		brings  []Block
		err     error
		wantErr error
	}{
		{"nothing local", nil, blocks, nil, nil},
		{"a leaf missing", append(blocks[:4:4], blocks[5:]...), blocks, nil, nil},
		{"still missing afterwards", blocks[:4], blocks[:5], nil, ErrNotFound},
		{"not restorable", blocks[:4], nil, ErrNotFound, ErrNotFound},
		{"restore fails", blocks[:4], nil, other, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			var n *Node
			n = newTestNode(t, Config{Restore: func(ctx context.Context, root cid.Cid) error {
				if calls++; root != file.Root {
					t.Errorf("Restore(%s), want the file's root %s", root, file.Root)
				}
				return errors.Join(tt.err, n.PutBlocks(ctx, tt.brings, false))
			}})
			if err := n.PutBlocks(t.Context(), tt.local, false); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			r, err := n.OpenFile(t.Context(), file.Root)
			if err == nil {
				_, err = r.WriteTo(&got)
				r.Close()
			}
			if !errors.Is(err, tt.wantErr) || (tt.wantErr != nil) != (err != nil) {
				t.Errorf("reading = %v, want %v", err, tt.wantErr)
			}
			if tt.wantErr == nil && !bytes.Equal(got.Bytes(), data) {
				t.Error("wrong bytes")
			}
			if calls != 1 {
				t.Errorf("Restore was called %d times, want once", calls)
			}
		})
	}
}

func TestReadWithoutRestore(t *testing.T) {
	n := newTestNode(t, Config{})
	f := mustImport(t, newTestNode(t, Config{}), []byte("elsewhere"), ImportOptions{})
	if _, err := n.OpenFile(t.Context(), f.Root); !errors.Is(err, ErrNotFound) {
		t.Errorf("OpenFile = %v, want %v", err, ErrNotFound)
	}
	if _, err := n.Block(t.Context(), f.Root); !errors.Is(err, ErrNotFound) {
		t.Errorf("Block = %v, want %v", err, ErrNotFound)
	}
}

func TestReadClosedAndCancelled(t *testing.T) {
	n := newTestNode(t, Config{})
	f := mustImport(t, n, mustRead(t, keystream(9<<20, "closed")), ImportOptions{})
	r := mustOpen(t, n, f.Root)
	if _, err := io.CopyN(io.Discard, r, 3<<20); err != nil { // leaves are being read ahead
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close = %v, want %v", err, os.ErrClosed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := n.OpenFile(ctx, f.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Read after cancel = %v, want %v", err, context.Canceled)
	}
}

// A lender counts the blocks that a reader was lent and has not given back.
type lender struct {
	*source
	lent, out atomic.Int32
}

func (s *lender) lend(ctx context.Context, c cid.Cid) (data []byte, done func(), ok bool) {
	data, give, ok := s.source.lend(ctx, c)
	if !ok {
		return nil, nil, false
	}
	s.lent.Add(1)
	s.out.Add(1)
	return data, func() { s.out.Add(-1); give() }, true
}

// What a reader is lent it gives back, wherever it goes and ends.
func TestReadLent(t *testing.T) {
	n := newTestNode(t, Config{})
	want := mustRead(t, keystream(9<<20, "lent"))
	f := mustImport(t, n, want, ImportOptions{})
	src := &lender{source: &source{n: n, root: f.Root}}
	r, err := openFile(t.Context(), f.Root, src, &n.leaves)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{0, 5<<20 + 1, 100, 8 << 20} {
		if _, err := r.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1<<20)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[from:][:1<<20]) {
			t.Fatalf("read at %d: other bytes, or %v", from, err)
		}
	}
	if _, err := r.Seek(3, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if _, err := r.WriteTo(&all); err != nil || !bytes.Equal(all.Bytes(), want[3:]) {
		t.Errorf("WriteTo: %d bytes, %v", all.Len(), err)
	}
	if _, err := r.Seek(2<<20, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if src.lent.Load() == 0 || src.out.Load() != 0 {
		t.Errorf("%d blocks were lent, %d not given back", src.lent.Load(), src.out.Load())
	}
}

// FuzzParseFile checks that nobody's node can bring the reader down.
func FuzzParseFile(f *testing.F) {
	leaf, up, err := encodeFile([]link{{cid: merkledag.NewRawNode([]byte("x")).Cid(), size: 1, dag: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(leaf)
	f.Add([]byte{})
	f.Add(unixfs.EmptyDirNode().RawData())
	f.Add(unixfs.FilePBData([]byte("data"), 4))
	f.Fuzz(func(t *testing.T, block []byte) {
		n, err := parseFile(up.cid, block)
		if err != nil {
			if !errors.Is(err, ErrNotFile) {
				t.Errorf("parseFile = %v, want %v", err, ErrNotFile)
			}
			return
		}
		var sum int64
		for _, l := range n.links {
			if l.size < 0 {
				t.Errorf("link of %d bytes", l.size)
			}
			sum += l.size
		}
		if n.size != sum+int64(len(n.data)) || n.size < 0 {
			t.Errorf("size %d of links with %d and data with %d", n.size, sum, len(n.data))
		}
		// Every link leads nowhere or to a leaf of one byte.
		c := cursor{top: n, load: func(cid.Cid) (fileNode, error) { return fileNode{data: []byte{1}, size: 1}, nil }}
		if n.size == 0 || c.seek(n.size-1) != nil {
			return
		}
		if p, err := c.next(); err == nil && !p.holds(n.size-1) {
			t.Errorf("seek(%d) came to %d+%d", n.size-1, p.off, p.size)
		}
	})
}
