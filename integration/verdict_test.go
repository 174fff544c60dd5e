//go:build integration

package integration

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// A verdict compares what a client has done with what it should have.
type verdict struct {
	*matrix
	subject subject
	job     job
	report  report
	node    *server
	mc      *minio.Client
}

// object checks one object: on the node, as the client read it back, as the
// client shows it, and through the gateway.
func (v *verdict) object(t *testing.T, in input, back string) {
	info, err := v.mc.StatObject(testContext(t), v.job.Bucket, in.key, minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := head{ETag: in.etag(t, v.subject), CID: in.cid, Size: in.size}
	if got := (head{info.ETag, cidOf(info), info.Size}); got != want {
		t.Errorf("stored %+v, want %+v", got, want)
	}
	if got, ok := v.report.Heads[in.key]; ok && got != want {
		t.Errorf("the client shows %+v, want %+v", got, want)
	}
	f, err := os.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sameBytes(t, in.file, f)
	if strings.HasSuffix(in.key, "/") && info.ContentType != "application/x-directory" {
		t.Errorf("the marker's content type is %q", info.ContentType)
	}
	if _, read := v.read.LoadOrStore(v.node.addr["gateway"]+in.cid, true); !read {
		body, err := v.node.gateway(&http.Client{Transport: v.node.transport()}, "/ipfs/"+in.cid)
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, in.file, bytes.NewReader(body))
	}
}

func (v *verdict) list(t *testing.T) {
	want := map[string]int64{}
	for _, in := range append(slices.Clone(v.files), v.stream) {
		want[in.key] = in.size
	}
	for _, in := range v.special {
		if slices.Contains(v.subject.keys, in.key) {
			want[in.key] = in.size
		}
	}
	if !maps.Equal(v.report.List, want) {
		t.Errorf("the client lists %v, want %v", v.report.List, want)
	}
}

func (v *verdict) ranged(t *testing.T) {
	if _, lacks := v.subject.lacks[stepRange]; lacks {
		return
	}
	got, err := os.ReadFile(filepath.Join(v.job.Down, fileRange))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(v.up, keyBig))
	if err != nil {
		t.Fatal(err)
	}
	if want := whole[rangeFirst : rangeLast+1]; !bytes.Equal(got, want) {
		t.Errorf("the range is %d bytes that differ from the %d there", len(got), len(want))
	}
}

func (v *verdict) copied(t *testing.T) {
	info, err := v.mc.StatObject(testContext(t), v.job.Bucket, keyCopied, minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range v.files {
		if in.key == keySource && cidOf(info) != in.cid {
			t.Errorf("CID of the copy = %s, want %s", cidOf(info), in.cid)
		}
	}
	_, err = v.mc.StatObject(testContext(t), v.job.Bucket, keyDoomed, minio.StatObjectOptions{})
	if minio.ToErrorResponse(err).StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of what the client deleted = %v, want 404", err)
	}
}

func (v *verdict) presigned(t *testing.T) {
	if _, lacks := v.subject.lacks[stepPresign]; lacks {
		return
	}
	tr, err := v.job.transport()
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: tr}).Get(v.report.Presigned)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		t.Fatalf("GET %s = %s: %s", v.report.Presigned, res.Status, text)
	}
	sameBytes(t, filepath.Join(v.up, keySource), res.Body)
}

func (v *verdict) aborted(t *testing.T) {
	for u := range v.mc.ListIncompleteUploads(testContext(t), v.job.Bucket, "", true) {
		t.Errorf("upload left of %s: %v", u.Key, u.Err)
	}
	_, err := v.mc.StatObject(testContext(t), v.job.Bucket, keyAborted, minio.StatObjectOptions{})
	if minio.ToErrorResponse(err).StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of the aborted upload's key = %v, want 404", err)
	}
}
