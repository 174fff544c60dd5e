package estuaryapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/node"
)

// peer is another real node, which may have only a part of a DAG.
type peer struct {
	*node.Node
	t   *testing.T
	dir string
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, dir: t.TempDir()}
	p.open("/ip4/127.0.0.1/tcp/0")
	t.Cleanup(func() { p.Close() })
	return p
}

func (p *peer) open(addr string) {
	p.t.Helper()
	var err error
	if p.Node, err = node.Open(p.t.Context(), node.Config{Dir: p.dir, ListenAddrs: []string{addr}}); err != nil {
		p.t.Fatal(err)
	}
}

// addr is where it is dialled; listens is that without /p2p/.
func (p *peer) addr() string { return p.Addrs()[0] }

func (p *peer) listens() string { return strings.TrimSuffix(p.addr(), "/p2p/"+p.ID()) }

func (p *peer) put(list ...node.Block) {
	p.t.Helper()
	lease := p.Lease()
	defer lease.Release()
	if err := p.PutBlocks(p.t.Context(), list, false); err != nil {
		p.t.Fatal(err)
	}
}

func blockOf(codec uint64, data []byte) node.Block {
	mh, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return node.Block{Cid: cid.NewCidV1(codec, mh), Data: data}
}

// shelf is a DAG-CBOR list of up to 23 raw leaves that only tests with its name
// have; its root is the last block.
func shelf(name string, leaves int) []node.Block {
	var all []node.Block
	list := []byte{0x80 | byte(leaves)}
	for i := range leaves {
		leaf := blockOf(cid.Raw, fmt.Appendf(nil, "%s %d", name, i))
		link := append([]byte{0}, leaf.Cid.Bytes()...)
		list = append(append(list, 0xd8, 42, 0x58, byte(len(link))), link...)
		all = append(all, leaf)
	}
	return append(all, blockOf(cid.DagCBOR, list))
}

func rootOf(dag []node.Block) string { return dag[len(dag)-1].Cid.String() }

// A pin's states, with an origin that has a part, goes away and comes back.
func TestPinStates(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	o := newPeer(t)
	dag := shelf("states", 20)
	p := f.pin(token, object{"cid": rootOf(dag), "name": "dag", "origins": []string{o.addr()}})
	if p.Status != "queued" || p.Info["status_details"] == "" || p.Content != nil {
		t.Errorf("new pin %+v", p)
	}
	f.awaitPin(token, p.RequestID, "tried", func(p pinned) bool { return p.Info["next_try"] != "" })
	o.put(dag[10:]...)
	p = f.awaitPin(token, p.RequestID, "half here", func(p pinned) bool { return p.Status == "pinning" && p.Info["blocks"] == "11" })
	if p.Info["bytes"] == "" || p.Info["status_details"] == "" || p.Content != nil {
		t.Errorf("half here: %+v", p)
	}
	at := o.listens()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	p = f.awaitPin(token, p.RequestID, "waiting", func(p pinned) bool { return strings.Contains(p.Info["status_details"], "does not answer") })
	if p.Status != "pinning" || p.Info["next_try"] == "" || p.Info["blocks"] != "11" {
		t.Errorf("without its origin: %+v", p)
	}
	o.open(at)
	o.put(dag...)
	p = f.awaitPinStatus(token, p.RequestID, "pinned")
	if p.Content == nil || p.Content.CID != rootOf(dag) || len(p.Info) != 0 {
		t.Errorf("pinned: %+v", p)
	}
	if a := f.get("/gw/ipfs/"+dag[0].Cid.String(), ""); a.body != string(dag[0].Data) {
		t.Errorf("a leaf of it over the gateway: %d %s", a.code, a.body)
	}
	// What cannot be pinned has failed, and says why.
	broken := blockOf(cid.DagCBOR, []byte("no CBOR"))
	o.put(broken)
	p = f.pin(token, object{"cid": broken.Cid.String(), "origins": []string{o.addr()}})
	p = f.awaitPinStatus(token, p.RequestID, "failed")
	if p.Info["status_details"] == "" || p.Info["next_try"] != "" {
		t.Errorf("failed: %+v", p)
	}
	if page := f.listPins(token, "status=failed"); page.Count != 1 || page.Results[0].RequestID != p.RequestID {
		t.Errorf("failed ones: %+v", page)
	}
}

