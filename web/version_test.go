package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/lifecycle"
)

// bucket is the bucket of that name.
func (s *site) bucket(name string) buckets.Bucket {
	s.t.Helper()
	b, err := s.buckets.Bucket(s.t.Context(), name)
	must(s.t, err)
	return b
}

// versions returns the versions of a bucket as they are listed.
func (b *browser) versions(bucket string) []buckets.Object {
	b.t.Helper()
	page, err := b.buckets.Versions(b.t.Context(), b.bucket(bucket), buckets.VersionQuery{Max: 1000})
	must(b.t, err)
	return page.Versions
}

// versioned makes a bucket with versioning and an object in it that was put
// with each of the bodies, the last one first in what it returns.
func (b *browser) versioned(bucket, key string, bodies ...string) []buckets.Object {
	b.t.Helper()
	b.submit("/ui/buckets", "name", bucket).want(303)
	must(b.t, b.buckets.SetVersioning(b.t.Context(), b.bucket(bucket), buckets.Enabled))
	for _, body := range bodies {
		b.upload(bucket, key, body).want(200)
	}
	return b.versions(bucket)
}

// A deleted object leads to its versions, each of which can be had, and back.
func TestVersions(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	const key = "dir/file.txt"
	v := ann.versioned("box", key, "first", "second")
	ann.upload("box", key+".bak", "another key").want(200)
	current := object("box", "object", key)
	ann.get(current).want(200).has(">current<", v[0].VersionID(), v[1].VersionID(), v[1].CID.String(), "shown here").hasNot(".bak", "delete marker")
	for i, body := range []string{"second", "first"} {
		if got := ann.get(version("box", "download", v[i])).want(200); got.body != body {
			t.Errorf("version %d is %q, want %q", i, got.body, body)
		}
		bob.get(version("box", "object", v[i])).want(404)
		bob.get(version("box", "download", v[i])).want(404)
		bob.get(version("box", "remove", v[i])).want(404)
		bob.submit(version("box", "remove", v[i])).want(404)
	}
	ann.get(version("box", "object", v[1])).want(200).has(">older version<", "Delete this version", "Current version", "/gw/ipfs/"+v[1].CID.String())

	ann.submit(object("box", "remove", key)).want(303)
	marker := ann.versions("box")[0]
	ann.get("/ui/buckets/box?prefix=dir%2F").want(200).has(".bak", "All versions").hasNot(">file.txt<")
	ann.get("/ui/buckets/box?prefix=dir%2F&versions=all").want(200).has(">file.txt<", "delete marker", v[0].VersionID(), v[1].VersionID(), "Bring back")
	ann.get("/ui/buckets/box?versions=all").want(200).has("/ui/buckets/box?prefix=dir%2F&amp;versions=all")
	ann.get(current).want(200).has("This object is deleted", "Bring it back", v[0].VersionID()).hasNot("Filecoin", "CID</dt>")
	ann.get(object("box", "download", key)).want(404).has("There is no such object")
	ann.get(version("box", "download", marker)).want(404).has("This is a delete marker")
	ann.get(version("box", "object", marker)).want(200).has("This object is deleted")

	p := ann.submit(version("box", "remove", marker)).want(303)
	if got := p.header.Get("Location"); got != current {
		t.Errorf("bringing it back leads to %q, want %q", got, current)
	}
	if got := ann.get(object("box", "download", key)).want(200).body; got != "second" {
		t.Errorf("what came back is %q", got)
	}
	ann.submit(version("box", "remove", v[0])).want(303)
	ann.get(current).want(200).has(v[1].CID.String()).hasNot(v[0].VersionID())
	p = ann.submit(version("box", "remove", v[1])).want(303)
	if got := p.header.Get("Location"); got != "/ui/buckets/box?prefix=dir%2F" {
		t.Errorf("after the last version comes %q", got)
	}
	for _, bad := range []string{v[0].VersionID(), "null", "x", "<b>"} {
		for _, action := range []string{"object", "download", "remove"} {
			ann.get(object("box", action, key) + "&version=" + bad).want(404).has("There is no such version")
		}
	}
	ann.get(object("box", "object", key+".bak") + "&after=x").want(404).has("There is no such version")
}

