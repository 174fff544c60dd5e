package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// shelves is a DAG of nodes with leaves, and some more links to each of the leaves.
func shelves(t *testing.T, nodes, leaves int) (root cid.Cid, all []Block) {
	var shelf []cid.Cid
	for i := range nodes {
		var links []cid.Cid
		for j := range leaves {
			leaf := rawOf(t, fmt.Sprintf("leaf %d of %d %2000d", j, i, i))
			all = append(all, leaf)
			links = append(links, leaf.Cid)
		}
		node := cborOf(t, append(links, links[0], rawOf(t, "everywhere").Cid)...)
		all = append(all, node)
		shelf = append(shelf, node.Cid, node.Cid)
	}
	top := cborOf(t, shelf...)
	return top.Cid, append(all, top, rawOf(t, "everywhere"))
}

func newFetcher(t *testing.T, dir string) *Node {
	return newTestNode(t, Config{Dir: dir, ListenAddrs: []string{loopback}})
}

func mustMeasure(t *testing.T, n *Node, root cid.Cid, blocks int) {
	t.Helper()
	_, e, err := n.Measure(t.Context(), root)
	if err != nil || e.Blocks != int64(blocks) {
		t.Errorf("measure: %d blocks, want %d; %v", e.Blocks, blocks, err)
	}
}

var errEnough = errors.New("enough")

// A fetch that is taken up again fetches what it has not got, and does not walk
// over what it has.
func TestFetchResumes(t *testing.T) {
	for _, private := range []bool{false, true} {
		t.Run(fmt.Sprintf("private %v", private), func(t *testing.T) {
			root, all := shelves(t, 40, 40)
			store := newOriginStore(t, all...)
			_, addr := store.open(t, Config{})
			dir := t.TempDir()
			n := newFetcher(t, dir)
			var states []FetchState
			opt := FetchOptions{Private: private, Origins: []string{addr}, Idle: time.Minute, Progress: func(_ context.Context, s FetchState) error {
				if states = append(states, s); len(states) == 7 {
					return errEnough
				}
				return nil
			}}
			last, err := n.FetchDAG(t.Context(), root, opt)
			if !errors.Is(err, errEnough) {
				t.Fatalf("broken off: %v", err)
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}

			// What was written down last is somewhat older than the crash.
			n, opt.Progress, opt.From = newFetcher(t, dir), nil, states[4]
			f := newFetch(n, root, opt)
			if err := f.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustMeasure(t, n, root, len(all))
			again := f.blocks - states[4].Blocks - (int64(len(all)) - last.Blocks)
			// Private blocks behind the place written down cannot be told from those
			// that others keep private; nor can those that come again behind it:
			// "everywhere", the last node on the shelf with its leaves, and nodes ahead.
			allowed := int64(0)
			if private {
				allowed = last.Blocks - states[4].Blocks + 1 + 41 + 40
			}
			if again > allowed {
				t.Errorf("%d blocks were fetched again, want at most %d", again, allowed)
			}
			if f.links > 2500 { // of 1,600 leaves with 160 links besides, some looked at twice
				t.Errorf("%d links were looked at", f.links)
			}
			if extra := store.total - len(all); extra > 3*maxWindow+int(allowed) {
				t.Errorf("%d blocks were served of %d", store.total, len(all))
			}

			// A second fetch asks nobody, unless what is here may be somebody else's.
			opt.MaxLinks = 2 * f.links
			if s, err := n.FetchDAG(t.Context(), root, opt); private != (err != nil) {
				t.Errorf("look for a complete DAG: %+v, %v", s, err)
			}
		})
	}
}

// To know a CID gives nobody what is private here.
func TestFetchOfWhatIsPrivate(t *testing.T) {
	root, all := shelves(t, 3, 3)
	n := newFetcher(t, "")
	if err := n.PutBlocks(t.Context(), all, true); err != nil {
		t.Fatal(err)
	}
	stranger, addr := newOriginStore(t), ""
	_, addr = stranger.open(t, Config{})
	opt := FetchOptions{Origins: []string{addr}, Idle: 300 * time.Millisecond}
	for _, opt.Private = range []bool{false, true} {
		if _, err := n.FetchDAG(t.Context(), root, opt); !errors.Is(err, ErrStalled) {
			t.Errorf("fetch of what is private, private %v: %v, want ErrStalled", opt.Private, err)
		}
		opt.MaxLinks = 1000
		if _, err := n.FetchDAG(t.Context(), root, opt); !errors.Is(err, ErrNotFound) {
			t.Errorf("look for what is private: %v, want ErrNotFound", err)
		}
		opt.MaxLinks = 0
	}
	if _, ok := n.blocks.Has(root, true); ok {
		t.Error("what is private was published")
	}

	// Whoever may read it has it at once, and may publish it.
	opt.Own, opt.MaxLinks, opt.Private = true, 1000, false
	if _, err := n.FetchDAG(t.Context(), root, opt); err != nil {
		t.Error(err)
	}
	for _, b := range all {
		if _, ok := n.blocks.Has(b.Cid, true); !ok {
			t.Errorf("%s is not public", b.Cid)
		}
	}
	opt.MaxLinks = 5
	if _, err := n.FetchDAG(t.Context(), root, opt); !errors.Is(err, ErrNotFound) {
		t.Errorf("more links than allowed: %v", err)
	}
}

