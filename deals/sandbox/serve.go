package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	dagpb "github.com/ipld/go-codec-dagpb"
	"github.com/multiformats/go-multihash"
	"github.com/multiformats/go-varint"
	cbg "github.com/whyrusleeping/cbor-gen"
)

var errNoBlock = errors.New("block not found")

// routes is the provider's web server: retrieval as Curio and booster-http
// have it and, from Curio, deals over HTTP.
func (p *provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /piece/{cid}", p.servePiece)
	mux.HandleFunc("GET /ipfs/{cid}", p.serveIPFS)
	if p.dialect == curio {
		mux.HandleFunc("POST /market/mk12/store", p.overHTTP(maxRequest, p.answerDeal))
		mux.HandleFunc("GET /market/mk12/status", p.overHTTP(maxQuery, p.answerStatus))
		mux.HandleFunc("GET /market/mk12/ask", p.overHTTP(maxQuery, p.answerAskOverHTTP))
	}
	return mux
}

// servePiece gives a piece's bytes, with ranges.
func (p *provider) servePiece(w http.ResponseWriter, r *http.Request) {
	id, err := cid.Decode(r.PathValue("cid"))
	if err != nil {
		http.Error(w, "invalid piece CID", http.StatusBadRequest)
		return
	}
	mode, stored := p.look(id)
	if stored == nil {
		http.Error(w, "piece not found", http.StatusNotFound)
		return
	}
	f, err := os.Open(p.pieceFile(id))
	if err != nil {
		http.Error(w, "piece not readable", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	content, out, ok := spoilPiece(w, r, mode, f, stored.Size)
	if !ok {
		return
	}
	w.Header().Set("ETag", `"`+id.String()+`"`)
	w.Header().Set("Cache-Control", "public, max-age=29030400, immutable")
	w.Header().Set("Content-Type", "application/piece")
	http.ServeContent(out, r, "", time.Time{}, content)
}

// serveIPFS is a trustless gateway for whole DAGs: one raw block, or a CAR of
// everything below a root in depth-first order without duplicates.
func (p *provider) serveIPFS(w http.ResponseWriter, r *http.Request) {
	root, err := cid.Decode(r.PathValue("cid"))
	if err != nil {
		http.Error(w, "invalid CID", http.StatusBadRequest)
		return
	}
	format, accept := r.URL.Query().Get("format"), r.Header.Get("Accept")
	raw := format == "raw" || format == "" && strings.Contains(accept, "application/vnd.ipld.raw")
	if !raw && format != "car" && !strings.Contains(accept, "application/vnd.ipld.car") {
		http.Error(w, "only raw blocks and CARs are served: use ?format=raw or ?format=car", http.StatusNotAcceptable)
		return
	}
	b, err := p.block(root)
	if err != nil {
		code := http.StatusInternalServerError
		if errors.Is(err, errNoBlock) {
			code = http.StatusNotFound
		}
		http.Error(w, err.Error(), code)
		return
	}
	mode, _ := p.look(cid.Undef)
	if mode == modeNoRetrieval {
		refuseRetrieval(w)
		return
	}
	out := paced(w, r, mode)
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=29030400, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Ipfs-Path", "/ipfs/"+root.String())
	if raw {
		h.Set("Content-Type", "application/vnd.ipld.raw")
		h.Set("ETag", `"`+root.String()+`.raw"`)
		http.ServeContent(out, r, "", time.Time{}, bytes.NewReader(spoil(b.RawData(), mode)))
		return
	}
	h.Set("Content-Type", "application/vnd.ipld.car; version=1; order=dfs; dups=n")
	h.Set("ETag", `W/"`+root.String()+`.car"`)
	if r.Method == http.MethodHead {
		return
	}
	blockOnly := r.URL.Query().Get("dag-scope") == "block"
	if err := p.writeCAR(out, b, mode, blockOnly); err != nil {
		p.n.log.DebugContext(r.Context(), "sandbox car", "miner", p.addr.String(), "cid", root.String(), "err", err)
		panic(http.ErrAbortHandler) // the client must see a cut body
	}
}

// block reads and verifies one block.
func (p *provider) block(c cid.Cid) (blocks.Block, error) {
	if c.Prefix().MhType == multihash.IDENTITY {
		d, err := multihash.Decode(c.Hash())
		if err != nil {
			return nil, err
		}
		return blocks.NewBlockWithCid(d.Digest, c)
	}
	piece, at, found, err := p.findBlock(c)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s: %w", c, errNoBlock)
	}
	f, err := os.Open(p.pieceFile(piece))
	if err != nil {
		return nil, err
	}
	data := make([]byte, at.size)
	_, err = f.ReadAt(data, at.offset)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	// A CAR in a deal may name a block wrongly.
	if got, err := c.Prefix().Sum(data); err != nil || !got.Equals(c) {
		return nil, fmt.Errorf("%s: stored block has another hash: %w", c, errNoBlock)
	}
	return blocks.NewBlockWithCid(data, c)
}

// writeCAR writes a CARv1 with the DAG below root.
func (p *provider) writeCAR(w io.Writer, root blocks.Block, mode string, blockOnly bool) error {
	var e encoder
	e.object(2)
	e.text("roots")
	e.array(1)
	e.cid(root.Cid())
	e.text("version")
	e.uint(1)
	if e.err != nil {
		return e.err
	}
	if err := writeSection(w, e.finish()); err != nil {
		return err
	}
	seen := map[string]bool{root.Cid().KeyString(): true}
	for stack := []cid.Cid{root.Cid()}; len(stack) > 0; {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		b, err := p.block(c)
		if err != nil {
			return err
		}
		if c.Prefix().MhType != multihash.IDENTITY {
			if err := writeSection(w, c.Bytes(), spoil(b.RawData(), mode)); err != nil {
				return err
			}
		}
		if blockOnly {
			return nil
		}
		links, err := linksOf(b)
		if err != nil {
			return err
		}
		for i := len(links) - 1; i >= 0; i-- {
			if k := links[i].KeyString(); !seen[k] {
				seen[k] = true
				stack = append(stack, links[i])
			}
		}
	}
	return nil
}

func writeSection(w io.Writer, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if _, err := w.Write(varint.ToUvarint(uint64(size))); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// linksOf lists a block's links in order. Codecs without links, or unknown
// ones, end the walk.
func linksOf(b blocks.Block) ([]cid.Cid, error) {
	var out []cid.Cid
	switch b.Cid().Prefix().Codec {
	case cid.DagProtobuf:
		nb := dagpb.Type.PBNode.NewBuilder()
		if err := dagpb.DecodeBytes(nb, b.RawData()); err != nil {
			return nil, err
		}
		it := nb.Build().(dagpb.PBNode).FieldLinks().Iterator()
		for !it.Done() {
			_, l := it.Next()
			c, err := cid.Decode(l.FieldHash().Link().String())
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	case cid.DagCBOR:
		err := cbg.ScanForLinks(bytes.NewReader(b.RawData()), func(c cid.Cid) { out = append(out, c) })
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
