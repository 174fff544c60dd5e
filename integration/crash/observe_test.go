//go:build integration

package crash

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"

	gocid "github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

type cid = gocid.Cid

// marker is the body of a delete marker.
const marker = "marker"

// A state is what a client sees.
type state struct {
	Buckets  map[string]bool
	Objects  map[string]string            // "bucket/key" of a bucket without versions -> body
	Versions map[string]map[string]string // "bucket/key" -> version -> body
	Uploads  map[string]upload            // by id
	CIDs     map[string]string            // body -> CID
}

type upload struct {
	Path  string         // "bucket/key"
	Parts map[int]string // ETags
}

// observe reads everything, and every byte of it.
func (s *stores) observe(ctx context.Context) (state, error) {
	st := state{
		Buckets: map[string]bool{}, Objects: map[string]string{}, Versions: map[string]map[string]string{},
		Uploads: map[string]upload{}, CIDs: map[string]string{},
	}
	for _, name := range []string{private, public, versioned} {
		b, err := s.buckets.Bucket(ctx, name)
		if errors.Is(err, buckets.ErrNoBucket) {
			continue
		}
		if err != nil {
			return st, err
		}
		st.Buckets[name] = true
		if err := s.observeObjects(ctx, b, &st); err != nil {
			return st, err
		}
		if err := s.observeUploads(ctx, b, &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

func (s *stores) observeObjects(ctx context.Context, b buckets.Bucket, st *state) error {
	page, err := s.buckets.Versions(ctx, b, buckets.VersionQuery{Max: 1 << 20})
	if err != nil {
		return err
	}
	for _, o := range page.Versions {
		path := b.Name + "/" + o.Key
		body := o.Meta["body"]
		if o.Marker {
			body = marker
		} else if err := s.same(ctx, o.CID, o.Size, body); err != nil {
			return fmt.Errorf("object %s version %q: %w", path, o.VersionID(), err)
		} else {
			st.CIDs[body] = o.CID.String()
		}
		if b.Name != versioned {
			if _, twice := st.Objects[path]; twice {
				return fmt.Errorf("object %s has two versions", path)
			}
			st.Objects[path] = body
			continue
		}
		if st.Versions[path] == nil {
			st.Versions[path] = map[string]string{}
		}
		st.Versions[path][o.VersionID()] = body
	}
	return nil
}

func (s *stores) observeUploads(ctx context.Context, b buckets.Bucket, st *state) error {
	page, err := s.buckets.Uploads(ctx, b, buckets.UploadQuery{Max: 1 << 20})
	if err != nil {
		return err
	}
	for _, u := range page.Uploads {
		list, _, err := s.buckets.Parts(ctx, b, u.Key, u.ID, 0, 1<<20)
		if err != nil {
			return err
		}
		up := upload{Path: b.Name + "/" + u.Key, Parts: map[int]string{}}
		for _, p := range list {
			if err := s.samePart(ctx, p); err != nil {
				return fmt.Errorf("part %d of upload %s of %s: %w", p.Number, u.ID, up.Path, err)
			}
			up.Parts[p.Number] = p.ETag
		}
		st.Uploads[u.ID] = up
	}
	return nil
}

// same reads a file and compares it with the body it should have.
func (s *stores) same(ctx context.Context, root cid, size int64, body string) error {
	want, err := bytesOf(body)
	if err != nil {
		return err
	}
	if size != int64(len(want)) {
		return fmt.Errorf("body %s: size is %d", body, size)
	}
	got, err := s.read(ctx, root, size)
	if err != nil {
		return fmt.Errorf("body %s: %w", body, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("body %s: other bytes, %d of them", body, len(got))
	}
	return nil
}

// samePart reads a part and compares it with its ETag.
func (s *stores) samePart(ctx context.Context, p buckets.Part) error {
	got, err := s.read(ctx, p.CID, p.Size)
	if sum := md5.Sum(got); err == nil && hex.EncodeToString(sum[:]) != p.ETag {
		err = fmt.Errorf("other bytes, %d of them", len(got))
	}
	return err
}

func (s *stores) read(ctx context.Context, root cid, size int64) ([]byte, error) {
	r, err := s.buckets.Open(ctx, root, size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func etagOf(body string) string {
	b, err := bytesOf(body)
	if err != nil {
		return err.Error()
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// reachable are the distinct blocks, by multihash, that the roots reach.
func (s *stores) reachable(ctx context.Context) (map[string]bool, error) {
	seen := map[string]bool{}
	err := s.buckets.Roots(ctx, func(root cid) error {
		return s.node.Walk(ctx, root, func(c cid, _ int) error {
			seen[string(c.Hash())] = true
			return nil
		})
	})
	return seen, err
}

// served says whether the gateway gives a root to strangers.
func (s *stores) served(root string) bool {
	w := httptest.NewRecorder()
	s.node.Gateway().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/ipfs/"+root+"?format=raw", nil))
	return w.Code < 300
}
