package buckets_test

import (
	"slices"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// TestPartChecksums follows the checksums of parts through all that can become
// of their object.
func TestPartChecksums(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	bodies := []string{fresh(5 * mib), fresh(17)}
	want := []string{"sum1", "sum2"}
	u, err := f.CreateUpload(t.Context(), b, "key", 7, 7, buckets.Attributes{}, "CRC32")
	if err != nil {
		t.Fatal(err)
	}
	var list []buckets.CompletedPart
	for i, body := range bodies {
		up := upload(body)
		up.Check = func(a *buckets.Attributes) error {
			a.Checksums = map[string]string{"CRC32": want[i], "CRC64NVME": "ours"}
			return nil
		}
		p, err := f.PutPart(t.Context(), b, "key", u.ID, i+1, up)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, buckets.CompletedPart{Number: p.Number, ETag: p.ETag})
	}
	o, err := f.Complete(t.Context(), b, "key", u.ID, list, func(_ []buckets.Part, a *buckets.Attributes) error {
		a.Checksums = map[string]string{"CRC32": "whole"}
		return nil
	}, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	has := func(o buckets.Object, algorithm string, sums []string) {
		t.Helper()
		a, got, err := f.PartChecksums(t.Context(), o)
		if err != nil || a != algorithm || !slices.Equal(got, sums) {
			t.Errorf("PartChecksums(%q) = %q %v %v, want %q %v", o.Key, a, got, err, algorithm, sums)
		}
	}
	has(o, "CRC32", want)
	cp, err := f.Copy(t.Context(), o, b, "copy", 7, o.Attributes, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	has(cp, "CRC32", want)
	// A copy that was given another checksum has none of its parts.
	other := o.Attributes
	other.Checksums = map[string]string{"SHA1": "whole"}
	if cp, err = f.Copy(t.Context(), o, b, "copy", 7, other, buckets.Conditions{}); err != nil {
		t.Fatal(err)
	}
	has(cp, "", nil)
	// The same bytes at once are the same content, but have no parts.
	has(f.put(b, "key", bodies[0]+bodies[1]), "", nil)
	has(f.put(b, "plain", "x"), "", nil)
}
