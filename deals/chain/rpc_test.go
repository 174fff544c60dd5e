package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
)

// newTestChain answers every call with what answer writes.
func newTestChain(t *testing.T, token string, answer http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return New(Options{Endpoints: []Endpoint{NewEndpoint(srv.URL+"/secret-api-key", token)}})
}

func result(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,%s}`, s) }
}

func TestRPCRequest(t *testing.T) {
	var got struct {
		Version string `json:"jsonrpc"`
		Method  string
		Params  []any
		ID      int
	}
	c := newTestChain(t, "token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || r.Method != http.MethodPost {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		result(`"result":{"Escrow":"5000000000000000000","Locked":"1"}`)(w, r)
	})
	addr, _ := address.NewIDAddress(77)
	free, err := c.Escrow(t.Context(), addr)
	if err != nil || free.String() != "4999999999999999999" {
		t.Errorf("escrow %s, %v", free, err)
	}
	if got.Version != "2.0" || got.Method != "Filecoin.StateMarketBalance" || fmt.Sprint(got.Params) != "[f077 <nil>]" || got.ID == 0 {
		t.Errorf("request %+v", got)
	}
	if s := fmt.Sprintf("%+v %v", c.pool.endpoints[0].rpc.token, c.pool.endpoints[0].rpc.token); strings.Contains(s, "Bearer") || !strings.Contains(s, "redacted") {
		t.Errorf("token prints as %s", s)
	}
}

func TestRPCFaults(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"not JSON":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"empty":      func(http.ResponseWriter, *http.Request) {},
		"HTTP error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 502) },
		"wrong type": result(`"result":"text"`),
		"no result":  result(`"x":1`),
		"null":       result(`"result":null`),
		"no height":  result(`"result":{}`),
		"below zero": result(`"result":{"Height":-1}`),
		"rate limit": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			result(`"error":{"code":1,"message":"slow down"}`)(w, r)
		},
		"endless":        func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, rpcLimit+10)) },
		"cut connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		c := newTestChain(t, "", answer)
		_, err := c.Head(t.Context())
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, want %v", name, err, ErrUnavailable)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the URL is in the error: %v", name, err)
		}
	}
	c := newTestChain(t, "", result(`"error":{"code":1,"message":"actor not found"}`))
	_, err := c.Head(t.Context())
	var re *CallError
	if !errors.As(err, &re) || re.Message != "actor not found" || errors.Is(err, ErrUnavailable) {
		t.Errorf("refused call: %v", err)
	}
}

func TestChainDeal(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"not found":   {`"error":{"code":1,"message":"deal 7 not found - deal may not have completed sealing"}`, ErrNotOnChain},
		"other error": {`"error":{"code":1,"message":"ipld: block is missing"}`, nil},
		// None of these says that the deal is gone, and each was once taken for it.
		"no method":      {`"error":{"code":-32601,"message":"method 'Filecoin.StateMarketStorageDeal' not found"}`, nil},
		"no state":       {`"error":{"code":1,"message":"load state tree: blockstore: block not found"}`, nil},
		"another number": {`"error":{"code":1,"message":"deal 77 not found"}`, nil},
		"null":           {`"result":null`, nil},
		"empty":          {`"result":{}`, nil},
	} {
		_, err := newTestChain(t, "", result(c.answer)).Deal(t.Context(), 7)
		if err == nil || errors.Is(err, ErrNotOnChain) != (c.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := newTestChain(t, "", result(`"result":{"Proposal":{"PieceCID":{"/":"`+somePiece+`"},"PieceSize":2048,"VerifiedDeal":false,
		"Client":"f01","Provider":"f02","Label":"x","StartEpoch":1,"EndEpoch":2,"StoragePricePerEpoch":"3","ProviderCollateral":"4",
		"ClientCollateral":"0"},"State":{"SectorNumber":9,"SectorStartEpoch":-1,"LastUpdatedEpoch":-1,"SlashEpoch":-1}}`)).Deal(t.Context(), 7)
	if err != nil || d.Proposal.PieceCID.String() != somePiece || d.State.SectorStartEpoch != -1 || d.Proposal.StoragePricePerEpoch.String() != "3" {
		t.Errorf("deal %+v, %v", d, err)
	}
	// An answer without a state must not read as sealed.
	d, err = newTestChain(t, "", result(`"result":{"Proposal":{"PieceCID":{"/":"`+somePiece+`"}}}`)).Deal(t.Context(), 7)
	if err != nil || d.State.SectorStartEpoch != -1 || d.State.SlashEpoch != -1 {
		t.Errorf("deal without a state: %+v, %v", d, err)
	}
}

func TestMinerInfo(t *testing.T) {
	c := newTestChain(t, "", result(`"result":{"PeerId":"12D3KooWQbt5nFXP4riBtnv4mAV82ifCcQsFmS4H2RZSC5oCKfWL","Multiaddrs":["BH8AAAEGH5A=","!!","AAAA"]}`))
	info, err := c.MinerInfo(t.Context(), "f01000")
	if err != nil || len(info.Addrs) != 1 || info.Addrs[0] != "/ip4/127.0.0.1/tcp/8080" {
		t.Errorf("miner %+v, %v", info, err)
	}
	c = newTestChain(t, "", result(`"result":{"PeerId":null,"Multiaddrs":null}`))
	if _, err := c.MinerInfo(t.Context(), "f01000"); err == nil {
		t.Error("a miner without a peer id is taken")
	}
}
