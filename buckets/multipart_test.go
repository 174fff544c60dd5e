package buckets_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

const mib = 1 << 20

// begin creates an upload and puts parts of the given bodies.
func (f *fixture) begin(b buckets.Bucket, key string, bodies ...string) (string, []buckets.CompletedPart) {
	f.t.Helper()
	attr := buckets.Attributes{Meta: map[string]string{"from": "create"}}
	u, err := f.CreateUpload(f.t.Context(), b, key, 7, 7, attr, "")
	if err != nil {
		f.t.Fatal(err)
	}
	var list []buckets.CompletedPart
	for i, body := range bodies {
		list = append(list, f.part(b, key, u.ID, i+1, body))
	}
	return u.ID, list
}

func (f *fixture) part(b buckets.Bucket, key, id string, number int, body string) buckets.CompletedPart {
	f.t.Helper()
	p, err := f.PutPart(f.t.Context(), b, key, id, number, upload(body))
	if err != nil {
		f.t.Fatalf("PutPart(%d): %v", number, err)
	}
	return buckets.CompletedPart{Number: p.Number, ETag: p.ETag}
}

func (f *fixture) complete(b buckets.Bucket, key, id string, list []buckets.CompletedPart) (buckets.Object, error) {
	return f.Complete(f.t.Context(), b, key, id, list, nil, buckets.Conditions{})
}

