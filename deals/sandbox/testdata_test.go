package sandbox_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	commp "github.com/filecoin-project/go-commp-utils/v2"
	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-state-types/abi"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/multiformats/go-varint"
)

// piece is test data with its commitment.
type piece struct {
	data   []byte
	root   cid.Cid
	blocks []blocks.Block // in the order of the CAR
	cid    cid.Cid
	padded abi.PaddedPieceSize
}

// newDAG makes a dag-pb root over raw leaves.
func newDAG(t *testing.T, seed uint64, leaves, size int) []blocks.Block {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	out := []blocks.Block{nil}
	var pb []byte
	for range leaves {
		data := make([]byte, size)
		_, _ = rng.Read(data)
		c, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum(data)
		must(t, err)
		b, err := blocks.NewBlockWithCid(data, c)
		must(t, err)
		out = append(out, b)
		link := append([]byte{0x0a, byte(len(c.Bytes()))}, c.Bytes()...)
		link = append(link, 0x12, 0, 0x18, 0)
		pb = append(append(pb, 0x12, byte(len(link))), link...)
	}
	c, err := cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}.Sum(pb)
	must(t, err)
	out[0], err = blocks.NewBlockWithCid(pb, c)
	must(t, err)
	return out
}

func carOf(dag []blocks.Block) []byte {
	root := dag[0].Cid()
	header := append([]byte{0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a, 0x58, byte(root.ByteLen() + 1), 0}, root.Bytes()...)
	header = append(header, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 1)
	var out bytes.Buffer
	section := func(parts ...[]byte) {
		b := bytes.Join(parts, nil)
		out.Write(varint.ToUvarint(uint64(len(b))))
		out.Write(b)
	}
	section(header)
	for _, b := range dag {
		section(b.Cid().Bytes(), b.RawData())
	}
	return out.Bytes()
}

func commitment(t *testing.T, data []byte, padded abi.PaddedPieceSize) cid.Cid {
	t.Helper()
	full := make([]byte, padded.Unpadded())
	copy(full, data)
	c, err := commp.GeneratePieceCIDFromFile(abi.RegisteredSealProof_StackedDrg32GiBV1_1, bytes.NewReader(full), padded.Unpadded())
	must(t, err)
	return c
}

// plainPiece is one CAR in a piece of its own.
func plainPiece(t *testing.T, seed uint64) *piece {
	t.Helper()
	dag := newDAG(t, seed, 6, 100_000)
	data := carOf(dag)
	padded := abi.PaddedPieceSize(1 << 20)
	return &piece{data: data, root: dag[0].Cid(), blocks: dag, cid: commitment(t, data, padded), padded: padded}
}

// aggregatePiece is an FRC-0058 aggregate of CARs.
func aggregatePiece(t *testing.T, padded abi.PaddedPieceSize, dags ...[]blocks.Block) *piece {
	t.Helper()
	var infos []abi.PieceInfo
	var readers []io.Reader
	p := &piece{padded: padded, root: dags[0][0].Cid()}
	for _, dag := range dags {
		data := carOf(dag)
		size := abi.PaddedPieceSize(128)
		for uint64(size.Unpadded()) < uint64(len(data)) {
			size *= 2
		}
		full := make([]byte, size.Unpadded())
		copy(full, data)
		infos = append(infos, abi.PieceInfo{Size: size, PieceCID: commitment(t, data, size)})
		readers = append(readers, bytes.NewReader(full))
		p.blocks = append(p.blocks, dag...)
	}
	agg, err := datasegment.NewAggregate(padded, infos)
	must(t, err)
	p.cid, err = agg.PieceCID()
	must(t, err)
	r, err := agg.AggregateObjectReader(readers)
	must(t, err)
	p.data, err = io.ReadAll(r)
	must(t, err)
	return p
}

const token = "let-me-in"

// dataServer serves pieces as a gateway does: only to holders of the token.
type dataServer struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	pieces map[string]*piece
	served atomic.Int64                    // GETs with a right token
	fault  func(http.Handler) http.Handler // stands in between; may be nil
}

func serveData(t *testing.T) *dataServer {
	t.Helper()
	d := &dataServer{pieces: map[string]*piece{}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		fault := d.fault
		d.mu.Unlock()
		if fault != nil {
			fault(http.HandlerFunc(d.serve)).ServeHTTP(w, r)
			return
		}
		d.serve(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *dataServer) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	p := d.pieces[strings.TrimPrefix(r.URL.Path, "/piece/")]
	d.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "no token", http.StatusUnauthorized)
	case p == nil:
		http.NotFound(w, r)
	default:
		if r.Method == http.MethodGet {
			d.served.Add(1)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.data))
	}
}

func (d *dataServer) wrap(fault func(http.Handler) http.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

func (d *dataServer) url(p *piece) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pieces[p.cid.String()] = p
	return d.URL + "/piece/" + p.cid.String()
}

// open lets everybody in.
func (d *dataServer) open(t *testing.T) {
	t.Helper()
	d.wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			h.ServeHTTP(w, r)
		})
	})
}
