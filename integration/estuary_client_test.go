//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// V1's own client calls every method that it has, with a file that is in deals.
func TestEstuaryClient(t *testing.T) {
	t.Parallel()
	module, version := jsModule(t, "estuary-client")
	t.Log("estuary-client", version)
	s := start(t, t.TempDir(), "--sandbox", "--sandbox-providers", "2", "--replication", "1", "--threshold", "1MiB", "--sandbox-epoch", "100ms")
	root, car := rawCAR(t, "in a CAR")
	file := filepath.Join(t.TempDir(), "film")
	writeRandom(t, file, 1<<20+17)
	in, err := json.Marshal(map[string]any{
		"base": s.addr["api"], "token": s.setup(), "file": file, "car": base64.StdEncoding.EncodeToString(car), "carRoot": root.String(),
		"nobody": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "origin": "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d",
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(testContext(t), lookPath(t, "node"), "js/estuary.cjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Dir(module))
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	began := time.Now()
	out, err := cmd.Output()
	calls := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); calls++ {
		var r struct {
			Name     string
			Status   int
			Problems []string
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if len(r.Problems) > 0 {
			t.Errorf("%s: %d: %s", r.Name, r.Status, strings.Join(r.Problems, "\n\t"))
		}
	}
	t.Logf("%d calls in %v", calls, time.Since(began))
	if err != nil || calls < 82 {
		t.Errorf("%d calls, %v: %s", calls, err, errs.String())
	}
}

// rawCAR is a CAR of one raw block.
func rawCAR(t *testing.T, text string) (cid.Cid, []byte) {
	t.Helper()
	root, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}.Sum([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	// {"roots": [root], "version": 1} as DAG-CBOR, and one section.
	header := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"), root.Bytes()...)
	header = append(header, "\x67version\x01"...)
	section := append(root.Bytes(), text...)
	file := append([]byte{byte(len(header))}, header...)
	return root, append(append(file, byte(len(section))), section...)
}
