package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"

	"github.com/whypfs/whypfs/deals/sandbox"
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

// sealed is a network of one provider with a deal that is active on chain.
func sealed(t *testing.T, dir string) (*network, sandbox.DealState) {
	t.Helper()
	n := openNetwork(t, dir, 1)
	must(t, n.Fund(n.client.String()))
	return n, n.seal(1)
}

// seal makes a deal and has it sealed.
func (n *network) seal(seed uint64) sandbox.DealState {
	n.t.Helper()
	deal := n.deal(n.Providers()[0], plainPiece(n.t, seed))
	n.waitStep(deal.DealUUID, "transferred")
	n.advance(10)
	return n.waitStep(deal.DealUUID, "active")
}

// idOf is the number of an actor.
func (n *network) idOf(addr string) uint64 {
	n.t.Helper()
	id, err := address.IDFromAddress(call[address.Address](n, "StateLookupID", addr, nil))
	must(n.t, err)
	return id
}

// events are those of a kind about the client's deals, of the last 100 epochs.
func (n *network) events(kind string) []json.RawMessage {
	n.t.Helper()
	return call[[]json.RawMessage](n, "GetActorEventsRaw", filter(
		map[string]any{"fromHeight": n.Height() - 100, "toHeight": n.Height(), "addresses": []string{"f05"}},
		map[string][]byte{"$type": cborText(kind), "client": cborInt(n.idOf(n.client.String()))}))
}

// TestEvents: the market tells of a deal's life in events of the shape that
// Lotus and FIP-0083 give them.
func TestEvents(t *testing.T) {
	n, at := sealed(t, t.TempDir())
	entry := func(key string, value []byte) string {
		return fmt.Sprintf(`{"Flags":3,"Key":%q,"Codec":81,"Value":%q}`, key, base64.StdEncoding.EncodeToString(value))
	}
	for _, kind := range []string{"deal-published", "deal-activated"} {
		got := n.events(kind)
		if len(got) != 1 {
			t.Fatalf("%s: %s", kind, got)
		}
		want := `{"entries":[` + strings.Join([]string{entry("$type", cborText(kind)), entry("id", []byte{byte(at.ChainID)}),
			entry("client", cborInt(n.idOf(n.client.String()))), entry("provider", cborInt(n.idOf(n.Providers()[0])))}, ",") +
			`],"emitter":"f05","reverted":false,`
		if !strings.HasPrefix(string(got[0]), want) {
			t.Errorf("%s\nis %s\nwant %s", kind, got[0], want)
		}
		type link struct {
			Cid string `json:"/"`
		}
		var e struct {
			TipSetKey []link
			MsgCid    link
		}
		must(t, json.Unmarshal(got[0], &e))
		if len(e.TipSetKey) != 1 || e.MsgCid.Cid == "" || kind == "deal-published" && e.MsgCid.Cid != at.Publish {
			t.Errorf("%s names message %q in %v, want %s", kind, e.MsgCid.Cid, e.TipSetKey, at.Publish)
		}
	}
}

// TestEventFilter: what is not asked for is not told, null if that is all, and
// what Lotus refuses is refused.
func TestEventFilter(t *testing.T) {
	n, _ := sealed(t, t.TempDir())
	for name, f := range map[string]map[string]any{
		"another client": filter(map[string]any{"fromHeight": n.Height() - 100}, map[string][]byte{"client": cborInt(9999)}),
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
	if _, err := tryCall[any](n, "GetActorEventsRaw", filter(nil, nil)); err == nil {
		t.Error("an endpoint without events has some")
	}
}

// TestEventsLast: events outlive a restart, and a fork takes back those that it undoes.
func TestEventsLast(t *testing.T) {
	dir := t.TempDir()
	old, _ := sealed(t, dir)
	must(t, old.Close())
	n := openNetwork(t, dir, 1)
	n.key, n.client = old.key, old.client
	if got := n.events("deal-published"); len(got) != 1 {
		t.Errorf("after a restart: %s", got)
	}
	n.advance(5)
	must(t, n.Reorg(4, true))
	if got := n.events("deal-published"); len(got) != 1 {
		t.Errorf("a fork that came later took the event: %s", got)
	}
	n.seal(2)
	if got := n.events("deal-published"); len(got) != 2 {
		t.Fatalf("two deals are on chain: %s", got)
	}
	must(t, n.Reorg(10, true))
	if got := n.events("deal-published"); len(got) != 1 {
		t.Errorf("the fork undid a deal, and not its event: %s", got)
	}
}
