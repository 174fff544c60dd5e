package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// kept is what a Builder gave away, as someone may send it.
type kept map[cid.Cid][]byte

func (k kept) put(c cid.Cid, data []byte) error {
	k[c] = bytes.Clone(data)
	return nil
}

func (k kept) get(_ context.Context, c cid.Cid) ([]byte, error) {
	data, ok := k[c]
	if !ok {
		return nil, fmt.Errorf("%s: %w", c, ErrNotFound)
	}
	return data, nil
}

// What is built without a node is what a node stores.
func TestBuilder(t *testing.T) {
	n := newTestNode(t, Config{})
	b := NewBuilder(kept{}.put)
	var entries []DirEntry
	for _, size := range []int64{0, 1, smallFile, smallFile + 1, 1 << 20, 1<<20 + 1, 5<<20 + 3} {
		seed := fmt.Sprint("builder ", size)
		f, err := n.Import(t.Context(), keystream(size, seed), ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.File(t.Context(), keystream(size, seed))
		if err != nil || got.Root != f.Root || got.V1 != f.Root || got.Size != size {
			t.Errorf("file of %d bytes = %+v, %v, want %s", size, got, err, f.Root)
		}
		got.Name = seed
		entries = append(entries, got.DirEntry)
	}
	for i := range 6000 { // more than one node holds
		e := leafEntry(t, fmt.Sprintf("a name of forty bytes, so that it counts %d", i), "x")
		entries = append(entries, e)
	}
	for _, list := range [][]DirEntry{nil, entries[:3], entries} {
		d := n.DirWriter(false).New()
		for _, e := range list {
			if err := d.Set(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.Dir(t.Context(), list)
		if want := storeDir(t, d); err != nil || got != want {
			t.Errorf("directory of %d entries = %+v, %v, want %+v", len(list), got, err, want)
		}
	}
	bad := errors.New("no")
	if _, err := b.File(t.Context(), io.MultiReader(strings.NewReader("x"), badReader{bad})); !errors.Is(err, bad) {
		t.Errorf("file whose reader fails: %v, want %v", err, bad)
	}
	refuse := NewBuilder(func(cid.Cid, []byte) error { return bad })
	if _, err := refuse.File(t.Context(), strings.NewReader("x")); !errors.Is(err, bad) {
		t.Errorf("file whose block is refused: %v, want %v", err, bad)
	}
}

type badReader struct{ err error }

func (r badReader) Read([]byte) (int, error) { return 0, r.err }

// A file of more leaves than V1's nodes had links has two roots.
func TestBuilderV1(t *testing.T) {
	const size = 176 << 20
	got, err := NewBuilder(nil).File(t.Context(), keystream(size, "v1"))
	if err != nil {
		t.Fatal(err)
	}
	v1 := boxoImport(t, keystream(size, "v1"), shape{profile.chunk, v1Width})
	if got.V1 != v1 || got.Root == v1 || !got.Has(v1) || !got.Has(got.Root) {
		t.Errorf("sum %+v, want V1's root %s", got, v1)
	}
}

func TestOutsideFile(t *testing.T) {
	body, err := io.ReadAll(keystream(3<<20+5, "outside"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := kept{}
	sum, err := NewBuilder(blocks.put).File(t.Context(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var asked []cid.Cid
	o := NewOutside(func(ctx context.Context, c cid.Cid) ([]byte, error) {
		asked = append(asked, c)
		return blocks.get(ctx, c)
	})
	for _, tt := range []struct {
		from   int64
		blocks int // the root and the leaves from there on
	}{{0, 5}, {1, 5}, {1 << 20, 4}, {3 << 20, 2}, {3<<20 + 4, 2}, {3<<20 + 5, 1}} {
		asked = nil
		var out bytes.Buffer
		n, err := o.WriteFile(t.Context(), &out, sum.Root, tt.from)
		if err != nil || n != int64(out.Len()) || !bytes.Equal(out.Bytes(), body[tt.from:]) || len(asked) != tt.blocks {
			t.Errorf("from %d: %d bytes, %v, with %d blocks, want %d", tt.from, n, err, len(asked), tt.blocks)
		}
	}
	if size, err := o.Size(t.Context(), sum.Root); err != nil || size != int64(len(body)) {
		t.Errorf("Size = %d, %v", size, err)
	}
	leaf := asked[0]
	for c := range blocks {
		if c.Type() == cid.Raw {
			leaf = c
		}
	}
	blocks[leaf][0] ^= 1
	var out bytes.Buffer
	if _, err := o.WriteFile(t.Context(), &out, sum.Root, 0); !errors.Is(err, ErrMismatch) || !bytes.HasPrefix(body, out.Bytes()) {
		t.Errorf("a leaf with one wrong bit: %v after %d bytes", err, out.Len())
	}
	delete(blocks, leaf)
	if _, err := o.WriteFile(t.Context(), io.Discard, sum.Root, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("a leaf that is missing: %v", err)
	}
}

// narrowDir is a HAMT as others have it, whose labels have one digit.
func narrowDir(t testing.TB, ds ipld.DAGService, entries []DirEntry) cid.Cid {
	t.Helper()
	d, err := uio.NewHAMTDirectory(ds, 0, uio.WithMaxHAMTFanout(16))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := d.AddChild(t.Context(), e.Name, merkledag.NewRawNode([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	nd, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return nd.Cid()
}

func TestOutsideDir(t *testing.T) {
	blocks := kept{}
	var entries []DirEntry
	for i := range 7000 {
		name := fmt.Sprintf("a name of forty bytes, so that it counts %d", i)
		entries = append(entries, leafEntry(t, name, "x"))
	}
	small, err := NewBuilder(blocks.put).Dir(t.Context(), entries[:5])
	if err != nil {
		t.Fatal(err)
	}
	large, err := NewBuilder(blocks.put).Dir(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	ds := mdtest.Mock()
	narrow := narrowDir(t, ds, entries[:100])
	o := NewOutside(func(ctx context.Context, c cid.Cid) ([]byte, error) {
		if data, ok := blocks[c]; ok {
			return data, nil
		}
		nd, err := ds.Get(ctx, c)
		if err != nil {
			return nil, err
		}
		return nd.RawData(), nil
	})
	for _, tt := range []struct {
		name  string
		root  cid.Cid
		first int
	}{{"small", small.Root, 5}, {"large", large.Root, 7000}, {"fanout of 16", narrow, 100}} {
		var got []string
		err := o.Dir(t.Context(), tt.root, func(e DirEntry) error {
			got = append(got, e.Name)
			return nil
		})
		slices.Sort(got)
		names := make([]string, tt.first)
		for i := range names {
			names[i] = entries[i].Name
		}
		slices.Sort(names)
		if err != nil || !slices.Equal(got, names) {
			t.Errorf("%s: %d names, %v, want %d", tt.name, len(got), err, len(names))
		}
		if kind, err := o.Kind(t.Context(), tt.root); err != nil || kind != KindDir {
			t.Errorf("%s: kind %v, %v", tt.name, kind, err)
		}
		if _, err := o.Size(t.Context(), tt.root); !errors.Is(err, ErrNotFile) {
			t.Errorf("%s: size of a directory: %v", tt.name, err)
		}
	}
	if err := o.Dir(t.Context(), entries[0].Root, nil); !errors.Is(err, ErrNotDir) {
		t.Errorf("directory of a file: %v", err)
	}
}
