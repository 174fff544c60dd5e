package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
)

const (
	minUpload, maxUpload = 4 << 10, 8 << 20
	objectSize           = 64 << 10 // of the objects of S3's traffic
)

// A thing is bytes that can be made anew at any time, and what they became.
type thing struct {
	kind byte
	n    int
	size int64

	cid string
	id  uint64 // its content's, or its pin's
}

// newThing is the n-th of a kind. Sizes of uploads are as often between 4 and
// 8 KiB as between 4 and 8 MiB; every tenth pin has two to four leaves, the
// others one of 4 to 64 KiB.
func newThing(kind byte, n int) thing {
	t := thing{kind: kind, n: n, size: objectSize}
	rng := rand.New(t.source())
	between := func(a, b float64) int64 { return int64(a * math.Pow(b/a, rng.Float64())) }
	switch {
	case kind == uploadKind:
		t.size = between(minUpload, maxUpload)
	case kind == pinKind && n%10 == 0:
		t.size = between(1<<20+1, 4<<20)
	case kind == pinKind:
		t.size = between(4<<10, 64<<10)
	}
	return t
}

func (t thing) name() string { return fmt.Sprintf("%d/%d", t.kind, t.n) }

func (t thing) source() *rand.ChaCha8 {
	seed := [32]byte{t.kind + 1}
	binary.LittleEndian.PutUint64(seed[8:], uint64(t.n))
	return rand.NewChaCha8(seed)
}

func (t thing) reader() io.Reader { return io.LimitReader(t.source(), t.size) }

// compare says whether bytes are the thing's.
func (t thing) compare(r io.Reader) error {
	var got, want [32 << 10]byte
	made := t.reader()
	for {
		n, err := io.ReadFull(r, got[:])
		k, _ := io.ReadFull(made, want[:])
		if n != k || !bytes.Equal(got[:n], want[:k]) {
			return errors.Join(fmt.Errorf("%s: wrong bytes", t.name()), err)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// call sends a request, whose answer must have that status.
func (n *v1Node) call(req *http.Request, want int) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+n.token)
	res, err := n.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != want {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, text)
	}
	return res, nil
}

// json sends a request and decodes its answer.
func (n *v1Node) json(req *http.Request, want int, into any) error {
	res, err := n.call(req, want)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	_, err = io.Copy(io.Discard, res.Body) // so that the connection is used again
	return err
}

func (n *v1Node) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.addr["api"]+path, nil)
	if err != nil {
		return err
	}
	return n.json(req, http.StatusOK, into)
}

// upload stores a thing as V1's clients do, and returns it with what it became.
func (n *v1Node) upload(ctx context.Context, t thing) (thing, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if _, err := w.CreateFormFile("data", strings.ReplaceAll(t.name(), "/", "-")); err != nil {
		return t, err
	}
	head := form.Len()
	w.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.addr["api"]+"/content/add",
		io.MultiReader(bytes.NewReader(form.Bytes()[:head]), t.reader(), bytes.NewReader(form.Bytes()[head:])))
	if err != nil {
		return t, err
	}
	req.ContentLength = int64(form.Len()) + t.size
	req.Header.Set("Content-Type", w.FormDataContentType())
	var got struct {
		CID string `json:"cid"`
		ID  uint64 `json:"estuaryId"`
	}
	if err := n.json(req, http.StatusOK, &got); err != nil {
		return t, err
	}
	t.cid, t.id = got.CID, got.ID
	return t, nil
}

// pin asks for a thing that somebody at an address has.
func (n *v1Node) pin(ctx context.Context, t thing, origin string) (id uint64, err error) {
	body, err := json.Marshal(map[string]any{"cid": t.cid, "name": t.name(), "origins": []string{origin}})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.addr["api"]+"/pinning/pins", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	var got struct {
		ID uint64 `json:"requestid,string"`
	}
	err = n.json(req, http.StatusAccepted, &got)
	return got.ID, err
}

// readBack reads a thing over the gateway.
func (n *v1Node) readBack(ctx context.Context, t thing) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.addr["gateway"]+"/ipfs/"+t.cid, nil)
	if err != nil {
		return err
	}
	res, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", t.name(), t.cid, res.Status)
	}
	return t.compare(res.Body)
}
