package node

import (
	"io"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// A survey counts what is here of a DAG, and what is not.
func TestSurvey(t *testing.T) {
	n := newTestNode(t, Config{})
	const size = 5<<20 + 7
	f, err := n.Import(t.Context(), io.LimitReader(keystream(size, "survey"), size), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Survey(t.Context(), f.Root, false)
	if err != nil || s.Blocks != 7 || s.Bytes <= size || s.Missing != 0 || len(s.Names) != 0 {
		t.Errorf("survey of a file of six leaves: %+v, %v", s, err)
	}
	// The root alone, in another store.
	root, err := n.Block(t.Context(), f.Root)
	if err != nil {
		t.Fatal(err)
	}
	other := newTestNode(t, Config{})
	if s, err := other.Survey(t.Context(), f.Root, false); err != nil || s.Blocks != 0 || s.Missing != 1 || s.Names[0] != f.Root {
		t.Errorf("survey of nothing: %+v, %v", s, err)
	}
	if err := other.PutBlocks(t.Context(), []Block{{Cid: f.Root, Data: root}}, false); err != nil {
		t.Fatal(err)
	}
	s, err = other.Survey(t.Context(), f.Root, true)
	if err != nil || s.Blocks != 1 || s.Bytes != int64(len(root)) || s.Missing != 6 || len(s.Names) != 6 {
		t.Errorf("survey of a root: %+v, %v", s, err)
	}
	for _, c := range s.Names {
		if c.Type() != cid.Raw || !strings.HasPrefix(c.String(), "bafk") {
			t.Errorf("missing %s, want leaves", c)
		}
	}
	if free, total, err := n.DiskSpace(); err != nil || free <= 0 || total < free {
		t.Errorf("DiskSpace = %d, %d, %v", free, total, err)
	}
}
