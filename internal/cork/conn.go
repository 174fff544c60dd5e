package cork

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// maxHeld is how much waits at most: two buffers of net/http.
const maxHeld = 8 << 10

var buffers = sync.Pool{New: func() any { return new([maxHeld]byte) }}

// Listener makes connections of l such that Handler can hold back what is
// written. TLS goes above it.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

type key struct{}

// Context is for http.Server.ConnContext: it tells Handler of the connection.
func Context(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, key{}, c)
	}
	return ctx
}

// A conn can hold back what is written.
type conn struct {
	net.Conn

	mu   sync.Mutex // guards the rest, and makes writes follow each other
	on   bool       // what comes now waits
	held []byte     // what waits; in a buffer of the pool, if there is any
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return c.Conn.Write(p)
	}
	if len(c.held)+len(p) <= maxHeld {
		if c.held == nil {
			c.held = buffers.Get().(*[maxHeld]byte)[:0]
		}
		c.held = append(c.held, p...)
		return len(p), nil
	}
	return c.send(p)
}

// send ends the waiting: it writes what is held, and p behind it. It says how
// much of p was written. The caller holds mu.
func (c *conn) send(p []byte) (int, error) {
	held := c.held
	c.on, c.held = false, nil
	if held == nil {
		return c.Conn.Write(p)
	}
	defer buffers.Put((*[maxHeld]byte)(held[:maxHeld]))
	if len(p) == 0 {
		_, err := c.Conn.Write(held)
		return 0, err
	}
	both := net.Buffers{held, p}
	n, err := both.WriteTo(c.Conn)
	return max(0, int(n)-len(held)), err
}

// hold makes what is written from now on wait.
func (c *conn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = true
}

// holds says whether something waits.
func (c *conn) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held != nil
}

// release writes what waits, and lets what comes go at once.
func (c *conn) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.on = false
		return nil
	}
	_, err := c.send(nil)
	if err != nil {
		// net/http believes that this was written, and would go on.
		c.Conn.Close()
	}
	return err
}

// CloseWrite lets net/http end what it sends while the client still does.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
