package mk12

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/node"
)

// streams stands for a provider's libp2p side: it says that it knows no deal.
type streams struct{ opened int }

func (s *streams) OpenStream(context.Context, string, []string, ...string) (node.Stream, error) {
	s.opened++
	var b bytes.Buffer
	if err := (&boostly.DealStatusResponse{Error: "over libp2p"}).MarshalCBOR(&b); err != nil {
		return nil, err
	}
	return &stream{Reader: &b}, nil
}

// stream answers and does not listen; a method that is not asked for is not there.
type stream struct {
	node.Stream
	io.Reader
}

func (s *stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (*stream) Write(p []byte) (int, error)  { return len(p), nil }
func (*stream) CloseWrite() error            { return nil }
func (*stream) Close() error                 { return nil }
func (*stream) Reset() error                 { return nil }

type signer struct{}

func (signer) Sign(context.Context, uuid.UUID) (crypto.Signature, error) {
	return crypto.Signature{Type: crypto.SigTypeSecp256k1, Data: make([]byte, 65)}, nil
}

// TestWays: a second way of reaching a provider is tried only while the first
// has certainly read nothing, because a proposal that is read twice may be
// taken twice.
func TestWays(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	answer := func(fn http.HandlerFunc) string {
		srv := httptest.NewServer(fn)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	status := func(code int) string {
		return answer(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
	}
	for _, c := range []struct {
		name, base, want string // want is part of the answer, or of the error
		stream, reached  bool
	}{
		{name: "answers", want: "over HTTP", base: answer(func(w http.ResponseWriter, r *http.Request) {
			var req boostly.DealStatusRequest
			if err := req.UnmarshalCBOR(r.Body); err != nil || r.Header.Get("Content-Type") != "application/cbor" ||
				r.Method != http.MethodGet || r.URL.Path != "/market/mk12/status" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			(&boostly.DealStatusResponse{Error: "over HTTP"}).MarshalCBOR(w)
		})},
		{name: "is not there", base: gone.URL, want: "over libp2p", stream: true},
		{name: "has no market", base: status(404), want: "over libp2p", stream: true},
		{name: "is too busy to listen", base: status(429), want: "over libp2p", stream: true},
		{name: "breaks", base: status(500), want: "HTTP 500", reached: true},
		{name: "sends elsewhere", base: answer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/market/mk12/status", http.StatusTemporaryRedirect)
		}), want: "over libp2p", stream: true},
		{name: "hangs up", base: answer(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}), want: "EOF", reached: true},
		{name: "talks nonsense", base: answer(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<html>")
		}), want: "not understood", reached: true},
		{name: "never ends", base: answer(func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte{0xa1, 0x7b, 0, 0, 0, 1, 0, 0, 0, 0}) // a text of 4 GiB
			junk := make([]byte, 1<<16)
			for {
				if _, err := w.Write(junk); err != nil {
					return
				}
			}
		}), want: "not understood", reached: true},
		{name: "is far away without TLS", base: "http://192.0.2.1", want: "over libp2p", stream: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := new(streams)
			cl := New(s, func(context.Context, string) (Route, error) {
				return Route{HTTP: []string{c.base}, Peer: "12D3"}, nil
			}, signer{})
			resp, err := cl.Status(t.Context(), "f01000", uuid.New())
			got := resp.Error
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || errors.Is(err, ErrReached) != c.reached || (s.opened > 0) != c.stream {
				t.Errorf("answer %q, error %v, %d streams; want %q, reached %v, stream %v", resp.Error, err, s.opened, c.want, c.reached, c.stream)
			}
		})
	}
}

func TestMarketURLs(t *testing.T) {
	got := MarketURLs([]string{"/ip4/10.0.0.1/tcp/24001", "/dns/sp.example/tcp/443/wss", "/dns/sp.example/tcp/443/https", "rubbish", "/ip4/127.0.0.1/tcp/80/http"})
	if want := "https://sp.example:443 http://127.0.0.1:80"; strings.Join(got, " ") != want {
		t.Errorf("URLs %q, want %q", got, want)
	}
}
