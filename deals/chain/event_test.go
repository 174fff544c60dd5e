package chain

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/filecoin-project/go-address"
)

const someMessage = "bafy2bzaceacjdbgxo5n7ojvp6tcpnuqxz7ovpcd6d63zw3mmbcvwmqmiw5kzy"

func eventJSON(kind, emitter string, reverted bool, client, id byte, height int64) string {
	entry := func(key string, value ...byte) string {
		return fmt.Sprintf(`{"Flags":3,"Key":%q,"Codec":81,"Value":%q}`, key, base64.StdEncoding.EncodeToString(value))
	}
	return fmt.Sprintf(`{"entries":[%s,%s,%s,%s],"emitter":%q,"reverted":%v,"height":%d,"tipsetKey":[],"msgCid":{"/":%q}}`,
		entry("$type", append([]byte{0x60 + byte(len(kind))}, kind...)...), entry("id", 0x18, id), entry("client", 0x18, client),
		entry("provider", 0x19, 0x03, 0xe8), emitter, reverted, height, someMessage)
}

func published(id byte, height int64) string {
	return eventJSON("deal-published", "f05", false, 55, id, height)
}

// eventServer tells of events, and of none before an epoch; it counts its calls.
func eventServer(t *testing.T, calls *atomic.Int64, before int64, events ...string) Endpoint {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var req struct {
			Params []struct{ FromHeight, ToHeight int64 }
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Params) != 1 {
			t.Errorf("request %+v, %v", req, err)
		}
		f := req.Params[0]
		switch {
		case f.ToHeight-f.FromHeight > 2880:
			t.Errorf("asks for epochs %d to %d at once", f.FromHeight, f.ToHeight)
			fallthrough
		case f.FromHeight < before:
			result(`"error":{"code":1,"message":"bad tipset height: lookbacks of more than 24h0m0s are disallowed"}`)(w, r)
		case len(events) == 0:
			result(`"result":null`)(w, r)
		default:
			result(`"result":[`+strings.Join(events, ",")+`]`)(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return NewEndpoint(srv.URL, "")
}

func TestPublished(t *testing.T) {
	client, _ := address.NewIDAddress(55)
	var calls atomic.Int64
	c := New(Options{Endpoints: []Endpoint{eventServer(t, &calls, 0, published(77, 9_000),
		eventJSON("deal-activated", "f05", false, 55, 78, 9_000),
		eventJSON("deal-published", "f06", false, 55, 79, 9_000), // somebody's contract says so
		eventJSON("deal-published", "f05", true, 55, 80, 9_000),
		eventJSON("deal-published", "f05", false, 56, 81, 9_000),
		`{"entries":[{"Key":"id","Codec":81,"Value":"gA=="}],"emitter":"f05","msgCid":{"/":"`+someMessage+`"}}`,
		published(82, 99_999))}})
	got, err := c.Published(t.Context(), client, 5_000, 10_000)
	if err != nil || len(got.Published) != 1 || got.Told != 1 || got.Proved != 1 || got.From != 5_000 {
		t.Fatalf("told of %+v, %v", got, err)
	}
	if p := got.Published[0]; p.ID != 77 || p.Provider != 1000 || p.Height != 9_000 || p.Message.String() != someMessage {
		t.Errorf("the deal is %+v", p)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls for 5001 epochs, want 3", calls.Load())
	}
}

// Endpoints are asked all, and none hides what another tells of.
func TestPublishedOfSeveral(t *testing.T) {
	client, _ := address.NewIDAddress(55)
	var refusing, near, silent, down atomic.Int64
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := New(Options{Endpoints: []Endpoint{
		eventServer(t, &refusing, 1<<40),
		eventServer(t, &near, 7_000, published(77, 9_000)),
		eventServer(t, &silent, 0),
		NewEndpoint(gone.URL, ""),
		eventServer(t, &down, 0, published(77, 9_000), published(78, 9_100)),
	}})
	for range 2 {
		got, err := c.Published(t.Context(), client, 5_000, 10_000)
		if err != nil || len(got.Published) != 2 || got.Told != 3 || got.Proved != 2 || got.From != 8_001 {
			t.Fatalf("told of %+v, %v", got, err)
		}
	}
	if refusing.Load() != 1 {
		t.Errorf("an endpoint that refuses is asked %d times", refusing.Load())
	}
	only := New(Options{Endpoints: []Endpoint{eventServer(t, &refusing, 1<<40)}})
	if got, err := only.Published(t.Context(), client, 5_000, 10_000); err != nil || got.Told != 0 {
		t.Errorf("nobody tells: %+v, %v", got, err)
	}
}

// FuzzEvents: no answer makes the reader fail but with an error.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("[" + published(77, 9_000) + "]"))
	f.Add([]byte("null"))
	f.Add([]byte(`[{"entries":[{"Key":"$type","Codec":81,"Value":"e///////////"}]}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var events []actorEvent
		if decodeResult("GetActorEventsRaw", raw, &events) != nil {
			return
		}
		for _, v := range events {
			if p, ok := v.published(55); ok && (len(v.Entries) < 4 || p.Height != v.Height) {
				t.Errorf("%+v is taken for %+v", v, p)
			}
		}
	})
}
