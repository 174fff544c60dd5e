package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// endpointRecord is what an endpoint keeps over restarts.
type endpointRecord struct {
	Index int
	Port  int
	Mode  string // of RPCModes
}

// endpoint is a JSON-RPC server of the chain, as one of many companies that run
// nodes would have it: all see the same chain, each has faults of its own.
type endpoint struct {
	n   *Network
	url string // set before the network is open

	// Guarded by Network.mu.
	rec    endpointRecord
	frozen *chain        // what a stale endpoint sees
	moved  chan struct{} // closed when the mode changes
	calls  int

	serving sync.Mutex // guards web
	web     *http.Server
}

// openEndpoints starts the servers of the state and those that are missing.
func (n *Network) openEndpoints() error {
	known := map[int]*endpointRecord{}
	if err := load(n.store, "rpc/", func(r *endpointRecord) { known[r.Index] = r }); err != nil {
		return err
	}
	for i := range max(n.opt.Endpoints, 1) {
		e := &endpoint{n: n, rec: endpointRecord{Index: i, Mode: modeNone}, moved: make(chan struct{})}
		if r := known[i]; r != nil {
			e.rec = *r
		}
		if err := e.open(); err != nil {
			return err
		}
		n.mu.Lock()
		n.endpoints = append(n.endpoints, e)
		err := e.freeze()
		n.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// RPC is the URL of the first endpoint.
func (n *Network) RPC() string {
	if len(n.endpoints) == 0 {
		return ""
	}
	return n.endpoints[0].url
}

// RPCAddrs are the URLs of all endpoints. They stay the same while the network
// is open.
func (n *Network) RPCAddrs() []string {
	out := make([]string, len(n.endpoints))
	for i, e := range n.endpoints {
		out[i] = e.url
	}
	return out
}

// open makes the server follow the mode: there, or down. It keeps its port.
func (e *endpoint) open() error {
	e.serving.Lock()
	defer e.serving.Unlock()
	e.n.mu.Lock()
	rec, closed := e.rec, e.n.closed
	e.n.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case rec.Mode == rpcDown && e.url != "":
		return e.stop()
	case e.web != nil:
		return nil
	}
	l, port, err := listenLoopback(rec.Port)
	if err != nil {
		return fmt.Errorf("listen for chain calls: %w", err)
	}
	if e.url != "" && port != rec.Port {
		return errors.Join(fmt.Errorf("port %d of %s is taken", rec.Port, e.url), l.Close())
	}
	if e.url == "" {
		e.url = fmt.Sprintf("http://127.0.0.1:%d/rpc/v1", port)
	}
	err = e.n.update(func(*chain) error {
		e.rec.Port = port
		e.save()
		return nil
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/rpc/v0", e.serve)
	mux.HandleFunc("/rpc/v1", e.serve)
	e.web = e.n.serveHTTP(l, mux)
	if rec.Mode == rpcDown {
		return e.stop()
	}
	return nil
}

func (e *endpoint) save() {
	r := e.rec
	e.n.store.put("rpc/"+strconv.Itoa(r.Index), &r)
}

func (e *endpoint) shut() error {
	e.serving.Lock()
	defer e.serving.Unlock()
	return e.stop()
}

// stop needs e.serving.
func (e *endpoint) stop() error {
	if e.web == nil {
		return nil
	}
	err := e.web.Close()
	e.web = nil
	return err
}

// see runs f on the chain as the endpoint sees it.
func see[T any](e *endpoint, f func(c *chain) (T, error)) (T, error) {
	return view(e.n, func(c *chain) (T, error) {
		if e.frozen != nil {
			c = e.frozen
		}
		return f(c)
	})
}

// freeze makes a stale endpoint see what there is now, for good, and any other
// what there is at any time. It needs Network.mu, and no change uncommitted.
func (e *endpoint) freeze() error {
	e.frozen = nil
	if e.rec.Mode != rpcStale {
		return nil
	}
	c, err := openChain(e.n.store)
	if err != nil {
		return err
	}
	c.head = e.n.chain.head
	e.frozen = c
	return nil
}
