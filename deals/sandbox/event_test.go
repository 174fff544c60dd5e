package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
)

// cborText and cborInt are values of events as the actors encode them.
func cborText(s string) []byte { return append([]byte{0x60 + byte(len(s))}, s...) }

func cborInt(n uint64) []byte { return []byte{0x19, byte(n >> 8), byte(n)} } // of 256 to 65535

type eventField struct {
	Codec uint64 `json:"codec"`
	Value []byte `json:"value"`
}

func filter(more map[string]any, fields map[string][]byte) map[string]any {
	m := map[string][]eventField{}
	for key, value := range fields {
		m[key] = []eventField{{0x51, value}}
	}
	out := map[string]any{"fields": m}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// TestEvents: the market tells of a deal's life in events of the shape that
// Lotus and FIP-0083 give them, and a fork takes those back that it undoes.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	n := openNetwork(t, dir, 1)
	must(t, n.Fund(n.client.String()))
	provider := n.Providers()[0]
	deal := n.deal(provider, plainPiece(t, 1))
	n.waitStep(deal.DealUUID, "transferred")
	n.advance(10)
	at := n.waitStep(deal.DealUUID, "active")
	self, err := address.IDFromAddress(call[address.Address](n, "StateLookupID", n.client.String(), nil))
	must(t, err)
	miner, err := address.NewFromString(provider)
	must(t, err)
	minerID, err := address.IDFromAddress(miner)
	must(t, err)

	b64 := base64.StdEncoding.EncodeToString
	entry := func(key string, value []byte) string {
		return fmt.Sprintf(`{"Flags":3,"Key":%q,"Codec":81,"Value":%q}`, key, b64(value))
	}
	of := func(kind string, f map[string]any) (raws []json.RawMessage) {
		t.Helper()
		return call[[]json.RawMessage](n, "GetActorEventsRaw", filter(f, map[string][]byte{"$type": cborText(kind), "client": cborInt(self)}))
	}
	zero := map[string]any{"fromHeight": n.Height() - 100, "toHeight": n.Height(), "addresses": []string{"f05"}}
	for _, kind := range []string{"deal-published", "deal-activated"} {
		got := of(kind, zero)
		if len(got) != 1 {
			t.Fatalf("%s: %s", kind, got)
		}
		want := `{"entries":[` + strings.Join([]string{entry("$type", cborText(kind)), entry("id", []byte{byte(at.ChainID)}),
			entry("client", cborInt(self)), entry("provider", cborInt(minerID))}, ",") + `],"emitter":"f05","reverted":false,`
		if !strings.HasPrefix(string(got[0]), want) {
			t.Errorf("%s\nis %s\nwant %s", kind, got[0], want)
		}
		var e struct {
			TipSetKey []struct {
				Cid string `json:"/"`
			}
			MsgCid struct {
				Cid string `json:"/"`
			}
		}
		must(t, json.Unmarshal(got[0], &e))
		if len(e.TipSetKey) != 1 || e.MsgCid.Cid == "" || kind == "deal-published" && e.MsgCid.Cid != at.Publish {
			t.Errorf("%s names message %q in %v, want %s", kind, e.MsgCid.Cid, e.TipSetKey, at.Publish)
		}
	}
	for name, f := range map[string]map[string]any{
		"another client": filter(zero, map[string][]byte{"client": cborInt(9999)}),
		"another actor":  filter(map[string]any{"fromHeight": n.Height() - 100, "addresses": []string{"f06"}}, nil),
		"other heights":  filter(map[string]any{"fromHeight": n.Height(), "toHeight": n.Height()}, nil),
	} {
		if got := string(call[json.RawMessage](n, "GetActorEventsRaw", f)); got != "null" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, f := range map[string]map[string]any{
		"too large":       {"fromHeight": 0, "toHeight": 2881},
		"far in the past": {"fromHeight": n.Height() - 2881},
		"must be after":   {"fromHeight": 20, "toHeight": 10},
		"greater than or": {"fromHeight": -1, "toHeight": 10},
	} {
		if _, err := tryCall[any](n, "GetActorEventsRaw", f); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", f, err)
		}
	}

	must(t, n.FailRPC(0, "no-events"))
	if _, err := tryCall[any](n, "GetActorEventsRaw", filter(zero, nil)); err == nil {
		t.Error("an endpoint without events has some")
	}
	must(t, n.FailRPC(0, "none"))

	must(t, n.Close())
	again := openNetwork(t, dir, 1)
	again.key, again.client = n.key, n.client
	n = again
	if got := of("deal-published", zero); len(got) != 1 {
		t.Errorf("after a restart: %s", got)
	}
	n.advance(5)
	must(t, n.Reorg(4, true))
	zero["toHeight"] = n.Height()
	if got := of("deal-published", zero); len(got) != 1 {
		t.Errorf("a fork that came later took the event: %s", got)
	}
	next := n.deal(provider, plainPiece(t, 2))
	n.waitStep(next.DealUUID, "transferred")
	n.advance(10)
	zero["toHeight"] = n.Height()
	if got := of("deal-published", zero); len(got) != 2 {
		t.Fatalf("two deals are on chain: %s", got)
	}
	must(t, n.Reorg(10, true))
	zero["toHeight"] = n.Height()
	if got := of("deal-published", zero); len(got) != 1 {
		t.Errorf("the fork undid a deal, and not its event: %s", got)
	}
}
