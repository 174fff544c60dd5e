package estuaryapi_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

// Errors that several routes document are provoked at each of them.

const noUUID = "11111111-2222-3333-4444-555555555555"

// full lets a user keep no more than he has.
func (f *fixture) full(u accounts.User) {
	f.t.Helper()
	if err := f.accounts.SetQuota(f.t.Context(), u.ID, &accounts.Quota{Bytes: 1}); err != nil {
		f.t.Fatal(err)
	}
}

// whole is a body that comes, or breaks off at half, as a client's that goes away.
func whole(data []byte, cut bool) *http.Request {
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(data))
	if cut {
		r.Body = readCloser{broken{bytes.NewReader(data[:len(data)/2])}}
	}
	return r
}

type readCloser struct{ broken }

func (readCloser) Close() error { return nil }

// Every way to upload a file refuses the same.
func TestUploadErrors(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	his, hers := f.create(bob, "his").UUID, f.create(token, "hers").UUID
	kind, form := multiform(t, part{"data", "x", "", strings.Repeat("file", 1000)})
	ways := map[string][2]string{"/content/add": {kind, string(form)}, "/put": {kind, string(form)},
		"/content/add-car": {"application/vnd.ipld.car", string(aCAR(t, []string{"leaf"}, "leaf"))}}
	for route, way := range ways {
		send := func(query string) answer {
			return f.do(http.MethodPost, route+"?filename=x&"+query, token, strings.NewReader(way[1]), "Content-Type", way[0])
		}
		if a := send("coluuid=" + hers + "&dir=" + route); a.code != 200 {
			t.Fatalf("%s: %d %s", route, a.code, a.body)
		}
		for _, tt := range []struct {
			query  string
			code   int
			reason string
		}{
			{"coluuid=" + noUUID, 404, "ERR_CONTENT_NOT_FOUND"},
			{"coluuid=" + his, 403, "ERR_NOT_AUTHORIZED"},
			{"bucket=none", 404, "ERR_RECORD_NOT_FOUND"},
			{"coluuid=" + hers + "&dir=" + route, 400, "ERR_CONTENT_IN_COLLECTION"},
			{"coluuid=" + hers + "&dir=d", 400, "ERR_INVALID_INPUT"},
			{"overwrite=perhaps", 400, "ERR_INVALID_INPUT"},
		} {
			send(tt.query).wantReason(t, route+"?"+tt.query, tt.code, tt.reason)
		}
		r := whole([]byte(way[1]), true)
		r.URL.Path = route
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", way[0])
		w, cut := serve(f.srv.Config.Handler, r)
		if cut {
			t.Fatalf("%s: the connection was cut", route)
		}
		a := answer{w.Code, w.Header(), w.Body.String()}
		checkDocumented(t, r, a)
		a.wantReason(t, route+" broken off", 400, "ERR_BAD_REQUEST")
		if a := send("ignore-dupes=true"); a.code != 409 || !a.has(`{"message":"this content is already preserved under cid:`) {
			t.Errorf("%s again: %d %s", route, a.code, a.body)
		}
	}
	f.full(u)
	for route, way := range ways {
		f.do(http.MethodPost, route, token, strings.NewReader(way[1]), "Content-Type", way[0]).wantReason(t, route+" beyond the quota", 400, "ERR_CONTENT_SIZE_OVER_LIMIT")
	}
}

// pinning says that a route takes down what is still to come.
func pinning(route string) bool {
	return strings.Contains(route, "pin") || strings.Contains(route, "ipfs") || route == "/content/create"
}

