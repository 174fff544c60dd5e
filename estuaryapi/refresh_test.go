package estuaryapi_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

// refresh has a content brought back by the queue, as what nobody waits for.
func (f *fixture) refresh(t *testing.T, a added) {
	_, admin := f.user("root", 10, 0)
	path := "/admin/cm/refresh/" + itoa(a.ID)
	if got := f.get(path, admin); got.code != 200 || strings.TrimSpace(got.body) != "{}" {
		t.Errorf("refresh = %d %s, want {}", got.code, got.body)
	}
	list, err := f.buckets.Retrievals(t.Context(), 0, 10, 10)
	if err != nil || len(list) != 1 || list[0].Content != a.ID || list[0].Cause != buckets.CauseRefresh {
		t.Errorf("retrievals %+v, %v, want one of content %d", list, err, a.ID)
	}
}

// What is in no piece cannot be brought back, nor what there is not; and only
// admins ask for it.
func TestRefresh(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", 2, 0)
	_, admin := f.user("root", 10, 0)
	a := f.add(token, "a.txt", "the first file")
	path := "/admin/cm/refresh/" + itoa(a.ID)
	for _, path := range []string{path, "/admin/retrieval/querytest/" + itoa(a.ID)} {
		f.get(path, admin).wantError(t, path+" of what is in no piece", 409, "ERR_CONTENT_NOT_PACKED", "content: "+itoa(a.ID)+" is in no piece yet, so nobody can give it back")
	}
	f.get("/admin/cm/refresh/77", admin).wantError(t, "of nothing", 404, "ERR_CONTENT_NOT_FOUND", "content: 77 was not found")
	f.get(path, token).wantError(t, "for a user", 403, "ERR_NOT_AUTHORIZED", "user not authorized")
}
