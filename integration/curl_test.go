//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A curler runs curl against Estuary's API.
type curler struct {
	t    *testing.T
	bin  string
	base string
	auth string
}

// run returns the body of an answer that is 200 or 202. What begins with a slash
// is a path of the API.
func (c curler) run(args ...string) []byte {
	c.t.Helper()
	return c.pipe(nil, args...)
}

// pipe is run with something to read.
func (c curler) pipe(stdin []byte, args ...string) []byte {
	c.t.Helper()
	for i, a := range args {
		if strings.HasPrefix(a, "/") && (i == 0 || args[i-1] != "-T") { // else it is a file
			args[i] = c.base + a
		}
	}
	cmd := exec.CommandContext(testContext(c.t), c.bin, append([]string{"-sS", "-w", "\n%{http_code}", "-H", c.auth}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	at := bytes.LastIndexByte(out, '\n')
	if err != nil || at < 0 {
		c.t.Fatalf("curl %q: %v\n%s", args, err, out)
	}
	if code := string(out[at+1:]); code != "200" && code != "202" {
		c.t.Errorf("curl %q: %s\n%s", args, code, out[:at])
	}
	return out[:at]
}

// curled is an answer of curl, read as JSON.
func curled[T any](c curler, args ...string) (v T) {
	c.t.Helper()
	out := c.run(args...)
	if err := json.Unmarshal(out, &v); err != nil {
		c.t.Errorf("curl %q: %v in %s", args, err, out)
	}
	return v
}

type addedByCurl struct {
	CID       string `json:"cid"`
	Retrieval string `json:"retrieval_url"`
	ID        uint64 `json:"estuaryId"`
}

// TestCurl runs the commands of V1's documentation, in the order in which it told
// of them, and those of the old collection routes as barge calls them.
func TestCurl(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	c := curler{t, lookPath(t, "curl"), s.addr["api"], "Authorization: Bearer " + s.setup()}
	file := filepath.Join(t.TempDir(), "cat.txt")
	must(t, os.WriteFile(file, []byte("a cat"), 0o600))

	added := curled[addedByCurl](c, "-X", "POST", "/content/add", "-H", "Content-Type: multipart/form-data", "-F", "data=@"+file)
	if got := string(c.run(added.Retrieval)); got != "a cat" {
		t.Errorf("%s gives %q", added.Retrieval, got)
	}
	root, car := rawCAR(t, "in a CAR")
	carFile := filepath.Join(t.TempDir(), "x.car")
	must(t, os.WriteFile(carFile, car, 0o600))
	for how, out := range map[string][]byte{
		"with its length": c.run("-X", "POST", "/content/add-car", "-H", "Accept: application/json", "-T", carFile),
		"in chunks":       c.pipe(car, "-X", "POST", "/content/add-car", "-H", "Transfer-Encoding: chunked", "-T", "-"),
	} {
		if !bytes.Contains(out, []byte(`"cid":"`+root.String()+`"`)) {
			t.Errorf("a CAR %s: %s", how, out)
		}
	}
	pin := curled[struct{ Requestid, Status string }](c, "-X", "POST", "/content/add-ipfs", "-H", "Content-Type: application/json",
		"-d", `{"name": "again", "root": "`+added.CID+`"}`)
	if pin.Requestid == "" || pin.Status == "" {
		t.Errorf("a pin: %+v", pin)
	}
	c.status(added)
	c.collection(file)
	c.old(file, added)
	key := curled[struct{ Token string }](c, "-X", "POST", "/user/api-keys?expiry=24h&perms=upload")
	other := c
	other.auth = "Authorization: Bearer " + key.Token
	if again := curled[addedByCurl](other, "-X", "POST", "/content/add", "-F", "data=@"+file); again.CID != added.CID {
		t.Errorf("the same file has the CID %s, and had %s", again.CID, added.CID)
	}
	c.run("-X", "DELETE", "/user/api-keys/"+key.Token)
}

// status asks for what became of an upload.
func (c curler) status(added addedByCurl) {
	c.t.Helper()
	id := jsonText(added.ID)
	if got := curled[struct{ Content struct{ CID string } }](c, "-X", "GET", "/content/status/"+id); got.Content.CID != added.CID {
		c.t.Errorf("status of %s is of %+v", id, got)
	}
	if got := curled[[]struct{ Content struct{ CID string } }](c, "/content/by-cid/"+added.CID); len(got) == 0 {
		c.t.Errorf("nothing has the CID %s", added.CID)
	}
	for _, path := range []string{"/content/stats?limit=10&offset=0", "/content/list", "/content/contents?limit=10", "/content/deals", "/deals/failures",
		"/content/staging-zones", "/pinning/pins", "/user/stats", "/viewer", "/public/stats", "/public/by-cid/" + added.CID, "/public/net/addrs", "/health"} {
		if out := c.run("-X", "GET", path, "-H", "Accept: application/json"); !json.Valid(out) {
			c.t.Errorf("%s: %s", path, out)
		}
	}
}

// collection makes one, adds a file and commits it.
func (c curler) collection(file string) {
	c.t.Helper()
	col := curled[struct{ UUID string }](c, "-X", "POST", "/collections/", "-H", "Content-Type: application/json", "-d", `{ "name": "cats", "description": "all of them" }`)
	c.run("-X", "POST", "/content/add?coluuid="+col.UUID+"&dir=/black/", "-F", "data=@"+file)
	if all := curled[[]struct{ Name, Type string }](c, "/collections/"+col.UUID+"?dir=/"); len(all) != 1 || all[0].Name != "black" || all[0].Type != "directory" {
		c.t.Errorf("the collection has %+v", all)
	}
	if out := c.run("-X", "POST", "/collections/"+col.UUID+"/commit"); !bytes.Contains(out, []byte("bafybei")) {
		c.t.Errorf("commit: %s", out)
	}
}

// old calls the collection routes of V1 up to 0.1.8.
func (c curler) old(file string, added addedByCurl) {
	c.t.Helper()
	col := curled[struct{ UUID string }](c, "-X", "POST", "/collections/create", "-d", `{"name":"barge","description":""}`)
	if all := curled[[]struct{ UUID string }](c, "/collections/list"); len(all) < 2 {
		c.t.Errorf("%d collections, want two", len(all))
	}
	c.run("-X", "POST", "/collections/add-content", "-d", `{"coluuid":"`+col.UUID+`","contents":[`+jsonText(added.ID)+`]}`)
	c.run("-X", "POST", "/content/add", "-F", "collection="+col.UUID, "-F", "collectionPath=/d/cat.txt", "-F", "data=@"+file)
	all := curled[[]struct {
		Name string
		Dir  bool
		Size int64
	}](c, "/collections/content?coluuid="+col.UUID+"&colpath=/")
	if len(all) != 2 {
		c.t.Errorf("barge would list %+v", all)
	}
}

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
