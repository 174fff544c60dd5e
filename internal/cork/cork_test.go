package cork_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/cork"
)

// counted counts the writes to all connections of a listener.
type counted struct {
	net.Listener
	writes *atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.writes}, err
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func (c countedConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// serve starts a server whose answers wait. writes, if not nil, counts.
func serve(t *testing.T, writes *atomic.Int64, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(cork.Handler(h))
	srv.Config.ConnContext = cork.Context
	if writes != nil {
		srv.Listener = counted{srv.Listener, writes}
	}
	srv.Listener = cork.Listener(srv.Listener)
	t.Cleanup(srv.Close)
	return srv
}

// start starts it, without TLS.
func start(t *testing.T, writes *atomic.Int64, h http.HandlerFunc) *httptest.Server {
	srv := serve(t, writes, h)
	srv.Start()
	return srv
}

func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// body is n bytes that tell their place.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

var sizes = []int{0, 1, 2047, 2048, 2049, 3900, 4095, 4096, 4097, 6000, 8191, 8192, 8193, 65536, 300_000, 1 << 20}

// sized answers with so many bytes as the path says, with their number or in
// chunks, at once or in pieces.
func sized(w http.ResponseWriter, r *http.Request) {
	var n, piece int
	var kind string
	if _, err := fmt.Sscanf(r.URL.Path, "/%d/%d/%s", &n, &piece, &kind); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if kind == "length" {
		w.Header().Set("Content-Length", fmt.Sprint(n))
	}
	for b := body(n); len(b) > 0; {
		k := min(len(b), piece)
		if _, err := w.Write(b[:k]); err != nil {
			panic(err)
		}
		b = b[k:]
	}
}

// Every answer is whole and what was written, and the connection goes on, with
// and without TLS, over HTTP/1 and 2.
func TestAnswers(t *testing.T) {
	for _, kind := range []string{"plain", "tls", "h2"} {
		t.Run(kind, func(t *testing.T) {
			srv := serve(t, nil, sized)
			switch kind {
			case "plain":
				srv.Start()
			case "h2":
				srv.EnableHTTP2 = true
				srv.StartTLS()
			default:
				srv.StartTLS()
			}
			for _, n := range sizes {
				for _, piece := range []int{1000, 4096, 1 << 20} {
					for _, framing := range []string{"length", "chunks"} {
						res, err := srv.Client().Get(fmt.Sprintf("%s/%d/%d/%s", srv.URL, n, piece, framing))
						if err != nil {
							t.Fatal(err)
						}
						got, err := io.ReadAll(res.Body)
						res.Body.Close()
						if err != nil || !bytes.Equal(got, body(n)) || res.StatusCode != http.StatusOK {
							t.Fatalf("%d bytes in pieces of %d, %s: %s, %d bytes, %v", n, piece, framing, res.Status, len(got), err)
						}
						if (kind == "h2") != (res.ProtoMajor == 2) {
							t.Fatalf("HTTP/%d", res.ProtoMajor)
						}
					}
				}
			}
		})
	}
}

// An answer of a few KiB is one write; so are its head and the begin of a larger one.
func TestOneWrite(t *testing.T) {
	var writes atomic.Int64
	srv := start(t, &writes, sized)
	for _, n := range []int{0, 1, 2048, 4000, 4096, 6000} {
		before := writes.Load()
		res, err := srv.Client().Get(fmt.Sprintf("%s/%d/%d/length", srv.URL, n, n+1))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || len(got) != n {
			t.Fatalf("%d of %d bytes, %v", len(got), n, err)
		}
		res.Body.Close()
		if k := writes.Load() - before; k != 1 {
			t.Errorf("an answer of %d bytes took %d writes", n, k)
		}
	}
}

// What is flushed is read while the handler goes on; what comes later does not wait.
func TestFlush(t *testing.T) {
	next := make(chan bool)
	srv := start(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		for i := range 3 {
			w.Write(body(3000)[:3000-i])
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			<-next
		}
		w.Write(body(20_000)) // net/http holds the end of it
		<-next
	})
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for i := range 3 {
		got := make([]byte, 3000-i)
		if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, body(3000)[:3000-i]) {
			t.Fatalf("piece %d: %v", i, err)
		}
		next <- true
	}
	got := make([]byte, 15_000)
	if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, body(20_000)[:15_000]) {
		t.Fatalf("after the flushes: %v", err)
	}
	next <- true
}

// A client that waits to be asked for a body is asked, though the connection's
// last answer waited; and hears what comes before the answer.
func TestBeforeTheAnswer(t *testing.T) {
	srv := start(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		got, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", fmt.Sprint(4096+len(got)))
		w.Write(append(body(4096), got...))
	})
	c := dial(t, srv)
	br := bufio.NewReader(c)
	for range 2 {
		io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		for _, want := range []string{"HTTP/1.1 103 ", "HTTP/1.1 100 "} {
			line, err := br.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, want) {
				t.Fatalf("%q, %v; want %s", line, err, want)
			}
			for line != "\r\n" && err == nil {
				line, err = br.ReadString('\n')
			}
		}
		io.WriteString(c, "abcde")
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(got, append(body(4096), "abcde"...)) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
}

// An answer that its handler gives up is cut, never whole.
func TestAbort(t *testing.T) {
	srv := start(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6000")
		w.Write(body(5000))
		panic(http.ErrAbortHandler)
	})
	c := dial(t, srv)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("head of the answer: %v", err)
	}
	if got, err := io.ReadAll(res.Body); err != io.ErrUnexpectedEOF {
		t.Errorf("%d bytes, %v; want %v", len(got), err, io.ErrUnexpectedEOF)
	}
}

// Answers to requests that came together keep their order.
func TestPipeline(t *testing.T) {
	srv := start(t, nil, sized)
	c := dial(t, srv)
	var requests strings.Builder
	for _, n := range sizes {
		fmt.Fprintf(&requests, "GET /%d/4096/length HTTP/1.1\r\nHost: x\r\n\r\n", n)
	}
	io.WriteString(c, requests.String())
	br := bufio.NewReader(c)
	for _, n := range sizes {
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, body(n)) {
			t.Fatalf("%d of %d bytes, %v", len(got), n, err)
		}
	}
}

// A connection that fails while an answer waits is not used again.
func TestClientGone(t *testing.T) {
	gone, failed := make(chan bool), make(chan error, 1)
	srv := start(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Write(body(5000))
		gone <- true
		<-r.Context().Done() // net/http has seen the end of the connection
		for {
			if _, err := w.Write(body(1 << 20)); err != nil {
				failed <- err
				return
			}
		}
	})
	c := dial(t, srv)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-gone
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-failed; err == nil {
		t.Error("writes go on without a client")
	}
}

// A server without these connections is as it was.
func TestOther(t *testing.T) {
	srv := httptest.NewServer(cork.Handler(http.HandlerFunc(sized)))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL + "/5000/5000/length")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, body(5000)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
