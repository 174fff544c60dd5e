package node

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
)

func TestConcat(t *testing.T) {
	tiny := shape{chunk: 4, width: 3}
	for _, tt := range []struct {
		name   string
		s      shape
		parts  []int64
		joined bool
	}{
		{"no parts", tiny, nil, false},
		{"empty parts", tiny, []int64{0, 0}, false},
		{"one part", tiny, []int64{50}, false},
		{"one part of one leaf", tiny, []int64{3}, false},
		{"whole chunks", tiny, []int64{8, 16, 4}, false},
		{"last part short", tiny, []int64{16, 4, 7}, false},
		{"empty part between", tiny, []int64{16, 0, 4, 7, 0}, false},
		{"nodes not full", tiny, []int64{16, 16, 16, 16}, false},
		{"short part first", tiny, []int64{7, 16}, true},
		{"short parts", tiny, []int64{3, 3, 3, 3, 3}, true},
		{"two levels", shape{chunk: 4, width: 4}, []int64{5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}, true},
		{"5 MiB parts", profile, []int64{5 << 20, 5 << 20, 1<<20 + 9}, false},
		{"part of 5 MB", profile, []int64{5000000, 5 << 20}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newTestNode(t, Config{})
			n.shape = tt.s
			var parts []File
			var data []byte
			for i, size := range tt.parts {
				d := mustRead(t, keystream(size, string(rune('a'+i))))
				data = append(data, d...)
				parts = append(parts, mustImport(t, n, d, ImportOptions{}))
			}
			f, joined, err := n.Concat(t.Context(), parts, false)
			if err != nil {
				t.Fatal(err)
			}
			if joined != tt.joined || f.Size != int64(len(data)) {
				t.Errorf("Concat = %d bytes, joined %v; want %d, %v", f.Size, joined, len(data), tt.joined)
			}
			if want := mustImport(t, n, data, ImportOptions{}); !joined && f != want {
				t.Errorf("Concat = %v, want %v as Import gives", f, want)
			}
			checkReader(t, n, f.Root, data)
			if len(parts) == 0 || !joined {
				return
			}
			// What was joined can be a part again.
			g, _, err := n.Concat(t.Context(), []File{f, parts[0], f}, false)
			if err != nil {
				t.Fatal(err)
			}
			d := mustRead(t, keystream(tt.parts[0], "a"))
			checkReader(t, n, g.Root, bytes.Join([][]byte{data, d, data}, nil))
		})
	}
}

func TestConcatRefuses(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 4, width: 3}
	part := mustImport(t, n, []byte("twenty bytes of data"), ImportOptions{})
	for _, tt := range []struct {
		name  string
		parts []File
		want  error
	}{
		{"a part that is not here", []File{part, mustImport(t, newTestNode(t, Config{}), mustRead(t, keystream(2<<20, "far")), ImportOptions{})}, ErrNotFound},
		{"a wrong size", []File{{part.Root, part.Size - 4}, part}, ErrNotFile},
		{"a wrong size, not aligned", []File{{part.Root, part.Size - 1}, part}, ErrNotFile},
	} {
		if f, _, err := n.Concat(t.Context(), tt.parts, false); !errors.Is(err, tt.want) {
			t.Errorf("%s: Concat = %v, %v; want %v", tt.name, f, err, tt.want)
		}
	}
}

func TestWalk(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 4, width: 3}
	// The second and fourth leaves are the same block.
	f := mustImport(t, n, []byte("aaaabbbbccccbbbbdddd"), ImportOptions{})
	var got []string
	total := 0
	visit := func(c cid.Cid, size int) error {
		b, err := n.Block(t.Context(), c)
		if err != nil || len(b) != size {
			t.Errorf("Walk says %s has %d bytes; Block: %d, %v", c, size, len(b), err)
		}
		if c.Type() == cid.Raw {
			got = append(got, string(b))
		} else {
			got = append(got, "node")
		}
		total++
		return nil
	}
	if err := n.Walk(t.Context(), f.Root, visit); err != nil {
		t.Fatal(err)
	}
	want := []string{"node", "node", "aaaa", "bbbb", "cccc", "node", "dddd"}
	if len(got) != len(want) {
		t.Fatalf("Walk: %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("Walk: %q, want %q", got, want)
		}
	}
	stop := errors.New("enough")
	if err := n.Walk(t.Context(), f.Root, func(cid.Cid, int) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Walk = %v, want the callback's error", err)
	}
	other := newTestNode(t, Config{})
	root, err := n.Block(t.Context(), f.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.PutBlocks(t.Context(), []Block{{f.Root, root}}, false); err != nil {
		t.Fatal(err)
	}
	if err := other.Walk(t.Context(), f.Root, func(cid.Cid, int) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("Walk of a DAG that is not all here = %v, want %v", err, ErrNotFound)
	}
}

func TestPrivate(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 4, width: 3}
	public := func(root cid.Cid) (visible, all int) {
		if err := n.Walk(t.Context(), root, func(c cid.Cid, _ int) error {
			all++
			if ok, err := n.publicBlocks().Has(t.Context(), c); err != nil {
				return err
			} else if ok {
				visible++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return visible, all
	}
	data := []byte("some bytes that nobody else is to read")
	f := mustImport(t, n, data, ImportOptions{Private: true})
	if v, all := public(f.Root); v != 0 || all == 0 {
		t.Errorf("%d of %d private blocks are visible", v, all)
	}
	if _, err := n.publicBlocks().Get(t.Context(), f.Root); err == nil {
		t.Error("a private block can be read by anyone")
	}
	checkReader(t, n, f.Root, data)
	if err := n.Publish(t.Context(), f.Root); err != nil {
		t.Fatal(err)
	}
	if v, all := public(f.Root); v != all {
		t.Errorf("%d of %d published blocks are visible", v, all)
	}
	mustImport(t, n, data, ImportOptions{Private: true})
	if v, all := public(f.Root); v != all {
		t.Errorf("storing published blocks as private hid %d of %d", all-v, all)
	}
}

func TestPutBlocksChecksHashes(t *testing.T) {
	n := newTestNode(t, Config{})
	c, err := rawLeaf([]byte("one thing"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.PutBlocks(t.Context(), []Block{{c, []byte("another")}}, false); !errors.Is(err, ErrDamaged) {
		t.Errorf("PutBlocks = %v, want %v", err, ErrDamaged)
	}
	if size, ok := n.HasBlock(t.Context(), c); ok {
		t.Errorf("HasBlock = %d, true after a refused put", size)
	}
}
