package stall_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/stall"
)

const limit = 150 * time.Millisecond

// serve starts a server that runs h under the limit.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(stall.Handler(h, limit))
	srv.EnableHTTP2 = true
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer reads a response and says whether the connection ends with it.
func answer(t *testing.T, conn net.Conn) (status int, body string, closed bool) {
	t.Helper()
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data), res.Close
}

// tell answers with the error of reading the body.
func tell(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	switch {
	case err == nil:
		io.WriteString(w, "whole")
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.WriteHeader(http.StatusRequestTimeout)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func TestBodyStops(t *testing.T) {
	srv := serve(t, tell)
	for _, start := range []string{
		"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345",
		"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
	} {
		conn := dial(t, srv)
		io.WriteString(conn, start)
		if status, body, closed := answer(t, conn); status != http.StatusRequestTimeout || !closed {
			t.Errorf("%q: %d %q, closed %v", start, status, body, closed)
		}
	}
}

// A slow client that goes on is served, and its connection is kept.
func TestBodyIsSlow(t *testing.T) {
	srv := serve(t, tell)
	conn := dial(t, srv)
	for range 2 {
		io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
		for range 6 {
			time.Sleep(limit / 3) // this is the client's slowness
			io.WriteString(conn, "x")
		}
		if status, body, closed := answer(t, conn); status != 200 || body != "whole" || closed {
			t.Errorf("%d %q, closed %v", status, body, closed)
		}
	}
}

// A body that no handler wants is not waited for.
func TestUnwantedBody(t *testing.T) {
	refuse := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
	silent := func(http.ResponseWriter, *http.Request) {}
	for name, c := range map[string]struct {
		h      http.HandlerFunc
		body   string
		status int
		closed bool
	}{
		"refused, nothing sent":   {refuse, "", 403, true},
		"refused, all sent":       {refuse, "0123456789", 403, false},
		"silent, half of it sent": {silent, "01234", 200, true},
		"silent, all sent":        {silent, "0123456789", 200, false},
	} {
		conn := dial(t, serve(t, c.h))
		io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"+c.body)
		if status, _, closed := answer(t, conn); status != c.status || closed != c.closed {
			t.Errorf("%s: %d, closed %v; want %d, %v", name, status, closed, c.status, c.closed)
		}
	}
	// A client that waits to be asked is not asked for what nobody wants.
	conn := dial(t, serve(t, refuse))
	io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if status, _, closed := answer(t, conn); status != 403 || !closed {
		t.Errorf("with Expect: %d, closed %v", status, closed)
	}
}

// A handler may take its time; only waiting for the client counts.
func TestHandlerIsSlow(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var one [1]byte
		for {
			_, err := r.Body.Read(one[:])
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(limit)
		}
		time.Sleep(2 * limit)
		if err := r.Context().Err(); err != nil {
			t.Errorf("context of the request: %v", err)
		}
		io.WriteString(w, "done")
	})
	res, err := srv.Client().Post(srv.URL, "", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if data, err := io.ReadAll(res.Body); string(data) != "done" || err != nil {
		t.Errorf("answer = %q, %v", data, err)
	}
}

func TestReaderStops(t *testing.T) {
	failed := make(chan error, 1)
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		data := make([]byte, 1<<20)
		for {
			if _, err := w.Write(data); err != nil {
				failed <- err
				return
			}
		}
	})
	conn := dial(t, srv)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write = %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

// A large answer arrives whole, and so does a second one on the connection.
func TestWholeAnswers(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.Write(want); n != len(want) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		w.(http.Flusher).Flush()
	})
	for range 2 {
		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("answer of %d bytes, %v", len(got), err)
		}
		time.Sleep(2 * limit) // the limit on the end of an answer is not the next one's
	}
}

// Over HTTP/2 the stream ends, and the connection serves others.
func TestHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(stall.Handler(http.HandlerFunc(tell), limit))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for range 3 {
		r, w := io.Pipe()
		go w.Write([]byte("half"))
		res, err := srv.Client().Post(srv.URL, "", r)
		if err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s %d", res.Proto, res.StatusCode)
		}
		res.Body.Close()
		w.Close()
		res, err = srv.Client().Post(srv.URL, "", strings.NewReader("whole"))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 {
			t.Errorf("the next request = %d", res.StatusCode)
		}
		res.Body.Close()
	}
}
