//go:build integration

package integration

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The steps of a client. What fails is told per step, and the next is tried.
const (
	stepMake    = "make"    // the bucket
	stepPut     = "put"     // every file of the tree
	stepStream  = "stream"  // an object whose length the client does not know
	stepSpecial = "special" // keys that no file can have
	stepList    = "list"
	stepHead    = "head"
	stepGet     = "get"
	stepCopy    = "copy" // on the server
	stepRange   = "range"
	stepPresign = "presign"
	stepAbort   = "abort" // a multipart upload
	stepDelete  = "delete"
)

var steps = []string{stepMake, stepPut, stepStream, stepSpecial, stepList, stepHead, stepGet, stepCopy, stepRange, stepPresign, stepAbort, stepDelete}

// The keys that steps are about.
const (
	keyBig     = "size/20MiB"
	keyStream  = "size/stream"
	keySource  = "size/65537" // copied, presigned
	keyCopied  = "copied"
	keyDoomed  = "doomed" // a copy that is deleted
	keyAborted = "aborted"
	fileRange  = "range" // below job.Down: the bytes of keyBig from rangeFirst to rangeLast
)

const mib = 1 << 20

// The range goes over the end of a leaf of the file and of a part of 5 MiB.
const (
	rangeFirst = 5*mib - 7
	rangeLast  = 5*mib + 12
)

// A job is what a client is asked to do, in a bucket that it makes. Clients in
// other languages read it as JSON.
type job struct {
	Endpoint  string    `json:"endpoint"` // without the bucket, in both styles
	Virtual   bool      `json:"virtual"`  // the bucket goes into the host name
	CA        string    `json:"ca"`       // PEM file; "" over HTTP
	AccessKey string    `json:"accessKey"`
	SecretKey string    `json:"secretKey"`
	Bucket    string    `json:"bucket"`
	Up        string    `json:"up"`   // directory; each file in it is stored under its path
	Down      string    `json:"down"` // directory; each object is read back to its key
	Stream    string    `json:"stream"`
	Special   []special `json:"special"`
}

// A special object has a key that cannot be a file's path.
type special struct {
	Key  string `json:"key"`
	Type string `json:"type"` // content type, "" for the client's own
	Up   string `json:"up"`   // file to store
	Down string `json:"down"` // file to read it back to
}

// A report is what a client did and saw.
type report struct {
	Heads     map[string]head   `json:"heads"`  // by key, as the client shows them
	List      map[string]int64  `json:"list"`   // key -> size, as the client lists them
	Presigned string            `json:"signed"` // URL that reads keySource
	Done      []string          `json:"done"`   // steps that went well
	Failed    map[string]string `json:"failed"` // step -> error
}

type head struct {
	ETag string `json:"etag"` // without quotes
	CID  string `json:"cid"`
	Size int64  `json:"size"`
}

// do runs a step.
func (r *report) do(step string, fn func() error) {
	if err := fn(); err != nil {
		if r.Failed == nil {
			r.Failed = map[string]string{}
		}
		r.Failed[step] = err.Error()
		return
	}
	r.Done = append(r.Done, step)
}

// A subject is a client of the matrix.
type subject struct {
	name  string
	part  int64             // size of the parts it sends
	above int64             // files longer than this are sent in parts; streams always
	keys  []string          // special keys that it can say
	lacks map[string]string // step -> why it has no command for it
	more  bool              // another version of a client that runs in all cells: two cells will do
	run   func(job) (report, error)
}

// input is an object of the matrix as it must come back.
type input struct {
	key    string
	file   string
	size   int64
	cid    string
	stream bool
}

// etag is the ETag of an input that a client has sent.
func (in input) etag(t *testing.T, c subject) string {
	t.Helper()
	data, err := os.ReadFile(in.file)
	if err != nil {
		t.Fatal(err)
	}
	if !in.stream && in.size <= c.above {
		sum := md5.Sum(data)
		return hex.EncodeToString(sum[:])
	}
	whole, n := md5.New(), 0
	for part := range slices.Chunk(data, int(c.part)) {
		sum := md5.Sum(part)
		whole.Write(sum[:])
		n++
	}
	return fmt.Sprintf("%x-%d", whole.Sum(nil), n)
}

// matrix is the inputs and the two nodes that all clients use.
type matrix struct {
	up      string // directory of the files
	files   []input
	stream  input
	special []input
	nodes   map[string]*server
	read    sync.Map // scheme and CID, read through the gateway
}

// sizes are at the bounds of a signed chunk (64 KiB), of what clients send
// whole, and of what they send in parts.
var sizes = []struct {
	name  string
	bytes int64
}{
	{"0", 0}, {"1", 1}, {"65535", 65535}, {"65536", 65536}, {"65537", 65537}, {"5MiB", 5 * mib}, {"20MiB", 20 * mib},
}

