//go:build integration

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Uploads and pins at once, beside S3's traffic: nothing that was acknowledged
// is lost, as the program itself finds out after a kill, in little memory.
func TestV1Load(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "whypfs"), "../../cmd/whypfs")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	b := bench{bin: bin, dir: t.TempDir()}
	l := v1Load{clients: 20, files: 2, pins: 200, alone: time.Second, resident: 1024}
	r, err := b.v1(t.Context(), l)
	if err != nil {
		for _, name := range []string{"origin", "node"} {
			log, _ := os.ReadFile(filepath.Join(b.dir, name, "whypfs.log"))
			t.Logf("log of %s:\n%s", name, log)
		}
		t.Fatal(err)
	}
	ids := map[uint64]bool{}
	for _, list := range [][]thing{r.uploaded, r.pinned} {
		for _, x := range list {
			ids[x.id] = true
		}
	}
	if len(r.uploaded) != 40 || len(r.pinned) != 200 || len(ids) != 240 {
		t.Errorf("%d uploads and %d pins have %d ids", len(r.uploaded), len(r.pinned), len(ids))
	}
	if most := r.pinning.most; most["queued"]+most["pinning"] == 0 || most["pinned"] != 200 {
		t.Errorf("states did not move: %+v", r.pinning)
	}
	if n := r.traffic.objects(); n == 0 || len(r.beside.gets.all) == 0 {
		t.Errorf("%d objects over S3, %d reads beside the load", n, len(r.beside.gets.all))
	}
	if r.memory.peak == 0 || r.memory.anonymous == 0 {
		t.Errorf("memory was not sampled: %+v", r.memory)
	}
}

// What cannot be found is told of.
func TestMissing(t *testing.T) {
	all := []thing{{id: 1, cid: "a"}, {id: 2, cid: "b"}}
	for about, c := range map[string]struct {
		list map[uint64]string
		ok   bool
	}{
		"all":           {map[uint64]string{1: "a", 2: "b"}, true},
		"others too":    {map[uint64]string{1: "a", 2: "b", 3: "c"}, true},
		"one is gone":   {map[uint64]string{1: "a"}, false},
		"another's CID": {map[uint64]string{1: "a", 2: "a"}, false},
	} {
		if err := missing("contents", c.list, all); (err == nil) != c.ok {
			t.Errorf("%s: %v", about, err)
		}
	}
}

// Other bytes, more and fewer of them, are not what was written.
func TestCompare(t *testing.T) {
	x := newThing(uploadKind, 3)
	same := func() []byte {
		b, err := x.object()
		if err != nil {
			t.Fatal(err)
		}
		return b.data
	}
	data := same()
	other := same()
	other[len(other)-1] ^= 1
	for about, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"the same": {data, true}, "another byte": {other, false}, "one more": {append(same(), 0), false}, "one less": {data[1:], false}, "none": {nil, false},
	} {
		if err := x.compare(bytes.NewReader(c.data)); (err == nil) != c.ok {
			t.Errorf("%s: %v", about, err)
		}
	}
}
