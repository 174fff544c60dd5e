//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// fetched is how many blocks this process has fetched for pins.
func (s *server) fetched() int {
	s.t.Helper()
	_, rest, ok := strings.Cut(s.api("/metrics"), "\nwhypfs_pin_fetched_blocks_total ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(line, 64)
	if !ok || err != nil {
		s.t.Fatalf("metrics tell no blocks: %q", line)
	}
	return int(n)
}

func (s *server) pin(args ...string) (p buckets.Pin) {
	s.t.Helper()
	text := s.run(append([]string{"pin"}, args...)...)
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		s.t.Fatalf("whypfs pin %v: %v in %s", args, err, text)
	}
	return p
}

// A node that is killed in the middle of pinning goes on after its restart, and
// fetches next to nothing twice.
func TestPinKill(t *testing.T) {
	t.Parallel()
	origin := start(t, t.TempDir())
	origin.makeBucket("films")
	body := blob(192 << 20)
	root := origin.put("films", "film", body)
	s := start(t, t.TempDir())
	p := s.pin("add", root, "--name", "film", "--origin", origin.addr["libp2p"])
	if p.State != buckets.PinQueued {
		t.Errorf("new pin %+v", p)
	}
	const blocks = 192 + 1
	before := 0
	for deadline := time.Now().Add(time.Minute); before < blocks/4; before = s.fetched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d blocks in a minute: %+v", before, s.pin("show", strconv.FormatUint(p.ID, 10)))
		}
	}
	s.kill()
	s.up()
	id := strconv.FormatUint(p.ID, 10)
	await(t, time.Minute, "the pin", func() bool { p = s.pin("show", id); return p.State == buckets.PinPinned })
	after := s.fetched()
	t.Logf("%d blocks before the kill, %d after it, of %d", before, after, blocks)
	// Those that came between the last look and the kill count for nobody.
	if after > blocks-before || p.Blocks != blocks || p.Size != int64(len(body)) {
		t.Errorf("%d blocks before the kill and %d after it; pinned %+v", before, after, p)
	}
	got, err := s.gateway(http.DefaultClient, "/ipfs/"+root)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("the gateway: %d bytes, %v", len(got), err)
	}
	if list := list[buckets.Pin](s, "pin", "ls", "--status", "pinned", "--name", "FILM", "--match", "iexact"); len(list) != 1 {
		t.Errorf("pins %+v", list)
	}
	s.run("pin", "rm", id)
	if list := list[buckets.Pin](s, "pin", "ls"); len(list) != 0 {
		t.Errorf("pins after rm %+v", list)
	}
}

// What kubo has, in its own layouts, is pinned from it: directories small and
// sharded, files with a CID of version 0, and DAG-CBOR.
func TestPinFromKubo(t *testing.T) {
	t.Parallel()
	k := startKubo(t)
	dir := t.TempDir()
	for i := range 300 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file %d", i)), fmt.Appendf(nil, "body %d", i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body := blob(3<<20 + 7)
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, body, 0o600); err != nil {
		t.Fatal(err)
	}
	root := func(out []byte) string { return strings.TrimSpace(string(out)) }
	file := root(k.run("add", "-Q", "--cid-version=0", big))
	for name, tt := range map[string]struct{ root, path string }{
		"file":    {file, ""},
		"dir":     {root(k.run("add", "-Qr", dir)), "/big"},
		"sharded": {root(k.run("add", "-Qr", "--cid-version=1", "--max-hamt-fanout=64", "--max-directory-links=100", dir)), "/big"},
		"cbor":    {root(k.dagPut(`{"film": {"/": "` + file + `"}, "year": 2026}`)), ""},
	} {
		s := start(t, t.TempDir())
		p := s.pin("add", tt.root, "--origin", k.addr())
		id := strconv.FormatUint(p.ID, 10)
		await(t, time.Minute, name, func() bool {
			if p = s.pin("show", id); p.State == buckets.PinFailed {
				t.Fatalf("%s: %+v", name, p)
			}
			return p.State == buckets.PinPinned
		})
		if name == "cbor" {
			tt.root = file
		}
		got, err := s.gateway(http.DefaultClient, "/ipfs/"+tt.root+tt.path)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: the gateway: %d bytes, %v", name, len(got), err)
		}
	}
}

// dagPut stores DAG-JSON as DAG-CBOR.
func (k *kubo) dagPut(text string) []byte {
	k.t.Helper()
	cmd := k.command(testContext(k.t), "dag", "put", "--input-codec=dag-json", "--store-codec=dag-cbor")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}
