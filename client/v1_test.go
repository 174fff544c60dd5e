package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/client"
	"github.com/whypfs/whypfs/node"
)

// A v1Host has the shapes of Estuary V1 0.1.8 that no host of ours has: the
// collection routes before they were renamed, errors as text, roots with 174
// links to a node, 411 for a CAR without its length, and a gateway that knows
// nothing but files and ranges. What it stores is what it was sent.
type v1Host struct {
	t   testing.TB
	url string

	mu       sync.Mutex // guards the rest
	contents []v1Content
	bodies   map[string][]byte // by CID
	requests []string          // method and path
	fail     func(w http.ResponseWriter, r *http.Request) bool
	cars     []int64 // lengths of CARs that were sent
}

type v1Content struct {
	ID   int    `json:"id"`
	CID  string `json:"cid"`
	Name string `json:"name"`
	Size int    `json:"size"`
	Path string `json:"path,omitempty"`
	gone bool
	col  bool // it is in the collection still
}

const v1Collection = "7ab52ba8-38a4-4dcf-8d83-9c2a3d1e0f11"

func startV1(t testing.TB) *v1Host {
	h := &v1Host{t: t, bodies: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /viewer", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"username": "ann", "settings": map[string]any{"uploadEndpoints": []string{h.url + "/content/add"}}})
	})
	mux.HandleFunc("GET /collections/list", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, []any{map[string]any{"uuid": v1Collection, "name": "photos", "userId": 1, "cid": "b"}})
	})
	mux.HandleFunc("GET /collections/content", h.listing)
	mux.HandleFunc("GET /content/list", func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		answer(w, 200, h.contents)
	})
	mux.HandleFunc("POST /content/add", h.add)
	mux.HandleFunc("POST /content/add-car", h.addCAR)
	mux.HandleFunc("GET /gw/ipfs/{cid}", h.gateway)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 404, map[string]string{"error": "Not Found"})
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests = append(h.requests, r.Method+" "+r.URL.Path)
		fail := h.fail
		h.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer ESTgoodARY" {
			answer(w, 401, map[string]string{"error": "ERR_INVALID_TOKEN", "details": "api key does not exist"})
			return
		}
		if fail == nil || !fail(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (h *v1Host) client(opt client.Options) *client.Client {
	opt.Backoff = time.Millisecond
	return client.New(client.Host{URL: h.url, Token: client.NewToken("ESTgoodARY")}, opt)
}

// sent counts the requests of a method and path so far.
func (h *v1Host) sent(what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.requests {
		if r == what {
			n++
		}
	}
	return n
}

func (h *v1Host) failWith(fail func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = fail
}

func (h *v1Host) add(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("data")
	if err != nil {
		answer(w, 500, map[string]string{"error": "http: no such file"})
		return
	}
	body, err := io.ReadAll(file)
	if err != nil {
		answer(w, 500, map[string]string{"error": err.Error()})
		return
	}
	name := r.FormValue("filename")
	if name == "" {
		name = header.Filename
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.store(name, body)
	if col := r.URL.Query().Get("coluuid"); col != "" {
		if col != v1Collection {
			answer(w, 404, map[string]string{"error": "ERR_CONTENT_NOT_FOUND", "details": "no such collection"})
			return
		}
		c.Path, c.col = path.Join(r.URL.Query().Get("dir"), name), true
	}
	answer(w, 200, map[string]any{"cid": c.CID, "estuaryId": c.ID, "retrieval_url": "https://dweb.invalid/ipfs/" + c.CID})
}

// store keeps a body as V1 imported it.
func (h *v1Host) store(name string, body []byte) *v1Content {
	sum, err := node.NewBuilder(nil).File(h.t.Context(), bytes.NewReader(body))
	if err != nil {
		h.t.Error(err)
	}
	root := sum.V1.String()
	h.bodies[root] = body
	h.contents = append(h.contents, v1Content{ID: len(h.contents) + 1, CID: root, Name: name, Size: len(body)})
	return &h.contents[len(h.contents)-1]
}

func (h *v1Host) addCAR(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		answer(w, 411, map[string]any{"error": map[string]any{"code": 411, "reason": "ERR_CONTENT_LENGTH_REQUIRED",
			"details": "uploading car content requires Content-Length header value to be set"}})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cars = append(h.cars, int64(len(body)))
	n, err := newTestNode(h.t).ImportCAR(r.Context(), bytes.NewReader(body), node.ImportOptions{})
	if err != nil {
		answer(w, 500, map[string]string{"error": err.Error()})
		return
	}
	answer(w, 200, map[string]any{"cid": n.Root.String(), "estuaryId": 99})
}

func newTestNode(t testing.TB) *node.Node {
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()})
	if err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func (h *v1Host) listing(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []any{}
	dir := r.URL.Query().Get("dir")
	for _, c := range h.contents {
		switch {
		case !c.col:
		case dir == "":
			list = append(list, c)
		case path.Dir(c.Path) == dir:
			list = append(list, map[string]any{"name": c.Name, "dir": false, "size": c.Size, "contId": c.ID, "cid": map[string]string{"/": c.CID}})
		}
	}
	answer(w, 200, list)
}

// gateway is V1's: it knows roots, and ranges, and no format.
func (h *v1Host) gateway(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	body, ok := h.bodies[r.PathValue("cid")]
	h.mu.Unlock()
	if !ok {
		http.Error(w, "error: not found", 404)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func blob(size int, seed byte) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// hurt cuts the n-th request of a path after some bytes of its answer.
func hurt(what string, times int, how func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if times == 0 || !strings.HasPrefix(r.Method+" "+r.URL.Path, what) {
			return false
		}
		times--
		how(w, r)
		return true
	}
}

func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "<html>%s</html>", strconv.Itoa(code))
	}
}

func cutOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
