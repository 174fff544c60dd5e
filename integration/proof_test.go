//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/proof"
)

// verify runs `whypfs proof verify` with no data directory, and returns its
// report and exit code. stdin is the file, if that is -.
func verifyCommand(t *testing.T, stdin []byte, args ...string) (r proof.Report, code int) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"proof", "verify", "--json", "--data", filepath.Join(t.TempDir(), "none")}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("proof verify %v: exit code %d, %s", args, code, errs.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("proof verify %v: %v in %s", args, err, out)
	}
	return r, code
}

// TestProofs puts objects, gets their proofs in each way there is, and checks
// them with the node and without it.
func TestProofs(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox")
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "box", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	s.run("bucket", "policy", "box", "--threshold", "4MiB")
	objects := []object{s.store(t, c, "box", "empty", 1, 0), s.store(t, c, "box", "dir/small & <é>", 2, 1000)}
	if out, err := exec.Command(binary, "proof", "get", "box/empty", "--data", s.data).CombinedOutput(); err == nil || !strings.Contains(string(out), "in no piece yet") {
		t.Errorf("proof of an object that is in no piece: %v, %s", err, out)
	}
	objects = append(objects, s.store(t, c, "box", "large", 3, 5<<20+1))
	await(t, 60*time.Second, "zone complete", func() bool {
		z, ok := s.zoneOf(t, "box")
		return ok && z.State == buckets.ZoneComplete
	})
	dir := t.TempDir()
	var proofs, files []string
	for i, o := range objects {
		file := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(file, o.body, 0o600); err != nil {
			t.Fatal(err)
		}
		s.run("proof", "get", o.bucket+"/"+o.key, "-o", file+".proof")
		files, proofs = append(files, file), append(proofs, file+".proof")
		r, code := verifyCommand(t, nil, file, file+".proof", "--rpc", s.addr["sandbox"])
		active := 0
		for _, d := range r.Deals {
			if d.State == proof.DealActive {
				active++
			}
		}
		if code != 0 || active != 6 || r.Unchecked() || r.Root != o.cid {
			t.Errorf("%s: exit code %d, %+v", o.key, code, r)
		}
	}
	s.sameProof(t, c, objects[1], proofs[1])
	s.stop()
	if err := os.RemoveAll(s.data); err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		if r, code := verifyCommand(t, nil, files[i], proofs[i]); code != 0 || !r.Unchecked() {
			t.Errorf("%s without a node: exit code %d, %+v", o.key, code, r)
		}
		if _, code := verifyCommand(t, o.body, "-", proofs[i]); code != 0 {
			t.Errorf("%s from the standard input: exit code %d", o.key, code)
		}
		if r, code := verifyCommand(t, append(bytes.Clone(o.body), 'x'), "-", proofs[i]); code != 1 || !r.Refused() {
			t.Errorf("%s with a byte more: exit code %d, %+v", o.key, code, r)
		}
		if _, code := verifyCommand(t, nil, files[i], proofs[(i+1)%len(proofs)]); code != 1 {
			t.Errorf("%s with the proof of another object: exit code %d", o.key, code)
		}
	}
	tampered := bytes.Clone(objects[2].body)
	tampered[3<<20] ^= 1
	if r, code := verifyCommand(t, tampered, "-", proofs[2]); code != 1 || r.Steps[len(r.Steps)-1].State != proof.Refused {
		t.Errorf("a file with one bit changed: exit code %d, %+v", code, r)
	}
}

// sameProof gets an object's proof from the APIs: all but the time and the names
// it was asked for by is what the command wrote.
func (s *server) sameProof(t *testing.T, c *minio.Client, o object, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := proof.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.Presign(testContext(t), http.MethodGet, o.bucket, o.key, time.Hour, url.Values{"proof": {""}})
	if err != nil {
		t.Fatal(err)
	}
	out := s.run("setup", "--username", "prover", "--password", "long enough for it")
	_, token, _ := strings.Cut(strings.TrimSpace(out), "Auth Token: ")
	for how, req := range map[string]*http.Request{
		"S3":     get(t, signed.String(), ""),
		"V1 API": get(t, s.addr["api"]+"/content/proof/"+fmt.Sprint(want.Object.Content), token),
	} {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v: %s", how, res.Status, err, body)
			continue
		}
		got, err := proof.Decode(bytes.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		got.Created, got.Object = want.Created, want.Object
		var again bytes.Buffer
		if err := got.Encode(&again); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%s gives another proof (%v):\n%s\nnot\n%s", how, err, again.Bytes(), b)
		}
	}
}

func get(t *testing.T, url, token string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}