// A page lists so many versions, and only those of its key.
func TestManyVersions(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	bodies := strings.Split(strings.Repeat("body ", 25), " ")[:25]
	v := ann.versioned("box", "key", bodies...)
	ann.upload("box", "key/longer", "x").want(200)
	more := regexp.MustCompile(`href="([^"]+)#versions" rel="next">More`)
	path, seen := object("box", "object", "key"), map[string]bool{}
	for want := range 3 {
		p := ann.get(path).want(200).hasNot("key/longer")
		rows := regexp.MustCompile(`download\?key=key&amp;version=([0-9a-f]{16})"`).FindAllStringSubmatch(p.body, -1)
		if got := []int{10, 10, 5}[want]; len(rows) != got {
			t.Fatalf("page %d has %d versions, want %d\n%s", want, len(rows), got, p.body)
		}
		for i, m := range rows {
			seen[m[1]] = true
			if id := v[want*10+i].VersionID(); m[1] != id {
				t.Errorf("page %d row %d is version %s, want %s", want, i, m[1], id)
			}
		}
		next := more.FindStringSubmatch(p.body)
		if (next != nil) != (want < 2) {
			t.Fatalf("page %d: next page %v", want, next)
		}
		if next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d versions are seen", len(seen))
	}
	first := ann.get("/ui/buckets/box?versions=all").want(200)
	first.has(v[24].VersionID(), "key/")
}

// The pages of a bucket's versions hold every version once.
func TestVersionPages(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	v := ann.versioned("box", "key", strings.Split(strings.Repeat("body ", 103), " ")[:103]...)
	first := ann.get("/ui/buckets/box?versions=all").want(200).has(v[0].VersionID(), v[99].VersionID()).hasNot(v[100].VersionID())
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatalf("no next page:\n%s", first.body)
	}
	ann.get(strings.ReplaceAll(next[1], "&amp;", "&")).want(200).has(v[100].VersionID(), v[102].VersionID(), "First page").hasNot(v[99].VersionID(), `rel="next"`)
}

// What is asked before something is deleted is what then happens.
func TestDeleteWarnings(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ctx := t.Context()
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "k", "null").want(200)
	remove := object("box", "remove", "k")
	ann.get(remove).want(200).has("Delete this object?", "gone at once and cannot be brought back", "IPFS").hasNot("marker")

	must(t, s.buckets.SetVersioning(ctx, s.bucket("box"), buckets.Enabled))
	ann.get(remove).want(200).has("A delete marker hides it", "brings it back").hasNot("gone at once")
	ann.upload("box", "k", "one").want(200)
	v := ann.versions("box") // one, null
	ann.get(version("box", "remove", v[0])).want(200).has("Delete this version?", v[0].VersionID(), "gone at once", "becomes the current one")
	ann.get(version("box", "remove", v[1])).want(200).has("gone at once").hasNot("becomes the current one")

	must(t, s.buckets.SetVersioning(ctx, s.bucket("box"), buckets.Suspended))
	ann.get(remove).want(200).has("A delete marker hides it", "the version with the id null", "gone at once")
	ann.submit(remove).want(303)
	v = ann.versions("box") // the null marker, one
	if len(v) != 2 || !v[0].Marker || v[0].VersionID() != "null" || v[1].Marker {
		t.Fatalf("versions = %+v", v)
	}
	ann.get(version("box", "remove", v[0])).want(200).has("Bring this object back?", "becomes the current one").hasNot("gone at once", "danger")
	ann.get(version("box", "remove", v[1])).want(200).has("gone at once").hasNot("becomes the current")
	ann.upload("box", "k", "two").want(200) // in the marker's place
	ann.get(remove).want(200).has("Versioning is suspended, so a delete marker replaces this version", "gone at once")
	ann.submit(remove).want(303)
	ann.submit(version("box", "remove", v[1])).want(303)
	v = ann.versions("box")
	ann.get(version("box", "remove", v[0])).want(200).has("Nothing is behind it")
	ann.get(remove).want(404)

	must(t, s.buckets.SetVersioning(ctx, s.bucket("box"), buckets.Enabled))
	ann.upload("box", "k", "three").want(200)
	v = ann.versions("box")
	ann.get(version("box", "remove", v[0])).want(200).has("The one before it is a delete marker, so the object is deleted then")
	ann.get(version("box", "remove", v[1])).want(200).has("It is one of the older versions")
	ann.get("/ui/buckets/box").want(200).has("versioning").hasNot("suspended</span>")
	ann.submit(version("box", "remove", v[0])).want(303)
	ann.submit("/ui/buckets/box/delete").want(409).has("not empty", "All versions")
	ann.get("/ui/buckets/box").want(200).has("This bucket is empty", "Objects that were deleted are under")
	ann.submit(version("box", "remove", v[1])).want(303)
	ann.submit("/ui/buckets/box/delete").want(303)
}

