package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/kv"
)

var userPages = []string{"/ui/", "/ui/buckets", "/ui/zones", "/ui/deals", "/ui/retrievals", "/ui/pins", "/ui/collections", "/ui/account", "/ui/account/tokens", "/ui/account/keys"}
var adminPages = append([]string{"/ui/providers", "/ui/jobs", "/ui/users", "/ui/invites", "/ui/audit"}, userPages...)

// An empty node says on each page what to do next.
func TestEmptyPages(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	for _, path := range adminPages {
		root.get(path).want(200).has("<h1>", "v9.8.7", "</html>")
	}
	root.get("/ui/").has("Nothing is stored yet", "Disk free", "No zone yet", "No deal yet", "queue is empty", "No libp2p host")
	root.get("/ui/buckets").has("no bucket yet", "aws --endpoint-url http://127.0.0.1:9000 s3 mb")
	root.get("/ui/zones").has("no zone yet")
	root.get("/ui/deals").has("no deal yet")
	root.get("/ui/retrievals").has("Nothing waits to be brought back")
	root.get("/ui/providers").has("f01000")
	root.get("/ui/jobs").has("Nothing waits")
	root.submit("/ui/buckets", "name", "box").want(303)
	root.get("/ui/buckets/box").want(200).has("This bucket is empty", "s3 cp FILE s3://box/")

	ann := s.as("ann", accounts.LevelUser)
	for _, path := range userPages {
		ann.get(path).want(200).hasNot("Providers", "/ui/jobs", "box", "Disk free", "Requests", "Peer id")
	}
	for _, path := range []string{"/ui/providers", "/ui/jobs"} {
		ann.get(path).want(404)
	}
}

// A node with a zone that cannot be packed shows why, first.
func TestFailingPages(t *testing.T) {
	s := newSite(t)
	s.dealer.packErr = errors.New("chain <i>unreachable</i>")
	root := s.as("root", accounts.LevelAdmin)
	root.submit("/ui/buckets", "name", "box").want(303)
	root.upload("box", "big", strings.Repeat("x", 2<<20)).want(200)
	s.runJobs()
	s.until("a failing job", func() bool {
		j, err := s.queue.List(t.Context(), "zone")
		must(t, err)
		return len(j) == 1 && j[0].Tries > 0 && !j[0].Running
	})
	zones, err := s.buckets.Zones(t.Context(), 0, "", 10, 0)
	must(t, err)
	zone := fmt.Sprintf("/ui/zones/%d", zones[0].ID)
	const reason = "chain &lt;i&gt;unreachable&lt;/i&gt;"
	s.until("the figures to be counted again", func() bool { return strings.Contains(root.get("/ui/").want(200).body, reason) })
	for _, path := range []string{"/ui/", "/ui/zones", zone, "/ui/jobs", object("box", "object", "big")} {
		root.get(path).want(200).has(reason).hasNot("<i>unreachable")
	}
	if body := root.get("/ui/jobs").body; !regexp.MustCompile(`(?s)<tbody><tr>\s*<td data-label="Kind">zone`).MatchString(body) {
		t.Errorf("the failing job is not the first of the list:\n%s", body)
	}
}

func TestSealZone(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "small", "x").want(200)
	ann.get(object("box", "object", "small")).want(200).has("about to join", "0 of 6 copies active")
	s.runJobs()
	var zone string
	s.until("a zone", func() bool {
		z, err := s.buckets.Zones(t.Context(), 0, "", 10, 0)
		must(t, err)
		if len(z) == 1 {
			zone = fmt.Sprintf("/ui/zones/%d", z[0].ID)
		}
		return len(z) == 1 && z[0].Count == 1
	})
	ann.get(zone).want(200).has("Seal it now", "small", ">box<", "waiting for")
	bob := s.as("bob", accounts.LevelUser)
	bob.get(zone).want(404)
	bob.submit(zone + "/seal").want(404)
	ann.get(zone).want(200).has("Seal it now")
	ann.submit(zone + "/seal").want(303)
	s.until("the dealer's reason", func() bool {
		return strings.Contains(ann.get(zone).want(200).body, "no provider accepts &lt;b&gt;256 MiB")
	})
	ann.get(zone).hasNot("Seal it now").has("request")
}