func TestFetchRefuses(t *testing.T) {
	leaf := rawOf(t, "leaf")
	malformed := blockOf(t, cid.DagCBOR, multihash.SHA2_256, []byte{0xff, 0xff})
	git := blockOf(t, 0x78, multihash.SHA2_256, []byte("git"))
	md5 := blockOf(t, cid.Raw, multihash.MD5, []byte("md5"))
	hollow := pbOf(t, fileNodeOf(1, 1), "", leaf, leaf)
	tests := map[string]struct {
		dag []Block // the last is the root
		opt FetchOptions
	}{
		"malformed":       {[]Block{malformed, cborOf(t, malformed.Cid)}, FetchOptions{}},
		"unknown codec":   {[]Block{git, cborOf(t, git.Cid)}, FetchOptions{}},
		"weak hash":       {[]Block{md5, cborOf(t, md5.Cid)}, FetchOptions{}},
		"too many bytes":  {[]Block{leaf, cborOf(t, leaf.Cid)}, FetchOptions{MaxBytes: 44}},
		"too many blocks": {[]Block{leaf, rawOf(t, "b"), cborOf(t, leaf.Cid, rawOf(t, "b").Cid)}, FetchOptions{MaxBlocks: 2}},
		"no file":         {[]Block{leaf, hollow}, FetchOptions{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, addr := newOriginStore(t, tt.dag...).open(t, Config{})
			n := newFetcher(t, "")
			tt.opt.Origins, tt.opt.Idle = []string{addr}, time.Minute
			root := tt.dag[len(tt.dag)-1].Cid
			_, err := n.FetchDAG(t.Context(), root, tt.opt)
			if err == nil {
				_, _, err = n.Measure(t.Context(), root)
			}
			if bad := new(DAGError); !errors.As(err, &bad) || bad.Reason == "" {
				t.Errorf("%v, want a DAGError", err)
			}
		})
	}
}

// Data in CIDs is no block, the empty block is not asked for, and a file is told as one.
func TestFetchOddBlocks(t *testing.T) {
	inner := rawOf(t, "inner")
	inline := blockOf(t, cid.DagCBOR, multihash.IDENTITY, cborOf(t, inner.Cid).Data)
	empty := rawOf(t, "")
	root := cborOf(t, inline.Cid, empty.Cid)
	_, addr := newOriginStore(t, inner, root).open(t, Config{})
	n := newFetcher(t, "")
	if _, err := n.FetchDAG(t.Context(), root.Cid, FetchOptions{Origins: []string{addr}, Idle: time.Minute}); err != nil {
		t.Fatal(err)
	}
	mustMeasure(t, n, root.Cid, 3)

	leaf := rawOf(t, "leaf")
	fs := unixfs.NewFSNode(unixfs.TFile)
	fs.AddBlockSize(4)
	fs.AddBlockSize(4)
	file := pbOf(t, fs, "", leaf, leaf)
	if err := n.PutBlocks(t.Context(), []Block{leaf, file}, false); err != nil {
		t.Fatal(err)
	}
	d, e, err := n.Measure(t.Context(), file.Cid)
	if err != nil || !d.File || d.Size != 8 || e.Blocks != 2 {
		t.Errorf("measure a file: %+v %+v %v", d, e, err)
	}
}

// Sweeps during a fetch and between two parts of one take nothing of the DAG,
// and do not wait for its end.
func TestFetchBesideSweeps(t *testing.T) {
	root, all := shelves(t, 20, 30)
	_, addr := newOriginStore(t, all...).open(t, Config{})
	dir := t.TempDir()
	n := newFetcher(t, dir)
	// Half of the leaves are here by chance, and nobody keeps them.
	var chance []Block
	for i, b := range all[:len(all)-2] {
		if b.Cid.Type() == cid.Raw && i%2 == 0 {
			chance = append(chance, b)
		}
	}
	if err := n.PutBlocks(t.Context(), chance, false); err != nil {
		t.Fatal(err)
	}
	kept, parts := 0, 0
	opt := FetchOptions{Origins: []string{addr}, Idle: time.Minute,
		Keep: func(context.Context) error { kept++; return nil },
		Progress: func(_ context.Context, s FetchState) error {
			if kept == 0 {
				t.Error("blocks were stored before the root was kept")
			}
			if parts++; parts == 3 {
				return errEnough
			}
			mustSweep(t, n, root)
			return nil
		}}
	last, err := n.FetchDAG(t.Context(), root, opt)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = newFetcher(t, dir)
	mustSweep(t, n, root)
	opt.From, parts = last, 100
	got, err := n.FetchDAG(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	if kept != 2 {
		t.Errorf("the root was kept %d times by two fetches", kept)
	}
	if got.Blocks > int64(len(all)) {
		t.Errorf("%d blocks were fetched of a DAG of %d", got.Blocks, len(all))
	}
	mustSweep(t, n, root)
	mustMeasure(t, n, root, len(all))
}

// A node that was lost, although it was to the left, is fetched again.
func TestFetchAfterLoss(t *testing.T) {
	root, all := shelves(t, 3, 200)
	_, addr := newOriginStore(t, all...).open(t, Config{})
	n := newFetcher(t, "")
	opt := FetchOptions{Origins: []string{addr}, Idle: time.Minute, Progress: func(_ context.Context, s FetchState) error {
		if s.Blocks > 300 {
			return errEnough
		}
		return nil
	}}
	last, err := n.FetchDAG(t.Context(), root, opt)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	mustSweep(t, n) // nobody keeps it
	opt.From, opt.Progress = last, nil
	if _, err := n.FetchDAG(t.Context(), root, opt); err != nil {
		t.Fatal(err)
	}
	mustMeasure(t, n, root, len(all))
}