// What a pin, or an upload, has stays until what replaces it is pinned.
func TestPinReplacing(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	o := newPeer(t)
	first := shelf("first", 3)
	o.put(first...)
	p := f.pin(token, object{"cid": rootOf(first), "name": "v1", "origins": []string{o.addr()}})
	p = f.awaitPinStatus(token, p.RequestID, "pinned")
	up := f.add(token, "a.txt", "upload")
	for name, old := range map[string]struct{ id, cid string }{
		"pin":    {p.RequestID, rootOf(first)},
		"upload": {strconv.FormatUint(up.ID, 10), up.CID},
	} {
		next := shelf("next of "+name, 3)
		n := accept[pinned](t, f.postJSON("/pinning/pins/"+old.id, token, object{"cid": rootOf(next), "name": "v2", "origins": []string{o.addr()}}))
		if n.RequestID == old.id || n.Status != "queued" || n.Pin.CID != rootOf(next) {
			t.Errorf("%s: replaced by %+v", name, n)
		}
		gone := func() {
			t.Helper()
			f.get("/pinning/pins/"+old.id, token).wantPinError(t, name, 404, "ERR_CONTENT_NOT_FOUND", "content with ID("+old.id+") was not found")
			if page := f.listPins(token, "requestid="+old.id); page.Count != 0 {
				t.Errorf("%s: listed %+v", name, page)
			}
		}
		gone()
		if !f.keeps(u.ID, old.cid) {
			t.Errorf("%s: what is replaced went before its time", name)
		}
		o.put(next...)
		n = f.awaitPinStatus(token, n.RequestID, "pinned")
		gone()
		if f.keeps(u.ID, old.cid) || !f.keeps(u.ID, rootOf(next)) {
			t.Errorf("%s: afterwards the old one is kept %v, the new one %v", name, f.keeps(u.ID, old.cid), f.keeps(u.ID, rootOf(next)))
		}
	}
	// As rclone's backend keeps a file's time: the same CID with other meta.
	up = f.add(token, "b.txt", "timed")
	a := f.postJSON(fmt.Sprint("/pinning/pins/", up.ID), token, object{"cid": up.CID, "name": "b.txt", "meta": object{"modTime": "1700000000000"}})
	if n := accept[pinned](t, a); n.Status != "pinned" || n.Pin.Meta["modTime"] == "" || strconv.FormatUint(n.Content.ID, 10) != n.RequestID || n.Content.CID != up.CID {
		t.Errorf("the same CID: %s", a.body)
	}
}

// keeps says whether a user has a content with that root.
func (f *fixture) keeps(owner uint64, root string) bool {
	f.t.Helper()
	list, err := f.buckets.ContentsByCID(f.t.Context(), cid.MustParse(root))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range list {
		if c.Owner == owner {
			return true
		}
	}
	return false
}

// A pin is removed in every state, of itself and of its zone.
func TestPinDeleting(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: true, Threshold: 1 << 20}, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	o := newPeer(t)
	half, broken := shelf("half", 3), blockOf(cid.DagCBOR, []byte("no CBOR either"))
	o.put(half[1:]...)
	o.put(broken)
	pin := func(root, status string) string {
		t.Helper()
		p := f.pin(token, object{"cid": root, "origins": []string{o.addr()}})
		f.awaitPinStatus(token, p.RequestID, status)
		return p.RequestID
	}
	open, sealed := f.add(token, "open", "small"), f.add(token, "sealed", strings.Repeat("large", 1<<18))
	z := f.zoned(sealed.ID)
	f.await("the zone is sealed", func() bool {
		now, err := f.buckets.Zone(t.Context(), z.ID)
		return err == nil && now.State != buckets.ZoneOpen
	})
	late := f.add(token, "late", "in another zone")
	f.zoned(late.ID)
	for what, id := range map[string]string{
		"queued":                             pin(rawCID(t, "nobody has this"), "queued"),
		"pinning":                            pin(rootOf(half), "pinning"),
		"failed":                             pin(broken.Cid.String(), "failed"),
		"pinned":                             pin(late.CID, "pinned"),
		"an upload in an open zone":          strconv.FormatUint(late.ID, 10),
		"an upload in a sealed zone":         strconv.FormatUint(sealed.ID, 10),
		"another upload that may be in that": strconv.FormatUint(open.ID, 10),
	} {
		a := f.do(http.MethodDelete, "/pinning/pins/"+id, token, nil)
		if a.code != http.StatusAccepted || a.body != "" {
			t.Errorf("DELETE of %s = %d %s", what, a.code, a.body)
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			f.do(method, "/pinning/pins/"+id, token, nil).
				wantPinError(t, method+" of "+what, 404, "ERR_CONTENT_NOT_FOUND", "content with ID("+id+") was not found")
		}
	}
	if page := f.listPins(token, "status=queued,pinning,pinned,failed"); page.Count != 0 {
		t.Errorf("left: %+v", page)
	}
	if list, err := f.buckets.Contents(t.Context(), u.ID, 10, 0); err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
}