// Users see what is theirs; anything else is as if it did not exist.
func TestOwnership(t *testing.T) {
	s := newSite(t)
	ann, bob, root := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	ann.submit("/ui/buckets", "name", "annsbox").want(303)
	ann.upload("annsbox", "key", "body").want(200)
	annID, err := s.accounts.UserByName(t.Context(), "ann")
	must(t, err)
	global, err := s.buckets.GlobalBucket(t.Context(), annID.ID)
	must(t, err)

	reads := []string{"/ui/buckets/annsbox", "/ui/buckets/annsbox/delete", "/ui/buckets/~" + global.UUID,
		object("annsbox", "object", "key"), object("annsbox", "download", "key"), object("annsbox", "remove", "key")}
	for _, path := range reads {
		ann.get(path).want(200)
		root.get(path).want(200)
		bob.get(path).want(404)
		s.browser().get(path).want(303)
	}
	bob.get("/ui/buckets").want(200).hasNot("annsbox")
	root.get("/ui/buckets").want(200).has("annsbox", ">ann<")

	bob.upload("annsbox", "new", "x").want(404)
	bob.submit("/ui/buckets/annsbox/delete").want(404)
	bob.submit(object("annsbox", "remove", "key")).want(404)
	bob.submit("/ui/buckets", "name", "annsbox").want(409).has("This name is taken")
	ann.submit("/ui/buckets", "name", "annsbox").want(409).has("You have a bucket of this name already")
	ann.get(object("annsbox", "download", "key")).want(200)
	// A named bucket does not answer to its uuid, nor a global one to a name.
	b, err := s.buckets.Bucket(t.Context(), "annsbox")
	must(t, err)
	ann.get("/ui/buckets/~" + b.UUID).want(404)
}

func TestBuckets(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "No<b>Name").want(400).has("This is not a bucket name", `value="No&lt;b&gt;Name"`)
	p := ann.submit("/ui/buckets", "name", " box ").want(303)
	if got := p.header.Get("Location"); got != "/ui/buckets/box" {
		t.Errorf("a new bucket leads to %q", got)
	}
	ann.get("/ui/buckets").want(200).has("1 MiB", "1 h", "public")
	ann.upload("box", "key", "body").want(200)
	ann.submit("/ui/buckets/box/delete").want(409).has("not empty")
	ann.submit(object("box", "remove", "key")).want(303)
	ann.submit("/ui/buckets/box/delete").want(303)
	ann.get("/ui/buckets/box").want(404).has("There is no such bucket")
}

func TestListing(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for i := range 103 {
		ann.upload("box", fmt.Sprintf("dir/%03d", i), "x").want(200)
	}
	ann.upload("box", "dir/sub/x", "x").want(200)
	ann.get("/ui/buckets/box").want(200).has(">dir/</a>", "/ui/buckets/box?prefix=dir%2F").hasNot(">000<")
	first := ann.get("/ui/buckets/box?prefix=dir%2F").want(200).has(">000<", ">099<").hasNot(">100<")
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatalf("no next page:\n%s", first.body)
	}
	ann.get(strings.ReplaceAll(next[1], "&amp;", "&")).want(200).has(">100<", ">102<", ">sub/<", "First page").hasNot(">099<", `rel="next"`)
	ann.get("/ui/buckets/box?prefix=nothing").want(200).has("Nothing has this prefix")
	ann.get("/ui/buckets/box?after=zzz").want(200).has("nothing further")
}

// Keys are anybody's bytes: pages must show them as text, and links reach them.
func TestOddKeys(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for _, key := range []string{
		`<script>alert(1)</script>`,
		`"><img src=x onerror=alert(1)>.png`,
		`javascript:alert(1)`,
		`{{.CSRF}}`,
		"a//b/../c/./d",
		"/leading and trailing/",
		"100%25 & more?x=1#y+z;",
		"line\nbreak\ttab\x01",
		"emoji 🦖 ünï",
		`back\slash`,
		"\u202egnp.exe",
		strings.Repeat("long", 250),
	} {
		ann.upload("box", key, "body of it").want(200)
		p := ann.get(object("box", "object", key)).want(200)
		p.hasNot("<script>alert", "<img src=x")
		folder := key[:strings.LastIndexByte(key, '/')+1]
		list := ann.get("/ui/buckets/box?prefix=" + url.QueryEscape(folder)).want(200)
		list.hasNot("<script>alert", "<img src=x", `href="javascript`)
		link := "/ui/buckets/box/download?key=" + url.QueryEscape(key)
		list.has(strings.NewReplacer("&", "&amp;", "+", "&#43;").Replace(link))
		if got := ann.get(link).want(200); got.body != "body of it" {
			t.Errorf("%q: body %q", key, got.body)
		} else if d := got.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") || strings.ContainsAny(d, "\r\n\x01") {
			t.Errorf("%q: Content-Disposition %q", key, d)
		}
		ann.get(object("box", "remove", key)).want(200).hasNot("<script>alert")
		ann.submit(object("box", "remove", key)).want(303)
		ann.get(object("box", "object", key)).want(404)
	}
}

