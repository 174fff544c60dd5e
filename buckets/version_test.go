package buckets_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// aVersion is a version as the model of S3's semantics knows it.
type aVersion struct {
	id     string
	etag   string
	marker bool
}

// versionModel is S3's semantics of versions, told as simply as possible: each
// key has a list of versions, the newest first.
type versionModel struct {
	state buckets.Versioning
	keys  map[string][]aVersion
}

func (m *versionModel) without(key, id string) {
	m.keys[key] = slices.DeleteFunc(m.keys[key], func(v aVersion) bool { return v.id == id })
}

// add makes v the newest version of key; where no version is kept it has the id null.
func (m *versionModel) add(key string, v aVersion) {
	if m.state != buckets.Enabled {
		m.without(key, "null")
	}
	m.keys[key] = append([]aVersion{v}, m.keys[key]...)
}

func (m *versionModel) current(key string) (aVersion, bool) {
	if list := m.keys[key]; len(list) > 0 && !list[0].marker {
		return list[0], true
	}
	return aVersion{}, false
}

// lines are the model as a listing of versions.
func (m *versionModel) lines() (lines []string) {
	var keys []string
	for key := range m.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		for i, v := range m.keys[key] {
			lines = append(lines, fmt.Sprintf("%s %s etag %s marker %v latest %v", key, v.id, v.etag, v.marker, i == 0))
		}
	}
	return lines
}

func line(o buckets.Object) string {
	return fmt.Sprintf("%s %s etag %s marker %v latest %v", o.Key, o.VersionID(), o.ETag, o.Marker, o.Latest)
}

// versionTest drives the model and the real thing.
type versionTest struct {
	*fixture
	b buckets.Bucket
	m versionModel
	r *rand.Rand
}

var versionKeys = []string{"a", "a/b", "a/c", "b\x00", "b"}

func (v *versionTest) key() string { return versionKeys[v.r.IntN(len(versionKeys))] }

// body is one of few, so that the same bytes come again.
func (v *versionTest) body() string { return fmt.Sprint("body ", v.r.IntN(4)) }

// made checks the id of a new version and adds it to the model.
func (v *versionTest) made(o buckets.Object, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	id := o.VersionID()
	if (id == "null") != (v.m.state != buckets.Enabled) || !o.Latest {
		v.t.Fatalf("%+v has id %s while versioning is %q", o, id, v.m.state)
	}
	v.m.add(o.Key, aVersion{id: id, etag: o.ETag})
}

func (v *versionTest) step() string {
	ctx, key := v.t.Context(), v.key()
	switch v.r.IntN(10) {
	case 0, 1, 2:
		v.made(v.Put(ctx, v.b, key, 7, upload(v.body()), buckets.Attributes{}, buckets.Conditions{}))
		return "put " + key
	case 3:
		return "copy to " + key + v.copyTo(key)
	case 4:
		body := v.body()
		id, _ := v.begin(v.b, key, body)
		v.made(v.complete(v.b, key, id, []buckets.CompletedPart{{Number: 1, ETag: etag(body)}}))
		return "complete " + key
	case 5, 6:
		return "delete " + key + v.deleteKey(key)
	case 7, 8:
		return "delete version " + key + v.deleteVersion(key)
	}
	return v.other()
}

func (v *versionTest) copyTo(key string) string {
	from := v.key()
	list := v.m.keys[from]
	if len(list) == 0 {
		return ": no source"
	}
	src := list[v.r.IntN(len(list))]
	o, err := v.Head(v.t.Context(), v.b, from, src.id)
	if err != nil {
		v.t.Fatal(err)
	}
	o, err = v.Copy(v.t.Context(), o, v.b, key, 7, buckets.Attributes{}, buckets.Conditions{})
	if src.marker {
		wantErr(v.t, "copy of a marker", err, buckets.ErrMarker)
		return ": a marker"
	}
	v.made(o, err)
	return " from " + from + " " + src.id
}

func (v *versionTest) deleteKey(key string) string {
	d, err := v.Delete(v.t.Context(), v.b, key, buckets.DeleteOptions{})
	if err != nil {
		v.t.Fatal(err)
	}
	if v.m.state == "" {
		if d != (buckets.Deleted{}) {
			v.t.Fatalf("Delete without versions = %+v", d)
		}
		v.m.without(key, "null")
		return ""
	}
	if !d.Marker || (d.Version == "null") != (v.m.state == buckets.Suspended) {
		v.t.Fatalf("Delete while versioning is %s = %+v", v.m.state, d)
	}
	v.m.add(key, aVersion{id: d.Version, marker: true})
	return ""
}

func (v *versionTest) deleteVersion(key string) string {
	id, marker := "null", false
	if list := v.m.keys[key]; len(list) > 0 && v.r.IntN(4) > 0 {
		pick := list[v.r.IntN(len(list))]
		id, marker = pick.id, pick.marker
	} else if v.r.IntN(2) == 0 {
		id = fmt.Sprintf("%016x", v.r.Uint64()>>12)
	} else if i := slices.IndexFunc(list, func(v aVersion) bool { return v.id == id }); i >= 0 {
		marker = list[i].marker
	}
	d, err := v.Delete(v.t.Context(), v.b, key, buckets.DeleteOptions{Version: id})
	if want := (buckets.Deleted{Version: id, Marker: marker}); err != nil || d != want {
		v.t.Fatalf("Delete(%q, %s) = %+v, %v, want %+v", key, id, d, err, want)
	}
	v.m.without(key, id)
	return " " + id
}

