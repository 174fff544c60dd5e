package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
)

// fileOf makes the root of a UnixFS file of raw leaves.
func fileOf(t *testing.T, leaves ...blocks.Block) blocks.Block {
	t.Helper()
	nd := merkledag.NodeWithData(nil)
	if err := nd.SetCidBuilder(cid.NewPrefixV1(cid.DagProtobuf, rawBlock("").Cid().Prefix().MhType)); err != nil {
		t.Fatal(err)
	}
	fs := unixfs.NewFSNode(unixfs.TFile)
	for _, b := range leaves {
		size := uint64(len(b.RawData()))
		fs.AddBlockSize(size)
		if err := nd.AddRawLink("", &format.Link{Size: size, Cid: b.Cid()}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := fs.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	nd.SetData(data)
	return nd
}

// A stream that breaks off is never taken for a whole one, however it is read.
func TestBrokenContentIsNeverShort(t *testing.T) {
	big := func(s string) blocks.Block { return rawBlock(strings.Repeat(s, 100_000)) }
	tests := []struct {
		name   string
		leaves []blocks.Block // the last one is not stored
		query  string
		status int // 0: the body is cut
	}{
		{"small CAR", []blocks.Block{rawBlock("a"), rawBlock("b")}, "?format=car", 500},
		{"big CAR", []blocks.Block{big("a"), big("b")}, "?format=car", 0},
		{"small TAR", []blocks.Block{rawBlock("a"), rawBlock("b")}, "?format=tar", 500},
		{"big TAR", []blocks.Block{big("a"), big("b")}, "?format=tar", 0},
		{"big file", []blocks.Block{big("a"), big("b")}, "", 0},
	}
	for _, tt := range tests {
		root := fileOf(t, tt.leaves...)
		h := newTestHost(t, Config{}, newMemBlocks(append([]blocks.Block{root}, tt.leaves[:len(tt.leaves)-1]...)...))
		srv := httptest.NewServer(h.gateway)
		defer srv.Close()
		res, err := http.Get(srv.URL + "/ipfs/" + root.Cid().String() + tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		switch {
		case tt.status == 0 && (res.StatusCode != 200 || err == nil):
			t.Errorf("%s: %d with %d bytes and no error, want a cut body", tt.name, res.StatusCode, len(body))
		case tt.status != 0 && (res.StatusCode != tt.status || err != nil):
			t.Errorf("%s: %d, %v; want %d", tt.name, res.StatusCode, err, tt.status)
		case tt.status != 0 && (res.Header.Get("Etag") != "" || res.Header.Get("Cache-Control") != ""):
			t.Errorf("%s: the error may be cached: %v", tt.name, res.Header)
		}
	}
}

// No page that the gateway makes itself may load anything from another host.
func TestGatewayPagesLoadNothing(t *testing.T) {
	leaf := rawBlock("x")
	dir := unixfs.EmptyDirNode()
	if err := dir.SetCidBuilder(cid.NewPrefixV1(cid.DagProtobuf, leaf.Cid().Prefix().MhType)); err != nil {
		t.Fatal(err)
	}
	if err := dir.AddRawLink("x.txt", &format.Link{Size: 1, Cid: leaf.Cid()}); err != nil {
		t.Fatal(err)
	}
	h := newTestHost(t, Config{}, newMemBlocks(leaf, dir))
	listing := get(h, "/ipfs/"+dir.Cid().String()+"/", "Accept", "text/html")
	if listing.Code != 200 || !strings.Contains(listing.Body.String(), "x.txt") {
		t.Fatalf("listing: %d %s", listing.Code, listing.Body)
	}
	missing := get(h, "/ipfs/"+dir.Cid().String()+"/y.txt", "Accept", "text/html")
	if missing.Code != 404 {
		t.Errorf("absent name: %d, want 404", missing.Code)
	}
	for _, w := range []*httptest.ResponseRecorder{listing, missing} {
		for _, loads := range []string{`src="http`, `src="//`, "url(http", `url("http`, "@import", "<script", "<iframe"} {
			if strings.Contains(w.Body.String(), loads) {
				t.Errorf("a page of the gateway contains %s", loads)
			}
		}
		for _, link := range strings.Split(w.Body.String(), "<link")[1:] {
			tag, _, _ := strings.Cut(link, ">")
			if strings.Contains(tag, "http") {
				t.Errorf("a page of the gateway loads <link%s>", tag)
			}
		}
	}
}
