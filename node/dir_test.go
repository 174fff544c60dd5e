package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// boxoDir is an empty directory of boxo's own, profile unixfs-v1-2025.
func boxoDir(t testing.TB, ds ipld.DAGService) uio.Directory {
	t.Helper()
	p := uio.UnixFS_v1_2025
	d, err := uio.NewDirectory(ds,
		uio.WithCidBuilder(p.CidBuilder()), uio.WithSizeEstimationMode(p.HAMTSizeEstimation), uio.WithMaxHAMTFanout(p.HAMTShardWidth))
	if err != nil {
		t.Fatal(err)
	}
	d.SetHAMTShardingSize(p.HAMTShardingSize)
	return d
}

// boxoRoot is the directory that boxo makes of names and leaves.
func boxoRoot(t testing.TB, files map[string]string) ipld.Node {
	t.Helper()
	d := boxoDir(t, mdtest.Mock())
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := d.AddChild(t.Context(), name, merkledag.NewRawNode([]byte(files[name]))); err != nil {
			t.Fatal(err)
		}
	}
	nd, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return nd
}

func leafEntry(t testing.TB, name, data string) DirEntry {
	t.Helper()
	c, err := rawLeaf([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return DirEntry{Name: name, Root: c, Tsize: uint64(len(data))}
}

func storeDir(t testing.TB, d interface {
	Store(context.Context) (DirEntry, error)
}) DirEntry {
	t.Helper()
	e, err := d.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// buildDir makes a directory with a DirBuilder that spills every max entries.
func buildDir(t testing.TB, w *DirWriter, files map[string]string, max int) DirEntry {
	t.Helper()
	b := w.Build()
	b.max = max
	defer b.Close()
	for name, data := range files {
		if err := b.Add(leafEntry(t, name, data)); err != nil {
			t.Fatal(err)
		}
	}
	return storeDir(t, b)
}

// The published fixtures of IPIP-499: directories of 4,766 files of one byte, at
// the limit and one byte over it.
func TestDirFixtures(t *testing.T) {
	n := newTestNode(t, Config{})
	for _, tt := range []struct {
		lastName int
		want     string
	}{
		{21, "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4"},
		{22, "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu"},
	} {
		const alphabet = "abcdefghijklmnopqrstuvwxyz01234567890-_"
		r, files := keystream(1<<20, "hamt-unixfs-v1-2025"), map[string]string{}
		for i := range 4766 {
			name := make([]byte, 11)
			if i == 4765 {
				name = make([]byte, tt.lastName)
			}
			if _, err := io.ReadFull(r, name); err != nil {
				t.Fatal(err)
			}
			for i, b := range name {
				name[i] = alphabet[int(b)%len(alphabet)]
			}
			files[string(name)] = "x"
		}
		w := n.DirWriter(false)
		if got := buildDir(t, w, files, maxBuilding); got.Root.String() != tt.want {
			t.Errorf("directory whose last name has %d bytes = %s, want %s", tt.lastName, got.Root, tt.want)
		}
	}
	if got := storeDir(t, n.DirWriter(false).New()).Root.String(); got != "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" {
		t.Errorf("empty directory = %s", got)
	}
}

// Whatever is done to a directory, it is the one that boxo makes of what is left:
// over the limit and back, changed in memory and read back.
func TestDirModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testDirModel(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func testDirModel(t *testing.T, r *rand.Rand) {
	n := newTestNode(t, Config{})
	w, files := n.DirWriter(false), map[string]string{}
	d := w.New()
	// Names are long, so that some 1,200 of them are at the limit.
	name := func() string { return fmt.Sprintf("%04d%s", r.IntN(3000), strings.Repeat("n", 150)) }
	kinds := map[int]int{}
	for _, target := range []int{40, 1500, 1000, 1300, 1000, 1300, 900, 0, 30} {
		for ops := 0; len(files) != target || ops < 100; ops++ {
			k := name()
			_, there := files[k]
			if grow := len(files) < target; there && !grow || !there && len(files) >= target && r.IntN(4) > 0 {
				delete(files, k)
				if err := d.Remove(t.Context(), k); err != nil {
					t.Fatal(err)
				}
			} else if grow || there {
				files[k] = strings.Repeat("x", 1+r.IntN(200))
				if err := d.Set(t.Context(), leafEntry(t, k, files[k])); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(200) == 0 {
				d = reopened(t, w, d)
			}
		}
		d = reopened(t, w, d)
		kinds[checkDir(t, w, d, files)]++
	}
	if len(kinds) != 2 {
		t.Errorf("saw directories of the kinds %v, want both", kinds)
	}
}

func reopened(t *testing.T, w *DirWriter, d *Dir) *Dir {
	t.Helper()
	e := storeDir(t, d)
	d, err := w.Open(t.Context(), e.Root)
	if err != nil {
		t.Fatal(err)
	}
	if again := storeDir(t, d); again != e {
		t.Fatalf("directory %v is %v when it is read back", e, again)
	}
	return d
}

// checkDir compares a stored directory with boxo's, and returns its UnixFS type.
func checkDir(t *testing.T, w *DirWriter, d *Dir, files map[string]string) (kind int) {
	t.Helper()
	want, got := boxoRoot(t, files), storeDir(t, d)
	size, err := want.Size()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Root.Equals(want.Cid()) || got.Tsize != size {
		t.Fatalf("directory of %d entries = %s of %d, boxo's is %s of %d", len(files), got.Root, got.Tsize, want.Cid(), size)
	}
	for _, max := range []int{maxBuilding, 100} {
		if len(files) < 2000 && max == 100 && d.shard == nil {
			continue // a builder spills only what does not fit
		}
		if built := buildDir(t, w, files, max); built != got {
			t.Fatalf("built from %d entries, spilled every %d: %v, want %v", len(files), max, built, got)
		}
	}
	for name, data := range files {
		if e, ok, err := d.Get(t.Context(), name); err != nil || !ok || e != leafEntry(t, name, data) {
			t.Fatalf("Get(%q) = %v, %v, %v", name, e, ok, err)
		}
	}
	if _, ok, err := d.Get(t.Context(), "missing"); ok || err != nil {
		t.Fatalf("Get of a missing name = %v, %v", ok, err)
	}
	fs, err := unixfs.FSNodeFromBytes(want.(*merkledag.ProtoNode).Data())
	if err != nil {
		t.Fatal(err)
	}
	return int(fs.Type())
}

// A change of one name in a large directory writes the nodes above it and no others.
func TestDirChangeIsLocal(t *testing.T) {
	n := newTestNode(t, Config{})
	files := map[string]string{}
	for i := range 20_000 {
		files[fmt.Sprintf("%06d.txt", i)] = "x"
	}
	w := n.DirWriter(false)
	root := buildDir(t, w, files, 3000)
	if want := boxoRoot(t, files).Cid(); !root.Root.Equals(want) {
		t.Fatalf("directory = %s, boxo's is %s", root.Root, want)
	}
	d, err := w.Open(t.Context(), root.Root)
	if err != nil {
		t.Fatal(err)
	}
	before := n.Usage().Blocks
	files["012345.txt"] = "other"
	if err := d.Set(t.Context(), leafEntry(t, "012345.txt", "other")); err != nil {
		t.Fatal(err)
	}
	root = storeDir(t, d)
	if made := n.Usage().Blocks - before; made < 2 || made > 4 {
		t.Errorf("a change of one of %d entries wrote %d nodes", len(files), made)
	}
	if want := boxoRoot(t, files).Cid(); !root.Root.Equals(want) {
		t.Errorf("changed directory = %s, boxo's is %s", root.Root, want)
	}
}

// Names that are made to have one hash are an error, not an entry that is lost.
func TestDirCollision(t *testing.T) {
	a, b := collision([16]byte{1}), collision([16]byte{2})
	if a == b || hashName(a) != hashName(b) {
		t.Fatalf("%q and %q do not collide", a, b)
	}
	w := newTestNode(t, Config{}).DirWriter(false)
	builder := w.Build()
	defer builder.Close()
	for i := range 9000 {
		if err := builder.Add(leafEntry(t, fmt.Sprint(i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{a, b} {
		if err := builder.Add(leafEntry(t, name, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := builder.Store(t.Context()); !errors.Is(err, ErrDirHash) {
		t.Errorf("Store = %v, %v, want %v", e, err, ErrDirHash)
	}
}

// collision is first and the block that takes the state of Murmur3 from there to 0.
func collision(first [16]byte) string {
	const c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	inverse := func(a uint64) uint64 { // modulo 2^64, by Newton
		x := a
		for range 6 {
			x *= 2 - a*x
		}
		return x
	}
	k1, k2 := binary.LittleEndian.Uint64(first[:]), binary.LittleEndian.Uint64(first[8:])
	h1 := bits.RotateLeft64(bits.RotateLeft64(k1*c1, 31)*c2, 27)*5 + 0x52dce729
	h2 := (bits.RotateLeft64(bits.RotateLeft64(k2*c2, 33)*c1, 31)+h1)*5 + 0x38495ab5
	// From here to h1 = h2 = 0.
	zero1, zero2 := uint64(0x52dce729), uint64(0x38495ab5)
	m1 := bits.RotateLeft64(-zero1*inverse(5)-h2, -27) ^ h1
	m2 := bits.RotateLeft64(-zero2*inverse(5), -31) ^ h2
	k1 = bits.RotateLeft64(m1*inverse(c2), -31) * inverse(c1)
	k2 = bits.RotateLeft64(m2*inverse(c1), -33) * inverse(c2)
	return string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(first[:], k1), k2))
}

// The size of a DAG that is only reckoned is that of the DAG that is made.
func TestDAGSize(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 10, width: 3}
	for size := range int64(600) {
		f, err := n.Import(t.Context(), zeros(size), ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := n.DAGSize(t.Context(), f.Root)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.shape.dagSize(size); got != want || err != nil {
			t.Fatalf("DAG of %d bytes = %d, %v, want %d", size, got, err, want)
		}
	}
	// Of the fixtures of IPIP-499 this is the one with two levels.
	if got, err := ImportedSize(1025 << 20); got < 1025<<20 || err != nil {
		t.Errorf("ImportedSize = %d, %v", got, err)
	}
	if _, err := n.DAGSize(t.Context(), cid.MustParse("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")); !errors.Is(err, ErrNotFound) {
		t.Errorf("DAGSize of an absent DAG: %v", err)
	}
}
