package estuaryapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/kv"
)

// What happens to what a request needs while it is answered: the request's own
// transactions tell when.

// A write is a request that stores something in a bucket's directory.
type write func(bucket, dir string) *http.Request

// writes are all that put something into a bucket: uploads of a file, and a
// content's way into it as into any collection.
func (f *fixture) writes(token string) map[string]write {
	f.t.Helper()
	content := f.add(token, "a.txt", "to be copied").ID
	kind, form := multiform(f.t, part{"data", "x", "", "a file"})
	car := aCAR(f.t, []string{"leaf"}, "leaf")
	post := func(path, kind string, body []byte) *http.Request {
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, path, bytes.NewReader(body))
		if err != nil {
			f.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", kind)
		return r
	}
	text := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			f.t.Fatal(err)
		}
		return data
	}
	upload := func(route, kind string, body []byte) write {
		return func(bucket, dir string) *http.Request {
			return post(route+"?filename=x&coluuid="+bucket+"&dir="+dir, kind, body)
		}
	}
	return map[string]write{
		"/content/add":     upload("/content/add", kind, form),
		"/put":             upload("/put", kind, form),
		"/content/add-car": upload("/content/add-car", "application/vnd.ipld.car", car),
		"/collections/{coluuid}": func(bucket, dir string) *http.Request {
			return post("/collections/"+bucket+"?dir="+dir, "application/json", text([]uint64{content}))
		},
		"/collections/fs/add": func(bucket, dir string) *http.Request {
			return post(fmt.Sprintf("/collections/fs/add?coluuid=%s&content=%d&dir=%s", bucket, content, dir), "", nil)
		},
		"/collections/add-content": func(bucket, dir string) *http.Request {
			return post("/collections/add-content", "application/json", text(object{"coluuid": bucket, "contents": []uint64{content}, "dir": dir}))
		},
	}
}

// watched answers a request and calls on before each of its transactions.
func (f *fixture) watched(r *http.Request, on func(update bool) error) answer {
	f.t.Helper()
	w, cut := serve(f.srv.Config.Handler, r.WithContext(context.WithValue(r.Context(), onTransaction{}, on)))
	if cut {
		f.t.Fatalf("%s: the connection was cut", r.URL)
	}
	a := answer{w.Code, w.Header(), w.Body.String()}
	checkDocumented(f.t, r, a)
	return a
}

// A disk that is full of metadata is told of, and nothing is stored.
func TestNoRoomForWrites(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	bucket, err := f.buckets.CreateBucket(t.Context(), u.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	full := func(update bool) error {
		if update {
			return fmt.Errorf("commit: %w", kv.ErrFull)
		}
		return nil
	}
	room := func(bool) error { return nil }
	for route, send := range f.writes(token) {
		f.watched(send(bucket.UUID, "/"+route), full).wantReason(t, route, 507, "ERR_CONTENT_ADDING_DISABLED")
		if a := f.watched(send(bucket.UUID, "/"+route), room); a.code != 200 {
			t.Errorf("%s with room again, where nothing is to stand in the way: %d %s", route, a.code, a.body)
		}
	}
}

// A bucket that is made public or private at any moment of a write, so that what
// is stored would be told of where it must not be: the write says so, and has
// done nothing. The moments are all before a transaction.
func TestBucketChangesMeanwhile(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	bucket, err := f.buckets.CreateBucket(t.Context(), u.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for route, send := range f.writes(token) {
		meanwhile := 0
		for moment := range int64(100) {
			was, err := f.buckets.Bucket(t.Context(), bucket.Name)
			if err != nil {
				t.Fatal(err)
			}
			// The change waits for the writes that began before it; they see it at once.
			changed, n := make(chan error, 1), atomic.Int64{}
			a := f.watched(send(bucket.UUID, fmt.Sprintf("%s/%d", "/"+route, moment)), func(bool) error {
				if n.Add(1) == moment+1 {
					go func() {
						_, err := f.buckets.SetPolicy(context.WithoutCancel(t.Context()), bucket.Name, func(p *buckets.Policy) { p.Publish = !was.Policy.Publish })
						changed <- err
					}()
					f.await("the change", func() bool {
						now, err := f.buckets.Bucket(t.Context(), bucket.Name)
						return err == nil && now.Policy.Publish != was.Policy.Publish
					})
				}
				return nil
			})
			if a.code == 409 {
				a.wantReason(t, route, 409, "ERR_BAD_REQUEST")
				meanwhile++
			} else if a.code != 200 {
				t.Errorf("%s with a change before transaction %d: %d %s", route, moment+1, a.code, a.body)
			}
			if n.Load() <= moment { // there are no more
				break
			}
			if err := <-changed; err != nil {
				t.Fatal(err)
			}
			if a.code == 409 { // sent again, as it says
				if again := f.watched(send(bucket.UUID, fmt.Sprintf("%s/%d", "/"+route, moment)), func(bool) error { return nil }); again.code != 200 {
					t.Errorf("%s again: %d %s", route, again.code, again.body)
				}
			}
		}
		if meanwhile == 0 {
			t.Errorf("%s notices no change", route)
		}
	}
}

// An account that cannot be stored is no answer of the client's making.
func TestRegisterFails(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	f.do(http.MethodPost, "/admin/invite/welcome", admin, nil)
	const form = `{"username":"ann","passwordHash":"hash of a word","inviteCode":"welcome"}`
	register := func(on func(bool) error) answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/register", bytes.NewReader([]byte(form)))
		if err != nil {
			t.Fatal(err)
		}
		return f.watched(r, on)
	}
	register(func(update bool) error {
		if update {
			return errors.New("write /secret/place")
		}
		return nil
	}).wantError(t, "register", 500, "ERR_USER_CREATION_FAILED", "the account could not be made; the node's log has the cause")
	if a := register(func(bool) error { return nil }); a.code != 200 {
		t.Errorf("register again, with the same invite: %d %s", a.code, a.body)
	}
}