func TestMultipart(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	bodies := []string{fresh(6 * mib), fresh(5 * mib), fresh(mib + 17)}
	whole := strings.Join(bodies, "")
	id, list := f.begin(b, "key", bodies...)
	if _, err := f.Head(t.Context(), b, "key", ""); !errors.Is(err, buckets.ErrNoObject) {
		t.Errorf("Head before Complete = %v", err)
	}
	check := func(parts []buckets.Part, a *buckets.Attributes) error {
		if len(parts) != 3 || parts[0].Size != 6*mib {
			t.Errorf("check sees %+v", parts)
		}
		a.Checksums = map[string]string{"CRC32": "sum"}
		return nil
	}
	o, err := f.Complete(t.Context(), b, "key", id, list, check, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	var sums []byte
	for _, body := range bodies {
		sum := md5.Sum([]byte(body))
		sums = append(sums, sum[:]...)
	}
	if want := fmt.Sprintf("%x-3", md5.Sum(sums)); o.ETag != want {
		t.Errorf("etag is %s, want %s", o.ETag, want)
	}
	if !slices.Equal(o.Parts, []int64{6 * mib, 5 * mib, mib + 17}) || o.Joined || o.Meta["from"] != "create" || o.Checksums["CRC32"] != "sum" {
		t.Errorf("object is %+v", o)
	}
	single := f.put(b, "single", whole)
	if !single.CID.Equals(o.CID) {
		t.Errorf("CID is %v by parts and %v at once", o.CID, single.CID)
	}
	f.delete(b, "single")
	f.reopen()
	if f.body(b, "key") != whole {
		t.Error("the body differs")
	}
	if roots := f.roots(); len(roots) != 1 {
		t.Errorf("%d roots are held, want the object's only", len(roots))
	}
	// The answer got lost, and the client asks again.
	again, err := f.complete(b, "key", id, list)
	if err != nil || !reflect.DeepEqual(again, o) {
		t.Errorf("Complete again = %+v, %v, want %+v", again, err, o)
	}
	_, err = f.complete(b, "key", id, list[:2])
	wantErr(t, "Complete again with other parts", err, buckets.ErrNoUpload)
	wantErr(t, "Abort after Complete", f.Abort(t.Context(), b, "key", id), buckets.ErrNoUpload)
}

func TestMultipartJoined(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	bodies := []string{fresh(5*mib + 1), fresh(5*mib + 2), fresh(3)}
	id, list := f.begin(b, "key", bodies...)
	o, err := f.complete(b, "key", id, list)
	if err != nil || !o.Joined {
		t.Fatalf("Complete = %+v, %v, want a joined object", o, err)
	}
	if f.body(b, "key") != strings.Join(bodies, "") {
		t.Error("the body differs")
	}
}

// TestCompletedIsDurable: a completion that is found to have been made is
// answered only when it is durable.
func TestCompletedIsDurable(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("bucket")
	u, err := f.CreateUpload(t.Context(), b, "key", 7, 7, buckets.Attributes{}, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.PutPart(t.Context(), b, "key", u.ID, 1, upload(fresh(1000)))
	if err != nil {
		t.Fatal(err)
	}
	complete := func() error {
		_, err := f.Complete(t.Context(), b, "key", u.ID, []buckets.CompletedPart{{Number: 1, ETag: p.ETag}}, nil, buckets.Conditions{})
		return err
	}
	wantErr(t, "Complete", complete(), nil)
	f.store.fail(0, false)
	wantErr(t, "Complete again, on a store that fails", complete(), errFault)
	f.store.heal()
	wantErr(t, "Complete again", complete(), nil)
}

// TestCompleteList: what the client lists decides, and must fit.
func TestCompleteList(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	big, small := fresh(5*mib), fresh(5*mib-1)
	errCheck := errors.New("checked")
	id, list := f.begin(b, "key", big, small, big, "x")
	for _, tt := range []struct {
		name  string
		parts []buckets.CompletedPart
		check func([]buckets.Part, *buckets.Attributes) error
		cond  buckets.Conditions
		want  error
	}{
		{name: "none", want: buckets.ErrInvalidPart},
		{name: "unknown part", parts: []buckets.CompletedPart{{Number: 9, ETag: list[0].ETag}}, want: buckets.ErrInvalidPart},
		{name: "other etag", parts: []buckets.CompletedPart{{Number: 1, ETag: list[1].ETag}}, want: buckets.ErrInvalidPart},
		{name: "other checksum", parts: []buckets.CompletedPart{{Number: 1, ETag: list[0].ETag, Checksums: map[string]string{"CRC32": "AAAA"}}}, want: buckets.ErrInvalidPart},
		{name: "descending", parts: []buckets.CompletedPart{list[2], list[0]}, want: buckets.ErrPartOrder},
		{name: "twice", parts: []buckets.CompletedPart{list[0], list[0]}, want: buckets.ErrPartOrder},
		{name: "small part inside", parts: list, want: buckets.ErrPartSize},
		{name: "check refuses", parts: list[:1], check: func([]buckets.Part, *buckets.Attributes) error { return errCheck }, want: errCheck},
		{name: "condition", parts: list[:1], cond: buckets.Conditions{IfMatch: "*"}, want: buckets.ErrNoObject},
		{name: "fits", parts: []buckets.CompletedPart{list[0], list[2], list[3]}},
	} {
		_, err := f.Complete(t.Context(), b, "key", id, tt.parts, tt.check, tt.cond)
		wantErr(t, tt.name, err, tt.want)
	}
	if f.body(b, "key") != big+big+"x" {
		t.Error("the body differs")
	}
}

func TestParts(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	id, _ := f.begin(b, "key")
	for _, n := range []int{10000, 2, 1, 300} {
		f.part(b, "key", id, n, fmt.Sprint("old ", n))
	}
	f.part(b, "key", id, 2, "new")
	for _, tt := range []struct {
		after, max int
		want       []int
		more       bool
	}{
		{0, 10, []int{1, 2, 300, 10000}, false},
		{0, 2, []int{1, 2}, true},
		{2, 2, []int{300, 10000}, false},
		{10000, 2, nil, false},
		{0, 0, nil, true},
	} {
		list, more, err := f.Parts(ctx, b, "key", id, tt.after, tt.max)
		var got []int
		for _, p := range list {
			got = append(got, p.Number)
		}
		if err != nil || !slices.Equal(got, tt.want) || more != tt.more {
			t.Errorf("Parts(%d, %d) = %v, %v, %v, want %v, %v", tt.after, tt.max, got, more, err, tt.want, tt.more)
		}
	}
	if n := len(f.roots()); n != 4 {
		t.Errorf("%d roots are held, want those of 4 parts", n)
	}
	for _, n := range []int{0, -1, 10001} {
		_, err := f.PutPart(ctx, b, "key", id, n, upload("x"))
		wantErr(t, fmt.Sprint("PutPart ", n), err, buckets.ErrInvalidPart)
	}
	_, err := f.PutPart(ctx, b, "other", id, 1, upload("x"))
	wantErr(t, "PutPart for another key", err, buckets.ErrNoUpload)
	wantErr(t, "Abort for another key", f.Abort(ctx, b, "other", id), buckets.ErrNoUpload)
	wantErr(t, "Abort", f.Abort(ctx, b, "key", id), nil)
	if n := len(f.roots()); n != 0 {
		t.Errorf("%d roots are held after Abort", n)
	}
	_, err = f.PutPart(ctx, b, "key", id, 1, upload("x"))
	wantErr(t, "PutPart after Abort", err, buckets.ErrNoUpload)
	_, _, err = f.Parts(ctx, b, "key", id, 0, 1)
	wantErr(t, "Parts after Abort", err, buckets.ErrNoUpload)
	_, err = f.complete(b, "key", id, nil)
	wantErr(t, "Complete after Abort", err, buckets.ErrNoUpload)
}

func TestUploadsAgainstModel(t *testing.T) {
	f := newTest(t, buckets.Options{})
	r := rand.New(rand.NewPCG(3, 4))
	b := f.bucket("one")
	var all [][2]string // key, id
	for range 60 {
		key := randomKey(r, 4) + "k"
		id, _ := f.begin(b, key)
		all = append(all, [2]string{key, id})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, delimiter := range []string{"", "/", "a"} {
		for _, prefix := range []string{"", "a", "b/", "/"} {
			var want, prefixes []string
			for _, u := range all {
				if !strings.HasPrefix(u[0], prefix) {
					continue
				}
				if i := strings.Index(u[0][len(prefix):], delimiter); delimiter != "" && i >= 0 {
					if common := u[0][:len(prefix)+i+len(delimiter)]; !slices.Contains(prefixes, common) {
						prefixes = append(prefixes, common)
					}
					continue
				}
				want = append(want, u[0]+" "+u[1])
			}
			for max := 1; max < 5; max++ {
				q := buckets.UploadQuery{Prefix: prefix, Delimiter: delimiter, Max: max}
				got, gotPrefixes := f.allUploads(b, q)
				if !slices.Equal(got, want) || !slices.Equal(gotPrefixes, prefixes) {
					t.Errorf("Uploads(%+v) = %q %q, want %q %q", q, got, gotPrefixes, want, prefixes)
				}
			}
		}
	}
}

// allUploads reads all pages.
func (f *fixture) allUploads(b buckets.Bucket, q buckets.UploadQuery) (uploads, prefixes []string) {
	f.t.Helper()
	for {
		page, err := f.Uploads(f.t.Context(), b, q)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, u := range page.Uploads {
			uploads = append(uploads, u.Key+" "+u.ID)
		}
		prefixes = append(prefixes, page.Prefixes...)
		if len(page.Uploads)+len(page.Prefixes) > q.Max {
			f.t.Errorf("page of %+v is too long: %+v", q, page)
		}
		if !page.More {
			return uploads, prefixes
		}
		q.AfterKey, q.AfterID = page.NextKey, page.NextID
	}
}

// TestManyParts: an upload has up to 10,000 parts.
func TestManyParts(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	id, list := f.begin(b, "key", fresh(5*mib))
	if err := f.RepeatPart(t.Context(), id, 10000); err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 10000; n++ {
		list = append(list, buckets.CompletedPart{Number: n, ETag: list[0].ETag})
	}
	o, err := f.complete(b, "key", id, list)
	if err != nil || o.Size != 10000*5*mib || len(o.Parts) != 10000 {
		t.Fatalf("Complete = %v of %d bytes, %v", o.CID, o.Size, err)
	}
	if n := len(f.roots()); n != 1 {
		t.Errorf("%d roots are held, want 1", n)
	}
}
