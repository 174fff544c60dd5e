package node

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A scrub names what is damaged and has it repaired; the next finds nothing.
func TestScrub(t *testing.T) {
	h := newHurt(t, false)
	var n *Node
	mended, scrubbed := make(chan struct{}, 1), make(chan struct{})
	n = newTestNode(t, Config{
		Dir:   h.dir,
		Roots: func(_ context.Context, yield func(cid.Cid) error) error { return yield(h.file.Root) },
		Restore: func(ctx context.Context, root cid.Cid) error {
			<-scrubbed // what is stored again meanwhile would be counted, too
			defer func() { mended <- struct{}{} }()
			return n.PutBlocks(ctx, []Block{h.leaf}, false)
		},
	})
	var found []ScrubFault
	got, err := n.Scrub(t.Context(), ScrubOptions{Found: func(f ScrubFault) { found = append(found, f) }})
	close(scrubbed)
	if err != nil {
		t.Fatal(err)
	}
	if got.Blocks != 4 || got.Damaged != 1 || got.Unreadable != 0 || got.Bytes < 3<<20 || got.Ended.IsZero() {
		t.Errorf("Scrub = %+v, want 1 of 4 blocks damaged", got)
	}
	if len(found) != 1 || found[0].Cid != cid.NewCidV1(cid.Raw, h.leaf.Cid.Hash()).String() || found[0].Place == "" {
		t.Errorf("found %+v, want the damaged leaf", found)
	}
	if k := testutil.ToFloat64(n.scrubs.blocks.WithLabelValues("damaged")); k != 1 {
		t.Errorf("%v damaged blocks counted, want 1", k)
	}
	<-mended
	r, err := n.OpenFile(t.Context(), h.file.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil || !bytes.Equal(b.Bytes(), h.data) {
		t.Errorf("read %d bytes, %v; want the file", b.Len(), err)
	}
}

// A scrub that was cut short goes on where it was, after a restart too.
func TestScrubResumes(t *testing.T) {
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	n.shape = shape{chunk: 1 << 10, width: 8}
	mustImport(t, n, mustRead(t, keystream(40<<10, "scrub")), ImportOptions{})
	all, err := n.Scrub(t.Context(), ScrubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := scrubSteps{cancel: cancel, after: all.Blocks / 2}
	part, err := n.scrubWith(ctx, ScrubOptions{Resume: true}, s.see)
	if !errors.Is(err, context.Canceled) || part.Blocks != all.Blocks/2 {
		t.Fatalf("Scrub = %+v, %v; want half of %d blocks", part, err, all.Blocks)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = newTestNode(t, Config{Dir: dir})
	if last, err := n.LastScrub(); err != nil || last.Place != part.Place {
		t.Errorf("LastScrub = %+v, %v; want place %q", last, err, part.Place)
	}
	rest := scrubSteps{cancel: func() {}, after: -1}
	got, err := n.scrubWith(t.Context(), ScrubOptions{Resume: true}, rest.see)
	if err != nil || got.Blocks != all.Blocks || got.Bytes != all.Bytes || rest.seen != all.Blocks-part.Blocks {
		t.Errorf("Scrub = %+v, %v, read %d; want the other half of %+v", got, err, rest.seen, all)
	}
	// What ended is begun anew.
	if got, err := n.Scrub(t.Context(), ScrubOptions{Resume: true}); err != nil || got.Blocks != all.Blocks {
		t.Errorf("Scrub = %+v, %v; want all blocks", got, err)
	}
}

// scrubSteps counts the copies that a scrub reads, and stops it after some.
type scrubSteps struct {
	cancel      func()
	after, seen int64
}

func (s *scrubSteps) see() {
	if s.seen++; s.seen == s.after {
		s.cancel()
	}
}