func TestErrorPages(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for path, text := range map[string]string{
		"/ui/nothing":                                        "There is no such page",
		"/ui/assets/style.css":                               "There is no such page",
		"/ui/buckets/none":                                   "There is no such bucket",
		"/ui/buckets/%3Cscript%3E":                           "There is no such bucket",
		"/ui/buckets/~none":                                  "There is no such bucket",
		object("box", "object", ""):                          "There is no such object",
		object("box", "object", "a\xff"):                     "There is no such object",
		object("box", "download", strings.Repeat("k", 2000)): "There is no such object",
		"/ui/zones/1":                                        "There is no such zone",
		"/ui/zones/-1":                                       "There is no such zone",
		"/ui/zones/<b>":                                      "There is no such zone",
		"/ui/deals/none":                                     "There is no such deal",
	} {
		p := ann.get(path).want(404).has(text, "Dashboard", "<p class=\"dim\">Error 404</p>")
		p.hasNot("<script>", "<b>")
	}
}

// A fault of ours says nothing of its cause to the user.
func TestInternalError(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	b, err := s.buckets.Bucket(t.Context(), "box")
	must(t, err)
	must(t, s.store.Update(t.Context(), func(tx kv.Tx) error {
		return tx.Put(kv.Key("bktid", b.UUID), []byte("{secret"))
	}))
	ann.get("/ui/buckets/box").want(500).has("Something went wrong on this node", "log").hasNot("secret", "json")
}

func TestAssets(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	login := b.get("/ui/login").want(200)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	urls := map[string]bool{}
	for _, p := range []page{login, ann.get("/ui/"), ann.get("/ui/buckets/box"), ann.get("/ui/zones")} {
		for _, m := range regexp.MustCompile(`(?:src|href)="(/ui/assets/[^"]*)"`).FindAllStringSubmatch(p.body, -1) {
			urls[m[1]] = true
		}
		if m := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//[^"]*"`).FindString(p.body); m != "" {
			t.Errorf("%s names another host: %s", p.what, m)
		}
		if regexp.MustCompile(`<script>|<style| style=| on[a-z]+=`).MatchString(p.body) {
			t.Errorf("%s has an inline script or style, which the policy forbids", p.what)
		}
	}
	if len(urls) < 6 {
		t.Errorf("pages use only %d assets: %v", len(urls), urls)
	}
	for u := range urls {
		p := b.get(u).want(200)
		if got := p.header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %q", u, got)
		}
		kind := map[string]string{".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[u[strings.LastIndexByte(u, '.'):]]
		if got := p.header.Get("Content-Type"); kind == "" || !strings.HasPrefix(got, kind) {
			t.Errorf("%s: Content-Type %q, want %q", u, got, kind)
		}
		if len(p.body) < 100 || strings.Contains(p.body, "https://") && !strings.Contains(u, ".svg") {
			t.Errorf("%s: is too short or names another host", u)
		}
	}
}

// HEAD is answered like GET, without a body.
func TestHead(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "key", "body").want(200)
	for _, path := range []string{"/ui/", object("box", "download", "key")} {
		if p := ann.do(http.MethodHead, path, nil, nil).want(200); p.body != "" {
			t.Errorf("HEAD %s has a body", path)
		}
	}
}

// The dashboard shows what the node did a moment ago.
func TestFigures(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	root.submit("/ui/buckets", "name", "box").want(303)
	root.upload("box", "a", strings.Repeat("x", 3<<20)).want(200)
	s.until("the figures", func() bool { return strings.Contains(root.get("/ui/").want(200).body, "<dd>3 MiB</dd>") })
	root.get("/ui/").has(`<path class="line"`, "<strong>web</strong>", "ms</td>")
	ann := s.as("ann", accounts.LevelUser)
	ann.get("/ui/").has("<dd>0 B</dd>").hasNot("3 MiB")
	ann.submit("/ui/buckets", "name", "hers").want(303)
	ann.upload("hers", "a", strings.Repeat("y", 2<<20)).want(200)
	s.until("her figures", func() bool { return strings.Contains(ann.get("/ui/").want(200).body, "<dd>2 MiB</dd>") })
}

// A bucket's page makes it a directory, and then tells its path.
func TestBucketTree(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "dir/key", "body").want(200)
	ann.get("/ui/buckets/box").want(200).has("Make it a directory on IPFS").hasNot("/ipfs/")
	bob.submit("/ui/buckets/box/tree").want(404)
	ann.submit("/ui/buckets/box/tree").want(303)
	b, err := s.buckets.Bucket(t.Context(), "box")
	must(t, err)
	tree, err := s.buckets.KnownTree(t.Context(), b)
	must(t, err)
	ann.get("/ui/buckets/box").want(200).has("/ipfs/"+tree.Root.String()+"/").hasNot("Make it a directory", "within seconds")
	ann.upload("box", "dir/later", "body").want(200)
	ann.get("/ui/buckets/box").has("follows within seconds")
}
