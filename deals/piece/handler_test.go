package piece_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/commp"
)

const token = "Bearer secret"

// only is a guard that knows the token of one piece.
func only(id string) piece.Guard {
	return func(_ context.Context, piece, authorization string) (bool, error) {
		if authorization == "fail" {
			return false, errors.New("the guard is out of order")
		}
		return piece == id && authorization == token, nil
	}
}

func TestHandler(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	id := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(1<<20, 1))}})[0].CID
	other := w.pack(piece.PackRequest{Zone: 2, Members: []piece.Member{w.add(2, random(1000, 2))}})[0].CID
	want := w.bytes(id)
	h := w.pieces.Handler(only(id))
	get := func(method, id string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/piece/"+id, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const auth = "Authorization"
	v2, err := commp.ToV2(cid.MustParse(id), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	short, err := commp.ToV2(cid.MustParse(id), int64(len(want)-1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		got    *httptest.ResponseRecorder
		status int
		body   []byte
	}{
		{"whole", get("GET", id, auth, token), 200, want},
		{"head", get("HEAD", id, auth, token), 200, nil},
		{"range", get("GET", id, auth, token, "Range", "bytes=1000-2000"), 206, want[1000:2001]},
		{"to the end", get("GET", id, auth, token, "Range", "bytes=2000000-"), 206, want[2000000:]},
		{"last bytes", get("GET", id, auth, token, "Range", "bytes=-700"), 206, want[len(want)-700:]},
		{"two ranges", get("GET", id, auth, token, "Range", "bytes=1-2,5-6"), 200, want},
		{"beyond the end", get("GET", id, auth, token, "Range", "bytes=99999999-"), 416, nil},
		{"same piece", get("GET", id, auth, token, "If-None-Match", `"`+id+`"`), 304, []byte{}},
		{"by version 2", get("GET", v2.String(), auth, token), 200, want},
		{"head by version 2", get("HEAD", v2.String(), auth, token), 200, nil},
		{"range by version 2", get("GET", v2.String(), auth, token, "Range", "bytes=5-9"), 206, want[5:10]},
		{"version 2 of another length", get("GET", short.String(), auth, token), 404, nil},
		{"version 2 without token", get("GET", v2.String()), 401, nil},
		{"a CID of no piece", get("GET", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", auth, token), 404, nil},
		{"no token", get("GET", id), 401, nil},
		{"no answer from the guard", get("GET", id, auth, "fail"), 500, nil},
		{"wrong token", get("GET", id, auth, "Bearer x"), 401, nil},
		{"another piece", get("GET", other, auth, token), 401, nil},
		{"unknown piece", get("GET", "baga6ea4seaqnope", auth, token), 404, nil},
		{"no piece", get("GET", "", auth, token), 404, nil},
		{"below a piece", get("GET", id+"/x", auth, token), 404, nil},
		{"post", get("POST", id, auth, token), 405, nil},
	} {
		if c.got.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, c.got.Code, c.status, c.got.Body)
			continue
		}
		if c.body != nil && !bytes.Equal(c.got.Body.Bytes(), c.body) {
			t.Errorf("%s: %d bytes, want %d", c.name, c.got.Body.Len(), len(c.body))
		}
		if c.status == 200 && c.got.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
			t.Errorf("%s: Content-Length %q", c.name, c.got.Header().Get("Content-Length"))
		}
		if c.status < 300 && (c.got.Header().Get("ETag") != `"`+id+`"` || !strings.Contains(c.got.Header().Get("Cache-Control"), "immutable")) {
			t.Errorf("%s: headers %v", c.name, c.got.Header())
		}
	}
}

// A piece that cannot be read to its end is cut, not ended short.
func TestHandlerCuts(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	id := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(1<<20, 1))}})[0].CID
	w.close()
	if err := os.RemoveAll(filepath.Join(w.dir, "node")); err != nil {
		t.Fatal(err)
	}
	w.open()
	srv := httptest.NewServer(w.pieces.Handler(only(id)))
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/piece/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err == nil {
		t.Errorf("status %d and a whole body out of lost blocks", resp.StatusCode)
	}
}
