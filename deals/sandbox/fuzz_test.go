package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// fuzzNetwork has one provider that is not on the network: nothing it is told
// to pull can be reached.
func fuzzNetwork(f *testing.F) *Network {
	f.Helper()
	n, err := Open(f.Context(), Options{Dir: f.TempDir(), Providers: 1, Epoch: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := n.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := n.Fail("f01000", modeStall); err != nil {
		f.Fatal(err)
	}
	return n
}

func FuzzDeal(f *testing.F) {
	n := fuzzNetwork(f)
	dp := boostly.DealParams{DealUUID: uuid.New()}
	dp.DealDataRoot, _ = cid.Decode("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	dp.ClientDealProposal.Proposal.PieceCID = dp.DealDataRoot
	dp.ClientDealProposal.Proposal.Client = n.providers[0].addr
	dp.ClientDealProposal.Proposal.Provider = n.providers[0].addr
	dp.ClientDealProposal.ClientSignature.Type = 1
	seed, err := encode(&dp)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := n.providers[0].answerDeal(bytes.NewReader(b))
		if err != nil {
			return
		}
		var res boostly.DealResponse
		if err := res.UnmarshalCBOR(bytes.NewReader(out)); err != nil || res.Accepted || res.Message == "" {
			t.Errorf("an unsigned deal is answered by %+v, %v", res, err)
		}
	})
}

func FuzzStatus(f *testing.F) {
	n := fuzzNetwork(f)
	seed, err := encode(&boostly.DealStatusRequest{DealUUID: uuid.New()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := n.providers[0].answerStatus(bytes.NewReader(b))
		if err == nil && len(out) == 0 {
			t.Error("an empty answer")
		}
	})
}

func FuzzAskRequest(f *testing.F) {
	f.Add([]byte("\xa1\x65Miner\x43\x00\xe8\x07"))
	f.Add([]byte("\xa2\x65Other\x82\x01\x02\x65Miner\x43\x00\xe8\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAskRequest(bytes.NewReader(b))
		if err == nil {
			_ = a.String() // must not panic
		}
	})
}

func FuzzRPC(f *testing.F) {
	n := fuzzNetwork(f)
	for method := range rpcMethods() {
		f.Add(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":["f01000",{"/":"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"},1,true]}`)
		f.Add(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":[{"Message":{"To":"f05","From":"f0100"}}]}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "StateWaitMsg") {
			return // waits by design
		}
		w := httptest.NewRecorder()
		n.endpoints[0].serve(w, httptest.NewRequest(http.MethodPost, "/rpc/v1", strings.NewReader(body)))
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s is answered by %s", body, w.Body)
		}
	})
}

func FuzzScanCAR(f *testing.F) {
	head := "\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00\x01\x55\x12\x20" + strings.Repeat("x", 32) + "\x67version\x01"
	f.Add([]byte(head), int64(0))
	f.Add([]byte(head+"\x29\x01\x55\x12\x20"+strings.Repeat("x", 32)+"hello\x00\x00"), int64(127))
	f.Fuzz(func(t *testing.T, b []byte, base int64) {
		base &= 1<<40 - 1
		err := scanCAR(bytes.NewReader(b), base, func(e indexEntry) error {
			if e.data.offset < base || e.data.size < 0 || e.data.offset-base > int64(len(b))-e.data.size {
				t.Errorf("block at %+v is outside of %d bytes at %d", e.data, len(b), base)
			}
			return nil
		})
		_ = err // refusing is fine
	})
}

func FuzzSegments(f *testing.F) {
	f.Add(make([]byte, 2048), uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, log uint8) {
		r := &pieceRecord{Padded: abi.PaddedPieceSize(128) << (log % 12)}
		r.Size = min(int64(len(b)), int64(r.Padded.Unpadded()))
		segments, err := findSegments(bytes.NewReader(b), r)
		if err != nil {
			return
		}
		for _, s := range segments {
			if s.offset < 0 || s.size < 0 || s.offset+s.size > int64(r.Padded.Unpadded()) {
				t.Errorf("segment %+v is outside of %+v", s, r)
			}
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte("\x12\x06\x0a\x04\x01\x55\x00\x00"), true)
	f.Add([]byte("\xd8\x2a\x45\x00\x01\x55\x00\x00"), false)
	f.Fuzz(func(t *testing.T, b []byte, pb bool) {
		codec := uint64(cid.DagCBOR)
		if pb {
			codec = cid.DagProtobuf
		}
		c, err := cid.Prefix{Version: 1, Codec: codec, MhType: 0x12, MhLength: 32}.Sum(b)
		if err != nil {
			t.Fatal(err)
		}
		block, err := blocks.NewBlockWithCid(b, c)
		if err != nil {
			t.Fatal(err)
		}
		links, err := linksOf(block)
		for _, l := range links {
			if err == nil && !l.Defined() {
				t.Error("an undefined link")
			}
		}
	})
}

func encode(m interface{ MarshalCBOR(io.Writer) error }) ([]byte, error) {
	var buf bytes.Buffer
	err := m.MarshalCBOR(&buf)
	return buf.Bytes(), err
}
