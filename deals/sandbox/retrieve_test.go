package sandbox_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
)

func TestPiece(t *testing.T) {
	n := newNetwork(t, 1)
	p := plainPiece(t, 80)
	dp := n.deal("f01000", p)
	n.waitStep(dp.DealUUID, "transferred")
	path := "/piece/" + p.cid.String()
	res, body := n.get("f01000", path, "")
	if res.StatusCode != http.StatusOK || !bytes.Equal(body, p.data) || res.Header.Get("Etag") != `"`+p.cid.String()+`"` {
		t.Errorf("whole piece: %d, %d bytes, etag %s", res.StatusCode, len(body), res.Header.Get("Etag"))
	}
	res, body = n.get("f01000", path, "bytes=1000-1999")
	if res.StatusCode != http.StatusPartialContent || !bytes.Equal(body, p.data[1000:2000]) {
		t.Errorf("range: %d, %d bytes", res.StatusCode, len(body))
	}
	if res, _ := n.get("f01000", path, "bytes=99999999-"); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range past the end: %d", res.StatusCode)
	}
	head, err := http.Head(n.provider("f01000").HTTP + path)
	must(t, err)
	must(t, head.Body.Close())
	if head.ContentLength != int64(len(p.data)) || head.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: %d bytes, ranges %q", head.ContentLength, head.Header.Get("Accept-Ranges"))
	}
	if res, _ := n.get("f01000", "/piece/"+plainPiece(t, 81).cid.String(), ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another piece: %d", res.StatusCode)
	}
	if res, _ := n.get("f01000", "/piece/nonsense", ""); res.StatusCode != http.StatusBadRequest {
		t.Errorf("no CID: %d", res.StatusCode)
	}
}

// TestIPFS reads DAGs out of every segment of an aggregate.
func TestIPFS(t *testing.T) {
	n := newNetwork(t, 1)
	dag1, dag2 := newDAG(t, 82, 4, 100_000), newDAG(t, 83, 7, 50_000)
	p := aggregatePiece(t, 4<<20, dag1, dag2)
	n.waitStep(n.deal("f01000", p).DealUUID, "transferred")
	for _, dag := range [][]cid.Cid{cidsOf(dag1), cidsOf(dag2)} {
		res, body := n.get("f01000", "/ipfs/"+dag[0].String()+"?format=car", "")
		if res.StatusCode != http.StatusOK {
			t.Fatalf("car: %d %s", res.StatusCode, body)
		}
		br, err := car.NewBlockReader(bytes.NewReader(body)) // verifies hashes
		must(t, err)
		if len(br.Roots) != 1 || br.Roots[0] != dag[0] {
			t.Errorf("roots %v, want %s", br.Roots, dag[0])
		}
		for i := 0; ; i++ {
			b, err := br.Next()
			if errors.Is(err, io.EOF) {
				if i != len(dag) {
					t.Errorf("%d blocks, want %d", i, len(dag))
				}
				break
			}
			must(t, err)
			if b.Cid() != dag[i] {
				t.Errorf("block %d is %s, want %s", i, b.Cid(), dag[i])
			}
		}
	}
	leaf := dag2[3]
	res, body := n.get("f01000", "/ipfs/"+leaf.Cid().String()+"?format=raw", "")
	if res.StatusCode != http.StatusOK || !bytes.Equal(body, leaf.RawData()) {
		t.Errorf("raw block: %d, %d bytes", res.StatusCode, len(body))
	}
	_, body = n.get("f01000", "/ipfs/"+dag1[0].Cid().String()+"?format=car&dag-scope=block", "")
	br, err := car.NewBlockReader(bytes.NewReader(body))
	must(t, err)
	_, err1 := br.Next()
	_, err2 := br.Next()
	if err1 != nil || !errors.Is(err2, io.EOF) {
		t.Errorf("dag-scope=block: %v, %v", err1, err2)
	}
	for path, want := range map[string]int{
		"/ipfs/" + newDAG(t, 84, 1, 10)[0].Cid().String() + "?format=car": http.StatusNotFound,
		"/ipfs/" + leaf.Cid().String():                                    http.StatusNotAcceptable,
		"/ipfs/nonsense?format=car":                                       http.StatusBadRequest,
	} {
		if res, _ := n.get("f01000", path, ""); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

// TestIncompleteDAG: a client must see a cut CAR, never a short one.
func TestIncompleteDAG(t *testing.T) {
	n := newNetwork(t, 1)
	dag := newDAG(t, 85, 6, 100_000)
	p := &piece{root: dag[0].Cid(), data: carOf(dag[:5]), padded: 1 << 20}
	p.data = append(p.data, make([]byte, 200_000)...) // pads it to the least size
	p.cid = commitment(t, p.data, p.padded)
	n.waitStep(n.deal("f01000", p).DealUUID, "transferred")
	res, err := http.Get(n.provider("f01000").HTTP + "/ipfs/" + p.root.String() + "?format=car")
	must(t, err)
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("an incomplete DAG came as a whole response")
	}
}

// TestNotACAR: any bytes can be stored; they are served whole.
func TestNotACAR(t *testing.T) {
	n := newNetwork(t, 1)
	p := &piece{root: newDAG(t, 1, 1, 10)[0].Cid(), data: bytes.Repeat([]byte("no car here "), 60_000), padded: 1 << 20}
	p.cid = commitment(t, p.data, p.padded)
	n.waitStep(n.deal("f01000", p).DealUUID, "transferred")
	if _, body := n.get("f01000", "/piece/"+p.cid.String(), ""); !bytes.Equal(body, p.data) {
		t.Errorf("%d bytes came back", len(body))
	}
}

// TestSharedPiece: a second deal for a stored piece pulls nothing, and the
// piece stays until the last deal for it has ended.
func TestSharedPiece(t *testing.T) {
	n := newNetwork(t, 1)
	p := plainPiece(t, 86)
	first := n.deal("f01000", p)
	n.waitStep(first.DealUUID, "transferred")
	n.advance(10)
	n.waitStep(first.DealUUID, "active")
	n.data.Close() // nobody to pull from
	second := n.params("f01000", p)
	second.ClientDealProposal.Proposal.EndEpoch += 5000
	n.signDeal(&second)
	if res := n.propose("f01000", second); !res.Accepted {
		t.Fatal(res.Message)
	}
	n.waitStep(second.DealUUID, "transferred")
	n.advance(10)
	n.waitStep(second.DealUUID, "active")
	n.advance(int64(first.ClientDealProposal.Proposal.EndEpoch) - n.Height())
	n.waitStep(first.DealUUID, "expired")
	if res, _ := n.get("f01000", "/piece/"+p.cid.String(), "bytes=0-9"); res.StatusCode != http.StatusPartialContent {
		t.Errorf("the renewed piece: %d", res.StatusCode)
	}
	n.advance(int64(second.ClientDealProposal.Proposal.EndEpoch) - n.Height())
	n.waitStep(second.DealUUID, "expired")
	if res, _ := n.get("f01000", "/ipfs/"+p.root.String()+"?format=raw", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a block of the expired piece: %d", res.StatusCode)
	}
}
