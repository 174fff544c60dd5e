package node

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"testing"

	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
	"golang.org/x/crypto/chacha20"

	"github.com/whypfs/whypfs/internal/md5lane"
)

func newTestNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return n
}

// forget is a DAG service that keeps nothing.
type forget struct{ ipld.DAGService }

func (forget) Add(context.Context, ipld.Node) error       { return nil }
func (forget) AddMany(context.Context, []ipld.Node) error { return nil }

// boxoImport is the root that boxo's importer gives r.
func boxoImport(t testing.TB, r io.Reader, s shape) cid.Cid {
	t.Helper()
	params := helpers.DagBuilderParams{
		Dagserv: forget{}, Maxlinks: s.width, RawLeaves: true,
		CidBuilder: cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256},
	}
	h, err := params.New(chunker.NewSizeSplitter(r, int64(s.chunk)))
	if err != nil {
		t.Fatal(err)
	}
	nd, err := balanced.Layout(h)
	if err != nil {
		t.Fatal(err)
	}
	return nd.Cid()
}

// keystream is the data of IPIP-499's fixtures: ChaCha20 keyed by the hash of the seed.
func keystream(size int64, seed string) io.Reader {
	key := sha256.Sum256([]byte(seed))
	c, err := chacha20.NewUnauthenticatedCipher(key[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		panic(err)
	}
	return io.LimitReader(readerFunc(func(p []byte) (int, error) {
		clear(p)
		c.XORKeyStream(p, p)
		return len(p), nil
	}), size)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func zeros(size int64) io.Reader {
	return io.LimitReader(readerFunc(func(p []byte) (int, error) { clear(p); return len(p), nil }), size)
}

func TestImportFixtures(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name string
		data func() io.Reader
		size int64
		want string
	}{
		{"empty", func() io.Reader { return zeros(0) }, 0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
		{"hello world", func() io.Reader { return bytes.NewReader([]byte("hello world")) }, 11, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
		{"one chunk", func() io.Reader { return keystream(mib, "chunk-v1-seed") }, mib, "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"},
		{"over one chunk", func() io.Reader { return keystream(mib+1, "chunk-v1-seed") }, mib + 1, "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newTestNode(t, Config{})
			f, err := n.Import(t.Context(), tt.data(), ImportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Root.String() != tt.want || f.Size != tt.size {
				t.Errorf("Import = %s, %d; want %s, %d", f.Root, f.Size, tt.want, tt.size)
			}
		})
	}
}

// The layout depends on the number of chunks only, so small chunks and nodes show it too.
func TestImportEqualsBoxo(t *testing.T) {
	small := shape{chunk: 4, width: 3}
	var cases []struct {
		s    shape
		size int64
	}
	add := func(s shape, sizes ...int64) {
		for _, size := range sizes {
			cases = append(cases, struct {
				s    shape
				size int64
			}{s, size})
		}
	}
	for size := range int64(4*3*3*3 + 6) {
		add(small, size)
	}
	add(shape{chunk: 64, width: 1024}, 64*1024-1, 64*1024, 64*1024+1, 64*1025, 64*2048, 64*2049)
	add(profile, 1, 1<<20-1, 1<<20, 1<<20+1, 5<<20+3)
	n := newTestNode(t, Config{})
	for _, c := range cases {
		n.shape = c.s
		md, sha := md5.New(), sha256.New()
		f, err := n.Import(t.Context(), keystream(c.size, "equal"), ImportOptions{Hashes: []hash.Hash{md, sha}})
		if err != nil {
			t.Fatal(err)
		}
		want := boxoImport(t, keystream(c.size, "equal"), c.s)
		if f.Root != want || f.Size != c.size {
			t.Errorf("Import of %d bytes, %+v = %s, %d; want %s", c.size, c.s, f.Root, f.Size, want)
		}
		data, err := io.ReadAll(keystream(c.size, "equal"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sha.Sum(nil), sha256.Sum256(data); !bytes.Equal(got, want[:]) {
			t.Errorf("SHA-256 of %d bytes = %x, want %x", c.size, got, want)
		}
		if got, want := md.Sum(nil), md5.Sum(data); !bytes.Equal(got, want[:]) {
			t.Errorf("MD5 of %d bytes = %x, want %x", c.size, got, want)
		}
	}
}

func TestImportReaderFails(t *testing.T) {
	n := newTestNode(t, Config{})
	for _, broken := range []error{
		errors.New("line is cut"),
		io.ErrUnexpectedEOF, // a body shorter than its length
		fmt.Errorf("body: %w", io.EOF),
	} {
		for _, size := range []int64{0, 1, 32 << 10, 1<<20 - 1, 1 << 20, 3<<20 + 7} {
			r := io.MultiReader(zeros(size), readerFunc(func([]byte) (int, error) { return 0, fmt.Errorf("client: %w", broken) }))
			if broken == io.ErrUnexpectedEOF {
				r = io.MultiReader(zeros(size), readerFunc(func([]byte) (int, error) { return 0, broken }))
			}
			if f, err := n.Import(t.Context(), r, ImportOptions{Hashes: []hash.Hash{md5.New()}}); !errors.Is(err, broken) {
				t.Errorf("Import of a reader that fails after %d bytes = %v, %v; want %v", size, f, err, broken)
			}
		}
	}
}

func TestImportCancelled(t *testing.T) {
	n := newTestNode(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var read int64
	r := readerFunc(func(p []byte) (int, error) {
		if read += int64(len(p)); read > 20<<20 {
			cancel()
		}
		return len(p), nil
	})
	if _, err := n.Import(ctx, r, ImportOptions{Hashes: []hash.Hash{md5.New()}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v, want %v", err, context.Canceled)
	}
}

// A told has to be told its sum, and is not fed.
type told struct {
	hash.Hash
	fed bool
	sum []byte
}

func (h *told) Write(p []byte) (int, error) {
	h.fed = true
	return h.Hash.Write(p)
}

func (h *told) SetSHA256(sum []byte) { h.sum = sum }

// The hashes of a file are right whatever its size, and no byte goes through SHA-256 twice.
func TestImportHashes(t *testing.T) {
	n := newTestNode(t, Config{})
	data := bytes.Repeat([]byte("0123456789abcdefghijklmnopq"), 3<<20/27+1)[:3<<20+5]
	for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 2 << 20, len(data)} {
		sum, fed := &told{Hash: sha256.New()}, md5.New()
		if _, err := n.Import(t.Context(), bytes.NewReader(data[:size]), ImportOptions{Hashes: []hash.Hash{fed, sum}}); err != nil {
			t.Fatal(err)
		}
		if want := md5.Sum(data[:size]); !bytes.Equal(fed.Sum(nil), want[:]) {
			t.Errorf("%d bytes: another MD5", size)
		}
		want := sha256.Sum256(data[:size])
		if sum.fed || !bytes.Equal(sum.sum, want[:]) {
			t.Errorf("%d bytes: fed %v, SHA-256 %x, want %x", size, sum.fed, sum.sum, want)
		}
	}
}

// A gate is a reader that goes on, at some point, when it is opened.
type gate struct {
	io.Reader
	left int64
	open <-chan bool
}

func (g *gate) Read(p []byte) (int, error) {
	if g.left <= 0 {
		<-g.open
	}
	n, err := g.Reader.Read(p)
	g.left -= int64(n)
	return n, err
}

// Imports whose MD5 is computed together end one without the other, whichever
// stops and wherever.
func TestImportsSideBySide(t *testing.T) { importSideBySide(t, newTestNode(t, Config{})) }

// They do so too when each has but one chunk.
func TestImportsSideBySideScarce(t *testing.T) {
	n := newTestNode(t, Config{})
	for n.chunks.borrow() {
	}
	importSideBySide(t, n)
}

func importSideBySide(t *testing.T, n *Node) {
	const size = 12<<20 + 5
	for _, stop := range []int64{1 << 20, 3<<20 + 1, 12 << 20} {
		open, began := make(chan bool), make(chan bool)
		var wg sync.WaitGroup
		for i := range 3 {
			data := mustRead(t, keystream(size, fmt.Sprint("side", i, stop)))
			wg.Go(func() {
				var r io.Reader = bytes.NewReader(data)
				if i == 0 { // which stops until the others have ended
					r = &gate{r, stop, open}
					close(began)
				} else {
					<-began
				}
				sum := md5lane.New()
				if _, err := n.Import(t.Context(), r, ImportOptions{Hashes: []hash.Hash{sum}}); err != nil {
					t.Error(err)
				}
				if want := md5.Sum(data); !bytes.Equal(sum.Sum(nil), want[:]) {
					t.Errorf("MD5 of import %d is %x, want %x", i, sum.Sum(nil), want)
				}
				if i == 2 {
					close(open)
				}
			})
		}
		wg.Wait()
	}
}