// A locked version stays, and the page says what can be done.
func TestLocked(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	ctx := t.Context()
	me, err := s.accounts.UserByName(ctx, "root")
	must(t, err)
	b, err := s.buckets.CreateBucket(ctx, me.ID, "box", buckets.BucketOptions{ObjectLock: true})
	must(t, err)
	until := time.Now().Add(time.Hour).UTC()
	const key = "it's <b>"
	for _, tt := range []struct {
		name      string
		hold      bool
		retention buckets.Retention
		has       []string
		hasNot    string
	}{
		{"hold", true, buckets.Retention{}, []string{"legal hold", "put-object-legal-hold", "--legal-hold Status=OFF", "Legal hold</dt>"}, "retained in"},
		{"governance", false, buckets.Retention{Mode: buckets.Governance, Until: until},
			[]string{"GOVERNANCE", until.Format("15:04:05"), "--bypass-governance-retention"}, "legal hold"},
		{"compliance", false, buckets.Retention{Mode: buckets.Compliance, Until: until}, []string{"COMPLIANCE", "nobody can delete it before"}, "aws "},
		{"both", true, buckets.Retention{Mode: buckets.Compliance, Until: until}, []string{"COMPLIANCE", "Status=OFF"}, "bypass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root.upload("box", key, tt.name).want(200)
			o, err := s.buckets.SetRetention(ctx, b, key, "", tt.retention, false)
			must(t, err)
			_, err = s.buckets.SetHold(ctx, b, key, "", tt.hold)
			must(t, err)
			shown := root.get(version("box", "object", o)).want(200).has("locked</span>", "Why it cannot be deleted").body
			for _, p := range []page{root.get(version("box", "remove", o)), root.submit(version("box", "remove", o))} {
				p.want(http.StatusConflict).has("This version is locked", ">Back<", "Deleting the object instead of this version").hasNot("<b>", tt.hasNot)
				for _, text := range tt.has {
					if !strings.Contains(p.body+shown, text) {
						t.Errorf("neither page has %q:\n%s", text, p.body)
					}
				}
				if strings.Contains(p.body, "--key") {
					p.has(`--key &#39;it&#39;\&#39;&#39;s &lt;b&gt;&#39; --version-id ` + o.VersionID())
				}
			}
			root.get(object("box", "remove", key)).want(200).has("A delete marker hides it", "Its lock stays on it")
			root.submit(object("box", "remove", key)).want(303)
			root.get(version("box", "remove", o)).want(409).hasNot("Deleting the object instead")
			if _, err := s.buckets.Head(ctx, b, key, o.VersionID()); err != nil {
				t.Errorf("the locked version: %v", err)
			}
		})
	}
	root.upload("box", "over", "x").want(200)
	o, err := s.buckets.SetRetention(ctx, b, "over", "", buckets.Retention{Mode: buckets.Compliance, Until: time.Now().Add(-time.Second)}, false)
	must(t, err)
	root.get(version("box", "object", o)).want(200).has("over since").hasNot("locked</span>")
	root.submit(version("box", "remove", o)).want(303)
}

// A zone's members lead to the versions whose bytes they are.
func TestZoneMembers(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	v := ann.versioned("box", "key", "first", "second", "third") // newest first
	ann.upload("box", "hidden", "hidden").want(200)
	ann.submit(object("box", "remove", "hidden")).want(303)
	s.runJobs()
	var zone string
	s.until("a zone of four", func() bool {
		z, err := s.buckets.Zones(t.Context(), 0, "", 10, 0)
		must(t, err)
		if len(z) == 1 {
			zone = fmt.Sprintf("/ui/zones/%d", z[0].ID)
		}
		return len(z) == 1 && z[0].Count == 4
	})
	ann.submit(version("box", "remove", v[1])).want(303)
	p := ann.get(zone).want(200).has("older version")
	links := regexp.MustCompile(`data-label="Name"><a class="name" href="([^"]+)">`).FindAllStringSubmatch(p.body, -1)
	if len(links) != 3 {
		t.Fatalf("%d links, want 3:\n%s", len(links), p.body)
	}
	for i, want := range []string{"first", "third", "hidden"} {
		link := strings.ReplaceAll(links[i][1], "&amp;", "&")
		ann.get(link).want(200)
		if got := ann.get(strings.Replace(link, "/object?", "/download?", 1)).want(200).body; got != want {
			t.Errorf("member %d leads to %q, want %q", i, got, want)
		}
	}
}