// oddNames are file names that clients and servers tend to garble.
var oddNames = []string{"a b", "a+b", "100%", "%2F%20", "ünïcödé", "日本語-🪣", "a&b=c?d#e", `it's "q" <x>`,
	"~!@$^*(),;:[]{}|`", `back\slash`, ".hidden", "CON.", "x=y;z,versionId=1"}

// TestMatrix stores and reads objects of many sizes with every client, over
// HTTP and HTTPS, with the bucket in the path and in the host name.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for _, c := range subjects(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, scheme := range []string{"http", "https"} {
				for _, style := range []string{"path", "virtual"} {
					if c.more && (scheme == "https") != (style == "virtual") {
						continue
					}
					t.Run(scheme+"/"+style, func(t *testing.T) { m.test(t, c, scheme, style) })
				}
			}
		})
	}
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	dir := t.TempDir()
	m := &matrix{up: filepath.Join(dir, "up"), nodes: map[string]*server{}}
	add := func(path, key string, size int64) input {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeRandom(t, path, size)
		return input{key: key, file: path, size: size, cid: boxoCID(t, path)}
	}
	for _, s := range sizes {
		m.files = append(m.files, add(filepath.Join(m.up, "size", s.name), "size/"+s.name, s.bytes))
	}
	for i, name := range oddNames {
		m.files = append(m.files, add(filepath.Join(m.up, "keys", name), "keys/"+name, int64(i+1)))
	}
	m.stream = add(filepath.Join(dir, "stream"), keyStream, 17*mib+3)
	m.stream.stream = true
	for i, key := range specialKeys {
		size := int64(100 + i)
		if strings.HasSuffix(key, "/") {
			size = 0 // the marker of a directory, as s3fs and consoles make it
		}
		m.special = append(m.special, add(filepath.Join(dir, "special", fmt.Sprint(i)), key, size))
	}
	for _, scheme := range []string{"http", "https"} {
		m.nodes[scheme] = startWith(t, scheme, "--s3-domain", domain)
	}
	return m
}

// specialKeys are keys that no file can have.
var specialKeys = []string{"keys//double", "keys/marker/", "keys/./dot/../dots", "/leading", "keys/line\r\nend"}

// job is what a client does in one cell of the matrix.
func (m *matrix) job(t *testing.T, c subject, scheme, style string) job {
	t.Helper()
	s := m.nodes[scheme]
	down := t.TempDir()
	j := job{
		Endpoint: s.addr["s3"], CA: s.ca, AccessKey: accessKey, SecretKey: secretKey,
		Bucket: strings.ReplaceAll(c.name, ".", "-") + "-" + style, Up: m.up, Down: down, Stream: m.stream.file,
	}
	if style == "virtual" {
		j.Virtual = true
		j.Endpoint = strings.Replace(j.Endpoint, "127.0.0.1", domain, 1)
	}
	for i, in := range m.special {
		if slices.Contains(c.keys, in.key) {
			sp := special{Key: in.key, Up: in.file, Down: filepath.Join(down, fmt.Sprintf("special-%d", i))}
			if strings.HasSuffix(in.key, "/") {
				sp.Type = "application/x-directory"
			}
			j.Special = append(j.Special, sp)
		}
	}
	return j
}

// test runs a client in one cell and judges what it did.
func (m *matrix) test(t *testing.T, c subject, scheme, style string) {
	j := m.job(t, c, scheme, style)
	r, err := c.run(j)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		why, lacks := c.lacks[step]
		if failed := r.Failed[step]; failed != "" {
			t.Errorf("%s: %s", step, failed)
		} else if done := slices.Contains(r.Done, step); done == lacks {
			t.Errorf("%s: done is %v; what it lacks: %q", step, done, why)
		}
	}
	v := &verdict{matrix: m, subject: c, job: j, report: r, node: m.nodes[scheme], mc: m.nodes[scheme].minio()}
	for _, in := range append(slices.Clone(m.files), m.stream) {
		t.Run(strings.TrimPrefix(in.key, "size/"), func(t *testing.T) { v.object(t, in, filepath.Join(j.Down, in.key)) })
	}
	for i, in := range m.special {
		if slices.Contains(c.keys, in.key) {
			t.Run(in.key, func(t *testing.T) { v.object(t, in, filepath.Join(j.Down, fmt.Sprintf("special-%d", i))) })
		}
	}
	t.Run(stepList, v.list)
	t.Run(stepRange, v.ranged)
	t.Run(stepCopy, v.copied)
	t.Run(stepPresign, v.presigned)
	t.Run(stepAbort, v.aborted)
}
