package estuaryapi_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

// open are the routes that answer about what is another's, or take it, and why
// they may. All others refuse it.
var open = map[string]string{
	"GET /content/by-cid/{cid}":            "what is published may be found by its CID",
	"DELETE /user/api-keys/{key_or_hash}":  "V1 says 200 of keys that are not there",
	"GET /pinning/pins":                    "a filter: it lists the caller's own",
	"POST /pinning/pins":                   "what is published may be pinned by its CID",
	"POST /content/add-ipfs":               "what is published may be pinned by its CID",
	"POST /v2/pinning/batched-pins":        "what is published may be pinned by its CID",
	"GET /user/miner/claim/{miner}":        "it says what a provider's worker would sign, for whoever has its key",
	"GET /miner/claim/{miner}":             "it says what a provider's worker would sign, for whoever has its key",
	"GET /v2/storage-providers/claim/{sp}": "it says what a provider's worker would sign, for whoever has its key",
	"GET /deals/query/{miner}":             "providers' prices are public",
	"GET /deal/query/{miner}":              "providers' prices are public",
	"GET /deals/info/{dealid}":             "the chain is public",
	"GET /deal/info/{dealid}":              "the chain is public",
}

// about makes the request of a row that names what a user has wherever it can,
// and says whether that is anywhere.
func about(t *testing.T, row estuaryapi.Row, own things) (a attack, names bool) {
	t.Helper()
	var missing []string
	a = attack{row: row, method: row.Method}
	if a.path, missing = own.addressed(row.Path); len(missing) > 0 {
		t.Errorf("%s %s: tell what {%s} stands for in things.named if it is a user's, else in ofNobody", row.Method, row.Path, strings.Join(missing, "}, {"))
	}
	known := func(name string) string {
		v := own.named(name)
		names = names || v != ""
		return v
	}
	for _, w := range wildcard.FindAllString(row.Path, -1) {
		known(strings.Trim(w, "{.}"))
	}
	op := description().doc.Paths.Value(estuaryapi.DocumentPath(row.Path)).GetOperation(row.Method)
	query := url.Values{}
	for _, ref := range op.Parameters {
		if p := ref.Value; p.In == "query" && (p.Required || known(p.Name) != "") && !p.Deprecated {
			query.Set(p.Name, goodValue(p, own))
		}
	}
	a.query = query.Encode()
	if op.RequestBody != nil {
		if m := op.RequestBody.Value.Content["application/json"]; m != nil {
			jsonOf(m.Schema.Value, "id", known, 0)
		}
		a.fill(&byBytes{}, op.RequestBody.Value, own, false)
	}
	return a, names
}

// ask sends a request to the routes.
func (f *fixture) ask(a attack, token string) answer {
	header := []string{}
	for _, h := range a.header {
		header = append(header, h[0], h[1])
	}
	return f.do(a.method, a.path+"?"+a.query, token, bytes.NewReader(a.body), header...)
}

// Every route that names something of a user's in its path, query or body, asked
// by another user: he gets nothing and changes nothing. Its owner gets it.
func TestOtherUser(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 1, MaxPiece: 64 << 20}, 2, 0)
	ann := f.plant("ann", "f01000", annMark)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	before, walked, used := f.state(ann), 0, map[string]bool{}
	for _, row := range estuaryapi.Rows() {
		a, names := about(t, row, ann)
		if row.Level == 0 || row.Level > accounts.LevelUser || !names {
			continue
		}
		walked++
		name := row.Method + " " + row.Path
		got := f.ask(a, bob)
		used[name] = true
		switch why := open[name]; {
		case got.code >= 500, got.code == http.StatusUnauthorized && got.has("api key"):
			t.Errorf("%v by another = %d %s", a, got.code, got.body)
		case got.code < 400 && why == "":
			t.Errorf("%v by another = %d %s: have it refused, or if it may be answered say in open why", a, got.code, got.body)
		}
		if got.has(annMark) || got.has("published, number ") {
			t.Errorf("%v tells another of it: %s", a, got.body)
		}
		if row.Method == http.MethodGet {
			if got := f.ask(a, ann.token); got.code >= 400 {
				t.Errorf("%v by its owner = %d %s", a, got.code, got.body)
			}
		}
	}
	if walked < 40 {
		t.Errorf("only %d routes were asked", walked)
	}
	wantSame(t, before, f.state(ann))
	if a := f.get("/viewer", ann.key); a.code != http.StatusOK {
		t.Errorf("another ended a key: %d %s", a.code, a.body)
	}
	for name := range open {
		if !used[name] {
			t.Errorf("open names %s, which is no such route", name)
		}
	}
}

// Every parameter of every route refuses what it is not; text, what is not UTF-8.
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
			if p.In == "header" || row.Path == "/gw/{path...}" || row.Path == "/ipfs/{path...}" {
				continue
			}
			nonsense := "!nonsense"
			if schema.Type.Is("string") && schema.Format == "" && schema.Enum == nil {
				if nonsense = "%FF"; slices.Contains(row.Given, p.Name) {
					continue // it only has to be there
				}
			}
			path, query := row.Path, ""
			if p.In == "path" {
				path = strings.ReplaceAll(path, "{"+p.Name+"}", nonsense)
			} else {
				query = "?" + p.Name + "=" + nonsense
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