// The page of a version shows what S3 keeps with it.
func TestVersionFacts(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	ann.versioned("box", "key", "body")
	ctx := t.Context()
	b, err := s.buckets.Bucket(ctx, "box")
	must(t, err)
	u, err := s.accounts.UserByName(ctx, "bob")
	must(t, err)
	_, err = s.buckets.Put(ctx, b, "his", u.ID, buckets.Upload{Body: strings.NewReader("x")}, buckets.Attributes{
		Class: "GLACIER", Tags: []buckets.Tag{{Key: "<i>a", Value: "1"}, {Key: "alone"}}}, buckets.Conditions{})
	must(t, err)
	ann.get(object("box", "object", "his")).want(200).has("by bob", "GLACIER", "&lt;i&gt;a = 1", ">alone<").hasNot("<i>a")
	ann.get(object("box", "object", "key")).want(200).hasNot("Tags", "Storage class", "Retention", "Legal hold", " by ann")
	bob.get(object("box", "object", "his")).want(404)
}

func TestBucketSettings(t *testing.T) {
	s := newSite(t)
	s.public = map[string]error{"open": nil, "broken": errors.New("secret")}
	ann := s.as("ann", accounts.LevelUser)
	ctx := t.Context()
	for _, name := range []string{"plain", "open", "broken", "kept"} {
		ann.submit("/ui/buckets", "name", name).want(303)
	}
	ann.get("/ui/buckets/plain").want(200).has("off: what is replaced or deleted is gone", "it needs versioning", "Status=Enabled", "no rules", "whypfs bucket policy plain").
		hasNot("All versions", `class="badge`)
	must(t, s.buckets.SetVersioning(ctx, s.bucket("plain"), buckets.Enabled))
	ann.get("/ui/buckets/plain").want(200).has(">versioning</span>", "Status=Suspended", "ObjectLockEnabled=Enabled")
	must(t, s.buckets.SetVersioning(ctx, s.bucket("plain"), buckets.Suspended))
	ann.get("/ui/buckets/plain").want(200).has("versioning suspended</span>", "Status=Enabled", "it needs versioning", "All versions")

	must(t, s.buckets.SetVersioning(ctx, s.bucket("kept"), buckets.Enabled))
	must(t, s.buckets.SetObjectLock(ctx, s.bucket("kept"), buckets.ObjectLock{Default: &buckets.DefaultRetention{Mode: buckets.Governance, Days: 30}}))
	must(t, s.buckets.SetDocument(ctx, s.bucket("kept"), "cors", []byte("<CORS/>")))
	must(t, s.buckets.SetLifecycle(ctx, s.bucket("kept"), &lifecycle.Config{Rules: []lifecycle.Rule{{}, {}}}))
	ann.get("/ui/buckets/kept").want(200).has("object lock</span>", "object lock keeps it on", "GOVERNANCE mode for 30 days", "2 rules, applied once a day",
		"get-bucket-cors").hasNot("Status=", "get-bucket-tagging")

	ann.get("/ui/buckets/open").want(200).has("public over S3</span>", "put-public-access-block")
	ann.get("/ui/buckets/broken").want(200).has("access unknown</span>").hasNot("secret")
	ann.get("/ui/buckets").want(200).has("object lock</span>", "public over S3</span>", "access unknown</span>", "versioning suspended</span>")
	u, err := s.accounts.UserByName(ctx, "ann")
	must(t, err)
	global, err := s.buckets.GlobalBucket(ctx, u.ID)
	must(t, err)
	ann.get("/ui/buckets/~"+global.UUID).want(200).hasNot("Settings", "s3api")
}