// Another user's pins and contents are as unknown as those that are not there,
// to admins too, and no filter tells of them.
func TestPinsOfOthers(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, ann := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	_, root := f.user("root", accounts.LevelAdmin, 0)
	up := f.add(ann, "secret.txt", "ann's")
	root1 := rawCID(t, "ann's pin")
	p := f.pin(ann, object{"cid": root1, "name": "secret", "origins": []string{dead}, "meta": object{"k": "secret"}})
	f.pin(ann, object{"cid": up.CID, "name": "secret"})
	ids := []string{p.RequestID, strconv.FormatUint(up.ID, 10)}
	for name, token := range map[string]string{"bob": bob, "root": root} {
		for _, id := range ids {
			for _, a := range []answer{
				f.get("/pinning/pins/"+id, token),
				f.postJSON("/pinning/pins/"+id, token, object{"cid": root1}),
				f.do(http.MethodDelete, "/pinning/pins/"+id, token, nil),
			} {
				a.wantPinError(t, name, 404, "ERR_CONTENT_NOT_FOUND", "content with ID("+id+") was not found")
			}
		}
		for _, query := range []string{
			"", "status=queued,pinning,pinned,failed", "cid=" + root1, "cid=" + up.CID, "cid=" + up.CID + "&status=pinned", "name=secret",
			"name=sec&match=partial", "meta=%7B%22k%22:%22secret%22%7D", "requestid=" + strings.Join(ids, ","),
		} {
			if page := f.listPins(token, query); page.Count != 0 || len(page.Results) != 0 {
				t.Errorf("%s sees with ?%s %+v", name, query, page)
			}
		}
		if a := f.do(http.MethodGet, "/v2/pinning/batched-pins", token, strings.NewReader(`[{"content_id":"`+ids[0]+`"}]`)); a.code != 404 {
			t.Errorf("%s gets %d %s", name, a.code, a.body)
		}
	}
	// ignore-dupes is about the caller's own.
	if a := f.postJSON("/pinning/pins?ignore-dupes=true", bob, object{"cid": root1, "origins": []string{dead}}); a.code != http.StatusAccepted {
		t.Errorf("what ann has is refused to bob: %d %s", a.code, a.body)
	}
	if p := f.pinAt(ann, ids[0]); p.Status != "queued" || p.Pin.Name != "secret" {
		t.Errorf("ann's is %+v", p)
	}
}

// POST /content/add-ipfs takes the bodies of all versions, with a key that may
// only upload; ignore-dupes refuses what is there.
func TestAddIPFS(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	uploader := f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload})
	for i, body := range []object{
		{"cid": "", "name": "n"},
		{"root": "", "filename": "n"},
		{"root": "", "name": "n", "peers": []string{dead}},
	} {
		root := rawCID(t, fmt.Sprint("add-ipfs ", i))
		for _, key := range []string{"cid", "root"} {
			if _, ok := body[key]; ok {
				body[key] = root
			}
		}
		a := f.postJSON("/content/add-ipfs", uploader, body)
		p := accept[pinned](t, a)
		if p.Pin.CID != root || p.Pin.Name != "n" || p.Status != "queued" || body["peers"] != nil && len(p.Pin.Origins) != 1 {
			t.Errorf("%v gives %s", body, a.body)
		}
		dupe := f.postJSON("/content/add-ipfs?ignore-dupes=true", uploader, body)
		if dupe.code != http.StatusFound || strings.TrimSpace(dupe.body) != `{"message":"content with given cid already preserved"}` || dupe.header.Get("Location") != "" {
			t.Errorf("a duplicate: %d %s", dupe.code, dupe.body)
		}
	}
	up := f.add(token, "a", "uploaded")
	for _, path := range []string{"/pinning/pins", "/content/add-ipfs"} {
		if a := f.postJSON(path+"?ignore-dupes=true", token, object{"cid": up.CID}); a.code != http.StatusFound {
			t.Errorf("%s of an upload: %d %s", path, a.code, a.body)
		}
		if a := f.postJSON(path+"?ignore-dupes=true", token, object{"cid": rawCID(t, path), "origins": []string{dead}}); a.code != http.StatusAccepted {
			t.Errorf("%s of something new: %d %s", path, a.code, a.body)
		}
	}
	f.postJSON("/content/add-ipfs", token, object{"name": "n"}).wantError(t, "without a CID", 400, "ERR_INVALID_INPUT", "cid is missing")
}

// await waits until ok, which it asks after each commit.
func (f *fixture) await(what string, ok func() bool) {
	f.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		next := f.store.next()
		if ok() {
			return
		}
		select {
		case <-next:
		case <-timeout:
			f.t.Fatalf("after 20 s not: %s", what)
		}
	}
}
