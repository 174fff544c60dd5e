//go:build integration

package crash

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// killsEnv is how often TestKill kills.
const killsEnv = "WHYPFS_CRASH_KILLS"

// TestKill kills the real binary again and again during puts, overwrites,
// copies, deletes, multipart uploads and sweeps, in buckets with versions and
// without. Each time the directory is compared with what was answered: nothing
// that was acknowledged is gone, nothing that was not is there in half, and
// after a sweep of a copy of it no block of it is left.
func TestKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(data, 0o700))
	book := &book{}
	kills := number(t, killsEnv, 8)
	for round := range kills {
		killOnce(t, data, book, uint64(round))
		if t.Failed() {
			return
		}
	}
	answered := 0
	for _, e := range book.all {
		if e.Result == "ok" {
			answered++
		}
	}
	t.Logf("%d operations acknowledged over %d kills", answered, kills)
	if answered < 10*kills {
		t.Errorf("only %d operations were acknowledged over %d kills: the node was not under load", answered, kills)
	}
}

// A book has what was asked and answered, in order.
type book struct {
	mu  sync.Mutex
	all []stamped
}

func (b *book) add(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, stamped{e, len(b.all)})
}

// killOnce runs the binary under load, kills it, and looks at what it left.
func killOnce(t *testing.T, data string, book *book, round uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd, c := startPlain(t, data)
	out := &printer{next: int(round) * 100_000, to: book.add}
	makeRemoteBuckets(t, data, c, out)
	p := plan{Seed: round, Workers: 4}
	var workers sync.WaitGroup
	for w := range p.Workers {
		workers.Go(func() { p.worker(w, remote{c}, out).work(ctx) })
	}
	workers.Go(func() {
		for ctx.Err() == nil { // sweeps, one after the other
			exec.CommandContext(ctx, cmd.Path, "gc", "--data", data).Run()
		}
	})
	// The moment of the kill is the randomness under test.
	time.Sleep(time.Duration(200+rand.New(rand.NewPCG(round, 3)).IntN(400)) * time.Millisecond)
	must(t, cmd.Process.Kill())
	cmd.Wait()
	cancel()
	workers.Wait()

	copied := filepath.Join(scratchDir(t), "copy")
	copyStores(t, data, copied)
	if err := checkDir(t.Context(), copied, pebble, book.all, len(book.all)); err != nil {
		t.Errorf("kill %d: %v", round, err)
		return
	}
	// What is there now has to stay.
	must(t, os.RemoveAll(copied))
	copyStores(t, data, copied)
	s, err := openStores(t.Context(), copied, pebble)
	must(t, err)
	found, err := s.observe(t.Context())
	must(t, err)
	must(t, s.close())
	book.add(event{What: "found", Found: &found})
}

// copyStores copies what openStores opens.
func copyStores(t *testing.T, data, to string) {
	t.Helper()
	for _, dir := range []string{"meta", "blocks"} {
		must(t, os.CopyFS(filepath.Join(to, dir), os.DirFS(filepath.Join(data, dir))))
	}
}

// startPlain runs the binary as it is.
func startPlain(t *testing.T, data string) (*exec.Cmd, *minio.Core) {
	t.Helper()
	binary, err := buildBinary()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), binary, "up", "--data", data, "--s3-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0",
		"--gateway-addr", "127.0.0.1:0", "--libp2p-addr", "", "--default-publish=false")
	cmd.Env = append(os.Environ(), "WHYPFS_ROOT_ACCESS_KEY="+accessKey, "WHYPFS_ROOT_SECRET_KEY="+secretKey)
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		for word := range strings.FieldsSeq(lines.Text()) {
			if host, ok := strings.CutPrefix(word, "s3=http://"); ok {
				c, err := minio.NewCore(host, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), MaxRetries: 1})
				must(t, err)
				return cmd, c
			}
		}
	}
	cmd.Wait()
	t.Fatalf("whypfs up was not ready: %s", log.String())
	return nil, nil
}

// makeRemoteBuckets makes those that are not there.
func makeRemoteBuckets(t *testing.T, data string, c *minio.Core, out *printer) {
	t.Helper()
	ctx := t.Context()
	for _, name := range []string{private, public, versioned} {
		there, err := c.BucketExists(ctx, name)
		must(t, err)
		if there {
			continue
		}
		e := out.begin(event{Op: "bucket", Path: name})
		must(t, c.MakeBucket(ctx, name, minio.MakeBucketOptions{}))
		e.What, e.Result = "end", "ok"
		out.print(e)
		if name == versioned {
			must(t, c.EnableVersioning(ctx, name))
		}
		if name == public {
			binary, err := buildBinary()
			must(t, err)
			text, err := exec.Command(binary, "bucket", "policy", name, "--publish=true", "--data", data).CombinedOutput()
			if err != nil {
				t.Fatal(fmt.Errorf("%w: %s", err, text))
			}
		}
	}
}