// other is what changes no version.
func (v *versionTest) other() string {
	switch v.r.IntN(6) {
	case 0:
		v.assigned(v.b)
		return "assign"
	case 1:
		v.assigned(v.b)
		if list := v.zones(); len(list) > 0 && list[0].State == buckets.ZoneOpen {
			v.completed(v.b)
		}
		return "complete the zone"
	case 2:
		state := buckets.Enabled
		if v.m.state == buckets.Enabled {
			state = buckets.Suspended
		}
		wantErr(v.t, "SetVersioning", v.SetVersioning(v.t.Context(), v.named("one"), state), nil)
		v.m.state = state
		return string(state)
	}
	key := v.key()
	list := v.m.keys[key]
	if len(list) == 0 {
		return "nothing"
	}
	pick := list[v.r.IntN(len(list))]
	o, err := v.SetTags(v.t.Context(), v.b, key, pick.id, []buckets.Tag{{Key: "a", Value: pick.id}})
	if pick.marker {
		wantErr(v.t, "SetTags of a marker", err, buckets.ErrMarker)
	} else if err != nil || o.VersionID() != pick.id {
		v.t.Fatalf("SetTags(%q, %s) = %+v, %v", key, pick.id, o, err)
	}
	return "tag " + key
}

// compare says how the real thing differs from the model.
func (v *versionTest) compare(after string) {
	v.t.Helper()
	ctx := v.t.Context()
	page, err := v.Versions(ctx, v.b, buckets.VersionQuery{Max: 1000})
	wantErr(v.t, "Versions", err, nil)
	var got []string
	for _, o := range page.Versions {
		got = append(got, line(o))
	}
	if want := v.m.lines(); !slices.Equal(got, want) {
		v.t.Fatalf("after %s: versions are\n%s\nwant\n%s", after, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	objects, err := v.List(ctx, v.b, buckets.Query{Max: 1000})
	wantErr(v.t, "List", err, nil)
	listed := map[string]string{}
	for _, o := range objects.Objects {
		listed[o.Key] = o.VersionID()
	}
	for _, key := range versionKeys {
		want, found := v.m.current(key)
		o, err := v.Head(ctx, v.b, key, "")
		if found != (err == nil) || !found && !errors.Is(err, buckets.ErrNoObject) {
			v.t.Fatalf("after %s: Head(%q) = %+v, %v, want %+v", after, key, o, err, want)
		}
		if marker := len(v.m.keys[key]) > 0 && v.m.keys[key][0].marker; o.Marker != marker || marker && (!o.Latest || o.VersionID() != v.m.keys[key][0].id) {
			v.t.Fatalf("after %s: Head(%q) = %+v, a marker: %v", after, key, o, marker)
		}
		if found && (o.VersionID() != want.id || o.ETag != want.etag) || listed[key] != want.id {
			v.t.Fatalf("after %s: Head(%q) = %+v, listed %q, want %+v", after, key, o, listed[key], want)
		}
		for i, want := range v.m.keys[key] {
			o, err := v.Head(ctx, v.b, key, want.id)
			if err != nil || o.VersionID() != want.id || o.ETag != want.etag || o.Marker != want.marker || o.Latest != (i == 0) {
				v.t.Fatalf("after %s: Head(%q, %s) = %+v, %v, want %+v", after, key, want.id, o, err, want)
			}
		}
	}
}

// TestVersionModel compares random sequences with the model, after each step.
func TestVersionModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newTest(t, buckets.Options{Dealer: &dealer{}})
			v := &versionTest{fixture: f, b: f.bucket("one"), r: rand.New(rand.NewPCG(seed, 1)), m: versionModel{keys: map[string][]aVersion{}}}
			for i := range 150 {
				v.compare(fmt.Sprintf("step %d, %s", i, v.step()))
				if i%10 == 0 {
					wantErr(t, "Check", f.Check(t.Context()), nil)
				}
			}
			v.empty()
		})
	}
}

// empty removes every version, after which the bucket can go.
func (v *versionTest) empty() {
	ctx := v.t.Context()
	for {
		page, err := v.Versions(ctx, v.b, buckets.VersionQuery{Max: 3})
		wantErr(v.t, "Versions", err, nil)
		if len(page.Versions) == 0 {
			break
		}
		wantErr(v.t, "DeleteBucket", v.DeleteBucket(ctx, v.named("one")), buckets.ErrNotEmpty)
		for _, o := range page.Versions {
			wantErr(v.t, "Delete", v.deleteErr(v.b, o.Key, buckets.DeleteOptions{Version: o.VersionID()}), nil)
		}
	}
	wantErr(v.t, "DeleteBucket", v.DeleteBucket(ctx, v.named("one")), nil)
}

// deleteErr is a delete of which only the error matters.
func (f *fixture) deleteErr(b buckets.Bucket, key string, opt buckets.DeleteOptions) error {
	_, err := f.Delete(f.t.Context(), b, key, opt)
	return err
}
