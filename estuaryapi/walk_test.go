package estuaryapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

// Every route that names something of a user's in its path, asked by another
// user: he gets nothing and changes nothing.
func TestOtherUser(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, ann := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	file := f.add(ann, "a.txt", "ann's own words")
	zone := f.zoned(file.ID)
	second := f.token(u, accounts.TokenSpec{Level: accounts.LevelUser})
	things := strings.NewReplacer("{id}", itoa(file.ID), "{pinid}", itoa(file.ID), "{content}", itoa(file.ID), "{zone}", itoa(zone.ID),
		"{key_or_hash}", accounts.TokenHash(second), "{cid}", file.CID)
	// What is published may be found by its CID; V1's ending of a key says 200 of keys that are not there.
	open := []string{"GET /content/by-cid/{cid}", "DELETE /user/api-keys/{key_or_hash}"}
	state := func() string {
		all := ""
		for _, path := range []string{"/content/list", "/content/status/" + itoa(file.ID), "/content/staging-zones", "/user/api-keys", "/gw/ipfs/" + file.CID} {
			a := f.get(path, ann)
			if a.code != http.StatusOK {
				t.Errorf("GET %s by its owner = %d %s", path, a.code, a.body)
			}
			all += a.body
		}
		return all
	}
	before, walked := state(), 0
	for _, row := range estuaryapi.Rows() {
		path := things.Replace(row.Path)
		if row.Level == 0 || row.Level > accounts.LevelUser || path == row.Path || strings.Contains(path, "{") {
			continue
		}
		walked++
		a := f.do(row.Method, path, bob, strings.NewReader("{}"), "Content-Type", "application/json")
		switch name := row.Method + " " + row.Path; {
		case slices.Contains(open, name):
			if a.code != http.StatusOK {
				t.Errorf("%s by another = %d %s", name, a.code, a.body)
			}
		case a.code < 400 || a.code >= 500:
			t.Errorf("%s by another = %d %s", name, a.code, a.body)
		}
		if a.has("ann's own words") || a.has("a.txt") {
			t.Errorf("%s %s tells another of it: %s", row.Method, row.Path, a.body)
		}
	}
	if walked < 10 {
		t.Errorf("only %d routes were asked", walked)
	}
	if after := state(); after != before {
		t.Errorf("another changed\n%s\nto\n%s", before, after)
	}
	if a := f.get("/viewer", second); a.code != http.StatusOK {
		t.Errorf("another ended a key: %d %s", a.code, a.body)
	}
}

// Every parameter of every route that is no plain string refuses what it is not.
func TestMalformedEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	doc, tried := estuaryapi.Document(), 0
	for _, row := range estuaryapi.Rows() {
		op := doc.Paths.Value(estuaryapi.DocumentPath(row.Path)).GetOperation(row.Method)
		for _, ref := range op.Parameters {
			p := ref.Value
			schema := p.Schema.Value
			if schema.Type.Is("array") {
				schema = schema.Items.Value
			}
			if p.In == "header" || schema.Type.Is("string") && schema.Format == "" && schema.Enum == nil {
				continue
			}
			path, query := row.Path, ""
			if p.In == "path" {
				path = strings.ReplaceAll(path, "{"+p.Name+"}", "!nonsense")
			} else {
				query = "?" + p.Name + "=!nonsense"
			}
			path = wildcard.ReplaceAllString(path, "7")
			tried++
			if a := f.do(row.Method, path+query, admin, nil); a.code != http.StatusBadRequest {
				t.Errorf("%s %s = %d %s, want 400", row.Method, path+query, a.code, a.body)
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d parameters were tried", tried)
	}
}

// HEAD answers what GET does, without the body.
func TestHeadEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	file := f.add(admin, "a.txt", "text")
	things := strings.NewReplacer("{id}", itoa(file.ID), "{zone}", itoa(f.zoned(file.ID).ID), "{cid}", file.CID, "{path...}", "ipfs/"+file.CID)
	for _, row := range estuaryapi.Rows() {
		path := things.Replace(row.Path)
		if row.Method != http.MethodGet || strings.Contains(path, "{") {
			continue
		}
		get, head := f.do(http.MethodGet, path, admin, nil), f.do(http.MethodHead, path, admin, nil)
		if head.code != get.code || head.body != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD %s = %d %s %q, GET says %d %s", path, head.code, head.header.Get("Content-Type"), head.body, get.code, get.header.Get("Content-Type"))
		}
	}
}
