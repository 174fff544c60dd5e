package estuaryapi_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/estuaryapi"
)

func TestContentProof(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	_, upload := f.user("eve", accounts.LevelUpload, 0)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	id := f.add(token, "a.txt", "some text").ID
	path := "/content/proof/" + itoa(id)
	z := f.zoned(id)
	f.get(path, token).wantError(t, "not packed", 404, "ERR_RECORD_NOT_FOUND",
		"content: "+itoa(id)+" is in no piece yet, of which there could be a proof: "+z.Reason)
	c := f.content(id)
	if _, err := f.deals.Pack(t.Context(), piece.PackRequest{Zone: z.ID, Members: []piece.Member{{Content: id, Root: c.CID, Size: c.Size}}}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{token, admin} {
		a := f.get(path, key)
		p, err := proof.Decode(strings.NewReader(a.body))
		if a.code != 200 || err != nil {
			t.Fatalf("%d, %v in %s", a.code, err, a.body)
		}
		if r, err := p.Verify(t.Context(), strings.NewReader("some text")); err != nil || r.Refused() || p.Object.Content != id || p.Object.Key != "a.txt" {
			t.Errorf("%+v, %v, object %+v", r, err, p.Object)
		}
	}
	f.get(path, other).wantError(t, "foreign", 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for content ("+itoa(id)+")")
	f.get(path, upload).wantError(t, "upload only", 403, "ERR_NOT_AUTHORIZED", "api key is upload only")
	f.get("/content/proof/7", token).wantError(t, "unknown", 404, "ERR_CONTENT_NOT_FOUND", "content: 7 was not found")
	f.get("/content/proof/x", token).wantError(t, "malformed", 400, "ERR_INVALID_INPUT", `"x" is not an id`)
}
