package node

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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

// A file of which a range was sent is at its end: boxo copies on behind it.
func TestGatewayFileSentIsAtItsEnd(t *testing.T) {
	n := newTestNode(t, Config{})
	want, err := io.ReadAll(keystream(8<<20, "ranges"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := n.Import(t.Context(), bytes.NewReader(want), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := openFile(t.Context(), file.Root, &source{n: n, root: file.Root}, new(sync.Pool))
	if err != nil {
		t.Fatal(err)
	}
	f := &gatewayFile{FileReader: r}
	defer f.Close()
	f.end = 4 << 20
	var out bytes.Buffer
	if err := f.sendTo(&out); err != nil || !bytes.Equal(out.Bytes(), want[:4<<20]) {
		t.Fatalf("sendTo = %v after %d bytes", err, out.Len())
	}
	if k, err := io.CopyN(io.Discard, f, 4<<20); k != 0 {
		t.Errorf("%d bytes behind the range are read, %v", k, err)
	}
}

// A node may claim leaves of any size: no buffer is made for what is not here.
func TestAbsentLeavesHoldNoRoom(t *testing.T) {
	n := newTestNode(t, Config{})
	leaf, err := rawLeaf([]byte("no such leaf"))
	if err != nil {
		t.Fatal(err)
	}
	data, up, err := encodeFile(slices.Repeat([]link{{cid: leaf, size: 4 << 20, dag: 4 << 20}}, 8))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.PutBlocks(t.Context(), []Block{{up.cid, data}}, false); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(t.Context(), up.cid, &source{n: n, root: up.cid}, new(sync.Pool))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.cursor.reset()
	if err := f.cursor.seek(0); err != nil {
		t.Fatal(err)
	}
	l, err := f.begin()
	if err != nil {
		t.Fatal(err)
	}
	<-l.done
	if l.pooled != nil || !errors.Is(l.err, ErrNotFound) {
		t.Errorf("a buffer of %d bytes for a leaf that is not here; %v", cap(*l.pooled), l.err)
	}
}