// Every way to add something to a collection refuses the same.
func TestCollectionErrors(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	file, same, foreign := f.add(token, "a.txt", "hers").ID, f.add(token, "a.txt", "of the same name").ID, f.add(bob, "b.txt", "his").ID
	his, hers := f.create(bob, "his").UUID, f.create(token, "hers").UUID
	bucket, err := f.buckets.CreateBucket(t.Context(), u.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(collection string, id uint64, dir string) answer{
		"/collections/{coluuid}": func(c string, id uint64, dir string) answer { return f.collect(token, c, dir, id) },
		"/collections/fs/add": func(c string, id uint64, dir string) answer {
			return f.do(http.MethodPost, fmt.Sprintf("/collections/fs/add?coluuid=%s&content=%d&dir=%s", c, id, dir), token, nil)
		},
		"/collections/add-content": func(c string, id uint64, dir string) answer {
			return f.postJSON("/collections/add-content", token, object{"coluuid": c, "contents": []uint64{id}, "dir": dir})
		},
		"/content/create": func(c string, id uint64, dir string) answer {
			return f.postJSON("/content/create", token, object{"root": rawCID(t, "absent"), "name": "a.txt", "coluuid": c, "dir": dir})
		},
		"/pinning/pins": func(c string, id uint64, dir string) answer {
			return f.postJSON("/pinning/pins", token, object{"cid": rawCID(t, "absent"), "name": "a.txt", "meta": object{"collection": c, "dir": dir}})
		},
		"/content/add-ipfs": func(c string, id uint64, dir string) answer {
			return f.postJSON("/content/add-ipfs", token, object{"cid": rawCID(t, "absent"), "name": "a.txt", "coluuid": c, "dir": dir})
		},
		"/v2/pinning/batched-pins": func(c string, id uint64, dir string) answer {
			return f.postJSON("/v2/pinning/batched-pins", token, []object{{"cid": rawCID(t, "absent"), "name": "a.txt", "meta": object{"collection": c, "dir": dir}}})
		},
	}
	for route, add := range ways {
		pins := pinning(route)
		if a := add(hers, file, route); a.code >= 300 {
			t.Fatalf("%s: %d %s", route, a.code, a.body)
		}
		add(hers, same, route).wantReason(t, route+", a path that is taken", 400, "ERR_CONTENT_IN_COLLECTION")
		add(hers, file, "d").wantReason(t, route+", no path", 400, "ERR_INVALID_INPUT")
		add(noUUID, file, "/").wantReason(t, route+", no collection", 404, "ERR_RECORD_NOT_FOUND")
		add(his, file, "/").wantReason(t, route+", another's collection", 403, "ERR_NOT_AUTHORIZED")
		if !pins {
			add(hers, foreign, "/").wantReason(t, route+", another's content", 404, "ERR_CONTENT_NOT_FOUND")
			add(hers, 7, "/").wantReason(t, route+", no content", 404, "ERR_CONTENT_NOT_FOUND")
		}
	}
	f.full(u)
	for route, add := range ways {
		to := bucket.UUID // into which contents are copied
		if pinning(route) {
			to = hers
		}
		add(to, file, "/other").wantReason(t, route+", beyond the quota", 400, "ERR_CONTENT_SIZE_OVER_LIMIT")
	}
	f.do(http.MethodPost, "/collections/"+hers+"/commit", token, nil).wantReason(t, "commit beyond the quota", 400, "ERR_CONTENT_SIZE_OVER_LIMIT")
	for method, routes := range map[string][]string{
		http.MethodGet:    {"/collections/{}", "/collections/content?coluuid={}", "/collections/content/{}", "/collections/fs/list?coluuid={}"},
		http.MethodDelete: {"/collections/{}", "/collections/{}/contents"}, http.MethodPost: {"/collections/{}/commit"},
	} {
		for _, route := range routes {
			for uuid, want := range map[string]int{noUUID: 404, his: 403} {
				a := f.do(method, strings.Replace(route, "{}", uuid, 1), token, strings.NewReader(`{"by":"path","value":"/a"}`))
				a.wantReason(t, method+" "+route+" of "+uuid, want, map[int]string{404: "ERR_RECORD_NOT_FOUND", 403: "ERR_NOT_AUTHORIZED"}[want])
			}
		}
	}
}

// A user, a provider and an invite that are not there are so for every route.
func TestAbsentErrors(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	file := f.add(token, "a.txt", "hers").ID
	f.putText("/admin/users/nobody/quota", admin, `{"bytes":1}`).wantReason(t, "quota", 404, "ERR_USER_NOT_FOUND")
	f.do(http.MethodPut, "/admin/users/nobody/unsuspend", admin, nil).wantReason(t, "unsuspend", 404, "ERR_USER_NOT_FOUND")
	for _, at := range []string{"/user/miner", "/miner"} {
		for method, what := range map[string]string{http.MethodPost: "suspend", http.MethodPut: "set-info"} {
			f.do(method, at+"/"+what+"/f01000", token, strings.NewReader(`{}`)).wantReason(t, at+" "+what, 404, "ERR_RECORD_NOT_FOUND")
		}
		f.do(http.MethodPut, at+"/unsuspend/f01000", token, nil).wantReason(t, at+" unsuspend", 404, "ERR_RECORD_NOT_FOUND")
		f.postText(at+"/claim", token, `{"miner":"f01000","claim":"0100"}`).wantReason(t, at+" claim without a chain", 503, "ERR_INTERNAL_SERVER")
	}
	for _, at := range []string{"/deals", "/deal"} {
		f.get(at+"/query/f01000", token).wantReason(t, at+" query without a chain", 404, "ERR_RECORD_NOT_FOUND")
		f.get(at+"/info/7", token).wantReason(t, at+" info without a chain", 404, "ERR_RECORD_NOT_FOUND")
		f.postText(at+"/transfer/status", token, `{}`).wantReason(t, at+" transfer", 404, "ERR_RECORD_NOT_FOUND")
		f.get(at+"/status-by-proposal/bafkqaaa", token).wantReason(t, at+" by proposal", 404, "ERR_RECORD_NOT_FOUND")
		f.get(at+"/proposal/bafkqaaa", token).wantReason(t, at+" proposal", 404, "ERR_RECORD_NOT_FOUND")
		f.get(at+"/status/f01000/bafkqaaa", token).wantReason(t, at+" at provider", 404, "ERR_RECORD_NOT_FOUND")
	}
	f.postJSON("/deals/make/f01000", admin, object{"content_id": file}).wantReason(t, "a deal of what is not packed", 400, "ERR_INVALID_INPUT")
	for _, at := range []string{"/admin/invite/", "/admin/invites/"} {
		f.do(http.MethodPost, at+"code", admin, nil)
		f.do(http.MethodPost, at+"code", admin, nil).wantReason(t, at, 409, "ERR_BAD_REQUEST")
	}
}
